/* batch.c - see batch.h. */
#include "train/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Streams of random numbers: epochs take 0, 1, 2, ..., the sample of evaluation the
 * last one. */
static const uint64_t EVAL_STREAM = UINT64_MAX;

static int64_t piece_len(const bl_pieces *p, int64_t i)
{
    return p->offsets[i + 1] - p->offsets[i];
}

int64_t bl_pieces_targets(const bl_pieces *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n_pieces && p->sides == NULL; i++)
        n += bl_max(piece_len(p, i) - 1, 0);
    for (int64_t i = 0; i < p->n_pieces && p->sides != NULL; i++)
        for (int64_t k = p->offsets[i] + 1; k < p->offsets[i + 1]; k++)
            n += bl_side_is_scored(p->sides[k]);
    return n;
}

int bl_pieces_entropy(const bl_pieces *p, int n_ids, double *entropy, bl_err *e)
{
    int64_t *count = bl_calloc((size_t)n_ids, sizeof *count, e);
    double n = (double)bl_pieces_targets(p), sum = 0;
    if (count == NULL)
        return BL_E_NOMEM;
    for (int64_t i = 0; i < p->n_pieces && p->tokens != NULL; i++)
        for (int64_t k = p->offsets[i] + 1; k < p->offsets[i + 1]; k++)
            count[p->tokens[k]] += p->sides == NULL || bl_side_is_scored(p->sides[k]);
    for (int i = 0; i < n_ids; i++)
        if (count[i] > 0)
            sum -= (double)count[i] * log((double)count[i] / n);
    *entropy = n > 0 ? sum / n : 0;
    free(count);
    return 0;
}

/* Fisher and Yates; pieces are fewer than 2^32 as each has its row in a table. */
static void shuffle(int64_t *order, int64_t n, uint64_t seed, uint64_t stream)
{
    bl_rng rng = bl_rng_make(seed, stream);
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = bl_rng_below(&rng, (uint32_t)(i + 1));
        int64_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}

/* The pieces that have a target, in the order of the data. */
static void list_pieces(bl_batch *b)
{
    b->n_order = 0;
    for (int64_t i = 0; i < b->pieces.n_pieces; i++)
        if (piece_len(&b->pieces, i) >= 2)
            b->order[b->n_order++] = i;
}

static void order_epoch(bl_batch *b)
{
    list_pieces(b);
    shuffle(b->order, b->n_order, b->seed, (uint64_t)b->epoch);
}

/* What an encoder reads, if there is one. */
static int init_source(bl_batch *b, bl_err *e)
{
    const bl_pieces *p = &b->pieces;
    size_t lanes = (size_t)b->lanes, cells = 0;
    if (p->sources == NULL)
        return 0;
    if (bl_mul(lanes, (size_t)p->source, &cells) != 0)
        return bl_fail(e, BL_E_LIMIT, "%d conditions of %d tokens are too many",
                       b->lanes, p->source);
    b->source = bl_calloc(cells, sizeof *b->source, e);
    b->source_length = bl_calloc(lanes, sizeof *b->source_length, e);
    if (p->places != NULL)
        b->source_at = bl_calloc(cells, sizeof *b->source_at, e);
    int ok = b->source != NULL && b->source_length != NULL &&
             (p->places == NULL || b->source_at != NULL);
    return ok ? 0 : BL_E_NOMEM;
}

/* What came next, if it is asked for: room for the longest piece. */
static int init_recall(bl_batch *b, bl_err *e)
{
    const bl_pieces *p = &b->pieces;
    size_t cells;
    if (p->recall == 0 || p->tokens == NULL)
        return 0;
    for (int64_t i = 0; i < p->n_pieces; i++)
        b->longest = bl_max(b->longest, piece_len(p, i));
    if (bl_mul((size_t)b->lanes, (size_t)b->longest, &cells) != 0)
        return bl_fail(e, BL_E_LIMIT, "%d lanes of pieces of %lld tokens are too many",
                       b->lanes, (long long)b->longest);
    b->recalled = bl_calloc(cells, sizeof *b->recalled, e);
    b->recalled_of = bl_calloc((size_t)b->lanes, sizeof *b->recalled_of, e);
    if (b->recalled == NULL || b->recalled_of == NULL)
        return BL_E_NOMEM;
    for (int l = 0; l < b->lanes; l++)
        b->recalled_of[l] = -1;
    int rc = bl_recall_new(&b->recall, p->recall, e);
    return rc == 0 ? bl_recall_reserve(b->recall, b->longest, e) : rc;
}

