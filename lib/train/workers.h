/* workers.h - the gradient of a step, from W virtual workers. Worker w reads the lanes
 * w B/W ... of each batch and keeps the memories of them; the gradients are summed over
 * a fixed binary tree, ((0 + 1) + (2 + 3)) + ... Each process runs the same number of
 * workers, neighbours in the tree, and the tree goes on between processes: however many
 * there are, the sums have the same bytes. W is a setting of the run, their number is
 * not.
 *
 * Every process holds all parameters and moments and draws all batches (ids only), so
 * that gradients, losses and, for a checkpoint, memories are all that travels. */
#ifndef BL_WORKERS_H
#define BL_WORKERS_H

#include "train/batch.h"
#include "train/comm.h"
#include "train/train_config.h"
#include "train/window_batch.h"

typedef struct {
    const bl_train_config *config;
    bl_model *model; /* of B/W lanes: runs the workers one after the other */
    bl_batch *batch; /* of B lanes */
    bl_pool *pool;
    bl_comm *comm;   /* NULL = alone */
    int first, here; /* the workers that this process runs */

    /* Memories between steps; with one worker they stay in the model and these are
     * NULL. Where there are partners only the lanes of our own workers are up to date,
     * until bl_workers_collect. */
    bl_real **memory;    /* [layers] (B, rows, D) */
    int32_t *mem_length; /* (B) */

    int depth;
    bl_real **part; /* [depth] (size) gradients that wait for their right neighbour */

    /* The batches of a step, `accumulate` of them. */
    int32_t *x, *y;             /* (accumulate, B, T) */
    bl_place *at;               /* as x; NULL where the batch has none */
    int32_t *n_real;            /* (accumulate, B) */
    int32_t *prefix;            /* (accumulate, B) */
    int32_t *source;            /* (accumulate, B, source), as the batch's; or NULL */
    int32_t *source_length;     /* (accumulate, B) */
    bl_place *source_at;        /* as source */
    uint8_t *fresh;             /* (accumulate, B) */
    int64_t *start;             /* (accumulate, B) of windows */
    int32_t *length;            /* (B) of the memories after the step */
    int64_t n_targets, n_terms; /* of the step, in all processes */
    bl_window_lanes windows;    /* of a worker */
    bl_window_sums sums;        /* of the step, in all processes, of windows */
} bl_workers;

/* All but comm is borrowed; alone at first. Release with _free, also after an error. */
int bl_workers_init(bl_workers *w, const bl_train_config *config, bl_model *model,
                    bl_batch *batch, bl_pool *pool, bl_err *e) BL_MUST_CHECK;
void bl_workers_free(bl_workers *w);

/* Bytes that they hold besides the model, and in a group to receive sums. */
int64_t bl_workers_bytes(const bl_train_config *config);

/* Takes a share of the workers; the group is borrowed. BL_E_ARG where there are more
 * processes than workers. */
int bl_workers_join(bl_workers *w, bl_comm *comm, bl_err *e) BL_MUST_CHECK;

/* Draws the batches of step `step` (from 0), and adds the gradient of the mean loss of
 * all their targets to the model's gradients, and that of the mean auxiliary loss of
 * all their queries: each weighs the same, wherever it stands. All processes get the
 * same gradient, *loss and *targets. BL_E_IO without a partner. */
int bl_workers_run(bl_workers *w, int64_t step, double *loss, int64_t *targets,
                   bl_err *e) BL_MUST_CHECK;

/* Brings the memories of all lanes to process 0. */
int bl_workers_collect(bl_workers *w, bl_err *e) BL_MUST_CHECK;

#endif
