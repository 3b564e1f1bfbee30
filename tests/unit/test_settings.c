/* test_settings.c - whatever the settings, what is sampled is what is trained: for
 * random ones greedy sampling, far past the memory, is compared token for token with
 * the training graph. Settings without a meaning are refused by name, and the order in
 * which they are given is of none. BARLINE_SLOW=1: 3000 of them, else 300. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "nn/op/ops.h"
#include "tap.h"
#include "train/loop.h"

enum { VOCAB = 17, PIECES = 6, PIECE = 40, SOME = 300, ALL = 3000, TOKENS_MAX = 200 };
enum { SOURCE_MAX = 256 };
enum { STREAMS = 2, LATE = 3 }; /* the second stream begins so many tokens later */

/* What each key is drawn from: all keys but the vocabulary's, which is the data's. */
static const struct {
    const char *key, *values;
} drawn[] = {
    {"arch", "xl remi music-transformer gpt2 compressive lstm llama"},
    {"layers", "1 2 3"},
    {"width", "8 12 24"},
    {"heads", "1 2 4"},
    {"ff", "6 20"},
    {"segment", "1 2 3 4 6 9"},
    {"memory", "0 1 2 4 6 12"},
    {"dropout", "0 0.1"},
    {"att_dropout", "0 0.1"},
    {"ff_dropout", "0 0.2"},
    {"layer_dropout", "0 0.2"},
    {"embed_dropout", "0 0.2"},
    {"pre_norm", "0 1"},
    {"untie_uv", "0 1"},
    {"clamp_len", "0 3"},
    {"norm_eps", "1e-5 1e-3"},
    {"init_std", "0.1 0.3"},
    {"pos", "sinusoid distance absolute rotary absolute_sinusoid"},
    {"positions", "4 9 16"},
    {"share_distances", "0 1"},
    {"act", "relu gelu gelu_tanh silu"},
    {"relu_out", "0 1"},
    {"att_bias", "0 1"},
    {"embed_scale", "0 1"},
    {"tie", "0 1"},
    {"out_bias", "0 1"},
    {"init_residual", "0 1"},
    {"zero_memory", "0 1"},
    {"same_length", "0 1"},
    {"compressed", "0 2 3 6"},
    {"ratio", "1 2 3"},
    {"compressor", "mean max conv dilated most_used"},
    {"compressor_loss", "attention rows"},
    {"compressor_weight", "0 1 3"},
    {"block", "0 1 2 3 5"},
    {"local_layers", "all 1 2 1,2"},
    {"memory_layers", "all 1 2 1,2 2,3"},
    {"places", "0 3 7"},
    {"bar_rows", "0 2"},
    {"recall", "0 4 16"},
    {"embed_width", "0 5 12 30"},
    {"kv_heads", "0 1 2"},
    {"glu", "0 1"},
    {"ff_bias", "0 1"},
    {"rope_theta", "1e4 30"},
    {"cell", "lstm gru"},
    {"gate", "none gru"},
    {"mogrify", "0 1 3"},
    {"norm", "layer rms"},
    {"condition", "none prefix bars encoder encoder"},
    {"prefix_mask", "causal full"},
    {"holes", "0 1"},
    {"around", "0 2"},
    {"left_only", "0 1"},
    {"stretch", "0 3 40"},
    {"encoder_layers", "0 1 3"},
    {"source", "1 6 40"},
    {"share_embed", "0 1"},
    {"source_vocab", "0 9"},
    {"precision", "fp32 bf16 bf16x3"},
    {"batch", "1 2 4"},
    {"accumulate", "1 2"},
    {"workers", "1 2"},
    {"steps", "3 9"},
    {"seed", "0 7"},
    {"lr", "0 0.003"},
    {"min_lr", "0 0.1"},
    {"warmup", "0 2"},
    {"schedule", "cosine constant inv_sqrt linear wsd"},
    {"cooldown", "0 0.5"},
    {"optimizer", "adamw muon sgd"},
    {"momentum", "0 0.95"},
    {"average", "0 0.1 0.5"},
    {"clip", "0 0.5"},
    {"beta1", "0 0.9"},
    {"beta2", "0.9 0.99999999"},
    {"eps", "1e-8 1e-4"},
    {"weight_decay", "0 0.1"},
    {"eval_every", "0 2"},
    {"eval_tokens", "0 30"},
    {"eval_segment", "0 2"},
    {"patience", "0 3"},
    {"eval_memory", "0 12 none"},
};

