/* windows.c - see windows.h. */
#include "nn/op/windows.h"

#include "base/rng.h"
#include "nn/kernel/vec.h"

/* ---- the same numbers in another shape ---- */

typedef struct {
    bl_mat *x, *out;
} shape_args;

static void shape_forward(bl_graph *g, void *args)
{
    (void)g;
    (void)args;
}

static void shape_backward(bl_graph *g, void *args)
{
    shape_args *a = args;
    size_t n = (size_t)a->x->rows * (size_t)a->x->cols;
    bl_real beta = bl_grad_beta(a->x);
    (void)g;
    for (size_t i = 0; i < n; i++)
        a->x->g[i] = (beta == 0 ? 0 : a->x->g[i]) + a->out->g[i];
}

bl_mat *bl_reshaped(bl_graph *g, bl_mat *m, int64_t rows, int64_t cols)
{
    shape_args a = {.x = m};
    if (g->e->code != 0)
        return NULL;
    a.out = bl_graph_mat_at(g, m);
    bl_graph_reads(g, m);
    bl_graph_op(g, shape_forward, shape_backward, &a, sizeof a);
    if (a.out != NULL) {
        a.out->rows = (int)rows;
        a.out->cols = (int)cols;
    }
    return a.out;
}

/* ---- a row before those of a lane ---- */

typedef struct {
    bl_mat *first, *x, *out; /* first NULL: it is left out */
    int lanes;
} lead_args;

/* n numbers that `to` is set to, or that are added to it; of NULL: zeros. */
static void give(bl_real *to, const bl_real *from, size_t n, bl_real beta)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (beta == 0 ? 0 : to[i]) + (from != NULL ? from[i] : 0);
}

/* The rows of lane b: the first, which is a row of its own or x's, and those behind. */
static void lead_forward(bl_graph *g, void *args)
{
    lead_args *a = args;
    size_t d = (size_t)a->x->cols, rows = (size_t)(a->x->rows / a->lanes);
    size_t led = (size_t)(a->out->rows / a->lanes), skips = led < rows;
    (void)g;
    for (size_t b = 0; b < (size_t)a->lanes; b++) {
        bl_real *to = a->out->v + b * led * d;
        if (a->first != NULL)
            memcpy(to, a->first->v + b * d, d * sizeof *to);
        memcpy(to + (skips ? 0 : d), a->x->v + (b * rows + skips) * d,
               (rows - skips) * d * sizeof *to);
    }
}

static void lead_backward(bl_graph *g, void *args)
{
    lead_args *a = args;
    size_t d = (size_t)a->x->cols, rows = (size_t)(a->x->rows / a->lanes);
    size_t led = (size_t)(a->out->rows / a->lanes), skips = led < rows;
    bl_real beta = bl_grad_beta(a->x), of_first = 0;
    (void)g;
    if (a->first != NULL)
        of_first = bl_grad_beta(a->first);
    for (size_t b = 0; b < (size_t)a->lanes; b++) {
        const bl_real *from = a->out->g + b * led * d;
        bl_real *to = a->x->g + b * rows * d;
        if (a->first != NULL)
            give(a->first->g + b * d, from, d, of_first);
        give(to, NULL, skips * d, beta);
        give(to + skips * d, from + (skips ? 0 : d), (rows - skips) * d, beta);
    }
}

static bl_mat *lead(bl_graph *g, bl_mat *first, bl_mat *x, int lanes, int more)
{
    lead_args a = {.first = first, .x = x, .lanes = lanes};
    if (g->e->code != 0)
        return NULL;
    a.out = bl_graph_mat(g, x->rows + (int64_t)more * lanes, x->cols, 1);
    bl_graph_reads(g, first);
    bl_graph_reads(g, x);
    bl_graph_op(g, lead_forward, lead_backward, &a, sizeof a);
    return a.out;
}

bl_mat *bl_led(bl_graph *g, bl_mat *first, bl_mat *x)
{
    return g->e->code != 0 ? NULL : lead(g, first, x, first->rows, 1);
}

