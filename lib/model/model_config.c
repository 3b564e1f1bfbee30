/* model_config.c - what makes one architecture of the family another, and what a config
 * may be.
 */
#include "model/model.h"
#include "model/model_impl.h"
#include "nn/op/ops.h"

#include <stdlib.h>
#include <string.h>

bl_model_config bl_model_config_default(void)
{
    bl_model_config c = {
        .layers = 4,
        .width = 256,
        .heads = 4,
        .ff = 1024,
        .segment = 128,
        .memory = 128,
        .dropout = 0.1,
        .ff_dropout = -1,
        .layer_dropout = -1,
        .embed_dropout = -1,
        .init_std = 0.02,
    };
    bl_model_config_arch(&c, BL_ARCH_XL);
    return c;
}

/* The Transformer-XL of the paper; the others are told by what they change. */
static void structure(bl_model_config *c)
{
    c->pos = BL_POS_SINUSOID;
    c->positions = 0;
    c->pre_norm = 0;
    c->norm_eps = 1e-5;
    c->act = 0;
    c->relu_out = 0;
    c->att_bias = 0;
    c->embed_scale = 1;
    c->tie = 1;
    c->out_bias = 1;
    c->init_residual = 0;
    c->zero_memory = 0;
    c->same_length = 0;
    c->compressed = 0;
    c->ratio = 4;
    c->compressor = BL_COMPRESS_CONV;
    memset(c->memory_layers, 0, sizeof c->memory_layers);
    c->embed_width = 0;
    c->kv_heads = 0;
    c->glu = 0;
    c->ff_bias = 1;
    c->gate = BL_GATE_NONE;
    c->mogrify = 0;
    c->norm = BL_NORM_LAYER;
    c->rope_theta = 1e4;
}

void bl_model_config_arch(bl_model_config *c, bl_arch arch)
{
    structure(c);
    c->arch = arch;
    switch (arch) {
    case BL_ARCH_REMI:
        c->relu_out = 1;
        c->norm_eps = 1e-3;
        c->zero_memory = 1;
        break;
    case BL_ARCH_MUSIC_TRANSFORMER:
        c->pos = BL_POS_DISTANCE;
        c->positions = 1024;
        c->tie = 0;
        break;
    case BL_ARCH_GPT2:
        c->pos = BL_POS_ABSOLUTE;
        c->positions = c->segment;
        c->memory = 0;
        c->pre_norm = 1;
        c->act = BL_ACT_GELU_TANH - 1;
        c->att_bias = 1;
        c->embed_scale = 0;
        c->out_bias = 0;
        c->init_residual = 1;
        break;
    case BL_ARCH_COMPRESSIVE:
        c->compressed = c->memory;
        break;
    case BL_ARCH_LSTM:
        c->memory = 0;
        c->tie = 0;
        break;
    case BL_ARCH_LLAMA:
        c->pos = BL_POS_ROTARY;
        c->pre_norm = 1;
        c->norm = BL_NORM_RMS;
        c->glu = 1;
        c->act = BL_ACT_SILU - 1;
        c->ff_bias = 0;
        c->embed_scale = 0;
        c->tie = 0;
        c->out_bias = 0;
        break;
    default:
        break;
    }
}

static const char *const arch_names[] = {
    "xl", "remi", "music-transformer", "gpt2", "compressive", "lstm", "llama", NULL};
static const char *const pos_names[] = {"sinusoid", "distance", "absolute", "rotary",
                                        NULL};
static const char *const act_names[] = {"relu", "gelu", "gelu_tanh", "silu", NULL};
static const char *const compressor_names[] = {"mean", "max", "conv", NULL};
static const char *const gate_names[] = {"none", "gru", NULL};
static const char *const norm_names[] = {"layer", "rms", NULL};
static const char *const precision_names[] = {"fp32", "bf16", "bf16x3", NULL};

