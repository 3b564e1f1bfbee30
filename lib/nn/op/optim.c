/* optim.c - see optim.h. */
#include "nn/op/optim.h"
#include "nn/op/graph.h"
#include "nn/kernel/vec.h"

/* The share done of the steps from `start` to the end of the run. */
static double share_done(const bl_schedule *s, int64_t start, int64_t step)
{
    double span = (double)bl_max(1, s->total - start);
    double done = (double)(step - start) / span;
    return done < 0 ? 0 : done < 1 ? done : 1;
}

double bl_lr(const bl_schedule *s, int64_t step)
{
    double pi = 3.14159265358979323846;
    if (step < s->warmup)
        return s->lr * (double)(step + 1) / (double)s->warmup;
    switch (s->kind) {
    case BL_COSINE: {
        double wave = (1 + cos(pi * share_done(s, s->warmup, step))) / 2;
        return s->lr * (s->min_ratio + (1 - s->min_ratio) * wave);
    }
    case BL_LINEAR:
        return s->lr * (1 - share_done(s, s->warmup, step));
    case BL_WSD: {
        int64_t fall = s->total - (int64_t)(s->cooldown * (double)s->total);
        return s->lr * (1 - sqrt(share_done(s, bl_max(s->warmup, fall), step)));
    }
    case BL_INV_SQRT:
        return s->lr * sqrt((double)bl_max(1, s->warmup) / (double)(step + 1));
    default:
        return s->lr;
    }
}

enum { NORM_LANES = 8 };

typedef struct {
    bl_real rate, decay, beta1, beta2, rest1, rest2, eps, correct2;
    bl_real scale[BL_ADAM_GROUPS];
    const bl_adam_span *spans;
    int n_spans, group;
    int64_t n;
    bl_real *value, *grad, *m, *v;
    const bl_real *norm_of;
    double sum[BL_PARTS];
} job;

/* Both bias corrections are hoisted into `rate` and `correct2`; 1 - beta comes from
 * double, for a beta may round to 1. */
BL_CLONES static void adam_run(const job *j, int64_t start, int64_t end, bl_real decay,
                               bl_real scale)
{
    bl_real *value = j->value, *m = j->m, *v = j->v, *grad = j->grad;
    bl_real b1 = j->beta1, b2 = j->beta2, c1 = j->rest1, c2 = j->rest2, eps = j->eps,
            rate = j->rate, correct2 = j->correct2;
    for (int64_t i = start; i < end; i++) {
        bl_real g = grad[i] * scale;
        bl_real a = b1 * m[i] + c1 * g;
        bl_real b = b2 * v[i] + c2 * g * g;
        m[i] = a;
        v[i] = b;
        grad[i] = 0;
#ifdef BL_DOUBLE
        value[i] -= rate * a / (sqrt(b) * correct2 + eps) + decay * value[i];
#else
        value[i] -= rate * a / (sqrtf(b) * correct2 + eps) + decay * value[i];
#endif
    }
}

/* The part's share of all values, span by span. */
static void adam_part(void *arg, int part)
{
    const job *j = arg;
    int64_t start = j->n * part / BL_PARTS, end = j->n * (part + 1) / BL_PARTS;
    for (int i = 0; i < j->n_spans; i++) {
        int64_t from = bl_max(start, j->spans[i].start);
        int64_t to = bl_min(end, j->spans[i].end);
        if (from < to && j->spans[i].group == BL_ADAM_STILL)
            memset(j->grad + from, 0, (size_t)(to - from) * sizeof *j->grad);
        else if (from < to && j->spans[i].rows == 0)
            adam_run(j, from, to, j->spans[i].decay ? j->decay : 0,
                     j->scale[j->spans[i].group]);
    }
}

