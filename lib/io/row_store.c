/* row_store.c - see row_store.h. */
#include "io/row_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const float *bl_row_store_x(const bl_row_store *s, size_t row)
{
    return (const float *)(const void *)s->x.data + row * bl_rows_numbers(&s->kind);
}

bl_rows bl_row_store_rows(const bl_row_store *s, size_t piece)
{
    const bl_row_piece *p = &s->pieces[piece];
    if (p->n == 0) /* there may be no block to point into */
        return (bl_rows){.n = 0};
    return (bl_rows){p->n, s->spilled == NULL ? bl_row_store_x(s, p->start) : NULL,
                     (const int32_t *)(const void *)s->bar.data + p->start,
                     (const float *)(const void *)s->tempo.data + p->start};
}

int bl_row_store_spill(bl_row_store *s, const char *path, bl_err *e)
{
    return bl_spill_new(&s->spilled, path, e);
}

int bl_row_store_fetch(const bl_row_store *s, size_t piece, bl_buf *room, bl_rows *rows,
                       bl_err *e)
{
    const bl_row_piece *p = &s->pieces[piece];
    size_t size = bl_rows_numbers(&s->kind) * sizeof *rows->x;
    *rows = bl_row_store_rows(s, piece);
    if (s->spilled == NULL || p->n == 0)
        return 0;
    room->len = 0;
    int rc = bl_buf_reserve(room, p->n * size, e);
    if (rc == 0)
        rc = bl_spill_read(s->spilled, p->start * size, room->data, p->n * size, e);
    if (rc == 0) {
        room->len = p->n * size;
        rows->x = (const float *)(const void *)room->data;
    }
    return rc;
}

static int begin_piece(bl_row_store *s, const bl_rows_piece *p, bl_err *e)
{
    void *array = s->pieces;
    int rc = bl_grow(&array, &s->cap, s->n_pieces + 1, sizeof *s->pieces, e);
    s->pieces = array;
    if (rc != 0)
        return rc;
    bl_row_piece *new = &s->pieces[s->n_pieces];
    *new = (bl_row_piece){.tpq = p->tpq, .start = s->n_rows};
    memcpy(new->sha256, p->sha256, sizeof new->sha256);
    new->name = bl_strdup(p->name, e);
    new->labels = bl_strdup(p->labels, e);
    s->n_pieces++;
    return new->name != NULL &&new->labels != NULL ? 0 : BL_E_NOMEM;
}

static int add_numbers(bl_row_store *s, const float *x, size_t size, bl_err *e)
{
    return s->spilled != NULL ? bl_spill_add(s->spilled, x, size, e)
                              : bl_buf_add(&s->x, x, size, e);
}

int bl_row_store_add(bl_row_store *s, const bl_rows_piece *p, bl_err *e)
{
    size_t n = p->rows.n, numbers = bl_rows_numbers(&s->kind);
    int rc = p->begins || s->n_pieces == 0 ? begin_piece(s, p, e) : 0;
    if (rc == 0)
        rc = add_numbers(s, p->rows.x, n * numbers * sizeof *p->rows.x, e);
    if (rc == 0)
        rc = bl_buf_add(&s->bar, p->rows.bar, n * sizeof *p->rows.bar, e);
    if (rc == 0)
        rc = bl_buf_add(&s->tempo, p->rows.tempo, n * sizeof *p->rows.tempo, e);
    if (rc != 0)
        return rc;
    s->pieces[s->n_pieces - 1].n += n;
    s->n_rows += n;
    return 0;
}

int bl_row_store_copy(bl_row_store *s, const bl_row_store *from, size_t piece,
                      bl_err *e)
{
    const bl_row_piece *p = &from->pieces[piece];
    bl_rows_piece record = {.name = p->name, .tpq = p->tpq, .begins = 1};
    bl_buf room = {0};
    int rc = bl_row_store_fetch(from, piece, &room, &record.rows, e);
    memcpy(record.sha256, p->sha256, sizeof record.sha256);
    snprintf(record.labels, sizeof record.labels, "%s", p->labels);
    if (rc == 0)
        rc = bl_row_store_add(s, &record, e);
    bl_buf_free(&room);
    return rc;
}

int bl_row_store_read(bl_row_store *s, bl_rowsr *r, bl_err *e)
{
    bl_rows_piece p = {0};
    int rc;
    s->kind = *bl_rowsr_kind(r);
    while ((rc = bl_rowsr_next(r, &p, e)) > 0) {
        rc = bl_row_store_add(s, &p, e);
        if (rc != 0)
            break;
    }
    bl_rows_piece_free(&p);
    return rc;
}

size_t bl_row_store_drop_empty(bl_row_store *s)
{
    size_t kept = 0, n = s->n_pieces;
    for (size_t i = 0; i < n; i++) {
        bl_row_piece *p = &s->pieces[i];
        if (p->n > 0) {
            s->pieces[kept++] = *p;
            continue;
        }
        free(p->name);
        free(p->labels);
    }
    s->n_pieces = kept;
    return n - kept;
}

int bl_row_store_write(const bl_row_store *s, size_t piece, int64_t bars, bl_rowsw *w,
                       bl_err *e)
{
    const bl_row_piece *p = &s->pieces[piece];
    bl_buf room = {0};
    bl_rows rows;
    bl_rows_info info = {
        .name = p->name, .sha256 = p->sha256, .tpq = p->tpq, .labels = p->labels};
    int rc = bl_row_store_fetch(s, piece, &room, &rows, e);
    while (rc == 0 && bars > 0 && rows.n > 0 && rows.bar[rows.n - 1] >= bars)
        rows.n--;
    if (rc == 0)
        rc = bl_rowsw_piece(w, &info, &rows, e);
    bl_buf_free(&room);
    return rc;
}

void bl_row_store_free(bl_row_store *s)
{
    for (size_t i = 0; i < s->n_pieces; i++) {
        free(s->pieces[i].name);
        free(s->pieces[i].labels);
    }
    free(s->pieces);
    bl_buf_free(&s->x);
    bl_buf_free(&s->bar);
    bl_buf_free(&s->tempo);
    bl_spill_del(s->spilled);
    *s = (bl_row_store){0};
}
