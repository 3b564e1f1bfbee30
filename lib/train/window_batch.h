/* window_batch.h - windows of drums for a model of grooves: what its lanes are told of
 * a batch, and how well it does. */
#ifndef BL_WINDOW_BATCH_H
#define BL_WINDOW_BATCH_H

#include "train/batch.h"
#include "train/train_config.h"

/* Of some steps: the terms of the loss, summed as it is; cells hit in both target and
 * model, in the model alone, in the target alone, and all. */
typedef struct {
    double term[BL_N_TERMS];
    double hit, hit_wrong, missed, cells;
} bl_window_sums;

enum { BL_WINDOW_SUMS = BL_N_TERMS + 4 }; /* numbers in it */

/* The same as measures: terms over targets, the share of cells that are right, and of
 * hits the harmonic mean of precision and recall. NaN where nothing was measured. */
typedef struct {
    double term[BL_N_TERMS], accuracy, f1;
} bl_window_score;
bl_window_score bl_window_score_of(const bl_window_sums *s, double targets);
bl_window_score bl_window_no_score(void);
void bl_window_sums_add(bl_window_sums *to, const bl_windows *w);

/* What lanes are told. Zero-initialise; release with bl_window_lanes_free. */
typedef struct {
    bl_windows told;
    const bl_real **target; /* (lanes) */
    bl_real *weight;        /* (lanes) */
    int lanes;
} bl_window_lanes;

int bl_window_lanes_init(bl_window_lanes *w, int lanes, bl_err *e) BL_MUST_CHECK;
void bl_window_lanes_free(bl_window_lanes *w);
/* Tells a model the windows where lanes begin (batch.h: start), `draws` in training,
 * with the weights of the pieces then. Does nothing where the pieces are of tokens. */
void bl_window_tell(bl_window_lanes *w, bl_model *m, const bl_pieces *p,
                    const int64_t *start, const int32_t *n_real, double beta,
                    int draws);

/* Beta at a step: it rises as a sigmoid over beta_rise of each beta_cycle, and stays
 * (Fu et al. 2019, cyclical annealing). */
double bl_beta_at(const bl_train_config *c, int64_t step);

/* Weights by the effective number of samples, (1 - beta) / (1 - beta^n), with a mean of
 * 1 (Cui et al. 2019). Of each cell (numbers / 3 of them), n the windows that hit it;
 * the caller frees; NULL where beta is 0 or after BL_E_NOMEM. */
float *bl_cell_weights(const bl_pieces *p, size_t numbers, int voices, double beta,
                       bl_err *e);
/* Of each window by its class, n_classes of them. */
float *bl_class_weights(const int32_t *class, size_t n, int n_classes, double beta,
                        bl_err *e);

#endif
