/* shards_read.c - the reading half of shards.h: manifest, vocabulary and one split,
 * each held against the others before a token is used. */
#include "io/file.h"
#include "io/header.h"
#include "io/shards_impl.h"
#include "io/zio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t COUNT_MAX = BL_COUNT_MAX;

/* What is read, while it grows. */
typedef struct {
    const char *dir;
    int split;
    bl_shards *s;
    bl_buf tokens, offsets; /* of the files so far, offsets from the split's start */
    bl_buf condition_tokens, condition_offsets;
} reader;

/* What the manifest says of a file of tensors. */
typedef struct {
    const char *name;
    int64_t pieces, tokens;
    uint64_t tokens_xxh3;
    int64_t condition_tokens; /* 0: the file has no conditions */
    uint64_t condition_xxh3;
    unsigned i, of;
} listed;

/* Opens DIR/NAME; *path gets its name for messages. */
static int open_file(const reader *r, const char *name, bl_buf *path, int *fd,
                     bl_err *e)
{
    path->len = 0;
    *fd = -1;
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return bl_fail(e, BL_E_FORMAT,
                       "'%.64s' is not the name of a file in the folder", name);
    int rc = bl_buf_addf(path, e, "%s/%s", r->dir, name);
    return rc == 0 ? bl_in_open((const char *)path->data, fd, e) : rc;
}

/* ---- manifest and vocabulary ---- */

/* 0 where the folder has a manifest, or opening it will say why not. The path is often
 * that of what shards are made of. */
