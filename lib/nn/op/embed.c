/* embed.c - token embedding, sinusoidal positions, segment memory. */
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

/* ---- embedding ---- */

typedef struct {
    bl_id_rows x;
    bl_mat *emb, *wpe, *out;
    bl_real scale;
    double dropout;
    uint32_t site;
} embed_args;

typedef struct {
    bl_graph *g;
    void *args;
} job;

static void add_row(bl_real *to, const bl_real *row, int n)
{
    for (int c = 0; c < n; c++)
        to[c] += row[c];
}

static void embed_part(void *arg, int part)
{
    job *j = arg;
    embed_args *a = j->args;
    int start, end, d = a->out->cols;
    bl_rows_of(a->out->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        const bl_real *row = a->emb->v + (ptrdiff_t)(*a->x.id)[r] * d;
        bl_real *out = a->out->v + (ptrdiff_t)r * d;
        for (int c = 0; c < d; c++)
            out[c] = row[c] * a->scale;
        if (a->wpe != NULL)
            add_row(out, a->wpe->v + (ptrdiff_t)(r % a->x.t) * d, d);
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, d), d, out);
    }
}

static void embed_forward(bl_graph *g, void *args)
{
    job j = {g, args};
    bl_pool_run(g->pool, embed_part, &j, BL_PARTS);
}

/* Tokens repeat, so rows are added one after the other, in order. */
static void embed_backward(bl_graph *g, void *args)
{
    embed_args *a = args;
    int d = a->out->cols;
    for (int r = 0; r < a->out->rows; r++) {
        bl_real *grad = a->out->g + (ptrdiff_t)r * d;
        bl_real *row = a->emb->g + (ptrdiff_t)(*a->x.id)[r] * d;
        bl_dropout(&g->feed, a->site, a->dropout, bl_site_start(r, d), d, grad);
        for (int c = 0; c < d; c++)
            row[c] += grad[c] * a->scale;
        if (a->wpe != NULL && a->wpe->g != NULL)
            add_row(a->wpe->g + (ptrdiff_t)(r % a->x.t) * d, grad, d);
    }
}

bl_mat *bl_embed(bl_graph *g, const bl_id_rows *x, bl_mat *emb, double scale,
                 bl_mat *wpe, double dropout)
{
    if (g->e->code != 0)
        return NULL;
    bl_mat *out = bl_graph_mat(g, (int64_t)x->lanes * x->t, emb->cols, 1);
    embed_args a = {*x, emb, wpe, out, (bl_real)scale, dropout, ++g->sites};
    bl_graph_op(g, embed_forward, embed_backward, &a, sizeof a);
    return out;
}

/* ---- rows that are no table's ---- */

typedef struct {
    bl_mat *x, *wpe, *out;
    int t;
    bl_real scale;
    double dropout;
    uint32_t site;
} scaled_args;

static void scaled_part(void *arg, int part)
{
    job *j = arg;
    scaled_args *a = j->args;
    int start, end, d = a->out->cols;
    bl_rows_of(a->out->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        const bl_real *x = a->x->v + (ptrdiff_t)r * d;
        bl_real *out = a->out->v + (ptrdiff_t)r * d;
        for (int c = 0; c < d; c++)
            out[c] = x[c] * a->scale;
        if (a->wpe != NULL)
            add_row(out, a->wpe->v + (ptrdiff_t)(r % a->t) * d, d);
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, d), d, out);
    }
}

static void scaled_forward(bl_graph *g, void *args)
{
    job j = {g, args};
    bl_pool_run(g->pool, scaled_part, &j, BL_PARTS);
}

/* Lanes share the rows of places, so rows are added one after the other, in order. */
static void scaled_backward(bl_graph *g, void *args)
{
    scaled_args *a = args;
    int d = a->out->cols;
    bl_real beta = bl_grad_beta(a->x);
    for (int r = 0; r < a->out->rows; r++) {
        bl_real *grad = a->out->g + (ptrdiff_t)r * d, *to = a->x->g + (ptrdiff_t)r * d;
        bl_dropout(&g->feed, a->site, a->dropout, bl_site_start(r, d), d, grad);
        for (int c = 0; c < d; c++)
            to[c] = (beta == 0 ? 0 : to[c]) + grad[c] * a->scale;
        if (a->wpe != NULL && a->wpe->g != NULL)
            add_row(a->wpe->g + (ptrdiff_t)(r % a->t) * d, grad, d);
    }
}

