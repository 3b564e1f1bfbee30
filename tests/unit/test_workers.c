/* test_workers.c - shards of a batch: their gradients are those of the whole batch, and
 * which process would run which shard changes no bit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "train/loop.h"

enum { VOCAB = 12, PIECES = 16, PIECE = 29, LANES = 8, STEPS = 4, WORKERS = 4 };

static uint16_t tokens[PIECES * PIECE];
static int64_t offsets[PIECES + 1];
static const bl_pieces pieces = {
    .tokens = tokens, .offsets = offsets, .n_pieces = PIECES};

static void make_corpus(void)
{
    for (int i = 0; i < PIECES * PIECE; i++)
        tokens[i] = (uint16_t)(i * i % 7 + i % 5);
    for (int i = 0; i <= PIECES; i++)
        offsets[i] = i * PIECE;
}

static bl_train_config config(int workers, double dropout)
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
    c.model.dropout = dropout;
    c.lanes = LANES;
    c.accumulate = 2;
    c.workers = workers;
    c.eval_every = 0;
    return c;
}

static int open_trainer(bl_trainer *t, bl_pool *pool, int workers, double dropout)
{
    bl_err e = BL_ERR_INIT;
    bl_train_config c = config(workers, dropout);
    int rc = bl_trainer_init(t, &c, &pieces, NULL, pool, &e);
    if (rc != 0)
        printf("# %s\n", e.text);
    return rc;
}

/* Two processes, each with half of the workers, and their sum by hand. */
static void test_halves(bl_pool *pool)
{
    bl_trainer all, half[2];
    int rc = open_trainer(&all, pool, WORKERS, 0.1);
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = open_trainer(&half[i], pool, WORKERS, 0.1);
        half[i].workers.first = i * WORKERS / 2;
        half[i].workers.here = WORKERS / 2;
    }
    if (!ok(rc == 0, "halves: three trainers"))
        return;
    int64_t size = bl_model_size(all.state.model), n[3];
    double loss[3];
    bl_real *grad = bl_model_grads(all.state.model);
    const bl_real *left = bl_model_grads(half[0].state.model),
                  *right = bl_model_grads(half[1].state.model);
    int differ = 0;
    for (int step = 0; step < STEPS && rc == 0; step++) {
        rc = bl_workers_run(&all.workers, step, &loss[0], &n[0], NULL);
        for (int i = 0; i < 2 && rc == 0; i++)
            rc = bl_workers_run(&half[i].workers, step, &loss[i + 1], &n[i + 1], NULL);
        for (int64_t i = 0; i < size; i++)
            differ += grad[i] != left[i] + right[i];
        differ += loss[0] != loss[1] + loss[2] || n[0] != n[1] || n[0] != n[2];
        memset(grad, 0, (size_t)size * sizeof *grad);
        for (int i = 0; i < 2; i++)
            memset(bl_model_grads(half[i].state.model), 0, (size_t)size * sizeof *grad);
    }
    ok(rc == 0 && differ == 0, "halves: they sum to the bits of the whole");
    bl_trainer_free(&all);
    bl_trainer_free(&half[0]);
    bl_trainer_free(&half[1]);
}

/* Several workers compute what one does, but for roundings. */
static void test_whole(bl_pool *pool)
{
    bl_trainer one, many;
    bl_train_row a, b;
    int rc = open_trainer(&one, pool, 1, 0);
    if (rc == 0)
        rc = open_trainer(&many, pool, WORKERS, 0);
    if (!ok(rc == 0, "whole: two trainers"))
        return;
    double worst = 0;
    for (int step = 0; step < STEPS && rc == 0; step++) {
        rc = bl_trainer_step(&one, &a, NULL);
        if (rc == 0)
            rc = bl_trainer_step(&many, &b, NULL);
        worst = fmax(worst, fabs(a.loss - b.loss) / a.loss);
        worst = fmax(worst, fabs(a.grad_norm - b.grad_norm) / a.grad_norm);
    }
    ok(rc == 0 && worst < 1e-4 && a.tokens == b.tokens,
       "whole: losses and gradients are those of one worker (%.1e)", worst);
    const bl_model_config *c = bl_model_conf(one.state.model);
    int64_t n = (int64_t)LANES * bl_model_memory_rows(one.state.model) * c->width;
    double apart = 0;
    for (int l = 0; l < c->layers; l++)
        for (int64_t i = 0; i < n; i++)
            apart = fmax(apart, fabs((double)(bl_model_memory(one.state.model, l)[i] -
                                              many.workers.memory[l][i])));
    ok(apart < 1e-3 && memcmp(bl_model_memory_length(one.state.model),
                              many.workers.mem_length, LANES * sizeof(int32_t)) == 0,
       "whole: so are the memories of all lanes (%.1e)", apart);
    bl_trainer_free(&one);
    bl_trainer_free(&many);
}

