/* timed.c - see timed.h. */
#include "base/timed.h"

#include <inttypes.h>
#include <stdio.h>

size_t bl_timed_print(const bl_timed *t, char line[BL_TIMED_LINE])
{
    int n = snprintf(line, BL_TIMED_LINE, "%" PRId64 ",", t->ns);
    for (int i = 0; i < t->n && i < 3; i++)
        n += snprintf(line + n, BL_TIMED_LINE - (size_t)n, "%s%02X", i > 0 ? " " : "",
                      t->byte[i]);
    line[n++] = '\n';
    return (size_t)n;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

int bl_timed_scan(const char *line, int64_t *ns, uint8_t *byte, int most)
{
    const char *p = line;
    int n = 0;
    for (*ns = 0; *p >= '0' && *p <= '9' && p - line < 18; p++)
        *ns = *ns * 10 + (*p - '0');
    if (p == line || *p++ != ',')
        return -1;
    for (; *p != '\0'; p += 2 + (p[2] == ' ' && p[3] != '\0')) {
        int high = hex(p[0]), low = high < 0 ? -1 : hex(p[1]);
        if (low < 0 || n == most || (p[2] != ' ' && p[2] != '\0'))
            return -1;
        byte[n++] = (uint8_t)(high * 16 + low);
        if (p[2] == ' ' && p[3] == '\0')
            return -1;
    }
    return n;
}
