/* estimate.c - what a model of some settings costs: numbers, bytes, operations. */
#include "model/model.h"
#include "model/model_impl.h"
#include "nn/op/ops.h"

#include <math.h>
#include <stdlib.h>

int64_t bl_model_config_size(const bl_model_config *c)
{
    bl_model m = {.config = *c};
    int rc = bl_model_list(&m, NULL);
    free(m.param);
    free(m.source);
    return rc == 0 ? m.size : -1;
}

/* The two gates of a layer: numbers of the width a token, for its buffers and for its
 * matrices' multiply-adds by a width. */
static double gate_reals(const bl_model_config *c)
{
    return c->gate == BL_GATE_NONE ? 0 : 2 * (7 + 2.25 * c->mogrify);
}

static double gate_products(const bl_model_config *c)
{
    return c->gate == BL_GATE_NONE ? 0 : 2 * (6 + 0.5 * c->mogrify);
}

/* Layers that have slots. */
static double n_remember(const bl_model_config *c)
{
    int n = 0;
    for (int i = 0; i < c->layers; i++)
        n += bl_model_remembers(c, i);
    return n;
}

static double n_gates(const bl_model_config *c)
{
    return c->cell == BL_CELL_GRU ? 3 : 4;
}

/* Reals of a layer's compressor. */
static double compressor_reals(const bl_model_config *c, double b, double keys)
{
    double rows = b * c->segment * c->width;
    int learns = bl_compressor_learns((bl_compressor)c->compressor);
    double between = c->compressor == BL_COMPRESS_DILATED ? rows : 0;
    double usage = c->compressor == BL_COMPRESS_MOST_USED ? b * c->heads * keys : 0;
    double diff = learns && c->compressor_loss == BL_REBUILD_ROWS ? rows : 0;
    return rows * (1 + 2.0 / c->ratio) + between + diff + usage;
}

/* Reals of the activations of one layer with so many slots. */
static double layer_reals(const bl_model_config *c, double b, double slots, int train)
{
    double d = c->width, t = c->segment, keys = slots + t;
    if (c->arch == BL_ARCH_LSTM)
        return b * t * d * (2 * n_gates(c) + 3);
    double kv = d * bl_model_kv_heads(c) / c->heads;
    double pre = c->glu || (train && c->act != 0) ? b * t * c->ff * (1 + c->glu) : 0;
    double normed = c->pre_norm && slots > 0 ? b * keys * d : 0;
    double compress = c->compressed > 0 && slots > 0 ? compressor_reals(c, b, keys) : 0;
    return b * t * (6 * d + c->ff) + 2 * b * keys * kv + keys * d + b * slots * d +
           pre + normed + compress + b * t * d * gate_reals(c);
}

/* Workspace of a head that sees so many keys. */
static double head_reals(const bl_model_config *c, double keys, double in_tiles,
                         int train)
{
    return keys * c->width / c->heads * (train ? 9 : 3) +
           48 * (in_tiles + 200) * (train + 1);
}

/* Reals of a layer of the encoder, and of a layer's attention to it. */
static double encoder_reals(const bl_model_config *c, double b, int train)
{
    double d = c->width, s = c->source, kv = d * bl_model_kv_heads(c) / c->heads;
    double pre = c->glu || (train && c->act != 0) ? c->ff * (1.0 + c->glu) : 0;
    return b * s * (6 * d + c->ff + 2 * kv + pre + d * gate_reals(c));
}

static double cross_reals(const bl_model_config *c, double b)
{
    double d = c->width, kv = d * bl_model_kv_heads(c) / c->heads;
    return b * c->segment * d * (4 + gate_reals(c) / 2) + 2 * b * c->source * kv;
}

/* Reals of all that a condition needs. */
static double condition_reals(const bl_model_config *c, double b, int train)
{
    if (c->condition != BL_CONDITION_ENCODER)
        return 0;
    /* rows in and out; gradients that live at the same time, as in shared_reals */
    double row = train ? 6.0 * c->width + c->ff * (1.0 + 2 * c->glu) : 2.0 * c->width;
    return bl_model_encoder_layers(c) * encoder_reals(c, b, train) +
           c->layers * cross_reals(c, b) + b * c->source * row +
           c->heads * head_reals(c, c->source, c->source, train);
}

