/* copies.h - changed copies of the training pieces of a folder of shards: other keys,
 * other tempos. */
#ifndef BL_COPIES_H
#define BL_COPIES_H

#include "flow/coder.h"
#include "base/progress.h"
#include "io/shards.h"

/* All pairs of a shift and a tempo but (0, 1). */
typedef struct {
    int low, high;           /* semitones; 0, 0: none */
    double slowest, fastest; /* factors of the tempo */
    int n_tempos;            /* from slowest to fastest, evenly; 1: their own */
} bl_copies;

/* Reads "transpose=-5..6,tempo=.9..1.1/5", what --augment takes. BL_E_ARG. */
int bl_copies_parse(bl_copies *c, const char *text, bl_err *e) BL_MUST_CHECK;

/* The writer's splits are settled. A copy that leaves the pitches or the vocabulary,
 * and one at a tempo that the scheme does not give back, is left out. Adds to
 * n->copies. */
int bl_copies_add(const bl_copies *copies, const bl_coder *coder, bl_shardw *writer,
                  const bl_progress *progress, bl_counts *n, bl_err *e) BL_MUST_CHECK;

#endif
