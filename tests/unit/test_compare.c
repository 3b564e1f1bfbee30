/* test_compare.c - densities, distances between samples, the comparison of sets:
 * against numbers known in closed form, and what must or must not change them. */
#include "songs.h"
#include "compare/compare.h"
#include "tap.h"

#include <math.h>

enum { N = 400 };

static void fill_normal(double *x, size_t n, uint64_t seed, double mean, double sd)
{
    bl_rng r = bl_rng_make(seed, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = mean + sd * bl_rng_normal(&r);
}

static bl_apart apart(const double *x, const double *y, size_t n, int is_published)
{
    bl_err e = BL_ERR_INIT;
    bl_density p = {0}, q = {0};
    bl_apart a;
    need(bl_density_make(&p, x, n, &e), &e);
    need(bl_density_make(&q, y, n, &e), &e);
    need(is_published ? bl_density_apart_mgeval(&p, &q, &a, &e)
                      : bl_density_apart(&p, &q, &a, &e),
         &e);
    bl_density_free(&p);
    bl_density_free(&q);
    return a;
}

static void test_apart(void)
{
    double x[N], y[N], before = -1;
    int grows = 1;
    fill_normal(x, N, 1, 0, 1);
    bl_apart same = apart(x, x, N, 0), published = apart(x, x, N, 1);
    ok(same.kld == 0 && same.oa > 0.999 && same.oa < 1.001, "a set is near itself");
    ok(published.oa < 0.998, "the published area lacks the tails: %g", published.oa);
    for (int shift = 0; shift < 6; shift++) {
        for (int i = 0; i < N; i++)
            y[i] = x[i] + shift;
        double kld = apart(x, y, N, 0).kld;
        grows &= kld > before;
        before = kld;
    }
    ok(grows && before > 5, "the divergence grows with the shift, to %g", before);
    ok(fabs(apart(x, y, N, 1).kld) < 1e-9, "the published one does not see it");
    for (int i = 0; i < N; i++)
        y[i] = 3;
    ok(isnan(apart(x, y, N, 0).kld) && isnan(apart(x, y, N, 0).oa),
       "where all are equal there is no density");
}

/* Fine and coarse grids, far tails, few and gathered samples. */
static void test_stretches(void)
{
    enum { POINTS = 3001, SAMPLES = 25000 };
    static double value[SAMPLES], fast[POINTS], slow[POINTS];
    static const double width[] = {0.5, 4, 60, 3000};
    for (int i = 0; i < SAMPLES; i++)
        value[i] = sin(i * 12.9898) * 3 + i % 7;
    for (size_t k = 0; k < BL_COUNT(width); k++)
        for (int many = 0; many <= 1; many++) {
            bl_err e = BL_ERR_INIT;
            bl_density d = {0};
            double worst = 0;
            need(bl_density_make(&d, value, many ? SAMPLES : 40, &e), &e);
            double low = -width[k] / 3, step = width[k] / (POINTS - 1);
            bl_density_at(&d, low, step, fast, POINTS);
            bl_density_at_naive(&d, low, step, slow, POINTS);
            for (int i = 0; i < POINTS; i++) /* what is gathered is cut at 9 h */
                worst = fmax(worst, fabs(fast[i] - slow[i]) /
                                        (slow[i] + (many ? 1e-6 : 1e-300)));
            ok(worst < 1e-9, "a density in stretches, %g wide, %s samples (%.1g)",
               width[k], many ? "gathered" : "single", worst);
            bl_density_free(&d);
        }
}

/* Above 20000 values they are gathered in cells: nearly the same density. */
static void test_gathered(void)
{
    enum { MANY = 40000 };
    static const double step = 0.1;
    bl_err e = BL_ERR_INIT;
    double *x = bl_calloc(MANY, sizeof *x, &e), y[81], sum = 0, worst = 0;
    bl_density d = {0};
    fill_normal(x, MANY, 5, 0, 1);
    need(bl_density_make(&d, x, MANY, &e), &e);
    bl_density_at(&d, -4, step, y, 81);
    for (int k = 0; k < 81; k++) {
        double z = -4 + step * k, exact = 0;
        for (int i = 0; i < MANY; i++) {
            double u = (z - x[i]) / d.h;
            exact += exp(-0.5 * u * u);
        }
        exact /= MANY * d.h * sqrt(2 * acos(-1));
        worst = fmax(worst, fabs(exact - y[k]));
        sum += y[k] * step;
    }
    ok(worst < 1e-6 && fabs(sum - 1) < 1e-3, "gathered values: off by %g", worst);
    bl_density_free(&d);
    free(x);
}

static void test_twosample(void)
{
    bl_err e = BL_ERR_INIT;
    bl_twosample t;
    const double a[] = {1, 2, 2, 5}, b[] = {2, 3, 4};
    need(bl_twosample_of(&t, a, 4, b, 3, bl_rng_make(1, 0), 0, &e), &e);
    /* 3 of 12 pairs are above, 7 below */
    ok(fabs(t.cliff + 4 / 12.0) < 1e-12, "Cliff's delta by hand");
    ok(fabs(t.ks - (3 / 4.0 - 1 / 3.0)) < 1e-12, "Kolmogorov-Smirnov by hand");
    /* |F - G| is 1/4, 5/12, 1/12, 1/4 from 1 to 5 */
    ok(fabs(t.w1 - 12 / 12.0) < 1e-12, "Wasserstein by hand: %g", t.w1);
    double x[N], y[N];
    fill_normal(x, N, 2, 0, 1);
    fill_normal(y, N, 3, 0.5, 1);
    need(bl_twosample_of(&t, x, N, y, N, bl_rng_make(1, 0), BL_BOOTSTRAP, &e), &e);
    ok(t.low < t.cliff && t.cliff < t.high && t.high < 0 && t.high - t.low < 0.2,
       "the interval is around delta: %g %g %g", t.low, t.cliff, t.high);
    ok(t.p < 1e-6, "and p is small: %g", t.p);
    need(bl_twosample_of(&t, x, N, x, N, bl_rng_make(1, 0), 0, &e), &e);
    ok(t.cliff == 0 && t.w1 == 0 && t.ks == 0 && t.p == 1, "a sample against itself");
    need(bl_twosample_of(&t, x, 1, x, 0, bl_rng_make(1, 0), BL_BOOTSTRAP, &e), &e);
    ok(isnan(t.cliff) && isnan(t.p), "against nothing");
}

static void test_holm(void)
{
    bl_err e = BL_ERR_INIT;
    double p[] = {0.04, NAN, 0.01, 0.03};
    need(bl_holm(p, 4, &e), &e);
    ok(fabs(p[2] - 0.03) < 1e-12 && fabs(p[3] - 0.06) < 1e-12 &&
           fabs(p[0] - 0.06) < 1e-12 && isnan(p[1]),
       "Holm's rule by hand");
}

/* Of two normal distributions with the same covariance the distance is that of the
 * means in deviations; scaled ones differ by the square of the difference of
 * deviations. */
static void test_frechet(void)
{
    enum { D = 3 };
    bl_err e = BL_ERR_INIT;
    double a[N * D], b[N * D], far;
    fill_normal(b, N * D, 7, 0, 1);
    for (int i = 0; i < N; i++)
        b[i * D + 1] += 0.7 * b[i * D]; /* not independent */
    need(bl_frechet(b, N, b, N, D, &far, &e), &e);
    ok(fabs(far) < 1e-6, "a set is no distance from itself: %g", far);
    for (int i = 0; i < N * D; i++)
        a[i] = b[i] + (i % D == 0 ? 2 : 0);
    double sd = 0, mean = 0;
    for (int i = 0; i < N; i++)
        mean += b[i * D] / N;
    for (int i = 0; i < N; i++)
        sd += (b[i * D] - mean) * (b[i * D] - mean) / (N - 1);
    need(bl_frechet(a, N, b, N, D, &far, &e), &e);
    ok(fabs(far - 4 / sd) < 1e-6, "a shift by two: %g, not %g", far, 4 / sd);
    for (int i = 0; i < N; i++)
        a[i] = 3 * b[i * D] + 5;
    for (int i = 0; i < N; i++)
        b[i] = b[i * D];
    need(bl_frechet(a, N, b, N, 1, &far, &e), &e);
    double shift = (3 * mean + 5 - mean) / sqrt(sd);
    ok(fabs(far - (shift * shift + 4)) < 1e-4, "three times as wide: %g", far);
    need(bl_frechet(a, 1, b, N, 1, &far, &e), &e);
    ok(isnan(far), "of one piece it is not defined");
}

/* ---- columns of pieces ---- */

static double column(const bl_layout *l, const bl_row *row, const char *name, size_t k)
{
    return row->value[l->at[bl_layout_find(l, name)] + k];
}

static void compute(const bl_layout *l, bl_row *row, const bl_song *s)
{
    bl_err e = BL_ERR_INIT;
    bl_view v = {0};
    bl_view_input in = {.song = s};
    need(bl_row_compute(row, l, &v, &in, &e), &e);
    bl_view_free(&v);
}

static void test_octave(void)
{
    bl_err e = BL_ERR_INIT;
    bl_layout l;
    bl_row low = {0}, high = {0};
    bl_song s = {.tpq = 480, .end = 480 * 32};
    bl_rng r = bl_rng_make(3, 0);
    for (int i = 0; i < 64; i++) {
        if (i % 16 == 0)
            r = bl_rng_make(3, 0); /* a phrase of four seconds, four times */
        int on = i * 240, length = 120 << bl_rng_below(&r, 3);
        bl_note n = {.on = on, .off = on + length, .velocity = 80};
        n.pitch = (uint8_t)(48 + bl_rng_below(&r, 24));
        need(bl_song_add_note(&s, n, &e), &e);
    }
    bl_layout_make(&l, BL_WITH_VECTORS | BL_WITH_COMPAT | BL_WITH_SI);
    compute(&l, &low, &s);
    for (size_t i = 0; i < s.n_notes; i++)
        s.notes[i].pitch += 12;
    compute(&l, &high, &s);
    int same = 1, rhythm = 1;
    double sum = 0;
    for (size_t k = 0; k < 144; k++) {
        same &= column(&l, &low, "pitch_class_transition_matrix", k) ==
                column(&l, &high, "pitch_class_transition_matrix", k);
        rhythm &= column(&l, &low, "note_length_transition_matrix", k) ==
                  column(&l, &high, "note_length_transition_matrix", k);
        sum += column(&l, &low, "note_length_transition_matrix", k);
    }
    ok(same && rhythm, "an octave changes neither classes nor lengths");
    ok(fabs(sum - 1) < 1e-12, "shares add up to 1");
    ok(column(&l, &low, "si_short", 0) == column(&l, &high, "si_short", 0) &&
           column(&l, &low, "si_short", 0) > 0,
       "nor structure");
    ok(column(&l, &low, "polyphony_muspy", 0) == column(&l, &low, "polyphony", 0),
       "what MusPy does right is the same");
    ok(isnan(column(&l, &low, "avg_IOI_mgeval", 0)),
       "mgeval has no say without a file");
    bl_song_free(&s);
    bl_row_free(&low);
    bl_row_free(&high);
}

static void test_sets(void)
{
    bl_err e = BL_ERR_INIT;
    bl_layout l;
    bl_layout_make(&l, 0);
    bl_row row = {0};
    bl_table one = {.layout = &l}, none = {.layout = &l};
    bl_song s = {.tpq = 480};
    bl_buf text = {0};
    compute(&l, &row, &s);
    need(bl_table_add(&one, "silence", "x", &row, &e), &e);
    bl_comparisons c = {.with_mgeval = 1, .force = 1};
    need(bl_compare(&c, &one, &one, &e), &e);
    ok(c.n == 2 * (l.n + 1), "a set of one silent piece: all of it and one group");
    ok(c.row[0].n_a == 1 && isnan(c.row[0].a.kld) && c.row[0].of.cliff == 0,
       "has no densities, and no difference");
    need(bl_comparisons_tsv(&c, &l, &text, &e), &e);
    bl_comparisons_free(&c);
    need(bl_compare(&c, &none, &one, &e), &e);
    ok(c.n == l.n + 1 && c.row[0].n_a == 0 && isnan(c.row[0].of.w1),
       "no piece at all compares, too");
    bl_comparisons_free(&c);
    bl_buf_free(&text);
    bl_table_free(&one);
    bl_table_free(&none);
    bl_row_free(&row);
}

/* What differs in the last digits alone is equal, and does not vary. */
static void test_noise(void)
{
    bl_err e = BL_ERR_INIT;
    bl_layout l;
    bl_layout_make(&l, 0);
    bl_row row = {0};
    bl_table a = {.layout = &l}, b = {.layout = &l};
    bl_song s = {.tpq = 480};
    int tempo = bl_layout_find(&l, "tempo_mean");
    compute(&l, &row, &s);
    for (size_t i = 0; i < l.n_columns; i++)
        row.value[i] = (double)i;
    for (int i = 0; i < 20; i++) {
        row.value[0] = i; /* something must vary */
        row.value[tempo] = 120;
        need(bl_table_add(&a, "a", NULL, &row, &e), &e);
        row.value[tempo] = 120 * (1 + (i % 3 - 1) * 2e-16);
        need(bl_table_add(&b, "b", NULL, &row, &e), &e);
    }
    bl_comparisons c = {.force = 1};
    need(bl_compare(&c, &a, &b, &e), &e);
    const bl_comparison *r = &c.row[tempo], *all = &c.row[c.n - 1];
    ok(r->sd_b == 0 && r->of.ks == 0 && r->of.cliff == 0 && isnan(r->a.kld),
       "the last digits order nothing");
    ok(fabs(all->frechet) < 1e-9, "nor do they count as a scale: %g", all->frechet);
    bl_comparisons_free(&c);
    bl_table_free(&a);
    bl_table_free(&b);
    bl_row_free(&row);
}

/* Whatever the bytes, reading events ends well. */
static void test_events(void)
{
    bl_events ev = {0};
    bl_rng r = bl_rng_make(9, 0);
    uint8_t bytes[64] = "MThd\0\0\0\6\0\0\0\1\1\340MTrk\0\0\0\46";
    int n_read = 0;
    for (int i = 0; i < 20000; i++) {
        for (size_t k = 22; k < 60; k++)
            bytes[k] = (uint8_t)(bl_rng_below(&r, 3) == 0 ? bl_rng_u32(&r)
                                                          : 0x90 * (k % 4 == 1));
        n_read += bl_events_read(&ev, bytes, 22 + bl_rng_below(&r, 39), NULL) == 0;
    }
    ok(n_read >= 0 && bl_events_read(&ev, bytes, 13, NULL) == BL_E_FORMAT,
       "events of %d random tracks", n_read);
    bl_events_free(&ev);
}

int main(void)
{
    test_apart();
    test_stretches();
    test_gathered();
    test_twosample();
    test_holm();
    test_frechet();
    test_octave();
    test_sets();
    test_noise();
    test_events();
    return tap_done();
}
