/* plan.c - see plan.h. A bar with a chord or a tempo that is due begins with them, at
 * position 0. */
#include "token/plan.h"
#include "token/chords.h"
#include "token/remi.h"

#include <stdio.h>
#include <string.h>

void bl_plan_free(bl_plan *p)
{
    bl_ids_free(&p->labels);
    bl_ids_free(&p->chords);
    bl_ids_free(&p->tempo);
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

/* Spellings of the qualities, in the order in which chords.h has them. */
static const struct {
    const char *symbol;
    int quality;
} spellings[] = {
    {"", 0},     {"maj", 0}, {"M", 0},    {"m", 1},     {"min", 1},   {"-", 1},
    {"dim", 2},  {"o", 2},   {"aug", 3},  {"+", 3},     {"sus2", 4},  {"sus4", 5},
    {"sus", 5},  {"7", 6},   {"dom7", 6}, {"maj7", 7},  {"M7", 7},    {"m7", 8},
    {"min7", 8}, {"-7", 8},  {"m7b5", 9}, {"hdim7", 9}, {"dim7", 10}, {"o7", 10},
};

/* "Chord_A#:min7" of "Bbm7" or "A#:min7"; 0 if it is no chord. */
static int name_chord(const char *symbol, size_t len, char word[BL_WORD_MAX + 1])
{
    static const int of_letter[] = {9, 11, 0, 2, 4, 5, 7}; /* A to G */
    char name[BL_CHORD_NAME_MAX + 1];
    int chord = len == 1 && *symbol == 'N' ? BL_NO_CHORD : -1, root = 0;
    size_t at = 1;
    if (chord < 0 && (*symbol < 'A' || *symbol > 'G'))
        return 0;
    if (chord < 0)
        root = of_letter[*symbol - 'A'];
    for (; at < len && (symbol[at] == '#' || symbol[at] == 'b'); at++)
        root += symbol[at] == '#' ? 1 : 11;
    at += at < len && symbol[at] == ':';
    for (size_t i = 0; i < BL_COUNT(spellings) && chord < 0; i++)
        if (strlen(spellings[i].symbol) == len - at &&
            memcmp(spellings[i].symbol, symbol + at, len - at) == 0)
            chord = root % 12 * BL_QUALITIES + spellings[i].quality;
    if (chord < 0)
        return 0;
    bl_chord_spell(chord, name);
    snprintf(word, BL_WORD_MAX + 1, "Chord_%s", name);
    return 1;
}

int bl_plan_chords(bl_plan *p, const bl_scheme *scheme, const char *text, bl_err *e)
{
    static const char between[] = " ,|\t\n";
    int rc = take_scheme(p, scheme, "chords", e);
    if (rc == 0 && !bl_scheme_spec(scheme)->chords)
        return bl_fail(e, BL_E_ARG,
                       "the model knows no chords; train it on tokens made with "
                       "'midi2remi --chords'");
    text += strspn(text, between);
    while (rc == 0 && *text != '\0') {
        char word[BL_WORD_MAX + 1];
        size_t len = strcspn(text, between);
        if (!name_chord(text, len, word))
            return bl_fail(e, BL_E_ARG, "'%.*s' is no chord; one is 'Am7', 'F#' or 'N'",
                           (int)bl_min((int64_t)len, 20), text);
        rc = add_word(p, &p->chords, word, e);
        text += len;
        text += strspn(text, between);
    }
    if (rc == 0 && p->chords.n == 0)
        return bl_fail(e, BL_E_ARG, "no chord is named; one is 'Am7', 'F#' or 'N'");
    return rc;
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

/* ---- what may come ---- */

void bl_plan_start(bl_plan_at *at)
{
    *at = (bl_plan_at){.chord = -1, .tempo = -1, .chord_due = -1, .tempo_due = -1};
}

static void begin_bar(const bl_plan *p, bl_plan_at *at)
{
    int32_t chord = -1, tempo = p->tempo.n > 0 ? p->tempo.id[0] : -1;
    if (p->chords.n > 0)
        chord = p->chords.id[at->n_bars % p->chords.n];
    at->chord_due = chord != at->chord ? chord : -1;
    at->tempo_due = tempo != at->tempo ? tempo : -1;
    at->n_bars++;
}

void bl_plan_step(const bl_plan *p, bl_plan_at *at, unsigned id, int given)
{
    if (p->scheme == NULL)
        return;
    switch (p->scheme->kind_of[id]) {
    case REMI_LABEL:
        at->n_labels++;
        break;
    case REMI_BAR:
        if (!given)
            begin_bar(p, at);
        break;
    case REMI_CHORD:
        at->chord = (int32_t)id;
        at->chord_due = -1;
        break;
    case REMI_TEMPO:
        at->tempo = (int32_t)id;
        at->tempo_due = -1;
        break;
    default:
        break;
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
    switch (kind) {
    case REMI_LABEL:
        return p->labels.n == 0;
    case REMI_TIMESIG:
        return 1;
    case REMI_POSITION:
        return !is_due || id == p->scheme->first[REMI_POSITION];
    case REMI_CHORD:
        return p->chords.n == 0 || (int32_t)id == at->chord_due;
    case REMI_TEMPO:
        return at->chord_due < 0 && (p->tempo.n == 0 || id == p->tempo.id[0]);
    default:
        return !is_due;
    }
}
