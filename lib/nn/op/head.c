/* head.c - the operands of one attention head, packed. See attention.h. */
#include "nn/op/attention.h"
#include "nn/kernel/vec.h"

enum {
    LEFT = BL_BLOCK + BL_PANEL, /* room for the shift, left of a tile's column 0 */
    ASKED = 2048                /* numbers of a matrix that are asked for at most */
};

/* ---- the workspace ---- */

typedef struct {
    bl_real *base; /* NULL: only count */
    size_t used;
} arena;

static bl_real *take(arena *a, size_t n)
{
    bl_real *p = a->base != NULL ? a->base + a->used : NULL;
    a->used += (n + 15) / 16 * 16;
    return p;
}

static bl_real *take_tile(arena *a, size_t rows, size_t stride)
{
    bl_real *p = take(a, LEFT + rows * (stride + 1));
    return p != NULL ? p + LEFT : NULL;
}

/* Columns that a tile must have: those of BL_BLOCK queries, from the panel of the first
 * to the end of the last pair of panels. */
static int tile_width(const bl_scope *s)
{
    int seen = s->block > 0 ? 2 * s->block : s->span > 0 ? s->span : s->keys;
    return (int)bl_min(s->keys, seen + BL_BLOCK + BL_PANEL + 64);
}

/* Returns the numbers that it takes. What training alone needs comes last in a list. */
static size_t lay_out(bl_space *w, bl_real *base, int train, const bl_scope *s, int e)
{
    arena a = {base, 0};
    int t = s->queries, keys = s->keys, width = tile_width(s);
    size_t n = (size_t)bl_min(t, BL_BLOCK), wide = (size_t)bl_tile_cols(e);
    size_t panels = bl_tile_room((size_t)keys, (size_t)e), sums = (size_t)keys * wide;
    size_t block = bl_tile_room(n, (size_t)e);
    size_t row = (LEFT + (size_t)width + 2 * BL_VECTOR + 31) / 32 * 32 + 16;
    w->is_part = width < keys;
    w->origin = 0;
    w->stride = (ptrdiff_t)row; /* an odd number of cache lines: rows don't collide */
    bl_real **const all[] = {&w->kt, &w->rt, &w->v, &w->vt, &w->k, &w->r};
    bl_real **const keyed[] = {&w->dk, &w->dv, &w->dr};
    bl_real **const tiles[] = {&w->s, &w->ds};
    bl_real **const rows[] = {&w->qu, &w->qv, &w->o, &w->go, &w->dqu, &w->dqv};
    bl_real **const blocks[] = {&w->pu, &w->pv, &w->pgo};
    for (size_t i = 0; i < (train ? BL_COUNT(all) : 3); i++)
        *all[i] = take(&a, panels);
    for (size_t i = 0; i < (train ? BL_COUNT(keyed) : 0); i++)
        *keyed[i] = take(&a, sums);
    for (size_t i = 0; i < (train ? BL_COUNT(tiles) : 1); i++)
        *tiles[i] = take_tile(&a, (size_t)bl_max(n, BL_NARROW), row);
    for (size_t i = 0; i < (train ? BL_COUNT(rows) : 3); i++)
        *rows[i] = take(&a, n * wide);
    w->mask = take(&a, bl_head_is_short(keys) ? n * (size_t)keys : (size_t)width + 8);
    /* the tile of scores is free by then, and large enough if it is of all keys */
    w->room = train && e <= BL_NARROW && w->is_part ? take(&a, sums) : w->s;
    for (size_t i = 0; i < (train ? BL_COUNT(blocks) : 0); i++)
        *blocks[i] = take(&a, block);
    return a.used;
}

size_t bl_space_size(const bl_graph *g, const bl_scope *s, int e)
{
    bl_space w = {0};
    return lay_out(&w, NULL, g->train, s, e);
}

/* ---- a head ---- */

static void pack(const bl_head *h, int transposed, int k, int n, const bl_real *b,
                 ptrdiff_t ld, bl_real *panels)
{
    bl_tile_pack_as(h->precision, transposed, k, n, b, ld, panels);
}

/* What has K rows and the head's columns. */
static void pack_keyed(const bl_head *h, const bl_real *b, int ld, bl_real *panels)
{
    if (h->is_narrow)
        bl_narrow_pack(h->keys, h->e, b, ld, panels);
    else
        pack(h, 0, h->keys, h->e, b, ld, panels);
}