bl_mat *bl_unled(bl_graph *g, bl_mat *x, int lanes)
{
    return lead(g, NULL, x, lanes, -1);
}

/* ---- the latent ---- */

typedef struct {
    bl_latent_args told;
    bl_mat *out;
    bl_real *noise; /* (B, Z) of the step */
} latent_args;

/* Apart from other streams of a seed. */
static const uint64_t NOISE_STREAM = (uint64_t)1 << 62;

static void draw_noise(const bl_graph *g, latent_args *a)
{
    const bl_window_feed *f = *a->told.feed;
    size_t n = (size_t)a->out->rows * (size_t)a->out->cols;
    bl_rng rng = bl_rng_make(g->feed.seed, NOISE_STREAM + g->feed.step);
    if (f->noise != NULL)
        memcpy(a->noise, f->noise, n * sizeof *a->noise);
    for (size_t i = 0; i < n && f->noise == NULL; i++)
        a->noise[i] = f->draws ? (bl_real)bl_rng_normal(&rng) : 0;
}

/* What a lane's terms are multiplied by, as parts of a sum over the steps. */
static double lane_factor(const latent_args *a, const bl_window_feed *f, int lane)
{
    const bl_latent_args *t = &a->told;
    double share = t->reduce == BL_SUMMED ? (double)a->out->rows * t->steps
                                          : (double)t->steps / a->out->cols;
    if (f->target == NULL || f->target[lane] == NULL)
        return 0;
    return share * f->beta *
           (f->lane_weight != NULL ? (double)f->lane_weight[lane] : 1);
}

static void latent_forward(bl_graph *g, void *args)
{
    latent_args *a = args;
    bl_window_feed *f = *a->told.feed;
    int z = a->out->cols;
    draw_noise(g, a);
    f->term[BL_OF_LATENT] = 0;
    for (int b = 0; b < a->out->rows; b++) {
        double sum = 0;
        for (int i = b * z; i < (b + 1) * z; i++) {
            double mu = (double)a->told.mu->v[i], lv = (double)a->told.log_var->v[i];
            double deviation = exp(lv / 2);
            a->out->v[i] = (bl_real)(mu + deviation * (double)a->noise[i]);
            sum -= 0.5 * (1 + lv - mu * mu - deviation * deviation);
        }
        f->term[BL_OF_LATENT] += sum * lane_factor(a, f, b);
    }
}

static void latent_backward(bl_graph *g, void *args)
{
    latent_args *a = args;
    const bl_window_feed *f = *a->told.feed;
    int z = a->out->cols;
    bl_mat *mu = a->told.mu, *lv = a->told.log_var;
    bl_real beta_mu = bl_grad_beta(mu), beta_lv = bl_grad_beta(lv);
    for (int b = 0; b < a->out->rows; b++) {
        double factor = lane_factor(a, f, b) * g->feed.loss_scale;
        for (int i = b * z; i < (b + 1) * z; i++) {
            double deviation = exp((double)lv->v[i] / 2), grad = (double)a->out->g[i];
            double of_mu = grad + factor * (double)mu->v[i];
            double of_lv = 0.5 * (grad * (double)a->noise[i] * deviation +
                                  factor * (deviation * deviation - 1));
            mu->g[i] = (beta_mu == 0 ? 0 : mu->g[i]) + (bl_real)of_mu;
            lv->g[i] = (beta_lv == 0 ? 0 : lv->g[i]) + (bl_real)of_lv;
        }
    }
}

bl_mat *bl_latent(bl_graph *g, const bl_latent_args *told)
{
    latent_args a = {.told = *told};
    if (g->e->code != 0)
        return NULL;
    a.out = bl_graph_mat(g, told->mu->rows, told->mu->cols, 1);
    a.noise = bl_graph_alloc(g, (size_t)told->mu->rows * (size_t)told->mu->cols,
                             sizeof *a.noise);
    bl_graph_reads(g, told->mu);
    bl_graph_reads(g, told->log_var);
    bl_graph_op(g, latent_forward, latent_backward, &a, sizeof a);
    return a.out;
}

/* ---- the loss ---- */

