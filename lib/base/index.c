/* index.c - see index.h. */
#include "base/index.h"
#include "base/mem.h"

#include <stdlib.h>

static void put(bl_index *x, bl_index_slot s)
{
    size_t i = bl_index_start(x, s.key);
    while (x->slot[i].item != 0)
        i = (i + 1) & (x->n_slots - 1);
    x->slot[i] = s;
}

static int grow(bl_index *x, bl_err *e)
{
    if (4 * (x->n + 1) <= 3 * x->n_slots)
        return 0;
    bl_index more = {.n = x->n, .n_slots = x->n_slots == 0 ? 64 : 2 * x->n_slots};
    more.slot = bl_calloc(more.n_slots, sizeof *more.slot, e);
    if (more.slot == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < x->n_slots; i++)
        if (x->slot[i].item != 0)
            put(&more, x->slot[i]);
    free(x->slot);
    *x = more;
    return 0;
}

int bl_index_add(bl_index *x, uint64_t key, size_t item, bl_err *e)
{
    int rc = grow(x, e);
    if (rc != 0)
        return rc;
    put(x, (bl_index_slot){key, (uint32_t)item + 1});
    x->n++;
    return 0;
}

void bl_index_free(bl_index *x)
{
    free(x->slot);
    *x = (bl_index){0};
}
