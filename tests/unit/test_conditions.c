/* test_conditions.c - pieces sampled for conditions are what the training graph gives
 * for the same pairs: the likeliest tokens, in every way of a condition, bar by bar and
 * through several stretches of an encoder, with and without prompts. */
#include "corpus.h"
#include "flow/places.h"
#include "flow/sampling.h"
#include "flow/sharding.h"
#include "flow/training.h"
#include "token/plan.h"
#include "tap.h"
#include "train/pairs.h"

#include <math.h>
#include <unistd.h>

enum { N_PIECES = 6, COPIES = 2, BARS_MAX = 6, TOKENS_MAX = 160, NEW_MAX = 150 };

static char folder[64] = "/tmp/barline-conditions-XXXXXX", data[96], songs[96];
static bl_scheme *scheme;
static bl_ids given[N_PIECES]; /* the conditions, BOS and EOS around them */

/* ---- conditions ---- */

static void write_pieces(void)
{
    bl_err e = BL_ERR_INIT;
    bl_rng rng = bl_rng_make(5, 0);
    bl_tokens_kind kind = {.spec = *bl_scheme_spec(scheme)};
    snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(scheme));
    bl_out out;
    bl_tokw *w;
    need(bl_out_open(&out, songs, &e), &e);
    need(bl_tokw_new(&w, out.fd, 1, &kind, bl_scheme_words(scheme),
                     bl_scheme_lines(scheme), NULL, &e),
         &e);
    for (int i = 0; i < N_PIECES;) {
        bl_song song = {0};
        bl_ids *ids = &given[i];
        size_t bars = 0;
        char name[24];
        random_song(&song, &rng);
        ids->n = 0;
        need(bl_ids_add(ids, BL_ID_BOS, &e), &e);
        need(bl_scheme_encode(scheme, &song, ids, &bars, NULL, &e), &e);
        bl_song_free(&song);
        if (bars < 3 || bars > BARS_MAX || ids->n > TOKENS_MAX)
            continue;
        snprintf(name, sizeof name, "song-%d", i++);
        need(bl_tokw_piece(w, &(bl_piece_info){.name = name, .sha256 = ""}, ids->id + 1,
                           ids->n - 1, bars, &e),
             &e);
        need(bl_ids_add(ids, BL_ID_EOS, &e), &e);
    }
    need(bl_tokw_finish(w, 0, &e), &e);
    bl_tokw_del(w);
    need(bl_out_commit(&out, &e), &e);
}

static void make_data(void)
{
    bl_err e = BL_ERR_INIT;
    bl_sharding *s;
    bl_sharding_counts n;
    const char *const paths[] = {songs};
    const bl_sharding_wish wish = {.dir = data, .condition = songs, .share = {1, 0, 0}};
    need(bl_sharding_new(&s, &wish, paths, 1, NULL, &e), &e);
    need(bl_sharding_write(s, NULL, &n, &e), &e);
    bl_sharding_del(s);
}

/* ---- what is sampled ---- */

typedef struct {
    bl_ids piece[N_PIECES * COPIES];
    int n;
} drawn;

static int put(void *arg, int64_t piece, const bl_ids *ids, bl_err *e)
{
    drawn *d = arg;
    if (piece != d->n)
        return bl_fail(e, BL_E_ARG, "not in order");
    return bl_ids_add_n(&d->piece[d->n++], ids->id, ids->n, e);
}

static void draw(const char *run, const char *prompt, drawn *d)
{
    bl_sampling *s;
    bl_sampling_counts n;
    bl_err e = BL_ERR_INIT;
    const bl_sampling_wish w = {.model = run,
                                .precision = BL_FP32,
                                .threads = 1,
                                .n = COPIES,
                                .condition = songs,
                                .prompt = prompt,
                                .bars = prompt != NULL ? 2 : -1,
                                .max_tokens = NEW_MAX,
                                .draw = {0, 0, 1, 0}};
    *d = (drawn){0};
    need(bl_sampling_new(&s, &w, &e), &e);
    need(bl_sampling_draw(s, put, d, NULL, &n, &e), &e);
    bl_sampling_del(s);
}

