/* ratings.h - what listeners answered on pages of blind.h: the mean of each set on each
 * scale and the differences between sets (schemas/ratings.md). */
#ifndef BL_RATINGS_H
#define BL_RATINGS_H

#include "compare/twosample.h"

enum { BL_RATINGS_MAX = 1 << 20 }; /* answers */

/* One answer. The texts are those of the file. */
typedef struct {
    const char *scale, *set, *piece, *rater;
    double value;
    int64_t line;
    size_t file;
} bl_rating;

/* Zero-initialise; release with bl_ratings_free, also after an error. */
typedef struct {
    bl_rating *row; /* [n] by scale, set, piece, rater */
    size_t n, cap;
    char **text; /* [n_texts] */
    size_t n_texts, cap_texts;
} bl_ratings;

/* Adds the answers of a file, whose text ends with NUL. BL_E_FORMAT with the line: no
 * such table, a rating that is no number in 0..100, or that the rater has given before
 * (a file taken twice); BL_E_LIMIT; BL_E_NOMEM. */
int bl_ratings_add(bl_ratings *r, const char *text, bl_err *e) BL_MUST_CHECK;
void bl_ratings_free(bl_ratings *r);

/* A set on a scale, or how two sets differ there. Listeners and pieces are both samples
 * of many, so intervals are by drawing anew from both (Owen, "The pigeonhole
 * bootstrap", 2007), 1,000 times. In the rank test a piece is one observation, by its
 * mean over listeners. */
typedef struct {
    const char *scale, *set;
    const char *against; /* the other set of a pair, or NULL */
    size_t n_ratings, n_raters, n_pieces;
    double mean; /* of the ratings; of a pair: set less against */
    double sd;   /* of the ratings; NaN of a pair */
    double low, high;
    bl_twosample rank; /* of a pair, else NaN */
    double holm;       /* rank.p adjusted for all pairs of all scales */
} bl_rating_row;

/* The rows scale by scale, sets by name, then their pairs. *rows is the caller's to
 * free; the names in it are those of the ratings. */
int bl_ratings_rows(const bl_ratings *r, uint64_t seed, bl_rating_row **rows, size_t *n,
                    bl_err *e) BL_MUST_CHECK;

/* Appends the rows as a table with a line of names. */
int bl_ratings_tsv(const bl_rating_row *rows, size_t n, bl_buf *out,
                   bl_err *e) BL_MUST_CHECK;

#endif
