/* test_twins.c - each op of lib/nn, forward and backward, alone in a graph, against its
 * naive twin: odd sizes, empty and partly filled memories, spans, dropout. */
#include "base/cpu.h"
#include "nn/kernel/gemm.h"
#include "op_bench.h"
#include "twins.h"
#include "nn/kernel/vec.h"
#include "nn/op/windows.h"

/* ---- attention ---- */

typedef struct {
    int t, memory, heads, e, span;
    int positions; /* 0 none, 1 rows alone, 2 with u and vb */
    double dropout;
    int kv;   /* heads of keys and values, 0 = all */
    int keys; /* from elsewhere and without mask; 0: the segment's own */
    int block;
    int prefix; /* keys that all see, one more a lane */
} shape;

static void attention(bl_pool *pool, const shape *s)
{
    bench b;
    char what[128];
    int keys = s->keys > 0 ? s->keys : s->memory + s->t, d = s->heads * s->e,
        rows = LANES * s->heads * s->t;
    int kv = s->kv > 0 ? s->kv : s->heads;
    open_bench(&b, pool, LANES, s->t, s->memory);
    input *q = take(&b, LANES * s->t, d), *k = take(&b, LANES * keys, kv * s->e),
          *v = take(&b, LANES * keys, kv * s->e);
    input *r = s->positions > 0 ? take(&b, keys, d) : NULL;
    input *u = s->positions > 1 ? take(&b, s->heads, s->e) : NULL;
    input *vb = s->positions > 1 ? take(&b, s->heads, s->e) : NULL;
    bl_relative rel = {.r = r != NULL ? r->m : NULL,
                       .u = u != NULL ? u->m : NULL,
                       .vb = vb != NULL ? vb->m : NULL};
    int32_t prefix[LANES];
    const int32_t *const prefix_at = prefix;
    const bl_scope scope = {.lanes = LANES,
                            .queries = s->t,
                            .keys = keys,
                            .causal = s->keys == 0,
                            .memory = s->memory,
                            .span = s->span,
                            .block = s->block,
                            .length =
                                s->memory > 0 ? &b.g.feed.mem_length : &b.g.feed.n_real,
                            .prefix = s->prefix > 0 ? &prefix_at : NULL};
    for (int lane = 0; lane < LANES; lane++)
        prefix[lane] = s->prefix + lane;
    for (int lane = 0; lane < LANES && s->keys > 0; lane++)
        b.n_real[lane] = keys * lane / (LANES - 1); /* one has no key at all */
    give(&b, bl_attention(&b.g, q->m, k->m, v->m, &rel, &scope, s->heads, s->dropout,
                          NULL));
    double *mask = zeros((size_t)rows * (size_t)keys, sizeof *mask);
    double *p = zeros((size_t)keys, sizeof *p), *dp = zeros((size_t)keys, sizeof *dp);
    mask_of(&b, b.g.sites, s->dropout, rows, keys, mask);
    twin_attention a = {.lanes = LANES,
                        .t = s->t,
                        .keys = keys,
                        .whole = s->keys > 0,
                        .memory = s->memory,
                        .heads = s->heads,
                        .kv = kv,
                        .e = s->e,
                        .span = s->span,
                        .block = s->block,
                        .length = s->memory > 0 ? b.mem_length : b.n_real,
                        .prefix = s->prefix > 0 ? prefix : NULL,
                        .q = q->v,
                        .k = k->v,
                        .v = v->v,
                        .mask = mask,
                        .out = b.v,
                        .dout = b.g_out,
                        .dq = q->g,
                        .dk = k->g,
                        .dv = v->g};
    if (r != NULL) {
        a.r = r->v;
        a.dr = r->g;
    }
    if (u != NULL) {
        a.u = u->v;
        a.vb = vb->v;
        a.du = u->g;
        a.dvb = vb->g;
    }
    twin_attend(&a, p, dp);
    snprintf(what, sizeof what,
             "attention, T %d, M %d, %d heads of %d, span %d, block %d, positions %d, "
             "dropout %g, "
             "%d of keys%s, prefix %d",
             s->t, s->memory, s->heads, s->e, s->span, s->block, s->positions,
             s->dropout, kv, s->keys > 0 ? ", no mask" : "", s->prefix);
    compare(&b, what);
    free(mask);
    free(p);
    free(dp);
}

