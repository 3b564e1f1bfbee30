/* test_hits.c - which cells of a window are hit, of odds that the model says. */
#include "flow/groove_hits.h"

#include "base/mem.h"
#include "tap.h"

#include <math.h>

enum { STEPS = 32, WINDOWS = 1000, CELLS = STEPS * BL_HVO_CELLS };

static void fill(bl_real *logits, const double *hit)
{
    for (int i = 0; i < CELLS; i++)
        logits[i] = 0;
    for (int t = 0; t < STEPS; t++)
        for (int v = 0; v < BL_HVO_VOICES; v++)
            logits[t * BL_HVO_CELLS + v] = (bl_real)hit[v];
}

/* The share of a voice's cells that are hit, of all windows. */
static void shares(const bl_hits_wish *w, const double *hit, double *share)
{
    static bl_real logits[CELLS];
    static float made[CELLS];
    fill(logits, hit);
    for (int v = 0; v < BL_HVO_VOICES; v++)
        share[v] = 0;
    for (uint64_t i = 0; i < WINDOWS; i++) {
        bl_hits_of(w, logits, STEPS, i, made);
        for (int t = 0; t < STEPS; t++)
            for (int v = 0; v < BL_HVO_VOICES; v++)
                share[v] += (double)made[t * BL_HVO_CELLS + v] / (WINDOWS * STEPS);
    }
}

static const double hit[BL_HVO_VOICES] = {-4, -2, -1, -.5, 0, .5, 1, 2, 4};

/* Trained with misses of weight w, the least loss is at logits ln w below the data's:
 * what is drawn has the data's odds again, flattened or sharpened by the temperature.
 */
static void test_drawn(void)
{
    static const double weight[] = {1, .53, .27}, temperature[] = {1, .5, 2};
    for (size_t i = 0; i < BL_COUNT(weight); i++)
        for (size_t k = 0; k < BL_COUNT(temperature); k++) {
            const bl_hits_wish w = {.temperature = temperature[k],
                                    .seed = (int64_t)(3 * i + k),
                                    .miss_weight = weight[i]};
            double share[BL_HVO_VOICES], most = 0;
            shares(&w, hit, share);
            for (int v = 0; v < BL_HVO_VOICES; v++) {
                double odds = pow(exp(hit[v]) * weight[i], 1 / temperature[k]);
                double p = odds / (1 + odds);
                most = fmax(most,
                            fabs(share[v] - p) / sqrt(p * (1 - p) / (WINDOWS * STEPS)));
            }
            ok(most < 4.5, "drawn at %g, misses of weight %g: %.1f deviations off",
               temperature[k], weight[i], most);
        }
}

/* Thresholds are of what the model says, as published. */
static void test_reached(void)
{
    bl_err e = BL_ERR_INIT;
    bl_hits_wish w = {.miss_weight = .27};
    double share[BL_HVO_VOICES];
    int wrong = 0;
    shares(&w, hit, share);
    for (int v = 0; v < BL_HVO_VOICES; v++)
        wrong += fabs(share[v] - (hit[v] >= 0)) > 1e-9;
    w.temperature = 1; /* which a threshold takes no notice of where hits are told */
    wrong += bl_hits_threshold(&w, "0.7", &e) != 0;
    shares(&w, hit, share);
    for (int v = 0; v < BL_HVO_VOICES; v++)
        wrong += fabs(share[v] - (1 / (1 + exp(-hit[v])) >= .7)) > 1e-9;
    ok(wrong == 0, "half, or what is asked for, is reached or not");
}

int main(void)
{
    test_drawn();
    test_reached();
    return tap_done();
}
