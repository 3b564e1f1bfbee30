/* training.c - see training.h. */
#include "flow/training.h"

#include <inttypes.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flow/costs.h"
#include "io/prov.h"

enum { CALIBRATION_STEPS = 20, PATIENCE = 200 };

static const double SMOOTHING = 0.98; /* of the loss that is told */
static const double LEARNT = 0.9;     /* of the entropy of tokens: less tells of more */

struct bl_training {
    const bl_training_wish *wish;
    bl_notices notices; /* of the process that speaks */
    bl_group alone, *group;
    bl_pool *pool;
    bl_start start;
    bl_json *pg;
    bl_trainer trainer;
    bl_run run;

    double begun, saved, counted; /* seconds on the clock */
    int64_t first_step, first_tokens, counted_tokens;
    double smooth_loss, valid_loss, split_loss;
    double entropy; /* of the frequencies of the tokens, nats */
    double peak;    /* flop/s of matrix products here, 0 = not measured yet */
    int rows_lost;
    bl_err row_lost; /* the first */
    bl_err unsaved;  /* why the last checkpoint could not be written */
};

static double now(const bl_training *t)
{
    return bl_now(&t->wish->clock);
}

/* ---- before the first step ---- */

static int begin(bl_training *t, const bl_training_wish *w, bl_err *e)
{
    *t = (bl_training){.wish = w, .run.metrics = -1, .split_loss = NAN};
    t->group = w->group != NULL ? w->group : &t->alone;
    if (bl_group_leads(t->group))
        t->notices = w->notices;
    if (w->minutes > 0 && w->clock.seconds == NULL)
        return bl_fail(e, BL_E_ARG, "minutes want a clock");
    return 0;
}

static int read_inputs(bl_training *t, bl_err *e)
{
    int rc = bl_start_read(&t->start, &t->wish->start, &t->notices, e);
    return rc == 0 ? bl_pool_new(&t->pool, t->wish->threads, e) : rc;
}

/* A run that ended before its first checkpoint cannot be gone on with. */
static int check_folder(const bl_training_wish *w, bl_err *e)
{
    char file[BL_RUN_PATH];
    bl_err none = BL_ERR_INIT;
    if (w->start.resumes || w->replaces || !bl_run_exists(w->start.run))
        return 0;
    if (bl_run_find(w->start.run, "latest", file, &none) != 0)
        return bl_fail(e, BL_E_CREATE,
                       "'%s' holds the beginnings of a run, without a checkpoint to go "
                       "on from; -f begins anew",
                       w->start.run);
    return bl_fail(e, BL_E_CREATE,
                   "'%s' holds a run already; --resume goes on with it, -f begins "
                   "anew",
                   w->start.run);
}

static int check_memory(const bl_training *t, bl_err *e)
{
    bl_forecast f = bl_forecast_of(&t->start.plan, &t->start.train, &t->start.valid);
    double here = t->wish->memory_here;
    return here > 0 ? bl_forecast_check(&f, here, e) : 0;
}

/* A resumed run keeps its record, so that it ends in the bytes of one in one go. */
static int make_pg(bl_training *t, const bl_self *self, bl_err *e)
{
    const bl_json *parents[] = {t->start.train.pg, t->start.ckpt.pg};
    if (self == NULL)
        return 0;
    if (!t->wish->start.resumes)
        t->pg = bl_prov_chain(parents, BL_COUNT(parents), self, e);
    else if (t->start.ckpt.pg != NULL)
        t->pg = bl_json_copy(t->start.ckpt.pg, e);
    return e->code;
}

