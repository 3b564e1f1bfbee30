/* overlap.c - see overlap.h.
 *
 * Beginnings and ends of one key are brackets. Where all close, first in, first out is
 * right, overlaps or not. A bracket that nothing closes begins a stretch in which one
 * note lacks its end: which one is told by the lengths that the others then have. */
#include "midi/overlap.h"

#include "base/sort.h"
#include "midi/habit.h"

#include <stdlib.h>

enum {
    ALL_SOUND_OFF = 120,
    ALL_NOTES_OFF = 123,
    PER_CHANNEL = 128,
    OVERLAP_WEIGHT = 4
};

typedef enum { ON, OFF, QUIET } kind; /* QUIET: all notes of the channel end */

typedef struct {
    int32_t tick;
    uint32_t key; /* of a QUIET, the channel's first */
    uint32_t note;
    uint16_t track;
    uint8_t kind;
} event;

typedef struct {
    event *x;
    size_t n, cap;
} events;

/* Sorted numbers: a key or channel above a tick or length of 32 bits. */
typedef struct {
    bl_keyed *x;
    size_t n, cap;
} numbers;

struct bl_overlap {
    const bl_keys *keys;
    bl_song *song;
    bl_midi_report *report;
    bl_err *e;
    uint16_t track;
    uint8_t port;
    uint32_t n_ons, closed;
    bl_habits *habits;
    events all, quiet;        /* of the file: of the keys; where channels end */
    events rows;              /* `all` by key and track, ends in their places */
    events left, strays;      /* what pairing leaves */
    numbers lengths;          /* of channels: notes with their ends */
    size_t n_sorted;          /* of them */
    numbers begins, silences; /* of keys; of channels */
    numbers order;            /* for sorting */
    int32_t *track_end;
    size_t cap_track_end;
    uint32_t *stack, *ons, *offs; /* [cap_stack] places in a row */
    size_t cap_stack;
};

int bl_overlap_new(bl_overlap **overlap, const bl_keys *keys, bl_song *song,
                   bl_midi_report *report, bl_err *e)
{
    bl_overlap *o = *overlap = bl_calloc(1, sizeof *o, e);
    if (o == NULL)
        return BL_E_NOMEM;
    o->keys = keys;
    o->song = song;
    o->report = report;
    o->e = e;
    o->closed = (uint32_t)song->n_notes;
    return bl_habits_new(&o->habits, e);
}

void bl_overlap_del(bl_overlap *o)
{
    if (o == NULL)
        return;
    bl_habits_del(o->habits);
    free(o->all.x);
    free(o->quiet.x);
    free(o->rows.x);
    free(o->left.x);
    free(o->strays.x);
    free(o->lengths.x);
    free(o->begins.x);
    free(o->silences.x);
    free(o->order.x);
    free(o->track_end);
    free(o->stack);
    free(o->ons);
    free(o->offs);
    free(o);
}

static int add(bl_overlap *o, events *to, event x)
{
    void *p = to->x;
    int rc = bl_grow(&p, &to->cap, to->n + 1, sizeof x, o->e);
    to->x = p;
    if (rc == 0)
        to->x[to->n++] = x;
    return rc;
}

static int add_number(bl_overlap *o, numbers *to, uint32_t high, uint32_t low,
                      uint32_t item)
{
    void *p = to->x;
    int rc = bl_grow(&p, &to->cap, to->n + 1, sizeof *to->x, o->e);
    to->x = p;
    if (rc == 0)
        to->x[to->n++] = (bl_keyed){(uint64_t)high << 32 | low, item};
    return rc;
}

static void close_note(bl_overlap *o, const event *on, int32_t tick)
{
    bl_note *n = &o->song->notes[on->note];
    if (n->off < 0)
        n->closed = o->closed++;
    n->off = tick;
}

static int add_length(bl_overlap *o, uint32_t key, int32_t length)
{
    return add_number(o, &o->lengths, key / PER_CHANNEL, (uint32_t)length, 0);
}

