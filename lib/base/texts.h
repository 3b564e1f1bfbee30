/* texts.h - many short texts that stay where they are until all go together. */
#ifndef BL_TEXTS_H
#define BL_TEXTS_H

#include "base/mem.h"

typedef struct bl_texts_chunk bl_texts_chunk;

/* Zero-initialise; release with bl_texts_free. */
typedef struct {
    bl_texts_chunk *chunks; /* the one being filled first */
} bl_texts;

/* Room for n bytes, zeroed, or NULL and BL_E_NOMEM. */
char *bl_texts_room(bl_texts *t, size_t n, bl_err *e) BL_MUST_CHECK;
void bl_texts_free(bl_texts *t);

#endif
