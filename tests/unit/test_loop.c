/* test_loop.c - training learns, resumes bit by bit, does not depend on threads, and
 * stops before a step that is not finite. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "train/loop.h"

enum { VOCAB = 12, PIECES = 6, PIECE = 23, STEPS = 12 };

static uint16_t tokens[PIECES * PIECE];
static int64_t offsets[PIECES + 1];
static const bl_pieces pieces = {
    .tokens = tokens, .offsets = offsets, .n_pieces = PIECES};
static char path[64];

/* Scales up and down from different notes: predictable once seen. */
static void make_corpus(void)
{
    for (int i = 0; i < PIECES; i++) {
        offsets[i] = i * PIECE;
        for (int t = 0; t < PIECE; t++)
            tokens[i * PIECE + t] = (uint16_t)(4 + (i + (i % 2 ? t : PIECE - t)) % 8);
        tokens[i * PIECE] = 1;
        tokens[i * PIECE + PIECE - 1] = 2;
    }
    offsets[PIECES] = PIECES * PIECE;
}

static bl_train_config config(void)
{
    bl_train_config c;
    if (bl_config_preset(&c, "tiny", NULL) != 0)
        abort();
    c.model.vocab = VOCAB;
    c.model.layers = 2;
    c.model.width = 16;
    c.model.heads = 2;
    c.model.ff = 32;
    c.model.segment = 8;
    c.model.memory = 8;
    c.lanes = 4;
    c.steps = STEPS;
    c.warmup = 3;
    c.lr = 0.01;
    c.eval_every = 4;
    return c;
}

static int open_trainer(bl_trainer *t, bl_pool **pool, const bl_train_config *c,
                        int threads)
{
    bl_err e = BL_ERR_INIT;
    int rc = bl_pool_new(pool, threads, &e);
    if (rc == 0)
        rc = bl_trainer_init(t, c, &pieces, &pieces, *pool, &e);
    if (rc != 0)
        printf("# %s\n", e.text);
    return rc;
}

static void close_trainer(bl_trainer *t, bl_pool **pool)
{
    bl_trainer_free(t);
    bl_pool_del(*pool);
    *pool = NULL;
}

/* Everything a run leaves: its rows and its state. */
typedef struct {
    bl_train_row rows[STEPS];
    bl_real *values;
    int64_t n;
} trace;

static int go(bl_trainer *t, trace *tr, int64_t until)
{
    while (t->info.step < until) {
        int64_t at = t->info.step;
        if (bl_trainer_step(t, &tr->rows[at], NULL) != 0)
            return -1;
    }
    return 0;
}

static int end(bl_trainer *t, trace *tr)
{
    tr->n = bl_model_size(t->state.model);
    tr->values = malloc((size_t)tr->n * sizeof *tr->values);
    if (tr->values == NULL)
        return -1;
    memcpy(tr->values, bl_model_values(t->state.model),
           (size_t)tr->n * sizeof *tr->values);
    return 0;
}

static int same_row(const bl_train_row *a, const bl_train_row *b)
{
    int valid =
        isnan(a->valid_loss) ? isnan(b->valid_loss) : a->valid_loss == b->valid_loss;
    return a->step == b->step && a->tokens == b->tokens && a->lr == b->lr &&
           a->loss == b->loss && a->grad_norm == b->grad_norm && valid;
}

static int same(const trace *a, const trace *b)
{
    for (int i = 0; i < STEPS; i++)
        if (!same_row(&a->rows[i], &b->rows[i]))
            return 0;
    return a->n == b->n &&
           memcmp(a->values, b->values, (size_t)a->n * sizeof *a->values) == 0;
}

#define ONES "1111111111111111111111111111111111111111111111111111111111111111"

