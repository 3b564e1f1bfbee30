/* tsne.c - see plane.h. */
#include "base/rng.h"
#include "compare/plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SPREAD = 1e-4, NOISE = 1e-8; /* of the places in the beginning */

/* Where the pairs (i, i + 1), (i, i + 2) ... of n begin. */
static size_t row_of(size_t i, size_t n)
{
    return i * n - i * (i + 1) / 2;
}

static double pair(const double *p, size_t i, size_t j, size_t n)
{
    return i < j ? p[row_of(i, n) + j - i - 1] : p[row_of(j, n) + i - j - 1];
}

/* ---- who is whose neighbour ---- */

static void square_distances(const float *x, size_t n, size_t d, double *to)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < d; k++) {
                double apart = (double)x[i * d + k] - (double)x[j * d + k];
                sum += apart * apart;
            }
            to[row_of(i, n) + j - i - 1] = sum;
        }
}

/* The odds of the neighbours of i at that sharpness, into odds[n], which add up to 1;
 * returns their entropy. Distances are taken from the least, so that no sum is 0. */
static double sharpen(const double *distance, double least, size_t i, size_t n,
                      double sharp, double *odds)
{
    double sum = 0, moment = 0;
    for (size_t j = 0; j < n; j++) {
        odds[j] = j == i ? 0 : exp(-sharp * (distance[j] - least));
        sum += odds[j];
        moment += j == i ? 0 : odds[j] * sharp * (distance[j] - least);
    }
    for (size_t j = 0; j < n; j++)
        odds[j] /= sum;
    return log(sum) + moment / sum;
}

/* Finds the sharpness whose odds have the entropy. */
static void find_odds(const double *distance, size_t i, size_t n, double entropy,
                      double *odds)
{
    double low = 0, high = INFINITY, sharp, least = INFINITY, mean = 0;
    for (size_t j = 0; j < n; j++) {
        least = j == i ? least : fmin(least, distance[j]);
        mean += distance[j] / (double)(n - 1);
    }
    sharp = mean > least ? 1 / (mean - least) : 1;
    for (int k = 0; k < 100; k++) {
        double off = sharpen(distance, least, i, n, sharp, odds) - entropy;
        if (fabs(off) < 1e-9)
            return;
        *(off > 0 ? &low : &high) = sharp;
        sharp = isinf(high) ? 2 * sharp : (low + high) / 2;
        if (sharp > 1e300)
            return; /* more equal vectors than the entropy allows */
    }
}

int bl_tsne_odds(const float *x, size_t n, size_t d, double perplexity, double *p,
                 bl_err *e)
{
    size_t pairs = n * (n - 1) / 2;
    double entropy = log(fmax(fmin(perplexity, (double)(n - 1) / 3), 1));
    double *apart = bl_calloc(pairs + 2 * n, sizeof *apart, e);
    if (apart == NULL)
        return BL_E_NOMEM;
    double *distance = apart + pairs, *odds = distance + n;
    square_distances(x, n, d, apart);
    memset(p, 0, pairs * sizeof *p);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            distance[j] = i == j ? 0 : pair(apart, i, j, n);
        find_odds(distance, i, n, entropy, odds);
        for (size_t j = 0; j < n; j++)
            if (j != i)
                p[i < j ? row_of(i, n) + j - i - 1 : row_of(j, n) + i - j - 1] +=
                    odds[j] / (2 * (double)n);
    }
    free(apart);
    return 0;
}

/* ---- places ---- */

/* 1 and the square of the distance of two places. */
static double apart_by(const double *xy, size_t i, size_t j)
{
    double dx = xy[2 * i] - xy[2 * j], dy = xy[2 * i + 1] - xy[2 * j + 1];
    return 1 + dx * dx + dy * dy;
}

static double nearness(const double *xy, size_t n)
{
    double all = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            all += 2 / apart_by(xy, i, j);
    return all;
}

