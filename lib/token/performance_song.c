/* performance_song.c - songs in exact seconds, and the sustain pedal. Instruments,
 * orders and rules are those of note-seq, which reads files through pretty_midi. */
#include "base/sort.h"
#include "token/performance.h"

#include <stdlib.h>
#include <string.h>

/* ---- instruments ---- */

/* An instrument is a program on a channel of a track, first met when a note ends. */
typedef struct {
    uint32_t key;   /* track, channel, program */
    uint32_t first; /* rank of the end of its first note */
    size_t begin;   /* its notes in `ends`, up to those of the next */
} instrument;

/* All instruments in order of key, and in each the order of ends. */
typedef struct {
    bl_keyed *ends; /* [n_notes] item: the note */
    instrument *list;
    size_t n;
    int *rank; /* [n] numbers in the order in which they were met */
} band;

static uint32_t key_of(unsigned track, unsigned channel, unsigned program)
{
    return (uint32_t)track << 12 | (uint32_t)channel << 8 | (uint32_t)program;
}

static int find_instruments(band *b, const bl_song *song, bl_err *e)
{
    b->ends = bl_calloc(song->n_notes + 1, sizeof *b->ends, e);
    b->list = bl_calloc(song->n_notes + 1, sizeof *b->list, e);
    if (b->ends == NULL || b->list == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *x = &song->notes[i];
        uint64_t key = key_of(x->track, x->channel, x->program);
        b->ends[i] = (bl_keyed){key << 32 | x->closed, (uint32_t)i};
    }
    int rc = bl_sort_keyed(b->ends, song->n_notes, e);
    for (size_t i = 0; rc == 0 && i < song->n_notes; i++) {
        uint32_t key = (uint32_t)(b->ends[i].key >> 32);
        if (b->n == 0 || b->list[b->n - 1].key != key)
            b->list[b->n++] = (instrument){key, (uint32_t)b->ends[i].key, i};
    }
    b->list[b->n].begin = song->n_notes;
    return rc;
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

/* From a tempo on. */
typedef struct {
    int32_t tick;
    uint32_t us;
    int64_t sum; /* ticks x microseconds a quarter until there, below 2^53 */
} stretch;

typedef struct {
    stretch *list; /* [n] by tick */
    size_t n, at;  /* the one of the last question */
    double unit;   /* what a second is in the sums */
} clock_;

static int clock_of(clock_ *c, const bl_song *song, bl_err *e)
{
    c->list = bl_calloc(song->n_tempos + 1, sizeof *c->list, e);
    if (c->list == NULL)
        return BL_E_NOMEM;
    c->list[0] = (stretch){0, 500000, 0};
    c->n = 1;
    c->unit = song->tpq * 1e6;
    for (size_t i = 0; i < song->n_tempos; i++) {
        const bl_tempo *t = &song->tempos[i];
        const stretch *last = &c->list[c->n - 1];
        int64_t sum = last->sum + (int64_t)(t->tick - last->tick) * last->us;
        c->list[c->n++] = (stretch){t->tick, t->us, sum};
    }
    return 0;
}

static double time_at(clock_ *c, int32_t tick)
{
    size_t low = c->at, high = c->n;
    if (c->list[low].tick > tick)
        low = 0;
    else if (low + 1 == high || c->list[low + 1].tick > tick)
        high = low + 1;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (c->list[mid].tick <= tick)
            low = mid;
        else
            high = mid;
    }
    const stretch *s = &c->list[c->at = low];
    return (double)(s->sum + (int64_t)(tick - s->tick) * s->us) / c->unit;
}

/* ---- notes and pedals ---- */

/* Numbers for the instruments in the order in which they were met; order[] names them
 * in it. */
static int rank_instruments(band *b, bl_keyed **order, bl_err *e)
{
    bl_keyed *all = *order = bl_calloc(b->n + 1, sizeof *all, e);
    b->rank = bl_calloc(b->n + 1, sizeof *b->rank, e);
    if (all == NULL || b->rank == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < b->n; i++)
        all[i] = (bl_keyed){b->list[i].first, (uint32_t)i};
    int rc = bl_sort_keyed(all, b->n, e);
    for (size_t i = 0; rc == 0 && i < b->n; i++)
        b->rank[all[i].item] = (int)i;
    return rc;
}

/* As they come in note-seq: instrument by instrument, each in order of ends. */
static int take_notes(bl_perf *p, const bl_song *song, band *b, clock_ *c, bl_err *e)
{
    bl_keyed *order = NULL;
    int rc = rank_instruments(b, &order, e);
    p->notes = bl_calloc(song->n_notes + 1, sizeof *p->notes, e);
    if (p->notes == NULL)
        rc = BL_E_NOMEM;
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        const instrument *one = &b->list[order[i].item];
        for (size_t k = one->begin; k < one[1].begin; k++) {
            const bl_note *x = &song->notes[b->ends[k].item];
            p->notes[p->n_notes++] = (bl_perf_note){.on = time_at(c, x->on),
                                                    .off = time_at(c, x->off),
                                                    .note = x,
                                                    .instrument = (int)i,
                                                    .vanished = x->on == x->off};
        }
    }
    free(order);
    return rc;
}

