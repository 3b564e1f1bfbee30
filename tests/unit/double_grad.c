/* double_grad.c - every parameter gradient of small models against central differences,
 * in double: all ops, options, memories that are partly filled, padded tails, dropout.
 */
#include "model/model.h"
#include "nn/op/ops.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 3, SEGMENT_MAX = 64, TOKENS = LANES * SEGMENT_MAX };

typedef struct {
    bl_model *m;
    int32_t x[TOKENS], y[TOKENS], n_real[LANES];
    int32_t source[TOKENS], length[LANES], prefix[LANES];
    bl_place source_at[TOKENS];
    bl_place at[TOKENS];
    double windows[TOKENS * 3 * BL_VOICES], weight[LANES], cells[TOKENS];
    const double *target[LANES];
    bl_windows told;
    double scale;
    int train;
} fixture;

static const double AUX_SCALE = 0.1;

/* The parameters of a compressor learn from the auxiliary loss alone, all others from
 * the other: the sum would have slopes that nobody follows. */
static double loss(fixture *f, int of_aux)
{
    int64_t n;
    double nll = bl_model_forward(f->m, f->x, f->y, f->n_real, f->train, 7, 3, &n);
    return of_aux ? AUX_SCALE * bl_model_aux(f->m, &n) : f->scale * nll;
}

/* A condition is whole, in part and not there at all; the last lane's prefix is longer
 * than what it has of the segment. */
static void tell_condition(fixture *f, const bl_model_config *c)
{
    const bl_condition told = {f->source, f->length, f->source_at, f->prefix};
    int vocab = c->source_vocab > 0 ? c->source_vocab : c->vocab;
    for (int i = 0; i < TOKENS; i++) {
        f->source[i] = (i * i * 3 + 2 * i) % vocab;
        f->source_at[i] = (bl_place){.bar = i / 2 % 5, .position = i % 3};
    }
    f->length[0] = c->source;
    f->length[1] = c->source / 2;
    f->prefix[0] = 3;
    f->prefix[2] = 4;
    bl_model_condition(f->m, &told);
}

/* Drums of three lanes, the last of which has none; each cell and lane with a weight.
 */
static void tell_windows(fixture *f, const bl_model_config *c)
{
    int v = BL_VOICES;
    for (int i = 0; i < LANES * c->segment; i++)
        for (int k = 0; k < v; k++) {
            double *x = f->windows + i * 3 * v;
            int hit = (i * i + 3 * k + i * k) % 5 < 2;
            x[k] = hit;
            x[v + k] = hit ? (i * 7 + k * 5) % 17 / 17.0 + 0.01 : 0;
            x[2 * v + k] = hit ? (i * 3 + k * 11) % 13 / 13.0 - 0.5 : 0;
        }
    for (int i = 0; i < TOKENS; i++)
        f->cells[i] = 0.5 + i % 7 / 5.0;
    for (int b = 0; b < LANES; b++) {
        f->target[b] = b < 2 ? f->windows + b * c->segment * 3 * v : NULL;
        f->weight[b] = 0.7 + b;
    }
    f->told = (bl_windows){.feed = {.target = f->target,
                                    .cell_weight = f->cells,
                                    .lane_weight = f->weight,
                                    .beta = c->beta,
                                    .draws = 1}};
    bl_model_windows(f->m, &f->told);
}

static bl_recalled recalled(int i, const bl_model_config *c)
{
    return (bl_recalled){(uint16_t)(i * 3 % bl_max(1, c->vocab)),
                         (uint8_t)(i % (bl_recall_lengths(c->recall) + 1)),
                         (uint8_t)(i * 5 % BL_RECALL_DISTANCES),
                         (uint8_t)(i % BL_RECALL_TIMES)};
}

static void fill(fixture *f, const bl_model_config *c, bl_pool *pool)
{
    bl_err e = BL_ERR_INIT;
    if (bl_model_new(&f->m, c, LANES, 1, pool, &e) != 0) {
        printf("Bail out! %s\n", e.text);
        exit(70);
    }
    bl_model_init(f->m, 11);
    for (int64_t i = 0; i < bl_model_size(f->m);
         i++) /* no parameter at a special value */
        bl_model_values(f->m)[i] += 0.1 * sin(1.7 * (double)i);
    for (int i = 0; i < TOKENS; i++)
        f->at[i] = (bl_place){i / 3 - 1, i * i % 7, i % 2, recalled(i, c)};
    bl_model_place(f->m, f->at);
    tell_condition(f, c);
    tell_windows(f, c);
    f->scale = 1.25 / c->segment;
    int t = c->segment;
    f->n_real[0] = f->n_real[1] = t;
    f->n_real[2] = 3;
    for (int s = 0; s < 2; s++) { /* two segments before: the memory is real */
        int64_t n;
        for (int i = 0; i < LANES * t; i++) {
            int scored = i % t < f->n_real[i / t];
            f->x[i] = scored ? (i * i + 3 * s + i) % c->vocab : 0;
            f->y[i] = scored && i != 4 ? (i * 5 + s) % c->vocab : -1;
        }
        if (s == 1)
            bl_model_forget(f->m, 1);
        bl_model_forward(f->m, f->x, f->y, f->n_real, 0, 0, 0, &n);
        bl_model_advance(f->m);
    }
}

