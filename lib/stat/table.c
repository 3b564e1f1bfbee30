/* table.c - see table.h. */
#include "stat/table.h"
#include "stat/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int bl_table_add(bl_table *t, bl_view *v, const bl_view_input *in, const char *name,
                 bl_err *e)
{
    size_t width = bl_feat_count();
    void *p = t->value;
    int rc = bl_grow(&p, &t->cap, (t->n + 1) * width, sizeof *t->value, e);
    t->value = p;
    if (rc == 0)
        rc = bl_feat_compute(v, in, t->value + t->n * width, e);
    if (rc == 0)
        rc = bl_buf_add(&t->names, name, strlen(name) + 1, e);
    if (rc == 0)
        t->n++;
    return rc;
}

void bl_table_free(bl_table *t)
{
    bl_buf_free(&t->names);
    free(t->value);
    *t = (bl_table){0};
}

/* ---- a piece a row ---- */

static int add_number(bl_buf *text, double x, const char *undefined, bl_err *e)
{
    return isnan(x) ? bl_buf_adds(text, undefined, e) : bl_buf_addf(text, e, "%.9g", x);
}

int bl_table_tsv(const bl_table *t, bl_buf *text, bl_err *e)
{
    const char *name = (const char *)t->names.data;
    const double *value = t->value;
    size_t width = bl_feat_count();
    int rc = bl_buf_adds(text, "name", e);
    for (size_t i = 0; rc == 0 && i < width; i++)
        rc = bl_buf_addf(text, e, "\t%s", bl_feat_at(i)->name);
    for (size_t p = 0; rc == 0 && p < t->n; p++) {
        rc = bl_buf_addf(text, e, "\n%s", name);
        name += strlen(name) + 1;
        for (size_t i = 0; rc == 0 && i < width; i++) {
            rc = bl_buf_addc(text, '\t', e);
            if (rc == 0)
                rc = add_number(text, *value++, "nan", e);
        }
    }
    return rc == 0 ? bl_buf_addc(text, '\n', e) : rc;
}

static int add_json_name(bl_buf *text, const char *name, bl_err *e)
{
    int rc = bl_buf_adds(text, "{\"name\":\"", e);
    for (; rc == 0 && *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            rc = bl_buf_addc(text, '\\', e);
        if (rc == 0)
            rc = bl_buf_addc(text, *name, e);
    }
    return rc == 0 ? bl_buf_addc(text, '"', e) : rc;
}

int bl_table_json(const bl_table *t, bl_buf *text, bl_err *e)
{
    const char *name = (const char *)t->names.data;
    const double *value = t->value;
    size_t width = bl_feat_count();
    int rc = 0;
    for (size_t p = 0; rc == 0 && p < t->n; p++) {
        rc = add_json_name(text, name, e);
        name += strlen(name) + 1;
        for (size_t i = 0; rc == 0 && i < width; i++) {
            rc = bl_buf_addf(text, e, ",\"%s\":", bl_feat_at(i)->name);
            if (rc == 0)
                rc = add_number(text, *value++, "null", e);
        }
        if (rc == 0)
            rc = bl_buf_adds(text, "}\n", e);
    }
    return rc;
}

/* ---- a feature a row ---- */

static int summarise(bl_summary *s, const bl_table *t, size_t i, bl_err *e)
{
    const double *first = t->n > 0 ? t->value + i : NULL;
    return bl_summary_of(s, first, t->n, bl_feat_count(), e);
}

int bl_table_summary(const bl_table *t, bl_buf *text, bl_err *e)
{
    bl_summary s;
    int rc = bl_buf_addf(text, e, "%-25s %6s %10s %10s %10s %10s %10s\n", "feature",
                         "pieces", "mean", "sd", "min", "median", "max");
    for (size_t i = 0; rc == 0 && i < bl_feat_count(); i++) {
        rc = summarise(&s, t, i, e);
        if (rc == 0)
            rc = bl_buf_addf(text, e, "%-25s %6zu %10.4g %10.4g %10.4g %10.4g %10.4g\n",
                             bl_feat_at(i)->name, s.n, s.mean, s.sd, s.min, s.median,
                             s.max);
    }
    return rc;
}

int bl_table_comparison(const bl_table *t, const bl_table *reference, bl_buf *text,
                        bl_err *e)
{
    bl_summary s, r;
    int rc = bl_buf_addf(text, e, "%-25s %6s %10s %10s %10s %10s %10s\n", "feature",
                         "pieces", "mean", "sd", "ref pieces", "ref mean", "ref sd");
    for (size_t i = 0; rc == 0 && i < bl_feat_count(); i++) {
        rc = summarise(&s, t, i, e);
        if (rc == 0)
            rc = summarise(&r, reference, i, e);
        if (rc == 0)
            rc = bl_buf_addf(text, e, "%-25s %6zu %10.4g %10.4g %10zu %10.4g %10.4g\n",
                             bl_feat_at(i)->name, s.n, s.mean, s.sd, r.n, r.mean, r.sd);
    }
    return rc;
}

int bl_table_list(bl_buf *text, bl_err *e)
{
    int rc = bl_buf_adds(text, "name\tunit\tdefinition\n", e);
    for (size_t i = 0; rc == 0 && i < bl_feat_count(); i++) {
        const bl_feat *f = bl_feat_at(i);
        rc = bl_buf_addf(text, e, "%s\t%s\t%s\n", f->name, f->unit, f->doc);
    }
    return rc;
}
