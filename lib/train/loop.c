/* loop.c - see loop.h. */
#include "train/loop.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/kernel/gemm.h"
#include "nn/op/muon.h"
#include "nn/op/optim.h"

/* ---- evaluation ---- */

/* Forgets the memory of lanes that begin a piece, or of all, then runs the batch. */
static double forward(bl_model *m, const bl_batch *b, int apart, bl_window_lanes *w,
                      int64_t *n_scored)
{
    for (int lane = 0; lane < b->lanes; lane++)
        if (apart || b->fresh[lane])
            bl_model_forget(m, lane);
    const bl_condition c = {b->source, b->source_length, b->source_at, b->prefix};
    bl_model_place(m, b->at);
    bl_model_condition(m, &c);
    bl_window_tell(w, m, &b->pieces, b->start, b->n_real, bl_model_conf(m)->beta, 0);
    return bl_model_forward(m, b->x, b->y, b->n_real, 0, 0, 0, n_scored);
}

/* ln p of the batch's targets, each to its place among the tokens. */
static void keep_log_probs(const bl_model *m, const bl_batch *b, float *log_prob)
{
    const bl_real *nll = bl_model_nll(m);
    for (int lane = 0; lane < b->lanes; lane++)
        for (int t = 0; t < b->n_real[lane]; t++)
            log_prob[b->start[lane] + t + 1] =
                (float)-nll[(ptrdiff_t)lane * b->segment + t];
}

/* Tokens before a target that its prediction has in memory: those whose states a layer
 * keeps, in compressed slots too; of an LSTM as many as gradients reach. */
static int64_t context_of(const bl_model_config *c)
{
    if (c->arch == BL_ARCH_LSTM)
        return c->segment;
    return c->memory + (int64_t)c->compressed * c->ratio;
}

static int evaluate_all(bl_model *m, const bl_pieces *pieces, int64_t max_tokens,
                        int apart, float *log_prob, bl_window_sums *sums, double *loss,
                        int64_t *targets, bl_err *e)
{
    bl_batch b;
    bl_window_lanes w;
    const bl_model_config *c = bl_model_conf(m);
    int rc = bl_batch_init_once(&b, pieces, bl_model_lanes(m), c->segment, max_tokens,
                                context_of(c), e);
    if (rc != 0)
        return rc;
    rc = bl_window_lanes_init(&w, bl_model_lanes(m), e);
    double sum = 0;
    *targets = 0;
    while (rc == 0 && bl_batch_next(&b) > 0) {
        int64_t n;
        sum += forward(m, &b, apart, &w, &n);
        bl_window_sums_add(sums, &w.told);
        if (log_prob != NULL)
            keep_log_probs(m, &b, log_prob);
        bl_model_advance(m);
        *targets += n;
    }
    *loss = sum / (double)*targets;
    bl_model_windows(m, NULL);
    bl_window_lanes_free(&w);
    bl_batch_free(&b);
    return rc;
}

int bl_evaluate(bl_model *m, const bl_pieces *pieces, int64_t max_tokens, int apart,
                float *log_prob, double *loss, int64_t *targets, bl_err *e)
{
    bl_window_sums sums = {.cells = 0};
    return evaluate_all(m, pieces, max_tokens, apart, log_prob, &sums, loss, targets,
                        e);
}

int bl_evaluate_windows(bl_model *m, const bl_pieces *pieces, int64_t max_tokens,
                        bl_window_sums *sums, double *loss, int64_t *targets, bl_err *e)
{
    *sums = (bl_window_sums){.cells = 0};
    return evaluate_all(m, pieces, max_tokens, 0, NULL, sums, loss, targets, e);
}

/* ---- training ---- */

