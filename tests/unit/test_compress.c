/* test_compress.c - the compressors of lib/nn as an op against naive twins: which rows
 * leave, what becomes of them, the auxiliary loss, and its gradients against
 * differences of the twin, so that no backward pass is written twice. */
#include "nn/op/ops.h"
#include "tap.h"
#include "twins.h"

#include <stdlib.h>
#include <string.h>

enum {
    LANES = 4,
    T = 6,
    PLAIN = 9,
    SLOTS = PLAIN + 2,
    RATIO = 3,
    N = T / RATIO,
    D = 8,
    HEADS = 4,
    E = D / HEADS,
    KV = 2, /* heads of keys and values */
    TENSORS = 6,
    MOST = RATIO * D * D
};

static const int sizes[TENSORS] = {RATIO * D * D, D, 3 * D *D, D, RATIO *D *D, D};

typedef struct {
    bl_graph g;
    bl_err e;
    bl_compress_args a;
    int32_t mem_length[LANES], n_real[LANES];
    bl_real memory[LANES * SLOTS * D], x[LANES * T * D], q[LANES * T * D];
    bl_real w[2][D * KV * E], usage[LANES * HEADS * (SLOTS + T)], norm[2][D];
    bl_real value[TENSORS][MOST], grad[TENSORS][MOST];
    double of[TENSORS][MOST]; /* the same values */
    double paid[LANES * HEADS * (SLOTS + T)];
    bl_real *rows;
    uint64_t seed;
} bench;

static bl_real draw(bench *b)
{
    b->seed = b->seed * 6364136223846793005u + 1442695040888963407u;
    return (bl_real)((double)(int32_t)(b->seed >> 40) / (1 << 23) - 1);
}

static void draw_all(bench *b, bl_real *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = draw(b);
}

static bl_mat *view(bench *b, bl_real *v, bl_real *grad, int rows, int cols)
{
    return bl_graph_view(&b->g, v, grad, rows, cols);
}

/* A lane without memory, one whose memory fills up, one that is full, and one that is
 * full and has a short segment. */
static void open_bench(bench *b, bl_pool *pool, bl_compressor how, bl_rebuild loss,
                       int normed)
{
    static const int length[LANES] = {0, 5, PLAIN, SLOTS},
                     real[LANES] = {T, T, T, T - 2};
    *b = (bench){.e = BL_ERR_INIT, .seed = (uint64_t)how * 8 + loss};
    b->g = (bl_graph){.pool = pool, .train = 1, .e = &b->e};
    b->g.feed = (bl_feed){.mem_length = b->mem_length, .n_real = b->n_real};
    b->g.feed.aux_scale = 0.5;
    for (int lane = 0; lane < LANES; lane++) {
        b->mem_length[lane] = length[lane];
        b->n_real[lane] = real[lane];
    }
    draw_all(b, b->memory, LANES * SLOTS * D);
    draw_all(b, b->x, LANES * T * D);
    draw_all(b, b->q, LANES * T * D);
    draw_all(b, b->w[0], 2 * D * KV * E);
    draw_all(b, b->norm[0], 2 * D);
    for (int i = 0; i < LANES * HEADS * (SLOTS + T); i++)
        b->paid[i] = (double)(b->usage[i] = (bl_real)(1 + (int)(4 * draw(b))));
    bl_squeezer s = {.how = how, .loss = loss, .ratio = RATIO, .width = D};
    bl_mat **const tensor[TENSORS] = {&s.cw, &s.cb, &s.dw, &s.db, &s.gw, &s.gb};
    for (int i = 0; i < TENSORS; i++) {
        draw_all(b, b->value[i], sizes[i]);
        for (int k = 0; k < sizes[i]; k++)
            b->of[i][k] = (double)b->value[i][k];
        *tensor[i] = view(b, b->value[i], b->grad[i], sizes[i] / D, D);
    }
    b->a = (bl_compress_args){.squeezer = s,
                              .lanes = LANES,
                              .t = T,
                              .slots = SLOTS,
                              .plain = PLAIN,
                              .heads = HEADS,
                              .memory = b->memory,
                              .usage = b->usage,
                              .x = view(b, b->x, NULL, LANES * T, D),
                              .q = view(b, b->q, NULL, LANES * T, D),
                              .wk = view(b, b->w[0], NULL, D, KV * E),
                              .wv = view(b, b->w[1], NULL, D, KV * E),
                              .eps = 1e-2};
    if (normed) {
        b->a.gain = view(b, b->norm[0], NULL, 1, D);
        b->a.bias = view(b, b->norm[1], NULL, 1, D);
    }
    bl_compress(&b->g, &b->a, &b->rows);
}

