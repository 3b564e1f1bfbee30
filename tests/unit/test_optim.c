/* test_optim.c - schedules of the learning rate, Muon against its formulas and what it
 * promises of a matrix, gradients with momentum and the average of weights against
 * their definitions. */
#include "base/rng.h"
#include "nn/op/muon.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- schedules ---- */

static double rate(bl_schedule_kind kind, int64_t step)
{
    bl_schedule s = {.kind = kind,
                     .lr = 2,
                     .min_ratio = 0.1,
                     .cooldown = 0.25,
                     .warmup = 10,
                     .total = 100};
    return bl_lr(&s, step);
}

static int near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void test_schedules(void)
{
    int rises = 1;
    for (bl_schedule_kind k = BL_COSINE; k <= BL_WSD; k++)
        for (int step = 0; step < 10; step++)
            rises &= near(rate(k, step), 2 * (step + 1) / 10.0);
    ok(rises, "every schedule warms up");
    ok(near(rate(BL_COSINE, 10), 2) && near(rate(BL_COSINE, 55), 1.1) &&
           near(rate(BL_COSINE, 100), 0.2) && near(rate(BL_COSINE, 200), 0.2),
       "cosine: to a share of the highest rate, and stays there");
    ok(near(rate(BL_LINEAR, 10), 2) && near(rate(BL_LINEAR, 55), 1) &&
           near(rate(BL_LINEAR, 99), 2.0 / 90) && near(rate(BL_LINEAR, 100), 0) &&
           near(rate(BL_LINEAR, 200), 0),
       "linear: to zero");
    ok(near(rate(BL_WSD, 10), 2) && near(rate(BL_WSD, 75), 2) &&
           near(rate(BL_WSD, 79), 2 * (1 - sqrt(4 / 25.0))) &&
           near(rate(BL_WSD, 100), 0),
       "wsd: falls in the last quarter alone");
    bl_schedule all = {
        .kind = BL_WSD, .lr = 2, .cooldown = 1, .warmup = 10, .total = 20};
    ok(near(bl_lr(&all, 9), 2) && near(bl_lr(&all, 15), 2 * (1 - sqrt(0.5))),
       "wsd: falls after the warm-up, whatever its share");
}

/* ---- Muon ---- */

static void fill(bl_real *x, int64_t n, uint64_t seed)
{
    bl_rng rng = bl_rng_make(seed, 0);
    for (int64_t i = 0; i < n; i++)
        x[i] = (bl_real)bl_rng_normal(&rng);
}

