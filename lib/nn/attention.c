/* attention.c - relative attention with segment memory (Dai et al. 2019), one head of
 * one lane at a time over a (T, K) tile that belongs to the part. The probabilities are
 * not kept: the backward pass makes them again from the row's log-sum-exp.
 *
 * score(i,j) = ((q_i + u).k_j + (q_i + vb).r_(K-1-d)) / sqrt(e), d = M + i - j. With X
 * = (q + vb) r' that row of r is column j + T-1-i of X: reading row i at the offset
 * T-1-i replaces the paper's shift (appendix B). */
#include "nn/gemm.h"
#include "nn/ops.h"
#include "nn/vec.h"

typedef struct {
    bl_mat *q, *k, *v, *r, *u, *vb, *out;
    int heads, tiles;
    double dropout;
    uint32_t site;
    bl_real scale;
    bl_real *log_sum; /* (B, H, T) */
    bl_real *scratch; /* one tile after the other */
    size_t tile_size;
} attention_args;

/* The scratch of one part: (T,K) scores or probabilities, positional scores, gradients,
 * and the biased queries (T,e). */
typedef struct {
    bl_real *s, *x, *dp, *qu, *qv, *dqu, *dqv;
} tile;

typedef struct {
    bl_graph *g;
    attention_args *a;
    bl_real q_beta, k_beta, v_beta, r_beta;
} job;

static tile tile_of(const bl_graph *g, const attention_args *a, int part)
{
    size_t keys = (size_t)(g->memory + g->segment), t = (size_t)g->segment;
    size_t e = (size_t)(a->q->cols / a->heads);
    bl_real *p = a->scratch + (size_t)part * a->tile_size;
    tile w = {.s = p, .x = p + t * keys, .dp = p + 2 * t * keys};
    w.qu = p + 3 * t * keys;
    w.qv = w.qu + t * e;
    w.dqu = w.qv + t * e;
    w.dqv = w.dqu + t * e;
    return w;
}

static size_t tile_reals(const bl_graph *g, int e)
{
    size_t t = (size_t)g->segment, keys = (size_t)(g->memory + g->segment);
    return (3 * t * keys + 4 * t * (size_t)e + 15) / 16 * 16;
}

/* C (m,n) = A B' or so, on this thread. */
static void multiply(int ta, int tb, int m, int n, int k, const bl_real *a, int lda,
                     const bl_real *b, int ldb, bl_real beta, bl_real *c, int ldc)
{
    bl_gemm_args p = {ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc};
    bl_gemm_one(&p);
}

/* qu = q + u, qv = q + vb for one head; S = qu k', X = qv r'. */
static void scores(const bl_graph *g, const attention_args *a, int b, int h,
                   const tile *w)
{
    int t = g->segment, keys = g->memory + t, d = a->q->cols, e = d / a->heads;
    const bl_real *q = a->q->v + (ptrdiff_t)b * t * d + h * e;
    const bl_real *u = a->u->v + h * e, *vb = a->vb->v + h * e;
    for (int i = 0; i < t; i++)
        for (int c = 0; c < e; c++) {
            w->qu[i * e + c] = q[(ptrdiff_t)i * d + c] + u[c];
            w->qv[i * e + c] = q[(ptrdiff_t)i * d + c] + vb[c];
        }
    multiply(0, 1, t, keys, e, w->qu, e, a->k->v + (ptrdiff_t)b * keys * d + h * e, d,
             0, w->s, keys);
    multiply(0, 1, t, keys, e, w->qv, e, a->r->v + h * e, d, 0, w->x, keys);
}

/* One row: s -> probabilities of the keys first .. last, 0 elsewhere. x is the row of X
 * at its offset. Returns the log-sum-exp. */
BL_CLONES static bl_real softmax_row(bl_real *s, const bl_real *x, int first, int last,
                                     int keys, bl_real scale)
{
    int n = last - first + 1;
    bl_real *z = s + first;
    for (int j = 0; j < n; j++)
        z[j] = (z[j] + x[first + j]) * scale;
    bl_real max = bl_max_of(z, n);
    for (int j = 0; j < n; j++)
        z[j] = bl_exp(z[j] - max);
    bl_real sum = bl_sum(z, n), inverse = 1 / sum;
    for (int j = 0; j < n; j++)
        z[j] *= inverse;
    memset(s, 0, (size_t)first * sizeof *s);
    memset(s + last + 1, 0, (size_t)(keys - last - 1) * sizeof *s);
    return max + (bl_real)log((double)sum);
}

