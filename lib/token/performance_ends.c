/* performance_ends.c - which of the notes of a pitch each note-off ends.
 *
 * Tokens do not say it, and encoders write the ends of one moment in the order of the
 * beginnings. So each end takes one of the notes of its pitch that began before it, no
 * two the same, and the notes of one moment rise: a constraint problem over intervals
 * of notes. Bounds are drawn as close as they can be (Lopez-Ortiz et al. 2003, "A fast
 * and simple algorithm for bounds consistency of the alldifferent constraint") and what
 * they leave open is searched, the narrowest interval first; on what an encoder wrote
 * it hardly ever turns back. */
#include "token/performance.h"

#include <stdlib.h>
#include <string.h>

/* The most steps of work for a piece and for each of its knots: what no encoder wrote
 * may have no solution. */
#define WORK INT64_C(200000000)
#define WORK_A_KNOT INT64_C(50000000)

enum { UNDECIDED = 2, FAILURES = 100 };

/* An end. Notes are by pitch, those of a pitch as they began: their places. From
 * silence to silence of a pitch is an episode, whose ends take its notes, and no
 * others; they are as many, or fewer. */
typedef struct {
    int32_t low, high; /* the places of the notes that it may take */
    int32_t from, to;  /* the places of its episode */
    int32_t weight;    /* how often nothing was left to it */
    uint8_t is_todo;   /* what follows for its neighbours is due */
    uint8_t is_first;  /* what follows for its episode is due; of the first end of it */
    uint8_t is_known;  /* in a knot, this or an earlier one */
} choice;

typedef struct {
    int32_t low, high;
} interval;

/* What a bound was before it was drawn closer. */
typedef struct {
    int32_t end, low, high;
} drawn;

/* An end took the note at a place when so much was drawn. */
typedef struct {
    int32_t end, note;
    size_t n_drawn;
} decision;

typedef struct {
    bl_perf_end *ends;
    size_t n_ends;
    const bl_note *notes;
    choice *choices;          /* [n_ends] */
    int32_t *note_at;         /* [n_notes] by place */
    int32_t *end_at;          /* [n_notes] by place, the oldest first; -1 = none */
    int32_t *todo, *episodes; /* [n_ends] what is due: ends, first places */
    int32_t *knot;            /* [n_ends] ends that hang together, in order */
    size_t n_todo, n_episodes, n_knot;
    drawn *trail;
    size_t n_trail, cap_trail;
    decision *decisions; /* [n_ends] */
    interval *intervals; /* [n_ends] */
    int32_t *scratch;    /* [n_ends + 3 x (n_notes + 1)] */
    int64_t work, most;
    bl_err *e;
} matching;

/* ---- episodes ---- */

static int is_moment(const matching *m, int32_t before, int32_t j)
{
    return before >= 0 && j < (int32_t)m->n_ends &&
           m->ends[before].step == m->ends[j].step;
}

static int32_t begin_of(const matching *m, int32_t place)
{
    return (int32_t)m->notes[m->note_at[place]].closed;
}

static void list_places(matching *m, size_t n_notes, int32_t at[129])
{
    int32_t next[128];
    for (size_t i = 0; i < n_notes; i++)
        at[m->notes[i].pitch + 1]++;
    for (int pitch = 0; pitch < 128; pitch++) {
        at[pitch + 1] += at[pitch];
        next[pitch] = at[pitch];
    }
    for (size_t i = 0; i < n_notes; i++)
        m->note_at[next[m->notes[i].pitch]++] = (int32_t)i;
    memcpy(next, at, sizeof next);
    memset(m->end_at, 0xff, n_notes * sizeof *m->end_at);
    for (size_t j = 0; j < m->n_ends; j++)
        m->end_at[next[m->notes[m->ends[j].note].pitch]++] = (int32_t)j;
}

/* The episode that begins at a place, all of which are below `limit`; returns where it
 * ends. */
static int32_t take_episode(matching *m, int32_t from, int32_t limit)
{
    int32_t to = from + 1, high = from;
    while (to < limit &&
           (m->end_at[to - 1] < 0 || m->ends[m->end_at[to - 1]].step > begin_of(m, to)))
        to++;
    for (int32_t place = from; place < to && m->end_at[place] >= 0; place++) {
        int32_t j = m->end_at[place];
        while (high + 1 < to && begin_of(m, high + 1) < m->ends[j].step)
            high++;
        m->choices[j] = (choice){.low = from, .high = high, .from = from, .to = to};
    }
    return to;
}

