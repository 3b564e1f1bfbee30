/* performance_song.c - songs in exact seconds, and the sustain pedal. Instruments,
 * orders and rules are those of note-seq, which reads files through pretty_midi. */
#include "token/performance.h"

#include <stdlib.h>
#include <string.h>

/* ---- instruments ---- */

/* An instrument is a program on a channel of a track, first met when a note ends. */
typedef struct {
    uint32_t key;   /* track, channel, program */
    uint32_t first; /* rank of the end of its first note */
} instrument;

static uint32_t key_of(unsigned track, unsigned channel, unsigned program)
{
    return (uint32_t)track << 12 | (uint32_t)channel << 8 | (uint32_t)program;
}

static int by_key(const void *a, const void *b)
{
    const instrument *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* In order of key, one entry each: *list, *n. The caller frees it. */
static int find_instruments(const bl_song *song, instrument **list, size_t *n,
                            bl_err *e)
{
    instrument *all = *list = bl_calloc(song->n_notes + 1, sizeof *all, e);
    if (all == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *x = &song->notes[i];
        all[i] = (instrument){key_of(x->track, x->channel, x->program), x->closed};
    }
    if (song->n_notes > 1)
        qsort(all, song->n_notes, sizeof *all, by_key);
    *n = 0;
    for (size_t i = 0; i < song->n_notes; i++)
        if (i == 0 || all[i].key != all[i - 1].key)
            all[(*n)++] = all[i];
    return 0;
}

/* The first place in the list whose key is not less. */
static size_t place_of(const instrument *list, size_t n, uint32_t key)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (list[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* ---- time ---- */

typedef struct {
    const bl_song *song;
    size_t next; /* tempo */
    int32_t tick;
    uint32_t us;
    int64_t sum; /* ticks x microseconds a quarter, below 2^53 */
} clock_;

static clock_ clock_of(const bl_song *song)
{
    return (clock_){.song = song, .us = 500000};
}

/* Ticks must not go back. */
static double time_at(clock_ *c, int32_t tick)
{
    const bl_song *s = c->song;
    while (c->next < s->n_tempos && s->tempos[c->next].tick <= tick) {
        const bl_tempo *t = &s->tempos[c->next++];
        c->sum += (int64_t)(t->tick - c->tick) * c->us;
        c->tick = t->tick;
        c->us = t->us;
    }
    return (double)(c->sum + (int64_t)(tick - c->tick) * c->us) / (s->tpq * 1e6);
}

/* Of a tick that may lie anywhere. */
typedef struct {
    int32_t tick;
    size_t i;
} moment;

static int by_tick(const void *a, const void *b)
{
    const moment *x = a, *y = b;
    return (x->tick > y->tick) - (x->tick < y->tick);
}

static int set_ends(bl_perf *p, const bl_song *song, bl_err *e)
{
    clock_ c = clock_of(song);
    moment *ends = bl_calloc(p->n_notes + 1, sizeof *ends, e);
    if (ends == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < p->n_notes; i++)
        ends[i] = (moment){song->notes[i].off, i};
    if (p->n_notes > 1)
        qsort(ends, p->n_notes, sizeof *ends, by_tick);
    for (size_t i = 0; i < p->n_notes; i++)
        p->notes[ends[i].i].off = time_at(&c, ends[i].tick);
    free(ends);
    return 0;
}

/* ---- notes and pedals ---- */

/* As they come in note-seq: instrument by instrument, each in order of ends. */
static int in_reading_order(const void *a, const void *b)
{
    const bl_perf_note *x = a, *y = b;
    if (x->instrument != y->instrument)
        return x->instrument < y->instrument ? -1 : 1;
    return x->note->closed < y->note->closed ? -1 : x->note->closed > y->note->closed;
}

static int by_first(const void *a, const void *b)
{
    const instrument *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Numbers for the instruments of the list in the order they were met: rank[place]. */
static int rank_instruments(const instrument *list, size_t n, int **rank, bl_err *e)
{
    instrument *order = bl_calloc(n + 1, sizeof *order, e);
    *rank = bl_calloc(n + 1, sizeof **rank, e);
    if (order == NULL || *rank == NULL) {
        free(order);
        return BL_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = (instrument){(uint32_t)i, list[i].first};
    if (n > 1)
        qsort(order, n, sizeof *order, by_first);
    for (size_t i = 0; i < n; i++)
        (*rank)[order[i].key] = (int)i;
    free(order);
    return 0;
}

static int take_notes(bl_perf *p, const bl_song *song, const instrument *list, size_t n,
                      const int *rank, bl_err *e)
{
    clock_ c = clock_of(song);
    p->notes = bl_calloc(song->n_notes + 1, sizeof *p->notes, e);
    if (p->notes == NULL)
        return BL_E_NOMEM;
    p->n_notes = song->n_notes;
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *x = &song->notes[i];
        size_t place = place_of(list, n, key_of(x->track, x->channel, x->program));
        p->notes[i] = (bl_perf_note){.on = time_at(&c, x->on),
                                     .note = x,
                                     .instrument = rank[place],
                                     .vanished = x->on == x->off};
    }
    int rc = set_ends(p, song, e);
    if (rc == 0 && p->n_notes > 1)
        qsort(p->notes, p->n_notes, sizeof *p->notes, in_reading_order);
    return rc;
}

/* A pedal belongs to the first instrument of its channel and track. */
static int take_pedals(bl_perf *p, const bl_song *song, const instrument *list,
                       size_t n, const int *rank, bl_err *e)
{
    clock_ c = clock_of(song);
    p->pedals = bl_calloc(song->n_pedals + 1, sizeof *p->pedals, e);
    if (p->pedals == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < song->n_pedals; i++) {
        const bl_pedal *x = &song->pedals[i];
        double at = time_at(&c, x->tick);
        size_t place = place_of(list, n, key_of(x->track, x->channel, 0));
        size_t end = place_of(list, n, key_of(x->track, x->channel, 255) + 1);
        if (place == end)
            continue;
        int first = rank[place];
        while (++place < end)
            first = (int)bl_min(first, rank[place]);
        p->pedals[p->n_pedals++] = (bl_perf_pedal){at, x->value >= 64, first};
    }
    return 0;
}

int bl_perf_of(bl_perf *p, const bl_song *song, bl_err *e)
{
    instrument *list = NULL;
    int *rank = NULL;
    size_t n = 0;
    int rc = find_instruments(song, &list, &n, e);
    if (rc == 0)
        rc = rank_instruments(list, n, &rank, e);
    if (rc == 0)
        rc = take_notes(p, song, list, n, rank, e);
    if (rc == 0)
        rc = take_pedals(p, song, list, n, rank, e);
    p->n_instruments = (int)n;
    free(list);
    free(rank);
    return rc;
}

void bl_perf_free(bl_perf *p)
{
    free(p->notes);
    free(p->pedals);
    *p = (bl_perf){0};
}

/* ---- sustain ---- */

enum { PEDAL_DOWN, PEDAL_UP, NOTE_ON, NOTE_OFF };

typedef struct {
    double at;
    int kind;
    int instrument;
    int32_t i; /* note; rank among events of one time and kind */
} event;

static int by_time_and_kind(const void *a, const void *b)
{
    const event *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* Notes of an instrument that sound or are held, by key: chains of notes. */
typedef struct {
    bl_perf *p;
    int32_t *next, *prev; /* [n_notes] */
    int32_t *head;        /* [n_instruments x 128] first of the chain, -1 = none */
    uint8_t *is_down;     /* [n_instruments] */
    uint8_t *is_active;   /* [n_notes] */
} holder;

static int32_t *chain_of(holder *h, int32_t i)
{
    const bl_perf_note *n = &h->p->notes[i];
    return &h->head[(size_t)n->instrument * 128 + n->note->pitch];
}

static void leave(holder *h, int32_t i)
{
    if (h->prev[i] >= 0)
        h->next[h->prev[i]] = h->next[i];
    else
        *chain_of(h, i) = h->next[i];
    if (h->next[i] >= 0)
        h->prev[h->next[i]] = h->prev[i];
    h->is_active[i] = 0;
}

static void enter(holder *h, int32_t i)
{
    int32_t *head = chain_of(h, i);
    h->prev[i] = -1;
    h->next[i] = *head;
    if (*head >= 0)
        h->prev[*head] = i;
    *head = i;
    h->is_active[i] = 1;
}

/* The pedal goes up: what is held only by it ends. */
static void release(holder *h, int which, double now)
{
    for (int pitch = 0; pitch < 128; pitch++) {
        int32_t i = h->head[(size_t)which * 128 + (size_t)pitch], next;
        for (; i >= 0; i = next) {
            next = h->next[i];
            if (h->p->notes[i].off < now) {
                h->p->notes[i].off = now;
                leave(h, i);
            }
        }
    }
}

static void note_on(holder *h, int32_t i, double now)
{
    bl_perf_note *n = &h->p->notes[i];
    while (h->is_down[n->instrument] && *chain_of(h, i) >= 0) {
        int32_t old = *chain_of(h, i);
        h->p->notes[old].off = now;
        h->p->notes[old].vanished = h->p->notes[old].on == now;
        leave(h, old);
    }
    enter(h, i);
}

static void play(holder *h, const event *x)
{
    switch (x->kind) {
    case PEDAL_DOWN:
        h->is_down[x->instrument] = 1;
        break;
    case PEDAL_UP:
        h->is_down[x->instrument] = 0;
        release(h, x->instrument, x->at);
        break;
    case NOTE_ON:
        note_on(h, x->i, x->at);
        break;
    default:
        if (!h->is_down[x->instrument] && h->is_active[x->i])
            leave(h, x->i);
    }
}

static size_t list_events(const bl_perf *p, event *events)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_pedals; i++) {
        const bl_perf_pedal *x = &p->pedals[i];
        events[n++] = (event){x->at, x->is_down ? PEDAL_DOWN : PEDAL_UP, x->instrument,
                              (int32_t)i};
    }
    for (size_t i = 0; i < p->n_notes; i++) {
        const bl_perf_note *x = &p->notes[i];
        if (x->note->drum || x->vanished)
            continue;
        events[n++] = (event){x->on, NOTE_ON, x->instrument, (int32_t)i};
        events[n++] = (event){x->off, NOTE_OFF, x->instrument, (int32_t)i};
    }
    qsort(events, n, sizeof *events, by_time_and_kind);
    return n;
}

static int hold(holder *h, event *events, bl_err *e)
{
    bl_perf *p = h->p;
    size_t n_keys = (size_t)p->n_instruments * 128;
    h->next = bl_calloc(p->n_notes, sizeof *h->next, e);
    h->prev = bl_calloc(p->n_notes, sizeof *h->prev, e);
    h->head = bl_calloc(n_keys, sizeof *h->head, e);
    h->is_down = bl_calloc((size_t)p->n_instruments, 1, e);
    h->is_active = bl_calloc(p->n_notes, 1, e);
    if (h->next == NULL || h->prev == NULL || h->head == NULL || h->is_down == NULL ||
        h->is_active == NULL)
        return BL_E_NOMEM;
    memset(h->head, 0xff, n_keys * sizeof *h->head);
    size_t n = list_events(p, events);
    for (size_t i = 0; i < n; i++)
        play(h, &events[i]);
    double last = n > 0 ? events[n - 1].at : 0;
    for (size_t i = 0; i < p->n_notes; i++)
        if (h->is_active[i])
            p->notes[i].off = last;
    return 0;
}

int bl_perf_sustain(bl_perf *p, bl_err *e)
{
    holder h = {.p = p};
    if (p->n_pedals == 0 || p->n_notes == 0)
        return 0;
    event *events = bl_calloc(p->n_pedals + 2 * p->n_notes, sizeof *events, e);
    int rc = events == NULL ? BL_E_NOMEM : hold(&h, events, e);
    free(events);
    free(h.next);
    free(h.prev);
    free(h.head);
    free(h.is_down);
    free(h.is_active);
    return rc;
}
