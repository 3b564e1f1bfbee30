/* recurrent.c - a layer of LSTM cells over a segment (Hochreiter and Schmidhuber 1997;
 * gates i, j, f, o with a forget bias of 1, as TensorFlow's BasicLSTMCell):
 *   c_t = c_(t-1) sigmoid(f + 1) + sigmoid(i) tanh(j),  h_t = tanh(c_t) sigmoid(o).
 * Time is one loop, the product with the recurrent weights one gemm a step; the
 * gradient of the weights is one gemm over the segment. */
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_mat *zx, *wh, *out;
    int lanes, t;
    const bl_real *state; /* (B, 2, H) */
    bl_real *cells;       /* (B*T, H) */
    bl_real *gates;       /* (B*T, 4H): sigmoid(i), tanh(j), sigmoid(f+1), sigmoid(o) */
    bl_real *before;      /* (B*T, H): h before each token */
    bl_real *dh, *dc;     /* (B, H) */
} lstm_args;

typedef struct {
    bl_graph *g;
    lstm_args *a;
    int t;
    bl_real beta;
} job;

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

/* c (or h) of a lane before token t: the state's row, or what the segment made. */
static const bl_real *earlier(const lstm_args *a, const bl_real *rows, int row,
                              int lane, int t)
{
    int n = a->out->cols;
    return t > 0 ? rows + ((ptrdiff_t)lane * a->t + t - 1) * n
                 : a->state + ((ptrdiff_t)lane * 2 + row) * n;
}

static void cell_lane(void *arg, int lane)
{
    job *j = arg;
    lstm_args *a = j->a;
    int n = a->out->cols;
    ptrdiff_t at = (ptrdiff_t)lane * a->t + j->t;
    cell_row(a->gates + at * 4 * n, earlier(a, a->cells, 1, lane, j->t), n,
             a->cells + at * n, a->out->v + at * n);
}

static void lstm_forward(bl_graph *g, void *args)
{
    lstm_args *a = args;
    int n = a->out->cols, t = a->t;
    memcpy(a->gates, a->zx->v, (size_t)a->zx->rows * 4 * (size_t)n * sizeof *a->gates);
    for (int step = 0; step < t; step++) {
        for (int lane = 0; lane < a->lanes; lane++)
            memcpy(a->before + ((ptrdiff_t)lane * t + step) * n,
                   earlier(a, a->out->v, 0, lane, step), (size_t)n * sizeof *a->before);
        bl_gemm_args p = {.m = a->lanes,
                          .n = 4 * n,
                          .k = n,
                          .alpha = 1,
                          .a = a->before + (ptrdiff_t)step * n,
                          .lda = t * n,
                          .b = a->wh->v,
                          .ldb = 4 * n,
                          .beta = 1,
                          .c = a->gates + (ptrdiff_t)step * 4 * n,
                          .ldc = t * 4 * n,
                          .precision = bl_graph_precision(g, BL_OF_STATE, n)};
        bl_gemm(g->pool, &p);
        job j = {.g = g, .a = a, .t = step};
        bl_pool_run(g->pool, cell_lane, &j, a->lanes);
    }
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
    job *j = arg;
    lstm_args *a = j->a;
    int n = a->out->cols;
    ptrdiff_t at = (ptrdiff_t)lane * a->t + j->t;
    bl_real *dh = a->dh + (ptrdiff_t)lane * n;
    for (int k = 0; k < n; k++)
        dh[k] += a->out->g[at * n + k];
    cell_back_row(a->gates + at * 4 * n, a->cells + at * n,
                  earlier(a, a->cells, 1, lane, j->t), dh, n,
                  a->dc + (ptrdiff_t)lane * n);
}

static void lstm_backward(bl_graph *g, void *args)
{
    lstm_args *a = args;
    int n = a->out->cols, t = a->t, rows = a->out->rows;
    size_t bytes = (size_t)a->lanes * (size_t)n * sizeof *a->dh;
    memset(a->dh, 0, bytes);
    memset(a->dc, 0, bytes);
    for (int step = t; step-- > 0;) {
        job j = {.g = g, .a = a, .t = step};
        bl_pool_run(g->pool, cell_back_lane, &j, a->lanes);
        bl_gemm_args p = {.tb = 1,
                          .m = a->lanes,
                          .n = n,
                          .k = 4 * n,
                          .alpha = 1,
                          .a = a->gates + (ptrdiff_t)step * 4 * n,
                          .lda = t * 4 * n,
                          .b = a->wh->v,
                          .ldb = 4 * n,
                          .c = a->dh,
                          .ldc = n,
                          .precision = bl_graph_precision(g, BL_OF_STATE, 4 * n)};
        bl_gemm(g->pool, &p);
    }
    bl_gemm_args dw = {.ta = 1,
                       .m = n,
                       .n = 4 * n,
                       .k = rows,
                       .alpha = 1,
                       .a = a->before,
                       .lda = n,
                       .b = a->gates,
                       .ldb = 4 * n,
                       .beta = bl_grad_beta(a->wh),
                       .c = a->wh->g,
                       .ldc = 4 * n,
                       .precision = bl_graph_precision(g, BL_OF_STATE, rows)};
    bl_gemm(g->pool, &dw);
    bl_real beta = bl_grad_beta(a->zx);
    for (int64_t k = 0; k < (int64_t)rows * 4 * n; k++)
        a->zx->g[k] = (beta == 0 ? 0 : a->zx->g[k]) + a->gates[k];
}

bl_mat *bl_lstm(bl_graph *g, bl_mat *zx, bl_mat *wh, int lanes, const bl_real *state,
                bl_real **cells)
{
    if (g->e->code != 0)
        return NULL;
    size_t rows = (size_t)zx->rows, n = (size_t)wh->rows;
    lstm_args a = {.zx = zx, .wh = wh, .lanes = lanes, .t = zx->rows / lanes};
    a.state = state;
    a.out = bl_graph_mat(g, zx->rows, wh->rows, 1);
    a.cells = *cells = bl_graph_alloc(g, rows * n, sizeof *a.cells);
    a.gates = bl_graph_alloc(g, rows * 4 * n, sizeof *a.gates);
    a.before = bl_graph_alloc(g, rows * n, sizeof *a.before);
    a.dh = bl_graph_alloc(g, (size_t)lanes * n, sizeof *a.dh);
    a.dc = bl_graph_alloc(g, (size_t)lanes * n, sizeof *a.dc);
    bl_graph_reads(g, zx);
    bl_graph_op(g, lstm_forward, lstm_backward, &a, sizeof a);
    return a.out;
}
