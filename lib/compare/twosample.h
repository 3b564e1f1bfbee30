/* twosample.h - two samples of numbers: how their distributions differ. */
#ifndef BL_TWOSAMPLE_H
#define BL_TWOSAMPLE_H

#include "base/mem.h"
#include "base/rng.h"

typedef struct {
    double w1;        /* Wasserstein: the area between the distribution functions */
    double ks;        /* Kolmogorov-Smirnov: the largest gap between them */
    double cliff;     /* Cliff's delta: P(a > b) - P(a < b) */
    double low, high; /* 95 % percentile bootstrap interval of delta */
    double p; /* Mann-Whitney, two-sided: normal approximation, ties corrected */
} bl_twosample;

enum { BL_BOOTSTRAP = 1000 };

/* a[n_a], b[n_b], none NaN; NaN where one is empty. n_bootstrap 0: no interval. */
int bl_twosample_of(bl_twosample *t, const double *a, size_t n_a, const double *b,
                    size_t n_b, bl_rng rng, int n_bootstrap, bl_err *e) BL_MUST_CHECK;

/* Holm's step-down: replaces p[n] (NaN stays) by adjusted ones. */
int bl_holm(double *p, size_t n, bl_err *e) BL_MUST_CHECK;

/* Frechet distance of two sets of points (n_a, d), (n_b, d) by mean and covariance,
 * each column scaled by mean and deviation in b, 1e-6 added to the diagonal of both.
 * NaN for fewer than two points. 0 or BL_E_NOMEM. */
int bl_frechet(const double *a, size_t n_a, const double *b, size_t n_b, size_t d,
               double *distance, bl_err *e) BL_MUST_CHECK;

#endif
