/* recurrent.c - a layer of LSTM cells over a segment (Hochreiter and Schmidhuber 1997;
 * gates i, j, f, o with a forget bias of 1, as TensorFlow's BasicLSTMCell):
 *   c_t = c_(t-1) sigmoid(f + 1) + sigmoid(i) tanh(j),  h_t = tanh(c_t) sigmoid(o).
 * The gates, sigmoid(i), tanh(j), sigmoid(f+1), sigmoid(o), are made in place of z. */
#include "nn/op/scan.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_scan s;
    bl_real *cells; /* (B*T, H) */
    bl_real *dc;    /* (B, H) */
} lstm_args;

/* z (4H) -> gates in place; c, h (H) from the cell before. */
BL_CLONES static void cell_row(bl_real *z, const bl_real *c_before, int n, bl_real *c,
                               bl_real *h)
{
    bl_real *i = z, *j = z + n, *f = z + 2 * n, *o = z + 3 * n;
    for (int k = 0; k < n; k++) {
        i[k] = bl_sigmoid(i[k]);
        j[k] = 2 * bl_sigmoid(2 * j[k]) - 1;
        f[k] = bl_sigmoid(f[k] + 1);
        o[k] = bl_sigmoid(o[k]);
        c[k] = c_before[k] * f[k] + i[k] * j[k];
        h[k] = (2 * bl_sigmoid(2 * c[k]) - 1) * o[k];
    }
}

void bl_lstm_cell(bl_real *z, const bl_real *c_before, int n, bl_real *c, bl_real *h)
{
    cell_row(z, c_before, n, c, h);
}

static void cell_lane(void *arg, int lane)
{
    const bl_scan_step *now = arg;
    lstm_args *a = now->args;
    const bl_scan *s = &a->s;
    int n = s->out->cols;
    ptrdiff_t at = bl_scan_row(s, lane, now->t);
    cell_row(s->z + at * 4 * n, bl_scan_earlier(s, a->cells, 1, lane, now->t), n,
             a->cells + at * n, s->out->v + at * n);
}

static void lstm_forward(bl_graph *g, void *args)
{
    const bl_scan *s = args;
    memcpy(s->z, s->zx->v, (size_t)s->zx->rows * (size_t)s->zx->cols * sizeof *s->z);
    bl_scan_forward(g, args, cell_lane);
}

/* From dh (of this token and from the next) and dc: the gradient of the gates' inputs
 * in place of the gates, dc of the cell before. */
BL_CLONES static void cell_back_row(bl_real *gates, const bl_real *c,
                                    const bl_real *c_before, const bl_real *dh, int n,
                                    bl_real *dc)
{
    bl_real *i = gates, *j = gates + n, *f = gates + 2 * n, *o = gates + 3 * n;
    for (int k = 0; k < n; k++) {
        bl_real t = 2 * bl_sigmoid(2 * c[k]) - 1;
        bl_real d = dc[k] + dh[k] * o[k] * (1 - t * t);
        bl_real di = d * j[k] * i[k] * (1 - i[k]), dj = d * i[k] * (1 - j[k] * j[k]);
        bl_real df = d * c_before[k] * f[k] * (1 - f[k]);
        dc[k] = d * f[k];
        o[k] = dh[k] * t * o[k] * (1 - o[k]);
        i[k] = di;
        j[k] = dj;
        f[k] = df;
    }
}

static void cell_back_lane(void *arg, int lane)
{
    const bl_scan_step *now = arg;
    lstm_args *a = now->args;
    const bl_scan *s = &a->s;
    int n = s->out->cols;
    ptrdiff_t at = bl_scan_row(s, lane, now->t);
    cell_back_row(s->z + at * 4 * n, a->cells + at * n,
                  bl_scan_earlier(s, a->cells, 1, lane, now->t),
                  bl_scan_grad(s, lane, now->t), n, a->dc + (ptrdiff_t)lane * n);
}

static void lstm_backward(bl_graph *g, void *args)
{
    lstm_args *a = args;
    memset(a->dc, 0, (size_t)a->s.lanes * (size_t)a->s.out->cols * sizeof *a->dc);
    bl_scan_backward(g, args, cell_back_lane);
    bl_scan_input_back(&a->s, a->s.z);
}

bl_mat *bl_lstm(bl_graph *g, bl_mat *zx, bl_mat *wh, int lanes, const bl_real *state,
                bl_real **cells)
{
    if (g->e->code != 0)
        return NULL;
    size_t rows = (size_t)zx->rows, n = (size_t)wh->rows;
    lstm_args a;
    bl_scan_open(&a.s, g, zx, wh, lanes, state, 2);
    a.cells = *cells = bl_graph_alloc(g, rows * n, sizeof *a.cells);
    a.s.z = bl_graph_alloc(g, rows * 4 * n, sizeof *a.s.z);
    a.s.dh = bl_graph_alloc(g, (size_t)lanes * n, sizeof *a.s.dh);
    a.dc = bl_graph_alloc(g, (size_t)lanes * n, sizeof *a.dc);
    bl_graph_reads(g, zx);
    bl_graph_op(g, lstm_forward, lstm_backward, &a, sizeof a);
    return a.s.out;
}
