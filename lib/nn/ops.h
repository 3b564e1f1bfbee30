/* ops.h - the coarse operations of the models. Each call appends one op to the graph
 * and returns the buffer it fills; shapes are (rows, columns). A failure while building
 * gives NULL and is kept in g->e.
 *
 * Letters: B lanes, T segment, M memory, K = M + T keys, D width, H heads, e = D / H.
 */
#ifndef BL_OPS_H
#define BL_OPS_H

#include "nn/graph.h"

/* Rows E[x] * scale with dropout: (B*T, D). emb (V, D). */
bl_mat *bl_embed(bl_graph *g, bl_mat *emb, double scale, double dropout);

/* Sinusoids of the distances K-1 .. 0, sines in the first half of the columns, cosines
 * in the second (Dai et al. 2019, A; Vaswani et al. 2017, 3.5), distances beyond
 * `clamp` as clamp (0 = none), dropout with one mask a step: (K, D). */
bl_mat *bl_positions(bl_graph *g, int width, int clamp, double dropout);

/* [memory ; x] in time for each lane: (B*K, D). memory (B, M, D) gets no gradient. */
bl_mat *bl_with_memory(bl_graph *g, const bl_real *memory, bl_mat *x);

/* x W [+ b] [relu, then dropout]: (rows of x, columns of W). b (1, cols) or NULL. */
bl_mat *bl_linear(bl_graph *g, bl_mat *x, bl_mat *w, bl_mat *b, int relu,
                  double dropout);

/* Relative attention with segment memory (Dai et al. 2019, equation 5 on): queries q
 * (B*T, D), keys and values k, v (B*K, D), r (K, D) the projected positions, biases
 * u, vb (H, e). Query i sees the keys first .. M+i, first = M - mem_length[lane].
 * Dropout on the probabilities. (B*T, D). */
bl_mat *bl_attention(bl_graph *g, bl_mat *q, bl_mat *k, bl_mat *v, bl_mat *r, bl_mat *u,
                     bl_mat *vb, int heads, double dropout);

/* Layer norm of x over its columns: gain, bias (1, D). */
bl_mat *bl_norm(bl_graph *g, bl_mat *x, bl_mat *gain, bl_mat *bias, double eps);

/* x + dropout(y). */
bl_mat *bl_residual(bl_graph *g, bl_mat *x, bl_mat *y, double dropout);

/* dropout(x); x itself where the probability is 0. */
bl_mat *bl_dropped(bl_graph *g, bl_mat *x, double dropout);

/* Logits x E' + b and the sum of -ln p of the targets: softmax cross-entropy, fused.
 * emb (V, D), b (1, V). *nll (B*T, 1). Returns the logits (B*T, V); the backward pass
 * turns them into their gradient in place. */
bl_mat *bl_loss(bl_graph *g, bl_mat *x, bl_mat *emb, bl_mat *b, bl_real **nll);

/* ---- shared by ops and generation ---- */

/* Layer norm of one row: y = gain * (x - mean) / sqrt(var + eps) + bias. y may be x. */
void bl_norm_row(const bl_real *x, const bl_real *gain, const bl_real *bias, int n,
                 double eps, bl_real *y, bl_real *mean, bl_real *rstd);
/* The row of bl_positions for one distance. */
void bl_position_row(int distance, int width, bl_real *row);

/* Multiplies n numbers by the mask of a dropout site (0 or 1/(1-p)), elements start ..
 * start+n of the site; start is a multiple of 8 (Srivastava et al. 2014, inverted). The
 * mask comes from counters (seed, step, site, element): nothing is stored. */
void bl_dropout(const bl_feed *f, uint32_t site, double p, int64_t start, int n,
                bl_real *x);

/* sum[c] += the rows of x (rows, cols), one after the other, for start <= c < end. */
void bl_add_columns(bl_real *sum, const bl_real *x, int rows, int cols, int start,
                    int end);

/* Where row r of a site's (rows, cols) mask begins: rows start at whole groups of 8. */
static inline int64_t bl_site_start(int64_t row, int cols)
{
    return row * ((cols + 7) / 8 * 8);
}

#endif
