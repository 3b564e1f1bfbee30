/* gate.h (internal) - rewrites the bytes of any file that resembles a Standard MIDI
 * File to a canonical one that libsmf reads without harm (libsmf aborts, over-reads or
 * loses notes on real files). */
#ifndef BL_GATE_H
#define BL_GATE_H

#include "midi/rhythm.h"

/* in[0..len) -> *out (appended): MThd of 6 bytes, format 1, one MTrk chunk for each of
 * the file's, with only the events that songs hold (notes, programs, the
 * sustain pedal), their status bytes explicit, data bytes below
 * 128, one end of track each. Tempos and time signatures go to *song instead, in file
 * order, as libsmf is quadratic in them; song->tpq is the division. Texts and SysEx,
 * which no song holds, are read over; what they and banks say of drums goes to *rhythm
 * (zero-initialised). The sequences of a format 2 file follow each
 * other in time. *n_events: of all tracks, their ends among them. Repairs are counted
 * in report->fixes. 0, or a negative code with report->reject. */
int bl_gate(const uint8_t *in, size_t len, bl_buf *out, size_t *n_events, bl_song *song,
            bl_rhythm *rhythm, bl_midi_report *report, bl_err *e) BL_MUST_CHECK;

#endif
