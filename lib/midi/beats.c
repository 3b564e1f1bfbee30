/* beats.c - see beats.h: the transformations of songs. */
#include "midi/beats.h"

#include <math.h>
#include <stdlib.h>

enum {
    TPQ = 480,
    WHOLE = 4 * TPQ,
    THIRTY_SECOND = TPQ / 8,
    BEATS_A_BAR_MAX = 64, /* that are counted */
    DEFAULT_US = 500000,
    US_MAX = (1 << 24) - 1, /* that a MIDI file can state */
};

int bl_song_set_meter(bl_song *song, int num, int den_log2, bl_err *e)
{
    if (num < 1 || num > 255 || den_log2 < 0 || den_log2 > 7)
        return bl_fail(e, BL_E_ARG, "no time signature: %d over 2^%d", num, den_log2);
    size_t old = song->n_meters;
    song->n_meters = 0;
    int rc = bl_song_add_meter(song, 0, num, den_log2, e);
    if (rc != 0)
        song->n_meters = old;
    return rc;
}

/* ---- ticks of the song to seconds ---- */

typedef struct {
    int32_t tick;
    double seconds, a_tick; /* its time, and how long ticks are from there on */
} pace;

typedef struct {
    pace *at; /* [n], by tick */
    size_t n;
} clock_of;

static int clock_make(clock_of *c, const bl_song *song, bl_err *e)
{
    c->at = bl_calloc(song->n_tempos + 1, sizeof *c->at, e);
    if (c->at == NULL)
        return BL_E_NOMEM;
    c->at[0] = (pace){0, 0, DEFAULT_US * 1e-6 / song->tpq};
    c->n = 1;
    for (size_t i = 0; i < song->n_tempos; i++) {
        const bl_tempo *t = &song->tempos[i];
        const pace *last = &c->at[c->n - 1];
        double seconds = last->seconds + (t->tick - last->tick) * last->a_tick;
        if (last->tick == t->tick)
            c->n--;
        c->at[c->n++] = (pace){t->tick, seconds, t->us * 1e-6 / song->tpq};
    }
    return 0;
}

static double seconds_of(const clock_of *c, int32_t tick)
{
    size_t low = 0, high = c->n; /* low begins at or before the tick */
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (c->at[mid].tick <= tick)
            low = mid;
        else
            high = mid;
    }
    return c->at[low].seconds + (tick - c->at[low].tick) * c->at[low].a_tick;
}

/* ---- beats to ticks of the new song ---- */

typedef struct {
    const bl_beat *beat;
    size_t n;
    uint8_t *begins_bar; /* [n] */
    int32_t *tick;       /* [n] */
    int32_t *length;     /* [n] of the beat from here on, in ticks */
    int32_t *bar;        /* [n] the full length of the bars here */
    size_t *stated;      /* [n] the beat that states the time signature here, or n */
} plan;

static int check_beats(const bl_beat *beats, size_t n, bl_err *e)
{
    if (n < 2)
        return bl_fail(e, BL_E_FORMAT, "%zu beats; two are needed", n);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(beats[i].seconds) ||
            (i > 0 && beats[i].seconds <= beats[i - 1].seconds))
            return bl_fail(e, BL_E_FORMAT, "beat %zu is not later than the one before",
                           i + 1);
    return 0;
}

static void find_bars(plan *p)
{
    int any = 0;
    for (size_t i = 0; i < p->n; i++)
        any |= p->beat[i].is_downbeat;
    for (size_t i = 0; i < p->n; i++)
        p->begins_bar[i] = (uint8_t)(any ? p->beat[i].is_downbeat != 0 : i % 4 == 0);
}

/* The commonest number of beats of the whole bars that begin in [from, to), of equals
 * the smallest; 0 if there are none. */
static int beats_a_bar(const plan *p, size_t from, size_t to)
{
    size_t count[BEATS_A_BAR_MAX + 1] = {0}, start = p->n;
    int best = 0;
    for (size_t i = from; i < p->n && i < to + BEATS_A_BAR_MAX; i++) {
        if (!p->begins_bar[i])
            continue;
        if (start < p->n && i - start <= BEATS_A_BAR_MAX)
            count[i - start]++;
        if (i >= to)
            break;
        start = i;
    }
    for (int k = 1; k <= BEATS_A_BAR_MAX; k++)
        if (count[k] > count[best])
            best = k;
    return best;
}

