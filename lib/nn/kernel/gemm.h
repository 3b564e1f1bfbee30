/* gemm.h - matrix products. The only header over a BLAS. Matrices are row-major; `ld`
 * is the distance between rows. */
#ifndef BL_GEMM_H
#define BL_GEMM_H

#include "nn/kernel/pool.h"
#include "nn/kernel/real.h"

/* What products are computed in; sums are fp32 in each.
 *   BL_BF16    operands rounded to 8 bits of mantissa: relative error about 2e-3
 *   BL_BF16X3  operands split in two such parts, three products: about 4e-6
 * The last two want AMX, bf16 is content with AMD's AVX-512 BF16: see bl_gemm_can. The
 * double build has BL_FP32 alone. Not to train in:
 *   BL_INT8    rows of A and columns of op(B) rounded to 8 bits by int8.h */
typedef enum {
    BL_FP32,
    BL_BF16,
    BL_BF16X3,
    BL_N_PRECISIONS,
    BL_INT8 = BL_N_PRECISIONS
} bl_precision;

/* C (m,n) = alpha op(A) op(B) + beta C, op(A) (m,k), op(B) (k,n); ta, tb: 1 = that
 * operand is stored transposed. */
typedef struct {
    int ta, tb;
    int m, n, k;
    bl_real alpha;
    const bl_real *a;
    int lda;
    const bl_real *b;
    int ldb;
    bl_real beta;
    bl_real *c;
    int ldc;
    bl_precision precision; /* one that bl_gemm_can do */
    /* bl_gemm calls it on the rows [row, row + rows) and columns [col, col + cols) of C
     * when they are done and still in the cache, on each number once; col is a multiple
     * of 8. NULL: nothing follows. */
    void (*after)(void *arg, int row, int rows, int col, int cols);
    void *arg;
} bl_gemm_args;

/* On the calling thread. */
void bl_gemm_one(const bl_gemm_args *g);
/* Split over the pool by rows or columns of C, a function of the shape alone: no sum
 * changes its order, the bytes are those of any other pool. */
void bl_gemm(bl_pool *pool, const bl_gemm_args *g);
/* The naive twin, for tests: three loops. */
void bl_gemm_naive(const bl_gemm_args *g);

/* 1 if this processor and its system can multiply so; asks the system for the right to
 * use the tiles. To be asked before the first product in that precision. */
int bl_gemm_can(bl_precision precision);

/* What multiplies, as "AVX-512 kernels, OpenBLAS 0.3.21 SkylakeX" or "AMX, OpenBLAS
 * ...": others round otherwise. */
void bl_gemm_name(bl_precision precision, char *buf, size_t size);
/* OpenBLAS asks which processor is here when it is loaded, and takes kernels of an old
 * one for those that it does not know. The core whose kernels it should use instead, a
 * value of OPENBLAS_CORETYPE; NULL where it has taken kernels as new as the processor.
 */
const char *bl_gemm_better_core(void);
/* The same for the core that it has taken and the level of the processor (base/cpu.h).
 */
const char *bl_gemm_core_above(const char *taken, int level);
/* Switches the threads of the BLAS off (ours do the splitting). Call once before. */
void bl_gemm_setup(void);

#endif
