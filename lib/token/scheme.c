/* scheme.c - see scheme.h: the register of schemes, and what they have in common. */
#include "token/scheme_impl.h"
#include "token/merges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bl_scheme_ops *const schemes[] = {
    &bl_remi_ops,
    &bl_remi2020_ops,
    &bl_performance_ops,
};

static int find(const bl_scheme_ops **ops, const char *name, bl_err *e)
{
    bl_buf known = {0};
    for (size_t i = 0; i < BL_COUNT(schemes); i++) {
        if (strcmp(schemes[i]->name, name) == 0) {
            *ops = schemes[i];
            bl_buf_free(&known);
            return 0;
        }
        if (bl_buf_addf(&known, e, "%s%s", i == 0 ? "" : ", ", schemes[i]->name) != 0)
            break;
    }
    const char *list = bl_buf_str(&known, e);
    if (strcmp(name, BL_SCHEME_IDS) == 0) {
        bl_buf_free(&known);
        return bl_fail(e, BL_E_ARG,
                       "the tokens are ids of another program: what they mean, only it "
                       "knows");
    }
    int rc = strcmp(name, "groove") == 0
                 ? bl_fail(e, BL_E_ARG,
                           "scheme 'groove' has no tokens; those with "
                           "tokens are: %s",
                           list == NULL ? "" : list)
                 : bl_fail(e, BL_E_ARG, "unknown scheme '%.64s'; there are: %s, groove",
                           name, list == NULL ? "" : list);
    bl_buf_free(&known);
    return rc;
}

static int check_options(bl_spec *spec, const bl_scheme_ops *ops, bl_err *e)
{
    bl_buf known = {0};
    int i = 0, rc = 0;
    if (spec->grid == 0)
        spec->grid = ops->grids[0];
    while (ops->grids[i] != 0 && ops->grids[i] != spec->grid)
        i++;
    if (ops->grids[i] == 0) {
        for (i = 0; ops->grids[i] != 0 && rc == 0; i++)
            rc = bl_buf_addf(&known, e, "%s%d", i > 0 ? ", " : "", ops->grids[i]);
        const char *list = bl_buf_str(&known, e);
        rc = bl_fail(e, BL_E_ARG, "grid %d: scheme '%s' has %s", spec->grid, ops->name,
                     list == NULL ? "" : list);
        bl_buf_free(&known);
        return rc;
    }
    const char *option = spec->chords && !ops->takes_chords           ? "chord"
                         : spec->key && !ops->takes_key               ? "key"
                         : spec->pedal && !ops->takes_pedal           ? "pedal"
                         : spec->labels[0] != 0 && !ops->takes_labels ? "label"
                                                                      : NULL;
    if (option != NULL)
        return bl_fail(e, BL_E_ARG, "scheme '%s' has no %s tokens", ops->name, option);
    if (spec->degrees && (!spec->chords || !spec->key))
        return bl_fail(e, BL_E_ARG, "degrees are of chords and of a key");
    if (spec->common_key && (!spec->key || spec->chords != spec->degrees))
        return bl_fail(
            e, BL_E_ARG,
            "a common key is that of pieces that state theirs, with chords as "
            "degrees");
    size_t prefix = sizeof BL_MERGE_PREFIX - 1;
    if (strncmp(spec->labels, BL_MERGE_PREFIX, prefix) == 0 ||
        strstr(spec->labels, "\n" BL_MERGE_PREFIX) != NULL)
        return bl_fail(e, BL_E_ARG,
                       "a label cannot begin with " BL_MERGE_PREFIX
                       ": learned merges do");
    return 0;
}

static int add_words(bl_scheme *s, bl_err *e)
{
    char name[BL_WORD_MAX + 1];
    for (int kind = 0; kind < s->ops->n_kinds; kind++) {
        int n = s->ops->count(kind, &s->spec);
        s->first[kind] = (uint16_t)bl_words_size(s->words);
        for (int i = 0; i < n; i++) {
            s->ops->word(kind, i, &s->spec, name);
            int rc = bl_words_add(s->words, name, strlen(name), e);
            if (rc != 0)
                return rc;
        }
    }
    s->first[s->ops->n_kinds] = (uint16_t)bl_words_size(s->words);
    return 0;
}

