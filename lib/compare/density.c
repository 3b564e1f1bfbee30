/* density.c - see density.h. */
#include "compare/density.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_VALUES = 20000, N_CELLS = 8192, N_POINTS = 1000, N_FINE = 20000 };

static const double pi = 3.14159265358979323846;

/* Deals each value to the two nearest of N_CELLS + 1 points. */
static void gather(bl_density *d, const double *value)
{
    double step = (d->high - d->low) / N_CELLS;
    for (size_t k = 0; k <= N_CELLS; k++) {
        d->x[k] = d->low + step * (double)k;
        d->w[k] = 0;
    }
    for (size_t i = 0; i < d->n_values; i++) {
        double at = (value[i] - d->low) / step;
        size_t k = bl_min((size_t)at, N_CELLS - 1);
        d->w[k] += 1 - (at - (double)k);
        d->w[k + 1] += at - (double)k;
    }
    for (size_t k = 0; k <= N_CELLS; k++)
        d->w[k] /= (double)d->n_values;
    d->n = N_CELLS + 1;
}

int bl_density_make(bl_density *d, const double *value, size_t n, bl_err *e)
{
    double sum = 0, squares = 0;
    *d = (bl_density){.n = n, .n_values = n, .low = NAN, .high = NAN, .mean = NAN};
    int is_many = n > MAX_VALUES;
    d->x = bl_calloc(is_many ? N_CELLS + 1 : n, sizeof *d->x, e);
    d->w = is_many ? bl_calloc(N_CELLS + 1, sizeof *d->w, e) : NULL;
    if (d->x == NULL || (is_many && d->w == NULL)) {
        bl_density_free(d);
        return BL_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        sum += value[i];
        d->low = i == 0 || value[i] < d->low ? value[i] : d->low;
        d->high = i == 0 || value[i] > d->high ? value[i] : d->high;
    }
    d->mean = n > 0 ? sum / (double)n : NAN;
    for (size_t i = 0; i < n; i++)
        squares += (value[i] - d->mean) * (value[i] - d->mean);
    if (n > 1 && d->high > d->low)
        d->h = sqrt(squares / (double)(n - 1)) * pow((double)n, -0.2);
    if (is_many && d->h > 0) {
        gather(d, value);
        return 0;
    }
    d->n = is_many ? 0 : n;
    for (size_t i = 0; i < d->n; i++)
        d->x[i] = value[i];
    return 0;
}

void bl_density_free(bl_density *d)
{
    free(d->x);
    free(d->w);
    *d = (bl_density){0};
}

/* ---- one kernel on equal steps ----
 *
 * With f(z) = exp(-z^2 / 2), f(z + m d) = f(z) exp(-m d z) exp(-(m d)^2 / 2): from one
 * point to the m-th next it takes a factor that itself changes by a constant factor.
 * LANES neighbours go together, so that a stretch of points costs three exponentials.
 */

enum { LANES = 8, STRETCH = 256 };

typedef struct {
    double d;             /* step in bandwidths */
    double q, q_m, q_m_m; /* exp(-d^2), exp(-LANES d^2), exp(-(LANES d)^2) */
} stride;

static stride stride_of(double d)
{
    return (stride){d, exp(-d * d), exp(-LANES * d * d), exp(-LANES * LANES * d * d)};
}

/* y[k] += w f(z + k d) for k < n, n a multiple of LANES. */
static void add_stretch(const stride *s, double z, double w, double *y, size_t n)
{
    double value[LANES], factor[LANES];
    double m = LANES * s->d, next = exp(-s->d * z - s->d * s->d / 2);
    value[0] = w * exp(-z * z / 2);
    factor[0] = exp(-m * z - m * m / 2);
    for (int l = 1; l < LANES; l++) {
        value[l] = value[l - 1] * next;
        factor[l] = factor[l - 1] * s->q_m;
        next *= s->q;
    }
    for (size_t k = 0; k < n; k += LANES)
        for (int l = 0; l < LANES; l++) {
            y[k + (size_t)l] += value[l];
            value[l] *= factor[l];
            factor[l] *= s->q_m_m;
        }
}

/* A stretch may be taken so if it is not wider than its factors bear, and if nothing in
 * it is near the end of the range of numbers, where digits are lost. */
static int is_safe(const stride *s, double z, size_t n)
{
    double past = z + s->d * (double)n, far = fmax(fabs(z), fabs(past));
    return s->d * (double)n < 8 && far < 36;
}

void bl_density_at_naive(const bl_density *d, double low, double step, double *y,
                         size_t n)
{
    double norm = 1 / (d->h * sqrt(2 * pi));
    for (size_t k = 0; k < n; k++) {
        y[k] = 0;
        for (size_t i = 0; i < d->n; i++) {
            double z = (low + step * (double)k - d->x[i]) / d->h;
            y[k] +=
                norm * (d->w != NULL ? d->w[i] : 1 / (double)d->n) * exp(-0.5 * z * z);
        }
    }
}

