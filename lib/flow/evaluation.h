/* evaluation.h - the loss of a checkpoint on a split, and ln p of each token. */
#ifndef BL_EVALUATION_H
#define BL_EVALUATION_H

#include "base/mem.h"
#include "base/self.h"
#include "flow/start.h"

typedef struct {
    /* data, init or else run (its best checkpoint), set (what the weights leave open),
     * precision; the rest does not matter */
    const bl_start_wish *start;
    const char *split;     /* its name */
    const char *log_probs; /* a file (schemas/xl-logprobs.md), "-": standard output, or
                            * NULL */
    int plain;             /* the file is not compressed */
    int threads;
    bl_notices notices;
} bl_evaluation_wish;

typedef struct {
    int64_t step; /* of the checkpoint */
    int64_t targets;
    double loss;           /* mean -ln p */
    bl_window_score score; /* of windows */
} bl_evaluation;

/* BL_E_MISMATCH where the vocabularies of checkpoint and data differ; BL_E_ARG where a
 * setting cannot be changed, or for another split; BL_E_CREATE and BL_E_IO of the file;
 * what reading gives. */
int bl_evaluate_split(const bl_evaluation_wish *w, const bl_self *self,
                      bl_evaluation *result, bl_err *e) BL_MUST_CHECK;
/* The same as a table that is appended, with the perplexity beside the loss, of windows
 * with what the loss is made of and how well hits are met; nothing
 * where log_probs are at standard output, its place. */
int bl_evaluate_table(const bl_evaluation_wish *w, const bl_self *self, bl_buf *table,
                      bl_err *e) BL_MUST_CHECK;

#endif
