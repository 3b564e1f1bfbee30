/* batch.c - see batch.h. */
#include "train/batch.h"

#include <stdlib.h>
#include <string.h>

/* Streams of random numbers: epochs take 0, 1, 2, ..., the choice of evaluation pieces
 * the last one. */
static const uint64_t EVAL_STREAM = UINT64_MAX;

static int64_t piece_len(const bl_pieces *p, int64_t i)
{
    return p->offsets[i + 1] - p->offsets[i];
}

int64_t bl_pieces_targets(const bl_pieces *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n_pieces; i++)
        n += bl_max(piece_len(p, i) - 1, 0);
    return n;
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

static int init(bl_batch *b, const bl_pieces *pieces, int lanes, int segment, bl_err *e)
{
    size_t n = (size_t)lanes, cells;
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
    if (b->piece == NULL || b->offset == NULL || b->n_real == NULL ||
        b->start == NULL || b->fresh == NULL || b->x == NULL || b->y == NULL ||
        b->order == NULL) {
        bl_batch_free(b);
        return BL_E_NOMEM;
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

typedef struct {
    int64_t piece, len;
} sized;

static int by_length(const void *va, const void *vb)
{
    const sized *a = va, *b = vb;
    if (a->len != b->len)
        return a->len > b->len ? -1 : 1;
    return a->piece < b->piece ? -1 : a->piece > b->piece;
}

int bl_batch_init_once(bl_batch *b, const bl_pieces *pieces, int lanes, int segment,
                       int64_t max_tokens, bl_err *e)
{
    int rc = init(b, pieces, lanes, segment, e);
    if (rc != 0)
        return rc;
    b->once = 1;
    if (max_tokens > 0) {
        shuffle(b->order, b->n_order, 0, EVAL_STREAM);
        int64_t n = 0, tokens = 0;
        while (n < b->n_order && tokens < max_tokens)
            tokens += piece_len(pieces, b->order[n++]);
        b->n_order = n;
    }
    sized *list = bl_calloc((size_t)b->n_order, sizeof *list, e);
    if (list == NULL) {
        bl_batch_free(b);
        return BL_E_NOMEM;
    }
    for (int64_t i = 0; i < b->n_order; i++)
        list[i] = (sized){b->order[i], piece_len(pieces, b->order[i])};
    qsort(list, (size_t)b->n_order, sizeof *list, by_length);
    for (int64_t i = 0; i < b->n_order; i++)
        b->order[i] = list[i].piece;
    free(list);
    return 0;
}

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
    b->piece[lane] = b->order[b->next++];
    b->offset[lane] = 0;
    return 1;
}

/* Fills the lane's row; returns how many targets it has. */
static int64_t fill_lane(bl_batch *b, int lane)
{
    int32_t *x = b->x + (size_t)lane * (size_t)b->segment;
    int32_t *y = b->y + (size_t)lane * (size_t)b->segment;
    int64_t n = 0;
    b->fresh[lane] = b->piece[lane] < 0;
    if (b->piece[lane] >= 0 || take_piece(b, lane)) {
        int64_t piece = b->piece[lane], at = b->offset[lane];
        const uint16_t *tokens = b->pieces.tokens + b->pieces.offsets[piece] + at;
        int64_t left = piece_len(&b->pieces, piece) - 1 - at;
        n = bl_min(left, b->segment);
        for (int64_t t = 0; t < n; t++) {
            x[t] = tokens[t];
            y[t] = tokens[t + 1];
        }
        b->start[lane] = b->pieces.offsets[piece] + at;
        b->offset[lane] = at + n;
        if (n == left)
            b->piece[lane] = -1;
    }
    for (int64_t t = n; t < b->segment; t++) {
        x[t] = 0;
        y[t] = -1;
    }
    b->n_real[lane] = (int32_t)n;
    return n;
}

int64_t bl_batch_next(bl_batch *b)
{
    int64_t targets = 0;
    for (int lane = 0; lane < b->lanes; lane++)
        targets += fill_lane(b, lane);
    return targets;
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
    free(b->order);
    *b = (bl_batch){0};
}
