/* remi.h - the scheme "remi" (inside lib/token only): its kinds of tokens, its bins
 * and its bars. Defined completely in schemas/remi-scheme.md. */
#ifndef BL_TOKEN_REMI_H
#define BL_TOKEN_REMI_H

#include "token/impl.h"

enum {
    REMI_PAD,
    REMI_BOS,
    REMI_EOS,
    REMI_MASK,
    REMI_BAR,
    REMI_TIMESIG,
    REMI_POSITION,
    REMI_TEMPO,
    REMI_PROGRAM,
    REMI_PITCH,
    REMI_DRUM,
    REMI_VELOCITY,
    REMI_DURATION,
    REMI_N_KINDS
};

/* Nominal time, that of decoded songs: 480 ticks a quarter note. A position and half
 * a position are whole numbers of them for each grid. */
enum {
    REMI_TPQ = 480,
    REMI_N_METERS = 152,
    REMI_METER_4_4 = 11, /* index of TimeSig_4/4 */
    REMI_LONGEST_BAR = 16 * REMI_TPQ,
    /* A bar must start so early that the longest still ends within 2^28 - 1. */
    REMI_START_MAX = (1 << 28) - 1 - REMI_LONGEST_BAR,
    REMI_BPM_MIN = 20,
    REMI_BPM_MAX = 300,
    REMI_BPM_DEFAULT = 120,
    REMI_N_VELOCITIES = 32,
    REMI_N_DURATIONS = 84,
    REMI_DURATION_MAX = 512, /* half positions */
};

/* ---- bins (remi_words.c) ---- */

int bl_remi_count(int kind, const bl_spec *spec);
void bl_remi_word(int kind, int i, const bl_spec *spec, char name[BL_WORD_MAX + 1]);

int bl_remi_velocity_bin(int velocity);
int bl_remi_velocity(int bin);
/* The nearest bin of a duration in half positions; of two the shorter. */
int bl_remi_duration_bin(int64_t halves);
/* The longest bin that is not longer; bin 0 if all are. */
int bl_remi_duration_bin_within(int64_t halves);
int bl_remi_duration(int bin);

void bl_remi_meter(int meter, int *num, int *den_log2);
/* The index of the time signature that stands for num / 2^den_log2, -1 if none can;
 * *exact = 1 where it is the same. */
int bl_remi_meter_for(int num, int den_log2, int *exact);
/* The index of the canonical spelling of r sixteenths, 1 <= r <= 64. */
int bl_remi_meter_of_sixteenths(int r);
int bl_remi_meter_ticks(int meter); /* nominal length of a bar */

static inline int bl_remi_position_ticks(int grid)
{
    return REMI_TPQ / grid;
}

/* Positions p of a bar: those with p * position < length. */
static inline int bl_remi_positions(int meter, int grid)
{
    int step = bl_remi_position_ticks(grid);
    return (bl_remi_meter_ticks(meter) + step - 1) / step;
}

/* ---- the bars of a song (remi_bars.c) ---- */

typedef struct {
    int64_t from;  /* eighths of a tick of the song: first moment that belongs here */
    int64_t start; /* where position 0 is; from < start after a bar that vanished */
    int32_t at;    /* nominal ticks: where position 0 is in the decoded song */
    int meter;
} bl_remi_bar;

typedef struct {
    bl_remi_bar *bar;
    size_t n, cap;
    int32_t end; /* nominal ticks */
} bl_remi_bars;

/* *bars (zero-initialised) gets the bars of the song; *replaced counts the time
 * signatures that are not in the vocabulary. Release with bl_remi_bars_free.
 * BL_E_LIMIT beyond BL_BARS_MAX bars or REMI_START_MAX. */
int bl_remi_bars_of(bl_remi_bars *bars, const bl_song *song, uint32_t *replaced,
                    bl_err *e) BL_MUST_CHECK;
void bl_remi_bars_free(bl_remi_bars *bars);

/* ---- the parts of bl_remi_ops ---- */

int bl_remi_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                   bl_scheme_fixes *fixes, bl_err *e) BL_MUST_CHECK;
int bl_remi_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                   size_t *skipped, bl_err *e) BL_MUST_CHECK;
void bl_remi_grammar_start(bl_grammar *g);
const char *bl_remi_grammar_step(bl_grammar *g, unsigned id);
void bl_remi_grammar_mask(const bl_grammar *g, uint8_t *allowed);

#endif
