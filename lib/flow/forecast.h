/* forecast.h - what a run will take: memory, work, time. */
#ifndef BL_FORECAST_H
#define BL_FORECAST_H

#include "base/mem.h"
#include "flow/clock.h"
#include "io/shards.h"
#include "train/batch.h"
#include "train/train_config.h"

/* What people count a model's work in, and how many targets one is: a window of a
 * groove has one for each of its steps. */
typedef struct {
    const char *name, *many; /* "token", "tokens" */
    double targets;
} bl_unit;
bl_unit bl_unit_of(const bl_model_config *c);

typedef struct {
    int64_t parameters;
    int64_t bytes; /* of memory, the program's among them */
    int64_t checkpoint_bytes;
    double step_tokens; /* the last of a piece and padding among them */
    double step_work;   /* floating-point operations */
    double token_work;
    double token_bytes; /* of memory, for each token that is trained at once */
    double epoch_tokens;
    int64_t steps; /* of the run */
    double epochs;
    double work;  /* of all steps and evaluations */
    bl_unit unit; /* what the table has in the place of tokens */
} bl_forecast;

/* The pieces of a split as the trainer takes them; borrowed. */
bl_pieces bl_pieces_of(const bl_shards *s, const bl_token_place *places);

bl_forecast bl_forecast_of(const bl_train_config *c, const bl_shards *train,
                           const bl_shards *valid);
/* The same of a run that takes so many seconds at that rate, evaluations included. */
void bl_forecast_in(bl_forecast *f, double seconds, double rate);
/* BL_E_NOMEM where that is more than `here` bytes: allocating it may succeed all the
 * same, and the system would kill us later. */
int bl_forecast_check(const bl_forecast *f, double here, bl_err *e) BL_MUST_CHECK;

/* Appends a table: name, value, unit; without data only what does not follow from how
 * many there are. Speed and time, about, where `rate`
 * floating-point operations a second are reached; without them where that is 0. */
int bl_forecast_write(const bl_forecast *f, double rate, bl_buf *text,
                      bl_err *e) BL_MUST_CHECK;

/* Floating-point operations a second of matrix products, timed now; 0 without a clock
 * or memory for it. */
double bl_gauge(bl_pool *pool, bl_precision precision, const bl_clock *clock);
/* The share of that speed that training such a model reaches, about. */
double bl_gauge_share(const bl_model_config *c);

#endif