/* d(loss)/dv by a central difference: small enough to stay clear of the ReLU's kinks.
 */
static double slope(fixture *f, double *v, int of_aux)
{
    double old = *v, h = 1e-5;
    *v = old + h;
    double up = loss(f, of_aux);
    *v = old - h;
    double down = loss(f, of_aux);
    *v = old;
    return (up - down) / (2 * h);
}

/* The largest relative error over some elements of each tensor. */
static double worst(fixture *f, const char **where)
{
    double worst_error = 0;
    int64_t size = bl_model_size(f->m);
    double *value = bl_model_values(f->m), *grad = bl_model_grads(f->m);
    for (int64_t i = 0; i < size; i++)
        grad[i] = 0;
    loss(f, 0);
    bl_model_backward(f->m, f->scale, AUX_SCALE);
    for (int t = 0; t < bl_model_n_params(f->m); t++) {
        const bl_param *p = bl_model_param(f->m, t);
        for (int64_t k = 0; k < p->size; k += 1 + p->size / 24) {
            double numeric = slope(f, &value[p->start + k], p->learns == BL_LEARNS_AUX),
                   exact = grad[p->start + k];
            double error = fabs(numeric - exact) / (1e-3 + fabs(numeric) + fabs(exact));
            if (error > worst_error) {
                worst_error = error;
                *where = p->name;
            }
        }
    }
    return worst_error;
}

static void check(const char *name, const bl_model_config *c, int train, bl_pool *pool)
{
    fixture f = {.train = train};
    const char *where = "";
    fill(&f, c, pool);
    double error = worst(&f, &where);
    ok(error < 1e-6, "%s: gradient error %.2g (%s)", name, error, where);
    bl_model_del(f.m);
}

/* Each architecture, with what it has of its own. */
static void family(const bl_model_config *base, bl_pool *pool)
{
    bl_model_config c = *base;
    bl_model_config_arch(&c, BL_ARCH_REMI);
    c.dropout = 0.2;
    check("REMI: second relu, memory of zeros, dropout", &c, 1, pool);
    c = *base;
    bl_model_config_arch(&c, BL_ARCH_MUSIC_TRANSFORMER);
    c.positions = 7; /* some distances share the last row */
    c.att_dropout = 0.2;
    check("Music Transformer: learned distances, own output matrix", &c, 1, pool);
    c = *base;
    bl_model_config_arch(&c, BL_ARCH_GPT2);
    c.dropout = 0.2;
    check("GPT-2: absolute positions, biases, tanh gelu, dropout", &c, 1, pool);
    c.act = 1;
    check("gelu with the error function", &c, 1, pool);
    c = *base;
    c.segment = 4;
    c.memory = 4;
    bl_model_config_arch(&c, BL_ARCH_COMPRESSIVE);
    c.ratio = 2;
    c.compressed = 3;
    check("Compressive Transformer: convolution", &c, 0, pool);
    c.pre_norm = c.att_bias = c.zero_memory = 1;
    check("and pre-norm, biases, a memory of zeros", &c, 0, pool);
    c.compressor = 1;
    check("Compressive Transformer: maximum", &c, 0, pool);
    c.compressor = 0;
    check("Compressive Transformer: mean", &c, 0, pool);
    c.compressor = BL_COMPRESS_MOST_USED;
    check("Compressive Transformer: the most used", &c, 0, pool);
    for (int loss = 0; loss < BL_N_REBUILD; loss++) {
        c.compressor = BL_COMPRESS_DILATED;
        c.compressor_loss = loss;
        c.segment = 8;
        c.memory = 6;
        check(loss ? "dilated, from rows" : "dilated, from attention", &c, 0, pool);
        c.compressor = BL_COMPRESS_CONV;
        c.pre_norm = 0;
        check(loss ? "a convolution, from rows" : "from attention", &c, 0, pool);
        c.pre_norm = 1;
    }
    c = *base;
    c.pos = BL_POS_ABSOLUTE;
    c.positions = 8;
    check("absolute positions with memory", &c, 0, pool);
    c = *base;
    bl_model_config_arch(&c, BL_ARCH_LSTM);
    c.dropout = 0.2;
    check("LSTM", &c, 1, pool);
    c.cell = BL_CELL_GRU;
    check("GRU cells", &c, 1, pool);
    c = *base;
    bl_model_config_arch(&c, BL_ARCH_LLAMA);
    c.kv_heads = 1;
    c.att_dropout = c.dropout = 0.2;
    check("LLaMA: rotary positions, gated silu, one head of keys, dropout", &c, 1,
          pool);
}

