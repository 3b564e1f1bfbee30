/* loop.h - training one step at a time, and evaluation. Says nothing, reads no clock,
 * writes no file: flow/training.c does these with run.h. The same config and data give
 * the same bytes, in one go or stopped and resumed at any step, on any number of
 * threads. */
#ifndef BL_LOOP_H
#define BL_LOOP_H

#include "train/batch.h"
#include "train/ckpt.h"
#include "nn/op/optim.h"
#include "train/train_config.h"
#include "train/workers.h"

/* One row of metrics.tsv (schemas/train-log.md). */
typedef struct {
    int64_t step;   /* from 1 */
    int64_t tokens; /* targets seen so far */
    double epoch;   /* tokens over the targets of an epoch */
    double lr;
    double loss;       /* mean -ln p of the step's targets, with dropout; NaN where it
                        * had none, as where all lanes read their conditions */
    double grad_norm;  /* of what learns from the loss, before clipping */
    double valid_loss; /* of a sample; NaN unless this step was evaluated */
    double split_loss; /* of the whole validation split; NaN unless this is the end */
    int64_t valid_tokens, split_tokens; /* targets of both; 0 without evaluation */
    bl_window_score score, valid_score; /* of windows; of the step and of the sample */
} bl_train_row;

typedef struct {
    bl_ckpt_info info;   /* step, tokens, best; the caller sets vocab, manifest, pg */
    bl_ckpt_state state; /* what a checkpoint saves */
    bl_batch batch;
    bl_workers workers;   /* alone, or with the partners of bl_workers_join */
    bl_pieces valid;      /* n_pieces 0: no validation */
    bl_model *eval_model; /* NULL without validation */
    int64_t epoch_targets;
    bl_adam_span *spans; /* one a parameter tensor */
    bl_real *scratch;    /* of Muon, or NULL */
    bl_pool *pool;
} bl_trainer;

/* Builds model, moments and data order; weights from the config's seed. The pool and
 * the pieces are borrowed. Release with bl_trainer_free, also after an error. */
int bl_trainer_init(bl_trainer *t, const bl_train_config *config,
                    const bl_pieces *train, const bl_pieces *valid, bl_pool *pool,
                    bl_err *e) BL_MUST_CHECK;

/* One optimiser step, and an evaluation where one is due. BL_E_DIVERGED before the
 * update where loss or gradient are not finite: parameters and moments are then as
 * they were. BL_E_DIVERGED after it where the validation loss is not. */
int bl_trainer_step(bl_trainer *t, bl_train_row *row, bl_err *e) BL_MUST_CHECK;

/* 1 if all steps of the config are done, or `patience` evaluations after the best one
 * were no better. */
int bl_trainer_done(const bl_trainer *t);
/* 1 if the step last made is one after which the config evaluates; a checkpoint should
 * be written then. */
int bl_trainer_due(const bl_trainer *t);

/* BL_E_DIVERGED where what a checkpoint would save is not finite: to be asked before
 * one is written. */
int bl_trainer_sound(const bl_trainer *t, bl_err *e) BL_MUST_CHECK;

/* Goes on from a checkpoint's state, which moves: parameters, moments, memories,
 * cursor, step, best. The config must not differ in what a run fixes
 * (bl_config_differs). */
int bl_trainer_resume(bl_trainer *t, bl_ckpt *c, bl_err *e) BL_MUST_CHECK;

void bl_trainer_free(bl_trainer *t);

/* The same of windows, all of them or a sample, with how well the model did: *sums. */
int bl_evaluate_windows(bl_model *m, const bl_pieces *pieces, int64_t max_tokens,
                        bl_window_sums *sums, double *loss, int64_t *targets,
                        bl_err *e) BL_MUST_CHECK;

/* Mean -ln p over the pieces, each read once with memory (`apart`: each segment without
 * what came before it) and without dropout, or over a sample of about max_tokens (0 =
 * all; bl_batch_init_once). Sets *loss and *targets. log_prob, if it is not NULL, has a
 * place for each token of the pieces and gets ln p of those that were predicted. The
 * memory of `m` is lost. */
int bl_evaluate(bl_model *m, const bl_pieces *pieces, int64_t max_tokens, int apart,
                float *log_prob, double *loss, int64_t *targets,
                bl_err *e) BL_MUST_CHECK;

#endif
