/* ckpt_meta.c - the metadata of a checkpoint: see ckpt_meta.h. */
#include "io/header.h"
#include "train/ckpt_meta.h"
#include "base/sort.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "xl-checkpoint/2"
#define FIRST "xl-checkpoint/1" /* an entry "xxh3.NAME" for each tensor */
#define HASHES "tensors_xxh3"
#define ASKED "x-precision-asked" /* a key that readers may leave alone */

/* ---- writing ---- */

/* XXH3 over "key NUL value NUL" of all entries but "xxh3", in byte order of the keys:
 * the tensors' hashes are among them, so this one value covers the whole file. */
static int hash_meta(const bl_json *meta, char hex[17], bl_err *e)
{
    size_t n = bl_json_size(meta);
    const char **key = bl_calloc(n, sizeof *key, e);
    bl_xxh3_state *hash = bl_xxh3_new(e);
    int rc = key != NULL && hash != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const bl_json *value;
        bl_json_member(meta, i, &key[i], &value);
    }
    if (rc == 0)
        qsort(key, n, sizeof *key, bl_by_text);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const char *value;
        if (strcmp(key[i], "xxh3") == 0)
            continue;
        rc = bl_json_str(meta, key[i], &value, e);
        if (rc == 0) {
            bl_xxh3_add(hash, key[i], strlen(key[i]) + 1);
            bl_xxh3_add(hash, value, strlen(value) + 1);
        }
    }
    if (rc == 0)
        snprintf(hex, 17, "%016" PRIx64, bl_xxh3_value(hash));
    bl_xxh3_del(hash);
    free(key);
    return rc;
}

static int set_json(bl_json *meta, const char *key, const bl_json *value, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_json_write(value, &text, e);
    if (rc == 0) {
        const char *s = bl_buf_str(&text, e);
        rc = s != NULL ? bl_json_set_str(meta, key, s, e) : BL_E_NOMEM;
    }
    bl_buf_free(&text);
    return rc;
}

static int set_int(bl_json *meta, const char *key, int64_t x, bl_err *e)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, x);
    return bl_json_set_str(meta, key, text, e);
}

/* In one entry, so that what a person reads is not lost among hundreds of them. */
static int set_hashes(bl_json *meta, const bl_tensor *t, size_t n, bl_err *e)
{
    char hex[17];
    bl_json *o = bl_json_object(e);
    int rc = o != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < n && rc == 0; i++) {
        snprintf(hex, sizeof hex, "%016" PRIx64, bl_xxh3(t[i].data, t[i].bytes));
        rc = bl_json_set_str(o, t[i].name, hex, e);
    }
    if (rc == 0)
        rc = set_json(meta, HASHES, o, e);
    bl_json_del(o);
    return rc;
}

static int set_config(bl_json *meta, const bl_train_config *config, bl_err *e)
{
    bl_json *o = bl_config_json(config, e);
    int rc = o != NULL ? set_json(meta, "config", o, e) : BL_E_NOMEM;
    bl_json_del(o);
    return rc;
}

int bl_ckpt_set_vocab(bl_json *meta, const bl_vocab *vocab, bl_err *e)
{
    bl_json *list = bl_json_array(e), *tokenizer = bl_json_object(e);
    int rc = list != NULL && tokenizer != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < bl_words_size(vocab->words) && rc == 0; i++)
        rc = bl_json_push_str(list, bl_words_name(vocab->words, i), e);
    if (rc == 0)
        rc = set_json(meta, "vocab", list, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "vocab_sha256", vocab->sha256, e);
    if (rc == 0)
        rc = bl_header_set_spec(tokenizer, &vocab->kind.spec, e);
    if (rc == 0)
        rc = set_json(meta, "tokenizer", tokenizer, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "tokenizer_sha256", vocab->kind.sha256, e);
    bl_json_del(list);
    bl_json_del(tokenizer);
    return rc;
}

static int set_run(bl_json *meta, const bl_ckpt_info *info, bl_err *e)
{
    char best[40];
    snprintf(best, sizeof best, "%.17g", info->best_loss);
    int rc = bl_json_set_str(meta, "schema", SCHEMA, e);
    if (rc == 0)
        rc = set_config(meta, &info->config, e);
    if (rc == 0)
        rc = set_int(meta, "step", info->step, e);
    if (rc == 0)
        rc = set_int(meta, "tokens", info->tokens, e);
    if (rc == 0)
        rc = set_int(meta, "seed", info->config.seed, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "best_loss", best, e);
    if (rc == 0)
        rc = set_int(meta, "best_step", info->best_step, e);
    if (rc == 0)
        rc = bl_ckpt_set_vocab(meta, info->vocab, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "manifest_sha256", info->manifest_sha256, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "blas", info->blas, e);
    if (rc == 0 && info->asked[0] != '\0')
        rc = bl_json_set_str(meta, ASKED, info->asked, e);
    return rc == 0 ? bl_prov_put_text(meta, info->pg, e) : rc;
}

