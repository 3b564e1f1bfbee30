/* compress.c - what a Compressive Transformer makes of the memories that a segment
 * pushes out (Rae et al. 2019, "Compressive Transformers for long-range sequence
 * modelling"), and the attention reconstruction that trains the convolution. */
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

/* What a convolution keeps and works in; D is the width, N = T / ratio. */
typedef struct {
    bl_compress_args a;
    bl_real *old;         /* (B, T, D) rows that leave, in time order */
    bl_real *rows;        /* (B, N, D) compressed */
    bl_real *grad;        /* (B, N, D) gradient of the auxiliary loss */
    bl_real *normed;      /* (T, D) rows as the layer attends to them */
    bl_real *mean, *rstd; /* (T) of their norm */
    bl_real *k, *v;       /* (T, G e) keys and values of the rows that leave */
    bl_real *nk, *nv;     /* (N, G e) of the compressed rows */
    bl_real *dk, *dv;     /* (N, G e) */
    bl_real *p, *np;      /* (T, T) and (T, N) probabilities of a head */
    bl_real *out;         /* (T, D) A(new) - A(old) */
    bl_real *dp;          /* (T, N) */
    bl_real *scratch;     /* (2 D) */
} compress_args;

int bl_n_evicted(int length, int plain, int n_real)
{
    return (int)bl_max(0, bl_min(length, plain) + n_real - plain);
}

static int evicted(const bl_graph *g, const compress_args *a, int lane)
{
    return bl_n_evicted(g->feed.mem_length[lane], a->a.plain, g->feed.n_real[lane]);
}

/* The rows of [memory ; x] that leave: old memory first, then tokens. */
static void gather(const bl_graph *g, compress_args *c, int lane, int n)
{
    const bl_compress_args *a = &c->a;
    size_t d = (size_t)a->x->cols;
    int length = (int)bl_min(g->feed.mem_length[lane], a->plain);
    int from_memory = (int)bl_min(n, length);
    bl_real *to = c->old + (size_t)lane * (size_t)a->t * d;
    const bl_real *memory =
        a->memory + ((size_t)lane * (size_t)a->slots + (size_t)(a->slots - length)) * d;
    const bl_real *x = a->x->v + (size_t)lane * (size_t)a->t * d;
    memcpy(to, memory, (size_t)from_memory * d * sizeof *to);
    memcpy(to + (size_t)from_memory * d, x, (size_t)(n - from_memory) * d * sizeof *to);
}

static void pool_rows(bl_compressor how, int ratio, int d, const bl_real *old, int n,
                      bl_real *to)
{
    for (int r = 0; r < n; r++)
        for (int c = 0; c < d; c++) {
            const bl_real *x = old + (ptrdiff_t)r * ratio * d + c;
            bl_real sum = x[0], max = x[0];
            for (int i = 1; i < ratio; i++) {
                bl_real next = x[(ptrdiff_t)i * d];
                sum += next;
                max = next > max ? next : max;
            }
            to[(ptrdiff_t)r * d + c] =
                how == BL_COMPRESS_MAX ? max : sum / (bl_real)ratio;
        }
}

/* C (m, n) = alpha op(A) op(B) + beta C on rows that lie lda, ldb, ldc apart. */
static void multiply(int ta, int tb, int m, int n, int k, bl_real alpha,
                     const bl_real *a, int lda, const bl_real *b, int ldb, bl_real beta,
                     bl_real *c, int ldc)
{
    bl_gemm_one(&(bl_gemm_args){ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc,
                                BL_FP32, NULL, NULL});
}

/* Of the convolution kernel and stride are the ratio, so `ratio` rows are one row of
 * ratio * D. */
void bl_compress_rows(bl_compressor how, int ratio, int width, const bl_mat *cw,
                      const bl_mat *cb, const bl_real *old, int n, bl_real *to)
{
    if (how != BL_COMPRESS_CONV) {
        pool_rows(how, ratio, width, old, n, to);
        return;
    }
    for (int r = 0; r < n; r++)
        memcpy(to + (ptrdiff_t)r * width, cb->v, (size_t)width * sizeof *to);
    multiply(0, 0, n, width, ratio * width, 1, old, ratio * width, cw->v, width, 1, to,
             width);
}

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
static const bl_real *queries(const bl_graph *g, const compress_args *c, int lane,
                              int *n)
{
    *n = g->feed.n_real[lane];
    return c->a.q->v + (ptrdiff_t)lane * c->a.t * c->a.x->cols;
}

/* Where the keys and values of query head h begin in their rows. */
static int key_column(const compress_args *c, int h)
{
    int e = c->a.x->cols / c->a.heads, n_kv = c->a.wk->cols / e;
    return h * n_kv / c->a.heads * e;
}

/* out (+)= sign * softmax(q k' / sqrt(e)) v for one head of t queries; p takes the
 * probabilities. */
static void content(const compress_args *c, const bl_real *q, int t, int h, int n,
                    const bl_real *k, const bl_real *v, bl_real sign, bl_real beta,
                    bl_real *p)
{
    int d = c->a.x->cols, e = d / c->a.heads, at = h * e;
    int kv = key_column(c, h), kd = c->a.wk->cols;
    q += at;
    multiply(0, 1, t, n, e, (bl_real)(1 / sqrt((double)e)), q, d, k + kv, kd, 0, p, n);
    softmax(p, t, n);
    multiply(0, 0, t, e, n, sign, p, n, v + kv, kd, beta, c->out + at, d);
}

/* The bias of the norm before the layer, NULL where it has none. */
static const bl_real *bias_of(const bl_compress_args *a)
{
    return a->bias != NULL ? a->bias->v : NULL;
}

