/* model_config.c - what a model of some settings has, and whether they fit together. */
#include "model/model.h"
#include "model/model_impl.h"
#include "nn/op/ops.h"

#include <string.h>

int bl_model_precision(const bl_model_config *c)
{
    return bl_gemm_can((bl_precision)c->precision) ? c->precision : BL_FP32;
}

/* ---- sets of layers ---- */

static int is_listed(const uint64_t set[4], int n)
{
    return (int)(set[n / 64] >> n % 64 & 1);
}

/* Layers first .. end-1 that are listed. */
static int n_listed(const uint64_t set[4], int first, int end)
{
    int listed = 0;
    for (int n = first; n < end; n++)
        listed += is_listed(set, n);
    return listed;
}

/* An empty set is that of all. */
static int is_among(const uint64_t set[4], int n)
{
    return is_listed(set, n) || n_listed(set, 0, BL_SET_LAYERS_MAX) == 0;
}

int bl_model_remembers(const bl_model_config *c, int n)
{
    if (c->arch == BL_ARCH_LSTM)
        return 1;
    return c->memory > 0 && is_among(c->memory_layers, n);
}

int bl_model_all_remember(const bl_model_config *c)
{
    int listed = n_listed(c->memory_layers, 0, BL_SET_LAYERS_MAX);
    return c->arch == BL_ARCH_LSTM || listed == 0 || listed == c->layers;
}

int bl_model_may_remember_more(const bl_model_config *c)
{
    return c->arch != BL_ARCH_LSTM && c->pos == BL_POS_SINUSOID && c->memory > 0 &&
           c->compressed == 0 && c->block == 0 && !c->zero_memory && !c->same_length &&
           bl_model_all_remember(c);
}

int bl_model_is_local(const bl_model_config *c, int n)
{
    return c->block > 0 && is_among(c->local_layers, n);
}

/* ---- conditions ---- */

int bl_model_encoder_layers(const bl_model_config *c)
{
    if (c->condition != BL_CONDITION_ENCODER)
        return 0;
    return c->encoder_layers > 0 ? c->encoder_layers : c->layers;
}

int bl_model_source_vocab(const bl_model_config *c)
{
    return c->source_vocab > 0 ? c->source_vocab : c->vocab;
}

int bl_model_more_layers(const bl_model_config *c)
{
    return c->arch == BL_ARCH_GROOVE_VAE ? c->dec_layers : bl_model_encoder_layers(c);
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
    int has_sines = c->pos == BL_POS_SINUSOID || c->pos == BL_POS_ABSOLUTE_SINUSOID ||
                    c->condition == BL_CONDITION_ENCODER;
    if (has_sines && c->width % 2 != 0)
        return bl_fail(e, BL_E_ARG, "width (%d) is odd: half of it are sines",
                       c->width);
    if (c->pos == BL_POS_ROTARY && c->width / c->heads % 2 != 0)
        return bl_fail(e, BL_E_ARG,
                       "a head's width (%d) is odd: rotary positions turn pairs",
                       c->width / c->heads);
    if (bl_model_has_table(c) && c->positions < 1)
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
    for (int n = 0; n < c->layers; n++)
        if (bl_model_remembers(c, n) && bl_model_is_local(c, n))
            return bl_fail(e, BL_E_ARG,
                           "block and compressed do not go together in a layer (%d): "
                           "compressed slots lie beyond what a token sees",
                           n + 1);
    if (c->segment % c->ratio != 0 || c->memory % c->ratio != 0)
        return bl_fail(e, BL_E_ARG,
                       "ratio (%d) does not divide segment (%d) and memory (%d)",
                       c->ratio, c->segment, c->memory);
    return 0;
}

/* All of a prefix is seen from everywhere where it stands in the segment, and where
 * positions tell what comes later. */
static int check_condition(const bl_model_config *c, bl_err *e)
{
    int has_places = bl_model_is_absolute(c) || c->pos == BL_POS_ROTARY;
    if (c->prefix_mask == BL_PREFIX_CAUSAL)
        return 0;
    if (c->memory > 0)
        return bl_fail(e, BL_E_ARG,
                       "prefix_mask=full goes without memory: a prefix is seen in its "
                       "own segment");
    if (!has_places)
        return bl_fail(e, BL_E_ARG,
                       "prefix_mask=full goes with pos=absolute, absolute_sinusoid and "
                       "rotary only: the others have no positions of later tokens");
    if (c->block > 0)
        return bl_fail(e, BL_E_ARG, "prefix_mask=full and block do not go together");
    return 0;
}