/* Where weight decay applies, and Muon. */
static int make_spans(bl_trainer *t, bl_err *e)
{
    int n = bl_model_n_params(t->state.model);
    int muon = t->info.config.optimizer == BL_MUON;
    t->spans = bl_calloc((size_t)n, sizeof *t->spans, e);
    if (t->spans == NULL)
        return BL_E_NOMEM;
    for (int i = 0; i < n; i++) {
        const bl_param *p = bl_model_param(t->state.model, i);
        int is_matrix = muon && p->hidden && p->learns != BL_LEARNS_NOTHING;
        t->spans[i] = (bl_adam_span){.start = p->start,
                                     .end = p->start + p->size,
                                     .decay = p->decay,
                                     .group = p->learns,
                                     .rows = is_matrix ? p->shape[0] : 0};
    }
    int64_t scratch = bl_muon_scratch(t->spans, n);
    if (scratch > 0)
        t->scratch = bl_calloc((size_t)scratch, sizeof *t->scratch, e);
    return scratch == 0 || t->scratch != NULL ? 0 : BL_E_NOMEM;
}

static int make_blocks(bl_trainer *t, bl_err *e)
{
    bl_ckpt_state *s = &t->state;
    size_t n = (size_t)bl_model_size(s->model);
    int has_average = t->info.config.average > 0;
    s->adam_m = bl_calloc(n, sizeof *s->adam_m, e);
    s->adam_v = bl_calloc(n, sizeof *s->adam_v, e);
    if (has_average)
        s->average = bl_calloc(n, sizeof *s->average, e);
    int ok =
        s->adam_m != NULL && s->adam_v != NULL && (!has_average || s->average != NULL);
    return ok ? 0 : BL_E_NOMEM;
}

/* Before the moments: it gives back its own parameters, where it reads the model's. */
static int make_eval_model(bl_trainer *t, const bl_pieces *valid, bl_err *e)
{
    const bl_train_config *c = &t->info.config;
    if (valid == NULL || valid->n_pieces == 0)
        return 0;
    t->valid = *valid;
    bl_model_config eval = bl_config_eval(c);
    int lanes = bl_eval_lanes(c, (uint64_t)valid->n_pieces);
    int rc = bl_model_new(&t->eval_model, &eval, lanes, 0, t->pool, e);
    if (rc == 0 && c->average == 0)
        bl_model_share(t->eval_model, t->state.model);
    return rc;
}

int bl_trainer_init(bl_trainer *t, const bl_train_config *config,
                    const bl_pieces *train, const bl_pieces *valid, bl_pool *pool,
                    bl_err *e)
{
    *t = (bl_trainer){.pool = pool};
    t->info.config = *config;
    t->info.best_loss = INFINITY;
    bl_gemm_name((bl_precision)bl_model_precision(&config->model), t->info.blas,
                 sizeof t->info.blas);
    int rc = bl_config_check(config, e);
    if (rc == 0)
        rc = bl_batch_init(&t->batch, train, config->lanes, config->model.segment,
                           (uint64_t)config->seed, e);
    if (rc == 0)
        rc = bl_model_new(&t->state.model, &config->model,
                          config->lanes / config->workers, 1, pool, e);
    if (rc == 0)
        rc = bl_workers_init(&t->workers, &t->info.config, t->state.model, &t->batch,
                             pool, e);
    if (rc != 0)
        return rc;
    rc = make_eval_model(t, valid, e);
    if (rc != 0)
        return rc;
    t->state.batch = &t->batch;
    t->state.memory = t->workers.memory;
    t->state.mem_length = t->workers.mem_length;
    rc = make_blocks(t, e);
    if (rc != 0)
        return rc;
    bl_model_init(t->state.model, (uint64_t)config->seed);
    t->epoch_targets = bl_pieces_targets(train);
    return make_spans(t, e);
}

void bl_trainer_free(bl_trainer *t)
{
    bl_workers_free(&t->workers);
    bl_model_del(t->eval_model);
    bl_model_del(t->state.model);
    free(t->state.adam_m);
    free(t->state.adam_v);
    free(t->state.average);
    free(t->spans);
    free(t->scratch);
    bl_batch_free(&t->batch);
    *t = (bl_trainer){0};
}

/* Follows from what a checkpoint says, so that a resumed run knows that it has ended.
 */
static int is_out_of_patience(const bl_ckpt_info *info)
{
    int64_t every = info->config.eval_every, patience = info->config.patience;
    return patience > 0 && every > 0 && isfinite(info->best_loss) &&
           info->step / every - info->best_step / every >= patience;
}