static void forward_part(void *arg, int part)
{
    job *j = arg;
    bl_graph *g = j->g;
    attention_args *a = j->a;
    int t = g->segment, keys = g->memory + t, d = a->q->cols, e = d / a->heads;
    tile w = tile_of(g, a, part);
    int n = g->lanes * a->heads;
    for (int unit = part; unit < n; unit += a->tiles) {
        int b = unit / a->heads, h = unit % a->heads;
        int first = g->memory - g->feed.mem_length[b];
        scores(g, a, b, h, &w);
        for (int i = 0; i < t; i++) {
            bl_real *row = w.s + (ptrdiff_t)i * keys;
            int64_t at = (int64_t)unit * t + i;
            a->log_sum[at] = softmax_row(row, w.x + (ptrdiff_t)i * keys + t - 1 - i,
                                         first, g->memory + i, keys, a->scale);
            bl_dropout(&g->feed, a->site, a->dropout, bl_site_start(at, keys), keys,
                       row);
        }
        multiply(0, 0, t, e, keys, w.s, keys, a->v->v + (ptrdiff_t)b * keys * d + h * e,
                 d, 0, a->out->v + (ptrdiff_t)b * t * d + h * e, d);
    }
}

static void attention_forward(bl_graph *g, void *args)
{
    attention_args *a = args;
    job j = {.g = g, .a = a};
    bl_pool_run(g->pool, forward_part, &j, a->tiles);
}

/* The probabilities again, from the scores and the row's log-sum-exp. */
BL_CLONES static void probabilities(bl_real *s, const bl_real *x, int first, int last,
                                    int keys, bl_real scale, bl_real log_sum)
{
    for (int j = first; j <= last; j++)
        s[j] = bl_exp((s[j] + x[j]) * scale - log_sum);
    memset(s, 0, (size_t)first * sizeof *s);
    memset(s + last + 1, 0, (size_t)(keys - last - 1) * sizeof *s);
}

/* dS = P (dP - sum P dP) scale, in place of dP. */
BL_CLONES static void softmax_back_row(const bl_real *p, bl_real *dp, int keys,
                                       bl_real scale)
{
    bl_real sum = bl_dot(p, dp, keys);
    for (int j = 0; j < keys; j++)
        dp[j] = p[j] * (dp[j] - sum) * scale;
}

/* From dO of one (lane, head): dv += P' dO, and dS in w->dp, dX in w->x. */
static void score_grads(bl_graph *g, attention_args *a, int b, int h, const tile *w,
                        bl_real v_beta)
{
    int t = g->segment, keys = g->memory + t, d = a->q->cols, e = d / a->heads;
    const bl_real *grad = a->out->g + (ptrdiff_t)b * t * d + h * e;
    const bl_real *v = a->v->v + (ptrdiff_t)b * keys * d + h * e;
    bl_real *dv = a->v->g + (ptrdiff_t)b * keys * d + h * e;
    int64_t unit = (int64_t)b * a->heads + h;
    int first = g->memory - g->feed.mem_length[b];
    int drops = g->feed.train && a->dropout > 0;
    multiply(0, 1, t, keys, e, grad, d, v, d, 0, w->dp, keys);
    for (int i = 0; i < t; i++)
        probabilities(w->s + (ptrdiff_t)i * keys,
                      w->x + (ptrdiff_t)i * keys + t - 1 - i, first, g->memory + i,
                      keys, a->scale, a->log_sum[unit * t + i]);
    /* w->x is free now: it takes the dropped probabilities, then dX */
    const bl_real *dropped = w->s;
    if (drops) {
        memcpy(w->x, w->s, (size_t)t * (size_t)keys * sizeof *w->x);
        for (int i = 0; i < t; i++) {
            int64_t start = bl_site_start(unit * t + i, keys);
            bl_dropout(&g->feed, a->site, a->dropout, start, keys,
                       w->x + (ptrdiff_t)i * keys);
            bl_dropout(&g->feed, a->site, a->dropout, start, keys,
                       w->dp + (ptrdiff_t)i * keys);
        }
        dropped = w->x;
    }
    multiply(1, 0, keys, e, t, dropped, keys, grad, d, v_beta, dv, d);
    for (int i = 0; i < t; i++) {
        bl_real *ds = w->dp + (ptrdiff_t)i * keys, *dx = w->x + (ptrdiff_t)i * keys;
        int offset = t - 1 - i;
        softmax_back_row(w->s + (ptrdiff_t)i * keys, ds, keys, a->scale);
        memset(dx, 0, (size_t)offset * sizeof *dx);
        memcpy(dx + offset, ds, (size_t)(keys - offset) * sizeof *dx);
    }
}

