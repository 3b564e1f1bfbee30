/* graph.c - see graph.h. */
#include "nn/op/graph.h"
#include "base/mem.h"
#include "nn/kernel/tile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static int keep(bl_graph *g, void *block)
{
    void *p = g->blocks;
    int rc = bl_grow(&p, &g->cap_blocks, g->n_blocks + 1, sizeof *g->blocks, g->e);
    g->blocks = p;
    if (rc == 0)
        g->blocks[g->n_blocks++] = block;
    return rc;
}

void *bl_graph_alloc(bl_graph *g, size_t n, size_t size)
{
    size_t bytes;
    if (g->e->code != 0)
        return NULL;
    if (bl_mul(n, size, &bytes) != 0 || bytes > SIZE_MAX / 2) {
        bl_fail(g->e, BL_E_NOMEM, "a buffer of %zu x %zu bytes does not fit", n, size);
        return NULL;
    }
    bytes = (bytes / ALIGN + 1) * ALIGN;
    void *block = g->is_room ? calloc(1, bytes + ALIGN) : aligned_alloc(ALIGN, bytes);
    if (block == NULL) {
        bl_fail(g->e, BL_E_NOMEM, "out of memory asking for %zu bytes", bytes);
        return NULL;
    }
    if (!g->is_room) /* memory that is not there shows before step 0 */
        memset(block, 0, bytes);
    if (keep(g, block) != 0) {
        free(block);
        return NULL;
    }
    g->bytes += (int64_t)bytes;
    return (char *)block + (g->is_room ? ALIGN - (uintptr_t)block % ALIGN : 0);
}

void bl_graph_release(bl_graph *g, void *block)
{
    for (size_t i = 0; i < g->n_blocks; i++)
        if ((uintptr_t)block - (uintptr_t)g->blocks[i] <= ALIGN) { /* is_room */
            free(g->blocks[i]);
            g->blocks[i] = g->blocks[--g->n_blocks];
            return;
        }
}

bl_real *bl_graph_scratch(bl_graph *g, size_t n)
{
    if (n > g->scratch_n) {
        g->scratch = bl_graph_alloc(g, n, sizeof *g->scratch);
        g->scratch_n = n;
    }
    return g->scratch;
}

bl_mat *bl_graph_view(bl_graph *g, bl_real *v, bl_real *grad, int64_t rows,
                      int64_t cols)
{
    bl_mat *m = bl_graph_alloc(g, 1, sizeof *m);
    if (m == NULL)
        return NULL;
    if (rows > INT32_MAX || cols > INT32_MAX) {
        bl_fail(g->e, BL_E_LIMIT, "a buffer has more than 2^31 rows or columns");
        return NULL;
    }
    void *p = g->mats;
    int rc = bl_grow(&p, &g->cap_mats, g->n_mats + 1, sizeof *g->mats, g->e);
    g->mats = p;
    if (rc != 0)
        return NULL;
    g->mats[g->n_mats++] = m;
    *m = (bl_mat){
        .v = v, .g = grad, .rows = (int)rows, .cols = (int)cols, .is_param = 1};
    return m;
}

/* A matrix over v that an op is going to fill. */
static bl_mat *filled(bl_graph *g, bl_real *v, int64_t rows, int64_t cols, int grad)
{
    bl_mat *m = g->e->code == 0 ? bl_graph_view(g, v, NULL, rows, cols) : NULL;
    if (m == NULL)
        return NULL;
    m->is_param = 0;
    m->wants_grad = grad && g->train;
    m->made_by = (int)g->n_ops;
    m->last_use = -1;
    return m;
}

bl_mat *bl_graph_mat(bl_graph *g, int64_t rows, int64_t cols, int grad)
{
    size_t n;
    if (bl_mul((size_t)rows, (size_t)cols, &n) != 0)
        n = SIZE_MAX;
    bl_real *v = bl_graph_alloc(g, n, sizeof *v);
    return filled(g, v, rows, cols, grad);
}

bl_mat *bl_graph_mat_at(bl_graph *g, bl_mat *m)
{
    return m == NULL ? NULL : filled(g, m->v, m->rows, m->cols, 1);
}

bl_mat *bl_graph_mat_over(bl_graph *g, bl_mat *m)
{
    if (m == NULL || m->is_passing)
        return bl_graph_mat_at(g, m);
    return bl_graph_mat(g, m->rows, m->cols, 1);
}

