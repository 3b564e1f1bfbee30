/* overlap_pair.c - see overlap_impl.h: which end is of which note, by brackets and by
 * the lengths that notes then have. */
#include "midi/overlap_impl.h"

#include <stdlib.h>

enum {
    OVERLAP_WEIGHT = 4,
    SLIGHT_PART = 3,   /* an overlap of at most a third of both notes is slight */
    CHAIN_PARTS = 2,   /* times as many ends soon after the next beginning as not */
    SHIFTED_MIN = 3,   /* notes in a row */
    SURER = 2,         /* so many times more like what is usual, */
    SURER_OF_FEW = 4,  /* where no more than the least number are shifted */
    FEW_OVERLAP = 128, /* one note in so many */
    RATIO_UNIT = 64,
};

/* Notes and ends of a key in order: places in x, and the usual lengths of the channel
 * and of the key, or -1. is_chain: notes overlap slightly as a rule. */
typedef struct {
    const bl_end_event *x;
    uint32_t *ons, *offs;
    size_t n_ons, n_offs;
    int64_t usual, own;
    int is_chain;
} stretch;

static int64_t on_at(const stretch *s, size_t j)
{
    return s->x[s->ons[j]].tick;
}

static int64_t off_at(const stretch *s, size_t k)
{
    return s->x[s->offs[k]].tick;
}

/* ---- lengths ---- */

int bl_overlap_sort_lengths(bl_overlap *o)
{
    o->n_sorted = o->lengths.n;
    o->n_own_sorted = o->own_lengths.n;
    int rc = bl_sort_keyed(o->lengths.x, o->lengths.n, o->e);
    if (rc == 0)
        rc = bl_sort_keyed(o->of_chains.x, o->of_chains.n, o->e);
    return rc == 0 ? bl_sort_keyed(o->own_lengths.x, o->own_lengths.n, o->e) : rc;
}

static int64_t median_of(const bl_keyed *x, size_t n, uint32_t high)
{
    size_t from = bl_overlap_place(x, n, high, 0);
    size_t to = bl_overlap_place(x, n, high + 1, 0);
    return from < to ? (int64_t)(x[(from + to - 1) / 2].key & UINT32_MAX) : -1;
}

int64_t bl_overlap_usual(const bl_overlap *o, uint32_t key)
{
    uint32_t channel = key / BL_KEYS_OF_CHANNEL;
    int64_t usual = median_of(o->lengths.x, o->n_sorted, channel);
    return usual >= 0 ? usual : median_of(o->of_chains.x, o->of_chains.n, channel);
}

static stretch stretch_of(bl_overlap *o, const bl_end_event *x, size_t n)
{
    stretch s = {.x = x,
                 .ons = o->ons,
                 .offs = o->offs,
                 .usual = bl_overlap_usual(o, x->key),
                 .own = median_of(o->own_lengths.x, o->n_own_sorted, x->key)};
    for (size_t i = 0; i < n; i++)
        if (x[i].kind == BL_IS_ON)
            s.ons[s.n_ons++] = (uint32_t)i;
        else
            s.offs[s.n_offs++] = (uint32_t)i;
    return s;
}

/* How far a length is from what is usual. */
static int64_t unusual(const stretch *s, int64_t length)
{
    int64_t off = llabs(length - bl_max(s->usual, 0));
    return s->own >= 0 ? bl_min(off, llabs(length - s->own)) : off;
}

/* ---- overlaps ---- */

/* How long the key lasts from the j-th beginning to the next; of the last, as long as
 * before. */
static int64_t apart(const stretch *s, size_t j)
{
    j -= j + 1 == s->n_ons;
    return on_at(s, j + 1) - on_at(s, j);
}

/* Whether an end of the j-th note is soon after the beginning of the next. */
static int is_slight(const stretch *s, size_t j, int64_t off)
{
    if (j + 1 >= s->n_ons)
        return 0;
    int64_t over = off - on_at(s, j + 1);
    return over >= 0 && over * SLIGHT_PART <= bl_min(apart(s, j), apart(s, j + 1));
}

