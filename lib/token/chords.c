/* chords.c - see chords.h. */
#include "token/chords.h"

#include <stdio.h>
#include <stdlib.h>

enum { BITS_SIZE = (BL_CHORD_WORDS + 7) / 8 };

/* What a pitch class adds to a chord for each part of a beat in which it sounds, by
 * its interval above the root. */
static const int8_t worth[BL_QUALITIES][12] = {
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
static const int8_t cost[BL_QUALITIES] = {0, 0, 4, 4, 3, 3, 4, 4, 4, 4, 4};

enum {
    BASS_IS_ROOT = 6, /* the lowest pitch of a beat is the chord's root */
    SILENCE = 4,      /* no chord, in a beat where nothing sounds */
};

/* What a change of chord costs at a beat of each rank. */
static const int16_t change_cost[] = {
    [BL_BEAT_WEAK] = 30,
    [BL_BEAT_MIDDLE] = 16,
    [BL_BEAT_FIRST] = 8,
};

void bl_chord_spell(int chord, char name[BL_CHORD_NAME_MAX + 1])
{
    static const char roots[12][3] = {"C",  "C#", "D",  "D#", "E",  "F",
                                      "F#", "G",  "G#", "A",  "A#", "B"};
    static const char of[BL_QUALITIES][6] = {"maj",  "min",   "dim",  "aug",
                                             "sus2", "sus4",  "dom7", "maj7",
                                             "min7", "hdim7", "dim7"};
    if (chord == BL_NO_CHORD)
        snprintf(name, BL_CHORD_NAME_MAX + 1, "N");
    else
        snprintf(name, BL_CHORD_NAME_MAX + 1, "%s:%s", roots[chord / BL_QUALITIES],
                 of[chord % BL_QUALITIES]);
}

/* How well each chord fits what sounds in a beat. */
static void fit(int32_t score[BL_CHORD_WORDS], const bl_chord_beat *beat)
{
    bl_pitches all = {0, 0};
    int parts[24] = {0}; /* of a pitch class, in how many parts it sounds; twice over */
    for (int part = 0; part < BL_BEAT_PARTS; part++) {
        unsigned classes = bl_pitches_classes(beat->sound[part]);
        bl_pitches_join(&all, beat->sound[part]);
        for (int c = 0; c < 12; c++)
            parts[c] += (int)(classes >> c & 1);
    }
    for (int c = 0; c < 12; c++)
        parts[12 + c] = parts[c];
    int bass = bl_pitches_any(all) ? bl_pitches_lowest(all) % 12 : -1;
    for (int root = 0; root < 12; root++)
        for (int q = 0; q < BL_QUALITIES; q++) {
            int sum = bass < 0 ? 0 : bass == root ? BASS_IS_ROOT - cost[q] : -cost[q];
            for (int i = 0; i < 12; i++)
                sum += worth[q][i] * parts[root + i];
            score[root * BL_QUALITIES + q] = sum;
        }
    score[BL_NO_CHORD] = bass < 0 ? SILENCE : 0;
}

static int best_of(const int32_t total[BL_CHORD_WORDS])
{
    int best = 0;
    for (int c = 1; c < BL_CHORD_WORDS; c++)
        if (total[c] > total[best])
            best = c;
    return best;
}

/* A chord is reached from itself or, at a cost that is the same for all, from the best
 * chord of the beat before: one bit each and one byte tell the way back. */
int bl_chords_find(uint8_t *chord, const bl_chord_beat *beats, size_t n, bl_err *e)
{
    int32_t total[BL_CHORD_WORDS] = {0}, score[BL_CHORD_WORDS];
    uint8_t(*changed)[BITS_SIZE] = bl_calloc(n, sizeof *changed, e);
    if (changed == NULL)
        return BL_E_NOMEM;
    for (size_t b = 0; b < n; b++) {
        int best = best_of(total);
        /* counted from the best, so that no length of a piece overflows */
        int32_t base = total[best];
        chord[b] = (uint8_t)best; /* of the beat before, until the way back */
        fit(score, &beats[b]);
        for (int c = 0; c < BL_CHORD_WORDS; c++) {
            int32_t stay = total[c] - base, change = -change_cost[beats[b].rank];
            if (change > stay)
                changed[b][c / 8] |= (uint8_t)(1u << c % 8);
            total[c] = (int32_t)bl_max(stay, change) + score[c];
        }
    }
    int now = best_of(total);
    for (size_t b = n; b-- > 0;) {
        int before = changed[b][now / 8] >> now % 8 & 1 ? chord[b] : now;
        chord[b] = (uint8_t)now;
        now = before;
    }
    free(changed);
    return 0;
}