static uint16_t tokens[PIECES * PIECE];
static int64_t offsets[PIECES + 1];
static bl_token_place places[VOCAB]; /* two tokens begin bars, some have positions */
static const bl_pieces pieces = {
    .tokens = tokens, .offsets = offsets, .n_pieces = PIECES, .places = places};
static int times[BL_COUNT(drawn)]; /* that a key was among settings that were tried */

static void make_corpus(void)
{
    for (int i = 0; i < PIECES * PIECE; i++)
        tokens[i] = (uint16_t)((i * i * 3 + i % 7) % VOCAB);
    for (int i = 0; i <= PIECES; i++)
        offsets[i] = i * PIECE;
    for (int i = 0; i < VOCAB; i++)
        places[i] = (bl_token_place){i % 8 == 3 ? 1 + i / 8 : 0, i % 3 == 1 ? i : -1};
}

/* ---- drawing settings ---- */

typedef struct {
    char text[BL_COUNT(drawn)][48];
    const char *set[BL_COUNT(drawn)];
    size_t key[BL_COUNT(drawn)]; /* index into drawn */
    size_t n;
} choice;

/* The i-th of the words. */
static void add_choice(choice *c, size_t key, uint32_t i)
{
    const char *at = drawn[key].values;
    for (; i > 0; i--)
        at += strcspn(at, " ") + 1;
    snprintf(c->text[c->n], sizeof c->text[0], "%s=%.*s", drawn[key].key,
             (int)strcspn(at, " "), at);
    c->set[c->n] = c->text[c->n];
    c->key[c->n++] = key;
}

static uint32_t n_values(size_t key)
{
    uint32_t n = 1;
    for (const char *at = drawn[key].values; *at != '\0'; at++)
        n += *at == ' ';
    return n;
}

static void shuffle(choice *c, bl_rng *rng)
{
    for (size_t i = c->n - 1; i > 0; i--) {
        size_t j = bl_rng_below(rng, (uint32_t)i + 1);
        const char *other = c->set[i];
        c->set[i] = c->set[j];
        c->set[j] = other;
    }
}

/* The arch, and each other key in `share` of ten settings; in an order of its own. */
static void draw(choice *c, uint32_t arch, uint32_t share, bl_rng *rng)
{
    c->n = 0;
    add_choice(c, 0, arch);
    for (size_t k = 1; k < BL_COUNT(drawn); k++)
        if (bl_rng_below(rng, 10) < share)
            add_choice(c, k, bl_rng_below(rng, n_values(k)));
    shuffle(c, rng);
}

static int make_config(const choice *c, bl_train_config *config, bl_err *e)
{
    int rc = bl_config_preset(config, "tiny", e);
    config->model.layers = 2;
    config->model.width = 12;
    config->model.heads = 2;
    config->model.ff = 20;
    config->model.segment = 4;
    config->model.memory = 6;
    config->model.init_std = 0.2;
    config->model.vocab = VOCAB;
    config->steps = 3;
    if (rc == 0)
        rc = bl_config_change(config, NULL, c->set, c->n, 1, e);
    return rc == 0 ? bl_config_check(config, e) : rc;
}

/* Settings that are valid; those that are not must say why. Returns how many of those
 * there were, or -1. Few or many keys at once, fewer where nothing fits together. */
static int draw_valid(choice *c, bl_train_config *config, int number, bl_rng *rng)
{
    enum { PATIENCE = 200, TRIES = 6 * PATIENCE };
    uint32_t arch = (uint32_t)number % BL_ARCH_GROOVE /* those of tokens */,
             share = 1 + (uint32_t)number / 6 % 6;
    for (int refused = 0; refused < TRIES; refused++) {
        bl_err e = BL_ERR_INIT;
        draw(c, arch, (uint32_t)bl_max(share - (uint32_t)refused / PATIENCE, 1), rng);
        int rc = make_config(c, config, &e);
        if (rc == 0)
            return refused;
        if (rc != BL_E_ARG || e.text[0] == '\0')
            return -1;
    }
    return -1;
}

