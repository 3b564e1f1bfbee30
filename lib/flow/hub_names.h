/* hub_names.h - what hub_read.c, hub_write.c and hub_config.c share: which part of a
 * tensor there is which part of one of ours, and settings under both names. */
#ifndef BL_HUB_NAMES_H
#define BL_HUB_NAMES_H

#include "flow/hub.h"

/* BL_HUB_ARIA is read only: what runs it is not part of transformers. */
typedef enum { BL_HUB_GPT2, BL_HUB_LLAMA, BL_HUB_ARIA, BL_N_HUB } bl_hub_kind;

/* Columns that a tensor of the hub and one of ours have in common: all of one of them,
 * a part of the other at most. */
typedef struct {
    char hub[96];       /* without "transformer." or "model." */
    char ours[48];      /* without "param." */
    int ndim;           /* of both; vectors are one row */
    int transposed;     /* the hub's is [cols, rows]; then it has a whole tensor */
    int64_t rows, cols; /* of what they have in common, as ours has it */
    int64_t hub_cols, hub_at; /* columns of all of the hub's, and the first */
    int64_t our_cols, our_at;
} bl_hub_link;

/* In the order of the model; links of one tensor of the hub stand together. Zero-
 * initialise, release with bl_hub_links_free. */
typedef struct {
    bl_hub_link *link;
    size_t n, cap;
} bl_hub_links;

/* All links of a model of that kind and config. 0, BL_E_NOMEM. */
int bl_hub_links_make(bl_hub_links *l, bl_hub_kind kind, const bl_model_config *c,
                      bl_err *e) BL_MUST_CHECK;
void bl_hub_links_free(bl_hub_links *l);

/* A name without the prefix that models of that kind may have. */
const char *bl_hub_bare(bl_hub_kind kind, const char *name);
/* Writes the name with it. */
void bl_hub_full(bl_hub_kind kind, const char *bare, char *to, size_t size);
/* 1 for what old files hold beside weights: masks and tables of angles. */
int bl_hub_is_ballast(bl_hub_kind kind, const char *bare);

/* Shape of the hub's tensor, and of ours: as many numbers as ndim. */
void bl_hub_shape(const bl_hub_link *l, int64_t shape[2]);
void bl_hub_our_shape(const bl_hub_link *l, int64_t shape[2]);
/* Copies what they have in common, to ours or to the hub's. */
void bl_hub_to_ours(const bl_hub_link *l, const float *hub, float *ours);
void bl_hub_to_hub(const bl_hub_link *l, const float *ours, float *hub);

/* config.json to settings: *kind, *m (with vocab), *ids. BL_E_FORMAT, BL_E_LIMIT. */
int bl_hub_config_read(const bl_json *o, bl_hub_kind *kind, bl_model_config *m,
                       bl_hub_ids *ids, bl_err *e) BL_MUST_CHECK;
/* The kind whose models have these settings; BL_E_ARG naming one that has no
 * counterpart. */
int bl_hub_kind_of(const bl_model_config *m, bl_hub_kind *kind,
                   bl_err *e) BL_MUST_CHECK;
/* config.json and generation_config.json. The caller releases them; NULL and
 * BL_E_NOMEM. */
bl_json *bl_hub_config(const bl_model_config *m, bl_hub_kind kind,
                       const bl_hub_ids *ids, bl_err *e) BL_MUST_CHECK;
bl_json *bl_hub_generation(const bl_hub_ids *ids, bl_err *e) BL_MUST_CHECK;
/* Tokens that a model of the kind sees at once, at most. */
int64_t bl_hub_context(const bl_model_config *m, bl_hub_kind kind);

/* 1 if the folder's config.json states a "model_type". */
int bl_hub_states_type(const char *dir, int *is_json);
/* Reads a JSON object from DIR/NAME; errors name the file. */
int bl_hub_json(const char *dir, const char *name, bl_json **o,
                bl_err *e) BL_MUST_CHECK;

#endif
