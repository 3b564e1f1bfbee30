/* hvo.c - see hvo.h. */
#include "token/hvo.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BARS_MAX = 1 << 15, /* of a piece: 18 hours at 120 beats a minute */
    BAR_CELLS = BL_HVO_BAR * BL_HVO_CELLS,
    DEFAULT_TPQ = 500,
    LEAST_TPQ = 480,
};

/* The reduced map of the Groove MIDI Dataset, and what General MIDI has besides. */
static const struct {
    const char *name;
    int8_t pitch;
} voices[BL_HVO_VOICES] = {
    {"kick", 36},     {"snare", 38},   {"closed hat", 42},
    {"open hat", 46}, {"low tom", 43}, {"middle tom", 47},
    {"high tom", 50}, {"crash", 49},   {"ride", 51},
};

int bl_hvo_voice(int pitch)
{
    static const int8_t of[] = {0, 0, 1, 1, 1, 1, 4,  2, 4,  2, 5, 3, 5,
                                6, 7, 6, 8, 7, 8, -1, 7, -1, 7, 4, 8};
    if (pitch >= 35 && pitch < 35 + (int)sizeof of)
        return of[pitch - 35];
    return pitch == 22 ? 2 : pitch == 26 ? 3 : -1;
}

const char *bl_hvo_voice_name(int voice)
{
    return voices[voice].name;
}

int bl_hvo_pitch(int voice)
{
    return voices[voice].pitch;
}

/* ---- song -> bars ---- */

/* The step that a tick is nearest to, the later of two. */
static int64_t step_of(int64_t tick, int tpq)
{
    return (8 * tick + tpq) / (2 * tpq);
}

/* A cell: hit, velocity and offset lie BL_HVO_VOICES apart. */
static float *cell(bl_hvo *h, int64_t step, int voice)
{
    return h->x + step * BL_HVO_CELLS + voice;
}

static int check_meters(const bl_song *song, int32_t last, bl_err *e)
{
    for (size_t i = 0; i < song->n_meters && song->meters[i].tick <= last; i++) {
        const bl_meter *m = &song->meters[i];
        int is_last = i + 1 == song->n_meters || song->meters[i + 1].tick > m->tick;
        if (is_last && (m->num != 4 || m->den_log2 != 2))
            return bl_fail(e, BL_E_FORMAT,
                           "it is not in 4/4: a bar of %d/%d at tick %d", m->num,
                           1 << m->den_log2, (int)m->tick);
    }
    return 0;
}

/* The tick of the last drum that a voice has, or -1. */
static int32_t last_drum(const bl_song *song)
{
    for (size_t i = song->n_notes; i > 0; i--) {
        const bl_note *note = &song->notes[i - 1];
        if (note->drum && bl_hvo_voice(note->pitch) >= 0)
            return note->on;
    }
    return -1;
}

static int make_bars(bl_hvo *h, int64_t n, bl_err *e)
{
    if (n > BARS_MAX)
        return bl_fail(e, BL_E_LIMIT, "the piece is longer than %d bars", BARS_MAX);
    h->n_bars = (size_t)n;
    int rc = bl_room(&h->x, &h->cap_x, h->n_bars * BAR_CELLS, sizeof *h->x, e);
    if (rc == 0)
        rc = bl_room(&h->tempo, &h->cap_tempo, h->n_bars, sizeof *h->tempo, e);
    if (rc == 0 && n > 0)
        memset(h->x, 0, h->n_bars * BAR_CELLS * sizeof *h->x);
    return rc;
}

static void set_tempos(bl_hvo *h, const bl_song *song)
{
    uint32_t us = 500000;
    size_t next = 0;
    for (size_t bar = 0; bar < h->n_bars; bar++) {
        int64_t tick = (int64_t)bar * 4 * song->tpq;
        for (; next < song->n_tempos && song->tempos[next].tick <= tick; next++)
            us = song->tempos[next].us;
        h->tempo[bar] = (float)(6e7 / us);
    }
}

