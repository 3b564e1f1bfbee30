/* optim.h - Adam, gradient norm and learning-rate schedules. */
#ifndef BL_OPTIM_H
#define BL_OPTIM_H

#include "nn/kernel/pool.h"
#include "nn/kernel/real.h"

typedef enum {
    BL_COSINE,
    BL_CONSTANT,
    BL_INV_SQRT,
    BL_LINEAR,
    BL_WSD
} bl_schedule_kind;

typedef struct {
    bl_schedule_kind kind;
    double lr;        /* the highest */
    double min_ratio; /* cosine ends at lr * min_ratio */
    double cooldown;  /* share of the steps in which wsd falls, after warm-up at most */
    int64_t warmup;   /* steps of linear rise from 0 */
    int64_t total;    /* steps of the run, warm-up included */
} bl_schedule;

/* The rate of a step counted from 0, after warm-up with x = the share done of what
 * follows:
 *   cosine    between lr and lr * min_ratio
 *   inv_sqrt  lr * sqrt(warmup / step) (Vaswani et al. 2017, 5.3, scaled to peak at lr)
 *   linear    lr * (1 - x), to zero (Bergsma et al. 2025)
 *   wsd       lr, and at last lr * (1 - sqrt(x)) with x = the share done of the
 * cooldown (warm-up, stable, decay: Hu et al. 2024; the root: Haegele et al. 2024) */
double bl_lr(const bl_schedule *s, int64_t step);

enum { BL_ADAM_GROUPS = 2 };

typedef struct {
    double lr, beta1, beta2, eps;
    double weight_decay; /* decoupled (Loshchilov, Hutter 2019) */
    /* the gradients of each group are multiplied by it first (clipping) */
    double scale[BL_ADAM_GROUPS];
    int64_t step; /* from 1 */
} bl_adam_params;

/* A run of values of one group, to which weight_decay applies or not; of the group
 * BL_ADAM_STILL, which stay as they are, rows 0. Where rows > 0 it is a matrix of so
 * many, which is Muon's: Adam leaves it alone. */
enum { BL_ADAM_STILL = -1 };

typedef struct {
    int64_t start, end;
    int decay, group;
    int64_t rows;
} bl_adam_span;

/* One Adam update (Kingma, Ba 2015, algorithm 1) of all values from their gradients,
 * which it leaves at 0 for the next step: one pass over the memory. First and second
 * moments m, v. The spans cover 0 .. n in order. */
void bl_adam(bl_pool *pool, const bl_adam_params *p, const bl_adam_span *spans,
             int n_spans, bl_real *value, bl_real *grad, bl_real *m, bl_real *v);
/* The naive twin, for tests: the formulas of the paper in double. */
void bl_adam_naive(const bl_adam_params *p, const bl_adam_span *spans, int n_spans,
                   bl_real *value, bl_real *grad, bl_real *m, bl_real *v);

/* Gradients with momentum (Sutskever et al. 2013, as torch's SGD): m = momentum m +
 * gradient, value -= lr m; of p lr, weight_decay and scale, otherwise as bl_adam. */
void bl_sgd(bl_pool *pool, const bl_adam_params *p, double momentum,
            const bl_adam_span *spans, int n_spans, bl_real *value, bl_real *grad,
            bl_real *m);

/* The average of weights over their past: mean += (value - mean) w, where w = (1/age -
 * 1) / (step + 1/age - 2), at most 1, makes `age` (0 .. 1/2) the mean age of what mean
 * holds as a share of the steps so far (polynomial decay: Shamir and Zhang 2013; 1/2
 * weighs all alike). step from 1. */
void bl_average(bl_pool *pool, double age, int64_t step, int64_t n,
                const bl_real *value, bl_real *mean);

/* Gradients of several shards, summed two and two: put_aside moves n of them to `part`
 * and leaves 0; add makes them part + grad. */
void bl_grads_put_aside(bl_pool *pool, int64_t n, bl_real *grad, bl_real *part);
void bl_grads_add(bl_pool *pool, int64_t n, bl_real *grad, const bl_real *part);

/* The Euclidean norm of a group's numbers, summed in double in a fixed order; not
 * finite if one of them is not. */
double bl_grad_norm(bl_pool *pool, const bl_adam_span *spans, int n_spans, int group,
                    const bl_real *grad);

#endif