/* One go on `threads`, broken off and resumed after `stop` steps if stop > 0. */
static int run(trace *tr, const bl_train_config *config, int threads, int64_t stop)
{
    bl_train_config c = *config;
    bl_vocab vocab = {.words = bl_words_new(NULL)};
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    bl_ckpt ckpt = {0};
    bl_err e = BL_ERR_INIT;
    char name[16];
    for (int i = 0; i < VOCAB; i++) {
        static const char *const special[] = {"PAD", "BOS", "EOS", "MASK"};
        snprintf(name, sizeof name, "t%d", i);
        if (i < 4)
            snprintf(name, sizeof name, "%s", special[i]);
        if (bl_words_add(vocab.words, name, strlen(name), &e) != 0)
            return -1;
    }
    uint64_t *count = calloc(VOCAB, sizeof *count);
    int rc = bl_vocab_make(
        &vocab, vocab.words, count,
        &(bl_tokens_kind){.spec = {.scheme = "remi"}, .sha256 = ONES}, &e);
    if (rc == 0)
        rc = open_trainer(&t, &pool, &c, threads);
    if (rc == 0 && stop > 0) {
        t.info.vocab = &vocab;
        rc = go(&t, tr, stop);
        if (rc == 0)
            rc = bl_ckpt_save(path, &t.info, &t.state, &e);
        close_trainer(&t, &pool);
        if (rc == 0)
            rc = open_trainer(&t, &pool, &c, threads);
        if (rc == 0)
            rc = bl_ckpt_load(&ckpt, path, 1, &e);
        if (rc == 0)
            rc = bl_trainer_resume(&t, &ckpt, &e);
        bl_ckpt_free(&ckpt);
    }
    if (rc == 0)
        rc = go(&t, tr, STEPS);
    if (rc == 0)
        rc = end(&t, tr);
    if (e.code != 0)
        printf("# %s\n", e.text);
    close_trainer(&t, &pool);
    bl_vocab_free(&vocab);
    return rc;
}

static void test_resume(const char *what, const bl_train_config *c)
{
    trace whole = {0}, other = {0};
    if (!ok(run(&whole, c, 1, 0) == 0, "%s: trains %d steps", what, STEPS))
        return;
    for (int threads = 2; threads <= 3; threads++) {
        ok(run(&other, c, threads, 0) == 0 && same(&whole, &other),
           "the same bits on %d threads", threads);
        free(other.values);
        other.values = NULL;
    }
    for (int stop = 1; stop < STEPS; stop++) {
        ok(run(&other, c, 1, stop) == 0 && same(&whole, &other),
           "the same bits when resumed after step %d", stop);
        free(other.values);
        other.values = NULL;
    }
    int evaluated = 0;
    for (int i = 0; i < STEPS; i++)
        evaluated += !isnan(whole.rows[i].valid_loss);
    ok(evaluated == 3, "evaluated at steps 4, 8 and 12");
    free(whole.values);
}

/* What validation sees, and what a checkpoint gives to those who sample, is the mean of
 * the weights so far; the run goes on from the last ones. */
static void test_average(void)
{
    bl_train_config c = config();
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    bl_train_row row = {.loss = NAN};
    c.average = 0.5;
    if (!ok(open_trainer(&t, &pool, &c, 1) == 0, "average: opens"))
        return;
    int64_t n = bl_model_size(t.state.model), targets;
    double *sum = calloc((size_t)n, sizeof *sum), worst = 0, loss = NAN;
    int rc = sum != NULL ? 0 : -1;
    for (int step = 1; step <= 4 && rc == 0; step++) {
        rc = bl_trainer_step(&t, &row, NULL);
        for (int64_t i = 0; i < n; i++)
            sum[i] += (double)bl_model_values(t.state.model)[i];
    }
    for (int64_t i = 0; i < n && rc == 0; i++)
        worst = fmax(worst, fabs((double)t.state.average[i] - sum[i] / 4));
    ok(rc == 0 && worst < 1e-6, "average: one half weighs all steps alike (%.1g)",
       worst);
    for (int64_t i = 0; i < n && rc == 0; i++)
        bl_model_values(t.state.model)[i] = t.state.average[i];
    bl_model *m = NULL;
    rc = bl_model_new(&m, &c.model, c.lanes, 0, pool, NULL);
    if (rc == 0) {
        bl_model_share(m, t.state.model);
        rc = bl_evaluate(m, &pieces, c.eval_tokens, 0, NULL, &loss, &targets, NULL);
    }
    ok(rc == 0 && loss == row.valid_loss, "average: validation sees it (%.4f)", loss);
    bl_model_del(m);
    free(sum);
    close_trainer(&t, &pool);
}

