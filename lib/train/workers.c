/* workers.c - see workers.h. */
#include "train/workers.h"

#include <stdlib.h>
#include <string.h>

#include "nn/op/optim.h"

static int shard_lanes(const bl_workers *w)
{
    return w->config->lanes / w->config->workers;
}

/* Numbers that a layer remembers of one lane. */
static size_t lane_size(const bl_workers *w)
{
    return (size_t)bl_model_memory_rows(w->model) * (size_t)w->config->model.width;
}

/* ---- life ---- */

static size_t source_of(const bl_workers *w)
{
    return (size_t)w->batch->pieces.source;
}

static int alloc_sources(bl_workers *w, size_t rows, bl_err *e)
{
    const bl_batch *b = w->batch;
    size_t cells;
    if (b->source == NULL)
        return 0;
    if (bl_mul(rows, source_of(w), &cells) != 0)
        return bl_fail(e, BL_E_LIMIT, "the conditions of a step are too many");
    w->source = bl_calloc(cells, sizeof *w->source, e);
    w->source_length = bl_calloc(rows, sizeof *w->source_length, e);
    if (b->source_at != NULL)
        w->source_at = bl_calloc(cells, sizeof *w->source_at, e);
    int ok = w->source != NULL && w->source_length != NULL &&
             (b->source_at == NULL || w->source_at != NULL);
    return ok ? 0 : BL_E_NOMEM;
}

static int alloc_batches(bl_workers *w, bl_err *e)
{
    size_t n = (size_t)w->config->accumulate, rows, cells;
    if (bl_mul(n, (size_t)w->config->lanes, &rows) != 0 ||
        bl_mul(rows, (size_t)w->config->model.segment, &cells) != 0)
        return bl_fail(e, BL_E_LIMIT, "the batches of a step are too many");
    w->x = bl_calloc(cells, sizeof *w->x, e);
    w->y = bl_calloc(cells, sizeof *w->y, e);
    if (w->batch->at != NULL)
        w->at = bl_calloc(cells, sizeof *w->at, e);
    w->n_real = bl_calloc(rows, sizeof *w->n_real, e);
    w->fresh = bl_calloc(rows, sizeof *w->fresh, e);
    w->start = bl_calloc(rows, sizeof *w->start, e);
    w->length = bl_calloc((size_t)w->config->lanes, sizeof *w->length, e);
    w->prefix = bl_calloc(rows, sizeof *w->prefix, e);
    int ok = w->x != NULL && w->y != NULL && w->n_real != NULL && w->fresh != NULL &&
             w->start != NULL && w->length != NULL && w->prefix != NULL &&
             (w->batch->at == NULL || w->at != NULL);
    return ok ? alloc_sources(w, rows, e) : BL_E_NOMEM;
}

static int alloc_memories(bl_workers *w, bl_err *e)
{
    int layers = w->config->model.layers, lanes = w->config->lanes;
    w->memory = bl_calloc((size_t)layers, sizeof *w->memory, e);
    w->mem_length = bl_calloc((size_t)lanes, sizeof *w->mem_length, e);
    if (w->memory == NULL || w->mem_length == NULL)
        return BL_E_NOMEM;
    for (int n = 0; n < layers; n++) {
        if (bl_model_memory(w->model, n) == NULL)
            continue;
        w->memory[n] = bl_calloc((size_t)lanes * lane_size(w), sizeof(bl_real), e);
        if (w->memory[n] == NULL)
            return BL_E_NOMEM;
    }
    return 0;
}

/* Levels of the tree above its leaves. */
static int levels(const bl_train_config *c)
{
    int n = 0;
    while (1 << n < c->workers)
        n++;
    return n;
}

static int alloc_parts(bl_workers *w, bl_err *e)
{
    int depth = levels(w->config);
    w->part = bl_calloc((size_t)depth, sizeof *w->part, e);
    if (w->part == NULL)
        return BL_E_NOMEM;
    for (; w->depth < depth; w->depth++) {
        w->part[w->depth] =
            bl_calloc((size_t)bl_model_size(w->model), sizeof(bl_real), e);
        if (w->part[w->depth] == NULL)
            return BL_E_NOMEM;
    }
    return 0;
}

int64_t bl_workers_bytes(const bl_train_config *config)
{
    const bl_model_config *m = &config->model;
    int64_t one = (int64_t)sizeof(bl_real), lanes = config->lanes;
    int64_t rows = bl_model_rows_of(m);
    int64_t rows_a_step = config->accumulate * lanes;
    int64_t batches = rows_a_step * m->segment * 2 * 4;
    if (m->condition == BL_CONDITION_ENCODER) /* here and in the batch */
        batches += (rows_a_step + lanes) * m->source * (4 + (int64_t)sizeof(bl_place));
    if (bl_model_has_rows(m))
        batches += (rows_a_step + lanes) * m->segment * (int64_t)sizeof(bl_place);
    if (config->workers == 1)
        return batches;
    int64_t remember = 0;
    for (int n = 0; n < m->layers; n++)
        remember += bl_model_remembers(m, n);
    return batches + lanes * remember * rows * m->width * one +
           levels(config) * bl_model_config_size(m) * one;
}

