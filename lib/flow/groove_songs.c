/* groove_songs.c - see groove_songs.h. */
#include "flow/groove_songs.h"

#include <stdlib.h>

int bl_groove_songs_begin(bl_groove_songs *g, bl_zr *zr, const char *name, bl_err *e)
{
    int rc = bl_rowsr_new(&g->reader, zr, name, e);
    if (rc == 0)
        rc = bl_groove_bars(bl_rowsr_kind(g->reader), &g->bars, e);
    if (rc != 0)
        return rc;
    g->more = bl_rowsr_next(g->reader, &g->record, e);
    return (int)bl_min(g->more, 0);
}

static int begin(bl_groove_songs *g, bl_song *song, bl_err *e)
{
    static const bl_labels none = {0};
    const bl_rows_piece *p = &g->record;
    free(g->name);
    g->name = bl_strdup(p->name, e);
    if (g->name == NULL)
        return BL_E_NOMEM;
    bl_row_group(p->name, p->labels, &none, g->group);
    return bl_hvo_decode_begin(&g->decoder, song, p->tpq, e);
}

static int decode(bl_groove_songs *g, bl_err *e)
{
    const bl_rows *rows = &g->record.rows;
    size_t numbers = bl_rows_numbers(bl_rowsr_kind(g->reader));
    int rc = bl_groove_check(&g->record, g->bars, e);
    for (size_t i = 0; i < rows->n && rc == 0; i++)
        rc = bl_hvo_decode(&g->decoder, rows->x + i * numbers, g->bars, rows->bar[i],
                           rows->tempo[i], e);
    return rc;
}

int bl_groove_songs_next(bl_groove_songs *g, bl_song *song, bl_err *e)
{
    if (g->more <= 0)
        return g->more;
    int rc = begin(g, song, e);
    do {
        if (rc == 0)
            rc = decode(g, e);
        if (rc == 0)
            g->more = bl_rowsr_next(g->reader, &g->record, e);
    } while (rc == 0 && g->more > 0 && !g->record.begins);
    if (rc == 0)
        rc = (int)bl_min(g->more, 0);
    if (rc == 0)
        rc = bl_hvo_decode_end(&g->decoder, e);
    return rc == 0 ? 1 : rc;
}

void bl_groove_songs_free(bl_groove_songs *g)
{
    bl_rowsr_del(g->reader);
    bl_rows_piece_free(&g->record);
    free(g->name);
    *g = (bl_groove_songs){0};
}
