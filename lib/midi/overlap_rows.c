/* overlap_rows.c - see overlap_impl.h: which ends at a tick are of notes that began
 * before, what stands outside the brackets, and where All Notes Off ends a stretch. */
#include "midi/overlap_impl.h"

/* The first tick from `from` on at which the channel of the bl_end_event ends in its
 * track; -1 if there is none. */
static int32_t quiet_from(const bl_overlap *o, const bl_end_event *x, int32_t from)
{
    uint32_t key = x->key / BL_KEYS_OF_CHANNEL * BL_KEYS_OF_CHANNEL;
    size_t low = 0, high = o->quiet.n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const bl_end_event *q = &o->quiet.x[mid];
        int is_before = q->key != key          ? q->key < key
                        : q->track != x->track ? q->track < x->track
                                               : q->tick < from;
        if (is_before)
            low = mid + 1;
        else
            high = mid;
    }
    const bl_end_event *q = &o->quiet.x[low];
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
    const bl_end_event *x;
    size_t n, n_ons, lost;
} moment;

static moment moment_at(const bl_overlap *o, const bl_end_event *x, size_t n,
                        size_t from)
{
    moment m = {.x = x + from, .lost = o->stack[from]};
    for (; from + m.n < n && m.x[m.n].tick == m.x->tick; m.n++)
        m.n_ons += m.x[m.n].kind == BL_IS_ON;
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

static int add_event(bl_overlap *o, const bl_end_event *x, row_state *s)
{
    s->open = x->kind == BL_IS_ON ? s->open + 1 : s->open - (s->open > 0);
    return bl_overlap_add(o, &o->rows, *x);
}

/* The events but the first ends. A note of no length above one without end is no part
 * of the brackets: it is paired at once. */
static int add_rest(bl_overlap *o, const moment *m, size_t early, row_state *s)
{
    size_t passed = 0, first = o->rows.n, below = s->open;
    int rc = 0;
    for (size_t i = 0; i < m->n && rc == 0; i++) {
        if (m->x[i].kind == BL_IS_OFF && passed++ < early)
            continue;
        const bl_end_event *on = o->rows.n > first ? &o->rows.x[o->rows.n - 1] : NULL;
        if (m->x[i].kind == BL_IS_ON || on == NULL || on->kind != BL_IS_ON ||
            below == 0) {
            rc = add_event(o, &m->x[i], s);
            continue;
        }
        bl_overlap_close(o, on, on->tick);
        rc = bl_overlap_length(o, on->key, 0);
        o->rows.n--;
        s->open--;
        s->n_empty++;
    }
    return rc;
}

/* All Notes Off ends what sounds. */
static int add_quiet(bl_overlap *o, const bl_end_event *x, int32_t tick, row_state *s)
{
    bl_end_event mark = *x;
    mark.tick = tick;
    mark.kind = BL_IS_QUIET;
    s->silenced += s->open;
    s->open = 0;
    return bl_overlap_add(o, &o->rows, mark);
}

/* Ends of notes that began earlier, then that of all if the key begins anew, the rest.
 */
static int add_moment(bl_overlap *o, const moment *m, row_state *s)
{
    size_t early = 0, most = may_end(s, m);
    int rc = 0;
    for (size_t i = 0; i < m->n && rc == 0; i++)
        if (m->x[i].kind == BL_IS_OFF && early < most) {
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
static void find_lost(bl_overlap *o, const bl_end_event *x, size_t n)
{
    uint32_t open = 0;
    for (size_t i = 0; i < n; i++)
        o->stack[i] = open = x[i].kind == BL_IS_ON ? open + 1 : open - (open > 0);
    for (size_t i = n - 1; i-- > 0;)
        if (x[i].tick == x[i + 1].tick || o->stack[i] > o->stack[i + 1])
            o->stack[i] = o->stack[i + 1];
}

/* What "on off" is where a row does not tell: what it is elsewhere in the row, or else
 * in the channel, or else in the file; a note of no length if nothing tells. */
static int is_legato(const bl_overlap *o, const bl_end_event *x, size_t n)
{
    row_state s = {0};
    bl_habit h = {0};
    for (size_t i = 0; i < n;) {
        moment m = moment_at(o, x, n, i);
        size_t most = may_end(&s, &m), ends = m.n - m.n_ons;
        int is_told = m.x->kind == BL_IS_ON && ends > 0 && (most > 0 || !s.began);
        h.legato += is_told && most > 0;
        h.empty += is_told && most == 0;
        s.open += m.n_ons - bl_min(s.open + m.n_ons, ends);
        pass(&s, &m, bl_min(most, ends));
        i += m.n;
    }
    return bl_habits_is_legato(o->habits, &h, x->key);
}

int bl_overlap_row(bl_overlap *o, const bl_end_event *x, size_t n)
{
    row_state s = {0};
    int rc = bl_overlap_reserve(o, n);
    if (rc != 0)
        return rc;
    if (!bl_keys_has(o->troubled, x->key)) {
        for (size_t i = 0; i < n && rc == 0; i++)
            rc = bl_overlap_add(o, &o->rows, x[i]);
        return rc;
    }
    find_lost(o, x, n);
    s.is_legato = is_legato(o, x, n);
    for (size_t i = 0; i < n && rc == 0;) {
        moment m = moment_at(o, x, n, i);
        rc = add_moment(o, &m, &s);
        i += m.n;
        if (rc != 0 || s.open == 0 || s.n_empty > 0 ||
            (i < n && x[i].kind == BL_IS_OFF))
            continue;
        int32_t quiet = quiet_from(o, x, m.x->tick + (m.n_ons > 0));
        if (quiet >= 0 && (i == n || quiet < x[i].tick))
            rc = add_quiet(o, x, quiet, &s);
    }
    return rc;
}
