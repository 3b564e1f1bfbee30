/* remi_words.c - the vocabulary of "remi": names, and the bins behind them. */
#include "token/chords.h"
#include "token/keys.h"
#include "token/remi.h"

#include <stdio.h>
#include <string.h>

const bl_kind bl_remi_kinds[REMI_N_KINDS] = {
    {"PAD", BL_IS_SPECIAL},       {"BOS", BL_IS_SPECIAL},    {"EOS", BL_IS_SPECIAL},
    {"MASK", BL_IS_SPECIAL},      {"Bar", BL_IS_BAR},        {"TimeSig", BL_IS_METER},
    {"Position", BL_IS_POSITION}, {"Tempo", BL_IS_OTHER},    {"Program", BL_IS_OTHER},
    {"Pitch", BL_IS_NOTE},        {"PitchDrum", BL_IS_DRUM}, {"Velocity", BL_IS_OTHER},
    {"Duration", BL_IS_OTHER},    {"Chord", BL_IS_CHORD},    {"Pedal", BL_IS_OTHER},
    {"Key", BL_IS_KEY},           {"Label", BL_IS_LABEL},
};

/* ---- time signatures: for each denominator the numerators 1..max ---- */

static const struct {
    int den_log2, max, first;
} meters[] = {
    {1, 8, 0}, {2, 16, 8}, {3, 32, 24}, {4, 64, 56}, {5, 32, 120},
};

_Static_assert(8 + 16 + 32 + 64 + 32 == REMI_N_METERS, "all rows of the table");

void bl_remi_meter(int meter, int *num, int *den_log2)
{
    size_t row = BL_COUNT(meters) - 1;
    while (meters[row].first > meter)
        row--;
    *num = meter - meters[row].first + 1;
    *den_log2 = meters[row].den_log2;
}

static int index_of(int num, int den_log2)
{
    for (size_t row = 0; row < BL_COUNT(meters); row++)
        if (meters[row].den_log2 == den_log2)
            return num >= 1 && num <= meters[row].max ? meters[row].first + num - 1
                                                      : -1;
    return -1;
}

int bl_remi_meter_for(int num, int den_log2, int *exact)
{
    int meter = index_of(num, den_log2);
    *exact = meter >= 0;
    if (meter >= 0)
        return meter;
    if (num < 1 || num > 255 || den_log2 < 0 || den_log2 > 7)
        return -1;
    if (den_log2 == 0) {
        num *= 2;
        den_log2 = 1;
    }
    /* below sixteenths the same length may have a name in greater values */
    while (index_of(num, den_log2) < 0 && num % 2 == 0 && den_log2 > 4) {
        num /= 2;
        den_log2--;
    }
    /* too long: bars of the greatest equal parts */
    for (int parts = 1; parts <= num; parts++)
        if (num % parts == 0 && index_of(num / parts, den_log2) >= 0)
            return index_of(num / parts, den_log2);
    return -1;
}

int bl_remi_meter_of_sixteenths(int r)
{
    int den_log2 = 4;
    while (r % 2 == 0 && den_log2 > 2) {
        r /= 2;
        den_log2--;
    }
    return index_of(r, den_log2);
}

int bl_remi_meter_ticks(int meter)
{
    int num, den_log2;
    bl_remi_meter(meter, &num, &den_log2);
    return (num * 4 * REMI_TPQ) >> den_log2;
}

/* ---- velocities: 32 bins, named by their middle ---- */

int bl_remi_velocity_bin(int velocity)
{
    return (int)bl_clamp((velocity - 2) / 4, 0, REMI_N_VELOCITIES - 1);
}

int bl_remi_velocity(int bin)
{
    return 4 * bin + 3;
}

/* ---- durations in half positions: 1..64, 72..128 by 8, 160..512 by 32 ---- */

enum { N_FINE = 64, N_MIDDLE = 8 };

int bl_remi_duration(int bin)
{
    if (bin < N_FINE)
        return bin + 1;
    if (bin < N_FINE + N_MIDDLE)
        return 64 + 8 * (bin - N_FINE + 1);
    return 128 + 32 * (bin - N_FINE - N_MIDDLE + 1);
}

int bl_remi_duration_bin_within(int64_t halves)
{
    int64_t d = bl_clamp(halves, 1, REMI_DURATION_MAX);
    if (d <= 64)
        return (int)d - 1;
    if (d <= 128)
        return N_FINE - 1 + (int)(d - 64) / 8;
    return N_FINE + N_MIDDLE - 1 + (int)(d - 128) / 32;
}