static int init(bl_batch *b, const bl_pieces *pieces, int lanes, int segment, bl_err *e)
{
    size_t n = (size_t)lanes, cells;
    int has_at = pieces->places != NULL || pieces->sides != NULL || pieces->recall > 0;
    *b = (bl_batch){.pieces = *pieces, .lanes = lanes, .segment = segment};
    if (bl_mul(n, (size_t)segment, &cells) != 0)
        return bl_fail(e, BL_E_LIMIT, "%d lanes of %d tokens are too many", lanes,
                       segment);
    b->piece = bl_calloc(n, sizeof *b->piece, e);
    b->offset = bl_calloc(n, sizeof *b->offset, e);
    b->n_real = bl_calloc(n, sizeof *b->n_real, e);
    b->start = bl_calloc(n, sizeof *b->start, e);
    b->fresh = bl_calloc(n, sizeof *b->fresh, e);
    b->x = bl_calloc(cells, sizeof *b->x, e);
    b->y = bl_calloc(cells, sizeof *b->y, e);
    b->order = bl_calloc((size_t)pieces->n_pieces, sizeof *b->order, e);
    b->prefix = bl_calloc(n, sizeof *b->prefix, e);
    if (has_at)
        b->at = bl_calloc(cells, sizeof *b->at, e);
    if (b->piece == NULL || b->offset == NULL || b->n_real == NULL ||
        b->start == NULL || b->fresh == NULL || b->x == NULL || b->y == NULL ||
        b->order == NULL || b->prefix == NULL || (has_at && b->at == NULL)) {
        bl_batch_free(b);
        return BL_E_NOMEM;
    }
    int rc = init_source(b, e);
    if (rc == 0)
        rc = init_recall(b, e);
    if (rc != 0) {
        bl_batch_free(b);
        return rc;
    }
    for (int l = 0; l < lanes; l++)
        b->piece[l] = -1;
    list_pieces(b);
    if (b->n_order == 0 || pieces->n_pieces > UINT32_MAX) {
        bl_batch_free(b);
        return bl_fail(e, BL_E_FORMAT, "the split has no piece to learn from");
    }
    return 0;
}

int bl_batch_init(bl_batch *b, const bl_pieces *pieces, int lanes, int segment,
                  uint64_t seed, bl_err *e)
{
    int rc = init(b, pieces, lanes, segment, e);
    if (rc != 0)
        return rc;
    b->seed = seed;
    order_epoch(b);
    return 0;
}

/* ---- evaluation ---- */

static int64_t targets_of(const bl_pieces *p, int64_t i)
{
    return piece_len(p, i) - 1;
}