/* Room for n places in each of the arrays. */
static int reserve(bl_overlap *o, size_t n)
{
    if (n <= o->cap_stack)
        return 0;
    uint32_t **array[] = {&o->stack, &o->ons, &o->offs};
    for (int i = 0; i < 3; i++) {
        free(*array[i]);
        *array[i] = bl_calloc(2 * n, sizeof **array[i], o->e);
        if (*array[i] == NULL) {
            o->cap_stack = 0;
            return BL_E_NOMEM;
        }
    }
    o->cap_stack = 2 * n;
    return 0;
}

/* ---- events ---- */

void bl_overlap_port(bl_overlap *o, uint8_t port)
{
    o->port = port & (BL_PORTS - 1);
}

int bl_overlap_event(bl_overlap *o, int32_t tick, const uint8_t *b)
{
    int status = b[0] & 0xf0, is_on = status == 0x90 && b[2] > 0;
    uint8_t channel = b[0] & 15;
    event x = {.tick = tick, .track = o->track, .note = o->n_ons};
    o->n_ons += (uint32_t)is_on;
    if (status == 0xb0 && (b[1] == ALL_SOUND_OFF || b[1] == ALL_NOTES_OFF)) {
        x.kind = QUIET;
        x.key = bl_key(o->port, channel, 0);
        return add(o, &o->quiet, x);
    }
    x.key = bl_key(o->port, channel, b[1] & 127);
    if (status != 0x80 && status != 0x90)
        return 0;
    x.kind = is_on ? ON : OFF;
    bl_habits_event(o->habits, x.track, x.key, tick, is_on);
    return bl_keys_has(o->keys, x.key) ? add(o, &o->all, x) : 0;
}

int bl_overlap_end(bl_overlap *o, int32_t tick)
{
    void *p = o->track_end;
    int rc = bl_grow(&p, &o->cap_track_end, o->track + 1u, sizeof *o->track_end, o->e);
    o->track_end = p;
    if (rc == 0)
        o->track_end[o->track++] = tick;
    o->port = 0;
    return rc;
}

/* ---- in order ---- */

/* By key, and by tick too if asked for; equal ones stay as they came. */
static int sort_events(bl_overlap *o, events *list, int by_tick)
{
    events sorted = {0};
    int rc = 0;
    o->order.n = 0;
    for (size_t i = 0; i < list->n && rc == 0; i++)
        rc = add_number(o, &o->order, list->x[i].key,
                        by_tick ? (uint32_t)list->x[i].tick : 0, (uint32_t)i);
    if (rc == 0)
        rc = bl_sort_keyed(o->order.x, o->order.n, o->e);
    for (size_t i = 0; i < list->n && rc == 0; i++)
        rc = add(o, &sorted, list->x[o->order.x[i].item]);
    if (rc != 0) {
        free(sorted.x);
        return rc;
    }
    free(list->x);
    *list = sorted;
    return 0;
}

/* The first that is not below high, low; n if all are. */
static size_t place_of(const numbers *list, uint32_t high, uint32_t low)
{
    uint64_t key = (uint64_t)high << 32 | low;
    size_t from = 0, to = list->n;
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (list->x[mid].key < key)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* The first tick after `tick` in a list of ticks; -1 if there is none. */
static int64_t next_of(const numbers *list, uint32_t high, int32_t tick)
{
    size_t i = place_of(list, high, (uint32_t)tick + 1);
    return i < list->n && list->x[i].key >> 32 == high
               ? (int64_t)(list->x[i].key & UINT32_MAX)
               : -1;
}

/* The first tick from `from` on at which the channel of the event ends in its track; -1
 * if there is none. */
static int32_t quiet_from(const bl_overlap *o, const event *x, int32_t from)
{
    uint32_t key = x->key / PER_CHANNEL * PER_CHANNEL;
    size_t low = 0, high = o->quiet.n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const event *q = &o->quiet.x[mid];
        int is_before = q->key != key          ? q->key < key
                        : q->track != x->track ? q->track < x->track
                                               : q->tick < from;
        if (is_before)
            low = mid + 1;
        else
            high = mid;
    }
    const event *q = &o->quiet.x[low];
    return low < o->quiet.n && q->key == key && q->track == x->track ? q->tick : -1;
}

/* A row on its way: notes that sound, those that All Notes Off ended, those of no
 * length above one without end; whether the key last began or ended; what "on off" is.
 */
