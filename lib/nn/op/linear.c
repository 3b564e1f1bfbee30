/* linear.c - x W + b with its activation, and the row-wise additions around it. */
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

typedef struct {
    bl_mat *x, *w, *b, *out;
    bl_act act;
    double dropout;
    uint32_t site;
    bl_real *pre; /* x W + b where the activation's slope needs it, else NULL */
} linear_args;

typedef struct {
    bl_graph *g;
    linear_args *a;
} job;

static void add_to(bl_real *to, const bl_real *from, int64_t n, bl_real beta)
{
    if (beta == 0)
        memcpy(to, from, (size_t)n * sizeof *to);
    else
        for (int64_t i = 0; i < n; i++)
            to[i] += from[i];
}

/* ---- activations, in place ---- */

/* sqrt(2 / pi) and the cubic term of the tanh form; 1 / sqrt(2), 1 / sqrt(2 pi). */
static const bl_real root_2_pi = (bl_real)0.7978845608028654, cubic = (bl_real)0.044715,
                     root_half = (bl_real)0.7071067811865476,
                     normal_0 = (bl_real)0.3989422804014327;

BL_CLONES static void relu_row(bl_real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
}

BL_CLONES static void gelu_tanh_row(bl_real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        bl_real z = x[i];
        x[i] = (bl_real)0.5 * z * (1 + bl_tanh(root_2_pi * (z + cubic * z * z * z)));
    }
}

BL_CLONES static void silu_row(bl_real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= bl_sigmoid(x[i]);
}

/* The normal distribution's integral up to z, and e^(-z^2/2), its density but for a
 * factor: in single precision by Abramowitz and Stegun 1964, 7.1.26 (error of erf below
 * 1.5e-7), which is a tail and so loses nothing far below 0. */
BL_INLINE bl_real normal_to(bl_real z, bl_real *density)
{
#ifdef BL_DOUBLE
    *density = exp(-0.5 * z * z);
    return 0.5 * (1 + erf(z * root_half));
#else
    float size = (z < 0 ? -z : z) * root_half, t = 1 / (1 + 0.3275911f * size);
    float p = 1.061405429f * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    *density = bl_exp(-0.5f * z * z);
    float tail = 0.5f * p * t * *density;
    return z > 0 ? 1 - tail : tail;
#endif
}

BL_CLONES static void gelu_row(bl_real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        bl_real density;
        x[i] *= normal_to(x[i], &density);
    }
}

BL_CLONES static void add_bias(bl_real *x, const bl_real *b, int n)
{
    for (int i = 0; i < n; i++)
        x[i] += b[i];
}

void bl_activate(bl_act act, bl_real *x, int64_t n)
{
    if (act == BL_ACT_RELU)
        relu_row(x, n);
    else if (act == BL_ACT_GELU_TANH)
        gelu_tanh_row(x, n);
    else if (act == BL_ACT_GELU)
        gelu_row(x, n);
    else if (act == BL_ACT_SILU)
        silu_row(x, n);
}

/* What follows the product, on the part of it that is done. */
static void epilogue(void *arg, int row, int rows, int col, int cols)
{
    job *j = arg;
    linear_args *a = j->a;
    int n = a->out->cols;
    for (int r = row; r < row + rows; r++) {
        ptrdiff_t at = (ptrdiff_t)r * n + col;
        bl_real *x = a->out->v + at;
        if (a->b != NULL)
            add_bias(x, a->b->v + col, cols);
        if (a->pre != NULL)
            memcpy(a->pre + at, x, (size_t)cols * sizeof *x);
        bl_activate(a->act, x, cols);
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, n) + col, cols,
                   x);
    }
}

