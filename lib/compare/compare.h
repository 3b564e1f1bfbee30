/* compare.h - two sets of pieces, feature by feature, beside what two random halves of
 * the reference differ by. */
#ifndef BL_COMPARE_H
#define BL_COMPARE_H

#include "compare/density.h"
#include "feature/table.h"
#include "compare/twosample.h"

/* Distances of pieces are taken among at most so many of each set, drawn by the seed.
 */
enum { BL_PAIRED_MAX = 1000 };

typedef struct {
    int field; /* of the layout; -1: the Frechet distance over all single features */
    const char *group; /* "all", or a label both sets have */
    size_t n_a, n_b;   /* pieces that define it */
    double mean_a, sd_a, mean_b, sd_b;
    double intra_a, intra_b, inter; /* mean Euclidean distances of pieces */
    bl_apart a, b;                  /* intra of a, of b, against inter */
    bl_apart mgeval_a, mgeval_b;    /* the same as published */
    bl_twosample of;                /* single features alone; NaN else */
    double holm;                    /* p adjusted over the features of the group */
    double frechet;
    /* two halves of b: */
    bl_apart ceiling;
    bl_twosample ceiling_of;
    double ceiling_frechet;
} bl_comparison;

/* Zero-initialise; release with bl_comparisons_free. */
typedef struct {
    bl_comparison *row;
    size_t n, cap;
    uint64_t seed;
    int with_mgeval; /* what was published too */
    int force;       /* a Frechet distance of fewer than 2 pieces a feature, too */
} bl_comparisons;

/* Appends rows: all pieces, then each label both tables have. Group names stay the
 * tables'. Memory: 24 bytes a pair of at most 1000 pieces, and the sets. */
int bl_compare(bl_comparisons *c, const bl_table *a, const bl_table *b,
               bl_err *e) BL_MUST_CHECK;
void bl_comparisons_free(bl_comparisons *c);

/* Appends a table of a row each, below a row of column names. */
int bl_comparisons_tsv(const bl_comparisons *c, const bl_layout *l, bl_buf *text,
                       bl_err *e) BL_MUST_CHECK;

/* The distances of the pieces of x among themselves (each pair twice, as mgeval counts)
 * or, with y, of each of x to each of y; points of d numbers. *out grows. */
int bl_distances(const double *x, size_t n_x, const double *y, size_t n_y, size_t d,
                 bl_series *out, bl_err *e) BL_MUST_CHECK;

#endif
