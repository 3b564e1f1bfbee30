/* pairs.h - targets and their conditions as what a model reads: one stream of both, or
 * targets in stretches beside what an encoder reads of the condition. */
#ifndef BL_PAIRS_H
#define BL_PAIRS_H

#include "model/model.h"
#include "train/batch.h"

/* Release with bl_pairs_free, also after an error. */
typedef struct {
    bl_pieces pieces; /* of all below, and of the targets where they stay as they are */
    int64_t n_cut;    /* pairs whose condition is longer than is read at once */
    uint16_t *tokens;
    int64_t *offsets;
    uint8_t *sides;
    bl_stretch *stretches;
    int64_t *first;
} bl_pairs;

/* Piece i of `conditions` is that of target i; both begin with BOS and end with EOS.
 * - prefix: the condition, then the target; with `stretch` as many of the condition's
 *   bars as have so many tokens, one at least, the target's of the same bars, the next
 *   ones of both: a target sees no farther back than its memory.
 * - bars: BOS, what stands before the first bar of either, then bar by bar the
 *   condition's and the target's; a side that has ended has empty bars, one token of
 *   the other's; one EOS, the target's. The token that begins a bar of the target is
 *   learned where it is not certain: at the end of the bar before, that is as the first
 *   token of the condition's bar.
 * - encoder: the targets, cut at bars so that the condition's tokens of the same bars
 * are `source` at most; a longer bar, or a piece of a scheme without bars, loses the
 * rest of them. `places` of each token tells where bars begin (the caller's, also
 * behind pieces); NULL: nowhere, which BL_CONDITION_BARS refuses with BL_E_ARG. Of
 * BL_CONDITION_NONE the targets alone. Targets and conditions are borrowed. */
int bl_pairs_make(bl_pairs *p, const bl_pieces *targets, const bl_pieces *conditions,
                  const bl_model_config *c, const bl_token_place *places,
                  bl_err *e) BL_MUST_CHECK;
void bl_pairs_free(bl_pairs *p);

#endif