static void put(bl_hvo *h, const bl_note *note, int voice, int tpq)
{
    int64_t step = step_of(note->on, tpq);
    float *x = cell(h, step, voice), velocity = (float)(note->velocity / 127.);
    int is_free = x[0] == 0;
    h->hits += (size_t)is_free;
    h->collided += (size_t)!is_free;
    if (!is_free && velocity <= x[BL_HVO_VOICES])
        return;
    x[0] = 1;
    x[BL_HVO_VOICES] = velocity;
    x[2 * BL_HVO_VOICES] = (float)((4. * note->on - (double)step * tpq) / tpq);
}

int bl_hvo_encode(bl_hvo *h, const bl_song *song, bl_err *e)
{
    int32_t last = last_drum(song);
    int64_t n = last < 0 ? 0 : step_of(last, song->tpq) / BL_HVO_BAR + 1;
    h->hits = h->collided = h->unmapped = h->n_bars = 0;
    int rc = check_meters(song, last, e);
    if (rc == 0)
        rc = make_bars(h, n, e);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *note = &song->notes[i];
        int voice = note->drum ? bl_hvo_voice(note->pitch) : -1;
        if (voice >= 0)
            put(h, note, voice, song->tpq);
        else
            h->unmapped += note->drum;
    }
    set_tempos(h, song);
    return 0;
}

void bl_hvo_free(bl_hvo *h)
{
    free(h->x);
    free(h->tempo);
    *h = (bl_hvo){0};
}

/* ---- windows ---- */

size_t bl_hvo_windows(const bl_hvo *h, bl_hvo_frame frame)
{
    size_t hop = (size_t)frame.hop, bars = (size_t)frame.bars;
    if (h->n_bars == 0)
        return 0;
    if (hop >= bars)
        return (h->n_bars - 1) / hop + 1;
    return h->n_bars <= bars ? 1 : (h->n_bars - bars + hop - 1) / hop + 1;
}

void bl_hvo_window(const bl_hvo *h, bl_hvo_frame frame, size_t i, float *out)
{
    size_t first = i * (size_t)frame.hop, bars = (size_t)frame.bars;
    size_t there = h->n_bars - first < bars ? h->n_bars - first : bars;
    memcpy(out, h->x + first * BAR_CELLS, there * BAR_CELLS * sizeof *out);
    memset(out + there * BAR_CELLS, 0, (bars - there) * BAR_CELLS * sizeof *out);
}

/* ---- what numbers may be ---- */

static int bad_cell(size_t step, int voice, const char *what, double value,
                    const char *range, bl_err *e)
{
    return bl_fail(e, BL_E_FORMAT, "step %zu, %s: %s %g is not %s", step,
                   voices[voice].name, what, value, range);
}

int bl_hvo_check(const float *x, size_t steps, bl_err *e)
{
    for (size_t s = 0; s < steps; s++, x += BL_HVO_CELLS)
        for (int v = 0; v < BL_HVO_VOICES; v++) {
            double hit = x[v];
            double velocity = x[v + BL_HVO_VOICES], offset = x[v + 2 * BL_HVO_VOICES];
            if (hit != 0 && hit != 1)
                return bad_cell(s, v, "hit", hit, "0 or 1", e);
            if (!(velocity >= 0 && velocity <= hit))
                return bad_cell(s, v, "velocity", velocity,
                                hit > 0 ? "from 0 to 1" : "0 without a hit", e);
            if (!(fabs(offset) <= hit / 2))
                return bad_cell(s, v, "offset", offset,
                                hit > 0 ? "from -0.5 to 0.5" : "0 without a hit", e);
        }
    return 0;
}

/* ---- windows -> song ---- */

int bl_hvo_decode_begin(bl_hvo_decoder *d, bl_song *song, int tpq, bl_err *e)
{
    *d = (bl_hvo_decoder){.song = song};
    for (int v = 0; v < BL_HVO_VOICES; v++)
        d->last[v] = -1;
    bl_song_clear(song);
    song->tpq = tpq > 0 ? (LEAST_TPQ + tpq - 1) / tpq * tpq : DEFAULT_TPQ;
    return bl_song_add_meter(song, 0, 4, 2, e);
}

/* The first one that is nearest to the step. */
static int64_t first_tick(int64_t step, int tpq)
{
    return step == 0 ? 0 : (step * 2 * tpq - tpq + 7) / 8;
}

