/* test_ckpt.c - settings, and checkpoints that are whole or refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "tap.h"
#include "train/ckpt.h"

/* ---- settings ---- */

static int sets(const char *assignment, const char *message)
{
    bl_train_config c;
    bl_err e = BL_ERR_INIT;
    int rc = bl_config_preset(&c, "tiny", &e);
    if (rc == 0)
        rc = bl_config_set(&c, assignment, &e);
    if (message == NULL)
        return rc == 0;
    return rc == BL_E_ARG && strstr(e.text, message) != NULL;
}

static void test_set(void)
{
    ok(sets("lr=0.01", NULL), "set: a number");
    ok(sets("schedule=inv_sqrt", NULL), "set: a name");
    ok(sets("lr", "not key=value"), "set: without a value");
    ok(sets("layer=3", "nearest is 'layers'"), "set: names the nearest key");
    ok(sets("warm_up=3", "nearest is 'warmup'"), "set: names the nearest key again");
    ok(sets("=3", "not key=value"), "set: without a key");
    ok(sets("lr=fast", "wants a number"), "set: no number");
    ok(sets("lr=1e999", "wants a number"), "set: an infinite number");
    ok(sets("layers=2.5", "not a whole number"), "set: a broken count");
    ok(sets("layers=0", "not within 1..256"), "set: out of range");
    ok(sets("schedule=step", "one of cosine"), "set: no such schedule");
    ok(sets("vocab=9", "that of the data"), "set: the vocabulary is the data's");
}

static void test_json(void)
{
    bl_train_config a, b;
    bl_err e = BL_ERR_INIT;
    bl_buf text = {0};
    int rc = bl_config_preset(&a, "remi", &e);
    a.model.vocab = 321;
    a.lr = 0.1 + 0.2;
    a.schedule = BL_LR_CONSTANT;
    bl_json *o = rc == 0 ? bl_config_json(&a, &e) : NULL;
    ok(o != NULL && bl_json_write(o, &text, &e) == 0, "json: writes");
    bl_json_del(o);
    o = bl_json_parse((const char *)text.data, text.len, &e);
    rc = bl_config_preset(&b, "tiny", &e);
    ok(rc == 0 && o != NULL && bl_config_read(&b, o, &e) == 0, "json: reads");
    bl_json_del(o);
    o = bl_config_json(&b, &e);
    bl_buf again = {0};
    ok(o != NULL && bl_json_write(o, &again, &e) == 0 && again.len == text.len &&
           memcmp(again.data, text.data, text.len) == 0 && b.lr == a.lr,
       "json: every field comes back as it was");
    bl_json_del(o);
    bl_buf_free(&text);
    bl_buf_free(&again);

    static const char *const bad[] = {"{\"layrs\":3}", "{\"layers\":\"3\"}",
                                      "{\"layers\":999}", "{\"schedule\":1}",
                                      "{\"schema\":\"xl-config/2\"}"};
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        o = bl_json_parse(bad[i], strlen(bad[i]), &e);
        ok(o != NULL && bl_config_read(&b, o, NULL) != 0, "json: refuses %s", bad[i]);
        bl_json_del(o);
    }
}

