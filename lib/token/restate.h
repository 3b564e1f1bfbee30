/* restate.h - bars of one piece in another. Tokens of "remi" say what changes: meter,
 * tempo, program; where a bar follows another one than it did, other tokens say the
 * same. */
#ifndef BL_RESTATE_H
#define BL_RESTATE_H

#include "token/scheme.h"

/* What was said last: ids of the scheme, -1 = nothing yet. */
typedef struct {
    int32_t meter, tempo, program;
} bl_stated;

#define BL_NOTHING_STATED ((bl_stated){-1, -1, -1})

/* Appends to *out, where `to` holds, a bar that was read where `from` holds, with its
 * notes or without: n tokens, the first of which begins it. Both move on. Chords, keys,
 * pedals and labels are left out. 0 or BL_E_NOMEM. */
int bl_restate_bar(const bl_scheme *remi, bl_stated *from, const uint16_t *ids,
                   size_t n, int with_notes, bl_stated *to, bl_ids *out,
                   bl_err *e) BL_MUST_CHECK;

#endif
