/* bf16_parts.h (internal) - what products in bf16 are made of: packed strips, and
 * squares of 32 x 32 sums. For bf16*.c only.
 *
 * A tile is 16 rows of 64 bytes: 16 x 32 numbers of A as they are, or 32 x 16 of B with
 * pairs along k side by side ("VNNI"). A strip is 32 rows of A or columns of B: step
 * after step along k two tiles, and two of rests where operands are split. */
#ifndef BL_BF16_PARTS_H
#define BL_BF16_PARTS_H

#include "base/cpu.h"
#include "nn/kernel/bf16.h"

#if defined(__x86_64__) && defined(__linux__) && !defined(BL_DOUBLE) && BL_CPU >= 3
#define BL_HAS_BF16

#include <immintrin.h>
#include <string.h>

#define WITH_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define INLINE WITH_BF16 static inline __attribute__((always_inline))

enum {
    TILE = 16,  /* rows of a tile, and columns of its sums */
    DEPTH = 32, /* numbers along k in a tile */
    STRIP = 32, /* rows of A, columns of B in a packed strip: two tiles */
    TILE_BYTES = 1024,
};

INLINE __mmask16 first_of_16(int n)
{
    return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

static inline int steps_of(int k)
{
    return (k + DEPTH - 1) / DEPTH;
}

/* `parts` of an operand: 1, or 2 where it is split. */
static inline size_t strip_bytes(int k, int parts)
{
    return (size_t)steps_of(k) * 2 * TILE_BYTES * (size_t)parts;
}

/* op(A), or op(B)', from a corner on: number (i, l), l along k, is p[i * row + l *
 * along]. Beyond its rows and depth are zeros, and before `skip` along k. */
typedef struct {
    const float *p;
    ptrdiff_t row, along;
    int rows, depth, skip;
} bl_operand;

/* Packs strips of 32 rows from row `start` on, of which steps l0 .. l1 along k, in the
 * order in which they lie in memory. `to` is where the first strip begins. */
void bl_pack_strips(const bl_operand *o, int start, int end, int l0, int l1, int is_b,
                    int parts, char *to);

/* 32 x 32 numbers of C, or those of them that there are: C = alpha A B + beta C. */
typedef struct {
    const char *a, *b; /* strips */
    int steps, parts;
    float alpha, beta;
    float *c;
    ptrdiff_t ld;
    int rows, cols;
} bl_square;

/* Squares are multiplied by the tiles of AMX or, where there are none, by the dot
 * products of AVX-512 BF16, which take operands of one part. Begin and end prepare the
 * calling thread. */
typedef void bl_square_fn(const bl_square *q);
bl_square_fn *bl_squares_begin(void);
void bl_squares_end(void);

#endif
#endif
