/* mgeval_roll.c - see mgeval.h: what is counted in pretty_midi's piano rolls of 100
 * frames a second and over its instruments. An instrument is a program on a channel of
 * a track; they are ordered by the end of their first note. The pedals and bends of an
 * instrument are all those of its channel in its track. */
#include "feature/compat/mgeval.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_A_SECOND = 100, MAX_FRAMES = 1 << 24, PEDAL = 64, A_SEMITONE = 4096 };

typedef struct {
    int64_t tick;
    double seconds, scale; /* at the tick, and of one tick from there */
} segment;

typedef struct {
    uint32_t first;    /* smallest rank of an end of a note */
    size_t from, past; /* its notes, in roll.of */
} instrument;

typedef struct {
    int from, past; /* frames */
} span;

/* Frames in which the wheel stands at `wheel`, -8192 to 8191 for two semitones each
 * way: what is there moves by whole semitones, and a part of it by one more. */
typedef struct {
    int from, past, wheel;
} bend;

typedef struct {
    const bl_events *ev;
    const bl_song *song;
    segment *segments;
    size_t n_segments;
    const bl_note **of; /* [n_notes] the notes by instrument, then onset */
    instrument *instruments;
    size_t n, cap;

    /* of one instrument */
    const instrument *now;
    int n_frames;
    span *pedals;
    size_t n_pedals, cap_pedals;
    bend *bends; /* [n_bends] without gaps from the first to the end */
    size_t n_bends, cap_bends;
    uint32_t *frame; /* [n_frames] of one pitch */
    size_t cap_frame;
} roll;

/* ---- time: tempos of the first track alone, products as published ---- */

static int make_segments(roll *r, bl_err *e)
{
    size_t n = r->ev->start[1];
    r->segments = bl_calloc(n + 1, sizeof *r->segments, e);
    if (r->segments == NULL)
        return BL_E_NOMEM;
    segment *s = r->segments;
    s[0].scale = 60.0 / (120.0 * r->ev->tpq);
    for (size_t i = 0; i < n; i++) {
        const bl_event *x = &r->ev->event[i];
        uint32_t us =
            (uint32_t)x->data[1] << 16 | (uint32_t)x->data[2] << 8 | x->data[3];
        if (!bl_is_meta(x, BL_META_TEMPO) || us == 0)
            continue;
        double scale = 60.0 / (6e7 / us * r->ev->tpq);
        if (x->tick > 0 && scale != s->scale) {
            s[1].tick = x->tick;
            s[1].seconds = s->seconds + s->scale * (double)(x->tick - s->tick);
            s++;
        }
        s->scale = scale;
    }
    r->n_segments = (size_t)(s - r->segments) + 1;
    return 0;
}

static double seconds(const roll *r, int32_t tick)
{
    size_t low = 0, high = r->n_segments;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (r->segments[mid].tick <= tick)
            low = mid;
        else
            high = mid;
    }
    const segment *s = &r->segments[low];
    return s->seconds + s->scale * (double)(tick - s->tick);
}

static int frame_of(const roll *r, int32_t tick)
{
    double f = seconds(r, tick) * FRAMES_A_SECOND;
    return f < MAX_FRAMES ? (int)f : MAX_FRAMES;
}

/* ---- instruments ---- */

static uint32_t key_of(const bl_note *note)
{
    return (uint32_t)note->track << 12 | (uint32_t)note->channel << 8 | note->program;
}

/* Notes of an instrument keep their order in the song, which is that in memory. */
static int by_instrument(const void *a, const void *b)
{
    const bl_note *x = *(const bl_note *const *)a, *y = *(const bl_note *const *)b;
    uint32_t k = key_of(x), l = key_of(y);
    return k != l ? (k > l) - (k < l) : (x > y) - (x < y);
}

