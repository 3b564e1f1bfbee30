/* performance_encode.c - songs to tokens of "performance", as note-seq does it. */
#include "base/sort.h"
#include "token/performance.h"

#include <stdlib.h>

/* A pedal moves, a note begins or ends. */
typedef struct {
    int64_t step;
    uint8_t kind, value, velocity;
} event;

typedef struct {
    const bl_scheme *s;
    bl_ids *ids;
    bl_err *e;
    int rc;
    event *events;   /* pedals, then note by note its beginning and its end */
    bl_keyed *order; /* by step, those of one step as they are listed */
    size_t n;
} encoder;

static int64_t step_of(double seconds, int rate)
{
    return (int64_t)(seconds * rate + 0.5);
}

/* Notes by start, then pitch. */
static int order_notes(bl_keyed *order, size_t *n, const bl_perf *p, bl_err *e)
{
    *n = 0;
    for (size_t i = 0; i < p->n_notes; i++)
        if (!p->notes[i].vanished)
            order[(*n)++] = (bl_keyed){p->notes[i].note->pitch, (uint32_t)i};
    int rc = bl_sort_keyed(order, *n, e);
    for (size_t k = 0; k < *n; k++)
        order[k].key = bl_key_of_double(p->notes[order[k].item].on);
    return rc == 0 ? bl_sort_keyed(order, *n, e) : rc;
}

static void add_event(encoder *c, event x)
{
    c->order[c->n] = (bl_keyed){(uint64_t)x.step, (uint32_t)c->n};
    c->events[c->n++] = x;
}

static int add_notes(encoder *c, const bl_perf *p)
{
    size_t n;
    bl_keyed *order = bl_calloc(p->n_notes + 1, sizeof *order, c->e);
    int rc = order == NULL ? BL_E_NOMEM : order_notes(order, &n, p, c->e);
    for (size_t k = 0; rc == 0 && k < n; k++) {
        const bl_perf_note *x = &p->notes[order[k].item];
        int64_t on = step_of(x->on, c->s->grid), off = step_of(x->off, c->s->grid);
        off += off == on;
        add_event(c, (event){on, PERF_ON, x->note->pitch, x->note->velocity});
        add_event(c, (event){off, PERF_OFF, x->note->pitch, 0});
    }
    free(order);
    return rc;
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
            add_event(c, (event){step, PERF_PEDAL, (uint8_t)said, 0});
        }
    }
    free(is_down);
    return 0;
}

static int list_events(encoder *c, const bl_perf *p)
{
    size_t most = 2 * p->n_notes + p->n_pedals + 1;
    c->events = bl_calloc(most, sizeof *c->events, c->e);
    c->order = bl_calloc(most, sizeof *c->order, c->e);
    if (c->events == NULL || c->order == NULL)
        return BL_E_NOMEM;
    int rc = c->s->spec.pedal ? add_pedals(c, p) : 0;
    if (rc == 0)
        rc = add_notes(c, p);
    return rc == 0 ? bl_sort_keyed(c->order, c->n, c->e) : rc;
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
        const event *x = &c->events[c->order[i].item];
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
    if (c.rc == 0 && c.n > 0 &&
        c.order[c.n - 1].key > (uint64_t)PERF_SECONDS_MAX * (uint64_t)s->grid)
        c.rc = bl_fail(e, BL_E_LIMIT, "the piece is longer than %d seconds",
                       PERF_SECONDS_MAX);
    if (c.rc == 0)
        emit_all(&c);
    if (c.rc != 0)
        ids->n = old;
    free(c.events);
    free(c.order);
    bl_perf_free(&p);
    return c.rc;
}
