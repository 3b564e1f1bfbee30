/* groove_hits.h (internal) - the odds of hits to drums: which of them are hit. */
#ifndef BL_GROOVE_HITS_H
#define BL_GROOVE_HITS_H

#include "model/model.h"
#include "token/hvo.h"

/* Of each voice, or one for all: n is 0 (not given), 1 or BL_HVO_VOICES. */
typedef struct {
    int n;
    double of[BL_HVO_VOICES];
} bl_by_voice;

typedef struct {
    bl_by_voice threshold; /* what reaches it is a hit; not given: 1/2, or drawn */
    bl_by_voice most;      /* hits of a voice that stay, the likeliest */
    double temperature;    /* above 0: of the odds, by which hits are drawn */
    int64_t seed;
    double miss_weight;      /* of the run, above 0 */
    bl_distance offset_loss; /* of the run: which numbers its offsets are */
} bl_hits_wish;

/* "V", or nine of them with commas; NULL: not given. BL_E_ARG, with *w as it was. */
int bl_hits_threshold(bl_hits_wish *w, const char *text, bl_err *e) BL_MUST_CHECK;
int bl_hits_most(bl_hits_wish *w, const char *text, bl_err *e) BL_MUST_CHECK;

/* A window of (steps, BL_HVO_CELLS): what the model says to drums. What is drawn goes
 * by the window's place in all that is made. */
void bl_hits_of(const bl_hits_wish *w, const bl_real *logits, int steps,
                uint64_t window, float *to);

#endif