static void test_presets(void)
{
    bl_train_config c, other;
    bl_err e = BL_ERR_INIT;
    char all[128] = "";
    for (int i = 0; bl_config_preset_name(i) != NULL; i++) {
        const char *name = bl_config_preset_name(i);
        int rc = bl_config_preset(&c, name, &e);
        c.model.vocab = 100;
        ok(rc == 0 && bl_config_check(&c, &e) == 0, "preset %s is within bounds", name);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? "|" : "",
                 name);
    }
    ok(strcmp(all, bl_config_presets()) == 0, "the list of presets names each");
    static const struct {
        const char *name;
        int64_t parameters; /* of Radford et al.'s published weights */
    } published[] = {{"gpt2", 124439808},
                     {"gpt2-medium", 354823168},
                     {"gpt2-large", 774030080},
                     {"gpt2-xl", 1557611200}};
    for (size_t i = 0; i < BL_COUNT(published); i++)
        ok(bl_config_preset(&c, published[i].name, &e) == 0 &&
               bl_model_config_size(&c.model) == published[i].parameters,
           "%s has as many parameters as were published", published[i].name);
    ok(bl_config_preset(&c, "huge", NULL) == BL_E_ARG, "no such preset");
    ok(bl_config_preset(&c, "small", &e) == 0,
       "the preset whose fields go to their ends");
    c.model.vocab = 100;
    static const char *const ends[] = {"init_std=0", "norm_eps=0.1", "norm_eps=1e-12",
                                       "clamp_len=65536", "dropout=0.95"};
    for (size_t i = 0; i < BL_COUNT(ends); i++)
        ok(bl_config_set(&c, ends[i], &e) == 0 && bl_config_check(&c, &e) == 0,
           "%s: what may be set can be trained", ends[i]);
    bl_model_config lstm = c.model;
    bl_model_config_arch(&lstm, BL_ARCH_LSTM);
    lstm.clamp_len = 0;
    lstm.segment = 8191;
    lstm.width = 65536;
    ok(bl_model_config_check(&lstm, &e) == 0, "an lstm's gates as many as an int");
    lstm.segment++;
    ok(bl_model_config_check(&lstm, NULL) == BL_E_ARG, "and not one segment more");
    if (bl_config_preset(&c, "tiny", &e) != 0 ||
        bl_config_preset(&other, "tiny", &e) != 0)
        return;
    ok(bl_config_differs(&c, &other, BL_FIXED_RUN) == NULL,
       "the same preset: no difference");
    other.lr = 1;
    ok(bl_config_differs(&c, &other, BL_FIXED_RUN) == NULL, "the rate may change");
    other.lanes++;
    const char *key = bl_config_differs(&c, &other, BL_FIXED_RUN);
    ok(key != NULL && strcmp(key, "batch") == 0, "the lanes may not");
    ok(bl_config_differs(&c, &other, BL_FIXED_WEIGHTS) == NULL, "but the weights fit");
}

/* ---- checkpoints ---- */

static const uint16_t tokens[] = {1, 4, 5, 6, 7, 2, 1, 5, 5, 2, 1, 7, 6, 5, 4, 4, 2};
static const int64_t offsets[] = {0, 6, 10, 17};
static const bl_pieces pieces = {.tokens = tokens, .offsets = offsets, .n_pieces = 3};

typedef struct {
    bl_train_config config;
    bl_pool *pool;
    bl_vocab vocab;
    bl_batch batch;
    bl_ckpt_info info;
    bl_ckpt_state state;
} fixture;

static int make_vocab(bl_vocab *v, bl_err *e)
{
    static const char *const names[] = {"PAD", "BOS", "EOS", "MASK",
                                        "a",   "b",   "c",   "d"};
    bl_tokens_kind kind = {.spec = {.scheme = "remi", .grid = 4}};
    memset(kind.sha256, 'a', sizeof kind.sha256 - 1);
    bl_words *words = bl_words_new(e);
    uint64_t *count = bl_calloc(BL_COUNT(names), sizeof *count, e);
    int rc = words != NULL && count != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < BL_COUNT(names) && rc == 0; i++)
        rc = bl_words_add(words, names[i], strlen(names[i]), e);
    return rc != 0 ? rc : bl_vocab_make(v, words, count, &kind, e);
}

