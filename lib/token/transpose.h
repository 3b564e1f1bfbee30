/* transpose.h - tokens moved in pitch. */
#ifndef BL_TRANSPOSE_H
#define BL_TRANSPOSE_H

#include "token/scheme.h"

/* map[id] for each of the scheme's words: the token `by` semitones higher, itself where
 * it is no pitch, chord or key (drums are none; degrees and
 * pitches of a common key move with the key), -1 where
 * its pitch would leave 0..127. */
int bl_transposition(const bl_scheme *s, int by, int32_t *map, bl_err *e) BL_MUST_CHECK;

#endif
