/* test_following.c - a target that follows from its condition is learned in every way
 * of a condition to nearly nothing, on pairs that were not trained on: a copy, and one
 * in another key. That fails where a target cannot see its condition. */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "tap.h"
#include "train/loop.h"
#include "train/pairs.h"

enum { BOS = 1, EOS = 2, BAR = 4, NOTE = 5, PITCHES = 8, VOCAB = NOTE + 2 * PITCHES };
enum { PAIRS = 260, HELD_BACK = 20, BARS = 8, NOTES = 2 };
enum { LENGTH = BARS * (1 + NOTES) + 2 };

static bl_token_place places[VOCAB];

typedef struct {
    uint16_t tokens[2][PAIRS * LENGTH]; /* conditions, targets */
    int64_t offsets[PAIRS + 1];
} corpus;

/* Bars of random notes, and the same `higher`. */
static void make_corpus(corpus *c, int higher)
{
    bl_rng rng = bl_rng_make(11, 0);
    for (int i = 0; i < PAIRS; i++) {
        int64_t n = c->offsets[i] = (int64_t)i * LENGTH;
        c->tokens[0][n] = c->tokens[1][n] = BOS;
        for (n++; n < c->offsets[i] + LENGTH - 1; n++) {
            int is_bar = (n - c->offsets[i] - 1) % (NOTES + 1) == 0;
            int note = NOTE + (int)bl_rng_below(&rng, PITCHES);
            c->tokens[0][n] = (uint16_t)(is_bar ? BAR : note);
            c->tokens[1][n] = (uint16_t)(is_bar ? BAR : note + higher);
        }
        c->tokens[0][n] = c->tokens[1][n] = EOS;
    }
    c->offsets[PAIRS] = PAIRS * LENGTH;
}

static bl_train_config config(int condition, int stretch)
{
    bl_train_config c;
    if (bl_config_preset(&c, "tiny", NULL) != 0)
        abort();
    c.model.vocab = VOCAB;
    c.model.width = 32;
    c.model.heads = 2;
    c.model.ff = 64;
    c.model.segment = 24;
    c.model.memory = 24;
    c.model.dropout = 0;
    c.model.condition = condition;
    c.model.stretch = stretch;
    if (condition == BL_CONDITION_ENCODER)
        c.model.source = LENGTH;
    c.model.bar_rows = BARS; /* which tell bar by bar where the end is */
    c.model.init_std = 0.1;  /* 0.02 is for models that are wider */
    c.lr = 2e-3;
    c.steps = condition == BL_CONDITION_ENCODER ? 1600 : 700;
    c.eval_every = 0;
    return c;
}

static void open_pairs(bl_pairs *p, const corpus *c, int from, int n,
                       const bl_model_config *m)
{
    bl_err e = BL_ERR_INIT;
    const bl_pieces target = {.tokens = c->tokens[1],
                              .offsets = c->offsets + from,
                              .n_pieces = n,
                              .places = places},
                    condition = {.tokens = c->tokens[0],
                                 .offsets = c->offsets + from,
                                 .n_pieces = n};
    if (bl_pairs_make(p, &target, &condition, m, places, &e) != 0) {
        printf("Bail out! %s\n", e.text);
        exit(1);
    }
}

/* The loss on pairs held back. */
static double learned(const corpus *c, const bl_train_config *config, bl_pool *pool)
{
    bl_err e = BL_ERR_INIT;
    bl_pairs train, valid;
    bl_trainer t;
    bl_train_row row = {.loss = NAN, .valid_loss = NAN};
    open_pairs(&train, c, 0, PAIRS - HELD_BACK, &config->model);
    open_pairs(&valid, c, PAIRS - HELD_BACK, HELD_BACK, &config->model);
    int rc = bl_trainer_init(&t, config, &train.pieces, &valid.pieces, pool, &e);
    while (rc == 0 && !bl_trainer_done(&t))
        rc = bl_trainer_step(&t, &row, &e);
    if (rc != 0)
        printf("# %s\n", e.text);
    bl_trainer_free(&t);
    bl_pairs_free(&train);
    bl_pairs_free(&valid);
    return row.valid_loss;
}

int main(void)
{
    static const struct {
        int condition, stretch;
    } ways[] = {
        {BL_CONDITION_PREFIX, 7}, {BL_CONDITION_BARS, 0}, {BL_CONDITION_ENCODER, 0}};
    static corpus c;
    bl_pool *pool;
    if (bl_pool_new(&pool, 1, NULL) != 0)
        return 70;
    for (int i = 0; i < VOCAB; i++)
        places[i] = (bl_token_place){i == BAR, -1};
    for (int higher = 0; higher <= PITCHES; higher += PITCHES)
        for (size_t i = 0; i < BL_COUNT(ways); i++) {
            make_corpus(&c, higher);
            bl_train_config how = config(ways[i].condition, ways[i].stretch);
            double loss = learned(&c, &how, pool);
            ok(loss<0.05, "%s: %s is learned, %.4f nats a token are left",
                    bl_model_choice("condition", how.model.condition), higher> 0
                   ? "another key"
                   : "a copy",
               loss);
        }
    bl_pool_del(pool);
    return tap_done();
}
