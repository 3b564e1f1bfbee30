/* merges.h - learned merges: byte-pair encoding (Gage 1994; Sennrich et al. 2016) over
 * token ids. A merge makes one new id of two lower ones that stand side by side; its
 * name in a vocabulary, Merge_A+B, says of which. Merges stay within a line of the text
 * form, that is within a bar, and never touch specials, labels or Bar. */
#ifndef BL_MERGES_H
#define BL_MERGES_H

#include "base/index.h"
#include "token/scheme.h"

typedef struct {
    uint16_t left, right;
} bl_merge;

static inline uint32_t bl_merge_key(unsigned left, unsigned right)
{
    return (uint32_t)left << 16 | (uint32_t)right;
}

/* Merge i makes the id n_base + i. Zero-initialise; release with bl_merges_free. */
typedef struct {
    size_t n_base;
    bl_merge *merge;
    size_t n, cap;
    bl_index index; /* by bl_merge_key */
} bl_merges;

/* Where merges may be, for the ids of a vocabulary; owned. */
typedef struct {
    uint8_t *advance; /* [n_base] of bl_lines */
    unsigned unit;
    uint8_t *is_alone; /* [n_base] 1: never part of a merge */
} bl_merge_rule;

/* The rule for a vocabulary of n_base words in which the scheme's token i is map[i], or
 * -1; map NULL: the scheme's own. Release with bl_merge_rule_free. */
int bl_merge_rule_of(bl_merge_rule *rule, const bl_scheme *s, const int32_t *map,
                     size_t n_base, bl_err *e) BL_MUST_CHECK;
void bl_merge_rule_free(bl_merge_rule *rule);

enum { BL_MERGE_MAX = 4096 }; /* base tokens that one merge stands for */

/* Makes the table of pairs after the list of merges was changed. BL_E_FORMAT for a pair
 * that is stated twice. */
int bl_merges_index(bl_merges *m, bl_err *e) BL_MUST_CHECK;

#define BL_MERGE_PREFIX "Merge_" /* no other token begins so */

/* "Merge_A+B". */
void bl_merge_name(bl_merge m, char name[BL_WORD_MAX + 1]);

/* The merges that the names of a vocabulary state: those that begin with "Merge_". They
 * come last, and each is of lower ids; else BL_E_FORMAT. */
int bl_merges_of_words(bl_merges *m, const bl_words *words, bl_err *e) BL_MUST_CHECK;

/* Applies the merges to ids in the order in which they were learned, all places of one
 * before the next, from left to right. `ids` shrinks in place. */
int bl_merges_apply(const bl_merges *m, const bl_merge_rule *rule, bl_ids *ids,
                    bl_err *e) BL_MUST_CHECK;

/* Appends the base ids that an id stands for. */
int bl_merges_expand(const bl_merges *m, unsigned id, bl_ids *out,
                     bl_err *e) BL_MUST_CHECK;

void bl_merges_free(bl_merges *m);

/* ---- learning ---- */

typedef struct bl_learner bl_learner;

/* The rule must outlive the learner. Release with bl_learner_del. */
int bl_learner_new(bl_learner **l, size_t n_base, const bl_merge_rule *rule,
                   bl_err *e) BL_MUST_CHECK;
/* Adds a piece of base ids. Lines that repeat are kept once, with their number: memory
 * is about 40 bytes for each token of different lines. */
int bl_learner_add(bl_learner *l, const uint16_t *ids, size_t n,
                   bl_err *e) BL_MUST_CHECK;
/* Learns up to `wanted` merges: again and again the most frequent pair, of equals that
 * of the lowest ids, until none stands twice. *m (zero-initialised) gets them, count[i]
 * (`wanted` elements) how often merge i stood when it was made. */
int bl_learner_run(bl_learner *l, size_t wanted, bl_merges *m, uint64_t *count,
                   bl_err *e) BL_MUST_CHECK;
void bl_learner_del(bl_learner *l);

#endif
