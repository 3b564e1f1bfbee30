/* chords2020.c - see chords2020.h. A span of beats is judged by the set of pitches that
 * sound in it, so one set a beat is all that is kept of the notes. */
#include "token/chords2020.h"
#include "token/pitches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAJ, MIN, DIM, AUG, DOM, NO_QUALITY, HOPELESS = -100 };

/* Sets of pitches; those that only touch a beat's start, without length, apart. */
typedef struct {
    bl_pitches *sound; /* [n_beats] in [480 b, 480 b + 480) */
    bl_pitches
        *point;  /* [n_beats] notes without length at 480 b: in what goes over it */
    int32_t end; /* T: the greatest end of a note */
} beats;

typedef struct {
    int chord, quality, score;
} verdict;

/* Intervals above the root as bits: what belongs to the chord, and what each other
 * adds to its score. */
#define I(n) (1u << (n))
static const struct {
    unsigned core, plus, minus, minus2;
} qualities[CHORD_QUALITIES] = {
    [MAJ] = {I(0) | I(4), I(7), I(2) | I(5) | I(9), I(1) | I(3) | I(6) | I(8) | I(10)},
    [MIN] = {I(0) | I(3), I(7), I(2) | I(5) | I(8), I(1) | I(4) | I(6) | I(9) | I(11)},
    [DIM] = {I(0) | I(3) | I(6), I(9), I(2) | I(5) | I(10),
             I(1) | I(4) | I(7) | I(8) | I(11)},
    [AUG] = {I(0) | I(4) | I(8), 0, I(2) | I(5) | I(9),
             I(1) | I(3) | I(6) | I(7) | I(10)},
    [DOM] = {I(0) | I(4) | I(7) | I(10), 0, I(2) | I(5) | I(9),
             I(1) | I(3) | I(6) | I(8) | I(11)},
};

void bl_chord_name(int chord, char name[16])
{
    static const char roots[12][3] = {"C",  "C#", "D",  "D#", "E",  "F",
                                      "F#", "G",  "G#", "A",  "A#", "B"};
    static const char of[CHORD_QUALITIES][4] = {"maj", "min", "dim", "aug", "dom"};
    if (chord == CHORD_NONE)
        strcpy(name, "N:N");
    else
        snprintf(name, 16, "%s:%s", roots[chord / CHORD_QUALITIES],
                 of[chord % CHORD_QUALITIES]);
}

/* ---- one span ---- */

static int quality_of(unsigned intervals)
{
    int minor = (intervals & I(3)) != 0, major = (intervals & I(4)) != 0;
    if (minor == major)
        return NO_QUALITY;
    if (minor)
        return intervals & I(6) ? DIM : MIN;
    if (intervals & I(8))
        return AUG;
    return (intervals & I(7)) && (intervals & I(10)) ? DOM : MAJ;
}

static int score_of(unsigned intervals, int quality)
{
    if (quality == NO_QUALITY)
        return HOPELESS;
    unsigned others = intervals & ~qualities[quality].core;
    return __builtin_popcount(others & qualities[quality].plus) -
           __builtin_popcount(others & qualities[quality].minus) -
           2 * __builtin_popcount(others & qualities[quality].minus2);
}

/* The best root; of equals the one whose class has the lowest pitch. */
static verdict judge(bl_pitches p)
{
    verdict best = {CHORD_NONE, MAJ, HOPELESS - 1};
    unsigned classes = bl_pitches_classes(p);
    if (classes == 0)
        return (verdict){CHORD_NONE, MAJ, 0};
    for (unsigned seen = 0; seen != classes;) {
        int pitch = bl_pitches_lowest(p), root = pitch % 12;
        if (pitch < 64)
            p.low &= p.low - 1;
        else
            p.high &= p.high - 1;
        if (seen & I(root))
            continue;
        seen |= I(root);
        unsigned intervals = (classes >> root | classes << (12 - root)) & 0xfff;
        int quality = quality_of(intervals);
        int score = score_of(intervals, quality);
        if (score > best.score)
            best = (verdict){root * CHORD_QUALITIES + quality, quality, score};
    }
    return best;
}

/* What sounds in [start, end), a beat's start and a beat's start or the end of all. */
static bl_pitches span_of(const beats *b, int32_t start, int32_t end)
{
    bl_pitches p = {0, 0};
    for (int32_t beat = start / CHORD_BEAT; beat * CHORD_BEAT < end; beat++) {
        bl_pitches_join(&p, b->sound[beat]);
        if (beat * CHORD_BEAT > start)
            bl_pitches_join(&p, b->point[beat]);
    }
    return p;
}

/* ---- all spans ---- */

/* Notes come in order of time: of each pitch only beats behind those already marked are
 * visited, so that many long notes cost no more than all beats of all pitches. */
static int gather(beats *b, const bl_note *notes, size_t n, bl_err *e)
{
    int32_t marked[128] = {0};
    for (size_t i = 0; i < n; i++)
        b->end = (int32_t)bl_max(b->end, notes[i].off);
    size_t n_beats = (size_t)b->end / CHORD_BEAT + 1;
    b->sound = bl_calloc(n_beats, sizeof *b->sound, e);
    b->point = bl_calloc(n_beats, sizeof *b->point, e);
    if (b->sound == NULL || b->point == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const bl_note *x = &notes[i];
        if (x->on == x->off && (x->on % CHORD_BEAT == 0 || x->on >= b->end)) {
            if (x->on < b->end)
                bl_pitches_add(&b->point[x->on / CHORD_BEAT], x->pitch);
            continue;
        }
        int32_t beat = (int32_t)bl_max(x->on / CHORD_BEAT, marked[x->pitch]);
        for (; beat * CHORD_BEAT < x->off; beat++)
            bl_pitches_add(&b->sound[beat], x->pitch);
        marked[x->pitch] = beat;
    }
    return 0;
}

static int add_chord(bl_chords *out, bl_chord c, bl_err *e)
{
    void *p = out->chord;
    int rc = bl_grow(&p, &out->cap, out->n + 1, sizeof c, e);
    out->chord = p;
    if (rc == 0)
        out->chord[out->n++] = c;
    return rc;
}

int bl_chords_2020(bl_chords *out, const bl_note *notes, size_t n, bl_err *e)
{
    beats b = {0};
    int rc = gather(&b, notes, n, e);
    int first_is_open = 1; /* spans without quality in front join the next chord */
    for (int32_t s = 0; s < b.end && rc == 0;) {
        int32_t end4 = (int32_t)bl_min(s + 4 * CHORD_BEAT, b.end);
        int32_t end2 = (int32_t)bl_min(s + 2 * CHORD_BEAT, b.end);
        verdict v4 = judge(span_of(&b, s, end4)), v2 = judge(span_of(&b, s, end2));
        verdict v = v4.score >= v2.score ? v4 : v2;
        if (v.quality != NO_QUALITY) {
            rc = add_chord(out, (bl_chord){first_is_open ? 0 : s, v.chord}, e);
            first_is_open = 0;
        }
        s = v4.score >= v2.score ? end4 : end2;
    }
    free(b.sound);
    free(b.point);
    return rc;
}