/* What speaks against the k-th end being that of the j-th note: a length that is not
 * usual, and several times the time that the next note of the key is overlapped; in a
 * chain, where this is slight, the less of both. */
static int64_t against(const stretch *s, size_t j, size_t k)
{
    int64_t off = off_at(s, k), length = unusual(s, off - on_at(s, j));
    if (j + 1 == s->n_ons)
        return length;
    int64_t over = OVERLAP_WEIGHT * bl_max(off - on_at(s, j + 1), 0);
    return s->is_chain && is_slight(s, j, off) ? bl_min(length, over) : length + over;
}

/* Whether most notes of the stretch have an end soon after the next begins. */
static int is_chain(const stretch *s)
{
    size_t n_slight = 0, k = 0;
    for (size_t j = 0; j + 1 < s->n_ons; j++) {
        while (k < s->n_offs && off_at(s, k) < on_at(s, j + 1))
            k++;
        n_slight += k < s->n_offs && is_slight(s, j, off_at(s, k));
    }
    return n_slight > CHAIN_PARTS * (s->n_ons - 1 - n_slight);
}

/* ---- one end too few and one too many ---- */

/* Paired in order the j-th note overlaps the next; if its end were that of the next, no
 * more than a little of the one after would be. */
static int is_shifted(const stretch *s, size_t j)
{
    if (j + 1 >= s->n_ons || off_at(s, j) <= on_at(s, j + 1) ||
        on_at(s, j) == on_at(s, j + 1))
        return 0;
    return j + 2 == s->n_ons || off_at(s, j) <= on_at(s, j + 2) ||
           is_slight(s, j + 1, off_at(s, j));
}

/* The first place from *from on at which several notes in a row are shifted, and their
 * number; 0 if there is none. */
static size_t find_shifted(const stretch *s, size_t *from)
{
    for (size_t j = *from, n; j < s->n_offs; j += n + 1) {
        for (n = 0; j + n < s->n_offs && is_shifted(s, j + n);)
            n++;
        *from = j;
        if (n >= SHIFTED_MIN)
            return n;
    }
    return 0;
}

static int64_t ratio(int64_t a, int64_t b)
{
    return bl_max(a, b) * RATIO_UNIT / bl_max(bl_min(a, b), 1) - RATIO_UNIT;
}

/* How many times a length is what is usual, or this it. */
static int64_t unlike(const stretch *s, int64_t length)
{
    int64_t times = ratio(length, s->usual);
    return s->own >= 0 ? bl_min(times, ratio(length, s->own)) : times;
}

/* Lengths of notes one after the other. */
typedef struct {
    int64_t least, most, unlike;
} lengths;

static void count_length(lengths *l, const stretch *s, int64_t length)
{
    l->least = bl_min(l->least, length);
    l->most = bl_max(l->most, length);
    l->unlike += unlike(s, length);
}

/* Whether the channel has notes that overlap, as where several parts share it: then
 * those that are shifted may overlap as well. */
static int has_overlaps(const bl_overlap *o, const stretch *s)
{
    const bl_overlaps *h = &o->overlaps[s->x->key / BL_KEYS_OF_CHANNEL];
    return (uint64_t)h->overlapping * FEW_OVERLAP > h->notes;
}

/* Whether the note-offs of n notes say which they end, as some programs write them:
 * with the velocity of the note. */
static int is_said(const stretch *s, size_t j, size_t n)
{
    int are_alike = 1;
    for (size_t i = j; i < j + n; i++) {
        uint8_t velocity = s->x[s->offs[i]].velocity;
        if (velocity != s->x[s->ons[i]].velocity)
            return 0;
        are_alike &= velocity == s->x[s->ons[i + 1]].velocity;
    }
    return !are_alike;
}

