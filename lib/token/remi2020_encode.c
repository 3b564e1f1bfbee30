/* remi2020_encode.c - songs to tokens of "remi-2020", step for step as the published
 * encoder goes (schemas/remi-2020-scheme.md), with what it loses and where it fails. */
#include "token/remi2020.h"

#include <stdlib.h>

/* A change of tempo, as the walk over the tracks finds it. */
typedef struct {
    int32_t tick;
    uint32_t us;
    size_t rank;
} change;

typedef struct {
    const bl_scheme *s;
    bl_ids *ids;
    bl_err *e;
    int rc;
    bl_note *notes; /* of the one instrument, in order, on the grid */
    size_t n_notes;
    change *changes;
    size_t n_changes;
    bl_chords chords;
    int32_t end;        /* of the last note in order */
    int class, tempo;   /* last written, -1 = none */
    size_t note, chord; /* next to be written */
    size_t beat;        /* of the next tempo item */
    size_t n_beats;     /* tempo items there are */
    size_t next_change;
    uint32_t us; /* the tempo at the last beat */
} encoder;

static int fail(encoder *c, const char *why)
{
    return bl_fail(c->e, BL_E_FORMAT, "the published encoder fails: %s", why);
}

/* ---- the notes of the instrument whose first note ends first ---- */

static int by_start_and_pitch(const void *a, const void *b)
{
    const bl_note *x = a, *y = b;
    if (x->on != y->on)
        return x->on < y->on ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch < y->pitch ? -1 : 1;
    return x->closed < y->closed ? -1 : x->closed > y->closed;
}

static int take_notes(encoder *c, const bl_song *song)
{
    const bl_note *first = NULL;
    for (size_t i = 0; i < song->n_notes; i++)
        if (first == NULL || song->notes[i].closed < first->closed)
            first = &song->notes[i];
    if (first == NULL)
        return fail(c, "there is no note");
    c->notes = bl_calloc(song->n_notes, sizeof *c->notes, c->e);
    if (c->notes == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *n = &song->notes[i];
        if (n->program == first->program && n->channel == first->channel &&
            n->track == first->track)
            c->notes[c->n_notes++] = *n;
    }
    qsort(c->notes, c->n_notes, sizeof *c->notes, by_start_and_pitch);
    return 0;
}

/* To the nearest line of the grid, halves down; the grid ends below the last start. */
static int quantise(encoder *c)
{
    int32_t last = c->notes[c->n_notes - 1].on;
    if (last == 0)
        return fail(c, "all notes begin at 0, its grid is empty");
    int32_t top = (last - 1) / R20_STEP;
    for (size_t i = 0; i < c->n_notes; i++) {
        bl_note *n = &c->notes[i];
        int32_t line = (int32_t)bl_min((n->on + 59) / R20_STEP, top);
        int32_t shift = line * R20_STEP - n->on;
        n->on += shift;
        n->off += shift;
    }
    c->end = c->notes[c->n_notes - 1].off;
    return 0;
}

/* ---- tempos ---- */

