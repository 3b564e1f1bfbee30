/* plan.c - see plan.h. A bar with a chord or a tempo that is due begins with them, at
 * position 0; a meter stands right behind Bar. */
#include "token/plan.h"
#include "base/instruments.h"
#include "token/chord_symbol.h"
#include "token/keys.h"
#include "token/remi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bl_plan_free(bl_plan *p)
{
    bl_ids_free(&p->labels);
    bl_ids_free(&p->chords);
    bl_ids_free(&p->key);
    bl_ids_free(&p->tempo);
    bl_ids_free(&p->meter);
    *p = (bl_plan){0};
}

/* ---- what is settled ---- */

static int take_scheme(bl_plan *p, const bl_scheme *scheme, const char *what, bl_err *e)
{
    if (strcmp(bl_scheme_name(scheme), "remi") != 0)
        return bl_fail(e, BL_E_ARG,
                       "%s cannot be settled in the scheme '%s', only in 'remi'", what,
                       bl_scheme_name(scheme));
    p->scheme = scheme;
    return 0;
}

static int add_word(bl_plan *p, bl_ids *ids, const char *word, bl_err *e)
{
    int id = bl_words_find(bl_scheme_words(p->scheme), word, strlen(word));
    if (id < 0)
        return bl_fail(e, BL_E_ARG, "the model's scheme has no token '%s'", word);
    return bl_ids_add(ids, (unsigned)id, e);
}

int bl_plan_tempo(bl_plan *p, const bl_scheme *scheme, int bpm, bl_err *e)
{
    char word[BL_WORD_MAX + 1];
    int rc = take_scheme(p, scheme, "the tempo", e);
    if (rc == 0 && (bpm < REMI_BPM_MIN || bpm > REMI_BPM_MAX))
        return bl_fail(e, BL_E_ARG, "a tempo of %d is not within %d..%d", bpm,
                       REMI_BPM_MIN, REMI_BPM_MAX);
    snprintf(word, sizeof word, "Tempo_%d", bpm);
    return rc == 0 ? add_word(p, &p->tempo, word, e) : rc;
}

/* What has been read of a list. */
typedef struct {
    int n_symbols, n_degrees;
    int64_t sounds[12]; /* of the symbols' pitch classes */
} chord_list;

static int add_chord(bl_plan *p, chord_list *list, const char *text, size_t len,
                     bl_err *e)
{
    int has_degrees = bl_scheme_spec(p->scheme)->degrees, rc = 0;
    int chord, bars, is_known = bl_chord_symbol(text, len, &chord, &bars);
    list->n_symbols += is_known && chord != BL_NO_CHORD;
    if (!is_known && has_degrees) {
        is_known = bl_chord_degree(text, len, &chord, &bars);
        list->n_degrees += is_known;
    }
    if (!is_known)
        return bl_fail(e, BL_E_ARG,
                       "'%.*s' is no chord; one is 'Am7', 'F#', 'C/E', 'G7:2' (two "
                       "bars)%s or 'N'",
                       (int)bl_min((int64_t)len, 20), text,
                       has_degrees ? ", 'bVII7', 'vi'" : "");
    if (list->n_symbols > 0 && list->n_degrees > 0)
        return bl_fail(e, BL_E_ARG, "chords are symbols or degrees, not both");
    for (int c = 0; c < 12; c++)
        list->sounds[c] += bl_chord_classes(chord) >> c & 1;
    for (int i = 0; i < bars && rc == 0; i++)
        rc = bl_ids_add(&p->chords, bl_token(p->scheme, REMI_CHORD, chord), e);
    return rc;
}

static int knows_no_chords(const bl_scheme *scheme, bl_err *e)
{
    bl_spec spec = *bl_scheme_spec(scheme);
    char command[BL_SPEC_TEXT_MAX + 1];
    spec.chords = 1;
    spec.degrees = spec.common_key;
    bl_spec_command(&spec, command);
    return bl_fail(e, BL_E_ARG,
                   "the model knows no chords; train it on tokens made with '%s'",
                   command);
}

