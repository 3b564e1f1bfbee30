/* sampling_impl.h (internal) - what the files of a sampler share. */
#ifndef BL_SAMPLING_IMPL_H
#define BL_SAMPLING_IMPL_H

#include "flow/coder.h"
#include "flow/places.h"
#include "flow/sampling.h"
#include "token/pace.h"
#include "token/plan.h"
#include "train/ckpt.h"

enum {
    BL_SAMPLING_GROUP = 8, /* pieces side by side; the bytes of one do not depend on the
                            * others */
    BL_SAMPLING_AHEAD = 64, /* pieces that may be begun or done behind one that is not
                             * done yet */
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
    int64_t most_bars; /* where it ends; 0: no matter */
    double most_seconds;
    int64_t steps; /* drawn, in a scheme without bars */
    bl_pace pace;
    double seconds; /* up to the last beginning of a bar or step, without the prompt */
    double prompt_seconds;
} bl_sampling_lane;

struct bl_sampling {
    const bl_sampling_wish *wish;
    int64_t n;    /* pieces, as settled */
    int64_t bars; /* likewise */
    double *like; /* [n_like] bars or seconds of pieces; NULL: all end alike */
    size_t n_like, like_cap;
    int like_has_bars; /* which of both */

    bl_ckpt ckpt;
    bl_pool *pool;
    bl_scheme *scheme;
    bl_gen *gen;
    int n_vocab;                    /* of the model */
    bl_coder coder;                 /* between the scheme's ids and the model's */
    bl_token_place *places;         /* [model's ids] or NULL */
    bl_place at[BL_SAMPLING_GROUP]; /* where the lanes' tokens stand */
    bl_ids *parts;                  /* [merges] scheme ids that each merge stands for */

    bl_plan plan;
    bl_ids *prompts; /* [n_prompts] */
    size_t n_prompts, prompts_cap;
    bl_json *prompt_pg;

    int streams; /* pieces side by side */
    bl_sampling_lane lanes[BL_SAMPLING_GROUP];
    bl_ids
        done[BL_SAMPLING_AHEAD]; /* piece i at i % AHEAD, not put yet; empty: not done
                                  */
    int64_t n_begun, n_put;
    bl_real *logits;      /* (streams, n_vocab) */
    uint8_t *scheme_mask; /* [scheme words] */
    uint8_t *mask;        /* [n_vocab] */
    int32_t *order;       /* [n_vocab] scratch of bl_sample */
    double *prob;         /* [n_vocab] scratch of bl_sample */
    int64_t n_sampled, n_cut;
};

/* How many pieces, and where the wish says as what how long each is. */
int bl_sampling_count(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* The model of a checkpoint or run folder, its scheme and vocabulary, scratch. */
int bl_sampling_open(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* What each piece begins with and how it ends. */
int bl_sampling_settle(bl_sampling *s, bl_err *e) BL_MUST_CHECK;

#endif
