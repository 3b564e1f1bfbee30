/* alike.h - pieces of the same music in a folder of shards: they share a split, or only
 * one of them stays. */
#ifndef BL_ALIKE_H
#define BL_ALIKE_H

#include "io/shards.h"
#include "token/fingerprint.h"
#include "token/scheme.h"

/* The fingerprints of a writer's pieces in the order of _add. Zero-initialise; release
 * with bl_alike_free. */
typedef struct {
    bl_fingerprint **prints; /* [n] owned */
    size_t n, cap;
    bl_song song; /* scratch */
} bl_alike;

/* Keeps what tells the music of the next piece from others; ids are the scheme's. */
int bl_alike_add(bl_alike *a, const bl_scheme *scheme, const bl_ids *ids,
                 bl_err *e) BL_MUST_CHECK;
/* Puts pieces of one music into one split, or with `drop` keeps one of them. No order
 * of input shows. *n_near: pieces that are like an earlier one; table (may be NULL)
 * gets them: piece, like, likeness. `others` (may be NULL): the fingerprints of what
 * goes with each; pieces whose others are alike share a split too. The fingerprints are
 * used up. */
int bl_alike_settle(bl_alike *a, const bl_alike *others, bl_shardw *writer, int drop,
                    uint64_t *n_near, bl_buf *table, bl_err *e) BL_MUST_CHECK;
void bl_alike_free(bl_alike *a);

#endif
