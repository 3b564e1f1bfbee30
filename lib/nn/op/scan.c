/* scan.c - see scan.h. */
#include "nn/op/scan.h"
#include "nn/kernel/gemm.h"

#include <string.h>

void bl_scan_open(bl_scan *s, bl_graph *g, bl_mat *zx, bl_mat *wh, int lanes,
                  const bl_real *state, int state_rows)
{
    *s = (bl_scan){.zx = zx,
                   .wh = wh,
                   .lanes = lanes,
                   .t = zx->rows / lanes,
                   .state = state,
                   .state_rows = state_rows};
    s->out = bl_graph_mat(g, zx->rows, wh->rows, 1);
    s->before =
        bl_graph_alloc(g, (size_t)zx->rows * (size_t)wh->rows, sizeof *s->before);
}

void bl_scan_forward(bl_graph *g, void *args, bl_pool_fn *cells)
{
    const bl_scan *s = args;
    int n = s->out->cols, gates = s->zx->cols;
    for (int t = 0; t < s->t; t++) {
        for (int lane = 0; lane < s->lanes; lane++)
            memcpy(s->before + bl_scan_row(s, lane, t) * n,
                   bl_scan_earlier(s, s->out->v, 0, lane, t),
                   (size_t)n * sizeof *s->before);
        bl_gemm_args p = {.m = s->lanes,
                          .n = gates,
                          .k = n,
                          .alpha = 1,
                          .a = s->before + (ptrdiff_t)t * n,
                          .lda = s->t * n,
                          .b = s->wh->v,
                          .ldb = gates,
                          .beta = 1,
                          .c = s->z + (ptrdiff_t)t * gates,
                          .ldc = s->t * gates,
                          .precision = bl_graph_precision(g, BL_OF_STATE, n)};
        bl_gemm(g->pool, &p);
        bl_scan_step step = {args, t};
        bl_pool_run(g->pool, cells, &step, s->lanes);
    }
}

static void weights_back(bl_graph *g, const bl_scan *s)
{
    int n = s->out->cols, gates = s->zx->cols, rows = s->out->rows;
    bl_gemm_args dw = {.ta = 1,
                       .m = n,
                       .n = gates,
                       .k = rows,
                       .alpha = 1,
                       .a = s->before,
                       .lda = n,
                       .b = s->z,
                       .ldb = gates,
                       .beta = bl_grad_beta(s->wh),
                       .c = s->wh->g,
                       .ldc = gates,
                       .precision = bl_graph_precision(g, BL_OF_STATE, rows)};
    bl_gemm(g->pool, &dw);
}

void bl_scan_backward(bl_graph *g, void *args, bl_pool_fn *cells)
{
    const bl_scan *s = args;
    int n = s->out->cols, gates = s->zx->cols;
    size_t bytes = (size_t)s->lanes * (size_t)n * sizeof *s->dh;
    memset(s->dh, 0, bytes);
    for (int t = s->t; t-- > 0;) {
        bl_scan_step step = {args, t};
        bl_pool_run(g->pool, cells, &step, s->lanes);
        bl_gemm_args p = {.tb = 1,
                          .m = s->lanes,
                          .n = n,
                          .k = gates,
                          .alpha = 1,
                          .a = s->z + (ptrdiff_t)t * gates,
                          .lda = s->t * gates,
                          .b = s->wh->v,
                          .ldb = gates,
                          .beta = s->dx != NULL,
                          .c = s->dx != NULL ? s->dx : s->dh,
                          .ldc = n,
                          .precision = bl_graph_precision(g, BL_OF_STATE, gates)};
        bl_gemm(g->pool, &p);
        if (s->dx != NULL)
            memcpy(s->dh, s->dx, bytes);
    }
    weights_back(g, s);
}

void bl_scan_input_back(const bl_scan *s, const bl_real *gates)
{
    bl_real beta = bl_grad_beta(s->zx);
    for (int64_t k = 0; k < (int64_t)s->zx->rows * s->zx->cols; k++)
        s->zx->g[k] = (beta == 0 ? 0 : s->zx->g[k]) + gates[k];
}
