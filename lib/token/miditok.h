/* miditok.h - tokens of the scheme `remi` under the names that MidiTok gives them (its
 * REMI with time signatures, programs and tempos), for those who look ids up there. */
#ifndef BL_MIDITOK_H
#define BL_MIDITOK_H

#include <stddef.h>

/* Writes MidiTok's name of a token of `remi` with that grid: TYPE_VALUE, where
 * positions and durations count half positions (a quarter note has 2 * grid of them)
 * and durations are quarters.rest.resolution. What MidiTok does not have keeps its
 * name. Names are cut to fit. */
void bl_miditok_name(const char *name, int grid, char *to, size_t size);

#endif
