/* gen.c - generation one token at a time. Keys and values of the past stay in rings;
 * the positional keys r W_r of all distances are made once. A step costs what T = 1
 * costs in the training graph, without recomputing the memory. */
#include "base/mem.h"
#include "model/impl.h"
#include "nn/gemm.h"
#include "nn/ops.h"
#include "nn/vec.h"

#include <stdlib.h>

/* S streams, W = memory + 1 keys a stream. */
struct bl_gen {
    const bl_model *m;
    bl_pool *pool;
    int streams, window;
    bl_err build;
    bl_graph store;             /* owns the buffers; has no ops */
    bl_real **k, **v;           /* [layers] rings (S, W, D) */
    bl_real **r;                /* [layers] (W, D): row d is the key of distance d */
    int64_t *count;             /* [S] tokens seen */
    int64_t *position;          /* [S] of this step, -1 = rests */
    bl_real *x, *y, *q, *a, *h; /* (S, D), (S, D), (S, D), (S, D), (S, F) */
    bl_real *score;             /* (S, W) */
};

static int alloc_rings(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    size_t s = (size_t)g->streams, w = (size_t)g->window, d = (size_t)c->width;
    size_t layers = (size_t)c->layers;
    bl_graph *b = &g->store;
    g->k = bl_graph_alloc(b, layers, sizeof *g->k);
    g->v = bl_graph_alloc(b, layers, sizeof *g->v);
    g->r = bl_graph_alloc(b, layers, sizeof *g->r);
    for (size_t n = 0; n < layers && b->e->code == 0; n++) {
        g->k[n] = bl_graph_alloc(b, s * w * d, sizeof(bl_real));
        g->v[n] = bl_graph_alloc(b, s * w * d, sizeof(bl_real));
        g->r[n] = bl_graph_alloc(b, w * d, sizeof(bl_real));
    }
    g->count = bl_graph_alloc(b, s, sizeof *g->count);
    g->position = bl_graph_alloc(b, s, sizeof *g->position);
    g->x = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->y = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->q = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->a = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->h = bl_graph_alloc(b, s * (size_t)c->ff, sizeof(bl_real));
    g->score = bl_graph_alloc(b, s * w, sizeof(bl_real));
    return b->e->code;
}

/* y (rows, n) = x (rows, k) W [+ bias]. */
static void project(bl_gen *g, const bl_real *x, const bl_mat *w, const bl_mat *bias,
                    int rows, bl_real *y)
{
    bl_gemm_args p = {.m = rows,
                      .n = w->cols,
                      .k = w->rows,
                      .alpha = 1,
                      .a = x,
                      .lda = w->rows,
                      .b = w->v,
                      .ldb = w->cols,
                      .c = y,
                      .ldc = w->cols};
    bl_gemm(g->pool, &p);
    for (int r = 0; r < rows && bias != NULL; r++)
        for (int c = 0; c < w->cols; c++)
            y[(ptrdiff_t)r * w->cols + c] += bias->v[c];
}

static int prepare_positions(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    bl_real *rows =
        bl_graph_alloc(&g->store, (size_t)g->window * (size_t)c->width, sizeof *rows);
    if (rows == NULL)
        return g->store.e->code;
    for (int d = 0; d < g->window; d++) {
        int distance = c->clamp_len > 0 && d > c->clamp_len ? c->clamp_len : d;
        bl_position_row(distance, c->width, rows + (ptrdiff_t)d * c->width);
    }
    for (int n = 0; n < c->layers; n++)
        project(g, rows, g->m->layer[n].wr, NULL, g->window, g->r[n]);
    return 0;
}

int bl_gen_new(bl_gen **out, bl_model *m, int n_streams, int memory, bl_pool *pool,
               bl_err *e)
{
    *out = NULL;
    if (n_streams < 1 || n_streams > 65536 || memory < 0 || memory > 1 << 20)
        return bl_fail(e, BL_E_ARG,
                       "%d streams with %d tokens of memory are not possible",
                       n_streams, memory);
    bl_gen *g = bl_calloc(1, sizeof *g, e);
    if (g == NULL)
        return BL_E_NOMEM;
    g->m = m;
    g->pool = pool;
    g->streams = n_streams;
    g->window = memory + 1;
    g->build = BL_ERR_INIT;
    g->store = (bl_graph){.pool = pool, .e = &g->build};
    int rc = alloc_rings(g);
    if (rc == 0)
        rc = prepare_positions(g);
    if (rc != 0) {
        bl_fail(e, rc, "%s", g->build.text);
        bl_gen_del(g);
        return rc;
    }
    *out = g;
    return 0;
}

void bl_gen_del(bl_gen *g)
{
    if (g == NULL)
        return;
    bl_graph_free(&g->store);
    free(g);
}

void bl_gen_forget(bl_gen *g, int stream)
{
    g->count[stream] = 0;
}

typedef struct {
    bl_gen *g;
    int layer;
} job;

/* One head: scores over the ring, softmax, weighted sum of the values. The key of age d
 * lies at (position - d) mod W. */
BL_CLONES static void attend_head(const bl_real *qu, const bl_real *qv,
                                  const bl_real *k, const bl_real *v, const bl_real *r,
                                  int64_t position, int n, int window, int d, int e,
                                  bl_real *score, bl_real *out)
{
    bl_real scale = 1 / (bl_real)sqrt((double)e);
    for (int age = 0; age < n; age++) {
        ptrdiff_t slot = (ptrdiff_t)((position - age) % window);
        score[age] =
            (bl_dot(qu, k + slot * d, e) + bl_dot(qv, r + (ptrdiff_t)age * d, e)) *
            scale;
    }
    bl_real max = bl_max_of(score, n);
    for (int age = 0; age < n; age++)
        score[age] = bl_exp(score[age] - max);
    bl_real inverse = 1 / bl_sum(score, n);
    for (int c = 0; c < e; c++)
        out[c] = 0;
    for (int age = 0; age < n; age++) {
        const bl_real *row = v + (ptrdiff_t)((position - age) % window) * d;
        bl_real p = score[age] * inverse;
        for (int c = 0; c < e; c++)
            out[c] += p * row[c];
    }
}

