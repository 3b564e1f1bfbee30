/* pattern.c - see pattern.h. */
#include "io/pattern.h"

#include <string.h>

int bl_pattern_is_good(const char *pattern)
{
    for (const char *p = pattern; *p != '\0'; p++)
        if (*p == '%' && (*++p == '\0' || strchr("dn%", *p) == NULL))
            return 0;
    return 1;
}

const char *bl_pattern_path(bl_buf *out, const char *pattern, const char *path,
                            bl_err *e)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
    size_t n = dot != NULL ? (size_t)(dot - name) : strlen(name);
    int rc = 0;
    out->len = 0;
    for (const char *p = pattern; *p != '\0' && rc == 0; p++) {
        if (p[0] == '%' && p[1] == 'd')
            rc = bl_buf_addf(out, e, "%.*s", slash != NULL ? (int)(slash - path) : 1,
                             slash != NULL ? path : ".");
        else if (p[0] == '%' && p[1] == 'n')
            rc = bl_buf_add(out, name, n, e);
        else
            rc = bl_buf_addc(out, *p, e);
        p += p[0] == '%' && p[1] != '\0';
    }
    return rc == 0 ? bl_buf_str(out, e) : NULL;
}