void bl_tsne_gradient(const double *p, const double *xy, size_t n, double exaggeration,
                      double *to)
{
    double all = nearness(xy, n);
    memset(to, 0, 2 * n * sizeof *to);
    for (size_t i = 0; i < n; i++) {
        const double *row = p + row_of(i, n);
        double x = 0, y = 0;
        for (size_t j = i + 1; j < n; j++) {
            double dx = xy[2 * i] - xy[2 * j], dy = xy[2 * i + 1] - xy[2 * j + 1];
            double near = 1 / (1 + dx * dx + dy * dy);
            double pull = 4 * (exaggeration * row[j - i - 1] - near / all) * near;
            x += pull * dx;
            y += pull * dy;
            to[2 * j] -= pull * dx;
            to[2 * j + 1] -= pull * dy;
        }
        to[2 * i] += x;
        to[2 * i + 1] += y;
    }
}

double bl_tsne_cost(const double *p, const double *xy, size_t n)
{
    double all = nearness(xy, n), cost = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            double odds = p[row_of(i, n) + j - i - 1];
            if (odds > 0)
                cost += 2 * odds * log(odds * all * apart_by(xy, i, j));
        }
    return cost;
}

static void begin(double *xy, size_t n, uint64_t seed)
{
    bl_rng rng = bl_rng_make(seed, 1);
    double sum = 0;
    for (size_t i = 0; i < 2 * n; i++)
        sum += xy[i] * xy[i] / (double)n;
    double scale = sum > 0 ? SPREAD / sqrt(sum) : 0;
    for (size_t i = 0; i < 2 * n; i++)
        xy[i] = xy[i] * scale + NOISE * bl_rng_normal(&rng);
}

/* A step with momentum, and a rate of each number that grows while its sign stays
 * (Jacobs, 1988); then the middle is 0 again. */
static void move(double *xy, double *speed, double *gain, const double *gradient,
                 size_t n, double rate, double momentum)
{
    double mean[2] = {0, 0};
    for (size_t i = 0; i < 2 * n; i++) {
        int turns = (gradient[i] > 0) == (speed[i] > 0);
        gain[i] = fmax(turns ? gain[i] * 0.8 : gain[i] + 0.2, 0.01);
        speed[i] = momentum * speed[i] - rate * gain[i] * gradient[i];
        xy[i] += speed[i];
        mean[i % 2] += xy[i] / (double)n;
    }
    for (size_t i = 0; i < 2 * n; i++)
        xy[i] -= mean[i % 2];
}

int bl_tsne(const float *x, size_t n, size_t d, const bl_tsne_wish *w, double *xy,
            double *cost, bl_err *e)
{
    *cost = 0;
    if (n > BL_PLANE_MOST)
        return bl_fail(e, BL_E_LIMIT, "%zu points, t-SNE takes up to %d", n,
                       BL_PLANE_MOST);
    if (n < 2)
        return 0;
    size_t pairs = n * (n - 1) / 2;
    double *p = bl_calloc(pairs + 6 * n, sizeof *p, e);
    if (p == NULL)
        return BL_E_NOMEM;
    double *speed = p + pairs, *gain = speed + 2 * n, *gradient = gain + 2 * n;
    double rate = fmax((double)n / 12 / 4, 50);
    int rc = bl_tsne_odds(x, n, d, w->perplexity, p, e), early = w->steps / 4;
    begin(xy, n, w->seed);
    for (size_t i = 0; i < 2 * n; i++)
        gain[i] = 1;
    for (int step = 0; rc == 0 && step < w->steps; step++) {
        bl_tsne_gradient(p, xy, n, step < early ? 12 : 1, gradient);
        move(xy, speed, gain, gradient, n, rate, step < early ? 0.5 : 0.8);
    }
    *cost = rc == 0 ? bl_tsne_cost(p, xy, n) : 0;
    free(p);
    return rc;
}
