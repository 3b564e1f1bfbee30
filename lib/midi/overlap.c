/* overlap.c - see overlap.h.
 *
 * Beginnings and ends of one key are brackets. Where all close, first in, first out is
 * right, overlaps or not, unless an end too many hides one too few. A bracket that
 * nothing closes begins a stretch in which one note lacks its end: which one is told by
 * the lengths that the others then have. */
#include "midi/overlap_impl.h"

#include <stdlib.h>

enum { ALL_SOUND_OFF = 120, ALL_NOTES_OFF = 123 };

int bl_overlap_new(bl_overlap **overlap, const bl_keys *troubled,
                   const bl_keys *doubtful, bl_song *song, bl_midi_report *report,
                   bl_err *e)
{
    bl_overlap *o = *overlap = bl_calloc(1, sizeof *o, e);
    if (o == NULL)
        return BL_E_NOMEM;
    o->troubled = troubled;
    o->doubtful = doubtful;
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
    free(o->own_lengths.x);
    free(o->of_chains.x);
    free(o->begins.x);
    free(o->silences.x);
    free(o->order.x);
    free(o->track_end);
    free(o->stack);
    free(o->ons);
    free(o->offs);
    free(o);
}

/* ---- events ---- */

static int is_ours(const bl_overlap *o, uint32_t key)
{
    return bl_keys_has(o->troubled, key) || bl_keys_has(o->doubtful, key);
}

void bl_overlap_port(bl_overlap *o, uint8_t port)
{
    o->port = port & (BL_PORTS - 1);
}

int bl_overlap_event(bl_overlap *o, int32_t tick, const uint8_t *b)
{
    int status = b[0] & 0xf0, is_on = status == 0x90 && b[2] > 0;
    uint8_t channel = b[0] & 15;
    bl_end_event x = {.tick = tick, .track = o->track, .note = o->n_ons};
    o->n_ons += (uint32_t)is_on;
    if (status == 0xb0 && (b[1] == ALL_SOUND_OFF || b[1] == ALL_NOTES_OFF)) {
        x.kind = BL_IS_QUIET;
        x.key = bl_key(o->port, channel, 0);
        return bl_overlap_add(o, &o->quiet, x);
    }
    x.key = bl_key(o->port, channel, b[1] & 127);
    if (status != 0x80 && status != 0x90)
        return 0;
    x.velocity = b[2]; /* other events may have two bytes only */
    x.kind = is_on ? BL_IS_ON : BL_IS_OFF;
    bl_habits_event(o->habits, x.track, x.key, tick, is_on);
    return is_ours(o, x.key) ? bl_overlap_add(o, &o->all, x) : 0;
}

int bl_overlap_end(bl_overlap *o, int32_t tick)
{
    int rc = bl_room(&o->track_end, &o->cap_track_end, o->track + 1u,
                     sizeof *o->track_end, o->e);
    if (rc == 0)
        o->track_end[o->track++] = tick;
    o->port = 0;
    return rc;
}

/* ---- in order ---- */

static int make_rows(bl_overlap *o)
{
    int rc = bl_overlap_sort(o, &o->all, 0);
    if (rc == 0)
        rc = bl_overlap_sort(o, &o->quiet, 0);
    for (size_t i = 0, n; i < o->all.n && rc == 0; i += n) {
        n = bl_overlap_run(&o->all, i, 1);
        rc = bl_overlap_row(o, o->all.x + i, n);
    }
    for (size_t i = 0; i < o->all.n && rc == 0; i++)
        if (o->all.x[i].kind == BL_IS_ON)
            rc = bl_overlap_number(o, &o->begins, o->all.x[i].key,
                                   (uint32_t)o->all.x[i].tick, 0);
    for (size_t i = 0; i < o->quiet.n && rc == 0; i++)
        rc = bl_overlap_number(o, &o->silences, o->quiet.x[i].key / BL_KEYS_OF_CHANNEL,
                               (uint32_t)o->quiet.x[i].tick, 0);
    if (rc == 0)
        rc = bl_sort_keyed(o->begins.x, o->begins.n, o->e);
    return rc == 0 ? bl_sort_keyed(o->silences.x, o->silences.n, o->e) : rc;
}

static int pair_rows(bl_overlap *o, int what)
{
    int rc = 0;
    for (size_t i = 0, n; i < o->rows.n && rc == 0; i += n) {
        const bl_end_event *x = o->rows.x + i;
        size_t m = 0;
        n = bl_overlap_run(&o->rows, i, 1);
        while (m < n && x[m].kind != BL_IS_QUIET)
            m++;
        rc = bl_overlap_pair(o, x, m, m < n ? x[m].tick : -1, what);
        n = m < n ? m + 1 : n;
    }
    return rc;
}

/* A note of a key that first in, first out serves well, after the last one of its key.
 */