int bl_workers_init(bl_workers *w, const bl_train_config *config, bl_model *model,
                    bl_batch *batch, bl_pool *pool, bl_err *e)
{
    *w = (bl_workers){.config = config,
                      .model = model,
                      .batch = batch,
                      .pool = pool,
                      .here = config->workers};
    int rc = bl_window_lanes_init(&w->windows, shard_lanes(w), e);
    if (rc == 0)
        rc = alloc_batches(w, e);
    if (rc == 0 && config->workers > 1)
        rc = alloc_memories(w, e);
    if (rc == 0)
        rc = alloc_parts(w, e);
    return rc;
}

void bl_workers_free(bl_workers *w)
{
    for (int n = 0; w->memory != NULL && n < w->config->model.layers; n++)
        free(w->memory[n]);
    for (int n = 0; n < w->depth; n++)
        free(w->part[n]);
    free(w->memory);
    free(w->mem_length);
    free(w->part);
    free(w->x);
    free(w->y);
    free(w->at);
    free(w->prefix);
    free(w->source);
    free(w->source_length);
    free(w->source_at);
    free(w->n_real);
    free(w->start);
    bl_window_lanes_free(&w->windows);
    free(w->fresh);
    free(w->length);
    *w = (bl_workers){0};
}

int bl_workers_join(bl_workers *w, bl_comm *comm, bl_err *e)
{
    int size = bl_comm_size(comm);
    if (w->config->workers % size != 0)
        return bl_fail(e, BL_E_ARG,
                       "%d processes cannot share %d workers; a run for up to N "
                       "processes begins with --set workers=N",
                       size, w->config->workers);
    w->comm = comm;
    w->here = w->config->workers / size;
    w->first = bl_comm_rank(comm) * w->here;
    return 0;
}

/* ---- one worker ---- */

/* Of the lanes from `row` of the step's on. */
static bl_condition condition_of(const bl_workers *w, size_t row)
{
    bl_condition c = {.prefix = w->prefix + row};
    if (w->source == NULL)
        return c;
    c.x = w->source + row * source_of(w);
    c.length = w->source_length + row;
    c.at = w->source_at != NULL ? w->source_at + row * source_of(w) : NULL;
    return c;
}

/* The worker's memories into the model, or back. */
static void move_memories(bl_workers *w, int worker, int back)
{
    size_t lanes = (size_t)shard_lanes(w), first = (size_t)worker * lanes;
    size_t n = lanes * lane_size(w);
    if (w->memory == NULL)
        return;
    for (int l = 0; l < w->config->model.layers; l++) {
        bl_real *model = bl_model_memory(w->model, l);
        if (model == NULL)
            continue;
        bl_real *ours = w->memory[l] + first * lane_size(w);
        memcpy(back ? ours : model, back ? model : ours, n * sizeof *ours);
    }
    int32_t *ours = w->mem_length + first, *model = bl_model_memory_length(w->model);
    memcpy(back ? ours : model, back ? model : ours, lanes * sizeof *ours);
}

/* Forward and backward of the worker's lanes of each batch, one batch after the other.
 * Gradients add up in the model; returns the worker's share of the loss. */
static double run_one(bl_workers *w, int64_t step, int worker)
{
    const bl_train_config *c = w->config;
    int lanes = shard_lanes(w);
    double loss = 0;
    move_memories(w, worker, 0);
    for (int i = 0; i < c->accumulate; i++) {
        int64_t n;
        size_t row = (size_t)i * (size_t)c->lanes + (size_t)worker * (size_t)lanes;
        size_t cell = row * (size_t)c->model.segment;
        uint64_t place = (uint64_t)((step * c->accumulate + i) * c->workers + worker);
        for (int lane = 0; lane < lanes; lane++)
            if (w->fresh[row + (size_t)lane])
                bl_model_forget(w->model, lane);
        const bl_condition condition = condition_of(w, row);
        bl_model_place(w->model, w->at != NULL ? w->at + cell : NULL);
        bl_model_condition(w->model, &condition);
        bl_window_tell(&w->windows, w->model, &w->batch->pieces, w->start + row,
                       w->n_real + row, bl_beta_at(c, step), 1);
        double sum = bl_model_forward(w->model, w->x + cell, w->y + cell,
                                      w->n_real + row, 1, (uint64_t)c->seed, place, &n);
        bl_model_backward(w->model, 1 / (double)bl_max(w->n_targets, 1),
                          c->model.compressor_weight / (double)bl_max(w->n_terms, 1));
        bl_model_advance(w->model);
        bl_window_sums_add(&w->sums, &w->windows.told);
        loss += sum / (double)bl_max(w->n_targets, 1);
    }
    move_memories(w, worker, 1);
    return loss;
}

