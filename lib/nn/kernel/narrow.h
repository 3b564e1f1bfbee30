/* narrow.h - products for attention heads of at most BL_NARROW columns, which would
 * leave half of each vector of tile.h empty. One thread, fp32, matrices in the cache.
 */
#ifndef BL_NARROW_H
#define BL_NARROW_H

#include "nn/kernel/real.h"

#include <stddef.h>

enum { BL_NARROW = 8 };

/* 1 where the kernels are written for this processor's vectors (AVX-512); the others
 * may be called only then. */
int bl_narrow_is_fast(void);

/* Packs B (k, n), n <= BL_NARROW, rows `ld` apart: two rows are one vector, number
 * after number in pairs. `pairs` has room for bl_narrow_room(k) numbers. */
void bl_narrow_pack(int k, int n, const bl_real *b, ptrdiff_t ld, bl_real *pairs);

static inline size_t bl_narrow_room(size_t k)
{
    return (k + 1) / 2 * 2 * BL_NARROW;
}

/* C (m, BL_NARROW) = A (m, k) B for the k rows of B from `pairs` on. */
void bl_narrow_times(int m, int k, const bl_real *a, ptrdiff_t lda,
                     const bl_real *pairs, bl_real *c, ptrdiff_t ldc);
/* C (BL_NARROW, n) += A' B, A stored (k, BL_NARROW), B (k, n) as it lies. Columns of C
 * from n on stay what they are. */
void bl_narrow_add(int n, int k, const bl_real *a, ptrdiff_t lda, const bl_real *b,
                   ptrdiff_t ldb, bl_real *c, ptrdiff_t ldc);
/* The naive twins, for tests. */
void bl_narrow_times_naive(int m, int k, const bl_real *a, ptrdiff_t lda,
                           const bl_real *pairs, bl_real *c, ptrdiff_t ldc);
void bl_narrow_add_naive(int n, int k, const bl_real *a, ptrdiff_t lda,
                         const bl_real *b, ptrdiff_t ldb, bl_real *c, ptrdiff_t ldc);

#endif
