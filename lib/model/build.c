/* build.c - the models as diagrams of ops. An attention layer attends to what its
 * memory holds and to the segment; what differs in the family are positions, norms,
 * activation and memory (the N-layer procedure at the end of section 3.3 of Dai et al.
 * 2019 is the case all others are told from).
 *
 * Shapes as in ops.h: x (B*T, D) the inputs of a layer, its context [memory ; x] (B*K,
 * D) with K = S + T, sinusoids (K, D) of the distances K-1 .. 0, hidden (B*T, F). */
#include "model/impl.h"
#include "nn/ops.h"

#include <math.h>

/* The keys of positions, for each layer its own projection or table. */
static bl_relative relative(bl_model *m, int n, bl_mat *sinusoids)
{
    const bl_layer *l = &m->layer[n];
    bl_graph *g = &m->graph;
    switch (m->config.pos) {
    case BL_POS_SINUSOID:
        return (bl_relative){bl_linear(g, sinusoids, l->wr, NULL, BL_ACT_NONE, 0), l->u,
                             l->vb};
    case BL_POS_DISTANCE:
        return (bl_relative){.r = bl_distance_rows(g, l->er, m->config.heads)};
    default:
        return (bl_relative){.r = NULL};
    }
}

/* softmax(scores) of x over [memory ; x], projected: queries from the T new rows alone,
 * keys and values from all K (Dai et al. 2019, 3.2); what the memory pushes out is
 * compressed on the way (Rae et al. 2019, algorithm 1). */
static bl_mat *attention(bl_model *m, int n, bl_mat *x, bl_mat *sinusoids)
{
    const bl_model_config *c = &m->config;
    const bl_layer *l = &m->layer[n];
    bl_graph *g = &m->graph;
    bl_mat *context = bl_with_memory(g, m->memory[n], x);
    bl_mat *keys_from = context, *queries_from = x;
    if (c->pre_norm) { /* memory is raw and normed on use */
        queries_from = bl_norm(g, x, l->ln1_g, l->ln1_b, c->norm_eps);
        keys_from = context == x ? queries_from
                                 : bl_norm(g, context, l->ln1_g, l->ln1_b, c->norm_eps);
    }
    bl_mat *q = bl_linear(g, queries_from, l->wq, l->bq, BL_ACT_NONE, 0);
    bl_mat *k = bl_linear(g, keys_from, l->wk, l->bk, BL_ACT_NONE, 0);
    bl_mat *v = bl_linear(g, keys_from, l->wv, l->bv, BL_ACT_NONE, 0);
    bl_memory_again(g, m->memory[n], x, context);
    bl_relative rel = relative(m, n, sinusoids);
    int span = c->same_length ? c->memory + 1 : 0;
    bl_mat *a = bl_attention(g, q, k, v, &rel, c->heads, span, c->att_dropout);
    if (c->compressed > 0)
        bl_compress(g,
                    &(bl_compress_args){.how = (bl_compressor)c->compressor,
                                        .ratio = c->ratio,
                                        .slots = c->compressed + c->memory,
                                        .plain = c->memory,
                                        .heads = c->heads,
                                        .memory = m->memory[n],
                                        .x = x,
                                        .q = q,
                                        .wk = l->wk,
                                        .wv = l->wv,
                                        .cw = l->cw,
                                        .cb = l->cb,
                                        .gain = c->pre_norm ? l->ln1_g : NULL,
                                        .bias = c->pre_norm ? l->ln1_b : NULL,
                                        .eps = c->norm_eps},
                    &m->extra[n]);
    return bl_linear(g, a, l->wo, l->bo, BL_ACT_NONE, 0);
}

/* Two matrices with an activation between: act(x W_1 + b_1) W_2 + b_2. */
static bl_mat *feed_forward(bl_model *m, int n, bl_mat *x)
{
    const bl_model_config *c = &m->config;
    const bl_layer *l = &m->layer[n];
    bl_graph *g = &m->graph;
    bl_act act = (bl_act)(BL_ACT_RELU + c->act);
    bl_mat *hidden = bl_linear(g, x, l->w1, l->b1, act, c->dropout);
    return bl_linear(g, hidden, l->w2, l->b2, c->relu_out ? BL_ACT_RELU : BL_ACT_NONE,
                     0);
}

/* Each sub-layer with its residual, and its norm after (post, as published: y = LN(x +
 * attention(x)), LN(y + ff(y))) or before (pre: y = x + attention(LN x), y + ff(LN y)).
 */
static bl_mat *layer_of(bl_model *m, int n, bl_mat *x, bl_mat *sinusoids)
{
    const bl_model_config *c = &m->config;
    const bl_layer *l = &m->layer[n];
    bl_graph *g = &m->graph;
    double eps = c->norm_eps, drop = c->dropout;
    bl_mat *y = bl_residual(g, x, attention(m, n, x, sinusoids), drop);
    if (!c->pre_norm)
        y = bl_norm(g, y, l->ln1_g, l->ln1_b, eps);
    bl_mat *z = c->pre_norm ? bl_norm(g, y, l->ln2_g, l->ln2_b, eps) : y;
    y = bl_residual(g, y, feed_forward(m, n, z), drop);
    return c->pre_norm ? y : bl_norm(g, y, l->ln2_g, l->ln2_b, eps);
}

static bl_mat *transformer(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    bl_mat *sinusoids = NULL;
    if (c->pos == BL_POS_SINUSOID)
        sinusoids = bl_positions(g, c->width, c->clamp_len, c->dropout);
    double scale = c->embed_scale ? sqrt((double)c->width) : 1;
    bl_mat *x = bl_embed(g, m->emb, scale, m->wpe, c->dropout);
    for (int n = 0; n < c->layers && x != NULL; n++) {
        m->fresh[n] = x->v;
        x = layer_of(m, n, x, sinusoids);
    }
    return c->pre_norm ? bl_norm(g, x, m->lnf_g, m->lnf_b, c->norm_eps) : x;
}

/* A token is one-hot, so that the first layer's input product is a row of its matrix.
 */
static bl_mat *lstm(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    bl_mat *x = NULL;
    for (int n = 0; n < c->layers && g->e->code == 0; n++) {
        const bl_layer *l = &m->layer[n];
        bl_mat *zx = n == 0 ? bl_add_bias(g, bl_embed(g, l->wx, 1, NULL, 0), l->b)
                            : bl_linear(g, bl_dropped(g, x, c->dropout), l->wx, l->b,
                                        BL_ACT_NONE, 0);
        x = bl_lstm(g, zx, l->wh, m->memory[n], &m->extra[n]);
        m->fresh[n] = x != NULL ? x->v : NULL;
    }
    return x;
}

void bl_model_build(bl_model *m)
{
    bl_graph *g = &m->graph;
    bl_mat *x = m->config.arch == BL_ARCH_LSTM ? lstm(m) : transformer(m);
    /* a dropout without a residual: the output's own, as in the code of Dai et al. */
    x = bl_dropped(g, x, m->config.dropout);
    m->logits = bl_loss(g, x, m->out_w, m->config.tie, m->out_b, &m->nll);
}
