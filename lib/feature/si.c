/* si.c - structureness from notes, SI of MusDr (Wu and Yang, ISMIR 2020) by the fitness
 * scape plot of Mueller, Jiang and Grohganz ("SM Toolbox", 2014; Mueller, Grosche and
 * Jiang, "A segment-based fitness measure for capturing repetitive structures of music
 * recordings", ISMIR 2011), on a chroma of the notes in place of the audio's. The work
 * grows with the fourth power of the length: pieces of more than BL_SI_MAX frames of
 * half a second are not measured. */
#include "feature/family.h"
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

#define SI "largest fitness of a repeated segment of "
#define SI_END ", on a chroma of two frames a second; nan beyond 360 s"

const bl_field bl_fields_si[] = {
    {"si_short", "1", SI "3 to 8 s" SI_END, 1, 1},
    {"si_mid", "1", SI "8 to 15 s" SI_END, 1, 1},
    {"si_long", "1", SI "15 s and longer" SI_END, 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

enum {
    BL_SI_MAX = 720,
    FINE = 10, /* frames a second, first */
    BOX = 21,  /* of which so many are averaged */
    HOP = 5,   /* and every so many-th kept */
    DIAGONAL = 16,
    N_RATIOS = 7
};

/* ---- chroma ---- */

/* Normalises each column of 12; where it is shorter than `least` all alike instead. */
static void normalise(double (*c)[12], size_t n, double least)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++)
            sum += c[i][k] * c[i][k];
        double norm = sqrt(sum);
        for (int k = 0; k < 12; k++)
            if (norm < least)
                c[i][k] = 1 / sqrt(12);
            else if (norm > 0)
                c[i][k] /= norm;
    }
}

static void add_note(double (*c)[12], size_t n, int class, double on, double off)
{
    for (size_t f = (size_t)(on * FINE); f < n && (double)f < off * FINE; f++) {
        double from = (double)f / FINE, past = (double)(f + 1) / FINE;
        from = from > on ? from : on;
        past = past < off ? past : off;
        if (past > from)
            c[f][class] += past - from;
    }
}

/* chroma (n_frames, 12) of the piece at two frames a second; the caller frees. */
static int make_chroma(const bl_view *v, double (**chroma)[12], size_t *n_frames,
                       bl_err *e)
{
    size_t n = (size_t)ceil(bl_view_seconds(v, v->last) * FINE);
    *n_frames = (n + HOP - 1) / HOP;
    double(*fine)[12] = bl_calloc(n, sizeof *fine, e);
    double(*c)[12] = *chroma = bl_calloc(*n_frames, sizeof *c, e);
    if (fine == NULL || c == NULL) {
        free(fine);
        return BL_E_NOMEM;
    }
    for (size_t i = 0; i < v->n_pitched; i++)
        add_note(fine, n, v->pitched[i].pitch % 12,
                 bl_view_seconds(v, v->pitched[i].on),
                 bl_view_seconds(v, v->pitched[i].off));
    normalise(fine, n, 0);
    for (size_t i = 0; i < *n_frames; i++)
        for (int d = -BOX / 2; d <= BOX / 2; d++) {
            int64_t at = (int64_t)i * HOP + d;
            for (int k = 0; k < 12 && at >= 0 && at < (int64_t)n; k++)
                c[i][k] += fine[at][k] / BOX;
        }
    normalise(c, *n_frames, 1e-3);
    free(fine);
    return 0;
}

/* ---- similarity ---- */

/* The frame of n that frame k of m falls on. */
static size_t resampled(size_t k, size_t m, size_t n)
{
    double at = nearbyint((double)(k + 1) / (double)m * (double)n) - 1;
    return at < 0 ? 0 : bl_min((size_t)at, n - 1);
}

/* best (n, n) = max of it and of the mean along diagonals of the chroma against the one
 * that is transposed and played at another speed. `step` +1 looks ahead, -1 back. */
