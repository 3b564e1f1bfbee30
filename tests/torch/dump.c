/* dump.c - what the engine computes, for compare.py to compute again: a stream of
 * safetensors records on standard output. The first holds the parameters, and the
 * config as metadata; then one record a segment: the batch, losses, logits and
 * the gradients of all parameters.
 *
 * usage: dump SEED VOCAB LANES SEGMENTS [KEY=VALUE]... */
#include "base/rng.h"
#include "io/tensors.h"
#include "train/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_TENSORS = 7 };

typedef struct {
    bl_train_config config;
    uint64_t seed;
    int vocab, lanes, segments;
    bl_model *model;
    int32_t *x, *y;          /* (B,T) */
    int32_t *n_real, *fresh; /* (B) */
    bl_tensor *t;            /* [BATCH_TENSORS + parameters] */
    size_t n;
    bl_zw *out;
} job;

static int add(job *j, const char *name, bl_dtype dtype, int ndim, const int64_t *shape,
               const void *data, bl_err *e)
{
    return bl_tensor_make(&j->t[j->n++], name, dtype, ndim, shape, (void *)(size_t)data,
                          e);
}

static int add_params(job *j, const char *kind, bl_real *block, bl_err *e)
{
    int rc = 0;
    for (int i = 0; i < bl_model_n_params(j->model) && rc == 0; i++) {
        const bl_param *p = bl_model_param(j->model, i);
        char name[BL_TENSOR_NAME];
        snprintf(name, sizeof name, "%s.%s", kind, p->name);
        rc = add(j, name, BL_F32, p->ndim, p->shape, block + p->start, e);
    }
    return rc;
}

static int set_config(const job *j, bl_json *meta, bl_err *e)
{
    bl_buf text = {0};
    bl_json *config = bl_config_json(&j->config, e);
    int rc = config != NULL ? bl_json_write(config, &text, e) : BL_E_NOMEM;
    const char *s = rc == 0 ? bl_buf_str(&text, e) : NULL;
    rc = s != NULL ? bl_json_set_str(meta, "config", s, e) : BL_E_NOMEM;
    bl_buf_free(&text);
    bl_json_del(config);
    return rc;
}

/* Ends the record. Its metadata are strings, so the config is one. */
static int write_record(job *j, int with_config, bl_err *e)
{
    bl_json *meta = bl_json_object(e);
    int rc = meta == NULL ? BL_E_NOMEM : 0;
    if (rc == 0 && with_config)
        rc = set_config(j, meta, e);
    if (rc == 0)
        rc = bl_tensors_write(j->out, j->t, j->n, meta, e);
    bl_json_del(meta);
    j->n = 0;
    return rc;
}

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
        }
    }
}

static int run_segment(job *j, int segment, bl_err *e)
{
    bl_model *m = j->model;
    const bl_model_config *c = &j->config.model;
    int64_t n, shape[] = {j->lanes, c->segment, c->vocab}, one = 1;
    make_batch(j, segment);
    for (int b = 0; b < j->lanes; b++)
        if (j->fresh[b])
            bl_model_forget(m, b);
    double sum = bl_model_forward(m, j->x, j->y, j->n_real, 1, 0, 0, &n);
    double loss = sum / (double)n, aux = bl_model_aux(m);
    size_t bytes = (size_t)(shape[0] * shape[1] * shape[2]) * sizeof(bl_real);
    bl_real *logits = malloc(bytes); /* the backward pass overwrites them */
    if (logits == NULL)
        return bl_fail(e, BL_E_NOMEM, "no memory");
    memcpy(logits, bl_model_logits(m), bytes);
    memset(bl_model_grads(m), 0, (size_t)bl_model_size(m) * sizeof(bl_real));
    bl_model_backward(m, 1 / (double)n, 1);
    bl_model_advance(m);
    int rc = add(j, "x", BL_I32, 2, shape, j->x, e);
    if (rc == 0)
        rc = add(j, "y", BL_I32, 2, shape, j->y, e);
    if (rc == 0)
        rc = add(j, "n_real", BL_I32, 1, shape, j->n_real, e);
    if (rc == 0)
        rc = add(j, "fresh", BL_I32, 1, shape, j->fresh, e);
    if (rc == 0)
        rc = add(j, "logits", BL_F32, 3, shape, logits, e);
    if (rc == 0)
        rc = add(j, "loss", BL_F64, 1, &one, &loss, e);
    if (rc == 0)
        rc = add(j, "aux", BL_F64, 1, &one, &aux, e);
    if (rc == 0)
        rc = add_params(j, "grad", bl_model_grads(m), e);
    if (rc == 0)
        rc = write_record(j, 0, e);
    free(logits);
    return rc;
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
    j->x = calloc(tokens, sizeof *j->x);
    j->y = calloc(tokens, sizeof *j->y);
    j->n_real = calloc(lanes, sizeof *j->n_real);
    j->fresh = calloc(lanes, sizeof *j->fresh);
    j->t = calloc((size_t)bl_model_n_params(j->model) + BATCH_TENSORS, sizeof *j->t);
    if (!j->x || !j->y || !j->n_real || !j->fresh || !j->t)
        return bl_fail(e, BL_E_NOMEM, "no memory");
    return bl_zw_new(&j->out, 1, 0, e);
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
    if (rc == 0) {
        fill(&j);
        rc = add_params(&j, "param", bl_model_values(j.model), &e);
    }
    if (rc == 0)
        rc = write_record(&j, 1, &e);
    for (int s = 0; s < j.segments && rc == 0; s++)
        rc = run_segment(&j, s, &e);
    if (rc == 0)
        rc = bl_zw_end_frame(j.out, &e);
    if (rc != 0)
        fprintf(stderr, "dump: %s\n", e.text);
    bl_zw_del(j.out);
    bl_model_del(j.model);
    bl_pool_del(pool);
    free(j.x);
    free(j.y);
    free(j.n_real);
    free(j.fresh);
    free(j.t);
    return rc == 0 ? 0 : 1;
}