bl_json *bl_ckpt_make_meta(const bl_ckpt_info *info, const bl_tensor *t, size_t n,
                           bl_err *e)
{
    char hex[17];
    bl_json *meta = bl_json_object(e);
    int rc = meta != NULL ? set_run(meta, info, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = set_hashes(meta, t, n, e);
    if (rc == 0)
        rc = hash_meta(meta, hex, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "xxh3", hex, e);
    if (rc != 0) {
        bl_json_del(meta);
        return NULL;
    }
    return meta;
}

/* ---- reading ---- */

static int get_int(const bl_json *meta, const char *key, int64_t *x, bl_err *e)
{
    const char *text;
    char *end;
    int rc = bl_json_str(meta, key, &text, e);
    if (rc != 0)
        return rc;
    errno = 0;
    *x = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || *x < 0)
        return bl_fail(e, BL_E_FORMAT, "metadata '%s' is not a count", key);
    return 0;
}

static int get_best(bl_ckpt *c, bl_err *e)
{
    const char *text;
    char *end;
    int rc = bl_json_str(c->head.meta, "best_loss", &text, e);
    if (rc != 0)
        return rc;
    c->info.best_loss = strtod(text, &end);
    if (end == text || *end != '\0' || isnan(c->info.best_loss))
        return bl_fail(e, BL_E_FORMAT, "metadata 'best_loss' is not a number");
    return get_int(c->head.meta, "best_step", &c->info.best_step, e);
}

static int get_text(const bl_json *meta, const char *key, char *out, size_t size,
                    bl_err *e)
{
    const char *text;
    int rc = bl_json_str(meta, key, &text, e);
    if (rc == 0 && strlen(text) >= size)
        rc = bl_fail(e, BL_E_FORMAT, "metadata '%s' is too long", key);
    if (rc == 0)
        strcpy(out, text);
    return rc;
}

static int get_config(bl_ckpt *c, bl_err *e)
{
    const char *text;
    bl_json *o = NULL;
    bl_train_config *config = &c->info.config;
    int rc = bl_config_preset(config, "small", e);
    bl_model_config_arch(&config->model, BL_ARCH_XL); /* what early files leave out */
    if (rc == 0)
        rc = bl_json_str(c->head.meta, "config", &text, e);
    if (rc == 0) {
        o = bl_json_parse(text, strlen(text), e);
        rc = o != NULL ? bl_config_read(config, o, e) : bl_code_of(e, BL_E_FORMAT);
    }
    bl_json_del(o);
    if (rc == 0)
        rc = bl_config_check(config, e);
    if (rc == BL_E_ARG)
        rc = e->code = BL_E_FORMAT; /* of the file, not of an option */
    return rc;
}

/* The JSON parser takes objects only: a list is read as the member of one. */
static bl_json *parse_list(const char *text, const bl_json **list, bl_err *e)
{
    bl_buf b = {0};
    bl_json *o = NULL;
    if (bl_buf_addf(&b, e, "{\"list\":%s}", text) == 0)
        o = bl_json_parse((const char *)b.data, b.len, e);
    bl_buf_free(&b);
    if (o != NULL && bl_json_get(o, "list", list, e) != 0) {
        bl_json_del(o);
        o = NULL;
    }
    return o;
}

static int get_words(const bl_json *meta, bl_words *words, bl_err *e)
{
    const char *text, *name;
    const bl_json *list;
    int rc = bl_json_str(meta, "vocab", &text, e);
    if (rc != 0)
        return rc;
    bl_json *o = parse_list(text, &list, e);
    if (o == NULL)
        return bl_code_of(e, BL_E_FORMAT);
    for (size_t i = 0; i < bl_json_size(list) && rc == 0; i++) {
        if (bl_json_at(list, i) == NULL || !bl_json_as_str(bl_json_at(list, i), &name))
            rc = bl_fail(e, BL_E_FORMAT, "the vocabulary is not a list of strings");
        else
            rc = bl_words_add(words, name, strlen(name), e);
    }
    bl_json_del(o);
    return rc;
}

static int get_vocab(bl_ckpt *c, bl_err *e)
{
    const char *sha256;
    const bl_json *meta = c->head.meta;
    bl_tokens_kind kind = {0};
    bl_words *words = bl_words_new(e);
    int rc = words != NULL ? get_words(meta, words, e) : BL_E_NOMEM;
    if (rc == 0 && bl_words_size(words) != (size_t)c->info.config.model.vocab)
        rc = bl_fail(e, BL_E_FORMAT, "the vocabulary has %zu tokens, the model %d",
                     bl_words_size(words), c->info.config.model.vocab);
    if (rc == 0)
        rc = bl_header_get_kind_text(meta, &kind, e);
    if (rc == 0)
        rc = bl_json_str(meta, "vocab_sha256", &sha256, e);
    uint64_t *count = NULL;
    if (rc == 0) {
        count = bl_calloc(bl_words_size(words), sizeof *count, e);
        rc = count != NULL ? bl_vocab_make(&c->vocab, words, count, &kind, e)
                           : BL_E_NOMEM;
    }
    if (rc != 0) {
        free(count);
        bl_words_del(words);
        return rc;
    }
    if (strcmp(c->vocab.sha256, sha256) != 0)
        return bl_fail(e, BL_E_CORRUPT, "the vocabulary does not match its hash");
    c->info.vocab = &c->vocab;
    return 0;
}