/* Keys that the tiles of a head are for: what a block of queries sees in a layer that
 * sees most. */
static double tile_keys(const bl_model_config *c, double keys)
{
    double seen = c->block > 0 ? 2.0 * c->block : keys;
    for (int n = 0; n < c->layers; n++)
        if (!bl_model_is_local(c, n))
            seen = keys;
    if (c->same_length && c->memory + 1.0 < seen)
        seen = c->memory + 1.0;
    return bl_min(keys, seen + 128);
}

/* Reals of what all layers share: a context, gradients that live at the same time,
 * heads' workspaces (operands and sums packed; the tiles of a block of queries, and
 * what else is of its size, are some 48 rows of keys). */
static double shared_reals(const bl_model_config *c, double b, int train)
{
    double d = c->width, t = c->segment, keys = (double)c->memory + c->compressed + t;
    if (c->arch == BL_ARCH_LSTM)
        return train ? b * t * d * 10 : 0;
    double head = head_reals(c, keys, tile_keys(c, keys), train);
    double grads = train ? b * t *
                                   ((3 + (c->gate != BL_GATE_NONE) * 6) * d +
                                    c->ff * (1.0 + 2 * c->glu)) +
                               2 * b * keys * d + keys * d
                         : 0;
    double by_head = train && bl_model_kv_heads(c) < c->heads ? 2 * b * keys * d : 0;
    return b * keys * d + grads + c->heads * head + by_head;
}

/* ---- grooves: layers without memory or positions, of two widths ---- */

/* One half of a model of grooves as a model of its own: the encoder, or the decoder. */
static bl_model_config half_of(const bl_model_config *c, int decodes)
{
    bl_model_config half = *c;
    half.memory = half.compressed = 0;
    half.segment = decodes ? c->segment : bl_model_steps(c);
    if (decodes) {
        half.width = c->dec_width;
        half.ff = c->dec_ff;
        half.heads = c->dec_heads;
        half.layers = c->dec_layers;
    }
    return half;
}

static int n_halves(const bl_model_config *c)
{
    return c->arch == BL_ARCH_GROOVE_VAE ? 2 : 1;
}

/* Reals beside the parameters: of layers, of what they share, of both ends and of the
 * latents between. */
static double groove_reals(const bl_model_config *c, double b, int train)
{
    double t = c->segment, both = train ? 2 : 1, shared = 0;
    double reals = b * t * (bl_model_inputs(c) + 3 * c->voices * both + 1);
    for (int i = 0; i < n_halves(c); i++) {
        const bl_model_config half = half_of(c, i);
        reals += half.layers * layer_reals(&half, b, 0, train) +
                 2 * b * half.segment * half.width;
        shared = fmax(shared, shared_reals(&half, b, train));
    }
    if (c->density == BL_DENSITY_STEP) /* before and after it stands with the steps */
        reals += (3 - n_halves(c)) * both * b * (t + 1) * c->width;
    return reals + shared + (n_halves(c) - 1) * b * c->latent * (2 + 2 * both);
}

/* Multiply-adds of a step of a window, its share of the latent's among them. */
static double groove_products(const bl_model_config *c)
{
    double t = c->segment, z = c->latent, products = 0, last = c->width;
    for (int i = 0; i < n_halves(c); i++) {
        const bl_model_config half = half_of(c, i);
        double d = half.width, kv = d * bl_model_kv_heads(&half) / half.heads;
        double of_step = (2 + gate_products(&half)) * d * d + 2 * d * kv +
                         (2 + half.glu) * d * (double)half.ff + 2 * half.segment * d;
        products += half.layers * of_step * half.segment / t;
        last = d;
    }
    if (n_halves(c) > 1)
        products += 2 * c->width * z + z * c->dec_width;
    return products + bl_model_inputs(c) * (double)c->width + last * 3 * c->voices;
}

