/* gen.c - generation one token at a time. Keys and values of the past stay in rings;
 * the keys of all distances are made once. A step costs what T = 1 costs in the
 * training graph, without recomputing the memory. */
#include "base/mem.h"
#include "model/gen.h"
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

/* One buffer of n numbers a layer. */
static bl_real **per_layer(bl_gen *g, size_t n)
{
    size_t layers = (size_t)g->m->config.layers;
    bl_real **rows = bl_graph_alloc(&g->store, layers, sizeof *rows);
    for (size_t i = 0; i < layers && g->store.e->code == 0; i++)
        rows[i] = bl_graph_alloc(&g->store, n, sizeof **rows);
    return rows;
}

static void alloc_rings(bl_gen *g)
{
    size_t layers = (size_t)g->m->config.layers, d = (size_t)g->m->config.width;
    g->recent = bl_graph_alloc(&g->store, layers, sizeof *g->recent);
    g->compressed = bl_graph_alloc(&g->store, layers, sizeof *g->compressed);
    for (size_t n = 0; n < layers && g->store.e->code == 0; n++) {
        int remembers = bl_gen_remembers(g, (int)n);
        int size = remembers ? g->window : g->group;
        if (bl_ring_new(g, &g->recent[n], size) == 0 && remembers && g->slots > 0)
            (void)!bl_ring_new(g, &g->compressed[n], g->slots);
    }
    if (g->slots == 0)
        return;
    size_t rows = (size_t)g->streams * (size_t)g->window;
    size_t group = (size_t)g->group;
    g->raw = per_layer(g, rows * d);
    if (g->m->config.compressor == BL_COMPRESS_MOST_USED)
        g->usage = per_layer(g, rows * (size_t)g->m->config.heads);
    g->old = bl_graph_alloc(&g->store, group * d, sizeof(bl_real));
    g->between = bl_graph_alloc(&g->store, group * d, sizeof(bl_real));
    g->fresh = bl_graph_alloc(&g->store, group * d, sizeof(bl_real));
    g->paid = bl_graph_alloc(&g->store, group, sizeof(bl_real));
}

static int alloc_buffers(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    int is_lstm = c->arch == BL_ARCH_LSTM;
    size_t s = (size_t)g->streams, d = (size_t)c->width;
    size_t hidden = is_lstm ? 4 * d : (size_t)c->ff * (c->glu ? 2 : 1);
    bl_graph *b = &g->store;
    g->keys_cap = bl_gen_whole(g->window + g->slots);
    if (is_lstm) {
        g->h = per_layer(g, s * d);
        g->c = per_layer(g, s * d);
    } else {
        alloc_rings(g);
    }
    g->zero_k = per_layer(g, d);
    g->zero_v = per_layer(g, d);
    g->count = bl_graph_alloc(b, s, sizeof *g->count);
    g->position = bl_graph_alloc(b, s, sizeof *g->position);
    g->n_compressed = bl_graph_alloc(b, s, sizeof *g->n_compressed);
    g->history = bl_graph_alloc(b, s * (size_t)g->context, sizeof *g->history);
    g->alone = bl_graph_alloc(b, s, sizeof *g->alone);
    g->x = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->y = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->q = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->a = bl_graph_alloc(b, s * d, sizeof(bl_real));
    g->hidden = bl_graph_alloc(b, s * hidden, sizeof(bl_real));
    if (!is_lstm && c->pos == BL_POS_ROTARY) {
        g->turn = bl_graph_alloc(b, (s + 1) * d, sizeof(bl_real));
        g->turn_old = bl_graph_alloc(b, s * d, sizeof(bl_real));
    }
    g->narrow = bl_graph_alloc(b, s * (size_t)bl_model_embed_width(c), sizeof(bl_real));
    if (c->gate != BL_GATE_NONE)
        g->gate = bl_graph_alloc(b, s * (7 * d + d / 4), sizeof(bl_real));
    g->score = bl_graph_alloc(b, s * (size_t)c->heads * (size_t)bl_gen_scratch(g),
                              sizeof(bl_real));
    g->logits = bl_graph_alloc(b, s * (size_t)c->vocab, sizeof(bl_real));
    return b->e->code;
}

/* A copy of w that is read in order; nothing where there is no w. */
static void pack(bl_gen *g, const bl_mat *w, int transposed, bl_thin *t)
{
    if (w == NULL)
        return;
    int k = transposed ? w->cols : w->rows, n = transposed ? w->rows : w->cols;
    void *panels = bl_graph_alloc(&g->store, bl_thin_bytes(g->precision, k, n), 1);
    if (panels != NULL)
        bl_thin_pack(t, g->precision, transposed, k, n, w->v, panels);
}

