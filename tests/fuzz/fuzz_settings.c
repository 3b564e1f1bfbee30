/* fuzz_settings.c - lists of KEY=VALUE: settings that are taken are written as JSON
 * that gives the same settings; a model of them can be built, trains for a step and
 * samples, where it is small. */
#include "fuzz.h"
#include "model/model.h"
#include "train/train_config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, VOCAB = 7, STEPS = 3, TOKENS_MAX = 256, WORD_SIZE = 64 };

static const int64_t BYTES_MAX = 4 << 20;

/* Pairs of bytes become words, of which each makes a setting. */
static size_t choose(const uint8_t *data, size_t len, const char **word)
{
    static const char *const number[] = {"0", "1", "2", "3",   "4",    "5", "6",
                                         "7", "8", "9", "0.5", "1e-3", "12"};
    static const char *const layers[] = {"1", "2", "1,2", "1,3", "all"};
    static char text[WORDS_MAX][WORD_SIZE];
    size_t n = 0, settings = 0;
    while (bl_config_setting(settings) != NULL)
        settings++;
    for (; len >= 2 && n < WORDS_MAX; data += 2, len -= 2, n++) {
        const bl_setting *s = bl_config_setting(data[0] % settings);
        const char *value = number[data[1] % BL_COUNT(number)];
        size_t words = 0;
        while (s->words != NULL && s->words[words] != NULL)
            words++;
        if (words > 0)
            value = s->words[data[1] % words];
        if (s->kind == BL_SET_LAYERS)
            value = layers[data[1] % BL_COUNT(layers)];
        snprintf(text[n], WORD_SIZE, "%s=%s", s->key, value);
        word[n] = text[n];
    }
    return n;
}

/* The words of the text, which is cut into them. */
static size_t split(char *text, const char **word)
{
    size_t n = 0;
    char *rest;
    for (char *w = strtok_r(text, " \n", &rest); w != NULL && n < WORDS_MAX;
         w = strtok_r(NULL, " \n", &rest))
        word[n++] = w;
    return n;
}

static void same_as_json(const bl_train_config *c)
{
    bl_buf text = {0}, again = {0};
    bl_train_config read = bl_config_default();
    bl_json *o = bl_config_json(c, NULL);
    claim(o != NULL && bl_json_write(o, &text, NULL) == 0);
    bl_json_del(o);
    o = bl_json_parse((const char *)text.data, text.len, NULL);
    claim(o != NULL && bl_config_read(&read, o, NULL) == 0);
    bl_json_del(o);
    o = bl_config_json(&read, NULL);
    claim(o != NULL && bl_json_write(o, &again, NULL) == 0);
    claim(text.len == again.len && memcmp(text.data, again.data, text.len) == 0);
    bl_json_del(o);
    bl_buf_free(&text);
    bl_buf_free(&again);
}

static void train(bl_model *m, int segment)
{
    static const int32_t x[TOKENS_MAX], y[TOKENS_MAX];
    int32_t real = segment;
    int64_t n, terms;
    for (uint64_t step = 0; step < STEPS; step++) {
        double loss = bl_model_forward(m, x, y, &real, 1, 1, step, &n);
        claim(n == segment && !(loss < 0));
        memset(bl_model_grads(m), 0, (size_t)bl_model_size(m) * sizeof(bl_real));
        (void)bl_model_aux(m, &terms);
        bl_model_backward(m, 1.0 / segment, 1 / (double)bl_max(terms, 1));
        bl_model_advance(m);
    }
}

static void sample(bl_model *m, const bl_model_config *c, bl_pool *pool)
{
    bl_real logits[2 * VOCAB];
    bl_gen *g;
    claim(bl_gen_new(&g, m, c, 2, BL_FP32, pool, NULL) == 0);
    for (int i = 0; i < 2 * c->segment + STEPS; i++) {
        int32_t token[2] = {i % VOCAB, i % 3 == 0 ? -1 : 1};
        bl_gen_step(g, token, logits);
    }
    bl_gen_del(g);
}

static void use(bl_model_config *c)
{
    static bl_pool *pool;
    bl_model *m;
    c->vocab = VOCAB;
    if (bl_model_config_check(c, NULL) != 0 || c->segment > TOKENS_MAX)
        return;
    claim(isfinite(bl_model_flops_per_token(c)) && bl_model_flops_per_token(c) >= 0);
    int64_t bytes = bl_model_bytes(c, 1, 1);
    claim(bytes > 0);
    if (bytes > BYTES_MAX || c->condition != BL_CONDITION_NONE || bl_model_is_groove(c))
        return;
    claim(pool != NULL || bl_pool_new(&pool, 1, NULL) == 0);
    claim(bl_model_new(&m, c, 1, 1, pool, NULL) == 0);
    bl_model_init(m, 1);
    train(m, c->segment);
    sample(m, c, pool);
    bl_model_del(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const small[] = {"width=8",   "heads=2",  "ff=8",
                                        "segment=6", "memory=6", "layers=3"};
    const char *word[WORDS_MAX];
    char *text = malloc(len + 1);
    claim(text != NULL);
    memcpy(text, data, len);
    text[len] = '\0';
    bl_train_config c = bl_config_default();
    claim(bl_config_preset(&c, "tiny", NULL) == 0);
    int by_pairs = len > 0 && data[0] == 0;
    size_t n = by_pairs ? choose(data + 1, len - 1, word) : split(text, word);
    for (size_t i = 0; by_pairs && i < BL_COUNT(small); i++)
        claim(bl_config_set(&c, small[i], NULL) == 0);
    if (bl_config_change(&c, NULL, word, n, 1, NULL) == 0) {
        same_as_json(&c);
        use(&c.model);
    }
    free(text);
    return 0;
}