/* ---- the training graph ---- */

/* The shape of which sampling has the numbers (bl_gen_new), and twice the memory where
 * that may be (bl_sampling_wish). */
static bl_model_config shape_of(const bl_model_config *c)
{
    bl_model_config shape = *c;
    if (c->arch == BL_ARCH_LSTM || c->memory == 0)
        return shape;
    shape.segment = c->compressed > 0 ? c->ratio : 1;
    int times = bl_model_may_remember_more(c) ? 2 : 1;
    shape.memory = (int)bl_max(times * c->memory, c->segment);
    return shape;
}

/* The likeliest that may come next and makes sense, but for EOS, which is kept away
 * until all bars are there. The ids of the closed vocabulary are those of the scheme.
 */
static double likeliest(const bl_real *logits, const bl_grammar *g, const bl_plan *plan,
                        const bl_plan_at *at)
{
    uint8_t allowed[4096];
    double best = -INFINITY;
    bl_grammar_mask(g, allowed);
    for (size_t i = BL_N_SPECIALS; i < bl_words_size(bl_scheme_words(scheme)); i++)
        if (allowed[i] && bl_plan_allows(plan, at, (unsigned)i))
            best = fmax(best, (double)logits[i]);
    return best;
}

/* Of the first n targets of the pair those that are less likely than another token, but
 * for the first ones, which are given. Bar by bar a bar may be over because EOS was
 * likelier than Bar. */
static int wrong_of(bl_model *m, const bl_pieces *p, const bl_plan_course *course,
                    int is_by_bars, int64_t n, int64_t n_given)
{
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    bl_grammar g;
    bl_plan plan = {0};
    bl_plan_at at;
    int wrong = 0, vocab = bl_model_conf(m)->vocab, t = bl_model_conf(m)->segment;
    int64_t scored;
    need(bl_batch_init_once(&b, p, 1, t, 0, 0, &e), &e);
    bl_model_forget(m, 0);
    bl_grammar_start(&g, scheme);
    (void)bl_grammar_step(&g, BL_ID_BOS);
    bl_plan_sense(&plan, scheme, 1);
    bl_plan_start(&at);
    at.course = course;
    while (n > 0 && bl_batch_next(&b) > 0) {
        const bl_condition c = {b.source, b.source_length, b.source_at, b.prefix};
        bl_model_place(m, b.at);
        bl_model_condition(m, &c);
        bl_model_forward(m, b.x, b.y, b.n_real, 0, 0, 0, &scored);
        for (int i = 0; i < b.n_real[0]; i++) {
            const bl_real *logits = bl_model_logits(m) + (ptrdiff_t)i * vocab;
            if (b.y[i] < 0 || n-- <= 0)
                continue;
            double own = (double)logits[b.y[i]],
                   best = likeliest(logits, &g, &plan, &at);
            if (is_by_bars && bl_scheme_begins_bar(scheme, (unsigned)b.y[i]))
                own = fmax(own, (double)logits[BL_ID_EOS]);
            wrong += n_given <= 0 && !(best - own <= 1e-3 * (1 + fabs(best)));
            wrong += bl_grammar_step(&g, (unsigned)b.y[i]) != NULL;
            bl_plan_step(&plan, &at, (unsigned)b.y[i], n_given-- > 1);
        }
        bl_model_advance(m);
    }
    bl_batch_free(&b);
    bl_plan_free(&plan);
    return wrong + (n > 0);
}

/* 1 if a bar has another meter or tempo than the condition's. */
static int strays(const bl_plan_course *course, const bl_ids *piece)
{
    bl_err e = BL_ERR_INIT;
    bl_plan_course own = {0};
    int wrong = 0;
    need(bl_plan_course_read(&own, scheme, piece->id, piece->n, &e), &e);
    for (size_t i = 0; i < own.n && i < course->n; i++)
        wrong |= own.bar[i].meter != course->bar[i].meter ||
                 (own.bar[i].tempo != course->bar[i].tempo && i + 1 < own.n);
    bl_plan_course_free(&own);
    return wrong;
}

