/* overlap_lists.c - see overlap_impl.h: growing and sorting. */
#include "midi/overlap_impl.h"

#include <stdlib.h>

int bl_overlap_add(bl_overlap *o, bl_end_events *to, bl_end_event x)
{
    int rc = bl_room(&to->x, &to->cap, to->n + 1, sizeof x, o->e);
    if (rc == 0)
        to->x[to->n++] = x;
    return rc;
}

int bl_overlap_number(bl_overlap *o, bl_end_numbers *to, uint32_t high, uint32_t low,
                      uint32_t item)
{
    int rc = bl_room(&to->x, &to->cap, to->n + 1, sizeof *to->x, o->e);
    if (rc == 0)
        to->x[to->n++] = (bl_keyed){(uint64_t)high << 32 | low, item};
    return rc;
}

int bl_overlap_reserve(bl_overlap *o, size_t n)
{
    if (n <= o->cap_stack)
        return 0;
    uint32_t **array[] = {&o->stack, &o->ons, &o->offs};
    for (int i = 0; i < 3; i++) {
        free(*array[i]);
        *array[i] = bl_calloc(2 * n, sizeof **array[i], o->e);
        if (*array[i] == NULL) {
            o->cap_stack = 0;
            return BL_E_NOMEM;
        }
    }
    o->cap_stack = 2 * n;
    return 0;
}

int bl_overlap_sort(bl_overlap *o, bl_end_events *list, int by_tick)
{
    bl_end_events sorted = {0};
    int rc = 0;
    o->order.n = 0;
    for (size_t i = 0; i < list->n && rc == 0; i++)
        rc = bl_overlap_number(o, &o->order, list->x[i].key,
                               by_tick ? (uint32_t)list->x[i].tick : 0, (uint32_t)i);
    if (rc == 0)
        rc = bl_sort_keyed(o->order.x, o->order.n, o->e);
    for (size_t i = 0; i < list->n && rc == 0; i++)
        rc = bl_overlap_add(o, &sorted, list->x[o->order.x[i].item]);
    if (rc != 0) {
        free(sorted.x);
        return rc;
    }
    free(list->x);
    *list = sorted;
    return 0;
}

size_t bl_overlap_place(const bl_keyed *x, size_t n, uint32_t high, uint32_t low)
{
    uint64_t key = (uint64_t)high << 32 | low;
    size_t from = 0, to = n;
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (x[mid].key < key)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

size_t bl_overlap_run(const bl_end_events *list, size_t from, int of_track)
{
    const bl_end_event *x = list->x + from;
    size_t n = 1;
    while (from + n < list->n && x[n].key == x->key &&
           (!of_track || x[n].track == x->track))
        n++;
    return n;
}

/* ---- notes ---- */

void bl_overlap_close(bl_overlap *o, const bl_end_event *on, int32_t tick)
{
    bl_note *n = &o->song->notes[on->note];
    if (n->off < 0)
        n->closed = o->closed++;
    n->off = tick;
}

int bl_overlap_length(bl_overlap *o, uint32_t key, int32_t length)
{
    int rc = bl_overlap_number(o, &o->own_lengths, key, (uint32_t)length, 0);
    return rc == 0 ? bl_overlap_number(o, &o->lengths, key / BL_KEYS_OF_CHANNEL,
                                       (uint32_t)length, 0)
                   : rc;
}

void bl_overlap_guess(bl_overlap *o, const bl_end_event *on, int32_t tick)
{
    bl_overlap_close(o, on, tick);
    o->report->fixes[BL_FIX_OPEN_NOTE]++;
}