/* A model after one segment: memories, lengths and cursor are none of them empty. */
static int make(fixture *f, bl_err *e)
{
    *f = (fixture){0};
    int rc = bl_config_preset(&f->config, "tiny", e);
    f->config.model.vocab = 8;
    f->config.model.layers = 2;
    f->config.model.width = 4;
    f->config.model.heads = 2;
    f->config.model.ff = 6;
    f->config.model.segment = 3;
    f->config.model.memory = 5;
    f->config.lanes = 2;
    if (rc == 0)
        rc = bl_pool_new(&f->pool, 1, e);
    if (rc == 0)
        rc = make_vocab(&f->vocab, e);
    if (rc == 0)
        rc = bl_batch_init(&f->batch, &pieces, 2, 3, 1, e);
    if (rc == 0)
        rc = bl_model_new(&f->state.model, &f->config.model, 2, 1, f->pool, e);
    if (rc != 0)
        return rc;
    size_t n = (size_t)bl_model_size(f->state.model);
    f->state.adam_m = bl_calloc(n, sizeof(bl_real), e);
    f->state.adam_v = bl_calloc(n, sizeof(bl_real), e);
    f->state.batch = &f->batch;
    f->info = (bl_ckpt_info){.config = f->config,
                             .step = 7,
                             .tokens = 99,
                             .best_loss = 1.25,
                             .best_step = 5,
                             .vocab = &f->vocab,
                             .blas = "naive"};
    memset(f->info.manifest_sha256, 'b', sizeof f->info.manifest_sha256 - 1);
    return f->state.adam_m != NULL && f->state.adam_v != NULL ? 0 : BL_E_NOMEM;
}

static void fill(fixture *f)
{
    int64_t scored;
    bl_model_init(f->state.model, 3);
    for (int64_t i = 0; i < bl_model_size(f->state.model); i++) {
        f->state.adam_m[i] = (bl_real)i;
        f->state.adam_v[i] = (bl_real)i / 2;
    }
    bl_batch_next(&f->batch);
    bl_model_forward(f->state.model, f->batch.x, f->batch.y, f->batch.n_real, 0, 0, 0,
                     &scored);
    bl_model_advance(f->state.model);
}

static void drop(fixture *f)
{
    bl_model_del(f->state.model);
    free(f->state.adam_m);
    free(f->state.adam_v);
    bl_batch_free(&f->batch);
    bl_vocab_free(&f->vocab);
    bl_pool_del(f->pool);
}

static int slurp(const char *path, bl_buf *b)
{
    int fd, rc;
    b->len = 0;
    if (bl_in_open(path, &fd, NULL) != 0)
        return -1;
    rc = bl_read_all(fd, b, 1 << 20, NULL);
    close(fd);
    return rc;
}

static int spew(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return -1;
    size_t n = fwrite(bytes, 1, len, file);
    return fclose(file) == 0 && n == len ? 0 : -1;
}

static int load(const char *path, bl_err *e)
{
    bl_ckpt c;
    int rc = bl_ckpt_load(&c, path, 1, e);
    bl_ckpt_free(&c);
    return rc;
}

