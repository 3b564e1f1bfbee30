/* gate.h - rewrites the bytes of any file that resembles a Standard MIDI File to
 * a canonical one that libsmf reads without harm (libsmf aborts, over-reads or
 * loses notes on real files). */
#ifndef BL_GATE_H
#define BL_GATE_H

#include "midi/midi.h"

/* in[0..len) -> *out (appended): MThd of 6 bytes, format 0 or 1, MTrk chunks with
 * explicit status bytes, no SysEx, texts of at most 120 bytes, tempos and time
 * signatures moved to the first track, exactly one end of track each. Repairs
 * are counted in report->fixes. 0, or a negative code with report->reject. */
int bl_gate(const uint8_t *in, size_t len, bl_buf *out, bl_midi_report *report,
            bl_err *e) BL_MUST_CHECK;

#endif
