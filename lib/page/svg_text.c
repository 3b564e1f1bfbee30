/* svg_text.c - what a picture or page is written of: raw text, escaped text, bytes. */
#include "page/svg.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE = 512 };

void bl_svg_raw(bl_svg *s, const char *text)
{
    if (s->rc == 0)
        s->rc = bl_buf_adds(s->out, text, s->e);
}

void bl_svg_printf(bl_svg *s, const char *fmt, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    bl_svg_raw(s, line);
}

/* Bytes of the character at p: 1 to 4; 0 if XML holds no such character or it is not
 * UTF-8. */
static int character_bytes(const char *p)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)*p;
    if (first < 0x80)
        return first >= ' ' || first == '\t' || first == '\n';
    int n = first >= 0xf8   ? 0
            : first >= 0xf0 ? 4
            : first >= 0xe0 ? 3
            : first >= 0xc0 ? 2
                            : 0;
    uint32_t code = first & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)p[i] & 0x3f);
    }
    int is_good = code >= least[n] && code <= 0x10ffff &&
                  (code < 0xd800 || code > 0xdfff) && (code & 0xfffe) != 0xfffe;
    return is_good ? n : 0;
}

void bl_svg_escape(bl_svg *s, const char *text)
{
    while (*text != '\0') {
        int n = character_bytes(text);
        const char *entity = n == 0         ? "\xef\xbf\xbd" /* U+FFFD */
                             : *text == '&' ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity != NULL)
            bl_svg_raw(s, entity);
        else if (s->rc == 0)
            s->rc = bl_buf_add(s->out, text, (size_t)n, s->e);
        text += n > 0 ? n : 1;
    }
}

void bl_svg_base64(bl_svg *s, const bl_buf *b)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < b->len; i += 3) {
        uint32_t x = (uint32_t)b->data[i] << 16;
        size_t n = bl_min(b->len - i, 3);
        x |= n > 1 ? (uint32_t)b->data[i + 1] << 8 : 0;
        x |= n > 2 ? b->data[i + 2] : 0;
        char four[5] = {digits[x >> 18], digits[x >> 12 & 63],
                        n > 1 ? digits[x >> 6 & 63] : '=', n > 2 ? digits[x & 63] : '=',
                        '\0'};
        bl_svg_raw(s, four);
    }
}
