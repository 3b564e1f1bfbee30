/* ops.h - the coarse operations of the models. Each call appends one op to the graph
 * and returns the buffer it fills; shapes are (rows, columns). A failure while building
 * gives NULL and is kept in g->e.
 *
 * Letters: B lanes, T segment, M memory (compressed slots among them), K = M + T keys,
 * D width, H heads, e = D / H, V vocabulary. */
#ifndef BL_OPS_H
#define BL_OPS_H

#include "nn/op/graph.h"

/* Ids (lanes, t) at the address that `id` holds whenever the graph runs. */
typedef struct {
    const int32_t *const *id;
    int lanes, t;
} bl_id_rows;

/* Rows E[x] * scale [+ wpe[t]] with dropout: (B*T, D). emb (V, D); wpe (T or more, D),
 * learned absolute positions or bl_place_rows, or NULL. */
bl_mat *bl_embed(bl_graph *g, const bl_id_rows *x, bl_mat *emb, double scale,
                 bl_mat *wpe, double dropout);

/* Rows x * scale [+ wpe[t]] with dropout, as bl_embed for rows (B*T, D) that come from
 * elsewhere, t a lane; the result may lie over x. */
bl_mat *bl_scaled(bl_graph *g, bl_mat *x, int t, double scale, bl_mat *wpe,
                  double dropout);

/* x + table[id], a row of a table (R, D) by an id below R for each row of x (B*T, D).
 * As x, over which it may lie. */
bl_mat *bl_add_rows(bl_graph *g, bl_mat *x, const bl_id_rows *ids, bl_mat *table);

/* Sinusoids of the distances K-1 .. 0 (R of Dai et al. 2019, 3.3; Vaswani et al. 2017,
 * 3.5, but as in the code of Dai et al. sines in the first half of the columns, cosines
 * in the second), distances beyond `clamp` as clamp (0 = none), dropout with one mask a
 * step: (K, D), `keys` of them: those of a layer with memory or without. */
bl_mat *bl_positions(bl_graph *g, int keys, int width, int clamp, double dropout);

/* Sinusoids of the places 0 .. n-1, sines and cosines in turn (Vaswani et al. 2017,
 * 3.5), for bl_embed: constants (n, D). */
bl_mat *bl_place_rows(bl_graph *g, int places, int width);

/* Learned rows for the distances K-1 .. 0 from a table (H * n, e), n rows a head of
 * which the last is distance 0 and the first all from n-1 on (Huang et al. 2018, "Music
 * Transformer", 3.4), or (n, e) that the heads share: (K, H * e). */
bl_mat *bl_distance_rows(bl_graph *g, int keys, bl_mat *table, int heads, int shared);

/* [memory ; x] in time for each of `lanes`: (B*K, D). memory (B, slots, D) gets no
 * gradient. Layers of one shape use one buffer, *room (NULL before the first): after
 * the last op that reads the context of a layer comes bl_memory_again, which on the way
 * back fills it once more. */
typedef struct {
    const bl_real *memory;
    int lanes, slots;
} bl_slots;
bl_mat *bl_with_memory(bl_graph *g, const bl_slots *s, bl_mat *x, bl_mat **room);
void bl_memory_again(bl_graph *g, const bl_slots *s, bl_mat *x, bl_mat *context);

/* relu; gelu with the error function, or with its tanh approximation (Hendrycks and
 * Gimpel 2016); silu, x sigmoid(x) (the same). */
typedef enum {
    BL_ACT_NONE,
    BL_ACT_RELU,
    BL_ACT_GELU,
    BL_ACT_GELU_TANH,
    BL_ACT_SILU,
    BL_N_ACT
} bl_act;

/* dropout(act(x W + b)): (rows of x, columns of W). b (1, cols) or NULL. */
bl_mat *bl_linear(bl_graph *g, bl_mat *x, bl_mat *w, bl_mat *b, bl_act act,
                  double dropout);

/* dropout(act(a) * b) of x = [a ; b] (rows, 2 f), the first half activated (Shazeer
 * 2020, "GLU variants improve Transformer", eq. 5): (rows, f). */
bl_mat *bl_glu(bl_graph *g, bl_mat *x, bl_act act, double dropout);

/* What a score adds to q.k: r (K, D) the keys of the positions K-1 .. 0, u and vb (H,
 * e) the biases of the two terms; each may be NULL (u and vb together, and only with
 * r). */
typedef struct {
    bl_mat *r, *u, *vb;
} bl_relative;

