/* compress.c - what a Compressive Transformer makes of the memories that a segment
 * pushes out (Rae et al. 2019, "Compressive Transformers for long-range sequence
 * modelling"). The losses that train it are reconstruct.c's. */
#include "nn/op/compress.h"
#include "nn/kernel/vec.h"

int bl_n_evicted(int length, int plain, int n_real)
{
    return (int)bl_max(0, bl_min(length, plain) + n_real - plain);
}

static int evicted(const bl_graph *g, const bl_compress_work *a, int lane)
{
    return bl_n_evicted(g->feed.mem_length[lane], a->a.plain, g->feed.n_real[lane]);
}

/* The rows of [memory ; x] that leave: old memory first, then tokens. */
static void gather(const bl_graph *g, bl_compress_work *c, int lane, int n)
{
    const bl_compress_args *a = &c->a;
    size_t d = (size_t)a->x->cols;
    int length = (int)bl_min(g->feed.mem_length[lane], a->plain);
    int from_memory = (int)bl_min(n, length);
    bl_real *to = c->old + (size_t)lane * (size_t)a->t * d;
    const bl_real *memory =
        a->memory + ((size_t)lane * (size_t)a->slots + (size_t)(a->slots - length)) * d;
    const bl_real *x = a->x->v + (size_t)lane * (size_t)a->t * d;
    memcpy(to, memory, (size_t)from_memory * d * sizeof *to);
    memcpy(to + (size_t)from_memory * d, x, (size_t)(n - from_memory) * d * sizeof *to);
}

/* ---- without parameters ---- */

static void pool_rows(bl_compressor how, int ratio, int d, const bl_real *old, int n,
                      bl_real *to)
{
    for (int r = 0; r < n; r++)
        for (int c = 0; c < d; c++) {
            const bl_real *x = old + (ptrdiff_t)r * ratio * d + c;
            bl_real sum = x[0], max = x[0];
            for (int i = 1; i < ratio; i++) {
                bl_real next = x[(ptrdiff_t)i * d];
                sum += next;
                max = next > max ? next : max;
            }
            to[(ptrdiff_t)r * d + c] =
                how == BL_COMPRESS_MAX ? max : sum / (bl_real)ratio;
        }
}

/* ---- convolutions ---- */

enum { TAPS = 3, APART = 2 }; /* of the dilated one */

/* The rows of n that tap t of a dilated convolution reads for the outputs from `to` on:
 * those outside the n are zeros. Returns how many. */
static int tap_rows(int t, int n, int *to, int *from)
{
    int shift = APART * (t - TAPS / 2);
    *to = shift < 0 ? -shift : 0;
    *from = shift > 0 ? shift : 0;
    return (int)bl_max(0, n - *to - *from);
}

static void fill_rows(bl_real *to, const bl_real *row, int n, int d)
{
    for (ptrdiff_t r = 0; r < n; r++)
        memcpy(to + r * d, row, (size_t)d * sizeof *to);
}

static void dilate(const bl_squeezer *s, const bl_real *old, int n, bl_real *to)
{
    int d = s->width, first, from;
    fill_rows(to, s->db->v, n, d);
    for (int t = 0; t < TAPS; t++) {
        int rows = tap_rows(t, n, &first, &from);
        bl_multiply(0, 0, rows, d, d, 1, old + (ptrdiff_t)from * d, d,
                    s->dw->v + (ptrdiff_t)t * d * d, d, 1, to + (ptrdiff_t)first * d,
                    d);
    }
}

/* Of the convolution kernel and stride are the ratio, so `ratio` rows are one row of
 * ratio * D. */
void bl_compress_rows(const bl_squeezer *s, const bl_real *old, int n, bl_real *between,
                      bl_real *to)
{
    int d = s->width, wide = s->ratio * d;
    if (!bl_compressor_learns(s->how)) {
        pool_rows(s->how, s->ratio, d, old, n, to);
        return;
    }
    if (s->how == BL_COMPRESS_DILATED) {
        dilate(s, old, n * s->ratio, between);
        old = between;
    }
    fill_rows(to, s->cb->v, n, d);
    bl_multiply(0, 0, n, d, wide, 1, old, wide, s->cw->v, d, 1, to, d);
}

/* dcw += in' grad, dcb += sum of grad, `in` being what the convolution read; of a
 * dilated one likewise from the gradient of what it made. */
static void convolution_learn(bl_compress_work *c, int lane, int n, const bl_real *grad)
{
    const bl_squeezer *s = &c->a.squeezer;
    int d = s->width, wide = s->ratio * d, n_old = n * s->ratio, first, from;
    const bl_real *old = c->old + (ptrdiff_t)lane * c->a.t * d;
    const bl_real *in =
        s->how == BL_COMPRESS_DILATED ? c->between + (ptrdiff_t)lane * c->a.t * d : old;
    bl_multiply(1, 0, wide, d, n, 1, in, wide, grad, d, 1, s->cw->g, d);
    bl_add_columns(s->cb->g, grad, n, d, 0, d);
    if (s->how != BL_COMPRESS_DILATED)
        return;
    bl_multiply(0, 1, n, wide, d, 1, grad, d, s->cw->v, d, 0, c->wide, wide);
    bl_add_columns(s->db->g, c->wide, n_old, d, 0, d);
    for (int t = 0; t < TAPS; t++) {
        int rows = tap_rows(t, n_old, &first, &from);
        bl_multiply(1, 0, d, d, rows, 1, old + (ptrdiff_t)from * d, d,
                    c->wide + (ptrdiff_t)first * d, d, 1,
                    s->dw->g + (ptrdiff_t)t * d * d, d);
    }
}