static void test_round_trip(const char *path, const char *other)
{
    fixture a, b;
    bl_err e = BL_ERR_INIT;
    bl_ckpt c = {0};
    bl_buf first = {0}, second = {0};
    if (!ok(make(&a, &e) == 0 && make(&b, &e) == 0, "fixtures: %s", e.text))
        return;
    fill(&a);
    ok(bl_model_config_size(&a.config.model) == bl_model_size(a.state.model),
       "the number of parameters is the model's");
    ok(bl_ckpt_save(path, &a.info, &a.state, &e) == 0, "saves %s", e.text);
    ok(bl_ckpt_load(&c, path, 1, &e) == 0, "loads %s", e.text);
    ok(c.info.step == 7 && c.info.tokens == 99 && c.info.best_loss == 1.25 &&
           c.info.best_step == 5 && strcmp(c.info.blas, "naive") == 0,
       "the numbers come back");
    ok(c.info.vocab != NULL && strcmp(c.info.vocab->sha256, a.vocab.sha256) == 0 &&
           strcmp(c.info.vocab->kind.spec.scheme, "remi") == 0,
       "the vocabulary comes back");
    ok(bl_ckpt_get_state(&c, &b.state, &e) == 0, "the state comes back %s", e.text);
    ok(bl_ckpt_save(other, &c.info, &b.state, &e) == 0 && slurp(path, &first) == 0 &&
           slurp(other, &second) == 0 && first.len == second.len &&
           memcmp(first.data, second.data, first.len) == 0,
       "saved again: the same bytes");
    ok(a.batch.next == b.batch.next && bl_model_memory_length(b.state.model)[0] > 0,
       "cursor and memories are not empty");
    bl_ckpt_free(&c);

    ok(bl_ckpt_load(&c, path, 0, &e) == 0 &&
           bl_ckpt_get_params(&c, b.state.model, &e) == 0,
       "parameters alone");
    ok(bl_ckpt_get_state(&c, &b.state, NULL) != 0, "the state was not kept then");
    b.config.model.ff = 7;
    bl_model *wider = NULL;
    ok(bl_model_new(&wider, &b.config.model, 1, 0, b.pool, &e) == 0 &&
           bl_ckpt_get_params(&c, wider, NULL) == BL_E_FORMAT,
       "parameters do not go into another model");
    bl_model_del(wider);
    bl_ckpt_free(&c);
    bl_buf_free(&first);
    bl_buf_free(&second);
    drop(&a);
    drop(&b);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The hash of the metadata as schemas/xl-checkpoint.md tells it. */
static int put_hash(bl_json *meta, bl_err *e)
{
    enum { MOST = 256 };
    const char *key[MOST];
    const bl_json *value;
    char hex[17];
    bl_buf b = {0};
    size_t n = bl_json_size(meta);
    for (size_t i = 0; i < n && i < MOST; i++)
        bl_json_member(meta, i, &key[i], &value);
    qsort(key, n, sizeof *key, by_name);
    int rc = n <= MOST ? 0 : BL_E_LIMIT;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const char *text = NULL;
        if (strcmp(key[i], "xxh3") == 0)
            continue;
        rc = bl_json_str(meta, key[i], &text, e);
        if (rc == 0)
            rc = bl_buf_add(&b, key[i], strlen(key[i]) + 1, e);
        if (rc == 0)
            rc = bl_buf_add(&b, text, strlen(text) + 1, e);
    }
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)bl_xxh3(b.data, b.len));
    bl_buf_free(&b);
    return rc == 0 ? bl_json_set_str(meta, "xxh3", hex, e) : rc;
}

