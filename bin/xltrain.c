/* xltrain - shards in, a run folder of checkpoints and metrics out. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/prov.h"
#include "io/versions.h"
#include "nn/kernel/gemm.h"
#include "xltrain.h"

enum { CALIBRATION_STEPS = 20, PATIENCE = 200 };

static const double SMOOTHING = 0.98; /* of the loss in the progress line */
static const double LEARNT = 0.9;     /* of the entropy of tokens: less tells of more */

static const bl_opt_about said = {
    .name = "xltrain",
    .purpose = "train a Transformer-XL on shards of tokens",
    .synopsis = "--data DIR -o DIR [OPTION]...",
    .examples = "  midi2remi samples | shard -o data && xltrain --data data -o run\n"
                "  xltrain --data data -o run --resume --steps 6000\n",
    .see_also = "shard(1), xlsample(1)",
};

/* What multiplies, and what joins processes, for --version. */
static void name_libraries(char text[BL_LIBRARIES_MAX])
{
    char blas[128], mpi[128], both[258];
    bl_gemm_name(BL_FP32, blas, sizeof blas);
    bl_comm_library(mpi, sizeof mpi);
    snprintf(both, sizeof both, "%s%s%s", blas, mpi[0] != '\0' ? ", " : "", mpi);
    bl_io_libraries(both, text);
}

/* ---- what to do ---- */

static int is_given(const job *j, const char *option)
{
    for (size_t i = 0; i < j->opts.n_given; i++)
        if (strncmp(j->opts.given[i], option, strlen(option)) == 0)
            return 1;
    return 0;
}

static int misuse(const job *j, bl_err *e)
{
    if (j->opts.n_operands > 0)
        return bl_fail(e, BL_E_ARG, "unexpected '%s'; try 'xltrain --help'",
                       j->opts.operands[0]);
    if (j->data == NULL)
        return bl_fail(e, BL_E_ARG,
                       "no data: name a folder made by shard with --data DIR");
    int needs_no_run = j->dry_run || (j->eval != NULL && j->init != NULL);
    if (j->common.output == NULL && (!needs_no_run || j->resume))
        return bl_fail(e, BL_E_ARG, "no output: name a folder for the run with -o DIR");
    const char *out = j->common.output;
    if (out != NULL && (out[0] == '\0' || strcmp(out, "-") == 0))
        return bl_fail(e, BL_E_ARG, "'%s' is no folder for a run; name one with -o DIR",
                       out);
    if (j->eval != NULL && (j->resume || j->dry_run))
        return bl_fail(e, BL_E_ARG, "--eval goes with neither --resume nor --dry-run");
    if (j->log_probs != NULL && j->eval == NULL)
        return bl_fail(e, BL_E_ARG, "--log-probs goes with --eval");
    if (j->steps > 0 && j->minutes > 0)
        return bl_fail(e, BL_E_ARG, "--steps and --minutes do not go together");
    return 0;
}

static int split_of(const char *name, bl_err *e)
{
    for (int i = 0; i < BL_SPLITS; i++)
        if (strcmp(name, bl_split_name(i)) == 0)
            return i;
    return bl_fail(e, BL_E_ARG, "--eval is one of train, valid, test, not '%s'", name);
}

bl_pieces pieces_of(const bl_shards *s)
{
    return (bl_pieces){s->tokens, s->offsets, (int64_t)s->n_pieces};
}

/* A damaged checkpoint is not the end of a run that keeps several. */
static void add_older(const char *damaged, bl_err *e)
{
    char older[BL_RUN_PATH];
    size_t used = strlen(e->text);
    if (!bl_run_older(damaged, older))
        return;
    const char *name = strrchr(older, '/') + 1;
    snprintf(e->text + used, sizeof e->text - used, "; 'ln -sfn %s %.150s' goes back",
             name, damaged);
}