/* ---- the twin ---- */

/* Row r of those that a lane pushes out. */
static const bl_real *leaving(const bench *b, int lane, int r)
{
    int kept = b->mem_length[lane] < PLAIN ? b->mem_length[lane] : PLAIN;
    return r < kept ? b->memory + (lane * SLOTS + SLOTS - kept + r) * D
                    : b->x + (lane * T + r - kept) * D;
}

/* How many slots a lane gets. */
static int n_made(const bench *b, int lane)
{
    int kept = b->mem_length[lane] < PLAIN ? b->mem_length[lane] : PLAIN;
    int n = kept + b->n_real[lane] - PLAIN;
    return n > 0 ? n / RATIO : 0;
}

/* The rows that were used most: one after the other the best of what is left. */
static void most_used(const bench *b, int lane, const double *old, int n, double *to)
{
    int taken[T] = {0},
        kept = b->mem_length[lane] < PLAIN ? b->mem_length[lane] : PLAIN;
    double use[T] = {0};
    for (int r = 0; r < n * RATIO; r++)
        for (int h = 0; h < HEADS; h++)
            use[r] += b->paid[(lane * HEADS + h) * (SLOTS + T) + SLOTS - kept + r];
    for (int k = 0; k < n; k++) {
        int best = -1;
        for (int r = 0; r < n * RATIO; r++)
            if (!taken[r] && (best < 0 || use[r] > use[best]))
                best = r;
        taken[best] = 1;
    }
    for (int r = 0; r < n * RATIO; r++)
        for (int c = 0; c < D && taken[r]; c++)
            *to++ = old[r * D + c];
}

static void normed(const bench *b, const double *rows, int n, double *to)
{
    double none[D] = {0}, gain[D], bias[D], x[D], g[D], h[D];
    memcpy(to, rows, (size_t)(n * D) * sizeof *to);
    for (int c = 0; c < D && b->a.gain != NULL; c++) {
        gain[c] = (double)b->norm[0][c];
        bias[c] = (double)b->norm[1][c];
    }
    for (int r = 0; r < n && b->a.gain != NULL; r++)
        twin_norm(rows + r * D, gain, bias, D, b->a.eps, none, to + r * D, x, g, h);
}

static double attention_loss(const bench *b, int lane, const double *old,
                             const double *fresh, int n)
{
    double from[T * D], to[N * D], wk[D * KV * E], wv[D * KV * E], sum = 0, p[T];
    normed(b, old, n * RATIO, from);
    normed(b, fresh, n, to);
    for (int i = 0; i < D * KV * E; i++) {
        wk[i] = (double)b->w[0][i];
        wv[i] = (double)b->w[1][i];
    }
    for (int i = 0; i < b->n_real[lane]; i++)
        for (int h = 0; h < HEADS; h++) {
            double q[E], a[E], c[E];
            for (int k = 0; k < E; k++)
                q[k] = (double)b->q[(lane * T + i) * D + h * E + k];
            int at = h * KV / HEADS * E;
            twin_content(q, E, from, n * RATIO, D, wk, wv, KV * E, at, p, a);
            twin_content(q, E, to, n, D, wk, wv, KV * E, at, p, c);
            for (int k = 0; k < E; k++)
                sum += (a[k] - c[k]) * (a[k] - c[k]) / D;
        }
    return sum;
}

