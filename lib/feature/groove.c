/* groove.c - features of drum patterns, two bars of 4/4 at a time: 32 steps of a
 * sixteenth, nine voices, each cell a hit with a velocity and a distance from the grid
 * (Gillick et al., "Learning to groove", 2019). The features are those of the Groove
 * Transformer's evaluation; where the published code reads the wrong place (_hvo), the
 * right one stands beside it. */
#include "feature/family.h"
#include "token/hvo.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 32, BAR = 16, VOICES = 9, CELLS = STEPS * VOICES };
enum { KICK = 0, SNARE = 1, HAT = 2 };
enum { WINDOWS_MAX = 1 << 14 }; /* 18 hours at 120 bpm; longer pieces are undefined */

/* name, unit, definition */
#define WINDOWED(X)                                                                    \
    X("qpm", "bpm", "tempo")                                                           \
    X("noi", "1", "voices used")                                                       \
    X("total_step_density", "1", "share of steps with a hit")                          \
    X("avg_voice_density", "1", "share of cells with a hit")                           \
    X("lowness", "1", "steps with a kick by hits")                                     \
    X("midness", "1", "steps with snare or toms by hits")                              \
    X("hiness", "1", "steps with hats or cymbals by hits")                             \
    X("vel_similarity", "1",                                                           \
      "1 less the mean difference of velocities of cells hit in both bars")            \
    X("weak_to_strong", "1", "velocity off the beats by that on them")                 \
    X("poly_velocity_mean", "1", "mean velocity of hits, 0 to 1")                      \
    X("poly_velocity_std", "1", "its deviation")                                       \
    X("poly_offset_mean", "steps", "mean distance from the grid, late above 0")        \
    X("poly_offset_std", "steps", "its deviation")                                     \
    X("sync_combined", "1", "syncopation of Longuet-Higgins and Lee, voices added up") \
    X("sync_polyphonic", "1", "polyphonic syncopation of Witek")                       \
    X("sync_polyphonic_hvo", "1", "as published: rests count in step 30 alone")        \
    X("lowsync", "1", "syncopation of the kick by Witek's weights")                    \
    X("midsync", "1", "of snare and toms")                                             \
    X("hisync", "1", "of hats and cymbals")                                            \
    X("lowsyness", "1", "lowsync by steps with a kick")                                \
    X("midsyness", "1", "midsync by steps with snare or toms")                         \
    X("hisyness", "1", "hisync by steps with hats or cymbals")                         \
    X("complexity", "1",                                                               \
      "root of the squares of sync_combined and "                                      \
      "total_step_density")                                                            \
    X("acorr_skewness", "1", "skewness of the autocorrelation of velocities")          \
    X("acorr_max", "1", "its largest value")                                           \
    X("acorr_centroid", "steps", "its centroid")                                       \
    X("acorr_harmonicity", "1", "how much of its peaks fits a bar")                    \
    X("acorr_harmonicity_hvo", "1", "as published: each peak a step too far")          \
    X("swingness_daw", "steps", "twice the mean of late offsets on odd steps")         \
    X("swingness_toolbox", "1",                                                        \
      "1 and a tenth of the share of last sixteenths of beats more than 25 ms early, " \
      "0 without any")                                                                 \
    X("laidbackness", "1", "late less early kicks and snares, by 12 ms, on beats")     \
    X("laidbackness_hvo", "1", "as published: the second bar begins at step 1")        \
    X("timing_accuracy", "steps", "mean size of the mean offsets of even steps")

#define MEAN(name, unit, doc)                                                          \
    {"groove_" name, unit, "drums, mean over windows of two bars: " doc, 1, 1},
#define SERIES(name, unit, doc)                                                        \
    {"groove_" name "_window", unit, "drums, of each window of two bars: " doc, 0, 1},