typedef struct {
    size_t open, silenced, n_empty;
    int began, is_legato;
} row_state;

/* One key at one tick: its events and the notes that sound then and for good. */
typedef struct {
    const event *x;
    size_t n, n_ons, lost;
} moment;

static moment moment_at(const bl_overlap *o, const event *x, size_t n, size_t from)
{
    moment m = {.x = x + from, .lost = o->stack[from]};
    for (; from + m.n < n && m.x[m.n].tick == m.x->tick; m.n++)
        m.n_ons += m.x[m.n].kind == ON;
    return m;
}

/* How many notes that began before the moment may end in it: those that end at all. If
 * there is none, and a beginning came last, the file's habit tells. */
static size_t may_end(const row_state *s, const moment *m)
{
    size_t lost = m->lost - bl_min(m->lost, s->silenced);
    return s->open > lost ? s->open - lost : s->open > 0 && s->began && s->is_legato;
}

static void pass(row_state *s, const moment *m, size_t early)
{
    int is_even = 2 * m->n_ons == m->n;
    s->began = is_even ? s->began || early > 0 : 2 * m->n_ons > m->n;
}

static int add_event(bl_overlap *o, const event *x, row_state *s)
{
    s->open = x->kind == ON ? s->open + 1 : s->open - (s->open > 0);
    return add(o, &o->rows, *x);
}

/* The events but the first ends. A note of no length above one without end is no part
 * of the brackets: it is paired at once. */
static int add_rest(bl_overlap *o, const moment *m, size_t early, row_state *s)
{
    size_t passed = 0, first = o->rows.n, below = s->open;
    int rc = 0;
    for (size_t i = 0; i < m->n && rc == 0; i++) {
        if (m->x[i].kind == OFF && passed++ < early)
            continue;
        const event *on = o->rows.n > first ? &o->rows.x[o->rows.n - 1] : NULL;
        if (m->x[i].kind == ON || on == NULL || on->kind != ON || below == 0) {
            rc = add_event(o, &m->x[i], s);
            continue;
        }
        close_note(o, on, on->tick);
        rc = add_length(o, on->key, 0);
        o->rows.n--;
        s->open--;
        s->n_empty++;
    }
    return rc;
}

/* All Notes Off ends what sounds. */
static int add_quiet(bl_overlap *o, const event *x, int32_t tick, row_state *s)
{
    event mark = *x;
    mark.tick = tick;
    mark.kind = QUIET;
    s->silenced += s->open;
    s->open = 0;
    return add(o, &o->rows, mark);
}

/* Ends of notes that began earlier, then that of all if the key begins anew, the rest.
 */
static int add_moment(bl_overlap *o, const moment *m, row_state *s)
{
    size_t early = 0, most = may_end(s, m);
    int rc = 0;
    for (size_t i = 0; i < m->n && rc == 0; i++)
        if (m->x[i].kind == OFF && early < most) {
            rc = add_event(o, &m->x[i], s);
            early++;
        }
    if (rc == 0 && s->open > 0 && m->n_ons > 0 &&
        quiet_from(o, m->x, m->x->tick) == m->x->tick)
        rc = add_quiet(o, m->x, m->x->tick, s);
    if (rc == 0)
        rc = add_rest(o, m, early, s);
    pass(s, m, early);
    return rc;
}

/* At each place of a row: how many notes sound at the end of its tick and for good, as
 * far as numbers tell. */
static void find_lost(bl_overlap *o, const event *x, size_t n)
{
    uint32_t open = 0;
    for (size_t i = 0; i < n; i++)
        o->stack[i] = open = x[i].kind == ON ? open + 1 : open - (open > 0);
    for (size_t i = n - 1; i-- > 0;)
        if (x[i].tick == x[i + 1].tick || o->stack[i] > o->stack[i + 1])
            o->stack[i] = o->stack[i + 1];
}

/* What "on off" is where a row does not tell: what it is elsewhere in the row, or else
 * in the channel, or else in the file; a note of no length if nothing tells. */