/* Gathered samples are cut at 9 h, where a kernel is below 1e-17 of its peak; small
 * ones keep their tails, which the published divergence looks at, up to where they are
 * nothing but 0. */
void bl_density_at(const bl_density *d, double low, double step, double *y, size_t n)
{
    double norm = 1 / (d->h * sqrt(2 * pi));
    double reach = (d->w != NULL ? 9 : 38.7) * d->h;
    stride s = stride_of(step / d->h);
    for (size_t k = 0; k < n; k++)
        y[k] = 0;
    for (size_t i = 0; i < d->n; i++) {
        double w = norm * (d->w != NULL ? d->w[i] : 1 / (double)d->n);
        double from = (d->x[i] - reach - low) / step;
        double past = (d->x[i] + reach - low) / step;
        if (w == 0 || past < 0)
            continue;
        size_t end = past < (double)n - 1 ? (size_t)past + 1 : n;
        for (size_t k = from > 0 ? (size_t)from : 0; k < end;) {
            double z = (low + step * (double)k - d->x[i]) / d->h;
            size_t m = bl_min(STRETCH, end - k) / LANES * LANES;
            while (m > 0 && !is_safe(&s, z, m))
                m = m / 2 / LANES * LANES;
            if (m > 0)
                add_stretch(&s, z, w, y + k, m);
            else
                y[k] += w * exp(-0.5 * z * z);
            k += m > 0 ? m : 1;
        }
    }
}

/* Sum of p ln(p / q) over points, both brought to sum 1 and raised by `floor`. */
static double divergence(const double *p, const double *q, size_t n, double floor)
{
    double sum_p = 0, sum_q = 0, sum = 0;
    for (size_t k = 0; k < n; k++) {
        sum_p += p[k];
        sum_q += q[k];
    }
    for (size_t k = 0; k < n; k++) {
        double a = p[k] / sum_p + floor, b = q[k] / sum_q + floor;
        if (a > 0)
            sum += a * log(a / b);
    }
    return sum;
}

static double overlap(const double *p, const double *q, size_t n, double step)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += p[k] < q[k] ? p[k] : q[k];
    return sum * step;
}

static double *two_curves(size_t n, bl_err *e)
{
    return bl_calloc(2 * n, sizeof(double), e);
}

int bl_density_apart(const bl_density *p, const bl_density *q, bl_apart *a, bl_err *e)
{
    *a = (bl_apart){NAN, NAN};
    if (!(p->h > 0) || !(q->h > 0))
        return 0;
    double h = p->h > q->h ? p->h : q->h;
    double low = (p->low < q->low ? p->low : q->low) - 3 * h;
    double high = (p->high > q->high ? p->high : q->high) + 3 * h;
    double step = (high - low) / (N_POINTS - 1);
    double *y = two_curves(N_POINTS, e);
    if (y == NULL)
        return BL_E_NOMEM;
    bl_density_at(p, low, step, y, N_POINTS);
    bl_density_at(q, low, step, y + N_POINTS, N_POINTS);
    a->kld = divergence(y, y + N_POINTS, N_POINTS, 1e-12);
    a->oa = overlap(y, y + N_POINTS, N_POINTS, step);
    free(y);
    return 0;
}

int bl_density_apart_mgeval(const bl_density *p, const bl_density *q, bl_apart *a,
                            bl_err *e)
{
    *a = (bl_apart){NAN, NAN};
    if (!(p->h > 0) || !(q->h > 0))
        return 0;
    double *y = two_curves(N_FINE + 1, e), *z = y + N_FINE + 1;
    if (y == NULL)
        return BL_E_NOMEM;
    bl_density_at(p, p->low, (p->high - p->low) / (N_POINTS - 1), y, N_POINTS);
    bl_density_at(q, q->low, (q->high - q->low) / (N_POINTS - 1), z, N_POINTS);
    a->kld = divergence(y, z, N_POINTS, 0);
    double low = p->low < q->low ? p->low : q->low;
    double high = p->high > q->high ? p->high : q->high;
    size_t n = p->w == NULL && q->w == NULL ? N_FINE : N_FINE / 10;
    double step = (high - low) / (double)n;
    bl_density_at(p, low, step, y, n + 1);
    bl_density_at(q, low, step, z, n + 1);
    /* the trapezoid rule */
    double ends = (y[0] < z[0] ? y[0] : z[0]) + (y[n] < z[n] ? y[n] : z[n]);
    a->oa = overlap(y, z, n + 1, step) - ends / 2 * step;
    free(y);
    return 0;
}
