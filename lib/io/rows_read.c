/* rows_read.c - the reading half of rows.h. Every record is held against
 * schemas/tensors.md; counts and hashes against what was read. */
#include "io/header.h"
#include "io/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bl_rowsr {
    bl_zr *zr;
    char *name;
    bl_rows_kind kind;
    bl_prov *pg; /* of the segments so far, or NULL */
    bl_xxh3_state *hash;
    uint64_t rejects;
    uint64_t n_pieces, n_rows; /* of the segment so far */
    uint64_t index, named;     /* of its last piece: number, hash of the name */
    int32_t bar;               /* of the last row of that, or -1 */
    int is_closed;             /* the last record was a trailer */
};

static int fail_here(const bl_rowsr *r, int code, bl_err *e)
{
    if (e != NULL && e->offset < 0)
        e->offset = (int64_t)bl_zr_offset(r->zr);
    bl_err_in(e, r->name);
    return code;
}

/* ---- metadata: strings only ---- */

static int get_count(const bl_json *meta, const char *key, uint64_t low, uint64_t high,
                     uint64_t *value, bl_err *e)
{
    const char *text;
    int rc = bl_json_str(meta, key, &text, e);
    if (rc != 0)
        return rc;
    size_t n = strspn(text, "0123456789");
    *value = n > 0 && n < 19 ? strtoull(text, NULL, 10) : UINT64_MAX;
    if (text[n] != '\0' || (n > 1 && text[0] == '0') || *value < low || *value > high)
        return bl_fail(e, BL_E_FORMAT,
                       "'%s' is not a number from %" PRIu64 " to %" PRIu64, key, low,
                       high);
    return 0;
}

/* The JSON value that a text holds, in an object of that one key: the parser wants one.
 */
static int get_json(const bl_json *meta, const char *key, bl_json **holder, bl_err *e)
{
    const char *text;
    bl_buf wrapped = {0};
    *holder = NULL;
    int rc = bl_json_str(meta, key, &text, e);
    if (rc == 0)
        rc = bl_buf_addf(&wrapped, e, "{\"%s\":%s}", key, text);
    if (rc == 0) {
        *holder = bl_json_parse((const char *)wrapped.data, wrapped.len, e);
        rc = *holder == NULL ? bl_code_of(e, BL_E_FORMAT) : 0;
    }
    if (rc == 0 && bl_json_size(*holder) != 1)
        rc = bl_fail(e, BL_E_FORMAT, "'%s' is not one value of JSON", key);
    bl_buf_free(&wrapped);
    return rc;
}

static int add_pg(bl_rowsr *r, const bl_json *meta, bl_err *e)
{
    bl_json *holder, *pg = NULL;
    if (!bl_json_has(meta, "pg"))
        return 0;
    int rc = get_json(meta, "pg", &holder, e);
    if (rc == 0)
        rc = bl_header_get_pg(holder, &pg, e);
    if (rc == 0)
        rc = bl_prov_add(&r->pg, pg, e);
    bl_json_del(pg);
    bl_json_del(holder);
    return rc;
}