static void smooth(const double (*c)[12], size_t n, int shift, size_t m, int step,
                   double *at, double *mean, double *best)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++) {
            const double *x = c[i], *y = c[resampled(k, m, n)];
            double sum = 0;
            for (int p = 0; p < 12; p++)
                sum += x[p] * y[(p + shift) % 12];
            at[i * m + k] = sum;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++) {
            double sum = 0;
            for (int l = 0; l < DIAGONAL; l++) {
                int64_t a = (int64_t)i + step * l, b = (int64_t)k + step * l;
                if (a < 0 || b < 0 || a >= (int64_t)n || b >= (int64_t)m)
                    break;
                sum += at[(size_t)a * m + (size_t)b];
            }
            mean[i * m + k] = sum / DIAGONAL;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double x = mean[i * m + resampled(k, n, m)];
            if (x > best[i * n + k])
                best[i * n + k] = x;
        }
}

/* The upper quarter scaled to 0..1, the rest a penalty. */
static void threshold(double *s, double *sorted, size_t n)
{
    size_t cells = n * n;
    double least = INFINITY, most = -INFINITY;
    memcpy(sorted, s, cells * sizeof *s);
    qsort(sorted, cells, sizeof *s, bl_by_double);
    double limit = sorted[bl_min((size_t)nearbyint(0.75 * (double)cells), cells - 1)];
    for (size_t i = 0; i < cells; i++) {
        if (s[i] < limit)
            s[i] = 0;
        if (s[i] > 0) {
            least = s[i] < least ? s[i] : least;
            most = s[i] > most ? s[i] : most;
        }
    }
    for (size_t i = 0; i < cells; i++) {
        if (s[i] > 0)
            s[i] = most > least ? (s[i] - least) / (most - least) : 1;
        if (s[i] == 0)
            s[i] = -2;
    }
    for (size_t i = 0; i < n; i++)
        s[i * n + i] = 1;
}

/* similarity (n, n); the caller frees. */
static int make_similarity(const double (*c)[12], size_t n, double **similarity,
                           bl_err *e)
{
    size_t widest = 2 * n + 1;
    double *s = *similarity = bl_calloc(n * n, sizeof *s, e);
    double *at = bl_calloc(n * widest, sizeof *at, e);
    double *mean = bl_calloc(n * widest, sizeof *mean, e);
    int rc = s == NULL || at == NULL || mean == NULL ? BL_E_NOMEM : 0;
    for (int shift = 0; rc == 0 && shift < 12; shift++)
        for (int r = 0; r < N_RATIOS; r++) {
            double ratio = pow(2, (r - N_RATIOS / 2) / 3.0);
            size_t m = bl_min((size_t)ceil((double)n / ratio), widest);
            smooth(c, n, shift, m, 1, at, mean, s);
            smooth(c, n, shift, m, -1, at, mean, s);
        }
    if (rc == 0)
        threshold(s, at, n);
    free(at);
    free(mean);
    return rc;
}

/* ---- fitness ---- */

typedef struct {
    size_t n, m, from; /* frames, of the segment, its first */
    const double *s;   /* (n, n) */
    const double *d;   /* (n, m + 1) */
} family_of_paths;

/* Column 0 is between paths, m the last of the segment. */
static void accumulate(const double *s, size_t n, size_t from, size_t m, double *d)
{
    size_t w = m + 1;
    d[0] = 0;
    d[1] = s[from];
    for (size_t k = 2; k < w; k++)
        d[k] = -INFINITY;
    for (size_t i = 1; i < n; i++) {
        double *row = d + i * w;
        const double *up = row - w, *up2 = i > 1 ? up - w : up;
        const double *cell = s + i * n + from;
        row[0] = up[0] > up[m] ? up[0] : up[m];
        row[1] = row[0] + cell[0];
        for (size_t k = 2; k < w; k++) {
            double best = up[k - 1] > up[k - 2] ? up[k - 1] : up[k - 2];
            best = up2[k - 1] > best ? up2[k - 1] : best;
            row[k] = cell[k - 1] + best;
        }
    }
}

