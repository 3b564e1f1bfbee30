/* remi_encode.c - songs to tokens of "remi".
 *
 * A note becomes one 64-bit key whose numeric order is the order of the tokens:
 * bar, position, melodic before drums, program, pitch, duration, velocity. */
#include "token/remi.h"

#include <stdlib.h>

enum {
    VELOCITY_BITS = 5,
    DURATION_BITS = 7,
    PITCH_BITS = 7,
    PROGRAM_BITS = 8, /* BL_PROGRAM_DRUMS is one of them */
    POSITION_BITS = 9,
};

/* The last bits of a key, cut off: fields come out from the lowest up. */
static unsigned take(uint64_t *key, int bits)
{
    unsigned field = (unsigned)(*key & ((1u << bits) - 1));
    *key >>= bits;
    return field;
}

/* Of a key of a note or a tempo change: bar and position, in one number. */
typedef uint64_t moment;

static moment moment_of_note(uint64_t key)
{
    return key >> (VELOCITY_BITS + DURATION_BITS + PITCH_BITS + PROGRAM_BITS);
}

typedef struct {
    moment at;
    int bpm;
} tempo;

typedef struct {
    const bl_scheme *s;
    const bl_song *song;
    bl_scheme_fixes *fixes;
    bl_err *e;
    bl_remi_bars bars;
    uint64_t *note; /* [song->n_notes] keys, sorted */
    tempo *tempos;  /* [n_tempos] one a moment */
    size_t n_tempos;

    /* what was written last, -1 = nothing yet */
    bl_ids *ids;
    int rc;
    int meter, bpm, program;
} encoder;

/* ---- quantising ---- */

/* x / y to the nearest whole number, halves up; x >= 0. */
static int64_t nearest(int64_t x, int64_t y)
{
    return (2 * x + y) / (2 * y);
}

/* The bar and position nearest to a tick that is not before the tick of the last call
 * with this cursor. *beyond is set where that would be after the last bar; the moment
 * is then the last position there is. */
static moment moment_of(const encoder *c, size_t *cursor, int32_t tick, int *beyond)
{
    const bl_remi_bars *b = &c->bars;
    int64_t when = bl_max(tick, 0) * 8;
    size_t i = *cursor;
    while (i + 1 < b->n && when >= b->bar[i + 1].from)
        i++;
    *cursor = i;
    int n_positions = bl_remi_positions(b->bar[i].meter, c->s->grid);
    int64_t offset = bl_max(when - b->bar[i].start, 0);
    int64_t position = nearest(offset * c->s->grid, (int64_t)c->song->tpq * 8);
    *beyond = 0;
    if (position >= n_positions) {
        *beyond = i + 1 == b->n;
        position = *beyond ? n_positions - 1 : 0;
        i += !*beyond;
    }
    return (moment)i << POSITION_BITS | (moment)position;
}

static int duration_of(const encoder *c, const bl_note *n, moment at)
{
    int step = bl_remi_position_ticks(c->s->grid);
    int64_t position = (int64_t)(at & ((1u << POSITION_BITS) - 1));
    int64_t on = c->bars.bar[at >> POSITION_BITS].at + position * step;
    int64_t ticks = bl_max((int64_t)n->off - n->on, 0);
    int64_t halves = nearest(ticks * 2 * c->s->grid, c->song->tpq);
    c->fixes->durations += halves > REMI_DURATION_MAX;
    int bin = bl_remi_duration_bin(halves);
    if (on + bl_remi_duration(bin) * (int64_t)(step / 2) > c->bars.end)
        bin = bl_remi_duration_bin_within((c->bars.end - on) / (step / 2));
    return bin;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Moments come in order already: only notes of one moment are to be sorted. */
static void sort_within_moments(uint64_t *key, size_t n)
{
    size_t first = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && moment_of_note(key[i]) == moment_of_note(key[first]))
            continue;
        if (i - first > 1)
            qsort(key + first, i - first, sizeof *key, by_value);
        first = i;
    }
}

static int place_notes(encoder *c)
{
    size_t cursor = 0;
    c->note = bl_calloc(c->song->n_notes, sizeof *c->note, c->e);
    if (c->note == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < c->song->n_notes; i++) {
        const bl_note *n = &c->song->notes[i];
        int beyond;
        moment at = moment_of(c, &cursor, n->on, &beyond);
        unsigned program = n->drum ? BL_PROGRAM_DRUMS : n->program & 127u;
        uint64_t key = at << PROGRAM_BITS | program;
        key = key << PITCH_BITS | (n->pitch & 127u);
        key = key << DURATION_BITS | (unsigned)duration_of(c, n, at);
        c->note[i] = key << VELOCITY_BITS | (unsigned)bl_remi_velocity_bin(n->velocity);
    }
    sort_within_moments(c->note, c->song->n_notes);
    return 0;
}

