/* frechet.c - see bl_frechet in twosample.h: Dowson and Landau, "The Frechet distance
 * between multivariate normal distributions" (1982). */
#include "compare/eigen.h"
#include "compare/twosample.h"

#include <math.h>
#include <stdlib.h>

static void moments(const double *x, size_t n, size_t d, double *mean, double *cov)
{
    for (size_t j = 0; j < d; j++) {
        mean[j] = 0;
        for (size_t i = 0; i < n; i++)
            mean[j] += x[i * d + j] / (double)n;
    }
    for (size_t j = 0; j < d; j++)
        for (size_t k = 0; k < d; k++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += (x[i * d + j] - mean[j]) * (x[i * d + k] - mean[k]);
            cov[j * d + k] = sum / (double)(n - 1);
        }
}

/* c = a b */
static void multiply(const double *a, const double *b, double *c, size_t d)
{
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) {
            c[i * d + j] = 0;
            for (size_t k = 0; k < d; k++)
                c[i * d + j] += a[i * d + k] * b[k * d + j];
        }
}

/* Trace of the square root of s1 s2, through the symmetric s1^1/2 s2 s1^1/2. */
static double root_trace(double *s1, double *s2, double *v, double *root, double *t,
                         size_t d)
{
    double sum = 0;
    bl_eigen(s1, v, d);
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) {
            root[i * d + j] = 0;
            for (size_t k = 0; k < d; k++)
                root[i * d + j] +=
                    v[i * d + k] * sqrt(fmax(s1[k * d + k], 0)) * v[j * d + k];
        }
    multiply(root, s2, t, d);
    multiply(t, root, s2, d);
    bl_eigen(s2, v, d);
    for (size_t i = 0; i < d; i++)
        sum += sqrt(fmax(s2[i * d + i], 0));
    return sum;
}

int bl_frechet(const double *a, size_t n_a, const double *b, size_t n_b, size_t d,
               double *distance, bl_err *e)
{
    *distance = NAN;
    if (n_a < 2 || n_b < 2 || d == 0)
        return 0;
    double *m = bl_calloc(5 * d * d + 2 * d, sizeof *m, e);
    if (m == NULL)
        return BL_E_NOMEM;
    double *s1 = m, *s2 = s1 + d * d, *v = s2 + d * d, *root = v + d * d,
           *t = root + d * d, *m1 = t + d * d, *m2 = m1 + d;
    moments(a, n_a, d, m1, s1);
    moments(b, n_b, d, m2, s2);
    double sum = 0;
    for (size_t j = 0; j < d; j++)
        t[j] = s2[j * d + j] > 0 ? sqrt(s2[j * d + j]) : 1;
    for (size_t j = 0; j < d; j++) {
        sum += (m1[j] - m2[j]) * (m1[j] - m2[j]) / (t[j] * t[j]);
        for (size_t k = 0; k < d; k++) {
            s1[j * d + k] /= t[j] * t[k];
            s2[j * d + k] /= t[j] * t[k];
        }
    }
    for (size_t j = 0; j < d; j++) {
        s1[j * d + j] += 1e-6;
        s2[j * d + j] += 1e-6;
        sum += s1[j * d + j] + s2[j * d + j];
    }
    *distance = sum - 2 * root_trace(s1, s2, v, root, t, d);
    free(m);
    return 0;
}
