/* song.c - see song.h. */
#include "base/song.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int bl_song_add_note(bl_song *s, bl_note note, bl_err *e)
{
    void *p = s->notes;
    int rc = bl_grow(&p, &s->cap_notes, s->n_notes + 1, sizeof *s->notes, e);
    s->notes = p;
    if (rc == 0)
        s->notes[s->n_notes++] = note;
    return rc;
}

int bl_song_add_mute(bl_song *s, bl_note note, bl_err *e)
{
    void *p = s->mute;
    int rc = bl_grow(&p, &s->cap_mute, s->n_mute + 1, sizeof *s->mute, e);
    s->mute = p;
    if (rc == 0)
        s->mute[s->n_mute++] = note;
    return rc;
}

int bl_song_add_aside(bl_song *s, bl_note note, bl_err *e)
{
    void *p = s->aside;
    int rc = bl_grow(&p, &s->cap_aside, s->n_aside + 1, sizeof *s->aside, e);
    s->aside = p;
    if (rc == 0)
        s->aside[s->n_aside++] = note;
    return rc;
}

int bl_song_add_key(bl_song *s, int32_t tick, int key, bl_err *e)
{
    void *p = s->keys;
    int rc = bl_grow(&p, &s->cap_keys, s->n_keys + 1, sizeof *s->keys, e);
    s->keys = p;
    if (rc == 0)
        s->keys[s->n_keys++] = (bl_key_mark){tick, (uint8_t)key};
    return rc;
}

int bl_song_add_name(bl_song *s, uint16_t track, const void *text, size_t len,
                     bl_err *e)
{
    void *p = s->names;
    int rc = bl_grow(&p, &s->cap_names, s->n_names + 1, sizeof *s->names, e);
    s->names = p;
    if (rc != 0)
        return rc;
    bl_track_name *name = &s->names[s->n_names++];
    *name = (bl_track_name){.track = track};
    memcpy(name->text, text, len < sizeof name->text ? len : sizeof name->text - 1);
    return 0;
}

int bl_song_add_tempo(bl_song *s, int32_t tick, uint32_t us, bl_err *e)
{
    void *p = s->tempos;
    int rc = bl_grow(&p, &s->cap_tempos, s->n_tempos + 1, sizeof *s->tempos, e);
    s->tempos = p;
    if (rc == 0)
        s->tempos[s->n_tempos++] = (bl_tempo){.tick = tick, .us = us};
    return rc;
}

int bl_song_add_meter(bl_song *s, int32_t tick, int num, int den_log2, bl_err *e)
{
    void *p = s->meters;
    int rc = bl_grow(&p, &s->cap_meters, s->n_meters + 1, sizeof *s->meters, e);
    s->meters = p;
    if (rc == 0)
        s->meters[s->n_meters++] = (bl_meter){tick, num, den_log2};
    return rc;
}

int bl_song_add_pedal(bl_song *s, bl_pedal pedal, bl_err *e)
{
    void *p = s->pedals;
    int rc = bl_grow(&p, &s->cap_pedals, s->n_pedals + 1, sizeof *s->pedals, e);
    s->pedals = p;
    if (rc == 0)
        s->pedals[s->n_pedals++] = pedal;
    return rc;
}

int bl_song_add_marker(bl_song *s, int32_t tick, const char *text, bl_err *e)
{
    void *p = s->markers;
    int rc = bl_grow(&p, &s->cap_markers, s->n_markers + 1, sizeof *s->markers, e);
    s->markers = p;
    if (rc != 0)
        return rc;
    bl_marker *m = &s->markers[s->n_markers++];
    *m = (bl_marker){.tick = tick};
    memcpy(m->text, text, strnlen(text, sizeof m->text - 1));
    return 0;
}

/* Each element starts with its int32_t tick. */
static int32_t tick_at(const char *base, size_t i, size_t size)
{
    return *(const int32_t *)(const void *)(base + i * size);
}

/* Where the elements from i on, i < n, are no longer in order. */
static size_t run_end(const char *base, size_t i, size_t n, size_t size)
{
    for (i++; i < n && tick_at(base, i - 1, size) <= tick_at(base, i, size); i++)
        ;
    return i;
}

/* The runs lo..mid and mid..hi as one; of equal ticks those of the first run first. */
static void merge(char *to, const char *from, size_t lo, size_t mid, size_t hi,
                  size_t size)
{
    size_t i = lo, j = mid;
    to += lo * size;
    while (i < mid && j < hi) {
        size_t first = i;
        for (; i < mid && tick_at(from, i, size) <= tick_at(from, j, size); i++)
            ;
        memcpy(to, from + first * size, (i - first) * size);
        to += (i - first) * size;
        if (i == mid)
            break;
        for (first = j; j < hi && tick_at(from, j, size) < tick_at(from, i, size); j++)
            ;
        memcpy(to, from + first * size, (j - first) * size);
        to += (j - first) * size;
    }
    memcpy(to, from + i * size, (mid - i) * size);
    memcpy(to + (mid - i) * size, from + j * size, (hi - j) * size);
}

/* Natural merge sort: qsort is not stable and reorders simultaneous events. A track is
 * in order already, so that each pass halves the number of tracks. */
