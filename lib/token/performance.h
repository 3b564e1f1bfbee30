/* performance.h (internal) - the scheme "performance": note-on, note-off, time-shift
 * and velocity events (Oore et al., "This Time with Feeling", 2018; Performance RNN;
 * Music Transformer). Inside lib/token only. Defined completely in
 * schemas/performance-scheme.md. */
#ifndef BL_PERFORMANCE_H
#define BL_PERFORMANCE_H

#include "token/scheme_impl.h"

enum {
    PERF_ON = BL_N_SPECIALS,
    PERF_OFF,
    PERF_SHIFT,
    PERF_VELOCITY,
    PERF_PEDAL,
    PERF_N_KINDS
};

enum {
    PERF_N_VELOCITIES = 32,
    PERF_TPQ = 2000, /* of decoded songs, at 120 a minute: 4000 ticks a second, or */
    PERF_TPQ_MAX = INT16_MAX, /* twice that, and again, where it takes more */
    PERF_TICKS_A_SECOND = 2 * PERF_TPQ,
    PERF_SECONDS_MAX = BL_TICK_MAX / PERF_TICKS_A_SECOND, /* 18 hours */
};

/* Times are seconds: exact sums, rounded once to a double. Steps are computed from the
 * double, as in note-seq: some notes lie on the border between two. */
typedef struct {
    double on, off;
    const bl_note *note;
    int instrument;
    int vanished; /* without length, also where another note ends it at its start */
} bl_perf_note;

typedef struct {
    double at;
    int is_down;
    int instrument;
} bl_perf_pedal;

/* A song in seconds, its notes in the order in which note-seq reads them. */
typedef struct {
    bl_perf_note *notes;
    size_t n_notes;
    bl_perf_pedal *pedals;
    size_t n_pedals;
    int n_instruments;
} bl_perf;

/* *p (zero-initialised) refers to the song, which must outlive it. Release with
 * bl_perf_free, also after an error. */
int bl_perf_of(bl_perf *p, const bl_song *song, bl_err *e) BL_MUST_CHECK;
/* Lengthens the notes to where the pedal lets them end. */
int bl_perf_sustain(bl_perf *p, bl_err *e) BL_MUST_CHECK;
void bl_perf_free(bl_perf *p);

/* A note-off: its step, and the note that it ends. */
typedef struct {
    int32_t step, note;
} bl_perf_end;

/* Exchanges what the ends [n_ends], in the order of the tokens, take of the notes
 * [n_notes], so that the notes of one step rise; a note's `closed` is the step of its
 * beginning. At first each end has the oldest note of its pitch; so it stays where no
 * such order is found. BL_E_NOMEM. */
int bl_perf_order_ends(bl_perf_end *ends, size_t n_ends, const bl_note *notes,
                       size_t n_notes, bl_err *e) BL_MUST_CHECK;

int bl_perf_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                   bl_scheme_fixes *fixes, bl_err *e) BL_MUST_CHECK;
int bl_perf_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                   size_t *skipped, bl_err *e) BL_MUST_CHECK;
void bl_perf_grammar_start(bl_grammar *g);
const char *bl_perf_grammar_step(bl_grammar *g, unsigned id);
void bl_perf_grammar_mask(const bl_grammar *g, uint8_t *allowed);
int bl_perf_grammar_close(const bl_grammar *g, bl_ids *ids, bl_err *e) BL_MUST_CHECK;

#endif
