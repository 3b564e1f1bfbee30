/* plane.h - vectors of many numbers as points of a plane: principal components, and
 * t-SNE (van der Maaten and Hinton, "Visualizing data using t-SNE", 2008), exact. Both
 * give the same points for the same vectors and seed. */
#ifndef BL_PLANE_H
#define BL_PLANE_H

#include "base/mem.h"

enum {
    BL_PLANE_MOST = 5000,   /* points of t-SNE: n^2 / 2 odds, 100 MB of that many */
    BL_PLANE_NUMBERS = 4096 /* of a vector */
};

/* The first two principal components of n vectors of d numbers: xy[n][2], and the share
 * of the variance that each has (0 where there is none). The largest weight of each is
 * above 0. Memory: d^2 numbers. BL_E_LIMIT beyond BL_PLANE_NUMBERS, BL_E_NOMEM. */
int bl_principal(const float *x, size_t n, size_t d, double *xy, double share[2],
                 bl_err *e) BL_MUST_CHECK;

typedef struct {
    double perplexity; /* lowered to (n - 1) / 3 */
    int steps;         /* 1000 */
    uint64_t seed;     /* what parts equal vectors in the beginning */
} bl_tsne_wish;

/* Moves xy[n][2], which are where to begin (principal components), to the places of
 * t-SNE. The first quarter of the steps exaggerates the odds 12 times. *cost: the
 * divergence at the end. BL_E_LIMIT beyond BL_PLANE_MOST, BL_E_NOMEM. */
int bl_tsne(const float *x, size_t n, size_t d, const bl_tsne_wish *w, double *xy,
            double *cost, bl_err *e) BL_MUST_CHECK;

/* ---- its parts, for tests ---- */

/* Odds that two vectors are neighbours, of all pairs i < j in rows: p[n (n - 1) / 2],
 * which add up to 1/2. */
int bl_tsne_odds(const float *x, size_t n, size_t d, double perplexity, double *p,
                 bl_err *e) BL_MUST_CHECK;
/* The divergence of the places xy[n][2] from the odds. */
double bl_tsne_cost(const double *p, const double *xy, size_t n);
/* Its gradient to `to`[n][2], with the odds times `exaggeration`. */
void bl_tsne_gradient(const double *p, const double *xy, size_t n, double exaggeration,
                      double *to);

#endif
