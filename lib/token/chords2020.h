/* chords2020.h - chord recognition of the published REMI encoder (Huang and Yang,
 * "Pop Music Transformer", 2020), to the letter. For lib/token, and for pictures. */
#ifndef BL_CHORDS2020_H
#define BL_CHORDS2020_H

#include "base/mem.h"
#include "base/song.h"

enum {
    CHORD_QUALITIES = 5, /* maj min dim aug dom */
    CHORD_NONE = 12 * CHORD_QUALITIES,
    CHORD_WORDS, /* 12 x 5 and N:N, as root * 5 + quality */
    CHORD_BEAT = 480,
};

typedef struct {
    int32_t tick; /* a multiple of CHORD_BEAT */
    int chord;    /* 0..CHORD_WORDS - 1 */
} bl_chord;

/* Owned; zero-initialise, free(chord). */
typedef struct {
    bl_chord *chord;
    size_t n, cap;
} bl_chords;

/* "C:maj", ..., "N:N". */
void bl_chord_name(int chord, char name[16]);

/* Appends the chords of n notes in order of `on`, 480 ticks a beat. 0 or BL_E_NOMEM;
 * memory is 16 bytes a beat. */
int bl_chords_2020(bl_chords *out, const bl_note *notes, size_t n,
                   bl_err *e) BL_MUST_CHECK;

#endif