static int by_first(const void *a, const void *b)
{
    const instrument *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static int find_instruments(roll *r, bl_err *e)
{
    size_t n = r->song->n_notes;
    r->of = bl_calloc(n, sizeof *r->of, e);
    if (r->of == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        r->of[i] = &r->song->notes[i];
    if (n > 0)
        qsort(r->of, n, sizeof *r->of, by_instrument);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || key_of(r->of[i]) != key_of(r->of[i - 1])) {
            void *p = r->instruments;
            int rc = bl_grow(&p, &r->cap, r->n + 1, sizeof *r->instruments, e);
            r->instruments = p;
            if (rc != 0)
                return rc;
            r->instruments[r->n++] = (instrument){UINT32_MAX, i, i};
        }
        instrument *x = &r->instruments[r->n - 1];
        x->first = r->of[i]->closed < x->first ? r->of[i]->closed : x->first;
        x->past = i + 1;
    }
    if (r->n > 0)
        qsort(r->instruments, r->n, sizeof *r->instruments, by_first);
    return 0;
}

static int is_drums(const roll *r, const instrument *x)
{
    return r->of[x->from]->channel == 9;
}

/* ---- the roll of one instrument ---- */

static int add_pedal(roll *r, span s, bl_err *e)
{
    void *p = r->pedals;
    int rc = bl_grow(&p, &r->cap_pedals, r->n_pedals + 1, sizeof s, e);
    r->pedals = p;
    if (rc == 0)
        r->pedals[r->n_pedals++] = s;
    return rc;
}

static int add_bend(roll *r, const bl_event *x, bl_err *e)
{
    void *p = r->bends;
    int rc = bl_grow(&p, &r->cap_bends, r->n_bends + 1, sizeof *r->bends, e);
    int wheel = (x->data[0] | x->data[1] << 7) - 2 * A_SEMITONE;
    r->bends = p;
    if (rc != 0)
        return rc;
    int from = frame_of(r, x->tick);
    bend *last = r->n_bends > 0 ? &r->bends[r->n_bends - 1] : NULL;
    if (last != NULL && last->from == from)
        r->n_bends--;
    else if (last != NULL)
        last->past = from;
    r->bends[r->n_bends++] = (bend){from, INT_MAX, wheel};
    return 0;
}

/* Frames, pedals and bends. */
static int begin(roll *r, size_t i, bl_err *e)
{
    const instrument *x = r->now = &r->instruments[i];
    const bl_events *ev = r->ev;
    int32_t last = 0;
    int from = -1, rc = 0;
    r->n_pedals = r->n_bends = 0;
    for (size_t k = x->from; k < x->past; k++)
        last = (int32_t)bl_max(last, r->of[k]->off);
    size_t track = r->of[x->from]->track;
    int channel = r->of[x->from]->channel;
    size_t past = track < ev->n_tracks ? ev->start[track + 1] : 0;
    for (size_t k = past > 0 ? ev->start[track] : 0; rc == 0 && k < past; k++) {
        const bl_event *c = &ev->event[k];
        if (c->status != (0xb0 | channel) && c->status != (0xe0 | channel))
            continue;
        last = (int32_t)bl_max(last, c->tick);
        if (c->status >= 0xe0)
            rc = add_bend(r, c, e);
        if (c->status >= 0xe0 || c->data[0] != PEDAL)
            continue;
        if (c->data[1] >= 64 && from < 0) {
            from = frame_of(r, c->tick);
        } else if (c->data[1] < 64 && from >= 0) {
            rc = add_pedal(r, (span){from, frame_of(r, c->tick)}, e);
            from = -1;
        }
    }
    r->n_frames = frame_of(r, last);
    void *p = r->frame;
    if (rc == 0)
        rc = bl_grow(&p, &r->cap_frame, (size_t)r->n_frames + 1, sizeof *r->frame, e);
    r->frame = p;
    return rc;
}

/* The frames of one pitch; 0 if it has none. */
static int fill_pitch(roll *r, int pitch)
{
    int is_there = 0;
    for (size_t k = r->now->from; k < r->now->past; k++) {
        const bl_note *note = r->of[k];
        if (note->pitch != pitch)
            continue;
        if (!is_there)
            memset(r->frame, 0, (size_t)r->n_frames * sizeof *r->frame);
        is_there = 1;
        int past = (int)bl_min(frame_of(r, note->off), r->n_frames);
        for (int f = frame_of(r, note->on); f < past; f++)
            r->frame[f] += note->velocity;
    }
    for (size_t k = 0; is_there && k < r->n_pedals; k++) {
        int past = (int)bl_min(r->pedals[k].past, r->n_frames);
        for (int f = r->pedals[k].from + 1; f < past; f++)
            if (r->frame[f] < r->frame[f - 1])
                r->frame[f] = r->frame[f - 1];
    }
    return is_there;
}