static int add_label(bl_rows_piece *p, size_t *len, const bl_json *value, bl_err *e)
{
    const char *word;
    if (!bl_json_as_str(value, &word) || word[0] == '\0')
        return bl_fail(e, BL_E_FORMAT, "'labels' is not a list of words");
    for (const char *c = word; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return bl_fail(e, BL_E_FORMAT, "a label holds what no word does");
    size_t n = strlen(word);
    if (*len + n + 1 > BL_ROWS_LABELS)
        return bl_fail(e, BL_E_LIMIT, "the labels have more than %d bytes",
                       BL_ROWS_LABELS);
    memcpy(p->labels + *len, word, n);
    p->labels[*len + n] = '\n';
    *len += n + 1;
    return 0;
}

static int get_labels(const bl_json *meta, bl_rows_piece *p, bl_err *e)
{
    bl_json *holder;
    const bl_json *list = NULL;
    size_t len = 0;
    p->labels[0] = '\0';
    if (!bl_json_has(meta, "labels"))
        return 0;
    int rc = get_json(meta, "labels", &holder, e);
    if (rc == 0)
        rc = bl_json_get(holder, "labels", &list, e);
    if (rc == 0 && !bl_json_is_array(list))
        rc = bl_fail(e, BL_E_FORMAT, "'labels' is not a list of words");
    for (size_t i = 0; rc == 0 && i < bl_json_size(list); i++)
        rc = add_label(p, &len, bl_json_at(list, i), e);
    p->labels[len] = '\0';
    bl_json_del(holder);
    return rc;
}

static int check_fixes(const bl_json *meta, bl_err *e)
{
    bl_json *holder;
    if (!bl_json_has(meta, "fixes"))
        return 0;
    int rc = get_json(meta, "fixes", &holder, e);
    if (rc == 0)
        rc = bl_header_check_fixes(holder, e);
    bl_json_del(holder);
    return rc;
}

/* ---- records ---- */

/* The header of a record, of this schema: 1, 0 at a clean end. */
static int read_head(bl_rowsr *r, bl_tensors_head *h, const char **record, bl_err *e)
{
    int rc = bl_tensors_read_head(r->zr, h, e);
    if (rc <= 0)
        return rc;
    rc = bl_header_schema(h->meta, BL_ROWS_SCHEMA, e);
    if (rc == 0)
        rc = bl_json_str(h->meta, "record", record, e);
    if (rc == 0 && h->n != 3)
        rc = bl_fail(e, BL_E_FORMAT, "the record has %zu tensors, not 3", h->n);
    if (rc == 0)
        return 1;
    bl_tensors_head_free(h);
    return rc;
}

/* One of the record's tensors, of that type, its first dimension the rows. */
static int check_tensor(const bl_tensors_head *h, const char *name, bl_dtype dtype,
                        int ndim, const int64_t *shape, bl_err *e)
{
    const bl_tensor *t = bl_tensors_find(h, name);
    if (t == NULL)
        return bl_fail(e, BL_E_FORMAT, "the record has no tensor '%s'", name);
    if (t->dtype != dtype)
        return bl_fail(e, BL_E_FORMAT, "tensor '%s' is of type %s, not %s", name,
                       bl_dtype_name(t->dtype), bl_dtype_name(dtype));
    int same = t->ndim == 1 + ndim;
    for (int i = 0; same && i < ndim; i++)
        same = t->shape[1 + i] == shape[i];
    if (!same)
        return bl_fail(e, BL_E_FORMAT,
                       "the rows of tensor '%s' are not of the shape "
                       "that the header states",
                       name);
    if (t->shape[0] != h->t[0].shape[0])
        return bl_fail(e, BL_E_FORMAT, "the tensors do not have as many rows each");
    return 0;
}

static int check_tensors(const bl_rowsr *r, const bl_tensors_head *h, int has_rows,
                         bl_err *e)
{
    if (h->t[0].ndim < 1)
        return bl_fail(e, BL_E_FORMAT, "tensor '%s' has no rows", h->t[0].name);
    int rc = check_tensor(h, r->kind.name, BL_F32, r->kind.ndim, r->kind.shape, e);
    if (rc == 0)
        rc = check_tensor(h, "bar", BL_I32, 0, NULL, e);
    if (rc == 0)
        rc = check_tensor(h, "tempo", BL_F32, 0, NULL, e);
    if (rc == 0 && !has_rows && h->bytes > 0)
        rc = bl_fail(e, BL_E_FORMAT, "a header or trailer has no rows");
    if (rc == 0 && h->bytes > BL_ROWS_RECORD)
        rc = bl_fail(e, BL_E_LIMIT, "the record has more than %d MiB",
                     BL_ROWS_RECORD >> 20);
    return rc;
}

/* What the header states of its rows: the shape is that of its tensor, without any. */
static int get_kind(const bl_tensors_head *h, bl_rows_kind *kind, bl_err *e)
{
    const char *scheme, *name;
    int rc = bl_json_str(h->meta, "scheme", &scheme, e);
    if (rc == 0)
        rc = bl_json_str(h->meta, "kind", &name, e);
    if (rc != 0)
        return rc;
    if (scheme[0] == '\0' || strlen(scheme) > BL_ROWS_NAME_MAX || name[0] == '\0' ||
        strlen(name) > BL_ROWS_NAME_MAX)
        return bl_fail(e, BL_E_FORMAT, "'scheme' and 'kind' have 1 to %d bytes",
                       BL_ROWS_NAME_MAX);
    const bl_tensor *t = bl_tensors_find(h, name);
    if (t == NULL || t->ndim < 2 || t->ndim > 1 + BL_ROWS_DIMS)
        return bl_fail(e, BL_E_FORMAT, "the record has no tensor '%s' of rows", name);
    snprintf(kind->scheme, sizeof kind->scheme, "%s", scheme);
    snprintf(kind->name, sizeof kind->name, "%s", name);
    kind->ndim = t->ndim - 1;
    int64_t numbers = 1;
    for (int i = 0; i < kind->ndim; i++) {
        int64_t n = kind->shape[i] = t->shape[1 + i];
        if (n < 1 || n > BL_ROWS_NUMBERS || (numbers *= n) > BL_ROWS_NUMBERS)
            return bl_fail(e, BL_E_LIMIT, "a row has no numbers, or more than %d",
                           BL_ROWS_NUMBERS);
    }
    return 0;
}

static int get_origin(const bl_json *meta, bl_origin *origin, bl_err *e)
{
    const char *text;
    char *end;
    uint64_t t0 = 0;
    *origin = (bl_origin){0};
    if (!bl_json_has(meta, "t0") && !bl_json_has(meta, "tempo"))
        return 0;
    int rc = get_count(meta, "t0", 0, INT64_MAX, &t0, e);
    if (rc == 0)
        rc = bl_json_str(meta, "tempo", &text, e);
    if (rc != 0)
        return rc;
    origin->t0 = (int64_t)t0;
    origin->tempo = strtod(text, &end);
    if (text[strspn(text, "0123456789.e+-")] != '\0' || *text == '\0' || *end != '\0' ||
        !(origin->tempo >= 1 && origin->tempo <= 1000))
        return bl_fail(e, BL_E_FORMAT, "'tempo' is not from 1 to 1000 beats a minute");
    return 0;
}

static int get_loop(const bl_json *meta, int *is_loop, bl_err *e)
{
    uint64_t n = 0;
    int rc = bl_json_has(meta, "loop") ? get_count(meta, "loop", 1, 1, &n, e) : 0;
    *is_loop = (int)n;
    return rc;
}

static int read_header(bl_rowsr *r, const bl_tensors_head *h, const char *record,
                       bl_rows_kind *kind, bl_err *e)
{
    static const char *const keys[] = {"schema", "record", "scheme", "kind", "pg",
                                       "t0",     "tempo",  "loop",   NULL};
    if (strcmp(record, "header") != 0)
        return bl_fail(e, BL_E_FORMAT, "a record '%.16s' where the header should be",
                       record);
    int rc = get_kind(h, kind, e);
    if (rc == 0)
        rc = get_origin(h->meta, &kind->origin, e);
    if (rc == 0)
        rc = get_loop(h->meta, &kind->is_loop, e);
    if (rc == 0)
        rc = bl_json_only(h->meta, keys, e);
    return rc == 0 ? add_pg(r, h->meta, e) : rc;
}

static int begin(bl_rowsr *r, bl_err *e)
{
    bl_tensors_head h = {0};
    const char *record;
    uint8_t first[8] = {0};
    int64_t n = bl_zr_peek(r->zr, first, sizeof first, e);
    if (n < 0)
        return (int)n;
    if (n == 0)
        return bl_fail(e, BL_E_TRUNC, "the input is empty");
    if (!bl_tensors_begin(first, (size_t)n)) /* whose length may begin with '#', too */
        return bl_fail(e, BL_E_FORMAT,
                       first[0] == '#' ? "a stream of tokens, not of tensors"
                                       : "not a tensor stream");
    int rc = read_head(r, &h, &record, e);
    if (rc <= 0)
        return rc < 0 ? rc : bl_fail(e, BL_E_TRUNC, "the input is empty");
    rc = read_header(r, &h, record, &r->kind, e);
    if (rc == 0)
        rc = check_tensors(r, &h, 0, e);
    bl_tensors_head_free(&h);
    return rc;
}

int bl_rowsr_new(bl_rowsr **r, bl_zr *zr, const char *name, bl_err *e)
{
    *r = NULL;
    bl_rowsr *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL) {
        bl_zr_del(zr);
        return BL_E_NOMEM;
    }
    new->zr = zr;
    new->bar = -1;
    new->name = bl_strdup(name, e);
    new->hash = bl_xxh3_new(e);
    int rc = new->name == NULL || new->hash == NULL ? BL_E_NOMEM : begin(new, e);
    if (rc != 0) {
        if (new->name != NULL)
            fail_here(new, rc, e);
        bl_rowsr_del(new);
        return rc;
    }
    *r = new;
    return 0;
}