/* ---- however the same pieces are cut into batches ---- */

enum { CUT = 4, SEGMENT = 8 };

typedef struct {
    int lanes, accumulate, workers;
} cut;

/* Pieces of 2 .. SEGMENT + 1 tokens: each is a segment with a tail of its own length.
 */
static bl_pieces short_pieces(void)
{
    static int64_t at[PIECES + 1];
    for (int i = 0; i < PIECES; i++)
        at[i + 1] = at[i] + 2 + i * 5 % SEGMENT;
    return (bl_pieces){.tokens = tokens, .offsets = at, .n_pieces = PIECES};
}

/* The step's loss and gradient of one cut; the gradient belongs to the caller. */
static bl_real *gradient(const bl_model_config *model, const cut *how, bl_pool *pool,
                         double *loss, int64_t *n)
{
    bl_trainer t;
    bl_pieces some = short_pieces();
    bl_real *copy = NULL;
    bl_train_config c = config(how->workers, 0);
    c.model = *model;
    c.lanes = how->lanes;
    c.accumulate = how->accumulate;
    if (bl_trainer_init(&t, &c, &some, NULL, pool, NULL) == 0 &&
        bl_workers_run(&t.workers, 0, loss, n, NULL) == 0) {
        *n = bl_model_size(t.state.model);
        copy = malloc((size_t)*n * sizeof *copy);
        memcpy(copy, bl_model_grads(t.state.model), (size_t)*n * sizeof *copy);
    }
    bl_trainer_free(&t);
    return copy;
}

static double apart(const bl_real *a, const bl_real *b, int64_t n)
{
    double sum = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(sum / size);
}

static void same_cuts(const char *name, const bl_model_config *model, bl_pool *pool)
{
    static const cut cuts[] = {{4, 1, 1}, {1, 4, 1}, {2, 2, 1}, {4, 1, 4}, {2, 2, 2}};
    double loss, first = 0, worst = 0;
    int64_t n;
    bl_real *whole = gradient(model, &cuts[0], pool, &first, &n);
    for (size_t i = 1; i < BL_COUNT(cuts); i++) {
        bl_real *other = gradient(model, &cuts[i], pool, &loss, &n);
        if (whole == NULL || other == NULL)
            worst = INFINITY;
        else
            worst = fmax(worst, fmax(fabs(loss - first), apart(whole, other, n)));
        free(other);
    }
    free(whole);
    ok(worst < 1e-5, "%s: any cut of %d pieces has their loss and gradient (%.1e)",
       name, CUT, worst);
}

static void test_cuts(bl_pool *pool)
{
    bl_model_config c = config(1, 0).model;
    same_cuts("xl", &c, pool);
    bl_model_config_arch(&c, BL_ARCH_COMPRESSIVE);
    c.memory = c.compressed = 4; /* a segment pushes out its own first tokens */
    c.ratio = 2;
    c.init_std = 0.2;
    same_cuts("compressive", &c, pool);
    c.pre_norm = 1;
    same_cuts("compressive, pre-norm", &c, pool);
    bl_model_config_arch(&c, BL_ARCH_LSTM);
    same_cuts("lstm", &c, pool);
}

static void test_alone(void)
{
    bl_real x[3] = {1, 2, 3};
    double sum = 4;
    int64_t most = 5;
    ok(bl_comm_rank(NULL) == 0 && bl_comm_size(NULL) == 1, "alone: first of one");
    ok(bl_comm_sum(NULL, x, 3, NULL) == 0 &&
           bl_comm_sum_double(NULL, &sum, NULL) == 0 &&
           bl_comm_max(NULL, &most, NULL) == 0 &&
           bl_comm_share(NULL, x, sizeof x, NULL) == 0 &&
           bl_comm_gather(NULL, x, sizeof x, NULL) == 0 && x[0] == 1 && x[2] == 3 &&
           sum == 4 && most == 5,
       "alone: sums are what they are made of");
}

static void test_config(void)
{
    bl_err e = BL_ERR_INIT;
    bl_train_config c = config(3, 0);
    ok(bl_config_check(&c, &e) == BL_E_ARG && strstr(e.text, "workers (3)") != NULL,
       "workers are a power of two (%s)", e.text);
    c = config(16, 0);
    ok(bl_config_check(&c, NULL) == BL_E_ARG, "and have a lane each");
    c = config(8, 0);
    ok(bl_config_check(&c, NULL) == 0, "one lane is enough");
}

int main(void)
{
    bl_pool *pool;
    make_corpus();
    if (!ok(bl_pool_new(&pool, 2, NULL) == 0, "a pool"))
        return tap_done();
    test_halves(pool);
    test_whole(pool);
    test_cuts(pool);
    test_alone();
    test_config();
    bl_pool_del(pool);
    return tap_done();
}
