/* attention.c - attention with segment memory, one head of one lane at a time, a block
 * of queries against all keys it sees (Dai et al. 2019, 3.3; Dao et al. 2022,
 * "FlashAttention", algorithm 4, for the recomputation). The scores of a block live in
 * a tile in the cache; of the probabilities only each row's log-sum-exp is kept, from
 * which the backward pass makes them again.
 *
 * score(i,j) = ((q_i + u).k_j + (q_i + vb).r_d) / sqrt(e), d = M + i - j: the first
 * product is the paper's terms (a) and (c), the second (b) and (d). Row K-1-d of r is
 * r_d, so that with X = (q + vb) r' the second product is column j + T-1-i of row i of
 * X. The paper shifts X (appendix B); here X is written, and its gradient read, with
 * rows one number further apart than the tile's, which is the same shift without moving
 * anything. */
#include "nn/op/attention.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_graph *g;
    bl_attention_args *a;
    bl_real q_beta, k_beta, v_beta, r_beta;
} job;

/* ---- a block ---- */

/* Rows i .. i+n-1 of the queries, which see the keys first .. end-1 at most. Row i + a
 * reads X from column shift - a on for key 0: of X, and so of r, all before first_r is
 * of no use to the block. */
typedef struct {
    int i, n, first, end, shift, first_r;
    const bl_real *masks; /* NULL: none, or made row by row */
} block;

/* Tiles are moved to it. */
static block block_at(bl_head *h, int i)
{
    block b = {.i = i, .n = (int)bl_min(h->t - i, BL_BLOCK), .shift = h->t - 1 - i};
    b.first = bl_head_first(h, i) / 2 * 2; /* pairs are whole */
    b.end = (int)bl_max(b.first, bl_head_last(h, i + b.n - 1) + 1);
    b.first_r = b.first + b.shift - (b.n - 1);
    bl_head_slide(h, b.first);
    return b;
}

/* The tile's scores: (q + u) k' + shifted (q + vb) r'. */
static void scores(const bl_head *h, const block *b)
{
    const bl_space *w = &h->w;
    bl_head_queries(h, b->i, b->n);
    bl_tile_args s = {.m = b->n,
                      .k = h->e,
                      .a = w->qu,
                      .lda = h->wide,
                      .panels = w->kt,
                      .rows_b = h->e,
                      .cols_b = h->keys,
                      .start = b->first / BL_PANEL * BL_PANEL,
                      .end = b->end,
                      .c = w->s,
                      .ldc = w->stride,
                      .precision = h->precision};
    bl_tile_multiply(&s);
    if (h->r == NULL)
        return;
    s.a = w->qv;
    s.panels = w->rt;
    s.start = b->first_r / BL_PANEL * BL_PANEL;
    s.end = h->keys;
    s.add = 1;
    s.c = w->s - b->shift;
    s.ldc = w->stride + 1;
    bl_tile_multiply(&s);
}

/* C (n, e) = A (n, k) B for the panels of k, v or r from `row` on. */
static void times_keys(const bl_head *h, int n, int k, const bl_real *a, ptrdiff_t lda,
                       const bl_real *panels, int row, bl_real *c)
{
    if (h->is_narrow) {
        bl_narrow_times(n, k, a, lda, panels + (ptrdiff_t)row * BL_NARROW, c, h->wide);
        return;
    }
    bl_tile_multiply(&(bl_tile_args){.m = n,
                                     .k = k,
                                     .a = a,
                                     .lda = lda,
                                     .panels = panels,
                                     .rows_b = h->keys,
                                     .cols_b = h->e,
                                     .row = row,
                                     .end = h->e,
                                     .c = c,
                                     .ldc = h->wide,
                                     .precision = h->precision});
}

/* Rows from `row` on of sum (keys, e) += A' B, A (n, k), B (n, e) as it is and packed.
 */
static void add_to_keys(const bl_head *h, int n, int k, const bl_real *a, ptrdiff_t lda,
                        const bl_real *b, const bl_real *panels, bl_real *sum, int row)
{
    if (h->is_narrow) {
        bl_narrow_add(k, n, b, h->wide, a, lda, sum + row, h->keys);
        return;
    }
    bl_tile_multiply(&(bl_tile_args){.ta = 1,
                                     .m = k,
                                     .k = n,
                                     .a = a,
                                     .lda = lda,
                                     .panels = panels,
                                     .rows_b = n,
                                     .cols_b = h->e,
                                     .end = h->e,
                                     .add = 1,
                                     .c = sum + (ptrdiff_t)row * h->wide,
                                     .ldc = h->wide,
                                     .precision = h->precision});
}

