/* test_training.c - fifty steps of training as they were, a batch learnt by heart, and
 * evaluation that is the same however the pieces are cut. */
#include "tap.h"
#include "train/loop.h"
#include "../tunes.h"

#include <math.h>
#include <stdlib.h>

static bl_train_config config(void)
{
    bl_train_config c;
    if (bl_config_preset(&c, "tiny", NULL) != 0)
        abort();
    c.model.vocab = TUNES_VOCAB;
    c.model.layers = 2;
    c.model.width = 32;
    c.model.heads = 4;
    c.model.ff = 64;
    c.model.segment = 16;
    c.model.memory = 24;
    c.model.recall = 0;
    c.model.pre_norm = 0;
    c.model.embed_scale = 1;
    c.lanes = 4;
    c.steps = 50;
    c.warmup = 10;
    c.lr = 0.005;
    c.eval_every = 25;
    c.eval_tokens = 0;
    return c;
}

static bl_trainer *open_trainer(const bl_train_config *c, const bl_pieces *pieces,
                                const bl_pieces *valid, bl_pool *pool)
{
    bl_err e = BL_ERR_INIT;
    bl_trainer *t = calloc(1, sizeof *t);
    if (t == NULL || bl_trainer_init(t, c, pieces, valid, pool, &e) != 0) {
        printf("Bail out! %s\n", e.text);
        exit(1);
    }
    return t;
}

static void close_trainer(bl_trainer *t)
{
    bl_trainer_free(t);
    free(t);
}

/* Rounding differs from one processor to another and grows from step to step; a changed
 * formula, order of pieces, mask or weight shows at once. */
static void test_trajectory(const bl_pieces *pieces, bl_pool *pool)
{
    static const double golden[] = {3.69062, 3.59959, 3.37873, 3.21934, 3.05173,
                                    3.25543, 3.29697, 3.16343, 3.11090, 3.04888};
    static const double golden_valid = 3.09770;
    bl_train_config c = config();
    bl_trainer *t = open_trainer(&c, pieces, pieces, pool);
    bl_train_row row = {0};
    double worst = 0;
    int rc = 0;
    for (int step = 1; step <= c.steps && rc == 0; step++) {
        rc = bl_trainer_step(t, &row, NULL);
        if (step % 5 != 0)
            continue;
        double want = golden[step / 5 - 1];
        worst = fmax(worst, fabs(row.loss - want) / want);
        printf("# step %d: loss %.5f, was %.5f\n", step, row.loss, want);
    }
    worst = fmax(worst, fabs(row.valid_loss - golden_valid) / golden_valid);
    printf("# valid_loss %.5f, was %.5f\n", row.valid_loss, golden_valid);
    ok(rc == 0 && worst < 0.001, "fifty steps go as they went (to %.1g)", worst);
    close_trainer(t);
}

/* Two tunes of one segment each, in two lanes: every batch is the same. */
static void test_overfit(bl_pool *pool)
{
    enum { T = 32 };
    uint16_t tokens[2 * (T + 1)];
    const int64_t offsets[] = {0, T + 1, 2 * (T + 1)};
    const bl_pieces pieces = {.tokens = tokens, .offsets = offsets, .n_pieces = 2},
                    none = {0};
    bl_rng rng = bl_rng_make(4, 4);
    for (int i = 0; i < 2 * (T + 1); i++)
        tokens[i] = (uint16_t)bl_rng_below(&rng, TUNES_VOCAB);
    for (bl_arch arch = 0; arch < BL_N_ARCH; arch++) {
        bl_train_config c = config();
        bl_train_row row = {.loss = NAN};
        int rc = 0;
        c.lanes = 2;
        c.model.segment = c.model.memory = T;
        bl_model_config_arch(&c.model, arch);
        c.model.dropout = 0;
        c.model.init_std = 0.1;
        c.steps = arch == BL_ARCH_LSTM ? 1000 : 300;
        bl_trainer *t = open_trainer(&c, &pieces, &none, pool);
        while (rc == 0 && !bl_trainer_done(t))
            rc = bl_trainer_step(t, &row, NULL);
        ok(rc == 0 && row.loss < 0.05, "%s learns a batch by heart: loss %.4f",
           bl_model_choice("arch", (int)arch), row.loss);
        close_trainer(t);
    }
}

/* The loss of trained weights with other lanes and segments. */
static double evaluate(bl_trainer *t, const bl_pieces *pieces, int pre_norm, int lanes,
                       int segment, bl_pool *pool)
{
    bl_model_config c = t->info.config.model;
    bl_model *m;
    double loss = NAN;
    int64_t n = 0;
    c.segment = segment;
    c.memory = 200; /* more than the longest tune */
    c.pre_norm = pre_norm;
    if (bl_model_new(&m, &c, lanes, 0, pool, NULL) != 0)
        return NAN;
    bl_model_share(m, t->state.model);
    if (bl_evaluate(m, pieces, 0, 0, NULL, &loss, &n, NULL) != 0 ||
        n != bl_pieces_targets(pieces))
        loss = NAN;
    bl_model_del(m);
    return loss;
}

static void test_evaluation(const bl_pieces *pieces, bl_pool *pool)
{
    static const struct {
        int lanes, segment;
    } cut[] = {{1, 130}, {1, 1}, {3, 7}, {12, 16}, {20, 33}, {5, 160}};
    const bl_pieces none = {0};
    for (int pre = 0; pre <= 1; pre++) {
        bl_train_config c = config();
        c.model.pre_norm = pre;
        bl_trainer *t = open_trainer(&c, pieces, &none, pool);
        bl_train_row row;
        double low = INFINITY, high = 0;
        int rc = 0;
        while (rc == 0 && !bl_trainer_done(t))
            rc = bl_trainer_step(t, &row, NULL);
        for (size_t i = 0; i < BL_COUNT(cut); i++) {
            double loss = evaluate(t, pieces, pre, cut[i].lanes, cut[i].segment, pool);
            low = fmin(low, loss);
            high = isnan(loss) ? INFINITY : fmax(high, loss);
        }
        ok(rc == 0 && high - low < 1e-5 * high,
           "%s: one loss (%.5f), in whatever batches and segments (%.1g)",
           pre ? "pre-norm" : "post-norm", low, high - low);
        close_trainer(t);
    }
}

int main(void)
{
    static tunes corpus;
    const bl_pieces pieces = tunes_make(&corpus);
    bl_pool *pool;
    if (bl_pool_new(&pool, 2, NULL) != 0)
        return 1;
    test_trajectory(&pieces, pool);
    test_overfit(pool);
    test_evaluation(&pieces, pool);
    bl_pool_del(pool);
    return tap_done();
}
