/* overlap.h (internal) - the ends of the notes that first-in-first-out pairing leaves
 * open, or for which there are too many. The rule is stated in
 * schemas/remi-scheme.md, 3.0. */
#ifndef BL_OVERLAP_H
#define BL_OVERLAP_H

#include "midi/pairing.h"

typedef struct bl_overlap bl_overlap;

/* troubled: the keys whose notes are to be paired anew; doubtful: those that first in,
 * first out closes, but whose notes overlap for long; song: its notes in the order of
 * their beginnings in the file, off < 0 where they are open; all must outlive it.
 * Release with bl_overlap_del. */
int bl_overlap_new(bl_overlap **o, const bl_keys *troubled, const bl_keys *doubtful,
                   bl_song *song, bl_midi_report *report, bl_err *e) BL_MUST_CHECK;

/* All events of the file, as bl_pairing_event, _port and _end take them. */
int bl_overlap_event(bl_overlap *o, int32_t tick, const uint8_t *event) BL_MUST_CHECK;
void bl_overlap_port(bl_overlap *o, uint8_t port);
int bl_overlap_end(bl_overlap *o, int32_t tick) BL_MUST_CHECK;

/* Every note gets an end; the report's counts of open notes and of stray ends become
 * those of the notes whose end had to be guessed and of the ends that nothing wants. */
int bl_overlap_resolve(bl_overlap *o) BL_MUST_CHECK;

void bl_overlap_del(bl_overlap *o);

#endif
