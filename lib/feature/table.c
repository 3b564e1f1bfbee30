/* table.c - see table.h. */
#include "feature/table.h"
#include "feature/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int bl_table_add(bl_table *t, const char *name, const char *group, const bl_row *row,
                 bl_err *e)
{
    size_t width = t->layout->n_columns;
    void *p = t->value;
    if (group == NULL)
        group = "";
    int rc = bl_grow(&p, &t->cap, (t->n + 1) * width, sizeof *t->value, e);
    t->value = p;
    if (rc == 0)
        rc = bl_buf_add(&t->names, name, strlen(name) + 1, e);
    if (rc == 0)
        rc = bl_buf_add(&t->groups, group, strlen(group) + 1, e);
    if (rc == 0) {
        memcpy(t->value + t->n * width, row->value, width * sizeof *t->value);
        t->n++;
    }
    return rc;
}

void bl_table_free(bl_table *t)
{
    bl_buf_free(&t->names);
    bl_buf_free(&t->groups);
    free(t->value);
    *t = (bl_table){0};
}

/* ---- a piece a row ---- */

static int add_number(bl_buf *text, double x, const char *undefined, bl_err *e)
{
    return isnan(x) ? bl_buf_adds(text, undefined, e) : bl_buf_addf(text, e, "%.9g", x);
}

static int is_printed(const bl_print *p, const bl_field *f)
{
    return f->rows > 0 && (p->with_vectors || bl_field_size(f) == 1);
}

/* The name of a column: "H1", or "note_length_hist.3". */
static int add_column(bl_buf *text, const bl_field *f, size_t i, bl_err *e)
{
    return bl_field_size(f) == 1 ? bl_buf_adds(text, f->name, e)
                                 : bl_buf_addf(text, e, "%s.%zu", f->name, i);
}

int bl_print_columns(const bl_print *p, const char *before, const char *after,
                     const char *between, int with_names, bl_buf *text, bl_err *e)
{
    const bl_layout *l = p->layout;
    int is_first = !with_names;
    int rc = with_names ? bl_buf_addf(text, e, "%sname%s", before, after) : 0;
    if (rc == 0 && with_names && p->with_groups)
        rc = bl_buf_addf(text, e, "%s%sgroup%s", between, before, after);
    for (size_t i = 0; rc == 0 && i < l->n; i++)
        for (size_t k = 0; rc == 0 && k < bl_field_size(&l->field[i]); k++) {
            if (!is_printed(p, &l->field[i]))
                break;
            rc = bl_buf_addf(text, e, "%s%s", is_first ? "" : between, before);
            if (rc == 0)
                rc = add_column(text, &l->field[i], k, e);
            if (rc == 0)
                rc = bl_buf_adds(text, after, e);
            is_first = 0;
        }
    return rc;
}

int bl_print_row(const bl_print *p, const char *name, const char *group,
                 const bl_row *row, bl_buf *text, bl_err *e)
{
    const bl_layout *l = p->layout;
    int rc = bl_buf_adds(text, name, e);
    if (rc == 0 && p->with_groups)
        rc = bl_buf_addf(text, e, "\t%s", group == NULL ? "" : group);
    for (size_t i = 0; rc == 0 && i < l->n; i++) {
        if (!is_printed(p, &l->field[i]))
            continue;
        const double *x = row->value + l->at[i];
        for (size_t k = 0; rc == 0 && k < bl_field_size(&l->field[i]); k++) {
            rc = bl_buf_addc(text, '\t', e);
            if (rc == 0)
                rc = add_number(text, x[k], "nan", e);
        }
    }
    return rc == 0 ? bl_buf_addc(text, '\n', e) : rc;
}

/* The numbers of field i. */
static const double *numbers(const bl_layout *l, const bl_row *row, size_t i, size_t *n)
{
    const bl_field *f = &l->field[i];
    *n = f->rows > 0 ? bl_field_size(f) : row->series[l->at[i]].n;
    return f->rows > 0 ? row->value + l->at[i] : row->series[l->at[i]].x;
}

static int add_json_str(bl_buf *text, const char *key, const char *s, bl_err *e)
{
    int rc = bl_buf_addf(text, e, "\"%s\":\"", key);
    for (; rc == 0 && *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            rc = bl_buf_addc(text, '\\', e);
        if (rc == 0)
            rc = bl_buf_addc(text, *s, e);
    }
    return rc == 0 ? bl_buf_addc(text, '"', e) : rc;
}

/* A number, or the numbers in brackets. */
static int add_json_value(bl_buf *text, const double *x, size_t n, int is_number,
                          bl_err *e)
{
    int rc = is_number ? 0 : bl_buf_addc(text, '[', e);
    for (size_t k = 0; rc == 0 && k < n; k++) {
        if (k > 0)
            rc = bl_buf_addc(text, ',', e);
        if (rc == 0)
            rc = add_number(text, x[k], "null", e);
    }
    return rc == 0 && !is_number ? bl_buf_addc(text, ']', e) : rc;
}

