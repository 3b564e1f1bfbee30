/* test_bf16.c - products in bf16 and bf16x3 against three loops over rounded numbers.
 */
#include "nn/kernel/gemm.h"
#include "nn/kernel/tile.h"
#include "tap.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = 3 }; /* numbers after each row, which are nobody's */

static const char *name_of(bl_precision p)
{
    return p == BL_BF16 ? "bf16" : "bf16x3";
}

static float some(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (float)((int32_t)*state >> 8) / (1 << 23);
}

static float *matrix(int rows, int cols, uint32_t seed)
{
    size_t n = (size_t)rows * (size_t)(cols + PAD);
    float *x = calloc(n, sizeof *x);
    if (x == NULL)
        exit(1);
    for (size_t i = 0; i < n; i++)
        x[i] = some(&seed);
    return x;
}

/* To nearest, ties to even, in the upper 16 bits. */
static float bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static double product(bl_precision p, float a, float b)
{
    double a_hi = bf16(a), b_hi = bf16(b);
    if (p == BL_FP32)
        return (double)a * b;
    if (p == BL_BF16)
        return a_hi * b_hi;
    double a_lo = bf16(a - (float)a_hi), b_lo = bf16(b - (float)b_hi);
    return a_lo * b_hi + a_hi * b_lo + a_hi * b_hi;
}

/* C(i,j) by the twin; in *size the sum of the magnitudes of what is added. */
static double twin(const bl_gemm_args *g, bl_precision p, double c, int i, int j,
                   double *size)
{
    double sum = 0;
    *size = 0;
    for (int k = 0; k < g->k; k++) {
        float a = g->ta ? g->a[k * g->lda + i] : g->a[i * g->lda + k];
        float b = g->tb ? g->b[j * g->ldb + k] : g->b[k * g->ldb + j];
        double term = product(p, a, b);
        sum += term;
        *size += fabs(term);
    }
    *size = fabs((double)g->alpha) * *size + fabs(g->beta * c);
    return g->alpha * sum + (g->beta == 0 ? 0 : g->beta * c);
}

typedef struct {
    double worst, rms; /* off the twin, relative to the terms; off the exact sums */
    int kept;          /* what is not C's was left alone */
} outcome;

static outcome compare(const bl_gemm_args *g, const float *before)
{
    outcome o = {.kept = 1};
    double off = 0, all = 0, size;
    for (int i = 0; i < g->m; i++) {
        for (int j = 0; j < g->n; j++) {
            double c = before[i * g->ldc + j], got = g->c[i * g->ldc + j];
            double want = twin(g, g->precision, c, i, j, &size);
            o.worst = fmax(o.worst, fabs(got - want) / size);
            want = twin(g, BL_FP32, c, i, j, &size);
            off += (got - want) * (got - want);
            all += want * want;
        }
        o.kept &= memcmp(g->c + i * g->ldc + g->n, before + i * g->ldc + g->n,
                         PAD * sizeof *g->c) == 0;
    }
    o.rms = sqrt(off / all);
    return o;
}

/* The three ways to compute it have the same bytes; the last is compared. */
static outcome check(bl_gemm_args g, bl_pool **pool, int *same)
{
    size_t bytes = (size_t)g.m * (size_t)g.ldc * sizeof(float);
    float *a = matrix(g.ta ? g.k : g.m, g.lda - PAD, 1), *c[3];
    float *b = matrix(g.tb ? g.n : g.k, g.ldb - PAD, 2);
    float *before = matrix(g.m, g.n, 3);
    g.a = a;
    g.b = b;
    for (int way = 0; way < 3; way++) {
        g.c = c[way] = matrix(g.m, g.n, 3);
        if (way == 0)
            bl_gemm_one(&g);
        else
            bl_gemm(pool[way], &g);
    }
    *same &= memcmp(c[0], c[1], bytes) == 0 && memcmp(c[0], c[2], bytes) == 0;
    outcome o = compare(&g, before);
    for (int way = 0; way < 3; way++)
        free(c[way]);
    free(a);
    free(b);
    free(before);
    return o;
}

static void test_precision(bl_precision p, double limit, bl_pool **pool)
{
    static const int shape[][3] = {{1, 1, 1},      {16, 16, 32},  {32, 32, 32},
                                   {33, 31, 33},   {5, 70, 1},    {1, 64, 65},
                                   {130, 17, 95},  {48, 100, 31}, {64, 64, 512},
                                   {40, 36, 1100}, {65, 1061, 40}};
    static const float factor[][2] = {{1, 0}, {1, 1}, {0.5f, 0}, {-1, 0.75f}};
    const char *name = name_of(p);
    int same = 1;
    outcome o = {.kept = 1};
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
        for (int way = 0; way < 16; way++) {
            int m = shape[s][0], n = shape[s][1], k = shape[s][2];
            bl_gemm_args g = {
                .ta = way & 1, .tb = way >> 1 & 1, .m = m, .n = n, .k = k};
            g.alpha = factor[way / 4][0];
            g.beta = factor[way / 4][1];
            g.lda = (g.ta ? m : k) + PAD;
            g.ldb = (g.tb ? k : n) + PAD;
            g.ldc = n + PAD;
            g.precision = p;
            outcome one = check(g, pool, &same);
            o.worst = fmax(o.worst, one.worst);
            o.rms = fmax(o.rms, one.rms);
            o.kept &= one.kept;
        }
    ok(o.worst < 2e-6, "%s: every shape, transposed or not, is the twin's (%.1e off)",
       name, o.worst);
    ok(o.rms < limit, "%s: within %.0e of the exact product (%.1e)", name, limit,
       o.rms);
    ok(o.kept, "%s: numbers between the rows of C are left alone", name);
    ok(same, "%s: one thread, two, and no pool give the same bytes", name);
}