int bl_remi_duration_bin(int64_t halves)
{
    int bin = bl_remi_duration_bin_within(halves);
    if (bin + 1 < REMI_N_DURATIONS &&
        bl_remi_duration(bin + 1) - halves < halves - bl_remi_duration(bin))
        bin++;
    return bin;
}

/* ---- labels: lines of the spec, those of one prefix next to each other ---- */

static int count_labels(const char *labels)
{
    int n = 0;
    for (; *labels != '\0'; labels++)
        n += *labels == '\n';
    return n;
}

static const char *label_at(const char *labels, int i)
{
    for (; i > 0; i--)
        labels += strcspn(labels, "\n") + 1;
    return labels;
}

int bl_remi_next_label(const bl_spec *spec, int last)
{
    if (last < 0)
        return 0;
    const char *label = label_at(spec->labels, last);
    size_t prefix = strcspn(label, "_\n");
    prefix += label[prefix] == '_';
    const char *next = label;
    for (; strncmp(next, label, prefix) == 0; last++) {
        next += strcspn(next, "\n");
        next += *next == '\n';
    }
    return last;
}

/* ---- names ---- */

int bl_remi_count(int kind, const bl_spec *spec)
{
    switch (kind) {
    case REMI_TIMESIG:
        return REMI_N_METERS;
    case REMI_POSITION:
        return 16 * spec->grid;
    case REMI_TEMPO:
        return REMI_BPM_MAX - REMI_BPM_MIN + 1;
    case REMI_PROGRAM:
    case REMI_PITCH:
    case REMI_DRUM:
        return 128;
    case REMI_VELOCITY:
        return REMI_N_VELOCITIES;
    case REMI_DURATION:
        return REMI_N_DURATIONS;
    case REMI_CHORD:
        return spec->chords ? BL_CHORD_WORDS : 0;
    case REMI_PEDAL:
        return spec->pedal ? REMI_N_PEDALS : 0;
    case REMI_KEY:
        return spec->key ? BL_N_MUSIC_KEYS : 0;
    case REMI_LABEL:
        return count_labels(spec->labels);
    default:
        return 1;
    }
}

void bl_remi_word(int kind, int i, const bl_spec *spec, char name[BL_WORD_MAX + 1])
{
    const char *text = bl_remi_kinds[kind].name;
    int num, den_log2;
    if (kind == REMI_TIMESIG) {
        bl_remi_meter(i, &num, &den_log2);
        snprintf(name, BL_WORD_MAX + 1, "%s_%d/%d", text, num, 1 << den_log2);
        return;
    }
    if (kind == REMI_CHORD) {
        char chord[BL_CHORD_NAME_MAX + 1];
        if (spec->degrees)
            bl_chord_spell_degree(i, chord);
        else
            bl_chord_spell(i, chord);
        snprintf(name, BL_WORD_MAX + 1, "%s_%s", text, chord);
        return;
    }
    if (kind == REMI_PITCH && spec->common_key) {
        snprintf(name, BL_WORD_MAX + 1, "%sC_%d", text, i);
        return;
    }
    if (kind == REMI_KEY) {
        char key[BL_KEY_NAME_MAX + 1];
        bl_key_spell(i, key);
        snprintf(name, BL_WORD_MAX + 1, "%s_%s", text, key);
        return;
    }
    if (kind == REMI_PEDAL) {
        static const char *const moves[] = {"off", "again", "on"};
        snprintf(name, BL_WORD_MAX + 1, "%s_%s", text, moves[i]);
        return;
    }
    if (kind == REMI_LABEL) {
        const char *label = label_at(spec->labels, i);
        int len = (int)strcspn(label, "\n");
        snprintf(name, BL_WORD_MAX + 1, "%.*s", len, label);
        return;
    }
    if (kind <= REMI_BAR) {
        snprintf(name, BL_WORD_MAX + 1, "%s", text);
        return;
    }
    if (kind == REMI_TEMPO)
        i += REMI_BPM_MIN;
    else if (kind == REMI_VELOCITY)
        i = bl_remi_velocity(i);
    else if (kind == REMI_DURATION)
        i = bl_remi_duration(i);
    snprintf(name, BL_WORD_MAX + 1, "%s_%d", text, i);
}
