/* pauses.h (internal) - silences that no music has, in damaged files. */
#ifndef BL_PAUSES_H
#define BL_PAUSES_H

#include "midi/midi.h"

/* Longer silences are no music where bytes of the file were no events: 64 bars of 4/4.
 */
enum { BL_PAUSE_QUARTERS = 256 };

/* Of a song (sorted) from a file that was not whole: each silence beyond that (a note
 * sounds so long at most), also before the first note and after the last, is shortened
 * by whole bars to less than one bar, of the time signature in force. What was said
 * meanwhile moves to its beginning. Counted as BL_FIX_PAUSE. 0 or BL_E_NOMEM. */
int bl_pauses_close(bl_song *song, bl_midi_report *report, bl_err *e) BL_MUST_CHECK;

#endif