/* Longer windows first; equal ones in the order of the data. */
static int by_length(const void *va, const void *vb)
{
    const bl_window *a = va, *b = vb;
    int64_t m = a->end - a->begin, n = b->end - b->begin;
    if (m != n)
        return m > n ? -1 : 1;
    if (a->piece != b->piece)
        return a->piece < b->piece ? -1 : 1;
    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/* The pieces, each one window; long ones first. */
static int whole_pieces(bl_batch *b, bl_err *e)
{
    b->windows = bl_calloc((size_t)b->n_order, sizeof *b->windows, e);
    for (int64_t i = 0; i < b->n_order && b->windows != NULL; i++) {
        int64_t p = b->order[i];
        b->windows[i] = (bl_window){p, 0, 0, targets_of(&b->pieces, p)};
    }
    if (b->windows == NULL)
        return BL_E_NOMEM;
    qsort(b->windows, (size_t)b->n_order, sizeof *b->windows, by_length);
    return 0;
}

static int64_t windows_of(const bl_window *piece, int64_t size)
{
    return (piece->end + size - 1) / size;
}

/* Every r-th of the windows that the pieces can be cut into. */
static int draw(bl_batch *b, int64_t size, double r, bl_err *e)
{
    bl_rng rng = bl_rng_make(0, EVAL_STREAM);
    bl_window *drawn = NULL, *whole = b->windows;
    size_t cap = 0;
    int64_t before = 0, n = 0, n_whole = b->n_order, all = 0;
    int rc = 0;
    for (int64_t i = 0; i < n_whole; i++)
        all += windows_of(&whole[i], size);
    r = fmin(r, (double)all);
    double next = r * bl_rng_unit(&rng);
    for (int64_t i = 0; i < n_whole && rc == 0; i++) {
        int64_t here = windows_of(&whole[i], size), k;
        for (; rc == 0 && (k = (int64_t)next - before) < here; next += r) {
            void *p = drawn;
            rc = bl_grow(&p, &cap, (size_t)n + 1, sizeof *drawn, e);
            drawn = p;
            if (rc == 0)
                drawn[n++] =
                    (bl_window){whole[i].piece, bl_max(k - 1, 0) * size, k * size,
                                bl_min((k + 1) * size, whole[i].end)};
        }
        before += here;
    }
    free(whole);
    b->windows = drawn;
    b->n_order = n;
    if (rc == 0)
        qsort(drawn, (size_t)n, sizeof *drawn, by_length);
    return rc;
}

int bl_batch_init_once(bl_batch *b, const bl_pieces *pieces, int lanes, int segment,
                       int64_t max_tokens, int64_t context, bl_err *e)
{
    int64_t targets = bl_pieces_targets(pieces);
    int64_t size = bl_max((context + segment - 1) / segment, 1) * segment;
    int rc = init(b, pieces, lanes, segment, e);
    if (rc != 0)
        return rc;
    b->once = 1;
    b->reads = bl_calloc((size_t)lanes, sizeof *b->reads, e);
    rc = b->reads != NULL ? whole_pieces(b, e) : BL_E_NOMEM;
    if (rc == 0 && max_tokens > 0 && max_tokens < targets / 2)
        rc = draw(b, size, (double)targets / (double)max_tokens, e);
    if (rc != 0)
        bl_batch_free(b);
    return rc;
}

/* ---- the next batch ---- */

/* Gives the lane the next piece of the order. Returns 0 where there is none. */
static int take_piece(bl_batch *b, int lane)
{
    if (b->next == b->n_order) {
        if (b->once)
            return 0;
        b->epoch++;
        b->next = 0;
        order_epoch(b);
    }
    if (b->once)
        b->reads[lane] = b->windows[b->next];
    b->piece[lane] = b->once ? b->reads[lane].piece : b->order[b->next];
    b->offset[lane] = b->once ? b->reads[lane].begin : 0;
    b->next++;
    return 1;
}

/* Of all tokens of the lane's piece, once. */
static const bl_recalled *find_recalled(bl_batch *b, int lane, int64_t piece)
{
    const bl_pieces *p = &b->pieces;
    bl_recalled *to = b->recalled + (ptrdiff_t)lane * b->longest;
    if (b->recalled_of[lane] == piece)
        return to;
    b->recalled_of[lane] = piece;
    bl_recall_forget(b->recall);
    for (int64_t i = 0; i < piece_len(p, piece); i++)
        to[i] = bl_recall_step(b->recall, p->tokens[p->offsets[piece] + i]);
    return to;
}

/* Where the n tokens from the at-th of a piece on stand: counted from its beginning, so
 * that a cursor is all that a batch goes on from. */
static void find_places(const bl_batch *b, const uint16_t *piece, int64_t at, int64_t n,
                        const bl_recalled *recalled, bl_place *to)
{
    const bl_pieces *p = &b->pieces;
    const uint8_t *sides = p->sides != NULL ? p->sides + (piece - p->tokens) : NULL;
    bl_place now[2] = {BL_PLACE_BEGIN, BL_PLACE_BEGIN};
    now[1].side = 1;
    for (int64_t i = p->places != NULL ? 0 : at; i < at + n; i++) {
        bl_place *own = &now[sides != NULL && bl_side_is_target(sides[i])];
        if (p->places != NULL)
            bl_place_step(own, &p->places[piece[i]]);
        if (i < at)
            continue;
        to[i - at] = *own;
        if (recalled != NULL)
            to[i - at].recalled = recalled[i];
    }
}

/* ---- conditions ---- */

/* The last stretch that begins up to place `at` of a piece. */
static const bl_stretch *stretch_at(const bl_pieces *p, int64_t piece, int64_t at)
{
    const bl_stretch *s = &p->stretches[p->first[piece]];
    for (int64_t k = p->first[piece]; k < p->first[piece + 1]; k++)
        if (p->stretches[k].at <= at)
            s = &p->stretches[k];
    return s;
}

/* Tokens from the at-th on until the next stretch begins. */
static int64_t until_stretch(const bl_pieces *p, int64_t piece, int64_t at)
{
    const bl_stretch *next = stretch_at(p, piece, at) + 1;
    return next < p->stretches + p->first[piece + 1] ? next->at - at : INT64_MAX;
}

/* The lane's condition; returns how many tokens from the at-th on go with it. */
static int64_t fill_source(bl_batch *b, int lane, int64_t piece, int64_t at)
{
    const bl_pieces *p = &b->pieces;
    const bl_stretch *s = stretch_at(p, piece, at);
    ptrdiff_t row = (ptrdiff_t)lane * p->source;
    int64_t begin = p->stretches[p->first[piece]].begin;
    bl_place now = BL_PLACE_BEGIN;
    b->source_length[lane] = (int32_t)(s->end - s->begin);
    for (int64_t i = s->begin; i < s->end; i++)
        b->source[row + i - s->begin] = p->sources[i];
    for (int64_t i = begin; i < s->end && b->source_at != NULL; i++) {
        bl_place_step(&now, &p->places[p->sources[i]]);
        if (i >= s->begin)
            b->source_at[row + i - s->begin] = now;
    }
    return until_stretch(p, piece, at);
}

/* Of the lane's n tokens from `start` on among all, those before the first target. */
static int32_t find_prefix(const bl_batch *b, int64_t start, int64_t n)
{
    int32_t k = 0;
    while (b->pieces.sides != NULL && k < n &&
           !bl_side_is_target(b->pieces.sides[start + k]))
        k++;
    return k;
}

/* Fills the lane's row; returns how many tokens it has. */
static int64_t fill_lane(bl_batch *b, int lane)
{
    int32_t *x = b->x + (size_t)lane * (size_t)b->segment;
    int32_t *y = b->y + (size_t)lane * (size_t)b->segment;
    int64_t n = 0;
    b->fresh[lane] = b->piece[lane] < 0;
    if (b->piece[lane] >= 0 || take_piece(b, lane)) {
        int64_t piece = b->piece[lane], at = b->offset[lane];
        const uint16_t *all = b->pieces.tokens;
        const uint16_t *tokens =
            all != NULL ? all + b->pieces.offsets[piece] + at : NULL;
        const bl_window *w = b->once ? &b->reads[lane] : NULL;
        int64_t end = w != NULL ? w->end : targets_of(&b->pieces, piece);
        int64_t left = end - at, unscored = w != NULL ? w->scored - at : 0;
        const uint8_t *sides = b->pieces.sides;
        b->start[lane] = b->pieces.offsets[piece] + at;
        n = bl_min(left, b->segment);
        if (b->source != NULL)
            n = bl_min(n, fill_source(b, lane, piece, at));
        else if (b->pieces.stretches != NULL)
            n = bl_min(n, until_stretch(&b->pieces, piece, at));
        for (int64_t t = 0; t < n; t++) {
            int is_target =
                sides == NULL || bl_side_is_scored(sides[b->start[lane] + t + 1]);
            x[t] = tokens != NULL ? tokens[t] : 0;
            y[t] = t < unscored || !is_target ? -1 : tokens != NULL ? tokens[t + 1] : 0;
            b->n_targets += y[t] >= 0;
        }
        b->prefix[lane] = find_prefix(b, b->start[lane], n);
        if (b->at != NULL)
            find_places(b, tokens - at, at, n,
                        b->recalled != NULL ? find_recalled(b, lane, piece) : NULL,
                        b->at + (size_t)lane * (size_t)b->segment);
        b->offset[lane] = at + n;
        if (n == left)
            b->piece[lane] = -1;
    }
    for (int64_t t = n; t < b->segment; t++) {
        x[t] = 0;
        y[t] = -1;
        if (b->at != NULL)
            b->at[(size_t)lane * (size_t)b->segment + (size_t)t] = BL_PLACE_BEGIN;
    }
    b->n_real[lane] = (int32_t)n;
    if (n == 0)
        b->prefix[lane] = 0;
    if (n == 0 && b->source != NULL)
        b->source_length[lane] = 0;
    return n;
}

int64_t bl_batch_next(bl_batch *b)
{
    int64_t n = 0;
    b->n_targets = 0;
    for (int lane = 0; lane < b->lanes; lane++)
        n += fill_lane(b, lane);
    return n;
}

int bl_batch_seek(bl_batch *b, int64_t epoch, int64_t next, const int64_t *piece,
                  const int64_t *offset, bl_err *e)
{
    if (epoch < 0 || next < 0 || next > b->n_order)
        return bl_fail(e, BL_E_FORMAT, "the data cursor does not fit the data");
    for (int lane = 0; lane < b->lanes; lane++) {
        int64_t p = piece[lane];
        int fits = p == -1 || (p >= 0 && p < b->pieces.n_pieces && offset[lane] >= 0 &&
                               offset[lane] < piece_len(&b->pieces, p) - 1);
        if (!fits)
            return bl_fail(e, BL_E_FORMAT,
                           "the data cursor of lane %d does not fit the data", lane);
    }
    b->epoch = epoch;
    b->next = next;
    memmove(b->piece, piece, (size_t)b->lanes * sizeof *piece);
    memmove(b->offset, offset, (size_t)b->lanes * sizeof *offset);
    if (!b->once)
        order_epoch(b);
    return 0;
}

void bl_batch_free(bl_batch *b)
{
    free(b->piece);
    free(b->offset);
    free(b->n_real);
    free(b->start);
    free(b->fresh);
    free(b->x);
    free(b->y);
    free(b->at);
    free(b->prefix);
    free(b->source);
    free(b->source_length);
    free(b->source_at);
    free(b->order);
    bl_recall_del(b->recall);
    free(b->recalled);
    free(b->recalled_of);
    free(b->windows);
    free(b->reads);
    *b = (bl_batch){0};
}
