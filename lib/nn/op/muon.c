/* muon.c - see muon.h. */
#include "nn/op/muon.h"

#include <stdlib.h>

#include "base/mem.h"
#include "nn/kernel/vec.h"
#include "nn/op/graph.h"

enum { ROUNDS = 5 };

/* Of Jordan et al.: so steep at 0 that five rounds lift small singular values to
 * between 0.7 and 1.2. */
static const double A = 3.4445, B = -4.7750, C = 2.0315;
static const double LIKE_ADAM = 0.2, TINY = 1e-7;

static int64_t size_of(const bl_adam_span *s)
{
    return s->end - s->start;
}

static int64_t cols_of(const bl_adam_span *s)
{
    return size_of(s) / s->rows;
}

/* A matrix twice, and two squares of its shorter side. */
int64_t bl_muon_scratch(const bl_adam_span *spans, int n_spans)
{
    int64_t most = 0;
    for (int i = 0; i < n_spans; i++) {
        if (spans[i].rows == 0)
            continue;
        int64_t side = bl_min(spans[i].rows, cols_of(&spans[i]));
        most = bl_max(most, 2 * (size_of(&spans[i]) + side * side));
    }
    return most;
}

static double update_factor(const bl_adam_span *s)
{
    return LIKE_ADAM * sqrt((double)bl_max(s->rows, cols_of(s)));
}

/* One matrix: its numbers, and the direction o. */
typedef struct {
    int64_t n;
    bl_real keep, take, norm, rate, decay;
    bl_real *value, *grad, *m, *o;
    double sum[BL_PARTS];
} job;

BL_CLONES static void momentum_run(const job *j, int64_t start, int64_t end)
{
    bl_real *grad = j->grad, *m = j->m, *o = j->o;
    bl_real keep = j->keep, take = j->take;
    for (int64_t i = start; i < end; i++) {
        bl_real g = take * grad[i];
        bl_real a = keep * m[i] + g;
        m[i] = a;
        grad[i] = 0;
        o[i] = g + keep * a;
    }
}

/* Momentum and direction; the part's share of the direction's square. */
static void momentum_part(void *arg, int part)
{
    job *j = arg;
    int64_t start = j->n * part / BL_PARTS, end = j->n * (part + 1) / BL_PARTS;
    double sum = 0;
    momentum_run(j, start, end);
    for (int64_t i = start; i < end; i++)
        sum += (double)j->o[i] * (double)j->o[i];
    j->sum[part] = sum;
}

static void norm_part(void *arg, int part)
{
    const job *j = arg;
    int64_t end = j->n * (part + 1) / BL_PARTS;
    for (int64_t i = j->n * part / BL_PARTS; i < end; i++)
        j->o[i] *= j->norm;
}

static void value_part(void *arg, int part)
{
    const job *j = arg;
    int64_t end = j->n * (part + 1) / BL_PARTS;
    for (int64_t i = j->n * part / BL_PARTS; i < end; i++)
        j->value[i] -= j->rate * j->o[i] + j->decay * j->value[i];
}

/* S = O O', of the shorter side: O of more rows than columns counts as its transpose,
 * whose update is the transpose of this one's. Then P = b S + c S S, and next = a O + P
 * O (or O P). */
static void orthogonal_round(bl_pool *pool, bl_precision precision, int rows, int cols,
                             const bl_real *o, bl_real *next, bl_real *s, bl_real *p)
{
    int tall = rows > cols, side = tall ? cols : rows;
    bl_gemm_args g = {.m = side,
                      .n = side,
                      .k = tall ? rows : cols,
                      .ta = tall,
                      .tb = !tall,
                      .alpha = 1,
                      .a = o,
                      .lda = cols,
                      .b = o,
                      .ldb = cols,
                      .c = s,
                      .ldc = side,
                      .precision = precision};
    bl_gemm(pool, &g);
    memcpy(p, s, (size_t)side * (size_t)side * sizeof *p);
    g.k = side;
    g.ta = g.tb = 0;
    g.alpha = (bl_real)C;
    g.beta = (bl_real)B;
    g.a = g.b = s;
    g.lda = g.ldb = side;
    g.c = p;
    bl_gemm(pool, &g);
    memcpy(next, o, (size_t)rows * (size_t)cols * sizeof *next);
    g.m = rows;
    g.n = cols;
    g.alpha = 1;
    g.beta = (bl_real)A;
    g.a = tall ? o : p;
    g.lda = tall ? cols : side;
    g.b = tall ? p : o;
    g.ldb = cols;
    g.c = next;
    g.ldc = cols;
    bl_gemm(pool, &g);
}

