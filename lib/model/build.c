/* build.c - the models as diagrams of ops. An attention layer attends to what its
 * memory holds and to the segment; what differs in the family are positions, norms,
 * activation and memory (the N-layer procedure at the end of section 3.3 of Dai et al.
 * 2019 is the case all others are told from).
 *
 * What a layer consists of is told in layer.c, for sampling too. What stays a second
 * pass there, and why:
 * - attention (gen_attend.c): a segment's keys and values are made anew from [memory ;
 *   x], as gradients need them; a new token's go into rings where those before it stay,
 *   so that it costs one row and not K;
 * - positions: distances here are of a segment, the last row that of distance 0; there
 *   the keys of all distances are made once, rotary keys are stored turned, and an
 *   absolute place counts from where memory last moved on;
 * - compression: here of what a segment pushes out, with its auxiliary loss; there when
 *   as many tokens have passed;
 * - both ends and cells: rows looked up and a state, one step in the place of a scan,
 *   and no loss.
 *
 * Shapes as in ops.h: x (B*T, D) the inputs of a layer, its context [memory ; x] (B*K,
 * D) with K = S + T, sinusoids (K, D) of the distances K-1 .. 0, hidden (B*T, F). */
#include "model/layer.h"
#include "nn/op/ops.h"

#include <math.h>
#include <string.h>

/* Slots of layer n, compressed ones among them. */
static int slots_of(const bl_model *m, int n)
{
    return m->memory[n] != NULL ? m->config.compressed + m->config.memory : 0;
}

/* The tokens of the segment, or what is told of each in `id`. */
static bl_id_rows of_segment(const bl_model *m, const int32_t *const *id)
{
    return (bl_id_rows){id, m->lanes, m->config.segment};
}

static bl_id_rows tokens(const bl_model *m)
{
    return of_segment(m, &m->graph.feed.x);
}

/* The keys of positions, for each layer its own projection or table. */
static bl_relative relative(bl_model *m, int n, bl_mat *sinusoids)
{
    const bl_layer *l = &m->layer[n];
    bl_graph *g = &m->graph;
    int keys = slots_of(m, n) + m->config.segment;
    switch (m->config.pos) {
    case BL_POS_SINUSOID:
        return (bl_relative){.r = bl_linear(g, sinusoids, l->wr, NULL, BL_ACT_NONE, 0),
                             .u = l->u,
                             .vb = l->vb};
    case BL_POS_DISTANCE:
        return (bl_relative){.r = bl_distance_rows(g, keys, l->er, m->config.heads,
                                                   m->config.share_distances)};
    default:
        return (bl_relative){.r = NULL};
    }
}

/* Queries or keys, turned where positions are rotary. */
static bl_mat *placed(bl_model *m, bl_mat *x, int keeps)
{
    const bl_model_config *c = &m->config;
    if (c->pos != BL_POS_ROTARY)
        return x;
    return bl_rotary(&m->graph, x, m->lanes, &m->places, keeps);
}

/* What the memory of layer n pushes out, compressed (Rae et al. 2019, algorithm 1). */
static void compressed(bl_model *m, int n, bl_mat *x, bl_mat *q, bl_real *usage)
{
    const bl_model_config *c = &m->config;
    const bl_layer *l = &m->layer[n];
    bl_compress_args a = {.squeezer = bl_model_squeezer(c, l),
                          .lanes = m->lanes,
                          .t = c->segment,
                          .slots = c->compressed + c->memory,
                          .plain = c->memory,
                          .heads = c->heads,
                          .memory = m->memory[n],
                          .usage = usage,
                          .x = x,
                          .q = q,
                          .wk = l->wk,
                          .wv = l->wv,
                          .gain = c->pre_norm ? l->ln1_g : NULL,
                          .bias = c->pre_norm ? l->ln1_b : NULL,
                          .eps = c->norm_eps};
    bl_compress(&m->graph, &a, &m->extra[n]);
}

