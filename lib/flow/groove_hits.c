/* groove_hits.c - see groove_hits.h. */
#include "flow/groove_hits.h"

#include "base/number.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { MOST = 1024 };

/* ---- what is wished ---- */

/* "V" or nine of them with commas; NULL: not given. */
static int read_by_voice(bl_by_voice *to, const char *option, const char *text,
                         double high, int whole, bl_err *e)
{
    const char *at = text, *end;
    bl_by_voice v = {.n = 0};
    for (; text != NULL; at = end + 1) {
        double x;
        if (v.n == BL_HVO_VOICES || !bl_number_begin(at, &x, &end) || x < 0 ||
            x > high || (whole && x != floor(x)) || (*end != ',' && *end != '\0'))
            return bl_fail(
                e, BL_E_ARG,
                "--%s '%.64s': a %snumber from 0 to %g, or %d with commas, of "
                "the voices in their order",
                option, text, whole ? "whole " : "", high, BL_HVO_VOICES);
        v.of[v.n++] = x;
        if (*end == '\0')
            break;
    }
    if (text != NULL && v.n != 1 && v.n != BL_HVO_VOICES)
        return bl_fail(e, BL_E_ARG, "--%s has %d numbers: one for all voices, or %d",
                       option, v.n, BL_HVO_VOICES);
    *to = v;
    return 0;
}

static double of_voice(const bl_by_voice *v, int voice, double otherwise)
{
    return v->n == 0 ? otherwise : v->of[v->n == 1 ? 0 : voice];
}

int bl_hits_threshold(bl_hits_wish *w, const char *text, bl_err *e)
{
    return read_by_voice(&w->threshold, "threshold", text, 1, 0, e);
}

int bl_hits_most(bl_hits_wish *w, const char *text, bl_err *e)
{
    return read_by_voice(&w->most, "max-hits", text, MOST, 1, e);
}

/* ---- numbers to drums ---- */

/* The likeliest hits of a voice, n of them at most, stay. */
static void keep_likeliest(bl_real *x, int steps, int voice, int n)
{
    for (int hits = 0;; hits = 0) {
        int least = -1;
        for (int t = 0; t < steps; t++) {
            bl_real p = x[t * BL_HVO_CELLS + voice];
            if (p <= 0)
                continue;
            hits++;
            if (least < 0 || p < x[least * BL_HVO_CELLS + voice])
                least = t;
        }
        if (hits <= n)
            return;
        x[least * BL_HVO_CELLS + voice] = 0;
    }
}

static int are_drawn(const bl_hits_wish *w)
{
    return w->temperature > 0 && w->threshold.n == 0;
}

/* Odds that are no hit become 0; what is drawn goes by the window's place in all that
 * is made, so that it does not change with what else is. */
static void choose_hits(const bl_hits_wish *w, bl_real *x, int steps, uint64_t window)
{
    bl_rng rng = bl_rng_make((uint64_t)w->seed, window);
    int draws = are_drawn(w);
    for (int t = 0; t < steps; t++)
        for (int v = 0; v < BL_HVO_VOICES; v++) {
            bl_real *p = &x[t * BL_HVO_CELLS + v];
            double least = draws ? bl_rng_unit(&rng) : of_voice(&w->threshold, v, 0.5);
            *p = (double)*p > 0 && (double)*p >= least ? *p : 0;
        }
    for (int v = 0; v < BL_HVO_VOICES && w->most.n > 0; v++)
        keep_likeliest(x, steps, v, (int)of_voice(&w->most, v, steps));
}

void bl_hits_of(const bl_hits_wish *w, const bl_real *logits, int steps,
                uint64_t window, float *to)
{
    double temperature = w->temperature > 0 ? w->temperature : 1;
    /* misses that weigh less in the loss leave the odds of hits as much higher */
    double weight = are_drawn(w) ? log(w->miss_weight) : 0;
    size_t n = (size_t)steps * BL_HVO_CELLS;
    memcpy(to, logits, n * sizeof *to);
    for (int t = 0; t < steps; t++) {
        float *step = to + t * BL_HVO_CELLS;
        for (int v = 0; v < BL_HVO_VOICES; v++)
            step[v] += (float)weight;
        bl_window_row(step, BL_HVO_VOICES, w->offset_loss, temperature);
    }
    choose_hits(w, to, steps, window);
    for (int t = 0; t < steps; t++)
        for (int v = 0; v < BL_HVO_VOICES; v++) {
            float *step = to + t * BL_HVO_CELLS;
            int is_hit = step[v] > 0;
            step[v] = (float)is_hit;
            step[BL_HVO_VOICES + v] *= (float)is_hit;
            step[2 * BL_HVO_VOICES + v] *= (float)is_hit;
        }
}