static int32_t stated_length(const plan *p, size_t stated)
{
    if (stated == p->n)
        return 0;
    const bl_beat *b = &p->beat[stated];
    return b->num * WHOLE >> b->den_log2;
}

/* Beats from..to - 1 are of one time signature, stated or not (p->n). */
static void measure(plan *p, size_t from, size_t to, size_t stated)
{
    int n = beats_a_bar(p, from, to);
    int32_t bar = stated_length(p, stated), length = TPQ;
    n = n > 0 ? n : 4;
    if (bar > 0 && bar % n == 0 && bar / n % THIRTY_SECOND == 0)
        length = bar / n;
    else
        bar = n * TPQ;
    for (size_t i = from; i < to; i++) {
        p->length[i] = length;
        p->bar[i] = bar;
        p->stated[i] = stated;
    }
}

/* What is stated before the first bar is stated for it. */
static void measure_all(plan *p)
{
    size_t stated = p->n, from = 0, first = 0;
    while (!p->begins_bar[first])
        first++;
    for (size_t i = 0; i < p->n; i++) {
        if (p->beat[i].num == 0)
            continue;
        if (i > first)
            measure(p, from, i, stated);
        from = i > first ? i : 0;
        stated = i;
    }
    measure(p, from, p->n, stated);
}

/* `before` ticks lie in front of the first beat. */
static int place_beats(plan *p, double before, bl_err *e)
{
    double tick = before;
    for (size_t i = 0; i < p->n; i++) {
        if (tick > BL_TICK_MAX)
            return bl_fail(e, BL_E_LIMIT, "more beats than a song can hold");
        p->tick[i] = (int32_t)tick;
        tick += p->length[i];
    }
    return 0;
}

/* To the nearest tick; in order for seconds in order. */
static int32_t tick_of(const plan *p, double seconds)
{
    size_t low = 0, high = p->n - 1; /* the beat of the interval that is followed */
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (p->beat[mid].seconds <= seconds)
            low = mid;
        else
            high = mid;
    }
    double from = p->beat[low].seconds, to = p->beat[low + 1].seconds;
    double tick = p->tick[low] + (seconds - from) / (to - from) * p->length[low];
    return (int32_t)fmin(fmax(floor(tick + 0.5), 0), BL_TICK_MAX);
}

/* ---- what the song gets ---- */

/* The whole beats that music before the first beat needs. */
static double beats_before(const plan *p, const bl_song *song, const clock_of *c)
{
    double first = p->beat[0].seconds, interval = p->beat[1].seconds - first;
    if (song->n_notes == 0)
        return 0;
    return fmax(0, ceil((first - seconds_of(c, song->notes[0].on)) / interval - 0.125));
}

static int add_change(bl_song *out, int32_t tick, int num, int den_log2, bl_err *e)
{
    const bl_meter *last = out->n_meters > 0 ? &out->meters[out->n_meters - 1] : NULL;
    if (last != NULL && last->num == num && last->den_log2 == den_log2)
        return 0;
    return bl_song_add_meter(out, tick, num, den_log2, e);
}

/* The time signature of a bar that begins at beat i: as it is stated, if it is of that
 * length, else in the greatest unit down to quarters. */
static int add_meter(bl_song *out, const plan *p, size_t i, int32_t tick,
                     int32_t length, bl_err *e)
{
    if (length == stated_length(p, p->stated[i])) {
        const bl_beat *b = &p->beat[p->stated[i]];
        return add_change(out, tick, b->num, b->den_log2, e);
    }
    int num = length / THIRTY_SECOND, den_log2 = 5;
    for (; num % 2 == 0 && den_log2 > 2; den_log2--)
        num /= 2;
    return add_change(out, tick, num, den_log2, e);
}

/* Bars in front of the first downbeat, at beat `first`: full ones, and before them what
 * is left. */
static int add_pickup(bl_song *out, const plan *p, size_t first, bl_err *e)
{
    int32_t rest = p->tick[first] % p->bar[first];
    int rc = rest > 0 ? add_meter(out, p, first, 0, rest, e) : 0;
    if (rc == 0 && p->tick[first] > rest)
        rc = add_meter(out, p, first, rest, p->bar[first], e);
    return rc;
}

