/* reconstruct.c - the auxiliary losses that the convolutions of a Compressive
 * Transformer learn from (Rae et al. 2019, 3.1 and algorithm 2): attention to what they
 * made against attention to the rows themselves, or these rows made again. */
#include "nn/op/compress.h"
#include "nn/kernel/vec.h"

/* ---- attention ---- */

BL_CLONES static void softmax(bl_real *p, int rows, int n)
{
    for (int r = 0; r < rows; r++) {
        bl_real *z = p + (ptrdiff_t)r * n, max = bl_max_of(z, n);
        for (int j = 0; j < n; j++)
            z[j] = bl_exp(z[j] - max);
        bl_real inverse = 1 / bl_sum(z, n);
        for (int j = 0; j < n; j++)
            z[j] *= inverse;
    }
}

/* dS = P (dP - sum P dP) in place of dP. */
BL_CLONES static void softmax_back(const bl_real *p, bl_real *dp, int rows, int n)
{
    for (int r = 0; r < rows; r++) {
        const bl_real *x = p + (ptrdiff_t)r * n;
        bl_real *d = dp + (ptrdiff_t)r * n, sum = bl_dot(x, d, n);
        for (int j = 0; j < n; j++)
            d[j] = x[j] * (d[j] - sum);
    }
}

/* The rows of a lane that are tokens: its queries. */
static const bl_real *queries(const bl_graph *g, const bl_compress_work *c, int lane,
                              int *n)
{
    *n = g->feed.n_real[lane];
    return c->a.q->v + (ptrdiff_t)lane * c->a.t * c->a.x->cols;
}

/* Where the keys and values of query head h begin in their rows. */
static int key_column(const bl_compress_work *c, int h)
{
    int e = c->a.x->cols / c->a.heads, n_kv = c->a.wk->cols / e;
    return h * n_kv / c->a.heads * e;
}

/* out (+)= sign * softmax(q k' / sqrt(e)) v for one head of t queries; p takes the
 * probabilities. */
static void content(const bl_compress_work *c, const bl_real *q, int t, int h, int n,
                    const bl_real *k, const bl_real *v, bl_real sign, bl_real beta,
                    bl_real *p)
{
    int d = c->a.x->cols, e = d / c->a.heads, at = h * e;
    int kv = key_column(c, h), kd = c->a.wk->cols;
    q += at;
    bl_multiply(0, 1, t, n, e, (bl_real)(1 / sqrt((double)e)), q, d, k + kv, kd, 0, p,
                n);
    softmax(p, t, n);
    bl_multiply(0, 0, t, e, n, sign, p, n, v + kv, kd, beta, c->out + at, d);
}

/* The bias of the norm before the layer, NULL where it has none. */
static const bl_real *bias_of(const bl_compress_args *a)
{
    return a->bias != NULL ? a->bias->v : NULL;
}

/* n rows as the layer attends to them; those of the last call stay in `normed`. */
static const bl_real *attended(bl_compress_work *c, const bl_real *rows, int n)
{
    const bl_compress_args *a = &c->a;
    ptrdiff_t d = a->x->cols;
    if (a->gain == NULL)
        return rows;
    for (int r = 0; r < n; r++)
        bl_norm_row(rows + r * d, a->gain->v, bias_of(a), (int)d, a->eps,
                    c->normed + r * d, &c->mean[r], &c->rstd[r]);
    return c->normed;
}

/* Keys and values. Biases are left out: those of keys add the same to all scores of a
 * query, those of values the same to A(old) and A(new). */
static void project(const bl_compress_work *c, const bl_real *rows, int n, bl_real *k,
                    bl_real *v)
{
    int d = c->a.x->cols, kd = c->a.wk->cols;
    bl_multiply(0, 0, n, kd, d, 1, rows, d, c->a.wk->v, kd, 0, k, kd);
    bl_multiply(0, 0, n, kd, d, 1, rows, d, c->a.wv->v, kd, 0, v, kd);
}

/* The gradient of n compressed rows, raw, from that of their keys and values. */
static void project_back(bl_compress_work *c, const bl_real *rows, int n, bl_real *grad)
{
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, kd = a->wk->cols;
    bl_multiply(0, 1, n, d, kd, 1, c->dk, kd, a->wk->v, kd, 0, grad, d);
    bl_multiply(0, 1, n, d, kd, 1, c->dv, kd, a->wv->v, kd, 1, grad, d);
    for (ptrdiff_t r = 0; r < n && a->gain != NULL; r++)
        bl_norm_row_back(rows + r * d, a->gain->v, bias_of(a), d, c->mean[r],
                         c->rstd[r], grad + r * d, c->scratch);
}

/* Attention reconstruction of one lane: adds sum (A(new) - A(old))^2 / D to *sum and
 * leaves its gradient in grad (n, D). */