static void linear_forward(bl_graph *g, void *args)
{
    linear_args *a = args;
    int has_more = a->b != NULL || a->act != BL_ACT_NONE || a->dropout > 0;
    job j = {g, a};
    bl_gemm_args p = {.m = a->out->rows,
                      .n = a->out->cols,
                      .k = a->x->cols,
                      .alpha = 1,
                      .a = a->x->v,
                      .lda = a->x->cols,
                      .b = a->w->v,
                      .ldb = a->w->cols,
                      .c = a->out->v,
                      .ldc = a->out->cols,
                      .precision = bl_graph_precision(g, BL_OF_WEIGHTS, a->x->cols),
                      .after = has_more ? epilogue : NULL,
                      .arg = &j};
    bl_gemm(g->pool, &p);
}

/* Where the output is 0 the unit was off or dropped: no gradient. Elsewhere dropout's
 * factor applies once more. */
BL_CLONES static void relu_back_row(bl_real *grad, const bl_real *out, int n,
                                    bl_real keep)
{
    for (int i = 0; i < n; i++)
        grad[i] = out[i] > 0 ? grad[i] * keep : 0;
}

/* The slope of the tanh form at the value before it. */
BL_CLONES static void gelu_tanh_back_row(bl_real *grad, const bl_real *pre, int n)
{
    for (int i = 0; i < n; i++) {
        bl_real z = pre[i], t = bl_tanh(root_2_pi * (z + cubic * z * z * z));
        bl_real inner = root_2_pi * (1 + 3 * cubic * z * z);
        grad[i] *= (bl_real)0.5 * (1 + t + z * (1 - t * t) * inner);
    }
}

BL_CLONES static void gelu_back_row(bl_real *grad, const bl_real *pre, int n)
{
    for (int i = 0; i < n; i++) {
        bl_real density, below = normal_to(pre[i], &density);
        grad[i] *= below + pre[i] * normal_0 * density;
    }
}

BL_CLONES static void silu_back_row(bl_real *grad, const bl_real *pre, int n)
{
    for (int i = 0; i < n; i++) {
        bl_real s = bl_sigmoid(pre[i]);
        grad[i] *= s * (1 + pre[i] * (1 - s));
    }
}

BL_CLONES static void relu_slope_row(bl_real *grad, const bl_real *pre, int n)
{
    for (int i = 0; i < n; i++)
        grad[i] = pre[i] > 0 ? grad[i] : 0;
}

void bl_activate_back(bl_act act, bl_real *grad, const bl_real *z, int64_t n)
{
    if (act == BL_ACT_RELU)
        relu_slope_row(grad, z, (int)n);
    else if (act == BL_ACT_GELU_TANH)
        gelu_tanh_back_row(grad, z, (int)n);
    else if (act == BL_ACT_GELU)
        gelu_back_row(grad, z, (int)n);
    else if (act == BL_ACT_SILU)
        silu_back_row(grad, z, (int)n);
}

static void activation_part(void *arg, int part)
{
    job *j = arg;
    linear_args *a = j->a;
    bl_real keep = bl_dropout_keep(&j->g->feed, a->dropout);
    int start, end, n = a->out->cols;
    bl_rows_of(a->out->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        bl_real *grad = a->out->g + (ptrdiff_t)r * n;
        const bl_real *pre = a->pre != NULL ? a->pre + (ptrdiff_t)r * n : NULL;
        if (a->act == BL_ACT_RELU) {
            relu_back_row(grad, a->out->v + (ptrdiff_t)r * n, n, keep);
            continue;
        }
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, n), n, grad);
        bl_activate_back(a->act, grad, pre, n);
    }
}

/* Sums of four vectors of columns, or of one, stay in registers. */
#define ADD_COLUMNS(COUNT)                                                             \
    for (; c + (COUNT)*BL_LANES <= end; c += (COUNT)*BL_LANES) {                       \
        bl_vec s[COUNT], next;                                                         \
        for (int v = 0; v < (COUNT); v++)                                              \
            bl_load(&s[v], sum, c + v * BL_LANES, end);                                \
        for (ptrdiff_t r = 0; r < rows; r++)                                           \
            for (int v = 0; v < (COUNT); v++) {                                        \
                bl_load(&next, x + r * cols, c + v * BL_LANES, end);                   \
                s[v] += next;                                                          \
            }                                                                          \
        for (int v = 0; v < (COUNT); v++)                                              \
            bl_keep(sum, &s[v], c + v * BL_LANES, end);                                \
    }

