/* token_names.c - see token_names.h. */
#include "flow/token_names.h"

#include "io/file.h"
#include "io/header.h"
#include "token/miditok.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 20 };

/* ---- the list ---- */

/* n >= 1 ids without a name yet. */
static int begin(bl_token_names *t, size_t n, bl_err *e)
{
    t->name = bl_calloc(n, sizeof *t->name, e);
    t->n = n;
    return t->name != NULL ? 0 : BL_E_NOMEM;
}

static int put(bl_token_names *t, int64_t id, const char *name, bl_err *e)
{
    if (id < 0 || id >= (int64_t)t->n)
        return bl_fail(e, BL_E_LIMIT, "the id %lld of '%.64s' is not within 0..%zu",
                       (long long)id, name, t->n - 1);
    if (t->name[id] != NULL)
        return strcmp(t->name[id], name) == 0
                   ? 0
                   : bl_fail(e, BL_E_FORMAT,
                             "'%.64s' and '%.64s' both have the id %lld", t->name[id],
                             name, (long long)id);
    t->name[id] = bl_strdup(name, e);
    t->n_known++;
    return t->name[id] != NULL ? 0 : BL_E_NOMEM;
}

/* Ids with their names while they are sorted. */
typedef struct {
    const char *name;
    size_t id;
} named;

static int by_name(const void *va, const void *vb)
{
    const named *a = va, *b = vb;
    int c = strcmp(a->name, b->name);
    return c != 0 ? c : a->id < b->id ? -1 : a->id > b->id;
}

/* Cuts what has no name at the end, and sorts. */
static int finish(bl_token_names *t, bl_err *e)
{
    while (t->n > 0 && t->name[t->n - 1] == NULL)
        t->n--;
    if (t->n == 0)
        return bl_fail(e, BL_E_FORMAT, "no token is in it");
    named *all = bl_calloc(t->n_known, sizeof *all, e);
    t->order = bl_calloc(t->n_known, sizeof *t->order, e);
    int rc = all != NULL && t->order != NULL ? 0 : BL_E_NOMEM;
    size_t k = 0;
    for (size_t id = 0; id < t->n && rc == 0; id++)
        if (t->name[id] != NULL)
            all[k++] = (named){t->name[id], id};
    if (rc == 0)
        qsort(all, k, sizeof *all, by_name);
    for (size_t i = 0; i < k && rc == 0; i++)
        t->order[i] = all[i].id;
    free(all);
    return rc;
}

int bl_token_names_of(bl_token_names *t, const bl_words *words, bl_err *e)
{
    size_t n = bl_words_size(words);
    int rc = begin(t, n > 0 ? n : 1, e);
    for (size_t id = 0; id < n && rc == 0; id++)
        rc = put(t, (int64_t)id, bl_words_name(words, id), e);
    return rc == 0 ? finish(t, e) : rc;
}

void bl_token_names_free(bl_token_names *t)
{
    for (size_t id = 0; t->name != NULL && id < t->n; id++)
        free(t->name[id]);
    free(t->name);
    free(t->order);
    *t = (bl_token_names){0};
}

/* ---- looking up ---- */

int64_t bl_token_names_find(const bl_token_names *t, const char *name)
{
    size_t low = 0, high = t->n_known;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(name, t->name[t->order[mid]]);
        if (c == 0)
            return (int64_t)t->order[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return -1;
}

static const char *const others[][2] = {
    {"PAD", "PAD_None"},   {"BOS", "BOS_None"}, {"EOS", "EOS_None"},
    {"MASK", "MASK_None"}, {"PAD", "<pad>"},    {"BOS", "<s>"},
    {"EOS", "</s>"},       {"MASK", "<mask>"},  {"PAD", "[PAD]"},
    {"BOS", "[CLS]"},      {"EOS", "[SEP]"},    {"MASK", "[MASK]"},
    {"BOS", "<bos>"},      {"EOS", "<eos>"},    {"BOS", "<S>"},
    {"EOS", "<E>"},        {"PAD", "<P>"},
};

const char *bl_token_names_special(const char *name)
{
    for (size_t i = 0; i < BL_COUNT(others); i++)
        if (strcmp(name, others[i][1]) == 0 || strcmp(name, others[i][0]) == 0)
            return others[i][0];
    return NULL;
}

int64_t bl_token_names_match(const bl_token_names *t, const char *name, int grid)
{
    char theirs[BL_WORD_MAX + 16];
    int64_t id = bl_token_names_find(t, name);
    if (id < 0 && grid > 0) {
        bl_miditok_name(name, grid, theirs, sizeof theirs);
        id = bl_token_names_find(t, theirs);
    }
    for (size_t i = 0; i < BL_COUNT(others) && id < 0; i++)
        if (strcmp(name, others[i][0]) == 0)
            id = bl_token_names_find(t, others[i][1]);
    return id;
}

/* ---- files ---- */

/* {"name": id, ...} */
static int add_object(bl_token_names *t, const bl_json *o, bl_err *e)
{
    const bl_json *value;
    const char *key = bl_json_next(o, NULL, &value);
    int rc = 0;
    for (; key != NULL && rc == 0; key = bl_json_next(o, key, &value)) {
        int64_t id;
        rc = bl_json_as_int(value, &id)
                 ? put(t, id, key, e)
                 : bl_fail(e, BL_E_FORMAT, "'%.64s' has no id: not a vocabulary", key);
    }
    return rc;
}

/* [["name", score], ...] or ["name", ...]: ids are places. */
static int add_list(bl_token_names *t, const bl_json *list, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < bl_json_size(list) && rc == 0; i++) {
        const bl_json *one = bl_json_at(list, i);
        const char *name;
        if (bl_json_is_array(one) && bl_json_size(one) > 0)
            one = bl_json_at(one, 0);
        rc = bl_json_as_str(one, &name)
                 ? put(t, (int64_t)i, name, e)
                 : bl_fail(e, BL_E_FORMAT, "the vocabulary is no list of names");
    }
    return rc;
}

