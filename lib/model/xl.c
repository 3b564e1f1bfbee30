/* xl.c - the Transformer-XL as a diagram of ops (Dai et al. 2019, equations 1 to 7).
 * Post-norm as published, or pre-norm with a final norm. Each layer attends to the M
 * inputs of that layer that came before the segment, and to the segment. */
#include "model/impl.h"
#include "nn/ops.h"

#include <math.h>

/* x -> attention over [memory ; x] -> feed-forward, each with its residual and norm. */
static bl_mat *layer_of(bl_model *m, int n, bl_mat *x, bl_mat *positions)
{
    const bl_model_config *c = &m->config;
    const bl_layer *l = &m->layer[n];
    bl_graph *g = &m->graph;
    double eps = c->norm_eps, drop = c->dropout;

    bl_mat *context = bl_with_memory(g, m->memory[n], x);
    bl_mat *keys_from = context, *queries_from = x;
    if (c->pre_norm) { /* memory is raw and normed on use */
        queries_from = bl_norm(g, x, l->ln1_g, l->ln1_b, eps);
        keys_from =
            context == x ? queries_from : bl_norm(g, context, l->ln1_g, l->ln1_b, eps);
    }
    bl_mat *q = bl_linear(g, queries_from, l->wq, NULL, 0, 0);
    bl_mat *k = bl_linear(g, keys_from, l->wk, NULL, 0, 0);
    bl_mat *v = bl_linear(g, keys_from, l->wv, NULL, 0, 0);
    bl_mat *r = bl_linear(g, positions, l->wr, NULL, 0, 0);
    bl_mat *a = bl_attention(g, q, k, v, r, l->u, l->vb, c->heads, c->att_dropout);
    bl_mat *o = bl_linear(g, a, l->wo, NULL, 0, 0);
    bl_mat *y = bl_residual(g, x, o, drop);
    if (!c->pre_norm)
        y = bl_norm(g, y, l->ln1_g, l->ln1_b, eps);

    bl_mat *z = c->pre_norm ? bl_norm(g, y, l->ln2_g, l->ln2_b, eps) : y;
    bl_mat *hidden = bl_linear(g, z, l->w1, l->b1, 1, drop);
    bl_mat *f = bl_linear(g, hidden, l->w2, l->b2, 0, 0);
    y = bl_residual(g, y, f, drop);
    return c->pre_norm ? y : bl_norm(g, y, l->ln2_g, l->ln2_b, eps);
}

void bl_xl_build(bl_model *m)
{
    const bl_model_config *c = &m->config;
    bl_graph *g = &m->graph;
    bl_mat *positions = bl_positions(g, c->width, c->clamp_len, c->dropout);
    bl_mat *x = bl_embed(g, m->emb, sqrt((double)c->width), c->dropout);
    for (int n = 0; n < c->layers; n++) {
        m->input[n] = x;
        x = layer_of(m, n, x, positions);
    }
    if (c->pre_norm)
        x = bl_norm(g, x, m->lnf_g, m->lnf_b, c->norm_eps);
    /* a dropout without a residual: the output's own (Dai et al.: "drop" before the
     * softmax) */
    x = bl_dropped(g, x, c->dropout);
    m->logits = bl_loss(g, x, m->emb, m->out_b, &m->nll);
}