/* What the tokens of a segment see in layer n. */
static bl_scope scope_of(const bl_model *m, int n)
{
    const bl_model_config *c = &m->config;
    int slots = slots_of(m, n);
    return (bl_scope){.lanes = m->lanes,
                      .queries = c->segment,
                      .keys = slots + c->segment,
                      .causal = 1,
                      .memory = slots,
                      .span = c->same_length ? c->memory + 1 : 0,
                      .block = bl_model_is_local(c, n) ? c->block : 0,
                      .length = slots > 0 ? &m->graph.feed.mem_length : NULL,
                      .prefix = c->prefix_mask == BL_PREFIX_FULL ? &m->condition.prefix
                                                                 : NULL};
}

/* softmax(scores) of x over [memory ; x], projected: queries from the T new rows alone,
 * keys and values from all K (Dai et al. 2019, 3.2); what the memory pushes out is
 * compressed on the way. */
static bl_mat *attention(bl_model *m, int n, bl_mat *x, bl_mat *sinusoids)
{
    const bl_model_config *c = &m->config;
    const bl_layer *l = &m->layer[n];
    bl_graph *g = &m->graph;
    bl_slots slots = {m->memory[n], m->lanes, slots_of(m, n)};
    bl_mat *context = bl_with_memory(g, &slots, x, &m->context);
    bl_mat *keys_from = context, *queries_from = x;
    if (c->pre_norm) { /* memory is raw and normed on use */
        queries_from = bl_norm(g, x, l->ln1_g, l->ln1_b, c->norm_eps);
        keys_from = context == x ? queries_from
                                 : bl_norm(g, context, l->ln1_g, l->ln1_b, c->norm_eps);
    }
    bl_mat *q = bl_linear(g, queries_from, l->wq, l->bq, BL_ACT_NONE, 0);
    bl_mat *k = bl_linear(g, keys_from, l->wk, l->bk, BL_ACT_NONE, 0);
    bl_mat *v = bl_linear(g, keys_from, l->wv, l->bv, BL_ACT_NONE, 0);
    bl_memory_again(g, &slots, x, context);
    k = m->keys[n] = placed(m, k, 0);
    m->values[n] = v;
    bl_relative rel = relative(m, n, sinusoids);
    bl_scope scope = scope_of(m, n);
    int squeezes = c->compressed > 0 && slots.slots > 0;
    int counts = squeezes && c->compressor == BL_COMPRESS_MOST_USED;
    bl_real *usage = NULL;
    bl_mat *a = bl_attention(g, placed(m, q, c->compressed > 0), k, v, &rel, &scope,
                             c->heads, c->att_dropout, counts ? &usage : NULL);
    if (squeezes)
        compressed(m, n, x, q, usage);
    return bl_linear(g, a, l->wo, l->bo, BL_ACT_NONE, 0);
}

/* q meets keys and values of rows from elsewhere, of which all that are there are seen;
 * the weights are those of a layer's own attention or of its other one. */
typedef struct {
    bl_mat *wq, *bq, *wk, *bk, *wv, *bv, *wo, *bo;
} projections;

static bl_mat *attention_to(bl_model *m, bl_mat *x, bl_mat *from, const bl_scope *scope,
                            int heads, const projections *w)
{
    bl_graph *g = &m->graph;
    bl_mat *q = bl_linear(g, x, w->wq, w->bq, BL_ACT_NONE, 0);
    bl_mat *k = bl_linear(g, from, w->wk, w->bk, BL_ACT_NONE, 0);
    bl_mat *v = bl_linear(g, from, w->wv, w->bv, BL_ACT_NONE, 0);
    const bl_relative none = {.r = NULL};
    bl_mat *a =
        bl_attention(g, q, k, v, &none, scope, heads, m->config.att_dropout, NULL);
    return bl_linear(g, a, w->wo, w->bo, BL_ACT_NONE, 0);
}

/* All rows of the condition that are there. */
static bl_scope scope_of_source(const bl_model *m, int queries)
{
    return (bl_scope){.lanes = m->lanes,
                      .queries = queries,
                      .keys = m->config.source,
                      .length = &m->condition.length};
}

/* ---- the steps of layer.h as ops ---- */

/* Who makes them. */
typedef struct {
    bl_model *m;
    bl_mat *sinusoids[2]; /* of the distances of layers without memory, and with it */
    bl_mat *encoded;      /* the encoder's rows (B*source, D) */
} diagram;

static bl_graph *graph_of(const bl_maker *k)
{
    return &((const diagram *)k->who)->m->graph;
}

