/* verdict.h - what a comparison of new pieces with human ones comes to: near, far or
 * copied, by the four facts that it rests on and their bounds.
 *
 * likeness  the share of features whose overlapping area is at least 90 % of that of
 *           two random halves of the human pieces; 3/4 are wanted, as 9 of 12
 * key       the same share of that ceiling, the lesser of scale_consistency and
 *           pitch_class_histogram; .9 is wanted
 * form      repeated sequences of 8 tokens and repeated bars, new by human, the one
 *           farther from 1; a factor of two either way is allowed
 * copying   the share of new pieces with more of their melody in the training set than
 *           95 % of the human pieces, which are not in it; up to 1/5 is allowed: by
 *           either of two measures up to 1/10 of human pieces have more, too
 *
 * Copied: copying fails. Near: no fact fails and likeness is known. Far: another one
 * fails and likeness is known; where it is not, there are too few pieces to say. */
#ifndef BL_VERDICT_H
#define BL_VERDICT_H

#include "compare/compare.h"

typedef enum {
    BL_VERDICT_UNKNOWN, /* too few pieces */
    BL_VERDICT_NEAR,
    BL_VERDICT_FAR,
    BL_VERDICT_COPIED
} bl_verdict_is;

enum { BL_FACT_LIKENESS, BL_FACT_KEY, BL_FACT_FORM, BL_FACT_COPYING, BL_FACTS };

typedef struct {
    double value;          /* NaN: not known */
    const char *field;     /* that it comes from, of several; NULL: of none alone */
    double mean_a, mean_b; /* of that field */
} bl_fact;

typedef struct {
    bl_verdict_is is;
    bl_fact fact[BL_FACTS];
    size_t n_near, n_features; /* of the likeness */
} bl_verdict;

/* How facts are told, and between what they hold; low or high NaN: no bound. */
typedef struct {
    const char *name, *title;
    double low, high;
} bl_fact_bound;
const bl_fact_bound *bl_fact_bounds(void); /* [BL_FACTS] */

/* c: of single features and vectors, with repeats where key and form are to be known;
 * copying: share of pieces, or NaN. */
bl_verdict bl_verdict_of(const bl_comparisons *c, const bl_layout *l, double copying);
/* 1, 0, or -1 where it is not known. */
int bl_fact_holds(const bl_verdict *v, int fact);
const char *bl_verdict_name(bl_verdict_is is); /* "near", ... */

/* How far apart a field is: 0 as near as two halves of b, 1 no overlap at all; NaN
 * where it is not known. What orders tables and charts. */
double bl_comparison_apart(const bl_comparison *c);

/* Appends a table: fact, value, low, high, holds, feature. */
int bl_verdict_tsv(const bl_verdict *v, bl_buf *text, bl_err *e) BL_MUST_CHECK;

#endif
