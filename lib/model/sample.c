/* sample.c - see sample.h. */
#include "model/sample.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

static int is_worse(const bl_real *logits, int32_t a, int32_t b)
{
    return logits[a] < logits[b] || (logits[a] == logits[b] && a > b);
}

/* Sifts order[i] down a heap of n ids whose root has the lowest logit (ties: highest
 * id). */
static void sift(const bl_real *logits, int32_t *order, int i, int n)
{
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_worse(logits, order[child + 1], order[child]))
            child++;
        if (!is_worse(logits, order[child], order[i]))
            return;
        int32_t swap = order[i];
        order[i] = order[child];
        order[child] = swap;
    }
}

/* Heap sort: the best first. No allocation, no comparator with hidden state. */
static void sort_best_first(const bl_real *logits, int32_t *order, int n)
{
    for (int i = n / 2; i-- > 0;)
        sift(logits, order, i, n);
    for (int end = n - 1; end > 0; end--) {
        int32_t swap = order[0];
        order[0] = order[end];
        order[end] = swap;
        sift(logits, order, 0, end);
    }
}

static int collect(const uint8_t *allowed, int n_vocab, int32_t *order)
{
    int n = 0;
    for (int32_t id = 0; id < n_vocab; id++)
        if (allowed == NULL || allowed[id])
            order[n++] = id;
    return n;
}

/* ln of the probability of an id among the allowed ones, at temperature 1. */
static double log_prob(const bl_real *logits, const int32_t *order, int n, int32_t id)
{
    double max = (double)logits[order[0]], sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp((double)logits[order[i]] - max);
    return (double)logits[id] - max - log(sum);
}

/* How many of the sorted ids stay after top-k, min-p and top-p; prob is filled. */
static int cut(const bl_real *logits, const int32_t *order, int n,
               const bl_sample_params *p, double *prob)
{
    double max = (double)logits[order[0]], sum = 0, mass = 0;
    if (p->top_k > 0 && p->top_k < n)
        n = p->top_k;
    for (int i = 0; i < n; i++)
        prob[i] = exp(((double)logits[order[i]] - max) / p->temperature);
    int kept = 0;
    while (kept < n && (kept == 0 || prob[kept] >= p->min_p))
        sum += prob[kept++];
    if (p->top_p >= 1)
        return kept;
    n = kept;
    for (kept = 0; kept < n && mass < p->top_p * sum; kept++)
        mass += prob[kept];
    return kept < 1 ? 1 : kept;
}

int bl_sample(const bl_real *logits, const uint8_t *allowed, int n_vocab,
              const bl_sample_params *p, bl_rng *rng, int32_t *order, double *prob,
              double *logp)
{
    int n = collect(allowed, n_vocab, order);
    if (n == 0)
        return -1;
    sort_best_first(logits, order, n);
    int32_t id = order[0];
    double u = bl_rng_unit(rng); /* drawn always: the stream of numbers stays in step */
    if (p->temperature > 0) {
        int kept = cut(logits, order, n, p, prob);
        double sum = 0;
        for (int i = 0; i < kept; i++)
            sum += prob[i];
        double at = u * sum;
        int i = 0;
        while (i < kept - 1 && at >= prob[i])
            at -= prob[i++];
        id = order[i];
    }
    if (logp != NULL)
        *logp = log_prob(logits, order, n, id);
    return id;
}
