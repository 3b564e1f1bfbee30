/* memory.c - the one manager of what a model remembers of the tokens before the
 * segment: the inputs of attention layers, what is compressed of older ones, the state
 * of LSTM cells. */
#include "model/model_impl.h"
#include "nn/op/ops.h"

#include <string.h>

enum { GRU_ROWS = 1, LSTM_ROWS = 2 }; /* h; h, c */

int bl_model_rows_of(const bl_model_config *c)
{
    if (c->arch != BL_ARCH_LSTM)
        return c->compressed + c->memory;
    return c->cell == BL_CELL_GRU ? GRU_ROWS : LSTM_ROWS;
}

int bl_model_memory_rows(const bl_model *m)
{
    return bl_model_rows_of(&m->config);
}

bl_real *bl_model_memory(bl_model *m, int layer)
{
    return m->memory[layer];
}

int32_t *bl_model_memory_length(bl_model *m)
{
    return m->mem_length;
}

int bl_model_length_begin(const bl_model_config *c)
{
    return c->zero_memory ? c->memory : 0;
}

/* Compressed rows that a lane gets from n_real tokens. */
static int n_squeezed(const bl_model_config *c, int length, int n_real)
{
    return c->compressed > 0 ? bl_n_evicted(length, c->memory, n_real) / c->ratio : 0;
}

int bl_model_length_after(const bl_model_config *c, int length, int n_real)
{
    int plain = (int)bl_min(length, c->memory);
    int squeezed = length - plain + n_squeezed(c, length, n_real);
    if (c->arch == BL_ARCH_LSTM)
        return length;
    return (int)(bl_min(c->memory, plain + n_real) + bl_min(c->compressed, squeezed));
}

bl_squeezer bl_model_squeezer(const bl_model_config *c, const bl_layer *l)
{
    bl_squeezer s = {.how = (bl_compressor)c->compressor,
                     .loss = (bl_rebuild)c->compressor_loss,
                     .ratio = c->ratio,
                     .width = c->width};
    if (l == NULL)
        return s;
    s.cw = l->cw;
    s.cb = l->cb;
    s.dw = l->dw;
    s.db = l->db;
    s.gw = l->gw;
    s.gb = l->gb;
    return s;
}

int bl_model_aux_terms(const bl_model_config *c, int length, int n_real)
{
    const bl_squeezer s = bl_model_squeezer(c, NULL);
    if (c->arch == BL_ARCH_LSTM)
        return 0;
    return bl_n_rebuilt(&s, n_squeezed(c, length, n_real), n_real);
}

/* The memory of a lane in a layer. */
static bl_real *lane_of(const bl_model *m, int layer, int lane)
{
    return m->memory[layer] +
           (ptrdiff_t)lane * bl_model_memory_rows(m) * m->config.width;
}

void bl_model_forget(bl_model *m, int lane)
{
    const bl_model_config *c = &m->config;
    size_t row = (size_t)c->width * sizeof(bl_real);
    m->mem_length[lane] = bl_model_length_begin(c);
    if (!c->zero_memory && c->arch != BL_ARCH_LSTM)
        return;
    for (int n = 0; n < c->layers; n++)
        if (m->memory[n] != NULL)
            memset(lane_of(m, n, lane), 0, (size_t)bl_model_memory_rows(m) * row);
}

/* The last `slots` rows of [slots ; fresh] for rows of d numbers. */
static void shift_in(bl_real *slots, int n_slots, const bl_real *fresh, int n_fresh,
                     size_t d)
{
    int n = n_fresh < n_slots ? n_fresh : n_slots;
    size_t kept = (size_t)(n_slots - n);
    memmove(slots, slots + (size_t)n * d, kept * d * sizeof *slots);
    memcpy(slots + kept * d, fresh + (size_t)(n_fresh - n) * d,
           (size_t)n * d * sizeof *slots);
}

/* Compressed rows take their places before the ordinary slots move on. */
static void advance_slots(bl_model *m, int lane, int n_real)
{
    const bl_model_config *c = &m->config;
    size_t d = (size_t)c->width;
    ptrdiff_t t = (ptrdiff_t)c->segment * lane;
    int length = m->mem_length[lane], n_new = n_squeezed(c, length, n_real);
    for (int n = 0; n < c->layers; n++) {
        if (m->memory[n] == NULL)
            continue;
        bl_real *compressed = lane_of(m, n, lane);
        bl_real *memory = compressed + (size_t)c->compressed * d;
        if (n_new > 0)
            shift_in(compressed, c->compressed, m->extra[n] + t / c->ratio * c->width,
                     n_new, d);
        shift_in(memory, c->memory, m->fresh[n] + t * c->width, n_real, d);
    }
    m->mem_length[lane] = bl_model_length_after(c, length, n_real);
}

static void advance_cells(bl_model *m, int lane, int n_real)
{
    size_t d = (size_t)m->config.width, bytes = d * sizeof(bl_real);
    size_t last = ((size_t)lane * (size_t)m->config.segment + (size_t)n_real - 1) * d;
    for (int n = 0; n < m->config.layers && n_real > 0; n++) {
        bl_real *state = lane_of(m, n, lane);
        memcpy(state, m->fresh[n] + last, bytes);
        if (m->extra[n] != NULL)
            memcpy(state + d, m->extra[n] + last, bytes);
    }
}

void bl_model_advance(bl_model *m)
{
    for (int lane = 0; lane < m->lanes; lane++) {
        int n_real = m->graph.feed.n_real[lane];
        if (m->config.arch == BL_ARCH_LSTM)
            advance_cells(m, lane, n_real);
        else
            advance_slots(m, lane, n_real);
    }
}
