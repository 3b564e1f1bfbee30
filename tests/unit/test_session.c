/* test_session.c - the use-cases of xltrain and xlsample, called as functions: a
 * session begun, stopped, resumed and refused, its clock a made one; a split evaluated;
 * pieces drawn. */
#include "corpus.h"
#include "flow/evaluation.h"
#include "flow/sampling.h"
#include "flow/sharding.h"
#include "flow/training.h"
#include "tap.h"
#include "tempfd.h"

#include <math.h>
#include <unistd.h>

enum { N_PIECES = 12, STEPS = 6 };

static char folder[64] = "/tmp/barline-session-XXXXXX", data[96], songs[96];

static const char *const settings[] = {
    "layers=2",  "width=16",    "heads=2",  "ff=32",        "segment=16",
    "memory=16", "batch=2",     "warmup=2", "eval_every=4", "eval_tokens=200",
    "steps=6",   "dropout=0.1", "clip=0",
};

/* ---- what a caller has ---- */

/* What a session told and asked. */
typedef struct {
    double now, tick; /* seconds, and what passes with each look */
    int told, looks, read;
    int stop_at, save_at; /* steps told, 0 = never */
    double loss;
    char said[4096];
} caller;

static double look(void *arg)
{
    caller *c = arg;
    c->looks++;
    return c->now += c->tick;
}

static void inputs_read(void *arg)
{
    ((caller *)arg)->read++;
}

static void tell(void *arg, const bl_training_now *now)
{
    caller *c = arg;
    c->told++;
    c->loss = now->row->loss;
}

/* It is asked before the step is told. */
static bl_training_wanted asked(void *arg)
{
    const caller *c = arg;
    int step = c->told + 1;
    return step == c->stop_at   ? BL_TRAINING_STOPS
           : step == c->save_at ? BL_TRAINING_SAVES
                                : BL_TRAINING_GOES_ON;
}

static void say(void *arg, bl_notice_level level, const char *text)
{
    caller *c = arg;
    size_t n = strlen(c->said);
    snprintf(c->said + n, sizeof c->said - n, "%d %s\n", (int)level, text);
}

static bl_training_wish wish_of(caller *c, const char *run)
{
    return (bl_training_wish){
        .start = {.data = data,
                  .run = run,
                  .preset = "tiny",
                  .set = settings,
                  .n_set = BL_COUNT(settings),
                  .precision = -1,
                  .seed = 3},
        .save_every = 10,
        .keep = 3,
        .threads = 1,
        .clock = {look, c},
        .notices = {say, c},
        .calls = {inputs_read, tell, asked, NULL, c},
    };
}

static const char *path_of(const char *name)
{
    static char path[4][160];
    static int i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
    return path[i];
}

static int same_files(const char *a, const char *b)
{
    bl_buf x = {0}, y = {0};
    int fd, rc = 0;
    const char *const names[] = {a, b};
    bl_buf *const to[] = {&x, &y};
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = bl_in_open(path_of(names[i]), &fd, NULL);
        if (rc == 0) {
            rc = bl_read_all(fd, to[i], 1 << 28, NULL);
            close(fd);
        }
    }
    int same =
        rc == 0 && x.len == y.len && x.len > 0 && memcmp(x.data, y.data, x.len) == 0;
    bl_buf_free(&x);
    bl_buf_free(&y);
    return same;
}

static void make_data(void)
{
    bl_err e = BL_ERR_INIT;
    bl_sharding *s;
    bl_sharding_counts n;
    const char *const paths[] = {songs};
    const bl_sharding_wish wish = {.dir = data, .share = {.6, .2, .2}};
    write_songs(songs, N_PIECES);
    need(bl_sharding_new(&s, &wish, paths, 1, NULL, &e), &e);
    need(bl_sharding_write(s, NULL, &n, &e), &e);
    bl_sharding_del(s);
}

/* ---- sessions ---- */

