/* mgeval.c - see mgeval.h: what is counted along the events of one track. Its bars are
 * of 4/4 unless the time signature stands in the same track; with that, track 1 takes
 * the logarithm of the denominator for the numerator in all but bar_used_pitch. */
#include "feature/compat/mgeval.h"

#include <stdlib.h>
#include <string.h>

#define MG "as mgeval computes it, "

const bl_field bl_fields_mgeval[] = {
    {"total_used_pitch_mgeval", "1",
     MG "distinct pitches of the first instrument in frames of 10 ms", 1, 1},
    {"pitch_range_mgeval", "semitones", MG "of the first instrument", 1, 1},
    {"total_pitch_class_histogram_mgeval", "1",
     MG "shares by velocity times duration, of the first instrument", 1, 12},
    {"avg_IOI_mgeval", "s", MG "first to last onset by the notes less one", 1, 1},
    {"pitch_class_transition_matrix_mgeval", "1",
     MG "pairs of notes, the end of one within 50 ms of the beginning of the other", 12,
     12},
    {"total_used_note_mgeval", "1", MG "notes of the track", 1, 1},
    {"avg_pitch_shift_mgeval", "semitones", MG "between successive notes of the track",
     1, 1},
    {"note_length_hist_mgeval", "1",
     MG "shares of full, half, 4th, 8th, 16th, dotted half, 4th, 8th, 16th, half, 4th "
        "and 8th triplet of the bar",
     1, 12},
    {"note_length_hist_pause_mgeval", "1", MG "with the same of the pauses behind", 1,
     24},
    {"note_length_transition_matrix_mgeval", "1", MG "counts of successive lengths", 12,
     12},
    {"bar_used_note_mgeval", "1", MG "notes of each bar of the track", 0, 1},
    {"bar_used_pitch_mgeval", "1", MG "distinct pitches of each bar of the track", 0,
     1},
    {"bar_pitch_class_histogram_mgeval", "1",
     MG "of each bar at 120 bpm, of the instrument of the track's number", 0, 12},
    {NULL, NULL, NULL, 0, 0},
};

/* ---- the track ---- */

typedef struct {
    const bl_event *event; /* [n] of the track */
    size_t n;
    int tpq, track;
    int32_t *length; /* [n] ticks to the next note-off of that pitch, -1: none */
} track;

static int take_lengths(track *t, bl_err *e)
{
    int32_t off[128];
    t->length = bl_calloc(t->n, sizeof *t->length, e);
    if (t->length == NULL)
        return BL_E_NOMEM;
    for (int i = 0; i < 128; i++)
        off[i] = -1;
    for (size_t i = t->n; i-- > 0;) {
        const bl_event *x = &t->event[i];
        t->length[i] = -1;
        if (bl_is_note_off(x))
            off[x->data[0]] = x->tick;
        else if (bl_is_note_on(x) && off[x->data[0]] >= 0)
            t->length[i] = off[x->data[0]] - x->tick;
    }
    return 0;
}

/* Ticks of a bar by a time signature, its numerator the byte `which` of it. */
static int64_t bar_ticks(const track *t, const bl_event *meter, int which)
{
    int num = which < 3 ? meter->data[1 + which] : 8;
    int shift = meter->data[2];
    return shift > 30 ? 0 : (int64_t)num * t->tpq * 4 >> shift;
}

static void count_notes(const track *t, double *out)
{
    int64_t n = 0, sum = 0;
    int before = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!bl_is_note_on(&t->event[i]))
            continue;
        int pitch = t->event[i].data[0];
        sum += n > 0 ? abs(pitch - before) : 0;
        before = pitch;
        n++;
    }
    out[MG_USED_NOTE] = (double)n;
    out[MG_SHIFT] = n > 1 ? (double)sum / (double)(n - 1) : NAN;
}

/* ---- lengths ---- */

/* The nearest of the twelve classes, the first of equals; *apart its distance. The
 * products are those of the published code, as ties hang on their last bits. */
static int length_class(double unit, int64_t length, double *apart)
{
    static const int of[12] = {96, 48, 24, 12, 6, 72, 36, 18, 9, 32, 16, 8};
    int best = 0;
    for (int i = 0; i < 12; i++) {
        double d = fabs(unit * of[i] - (double)length);
        if (i == 0 || d < *apart) {
            best = i;
            *apart = d;
        }
    }
    return best;
}

static void normalise(double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    for (int i = 0; i < n; i++)
        x[i] = sum > 0 ? x[i] / sum : NAN;
}

/* The pause before note i goes to a class only if the event before it, notes apart, is
 * a note-off, and no other pitch ends at its tick before it ends itself. */