static int bpm_of(uint32_t us, uint32_t *clamped)
{
    int64_t bpm = nearest(60000000, bl_max(us, 1));
    int64_t kept = bl_clamp(bpm, REMI_BPM_MIN, REMI_BPM_MAX);
    *clamped += kept != bpm;
    return (int)kept;
}

/* The first tempo stands at the very beginning; later, several at one moment are one.
 */
static int place_tempos(encoder *c)
{
    size_t cursor = 0;
    c->tempos = bl_calloc(c->song->n_tempos + 1, sizeof *c->tempos, c->e);
    if (c->tempos == NULL)
        return BL_E_NOMEM;
    c->tempos[0] = (tempo){0, REMI_BPM_DEFAULT};
    c->n_tempos = 1;
    for (size_t i = 0; i < c->song->n_tempos; i++) {
        const bl_tempo *t = &c->song->tempos[i];
        int beyond;
        int bpm = bpm_of(t->us, &c->fixes->tempos);
        moment at = moment_of(c, &cursor, t->tick, &beyond);
        if (beyond)
            continue;
        if (c->tempos[c->n_tempos - 1].at == at)
            c->n_tempos--;
        c->tempos[c->n_tempos++] = (tempo){at, bpm};
    }
    return 0;
}

/* ---- writing ---- */

static void emit(encoder *c, int kind, unsigned i)
{
    if (c->rc == 0)
        c->rc = bl_ids_add(c->ids, bl_token(c->s, kind, (int)i), c->e);
}

static void emit_note(encoder *c, uint64_t key)
{
    unsigned velocity = take(&key, VELOCITY_BITS);
    unsigned duration = take(&key, DURATION_BITS);
    unsigned pitch = take(&key, PITCH_BITS);
    unsigned program = take(&key, PROGRAM_BITS);
    int drum = program == BL_PROGRAM_DRUMS;
    if (!drum && (int)program != c->program) {
        emit(c, REMI_PROGRAM, program);
        c->program = (int)program;
    }
    emit(c, drum ? REMI_DRUM : REMI_PITCH, pitch);
    emit(c, REMI_VELOCITY, velocity);
    emit(c, REMI_DURATION, duration);
}

static void emit_bar(encoder *c, const bl_remi_bar *bar)
{
    emit(c, REMI_BAR, 0);
    if (bar->meter != c->meter)
        emit(c, REMI_TIMESIG, (unsigned)bar->meter);
    c->meter = bar->meter;
}

static void emit_all(encoder *c)
{
    size_t n = 0, t = 0;
    for (size_t i = 0; i < c->bars.n && c->rc == 0; i++) {
        emit_bar(c, &c->bars.bar[i]);
        moment end = (moment)(i + 1) << POSITION_BITS;
        for (;;) {
            moment note_at = n < c->song->n_notes ? moment_of_note(c->note[n]) : end;
            while (t < c->n_tempos && c->tempos[t].bpm == c->bpm)
                t++;
            moment tempo_at = t < c->n_tempos ? c->tempos[t].at : end;
            moment at = tempo_at < note_at ? tempo_at : note_at;
            if (at >= end)
                break;
            emit(c, REMI_POSITION, (unsigned)(at & ((1u << POSITION_BITS) - 1)));
            if (tempo_at == at) {
                c->bpm = c->tempos[t++].bpm;
                emit(c, REMI_TEMPO, (unsigned)(c->bpm - REMI_BPM_MIN));
            }
            while (n < c->song->n_notes && moment_of_note(c->note[n]) == at)
                emit_note(c, c->note[n++]);
        }
    }
}

int bl_remi_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                   bl_scheme_fixes *fixes, bl_err *e)
{
    encoder c = {.s = s, .song = song, .fixes = fixes, .e = e, .ids = ids};
    size_t old = ids->n;
    c.meter = c.bpm = c.program = -1;
    *bars = 0;
    c.rc = bl_remi_bars_of(&c.bars, song, &fixes->meters, e);
    if (c.rc == 0 && c.bars.n > 0) {
        c.rc = place_notes(&c);
        if (c.rc == 0)
            c.rc = place_tempos(&c);
        if (c.rc == 0)
            emit_all(&c);
    }
    if (c.rc == 0)
        *bars = c.bars.n;
    else
        ids->n = old;
    bl_remi_bars_free(&c.bars);
    free(c.note);
    free(c.tempos);
    return c.rc;
}
