/* gen_attend.c - attention of new tokens to what the rings of their streams hold. */
#include "model/gen.h"
#include "nn/op/ops.h"

/* ---- rings ---- */

static int head_width(const bl_gen *g)
{
    return g->m->config.width / g->m->config.heads;
}

/* The head of keys and values of query head h. */
static int kv_of(const bl_gen *g, int h)
{
    const bl_model_config *c = &g->m->config;
    return h / (c->heads / bl_model_kv_heads(c));
}

int bl_ring_new(bl_gen *g, bl_ring *r, int size)
{
    const bl_model_config *c = &g->m->config;
    size_t s = (size_t)g->streams, n;
    *r = (bl_ring){.size = size,
                   .cap = bl_gen_whole(size),
                   .wide = bl_store_whole(g->precision, head_width(g))};
    size_t kv = (size_t)bl_model_kv_heads(c);
    n = s * kv * (size_t)head_width(g) * (size_t)r->cap;
    r->k = bl_graph_alloc(&g->store, bl_store_bytes(g->precision, n), 1);
    n = s * kv * (size_t)size * (size_t)r->wide;
    r->v = bl_graph_alloc(&g->store, bl_store_bytes(g->precision, n), 1);
    return g->store.e->code;
}

/* The part of a stream of a head of keys and values. */
static char *keys_of(const bl_gen *g, const bl_ring *r, int s, int h)
{
    size_t row = (size_t)((s * bl_model_kv_heads(&g->m->config) + h) * head_width(g));
    return r->k + bl_store_bytes(g->precision, row * (size_t)r->cap);
}

static char *values_of(const bl_gen *g, const bl_ring *r, int s, int h)
{
    size_t row = (size_t)(s * bl_model_kv_heads(&g->m->config) + h) * (size_t)r->size;
    return r->v + bl_store_bytes(g->precision, row * (size_t)r->wide);
}

void bl_gen_put_column(const bl_gen *g, char *m, int e, int i, const bl_real *x)
{
    size_t bytes = bl_store_bytes(g->precision, BL_GEN_BLOCK);
    char *row = m + (size_t)(i / BL_GEN_BLOCK) * (size_t)e * bytes;
    for (int c = 0; c < e; c++, row += bytes)
        bl_store_put(g->precision, row, i % BL_GEN_BLOCK, x[c]);
}

void bl_ring_put_key(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                     const bl_real *key)
{
    int e = head_width(g);
    for (int h = 0; h < bl_model_kv_heads(&g->m->config); h++)
        bl_gen_put_column(g, keys_of(g, r, s, h), e, (int)(token % r->size),
                          key + h * e);
}

void bl_ring_put_value(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                       const bl_real *value)
{
    int e = head_width(g);
    size_t slot = (size_t)(token % r->size) * (size_t)r->wide;
    for (int h = 0; h < bl_model_kv_heads(&g->m->config); h++) {
        char *row = values_of(g, r, s, h) + bl_store_bytes(g->precision, slot);
        for (int c = 0; c < e; c++)
            bl_store_put(g->precision, row, c, value[h * e + c]);
    }
}

void bl_ring_copy(const bl_gen *g, const bl_ring *r, int from, int to)
{
    ptrdiff_t keys = keys_of(g, r, 1, 0) - r->k, values = values_of(g, r, 1, 0) - r->v;
    memcpy(r->k + to * keys, r->k + from * keys, (size_t)keys);
    memcpy(r->v + to * values, r->v + from * values, (size_t)values);
}

/* ---- one head ---- */

/* The n newest tokens of a ring, for one head of one stream. */
typedef struct {
    const bl_ring *ring;
    const char *k, *v;
    int64_t newest;
    int n;
    const bl_real *q; /* [e] what meets the keys */
} span;

/* Of the token `age` before the newest. */
static int slot_at(const span *s, int age)
{
    return (int)((s->newest - age) % s->ring->size);
}

static int older(const span *s, int slot)
{
    return slot > 0 ? slot - 1 : s->ring->size - 1;
}

/* COUNT vectors of a block of out = x (e) m. */
#define COLUMNS(COUNT, AT)                                                             \
    do {                                                                               \
        bl_vec sum[COUNT];                                                             \
        const char *row = m;                                                           \
        for (int v = 0; v < COUNT; v++)                                                \
            sum[v] = (bl_vec){0};                                                      \
        for (int c = 0; c < e; c++, row += bytes)                                      \
            for (int v = 0; v < COUNT; v++)                                            \
                sum[v] += x[c] * AT(row, v);                                           \
        memcpy(out, sum, sizeof sum);                                                  \
    } while (0)

