/* events.h - the events of a Standard MIDI File as published feature
 * extractors see them: track by track, nothing paired, nothing mended. Only the compat
 * columns (compat.h) need them; songs are read by lib/midi. */
#ifndef BL_EVENTS_H
#define BL_EVENTS_H

#include "base/mem.h"

enum { BL_META_END = 0x2f, BL_META_TEMPO = 0x51, BL_META_METER = 0x58 };

typedef struct {
    int32_t tick;
    uint16_t track;
    uint8_t status;  /* 0x80..0xef, or 0xff for one of the meta events above */
    uint8_t data[4]; /* of a channel event 2; of a meta event its kind, then 3 bytes of
                        a tempo, or numerator, log2 of denominator, clocks */
} bl_event;

/* Zero-initialise; release with bl_events_free. */
typedef struct {
    bl_event *event;
    size_t n, cap;
    size_t *start; /* [n_tracks + 1]: first event of each track */
    size_t n_tracks, cap_start;
    int tpq;
} bl_events;

/* Replaces *ev. 0; BL_E_FORMAT where strict readers would refuse the file (then the
 * compat columns are undefined); BL_E_LIMIT beyond 2^22 events; BL_E_NOMEM. */
int bl_events_read(bl_events *ev, const uint8_t *bytes, size_t len,
                   bl_err *e) BL_MUST_CHECK;
void bl_events_free(bl_events *ev);

static inline int bl_is_note_on(const bl_event *x)
{
    return (x->status & 0xf0) == 0x90 && x->data[1] > 0;
}

static inline int bl_is_note_off(const bl_event *x)
{
    return (x->status & 0xf0) == 0x80 ||
           ((x->status & 0xf0) == 0x90 && x->data[1] == 0);
}

static inline int bl_is_meta(const bl_event *x, int kind)
{
    return x->status == 0xff && x->data[0] == kind;
}

#endif