static void attentions(bl_pool *pool)
{
    static const shape shapes[] = {
        {.t = 1, .heads = 1, .e = 1},
        {.t = 5, .memory = 3, .heads = 2, .e = 3, .positions = 2},
        {.t = 33, .heads = 1, .e = 8, .positions = 1},
        {.t = 32, .memory = 32, .heads = 2, .e = 8, .span = 33, .positions = 2},
        {.t = 40, .memory = 70, .heads = 3, .e = 16, .positions = 2},
        {.t = 37,
         .memory = 11,
         .heads = 2,
         .e = 17,
         .span = 12,
         .positions = 2,
         .dropout = 0.1},
        {.t = 65, .memory = 130, .heads = 1, .e = 32, .positions = 1},
        {.t = 64, .memory = 64, .heads = 2, .e = 33, .positions = 2, .dropout = 0.2},
        {.t = 20, .heads = 2, .e = 64, .dropout = 0.5},
        {.t = 96, .memory = 300, .heads = 1, .e = 24, .span = 200, .positions = 2},
        {.t = 37,
         .memory = 11,
         .heads = 4,
         .e = 17,
         .positions = 2,
         .dropout = 0.1,
         .kv = 2},
        {.t = 33, .memory = 40, .heads = 6, .e = 3, .kv = 1},
        {.t = 20,
         .memory = 9,
         .heads = 4,
         .e = 32,
         .span = 12,
         .positions = 1,
         .kv = 2},
        {.t = 33, .heads = 2, .e = 8, .dropout = 0.1, .keys = 33},
        {.t = 5, .heads = 3, .e = 17, .keys = 90},
        {.t = 70, .heads = 4, .e = 16, .dropout = 0.1, .kv = 2, .keys = 7},
        {.t = 37,
         .memory = 5,
         .heads = 2,
         .e = 8,
         .positions = 2,
         .dropout = 0.1,
         .block = 4},
        {.t = 70, .memory = 33, .heads = 2, .e = 17, .positions = 1, .block = 33},
        {.t = 40, .heads = 4, .e = 16, .span = 12, .kv = 2, .block = 8},
        {.t = 9, .heads = 2, .e = 8, .prefix = 3},
        {.t = 70, .heads = 2, .e = 17, .dropout = 0.1, .prefix = 33},
        {.t = 40, .heads = 4, .e = 5, .kv = 2, .prefix = 39},
        /* tiles of less than all keys */
        {.t = 330,
         .memory = 40,
         .heads = 2,
         .e = 8,
         .positions = 2,
         .dropout = 0.1,
         .block = 16},
        {.t = 300, .memory = 20, .heads = 2, .e = 17, .positions = 1, .block = 33},
        {.t = 40,
         .memory = 330,
         .heads = 4,
         .e = 16,
         .span = 12,
         .dropout = 0.2,
         .kv = 2},
        {.t = 300, .heads = 2, .e = 8, .block = 7},
    };
    for (size_t i = 0; i < BL_COUNT(shapes); i++)
        attention(pool, &shapes[i]);
}

/* ---- the others ---- */

static void norm(bl_pool *pool, int rows, int n)
{
    bench b;
    char what[64];
    open_bench(&b, pool, 1, rows, 0);
    input *x = take(&b, rows, n), *gain = take(&b, 1, n), *bias = take(&b, 1, n);
    give(&b, bl_norm(&b.g, x->m, gain->m, bias->m, 1e-5));
    for (int r = 0; r < rows; r++)
        twin_norm(x->v + r * n, gain->v, bias->v, n, 1e-5, b.g_out + r * n, b.v + r * n,
                  x->g + r * n, gain->g, bias->g);
    snprintf(what, sizeof what, "layer norm, %d rows of %d", rows, n);
    compare(&b, what);
}

static void rms(bl_pool *pool, int rows, int n)
{
    bench b;
    char what[64];
    open_bench(&b, pool, 1, rows, 0);
    input *x = take(&b, rows, n), *gain = take(&b, 1, n);
    give(&b, bl_norm(&b.g, x->m, gain->m, NULL, 1e-2));
    for (int r = 0; r < rows; r++)
        twin_rms(x->v + r * n, gain->v, n, 1e-2, b.g_out + r * n, b.v + r * n,
                 x->g + r * n, gain->g);
    snprintf(what, sizeof what, "root-mean-square norm, %d rows of %d", rows, n);
    compare(&b, what);
}

