/* gen.c - generation one token at a time. Keys and values of the past stay in rings;
 * the keys of all distances are made once. A step costs what T = 1 costs in the
 * training graph, without recomputing the memory. What is there already, prompts and
 * conditions, is read many tokens at once: a pass through the layers with a row for
 * each, whose numbers are those of steps. */
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

/* Tokens whose keys a layer keeps: those that one may see, itself among them. */
static int n_kept(const bl_gen *g, int n)
{
    const bl_model_config *c = &g->m->config;
    int kept = bl_gen_remembers(g, n) ? g->window : g->group;
    if (g->span > 0)
        kept = (int)bl_min(kept, g->span);
    return bl_model_is_local(c, n) ? (int)bl_min(kept, 2 * (int64_t)c->block) : kept;
}

static void alloc_rings(bl_gen *g)
{
    size_t layers = (size_t)g->m->config.layers, d = (size_t)g->m->config.width;
    g->recent = bl_graph_alloc(&g->store, layers, sizeof *g->recent);
    g->compressed = bl_graph_alloc(&g->store, layers, sizeof *g->compressed);
    for (size_t n = 0; n < layers && g->store.e->code == 0; n++) {
        int seen = n_kept(g, (int)n), remembers = bl_gen_remembers(g, (int)n);
        if (bl_ring_new(g, &g->recent[n], seen, seen + BL_GEN_TOGETHER - 1) == 0 &&
            g->slots > 0 && remembers)
            (void)!bl_ring_new(g, &g->compressed[n], g->slots, g->slots);
        g->recent[n].remembers = remembers;
        g->keys_cap = (int)bl_max(g->keys_cap, bl_gen_whole(bl_gen_keys(g, (int)n)));
        g->score_cap = (int)bl_max(g->score_cap, g->recent[n].cap);
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

static void alloc_sources(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    size_t layers = (size_t)c->layers, n = (size_t)c->source;
    g->sources = bl_graph_alloc(&g->store, layers, sizeof *g->sources);
    g->store.is_room = 1; /* conditions may be short */
    for (size_t i = 0; i < layers && g->store.e->code == 0; i++)
        (void)!bl_ring_new(g, &g->sources[i], c->source, c->source);
    g->store.is_room = 0;
    size_t s = (size_t)g->streams;
    g->n_source = bl_graph_alloc(&g->store, s, sizeof *g->n_source);
    g->source_of = bl_graph_alloc(&g->store, s, sizeof *g->source_of);
    g->n_sharing = bl_graph_alloc(&g->store, s, sizeof *g->n_sharing);
    g->open = bl_graph_alloc(&g->store, s, sizeof *g->open);
    for (size_t i = 0; i < s && g->store.e->code == 0; i++) {
        g->source_of[i] = (int)i;
        g->n_sharing[i] = 1;
    }
    g->source_x = bl_graph_alloc(&g->store, n, sizeof *g->source_x);
    g->source_rows =
        bl_graph_alloc(&g->store, n * (size_t)c->width, sizeof *g->source_rows);
}

static int alloc_buffers(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    int is_lstm = c->arch == BL_ARCH_LSTM;
    size_t s = (size_t)g->streams, d = (size_t)c->width, r = (size_t)g->most;
    bl_graph *b = &g->store;
    if (is_lstm) {
        g->h = per_layer(g, s * d);
        g->c = per_layer(g, s * d);
        g->hidden = bl_graph_alloc(b, s * 6 * d, sizeof(bl_real));
    } else {
        alloc_rings(g);
        g->rows = bl_graph_alloc(b, r * bl_gen_step_rows(c), sizeof(bl_real));
        g->value = bl_graph_alloc(b, bl_gen_step_values(c), sizeof *g->value);
    }
    g->score_cap = (int)bl_max(g->score_cap, g->keys_cap);
    g->score_cap =
        (int)bl_max(g->score_cap, bl_gen_whole(g->n_encoders > 0 ? c->source : 0));
    g->near = bl_graph_alloc(b, r, sizeof *g->near);
    g->far = bl_graph_alloc(b, g->n_encoders > 0 ? r : 0, sizeof *g->far);
    if (g->n_encoders > 0)
        alloc_sources(g);
    if (g->reader != NULL) {
        size_t t = (size_t)c->segment;
        g->prefix_x = bl_graph_alloc(b, 2 * t, sizeof *g->prefix_x);
        g->prefix_at = bl_graph_alloc(b, t, sizeof *g->prefix_at);
    }
    g->zero_k = per_layer(g, d);
    g->zero_v = per_layer(g, d);
    g->count = bl_graph_alloc(b, s, sizeof *g->count);
    g->position = bl_graph_alloc(b, r, sizeof *g->position);
    g->stream = bl_graph_alloc(b, r, sizeof *g->stream);
    g->n_compressed = bl_graph_alloc(b, s, sizeof *g->n_compressed);
    g->history = bl_graph_alloc(b, s * (size_t)g->context, sizeof *g->history);
    g->token = bl_graph_alloc(b, r, sizeof *g->token);
    g->place = bl_graph_alloc(b, r, sizeof *g->place);
    g->place_history =
        bl_graph_alloc(b, s * (size_t)g->context, sizeof *g->place_history);
    g->x = bl_graph_alloc(b, r * d, sizeof(bl_real));
    g->y = bl_graph_alloc(b, r * d, sizeof(bl_real));
    g->q = bl_graph_alloc(b, r * d, sizeof(bl_real));
    g->a = bl_graph_alloc(b, r * d, sizeof(bl_real));
    g->k = bl_graph_alloc(b, r * d, sizeof(bl_real));
    g->v = bl_graph_alloc(b, r * d, sizeof(bl_real));
    if (!is_lstm && c->pos == BL_POS_ROTARY) {
        g->turn = bl_graph_alloc(b, (r + 1) * d, sizeof(bl_real));
        g->turn_old = bl_graph_alloc(b, r * d, sizeof(bl_real));
    }
    g->narrow = bl_graph_alloc(b, r * (size_t)bl_model_embed_width(c), sizeof(bl_real));
    size_t parts = (size_t)bl_max(BL_GEN_PARTS, c->heads);
    g->score = bl_graph_alloc(b, parts * (size_t)bl_gen_scratch(g), sizeof(bl_real));
    g->logits = bl_graph_alloc(b, s * (size_t)c->vocab, sizeof(bl_real));
    return b->e->code;
}

/* How far back a token sees, and when memory moves on. */
static void set_window(bl_gen *g, const bl_model_config *c)
{
    int is_absolute = bl_model_is_absolute(c);
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

int bl_gen_begin(bl_gen **out, const bl_model_config *c, int n_streams,
                 bl_precision precision, bl_pool *pool, bl_err *e)
{
    *out = NULL;
    if (n_streams < 1 || n_streams > 65536)
        return bl_fail(e, BL_E_ARG, "%d streams: 1 to 65536 are possible", n_streams);
    bl_gen *g = bl_calloc(1, sizeof *g, e);
    if (g == NULL)
        return BL_E_NOMEM;
    bl_gemm_setup();
    g->pool = pool;
    g->of_weights = precision;
    g->precision = precision == BL_INT8 ? BL_BF16 : precision;
    g->streams = n_streams;
    g->most = c->arch == BL_ARCH_LSTM ? n_streams : (int)bl_max(n_streams, BL_GEN_ROWS);
    g->slots = c->compressed;
    set_window(g, c);
    g->build = BL_ERR_INIT;
    g->store = (bl_graph){.pool = pool, .e = &g->build};
    int rc = bl_gen_hold(g, c);
    if (rc == 0)
        rc = alloc_buffers(g);
    if (rc == 0)
        rc = bl_gen_plan_weights(g);
    if (rc != 0) {
        bl_fail(e, rc, "%s", g->build.text);
        bl_gen_del(g);
        return rc;
    }
    *out = g;
    return 0;
}

int bl_gen_ready(bl_gen *g, bl_err *e)
{
    int rc = bl_gen_end_weights(g, e);
    for (int s = 0; s < g->streams && rc == 0; s++)
        bl_gen_forget(g, s);
    return rc;
}

int bl_gen_new(bl_gen **out, bl_model *m, const bl_model_config *c, int n_streams,
               bl_precision precision, bl_pool *pool, bl_err *e)
{
    int rc = bl_gen_begin(out, c, n_streams, precision, pool, e);
    for (int i = 0; rc == 0 && i < m->n_params; i++)
        rc = bl_gen_take(*out, i, m->value + m->param[i].start, e);
    if (rc == 0)
        rc = bl_gen_ready(*out, e);
    if (rc != 0) {
        bl_gen_del(*out);
        *out = NULL;
    }
    return rc;
}

void bl_gen_del(bl_gen *g)
{
    if (g == NULL)
        return;
    bl_graph_free(&g->store);
    bl_gen_let_go(g);
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

/* ---- a pass ---- */

/* Rows of the embedding, of the model's width, to g->x. */
static void look_up(bl_gen *g)
{
    const bl_model *m = g->m;
    int n = m->emb->cols;
    bl_real *to = m->emb_w != NULL ? g->narrow : g->x;
    for (ptrdiff_t r = 0; r < g->batch; r++)
        memcpy(to + r * n, m->emb->v + (ptrdiff_t)bl_max(0, g->token[r]) * n,
               (size_t)n * sizeof *to);
    if (m->emb_w != NULL)
        bl_gen_project(g, to, &g->emb_w, m->emb_wb, g->batch, g->x);
}

static void embed(bl_gen *g)
{
    const bl_model *m = g->m;
    int d = m->config.width;
    bl_real scale = m->config.embed_scale ? (bl_real)sqrt((double)d) : 1;
    look_up(g);
    for (int r = 0; r < g->batch; r++) {
        for (int c = 0; c < d; c++)
            g->x[(ptrdiff_t)r * d + c] *= scale;
        bl_real *x = g->x + (ptrdiff_t)r * d;
        if (g->position[r] < 0)
            continue;
        bl_gen_add_row(x, m->wpe,
                       g->context > 0 ? g->position[r]
                                      : bl_gen_since(g, g->position[r]));
        if (m->bar != NULL)
            bl_gen_add_row(x, m->bar, bl_place_row(g->place[r], m->config.places));
        if (m->barno != NULL)
            bl_gen_add_row(x, m->barno, bl_bar_row(g->place[r], m->config.bar_rows));
        bl_gen_add_input_rows(g, r, x);
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
    for (int r = 0; r < g->batch && g->turn != NULL; r++) {
        int64_t place = g->position[r], compressed = g->n_compressed[g->stream[r]];
        if (place < 0)
            continue;
        bl_rotary_angles(place, e, c->rope_theta, g->turn + (ptrdiff_t)r * e);
        if (compressed > 0)
            bl_rotary_angles(compressed - 1 + bl_gen_n_recent(g, place), e,
                             c->rope_theta, g->turn_old + (ptrdiff_t)r * e);
    }
}

/* A row more for a token, -1: the stream rests. */
static void add_token(bl_gen *g, int stream, int32_t token, bl_place at)
{
    int r = g->batch++;
    g->stream[r] = stream;
    g->token[r] = token;
    g->place[r] = at;
    g->position[r] = token < 0 ? -1 : g->count[stream]++;
    if (g->context == 0 || token < 0)
        return;
    ptrdiff_t slot = (ptrdiff_t)stream * g->context + g->position[r];
    g->history[slot] = token;
    g->place_history[slot] = at;
}

/* All layers for the rows of a pass; the result is in g->x if it `is_asked` for. What
 * others will see of the rows does not need the last layer's. */
static void feed(bl_gen *g, int is_asked)
{
    const bl_model *m = g->m;
    const bl_model_config *c = &m->config;
    if (c->arch == BL_ARCH_LSTM) {
        for (int n = 0; n < c->layers; n++)
            bl_gen_lstm_layer(g, n, g->token);
        return;
    }
    embed(g);
    find_angles(g);
    bl_gen_group_rows(g);
    int n_whole = c->layers - (!is_asked && g->usage == NULL);
    for (int n = 0; n < n_whole; n++)
        bl_gen_attention_layer(g, n);
    if (n_whole < c->layers)
        bl_gen_last_keys(g, n_whole);
    if (c->pre_norm && is_asked)
        bl_gen_norm(g, g->x, m->lnf_g, m->lnf_b, g->batch, g->x);
    for (int r = 0; r < g->batch && g->slots > 0; r++)
        if (g->position[r] >= 0 && bl_gen_since(g, g->position[r] + 1) == 0)
            bl_gen_compress(g, g->stream[r]);
}

/* A stream whose context of absolute positions is full goes on with the last half of
 * it.
 */
static void begin_anew(bl_gen *g, int stream)
{
    int n = g->context, kept = n / 2;
    ptrdiff_t last = (ptrdiff_t)stream * n + n - kept;
    if (n == 0 || g->count[stream] < n)
        return;
    g->count[stream] = 0;
    for (int i = 0; i < kept;) {
        g->batch = 0;
        for (; i < kept && g->batch < g->most; i++)
            add_token(g, stream, g->history[last + i], g->place_history[last + i]);
        feed(g, 0);
    }
}

int bl_gen_room(const bl_gen *g, int stream)
{
    int64_t count = g->count[stream];
    if (g->m->config.arch == BL_ARCH_LSTM)
        return 0;
    if (g->context > 0)
        return g->context - (int)(count < g->context ? count : g->context / 2);
    return g->slots > 0 ? g->group - bl_gen_since(g, count) : g->most;
}

int bl_gen_most(const bl_gen *g)
{
    return g->most;
}

void bl_gen_read(bl_gen *g, const bl_gen_token *t, int n)
{
    for (int i = 0; i < n; i++)
        begin_anew(g, t[i].stream);
    g->batch = 0;
    for (int i = 0; i < n; i++)
        add_token(g, t[i].stream, t[i].token, t[i].at);
    feed(g, 0);
}

void bl_gen_place(bl_gen *g, const bl_place *at)
{
    g->at = at;
}

/* A part of `sources` for a stream's next condition, which others may share later. */
static void find_part(bl_gen *g, int stream)
{
    int part = g->source_of[stream];
    if (g->n_sharing[part] == 1)
        return;
    g->n_sharing[part]--;
    for (part = 0; g->n_sharing[part] > 0; part++)
        continue; /* there are as many as streams */
    g->n_sharing[part] = 1;
    g->source_of[stream] = part;
}

static int read_source(bl_gen *g, int stream, const int32_t *x, const bl_place *at,
                       int n, bl_err *e)
{
    bl_model *m = g->m;
    bl_gen_encoder *by = &g->encoder[0];
    int32_t length = n;
    if (n > m->config.source)
        return bl_fail(e, BL_E_ARG,
                       "a condition of %d tokens, of which the encoder reads %d", n,
                       m->config.source);
    memset(g->source_x, 0, (size_t)m->config.source * sizeof *g->source_x);
    memcpy(g->source_x, x, (size_t)n * sizeof *x);
    const bl_condition c = {.x = g->source_x, .length = &length};
    bl_model_condition(m, &c);
    for (int i = 0; i < n && m->source_bar != NULL; i++)
        m->source_bar[i] =
            bl_bar_row(at != NULL ? at[i] : BL_PLACE_BEGIN, m->config.bar_rows);
    for (int i = 1; i < g->n_encoders && g->encoder[i].rows >= n; i++)
        by = &g->encoder[i];
    bl_graph_forward(&by->graph);
    bl_model_condition(m, NULL);
    find_part(g, stream);
    bl_gen_keep_source(g, stream, by->encoded, n);
    return 0;
}

void bl_gen_share_condition(bl_gen *g, int from, int to)
{
    if (g->n_encoders == 0)
        return;
    g->n_sharing[g->source_of[to]]--;
    g->source_of[to] = g->source_of[from];
    g->n_sharing[g->source_of[to]]++;
    g->n_source[to] = g->n_source[from];
}

/* All tokens but the last as one segment, of which keys and values are kept: the last
 * one sees nothing that comes later. */
static int read_prefix(bl_gen *g, int stream, const int32_t *x, const bl_place *at,
                       int n, bl_err *e)
{
    int t = g->m->config.segment;
    int32_t prefix = n, real = n;
    int64_t scored;
    if (n > t)
        return bl_fail(e, BL_E_ARG,
                       "a condition of %d tokens, more than the %d of a segment", n, t);
    for (int i = 0; i < t; i++) {
        g->prefix_x[i] = i < n ? x[i] : 0;
        g->prefix_x[t + i] = -1;
        g->prefix_at[i] = i < n && at != NULL ? at[i] : BL_PLACE_BEGIN;
    }
    const bl_condition c = {.prefix = &prefix};
    bl_model_condition(g->reader, &c);
    bl_model_place(g->reader, g->prefix_at);
    bl_model_forward(g->reader, g->prefix_x, g->prefix_x + t, &real, 0, 0, 0, &scored);
    for (int i = 0; i + 1 < n; i++) {
        for (int layer = 0; layer < g->m->config.layers; layer++) {
            const bl_mat *k = g->reader->keys[layer], *v = g->reader->values[layer];
            const bl_ring *to = &g->recent[layer];
            bl_ring_put_key(g, to, stream, i, k->v + (ptrdiff_t)i * k->cols);
            bl_ring_put_value(g, to, stream, i, v->v + (ptrdiff_t)i * v->cols);
        }
        if (g->context > 0) {
            g->history[(ptrdiff_t)stream * g->context + i] = x[i];
            g->place_history[(ptrdiff_t)stream * g->context + i] = g->prefix_at[i];
        }
    }
    g->count[stream] = bl_max(n - 1, 0);
    return 0;
}

int bl_gen_condition(bl_gen *g, int stream, const int32_t *x, const bl_place *at, int n,
                     bl_err *e)
{
    if (g->n_encoders > 0)
        return read_source(g, stream, x, at, n, e);
    if (g->reader != NULL)
        return read_prefix(g, stream, x, at, n, e);
    return bl_fail(e, BL_E_ARG, "the model reads no condition at once");
}

void bl_gen_step(bl_gen *g, const int32_t *token, bl_real *logits)
{
    const bl_model *m = g->m;
    size_t vocab = (size_t)m->config.vocab;
    for (int s = 0; s < g->streams; s++)
        if (token[s] >= 0)
            begin_anew(g, s);
    g->batch = 0;
    for (int s = 0; s < g->streams; s++)
        add_token(g, s, token[s], g->at != NULL ? g->at[s] : BL_PLACE_BEGIN);
    feed(g, 1);
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