static void print_choice(const choice *c)
{
    printf("#");
    for (size_t i = 0; i < c->n; i++)
        printf(" %s", c->set[i]);
    printf("\n");
}

/* ---- sampling ---- */

typedef struct {
    bl_model *owner; /* has the parameters */
    bl_model_config config;
    bl_pool *pool;
    int n, first; /* tokens; those of a prefix that are read at once */
    int32_t source[STREAMS][SOURCE_MAX], length[STREAMS], prefix[STREAMS];
    bl_place source_at[STREAMS][SOURCE_MAX];
    int32_t token[STREAMS][TOKENS_MAX + 1];
    bl_place at[STREAMS][TOKENS_MAX];           /* where these stand */
    bl_real logits[STREAMS][TOKENS_MAX][VOCAB]; /* from which the next was drawn */
} sample;

static bl_model *open_shape(const sample *s, const bl_model_config *c)
{
    bl_model *m;
    bl_err e = BL_ERR_INIT;
    if (bl_model_new(&m, c, 1, 0, s->pool, &e) != 0) {
        printf("Bail out! %s\n", e.text);
        exit(1);
    }
    bl_model_share(m, s->owner);
    return m;
}

static int largest(const bl_real *logits)
{
    int best = 0;
    for (int i = 1; i < VOCAB; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

static void keep(sample *s, int b, int at, const bl_real *logits)
{
    memcpy(s->logits[b][at], logits, sizeof s->logits[b][at]);
    s->token[b][at + 1] = largest(logits);
}

/* Any, as the model does not know what is true. */
static bl_recalled recalled(const bl_model_config *c, int32_t token)
{
    int lengths = bl_recall_lengths(c->recall) + 1;
    return (bl_recalled){
        (uint16_t)((token * 3 + 1) % VOCAB), (uint8_t)(token % lengths),
        (uint8_t)(token * 7 % BL_RECALL_DISTANCES), (uint8_t)(token % BL_RECALL_TIMES)};
}

/* What both streams go with. */
static void tell_sampler(sample *s, bl_gen *g)
{
    int rc = 0;
    for (int b = 0; b < STREAMS && rc == 0; b++) {
        bl_place at[SOURCE_MAX];
        for (int i = 0; i <= s->first; i++)
            s->at[b][i] = at[i] =
                (bl_place){-1, 0, i % 2, recalled(&s->config, s->token[b][i])};
        s->token[b][s->first] = 1 + b;
        if (s->config.condition == BL_CONDITION_ENCODER)
            rc = bl_gen_condition(g, b, s->source[b], s->source_at[b], s->length[b],
                                  NULL);
        else if (s->config.prefix_mask == BL_PREFIX_FULL)
            rc = bl_gen_condition(g, b, s->token[b], at, s->first + 1, NULL);
    }
    if (rc != 0)
        exit(1);
}

/* Greedy tokens as xlsample draws them, for two streams side by side. */
static void draw_tokens(sample *s)
{
    static bl_real logits[STREAMS * VOCAB];
    bl_model_config small = s->config;
    small.segment = (int)bl_max(1, small.compressed > 0 ? small.ratio : 1);
    small.memory = (int)bl_min(small.memory, small.segment);
    bl_model *m = open_shape(s, &small);
    bl_gen *g;
    if (bl_gen_new(&g, m, &s->config, STREAMS, BL_FP32, s->pool, NULL) != 0)
        exit(1);
    bl_place at[STREAMS];
    bl_gen_place(g, at);
    tell_sampler(s, g);
    for (int b = 0; b < STREAMS; b++) {
        s->token[b][s->first] = 1 + b;
        at[b] = BL_PLACE_BEGIN;
    }
    for (int i = s->first; i < s->n + LATE; i++) {
        int32_t next[STREAMS] = {i < s->n ? s->token[0][i] : -1,
                                 i >= LATE + s->first ? s->token[1][i - LATE] : -1};
        for (int b = 0; b < STREAMS; b++)
            if (next[b] >= 0) {
                bl_place_step(&at[b], &places[next[b]]);
                at[b].side = next[b] % 2;
                at[b].recalled = recalled(&s->config, next[b]);
                s->at[b][i - b * LATE] = at[b];
            }
        bl_gen_step(g, next, logits);
        for (int b = 0; b < STREAMS; b++)
            if (next[b] >= 0)
                keep(s, b, i - b * LATE, logits + b * VOCAB);
    }
    bl_gen_del(g);
    bl_model_del(m);
}

/* ---- the training graph ---- */

/* The token drawn at a place is not the likeliest, or a logit another; but for
 * rounding. */
static int is_wrong(const sample *s, int b, int at, const bl_real *logits)
{
    double top = (double)logits[largest(logits)], least = 1e-4 * (1 + fabs(top));
    int wrong = !(top - (double)logits[s->token[b][at + 1]] <= least);
    for (int i = 0; i < VOCAB; i++)
        wrong |= !(fabs((double)logits[i] - (double)s->logits[b][at][i]) <= 10 * least);
    return wrong;
}

/* Runs n tokens from the at-th of a stream on, logits in m. */
static void run(bl_model *m, const sample *s, int b, int at, int n)
{
    const int32_t *x = s->token[b] + at;
    bl_place place[TOKENS_MAX];
    int32_t in[TOKENS_MAX] = {0}, none[TOKENS_MAX], real = n;
    int64_t scored;
    for (int i = 0; i < bl_model_conf(m)->segment; i++) {
        in[i] = i < n ? x[i] : 0;
        none[i] = -1;
        place[i] = i < n ? s->at[b][at + i] : BL_PLACE_BEGIN;
    }
    const bl_condition condition = {s->source[b], &s->length[b], s->source_at[b],
                                    at == 0 ? &s->prefix[b] : NULL};
    bl_model_place(m, place);
    bl_model_condition(m, &condition);
    bl_model_forward(m, in, none, &real, 0, 0, 0, &scored);
}

/* Segments with memory in the shape `c`, of which a piece begins with `zeros` slots of
 * zeros: the tokens that are wrong, of those that lie, with the zeros, up to `window`
 * from the start and whose segment begins up to `plain` from it. */
static int wrong_in_segments(const sample *s, int b, const bl_model_config *c,
                             int zeros, int plain, int window)
{
    int wrong = 0;
    bl_model *m = open_shape(s, c);
    bl_model_forget(m, 0);
    if (c->arch != BL_ARCH_LSTM)
        bl_model_memory_length(m)[0] = zeros;
    for (int at = 0; at < s->n; at += c->segment) {
        int n = (int)bl_min(c->segment, s->n - at);
        run(m, s, b, at, n);
        for (int i = (int)bl_max(s->first - at, 0); i < n; i++)
            if (zeros + at <= plain && zeros + at + i <= window)
                wrong += is_wrong(s, b, at + i, bl_model_logits(m) + i * VOCAB);
        bl_model_advance(m);
    }
    bl_model_del(m);
    return wrong;
}

/* A context of absolute positions without memory goes on with its half when full. */
static int wrong_in_contexts(const sample *s, int b)
{
    int wrong = 0, first = 0, t = s->config.segment;
    bl_model *m = open_shape(s, &s->config);
    for (int at = 0; at < s->n; at++) {
        if (at - first == t)
            first = at - t / 2;
        bl_model_forget(m, 0);
        run(m, s, b, first, at + 1 - first);
        wrong += at >= s->first &&
                 is_wrong(s, b, at, bl_model_logits(m) + (at - first) * VOCAB);
    }
    bl_model_del(m);
    return wrong;
}

/* Local attention without memory, where the trained segment is as long as two blocks:
 * one long segment. */
static int wrong_in_blocks(const sample *s, int b, const bl_model_config *c)
{
    bl_model_config whole = *c;
    whole.segment = s->n;
    for (int n = 0; n < c->layers; n++)
        if (!bl_model_is_local(c, n) || 2 * c->block > c->segment + 1)
            return 0;
    return wrong_in_segments(s, b, &whole, 0, 0, INT32_MAX);
}

/* The shape of which sampling has the numbers (bl_gen_new), to the end; and the one of
 * training, as long as both see all there is. */
static int wrong_tokens(const sample *s, int b)
{
    bl_model_config c = s->config;
    int zeros = c.zero_memory ? c.memory : 0, far = INT32_MAX;
    int is_absolute = bl_model_is_absolute(&c);
    int longer = (int)bl_max(c.memory, c.segment);
    if (is_absolute && c.memory == 0)
        return wrong_in_contexts(s, b);
    int at_once = c.compressed > 0 && (c.compressor == BL_COMPRESS_DILATED ||
                                       c.compressor == BL_COMPRESS_MOST_USED);
    if (is_absolute || c.arch == BL_ARCH_LSTM || c.same_length || at_once ||
        (c.block > 0 && c.memory > 0) || !bl_model_all_remember(&c))
        return wrong_in_segments(s, b, &c, zeros, far, far);
    int wrong = wrong_in_segments(s, b, &c, zeros, c.memory, longer);
    if (c.prefix_mask == BL_PREFIX_FULL) /* in one segment alone */
        return wrong;
    if (c.block > 0) /* there is no such shape if some are not local */
        return wrong + wrong_in_blocks(s, b, &c);
    c.segment = c.compressed > 0 ? c.ratio : 1;
    c.memory = longer;
    return wrong + wrong_in_segments(s, b, &c, zeros, far, far);
}

/* A condition of another length each, at other bars. */
static void make_condition(sample *s)
{
    const bl_model_config *c = &s->config;
    int vocab = c->source_vocab > 0 ? c->source_vocab : VOCAB;
    s->first = c->prefix_mask == BL_PREFIX_FULL ? (int)bl_min(3, c->segment) - 1 : 0;
    for (int b = 0; b < STREAMS; b++) {
        s->length[b] = (int32_t)bl_min(c->source, 2 + 5 * b);
        s->prefix[b] = s->first + 1;
        for (int i = 0; i < SOURCE_MAX; i++) {
            s->source[b][i] = (i * i + 3 * i + b) % vocab;
            s->source_at[b][i] = (bl_place){.bar = i / 3 - 1};
        }
        for (int i = 0; i < s->first; i++)
            s->token[b][i] = 2 * i + b;
    }
}

/* Three steps of training, then tokens past all that is remembered. */
static int try_settings(const bl_train_config *config, bl_pool *pool)
{
    static sample s;
    bl_trainer t;
    bl_train_row row;
    const bl_model_config *c = &config->model;
    bl_err e = BL_ERR_INIT;
    int rc = bl_trainer_init(&t, config, &pieces, &pieces, pool, &e);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = bl_trainer_step(&t, &row, &e);
    if (rc != 0)
        printf("# %s\n", e.text);
    int wrong = rc != 0;
    if (rc == 0) {
        s = (sample){.owner = t.state.model, .config = *c, .pool = pool};
        s.config.precision = BL_FP32; /* rounds less */
        s.n = (int)bl_min(2 * (c->memory + c->segment) + c->compressed * c->ratio + 20,
                          TOKENS_MAX);
        make_condition(&s);
        draw_tokens(&s);
        for (int b = 0; b < STREAMS; b++)
            wrong += wrong_tokens(&s, b);
    }
    bl_trainer_free(&t);
    return wrong;
}

static void test_sampling(int n, bl_pool *pool)
{
    int failed = 0, refused = 0;
    for (int i = 0; i < n; i++) {
        choice c;
        bl_train_config config;
        bl_rng rng = bl_rng_make(11, (uint64_t)i);
        int before = draw_valid(&c, &config, i, &rng);
        int wrong = before < 0 ? 1 : try_settings(&config, pool);
        refused += before;
        for (size_t k = 0; k < c.n; k++)
            times[c.key[k]]++;
        if (wrong == 0)
            continue;
        failed++;
        printf("# settings %d: %d tokens are not the graph's\n", i, wrong);
        print_choice(&c);
    }
    ok(failed == 0, "%d random settings, %d more refused: sampling is the graph", n,
       refused);
}

/* A key that is new wants a line above. */
static void test_keys(void)
{
    bl_train_config c;
    int missing = bl_config_preset(&c, "tiny", NULL);
    bl_json *o = bl_config_json(&c, NULL);
    for (size_t i = 0; i < bl_json_size(o); i++) {
        const char *key;
        const bl_json *value;
        bl_json_member(o, i, &key, &value);
        int is_drawn = strcmp(key, "schema") == 0 || strcmp(key, "vocab") == 0;
        for (size_t k = 0; k < BL_COUNT(drawn); k++)
            is_drawn |= strcmp(key, drawn[k].key) == 0 && times[k] > 0;
        if (!is_drawn)
            printf("# %s was never drawn\n", key);
        missing += !is_drawn;
    }
    ok(missing == 0, "every key was among them");
    bl_json_del(o);
}

/* ---- settings without a meaning ---- */

static int says(const char *const *set, size_t n, const char *what)
{
    bl_train_config c;
    bl_err e = BL_ERR_INIT;
    int rc = bl_config_preset(&c, "tiny", &e);
    c.model.vocab = VOCAB;
    if (rc == 0)
        rc = bl_config_change(&c, NULL, set, n, 1, &e);
    if (rc == 0)
        rc = bl_config_check(&c, &e);
    return what == NULL ? rc == 0 : rc == BL_E_ARG && strstr(e.text, what) != NULL;
}

/* What a preset says is for its own architecture; another one's leaves it out. */
static int passes(const char *preset, const char *const *set, size_t n)
{
    bl_train_config c;
    bl_err e = BL_ERR_INIT;
    int rc = bl_config_preset(&c, preset, &e);
    c.model.vocab = VOCAB;
    rc = rc == 0 ? bl_config_change(&c, NULL, set, n, 1, &e) : rc;
    rc = rc == 0 ? bl_config_check(&c, &e) : rc;
    if (rc != 0)
        printf("# %s, %s: %s\n", preset, set[0], e.text);
    return rc == 0;
}

static void test_presets(void)
{
    static const char *const sets[][2] = {{"arch=xl"},
                                          {"arch=xl", "memory=0"},
                                          {"arch=remi"},
                                          {"arch=gpt2"},
                                          {"arch=remi", "memory=0"},
                                          {"arch=music-transformer"},
                                          {"arch=compressive"},
                                          {"arch=lstm"},
                                          {"arch=llama"}};
    const char *name;
    int n_wrong = 0, n = 0;
    for (int i = 0; (name = bl_config_preset_name(i)) != NULL; i++)
        for (size_t k = 0; strncmp(name, "groove", 6) != 0 && k < BL_COUNT(sets); k++) {
            n_wrong += !passes(name, sets[k], sets[k][1] == NULL ? 1 : 2);
            n++;
        }
    ok(n_wrong == 0 && n > 0, "%d of %d presets with an architecture are refused",
       n_wrong, n);
}

static void test_refused(void)
{
    static const struct {
        const char *set[3], *what;
    } cases[] = {
        {{"same_length=1", "arch=compressive"}, "same_length and compressed"},
        {{"same_length=1", "memory=0"}, "same_length goes with memory"},
        {{"zero_memory=1", "arch=gpt2"}, "zero_memory goes with memory"},
        {{"clamp_len=9", "pos=distance"}, "clamp_len goes with pos=sinusoid"},
        {{"untie_uv=1", "pos=absolute"}, "untie_uv goes with pos=sinusoid"},
        {{"positions=9"}, "positions goes with"},
        {{"recall=3"}, "neither 0 nor within 4..1024"},
        {{"share_distances=1"}, "share_distances goes with pos=distance"},
        {{"ratio=2"}, "ratio goes with compressed"},
        {{"compressor=max", "arch=gpt2"}, "compressor goes with compressed"},
        {{"compressor_loss=rows", "arch=compressive", "compressor=most_used"},
         "compressor_loss goes with compressor=conv"},
        {{"compressor_weight=2"}, "compressor_weight goes with compressor=conv"},
        {{"memory_layers=2", "memory=0"}, "memory_layers goes with memory"},
        {{"memory_layers=1,9"}, "beyond the last"},
        {{"block=2", "local_layers=1,9"}, "beyond the last"},
        {{"local_layers=1"}, "local_layers goes with block"},
        {{"block=2", "arch=compressive"}, "block and compressed"},
        {{"block=2", "arch=compressive", "memory_layers=2"}, "block and compressed"},
        {{"memory_layers=1,,2"}, "wants layers"},
        {{"memory_layers=0"}, "lists layers from 1"},
        {{"memory_layers=2", "memory_layers=all"}, NULL},
        {{"cell=gru"}, "cell goes with arch=lstm"},
        {{"arch=lstm", "relu_out=1"}, "relu_out goes with attention"},
        {{"arch=lstm", "pos=absolute"}, "goes with attention"},
        {{"arch=gpt2", "positions=9", "segment=10"}, "longer than positions"},
        {{"arch=gpt2", "memory=8"}, NULL},
        {{"pos=distance"}, NULL},
        {{"condition=encoder", "arch=lstm"}, "condition=encoder goes with attention"},
        {{"condition=bars", "arch=lstm"}, NULL},
        {{"condition=encoder", "width=33", "heads=1"}, "is odd"},
        {{"prefix_mask=full", "arch=gpt2"}, "prefix_mask goes with condition=prefix"},
        {{"prefix_mask=full", "condition=prefix"}, "goes without memory"},
        {{"prefix_mask=full", "condition=prefix", "memory=0"}, "goes with pos="},
        {{"prefix_mask=full", "condition=prefix", "arch=gpt2"}, NULL},
        {{"encoder_layers=2"}, "encoder_layers goes with condition=encoder"},
        {{"source=9", "condition=bars"}, "source goes with condition=encoder"},
        {{"source_vocab=9", "condition=encoder"}, "source_vocab goes with share_embed"},
        {{"eval_memory=none"}, NULL},
        {{"eval_memory=-2"}, "not within"},
        {{"memory=none"}, "wants a number"},
    };
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        size_t n = 0;
        while (n < 3 && cases[i].set[n] != NULL)
            n++;
        ok(says(cases[i].set, n, cases[i].what), "%s %s: %s", cases[i].set[0],
           n > 1 ? cases[i].set[1] : "", cases[i].what ? cases[i].what : "is taken");
    }
}

/* ---- settings that follow others ---- */

/* Each way to give three settings as a file and assignments in some order: bit i of
 * `in_file` puts the i-th into the file. Returns positions, or -1. */
static int positions_of(const char *const set[3], unsigned in_file, unsigned turn,
                        int *compressed)
{
    char path[] = "/tmp/test_settings.XXXXXX", json[256] = "{";
    const char *rest[3];
    size_t n = 0;
    bl_train_config c;
    int fd = mkstemp(path), rc = bl_config_preset(&c, "tiny", NULL);
    for (unsigned i = 0; i < 3; i++) {
        unsigned at = (i + turn) % 3;
        const char *value = strchr(set[at], '=') + 1;
        if (!(in_file >> at & 1)) {
            rest[n++] = set[at];
            continue;
        }
        const char *quote = *value >= 'a' ? "\"" : "";
        size_t len = strlen(json);
        snprintf(json + len, sizeof json - len, "%s\"%.*s\":%s%s%s", len > 1 ? "," : "",
                 (int)(value - 1 - set[at]), set[at], quote, value, quote);
    }
    strcat(json, "}");
    if (fd < 0 || rc != 0 || write(fd, json, strlen(json)) < 0)
        return -1;
    close(fd);
    rc = bl_config_change(&c, path, rest, n, 1, NULL);
    unlink(path);
    *compressed = c.model.compressed;
    return rc == 0 ? c.model.positions : -1;
}

static void test_arch_of_file(void)
{
    const char *const music = "arch=music-transformer";
    char path[] = "/tmp/test_settings.XXXXXX";
    bl_train_config c;
    int fd = mkstemp(path), rc = bl_config_preset(&c, "tiny", NULL);
    static const char json[] = "{\"positions\":48,\"arch\":\"gpt2\"}";
    if (fd < 0 || write(fd, json, strlen(json)) < 0 || close(fd) != 0)
        rc = -1;
    if (rc == 0)
        rc = bl_config_change(&c, path, &music, 1, 1, NULL);
    unlink(path);
    ok(rc == 0 && c.model.positions == 1024,
       "another arch than the file's undoes what that one decided");
}

static void test_order(void)
{
    static const char *const gpt2[3] = {"arch=gpt2", "segment=32", "lr=0.1"},
                             *const own[3] = {"positions=48", "arch=gpt2",
                                              "segment=32"},
                             *const squeezed[3] = {"memory=24", "arch=compressive",
                                                   "ratio=2"};
    int same = 1, kept = 1, follows = 1, compressed;
    for (unsigned in_file = 0; in_file < 8; in_file++)
        for (unsigned turn = 0; turn < 3; turn++) {
            same &= positions_of(gpt2, in_file, turn, &compressed) == 32;
            kept &= positions_of(own, in_file, turn, &compressed) == 48;
            follows &= positions_of(squeezed, in_file, turn, &compressed) == 0 &&
                       compressed == 24;
        }
    ok(same, "positions follow segment, whatever comes first, in a file or not");
    ok(kept, "unless they are given");
    ok(follows, "compressed follows memory");
}

/* The first setting in which two configs differ, or NULL. */
static const char *difference(const bl_train_config *a, const bl_train_config *b)
{
    const bl_setting *s;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++)
        if (!bl_setting_same(s, a, b))
            return s->key;
    return NULL;
}

