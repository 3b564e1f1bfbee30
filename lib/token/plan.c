/* plan.c - see plan.h. A bar with a chord or a tempo that is due begins with them, at
 * position 0. */
#include "token/plan.h"
#include "token/chords.h"
#include "token/keys.h"
#include "token/remi.h"

#include <stdio.h>
#include <string.h>

void bl_plan_free(bl_plan *p)
{
    bl_ids_free(&p->labels);
    bl_ids_free(&p->chords);
    bl_ids_free(&p->key);
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

/* The quality of "m7" or ":min7"; -1 if it is none. */
static int quality_of(const char *text, size_t len)
{
    size_t colon = len > 1 && *text == ':';
    for (size_t i = 0; i < BL_COUNT(spellings); i++)
        if (strlen(spellings[i].symbol) == len - colon &&
            memcmp(spellings[i].symbol, text + colon, len - colon) == 0)
            return spellings[i].quality;
    return -1;
}

/* The chord of "Bbm7" or "A#:min7"; -1 if it is none. */
static int read_symbol(const char *symbol, size_t len)
{
    static const int of_letter[] = {9, 11, 0, 2, 4, 5, 7}; /* A to G */
    size_t at = 1;
    if (*symbol < 'A' || *symbol > 'G')
        return -1;
    int root = of_letter[*symbol - 'A'];
    for (; at < len && (symbol[at] == '#' || symbol[at] == 'b'); at++)
        root += symbol[at] == '#' ? 1 : 11;
    int quality = quality_of(symbol + at, len - at);
    return quality < 0 ? -1 : root % 12 * BL_QUALITIES + quality;
}

/* The chord of "bVII7", "vi" or "VI:min" in C: small letters are minor. -1 if none. */
static int read_degree(const char *text, size_t len)
{
    static const struct {
        const char *name;
        int root;
        int is_minor;
    } degrees[] = {
        {"VII", 11, 0}, {"vii", 11, 1}, {"III", 4, 0}, {"iii", 4, 1}, {"II", 2, 0},
        {"ii", 2, 1},   {"IV", 5, 0},   {"iv", 5, 1},  {"VI", 9, 0},  {"vi", 9, 1},
        {"I", 0, 0},    {"i", 0, 1},    {"V", 7, 0},   {"v", 7, 1},
    };
    int root = 0;
    size_t at = 0, k = 0;
    for (; at < len && (text[at] == '#' || text[at] == 'b'); at++)
        root += text[at] == '#' ? 1 : 11;
    while (k < BL_COUNT(degrees) &&
           strncmp(degrees[k].name, text + at, strlen(degrees[k].name)) != 0)
        k++;
    if (k == BL_COUNT(degrees) || at + strlen(degrees[k].name) > len)
        return -1;
    at += strlen(degrees[k].name);
    int quality = quality_of(text + at, len - at);
    if (degrees[k].is_minor && (at == len || (len - at == 1 && text[at] == '7')))
        quality = at == len ? 1 : 8;
    root = (root + degrees[k].root) % 12;
    return quality < 0 ? -1 : root * BL_QUALITIES + quality;
}

/* What has been read of a list. */
typedef struct {
    int n_symbols, n_degrees;
    int64_t sounds[12]; /* of the symbols' pitch classes */
} chord_list;

static int add_chord(bl_plan *p, chord_list *list, const char *text, size_t len,
                     bl_err *e)
{
    int has_degrees = bl_scheme_spec(p->scheme)->degrees;
    int is_none = len == 1 && *text == 'N';
    int chord = is_none ? BL_NO_CHORD : read_symbol(text, len);
    list->n_symbols += chord >= 0 && !is_none;
    if (chord < 0 && has_degrees) {
        chord = read_degree(text, len);
        list->n_degrees += chord >= 0;
    }
    if (chord < 0)
        return bl_fail(e, BL_E_ARG, "'%.*s' is no chord; one is 'Am7', 'F#'%s or 'N'",
                       (int)bl_min((int64_t)len, 20), text,
                       has_degrees ? ", 'bVII7', 'vi'" : "");
    if (list->n_symbols > 0 && list->n_degrees > 0)
        return bl_fail(e, BL_E_ARG, "chords are symbols or degrees, not both");
    for (int c = 0; c < 12; c++)
        list->sounds[c] += bl_chord_classes(chord) >> c & 1;
    return bl_ids_add(&p->chords, bl_token(p->scheme, REMI_CHORD, chord), e);
}

int bl_plan_chords(bl_plan *p, const bl_scheme *scheme, const char *text, bl_err *e)
{
    static const char between[] = " ,|\t\n";
    chord_list list = {0};
    int rc = take_scheme(p, scheme, "chords", e);
    if (rc == 0 && !bl_scheme_spec(scheme)->chords)
        return bl_fail(e, BL_E_ARG,
                       "the model knows no chords; train it on tokens made with "
                       "'midi2remi --chords'");
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

/* The token of a chord of the plan in the key that is stated. */
static int32_t in_key(const bl_plan *p, const bl_plan_at *at, int32_t id)
{
    int first = p->scheme->first[REMI_CHORD];
    return p->of_c && id >= 0 ? first + bl_chord_raise(id - first, 12 - at->tonic) : id;
}

static void begin_bar(const bl_plan *p, bl_plan_at *at)
{
    int32_t chord = -1, tempo = p->tempo.n > 0 ? p->tempo.id[0] : -1;
    if (p->chords.n > 0)
        chord = p->chords.id[at->n_bars % p->chords.n];
    at->chord_due = in_key(p, at, chord) != at->chord ? chord : -1;
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
    case REMI_KEY:
        at->tonic = bl_key_tonic((int)id - p->scheme->first[REMI_KEY]);
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
    case REMI_KEY:
        return p->key.n == 0 || id == p->key.id[0];
    case REMI_POSITION:
        return !is_due || id == p->scheme->first[REMI_POSITION];
    case REMI_CHORD:
        return p->chords.n == 0 || (int32_t)id == in_key(p, at, at->chord_due);
    case REMI_TEMPO:
        return at->chord_due < 0 && (p->tempo.n == 0 || id == p->tempo.id[0]);
    default:
        return !is_due;
    }
}