typedef struct {
    double term[BL_N_TERMS];
    int64_t hit, hit_wrong, missed, cells;
} lane_sums;

typedef struct {
    bl_window_loss_args told;
    bl_real *nll;    /* (B*T) */
    lane_sums *sums; /* (B) */
} loss_args;

typedef struct {
    bl_graph *g;
    loss_args *a;
} job;

/* -y ln s(z) - (1 - y) ln (1 - s(z)). */
static double cross_entropy(double z, double y)
{
    return (z > 0 ? z : 0) - z * y + log1p(exp(-fabs(z)));
}

static double square(double x)
{
    return x * x;
}

/* A cell's weight: of its own, its lane's, and of what is not hit. */
static double weight_of(const loss_args *a, const bl_window_feed *f, int row, int voice,
                        int is_hit)
{
    int steps = a->told.x->rows / a->told.lanes;
    double w = is_hit ? 1 : a->told.miss_weight;
    if (f->cell_weight != NULL)
        w *= (double)f->cell_weight[row % steps * a->told.voices + voice];
    return f->lane_weight != NULL ? w * (double)f->lane_weight[row / steps] : w;
}

/* What makes a sum over cells one over steps whose mean is the loss. */
static double share_of(const bl_window_loss_args *t)
{
    return t->reduce == BL_OVER_STEPS ? 1
           : t->reduce == BL_OVER_ALL ? 1.0 / t->voices
                                      : t->x->rows;
}

static const bl_real *target_of(const loss_args *a, const bl_window_feed *f,
                                const int32_t *y, int row)
{
    int steps = a->told.x->rows / a->told.lanes, lane = row / steps;
    if (f->target == NULL || f->target[lane] == NULL || y == NULL || y[row] < 0)
        return NULL;
    return f->target[lane] + (ptrdiff_t)(row % steps) * 3 * a->told.voices;
}

static void count_cell(lane_sums *s, bl_real logit, int is_hit)
{
    int says = logit > 0;
    s->cells++;
    s->hit += says && is_hit;
    s->hit_wrong += says && !is_hit;
    s->missed += !says && is_hit;
}

static double step_loss(const loss_args *a, const bl_window_feed *f, int row,
                        const bl_real *y, lane_sums *s)
{
    int v = a->told.voices;
    const bl_real *x = a->told.x->v + (ptrdiff_t)row * 3 * v;
    double share = share_of(&a->told), all = 0;
    for (int k = 0; k < v; k++) {
        double velocity = (double)x[v + k], offset = (double)x[2 * v + k];
        double w = share * weight_of(a, f, row, k, y[k] > 0);
        const double term[] = {
            w * cross_entropy((double)x[k], (double)y[k]),
            w * (a->told.velocity == BL_DISTANCE_BCE
                     ? cross_entropy(velocity, (double)y[v + k])
                     : square((double)bl_sigmoid(x[v + k]) - (double)y[v + k])),
            w * (a->told.offset == BL_DISTANCE_BCE
                     ? cross_entropy(offset, (double)y[2 * v + k] + 0.5)
                     : square((double)bl_tanh(x[2 * v + k]) / 2 -
                              (double)y[2 * v + k]))};
        for (int i = 0; i < BL_OF_LATENT; i++) {
            s->term[i] += term[i];
            all += term[i];
        }
        count_cell(s, x[k], y[k] > 0);
    }
    return all;
}

static void loss_lane(void *arg, int lane)
{
    job *j = arg;
    loss_args *a = j->a;
    const bl_window_feed *f = *a->told.feed;
    int steps = a->told.x->rows / a->told.lanes;
    a->sums[lane] = (lane_sums){.cells = 0};
    for (int row = lane * steps; row < (lane + 1) * steps; row++) {
        const bl_real *y = target_of(a, f, j->g->feed.y, row);
        a->nll[row] = y != NULL ? (bl_real)step_loss(a, f, row, y, &a->sums[lane]) : 0;
    }
}

