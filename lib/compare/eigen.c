/* eigen.c - see eigen.h. */
#include "compare/eigen.h"

#include <math.h>

void bl_eigen(double *a, double *v, size_t d)
{
    for (size_t i = 0; i < d * d; i++)
        v[i] = i % (d + 1) == 0;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0, on = 0;
        for (size_t i = 0; i < d * d; i++)
            *(i % (d + 1) == 0 ? &on : &off) += a[i] * a[i];
        if (off <= 1e-28 * on)
            return;
        for (size_t p = 0; p + 1 < d; p++)
            for (size_t q = p + 1; q < d; q++) {
                double apq = a[p * d + q];
                if (apq == 0)
                    continue;
                double theta = (a[q * d + q] - a[p * d + p]) / (2 * apq);
                double t =
                    (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (size_t k = 0; k < d; k++) {
                    double x = a[k * d + p], y = a[k * d + q];
                    a[k * d + p] = c * x - s * y;
                    a[k * d + q] = s * x + c * y;
                }
                for (size_t k = 0; k < d; k++) {
                    double x = a[p * d + k], y = a[q * d + k];
                    a[p * d + k] = c * x - s * y;
                    a[q * d + k] = s * x + c * y;
                    x = v[k * d + p];
                    y = v[k * d + q];
                    v[k * d + p] = c * x - s * y;
                    v[k * d + q] = s * x + c * y;
                }
            }
    }
}
