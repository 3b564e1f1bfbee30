/* rhythm.h (internal) - which channels play drums, and when.
 * Channel 10 does unless SysEx or banks say otherwise: schemas/remi-scheme.md, 3.0. */
#ifndef BL_RHYTHM_H
#define BL_RHYTHM_H

#include "midi/midi.h"

enum {
    BL_RHYTHM_SYSEX = 160
}; /* bytes of a message that are looked at: a whole part */

/* What a file says of it, in file order. Zero-initialise; bl_rhythm_free. */
typedef struct {
    struct bl_rhythm_event *x;
    size_t n, cap;
    uint16_t channels; /* bit c: events of channel c + 1 */
    int is_marked;     /* as a file with its music twice, for Windows 3 */
    struct {
        uint8_t bytes[BL_RHYTHM_SYSEX];
        size_t n;
        int is_open;
    } sysex; /* the message that packets bring */
} bl_rhythm;

/* A track begins: no message goes on. */
void bl_rhythm_track(bl_rhythm *r);

/* A packet of SysEx: the data of an F0 event, which begins a message, or of an F7
 * event, which goes on with one or holds whole ones; a bank (controller 0) or a program
 * change. Those that say nothing of rhythm are passed over. 0 or BL_E_NOMEM. */
int bl_rhythm_sysex(bl_rhythm *r, int32_t tick, uint8_t port, uint8_t status,
                    const uint8_t *bytes, size_t n, bl_err *e) BL_MUST_CHECK;
int bl_rhythm_bank(bl_rhythm *r, int32_t tick, uint8_t port, uint8_t channel,
                   uint8_t bank, bl_err *e) BL_MUST_CHECK;
int bl_rhythm_program(bl_rhythm *r, int32_t tick, uint8_t port, uint8_t channel,
                      bl_err *e) BL_MUST_CHECK;

/* Sets `drum` of the song's notes and pedals. 0 or BL_E_NOMEM. */
int bl_rhythm_apply(bl_rhythm *r, bl_song *song, bl_err *e) BL_MUST_CHECK;

/* Of a song (sorted) that has all its music twice, the second time on channels 13 to
 * 16, drops that. Where the mark of such files is missing the drums must be among it,
 * and nothing said that only other synthesizers understand. */
void bl_rhythm_drop_copy(const bl_rhythm *r, bl_song *song);

void bl_rhythm_free(bl_rhythm *r);

#endif