/* Whether the n notes after the j-th have the ends of those before them: then lengths
 * are no less even, and by far more like the usual ones; where none is known, most of
 * each would be overlapped. Notes of one length, as of drum machines, do overlap. */
static int is_lost_and_late(const stretch *s, size_t j, size_t n)
{
    lengths in_order = {INT64_MAX, 0, 0}, moved = in_order;
    int64_t over = 0, room = 0;
    for (size_t i = j; i < j + n; i++) {
        count_length(&in_order, s, off_at(s, i) - on_at(s, i));
        count_length(&moved, s, off_at(s, i) - on_at(s, i + 1));
        over += off_at(s, i) - on_at(s, i + 1);
        room += apart(s, i + 1);
    }
    int64_t late = off_at(s, j + n) - on_at(s, j + n);
    if (in_order.most - in_order.least < moved.most - moved.least ||
        (in_order.most == in_order.least && late == in_order.most))
        return 0;
    int times = n > SHIFTED_MIN ? SURER : SURER_OF_FEW;
    return s->usual >= 0 ? times * moved.unlike < in_order.unlike : 2 * over > room;
}

/* ---- pairing ---- */

static int close_by(bl_overlap *o, const stretch *s, size_t j, size_t k)
{
    const bl_end_event *on = &s->x[s->ons[j]];
    int32_t off = s->x[s->offs[k]].tick;
    bl_overlap_close(o, on, off);
    return bl_overlap_length(o, on->key, off - on->tick);
}

/* As many ends as notes: first in, first out, but where an end was lost and a later one
 * is too many. */
static int pair_even(bl_overlap *o, const stretch *s)
{
    size_t at = 0, n;
    int rc = 0;
    for (size_t j = 0; j < s->n_ons && rc == 0;) {
        at = j;
        n = find_shifted(s, &at);
        for (at = n > 0 ? at : s->n_ons; j < at && rc == 0; j++)
            rc = close_by(o, s, j, j);
        if (n == 0 || rc != 0)
            break;
        int is_moved =
            !has_overlaps(o, s) && !is_said(s, at, n) && is_lost_and_late(s, at, n);
        if (is_moved)
            rc = bl_overlap_add(o, &o->left, s->x[s->ons[at]]);
        for (; j < at + n && rc == 0; j++)
            rc = close_by(o, s, j + (size_t)is_moved, j);
        if (is_moved && rc == 0)
            rc = bl_overlap_add(o, &o->strays, s->x[s->offs[j++]]);
    }
    return rc;
}

/* Notes that surely close, and how often the next overlaps. */
static void count_overlaps(bl_overlap *o, const stretch *s)
{
    bl_overlaps *h = &o->overlaps[s->x->key / BL_KEYS_OF_CHANNEL];
    h->notes += (uint32_t)s->n_ons;
    for (size_t j = 0; j + 1 < s->n_ons; j++)
        h->overlapping += off_at(s, j) > on_at(s, j + 1);
}

/* The lengths of a chain, whose pairs are in doubt, count where there are no others. */
static int count_chain(bl_overlap *o, const stretch *s)
{
    int rc = 0;
    for (size_t j = 0; j + 1 < s->n_ons; j++)
        if (off_at(s, j) > on_at(s, j + 1) && !is_slight(s, j, off_at(s, j)))
            return 0;
    for (size_t j = 0; j < s->n_ons && rc == 0; j++)
        rc = bl_overlap_number(o, &o->of_chains, s->x->key / BL_KEYS_OF_CHANNEL,
                               (uint32_t)(off_at(s, j) - on_at(s, j)), 0);
    return rc;
}

/* All that closes: first in, first out, in stretches from silence to silence. Where one
 * may have lost an end and have one too many it is none of what surely closes. */
