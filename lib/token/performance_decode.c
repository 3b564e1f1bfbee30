/* performance_decode.c - tokens of "performance" to songs. Total: a note-off of nothing
 * is passed over, what still sounds ends with the piece.
 *
 * Of several notes of one pitch a note-off ends the oldest. That choice is free, and
 * encoders write the ends of one moment in the order of the beginnings: where the
 * oldest would break that order, notes of a pitch exchange their ends. Beginnings of
 * one moment that do not rise in pitch are some ticks apart, too few to be another
 * step. So the tokens of the decoded song are the tokens again. */
#include "base/rng.h"
#include "token/performance.h"

#include <stdlib.h>
#include <string.h>

enum {
    VELOCITY_DEFAULT = 100,
    EPISODE_MAX = 1024,
    /* How long order is sought where there may be none. */
    PASSES = 12,
    GUESSES = 40,
    WORK = 1000000,
    WORK_AN_END = 1000,
    LOOKS = 3000000,
    LOOKS_AN_END = 1000,
    TURN = 500,
    NEAR = 64, /* ends of a pitch, before and after */
};

/* One note-off: which note it ends. From silence to silence of a pitch is an episode;
 * if it never has two notes at once, there is no choice. */
typedef struct {
    int32_t step, note;
    int32_t low, high; /* the notes it may end, by what is possible beside it */
    int32_t before;    /* in its episode, -1 = none */
    uint8_t begins_moment, is_certain, is_last;
} ending;

/* A note-off of the episode at hand, and the notes it may take. */
typedef struct {
    int32_t end, low, high;
} choice;

typedef struct {
    const bl_scheme *s;
    bl_song *song;
    bl_err *e;
    ending *ends;
    size_t n_ends, cap_ends;
    int32_t *of_pitch;     /* [n_notes] notes by pitch, then as they came */
    int32_t *owner;        /* [n_notes] the end that must take it, -1 = not decided */
    int32_t pitch_at[129]; /* where those of a pitch begin */
    int32_t *next;         /* [cap_next] of notes that sound, by pitch */
    size_t cap_next;
    int32_t head[128], tail[128]; /* the oldest and the newest that sounds, -1 = none */
    int32_t first[128];           /* note of the episode */
    int32_t last_end[128];        /* of the episode, -1 = none */
    uint8_t has_choice[128];      /* two notes sounded at once in the episode */
    int64_t work;                 /* notes looked at in matching */
    int32_t step, velocity;
    int moved; /* since the last note-off */
    int late,
        last_pitch; /* ticks behind the step, pitch of the last note of the step */
} decoder;

static int32_t ticks(const decoder *d, int32_t step)
{
    return step * (PERF_TICKS_A_SECOND / d->s->grid);
}

static int begin(decoder *d, int pitch)
{
    int32_t i = (int32_t)d->song->n_notes;
    void *p = d->next;
    int rc = bl_grow(&p, &d->cap_next, (size_t)i + 1, sizeof *d->next, d->e);
    d->next = p;
    d->late +=
        pitch <= d->last_pitch && d->late < PERF_TICKS_A_SECOND / d->s->grid / 2 - 1;
    d->last_pitch = pitch;
    if (rc == 0) /* `closed` is the step of the beginning until all is paired */
        rc = bl_song_add_note(d->song,
                              (bl_note){.on = ticks(d, d->step) + d->late,
                                        .closed = (uint32_t)d->step,
                                        .off = -1,
                                        .pitch = (uint8_t)pitch,
                                        .velocity = (uint8_t)d->velocity},
                              d->e);
    if (rc != 0)
        return rc;
    d->next[i] = -1;
    if (d->head[pitch] < 0) {
        d->head[pitch] = d->first[pitch] = i;
        d->has_choice[pitch] = 0;
        d->last_end[pitch] = -1;
    } else {
        d->next[d->tail[pitch]] = i;
        d->has_choice[pitch] = 1;
    }
    d->tail[pitch] = i;
    return 0;
}

