/* remi_decode.c - tokens of "remi" to songs. Total: a token that makes no sense where
 * it stands is treated as absent and counted. */
#include "token/chords.h"
#include "token/keys.h"
#include "token/remi.h"

#include <string.h>

typedef struct {
    const bl_scheme *s;
    bl_song *song;
    size_t skipped;
    int last; /* kind of the last token that was not skipped, -1 before the first */
    size_t n_bars;
    int32_t start;    /* of the bar, in ticks */
    int meter, shown; /* of the bar; of the song's last meter event, -1 = none */
    int position;
    int program;
    int above;    /* semitones of the key above the pitches of the tokens */
    bl_note note; /* begun by Pitch or PitchDrum */
} decoder;

static int32_t bar_end(const decoder *d)
{
    return d->n_bars == 0 ? 0 : d->start + bl_remi_meter_ticks(d->meter);
}

/* Only at its end is it certain which time signature a bar has. */
static int close_bar(decoder *d, bl_err *e)
{
    int num, den_log2;
    if (d->n_bars == 0 || d->meter == d->shown)
        return 0;
    d->shown = d->meter;
    bl_remi_meter(d->meter, &num, &den_log2);
    return bl_song_add_meter(d->song, d->start, num, den_log2, e);
}

/* 1 if there is a bar now, 0 if the piece has reached its greatest length. */
static int open_bar(decoder *d, bl_err *e)
{
    int rc = close_bar(d, e);
    if (rc != 0)
        return rc;
    if (d->n_bars == BL_BARS_MAX || bar_end(d) > REMI_START_MAX)
        return 0;
    d->start = bar_end(d);
    d->n_bars++;
    d->position = 0;
    d->last = REMI_BAR;
    return 1;
}

static int32_t now(const decoder *d)
{
    return d->start + d->position * bl_remi_position_ticks(d->s->grid);
}

static int add_tempo(decoder *d, int i, bl_err *e)
{
    uint32_t bpm = (uint32_t)(REMI_BPM_MIN + i);
    return bl_song_add_tempo(d->song, now(d), (60000000 + bpm / 2) / bpm, e);
}

static int add_note(decoder *d, int i, bl_err *e)
{
    int half = bl_remi_position_ticks(d->s->grid) / 2;
    d->note.on = now(d);
    d->note.off = d->note.on + bl_remi_duration(i) * half;
    return bl_song_add_note(d->song, d->note, e);
}

/* A pedal is a channel's: each program gets one by a track of its own. */
static int add_pedal_value(decoder *d, int value, bl_err *e)
{
    return bl_song_add_pedal(d->song,
                             (bl_pedal){.tick = now(d),
                                        .value = (uint8_t)value,
                                        .program = (uint8_t)d->program,
                                        .track = (uint16_t)d->program},
                             e);
}

static int add_pedal(decoder *d, int move, bl_err *e)
{
    int rc = move == REMI_PRESSED ? 0 : add_pedal_value(d, 0, e);
    return rc == 0 && move != REMI_RELEASED ? add_pedal_value(d, 127, e) : rc;
}

static int add_key(decoder *d, int key, bl_err *e)
{
    if (d->s->spec.common_key)
        d->above = bl_key_above_common(key);
    return bl_song_add_key(d->song, 0, key, e);
}

static int add_chord(decoder *d, int chord, bl_err *e)
{
    char name[BL_CHORD_NAME_MAX + 1];
    int has_key = d->song->n_keys > 0;
    if (d->s->spec.degrees && has_key)
        chord = bl_chord_raise(chord, bl_key_tonic(d->song->keys[0].key));
    if (d->s->spec.degrees && !has_key)
        bl_chord_spell_degree(chord, name);
    else
        bl_chord_spell(chord, name);
    return bl_song_add_marker(d->song, now(d), name, e);
}

static int begins_note(int kind)
{
    return kind == REMI_PITCH || kind == REMI_DRUM;
}

static int is_skipped(const decoder *d, int kind)
{
    switch (kind) {
    case REMI_PAD:
    case REMI_BOS:
    case REMI_MASK:
        return 1;
    case REMI_TIMESIG:
        return d->last != REMI_BAR;
    case REMI_LABEL:
    case REMI_KEY:
        return 1;
    case REMI_VELOCITY:
        return !begins_note(d->last);
    case REMI_DURATION:
        return d->last != REMI_VELOCITY;
    default:
        return 0;
    }
}