/* What no architecture before has: each option alone, then what can be combined. */
static void options(const bl_model_config *base, bl_pool *pool)
{
    bl_model_config c = *base;
    c.norm = BL_NORM_RMS;
    c.norm_eps = 0.01;
    check("root-mean-square norm, post-norm", &c, 0, pool);
    c.pre_norm = 1;
    check("and pre-norm", &c, 0, pool);
    c = *base;
    c.act = BL_ACT_SILU - 1;
    c.ff_bias = 0;
    c.dropout = 0.2;
    check("silu, a feed-forward without biases", &c, 1, pool);
    c.glu = 1;
    check("and gated", &c, 1, pool);
    c.ff_bias = c.pre_norm = 1;
    c.act = BL_ACT_GELU - 1;
    check("gelu gated, with biases", &c, 1, pool);
    c = *base;
    c.gate = BL_GATE_GRU;
    c.dropout = 0.2;
    check("GRU gates", &c, 1, pool);
    c.mogrify = 5;
    c.pre_norm = 1;
    check("and the mogrifier, pre-norm", &c, 1, pool);
    c = *base;
    c.dropout = 0.1;
    c.ff_dropout = 0.3;
    c.layer_dropout = 0;
    c.embed_dropout = 0.2;
    check("dropouts of their own", &c, 1, pool);
    c = *base;
    c.memory_layers[0] = 2;
    c.dropout = 0.2;
    check("memory in the second layer alone", &c, 1, pool);
    c.pos = BL_POS_DISTANCE;
    c.positions = 7;
    c.pre_norm = 1;
    check("in the second, learned distances, pre-norm", &c, 1, pool);
    c.memory_layers[0] = 1;
    c.segment = c.memory = 4;
    c.compressed = 3;
    c.ratio = 2;
    c.dropout = 0;
    check("in the first, compressed", &c, 0, pool);
    c = *base;
    c.block = 2;
    c.pos = BL_POS_DISTANCE;
    c.positions = 3;
    c.memory = 3;
    check("local attention", &c, 0, pool);
    c.share_distances = 1;
    check("and one table of distances for all heads", &c, 0, pool);
    c.local_layers[0] = 2;
    c.memory_layers[0] = 1;
    c.segment = c.memory = 4;
    c.compressed = 3;
    c.ratio = 2;
    check("in the second layer, compressed slots in the first", &c, 0, pool);
    c = *base;
    c.places = 4;
    c.dropout = 0.2;
    check("rows by position in bar", &c, 1, pool);
    c.bar_rows = 3;
    c.embed_width = 7;
    check("and by bar, a narrow embedding", &c, 1, pool);
    c.recall = 8;
    check("and by what came next", &c, 1, pool);
    c = *base;
    c.embed_width = 5;
    c.dropout = 0.2;
    check("a narrow embedding", &c, 1, pool);
    c.embed_width = 19;
    c.tie = 0;
    c.pos = BL_POS_ABSOLUTE;
    c.positions = 8;
    check("a wide one, absolute positions, an output matrix of its own", &c, 1, pool);
    c = *base;
    c.kv_heads = 1;
    c.att_bias = 1;
    check("one head of keys and values", &c, 0, pool);
    c.width = 24;
    c.heads = 6;
    c.kv_heads = 2;
    c.segment = c.memory = 4;
    c.compressed = 3;
    c.ratio = 2;
    c.pre_norm = 1;
    check("two, compressed", &c, 0, pool);
    c = *base;
    c.pos = BL_POS_ROTARY;
    c.rope_theta = 50;
    check("rotary positions", &c, 0, pool);
    c.segment = c.memory = 4;
    c.compressed = 3;
    c.ratio = 2;
    check("and a convolution that reads the queries before they turn", &c, 0, pool);
}

