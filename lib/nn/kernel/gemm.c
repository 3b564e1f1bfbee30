/* gemm.c - the only file that includes cblas.h. */
#include "base/cpu.h"
#include "nn/kernel/bf16.h"
#include "nn/kernel/gemm.h"
#include "nn/kernel/int8.h"
#include "nn/kernel/packed.h"
#include "nn/kernel/tile.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

enum { PARTS_MAX = 8, PART_MIN = 64, PART_UNIT = 16 };

void bl_gemm_setup(void)
{
    openblas_set_num_threads(1);
}

void bl_gemm_name(bl_precision precision, char *buf, size_t size)
{
    const char *unit = precision != BL_FP32 ? bl_bf16_unit()
                       : bl_tile_is_fast()  ? "AVX-512 kernels"
                                            : NULL;
    /* get_config: "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." */
    int major = 0, minor = 0, patch = 0;
    sscanf(openblas_get_config(), "OpenBLAS %d.%d.%d", &major, &minor, &patch);
    snprintf(buf, size, "%s%sOpenBLAS %d.%d.%d %s", unit != NULL ? unit : "",
             unit != NULL ? ", " : "", major, minor, patch, openblas_get_corename());
}

/* Of cores without AVX2 those that it falls back to; others it takes for processors
 * that it knows. */
const char *bl_gemm_core_above(const char *taken, int level)
{
    static const struct {
        const char *name;
        int level;
    } cores[] = {
        {"Prescott", BL_CPU_BASELINE},
        {"Core2", BL_CPU_BASELINE},
        {"Nehalem", BL_CPU_BASELINE},
        {"Barcelona", BL_CPU_BASELINE},
        {"Sandybridge", BL_CPU_BASELINE},
        {"Haswell", BL_CPU_AVX2},
        {"Zen", BL_CPU_AVX2},
    };
    for (size_t i = 0; i < BL_COUNT(cores); i++)
        if (strcmp(cores[i].name, taken) == 0 && cores[i].level < level)
            return level >= BL_CPU_AVX512 ? "SkylakeX" : "Haswell";
    return NULL;
}

const char *bl_gemm_better_core(void)
{
#if defined(__x86_64__)
    int level = bl_cpu_has(BL_CPU_AVX2) ? BL_CPU_AVX2 : BL_CPU_BASELINE;
    if (bl_cpu_has(BL_CPU_AVX512) && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
        level = BL_CPU_AVX512;
    return strstr(openblas_get_config(), "DYNAMIC_ARCH") != NULL
               ? bl_gemm_core_above(openblas_get_corename(), level)
               : NULL;
#else
    return NULL;
#endif
}

void bl_gemm_one(const bl_gemm_args *g)
{
    if (g->precision != BL_FP32) {
        bl_bf16_gemm_one(g);
        return;
    }
    enum CBLAS_TRANSPOSE ta = g->ta ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE tb = g->tb ? CblasTrans : CblasNoTrans;
#ifdef BL_DOUBLE
    cblas_dgemm(CblasRowMajor, ta, tb, g->m, g->n, g->k, g->alpha, g->a, g->lda, g->b,
                g->ldb, g->beta, g->c, g->ldc);
#else
    cblas_sgemm(CblasRowMajor, ta, tb, g->m, g->n, g->k, g->alpha, g->a, g->lda, g->b,
                g->ldb, g->beta, g->c, g->ldc);
#endif
}

typedef struct {
    const bl_gemm_args *g;
    int by_rows;
    int size; /* rows or columns a part */
} split;

static void run_part(void *arg, int part)
{
    const split *s = arg;
    bl_gemm_args g = *s->g;
    int start = part * s->size;
    if (s->by_rows) {
        g.m = (int)bl_min(s->size, g.m - start);
        g.a += g.ta ? start : (ptrdiff_t)start * g.lda;
        g.c += (ptrdiff_t)start * g.ldc;
    } else {
        g.n = (int)bl_min(s->size, g.n - start);
        g.b += g.tb ? (ptrdiff_t)start * g.ldb : start;
        g.c += start;
    }
    bl_gemm_one(&g);
    if (g.after != NULL)
        g.after(g.arg, s->by_rows ? start : 0, g.m, s->by_rows ? 0 : start, g.n);
}

int bl_gemm_can(bl_precision precision)
{
    return precision == BL_FP32 || precision == BL_INT8 || bl_bf16_can(precision);
}

/* What the sampler's products in int8 give, but for the order of sums: operands rounded
 * block by block, multiplied in fp32 by the caller alone. */
static void multiply_rounded(bl_pool *pool, const bl_gemm_args *g)
{
    const size_t half = BL_POOL_SCRATCH / 2 / sizeof(bl_real);
    bl_real *b = bl_pool_scratch(pool), *a = b + half;
    int k = g->k, most = (int)bl_max((int64_t)(half / (size_t)k) / 8 * 8, 1);
    for (int col = 0; col < g->n; col += most) {
        int cols = (int)bl_min(most, g->n - col);
        for (int j = 0; j < cols; j++) /* b is (cols, k) */
            bl_int8_round(g->b + (ptrdiff_t)(col + j) * (g->tb ? g->ldb : 1),
                          g->tb ? 1 : g->ldb, k, b + (ptrdiff_t)j * k);
        for (int row = 0; row < g->m; row += most) {
            int rows = (int)bl_min(most, g->m - row);
            for (int i = 0; i < rows; i++)
                bl_int8_round(g->a + (ptrdiff_t)(row + i) * (g->ta ? 1 : g->lda),
                              g->ta ? g->lda : 1, k, a + (ptrdiff_t)i * k);
            bl_gemm_one(&(bl_gemm_args){.tb = 1,
                                        .m = rows,
                                        .n = cols,
                                        .k = k,
                                        .alpha = g->alpha,
                                        .a = a,
                                        .lda = k,
                                        .b = b,
                                        .ldb = k,
                                        .beta = g->beta,
                                        .c = g->c + (ptrdiff_t)row * g->ldc + col,
                                        .ldc = g->ldc});
            if (g->after != NULL)
                g->after(g->arg, row, rows, col, cols);
        }
    }
}

void bl_gemm(bl_pool *pool, const bl_gemm_args *g)
{
    if (g->precision == BL_INT8) {
        multiply_rounded(pool, g);
        return;
    }
    if (g->precision != BL_FP32) {
        bl_bf16_gemm(pool, g);
        return;
    }
    if (bl_packed_wants(g)) {
        bl_packed_gemm(pool, g);
        return;
    }
    split s = {.g = g, .by_rows = g->m >= g->n};
    int whole = s.by_rows ? g->m : g->n;
    int size = (whole + PARTS_MAX - 1) / PARTS_MAX;
    s.size = (int)bl_max(PART_MIN, (size + PART_UNIT - 1) / PART_UNIT * PART_UNIT);
    bl_pool_run(pool, run_part, &s, (whole + s.size - 1) / s.size);
}

void bl_gemm_naive(const bl_gemm_args *g)
{
    for (int i = 0; i < g->m; i++)
        for (int j = 0; j < g->n; j++) {
            double sum = 0;
            for (int k = 0; k < g->k; k++) {
                double a = g->ta ? g->a[k * g->lda + i] : g->a[i * g->lda + k];
                double b = g->tb ? g->b[j * g->ldb + k] : g->b[k * g->ldb + j];
                sum += a * b;
            }
            bl_real *c = &g->c[i * g->ldc + j];
            *c = (bl_real)(g->alpha * sum + (g->beta == 0 ? 0 : g->beta * *c));
        }
}