/* ---- forward ---- */

/* The number of keys of a row in whole vectors. The columns behind the last key take
 * part as scores of minus infinity: loops without a tail are twice as fast. */
static int fill_up(bl_real *z, int n)
{
    int whole = (n + BL_LANES - 1) / BL_LANES * BL_LANES;
    for (int j = n; j < whole; j++)
        z[j] = (bl_real)-1e30;
    return whole;
}

/* Scores -> e^(score - max), not yet divided by their sum. n in whole vectors. */
BL_CLONES static void softmax_row(bl_real *z, int n, bl_real *max, bl_real *sum)
{
    bl_real top = bl_max_of(z, n);
    for (int j = 0; j < n; j++)
        z[j] = bl_exp(z[j] - top);
    *max = top;
    *sum = bl_sum(z, n);
}

static bl_real natural_log(bl_real x)
{
#ifdef BL_DOUBLE
    return log(x);
#else
    return logf(x);
#endif
}

/* Rows of the tile's result, each times its own factor, to rows d apart. */
BL_CLONES static void scaled_rows(bl_real *to, ptrdiff_t d, const bl_real *from,
                                  ptrdiff_t wide, int rows, int n,
                                  const bl_real *factor)
{
    for (int row = 0; row < rows; row++, to += d, from += wide)
        for (int c = 0; c < n; c++)
            to[c] = from[c] * factor[row];
}

/* The masks of all rows of a block, K apart, where they are short. */
static void mask_block(const bl_graph *g, const bl_attention_args *a, const bl_head *h,
                       block *b)
{
    int64_t start = ((int64_t)h->unit * h->t + b->i) * h->keys;
    if (bl_head_is_short(h->keys) && bl_dropout_mask(&g->feed, a->site, a->dropout,
                                                     start, b->n * h->keys, h->w.mask))
        b->masks = h->w.mask;
}

/* Dropout's mask of row i of a block's probabilities for the keys first .. last, the
 * number for key 0 first; NULL without dropout. */
static const bl_real *mask_row(const bl_graph *g, const bl_attention_args *a,
                               const bl_head *h, const block *b, int i, int first,
                               int last)
{
    if (bl_head_is_short(h->keys))
        return b->masks != NULL ? b->masks + (ptrdiff_t)i * h->keys : NULL;
    int64_t start = bl_site_start((int64_t)h->unit * h->t + b->i + i, h->keys);
    int from = first / 8 * 8;
    return bl_dropout_mask(&g->feed, a->site, a->dropout, start + from, last + 1 - from,
                           h->w.mask + from)
               ? h->w.mask
               : NULL;
}

static void drop_row(bl_real *row, const bl_real *mask, int first, int last)
{
    if (mask != NULL)
        bl_times(row + first, mask + first, last + 1 - first);
}

/* What a token of the segment paid to each key; padding pays nothing. */
static void count_usage(const bl_graph *g, const bl_attention_args *a, const bl_head *h,
                        int i, const bl_real *row, int first, int last, bl_real inverse)
{
    bl_real *usage = a->usage + (ptrdiff_t)h->unit * h->keys;
    if (i >= g->feed.n_real[h->lane])
        return;
    for (int j = first; j <= last; j++)
        usage[j] += row[j] * inverse;
}

static void clear_rows(bl_real *row, ptrdiff_t d, int rows, int e)
{
    for (int i = 0; i < rows; i++, row += d)
        bl_clear_between(row, 0, e);
}

