/* gen_layer.c - the layers of build.c for one new token a stream. */
#include "model/gen.h"
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

/* Fresh keys, in g->y. */
static void turn_keys(bl_gen *g)
{
    int e = g->m->config.width / g->m->config.heads,
        n = bl_model_kv_heads(&g->m->config);
    for (ptrdiff_t s = 0; s < g->streams && g->turn != NULL; s++)
        bl_rotary_row(g->y + s * n * e, g->turn + s * e, e, n, g->y + s * n * e);
}

typedef void put_fn(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                    const bl_real *row);

/* Fresh rows (S, G e) of the streams that do not rest enter a ring. */
static void remember(bl_gen *g, const bl_real *rows, const bl_ring *ring, put_fn *put)
{
    const bl_model_config *c = &g->m->config;
    int cols = c->width / c->heads * bl_model_kv_heads(c);
    for (int s = 0; s < g->streams; s++)
        if (g->position[s] >= 0)
            put(g, ring, s, g->position[s], rows + (ptrdiff_t)s * cols);
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
    bl_act act = (bl_act)(BL_ACT_RELU + c->act);
    int rows = g->streams;
    bl_gen_project(g, x, &w->w1, l->b1, rows, g->hidden);
    if (c->glu) /* rows of 2 F become rows of F */
        for (ptrdiff_t s = 0; s < rows; s++)
            bl_glu_row(act, g->hidden + s * 2 * c->ff, c->ff, g->hidden + s * c->ff);
    else
        bl_activate(act, g->hidden, (int64_t)rows * c->ff);
    bl_gen_project(g, g->hidden, &w->w2, l->b2, rows, g->y);
    if (c->relu_out)
        bl_activate(BL_ACT_RELU, g->y, (int64_t)rows * c->width);
}

/* to *= 2 sigmoid(from a b), rows of the width. */
static void modulate(bl_gen *g, const bl_real *from, const bl_thin *a, const bl_thin *b,
                     bl_real *to)
{
    size_t size = (size_t)g->streams * (size_t)g->m->config.width;
    bl_real *s = g->gate, *narrow = g->gate + 7 * size;
    bl_gen_project(g, from, a, NULL, g->streams, narrow);
    bl_gen_project(g, narrow, b, NULL, g->streams, s);
    bl_modulate_row(s, to, (int64_t)size, to);
}

/* The residual in g->x takes in what a sub-layer made of it, in g->y. */
static void join(bl_gen *g, const bl_gate *p, const bl_gen_gate *w)
{
    const bl_model_config *c = &g->m->config;
    int d = c->width, rows = g->streams;
    if (c->gate == BL_GATE_NONE) {
        add(g->x, g->y, (int64_t)rows * d);
        return;
    }
    for (int round = 0; round < c->mogrify; round++)
        if (round % 2 == 0)
            modulate(g, g->x, &w->q1, &w->q2, g->y);
        else
            modulate(g, g->y, &w->r1, &w->r2, g->x);
    bl_real *i = g->gate, *h = g->gate + (ptrdiff_t)3 * rows * d;
    bl_gen_project(g, g->y, &w->wi, p->bi, rows, i);
    bl_gen_project(g, g->x, &w->wh, p->bh, rows, h);
    for (ptrdiff_t s = 0; s < rows; s++)
        bl_gru_row(g->x + s * d, i + s * 3 * d, h + s * 3 * d, d, g->x + s * d);
}