static bl_mat *weight(const bl_maker *k, size_t at)
{
    return bl_layer_mat(&k->m->layer[k->n], at);
}

static bl_mat *make_attention(const bl_maker *k, bl_mat *x)
{
    const diagram *d = k->who;
    int remembers = bl_model_remembers(&k->m->config, k->n) || d->sinusoids[0] == NULL;
    return attention(d->m, k->n, x, d->sinusoids[remembers]);
}

static bl_mat *make_norm(const bl_maker *k, bl_mat *x, size_t gain, size_t bias);

/* Of an encoder's layer: every token to all of the condition. */
static bl_mat *make_encoding(const bl_maker *k, bl_mat *x)
{
    bl_model *m = ((const diagram *)k->who)->m;
    const bl_layer *l = &m->layer[k->n];
    const projections w = {l->wq, l->bq, l->wk, l->bk, l->wv, l->bv, l->wo, l->bo};
    if (m->config.pre_norm)
        x = make_norm(k, x, BL_WEIGHT(ln1_g), BL_WEIGHT(ln1_b));
    const bl_scope scope = scope_of_source(m, m->config.source);
    return attention_to(m, x, x, &scope, m->config.heads, &w);
}

/* Of a window: every step to all of it. */
static bl_mat *make_window(const bl_maker *k, bl_mat *x)
{
    bl_model *m = ((const diagram *)k->who)->m;
    const bl_model_config *c = &m->config;
    const bl_layer *l = &m->layer[k->n];
    const projections w = {l->wq, l->bq, l->wk, l->bk, l->wv, l->bv, l->wo, l->bo};
    int steps = k->n < c->layers ? bl_model_steps(c) : c->segment;
    const bl_scope scope = {.lanes = m->lanes, .queries = steps, .keys = steps};
    if (c->pre_norm)
        x = make_norm(k, x, BL_WEIGHT(ln1_g), BL_WEIGHT(ln1_b));
    return attention_to(m, x, x, &scope, k->n < c->layers ? c->heads : c->dec_heads,
                        &w);
}

static bl_mat *make_cross(const bl_maker *k, bl_mat *x)
{
    const diagram *d = k->who;
    const bl_layer *l = &d->m->layer[k->n];
    const projections w = {l->xq, l->xbq, l->xk, l->xbk, l->xv, l->xbv, l->xo, l->xbo};
    if (d->m->config.pre_norm)
        x = make_norm(k, x, BL_WEIGHT(lnx_g), BL_WEIGHT(lnx_b));
    const bl_scope scope = scope_of_source(d->m, d->m->config.segment);
    return attention_to(d->m, x, d->encoded, &scope, d->m->config.heads, &w);
}

static bl_mat *make_norm(const bl_maker *k, bl_mat *x, size_t gain, size_t bias)
{
    return bl_norm(graph_of(k), x, weight(k, gain), weight(k, bias),
                   k->m->config.norm_eps);
}

static bl_mat *make_linear(const bl_maker *k, bl_mat *x, size_t w)
{
    return bl_linear(graph_of(k), x, weight(k, w), NULL, BL_ACT_NONE, 0);
}

static bl_mat *make_biased(const bl_maker *k, bl_mat *x, size_t w, size_t bias,
                           bl_act act, double dropout)
{
    return bl_linear(graph_of(k), x, weight(k, w), weight(k, bias), act, dropout);
}

static bl_mat *make_glu(const bl_maker *k, bl_mat *x, bl_act act, double dropout)
{
    return bl_glu(graph_of(k), x, act, dropout);
}

static bl_mat *make_dropped(const bl_maker *k, bl_mat *y, double dropout)
{
    return bl_dropped(graph_of(k), y, dropout);
}

static bl_mat *make_residual(const bl_maker *k, bl_mat *x, bl_mat *y, double dropout)
{
    return bl_residual(graph_of(k), x, y, dropout);
}

static bl_mat *make_modulate(const bl_maker *k, bl_mat *s, bl_mat *x)
{
    return bl_modulate(graph_of(k), s, x);
}

static bl_mat *make_gru(const bl_maker *k, bl_mat *x, bl_mat *i, bl_mat *h)
{
    return bl_gru(graph_of(k), x, i, h);
}

static bl_mat *make_done(const bl_maker *k, bl_mat *x)
{
    (void)k;
    return x;
}