static double sum_frames(const roll *r, int64_t from, int64_t past)
{
    double sum = 0;
    for (int64_t f = from; f < bl_min(past, r->n_frames); f++)
        sum += r->frame[f];
    return sum;
}

/* Adds the frames of a stretch in which the wheel stands still to the pitches they
 * sound at. As published, the outermost pitch keeps all that it has. */
static void add_bent(double sum, int pitch, int wheel, double *of)
{
    int up = wheel < 0 ? -1 : 1, edge = wheel < 0 ? 127 : 0;
    int to = pitch + up * (abs(wheel) / A_SEMITONE), next = to + up;
    double part = abs(wheel) % A_SEMITONE / (double)A_SEMITONE;
    if (to >= 0 && to < 128)
        of[to] += (wheel == 0 || to == edge ? 1 : 1 - part) * sum;
    if (next >= 0 && next < 128)
        of[next] += part * sum;
}

/* Adds the frames of a pitch to those at which it sounds. */
static void add_frames(const roll *r, int pitch, int64_t from, int64_t past, double *of)
{
    int64_t first = r->n_bends > 0 ? r->bends[0].from : past;
    size_t low = 0, high = r->n_bends;
    add_bent(sum_frames(r, from, bl_min(past, first)), pitch, 0, of);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (r->bends[mid].past <= from)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < r->n_bends && r->bends[low].from < past; low++) {
        const bend *b = &r->bends[low];
        add_bent(sum_frames(r, bl_max(from, b->from), bl_min(past, b->past)), pitch,
                 b->wheel, of);
    }
}

/* ---- what is counted ---- */

static void count_first(roll *r, double *out)
{
    double total = 0, of[128] = {0}, *classes = out + MG_CLASSES;
    int low = -1, high = -1, n = 0;
    memset(classes, 0, 12 * sizeof *classes);
    for (int pitch = 0; !is_drums(r, r->now) && pitch < 128; pitch++)
        if (fill_pitch(r, pitch))
            add_frames(r, pitch, 0, r->n_frames, of);
    for (int pitch = 0; pitch < 128; pitch++) {
        if (of[pitch] == 0)
            continue;
        low = low < 0 ? pitch : low;
        high = pitch;
        n++;
        classes[pitch % 12] += of[pitch];
        total += of[pitch];
    }
    out[MG_USED_PITCH] = n;
    out[MG_RANGE] = n > 0 ? high - low : NAN;
    for (int i = 0; i < 12; i++)
        classes[i] = total > 0 ? classes[i] / total : NAN;
}

/* Frames of a bar at 120 quarters a minute by the last time signature of the first
 * track, and how many bars; 0 where the published code fails. */
static int64_t bar_frames(const roll *r, int64_t *n_bars)
{
    const bl_event *meter = NULL;
    for (size_t i = 0; i < r->ev->start[1]; i++)
        if (bl_is_meta(&r->ev->event[i], BL_META_METER))
            meter = &r->ev->event[i];
    if (meter == NULL || meter->data[1] == 0 || meter->data[2] > 7)
        return 0;
    double exact = 60. / 120 * meter->data[1] * 4 / (1 << meter->data[2]) * 100;
    double actual = r->n_frames / exact;
    int64_t length = llround(exact);
    *n_bars = llround(actual);
    if (*n_bars == 0 || length == 0)
        return 0;
    if (actual > (double)*n_bars) {
        int64_t whole = r->n_frames - r->n_frames % length;
        return whole % *n_bars == 0 ? whole / *n_bars : 0;
    }
    return *n_bars * length >= r->n_frames ? length : 0;
}

