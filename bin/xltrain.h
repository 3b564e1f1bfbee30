/* xltrain.h - what the files of xltrain share: the job. */
#ifndef XLTRAIN_H
#define XLTRAIN_H

#include "cli/tool.h"
#include "io/shards.h"
#include "train/loop.h"
#include "train/run.h"

enum { TRAIN = 0, VALID = 1 };

typedef struct {
    const char *data, *config, *init, *eval, *log_probs, *costs;
    int preset, precision, resume, dry_run;
    int64_t steps;
    double minutes, save_every;
    int64_t keep;
    bl_opt_list set;
    bl_opt_common common;
    bl_opts opts;
    bl_log *log;

    bl_pool *pool;
    bl_shards shards[2]; /* train and valid, or the split to evaluate */
    bl_ckpt ckpt;        /* to go on or begin from */
    bl_train_config plan;
    const char *asked; /* the precision that it is not, NULL: none */
    bl_json *pg;
    bl_trainer trainer;
    bl_run run;

    double begun, saved, counted; /* seconds on the log's clock */
    int64_t first_step, first_tokens, counted_tokens;
    double smooth_loss, valid_loss, split_loss;
    double entropy; /* of the frequencies of the tokens, nats */
    double peak;    /* flop/s of matrix products here, 0 = not measured yet */
    int rows_lost;
    bl_err row_lost; /* the first */
    bl_err unsaved;  /* why the last checkpoint could not be written */

    bl_comm *comm;
    int silent;   /* another process tells of the error */
    int deserted; /* the others do not know of it */
} job;

/* The pieces of a split as the trainer takes them. */
bl_pieces pieces_of(const bl_shards *s);
/* The checkpoint at `path`, or the one of that name in a run folder; with its state or
 * without. */
int load_ckpt(job *j, const char *path, const char *name, int state,
              bl_err *e) BL_MUST_CHECK;
/* Whether its vocabulary is that of the data. */
int check_vocab(const job *j, const char *path, bl_err *e) BL_MUST_CHECK;
/* Sets j->pg, the programs that made data and weights, this one last. */
int make_pg(job *j, bl_err *e) BL_MUST_CHECK;
/* --precision, and fp32 with a line where the processor cannot do it. */
void choose_precision(job *j, bl_model_config *c);

/* xltrain_plan.c: --dry-run, and one line about the run before it begins. */
int print_plan(const job *j);
void say_plan(const job *j);
/* BL_E_NOMEM where the run needs more memory than this machine, or what confines us,
 * has: allocating it may succeed all the same, and the system would kill us later. */
int check_memory(const job *j, bl_err *e) BL_MUST_CHECK;
/* Floating-point operations a second of matrix products in the precision of the run,
 * timed now; 0 without memory for it. */
double gauge(const job *j);
/* xltrain_group.c: partners of MPI. 1 in the process that writes and speaks: */
int leads(const job *j);
/* Finds the partners. */
int join_group(job *j, bl_err *e) BL_MUST_CHECK;
/* All come here, each with a status: 0 if that is 0 for all. */
int agree(job *j, int rc, bl_err *e) BL_MUST_CHECK;
/* Whether all have the same settings and data and round alike. */
int check_same(job *j, bl_err *e) BL_MUST_CHECK;
/* xltrain_costs.c: whether --costs names a table of costs, or nothing yet. */
int check_costs(const char *path, bl_err *e) BL_MUST_CHECK;
/* The row of --costs that goes with the checkpoint just written. */
void log_costs(job *j);
/* xltrain_eval.c: --eval. */
int evaluate(job *j, bl_err *e) BL_MUST_CHECK;

#endif
