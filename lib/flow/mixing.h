/* mixing.h - songs of another stream put into those at hand, piece by piece. */
#ifndef BL_MIXING_H
#define BL_MIXING_H

#include "base/notice.h"
#include "flow/conditions.h"

/* Zero-initialise; release with bl_mixing_free, also after an error. */
typedef struct {
    const char *path; /* for messages, borrowed; NULL: nothing is mixed */
    bl_conditions others;
    bl_song song; /* scratch */
    size_t n;     /* others that a song got */
    int has_names;
} bl_mixing;

/* Reads a whole stream of tokens, of any scheme, in the order of which pieces are taken
 * that have no partner by name. */
int bl_mixing_open(bl_mixing *m, const char *path, bl_err *e) BL_MUST_CHECK;
/* Adds the notes, pedals and markers of the piece of that name to a song, for NAME.2 of
 * NAME, or of the next one where one of both sides has no names of its own; tempos and
 * meters are those of the other piece. BL_E_MISMATCH where there is none. Where meters
 * differ, so that bars do not stay together, the notices hear of it. */
int bl_mixing_add(bl_mixing *m, bl_song *song, const char *name,
                  const bl_notices *notices, bl_err *e) BL_MUST_CHECK;
/* BL_E_MISMATCH where pieces were left over. */
int bl_mixing_end(const bl_mixing *m, bl_err *e) BL_MUST_CHECK;
void bl_mixing_free(bl_mixing *m);

#endif