const char *bl_model_choice(const char *field, int i)
{
    static const struct {
        const char *field;
        const char *const *names;
    } choices[] = {{"arch", arch_names},
                   {"pos", pos_names},
                   {"act", act_names},
                   {"compressor", compressor_names},
                   {"gate", gate_names},
                   {"norm", norm_names},
                   {"precision", precision_names}};
    for (size_t k = 0; k < BL_COUNT(choices); k++) {
        const char *const *name = choices[k].names;
        if (strcmp(choices[k].field, field) != 0)
            continue;
        while (i > 0 && *name != NULL) {
            name++;
            i--;
        }
        return *name;
    }
    return NULL;
}

int bl_model_precision(const bl_model_config *c)
{
    return bl_gemm_can((bl_precision)c->precision) ? c->precision : BL_FP32;
}

/* ---- layers with memory ---- */

static int is_listed(const bl_model_config *c, int n)
{
    return (int)(c->memory_layers[n / 64] >> n % 64 & 1);
}

/* Layers first .. end-1 that are listed. */
static int n_listed(const bl_model_config *c, int first, int end)
{
    int listed = 0;
    for (int n = first; n < end; n++)
        listed += is_listed(c, n);
    return listed;
}

int bl_model_remembers(const bl_model_config *c, int n)
{
    if (c->arch == BL_ARCH_LSTM)
        return 1;
    return c->memory > 0 && (is_listed(c, n) || n_listed(c, 0, 256) == 0);
}

int bl_model_all_remember(const bl_model_config *c)
{
    int listed = n_listed(c, 0, 256);
    return c->arch == BL_ARCH_LSTM || listed == 0 || listed == c->layers;
}

/* ---- bounds ---- */

static int check_bounds(const bl_model_config *c, bl_err *e)
{
    const struct {
        const char *name;
        int64_t value, low, high;
    } whole[] = {
        {"arch", c->arch, 0, BL_N_ARCH - 1},
        {"vocab", c->vocab, 1, 65536},
        {"layers", c->layers, 1, 256},
        {"width", c->width, 1, 65536},
        {"heads", c->heads, 1, 1024},
        {"ff", c->ff, 1, 262144},
        {"segment", c->segment, 1, 65536},
        {"memory", c->memory, 0, 65536},
        {"pre_norm", c->pre_norm, 0, 1},
        {"untie_uv", c->untie_uv, 0, 1},
        {"clamp_len", c->clamp_len, 0, 65536},
        {"pos", c->pos, 0, BL_N_POS - 1},
        {"positions", c->positions, 0, 131072},
        {"act", c->act, 0, BL_N_ACT - 2},
        {"relu_out", c->relu_out, 0, 1},
        {"att_bias", c->att_bias, 0, 1},
        {"embed_scale", c->embed_scale, 0, 1},
        {"tie", c->tie, 0, 1},
        {"out_bias", c->out_bias, 0, 1},
        {"init_residual", c->init_residual, 0, 1},
        {"zero_memory", c->zero_memory, 0, 1},
        {"same_length", c->same_length, 0, 1},
        {"compressed", c->compressed, 0, 65536},
        {"ratio", c->ratio, 1, 1024},
        {"compressor", c->compressor, 0, 2},
        {"embed_width", c->embed_width, 0, 65536},
        {"kv_heads", c->kv_heads, 0, 1024},
        {"glu", c->glu, 0, 1},
        {"ff_bias", c->ff_bias, 0, 1},
        {"gate", c->gate, 0, BL_N_GATE - 1},
        {"mogrify", c->mogrify, 0, 64},
        {"norm", c->norm, 0, BL_N_NORM - 1},
        {"precision", c->precision, 0, BL_N_PRECISIONS - 1},
    };
    const struct {
        const char *name;
        double value, low, high;
    } real[] = {
        {"dropout", c->dropout, 0, 0.95},
        {"att_dropout", c->att_dropout, 0, 0.95},
        {"ff_dropout", bl_model_dropout(c, c->ff_dropout), 0, 0.95},
        {"layer_dropout", bl_model_dropout(c, c->layer_dropout), 0, 0.95},
        {"embed_dropout", bl_model_dropout(c, c->embed_dropout), 0, 0.95},
        {"norm_eps", c->norm_eps, 1e-12, 0.1},
        {"init_std", c->init_std, 0, 10},
        {"rope_theta", c->rope_theta, 1, 1e9},
    };
    for (size_t i = 0; i < BL_COUNT(whole); i++)
        if (whole[i].value < whole[i].low || whole[i].value > whole[i].high)
            return bl_fail(e, BL_E_ARG, "%s is %lld, which is not within %lld..%lld",
                           whole[i].name, (long long)whole[i].value,
                           (long long)whole[i].low, (long long)whole[i].high);
    for (size_t i = 0; i < BL_COUNT(real); i++)
        if (!(real[i].value >= real[i].low && real[i].value <= real[i].high))
            return bl_fail(e, BL_E_ARG, "%s is %g, which is not within %g..%g",
                           real[i].name, real[i].value, real[i].low, real[i].high);
    return 0;
}

