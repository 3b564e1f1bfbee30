/* gen_layer.c - the layers of build.c for new tokens of streams: the steps of layer.h,
 * and what has no description there. */
#include "model/gen.h"
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

/* Fresh keys, in g->k. */
static void turn_keys(bl_gen *g)
{
    int e = g->m->config.width / g->m->config.heads,
        n = bl_model_kv_heads(&g->m->config);
    for (ptrdiff_t r = 0; r < g->batch && g->turn != NULL; r++)
        bl_rotary_row(g->k + r * n * e, g->turn + r * e, e, n, g->k + r * n * e);
}

/* Inputs, for compression. */
static void remember_raw(bl_gen *g, const bl_real *rows, bl_real *ring)
{
    size_t d = (size_t)g->m->config.width;
    for (int r = 0; r < g->batch; r++) {
        if (g->position[r] < 0)
            continue;
        size_t slot = (size_t)(g->position[r] % g->window);
        slot += (size_t)g->stream[r] * (size_t)g->window;
        memcpy(ring + slot * d, rows + (size_t)r * d, d * sizeof *rows);
    }
}

/* ---- the steps of layer.h for the rows of a pass ---- */

/* A matrix of the pass's rows at v. */
static bl_mat *value_at(bl_gen *g, bl_real *v, int cols)
{
    bl_mat *x = &g->value[g->n_values++];
    *x = (bl_mat){.v = v, .rows = g->batch, .cols = cols};
    return x;
}

/* Room for one that is made. */
static bl_mat *new_value(bl_gen *g, int cols)
{
    bl_mat *x = value_at(g, g->rows + g->n_rows, cols);
    g->n_rows += (size_t)g->batch * (size_t)cols;
    return x;
}

/* What a sub-layer makes, at its widest: a norm, the feed-forward's hidden rows and
 * result, a gate's two products, and each round of its mogrifier. */
size_t bl_gen_step_rows(const bl_model_config *c)
{
    size_t d = (size_t)c->width, round = d + d / 4;
    return (size_t)c->ff * (c->glu ? 2 : 1) + 9 * d + (size_t)c->mogrify * round;
}

size_t bl_gen_step_values(const bl_model_config *c)
{
    return 8 + 2 * (size_t)c->mogrify;
}

static const bl_mat *weight(const bl_maker *k, size_t at)
{
    return bl_layer_mat(&k->m->layer[k->n], at);
}

static bl_mat *run_norm(const bl_maker *k, bl_mat *x, size_t gain, size_t bias)
{
    bl_mat *y = new_value(k->who, x->cols);
    bl_gen_norm(k->who, x->v, weight(k, gain), weight(k, bias), x->rows, y->v);
    return y;
}

static bl_mat *run_biased(const bl_maker *k, bl_mat *x, size_t w, size_t bias,
                          bl_act act, double dropout)
{
    bl_gen *g = k->who;
    bl_mat *y = new_value(g, weight(k, w)->cols);
    (void)dropout;
    bl_gen_project(g, x->v, &g->weights[k->n].of[w / sizeof(bl_mat *)], weight(k, bias),
                   x->rows, y->v);
    if (act != BL_ACT_NONE)
        bl_activate(act, y->v, (int64_t)y->rows * y->cols);
    return y;
}

static bl_mat *run_linear(const bl_maker *k, bl_mat *x, size_t w)
{
    bl_gen *g = k->who;
    bl_mat *y = new_value(g, weight(k, w)->cols);
    bl_gen_project(g, x->v, &g->weights[k->n].of[w / sizeof(bl_mat *)], NULL, x->rows,
                   y->v);
    return y;
}

/* Rows of 2 F become rows of F in their place. */
static bl_mat *run_glu(const bl_maker *k, bl_mat *x, bl_act act, double dropout)
{
    int f = x->cols / 2;
    (void)k;
    (void)dropout;
    for (ptrdiff_t s = 0; s < x->rows; s++)
        bl_glu_row(act, x->v + s * 2 * f, f, x->v + s * f);
    x->cols = f;
    return x;
}

static bl_mat *run_dropped(const bl_maker *k, bl_mat *y, double dropout)
{
    (void)k;
    (void)dropout;
    return y;
}

