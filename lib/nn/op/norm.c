/* norm.c - layer normalisation (Ba, Kiros and Hinton 2016), and the root mean square's
 * (Zhang and Sennrich 2019), which has no mean and no bias. */
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_mat *x, *gain, *bias, *out; /* bias NULL: of the root mean square */
    double eps;
    bl_real *mean, *rstd;   /* (rows) */
    bl_real *dgain, *dbias; /* (BL_PARTS, cols): partial sums in fixed order */
} norm_args;

typedef struct {
    norm_args *a;
    bl_real beta;
} job;

BL_CLONES static void norm_row(const bl_real *x, const bl_real *gain,
                               const bl_real *bias, int n, bl_real eps, bl_real *y,
                               bl_real *mean, bl_real *rstd)
{
    bl_real mu = bl_sum(x, n) / (bl_real)n;
    bl_vec lane = {0}, next;
    int whole = n / BL_LANES * BL_LANES;
    for (int i = 0; i < whole; i += BL_LANES) {
        bl_load(&next, x, i, n);
        lane += (next - mu) * (next - mu);
    }
    for (int i = whole; i < n; i++)
        lane[i - whole] += (x[i] - mu) * (x[i] - mu);
    bl_real var = bl_fold(&lane) / (bl_real)n;
    bl_real r = 1 / (bl_real)sqrt((double)(var + eps));
    for (int c = 0; c < n; c++)
        y[c] = (x[c] - mu) * r * gain[c] + bias[c];
    *mean = mu;
    *rstd = r;
}

/* y = gain * x * rstd with rstd = 1 / sqrt(mean(x^2) + eps) (their eq. 4). */
BL_CLONES static void rms_row(const bl_real *x, const bl_real *gain, int n, bl_real eps,
                              bl_real *y, bl_real *rstd)
{
    bl_real r = 1 / (bl_real)sqrt((double)(bl_dot(x, x, n) / (bl_real)n + eps));
    for (int c = 0; c < n; c++)
        y[c] = x[c] * r * gain[c];
    *rstd = r;
}

void bl_norm_row(const bl_real *x, const bl_real *gain, const bl_real *bias, int n,
                 double eps, bl_real *y, bl_real *mean, bl_real *rstd)
{
    if (bias != NULL)
        norm_row(x, gain, bias, n, (bl_real)eps, y, mean, rstd);
    else
        rms_row(x, gain, n, (bl_real)eps, y, rstd);
}

static const bl_real *bias_of(const norm_args *a)
{
    return a->bias != NULL ? a->bias->v : NULL;
}

static void norm_part(void *arg, int part)
{
    norm_args *a = ((job *)arg)->a;
    int start, end, n = a->x->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++)
        bl_norm_row(a->x->v + (ptrdiff_t)r * n, a->gain->v, bias_of(a), n, a->eps,
                    a->out->v + (ptrdiff_t)r * n, &a->mean[r], &a->rstd[r]);
}

static void norm_forward(bl_graph *g, void *args)
{
    job j = {args, 0};
    bl_pool_run(g->pool, norm_part, &j, BL_PARTS);
}

/* What a row of norm_back_row is about. */
typedef struct {
    const bl_real *x, *gain, *grad;
    bl_real *dx, *dgain, *dbias;
    bl_real mean, rstd, mean_w, mean_wh;
} row_back;

/* Lanes from i on: h and w, and what they add to the sums. */
BL_INLINE void add_lanes(const row_back *b, int i, int n, bl_vec *w, bl_vec *wh)
{
    bl_vec x, gain, grad, dgain, dbias;
    bl_load(&x, b->x, i, n);
    bl_load(&gain, b->gain, i, n);
    bl_load(&grad, b->grad, i, n);
    bl_load(&dgain, b->dgain, i, n);
    bl_load(&dbias, b->dbias, i, n);
    bl_vec h = (x - b->mean) * b->rstd, t = grad * gain;
    dgain += grad * h;
    dbias += grad;
    *w += t;
    *wh += t * h;
    bl_keep(b->dgain, &dgain, i, n);
    bl_keep(b->dbias, &dbias, i, n);
}

BL_INLINE void give_lanes(const row_back *b, int i, int n, int adds)
{
    bl_vec x, gain, grad, dx = {0};
    bl_load(&x, b->x, i, n);
    bl_load(&gain, b->gain, i, n);
    bl_load(&grad, b->grad, i, n);
    if (adds)
        bl_load(&dx, b->dx, i, n);
    bl_vec h = (x - b->mean) * b->rstd;
    dx += b->rstd * (grad * gain - b->mean_w - h * b->mean_wh);
    bl_keep(b->dx, &dx, i, n);
}

/* With h = (x - mean) rstd and w = grad gain:
 * dx = rstd (w - mean(w) - h mean(w h)), dgain += grad h, dbias += grad. */