static ptrdiff_t keys_at(const bl_head *h)
{
    return (ptrdiff_t)h->lane * h->keys * h->kd + h->kv_at;
}

/* Slots of a lane that are empty. */
static int masked(const bl_scope *s, int lane)
{
    return s->memory > 0 ? s->memory - (*s->length)[lane] : 0;
}

/* Keys of a lane, empty slots among them. */
static int filled(const bl_scope *s, int lane)
{
    return s->memory == 0 && s->length != NULL ? (*s->length)[lane] : s->keys;
}

/* Keys of a lane that every query sees. */
static int prefix(const bl_scope *s, int lane)
{
    return s->prefix != NULL && *s->prefix != NULL ? (*s->prefix)[lane] : 0;
}

/* Rows of the head that comes next are asked for while this one is worked on: a part of
 * each, apart, and long ago in the cache. More than a few would drive out others. */
static void ask_for(const bl_real *x, ptrdiff_t ld, int rows, int e)
{
    for (int row = 0; row < rows && rows * e <= ASKED; row++, x += ld)
        for (int c = 0; c < e; c += BL_VECTOR)
            bl_prefetch(x + c);
}

static void ask_for_next(const bl_head *h, const bl_attention_args *a)
{
    int next = h->unit + (a->r != NULL ? a->heads : 1);
    int lane = next / a->heads, head = next % a->heads;
    ptrdiff_t at = (ptrdiff_t)lane * h->t * h->d + head * h->e;
    ptrdiff_t key = (ptrdiff_t)lane * h->keys * h->kd + head / a->shared * h->e;
    if (lane >= a->scope.lanes)
        return;
    ask_for(a->q->v + at, h->d, h->t, h->e);
    ask_for(a->k->v + key, h->kd, h->keys, h->e);
    ask_for(a->v->v + key, h->kd, h->keys, h->e);
    if (h->grad == NULL)
        return;
    ask_for(a->out->g + at, h->d, h->t, h->e);
    ask_for(a->out->v + at, h->d, h->t, h->e);
}

static void point(bl_head *h, const bl_graph *g, const bl_attention_args *a, int unit,
                  int part)
{
    int lane = unit / a->heads, head = unit % a->heads;
    int t = a->scope.queries, keys = a->scope.keys, d = a->q->cols, e = d / a->heads;
    ptrdiff_t at = (ptrdiff_t)lane * t * d + head * e;
    *h = (bl_head){.lane = lane,
                   .h = head,
                   .unit = unit,
                   .t = t,
                   .keys = keys,
                   .e = e,
                   .wide = bl_tile_cols(e),
                   .d = d,
                   .kd = a->k->cols,
                   .kv_at = head / a->shared * e,
                   .masked = masked(&a->scope, lane),
                   .filled = filled(&a->scope, lane),
                   .causal = a->scope.causal,
                   .span = a->scope.span,
                   .block = a->scope.block,
                   .prefix = prefix(&a->scope, lane),
                   .scale = a->scale,
                   .precision = bl_graph_precision(g, BL_OF_HEAD, e),
                   .q = a->q->v + at,
                   .r = a->r != NULL ? a->r->v + head * e : NULL,
                   .u = a->u != NULL ? a->u->v + head * e : NULL,
                   .vb = a->vb != NULL ? a->vb->v + head * e : NULL,
                   .out = a->out->v + at};
    h->is_narrow = h->precision == BL_FP32 && e <= BL_NARROW && bl_narrow_is_fast();
    lay_out(&h->w, a->scratch + (size_t)part * a->workspace, g->train, &a->scope, e);
    pack(h, 1, e, keys, a->k->v + keys_at(h), h->kd, h->w.kt);
    if (h->r != NULL && lane == 0)
        pack(h, 1, e, keys, h->r, d, h->w.rt);
}

void bl_head_open(bl_head *h, const bl_graph *g, const bl_attention_args *a, int unit,
                  int part)
{
    point(h, g, a, unit, part);
    pack_keyed(h, a->v->v + keys_at(h), h->kd, h->w.v);
    ask_for_next(h, a);
}

