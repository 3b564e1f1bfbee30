/* gen_attend.c - attention of new tokens to what the rings of their streams hold: which
 * queries meet the same keys, and what each sees of them. */
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

int bl_ring_new(bl_gen *g, bl_ring *r, int seen, int size)
{
    const bl_model_config *c = &g->m->config;
    size_t s = (size_t)g->streams, n;
    *r = (bl_ring){.seen = seen,
                   .size = size,
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

/* ---- all heads ---- */

/* ---- which rows meet the same keys ---- */

/* Where the next round of a pass begins: of each stream one row at most. */
static int end_of_round(const bl_gen *g, int r)
{
    for (r++; r < g->batch && g->stream[r] > g->stream[r - 1]; r++)
        continue;
    return (int)bl_min(r, g->batch);
}

/* Rows of a stream that follow each other: whose is first in a round is in those after
 * it where it has more. */
static void group_near(bl_gen *g)
{
    int most = g->slots > 0 ? 1 : BL_GEN_TOGETHER;
    g->n_near = 0;
    for (int r = 0; r < g->batch;) {
        int at[BL_GEN_TOGETHER], end[BL_GEN_TOGETHER], first = g->n_near, next = r;
        for (int i = 0; i < most; i++) {
            at[i] = next;
            end[i] = next = next < g->batch ? end_of_round(g, next) : next;
        }
        for (; r < end[0]; r++) {
            bl_gen_group *to = &g->near[g->n_near];
            to->n = 0;
            for (int i = 0; i < most && g->position[r] >= 0; i++) {
                while (at[i] < end[i] && g->stream[at[i]] < g->stream[r])
                    at[i]++;
                if (at[i] < end[i] && g->stream[at[i]] == g->stream[r])
                    to->row[to->n++] = at[i];
            }
            g->n_near += to->n > 0;
        }
        for (int i = first; i < g->n_near; i++)
            g->near[i].of_round = g->n_near - first;
        r = next;
    }
}

/* Rows whose streams have one condition. */
static void group_far(bl_gen *g)
{
    g->n_far = 0;
    for (int s = 0; s < g->streams; s++)
        g->open[s] = -1;
    for (int r = 0; r < g->batch; r++) {
        if (g->position[r] < 0)
            continue;
        int *open = &g->open[g->source_of[g->stream[r]]];
        if (*open < 0 || g->far[*open].n == BL_GEN_TOGETHER) {
            *open = g->n_far++;
            g->far[*open].n = 0;
        }
        g->far[*open].row[g->far[*open].n++] = r;
    }
}

void bl_gen_group_rows(bl_gen *g)
{
    group_near(g);
    if (g->n_encoders > 0)
        group_far(g);
}

typedef struct {
    bl_gen *g;
    int layer, first;           /* of the groups that are met now */
    const bl_gen_group *groups; /* rows that meet the same keys */
} job;

static bl_gen_span span_of(const bl_gen *g, const bl_ring *r, int s, int h,
                           int64_t newest, int64_t n)
{
    int kv = kv_of(g, h);
    return (bl_gen_span){
        r, keys_of(g, r, s, kv), values_of(g, r, s, kv), newest, (int)n, NULL};
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
static int spans_of(const bl_gen *g, int layer, int row, int h, bl_gen_span spans[2])
{
    const bl_ring *recent = &g->recent[layer];
    int s = g->stream[row];
    int64_t position = g->position[row], compressed = g->n_compressed[s];
    int since = bl_gen_since(g, position) + 1, n = bl_gen_n_recent(g, position);
    if (bl_model_is_local(&g->m->config, layer))
        n = (int)bl_min(n, n_near(g, position));
    spans[0] =
        span_of(g, recent, s, h, position, recent->remembers ? n : bl_min(n, since));
    if (compressed == 0 || !recent->remembers)
        return 1;
    spans[1] = span_of(g, &g->compressed[layer], s, h, compressed - 1,
                       bl_min(g->slots, compressed));
    return 2;
}

/* What a row's token paid, of which score has the newest first, is added to what
 * those before it paid since memory last moved on. */
static void count_usage(bl_gen *g, int layer, int row, int h, const bl_gen_span *recent,
                        const bl_real *score)
{
    ptrdiff_t s = g->stream[row];
    bl_real *usage = g->usage[layer] + (s * g->m->config.heads + h) * g->window;
    if (bl_gen_since(g, g->position[row]) == 0)
        memset(usage, 0, (size_t)g->window * sizeof *usage);
    for (int j = 0; j < recent->n; j++)
        usage[(recent->newest - j) % g->window] += score[j];
}

/* Head h of a row, its queries moved and turned. */
static void prepare(const bl_gen *g, int layer, int row, int h, bl_gen_head *head,
                    int i)
{
    const bl_layer *l = &g->m->layer[layer];
    int e = head->e;
    ptrdiff_t at = (ptrdiff_t)row * g->m->config.width + h * e;
    bl_real *qu = g->q + at, *qv = g->y + at;
    bl_gen_span *spans = head->span[i];
    head->n_spans = spans_of(g, layer, row, h, spans);
    head->qv[i] = qv;
    memcpy(qv, qu, (size_t)e * sizeof *qu);
    for (int c = 0; c < e && l->u != NULL; c++) {
        qv[c] += l->vb->v[h * e + c];
        qu[c] += l->u->v[h * e + c];
    }
    spans[0].q = spans[1].q = qu;
    if (g->turn != NULL) { /* qv is free: there are no keys of distances */
        bl_rotary_row(qv, g->turn_old + (ptrdiff_t)row * e, e, 1, qv);
        bl_rotary_row(qu, g->turn + (ptrdiff_t)row * e, e, 1, qu);
        spans[1].q = qv;
    }
}

/* What they make of it goes to g->a. */
static void put_heads(const bl_gen *g, const bl_gen_group *rows, int h,
                      const bl_gen_head *head)
{
    for (int i = 0; i < rows->n; i++) {
        ptrdiff_t at = (ptrdiff_t)rows->row[i] * g->m->config.width + h * head->e;
        memcpy(g->a + at, bl_gen_head_out(head, i), (size_t)head->e * sizeof *g->a);
    }
}

/* With room for `cap` keys in the scratch of a part. */
static bl_gen_head head_of(const bl_gen *g, const bl_gen_group *rows, int cap, int part)
{
    return (bl_gen_head){.precision = g->precision,
                         .e = head_width(g),
                         .rows = rows->n,
                         .cap = cap,
                         .stride = 2 * (ptrdiff_t)cap +
                                   bl_store_whole(g->precision, head_width(g)),
                         .scratch = g->score + (ptrdiff_t)part * bl_gen_scratch(g)};
}

static void attend_part(void *arg, int part)
{
    const job *j = arg;
    bl_gen *g = j->g;
    int heads = g->m->config.heads, h = part % heads;
    const bl_gen_group *rows = &j->groups[j->first + part / heads];
    size_t keys = (size_t)bl_gen_whole(bl_gen_keys(g, j->layer));
    bl_gen_head head = head_of(g, rows, g->score_cap, part);
    if (g->r != NULL)
        head.r =
            g->r[j->layer] + bl_store_bytes(g->precision, (size_t)(h * head.e) * keys);
    for (int i = 0; i < rows->n; i++)
        prepare(g, j->layer, rows->row[i], h, &head, i);
    bl_gen_attend_head(&head);
    if (g->usage != NULL && g->recent[j->layer].remembers)
        count_usage(g, j->layer, rows->row[0], h, &head.span[0][0], head.scratch);
    put_heads(g, rows, h, &head);
}

static void source_part(void *arg, int part)
{
    const job *j = arg;
    bl_gen *g = j->g;
    int heads = g->m->config.heads, h = part % heads;
    const bl_gen_group *rows = &j->groups[j->first + part / heads];
    bl_gen_head head = head_of(g, rows, g->score_cap, part);
    int s = g->stream[rows->row[0]], n = g->n_source[s];
    head.n_spans = 1;
    for (int i = 0; i < rows->n; i++) {
        head.span[i][0] =
            span_of(g, &g->sources[j->layer], g->source_of[s], h, n - 1, n);
        head.span[i][0].q =
            g->q + (ptrdiff_t)rows->row[i] * g->m->config.width + h * head.e;
    }
    if (n > 0)
        bl_gen_attend_head(&head);
    else
        memset(head.scratch, 0, (size_t)(rows->n * head.stride) * sizeof(bl_real));
    put_heads(g, rows, h, &head);
}

/* The heads of n groups from the first on, as many at once as there is scratch for. */
static void run_groups(job *j, bl_pool_fn *fn, int n)
{
    const bl_gen *g = j->g;
    int heads = g->m->config.heads, most = (int)bl_max(1, BL_GEN_PARTS / heads);
    for (int end = j->first + n; j->first < end; j->first += most)
        bl_pool_run(g->pool, fn, j, (int)bl_min(most, end - j->first) * heads);
}

void bl_gen_attend_source(bl_gen *g, int layer)
{
    job j = {.g = g, .layer = layer, .groups = g->far};
    run_groups(&j, source_part, g->n_far);
}

void bl_gen_remember(bl_gen *g, int layer, const bl_gen_group *groups, int n)
{
    const bl_ring *to = &g->recent[layer];
    ptrdiff_t cols = (ptrdiff_t)head_width(g) * bl_model_kv_heads(&g->m->config);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < groups[i].n; k++) {
            int r = groups[i].row[k];
            bl_ring_put_key(g, to, g->stream[r], g->position[r], g->k + r * cols);
            bl_ring_put_value(g, to, g->stream[r], g->position[r], g->v + r * cols);
        }
}

void bl_gen_attend(bl_gen *g, int layer)
{
    for (int i = 0, end; i < g->n_near; i = end) {
        job j = {.g = g, .layer = layer, .first = i, .groups = g->near};
        end = i + g->near[i].of_round;
        bl_gen_remember(g, layer, g->near + i, end - i);
        run_groups(&j, attend_part, end - i);
    }
}
