/* index.h - which of numbered items has a key: a hash table by open addressing. */
#ifndef BL_INDEX_H
#define BL_INDEX_H

#include "base/err.h"

typedef struct {
    uint64_t key;
    uint32_t item; /* 1 + its number, 0: free */
} bl_index_slot;

/* Zero-initialise; release with bl_index_free. */
typedef struct {
    bl_index_slot *slot;
    size_t n, n_slots; /* a power of two, at least 4/3 n */
} bl_index;

/* Adds an item, below UINT32_MAX, beside those that have the key already. 0 or
 * BL_E_NOMEM. */
int bl_index_add(bl_index *x, uint64_t key, size_t item, bl_err *e) BL_MUST_CHECK;
void bl_index_free(bl_index *x);

/* Where the search for a key begins. */
static inline size_t bl_index_start(const bl_index *x, uint64_t key)
{
    return (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & (x->n_slots - 1);
}

/* The next item of the key from *at on, or -1: for keys that different items share. */
static inline int64_t bl_index_next(const bl_index *x, uint64_t key, size_t *at)
{
    for (size_t i = *at; x->n > 0 && x->slot[i].item != 0;) {
        const bl_index_slot *s = &x->slot[i];
        i = (i + 1) & (x->n_slots - 1);
        if (s->key == key) {
            *at = i;
            return (int64_t)s->item - 1;
        }
    }
    return -1;
}

/* The item of a key, or -1. */
static inline int64_t bl_index_find(const bl_index *x, uint64_t key)
{
    size_t at = bl_index_start(x, key);
    return bl_index_next(x, key, &at);
}

#endif