/* ---- the most used ---- */

/* A row is kept if fewer than n come before it, by use and then by time. */
void bl_keep_most_used(const bl_real *usage, const bl_real *old, int n_old, int width,
                       int n, bl_real *to)
{
    for (int r = 0; r < n_old; r++) {
        int before = 0;
        for (int s = 0; s < n_old; s++)
            before += usage[s] > usage[r] || (usage[s] == usage[r] && s < r);
        if (before >= n)
            continue;
        memcpy(to, old + (ptrdiff_t)r * width, (size_t)width * sizeof *to);
        to += width;
    }
}

/* What all heads paid to the n rows of a lane that leave, into the first head's. They
 * are the keys from the oldest ordinary memory on. */
static const bl_real *usage_of(const bl_graph *g, const bl_compress_args *a, int lane,
                               int n)
{
    int keys = a->slots + a->t;
    int oldest = a->slots - (int)bl_min(g->feed.mem_length[lane], a->plain);
    bl_real *sum = a->usage + (ptrdiff_t)lane * a->heads * keys + oldest;
    for (int h = 1; h < a->heads; h++)
        for (int r = 0; r < n; r++)
            sum[r] += sum[(ptrdiff_t)h * keys + r];
    return sum;
}

/* ---- as an op ---- */

static void squeeze(const bl_graph *g, bl_compress_work *c, int lane, int n)
{
    const bl_compress_args *a = &c->a;
    int d = a->x->cols, n_old = n * a->squeezer.ratio;
    ptrdiff_t at = (ptrdiff_t)lane * a->t * d;
    bl_real *to = c->rows + (ptrdiff_t)lane * (a->t / a->squeezer.ratio) * d;
    if (a->squeezer.how == BL_COMPRESS_MOST_USED)
        bl_keep_most_used(usage_of(g, a, lane, n_old), c->old + at, n_old, d, n, to);
    else
        bl_compress_rows(&a->squeezer, c->old + at, n,
                         c->between != NULL ? c->between + at : NULL, to);
}

static void compress_forward(bl_graph *g, void *args)
{
    bl_compress_work *c = args;
    const bl_compress_args *a = &c->a;
    int ratio = a->squeezer.ratio;
    g->feed.n_aux = 0; /* the same in every layer */
    for (int lane = 0; lane < a->lanes; lane++) {
        int n = evicted(g, c, lane) / ratio;
        gather(g, c, lane, n * ratio);
        if (n == 0)
            continue;
        squeeze(g, c, lane, n);
        if (!bl_compressor_learns(a->squeezer.how))
            continue;
        bl_rebuild_loss(g, c, lane, n * ratio, n, &g->feed.aux_sum);
        g->feed.n_aux += bl_n_rebuilt(&a->squeezer, n, g->feed.n_real[lane]);
    }
}

/* Only the squeezer's tensors learn. */
static void compress_backward(bl_graph *g, void *args)
{
    bl_compress_work *c = args;
    const bl_compress_args *a = &c->a;
    bl_real scale = (bl_real)g->feed.aux_scale;
    int d = a->x->cols, ratio = a->squeezer.ratio;
    if (!bl_compressor_learns(a->squeezer.how))
        return;
    for (int lane = 0; lane < a->lanes; lane++) {
        int n = evicted(g, c, lane) / ratio;
        bl_real *grad = c->grad + (ptrdiff_t)lane * (a->t / ratio) * d;
        if (n == 0)
            continue;
        for (int64_t i = 0; i < (int64_t)n * d; i++)
            grad[i] *= scale;
        convolution_learn(c, lane, n, grad);
        if (a->squeezer.loss == BL_REBUILD_ROWS)
            bl_rebuild_learn(c, lane, n * ratio, n, scale);
    }
}

void bl_compress(bl_graph *g, const bl_compress_args *args, bl_real **rows)
{
    if (g->e->code != 0)
        return;
    size_t b = (size_t)args->lanes, t = (size_t)args->t, d = (size_t)args->x->cols;
    size_t n = t / (size_t)args->squeezer.ratio, real = sizeof(bl_real);
    bl_compress_work c = {.a = *args};
    c.old = bl_graph_alloc(g, b * t * d, real);
    c.rows = *rows = bl_graph_alloc(g, b * n * d, real);
    if (args->squeezer.how == BL_COMPRESS_DILATED) {
        c.between = bl_graph_alloc(g, b * t * d, real);
        c.wide = bl_graph_alloc(g, t * d, real);
    }
    if (bl_compressor_learns(args->squeezer.how)) {
        c.grad = bl_graph_alloc(g, b * n * d, real);
        bl_rebuild_alloc(g, &c);
    }
    bl_graph_op(g, compress_forward, compress_backward, &c, sizeof c);
}