int bl_print_json(const bl_print *p, const char *name, const char *group,
                  const bl_row *row, bl_buf *text, bl_err *e)
{
    const bl_layout *l = p->layout;
    int rc = bl_buf_addc(text, '{', e);
    if (rc == 0)
        rc = add_json_str(text, "name", name, e);
    if (rc == 0 && p->with_groups) {
        rc = bl_buf_addc(text, ',', e);
        if (rc == 0)
            rc = add_json_str(text, "group", group == NULL ? "" : group, e);
    }
    for (size_t i = 0, n; rc == 0 && i < l->n; i++) {
        int is_number = bl_field_size(&l->field[i]) == 1;
        if (!is_number && !p->with_vectors)
            continue;
        const double *x = numbers(l, row, i, &n);
        rc = bl_buf_addf(text, e, ",\"%s\":", l->field[i].name);
        if (rc == 0)
            rc = add_json_value(text, x, n, is_number, e);
    }
    return rc == 0 ? bl_buf_adds(text, "}\n", e) : rc;
}

int bl_print_long(const bl_print *p, const char *name, const char *group,
                  const bl_row *row, bl_buf *text, bl_err *e)
{
    const bl_layout *l = p->layout;
    int rc = 0;
    for (size_t i = 0, n; rc == 0 && i < l->n; i++) {
        const double *x = numbers(l, row, i, &n);
        int is_sparse = l->field[i].rows != 1;
        for (size_t k = 0; rc == 0 && k < n; k++) {
            if (is_sparse && x[k] == 0)
                continue;
            rc = bl_buf_adds(text, name, e);
            if (rc == 0 && p->with_groups)
                rc = bl_buf_addf(text, e, "\t%s", group == NULL ? "" : group);
            if (rc == 0)
                rc = bl_buf_addf(text, e, "\t%s\t%zu\t", l->field[i].name, k);
            if (rc == 0)
                rc = add_number(text, x[k], "nan", e);
            if (rc == 0)
                rc = bl_buf_addc(text, '\n', e);
        }
    }
    return rc;
}

/* ---- a feature a row ---- */

static int summarise(bl_summary *s, const bl_table *t, size_t i, bl_err *e)
{
    const double *first = t->n > 0 ? t->value + t->layout->at[i] : NULL;
    return bl_summary_of(s, first, t->n, t->layout->n_columns, e);
}

/* Single features alone are summed up. */
static int is_number(const bl_table *t, size_t i)
{
    return bl_field_size(&t->layout->field[i]) == 1;
}

int bl_table_summary(const bl_table *t, bl_buf *text, bl_err *e)
{
    bl_summary s;
    int rc = bl_buf_addf(text, e, "%-25s %6s %10s %10s %10s %10s %10s\n", "feature",
                         "pieces", "mean", "sd", "min", "median", "max");
    for (size_t i = 0; rc == 0 && i < t->layout->n; i++) {
        if (!is_number(t, i))
            continue;
        rc = summarise(&s, t, i, e);
        if (rc == 0)
            rc = bl_buf_addf(text, e, "%-25s %6zu %10.4g %10.4g %10.4g %10.4g %10.4g\n",
                             t->layout->field[i].name, s.n, s.mean, s.sd, s.min,
                             s.median, s.max);
    }
    return rc;
}

int bl_table_comparison(const bl_table *t, const bl_table *reference, bl_buf *text,
                        bl_err *e)
{
    bl_summary s, r;
    int rc = bl_buf_addf(text, e, "%-25s %6s %10s %10s %10s %10s %10s\n", "feature",
                         "pieces", "mean", "sd", "ref pieces", "ref mean", "ref sd");
    for (size_t i = 0; rc == 0 && i < t->layout->n; i++) {
        if (!is_number(t, i))
            continue;
        rc = summarise(&s, t, i, e);
        if (rc == 0)
            rc = summarise(&r, reference, i, e);
        if (rc == 0)
            rc = bl_buf_addf(text, e, "%-25s %6zu %10.4g %10.4g %10zu %10.4g %10.4g\n",
                             t->layout->field[i].name, s.n, s.mean, s.sd, r.n, r.mean,
                             r.sd);
    }
    return rc;
}

int bl_layout_list(const bl_layout *l, bl_buf *text, bl_err *e)
{
    int rc = bl_buf_adds(text, "name\tunit\tdefinition\n", e);
    for (size_t i = 0; rc == 0 && i < l->n; i++) {
        const bl_field *f = &l->field[i];
        rc = bl_buf_addf(text, e, "%s\t%s\t%s\n", f->name, f->unit, f->doc);
    }
    return rc;
}
