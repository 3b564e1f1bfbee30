/* train_speed.c - training speed of the engine: loading, forward, backward, clipping,
 * Adam, with the sgemm rate of the same threads in the same seconds as the gauge.
 *
 * usage: train_speed SECONDS THREADS VOCAB [KEY=VALUE]...
 * Trains on random tokens for SECONDS (after two steps that are not counted) and
 * prints, tabs between: tokens a second, the peak memory in MiB, the sgemm rate in
 * GFLOP/s, the share of it that the tokens are worth in per cent. Exit status 64: the
 * build or the processor does not offer a KEY=VALUE. */
#include "base/rng.h"
#include "nn/kernel/gemm.h"
#include "train/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { M = 1024, N = 512, K = 512, SEGMENTS = 64, WARM_UP = 2 };

typedef struct {
    bl_train_config config;
    uint16_t *tokens, *sources;
    int64_t *offsets, *first;
    bl_stretch *stretches;
    bl_pieces pieces;
    bl_pool *pool;
    bl_trainer trainer;
    double tokens_s, gauge;
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Floating-point operations a second of a product as they occur in training. */
static double sgemm_rate(bl_pool *pool, double seconds)
{
    size_t sizes[] = {(size_t)M * K, (size_t)K * N, (size_t)M * N};
    float *x[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++) {
        x[i] = malloc(sizes[i] * sizeof *x[i]);
        if (x[i] == NULL)
            exit(1);
        for (size_t k = 0; k < sizes[i]; k++)
            x[i][k] = 1e-3f * (float)(k % 1000);
    }
    bl_gemm_args g = {.m = M,
                      .n = N,
                      .k = K,
                      .alpha = 1,
                      .a = x[0],
                      .lda = K,
                      .b = x[1],
                      .ldb = N,
                      .c = x[2],
                      .ldc = N};
    int n = 0;
    bl_gemm(pool, &g); /* the first one is not counted */
    double start = now(), spent;
    do
        bl_gemm(pool, &g);
    while (n++, (spent = now() - start) < seconds);
    for (int i = 0; i < 3; i++)
        free(x[i]);
    return 2.0 * M * N * K * n / spent;
}

/* A long piece for each lane. */
static int make_pieces(job *j, bl_err *e)
{
    int64_t length = (int64_t)SEGMENTS * j->config.model.segment + 1;
    int lanes = j->config.lanes;
    j->tokens = bl_calloc((size_t)lanes, (size_t)length * sizeof *j->tokens, e);
    j->offsets = bl_calloc((size_t)lanes + 1, sizeof *j->offsets, e);
    if (j->tokens == NULL || j->offsets == NULL)
        return BL_E_NOMEM;
    bl_rng rng = bl_rng_make(1, 1);
    for (int64_t i = 0; i < lanes * length; i++)
        j->tokens[i] = (uint16_t)bl_rng_below(&rng, (uint32_t)j->config.model.vocab);
    for (int b = 0; b <= lanes; b++)
        j->offsets[b] = b * length;
    j->pieces =
        (bl_pieces){.tokens = j->tokens, .offsets = j->offsets, .n_pieces = lanes};
    return 0;
}

/* Of an encoder: as many tokens as it reads beside each segment. */
static int make_sources(job *j, bl_err *e)
{
    const bl_model_config *m = &j->config.model;
    int64_t n = (int64_t)j->config.lanes * SEGMENTS;
    if (m->condition != BL_CONDITION_ENCODER)
        return 0;
    j->sources = bl_calloc((size_t)(n * m->source), sizeof *j->sources, e);
    j->stretches = bl_calloc((size_t)n, sizeof *j->stretches, e);
    j->first = bl_calloc((size_t)j->config.lanes + 1, sizeof *j->first, e);
    if (j->sources == NULL || j->stretches == NULL || j->first == NULL)
        return BL_E_NOMEM;
    bl_rng rng = bl_rng_make(1, 2);
    for (int64_t i = 0; i < n * m->source; i++)
        j->sources[i] = (uint16_t)bl_rng_below(&rng, (uint32_t)m->vocab);
    for (int64_t k = 0; k < n; k++)
        j->stretches[k] =
            (bl_stretch){k % SEGMENTS * m->segment, k * m->source, (k + 1) * m->source};
    for (int b = 0; b <= j->config.lanes; b++)
        j->first[b] = (int64_t)b * SEGMENTS;
    j->pieces.sources = j->sources;
    j->pieces.stretches = j->stretches;
    j->pieces.first = j->first;
    j->pieces.n_stretches = n;
    j->pieces.source = m->source;
    return 0;
}

static int measure(job *j, double seconds, bl_err *e)
{
    bl_train_row row;
    double start = 0, before = sgemm_rate(j->pool, 0.3);
    int64_t first = 0;
    int rc = 0;
    for (int step = 0; rc == 0 && (step < WARM_UP + 2 || now() - start < seconds);
         step++) {
        if (step == WARM_UP) {
            start = now();
            first = j->trainer.info.tokens;
        }
        rc = bl_trainer_step(&j->trainer, &row, e);
    }
    j->tokens_s = (double)(j->trainer.info.tokens - first) / (now() - start);
    j->gauge = (before + sgemm_rate(j->pool, 0.3)) / 2;
    return rc;
}

static int settings(job *j, int vocab, char **assignment, bl_err *e)
{
    int rc = bl_config_preset(&j->config, "small", e);
    j->config.model.vocab = vocab;
    j->config.steps = INT32_MAX;
    j->config.eval_every = 0;
    for (; rc == 0 && *assignment != NULL; assignment++)
        rc = bl_config_set(&j->config, *assignment, e);
    const bl_model_config *m = &j->config.model;
    if (rc == 0 && bl_model_precision(m) != m->precision)
        rc = bl_fail(e, BL_E_ARG, "this processor has no unit for %s",
                     bl_model_choice("precision", m->precision));
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: train_speed SECONDS THREADS VOCAB [KEY=VALUE]...\n");
        return 64;
    }
    job j = {0};
    bl_err e = BL_ERR_INIT;
    struct rusage used;
    const bl_pieces none = {0};
    int rc = settings(&j, atoi(argv[3]), argv + 4, &e);
    if (rc == 0)
        rc = bl_pool_new(&j.pool, atoi(argv[2]), &e);
    if (rc == 0)
        rc = make_pieces(&j, &e);
    if (rc == 0)
        rc = make_sources(&j, &e);
    if (rc == 0)
        rc = bl_trainer_init(&j.trainer, &j.config, &j.pieces, &none, j.pool, &e);
    if (rc == 0)
        rc = measure(&j, atof(argv[1]), &e);
    getrusage(RUSAGE_SELF, &used);
    if (rc == 0)
        printf("%.1f\t%.1f\t%.1f\t%.1f\n", j.tokens_s, (double)used.ru_maxrss / 1024,
               j.gauge / 1e9,
               100 * j.tokens_s * bl_model_flops_per_token(&j.config.model) / j.gauge);
    else
        fprintf(stderr, "train_speed: %s\n", e.text);
    bl_trainer_free(&j.trainer);
    bl_pool_del(j.pool);
    free(j.tokens);
    free(j.offsets);
    free(j.sources);
    free(j.stretches);
    free(j.first);
    return rc == 0 ? 0 : rc == BL_E_ARG ? 64 : 1;
}
