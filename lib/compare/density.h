/* density.h - densities of samples and how far two of them are apart:
 * Gaussian kernels of width h = s n^(-1/5), s the sample deviation (Scott's rule), as
 * in Yang and Lerch, "On the evaluation of generative models in music" (2018). */
#ifndef BL_DENSITY_H
#define BL_DENSITY_H

#include "base/mem.h"

/* A sample: x[n], of weight w[n] each (NULL: 1 / n). Many values are gathered in 8192
 * cells, so that the work is bounded. Release with bl_density_free. */
typedef struct {
    double *x, *w; /* owned */
    size_t n;
    size_t n_values;
    double low, high, mean;
    double h; /* 0 where all are equal or there are fewer than two */
} bl_density;

/* value[n], none NaN. 0 or BL_E_NOMEM. */
int bl_density_make(bl_density *d, const double *value, size_t n,
                    bl_err *e) BL_MUST_CHECK;
/* y[k] = the density at low + k * step. */
void bl_density_at(const bl_density *d, double low, double step, double *y, size_t n);
/* The naive twin, for tests: an exponential a sample and point. */
void bl_density_at_naive(const bl_density *d, double low, double step, double *y,
                         size_t n);
void bl_density_free(bl_density *d);

/* Of two samples, both with h > 0, else NaN. */
typedef struct {
    double kld; /* nats */
    double oa;  /* overlapping area, 0..1 */
} bl_apart;

/* On 1000 points from 3 h below the smallest to 3 h above the largest value of both. */
int bl_density_apart(const bl_density *p, const bl_density *q, bl_apart *a,
                     bl_err *e) BL_MUST_CHECK;
/* As mgeval has it: for the divergence each density on its own range, so that it sees
 * neither shift nor scale; the area without the tails. */
int bl_density_apart_mgeval(const bl_density *p, const bl_density *q, bl_apart *a,
                            bl_err *e) BL_MUST_CHECK;

#endif