/* The tick of a hit: nearest to where it is, of those that belong to its step. */
static int64_t tick_of(int64_t step, double offset, int tpq)
{
    int64_t at = (int64_t)floor(((double)step + offset) * tpq / 4 + .5);
    return bl_clamp(at, first_tick(step, tpq), first_tick(step + 1, tpq) - 1);
}

static int too_long(bl_err *e)
{
    return bl_fail(e, BL_E_LIMIT, "the piece is longer than %d ticks", BL_TICK_MAX);
}

static int add_hit(bl_hvo_decoder *d, int voice, int64_t step, const float *x,
                   bl_err *e)
{
    bl_song *s = d->song;
    int64_t on = tick_of(step, x[2 * BL_HVO_VOICES], s->tpq);
    int64_t off = on + bl_max(s->tpq / 8, 1);
    if (off > BL_TICK_MAX)
        return too_long(e);
    if (d->last[voice] >= 0) {
        bl_note *before = &s->notes[d->last[voice]];
        before->off = (int32_t)bl_min(before->off, on);
    }
    d->last[voice] = (int64_t)s->n_notes;
    return bl_song_add_note(s,
                            (bl_note){.on = (int32_t)on,
                                      .off = (int32_t)off,
                                      .pitch = (uint8_t)voices[voice].pitch,
                                      .velocity = (uint8_t)bl_clamp(
                                          lround(127. * x[BL_HVO_VOICES]), 1, 127),
                                      .drum = 1,
                                      .channel = 9},
                            e);
}

static int set_tempo(bl_hvo_decoder *d, int64_t tick, double tempo, bl_err *e)
{
    bl_song *s = d->song;
    uint32_t us = (uint32_t)bl_clamp(llround(fmin(6e7 / tempo, 1e9)), 1, (1 << 24) - 1);
    if (d->us == us)
        return 0;
    d->us = us;
    return bl_song_add_tempo(s, (int32_t)tick, us, e);
}

static int add_step(bl_hvo_decoder *d, const float *x, int64_t step, bl_err *e)
{
    int rc = 0;
    for (int v = 0; rc == 0 && v < BL_HVO_VOICES; v++)
        if (x[v] > 0)
            rc = add_hit(d, v, step, x + v, e);
    return rc;
}

int bl_hvo_decode(bl_hvo_decoder *d, const float *x, int bars, int32_t bar, float tempo,
                  bl_err *e)
{
    int64_t from = bl_max(bar, d->next), end = (int64_t)bar + bars;
    if (end * 4 * d->song->tpq > BL_TICK_MAX)
        return too_long(e);
    int rc = set_tempo(d, (int64_t)bar * 4 * d->song->tpq, tempo, e);
    for (int64_t step = from * BL_HVO_BAR; rc == 0 && step < end * BL_HVO_BAR; step++)
        rc =
            add_step(d, x + (step - (int64_t)bar * BL_HVO_BAR) * BL_HVO_CELLS, step, e);
    d->next = bl_max(d->next, end);
    d->song->end = (int32_t)(d->next * 4 * d->song->tpq);
    return rc;
}

int bl_hvo_decode_step(bl_hvo_decoder *d, const float *x, int64_t step, float tempo,
                       bl_err *e)
{
    int tpq = d->song->tpq;
    if (step >= (int64_t)BL_TICK_MAX / tpq * 4)
        return too_long(e);
    int rc = set_tempo(d, first_tick(step, tpq), tempo, e);
    if (rc == 0 && x != NULL)
        rc = add_step(d, x, step, e);
    d->song->end = (int32_t)first_tick(step + 1, tpq);
    return rc;
}

int32_t bl_hvo_decoded(const bl_hvo_decoder *d)
{
    return (int32_t)first_tick(d->next * BL_HVO_BAR, d->song->tpq);
}

void bl_hvo_decode_taken(bl_hvo_decoder *d)
{
    d->song->n_notes = d->song->n_tempos = d->song->n_meters = 0;
    for (int v = 0; v < BL_HVO_VOICES; v++)
        d->last[v] = -1;
}

int bl_hvo_decode_end(bl_hvo_decoder *d, bl_err *e)
{
    return bl_song_sort(d->song, e);
}