static bl_mat *run_residual(const bl_maker *k, bl_mat *x, bl_mat *y, double dropout)
{
    (void)k;
    (void)dropout;
    for (int64_t i = 0; i < (int64_t)x->rows * x->cols; i++)
        x->v[i] += y->v[i];
    return x;
}

static bl_mat *run_modulate(const bl_maker *k, bl_mat *s, bl_mat *x)
{
    (void)k;
    bl_modulate_row(s->v, x->v, (int64_t)x->rows * x->cols, x->v);
    return x;
}

static bl_mat *run_gru(const bl_maker *k, bl_mat *x, bl_mat *i, bl_mat *h)
{
    int d = x->cols;
    (void)k;
    for (ptrdiff_t s = 0; s < x->rows; s++)
        bl_gru_row(x->v + s * d, i->v + s * 3 * d, h->v + s * 3 * d, d, x->v + s * d);
    return x;
}

/* The result goes to g->x, and the room of the others is free. */
static bl_mat *run_done(const bl_maker *k, bl_mat *x)
{
    bl_gen *g = k->who;
    if (x->v != g->x)
        memcpy(g->x, x->v, (size_t)x->rows * (size_t)x->cols * sizeof *g->x);
    g->n_rows = 0;
    g->n_values = 0;
    return value_at(g, g->x, x->cols);
}

/* Keys and values of the new rows, in g->k and g->v; returns what they are made of. */
static const bl_real *make_keys(const bl_maker *k, bl_mat *x)
{
    bl_gen *g = k->who;
    const bl_layer *l = &k->m->layer[k->n];
    const bl_gen_weights *w = &g->weights[k->n];
    const bl_real *from = x->v;
    if (g->slots > 0 && bl_gen_remembers(g, k->n))
        remember_raw(g, x->v, g->raw[k->n]);
    if (k->m->config.pre_norm)
        from = k->norm(k, x, BL_WEIGHT(ln1_g), BL_WEIGHT(ln1_b))->v;
    bl_gen_project(g, from, BL_THIN(w, wk), l->bk, g->batch, g->k);
    turn_keys(g);
    bl_gen_project(g, from, BL_THIN(w, wv), l->bv, g->batch, g->v);
    return from;
}

/* Queries of the new rows meet keys and values, their own among them. */
static bl_mat *run_attention(const bl_maker *k, bl_mat *x)
{
    bl_gen *g = k->who;
    const bl_layer *l = &k->m->layer[k->n];
    const bl_gen_weights *w = &g->weights[k->n];
    int n = k->n, rows = g->batch;
    const bl_real *from = make_keys(k, x);
    bl_gen_project(g, from, BL_THIN(w, wq), l->bq, rows, g->q);
    bl_gen_attend(g, n);
    bl_gen_project(g, g->a, BL_THIN(w, wo), l->bo, rows, g->y);
    return value_at(g, g->y, x->cols);
}

/* The queries of the rows meet their streams' conditions. */
static bl_mat *run_cross(const bl_maker *k, bl_mat *x)
{
    bl_gen *g = k->who;
    const bl_layer *l = &k->m->layer[k->n];
    const bl_gen_weights *w = &g->weights[k->n];
    const bl_real *from = x->v;
    if (k->m->config.pre_norm)
        from = k->norm(k, x, BL_WEIGHT(lnx_g), BL_WEIGHT(lnx_b))->v;
    bl_gen_project(g, from, BL_THIN(w, xq), l->xbq, g->batch, g->q);
    bl_gen_attend_source(g, k->n);
    bl_gen_project(g, g->a, BL_THIN(w, xo), l->xbo, g->batch, g->y);
    return value_at(g, g->y, x->cols);
}

void bl_gen_keep_source(bl_gen *g, int stream, const bl_mat *encoded, int n)
{
    const bl_model *m = g->m;
    for (int layer = 0; layer < m->config.layers; layer++) {
        const bl_layer *l = &m->layer[layer];
        const bl_gen_weights *w = &g->weights[layer];
        const bl_ring *to = &g->sources[layer];
        ptrdiff_t cols = l->xk->cols;
        int part = g->source_of[stream];
        bl_gen_project(g, encoded->v, BL_THIN(w, xk), l->xbk, n, g->source_rows);
        for (int i = 0; i < n; i++)
            bl_ring_put_key(g, to, part, i, g->source_rows + i * cols);
        bl_gen_project(g, encoded->v, BL_THIN(w, xv), l->xbv, n, g->source_rows);
        for (int i = 0; i < n; i++)
            bl_ring_put_value(g, to, part, i, g->source_rows + i * cols);
    }
    g->n_source[stream] = n;
}

