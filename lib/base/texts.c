/* texts.c - see texts.h. */
#include "base/texts.h"

#include <stdlib.h>

enum { CHUNK = (1 << 16) - 64 };

struct bl_texts_chunk {
    bl_texts_chunk *next;
    size_t n, cap;
    char bytes[];
};

char *bl_texts_room(bl_texts *t, size_t n, bl_err *e)
{
    bl_texts_chunk *c = t->chunks;
    if (c == NULL || c->cap - c->n < n) {
        size_t cap = n > CHUNK ? n : CHUNK;
        c = bl_calloc(1, sizeof *c + cap, e);
        if (c == NULL)
            return NULL;
        c->next = t->chunks;
        c->cap = cap;
        t->chunks = c;
    }
    c->n += n;
    return c->bytes + c->n - n;
}

void bl_texts_free(bl_texts *t)
{
    while (t->chunks != NULL) {
        bl_texts_chunk *c = t->chunks;
        t->chunks = c->next;
        free(c);
    }
}
