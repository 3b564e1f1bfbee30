/* prompts_fit.h (internal) - music in the words of a model that knows fewer. */
#ifndef BL_PROMPTS_FIT_H
#define BL_PROMPTS_FIT_H

#include "token/scheme.h"

/* A model is taught a vocabulary of what its data held, and other music has other
 * tempos and instruments. Puts the nearest tempo, velocity, duration, position or
 * program for one that has no id in to_vocab[words of the scheme], and for a pitch the
 * nearest octave; leaves out notes that nothing comes near; *replaced counts them. The
 * ids are then again as the scheme would have encoded them. What else is unknown stays.
 */
int bl_prompts_fit(const bl_scheme *s, const int32_t *to_vocab, bl_ids *ids,
                   int64_t *replaced, bl_err *e) BL_MUST_CHECK;

#endif