int load_ckpt(job *j, const char *path, const char *name, int with_state, bl_err *e)
{
    char file[BL_RUN_PATH];
    int rc = bl_run_find(path, name, file, e);
    if (rc != 0)
        return rc;
    rc = bl_ckpt_load(&j->ckpt, file, with_state, e);
    if (rc != 0 && with_state && bl_exit_of(rc) == BL_EXIT_DATA)
        add_older(file, e);
    return rc;
}

/* Checkpoint and data must speak the same vocabulary. */
int check_vocab(const job *j, const char *from, bl_err *e)
{
    const bl_vocab *ours = &j->shards[TRAIN].vocab, *theirs = &j->ckpt.vocab;
    if (strcmp(ours->sha256, theirs->sha256) != 0)
        return bl_fail(e, BL_E_MISMATCH,
                       "the vocabularies of '%s' (%.12s) and '%s' (%.12s) "
                       "differ",
                       j->data, ours->sha256, from, theirs->sha256);
    return 0;
}

/* The checkpoint to go on or begin from, if any. */
static int load_start(job *j, bl_err *e)
{
    if (j->resume) {
        int rc = load_ckpt(j, j->common.output, "latest", 1, e);
        if (rc != 0)
            return rc;
        if (strcmp(j->ckpt.info.manifest_sha256, j->shards[TRAIN].manifest_sha256) != 0)
            return bl_fail(e, BL_E_MISMATCH,
                           "'%s' is not the data that '%s' was trained on", j->data,
                           j->common.output);
        return check_vocab(j, j->common.output, e);
    }
    if (j->init != NULL) {
        int rc = load_ckpt(j, j->init, "best", 0, e);
        return rc != 0 ? rc : check_vocab(j, j->init, e);
    }
    return 0;
}

/* A run that is resumed keeps its settings, unless the command that began it is given
 * again. is_new: they are those of no weights yet. */
static int base_config(job *j, int *is_new, bl_err *e)
{
    static const char *const presets[] = {"tiny", "small", "remi", "seed"};
    if (j->resume && !is_given(j, "--preset=") && j->config == NULL) {
        j->plan = j->ckpt.info.config;
        *is_new = 0;
        return 0;
    }
    int rc = bl_config_preset(&j->plan, presets[j->preset], e);
    *is_new = j->init == NULL;
    if (rc == 0 && j->init != NULL)
        j->plan.model = j->ckpt.info.config.model;
    return rc;
}

void choose_precision(job *j, bl_model_config *c)
{
    if (is_given(j, "--precision="))
        c->precision = j->precision;
    if (bl_model_precision(c) == c->precision)
        return;
    j->asked = bl_model_choice("precision", c->precision);
    if (leads(j)) /* with -q too: it is not the run that was asked for */
        bl_log_say(j->log, "this processor has no unit for it: fp32 instead of %s",
                   j->asked);
    c->precision = bl_model_precision(c);
}

/* The settings: of the preset or the run, then --config, --set, --seed and --steps. */
static int make_plan(job *j, bl_err *e)
{
    int is_new, rc = load_start(j, e);
    if (rc == 0)
        rc = base_config(j, &is_new, e);
    if (rc == 0)
        rc = bl_config_change(&j->plan, j->config, j->set.item, j->set.n, is_new, e);
    if (rc != 0)
        return rc;
    if (is_given(j, "--seed="))
        j->plan.seed = j->common.seed;
    if (j->steps > 0)
        j->plan.steps = j->steps;
    j->plan.model.vocab = (int)bl_words_size(j->shards[TRAIN].vocab.words);
    choose_precision(j, &j->plan.model);
    rc = bl_config_check(&j->plan, e);
    if (rc == 0 && (j->resume || j->init != NULL)) {
        const char *key =
            bl_config_differs(&j->plan, &j->ckpt.info.config,
                              j->resume ? BL_FIXED_RUN : BL_FIXED_WEIGHTS);
        if (key != NULL)
            rc = bl_fail(e, BL_E_ARG, "%s cannot be changed: '%s' has another", key,
                         j->resume ? j->common.output : j->init);
    }
    return rc;
}

