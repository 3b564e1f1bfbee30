/* keys.h (internal) - the key of a piece, and chords as degrees of it. A key is
 * BL_KEYS_MAJOR or BL_KEYS_MINOR plus its tonic, C = 0 (base/song.h). */
#ifndef BL_MUSIC_KEYS_H
#define BL_MUSIC_KEYS_H

#include "base/base.h"

enum { BL_KEY_NAME_MAX = 7 };

static inline int bl_key_tonic(int key)
{
    return key % 12;
}

/* Semitones from C major or A minor up to the key, the nearest of the two ways: -5..6.
 */
int bl_key_above_common(int key);
/* The pitch so many semitones higher; an octave nearer where it would leave 0..127. */
int bl_pitch_moved(int pitch, int by);

/* "C:maj", "F#:min". */
void bl_key_spell(int key, char name[BL_KEY_NAME_MAX + 1]);

/* The key that fits best how long each pitch class sounds: the one of 24 profiles whose
 * correlation is greatest; of equal ones, as in silence, the first. Profiles: Albrecht
 * and Shanahan, "The use of large corpora to train a new type of key-finding
 * algorithm", Music Perception 31 (2013). Sums up to 2^50. */
int bl_key_find(const int64_t sounds[12]);

#endif
