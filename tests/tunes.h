/* tunes.h - a small corpus for tests of training: short tunes made of motifs that come
 * again on other steps, so that there is something to learn. */
#ifndef TUNES_H
#define TUNES_H

#include "base/rng.h"
#include "train/batch.h"

enum { TUNES = 12, TUNES_VOCAB = 40, TUNES_MOTIF = 8, TUNES_TOKENS = TUNES * 160 };

typedef struct {
    uint16_t tokens[TUNES_TOKENS];
    int64_t offsets[TUNES + 1];
} tunes;

/* Tune i: a beginning (1), 5 + i motifs, an end (2). */
__attribute__((unused)) static bl_pieces tunes_make(tunes *c)
{
    int64_t n = 0;
    for (int i = 0; i < TUNES; i++) {
        bl_rng rng = bl_rng_make(11, (uint64_t)i);
        uint32_t motif[TUNES_MOTIF];
        for (int k = 0; k < TUNES_MOTIF; k++)
            motif[k] = bl_rng_below(&rng, 12);
        c->offsets[i] = n;
        c->tokens[n++] = 1;
        for (int repeat = 0; repeat < 5 + i; repeat++) {
            uint32_t step = 4 + bl_rng_below(&rng, TUNES_VOCAB - 4 - 12);
            for (int k = 0; k < TUNES_MOTIF; k++)
                c->tokens[n++] = (uint16_t)(step + motif[k]);
        }
        c->tokens[n++] = 2;
    }
    c->offsets[TUNES] = n;
    return (bl_pieces){.tokens = c->tokens, .offsets = c->offsets, .n_pieces = TUNES};
}

#endif