static int map_kinds(bl_scheme *s, bl_err *e)
{
    size_t n = bl_words_size(s->words);
    s->kind_of = bl_calloc(n, 1, e);
    s->advance = bl_calloc(n, 1, e);
    if (s->kind_of == NULL || s->advance == NULL)
        return BL_E_NOMEM;
    for (int kind = 0; kind < s->ops->n_kinds; kind++)
        memset(s->kind_of + s->first[kind], kind,
               (size_t)(s->first[kind + 1] - s->first[kind]));
    for (unsigned id = 0; id < n; id++)
        s->advance[id] = (uint8_t)(s->ops->steps != NULL ? s->ops->steps(s, id)
                                                         : bl_scheme_begins_bar(s, id));
    return 0;
}

static int hash(bl_scheme *s, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_buf_addf(&text, e, "%s\ngrid=%d\n", s->ops->name, s->grid);
    for (size_t id = 0; rc == 0 && id < bl_words_size(s->words); id++)
        rc = bl_buf_addf(&text, e, "%s\n", bl_words_name(s->words, id));
    if (rc == 0)
        bl_sha256_of(text.data, text.len, s->sha256);
    bl_buf_free(&text);
    return rc;
}

/* Gives out the scheme that has its words, or releases it. */
static int finish(bl_scheme **scheme, bl_scheme *s, int rc, bl_err *e)
{
    if (rc == 0)
        rc = map_kinds(s, e);
    if (rc == 0)
        rc = hash(s, e);
    if (rc == 0)
        *scheme = s;
    else
        bl_scheme_del(s);
    return rc;
}

int bl_scheme_open(bl_scheme **scheme, const bl_spec *spec, bl_err *e)
{
    const bl_scheme_ops *ops = NULL;
    *scheme = NULL;
    int rc = find(&ops, spec->scheme, e);
    if (rc != 0)
        return rc;
    bl_scheme *s = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->ops = ops;
    s->spec = *spec;
    rc = check_options(&s->spec, ops, e);
    s->grid = s->spec.grid;
    if (rc == 0) {
        s->words = bl_words_new(e);
        rc = s->words == NULL ? BL_E_NOMEM : add_words(s, e);
    }
    return finish(scheme, s, rc, e);
}

static int copy_words(bl_scheme *s, const bl_words *words, bl_err *e)
{
    size_t n = bl_words_size(words);
    if (n < BL_N_SPECIALS || n > UINT16_MAX)
        return bl_fail(e, BL_E_LIMIT, "%zu tokens are not within %d..%d", n,
                       BL_N_SPECIALS, UINT16_MAX);
    s->words = bl_words_new(e);
    int rc = s->words != NULL ? 0 : BL_E_NOMEM;
    for (size_t id = 0; id < n && rc == 0; id++)
        rc = bl_words_add(s->words, bl_words_name(words, id), bl_words_len(words, id),
                          e);
    for (int kind = 0; kind < s->ops->n_kinds; kind++)
        s->first[kind] = (uint16_t)kind; /* one of each special, then the rest */
    s->first[s->ops->n_kinds] = (uint16_t)n;
    return rc;
}

int bl_scheme_open_words(bl_scheme **scheme, const bl_words *words, bl_err *e)
{
    *scheme = NULL;
    bl_scheme *s = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->ops = &bl_opaque_ops;
    snprintf(s->spec.scheme, sizeof s->spec.scheme, "%s", s->ops->name);
    s->grid = s->spec.grid = s->ops->grids[0];
    int rc = copy_words(s, words, e);
    return finish(scheme, s, rc, e);
}

int bl_scheme_is_opaque(const bl_scheme *s)
{
    return s->ops == &bl_opaque_ops;
}

int bl_scheme_open_stated(bl_scheme **scheme, const bl_spec *spec, const char *sha256,
                          bl_err *e)
{
    int rc = bl_scheme_open(scheme, spec, e);
    if (rc == BL_E_ARG) { /* a file named it, not a user */
        if (e != NULL)
            e->code = BL_E_VERSION;
        return BL_E_VERSION;
    }
    if (rc == 0 && strcmp(sha256, (*scheme)->sha256) != 0) {
        bl_scheme_del(*scheme);
        *scheme = NULL;
        rc = bl_fail(e, BL_E_MISMATCH,
                     "its scheme '%s' (%.12s) is not that of this version of barline",
                     spec->scheme, sha256);
    }
    return rc;
}

void bl_scheme_del(bl_scheme *s)
{
    if (s == NULL)
        return;
    bl_words_del(s->words);
    free(s->kind_of);
    free(s->advance);
    free(s);
}

const char *bl_scheme_name(const bl_scheme *s)
{
    return s->ops->name;
}

int bl_scheme_grid(const bl_scheme *s)
{
    return s->grid;
}

const bl_spec *bl_scheme_spec(const bl_scheme *s)
{
    return &s->spec;
}

int bl_scheme_is_strict(const bl_scheme *s)
{
    return s->ops->is_strict;
}

