/* scan.h (internal) - what layers of recurrent cells share: time is one loop, the
 * product with the recurrent weights one gemm a step; the gradient of the weights is
 * one gemm over the segment. */
#ifndef BL_SCAN_H
#define BL_SCAN_H

#include "nn/op/ops.h"

/* Cells of H numbers whose gates are G numbers. */
typedef struct {
    bl_mat *zx, *wh, *out; /* (B*T, G) of the input, (H, G), (B*T, H) */
    int lanes, t;
    const bl_real *state; /* a lane's rows of H, h first, from before the segment */
    int state_rows;
    bl_real *before; /* (B*T, H): h before each token */
    bl_real *z;      /* (B*T, G): what h W is added to, then its gradient */
    bl_real *dh;     /* (B, H): of h, from the next token */
    bl_real *dx;     /* (B, H): what of it does not go by the gates, or NULL */
} bl_scan;

/* One task's: the cells of a lane at token t. */
typedef struct {
    void *args; /* which begin with a bl_scan */
    int t;
} bl_scan_step;

/* Row t of a lane in what has B*T of them. */
static inline ptrdiff_t bl_scan_row(const bl_scan *s, int lane, int t)
{
    return (ptrdiff_t)lane * s->t + t;
}

/* What is in `rows` (B*T, H) of a lane before token t, or that row of its state. */
static inline const bl_real *bl_scan_earlier(const bl_scan *s, const bl_real *rows,
                                             int row, int lane, int t)
{
    int n = s->out->cols;
    return t > 0 ? rows + bl_scan_row(s, lane, t - 1) * n
                 : s->state + ((ptrdiff_t)lane * s->state_rows + row) * n;
}

/* The gradient of h of a lane at token t: what came from the next, and the result's. */
static inline bl_real *bl_scan_grad(const bl_scan *s, int lane, int t)
{
    int n = s->out->cols;
    bl_real *dh = s->dh + (ptrdiff_t)lane * n;
    const bl_real *own = s->out->g + bl_scan_row(s, lane, t) * n;
    for (int k = 0; k < n; k++)
        dh[k] += own[k];
    return dh;
}

/* Sizes, result and `before` of the scan that the caller's args begin with. */
void bl_scan_open(bl_scan *s, bl_graph *g, bl_mat *zx, bl_mat *wh, int lanes,
                  const bl_real *state, int state_rows);
/* z holds what is added to; `cells` (arg: bl_scan_step) makes the rows of the result.
 */
void bl_scan_forward(bl_graph *g, void *args, bl_pool_fn *cells);
/* `cells` turns bl_scan_grad into the gradients z of its token and, where there is one,
 * dx; adds to that of wh. */
void bl_scan_backward(bl_graph *g, void *args, bl_pool_fn *cells);
/* The gradient of zx from that of the gates (B*T, G). */
void bl_scan_input_back(const bl_scan *s, const bl_real *gates);

#endif
