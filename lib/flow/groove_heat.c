/* groove_heat.c - see groove_heat.h. */
#include "flow/groove_heat.h"

#include "flow/row_sets.h"
#include "io/walk.h"
#include "token/hvo.h"

#include <stdlib.h>

int bl_groove_heat_fill(bl_heat *h, int set, const bl_row_store *from,
                        const bl_labels *labels, bl_err *e)
{
    size_t numbers = bl_rows_numbers(&from->kind);
    int rc = 0;
    for (int v = 0; v < BL_HEAT_VOICES; v++)
        h->voice[v] = bl_hvo_voice_name(v);
    for (size_t i = 0; i < from->n_pieces && rc == 0; i++) {
        char name[BL_ROW_GROUP_MAX];
        bl_rows rows = bl_row_store_rows(from, i);
        bl_row_group(from->pieces[i].name, from->pieces[i].labels, labels, name);
        bl_heat_group *g = bl_heat_group_of(h, name[0] != '\0' ? name : "no label", e);
        if (g == NULL)
            return e->code;
        g->pieces[set]++;
        for (size_t k = 0; k < rows.n && rc == 0; k++)
            rc =
                bl_heat_add(h, g, set, rows.x + k * numbers, numbers / BL_HVO_CELLS, e);
    }
    return rc;
}

static int read_sets(bl_heat *h, const bl_groove_heat_wish *w, const char *const *paths,
                     size_t n, bl_err *e)
{
    bl_labels labels = {0};
    bl_row_store own = {0}, other = {0};
    int rc = bl_row_labels_read(&labels, w->labels, e);
    if (rc == 0)
        rc = bl_row_set_read(&own, paths, n, 1, e);
    if (rc == 0 && w->reference != NULL)
        rc = bl_row_set_read(&other, &w->reference, 1, 1, e);
    if (rc == 0)
        rc = bl_groove_heat_fill(h, 0, &own, &labels, e);
    if (rc == 0 && w->reference != NULL)
        rc = bl_groove_heat_fill(h, 1, &other, &labels, e);
    bl_row_store_free(&own);
    bl_row_store_free(&other);
    bl_labels_free(&labels);
    return rc;
}

int bl_groove_heat_add(const bl_groove_heat_wish *w, const char *const *paths, size_t n,
                       bl_buf *text, bl_err *e)
{
    bl_heat heat = {.seed = w->seed};
    bl_svg s = {.out = text, .e = e};
    char *name = bl_path_last(n > 0 ? paths[0] : "stdin", e);
    char *beside = w->reference != NULL ? bl_path_last(w->reference, e) : NULL;
    int rc =
        name == NULL || (beside == NULL) != (w->reference == NULL) ? BL_E_NOMEM : 0;
    heat.set[0] = name;
    heat.set[1] = beside;
    if (rc == 0)
        rc = read_sets(&heat, w, paths, n, e);
    if (rc == 0) {
        bl_heat_sort(&heat);
        bl_heat_draw(&s, &heat);
        rc = s.rc;
    }
    bl_heat_free(&heat);
    free(name);
    free(beside);
    return rc;
}
