/* gen_layer.c - the layers of build.c for one new token a stream. */
#include "model/gen.h"
#include "nn/gemm.h"
#include "nn/ops.h"
#include "nn/vec.h"

void bl_gen_norm(bl_gen *g, const bl_real *x, const bl_mat *gain, const bl_mat *bias,
                 int rows, bl_real *y)
{
    int d = g->m->config.width;
    bl_real mean, rstd;
    for (int s = 0; s < rows; s++)
        bl_norm_row(x + (ptrdiff_t)s * d, gain->v, bias->v, d, g->m->config.norm_eps,
                    y + (ptrdiff_t)s * d, &mean, &rstd);
}

typedef void put_fn(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                    const bl_real *row);

/* Fresh rows (S, D) of the streams that do not rest enter a ring. */
static void remember(bl_gen *g, const bl_real *rows, const bl_ring *ring, put_fn *put)
{
    for (int s = 0; s < g->streams; s++)
        if (g->position[s] >= 0)
            put(g, ring, s, g->position[s], rows + (ptrdiff_t)s * g->m->config.width);
}

/* Inputs, for compression. */
static void remember_raw(bl_gen *g, const bl_real *rows, bl_real *ring)
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
    bl_gen_project(g, x, &w->w1, l->b1, rows, g->hidden);
    bl_activate((bl_act)(BL_ACT_RELU + c->act), g->hidden, (int64_t)rows * c->ff);
    bl_gen_project(g, g->hidden, &w->w2, l->b2, rows, g->y);
    if (c->relu_out)
        bl_activate(BL_ACT_RELU, g->y, (int64_t)rows * c->width);
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
        remember_raw(g, g->x, g->raw[n]);
    if (c->pre_norm) {
        bl_gen_norm(g, g->x, l->ln1_g, l->ln1_b, rows, g->a);
        from = g->a;
    }
    bl_gen_project(g, from, &w->wk, l->bk, rows, g->y);
    remember(g, g->y, &g->recent[n], bl_ring_put_key);
    bl_gen_project(g, from, &w->wv, l->bv, rows, g->y);
    remember(g, g->y, &g->recent[n], bl_ring_put_value);
    bl_gen_project(g, from, &w->wq, l->bq, rows, g->q);
    bl_gen_attend(g, n);
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
        const bl_ring *to = &g->compressed[layer];
        int64_t slot = g->n_compressed[s] + i;
        bl_compress_rows((bl_compressor)c->compressor, c->ratio, c->width, l->cw, l->cb,
                         g->old + (size_t)(i * c->ratio) * d, 1, g->a);
        if (c->pre_norm)
            bl_gen_norm(g, g->a, l->ln1_g, l->ln1_b, 1, g->a);
        bl_gen_project(g, g->a, &w->wk, l->bk, 1, g->y);
        bl_ring_put_key(g, to, s, slot, g->y);
        bl_gen_project(g, g->a, &w->wv, l->bv, 1, g->y);
        bl_ring_put_value(g, to, s, slot, g->y);
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
                g->hidden[(ptrdiff_t)s * 4 * d + c] = row[c] + l->b->v[c];
        }
    else
        bl_gen_project(g, g->x, &g->weights[n].wx, l->b, rows, g->hidden);
    bl_thin_multiply(g->pool, &g->weights[n].wh, g->h[n], rows, NULL, 1, g->hidden);
    for (int s = 0; s < rows; s++) {
        bl_real *h = g->h[n] + (ptrdiff_t)s * d, *c = g->c[n] + (ptrdiff_t)s * d;
        if (token[s] >= 0)
            bl_lstm_cell(g->hidden + (ptrdiff_t)s * 4 * d, c, d, c, h);
        memcpy(g->x + (ptrdiff_t)s * d, h, (size_t)d * sizeof *h);
    }
}
