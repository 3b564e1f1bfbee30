/* view_bars.c - the bars of a piece and what is counted along them.
 *
 * Bars follow the time signatures; one that changes inside a bar cuts it. A rest of a
 * bar shorter than a 32nd note is no bar: its time belongs to the next one. Likewise
 * the end of the piece, so that a few ticks too many make no bar. A file has then as
 * many bars as its tokens in the scheme "remi", but where a time signature is longer
 * than those of the vocabulary and "remi" makes several bars of one. */
#include "feature/view.h"

/* Parts of a tick. Exact: the denominator is at most 128. */
static int64_t bar_length(const bl_meter *m, int tpq)
{
    return ((int64_t)m->num * 4 * BL_VIEW_PARTS * tpq) >> m->den_log2;
}

/* ---- where bars begin ---- */

static int add_bar(bl_view *v, bl_view_bar bar, bl_err *e)
{
    if (v->n_bars >= BL_BARS_MAX)
        return bl_fail(e, BL_E_LIMIT, "the piece is longer than %zu bars", v->n_bars);
    void *p = v->bars;
    int rc = bl_grow(&p, &v->cap_bars, v->n_bars + 1, sizeof *v->bars, e);
    v->bars = p;
    if (rc == 0)
        v->bars[v->n_bars++] = bar;
    return rc;
}

/* Which of the song's time signatures holds. */
typedef struct {
    const bl_song *song;
    size_t next; /* first that has not been passed */
    bl_meter now;
} meters;

/* Passes the time signatures up to a moment. Numerators of 0 mean nothing. */
static void pass_meters(meters *m, int64_t moment)
{
    const bl_song *s = m->song;
    for (; m->next < s->n_meters; m->next++) {
        const bl_meter *meter = &s->meters[m->next];
        if ((int64_t)meter->tick * BL_VIEW_PARTS > moment)
            return;
        if (meter->num > 0)
            m->now = *meter;
    }
}

/* The moment at which a bar that begins at `start` is over: after its full length, or
 * where another time signature cuts it. */
static int64_t bar_over(const meters *m, int64_t start)
{
    const bl_song *s = m->song;
    int64_t over = start + bar_length(&m->now, s->tpq);
    meters ahead = *m;
    while (ahead.next < s->n_meters) {
        int64_t moment = (int64_t)s->meters[ahead.next].tick * BL_VIEW_PARTS;
        if (moment >= over)
            break;
        pass_meters(&ahead, moment);
        if (ahead.now.num != m->now.num || ahead.now.den_log2 != m->now.den_log2)
            return moment;
    }
    return over;
}

static int find_bars(bl_view *v, bl_err *e)
{
    const bl_song *s = v->in.song;
    const int64_t shortest = s->tpq * (BL_VIEW_PARTS / 8);
    int64_t end = bl_max(s->end, v->last) * BL_VIEW_PARTS;
    int64_t from = 0, start = 0;
    meters m = {.song = s, .now = {.num = 4, .den_log2 = 2}};
    if (v->in.meter_num > 0) {
        m.now = (bl_meter){0, v->in.meter_num, v->in.meter_den_log2};
        m.next = s->n_meters;
    }
    while (start + shortest <= end || (v->n_bars == 0 && s->n_notes > 0)) {
        pass_meters(&m, start);
        int64_t over = bar_over(&m, start);
        int is_cut = over < start + bar_length(&m.now, s->tpq);
        if (!is_cut || over - start >= shortest) {
            bl_view_bar bar = {.from = from, .start = start, .length = over - start};
            int rc = add_bar(v, bar, e);
            if (rc != 0)
                return rc;
            from = over;
        }
        start = over;
    }
    return 0;
}

/* ---- what is in them ---- */

static size_t count_music_bars(const bl_view *v)
{
    const bl_song *s = v->in.song;
    const int64_t shortest = s->tpq * (BL_VIEW_PARTS / 8);
    size_t n = 0;
    if (s->n_notes == 0)
        return 0;
    while (n < v->n_bars &&
           v->bars[n].start + shortest <= (int64_t)v->last * BL_VIEW_PARTS)
        n++;
    /* The last note may be shorter than a 32nd, or have no length at all. */
    int64_t on = (int64_t)v->last_on * BL_VIEW_PARTS;
    while (n < v->n_bars && (n == 0 || v->bars[n].from <= on))
        n++;
    return n;
}

