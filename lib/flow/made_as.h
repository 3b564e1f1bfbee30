/* made_as.h (internal) - the command that made the conditions of a run, out of the
 * chain of programs that its checkpoint states. */
#ifndef BL_MADE_AS_H
#define BL_MADE_AS_H

#include "io/json.h"
#include "token/scheme.h"

enum { BL_MADE_AS_MAX = 256 };

/* Sets text to "midi2remi --keep=melody": that of the last midi2remi before a shard
 * with a condition. Where the chain (may be NULL) has none, or does not tell the two
 * sides apart, to what makes tokens of the scheme, and returns 0. */
int bl_made_as(const bl_json *pg, const bl_scheme *s, char text[BL_MADE_AS_MAX]);

#endif