int bl_trainer_done(const bl_trainer *t)
{
    return t->info.step >= t->info.config.steps || is_out_of_patience(&t->info);
}

int bl_trainer_due(const bl_trainer *t)
{
    int64_t every = t->info.config.eval_every;
    return bl_trainer_done(t) || (every > 0 && t->info.step % every == 0);
}

static double learning_rate(const bl_train_config *c, int64_t step)
{
    bl_schedule s = {
        .kind = (bl_schedule_kind)c->schedule,
        .lr = c->lr,
        .min_ratio = c->min_lr,
        .cooldown = c->cooldown,
        .warmup = c->warmup,
        .total = c->steps,
    };
    return bl_lr(&s, step);
}

/* What learns from different losses is clipped apart: the norm of one says nothing of
 * the steps that the other may take. */
static void update(bl_trainer *t, double lr, const double norm[BL_N_LEARNS])
{
    const bl_train_config *c = &t->info.config;
    bl_adam_params p = {
        .lr = lr,
        .beta1 = c->beta1,
        .beta2 = c->beta2,
        .eps = c->eps,
        .weight_decay = c->weight_decay,
        .step = t->info.step + 1,
    };
    bl_muon_params muon = {
        .lr = lr,
        .momentum = c->momentum,
        .weight_decay = c->weight_decay,
        .precision = (bl_precision)bl_model_precision(&c->model),
    };
    bl_model *m = t->state.model;
    int n = bl_model_n_params(m);
    for (int k = 0; k < BL_N_LEARNS; k++) {
        p.scale[k] = c->clip > 0 && norm[k] > c->clip ? c->clip / norm[k] : 1;
        muon.scale[k] = p.scale[k];
    }
    if (c->optimizer == BL_SGD)
        bl_sgd(t->pool, &p, c->momentum, t->spans, n, bl_model_values(m),
               bl_model_grads(m), t->state.adam_m);
    else
        bl_adam(t->pool, &p, t->spans, n, bl_model_values(m), bl_model_grads(m),
                t->state.adam_m, t->state.adam_v);
    bl_muon(t->pool, &muon, t->spans, n, bl_model_values(m), bl_model_grads(m),
            t->state.adam_m, t->scratch);
    if (c->average > 0)
        bl_average(t->pool, c->average, p.step, bl_model_size(m), bl_model_values(m),
                   t->state.average);
}

/* For a message: the sign of what is no number is chance. */
static double told(double x)
{
    return isnan(x) ? (double)NAN : x;
}

/* The best is that of the samples, which are all the same; the whole split is read
 * once, at the end. */
static int evaluate(bl_trainer *t, bl_train_row *row, bl_err *e)
{
    const bl_train_config *c = &t->info.config;
    int64_t n;
    int apart = c->eval_memory == BL_EVAL_APART;
    if (t->state.average != NULL)
        memcpy(bl_model_values(t->eval_model), t->state.average,
               (size_t)bl_model_size(t->eval_model) * sizeof *t->state.average);
    bl_window_sums sums = {.cells = 0};
    int rc = evaluate_all(t->eval_model, &t->valid, c->eval_tokens, apart, NULL, &sums,
                          &row->valid_loss, &row->valid_tokens, e);
    if (rc == 0 && row->valid_tokens == 0) /* a sample of conditions alone */
        rc = evaluate_all(t->eval_model, &t->valid, 0, apart, NULL, &sums,
                          &row->valid_loss, &row->valid_tokens, e);
    row->valid_score = bl_window_score_of(&sums, (double)row->valid_tokens);
    if (rc == 0 && !isfinite(row->valid_loss))
        return bl_fail(e, BL_E_DIVERGED,
                       "step %" PRId64 ": validation loss %g; no checkpoint is written "
                       "(a lower lr or clip, or more warmup, may help)",
                       t->info.step, told(row->valid_loss));
    if (rc == 0 && row->valid_loss < t->info.best_loss) {
        t->info.best_loss = row->valid_loss;
        t->info.best_step = t->info.step;
    }
    row->split_tokens = bl_pieces_targets(&t->valid);
    if (rc != 0 || !bl_trainer_done(t))
        return rc;
    row->split_loss = row->valid_loss;
    return row->valid_tokens < row->split_tokens
               ? bl_evaluate(t->eval_model, &t->valid, 0, apart, NULL, &row->split_loss,
                             &n, e)
               : 0;
}

