/* refit.h - weights for another vocabulary: what has the same name keeps its row. */
#ifndef BL_REFIT_H
#define BL_REFIT_H

#include "flow/token_names.h"
#include "train/ckpt.h"

typedef struct {
    int64_t kept;  /* tokens of the new vocabulary that had a row */
    int64_t fresh; /* those that begin with the mean of all old rows */
    int64_t left;  /* old rows that nothing takes */
    /* of bl_refit_from: nothing was to be done; the ids are taken for the same, as
     * nothing names them and they are as many */
    int is_same, is_nameless;
} bl_refit_counts;

/* Gives a checkpoint without state, whose tokens are called as `names` says, the
 * vocabulary `to`: rows of embedding, output matrix and bias, or of the cells that read
 * tokens, and info.config.model.vocab. Ids of `names` beyond the model's vocabulary
 * name nothing. BL_E_FORMAT where a tensor is
 * missing, BL_E_NOMEM; the checkpoint is then of no use. */
int bl_refit(bl_ckpt *c, const bl_token_names *names, const bl_vocab *to,
             bl_refit_counts *n, bl_err *e) BL_MUST_CHECK;

/* The same of a checkpoint that was read from `path`, by the names of its vocabulary
 * or, of a folder of Hugging Face's form, of its tokenizer files; where nothing names
 * its tokens all rows are new, but for *n's is_nameless. Errors of bl_token_names_read
 * too. */
int bl_refit_from(bl_ckpt *c, const char *path, const bl_vocab *to, bl_refit_counts *n,
                  bl_err *e) BL_MUST_CHECK;

#endif