void bl_gen_last_keys(bl_gen *g, int n)
{
    const bl_maker k = {.m = g->m, .who = g, .n = n, .norm = run_norm};
    g->n_rows = 0;
    g->n_values = 0;
    (void)make_keys(&k, value_at(g, g->x, g->m->config.width));
    bl_gen_remember(g, n, g->near, g->n_near);
}

void bl_gen_attention_layer(bl_gen *g, int n)
{
    const bl_maker k = {.m = g->m,
                        .who = g,
                        .n = n,
                        .attention = run_attention,
                        .cross = run_cross,
                        .norm = run_norm,
                        .linear = run_linear,
                        .biased = run_biased,
                        .glu = run_glu,
                        .dropped = run_dropped,
                        .residual = run_residual,
                        .modulate = run_modulate,
                        .gru = run_gru,
                        .done = run_done};
    g->n_rows = 0;
    g->n_values = 0;
    bl_layer_make(&k, value_at(g, g->x, g->m->config.width));
}

/* ---- compression, cells ---- */

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
    bl_gen_project(g, row, BL_THIN(w, wk), l->bk, 1, g->y);
    bl_gen_turn(g, slot, g->y);
    bl_ring_put_key(g, to, s, slot, g->y);
    bl_gen_project(g, row, BL_THIN(w, wv), l->bv, 1, g->y);
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

/* What the gates, `wide` numbers a stream, get from a layer's input: a token is
 * one-hot, a row of the matrix. */
static void input_of_gates(bl_gen *g, int n, const int32_t *token, const bl_mat *bias,
                           int wide)
{
    const bl_layer *l = &g->m->layer[n];
    int rows = g->streams;
    if (n > 0) {
        bl_gen_project(g, g->x, BL_THIN(&g->weights[n], wx), bias, rows, g->hidden);
        return;
    }
    for (ptrdiff_t s = 0; s < rows; s++) {
        const bl_real *row = l->wx->v + (ptrdiff_t)(token[s] < 0 ? 0 : token[s]) * wide;
        for (int c = 0; c < wide; c++)
            g->hidden[s * wide + c] = row[c] + bias->v[c];
        bl_gen_add_input_rows(g, (int)s, g->hidden + s * wide);
    }
}

static void lstm_cells(bl_gen *g, int n, const int32_t *token)
{
    int d = g->m->config.width;
    input_of_gates(g, n, token, g->m->layer[n].b, 4 * d);
    bl_thin_multiply(g->pool, BL_THIN(&g->weights[n], wh), g->h[n], g->streams, NULL, 1,
                     g->hidden);
    for (ptrdiff_t s = 0; s < g->streams; s++)
        if (token[s] >= 0)
            bl_lstm_cell(g->hidden + s * 4 * d, g->c[n] + s * d, d, g->c[n] + s * d,
                         g->h[n] + s * d);
}

static void gru_cells(bl_gen *g, int n, const int32_t *token)
{
    int d = g->m->config.width;
    bl_real *from_h = g->hidden + (ptrdiff_t)g->streams * 3 * d;
    input_of_gates(g, n, token, g->m->layer[n].bi, 3 * d);
    bl_gen_project(g, g->h[n], BL_THIN(&g->weights[n], wh), g->m->layer[n].bh,
                   g->streams, from_h);
    for (ptrdiff_t s = 0; s < g->streams; s++)
        if (token[s] >= 0)
            bl_gru_row(g->h[n] + s * d, g->hidden + s * 3 * d, from_h + s * 3 * d, d,
                       g->h[n] + s * d);
}

void bl_gen_lstm_layer(bl_gen *g, int n, const int32_t *token)
{
    size_t size = (size_t)g->streams * (size_t)g->m->config.width;
    if (g->m->config.cell == BL_CELL_GRU)
        gru_cells(g, n, token);
    else
        lstm_cells(g, n, token);
    memcpy(g->x, g->h[n], size * sizeof *g->x);
}