/* Counts the tokens of a note that will not be completed by this kind. */
static size_t broken_note(const decoder *d, int kind)
{
    if (begins_note(d->last))
        return kind != REMI_VELOCITY;
    return d->last == REMI_VELOCITY && kind != REMI_DURATION ? 2 : 0;
}

static int read_token(decoder *d, int kind, int i, bl_err *e)
{
    d->last = kind;
    switch (kind) {
    case REMI_TIMESIG:
        d->meter = i;
        return 0;
    case REMI_POSITION:
        d->position = (int)bl_min(i, bl_remi_positions(d->meter, d->s->grid) - 1);
        return 0;
    case REMI_TEMPO:
        return add_tempo(d, i, e);
    case REMI_PROGRAM:
        d->program = i;
        return 0;
    case REMI_CHORD:
        return add_chord(d, i, e);
    case REMI_PEDAL:
        return add_pedal(d, i, e);
    case REMI_PITCH:
        d->note = (bl_note){.pitch = (uint8_t)bl_pitch_moved(i, d->above),
                            .program = (uint8_t)d->program};
        return 0;
    case REMI_DRUM:
        d->note = (bl_note){.pitch = (uint8_t)i, .drum = 1};
        return 0;
    case REMI_VELOCITY:
        d->note.velocity = (uint8_t)bl_remi_velocity(i);
        return 0;
    default:
        return add_note(d, i, e);
    }
}

/* Reads until EOS, the end, or the greatest length: *n_read tokens. */
static int read_all(decoder *d, const uint16_t *ids, size_t n, size_t *n_read,
                    bl_err *e)
{
    for (size_t t = 0; t < n; t++) {
        int kind = d->s->kind_of[ids[t]];
        *n_read = t + 1;
        if (kind == REMI_EOS)
            return 0;
        if (d->n_bars == 0 && kind == REMI_TIMESIG)
            d->last = REMI_BAR;
        if (is_skipped(d, kind)) {
            int is_key = kind == REMI_KEY && d->song->n_keys == 0;
            if (is_key && add_key(d, ids[t] - d->s->first[kind], e) != 0)
                return BL_E_NOMEM;
            d->skipped += !is_key && kind != REMI_PAD && kind != REMI_BOS &&
                          !(kind == REMI_LABEL && d->n_bars == 0);
            continue;
        }
        d->skipped += broken_note(d, kind);
        if (d->n_bars == 0 || kind == REMI_BAR) {
            int rc = open_bar(d, e);
            if (rc <= 0) {
                *n_read = t;
                return rc;
            }
        }
        if (kind == REMI_BAR)
            continue;
        int rc = read_token(d, kind, ids[t] - d->s->first[kind], e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- as it arrives ---- */

/* What is kept from bar to bar lies in the state as it is. */
_Static_assert(sizeof(decoder) <= sizeof((bl_decoder){0}.state), "it has no room");

void bl_remi_decode_begin(bl_decoder *arriving)
{
    decoder d = {
        .s = arriving->scheme, .song = arriving->song, .last = -1, .shown = -1};
    d.meter = REMI_METER_4_4;
    d.song->tpq = REMI_TPQ;
    memcpy(arriving->state, &d, sizeof d);
}

int bl_remi_decode_more(bl_decoder *arriving, const uint16_t *ids, size_t n, bl_err *e)
{
    decoder d;
    size_t n_read = 0;
    memcpy(&d, arriving->state, sizeof d);
    int rc = read_all(&d, ids, n, &n_read, e);
    d.skipped += n - n_read;
    arriving->skipped = d.skipped + broken_note(&d, -1);
    arriving->end = bar_end(&d);
    memcpy(arriving->state, &d, sizeof d);
    return rc;
}

/* ---- whole pieces ---- */

int bl_remi_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                   size_t *skipped, bl_err *e)
{
    decoder d = {.s = s, .song = song, .last = -1, .shown = -1};
    size_t n_read = 0;
    d.meter = REMI_METER_4_4;
    bl_song_clear(song);
    song->tpq = REMI_TPQ;
    int rc = read_all(&d, ids, n, &n_read, e);
    if (rc == 0)
        rc = close_bar(&d, e);
    if (rc != 0)
        return rc;
    song->end = bar_end(&d);
    for (size_t i = 0; i < song->n_notes; i++)
        song->notes[i].off = (int32_t)bl_min(song->notes[i].off, song->end);
    *skipped = d.skipped + broken_note(&d, -1) + (n - n_read);
    return bl_song_sort(song, e);
}
