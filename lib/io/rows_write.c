/* rows_write.c - the writing half of rows.h. */
#include "io/header.h"
#include "io/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 256, CHUNK_BYTES = 1 << 22 }; /* of a record as it is written */

struct bl_rowsw {
    bl_zw *zw;
    bl_rows_kind kind;
    bl_rowsp *packer; /* of single pieces, or NULL */
    bl_buf packed;
    uint64_t n_pieces, n_rows;
    int level;
};

/* ---- kinds ---- */

size_t bl_rows_numbers(const bl_rows_kind *k)
{
    size_t n = 1;
    for (int i = 0; i < k->ndim; i++)
        n *= (size_t)k->shape[i];
    return n;
}

int bl_rows_same_kind(const bl_rows_kind *a, const bl_rows_kind *b)
{
    int same = strcmp(a->scheme, b->scheme) == 0 && strcmp(a->name, b->name) == 0 &&
               a->ndim == b->ndim;
    for (int i = 0; same && i < a->ndim; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

const char *bl_rows_kind_text(const bl_rows_kind *k, char *text, size_t size)
{
    int n = snprintf(text, size, "%s %s [", k->scheme, k->name);
    for (int i = 0; i < k->ndim && n >= 0 && (size_t)n < size; i++)
        n += snprintf(text + n, size - (size_t)n, "%s%lld%s", i > 0 ? ", " : "",
                      (long long)k->shape[i], i + 1 == k->ndim ? "]" : "");
    return text;
}

/* ---- metadata: strings only ---- */

static int set_count(bl_json *meta, const char *key, uint64_t n, bl_err *e)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, n);
    return bl_json_set_str(meta, key, text, e);
}

static int set_json(bl_json *meta, const char *key, const bl_json *value, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_json_write(value, &text, e);
    const char *s = rc == 0 ? bl_buf_str(&text, e) : NULL;
    if (s != NULL)
        rc = bl_json_set_str(meta, key, s, e);
    bl_buf_free(&text);
    return rc == 0 && s == NULL ? BL_E_NOMEM : rc;
}

static int set_labels(bl_json *meta, const char *labels, bl_err *e)
{
    char word[BL_ROWS_LABELS + 1];
    bl_json *list = bl_json_array(e);
    int rc = list == NULL ? BL_E_NOMEM : 0;
    if (strlen(labels) > BL_ROWS_LABELS)
        rc = bl_fail(e, BL_E_LIMIT, "the labels of a piece have more than %d bytes",
                     BL_ROWS_LABELS);
    while (rc == 0 && *labels != '\0') {
        size_t n = strcspn(labels, "\n");
        memcpy(word, labels, n);
        word[n] = '\0';
        rc = bl_json_push_str(list, word, e);
        labels += n + (labels[n] == '\n');
    }
    if (rc == 0)
        rc = set_json(meta, "labels", list, e);
    bl_json_del(list);
    return rc;
}

static int set_name(bl_json *meta, const char *name, bl_err *e)
{
    bl_buf text = {0};
    if (strlen(name) > BL_NAME_MAX)
        return bl_fail(e, BL_E_LIMIT, "the name of a piece is longer than %d bytes",
                       BL_NAME_MAX);
    int rc = bl_name_encode(name, &text, e);
    const char *s = rc == 0 ? bl_buf_str(&text, e) : NULL;
    if (s != NULL)
        rc = bl_json_set_str(meta, "name", s, e);
    bl_buf_free(&text);
    return rc == 0 && s == NULL ? BL_E_NOMEM : rc;
}

static bl_json *begin_meta(const char *record, bl_err *e)
{
    bl_json *meta = bl_json_object(e);
    int rc =
        meta == NULL ? BL_E_NOMEM : bl_json_set_str(meta, "schema", BL_ROWS_SCHEMA, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "record", record, e);
    if (rc == 0)
        return meta;
    bl_json_del(meta);
    return NULL;
}

/* ---- records ---- */

/* The bytes of its tensors in data order, which for one size of element is that of
 * their names. */
