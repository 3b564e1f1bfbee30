/* gate_impl.h (internal) - what the two files of the gate share:
 * gate.c reads the file and its chunks, gate_track.c the events of a track. */
#ifndef BL_GATE_IMPL_H
#define BL_GATE_IMPL_H

#include "midi/gate.h"

#include <string.h>

typedef struct {
    const uint8_t *in;
    size_t len;
    bl_buf *out;
    bl_song *song;
    bl_rhythm *rhythm;
    int is_smpte;      /* time in frames: tempos mean nothing */
    unsigned n_tracks; /* as the header says */
    uint32_t events;   /* that songs hold */
    size_t written;    /* events, others among them */
    bl_midi_report *report;
    bl_err *e;
} bl_gate_state;

/* An error of the file: 0 never, the code always. */
int bl_gate_reject(bl_gate_state *g, bl_reject why, int code, size_t offset,
                   const char *cause);

static inline void bl_gate_fix(bl_gate_state *g, bl_fix what)
{
    g->report->fixes[what]++;
}

/* What a strict reader refuses; the first place is kept. */
static inline void bl_gate_note_strict(bl_gate_state *g, bl_fix what, size_t offset)
{
    if (g->report->strict_fix < 0) {
        g->report->strict_fix = (int)what;
        g->report->strict_offset = (int64_t)offset;
    }
}

static inline void bl_gate_fix_strict(bl_gate_state *g, bl_fix what, size_t offset)
{
    bl_gate_fix(g, what);
    bl_gate_note_strict(g, what, offset);
}

/* Music was lost here, or may have been: the first place is kept. */
static inline void bl_gate_lost(bl_gate_state *g, bl_fix what, size_t offset)
{
    if (g->report->lost++ == 0) {
        g->report->lost_fix = what;
        g->report->lost_offset = (int64_t)offset;
    }
}

/* Whether a track chunk begins there. */
static inline int bl_gate_is_track(const bl_gate_state *g, size_t at)
{
    return g->len - at >= 8 && memcmp(g->in + at, "MTrk", 4) == 0;
}

static inline uint32_t bl_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The first place from `from` on where the four letters stand, or g->len. */
size_t bl_gate_find(const bl_gate_state *g, const char *id, size_t from, size_t end);

/* Whether a chunk may begin at `at`, or the file ends there. */
int bl_gate_is_chunk(const bl_gate_state *g, size_t at);

/* The MTrk chunk at *pos -> one canonical chunk that begins at the tick *end, which
 * becomes that of its last event. *pos moves to where the next chunk may begin. */
int bl_gate_track(bl_gate_state *g, size_t *pos, int64_t *end) BL_MUST_CHECK;

#endif
