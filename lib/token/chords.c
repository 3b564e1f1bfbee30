/* chords.c - see chords.h. */
#include "token/chords.h"
#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a pitch class adds to a chord for each part of a beat in which it sounds, by
 * its interval above the root. */
static const int16_t worth[BL_QUALITIES][12] = {
    /*          0   1   2   3   4   5   6   7   8   9  10  11 */
    /* maj   */ {6, -6, -2, -6, 6, -2, -6, 5, -6, -2, -4, -4},
    /* min   */ {6, -6, -2, 6, -6, -2, -6, 5, -4, -4, -2, -6},
    /* dim   */ {6, -6, -6, 6, -6, -6, 6, -6, -6, -2, -4, -6},
    /* aug   */ {6, -6, -4, -6, 6, -6, -6, -6, 6, -6, -6, -6},
    /* sus2  */ {6, -6, 6, -6, -8, -6, -6, 5, -6, -2, -6, -6},
    /* sus4  */ {6, -6, -2, -6, -8, 6, -6, 5, -6, -2, -2, -6},
    /* dom7  */ {6, -6, -2, -6, 6, -6, -6, 4, -6, -2, 6, -6},
    /* maj7  */ {6, -6, -2, -6, 6, -6, -4, 4, -6, -2, -6, 6},
    /* min7  */ {6, -6, -2, 6, -6, -2, -6, 4, -6, -4, 6, -6},
    /* hdim7 */ {6, -6, -6, 6, -6, -6, 6, -6, -6, -6, 6, -6},
    /* dim7  */ {6, -6, -6, 6, -6, -6, 6, -6, -6, 6, -6, -6},
};

/* What each quality costs a beat: the rare ones need more evidence. */
static const int16_t cost[BL_QUALITIES] = {0, 0, 3, 4, 5, 5, 6, 7, 6, 6, 6};

enum {
    BASS_IS_ROOT = 10, /* the lowest pitch of a beat is the chord's root */
    SILENCE = 4,       /* no chord, in a beat where nothing sounds */
};

/* What a change of chord costs at a beat of each rank. */
static const int16_t change_cost[] = {
    [BL_BEAT_WEAK] = 20,
    [BL_BEAT_MIDDLE] = 14,
    [BL_BEAT_FIRST] = 12,
};

static void spell(int chord, const char roots[12][5], char name[BL_CHORD_NAME_MAX + 1])
{
    static const char of[BL_QUALITIES][6] = {"maj",  "min",   "dim",  "aug",
                                             "sus2", "sus4",  "dom7", "maj7",
                                             "min7", "hdim7", "dim7"};
    if (chord == BL_NO_CHORD)
        snprintf(name, BL_CHORD_NAME_MAX + 1, "N");
    else
        snprintf(name, BL_CHORD_NAME_MAX + 1, "%s:%s", roots[chord / BL_QUALITIES],
                 of[chord % BL_QUALITIES]);
}

void bl_chord_spell(int chord, char name[BL_CHORD_NAME_MAX + 1])
{
    static const char roots[12][5] = {"C",  "C#", "D",  "D#", "E",  "F",
                                      "F#", "G",  "G#", "A",  "A#", "B"};
    spell(chord, roots, name);
}

void bl_chord_spell_degree(int chord, char name[BL_CHORD_NAME_MAX + 1])
{
    static const char degrees[12][5] = {"I",  "bII", "II",  "bIII", "III",  "IV",
                                        "bV", "V",   "bVI", "VI",   "bVII", "VII"};
    spell(chord, degrees, name);
}

int bl_chord_raise(int chord, int by)
{
    int root = (chord / BL_QUALITIES + by) % 12;
    return chord == BL_NO_CHORD ? chord : root * BL_QUALITIES + chord % BL_QUALITIES;
}

unsigned bl_chord_classes(int chord)
{
    unsigned classes = 0;
    for (int c = 0; c < 12 && chord != BL_NO_CHORD; c++)
        if (worth[chord % BL_QUALITIES][c] > 0)
            classes |= 1u << (chord / BL_QUALITIES + c) % 12;
    return classes;
}

/* States: a row of lanes for each quality, a lane for each root, so that all roots are
 * computed at once. Of the lanes left over the first of the first row is no chord, the
 * others are never the best. */
