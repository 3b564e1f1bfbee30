/* remi_encode.c - songs to tokens of "remi".
 *
 * A note becomes one 64-bit key whose numeric order is the order of the tokens:
 * bar, position, melodic before drums, program, pitch, duration, velocity. */
#include "token/remi.h"
#include "base/sort.h"
#include "token/chords.h"
#include "token/keys.h"

#include <stdlib.h>

enum {
    VELOCITY_BITS = 5,
    DURATION_BITS = 7,
    PITCH_BITS = 7,
    PROGRAM_BITS = 8, /* BL_PROGRAM_DRUMS is one of them */
};

/* The last bits of a key, cut off: fields come out from the lowest up. */
static unsigned take(uint64_t *key, int bits)
{
    unsigned field = (unsigned)(*key & ((1u << bits) - 1));
    *key >>= bits;
    return field;
}

static bl_remi_moment moment_of_note(uint64_t key)
{
    return key >> (VELOCITY_BITS + DURATION_BITS + PITCH_BITS + PROGRAM_BITS);
}

static unsigned program_of(uint64_t key)
{
    key >>= VELOCITY_BITS + DURATION_BITS + PITCH_BITS;
    return take(&key, PROGRAM_BITS);
}

typedef struct {
    bl_remi_moment at;
    int bpm;
} tempo;

typedef struct {
    const bl_scheme *s;
    const bl_song *song;
    bl_scheme_fixes *fixes;
    bl_err *e;
    bl_remi_bars bars;
    uint64_t *note;      /* [song->n_notes] keys, sorted */
    bl_remi_tone *tones; /* [n_tones] melodic notes, those aside too, by `on` */
    size_t n_tones;
    tempo *tempos; /* [n_tempos] one a moment */
    size_t n_tempos;
    int key;                      /* if the scheme has it */
    bl_remi_items chords, pedals; /* empty without the option */

    /* next to be written */
    size_t i_note, i_tempo, i_chord, i_pedal;
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

static bl_remi_moment moment_of(const encoder *c, size_t *cursor, int32_t tick,
                                int *beyond)
{
    return bl_remi_moment_of(&c->bars, c->s->grid, c->song->tpq, cursor, tick, beyond);
}

/* Nominal ticks. */
static int32_t tick_of(const encoder *c, bl_remi_moment at)
{
    int step = bl_remi_position_ticks(c->s->grid);
    return c->bars.bar[at >> REMI_POSITION_BITS].at +
           (int32_t)bl_remi_position_of(at) * step;
}

static int duration_of(const encoder *c, const bl_note *n, bl_remi_moment at,
                       uint32_t *shortened)
{
    int step = bl_remi_position_ticks(c->s->grid);
    int64_t on = tick_of(c, at);
    int64_t ticks = bl_max((int64_t)n->off - n->on, 0);
    int64_t halves = nearest(ticks * 2 * c->s->grid, c->song->tpq);
    *shortened += halves > REMI_DURATION_MAX;
    int bin = bl_remi_duration_bin(halves);
    if (on + bl_remi_duration(bin) * (int64_t)(step / 2) > c->bars.end)
        bin = bl_remi_duration_bin_within((c->bars.end - on) / (step / 2));
    return bin;
}

/* Moments come in order already: only notes of one moment are to be sorted. */
static void sort_within_moments(uint64_t *key, size_t n)
{
    size_t first = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && moment_of_note(key[i]) == moment_of_note(key[first]))
            continue;
        if (i - first > 1)
            qsort(key + first, i - first, sizeof *key, bl_by_uint64);
        first = i;
    }
}

static int place_notes(const encoder *c, uint64_t **keys, const bl_note *notes,
                       size_t n_notes, uint32_t *shortened)
{
    size_t cursor = 0;
    *keys = bl_calloc(n_notes + 1, sizeof **keys, c->e);
    if (*keys == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n_notes; i++) {
        const bl_note *n = &notes[i];
        int beyond;
        bl_remi_moment at = moment_of(c, &cursor, n->on, &beyond);
        unsigned program = n->drum ? BL_PROGRAM_DRUMS : n->program & 127u;
        uint64_t key = at << PROGRAM_BITS | program;
        key = key << PITCH_BITS | (n->pitch & 127u);
        key = key << DURATION_BITS | (unsigned)duration_of(c, n, at, shortened);
        (*keys)[i] = key << VELOCITY_BITS | (unsigned)bl_remi_velocity_bin(n->velocity);
    }
    sort_within_moments(*keys, n_notes);
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
        bl_remi_moment at = moment_of(c, &cursor, t->tick, &beyond);
        if (beyond)
            continue;
        if (c->tempos[c->n_tempos - 1].at == at)
            c->n_tempos--;
        c->tempos[c->n_tempos++] = (tempo){at, bpm};
    }
    return 0;
}