/* All keys at once, or a few, each draw in several orders. */
static void test_permutations(void)
{
    enum { DRAWS = 300, ORDERS = 8 };
    int differ = 0;
    for (int i = 0; i < DRAWS; i++) {
        choice c;
        bl_train_config first, other;
        bl_rng rng = bl_rng_make(12, (uint64_t)i);
        draw(&c, (uint32_t)i % BL_ARCH_GROOVE, i % 2 ? 10 : 2, &rng);
        int rc = bl_config_preset(&first, "tiny", NULL);
        if (rc == 0)
            rc = bl_config_change(&first, NULL, c.set, c.n, 1, NULL);
        for (int k = 0; k < ORDERS && rc == 0; k++) {
            shuffle(&c, &rng);
            rc = bl_config_preset(&other, "tiny", NULL);
            if (rc == 0)
                rc = bl_config_change(&other, NULL, c.set, c.n, 1, NULL);
            const char *key = rc == 0 ? difference(&first, &other) : "a failure";
            differ += key != NULL;
            if (key != NULL)
                printf("# %s depends on the order of %zu settings\n", key, c.n);
        }
        differ += rc != 0;
    }
    ok(differ == 0, "%d draws of settings are the same in %d orders each", DRAWS,
       ORDERS);
}

/* What the mechanism asks of a row. */
static void test_rows(void)
{
    const bl_setting *s, *other;
    bl_train_config c = bl_config_default();
    int wrong = 0;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++) {
        bl_err e = BL_ERR_INIT;
        int is_bad = strlen(s->key) > BL_SET_KEY_MAX || s->help == NULL ||
                     strpbrk(s->help, "\"\\\n") != NULL || s->help[0] == '.' ||
                     (s->kind == BL_SET_WORD) > (s->words != NULL) ||
                     (s->is_used != NULL) != (s->with != NULL) ||
                     bl_setting_check(s, &c, &e) != 0 ||
                     (s->follows == NULL && !bl_setting_is_usual(s, &c));
        for (size_t k = 0; k < i && (other = bl_config_setting(k)) != NULL; k++)
            is_bad |= strcmp(s->key, other->key) == 0 || s->at == other->at;
        if (is_bad)
            printf("# the row of %s: %s\n", s->key, e.text);
        wrong += is_bad;
    }
    ok(wrong == 0, "each row of the table is a key, a field and a usual value");
}

int main(void)
{
    bl_pool *pool;
    const char *slow = getenv("BARLINE_SLOW");
    make_corpus();
    if (!ok(bl_pool_new(&pool, 1, NULL) == 0, "a pool"))
        return tap_done();
    test_presets();
    test_refused();
    test_order();
    test_permutations();
    test_rows();
    test_arch_of_file();
    test_sampling(slow != NULL && *slow != '\0' ? ALL : SOME, pool);
    test_keys();
    bl_pool_del(pool);
    return tap_done();
}