/* 1 if a note ended, 0 if none sounds. */
static int end(decoder *d, int pitch)
{
    int32_t i = d->head[pitch], j = (int32_t)d->n_ends;
    if (i < 0)
        return 0;
    void *p = d->ends;
    int rc = bl_grow(&p, &d->cap_ends, d->n_ends + 1, sizeof *d->ends, d->e);
    d->ends = p;
    if (rc != 0)
        return rc;
    d->head[pitch] = d->next[i];
    d->ends[d->n_ends++] = (ending){.step = d->step,
                                    .note = i,
                                    .low = d->has_choice[pitch] ? d->first[pitch] : i,
                                    .high = d->has_choice[pitch] ? d->tail[pitch] : i,
                                    .before = d->last_end[pitch],
                                    .begins_moment = (uint8_t)d->moved,
                                    .is_certain = !d->has_choice[pitch],
                                    .is_last = d->head[pitch] < 0};
    d->last_end[pitch] = j;
    d->moved = 0;
    return 1;
}

/* ---- ends in order ---- */

static int pitch_of(const decoder *d, int32_t end)
{
    return d->song->notes[d->ends[end].note].pitch;
}

/* 1 where two neighbours of a moment break the order. */
static int is_fault(const decoder *d, int32_t j)
{
    return j > 0 && !d->ends[j].begins_moment && d->ends[j - 1].note > d->ends[j].note;
}

/* The notes of each pitch in order, one pitch after the other. */
static int list_pitches(decoder *d)
{
    const bl_song *s = d->song;
    int32_t at[128];
    d->of_pitch = bl_calloc(s->n_notes + 1, sizeof *d->of_pitch, d->e);
    d->owner = bl_calloc(s->n_notes + 1, sizeof *d->owner, d->e);
    if (d->of_pitch == NULL || d->owner == NULL)
        return BL_E_NOMEM;
    memset(d->owner, 0xff, s->n_notes * sizeof *d->owner);
    for (size_t i = 0; i < s->n_notes; i++)
        d->pitch_at[s->notes[i].pitch + 1]++;
    for (int pitch = 0; pitch < 128; pitch++) {
        d->pitch_at[pitch + 1] += d->pitch_at[pitch];
        at[pitch] = d->pitch_at[pitch];
    }
    for (size_t i = 0; i < s->n_notes; i++)
        d->of_pitch[at[s->notes[i].pitch]++] = (int32_t)i;
    return 0;
}