/* ---- what must fit together ---- */

static int check_attention(const bl_model_config *c, bl_err *e)
{
    if (c->width % c->heads != 0)
        return bl_fail(e, BL_E_ARG, "heads (%d) do not divide the width (%d)", c->heads,
                       c->width);
    if (c->heads % bl_model_kv_heads(c) != 0)
        return bl_fail(e, BL_E_ARG, "kv_heads (%d) do not divide the heads (%d)",
                       c->kv_heads, c->heads);
    if (c->mogrify > 0 && c->width < 4)
        return bl_fail(e, BL_E_ARG, "mogrify needs a width of 4 or more");
    if (c->pos == BL_POS_SINUSOID && c->width % 2 != 0)
        return bl_fail(e, BL_E_ARG, "width (%d) is odd: half of it are sines",
                       c->width);
    if (c->pos == BL_POS_ROTARY && c->width / c->heads % 2 != 0)
        return bl_fail(e, BL_E_ARG,
                       "a head's width (%d) is odd: rotary positions turn pairs",
                       c->width / c->heads);
    if ((c->pos == BL_POS_DISTANCE || c->pos == BL_POS_ABSOLUTE) && c->positions < 1)
        return bl_fail(e, BL_E_ARG,
                       "positions is 0, the table of positions has no row");
    if (c->pos == BL_POS_ABSOLUTE && c->segment > c->positions)
        return bl_fail(e, BL_E_ARG, "segment (%d) is longer than positions (%d)",
                       c->segment, c->positions);
    return 0;
}

static int check_compressed(const bl_model_config *c, bl_err *e)
{
    if (c->compressed == 0)
        return 0;
    if (c->memory < 1)
        return bl_fail(e, BL_E_ARG, "compressed slots need memory");
    if (c->segment % c->ratio != 0 || c->memory % c->ratio != 0)
        return bl_fail(e, BL_E_ARG,
                       "ratio (%d) does not divide segment (%d) and memory (%d)",
                       c->ratio, c->segment, c->memory);
    return 0;
}

