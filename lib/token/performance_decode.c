/* performance_decode.c - tokens of "performance" to songs. Total: a note-off of nothing
 * is passed over, what still sounds ends with the piece.
 *
 * Of several notes of one pitch a note-off ends the oldest, unless the order of the
 * ends asks for another (performance_ends.c). Beginnings of one moment that do not rise
 * in pitch are some ticks apart, too few to be another step. So the tokens of the
 * decoded song are the tokens again. */
#include "token/performance.h"

#include <stdlib.h>

enum { VELOCITY_DEFAULT = 100 };

typedef struct {
    const bl_scheme *s;
    bl_song *song;
    bl_err *e;
    bl_perf_end *ends;
    size_t n_ends, cap_ends;
    int32_t *next; /* [cap_next] of notes that sound, by pitch */
    size_t cap_next;
    int32_t head[128], tail[128]; /* the oldest and the newest that sounds, -1 = none */
    int32_t step, velocity;
    int32_t late, latest; /* beginnings of the step that did not rise, in any step */
    int last_pitch;       /* of the last note of the step */
} decoder;

/* Until all is read times are steps: of a note that begins, `closed`, and `on` is how
 * late in the step it does. */
static int begin(decoder *d, int pitch)
{
    int32_t i = (int32_t)d->song->n_notes;
    void *p = d->next;
    int rc = bl_grow(&p, &d->cap_next, (size_t)i + 1, sizeof *d->next, d->e);
    d->next = p;
    d->late += pitch <= d->last_pitch;
    d->latest = (int32_t)bl_max(d->latest, d->late);
    d->last_pitch = pitch;
    if (rc == 0)
        rc = bl_song_add_note(d->song,
                              (bl_note){.on = d->late,
                                        .closed = (uint32_t)d->step,
                                        .off = -1,
                                        .pitch = (uint8_t)pitch,
                                        .velocity = (uint8_t)d->velocity},
                              d->e);
    if (rc != 0)
        return rc;
    d->next[i] = -1;
    if (d->head[pitch] < 0)
        d->head[pitch] = i;
    else
        d->next[d->tail[pitch]] = i;
    d->tail[pitch] = i;
    return 0;
}

/* The oldest note of a pitch ends; 1 if one sounded. */
static int end(decoder *d, int pitch)
{
    int32_t i = d->head[pitch];
    if (i < 0)
        return 0;
    void *p = d->ends;
    int rc = bl_grow(&p, &d->cap_ends, d->n_ends + 1, sizeof *d->ends, d->e);
    d->ends = p;
    if (rc != 0)
        return rc;
    d->ends[d->n_ends++] = (bl_perf_end){d->step, i};
    d->head[pitch] = d->next[i];
    return 1;
}

static int read_token(decoder *d, int kind, int i, size_t *skipped)
{
    int rc = 0;
    switch (kind) {
    case PERF_ON:
        return begin(d, i);
    case PERF_OFF:
        rc = end(d, i);
        *skipped += rc == 0;
        return rc < 0 ? rc : 0;
    case PERF_SHIFT:
        if (d->step + i + 1 > PERF_SECONDS_MAX * d->s->grid) {
            ++*skipped;
            return 0;
        }
        d->step += i + 1;
        d->late = 0;
        d->last_pitch = -1;
        return 0;
    case PERF_VELOCITY:
        d->velocity = 1 + 4 * i;
        return 0;
    case PERF_PEDAL:
        return bl_song_add_pedal(
            d->song, (bl_pedal){.tick = d->step, .value = i ? 127 : 0}, d->e);
    default:
        *skipped += kind == BL_ID_MASK;
        return 0;
    }
}

/* Ticks in a step: so many that all beginnings of one are in its first half. */
static int32_t resolve(decoder *d)
{
    int32_t ticks = PERF_TICKS_A_SECOND / d->s->grid;
    while (ticks / 2 <= d->latest && d->song->tpq * 2 <= PERF_TPQ_MAX &&
           (int64_t)ticks * 2 * (d->step + 1) <= BL_TICK_MAX) {
        ticks *= 2;
        d->song->tpq *= 2;
    }
    return ticks;
}

/* Steps become ticks; notes without length are dropped. */
static void finish(decoder *d)
{
    bl_song *s = d->song;
    int32_t ticks = resolve(d);
    size_t kept = 0;
    for (size_t i = 0; i < d->n_ends; i++)
        s->notes[d->ends[i].note].off = d->ends[i].step;
    for (size_t i = 0; i < s->n_notes; i++) {
        bl_note n = s->notes[i];
        int32_t on = (int32_t)n.closed, off = n.off < 0 ? d->step : n.off;
        if (off <= on)
            continue;
        n.on = on * ticks + (int32_t)bl_min(n.on, ticks / 2 - 1);
        n.off = off * ticks;
        n.closed = (uint32_t)kept;
        s->notes[kept++] = n;
    }
    s->n_notes = kept;
    for (size_t i = 0; i < s->n_pedals; i++)
        s->pedals[i].tick *= ticks;
    s->end = d->step * ticks;
}

int bl_perf_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                   size_t *skipped, bl_err *e)
{
    decoder d = {
        .s = s, .song = song, .e = e, .velocity = VELOCITY_DEFAULT, .last_pitch = -1};
    int rc = 0;
    for (int pitch = 0; pitch < 128; pitch++)
        d.head[pitch] = d.tail[pitch] = -1;
    bl_song_clear(song);
    song->tpq = PERF_TPQ;
    *skipped = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        int kind = s->kind_of[ids[i]];
        if (kind == BL_ID_EOS) {
            *skipped += n - i - 1;
            break;
        }
        rc = read_token(&d, kind, ids[i] - s->first[kind], skipped);
    }
    if (rc == 0)
        rc = bl_perf_order_ends(d.ends, d.n_ends, song->notes, song->n_notes, e);
    if (rc == 0) {
        finish(&d);
        rc = bl_song_sort(song, e);
    }
    free(d.ends);
    free(d.next);
    return rc;
}
