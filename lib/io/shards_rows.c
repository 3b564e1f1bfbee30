/* shards_rows.c - shards of rows: a split is one stream of tensors. */
#include "io/file.h"
#include "io/header.h"
#include "io/shards_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FILE_NAME = 64 };

/* ---- what they are, in the manifest ---- */

int bl_shards_put_kind(bl_json *manifest, const bl_rows_kind *kind, bl_err *e)
{
    bl_json *o = bl_json_object(e), *shape = bl_json_array(e);
    int rc = o == NULL || shape == NULL ? BL_E_NOMEM : 0;
    for (int i = 0; i < kind->ndim && rc == 0; i++)
        rc = bl_json_push_int(shape, kind->shape[i], e);
    if (rc == 0)
        rc = bl_json_set_str(o, "scheme", kind->scheme, e);
    if (rc == 0)
        rc = bl_json_set_str(o, "name", kind->name, e);
    if (rc == 0) {
        rc = bl_json_put(o, "shape", shape, e);
        shape = NULL;
    }
    if (rc == 0) {
        rc = bl_json_put(manifest, "rows", o, e);
        o = NULL;
    }
    bl_json_del(shape);
    bl_json_del(o);
    return rc;
}

static int get_name(const bl_json *o, const char *key, char name[BL_ROWS_NAME_MAX + 1],
                    bl_err *e)
{
    const char *text;
    int rc = bl_json_str(o, key, &text, e);
    if (rc == 0 && (text[0] == '\0' || strlen(text) > BL_ROWS_NAME_MAX))
        rc = bl_fail(e, BL_E_FORMAT, "'%s' is no name", key);
    if (rc == 0)
        strcpy(name, text);
    return rc;
}

int bl_shards_get_kind(const bl_json *manifest, bl_rows_kind *kind, bl_err *e)
{
    static const char *const keys[] = {"scheme", "name", "shape", NULL};
    const bl_json *o, *shape = NULL;
    *kind = (bl_rows_kind){0};
    int rc = bl_json_get(manifest, "rows", &o, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    if (rc == 0)
        rc = get_name(o, "scheme", kind->scheme, e);
    if (rc == 0)
        rc = get_name(o, "name", kind->name, e);
    if (rc == 0)
        rc = bl_json_get(o, "shape", &shape, e);
    if (rc != 0)
        return rc;
    size_t n = bl_json_is_array(shape) ? bl_json_size(shape) : 0;
    if (n < 1 || n > BL_ROWS_DIMS)
        return bl_fail(e, BL_E_FORMAT, "'shape' is no list of 1 to %d numbers",
                       BL_ROWS_DIMS);
    for (size_t i = 0; i < n; i++)
        if (!bl_json_as_int(bl_json_at(shape, i), &kind->shape[i]) ||
            kind->shape[i] < 1 || kind->shape[i] > BL_ROWS_NUMBERS)
            return bl_fail(e, BL_E_FORMAT, "a number of 'shape' is not within 1..%d",
                           BL_ROWS_NUMBERS);
    kind->ndim = (int)n;
    return 0;
}

/* ---- writing ---- */

static int list_file(const char *name, uint64_t pieces, uint64_t rows, uint64_t xxh3,
                     bl_json *files, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o != NULL ? bl_json_set_str(o, "name", name, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_json_set_int(o, "pieces", (int64_t)pieces, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "tokens", (int64_t)rows, e);
    if (rc == 0)
        rc = bl_header_set_xxh3(o, "tokens_xxh3", xxh3, e);
    if (rc == 0) {
        rc = bl_json_push(files, o, e);
        o = NULL;
    }
    bl_json_del(o);
    return rc;
}

static int write_pieces(const bl_shardw *w, int split, bl_rowsw *to, uint64_t *xxh3,
                        bl_err *e)
{
    size_t numbers = bl_rows_numbers(&w->rows->kind);
    bl_xxh3_state *hash = bl_xxh3_new(e);
    bl_buf room = {0};
    bl_rows rows;
    int rc = hash != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < w->n_pieces && rc == 0; i++) {
        const piece *p = &w->pieces[i];
        if (p->split != split)
            continue;
        rc = bl_row_store_fetch(w->rows, p->start, &room, &rows, e);
        if (rc != 0)
            break;
        bl_xxh3_add(hash, rows.x, rows.n * numbers * sizeof *rows.x);
        rc = bl_row_store_write(w->rows, p->start, 0, to, e);
    }
    if (rc == 0)
        *xxh3 = bl_xxh3_value(hash);
    bl_xxh3_del(hash);
    bl_buf_free(&room);
    return rc;
}

int bl_shardw_write_rows(const bl_shardw *w, int split, const bl_json *pg,
                         bl_json *files, bl_err *e)
{
    char name[FILE_NAME];
    uint64_t pieces, rows, xxh3 = 0;
    bl_out out = {.fd = -1};
    bl_rowsw *to = NULL;
    bl_shardw_counts(w, split, &pieces, &rows);
    if (pieces == 0)
        return 0;
    snprintf(name, sizeof name, "%s.tensors%s", bl_split_name(split),
             w->level > 0 ? ".zst" : "");
    int rc = bl_shardw_open(w, name, &out, e);
    if (rc == 0)
        rc = bl_rowsw_new(&to, out.fd, w->level, &w->rows->kind, pg, e);
    if (rc == 0)
        rc = write_pieces(w, split, to, &xxh3, e);
    if (rc == 0)
        rc = bl_rowsw_finish(to, 0, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_rowsw_del(to);
    bl_out_abort(&out);
    return rc == 0 ? list_file(name, pieces, rows, xxh3, files, e) : rc;
}

/* ---- reading ---- */

static int check_rows(const bl_row_store *s, uint64_t xxh3, bl_err *e)
{
    if (bl_xxh3(s->x.data, s->x.len) != xxh3)
        return bl_fail(e, BL_E_CORRUPT, "its rows are not those of the manifest");
    return 0;
}

int bl_shards_read_rows(bl_row_store *store, const char *path, const bl_rows_kind *kind,
                        uint64_t xxh3, bl_err *e)
{
    char ours[128], theirs[128];
    bl_zr *zr = NULL;
    bl_rowsr *r = NULL;
    int fd, rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_zr_new(&zr, fd, e);
    if (rc == 0)
        rc = bl_rowsr_new(&r, zr, path, e);
    if (rc == 0 && !bl_rows_same_kind(bl_rowsr_kind(r), kind))
        rc = bl_fail(e, BL_E_MISMATCH, "a stream of %s, the manifest says %s",
                     bl_rows_kind_text(bl_rowsr_kind(r), ours, sizeof ours),
                     bl_rows_kind_text(kind, theirs, sizeof theirs));
    if (rc == 0)
        rc = bl_row_store_read(store, r, e);
    if (rc == 0)
        rc = check_rows(store, xxh3, e);
    bl_rowsr_del(r);
    close(fd);
    return rc == 0 ? 0 : bl_fail_in(e, rc, path);
}
