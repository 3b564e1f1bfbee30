/* rejects.c - see rejects.h. */
#include "cli/rejects.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int bl_rejects_limit(bl_rejects *r, const char *text, bl_err *e)
{
    char *end;
    double x = strtod(text, &end);
    int is_percent = strcmp(end, "%") == 0;
    if (end == text || (*end != '\0' && !is_percent) || !(x >= 0 && x < 1e18) ||
        (is_percent && x > 100))
        return bl_fail(e, BL_E_ARG,
                       "--max-reject wants a number or a share like 2%%, "
                       "not '%s'",
                       text);
    r->most = x;
    r->is_percent = is_percent;
    return 0;
}

/* Names may hold tabs and line feeds: control characters and '%' become %XX. */
static int add_field(bl_buf *b, const char *text, const char *after, bl_err *e)
{
    int rc = 0;
    for (; rc == 0 && *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 0x7f || c == '%')
            rc = bl_buf_addf(b, e, "%%%02X", c);
        else
            rc = bl_buf_addc(b, c, e);
    }
    return rc == 0 ? bl_buf_adds(b, after, e) : rc;
}

static int add_row(bl_buf *b, const char *file, const char *code, const bl_err *why,
                   bl_err *e)
{
    int rc = add_field(b, file, "\t", e);
    if (rc == 0)
        rc = add_field(b, code, "\t", e);
    if (rc == 0 && why->offset >= 0)
        rc = bl_buf_addf(b, e, "%" PRId64, why->offset);
    if (rc == 0)
        rc = bl_buf_addc(b, '\t', e);
    return rc == 0 ? add_field(b, why->text, "\n", e) : rc;
}

int bl_rejects_begin(bl_rejects *r, bl_err *e)
{
    r->wants_table = 1;
    return bl_buf_adds(&r->table, "file\tcode\toffset\treason\n", e);
}

int bl_rejects_add(bl_rejects *r, bl_log *log, const char *file, const char *code,
                   const bl_err *why, bl_err *e)
{
    char text[1024];
    bl_err named = *why;
    bl_err_in(&named, file);
    bl_log_say(log, "%s [%s]", bl_err_text(&named, text, sizeof text), code);
    r->n++;
    return r->wants_table ? add_row(&r->table, file, code, why, e) : 0;
}

int bl_rejects_exceed(const bl_rejects *r, uint64_t n_files)
{
    double most = r->is_percent ? r->most / 100 * (double)n_files : r->most;
    return (double)r->n > most;
}

void bl_rejects_free(bl_rejects *r)
{
    bl_buf_free(&r->table);
}
