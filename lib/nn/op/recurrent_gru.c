/* recurrent_gru.c - a layer of GRU cells over a segment (Cho et al. 2014, "Learning
 * phrase representations using RNN encoder-decoder"; the reset gate multiplies the
 * product, as in cuDNN and torch.nn.GRU). The cell is gru_gate.c's, with h for the
 * residual; z is what the gates get from h. */
#include "nn/op/scan.h"

#include <string.h>

typedef struct {
    bl_scan s;
    bl_mat *bh;
    bl_real *di; /* (B*T, 3H): of what the gates get from the input */
} gru_args;

static void cell_lane(void *arg, int lane)
{
    const bl_scan_step *now = arg;
    const bl_scan *s = now->args;
    int n = s->out->cols;
    ptrdiff_t at = bl_scan_row(s, lane, now->t);
    bl_gru_row(s->before + at * n, s->zx->v + at * 3 * n, s->z + at * 3 * n, n,
               s->out->v + at * n);
}

static void gru_forward(bl_graph *g, void *args)
{
    const gru_args *a = args;
    size_t gates = (size_t)a->bh->cols;
    for (size_t row = 0; row < (size_t)a->s.zx->rows; row++)
        memcpy(a->s.z + row * gates, a->bh->v, gates * sizeof *a->s.z);
    bl_scan_forward(g, args, cell_lane);
}

/* The gradient of h (of this token and from the next) goes to the gates, in place of
 * what they got from h, and to the h before. */
static void cell_back_lane(void *arg, int lane)
{
    static const bl_real set[3] = {0, 0, 0};
    const bl_scan_step *now = arg;
    const gru_args *a = now->args;
    const bl_scan *s = &a->s;
    int n = s->out->cols;
    ptrdiff_t at = bl_scan_row(s, lane, now->t);
    bl_real *z = s->z + at * 3 * n;
    bl_gru_row_back(s->before + at * n, s->zx->v + at * 3 * n, z,
                    bl_scan_grad(s, lane, now->t), n, set, s->dx + (ptrdiff_t)lane * n,
                    a->di + at * 3 * n, z);
}

static void gru_backward(bl_graph *g, void *args)
{
    gru_args *a = args;
    int gates = a->bh->cols;
    bl_scan_backward(g, args, cell_back_lane);
    bl_add_columns(a->bh->g, a->s.z, a->s.out->rows, gates, 0, gates);
    bl_scan_input_back(&a->s, a->di);
}

bl_mat *bl_gru_cells(bl_graph *g, bl_mat *zx, bl_mat *wh, bl_mat *bh, int lanes,
                     const bl_real *state)
{
    if (g->e->code != 0)
        return NULL;
    size_t rows = (size_t)zx->rows, n = (size_t)wh->rows, b = (size_t)lanes;
    gru_args a = {.bh = bh};
    bl_scan_open(&a.s, g, zx, wh, lanes, state, 1);
    a.s.z = bl_graph_alloc(g, rows * 3 * n, sizeof *a.s.z);
    if (g->train) {
        a.di = bl_graph_alloc(g, rows * 3 * n, sizeof *a.di);
        a.s.dh = bl_graph_alloc(g, b * n, sizeof *a.s.dh);
        a.s.dx = bl_graph_alloc(g, b * n, sizeof *a.s.dx);
    }
    bl_graph_reads(g, zx);
    bl_graph_op(g, gru_forward, gru_backward, &a, sizeof a);
    return a.s.out;
}