bl_mat *bl_scaled(bl_graph *g, bl_mat *x, int t, double scale, bl_mat *wpe,
                  double dropout)
{
    if (g->e->code != 0)
        return NULL;
    scaled_args a = {
        .x = x, .t = t, .wpe = wpe, .scale = (bl_real)scale, .dropout = dropout};
    a.out = bl_graph_mat_over(g, x);
    a.site = ++g->sites;
    bl_graph_reads(g, x);
    bl_graph_op(g, scaled_forward, scaled_backward, &a, sizeof a);
    return a.out;
}

/* ---- rows by an id of their own ---- */

typedef struct {
    bl_id_rows ids;
    bl_mat *x, *table, *out;
} rows_args;

static void rows_forward(bl_graph *g, void *args)
{
    rows_args *a = args;
    int d = a->out->cols;
    (void)g;
    if (a->out->v != a->x->v)
        memcpy(a->out->v, a->x->v, (size_t)a->x->rows * (size_t)d * sizeof(bl_real));
    for (ptrdiff_t r = 0; r < a->out->rows; r++)
        add_row(a->out->v + r * d, a->table->v + (ptrdiff_t)(*a->ids.id)[r] * d, d);
}

/* Ids repeat, so rows are added one after the other, in order. */
static void rows_backward(bl_graph *g, void *args)
{
    rows_args *a = args;
    int d = a->out->cols;
    bl_real beta = bl_grad_beta(a->x);
    (void)g;
    for (ptrdiff_t r = 0; r < a->out->rows; r++) {
        const bl_real *grad = a->out->g + r * d;
        bl_real *to = a->x->g + r * d;
        add_row(a->table->g + (ptrdiff_t)(*a->ids.id)[r] * d, grad, d);
        for (int c = 0; c < d; c++)
            to[c] = (beta == 0 ? 0 : to[c]) + grad[c];
    }
}

bl_mat *bl_add_rows(bl_graph *g, bl_mat *x, const bl_id_rows *ids, bl_mat *table)
{
    if (g->e->code != 0)
        return NULL;
    rows_args a = {*ids, x, table, bl_graph_mat_over(g, x)};
    bl_graph_reads(g, x);
    bl_graph_op(g, rows_forward, rows_backward, &a, sizeof a);
    return a.out;
}

/* ---- positions ---- */

typedef struct {
    bl_mat *out;
    bl_real *table; /* (K, D) without dropout */
    double dropout;
    uint32_t site;
} position_args;

void bl_position_row(int distance, int width, bl_real *row)
{
    for (int c = 0; c < width / 2; c++) {
        double angle = distance * pow(10000.0, -2.0 * c / width);
        row[c] = (bl_real)sin(angle);
        row[c + width / 2] = (bl_real)cos(angle);
    }
}

bl_mat *bl_place_rows(bl_graph *g, int places, int width)
{
    bl_mat *rows = bl_graph_mat(g, places, width, 0);
    bl_real *halves = bl_graph_alloc(g, (size_t)width, sizeof *halves);
    if (g->e->code != 0)
        return NULL;
    for (int place = 0; place < places; place++) {
        bl_position_row(place, width, halves);
        for (int c = 0; c < width; c++)
            rows->v[(ptrdiff_t)place * width + c] = halves[c / 2 + c % 2 * (width / 2)];
    }
    bl_graph_release(g, halves);
    return rows;
}

static void positions_forward(bl_graph *g, void *args)
{
    position_args *a = args;
    int d = a->out->cols;
    memcpy(a->out->v, a->table, (size_t)a->out->rows * (size_t)d * sizeof *a->table);
    for (int r = 0; r < a->out->rows; r++)
        bl_dropout(&g->feed, a->site, a->dropout, bl_site_start(r, d), d,
                   a->out->v + (ptrdiff_t)r * d);
}

bl_mat *bl_positions(bl_graph *g, int n_keys, int width, int clamp, double dropout)
{
    bl_mat *out = bl_graph_mat(g, n_keys, width, 0);
    bl_real *table = bl_graph_alloc(g, (size_t)n_keys * (size_t)width, sizeof *table);
    if (g->e->code != 0)
        return NULL;
    for (int r = 0; r < n_keys; r++) {
        int distance = n_keys - 1 - r;
        if (clamp > 0 && distance > clamp)
            distance = clamp;
        bl_position_row(distance, width, table + (ptrdiff_t)r * width);
    }
    position_args a = {out, table, dropout, ++g->sites};
    bl_graph_op(g, positions_forward, NULL, &a, sizeof a);
    return out;
}