static void list_episodes(matching *m, size_t n_notes)
{
    int32_t at[129] = {0};
    list_places(m, n_notes, at);
    for (int pitch = 0; pitch < 128; pitch++)
        for (int32_t from = at[pitch]; from < at[pitch + 1];)
            from = take_episode(m, from, at[pitch + 1]);
}

/* ---- bounds ---- */

/* What follows from an end is due. */
static void recall(matching *m, int32_t j)
{
    choice *c = &m->choices[j], *first = &m->choices[m->end_at[c->from]];
    if (!c->is_todo)
        m->todo[m->n_todo++] = j;
    if (!first->is_first)
        m->episodes[m->n_episodes++] = c->from;
    c->is_todo = first->is_first = 1;
}

static int32_t next_todo(matching *m)
{
    int32_t j = m->todo[--m->n_todo];
    m->choices[j].is_todo = 0;
    return j;
}

static int32_t next_episode(matching *m)
{
    int32_t from = m->episodes[--m->n_episodes];
    m->choices[m->end_at[from]].is_first = 0;
    return from;
}

/* Draws the bounds of an end closer. All that draw return 1, 0 if nothing is left or
 * the work is too much, or an error code. */
static int draw(matching *m, int32_t j, int32_t low, int32_t high)
{
    choice *c = &m->choices[j];
    if (low > high) {
        m->choices[j].weight++;
        return 0;
    }
    if (low == c->low && high == c->high)
        return 1;
    void *p = m->trail;
    int rc = bl_grow(&p, &m->cap_trail, m->n_trail + 1, sizeof *m->trail, m->e);
    m->trail = p;
    if (rc != 0)
        return rc;
    m->trail[m->n_trail++] = (drawn){j, c->low, c->high};
    c->low = low;
    c->high = high;
    recall(m, j);
    return 1;
}

static void undo(matching *m, size_t n_trail)
{
    while (m->n_trail > n_trail) {
        drawn *t = &m->trail[--m->n_trail];
        m->choices[t->end].low = t->low;
        m->choices[t->end].high = t->high;
    }
}

/* Notes rise within a moment: those before one are below its highest, those after it
 * above its lowest. */
static int draw_before(matching *m, int32_t j)
{
    const choice *c = &m->choices[j], *x = c - 1;
    int32_t high = x->high;
    while (high >= x->low && m->note_at[high] >= m->note_at[c->high])
        high--;
    m->work += x->high - high + 1;
    return draw(m, j - 1, x->low, high);
}

static int draw_after(matching *m, int32_t j)
{
    const choice *c = &m->choices[j], *x = c + 1;
    int32_t low = x->low;
    while (low <= x->high && m->note_at[low] <= m->note_at[c->low])
        low++;
    m->work += low - x->low + 1;
    return draw(m, j + 1, low, x->high);
}

static int draw_neighbours(matching *m, int32_t j)
{
    int rc = is_moment(m, j - 1, j) ? draw_before(m, j) : 1;
    return rc == 1 && is_moment(m, j, j + 1) ? draw_after(m, j) : rc;
}

/* Where a chain leads to; it becomes shorter. */
static int32_t follow(int32_t *chain, int32_t v)
{
    while (chain[v] != v)
        v = chain[v] = chain[chain[v]];
    return v;
}

/* The n ends by upper bound. */
static void order_ends(const interval *x, int32_t n, int32_t n_values, int32_t *order,
                       int32_t *at)
{
    memset(at, 0, (size_t)(n_values + 1) * sizeof *at);
    for (int32_t i = 0; i < n; i++)
        at[x[i].high + 1]++;
    for (int32_t v = 0; v < n_values; v++)
        at[v + 1] += at[v];
    for (int32_t i = 0; i < n; i++)
        order[at[x[i].high]++] = i;
}

/* Raises the lower bounds of n intervals that take a value each. By upper bound each
 * takes the first free one; where that fills all from some value to its upper bound,
 * there is room for no other there. 0 if an interval finds no value. */