/* More than 1/48 of a quarter note from the nearest sixteenth of the bar. */
static int is_off_grid(const bl_view *v, int64_t from_start)
{
    const int64_t quarter = (int64_t)v->in.song->tpq * BL_VIEW_PARTS;
    int64_t sixteenth = quarter / 4;
    int64_t past = (from_start % sixteenth + sixteenth) % sixteenth;
    return bl_min(past, sixteenth - past) * 48 > quarter;
}

/* Moves *bar to the one the note is placed in, for first_pitched; sets its bit. */
static void place(bl_view *v, const bl_note *note, size_t within, size_t *placed,
                  size_t n_pitched)
{
    const bl_view_bar *bar = &v->bars[within];
    int64_t offset = bl_max((int64_t)note->on * BL_VIEW_PARTS - bar->start, 0);
    int64_t position =
        (2 * BL_VIEW_POSITIONS * offset + bar->length) / (2 * bar->length);
    if (position >= BL_VIEW_POSITIONS) {
        int is_last = within + 1 >= v->n_music_bars;
        position = is_last ? BL_VIEW_POSITIONS - 1 : 0;
        within += !is_last;
    }
    while (*placed < within)
        v->bars[++*placed].first_pitched = n_pitched;
    v->bars[within].onsets |= (uint16_t)(1u << position);
    if (!note->drum)
        v->bars[within].pitched_onsets |= (uint16_t)(1u << position);
}

static void place_notes(bl_view *v)
{
    const bl_song *s = v->in.song;
    size_t within = 0, placed = 0, n_pitched = 0;
    for (size_t i = 0; i < s->n_notes; i++) {
        const bl_note *note = &s->notes[i];
        int64_t on = (int64_t)note->on * BL_VIEW_PARTS;
        while (within + 1 < v->n_music_bars && v->bars[within + 1].from <= on)
            within++;
        if (is_off_grid(v, on - v->bars[within].start))
            v->n_off_grid++;
        place(v, note, within, &placed, n_pitched);
        n_pitched += !note->drum;
    }
    while (placed + 1 < v->n_bars)
        v->bars[++placed].first_pitched = n_pitched;
}

/* A note of no length counts as one tick long. */
static int64_t sounds_until(const bl_note *note)
{
    return bl_max(note->off, (int64_t)note->on + 1);
}

/* Counts the quarters in which nothing sounds: the whole ones in each gap. */
static void count_empty_beats(bl_view *v)
{
    const bl_song *s = v->in.song;
    int64_t covered = 0; /* beats before this one are decided */
    for (size_t i = 0; i < s->n_notes; i++) {
        int64_t first = s->notes[i].on / s->tpq;
        int64_t past = (sounds_until(&s->notes[i]) + s->tpq - 1) / s->tpq;
        if (first > covered)
            v->n_empty_beats += (size_t)(first - covered);
        covered = bl_max(covered, past);
    }
    v->n_beats = (size_t)covered;
}

static void count_empty_bars(bl_view *v)
{
    const bl_song *s = v->in.song;
    int64_t silent_from = 0; /* parts of a tick: end of the notes so far */
    size_t i = 0;
    for (size_t b = 0; b < v->n_music_bars; b++) {
        const bl_view_bar *bar = &v->bars[b];
        int64_t over = bar->start + bar->length;
        int is_empty = silent_from <= bar->from;
        for (; i < s->n_notes && (int64_t)s->notes[i].on * BL_VIEW_PARTS < over; i++) {
            silent_from =
                bl_max(silent_from, sounds_until(&s->notes[i]) * BL_VIEW_PARTS);
            is_empty = 0;
        }
        v->n_empty_bars += (size_t)is_empty;
    }
}

int bl_view_make_bars(bl_view *v, bl_err *e)
{
    int rc = find_bars(v, e);
    if (rc != 0)
        return rc;
    v->n_music_bars = count_music_bars(v);
    if (v->n_music_bars > 0)
        place_notes(v);
    count_empty_beats(v);
    count_empty_bars(v);
    return 0;
}