/* What is set and would change nothing, or hide what else is set. */
static int check_meaning(const bl_model_config *c, bl_err *e)
{
    const bl_model_config usual = bl_model_config_default();
    int has_distances = c->pos == BL_POS_SINUSOID, has_slots = c->compressed > 0;
    const struct {
        int is_wrong;
        const char *what;
    } pairs[] = {
        {c->clamp_len > 0 && !has_distances, "clamp_len goes with pos=sinusoid only"},
        {c->untie_uv && !has_distances, "untie_uv goes with pos=sinusoid only"},
        {c->positions > 0 && (has_distances || c->pos == BL_POS_ROTARY),
         "positions goes with pos=distance and pos=absolute only: the others have no "
         "table"},
        {c->rope_theta != usual.rope_theta && c->pos != BL_POS_ROTARY,
         "rope_theta goes with pos=rotary only"},
        {n_listed(c, 0, 256) > 0 && c->memory == 0,
         "memory_layers goes with memory only"},
        {n_listed(c, c->layers, 256) > 0,
         "memory_layers names a layer beyond the last"},
        {c->mogrify > 0 && c->gate == BL_GATE_NONE, "mogrify goes with gate=gru only"},
        {c->zero_memory && c->memory == 0, "zero_memory goes with memory only"},
        {c->same_length && c->memory == 0,
         "same_length goes with memory only: a token would see itself alone"},
        {c->same_length && has_slots,
         "same_length and compressed do not go together: compressed slots lie beyond "
         "what a token would see"},
        {c->ratio != usual.ratio && !has_slots, "ratio goes with compressed only"},
        {c->compressor != usual.compressor && !has_slots,
         "compressor goes with compressed only"},
    };
    for (size_t i = 0; i < BL_COUNT(pairs); i++)
        if (pairs[i].is_wrong)
            return bl_fail(e, BL_E_ARG, "%s", pairs[i].what);
    return 0;
}

/* What cells have not must be as `arch` leaves it, or off. */
static int check_cells(const bl_model_config *c, bl_err *e)
{
    bl_model_config own = *c;
    bl_model_config_arch(&own, BL_ARCH_LSTM);
    const struct {
        const char *name;
        int is_wrong;
    } others[] = {
        {"memory", c->memory > 0},
        {"compressed", c->compressed > 0},
        {"tie", c->tie},
        {"untie_uv", c->untie_uv != 0},
        {"clamp_len", c->clamp_len != 0},
        {"pre_norm", c->pre_norm > own.pre_norm},
        {"norm_eps", c->norm_eps != own.norm_eps},
        {"pos", c->pos != own.pos},
        {"positions", c->positions != own.positions},
        {"act", c->act != own.act},
        {"relu_out", c->relu_out != own.relu_out},
        {"att_bias", c->att_bias != own.att_bias},
        {"embed_scale", c->embed_scale < own.embed_scale},
        {"init_residual", c->init_residual > own.init_residual},
        {"zero_memory", c->zero_memory != own.zero_memory},
        {"same_length", c->same_length != own.same_length},
        {"ratio", c->ratio != own.ratio},
        {"compressor", c->compressor != own.compressor},
        {"memory_layers", n_listed(c, 0, 256) > 0},
        {"ff_dropout", c->ff_dropout >= 0},
        {"layer_dropout", c->layer_dropout >= 0},
        {"embed_dropout", c->embed_dropout >= 0},
        {"embed_width", c->embed_width != own.embed_width},
        {"kv_heads", c->kv_heads != own.kv_heads},
        {"glu", c->glu != own.glu},
        {"ff_bias", c->ff_bias != own.ff_bias},
        {"rope_theta", c->rope_theta != own.rope_theta},
        {"gate", c->gate != own.gate},
        {"mogrify", c->mogrify != own.mogrify},
        {"norm", c->norm != own.norm},
    };
    for (size_t i = 0; i < BL_COUNT(others); i++)
        if (others[i].is_wrong)
            return bl_fail(e, BL_E_ARG, "%s goes with attention only, not with an lstm",
                           others[i].name);
    return 0;
}

static int check_lstm(const bl_model_config *c, bl_err *e)
{
    /* The gates of a lane: one token of all lanes is a matrix whose rows are as far
     * apart as this, which a BLAS counts in an int. */
    if ((int64_t)c->segment * 4 * c->width > INT32_MAX)
        return bl_fail(e, BL_E_ARG,
                       "segment (%d) times width (%d) is too large for an lstm",
                       c->segment, c->width);
    return check_cells(c, e);
}