/* Walks the best family back: cells on its paths, rows they cover. */
static void walk(const family_of_paths *f, size_t *cells, size_t *rows)
{
    size_t w = f->m + 1, i = f->n - 1, k, top = 0;
    const double *d = f->d;
    *cells = *rows = 0;
    k = d[i * w + f->m] > d[i * w] ? f->m : 0;
    if (k > 0) {
        ++*cells;
        top = i;
    }
    while (i > 0 || k > 0) {
        if (k == 0) {
            int starts = d[(i - 1) * w + f->m] > d[(i - 1) * w];
            i--;
            k = starts ? f->m : 0;
            if (starts) {
                ++*cells;
                top = i;
            }
            continue;
        }
        if (k == 1) {
            *rows += top - i + 1;
            k = 0;
            continue;
        }
        if (i == 0) {
            k--;
            ++*cells;
            continue;
        }
        const double *up = d + (i - 1) * w;
        double best = up[k - 1];
        size_t to_i = i - 1, to_k = k - 1;
        if (i > 2 && up[k - 1 - w] > best) {
            best = up[k - 1 - w];
            to_i = i - 2;
        }
        if (k > 2 && up[k - 2] > best) {
            to_i = i - 1;
            to_k = k - 2;
        }
        i = to_i;
        k = to_k;
        ++*cells;
    }
}

static double fitness(const family_of_paths *f)
{
    const double *last = f->d + (f->n - 1) * (f->m + 1), eps = 1e-16;
    double score = last[0] > last[f->m] ? last[0] : last[f->m];
    size_t cells, rows;
    walk(f, &cells, &rows);
    double s = (score - (double)f->m) / ((double)cells + eps);
    double c = ((double)rows - (double)f->m) / ((double)f->n + eps);
    double x = 2 * s * c / (s + c + eps);
    return isnan(x) ? 0 : x;
}

/* fit[m]: the largest fitness of segments of m + 1 frames. */
static int scape(const double *s, size_t n, double *fit, bl_err *e)
{
    double *d = bl_calloc(n * (n + 1), sizeof *d, e);
    if (d == NULL)
        return BL_E_NOMEM;
    for (size_t m = 1; m <= n; m++) {
        fit[m - 1] = 0;
        for (size_t from = 0; from + m <= n; from++) {
            family_of_paths f = {.n = n, .m = m, .from = from, .s = s, .d = d};
            accumulate(s, n, from, m, d);
            double x = fitness(&f);
            if (x > fit[m - 1])
                fit[m - 1] = x;
        }
    }
    free(d);
    return 0;
}

/* 0 if the piece is shorter. */
static double most(const double *fit, size_t n, size_t low, size_t high)
{
    double best = 0;
    for (size_t row = 2 * low - 1; row < n && row <= 2 * high - 1; row++)
        best = fit[row] > best ? fit[row] : best;
    return best;
}

int bl_compute_si(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    double(*chroma)[12] = NULL, *similarity = NULL, fit[BL_SI_MAX + 1];
    size_t n = 0;
    (void)series;
    if (v->n_pitched == 0 || v->last == 0 ||
        bl_view_seconds(v, v->last) > BL_SI_MAX / 2)
        return 0;
    int rc = make_chroma(v, &chroma, &n, e);
    if (rc == 0)
        rc = make_similarity((const double(*)[12])chroma, n, &similarity, e);
    if (rc == 0)
        rc = scape(similarity, n, fit, e);
    if (rc == 0) {
        out[0] = most(fit, n, 3, 8);
        out[1] = most(fit, n, 8, 15);
        out[2] = most(fit, n, 15, 128);
    }
    free(chroma);
    free(similarity);
    return rc;
}
