/* coder.h - between the ids of a scheme and those of a vocabulary, learned merges
 * among them. */
#ifndef BL_CODER_H
#define BL_CODER_H

#include "io/vocabulary.h"
#include "token/merges.h"

/* Zero-initialise; release with bl_coder_free, also after an error. Scheme and
 * vocabulary are borrowed. */
typedef struct {
    const bl_scheme *scheme;
    int32_t *to_vocab;  /* [words of the scheme] id of the vocabulary, or -1 */
    int32_t *to_scheme; /* [merges.n_base] id of the scheme, or -1 */
    bl_merges merges;
    bl_merge_rule rule;
} bl_coder;

/* BL_E_FORMAT where the vocabulary's merges are none. */
int bl_coder_open(bl_coder *c, const bl_scheme *scheme, const bl_vocab *vocab,
                  bl_err *e) BL_MUST_CHECK;
/* The ids of a piece, in place: 0, or 1 + the place of one that the vocabulary lacks,
 * where nothing after it was changed; negative: an error. */
int64_t bl_coder_to_vocab(const bl_coder *c, bl_ids *ids, bl_err *e) BL_MUST_CHECK;
/* Back: *out is set. */
int bl_coder_to_scheme(const bl_coder *c, const uint16_t *ids, size_t n, bl_ids *out,
                       bl_err *e) BL_MUST_CHECK;
void bl_coder_free(bl_coder *c);

#endif