static const twin_act twin_of[] = {[BL_ACT_NONE] = TWIN_NONE,
                                   [BL_ACT_RELU] = TWIN_RELU,
                                   [BL_ACT_GELU] = TWIN_GELU,
                                   [BL_ACT_GELU_TANH] = TWIN_GELU_TANH,
                                   [BL_ACT_SILU] = TWIN_SILU};

static void linear(bl_pool *pool, int rows, int in, int n, bl_act act, double dropout)
{
    bench b;
    char what[96];
    int has_bias = rows > 1;
    open_bench(&b, pool, 1, rows, 0);
    input *x = take(&b, rows, in), *w = take(&b, in, n), *bias = take(&b, 1, n);
    give(&b, bl_linear(&b.g, x->m, w->m, has_bias ? bias->m : NULL, act, dropout));
    double *mask = zeros((size_t)(rows * n), sizeof *mask);
    double *dz = zeros((size_t)(rows * n), sizeof *dz);
    mask_of(&b, b.g.sites, dropout, rows, n, mask);
    twin_multiply(0, 0, rows, n, in, x->v, w->v, b.v);
    for (int i = 0; i < rows * n; i++) {
        double z = b.v[i] + (has_bias ? bias->v[i % n] : 0);
        b.v[i] = twin_activate(twin_of[act], z) * mask[i];
        dz[i] = b.g_out[i] * mask[i] * twin_slope(twin_of[act], z);
        bias->g[i % n] += has_bias ? dz[i] : 0;
    }
    twin_multiply(1, 0, in, n, rows, x->v, dz, w->g);
    twin_multiply(0, 1, rows, in, n, dz, w->v, x->g);
    snprintf(what, sizeof what, "linear, (%d, %d) by %d, activation %d, dropout %g",
             rows, in, n, (int)act, dropout);
    compare(&b, what);
    free(mask);
    free(dz);
}

static void glu(bl_pool *pool, int rows, int f, int act, double dropout)
{
    bench b;
    char what[64];
    open_bench(&b, pool, 1, rows, 0);
    input *x = take(&b, rows, 2 * f);
    give(&b, bl_glu(&b.g, x->m, (bl_act)act, dropout));
    double *mask = zeros((size_t)(rows * f), sizeof *mask);
    mask_of(&b, b.g.sites, dropout, rows, f, mask);
    for (int i = 0; i < rows * f; i++) {
        ptrdiff_t first = i / f * 2 * f + i % f, second = first + f;
        double a = twin_activate(twin_of[act], x->v[first]), m = mask[i];
        b.v[i] = a * x->v[second] * m;
        x->g[first] +=
            b.g_out[i] * m * x->v[second] * twin_slope(twin_of[act], x->v[first]);
        x->g[second] += b.g_out[i] * m * a;
    }
    snprintf(what, sizeof what, "gated unit, %d rows of %d, activation %d, dropout %g",
             rows, f, act, dropout);
    compare(&b, what);
    free(mask);
}

/* Logits, the sum of -ln p and its gradient, which the op leaves in the logits' place.
 */
static void loss(bl_pool *pool, int rows, int d, int n, int tied)
{
    bench b;
    bl_real *nll;
    char what[64];
    double sum = 0;
    open_bench(&b, pool, 1, rows, 0);
    input *x = take(&b, rows, d), *w = tied ? take(&b, n, d) : take(&b, d, n),
          *bias = take(&b, 1, n);
    give(&b, bl_loss(&b.g, x->m, w->m, tied, bias->m, &nll));
    double *dz = zeros((size_t)(rows * n), sizeof *dz);
    twin_multiply(0, tied, rows, n, d, x->v, w->v, b.v);
    for (int r = 0; r < rows; r++) {
        b.y[r] = r % 5 == 4 ? -1 : (r * 7) % n;
        double *row = dz + r * n;
        for (int c = 0; c < n; c++)
            row[c] = b.v[r * n + c] += bias->v[c];
        twin_log_softmax(row, n);
        sum -= b.y[r] >= 0 ? row[b.y[r]] : 0;
        for (int c = 0; c < n; c++) {
            row[c] =
                b.y[r] < 0 ? 0 : (exp(row[c]) - (c == b.y[r])) * b.g.feed.loss_scale;
            bias->g[c] += row[c];
        }
    }
    if (tied)
        twin_multiply(1, 0, n, d, rows, dz, x->v, w->g);
    else
        twin_multiply(1, 0, d, n, rows, x->v, dz, w->g);
    twin_multiply(0, !tied, rows, d, n, dz, w->v, x->g);
    bl_graph_forward(&b.g);
    ok(fabs(b.g.feed.nll_sum - sum) < 1e-4 * sum, "the sum of -ln p: %.6g", sum);
    snprintf(what, sizeof what, "loss, %d rows of %d over %d%s", rows, d, n,
             tied ? ", tied" : "");
    compare(&b, what);
    free(dz);
}