BL_CLONES static void norm_back_row(const bl_real *x, const bl_real *gain,
                                    const bl_real *grad, int n, bl_real mean,
                                    bl_real rstd, bl_real beta, bl_real *dx,
                                    bl_real *dgain, bl_real *dbias)
{
    row_back b = {x, gain, grad, dx, dgain, dbias, mean, rstd, 0, 0};
    bl_vec w = {0}, wh = {0};
    for (int i = 0; i < n; i += BL_LANES)
        add_lanes(&b, i, n, &w, &wh);
    b.mean_w = bl_fold(&w) / (bl_real)n;
    b.mean_wh = bl_fold(&wh) / (bl_real)n;
    for (int i = 0; i < n; i += BL_LANES)
        if (beta == 0)
            give_lanes(&b, i, n, 0);
        else
            give_lanes(&b, i, n, 1);
}

/* With h = x rstd and w = grad gain: dx = rstd (w - h mean(w h)), dgain += grad h. */
BL_CLONES static void rms_back_row(const bl_real *x, const bl_real *gain,
                                   const bl_real *grad, int n, bl_real rstd,
                                   bl_real beta, bl_real *dx, bl_real *restrict dgain)
{
    bl_vec wx = {0}, a, b, c;
    for (int i = 0; i < n; i++)
        dgain[i] += grad[i] * x[i] * rstd;
    for (int i = 0; i < n; i += BL_LANES) {
        bl_load(&a, grad, i, n);
        bl_load(&b, gain, i, n);
        bl_load(&c, x, i, n);
        wx += a * b * c;
    }
    bl_real share = bl_fold(&wx) / (bl_real)n * rstd * rstd;
    for (int i = 0; i < n; i++) {
        bl_real d = rstd * (grad[i] * gain[i] - x[i] * share);
        dx[i] = beta == 0 ? d : dx[i] + d;
    }
}

void bl_norm_row_back(const bl_real *x, const bl_real *gain, const bl_real *bias, int n,
                      bl_real mean, bl_real rstd, bl_real *grad, bl_real *scratch)
{
    memset(scratch, 0, 2 * (size_t)n * sizeof *scratch);
    if (bias == NULL)
        rms_back_row(x, gain, grad, n, rstd, 0, grad, scratch);
    else
        norm_back_row(x, gain, grad, n, mean, rstd, 0, grad, scratch, scratch + n);
}

static void norm_back_part(void *arg, int part)
{
    job *j = arg;
    norm_args *a = j->a;
    int start, end, n = a->x->cols;
    bl_real *dgain = a->dgain + (ptrdiff_t)part * n,
            *dbias = a->dbias + (ptrdiff_t)part * n;
    memset(dgain, 0, (size_t)n * sizeof *dgain);
    memset(dbias, 0, (size_t)n * sizeof *dbias);
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        ptrdiff_t at = (ptrdiff_t)r * n;
        if (a->bias == NULL)
            rms_back_row(a->x->v + at, a->gain->v, a->out->g + at, n, a->rstd[r],
                         j->beta, a->x->g + at, dgain);
        else
            norm_back_row(a->x->v + at, a->gain->v, a->out->g + at, n, a->mean[r],
                          a->rstd[r], j->beta, a->x->g + at, dgain, dbias);
    }
}

static void norm_backward(bl_graph *g, void *args)
{
    norm_args *a = args;
    job j = {a, bl_grad_beta(a->x)};
    bl_pool_run(g->pool, norm_back_part, &j, BL_PARTS);
    for (int part = 0; part < BL_PARTS; part++)
        for (int c = 0; c < a->x->cols; c++) {
            a->gain->g[c] += a->dgain[part * a->x->cols + c];
            if (a->bias != NULL)
                a->bias->g[c] += a->dbias[part * a->x->cols + c];
        }
}

bl_mat *bl_norm(bl_graph *g, bl_mat *x, bl_mat *gain, bl_mat *bias, double eps)
{
    if (g->e->code != 0)
        return NULL;
    norm_args a = {.x = x, .gain = gain, .bias = bias, .eps = eps};
    a.out = bl_graph_mat(g, x->rows, x->cols, 1);
    a.mean = bl_graph_alloc(g, (size_t)x->rows, sizeof *a.mean);
    a.rstd = bl_graph_alloc(g, (size_t)x->rows, sizeof *a.rstd);
    a.dgain = bl_graph_alloc(g, BL_PARTS * (size_t)x->cols, sizeof *a.dgain);
    a.dbias = bl_graph_alloc(g, BL_PARTS * (size_t)x->cols, sizeof *a.dbias);
    bl_graph_reads(g, x);
    bl_graph_op(g, norm_forward, norm_backward, &a, sizeof a);
    return a.out;
}
