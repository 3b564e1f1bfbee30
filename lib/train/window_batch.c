/* window_batch.c - see window_batch.h. */
#include "train/window_batch.h"

#include <math.h>
#include <stdlib.h>

/* ---- measures ---- */

bl_window_score bl_window_no_score(void)
{
    bl_window_score s = {.accuracy = NAN, .f1 = NAN};
    for (int i = 0; i < BL_N_TERMS; i++)
        s.term[i] = NAN;
    return s;
}

bl_window_score bl_window_score_of(const bl_window_sums *s, double targets)
{
    double wrong = s->hit_wrong + s->missed;
    bl_window_score score = bl_window_no_score();
    if (s->cells == 0)
        return score;
    for (int i = 0; i < BL_N_TERMS; i++)
        score.term[i] = s->term[i] / targets;
    score.accuracy = 1 - wrong / s->cells;
    score.f1 = s->hit > 0 ? 2 * s->hit / (2 * s->hit + wrong) : 0;
    return score;
}

void bl_window_sums_add(bl_window_sums *to, const bl_windows *w)
{
    for (int i = 0; i < BL_N_TERMS; i++)
        to->term[i] += w->feed.term[i];
    to->hit += (double)w->feed.hit;
    to->hit_wrong += (double)w->feed.hit_wrong;
    to->missed += (double)w->feed.missed;
    to->cells += (double)w->feed.cells;
}

/* ---- lanes ---- */

int bl_window_lanes_init(bl_window_lanes *w, int lanes, bl_err *e)
{
    *w = (bl_window_lanes){.lanes = lanes};
    w->target = bl_calloc((size_t)lanes, sizeof *w->target, e);
    w->weight = bl_calloc((size_t)lanes, sizeof *w->weight, e);
    return w->target != NULL && w->weight != NULL ? 0 : BL_E_NOMEM;
}

void bl_window_lanes_free(bl_window_lanes *w)
{
    free((void *)w->target);
    free(w->weight);
    *w = (bl_window_lanes){.lanes = 0};
}

void bl_window_tell(bl_window_lanes *w, bl_model *m, const bl_pieces *p,
                    const int64_t *start, const int32_t *n_real, double beta, int draws)
{
    int64_t size =
        bl_model_conf(m)->segment + 1; /* of a window's place, see shards.h */
    int weighs = draws && p->lane_weight != NULL;
    if (p->windows == NULL)
        return;
    for (int lane = 0; lane < w->lanes; lane++) {
        int64_t i = n_real[lane] > 0 ? start[lane] / size : -1;
        w->target[lane] = i < 0 ? NULL : p->windows + (size_t)i * p->window_numbers;
        w->weight[lane] = weighs && i >= 0 ? p->lane_weight[i] : 1;
    }
    w->told = (bl_windows){.feed = {.target = w->target,
                                    .lane_weight = weighs ? w->weight : NULL,
                                    .cell_weight = draws ? p->cell_weight : NULL,
                                    .beta = beta,
                                    .draws = draws}};
    bl_model_windows(m, &w->told);
}

/* ---- what changes with steps ---- */

double bl_beta_at(const bl_train_config *c, int64_t step)
{
    enum { STEEPNESS = 10 }; /* from 0.0067 to 0.9933 of beta */
    double rise = c->beta_rise * (double)c->beta_cycle;
    double at = c->beta_cycle > 0 ? (double)(step % c->beta_cycle) : 0;
    if (c->beta_cycle == 0 || at >= rise)
        return c->model.beta;
    return at == 0 ? 0 : c->model.beta / (1 + exp(-STEEPNESS * (at / rise - 0.5)));
}

/* ---- balance ---- */

/* Counts become weights with a mean of 1 over those that there are. */
static void weigh(double *count, size_t n, double beta)
{
    double sum = 0;
    size_t there = 0;
    for (size_t i = 0; i < n; i++) {
        if (count[i] == 0)
            continue;
        count[i] = (1 - beta) / (1 - pow(beta, count[i]));
        sum += count[i];
        there++;
    }
    for (size_t i = 0; i < n; i++)
        count[i] = count[i] == 0 ? 1 : count[i] * (double)there / sum;
}

float *bl_cell_weights(const bl_pieces *p, size_t numbers, int voices, double beta,
                       bl_err *e)
{
    size_t n = numbers / 3, v = (size_t)voices;
    if (beta == 0)
        return NULL;
    double *count = bl_calloc(n, sizeof *count, e);
    float *weight = bl_calloc(n, sizeof *weight, e);
    if (count == NULL || weight == NULL) {
        free(count);
        free(weight);
        return NULL;
    }
    for (int64_t i = 0; i < p->n_pieces; i++)
        for (size_t k = 0; k < n; k++)
            count[k] += (double)p->windows[(size_t)i * numbers + k / v * 3 * v + k % v];
    weigh(count, n, beta);
    for (size_t k = 0; k < n; k++)
        weight[k] = (float)count[k];
    free(count);
    return weight;
}

float *bl_class_weights(const int32_t *class, size_t n, int n_classes, double beta,
                        bl_err *e)
{
    double *count = bl_calloc((size_t)n_classes, sizeof *count, e);
    float *weight = bl_calloc(n, sizeof *weight, e);
    if (count == NULL || weight == NULL) {
        free(count);
        free(weight);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        count[class[i]]++;
    weigh(count, (size_t)n_classes, beta);
    for (size_t i = 0; i < n; i++)
        weight[i] = (float)count[class[i]];
    free(count);
    return weight;
}