void bl_adam(bl_pool *pool, const bl_adam_params *p, const bl_adam_span *spans,
             int n_spans, bl_real *value, bl_real *grad, bl_real *m, bl_real *v)
{
    double c1 = 1 - pow(p->beta1, (double)p->step),
           c2 = 1 - pow(p->beta2, (double)p->step);
    job j = {
        .rate = (bl_real)(p->lr / c1),
        .decay = (bl_real)(p->lr * p->weight_decay),
        .beta1 = (bl_real)p->beta1,
        .beta2 = (bl_real)p->beta2,
        .rest1 = (bl_real)(1 - p->beta1),
        .rest2 = (bl_real)(1 - p->beta2),
        .eps = (bl_real)p->eps,
        .correct2 = (bl_real)(1 / sqrt(c2)),
        .spans = spans,
        .n_spans = n_spans,
        .n = n_spans > 0 ? spans[n_spans - 1].end : 0,
        .value = value,
        .grad = grad,
        .m = m,
        .v = v,
    };
    for (int g = 0; g < BL_ADAM_GROUPS; g++)
        j.scale[g] = (bl_real)p->scale[g];
    bl_pool_run(pool, adam_part, &j, BL_PARTS);
}

/* ---- gradients with momentum ---- */

typedef struct {
    const bl_adam_params *p;
    bl_real momentum;
    const bl_adam_span *spans;
    int n_spans;
    bl_real *value, *grad, *m;
} sgd_job;

BL_CLONES static void sgd_run(const sgd_job *j, int64_t from, int64_t to, bl_real scale,
                              bl_real decay)
{
    bl_real rate = (bl_real)j->p->lr, momentum = j->momentum;
    bl_real *value = j->value, *grad = j->grad, *m = j->m;
    for (int64_t i = from; i < to; i++) {
        m[i] = momentum * m[i] + scale * grad[i];
        value[i] -= rate * m[i] + decay * value[i];
        grad[i] = 0;
    }
}

static void sgd_part(void *arg, int part)
{
    const sgd_job *j = arg;
    int64_t n = j->n_spans > 0 ? j->spans[j->n_spans - 1].end : 0;
    int64_t start = n * part / BL_PARTS, end = n * (part + 1) / BL_PARTS;
    for (int i = 0; i < j->n_spans; i++) {
        const bl_adam_span *s = &j->spans[i];
        int64_t from = bl_max(start, s->start), to = bl_min(end, s->end);
        if (from < to && s->group == BL_ADAM_STILL)
            memset(j->grad + from, 0, (size_t)(to - from) * sizeof *j->grad);
        else if (from < to)
            sgd_run(j, from, to, (bl_real)j->p->scale[s->group],
                    s->decay ? (bl_real)(j->p->lr * j->p->weight_decay) : 0);
    }
}

void bl_sgd(bl_pool *pool, const bl_adam_params *p, double momentum,
            const bl_adam_span *spans, int n_spans, bl_real *value, bl_real *grad,
            bl_real *m)
{
    sgd_job j = {p, (bl_real)momentum, spans, n_spans, value, grad, m};
    bl_pool_run(pool, sgd_part, &j, BL_PARTS);
}

void bl_adam_naive(const bl_adam_params *p, const bl_adam_span *spans, int n_spans,
                   bl_real *value, bl_real *grad, bl_real *m, bl_real *v)
{
    for (int s = 0; s < n_spans; s++)
        for (int64_t i = spans[s].start; i < spans[s].end && spans[s].rows == 0; i++) {
            if (spans[s].group == BL_ADAM_STILL) {
                grad[i] = 0;
                continue;
            }
            double g = (double)grad[i] * p->scale[spans[s].group], x = (double)value[i];
            double a = p->beta1 * (double)m[i] + (1 - p->beta1) * g;
            double b = p->beta2 * (double)v[i] + (1 - p->beta2) * g * g;
            double a_hat = a / (1 - pow(p->beta1, (double)p->step));
            double b_hat = b / (1 - pow(p->beta2, (double)p->step));
            double decay = spans[s].decay ? p->weight_decay : 0;
            m[i] = (bl_real)a;
            v[i] = (bl_real)b;
            grad[i] = 0;
            value[i] =
                (bl_real)(x - p->lr * (a_hat / (sqrt(b_hat) + p->eps) + decay * x));
        }
}