/* All pieces: with prompts those have all bars of the conditions, and one that follows
 * begins with Bar. */
static int compare(const char *run, const drawn *d, int prompted, int64_t *checked)
{
    bl_err e = BL_ERR_INIT;
    bl_ckpt ckpt = {0};
    bl_model *m;
    bl_pool *pool;
    bl_token_place *places;
    char file[BL_RUN_PATH];
    int wrong = 0;
    need(bl_run_find(run, "best", file, &e), &e);
    need(bl_ckpt_load(&ckpt, file, 0, &e), &e);
    bl_model_config c = shape_of(&ckpt.info.config.model);
    need(bl_pool_new(&pool, 1, &e), &e);
    need(bl_model_new(&m, &c, 1, 0, pool, &e), &e);
    need(bl_ckpt_get_params(&ckpt, m, &e), &e);
    need(bl_places_of(&places, &c, &ckpt.vocab, &e), &e);
    for (int i = 0; i < d->n; i++) {
        bl_pairs p;
        bl_ids own = {0};
        const bl_ids *condition = &given[i / COPIES];
        need(bl_ids_add_n(&own, d->piece[i].id, d->piece[i].n, &e), &e);
        need(bl_ids_add(&own, BL_ID_EOS, &e), &e);
        const int64_t ends[2][2] = {{0, (int64_t)own.n}, {0, (int64_t)condition->n}};
        const bl_pieces target = {.tokens = own.id,
                                  .offsets = ends[0],
                                  .n_pieces = 1,
                                  .places = places,
                                  .recall = c.recall};
        const bl_pieces other = {
            .tokens = condition->id, .offsets = ends[1], .n_pieces = 1};
        need(bl_pairs_make(&p, &target, &other, &c, places, &e), &e);
        int64_t n = (int64_t)own.n - 2;
        int64_t n_given = prompted ? (int64_t)condition->n - 2 + 1 : 0;
        bl_plan_course course = {0};
        need(bl_plan_course_read(&course, scheme, condition->id, condition->n, &e), &e);
        wrong += wrong_of(m, &p.pieces, &course, c.condition == BL_CONDITION_BARS, n,
                          n_given);
        wrong += !prompted && strays(&course, &own);
        bl_plan_course_free(&course);
        *checked += n - n_given;
        bl_pairs_free(&p);
        bl_ids_free(&own);
    }
    free(places);
    bl_model_del(m);
    bl_pool_del(pool);
    bl_ckpt_free(&ckpt);
    return wrong;
}

/* ---- one run after the other ---- */

static double no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void ignore(void *arg)
{
    (void)arg;
}

static void ignore_step(void *arg, const bl_training_now *now)
{
    (void)arg;
    (void)now;
}

static bl_training_wanted go_on(void *arg)
{
    (void)arg;
    return BL_TRAINING_GOES_ON;
}

static void train(const char *run, const char *const *set, size_t n)
{
    bl_err e = BL_ERR_INIT;
    bl_training_end end;
    const bl_training_wish w = {
        .start = {.data = data,
                  .run = run,
                  .preset = "tiny",
                  .set = set,
                  .n_set = n,
                  .precision = -1,
                  .seed = 3},
        .keep = 1,
        .threads = 1,
        .clock = {no_time, NULL},
        .calls = {ignore, ignore_step, go_on, NULL, NULL},
    };
    need(bl_train(&w, NULL, &end, &e), &e);
}

static int bars_of(const bl_ids *ids)
{
    int n = 0;
    for (size_t i = 0; i < ids->n; i++)
        n += bl_scheme_begins_bar(scheme, ids->id[i]);
    return n;
}