static int by_track(const void *a, const void *b)
{
    const bl_tempo *x = *(bl_tempo *const *)a, *y = *(bl_tempo *const *)b;
    if (x->track != y->track)
        return x->track < y->track ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int by_tick(const void *a, const void *b)
{
    const change *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Track by track; a tempo at 0 forgets all that was found before it. */
static int find_changes(encoder *c, const bl_song *song)
{
    const bl_tempo **in_tracks = bl_calloc(song->n_tempos + 1, sizeof *in_tracks, c->e);
    c->changes = bl_calloc(song->n_tempos + 1, sizeof *c->changes, c->e);
    if (in_tracks == NULL || c->changes == NULL) {
        free(in_tracks);
        return BL_E_NOMEM;
    }
    for (size_t i = 0; i < song->n_tempos; i++)
        in_tracks[i] = &song->tempos[i];
    if (song->n_tempos > 1)
        qsort(in_tracks, song->n_tempos, sizeof *in_tracks, by_track);
    c->changes[0] = (change){0, 500000, 0};
    c->n_changes = 1;
    for (size_t i = 0; i < song->n_tempos; i++) {
        const bl_tempo *t = in_tracks[i];
        if (t->tick == 0)
            c->n_changes = 0;
        else if (t->us == c->changes[c->n_changes - 1].us)
            continue;
        c->changes[c->n_changes] = (change){t->tick, t->us, c->n_changes};
        c->n_changes++;
    }
    free(in_tracks);
    if (c->n_changes > 1)
        qsort(c->changes, c->n_changes, sizeof *c->changes, by_tick);
    c->n_beats = (size_t)c->changes[c->n_changes - 1].tick / CHORD_BEAT + 1;
    return 0;
}

/* The tempo of the item at the next beat: that of a change just there, else the last
 * item's; changes between beats are not seen. */
static uint32_t tempo_at_beat(encoder *c)
{
    int32_t tick = (int32_t)c->beat * CHORD_BEAT;
    while (c->next_change < c->n_changes && c->changes[c->next_change].tick <= tick) {
        if (c->changes[c->next_change].tick == tick)
            c->us = c->changes[c->next_change].us;
        c->next_change++;
    }
    return c->us;
}

/* ---- writing ---- */

static void emit(encoder *c, int kind, int i)
{
    if (c->rc == 0)
        c->rc = bl_ids_add(c->ids, bl_token(c->s, kind, i), c->e);
}

static void emit_position(encoder *c, int32_t offset)
{
    emit(c, R20_POSITION, (offset + 59) / R20_STEP);
}

static void emit_tempo(encoder *c, int32_t offset, uint32_t us)
{
    int bpm = (int)(60000000 / us);
    if (bpm < 30) {
        c->class = c->tempo = 0;
    } else if (bpm < 210) {
        c->class = (bpm - 30) / 60;
        c->tempo = (bpm - 30) % 60;
    } else if (bpm > 210) {
        c->class = 2;
        c->tempo = 59;
    } else if (c->class < 0 && c->rc == 0) { /* 210 has no class: what was last stays */
        c->rc = fail(c, "the first tempo is 210");
    }
    if (c->rc != 0)
        return;
    emit_position(c, offset);
    emit(c, R20_CLASS, c->class);
    emit(c, R20_TEMPO, c->tempo);
}

static void emit_note(encoder *c, int32_t offset, const bl_note *n)
{
    int64_t bin = ((int64_t)n->off - n->on + 29) / R20_DURATION_STEP - 1;
    emit_position(c, offset);
    emit(c, R20_VELOCITY, n->velocity / 4);
    emit(c, R20_ON, n->pitch);
    emit(c, R20_DURATION, (int)bl_clamp(bin, 0, 63));
}

/* One bar, or nothing of it where no note begins: at one tick the chord, the tempo, the
 * notes. */
static void emit_bar(encoder *c, int32_t start)
{
    int32_t end = start + R20_BAR_TICKS;
    int silent = c->note == c->n_notes || c->notes[c->note].on >= end;
    if (!silent)
        emit(c, R20_BAR, 0);
    for (int32_t tick = start; tick < end; tick += R20_STEP) {
        int32_t offset = tick - start;
        if (c->chord < c->chords.n && c->chords.chord[c->chord].tick == tick) {
            int chord = c->chords.chord[c->chord++].chord;
            if (!silent) {
                emit_position(c, offset);
                emit(c, R20_CHORD, chord);
            }
        }
        if (offset % CHORD_BEAT == 0 && c->beat < c->n_beats) {
            uint32_t us = tempo_at_beat(c);
            c->beat++;
            if (!silent)
                emit_tempo(c, offset, us);
        }
        while (!silent && c->note < c->n_notes && c->notes[c->note].on == tick)
            emit_note(c, offset, &c->notes[c->note++]);
    }
}

static size_t count_bars(const encoder *c, size_t from)
{
    size_t n = 0;
    for (size_t i = from; i < c->ids->n; i++)
        n += c->s->kind_of[c->ids->id[i]] == R20_BAR;
    return n;
}

int bl_r20_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                  bl_scheme_fixes *fixes, bl_err *e)
{
    encoder c = {.s = s, .ids = ids, .e = e, .class = -1, .tempo = -1, .us = 500000};
    size_t old = ids->n;
    (void)fixes;
    *bars = 0;
    c.rc = take_notes(&c, song);
    if (c.rc == 0)
        c.rc = quantise(&c);
    if (c.rc == 0)
        c.rc = find_changes(&c, song);
    if (c.rc == 0 && s->spec.chords)
        c.rc = bl_chords_2020(&c.chords, c.notes, c.n_notes, e);
    for (int32_t start = 0; c.rc == 0 && start < c.end; start += R20_BAR_TICKS)
        emit_bar(&c, start);
    if (c.rc == 0)
        *bars = count_bars(&c, old);
    else
        ids->n = old;
    free(c.notes);
    free(c.changes);
    free(c.chords.chord);
    return c.rc;
}