/* Which keys a query sees. Of the K keys of a lane the first `memory` are slots, the
 * last length[lane] of them filled; without slots the first length[lane] keys are
 * there, the others padding (length NULL: all are). The address of the lengths is read
 * whenever the graph runs. Of those that are there a query sees all, or `causal` those
 * up to K - T + i: self-attention, with segment memory or without. Of the first
 * prefix[lane] queries all see the keys (Raffel et al. 2020, 3.2.1; causal, without
 * slots, span or block, and no positions by distance). */
typedef struct {
    int lanes, queries, keys; /* B, T, K */
    int causal, memory;
    int span;  /* causal: the last so many alone, 0 = all */
    int block; /* causal: those of the query's block of so many and of the one before,
                * counted from the first query; 0 = all (Huang et al. 2018, 3.4) */
    const int32_t *const *length;
    const int32_t *const *prefix; /* NULL, or its address: none */
} bl_scope;

/* Attention: queries q (B*T, D), keys and values k, v (B*K, D), or (B*K, G e) with
 * fewer heads, G of them, which divide H: H / G query heads one after the other share
 * one (Shazeer 2019; Ainslie et al. 2023).
 * score(i,j) = ((q_i + u).k_j + (q_i + vb).r_d) / sqrt(e), r_d the key of the distance
 * d = K - T + i - j (A of Dai et al. 2019, 3.3: the terms a and c, then b and d; causal
 * alone, as there are no keys of what comes later). Dropout on the probabilities. A
 * query that sees nothing gets zeros. `usage` (or NULL): to where the sums over the
 * lane's tokens of the probabilities of each key lie, without dropout (B, H, K). (B*T,
 * D). */
bl_mat *bl_attention(bl_graph *g, bl_mat *q, bl_mat *k, bl_mat *v,
                     const bl_relative *rel, const bl_scope *scope, int heads,
                     double dropout, bl_real **usage);

/* Rotary positions (Su et al. 2021, 3.2): x (B*n, h*e), each head's channels c and c +
 * e/2 turned together by the angle place * theta^(-2c/e). Row i of a lane is at place K
 * - n + i, so that of queries (n = T) and keys (n = K) only the distance matters. The
 * table is for K places and heads of e, which is even. `keeps`: x stays as it is, for
 * others to read; without, the result may lie over it. As x. */
typedef struct {
    int places, e;
    const bl_real *angles; /* (K, e) */
} bl_rotary_places;
bl_rotary_places bl_rotary_table(bl_graph *g, int places, int e, double theta);
bl_mat *bl_rotary(bl_graph *g, bl_mat *x, int lanes, const bl_rotary_places *p,
                  int keeps);

/* A layer of LSTM cells over the segment (Hochreiter and Schmidhuber 1997; gates in the
 * order i, j, f, o with 1 added to f, as TensorFlow's BasicLSTMCell): zx (B*T, 4H) what
 * the gates get from the input, wh (H, 4H), state (B, 2, H) rows h and c from before
 * the segment, which get no gradient, of `lanes`. *cells (B*T, H): c after each token.
 * (B*T, H): h. */
bl_mat *bl_lstm(bl_graph *g, bl_mat *zx, bl_mat *wh, int lanes, const bl_real *state,
                bl_real **cells);

/* A layer of GRU cells over the segment (Cho et al. 2014, with the reset gate after the
 * product): zx (B*T, 3H) what the gates r, z, n get from the input, wh (H, 3H) and bh
 * (1, 3H) what they get from the cell before, a cell as bl_gru's; state (B, H) from
 * before the segment, which gets no gradient, of `lanes`. (B*T, H). */
bl_mat *bl_gru_cells(bl_graph *g, bl_mat *zx, bl_mat *wh, bl_mat *bh, int lanes,
                     const bl_real *state);

/* How a layer of a Compressive Transformer makes `ratio` old memories into one (Rae et
 * al. 2019, 3.2): their mean or maximum; a convolution; the same after a dilated one
 * over three rows, each two apart; or of all that leave at once those that the
 * segment's queries attended to most. */
typedef enum {
    BL_COMPRESS_MEAN,
    BL_COMPRESS_MAX,
    BL_COMPRESS_CONV,
    BL_COMPRESS_DILATED,
    BL_COMPRESS_MOST_USED,
    BL_N_COMPRESSOR
} bl_compressor;

/* What a convolution learns from: how well attention to what it made is attention to
 * the rows themselves, or how well those can be made again from it. */