/* The melodic notes as their tokens have them. */
static void add_tones(encoder *c, const uint64_t *keys, size_t n)
{
    int half = bl_remi_position_ticks(c->s->grid) / 2;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = keys[i] >> VELOCITY_BITS;
        int duration = bl_remi_duration((int)take(&key, DURATION_BITS));
        int pitch = (int)take(&key, PITCH_BITS);
        if (take(&key, PROGRAM_BITS) == BL_PROGRAM_DRUMS)
            continue;
        int32_t on = tick_of(c, key);
        int32_t off = (int32_t)bl_min(on + duration * half, c->bars.end);
        c->tones[c->n_tones++] = (bl_remi_tone){on, off, pitch};
    }
}

static int by_on(const void *a, const void *b)
{
    const bl_remi_tone *x = a, *y = b;
    return (x->on > y->on) - (x->on < y->on);
}

/* All that sounds, whatever parts are written. */
static int place_tones(encoder *c)
{
    const bl_song *song = c->song;
    uint64_t *aside = NULL;
    uint32_t unused = 0;
    c->tones = bl_calloc(song->n_notes + song->n_aside + 1, sizeof *c->tones, c->e);
    if (c->tones == NULL)
        return BL_E_NOMEM;
    add_tones(c, c->note, song->n_notes);
    if (song->n_aside == 0)
        return 0;
    int rc = place_notes(c, &aside, song->aside, song->n_aside, &unused);
    if (rc == 0) {
        add_tones(c, aside, song->n_aside);
        qsort(c->tones, c->n_tones, sizeof *c->tones, by_on);
    }
    free(aside);
    return rc;
}

/* The pitches as they would be in the common key, in order again. */
static void move_to_common_key(encoder *c)
{
    enum { SHIFT = DURATION_BITS + VELOCITY_BITS };
    int below = -bl_key_above_common(c->key);
    for (size_t i = 0; i < c->song->n_notes; i++) {
        uint64_t *key = &c->note[i], rest = *key >> SHIFT;
        uint64_t pitch = take(&rest, PITCH_BITS);
        if (program_of(*key) == BL_PROGRAM_DRUMS)
            continue;
        *key ^= (pitch ^ (uint64_t)bl_pitch_moved((int)pitch, below)) << SHIFT;
    }
    sort_within_moments(c->note, c->song->n_notes);
}

static int place_all(encoder *c)
{
    int rc = place_notes(c, &c->note, c->song->notes, c->song->n_notes,
                         &c->fixes->durations);
    if (rc == 0)
        rc = place_tempos(c);
    if (rc == 0 && (c->s->spec.chords || c->s->spec.key))
        rc = place_tones(c);
    if (rc == 0 && c->s->spec.key)
        c->key = bl_remi_key_of(c->song, c->tones, c->n_tones);
    if (rc == 0 && c->s->spec.common_key)
        move_to_common_key(c);
    if (rc == 0 && c->s->spec.chords && !c->song->hides_chords)
        rc = bl_remi_chords_of(&c->chords, &c->bars, c->s->grid, c->tones, c->n_tones,
                               c->e);
    if (rc == 0 && c->s->spec.pedal)
        rc = bl_remi_pedals_of(&c->pedals, &c->bars, c->s->grid, c->song, c->e);
    return rc;
}

/* ---- writing ---- */

static bl_remi_moment earlier(bl_remi_moment a, bl_remi_moment b)
{
    return a < b ? a : b;
}

static void emit(encoder *c, int kind, unsigned i)
{
    if (c->rc == 0)
        c->rc = bl_ids_add(c->ids, bl_token(c->s, kind, (int)i), c->e);
}

static void emit_program(encoder *c, unsigned program)
{
    if ((int)program != c->program)
        emit(c, REMI_PROGRAM, program);
    c->program = (int)program;
}

