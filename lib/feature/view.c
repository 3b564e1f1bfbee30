/* view.c - see view.h: notes, time, sounding pitches. */
#include "feature/view.h"
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

/* ---- notes ---- */

static int by_pitch(const void *a, const void *b)
{
    const bl_note *x = a, *y = b;
    int order = (x->pitch > y->pitch) - (x->pitch < y->pitch);
    return order != 0 ? order : (x->program > y->program) - (x->program < y->program);
}

/* Simultaneous notes are ordered by pitch: files keep them in any order, token streams
 * in one. */
static void order_chords(bl_view *v)
{
    for (size_t i = 0, j; i < v->n_pitched; i = j) {
        for (j = i + 1; j < v->n_pitched && v->pitched[j].on == v->pitched[i].on; j++)
            ;
        if (j - i > 1)
            qsort(v->pitched + i, j - i, sizeof *v->pitched, by_pitch);
    }
}

static int take_pitched(bl_view *v, bl_err *e)
{
    const bl_song *s = v->in.song;
    void *p = v->pitched;
    int rc = bl_grow(&p, &v->cap_pitched, s->n_notes, sizeof *v->pitched, e);
    v->pitched = p;
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < s->n_notes; i++) {
        const bl_note *note = &s->notes[i];
        if (note->drum)
            continue;
        v->pitched[v->n_pitched++] = *note;
        v->of_pitch[note->pitch & 127]++;
        v->of_class[note->pitch % 12]++;
    }
    order_chords(v);
    return 0;
}

static void take_onsets(bl_view *v)
{
    const bl_song *s = v->in.song;
    for (size_t i = 0; i < s->n_notes; i++) {
        v->last = (int32_t)bl_max(v->last, s->notes[i].off);
        v->n_onsets += i == 0 || s->notes[i].on != s->notes[i - 1].on;
    }
    if (s->n_notes > 0) {
        v->first_on = s->notes[0].on;
        v->last_on = s->notes[s->n_notes - 1].on;
    }
}

/* ---- time ---- */

double bl_view_seconds(const bl_view *v, int32_t tick)
{
    return bl_song_seconds(v->in.song, tick);
}

/* ---- sounding pitches ---- */

/* An edge is a tick and below it in the word a pitch and whether a note begins. */
enum { EDGE_BEGINS = 1, EDGE_PITCH = 1, EDGE_TICK = 8 };

static size_t make_edges(bl_view *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_pitched; i++) {
        const bl_note *note = &v->pitched[i];
        int64_t pitch = (note->pitch & 127) << EDGE_PITCH;
        if (note->off <= note->on)
            continue;
        v->edges[n++] = ((int64_t)note->on << EDGE_TICK) | pitch | EDGE_BEGINS;
        v->edges[n++] = ((int64_t)note->off << EDGE_TICK) | pitch;
    }
    if (n > 0)
        qsort(v->edges, n, sizeof *v->edges, bl_by_int64);
    return n;
}

static int count_sounding(bl_view *v, bl_err *e)
{
    uint32_t sounding[128] = {0};
    int n_pitches = 0;
    void *p = v->edges;
    int rc = bl_grow(&p, &v->cap_edges, 2 * v->n_pitched, sizeof *v->edges, e);
    v->edges = p;
    if (rc != 0)
        return rc;
    size_t n = make_edges(v);
    for (size_t i = 0; i < n; i++) {
        int pitch = (v->edges[i] >> EDGE_PITCH) & 127;
        if (v->edges[i] & EDGE_BEGINS)
            n_pitches += sounding[pitch]++ == 0;
        else
            n_pitches -= --sounding[pitch] == 0;
        if (i + 1 == n)
            break;
        int64_t ticks = (v->edges[i + 1] >> EDGE_TICK) - (v->edges[i] >> EDGE_TICK);
        v->sounding_ticks += n_pitches >= 1 ? ticks : 0;
        v->ticks_of_2 += n_pitches >= 2 ? ticks : 0;
        v->ticks_of_3 += n_pitches >= 3 ? ticks : 0;
        v->pitch_ticks += n_pitches * ticks;
    }
    return 0;
}

/* ---- the whole ---- */

static void forget(bl_view *v)
{
    *v = (bl_view){
        .pitched = v->pitched,
        .cap_pitched = v->cap_pitched,
        .bars = v->bars,
        .cap_bars = v->cap_bars,
        .edges = v->edges,
        .cap_edges = v->cap_edges,
    };
}

int bl_view_make(bl_view *v, const bl_view_input *in, bl_err *e)
{
    forget(v);
    v->in = *in;
    if (in->song->tpq < 1)
        return bl_fail(e, BL_E_ARG, "%d ticks a quarter note", in->song->tpq);
    take_onsets(v);
    int rc = take_pitched(v, e);
    if (rc == 0)
        rc = count_sounding(v, e);
    return rc == 0 ? bl_view_make_bars(v, e) : rc;
}

void bl_view_free(bl_view *v)
{
    free(v->pitched);
    free(v->bars);
    free(v->edges);
    *v = (bl_view){0};
}
