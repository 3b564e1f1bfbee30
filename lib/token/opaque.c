/* opaque.c - the scheme "ids": tokens of other programs, which mean nothing here. Its
 * vocabulary is not closed but given; any token may follow any other. */
#include "token/scheme_impl.h"

#include <string.h>

/* Tokens a line of text: there is nothing to tell lines by. */
enum { OPAQUE_LINE = 16, OPAQUE_TOKEN = BL_N_SPECIALS, OPAQUE_KINDS };

static const bl_kind kinds[OPAQUE_KINDS] = {
    {"PAD", BL_IS_SPECIAL},  {"BOS", BL_IS_SPECIAL}, {"EOS", BL_IS_SPECIAL},
    {"MASK", BL_IS_SPECIAL}, {"Token", BL_IS_OTHER},
};

static int steps(const bl_scheme *s, unsigned id)
{
    return s->kind_of[id] == OPAQUE_TOKEN;
}

static int encode(const bl_scheme *s, const bl_song *song, bl_ids *ids, size_t *bars,
                  bl_scheme_fixes *fixes, bl_err *e)
{
    (void)s, (void)song, (void)ids, (void)bars, (void)fixes;
    return bl_fail(e, BL_E_ARG, "the scheme 'ids' makes no tokens of music");
}

/* Total, as decoders are: no token is a note. */
static int decode(const bl_scheme *s, const uint16_t *ids, size_t n, bl_song *song,
                  size_t *skipped, bl_err *e)
{
    (void)s, (void)ids, (void)e;
    song->n_notes = 0;
    song->end = 0;
    *skipped = n;
    return 0;
}

enum { BEGUN }; /* of the grammar's state: something stands */

static void grammar_start(bl_grammar *g)
{
    memset(g->v, 0, sizeof g->v);
}

static const char *grammar_step(bl_grammar *g, unsigned id)
{
    int is_begun = g->v[BEGUN];
    g->v[BEGUN] = 1;
    if (id == BL_ID_PAD || id == BL_ID_MASK || (id == BL_ID_BOS && is_begun))
        return "out of place";
    return NULL;
}

static void grammar_mask(const bl_grammar *g, uint8_t *allowed)
{
    memset(allowed, 1, bl_words_size(g->scheme->words));
    allowed[BL_ID_PAD] = allowed[BL_ID_MASK] = 0;
    allowed[BL_ID_BOS] = !g->v[BEGUN];
}

const bl_scheme_ops bl_opaque_ops = {
    .name = BL_SCHEME_IDS,
    .grids = {OPAQUE_LINE, 0},
    .kinds = kinds,
    .n_kinds = OPAQUE_KINDS,
    .steps = steps,
    .encode = encode,
    .decode = decode,
    .grammar_start = grammar_start,
    .grammar_step = grammar_step,
    .grammar_mask = grammar_mask,
};
