/* feat_rhythm.c - features of onsets, durations and bars. Definitions: Dong, Chen,
 * McAuley and Berg-Kirkpatrick, "MusPy" (ISMIR 2020), the last bar that is none left
 * out and on sixteen positions; Wu and Yang, "The Jazz Transformer on the front line"
 * (ISMIR 2020), over all pairs of bars. */
#include "feature/family.h"

static double n_notes(const bl_view *v)
{
    return (double)v->in.song->n_notes;
}

static double note_density(const bl_view *v)
{
    return bl_ratio(n_notes(v), bl_view_seconds(v, v->last));
}

static double notes_per_bar(const bl_view *v)
{
    return bl_ratio(n_notes(v), (double)v->n_bars);
}

static double avg_ioi(const bl_view *v)
{
    if (v->n_onsets < 2)
        return NAN;
    double span = bl_view_seconds(v, v->last_on) - bl_view_seconds(v, v->first_on);
    return span / (double)(v->n_onsets - 1);
}

static double mean_duration(const bl_view *v)
{
    int64_t sum = 0;
    for (size_t i = 0; i < v->n_pitched; i++)
        sum += v->pitched[i].off - v->pitched[i].on;
    return bl_ratio((double)sum, (double)v->n_pitched * v->in.song->tpq);
}

static double off_grid(const bl_view *v)
{
    return bl_ratio((double)v->n_off_grid, n_notes(v));
}

static double empty_beat_rate(const bl_view *v)
{
    return bl_ratio((double)v->n_empty_beats, (double)v->n_beats);
}

static double empty_bar_rate(const bl_view *v)
{
    return bl_ratio((double)v->n_empty_bars, (double)v->n_music_bars);
}

static double groove_consistency(const bl_view *v)
{
    size_t n = 0;
    if (v->n_music_bars < 2)
        return NAN;
    for (size_t b = 0; b + 1 < v->n_music_bars; b++) {
        unsigned differ = v->bars[b].onsets ^ v->bars[b + 1].onsets;
        n += (size_t)__builtin_popcount(differ);
    }
    return 1 - (double)n / ((double)(v->n_music_bars - 1) * BL_VIEW_POSITIONS);
}

/* Over all pairs of bars, position by position: where k of T bars have an onset, k(T -
 * k) pairs differ. */
static double grooving_similarity(const bl_view *v)
{
    double differ = 0, n = (double)v->n_music_bars;
    if (v->n_pitched == 0 || v->n_music_bars < 2)
        return NAN;
    for (int position = 0; position < BL_VIEW_POSITIONS; position++) {
        size_t k = 0;
        for (size_t b = 0; b < v->n_music_bars; b++)
            k += v->bars[b].pitched_onsets >> position & 1;
        differ += (double)k * (n - (double)k);
    }
    return 1 - differ / (BL_VIEW_POSITIONS * n * (n - 1) / 2);
}

const bl_feat bl_feats_rhythm[] = {
    {"note_density", "1/s", "notes a second, to the end of the last note",
     note_density},
    {"notes_per_bar", "1", "notes a bar, silent bars counted", notes_per_bar},
    {"avg_ioi", "s",
     "mean time from one onset to the next, simultaneous notes being one onset",
     avg_ioi},
    {"mean_duration", "quarters", "mean duration of pitched notes", mean_duration},
    {"off_grid", "1",
     "share of notes that begin more than 1/48 of a quarter note off the sixteenths of "
     "their bar",
     off_grid},
    {"empty_beat_rate", "1",
     "share of the quarter notes up to the end of the last note in which nothing "
     "sounds",
     empty_beat_rate},
    {"empty_bar_rate", "1",
     "share of the bars up to the end of the last note in which nothing sounds",
     empty_bar_rate},
    {"groove_consistency", "1",
     "mean over neighbouring bars of the share of 16 positions at which both or "
     "neither "
     "have an onset",
     groove_consistency},
    {"grooving_similarity", "1",
     "GS: mean over all pairs of bars of the share of 16 positions at which both or "
     "neither have an onset, drums apart",
     grooving_similarity},
    {NULL, NULL, NULL, NULL},
};