/* A pedal belongs to the first instrument of its channel and track. */
static int take_pedals(bl_perf *p, const bl_song *song, const band *b, clock_ *c,
                       bl_err *e)
{
    p->pedals = bl_calloc(song->n_pedals + 1, sizeof *p->pedals, e);
    if (p->pedals == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < song->n_pedals; i++) {
        const bl_pedal *x = &song->pedals[i];
        size_t place = place_of(b->list, b->n, key_of(x->track, x->channel, 0));
        size_t end = place_of(b->list, b->n, key_of(x->track, x->channel, 255) + 1);
        if (place == end)
            continue;
        int first = b->rank[place];
        while (++place < end)
            first = (int)bl_min(first, b->rank[place]);
        p->pedals[p->n_pedals++] =
            (bl_perf_pedal){time_at(c, x->tick), x->value >= 64, first};
    }
    return 0;
}

int bl_perf_of(bl_perf *p, const bl_song *song, bl_err *e)
{
    band b = {0};
    clock_ c = {0};
    int rc = find_instruments(&b, song, e);
    if (rc == 0)
        rc = clock_of(&c, song, e);
    if (rc == 0)
        rc = take_notes(p, song, &b, &c, e);
    if (rc == 0)
        rc = take_pedals(p, song, &b, &c, e);
    p->n_instruments = (int)b.n;
    free(c.list);
    free(b.ends);
    free(b.list);
    free(b.rank);
    return rc;
}

void bl_perf_free(bl_perf *p)
{
    free(p->notes);
    free(p->pedals);
    *p = (bl_perf){0};
}

/* ---- sustain ---- */

/* In this order of one time. */
enum { PEDAL_DOWN, PEDAL_UP, NOTE_ON, NOTE_OFF };

/* An event: its time is the key, kind and number of the pedal or note are the item. */
enum { INDEX_BITS = 30 };

static bl_keyed event_of(double at, int kind, size_t i)
{
    return (bl_keyed){bl_key_of_double(at), (uint32_t)kind << INDEX_BITS | (uint32_t)i};
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

static void play(holder *h, const bl_keyed *x)
{
    int32_t i = (int32_t)(x->item & ((1u << INDEX_BITS) - 1));
    double now = bl_double_of_key(x->key);
    switch (x->item >> INDEX_BITS) {
    case PEDAL_DOWN:
        h->is_down[h->p->pedals[i].instrument] = 1;
        break;
    case PEDAL_UP:
        h->is_down[h->p->pedals[i].instrument] = 0;
        release(h, h->p->pedals[i].instrument, now);
        break;
    case NOTE_ON:
        note_on(h, i, now);
        break;
    default:
        if (!h->is_down[h->p->notes[i].instrument] && h->is_active[i])
            leave(h, i);
    }
}

static size_t add_pedals(bl_keyed *events, size_t n, const bl_perf *p, int is_down)
{
    for (size_t i = 0; i < p->n_pedals; i++)
        if (p->pedals[i].is_down == is_down)
            events[n++] = event_of(p->pedals[i].at, is_down ? PEDAL_DOWN : PEDAL_UP, i);
    return n;
}

static size_t add_notes(bl_keyed *events, size_t n, const bl_perf *p, int kind)
{
    for (size_t i = 0; i < p->n_notes; i++) {
        const bl_perf_note *x = &p->notes[i];
        if (!x->note->drum && !x->vanished)
            events[n++] = event_of(kind == NOTE_ON ? x->on : x->off, kind, i);
    }
    return n;
}

/* By time, then kind, then as they came. */
static int list_events(bl_keyed *events, size_t *n, const bl_perf *p, bl_err *e)
{
    *n = add_pedals(events, 0, p, 1);
    *n = add_pedals(events, *n, p, 0);
    *n = add_notes(events, *n, p, NOTE_ON);
    *n = add_notes(events, *n, p, NOTE_OFF);
    return bl_sort_keyed(events, *n, e);
}

static int hold(holder *h, bl_keyed *events, bl_err *e)
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
    size_t n;
    int rc = list_events(events, &n, p, e);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < n; i++)
        play(h, &events[i]);
    double last = n > 0 ? bl_double_of_key(events[n - 1].key) : 0;
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
    bl_keyed *events = bl_calloc(p->n_pedals + 2 * p->n_notes, sizeof *events, e);
    int rc = events == NULL ? BL_E_NOMEM : hold(&h, events, e);
    free(events);
    free(h.next);
    free(h.prev);
    free(h.head);
    free(h.is_down);
    free(h.is_active);
    return rc;
}