void bl_graph_reads(bl_graph *g, bl_mat *m)
{
    if (m != NULL)
        m->last_use = (int)g->n_ops;
}

void *bl_graph_op(bl_graph *g, void (*forward)(bl_graph *, void *),
                  void (*backward)(bl_graph *, void *), const void *args, size_t size)
{
    void *copy = bl_graph_alloc(g, 1, size);
    void *p = g->ops;
    if (copy == NULL ||
        bl_grow(&p, &g->cap_ops, g->n_ops + 1, sizeof *g->ops, g->e) != 0)
        return NULL;
    memcpy(copy, args, size);
    g->ops = p;
    g->ops[g->n_ops++] = (bl_op){forward, backward, copy};
    return copy;
}

/* ---- the plan of gradients ---- */

/* Memory for one gradient at a time. */
typedef struct {
    bl_real *block;
    size_t n;
    int taken;
} place;

typedef struct {
    place *places;
    size_t n, cap;
} plan;

/* The smallest free place that is large enough, else a new one. */
static bl_real *settle(bl_graph *g, plan *p, size_t n)
{
    place *best = NULL;
    for (size_t i = 0; i < p->n; i++) {
        place *q = &p->places[i];
        if (!q->taken && q->n >= n && (best == NULL || q->n < best->n))
            best = q;
    }
    if (best == NULL) {
        void *array = p->places;
        int rc = bl_grow(&array, &p->cap, p->n + 1, sizeof *p->places, g->e);
        p->places = array;
        bl_real *block = rc == 0 ? bl_graph_alloc(g, n, sizeof *block) : NULL;
        if (block == NULL)
            return NULL;
        best = &p->places[p->n++];
        *best = (place){.block = block, .n = n};
    }
    best->taken = 1;
    return best->block;
}

static void leave(plan *p, const bl_real *block)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->places[i].block == block)
            p->places[i].taken = 0;
}

void bl_graph_plan(bl_graph *g)
{
    plan p = {0};
    for (int op = (int)g->n_ops; op-- > 0 && g->e->code == 0;) {
        for (size_t i = 0; i < g->n_mats; i++) {
            bl_mat *m = g->mats[i];
            if (m->wants_grad && m->last_use == op)
                m->g = settle(g, &p, (size_t)m->rows * (size_t)m->cols);
        }
        for (size_t i = 0; i < g->n_mats; i++)
            if (g->mats[i]->wants_grad && g->mats[i]->made_by == op)
                leave(&p, g->mats[i]->g);
    }
    free(p.places);
}

/* ---- precision ---- */

/* bf16 pays where a head's products are as deep as its packed steps; a state that is
 * rounded again at each token drifts. */
bl_precision bl_graph_precision(const bl_graph *g, bl_product of, int depth)
{
    if (g->precision == BL_INT8) /* as the sampler, which keeps no head in 8 bits */
        return of == BL_OF_HEAD ? BL_FP32 : BL_INT8;
    if (of == BL_OF_STATE || (of == BL_OF_HEAD && depth < BL_PANEL))
        return BL_FP32;
    return g->precision;
}

/* ---- running ---- */

void bl_graph_forward(bl_graph *g)
{
    bl_graph_forward_from(g, 0);
}

void bl_graph_forward_from(bl_graph *g, size_t op)
{
    for (size_t i = op; i < g->n_ops; i++)
        g->ops[i].forward(g, g->ops[i].args);
}

void bl_graph_backward(bl_graph *g)
{
    for (size_t i = 0; i < g->n_mats; i++)
        g->mats[i]->has_grad = g->mats[i]->is_param;
    for (size_t i = g->n_ops; i-- > 0;)
        if (g->ops[i].backward != NULL)
            g->ops[i].backward(g, g->ops[i].args);
}

void bl_graph_free(bl_graph *g)
{
    for (size_t i = 0; i < g->n_blocks; i++)
        free(g->blocks[i]);
    free(g->blocks);
    free(g->mats);
    free(g->ops);
    *g = (bl_graph){0};
}

bl_real bl_grad_beta(bl_mat *m)
{
    bl_real beta = m->has_grad ? 1 : 0;
    m->has_grad = 1;
    return beta;
}

void bl_rows_of(int rows, int part, int *start, int *end)
{
    *start = (int)((int64_t)rows * part / BL_PARTS);
    *end = (int)((int64_t)rows * (part + 1) / BL_PARTS);
}