int bl_plan_chords(bl_plan *p, const bl_scheme *scheme, const char *text, bl_err *e)
{
    static const char between[] = " ,|\t\n";
    chord_list list = {0};
    int rc = take_scheme(p, scheme, "chords", e);
    if (rc == 0 && !bl_scheme_spec(scheme)->chords)
        return knows_no_chords(scheme, e);
    text += strspn(text, between);
    while (rc == 0 && *text != '\0') {
        size_t len = strcspn(text, between);
        rc = add_chord(p, &list, text, len, e);
        text += len;
        text += strspn(text, between);
    }
    if (rc == 0 && p->chords.n == 0)
        return bl_fail(e, BL_E_ARG, "no chord is named; one is 'Am7', 'F#' or 'N'");
    if (rc != 0 || list.n_symbols == 0 || !bl_scheme_spec(scheme)->key)
        return rc;
    p->of_c = bl_scheme_spec(scheme)->degrees;
    return bl_ids_add(&p->key, bl_token(scheme, REMI_KEY, bl_key_find(list.sounds)), e);
}

int bl_plan_meter(bl_plan *p, const bl_scheme *scheme, int num, int den_log2, bl_err *e)
{
    char word[BL_WORD_MAX + 1];
    int rc = take_scheme(p, scheme, "the meter", e);
    snprintf(word, sizeof word, "TimeSig_%d/%d", num, 1 << den_log2);
    return rc == 0 ? add_word(p, &p->meter, word, e) : rc;
}

int bl_plan_programs(bl_plan *p, const bl_scheme *scheme, const char *text, bl_err *e)
{
    unsigned char wanted[BL_PROGRAMS] = {0};
    int rc = take_scheme(p, scheme, "instruments", e);
    while (rc == 0 && *text != '\0') {
        size_t len = strcspn(text, ",");
        if (!bl_instruments_word(text, len, wanted, &p->has_drums))
            return bl_fail(
                e, BL_E_ARG,
                "'%.*s' is no instrument; those are programs (0, 32-39), "
                "families (piano, guitar, bass, strings, ...), names (violin, "
                "alto-sax, ...) and drums",
                (int)bl_min((int64_t)len, 20), text);
        text += len + (text[len] == ',');
        p->has_programs = 1;
    }
    for (int i = 0; i < BL_PROGRAMS; i++)
        if (wanted[i])
            p->programs[i / 32] |= (uint32_t)1 << i % 32;
    return rc == 0 && !p->has_programs
               ? bl_fail(e, BL_E_ARG, "no instrument is named; one is 'piano'")
               : rc;
}

int bl_plan_key(bl_plan *p, const bl_scheme *scheme, const char *text, bl_err *e)
{
    static const unsigned scales[] = {0xab5, 0xdad}; /* from the tonic: major, minor */
    int key, rc = take_scheme(p, scheme, "the key", e);
    if (rc != 0)
        return rc;
    if (!bl_key_symbol(text, strlen(text), &key))
        return bl_fail(e, BL_E_ARG,
                       "'%.20s' is no key; one is 'C', 'F#m' or 'Bb minor'", text);
    p->key.n = 0;
    if (bl_scheme_spec(scheme)->key)
        return bl_ids_add(&p->key, bl_token(scheme, REMI_KEY, key), e);
    unsigned scale = scales[key >= BL_KEYS_MINOR] << bl_key_tonic(key);
    p->scale = (scale | scale >> 12) & 0xfff;
    return 0;
}

int bl_plan_in_scale(const bl_plan *p, unsigned id)
{
    int kind = p->scheme->kind_of[id], i = (int)id - p->scheme->first[kind];
    return kind == REMI_PITCH   ? (int)(p->scale >> i % 12 & 1)
           : kind == REMI_CHORD ? (bl_chord_classes(i) & ~p->scale) == 0
                                : 0;
}

int bl_plan_density(bl_plan *p, const bl_scheme *scheme, double density,
                    const int32_t *known, bl_err *e)
{
    p->density = density;
    p->known = known;
    return take_scheme(p, scheme, "the density", e);
}

int bl_plan_names(const bl_plan *p, unsigned id)
{
    int kind = p->scheme->kind_of[id], i = (int)id - p->scheme->first[kind];
    return kind == REMI_DRUM      ? p->has_drums
           : kind == REMI_PROGRAM ? (int)(p->programs[i / 32] >> i % 32 & 1)
                                  : 0;
}

