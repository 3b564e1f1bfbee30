/* err.c - see err.h. */
#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static BL_PRINTF(5, 0) int record(bl_err *e, int code, int64_t offset, int64_t line,
                                  const char *fmt, va_list args)
{
    if (e == NULL || e->code != 0)
        return code;
    e->code = code;
    e->offset = offset;
    e->line = line;
    vsnprintf(e->text, sizeof e->text, fmt, args);
    return code;
}

int bl_fail(bl_err *e, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(e, code, -1, 0, fmt, args);
    va_end(args);
    return code;
}

int bl_fail_at(bl_err *e, int code, int64_t offset, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(e, code, offset, 0, fmt, args);
    va_end(args);
    return code;
}

int bl_fail_line(bl_err *e, int code, int64_t line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(e, code, -1, line, fmt, args);
    va_end(args);
    return code;
}

int bl_fail_errno(bl_err *e, int code, const char *fmt, ...)
{
    int sys = errno;
    code = sys == ENOMEM ? BL_E_NOMEM : code;
    if (e == NULL || e->code != 0)
        return code;
    va_list args;
    va_start(args, fmt);
    record(e, code, -1, 0, fmt, args);
    va_end(args);
    size_t used = strlen(e->text);
    snprintf(e->text + used, sizeof e->text - used, ": %s", strerror(sys));
    return code;
}

void bl_err_in(bl_err *e, const char *where)
{
    if (e != NULL && e->code != 0 && e->where[0] == '\0')
        snprintf(e->where, sizeof e->where, "%s", where);
}

int bl_fail_in(bl_err *e, int code, const char *where)
{
    bl_err_in(e, where);
    return code;
}

const char *bl_err_text(const bl_err *e, char *buf, size_t size)
{
    int used = 0;
    buf[0] = '\0';
    if (e->where[0] != '\0')
        used = snprintf(buf, size, "'%s': ", e->where);
    if (used >= 0 && (size_t)used < size && e->offset >= 0)
        used +=
            snprintf(buf + used, size - (size_t)used, "byte %" PRId64 ": ", e->offset);
    if (used >= 0 && (size_t)used < size && e->line > 0)
        used +=
            snprintf(buf + used, size - (size_t)used, "line %" PRId64 ": ", e->line);
    if (used >= 0 && (size_t)used < size)
        snprintf(buf + used, size - (size_t)used, "%s", e->text);
    for (char *p = buf; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return buf;
}
