/* view.h - a piece as the features look at it: what several of them need is computed
 * once, in time linear in notes and bars but for a sort. Times are integers throughout,
 * so that nothing depends on the order of additions. */
#ifndef BL_VIEW_H
#define BL_VIEW_H

#include "base/song.h"
#include "feature/events.h"
#include "token/scheme.h"

/* What is measured; all borrowed. */
typedef struct {
    const bl_song *song;     /* sorted (song.h) */
    const bl_scheme *scheme; /* of the tokens, NULL where the piece came without */
    const uint16_t *ids;     /* [n_ids] its tokens, without BOS and EOS */
    size_t n_ids;
    size_t zstd_bytes; /* what zstd makes of them; 0: was not asked */
    int meter_num;     /* time signature to use instead of the song's; 0 = the song's */
    int meter_den_log2;

    /* for the compat columns only; both NULL where the piece came as tokens */
    const bl_events *events;
    const bl_song *closed; /* read with BL_READ_CLOSE_ALL */
    int track;             /* the one mgeval looks at */
} bl_view_input;

/* Positions of a bar, whatever its time signature, and parts of a tick in which bars
 * are counted: with 32 of them every bar is a whole number for any resolution. */
enum { BL_VIEW_POSITIONS = 16, BL_VIEW_PARTS = 32 };

typedef struct {
    int64_t from;          /* parts of a tick: first moment that belongs here */
    int64_t start, length; /* of its first position; from < start where a cut bar of
                              less than a 32nd note vanished before it */
    size_t first_pitched;  /* index of the first pitched note placed here or later */
    uint16_t onsets;       /* bit k: a note begins nearest to position k */
    uint16_t pitched_onsets;
} bl_view_bar;

typedef struct {
    bl_view_input in;

    bl_note
        *pitched; /* [n_pitched] without drums; by onset, then pitch, then program */
    size_t n_pitched, cap_pitched;
    uint32_t of_pitch[128]; /* pitched notes */
    uint32_t of_class[12];

    /* The bars of the piece; the first n_music_bars begin before the last note ends. A
     * note is placed in the bar, and at the position, that is nearest to its onset. */
    bl_view_bar *bars;
    size_t n_bars, cap_bars;
    size_t n_music_bars;

    int32_t last;     /* tick at which the last note ends */
    int32_t first_on; /* ticks of the first and the last onset */
    int32_t last_on;
    size_t n_onsets;      /* distinct ticks at which a note begins */
    size_t n_off_grid;    /* notes off the sixteenths of their bar */
    size_t n_beats;       /* quarter notes up to the end of the last note */
    size_t n_empty_beats; /* during which nothing sounds */
    size_t n_empty_bars;  /* likewise, of the music bars */

    int64_t *edges; /* scratch: beginnings and ends of pitched notes */
    size_t cap_edges;
    int64_t sounding_ticks;         /* during which a pitched note sounds */
    int64_t pitch_ticks;            /* sum of the distinct pitches over them */
    int64_t ticks_of_2, ticks_of_3; /* with at least so many distinct pitches */
} bl_view;

/* Prepares *v (zero-initialised or used before: its memory is used again). BL_E_LIMIT
 * if the piece has more than BL_BARS_MAX bars; BL_E_NOMEM. Release with bl_view_free.
 */
int bl_view_make(bl_view *v, const bl_view_input *in, bl_err *e) BL_MUST_CHECK;
void bl_view_free(bl_view *v);

/* Seconds from the start to a tick by the tempo map, 120 bpm before the first tempo. */
double bl_view_seconds(const bl_view *v, int32_t tick);

/* Inside lib/feature: bars, and what is counted along them (view_bars.c). */
int bl_view_make_bars(bl_view *v, bl_err *e) BL_MUST_CHECK;

#endif
