/* vectors.c - histograms, transition matrices and counts a bar: mgeval's, with what is
 * wrong there mended. Times are in quarters, not in frames or bars; every count is a
 * share, so that pieces of different lengths compare; drums have a part in programs
 * alone. */
#include "feature/family.h"

#include <string.h>

const bl_field bl_fields_vectors[] = {
    {"pitch_class_histogram", "1", "shares of pitch classes C to B by duration", 1, 12},
    {"pitch_class_transition_matrix", "1",
     "shares of the steps from class to class between successive notes of a program",
     12, 12},
    {"note_length_hist", "1",
     "shares of full, half, 4th, 8th, 16th, dotted half, 4th, 8th, 16th, half, 4th and "
     "8th triplet notes, each note the nearest",
     1, 12},
    {"note_length_transition_matrix", "1",
     "shares of the steps from length to length between successive notes of a program",
     12, 12},
    {"onset_histogram", "1",
     "shares of the 16 positions of the bar among all positions with an onset", 1, 16},
    {"interval_histogram", "1",
     "shares of the steps of the highest line, -12 to 12 semitones, larger ones as 12",
     1, 25},
    {"program_histogram", "1", "shares of all notes by program, those of drums last", 1,
     129},
    {"bar_used_note", "1", "notes of each bar", 0, 1},
    {"bar_used_pitch", "1", "distinct pitches of each bar", 0, 1},
    {NULL, NULL, NULL, 0, 0},
};

enum {
    CLASSES = 0,
    CLASS_STEPS = 12,
    LENGTHS = CLASS_STEPS + 144,
    LENGTH_STEPS = LENGTHS + 12,
    ONSETS = LENGTH_STEPS + 144,
    INTERVALS = ONSETS + 16,
    PROGRAMS = INTERVALS + 25,
    N_COLUMNS = PROGRAMS + 129
};

static int length_class(const bl_view *v, const bl_note *note)
{
    /* in 24ths of a quarter */
    static const int of[12] = {96, 48, 24, 12, 6, 72, 36, 18, 9, 32, 16, 8};
    int64_t length = ((int64_t)note->off - note->on) * 24, least = INT64_MAX;
    int best = 0;
    for (int i = 0; i < 12; i++) {
        int64_t d = length - (int64_t)of[i] * v->in.song->tpq;
        d = d < 0 ? -d : d;
        if (d < least) {
            best = i;
            least = d;
        }
    }
    return best;
}

static void count_notes(const bl_view *v, double *out)
{
    const bl_note *before[128] = {NULL};
    out[PROGRAMS + 128] = (double)(v->in.song->n_notes - v->n_pitched);
    for (size_t i = 0; i < v->n_pitched; i++) {
        const bl_note *note = &v->pitched[i], *last = before[note->program & 127];
        int length = length_class(v, note);
        out[CLASSES + note->pitch % 12] += note->off - note->on;
        out[LENGTHS + length]++;
        out[PROGRAMS + (note->program & 127)]++;
        if (last != NULL) {
            out[CLASS_STEPS + last->pitch % 12 * 12 + note->pitch % 12]++;
            out[LENGTH_STEPS + length_class(v, last) * 12 + length]++;
        }
        before[note->program & 127] = note;
    }
}

static void count_onsets(const bl_view *v, double *out)
{
    for (size_t b = 0; b < v->n_music_bars; b++)
        for (int k = 0; k < BL_VIEW_POSITIONS; k++)
            out[ONSETS + k] += v->bars[b].pitched_onsets >> k & 1;
}

static void count_intervals(const bl_view *v, double *out)
{
    int before = -1;
    for (size_t i = 0; i < v->n_pitched; i++) {
        if (i + 1 < v->n_pitched && v->pitched[i + 1].on == v->pitched[i].on)
            continue; /* the highest of a chord is its last */
        int step = v->pitched[i].pitch - before;
        if (before >= 0)
            out[INTERVALS + 12 + (int)bl_max(bl_min(step, 12), -12)]++;
        before = v->pitched[i].pitch;
    }
}

static int count_bars(const bl_view *v, bl_series *series, bl_err *e)
{
    int rc = 0;
    for (size_t b = 0; rc == 0 && b < v->n_music_bars; b++) {
        uint8_t used[128] = {0};
        size_t first = v->bars[b].first_pitched;
        size_t past = b + 1 < v->n_bars ? v->bars[b + 1].first_pitched : v->n_pitched;
        int n = 0;
        for (size_t i = first; i < past; i++) {
            n += !used[v->pitched[i].pitch & 127];
            used[v->pitched[i].pitch & 127] = 1;
        }
        rc = bl_series_add(&series[0], (double)(past - first), e);
        if (rc == 0)
            rc = bl_series_add(&series[1], n, e);
    }
    return rc;
}

static void normalise(double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    for (int i = 0; i < n; i++)
        x[i] = bl_ratio(x[i], sum);
}

int bl_compute_vectors(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    static const int at[] = {CLASSES, CLASS_STEPS, LENGTHS,  LENGTH_STEPS,
                             ONSETS,  INTERVALS,   PROGRAMS, N_COLUMNS};
    memset(out, 0, N_COLUMNS * sizeof *out);
    count_notes(v, out);
    count_onsets(v, out);
    count_intervals(v, out);
    for (size_t i = 0; i + 1 < BL_COUNT(at); i++)
        normalise(out + at[i], at[i + 1] - at[i]);
    return count_bars(v, series, e);
}

/* ---- the melody, for novelty.h ---- */

const bl_field bl_fields_melody[] = {
    {"melody", "1",
     "steps of the highest line: (interval + 128) * 32 + sixteenths to the next onset, "
     "at most 16",
     0, 1},
    {"melody_bar", "1", "the bar each step begins in, from 0", 0, 1},
    {NULL, NULL, NULL, 0, 0},
};

int bl_compute_melody(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    const bl_note *before = NULL;
    size_t bar = 0, bar_before = 0;
    int rc = 0;
    (void)out;
    for (size_t i = 0; rc == 0 && i < v->n_pitched; i++) {
        const bl_note *note = &v->pitched[i];
        if (i + 1 < v->n_pitched && note[1].on == note->on)
            continue;
        while (bar + 1 < v->n_bars && v->bars[bar + 1].first_pitched <= i)
            bar++;
        if (before != NULL) {
            int64_t tpq = v->in.song->tpq;
            int64_t sixteenths =
                (8 * ((int64_t)note->on - before->on) + tpq) / (2 * tpq);
            int64_t interval = note->pitch - before->pitch + 128;
            rc = bl_series_add(&series[0],
                               (double)(interval * 32 + bl_min(sixteenths, 16)), e);
            if (rc == 0)
                rc = bl_series_add(&series[1], (double)bar_before, e);
        }
        before = note;
        bar_before = bar;
    }
    return rc;
}