static int raise_lows(interval *x, int32_t n, int32_t n_values, int32_t *scratch)
{
    int32_t *order = scratch, *free_from = order + n,
            *open_from = free_from + n_values + 1;
    int32_t *run = open_from + n_values + 1; /* where the taken ones before it begin */
    order_ends(x, n, n_values, order, run);
    for (int32_t v = 0; v <= n_values; v++)
        free_from[v] = open_from[v] = run[v] = v;
    for (int32_t i = 0; i < n; i++) {
        interval *one = &x[order[i]];
        int32_t v = follow(free_from, one->low), begin = run[v], high = one->high;
        if (v > high)
            return 0;
        one->low = follow(open_from, one->low);
        free_from[v] = v + 1;
        v = follow(free_from, v);
        run[v] = begin;
        if (v > high)
            for (v = follow(open_from, begin); v <= high; v = follow(open_from, v))
                open_from[v] = v + 1;
    }
    return 1;
}

static void mirror(interval *x, int32_t n, int32_t n_values)
{
    for (int32_t i = 0; i < n; i++)
        x[i] = (interval){n_values - 1 - x[i].high, n_values - 1 - x[i].low};
}

/* No two ends of an episode take the same note. */
static int draw_episode(matching *m, int32_t from)
{
    const int32_t *ends = m->end_at + from;
    int32_t n = 0, n_notes = m->choices[ends[0]].to - from;
    interval *x = m->intervals;
    for (; n < n_notes && ends[n] >= 0; n++)
        x[n] =
            (interval){m->choices[ends[n]].low - from, m->choices[ends[n]].high - from};
    m->work += n + n_notes;
    int rc = raise_lows(x, n, n_notes, m->scratch);
    mirror(x, n, n_notes);
    rc = rc == 1 ? raise_lows(x, n, n_notes, m->scratch) : rc;
    mirror(x, n, n_notes);
    for (int32_t i = 0; i < n && rc == 0; i++)
        m->choices[ends[i]].weight++;
    for (int32_t i = 0; i < n && rc == 1; i++)
        rc = draw(m, ends[i], x[i].low + from, x[i].high + from);
    return rc;
}

/* Draws all that follows from what was drawn. */
static int draw_all(matching *m)
{
    int rc = 1;
    while (rc == 1 && m->work <= m->most && m->n_todo + m->n_episodes > 0)
        rc = m->n_todo > 0 ? draw_neighbours(m, next_todo(m))
                           : draw_episode(m, next_episode(m));
    if (rc == 1 && m->work > m->most)
        rc = 0;
    while (m->n_todo > 0)
        next_todo(m);
    while (m->n_episodes > 0)
        next_episode(m);
    return rc;
}

/* ---- search ---- */

/* Of the ends that have a choice the one with the least of it, by how often it failed
 * (Boussemart et al. 2004, "Boosting systematic search by weighting constraints"). */
static int32_t next_of(const matching *m)
{
    int32_t best = -1;
    int64_t width = 0, weight = 0;
    for (size_t i = 0; i < m->n_knot; i++) {
        const choice *c = &m->choices[m->knot[i]];
        int64_t w = c->high - c->low;
        if (w > 0 && (best < 0 || w * weight < width * (c->weight + 1))) {
            best = m->knot[i];
            width = w;
            weight = c->weight + 1;
        }
    }
    return best;
}

/* Takes back the last decision; the end takes another note than that. */
static int turn_back(matching *m, const decision *last)
{
    undo(m, last->n_drawn);
    const choice *c = &m->choices[last->end];
    return last->note == c->low ? draw(m, last->end, c->low + 1, c->high)
                                : draw(m, last->end, c->low, c->high - 1);
}

/* Each end in turn takes the oldest note that it may, in a try of odd number the
 * newest, and another where that leaves nothing to the rest. UNDECIDED after so many
 * failures or so much work. */
static int search(matching *m, int try, int failures)
{
    size_t n = 0;
    int rc = draw_all(m);
    for (int32_t j; rc == 1 && (j = next_of(m)) >= 0;) {
        int32_t note = try % 2 == 0 ? m->choices[j].low : m->choices[j].high;
        if (failures <= 0 || m->work > m->most)
            return UNDECIDED;
        m->decisions[n++] = (decision){j, note, m->n_trail};
        m->work += (int64_t)m->n_knot;
        rc = draw(m, j, note, note);
        rc = rc == 1 ? draw_all(m) : rc;
        for (; rc == 0 && n > 0; failures--) {
            rc = turn_back(m, &m->decisions[--n]);
            rc = rc == 1 ? draw_all(m) : rc;
        }
    }
    return rc;
}

/* ---- knots ---- */

