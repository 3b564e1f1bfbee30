/* op_bench.h - one op of lib/nn alone in a graph, with inputs that its naive twin gets
 * as doubles, and the comparison of results and gradients. */
#ifndef OP_BENCH_H
#define OP_BENCH_H

#include "base/mem.h"
#include "nn/op/ops.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 8, LANES = 3 };

/* An input of an op: numbers for it and the same as doubles for its twin. */
typedef struct {
    bl_mat *m;
    bl_real *value, *grad;
    double *v, *g; /* the twin's: values, gradients to be added to */
    size_t n;
} input;

typedef struct {
    bl_graph g;
    bl_err e;
    input in[INPUTS];
    int n_in;
    int32_t x[4096], y[4096], mem_length[LANES], n_real[LANES];
    bl_mat *out;
    double *v, *g_out; /* the twin's result; the gradient that flows in */
    uint64_t seed;
} bench;

static inline void *zeros(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);
    if (p == NULL)
        exit(70);
    return p;
}

/* Uniform in -1 .. 1, exact as a float. */
static inline double draw(bench *b)
{
    b->seed = b->seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(int32_t)(b->seed >> 40) / (1 << 23) - 1;
}

static inline void open_bench(bench *b, bl_pool *pool, int lanes, int t, int memory)
{
    *b = (bench){.e = BL_ERR_INIT, .seed = (uint64_t)(lanes * 131 + t * 17 + memory)};
    b->g = (bl_graph){.pool = pool, .train = 1, .e = &b->e};
    for (int lane = 0; lane < lanes; lane++) {
        b->mem_length[lane] = lane == 0 ? memory : memory * lane / (lanes + 1);
        b->n_real[lane] = t;
    }
    b->g.feed = (bl_feed){.x = b->x,
                          .y = b->y,
                          .mem_length = b->mem_length,
                          .n_real = b->n_real,
                          .train = 1,
                          .seed = 5,
                          .step = 9,
                          .loss_scale = 0.25};
}

static inline input *take(bench *b, int64_t rows, int64_t cols)
{
    input *in = &b->in[b->n_in++];
    in->n = (size_t)(rows * cols);
    in->value = zeros(in->n, sizeof *in->value);
    in->grad = zeros(in->n, sizeof *in->grad);
    in->v = zeros(in->n, sizeof *in->v);
    in->g = zeros(in->n, sizeof *in->g);
    for (size_t i = 0; i < in->n; i++)
        in->value[i] = (bl_real)(in->v[i] = draw(b));
    in->m = bl_graph_view(&b->g, in->value, in->grad, rows, cols);
    return in;
}

/* After the op is built: its result gets a gradient to send back. */
static inline void give(bench *b, bl_mat *out)
{
    size_t n = out != NULL ? (size_t)out->rows * (size_t)out->cols : 0;
    b->out = out;
    b->v = zeros(n, sizeof *b->v);
    b->g_out = zeros(n, sizeof *b->g_out);
    if (out == NULL)
        return;
    bl_graph_plan(&b->g);
    out->g = bl_graph_alloc(&b->g, n, sizeof *out->g);
    for (size_t i = 0; i < n; i++)
        out->g[i] = (bl_real)(b->g_out[i] = draw(b));
}

/* The largest difference as a share of the largest number. */
static inline double off(const bl_real *x, const double *y, size_t n)
{
    double worst = 0, top = 1e-3;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)x[i] - y[i]);
        worst = d > worst || d != d ? d : worst;
        top = fmax(top, fabs(y[i]));
    }
    return worst / top;
}

/* Runs the graph and compares result and gradients with the twin's, which is done. */
static inline void compare(bench *b, const char *what)
{
    double forward = INFINITY, backward = 0;
    if (b->e.code == 0) {
        bl_graph_forward(&b->g);
        forward = off(b->out->v, b->v, (size_t)b->out->rows * (size_t)b->out->cols);
        bl_graph_backward(&b->g);
    }
    for (int i = 0; i < b->n_in; i++)
        backward = fmax(backward, off(b->in[i].grad, b->in[i].g, b->in[i].n));
    ok(forward < 2e-5 && backward < 5e-5, "%s: %.1g forward, %.1g backward", what,
       forward, backward);
    for (int i = 0; i < b->n_in; i++) {
        free(b->in[i].value);
        free(b->in[i].grad);
        free(b->in[i].v);
        free(b->in[i].g);
    }
    free(b->v);
    free(b->g_out);
    bl_graph_free(&b->g);
}

/* Dropout's mask of a site for rows of n numbers, as doubles; 1 without. */
static inline void mask_of(const bench *b, uint32_t site, double p, int rows, int n,
                           double *to)
{
    bl_real *row = zeros((size_t)n + 8, sizeof *row);
    for (int r = 0; r < rows; r++) {
        int is_on = bl_dropout_mask(&b->g.feed, site, p, bl_site_start(r, n), n, row);
        for (int c = 0; c < n; c++)
            to[(ptrdiff_t)r * n + c] = is_on ? (double)row[c] : 1;
    }
    free(row);
}

#endif