static void pack_gate(bl_gen *g, const bl_gate *p, bl_gen_gate *w)
{
    pack(g, p->wi, 0, &w->wi);
    pack(g, p->wh, 0, &w->wh);
    pack(g, p->q1, 0, &w->q1);
    pack(g, p->q2, 0, &w->q2);
    pack(g, p->r1, 0, &w->r1);
    pack(g, p->r2, 0, &w->r2);
}

static int pack_weights(bl_gen *g)
{
    const bl_model *m = g->m;
    int layers = m->config.layers;
    g->weights = bl_graph_alloc(&g->store, (size_t)layers, sizeof *g->weights);
    for (int n = 0; n < layers && g->weights != NULL; n++) {
        const bl_layer *l = &m->layer[n];
        bl_gen_weights *w = &g->weights[n];
        pack(g, l->wq, 0, &w->wq);
        pack(g, l->wk, 0, &w->wk);
        pack(g, l->wv, 0, &w->wv);
        pack(g, l->wo, 0, &w->wo);
        pack(g, l->w1, 0, &w->w1);
        pack(g, l->w2, 0, &w->w2);
        pack_gate(g, &l->ga, &w->ga);
        pack_gate(g, &l->gf, &w->gf);
        pack(g, n > 0 ? l->wx : NULL, 0, &w->wx);
        pack(g, l->wh, 0, &w->wh);
    }
    pack(g, m->emb_w, 0, &g->emb_w);
    pack(g, m->out_p, 0, &g->out_p);
    pack(g, m->out_w, m->config.tie, &g->out);
    return g->store.e->code;
}

void bl_gen_project(bl_gen *g, const bl_real *x, const bl_thin *w, const bl_mat *bias,
                    int rows, bl_real *y)
{
    bl_thin_multiply(g->pool, w, x, rows, bias != NULL ? bias->v : NULL, 0, y);
}

/* The keys of distances of a head; row d of `from` is `next` numbers after row d - 1.
 */
static void put_distances(bl_gen *g, int layer, int h, const bl_real *from,
                          ptrdiff_t next)
{
    int e = g->m->config.width / g->m->config.heads;
    size_t head = bl_store_bytes(g->precision, (size_t)e * (size_t)g->keys_cap);
    for (int d = 0; d < g->window + g->slots; d++, from += next)
        bl_gen_put_column(g, g->r[layer] + (size_t)h * head, e, d, from);
}

/* Sinusoids through each layer's W_r. */
static int prepare_sinusoids(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    int n = g->window + g->slots, width = c->width;
    size_t size = (size_t)n * (size_t)width;
    bl_real *rows = bl_graph_alloc(&g->store, size, sizeof *rows);
    bl_real *keys = bl_graph_alloc(&g->store, size, sizeof *keys);
    if (keys == NULL)
        return g->store.e->code;
    for (int d = 0; d < n; d++) {
        int distance = c->clamp_len > 0 && d > c->clamp_len ? c->clamp_len : d;
        bl_position_row(distance, width, rows + (ptrdiff_t)d * width);
    }
    for (int layer = 0; layer < c->layers; layer++) {
        bl_gemm_args p = {.m = n,
                          .n = width,
                          .k = width,
                          .alpha = 1,
                          .a = rows,
                          .lda = width,
                          .b = g->m->layer[layer].wr->v,
                          .ldb = width,
                          .c = keys,
                          .ldc = width};
        bl_gemm(g->pool, &p);
        for (int h = 0; h < c->heads; h++)
            put_distances(g, layer, h, keys + h * (width / c->heads), width);
    }
    return 0;
}

/* Each layer's learned rows, distance 0 last in its table; the first row is that of all
 * farther distances. */
static int prepare_distances(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    int e = c->width / c->heads, n = g->window + g->slots;
    bl_real *rows = bl_graph_alloc(&g->store, (size_t)n * (size_t)e, sizeof *rows);
    for (int layer = 0; layer < c->layers && rows != NULL; layer++)
        for (int h = 0; h < c->heads; h++) {
            for (int d = 0; d < n; d++) {
                ptrdiff_t row = bl_max(0, c->positions - 1 - d);
                memcpy(rows + (ptrdiff_t)d * e,
                       g->m->layer[layer].er->v +
                           (h * (ptrdiff_t)c->positions + row) * e,
                       (size_t)e * sizeof *rows);
            }
            put_distances(g, layer, h, rows, e);
        }
    return g->store.e->code;
}

/* A model with absolute or rotary positions, or without attention, has no keys of
 * distances. */