/* All lanes: the rows they get to `rows` (LANES, N, D), the loss and its terms. */
static double twin_compress(const bench *b, double *rows, int64_t *terms)
{
    double sum = 0;
    const bl_squeezer *s = &b->a.squeezer;
    *terms = 0;
    for (int lane = 0; lane < LANES; lane++) {
        int n = n_made(b, lane);
        double old[T * D], *to = rows + lane * N * D;
        for (int i = 0; i < n * RATIO * D; i++)
            old[i] = (double)leaving(b, lane, i / D)[i % D];
        const twin_convolution c = {
            D,        RATIO,    n,        s->how == BL_COMPRESS_DILATED,
            b->of[0], b->of[1], b->of[2], b->of[3]};
        if (s->how == BL_COMPRESS_MOST_USED)
            most_used(b, lane, old, n, to);
        else if (bl_compressor_learns(s->how))
            twin_convolve(&c, old, to);
        else
            twin_pool(s->how == BL_COMPRESS_MAX, RATIO, D, old, n, to);
        if (n == 0 || !bl_compressor_learns(s->how))
            continue;
        if (s->loss == BL_REBUILD_ROWS)
            sum += twin_rows_loss(&c, b->of[4], b->of[5], old, to);
        else
            sum += attention_loss(b, lane, old, to, n);
        *terms += s->loss == BL_REBUILD_ROWS ? n * RATIO : b->n_real[lane];
    }
    return sum;
}

/* ---- both ---- */

static double off(double worst, double x, double y, double least)
{
    double d = fabs(x - y) / fmax(fabs(y), least);
    return d > worst || d != d ? d : worst;
}

/* The rows of lanes that get some. */
static double off_rows(const bench *b, const double *rows)
{
    double worst = 0;
    for (int lane = 0; lane < LANES; lane++)
        for (int i = lane * N * D; i < (lane * N + n_made(b, lane)) * D; i++)
            worst = off(worst, (double)b->rows[i], rows[i], 1);
    return worst;
}

/* Slopes of some elements of each tensor. */
static double off_grads(bench *b)
{
    double worst = 0, rows[LANES * N * D];
    int64_t terms;
    const double step = 1e-6;
    for (int i = 0; i < TENSORS; i++)
        for (int k = 0; k < sizes[i]; k += 1 + sizes[i] / 40) {
            double old = b->of[i][k];
            b->of[i][k] = old + step;
            double up = twin_compress(b, rows, &terms);
            b->of[i][k] = old - step;
            double slope = (up - twin_compress(b, rows, &terms)) / (2 * step);
            b->of[i][k] = old;
            worst = off(worst, (double)b->grad[i][k], b->g.feed.aux_scale * slope, 1);
        }
    return worst;
}

static void compress(bl_pool *pool, bl_compressor how, bl_rebuild loss, int is_normed)
{
    static bench b;
    double rows[LANES * N * D];
    int64_t terms;
    open_bench(&b, pool, how, loss, is_normed);
    double aux = twin_compress(&b, rows, &terms);
    if (!ok(b.e.code == 0, "an op of compressor %d: %s", (int)how, b.e.text))
        return;
    bl_graph_forward(&b.g);
    bl_graph_backward(&b.g);
    double worst = off_rows(&b, rows), grads = off_grads(&b);
    ok(worst < 1e-5 && off(0, b.g.feed.aux_sum, aux, 1) < 1e-5 &&
           b.g.feed.n_aux == terms && grads < 1e-4,
       "compressor %d, loss %d%s: rows %.1g, loss %.6g of %.6g over %d, gradients %.1g",
       (int)how, (int)loss, is_normed ? ", normed" : "", worst, b.g.feed.aux_sum, aux,
       (int)terms, grads);
    bl_graph_free(&b.g);
}

int main(void)
{
    bl_err e = BL_ERR_INIT;
    bl_pool *pool;
    if (bl_pool_new(&pool, 2, &e) != 0)
        return 70;
    bl_gemm_setup();
    for (int how = 0; how < BL_N_COMPRESSOR; how++)
        for (int loss = 0; loss < (bl_compressor_learns((bl_compressor)how) ? 2 : 1);
             loss++)
            for (int is_normed = 0; is_normed < 2; is_normed++)
                compress(pool, (bl_compressor)how, (bl_rebuild)loss, is_normed);
    bl_pool_del(pool);
    return tap_done();
}