static const bl_maker ops = {.attention = make_attention,
                             .cross = make_cross,
                             .norm = make_norm,
                             .linear = make_linear,
                             .biased = make_biased,
                             .glu = make_glu,
                             .dropped = make_dropped,
                             .residual = make_residual,
                             .modulate = make_modulate,
                             .gru = make_gru,
                             .done = make_done};

/* ---- whole models ---- */

static bl_mat *with_row(bl_model *m, bl_mat *x, bl_mat *table, int32_t *const *id)
{
    const bl_id_rows ids = of_segment(m, (const int32_t *const *)id);
    return table != NULL ? bl_add_rows(&m->graph, x, &ids, table) : x;
}

/* Rows for whose the token is, and for what came next the last time. */
static bl_mat *with_input_rows(bl_model *m, bl_mat *x)
{
    x = with_row(m, x, m->side, &m->side_id);
    for (int i = 0; i < BL_RECALL_PARTS; i++)
        x = with_row(m, x, m->recall[i], &m->recall_id[i]);
    return x;
}

/* Rows for a token's position in its bar and for its bar (as MuseNet, Payne 2019). */
static bl_mat *placed_in_bars(bl_model *m, bl_mat *x)
{
    x = with_row(m, x, m->bar, &m->place_id);
    return with_row(m, x, m->barno, &m->bar_id);
}

/* Rows of an embedding, by a matrix to the width if theirs is another; dropped unless
 * more is added. */
typedef struct {
    bl_id_rows ids;
    bl_mat *emb, *w, *wb, *places;
} lookup;

static bl_mat *embedded(bl_model *m, const lookup *l, double drop)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    double scale = c->embed_scale ? sqrt((double)c->width) : 1;
    if (l->w == NULL)
        return bl_embed(g, &l->ids, l->emb, scale, l->places, drop);
    bl_mat *x = bl_embed(g, &l->ids, l->emb, 1, NULL, 0);
    x = bl_linear(g, x, l->w, l->wb, BL_ACT_NONE, 0);
    return bl_scaled(g, x, l->ids.t, scale, l->places, drop);
}

/* The tokens' rows with all that is added to them. */
static bl_mat *embedded_tokens(bl_model *m)
{
    const bl_model_config *c = &m->config;
    double drop = bl_model_dropout(c, c->embed_dropout);
    int has_rows = bl_model_has_rows(c);
    const lookup l = {tokens(m), m->emb, m->emb_w, m->emb_wb, m->wpe};
    bl_mat *x = embedded(m, &l, has_rows ? 0 : drop);
    if (!has_rows)
        return x;
    return bl_dropped(&m->graph, with_input_rows(m, placed_in_bars(m, x)), drop);
}

/* The condition read both ways (Vaswani et al. 2017, 3.1); its bars' rows are those of
 * the target's, so that each finds the other. */
bl_mat *bl_model_build_encoder(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    diagram d = {.m = m};
    bl_maker k = ops;
    k.m = m;
    k.who = &d;
    k.attention = make_encoding;
    double drop = bl_model_dropout(c, c->embed_dropout);
    const lookup l = {{&m->condition.x, m->lanes, c->source},
                      m->enc_emb,
                      m->enc_w,
                      m->enc_wb,
                      bl_place_rows(g, c->source, c->width)};
    const bl_id_rows bars = {(const int32_t *const *)&m->source_bar, m->lanes,
                             c->source};
    bl_mat *x = embedded(m, &l, m->barno != NULL ? 0 : drop);
    if (m->barno != NULL)
        x = bl_dropped(g, bl_add_rows(g, x, &bars, m->barno), drop);
    for (int n = 0; n < bl_model_encoder_layers(c) && x != NULL; n++) {
        k.n = c->layers + n;
        x = bl_layer_make(&k, x);
    }
    return c->pre_norm ? bl_norm(g, x, m->enc_g, m->enc_b, c->norm_eps) : x;
}