BL_CLONES void bl_add_columns(bl_real *sum, const bl_real *x, int rows, int cols,
                              int start, int end)
{
    int c = start;
    ADD_COLUMNS(8)
    ADD_COLUMNS(1)
    for (ptrdiff_t r = 0; r < rows; r++)
        for (int i = c; i < end; i++)
            sum[i] += x[r * cols + i];
}

/* Each part owns some columns, so rows are added in order whatever the threads; few
 * parts, for a row's numbers come from memory together. */
enum { BIAS_COLUMNS = 128 };

static int bias_parts(const linear_args *a)
{
    return (a->out->cols + BIAS_COLUMNS - 1) / BIAS_COLUMNS;
}

static void bias_part(void *arg, int part)
{
    const linear_args *a = ((job *)arg)->a;
    int start = part * BIAS_COLUMNS,
        end = (int)bl_min(a->out->cols, start + BIAS_COLUMNS);
    bl_add_columns(a->b->g, a->out->g, a->out->rows, a->out->cols, start, end);
}

static void linear_backward(bl_graph *g, void *args)
{
    linear_args *a = args;
    job j = {g, a};
    int rows = a->out->rows, in = a->x->cols, n = a->out->cols;
    if (a->act != BL_ACT_NONE || a->dropout > 0)
        bl_pool_run(g->pool, activation_part, &j, BL_PARTS);
    if (a->b != NULL && a->b->g != NULL)
        bl_pool_run(g->pool, bias_part, &j, bias_parts(a));
    bl_gemm_args dw = {.ta = 1,
                       .m = in,
                       .n = n,
                       .k = rows,
                       .alpha = 1,
                       .a = a->x->v,
                       .lda = in,
                       .b = a->out->g,
                       .ldb = n,
                       .beta = bl_grad_beta(a->w),
                       .c = a->w->g,
                       .ldc = n,
                       .precision = bl_graph_precision(g, BL_OF_WEIGHTS, rows)};
    if (a->w->g != NULL) /* a frozen matrix has none */
        bl_gemm(g->pool, &dw);
    if (a->x->g == NULL)
        return;
    bl_gemm_args dx = {.tb = 1,
                       .m = rows,
                       .n = in,
                       .k = n,
                       .alpha = 1,
                       .a = a->out->g,
                       .lda = n,
                       .b = a->w->v,
                       .ldb = n,
                       .beta = bl_grad_beta(a->x),
                       .c = a->x->g,
                       .ldc = in,
                       .precision = bl_graph_precision(g, BL_OF_WEIGHTS, n)};
    bl_gemm(g->pool, &dx);
}

bl_mat *bl_linear(bl_graph *g, bl_mat *x, bl_mat *w, bl_mat *b, bl_act act,
                  double dropout)
{
    if (g->e->code != 0)
        return NULL;
    bl_mat *out = bl_graph_mat(g, x->rows, w->cols, 1);
    linear_args a = {x, w, b, out, act, dropout, ++g->sites, NULL};
    if (g->train && act > BL_ACT_RELU)
        a.pre = bl_graph_alloc(g, (size_t)x->rows * (size_t)w->cols, sizeof *a.pre);
    if (out != NULL)
        out->is_passing = act == BL_ACT_NONE && dropout <= 0;
    bl_graph_reads(g, x);
    bl_graph_op(g, linear_forward, linear_backward, &a, sizeof a);
    return out;
}

/* ---- bias alone ---- */

