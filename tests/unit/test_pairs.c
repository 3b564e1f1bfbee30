/* test_pairs.c - conditions and targets as models read them: what is joined, what is a
 * target, where each side stands, what an encoder reads; bar by bar trains as a plain
 * model does on the same stream with the condition's losses left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "train/loop.h"
#include "train/pairs.h"

/* Words of a small scheme: BOS, EOS, a label, Bar, and notes from 10 on. */
enum { BOS = 1, EOS = 2, LABEL = 3, BAR = 4, VOCAB = 30, LONGEST = 400, MOST = 400 };

static bl_token_place places[VOCAB];

typedef struct {
    uint16_t tokens[MOST];
    int64_t offsets[8];
    bl_pieces pieces;
} corpus;

/* A piece of bars with so many notes each; -1 ends it. */
static void add_piece(corpus *c, int has_label, int note, const int *bars)
{
    int64_t n = c->offsets[c->pieces.n_pieces];
    c->tokens[n++] = BOS;
    if (has_label)
        c->tokens[n++] = LABEL;
    for (; *bars >= 0; bars++) {
        c->tokens[n++] = BAR;
        for (int i = 0; i < *bars; i++)
            c->tokens[n++] = (uint16_t)(note + i % 7);
    }
    c->tokens[n++] = EOS;
    c->offsets[++c->pieces.n_pieces] = n;
}

static void open_corpus(corpus *c)
{
    *c = (corpus){.pieces = {.n_pieces = 0}};
    c->pieces.tokens = c->tokens;
    c->pieces.offsets = c->offsets;
    c->pieces.places = places;
}

static void make_pairs(corpus *conditions, corpus *targets)
{
    for (int i = 0; i < VOCAB; i++)
        places[i] = (bl_token_place){i == BAR, -1};
    open_corpus(conditions);
    open_corpus(targets);
    add_piece(conditions, 0, 10, (const int[]){2, 1, 0, -1});
    add_piece(targets, 1, 20, (const int[]){1, 3, -1});
    add_piece(conditions, 1, 10, (const int[]){3, -1});
    add_piece(targets, 0, 20, (const int[]){0, 2, 1, 4, -1});
    add_piece(conditions, 0, 11, (const int[]){1, 2, 3, 9, 1, 1, 2, -1});
    add_piece(targets, 0, 21, (const int[]){2, 2, 2, 2, 2, 2, 2, -1});
}

static bl_train_config config(int condition)
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
    c.model.condition = condition;
    if (condition == BL_CONDITION_ENCODER)
        c.model.source = 6;
    c.model.bar_rows = 3;
    c.lanes = 2;
    c.steps = 6;
    c.lr = 0.01;
    c.eval_every = 3;
    return c;
}

static void open_pairs(bl_pairs *p, const bl_train_config *c, const corpus *conditions,
                       const corpus *targets)
{
    bl_err e = BL_ERR_INIT;
    if (bl_pairs_make(p, &targets->pieces, &conditions->pieces, &c->model, places,
                      &e) != 0) {
        printf("Bail out! %s\n", e.text);
        exit(1);
    }
}

/* ---- streams ---- */

/* Piece i as words: upper case of the target, lower of the condition. */
static void print_piece(const bl_pairs *p, int i, char *text)
{
    static const char upper[] = "?BEL|?????????????????????????????",
                      lower[] = "?bel/?????????????????????????????";
    int64_t k = p->pieces.offsets[i];
    for (; k < p->pieces.offsets[i + 1]; k++) {
        int t = p->pieces.tokens[k], side = bl_side_is_target(p->pieces.sides[k]);
        *text++ = t >= 20   ? side ? 'N' : '?'
                  : t >= 10 ? side ? '?' : 'n'
                            : (side ? upper : lower)[t];
    }
    *text = '\0';
}