static void embed(bl_pool *pool, int t, int d, int n, double dropout)
{
    bench b;
    open_bench(&b, pool, LANES, t, 0);
    input *emb = take(&b, n, d), *wpe = take(&b, t, d);
    const bl_id_rows ids = {&b.g.feed.x, LANES, t};
    give(&b, bl_embed(&b.g, &ids, emb->m, 3, wpe->m, dropout));
    double *mask = zeros((size_t)(LANES * t * d), sizeof *mask);
    mask_of(&b, b.g.sites, dropout, LANES * t, d, mask);
    for (int r = 0; r < LANES * t; r++) {
        b.x[r] = r * r % n;
        for (int c = 0; c < d; c++) {
            double g = b.g_out[r * d + c] * mask[r * d + c];
            b.v[r * d + c] =
                (3 * emb->v[b.x[r] * d + c] + wpe->v[r % t * d + c]) * mask[r * d + c];
            emb->g[b.x[r] * d + c] += 3 * g;
            wpe->g[r % t * d + c] += g;
        }
    }
    compare(&b, "embedding with absolute positions and dropout");
    free(mask);
}

static void add_rows(bl_pool *pool, int t, int d, int n)
{
    bench b;
    open_bench(&b, pool, LANES, t, 0);
    input *x = take(&b, LANES * t, d), *table = take(&b, n, d);
    const bl_id_rows ids = {&b.g.feed.y, LANES, t};
    give(&b, bl_add_rows(&b.g, x->m, &ids, table->m));
    for (int i = 0; i < LANES * t * d; i++) {
        int id = b.y[i / d] = i / d * 5 % n;
        b.v[i] = x->v[i] + table->v[id * d + i % d];
        x->g[i] += b.g_out[i];
        table->g[id * d + i % d] += b.g_out[i];
    }
    compare(&b, "rows of a table added");
}

/* A row before those of each lane, and without the first again; both read x. */
static void led(bl_pool *pool, int t, int d)
{
    bench b;
    open_bench(&b, pool, LANES, t, 0);
    input *first = take(&b, LANES, d), *x = take(&b, LANES * t, d);
    give(&b,
         bl_led(&b.g, first->m, bl_unled(&b.g, bl_led(&b.g, first->m, x->m), LANES)));
    for (int i = 0; i < LANES * (t + 1) * d; i++) {
        int lane = i / d / (t + 1), step = i / d % (t + 1), c = i % d;
        input *from = step == 0 ? first : x;
        int at = (step == 0 ? lane : lane * t + step - 1) * d + c;
        b.v[i] = from->v[at];
        from->g[at] += b.g_out[i];
    }
    compare(&b, "a row before those of a lane");
}

static void scaled(bl_pool *pool, int t, int d, double dropout)
{
    bench b;
    open_bench(&b, pool, LANES, t, 0);
    input *x = take(&b, LANES * t, d), *wpe = take(&b, t, d);
    give(&b, bl_scaled(&b.g, x->m, t, 3, wpe->m, dropout));
    double *mask = zeros((size_t)(LANES * t * d), sizeof *mask);
    mask_of(&b, b.g.sites, dropout, LANES * t, d, mask);
    for (int i = 0; i < LANES * t * d; i++) {
        int place = i % (t * d);
        b.v[i] = (3 * x->v[i] + wpe->v[place]) * mask[i];
        x->g[i] += 3 * b.g_out[i] * mask[i];
        wpe->g[place] += b.g_out[i] * mask[i];
    }
    compare(&b, "scaled rows with absolute positions and dropout");
    free(mask);
}

/* The memory's rows, then the segment's, lane by lane: a copy, whose gradient goes to
 * the segment alone. */