int bl_model_config_check(const bl_model_config *c, bl_err *e)
{
    int rc = check_bounds(c, e);
    if (rc != 0)
        return rc;
    if (c->arch == BL_ARCH_LSTM)
        return check_lstm(c, e);
    rc = check_attention(c, e);
    if (rc == 0)
        rc = check_compressed(c, e);
    return rc == 0 ? check_meaning(c, e) : rc;
}

/* ---- estimates ---- */

int64_t bl_model_config_size(const bl_model_config *c)
{
    bl_model m = {.config = *c};
    int rc = bl_model_list(&m, NULL);
    free(m.param);
    free(m.init);
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

/* Reals of the activations of one layer with so many slots. */
static double layer_reals(const bl_model_config *c, double b, double slots, int train)
{
    double d = c->width, t = c->segment, keys = slots + t;
    if (c->arch == BL_ARCH_LSTM)
        return b * t * d * (4 + 4 + 3);
    double kv = d * bl_model_kv_heads(c) / c->heads;
    double pre = c->glu || (train && c->act != 0) ? b * t * c->ff * (1 + c->glu) : 0;
    double normed = c->pre_norm && slots > 0 ? b * keys * d : 0;
    double compress =
        c->compressed > 0 && slots > 0 ? b * t * d * (1 + 2.0 / c->ratio) : 0;
    return b * t * (6 * d + c->ff) + 2 * b * keys * kv + keys * d + b * slots * d +
           pre + normed + compress + b * t * d * gate_reals(c);
}

/* Reals of what all layers share: a context, gradients that live at the same time,
 * heads' workspaces (operands and sums packed; the tiles of a block of queries, and
 * what else is of its size, are some 48 rows of keys). */
static double shared_reals(const bl_model_config *c, double b, int train)
{
    double d = c->width, t = c->segment, keys = (double)c->memory + c->compressed + t;
    if (c->arch == BL_ARCH_LSTM)
        return train ? b * t * d * 10 : 0;
    double head =
        keys * d / c->heads * (train ? 9 : 3) + 48 * (keys + 200) * (train + 1);
    double grads = train ? b * t *
                                   ((3 + (c->gate != BL_GATE_NONE) * 6) * d +
                                    c->ff * (1.0 + 2 * c->glu)) +
                               2 * b * keys * d + keys * d
                         : 0;
    double by_head = train && bl_model_kv_heads(c) < c->heads ? 2 * b * keys * d : 0;
    return b * keys * d + grads + c->heads * head + by_head;
}

int64_t bl_model_bytes(const bl_model_config *c, int lanes, int train)
{
    double d = c->width, t = c->segment, b = lanes;
    double keys = (double)c->memory + c->compressed + t, r = n_remember(c);
    double reals = (train ? 2 : 1) * (double)bl_model_config_size(c) +
                   r * layer_reals(c, b, keys - t, train) +
                   (c->layers - r) * layer_reals(c, b, 0, train) +
                   shared_reals(c, b, train) + b * t * (c->vocab + 2 * d) +
                   2 * keys * d;
    return (int64_t)(reals * (double)sizeof(bl_real));
}

/* 2 operations a multiply-add, forward once and backward twice. */
double bl_model_flops_per_token(const bl_model_config *c)
{
    double d = c->width, t = c->segment, share = n_remember(c) / c->layers;
    double keys = ((double)c->memory + c->compressed) * share + t; /* on the mean */
    if (c->arch == BL_ARCH_LSTM)
        return 6 * ((c->layers * 8 - 4) * d * d + d * c->vocab);
    double kv = d * bl_model_kv_heads(c) / c->heads;
    double weights = (2 + gate_products(c)) * d * d + 2 * d * kv * keys / t +
                     (2 + c->glu) * d * (double)c->ff;
    double attention =
        (c->pos == BL_POS_ABSOLUTE || c->pos == BL_POS_ROTARY ? 2 : 3) * keys * d;
    double a = bl_model_embed_width(c), between = a == d ? 0 : 2 * a * d;
    return 6 * (c->layers * (weights + attention) + a * c->vocab + between);
}
