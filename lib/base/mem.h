/* mem.h - checked allocation, growable byte and array buffers. */
#ifndef BL_MEM_H
#define BL_MEM_H

#include "base/err.h"

#include <string.h>

/* n * size zeroed bytes, or NULL and an error of BL_E_NOMEM (also where the
 * product does not fit). The caller frees. n * size == 0 gives one byte. */
void *bl_calloc(size_t n, size_t size, bl_err *e) BL_MUST_CHECK;

/* Makes room for at least `need` elements of `size` bytes in *array, growing
 * by half. *array and *cap are updated; the old content is kept.
 * Returns 0 or BL_E_NOMEM (then nothing changed). */
int bl_grow_now(void **array, size_t *cap, size_t need, size_t size,
                bl_err *e) BL_MUST_CHECK; /* need > *cap */
BL_MUST_CHECK static inline int bl_grow(void **array, size_t *cap, size_t need,
                                        size_t size, bl_err *e)
{
    return need <= *cap ? 0 : bl_grow_now(array, cap, need, size, e);
}

/* The same for a list of any type: `list` is the address of its pointer. */
BL_MUST_CHECK static inline int bl_room(void *list, size_t *cap, size_t need,
                                        size_t size, bl_err *e)
{
    if (need <= *cap)
        return 0;
    void *p;
    memcpy(&p, list, sizeof p);
    int rc = bl_grow_now(&p, cap, need, size, e);
    memcpy(list, &p, sizeof p);
    return rc;
}

/* A copy of a string, or NULL and BL_E_NOMEM. The caller frees. */
char *bl_strdup(const char *s, bl_err *e) BL_MUST_CHECK;

/* A growable byte buffer. Zero-initialise; release with bl_buf_free. */
typedef struct {
    uint8_t *data;
    size_t len, cap;
} bl_buf;

int bl_buf_reserve_now(bl_buf *b, size_t cap, bl_err *e) BL_MUST_CHECK;
BL_MUST_CHECK static inline int bl_buf_reserve(bl_buf *b, size_t cap, bl_err *e)
{
    return cap <= b->cap ? 0 : bl_buf_reserve_now(b, cap, e);
}
int bl_buf_add(bl_buf *b, const void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;
int bl_buf_addc(bl_buf *b, int byte, bl_err *e) BL_MUST_CHECK;
int bl_buf_adds(bl_buf *b, const char *s, bl_err *e) BL_MUST_CHECK;
int bl_buf_addf(bl_buf *b, bl_err *e, const char *fmt, ...)
    BL_PRINTF(3, 4) BL_MUST_CHECK;
/* Ends the buffer with a NUL that is not counted; returns the text or NULL. */
const char *bl_buf_str(bl_buf *b, bl_err *e) BL_MUST_CHECK;
void bl_buf_free(bl_buf *b);

/* A growable array of token ids. Zero-initialise; release with bl_ids_free. */
typedef struct {
    uint16_t *id;
    size_t n, cap;
} bl_ids;

int bl_ids_add_n(bl_ids *v, const uint16_t *id, size_t n, bl_err *e) BL_MUST_CHECK;
BL_MUST_CHECK static inline int bl_ids_add(bl_ids *v, unsigned id, bl_err *e)
{
    uint16_t one = (uint16_t)id;
    if (v->n == v->cap)
        return bl_ids_add_n(v, &one, 1, e);
    v->id[v->n++] = one;
    return 0;
}
void bl_ids_free(bl_ids *v);

/* Behind the mark that some programs write before text (UTF-8's byte order mark). */
static inline const char *bl_behind_mark(const char *text)
{
    return text + 3 * (text[0] == '\xef' && text[1] == '\xbb' && text[2] == '\xbf');
}

#endif