static int prepare_relative(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    if (c->arch == BL_ARCH_LSTM || c->pos == BL_POS_ABSOLUTE || c->pos == BL_POS_ROTARY)
        return 0;
    size_t n = bl_store_bytes(g->precision, (size_t)c->width * (size_t)g->keys_cap);
    g->r = bl_graph_alloc(&g->store, (size_t)c->layers, sizeof *g->r);
    for (int layer = 0; layer < c->layers && g->store.e->code == 0; layer++)
        g->r[layer] = bl_graph_alloc(&g->store, n, 1);
    if (g->store.e->code != 0)
        return g->store.e->code;
    return c->pos == BL_POS_SINUSOID ? prepare_sinusoids(g) : prepare_distances(g);
}

/* The key and the value of a memory slot of zeros. */
static void prepare_zeros(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    for (int n = 0; n < c->layers; n++) {
        const bl_layer *l = &g->m->layer[n];
        memset(g->x, 0, (size_t)c->width * sizeof *g->x);
        if (c->pre_norm)
            bl_gen_norm(g, g->x, l->ln1_g, l->ln1_b, 1, g->x);
        bl_gen_project(g, g->x, &g->weights[n].wk, l->bk, 1, g->zero_k[n]);
        bl_gen_project(g, g->x, &g->weights[n].wv, l->bv, 1, g->zero_v[n]);
    }
}

static int prepare(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    int rc = alloc_buffers(g);
    if (rc == 0)
        rc = pack_weights(g);
    if (rc != 0)
        return rc;
    rc = prepare_relative(g);
    if (rc == 0 && c->zero_memory)
        prepare_zeros(g);
    for (int s = 0; s < g->streams && rc == 0; s++)
        bl_gen_forget(g, s);
    return rc;
}

/* How far back a token sees, and when memory moves on. */
static void set_window(bl_gen *g, const bl_model_config *c)
{
    int is_absolute = c->arch != BL_ARCH_LSTM && c->pos == BL_POS_ABSOLUTE;
    int keeps = is_absolute || c->same_length; /* M: that of training */
    g->zeros = bl_model_length_begin(c);
    g->group = c->compressed > 0 ? c->ratio : 1;
    g->memory = keeps ? c->memory : (int)bl_max(c->memory, c->segment);
    g->span = c->same_length ? c->memory + 1 : 0;
    if (is_absolute && c->memory == 0) {
        g->context = c->segment;
        g->memory = c->segment - 1;
    } else if (is_absolute) {
        g->group = c->segment;
    }
    if (c->compressed > 0 && (c->compressor == BL_COMPRESS_DILATED ||
                              c->compressor == BL_COMPRESS_MOST_USED)) {
        g->group = c->segment; /* which look at all rows that leave */
        g->memory = c->memory;
    }
    if (!bl_model_all_remember(c) || (c->block > 0 && c->memory > 0)) {
        /* what is seen counts from the segment's start */
        g->group = c->segment;
        g->memory = c->memory;
    }
    g->window = g->memory + g->group;
}

bl_model_config bl_gen_holder(const bl_model_config *c)
{
    bl_model_config small = *c;
    int least = c->compressed > 0 ? c->ratio : 1;
    small.segment = least;
    small.memory = (int)bl_min(c->memory, least);
    return small;
}

int bl_gen_new(bl_gen **out, bl_model *m, const bl_model_config *c, int n_streams,
               bl_precision precision, bl_pool *pool, bl_err *e)
{
    *out = NULL;
    if (n_streams < 1 || n_streams > 65536)
        return bl_fail(e, BL_E_ARG, "%d streams: 1 to 65536 are possible", n_streams);
    bl_gen *g = bl_calloc(1, sizeof *g, e);
    if (g == NULL)
        return BL_E_NOMEM;
    g->m = m;
    g->pool = pool;
    g->precision = precision;
    g->streams = n_streams;
    g->slots = c->compressed;
    set_window(g, c);
    g->build = BL_ERR_INIT;
    g->store = (bl_graph){.pool = pool, .e = &g->build};
    int rc = prepare(g);
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
    const bl_model_config *c = &g->m->config;
    size_t d = (size_t)c->width, row = d * sizeof(bl_real), s = (size_t)stream;
    g->n_compressed[stream] = 0;
    g->count[stream] = g->zeros;
    for (int n = 0; n < c->layers && c->arch == BL_ARCH_LSTM; n++) {
        memset(g->h[n] + s * d, 0, row);
        memset(g->c[n] + s * d, 0, row);
    }
    for (int n = 0; n < c->layers && c->zero_memory; n++)
        for (int slot = 0; slot < g->zeros && bl_gen_remembers(g, n); slot++) {
            memcpy(g->y, g->zero_k[n], row);
            bl_gen_turn(g, slot, g->y);
            bl_ring_put_key(g, &g->recent[n], stream, slot, g->y);
            bl_ring_put_value(g, &g->recent[n], stream, slot, g->zero_v[n]);
            if (g->slots > 0)
                memset(g->raw[n] + (s * (size_t)g->window + (size_t)slot) * d, 0, row);
        }
}

