/* remi2020.c - see remi2020.h: the vocabulary of "remi-2020", and tokens to songs. */
#include "token/remi2020.h"

#include <stdio.h>

static const bl_kind kinds[R20_N_KINDS] = {
    {"PAD", BL_IS_SPECIAL},       {"BOS", BL_IS_SPECIAL},
    {"EOS", BL_IS_SPECIAL},       {"MASK", BL_IS_SPECIAL},
    {"Bar", BL_IS_BAR},           {"Position", BL_IS_POSITION},
    {"Chord", BL_IS_CHORD},       {"Tempo-Class", BL_IS_OTHER},
    {"Tempo-Value", BL_IS_OTHER}, {"Note-Velocity", BL_IS_OTHER},
    {"Note-On", BL_IS_NOTE},      {"Note-Duration", BL_IS_OTHER},
};

static int count(int kind, const bl_spec *spec)
{
    static const int n[R20_N_KINDS] = {[R20_POSITION] = R20_POSITIONS,
                                       [R20_CLASS] = 3,
                                       [R20_TEMPO] = 60,
                                       [R20_VELOCITY] = 32,
                                       [R20_ON] = 128,
                                       [R20_DURATION] = 64};
    if (kind == R20_CHORD)
        return spec->chords ? CHORD_WORDS : 0;
    return n[kind] > 0 ? n[kind] : 1;
}

/* Names of the published code, with '-' for the blank. */
static void word(int kind, int i, const bl_spec *spec, char name[BL_WORD_MAX + 1])
{
    static const char classes[3][5] = {"slow", "mid", "fast"};
    char chord[16];
    (void)spec;
    if (kind < BL_N_SPECIALS)
        snprintf(name, BL_WORD_MAX + 1, "%s", kinds[kind].name);
    else if (kind == R20_BAR)
        snprintf(name, BL_WORD_MAX + 1, "Bar_None");
    else if (kind == R20_POSITION)
        snprintf(name, BL_WORD_MAX + 1, "Position_%d/%d", i + 1, R20_POSITIONS);
    else if (kind == R20_CLASS)
        snprintf(name, BL_WORD_MAX + 1, "%s_%s", kinds[kind].name, classes[i]);
    else if (kind != R20_CHORD)
        snprintf(name, BL_WORD_MAX + 1, "%s_%d", kinds[kind].name, i);
    else {
        bl_chord_name(i, chord);
        snprintf(name, BL_WORD_MAX + 1, "%s_%s", kinds[kind].name, chord);
    }
}

const bl_scheme_ops bl_remi2020_ops = {
    .name = "remi-2020",
    .grids = {4, 0},
    .takes_chords = 1,
    .reading = BL_READ_CLOSE_ALL,
    .writing = BL_WRITE_ONE_TRACK,
    .is_strict = 1,
    .kinds = kinds,
    .n_kinds = R20_N_KINDS,
    .count = count,
    .word = word,
    .encode = bl_r20_encode,
    .decode = bl_r20_decode,
    .grammar_start = bl_r20_grammar_start,
    .grammar_step = bl_r20_grammar_step,
    .grammar_mask = bl_r20_grammar_mask,
    .pace_step = bl_r20_pace_step,
    .pace_end = bl_r20_pace_end,
};

/* ---- tokens to songs ---- */

typedef struct {
    const bl_scheme *s;
    const uint16_t *ids;
    size_t n;
    bl_song *song;
    int64_t bar; /* ticks: where the bar begins */
} decoder;

/* 1 if the token at i is of the kind; *value is its number. */
static int is_kind(const decoder *d, size_t i, int kind, int *value)
{
    if (i >= d->n || d->s->kind_of[d->ids[i]] != kind)
        return 0;
    *value = d->ids[i] - d->s->first[kind];
    return 1;
}

/* What begins with the Position at i: the number of its tokens, 0 if nothing does. */
static size_t read_item(decoder *d, size_t i, bl_err *e, int *rc)
{
    int position, a, b, c;
    if (!is_kind(d, i, R20_POSITION, &position))
        return 0;
    int32_t tick = (int32_t)(d->bar + position * R20_STEP);
    if (is_kind(d, i + 1, R20_VELOCITY, &a) && is_kind(d, i + 2, R20_ON, &b) &&
        is_kind(d, i + 3, R20_DURATION, &c)) {
        bl_note note = {.on = tick,
                        .off = tick + R20_DURATION_STEP * (c + 1),
                        .pitch = (uint8_t)b,
                        .velocity = (uint8_t)(4 * a)};
        *rc = a > 0 ? bl_song_add_note(d->song, note, e)
                    : bl_song_add_mute(d->song, note, e);
        return 4;
    }
    if (is_kind(d, i + 1, R20_CHORD, &a)) {
        char name[16];
        bl_chord_name(a, name);
        *rc = bl_song_add_marker(d->song, tick, name, e);
        return 2;
    }
    if (is_kind(d, i + 1, R20_CLASS, &a) && is_kind(d, i + 2, R20_TEMPO, &b)) {
        uint32_t bpm = (uint32_t)(30 + 60 * a + b);
        *rc = bl_song_add_tempo(d->song, tick, (60000000 + bpm / 2) / bpm, e);
        return 3;
    }
    return 0;
}

/* The published decoder begins nothing at the last three tokens. */
static int read_all(decoder *d, size_t *skipped, bl_err *e)
{
    int rc = 0, unused;
    size_t last = d->n >= 4 ? d->n - 4 : 0;
    for (size_t i = 0; i < d->n && rc == 0;) {
        if (is_kind(d, i, R20_BAR, &unused)) {
            if (i > 0 && d->bar + 2 * R20_BAR_TICKS < BL_TICK_MAX - R20_BAR_TICKS * 2)
                d->bar += R20_BAR_TICKS;
            i++;
            continue;
        }
        size_t used = d->n >= 4 && i <= last ? read_item(d, i, e, &rc) : 0;
        *skipped += used == 0 && d->ids[i] > BL_ID_EOS;
        i += used > 0 ? used : 1;
    }
    return rc;
}

int bl_r20_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                  size_t *skipped, bl_err *e)
{
    decoder d = {.s = s, .song = song};
    /* BOS in front and what follows EOS are not of the piece */
    size_t from = n > 0 && ids[0] == BL_ID_BOS, to = from;
    while (to < n && ids[to] != BL_ID_EOS)
        to++;
    d.ids = ids + from;
    d.n = to - from;
    bl_song_clear(song);
    song->tpq = CHORD_BEAT;
    *skipped = n - to > 1 ? n - to - 1 : 0;
    int rc = bl_song_add_meter(song, 0, 4, 2, e);
    if (rc == 0)
        rc = read_all(&d, skipped, e);
    if (rc != 0)
        return rc;
    int has_first = 0;
    for (size_t i = 0; i < song->n_tempos; i++)
        has_first |= song->tempos[i].tick == 0;
    if (!has_first)
        rc = bl_song_add_tempo(song, 0, 500000, e);
    if (rc != 0)
        return rc;
    song->end = (int32_t)(d.n > 0 ? d.bar + R20_BAR_TICKS : 0);
    for (size_t i = 0; i < song->n_notes; i++)
        song->end = (int32_t)bl_max(song->end, song->notes[i].off);
    return bl_song_sort(song, e);
}
