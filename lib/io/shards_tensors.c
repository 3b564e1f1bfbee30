/* shards_tensors.c - the files of tensors of a split, as many as its pieces want. */
#include "io/header.h"
#include "io/shards_impl.h"
#include "io/zio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_NAME = 64 };

/* ---- one file of tensors ---- */

enum { PIECES, CONDITIONS, SIDES };

typedef struct {
    const bl_shardw *w;
    int split;
    unsigned i, of;     /* the i-th file (from 0) of the split's */
    size_t first, last; /* pieces of the writer, those of other splits between */
    size_t n_pieces;
    size_t n_tokens[SIDES];
    uint64_t tokens_xxh3[SIDES], offsets_xxh3[SIDES];
    bl_ids ids; /* of the piece at hand */
} shard;

static const char *const tokens_name[SIDES] = {"tokens", "condition_tokens"};
static const char *const offsets_name[SIDES] = {"piece_offsets", "condition_offsets"};

static int n_sides(const bl_shardw *w)
{
    return w->has_conditions ? SIDES : CONDITIONS;
}

/* Takes pieces of the split from s->first on, as many as fit into a file. */
static void choose_pieces(const bl_shardw *w, shard *s)
{
    s->n_pieces = s->n_tokens[PIECES] = s->n_tokens[CONDITIONS] = 0;
    for (s->last = s->first; s->last < w->n_pieces; s->last++) {
        const piece *p = &w->pieces[s->last];
        if (p->split != s->split)
            continue;
        if (s->n_pieces > 0 &&
            (s->n_tokens[PIECES] + p->n > BL_SHARD_TOKENS ||
             s->n_tokens[CONDITIONS] + p->n_condition > BL_SHARD_TOKENS))
            break;
        s->n_pieces++;
        s->n_tokens[PIECES] += p->n;
        s->n_tokens[CONDITIONS] += p->n_condition;
    }
}

/* Where the bytes of a tensor go: into a hash, then into the file. */
typedef int sink_fn(void *to, const void *bytes, size_t len, bl_err *e);

static int pour_tokens(shard *s, int side, sink_fn *sink, void *to, bl_err *e)
{
    int rc = 0;
    for (size_t i = s->first; i < s->last && rc == 0; i++) {
        const piece *p = &s->w->pieces[i];
        if (p->split != s->split)
            continue;
        if (side == CONDITIONS && p->n_condition == 0)
            return bl_fail(e, BL_E_ARG, "piece '%.80s' has no condition", p->name);
        rc = bl_shardw_fetch(s->w, p, side, &s->ids, e);
        if (rc == 0)
            rc = sink(to, s->ids.id, s->ids.n * sizeof *s->ids.id, e);
    }
    return rc;
}

static int pour_offsets(shard *s, int side, sink_fn *sink, void *to, bl_err *e)
{
    int64_t at = 0;
    int rc = sink(to, &at, sizeof at, e);
    for (size_t i = s->first; i < s->last && rc == 0; i++) {
        const piece *p = &s->w->pieces[i];
        if (p->split != s->split)
            continue;
        at += side == CONDITIONS ? p->n_condition : p->n;
        rc = sink(to, &at, sizeof at, e);
    }
    return rc;
}

static int into_hash(void *to, const void *bytes, size_t len, bl_err *e)
{
    (void)e;
    bl_xxh3_add(to, bytes, len);
    return 0;
}

static int into_file(void *to, const void *bytes, size_t len, bl_err *e)
{
    return bl_zw_add(to, bytes, len, e);
}

static int hash_all(shard *s, bl_err *e)
{
    bl_xxh3_state *hash = bl_xxh3_new(e);
    int rc = hash == NULL ? BL_E_NOMEM : 0;
    for (int side = 0; side < n_sides(s->w) && rc == 0; side++) {
        bl_xxh3_reset(hash);
        rc = pour_tokens(s, side, into_hash, hash, e);
        s->tokens_xxh3[side] = bl_xxh3_value(hash);
        bl_xxh3_reset(hash);
        if (rc == 0)
            rc = pour_offsets(s, side, into_hash, hash, e);
        s->offsets_xxh3[side] = bl_xxh3_value(hash);
    }
    bl_xxh3_del(hash);
    return rc;
}