void bl_head_open_back(bl_head *h, const bl_graph *g, const bl_attention_args *a,
                       int unit, int part)
{
    point(h, g, a, unit, part);
    int lane = h->lane;
    ptrdiff_t at = h->q - a->q->v, key = keys_at(h);
    size_t sums = (size_t)h->keys * (size_t)h->wide * sizeof(bl_real);
    h->grad = a->out->g + at;
    h->q_grad = a->q->g + at;
    h->k_grad = a->k->g + key;
    h->v_grad = a->v->g + key;
    if (a->shared > 1) {
        ptrdiff_t own = (ptrdiff_t)lane * h->keys * h->d + h->h * h->e;
        h->k_grad = a->k_sum + own;
        h->v_grad = a->v_sum + own;
    }
    pack_keyed(h, a->k->v + key, h->kd, h->w.k);
    pack(h, 1, h->e, h->keys, a->v->v + key, h->kd, h->w.vt);
    memset(h->w.dk, 0, sums);
    memset(h->w.dv, 0, sums);
    ask_for_next(h, a);
    if (h->r == NULL)
        return;
    h->r_grad = a->r->g + h->h * h->e;
    if (lane > 0)
        return;
    pack_keyed(h, h->r, h->d, h->w.r);
    memset(h->w.dr, 0, sums);
}

void bl_head_slide(bl_head *h, int first)
{
    bl_space *w = &h->w;
    ptrdiff_t by = w->is_part ? w->origin - first / BL_PANEL * BL_PANEL : 0;
    w->s += by;
    w->ds = w->ds != NULL ? w->ds + by : NULL;
    w->mask += by;
    w->origin -= (int)by;
}

int bl_head_first(const bl_head *h, int i)
{
    int memory = h->keys - h->t, oldest = h->span > 0 ? memory + i + 1 - h->span : 0;
    int near = h->block > 0 ? memory + (i / h->block - 1) * h->block : 0;
    return (int)bl_max(h->masked, bl_max(oldest, near));
}

int bl_head_last(const bl_head *h, int i)
{
    int newest = h->causal ? h->keys - h->t + i : h->keys - 1;
    return (int)bl_min(bl_max(newest, h->prefix - 1), h->filled - 1);
}

/* Rows of (q + bias) scale, d apart, to rows `wide` apart; bias may be NULL. */
BL_CLONES static void biased_rows(const bl_real *restrict q, ptrdiff_t d, int rows,
                                  const bl_real *bias, int n, bl_real scale,
                                  bl_real *restrict to, ptrdiff_t wide)
{
    for (int row = 0; row < rows && bias == NULL; row++, q += d, to += wide)
        for (int c = 0; c < n; c++)
            to[c] = q[c] * scale;
    for (int row = 0; row < rows && bias != NULL; row++, q += d, to += wide)
        for (int c = 0; c < n; c++)
            to[c] = (q[c] + bias[c]) * scale;
}

void bl_head_queries(const bl_head *h, int i, int n)
{
    const bl_space *w = &h->w;
    const bl_real *q = h->q + (ptrdiff_t)i * h->d;
    biased_rows(q, h->d, n, h->u, h->e, h->scale, w->qu, h->wide);
    if (h->r != NULL)
        biased_rows(q, h->d, n, h->vb, h->e, h->scale, w->qv, h->wide);
    if (h->grad == NULL || h->is_narrow)
        return;
    pack(h, 0, n, h->e, w->qu, h->wide, w->pu);
    if (h->r != NULL)
        pack(h, 0, n, h->e, w->qv, h->wide, w->pv);
}

void bl_head_grads(const bl_head *h, int i, int n)
{
    const bl_real *from = h->grad + (ptrdiff_t)i * h->d;
    biased_rows(from, h->d, n, NULL, h->e, 1, h->w.go, h->wide);
    if (!h->is_narrow)
        pack(h, 0, n, h->e, from, h->d, h->w.pgo);
}

BL_CLONES static void add_rows(bl_real *to, ptrdiff_t d, const bl_real *from,
                               ptrdiff_t wide, int rows, int n, bl_real beta)
{
    for (int row = 0; row < rows; row++, to += d, from += wide)
        for (int c = 0; c < n; c++)
            to[c] = (beta == 0 ? 0 : to[c]) + from[c];
}

void bl_head_add_sums(const bl_head *h, const bl_real *sum, bl_real *to, ptrdiff_t ld,
                      bl_real beta)
{
    if (h->is_narrow) { /* to (K, E) */
        bl_tile_pack(1, h->keys, BL_NARROW, sum, h->keys, h->w.room);
        sum = h->w.room;
    }
    add_rows(to, ld, sum, h->wide, h->keys, h->e, beta);
}