/* ---- training ---- */

static int init_trainer(job *j, bl_err *e)
{
    const bl_pieces train = pieces_of(&j->shards[TRAIN]);
    const bl_pieces valid = pieces_of(&j->shards[VALID]);
    bl_trainer *t = &j->trainer;
    int rc = bl_trainer_init(t, &j->plan, &train, &valid, j->pool, e);
    if (rc == 0)
        rc = bl_workers_join(&t->workers, j->comm, e);
    if (rc == 0 && j->resume)
        rc = bl_trainer_resume(t, &j->ckpt, e);
    else if (rc == 0 && j->init != NULL)
        rc = bl_ckpt_get_params(&j->ckpt, t->state.model, e);
    if (rc != 0)
        return rc;
    rc = bl_pieces_entropy(&train, j->plan.model.vocab, &j->entropy, e);
    t->info.vocab = &j->shards[TRAIN].vocab;
    t->info.pg = j->pg;
    strcpy(t->info.manifest_sha256, j->shards[TRAIN].manifest_sha256);
    if (j->asked != NULL)
        snprintf(t->info.asked, sizeof t->info.asked, "%s", j->asked);
    else if (j->resume &&
             j->plan.model.precision == j->ckpt.info.config.model.precision)
        strcpy(t->info.asked, j->ckpt.info.asked);
    if (j->resume && strcmp(t->info.blas, j->ckpt.info.blas) != 0)
        bl_log_warn(j->log, "the run was made with %s, this is %s: other roundings",
                    j->ckpt.info.blas, t->info.blas);
    return rc;
}

/* A resumed run keeps its record, so that it ends in the bytes of one in one go. */
int make_pg(job *j, bl_err *e)
{
    bl_self self = {"xltrain", (const char *const *)j->opts.given, j->opts.n_given};
    const bl_json *parents[] = {j->shards[TRAIN].pg, j->ckpt.pg};
    if (!j->resume)
        j->pg = bl_prov_chain(parents, BL_COUNT(parents), &self, e);
    else if (j->ckpt.pg != NULL)
        j->pg = bl_json_copy(j->ckpt.pg, e);
    return e->code;
}

static int resume_run(job *j, bl_err *e)
{
    int rc = bl_run_resume(&j->run, j->common.output, &j->trainer.info, e);
    if (j->run.is_old) /* its losses are of another sample */
        j->trainer.info.best_loss = INFINITY;
    if (rc == 0 && j->run.lacks > 0)
        bl_log_warn(j->log,
                    "metrics.tsv lacks %" PRId64 " of the rows up to step %" PRId64,
                    j->run.lacks, j->trainer.info.step);
    return rc;
}

static int open_run(job *j, bl_err *e)
{
    const char *dir = j->common.output;
    if (!leads(j))
        return 0;
    if (j->resume)
        return resume_run(j, e);
    return bl_run_begin(&j->run, dir, &j->plan, j->common.force, e);
}

/* A full disk does not end the training: the next checkpoint may find room. */
static void write_ckpt(job *j, int goes_on)
{
    char text[1024];
    bl_err e = BL_ERR_INIT;
    int rc = bl_run_save(&j->run, &j->trainer, &e);
    if (rc != 0 && goes_on)
        bl_log_warn(j->log, "no checkpoint of step %" PRId64 ", training goes on: %s",
                    j->trainer.info.step, bl_err_text(&e, text, sizeof text));
    j->unsaved = e;
}

static int save(job *j, int goes_on, bl_err *e)
{
    int rc = bl_trainer_sound(&j->trainer, e); /* of the same numbers in all */
    if (rc == 0)
        rc = bl_workers_collect(&j->trainer.workers, e);
    if (rc == 0 && leads(j))
        write_ckpt(j, goes_on);
    if (rc == 0 && leads(j) && j->unsaved.code == 0)
        log_costs(j);
    j->saved = bl_log_seconds(j->log);
    return rc;
}

