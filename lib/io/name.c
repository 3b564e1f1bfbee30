/* name.c - see name.h. */
#include "io/name.h"

#include <stdlib.h>
#include <string.h>

int bl_name_encode(const char *name, bl_buf *out, bl_err *e)
{
    int rc = 0;
    for (const char *p = name; *p != '\0' && rc == 0; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c > 0x7E || c == '%')
            rc = bl_buf_addf(out, e, "%%%02X", c);
        else
            rc = bl_buf_addc(out, c, e);
    }
    return rc;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

char *bl_name_decode(const char *text, bl_err *e)
{
    char *name = bl_calloc(strlen(text) + 1, 1, e);
    size_t n = 0;
    if (name == NULL)
        return NULL;
    for (const char *p = text; *p != '\0'; p++) {
        int byte = (unsigned char)*p;
        if (byte == '%') {
            int high = hex_digit(p[1]);
            int low = high < 0 ? -1 : hex_digit(p[2]);
            byte = low < 0 ? 0 : 16 * high + low;
            p += low < 0 ? 0 : 2;
        } else if (byte < 0x20 || byte > 0x7E) {
            byte = 0;
        }
        if (byte == 0 || n >= BL_NAME_MAX) {
            free(name);
            bl_fail(e, BL_E_FORMAT, "'name' is too long or not percent-encoded");
            return NULL;
        }
        name[n++] = (char)byte;
    }
    return name;
}