static int add_meters(bl_song *out, const plan *p, bl_err *e)
{
    size_t start = 0;
    while (!p->begins_bar[start])
        start++;
    int rc = add_pickup(out, p, start, e);
    while (start < p->n && rc == 0) {
        size_t next = start + 1;
        while (next < p->n && !p->begins_bar[next])
            next++;
        int32_t length = next < p->n ? p->tick[next] - p->tick[start] : p->bar[start];
        rc = add_meter(out, p, start, p->tick[start], length, e);
        start = next;
    }
    return rc;
}

static int add_tempos(bl_song *out, const plan *p, bl_err *e)
{
    uint32_t last = 0;
    int rc = 0;
    for (size_t i = 0; i + 1 < p->n && rc == 0; i++) {
        double interval = p->beat[i + 1].seconds - p->beat[i].seconds;
        double us = floor(interval * 1e6 * TPQ / p->length[i] + 0.5);
        uint32_t now = (uint32_t)fmin(fmax(us, 1), US_MAX);
        if (now != last)
            rc = bl_song_add_tempo(out, i == 0 ? 0 : p->tick[i], now, e);
        last = now;
    }
    return rc;
}

static void move_events(bl_song *song, const plan *p, const clock_of *c)
{
    int32_t end = 0;
    for (size_t i = 0; i < song->n_notes; i++) {
        bl_note *n = &song->notes[i];
        n->on = tick_of(p, seconds_of(c, n->on));
        n->off = tick_of(p, seconds_of(c, n->off));
        end = (int32_t)bl_max(end, n->off);
    }
    for (size_t i = 0; i < song->n_pedals; i++)
        song->pedals[i].tick = tick_of(p, seconds_of(c, song->pedals[i].tick));
    for (size_t i = 0; i < song->n_markers; i++)
        song->markers[i].tick = tick_of(p, seconds_of(c, song->markers[i].tick));
    for (size_t i = 0; i < song->n_keys; i++)
        song->keys[i].tick = tick_of(p, seconds_of(c, song->keys[i].tick));
    song->end = end;
    song->tpq = TPQ;
}

/* The song takes over the tempos and time signatures of another. */
static void take_over(bl_song *song, bl_song *made)
{
    bl_song old = *song;
    song->tempos = made->tempos;
    song->n_tempos = made->n_tempos;
    song->cap_tempos = made->cap_tempos;
    song->meters = made->meters;
    song->n_meters = made->n_meters;
    song->cap_meters = made->cap_meters;
    made->tempos = old.tempos;
    made->meters = old.meters;
}

static int make_plan(plan *p, const bl_song *song, const clock_of *c, bl_err *e)
{
    p->begins_bar = bl_calloc(p->n, sizeof *p->begins_bar, e);
    p->tick = bl_calloc(p->n, sizeof *p->tick, e);
    p->length = bl_calloc(p->n, sizeof *p->length, e);
    p->bar = bl_calloc(p->n, sizeof *p->bar, e);
    p->stated = bl_calloc(p->n, sizeof *p->stated, e);
    if (p->begins_bar == NULL || p->tick == NULL || p->length == NULL ||
        p->bar == NULL || p->stated == NULL)
        return BL_E_NOMEM;
    find_bars(p);
    measure_all(p);
    return place_beats(p, beats_before(p, song, c) * p->length[0], e);
}

int bl_song_align(bl_song *song, const bl_beat *beats, size_t n, bl_err *e)
{
    plan p = {.beat = beats, .n = n};
    clock_of c = {0};
    bl_song made = {0};
    int rc = check_beats(beats, n, e);
    if (rc == 0)
        rc = clock_make(&c, song, e);
    if (rc == 0)
        rc = make_plan(&p, song, &c, e);
    if (rc == 0)
        rc = add_tempos(&made, &p, e);
    if (rc == 0)
        rc = add_meters(&made, &p, e);
    if (rc == 0) {
        move_events(song, &p, &c);
        take_over(song, &made);
    }
    bl_song_free(&made);
    free(c.at);
    free(p.begins_bar);
    free(p.tick);
    free(p.length);
    free(p.bar);
    free(p.stated);
    return rc;
}