static void log_row(job *j, const bl_train_row *row)
{
    char text[1024];
    bl_err e = BL_ERR_INIT;
    if (bl_run_log(&j->run, row, &e) == 0)
        return;
    if (!j->rows_lost++) {
        j->row_lost = e;
        bl_log_warn(j->log, "a row is lost, training goes on: %s",
                    bl_err_text(&e, text, sizeof text));
    }
}

static void show(job *j, const bl_train_row *row)
{
    double x = isnan(j->smooth_loss) ? row->loss : j->smooth_loss;
    j->smooth_loss = SMOOTHING * x + (1 - SMOOTHING) * row->loss;
    if (!isnan(row->valid_loss)) {
        j->valid_loss = row->valid_loss;
        j->split_loss = row->split_loss;
        bl_log_debug(j->log, "step %" PRId64 ": loss %.4f, valid %.4f", row->step,
                     j->smooth_loss, row->valid_loss);
    }
    if (!bl_log_progress_due(j->log))
        return;
    if (j->peak <= 0)
        j->peak = gauge(j) * bl_comm_size(j->comm);
    const bl_train_config *c = &j->trainer.info.config;
    double seconds = bl_log_seconds(j->log) - j->begun;
    double speed = (double)(row->tokens - j->first_tokens) / seconds;
    double rate = (double)(row->step - j->first_step) / seconds;
    char left[32], valid[32] = "-", tokens[32];
    if (!isnan(j->valid_loss))
        snprintf(valid, sizeof valid, "%.3f", j->valid_loss);
    snprintf(tokens, sizeof tokens, speed < 1000 ? "%.0f" : "%.1fk",
             speed < 1000 ? speed : speed / 1000);
    bl_log_progress(
        j->log,
        "%" PRId64 "/%" PRId64 "  ep %.2f  loss %.3f  val %s  %s tok/s %.0f%%  %s left",
        row->step, c->steps, row->epoch, j->smooth_loss, valid, tokens,
        100 * speed * bl_model_flops_per_token(&c->model) / j->peak,
        bl_log_clock((double)(c->steps - row->step) / rate, left, sizeof left));
}

/* PATIENCE steps after warm-up a model that still knows but how frequent each token is
 * may stay so to the end. */
static void watch(job *j, const bl_train_row *row)
{
    const bl_train_config *c = &j->trainer.info.config;
    if (row->step != c->warmup + PATIENCE || !(j->smooth_loss > LEARNT * j->entropy))
        return;
    char rate[48];
    int post = c->model.arch != BL_ARCH_LSTM && !c->model.pre_norm;
    snprintf(rate, sizeof rate, "lr=%.3g", c->lr / 3);
    bl_log_warn(j->log,
                "step %" PRId64 ": the loss, %.2f, is still that of the tokens' bare "
                "frequencies, %.2f; try --set %s, --set warmup=%" PRId64
                " or another --seed",
                row->step, j->smooth_loss, j->entropy, post ? "pre_norm=1" : rate,
                3 * bl_max(c->warmup, PATIENCE / 4));
}

/* 1 if evaluations read less than the whole split, which the end then does. */
static int samples(const bl_train_config *c, double split)
{
    return c->eval_tokens > 0 && (double)c->eval_tokens < split / 2;
}

/* Seconds that the reading of the whole split at the end will take: forward alone is a
 * third of a step's work. */
static double last_reading(const job *j, double spent)
{
    const bl_trainer *t = &j->trainer;
    double split = (double)bl_pieces_targets(&t->valid);
    double seen = (double)(t->info.tokens - j->first_tokens);
    return samples(&t->info.config, split) ? split / seen * spent / 3 : 0;
}

/* --minutes: plans the number of steps from the speed so far, so that the schedule ends
 * with the time. The one place where the clock shapes the result. */