/* 1 if piece i begins with the prompt that it takes in turn. */
static int keeps_prompt(const drawn *d, int i)
{
    const bl_ids *prompt = &given[i / COPIES]; /* the same stream */
    return d->piece[i].n >= prompt->n - 1 &&
           memcmp(d->piece[i].id, prompt->id, 2 * (prompt->n - 1)) == 0;
}

static void test_run(const char *condition, const char *const *more)
{
    const char *set[24] = {"layers=2",     "width=16",  "heads=2",   "ff=24",
                           "init_std=0.3", "batch=2",   "steps=2",   "warmup=1",
                           "eval_every=0", "dropout=0", "bar_rows=3"};
    static int number;
    size_t n = 11;
    char run[128], how[32];
    drawn d;
    int wrong = 0, too_few = 0;
    int64_t checked = 0;
    snprintf(run, sizeof run, "%s/run-%d", folder, number++);
    snprintf(how, sizeof how, "condition=%s", condition);
    for (set[n++] = how; *more != NULL; more++)
        set[n++] = *more;
    train(run, set, n);
    draw(run, NULL, &d);
    wrong = compare(run, &d, 0, &checked);
    for (int i = 0; i < d.n; i++)
        too_few += bars_of(&d.piece[i]) > bars_of(&given[i / COPIES]);
    ok(d.n == N_PIECES * COPIES && wrong == 0 && too_few == 0 && checked > 15 * d.n,
       "%s, %s: %d pieces, %d of %d tokens are not the graph's", condition, more[-1],
       d.n, wrong, (int)checked);
    for (int i = 0; i < d.n; i++)
        bl_ids_free(&d.piece[i]);
    draw(run, songs, &d);
    int kept = 0;
    checked = 0;
    wrong = compare(run, &d, 1, &checked);
    for (int i = 0; i < d.n; i++)
        kept += keeps_prompt(&d, i);
    ok(kept == d.n && wrong == 0 && checked > 10 * d.n,
       "%s, %s: after a prompt, which stays as it is, %d of %d", condition, more[-1],
       wrong, (int)checked);
    for (int i = 0; i < d.n; i++)
        bl_ids_free(&d.piece[i]);
}

int main(void)
{
    static const struct {
        const char *condition, *set[6];
    } cases[] = {
        {"prefix", {"segment=8", "memory=300", "stretch=400", "arch=xl"}},
        {"prefix", {"segment=8", "memory=40", "stretch=30", "pos=rotary"}},
        {"prefix", {"segment=400", "stretch=20", "positions=400", "arch=gpt2"}},
        {"bars", {"segment=8", "memory=12", "arch=xl"}},
        {"encoder", {"segment=8", "memory=8", "source=40", "init_std=0.5", "arch=xl"}},
        {"encoder", {"segment=5", "memory=9", "source=300", "pre_norm=1"}},
        {"prefix", {"segment=8", "memory=8", "arch=compressive"}},
        {"bars", {"segment=8", "memory=8", "arch=compressive"}},
        {"prefix", {"segment=16", "bar_rows=0", "arch=lstm"}},
        {"bars", {"segment=16", "bar_rows=0", "arch=lstm"}},
        {"prefix",
         {"segment=600", "arch=gpt2", "positions=600", "prefix_mask=full", "recall=8"}},
        {"prefix",
         {"segment=300", "arch=gpt2", "positions=300", "prefix_mask=full",
          "stretch=25"}},
        {"bars", {"segment=900", "positions=900", "arch=gpt2", "recall=64"}},
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(data, sizeof data, "%s/data", folder);
    snprintf(songs, sizeof songs, "%s/songs", folder);
    scheme = open_scheme(4);
    write_pieces();
    make_data();
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        const char *set[6] = {cases[i].set[0], cases[i].set[1], cases[i].set[2],
                              cases[i].set[3], cases[i].set[4], NULL};
        test_run(cases[i].condition, set);
    }
    for (int i = 0; i < N_PIECES; i++)
        bl_ids_free(&given[i]);
    bl_scheme_del(scheme);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || tap_done();
}
