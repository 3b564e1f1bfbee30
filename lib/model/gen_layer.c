/* gen_layer.c - the layers of build.c for one new token a stream. */
#include "model/gen.h"
#include "nn/gemm.h"
#include "nn/ops.h"
#include "nn/vec.h"

typedef struct {
    bl_gen *g;
    int layer;
} job;

/* n keys of a ring of `size`, the newest first; the newest is at slot newest % size. */
typedef struct {
    const bl_real *k, *v;
    int64_t newest;
    int size, n;
} span;

/* q.k + p.r, or without r the first alone: one sum of partial sums for both. */
BL_INLINE bl_real two_dots(const bl_real *q, const bl_real *k, const bl_real *p,
                           const bl_real *r, int e)
{
    bl_real lane[BL_LANES] = {0};
    int i = 0;
    for (; i + BL_LANES <= e; i += BL_LANES)
        for (int l = 0; l < BL_LANES; l++)
            lane[l] += q[i + l] * k[i + l];
    for (int l = 0; i + l < e; l++)
        lane[l] += q[i + l] * k[i + l];
    for (i = 0; r != NULL && i + BL_LANES <= e; i += BL_LANES)
        for (int l = 0; l < BL_LANES; l++)
            lane[l] += p[i + l] * r[i + l];
    for (int l = 0; r != NULL && i + l < e; l++)
        lane[l] += p[i + l] * r[i + l];
    for (int half = BL_LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

/* One head: scores over the spans, one older than the other, softmax, weighted sum of
 * the values. Age 0 is the token itself; r may be NULL. */
BL_CLONES static void attend_head(const bl_real *qu, const bl_real *qv,
                                  const span *spans, int n_spans, const bl_real *r,
                                  int d, int e, bl_real *score, bl_real *out)
{
    bl_real scale = 1 / (bl_real)sqrt((double)e);
    int n = 0;
    for (int i = 0; i < n_spans; i++)
        for (int j = 0; j < spans[i].n; j++, n++) {
            ptrdiff_t slot = (ptrdiff_t)((spans[i].newest - j) % spans[i].size);
            score[n] = scale * two_dots(qu, spans[i].k + slot * d, qv,
                                        r != NULL ? r + (ptrdiff_t)n * d : NULL, e);
        }
    bl_real max = bl_max_of(score, n);
    for (int j = 0; j < n; j++)
        score[j] = bl_exp(score[j] - max);
    bl_real inverse = 1 / bl_sum(score, n);
    for (int c = 0; c < e; c++)
        out[c] = 0;
    n = 0;
    for (int i = 0; i < n_spans; i++)
        for (int j = 0; j < spans[i].n; j++, n++) {
            ptrdiff_t slot = (ptrdiff_t)((spans[i].newest - j) % spans[i].size);
            const bl_real *row = spans[i].v + slot * d;
            bl_real p = score[n] * inverse;
            for (int c = 0; c < e; c++)
                out[c] += p * row[c];
        }
}

/* What token `position` of a stream sees: itself and the tokens since the memory last
 * moved on, the memory, the compressed slots. */
static int spans_of(const bl_gen *g, int layer, int s, span spans[2])
{
    int d = g->m->config.width;
    int64_t position = g->position[s], since = bl_gen_since(g, position);
    ptrdiff_t ring = (ptrdiff_t)s * g->window * d, slots = (ptrdiff_t)s * g->slots * d;
    int n = (int)(bl_min(g->memory, position - since) + since + 1);
    spans[0] = (span){g->k[layer] + ring, g->v[layer] + ring, position, g->window, n};
    if (g->n_compressed[s] == 0)
        return 1;
    spans[1] =
        (span){g->ck[layer] + slots, g->cv[layer] + slots, g->n_compressed[s] - 1,
               g->slots, (int)bl_min(g->slots, g->n_compressed[s])};
    return 2;
}

/* One head of one stream. */
static void attend_part(void *arg, int part)
{
    job *j = arg;
    bl_gen *g = j->g;
    const bl_model_config *c = &g->m->config;
    int s = part / c->heads, h = part % c->heads, d = c->width, e = d / c->heads;
    if (g->position[s] < 0)
        return;
    const bl_layer *l = &g->m->layer[j->layer];
    const bl_real *r = c->pos != BL_POS_ABSOLUTE ? g->r[j->layer] : NULL;
    ptrdiff_t at = (ptrdiff_t)s * d + h * e;
    bl_real *q = g->q + at, *qv = g->y + at;
    span spans[2];
    int n_spans = spans_of(g, j->layer, s, spans);
    for (int i = 0; i < n_spans; i++) {
        spans[i].k += h * e;
        spans[i].v += h * e;
    }
    memcpy(qv, q, (size_t)e * sizeof *q);
    for (int i = 0; i < e && l->u != NULL; i++) {
        qv[i] += l->vb->v[h * e + i];
        q[i] += l->u->v[h * e + i];
    }
    attend_head(q, qv, spans, n_spans, r != NULL ? r + h * e : NULL, d, e,
                g->score + (ptrdiff_t)part * (g->window + g->slots), g->a + at);
}

void bl_gen_norm(bl_gen *g, const bl_real *x, const bl_mat *gain, const bl_mat *bias,
                 int rows, bl_real *y)
{
    int d = g->m->config.width;
    bl_real mean, rstd;
    for (int s = 0; s < rows; s++)
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

static void feed_forward(bl_gen *g, int n, const bl_real *x)
{
    const bl_model_config *c = &g->m->config;
    const bl_layer *l = &g->m->layer[n];
    const bl_gen_weights *w = &g->weights[n];
    int rows = g->streams;
    bl_gen_project(g, x, &w->w1, l->b1, rows, g->h);
    bl_activate((bl_act)(BL_ACT_RELU + c->act), g->h, rows * c->ff);
    bl_gen_project(g, g->h, &w->w2, l->b2, rows, g->y);
    if (c->relu_out)
        bl_activate(BL_ACT_RELU, g->y, rows * c->width);
}

void bl_gen_attention_layer(bl_gen *g, int n)
{
    const bl_model_config *c = &g->m->config;
    const bl_layer *l = &g->m->layer[n];
    const bl_gen_weights *w = &g->weights[n];
    int rows = g->streams;
    int64_t size = (int64_t)rows * c->width;
    const bl_real *from = g->x;
    if (g->slots > 0)
        remember(g, g->x, g->raw[n]);
    if (c->pre_norm) {
        bl_gen_norm(g, g->x, l->ln1_g, l->ln1_b, rows, g->a);
        from = g->a;
    }
    bl_gen_project(g, from, &w->wk, l->bk, rows, g->y);
    remember(g, g->y, g->k[n]);
    bl_gen_project(g, from, &w->wv, l->bv, rows, g->y);
    remember(g, g->y, g->v[n]);
    bl_gen_project(g, from, &w->wq, l->bq, rows, g->q);
    job j = {g, n};
    bl_pool_run(g->pool, attend_part, &j, rows * c->heads);
    bl_gen_project(g, g->a, &w->wo, l->bo, rows, g->y);
    add(g->x, g->y, size);
    if (!c->pre_norm)
        bl_gen_norm(g, g->x, l->ln1_g, l->ln1_b, rows, g->x);
    from = g->x;
    if (c->pre_norm) {
        bl_gen_norm(g, g->x, l->ln2_g, l->ln2_b, rows, g->a);
        from = g->a;
    }
    feed_forward(g, n, from);
    add(g->x, g->y, size);
    if (!c->pre_norm)
        bl_gen_norm(g, g->x, l->ln2_g, l->ln2_b, rows, g->x);
}

/* The inputs of n tokens from `oldest` on, in order, become n / ratio slots with their
 * keys and values. */
static void compress_layer(bl_gen *g, int layer, int s, int64_t oldest, int n)
{
    const bl_model_config *c = &g->m->config;
    const bl_layer *l = &g->m->layer[layer];
    const bl_gen_weights *w = &g->weights[layer];
    size_t d = (size_t)c->width;
    const bl_real *ring = g->raw[layer] + (size_t)s * (size_t)g->window * d;
    for (int i = 0; i < n; i++)
        memcpy(g->old + (size_t)i * d, ring + (size_t)((oldest + i) % g->window) * d,
               d * sizeof *ring);
    for (int i = 0; i < n / c->ratio; i++) {
        size_t slot = (size_t)((g->n_compressed[s] + i) % g->slots);
        size_t at = ((size_t)s * (size_t)g->slots + slot) * d;
        bl_compress_rows((bl_compressor)c->compressor, c->ratio, c->width, l->cw, l->cb,
                         g->old + (size_t)(i * c->ratio) * d, 1, g->a);
        if (c->pre_norm)
            bl_gen_norm(g, g->a, l->ln1_g, l->ln1_b, 1, g->a);
        bl_gen_project(g, g->a, &w->wk, l->bk, 1, g->ck[layer] + at);
        bl_gen_project(g, g->a, &w->wv, l->bv, 1, g->cv[layer] + at);
    }
}

/* Memory has just moved on by g->group tokens. */
void bl_gen_compress(bl_gen *g, int stream)
{
    int64_t before = g->count[stream] - g->group;
    int n = bl_n_evicted((int)bl_min(before, g->memory), g->memory, g->group);
    for (int layer = 0; layer < g->m->config.layers; layer++)
        compress_layer(g, layer, stream, g->count[stream] - g->memory - n, n);
    g->n_compressed[stream] += n / g->m->config.ratio;
}

void bl_gen_lstm_layer(bl_gen *g, int n, const int32_t *token)
{
    const bl_layer *l = &g->m->layer[n];
    int d = g->m->config.width, rows = g->streams;
    if (n == 0) /* one-hot input: a row of the matrix */
        for (int s = 0; s < rows; s++) {
            const bl_real *row =
                l->wx->v + (ptrdiff_t)(token[s] < 0 ? 0 : token[s]) * 4 * d;
            for (int c = 0; c < 4 * d; c++)
                g->h[(ptrdiff_t)s * 4 * d + c] = row[c] + l->b->v[c];
        }
    else
        bl_gen_project(g, g->x, &g->weights[n].wx, l->b, rows, g->h);
    bl_thin_multiply(g->pool, &g->weights[n].wh, g->k[n], rows, NULL, 1, g->h);
    for (int s = 0; s < rows; s++) {
        bl_real *h = g->k[n] + (ptrdiff_t)s * d, *c = g->v[n] + (ptrdiff_t)s * d;
        if (token[s] >= 0)
            bl_lstm_cell(g->h + (ptrdiff_t)s * 4 * d, c, d, c, h);
        memcpy(g->x + (ptrdiff_t)s * d, h, (size_t)d * sizeof *h);
    }
}