static int plan_steps(job *j, bl_err *e)
{
    bl_trainer *t = &j->trainer;
    int64_t done = t->info.step - j->first_step;
    double spent = bl_log_seconds(j->log) - j->begun, left = 60 * j->minutes - spent;
    int is_due = done == CALIBRATION_STEPS || bl_trainer_due(t) || left <= 0;
    if (!is_due || bl_trainer_done(t))
        return 0;
    double usable = left - last_reading(j, spent);
    int64_t more = (int64_t)(usable * (double)done / spent);
    t->info.config.steps = t->info.step + bl_max(more, 1);
    return bl_run_config(&j->run, &t->info.config, e);
}

/* What follows a step, decided by all: each has a clock and hears signals. */
enum { GO_ON, SAVE, STOP };

static int after_step(job *j, const bl_train_row *row, int64_t *wish, bl_err *e)
{
    bl_trainer *t = &j->trainer;
    int rc = 0;
    *wish = bl_trainer_due(t) || bl_checkpoint_asked() ||
            bl_log_seconds(j->log) - j->saved > 60 * j->save_every;
    if (bl_stop_asked())
        *wish = STOP;
    if (leads(j)) {
        log_row(j, row);
        show(j, row);
        watch(j, row);
        if (j->minutes > 0)
            rc = plan_steps(j, e);
    }
    int64_t *steps = &t->info.config.steps;
    if (rc == 0 && j->minutes > 0)
        rc = bl_comm_share(j->comm, steps, sizeof *steps, e);
    if (rc == 0)
        rc = bl_comm_max(j->comm, wish, e);
    if (rc == 0 && *wish != GO_ON)
        rc = save(j, *wish == SAVE && !bl_trainer_done(t), e);
    return rc;
}

static int train(job *j, bl_err *e)
{
    bl_trainer *t = &j->trainer;
    bl_train_row row;
    j->silent = !leads(j);
    j->begun = j->saved = j->counted = bl_log_seconds(j->log);
    j->first_step = t->info.step;
    if (j->minutes > 0) /* room for the first measurement, whatever the settings say */
        t->info.config.steps =
            bl_max(t->info.config.steps, j->first_step + CALIBRATION_STEPS + 1);
    j->first_tokens = j->counted_tokens = t->info.tokens;
    j->smooth_loss = j->valid_loss = NAN;
    while (!bl_trainer_done(t)) {
        int64_t wish;
        int rc = bl_trainer_step(t, &row, e);
        if (rc == 0)
            rc = after_step(j, &row, &wish, e);
        if (rc == BL_E_DIVERGED) /* all of a group see the same numbers */
            return rc;
        if (rc != 0) {
            j->deserted = 1;
            j->silent = 0;
            return rc;
        }
        if (wish == STOP && !bl_trainer_done(t))
            return bl_fail(e, BL_E_STOPPED,
                           "stopped after step %" PRId64 "; --resume goes "
                           "on",
                           t->info.step);
    }
    return 0;
}

/* What could not be written is told at the end, and by the status. */
static int finish(job *j, int rc, bl_err *e)
{
    const bl_ckpt_info *info = &j->trainer.info;
    char text[1024];
    if ((rc == 0 || rc == BL_E_STOPPED) && j->unsaved.code != 0) {
        /* the run was made; its checkpoint is lost */
        int code = j->unsaved.code == BL_E_CREATE ? BL_E_IO : j->unsaved.code;
        *e = BL_ERR_INIT;
        return bl_fail(e, code, "no checkpoint of step %" PRId64 ": %s", info->step,
                       bl_err_text(&j->unsaved, text, sizeof text));
    }
    if (rc == 0 && j->rows_lost > 0)
        return bl_fail(e, BL_E_IO, "%d rows are lost, the first: %s", j->rows_lost,
                       bl_err_text(&j->row_lost, text, sizeof text));
    if (rc == 0 && isfinite(info->best_loss))
        bl_log_info(j->log,
                    "%" PRId64 " steps, %" PRId64 " tokens, best validation loss "
                    "%.4f at step %" PRId64 "; of the whole split at the end %.4f",
                    info->step, info->tokens, info->best_loss, info->best_step,
                    j->split_loss);
    return rc;
}

