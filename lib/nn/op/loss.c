/* loss.c - logits and the softmax cross-entropy, fused. */
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_mat *x, *w, *b, *logits;
    int tied;
    bl_real *nll;     /* (rows) */
    bl_real *log_sum; /* (rows): ln of the sum of e^logit */
} loss_args;

typedef struct {
    bl_graph *g;
    loss_args *a;
} job;

/* Adds the bias; returns ln sum e^logit. */
BL_CLONES static bl_real log_sum_exp(bl_real *logit, const bl_real *b, int n)
{
    for (int c = 0; c < n && b != NULL; c++)
        logit[c] += b[c];
    bl_real max = bl_max_of(logit, n), sum = 0;
    bl_real power[256]; /* in a loop of their own they are vectors */
    for (int at = 0; at < n; at += BL_COUNT(power)) {
        int m = (int)bl_min(BL_COUNT(power), n - at);
        for (int i = 0; i < m; i++)
            power[i] = bl_exp(logit[at + i] - max);
        sum += bl_sum(power, m);
    }
    return max + (bl_real)log((double)sum);
}

static void loss_part(void *arg, int part)
{
    job *j = arg;
    loss_args *a = j->a;
    const int32_t *y = j->g->feed.y;
    int start, end, n = a->logits->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        bl_real *row = a->logits->v + (ptrdiff_t)r * n;
        a->log_sum[r] = log_sum_exp(row, a->b != NULL ? a->b->v : NULL, n);
        a->nll[r] = y[r] < 0 ? 0 : a->log_sum[r] - row[y[r]];
    }
}

static void loss_forward(bl_graph *g, void *args)
{
    loss_args *a = args;
    bl_gemm_args p = {.tb = a->tied,
                      .m = a->x->rows,
                      .n = a->logits->cols,
                      .k = a->x->cols,
                      .alpha = 1,
                      .a = a->x->v,
                      .lda = a->x->cols,
                      .b = a->w->v,
                      .ldb = a->w->cols,
                      .c = a->logits->v,
                      .ldc = a->logits->cols,
                      .precision = bl_graph_precision(g, BL_OF_WEIGHTS, a->x->cols)};
    bl_gemm(g->pool, &p);
    job j = {g, a};
    bl_pool_run(g->pool, loss_part, &j, BL_PARTS);
    g->feed.nll_sum = 0;
    g->feed.n_scored = 0;
    for (int r = 0; r < a->x->rows; r++) {
        g->feed.nll_sum += (double)a->nll[r];
        g->feed.n_scored += g->feed.y[r] >= 0;
    }
}

/* d/dlogit = softmax - onehot(target), times the scale; 0 where not scored. */
BL_CLONES static void softmax_grad(bl_real *logit, int n, bl_real log_sum,
                                   bl_real scale)
{
    for (int c = 0; c < n; c++)
        logit[c] = bl_exp(logit[c] - log_sum) * scale;
}

static void loss_back_part(void *arg, int part)
{
    job *j = arg;
    loss_args *a = j->a;
    bl_real scale = (bl_real)j->g->feed.loss_scale;
    int start, end, n = a->logits->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        bl_real *row = a->logits->v + (ptrdiff_t)r * n;
        int target = j->g->feed.y[r];
        if (target < 0) {
            memset(row, 0, (size_t)n * sizeof *row);
            continue;
        }
        softmax_grad(row, n, a->log_sum[r], scale);
        row[target] -= scale;
    }
}

static void bias_part(void *arg, int part)
{
    loss_args *a = ((job *)arg)->a;
    int start, end;
    bl_rows_of(a->logits->cols, part, &start, &end);
    bl_add_columns(a->b->g, a->logits->v, a->logits->rows, a->logits->cols, start, end);
}

static void loss_backward(bl_graph *g, void *args)
{
    loss_args *a = args;
    job j = {g, a};
    int rows = a->x->rows, d = a->x->cols, n = a->logits->cols;
    bl_pool_run(g->pool, loss_back_part, &j, BL_PARTS);
    if (a->b != NULL)
        bl_pool_run(g->pool, bias_part, &j, BL_PARTS);
    bl_gemm_args dw = {.ta = 1, .alpha = 1, .k = rows, .c = a->w->g};
    dw.precision = bl_graph_precision(g, BL_OF_WEIGHTS, rows);
    dw.m = a->tied ? n : d;
    dw.n = dw.ldc = dw.ldb = a->tied ? d : n;
    dw.lda = dw.m;
    dw.a = a->tied ? a->logits->v : a->x->v;
    dw.b = a->tied ? a->x->v : a->logits->v;
    dw.beta = bl_grad_beta(a->w);
    bl_gemm(g->pool, &dw);
    bl_gemm_args dx = {.tb = !a->tied,
                       .m = rows,
                       .n = d,
                       .k = n,
                       .alpha = 1,
                       .a = a->logits->v,
                       .lda = n,
                       .b = a->w->v,
                       .ldb = a->w->cols,
                       .beta = bl_grad_beta(a->x),
                       .c = a->x->g,
                       .ldc = d,
                       .precision = bl_graph_precision(g, BL_OF_WEIGHTS, n)};
    bl_gemm(g->pool, &dx);
}

bl_mat *bl_loss(bl_graph *g, bl_mat *x, bl_mat *w, int tied, bl_mat *b, bl_real **nll)
{
    if (g->e->code != 0)
        return NULL;
    loss_args a = {.x = x, .w = w, .b = b, .tied = tied};
    a.logits = bl_graph_mat(g, x->rows, tied ? w->rows : w->cols, 0);
    a.nll = *nll = bl_graph_alloc(g, (size_t)x->rows, sizeof *a.nll);
    a.log_sum = bl_graph_alloc(g, (size_t)x->rows, sizeof *a.log_sum);
    bl_graph_reads(g, x);
    bl_graph_op(g, loss_forward, loss_backward, &a, sizeof a);
    return a.logits;
}
