/* steps.c - steps of training, for replay.py to make again: a stream of safetensors
 * records on standard output. The first holds the parameters at the start, and the
 * config as metadata; then one record a step: the batch, loss, gradient norm, learning
 * rate; the last one the parameters at the end.
 *
 * usage: steps [KEY=VALUE]... */
#include "../tunes.h"
#include "records.h"
#include "train/loop.h"

#include <stdio.h>

enum { BATCH_TENSORS = 7 };

static void write_step(records *out, const bl_batch *b, const bl_train_row *row)
{
    const int64_t shape[] = {b->lanes, b->segment};
    records_add(out, "x", BL_I32, 2, shape, b->x);
    records_add(out, "y", BL_I32, 2, shape, b->y);
    records_add(out, "n_real", BL_I32, 1, shape, b->n_real);
    records_add(out, "fresh", BL_U8, 1, shape, b->fresh);
    records_add_number(out, "loss", &row->loss);
    records_add_number(out, "grad_norm", &row->grad_norm);
    records_add_number(out, "lr", &row->lr);
    records_end(out, NULL);
}

static void write_params(records *out, bl_trainer *t, const bl_train_config *config)
{
    records_add_params(out, "param", t->state.model, bl_model_values(t->state.model));
    records_end(out, config);
}

static int run(bl_trainer *t, bl_err *e)
{
    records out;
    bl_train_row row;
    int n = bl_model_n_params(t->state.model);
    records_open(&out, (size_t)bl_max(n, BATCH_TENSORS), e);
    write_params(&out, t, &t->info.config);
    while (e->code == 0 && !bl_trainer_done(t))
        if (bl_trainer_step(t, &row, e) == 0)
            write_step(&out, &t->batch, &row);
    write_params(&out, t, NULL);
    return records_close(&out);
}

int main(int argc, char **argv)
{
    static tunes corpus;
    const bl_pieces pieces = tunes_make(&corpus), none = {0};
    bl_train_config c;
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    bl_err e = BL_ERR_INIT;
    int rc = bl_config_preset(&c, "tiny", &e);
    c.model.vocab = TUNES_VOCAB;
    for (int i = 1; i < argc && rc == 0; i++)
        rc = bl_config_set(&c, argv[i], &e);
    if (rc == 0)
        rc = bl_pool_new(&pool, 2, &e);
    if (rc == 0)
        rc = bl_trainer_init(&t, &c, &pieces, &none, pool, &e);
    if (rc == 0)
        rc = run(&t, &e);
    if (rc != 0)
        fprintf(stderr, "steps: %s\n", e.text);
    bl_trainer_free(&t);
    bl_pool_del(pool);
    return rc == 0 ? 0 : 1;
}