static int read_inputs(job *j, bl_err *e)
{
    int split = TRAIN;
    int rc = misuse(j, e);
    if (rc == 0 && j->eval != NULL) {
        split = split_of(j->eval, e);
        rc = bl_min(split, 0);
    }
    if (rc == 0)
        rc = bl_shards_read(&j->shards[TRAIN], j->data, split, e);
    if (rc == 0 && j->shards[TRAIN].n_pieces == 0)
        rc = bl_fail(e, BL_E_FORMAT,
                     "'%s' has no piece in '%s'; shard --split %s=SHARE gives it some",
                     j->data, bl_split_name(split), bl_split_name(split));
    if (rc == 0 && j->eval == NULL)
        rc = bl_shards_read(&j->shards[VALID], j->data, VALID, e);
    if (rc == 0 && j->eval == NULL)
        rc = make_plan(j, e);
    if (rc == 0)
        rc = bl_pool_new(&j->pool, bl_tool_jobs(&j->common), e);
    return rc;
}

/* All but what is written. */
static int prepare(job *j, bl_err *e)
{
    int rc = read_inputs(j, e);
    if (rc == 0 && !j->resume && !j->common.force && bl_run_exists(j->common.output))
        rc = bl_fail(e, BL_E_CREATE,
                     "'%s' holds a run already; --resume goes on with it, -f begins "
                     "anew",
                     j->common.output);
    if (rc == 0)
        rc = check_memory(j, e);
    if (rc == 0 && !j->common.no_pg)
        rc = make_pg(j, e);
    if (rc == 0)
        rc = init_trainer(j, e);
    if (rc == 0 && j->costs != NULL)
        rc = check_costs(j->costs, e);
    bl_ckpt_free(&j->ckpt); /* as large as the trainer */
    return rc;
}

/* What a run stands at is kept, whatever fewer steps are asked for. */
static void say_complete(const job *j)
{
    const bl_ckpt_info *info = &j->trainer.info;
    if (info->config.steps < info->step)
        bl_log_warn(j->log,
                    "nothing is done: the run stands at step %" PRId64
                    " already, beyond "
                    "the %" PRId64 " asked for; --steps N goes on to step N",
                    info->step, info->config.steps);
    else if (info->config.steps == info->step)
        bl_log_info(j->log, "the run is complete; --steps N goes on to step N");
    else
        bl_log_info(j->log,
                    "the run is complete: after step %" PRId64 " validation did not "
                    "fall in %" PRId64 " evaluations; --set patience=0 goes on",
                    info->best_step, info->config.patience);
}

/* 1 for an input that may come late or never: standard input, a pipe. */
static int may_wait(const char *path)
{
    struct stat st;
    return path != NULL &&
           (strcmp(path, "-") == 0 ||
            (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)));
}

static int run(job *j, bl_err *e)
{
    /* A signal while data are read stops after one step; one while the tool waits for
     * an input ends it at once. */
    if (!may_wait(j->config) && !may_wait(j->init))
        bl_stop_watch();
    int rc = agree(j, prepare(j, e), e);
    bl_stop_watch();
    if (rc == 0)
        rc = agree(j, check_same(j, e), e);
    if (rc == 0 && j->resume && j->minutes <= 0 && bl_trainer_done(&j->trainer)) {
        say_complete(j);
        return 0;
    }
    if (rc == 0) {
        say_plan(j);
        rc = agree(j, open_run(j, e), e);
        j->run.keep = (int)j->keep;
    }
    return rc == 0 ? finish(j, train(j, e), e) : rc;
}

static int work(job *j, bl_err *e)
{
    if (j->eval == NULL && !j->dry_run)
        return run(j, e);
    if (!leads(j))
        return 0;
    int rc = read_inputs(j, e);
    if (rc != 0)
        return rc;
    return j->dry_run ? print_plan(j) : evaluate(j, e);
}