/* What a target goes with. */
static void conditions(const bl_model_config *base, bl_pool *pool)
{
    bl_model_config c = *base, gpt2 = *base;
    bl_model_config_arch(&gpt2, BL_ARCH_GPT2);
    c.condition = BL_CONDITION_ENCODER;
    c.source = 6;
    check("an encoder, post-norm, memory", &c, 0, pool);
    c.pre_norm = c.att_bias = 1;
    c.encoder_layers = 1;
    c.dropout = c.att_dropout = 0.2;
    c.bar_rows = 4;
    check("pre-norm, biases, a layer, rows by bar, dropout", &c, 1, pool);
    c.share_embed = 0;
    c.source_vocab = 5;
    c.embed_width = 7;
    c.gate = BL_GATE_GRU;
    c.mogrify = 2;
    c.kv_heads = 1;
    c.act = BL_ACT_SILU - 1;
    check("an embedding of its own, gates, one head of keys", &c, 1, pool);
    c = gpt2;
    c.condition = BL_CONDITION_ENCODER;
    c.pos = BL_POS_ABSOLUTE_SINUSOID;
    c.positions = 0;
    c.source = 6;
    c.embed_width = 19;
    check("sinusoids added to wide embeddings, no memory", &c, 0, pool);
    c = gpt2;
    c.condition = BL_CONDITION_PREFIX;
    c.prefix_mask = BL_PREFIX_FULL;
    check("a prefix that is seen as a whole", &c, 0, pool);
    c.pos = BL_POS_ROTARY;
    c.positions = 0;
    c.dropout = c.att_dropout = 0.2;
    check("and turned by place", &c, 1, pool);
    c = *base;
    c.condition = BL_CONDITION_BARS;
    c.dropout = 0.2;
    check("rows of two sides", &c, 1, pool);
    bl_model_config_arch(&c, BL_ARCH_LSTM);
    check("of an LSTM", &c, 1, pool);
    c.cell = BL_CELL_GRU;
    check("of GRU cells", &c, 1, pool);
}

/* Windows of drums. */
static void grooves(const bl_model_config *base, bl_pool *pool)
{
    bl_model_config c = *base;
    bl_model_config_arch(&c, BL_ARCH_GROOVE);
    c.act = BL_ACT_GELU - 1;
    check("Groove Transformer", &c, 0, pool);
    c.dropout = c.att_dropout = 0.2;
    c.inputs = 3;
    c.density = 1;
    check("of a tap and a density, with dropout", &c, 1, pool);
    c.density = 2;
    check("of a density as a step", &c, 1, pool);
    c.inputs = 3 * BL_VOICES;
    c.density = 0;
    c.input = 5;
    c.pre_norm = c.glu = 1;
    check("of two voices, pre-norm, gated", &c, 1, pool);
    c = *base;
    bl_model_config_arch(&c, BL_ARCH_GROOVE_VAE);
    c.latent = 4;
    c.dec_layers = 1;
    c.dec_width = 10;
    c.dec_heads = 2;
    c.dec_ff = 7;
    c.act = BL_ACT_GELU - 1;
    check("its VAE, latents drawn", &c, 1, pool);
    c.velocity_loss = c.offset_loss = BL_DISTANCE_BCE;
    c.dropout = 0.2;
    check("cross-entropies, dropout", &c, 1, pool);
    c.density = 2;
    check("a density as a step that the latent reads", &c, 1, pool);
}

int main(void)
{
    bl_err e = BL_ERR_INIT;
    bl_pool *pool;
    if (bl_pool_new(&pool, 2, &e) != 0)
        return 70;
    bl_model_config base = bl_model_config_default(), c;
    base.vocab = 13;
    base.layers = 2;
    base.width = 12;
    base.heads = 3;
    base.ff = 20;
    base.segment = 5;
    base.memory = 7;
    base.dropout = base.att_dropout = 0;

    check("Transformer-XL, post-norm", &base, 0, pool);
    c = base;
    c.pre_norm = 1;
    check("pre-norm", &c, 0, pool);
    c = base;
    c.untie_uv = 1;
    c.clamp_len = 4;
    check("own u and v a layer, clamped distances", &c, 0, pool);
    c = base;
    c.memory = 0;
    check("no memory", &c, 0, pool);
    c.pre_norm = 1;
    check("no memory, pre-norm", &c, 0, pool);
    c = base;
    c.memory = 3;
    check("memory shorter than the segment", &c, 0, pool);
    c = base;
    c.dropout = 0.3;
    c.att_dropout = 0.2;
    check("dropout on, the same masks in both passes", &c, 1, pool);
    c.pre_norm = 1;
    check("dropout, pre-norm", &c, 1, pool);
    c = base;
    c.same_length = 1;
    c.memory = 3;
    check("same length", &c, 0, pool);
    c = base;
    c.tie = 0;
    c.out_bias = 0;
    check("own output matrix without bias", &c, 0, pool);
    c = base;
    c.width = 10;
    c.heads = 2;
    c.segment = 53;
    c.memory = 61;
    c.dropout = c.att_dropout = 0.1;
    check("more queries than a tile has, heads of 5", &c, 1, pool);
    c.same_length = 1;
    c.memory = 9;
    check("and same length", &c, 1, pool);
    family(&base, pool);
    options(&base, pool);
    conditions(&base, pool);
    grooves(&base, pool);
    bl_pool_del(pool);
    return tap_done();
}