static void test_streams(const corpus *conditions, const corpus *targets)
{
    static const struct {
        int condition, stretch;
        const char *want[2];
    } cases[] = {
        {BL_CONDITION_BARS, 0, {"bL/nn|N/n|NNN/|E", "bl/nnn|/|NN/|N/|NNNNE"}},
        {BL_CONDITION_PREFIX, 0, {"b/nn/n/ebL|N|NNNE", "bl/nnneb||NN|N|NNNNE"}},
        {BL_CONDITION_PREFIX, 100, {"b/nn/n/ebL|N|NNNE", "bl/nnneb||NN|N|NNNNE"}},
        {BL_CONDITION_PREFIX, 6, {"b/nn/nbL|N|NNNE", "blb/nnne||NN|N|NNNNE"}},
        {BL_CONDITION_PREFIX, 4, {"b/nnbL|N/n/e|NNNE", "blb/nnne||NN|N|NNNNE"}},
        {BL_CONDITION_PREFIX, 1, {"bbL/nn|N/n|NNNE", "blb/nnne||NN|N|NNNNE"}},
    };
    for (size_t k = 0; k < BL_COUNT(cases); k++) {
        bl_train_config c = config(cases[k].condition);
        bl_pairs p;
        char text[LONGEST];
        c.model.stretch = cases[k].stretch;
        open_pairs(&p, &c, conditions, targets);
        for (int i = 0; i < 2; i++) {
            print_piece(&p, i, text);
            ok(strcmp(text, cases[k].want[i]) == 0, "%s, stretch %d: %s",
               bl_model_choice("condition", cases[k].condition), cases[k].stretch,
               text);
        }
        bl_pairs_free(&p);
    }
}

/* What is learned of bar by bar: where a bar of the target ends, and not where the
 * condition's ends. */
static void test_cues(const corpus *conditions, const corpus *targets)
{
    bl_train_config c = config(BL_CONDITION_BARS);
    bl_pairs p;
    int wrong = 0, cues = 0;
    open_pairs(&p, &c, conditions, targets);
    for (int64_t k = 1; k < p.pieces.offsets[2]; k++) {
        int is_bar = p.tokens[k] == BAR, side = bl_side_is_target(p.sides[k]);
        int is_given = p.tokens[k] == BOS || (is_bar ? side : !side);
        wrong += bl_side_is_scored(p.sides[k]) == is_given;
        cues += p.sides[k] == BL_SIDE_CUE;
    }
    ok(wrong == 0 && cues == 7, "a bar is learned where the one before it ends");
    bl_pairs_free(&p);
}

/* Every target of the targets alone is one of the pairs', and no other. */
static void test_targets(const corpus *conditions, const corpus *targets)
{
    int64_t plain = bl_pieces_targets(&targets->pieces);
    for (int k = BL_CONDITION_NONE; k < BL_N_CONDITION; k++) {
        bl_train_config c = config(k);
        bl_pairs p;
        int64_t added = k == BL_CONDITION_BARS ? 1 : 0; /* an empty bar */
        open_pairs(&p, &c, conditions, targets);
        ok(bl_pieces_targets(&p.pieces) == plain + added, "%s: %d targets",
           bl_model_choice("condition", k), (int)bl_pieces_targets(&p.pieces));
        bl_pairs_free(&p);
    }
}

/* Where nothing is remembered a segment begins with each stretch, so that its bars are
 * seen. */
static void test_segments(const corpus *conditions, const corpus *targets)
{
    bl_train_config c = config(BL_CONDITION_PREFIX);
    bl_pairs p;
    bl_batch b;
    int wrong = 0, begun = 0;
    c.model.stretch = 5;
    c.model.memory = 0;
    open_pairs(&p, &c, conditions, targets);
    if (bl_batch_init_once(&b, &p.pieces, 2, 30, 0, 0, NULL) != 0)
        exit(1);
    while (bl_batch_next(&b) > 0)
        for (int lane = 0; lane < 2; lane++)
            for (int t = 0; t < b.n_real[lane]; t++) {
                int64_t at = b.start[lane] + t;
                int begins = !bl_side_is_target(p.sides[at]) && p.tokens[at] == BAR &&
                             bl_side_is_target(p.sides[at - 1]);
                wrong += begins && t > 0;
                begun += begins && t == 0;
            }
    ok(wrong == 0 && begun > 5, "%d later stretches begin a segment", begun);
    bl_batch_free(&b);
    bl_pairs_free(&p);
}