/* ---- all of them ---- */

/* What all lanes remember after batch i, and the queries of its auxiliary loss: sums
 * over the step divide each of its gradients, so they are known before the first. */
static void count_queries(bl_workers *w, size_t row)
{
    const bl_model_config *c = &w->config->model;
    for (size_t lane = 0; lane < (size_t)w->config->lanes; lane++) {
        int length = w->length[lane], n_real = w->n_real[row + lane];
        if (w->fresh[row + lane])
            length = bl_model_length_begin(c);
        w->n_terms += bl_model_aux_terms(c, length, n_real);
        w->length[lane] = bl_model_length_after(c, length, n_real);
    }
}

static void keep_sources(bl_workers *w, size_t row)
{
    const bl_batch *b = w->batch;
    size_t lanes = (size_t)w->config->lanes, n = lanes * source_of(w);
    if (w->source == NULL)
        return;
    memcpy(w->source + row * source_of(w), b->source, n * sizeof *w->source);
    memcpy(w->source_length + row, b->source_length, lanes * sizeof *w->source_length);
    if (w->source_at != NULL)
        memcpy(w->source_at + row * source_of(w), b->source_at,
               n * sizeof *w->source_at);
}

static void draw(bl_workers *w)
{
    size_t lanes = (size_t)w->config->lanes, segment = (size_t)w->batch->segment;
    const int32_t *before =
        w->memory != NULL ? w->mem_length : bl_model_memory_length(w->model);
    memcpy(w->length, before, lanes * sizeof *w->length);
    w->n_targets = w->n_terms = 0;
    for (int i = 0; i < w->config->accumulate; i++) {
        const bl_batch *b = w->batch;
        size_t row = (size_t)i * lanes;
        (void)bl_batch_next(w->batch);
        w->n_targets += b->n_targets;
        memcpy(w->x + row * segment, b->x, lanes * segment * sizeof *w->x);
        memcpy(w->y + row * segment, b->y, lanes * segment * sizeof *w->y);
        if (w->at != NULL)
            memcpy(w->at + row * segment, b->at, lanes * segment * sizeof *w->at);
        memcpy(w->n_real + row, b->n_real, lanes * sizeof *w->n_real);
        memcpy(w->fresh + row, b->fresh, lanes * sizeof *w->fresh);
        memcpy(w->start + row, b->start, lanes * sizeof *w->start);
        memcpy(w->prefix + row, b->prefix, lanes * sizeof *w->prefix);
        keep_sources(w, row);
        count_queries(w, row);
    }
}

/* The subtree over n workers: its gradient in the model, its loss. */
static double run_tree(bl_workers *w, int64_t step, int first, int n, int level)
{
    if (n == 1)
        return run_one(w, step, first);
    int64_t size = bl_model_size(w->model);
    bl_real *grad = bl_model_grads(w->model);
    double left = run_tree(w, step, first, n / 2, level + 1);
    bl_grads_put_aside(w->pool, size, grad, w->part[level]);
    double right = run_tree(w, step, first + n / 2, n / 2, level + 1);
    bl_grads_add(w->pool, size, grad, w->part[level]);
    return left + right;
}

int bl_workers_run(bl_workers *w, int64_t step, double *loss, int64_t *targets,
                   bl_err *e)
{
    draw(w);
    *targets = w->n_targets;
    w->sums = (bl_window_sums){.cells = 0};
    *loss = run_tree(w, step, w->first, w->here, 0);
    if (w->memory != NULL) /* our partners' lanes too */
        memcpy(w->mem_length, w->length, (size_t)w->config->lanes * sizeof *w->length);
    int rc = bl_comm_sum_double(w->comm, loss, e);
    double *sums = w->sums.term;
    for (int i = 0; i < BL_WINDOW_SUMS && w->batch->pieces.windows != NULL && rc == 0;
         i++)
        rc = bl_comm_sum_double(w->comm, &sums[i], e);
    if (rc == 0)
        rc = bl_comm_sum(w->comm, bl_model_grads(w->model), bl_model_size(w->model), e);
    return rc;
}

int bl_workers_collect(bl_workers *w, bl_err *e)
{
    size_t lanes = (size_t)(w->here * shard_lanes(w));
    int rc = 0;
    if (w->memory == NULL)
        return 0;
    for (int l = 0; l < w->config->model.layers && rc == 0; l++)
        rc = bl_comm_gather(w->comm, w->memory[l],
                            lanes * lane_size(w) * sizeof(bl_real), e);
    if (rc == 0)
        rc = bl_comm_gather(w->comm, w->mem_length, lanes * sizeof *w->mem_length, e);
    return rc;
}
