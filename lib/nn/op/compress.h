/* compress.h (internal) - what compress.c shares with reconstruct.c, which tells how
 * good the rows are that it made. D is the width, N = T / ratio. */
#ifndef BL_COMPRESS_H
#define BL_COMPRESS_H

#include "nn/op/ops.h"

/* What a compressor keeps and works in; what is beyond `rows` belongs to those that
 * learn, what is beyond `diff` to BL_REBUILD_ATTENTION. */
typedef struct {
    bl_compress_args a;
    bl_real *old;         /* (B, T, D) rows that leave, in time order */
    bl_real *rows;        /* (B, N, D) compressed */
    bl_real *between;     /* (B, T, D) what a dilated convolution makes first */
    bl_real *grad;        /* (B, N, D) gradient of the auxiliary loss */
    bl_real *wide;        /* (T, D) gradient of `between` */
    bl_real *diff;        /* (B, T, D) 2 (g(new) - old) / D */
    bl_real *normed;      /* (T, D) rows as the layer attends to them */
    bl_real *mean, *rstd; /* (T) of their norm */
    bl_real *k, *v;       /* (T, G e) keys and values of the rows that leave */
    bl_real *nk, *nv;     /* (N, G e) of the compressed rows */
    bl_real *dk, *dv;     /* (N, G e) */
    bl_real *p, *np;      /* (T, T) and (T, N) probabilities of a head */
    bl_real *out;         /* (T, D) A(new) - A(old) */
    bl_real *dp;          /* (T, N) */
    bl_real *scratch;     /* (2 D) */
} bl_compress_work;

/* C (m, n) = alpha op(A) op(B) + beta C on rows that lie lda, ldb, ldc apart. Always in
 * single precision: training and the sampler make the same slots. */
static inline void bl_multiply(int ta, int tb, int m, int n, int k, bl_real alpha,
                               const bl_real *a, int lda, const bl_real *b, int ldb,
                               bl_real beta, bl_real *c, int ldc)
{
    bl_gemm_one(&(bl_gemm_args){ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc,
                                BL_FP32, NULL, NULL});
}

/* The room that a loss needs. */
void bl_rebuild_alloc(bl_graph *g, bl_compress_work *c);
/* The auxiliary loss of one lane of which n_old rows became n: adds it to *sum and
 * leaves its gradient in grad. */
void bl_rebuild_loss(const bl_graph *g, bl_compress_work *c, int lane, int n_old, int n,
                     double *sum);
/* What the transposed convolution learns from it, times `scale`. */
void bl_rebuild_learn(bl_compress_work *c, int lane, int n_old, int n, bl_real scale);

#endif
