/* fidelity_notes.c - see fidelity_notes.h. */
#include "flow/fidelity_notes.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int by_place(const void *a, const void *b)
{
    const bl_kept_note *x = a, *y = b;
    if (x->bar != y->bar)
        return x->bar < y->bar ? -1 : 1;
    if (x->position != y->position)
        return x->position - y->position;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    if (x->pitch != y->pitch)
        return x->pitch - y->pitch;
    return memcmp(x->token, y->token, sizeof x->token);
}

static int add(bl_kept_notes *to, const bl_hole_item *item, bl_err *e)
{
    void *p = to->note;
    int rc = bl_grow(&p, &to->cap, to->n + 1, sizeof *to->note, e);
    to->note = p;
    if (rc != 0)
        return rc;
    bl_kept_note *x = &to->note[to->n++];
    *x = (bl_kept_note){item->bar, item->position, item->rank, item->pitch, {0}};
    memcpy(x->token, item->token, sizeof *item->token * item->n);
    return 0;
}

int bl_kept_read(bl_kept_notes *to, const bl_scheme *s, const uint16_t *ids, size_t n,
                 const bl_hole *hole, const bl_parts *parts, bl_err *e)
{
    uint8_t players[BL_HOLE_PLAYERS];
    bl_hole_piece p = {0};
    int rc = bl_hole_read(&p, s, ids, n, e);
    if (rc == 0 && hole != NULL && parts != NULL)
        rc = bl_hole_take_parts(&p, hole, parts, players, e);
    else if (rc == 0 && hole != NULL)
        (void)bl_hole_take(&p, hole, NULL);
    for (size_t i = 0; rc == 0 && i < p.n; i++)
        if (p.item[i].is_note && !p.item[i].is_taken)
            rc = add(to, &p.item[i], e);
    if (to->n > 0)
        qsort(to->note, to->n, sizeof *to->note, by_place);
    bl_hole_piece_free(&p);
    return rc;
}

size_t bl_kept_same(const bl_kept_notes *a, const bl_kept_notes *b)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
        int order = by_place(&a->note[i], &b->note[j]);
        n += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return n;
}