static int pair_closed(bl_overlap *o, const bl_end_event *x, size_t n, int what)
{
    size_t depth = 0, from = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (x[i].kind == BL_IS_OFF && depth == 0) {
            rc = what & BL_ENDS_CLOSED ? bl_overlap_add(o, &o->strays, x[i]) : 0;
            from = i + 1;
            continue;
        }
        depth += x[i].kind == BL_IS_ON ? 1 : (size_t)-1;
        if (depth > 0)
            continue;
        stretch s = stretch_of(o, x + from, i + 1 - from);
        size_t at = 0;
        int is_sure = what == BL_ENDS_ALL || find_shifted(&s, &at) == 0;
        from = i + 1;
        if (!is_sure)
            rc = what & BL_ENDS_REST ? pair_even(o, &s) : count_chain(o, &s);
        else if (what == BL_ENDS_CLOSED)
            count_overlaps(o, &s);
        for (size_t j = 0; j < s.n_ons && rc == 0 && is_sure && (what & BL_ENDS_CLOSED);
             j++)
            rc = close_by(o, &s, j, j);
    }
    return rc;
}

/* Which of the notes of a stretch with one end too few has none: that which leaves
 * least against the ends that the others, in order, then have. The first of equals. */
static size_t find_endless(const stretch *s)
{
    int64_t sum = 0, best = 0;
    size_t endless = 0;
    for (size_t j = 0; j < s->n_offs; j++) {
        sum += against(s, j, j) - against(s, j + 1, j);
        if (sum < best) {
            best = sum;
            endless = j + 1;
        }
    }
    return endless;
}

/* A note without its end: one that began with it lends its own; if nothing of the key
 * begins after it in its row, that ends where all notes do. */
static int end_endless(bl_overlap *o, const stretch *s, size_t j, int32_t quiet)
{
    const bl_end_event *on = &s->x[s->ons[j]];
    if (j < s->n_offs && on_at(s, j + 1) == on->tick)
        bl_overlap_guess(o, on, s->x[s->offs[j]].tick);
    else if (j > 0 && on_at(s, j - 1) == on->tick)
        bl_overlap_guess(o, on, s->x[s->offs[j - 1]].tick);
    else if (j == s->n_offs && quiet >= 0)
        bl_overlap_close(o, on, quiet);
    else
        return bl_overlap_add(o, &o->left, *on);
    return 0;
}

/* A stretch with one end too few. */
static int pair_unclosed(bl_overlap *o, const bl_end_event *x, size_t n, int32_t quiet)
{
    stretch s = stretch_of(o, x, n);
    s.is_chain = is_chain(&s);
    size_t endless = find_endless(&s);
    int rc = end_endless(o, &s, endless, quiet);
    for (size_t j = endless; j + 1 < s.n_ons; j++)
        s.ons[j] = s.ons[j + 1];
    s.n_ons--;
    return rc == 0 ? pair_even(o, &s) : rc;
}

/* The brackets of x[0..n) that nothing closes: their places in o->stack. */
static size_t find_unclosed(bl_overlap *o, const bl_end_event *x, size_t n)
{
    size_t depth = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i].kind == BL_IS_ON)
            o->stack[depth++] = (uint32_t)i;
        else
            depth -= depth > 0;
    return depth;
}

int bl_overlap_pair(bl_overlap *o, const bl_end_event *x, size_t n, int32_t quiet,
                    int what)
{
    int rc = bl_overlap_reserve(o, n + 1);
    if (rc != 0)
        return rc;
    size_t depth = find_unclosed(o, x, n);
    rc = pair_closed(o, x, depth > 0 ? o->stack[0] : n, what);
    for (size_t i = 0; i < depth && rc == 0 && (what & BL_ENDS_REST); i++) {
        int is_last = i + 1 == depth;
        size_t to = is_last ? n : o->stack[i + 1];
        rc = pair_unclosed(o, x + o->stack[i], to - o->stack[i], is_last ? quiet : -1);
    }
    return rc;
}
