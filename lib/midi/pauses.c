/* pauses.c - see pauses.h. */
#include "midi/pauses.h"

#include <stdlib.h>

/* From `at` on `length` ticks are left out. */
typedef struct {
    int32_t at, length;
} cut;

typedef struct {
    const bl_song *song;
    bl_err *e;
    size_t i_meter;
    cut *cuts;
    size_t n, cap;
} pauses;

static int is_damaged(const bl_midi_report *report)
{
    return report->lost > 0 || report->fixes[BL_FIX_BAD_EVENT] > 0 ||
           report->fixes[BL_FIX_DATA_BYTE] > 0;
}

/* Ticks of a bar at a tick that is not before the last one asked for. */
static int32_t bar_at(pauses *p, int32_t tick)
{
    const bl_song *s = p->song;
    while (p->i_meter < s->n_meters && s->meters[p->i_meter].tick <= tick)
        p->i_meter++;
    const bl_meter *m = p->i_meter > 0 ? &s->meters[p->i_meter - 1] : NULL;
    int32_t bar =
        m != NULL ? (int32_t)((int64_t)s->tpq * 4 * m->num >> m->den_log2) : 0;
    return bar > 0 ? bar : 4 * s->tpq;
}

/* Nothing sounds between the two ticks. */
static int look_at(pauses *p, int32_t from, int32_t to)
{
    if (to - from <= (int64_t)BL_PAUSE_QUARTERS * p->song->tpq)
        return 0;
    int32_t bar = bar_at(p, from), length = (to - from) / bar * bar;
    int rc = bl_room(&p->cuts, &p->cap, p->n + 1, sizeof *p->cuts, p->e);
    if (rc == 0 && length > 0)
        p->cuts[p->n++] = (cut){from, length};
    return rc;
}

static int find_pauses(pauses *p)
{
    const bl_song *s = p->song;
    int64_t most = (int64_t)BL_PAUSE_QUARTERS * s->tpq;
    int32_t silent = 0;
    int rc = 0;
    for (size_t i = 0; i < s->n_notes && rc == 0; i++) {
        rc = look_at(p, silent, s->notes[i].on);
        silent =
            (int32_t)bl_max(silent, bl_min(s->notes[i].off, s->notes[i].on + most));
    }
    return rc == 0 ? look_at(p, silent, s->end) : rc;
}

/* Where a tick goes. */
static int32_t moved(const pauses *p, int32_t tick)
{
    size_t from = 0, to = p->n;
    while (from < to) { /* the cuts that begin before it */
        size_t mid = (from + to) / 2;
        if (p->cuts[mid].at < tick)
            from = mid + 1;
        else
            to = mid;
    }
    int32_t by = from > 1 ? p->cuts[from - 2].length : 0; /* summed: see below */
    if (from > 0)
        by +=
            (int32_t)bl_min(p->cuts[from - 1].length - by, tick - p->cuts[from - 1].at);
    return tick - by;
}

static void move_all(const pauses *p, bl_song *s)
{
    for (size_t i = 0; i < s->n_notes; i++) {
        s->notes[i].on = moved(p, s->notes[i].on);
        s->notes[i].off = moved(p, s->notes[i].off);
    }
    for (size_t i = 0; i < s->n_tempos; i++)
        s->tempos[i].tick = moved(p, s->tempos[i].tick);
    for (size_t i = 0; i < s->n_meters; i++)
        s->meters[i].tick = moved(p, s->meters[i].tick);
    for (size_t i = 0; i < s->n_pedals; i++)
        s->pedals[i].tick = moved(p, s->pedals[i].tick);
    for (size_t i = 0; i < s->n_keys; i++)
        s->keys[i].tick = moved(p, s->keys[i].tick);
    s->end = moved(p, s->end);
}

int bl_pauses_close(bl_song *song, bl_midi_report *report, bl_err *e)
{
    pauses p = {.song = song, .e = e};
    if (!is_damaged(report))
        return 0;
    int rc = find_pauses(&p);
    for (size_t i = 1; i < p.n; i++) /* each with those before it */
        p.cuts[i].length += p.cuts[i - 1].length;
    if (rc == 0 && p.n > 0) {
        move_all(&p, song);
        report->fixes[BL_FIX_PAUSE] += (uint32_t)p.n;
    }
    free(p.cuts);
    return rc;
}
