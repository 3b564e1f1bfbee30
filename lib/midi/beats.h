/* beats.h - songs whose ticks say nothing of beats and bars: one time signature for
 * all, or beats and downbeats from an annotation. Pure: texts and songs in memory. */
#ifndef BL_BEATS_H
#define BL_BEATS_H

#include "base/mem.h"
#include "base/song.h"

typedef struct {
    double seconds;
    int is_downbeat;   /* a bar begins here */
    int num, den_log2; /* the time signature stated here; num = 0: none is */
} bl_beat;

/* Zero-initialise, free(beat). */
typedef struct {
    bl_beat *beat;
    size_t n, cap;
} bl_beats;

/* Reads a text of one beat a line, its fields separated by blanks or tabs, into *beats
 * (emptied first):
 *   SECONDS [1|0]                 1 = downbeat; 1 throughout if left out
 *   SECONDS SECONDS LABEL         as ASAP's annotations: LABEL is b, bR or db, then
 *                                 perhaps ",N/D" and ",KEY" (read over)
 *   SECONDS FLAG FLAG             as POP909's beat_midi.txt: the first flag marks every
 *                                 second or third beat, the second every fourth or
 * sixth; downbeats are the first flag's thirds, else the second's The number of fields
 * of the first line holds for all. Empty lines are read over. 0; BL_E_FORMAT with the
 * line; BL_E_NOMEM. */
int bl_beats_read(bl_beats *beats, const char *text, size_t len,
                  bl_err *e) BL_MUST_CHECK;

/* One time signature from the first tick on; all others go. 0, BL_E_ARG beyond what
 * bl_meter_scan reads, BL_E_NOMEM. */
int bl_song_set_meter(bl_song *song, int num, int den_log2, bl_err *e) BL_MUST_CHECK;

/* Gives a sorted song new ticks, 480 a quarter note, so that beats are where they are
 * annotated, and with them new tempos and time signatures.
 *
 * A beat is a quarter note, or where a time signature N/D is stated, that bar's length
 * divided by the number of beats that most of its bars have. A bar goes from downbeat
 * to downbeat; one of another number of beats gets a time signature of its own length.
 * Beats before the first downbeat are a bar of theirs. Without any downbeat every
 * fourth is one. Between beats time runs evenly; before the first and after the last as
 * next to them. Music that begins more than an eighth of a beat before the first beat
 * gets beats, and where they suffice bars, in front. 0; BL_E_FORMAT where there are
 * less than two beats or their seconds do not rise; BL_E_LIMIT beyond BL_TICK_MAX;
 * BL_E_NOMEM. After an error the song is as it was. */
int bl_song_align(bl_song *song, const bl_beat *beats, size_t n,
                  bl_err *e) BL_MUST_CHECK;

#endif
