/* xlsample.h - what the files of xlsample share: the job. */
#ifndef XLSAMPLE_H
#define XLSAMPLE_H

#include "cli/tool.h"
#include "model/sample.h"
#include "token/merges.h"
#include "token/plan.h"
#include "train/ckpt.h"

enum {
    GROUP = 8,  /* pieces side by side; the bytes of one do not depend on the others */
    AHEAD = 64, /* pieces that may be begun or done behind one that is not done yet */
};

/* One piece as it grows: in the scheme's ids, and in the model's, where one may stand
 * for several. */
typedef struct {
    int64_t piece; /* -1: none */
    bl_grammar grammar;
    bl_rng rng;
    bl_ids ids;
    size_t n_prompt; /* of them given, not sampled */
    size_t whole;    /* of them up to where the piece may end or be ended */
    bl_grammar at_whole;
    bl_ids fed;
    size_t n_fed; /* of them read by the model */
    bl_plan_at at;
    int64_t bars, prompt_bars;
    int64_t steps; /* drawn, in a scheme without bars */
    /* up to the last beginning of a bar or step that was measured, without the prompt;
     * exact from where the next one may be the last */
    double seconds;
    int64_t measured; /* bars then */
    double prompt_seconds;
} lane;

typedef struct {
    const char *prompt, *chords, *labels;
    int64_t n, bars, max_tokens, tempo, top_k;
    double seconds, temperature, top_p, min_p;
    int no_grammar, precision;
    bl_opt_common common;
    bl_opts opts;
    bl_log *log;

    bl_ckpt ckpt;
    bl_pool *pool;
    bl_scheme *scheme;
    bl_model *model;
    bl_gen *gen;
    int n_vocab;         /* of the model */
    int32_t *to_vocab;   /* [scheme words] scheme id -> model id or -1 */
    uint16_t *to_scheme; /* [n_vocab] but for merges */
    bl_merges merges;    /* over model ids */
    bl_merge_rule rule;
    bl_ids *parts; /* [merges.n] scheme ids that each merge stands for */

    bl_plan plan;
    bl_song song;    /* scratch of time */
    bl_ids *prompts; /* [n_prompts] */
    size_t n_prompts, prompts_cap;
    bl_json *prompt_pg;

    int streams; /* pieces side by side, at most GROUP */
    lane lanes[GROUP];
    bl_ids done[AHEAD]; /* piece i at i % AHEAD, not written yet; empty: not done */
    int64_t n_begun, n_written;
    bl_real *logits;      /* (GROUP, n_vocab) */
    uint8_t *scheme_mask; /* [scheme words] */
    uint8_t *mask;        /* [n_vocab] */
    int32_t *order;       /* [n_vocab] scratch of bl_sample */
    double *prob;         /* [n_vocab] scratch of bl_sample */
    int64_t n_sampled, n_cut, n_silent;
} xlsample;

/* The model of a checkpoint or run folder, its scheme and vocabulary. */
int xlsample_open(xlsample *j, const char *path, bl_err *e) BL_MUST_CHECK;
/* What each piece begins with and how it ends: --bars, --prompt, --labels, --tempo,
 * --chords. */
int xlsample_settle(xlsample *j, bl_err *e) BL_MUST_CHECK;
/* Draws all pieces, some side by side, and gives them to `write` in order. */
typedef int xlsample_write(xlsample *j, void *arg, int64_t piece, const bl_ids *ids,
                           bl_err *e);
int xlsample_draw(xlsample *j, xlsample_write *write, void *arg,
                  bl_err *e) BL_MUST_CHECK;

#endif
