/* test_cells.c - the ops that have gates, forward and backward, alone in a graph,
 * against their naive twins: cells over time, and what joins a residual. */
#include "op_bench.h"
#include "twins.h"

/* The sum of g_out * h for one lane: what the gradients of its inputs are slopes of. */
static double lstm_sum(const double *zx, const double *wh, const double *g_out, int t,
                       int n, double *h, double *c)
{
    double sum = 0;
    twin_lstm(zx, wh, t, n, h, c);
    for (int i = 0; i < t * n; i++)
        sum += g_out[i] * h[n + i];
    return sum;
}

/* Gradients by central differences of the twin: nothing of a backward pass is written
 * twice. */
static void lstm(bl_pool *pool, int t, int n)
{
    bench b;
    bl_real *cells, state[LANES * 2 * 16];
    double *h = zeros((size_t)((t + 1) * n), sizeof *h),
           *c = zeros((size_t)((t + 1) * n), sizeof *c);
    const double step = 1e-5;
    open_bench(&b, pool, LANES, t, 1);
    input *zx = take(&b, LANES * t, 4 * n), *wh = take(&b, n, 4 * n);
    for (int i = 0; i < LANES * 2 * n; i++)
        state[i] = (bl_real)draw(&b);
    give(&b, bl_lstm(&b.g, zx->m, wh->m, LANES, state, &cells));
    for (int lane = 0; lane < LANES; lane++) {
        double *z = zx->v + lane * t * 4 * n, *g_out = b.g_out + lane * t * n;
        for (int k = 0; k < n; k++) {
            h[k] = (double)state[(lane * 2 + 0) * n + k];
            c[k] = (double)state[(lane * 2 + 1) * n + k];
        }
        for (int part = 0; part < 2; part++) {
            double *of = part == 0 ? z : wh->v;
            double *to = part == 0 ? zx->g + lane * t * 4 * n : wh->g;
            for (int i = 0; i < (part == 0 ? t : n) * 4 * n; i++) {
                double old = of[i];
                of[i] = old + step;
                double up = lstm_sum(z, wh->v, g_out, t, n, h, c);
                of[i] = old - step;
                to[i] += (up - lstm_sum(z, wh->v, g_out, t, n, h, c)) / (2 * step);
                of[i] = old;
            }
        }
        twin_lstm(z, wh->v, t, n, h, c);
        memcpy(b.v + lane * t * n, h + n, (size_t)(t * n) * sizeof *h);
    }
    compare(&b, "LSTM");
    free(h);
    free(c);
}

/* The gradient of what meets channel c, by central differences of the twin. */
static double gru_slope(double *of, const double *x, const double *i, const double *h,
                        int n, int c)
{
    const double step = 1e-6, old = *of;
    *of = old + step;
    double up = twin_gru(x, i, h, n, c);
    *of = old - step;
    double down = twin_gru(x, i, h, n, c);
    *of = old;
    return (up - down) / (2 * step);
}

static void gru(bl_pool *pool, int rows, int n)
{
    bench b;
    open_bench(&b, pool, 1, rows, 0);
    input *x = take(&b, rows, n), *i = take(&b, rows, 3 * n),
          *h = take(&b, rows, 3 * n);
    give(&b, bl_gru(&b.g, x->m, i->m, h->m));
    for (int at = 0; at < rows * n; at++) {
        int r = at / n, c = at % n;
        double *xr = x->v + r * n, *ir = i->v + r * 3 * n, *hr = h->v + r * 3 * n;
        b.v[at] = twin_gru(xr, ir, hr, n, c);
        x->g[at] += b.g_out[at] * gru_slope(&xr[c], xr, ir, hr, n, c);
        for (int gate = 0; gate < 3; gate++) {
            int k = gate * n + c;
            i->g[r * 3 * n + k] += b.g_out[at] * gru_slope(&ir[k], xr, ir, hr, n, c);
            h->g[r * 3 * n + k] += b.g_out[at] * gru_slope(&hr[k], xr, ir, hr, n, c);
        }
    }
    compare(&b, "GRU gate");
}