const bl_rows_kind *bl_rowsr_kind(const bl_rowsr *r)
{
    return &r->kind;
}

const bl_json *bl_rowsr_pg(const bl_rowsr *r)
{
    return bl_prov_list(r->pg);
}

uint64_t bl_rowsr_rejects(const bl_rowsr *r)
{
    return r->rejects;
}

/* The header of another segment. */
static int read_next_header(bl_rowsr *r, const bl_tensors_head *h, const char *record,
                            bl_err *e)
{
    bl_rows_kind kind = {0};
    char here[128], there[128];
    int rc = read_header(r, h, record, &kind, e);
    if (rc == 0 && !bl_rows_same_kind(&kind, &r->kind))
        rc = bl_fail(e, BL_E_MISMATCH, "a stream of %s follows one of %s",
                     bl_rows_kind_text(&kind, here, sizeof here),
                     bl_rows_kind_text(&r->kind, there, sizeof there));
    if (rc == 0)
        rc = check_tensors(r, h, 0, e);
    r->n_pieces = r->n_rows = r->index = 0;
    r->bar = -1;
    r->is_closed = 0;
    return rc;
}

static int read_trailer(bl_rowsr *r, const bl_tensors_head *h, bl_err *e)
{
    static const char *const keys[] = {"schema", "record",  "pieces",
                                       "rows",   "rejects", NULL};
    uint64_t pieces = 0, rows = 0, rejects = 0;
    int rc = check_tensors(r, h, 0, e);
    if (rc == 0)
        rc = get_count(h->meta, "pieces", 0, BL_COUNT_MAX, &pieces, e);
    if (rc == 0)
        rc = get_count(h->meta, "rows", 0, BL_COUNT_MAX, &rows, e);
    if (rc == 0)
        rc = get_count(h->meta, "rejects", 0, BL_COUNT_MAX, &rejects, e);
    if (rc == 0)
        rc = bl_json_only(h->meta, keys, e);
    if (rc != 0)
        return rc;
    if (pieces != r->n_pieces || rows != r->n_rows)
        return bl_fail(e, BL_E_CORRUPT,
                       "the stream has %" PRIu64 " pieces and %" PRIu64
                       " rows, not %" PRIu64 " and %" PRIu64,
                       r->n_pieces, r->n_rows, pieces, rows);
    r->rejects += rejects;
    r->is_closed = 1;
    return 0;
}

