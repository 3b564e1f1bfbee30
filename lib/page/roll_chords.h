/* roll_chords.h (internal) - the chords above a piano roll: those that the piece's
 * tokens have, else those that midi2remi --chords finds. */
#ifndef BL_ROLL_CHORDS_H
#define BL_ROLL_CHORDS_H

#include "feature/view.h"

typedef struct {
    int64_t at;    /* parts of a tick, as the view counts */
    char name[12]; /* "Am7"; "" where there is none */
} bl_roll_chord;

/* In order of `at`. Zero-initialise, free(chord). */
typedef struct {
    bl_roll_chord *chord;
    size_t n, cap;
} bl_roll_chords;

/* 0 or BL_E_NOMEM. */
int bl_roll_chords_of(bl_roll_chords *chords, const bl_view *v,
                      bl_err *e) BL_MUST_CHECK;

#endif
