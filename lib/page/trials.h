/* trials.h - training runs as an experiment sees them: trials of settings, several of
 * each that differ in their seed, as tables and as a page (schemas/runs.md). */
#ifndef BL_TRIALS_H
#define BL_TRIALS_H

#include "feature/field.h"
#include "page/svg.h"

/* What is measured of a trial. Costs come last: they are not the same twice. */
enum {
    BL_TRIAL_NATS, /* a token of the split that was evaluated at the end */
    BL_TRIAL_BITS, /* a note, likewise */
    BL_TRIAL_VALID,
    BL_TRIAL_BEST_STEP,
    BL_TRIAL_STEPS,
    BL_TRIAL_SPEED, /* tokens a second, validation included */
    BL_TRIAL_MINUTES,
    BL_TRIAL_MEMORY, /* MiB at its peak */
    BL_TRIAL_MEASURES,
    BL_TRIAL_COSTS = BL_TRIAL_SPEED
};

typedef enum {
    BL_TRIAL_DONE,
    BL_TRIAL_UNFINISHED,
    BL_TRIAL_FAILED,
    BL_TRIAL_NOT_RUN
} bl_trial_state;

/* A row of `points`: an evaluation on the validation split; of models of grooves with
 * the terms of the loss (bl_curve_term). */
enum {
    BL_POINT_STEP,
    BL_POINT_TOKENS,
    BL_POINT_MINUTES,
    BL_POINT_LOSS,
    BL_POINT_TERMS,
    BL_POINT_SIZE = BL_POINT_TERMS + 4
};

typedef struct {
    char *setting, *words; /* its name, and how xltrain was asked for it or "" */
    int64_t seed;          /* -1: not known */
    bl_trial_state state;
    int status;                      /* of the program that failed */
    int64_t window;                  /* of grooves: the targets of one, otherwise 0 */
    double value[BL_TRIAL_MEASURES]; /* NaN where not known */
    bl_series points;
} bl_trial;

typedef struct {
    bl_trial *trial;
    size_t n, cap;
} bl_trials;

/* What a run folder says. Texts end with NUL; NULL where there is no such file. */
typedef struct {
    const char *name;     /* of the folder: the setting, where there is no record */
    const char *record;   /* run.tsv: name, settings, seed, status */
    const char *metrics;  /* metrics.tsv */
    const char *eval;     /* eval.tsv: what xltrain --eval printed */
    const char *surprise; /* surprise.tsv: what featstats --surprise printed */
    const char *costs;    /* costs.tsv: of xltrain --costs */
    /* of config.json; -1 where not known */
    int64_t seed, steps, eval_every, patience;
    int64_t window; /* of a model of grooves the steps of a window, otherwise 0 */
} bl_trial_files;

/* Appends a trial. BL_E_FORMAT where metrics.tsv is none; BL_E_NOMEM. Zero-initialise;
 * release with bl_trials_free, also after an error. */
int bl_trials_add(bl_trials *all, const bl_trial_files *files, bl_err *e) BL_MUST_CHECK;
void bl_trials_free(bl_trials *all);

/* How a measure is shown: its name in TSV, its heading for people, digits there, and
 * whether the deviation says something. [BL_TRIAL_MEASURES] */
typedef struct {
    const char *name, *title;
    int digits, has_sd;
} bl_trial_column;
const bl_trial_column *bl_trial_columns(void);
/* That heading where it is of these trials: the loss of a model of grooves is no nats,
 * and where there are no others its speed is told in windows. */
const char *bl_trials_title(const bl_trials *all, int measure);
/* What stands below that heading for a trial, or a mean of its like, of so much. */
double bl_trials_shown(const bl_trials *all, const bl_trial *t, int measure, double x);

/* The trials of one setting that ended alike: a row of the table. */
typedef struct {
    const bl_trial *first;
    size_t n;
    double mean[BL_TRIAL_MEASURES], sd[BL_TRIAL_MEASURES]; /* of those that know it */
    bl_buf seeds;                                          /* "1,2,3", ended by NUL */
} bl_trial_row;

/* All rows: settings in the order of the trials, within each by how they ended.
 * BL_E_NOMEM; bl_trial_rows_free also after an error. */
int bl_trial_rows_make(bl_trial_row **rows, size_t *n, const bl_trials *all,
                       bl_err *e) BL_MUST_CHECK;
void bl_trial_rows_free(bl_trial_row *rows, size_t n);
const char *bl_trial_state_name(bl_trial_state state);
/* How many settings there are. */
size_t bl_trials_settings(const bl_trials *all);
/* 1 if some trial has numbers of the term that are not 0 (bl_bands.term). */
int bl_trials_have_term(const bl_trials *all, int term);

/* Appends the table with its line of names (schemas/runs.md); without costs the same
 * experiment gives the same bytes. */
int bl_trials_tsv(const bl_trials *all, int with_costs, bl_buf *out,
                  bl_err *e) BL_MUST_CHECK;
/* Appends the table for people. */
int bl_trials_text(const bl_trials *all, int with_costs, bl_buf *out,
                   bl_err *e) BL_MUST_CHECK;
/* Appends a self-contained HTML page: table, curves, each run. */
int bl_trials_page(const bl_trials *all, int with_costs, bl_buf *out,
                   bl_err *e) BL_MUST_CHECK;

/* ---- the picture ---- */

typedef struct {
    int by;   /* BL_POINT_STEP, _TOKENS or _MINUTES: what goes to the right */
    int term; /* 0: the loss; n: the n-th of its terms, counted from 1 */
    int is_log;
    int is_standalone;
} bl_bands;

/* Draws validation losses, or terms of them: of each setting a line, the mean of its
 * seeds, in a band from the lowest to the highest, and a thin line for each seed. The
 * frame shows what comes after the first tenth; a logarithmic one everything. Errors
 * stay in s->rc. */
void bl_bands_draw(bl_svg *s, const bl_trials *all, const bl_bands *how);

#endif
