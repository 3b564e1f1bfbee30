/* start.h - what a training begins with: the data, a checkpoint to go on or begin from,
 * and the settings. */
#ifndef BL_START_H
#define BL_START_H

#include "base/notice.h"
#include "io/shards.h"
#include "train/pairs.h"
#include "train/run.h"

/* Zero-initialised all is as the preset "minutes" says, but for precision and seed. */
typedef struct {
    const char *data;       /* a folder of shards; NULL: none, for a forecast */
    const char *run;        /* the run's folder */
    int resumes;            /* goes on with that run */
    const char *init;       /* a checkpoint whose weights are the first, or NULL */
    const char *preset;     /* NULL: the run's that is resumed, else "minutes" */
    const char *config;     /* a JSON file of settings, or NULL */
    const char *const *set; /* [n_set] "key=value" */
    size_t n_set;
    int precision; /* bl_precision, -1: as the settings say */
    int64_t seed;  /* -1: likewise */
    int64_t steps; /* 0: likewise */
} bl_start_wish;

/* Release with bl_start_free, also after an error. */
typedef struct {
    bl_shards train, valid;
    bl_ckpt ckpt; /* where the wish names one */
    bl_train_config plan;
    bl_token_place *places; /* of the vocabulary, or NULL: the plan asks for none */
    bl_pairs train_pairs, valid_pairs; /* the splits as the plan's model reads them */
    float *cell_weight, *lane_weight;  /* of windows of train, or NULL */
    const char *asked;                 /* the precision that it is not, NULL: none */
} bl_start;

/* Reads the data and the checkpoint, and settles the settings. Weights to begin with
 * take the data's vocabulary (refit.h); a notice tells of what changes. BL_E_MISMATCH
 * where a run to go on with and data do not belong together; BL_E_ARG where a setting
 * is not possible or cannot be changed; BL_E_OPEN where there is nothing to go on with;
 * and what reading gives. */
int bl_start_read(bl_start *s, const bl_start_wish *w, const bl_notices *notices,
                  bl_err *e) BL_MUST_CHECK;
void bl_start_free(bl_start *s);

/* ---- its steps, which evaluation takes too ---- */

/* A split that must hold a piece. */
int bl_start_split(bl_shards *s, const char *data, int split, bl_err *e) BL_MUST_CHECK;
/* The split as a model of c reads it, which borrows both, with the places of its
 * tokens. BL_E_ARG where it wants conditions and the split of `data` has none. */
int bl_start_pairs(bl_pairs *p, const bl_shards *s, const bl_model_config *c,
                   const bl_token_place *places, const char *data,
                   bl_err *e) BL_MUST_CHECK;
/* The checkpoint at `path`, or the one of that name in a run folder; with the state of
 * its training or without, and then of a folder of Hugging Face's form too (hub.h). */
int bl_start_ckpt(bl_ckpt *c, const char *path, const char *name, int with_state,
                  bl_err *e) BL_MUST_CHECK;
/* BL_E_MISMATCH where there are data and its vocabulary, read from `from`, is not that
 * of the data; one without names of its tokens fits if it has as many. */
int bl_start_check_vocab(const bl_shards *s, const char *data, const bl_ckpt *c,
                         const char *from, bl_err *e) BL_MUST_CHECK;
/* Sets c->precision: `asked` where that is not -1, and fp32, with a notice, where the
 * processor cannot do it. Returns the name of what it could not do, or NULL. */
const char *bl_start_precision(bl_model_config *c, int asked,
                               const bl_notices *notices);

#endif