/* out (n, in whole blocks) = x (e) m, columns in blocks. */
BL_CLONES static void dots_fp32(const bl_real *x, const char *m, int e, int n,
                                bl_real *out)
{
    size_t bytes = BL_GEN_BLOCK * sizeof(bl_real);
    for (; n > 0; n -= BL_GEN_BLOCK, m += (size_t)e * bytes, out += BL_GEN_BLOCK)
        if (n > 2 * BL_LANES)
            COLUMNS(4, BL_FP32_AT);
        else if (n > BL_LANES)
            COLUMNS(2, BL_FP32_AT);
        else
            COLUMNS(1, BL_FP32_AT);
}

/* COUNT vectors, from those at m and out on, of out += sum over the span of p times its
 * values; newer and older half at once, for sums wait for the one before. */
#define VALUES(COUNT, AT)                                                              \
    do {                                                                               \
        bl_vec sum[2][COUNT];                                                          \
        int half = s->n / 2, slot[2] = {slot_at(s, 0), slot_at(s, half)};              \
        for (int v = 0; v < COUNT; v++) {                                              \
            sum[0][v] = ((const bl_vec *)out)[v];                                      \
            sum[1][v] = (bl_vec){0};                                                   \
        }                                                                              \
        for (int j = 0; j < half; j++)                                                 \
            for (int i = 0; i < 2; i++) {                                              \
                const char *row = m + (size_t)slot[i] * bytes;                         \
                for (int v = 0; v < COUNT; v++)                                        \
                    sum[i][v] += p[j + i * half] * AT(row, v);                         \
                slot[i] = older(s, slot[i]);                                           \
            }                                                                          \
        for (int v = 0; v < COUNT; v++)                                                \
            sum[0][v] += sum[1][v];                                                    \
        if (s->n % 2 != 0)                                                             \
            for (int v = 0; v < COUNT; v++)                                            \
                sum[0][v] += p[s->n - 1] * AT(m + (size_t)slot[1] * bytes, v);         \
        memcpy(out, sum[0], sizeof sum[0]);                                            \
    } while (0)

BL_CLONES static void add_values_fp32(const span *s, const bl_real *p, bl_real *out)
{
    int left = s->ring->wide / BL_LANES;
    const char *m = s->v;
    size_t bytes = (size_t)s->ring->wide * sizeof(bl_real);
    for (int done; left > 0; left -= done) {
        done = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        if (done == 4)
            VALUES(4, BL_FP32_AT);
        else if (done == 2)
            VALUES(2, BL_FP32_AT);
        else
            VALUES(1, BL_FP32_AT);
        m += done * (int)sizeof(bl_vec);
        out += done * BL_LANES;
    }
}

#ifndef BL_DOUBLE
BL_CLONES static void dots_bf16(const bl_real *x, const char *m, int e, int n,
                                bl_real *out)
{
    size_t bytes = BL_GEN_BLOCK * sizeof(uint16_t);
    for (; n > 0; n -= BL_GEN_BLOCK, m += (size_t)e * bytes, out += BL_GEN_BLOCK)
        if (n > 2 * BL_LANES)
            COLUMNS(4, BL_BF16_AT);
        else
            COLUMNS(2, BL_BF16_AT);
}

BL_CLONES static void add_values_bf16(const span *s, const bl_real *p, bl_real *out)
{
    int left = s->ring->wide / BL_LANES;
    const char *m = s->v;
    size_t bytes = (size_t)s->ring->wide * sizeof(uint16_t);
    for (int done; left > 0; left -= done) {
        done = left >= 4 ? 4 : 2;
        if (done == 4)
            VALUES(4, BL_BF16_AT);
        else
            VALUES(2, BL_BF16_AT);
        m += done / 2 * (int)sizeof(bl_word_vec);
        out += done * BL_LANES;
    }
}
#endif

static void dots(bl_precision precision, const bl_real *x, const char *m, int e, int n,
                 bl_real *out)
{
#ifndef BL_DOUBLE
    if (precision == BL_BF16)
        dots_bf16(x, m, e, n, out);
    else
#endif
        dots_fp32(x, m, e, n, out);
    (void)precision;
}

static void add_values(bl_precision precision, const span *s, const bl_real *p,
                       bl_real *out)
{
#ifndef BL_DOUBLE
    if (precision == BL_BF16)
        add_values_bf16(s, p, out);
    else
#endif
        add_values_fp32(s, p, out);
    (void)precision;
}