void bl_gen_attention_layer(bl_gen *g, int n)
{
    const bl_model_config *c = &g->m->config;
    const bl_layer *l = &g->m->layer[n];
    const bl_gen_weights *w = &g->weights[n];
    int rows = g->streams;
    const bl_real *from = g->x;
    if (g->slots > 0 && bl_gen_remembers(g, n))
        remember_raw(g, g->x, g->raw[n]);
    if (c->pre_norm) {
        bl_gen_norm(g, g->x, l->ln1_g, l->ln1_b, rows, g->a);
        from = g->a;
    }
    bl_gen_project(g, from, &w->wk, l->bk, rows, g->y);
    turn_keys(g);
    remember(g, g->y, &g->recent[n], bl_ring_put_key);
    bl_gen_project(g, from, &w->wv, l->bv, rows, g->y);
    remember(g, g->y, &g->recent[n], bl_ring_put_value);
    bl_gen_project(g, from, &w->wq, l->bq, rows, g->q);
    bl_gen_attend(g, n);
    bl_gen_project(g, g->a, &w->wo, l->bo, rows, g->y);
    join(g, &l->ga, &w->ga);
    if (!c->pre_norm)
        bl_gen_norm(g, g->x, l->ln1_g, l->ln1_b, rows, g->x);
    from = g->x;
    if (c->pre_norm) {
        bl_gen_norm(g, g->x, l->ln2_g, l->ln2_b, rows, g->a);
        from = g->a;
    }
    feed_forward(g, n, from);
    join(g, &l->gf, &w->gf);
    if (!c->pre_norm)
        bl_gen_norm(g, g->x, l->ln2_g, l->ln2_b, rows, g->x);
}

/* n rows that leave, the tokens of a stream from `oldest` on, and what was paid to
 * them, out of their rings and in order. */
static void unroll(bl_gen *g, int layer, int s, int64_t oldest, int n)
{
    size_t d = (size_t)g->m->config.width, window = (size_t)g->window;
    size_t heads = (size_t)g->m->config.heads;
    const bl_real *raw = g->raw[layer] + (size_t)s * window * d;
    for (int i = 0; i < n; i++) {
        size_t slot = (size_t)((oldest + i) % g->window);
        memcpy(g->old + (size_t)i * d, raw + slot * d, d * sizeof *raw);
        g->paid[i] = 0;
        for (size_t h = 0; h < heads && g->usage != NULL; h++)
            g->paid[i] += g->usage[layer][((size_t)s * heads + h) * window + slot];
    }
}

/* A fresh row becomes a slot with its key and its value. */
static void put_slot(bl_gen *g, int layer, int s, int64_t slot, const bl_real *row)
{
    const bl_model_config *c = &g->m->config;
    const bl_layer *l = &g->m->layer[layer];
    const bl_gen_weights *w = &g->weights[layer];
    const bl_ring *to = &g->compressed[layer];
    if (c->pre_norm) {
        bl_gen_norm(g, row, l->ln1_g, l->ln1_b, 1, g->a);
        row = g->a;
    }
    bl_gen_project(g, row, &w->wk, l->bk, 1, g->y);
    bl_gen_turn(g, slot, g->y);
    bl_ring_put_key(g, to, s, slot, g->y);
    bl_gen_project(g, row, &w->wv, l->bv, 1, g->y);
    bl_ring_put_value(g, to, s, slot, g->y);
}

/* The inputs of n tokens from `oldest` on, in order, become n / ratio slots. */
static void compress_layer(bl_gen *g, int layer, int s, int64_t oldest, int n)
{
    const bl_model_config *c = &g->m->config;
    const bl_squeezer squeezer = bl_model_squeezer(c, &g->m->layer[layer]);
    int made = n / c->ratio;
    unroll(g, layer, s, oldest, n);
    if (squeezer.how == BL_COMPRESS_MOST_USED)
        bl_keep_most_used(g->paid, g->old, n, c->width, made, g->fresh);
    else
        bl_compress_rows(&squeezer, g->old, made, g->between, g->fresh);
    for (int i = 0; i < made; i++)
        put_slot(g, layer, s, g->n_compressed[s] + i,
                 g->fresh + (ptrdiff_t)i * c->width);
}

/* Memory has just moved on by g->group tokens. */
void bl_gen_compress(bl_gen *g, int stream)
{
    int64_t before = g->count[stream] - g->group;
    int n = bl_n_evicted((int)bl_min(before, g->memory), g->memory, g->group);
    for (int layer = 0; layer < g->m->config.layers; layer++)
        if (bl_gen_remembers(g, layer))
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
