/* thin.h - products of a few rows by a large matrix, which is read once from memory and
 * in order: what each new token of generation costs. The matrix is packed once. */
#ifndef BL_THIN_H
#define BL_THIN_H

#include "nn/kernel/gemm.h"

#include <stddef.h>

/* A packed matrix (k, n): panels of 32 columns one after the other, each (k, 32)
 * row-major, the last filled up with zeros. BL_FP32: as they are. BL_BF16: rounded to
 * bf16, which halves what is read (also where no unit multiplies in bf16: sums and the
 * other operand are fp32); a word of 32 bits holds columns c and c + 16 of its panel.
 * BL_INT8: columns in 8 bits (int8.h), and rows of the other operand on the fly; a
 * matrix of more than BL_INT8_MOST rows stays BL_FP32. The double build knows BL_FP32
 * alone. */
typedef struct {
    int k, n;
    bl_precision precision;
    void *panels; /* the owner's, aligned to 64 bytes */
} bl_thin;

size_t bl_thin_bytes(bl_precision precision, int k, int n);
/* Fills t->panels, of bl_thin_bytes, from B (k, n); with `transposed`, B' (n, k) is
 * stored, without gaps in either case. */
void bl_thin_pack(bl_thin *t, bl_precision precision, int transposed, int k, int n,
                  const bl_real *b, void *panels);
/* y (rows, n) = x (rows, k) B [+ bias (n)] [+ y]; bias may be NULL. A row's numbers
 * depend neither on the other rows nor on the pool. */
void bl_thin_multiply(bl_pool *pool, const bl_thin *t, const bl_real *x, int rows,
                      const bl_real *bias, int add, bl_real *y);
/* The naive twin, for tests: from the panels, one number at a time. */
void bl_thin_multiply_naive(const bl_thin *t, const bl_real *x, int rows,
                            const bl_real *bias, int add, bl_real *y);

#endif