/* Scores -> probabilities. */
BL_CLONES static void softmax(bl_real *z, int n, bl_real scale)
{
    bl_real max = bl_max_of(z, n);
    for (int j = 0; j < n; j++)
        z[j] = bl_exp((z[j] - max) * scale);
    bl_real inverse = 1 / bl_sum(z, n);
    for (int j = 0; j < n; j++)
        z[j] *= inverse;
}

/* What a head works with. `score` and `dot` have room for the keys, `out` for the
 * head, in whole blocks. */
typedef struct {
    bl_precision precision;
    int e;
    const bl_real *qv; /* [e] */
    const span *spans; /* [n_spans] one older than the other */
    int n_spans;
    const char *r; /* a column for each distance, or NULL */
    bl_real *score, *dot, *out;
} head;

/* softmax((q + u) k' + (q + vb) r') v over the spans; distance 0 is the token itself.
 */
static void attend_head(const head *h)
{
    int n = 0;
    for (int i = 0; i < h->n_spans; i++) {
        const span *s = &h->spans[i];
        int filled = (int)bl_min(s->ring->size, s->newest + 1), slot = slot_at(s, 0);
        dots(h->precision, s->q, s->k, h->e, filled, h->dot);
        for (int j = 0; j < s->n; j++, slot = older(s, slot))
            h->score[n++] = h->dot[slot];
    }
    if (h->r != NULL) {
        dots(h->precision, h->qv, h->r, h->e, n, h->dot);
        for (int j = 0; j < n; j++)
            h->score[j] += h->dot[j];
    }
    softmax(h->score, n, 1 / (bl_real)sqrt((double)h->e));
    memset(h->out, 0, (size_t)bl_store_whole(h->precision, h->e) * sizeof *h->out);
    for (int i = 0, first = 0; i < h->n_spans; first += h->spans[i++].n)
        add_values(h->precision, &h->spans[i], h->score + first, h->out);
}

/* ---- all heads ---- */

typedef struct {
    bl_gen *g;
    int layer, first, rows; /* of the pass, of each stream one at most */
} job;

static span span_of(const bl_gen *g, const bl_ring *r, int s, int h, int64_t newest,
                    int64_t n)
{
    int kv = kv_of(g, h);
    return (span){r,   keys_of(g, r, s, kv), values_of(g, r, s, kv), newest, (int)n,
                  NULL};
}

int bl_gen_n_recent(const bl_gen *g, int64_t position)
{
    int since = bl_gen_since(g, position);
    int n = (int)bl_min(g->memory, position - since) + since + 1;
    return g->span > 0 ? (int)bl_min(n, g->span) : n;
}

/* The tokens of its own block up to itself and of the block before. Without memory
 * blocks count from the start of the piece, as in one long segment. */
static int n_near(const bl_gen *g, int64_t position)
{
    const bl_model_config *c = &g->m->config;
    int64_t i = c->memory > 0 ? bl_gen_since(g, position) : position;
    return (int)(i % c->block) + c->block + 1;
}

/* What the token of a row sees: itself and the tokens since the memory last moved
 * on, the memory, the compressed slots. */
static int spans_of(const bl_gen *g, int layer, int row, int h, span spans[2])
{
    int s = g->stream[row];
    int64_t position = g->position[row], compressed = g->n_compressed[s];
    int remembers = bl_gen_remembers(g, layer), since = bl_gen_since(g, position) + 1;
    int n = bl_gen_n_recent(g, position);
    if (bl_model_is_local(&g->m->config, layer))
        n = (int)bl_min(n, n_near(g, position));
    spans[0] =
        span_of(g, &g->recent[layer], s, h, position, remembers ? n : bl_min(n, since));
    if (compressed == 0 || !remembers)
        return 1;
    spans[1] = span_of(g, &g->compressed[layer], s, h, compressed - 1,
                       bl_min(g->slots, compressed));
    return 2;
}

/* What a row's token paid, of which score has the newest first, is added to what
 * those before it paid since memory last moved on. */
static void count_usage(bl_gen *g, int layer, int row, int h, const span *recent,
                        const bl_real *score)
{
    ptrdiff_t s = g->stream[row];
    bl_real *usage = g->usage[layer] + (s * g->m->config.heads + h) * g->window;
    if (bl_gen_since(g, g->position[row]) == 0)
        memset(usage, 0, (size_t)g->window * sizeof *usage);
    for (int j = 0; j < recent->n; j++)
        usage[(recent->newest - j) % g->window] += score[j];
}