static void bias_forward(bl_graph *g, void *args)
{
    linear_args *a = args;
    (void)g;
    for (int r = 0; r < a->x->rows; r++) {
        bl_real *row = a->out->v + (ptrdiff_t)r * a->x->cols;
        memcpy(row, a->x->v + (ptrdiff_t)r * a->x->cols,
               (size_t)a->x->cols * sizeof *row);
        add_bias(row, a->b->v, a->x->cols);
    }
}

static void bias_backward(bl_graph *g, void *args)
{
    linear_args *a = args;
    job j = {g, a};
    bl_pool_run(g->pool, bias_part, &j, bias_parts(a));
    add_to(a->x->g, a->out->g, (int64_t)a->x->rows * a->x->cols, bl_grad_beta(a->x));
}

bl_mat *bl_add_bias(bl_graph *g, bl_mat *x, bl_mat *b)
{
    if (g->e->code != 0)
        return NULL;
    linear_args a = {.x = x, .b = b, .out = bl_graph_mat(g, x->rows, x->cols, 1)};
    bl_graph_reads(g, x);
    bl_graph_op(g, bias_forward, bias_backward, &a, sizeof a);
    return a.out;
}

/* ---- residual ---- */

typedef struct {
    bl_mat *x, *y, *out;
    double dropout;
    uint32_t site;
} residual_args;

typedef struct {
    bl_graph *g;
    residual_args *a;
    bl_real x_beta, y_beta;
} residual_job;

/* Rows of which a mask is made at once: those of a site follow each other where a row
 * is of whole groups of 8. */
static int rows_at_once(int cols)
{
    return cols % 8 == 0 && cols <= 512 ? 8 : 1;
}

static void residual_part(void *arg, int part)
{
    residual_job *j = arg;
    residual_args *a = j->a;
    int start, end, n = a->out->cols, step = rows_at_once(n);
    bl_rows_of(a->out->rows, part, &start, &end);
    for (int r = start; r < end; r += step) {
        ptrdiff_t at = (ptrdiff_t)r * n;
        const bl_real *x = a->x->v + at;
        bl_real *out = a->out->v + at;
        int count = (int)bl_min(step, end - r) * n;
        if (out != a->y->v + at)
            memcpy(out, a->y->v + at, (size_t)count * sizeof *out);
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, n), count, out);
        for (int c = 0; c < count; c++)
            out[c] += x[c];
    }
}

static void residual_forward(bl_graph *g, void *args)
{
    residual_job j = {g, args, 0, 0};
    bl_pool_run(g->pool, residual_part, &j, BL_PARTS);
}

static void residual_back_part(void *arg, int part)
{
    residual_job *j = arg;
    residual_args *a = j->a;
    int start, end, n = a->out->cols, step = rows_at_once(n);
    bl_rows_of(a->out->rows, part, &start, &end);
    for (int r = start; r < end; r += step) {
        ptrdiff_t at = (ptrdiff_t)r * n;
        bl_real *grad = a->out->g + at;
        int count = (int)bl_min(step, end - r) * n;
        add_to(a->x->g + at, grad, count, j->x_beta);
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, n), count, grad);
        add_to(a->y->g + at, grad, count, j->y_beta);
    }
}

static void residual_backward(bl_graph *g, void *args)
{
    residual_args *a = args;
    residual_job j = {g, a, bl_grad_beta(a->x), bl_grad_beta(a->y)};
    bl_pool_run(g->pool, residual_back_part, &j, BL_PARTS);
}

bl_mat *bl_residual(bl_graph *g, bl_mat *x, bl_mat *y, double dropout)
{
    if (g->e->code != 0)
        return NULL;
    bl_mat *out = bl_graph_mat_over(g, y);
    residual_args a = {x, y, out, dropout, ++g->sites};
    bl_graph_reads(g, x);
    bl_graph_reads(g, y);
    bl_graph_op(g, residual_forward, residual_backward, &a, sizeof a);
    return out;
}