const bl_field bl_fields_groove[] = {
    {"groove_windows", "1", "windows of two bars of 4/4 up to the last drum", 1, 1},
    {"groove_hits", "1", "drums in them, one a voice and sixteenth", 1, 1},
    {"groove_lost", "1", "drums beside a louder one in the same cell", 1, 1},
    {"groove_unmapped", "1", "drums of none of the nine voices", 1, 1},
    WINDOWED(MEAN) WINDOWED(SERIES){
        "groove_hvo", "1",
        "the cells of each window: 9 hits, 9 velocities, 9 offsets of each step", 0,
        3 * CELLS},
    {NULL, NULL, NULL, 0, 0},
};

enum { N_COUNTS = 4 };
/* Places of the features above, by their order. */
enum {
    QPM,
    NOI,
    STEP_DENSITY,
    VOICE_DENSITY,
    LOWNESS,
    MIDNESS,
    HINESS,
    VEL_SIMILARITY,
    WEAK_TO_STRONG,
    VELOCITY_MEAN,
    VELOCITY_SD,
    OFFSET_MEAN,
    OFFSET_SD,
    SYNC_COMBINED,
    SYNC_POLYPHONIC,
    SYNC_POLYPHONIC_HVO,
    LOWSYNC,
    MIDSYNC,
    HISYNC,
    LOWSYNESS,
    MIDSYNESS,
    HISYNESS,
    COMPLEXITY,
    ACORR_SKEWNESS,
    ACORR_MAX,
    ACORR_CENTROID,
    HARMONICITY,
    HARMONICITY_HVO,
    SWING_DAW,
    SWING_TOOLBOX,
    LAID_BACK,
    LAID_BACK_HVO,
    ACCURACY,
    N_WINDOWED
};

typedef struct {
    uint8_t hit[STEPS][VOICES];
    double velocity[STEPS][VOICES]; /* 0 to 1 */
    double offset[STEPS][VOICES];   /* -1/2 to 1/2 of a step, late above 0 */
    uint8_t low[STEPS], mid[STEPS], high[STEPS];
    double n, ms; /* hits; milliseconds of a step */
} window;

/* ---- syncopation ---- */

static const int8_t lhl[BAR] = {5, 1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1};
static const int8_t witek[BAR] = {0,  -3, -2, -3, -1, -3, -2, -3,
                                  -1, -3, -2, -3, -1, -3, -2, -3};

static int weight(const int8_t *of, int step)
{
    return of[step % BAR];
}

/* A hit syncopates against the next step, or the one after, that is heavier and free.
 */
static double syncopation(const uint8_t *hit, size_t stride, const int8_t *weights)
{
    int sum = 0;
    for (int i = 0; i < STEPS; i++)
        for (int k = 1; hit[(size_t)i * stride] && k <= 2; k++) {
            int gain = weight(weights, i + k) - weight(weights, i);
            if (hit[(size_t)((i + k) % STEPS) * stride] || gain <= 0)
                continue;
            sum += gain;
            break;
        }
    return sum / 30.;
}

/* Hits of one stream against the next of the two others; `by_other` is what the other
 * drums count. With `rests_anywhere` a rest of two steps counts behind any step. */
static int against(const uint8_t *own, const uint8_t *other, const uint8_t *high,
                   int by_other, int rests_anywhere)
{
    int sum = 0;
    for (int i = 0; i < STEPS; i++) {
        int next = (i + 1) % STEPS, after = (i + 2) % STEPS, at = 0, worth = -1;
        if (!own[i] || own[next] || own[after])
            continue;
        for (int k = 1; k <= 4 && worth < 0; k++) {
            int step = (i + k) % STEPS;
            if (other[step] || high[step]) {
                worth = other[step] ? by_other : 5;
                at = step;
            }
        }
        int rests = !other[next] && !other[after] && !high[next];
        int heavier = (int)fmax(weight(witek, next), weight(witek, after));
        int gain = weight(witek, at) - weight(witek, i);
        if (rests_anywhere && rests && !high[after])
            sum += heavier > weight(witek, i) ? heavier - weight(witek, i) + 6 : 0;
        else if (!rests_anywhere && rests && i == STEPS - 2)
            sum += gain > 0 ? heavier - weight(witek, i) + 6 : 0;
        else if (worth >= 0 && gain >= 0)
            sum += gain + worth;
    }
    return sum;
}

