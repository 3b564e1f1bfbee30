/* shards_tensors.c - the files of tensors of a split, as many as its pieces want. */
#include "io/header.h"
#include "io/shards_impl.h"
#include "io/zio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_NAME = 64 };

/* ---- one file of tensors ---- */

typedef struct {
    int split;
    unsigned i, of;     /* the i-th file (from 0) of the split's */
    size_t first, last; /* pieces of the writer, those of other splits between */
    size_t n_pieces, n_tokens;
    int64_t *offsets; /* [n_pieces + 1] */
    uint16_t *tokens; /* [n_tokens] */
    /* the same of the conditions */
    size_t n_condition_tokens;
    int64_t *condition_offsets;
    uint16_t *condition_tokens;
} shard;

/* Takes pieces of the split from s->first on, as many as fit into a file. */
static void choose_pieces(const bl_shardw *w, shard *s)
{
    s->n_pieces = s->n_tokens = s->n_condition_tokens = 0;
    for (s->last = s->first; s->last < w->n_pieces; s->last++) {
        const piece *p = &w->pieces[s->last];
        if (p->split != s->split)
            continue;
        if (s->n_pieces > 0 &&
            (s->n_tokens + p->n > BL_SHARD_TOKENS ||
             s->n_condition_tokens + p->n_condition > BL_SHARD_TOKENS))
            break;
        s->n_pieces++;
        s->n_condition_tokens += p->n_condition;
        s->n_tokens += p->n;
    }
}

static int gather(const bl_shardw *w, shard *s, bl_err *e)
{
    size_t k = 0, at = 0;
    s->offsets = bl_calloc(s->n_pieces + 1, sizeof *s->offsets, e);
    s->tokens = bl_calloc(s->n_tokens, sizeof *s->tokens, e);
    if (s->offsets == NULL || s->tokens == NULL)
        return BL_E_NOMEM;
    for (size_t i = s->first; i < s->last; i++) {
        const piece *p = &w->pieces[i];
        if (p->split != s->split)
            continue;
        memcpy(s->tokens + at, w->ids.id + p->start, p->n * sizeof *s->tokens);
        at += p->n;
        s->offsets[++k] = (int64_t)at;
    }
    return 0;
}

static int gather_conditions(const bl_shardw *w, shard *s, bl_err *e)
{
    size_t k = 0, at = 0;
    if (!w->has_conditions)
        return 0;
    s->condition_offsets = bl_calloc(s->n_pieces + 1, sizeof *s->condition_offsets, e);
    s->condition_tokens =
        bl_calloc(s->n_condition_tokens, sizeof *s->condition_tokens, e);
    if (s->condition_offsets == NULL || s->condition_tokens == NULL)
        return BL_E_NOMEM;
    for (size_t i = s->first; i < s->last; i++) {
        const piece *p = &w->pieces[i];
        if (p->split != s->split)
            continue;
        if (p->n_condition == 0)
            return bl_fail(e, BL_E_ARG, "piece '%.80s' has no condition", p->name);
        memcpy(s->condition_tokens + at, w->ids.id + p->condition,
               p->n_condition * sizeof *s->condition_tokens);
        at += p->n_condition;
        s->condition_offsets[++k] = (int64_t)at;
    }
    return 0;
}

static int fill_condition_meta(const shard *s, bl_json *meta, bl_err *e)
{
    if (s->condition_tokens == NULL)
        return 0;
    int rc =
        bl_header_set_xxh3(meta, "condition_tokens_xxh3",
                           bl_xxh3(s->condition_tokens,
                                   s->n_condition_tokens * sizeof *s->condition_tokens),
                           e);
    return rc == 0 ? bl_header_set_xxh3(
                         meta, "condition_offsets_xxh3",
                         bl_xxh3(s->condition_offsets,
                                 (s->n_pieces + 1) * sizeof *s->condition_offsets),
                         e)
                   : rc;
}

static int fill_meta(const bl_shardw *w, const shard *s, const bl_json *pg,
                     bl_json *meta, bl_err *e)
{
    char place[32];
    snprintf(place, sizeof place, "%u/%u", s->i + 1, s->of);
    int rc = bl_json_set_str(meta, "schema", BL_SHARD_SCHEMA, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "vocab_sha256", w->vocab->sha256, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "tokenizer_sha256", w->vocab->kind.sha256, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "split", bl_split_name(s->split), e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "shard", place, e);
    if (rc == 0)
        rc = bl_header_set_xxh3(meta, "tokens_xxh3",
                                bl_xxh3(s->tokens, s->n_tokens * sizeof *s->tokens), e);
    if (rc == 0)
        rc = bl_header_set_xxh3(
            meta, "offsets_xxh3",
            bl_xxh3(s->offsets, (s->n_pieces + 1) * sizeof *s->offsets), e);
    if (rc == 0)
        rc = fill_condition_meta(s, meta, e);
    return rc == 0 ? bl_prov_put_text(meta, pg, e) : rc;
}

