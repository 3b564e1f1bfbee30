/* bench_engine.c - speeds of the engine as TSV: name, value, unit. The sgemm rate of
 * the same run is the gauge: machines and minutes differ, shares compare. */
#include "model/model.h"
#include "nn/kernel/gemm.h"

#include <cblas.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { M = 1024, N = 512, K = 512, RUNS = 3 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Numbers that differ, in pages of their own. */
static bl_real *filled(size_t n)
{
    bl_real *x = calloc(n, sizeof *x);
    for (size_t i = 0; x != NULL && i < n; i++)
        x[i] = (bl_real)(i % 1009) / 1009 - (bl_real)0.5;
    return x;
}

/* The best of a few windows, in floating-point operations a second. */
static double gemm_rate(bl_pool *pool, bl_precision p)
{
    bl_real *a = filled((size_t)M * K), *b = filled((size_t)K * N),
            *c = filled((size_t)M * N);
    bl_gemm_args g = {0, 0, M, N, K, 1, a, K, b, N, 0, c, N, p, NULL, NULL};
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        int n = 0;
        double start = now(), spent;
        do
            bl_gemm(pool, &g);
        while (n++, (spent = now() - start) < 0.3);
        double rate = 2.0 * M * N * K * n / spent;
        best = rate > best ? rate : best;
    }
    free(a);
    free(b);
    free(c);
    return best;
}

/* Operations that the library asks of OpenBLAS, counted on the way (the linker's
 * --wrap). What else is multiplied goes through kernels of our own. */
static atomic_llong by_blas;

void __real_cblas_sgemm(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE ta,
                        enum CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha,
                        const float *a, int lda, const float *b, int ldb, float beta,
                        float *c, int ldc);
void __wrap_cblas_sgemm(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE ta,
                        enum CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha,
                        const float *a, int lda, const float *b, int ldb, float beta,
                        float *c, int ldc);