static void forward_block(const bl_graph *g, bl_attention_args *a, const bl_head *h,
                          const block *b)
{
    const bl_space *w = &h->w;
    bl_real inverse[BL_BLOCK];
    if (b->end == b->first) { /* a lane without keys */
        clear_rows(h->out + (ptrdiff_t)b->i * h->d, h->d, b->n, h->e);
        return;
    }
    scores(h, b);
    for (int i = 0; i < b->n; i++) {
        bl_real *row = w->s + i * w->stride, max, sum;
        int first = bl_head_first(h, b->i + i), last = bl_head_last(h, b->i + i);
        softmax_row(row + first, fill_up(row + first, last + 1 - first), &max, &sum);
        bl_clear_between(row, b->first, first);
        bl_clear_between(row, last + 1, b->end);
        inverse[i] = 1 / sum;
        if (a->usage != NULL)
            count_usage(g, a, h, b->i + i, row, first, last, inverse[i]);
        drop_row(row, mask_row(g, a, h, b, i, first, last), first, last);
        a->log_sum[(int64_t)h->unit * h->t + b->i + i] = max + natural_log(sum);
    }
    times_keys(h, b->n, b->end - b->first, w->s + b->first, w->stride, w->v, b->first,
               w->o);
    scaled_rows(h->out + (ptrdiff_t)b->i * h->d, h->d, w->o, h->wide, b->n, h->e,
                inverse);
}

static void forward_unit(const job *j, int unit, int part)
{
    bl_attention_args *a = j->a;
    bl_head h;
    bl_head_open(&h, j->g, a, unit, part);
    if (a->usage != NULL)
        bl_clear_between(a->usage + (ptrdiff_t)unit * h.keys, 0, h.keys);
    for (int i = 0; i < h.t; i += BL_BLOCK) {
        block b = block_at(&h, i);
        mask_block(j->g, a, &h, &b);
        forward_block(j->g, a, &h, &b);
    }
}

/* The next unit of a part after `unit`, -1 the first; the number of all behind its
 * last. With positions a part owns one head and takes the lanes in order, so that the
 * sums over lanes (r, u, vb) have one order whatever the threads; without, what a lane
 * holds stays in the cache from head to head. */
static int next_unit(const bl_attention_args *a, int part, int unit)
{
    int all = a->scope.lanes * a->heads;
    if (a->r != NULL)
        return unit < 0 ? part : unit + a->heads;
    int64_t first = (int64_t)all * part / a->parts,
            end = (int64_t)all * (part + 1) / a->parts;
    return unit < 0 ? (int)first : unit + 1 < end ? unit + 1 : all;
}

static void forward_part(void *arg, int part)
{
    const job *j = arg;
    int all = j->a->scope.lanes * j->a->heads;
    for (int u = next_unit(j->a, part, -1); u < all; u = next_unit(j->a, part, u))
        forward_unit(j, u, part);
}

static void attention_forward(bl_graph *g, void *args)
{
    bl_attention_args *a = args;
    job j = {.g = g, .a = a};
    bl_pool_run(g->pool, forward_part, &j, a->parts);
}

/* ---- backward ---- */

/* p = e^(s - log_sum) again, and ds = p (dp - delta) with delta = sum p dp = dO.O. n in
 * whole vectors. */
BL_CLONES static void softmax_back_row(bl_real *s, bl_real *dp, int n, bl_real log_sum,
                                       bl_real delta)
{
    for (int j = 0; j < n; j++) {
        bl_real p = bl_exp(s[j] - log_sum);
        s[j] = p;
        dp[j] = p * (dp[j] - delta);
    }
}

/* dO.O of rows d apart. */
BL_CLONES static void deltas(const bl_real *grad, const bl_real *out, ptrdiff_t d,
                             int rows, int e, bl_real *delta)
{
    for (int i = 0; i < rows; i++)
        delta[i] = bl_dot(grad + i * d, out + i * d, e);
}