void bl_plan_sense(bl_plan *p, const bl_scheme *scheme, int leaves_pickups)
{
    if (strcmp(bl_scheme_name(scheme), "remi") != 0)
        return;
    p->scheme = scheme;
    p->has_sense = 1;
    p->leaves_pickups = leaves_pickups;
}

/* In the order of the vocabulary, and one of each prefix: as the grammar has it. */
static int order_labels(bl_plan *p, bl_err *e)
{
    bl_grammar g;
    bl_grammar_start(&g, p->scheme);
    for (size_t i = 1; i < p->labels.n; i++)
        for (size_t k = i; k > 0 && p->labels.id[k - 1] > p->labels.id[k]; k--) {
            uint16_t id = p->labels.id[k];
            p->labels.id[k] = p->labels.id[k - 1];
            p->labels.id[k - 1] = id;
        }
    for (size_t i = 0; i < p->labels.n; i++)
        if (bl_grammar_step(&g, p->labels.id[i]) != NULL)
            return bl_fail(e, BL_E_ARG,
                           "a piece has one label of a kind; '%s' is one too many",
                           bl_words_name(bl_scheme_words(p->scheme), p->labels.id[i]));
    return 0;
}

int bl_plan_labels(bl_plan *p, const bl_scheme *scheme, const char *text, bl_err *e)
{
    int rc = take_scheme(p, scheme, "labels", e);
    while (rc == 0 && *text != '\0') {
        char word[BL_WORD_MAX + 1];
        size_t len = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)bl_min((int64_t)len, BL_WORD_MAX),
                 text);
        rc = add_word(p, &p->labels, word, e);
        if (rc == 0 && scheme->kind_of[p->labels.id[p->labels.n - 1]] != REMI_LABEL)
            rc = bl_fail(e, BL_E_ARG, "'%s' is no label", word);
        text += len + (text[len] == ',');
    }
    return rc == 0 ? order_labels(p, e) : rc;
}

/* ---- the course of another piece ---- */

int bl_plan_course_read(bl_plan_course *c, const bl_scheme *scheme, const uint16_t *ids,
                        size_t n, bl_err *e)
{
    if (strcmp(bl_scheme_name(scheme), "remi") != 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        int kind = scheme->kind_of[ids[i]];
        if (kind == REMI_BAR) {
            int rc = bl_room(&c->bar, &c->cap, c->n + 1, sizeof *c->bar, e);
            if (rc != 0)
                return rc;
            c->bar[c->n] = c->n > 0 ? c->bar[c->n - 1] : (bl_plan_bar){-1, -1};
            c->n++;
            c->has_moved = 0;
        }
        if (kind == REMI_POSITION)
            c->has_moved = ids[i] != scheme->first[REMI_POSITION];
        if (kind == REMI_TIMESIG && c->n > 0)
            c->bar[c->n - 1].meter = ids[i];
        if (kind == REMI_TEMPO && c->n > 0 && !c->has_moved)
            c->bar[c->n - 1].tempo = ids[i];
    }
    return 0;
}

void bl_plan_course_free(bl_plan_course *c)
{
    free(c->bar);
    *c = (bl_plan_course){0};
}

/* ---- what may come ---- */

void bl_plan_start(bl_plan_at *at)
{
    *at = (bl_plan_at){.asked = {-1, -1},
                       .chord = -1,
                       .tempo = -1,
                       .meter = -1,
                       .chord_due = -1,
                       .tempo_due = -1,
                       .meter_due = -1,
                       .program = -1,
                       .position = -1,
                       .rank = -1,
                       .pitch = -1};
}

static int32_t due(int32_t wanted, int32_t in_force)
{
    return wanted != in_force ? wanted : -1;
}

static int32_t raise(const bl_plan *p, int32_t id, int tonic)
{
    int first = p->scheme->first[REMI_CHORD];
    return p->of_c && id >= 0 ? first + bl_chord_raise(id - first, 12 - tonic) : id;
}

/* The token of a chord of the plan in the key that is stated. */
static int32_t in_key(const bl_plan *p, const bl_plan_at *at, int32_t id)
{
    return raise(p, id, at->tonic);
}

