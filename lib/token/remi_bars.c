/* remi_bars.c - where the bars of a song begin, in its own time and in nominal time.
 *
 * The song's time is counted in eighths of a tick: then a 32nd note, and with it every
 * bar, is a whole number (of `tpq` units) for any resolution. Bars do not depend on the
 * grid. */
#include "token/remi.h"

#include <stdlib.h>

typedef struct {
    int64_t when; /* eighths of a tick */
    int meter;
} change;

/* Keeps the time signatures that change something: mapped to the vocabulary, one a
 * tick (the last), each unlike the one before. Returns their number; `list` has room
 * for all. */
static size_t changes_of(const bl_song *song, change *list, uint32_t *replaced)
{
    size_t n = 0;
    for (size_t i = 0; i < song->n_meters; i++) {
        const bl_meter *m = &song->meters[i];
        int exact;
        int meter = bl_remi_meter_for(m->num, m->den_log2, &exact);
        *replaced += !exact;
        if (meter < 0)
            continue;
        int64_t when = bl_max(m->tick, 0) * 8;
        if (n > 0 && list[n - 1].when == when)
            n--;
        if (meter != (n > 0 ? list[n - 1].meter : REMI_METER_4_4))
            list[n++] = (change){when, meter};
    }
    return n;
}

/* The song's end, or that of its last note where this is later. */
static int64_t end_of(const bl_song *song)
{
    int64_t end = bl_max(song->end, 0);
    for (size_t i = 0; i < song->n_notes; i++)
        end = bl_max(end, bl_max(song->notes[i].on, song->notes[i].off));
    return end * 8;
}

static int add_bar(bl_remi_bars *bars, int64_t from, int64_t start, int meter,
                   bl_err *e)
{
    if (bars->n >= BL_BARS_MAX || bars->end > REMI_START_MAX)
        return bl_fail(e, BL_E_LIMIT, "the piece is longer than %zu bars", bars->n);
    void *p = bars->bar;
    int rc = bl_grow(&p, &bars->cap, bars->n + 1, sizeof *bars->bar, e);
    bars->bar = p;
    if (rc != 0)
        return rc;
    bars->bar[bars->n++] = (bl_remi_bar){from, start, bars->end, meter};
    bars->end += bl_remi_meter_ticks(meter);
    return 0;
}

/* Walks bar by bar up to the end. A change of meter inside a bar cuts it: its length
 * becomes the nearest number of sixteenths (2 tpq units each), and with none of them
 * it vanishes into the next bar. */
static int walk(bl_remi_bars *bars, const change *list, size_t n, int64_t tpq,
                int64_t end, int at_least, bl_err *e)
{
    int64_t from = 0, start = 0;
    int meter = REMI_METER_4_4;
    size_t next = 0;
    while (start + tpq <= end || bars->n < (size_t)at_least) {
        if (next < n && list[next].when == start)
            meter = list[next++].meter;
        int64_t length = bl_remi_meter_ticks(meter) * tpq / (REMI_TPQ / 8);
        int shown = meter;
        if (next < n && list[next].when < start + length) {
            int64_t cut = list[next].when - start;
            int64_t r = (cut + tpq) / (2 * tpq);
            if (r == 0)
                shown = -1;
            else if (r * 2 * tpq != length)
                shown = bl_remi_meter_of_sixteenths((int)r);
            length = cut;
        }
        if (shown >= 0) {
            int rc = add_bar(bars, from, start, shown, e);
            if (rc != 0)
                return rc;
            from = start + length;
        }
        start += length;
    }
    return 0;
}

int bl_remi_bars_of(bl_remi_bars *bars, const bl_song *song, uint32_t *replaced,
                    bl_err *e)
{
    change *list = bl_calloc(song->n_meters, sizeof *list, e);
    if (list == NULL)
        return BL_E_NOMEM;
    size_t n = changes_of(song, list, replaced);
    int rc = walk(bars, list, n, song->tpq, end_of(song),
                  song->n_notes + song->n_aside > 0, e);
    free(list);
    return rc;
}

/* x / y to the nearest whole number, halves up; x >= 0. */
static int64_t nearest(int64_t x, int64_t y)
{
    return (2 * x + y) / (2 * y);
}

bl_remi_moment bl_remi_moment_of(const bl_remi_bars *bars, int grid, int tpq,
                                 size_t *cursor, int32_t tick, int *beyond)
{
    int64_t when = bl_max(tick, 0) * 8;
    size_t i = *cursor;
    while (i + 1 < bars->n && when >= bars->bar[i + 1].from)
        i++;
    *cursor = i;
    int n_positions = bl_remi_positions(bars->bar[i].meter, grid);
    int64_t offset = bl_max(when - bars->bar[i].start, 0);
    int64_t position = nearest(offset * grid, (int64_t)tpq * 8);
    *beyond = 0;
    if (position >= n_positions) {
        *beyond = i + 1 == bars->n;
        position = *beyond ? n_positions - 1 : 0;
        i += !*beyond;
    }
    return (bl_remi_moment)i << REMI_POSITION_BITS | (bl_remi_moment)position;
}

void bl_remi_bars_free(bl_remi_bars *bars)
{
    free(bars->bar);
    *bars = (bl_remi_bars){0};
}