static void test_whole(void)
{
    caller c = {.tick = 0.01, .save_at = 3};
    bl_err e = BL_ERR_INIT;
    bl_training_end end;
    char costs[160];
    bl_training_wish w = wish_of(&c, path_of("whole"));
    snprintf(costs, sizeof costs, "%s", path_of("costs"));
    w.costs = costs;
    need(bl_train(&w, NULL, &end, &e), &e);
    ok(end.steps == STEPS && end.tokens > 0 && isfinite(end.best_loss) &&
           isfinite(end.split_loss),
       "a session trains to its end: %.3f at step %d", end.best_loss,
       (int)end.best_step);
    ok(c.told == STEPS && c.read == 1 && isfinite(c.loss), "and tells of each step");
    ok(access(path_of("whole/ckpt-00000003.safetensors"), F_OK) == 0 &&
           access(path_of("whole/ckpt-00000006.safetensors"), F_OK) == 0,
       "a checkpoint where it is asked for, one at the end");
    bl_buf rows = {0};
    int fd, lines = 0;
    need(bl_in_open(costs, &fd, &e), &e);
    need(bl_read_all(fd, &rows, 1 << 20, &e), &e);
    close(fd);
    for (size_t i = 0; i < rows.len; i++)
        lines += rows.data[i] == '\n';
    ok(lines == 2 + 3, "a row of costs for each of three checkpoints (%d lines)",
       lines);
    bl_buf_free(&rows);
}

static void test_parts(void)
{
    caller c = {.tick = 0.01, .stop_at = 2};
    bl_err e = BL_ERR_INIT;
    bl_training_end end;
    char run[160];
    snprintf(run, sizeof run, "%s", path_of("parts"));
    bl_training_wish w = wish_of(&c, run);
    ok(bl_train(&w, NULL, &end, &e) == BL_E_STOPPED && end.steps == 2,
       "a session stops where it is asked to: %s", e.text);
    c = (caller){.tick = 0.01};
    w = (bl_training_wish){
        .start = {.data = data, .run = run, .resumes = 1, .precision = -1, .seed = -1},
        .save_every = 10,
        .keep = 3,
        .threads = 2,
        .notices = {say, &c}};
    e = BL_ERR_INIT;
    need(bl_train(&w, NULL, &end, &e), &e);
    ok(end.steps == STEPS && same_files("parts/latest", "whole/latest") &&
           same_files("parts/metrics.tsv", "whole/metrics.tsv"),
       "and goes on to the bytes of one that did not, without a clock");
    c.said[0] = '\0';
    need(bl_train(&w, NULL, &end, &e), &e);
    ok(strstr(c.said, "2 the run is complete") != NULL && isnan(end.split_loss),
       "what is complete is left alone, and told");
    w.start.steps = 3;
    need(bl_train(&w, NULL, &end, &e), &e);
    ok(strstr(c.said, "1 nothing is done: the run stands at step 6") != NULL,
       "fewer steps than there are: a warning");
}

/* A second passes at each look, so that a budget is a number of steps. */
static void test_budget(void)
{
    caller c = {.tick = 1}, again = {.tick = 1};
    bl_err e = BL_ERR_INIT;
    bl_training_end end, second;
    bl_training_wish w = wish_of(&c, path_of("budget"));
    w.minutes = 3;
    need(bl_train(&w, NULL, &end, &e), &e);
    ok(end.steps > 20 && c.now < 60 * 4 && c.now > 60 * 2,
       "a budget of 180 s: %d steps, %.0f s", (int)end.steps, c.now);
    w = wish_of(&again, path_of("budget2"));
    w.minutes = 3;
    need(bl_train(&w, NULL, &second, &e), &e);
    ok(second.steps == end.steps && same_files("budget/latest", "budget2/latest"),
       "the same clock, the same bytes");
}

/* ---- what is refused ---- */

static void test_folders(void)
{
    caller c = {0};
    bl_training_end end;
    bl_err e = BL_ERR_INIT;
    char run[160];
    snprintf(run, sizeof run, "%s", path_of("whole"));
    bl_training_wish w = wish_of(&c, run);
    ok(bl_train(&w, NULL, &end, &e) == BL_E_CREATE &&
           strstr(e.text, "--resume") != NULL,
       "a run is not replaced unless that is wished: %s", e.text);

    const char *set[BL_COUNT(settings) + 1];
    memcpy(set, settings, sizeof settings);
    set[BL_COUNT(settings)] = "lr=1e30";
    snprintf(run, sizeof run, "%s", path_of("lost"));
    w.start.set = set;
    w.start.n_set = BL_COUNT(set);
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_DIVERGED && strstr(e.text, "-nan") == NULL,
       "numbers that are not finite end it: %s", e.text);
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_CREATE && strstr(e.text, "-f") != NULL &&
           strstr(e.text, "--resume") == NULL,
       "without a checkpoint nothing advises to resume: %s", e.text);
    w.start.resumes = 1;
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_OPEN && strstr(e.text, "-f") != NULL,
       "and resuming says what to do: %s", e.text);
    w.start.resumes = 0;
    w.replaces = 1;
    w.start.n_set--;
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == 0, "which works");
}

