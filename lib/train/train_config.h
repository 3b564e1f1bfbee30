/* train_config.h - every number of a training run: the shape of the model, the
 * optimiser, how the data are read. One table (base/setting.h), the model's rows and
 * then those of training, gives the JSON form, schemas/config.schema.json, the bounds
 * and `--set key=value`. */
#ifndef BL_CONFIG_H
#define BL_CONFIG_H

#include "io/json.h"
#include "model/model.h"

typedef enum {
    BL_LR_COSINE,
    BL_LR_CONSTANT,
    BL_LR_INV_SQRT,
    BL_LR_LINEAR,
    BL_LR_WSD,
    BL_N_LR
} bl_lr_kind;

/* AdamW for all parameters, Muon for the matrices between hidden states, or gradients
 * with momentum for all. */
typedef enum { BL_ADAMW, BL_MUON, BL_SGD, BL_N_OPTIMIZERS } bl_optimizer;

typedef struct {
    bl_model_config model; /* model.vocab is set by the data */
    int lanes;             /* B: pieces read side by side */
    int accumulate;        /* batches whose gradients are added up for one step */
    int workers;           /* W: shards of a batch, summed over a tree (workers.h) */
    int64_t steps;         /* of the whole run; the schedule ends there */
    int64_t seed;          /* of initial weights, order of pieces, dropout */
    double lr;             /* highest learning rate */
    double min_lr;         /* cosine: the last one, as a share of lr */
    int64_t warmup;        /* steps of linear rise */
    int schedule;          /* bl_lr_kind */
    double cooldown;       /* wsd: share of the steps in which the rate falls */
    int optimizer;         /* bl_optimizer */
    double momentum;       /* of Muon and SGD */
    double average;        /* mean age of the averaged weights, a share of the steps so
                            * far (bl_average); 0 = the last weights */
    double clip;           /* global gradient norm, 0 = no clipping */
    double beta1, beta2;   /* Adam (Kingma and Ba 2015) */
    double eps;
    double weight_decay; /* decoupled, on bl_param.decay (Loshchilov and Hutter 2019) */
    int64_t eval_every;  /* steps between evaluations, 0 = only at the end */
    int64_t eval_tokens; /* of the validation split; 0 = all of it */
    int eval_segment;    /* T and M of evaluation; 0 = those of training */
    int eval_memory;     /* or BL_EVAL_APART */
    int64_t patience; /* evaluations without a better one that end a run; 0 = none do */
    int64_t beta_cycle;   /* steps from one rise of beta to the next; 0 = it stays */
    double beta_rise;     /* share of them in which it rises */
    double hit_balance;   /* of cells by how often they are hit, 0 = none */
    double genre_balance; /* of windows by how many there are of their genre */
} bl_train_config;

/* eval_memory=none: each segment is evaluated without what came before it. */
enum { BL_EVAL_APART = -1 };

/* The i-th setting, those of the model first; NULL beyond the last. */
const bl_setting *bl_config_setting(size_t i);
/* Every setting as usual. */
bl_train_config bl_config_default(void);

/* An architecture with what it learns with at once, whatever the seed: norms before the
 * sub-layers where the published form has them behind, the rates of an LSTM and
 * of a VAE, an LSTM's warm-up. */
void bl_config_arch(bl_train_config *c, bl_arch arch);
/* Norms behind the sub-layers, as published, with the warm-up that they need. Does
 * nothing where they are there already. */
void bl_config_post_norm(bl_train_config *c);

/* The named settings "tiny", "small", "minutes" (the default), "remi", "seed", and the
 * published sizes "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", which have the
 * vocabulary of theirs until the data give another; BL_E_ARG lists them where the name
 * is another. */
int bl_config_preset(bl_train_config *c, const char *name, bl_err *e) BL_MUST_CHECK;
/* "tiny|small|...", for a table of options; and the i-th of them, NULL beyond the last.
 */
const char *bl_config_presets(void);
const char *bl_config_preset_name(int i);

/* 1 if settings of that name (`len` characters) go before others, which follow them. */
int bl_config_leads(const char *key, size_t len);

/* The key of the setting that is perhaps meant by a name of len bytes, of which a third
 * may be wrong, or NULL. */
const char *bl_config_near(const char *name, size_t len);
/* Changes one field from "key=value". BL_E_ARG for an unknown key (the message names
 * the nearest one), a bad value, or one out of range. */
int bl_config_set(bl_train_config *c, const char *assignment, bl_err *e) BL_MUST_CHECK;

/* Changes settings as a whole, in whatever order they come: those of a JSON file (NULL:
 * none), then n assignments "key=value". arch goes first, as it sets others, and one
 * that is assigned undoes what another one in the file decides; then, if
 * `follow` or where arch is among them, what is not named follows what it depends on:
 * positions pos and segment, compressed arch and memory. follow = 0 where the settings
 * are those of weights that exist. Codes as of bl_config_set and bl_config_read. */
int bl_config_change(bl_train_config *c, const char *file, const char *const *set,
                     size_t n, int follow, bl_err *e) BL_MUST_CHECK;

/* BL_E_ARG for the first of n assignments that is without effect beside the others: who
 * assigns something wants it to matter. Presets and files of all settings may say more
 * than is used. */
int bl_config_check_use(const bl_train_config *c, const char *const *set, size_t n,
                        bl_err *e) BL_MUST_CHECK;

/* Changes the fields that the object names; others stay. BL_E_FORMAT for an unknown
 * key, another type, or a value out of range. "schema" must be "xl-config/1" if it is
 * there. */
int bl_config_read(bl_train_config *c, const bl_json *object, bl_err *e) BL_MUST_CHECK;
/* All fields as a JSON object; the caller releases it with bl_json_del. */
bl_json *bl_config_json(const bl_train_config *c, bl_err *e) BL_MUST_CHECK;

/* Lanes that an evaluation of so many pieces runs in: none idles to the end, and the
 * same wherever it is computed. */
static inline int bl_eval_lanes(const bl_train_config *c, uint64_t n_pieces)
{
    return (int)bl_max(1, bl_min(c->lanes, (int64_t)n_pieces));
}
/* The model that evaluates: eval_segment and eval_memory in their places. (With
 * BL_EVAL_APART it has the slots of training, which bl_evaluate leaves empty.) */
bl_model_config bl_config_eval(const bl_train_config *c);

/* What no field's own bounds can say, e.g. heads that do not divide the width. */
int bl_config_check(const bl_train_config *c, bl_err *e) BL_MUST_CHECK;

/* The key of the first field that must stay, for the weights to fit or also for a run
 * to go on, in which two configs differ; or NULL. */
const char *bl_config_differs(const bl_train_config *a, const bl_train_config *b,
                              bl_setting_fixed fixed);

#endif