static double polyphonic(const window *w, int rests_anywhere)
{
    return (against(w->low, w->mid, w->high, 2, rests_anywhere) +
            against(w->mid, w->low, w->high, 1, rests_anywhere)) /
           30.;
}

static double count_steps(const uint8_t *hit)
{
    double n = 0;
    for (int i = 0; i < STEPS; i++)
        n += hit[i];
    return n;
}

static double by_onsets(double sync, const uint8_t *hit)
{
    double n = count_steps(hit);
    return n > 0 ? sync / n : 0;
}

static void measure_syncopation(const window *w, double *out)
{
    double all = 0;
    for (int v = 0; v < VOICES; v++)
        all += syncopation(&w->hit[0][v], VOICES, lhl);
    out[SYNC_COMBINED] = all;
    out[SYNC_POLYPHONIC] = polyphonic(w, 1);
    out[SYNC_POLYPHONIC_HVO] = polyphonic(w, 0);
    out[LOWSYNC] = syncopation(w->low, 1, witek);
    out[MIDSYNC] = syncopation(w->mid, 1, witek);
    out[HISYNC] = syncopation(w->high, 1, witek);
    out[LOWSYNESS] = by_onsets(out[LOWSYNC], w->low);
    out[MIDSYNESS] = by_onsets(out[MIDSYNC], w->mid);
    out[HISYNESS] = by_onsets(out[HISYNC], w->high);
    out[COMPLEXITY] = hypot(all, out[STEP_DENSITY]);
}

/* ---- density, velocity, offsets ---- */

static void measure_density(const window *w, double *out)
{
    double voices = 0, steps = 0;
    for (int v = 0; v < VOICES; v++) {
        int is_used = 0;
        for (int s = 0; s < STEPS; s++)
            is_used |= w->hit[s][v];
        voices += is_used;
    }
    for (int s = 0; s < STEPS; s++)
        steps += w->low[s] || w->mid[s] || w->high[s];
    out[NOI] = voices;
    out[STEP_DENSITY] = steps / STEPS;
    out[VOICE_DENSITY] = w->n / CELLS;
    out[LOWNESS] = count_steps(w->low) / w->n;
    out[MIDNESS] = count_steps(w->mid) / w->n;
    out[HINESS] = count_steps(w->high) / w->n;
}

static void mean_and_sd(const window *w, const double x[STEPS][VOICES], double *mean,
                        double *sd)
{
    double sum = 0, squares = 0;
    for (int s = 0; s < STEPS; s++)
        for (int v = 0; v < VOICES; v++)
            sum += x[s][v];
    *mean = sum / w->n;
    for (int s = 0; s < STEPS; s++)
        for (int v = 0; v < VOICES; v++)
            squares += w->hit[s][v] ? (x[s][v] - *mean) * (x[s][v] - *mean) : 0;
    *sd = sqrt(squares / w->n);
}

static void measure_velocity(const window *w, double *out)
{
    double differ = 0, both = 0, on = 0, off = 0;
    for (int s = 0; s < STEPS; s++)
        for (int v = 0; v < VOICES; v++) {
            *(s % 4 == 0 ? &on : &off) += w->velocity[s][v];
            if (s >= BAR || !w->hit[s][v] || !w->hit[s + BAR][v])
                continue;
            differ += fabs(w->velocity[s][v] - w->velocity[s + BAR][v]);
            both++;
        }
    out[VEL_SIMILARITY] = both > 0 ? 1 - differ / both : 0;
    out[WEAK_TO_STRONG] = on > 0 ? off / on : 0;
    mean_and_sd(w, w->velocity, &out[VELOCITY_MEAN], &out[VELOCITY_SD]);
    mean_and_sd(w, w->offset, &out[OFFSET_MEAN], &out[OFFSET_SD]);
}