static void update_matrix(bl_pool *pool, const bl_muon_params *p, const bl_adam_span *s,
                          job *j, bl_real *scratch)
{
    int rows = (int)s->rows, cols = (int)cols_of(s);
    int64_t side = bl_min(rows, cols);
    bl_real *next = scratch + j->n, *square = next + j->n;
    double sum = 0;
    bl_pool_run(pool, momentum_part, j, BL_PARTS);
    for (int part = 0; part < BL_PARTS; part++)
        sum += j->sum[part];
    j->norm = (bl_real)(1 / (sqrt(sum) + TINY));
    bl_pool_run(pool, norm_part, j, BL_PARTS);
    for (int round = 0; round < ROUNDS; round++) {
        orthogonal_round(pool, p->precision, rows, cols, j->o, next, square,
                         square + side * side);
        bl_real *before = j->o;
        j->o = next;
        next = before;
    }
    bl_pool_run(pool, value_part, j, BL_PARTS);
}

void bl_muon(bl_pool *pool, const bl_muon_params *p, const bl_adam_span *spans,
             int n_spans, bl_real *value, bl_real *grad, bl_real *m, bl_real *scratch)
{
    for (int i = 0; i < n_spans; i++) {
        const bl_adam_span *s = &spans[i];
        if (s->rows == 0)
            continue;
        job j = {.n = size_of(s),
                 .keep = (bl_real)p->momentum,
                 .take = (bl_real)((1 - p->momentum) * p->scale[s->group]),
                 .rate = (bl_real)(p->lr * update_factor(s)),
                 .decay = (bl_real)(s->decay ? p->lr * p->weight_decay : 0),
                 .value = value + s->start,
                 .grad = grad + s->start,
                 .m = m + s->start,
                 .o = scratch};
        update_matrix(pool, p, s, &j, scratch);
    }
}

/* ---- the twin ---- */

/* next = a O + (b O O' + c (O O')^2) O of (rows, cols), sums as they are written. */
static void naive_round(int64_t rows, int64_t cols, const double *o, double *next,
                        double *s)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < rows; k++) {
            s[i * rows + k] = 0;
            for (int64_t l = 0; l < cols; l++)
                s[i * rows + k] += o[i * cols + l] * o[k * cols + l];
        }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t l = 0; l < cols; l++)
            next[i * cols + l] = A * o[i * cols + l];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < rows; k++) {
            double square = 0;
            for (int64_t h = 0; h < rows; h++)
                square += s[i * rows + h] * s[h * rows + k];
            double p = B * s[i * rows + k] + C * square;
            for (int64_t l = 0; l < cols; l++)
                next[i * cols + l] += p * o[k * cols + l];
        }
}

static void naive_matrix(const bl_muon_params *p, const bl_adam_span *span, double *o,
                         double *next, double *s, bl_real *value, bl_real *grad,
                         bl_real *m)
{
    int64_t n = size_of(span);
    double keep = p->momentum, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double g = (1 - keep) * p->scale[span->group] * (double)grad[i];
        double a = keep * (double)m[i] + g;
        o[i] = g + keep * a;
        m[i] = (bl_real)a;
        grad[i] = 0;
        sum += o[i] * o[i];
    }
    for (int64_t i = 0; i < n; i++)
        o[i] /= sqrt(sum) + TINY;
    for (int round = 0; round < ROUNDS; round++) {
        naive_round(span->rows, n / span->rows, o, next, s);
        memcpy(o, next, (size_t)n * sizeof *o);
    }
    double decay = span->decay ? p->weight_decay : 0;
    for (int64_t i = 0; i < n; i++) {
        double x = (double)value[i];
        value[i] = (bl_real)(x - p->lr * (update_factor(span) * o[i] + decay * x));
    }
}

int bl_muon_naive(const bl_muon_params *p, const bl_adam_span *spans, int n_spans,
                  bl_real *value, bl_real *grad, bl_real *m, bl_err *e)
{
    for (int i = 0; i < n_spans; i++) {
        const bl_adam_span *s = &spans[i];
        if (s->rows == 0)
            continue;
        size_t n = (size_t)size_of(s), square = (size_t)(s->rows * s->rows);
        double *o = bl_calloc(2 * n + square, sizeof *o, e);
        if (o == NULL)
            return BL_E_NOMEM;
        naive_matrix(p, s, o, o + n, o + 2 * n, value + s->start, grad + s->start,
                     m + s->start);
        free(o);
    }
    return 0;
}