static bl_mat *transformer(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    double drop = bl_model_dropout(c, c->embed_dropout);
    diagram d = {.m = m};
    bl_maker k = ops;
    k.m = m;
    k.who = &d;
    int slots = c->memory + c->compressed, keys = slots + c->segment;
    if (c->pos == BL_POS_SINUSOID)
        d.sinusoids[1] = bl_positions(g, keys, c->width, c->clamp_len, drop);
    if (c->pos == BL_POS_SINUSOID && !bl_model_all_remember(c))
        d.sinusoids[0] = bl_positions(g, c->segment, c->width, c->clamp_len, drop);
    if (c->pos == BL_POS_ROTARY)
        m->places = bl_rotary_table(g, keys, c->width / c->heads, c->rope_theta);
    if (c->condition == BL_CONDITION_ENCODER)
        d.encoded = bl_model_build_encoder(m);
    bl_mat *x = embedded_tokens(m);
    for (int n = 0; n < c->layers && x != NULL; n++) {
        m->fresh[n] = x->v;
        k.n = n;
        x = bl_layer_make(&k, x);
    }
    return c->pre_norm ? bl_norm(g, x, m->lnf_g, m->lnf_b, c->norm_eps) : x;
}

/* A token is one-hot, so that the first layer's input product is a row of its matrix.
 */
static bl_mat *cells(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    const bl_id_rows ids = tokens(m);
    bl_mat *x = NULL;
    for (int n = 0; n < c->layers && g->e->code == 0; n++) {
        const bl_layer *l = &m->layer[n];
        bl_mat *b = c->cell == BL_CELL_GRU ? l->bi : l->b;
        bl_mat *zx = n == 0 ? bl_add_bias(g, bl_embed(g, &ids, l->wx, 1, NULL, 0), b)
                            : bl_linear(g, bl_dropped(g, x, c->dropout), l->wx, b,
                                        BL_ACT_NONE, 0);
        if (n == 0)
            zx = with_input_rows(m, zx);
        x = c->cell == BL_CELL_GRU
                ? bl_gru_cells(g, zx, l->wh, l->bh, m->lanes, m->memory[n])
                : bl_lstm(g, zx, l->wh, m->lanes, m->memory[n], &m->extra[n]);
        m->fresh[n] = x != NULL ? x->v : NULL;
    }
    return x;
}

/* ---- windows of drums (Haki et al. 2022) ---- */

/* Layers first .. end - 1, and the last norm that both halves have. */
static bl_mat *window_layers(bl_model *m, bl_mat *x, int first, int end, bl_mat *gain,
                             bl_mat *bias)
{
    diagram d = {.m = m};
    bl_maker k = ops;
    k.m = m;
    k.who = &d;
    k.attention = make_window;
    for (k.n = first; k.n < end && x != NULL; k.n++)
        x = bl_layer_make(&k, x);
    return bl_norm(&m->graph, x, gain, bias, m->config.norm_eps);
}

/* All steps of a window as one row, drawn from, and made steps again. */
static bl_mat *through_latent(bl_model *m, bl_mat *x)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    bl_mat *flat = bl_reshaped(g, x, m->lanes, (int64_t)bl_model_steps(c) * c->width);
    m->mean = bl_linear(g, flat, m->mu_w, m->mu_b, BL_ACT_NONE, 0);
    m->log_var = bl_linear(g, flat, m->lv_w, m->lv_b, BL_ACT_NONE, 0);
    const bl_latent_args args = {m->mean, m->log_var, c->segment,
                                 c->reduce ? BL_SUMMED : BL_OVER_ALL, &m->window_feed};
    m->drawn = bl_latent(g, &args);
    m->decodes_from = g->n_ops;
    x = bl_linear(g, m->drawn, m->z_w, m->z_b, BL_ACT_NONE, 0);
    return bl_reshaped(g, x, (int64_t)m->lanes * c->segment, c->dec_width);
}

/* What is seen of windows, as states in their places; the density's before the steps'.
 */
static bl_mat *seen_windows(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    int steps = bl_model_steps(c);
    m->seen = bl_graph_mat(g, (int64_t)m->lanes * c->segment, bl_model_inputs(c), 0);
    bl_mat *x = bl_linear(g, m->seen, m->in_w, m->in_b, BL_ACT_RELU, 0);
    if (c->density == BL_DENSITY_STEP) {
        m->density = bl_graph_mat(g, m->lanes, 1, 0);
        x = bl_led(
            g, bl_linear(g, m->density, m->density_w, m->density_b, BL_ACT_RELU, 0), x);
    }
    return bl_scaled(g, x, steps, 1, bl_place_rows(g, steps, c->width),
                     bl_model_dropout(c, c->embed_dropout));
}