static int fill_condition_meta(const shard *s, bl_json *meta, bl_err *e)
{
    if (!s->w->has_conditions)
        return 0;
    int rc = bl_header_set_xxh3(meta, "condition_tokens_xxh3",
                                s->tokens_xxh3[CONDITIONS], e);
    return rc == 0 ? bl_header_set_xxh3(meta, "condition_offsets_xxh3",
                                        s->offsets_xxh3[CONDITIONS], e)
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
        rc = bl_header_set_xxh3(meta, "tokens_xxh3", s->tokens_xxh3[PIECES], e);
    if (rc == 0)
        rc = bl_header_set_xxh3(meta, "offsets_xxh3", s->offsets_xxh3[PIECES], e);
    if (rc == 0)
        rc = fill_condition_meta(s, meta, e);
    return rc == 0 ? bl_prov_put_text(meta, pg, e) : rc;
}

/* Offsets first, then by name, as the safetensors package writes them. */
static int list_tensors(const shard *s, bl_tensor t[2 * SIDES], size_t *n, bl_err *e)
{
    const int64_t offsets = (int64_t)s->n_pieces + 1;
    int rc = 0;
    *n = 0;
    for (int side = 0; side < n_sides(s->w) && rc == 0; side++) {
        const int64_t tokens = (int64_t)s->n_tokens[side];
        rc = bl_tensor_make(&t[(*n)++], offsets_name[side], BL_I64, 1, &offsets, NULL,
                            e);
        if (rc == 0)
            rc = bl_tensor_make(&t[(*n)++], tokens_name[side], BL_U16, 1, &tokens, NULL,
                                e);
    }
    return rc;
}

static int put(void *arg, const bl_tensor *t, bl_zw *w, bl_err *e)
{
    shard *s = arg;
    for (int side = 0; side < SIDES; side++) {
        if (strcmp(t->name, tokens_name[side]) == 0)
            return pour_tokens(s, side, into_file, w, e);
        if (strcmp(t->name, offsets_name[side]) == 0)
            return pour_offsets(s, side, into_file, w, e);
    }
    return bl_fail(e, BL_E_ARG, "tensor '%.64s' is none of a shard", t->name);
}

static int write_record(const bl_shardw *w, shard *s, const bl_json *meta,
                        const char *name, bl_err *e)
{
    bl_tensor t[2 * SIDES];
    bl_out out = {.fd = -1};
    bl_zw *zw = NULL;
    size_t n = 0;
    int rc = list_tensors(s, t, &n, e);
    if (rc == 0)
        rc = bl_shardw_open(w, name, &out, e);
    if (rc == 0)
        rc = bl_zw_new(&zw, out.fd, w->level, e);
    if (rc == 0)
        rc = bl_tensors_write_by(zw, t, n, meta, put, s, e);
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
    int rc =
        bl_json_set_int(o, "condition_tokens", (int64_t)s->n_tokens[CONDITIONS], e);
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
        rc = bl_json_set_int(o, "tokens", (int64_t)s->n_tokens[PIECES], e);
    if (rc == 0)
        rc = bl_json_str(meta, "tokens_xxh3", &xxh3, e);
    if (rc == 0)
        rc = bl_json_set_str(o, "tokens_xxh3", xxh3, e);
    if (rc == 0 && s->w->has_conditions)
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
    int rc = meta == NULL ? BL_E_NOMEM : hash_all(s, e);
    if (rc == 0)
        rc = fill_meta(w, s, pg, meta, e);
    if (rc == 0)
        rc = write_record(w, s, meta, name, e);
    if (rc == 0)
        rc = list_file(files, s, meta, name, e);
    bl_json_del(meta);
    return rc;
}

int bl_shardw_write_tensors(const bl_shardw *w, int split, const bl_json *pg,
                            bl_json *files, bl_err *e)
{
    shard s = {.w = w, .split = split};
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
    bl_ids_free(&s.ids);
    return rc;
}
