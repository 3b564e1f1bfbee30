/* training.h - a training session: a run begun, resumed or made from other weights, to
 * its end or until someone asks it to stop; checkpoints on the way. The same settings
 * and data give the same bytes, in one go or in parts, on any number of threads and
 * processes; only with `minutes` the clock has a say. */
#ifndef BL_TRAINING_H
#define BL_TRAINING_H

#include "base/self.h"
#include "flow/clock.h"
#include "flow/forecast.h"
#include "flow/group.h"
#include "flow/start.h"

typedef struct bl_training bl_training;

/* How far it is, after each step; what does not move, points. */
typedef struct {
    const bl_train_row *row;
    const bl_train_config *config;
    double smooth_loss;
    double valid_loss;      /* the last one, NaN before */
    double tokens_a_second; /* of all processes; 0 / 0 without a clock */
    double steps_a_second;
    bl_training *training; /* for bl_training_share */
} bl_training_now;

/* What somebody may want after a step. */
typedef enum {
    BL_TRAINING_GOES_ON,
    BL_TRAINING_SAVES, /* a checkpoint, and goes on */
    BL_TRAINING_STOPS  /* with a checkpoint */
} bl_training_wanted;

/* What it cannot know by itself; each may be NULL. All get `arg`. */
typedef struct {
    void (*read)(void *arg); /* the inputs are: stopping saves from now on */
    void (*tell)(void *arg, const bl_training_now *now);
    bl_training_wanted (*asked)(void *arg);
    int64_t (*peak_bytes)(void *arg); /* of memory of this process, for `costs` */
    void *arg;
} bl_training_calls;

typedef struct {
    bl_start_wish start; /* start.run is the folder to write */
    int replaces;        /* a run that is there */
    double minutes;      /* as many steps as these allow, 0: as the settings say */
    double save_every;   /* minutes: a checkpoint at least so often */
    int64_t keep;        /* checkpoints beside the best */
    const char *costs; /* a table to append a row a checkpoint to (costs.h), or NULL */
    int threads;
    double memory_here; /* bytes that may be had, 0: as many as are wanted */
    bl_clock clock;
    bl_group *group; /* NULL: alone */
    bl_notices notices;
    bl_training_calls calls;
} bl_training_wish;

typedef struct {
    int64_t steps, tokens; /* of the run, all of it */
    double best_loss;      /* of samples; infinity without validation */
    int64_t best_step;
    double split_loss; /* of the whole validation split; NaN where no step was made */
} bl_training_end;

/* Trains, and sets *end. What could not be written on the way is told by a notice, and
 * at the end by BL_E_IO. BL_E_CREATE where a run is there that must not be replaced;
 * BL_E_NOMEM where it needs more than memory_here; BL_E_DIVERGED where numbers are no
 * longer finite: the last checkpoint is good; BL_E_STOPPED where that is asked;
 * BL_E_ARG where there are minutes and no clock; as bl_start_read. In a group all get
 * the same code, and the one that is not silent has the cause. */
int bl_train(const bl_training_wish *w, const bl_self *self, bl_training_end *end,
             bl_err *e) BL_MUST_CHECK;

/* Of the run that bl_train would make: reads the inputs, writes nothing; data may be
 * missing where something else says how many tokens there are. *rate: the
 * floating-point operations a second that it will reach, about; 0 without a clock or
 * memory to measure them. */
int bl_train_forecast(const bl_training_wish *w, bl_forecast *f, double *rate,
                      bl_err *e) BL_MUST_CHECK;
/* The same as a table that is appended (bl_forecast_write). */
int bl_train_forecast_table(const bl_training_wish *w, bl_buf *table,
                            bl_err *e) BL_MUST_CHECK;

/* Its speed as a share of what matrix products reach in all processes, which is timed
 * at the first call. */
double bl_training_share(const bl_training_now *now);

/* "10/600  ep 0.31  loss 4.012  val -  8.1k tok/s 40%" in `line`, of grooves win/s;
 * returns the seconds that are left. */
enum { BL_TRAINING_LINE = 160 };
double bl_training_line(const bl_training_now *now, char line[BL_TRAINING_LINE]);

#endif