static uint64_t hash_of(const bl_tensor *t, bl_xxh3_state *state)
{
    const bl_tensor *order[3] = {&t[0], &t[1], &t[2]};
    for (int i = 0; i < 3; i++)
        for (int k = i + 1; k < 3; k++)
            if (strcmp(order[i]->name, order[k]->name) > 0) {
                const bl_tensor *swap = order[i];
                order[i] = order[k];
                order[k] = swap;
            }
    bl_xxh3_reset(state);
    for (int i = 0; i < 3; i++)
        bl_xxh3_add(state, order[i]->data, order[i]->bytes);
    return bl_xxh3_value(state);
}

/* safetensors only reads what it is given, but says `void *`. */
static void *unconst(const void *p)
{
    return (void *)(uintptr_t)p;
}

/* A record of a frame of its own. `state` NULL: header or trailer, without a hash. */
static int write_record(bl_zw *zw, const bl_rows_kind *kind, const bl_rows *rows,
                        bl_xxh3_state *state, bl_json *meta, bl_err *e)
{
    bl_tensor t[3];
    int64_t shape[1 + BL_ROWS_DIMS] = {(int64_t)rows->n};
    memcpy(shape + 1, kind->shape, (size_t)kind->ndim * sizeof *shape);
    int rc = bl_tensor_make(&t[0], kind->name, BL_F32, 1 + kind->ndim, shape,
                            unconst(rows->x), e);
    if (rc == 0)
        rc = bl_tensor_make(&t[1], "bar", BL_I32, 1, shape, unconst(rows->bar), e);
    if (rc == 0)
        rc = bl_tensor_make(&t[2], "tempo", BL_F32, 1, shape, unconst(rows->tempo), e);
    if (rc == 0 && state != NULL)
        rc = bl_header_set_xxh3(meta, "xxh3", hash_of(t, state), e);
    if (rc == 0)
        rc = bl_tensors_write(zw, t, 3, meta, e);
    return rc == 0 ? bl_zw_end_frame(zw, e) : rc;
}

static int set_origin(bl_json *meta, const bl_origin *origin, bl_err *e)
{
    char tempo[32];
    if (origin->tempo == 0)
        return 0;
    snprintf(tempo, sizeof tempo, "%.9g", origin->tempo);
    int rc = set_count(meta, "t0", (uint64_t)origin->t0, e);
    return rc == 0 ? bl_json_set_str(meta, "tempo", tempo, e) : rc;
}

static int write_header(bl_rowsw *w, const bl_json *pg, bl_err *e)
{
    bl_json *meta = begin_meta("header", e);
    int rc =
        meta == NULL ? BL_E_NOMEM : bl_json_set_str(meta, "scheme", w->kind.scheme, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "kind", w->kind.name, e);
    if (rc == 0)
        rc = set_origin(meta, &w->kind.origin, e);
    if (rc == 0 && w->kind.is_loop)
        rc = set_count(meta, "loop", 1, e);
    if (rc == 0)
        rc = bl_prov_put_text(meta, pg, e);
    if (rc == 0)
        rc = write_record(w->zw, &w->kind, &(bl_rows){0}, NULL, meta, e);
    bl_json_del(meta);
    return rc;
}

static bl_json *piece_meta(uint64_t i, const bl_rows_info *info, bl_err *e)
{
    bl_json *meta = begin_meta("piece", e);
    int rc = meta == NULL ? BL_E_NOMEM : set_count(meta, "i", i, e);
    if (rc == 0)
        rc = set_name(meta, info->name, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "sha256", info->sha256, e);
    if (rc == 0)
        rc = set_count(meta, "tpq", (uint64_t)info->tpq, e);
    if (rc == 0 && info->labels != NULL && info->labels[0] != '\0')
        rc = set_labels(meta, info->labels, e);
    if (rc == 0 && info->fixes != NULL)
        rc = set_json(meta, "fixes", info->fixes, e);
    if (rc == 0)
        return meta;
    bl_json_del(meta);
    return NULL;
}

/* ---- packers ---- */

struct bl_rowsp {
    bl_zw *zw;
    bl_buf frames;
    bl_rows_kind kind;
    bl_xxh3_state *state;
};

int bl_rowsp_new(bl_rowsp **packer, int level, const bl_rows_kind *kind, bl_err *e)
{
    bl_rowsp *p = *packer = bl_calloc(1, sizeof *p, e);
    if (p == NULL)
        return BL_E_NOMEM;
    p->kind = *kind;
    p->state = bl_xxh3_new(e);
    int rc = p->state == NULL ? BL_E_NOMEM : bl_zw_to_buf(&p->zw, &p->frames, level, e);
    if (rc != 0) {
        bl_rowsp_del(p);
        *packer = NULL;
    }
    return rc;
}