int bl_trainer_step(bl_trainer *t, bl_train_row *row, bl_err *e)
{
    bl_model *m = t->state.model;
    const bl_train_config *c = &t->info.config;
    double loss, norm[BL_N_LEARNS];
    int64_t n;
    int rc = bl_workers_run(&t->workers, t->info.step, &loss, &n, e);
    if (rc != 0)
        return rc;
    for (int k = 0; k < BL_N_LEARNS; k++)
        norm[k] =
            bl_grad_norm(t->pool, t->spans, bl_model_n_params(m), k, bl_model_grads(m));
    double lr = learning_rate(c, t->info.step);
    if (!isfinite(loss) || !isfinite(norm[0]) || !isfinite(norm[1]))
        return bl_fail(
            e, BL_E_DIVERGED,
            "step %" PRId64 ": loss %g, gradient norm %g; stopped before the "
            "update (a lower lr or clip, or more warmup, may help)",
            t->info.step + 1, told(loss), told(isfinite(norm[1]) ? norm[0] : norm[1]));
    update(t, lr, norm);
    t->info.step++;
    t->info.tokens += n;
    *row = (bl_train_row){
        .step = t->info.step,
        .tokens = t->info.tokens,
        .epoch = (double)t->info.tokens / (double)t->epoch_targets,
        .lr = lr,
        .loss = n > 0 ? loss : NAN,
        .grad_norm = norm[BL_LEARNS_LOSS],
        .valid_loss = NAN,
        .split_loss = NAN,
        .score = bl_window_score_of(&t->workers.sums, (double)n),
        .valid_score = bl_window_no_score(),
    };
    if (t->eval_model != NULL && bl_trainer_due(t))
        return evaluate(t, row, e);
    return 0;
}

int bl_trainer_sound(const bl_trainer *t, bl_err *e)
{
    int n = bl_model_n_params(t->state.model);
    const struct {
        const char *name;
        const bl_real *x;
    } blocks[] = {{"parameters", bl_model_values(t->state.model)},
                  {"first moments", t->state.adam_m},
                  {"second moments", t->state.adam_v},
                  {"averaged parameters", t->state.average}};
    for (size_t i = 0; i < BL_COUNT(blocks); i++)
        for (int k = 0; k < BL_N_LEARNS && blocks[i].x != NULL; k++)
            if (!isfinite(bl_grad_norm(t->pool, t->spans, n, k, blocks[i].x)))
                return bl_fail(e, BL_E_DIVERGED,
                               "step %" PRId64
                               ": %s that are not finite; no checkpoint "
                               "is written (a lower lr or clip may help)",
                               t->info.step, blocks[i].name);
    return 0;
}

/* Whether losses on the validation split can be compared. */
static int evaluates_alike(const bl_train_config *a, const bl_train_config *b)
{
    return a->eval_tokens == b->eval_tokens && a->eval_segment == b->eval_segment &&
           a->eval_memory == b->eval_memory;
}

int bl_trainer_resume(bl_trainer *t, bl_ckpt *c, bl_err *e)
{
    const char *key = bl_config_differs(&t->info.config, &c->info.config, BL_FIXED_RUN);
    if (key != NULL)
        return bl_fail(e, BL_E_MISMATCH, "%s is not that of the run", key);
    int rc = bl_ckpt_get_state(c, &t->state, e);
    t->info.step = c->info.step;
    t->info.tokens = c->info.tokens;
    if (evaluates_alike(&t->info.config, &c->info.config)) {
        t->info.best_loss = c->info.best_loss;
        t->info.best_step = c->info.best_step;
    }
    return rc;
}