static void emit_note(encoder *c, uint64_t key)
{
    unsigned velocity = take(&key, VELOCITY_BITS);
    unsigned duration = take(&key, DURATION_BITS);
    unsigned pitch = take(&key, PITCH_BITS);
    unsigned program = take(&key, PROGRAM_BITS);
    int drum = program == BL_PROGRAM_DRUMS;
    if (!drum)
        emit_program(c, program);
    emit(c, drum ? REMI_DRUM : REMI_PITCH, pitch);
    emit(c, REMI_VELOCITY, velocity);
    emit(c, REMI_DURATION, duration);
}

static void emit_pedal(encoder *c, const bl_remi_item *pedal)
{
    emit_program(c, pedal->program);
    emit(c, REMI_PEDAL, pedal->value);
}

static void emit_bar(encoder *c, const bl_remi_bar *bar)
{
    emit(c, REMI_BAR, 0);
    if (bar->meter != c->meter)
        emit(c, REMI_TIMESIG, (unsigned)bar->meter);
    if (c->meter < 0 && c->s->spec.key)
        emit(c, REMI_KEY, (unsigned)c->key);
    c->meter = bar->meter;
}

/* The earliest moment with something to write; `end` if that is not before it. */
static bl_remi_moment next_moment(encoder *c, bl_remi_moment end)
{
    while (c->i_tempo < c->n_tempos && c->tempos[c->i_tempo].bpm == c->bpm)
        c->i_tempo++;
    bl_remi_moment at = end;
    if (c->i_note < c->song->n_notes)
        at = earlier(at, moment_of_note(c->note[c->i_note]));
    if (c->i_tempo < c->n_tempos)
        at = earlier(at, c->tempos[c->i_tempo].at);
    if (c->i_chord < c->chords.n)
        at = earlier(at, c->chords.item[c->i_chord].at);
    if (c->i_pedal < c->pedals.n)
        at = earlier(at, c->pedals.item[c->i_pedal].at);
    return at;
}

/* Notes and pedals of a moment by program, a pedal before the notes of its program. */
static void emit_played(encoder *c, bl_remi_moment at)
{
    for (;;) {
        int is_note =
            c->i_note < c->song->n_notes && moment_of_note(c->note[c->i_note]) == at;
        int is_pedal = c->i_pedal < c->pedals.n && c->pedals.item[c->i_pedal].at == at;
        if (is_pedal && is_note)
            is_pedal =
                c->pedals.item[c->i_pedal].program <= program_of(c->note[c->i_note]);
        if (is_pedal)
            emit_pedal(c, &c->pedals.item[c->i_pedal++]);
        else if (is_note)
            emit_note(c, c->note[c->i_note++]);
        else
            return;
    }
}

static void emit_chord(encoder *c, int chord)
{
    int below = c->s->spec.degrees ? 12 - bl_key_tonic(c->key) : 0;
    emit(c, REMI_CHORD, (unsigned)bl_chord_raise(chord, below));
}

static void emit_moment(encoder *c, bl_remi_moment at)
{
    emit(c, REMI_POSITION, bl_remi_position_of(at));
    if (c->i_chord < c->chords.n && c->chords.item[c->i_chord].at == at)
        emit_chord(c, c->chords.item[c->i_chord++].value);
    if (c->i_tempo < c->n_tempos && c->tempos[c->i_tempo].at == at) {
        c->bpm = c->tempos[c->i_tempo++].bpm;
        emit(c, REMI_TEMPO, (unsigned)(c->bpm - REMI_BPM_MIN));
    }
    emit_played(c, at);
}

static void emit_all(encoder *c)
{
    for (size_t i = 0; i < c->bars.n && c->rc == 0; i++) {
        bl_remi_moment end = (bl_remi_moment)(i + 1) << REMI_POSITION_BITS, at;
        emit_bar(c, &c->bars.bar[i]);
        while (c->rc == 0 && (at = next_moment(c, end)) < end)
            emit_moment(c, at);
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
        c.rc = place_all(&c);
        if (c.rc == 0)
            emit_all(&c);
    }
    if (c.rc == 0)
        *bars = c.bars.n;
    else
        ids->n = old;
    bl_remi_bars_free(&c.bars);
    free(c.note);
    free(c.tones);
    free(c.tempos);
    free(c.chords.item);
    free(c.pedals.item);
    return c.rc;
}