/* Where a batch says that tokens stand, and which it scores. */
static void test_places(const corpus *conditions, const corpus *targets)
{
    bl_train_config c = config(BL_CONDITION_BARS);
    bl_pairs p;
    bl_batch b;
    int wrong = 0;
    int64_t n = 0, n_targets = 0;
    open_pairs(&p, &c, conditions, targets);
    if (bl_batch_init_once(&b, &p.pieces, 2, 5, 0, 0, NULL) != 0)
        exit(1);
    while (bl_batch_next(&b) > 0) {
        n_targets += b.n_targets;
        for (int lane = 0; lane < 2; lane++)
            for (int t = 0; t < b.n_real[lane]; t++, n++) {
                int64_t at = b.start[lane] + t;
                int side = bl_side_is_target(p.sides[at]), bar = -1;
                int is_scored = bl_side_is_scored(p.sides[at + 1]);
                int64_t begin = at;
                while (p.tokens[begin] != BOS)
                    begin--;
                for (int64_t i = begin; i <= at; i++)
                    bar += bl_side_is_target(p.sides[i]) == side && p.tokens[i] == BAR;
                wrong += b.at[lane * 5 + t].bar != bar ||
                         b.at[lane * 5 + t].side != side ||
                         b.y[lane * 5 + t] != (is_scored ? p.tokens[at + 1] : -1);
            }
    }
    ok(wrong == 0 && n > 0, "bars are counted for each side, over %d tokens", (int)n);
    ok(n_targets == bl_pieces_targets(&p.pieces), "batches count their targets");
    bl_batch_free(&b);
    bl_pairs_free(&p);
}

/* ---- an encoder ---- */

static void test_stretches(const corpus *conditions, const corpus *targets)
{
    static const bl_stretch want[] = {
        {0, 0, 6},   {0, 8, 10},   {1, 10, 15},  {0, 15, 21},
        {7, 21, 25}, {10, 25, 31}, {13, 35, 39}, {19, 39, 43},
    };
    bl_train_config c = config(BL_CONDITION_ENCODER);
    bl_pairs p;
    open_pairs(&p, &c, conditions, targets);
    int same = p.pieces.n_stretches == BL_COUNT(want);
    for (int64_t i = 0; i < p.pieces.n_stretches; i++) {
        const bl_stretch *s = &p.stretches[i];
        printf("# from %d: %d to %d\n", (int)s->at, (int)s->begin, (int)s->end);
        same = same && memcmp(s, &want[i], sizeof *s) == 0;
    }
    ok(same, "conditions are cut at bars of both sides");
    ok(p.n_cut == 3, "%d are", (int)p.n_cut);
    bl_pairs_free(&p);
}

/* Each token is read with the condition's tokens of its own bar among others. */
static void test_sources(const corpus *conditions, const corpus *targets)
{
    bl_train_config c = config(BL_CONDITION_ENCODER);
    bl_pairs p;
    bl_batch b;
    int wrong = 0, n = 0;
    open_pairs(&p, &c, conditions, targets);
    if (bl_batch_init(&b, &p.pieces, 2, 5, 7, NULL) != 0)
        exit(1);
    for (int i = 0; i < 60 && bl_batch_next(&b) > 0; i++)
        for (int lane = 0; lane < 2; lane++)
            for (int t = 0; t < b.n_real[lane]; t++, n++) {
                int bar = b.at[lane * 5 + t].bar, found = 0, last = -1;
                for (int k = 0; k < b.source_length[lane]; k++) {
                    last = b.source_at[lane * 6 + k].bar;
                    found |= last == bar;
                }
                wrong += !found && last > bar;
            }
    ok(wrong == 0 && n > 200, "the encoder reads the bars of the segment");
    bl_batch_free(&b);
    bl_pairs_free(&p);
}

/* ---- training ---- */

static int train(bl_trainer *t, const bl_train_config *c, const bl_pieces *pieces,
                 bl_pool *pool, double *loss)
{
    bl_err e = BL_ERR_INIT;
    bl_train_row row = {.loss = NAN};
    int rc = bl_trainer_init(t, c, pieces, pieces, pool, &e);
    for (int i = 0; i < c->steps && rc == 0; i++)
        rc = bl_trainer_step(t, &row, &e);
    if (rc != 0)
        printf("# %s\n", e.text);
    *loss = row.valid_loss;
    return rc;
}

