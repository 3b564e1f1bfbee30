/* recurrent_gru.c - a layer of GRU cells over a segment (Cho et al. 2014, "Learning
 * phrase representations using RNN encoder-decoder"; the reset gate multiplies the
 * product, as in cuDNN and torch.nn.GRU). The cell is gru_gate.c's, with h for the
 * residual; time goes as in recurrent.c. */
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"

#include <string.h>

typedef struct {
    bl_mat *zx, *wh, *bh, *out;
    int lanes, t;
    const bl_real *state; /* (B, H) */
    bl_real *zh;          /* (B*T, 3H) what the gates get from h, then its gradient */
    bl_real *before;      /* (B*T, H): h before each token */
    bl_real *dh, *dx;     /* (B, H): of a cell's h, of the h before it */
    bl_real *di;          /* (B*T, 3H): of what the gates get from the input */
} gru_args;

typedef struct {
    gru_args *a;
    int t;
} job;

/* h of a lane before token t: the state's, or what the segment made. */
static const bl_real *earlier(const gru_args *a, int lane, int t)
{
    int n = a->out->cols;
    return t > 0 ? a->out->v + ((ptrdiff_t)lane * a->t + t - 1) * n
                 : a->state + (ptrdiff_t)lane * n;
}

static void cell_lane(void *arg, int lane)
{
    const job *j = arg;
    gru_args *a = j->a;
    int n = a->out->cols;
    ptrdiff_t at = (ptrdiff_t)lane * a->t + j->t;
    bl_gru_row(a->before + at * n, a->zx->v + at * 3 * n, a->zh + at * 3 * n, n,
               a->out->v + at * n);
}

/* The rows of a step: h before it, and the bias to which the product is added. */
static void set_out(gru_args *a, int step)
{
    size_t n = (size_t)a->out->cols;
    for (int lane = 0; lane < a->lanes; lane++) {
        size_t at = (size_t)lane * (size_t)a->t + (size_t)step;
        memcpy(a->before + at * n, earlier(a, lane, step), n * sizeof *a->before);
        memcpy(a->zh + at * 3 * n, a->bh->v, 3 * n * sizeof *a->zh);
    }
}

static void gru_forward(bl_graph *g, void *args)
{
    gru_args *a = args;
    int n = a->out->cols, t = a->t;
    for (int step = 0; step < t; step++) {
        set_out(a, step);
        bl_gemm_args p = {.m = a->lanes,
                          .n = 3 * n,
                          .k = n,
                          .alpha = 1,
                          .a = a->before + (ptrdiff_t)step * n,
                          .lda = t * n,
                          .b = a->wh->v,
                          .ldb = 3 * n,
                          .beta = 1,
                          .c = a->zh + (ptrdiff_t)step * 3 * n,
                          .ldc = t * 3 * n,
                          .precision = bl_graph_precision(g, BL_OF_STATE, n)};
        bl_gemm(g->pool, &p);
        job j = {a, step};
        bl_pool_run(g->pool, cell_lane, &j, a->lanes);
    }
}

/* The gradient of h (of this token and from the next) goes to the gates, in place of
 * what they got from h, and to the h before. */
static void cell_back_lane(void *arg, int lane)
{
    static const bl_real set[3] = {0, 0, 0};
    const job *j = arg;
    gru_args *a = j->a;
    int n = a->out->cols;
    ptrdiff_t at = (ptrdiff_t)lane * a->t + j->t;
    bl_real *dh = a->dh + (ptrdiff_t)lane * n, *zh = a->zh + at * 3 * n;
    for (int k = 0; k < n; k++)
        dh[k] += a->out->g[at * n + k];
    bl_gru_row_back(a->before + at * n, a->zx->v + at * 3 * n, zh, dh, n, set,
                    a->dx + (ptrdiff_t)lane * n, a->di + at * 3 * n, zh);
}

static void gru_backward(bl_graph *g, void *args)
{
    gru_args *a = args;
    int n = a->out->cols, t = a->t, rows = a->out->rows;
    memset(a->dh, 0, (size_t)a->lanes * (size_t)n * sizeof *a->dh);
    for (int step = t; step-- > 0;) {
        job j = {a, step};
        bl_pool_run(g->pool, cell_back_lane, &j, a->lanes);
        bl_gemm_args p = {.tb = 1,
                          .m = a->lanes,
                          .n = n,
                          .k = 3 * n,
                          .alpha = 1,
                          .a = a->zh + (ptrdiff_t)step * 3 * n,
                          .lda = t * 3 * n,
                          .b = a->wh->v,
                          .ldb = 3 * n,
                          .beta = 1,
                          .c = a->dx,
                          .ldc = n,
                          .precision = bl_graph_precision(g, BL_OF_STATE, 3 * n)};
        bl_gemm(g->pool, &p);
        memcpy(a->dh, a->dx, (size_t)a->lanes * (size_t)n * sizeof *a->dh);
    }
    bl_gemm_args dw = {.ta = 1,
                       .m = n,
                       .n = 3 * n,
                       .k = rows,
                       .alpha = 1,
                       .a = a->before,
                       .lda = n,
                       .b = a->zh,
                       .ldb = 3 * n,
                       .beta = bl_grad_beta(a->wh),
                       .c = a->wh->g,
                       .ldc = 3 * n,
                       .precision = bl_graph_precision(g, BL_OF_STATE, rows)};
    bl_gemm(g->pool, &dw);
    bl_add_columns(a->bh->g, a->zh, rows, 3 * n, 0, 3 * n);
    bl_real beta = bl_grad_beta(a->zx);
    for (int64_t k = 0; k < (int64_t)rows * 3 * n; k++)
        a->zx->g[k] = (beta == 0 ? 0 : a->zx->g[k]) + a->di[k];
}

bl_mat *bl_gru_cells(bl_graph *g, bl_mat *zx, bl_mat *wh, bl_mat *bh, int lanes,
                     const bl_real *state)
{
    if (g->e->code != 0)
        return NULL;
    size_t rows = (size_t)zx->rows, n = (size_t)wh->rows, b = (size_t)lanes;
    gru_args a = {.zx = zx, .wh = wh, .bh = bh, .lanes = lanes, .t = zx->rows / lanes};
    a.state = state;
    a.out = bl_graph_mat(g, zx->rows, wh->rows, 1);
    a.zh = bl_graph_alloc(g, rows * 3 * n, sizeof *a.zh);
    a.before = bl_graph_alloc(g, rows * n, sizeof *a.before);
    if (g->train) {
        a.di = bl_graph_alloc(g, rows * 3 * n, sizeof *a.di);
        a.dh = bl_graph_alloc(g, b * n, sizeof *a.dh);
        a.dx = bl_graph_alloc(g, b * n, sizeof *a.dx);
    }
    bl_graph_reads(g, zx);
    bl_graph_op(g, gru_forward, gru_backward, &a, sizeof a);
    return a.out;
}
