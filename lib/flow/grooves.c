/* grooves.c - see grooves.h. */
#include "flow/grooves.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bl_rows_kind bl_groove_kind(int bars)
{
    return (bl_rows_kind){.scheme = BL_GROOVE,
                          .name = "hvo",
                          .ndim = 2,
                          .shape = {(int64_t)bars * BL_HVO_BAR, BL_HVO_CELLS}};
}

int bl_groove_bars(const bl_rows_kind *kind, int *bars, bl_err *e)
{
    char text[128];
    const int64_t *shape = kind->shape;
    if (strcmp(kind->scheme, BL_GROOVE) != 0 || strcmp(kind->name, "hvo") != 0 ||
        kind->ndim != 2 || shape[1] != BL_HVO_CELLS)
        return bl_fail(e, BL_E_FORMAT,
                       "a stream of %s, not of grooves: groove hvo [steps, %d]",
                       bl_rows_kind_text(kind, text, sizeof text), BL_HVO_CELLS);
    if (shape[0] % BL_HVO_BAR != 0)
        return bl_fail(e, BL_E_FORMAT,
                       "its windows have %lld steps, not whole bars of "
                       "%d",
                       (long long)shape[0], BL_HVO_BAR);
    if (shape[0] > BL_HVO_WINDOW_MAX * BL_HVO_BAR)
        return bl_fail(e, BL_E_LIMIT, "its windows have more than %d bars",
                       BL_HVO_WINDOW_MAX);
    *bars = (int)(shape[0] / BL_HVO_BAR);
    return 0;
}

int bl_groove_check(const bl_rows_piece *p, int bars, bl_err *e)
{
    size_t steps = (size_t)bars * BL_HVO_BAR;
    for (size_t i = 0; i < p->rows.n; i++) {
        bl_err why = BL_ERR_INIT;
        const float *x = p->rows.x + i * steps * BL_HVO_CELLS;
        int rc = bl_hvo_check(x, steps, &why);
        if (rc != 0)
            return bl_fail(e, rc, "piece %" PRIu64 " '%.80s': window of bar %d: %.200s",
                           p->index, p->name, (int)p->rows.bar[i], why.text);
    }
    return 0;
}

int bl_groove_read(bl_row_store *s, bl_rowsr *r, int bars, bl_err *e)
{
    bl_rows_piece p = {0};
    int rc = 0, more = 0;
    s->kind = *bl_rowsr_kind(r);
    while (rc == 0 && (more = bl_rowsr_next(r, &p, e)) > 0) {
        rc = bars > 0 ? bl_groove_check(&p, bars, e) : 0;
        if (rc == 0)
            rc = bl_row_store_add(s, &p, e);
    }
    bl_rows_piece_free(&p);
    return rc == 0 ? more : rc;
}

int bl_grooves_begin(bl_grooves *g, int level, bl_err *e)
{
    bl_rows_kind kind = bl_groove_kind(g->frame.bars);
    return bl_rowsp_new(&g->packer, level, &kind, e);
}

/* All windows, which may show a bar several times. */
static int make_windows(bl_grooves *g, size_t n, bl_err *e)
{
    size_t numbers = (size_t)g->frame.bars * BL_HVO_BAR * BL_HVO_CELLS;
    if (n * (size_t)g->frame.bars > BL_GROOVE_BARS_MAX)
        return bl_fail(e, BL_E_LIMIT, "its windows have more than %d bars in all",
                       BL_GROOVE_BARS_MAX);
    int rc = bl_buf_reserve(&g->x, n * numbers * sizeof(float), e);
    if (rc == 0)
        rc = bl_buf_reserve(&g->bar, n * sizeof(int32_t), e);
    if (rc == 0)
        rc = bl_buf_reserve(&g->tempo, n * sizeof(float), e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t bar = i * (size_t)g->frame.hop;
        bl_hvo_window(&g->hvo, g->frame, i, (float *)(void *)g->x.data + i * numbers);
        ((int32_t *)(void *)g->bar.data)[i] = (int32_t)bar;
        ((float *)(void *)g->tempo.data)[i] = g->hvo.tempo[bar];
    }
    return rc;
}

int bl_grooves_pack(bl_grooves *g, bl_buf *out, uint64_t i, const bl_rows_info *info,
                    size_t *n, bl_err *e)
{
    *n = bl_hvo_windows(&g->hvo, g->frame);
    int rc = make_windows(g, *n, e);
    bl_rows rows = {*n, (const void *)g->x.data, (const void *)g->bar.data,
                    (const void *)g->tempo.data};
    return rc == 0 ? bl_rowsp_piece(g->packer, out, i, info, &rows, e) : rc;
}

void bl_grooves_free(bl_grooves *g)
{
    bl_rowsp_del(g->packer);
    bl_hvo_free(&g->hvo);
    bl_buf_free(&g->x);
    bl_buf_free(&g->bar);
    bl_buf_free(&g->tempo);
    *g = (bl_grooves){.frame = g->frame};
}
