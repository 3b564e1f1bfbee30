/* parts.h - parts of a piece: its melody, its bass, its drums, its chords, tracks by
 * their names, programs. What is not of them is kept aside, so that bars, meters,
 * tempos, chords and the key stay those of the whole. */
#ifndef BL_PARTS_H
#define BL_PARTS_H

#include "base/song.h"

enum { BL_PARTS_MAX = 32, BL_PART_NAME_MAX = 61 };

typedef struct {
    uint8_t melody, bass, drums, chords;
    uint8_t program[128];
    char track[BL_PARTS_MAX][BL_PART_NAME_MAX + 1]; /* patterns: '*' and '?' */
    int n_tracks;
    int n;            /* named at all */
    const char *text; /* that was parsed: not owned */
} bl_parts;

/* Reads "melody,track=Lead*,program=32-39": parts between commas, their union. BL_E_ARG
 * for what is none. */
int bl_parts_parse(bl_parts *p, const char *text, bl_err *e) BL_MUST_CHECK;
/* Puts the notes that are of the parts (is_drop: those that are not) into `notes` of a
 * sorted song, the others aside; chords that are dropped are hidden. The song ends
 * where it ended. 0 or BL_E_NOMEM. */
int bl_parts_take(const bl_parts *p, int is_drop, bl_song *song,
                  bl_err *e) BL_MUST_CHECK;

#endif