/* Loads the checkpoint at `path` with one entry of metadata more, or another. */
static int load_with(const char *path, const char *other, const char *key,
                     const char *value, bl_err *e)
{
    bl_ckpt c;
    bl_zw *w = NULL;
    bl_out out = {.fd = -1};
    int rc = bl_ckpt_load(&c, path, 1, e);
    if (rc == 0)
        rc = bl_json_set_str(c.head.meta, key, value, e);
    if (rc == 0)
        rc = put_hash(c.head.meta, e);
    if (rc == 0)
        rc = bl_out_open(&out, other, e);
    if (rc == 0)
        rc = bl_zw_new(&w, out.fd, 0, e);
    if (rc == 0)
        rc = bl_tensors_write(w, c.head.t, c.head.n, c.head.meta, e);
    if (rc == 0)
        rc = bl_zw_end_frame(w, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    bl_zw_del(w);
    bl_ckpt_free(&c);
    return rc == 0 ? load(other, e) : BL_E_IO;
}

static void test_metadata(const char *path, const char *golden_1, const char *other)
{
    bl_err e = BL_ERR_INIT, none = BL_ERR_INIT, list = BL_ERR_INIT;
    ok(load_with(path, other, "step", "7", &e) == 0, "metadata: hashed anew %s",
       e.text);
    ok(load_with(path, other, "later", "what later programs say", &e) == 0,
       "metadata: an unknown key is ignored %s", e.text);
    ok(load_with(path, other, "step", "seven", NULL) == BL_E_FORMAT &&
           load_with(path, other, "best_loss", "low", NULL) == BL_E_FORMAT &&
           load_with(path, other, "vocab", "[1]", NULL) == BL_E_FORMAT,
       "metadata: known keys hold what they should");
    ok(load_with(path, other, "schema", "xl-checkpoint/3", NULL) == BL_E_VERSION,
       "metadata: another version is refused");
    ok(load_with(path, other, "pg", "{\"a\":{}}", NULL) == BL_E_FORMAT &&
           load_with(path, other, "pg", "null", NULL) == BL_E_FORMAT,
       "metadata: programs are a list");
    ok(load_with(path, other, "schema", "xl-checkpoint/1", NULL) == BL_E_FORMAT &&
           load_with(path, other, "tensors_xxh3", "{}", &none) == BL_E_FORMAT &&
           strstr(none.text, "'tensors_xxh3' has no hash of '") != NULL &&
           load_with(path, other, "tensors_xxh3", "[]", &list) == BL_E_FORMAT &&
           strstr(list.text, "'tensors_xxh3': the JSON text is not an object") != NULL,
       "metadata: every tensor has its hash, as its version says it (%s, %s)",
       none.text, list.text);
    ok(load_with(golden_1, other, "step", "3", &e) == 0 &&
           load_with(golden_1, other, "xxh3.mem.0", "0123456789abcdef", NULL) ==
               BL_E_CORRUPT,
       "metadata: hashes of version 1 are read, and count %s", e.text);
}

/* Every byte that is `step` away from the last has one bit wrong, another each. */
static void test_damage(const char *path, size_t step, const char *other)
{
    bl_buf whole = {0};
    int accepted = 0, cut = 0, unnamed = 0;
    if (!ok(slurp(path, &whole) == 0 && whole.len > 0, "damage: a checkpoint"))
        return;
    for (size_t i = 0; i < whole.len; i += step) {
        bl_err e = BL_ERR_INIT;
        whole.data[i] ^= (uint8_t)(1 << (i * 5 + 2) % 8);
        accepted += spew(other, whole.data, whole.len) != 0 || load(other, &e) == 0;
        unnamed += e.text[0] == '\0' || e.where[0] == '\0';
        whole.data[i] ^= (uint8_t)(1 << (i * 5 + 2) % 8);
    }
    ok(accepted == 0, "damage: no flipped bit of %zu bytes is accepted", whole.len);
    ok(unnamed == 0, "damage: every refusal names the file and a cause");
    for (size_t n = 0; n < whole.len; n += 1 + (n > 64) * 4 * step)
        cut += spew(other, whole.data, n) != 0 || load(other, NULL) == 0;
    ok(cut == 0, "damage: no truncated file is accepted");
    ok(bl_buf_addc(&whole, 0, NULL) == 0 && spew(other, whole.data, whole.len) == 0 &&
           load(other, NULL) == BL_E_FORMAT,
       "damage: bytes after the end are refused");
    bl_buf_free(&whole);
}

/* A config that asks for a large model must not get one before the file backs it. */
static void test_hostile(const char *other)
{
    fixture f;
    bl_err e = BL_ERR_INIT;
    if (!ok(make(&f, &e) == 0, "hostile: a fixture"))
        return;
    fill(&f);
    f.info.config.model.width = 65536;
    f.info.config.model.heads = 1;
    ok(bl_ckpt_save(other, &f.info, &f.state, &e) == 0 &&
           load(other, &e) == BL_E_FORMAT && strstr(e.text, "parameters") != NULL,
       "hostile: more parameters than the file holds (%s)", e.text);
    drop(&f);
}

int main(void)
{
    char dir[] = "/tmp/test_ckpt.XXXXXX", path[64], other[64], golden_1[512];
    const char *root = getenv("BARLINE_ROOT");
    test_set();
    test_json();
    test_presets();
    if (!ok(mkdtemp(dir) != NULL, "a folder for files"))
        return tap_done();
    snprintf(path, sizeof path, "%s/a.safetensors", dir);
    snprintf(other, sizeof other, "%s/b.safetensors", dir);
    snprintf(golden_1, sizeof golden_1, "%s/schemas/golden/xl-checkpoint-1.safetensors",
             root ? root : ".");
    test_round_trip(path, other);
    test_metadata(path, golden_1, other);
    test_damage(path, 3, other);
    test_damage(golden_1, 37, other);
    test_hostile(other);
    unlink(path);
    unlink(other);
    rmdir(dir);
    return tap_done();
}
