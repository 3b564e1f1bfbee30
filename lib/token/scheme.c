/* scheme.c - see scheme.h: the register of schemes, and what they have in common. */
#include "token/impl.h"

#include <stdlib.h>
#include <string.h>

static const bl_scheme_ops *const schemes[] = {
    &bl_remi_ops,
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
    int rc = bl_fail(e, BL_E_ARG, "unknown scheme '%.64s'; there are: %s", name,
                     list == NULL ? "" : list);
    bl_buf_free(&known);
    return rc;
}

/* Grids whose half positions are whole ticks of 480 a quarter note. */
static int grid_is_valid(int grid)
{
    return grid >= 1 && grid <= 24 && 24 % grid == 0;
}

static int add_words(bl_scheme *s, bl_err *e)
{
    char name[BL_WORD_MAX + 1];
    for (int kind = 0; kind < s->ops->n_kinds; kind++) {
        int n = s->ops->count(kind, s->grid);
        s->first[kind] = (uint16_t)bl_words_size(s->words);
        for (int i = 0; i < n; i++) {
            s->ops->word(kind, i, name);
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
    s->kind_of = bl_calloc(bl_words_size(s->words), 1, e);
    if (s->kind_of == NULL)
        return BL_E_NOMEM;
    for (int kind = 0; kind < s->ops->n_kinds; kind++)
        memset(s->kind_of + s->first[kind], kind,
               (size_t)(s->first[kind + 1] - s->first[kind]));
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

int bl_scheme_open(bl_scheme **scheme, const char *name, int grid, bl_err *e)
{
    const bl_scheme_ops *ops;
    *scheme = NULL;
    int rc = find(&ops, name, e);
    if (rc != 0)
        return rc;
    if (grid == 0)
        grid = ops->default_grid;
    if (!grid_is_valid(grid))
        return bl_fail(
            e, BL_E_ARG,
            "grid %d: positions a quarter note are 1, 2, 3, 4, 6, 8, 12 or 24", grid);
    bl_scheme *s = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->ops = ops;
    s->grid = grid;
    s->words = bl_words_new(e);
    rc = s->words == NULL ? BL_E_NOMEM : add_words(s, e);
    if (rc == 0)
        rc = map_kinds(s, e);
    if (rc == 0)
        rc = hash(s, e);
    if (rc != 0) {
        bl_scheme_del(s);
        return rc;
    }
    *scheme = s;
    return 0;
}

void bl_scheme_del(bl_scheme *s)
{
    if (s == NULL)
        return;
    bl_words_del(s->words);
    free(s->kind_of);
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

int bl_scheme_begins_line(const bl_scheme *s, unsigned id)
{
    return s->kind_of[id] == s->ops->line_kind;
}

const char *bl_scheme_kind(const bl_scheme *s, unsigned id)
{
    return s->ops->kinds[s->kind_of[id]];
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
