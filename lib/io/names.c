/* names.c - see names.h. */
#include "io/names.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The stem of a piece's file name, at most max bytes. */
static void stem_of(const char *piece, char *stem, size_t max)
{
    const char *slash = strrchr(piece, '/');
    const char *base = slash == NULL ? piece : slash + 1;
    const char *dot = strrchr(base, '.');
    size_t len = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
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
    enum { NUMBER = 24 };
    char stem[BL_FILE_NAME_MAX + 1];
    stem_of(piece, stem, BL_FILE_NAME_MAX - NUMBER - strlen(suffix));
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