static int stable_sort(void *base, size_t n, size_t size, bl_err *e)
{
    char *a = base;
    if (n == 0 || run_end(a, 0, n, size) == n)
        return 0;
    char *spare = bl_calloc(n, size, e);
    if (spare == NULL)
        return BL_E_NOMEM;
    char *from = a, *to = spare;
    for (size_t n_runs = 2; n_runs > 1;) {
        n_runs = 0;
        for (size_t lo = 0, hi; lo < n; lo = hi, n_runs++) {
            size_t mid = run_end(from, lo, n, size);
            hi = mid < n ? run_end(from, mid, n, size) : n;
            merge(to, from, lo, mid, hi, size);
        }
        char *swap = from;
        from = to;
        to = swap;
    }
    if (from != a)
        memcpy(a, from, n * size);
    free(spare);
    return 0;
}

_Static_assert(offsetof(bl_note, on) == 0 && offsetof(bl_tempo, tick) == 0 &&
                   offsetof(bl_meter, tick) == 0 && offsetof(bl_pedal, tick) == 0 &&
                   offsetof(bl_marker, tick) == 0 && offsetof(bl_key_mark, tick) == 0,
               "tick_at reads the tick at the start of each element");

int bl_song_sort(bl_song *s, bl_err *e)
{
    int rc = stable_sort(s->notes, s->n_notes, sizeof *s->notes, e);
    if (rc == 0)
        rc = stable_sort(s->tempos, s->n_tempos, sizeof *s->tempos, e);
    if (rc == 0)
        rc = stable_sort(s->meters, s->n_meters, sizeof *s->meters, e);
    if (rc == 0)
        rc = stable_sort(s->pedals, s->n_pedals, sizeof *s->pedals, e);
    if (rc == 0)
        rc = stable_sort(s->markers, s->n_markers, sizeof *s->markers, e);
    if (rc == 0)
        rc = stable_sort(s->keys, s->n_keys, sizeof *s->keys, e);
    return rc;
}

const char *bl_meter_scan(const char *text, int *num, int *den_log2)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '/' || n < 1 || n > 255)
        return NULL;
    const char *after = end + 1;
    long den = strtol(after, &end, 10);
    if (end == after)
        return NULL;
    for (int log2 = 0; log2 <= 7; log2++)
        if (den == 1L << log2) {
            *num = (int)n;
            *den_log2 = log2;
            return end;
        }
    return NULL;
}

void bl_song_trim(bl_song *s)
{
    s->end = 0;
    for (size_t i = 0; i < s->n_notes; i++)
        s->end = (int32_t)bl_max(s->end, s->notes[i].off);
}

/* The first tick that is so many seconds behind the tick `from`. */
static int32_t tick_after(const bl_song *s, int32_t from, double seconds)
{
    double begin = bl_song_seconds(s, from);
    int32_t low = from, high = BL_TICK_MAX;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (bl_song_seconds(s, middle) - begin < seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int bl_song_excerpt(bl_song *to, const bl_song *from, double seconds, bl_err *e)
{
    bl_song_clear(to);
    to->tpq = from->tpq;
    if (from->n_notes == 0)
        return 0;
    int32_t begin = from->notes[0].on, end = tick_after(from, begin, seconds);
    int rc = 0;
    for (size_t i = 0; i < from->n_notes && rc == 0; i++) {
        bl_note n = from->notes[i];
        if (n.on >= end)
            break;
        n.on -= begin;
        n.off = bl_min(n.off, end) - begin;
        rc = bl_song_add_note(to, n, e);
    }
    for (size_t i = 0; i < from->n_tempos && rc == 0; i++)
        if (from->tempos[i].tick < end)
            rc = bl_song_add_tempo(to, bl_max(from->tempos[i].tick - begin, 0),
                                   from->tempos[i].us, e);
    for (size_t i = 0; i < from->n_pedals && rc == 0; i++) {
        bl_pedal p = from->pedals[i];
        p.tick = bl_max(p.tick - begin, 0);
        if (from->pedals[i].tick < end)
            rc = bl_song_add_pedal(to, p, e);
    }
    to->end = bl_min(from->end, end) - begin;
    return rc;
}

void bl_song_clear(bl_song *s)
{
    s->n_notes = s->n_tempos = s->n_meters = s->n_pedals = s->n_markers = 0;
    s->n_mute = s->n_aside = s->n_keys = s->n_names = 0;
    s->hides_chords = 0;
    s->tpq = 0;
    s->end = 0;
}

void bl_song_free(bl_song *s)
{
    free(s->notes);
    free(s->tempos);
    free(s->meters);
    free(s->pedals);
    free(s->markers);
    free(s->mute);
    free(s->aside);
    free(s->keys);
    free(s->names);
    *s = (bl_song){0};
}

double bl_song_seconds(const bl_song *s, int32_t tick)
{
    int64_t sum = 0; /* microseconds times tpq: 28 bits of ticks by 32 fit */
    int64_t at = 0, us = 500000;
    for (size_t i = 0; i < s->n_tempos && s->tempos[i].tick < tick; i++) {
        int64_t from = bl_max(s->tempos[i].tick, at);
        sum += (from - at) * us;
        at = from;
        us = s->tempos[i].us;
    }
    sum += (tick - at) * us;
    return (double)sum / (1e6 * s->tpq);
}
