/* hvo.h - drums as numbers, without tokens: hits, velocities and offsets of nine voices
 * on a grid of sixteenths in bars of 4/4, in windows of some bars. Pure. The rules
 * stand in schemas/groove-scheme.md (Gillick et al., "Learning to groove", 2019). */
#ifndef BL_HVO_H
#define BL_HVO_H

#include "base/song.h"

enum {
    BL_HVO_VOICES = 9,
    BL_HVO_CELLS = 3 * BL_HVO_VOICES, /* numbers of a step: hits, velocities, offsets */
    BL_HVO_BAR = 16,                  /* steps */
    BL_HVO_WINDOW_MAX = 64,           /* bars */
};

/* The window of `bars` bars begins every `hop` bars; both 1..BL_HVO_WINDOW_MAX. */
typedef struct {
    int bars, hop;
} bl_hvo_frame;

/* The voice 0..8 of a drum's pitch, or -1; the name of one ("kick"), and the pitch that
 * stands for it. */
int bl_hvo_voice(int pitch);
const char *bl_hvo_voice_name(int voice);
int bl_hvo_pitch(int voice);

/* The drums of a piece, bar after bar. Zero-initialise; release with bl_hvo_free. */
typedef struct {
    float *x;      /* [bars, BL_HVO_BAR, BL_HVO_CELLS] */
    float *tempo;  /* [bars] beats a minute at the beginning of each */
    size_t n_bars; /* up to the last hit */
    size_t cap_x, cap_tempo;
    size_t hits;     /* cells that are hit */
    size_t collided; /* drums beside a louder, or earlier one in the same cell */
    size_t unmapped; /* drums of none of the voices */
} bl_hvo;

/* Sets *h from a sorted song; memory is reused. Of several drums in a cell the loudest
 * stays, of equals the earliest. No drum of a voice: no bars. BL_E_FORMAT where another
 * meter than 4/4 comes before the last of them (the song's bars are counted from tick
 * 0, 4/4 until the first meter), BL_E_LIMIT beyond BL_BARS_MAX, BL_E_NOMEM. */
int bl_hvo_encode(bl_hvo *h, const bl_song *song, bl_err *e) BL_MUST_CHECK;
void bl_hvo_free(bl_hvo *h);

/* How many windows show all bars, and where in bars the i-th begins. One that shows no
 * bar which an earlier one does not is left out. */
size_t bl_hvo_windows(const bl_hvo *h, bl_hvo_frame frame);
/* Copies a window: out [16 frame.bars, BL_HVO_CELLS], silent beyond the last bar. */
void bl_hvo_window(const bl_hvo *h, bl_hvo_frame frame, size_t i, float *out);

/* Holds the numbers of a window of so many steps against what they may be: hits 0 or 1,
 * velocities 0..1, offsets -1/2..1/2, both 0 where nothing is hit. BL_E_FORMAT with the
 * first that is not. */
int bl_hvo_check(const float *x, size_t steps, bl_err *e) BL_MUST_CHECK;

/* Windows back to a song. */
typedef struct {
    bl_song *song;
    int64_t next;                /* bar that no window has shown yet */
    int64_t last[BL_HVO_VOICES]; /* note of each voice, or -1 */
    uint32_t us;                 /* the tempo so far, 0: none */
} bl_hvo_decoder;

/* Clears the song. Its division is the least multiple of `tpq`, that of the source,
 * from 480 on, so that the source's ticks come back; of 0 it is 500, whose sixteenth is
 * an odd number of ticks: then any offset comes back within half a tick. */
int bl_hvo_decode_begin(bl_hvo_decoder *d, bl_song *song, int tpq,
                        bl_err *e) BL_MUST_CHECK;
/* Adds the bars of a window (checked) that begins with bar `bar` >= 0, later than the
 * window before it, but for those bars which windows before it have shown. BL_E_LIMIT
 * beyond BL_TICK_MAX. */
int bl_hvo_decode(bl_hvo_decoder *d, const float *x, int bars, int32_t bar, float tempo,
                  bl_err *e) BL_MUST_CHECK;
/* Adds one step of a loop, of steps that rise from 0 on, in the place of windows:
 * [BL_HVO_CELLS] numbers, NULL: silence. The song's end is the first tick that belongs
 * to the next one. BL_E_LIMIT likewise. */
int bl_hvo_decode_step(bl_hvo_decoder *d, const float *x, int64_t step, float tempo,
                       bl_err *e) BL_MUST_CHECK;
/* The first tick that belongs to the windows to come: notes before it are all there. */
int32_t bl_hvo_decoded(const bl_hvo_decoder *d);
/* Empties the song: the caller has taken its notes and tempos away. */
void bl_hvo_decode_taken(bl_hvo_decoder *d);
/* Sorts the song. */
int bl_hvo_decode_end(bl_hvo_decoder *d, bl_err *e) BL_MUST_CHECK;

#endif