typedef enum { BL_REBUILD_ATTENTION, BL_REBUILD_ROWS, BL_N_REBUILD } bl_rebuild;

/* A compressor with its tensors, NULL where it has none: the convolution cw (ratio * D,
 * D), cb (1, D), the dilated one dw (3 * D, D), db (1, D), and of BL_REBUILD_ROWS the
 * transposed one gw (ratio * D, D), gb (1, D). A tap's rows follow another's. */
typedef struct {
    bl_compressor how;
    bl_rebuild loss;
    int ratio, width;
    bl_mat *cw, *cb, *dw, *db, *gw, *gb;
} bl_squeezer;

/* 1 if it has something to learn. */
static inline int bl_compressor_learns(bl_compressor how)
{
    return how == BL_COMPRESS_CONV || how == BL_COMPRESS_DILATED;
}

/* The rows that this segment pushes out of a layer's memory, compressed: *rows
 * (B, T / ratio, D), the first n_evicted(lane) / ratio of each lane filled. memory
 * (B, slots, D) holds `plain` ordinary slots at its end; usage is bl_attention's, for
 * BL_COMPRESS_MOST_USED. A convolution learns from what is added to the step's
 * auxiliary loss in lanes where something leaves. BL_REBUILD_ATTENTION (algorithm 2
 * there): for each query that is a token the mean over D of (A(old) - A(new))^2, A
 * being the content-based attention of q (B*T, D) through wk and wv of rows as the
 * layer attends to them (gain and bias: the norm before it, or NULL). BL_REBUILD_ROWS:
 * for each row the mean over D of (old - g(new))^2, g the transposed convolution. Only
 * the squeezer's tensors learn from it. */
typedef struct {
    bl_squeezer squeezer;
    int lanes, t; /* x has so many rows: B, T */
    int slots, plain, heads;
    const bl_real *memory;
    bl_real *usage; /* summed over heads in place */
    bl_mat *x, *q, *wk, *wv, *gain, *bias;
    double eps;
} bl_compress_args;
void bl_compress(bl_graph *g, const bl_compress_args *a, bl_real **rows);
/* Rows of a lane that leave the ordinary memory when n_real more come. */
int bl_n_evicted(int length, int plain, int n_real);
/* The terms of the auxiliary loss of a lane and layer where n rows are made: queries or
 * rows that leave. */
static inline int bl_n_rebuilt(const bl_squeezer *s, int n, int n_real)
{
    if (n == 0 || !bl_compressor_learns(s->how))
        return 0;
    return s->loss == BL_REBUILD_ROWS ? n * s->ratio : n_real;
}

/* Layer norm of x over its columns (Ba, Kiros and Hinton 2016, with eps added to the
 * variance): gain, bias (1, D); as x. Without a bias (NULL) the root mean square's:
 * x / sqrt(mean(x^2) + eps) * gain (Zhang and Sennrich 2019, eq. 4). */
bl_mat *bl_norm(bl_graph *g, bl_mat *x, bl_mat *gain, bl_mat *bias, double eps);

/* x + dropout(y), both (rows, cols) and so the result, which may lie over y. */
bl_mat *bl_residual(bl_graph *g, bl_mat *x, bl_mat *y, double dropout);

/* A GRU cell in the place of a sum (Cho et al. 2014, with the reset gate after the
 * product): x (rows, D) the residual as its state, i and h (rows, 3 D) what the gates
 * r, z, n get from the sub-layer's result and from x: r = sigmoid(i_r + h_r), z
 * likewise, n = tanh(i_n + r h_n), (1 - z) n + z x. As x. */
bl_mat *bl_gru(bl_graph *g, bl_mat *x, bl_mat *i, bl_mat *h);

/* 2 sigmoid(s) y: a round of the mogrifier (Melis et al. 2020, eq. 1). As y. */
bl_mat *bl_modulate(bl_graph *g, bl_mat *s, bl_mat *y);

/* x + b for every row, b (1, cols). */
bl_mat *bl_add_bias(bl_graph *g, bl_mat *x, bl_mat *b);

/* dropout(x); x itself where the probability is 0. */
bl_mat *bl_dropped(bl_graph *g, bl_mat *x, double dropout);

/* Logits x W + b and the sum of -ln p of the targets: softmax cross-entropy, fused. w
 * (D, V), or `tied` the embedding (V, D); b (1, V) or NULL. *nll (B*T, 1). Returns the
 * logits (B*T, V); the backward pass turns them into their gradient in place. */