static void loss_forward(bl_graph *g, void *args)
{
    loss_args *a = args;
    bl_window_feed *f = *a->told.feed;
    job j = {g, a};
    bl_pool_run(g->pool, loss_lane, &j, a->told.lanes);
    for (int i = 0; i < BL_OF_LATENT; i++)
        f->term[i] = 0;
    f->hit = f->hit_wrong = f->missed = f->cells = 0;
    for (int lane = 0; lane < a->told.lanes; lane++) {
        const lane_sums *s = &a->sums[lane];
        for (int i = 0; i < BL_OF_LATENT; i++)
            f->term[i] += s->term[i];
        f->hit += s->hit;
        f->hit_wrong += s->hit_wrong;
        f->missed += s->missed;
        f->cells += s->cells;
    }
    g->feed.nll_sum = 0;
    for (int i = 0; i < BL_N_TERMS; i++)
        g->feed.nll_sum += f->term[i];
    g->feed.n_scored = f->cells / a->told.voices;
}

static void step_grad(const loss_args *a, const bl_window_feed *f, int row,
                      const bl_real *y, double scale, bl_real *grad)
{
    int v = a->told.voices;
    const bl_real *x = a->told.x->v + (ptrdiff_t)row * 3 * v;
    for (int k = 0; k < v; k++) {
        double w = scale * weight_of(a, f, row, k, y[k] > 0);
        double velocity = (double)bl_sigmoid(x[v + k]),
               off = velocity - (double)y[v + k];
        grad[k] = (bl_real)(w * ((double)bl_sigmoid(x[k]) - (double)y[k]));
        grad[v + k] = (bl_real)(w * off *
                                (a->told.velocity == BL_DISTANCE_BCE
                                     ? 1
                                     : 2 * velocity * (1 - velocity)));
        double half = (double)bl_tanh(x[2 * v + k]), late = (double)y[2 * v + k];
        grad[2 * v + k] =
            (bl_real)(w * (a->told.offset == BL_DISTANCE_BCE
                               ? (double)bl_sigmoid(x[2 * v + k]) - late - 0.5
                               : (half / 2 - late) * (1 - half * half)));
    }
}

static void grad_lane(void *arg, int lane)
{
    job *j = arg;
    loss_args *a = j->a;
    const bl_window_feed *f = *a->told.feed;
    int steps = a->told.x->rows / a->told.lanes, n = a->told.x->cols;
    double scale = j->g->feed.loss_scale * share_of(&a->told);
    for (int row = lane * steps; row < (lane + 1) * steps; row++) {
        const bl_real *y = target_of(a, f, j->g->feed.y, row);
        bl_real *grad = a->told.x->g + (ptrdiff_t)row * n;
        if (y == NULL)
            memset(grad, 0, (size_t)n * sizeof *grad);
        else
            step_grad(a, f, row, y, scale, grad);
    }
}

static void loss_backward(bl_graph *g, void *args)
{
    loss_args *a = args;
    job j = {g, a};
    (void)bl_grad_beta(a->told.x); /* nothing else reads it */
    bl_pool_run(g->pool, grad_lane, &j, a->told.lanes);
}

void bl_window_loss(bl_graph *g, const bl_window_loss_args *told, bl_real **nll)
{
    if (g->e->code != 0)
        return;
    loss_args a = {.told = *told};
    a.nll = *nll = bl_graph_alloc(g, (size_t)told->x->rows, sizeof *a.nll);
    a.sums = bl_graph_alloc(g, (size_t)told->lanes, sizeof *a.sums);
    bl_graph_reads(g, told->x);
    bl_graph_op(g, loss_forward, loss_backward, &a, sizeof a);
}

void bl_window_row(bl_real *x, int voices, bl_distance offset, double temperature)
{
    for (int k = 0; k < voices; k++) {
        x[k] = bl_sigmoid((bl_real)((double)x[k] / temperature));
        x[voices + k] = bl_sigmoid(x[voices + k]);
        bl_real *o = &x[2 * voices + k];
        *o =
            offset == BL_DISTANCE_BCE ? bl_sigmoid(*o) - (bl_real)0.5 : bl_tanh(*o) / 2;
    }
}
