/* mapping.c - see mapping.h. */
#include "flow/mapping.h"

#include "base/rng.h"
#include "compare/plane.h"
#include "flow/row_sets.h"
#include "io/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1000, PERPLEXITY = 30 };

/* ---- points ---- */

static int make_arrays(bl_map *m, bl_err *e)
{
    m->row = bl_calloc(m->n, sizeof *m->row, e);
    m->piece = bl_calloc(m->n, sizeof *m->piece, e);
    m->group = bl_calloc(m->n, sizeof *m->group, e);
    m->name = bl_calloc(m->n, sizeof *m->name, e);
    m->xy[0] = bl_calloc(2 * m->n, sizeof *m->xy[0], e);
    m->xy[1] = bl_calloc(2 * m->n, sizeof *m->xy[1], e);
    return m->row != NULL && m->piece != NULL && m->group != NULL && m->name != NULL &&
                   m->xy[0] != NULL && m->xy[1] != NULL
               ? 0
               : BL_E_NOMEM;
}

/* Which rows: all, or so many of them that each is as likely (Knuth's algorithm S). */
static void choose(bl_map *m, const bl_row_store *from, uint64_t seed)
{
    bl_rng rng = bl_rng_make(seed, 0);
    size_t row = 0, n = 0;
    for (size_t i = 0; i < from->n_pieces; i++)
        for (size_t k = 0; k < from->pieces[i].n; k++, row++)
            if (m->n == m->of ||
                bl_rng_below(&rng, (uint32_t)(m->of - row)) < m->n - n) {
                m->row[n] = row;
                m->piece[n++] = i;
            }
}

static int name_points(bl_map *m, const bl_row_store *from, const bl_labels *labels,
                       bl_err *e)
{
    const int32_t *bar = (const int32_t *)(const void *)from->bar.data;
    bl_buf text = {0};
    int rc = 0;
    for (size_t i = 0; i < m->n && rc == 0; i++) {
        char group[BL_ROW_GROUP_MAX];
        const bl_row_piece *p = &from->pieces[m->piece[i]];
        bl_row_group(p->name, p->labels, labels, group);
        text.len = 0;
        rc = bl_name_encode(p->name, &text, e);
        if (rc == 0)
            rc = bl_buf_addf(&text, e, "%c%d", '\t', (int)bar[m->row[i]]);
        if (rc == 0 && bl_buf_str(&text, e) == NULL)
            rc = BL_E_NOMEM;
        m->name[i] = rc == 0 ? bl_strdup((const char *)text.data, e) : NULL;
        m->group[i] = bl_strdup(group, e);
        if (rc == 0 && (m->name[i] == NULL || m->group[i] == NULL))
            rc = BL_E_NOMEM;
    }
    bl_buf_free(&text);
    return rc;
}

static int place(bl_map *m, const bl_row_store *from, uint64_t seed, bl_err *e)
{
    size_t d = bl_rows_numbers(&from->kind);
    const bl_tsne_wish w = {PERPLEXITY, STEPS, seed};
    float *x = bl_calloc(m->n * d, sizeof *x, e);
    int rc = x != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < m->n && rc == 0; i++)
        memcpy(x + i * d, bl_row_store_x(from, m->row[i]), d * sizeof *x);
    if (rc == 0)
        rc = bl_principal(x, m->n, d, m->xy[0], m->share, e);
    if (rc == 0) {
        memcpy(m->xy[1], m->xy[0], 2 * m->n * sizeof *m->xy[0]);
        rc = bl_tsne(x, m->n, d, &w, m->xy[1], &m->cost, e);
    }
    free(x);
    return rc;
}

int bl_map_make(bl_map *m, const bl_row_store *from, const bl_labels *labels,
                uint64_t seed, bl_err *e)
{
    m->of = from->n_rows;
    m->n = (size_t)bl_min((int64_t)m->of, BL_PLANE_MOST);
    m->perplexity = bl_min(PERPLEXITY, (int64_t)(m->n > 3 ? (m->n - 1) / 3 : 1));
    int rc = make_arrays(m, e);
    if (rc != 0)
        return rc;
    choose(m, from, seed);
    rc = name_points(m, from, labels, e);
    return rc == 0 ? place(m, from, seed, e) : rc;
}

void bl_map_free(bl_map *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->group != NULL)
            free(m->group[i]);
        if (m->name != NULL)
            free(m->name[i]);
    }
    free(m->row);
    free(m->piece);
    free(m->group);
    free(m->name);
    free(m->xy[0]);
    free(m->xy[1]);
    *m = (bl_map){0};
}

/* ---- what is shown of them ---- */

bl_scatter bl_map_scatter(bl_map *m)
{
    snprintf(m->title[0], sizeof m->title[0], "Principal components");
    snprintf(m->title[1], sizeof m->title[1], "t-SNE, perplexity %g: who is near whom",
             m->perplexity);
    for (int i = 0; i < 2; i++)
        snprintf(m->axis[i], sizeof m->axis[i], "%s component, %.1f %% of the variance",
                 i == 0 ? "first" : "second", 100 * m->share[i]);
    return (bl_scatter){
        .n = m->n,
        .group = (const char *const *)m->group,
        .name = (const char *const *)m->name,
        .plane = {{m->title[0], m->axis[0], m->axis[1], m->xy[0]},
                  {m->title[1], "", "", m->xy[1]}},
    };
}

static int add_table(const bl_map *m, bl_buf *text, bl_err *e)
{
    int rc = bl_buf_adds(text, "name\tbar\tgroup\tpc1\tpc2\ttsne1\ttsne2\n", e);
    for (size_t i = 0; i < m->n && rc == 0; i++)
        rc = bl_buf_addf(text, e, "%s\t%s\t%.6g\t%.6g\t%.6g\t%.6g\n", m->name[i],
                         m->group[i], m->xy[0][2 * i], m->xy[0][2 * i + 1],
                         m->xy[1][2 * i], m->xy[1][2 * i + 1]);
    return rc;
}

int bl_map_add(const bl_map_wish *w, const char *const *paths, size_t n, bl_buf *text,
               bl_err *e)
{
    bl_labels labels = {0};
    bl_row_store rows = {0};
    bl_map map = {0};
    int rc = bl_row_labels_read(&labels, w->labels, e);
    if (rc == 0)
        rc = bl_row_set_read(&rows, paths, n, 0, e);
    if (rc == 0)
        rc = bl_map_make(&map, &rows, &labels, w->seed, e);
    if (rc == 0 && w->is_table)
        rc = add_table(&map, text, e);
    else if (rc == 0) {
        bl_svg s = {.out = text, .e = e};
        bl_scatter of = bl_map_scatter(&map);
        bl_scatter_draw(&s, &of, -1, 1);
        rc = s.rc;
    }
    bl_map_free(&map);
    bl_row_store_free(&rows);
    bl_labels_free(&labels);
    return rc;
}