enum { LANES = 16, STATES = BL_QUALITIES * LANES, NO_CHORD = 12, NEVER = -10000 };

static int chord_of(int state)
{
    int root = state % LANES, quality = state / LANES;
    return state == NO_CHORD ? BL_NO_CHORD : root * BL_QUALITIES + quality;
}

/* States fill whole vectors: the loader picks the clone for the processor. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) &&                 \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && BL_CPU >= 1
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

/* What a pitch class adds to each state: `worth` by class instead of by interval. */
typedef int16_t worths[12][STATES];

INLINE void spread(worths by_class)
{
    for (int c = 0; c < 12; c++)
        for (int q = 0; q < BL_QUALITIES; q++)
            for (int root = 0; root < LANES; root++)
                by_class[c][q * LANES + root] =
                    (int16_t)(root < 12 ? worth[q][(c - root + 12) % 12] : 0);
}

/* How well each state fits what sounds in a beat. */
INLINE void fit(int16_t score[STATES], const bl_chord_beat *beat, worths by_class,
                const int16_t at_first[STATES])
{
    bl_pitches all = {0, 0};
    memcpy(score, at_first, STATES * sizeof *score);
    for (int part = 0; part < BL_BEAT_PARTS; part++) {
        bl_pitches_join(&all, beat->sound[part]);
        for (unsigned left = bl_pitches_classes(beat->sound[part]); left != 0;
             left &= left - 1) {
            const int16_t *more = by_class[__builtin_ctz(left)];
            for (int c = 0; c < STATES; c++)
                score[c] = (int16_t)(score[c] + more[c]);
        }
    }
    if (!bl_pitches_any(all)) {
        score[NO_CHORD] = SILENCE;
        return;
    }
    score[NO_CHORD] = 0;
    for (int q = 0; q < BL_QUALITIES; q++)
        score[q * LANES + bl_pitches_lowest(all) % 12] += BASS_IS_ROOT;
}

INLINE int best_of(const int16_t total[STATES])
{
    int16_t most = NEVER;
    int best = 0;
    for (int c = 0; c < STATES; c++)
        most = total[c] > most ? total[c] : most;
    while (total[best] != most)
        best++;
    return best;
}

/* One beat on: a state of less than `least` is better reached from the best; bit q of
 * changed[lane] tells where. Totals are then counted from `least`, so that no length of
 * a piece overflows. */
INLINE void advance(int16_t total[STATES], const int16_t score[STATES], int16_t least,
                    uint16_t changed[LANES])
{
    uint16_t is_less[LANES] = {0};
    for (int q = 0; q < BL_QUALITIES; q++) {
        const int16_t *row = &total[q * LANES];
        uint16_t bit = (uint16_t)(1u << q);
        for (int lane = 0; lane < LANES; lane++)
            is_less[lane] |= (uint16_t)(row[lane] < least ? bit : 0);
    }
    memcpy(changed, is_less, sizeof is_less);
    for (int c = 0; c < STATES; c++)
        total[c] = (int16_t)((total[c] > least ? total[c] : least) - least + score[c]);
}

/* A state is reached from itself or, at a cost that is the same for all, from the best
 * of the beat before: one bit each and one byte tell the way back. */
CLONES
int bl_chords_find(uint8_t *chord, const bl_chord_beat *beats, size_t n, bl_err *e)
{
    int16_t total[STATES] = {0}, score[STATES], at_first[STATES];
    worths by_class;
    uint16_t(*changed)[LANES] = bl_calloc(n, sizeof *changed, e);
    if (changed == NULL)
        return BL_E_NOMEM;
    spread(by_class);
    for (int c = 0; c < STATES; c++)
        at_first[c] = (int16_t)(c % LANES < 12 ? -cost[c / LANES] : NEVER);
    for (size_t b = 0; b < n; b++) {
        int best = best_of(total);
        int16_t least = (int16_t)(total[best] - change_cost[beats[b].rank]);
        chord[b] = (uint8_t)best; /* the state before, until the way back */
        fit(score, &beats[b], by_class, at_first);
        advance(total, score, least, changed[b]);
    }
    int now = best_of(total);
    for (size_t b = n; b-- > 0;) {
        int before = changed[b][now % LANES] >> now / LANES & 1 ? chord[b] : now;
        chord[b] = (uint8_t)chord_of(now);
        now = before;
    }
    free(changed);
    return 0;
}
