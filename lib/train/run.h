/* run.h - the folder of a training run:
 *   ckpt-00001000.safetensors  the last `keep`, and the best one
 *   latest, best               links to them, replaced by rename
 *   metrics.tsv                one row a step (schemas/train-log.md)
 *   config.json                what is trained (schemas/config.schema.json) */
#ifndef BL_RUN_H
#define BL_RUN_H

#include "train/loop.h"

enum { BL_RUN_PATH = 4096, BL_RUN_KEEP = 2, BL_RUN_KEEP_MAX = 1000 };

typedef struct {
    char dir[BL_RUN_PATH - 64];
    int metrics;   /* descriptor of metrics.tsv */
    int64_t bytes; /* its length */
    int64_t lacks; /* rows that are not there, of those up to the step resumed at */
    int is_old;    /* a table of train-log/1 goes on as such */
    int is_groove; /* its table has more columns */
    int keep;      /* checkpoints that stay beside the best, 1 .. BL_RUN_KEEP_MAX; 0 is
                    * BL_RUN_KEEP; to be set after the run is begun or resumed */
} bl_run;

/* 1 if the folder holds a run, or the beginnings of one. */
int bl_run_exists(const char *dir);

/* Begins a run: makes the folder if need be, writes config.json and the head of
 * metrics.tsv. An old run there is removed where `anew` is set, else BL_E_CREATE, which
 * is also the code where another process is writing the run: from here to bl_run_close
 * the folder is ours. BL_E_IO. Release with bl_run_close, also after an error. */
int bl_run_begin(bl_run *r, const char *dir, const bl_train_config *c, int anew,
                 bl_err *e) BL_MUST_CHECK;

/* Goes on with a run at info->step: cuts the rows of metrics.tsv that are later,
 * removes half-written files, writes config.json anew. BL_E_FORMAT where metrics.tsv is
 * not the table of a run: it is left as it is. Else as bl_run_begin. */
int bl_run_resume(bl_run *r, const char *dir, const bl_ckpt_info *info,
                  bl_err *e) BL_MUST_CHECK;

/* Appends a row. After BL_E_IO the table is as before. */
int bl_run_log(bl_run *r, const bl_train_row *row, bl_err *e) BL_MUST_CHECK;

/* Writes a checkpoint, points `latest` to it (and `best`, if this is the best step or
 * none was evaluated), removes those no longer needed. After an error the latest and
 * the best before are still there; older ones may have made room in vain. */
int bl_run_save(bl_run *r, const bl_trainer *t, bl_err *e) BL_MUST_CHECK;

/* Writes config.json anew. */
int bl_run_config(const bl_run *r, const bl_train_config *c, bl_err *e) BL_MUST_CHECK;

void bl_run_close(bl_run *r);

/* The checkpoint that a path means: itself if it is no folder; in a run folder `name`
 * ("best" or "latest"); where that link leads nowhere the latest, or the newest file.
 * BL_E_OPEN. */
int bl_run_find(const char *path, const char *name, char found[BL_RUN_PATH],
                bl_err *e) BL_MUST_CHECK;
/* 1 if the folder holds a checkpoint to go on from, 0 if not, or the error of finding
 * out. */
int bl_run_has_ckpt(const char *path, bl_err *e) BL_MUST_CHECK;
/* 1 and the newest checkpoint that is older than the one a link in a run folder leads
 * to, or 0. */
int bl_run_older(const char *link, char found[BL_RUN_PATH]);

#endif
