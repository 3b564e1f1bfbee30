/* musdr.c - columns of the published MusDr: Wu and Yang, "The Jazz Transformer on the
 * front line" (ISMIR 2020), but over all pairs of bars where MusDr draws 1000. Bars are
 * of the first time signature; a note belongs to the nearest of 16 positions (grooves:
 * of 16 or 64), the piece ends with the bar of the last. Chord progressions, CPI, are
 * of tokens: MIDI files have none. */
#include "feature/family.h"

#include <stdlib.h>

#define MD "as MusDr computes it, "

const bl_field bl_fields_musdr[] = {
    {"H1_musdr", "bits", MD "entropy of pitch classes in windows of a bar", 1, 1},
    {"H4_musdr", "bits", MD "of four bars", 1, 1},
    {"GS_16pos_musdr", "1", MD "grooving similarity on 16 positions", 1, 1},
    {"GS_64pos_musdr", "1", MD "on 64 positions, as in the paper", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

static int64_t nearest(const bl_view *v, size_t i, int64_t bar, int n)
{
    return (2 * n * (int64_t)v->pitched[i].on + bar) / (2 * bar);
}

/* Mean entropy over windows of so many bars. */
static double entropy(const bl_view *v, int64_t bar, int64_t width)
{
    uint32_t count[12] = {0}, n = 0;
    int64_t n_bars = nearest(v, v->n_pitched - 1, bar, 16) / 16 + 1;
    size_t in = 0, out = 0;
    double sum = 0, n_windows = 0;
    width = bl_min(width, n_bars);
    for (int64_t b = 0; b < n_bars; b++) {
        for (; in < v->n_pitched && nearest(v, in, bar, 16) / 16 <= b; in++, n++)
            count[v->pitched[in].pitch % 12]++;
        for (; out < in && nearest(v, out, bar, 16) / 16 <= b - width; out++, n--)
            count[v->pitched[out].pitch % 12]--;
        if (b + 1 < width || n == 0)
            continue;
        sum += bl_entropy(count, 12, n);
        n_windows++;
    }
    return bl_ratio(sum, n_windows);
}

/* Where k of T bars have an onset, k (T - k) pairs of bars differ. */
static double similarity(const bl_view *v, int64_t bar, int n_positions)
{
    uint32_t of[64] = {0};
    int64_t before = -1, n = 0;
    double differ = 0;
    for (size_t i = 0; i < v->n_pitched; i++) {
        int64_t at = nearest(v, i, bar, n_positions);
        of[at % n_positions] += at != before;
        before = at;
        n = at / n_positions + 1;
    }
    for (int k = 0; k < n_positions; k++)
        differ += (double)of[k] * (double)(n - of[k]);
    return n < 2 ? NAN
                 : 1 - differ / ((double)n_positions * (double)n * (double)(n - 1) / 2);
}

int bl_compute_musdr(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    const bl_song *s = v->in.song;
    int64_t bar = (int64_t)s->tpq * 4;
    (void)series;
    (void)e;
    if (s->n_meters > 0)
        bar = (bar * s->meters[0].num) >> s->meters[0].den_log2;
    if (v->n_pitched == 0 || bar == 0)
        return 0;
    out[0] = entropy(v, bar, 1);
    out[1] = entropy(v, bar, 4);
    out[2] = similarity(v, bar, 16);
    out[3] = similarity(v, bar, 64);
    return 0;
}