unsigned bl_plan_chord(const bl_plan *p, size_t i, int tonic)
{
    return (unsigned)raise(p, p->chords.id[i], tonic);
}

int bl_plan_tonic(const bl_plan *p)
{
    return p->key.n > 0 ? bl_key_tonic((int)p->key.id[0] - p->scheme->first[REMI_KEY])
                        : 0;
}

/* ---- how often something begins ---- */

/* The latest position from which on a bar has room for what it still lacks; where there
 * is none, all behind the moment that has no note yet are needed, and that one too. */
static void find_latest(const bl_plan *p, bl_plan_at *at)
{
    if (!at->is_counted || at->meter < 0)
        return;
    int first = p->scheme->first[REMI_POSITION];
    int q = bl_remi_positions(at->meter - p->scheme->first[REMI_TIMESIG],
                              bl_scheme_spec(p->scheme)->grid) -
            1;
    int lacks = at->least - at->n_moments;
    for (at->latest = q; q > at->position && lacks > 0; q--)
        if (p->known[first + q] >= 0) {
            at->latest = q;
            lacks--;
        }
    if (lacks > 0)
        at->latest = at->position;
}

/* Of a bar whose meter is stated or goes on. */
static void count_moments(const bl_plan *p, bl_plan_at *at)
{
    if (!at->is_counted || at->meter < 0)
        return;
    int meter = at->meter - p->scheme->first[REMI_TIMESIG], n_known = 0;
    int n = bl_remi_positions(meter, bl_scheme_spec(p->scheme)->grid);
    for (int i = 0; i < n; i++)
        n_known += p->known[p->scheme->first[REMI_POSITION] + i] >= 0;
    int wanted = (int)(p->density * bl_remi_meter_ticks(meter) / REMI_TPQ + 0.5);
    wanted = bl_max(wanted, 1);
    at->least = bl_min(wanted - wanted / 4, n_known);
    at->most = wanted + wanted / 4;
    find_latest(p, at);
}

static int may_begin_at(const bl_plan_at *at, int position)
{
    return !at->is_counted || (at->n_moments < at->most && position <= at->latest);
}

static int may_leave_bar(const bl_plan_at *at)
{
    return !at->is_counted || at->n_moments >= at->least;
}

/* ---- token by token ---- */

/* What the plan settles, or else the course. */
static void ask(const bl_plan *p, bl_plan_at *at)
{
    const bl_plan_course *c = at->course;
    at->asked = (bl_plan_bar){-1, -1};
    if (c != NULL && c->n > 0)
        at->asked = c->bar[bl_min(at->n_all_bars, c->n) - 1];
    if (p->meter.n > 0)
        at->asked.meter = p->meter.id[0];
    if (p->tempo.n > 0)
        at->asked.tempo = p->tempo.id[0];
}

static void begin_bar(const bl_plan *p, bl_plan_at *at)
{
    int32_t chord = -1;
    ask(p, at);
    if (p->chords.n > 0)
        chord = p->chords.id[at->n_bars % p->chords.n];
    at->chord_due = in_key(p, at, chord) != at->chord ? chord : -1;
    at->tempo_due = due(at->asked.tempo, at->tempo);
    at->meter_due = due(at->asked.meter, at->meter);
    at->leaves_pickup = at->is_pickup && p->leaves_pickups && at->asked.meter < 0;
    at->n_bars++;
    at->is_counted = p->density > 0;
    at->n_moments = at->least = at->most = 0;
    at->position = -1;
    count_moments(p, at);
}

/* 1 for a meter of a single beat. */
static int is_single(const bl_plan *p, unsigned id)
{
    int num, den_log2;
    bl_remi_meter((int)id - p->scheme->first[REMI_TIMESIG], &num, &den_log2);
    return num == 1;
}

static void begin_note(const bl_plan *p, bl_plan_at *at, int rank, int pitch)
{
    at->n_moments += at->rank < 0; /* the first one of the moment */
    find_latest(p, at);
    at->rank = rank;
    at->pitch = pitch;
}