/* The sum of g_out * h of one lane over T tokens, h (T+1, n) of which row 0 is the
 * state before; zh has room for 3 n. */
static double gru_sum(const double *zx, const double *wh, const double *bh,
                      const double *g_out, int t, int n, double *h, double *zh)
{
    double sum = 0;
    for (int s = 0; s < t; s++) {
        memcpy(zh, bh, (size_t)(3 * n) * sizeof *zh);
        twin_multiply(0, 0, 1, 3 * n, n, h + s * n, wh, zh);
        for (int c = 0; c < n; c++) {
            h[(s + 1) * n + c] = twin_gru(h + s * n, zx + s * 3 * n, zh, n, c);
            sum += g_out[s * n + c] * h[(s + 1) * n + c];
        }
    }
    return sum;
}

/* Gradients by central differences of the twin. */
static void gru_over_time(bl_pool *pool, int t, int n)
{
    bench b;
    bl_real state[LANES * 16];
    double h[9 * 16], zh[3 * 16];
    const double step = 1e-5;
    open_bench(&b, pool, LANES, t, 1);
    input *zx = take(&b, LANES * t, 3 * n), *wh = take(&b, n, 3 * n),
          *bh = take(&b, 1, 3 * n);
    for (int i = 0; i < LANES * n; i++)
        state[i] = (bl_real)draw(&b);
    give(&b, bl_gru_cells(&b.g, zx->m, wh->m, bh->m, LANES, state));
    for (int lane = 0; lane < LANES; lane++) {
        double *z = zx->v + lane * t * 3 * n, *g_out = b.g_out + lane * t * n;
        double *const of[] = {z, wh->v, bh->v};
        double *const to[] = {zx->g + lane * t * 3 * n, wh->g, bh->g};
        const int size[] = {t * 3 * n, n * 3 * n, 3 * n};
        for (int k = 0; k < n; k++)
            h[k] = (double)state[lane * n + k];
        for (size_t part = 0; part < BL_COUNT(of); part++)
            for (int i = 0; i < size[part]; i++) {
                double old = of[part][i];
                of[part][i] = old + step;
                double up = gru_sum(z, wh->v, bh->v, g_out, t, n, h, zh);
                of[part][i] = old - step;
                up -= gru_sum(z, wh->v, bh->v, g_out, t, n, h, zh);
                to[part][i] += up / (2 * step);
                of[part][i] = old;
            }
        gru_sum(z, wh->v, bh->v, g_out, t, n, h, zh);
        memcpy(b.v + lane * t * n, h + n, (size_t)(t * n) * sizeof *h);
    }
    compare(&b, "GRU cells");
}

static void modulate(bl_pool *pool, int rows, int n)
{
    bench b;
    open_bench(&b, pool, 1, rows, 0);
    input *s = take(&b, rows, n), *y = take(&b, rows, n);
    give(&b, bl_modulate(&b.g, s->m, y->m));
    for (int at = 0; at < rows * n; at++) {
        double o = twin_sigmoid(s->v[at]);
        b.v[at] = 2 * o * y->v[at];
        y->g[at] += b.g_out[at] * 2 * o;
        s->g[at] += b.g_out[at] * 2 * y->v[at] * o * (1 - o);
    }
    compare(&b, "a round of the mogrifier");
}

int main(void)
{
    bl_err e = BL_ERR_INIT;
    bl_pool *pool;
    if (bl_pool_new(&pool, 2, &e) != 0)
        return 70;
    bl_gemm_setup();
    lstm(pool, 5, 3);
    lstm(pool, 7, 8);
    gru(pool, 1, 3);
    gru(pool, 13, 37);
    gru_over_time(pool, 5, 3);
    gru_over_time(pool, 7, 8);
    modulate(pool, 13, 37);
    bl_pool_del(pool);
    return tap_done();
}
