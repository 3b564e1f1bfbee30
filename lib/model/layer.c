/* layer.c - see layer.h. */
#include "model/layer.h"

/* A sub-layer: what it makes of x, its norm's gain and bias, the gate behind it; a
 * matrix that a layer with such a part has. */
typedef struct {
    bl_mat *(*make)(const bl_maker *k, bl_mat *x, size_t gain, size_t bias);
    size_t gain, bias, gate, of;
} part;

static bl_mat *attention(const bl_maker *k, bl_mat *x, size_t gain, size_t bias)
{
    (void)gain;
    (void)bias;
    return k->attention(k, x);
}

static bl_mat *cross(const bl_maker *k, bl_mat *x, size_t gain, size_t bias)
{
    (void)gain;
    (void)bias;
    return k->cross(k, x);
}

/* Two matrices with an activation between: act(x W_1 + b_1) W_2 + b_2; with gates
 * (act(a) * b) W_2 + b_2 where [a ; b] = x W_1 + b_1. */
static bl_mat *feed_forward(const bl_maker *k, bl_mat *x, size_t gain, size_t bias)
{
    const bl_model_config *c = &k->m->config;
    double drop = bl_model_dropout(c, c->ff_dropout);
    size_t w1 = BL_WEIGHT(w1), b1 = BL_WEIGHT(b1);
    bl_act act = (bl_act)(BL_ACT_RELU + c->act);
    bl_mat *z = c->pre_norm ? k->norm(k, x, gain, bias) : x;
    bl_mat *hidden = c->glu
                         ? k->glu(k, k->biased(k, z, w1, b1, BL_ACT_NONE, 0), act, drop)
                         : k->biased(k, z, w1, b1, act, drop);
    return k->biased(k, hidden, BL_WEIGHT(w2), BL_WEIGHT(b2),
                     c->relu_out ? BL_ACT_RELU : BL_ACT_NONE, 0);
}

static const part parts[] = {
    {attention, BL_WEIGHT(ln1_g), BL_WEIGHT(ln1_b), BL_WEIGHT(ga), BL_WEIGHT(wq)},
    {cross, BL_WEIGHT(lnx_g), BL_WEIGHT(lnx_b), BL_WEIGHT(gx), BL_WEIGHT(xq)},
    {feed_forward, BL_WEIGHT(ln2_g), BL_WEIGHT(ln2_b), BL_WEIGHT(gf), BL_WEIGHT(w1)},
};

#define OF_GATE(tensor) (gate + offsetof(bl_gate, tensor))

static bl_mat *low_rank(const bl_maker *k, bl_mat *x, size_t a, size_t b)
{
    return k->linear(k, k->linear(k, x, a), b);
}

/* The residual x and what a sub-layer made of it become one: their sum, or a GRU's next
 * state (input y, state x) after rounds in which each scales the other. */
static bl_mat *joined(const bl_maker *k, size_t gate, bl_mat *x, bl_mat *y)
{
    const bl_model_config *c = &k->m->config;
    double drop = bl_model_dropout(c, c->layer_dropout);
    if (c->gate == BL_GATE_NONE)
        return k->residual(k, x, y, drop);
    y = k->dropped(k, y, drop);
    for (int round = 0; round < c->mogrify; round++)
        if (round % 2 == 0)
            y = k->modulate(k, low_rank(k, x, OF_GATE(q1), OF_GATE(q2)), y);
        else
            x = k->modulate(k, low_rank(k, y, OF_GATE(r1), OF_GATE(r2)), x);
    bl_mat *i = k->biased(k, y, OF_GATE(wi), OF_GATE(bi), BL_ACT_NONE, 0);
    bl_mat *h = k->biased(k, x, OF_GATE(wh), OF_GATE(bh), BL_ACT_NONE, 0);
    return k->gru(k, x, i, h);
}

/* Each sub-layer with its residual, and its norm after (post, as published: y = LN(x +
 * attention(x)), LN(y + ff(y))) or before (pre: y = x + attention(LN x), y + ff(LN y)).
 */
bl_mat *bl_layer_make(const bl_maker *k, bl_mat *x)
{
    for (size_t i = 0; i < BL_COUNT(parts); i++) {
        const part *p = &parts[i];
        if (bl_layer_mat(&k->m->layer[k->n], p->of) == NULL)
            continue;
        x = joined(k, p->gate, x, p->make(k, x, p->gain, p->bias));
        if (!k->m->config.pre_norm)
            x = k->norm(k, x, p->gain, p->bias);
        x = k->done(k, x);
    }
    return x;
}