/* The tiles of probabilities (dropped, as the forward pass used them) and of dS. */
static void tiles_back(const bl_graph *g, const bl_attention_args *a, const bl_head *h,
                       const block *b)
{
    const bl_space *w = &h->w;
    scores(h, b);
    bl_head_grads(h, b->i, b->n);
    bl_tile_multiply(&(bl_tile_args){.m = b->n,
                                     .k = h->e,
                                     .a = w->go,
                                     .lda = h->wide,
                                     .panels = w->vt,
                                     .rows_b = h->e,
                                     .cols_b = h->keys,
                                     .start = b->first / BL_PANEL * BL_PANEL,
                                     .end = b->end,
                                     .c = w->ds,
                                     .ldc = w->stride,
                                     .precision = h->precision});
    bl_real delta[BL_BLOCK];
    ptrdiff_t at = (ptrdiff_t)b->i * h->d;
    deltas(h->grad + at, h->out + at, h->d, b->n, h->e, delta);
    for (int i = 0; i < b->n; i++) {
        bl_real *s = w->s + i * w->stride, *ds = w->ds + i * w->stride;
        int first = bl_head_first(h, b->i + i), last = bl_head_last(h, b->i + i);
        const bl_real *mask = mask_row(g, a, h, b, i, first, last);
        drop_row(ds, mask, first, last);
        softmax_back_row(s + first, ds + first, fill_up(s + first, last + 1 - first),
                         a->log_sum[(int64_t)h->unit * h->t + b->i + i], delta[i]);
        bl_clear_between(s, b->first, first);
        bl_clear_between(s, last + 1, b->end);
        bl_clear_between(ds, b->first - BL_BLOCK, first); /* the shift reads these */
        bl_clear_between(ds, last + 1, b->end);
        drop_row(s, mask, first, last);
    }
}

/* dv += P' dO, dqu = dS k, dk += dS' qu. */
static void keys_back(const bl_head *h, const block *b)
{
    const bl_space *w = &h->w;
    const bl_real *p = w->s + b->first, *ds = w->ds + b->first;
    int k = b->end - b->first;
    add_to_keys(h, b->n, k, p, w->stride, w->go, w->pgo, w->dv, b->first);
    times_keys(h, b->n, k, ds, w->stride, w->k, b->first, w->dqu);
    add_to_keys(h, b->n, k, ds, w->stride, w->qu, w->pu, w->dk, b->first);
}

/* dqv = dX r and dr += dX' qv, dX being the tile of dS with skewed rows. */
static void positions_back(const bl_head *h, const block *b)
{
    const bl_space *w = &h->w;
    int start = b->first_r / 2 * 2; /* pairs are whole */
    const bl_real *dx = w->ds - b->shift + start;
    times_keys(h, b->n, h->keys - start, dx, w->stride + 1, w->r, start, w->dqv);
    add_to_keys(h, b->n, h->keys - start, dx, w->stride + 1, w->qv, w->pv, w->dr,
                start);
}

/* The gradients of queries; those of u and vb, if there are any. */
BL_CLONES static void queries_back(const bl_real *dqu, const bl_real *dqv,
                                   ptrdiff_t wide, int rows, int e, bl_real scale,
                                   bl_real beta, bl_real *dq, ptrdiff_t d, bl_real *du,
                                   bl_real *dvb)
{
    for (int row = 0; row < rows; row++, dqu += wide, dqv += wide, dq += d) {
        for (int c = 0; c < e; c++)
            dq[c] = (beta == 0 ? 0 : dq[c]) + scale * (dqu[c] + dqv[c]);
        for (int c = 0; c < e && du != NULL; c++) {
            du[c] += scale * dqu[c];
            dvb[c] += scale * dqv[c];
        }
    }
}

static void backward_block(const job *j, const bl_head *h, const block *b)
{
    const bl_attention_args *a = j->a;
    const bl_space *w = &h->w;
    ptrdiff_t bias = (ptrdiff_t)h->h * h->e;
    size_t bytes = (size_t)(b->n * h->wide) * sizeof *w->dqv;
    if (b->end > b->first) {
        tiles_back(j->g, a, h, b);
        keys_back(h, b);
    } else {
        memset(w->dqu, 0, bytes);
    }
    if (h->r != NULL)
        positions_back(h, b);
    else
        memset(w->dqv, 0, bytes);
    queries_back(w->dqu, w->dqv, h->wide, b->n, h->e, a->scale, j->q_beta,
                 h->q_grad + (ptrdiff_t)b->i * h->d, h->d,
                 a->u != NULL ? a->u->g + bias : NULL,
                 a->vb != NULL ? a->vb->g + bias : NULL);
}

static void backward_unit(const job *j, bl_head *h, int unit, int part)
{
    bl_attention_args *a = j->a;
    int apart = a->shared > 1 ? a->q->cols : a->k->cols;
    bl_head_open_back(h, j->g, a, unit, part);
    for (int i = 0; i < h->t; i += BL_BLOCK) {
        block b = block_at(h, i);
        mask_block(j->g, a, h, &b);
        backward_block(j, h, &b);
    }
    bl_head_add_sums(h, h->w.dk, h->k_grad, apart, a->shared > 1 ? 0 : j->k_beta);
    bl_head_add_sums(h, h->w.dv, h->v_grad, apart, a->shared > 1 ? 0 : j->v_beta);
}

