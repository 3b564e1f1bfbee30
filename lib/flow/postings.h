/* postings.h - which piece has which hash: added in any order, read in that of the
 * hashes, more of them than memory holds. */
#ifndef BL_POSTINGS_H
#define BL_POSTINGS_H

#include "io/spill.h"

typedef struct {
    uint64_t hash;
    uint32_t piece;
} bl_posting;

typedef struct bl_postings bl_postings;

/* `path` as bl_spill_new. Release with bl_postings_del. */
int bl_postings_new(bl_postings **p, const char *path, bl_err *e) BL_MUST_CHECK;
int bl_postings_add(bl_postings *p, uint64_t hash, uint32_t piece,
                    bl_err *e) BL_MUST_CHECK;
/* After the last; then they are read by hash and piece: 1, or 0 after the last. */
int bl_postings_sort(bl_postings *p, bl_err *e) BL_MUST_CHECK;
int bl_postings_next(bl_postings *p, bl_posting *next, bl_err *e) BL_MUST_CHECK;
void bl_postings_del(bl_postings *p);

#endif