static void release(job *j)
{
    bl_run_close(&j->run);
    bl_trainer_free(&j->trainer);
    bl_json_del(j->pg);
    bl_ckpt_free(&j->ckpt);
    bl_shards_free(&j->shards[TRAIN]);
    bl_shards_free(&j->shards[VALID]);
    bl_pool_del(j->pool);
    if (!j->deserted || bl_comm_size(j->comm) == 1)
        bl_comm_del(j->comm);
    bl_opt_free(&j->opts);
}

int main(int argc, char **argv)
{
    job j = {.preset = 1, .save_every = 10, .keep = BL_RUN_KEEP, .run.metrics = -1};
    const bl_opt own[] = {
        {0, "data", BL_OPT_STR, &j.data, "DIR", 0, 0, "shards to learn from", 0},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is trained", 0},
        {0, "preset", BL_OPT_CHOICE, &j.preset, "tiny|small|remi|seed", 0, 0,
         "named settings", 1},
        {0, "config", BL_OPT_STR, &j.config, "FILE", 0, 0,
         "change the settings that this JSON file names", 1},
        {0, "set", BL_OPT_LIST, &j.set, "KEY=VALUE", 0, 0,
         "change one setting; may be given several times", 1},
        {0, "init", BL_OPT_STR, &j.init, "FILE", 0, 0,
         "begin with the weights of this checkpoint or run", 1},
        {0, "steps", BL_OPT_INT, &j.steps, "N", 0, 1e12,
         "train N steps in all, 0 = as the settings say", 1},
        {0, "minutes", BL_OPT_REAL, &j.minutes, "M", 0, 1e6,
         "train as many steps as M minutes allow, 0 = as the settings say", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How", 0},
        {0, "precision", BL_OPT_CHOICE, &j.precision, "fp32|bf16|bf16x3", 0, 0,
         "of matrix products; bf16 and bf16x3 want AMX, bf16 runs on AMD too", 1},
        {0, "resume", BL_OPT_FLAG, &j.resume, NULL, 0, 0, "go on with the run in -o",
         0},
        {0, "save-every", BL_OPT_REAL, &j.save_every, "MINUTES", 0, 1e6,
         "write a checkpoint at least so often", 0},
        {0, "keep", BL_OPT_INT, &j.keep, "N", 1, BL_RUN_KEEP_MAX,
         "keep the last N checkpoints, beside the best", 1},
        {0, "costs", BL_OPT_STR, &j.costs, "FILE", 0, 0,
         "append to this table the time and memory that each checkpoint took", 0},
        {0, "dry-run", BL_OPT_FLAG, &j.dry_run, NULL, 0, 0,
         "print size and work of the run, and leave", 0},
        {0, "eval", BL_OPT_STR, &j.eval, "SPLIT", 0, 0,
         "print the loss of the run's best checkpoint on train, valid or test", 0},
        {0, "log-probs", BL_OPT_STR, &j.log_probs, "FILE", 0, 0,
         "with --eval: write ln p of each token there, as tensors", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    char libraries[BL_LIBRARIES_MAX];
    bl_opt_about about = said;
    name_libraries(libraries);
    about.libraries = libraries;
    j.opts = (bl_opts){.about = &about, .own = own, .common = &j.common};
    bl_tool_start();
    int status = bl_opt_parse(&j.opts, argc, argv);
    if (status < 0) {
        bl_err e = BL_ERR_INIT;
        int rc = join_group(&j, &e);
        j.log = bl_log_new("xltrain", &j.common);
        bl_tool_need_room(j.log, BL_TOOL_ROOM);
        if (rc == 0)
            rc = work(&j, &e);
        status = bl_exit_of(rc);
        if (rc != 0 && !j.silent)
            bl_log_error(j.log, &e);
    }
    release(&j);
    return bl_tool_finish(j.log, status);
}