int64_t bl_model_bytes(const bl_model_config *c, int lanes, int train)
{
    double d = c->width, t = c->segment, b = lanes;
    double keys = (double)c->memory + c->compressed + t, r = n_remember(c);
    double parameters = (train ? 2 : 1) * (double)bl_model_config_size(c);
    if (bl_model_is_groove(c))
        return (int64_t)((parameters + groove_reals(c, b, train)) *
                         (double)sizeof(bl_real));
    double reals = parameters + r * layer_reals(c, b, keys - t, train) +
                   (c->layers - r) * layer_reals(c, b, 0, train) +
                   shared_reals(c, b, train) + condition_reals(c, b, train) +
                   b * t * (c->vocab + 2 * d) + 2 * keys * d;
    return (int64_t)(reals * (double)sizeof(bl_real));
}

/* Keys that a token's scores are computed of, on the mean of all layers. */
static double n_scored(const bl_model_config *c)
{
    double sum = 0, slots = (double)c->memory + c->compressed;
    for (int n = 0; n < c->layers; n++) {
        double keys = c->segment + (bl_model_remembers(c, n) ? slots : 0);
        sum += bl_model_is_local(c, n) ? bl_min(keys, 2.0 * c->block) : keys;
    }
    return sum / c->layers;
}

/* Multiply-adds of a condition: a token of the segment pays its share of the encoder,
 * which reads all of it for each. */
static double condition_products(const bl_model_config *c)
{
    double d = c->width, s = c->source, share = s / c->segment;
    double kv = d * bl_model_kv_heads(c) / c->heads;
    double encoder = (2 + gate_products(c)) * d * d + 2 * d * kv +
                     (2 + c->glu) * d * (double)c->ff + 2 * s * d;
    double cross = (2 + gate_products(c) / 2) * d * d + 2 * d * kv * share + 2 * s * d;
    if (c->condition != BL_CONDITION_ENCODER)
        return 0;
    return bl_model_encoder_layers(c) * encoder * share + c->layers * cross;
}

/* Multiply-adds a token, forward and backward, of a layer's compressor and its loss,
 * when as many rows leave as tokens come. Nothing flows on to the rows themselves, so
 * that backward is not twice forward: its convolutions (each of the two of a dilated
 * one, and the first's gradient), then the loss. */
static double compressor_products(const bl_model_config *c)
{
    double d = c->width, kv = d * bl_model_kv_heads(c) / c->heads, r = c->ratio;
    if (c->compressed == 0 || !bl_compressor_learns((bl_compressor)c->compressor))
        return 0;
    double convolutions = c->compressor == BL_COMPRESS_DILATED ? 9 : 2;
    double loss = c->compressor_loss == BL_REBUILD_ROWS
                      ? 3 * d * d
                      : 2 * d * kv * (1 + 2 / r) + c->segment * d * (2 + 5 / r);
    return convolutions * d * d + loss;
}

/* 2 operations a multiply-add, forward once and backward twice. */
double bl_model_flops_per_token(const bl_model_config *c)
{
    double d = c->width, t = c->segment, share = n_remember(c) / c->layers;
    double keys = ((double)c->memory + c->compressed) * share + t; /* on the mean */
    if (bl_model_is_groove(c))
        return 6 * groove_products(c);
    if (c->arch == BL_ARCH_LSTM)
        return 6 * ((c->layers * 2 - 1) * n_gates(c) * d * d + d * c->vocab);
    double kv = d * bl_model_kv_heads(c) / c->heads;
    double weights = (2 + gate_products(c)) * d * d + 2 * d * kv * keys / t +
                     (2 + c->glu) * d * (double)c->ff;
    double attention = (bl_model_has_distances(c) ? 3 : 2) * n_scored(c) * d;
    double a = bl_model_embed_width(c), between = a == d ? 0 : 2 * a * d;
    return 6 * (c->layers * (weights + attention) + a * c->vocab + between +
                condition_products(c)) +
           2 * n_remember(c) * compressor_products(c);
}