/* ---- pieces ---- */

static int get_piece(bl_rowsr *r, const bl_json *meta, bl_rows_piece *p, bl_err *e)
{
    static const char *const keys[] = {"schema", "record", "i",     "name", "sha256",
                                       "tpq",    "labels", "fixes", "xxh3", NULL};
    uint64_t i = 0, tpq = 0, least = r->n_pieces == 0 ? 0 : r->index;
    int rc = get_count(meta, "i", least, BL_COUNT_MAX, &i, e);
    if (rc == 0)
        rc = bl_header_get_source(meta, &p->name, p->sha256, e);
    if (rc == 0)
        rc = get_count(meta, "tpq", 0, BL_TPQ_MAX, &tpq, e);
    if (rc == 0)
        rc = get_labels(meta, p, e);
    if (rc == 0)
        rc = check_fixes(meta, e);
    if (rc == 0)
        rc = bl_json_only(meta, keys, e);
    if (rc != 0)
        return rc;
    uint64_t named = bl_xxh3(p->name, strlen(p->name));
    p->tpq = (int)tpq;
    p->begins = r->n_pieces == 0 || i != r->index;
    if (!p->begins && named != r->named)
        return bl_fail(e, BL_E_FORMAT, "two pieces have the number %" PRIu64, i);
    p->index = r->index = i;
    r->named = named;
    r->n_pieces += (uint64_t)p->begins;
    if (p->begins)
        r->bar = -1;
    return 0;
}