/* What a checkpoint will say besides numbers. */
static void set_info(bl_training *t)
{
    const bl_start *s = &t->start;
    bl_ckpt_info *info = &t->trainer.info;
    const bl_ckpt_info *before = &s->ckpt.info;
    int resumes = t->wish->start.resumes;
    info->vocab = &s->train.vocab;
    info->pg = t->pg;
    strcpy(info->manifest_sha256, s->train.manifest_sha256);
    if (s->asked != NULL)
        snprintf(info->asked, sizeof info->asked, "%s", s->asked);
    else if (resumes && s->plan.model.precision == before->config.model.precision)
        strcpy(info->asked, before->asked);
    if (resumes && strcmp(info->blas, before->blas) != 0)
        bl_notice(&t->notices, BL_NOTICE_WARNING,
                  "the run was made with %s, this is %s: other roundings", before->blas,
                  info->blas);
}

static int init_trainer(bl_training *t, bl_err *e)
{
    bl_start *s = &t->start;
    const bl_pieces *train = &s->train_pairs.pieces;
    int rc = bl_trainer_init(&t->trainer, &s->plan, train, &s->valid_pairs.pieces,
                             t->pool, e);
    if (rc == 0)
        rc = bl_workers_join(&t->trainer.workers, t->group->comm, e);
    if (rc == 0 && t->wish->start.resumes)
        rc = bl_trainer_resume(&t->trainer, &s->ckpt, e);
    else if (rc == 0 && t->wish->start.init != NULL)
        rc = bl_ckpt_get_params(&s->ckpt, t->trainer.state.model, e);
    if (rc != 0)
        return rc;
    rc = bl_pieces_entropy(train, s->plan.model.vocab, &t->entropy, e);
    set_info(t);
    return rc;
}

/* A checkpoint is as large as the trainer; small tensors' pages stay with the process
 * otherwise, beyond what was said to be needed. */
