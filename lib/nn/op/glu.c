/* glu.c - gated linear units: one half of a row, activated, times the other (Shazeer
 * 2020, "GLU variants improve Transformer"; with silu SwiGLU). The matrices before and
 * after are linear.c's. */
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_mat *x, *out; /* (rows, 2 f), (rows, f) */
    bl_act act;
    double dropout;
    uint32_t site;
    bl_real *scratch; /* (BL_PARTS, 2 f) */
} glu_args;

typedef struct {
    bl_graph *g;
    glu_args *a;
    bl_real beta;
} job;

void bl_glu_row(bl_act act, bl_real *x, int f, bl_real *y)
{
    bl_activate(act, x, f);
    if (y != x)
        memcpy(y, x, (size_t)f * sizeof *y);
    bl_times(y, x + f, f);
}

static void forward_part(void *arg, int part)
{
    job *j = arg;
    glu_args *a = j->a;
    int start, end, f = a->out->cols;
    bl_rows_of(a->out->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        const bl_real *x = a->x->v + (ptrdiff_t)r * 2 * f;
        bl_real *out = a->out->v + (ptrdiff_t)r * f;
        memcpy(out, x, (size_t)f * sizeof *out);
        bl_activate(a->act, out, f);
        bl_times(out, x + f, f);
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, f), f, out);
    }
}

static void glu_forward(bl_graph *g, void *args)
{
    job j = {g, args, 0};
    bl_pool_run(g->pool, forward_part, &j, BL_PARTS);
}

BL_CLONES static void put(bl_real *to, const bl_real *from, int n, bl_real beta)
{
    for (int i = 0; i < n; i++)
        to[i] = beta == 0 ? from[i] : to[i] + from[i];
}

/* da = grad b act'(a), db = grad act(a). */
static void backward_row(const job *j, int r, bl_real *scratch)
{
    glu_args *a = j->a;
    int f = a->out->cols;
    size_t bytes = (size_t)f * sizeof(bl_real);
    const bl_real *x = a->x->v + (ptrdiff_t)r * 2 * f;
    bl_real *grad = a->out->g + (ptrdiff_t)r * f, *to = a->x->g + (ptrdiff_t)r * 2 * f;
    bl_real *da = scratch, *db = scratch + f;
    bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, f), f, grad);
    memcpy(da, grad, bytes);
    bl_times(da, x + f, f);
    bl_activate_back(a->act, da, x, f);
    memcpy(db, x, bytes);
    bl_activate(a->act, db, f);
    bl_times(db, grad, f);
    put(to, scratch, 2 * f, j->beta);
}

static void backward_part(void *arg, int part)
{
    job *j = arg;
    int start, end, f = j->a->out->cols;
    bl_rows_of(j->a->out->rows, part, &start, &end);
    for (int r = start; r < end; r++)
        backward_row(j, r, j->a->scratch + (ptrdiff_t)part * 2 * f);
}

static void glu_backward(bl_graph *g, void *args)
{
    glu_args *a = args;
    job j = {g, a, bl_grad_beta(a->x)};
    bl_pool_run(g->pool, backward_part, &j, BL_PARTS);
}

bl_mat *bl_glu(bl_graph *g, bl_mat *x, bl_act act, double dropout)
{
    if (g->e->code != 0)
        return NULL;
    glu_args a = {.x = x, .act = act, .dropout = dropout, .site = ++g->sites};
    a.out = bl_graph_mat(g, x->rows, x->cols / 2, 1);
    if (g->train)
        a.scratch = bl_graph_scratch(g, BL_PARTS * (size_t)x->cols);
    bl_graph_reads(g, x);
    bl_graph_op(g, glu_forward, glu_backward, &a, sizeof a);
    return a.out;
}
