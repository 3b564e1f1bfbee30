/* remi_twin.h - what "remi" keeps of a song, computed a second time: slow, plain, by
 * the sentences of schemas/remi-scheme.md and with none of the scheme's code. Tests
 * only.
 *
 * Time is counted in 1/(480 tpq) of a quarter note; nominal time in 1/480. */
#ifndef REMI_TWIN_H
#define REMI_TWIN_H

#include "base/song.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int bar, position, pitch, velocity, duration, program, drum;
} twin_note;

typedef struct {
    long long from, start; /* of the song */
    long long at, length;  /* nominal */
} twin_bar;

typedef struct {
    twin_bar *bar;
    int n_bars;
    twin_note *note; /* sorted by all fields */
    int n_notes;
} twin;

static long long twin_nearest(long long x, long long y)
{
    long long q = x / y;
    return (x - q * y) * 2 >= y ? q + 1 : q;
}

/* ---- time signatures ---- */

static int twin_in_vocabulary(int num, int den)
{
    int most = den == 2 ? 8 : den == 4 ? 16 : den == 8 ? 32 : den == 16 ? 64 : 32;
    return num >= 1 && num <= most && den >= 2 && den <= 32;
}

/* 1 and the time signature that stands for the event, or 0 if none does. */
static int twin_meter(const bl_meter *m, int *num, int *den)
{
    *num = m->num;
    *den = 1 << m->den_log2;
    if (*num == 0)
        return 0;
    if (*den == 1) {
        *num *= 2;
        *den = 2;
    }
    while (!twin_in_vocabulary(*num, *den) && *den >= 32 && *num % 2 == 0) {
        *num /= 2;
        *den /= 2;
    }
    for (int n = *num; n >= 1; n--)
        if (*num % n == 0 && twin_in_vocabulary(n, *den)) {
            *num = n;
            return 1;
        }
    return 0;
}

/* The time signature in force at a tick: the last valid event up to it. */
static void twin_in_force(const bl_song *s, long long tick, int *num, int *den)
{
    *num = *den = 4;
    for (size_t i = 0; i < s->n_meters; i++) {
        int n, d;
        if (s->meters[i].tick <= tick && twin_meter(&s->meters[i], &n, &d)) {
            *num = n;
            *den = d;
        }
    }
}

/* The first tick after `time` where another time signature than num/den holds. */
static long long twin_next_change(const bl_song *s, long long time, int num, int den)
{
    for (size_t i = 0; i < s->n_meters; i++) {
        int n, d;
        if ((long long)s->meters[i].tick * 480 <= time)
            continue;
        twin_in_force(s, s->meters[i].tick, &n, &d);
        if (n != num || d != den)
            return (long long)s->meters[i].tick * 480;
    }
    return -1;
}

/* ---- bars ---- */

static void twin_add_bar(twin *t, long long from, long long start, long long length)
{
    long long at = 0;
    if (t->n_bars > 0)
        at = t->bar[t->n_bars - 1].at + t->bar[t->n_bars - 1].length;
    if ((t->n_bars & (t->n_bars - 1)) == 0) {
        size_t room = t->n_bars == 0 ? 1 : 2 * (size_t)t->n_bars;
        t->bar = realloc(t->bar, room * sizeof *t->bar);
        if (t->bar == NULL)
            abort();
    }
    t->bar[t->n_bars++] = (twin_bar){from, start, at, length};
}

static void twin_bars(twin *t, const bl_song *s)
{
    long long quarter = 480LL * s->tpq, end = s->end, start = 0, from = 0;
    for (size_t i = 0; i < s->n_notes; i++)
        end = s->notes[i].off > end ? s->notes[i].off : end;
    end *= 480;
    while (end - start >= quarter / 8 || (t->n_bars == 0 && s->n_notes > 0)) {
        int num, den;
        twin_in_force(s, start / 480, &num, &den);
        long long length = num * 4 * quarter / den;
        long long nominal = num * 1920LL / den;
        long long change = twin_next_change(s, start, num, den);
        if (change >= 0 && change < start + length) {
            length = change - start;
            nominal = twin_nearest(4 * length, quarter) * 120;
        }
        if (nominal > 0) {
            twin_add_bar(t, from, start, nominal);
            from = start + length;
        }
        start += length;
    }
}

/* ---- notes ---- */

static int twin_duration(long long halves, long long room)
{
    int best = 1;
    for (int k = 1; k <= 512; k += k < 64 ? 1 : k < 128 ? 8 : 32)
        if (llabs(k - halves) < llabs(best - halves))
            best = k;
    if (best <= room)
        return best;
    best = 1;
    for (int k = 1; k <= 512; k += k < 64 ? 1 : k < 128 ? 8 : 32)
        if (k <= room)
            best = k;
    return best;
}

static twin_note twin_quantise(const twin *t, const bl_song *s, const bl_note *n,
                               int grid)
{
    long long quarter = 480LL * s->tpq, step = 480 / grid, when = 480LL * n->on;
    int b = t->n_bars - 1;
    while (b > 0 && when < t->bar[b].from)
        b--;
    long long after = when > t->bar[b].start ? when - t->bar[b].start : 0;
    long long p = twin_nearest(after * grid, quarter);
    if (p * step >= t->bar[b].length) {
        p = 0;
        if (++b == t->n_bars) {
            b--;
            while ((p + 1) * step < t->bar[b].length)
                p++;
        }
    }
    const twin_bar *last = &t->bar[t->n_bars - 1];
    long long room = (last->at + last->length - t->bar[b].at - p * step) / (step / 2);
    long long halves = twin_nearest((n->off - n->on) * 2LL * grid, s->tpq);
    int v = n->velocity < 3 ? 3 : n->velocity;
    return (twin_note){
        .bar = b,
        .position = (int)p,
        .pitch = n->pitch,
        .velocity = (v + 2) / 4,
        .duration = twin_duration(halves, room),
        .program = n->drum ? 0 : n->program,
        .drum = n->drum,
    };
}

static int twin_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(twin_note));
}

/* Release with twin_free. */
static twin twin_of(const bl_song *s, int grid)
{
    twin t = {0};
    twin_bars(&t, s);
    t.n_notes = (int)s->n_notes;
    t.note = calloc(s->n_notes + 1, sizeof *t.note);
    if (t.note == NULL)
        abort();
    for (size_t i = 0; i < s->n_notes; i++)
        t.note[i] = twin_quantise(&t, s, &s->notes[i], grid);
    qsort(t.note, s->n_notes, sizeof *t.note, twin_order);
    return t;
}

static int twin_notes_equal(const twin *a, const twin *b)
{
    return a->n_notes == b->n_notes &&
           (a->n_notes == 0 ||
            memcmp(a->note, b->note, (size_t)a->n_notes * sizeof *a->note) == 0);
}

static void twin_free(twin *t)
{
    free(t->bar);
    free(t->note);
    *t = (twin){0};
}

#endif