static int pause_before(const track *t, size_t i, int64_t *pause)
{
    for (size_t j = i; j < t->n && t->event[j].tick == t->event[i].tick; j++)
        if (bl_is_note_off(&t->event[j])) {
            if (t->event[j].data[0] == t->event[i].data[0])
                break;
            return 0;
        }
    for (size_t j = i; j-- > 1;) {
        if (bl_is_note_on(&t->event[j]))
            return 0;
        if (bl_is_note_off(&t->event[j])) {
            *pause = t->event[i].tick - t->event[j].tick;
            return 1;
        }
    }
    return 0;
}

static void count_lengths(const track *t, double *out)
{
    int64_t bar = (int64_t)t->tpq * 4, pause;
    int before = -1;
    double apart;
    memset(out + MG_LENGTHS, 0, (MG_COLUMNS - MG_LENGTHS) * sizeof *out);
    for (size_t i = 0; i < t->n; i++) {
        const bl_event *x = &t->event[i];
        if (bl_is_meta(x, BL_META_METER))
            bar = bar_ticks(t, x, t->track);
        if (!bl_is_note_on(x))
            continue;
        double unit = (double)bar / 96.;
        if (t->length[i] >= 0) {
            int k = length_class(unit, t->length[i], &apart);
            out[MG_LENGTHS + k]++;
            out[MG_PAUSES + k]++;
            if (before >= 0)
                out[MG_NLTM + 12 * before + k]++;
            before = k;
        }
        if (pause_before(t, i, &pause)) {
            int k = length_class(unit, pause, &apart);
            if (apart < 3. * unit)
                out[MG_PAUSES + 12 + k]++;
        }
    }
    normalise(out + MG_LENGTHS, 12);
    normalise(out + MG_PAUSES, 24);
}

/* ---- bars ---- */

enum { MAX_BARS = 1 << 20 };

/* Counts the notes of each bar and lists their pitches as they come. As published: a
 * time signature begins the counts again, not the list nor the number of bars. 1, 0
 * where the published code fails. */
static int count_bars(const track *t, int which, bl_series *count, uint8_t *pitches,
                      bl_err *e)
{
    int64_t bar = 0, n_bars = -1;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const bl_event *x = &t->event[i];
        int is_meter = bl_is_meta(x, BL_META_METER), is_first = 0;
        if (!is_meter && !bl_is_note_on(x))
            continue;
        if (is_meter || bar == 0) {
            is_first = !is_meter;
            bar = is_meter ? bar_ticks(t, x, which) : (int64_t)t->tpq * 4;
            if (bar == 0)
                return 0;
            if (n_bars < 0)
                n_bars = llround((double)t->event[t->n - 1].tick / (double)bar);
            if (n_bars > MAX_BARS)
                return 0;
            count->n = 0;
            while ((int64_t)count->n < n_bars)
                if (bl_series_add(count, 0, e) != 0)
                    return BL_E_NOMEM;
        }
        if (is_meter)
            continue;
        pitches[n++] = x->data[0];
        if (x->tick / bar < n_bars)
            count->x[x->tick / bar]++;
        else if (is_first)
            return 0;
    }
    return n_bars >= 0;
}

/* Notes of the list are dealt out to the bars by their counts. */
static void deal_pitches(bl_series *bars, const uint8_t *pitches)
{
    size_t at = 0;
    for (size_t b = 0; b < bars->n; b++) {
        uint8_t used[128] = {0};
        size_t past = at + (size_t)bars->x[b];
        int n = 0;
        for (; at < past; at++) {
            n += !used[pitches[at]];
            used[pitches[at]] = 1;
        }
        bars->x[b] = n;
    }
}

static int fill_bars(const track *t, bl_series *series, double n_notes, bl_err *e)
{
    uint8_t *pitches = bl_calloc(t->n, 1, e);
    int rc = pitches == NULL ? BL_E_NOMEM : 0;
    if (rc == 0)
        rc = count_bars(t, t->track, &series[MG_BAR_NOTE], pitches, e);
    if (rc == 0)
        series[MG_BAR_NOTE].n = 0;
    if (rc >= 0)
        rc = count_bars(t, 0, &series[MG_BAR_PITCH], pitches, e);
    if (rc == 0 || n_notes == 0)
        series[MG_BAR_PITCH].n = 0;
    else if (rc > 0)
        deal_pitches(&series[MG_BAR_PITCH], pitches);
    free(pitches);
    return rc < 0 ? rc : 0;
}

int bl_compute_mgeval(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    const bl_events *ev = v->in.events;
    if (ev == NULL || v->in.closed == NULL)
        return 0;
    int rc = bl_mgeval_roll(v, out, series, e);
    if (rc != 0 || v->in.track < 0 || (size_t)v->in.track >= ev->n_tracks)
        return rc;
    track t = {.tpq = ev->tpq, .track = v->in.track};
    t.event = ev->event + ev->start[t.track];
    t.n = ev->start[t.track + 1] - ev->start[t.track];
    count_notes(&t, out);
    rc = take_lengths(&t, e);
    if (rc == 0) {
        count_lengths(&t, out);
        rc = fill_bars(&t, series, out[MG_USED_NOTE], e);
    }
    free(t.length);
    return rc;
}