bl_mat *bl_loss(bl_graph *g, bl_mat *x, bl_mat *w, int tied, bl_mat *b, bl_real **nll);

/* ---- shared by ops and generation ---- */

/* n numbers through an activation, in place. */
void bl_activate(bl_act act, bl_real *x, int64_t n);
/* grad *= the activation's slope at z, n numbers. */
void bl_activate_back(bl_act act, bl_real *grad, const bl_real *z, int64_t n);
/* bl_glu of one row of 2 f: y (f), which may be x. */
void bl_glu_row(bl_act act, bl_real *x, int f, bl_real *y);
/* n rows from n * ratio rows `old` of D numbers in time order, by a compressor that
 * looks at nothing else. between (n * ratio, D): what a dilated one makes first. */
void bl_compress_rows(const bl_squeezer *s, const bl_real *old, int n, bl_real *between,
                      bl_real *to);
/* The n of n_old rows `old` of D numbers that were used most, in time order; of equals
 * the earlier one. */
void bl_keep_most_used(const bl_real *usage, const bl_real *old, int n_old, int width,
                       int n, bl_real *to);

/* Layer norm of one row: y = gain * (x - mean) / sqrt(var + eps) + bias; with bias NULL
 * the root mean square's, which leaves *mean alone. y may be x. */
void bl_norm_row(const bl_real *x, const bl_real *gain, const bl_real *bias, int n,
                 double eps, bl_real *y, bl_real *mean, bl_real *rstd);
/* The gradient of its x from that of y, in its place; gain and bias are constants.
 * scratch (2n). */
void bl_norm_row_back(const bl_real *x, const bl_real *gain, const bl_real *bias, int n,
                      bl_real mean, bl_real rstd, bl_real *grad, bl_real *scratch);
/* The cosines, then the sines of bl_rotary's angles at a place; a row of so many heads
 * of e turned by them: y may be x. */
void bl_rotary_angles(int64_t place, int e, double theta, bl_real *row);
void bl_rotary_row(const bl_real *x, const bl_real *angles, int e, int heads,
                   bl_real *y);
/* One LSTM cell: z (4H) the gates' inputs, worked on in place; c, h (H) from the cell
 * before. c may be c_before. */
void bl_lstm_cell(bl_real *z, const bl_real *c_before, int n, bl_real *c, bl_real *h);
/* bl_gru of one row of n; out may be x. bl_modulate of n numbers; out may be s or y. */
void bl_gru_row(const bl_real *x, const bl_real *i, const bl_real *h, int n,
                bl_real *out);
/* The gradients of bl_gru_row's x, i and h from that of out: dx (n), di, dh (3n), each
 * added to what is there times its beta, 0 or 1. */
void bl_gru_row_back(const bl_real *x, const bl_real *i, const bl_real *h,
                     const bl_real *grad, int n, const bl_real beta[3], bl_real *dx,
                     bl_real *di, bl_real *dh);
void bl_modulate_row(const bl_real *s, const bl_real *y, int64_t n, bl_real *out);
/* The row of bl_positions for one distance. */
void bl_position_row(int distance, int width, bl_real *row);

/* Multiplies n numbers by the mask of a dropout site (0 or 1/(1-p)), elements start ..
 * start+n of the site; start is a multiple of 8 (Srivastava et al. 2014, inverted). The
 * mask comes from counters (seed, step, site, element): nothing is stored. */
void bl_dropout(const bl_feed *f, uint32_t site, double p, int64_t start, int n,
                bl_real *x);
/* The same mask as numbers: returns 1 and writes n of them, and what completes the last
 * group of 8, for which `mask` must have room; 0 and nothing where there is no dropout.
 */
int bl_dropout_mask(const bl_feed *f, uint32_t site, double p, int64_t start, int n,
                    bl_real *mask);
/* What a mask's elements are if not 0: 1 / (1 - p), p rounded to 65,536ths; 1 where
 * there is no dropout. */
bl_real bl_dropout_keep(const bl_feed *f, double p);
/* x *= y, n numbers. */
void bl_times(bl_real *x, const bl_real *y, int n);

/* sum[c] += the rows of x (rows, cols), one after the other, for start <= c < end. */
void bl_add_columns(bl_real *sum, const bl_real *x, int rows, int cols, int start,
                    int end);

/* Where row r of a site's (rows, cols) mask begins: rows start at whole groups of 8. */
static inline int64_t bl_site_start(int64_t row, int cols)
{
    return row * ((cols + 7) / 8 * 8);
}

#endif
