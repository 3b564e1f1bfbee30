/* gru_gate.c - what joins a residual and what a sub-layer made of it: a GRU cell (Cho
 * et al. 2014; its place here after Parisotto et al. 2019, 3.2), and the rounds of the
 * mogrifier before it (Melis et al. 2020, eq. 1 and 2). The products are linear.c's. */
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_mat *x, *i, *h, *out; /* (rows, D), (rows, 3 D) twice */
} gru_args;

typedef struct {
    bl_mat *s, *y, *out;
} modulate_args;

typedef struct {
    void *args;
    bl_real beta[3];
} job;

/* ---- the cell ---- */

BL_CLONES static void gru_row(const bl_real *x, const bl_real *i, const bl_real *h,
                              int n, bl_real *out)
{
    for (int c = 0; c < n; c++) {
        bl_real r = bl_sigmoid(i[c] + h[c]), z = bl_sigmoid(i[n + c] + h[n + c]);
        bl_real fresh = bl_tanh(i[2 * n + c] + r * h[2 * n + c]);
        out[c] = fresh + z * (x[c] - fresh);
    }
}

void bl_gru_row(const bl_real *x, const bl_real *i, const bl_real *h, int n,
                bl_real *out)
{
    gru_row(x, i, h, n, out);
}

static void gru_part(void *arg, int part)
{
    gru_args *a = ((job *)arg)->args;
    int start, end, n = a->x->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (ptrdiff_t r = start; r < end; r++)
        gru_row(a->x->v + r * n, a->i->v + r * 3 * n, a->h->v + r * 3 * n, n,
                a->out->v + r * n);
}

static void gru_forward(bl_graph *g, void *args)
{
    job j = {.args = args};
    bl_pool_run(g->pool, gru_part, &j, BL_PARTS);
}

BL_INLINE void put(bl_real *to, bl_real x, bl_real beta)
{
    *to = beta == 0 ? x : *to + x;
}

/* The gates again, then their slopes: dz = g (x - n), dn = g (1 - z) (1 - n^2), dr = dn
 * h_n. */
BL_CLONES static void gru_back_row(const bl_real *x, const bl_real *i, const bl_real *h,
                                   const bl_real *grad, int n, const bl_real *beta,
                                   bl_real *dx, bl_real *di, bl_real *dh)
{
    for (int c = 0; c < n; c++) {
        bl_real r = bl_sigmoid(i[c] + h[c]), z = bl_sigmoid(i[n + c] + h[n + c]);
        bl_real fresh = bl_tanh(i[2 * n + c] + r * h[2 * n + c]);
        bl_real dn = grad[c] * (1 - z) * (1 - fresh * fresh);
        bl_real dr = dn * h[2 * n + c] * r * (1 - r);
        bl_real dz = grad[c] * (x[c] - fresh) * z * (1 - z);
        put(&dx[c], grad[c] * z, beta[0]);
        put(&di[c], dr, beta[1]);
        put(&di[n + c], dz, beta[1]);
        put(&di[2 * n + c], dn, beta[1]);
        put(&dh[c], dr, beta[2]);
        put(&dh[n + c], dz, beta[2]);
        put(&dh[2 * n + c], dn * r, beta[2]);
    }
}

void bl_gru_row_back(const bl_real *x, const bl_real *i, const bl_real *h,
                     const bl_real *grad, int n, const bl_real beta[3], bl_real *dx,
                     bl_real *di, bl_real *dh)
{
    gru_back_row(x, i, h, grad, n, beta, dx, di, dh);
}

static void gru_back_part(void *arg, int part)
{
    const job *j = arg;
    gru_args *a = j->args;
    int start, end, n = a->x->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (ptrdiff_t r = start; r < end; r++)
        gru_back_row(a->x->v + r * n, a->i->v + r * 3 * n, a->h->v + r * 3 * n,
                     a->out->g + r * n, n, j->beta, a->x->g + r * n,
                     a->i->g + r * 3 * n, a->h->g + r * 3 * n);
}

static void gru_backward(bl_graph *g, void *args)
{
    gru_args *a = args;
    job j = {a, {bl_grad_beta(a->x), bl_grad_beta(a->i), bl_grad_beta(a->h)}};
    bl_pool_run(g->pool, gru_back_part, &j, BL_PARTS);
}

bl_mat *bl_gru(bl_graph *g, bl_mat *x, bl_mat *i, bl_mat *h)
{
    if (g->e->code != 0)
        return NULL;
    gru_args a = {x, i, h, bl_graph_mat(g, x->rows, x->cols, 1)};
    bl_graph_reads(g, x);
    bl_graph_reads(g, i);
    bl_graph_reads(g, h);
    bl_graph_op(g, gru_forward, gru_backward, &a, sizeof a);
    return a.out;
}

/* ---- a round of the mogrifier ---- */

BL_CLONES static void modulate_row(const bl_real *s, const bl_real *y, int64_t n,
                                   bl_real *out)
{
    for (int64_t c = 0; c < n; c++)
        out[c] = 2 * bl_sigmoid(s[c]) * y[c];
}

void bl_modulate_row(const bl_real *s, const bl_real *y, int64_t n, bl_real *out)
{
    modulate_row(s, y, n, out);
}

static void modulate_part(void *arg, int part)
{
    modulate_args *a = ((job *)arg)->args;
    int start, end, n = a->y->cols;
    bl_rows_of(a->y->rows, part, &start, &end);
    ptrdiff_t at = (ptrdiff_t)start * n;
    modulate_row(a->s->v + at, a->y->v + at, (int64_t)(end - start) * n,
                 a->out->v + at);
}

static void modulate_forward(bl_graph *g, void *args)
{
    job j = {.args = args};
    bl_pool_run(g->pool, modulate_part, &j, BL_PARTS);
}

BL_CLONES static void modulate_back_row(const bl_real *s, const bl_real *y,
                                        const bl_real *grad, int64_t n,
                                        const bl_real *beta, bl_real *ds, bl_real *dy)
{
    for (int64_t c = 0; c < n; c++) {
        bl_real o = bl_sigmoid(s[c]);
        put(&ds[c], 2 * grad[c] * y[c] * o * (1 - o), beta[0]);
        put(&dy[c], 2 * grad[c] * o, beta[1]);
    }
}

static void modulate_back_part(void *arg, int part)
{
    const job *j = arg;
    modulate_args *a = j->args;
    int start, end, n = a->y->cols;
    bl_rows_of(a->y->rows, part, &start, &end);
    ptrdiff_t at = (ptrdiff_t)start * n;
    modulate_back_row(a->s->v + at, a->y->v + at, a->out->g + at,
                      (int64_t)(end - start) * n, j->beta, a->s->g + at, a->y->g + at);
}

static void modulate_backward(bl_graph *g, void *args)
{
    modulate_args *a = args;
    job j = {a, {bl_grad_beta(a->s), bl_grad_beta(a->y), 0}};
    bl_pool_run(g->pool, modulate_back_part, &j, BL_PARTS);
}

bl_mat *bl_modulate(bl_graph *g, bl_mat *s, bl_mat *y)
{
    if (g->e->code != 0)
        return NULL;
    modulate_args a = {s, y, bl_graph_mat(g, y->rows, y->cols, 1)};
    bl_graph_reads(g, s);
    bl_graph_reads(g, y);
    bl_graph_op(g, modulate_forward, modulate_backward, &a, sizeof a);
    return a.out;
}