/* The rows of the sides aside, which begin as zeros, the two models are one. */
static double plain_difference(const bl_pairs *p, bl_pool *pool)
{
    bl_train_config c = config(BL_CONDITION_BARS), plain = config(BL_CONDITION_NONE);
    bl_model *a, *b;
    bl_batch batch;
    double worst = 0;
    bl_err e = BL_ERR_INIT;
    if (bl_model_new(&a, &c.model, 2, 1, pool, &e) != 0 ||
        bl_model_new(&b, &plain.model, 2, 1, pool, &e) != 0 ||
        bl_batch_init(&batch, &p->pieces, 2, c.model.segment, 3, &e) != 0) {
        printf("Bail out! %s\n", e.text);
        exit(1);
    }
    for (int i = 0, k = 0; i < bl_model_n_params(a); i++) {
        const bl_param *own = bl_model_param(a, i), *other;
        if (strcmp(own->name, "side") == 0)
            continue;
        other = bl_model_param(b, k++);
        for (int64_t j = 0; j < own->size; j++)
            bl_model_values(a)[own->start + j] = bl_model_values(b)[other->start + j] =
                (bl_real)(0.1 * sin(0.7 * (double)(j + 5 * i)));
    }
    for (int step = 0; step < 12; step++) {
        int64_t n, m;
        bl_batch_next(&batch);
        for (int lane = 0; lane < 2; lane++)
            if (batch.fresh[lane]) {
                bl_model_forget(a, lane);
                bl_model_forget(b, lane);
            }
        bl_model_place(a, batch.at);
        bl_model_place(b, batch.at);
        double one = bl_model_forward(a, batch.x, batch.y, batch.n_real, 0, 0, 0, &n);
        double two = bl_model_forward(b, batch.x, batch.y, batch.n_real, 0, 0, 0, &m);
        worst = fmax(worst, fabs(one - two) + abs((int)(n - m)));
        bl_model_backward(a, 1, 0);
        bl_model_backward(b, 1, 0);
        bl_model_advance(a);
        bl_model_advance(b);
    }
    for (int i = 0, k = 0; i < bl_model_n_params(a); i++) {
        const bl_param *own = bl_model_param(a, i), *other;
        if (strcmp(own->name, "side") == 0)
            continue;
        other = bl_model_param(b, k++);
        for (int64_t j = 0; j < own->size; j++)
            worst = fmax(worst, fabs((double)bl_model_grads(a)[own->start + j] -
                                     (double)bl_model_grads(b)[other->start + j]));
    }
    bl_batch_free(&batch);
    bl_model_del(a);
    bl_model_del(b);
    return worst;
}

static void test_equality(const corpus *conditions, const corpus *targets,
                          bl_pool *pool)
{
    bl_train_config c = config(BL_CONDITION_BARS);
    bl_pairs p;
    open_pairs(&p, &c, conditions, targets);
    double worst = plain_difference(&p, pool);
    ok(worst == 0, "bar by bar is the plain model on the stream under a mask: %g",
       worst);
    bl_pairs_free(&p);
}

/* Every mode learns, with workers and batches in parts as well as without. */
static void test_training(const corpus *conditions, const corpus *targets,
                          bl_pool *pool)
{
    for (int k = BL_CONDITION_PREFIX; k < BL_N_CONDITION; k++) {
        double loss[2], first = 0;
        bl_train_config c = config(k);
        bl_pairs p;
        bl_trainer t;
        int rc = 0;
        c.workers = 2;
        c.accumulate = 2;
        c.steps = 3;
        open_pairs(&p, &c, conditions, targets);
        for (int i = 0; i < 2 && rc == 0; i++) {
            rc = train(&t, &c, &p.pieces, pool, &loss[i]);
            first = loss[0];
            c.steps = 60;
            bl_trainer_free(&t);
        }
        ok(rc == 0 && loss[1] < 0.6 * first, "%s learns: from %.3f to %.3f",
           bl_model_choice("condition", k), first, loss[1]);
        bl_pairs_free(&p);
    }
}

static void test_refused(const corpus *conditions, const corpus *targets)
{
    bl_train_config c = config(BL_CONDITION_BARS);
    bl_pieces fewer = conditions->pieces;
    bl_pairs p;
    fewer.n_pieces--;
    ok(bl_pairs_make(&p, &targets->pieces, &fewer, &c.model, places, NULL) ==
           BL_E_FORMAT,
       "a condition is missing");
    bl_pairs_free(&p);
    ok(bl_pairs_make(&p, &targets->pieces, &conditions->pieces, &c.model, NULL, NULL) ==
           BL_E_ARG,
       "there are no bars to go by");
    bl_pairs_free(&p);
}

int main(void)
{
    static corpus conditions, targets;
    bl_pool *pool;
    if (bl_pool_new(&pool, 2, NULL) != 0)
        return 70;
    make_pairs(&conditions, &targets);
    test_streams(&conditions, &targets);
    test_cues(&conditions, &targets);
    test_targets(&conditions, &targets);
    test_segments(&conditions, &targets);
    test_places(&conditions, &targets);
    test_stretches(&conditions, &targets);
    test_sources(&conditions, &targets);
    test_equality(&conditions, &targets, pool);
    test_training(&conditions, &targets, pool);
    test_refused(&conditions, &targets);
    bl_pool_del(pool);
    return tap_done();
}
