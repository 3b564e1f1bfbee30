/* field.c - see field.h. */
#include "feature/family.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int with; /* the bit that asks for it */
    const bl_field *fields;
    bl_family_fn *compute;
} family;

static const family families[] = {
    {BL_WITH_VECTORS, bl_fields_vectors, bl_compute_vectors},
    {BL_WITH_MELODY, bl_fields_melody, bl_compute_melody},
    {BL_WITH_SI, bl_fields_si, bl_compute_si},
    {BL_WITH_REPEATS, bl_fields_repeats, bl_compute_repeats},
    {BL_WITH_GROOVE, bl_fields_groove, bl_compute_groove},
    {BL_WITH_COMPAT, bl_fields_mgeval, bl_compute_mgeval},
    {BL_WITH_COMPAT, bl_fields_muspy, bl_compute_muspy},
    {BL_WITH_COMPAT, bl_fields_musdr, bl_compute_musdr},
};

static void add_field(bl_layout *l, bl_field f)
{
    if (l->n == BL_FIELDS_MAX)
        return;
    l->at[l->n] = f.rows > 0 ? l->n_columns : l->n_series;
    l->field[l->n++] = f;
    if (f.rows > 0)
        l->n_columns += bl_field_size(&f);
    else
        l->n_series++;
}

void bl_layout_make(bl_layout *l, int with)
{
    const bl_feat *f;
    *l = (bl_layout){.with = with};
    for (size_t i = 0; (f = bl_feat_at(i)) != NULL; i++)
        add_field(l, (bl_field){f->name, f->unit, f->doc, 1, 1});
    for (size_t i = 0; i < BL_COUNT(families); i++)
        if (with & families[i].with)
            for (const bl_field *x = families[i].fields; x->name != NULL; x++)
                add_field(l, *x);
}

int bl_layout_find(const bl_layout *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->field[i].name, name) == 0)
            return (int)i;
    return -1;
}

int bl_field_is_share(const bl_field *f)
{
    static const char *const names[] = {
        "drum_share",
        "scale_consistency",
        "poly2_rate",
        "poly3_rate",
        "off_grid",
        "empty_beat_rate",
        "empty_bar_rate",
        "groove_consistency",
        "grooving_similarity",
        "si_short",
        "si_mid",
        "si_long",
        "rep_1",
        "rep_2",
        "rep_4",
        "rep_8",
        "repeated_bar_share",
    };
    for (size_t i = 0; i < BL_COUNT(names); i++)
        if (strcmp(f->name, names[i]) == 0)
            return 1;
    return 0;
}

int bl_row_compute(bl_row *row, const bl_layout *l, bl_view *v, const bl_view_input *in,
                   bl_err *e)
{
    void *p = row->value;
    int rc = bl_grow(&p, &row->cap, l->n_columns, sizeof *row->value, e);
    row->value = p;
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < l->n_columns; i++)
        row->value[i] = NAN;
    for (size_t i = 0; i < BL_SERIES_MAX; i++)
        row->series[i].n = 0;
    rc = bl_feat_compute(v, in, row->value, e);
    double *out = row->value + bl_feat_count();
    bl_series *series = row->series;
    for (size_t i = 0; rc == 0 && i < BL_COUNT(families); i++) {
        if ((l->with & families[i].with) == 0)
            continue;
        rc = families[i].compute(v, out, series, e);
        for (const bl_field *f = families[i].fields; f->name != NULL; f++) {
            out += bl_field_size(f);
            series += f->rows == 0;
        }
    }
    return rc;
}

void bl_row_free(bl_row *row)
{
    free(row->value);
    for (size_t i = 0; i < BL_SERIES_MAX; i++)
        free(row->series[i].x);
    *row = (bl_row){0};
}