static double difference(const bl_real *a, const bl_real *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* Wide, tall, square, a single row, and two that are not Muon's. */
enum { N_SPANS = 6 };
static const struct {
    int rows, cols, is_muons, decay, group;
} shapes[N_SPANS] = {{12, 40, 1, 1, 0}, {7, 9, 0, 1, 1}, {33, 8, 1, 0, 1},
                     {24, 24, 1, 1, 0}, {1, 5, 1, 1, 0}, {1, 30, 0, 0, 0}};

static int64_t make_spans(bl_adam_span spans[N_SPANS])
{
    int64_t n = 0;
    for (int i = 0; i < N_SPANS; i++) {
        int64_t size = (int64_t)shapes[i].rows * shapes[i].cols;
        spans[i] = (bl_adam_span){.start = n,
                                  .end = n + size,
                                  .decay = shapes[i].decay,
                                  .group = shapes[i].group,
                                  .rows = shapes[i].is_muons ? shapes[i].rows : 0};
        n += size;
    }
    return n;
}

static const bl_muon_params usual = {
    .lr = 0.01, .momentum = 0.9, .weight_decay = 0.1, .scale = {0.5, 2}};

/* Three steps of it in x[0]; moments in x[2]. */
static void run(bl_real *const x[3], const bl_adam_span *spans, int64_t n, int threads)
{
    bl_pool *pool = NULL;
    bl_real *scratch = calloc((size_t)bl_muon_scratch(spans, N_SPANS), sizeof *scratch);
    if (scratch == NULL || bl_pool_new(&pool, threads, NULL) != 0)
        exit(70);
    fill(x[0], n, 1);
    memset(x[2], 0, (size_t)n * sizeof *x[2]);
    for (uint64_t step = 0; step < 3; step++) {
        fill(x[1], n, 10 + step);
        bl_muon(pool, &usual, spans, N_SPANS, x[0], x[1], x[2], scratch);
    }
    bl_pool_del(pool);
    free(scratch);
}

static void test_muon(void)
{
    enum { N = 2048 };
    static bl_real own[3][N], twin[3][N], again[3][N];
    bl_real *const x[] = {own[0], own[1], own[2]};
    bl_real *const y[] = {again[0], again[1], again[2]};
    bl_adam_span spans[N_SPANS];
    int64_t n = make_spans(spans);
    run(x, spans, n, 1);
    fill(twin[0], n, 1);
    int rc = 0;
    for (uint64_t step = 0; step < 3 && rc == 0; step++) {
        fill(twin[1], n, 10 + step);
        rc = bl_muon_naive(&usual, spans, N_SPANS, twin[0], twin[1], twin[2], NULL);
    }
    double worst = 0;
    for (int k = 0; k < 3; k++)
        worst = fmax(worst, difference(own[k], twin[k], n));
    ok(rc == 0 && worst < 1e-5, "Muon is its formulas (%.1g)", worst);
    for (int threads = 2; threads <= 3; threads++) {
        run(y, spans, n, threads);
        ok(memcmp(own, again, sizeof own) == 0, "the same bits on %d threads", threads);
    }
    int alone = 1;
    fill(twin[0], n, 1);
    for (int i = 0; i < N_SPANS; i++)
        for (int64_t k = spans[i].start; k < spans[i].end; k++)
            alone &= (own[0][k] == twin[0][k]) == (spans[i].rows == 0) &&
                     (own[1][k] == 0) == (spans[i].rows > 0);
    ok(alone, "it changes its matrices alone, and leaves their gradients at 0");
}

/* Spans of no group keep their values, moments and place; their gradients end at 0. */
static void test_still(bl_pool *pool)
{
    enum { N = 600 };
    static const bl_adam_span part[] = {
        {.end = 200, .decay = 1},
        {.start = 200, .end = 450, .decay = 1, .group = BL_ADAM_STILL},
        {.start = 450, .end = N}};
    static bl_real own[4][N], twin[4][N], before[N];
    bl_adam_params p = {.lr = 0.1,
                        .beta1 = 0.9,
                        .beta2 = 0.99,
                        .eps = 1e-8,
                        .weight_decay = 0.1,
                        .scale = {1, 1},
                        .step = 1};
    fill(before, N, 7);
    fill(own[0], N, 7);
    fill(twin[0], N, 7);
    fill(own[1], N, 8);
    fill(twin[1], N, 8);
    bl_adam(pool, &p, part, 3, own[0], own[1], own[2], own[3]);
    bl_adam_naive(&p, part, 3, twin[0], twin[1], twin[2], twin[3]);
    int right = 1;
    double worst = 0;
    for (int i = 0; i < N; i++) {
        int still = i >= part[1].start && i < part[1].end;
        right &= (own[0][i] == before[i]) == still && (own[2][i] == 0) == still &&
                 own[1][i] == 0 && twin[1][i] == 0;
        worst = fmax(worst, fabs((double)own[0][i] - (double)twin[0][i]));
    }
    ok(right && worst < 1e-6, "what is frozen stays as it is, the rest learns");
}

/* The singular values of an update, over its factor, from the products of its rows with
 * random directions: of O with singular values near 1, |x O| is near |x|. */
static void test_orthogonal(bl_pool *pool)
{
    enum { ROWS = 20, COLS = 50, N = ROWS * COLS };
    static bl_real value[N], grad[N], m[N], scratch[2 * (N + ROWS * ROWS)];
    bl_adam_span span = {.end = N, .rows = ROWS};
    bl_muon_params p = {.lr = 1, .momentum = 0.95, .scale = {1, 1}};
    double low = INFINITY, high = 0, sum = 0, factor = 0.2 * sqrt(COLS);
    fill(grad, N, 3);
    for (int i = 0; i < N; i++) /* of any size: only directions count */
        grad[i] *= 1e-4f;
    bl_muon(pool, &p, &span, 1, value, grad, m, scratch);
    for (uint64_t k = 0; k < 100; k++) {
        bl_real x[ROWS];
        double length = 0, product = 0;
        fill(x, ROWS, 100 + k);
        for (int i = 0; i < ROWS; i++)
            length += (double)x[i] * (double)x[i];
        for (int j = 0; j < COLS; j++) {
            double dot = 0;
            for (int i = 0; i < ROWS; i++)
                dot += (double)x[i] * (double)value[i * COLS + j] / factor;
            product += dot * dot;
        }
        low = fmin(low, sqrt(product / length));
        high = fmax(high, sqrt(product / length));
    }
    for (int i = 0; i < N; i++)
        sum += (double)value[i] * (double)value[i];
    ok(low > 0.65 && high < 1.25, "an update is nearly orthogonal (%.2f to %.2f)", low,
       high);
    ok(fabs(sqrt(sum / N) - 0.2) < 0.04, "and as large as one of Adam (%.3f)",
       sqrt(sum / N));
    memset(m, 0, sizeof m);
    memcpy(grad, value, sizeof grad);
    bl_muon(pool, &p, &span, 1, value, m, grad, scratch);
    memset(grad, 0, sizeof grad);
    bl_real before = value[5];
    bl_muon(pool, &p, &span, 1, value, m, grad, scratch);
    ok(value[5] == before, "nothing moves without a gradient");
}

/* ---- the average ---- */

/* Mean ages by hand: weights at step i weigh as the recursion says. */
static void test_average(bl_pool *pool)
{
    enum { STEPS = 400 };
    static const double ages[] = {0.5, 0.1, 0.02};
    for (size_t a = 0; a < BL_COUNT(ages); a++) {
        bl_real mean[2] = {77, 77}, value[2];
        for (int step = 1; step <= STEPS; step++) {
            value[0] = (bl_real)step;
            value[1] = 3;
            bl_average(pool, ages[a], step, 2, value, mean);
        }
        double age = (STEPS - (double)mean[0]) / STEPS;
        ok(fabs(age - ages[a]) < 0.004 && fabs((double)mean[1] - 3) < 1e-4,
           "an average looks %.3f of the steps back (%.3f)", ages[a], age);
    }
}

/* ---- gradients with momentum ---- */

/* Two spans, clipped by half and with decay, and one that stays. */
static void test_momentum(bl_pool *pool)
{
    enum { N = 30, STEPS = 4 };
    const bl_adam_span spans[] = {{.end = 10, .decay = 1},
                                  {.start = 10, .end = 20, .group = 1},
                                  {.start = 20, .end = N, .group = BL_ADAM_STILL}};
    const bl_adam_params p = {.lr = 0.1, .weight_decay = 0.2, .scale = {0.5, 1}};
    bl_real value[N], grad[N], m[N] = {0};
    double want[N], moment[N] = {0}, worst = 0;
    for (int i = 0; i < N; i++)
        want[i] = value[i] = (bl_real)(1 + i);
    for (int s = 0; s < STEPS; s++) {
        for (int i = 0; i < N; i++) {
            grad[i] = (bl_real)(i - 3 * s);
            if (i >= 20)
                continue;
            moment[i] = 0.9 * moment[i] + (i < 10 ? 0.5 : 1) * (double)grad[i];
            want[i] -= 0.1 * moment[i] + (i < 10 ? 0.1 * 0.2 * want[i] : 0);
        }
        bl_sgd(pool, &p, 0.9, spans, 3, value, grad, m);
        for (int i = 0; i < N; i++)
            worst =
                fmax(worst, fabs((double)value[i] - want[i]) + fabs((double)grad[i]));
    }
    ok(worst < 1e-4, "gradients with momentum are those of the formula: %.2g", worst);
}

int main(void)
{
    bl_pool *pool = NULL;
    if (!ok(bl_pool_new(&pool, 2, NULL) == 0, "a pool"))
        return tap_done();
    test_schedules();
    test_muon();
    test_orthogonal(pool);
    test_still(pool);
    test_average(pool);
    test_momentum(pool);
    bl_pool_del(pool);
    return tap_done();
}