static void with_memory(bl_pool *pool, int t, int memory, int d)
{
    bench b;
    bl_mat *room = NULL;
    open_bench(&b, pool, LANES, t, memory);
    bl_real *rows = zeros((size_t)(LANES * memory * d), sizeof *rows);
    for (int i = 0; i < LANES * memory * d; i++)
        rows[i] = (bl_real)draw(&b);
    input *x = take(&b, LANES * t, d);
    const bl_slots slots = {rows, LANES, memory};
    give(&b, bl_with_memory(&b.g, &slots, x->m, &room));
    for (int i = 0; i < LANES * (memory + t) * d; i++) {
        int lane = i / ((memory + t) * d), r = i / d % (memory + t) - memory, c = i % d;
        int from = (lane * t + r) * d + c;
        b.v[i] =
            r < 0 ? (double)rows[(lane * memory + memory + r) * d + c] : x->v[from];
        if (r >= 0)
            x->g[from] += b.g_out[i];
    }
    compare(&b, "memory before the segment");
    free(rows);
}

static void residual(bl_pool *pool, int rows, int n, double dropout)
{
    bench b;
    open_bench(&b, pool, 1, rows, 0);
    input *x = take(&b, rows, n), *y = take(&b, rows, n);
    give(&b, bl_residual(&b.g, x->m, y->m, dropout));
    double *mask = zeros((size_t)(rows * n), sizeof *mask);
    mask_of(&b, b.g.sites, dropout, rows, n, mask);
    for (int i = 0; i < rows * n; i++) {
        b.v[i] = x->v[i] + y->v[i] * mask[i];
        x->g[i] += b.g_out[i];
        y->g[i] += b.g_out[i] * mask[i];
    }
    compare(&b, "residual with dropout");
    free(mask);
}

/* Sines of a distance in the first half of the row, cosines in the second. */
static void sinusoids(bl_pool *pool, int keys, int d, int clamp)
{
    bench b;
    open_bench(&b, pool, 1, keys, 0);
    give(&b, bl_positions(&b.g, keys, d, clamp, 0));
    for (int i = 0; i < keys * d; i++) {
        int distance = keys - 1 - i / d, c = i % d % (d / 2);
        double angle =
            (clamp > 0 ? fmin(distance, clamp) : distance) / pow(10000, 2.0 * c / d);
        b.v[i] = i % d < d / 2 ? sin(angle) : cos(angle);
    }
    compare(&b, "sinusoids of distances");
}

static void rotary(bl_pool *pool, int t, int memory, int heads, int e, int rows)
{
    bench b;
    char what[64];
    open_bench(&b, pool, LANES, t, memory);
    input *x = take(&b, LANES * rows, heads * e);
    bl_rotary_places p = bl_rotary_table(&b.g, memory + t, e, 50);
    give(&b, bl_rotary(&b.g, x->m, LANES, &p, 1));
    for (int r = 0; r < LANES * rows; r++)
        for (int h = 0; h < heads; h++) {
            int place = memory + t - rows + r % rows, at = (r * heads + h) * e;
            twin_turn(x->v + at, place, e, 50, 1, b.v + at);
            twin_turn(b.g_out + at, place, e, 50, -1, x->g + at);
        }
    snprintf(what, sizeof what, "rotary positions, %d rows, %d heads of %d", rows,
             heads, e);
    compare(&b, what);
}

/* Rows of a table by distance: the last is distance 0, the first all that are further.
 */
static void distances(bl_pool *pool, int t, int memory, int heads, int e, int n,
                      int shared)
{
    bench b;
    open_bench(&b, pool, 1, t, memory);
    input *table = take(&b, (shared ? 1 : heads) * n, e);
    give(&b, bl_distance_rows(&b.g, memory + t, table->m, heads, shared));
    for (int r = 0; r < memory + t; r++)
        for (int h = 0; h < heads; h++)
            for (int c = 0; c < e; c++) {
                int distance = memory + t - 1 - r;
                int row = (shared ? 0 : h * n) + (distance >= n ? 0 : n - 1 - distance);
                b.v[(r * heads + h) * e + c] = table->v[row * e + c];
                table->g[row * e + c] += b.g_out[(r * heads + h) * e + c];
            }
    compare(&b, "rows of learned distances");
}