static int check_folder(const reader *r, const char *manifest, bl_err *e)
{
    struct stat st;
    if (stat(manifest, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return 0;
    if (stat(r->dir, &st) != 0) {
        errno = ENOENT;
        int rc = bl_fail_errno(e, BL_E_OPEN,
                               "there are no shards; 'shard -o DIR' "
                               "makes a folder of them: cannot open");
        return bl_fail_in(e, rc, manifest);
    }
    bl_fail(e, BL_E_OPEN,
            S_ISDIR(st.st_mode)
                ? "the folder holds no shards; of token streams 'shard -o DIR' makes "
                  "some, of MIDI files 'midi2remi FILES | shard -o DIR'"
                : "a file, which holds no shards; of a token stream 'shard -o DIR' "
                  "makes some");
    return bl_fail_in(e, BL_E_OPEN, r->dir);
}

static int read_manifest(reader *r, bl_json **manifest, bl_err *e)
{
    bl_buf path = {0}, text = {0};
    int fd;
    int rc = bl_buf_addf(&path, e, "%s/manifest.json", r->dir);
    if (rc == 0)
        rc = check_folder(r, (const char *)path.data, e);
    if (rc == 0)
        rc = open_file(r, "manifest.json", &path, &fd, e);
    if (rc == 0) {
        rc = bl_read_all(fd, &text, BL_MANIFEST_MAX, e);
        close(fd);
    }
    if (rc == 0) {
        bl_sha256_of(text.data, text.len, r->s->manifest_sha256);
        *manifest = bl_json_parse((const char *)text.data, text.len, e);
        rc = *manifest == NULL ? bl_code_of(e, BL_E_FORMAT) : 0;
    }
    bl_buf_free(&path);
    bl_buf_free(&text);
    return rc;
}

static int read_vocab(reader *r, const bl_json *manifest, bl_err *e)
{
    bl_buf path = {0};
    bl_sha256 sha256;
    bl_tokens_kind kind;
    const char *name;
    int fd;
    int rc = bl_header_get_kind(manifest, &kind, e);
    if (rc == 0)
        rc = bl_header_get_sha256(manifest, "vocab_sha256", sha256, e);
    if (rc == 0)
        rc = bl_json_str(manifest, "vocab", &name, e);
    if (rc == 0)
        rc = open_file(r, name, &path, &fd, e);
    if (rc != 0)
        goto done;
    rc = bl_vocab_read(&r->s->vocab, fd, (const char *)path.data, e);
    close(fd);
    if (rc == 0 && (strcmp(r->s->vocab.sha256, sha256) != 0 ||
                    strcmp(r->s->vocab.kind.sha256, kind.sha256) != 0))
        rc = bl_fail(e, BL_E_MISMATCH,
                     "the vocabulary (%.12s) is not that of the manifest (%.12s)",
                     r->s->vocab.sha256, sha256);
done:
    bl_buf_free(&path);
    return rc;
}

/* The shares are for people: only their form is checked. */
static int check_share(const bl_json *manifest, bl_err *e)
{
    static const char *const keys[] = {"train", "valid", "test", NULL};
    const bl_json *share;
    double x = 0;
    int rc = bl_json_get(manifest, "share", &share, e);
    if (rc == 0)
        rc = bl_json_only(share, keys, e);
    for (int s = 0; s < BL_SPLITS && rc == 0; s++) {
        rc = bl_json_real(share, bl_split_name(s), &x, e);
        if (rc == 0 && !(x >= 0 && x <= 1))
            rc =
                bl_fail(e, BL_E_FORMAT, "the share of '%s' is %g", bl_split_name(s), x);
    }
    return rc;
}

static int get_listed(const bl_json *o, listed *f, bl_err *e)
{
    static const char *const keys[] = {
        "name",        "pieces", "tokens", "condition_tokens", "condition_tokens_xxh3",
        "tokens_xxh3", NULL};
    int has_condition = bl_json_has(o, "condition_tokens");
    int rc = bl_json_str(o, "name", &f->name, e);
    if (rc == 0)
        rc = bl_json_int(o, "pieces", 1, COUNT_MAX, &f->pieces, e);
    if (rc == 0)
        rc = bl_json_int(o, "tokens", 1, COUNT_MAX, &f->tokens, e);
    if (rc == 0)
        rc = bl_header_get_xxh3(o, "tokens_xxh3", &f->tokens_xxh3, e);
    if (rc == 0 && has_condition)
        rc = bl_json_int(o, "condition_tokens", 1, COUNT_MAX, &f->condition_tokens, e);
    if (rc == 0 && has_condition)
        rc = bl_header_get_xxh3(o, "condition_tokens_xxh3", &f->condition_xxh3, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    return rc;
}

/* Names of files; folders of before them have none. */
static int check_exports(const bl_json *split, bl_err *e)
{
    const bl_json *list;
    const char *name;
    if (!bl_json_has(split, "exports"))
        return 0;
    int rc = bl_json_get(split, "exports", &list, e);
    if (rc == 0 && !bl_json_is_array(list))
        rc = bl_fail(e, BL_E_FORMAT, "'exports' is not a list");
    for (size_t i = 0; rc == 0 && i < bl_json_size(list); i++)
        if (!bl_json_as_str(bl_json_at(list, i), &name) || name[0] == '\0' ||
            name[0] == '.' || strchr(name, '/') != NULL)
            rc = bl_fail(e, BL_E_FORMAT, "'exports' holds what is no name of a file");
    return rc;
}

/* The form of what is said of a split, also of those that are not read. */
static int check_split(const bl_json *split, bl_err *e)
{
    static const char *const keys[] = {"pieces", "tokens", "files", "exports", NULL};
    const bl_json *files = NULL;
    int64_t n;
    listed f;
    int rc = bl_json_int(split, "pieces", 0, COUNT_MAX, &n, e);
    if (rc == 0)
        rc = bl_json_int(split, "tokens", 0, COUNT_MAX, &n, e);
    if (rc == 0)
        rc = bl_json_get(split, "files", &files, e);
    if (rc == 0)
        rc = bl_json_only(split, keys, e);
    if (rc == 0 && !bl_json_is_array(files))
        rc = bl_fail(e, BL_E_FORMAT, "'files' is not a list");
    for (size_t i = 0; rc == 0 && i < bl_json_size(files); i++) {
        f = (listed){0};
        rc = get_listed(bl_json_at(files, i), &f, e);
    }
    return rc == 0 ? check_exports(split, e) : rc;
}

static int check_splits(const bl_json *manifest, bl_err *e)
{
    static const char *const keys[] = {"train", "valid", "test", NULL};
    const bl_json *splits, *split;
    int rc = bl_json_get(manifest, "splits", &splits, e);
    if (rc == 0)
        rc = bl_json_only(splits, keys, e);
    for (int s = 0; rc == 0 && s < BL_SPLITS; s++) {
        rc = bl_json_get(splits, bl_split_name(s), &split, e);
        if (rc == 0)
            rc = check_split(split, e);
    }
    return rc;
}

static int check_manifest(const bl_json *manifest, bl_json **pg, bl_err *e)
{
    static const char *const keys[] = {"schema", "tokenizer",    "tokenizer_sha256",
                                       "vocab",  "vocab_sha256", "share",
                                       "splits", "pg",           "rows",
                                       NULL};
    int rc = bl_header_schema(manifest, BL_SHARDS_SCHEMA, e);
    if (rc == 0)
        rc = bl_json_only(manifest, keys, e);
    if (rc == 0)
        rc = check_share(manifest, e);
    if (rc == 0)
        rc = check_splits(manifest, e);
    if (rc == 0)
        rc = bl_header_get_pg(manifest, pg, e);
    return rc;
}

/* ---- one file of tensors ---- */

static int expect(const bl_json *meta, const char *key, const char *value, bl_err *e)
{
    const char *stated;
    int rc = bl_json_str(meta, key, &stated, e);
    if (rc == 0 && strcmp(stated, value) != 0)
        rc = bl_fail(e, BL_E_MISMATCH, "'%s' is '%.64s', the manifest says '%s'", key,
                     stated, value);
    return rc;
}

static int check_meta(const reader *r, const bl_json *meta, const listed *f, bl_err *e)
{
    static const char *const keys[] = {"schema",
                                       "vocab_sha256",
                                       "tokenizer_sha256",
                                       "split",
                                       "shard",
                                       "tokens_xxh3",
                                       "offsets_xxh3",
                                       "condition_tokens_xxh3",
                                       "condition_offsets_xxh3",
                                       "pg",
                                       NULL};
    char place[32], hex[17], other[17];
    snprintf(place, sizeof place, "%u/%u", f->i + 1, f->of);
    snprintf(hex, sizeof hex, "%016" PRIx64, f->tokens_xxh3);
    snprintf(other, sizeof other, "%016" PRIx64, f->condition_xxh3);
    int rc = bl_header_schema(meta, BL_SHARD_SCHEMA, e);
    if (rc == 0)
        rc = bl_json_only(meta, keys, e);
    if (rc == 0)
        rc = expect(meta, "vocab_sha256", r->s->vocab.sha256, e);
    if (rc == 0)
        rc = expect(meta, "tokenizer_sha256", r->s->vocab.kind.sha256, e);
    if (rc == 0)
        rc = expect(meta, "split", bl_split_name(r->split), e);
    if (rc == 0)
        rc = expect(meta, "shard", place, e);
    if (rc == 0)
        rc = expect(meta, "tokens_xxh3", hex, e);
    if (rc == 0 && f->condition_tokens > 0)
        rc = expect(meta, "condition_tokens_xxh3", other, e);
    return rc;
}

static int check_tensor(const bl_tensor *t, const char *name, bl_dtype dtype, int64_t n,
                        bl_err *e)
{
    if (strcmp(t->name, name) != 0 || t->dtype != dtype || t->ndim != 1)
        return bl_fail(e, BL_E_FORMAT, "'%.64s' stands where '%s' %s should", t->name,
                       name, bl_dtype_name(dtype));
    if (t->shape[0] != n)
        return bl_fail(e, BL_E_CORRUPT,
                       "'%s' has %" PRId64 " elements, the manifest says %" PRId64,
                       name, t->shape[0], n);
    return 0;
}

/* Pieces or their conditions: what is read of them so far, and what the manifest and
 * the file say of this file's. */
typedef struct {
    const char *tokens_name, *offsets_name, *offsets_key;
    bl_buf *tokens, *offsets;
    int64_t pieces, n;
    uint64_t tokens_xxh3, offsets_xxh3;
} series;

/* Offsets must rise from 0 to the number of tokens; they are moved to the place of this
 * file in the split, whose last offset so far is the first one here. */
static int take_offsets(const series *s, size_t start, bl_err *e)
{
    size_t n = (size_t)s->pieces + 1;
    void *at = s->offsets->data + start;
    int64_t *offset = at;
    int64_t base = (int64_t)(s->tokens->len / sizeof(uint16_t));
    if (bl_xxh3(offset, n * sizeof *offset) != s->offsets_xxh3)
        return bl_fail(e, BL_E_CORRUPT, "'%s' does not match its hash",
                       s->offsets_name);
    if (offset[0] != 0 || offset[n - 1] != s->n)
        return bl_fail(e, BL_E_FORMAT, "the offsets do not cover the tokens");
    for (size_t i = 1; i < n; i++)
        if (offset[i] - offset[i - 1] < 2 || offset[i] > s->n)
            return bl_fail(e, BL_E_FORMAT, "the offset of piece %zu is wrong", i);
    for (size_t i = 0; i < n; i++)
        offset[i] += base;
    if (start > 0) {
        memmove(offset, offset + 1, (n - 1) * sizeof *offset);
        s->offsets->len -= sizeof *offset;
    }
    return 0;
}

static int check_tokens(const reader *r, const series *s, size_t start, bl_err *e)
{
    const void *at = s->tokens->data + start;
    const uint16_t *token = at;
    size_t size = bl_words_size(r->s->vocab.words);
    unsigned most = 0;
    if (bl_xxh3(token, (size_t)s->n * sizeof *token) != s->tokens_xxh3)
        return bl_fail(e, BL_E_CORRUPT, "'%s' does not match its hash", s->tokens_name);
    for (int64_t i = 0; i < s->n; i++)
        most = token[i] > most ? token[i] : most;
    if (most >= size)
        return bl_fail(e, BL_E_FORMAT, "token id %u, but the vocabulary has %zu", most,
                       size);
    return 0;
}

static int read_offsets(bl_zr *zr, const bl_tensor *t, const series *s, bl_err *e)
{
    size_t start = s->offsets->len;
    int rc = check_tensor(t, s->offsets_name, BL_I64, s->pieces + 1, e);
    if (rc == 0)
        rc = bl_tensor_read(zr, t, s->offsets, NULL, e);
    return rc == 0 ? take_offsets(s, start, e) : rc;
}

static int read_tokens(const reader *r, bl_zr *zr, const bl_tensor *t, const series *s,
                       bl_err *e)
{
    size_t start = s->tokens->len;
    int rc = check_tensor(t, s->tokens_name, BL_U16, s->n, e);
    if (rc == 0)
        rc = bl_tensor_read(zr, t, s->tokens, NULL, e);
    return rc == 0 ? check_tokens(r, s, start, e) : rc;
}

/* Conditions first, as the file has them; n of them are there. */
static int list_series(reader *r, const listed *f, const bl_json *meta, series all[2],
                       size_t *n, bl_err *e)
{
    *n = f->condition_tokens > 0 ? 2 : 1;
    all[0] =
        (series){"condition_tokens",   "condition_offsets",   "condition_offsets_xxh3",
                 &r->condition_tokens, &r->condition_offsets, f->pieces,
                 f->condition_tokens,  f->condition_xxh3,     0};
    all[*n - 1] =
        (series){"tokens",  "piece_offsets", "offsets_xxh3", &r->tokens, &r->offsets,
                 f->pieces, f->tokens,       f->tokens_xxh3, 0};
    int rc = 0;
    for (size_t i = 0; i < *n && rc == 0; i++)
        rc = bl_header_get_xxh3(meta, all[i].offsets_key, &all[i].offsets_xxh3, e);
    return rc;
}

static int read_record(reader *r, bl_zr *zr, const listed *f, bl_err *e)
{
    bl_tensors_head head = {0};
    series all[2];
    size_t n = 0;
    char byte;
    int rc = bl_tensors_read_head(zr, &head, e);
    if (rc <= 0)
        return rc < 0 ? rc : bl_fail(e, BL_E_TRUNC, "the file is empty");
    rc = check_meta(r, head.meta, f, e);
    if (rc == 0)
        rc = list_series(r, f, head.meta, all, &n, e);
    if (rc == 0 && head.n != 2 * n)
        rc = bl_fail(e, BL_E_FORMAT, "%zu tensors, not %zu", head.n, 2 * n);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_offsets(zr, &head.t[i], &all[i], e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_tokens(r, zr, &head.t[n + i], &all[i], e);
    if (rc == 0)
        rc = (int)bl_zr_read(zr, &byte, 1, e);
    if (rc > 0)
        rc = bl_fail(e, BL_E_FORMAT, "bytes follow the last tensor");
    bl_tensors_head_free(&head);
    return rc;
}

static int read_file(reader *r, const listed *f, bl_err *e)
{
    bl_buf path = {0};
    bl_zr *zr = NULL;
    int fd;
    int rc = open_file(r, f->name, &path, &fd, e);
    if (rc == 0) {
        rc = bl_zr_new(&zr, fd, e);
        if (rc == 0)
            rc = read_record(r, zr, f, e);
        if (rc != 0)
            bl_err_in(e, (const char *)path.data);
        close(fd);
    }
    bl_zr_del(zr);
    bl_buf_free(&path);
    return rc;
}

/* ---- the split ---- */

static int read_files(reader *r, const bl_json *files, bl_err *e)
{
    int64_t zero = 0;
    size_t n = bl_json_size(files);
    int rc = 0, has_conditions = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        listed f = {.i = (unsigned)i, .of = (unsigned)n};
        rc = get_listed(bl_json_at(files, i), &f, e);
        if (rc == 0 && i > 0 && (f.condition_tokens > 0) != has_conditions)
            rc =
                bl_fail(e, BL_E_FORMAT, "some files have conditions, others have none");
        has_conditions = f.condition_tokens > 0;
        if (rc == 0)
            rc = read_file(r, &f, e);
    }
    if (rc == 0 && n == 0)
        rc = bl_buf_add(&r->offsets, &zero, sizeof zero, e);
    return rc == 0 ? bl_buf_reserve(&r->tokens, sizeof(uint16_t), e) : rc;
}

/* Hands the arrays over. */
static void take_arrays(reader *r)
{
    void *data = r->tokens.data;
    r->s->tokens = data;
    r->s->n_tokens = r->tokens.len / sizeof(uint16_t);
    data = r->offsets.data;
    r->s->offsets = data;
    r->s->n_pieces = r->offsets.len / sizeof(int64_t) - 1;
    r->tokens = r->offsets = (bl_buf){0};
    if (r->condition_offsets.len == 0)
        return;
    data = r->condition_tokens.data;
    r->s->condition_tokens = data;
    r->s->n_condition_tokens = r->condition_tokens.len / sizeof(uint16_t);
    data = r->condition_offsets.data;
    r->s->condition_offsets = data;
    r->condition_tokens = r->condition_offsets = (bl_buf){0};
}

static int read_split(reader *r, const bl_json *manifest, bl_err *e)
{
    const bl_json *splits, *split, *files;
    int64_t pieces = 0, tokens = 0;
    int rc = bl_json_get(manifest, "splits", &splits, e);
    if (rc == 0)
        rc = bl_json_get(splits, bl_split_name(r->split), &split, e);
    if (rc == 0)
        rc = bl_json_int(split, "pieces", 0, COUNT_MAX, &pieces, e);
    if (rc == 0)
        rc = bl_json_int(split, "tokens", 0, COUNT_MAX, &tokens, e);
    if (rc == 0)
        rc = bl_json_get(split, "files", &files, e);
    if (rc == 0)
        rc = read_files(r, files, e);
    if (rc != 0)
        return rc;
    take_arrays(r);
    if (r->s->n_pieces != (uint64_t)pieces || r->s->n_tokens != (uint64_t)tokens)
        return bl_fail(e, BL_E_CORRUPT,
                       "the files of '%s' do not hold the stated pieces and tokens",
                       bl_split_name(r->split));
    return 0;
}

/* ---- rows ---- */

/* Each row as a piece of so many steps and one more (shards.h). */
static int count_steps(bl_shards *s, bl_err *e)
{
    s->n_pieces = s->rows->n_rows;
    s->offsets = bl_calloc(s->n_pieces + 1, sizeof *s->offsets, e);
    if (s->offsets == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i <= s->n_pieces; i++)
        s->offsets[i] = (int64_t)i * (s->rows->kind.shape[0] + 1);
    return 0;
}

static int read_stream(reader *r, const bl_json *files, bl_err *e)
{
    bl_buf path = {0};
    listed f = {0};
    int fd;
    if (bl_json_size(files) != 1)
        return bl_fail(e, BL_E_FORMAT, "a split of rows is one file");
    int rc = get_listed(bl_json_at(files, 0), &f, e);
    if (rc == 0)
        rc = open_file(r, f.name, &path, &fd, e);
    if (rc == 0) {
        close(fd);
        rc = bl_shards_read_rows(r->s->rows, (const char *)path.data, &r->s->rows->kind,
                                 f.tokens_xxh3, e);
    }
    bl_buf_free(&path);
    return rc;
}

static int read_rows(reader *r, const bl_json *manifest, bl_err *e)
{
    const bl_json *splits, *split, *files = NULL;
    int64_t pieces = 0, rows = 0;
    r->s->rows = bl_calloc(1, sizeof *r->s->rows, e);
    int rc = r->s->rows != NULL ? bl_shards_get_kind(manifest, &r->s->rows->kind, e)
                                : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_json_get(manifest, "splits", &splits, e);
    if (rc == 0)
        rc = bl_json_get(splits, bl_split_name(r->split), &split, e);
    if (rc == 0)
        rc = bl_json_int(split, "pieces", 0, COUNT_MAX, &pieces, e);
    if (rc == 0)
        rc = bl_json_int(split, "tokens", 0, COUNT_MAX, &rows, e);
    if (rc == 0)
        rc = bl_json_get(split, "files", &files, e);
    if (rc == 0 && bl_json_size(files) > 0)
        rc = read_stream(r, files, e);
    if (rc == 0 && (r->s->rows->n_pieces != (uint64_t)pieces ||
                    r->s->rows->n_rows != (uint64_t)rows))
        rc = bl_fail(e, BL_E_CORRUPT,
                     "the file of '%s' does not hold the stated pieces and rows",
                     bl_split_name(r->split));
    return rc == 0 ? count_steps(r->s, e) : rc;
}

int bl_shards_read(bl_shards *s, const char *dir, int split, bl_err *e)
{
    reader r = {.dir = dir, .split = split, .s = s};
    bl_json *manifest = NULL;
    *s = (bl_shards){0};
    if (split < 0 || split >= BL_SPLITS)
        return bl_fail(e, BL_E_ARG, "there is no split %d", split);
    int rc = read_manifest(&r, &manifest, e);
    if (rc == 0)
        rc = check_manifest(manifest, &s->pg, e);
    if (rc == 0)
        rc = read_vocab(&r, manifest, e);
    if (rc == 0)
        rc = bl_json_has(manifest, "rows") ? read_rows(&r, manifest, e)
                                           : read_split(&r, manifest, e);
    if (rc != 0 && e != NULL && e->where[0] == '\0')
        snprintf(e->where, sizeof e->where, "%s/manifest.json", dir);
    bl_json_del(manifest);
    bl_buf_free(&r.tokens);
    bl_buf_free(&r.offsets);
    bl_buf_free(&r.condition_tokens);
    bl_buf_free(&r.condition_offsets);
    return rc;
}

static int is_held_out(const bl_row_piece *p)
{
    const char *of = p->sha256[0] != '\0' ? p->sha256 : p->name;
    return bl_xxh3(of, strlen(of)) % 10 == 0;
}

int bl_shards_hold_out(bl_shards *s, bl_shards *to, bl_err *e)
{
    bl_row_store kept = {.kind = s->rows->kind};
    size_t n = s->rows->n_pieces;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        int is_last = i + 1 == n && n > 1 && to->rows->n_pieces == 0;
        int moves = is_last || (is_held_out(&s->rows->pieces[i]) && n > 1 &&
                                (kept.n_pieces > 0 || i + 1 < n));
        rc = bl_row_store_copy(moves ? to->rows : &kept, s->rows, i, e);
    }
    if (rc != 0 || kept.n_pieces == 0) {
        bl_row_store_free(&kept);
        return rc;
    }
    bl_row_store_free(s->rows);
    *s->rows = kept;
    free(s->offsets);
    free(to->offsets);
    s->offsets = to->offsets = NULL;
    rc = count_steps(s, e);
    return rc == 0 ? count_steps(to, e) : rc;
}

void bl_shards_free(bl_shards *s)
{
    bl_vocab_free(&s->vocab);
    bl_json_del(s->pg);
    free(s->tokens);
    free(s->offsets);
    free(s->condition_tokens);
    free(s->condition_offsets);
    if (s->rows != NULL)
        bl_row_store_free(s->rows);
    free(s->rows);
    *s = (bl_shards){0};
}