/* A lane beyond the pieces would cost as much as one that reads the longest. */
static void test_eval_lanes(void)
{
    bl_train_config c = config();
    bl_pool *pool = NULL;
    for (int lanes = 2; lanes <= 32; lanes *= 4) {
        bl_trainer t = {0};
        c.lanes = lanes;
        int rc = open_trainer(&t, &pool, &c, 1);
        ok(rc == 0 && bl_model_lanes(t.eval_model) == bl_min(lanes, PIECES),
           "evaluation: %d lanes of training, no more than pieces", lanes);
        close_trainer(&t, &pool);
    }
}

static void test_learning(void)
{
    bl_train_config c = config();
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    bl_train_row row = {0};
    int rc;
    c.steps = 400;
    c.model.dropout = 0;
    rc = open_trainer(&t, &pool, &c, 2);
    while (rc == 0 && !bl_trainer_done(&t))
        rc = bl_trainer_step(&t, &row, NULL);
    ok(rc == 0 && row.valid_loss < 0.35, "learns scales: loss %.3f of ln 12 = 2.48",
       row.valid_loss);
    ok(t.info.best_loss <= row.valid_loss && t.info.best_step > 0,
       "remembers its best");

    double loss[2];
    int64_t n[2];
    bl_model *narrow = NULL;
    c.model.segment = 5;
    c.model.memory = 11; /* about as many keys as in training */
    rc = bl_model_new(&narrow, &c.model, 1, 0, pool, NULL);
    if (rc == 0) {
        bl_model_share(narrow, t.state.model);
        rc = bl_evaluate(narrow, &pieces, 0, 0, NULL, &loss[0], &n[0], NULL);
    }
    ok(rc == 0 && n[0] == bl_pieces_targets(&pieces) &&
           fabs(loss[0] - row.valid_loss) < 0.5,
       "evaluation reads every target whatever the lanes (%.3f)", loss[0]);
    bl_model_del(narrow);
    close_trainer(&t, &pool);
}

static double norm_of(const bl_trainer *t, const bl_real *x, int learns)
{
    double sum = 0;
    for (int i = 0; i < bl_model_n_params(t->state.model); i++) {
        const bl_param *p = bl_model_param(t->state.model, i);
        for (int64_t k = p->start; k < p->start + p->size && p->learns == learns; k++)
            sum += (double)x[k] * (double)x[k];
    }
    return sqrt(sum);
}

/* After a first step the first moment is a tenth of the clipped gradient. */
static void test_clipping(void)
{
    bl_train_config c = config();
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    bl_train_row row;
    c.clip = 0.01;
    c.beta1 = 0.9;
    c.model.memory = 4;
    bl_model_config_arch(&c.model, BL_ARCH_COMPRESSIVE);
    c.model.ratio = 2;
    if (!ok(open_trainer(&t, &pool, &c, 1) == 0, "clipping: opens"))
        return;
    for (int i = 0; i < bl_model_n_params(t.state.model); i++) {
        const bl_param *p = bl_model_param(t.state.model, i);
        for (int64_t k = p->start; k < p->start + p->size; k++)
            bl_model_values(t.state.model)[k] *= p->learns == BL_LEARNS_AUX ? 1000 : 2;
    }
    ok(bl_trainer_step(&t, &row, NULL) == 0 && row.grad_norm > c.clip,
       "clipping: a step whose gradients are too long");
    double net = 10 * norm_of(&t, t.state.adam_m, BL_LEARNS_LOSS),
           aux = 10 * norm_of(&t, t.state.adam_m, BL_LEARNS_AUX);
    ok(fabs(net - c.clip) < 1e-6 && fabs(aux - c.clip) < 1e-6,
       "clipping: what learns from two losses is clipped apart (%.4g, %.4g)", net, aux);
    close_trainer(&t, &pool);
}

static void test_divergence(void)
{
    bl_train_config c = config();
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    bl_train_row row;
    bl_err e = BL_ERR_INIT;
    if (!ok(open_trainer(&t, &pool, &c, 1) == 0, "divergence: opens"))
        return;
    ok(bl_trainer_step(&t, &row, &e) == 0, "divergence: a step");
    bl_real *values = bl_model_values(t.state.model);
    bl_real second = values[1];
    values[0] = (bl_real)NAN;
    ok(bl_trainer_step(&t, &row, &e) == BL_E_DIVERGED &&
           strstr(e.text, "step 2") != NULL,
       "divergence: not a number stops it (%s)", e.text);
    ok(values[1] == second && t.info.step == 1, "divergence: before the update");
    close_trainer(&t, &pool);
}

