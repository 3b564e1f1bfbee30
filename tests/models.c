/* models.c - models GOLDEN.json TOLERANCE [GLOB]...: builds each case of a file of
 * reference losses (those whose name a glob matches) from its config, fills every
 * parameter by the file's rule, runs its segments and compares losses, auxiliary
 * losses, logits and gradient norms. Errors are relative, to 0.01 at least; those of a
 * tensor's gradient to a hundredth of the whole gradient's norm at least, because it
 * may be a sum of large terms that cancel (W_k of a query that sees one key: 0). One
 * line a case, as TAP; the exit status is 1 if one differs. The sampler reads the
 * tokens beside, and its logits are held against the same ones while it sees what the
 * graph does: until more came before than the memory holds. An option that the engine
 * does not know fails.
 *
 * The rule: tensor x of name s begins with crc32(s) and goes on x = 1664525 x +
 * 1013904223 mod 2^32; a value is (x / 2^32 - 0.5) * 0.4, gains of norms have 1 added.
 * Token i of lane b is (131 b + 7 i i + 3 i) mod V; two lanes (or "B" of them), targets
 * one later. Token j of a condition is (71 b + 5 j j + 9 j + 3) mod Vs, counted over
 * all segments where there is no memory; the rows of sides are zeros. */
#include "io/json.h"
#include "model/model.h"
#include "nn/op/ops.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 2, TOKENS_MAX = 1 << 16, TEXT_MAX = 1 << 26 };

typedef struct {
    const char *name;
    const bl_json *config, *segments;
    int64_t n_params;
    int lanes;
    bl_model *m;
    bl_gen *gen;
    bl_real *logits; /* (V) of gen */
    bl_condition condition;
    const bl_place *at; /* (B,T) of a segment's tokens */
    double tolerance, worst;
    char where[128];
} golden;

