/* gate_chunk.c - see gate_impl.h: where chunks are, and how a file is given up. */
#include "midi/gate_impl.h"

int bl_gate_reject(bl_gate_state *g, bl_reject why, int code, size_t offset,
                   const char *cause)
{
    g->report->reject = why;
    return bl_fail_at(g->e, code, (int64_t)offset, "%s", cause);
}

size_t bl_gate_find(const bl_gate_state *g, const char *id, size_t from, size_t end)
{
    for (size_t i = from; i + 4 <= end; i++)
        if (memcmp(g->in + i, id, 4) == 0)
            return i;
    return g->len;
}

int bl_gate_is_chunk(const bl_gate_state *g, size_t at)
{
    if (at + 8 > g->len)
        return at == g->len;
    for (size_t i = at; i < at + 4; i++)
        if (g->in[i] < 0x20 || g->in[i] > 0x7e)
            return 0;
    return 1;
}