/* ---- a step ---- */

/* Rows of the embedding, of the model's width, to g->x. */
static void look_up(bl_gen *g, const int32_t *token)
{
    const bl_model *m = g->m;
    int n = m->emb->cols;
    bl_real *to = m->emb_w != NULL ? g->narrow : g->x;
    for (ptrdiff_t s = 0; s < g->streams; s++)
        memcpy(to + s * n, m->emb->v + (ptrdiff_t)(token[s] < 0 ? 0 : token[s]) * n,
               (size_t)n * sizeof *to);
    if (m->emb_w != NULL)
        bl_gen_project(g, to, &g->emb_w, m->emb_wb, g->streams, g->x);
}

static void embed(bl_gen *g, const int32_t *token)
{
    const bl_model *m = g->m;
    int d = m->config.width;
    bl_real scale = m->config.embed_scale ? (bl_real)sqrt((double)d) : 1;
    look_up(g, token);
    for (int s = 0; s < g->streams; s++) {
        for (int c = 0; c < d; c++)
            g->x[(ptrdiff_t)s * d + c] *= scale;
        if (m->wpe == NULL || g->position[s] < 0)
            continue;
        int64_t place =
            g->context > 0 ? g->position[s] : bl_gen_since(g, g->position[s]);
        for (int c = 0; c < d; c++)
            g->x[(ptrdiff_t)s * d + c] += m->wpe->v[place * d + c];
    }
}

/* Keys are stored turned by the place of their token or slot; a query is turned by its
 * own place among the tokens, and again by the one that it would have among the slots:
 * one before it for each recent token. Only distances matter, so that streams may be as
 * long as they like. */
static void find_angles(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    int e = c->width / c->heads;
    for (int s = 0; s < g->streams && g->turn != NULL; s++) {
        int64_t place = g->position[s];
        if (place < 0)
            continue;
        bl_rotary_angles(place, e, c->rope_theta, g->turn + (ptrdiff_t)s * e);
        if (g->n_compressed[s] > 0)
            bl_rotary_angles(g->n_compressed[s] - 1 + bl_gen_n_recent(g, place), e,
                             c->rope_theta, g->turn_old + (ptrdiff_t)s * e);
    }
}

/* All layers for one token a stream; the result is in g->x. */
static void feed(bl_gen *g, const int32_t *token)
{
    const bl_model *m = g->m;
    const bl_model_config *c = &m->config;
    for (int s = 0; s < g->streams; s++) {
        g->position[s] = token[s] < 0 ? -1 : g->count[s]++;
        if (g->context > 0 && token[s] >= 0)
            g->history[(ptrdiff_t)s * g->context + g->position[s]] = token[s];
    }
    if (c->arch == BL_ARCH_LSTM) {
        for (int n = 0; n < c->layers; n++)
            bl_gen_lstm_layer(g, n, token);
        return;
    }
    embed(g, token);
    find_angles(g);
    for (int n = 0; n < c->layers; n++)
        bl_gen_attention_layer(g, n);
    if (c->pre_norm)
        bl_gen_norm(g, g->x, m->lnf_g, m->lnf_b, g->streams, g->x);
    for (int s = 0; s < g->streams && g->slots > 0; s++)
        if (token[s] >= 0 && bl_gen_since(g, g->count[s]) == 0)
            bl_gen_compress(g, s);
}

/* A stream whose context of absolute positions is full goes on with the last half of
 * it.
 */
static void begin_anew(bl_gen *g, int stream)
{
    int n = g->context, kept = n / 2;
    int32_t *history = g->history + (ptrdiff_t)stream * n;
    for (int s = 0; s < g->streams; s++)
        g->alone[s] = -1;
    g->count[stream] = 0;
    for (int i = 0; i < kept; i++) {
        g->alone[stream] = history[n - kept + i];
        feed(g, g->alone);
    }
}

void bl_gen_step(bl_gen *g, const int32_t *token, bl_real *logits)
{
    const bl_model *m = g->m;
    size_t vocab = (size_t)m->config.vocab;
    for (int s = 0; s < g->streams && g->context > 0; s++)
        if (token[s] >= 0 && g->count[s] == g->context)
            begin_anew(g, s);
    feed(g, token);
    const bl_real *last = g->x;
    if (m->out_p != NULL) {
        bl_gen_project(g, g->x, &g->out_p, m->out_pb, g->streams, g->narrow);
        last = g->narrow;
    }
    bl_gen_project(g, last, &g->out, m->out_b, g->streams, g->logits);
    for (size_t s = 0; s < (size_t)g->streams; s++)
        if (token[s] >= 0)
            memcpy(logits + s * vocab, g->logits + s * vocab, vocab * sizeof *logits);
}