/* Offsets first, then by name, as the safetensors package writes them. */
static int list_tensors(const shard *s, bl_tensor t[4], size_t *n, bl_err *e)
{
    const int64_t offsets = (int64_t)s->n_pieces + 1, tokens = (int64_t)s->n_tokens,
                  conditions = (int64_t)s->n_condition_tokens;
    const struct {
        const char *name;
        bl_dtype dtype;
        const int64_t *size;
        void *data;
    } all[] = {
        {"condition_offsets", BL_I64, &offsets, s->condition_offsets},
        {"piece_offsets", BL_I64, &offsets, s->offsets},
        {"condition_tokens", BL_U16, &conditions, s->condition_tokens},
        {"tokens", BL_U16, &tokens, s->tokens},
    };
    int rc = 0;
    *n = 0;
    for (size_t i = 0; i < BL_COUNT(all) && rc == 0; i++)
        if (all[i].data != NULL)
            rc = bl_tensor_make(&t[(*n)++], all[i].name, all[i].dtype, 1, all[i].size,
                                all[i].data, e);
    return rc;
}

static int write_record(const bl_shardw *w, const shard *s, const bl_json *meta,
                        const char *name, bl_err *e)
{
    bl_tensor t[4];
    bl_out out = {.fd = -1};
    bl_zw *zw = NULL;
    size_t n = 0;
    int rc = list_tensors(s, t, &n, e);
    if (rc == 0)
        rc = bl_shardw_open(w, name, &out, e);
    if (rc == 0)
        rc = bl_zw_new(&zw, out.fd, w->level, e);
    if (rc == 0)
        rc = bl_tensors_write(zw, t, n, meta, e);
    if (rc == 0)
        rc = bl_zw_end_frame(zw, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    bl_zw_del(zw);
    return rc;
}

static int list_condition(bl_json *o, const shard *s, const bl_json *meta, bl_err *e)
{
    const char *xxh3;
    int rc = bl_json_set_int(o, "condition_tokens", (int64_t)s->n_condition_tokens, e);
    if (rc == 0)
        rc = bl_json_str(meta, "condition_tokens_xxh3", &xxh3, e);
    return rc == 0 ? bl_json_set_str(o, "condition_tokens_xxh3", xxh3, e) : rc;
}

/* Adds {"name","pieces","tokens","tokens_xxh3"} to the manifest's list. */
static int list_file(bl_json *files, const shard *s, const bl_json *meta,
                     const char *name, bl_err *e)
{
    const char *xxh3;
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : bl_json_set_str(o, "name", name, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "pieces", (int64_t)s->n_pieces, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "tokens", (int64_t)s->n_tokens, e);
    if (rc == 0)
        rc = bl_json_str(meta, "tokens_xxh3", &xxh3, e);
    if (rc == 0)
        rc = bl_json_set_str(o, "tokens_xxh3", xxh3, e);
    if (rc == 0 && s->condition_tokens != NULL)
        rc = list_condition(o, s, meta, e);
    if (rc != 0) {
        bl_json_del(o);
        return rc;
    }
    return bl_json_push(files, o, e);
}

static int write_shard(const bl_shardw *w, shard *s, const bl_json *pg, bl_json *files,
                       bl_err *e)
{
    char name[FILE_NAME];
    snprintf(name, sizeof name, "%s-%05u-of-%05u.safetensors%s",
             bl_split_name(s->split), s->i, s->of, w->level > 0 ? ".zst" : "");
    bl_json *meta = bl_json_object(e);
    int rc = meta == NULL ? BL_E_NOMEM : gather(w, s, e);
    if (rc == 0)
        rc = gather_conditions(w, s, e);
    if (rc == 0)
        rc = fill_meta(w, s, pg, meta, e);
    if (rc == 0)
        rc = write_record(w, s, meta, name, e);
    if (rc == 0)
        rc = list_file(files, s, meta, name, e);
    bl_json_del(meta);
    free(s->offsets);
    free(s->tokens);
    free(s->condition_offsets);
    free(s->condition_tokens);
    s->offsets = s->condition_offsets = NULL;
    s->tokens = s->condition_tokens = NULL;
    return rc;
}

int bl_shardw_write_tensors(const bl_shardw *w, int split, const bl_json *pg,
                            bl_json *files, bl_err *e)
{
    shard s = {.split = split};
    int rc = 0;
    for (choose_pieces(w, &s); s.n_pieces > 0; choose_pieces(w, &s)) {
        s.of++;
        s.first = s.last;
    }
    s.first = 0;
    for (choose_pieces(w, &s); s.n_pieces > 0 && rc == 0; choose_pieces(w, &s)) {
        rc = write_shard(w, &s, pg, files, e);
        s.i++;
        s.first = s.last;
    }
    return rc;
}
