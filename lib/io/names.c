/* names.c - see names.h. */
#include "io/names.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t slot_of(const bl_names *names, uint64_t hash)
{
    size_t mask = names->n_slots - 1, i = (size_t)hash & mask;
    while (names->slot[i] != 0 && names->slot[i] != hash)
        i = (i + 1) & mask;
    return i;
}

static int grow(bl_names *names, bl_err *e)
{
    if (names->n_slots >= 2 * (names->n + 1))
        return 0;
    bl_names more = {.n = names->n};
    more.n_slots = names->n_slots == 0 ? 64 : 2 * names->n_slots;
    more.slot = bl_calloc(more.n_slots, sizeof *more.slot, e);
    if (more.slot == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < names->n_slots; i++)
        if (names->slot[i] != 0)
            more.slot[slot_of(&more, names->slot[i])] = names->slot[i];
    free(names->slot);
    *names = more;
    return 0;
}

/* 1 if the name is new; it is taken then. Names are told apart by 64-bit hashes: two
 * that agree by chance only cost a needless number. */
static int take(bl_names *names, const char *name)
{
    uint64_t hash = bl_xxh3(name, strlen(name));
    hash += hash == 0;
    size_t i = slot_of(names, hash);
    if (names->slot[i] != 0)
        return 0;
    names->slot[i] = hash;
    names->n++;
    return 1;
}

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

int bl_names_give(bl_names *names, const char *piece, const char *suffix,
                  char name[BL_FILE_NAME_MAX + 1], bl_err *e)
{
    enum { NUMBER = 24 };
    char stem[BL_FILE_NAME_MAX + 1];
    int rc = grow(names, e);
    if (rc != 0)
        return rc;
    stem_of(piece, stem, BL_FILE_NAME_MAX - NUMBER - strlen(suffix));
    snprintf(name, BL_FILE_NAME_MAX + 1, "%s%s", stem, suffix);
    for (unsigned long k = 2; !take(names, name); k++)
        snprintf(name, BL_FILE_NAME_MAX + 1, "%.*s-%lu%s", BL_FILE_NAME_MAX - NUMBER,
                 stem, k, suffix);
    return 0;
}

void bl_names_free(bl_names *names)
{
    free(names->slot);
    *names = (bl_names){0};
}
