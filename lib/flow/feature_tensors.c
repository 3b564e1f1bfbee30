/* feature_tensors.c - see feature_tensors.h. */
#include "flow/feature_tensors.h"

#include "io/prov.h"
#include "io/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A record is written after so many pieces, or numbers of series. */
enum { MOST_PIECES = 256, MOST_NUMBERS = 1 << 22 };

static void forget(bl_feature_tensors *b)
{
    b->table.n = 0;
    b->table.names.len = b->table.groups.len = 0;
    for (size_t i = 0; i < BL_SERIES_MAX; i++)
        b->series[i].n = b->ends[i].n = 0;
    b->n_numbers = 0;
}

void bl_feature_tensors_free(bl_feature_tensors *b)
{
    for (size_t i = 0; i < BL_SERIES_MAX; i++) {
        free(b->series[i].x);
        free(b->ends[i].x);
    }
    bl_table_free(&b->table);
    bl_zw_del(b->writer);
    *b = (bl_feature_tensors){0};
}

/* ---- a record ---- */

/* The strings of a buffer, each ended by NUL, as the text of a JSON array. */
static int put_strings(bl_json *meta, const char *key, const bl_buf *strings, bl_err *e)
{
    bl_buf text = {0};
    bl_json *list = bl_json_array(e);
    int rc = list != NULL ? 0 : e->code;
    for (size_t at = 0; rc == 0 && at < strings->len;) {
        const char *s = (const char *)strings->data + at;
        rc = bl_json_push_str(list, s, e);
        at += strlen(s) + 1;
    }
    if (rc == 0)
        rc = bl_json_write(list, &text, e);
    if (rc == 0 && bl_buf_str(&text, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = bl_json_set_str(meta, key, (const char *)text.data, e);
    bl_json_del(list);
    bl_buf_free(&text);
    return rc;
}

/* What made the data is known at their end, and stands in the last record. */
static bl_json *make_meta(const bl_feature_tensors *b, const bl_json *pg, bl_err *e)
{
    bl_json *meta = bl_json_object(e);
    int rc =
        meta != NULL ? bl_json_set_str(meta, "schema", "feat-tensors/1", e) : e->code;
    if (rc == 0)
        rc = put_strings(meta, "names", &b->table.names, e);
    if (rc == 0 && b->with_groups)
        rc = put_strings(meta, "groups", &b->table.groups, e);
    if (rc == 0)
        rc = bl_prov_put_text(meta, pg, e);
    if (rc == 0)
        return meta;
    bl_json_del(meta);
    return NULL;
}

/* Tensors of a record, and the memory of their numbers. */
typedef struct {
    bl_tensor *t;
    size_t n;
    float *x, *free_x;
    int64_t *end, *free_end;
} record;

/* Field f of all pieces: [pieces], [pieces, n] or [pieces, rows, columns]. */
static int add_field(record *rec, const bl_table *table, size_t f, bl_err *e)
{
    const bl_field *field = &table->layout->field[f];
    size_t size = bl_field_size(field);
    const int64_t shape[3] = {(int64_t)table->n,
                              field->rows > 1 ? field->rows : field->cols, field->cols};
    int ndim = size == 1 ? 1 : field->rows > 1 ? 3 : 2;
    int rc = bl_tensor_make(&rec->t[rec->n++], field->name, BL_F32, ndim, shape,
                            rec->free_x, e);
    for (size_t i = 0; i < table->n; i++) {
        const double *from =
            table->value + i * table->layout->n_columns + table->layout->at[f];
        for (size_t k = 0; k < size; k++)
            *rec->free_x++ = (float)from[k];
    }
    return rc;
}

/* A series: the rows of all pieces one after another, and where each piece begins. */
static int add_series(record *rec, const bl_feature_tensors *b, size_t f, bl_err *e)
{
    const bl_field *field = &b->table.layout->field[f];
    size_t at = b->table.layout->at[f];
    const bl_series *s = &b->series[at], *ends = &b->ends[at];
    const int64_t shape[2] = {(int64_t)s->n / field->cols, field->cols};
    const int64_t n_ends = (int64_t)ends->n + 1;
    char name[BL_TENSOR_NAME];
    int rc = bl_tensor_make(&rec->t[rec->n++], field->name, BL_F32,
                            field->cols > 1 ? 2 : 1, shape, rec->free_x, e);
    for (size_t k = 0; k < s->n; k++)
        *rec->free_x++ = (float)s->x[k];
    snprintf(name, sizeof name, "%s.offsets", field->name);
    if (rc == 0)
        rc = bl_tensor_make(&rec->t[rec->n++], name, BL_I64, 1, &n_ends, rec->free_end,
                            e);
    *rec->free_end++ = 0;
    for (size_t i = 0; i < ends->n; i++)
        *rec->free_end++ = (int64_t)ends->x[i] / field->cols;
    return rc;
}

static int make_record(record *rec, const bl_feature_tensors *b, bl_err *e)
{
    const bl_layout *l = b->table.layout;
    size_t n = b->table.n;
    int rc = 0;
    rec->t = bl_calloc(l->n + l->n_series, sizeof *rec->t, e);
    rec->x = rec->free_x =
        bl_calloc(n * l->n_columns + b->n_numbers, sizeof *rec->x, e);
    rec->end = rec->free_end = bl_calloc(l->n_series * (n + 1), sizeof *rec->end, e);
    if (rec->t == NULL || rec->x == NULL || rec->end == NULL)
        return BL_E_NOMEM;
    for (size_t f = 0; rc == 0 && f < l->n; f++)
        rc = l->field[f].rows > 0 ? add_field(rec, &b->table, f, e)
                                  : add_series(rec, b, f, e);
    return rc;
}

static int write_record(bl_feature_tensors *b, const bl_json *pg, bl_err *e)
{
    record rec = {0};
    bl_json *meta = make_meta(b, pg, e);
    int rc = meta != NULL ? make_record(&rec, b, e) : e->code;
    if (rc == 0 && b->writer == NULL)
        rc = bl_zw_to_buf(&b->writer, b->out, b->level, e);
    if (rc == 0)
        rc = bl_tensors_write(b->writer, rec.t, rec.n, meta, e);
    if (rc == 0)
        rc = bl_zw_end_frame(b->writer, e);
    bl_json_del(meta);
    free(rec.t);
    free(rec.x);
    free(rec.end);
    forget(b);
    return rc;
}

int bl_feature_tensors_add(bl_feature_tensors *b, const char *name, const char *group,
                           const bl_row *row, bl_err *e)
{
    int is_full = b->table.n == MOST_PIECES || b->n_numbers >= MOST_NUMBERS;
    int rc = is_full ? write_record(b, NULL, e) : 0;
    b->table.layout = b->layout;
    if (rc == 0)
        rc = bl_table_add(&b->table, name, group, row, e);
    for (size_t i = 0; i < b->layout->n_series; i++) {
        const bl_series *from = &row->series[i];
        for (size_t k = 0; rc == 0 && k < from->n; k++)
            rc = bl_series_add(&b->series[i], from->x[k], e);
        b->n_numbers += from->n;
        if (rc == 0)
            rc = bl_series_add(&b->ends[i], (double)b->series[i].n, e);
    }
    return rc;
}

int bl_feature_tensors_end(bl_feature_tensors *b, const bl_json *pg, bl_err *e)
{
    /* an empty set is one record of no pieces: what is in it can be seen */
    b->table.layout = b->layout;
    return write_record(b, pg, e);
}