static void rebuild_attention(const bl_graph *g, bl_compress_work *c, int lane,
                              int n_old, int n, double *sum)
{
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, e = d / a->heads, t;
    const bl_real *old = c->old + (ptrdiff_t)lane * a->t * d;
    const bl_real *q = queries(g, c, lane, &t);
    ptrdiff_t at = (ptrdiff_t)lane * (a->t / a->squeezer.ratio) * d;
    bl_real *fresh = c->rows + at;
    bl_real scale = (bl_real)(1 / sqrt((double)e));
    project(c, attended(c, old, n_old), n_old, c->k, c->v);
    project(c, attended(c, fresh, n), n, c->nk, c->nv);
    for (int h = 0; h < a->heads; h++) {
        content(c, q, t, h, n_old, c->k, c->v, -1, 0, c->p);
        content(c, q, t, h, n, c->nk, c->nv, 1, 1, c->np);
        bl_real *out = c->out + h * e;
        for (int i = 0; i < t; i++)
            for (int k = 0; k < e; k++) {
                bl_real *x = &out[(ptrdiff_t)i * d + k];
                *sum += (double)*x * (double)*x / d;
                *x *= (bl_real)2 / (bl_real)d;
            }
        int kv = key_column(c, h), kd = a->wk->cols; /* heads that share add up */
        bl_real beta = h > 0 && key_column(c, h - 1) == kv;
        bl_multiply(1, 0, n, e, t, 1, c->np, n, out, d, beta, c->dv + kv, kd);
        bl_multiply(0, 1, t, n, e, 1, out, d, c->nv + kv, kd, 0, c->dp, n);
        softmax_back(c->np, c->dp, t, n);
        bl_multiply(1, 0, n, e, t, scale, c->dp, n, q + h * e, d, beta, c->dk + kv, kd);
    }
    project_back(c, fresh, n, c->grad + at);
}

/* ---- rows ---- */

/* One lane: g(new) - old, tap by tap, the rows of a tap being `ratio` apart; adds the
 * sum of its squares / D to *sum, leaves its slope in diff and that of the new rows in
 * grad (n, D). */
static void rebuild_rows(bl_compress_work *c, int lane, int n_old, int n, double *sum)
{
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, ratio = a->squeezer.ratio;
    const bl_real *old = c->old + (ptrdiff_t)lane * a->t * d;
    bl_real *diff = c->diff + (ptrdiff_t)lane * a->t * d;
    ptrdiff_t at = (ptrdiff_t)lane * (a->t / ratio) * d;
    for (ptrdiff_t r = 0; r < n_old; r++)
        for (int k = 0; k < d; k++)
            diff[r * d + k] = a->squeezer.gb->v[k] - old[r * d + k];
    for (int tap = 0; tap < ratio; tap++)
        bl_multiply(0, 0, n, d, d, 1, c->rows + at, d,
                    a->squeezer.gw->v + (ptrdiff_t)tap * d * d, d, 1,
                    diff + (ptrdiff_t)tap * d, ratio * d);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n_old * d; i++) {
        *sum += (double)diff[i] * (double)diff[i] / d;
        diff[i] *= (bl_real)2 / (bl_real)d;
    }
    for (int tap = 0; tap < ratio; tap++)
        bl_multiply(0, 1, n, d, d, 1, diff + (ptrdiff_t)tap * d, ratio * d,
                    a->squeezer.gw->v + (ptrdiff_t)tap * d * d, d, tap > 0,
                    c->grad + at, d);
}

void bl_rebuild_learn(bl_compress_work *c, int lane, int n_old, int n, bl_real scale)
{
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, ratio = a->squeezer.ratio;
    bl_real *diff = c->diff + (ptrdiff_t)lane * a->t * d;
    const bl_real *fresh = c->rows + (ptrdiff_t)lane * (a->t / ratio) * d;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n_old * d; i++)
        diff[i] *= scale;
    for (int tap = 0; tap < ratio; tap++)
        bl_multiply(1, 0, d, d, n, 1, fresh, d, diff + (ptrdiff_t)tap * d, ratio * d, 1,
                    a->squeezer.gw->g + (ptrdiff_t)tap * d * d, d);
    bl_add_columns(a->squeezer.gb->g, diff, n_old, d, 0, d);
}

/* ---- both ---- */

void bl_rebuild_loss(const bl_graph *g, bl_compress_work *c, int lane, int n_old, int n,
                     double *sum)
{
    if (c->a.squeezer.loss == BL_REBUILD_ROWS)
        rebuild_rows(c, lane, n_old, n, sum);
    else
        rebuild_attention(g, c, lane, n_old, n, sum);
}

static void alloc_attention(bl_graph *g, bl_compress_work *c)
{
    const bl_compress_args *a = &c->a;
    size_t t = (size_t)a->t, d = (size_t)a->x->cols, real = sizeof(bl_real);
    size_t n = t / (size_t)a->squeezer.ratio;
    bl_real **const of_t[] = {&c->k, &c->v, &c->out};
    bl_real **const of_n[] = {&c->nk, &c->nv, &c->dk, &c->dv};
    if (a->gain != NULL) {
        c->normed = bl_graph_alloc(g, t * d, real);
        c->mean = bl_graph_alloc(g, t, real);
        c->rstd = bl_graph_alloc(g, t, real);
        c->scratch = bl_graph_alloc(g, 2 * d, real);
    }
    for (size_t i = 0; i < BL_COUNT(of_t); i++)
        *of_t[i] = bl_graph_alloc(g, t * d, real);
    for (size_t i = 0; i < BL_COUNT(of_n); i++)
        *of_n[i] = bl_graph_alloc(g, n * d, real);
    c->p = bl_graph_alloc(g, t * t, real);
    c->np = bl_graph_alloc(g, t * n, real);
    c->dp = bl_graph_alloc(g, t * n, real);
}

void bl_rebuild_alloc(bl_graph *g, bl_compress_work *c)
{
    const bl_compress_args *a = &c->a;
    size_t size = (size_t)a->lanes * (size_t)a->t * (size_t)a->x->cols;
    if (a->squeezer.loss == BL_REBUILD_ROWS)
        c->diff = bl_graph_alloc(g, size, sizeof(bl_real));
    else
        alloc_attention(g, c);
}
