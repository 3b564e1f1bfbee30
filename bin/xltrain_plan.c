/* xltrain_plan.c - what a run will take: memory, work, time. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "nn/kernel/gemm.h"
#include "xltrain.h"

/* What a step does beside products, and products smaller than the one that is timed:
 * the share of that speed that training reaches with layers of some width (make
 * bench-train). */
static const double SHARE_WIDE = 0.6, SHARE_NARROW = 0.4;
enum { WIDE = 192, GAUGE = 512 };

/* The program itself, its libraries and their buffers. */
enum { PROGRAM_BYTES = 8 << 20 };

/* Blocks as large as the parameters beside them and their gradients: moments, and the
 * average. */
static int blocks_of(const bl_train_config *c)
{
    return c->average > 0 ? 3 : 2;
}

static int64_t bytes_of(const job *j)
{
    const bl_train_config *c = &j->plan;
    const bl_model_config eval = bl_config_eval(c);
    int64_t one = (int64_t)sizeof(bl_real), n = bl_model_config_size(&c->model);
    int64_t bytes = PROGRAM_BYTES +
                    bl_model_bytes(&c->model, c->lanes / c->workers, 1) +
                    blocks_of(c) * n * one + bl_workers_bytes(c);
    for (int i = TRAIN; i <= VALID; i++)
        bytes += (int64_t)(j->shards[i].n_tokens * sizeof *j->shards[i].tokens);
    if (j->shards[VALID].n_pieces > 0)
        bytes += bl_model_bytes(&eval, c->lanes, 0) - (c->average > 0 ? 0 : n * one);
    return bytes;
}

/* The bytes that may be had: those of the machine with its swap, or what the container
 * that we are in allows. */
static double memory_here(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    struct sysinfo s;
    if (sysinfo(&s) != 0)
        return INFINITY;
    double here = ((double)s.totalram + (double)s.totalswap) * s.mem_unit;
    for (size_t i = 0; i < BL_COUNT(limits); i++) {
        double limit;
        FILE *f = fopen(limits[i], "r");
        if (f != NULL && fscanf(f, "%lf", &limit) == 1)
            here = fmin(here, limit);
        if (f != NULL)
            fclose(f);
    }
    return here;
}

int check_memory(const job *j, bl_err *e)
{
    const double gib = 1 << 30;
    double need = (double)bytes_of(j), here = memory_here();
    if (need <= here)
        return 0;
    return bl_fail(e, BL_E_NOMEM,
                   "out of memory: the run needs %.3g GiB, %.3g are here; less batch, "
                   "segment, width or layers need less",
                   need / gib, here / gib);
}

/* Floating-point operations a second of a product of GAUGE^3, the best of some; 0
 * without memory for it. */
double gauge(const job *j)
{
    enum { TIMES = 10 };
    bl_real *m = calloc(3 * GAUGE * GAUGE, sizeof *m);
    double best = 0;
    if (m == NULL)
        return 0;
    bl_gemm_args g = {.m = GAUGE,
                      .n = GAUGE,
                      .k = GAUGE,
                      .alpha = 1,
                      .a = m,
                      .lda = GAUGE,
                      .b = m + GAUGE * GAUGE,
                      .ldb = GAUGE,
                      .c = m + 2 * GAUGE * GAUGE,
                      .ldc = GAUGE,
                      .precision = j->plan.model.precision};
    for (int i = 0; i < TIMES; i++) {
        double start = bl_log_seconds(j->log);
        bl_gemm(j->pool, &g);
        double spent = bl_log_seconds(j->log) - start;
        double rate = 2.0 * GAUGE * GAUGE * GAUGE / fmax(spent, 1e-6);
        best = fmax(best, rate);
    }
    free(m);
    return best;
}

/* Tokens of a step, the last of a piece and padding among them. */
static double step_tokens(const bl_train_config *c)
{
    return (double)c->lanes * c->model.segment * c->accumulate;
}

/* Work of the run's evaluations: forward alone, a third of a step's. A sample's windows
 * are read after as many tokens before them, and the end reads all. */
static double eval_work(const job *j)
{
    const bl_train_config *c = &j->plan;
    const bl_pieces valid = pieces_of(&j->shards[VALID]);
    const bl_model_config eval = bl_config_eval(c);
    double all = (double)bl_pieces_targets(&valid), sample = 2 * (double)c->eval_tokens;
    double times =
        c->eval_every > 0 ? ceil((double)c->steps / (double)c->eval_every) : 1;
    double tokens = sample > 0 && sample < all ? times * sample + all : times * all;
    return tokens * bl_model_flops_per_token(&eval) / 3;
}

int print_plan(const job *j)
{
    const bl_train_config *c = &j->plan;
    const bl_pieces train = pieces_of(&j->shards[TRAIN]);
    double tokens = step_tokens(c), epoch = (double)bl_pieces_targets(&train);
    double work = tokens * bl_model_flops_per_token(&c->model);
    double rate = gauge(j) * (c->model.width >= WIDE ? SHARE_WIDE : SHARE_NARROW);
    int64_t n = bl_model_config_size(&c->model);
    printf("name\tvalue\tunit\n");
    printf("parameters\t%" PRId64 "\tnumbers\n", n);
    printf("memory\t%" PRId64 "\tbytes\n", bytes_of(j));
    printf("checkpoint\t%" PRId64 "\tbytes\n",
           (1 + blocks_of(&j->plan)) * n * (int64_t)sizeof(bl_real));
    printf("step\t%.0f\ttokens\n", tokens);
    printf("step_work\t%.4g\tflop\n", work);
    printf("epoch\t%.0f\ttokens\n", epoch);
    printf("run\t%" PRId64 "\tsteps\n", c->steps);
    printf("run\t%.4g\tepochs\n", (double)c->steps * tokens / epoch);
    if (rate > 0) {
        printf("speed\t%.2g\ttokens/s, about\n", tokens * rate / work);
        printf("time\t%.2g\tseconds, about\n",
               ((double)c->steps * work + eval_work(j)) / rate);
    }
    return 0;
}

void say_plan(const job *j)
{
    const bl_train_config *c = &j->plan;
    const bl_pieces train = pieces_of(&j->shards[TRAIN]);
    bl_log_info(j->log,
                "%s, %" PRId64 " parameters, %" PRId64 " MiB, %" PRId64
                " tokens an epoch",
                bl_model_choice("arch", c->model.arch), bl_model_config_size(&c->model),
                bytes_of(j) >> 20, bl_pieces_targets(&train));
    bl_log_info(j->log, "%s, %d threads, %s",
                bl_model_choice("precision", c->model.precision),
                bl_pool_threads(j->pool), j->trainer.info.blas);
}