static int is_legato(const bl_overlap *o, const event *x, size_t n)
{
    row_state s = {0};
    bl_habit h = {0};
    for (size_t i = 0; i < n;) {
        moment m = moment_at(o, x, n, i);
        size_t most = may_end(&s, &m), ends = m.n - m.n_ons;
        int is_told = m.x->kind == ON && ends > 0 && (most > 0 || !s.began);
        h.legato += is_told && most > 0;
        h.empty += is_told && most == 0;
        s.open += m.n_ons - bl_min(s.open + m.n_ons, ends);
        pass(&s, &m, bl_min(most, ends));
        i += m.n;
    }
    return bl_habits_is_legato(o->habits, &h, x->key);
}

/* One key of one track. All Notes Off ends what does not have its own end before the
 * key begins anew. */
static int add_row(bl_overlap *o, const event *x, size_t n)
{
    row_state s = {0};
    int rc = reserve(o, n);
    if (rc != 0)
        return rc;
    find_lost(o, x, n);
    s.is_legato = is_legato(o, x, n);
    for (size_t i = 0; i < n && rc == 0;) {
        moment m = moment_at(o, x, n, i);
        rc = add_moment(o, &m, &s);
        i += m.n;
        if (rc != 0 || s.open == 0 || s.n_empty > 0 || (i < n && x[i].kind == OFF))
            continue;
        int32_t quiet = quiet_from(o, x, m.x->tick + (m.n_ons > 0));
        if (quiet >= 0 && (i == n || quiet < x[i].tick))
            rc = add_quiet(o, x, quiet, &s);
    }
    return rc;
}

/* How many from the first on are of its key and, if asked for, of its track. */
static size_t run_of(const events *list, size_t from, int of_track)
{
    const event *x = list->x + from;
    size_t n = 1;
    while (from + n < list->n && x[n].key == x->key &&
           (!of_track || x[n].track == x->track))
        n++;
    return n;
}

static int make_rows(bl_overlap *o)
{
    int rc = sort_events(o, &o->all, 0);
    if (rc == 0)
        rc = sort_events(o, &o->quiet, 0);
    for (size_t i = 0, n; i < o->all.n && rc == 0; i += n) {
        n = run_of(&o->all, i, 1);
        rc = add_row(o, o->all.x + i, n);
    }
    for (size_t i = 0; i < o->all.n && rc == 0; i++)
        if (o->all.x[i].kind == ON)
            rc = add_number(o, &o->begins, o->all.x[i].key, (uint32_t)o->all.x[i].tick,
                            0);
    for (size_t i = 0; i < o->quiet.n && rc == 0; i++)
        rc = add_number(o, &o->silences, o->quiet.x[i].key / PER_CHANNEL,
                        (uint32_t)o->quiet.x[i].tick, 0);
    if (rc == 0)
        rc = bl_sort_keyed(o->begins.x, o->begins.n, o->e);
    return rc == 0 ? bl_sort_keyed(o->silences.x, o->silences.n, o->e) : rc;
}

/* ---- pairing ---- */

static void guess(bl_overlap *o, const event *on, int32_t tick)
{
    close_note(o, on, tick);
    o->report->fixes[BL_FIX_OPEN_NOTE]++;
}

/* The brackets of x[0..n) that nothing closes: their places in o->stack. */
static size_t find_unclosed(bl_overlap *o, const event *x, size_t n)
{
    size_t depth = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i].kind == ON)
            o->stack[depth++] = (uint32_t)i;
        else
            depth -= depth > 0;
    return depth;
}

/* All that closes: first in, first out. */
static int pair_closed(bl_overlap *o, const event *x, size_t n)
{
    size_t begun = 0, ended = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (x[i].kind == ON) {
            o->ons[begun++] = (uint32_t)i;
        } else if (ended == begun) {
            rc = add(o, &o->strays, x[i]);
        } else {
            const event *on = &x[o->ons[ended++]];
            close_note(o, on, x[i].tick);
            rc = add_length(o, on->key, x[i].tick - on->tick);
        }
    }
    return rc;
}

/* The median of the lengths that are sorted so far of a channel, of two the shorter; -1
 * if there are none. */
static int64_t usual_length(const bl_overlap *o, uint32_t key)
{
    uint32_t channel = key / PER_CHANNEL;
    numbers list = {.x = o->lengths.x, .n = o->n_sorted};
    size_t from = place_of(&list, channel, 0), to = place_of(&list, channel + 1, 0);
    return from < to ? (int64_t)(o->lengths.x[(from + to - 1) / 2].key & UINT32_MAX)
                     : -1;
}