static int add_any(bl_token_names *t, const bl_json *vocab, bl_err *e)
{
    return bl_json_is_array(vocab) ? add_list(t, vocab, e) : add_object(t, vocab, e);
}

/* Specials that the tokenizer library keeps beside its model. */
static int add_added(bl_token_names *t, const bl_json *o, bl_err *e)
{
    const bl_json *list;
    int rc = 0;
    if (!bl_json_has(o, "added_tokens"))
        return 0;
    rc = bl_json_get(o, "added_tokens", &list, e);
    for (size_t i = 0; rc == 0 && bl_json_is_array(list) && i < bl_json_size(list);
         i++) {
        const char *name = "";
        int64_t id = 0;
        const bl_json *one = bl_json_at(list, i);
        rc = bl_json_str(one, "content", &name, e);
        if (rc == 0)
            rc = bl_json_int(one, "id", 0, INT64_MAX, &id, e);
        if (rc == 0)
            rc = put(t, id, name, e);
    }
    return rc;
}

/* MidiTok with learned merges: its tokenizer is a text of JSON, in which a token of the
 * base is one letter; what has several has no name. */
static int add_learned(bl_token_names *t, const bl_json *o, const char *text, bl_err *e)
{
    const bl_json *letters = NULL, *model = NULL, *vocab = NULL, *value;
    bl_json *inner = bl_json_parse(text, strlen(text), e);
    int rc = inner != NULL ? 0 : bl_code_of(e, BL_E_FORMAT);
    if (rc == 0)
        rc = bl_json_get(o, "_vocab_base_byte_to_token", &letters, e);
    if (rc == 0)
        rc = bl_json_get(inner, "model", &model, e);
    if (rc == 0)
        rc = bl_json_get(model, "vocab", &vocab, e);
    if (rc == 0 && !bl_json_is_object(vocab))
        rc = bl_fail(e, BL_E_FORMAT, "the vocabulary of its model is no object");
    const char *key = rc == 0 ? bl_json_next(vocab, NULL, &value) : NULL;
    for (; key != NULL && rc == 0; key = bl_json_next(vocab, key, &value)) {
        const char *name;
        char room[32];
        int64_t id = -1;
        (void)bl_json_as_int(value, &id);
        snprintf(room, sizeof room, "Id_%lld", (long long)id);
        if (bl_json_str(letters, key, &name, NULL) != 0)
            name = room;
        rc = put(t, id, name, e);
    }
    bl_json_del(inner);
    return rc;
}

static int add_miditok(bl_token_names *t, const bl_json *o, bl_err *e)
{
    const bl_json *base = NULL, *first;
    const char *text;
    if (bl_json_has(o, "_model") && bl_json_str(o, "_model", &text, NULL) == 0)
        return add_learned(t, o, text, e);
    int rc = bl_json_get(o, "_vocab_base", &base, e);
    if (rc == 0 && bl_json_is_array(base) && bl_json_size(base) > 0) {
        first = bl_json_at(base, 0);
        if (bl_json_is_object(first) || bl_json_is_array(first))
            return bl_fail(e, BL_E_FORMAT,
                           "several vocabularies side by side: only tokenizations with "
                           "one stream of ids are read");
    }
    return rc == 0 ? add_any(t, base, e) : rc;
}

static int add_json(bl_token_names *t, const bl_json *o, bl_err *e)
{
    const bl_json *model = NULL, *vocab = NULL;
    if (bl_json_has(o, "_vocab_base"))
        return add_miditok(t, o, e);
    if (bl_json_has(o, "tokenization") && bl_json_has(o, "config"))
        return bl_fail(e, BL_E_FORMAT,
                       "MidiTok's settings, which leave the vocabulary out: "
                       "json.dump(tokenizer.vocab, file) writes it");
    if (!bl_json_has(o, "model") || bl_json_get(o, "model", &model, NULL) != 0 ||
        !bl_json_is_object(model))
        return add_object(t, o, e);
    int rc = bl_json_get(model, "vocab", &vocab, e);
    if (rc == 0)
        rc = add_any(t, vocab, e);
    return rc == 0 ? add_added(t, o, e) : rc;
}

static int read_json(bl_token_names *t, const bl_buf *text, bl_err *e)
{
    bl_json *o = bl_json_parse((const char *)text->data, text->len, e);
    if (o == NULL)
        return bl_code_of(e, BL_E_FORMAT);
    int rc = begin(t, BL_TOKEN_NAMES_MAX, e);
    if (rc == 0)
        rc = add_json(t, o, e);
    bl_json_del(o);
    return rc == 0 ? finish(t, e) : rc;
}

static int read_ours(bl_token_names *t, const char *path, bl_err *e)
{
    bl_vocab v;
    int rc = bl_vocab_load(&v, path, e);
    if (rc == 0)
        rc = bl_token_names_of(t, v.words, e);
    bl_vocab_free(&v);
    t->is_ours = 1;
    return rc;
}

int bl_token_names_read(bl_token_names *t, const char *path, bl_err *e)
{
    bl_buf text = {0};
    int fd;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &text, FILE_MAX, e);
    if (fd != STDIN_FILENO)
        close(fd);
    if (rc == 0 && text.len > 0 && text.data[0] == '{')
        rc = read_json(t, &text, e);
    else if (rc == 0)
        rc = read_ours(t, path, e);
    bl_buf_free(&text);
    return rc == 0 ? 0 : bl_fail_in(e, rc, path);
}
