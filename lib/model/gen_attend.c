/* gen_attend.c - attention of one new token a stream to what its rings hold. */
#include "model/gen.h"

/* ---- rings ---- */

static int head_width(const bl_gen *g)
{
    return g->m->config.width / g->m->config.heads;
}

int bl_ring_new(bl_gen *g, bl_ring *r, int size)
{
    const bl_model_config *c = &g->m->config;
    size_t s = (size_t)g->streams;
    *r = (bl_ring){
        .size = size, .cap = bl_gen_whole(size), .wide = bl_gen_whole(head_width(g))};
    r->k =
        bl_graph_alloc(&g->store, s * (size_t)c->width * (size_t)r->cap, sizeof *r->k);
    r->v = bl_graph_alloc(
        &g->store, s * (size_t)c->heads * (size_t)size * (size_t)r->wide, sizeof *r->v);
    return g->store.e->code;
}

/* Head h's part of a stream. */
static bl_real *keys_of(const bl_gen *g, const bl_ring *r, int s, int h)
{
    const bl_model_config *c = &g->m->config;
    return r->k + ((ptrdiff_t)s * c->width + h * head_width(g)) * r->cap;
}

static bl_real *values_of(const bl_gen *g, const bl_ring *r, int s, int h)
{
    return r->v + ((ptrdiff_t)s * g->m->config.heads + h) * r->size * r->wide;
}

void bl_ring_put_key(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                     const bl_real *key)
{
    bl_real *to = keys_of(g, r, s, 0) + token % r->size;
    for (int c = 0; c < g->m->config.width; c++, to += r->cap)
        *to = key[c];
}

void bl_ring_put_value(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                       const bl_real *value)
{
    int e = head_width(g);
    for (int h = 0; h < g->m->config.heads; h++)
        memcpy(values_of(g, r, s, h) + token % r->size * r->wide, value + h * e,
               (size_t)e * sizeof *value);
}

/* ---- one head ---- */

