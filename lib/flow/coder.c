/* coder.c - see coder.h. */
#include "flow/coder.h"

#include <stdlib.h>

int bl_coder_open(bl_coder *c, const bl_scheme *scheme, const bl_vocab *vocab,
                  bl_err *e)
{
    size_t n = bl_words_size(bl_scheme_words(scheme));
    c->scheme = scheme;
    c->to_vocab = bl_calloc(n, sizeof *c->to_vocab, e);
    if (c->to_vocab == NULL)
        return BL_E_NOMEM;
    bl_vocab_map(vocab, bl_scheme_words(scheme), c->to_vocab);
    int rc = bl_merges_of_words(&c->merges, vocab->words, e);
    if (rc == 0)
        rc = bl_merge_rule_of(&c->rule, scheme, c->to_vocab, c->merges.n_base, e);
    if (rc != 0)
        return rc;
    c->to_scheme = bl_calloc(c->merges.n_base + 1, sizeof *c->to_scheme, e);
    if (c->to_scheme == NULL)
        return BL_E_NOMEM;
    for (size_t id = 0; id < c->merges.n_base; id++)
        c->to_scheme[id] = -1;
    for (size_t id = 0; id < n; id++)
        if (c->to_vocab[id] >= 0)
            c->to_scheme[c->to_vocab[id]] = (int32_t)id;
    return 0;
}

int64_t bl_coder_to_vocab(const bl_coder *c, bl_ids *ids, bl_err *e)
{
    for (size_t i = 0; i < ids->n; i++) {
        if (c->to_vocab[ids->id[i]] < 0)
            return (int64_t)i + 1;
        ids->id[i] = (uint16_t)c->to_vocab[ids->id[i]];
    }
    return bl_merges_apply(&c->merges, &c->rule, ids, e);
}

int bl_coder_to_scheme(const bl_coder *c, const uint16_t *ids, size_t n, bl_ids *out,
                       bl_err *e)
{
    int rc = 0;
    out->n = 0;
    for (size_t k = 0; k < n && rc == 0; k++)
        rc = bl_merges_expand(&c->merges, ids[k], out, e);
    for (size_t k = 0; k < out->n && rc == 0; k++)
        out->id[k] = (uint16_t)c->to_scheme[out->id[k]];
    return rc;
}

void bl_coder_free(bl_coder *c)
{
    free(c->to_vocab);
    free(c->to_scheme);
    bl_merges_free(&c->merges);
    bl_merge_rule_free(&c->rule);
    *c = (bl_coder){0};
}