static void windows(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    int is_vae = c->arch == BL_ARCH_GROOVE_VAE;
    bl_mat *x = window_layers(m, seen_windows(m), 0, c->layers, m->lnf_g, m->lnf_b);
    if (is_vae) {
        x = through_latent(m, x);
        x = window_layers(m, x, c->layers, c->layers + c->dec_layers, m->dec_g,
                          m->dec_b);
    } else if (c->density == BL_DENSITY_STEP) {
        x = bl_unled(g, x, m->lanes);
    }
    m->logits = bl_linear(g, x, m->out_w, m->out_b, BL_ACT_NONE, 0);
    const bl_window_loss_args args = {.x = m->logits,
                                      .lanes = m->lanes,
                                      .voices = c->voices,
                                      .miss_weight = is_vae ? 1 : c->miss_weight,
                                      .velocity = (bl_distance)c->velocity_loss,
                                      .offset = (bl_distance)c->offset_loss,
                                      .reduce = !is_vae     ? BL_OVER_STEPS
                                                : c->reduce ? BL_SUMMED
                                                            : BL_OVER_ALL,
                                      .feed = &m->window_feed};
    bl_window_loss(g, &args, &m->nll);
}

/* The loudest hit of a step, the first of equals. */
static int loudest(const bl_real *step, int voices)
{
    int best = 0;
    for (int k = 1; k < voices; k++)
        if (step[voices + k] > step[voices + best])
            best = k;
    return best;
}

/* What is seen of a step, to (inputs). */
static void see_step(const bl_model_config *c, const bl_real *step, bl_real *to)
{
    int best = loudest(step, c->voices), at = c->inputs == 3 ? 0 : BL_TAP_VOICE;
    for (int i = 0; i < c->inputs; i++)
        to[i] = c->input >> i % c->voices & 1 ? step[i] : 0;
    for (int i = 0; i < 3 && c->input == 0; i++)
        to[i * (c->inputs / 3) + at] = step[i * c->voices + best];
}

static bl_real density_of(const bl_real *window, int steps, int voices)
{
    bl_real n = 0;
    for (int t = 0; t < steps; t++)
        for (int k = 0; k < voices; k++)
            n += window[t * 3 * voices + k];
    return n / (bl_real)(steps * voices);
}

void bl_model_see(bl_model *m)
{
    const bl_model_config *c = &m->config;
    const bl_windows *w = m->windows;
    const bl_real *const *source = w->source != NULL ? w->source : w->feed.target;
    int n = bl_model_inputs(c), steps = c->segment;
    for (int lane = 0; lane < m->lanes; lane++) {
        const bl_real *window = source != NULL ? source[lane] : NULL;
        const bl_real *goal = w->feed.target != NULL ? w->feed.target[lane] : window;
        bl_real *to = m->seen->v + (ptrdiff_t)lane * steps * n, density = 0;
        if (window == NULL)
            memset(to, 0, (size_t)(steps * n) * sizeof *to);
        else if (c->density)
            density = w->density != NULL ? w->density[lane]
                                         : density_of(goal, steps, c->voices);
        for (int t = 0; t < steps && window != NULL; t++) {
            see_step(c, window + (ptrdiff_t)t * 3 * c->voices, to + (ptrdiff_t)t * n);
            if (c->density == BL_DENSITY_COLUMN)
                to[(ptrdiff_t)t * n + c->inputs] = density;
        }
        if (m->density != NULL)
            m->density->v[lane] = density;
    }
}

void bl_model_build(bl_model *m)
{
    bl_graph *g = &m->graph;
    if (bl_model_is_groove(&m->config)) {
        windows(m);
        return;
    }
    bl_mat *x = m->config.arch == BL_ARCH_LSTM ? cells(m) : transformer(m);
    /* a dropout without a residual: the output's own, as in the code of Dai et al. */
    x = bl_dropped(g, x, m->config.dropout);
    if (m->out_p != NULL)
        x = bl_linear(g, x, m->out_p, m->out_pb, BL_ACT_NONE, 0);
    m->logits = bl_loss(g, x, m->out_w, m->config.tie, m->out_b, &m->nll);
}