/* The place among the notes of a pitch of the first that is not before a note. */
static int32_t place_of(const decoder *d, int pitch, int32_t note)
{
    int32_t low = d->pitch_at[pitch], high = d->pitch_at[pitch + 1];
    while (low < high) {
        int32_t mid = (low + high) / 2;
        if (d->of_pitch[mid] < note)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* 1 if it is decided that another end takes the note. */
static int is_taken(const decoder *d, int32_t note, size_t j)
{
    return d->owner[note] >= 0 && d->owner[note] != (int32_t)j;
}

/* Both return 1 if the bound changed. Where no note is left, bounds stay as they are.
 */
static int raise_low(decoder *d, size_t j, int32_t least)
{
    int pitch = pitch_of(d, (int32_t)j);
    int32_t place = place_of(d, pitch, (int32_t)bl_max(least, d->ends[j].low));
    while (place < d->pitch_at[pitch + 1] && is_taken(d, d->of_pitch[place], j))
        place++;
    if (place == d->pitch_at[pitch + 1] || d->of_pitch[place] <= d->ends[j].low ||
        d->of_pitch[place] > d->ends[j].high)
        return 0;
    d->ends[j].low = d->of_pitch[place];
    return 1;
}

static int lower_high(decoder *d, size_t j, int32_t most)
{
    int pitch = pitch_of(d, (int32_t)j);
    int32_t place = place_of(d, pitch, (int32_t)bl_min(most, d->ends[j].high) + 1);
    while (place > d->pitch_at[pitch] && is_taken(d, d->of_pitch[place - 1], j))
        place--;
    if (place == d->pitch_at[pitch] || d->of_pitch[place - 1] >= d->ends[j].high ||
        d->of_pitch[place - 1] < d->ends[j].low)
        return 0;
    d->ends[j].high = d->of_pitch[place - 1];
    return 1;
}

/* Of what each note-off of a moment may end, only that is possible which leaves a
 * lesser note to those before it and a greater to those after, and which no other must
 * end. */
static void bound(decoder *d)
{
    int changed = 1;
    for (int pass = 0; pass < PASSES && changed; pass++) {
        changed = 0;
        for (size_t j = 0; j < d->n_ends; j++) {
            const ending *x = &d->ends[j];
            changed |= raise_low(d, j, x->begins_moment ? 0 : x[-1].low + 1);
        }
        for (size_t j = d->n_ends; j-- > 0;) {
            const ending *x = &d->ends[j];
            int is_last = j + 1 == d->n_ends || x[1].begins_moment;
            changed |= lower_high(d, j, is_last ? INT32_MAX - 1 : x[1].high - 1);
        }
        for (size_t j = 0; j < d->n_ends; j++)
            if (d->ends[j].low == d->ends[j].high && d->owner[d->ends[j].low] < 0) {
                d->owner[d->ends[j].low] = (int32_t)j;
                changed = 1;
            }
    }
}

/* Closer bounds: those that the neighbours of other pitches set as they are now, in
 * turn both, those after and those before, so that a knot of wrong choices can come
 * loose. */
static choice choice_of(const decoder *d, int32_t end, int pass)
{
    const ending *x = d->ends;
    choice c = {end, x[end].low, x[end].high};
    int pitch = pitch_of(d, end);
    if (pass == 0)
        return c;
    int32_t j = end;
    while (j > 0 && !x[j].begins_moment && pitch_of(d, j) == pitch)
        j--;
    if (pitch_of(d, j) != pitch && pass % 3 != 1)
        c.low = (int32_t)bl_max(c.low, x[j].note + 1);
    j = end + 1;
    while (j < (int32_t)d->n_ends && !x[j].begins_moment && pitch_of(d, j) == pitch)
        j++;
    if (j < (int32_t)d->n_ends && !x[j].begins_moment && pass % 3 != 2)
        c.high = (int32_t)bl_min(c.high, x[j].note - 1);
    return c;
}

static int by_note(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Gives the notes, in order, each to the end that may take it and has the least upper
 * bound (Glover: matching in convex graphs). 0 if an end is left over. */
static int match(decoder *d, const int32_t *notes, const choice *c, int n,
                 int32_t *taken)
{
    d->work += (int64_t)n * n;
    for (int i = 0; i < n; i++)
        taken[i] = -1;
    for (int k = 0; k < n; k++) {
        int best = -1;
        int32_t begins = (int32_t)d->song->notes[notes[k]].closed;
        for (int i = 0; i < n; i++) {
            int fits = taken[i] < 0 && c[i].low <= notes[k] && notes[k] <= c[i].high &&
                       begins < d->ends[c[i].end].step;
            if (fits && (best < 0 || c[i].high < c[best].high))
                best = i;
        }
        /* where the neighbours leave nothing, what is possible at all */
        for (int i = 0; best < 0 && i < n; i++)
            if (taken[i] < 0 && d->ends[c[i].end].low <= notes[k] &&
                notes[k] <= d->ends[c[i].end].high && begins < d->ends[c[i].end].step)
                best = i;
        if (best < 0)
            return 0;
        taken[best] = notes[k];
    }
    return 1;
}

/* The episode whose last end is given is matched anew; where that cannot be, it stays.
 */
static void mend(decoder *d, int32_t last, int pass)
{
    int32_t notes[EPISODE_MAX], taken[EPISODE_MAX];
    choice c[EPISODE_MAX];
    int n = 0, faults = 0;
    for (int32_t j = last; j >= 0 && n < EPISODE_MAX; j = d->ends[j].before, n++) {
        notes[n] = d->ends[j].note;
        c[n] = choice_of(d, j, pass);
        faults += c[n].low > notes[n] || c[n].high < notes[n];
    }
    if (n < 2 || n == EPISODE_MAX || faults == 0)
        return;
    /* in order of time: of equals the first is taken */
    for (int i = 0; i < n / 2; i++) {
        choice swap = c[i];
        c[i] = c[n - 1 - i];
        c[n - 1 - i] = swap;
    }
    qsort(notes, (size_t)n, sizeof *notes, by_note);
    if (match(d, notes, c, n, taken))
        for (int i = 0; i < n; i++)
            d->ends[c[i].end].note = taken[i];
}

/* Matches all episodes; returns the first end that is out of order, or 0. */
static size_t match_all(decoder *d)
{
    size_t fault = 0;
    for (int pass = 0; pass < PASSES && (pass == 0 || fault > 0); pass++) {
        for (size_t j = 0; j < d->n_ends; j++)
            if (d->ends[j].is_last && !d->ends[j].is_certain)
                mend(d, (int32_t)j, pass);
        fault = 0;
        for (size_t j = d->n_ends; j-- > 1;)
            fault = is_fault(d, (int32_t)j) ? j : fault;
    }
    return fault;
}

/* Where several choices hang together one of them is made, the least note for the first
 * of two ends that are out of order, and its consequences drawn. */
static void put_in_order(decoder *d)
{
    bound(d);
    size_t j = match_all(d);
    int64_t most = WORK + WORK_AN_END * (int64_t)d->n_ends;
    for (int guess = 0; guess < GUESSES && j > 0 && d->work < most; guess++) {
        ending *x = &d->ends[j];
        if (x[-1].low < x[-1].high)
            x[-1].high = x[-1].low;
        else if (x->low < x->high)
            x->low = x->high;
        else
            break;
        bound(d);
        j = match_all(d);
    }
}

/* ---- knots: what the bounds leave out of order comes loose by exchanges ---- */

/* The ends by pitch, those of a pitch in order of time. */
typedef struct {
    decoder *d;
    int32_t *end;   /* [n_ends] */
    int32_t *place; /* [n_ends] of an end in `end` */
    int32_t at[129];
    int32_t *queue; /* ring [n_ends] of faults that wait, each once */
    uint8_t *is_queued;
    size_t first, n;
    bl_rng rng;
    int64_t looks; /* at exchanges */
} knots;

static void enqueue(knots *k, int32_t j)
{
    size_t n_ends = k->d->n_ends;
    if (j >= (int32_t)n_ends || k->is_queued[j] || !is_fault(k->d, j))
        return;
    k->queue[(k->first + k->n++) % n_ends] = j;
    k->is_queued[j] = 1;
}

static int32_t dequeue(knots *k)
{
    int32_t j = k->queue[k->first];
    k->first = (k->first + 1) % k->d->n_ends;
    k->n--;
    k->is_queued[j] = 0;
    return j;
}

static int list_ends(knots *k)
{
    const decoder *d = k->d;
    int32_t at[128];
    k->end = bl_calloc(d->n_ends + 1, sizeof *k->end, d->e);
    k->place = bl_calloc(d->n_ends + 1, sizeof *k->place, d->e);
    k->queue = bl_calloc(d->n_ends + 1, sizeof *k->queue, d->e);
    k->is_queued = bl_calloc(d->n_ends + 1, 1, d->e);
    if (k->end == NULL || k->place == NULL || k->queue == NULL || k->is_queued == NULL)
        return BL_E_NOMEM;
    for (size_t j = 0; j < d->n_ends; j++)
        k->at[pitch_of(d, (int32_t)j) + 1]++;
    for (int pitch = 0; pitch < 128; pitch++) {
        k->at[pitch + 1] += k->at[pitch];
        at[pitch] = k->at[pitch];
    }
    for (size_t j = 0; j < d->n_ends; j++) {
        k->place[j] = at[pitch_of(d, (int32_t)j)]++;
        k->end[k->place[j]] = (int32_t)j;
        enqueue(k, (int32_t)j);
    }
    return 0;
}

/* How many ends of its moment an end is out of order with. */
static int inversions(const decoder *d, int32_t x)
{
    const ending *e = d->ends;
    int n = 0;
    for (int32_t j = x; j > x - NEAR && j > 0 && !e[j].begins_moment; j--)
        n += e[j - 1].note > e[x].note;
    for (int32_t j = x + 1;
         j < x + NEAR && j < (int32_t)d->n_ends && !e[j].begins_moment; j++)
        n += e[j].note < e[x].note;
    return n;
}

static void exchange(decoder *d, int32_t x, int32_t y)
{
    int32_t note = d->ends[x].note;
    d->ends[x].note = d->ends[y].note;
    d->ends[y].note = note;
}

static int may_exchange(const decoder *d, int32_t x, int32_t y)
{
    const bl_note *notes = d->song->notes;
    return x != y && (int32_t)notes[d->ends[x].note].closed < d->ends[y].step &&
           (int32_t)notes[d->ends[y].note].closed < d->ends[x].step;
}

/* How many neighbours two ends are out of order with. */
static int faults(const decoder *d, int32_t x, int32_t y)
{
    int32_t pair[] = {x, x + 1, y, y + 1};
    int n = 0;
    for (int i = 0; i < 4; i++) {
        int again = i >= 2 && (pair[i] == pair[0] || pair[i] == pair[1]);
        n += !again && pair[i] < (int32_t)d->n_ends && is_fault(d, pair[i]);
    }
    return n;
}

/* Neighbours out of order are what counts; inversions show the way where many are. */
static int disorder(const decoder *d, int32_t x, int32_t y, int far)
{
    return far ? inversions(d, x) + inversions(d, y) : faults(d, x, y);
}

/* What an exchange of two ends adds to the disorder. */
static int cost_of(decoder *d, int32_t x, int32_t y, int far)
{
    int before = disorder(d, x, y, far);
    exchange(d, x, y);
    int after = disorder(d, x, y, far);
    exchange(d, x, y);
    return after - before;
}

/* The exchange of one of the two ends at a fault that leaves the least disorder, of
 * equals any, now and then a worse one (Minton et al. 1992, "Minimizing conflicts"). */
static void loosen(knots *k, int32_t fault, int far)
{
    decoder *d = k->d;
    int32_t best[2] = {-1, -1};
    int least = INT32_MAX, n = 0, is_any = bl_rng_below(&k->rng, 16) == 0;
    for (int32_t x = fault - 1; x <= fault; x++) {
        int pitch = pitch_of(d, x);
        int32_t from = (int32_t)bl_max(k->at[pitch], k->place[x] - NEAR);
        int32_t to = (int32_t)bl_min(k->at[pitch + 1], k->place[x] + NEAR + 1);
        for (int32_t i = from; i < to; i++) {
            int32_t y = k->end[i];
            if (!may_exchange(d, x, y))
                continue;
            k->looks++;
            int cost = is_any ? 0 : cost_of(d, x, y, far);
            n = cost < least ? 0 : n;
            if (cost > least || bl_rng_below(&k->rng, (uint32_t)++n) != 0)
                continue;
            least = cost;
            best[0] = x;
            best[1] = y;
        }
    }
    if (best[0] >= 0)
        exchange(d, best[0], best[1]);
    enqueue(k, fault);
    for (int i = 0; i < 2 && best[0] >= 0; i++) {
        enqueue(k, best[i]);
        enqueue(k, best[i] + 1);
    }
}

/* As many looks as a piece can afford: a sequence that no encoder wrote may have no
 * order. */
static int untie(decoder *d)
{
    knots k = {.d = d, .rng = bl_rng_make(1, 0)};
    int64_t most = bl_min(LOOKS, LOOKS_AN_END * (int64_t)d->n_ends);
    int is_tied = 0;
    for (size_t j = 0; j < d->n_ends && !is_tied; j++)
        is_tied = is_fault(d, (int32_t)j);
    int rc = is_tied ? list_ends(&k) : 0;
    for (int64_t i = 0; rc == 0 && k.n > 0 && k.looks < most && i < most; i++) {
        int32_t fault = dequeue(&k);
        if (is_fault(d, fault))
            loosen(&k, fault, i / TURN % 2 != 0);
    }
    free(k.end);
    free(k.place);
    free(k.queue);
    free(k.is_queued);
    return rc;
}

/* ---- tokens ---- */

static int read_token(decoder *d, int kind, int i, size_t *skipped)
{
    int rc = 0;
    switch (kind) {
    case PERF_ON:
        return begin(d, i);
    case PERF_OFF:
        rc = end(d, i);
        *skipped += rc == 0;
        return rc < 0 ? rc : 0;
    case PERF_SHIFT:
        if (d->step + i + 1 > PERF_SECONDS_MAX * d->s->grid) {
            ++*skipped;
            return 0;
        }
        d->moved = 1;
        d->step += i + 1;
        d->late = 0;
        d->last_pitch = -1;
        return 0;
    case PERF_VELOCITY:
        d->velocity = 1 + 4 * i;
        return 0;
    case PERF_PEDAL:
        return bl_song_add_pedal(
            d->song, (bl_pedal){.tick = ticks(d, d->step), .value = i ? 127 : 0}, d->e);
    default:
        *skipped += kind == BL_ID_MASK;
        return 0;
    }
}

/* Steps become ticks; notes without length are dropped. */
static void finish(decoder *d)
{
    bl_song *s = d->song;
    size_t kept = 0;
    for (size_t i = 0; i < d->n_ends; i++)
        s->notes[d->ends[i].note].off = d->ends[i].step;
    for (size_t i = 0; i < s->n_notes; i++) {
        bl_note n = s->notes[i];
        n.off = n.off < 0 ? d->step : n.off;
        if (n.off <= (int32_t)n.closed)
            continue;
        n.off = ticks(d, n.off);
        n.closed = (uint32_t)kept;
        s->notes[kept++] = n;
    }
    s->n_notes = kept;
    s->end = ticks(d, d->step);
}

int bl_perf_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                   size_t *skipped, bl_err *e)
{
    decoder d = {.s = s,
                 .song = song,
                 .e = e,
                 .velocity = VELOCITY_DEFAULT,
                 .moved = 1,
                 .last_pitch = -1};
    int rc = 0;
    for (int pitch = 0; pitch < 128; pitch++)
        d.head[pitch] = d.tail[pitch] = d.last_end[pitch] = -1;
    bl_song_clear(song);
    song->tpq = PERF_TPQ;
    *skipped = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        int kind = s->kind_of[ids[i]];
        if (kind == BL_ID_EOS) {
            *skipped += n - i - 1;
            break;
        }
        rc = read_token(&d, kind, ids[i] - s->first[kind], skipped);
    }
    if (rc == 0)
        rc = list_pitches(&d);
    if (rc == 0) {
        put_in_order(&d);
        rc = untie(&d);
    }
    if (rc == 0) {
        finish(&d);
        rc = bl_song_sort(song, e);
    }
    free(d.ends);
    free(d.of_pitch);
    free(d.owner);
    free(d.next);
    return rc;
}