static int read_data(bl_rowsr *r, const bl_tensors_head *h, bl_rows_piece *p, bl_err *e)
{
    int rc = 0;
    p->x.len = p->bar.len = p->tempo.len = 0;
    bl_xxh3_reset(r->hash);
    for (size_t i = 0; i < h->n && rc == 0; i++) {
        const char *name = h->t[i].name;
        bl_buf *to = strcmp(name, "bar") == 0     ? &p->bar
                     : strcmp(name, "tempo") == 0 ? &p->tempo
                                                  : &p->x;
        rc = bl_buf_reserve(to, 1, e); /* of no rows, too, an array */
        if (rc == 0)
            rc = bl_tensor_read(r->zr, &h->t[i], to, r->hash, e);
    }
    p->rows = (bl_rows){(size_t)h->t[0].shape[0], (const void *)p->x.data,
                        (const void *)p->bar.data, (const void *)p->tempo.data};
    return rc;
}

static int check_rows(bl_rowsr *r, const bl_rows *rows, bl_err *e)
{
    size_t numbers = bl_rows_numbers(&r->kind);
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->bar[i] <= r->bar)
            return bl_fail(e, BL_E_FORMAT,
                           "piece %" PRIu64 ", row %zu: bar %d is not after bar %d",
                           r->index, i, (int)rows->bar[i], (int)r->bar);
        r->bar = rows->bar[i];
        if (!isfinite(rows->tempo[i]) || rows->tempo[i] <= 0)
            return bl_fail(e, BL_E_FORMAT, "piece %" PRIu64 ", row %zu: %g is no tempo",
                           r->index, i, (double)rows->tempo[i]);
        for (size_t k = 0; k < numbers; k++)
            if (!isfinite(rows->x[i * numbers + k]))
                return bl_fail(e, BL_E_FORMAT,
                               "piece %" PRIu64 ", row %zu: number %zu of '%s' is %g",
                               r->index, i, k, r->kind.name,
                               (double)rows->x[i * numbers + k]);
    }
    return 0;
}

static int read_piece(bl_rowsr *r, const bl_tensors_head *h, bl_rows_piece *p,
                      bl_err *e)
{
    uint64_t xxh3 = 0;
    int rc = check_tensors(r, h, 1, e);
    if (rc == 0)
        rc = get_piece(r, h->meta, p, e);
    if (rc == 0)
        rc = bl_header_get_xxh3(h->meta, "xxh3", &xxh3, e);
    if (rc == 0)
        rc = read_data(r, h, p, e);
    if (rc == 0 && xxh3 != bl_xxh3_value(r->hash))
        rc = bl_fail(e, BL_E_CORRUPT, "the record does not match its hash");
    if (rc == 0)
        rc = check_rows(r, &p->rows, e);
    r->n_rows += p->rows.n;
    return rc;
}

/* ---- the stream ---- */

static int next(bl_rowsr *r, bl_rows_piece *p, bl_err *e)
{
    for (;;) {
        bl_tensors_head h = {0};
        const char *record;
        int rc = read_head(r, &h, &record, e), is_piece = 0;
        if (rc < 0)
            return rc;
        if (rc == 0 && r->is_closed)
            return 0;
        if (rc == 0)
            return bl_fail(e, BL_E_TRUNC, "the stream ends without its record 'eos'");
        if (r->is_closed)
            rc = read_next_header(r, &h, record, e);
        else if ((is_piece = strcmp(record, "piece") == 0))
            rc = read_piece(r, &h, p, e);
        else if (strcmp(record, "eos") == 0)
            rc = read_trailer(r, &h, e);
        else
            rc = bl_fail(e, BL_E_FORMAT, "unexpected record '%.16s'", record);
        bl_tensors_head_free(&h);
        if (rc != 0 || is_piece)
            return rc == 0 ? 1 : rc;
    }
}

int bl_rowsr_next(bl_rowsr *r, bl_rows_piece *piece, bl_err *e)
{
    int rc = next(r, piece, e);
    return rc < 0 ? fail_here(r, rc, e) : rc;
}

int bl_rowsr_is_ready(bl_rowsr *r, int64_t ns, bl_err *e)
{
    int rc = bl_zr_is_ready(r->zr, ns, e);
    return rc < 0 ? fail_here(r, rc, e) : rc;
}

void bl_rowsr_del(bl_rowsr *r)
{
    if (r == NULL)
        return;
    bl_zr_del(r->zr);
    bl_prov_del(r->pg);
    bl_xxh3_del(r->hash);
    free(r->name);
    free(r);
}

void bl_rows_piece_free(bl_rows_piece *p)
{
    free(p->name);
    bl_buf_free(&p->x);
    bl_buf_free(&p->bar);
    bl_buf_free(&p->tempo);
    *p = (bl_rows_piece){0};
}
