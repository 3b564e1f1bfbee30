/* muspy.c - columns of the published MusPy: Dong, Chen, McAuley and Berg-Kirkpatrick,
 * "MusPy: a toolkit for symbolic music generation" (ISMIR 2020). The length of a song
 * runs to its last note or control change; cells of time are touched at both ends; the
 * first time signature holds. Corrected forms are in feat_*.c. */
#include "feature/family.h"

#include <stdlib.h>

#define MU "as MusPy computes it, "

const bl_field bl_fields_muspy[] = {
    {"n_pitches_used_muspy", "1", MU "drums apart", 1, 1},
    {"n_pitch_classes_used_muspy", "1", MU "drums apart", 1, 1},
    {"pitch_range_muspy", "semitones",
     MU "0 without notes, -127 where there are drums alone", 1, 1},
    {"pitch_entropy_muspy", "bits", MU "drums apart", 1, 1},
    {"pitch_class_entropy_muspy", "bits", MU "drums apart", 1, 1},
    {"pitch_in_scale_rate_major_muspy", "1", MU "share of notes in C major", 1, 1},
    {"scale_consistency_muspy", "1", MU "the best of 24 scales", 1, 1},
    {"polyphony_muspy", "1", MU "distinct pitches in ticks with any", 1, 1},
    {"polyphony_rate_muspy", "1",
     MU "ticks with more than two pitches by the length of the song", 1, 1},
    {"empty_beat_rate_muspy", "1", MU "notes touching both their ends", 1, 1},
    {"empty_measure_rate_muspy", "1", MU "notes touching both their ends", 1, 1},
    {"groove_consistency_muspy", "1", MU "tick by tick, with the bar after the last", 1,
     1},
    {"groove_consistency_16pos_muspy", "1",
     MU "of notes one of 16 positions of the bar long, control changes at their ticks",
     1, 1},
    {"drum_in_pattern_rate_duple_muspy", "1", MU "drums on quarters of the beat", 1, 1},
    {"drum_in_pattern_rate_triple_muspy", "1", MU "drums on thirds of the beat", 1, 1},
    {"drum_pattern_consistency_muspy", "1", MU "the larger of the two", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

enum {
    PITCHES,
    CLASSES,
    RANGE,
    H_PITCH,
    H_CLASS,
    IN_MAJOR,
    CONSISTENCY,
    POLYPHONY,
    POLY_RATE,
    EMPTY_BEATS,
    EMPTY_BARS,
    GROOVE,
    GROOVE_16,
    DUPLE,
    TRIPLE,
    PATTERN
};

static double feature(const bl_view *v, const char *name)
{
    int i = bl_feat_find(name);
    return i < 0 ? NAN : bl_feat_at((size_t)i)->value(v);
}

static void count_pitches(const bl_view *v, double *out)
{
    static const uint8_t major[7] = {0, 2, 4, 5, 7, 9, 11};
    uint32_t n = 0;
    for (size_t i = 0; i < BL_COUNT(major); i++)
        n += v->of_class[major[i]];
    out[PITCHES] = feature(v, "n_pitches_used");
    out[CLASSES] = feature(v, "n_pitch_classes_used");
    out[RANGE] = feature(v, "pitch_range");
    if (v->n_pitched == 0)
        out[RANGE] = v->in.song->n_notes > 0 ? -127 : 0;
    out[H_PITCH] = feature(v, "pitch_entropy");
    out[H_CLASS] = feature(v, "pitch_class_entropy");
    out[IN_MAJOR] = bl_ratio(n, (double)v->n_pitched);
    out[CONSISTENCY] = feature(v, "scale_consistency");
    out[POLYPHONY] = feature(v, "polyphony");
}

/* 1 less the share of cells of so many ticks that a note touches. */
static double empty_rate(const bl_song *s, int64_t length, int64_t cell)
{
    int64_t touched = 0, next = 0;
    for (size_t i = 0; i < s->n_notes; i++) {
        int64_t first = s->notes[i].on / cell, last = s->notes[i].off / cell;
        first = bl_max(first, next);
        touched += bl_max(last - first + 1, 0);
        next = bl_max(next, last + 1);
    }
    return 1 - (double)touched / (double)(length / cell + 1);
}

/* Groove consistency of sorted moments, `bar` to a bar, over the bars of `length`. A
 * moment is alone in its bars but where the neighbour has it too: two sorted runs, one
 * a bar behind the other, are merged. */
static double groove(const int64_t *on, size_t n, int64_t bar, int64_t length)
{
    int64_t n_bars = length / bar + 1, differ = 0;
    size_t ahead = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && on[i] == on[i - 1])
            continue;
        while (ahead < n && on[ahead] < on[i] + bar)
            ahead++;
        int has_twin = ahead < n && on[ahead] == on[i] + bar;
        int n_sides = (on[i] / bar > 0) + (on[i] / bar < n_bars - 1);
        differ += n_sides - 2 * has_twin;
    }
    return n_bars > 1 ? 1 - (double)differ / (double)(bar * (n_bars - 1)) : NAN;
}

static int count_grooves(const bl_song *s, int64_t bar, int64_t length,
                         int64_t last_control, double *out, bl_err *e)
{
    int64_t *on = bl_calloc(s->n_notes, sizeof *on, e);
    if (on == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < s->n_notes; i++)
        on[i] = s->notes[i].on;
    out[GROOVE] = groove(on, s->n_notes, bar, length);
    for (size_t i = 0; i < s->n_notes; i++)
        on[i] = (2 * 16 * on[i] + bar) / (2 * bar);
    length =
        s->n_notes > 0 ? bl_max(on[s->n_notes - 1] + 1, last_control) : last_control;
    out[GROOVE_16] = groove(on, s->n_notes, 16, length);
    free(on);
    return 0;
}

static void count_drums(const bl_song *s, double *out)
{
    double n = 0, duple = 0, triple = 0;
    for (size_t i = 0; i < s->n_notes; i++) {
        int at = s->notes[i].on % s->tpq;
        if (!s->notes[i].drum)
            continue;
        n++;
        duple += at * 4 % s->tpq == 0;
        triple += at * 3 % s->tpq == 0;
    }
    out[DUPLE] = bl_ratio(duple, n);
    out[TRIPLE] = bl_ratio(triple, n);
    out[PATTERN] = bl_ratio(duple > triple ? duple : triple, n);
}

int bl_compute_muspy(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    const bl_song *s = v->in.song;
    const bl_events *ev = v->in.events;
    int64_t control = 0, bar = (int64_t)s->tpq * 4;
    (void)series;
    count_pitches(v, out);
    count_drums(s, out);
    for (size_t i = 0; ev != NULL && i < ev->n; i++)
        if ((ev->event[i].status & 0xf0) == 0xb0)
            control = bl_max(control, ev->event[i].tick);
    int64_t length = bl_max(v->last, control);
    if (s->n_notes == 0 && control == 0)
        return 0;
    if (s->n_meters > 0)
        bar = ((int64_t)s->tpq * 4 * s->meters[0].num) >> s->meters[0].den_log2;
    out[POLY_RATE] = bl_ratio((double)v->ticks_of_3, (double)length);
    out[EMPTY_BEATS] = empty_rate(s, length, s->tpq);
    if (bar == 0)
        return 0;
    out[EMPTY_BARS] = empty_rate(s, length, bar);
    return count_grooves(s, bar, length, control, out, e);
}