static void tie(matching *m, int32_t j)
{
    choice *c = &m->choices[j];
    if (c->is_known || c->to - c->from == 1)
        return;
    c->is_known = 1;
    m->knot[m->n_knot++] = j;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* All ends that hang together with an end by moments and episodes. */
static void gather(matching *m, int32_t j)
{
    m->n_knot = 0;
    tie(m, j);
    for (size_t i = 0; i < m->n_knot; i++) {
        int32_t x = m->knot[i];
        const choice *c = &m->choices[x];
        if (is_moment(m, x - 1, x))
            tie(m, x - 1);
        if (is_moment(m, x, x + 1))
            tie(m, x + 1);
        if (!m->choices[m->end_at[c->from]].is_first)
            for (int32_t place = c->from; place < c->to && m->end_at[place] >= 0;
                 place++)
                tie(m, m->end_at[place]);
        m->choices[m->end_at[c->from]].is_first = 1;
    }
    for (size_t i = 0; i < m->n_knot; i++)
        m->choices[m->knot[i]].is_first = 0;
    qsort(m->knot, m->n_knot, sizeof *m->knot, by_number);
}

static int is_fault(const matching *m, int32_t before, int32_t j)
{
    return is_moment(m, before, j) && m->ends[before].note > m->ends[j].note;
}

/* All that the ends of the knot and those beside them imply is due. */
static void recall_knot(matching *m)
{
    for (size_t i = 0; i < m->n_knot; i++) {
        int32_t j = m->knot[i];
        recall(m, j);
        if (is_moment(m, j - 1, j))
            recall(m, j - 1);
        if (is_moment(m, j, j + 1))
            recall(m, j + 1);
    }
}

static int is_tied(const matching *m)
{
    for (size_t i = 0; i < m->n_knot; i++)
        if (is_fault(m, m->knot[i] - 1, m->knot[i]) ||
            is_fault(m, m->knot[i], m->knot[i] + 1))
            return 1;
    return 0;
}

/* A knot that has no solution stays as it is. Where the search failed often it begins
 * anew with what failed. */
static int untie(matching *m)
{
    int rc = is_tied(m) ? UNDECIDED : 0;
    m->n_trail = 0;
    m->most = bl_min(WORK, m->work + WORK_A_KNOT);
    for (int try = 0; rc == UNDECIDED && m->work < m->most; try++) {
        undo(m, 0);
        recall_knot(m);
        rc = search(m, try, FAILURES << try);
    }
    for (size_t i = 0; i < m->n_knot && rc == 1; i++)
        m->ends[m->knot[i]].note = m->note_at[m->choices[m->knot[i]].low];
    return rc < 0 ? rc : 0;
}

static int untie_all(matching *m)
{
    int rc = 0;
    for (int32_t j = 0; rc == 0 && j < (int32_t)m->n_ends; j++) {
        gather(m, j);
        rc = untie(m);
    }
    return rc;
}

static int is_ordered(const matching *m)
{
    for (int32_t j = 1; j < (int32_t)m->n_ends; j++)
        if (is_fault(m, j - 1, j))
            return 0;
    return 1;
}

int bl_perf_order_ends(bl_perf_end *ends, size_t n_ends, const bl_note *notes,
                       size_t n_notes, bl_err *e)
{
    matching m = {.ends = ends, .n_ends = n_ends, .notes = notes, .e = e};
    int32_t *numbers;
    int rc = BL_E_NOMEM;
    if (is_ordered(&m))
        return 0;
    numbers = bl_calloc(4 * n_ends + 5 * (n_notes + 1), sizeof *numbers, e);
    m.choices = bl_calloc(n_ends, sizeof *m.choices, e);
    m.decisions = bl_calloc(n_ends, sizeof *m.decisions, e);
    m.intervals = bl_calloc(n_ends, sizeof *m.intervals, e);
    if (numbers != NULL && m.choices != NULL && m.decisions != NULL &&
        m.intervals != NULL) {
        m.todo = numbers;
        m.episodes = m.todo + n_ends;
        m.knot = m.episodes + n_ends;
        m.note_at = m.knot + n_ends;
        m.end_at = m.note_at + n_notes;
        m.scratch = m.end_at + n_notes;
        list_episodes(&m, n_notes);
        rc = untie_all(&m);
    }
    free(numbers);
    free(m.choices);
    free(m.decisions);
    free(m.intervals);
    free(m.trail);
    return rc;
}
