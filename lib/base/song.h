/* song.h - music as plain arrays: what lib/midi reads and writes, what
 * lib/token encodes and decodes, what lib/stat measures. Times are ticks from
 * the start of the piece, `tpq` ticks a quarter note. */
#ifndef BL_SONG_H
#define BL_SONG_H

#include "base/err.h"

enum { BL_PROGRAM_DRUMS = 128 }; /* sort key of drum notes, after all programs */

typedef struct {
    int32_t on, off;  /* ticks, off >= on */
    uint8_t pitch;    /* 0..127, 60 = middle C */
    uint8_t velocity; /* 1..127 */
    uint8_t program;  /* General MIDI program 0..127; on the drum channel, the kit */
    uint8_t drum;     /* 1 on MIDI channel 10 */
    uint8_t channel;  /* 0..15 */
    uint16_t track;   /* of the file, from 0 */
} bl_note;

typedef struct {
    int32_t tick;
    uint32_t us; /* microseconds a quarter note, > 0 */
} bl_tempo;

typedef struct {
    int32_t tick;
    int num;      /* numerator, as in the file: may be 0 or odd sizes */
    int den_log2; /* denominator = 2^den_log2, 0..7 */
} bl_meter;

typedef struct {
    int tpq;     /* ticks a quarter note, 1..32767 */
    int32_t end; /* tick of the last end-of-track */
    bl_note *notes;
    size_t n_notes, cap_notes; /* by `on`, ties in file order (track, then event) */
    bl_tempo *tempos;
    size_t n_tempos, cap_tempos; /* by tick, ties in file order: the last one holds */
    bl_meter *meters;
    size_t n_meters, cap_meters; /* as tempos */
} bl_song;

/* Append one element; the arrays grow. 0 or BL_E_NOMEM. */
int bl_song_add_note(bl_song *s, bl_note note, bl_err *e) BL_MUST_CHECK;
int bl_song_add_tempo(bl_song *s, int32_t tick, uint32_t us, bl_err *e) BL_MUST_CHECK;
int bl_song_add_meter(bl_song *s, int32_t tick, int num, int den_log2,
                      bl_err *e) BL_MUST_CHECK;

/* Puts the three arrays in the order stated above (stable in the order of
 * addition, which the caller makes the file order). 0 or BL_E_NOMEM. */
int bl_song_sort(bl_song *s, bl_err *e) BL_MUST_CHECK;

void bl_song_clear(bl_song *s); /* empty, memory kept for the next piece */
void bl_song_free(bl_song *s);

#endif