static void attend_part(void *arg, int part)
{
    const job *j = arg;
    bl_gen *g = j->g;
    int heads = g->m->config.heads, row = j->first + part / heads, h = part % heads;
    if (g->position[row] < 0)
        return;
    const bl_layer *l = &g->m->layer[j->layer];
    int e = head_width(g), n = bl_gen_whole(bl_gen_keys(g, j->layer));
    ptrdiff_t at = (ptrdiff_t)row * g->m->config.width + h * e;
    bl_real *qu = g->q + at, *qv = g->y + at;
    bl_real *score = g->score + (ptrdiff_t)part * bl_gen_scratch(g);
    span spans[2];
    head one = {.precision = g->precision,
                .e = e,
                .qv = qv,
                .spans = spans,
                .n_spans = spans_of(g, j->layer, row, h, spans),
                .score = score,
                .dot = score + n,
                .out = score + 2 * (ptrdiff_t)n};
    if (g->r != NULL)
        one.r =
            g->r[j->layer] + bl_store_bytes(g->precision, (size_t)(h * e) * (size_t)n);
    memcpy(qv, qu, (size_t)e * sizeof *qu);
    for (int i = 0; i < e && l->u != NULL; i++) {
        qv[i] += l->vb->v[h * e + i];
        qu[i] += l->u->v[h * e + i];
    }
    spans[0].q = spans[1].q = qu;
    if (g->turn != NULL) { /* qv is free: there are no keys of distances */
        bl_rotary_row(qv, g->turn_old + (ptrdiff_t)row * e, e, 1, qv);
        bl_rotary_row(qu, g->turn + (ptrdiff_t)row * e, e, 1, qu);
        spans[1].q = qv;
    }
    attend_head(&one);
    if (g->usage != NULL && bl_gen_remembers(g, j->layer))
        count_usage(g, j->layer, row, h, &spans[0], score);
    memcpy(g->a + at, one.out, (size_t)e * sizeof *one.out);
}

static void source_part(void *arg, int part)
{
    const job *j = arg;
    bl_gen *g = j->g;
    int heads = g->m->config.heads, row = j->first + part / heads, h = part % heads;
    int s = g->stream[row], e = head_width(g), n = g->n_source[s];
    ptrdiff_t at = (ptrdiff_t)row * g->m->config.width + h * e;
    bl_real *score = g->score + (ptrdiff_t)part * bl_gen_scratch(g);
    if (g->position[row] < 0)
        return;
    if (n == 0) {
        memset(g->a + at, 0, (size_t)e * sizeof *g->a);
        return;
    }
    span keys = span_of(g, &g->sources[j->layer], s, h, n - 1, n);
    keys.q = g->q + at;
    const head one = {.precision = g->precision,
                      .e = e,
                      .spans = &keys,
                      .n_spans = 1,
                      .score = score,
                      .dot = score + g->score_cap,
                      .out = score + 2 * (ptrdiff_t)g->score_cap};
    attend_head(&one);
    memcpy(g->a + at, one.out, (size_t)e * sizeof *one.out);
}

/* The next rows, of each stream one at most: as many as there is scratch for. */
static int next_round(job *j)
{
    const bl_gen *g = j->g;
    j->first += j->rows;
    j->rows = j->first < g->batch;
    for (int r = j->first + 1; r < g->batch && g->stream[r] > g->stream[r - 1]; r++)
        j->rows++;
    return j->rows;
}

void bl_gen_attend_source(bl_gen *g, int layer)
{
    job j = {.g = g, .layer = layer};
    while (next_round(&j) > 0)
        bl_pool_run(g->pool, source_part, &j, j.rows * g->m->config.heads);
}

/* New keys and values enter their rings. */
static void remember(const job *j)
{
    const bl_gen *g = j->g;
    const bl_ring *to = &g->recent[j->layer];
    ptrdiff_t cols = (ptrdiff_t)head_width(g) * bl_model_kv_heads(&g->m->config);
    for (int r = j->first; r < j->first + j->rows; r++)
        if (g->position[r] >= 0) {
            bl_ring_put_key(g, to, g->stream[r], g->position[r], g->k + r * cols);
            bl_ring_put_value(g, to, g->stream[r], g->position[r], g->v + r * cols);
        }
}

void bl_gen_attend(bl_gen *g, int layer)
{
    job j = {.g = g, .layer = layer};
    while (next_round(&j) > 0) {
        remember(&j);
        bl_pool_run(g->pool, attend_part, &j, j.rows * g->m->config.heads);
    }
}
