/* novelty.h - what a melody has in common with a set of melodies: the longest match at
 * each of its places, by a suffix array. A melody is the highest notes of successive
 * onsets as steps: interval and distance in sixteenths (at most 16), so that neither
 * transposition nor tempo hides a copy. Memory: 10 bytes a step and 14 more while the
 * array is made, 24 MB a million notes in all. */
#ifndef BL_NOVELTY_H
#define BL_NOVELTY_H

#include "base/mem.h"

typedef struct bl_novelty bl_novelty;

enum { BL_COPY_LENGTHS = 6 };
extern const int bl_copy_length[BL_COPY_LENGTHS]; /* steps: 4 8 12 16 24 32 */

typedef struct {
    size_t n;                     /* steps of the melody */
    double copy[BL_COPY_LENGTHS]; /* share of its n-grams that the set has; NaN: none */
    size_t longest;               /* steps of the longest match */
    uint32_t bar;                 /* in which it begins, from 0 */
    const char *piece;            /* of the set that has it, NULL if longest is 0 */
    uint32_t bar_there;
} bl_novelty_match;

/* 0 or BL_E_NOMEM. Release with bl_novelty_del. */
int bl_novelty_new(bl_novelty **v, bl_err *e) BL_MUST_CHECK;
/* step[n] and bar[n] of the note each step begins with: whole numbers. BL_E_LIMIT
 * beyond 2^31 steps. */
int bl_novelty_add(bl_novelty *v, const char *name, const double *step,
                   const double *bar, size_t n, bl_err *e) BL_MUST_CHECK;
/* After the last piece. */
int bl_novelty_index(bl_novelty *v, bl_err *e) BL_MUST_CHECK;
int bl_novelty_match_of(const bl_novelty *v, const double *step, const double *bar,
                        size_t n, bl_novelty_match *m, bl_err *e) BL_MUST_CHECK;
void bl_novelty_del(bl_novelty *v);

#endif