static void backward_part(void *arg, int part)
{
    const job *j = arg;
    int all = j->a->scope.lanes * j->a->heads;
    bl_head h = {.r = NULL};
    for (int u = next_unit(j->a, part, -1); u < all; u = next_unit(j->a, part, u))
        backward_unit(j, &h, u, part);
    if (h.r != NULL)
        bl_head_add_sums(&h, h.w.dr, h.r_grad, h.d, j->r_beta);
}

/* A row (G e) = beta row + the sums over the query heads (H e) that share. */
BL_CLONES static void join_row(const bl_real *from, int n_kv, int shared, int e,
                               bl_real beta, bl_real *to)
{
    for (int g = 0; g < n_kv; g++, to += e) {
        for (int c = 0; c < e && beta == 0; c++)
            to[c] = 0;
        for (int h = 0; h < shared; h++, from += e)
            for (int c = 0; c < e; c++)
                to[c] += from[c];
    }
}

/* The heads of k and v get what all their query heads made, in order. */
static void join_part(void *arg, int part)
{
    const job *j = arg;
    const bl_attention_args *a = j->a;
    int start, end, d = a->q->cols, e = d / a->heads, kd = a->k->cols;
    bl_rows_of(a->k->rows, part, &start, &end);
    for (ptrdiff_t r = start; r < end; r++) {
        join_row(a->k_sum + r * d, kd / e, a->shared, e, j->k_beta, a->k->g + r * kd);
        join_row(a->v_sum + r * d, kd / e, a->shared, e, j->v_beta, a->v->g + r * kd);
    }
}

static void attention_backward(bl_graph *g, void *args)
{
    bl_attention_args *a = args;
    job j = {g,
             a,
             bl_grad_beta(a->q),
             bl_grad_beta(a->k),
             bl_grad_beta(a->v),
             a->r != NULL ? bl_grad_beta(a->r) : 0};
    bl_pool_run(g->pool, backward_part, &j, a->parts);
    if (a->shared > 1)
        bl_pool_run(g->pool, join_part, &j, BL_PARTS);
}

bl_mat *bl_attention(bl_graph *g, bl_mat *q, bl_mat *k, bl_mat *v,
                     const bl_relative *rel, const bl_scope *scope, int heads,
                     double dropout, bl_real **usage)
{
    if (g->e->code != 0)
        return NULL;
    bl_attention_args a = {.q = q,
                           .k = k,
                           .v = v,
                           .r = rel->r,
                           .u = rel->u,
                           .vb = rel->vb,
                           .scope = *scope,
                           .heads = heads,
                           .dropout = dropout,
                           .site = ++g->sites};
    a.scale = (bl_real)(1 / sqrt((double)(q->cols / heads)));
    a.out = bl_graph_mat(g, q->rows, q->cols, 1);
    a.log_sum = bl_graph_alloc(g, (size_t)q->rows * (size_t)heads, sizeof *a.log_sum);
    if (usage != NULL)
        a.usage = *usage = bl_graph_alloc(
            g, (size_t)scope->lanes * (size_t)heads * (size_t)scope->keys,
            sizeof *a.usage);
    a.workspace = bl_space_size(g, scope, q->cols / heads);
    a.parts = heads;
    if (rel->r == NULL)
        a.parts = (int)bl_min((int64_t)scope->lanes * heads, bl_max(heads, BL_PARTS));
    a.shared = q->cols / k->cols;
    size_t spaces = (size_t)a.parts * a.workspace,
           sums = a.shared > 1 && g->train ? (size_t)k->rows * (size_t)q->cols : 0;
    a.scratch = bl_graph_scratch(g, spaces + 2 * sums);
    if (sums > 0) {
        a.k_sum = a.scratch + spaces;
        a.v_sum = a.k_sum + sums;
    }
    bl_graph_reads(g, q);
    bl_graph_reads(g, k);
    bl_graph_reads(g, v);
    bl_graph_reads(g, rel->r);
    bl_graph_op(g, attention_forward, attention_backward, &a, sizeof a);
    return a.out;
}