/* Neither what validation finds out nor what a checkpoint would save is written. */
static void test_unsound(void)
{
    bl_train_config c = config();
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    bl_train_row row;
    bl_err e = BL_ERR_INIT;
    c.eval_every = 1;
    c.warmup = 0;
    c.average = 0.1;
    c.lr = 1e30;
    if (!ok(open_trainer(&t, &pool, &c, 1) == 0, "unsound: opens"))
        return;
    ok(bl_trainer_sound(&t, &e) == 0, "unsound: it begins sound");
    ok(bl_trainer_step(&t, &row, &e) == BL_E_DIVERGED &&
           strstr(e.text, "validation loss") != NULL && !isfinite(t.info.best_loss),
       "unsound: a validation loss that is not finite is divergence (%s)", e.text);
    bl_real *blocks[] = {bl_model_values(t.state.model), t.state.adam_m, t.state.adam_v,
                         t.state.average};
    for (size_t i = 0; i < BL_COUNT(blocks); i++) {
        bl_err other = BL_ERR_INIT;
        bl_real kept = blocks[i][7];
        blocks[i][7] = (bl_real)NAN;
        ok(bl_trainer_sound(&t, &other) == BL_E_DIVERGED, "unsound: %s", other.text);
        blocks[i][7] = kept;
    }
    close_trainer(&t, &pool);
}

/* Each segment alone is what the first segments of pieces are. */
static void test_apart(void)
{
    bl_train_config c = config();
    bl_trainer t = {0};
    bl_pool *pool = NULL;
    int64_t at[] = {0, PIECE}, n[3];
    static float with[PIECES * PIECE], apart[PIECES * PIECE], shifted[PIECES * PIECE];
    double loss[3];
    if (!ok(open_trainer(&t, &pool, &c, 1) == 0, "apart: opens"))
        return;
    for (int i = 0; i < bl_model_size(t.state.model); i++)
        bl_model_values(t.state.model)[i] *= 5;
    const bl_pieces first = {.tokens = tokens, .offsets = at, .n_pieces = 1},
                    rest = {.tokens = tokens + 8, .offsets = at, .n_pieces = 1};
    at[1] = PIECE;
    int rc = bl_evaluate(t.eval_model, &first, 0, 0, with, &loss[0], &n[0], NULL);
    if (rc == 0)
        rc = bl_evaluate(t.eval_model, &first, 0, 1, apart, &loss[1], &n[1], NULL);
    at[1] = PIECE - 8;
    if (rc == 0)
        rc = bl_evaluate(t.eval_model, &rest, 0, 0, shifted, &loss[2], &n[2], NULL);
    int same = 1, differs = 0;
    for (int i = 1; i <= 8; i++) { /* segments of 8: the second alone */
        same &= fabsf(apart[8 + i] - shifted[i]) < 1e-5f;
        differs |= fabsf(apart[8 + i] - with[8 + i]) > 1e-3f;
    }
    ok(rc == 0 && n[0] == n[1] && same && differs,
       "apart: a segment is evaluated as if a piece began with it");
    close_trainer(&t, &pool);
}

int main(void)
{
    char dir[] = "/tmp/test_loop.XXXXXX";
    make_corpus();
    if (!ok(mkdtemp(dir) != NULL, "a folder for files"))
        return tap_done();
    snprintf(path, sizeof path, "%s/ckpt", dir);
    bl_train_config usual = config(), other = config();
    other.optimizer = BL_MUON;
    other.weight_decay = 0.1;
    other.average = 0.1;
    other.schedule = BL_LR_WSD;
    test_resume("usual", &usual);
    test_resume("Muon, average, wsd", &other);
    test_average();
    test_eval_lanes();
    test_learning();
    test_clipping();
    test_divergence();
    test_unsound();
    test_apart();
    unlink(path);
    rmdir(dir);
    return tap_done();
}