/* ---- products by panels, as attention makes them ---- */

enum { ROWS_B = 150, COLS_B = 75, ROWS = 50, WIDE = 128 };

/* How far C is off the twin, in terms of what is added; INFINITY if numbers before the
 * first column have changed. */
static double off_panels(const bl_tile_args *t, const float *b, const float *before)
{
    double worst = 0, size;
    for (int i = 0; i < t->m; i++) {
        const float *c = t->c + i * t->ldc, *was = before + i * t->ldc;
        for (int j = t->start; j < t->end; j++) {
            bl_gemm_args g = {.ta = t->ta, .k = t->k, .alpha = 1, .beta = t->add != 0};
            g.a = t->a;
            g.lda = (int)t->lda;
            g.b = b + (ptrdiff_t)t->row * COLS_B;
            g.ldb = COLS_B;
            double want = twin(&g, t->precision, was[j], i, j, &size);
            worst = fmax(worst, fabs(c[j] - want) / size);
        }
        if (t->start > 0 && c[t->start - 1] != was[t->start - 1])
            return INFINITY;
    }
    return worst;
}

static void test_panels(bl_precision p)
{
    static const int shape[][5] = {/* m, k, row, start, end */
                                   {1, 1, 0, 0, 1},       {32, 64, 32, 32, 64},
                                   {50, 150, 0, 0, 75},   {16, 70, 3, 64, 75},
                                   {33, 31, 100, 32, 40}, {48, 149, 1, 0, 33}};
    float *b = matrix(ROWS_B, COLS_B - PAD, 5), *a = matrix(ROWS_B, WIDE, 6);
    float *turned = matrix(COLS_B, ROWS_B - PAD, 7);
    float *before = matrix(ROWS, WIDE, 8), *c = matrix(ROWS, WIDE, 8);
    float *panels = aligned_alloc(64, bl_tile_room(ROWS_B, COLS_B) * sizeof *panels);
    for (int i = 0; i < ROWS_B; i++)
        for (int j = 0; j < COLS_B; j++)
            turned[j * ROWS_B + i] = b[i * COLS_B + j];
    double worst = 0;
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
        for (int way = 0; way < 8; way++) {
            const int *n = shape[s], other = way >> 1 & 1;
            bl_tile_pack_as(p, other, ROWS_B, COLS_B, other ? turned : b,
                            other ? ROWS_B : COLS_B, panels);
            memcpy(c, before, sizeof *c * ROWS * (WIDE + PAD));
            bl_tile_args t = {.ta = way & 1, .m = n[0], .k = n[1], .row = n[2]};
            t.start = n[3];
            t.end = n[4];
            t.a = a;
            t.lda = t.ta ? ROWS + 1 : ROWS_B - 1; /* rows may overlap */
            t.panels = panels;
            t.rows_b = ROWS_B;
            t.cols_b = COLS_B;
            t.add = way >> 2;
            t.c = c;
            t.ldc = WIDE + PAD;
            t.precision = p;
            bl_tile_multiply(&t);
            worst = fmax(worst, off_panels(&t, b, before));
        }
    ok(worst < 2e-6, "%s: products by panels are the twin's (%.1e off)", name_of(p),
       worst);
    free(a);
    free(b);
    free(turned);
    free(before);
    free(c);
    free(panels);
}

/* C = 0 C + ... must not read C; what is infinite or not a number must show. */
static void test_not_finite(bl_precision p)
{
    const char *name = name_of(p);
    float a[4] = {1, 2, 3, 4}, b[4] = {1, 0, 0, 1}, c[4] = {NAN, NAN, NAN, NAN};
    bl_gemm_args g = {0, 0, 2, 2, 2, 1, a, 2, b, 2, 0, c, 2, p, NULL, NULL};
    bl_gemm_one(&g);
    ok(memcmp(a, c, sizeof c) == 0, "%s: beta = 0 does not read C", name);
    a[0] = INFINITY;
    bl_gemm_one(&g);
    ok(!isfinite(c[0]) && c[2] == 3, "%s: infinity stays visible", name);
}

int main(void)
{
    bl_pool *pool[3] = {NULL};
    if (bl_pool_new(&pool[1], 1, NULL) != 0 || bl_pool_new(&pool[2], 2, NULL) != 0)
        return 1;
    bl_gemm_setup();
    ok(bl_gemm_can(BL_FP32), "fp32 is possible everywhere");
    for (bl_precision p = BL_BF16; p <= BL_BF16X3; p++) {
        if (!bl_gemm_can(p)) {
            ok(1, "%s # SKIP this processor has no unit for it", name_of(p));
            continue;
        }
        test_precision(p, p == BL_BF16 ? 1e-2 : 1e-5, pool);
        test_panels(p);
        test_not_finite(p);
    }
    bl_pool_del(pool[1]);
    bl_pool_del(pool[2]);
    return tap_done();
}