/* The n newest tokens of a ring, for one head of one stream. */
typedef struct {
    const bl_ring *ring;
    const bl_real *k, *v;
    int64_t newest;
    int n;
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

/* COUNT vectors of out = sum over c of x[c] times row c of m. */
#define COLUMNS(COUNT)                                                                 \
    do {                                                                               \
        bl_vec sum[COUNT];                                                             \
        for (int v = 0; v < COUNT; v++)                                                \
            sum[v] = (bl_vec){0};                                                      \
        for (int c = 0; c < e; c++)                                                    \
            for (int v = 0; v < COUNT; v++)                                            \
                sum[v] += x[c] * ((const bl_vec *)(m + (ptrdiff_t)c * cap + j))[v];    \
        memcpy(out + j, sum, sizeof sum);                                              \
    } while (0)

/* out (n, in whole vectors) = x (e) m, rows of m cap apart. */
BL_CLONES static void dots(const bl_real *x, const bl_real *m, int cap, int e, int n,
                           bl_real *out)
{
    int j = 0;
    for (; j + 8 * BL_LANES <= n; j += 8 * BL_LANES)
        COLUMNS(8);
    for (; j < n; j += BL_LANES)
        COLUMNS(1);
}

/* COUNT vectors of out += sum over the span of p times its values; newer and older half
 * at once, for sums wait for the one before. */
#define VALUES(COUNT)                                                                  \
    do {                                                                               \
        bl_vec sum[2][COUNT];                                                          \
        int half = s->n / 2, slot[2] = {slot_at(s, 0), slot_at(s, half)};              \
        for (int v = 0; v < COUNT; v++) {                                              \
            sum[0][v] = ((const bl_vec *)(out + c))[v];                                \
            sum[1][v] = (bl_vec){0};                                                   \
        }                                                                              \
        for (int j = 0; j < half; j++)                                                 \
            for (int i = 0; i < 2; i++) {                                              \
                const bl_real *row = s->v + (ptrdiff_t)slot[i] * wide + c;             \
                for (int v = 0; v < COUNT; v++)                                        \
                    sum[i][v] += p[j + i * half] * ((const bl_vec *)row)[v];           \
                slot[i] = older(s, slot[i]);                                           \
            }                                                                          \
        for (int v = 0; v < COUNT; v++)                                                \
            sum[0][v] += sum[1][v];                                                    \
        if (s->n % 2 != 0)                                                             \
            for (int v = 0; v < COUNT; v++)                                            \
                sum[0][v] +=                                                           \
                    p[s->n - 1] *                                                      \
                    ((const bl_vec *)(s->v + (ptrdiff_t)slot[1] * wide + c))[v];       \
        memcpy(out + c, sum[0], sizeof sum[0]);                                        \
    } while (0)

BL_CLONES static void add_values(const span *s, const bl_real *p, bl_real *out)
{
    int c = 0, wide = s->ring->wide;
    for (; c + 4 * BL_LANES <= wide; c += 4 * BL_LANES)
        VALUES(4);
    for (; c + 2 * BL_LANES <= wide; c += 2 * BL_LANES)
        VALUES(2);
    for (; c < wide; c += BL_LANES)
        VALUES(1);
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

/* softmax((q + u) k' + (q + vb) r') v over the spans, one older than the other. Age 0
 * is the token itself; r (e, cap), a column for each age, may be NULL. `score` and
 * `dot` have room for the keys, `out` for a head, in whole vectors. */
static void attend_head(const bl_real *qu, const bl_real *qv, const span *spans,
                        int n_spans, const bl_real *r, int cap, int e, bl_real *score,
                        bl_real *dot, bl_real *out)
{
    int n = 0;
    for (int i = 0; i < n_spans; i++) {
        const span *s = &spans[i];
        int filled = (int)bl_min(s->ring->size, s->newest + 1), slot = slot_at(s, 0);
        dots(qu, s->k, s->ring->cap, e, filled, dot);
        for (int j = 0; j < s->n; j++, slot = older(s, slot))
            score[n++] = dot[slot];
    }
    if (r != NULL) {
        dots(qv, r, cap, e, n, dot);
        for (int j = 0; j < n; j++)
            score[j] += dot[j];
    }
    softmax(score, n, 1 / (bl_real)sqrt((double)e));
    memset(out, 0, (size_t)bl_gen_whole(e) * sizeof *out);
    for (int i = 0, first = 0; i < n_spans; first += spans[i++].n)
        add_values(&spans[i], score + first, out);
}

/* ---- all heads ---- */

typedef struct {
    bl_gen *g;
    int layer;
} job;

static span span_of(const bl_gen *g, const bl_ring *r, int s, int h, int64_t newest,
                    int64_t n)
{
    return (span){r, keys_of(g, r, s, h), values_of(g, r, s, h), newest, (int)n};
}

/* What the token of this step sees: itself and the tokens since the memory last moved
 * on, the memory, the compressed slots. */
static int spans_of(const bl_gen *g, int layer, int s, int h, span spans[2])
{
    int64_t position = g->position[s], since = bl_gen_since(g, position);
    int64_t compressed = g->n_compressed[s];
    spans[0] = span_of(g, &g->recent[layer], s, h, position,
                       bl_min(g->memory, position - since) + since + 1);
    if (compressed == 0)
        return 1;
    spans[1] = span_of(g, &g->compressed[layer], s, h, compressed - 1,
                       bl_min(g->slots, compressed));
    return 2;
}

static void attend_part(void *arg, int part)
{
    const job *j = arg;
    bl_gen *g = j->g;
    int heads = g->m->config.heads, s = part / heads, h = part % heads;
    if (g->position[s] < 0)
        return;
    const bl_layer *l = &g->m->layer[j->layer];
    int e = head_width(g), n = g->keys_cap;
    ptrdiff_t at = (ptrdiff_t)s * g->m->config.width + h * e;
    bl_real *qu = g->q + at, *qv = g->y + at;
    bl_real *score = g->score + (ptrdiff_t)part * bl_gen_scratch(g);
    bl_real *dot = score + n, *out = dot + n;
    const bl_real *r = g->r != NULL ? g->r[j->layer] + (ptrdiff_t)h * e * n : NULL;
    span spans[2];
    int n_spans = spans_of(g, j->layer, s, h, spans);
    memcpy(qv, qu, (size_t)e * sizeof *qu);
    for (int i = 0; i < e && l->u != NULL; i++) {
        qv[i] += l->vb->v[h * e + i];
        qu[i] += l->u->v[h * e + i];
    }
    attend_head(qu, qv, spans, n_spans, r, n, e, score, dot, out);
    memcpy(g->a + at, out, (size_t)e * sizeof *out);
}

void bl_gen_attend(bl_gen *g, int layer)
{
    job j = {g, layer};
    bl_pool_run(g->pool, attend_part, &j, g->streams * g->m->config.heads);
}