static void pooling(int how, int ratio, int d, int n)
{
    bench b = {.seed = 3};
    size_t rows = (size_t)(n * ratio * d), made = (size_t)(n * d);
    bl_real *old = zeros(rows, sizeof *old), *to = zeros(made, sizeof *to);
    double *v = zeros(rows, sizeof *v), *twin = zeros(made, sizeof *twin);
    for (size_t i = 0; i < rows; i++)
        old[i] = (bl_real)(v[i] = draw(&b));
    const bl_squeezer squeezer = {
        .how = (bl_compressor)how, .ratio = ratio, .width = d};
    bl_compress_rows(&squeezer, old, n, NULL, to);
    twin_pool(how == BL_COMPRESS_MAX, ratio, d, v, n, twin);
    ok(off(to, twin, made) < 1e-6, "compressor %d, %d rows to one", how, ratio);
    free(old);
    free(to);
    free(v);
    free(twin);
}

/* A diverging run: no number becomes a whole one, and none becomes finite. */
static void exponentials(void)
{
    volatile bl_real none = NAN, endless = -INFINITY; /* not known to the compiler */
    ok(isnan(bl_exp(none)), "e to what is no number is none");
    ok(bl_exp(endless) < 1e-30 && bl_exp(0) == 1, "and 0 below all numbers");
}

/* Which core OpenBLAS should take where it took that one. */
static void test_cores(void)
{
    static const struct {
        const char *taken;
        int level;
        const char *better;
    } cases[] = {
        {"Prescott", BL_CPU_AVX512, "SkylakeX"}, {"Prescott", BL_CPU_AVX2, "Haswell"},
        {"Prescott", BL_CPU_BASELINE, NULL},     {"Barcelona", BL_CPU_AVX2, "Haswell"},
        {"Haswell", BL_CPU_AVX2, NULL},          {"Zen", BL_CPU_AVX512, "SkylakeX"},
        {"SkylakeX", BL_CPU_AVX512, NULL},       {"Cooperlake", BL_CPU_AVX512, NULL},
        {"Excavator", BL_CPU_AVX2, NULL},        {"of tomorrow", BL_CPU_AVX512, NULL},
    };
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        const char *better = bl_gemm_core_above(cases[i].taken, cases[i].level);
        ok((better == NULL) == (cases[i].better == NULL) &&
               (better == NULL || strcmp(better, cases[i].better) == 0),
           "cores: %s at level %d", cases[i].taken, cases[i].level);
    }
}

int main(void)
{
    bl_err e = BL_ERR_INIT;
    bl_pool *pool;
    if (bl_pool_new(&pool, 2, &e) != 0)
        return 70;
    bl_gemm_setup();
    exponentials();
    attentions(pool);
    norm(pool, 1, 3);
    norm(pool, 7, 5);
    norm(pool, 33, 96);
    norm(pool, 9, 515);
    rms(pool, 1, 3);
    rms(pool, 7, 5);
    rms(pool, 33, 96);
    for (int act = BL_ACT_NONE; act < BL_N_ACT; act++) {
        linear(pool, 1, 3, 2, (bl_act)act, 0);
        linear(pool, 37, 70, 41, (bl_act)act, 0.3);
        linear(pool, 128, 64, 192, (bl_act)act, 0);
        glu(pool, 1, 3, act, 0);
        glu(pool, 29, 37, act, 0.3);
    }
    loss(pool, 1, 3, 2, 0);
    loss(pool, 30, 17, 259, 0);
    loss(pool, 64, 32, 300, 1);
    embed(pool, 9, 13, 11, 0.2);
    embed(pool, 16, 32, 40, 0);
    scaled(pool, 9, 13, 0.2);
    add_rows(pool, 9, 13, 7);
    led(pool, 1, 1);
    led(pool, 6, 5);
    with_memory(pool, 5, 7, 3);
    residual(pool, 13, 37, 0.3);
    sinusoids(pool, 23, 12, 0);
    sinusoids(pool, 23, 12, 9);
    rotary(pool, 5, 4, 3, 6, 5);
    rotary(pool, 5, 4, 1, 2, 9);
    rotary(pool, 33, 0, 2, 64, 33);
    distances(pool, 6, 9, 2, 3, 4, 0);
    distances(pool, 8, 0, 1, 16, 20, 0);
    distances(pool, 6, 9, 3, 4, 5, 1);
    pooling(BL_COMPRESS_MEAN, 3, 5, 4);
    pooling(BL_COMPRESS_MAX, 2, 17, 9);
    bl_pool_del(pool);
    test_cores();
    return tap_done();
}
