/* twosample.c - see twosample.h: ranks. Cliff, "Dominance statistics" (1993); Mann and
 * Whitney (1947); Holm (1979); Efron (1979). */
#include "compare/twosample.h"
#include "base/sort.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double x;
    uint32_t of_a, of_b; /* how many there are of it in each sample */
} tally;

static int by_tally(const void *a, const void *b)
{
    return bl_by_double(&((const tally *)a)->x, &((const tally *)b)->x);
}

/* The distinct values of both, sorted, counted. slot[i] of value i of a, then b. */
static size_t make_tallies(tally *t, uint32_t *slot, const double *a, size_t n_a,
                           const double *b, size_t n_b)
{
    size_t n = 0;
    for (size_t i = 0; i < n_a + n_b; i++)
        t[i] = (tally){.x = i < n_a ? a[i] : b[i - n_a]};
    qsort(t, n_a + n_b, sizeof *t, by_tally);
    for (size_t i = 0; i < n_a + n_b; i++)
        if (n == 0 || t[n - 1].x != t[i].x)
            t[n++] = t[i];
    for (size_t i = 0; i < n_a + n_b; i++) {
        tally key = {.x = i < n_a ? a[i] : b[i - n_a]};
        tally *found = bsearch(&key, t, n, sizeof *t, by_tally);
        slot[i] = (uint32_t)(found - t);
        found->of_a += i < n_a;
        found->of_b += i >= n_a;
    }
    return n;
}

static double delta(const tally *t, size_t n, double n_a, double n_b)
{
    double below_a = 0, below_b = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += t[i].of_a * below_b - t[i].of_b * below_a;
        below_a += t[i].of_a;
        below_b += t[i].of_b;
    }
    return sum / (n_a * n_b);
}

static void distances(bl_twosample *r, const tally *t, size_t n, double n_a, double n_b)
{
    double below_a = 0, below_b = 0;
    r->w1 = r->ks = 0;
    for (size_t i = 0; i < n; i++) {
        below_a += t[i].of_a;
        below_b += t[i].of_b;
        double gap = fabs(below_a / n_a - below_b / n_b);
        r->ks = gap > r->ks ? gap : r->ks;
        if (i + 1 < n)
            r->w1 += gap * (t[i + 1].x - t[i].x);
    }
}

static double mann_whitney(const tally *t, size_t n, double n_a, double n_b,
                           double cliff)
{
    double ties = 0, all = n_a + n_b;
    for (size_t i = 0; i < n; i++) {
        double k = (double)t[i].of_a + t[i].of_b;
        ties += k * k * k - k;
    }
    double variance = n_a * n_b / 12 * (all + 1 - ties / (all * (all - 1)));
    double off = fabs(cliff) * n_a * n_b / 2 - 0.5; /* U from its mean, continuous */
    if (!(variance > 0))
        return 1;
    return off <= 0 ? 1 : erfc(off / sqrt(2 * variance));
}

static int bootstrap(bl_twosample *r, tally *t, size_t n, const uint32_t *slot,
                     size_t n_a, size_t n_b, bl_rng rng, int n_times, bl_err *e)
{
    double *found = bl_calloc((size_t)n_times, sizeof *found, e);
    if (found == NULL)
        return BL_E_NOMEM;
    for (int k = 0; k < n_times; k++) {
        for (size_t i = 0; i < n; i++)
            t[i].of_a = t[i].of_b = 0;
        for (size_t i = 0; i < n_a; i++)
            t[slot[bl_rng_below(&rng, (uint32_t)n_a)]].of_a++;
        for (size_t i = 0; i < n_b; i++)
            t[slot[n_a + bl_rng_below(&rng, (uint32_t)n_b)]].of_b++;
        found[k] = delta(t, n, (double)n_a, (double)n_b);
    }
    qsort(found, (size_t)n_times, sizeof *found, bl_by_double);
    r->low = found[(size_t)(0.025 * (n_times - 1) + 0.5)];
    r->high = found[(size_t)(0.975 * (n_times - 1) + 0.5)];
    free(found);
    return 0;
}

int bl_twosample_of(bl_twosample *t, const double *a, size_t n_a, const double *b,
                    size_t n_b, bl_rng rng, int n_bootstrap, bl_err *e)
{
    *t = (bl_twosample){NAN, NAN, NAN, NAN, NAN, NAN};
    if (n_a == 0 || n_b == 0)
        return 0;
    if (n_a + n_b > UINT32_MAX)
        return bl_fail(e, BL_E_LIMIT, "more than 2^32 pieces");
    tally *tallies = bl_calloc(n_a + n_b, sizeof *tallies, e);
    uint32_t *slot = bl_calloc(n_a + n_b, sizeof *slot, e);
    int rc = tallies == NULL || slot == NULL ? BL_E_NOMEM : 0;
    if (rc == 0) {
        size_t n = make_tallies(tallies, slot, a, n_a, b, n_b);
        distances(t, tallies, n, (double)n_a, (double)n_b);
        t->cliff = delta(tallies, n, (double)n_a, (double)n_b);
        t->p = mann_whitney(tallies, n, (double)n_a, (double)n_b, t->cliff);
        if (n_bootstrap > 0 && n_a > 1 && n_b > 1)
            rc = bootstrap(t, tallies, n, slot, n_a, n_b, rng, n_bootstrap, e);
    }
    free(tallies);
    free(slot);
    return rc;
}

typedef struct {
    double p;
    size_t i;
} place;

int bl_holm(double *p, size_t n, bl_err *e)
{
    place *order = bl_calloc(n, sizeof *order, e);
    size_t m = 0;
    double before = 0;
    if (order == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            order[m++] = (place){p[i], i};
    qsort(order, m, sizeof *order, bl_by_double);
    for (size_t k = 0; k < m; k++) {
        double x = order[k].p * (double)(m - k);
        before = x > before ? x : before;
        p[order[k].i] = before < 1 ? before : 1;
    }
    free(order);
    return 0;
}