/* What is set and would change nothing, or hide what else is set. */
static int check_meaning(const bl_model_config *c, bl_err *e)
{
    size_t n;
    const bl_setting *row = bl_model_settings(&n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = bl_setting_check_use(&row[i], c, e);
    if (rc == 0 && n_listed(c->memory_layers, c->layers, BL_SET_LAYERS_MAX) > 0)
        rc = bl_fail(e, BL_E_ARG, "memory_layers names a layer beyond the last");
    if (rc == 0 && n_listed(c->local_layers, c->layers, BL_SET_LAYERS_MAX) > 0)
        rc = bl_fail(e, BL_E_ARG, "local_layers names a layer beyond the last");
    if (rc == 0 && c->same_length && c->compressed > 0)
        rc = bl_fail(e, BL_E_ARG,
                     "same_length and compressed do not go together: compressed slots "
                     "lie beyond what a token would see");
    return rc;
}

/* What cells have not must be as `arch` leaves it. */
static int check_cells(const bl_model_config *c, bl_err *e)
{
    size_t n;
    const bl_setting *row = bl_model_settings(&n);
    bl_model_config own = bl_model_config_default();
    bl_model_config_arch(&own, BL_ARCH_LSTM);
    for (size_t i = 0; i < n; i++)
        if ((row[i].traits & BL_SET_ATTENTION) && !bl_setting_same(&row[i], c, &own))
            return bl_fail(e, BL_E_ARG, "%s goes with attention only, not with an lstm",
                           row[i].key);
    return 0;
}

static int check_lstm(const bl_model_config *c, bl_err *e)
{
    if (c->condition == BL_CONDITION_ENCODER)
        return bl_fail(e, BL_E_ARG,
                       "condition=encoder goes with attention only, not with an lstm");
    /* The gates of a lane: one token of all lanes is a matrix whose rows are as far
     * apart as this, which a BLAS counts in an int. */
    if ((int64_t)c->segment * 4 * c->width > INT32_MAX)
        return bl_fail(e, BL_E_ARG,
                       "segment (%d) times width (%d) is too large for an lstm",
                       c->segment, c->width);
    return check_cells(c, e);
}

/* What models of windows have not must be as `arch` leaves it. */
static int check_no_tokens(const bl_model_config *c, bl_err *e)
{
    static const char *const keys[] = {
        "memory",   "pos",         "positions",  "embed_scale", "tie",
        "out_bias", "places",      "bar_rows",   "embed_width", "zero_memory",
        "recall",   "same_length", "compressed", "block",       "condition",
        "relu_out", "untie_uv",    "clamp_len"};
    size_t n;
    const bl_setting *row = bl_model_settings(&n);
    bl_model_config own = bl_model_config_default();
    bl_model_config_arch(&own, (bl_arch)c->arch);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < BL_COUNT(keys); k++)
            if (strcmp(row[i].key, keys[k]) == 0 && !bl_setting_same(&row[i], c, &own))
                return bl_fail(e, BL_E_ARG,
                               "%s goes with models of tokens, not with one of grooves",
                               keys[k]);
    return 0;
}

static int check_groove(const bl_model_config *c, bl_err *e)
{
    int rc = check_no_tokens(c, e);
    if (rc == 0 && c->inputs != 3 && c->inputs != 3 * c->voices)
        rc = bl_fail(e, BL_E_ARG, "inputs is %d: 3 of a tap, or %d", c->inputs,
                     3 * c->voices);
    if (rc == 0 && c->inputs == 3 && c->input != 0)
        rc =
            bl_fail(e, BL_E_ARG, "inputs=3 goes with input=tap: voices have %d numbers",
                    3 * c->voices);
    if (rc == 0 && (c->input < 0 || c->input >= 1 << c->voices))
        rc = bl_fail(e, BL_E_ARG, "input names a voice beyond the last");
    if (rc == 0 && c->arch == BL_ARCH_GROOVE_VAE && c->dec_width % c->dec_heads != 0)
        rc = bl_fail(e, BL_E_ARG, "dec_heads (%d) do not divide dec_width (%d)",
                     c->dec_heads, c->dec_width);
    if (rc == 0 && c->arch == BL_ARCH_GROOVE_VAE &&
        (c->kv_heads != 0 || c->gate != BL_GATE_NONE))
        rc = bl_fail(e, BL_E_ARG,
                     "kv_heads and gate do not go with arch=groove-vae: its two halves "
                     "have widths of their own");
    return rc;
}

int bl_model_config_check(const bl_model_config *c, bl_err *e)
{
    size_t n;
    const bl_setting *row = bl_model_settings(&n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = bl_setting_check(&row[i], c, e);
    if (rc == 0 && c->freeze > c->layers)
        rc = bl_fail(e, BL_E_ARG, "freeze is %d, which is not within 0..%d", c->freeze,
                     c->layers);
    if (rc == 0 && c->recall > 0 && c->recall < BL_RECALL_SHORTEST)
        rc = bl_fail(e, BL_E_ARG, "recall is %d, which is neither 0 nor within %d..%d",
                     c->recall, BL_RECALL_SHORTEST, BL_RECALL_LONGEST);
    if (rc == 0 && c->vocab < 1) /* 0 until the data are known */
        rc =
            bl_fail(e, BL_E_ARG, "vocab is %d, which is not within 1..65536", c->vocab);
    if (rc != 0)
        return rc;
    if (c->arch == BL_ARCH_LSTM)
        return check_lstm(c, e);
    rc = check_attention(c, e);
    if (rc == 0)
        rc = check_compressed(c, e);
    if (rc == 0)
        rc = check_condition(c, e);
    if (rc == 0 && bl_model_is_groove(c))
        rc = check_groove(c, e);
    return rc == 0 ? check_meaning(c, e) : rc;
}
