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
    int keep;      /* checkpoints that stay beside the best, 1 .. BL_RUN_KEEP_MAX; 0 is
                    * BL_RUN_KEEP; to be set after the run is begun or resumed */
} bl_run;

/* 1 if the folder holds a run. */
int bl_run_exists(const char *dir);

/* Begins a run: makes the folder if need be, removes what an old run left there, writes
 * config.json and the head of metrics.tsv. BL_E_CREATE or BL_E_IO. Release with
 * bl_run_close, also after an error. */
int bl_run_begin(bl_run *r, const char *dir, const bl_train_config *c,
                 bl_err *e) BL_MUST_CHECK;

/* Goes on with a run after `step`: cuts the rows of metrics.tsv that are later, removes
 * half-written files. */
int bl_run_resume(bl_run *r, const char *dir, const bl_train_config *c, int64_t step,
                  bl_err *e) BL_MUST_CHECK;

/* Appends a row. After BL_E_IO the table is as before. */
int bl_run_log(bl_run *r, const bl_train_row *row, bl_err *e) BL_MUST_CHECK;

/* Writes a checkpoint, points `latest` to it (and `best`, if this is the best step or
 * none was evaluated), removes those no longer needed. After an error the older ones
 * are still there. */
int bl_run_save(bl_run *r, const bl_trainer *t, bl_err *e) BL_MUST_CHECK;

/* Writes config.json anew. */
int bl_run_config(const bl_run *r, const bl_train_config *c, bl_err *e) BL_MUST_CHECK;

void bl_run_close(bl_run *r);

/* The checkpoint that a path means: itself if it is no folder; in a run folder `name`
 * ("best" or "latest"), or the other one where there is none. BL_E_OPEN. */
int bl_run_find(const char *path, const char *name, char found[BL_RUN_PATH],
                bl_err *e) BL_MUST_CHECK;

#endif