static void test_refused(void)
{
    caller c = {0};
    bl_training_end end;
    bl_err e = BL_ERR_INIT;
    char run[160], whole[160];
    snprintf(run, sizeof run, "%s", path_of("none"));
    snprintf(whole, sizeof whole, "%s", path_of("whole"));
    bl_training_wish w = wish_of(&c, run);
    w.memory_here = 1 << 20;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_NOMEM, "more memory than is here");
    w = wish_of(&c, run);
    w.minutes = 1;
    w.clock.seconds = NULL;
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_ARG, "minutes without a clock");
    w = wish_of(&c, run);
    w.start.set = (const char *const[]){"width=17"};
    w.start.n_set = 1;
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_ARG, "settings that do not go together");
    w.start.init = whole;
    w.start.set = (const char *const[]){"width=32"};
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_ARG &&
           strstr(e.text, "cannot be changed") != NULL,
       "another width than the weights'");
    w.start.init = NULL;
    w.start.data = folder;
    e = BL_ERR_INIT;
    ok(bl_train(&w, NULL, &end, &e) == BL_E_OPEN, "no data");
    ok(access(run, F_OK) != 0 && c.told == 0, "nothing was written");
}

static void test_forecast(void)
{
    caller c = {.tick = 0.001};
    bl_err e = BL_ERR_INIT;
    bl_forecast f;
    bl_buf text = {0};
    double rate;
    bl_training_wish w = wish_of(&c, NULL);
    need(bl_train_forecast(&w, &f, &rate, &e), &e);
    ok(f.parameters > 0 && f.checkpoint_bytes == 12 * f.parameters &&
           f.steps == STEPS && f.step_tokens == 32 && f.bytes > f.checkpoint_bytes &&
           f.work > 6 * f.step_work,
       "a forecast of %d parameters", (int)f.parameters);
    double gauge = 2.0 * 512 * 512 * 512 / 0.001;
    ok(fabs(rate / gauge - 0.4) < 1e-6, "its rate comes from the clock alone");
    need(bl_forecast_write(&f, rate, &text, &e), &e);
    const char *table = bl_buf_str(&text, &e);
    ok(table != NULL && strstr(table, "\nrun\t6\tsteps\n") != NULL &&
           strstr(table, "\nspeed\t") != NULL,
       "as a table");
    bl_buf_free(&text);
    w.clock.seconds = NULL;
    need(bl_train_forecast(&w, &f, &rate, &e), &e);
    ok(rate == 0, "no speed without a clock");
}

/* ---- a split, and pieces ---- */

static void test_evaluation(void)
{
    caller c = {0};
    bl_err e = BL_ERR_INIT;
    bl_evaluation whole, apart;
    bl_training_wish t = wish_of(&c, path_of("whole"));
    t.start.n_set = 0;
    bl_evaluation_wish w = {.start = &t.start, .split = "test", .threads = 1};
    need(bl_evaluate_split(&w, NULL, &whole, &e), &e);
    ok(whole.targets > 0 && isfinite(whole.loss) && whole.step > 0,
       "a split is evaluated: %.3f over %d targets", whole.loss, (int)whole.targets);
    char file[160];
    snprintf(file, sizeof file, "%s", path_of("probs"));
    w.log_probs = file;
    w.plain = 1;
    t.start.set = (const char *const[]){"eval_memory=none"};
    t.start.n_set = 1;
    need(bl_evaluate_split(&w, NULL, &apart, &e), &e);
    ok(apart.loss != whole.loss && apart.targets == whole.targets &&
           access(file, R_OK) == 0,
       "without memory another loss, and ln p to a file");
    w.split = "all";
    ok(bl_evaluate_split(&w, NULL, &apart, &e) == BL_E_ARG, "no such split");
    e = BL_ERR_INIT;
    w.split = "test";
    t.start.set = (const char *const[]){"layers=3"};
    ok(bl_evaluate_split(&w, NULL, &apart, &e) == BL_E_ARG, "the weights have others");
}

/* The pieces that were put, one after the other. */
typedef struct {
    bl_ids ids;
    size_t end[16];
    int n, in_order;
} drawn;