/* What speaks against the k-th end being that of the j-th note: a length that is not
 * the usual one, and twice the time that the next note of the key is overlapped. */
static int64_t against(const bl_overlap *o, const event *x, size_t j, size_t k,
                       size_t n_ons, int64_t usual)
{
    int64_t on = x[o->ons[j]].tick, off = x[o->offs[k]].tick;
    int64_t next = j + 1 < n_ons ? x[o->ons[j + 1]].tick : off;
    return llabs(off - on - usual) + OVERLAP_WEIGHT * bl_max(off - next, 0);
}

/* Which of the k + 1 notes of a stretch with k ends has none: that which leaves least
 * against the ends that the others, in order, then have. The first of equals. */
static size_t find_endless(const bl_overlap *o, const event *x, size_t k)
{
    int64_t usual = bl_max(usual_length(o, x->key), 0), sum = 0, best = 0;
    size_t endless = 0;
    for (size_t j = 0; j < k; j++) {
        sum +=
            against(o, x, j, j, k + 1, usual) - against(o, x, j + 1, j, k + 1, usual);
        if (sum < best) {
            best = sum;
            endless = j + 1;
        }
    }
    return endless;
}

/* A note without its end: one that began with it lends its own; if nothing of the key
 * begins after it in its row, that ends where all notes do. */
static int end_endless(bl_overlap *o, const event *x, size_t j, size_t k, int32_t quiet)
{
    const event *on = &x[o->ons[j]];
    if (j < k && x[o->ons[j + 1]].tick == on->tick)
        guess(o, on, x[o->offs[j]].tick);
    else if (j > 0 && x[o->ons[j - 1]].tick == on->tick)
        guess(o, on, x[o->offs[j - 1]].tick);
    else if (j == k && quiet >= 0)
        close_note(o, on, quiet);
    else
        return add(o, &o->left, *on);
    return 0;
}

/* A stretch with one end too few. */
static int pair_unclosed(bl_overlap *o, const event *x, size_t n, int32_t quiet)
{
    size_t begun = 0, ended = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i].kind == ON)
            o->ons[begun++] = (uint32_t)i;
        else
            o->offs[ended++] = (uint32_t)i;
    size_t endless = find_endless(o, x, ended);
    int rc = end_endless(o, x, endless, ended, quiet);
    for (size_t j = 0; j < begun && rc == 0; j++) {
        if (j == endless)
            continue;
        const event *on = &x[o->ons[j]], *off = &x[o->offs[j - (j > endless)]];
        close_note(o, on, off->tick);
        rc = add_length(o, on->key, off->tick - on->tick);
    }
    return rc;
}

/* What pairing looks at: what closes, what does not, or both. */
enum { CLOSED = 1, UNCLOSED = 2 };

/* A stretch of a row up to where all notes end (quiet >= 0) or to its own end. */
static int pair(bl_overlap *o, const event *x, size_t n, int32_t quiet, int what)
{
    int rc = reserve(o, n + 1);
    if (rc != 0)
        return rc;
    size_t depth = find_unclosed(o, x, n);
    size_t first = depth > 0 ? o->stack[0] : n;
    if (what & CLOSED)
        rc = pair_closed(o, x, first);
    for (size_t i = 0; i < depth && rc == 0 && (what & UNCLOSED); i++) {
        int is_last = i + 1 == depth;
        size_t to = is_last ? n : o->stack[i + 1];
        rc = pair_unclosed(o, x + o->stack[i], to - o->stack[i], is_last ? quiet : -1);
    }
    return rc;
}

static int pair_rows(bl_overlap *o, int what)
{
    int rc = 0;
    for (size_t i = 0, n; i < o->rows.n && rc == 0; i += n) {
        const event *x = o->rows.x + i;
        size_t m = 0;
        n = run_of(&o->rows, i, 1);
        while (m < n && x[m].kind != QUIET)
            m++;
        rc = pair(o, x, m, m < n ? x[m].tick : -1, what);
        n = m < n ? m + 1 : n;
    }
    return rc;
}