/* Mean offset of the hits of a step, 0 without any. */
static double mean_offset(const window *w, int step, double *n)
{
    double sum = 0;
    *n = 0;
    for (int v = 0; v < VOICES; v++) {
        sum += w->offset[step][v];
        *n += w->hit[step][v];
    }
    return *n > 0 ? sum / *n : 0;
}

/* Late less early, of kicks on beats 1 and 3 and snares on 2 and 4: against the grid,
 * or against the hat. */
static double laid_back(const window *w, int second_bar)
{
    const double by = 12;
    int late = 0, early = 0;
    for (int k = 0; k < 8; k++) {
        int step = (k < 4 ? 0 : second_bar) + k % 4 * 4;
        double at = w->offset[step][k % 2 == 0 ? KICK : SNARE] * w->ms;
        double hat = w->offset[step][HAT] * w->ms;
        late += at > by || at > hat + by;
        early += at < -by || at < hat - by;
    }
    return (late - early) / 8.;
}

static void measure_timing(const window *w, double *out)
{
    double late = 0, n_late = 0, swung = 0, apart = 0, n_even = 0, n;
    for (int s = 0; s < STEPS; s++) {
        double mean = mean_offset(w, s, &n);
        for (int v = 0; s % 2 == 1 && v < VOICES; v++)
            if (w->offset[s][v] > 0) {
                late += w->offset[s][v];
                n_late++;
            }
        swung += s % 4 == 3 && mean * w->ms < -25;
        if (s % 2 == 0 && n > 0) {
            apart += fabs(mean);
            n_even++;
        }
    }
    out[SWING_DAW] = n_late > 0 ? 2 * late / n_late : 0;
    out[SWING_TOOLBOX] = swung > 0 ? 1 + swung / 80 : 0;
    out[ACCURACY] = n_even > 0 ? apart / n_even : 0;
    out[LAID_BACK] = laid_back(w, BAR);
    out[LAID_BACK_HVO] = laid_back(w, 1);
}

/* ---- autocorrelation ---- */

/* Of the strict local maxima, plateaus at their middle, those whose lag does not go
 * with a bar: their sum counts, and how many maxima there are. */
static double harmonicity(const double *a, int late)
{
    double bad = 0, n = 0;
    for (int i = 1, past; i + 1 < STEPS; i = past) {
        for (past = i + 1; past < STEPS && a[past] == a[i]; past++)
            ;
        if (past == STEPS || a[i - 1] >= a[i] || a[past] >= a[i])
            continue;
        int middle = (i + past - 1) / 2;
        double rest = fmod(BAR, middle + late);
        bad += rest > 0.15 * BAR && rest < 0.85 * BAR ? a[middle] : 0;
        n++;
    }
    return exp(-n * bad / (4 * a[0]));
}

static void measure_autocorrelation(const window *w, double *out)
{
    double a[STEPS] = {0}, sum = 0, moment = 0, second = 0, third = 0;
    for (int lag = 0; lag < STEPS; lag++) {
        for (int s = 0; s + lag < STEPS; s++)
            for (int v = 0; v < VOICES; v++)
                a[lag] += w->velocity[s][v] * w->velocity[s + lag][v];
        sum += a[lag];
        moment += lag * a[lag];
    }
    for (int lag = 0; lag < STEPS; lag++) {
        double d = a[lag] - sum / STEPS;
        second += d * d / STEPS;
        third += d * d * d / STEPS;
    }
    out[ACORR_MAX] = a[0];
    out[ACORR_CENTROID] = moment / sum;
    out[ACORR_SKEWNESS] = third / (second * sqrt(second));
    out[HARMONICITY] = harmonicity(a, 0);
    out[HARMONICITY_HVO] = harmonicity(a, 1);
}

/* ---- windows ---- */

