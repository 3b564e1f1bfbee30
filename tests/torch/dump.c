/* dump.c - what the engine computes, for compare.py to compute again: a stream of
 * safetensors records on standard output. The first holds the parameters, and the
 * config as metadata; then one record a segment: the batch, losses, logits and
 * the gradients of all parameters.
 *
 * usage: dump SEED VOCAB LANES SEGMENTS [KEY=VALUE]... */
#include "base/rng.h"
#include "records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_TENSORS = 9 };

typedef struct {
    bl_train_config config;
    uint64_t seed;
    int vocab, lanes, segments;
    bl_model *model;
    int32_t *x, *y;          /* (B,T) */
    int32_t *n_real, *fresh; /* (B) */
    bl_place *place;         /* (B,T) */
    int32_t *at; /* (6,B,T) the same, to be written: position, bar, what is recalled */
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

static bl_recalled recalled(const job *j, uint32_t x, uint32_t y)
{
    uint32_t lengths = (uint32_t)bl_recall_lengths(j->config.model.recall);
    uint8_t length = (uint8_t)((x + y) % (lengths + 1));
    uint32_t vocab = (uint32_t)j->config.model.vocab;
    return (bl_recalled){(uint16_t)((3 * x + y) % vocab), length,
                         (uint8_t)((x + 5 * y) % BL_RECALL_DISTANCES),
                         (uint8_t)((x + 3 * y) % BL_RECALL_TIMES)};
}

/* Random tokens, a tenth of them not scored (the first one is). A lane of the third
 * segment ends early and another one begins anew; in the fourth a lane has nothing. */
static void make_batch(job *j, int segment)
{
    int t = j->config.model.segment;
    bl_rng rng = bl_rng_make(j->seed, (uint64_t)segment);
    for (int b = 0; b < j->lanes; b++) {
        j->n_real[b] = t;
        j->fresh[b] = segment == 0 || (segment == 2 && b == 1);
        if (segment == 2 && b == 0)
            j->n_real[b] = (t + 1) / 2;
        if (segment == 3 && b == j->lanes - 1 && b > 0)
            j->n_real[b] = 0;
        for (int i = 0; i < t; i++) {
            int is_real = i < j->n_real[b], k = b * t + i;
            uint32_t x = bl_rng_below(&rng, (uint32_t)j->config.model.vocab);
            uint32_t y = bl_rng_below(&rng, (uint32_t)j->config.model.vocab);
            int is_scored = is_real && (bl_rng_below(&rng, 10) > 0 || k == 0);
            j->x[k] = is_real ? (int32_t)x : 0;
            j->y[k] = is_scored ? (int32_t)y : -1;
            j->place[k] = (bl_place){.bar = (int32_t)(segment * t + i) / 3 - 1,
                                     .position = (int32_t)(x * 7 + y) % 11,
                                     .recalled = recalled(j, x, y)};
        }
    }
}

static void write_segment(job *j, const bl_real *logits, double loss)
{
    const bl_model_config *c = &j->config.model;
    const int64_t shape[] = {j->lanes, c->segment, c->vocab};
    const int64_t places[] = {6, j->lanes, c->segment};
    ptrdiff_t n = (ptrdiff_t)j->lanes * c->segment;
    for (ptrdiff_t k = 0; k < n; k++) {
        j->at[k] = j->place[k].position;
        j->at[n + k] = j->place[k].bar;
        j->at[2 * n + k] = j->place[k].recalled.token;
        j->at[3 * n + k] = j->place[k].recalled.length;
        j->at[4 * n + k] = j->place[k].recalled.distance;
        j->at[5 * n + k] = j->place[k].recalled.times;
    }
    int64_t n_terms;
    double aux = bl_model_aux(j->model, &n_terms) / (double)bl_max(n_terms, 1);
    records_add(&j->out, "x", BL_I32, 2, shape, j->x);
    records_add(&j->out, "y", BL_I32, 2, shape, j->y);
    records_add(&j->out, "at", BL_I32, 3, places, j->at);
    records_add(&j->out, "n_real", BL_I32, 1, shape, j->n_real);
    records_add(&j->out, "fresh", BL_I32, 1, shape, j->fresh);
    records_add(&j->out, "logits", BL_F32, 3, shape, logits);
    records_add_number(&j->out, "loss", &loss);
    records_add_number(&j->out, "aux", &aux);
    records_add_params(&j->out, "grad", j->model, bl_model_grads(j->model));
    records_end(&j->out, NULL);
}

static void run_segment(job *j, int segment, bl_err *e)
{
    bl_model *m = j->model;
    const bl_model_config *c = &j->config.model;
    size_t tokens = (size_t)j->lanes * (size_t)c->segment;
    size_t bytes = tokens * (size_t)c->vocab * sizeof(bl_real);
    int64_t n, n_terms;
    make_batch(j, segment);
    for (int b = 0; b < j->lanes; b++)
        if (j->fresh[b])
            bl_model_forget(m, b);
    bl_model_place(m, j->place);
    double sum = bl_model_forward(m, j->x, j->y, j->n_real, 1, 0, 0, &n);
    bl_real *logits = bl_calloc(1, bytes, e); /* the backward pass overwrites them */
    if (logits == NULL)
        return;
    memcpy(logits, bl_model_logits(m), bytes);
    memset(bl_model_grads(m), 0, (size_t)bl_model_size(m) * sizeof(bl_real));
    bl_model_aux(m, &n_terms);
    bl_model_backward(m, 1 / (double)n, 1 / (double)bl_max(n_terms, 1));
    write_segment(j, logits, sum / (double)n);
    bl_model_advance(m);
    free(logits);
}

static int prepare(job *j, char **assignment, bl_pool *pool, bl_err *e)
{
    int rc = bl_config_preset(&j->config, "tiny", e);
    j->config.model.vocab = j->vocab;
    for (; rc == 0 && *assignment != NULL; assignment++)
        rc = bl_config_set(&j->config, *assignment, e);
    if (rc == 0)
        rc = bl_model_new(&j->model, &j->config.model, j->lanes, 1, pool, e);
    if (rc != 0)
        return rc;
    size_t lanes = (size_t)j->lanes, tokens = lanes * (size_t)j->config.model.segment;
    j->x = bl_calloc(tokens, sizeof *j->x, e);
    j->y = bl_calloc(tokens, sizeof *j->y, e);
    j->place = bl_calloc(tokens, sizeof *j->place, e);
    j->at = bl_calloc(6 * tokens, sizeof *j->at, e);
    j->n_real = bl_calloc(lanes, sizeof *j->n_real, e);
    j->fresh = bl_calloc(lanes, sizeof *j->fresh, e);
    return e->code;
}

static int run(job *j, bl_err *e)
{
    fill(j);
    records_open(&j->out, (size_t)bl_model_n_params(j->model) + BATCH_TENSORS, e);
    records_add_params(&j->out, "param", j->model, bl_model_values(j->model));
    records_end(&j->out, &j->config);
    for (int s = 0; s < j->segments && e->code == 0; s++)
        run_segment(j, s, e);
    return records_close(&j->out);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: dump SEED VOCAB LANES SEGMENTS [KEY=VALUE]...\n");
        return 64;
    }
    job j = {.seed = strtoull(argv[1], NULL, 10),
             .vocab = atoi(argv[2]),
             .lanes = atoi(argv[3]),
             .segments = atoi(argv[4])};
    bl_err e = BL_ERR_INIT;
    bl_pool *pool = NULL;
    int rc = bl_pool_new(&pool, 2, &e);
    if (rc == 0)
        rc = prepare(&j, argv + 5, pool, &e);
    if (rc == 0)
        rc = run(&j, &e);
    if (rc != 0)
        fprintf(stderr, "dump: %s\n", e.text);
    bl_model_del(j.model);
    bl_pool_del(pool);
    free(j.x);
    free(j.y);
    free(j.place);
    free(j.at);
    free(j.n_real);
    free(j.fresh);
    return rc == 0 ? 0 : 1;
}
