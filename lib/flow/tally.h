/* tally.h - vocabularies: the closed one of a scheme, or what streams hold, counted,
 * chosen, ordered, with learned merges. */
#ifndef BL_TALLY_H
#define BL_TALLY_H

#include "base/progress.h"
#include "flow/source.h"
#include "io/vocabulary.h"

typedef enum {
    BL_ORDER_CANONICAL, /* all of the scheme, as it numbers them */
    BL_ORDER_SEEN,      /* what occurs, as first seen */
    BL_ORDER_COUNT      /* what occurs, the frequent first */
} bl_vocab_order;

/* Which tokens a vocabulary gets. The specials always come first. */
typedef struct {
    bl_vocab_order order;
    uint64_t min_count; /* leaves out what occurs less often */
    size_t merges;      /* learns up to so many */
    int threads;        /* that read pieces; 0 is 1 */
} bl_vocab_wish;

/* The closed vocabulary of a scheme, every count 0. Release with bl_vocab_free. */
int bl_vocab_close(bl_vocab *v, const bl_scheme *scheme, bl_err *e) BL_MUST_CHECK;

/* Reads the streams to their end. *n: what was read. BL_E_ARG where tokens and merges
 * are more than BL_WORDS_MAX; errors of bl_corpus_next. */
int bl_vocab_learn(bl_vocab *v, const bl_source *s, const bl_vocab_wish *wish,
                   const bl_progress *progress, bl_counts *n, bl_err *e) BL_MUST_CHECK;

#endif
