/* names.c - see names.h. */
#include "io/names.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 24 }; /* bytes for "-2", and for ".2" */

static int is_number(const char *text, size_t len)
{
    return len > 0 && len < NUMBER && strspn(text, "0123456789") >= len;
}

/* How long a name is without the extension. A number is none: NAME.2 is another piece
 * like NAME. */
static size_t without_extension(const char *name, size_t len)
{
    size_t dot = len;
    while (dot > 0 && name[dot - 1] != '.')
        dot--;
    return dot < 2 || is_number(name + dot, len - dot) ? len : dot - 1;
}

/* The ".2" of NAME.2, or what is empty. */
static const char *number_of(const char *base)
{
    const char *dot = strrchr(base, '.');
    return dot != NULL && dot != base && is_number(dot + 1, strlen(dot + 1))
               ? dot
               : base + strlen(base);
}

/* The stem of a piece's file name, at most max bytes, from the first `len` of its last
 * part. */
static void stem_of(const char *base, size_t len, char *stem, size_t max)
{
    size_t n = 0;
    if (len == 0 || base[0] == '.' || base[0] == '-')
        stem[n++] = '_';
    size_t i = 0;
    for (; i < len && n < max; i++) {
        unsigned char c = (unsigned char)base[i];
        stem[n++] = c < 0x20 || c == 0x7f ? '_' : (char)c;
    }
    /* a cut inside a UTF-8 character takes the rest of it away */
    while (i > 0 && i < len && ((unsigned char)base[i] & 0xc0) == 0x80) {
        i--;
        n--;
    }
    stem[n] = '\0';
}

/* Names are told apart by 64-bit hashes: two that agree by chance only cost a needless
 * number. */
int bl_names_give(bl_names *names, const char *piece, const char *suffix,
                  char name[BL_FILE_NAME_MAX + 1], bl_err *e)
{
    char stem[BL_FILE_NAME_MAX + 1];
    const char *slash = strrchr(piece, '/');
    const char *base = slash == NULL ? piece : slash + 1;
    const char *number = number_of(base);
    size_t len = without_extension(base, (size_t)(number - base));
    stem_of(base, len, stem,
            BL_FILE_NAME_MAX - NUMBER - strlen(number) - strlen(suffix));
    strcat(stem, number); /* there is room */
    snprintf(name, BL_FILE_NAME_MAX + 1, "%s%s", stem, suffix);
    uint64_t key = bl_xxh3(name, strlen(name));
    for (unsigned long k = 2; bl_index_find(&names->given, key) >= 0; k++) {
        snprintf(name, BL_FILE_NAME_MAX + 1, "%.*s-%lu%s", BL_FILE_NAME_MAX - NUMBER,
                 stem, k, suffix);
        key = bl_xxh3(name, strlen(name));
    }
    return bl_index_add(&names->given, key, 0, e);
}

void bl_names_free(bl_names *names)
{
    bl_index_free(&names->given);
}
