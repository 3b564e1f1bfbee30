/* places.c - see places.h. */
#include "flow/places.h"

#include "flow/coder.h"

#include <stdlib.h>

/* What the scheme's ids that one of the vocabulary stands for do one after the other.
 */
static bl_token_place place_of(const bl_scheme *s, const bl_ids *parts)
{
    bl_token_place p = {0, -1};
    for (size_t i = 0; i < parts->n; i++) {
        int position = bl_scheme_position(s, parts->id[i]);
        if (bl_scheme_begins_bar(s, parts->id[i])) {
            p.bars++;
            p.position = 0;
        }
        if (position >= 0)
            p.position = position;
    }
    return p;
}

static int fill(bl_token_place *table, const bl_scheme *s, const bl_vocab *vocab,
                bl_err *e)
{
    bl_coder coder = {0};
    bl_ids parts = {0};
    int rc = bl_coder_open(&coder, s, vocab, e);
    for (size_t i = 0; i < bl_words_size(vocab->words) && rc == 0; i++) {
        uint16_t id = (uint16_t)i;
        parts.n = 0;
        if (i >= coder.merges.n_base || coder.to_scheme[i] >= 0)
            rc = bl_coder_to_scheme(&coder, &id, 1, &parts, e);
        table[i] = place_of(s, &parts);
    }
    bl_ids_free(&parts);
    bl_coder_free(&coder);
    return rc;
}

int bl_places_of(bl_token_place **table, const bl_model_config *c,
                 const bl_vocab *vocab, bl_err *e)
{
    bl_scheme *s;
    int by_bars = c->condition == BL_CONDITION_BARS;
    int wants = c->places > 0 || c->bar_rows > 0 || by_bars;
    *table = NULL;
    if (!wants && c->condition != BL_CONDITION_ENCODER && bl_model_stretch(c) == 0)
        return 0;
    int rc = bl_scheme_open_stated(&s, &vocab->kind.spec, vocab->kind.sha256, e);
    if (rc != 0)
        return rc;
    int has_bars = bl_scheme_has_bars(s);
    if (!has_bars && wants)
        rc = bl_fail(e, BL_E_ARG, "%s goes with schemes that have bars: '%s' has none",
                     by_bars         ? "condition=bars"
                     : c->places > 0 ? "places"
                                     : "bar_rows",
                     bl_scheme_name(s));
    if (rc == 0 && has_bars)
        *table = bl_calloc(bl_words_size(vocab->words), sizeof **table, e);
    if (rc == 0 && has_bars)
        rc = *table != NULL ? fill(*table, s, vocab, e) : BL_E_NOMEM;
    bl_scheme_del(s);
    return rc;
}