static void let_go_of_start(bl_training *t)
{
    bl_ckpt_free(&t->start.ckpt);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* All but what is written. */
static int prepare(bl_training *t, const bl_self *self, bl_err *e)
{
    int rc = read_inputs(t, e);
    if (rc == 0)
        rc = check_folder(t->wish, e);
    if (rc == 0)
        rc = check_memory(t, e);
    if (rc == 0)
        rc = make_pg(t, self, e);
    if (rc == 0)
        rc = init_trainer(t, e);
    if (rc == 0 && t->wish->costs != NULL)
        rc = bl_costs_check(t->wish->costs, e);
    let_go_of_start(t);
    return rc;
}

static int resume_run(bl_training *t, bl_err *e)
{
    bl_ckpt_info *info = &t->trainer.info;
    int rc = bl_run_resume(&t->run, t->wish->start.run, info, e);
    if (t->run.is_old) /* its losses are of another sample */
        info->best_loss = INFINITY;
    if (rc == 0 && t->run.lacks > 0)
        bl_notice(&t->notices, BL_NOTICE_WARNING,
                  "metrics.tsv lacks %" PRId64 " of the rows up to step %" PRId64,
                  t->run.lacks, info->step);
    return rc;
}

static int open_run(bl_training *t, bl_err *e)
{
    int rc = 0;
    if (!bl_group_leads(t->group))
        return 0;
    if (t->wish->start.resumes)
        rc = resume_run(t, e);
    else
        rc = bl_run_begin(&t->run, t->wish->start.run, &t->start.plan,
                          t->wish->replaces, e);
    t->run.keep = (int)t->wish->keep;
    return rc;
}

static void say_plan(const bl_training *t)
{
    const bl_train_config *c = &t->start.plan;
    bl_forecast f = bl_forecast_of(c, &t->start.train, &t->start.valid);
    bl_notice(&t->notices, BL_NOTICE_INFO,
              "%s, %" PRId64 " parameters, %" PRId64 " MiB, %.0f %s an epoch",
              bl_model_choice("arch", c->model.arch), f.parameters, f.bytes >> 20,
              f.epoch_tokens / f.unit.targets, f.unit.many);
    bl_notice(&t->notices, BL_NOTICE_INFO, "%s, %d threads, %s",
              bl_model_choice("precision", c->model.precision),
              bl_pool_threads(t->pool), t->trainer.info.blas);
}

/* ---- checkpoints and rows ---- */

static void log_costs(bl_training *t)
{
    char text[1024];
    bl_err e = BL_ERR_INIT;
    const bl_training_calls *calls = &t->wish->calls;
    const bl_ckpt_info *info = &t->trainer.info;
    if (t->wish->costs == NULL)
        return;
    double at = now(t);
    const bl_costs_row row = {
        .step = info->step,
        .tokens = info->tokens - t->counted_tokens,
        .seconds = at - t->counted,
        .peak_bytes = calls->peak_bytes != NULL ? calls->peak_bytes(calls->arg) : 0,
    };
    t->counted = at;
    t->counted_tokens = info->tokens;
    if (bl_costs_append(t->wish->costs, &row, &e) != 0)
        bl_notice(&t->notices, BL_NOTICE_WARNING, "a row is lost, training goes on: %s",
                  bl_err_text(&e, text, sizeof text));
}

/* A full disk does not end the training: the next checkpoint may find room. */
static void write_ckpt(bl_training *t, int goes_on)
{
    char text[1024];
    bl_err e = BL_ERR_INIT;
    int rc = bl_run_save(&t->run, &t->trainer, &e);
    if (rc != 0 && goes_on)
        bl_notice(&t->notices, BL_NOTICE_WARNING,
                  "no checkpoint of step %" PRId64 ", training goes on: %s",
                  t->trainer.info.step, bl_err_text(&e, text, sizeof text));
    t->unsaved = e;
}

static int save(bl_training *t, int goes_on, bl_err *e)
{
    int rc = bl_trainer_sound(&t->trainer, e); /* of the same numbers in all */
    if (rc == 0)
        rc = bl_workers_collect(&t->trainer.workers, e);
    if (rc == 0 && bl_group_leads(t->group)) {
        write_ckpt(t, goes_on);
        if (t->unsaved.code == 0)
            log_costs(t);
    }
    t->saved = now(t);
    return rc;
}

static void log_row(bl_training *t, const bl_train_row *row)
{
    char text[1024];
    bl_err e = BL_ERR_INIT;
    if (bl_run_log(&t->run, row, &e) == 0)
        return;
    if (!t->rows_lost++) {
        t->row_lost = e;
        bl_notice(&t->notices, BL_NOTICE_WARNING, "a row is lost, training goes on: %s",
                  bl_err_text(&e, text, sizeof text));
    }
}

/* ---- what is told of a step ---- */

double bl_training_share(const bl_training_now *now)
{
    bl_training *t = now->training;
    if (t->peak <= 0)
        t->peak = bl_gauge(t->pool, (bl_precision)t->start.plan.model.precision,
                           &t->wish->clock) *
                  bl_comm_size(t->group->comm);
    return now->tokens_a_second * bl_model_flops_per_token(&now->config->model) /
           t->peak;
}

double bl_training_line(const bl_training_now *now, char line[BL_TRAINING_LINE])
{
    char valid[32] = "-", tokens[32];
    const bl_unit unit = bl_unit_of(&now->config->model);
    double speed = now->tokens_a_second / unit.targets;
    int64_t steps = now->config->steps, step = now->row->step;
    if (!isnan(now->valid_loss))
        snprintf(valid, sizeof valid, "%.3f", now->valid_loss);
    snprintf(tokens, sizeof tokens, speed < 1000 ? "%.0f" : "%.1fk",
             speed < 1000 ? speed : speed / 1000);
    snprintf(line, BL_TRAINING_LINE,
             "%" PRId64 "/%" PRId64 "  ep %.2f  loss %.3f  val %s  %s %s/s %.0f%%",
             step, steps, now->row->epoch, now->smooth_loss, valid, tokens,
             unit.targets > 1 ? "win" : "tok", 100 * bl_training_share(now));
    return (double)(steps - step) / now->steps_a_second;
}

static void tell(bl_training *t, const bl_train_row *row)
{
    const bl_training_calls *calls = &t->wish->calls;
    double x = isnan(t->smooth_loss) ? row->loss : t->smooth_loss;
    if (!isnan(row->loss)) /* a step of conditions alone tells nothing */
        t->smooth_loss = SMOOTHING * x + (1 - SMOOTHING) * row->loss;
    if (!isnan(row->valid_loss)) {
        t->valid_loss = row->valid_loss;
        t->split_loss = row->split_loss;
        bl_notice(&t->notices, BL_NOTICE_DETAIL,
                  "step %" PRId64 ": loss %.4f, valid %.4f", row->step, t->smooth_loss,
                  row->valid_loss);
    }
    if (calls->tell == NULL)
        return;
    double seconds = now(t) - t->begun;
    const bl_training_now at = {
        .row = row,
        .config = &t->trainer.info.config,
        .smooth_loss = t->smooth_loss,
        .valid_loss = t->valid_loss,
        .tokens_a_second = (double)(row->tokens - t->first_tokens) / seconds,
        .steps_a_second = (double)(row->step - t->first_step) / seconds,
        .training = t,
    };
    calls->tell(calls->arg, &at);
}

/* PATIENCE steps after warm-up a model that still knows but how frequent each token is
 * may stay so to the end. */
static void watch(bl_training *t, const bl_train_row *row)
{
    const bl_train_config *c = &t->trainer.info.config;
    if (bl_model_is_groove(&c->model) || row->step != c->warmup + PATIENCE ||
        !(t->smooth_loss > LEARNT * t->entropy))
        return;
    char rate[48];
    int post = c->model.arch != BL_ARCH_LSTM && !c->model.pre_norm;
    snprintf(rate, sizeof rate, "lr=%.3g", c->lr / 3);
    bl_notice(&t->notices, BL_NOTICE_WARNING,
              "step %" PRId64 ": the loss, %.2f, is still that of the tokens' bare "
              "frequencies, %.2f; try --set %s, --set warmup=%" PRId64
              " or another --seed",
              row->step, t->smooth_loss, t->entropy, post ? "pre_norm=1" : rate,
              3 * bl_max(c->warmup, PATIENCE / 4));
}

/* ---- a budget of time ---- */

/* 1 if evaluations read less than the whole split, which the end then does. */
static int samples(const bl_train_config *c, double split)
{
    return c->eval_tokens > 0 && (double)c->eval_tokens < split / 2;
}

/* Seconds that the reading of the whole split at the end will take: forward alone is a
 * third of a step's work. */
static double last_reading(const bl_training *t, double spent)
{
    const bl_trainer *trainer = &t->trainer;
    double split = (double)bl_pieces_targets(&trainer->valid);
    double seen = (double)(trainer->info.tokens - t->first_tokens);
    return samples(&trainer->info.config, split) ? split / seen * spent / 3 : 0;
}

/* Plans the number of steps from the speed so far, so that the schedule ends with the
 * time. The one place where the clock shapes the result. */
static int plan_steps(bl_training *t, bl_err *e)
{
    bl_trainer *trainer = &t->trainer;
    int64_t done = trainer->info.step - t->first_step;
    double spent = now(t) - t->begun, left = 60 * t->wish->minutes - spent;
    int is_due = done == CALIBRATION_STEPS || bl_trainer_due(trainer) || left <= 0;
    if (!is_due || bl_trainer_done(trainer))
        return 0;
    double usable = left - last_reading(t, spent);
    int64_t more = (int64_t)(usable * (double)done / spent);
    trainer->info.config.steps = trainer->info.step + bl_max(more, 1);
    return bl_run_config(&t->run, &trainer->info.config, e);
}

/* ---- steps ---- */

/* What follows a step, decided by all: each has a clock and is asked. */
static int64_t wish_of(const bl_training *t)
{
    const bl_training_calls *calls = &t->wish->calls;
    int64_t asked =
        calls->asked != NULL ? calls->asked(calls->arg) : BL_TRAINING_GOES_ON;
    int is_due =
        bl_trainer_due(&t->trainer) || now(t) - t->saved > 60 * t->wish->save_every;
    return is_due ? bl_max(asked, BL_TRAINING_SAVES) : asked;
}

static int after_step(bl_training *t, const bl_train_row *row, int64_t *wish, bl_err *e)
{
    int has_budget = t->wish->minutes > 0, rc = 0;
    *wish = wish_of(t);
    if (bl_group_leads(t->group)) {
        log_row(t, row);
        tell(t, row);
        watch(t, row);
        if (has_budget)
            rc = plan_steps(t, e);
    }
    int64_t *steps = &t->trainer.info.config.steps;
    if (rc == 0 && has_budget)
        rc = bl_comm_share(t->group->comm, steps, sizeof *steps, e);
    if (rc == 0)
        rc = bl_comm_max(t->group->comm, wish, e);
    if (rc == 0 && *wish != BL_TRAINING_GOES_ON)
        rc = save(t, *wish == BL_TRAINING_SAVES && !bl_trainer_done(&t->trainer), e);
    return rc;
}

static void start_counting(bl_training *t)
{
    bl_ckpt_info *info = &t->trainer.info;
    t->begun = t->saved = t->counted = now(t);
    t->first_step = info->step;
    if (t->wish->minutes > 0) /* room for the first measurement, whatever is set */
        info->config.steps =
            bl_max(info->config.steps, t->first_step + CALIBRATION_STEPS + 1);
    t->first_tokens = t->counted_tokens = info->tokens;
    t->smooth_loss = t->valid_loss = NAN;
}

static int make_steps(bl_training *t, bl_err *e)
{
    bl_trainer *trainer = &t->trainer;
    bl_train_row row;
    t->group->is_silent = !bl_group_leads(t->group);
    start_counting(t);
    while (!bl_trainer_done(trainer)) {
        int64_t wish;
        int rc = bl_trainer_step(trainer, &row, e);
        if (rc == 0)
            rc = after_step(t, &row, &wish, e);
        if (rc == BL_E_DIVERGED) /* all of a group see the same numbers */
            return rc;
        if (rc != 0) {
            t->group->is_deserted = 1;
            t->group->is_silent = 0;
            return rc;
        }
        if (wish == BL_TRAINING_STOPS && !bl_trainer_done(trainer))
            return bl_fail(e, BL_E_STOPPED,
                           "stopped after step %" PRId64 "; --resume goes "
                           "on",
                           trainer->info.step);
    }
    return 0;
}

/* ---- the end ---- */

/* What could not be written is told at the end, and by the status. */
static int finish(const bl_training *t, int rc, bl_err *e)
{
    char text[1024];
    if ((rc == 0 || rc == BL_E_STOPPED) && t->unsaved.code != 0) {
        /* the run was made; its checkpoint is lost */
        int code = t->unsaved.code == BL_E_CREATE ? BL_E_IO : t->unsaved.code;
        *e = BL_ERR_INIT;
        return bl_fail(e, code, "no checkpoint of step %" PRId64 ": %s",
                       t->trainer.info.step,
                       bl_err_text(&t->unsaved, text, sizeof text));
    }
    if (rc == 0 && t->rows_lost > 0)
        return bl_fail(e, BL_E_IO, "%d rows are lost, the first: %s", t->rows_lost,
                       bl_err_text(&t->row_lost, text, sizeof text));
    return rc;
}

/* What a run stands at is kept, whatever fewer steps are asked for. */
static void say_complete(const bl_training *t)
{
    const bl_ckpt_info *info = &t->trainer.info;
    if (info->config.steps < info->step)
        bl_notice(&t->notices, BL_NOTICE_WARNING,
                  "nothing is done: the run stands at step %" PRId64 " already, beyond "
                  "the %" PRId64 " asked for; --steps N goes on to step N",
                  info->step, info->config.steps);
    else if (info->config.steps == info->step)
        bl_notice(&t->notices, BL_NOTICE_INFO,
                  "the run is complete; --steps N goes on to step N");
    else
        bl_notice(&t->notices, BL_NOTICE_INFO,
                  "the run is complete: after step %" PRId64 " validation did not "
                  "fall in %" PRId64 " evaluations; --set patience=0 goes on",
                  info->best_step, info->config.patience);
}

static void say_end(const bl_training *t)
{
    const bl_ckpt_info *info = &t->trainer.info;
    const bl_unit unit = bl_unit_of(&info->config.model);
    if (isfinite(t->split_loss) && isfinite(info->best_loss))
        bl_notice(&t->notices, BL_NOTICE_INFO,
                  "%" PRId64
                  " steps, %.0f %s, best validation loss %.4f at step %" PRId64
                  "; of the whole split at the end %.4f",
                  info->step, (double)info->tokens / unit.targets, unit.many,
                  info->best_loss, info->best_step, t->split_loss);
}

static int is_complete(const bl_training *t)
{
    return t->wish->start.resumes && t->wish->minutes <= 0 &&
           bl_trainer_done(&t->trainer);
}

static int work(bl_training *t, const bl_self *self, bl_err *e)
{
    const bl_training_calls *calls = &t->wish->calls;
    const bl_ckpt_info *info = &t->trainer.info;
    int rc = bl_group_agree(t->group, prepare(t, self, e), e);
    if (calls->read != NULL)
        calls->read(calls->arg);
    if (rc == 0)
        rc = bl_group_agree(t->group,
                            bl_group_check(t->group, &info->config,
                                           info->manifest_sha256, info->blas, e),
                            e);
    if (rc == 0 && is_complete(t)) {
        say_complete(t);
        return 0;
    }
    if (rc == 0) {
        say_plan(t);
        rc = bl_group_agree(t->group, open_run(t, e), e);
    }
    if (rc == 0)
        rc = finish(t, make_steps(t, e), e);
    if (rc == 0)
        say_end(t);
    return rc;
}

static void release(bl_training *t)
{
    bl_run_close(&t->run);
    bl_trainer_free(&t->trainer);
    bl_json_del(t->pg);
    bl_start_free(&t->start);
    bl_pool_del(t->pool);
}

int bl_train(const bl_training_wish *w, const bl_self *self, bl_training_end *end,
             bl_err *e)
{
    bl_training t;
    int rc = begin(&t, w, e);
    if (rc == 0)
        rc = work(&t, self, e);
    *end = (bl_training_end){
        .steps = t.trainer.info.step,
        .tokens = t.trainer.info.tokens,
        .best_loss = t.trainer.info.best_loss,
        .best_step = t.trainer.info.best_step,
        .split_loss = t.split_loss,
    };
    release(&t);
    return rc;
}

int bl_train_forecast(const bl_training_wish *w, bl_forecast *f, double *rate,
                      bl_err *e)
{
    bl_training t;
    int rc = begin(&t, w, e);
    if (rc == 0)
        rc = read_inputs(&t, e);
    if (rc == 0) {
        const bl_train_config *c = &t.start.plan;
        *f = bl_forecast_of(c, &t.start.train, &t.start.valid);
        *rate = bl_gauge(t.pool, (bl_precision)c->model.precision, &w->clock) *
                bl_gauge_share(&c->model);
        if (w->minutes > 0)
            bl_forecast_in(f, 60 * w->minutes, *rate);
    }
    release(&t);
    return rc;
}

int bl_train_forecast_table(const bl_training_wish *w, bl_buf *table, bl_err *e)
{
    bl_forecast f;
    double rate;
    int rc = bl_train_forecast(w, &f, &rate, e);
    return rc == 0 ? bl_forecast_write(&f, rate, table, e) : rc;
}
