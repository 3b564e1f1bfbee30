/* drums_dump.c - what a model of grooves computes, for drums_compare.py to compute
 * again: a stream as dump.c writes one, with windows and noise in the place of tokens.
 *
 * usage: drums_dump SEED LANES BATCHES KEY=VALUE... */
#include "base/rng.h"
#include "records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_TENSORS = 5 };

typedef struct {
    bl_train_config config;
    uint64_t seed;
    int lanes, batches;
    bl_model *model;
    bl_real *window; /* (B,T,27) */
    bl_real *noise;  /* (B,Z) */
    const bl_real **target;
    int32_t *y, *n_real;
    records out;
} job;

/* Weights as at the start of training and noise on all of them, so that no bias is 0,
 * no gain 1. */
static void fill(job *j)
{
    bl_real *v = bl_model_values(j->model);
    bl_rng rng = bl_rng_make(j->seed, UINT64_MAX);
    bl_model_init(j->model, j->seed);
    for (int64_t i = 0; i < bl_model_size(j->model); i++)
        v[i] += (bl_real)(0.1 * bl_rng_normal(&rng));
}

/* A fifth of the cells is hit. */
static void make_batch(job *j, int batch)
{
    const bl_model_config *c = &j->config.model;
    bl_rng rng = bl_rng_make(j->seed, (uint64_t)batch);
    for (int row = 0; row < j->lanes * c->segment; row++) {
        bl_real *step = j->window + (ptrdiff_t)row * 3 * BL_VOICES;
        for (int k = 0; k < BL_VOICES; k++) {
            bl_real hit = (bl_real)(bl_rng_below(&rng, 5) == 0);
            step[k] = hit;
            step[BL_VOICES + k] = hit * (bl_real)(bl_rng_below(&rng, 127) + 1) / 127;
            step[2 * BL_VOICES + k] = hit * (bl_real)(bl_rng_unit(&rng) - 0.5);
        }
    }
    for (int i = 0; i < j->lanes * c->latent; i++)
        j->noise[i] = (bl_real)bl_rng_normal(&rng);
}

static void run_batch(job *j, int batch)
{
    const bl_model_config *c = &j->config.model;
    const int64_t shape[] = {j->lanes, c->segment, 3 * BL_VOICES};
    const int64_t of_noise[] = {j->lanes, c->latent};
    bl_windows told = {
        .feed = {.target = j->target, .beta = c->beta, .noise = j->noise}};
    int64_t n;
    make_batch(j, batch);
    bl_model_windows(j->model, &told);
    double loss = bl_model_forward(j->model, j->y, j->y, j->n_real, 1, 0, 0, &n);
    loss /= (double)n;
    memset(bl_model_grads(j->model), 0,
           (size_t)bl_model_size(j->model) * sizeof(bl_real));
    bl_model_backward(j->model, 1 / (double)n, 0);
    records_add(&j->out, "window", BL_F32, 3, shape, j->window);
    records_add(&j->out, "noise", BL_F32, 2, of_noise, j->noise);
    records_add(&j->out, "logits", BL_F32, 3, shape, bl_model_logits(j->model));
    records_add_number(&j->out, "loss", &loss);
    records_add_params(&j->out, "grad", j->model, bl_model_grads(j->model));
    records_end(&j->out, NULL);
}

static int prepare(job *j, char **assignment, bl_pool *pool, bl_err *e)
{
    int rc = bl_config_preset(&j->config, "groove", e);
    j->config.model.vocab = 3 * BL_VOICES;
    j->config.model.dropout = j->config.model.att_dropout = 0;
    for (; rc == 0 && *assignment != NULL; assignment++)
        rc = bl_config_set(&j->config, *assignment, e);
    if (rc == 0)
        rc = bl_model_new(&j->model, &j->config.model, j->lanes, 1, pool, e);
    if (rc != 0)
        return rc;
    size_t lanes = (size_t)j->lanes, rows = lanes * (size_t)j->config.model.segment;
    j->window = bl_calloc(rows * 3 * BL_VOICES, sizeof *j->window, e);
    j->noise = bl_calloc(lanes * (size_t)j->config.model.latent, sizeof *j->noise, e);
    j->target = bl_calloc(lanes, sizeof *j->target, e);
    j->y = bl_calloc(rows, sizeof *j->y, e);
    j->n_real = bl_calloc(lanes, sizeof *j->n_real, e);
    for (int b = 0; b < j->lanes && e->code == 0; b++) {
        j->target[b] =
            j->window + (ptrdiff_t)b * j->config.model.segment * 3 * BL_VOICES;
        j->n_real[b] = j->config.model.segment;
    }
    return e->code;
}

static int run(job *j, bl_err *e)
{
    fill(j);
    records_open(&j->out, (size_t)bl_model_n_params(j->model) + BATCH_TENSORS, e);
    records_add_params(&j->out, "param", j->model, bl_model_values(j->model));
    records_end(&j->out, &j->config);
    for (int i = 0; i < j->batches && e->code == 0; i++)
        run_batch(j, i);
    return records_close(&j->out);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: drums_dump SEED LANES BATCHES KEY=VALUE...\n");
        return 64;
    }
    job j = {.seed = strtoull(argv[1], NULL, 10),
             .lanes = atoi(argv[2]),
             .batches = atoi(argv[3])};
    bl_err e = BL_ERR_INIT;
    bl_pool *pool = NULL;
    int rc = bl_pool_new(&pool, 2, &e);
    if (rc == 0)
        rc = prepare(&j, argv + 4, pool, &e);
    if (rc == 0)
        rc = run(&j, &e);
    if (rc != 0)
        fprintf(stderr, "drums_dump: %s\n", e.text);
    bl_model_del(j.model);
    bl_pool_del(pool);
    free(j.window);
    free(j.noise);
    free((void *)j.target);
    free(j.y);
    free(j.n_real);
    return rc == 0 ? 0 : 1;
}