static void attend_stream(void *arg, int s)
{
    job *j = arg;
    bl_gen *g = j->g;
    if (g->position[s] < 0)
        return;
    const bl_layer *l = &g->m->layer[j->layer];
    int d = g->m->config.width, heads = g->m->config.heads, e = d / heads;
    ptrdiff_t ring = (ptrdiff_t)s * g->window * d;
    int n = (int)bl_min(g->window, g->position[s] + 1);
    bl_real *q = g->q + (ptrdiff_t)s * d, *qv = g->y + (ptrdiff_t)s * d;
    for (int c = 0; c < d; c++) {
        qv[c] = q[c] + l->vb->v[c];
        q[c] += l->u->v[c];
    }
    for (int h = 0; h < heads; h++) {
        int at = h * e;
        attend_head(q + at, qv + at, g->k[j->layer] + ring + at,
                    g->v[j->layer] + ring + at, g->r[j->layer] + at, g->position[s], n,
                    g->window, d, e, g->score + (ptrdiff_t)s * g->window,
                    g->a + (ptrdiff_t)s * d + at);
    }
}

static void norm_rows(bl_gen *g, const bl_real *x, const bl_mat *gain,
                      const bl_mat *bias, bl_real *y)
{
    int d = g->m->config.width;
    bl_real mean, rstd;
    for (int s = 0; s < g->streams; s++)
        bl_norm_row(x + (ptrdiff_t)s * d, gain->v, bias->v, d, g->m->config.norm_eps,
                    y + (ptrdiff_t)s * d, &mean, &rstd);
}

/* Copies fresh rows (S, D) to the rings of the streams that do not rest. */
static void remember(bl_gen *g, const bl_real *rows, bl_real *ring)
{
    size_t d = (size_t)g->m->config.width;
    for (int s = 0; s < g->streams; s++) {
        if (g->position[s] < 0)
            continue;
        size_t slot = (size_t)(g->position[s] % g->window);
        memcpy(ring + ((size_t)s * (size_t)g->window + slot) * d, rows + (size_t)s * d,
               d * sizeof *rows);
    }
}

static void add(bl_real *x, const bl_real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* The layer of xl.c for one new row a stream. */
static void layer_step(bl_gen *g, int n)
{
    const bl_model_config *c = &g->m->config;
    const bl_layer *l = &g->m->layer[n];
    int rows = g->streams;
    int64_t size = (int64_t)rows * c->width;
    const bl_real *from = g->x;
    if (c->pre_norm) {
        norm_rows(g, g->x, l->ln1_g, l->ln1_b, g->a);
        from = g->a;
    }
    project(g, from, l->wk, NULL, rows, g->y);
    remember(g, g->y, g->k[n]);
    project(g, from, l->wv, NULL, rows, g->y);
    remember(g, g->y, g->v[n]);
    project(g, from, l->wq, NULL, rows, g->q);
    job j = {g, n};
    bl_pool_run(g->pool, attend_stream, &j, rows);
    project(g, g->a, l->wo, NULL, rows, g->y);
    add(g->x, g->y, size);
    if (!c->pre_norm)
        norm_rows(g, g->x, l->ln1_g, l->ln1_b, g->x);
    from = g->x;
    if (c->pre_norm) {
        norm_rows(g, g->x, l->ln2_g, l->ln2_b, g->a);
        from = g->a;
    }
    project(g, from, l->w1, l->b1, rows, g->h);
    for (int64_t i = 0; i < (int64_t)rows * c->ff; i++)
        g->h[i] = g->h[i] > 0 ? g->h[i] : 0;
    project(g, g->h, l->w2, l->b2, rows, g->y);
    add(g->x, g->y, size);
    if (!c->pre_norm)
        norm_rows(g, g->x, l->ln2_g, l->ln2_b, g->x);
}

void bl_gen_step(bl_gen *g, const int32_t *token, bl_real *logits)
{
    const bl_model *m = g->m;
    int d = m->config.width, vocab = m->config.vocab;
    bl_real scale = (bl_real)sqrt((double)d);
    for (int s = 0; s < g->streams; s++) {
        g->position[s] = token[s] < 0 ? -1 : g->count[s]++;
        const bl_real *row = m->emb->v + (ptrdiff_t)(token[s] < 0 ? 0 : token[s]) * d;
        for (int c = 0; c < d; c++)
            g->x[(ptrdiff_t)s * d + c] = row[c] * scale;
    }
    for (int n = 0; n < m->config.layers; n++)
        layer_step(g, n);
    if (m->config.pre_norm)
        norm_rows(g, g->x, m->lnf_g, m->lnf_b, g->x);
    for (int s = 0; s < g->streams; s++) {
        if (token[s] < 0)
            continue;
        bl_real *out = logits + (ptrdiff_t)s * vocab;
        memcpy(out, m->out_b->v, (size_t)vocab * sizeof *out);
    }
    /* all rows in one product, so that a stream's numbers do not depend on its
     * neighbours */
    bl_gemm_args p = {.tb = 1,
                      .m = g->streams,
                      .n = vocab,
                      .k = d,
                      .alpha = 1,
                      .a = g->x,
                      .lda = d,
                      .b = m->emb->v,
                      .ldb = d,
                      .beta = 1,
                      .c = logits,
                      .ldc = vocab};
    bl_gemm(g->pool, &p);
}