static int count_note(bl_overlap *o, const bl_note *n, const bl_note *before)
{
    uint32_t channel = bl_key(n->port, n->channel, 0) / BL_KEYS_OF_CHANNEL;
    o->overlaps[channel].notes++;
    o->overlaps[channel].overlapping +=
        before != NULL && before->track == n->track && before->off > n->on;
    return bl_overlap_number(o, &o->lengths, channel, (uint32_t)(n->off - n->on), 0);
}

static int gather_lengths(bl_overlap *o)
{
    const bl_note **last = bl_calloc(BL_N_KEYS, sizeof *last, o->e);
    int rc = last == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < o->song->n_notes && rc == 0; i++) {
        const bl_note *n = &o->song->notes[i];
        uint32_t key = bl_key(n->port, n->channel, n->pitch);
        if (is_ours(o, key))
            continue;
        rc = count_note(o, n, last[key]);
        last[key] = n;
    }
    free(last);
    if (rc == 0)
        rc = pair_rows(o, BL_ENDS_CLOSED);
    return rc == 0 ? bl_overlap_sort_lengths(o) : rc;
}

/* ---- what is left in the tracks ---- */

/* Ends in one track of notes in another. */
static int pair_across(bl_overlap *o)
{
    bl_end_events both = o->strays;
    int rc = 0;
    o->strays = (bl_end_events){0};
    for (size_t i = 0; i < o->left.n && rc == 0; i++)
        rc = bl_overlap_add(o, &both, o->left.x[i]);
    if (rc == 0)
        rc = bl_overlap_sort(o, &both, 1);
    o->left.n = 0;
    for (size_t i = 0, n; i < both.n && rc == 0; i += n) {
        const bl_end_event *x = both.x + i;
        n = bl_overlap_run(&both, i, 0);
        if (bl_overlap_run(&both, i, 1) < n) {
            rc = bl_overlap_pair(o, x, n, -1, BL_ENDS_ALL);
        } else {
            for (size_t k = 0; k < n && rc == 0; k++)
                rc = bl_overlap_add(o, x[k].kind == BL_IS_ON ? &o->left : &o->strays,
                                    x[k]);
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
        const bl_end_event *on = &o->left.x[i];
        while (k < o->strays.n &&
               (o->strays.x[k].key < on->key ||
                (o->strays.x[k].key == on->key && o->strays.x[k].tick < on->tick))) {
            n_strays++;
            k++;
        }
        if (k < o->strays.n && o->strays.x[k].key == on->key &&
            o->strays.x[k].tick == on->tick) {
            bl_overlap_guess(o, on, on->tick);
            k++;
        } else {
            o->left.x[kept++] = *on;
        }
    }
    o->left.n = kept;
    o->report->fixes[BL_FIX_STRAY_OFF] = (uint32_t)(n_strays + o->strays.n - k);
}

/* The first tick after `tick` in a list of ticks; -1 if there is none. */
static int64_t next_of(const bl_end_numbers *list, uint32_t high, int32_t tick)
{
    size_t i = bl_overlap_place(list->x, list->n, high, (uint32_t)tick + 1);
    return i < list->n && list->x[i].key >> 32 == high
               ? (int64_t)(list->x[i].key & UINT32_MAX)
               : -1;
}

/* What nothing ends: where all notes of the channel end or the next of the key begins,
 * the first of them; before the latter it has the usual length, within its track. */
static void guess_end(bl_overlap *o, const bl_end_event *on)
{
    int64_t quiet = next_of(&o->silences, on->key / BL_KEYS_OF_CHANNEL, on->tick);
    int64_t next = next_of(&o->begins, on->key, on->tick);
    int64_t usual = bl_overlap_usual(o, on->key);
    int64_t end = bl_max(o->track_end[on->track], on->tick);
    if (usual >= 0)
        end = bl_min(end, on->tick + usual);
    if (next >= 0)
        end = bl_min(end, next);
    if (quiet >= 0 && (next < 0 || quiet <= next))
        end = quiet;
    bl_overlap_guess(o, on, (int32_t)end);
}

int bl_overlap_resolve(bl_overlap *o)
{
    o->report->fixes[BL_FIX_OPEN_NOTE] = o->report->fixes[BL_FIX_STRAY_OFF] = 0;
    int rc = make_rows(o);
    if (rc == 0)
        rc = gather_lengths(o);
    if (rc == 0)
        rc = pair_rows(o, BL_ENDS_REST);
    if (rc == 0)
        rc = pair_across(o);
    if (rc == 0)
        rc = bl_overlap_sort_lengths(o);
    if (rc == 0)
        rc = bl_overlap_sort(o, &o->left, 1);
    if (rc == 0)
        rc = bl_overlap_sort(o, &o->strays, 1);
    if (rc != 0)
        return rc;
    join_early(o);
    for (size_t i = 0; i < o->left.n; i++)
        guess_end(o, &o->left.x[i]);
    return 0;
}