static void add_to_classes(const roll *r, int pitch, int64_t from, int64_t past,
                           double *classes)
{
    double of[128] = {0};
    if (r->n_bends == 0) { /* most pieces: nothing moves */
        classes[pitch % 12] += sum_frames(r, from, past);
        return;
    }
    add_frames(r, pitch, from, past, of);
    for (int i = 0; i < 128; i++)
        classes[i % 12] += of[i];
}

static int count_bars(roll *r, bl_series *s, bl_err *e)
{
    int64_t n_bars, length = bar_frames(r, &n_bars);
    if (length == 0)
        return 0;
    for (int64_t i = 0; i < n_bars * 12; i++)
        if (bl_series_add(s, 0, e) != 0)
            return BL_E_NOMEM;
    for (int pitch = 0; !is_drums(r, r->now) && pitch < 128; pitch++)
        if (fill_pitch(r, pitch))
            for (int64_t b = 0; b < n_bars; b++)
                add_to_classes(r, pitch, b * length, (b + 1) * length, &s->x[b * 12]);
    for (int64_t b = 0; b < n_bars; b++) {
        double sum = 0;
        for (int i = 0; i < 12; i++)
            sum += s->x[b * 12 + i];
        for (int i = 0; i < 12 && sum > 0; i++)
            s->x[b * 12 + i] /= sum;
    }
    return 0;
}

/* The first of the sorted starts that is nearer than `least` below the end. */
static size_t first_near(const double *start, size_t n, double end, double least)
{
    size_t low = 0;
    while (low < n) {
        size_t mid = (low + n) / 2;
        if (end - start[mid] < least)
            n = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* Transitions of one instrument; classes[i] counts the pitch classes of the notes
 * before note i. */
static int count_transitions(roll *r, const instrument *x, double *pctm, bl_err *e)
{
    size_t n = x->past - x->from;
    double *start = bl_calloc(n, sizeof *start, e);
    uint32_t(*classes)[12] = bl_calloc(n + 1, sizeof *classes, e);
    int rc = start == NULL || classes == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        start[i] = seconds(r, r->of[x->from + i]->on);
        memcpy(classes[i + 1], classes[i], sizeof *classes);
        classes[i + 1][r->of[x->from + i]->pitch % 12]++;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const bl_note *note = r->of[x->from + i];
        double end = seconds(r, note->off);
        size_t from = first_near(start, n, end, 0.05);
        size_t past = first_near(start, n, end, nextafter(-0.05, 0));
        for (int k = 0; k < 12; k++)
            pctm[note->pitch % 12 * 12 + k] += classes[past][k] - classes[from][k];
    }
    free(start);
    free(classes);
    return rc;
}

static void mean_ioi(const roll *r, double *out)
{
    const bl_song *s = r->song;
    if (s->n_notes < 2)
        return;
    double first = seconds(r, s->notes[0].on), last;
    last = seconds(r, s->notes[s->n_notes - 1].on);
    out[MG_IOI] = (last - first) / (double)(s->n_notes - 1);
}

static int count_all(roll *r, int track, double *out, bl_series *series, bl_err *e)
{
    int rc = make_segments(r, e);
    if (rc == 0)
        rc = find_instruments(r, e);
    if (rc != 0)
        return rc;
    mean_ioi(r, out);
    memset(out + MG_PCTM, 0, 144 * sizeof *out);
    for (size_t i = 0; rc == 0 && i < r->n; i++)
        if (!is_drums(r, &r->instruments[i]) && /* as published: one note has none */
            r->instruments[i].past - r->instruments[i].from > 1)
            rc = count_transitions(r, &r->instruments[i], out + MG_PCTM, e);
    if (rc == 0 && r->n > 0 && (rc = begin(r, 0, e)) == 0)
        count_first(r, out);
    if (rc == 0 && track >= 0 && (size_t)track < r->n &&
        (rc = begin(r, (size_t)track, e)) == 0)
        rc = count_bars(r, &series[MG_BAR_CLASSES], e);
    return rc;
}

int bl_mgeval_roll(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    roll r = {.ev = v->in.events, .song = v->in.closed};
    int rc = count_all(&r, v->in.track, out, series, e);
    free(r.segments);
    free(r.instruments);
    free(r.of);
    free(r.pedals);
    free(r.bends);
    free(r.frame);
    return rc;
}