static int sort_lengths(bl_overlap *o)
{
    o->n_sorted = o->lengths.n;
    return bl_sort_keyed(o->lengths.x, o->lengths.n, o->e);
}

static int gather_lengths(bl_overlap *o)
{
    int rc = 0;
    for (size_t i = 0; i < o->song->n_notes && rc == 0; i++) {
        const bl_note *n = &o->song->notes[i];
        uint32_t key = bl_key(n->port, n->channel, n->pitch);
        if (!bl_keys_has(o->keys, key))
            rc = add_number(o, &o->lengths, key / PER_CHANNEL,
                            (uint32_t)(n->off - n->on), 0);
    }
    if (rc == 0)
        rc = pair_rows(o, CLOSED);
    return rc == 0 ? sort_lengths(o) : rc;
}

/* ---- what is left in the tracks ---- */

/* Ends in one track of notes in another. */
static int pair_across(bl_overlap *o)
{
    events both = o->strays;
    int rc = 0;
    o->strays = (events){0};
    for (size_t i = 0; i < o->left.n && rc == 0; i++)
        rc = add(o, &both, o->left.x[i]);
    if (rc == 0)
        rc = sort_events(o, &both, 1);
    o->left.n = 0;
    for (size_t i = 0, n; i < both.n && rc == 0; i += n) {
        const event *x = both.x + i;
        n = run_of(&both, i, 0);
        if (run_of(&both, i, 1) < n) {
            rc = pair(o, x, n, -1, CLOSED | UNCLOSED);
        } else {
            for (size_t k = 0; k < n && rc == 0; k++)
                rc = add(o, x[k].kind == ON ? &o->left : &o->strays, x[k]);
        }
    }
    free(both.x);
    return rc;
}

/* A note whose end came before it, at the same tick, has no length. Both lists are in
 * order; what finds no partner stays. */
static void join_early(bl_overlap *o)
{
    size_t kept = 0, k = 0, n_strays = 0;
    for (size_t i = 0; i < o->left.n; i++) {
        const event *on = &o->left.x[i];
        while (k < o->strays.n &&
               (o->strays.x[k].key < on->key ||
                (o->strays.x[k].key == on->key && o->strays.x[k].tick < on->tick))) {
            n_strays++;
            k++;
        }
        if (k < o->strays.n && o->strays.x[k].key == on->key &&
            o->strays.x[k].tick == on->tick) {
            guess(o, on, on->tick);
            k++;
        } else {
            o->left.x[kept++] = *on;
        }
    }
    o->left.n = kept;
    o->report->fixes[BL_FIX_STRAY_OFF] = (uint32_t)(n_strays + o->strays.n - k);
}

/* What nothing ends: where all notes of the channel end or the next of the key begins,
 * the first of them; before the latter it has the usual length, within its track. */
static void guess_end(bl_overlap *o, const event *on)
{
    int64_t quiet = next_of(&o->silences, on->key / PER_CHANNEL, on->tick);
    int64_t next = next_of(&o->begins, on->key, on->tick);
    int64_t usual = usual_length(o, on->key);
    int64_t end = bl_max(o->track_end[on->track], on->tick);
    if (usual >= 0)
        end = bl_min(end, on->tick + usual);
    if (next >= 0)
        end = bl_min(end, next);
    if (quiet >= 0 && (next < 0 || quiet <= next))
        end = quiet;
    guess(o, on, (int32_t)end);
}

int bl_overlap_resolve(bl_overlap *o)
{
    o->report->fixes[BL_FIX_OPEN_NOTE] = o->report->fixes[BL_FIX_STRAY_OFF] = 0;
    int rc = make_rows(o);
    if (rc == 0)
        rc = gather_lengths(o);
    if (rc == 0)
        rc = pair_rows(o, UNCLOSED);
    if (rc == 0)
        rc = pair_across(o);
    if (rc == 0)
        rc = sort_lengths(o);
    if (rc == 0)
        rc = sort_events(o, &o->left, 1);
    if (rc == 0)
        rc = sort_events(o, &o->strays, 1);
    if (rc != 0)
        return rc;
    join_early(o);
    for (size_t i = 0; i < o->left.n; i++)
        guess_end(o, &o->left.x[i]);
    return 0;
}