int bl_rowsp_piece(bl_rowsp *p, bl_buf *out, uint64_t i, const bl_rows_info *info,
                   const bl_rows *rows, bl_err *e)
{
    size_t numbers = bl_rows_numbers(&p->kind), done = 0;
    size_t most = bl_max(bl_min(ROWS, CHUNK_BYTES / (int64_t)(4 * numbers)), 1);
    int rc;
    p->frames.len = 0;
    do {
        size_t n = rows->n - done < most ? rows->n - done : most;
        bl_json *meta = piece_meta(i, info, e);
        bl_rows part = {n, rows->x + done * numbers, rows->bar + done,
                        rows->tempo + done};
        rc = meta == NULL ? bl_code_of(e, BL_E_NOMEM)
                          : write_record(p->zw, &p->kind, n > 0 ? &part : &(bl_rows){0},
                                         p->state, meta, e);
        bl_json_del(meta);
        done += n;
    } while (rc == 0 && done < rows->n);
    return rc == 0 ? bl_buf_add(out, p->frames.data, p->frames.len, e) : rc;
}

void bl_rowsp_del(bl_rowsp *p)
{
    if (p == NULL)
        return;
    bl_zw_del(p->zw);
    bl_xxh3_del(p->state);
    bl_buf_free(&p->frames);
    free(p);
}

/* ---- the stream ---- */

int bl_rowsw_new(bl_rowsw **w, int fd, int level, const bl_rows_kind *kind,
                 const bl_json *pg, bl_err *e)
{
    *w = NULL;
    bl_rowsw *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->kind = *kind;
    new->level = level;
    int rc = bl_zw_new(&new->zw, fd, level, e);
    if (rc == 0)
        rc = write_header(new, pg, e);
    if (rc != 0) {
        bl_rowsw_del(new);
        return rc;
    }
    *w = new;
    return 0;
}

int bl_rowsw_packed(bl_rowsw *w, const void *bytes, size_t len, size_t n, bl_err *e)
{
    w->n_pieces++;
    w->n_rows += n;
    return bl_zw_add_frames(w->zw, bytes, len, e);
}

int bl_rowsw_piece(bl_rowsw *w, const bl_rows_info *info, const bl_rows *rows,
                   bl_err *e)
{
    int rc = w->packer == NULL ? bl_rowsp_new(&w->packer, w->level, &w->kind, e) : 0;
    w->packed.len = 0;
    if (rc == 0)
        rc = bl_rowsp_piece(w->packer, &w->packed, w->n_pieces, info, rows, e);
    if (rc == 0)
        rc = bl_rowsw_packed(w, w->packed.data, w->packed.len, rows->n, e);
    return rc == 0 ? bl_zw_end_frame(w->zw, e) : rc;
}

int bl_rowsw_more(bl_rowsw *w, const bl_rows_info *info, const bl_rows *rows, bl_err *e)
{
    w->packed.len = 0;
    int rc = bl_rowsp_piece(w->packer, &w->packed, w->n_pieces - 1, info, rows, e);
    if (rc == 0)
        rc = bl_zw_add_frames(w->zw, w->packed.data, w->packed.len, e);
    w->n_rows += rows->n;
    return rc == 0 ? bl_zw_end_frame(w->zw, e) : rc;
}

int bl_rowsw_finish(bl_rowsw *w, uint64_t rejects, bl_err *e)
{
    bl_json *meta = begin_meta("eos", e);
    int rc = meta == NULL ? BL_E_NOMEM : set_count(meta, "pieces", w->n_pieces, e);
    if (rc == 0)
        rc = set_count(meta, "rows", w->n_rows, e);
    if (rc == 0)
        rc = set_count(meta, "rejects", rejects, e);
    if (rc == 0)
        rc = write_record(w->zw, &w->kind, &(bl_rows){0}, NULL, meta, e);
    bl_json_del(meta);
    return rc;
}

void bl_rowsw_del(bl_rowsw *w)
{
    if (w == NULL)
        return;
    bl_zw_del(w->zw);
    bl_rowsp_del(w->packer);
    bl_buf_free(&w->packed);
    free(w);
}
