/* chord_symbol.h (internal) - chords as musicians write them: "C", "F#m7", "Bb/D",
 * "a-7b5"; and as Harte does, "C:min7/b3". */
#ifndef BL_CHORD_SYMBOL_H
#define BL_CHORD_SYMBOL_H

#include "token/chords.h"

enum { BL_CHORD_BARS_MAX = 64 };

/* Reads a symbol of len bytes: *chord is the nearest of chords.h, a bass note is passed
 * over; *bars is 1 or the number behind a colon ("Am:2"). The table is in xlsample(1).
 * 0 where it is no chord. */
int bl_chord_symbol(const char *symbol, size_t len, int *chord, int *bars);
/* The same of a degree, "bVII7", "vi" or "VI:min": the chord in C; small letters are
 * minor. */
int bl_chord_degree(const char *symbol, size_t len, int *chord, int *bars);
/* A key: "C", "F#m", "Bb major", "a minor", "A:min". 0 where it is none, as of a
 * small letter alone, by which some mean the minor key and others do not. */
int bl_key_symbol(const char *symbol, size_t len, int *key);

#endif