void __wrap_cblas_sgemm(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE ta,
                        enum CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha,
                        const float *a, int lda, const float *b, int ldb, float beta,
                        float *c, int ldc)
{
    atomic_fetch_add(&by_blas, 2LL * m * n * k);
    __real_cblas_sgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* Tokens a second over some seconds; the first step is not counted. *share: of the
 * operations that OpenBLAS did. */
static double train_rate(bl_model *m, const bl_model_config *c, int lanes,
                         double *share)
{
    size_t tokens = (size_t)lanes * (size_t)c->segment;
    int32_t *x = calloc(tokens, sizeof *x), *real = calloc((size_t)lanes, sizeof *real);
    for (int i = 0; i < lanes; i++)
        real[i] = c->segment;
    bl_model_init(m, 1);
    int steps = 0;
    double start = 0, spent = 0;
    for (; steps < 2 || spent < 3; steps++) {
        if (steps == 1) {
            start = now();
            atomic_store(&by_blas, 0);
        }
        int64_t n;
        bl_model_forward(m, x, x, real, 1, 1, (uint64_t)steps, &n);
        memset(bl_model_grads(m), 0, (size_t)bl_model_size(m) * sizeof(bl_real));
        bl_model_backward(m, 1e-3, 1);
        bl_model_advance(m);
        spent = steps > 0 ? now() - start : 0;
    }
    free(x);
    free(real);
    double trained = (double)tokens * (steps - 1);
    *share = (double)atomic_load(&by_blas) / (trained * bl_model_flops_per_token(c));
    return trained / spent;
}

/* One size in each precision that the processor has. */
static void train(const char *name, bl_model_config c, int lanes, bl_pool *pool,
                  double gauge)
{
    int threads = bl_pool_threads(pool);
    double fp32 = 0;
    for (c.precision = BL_FP32; c.precision < BL_N_PRECISIONS; c.precision++) {
        bl_model *m;
        bl_err e = BL_ERR_INIT;
        if (bl_model_precision(&c) != c.precision)
            continue;
        if (bl_model_new(&m, &c, lanes, 1, pool, &e) != 0) {
            fprintf(stderr, "bench: %s: %s\n", name, e.text);
            return;
        }
        double by_openblas, rate = train_rate(m, &c, lanes, &by_openblas);
        const char *precision = bl_model_choice("precision", c.precision);
        printf("train-%s-%s-j%d\t%.0f\ttoken/s\n", name, precision, threads, rate);
        printf("train-%s-%s-j%d-share\t%.0f\t%% of sgemm\n", name, precision, threads,
               100 * rate * bl_model_flops_per_token(&c) / gauge);
        printf("train-%s-%s-j%d-openblas\t%.0f\t%% of its operations\n", name,
               precision, threads, 100 * by_openblas);
        if (c.precision == BL_FP32)
            fp32 = rate;
        else
            printf("train-%s-%s-j%d-ratio\t%.2f\tover fp32\n", name, precision, threads,
                   rate / fp32);
        fflush(stdout);
        bl_model_del(m);
    }
}

/* Tokens a second that each of some streams gets, their memories full; one stream and
 * eight together. */
static void sample(const char *name, bl_model_config c, bl_precision precision,
                   bl_pool *pool)
{
    static const int streams[] = {1, 8};
    bl_model_config small = c;
    small.segment = 1; /* it only holds the parameters */
    small.memory = c.memory > 0;
    bl_model *m;
    if (bl_model_new(&m, &small, 1, 0, pool, NULL) != 0)
        return;
    bl_model_init(m, 1);
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        bl_gen *g;
        int n = streams[i], steps = 0;
        bl_real *logits = filled((size_t)n * (size_t)c.vocab);
        int32_t tokens[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        if (bl_gen_new(&g, m, &c, n, precision, pool, NULL) != 0)
            break;
        for (int k = 0; k < c.memory; k++)
            bl_gen_step(g, tokens, logits);
        double start = now(), spent;
        do
            bl_gen_step(g, tokens, logits);
        while (steps++, (spent = now() - start) < 2);
        printf("sample-%s-%s-streams%d-j%d\t%.0f\ttoken/s each\n", name,
               precision == BL_INT8 ? "int8"
                                    : bl_model_choice("precision", (int)precision),
               n, bl_pool_threads(pool), steps / spent);
        bl_gen_del(g);
        free(logits);
    }
    bl_model_del(m);
}

static bl_model_config size(int layers, int width, int ff, int segment, int vocab)
{
    bl_model_config c = bl_model_config_default();
    c.layers = layers;
    c.width = width;
    c.heads = 8;
    c.ff = ff;
    c.segment = c.memory = segment;
    c.vocab = vocab;
    c.dropout = 0;
    return c;
}

int main(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    bl_gemm_setup();
    for (int threads = 1; threads <= processors && threads <= 2; threads++) {
        bl_pool *pool;
        if (bl_pool_new(&pool, threads, NULL) != 0)
            return 1;
        double gauge = gemm_rate(pool, BL_FP32);
        if (threads == 1) {
            char what[128];
            bl_gemm_name(BL_FP32, what, sizeof what);
            printf("multiplies\t%s\t\n", what);
        }
        printf("sgemm-j%d\t%.1f\tGFLOP/s\n", threads, gauge / 1e9);
        for (int p = BL_BF16; p < BL_N_PRECISIONS; p++)
            if (bl_gemm_can((bl_precision)p))
                printf("gemm-%s-j%d\t%.1f\tGFLOP/s\n", bl_model_choice("precision", p),
                       threads, gemm_rate(pool, (bl_precision)p) / 1e9);
        static const bl_precision stored[] = {BL_FP32, BL_BF16, BL_INT8};
        for (size_t i = 0; i < BL_COUNT(stored); i++) {
            sample("L6-d256", size(6, 256, 1024, 128, 320), stored[i], pool);
            sample("L12-d512", size(12, 512, 2048, 512, 320), stored[i], pool);
        }
        train("L6-d64", size(6, 64, 256, 64, 839), 16, pool, gauge);
        train("L6-d256", size(6, 256, 1024, 128, 320), 8, pool, gauge);
        train("L12-d512", size(12, 512, 2048, 512, 320), 2, pool, gauge);
        bl_pool_del(pool);
    }
    return 0;
}