bl_writing bl_scheme_writing(const bl_scheme *s)
{
    return s->ops->writing;
}

int bl_scheme_takes_parts(const bl_scheme *s)
{
    return s->ops->takes_parts;
}

bl_reading bl_scheme_reading(const bl_scheme *s)
{
    return s->ops->reading;
}

const bl_words *bl_scheme_words(const bl_scheme *s)
{
    return s->words;
}

const char *bl_scheme_sha256(const bl_scheme *s)
{
    return s->sha256;
}

int bl_scheme_encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                     bl_scheme_fixes *fixes, bl_err *e)
{
    bl_scheme_fixes unused;
    if (song->tpq < 1)
        return bl_fail(e, BL_E_ARG, "a song of %d ticks a quarter note", song->tpq);
    if (fixes == NULL)
        fixes = &unused;
    *fixes = (bl_scheme_fixes){0};
    return s->ops->encode(s, song, ids, bars, fixes, e);
}

int bl_scheme_decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                     size_t *skipped, bl_err *e)
{
    size_t unused;
    return s->ops->decode(s, ids, n, song, skipped == NULL ? &unused : skipped, e);
}

int bl_scheme_begins_decoding(const bl_scheme *s, bl_decoder *d, bl_song *song)
{
    if (s->ops->decode_begin == NULL)
        return 0;
    *d = (bl_decoder){.scheme = s, .song = song};
    bl_song_clear(song);
    s->ops->decode_begin(d);
    return 1;
}

int bl_scheme_decode_more(bl_decoder *d, const uint16_t *ids, size_t n, bl_err *e)
{
    return d->scheme->ops->decode_more(d, ids, n, e);
}

int bl_scheme_has_bars(const bl_scheme *s)
{
    for (int kind = 0; kind < s->ops->n_kinds; kind++)
        if (s->ops->kinds[kind].is == BL_IS_BAR)
            return 1;
    return 0;
}

bl_meaning bl_scheme_meaning(const bl_scheme *s, unsigned id)
{
    return s->ops->kinds[s->kind_of[id]].is;
}

int bl_scheme_pitch(const bl_scheme *s, unsigned id)
{
    bl_meaning is = bl_scheme_meaning(s, id);
    int names_one = is == BL_IS_NOTE || is == BL_IS_DRUM || is == BL_IS_NOTE_OFF;
    return names_one ? (int)id - s->first[s->kind_of[id]] : -1;
}

int bl_scheme_position(const bl_scheme *s, unsigned id)
{
    return bl_scheme_meaning(s, id) == BL_IS_POSITION
               ? (int)id - s->first[s->kind_of[id]]
               : -1;
}

int bl_scheme_meter(const bl_scheme *s, unsigned id, int *num, int *den)
{
    const char *word = bl_words_name(s->words, id);
    return bl_scheme_meaning(s, id) == BL_IS_METER &&
           sscanf(word + strcspn(word, "_"), "_%d/%d", num, den) == 2;
}

int bl_scheme_takes_meter(const bl_scheme *s, int num, int den_log2)
{
    int has_meters = 0;
    for (unsigned id = 0; id < bl_words_size(s->words); id++) {
        int n, d;
        if (!bl_scheme_meter(s, id, &n, &d))
            continue;
        has_meters = 1;
        if (n == num && d == 1 << den_log2)
            return 1;
    }
    return !has_meters;
}

int bl_scheme_begins_bar(const bl_scheme *s, unsigned id)
{
    return bl_scheme_meaning(s, id) == BL_IS_BAR;
}

bl_lines bl_scheme_lines(const bl_scheme *s)
{
    return (bl_lines){s->advance, s->ops->steps != NULL ? (unsigned)s->grid : 1};
}

const char *bl_scheme_kind(const bl_scheme *s, unsigned id)
{
    return s->ops->kinds[s->kind_of[id]].name;
}

void bl_grammar_start(bl_grammar *g, const bl_scheme *s)
{
    *g = (bl_grammar){.scheme = s};
    s->ops->grammar_start(g);
}

const char *bl_grammar_step(bl_grammar *g, unsigned id)
{
    return g->scheme->ops->grammar_step(g, id);
}

void bl_grammar_mask(const bl_grammar *g, uint8_t *allowed)
{
    g->scheme->ops->grammar_mask(g, allowed);
}

int bl_grammar_close(const bl_grammar *g, bl_ids *ids, bl_err *e)
{
    const bl_scheme_ops *ops = g->scheme->ops;
    return ops->grammar_close != NULL ? ops->grammar_close(g, ids, e) : 0;
}