/* n rows as the layer attends to them; those of the last call stay in `normed`. */
static const bl_real *attended(compress_args *c, const bl_real *rows, int n)
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
static void project(const compress_args *c, const bl_real *rows, int n, bl_real *k,
                    bl_real *v)
{
    int d = c->a.x->cols, kd = c->a.wk->cols;
    multiply(0, 0, n, kd, d, 1, rows, d, c->a.wk->v, kd, 0, k, kd);
    multiply(0, 0, n, kd, d, 1, rows, d, c->a.wv->v, kd, 0, v, kd);
}

/* The gradient of n compressed rows, raw, from that of their keys and values. */
static void project_back(compress_args *c, const bl_real *rows, int n, bl_real *grad)
{
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, kd = a->wk->cols;
    multiply(0, 1, n, d, kd, 1, c->dk, kd, a->wk->v, kd, 0, grad, d);
    multiply(0, 1, n, d, kd, 1, c->dv, kd, a->wv->v, kd, 1, grad, d);
    for (ptrdiff_t r = 0; r < n && a->gain != NULL; r++)
        bl_norm_row_back(rows + r * d, a->gain->v, bias_of(a), d, c->mean[r],
                         c->rstd[r], grad + r * d, c->scratch);
}

/* Attention reconstruction of one lane: adds sum (A(new) - A(old))^2 / D to *sum and
 * leaves its gradient in grad (n, D). */
static void reconstruct(const bl_graph *g, compress_args *c, int lane, int n_old, int n,
                        double *sum)
{
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, e = d / a->heads, t;
    const bl_real *old = c->old + (ptrdiff_t)lane * a->t * d;
    const bl_real *q = queries(g, c, lane, &t);
    ptrdiff_t at = (ptrdiff_t)lane * (a->t / a->ratio) * d;
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
        multiply(1, 0, n, e, t, 1, c->np, n, out, d, beta, c->dv + kv, kd);
        multiply(0, 1, t, n, e, 1, out, d, c->nv + kv, kd, 0, c->dp, n);
        softmax_back(c->np, c->dp, t, n);
        multiply(1, 0, n, e, t, scale, c->dp, n, q + h * e, d, beta, c->dk + kv, kd);
    }
    project_back(c, fresh, n, c->grad + at);
}

static void compress_forward(bl_graph *g, void *args)
{
    compress_args *c = args;
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, t = a->t;
    g->feed.n_aux = 0; /* the same in every layer */
    for (int lane = 0; lane < a->lanes; lane++) {
        int n = evicted(g, c, lane) / a->ratio;
        bl_real *old = c->old + (ptrdiff_t)lane * t * d;
        bl_real *to = c->rows + (ptrdiff_t)lane * (t / a->ratio) * d;
        gather(g, c, lane, n * a->ratio);
        if (n == 0)
            continue;
        bl_compress_rows(a->how, a->ratio, d, a->cw, a->cb, old, n, to);
        if (a->how != BL_COMPRESS_CONV)
            continue;
        reconstruct(g, c, lane, n * a->ratio, n, &g->feed.aux_sum);
        g->feed.n_aux += g->feed.n_real[lane];
    }
}

/* Only the convolution learns: dcw += old' grad, dcb += sum of grad. */
static void compress_backward(bl_graph *g, void *args)
{
    compress_args *c = args;
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, t = a->t;
    if (a->how != BL_COMPRESS_CONV)
        return;
    for (int lane = 0; lane < a->lanes; lane++) {
        int n = evicted(g, c, lane) / a->ratio;
        bl_real *grad = c->grad + (ptrdiff_t)lane * (t / a->ratio) * d;
        if (n == 0)
            continue;
        for (int64_t i = 0; i < (int64_t)n * d; i++)
            grad[i] *= (bl_real)g->feed.aux_scale;
        multiply(1, 0, a->ratio * d, d, n, 1, c->old + (ptrdiff_t)lane * t * d,
                 a->ratio * d, grad, d, 1, a->cw->g, d);
        bl_add_columns(a->cb->g, grad, n, d, 0, d);
    }
}

void bl_compress(bl_graph *g, const bl_compress_args *args, bl_real **rows)
{
    if (g->e->code != 0)
        return;
    size_t b = (size_t)args->lanes, t = (size_t)args->t, d = (size_t)args->x->cols;
    size_t n = t / (size_t)args->ratio, real = sizeof(bl_real);
    compress_args c = {.a = *args};
    c.old = bl_graph_alloc(g, b * t * d, real);
    c.rows = *rows = bl_graph_alloc(g, b * n * d, real);
    if (args->how == BL_COMPRESS_CONV) {
        bl_real **const of_t[] = {&c.k, &c.v, &c.out};
        bl_real **const of_n[] = {&c.nk, &c.nv, &c.dk, &c.dv};
        c.grad = bl_graph_alloc(g, b * n * d, real);
        if (args->gain != NULL) {
            c.normed = bl_graph_alloc(g, t * d, real);
            c.mean = bl_graph_alloc(g, t, real);
            c.rstd = bl_graph_alloc(g, t, real);
            c.scratch = bl_graph_alloc(g, 2 * d, real);
        }
        for (size_t i = 0; i < BL_COUNT(of_t); i++)
            *of_t[i] = bl_graph_alloc(g, t * d, real);
        for (size_t i = 0; i < BL_COUNT(of_n); i++)
            *of_n[i] = bl_graph_alloc(g, n * d, real);
        c.p = bl_graph_alloc(g, t * t, real);
        c.np = bl_graph_alloc(g, t * n, real);
        c.dp = bl_graph_alloc(g, t * n, real);
    }
    bl_graph_op(g, compress_forward, compress_backward, &c, sizeof c);
}