typedef struct {
    int64_t n;
    bl_real weight, *mean;
    const bl_real *value;
} average;

static void average_part(void *arg, int part)
{
    const average *a = arg;
    int64_t end = a->n * (part + 1) / BL_PARTS;
    for (int64_t i = a->n * part / BL_PARTS; i < end; i++)
        a->mean[i] += (a->value[i] - a->mean[i]) * a->weight;
}

void bl_average(bl_pool *pool, double age, int64_t step, int64_t n,
                const bl_real *value, bl_real *mean)
{
    double weight = (1 / age - 1) / ((double)step + 1 / age - 2);
    average a = {.n = n, .weight = (bl_real)weight, .mean = mean, .value = value};
    bl_pool_run(pool, average_part, &a, BL_PARTS);
}

typedef struct {
    int64_t n;
    bl_real *grad, *part;
    const bl_real *left;
} shards;

static void aside_part(void *arg, int part)
{
    const shards *s = arg;
    int64_t start = s->n * part / BL_PARTS, end = s->n * (part + 1) / BL_PARTS;
    size_t size = (size_t)(end - start) * sizeof *s->grad;
    memcpy(s->part + start, s->grad + start, size);
    memset(s->grad + start, 0, size);
}

void bl_grads_put_aside(bl_pool *pool, int64_t n, bl_real *grad, bl_real *part)
{
    shards s = {.n = n, .grad = grad, .part = part};
    bl_pool_run(pool, aside_part, &s, BL_PARTS);
}

static void add_part(void *arg, int part)
{
    const shards *s = arg;
    int64_t end = s->n * (part + 1) / BL_PARTS;
    for (int64_t i = s->n * part / BL_PARTS; i < end; i++)
        s->grad[i] = s->left[i] + s->grad[i];
}

void bl_grads_add(bl_pool *pool, int64_t n, bl_real *grad, const bl_real *part)
{
    shards s = {.n = n, .grad = grad, .left = part};
    bl_pool_run(pool, add_part, &s, BL_PARTS);
}

/* The next run of a group's numbers from span i on: spans that follow each other are
 * one. Returns the span behind it. */
static int next_run(const job *j, int i, int64_t *start, int64_t *end)
{
    while (i < j->n_spans && j->spans[i].group != j->group)
        i++;
    *start = *end = i < j->n_spans ? j->spans[i].start : 0;
    for (; i < j->n_spans && j->spans[i].group == j->group; i++)
        *end = j->spans[i].end;
    return i;
}

/* The part's share of all numbers, as far as they are the group's. */
static void norm_part(void *arg, int part)
{
    job *j = arg;
    double lane[NORM_LANES] = {0};
    const bl_real *x = j->norm_of;
    int64_t first = j->n * part / BL_PARTS, last = j->n * (part + 1) / BL_PARTS;
    for (int s = 0; s < j->n_spans;) {
        int64_t i, end;
        s = next_run(j, s, &i, &end);
        i = bl_max(i, first);
        end = bl_min(end, last);
        for (; i + NORM_LANES <= end; i += NORM_LANES)
            for (int l = 0; l < NORM_LANES; l++)
                lane[l] += (double)x[i + l] * (double)x[i + l];
        for (int l = 0; i < end; i++, l++)
            lane[l] += (double)x[i] * (double)x[i];
    }
    for (int l = 0; l < NORM_LANES; l++)
        j->sum[part] += lane[l];
}

double bl_grad_norm(bl_pool *pool, const bl_adam_span *spans, int n_spans, int group,
                    const bl_real *grad)
{
    job j = {.spans = spans, .n_spans = n_spans, .group = group, .norm_of = grad};
    double sum = 0;
    j.n = n_spans > 0 ? spans[n_spans - 1].end : 0;
    bl_pool_run(pool, norm_part, &j, BL_PARTS);
    for (int part = 0; part < BL_PARTS; part++)
        sum += j.sum[part];
    return sqrt(sum);
}