typedef struct {
    bl_mat *table, *out;
    int heads, shared;
} distance_args;

/* Row r of the output is distance K-1-r: the row of the table counted from its end. */
static bl_real *table_row(const distance_args *a, bl_real *table, int head, int r)
{
    int n = a->table->rows / (a->shared ? 1 : a->heads);
    int row = (int)bl_max(0, n - 1 - (a->out->rows - 1 - r));
    ptrdiff_t first = a->shared ? 0 : (ptrdiff_t)head * n;
    return table + (first + row) * a->table->cols;
}

static void distance_forward(bl_graph *g, void *args)
{
    distance_args *a = args;
    int e = a->table->cols;
    (void)g;
    for (int r = 0; r < a->out->rows; r++)
        for (int h = 0; h < a->heads; h++)
            memcpy(a->out->v + (ptrdiff_t)r * a->out->cols + h * e,
                   table_row(a, a->table->v, h, r), (size_t)e * sizeof(bl_real));
}

static void distance_backward(bl_graph *g, void *args)
{
    distance_args *a = args;
    int e = a->table->cols;
    (void)g;
    for (int r = 0; r < a->out->rows; r++)
        for (int h = 0; h < a->heads; h++)
            add_row(table_row(a, a->table->g, h, r),
                    a->out->g + (ptrdiff_t)r * a->out->cols + h * e, e);
}

bl_mat *bl_distance_rows(bl_graph *g, int keys, bl_mat *table, int heads, int shared)
{
    if (g->e->code != 0)
        return NULL;
    bl_mat *out = bl_graph_mat(g, keys, (int64_t)heads * table->cols, 1);
    distance_args a = {table, out, heads, shared};
    bl_graph_op(g, distance_forward, distance_backward, &a, sizeof a);
    return out;
}

/* ---- memory ---- */

typedef struct {
    bl_slots s;
    bl_mat *x, *out;
} memory_args;

static void memory_forward(bl_graph *g, void *args)
{
    memory_args *a = args;
    size_t d = (size_t)a->x->cols, lanes = (size_t)a->s.lanes;
    size_t m = (size_t)a->s.slots * d, t = (size_t)a->x->rows / lanes * d;
    (void)g;
    for (size_t b = 0; b < lanes; b++) {
        memcpy(a->out->v + b * (m + t), a->s.memory + b * m, m * sizeof(bl_real));
        memcpy(a->out->v + b * (m + t) + m, a->x->v + b * t, t * sizeof(bl_real));
    }
}

/* The memory is a constant: only the segment's rows flow back. */
static void memory_backward(bl_graph *g, void *args)
{
    memory_args *a = args;
    size_t d = (size_t)a->x->cols, lanes = (size_t)a->s.lanes;
    size_t m = (size_t)a->s.slots * d, t = (size_t)a->x->rows / lanes * d;
    bl_real beta = bl_grad_beta(a->x);
    (void)g;
    for (size_t b = 0; b < lanes; b++) {
        const bl_real *from = a->out->g + b * (m + t) + m;
        bl_real *to = a->x->g + b * t;
        for (size_t i = 0; i < t; i++)
            to[i] = (beta == 0 ? 0 : to[i]) + from[i];
    }
}

bl_mat *bl_with_memory(bl_graph *g, const bl_slots *s, bl_mat *x, bl_mat **room)
{
    if (g->e->code != 0 || s->slots == 0)
        return x;
    if (*room == NULL)
        *room = bl_graph_mat(g, (int64_t)s->lanes * s->slots + x->rows, x->cols, 0);
    bl_mat *out = bl_graph_mat_at(g, *room);
    memory_args a = {*s, x, out};
    bl_graph_reads(g, x);
    bl_graph_op(g, memory_forward, memory_backward, &a, sizeof a);
    return out;
}

static void nothing(bl_graph *g, void *args)
{
    (void)g;
    (void)args;
}

void bl_memory_again(bl_graph *g, const bl_slots *s, bl_mat *x, bl_mat *context)
{
    if (g->e->code != 0 || context == x)
        return;
    memory_args a = {*s, x, context};
    bl_graph_op(g, nothing, memory_forward, &a, sizeof a);
}
