/* performance_encode.c - songs to tokens of "performance", as note-seq does it. */
#include "token/performance.h"

#include <stdlib.h>

/* A note or pedal at a step. Of one step, ends and beginnings go by note. */
typedef struct {
    int64_t step;
    int32_t rank; /* of the note; -1 for pedals, which come first */
    uint8_t kind, value, velocity;
} event;

typedef struct {
    const bl_scheme *s;
    bl_ids *ids;
    bl_err *e;
    int rc;
    event *events;
    size_t n;
} encoder;

static int64_t step_of(double seconds, int rate)
{
    return (int64_t)(seconds * rate + 0.5);
}

typedef struct {
    double on;
    int32_t i;
    uint8_t pitch;
} onset;

static int by_start_and_pitch(const void *a, const void *b)
{
    const onset *x = a, *y = b;
    if (x->on != y->on)
        return x->on < y->on ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch < y->pitch ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

static int by_step(const void *a, const void *b)
{
    const event *x = a, *y = b;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->kind < y->kind ? -1 : x->kind > y->kind; /* on before off */
}

static void add_notes(encoder *c, const bl_perf *p, const onset *order, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const bl_perf_note *x = &p->notes[order[k].i];
        int64_t on = step_of(x->on, c->s->grid), off = step_of(x->off, c->s->grid);
        off += off == on;
        event begin = {on, (int32_t)k, PERF_ON, x->note->pitch, x->note->velocity};
        event end = {off, (int32_t)k, PERF_OFF, x->note->pitch, 0};
        c->events[c->n++] = begin;
        c->events[c->n++] = end;
    }
}

/* The pedal of all instruments is one: down while any is. Of what happens within a step
 * the last counts. */
static int add_pedals(encoder *c, const bl_perf *p)
{
    uint8_t *is_down = bl_calloc((size_t)p->n_instruments + 1, 1, c->e);
    int n_down = 0, said = 0;
    if (is_down == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < p->n_pedals; i++) {
        const bl_perf_pedal *x = &p->pedals[i];
        int64_t step = step_of(x->at, c->s->grid);
        uint8_t *down = &is_down[x->instrument];
        n_down += x->is_down - *down;
        *down = (uint8_t)x->is_down;
        int more =
            i + 1 < p->n_pedals && step_of(p->pedals[i + 1].at, c->s->grid) == step;
        if (!more && (n_down > 0) != said) {
            said = n_down > 0;
            c->events[c->n++] = (event){step, -1, PERF_PEDAL, (uint8_t)said, 0};
        }
    }
    free(is_down);
    return 0;
}

static int list_events(encoder *c, const bl_perf *p)
{
    size_t n = 0;
    onset *order = bl_calloc(p->n_notes + 1, sizeof *order, c->e);
    c->events = bl_calloc(2 * p->n_notes + p->n_pedals + 1, sizeof *c->events, c->e);
    if (order == NULL || c->events == NULL) {
        free(order);
        return BL_E_NOMEM;
    }
    for (size_t i = 0; i < p->n_notes; i++)
        if (!p->notes[i].vanished)
            order[n++] = (onset){p->notes[i].on, (int32_t)i, p->notes[i].note->pitch};
    if (n > 1)
        qsort(order, n, sizeof *order, by_start_and_pitch);
    add_notes(c, p, order, n);
    free(order);
    int rc = c->s->spec.pedal ? add_pedals(c, p) : 0;
    if (rc == 0 && c->n > 1)
        qsort(c->events, c->n, sizeof *c->events, by_step);
    return rc;
}

static void emit(encoder *c, int kind, int i)
{
    if (c->rc == 0)
        c->rc = bl_ids_add(c->ids, bl_token(c->s, kind, i), c->e);
}

static void emit_all(encoder *c)
{
    int64_t now = 0;
    int longest = c->s->grid, velocity = -1;
    for (size_t i = 0; i < c->n && c->rc == 0; i++) {
        const event *x = &c->events[i];
        for (; x->step - now > longest && c->rc == 0; now += longest)
            emit(c, PERF_SHIFT, longest - 1);
        if (x->step > now)
            emit(c, PERF_SHIFT, (int)(x->step - now) - 1);
        now = x->step;
        if (x->kind == PERF_ON && (x->velocity - 1) / 4 != velocity) {
            velocity = (x->velocity - 1) / 4;
            emit(c, PERF_VELOCITY, velocity);
        }
        emit(c, x->kind, x->value);
    }
}

int bl_perf_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                   bl_scheme_fixes *fixes, bl_err *e)
{
    encoder c = {.s = s, .ids = ids, .e = e};
    bl_perf p = {0};
    size_t old = ids->n;
    (void)fixes;
    *bars = 0;
    c.rc = bl_perf_of(&p, song, e);
    if (c.rc == 0 && !s->spec.pedal)
        c.rc = bl_perf_sustain(&p, e);
    if (c.rc == 0)
        c.rc = list_events(&c, &p);
    if (c.rc == 0 && c.n > 0 && c.events[c.n - 1].step > PERF_SECONDS_MAX * s->grid)
        c.rc = bl_fail(e, BL_E_LIMIT, "the piece is longer than %d seconds",
                       PERF_SECONDS_MAX);
    if (c.rc == 0)
        emit_all(&c);
    if (c.rc != 0)
        ids->n = old;
    free(c.events);
    bl_perf_free(&p);
    return c.rc;
}
