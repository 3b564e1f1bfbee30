/* remi.h (internal) - the scheme "remi": its kinds of tokens,
 * its bins and its bars. Defined completely in schemas/remi-scheme.md. */
#ifndef BL_TOKEN_REMI_H
#define BL_TOKEN_REMI_H

#include "token/scheme_impl.h"

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
    REMI_CHORD, /* from here on options: without them there are no such tokens */
    REMI_PEDAL,
    REMI_KEY,
    REMI_LABEL,
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

/* Tokens of the pedal, in id order. REMI_LIFTED: released and pressed again at once. */
enum { REMI_RELEASED, REMI_LIFTED, REMI_PRESSED, REMI_N_PEDALS };

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

/* The labels that a piece may have after label `last` (-1: none yet) are those from the
 * one returned on: beyond it in order, and of another prefix (up to '_'). */
int bl_remi_next_label(const bl_spec *spec, int last);

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

/* Bar and position, in one number. */
typedef uint64_t bl_remi_moment;
enum { REMI_POSITION_BITS = 9 };

static inline unsigned bl_remi_position_of(bl_remi_moment at)
{
    return (unsigned)(at & ((1u << REMI_POSITION_BITS) - 1));
}

/* The moment nearest to a tick of the song (`tpq` a quarter note) that is not before
 * the tick of the last call with this cursor (0 at first). *beyond is set where that
 * would be after the last bar; it is then the last moment there is. */
bl_remi_moment bl_remi_moment_of(const bl_remi_bars *bars, int grid, int tpq,
                                 size_t *cursor, int32_t tick, int *beyond);

/* ---- chords and pedals (remi_chords.c, remi_pedals.c) ---- */

/* A chord begins, or a pedal moves: the token is `value` of its kind. */
typedef struct {
    bl_remi_moment at;
    uint8_t value;
    uint8_t program; /* of a pedal */
} bl_remi_item;

/* By moment and program. Zero-initialise, free(item). */
typedef struct {
    bl_remi_item *item;
    size_t n, cap;
} bl_remi_items;

int bl_remi_add_item(bl_remi_items *items, bl_remi_item item, bl_err *e) BL_MUST_CHECK;

/* A melodic note as its tokens have it, in nominal ticks. */
typedef struct {
    int32_t on, off;
    int pitch;
} bl_remi_tone;

/* Appends the changes of chord; the first is at the very beginning. Tones come in order
 * of `on`. */
int bl_remi_chords_of(bl_remi_items *chords, const bl_remi_bars *bars, int grid,
                      const bl_remi_tone *tones, size_t n, bl_err *e) BL_MUST_CHECK;

/* Appends the movements of the pedals of the programs that have notes. */
int bl_remi_pedals_of(bl_remi_items *pedals, const bl_remi_bars *bars, int grid,
                      const bl_song *song, bl_err *e) BL_MUST_CHECK;

/* The key of a song: its own first one, unless that is C major, which files state where
 * nobody said anything; else the one found in its tones. */
int bl_remi_key_of(const bl_song *song, const bl_remi_tone *tones, size_t n);

/* ---- the parts of bl_remi_ops ---- */

extern const bl_kind bl_remi_kinds[REMI_N_KINDS];
int bl_remi_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                   bl_scheme_fixes *fixes, bl_err *e) BL_MUST_CHECK;
int bl_remi_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                   size_t *skipped, bl_err *e) BL_MUST_CHECK;
void bl_remi_decode_begin(bl_decoder *d);
int bl_remi_decode_more(bl_decoder *d, const uint16_t *ids, size_t n,
                        bl_err *e) BL_MUST_CHECK;
void bl_remi_grammar_start(bl_grammar *g);
const char *bl_remi_grammar_step(bl_grammar *g, unsigned id);
void bl_remi_grammar_mask(const bl_grammar *g, uint8_t *allowed);
void bl_remi_pace_step(bl_pace *p, unsigned id);
int64_t bl_remi_pace_end(bl_pace *p, int *step, int *tpq);

#endif
