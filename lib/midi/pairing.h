/* pairing.h - channel events of one file to the notes and pedals of a song (inside
 * lib/midi only). */
#ifndef BL_PAIRING_H
#define BL_PAIRING_H

#include "midi/midi.h"

typedef struct bl_pairing bl_pairing;

/* The song, the report (its counts of open and stray notes) and e must outlive it.
 * Release with bl_pairing_del. */
int bl_pairing_new(bl_pairing **p, bl_reading how, bl_song *song,
                   bl_midi_report *report, bl_err *e) BL_MUST_CHECK;

/* One channel event of the present track, with its status byte, in order of time. */
int bl_pairing_event(bl_pairing *p, int32_t tick, const uint8_t *event) BL_MUST_CHECK;

/* The present track ends; the next event is of the next track. */
int bl_pairing_end(bl_pairing *p, int32_t tick) BL_MUST_CHECK;

/* After the last track: notes that nothing ended are dropped, programs of the merged
 * order are set. */
int bl_pairing_finish(bl_pairing *p) BL_MUST_CHECK;

void bl_pairing_del(bl_pairing *p);

#endif
