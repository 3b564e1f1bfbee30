/* feat_piece.c - features of a piece as a whole. */
#include "feature/family.h"

static double n_notes(const bl_view *v)
{
    return (double)v->in.song->n_notes;
}

static double n_bars(const bl_view *v)
{
    return (double)v->n_bars;
}

static double seconds(const bl_view *v)
{
    return v->in.song->n_notes > 0 ? bl_view_seconds(v, v->last) : NAN;
}

static double tempo_mean(const bl_view *v)
{
    return bl_ratio(60.0 * v->last / v->in.song->tpq, bl_view_seconds(v, v->last));
}

static size_t n_drums(const bl_view *v)
{
    return v->in.song->n_notes - v->n_pitched;
}

static double n_programs(const bl_view *v)
{
    uint8_t used[128] = {0};
    int n = n_drums(v) > 0;
    for (size_t i = 0; i < v->n_pitched; i++) {
        int program = v->pitched[i].program & 127;
        n += !used[program];
        used[program] = 1;
    }
    return n;
}

static double drum_share(const bl_view *v)
{
    return bl_ratio((double)n_drums(v), n_notes(v));
}

static double mean_velocity(const bl_view *v)
{
    int64_t sum = 0;
    for (size_t i = 0; i < v->in.song->n_notes; i++)
        sum += v->in.song->notes[i].velocity;
    return bl_ratio((double)sum, n_notes(v));
}

static double violations(const bl_view *v)
{
    bl_grammar g;
    size_t n = 0;
    if (v->in.scheme == NULL)
        return NAN;
    bl_grammar_start(&g, v->in.scheme);
    for (size_t i = 0; i < v->in.n_ids; i++)
        n += bl_grammar_step(&g, v->in.ids[i]) != NULL;
    n += bl_grammar_step(&g, BL_ID_EOS) != NULL;
    return (double)n / (double)(v->in.n_ids + 1);
}

const bl_feat bl_feats_piece[] = {
    {"n_notes", "1", "number of notes", n_notes},
    {"n_bars", "1", "number of bars by the time signatures, silent ones too", n_bars},
    {"seconds", "s", "time from the start to the end of the last note", seconds},
    {"tempo_mean", "bpm",
     "quarter notes a minute, averaged over the time to the end of the last note",
     tempo_mean},
    {"n_programs", "1",
     "number of distinct programs of pitched notes, and one more for drums",
     n_programs},
    {"drum_share", "1", "share of notes that are drums", drum_share},
    {"mean_velocity", "1", "mean velocity of all notes", mean_velocity},
    {"violations", "1",
     "violations of the scheme's grammar a token, the end counted as a token; nan for "
     "MIDI files",
     violations},
    {NULL, NULL, NULL, NULL},
};
