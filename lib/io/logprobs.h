/* logprobs.h - a record of log-probabilities, xl-logprobs/1, in memory
 * (schemas/xl-logprobs.md). */
#ifndef BL_LOGPROBS_H
#define BL_LOGPROBS_H

#include "io/tensors.h"
#include "io/tokens.h"

typedef struct {
    uint16_t *ids;    /* [n], below n_words */
    float *log_prob;  /* [n], NaN = not predicted, else at most 0 */
    int64_t *offsets; /* [n_pieces + 1], ascending from 0 to n */
    size_t n, n_pieces;
    const char **words; /* [n_words] names of the ids, in `vocab` */
    size_t n_words;
    bl_tokens_kind kind; /* of the scheme that they belong to */
    bl_json *meta, *vocab;
} bl_logprobs;

/* Reads the file at `path` ("-": standard input) and checks all that the fields above
 * promise; a record must end the file. 0; BL_E_FORMAT, BL_E_TRUNC, BL_E_VERSION and
 * what reading gives. Release with bl_logprobs_free, also after an error. */
int bl_logprobs_read(bl_logprobs *l, const char *path, bl_err *e) BL_MUST_CHECK;
void bl_logprobs_free(bl_logprobs *l);

#endif