static void measure(window *w, double *out)
{
    for (int s = 0; s < STEPS; s++) {
        const uint8_t *h = w->hit[s];
        w->low[s] = h[0];
        w->mid[s] = h[1] || h[4] || h[5] || h[6];
        w->high[s] = h[2] || h[3] || h[7] || h[8];
        for (int v = 0; v < VOICES; v++)
            w->n += h[v];
    }
    for (int k = QPM + 1; k < N_WINDOWED; k++)
        out[k] = NAN;
    if (w->n == 0)
        return;
    measure_density(w, out);
    measure_velocity(w, out);
    measure_syncopation(w, out);
    measure_timing(w, out);
    measure_autocorrelation(w, out);
}

/* Puts a note into its cell: of several the loudest stays, the first of equals. 1, 0
 * where one was lost. */
static int put(window *w, const bl_note *note, int64_t step, int voice, int tpq)
{
    int s = (int)(step % STEPS), is_free = !w->hit[s][voice];
    double velocity = note->velocity / 127.;
    if (!is_free && velocity <= w->velocity[s][voice])
        return 0;
    w->hit[s][voice] = 1;
    w->velocity[s][voice] = velocity;
    w->offset[s][voice] = (4. * note->on - (double)step * tpq) / tpq;
    return is_free;
}

/* The tempo that holds at a tick. */
static double qpm_at(const bl_song *s, int64_t tick)
{
    uint32_t us = 500000;
    for (size_t i = 0; i < s->n_tempos && s->tempos[i].tick <= tick; i++)
        us = s->tempos[i].us;
    return 6e7 / us;
}

static int add_cells(const window *w, bl_series *hvo, bl_err *e)
{
    int rc = 0;
    for (int s = 0; s < STEPS; s++)
        for (int k = 0; rc == 0 && k < 3 * VOICES; k++) {
            int v = k % VOICES;
            double x = k < VOICES       ? w->hit[s][v]
                       : k < 2 * VOICES ? w->velocity[s][v]
                                        : w->offset[s][v];
            rc = bl_series_add(hvo, x, e);
        }
    return rc;
}

/* Ends the window: its features go into the series, and into the sums. */
static int take(window *w, const bl_song *song, int64_t number, double *sum, double *n,
                bl_series *series, bl_err *e)
{
    double x[N_WINDOWED];
    int64_t tick = number * STEPS * song->tpq / 4;
    int rc = 0;
    x[QPM] = qpm_at(song, tick);
    w->ms = 15000 / x[QPM];
    measure(w, x);
    for (int k = 0; rc == 0 && k < N_WINDOWED; k++)
        rc = bl_series_add(&series[k], x[k], e);
    for (int k = 0; w->n > 0 && k < N_WINDOWED; k++)
        sum[k] += x[k];
    *n += w->n > 0;
    return rc == 0 ? add_cells(w, &series[N_WINDOWED], e) : rc;
}

int bl_compute_groove(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    const bl_song *song = v->in.song;
    double sum[N_WINDOWED] = {0}, n = 0, hits = 0, mapped = 0, drums = 0;
    window w = {.n = 0};
    int64_t now = 0;
    int rc = 0;
    if (v->last / (8 * song->tpq) >= WINDOWS_MAX)
        return 0;
    for (size_t i = 0; rc == 0 && i < song->n_notes; i++) {
        const bl_note *note = &song->notes[i];
        int voice = note->drum ? bl_hvo_voice(note->pitch) : -1;
        int64_t step = (8 * (int64_t)note->on + song->tpq) / (2 * song->tpq);
        drums += note->drum;
        if (voice < 0)
            continue;
        for (; rc == 0 && now < step / STEPS; now++) {
            rc = take(&w, song, now, sum, &n, series, e);
            memset(&w, 0, sizeof w);
        }
        mapped++;
        hits += put(&w, note, step, voice, song->tpq);
    }
    if (rc == 0 && mapped > 0)
        rc = take(&w, song, now++, sum, &n, series, e);
    out[0] = (double)now;
    out[1] = hits;
    out[2] = mapped - hits;
    out[3] = drums - mapped;
    for (int k = 0; k < N_WINDOWED; k++)
        out[N_COUNTS + k] = bl_ratio(sum[k], n);
    return rc;
}
