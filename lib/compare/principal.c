/* principal.c - see plane.h: subspace iteration on the covariance, then its small
 * eigenproblem. */
#include "base/rng.h"
#include "compare/eigen.h"
#include "compare/plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPACE = 8, ROUNDS = 300 }; /* directions that are followed; two are wanted */

/* x less its mean, and the covariance of that. */
static void moments(const float *x, size_t n, size_t d, double *mean, double *cov)
{
    memset(mean, 0, d * sizeof *mean);
    memset(cov, 0, d * d * sizeof *cov);
    for (size_t i = 0; i < n * d; i++)
        mean[i % d] += (double)x[i];
    for (size_t i = 0; i < d; i++)
        mean[i] /= (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            double a = ((double)x[i * d + j] - mean[j]) / (double)n;
            for (size_t k = 0; k <= j && a != 0; k++)
                cov[j * d + k] += a * ((double)x[i * d + k] - mean[k]);
        }
    for (size_t j = 0; j < d; j++)
        for (size_t k = 0; k < j; k++)
            cov[k * d + j] = cov[j * d + k];
}

/* to = cov of; both rows of d. */
static void apply(const double *cov, const double *of, size_t d, size_t k, double *to)
{
    for (size_t c = 0; c < k; c++)
        for (size_t i = 0; i < d; i++) {
            double sum = 0;
            for (size_t j = 0; j < d; j++)
                sum += cov[i * d + j] * of[c * d + j];
            to[c * d + i] = sum;
        }
}

static double dot(const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Makes k rows of d orthonormal (Gram and Schmidt, twice). What the rows before it span
 * becomes 0: the roundings that are left of it are no direction. */
static void straighten(double *v, size_t d, size_t k)
{
    for (size_t c = 0; c < k; c++) {
        double *row = v + c * d, before = sqrt(dot(row, row, d));
        for (size_t b = 0; b < 2 * c; b++) {
            const double *other = v + b % c * d;
            double by = dot(other, row, d);
            for (size_t i = 0; i < d; i++)
                row[i] -= by * other[i];
        }
        double norm = sqrt(dot(row, row, d));
        for (size_t i = 0; i < d; i++)
            row[i] = norm > 1e-10 * before ? row[i] / norm : 0;
    }
}

/* The two directions of most variance, into the first rows of `to`, and their
 * variances. */
static void turn(const double *cov, const double *v, double *to, size_t d, size_t k,
                 double variance[2])
{
    double small[SPACE * SPACE], vectors[SPACE * SPACE];
    apply(cov, v, d, k, to);
    for (size_t a = 0; a < k; a++)
        for (size_t b = 0; b < k; b++) {
            small[a * k + b] = 0;
            for (size_t i = 0; i < d; i++)
                small[a * k + b] += v[a * d + i] * to[b * d + i];
        }
    bl_eigen(small, vectors, k);
    for (size_t c = 0, last = k; c < 2; c++) {
        size_t best = k;
        for (size_t a = 0; a < k; a++)
            if (a != last && (best == k || small[a * k + a] > small[best * k + best]))
                best = a;
        last = best;
        variance[c] = best < k ? fmax(small[best * k + best], 0) : 0;
        memset(to + c * d, 0, d * sizeof *to);
        for (size_t a = 0; best < k && a < k; a++)
            for (size_t i = 0; i < d; i++)
                to[c * d + i] += vectors[a * k + best] * v[a * d + i];
    }
}

/* A direction has no sign: its largest weight is above 0. */
static void sign(double *v, size_t d)
{
    size_t most = 0;
    for (size_t i = 1; i < d; i++)
        if (fabs(v[i]) > fabs(v[most]) * (1 + 1e-9))
            most = i;
    for (size_t i = 0; i < d && v[most] < 0; i++)
        v[i] = i == most ? v[i] : -v[i];
    v[most] = fabs(v[most]);
}

static void project(const float *x, size_t n, size_t d, const double *mean,
                    const double *v, double *xy)
{
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 2; c++) {
            xy[2 * i + c] = 0;
            for (size_t j = 0; j < d; j++)
                xy[2 * i + c] += ((double)x[i * d + j] - mean[j]) * v[c * d + j];
        }
}

int bl_principal(const float *x, size_t n, size_t d, double *xy, double share[2],
                 bl_err *e)
{
    size_t k = (size_t)bl_min(SPACE, (int64_t)d);
    double variance[2], all = 0, least = 0;
    if (d > BL_PLANE_NUMBERS)
        return bl_fail(e, BL_E_LIMIT, "vectors of %zu numbers, not up to %d", d,
                       BL_PLANE_NUMBERS);
    double *cov = bl_calloc(d * (d + 1 + 2 * (size_t)SPACE), sizeof *cov, e);
    if (cov == NULL)
        return BL_E_NOMEM;
    double *mean = cov + d * d, *v = mean + d, *next = v + SPACE * d;
    bl_rng rng = bl_rng_make(0, 0);
    moments(x, n, d, mean, cov);
    for (size_t i = 0; i < d; i++)
        all += cov[i * d + i];
    for (size_t i = 0; i < d; i++)
        least += 1e-24 * mean[i] * mean[i]; /* what roundings come to */
    for (size_t i = 0; i < k * d; i++)
        v[i] = bl_rng_normal(&rng);
    for (int round = 0; round < ROUNDS; round++) {
        straighten(v, d, k);
        apply(cov, v, d, k, next);
        memcpy(v, next, k * d * sizeof *v);
    }
    straighten(v, d, k);
    turn(cov, v, next, d, k, variance);
    for (size_t c = 0; c < 2; c++) {
        sign(next + c * d, d);
        share[c] = all > least ? variance[c] / all : 0;
    }
    project(x, n, d, mean, next, xy);
    free(cov);
    return 0;
}
