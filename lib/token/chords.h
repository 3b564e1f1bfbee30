/* chords.h (internal) - chords of a piece, one for each beat.
 *
 * Each beat is heard as a set of pitches for each of its parts; the path of chords
 * through the piece is the one that fits what sounds best and changes little, the less
 * the weaker the beat (Viterbi's algorithm over hand-set weights). */
#ifndef BL_CHORDS_H
#define BL_CHORDS_H

#include "base/mem.h"
#include "token/pitches.h"

enum {
    BL_QUALITIES = 11, /* maj min dim aug sus2 sus4 dom7 maj7 min7 hdim7 dim7 */
    BL_NO_CHORD = 12 * BL_QUALITIES,
    BL_CHORD_WORDS, /* a chord is root * BL_QUALITIES + quality, or BL_NO_CHORD */
    BL_CHORD_NAME_MAX = 15,
    BL_BEAT_PARTS = 2,
};

/* "C:maj", "F#:min7", "N". */
void bl_chord_spell(int chord, char name[BL_CHORD_NAME_MAX + 1]);

/* The same with a degree as the root, "I:maj", "bVII:min7", "N": of a chord of which
 * the tonic is C. */
void bl_chord_spell_degree(int chord, char name[BL_CHORD_NAME_MAX + 1]);
/* The chord with its root so many semitones higher, 0..11. */
int bl_chord_raise(int chord, int by);

/* Its pitch classes, bit 0 = C; 0 for none. */
unsigned bl_chord_classes(int chord);

/* How much a chord may be expected to begin there. */
typedef enum { BL_BEAT_WEAK, BL_BEAT_MIDDLE, BL_BEAT_FIRST } bl_beat_rank;

typedef struct {
    bl_pitches sound[BL_BEAT_PARTS]; /* what sounds in each of its equal parts */
    int32_t start, length;           /* ticks, of the caller's use */
    bl_beat_rank rank;               /* in its bar */
} bl_chord_beat;

/* chord[i] = the chord of beat i of n. 0 or BL_E_NOMEM; memory is 32 bytes a beat. */
int bl_chords_find(uint8_t *chord, const bl_chord_beat *beats, size_t n,
                   bl_err *e) BL_MUST_CHECK;

#endif