/* A part owns whole heads and takes the lanes in order, so that the sums over lanes (r,
 * u, vb) have one order whatever the threads. */
static void backward_part(void *arg, int h)
{
    job *j = arg;
    bl_graph *g = j->g;
    attention_args *a = j->a;
    int t = g->segment, keys = g->memory + t, d = a->q->cols, e = d / a->heads;
    tile w = tile_of(g, a, h);
    for (int b = 0; b < g->lanes; b++) {
        const bl_real *k = a->k->v + (ptrdiff_t)b * keys * d + h * e;
        bl_real *dq = a->q->g + (ptrdiff_t)b * t * d + h * e;
        scores(g, a, b, h, &w);
        score_grads(g, a, b, h, &w, j->v_beta);
        multiply(0, 0, t, e, keys, w.dp, keys, k, d, 0, w.dqu, e);
        multiply(0, 0, t, e, keys, w.x, keys, a->r->v + h * e, d, 0, w.dqv, e);
        multiply(1, 0, keys, e, t, w.dp, keys, w.qu, e, j->k_beta,
                 a->k->g + (ptrdiff_t)b * keys * d + h * e, d);
        multiply(1, 0, keys, e, t, w.x, keys, w.qv, e, b == 0 ? j->r_beta : 1,
                 a->r->g + h * e, d);
        for (int i = 0; i < t; i++)
            for (int c = 0; c < e; c++) {
                bl_real *to = &dq[(ptrdiff_t)i * d + c];
                *to = (j->q_beta == 0 ? 0 : *to) + w.dqu[i * e + c] + w.dqv[i * e + c];
                a->u->g[h * e + c] += w.dqu[i * e + c];
                a->vb->g[h * e + c] += w.dqv[i * e + c];
            }
    }
}

static void attention_backward(bl_graph *g, void *args)
{
    attention_args *a = args;
    job j = {g,
             a,
             bl_grad_beta(a->q),
             bl_grad_beta(a->k),
             bl_grad_beta(a->v),
             bl_grad_beta(a->r)};
    bl_pool_run(g->pool, backward_part, &j, a->heads);
}

bl_mat *bl_attention(bl_graph *g, bl_mat *q, bl_mat *k, bl_mat *v, bl_mat *r, bl_mat *u,
                     bl_mat *vb, int heads, double dropout)
{
    if (g->e->code != 0)
        return NULL;
    int e = q->cols / heads;
    attention_args a = {.q = q,
                        .k = k,
                        .v = v,
                        .r = r,
                        .u = u,
                        .vb = vb,
                        .heads = heads,
                        .tiles = heads,
                        .dropout = dropout,
                        .site = ++g->sites};
    a.scale = (bl_real)(1 / sqrt((double)e));
    a.out = bl_graph_mat(g, q->rows, q->cols, 1);
    a.log_sum = bl_graph_alloc(g, (size_t)q->rows * (size_t)heads, sizeof *a.log_sum);
    a.tile_size = tile_reals(g, e);
    a.scratch = bl_graph_scratch(g, (size_t)a.tiles * a.tile_size);
    bl_graph_op(g, attention_forward, attention_backward, &a, sizeof a);
    return a.out;
}