static uint32_t crc32_of(const char *s)
{
    uint32_t crc = 0xffffffff;
    for (; *s != '\0'; s++) {
        crc ^= (unsigned char)*s;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* The golden file's name of a parameter. */
static const char *golden_name(const golden *c, const bl_param *p)
{
    const bl_model_config *conf = bl_model_conf(c->m);
    int has_ob = conf->arch != BL_ARCH_LSTM && !bl_model_is_groove(conf);
    return has_ob && strcmp(p->name, "out.b") == 0 ? "ob" : p->name;
}

/* The rows of the sides of a condition, which the references do not have. */
static int is_side(const bl_param *p)
{
    return strcmp(p->name, "side") == 0;
}

static int64_t n_params(const golden *c)
{
    int64_t n = bl_model_size(c->m);
    for (int i = 0; i < bl_model_n_params(c->m); i++)
        n -= is_side(bl_model_param(c->m, i)) ? bl_model_param(c->m, i)->size : 0;
    return n;
}

static void fill(const golden *c)
{
    for (int i = 0; i < bl_model_n_params(c->m); i++) {
        const bl_param *p = bl_model_param(c->m, i);
        bl_real *v = bl_model_values(c->m) + p->start;
        const char *dot = strrchr(p->name, '.');
        double base = dot != NULL && strcmp(dot, ".g") == 0 ? 1 : 0;
        uint32_t x = crc32_of(golden_name(c, p));
        if (is_side(p)) /* zeros */
            continue;
        for (int64_t k = 0; k < p->size; k++) {
            x = 1664525u * x + 1013904223u;
            v[k] = (bl_real)((x / 4294967296.0 - 0.5) * 0.4 + base);
        }
    }
}

/* ---- what a case asks for ---- */

static const char *const cell_keys[] = {"V", "H", "L", "T", "B", NULL};
static const char *const attention_keys[] = {"V",       "L",
                                             "T",       "B",
                                             "d",       "h",
                                             "f",       "M",
                                             "pos",     "dmax",
                                             "act",     "pre",
                                             "relu2",   "mem0",
                                             "bias",    "tie",
                                             "eps",     "C",
                                             "cfn",     "aux",
                                             "ratio",   "obias",
                                             "escale",  "norm",
                                             "theta",   "memory_layers",
                                             "emb",     "gate",
                                             "mogrify", "kv",
                                             "glu",     "fbias",
                                             "local",   "share",
                                             "bar",     "Le",
                                             "S",       "slen",
                                             "tlen",    "sos",
                                             "shared",  "Vs",
                                             "prefix",  "bidir",
                                             NULL};
static const char *const groove_keys[] = {
    "T",   "L",   "B",   "d",    "h",   "f",     "bias",  "p",     "in",
    "Z",   "dd",  "dh",  "df",   "dL",  "beta",  "vloss", "oloss", "reduce",
    "act", "pre", "eps", "norm", "glu", "fbias", "kv",    NULL};
static const char *const distances[] = {"mse", "bce", NULL};
static const char *const reductions[] = {"mean", "sum", NULL};
static const char *const positions[] = {"xl", "table", "abs", "rope", "sinus", NULL};
static const char *const activations[] = {"relu", "gelu", "gelu_tanh", "silu", NULL};
static const char *const compressors[] = {"mean",    "max",       "conv",
                                          "dilated", "most_used", NULL};
static const char *const gates[] = {"none", "gru", NULL};
static const char *const norm_kinds[] = {"layer", "rms", NULL};
static const char *const losses[] = {"ar", "ae", NULL}; /* of a compressor */

static const struct {
    const char *key;
    const char *const *words;
} choices[] = {{"pos", positions},   {"act", activations}, {"cfn", compressors},
               {"aux", losses},      {"norm", norm_kinds}, {"gate", gates},
               {"vloss", distances}, {"oloss", distances}, {"reduce", reductions}};

static int is_among(const char *word, const char *const *list)
{
    while (*list != NULL && strcmp(word, *list) != 0)
        list++;
    return *list != NULL;
}

/* The first option of the config that the engine has not, into `option`. */
static int has_unknown(const bl_json *config, char option[64])
{
    const char *const *known = bl_json_has(config, "H")    ? cell_keys
                               : bl_json_has(config, "in") ? groove_keys
                                                           : attention_keys;
    for (size_t i = 0; i < bl_json_size(config); i++) {
        const char *key, *word;
        const bl_json *value;
        bl_json_member(config, i, &key, &value);
        snprintf(option, 64, "%s", key);
        if (!is_among(key, known))
            return 1;
        for (size_t k = 0; k < BL_COUNT(choices); k++)
            if (strcmp(key, choices[k].key) == 0 && bl_json_as_str(value, &word) &&
                !is_among(word, choices[k].words)) {
                snprintf(option, 64, "%s=%s", key, word);
                return 1;
            }
    }
    return 0;
}

/* ---- the config of a case ---- */

static int whole(const bl_json *o, const char *key, int otherwise)
{
    int64_t x;
    if (!bl_json_has(o, key))
        return otherwise;
    return bl_json_int(o, key, 0, 1 << 20, &x, NULL) == 0 ? (int)x : -1;
}

/* The place of a word in a list that ends with NULL, -1 if it is none of them. */
static int one_of(const bl_json *o, const char *key, const char *const *words)
{
    const char *text;
    if (!bl_json_has(o, key) || bl_json_str(o, key, &text, NULL) != 0)
        return 0;
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

static bl_model_config lstm_config(const bl_json *o, bl_model_config c)
{
    bl_model_config_arch(&c, BL_ARCH_LSTM);
    c.width = whole(o, "H", 0);
    return c;
}

/* What never leaves the ordinary memory is not compressed: such a case has no
 * compressor. */
static int compressed_of(const bl_json *o, const bl_model_config *c, size_t n_segments)
{
    int64_t seen = (int64_t)n_segments * c->segment + (c->zero_memory ? c->memory : 0);
    return c->memory > 0 && seen > c->memory ? whole(o, "C", 0) : 0;
}

static void list_layers(const bl_json *o, bl_model_config *c)
{
    const bl_json *list;
    int64_t n;
    if (!bl_json_has(o, "memory_layers") ||
        bl_json_get(o, "memory_layers", &list, NULL) != 0)
        return;
    for (size_t i = 0; i < bl_json_size(list); i++)
        if (bl_json_as_int(bl_json_at(list, i), &n) && n >= 1 && n <= 256)
            c->memory_layers[(n - 1) / 64] |= (uint64_t)1 << (n - 1) % 64;
}

static bl_model_config attention_config(const bl_json *o, bl_model_config c,
                                        size_t n_segments)
{
    c.width = whole(o, "d", 0);
    c.heads = whole(o, "h", 0);
    c.ff = whole(o, "f", 0);
    c.memory = whole(o, "M", 0);
    c.pos = one_of(o, "pos", positions);
    c.positions = c.pos == BL_POS_DISTANCE   ? whole(o, "dmax", 0)
                  : c.pos == BL_POS_ABSOLUTE ? c.segment
                                             : 0;
    c.act = one_of(o, "act", activations);
    c.pre_norm = whole(o, "pre", 0);
    c.relu_out = whole(o, "relu2", 0);
    c.zero_memory = whole(o, "mem0", 0);
    c.att_bias = whole(o, "bias", 0);
    c.embed_scale = whole(o, "escale", 1);
    c.out_bias = whole(o, "obias", 1);
    c.tie = whole(o, "tie", 1);
    c.compressed = compressed_of(o, &c, n_segments);
    if (c.compressed > 0) {
        c.ratio = whole(o, "ratio", 1);
        c.compressor = one_of(o, "cfn", compressors);
        if (bl_compressor_learns((bl_compressor)c.compressor))
            c.compressor_loss = one_of(o, "aux", losses);
    }
    c.kv_heads = whole(o, "kv", 0);
    c.gate = one_of(o, "gate", gates);
    c.mogrify = whole(o, "mogrify", 0);
    c.embed_width = whole(o, "emb", 0);
    list_layers(o, &c);
    c.glu = whole(o, "glu", 0);
    c.ff_bias = whole(o, "fbias", 1);
    c.norm = one_of(o, "norm", norm_kinds);
    c.block = whole(o, "local", 0);
    c.share_distances = whole(o, "share", 0);
    c.places = whole(o, "bar", 0);
    if (bl_json_has(o, "Le")) {
        c.condition = BL_CONDITION_ENCODER;
        c.encoder_layers = whole(o, "Le", 0);
        c.source = whole(o, "S", 0);
        c.share_embed = whole(o, "shared", 1);
        c.source_vocab = c.share_embed ? 0 : whole(o, "Vs", 0);
    } else if (bl_json_has(o, "prefix")) {
        c.condition = BL_CONDITION_PREFIX;
        c.prefix_mask = whole(o, "bidir", 0);
    }
    if (bl_json_has(o, "eps") && bl_json_real(o, "eps", &c.norm_eps, NULL) != 0)
        c.norm_eps = 0;
    if (bl_json_has(o, "theta") && bl_json_real(o, "theta", &c.rope_theta, NULL) != 0)
        c.rope_theta = 0;
    return c;
}

static void set_real(const bl_json *o, const char *key, double *x)
{
    if (bl_json_has(o, key) && bl_json_real(o, key, x, NULL) != 0)
        *x = NAN;
}

static bl_model_config groove_config(const bl_json *o, bl_model_config c)
{
    int is_vae = bl_json_has(o, "Z");
    bl_model_config_arch(&c, is_vae ? BL_ARCH_GROOVE_VAE : BL_ARCH_GROOVE);
    c.vocab = 1;
    c.width = whole(o, "d", 0);
    c.heads = whole(o, "h", 0);
    c.ff = whole(o, "f", 0);
    c.inputs = whole(o, "in", 0);
    c.voices = whole(o, "voices", BL_VOICES);
    c.pre_norm = whole(o, "pre", 0);
    c.act = one_of(o, "act", activations);
    c.norm = one_of(o, "norm", norm_kinds);
    c.att_bias = whole(o, "bias", 0);
    c.glu = whole(o, "glu", 0);
    c.ff_bias = whole(o, "fbias", 1);
    c.kv_heads = whole(o, "kv", 0);
    set_real(o, "eps", &c.norm_eps);
    if (!is_vae) {
        set_real(o, "p", &c.miss_weight);
        return c;
    }
    c.latent = whole(o, "Z", 0);
    c.dec_width = whole(o, "dd", 0);
    c.dec_heads = whole(o, "dh", 0);
    c.dec_ff = whole(o, "df", 0);
    c.dec_layers = whole(o, "dL", 0);
    set_real(o, "beta", &c.beta);
    c.velocity_loss = one_of(o, "vloss", distances);
    c.offset_loss = one_of(o, "oloss", distances);
    c.reduce = one_of(o, "reduce", reductions);
    return c;
}

static bl_model_config config_of(const golden *g)
{
    const bl_json *o = g->config;
    bl_model_config c = bl_model_config_default();
    c.vocab = whole(o, "V", 0);
    c.layers = whole(o, "L", 0);
    c.segment = whole(o, "T", 0);
    c.dropout = c.att_dropout = 0;
    if (bl_json_has(o, "in"))
        return groove_config(o, c);
    return bl_json_has(o, "H") ? lstm_config(o, c)
                               : attention_config(o, c, bl_json_size(g->segments));
}

/* ---- comparing ---- */

static void compare(golden *c, size_t segment, const char *what, double ours,
                    double theirs, double least)
{
    double error = fabs(ours - theirs) / fmax(fabs(theirs), fmax(least, 0.01));
    if (error <= c->worst && isfinite(error))
        return;
    c->worst = isfinite(error) ? error : INFINITY;
    snprintf(c->where, sizeof c->where, "segment %zu, %s: %.12g, not %.12g", segment,
             what, ours, theirs);
}

static double norm_of(const bl_real *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* Tells it the last lane's condition; returns the tokens that it has read so. */
static int tell_sampler(golden *c, const int32_t *x)
{
    const bl_model_config *conf = bl_model_conf(c->m);
    int last = c->lanes - 1, rc = 0, n = 0;
    if (conf->condition == BL_CONDITION_ENCODER) {
        rc =
            bl_gen_condition(c->gen, 0, c->condition.x + (ptrdiff_t)last * conf->source,
                             NULL, c->condition.length[last], NULL);
    } else if (conf->prefix_mask == BL_PREFIX_FULL) {
        n = c->condition.prefix[last];
        rc = bl_gen_condition(c->gen, 0, x, NULL, n, NULL);
    }
    if (rc != 0)
        compare(c, 0, "no condition for the sampler", INFINITY, 0, 0);
    return (int)bl_max(n - 1, 0);
}

/* The last lane's tokens, one after the other through the sampler: the logits after the
 * last; NULL where it does not see what the graph sees, more than which has gone
 * before.
 */
static const bl_real *sampled(golden *c, size_t s, const int32_t *all_x)
{
    const bl_model_config *conf = bl_model_conf(c->m);
    const int32_t *x = all_x + (ptrdiff_t)(c->lanes - 1) * conf->segment;
    if (conf->memory == 0)
        bl_gen_forget(c->gen, 0);
    for (int i = tell_sampler(c, x); i < conf->segment; i++) {
        bl_gen_place(c->gen, &c->at[(c->lanes - 1) * conf->segment + i]);
        bl_gen_step(c->gen, &x[i], c->logits);
    }
    return conf->memory == 0 || (int64_t)s * conf->segment <= conf->memory ? c->logits
                                                                           : NULL;
}

/* The first logits of the last lane's last token, the graph's and the sampler's; tokens
 * (B,T). */
static void compare_probe(golden *c, size_t s, const bl_json *segment,
                          const int32_t *tokens)
{
    const bl_json *list;
    double x;
    const bl_model_config *conf = bl_model_conf(c->m);
    ptrdiff_t row = (ptrdiff_t)c->lanes * conf->segment - 1;
    if (!bl_json_has(segment, "probe") ||
        bl_json_get(segment, "probe", &list, NULL) != 0)
        return;
    const bl_real *graph = bl_model_logits(c->m) + row * conf->vocab,
                  *ours = sampled(c, s, tokens);
    for (size_t i = 0; i < bl_json_size(list); i++) {
        if (!bl_json_as_real(bl_json_at(list, i), &x))
            continue;
        compare(c, s, "a logit", (double)graph[i], x, 0);
        if (ours != NULL)
            compare(c, s, "a sampler's logit", (double)ours[i], x, 0);
    }
}

/* The sum of all parameters times their gradients: tells signs and orders apart. */
static void compare_dot(golden *c, size_t s, const bl_json *segment, double least)
{
    double theirs, ours = 0;
    if (!bl_json_has(segment, "gdot") ||
        bl_json_real(segment, "gdot", &theirs, NULL) != 0)
        return;
    for (int64_t i = 0; i < bl_model_size(c->m); i++)
        ours += (double)bl_model_values(c->m)[i] * (double)bl_model_grads(c->m)[i];
    compare(c, s, "gradient times parameters", ours, theirs, least);
}

/* A tensor without a gradient there has one of zeros here. */
static void compare_gradients(golden *c, size_t s, const bl_json *segment)
{
    const bl_json *norms;
    double theirs, whole_norm;
    bl_real *grad = bl_model_grads(c->m);
    if (bl_json_get(segment, "grad_norms", &norms, NULL) != 0 ||
        bl_json_real(segment, "gnorm", &whole_norm, NULL) != 0) {
        c->worst = INFINITY;
        return;
    }
    for (int i = 0; i < bl_model_n_params(c->m); i++) {
        const bl_param *p = bl_model_param(c->m, i);
        const char *name = golden_name(c, p);
        if (is_side(p)) {
            memset(grad + p->start, 0, (size_t)p->size * sizeof *grad);
            continue;
        }
        if (!bl_json_has(norms, name) || bl_json_real(norms, name, &theirs, NULL) != 0)
            theirs = 0;
        compare(c, s, name, norm_of(grad + p->start, p->size), theirs,
                whole_norm / 100);
    }
    compare(c, s, "gradient norm", norm_of(grad, bl_model_size(c->m)), whole_norm, 0);
    compare_dot(c, s, segment, whole_norm);
}

/* A number for each lane, 0 without a list. */
static int32_t of_lane(const golden *c, const char *key, int lane)
{
    const bl_json *list;
    int64_t n = 0;
    if (bl_json_has(c->config, key) && bl_json_get(c->config, key, &list, NULL) == 0 &&
        (size_t)lane < bl_json_size(list))
        (void)!bl_json_as_int(bl_json_at(list, (size_t)lane), &n);
    return (int32_t)n;
}

/* Target i of a lane, where it counts, the i-th of its segment being `in`. */
static int is_scored(const golden *c, int lane, int64_t i, int in)
{
    const bl_model_config *conf = bl_model_conf(c->m);
    if (bl_json_has(c->config, "tlen") && in >= of_lane(c, "tlen", lane))
        return 0;
    return (conf->memory > 0 ? i : in) + 1 >= of_lane(c, "prefix", lane);
}

static void make_condition(golden *c, size_t s)
{
    static int32_t x[TOKENS_MAX], length[TOKENS_MAX], prefix[TOKENS_MAX];
    const bl_model_config *conf = bl_model_conf(c->m);
    int vocab = whole(c->config, "Vs", conf->vocab);
    for (int b = 0; b < c->lanes; b++) {
        length[b] = of_lane(c, "slen", b);
        prefix[b] = of_lane(c, "prefix", b);
        for (int k = 0; k < conf->source && conf->condition == BL_CONDITION_ENCODER;
             k++) {
            int64_t j = k + (conf->memory > 0 ? 0 : (int64_t)s * conf->source);
            x[b * conf->source + k] =
                (int32_t)((b * 71 + j * j * 5 + j * 9 + 3) % vocab);
        }
    }
    c->condition = (bl_condition){.x = x, .length = length, .prefix = prefix};
    bl_model_condition(c->m, &c->condition);
}

static int run_segment(golden *c, size_t s)
{
    const bl_json *segment = bl_json_at(c->segments, s);
    const bl_model_config *conf = bl_model_conf(c->m);
    static int32_t x[TOKENS_MAX], y[TOKENS_MAX];
    static int32_t n_real[TOKENS_MAX];
    static bl_place at[TOKENS_MAX];
    double loss, aux;
    int64_t n;
    for (int b = 0; b < c->lanes; b++) {
        n_real[b] = conf->segment;
        for (int k = 0; k < conf->segment; k++) {
            int64_t i = (int64_t)s * conf->segment + k, j = i + 1;
            int cell = b * conf->segment + k;
            x[cell] = (int32_t)((b * 131 + i * i * 7 + i * 3) % conf->vocab);
            if (k == 0 && bl_json_has(c->config, "sos"))
                x[cell] = whole(c->config, "sos", 0);
            if (conf->places > 0)
                at[cell].position = (int32_t)((i / 2 + b) % conf->places);
            y[cell] = (int32_t)((b * 131 + j * j * 7 + j * 3) % conf->vocab);
            if (!is_scored(c, b, i, k))
                y[cell] = -1;
        }
    }
    make_condition(c, s);
    if (bl_json_real(segment, "loss", &loss, NULL) != 0 ||
        bl_json_real(segment, "aux", &aux, NULL) != 0)
        return -1;
    memset(bl_model_grads(c->m), 0, (size_t)bl_model_size(c->m) * sizeof(bl_real));
    bl_model_place(c->m, at);
    c->at = at;
    double sum = bl_model_forward(c->m, x, y, n_real, 1, 0, s, &n);
    compare(c, s, "loss", sum / (double)n, loss, 0);
    int64_t n_terms;
    double ours = bl_model_aux(c->m, &n_terms), share = 1 / (double)bl_max(n_terms, 1);
    compare(c, s, "auxiliary loss", ours * share, aux, 0);
    compare_probe(c, s, segment, x);
    bl_model_backward(c->m, 1 / (double)n, share);
    if (bl_json_has(segment, "grad_norms"))
        compare_gradients(c, s, segment);
    bl_model_advance(c->m);
    return 0;
}

/* ---- grooves ---- */

/* Step t of loop n: hits, velocities, offsets. */
static void make_step(int64_t n, int64_t t, int voices, bl_real *to)
{
    for (int64_t k = 0; k < voices; k++) {
        int hit = (n * 7 + t * t * 3 + t * (k + 2) + k * k * 5) % 11 < 2;
        double velocity = (double)((n * 13 + t * 7 + k * 29) % 127 + 1) / 127;
        double offset = (double)((n * 5 + t * 11 + k * 17) % 101) / 100 - 0.5;
        to[k] = hit;
        to[voices + k] = hit ? (bl_real)velocity : 0;
        to[2 * voices + k] = hit ? (bl_real)offset : 0;
    }
}

static void compare_list(golden *c, size_t s, const bl_json *segment, const char *key,
                         const double *ours, size_t n)
{
    const bl_json *list;
    double x;
    if (!bl_json_has(segment, key) || bl_json_get(segment, key, &list, NULL) != 0)
        return;
    for (size_t i = 0; i < bl_json_size(list) && i < n; i++)
        if (bl_json_as_real(bl_json_at(list, i), &x))
            compare(c, s, key, ours[i], x, 0);
}

static void make_noise(size_t s, bl_real *noise, int n)
{
    char name[32];
    snprintf(name, sizeof name, "eps%zu", s);
    uint32_t x = crc32_of(name);
    for (int k = 0; k < n; k++) {
        x = 1664525u * x + 1013904223u;
        noise[k] = (bl_real)(5 * ((x / 4294967296.0 - 0.5) * 0.4));
    }
}

static int run_windows(golden *c, size_t s)
{
    static bl_real window[TOKENS_MAX], noise[TOKENS_MAX];
    static const bl_real *target[TOKENS_MAX];
    static int32_t y[TOKENS_MAX], n_real[TOKENS_MAX];
    const bl_json *segment = bl_json_at(c->segments, s);
    const bl_model_config *conf = bl_model_conf(c->m);
    int t = conf->segment, step = 3 * conf->voices,
        is_vae = conf->arch == BL_ARCH_GROOVE_VAE;
    double loss, term[BL_N_TERMS], probe[8];
    int64_t n;
    for (int b = 0; b < c->lanes; b++) {
        target[b] = window + (ptrdiff_t)b * t * step;
        n_real[b] = t;
        for (int i = 0; i < t; i++)
            make_step((int64_t)s * c->lanes + b, i, conf->voices,
                      window + (b * t + i) * step);
    }
    make_noise(s, noise, is_vae ? c->lanes * conf->latent : 0);
    bl_windows told = {.feed = {.target = target, .beta = conf->beta, .noise = noise}};
    bl_model_windows(c->m, &told);
    memset(bl_model_grads(c->m), 0, (size_t)bl_model_size(c->m) * sizeof(bl_real));
    double sum = bl_model_forward(c->m, y, y, n_real, 1, 0, s, &n);
    if (bl_json_real(segment, "loss", &loss, NULL) != 0)
        return -1;
    compare(c, s, "loss", sum / (double)n, loss, 0);
    for (int i = 0; i < BL_N_TERMS; i++)
        term[i] = told.feed.term[i] / (double)n;
    compare_list(c, s, segment, "parts", term, BL_N_TERMS);
    for (int i = 0; i < 8; i++)
        probe[i] = (double)bl_model_logits(c->m)[(c->lanes * t - 1) * step + i];
    compare_list(c, s, segment, "probe", probe, 8);
    bl_model_backward(c->m, 1 / (double)n, 0);
    if (bl_json_has(segment, "grad_norms"))
        compare_gradients(c, s, segment);
    return 0;
}

/* A sampler that sees what a segment with its memory sees. */
static int open_sampler(golden *c, bl_pool *pool, bl_err *e)
{
    const bl_model_config *conf = bl_model_conf(c->m);
    c->logits = calloc((size_t)conf->vocab, sizeof *c->logits);
    if (c->logits == NULL)
        return bl_fail(e, BL_E_NOMEM, "out of memory");
    bl_model_config seen = *conf;
    if (conf->memory > 0)
        seen.memory += conf->segment;
    return bl_gen_new(&c->gen, c->m, &seen, 1, BL_FP32, pool, e);
}

/* 1 if the case is met. */
static int run_case(golden *c, int number, bl_pool *pool)
{
    bl_err e = BL_ERR_INIT;
    bl_model_config conf = config_of(c);
    c->lanes = whole(c->config, "B", LANES);
    if ((int64_t)bl_max(conf.segment, conf.source) * c->lanes > TOKENS_MAX ||
        bl_model_new(&c->m, &conf, c->lanes, 1, pool, &e) != 0) {
        printf("not ok %d - %s: %s\n", number, c->name, e.code ? e.text : "too long");
        return 0;
    }
    fill(c);
    int is_groove = bl_model_is_groove(&conf);
    if (!is_groove && open_sampler(c, pool, &e) != 0)
        compare(c, 0, "no sampler", INFINITY, 0, 0);
    if (n_params(c) != c->n_params)
        compare(c, 0, "parameters", (double)n_params(c), (double)c->n_params, 0);
    for (size_t s = 0; s < bl_json_size(c->segments) && (c->gen != NULL || is_groove);
         s++)
        if ((is_groove ? run_windows : run_segment)(c, s) != 0)
            c->worst = INFINITY;
    bl_gen_del(c->gen);
    free(c->logits);
    bl_model_del(c->m);
    int good = c->worst <= c->tolerance;
    printf("%sok %d - %s: relative error %.2g%s%s\n", good ? "" : "not ", number,
           c->name, c->worst, good ? "" : " in ", good ? "" : c->where);
    return good;
}

static bl_json *read_file(const char *path, bl_err *e)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(TEXT_MAX);
    bl_json *o = NULL;
    size_t n = f != NULL && text != NULL ? fread(text, 1, TEXT_MAX, f) : 0;
    if (n > 0)
        o = bl_json_parse(text, n, e);
    if (f != NULL)
        fclose(f);
    free(text);
    return o;
}

/* 1 if one of the globs matches, or there is none. */
static int is_wanted(const char *name, char **globs)
{
    int wanted = *globs == NULL;
    for (; *globs != NULL && !wanted; globs++)
        wanted = fnmatch(*globs, name, 0) == 0;
    return wanted;
}

typedef struct {
    int run, met;
} tally;

static void try_case(golden *c, const bl_json *o, tally *t, bl_pool *pool)
{
    bl_err e = BL_ERR_INIT;
    char option[64];
    int number = t->run + 1;
    t->run++;
    if (bl_json_get(o, "config", &c->config, &e) != 0 ||
        bl_json_get(o, "segments", &c->segments, &e) != 0 ||
        bl_json_int(o, "params", 1, INT64_MAX, &c->n_params, &e) != 0)
        printf("not ok %d - %s: %s\n", number, c->name, e.text);
    else if (has_unknown(c->config, option))
        printf("not ok %d - %s: the engine does not know %s\n", number, c->name,
               option);
    else
        t->met += run_case(c, number, pool);
}

int main(int argc, char **argv)
{
    bl_err e = BL_ERR_INIT;
    bl_pool *pool;
    tally t = {0};
    bl_json *cases = argc >= 3 ? read_file(argv[1], &e) : NULL;
    if (cases == NULL || bl_pool_new(&pool, 2, &e) != 0) {
        fprintf(stderr, "usage: models GOLDEN.json TOLERANCE [GLOB]...: %s\n", e.text);
        return 64;
    }
    for (size_t i = 0; i < bl_json_size(cases); i++) {
        golden c = {.tolerance = atof(argv[2])};
        const bl_json *o;
        bl_json_member(cases, i, &c.name, &o);
        if (is_wanted(c.name, argv + 3))
            try_case(&c, o, &t, pool);
    }
    printf("# %d of %d in %s precision, within %s\n", t.met, t.run,
           sizeof(bl_real) == 8 ? "double" : "single", argv[2]);
    bl_pool_del(pool);
    bl_json_del(cases);
    if (t.run == 0)
        fprintf(stderr, "models: no case of that name\n");
    return t.met == t.run && t.run > 0 ? 0 : 1;
}
