/* rng.h - counter-based random numbers: no state to save, the same bits for any
 * number of threads.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011): a keyed bijection of 128-bit counters. */
#ifndef BL_RNG_H
#define BL_RNG_H

#include "base/base.h"

/* out = philox4x32-10(key, counter): four independent uniform 32-bit words. */
void bl_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* A sequence of numbers; copy it to fork, store `seed`, `stream`, `used` to
 * resume. Numbers of different (seed, stream) are independent. */
typedef struct {
    uint64_t seed;
    uint64_t stream;
    uint64_t used; /* numbers drawn so far */
} bl_rng;

bl_rng bl_rng_make(uint64_t seed, uint64_t stream);
uint32_t bl_rng_u32(bl_rng *r);
double bl_rng_unit(bl_rng *r);                /* uniform in [0, 1), 32 bits */
double bl_rng_normal(bl_rng *r);              /* mean 0, deviation 1 (Box-Muller) */
uint32_t bl_rng_below(bl_rng *r, uint32_t n); /* uniform in [0, n), n > 0, unbiased */

#endif