void bl_plan_step(const bl_plan *p, bl_plan_at *at, unsigned id, int given)
{
    if (p->scheme == NULL)
        return;
    int kind = p->scheme->kind_of[id], i = (int)id - p->scheme->first[kind];
    switch (kind) {
    case REMI_LABEL:
        at->n_labels++;
        break;
    case REMI_BAR:
        at->n_all_bars++;
        at->is_pickup &= !given; /* who gives a second bar means it */
        at->rank = at->pitch = -1;
        at->is_counted = 0;
        if (!given)
            begin_bar(p, at);
        break;
    case REMI_KEY:
        at->tonic = bl_key_tonic((int)id - p->scheme->first[REMI_KEY]);
        break;
    case REMI_TIMESIG:
        at->meter = (int32_t)id;
        at->meter_due = -1;
        at->leaves_pickup = 0;
        at->is_pickup = is_single(p, id);
        count_moments(p, at);
        break;
    case REMI_POSITION:
        at->rank = at->pitch = -1;
        at->position = i;
        find_latest(p, at);
        break;
    case REMI_CHORD:
        at->chord = (int32_t)id;
        at->chord_due = -1;
        break;
    case REMI_TEMPO:
        at->tempo = (int32_t)id;
        at->tempo_due = -1;
        break;
    case REMI_PROGRAM:
        at->program = i;
        break;
    case REMI_PITCH:
        begin_note(p, at, at->program, i);
        break;
    case REMI_DRUM:
        begin_note(p, at, BL_PROGRAM_DRUMS, i);
        break;
    default:
        break;
    }
}

/* 1 if a class of pitch is of the key or of the chord. */
static int in_scale(const bl_plan *p, const bl_plan_at *at, int pitch_class)
{
    unsigned scale = p->scale;
    if (at->chord >= 0)
        scale |= bl_chord_classes(at->chord - p->scheme->first[REMI_CHORD]);
    return p->scale == 0 || (scale >> pitch_class & 1);
}

static int has_program(const bl_plan *p, int program)
{
    return !p->has_programs ||
           (program >= 0 && (p->programs[program / 32] >> program % 32 & 1));
}

/* Of who plays what: instruments, and no note twice at once. */
static int may_sound(const bl_plan *p, const bl_plan_at *at, int kind, int i)
{
    int is_struck = p->has_sense && at->pitch == i;
    switch (kind) {
    case REMI_PROGRAM:
        return has_program(p, i);
    case REMI_PEDAL:
        return has_program(p, at->program);
    case REMI_PITCH:
        return has_program(p, at->program) && in_scale(p, at, i % 12) &&
               !(is_struck && at->rank == at->program);
    case REMI_DRUM:
        return (!p->has_programs || p->has_drums) &&
               !(is_struck && at->rank == BL_PROGRAM_DRUMS);
    default:
        return 1;
    }
}

int bl_plan_allows(const bl_plan *p, const bl_plan_at *at, unsigned id)
{
    if (p->scheme == NULL)
        return 1;
    int kind = p->scheme->kind_of[id];
    int is_due = at->chord_due >= 0 || at->tempo_due >= 0;
    if (at->n_labels < p->labels.n)
        return id == p->labels.id[at->n_labels];
    if (at->meter_due >= 0)
        return (int32_t)id == at->meter_due;
    if (at->leaves_pickup)
        return kind == REMI_TIMESIG && !is_single(p, id);
    switch (kind) {
    case REMI_LABEL:
        return p->labels.n == 0;
    case REMI_TIMESIG:
        return at->asked.meter < 0;
    case REMI_KEY:
        return p->key.n == 0 || id == p->key.id[0];
    case REMI_POSITION:
        return may_begin_at(at, (int)id - p->scheme->first[REMI_POSITION]) &&
               (!is_due || id == p->scheme->first[REMI_POSITION]);
    case REMI_CHORD:
        return p->chords.n > 0 ? (int32_t)id == in_key(p, at, at->chord_due)
                               : p->scale == 0 || bl_plan_in_scale(p, id);
    case REMI_BAR:
    case REMI_EOS:
        return !is_due && may_leave_bar(at);
    case REMI_TEMPO:
        return at->chord_due < 0 &&
               (at->asked.tempo < 0 || (int32_t)id == at->asked.tempo);
    default:
        return !is_due && may_sound(p, at, kind, (int)id - p->scheme->first[kind]);
    }
}