static int get_pg(bl_ckpt *c, bl_err *e)
{
    const char *text;
    const bl_json *list;
    if (!bl_json_has(c->head.meta, "pg"))
        return 0;
    int rc = bl_json_str(c->head.meta, "pg", &text, e);
    if (rc != 0)
        return rc;
    bl_json *o = parse_list(text, &list, e);
    if (o == NULL)
        return bl_code_of(e, BL_E_FORMAT);
    if (bl_json_is_array(list)) {
        c->pg = bl_json_copy(list, e);
        rc = c->pg != NULL ? 0 : BL_E_NOMEM;
    } else
        rc = bl_fail(e, BL_E_FORMAT, "metadata 'pg' is not a list");
    c->info.pg = c->pg;
    bl_json_del(o);
    return rc;
}

static int check_schema(const bl_json *meta, bl_err *e)
{
    const char *schema;
    if (!bl_json_has(meta, "schema"))
        return bl_fail(e, BL_E_FORMAT, "not a checkpoint: it does not say " SCHEMA);
    int rc = bl_json_str(meta, "schema", &schema, e);
    if (rc != 0 || strcmp(schema, SCHEMA) == 0 || strcmp(schema, FIRST) == 0)
        return rc;
    if (strncmp(schema, "xl-checkpoint/", 14) == 0)
        return bl_fail(
            e, BL_E_VERSION,
            "its schema is '%.40s', this program knows " FIRST " and " SCHEMA, schema);
    return bl_fail(e, BL_E_FORMAT, "not a checkpoint: its schema is '%.40s'", schema);
}

static int get_hashes(bl_ckpt *c, bl_err *e)
{
    const char *schema, *text;
    int rc = bl_json_str(c->head.meta, "schema", &schema, e);
    if (rc != 0 || strcmp(schema, FIRST) == 0)
        return rc;
    rc = bl_json_str(c->head.meta, HASHES, &text, e);
    if (rc == 0) {
        bl_err why = BL_ERR_INIT;
        c->hashes = bl_json_parse(text, strlen(text), &why);
        if (c->hashes == NULL)
            rc = bl_fail(e, bl_code_of(&why, BL_E_FORMAT), "metadata '" HASHES "': %s",
                         why.text);
    }
    return rc;
}

int bl_ckpt_check_hash(const bl_ckpt *c, const char *name, uint64_t value, bl_err *e)
{
    char key[BL_TENSOR_NAME + 8], hex[17];
    const char *stated;
    snprintf(key, sizeof key, "%s%s", c->hashes != NULL ? "" : "xxh3.", name);
    snprintf(hex, sizeof hex, "%016" PRIx64, value);
    const bl_json *in = c->hashes != NULL ? c->hashes : c->head.meta;
    int rc = bl_json_str(in, key, &stated, c->hashes != NULL ? NULL : e);
    if (rc != 0 && c->hashes != NULL)
        return bl_fail(e, rc, "metadata '" HASHES "' has no hash of '%s'", name);
    if (rc == 0 && strcmp(hex, stated) != 0)
        rc = bl_fail(e, BL_E_CORRUPT, "tensor '%s' does not match its hash", name);
    return rc;
}

int bl_ckpt_get_meta(bl_ckpt *c, bl_err *e)
{
    const bl_json *meta = c->head.meta;
    const char *stated;
    char hex[17];
    int rc = check_schema(meta, e);
    if (rc == 0)
        rc = bl_json_str(meta, "xxh3", &stated, e);
    if (rc == 0)
        rc = hash_meta(meta, hex, e);
    if (rc == 0 && strcmp(hex, stated) != 0)
        rc = bl_fail(e, BL_E_CORRUPT, "the metadata do not match their hash");
    if (rc == 0)
        rc = get_config(c, e);
    if (rc == 0)
        rc = get_int(meta, "step", &c->info.step, e);
    if (rc == 0)
        rc = get_int(meta, "tokens", &c->info.tokens, e);
    if (rc == 0)
        rc = get_best(c, e);
    if (rc == 0)
        rc = get_text(meta, "manifest_sha256", c->info.manifest_sha256,
                      sizeof c->info.manifest_sha256, e);
    if (rc == 0)
        rc = get_text(meta, "blas", c->info.blas, sizeof c->info.blas, e);
    if (rc == 0 && bl_json_has(meta, ASKED))
        rc = get_text(meta, ASKED, c->info.asked, sizeof c->info.asked, e);
    if (rc == 0)
        rc = get_vocab(c, e);
    if (rc == 0)
        rc = get_hashes(c, e);
    if (rc == 0)
        rc = get_pg(c, e);
    return rc;
}
