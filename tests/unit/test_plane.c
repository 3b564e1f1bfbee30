/* test_plane.c - vectors as points of a plane: principal components against a full
 * eigenproblem and by their laws, t-SNE by its gradient and by what it is for. */
#include "base/rng.h"
#include "compare/plane.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 60, D = 7 };

static double dot(const double *xy, size_t n, int a, int b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += xy[2 * i + (size_t)a] * xy[2 * i + (size_t)b];
    return sum;
}

/* Points of a known ellipse, turned into D numbers by two directions of length 1. */
static void principal(void)
{
    float x[N * D];
    double xy[2 * N], share[2], far = 0, energy = 0;
    bl_err e = BL_ERR_INIT;
    for (size_t i = 0; i < N; i++) {
        double turn = 6.283185307179586 * (double)i / N;
        double long_way = 5 * cos(turn), short_way = 2 * sin(turn);
        memset(x + i * D, 0, D * sizeof *x);
        x[i * D + 1] = (float)(3 + 0.6 * long_way - 0.8 * short_way);
        x[i * D + 4] = (float)(7 + 0.8 * long_way + 0.6 * short_way);
        energy += long_way * long_way + short_way * short_way;
    }
    ok(bl_principal(x, N, D, xy, share, &e) == 0, "principal components are found");
    for (size_t i = 0; i < N; i++) {
        double turn = 6.283185307179586 * (double)i / N;
        far = fmax(far, fabs(xy[2 * i] - 5 * cos(turn)));
        far = fmax(far, fabs(fabs(xy[2 * i + 1]) - fabs(2 * sin(turn))));
    }
    ok(far < 1e-5, "they are the axes of an ellipse, %g", far);
    ok(fabs(share[0] - 25. / 29) < 1e-6 && fabs(share[1] - 4. / 29) < 1e-6,
       "and its shares of the variance");
    ok(fabs(dot(xy, N, 0, 1)) < 1e-4 * energy, "which do not go together");
    for (size_t i = 0; i < N * D; i++)
        x[i] = 4;
    ok(bl_principal(x, N, D, xy, share, &e) == 0 && dot(xy, N, 0, 0) < 1e-20 &&
           share[0] == 0,
       "equal vectors are one point");
    ok(bl_principal(x, N, 1, xy, share, &e) == 0 && xy[1] < 1e-9,
       "one number has no second component");
    ok(bl_principal(x, 1, BL_PLANE_NUMBERS + 1, xy, share, &e) == BL_E_LIMIT,
       "there are limits");
}

static void draw_groups(float *x)
{
    bl_rng rng = bl_rng_make(7, 0);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < D; k++)
            x[i * D + k] = (float)(bl_rng_normal(&rng) + (k == i % 3 ? 12. : 0.));
}

static void gradient(void)
{
    float x[N * D];
    double p[N * (N - 1) / 2], xy[2 * N], to[2 * N], sum = 0, off = 0;
    bl_err e = BL_ERR_INIT;
    bl_rng rng = bl_rng_make(8, 0);
    draw_groups(x);
    ok(bl_tsne_odds(x, N, D, 10, p, &e) == 0, "odds are found");
    for (size_t i = 0; i < BL_COUNT(p); i++)
        sum += p[i];
    ok(fabs(sum - 0.5) < 1e-12, "they add up to 1/2");
    for (size_t i = 0; i < 2 * N; i++)
        xy[i] = bl_rng_normal(&rng);
    bl_tsne_gradient(p, xy, N, 1, to);
    for (size_t i = 0; i < 2 * N; i++) {
        double at = xy[i], step = 1e-6;
        xy[i] = at + step;
        double above = bl_tsne_cost(p, xy, N);
        xy[i] = at - step;
        double below = bl_tsne_cost(p, xy, N);
        xy[i] = at;
        off = fmax(off, fabs((above - below) / (2 * step) - to[i]));
    }
    ok(off < 1e-8, "the gradient is that of the divergence, %g", off);
}

/* How many points have a nearest neighbour of their own group. */
static int neighbours(const double *xy)
{
    int same = 0;
    for (size_t i = 0; i < N; i++) {
        size_t best = i;
        double least = INFINITY;
        for (size_t j = 0; j < N; j++) {
            double d = hypot(xy[2 * i] - xy[2 * j], xy[2 * i + 1] - xy[2 * j + 1]);
            if (j != i && d < least) {
                least = d;
                best = j;
            }
        }
        same += best % 3 == i % 3;
    }
    return same;
}

static void places(void)
{
    float x[N * D];
    double xy[2 * N], again[2 * N], share[2], cost, other;
    const bl_tsne_wish w = {30, 500, 1};
    bl_err e = BL_ERR_INIT;
    draw_groups(x);
    ok(bl_principal(x, N, D, xy, share, &e) == 0, "a beginning");
    memcpy(again, xy, sizeof xy);
    ok(bl_tsne(x, N, D, &w, xy, &cost, &e) == 0 &&
           bl_tsne(x, N, D, &w, again, &other, &e) == 0,
       "t-SNE finds places");
    ok(memcmp(xy, again, sizeof xy) == 0, "the same twice");
    ok(neighbours(xy) == N, "neighbours are of one group, %d", neighbours(xy));
    ok(cost > 0 && cost < 0.5, "near the odds, %g", cost);
    memset(x, 0, sizeof x);
    memset(xy, 0, sizeof xy);
    ok(bl_tsne(x, N, D, &w, xy, &cost, &e) == 0 && isfinite(xy[0]) &&
           isfinite(xy[2 * N - 1]),
       "equal vectors have places");
    ok(bl_tsne(x, 1, D, &w, xy, &cost, &e) == 0 &&
           bl_tsne(x, 2, D, &w, xy, &cost, &e) == 0 && isfinite(xy[0]) &&
           bl_tsne(x, 3, D, &w, xy, &cost, &e) == 0 && isfinite(xy[4]),
       "so have one, two or three");
    ok(bl_tsne(x, BL_PLANE_MOST + 1, D, &w, xy, &cost, &e) == BL_E_LIMIT,
       "there are limits");
}

int main(void)
{
    principal();
    gradient();
    places();
    return tap_done();
}