static int put(void *arg, int64_t piece, const bl_ids *ids, bl_err *e)
{
    drawn *d = arg;
    d->in_order += piece == d->n;
    int rc = bl_ids_add_n(&d->ids, ids->id, ids->n, e);
    d->end[d->n++] = d->ids.n;
    return rc;
}

static bl_sampling_wish pieces(const char *model, int64_t n)
{
    return (bl_sampling_wish){.model = model,
                              .precision = BL_FP32,
                              .threads = 1,
                              .seed = 5,
                              .n = n,
                              .bars = 2,
                              .max_tokens = 300,
                              .draw = {1, 0, 0.95, 0}};
}

static bl_sampling_counts draw(const bl_sampling_wish *w, drawn *d)
{
    bl_sampling *s;
    bl_sampling_counts n;
    bl_err e = BL_ERR_INIT;
    *d = (drawn){0};
    need(bl_sampling_new(&s, w, &e), &e);
    need(bl_sampling_draw(s, put, d, NULL, &n, &e), &e);
    bl_sampling_del(s);
    return n;
}

static void test_sampling(void)
{
    drawn many, one;
    char whole[160];
    snprintf(whole, sizeof whole, "%s", path_of("whole"));
    bl_sampling_wish w = pieces(whole, 11);
    bl_sampling_counts n = draw(&w, &many);
    ok(many.n == 11 && many.in_order == 11 && n.tokens > 0, "eleven pieces in order");
    w = pieces(whole, 1);
    w.threads = 2;
    draw(&w, &one);
    ok(one.n == 1 && one.ids.n == many.end[0] &&
           memcmp(one.ids.id, many.ids.id, 2 * one.ids.n) == 0,
       "a piece does not depend on the others");
    bl_ids_free(&one.ids);
    w.prompt = songs;
    w.bars = 1;
    draw(&w, &one);
    ok(one.ids.n > 2 && one.ids.id[0] == BL_ID_BOS, "one that goes on with a prompt");
    bl_ids_free(&one.ids);
    bl_ids_free(&many.ids);
}

static void test_stream(void)
{
    bl_err e = BL_ERR_INIT;
    bl_sampling *s;
    bl_sampling_counts n;
    bl_tokr *r;
    bl_piece piece = {0};
    int read = 0, fd = temp_fd();
    char whole[160];
    snprintf(whole, sizeof whole, "%s", path_of("whole"));
    bl_sampling_wish w = pieces(whole, 3);
    need(bl_sampling_new(&s, &w, &e), &e);
    need(bl_sampling_write(s, fd, 1, NULL, NULL, &n, &e), &e);
    lseek(fd, 0, SEEK_SET);
    need(bl_tokr_new(&r, fd, "samples", &e), &e);
    bl_tokr_set_words(r, bl_scheme_words(bl_sampling_scheme(s)));
    while (bl_tokr_next(r, &piece, &e) == 1)
        read++;
    ok(read == 3 && e.code == 0, "three pieces as a stream");
    bl_piece_free(&piece);
    bl_tokr_del(r);
    bl_sampling_del(s);
    close(fd);
}

static void refuses(const bl_sampling_wish *w, int code, const char *what)
{
    bl_sampling *s;
    bl_err e = BL_ERR_INIT;
    ok(bl_sampling_new(&s, w, &e) == code, "%s: %s", what, e.text);
    bl_sampling_del(s);
}

static void test_no_sampling(void)
{
    char whole[160], none[160];
    snprintf(whole, sizeof whole, "%s", path_of("whole"));
    snprintf(none, sizeof none, "%s", path_of("none"));
    bl_sampling_wish w = pieces(none, 1);
    refuses(&w, BL_E_OPEN, "no checkpoint");
    w = pieces(songs, 1);
    refuses(&w, BL_E_FORMAT, "a file that is none");
    w = pieces(whole, 1);
    w.chords = "C H";
    refuses(&w, BL_E_ARG, "no chords in this scheme");
    w = pieces(whole, 1);
    w.labels = "Composer_Bach";
    w.prompt = songs;
    refuses(&w, BL_E_ARG, "labels and a prompt");
    w = pieces(whole, 1);
    w.prompt = none;
    refuses(&w, BL_E_OPEN, "no prompt");
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(data, sizeof data, "%s/data", folder);
    snprintf(songs, sizeof songs, "%s/songs", folder);
    make_data();
    test_whole();
    test_parts();
    test_budget();
    test_folders();
    test_refused();
    test_forecast();
    test_evaluation();
    test_sampling();
    test_stream();
    test_no_sampling();
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || tap_done();
}
