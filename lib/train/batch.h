/* batch.h - pieces to segments. B lanes read one piece each, in segments of T tokens
 * whose targets are the tokens one later; a lane that ends its piece takes the next one
 * of the epoch's order, so a memory never spans two pieces. All state is a cursor of
 * 2 + 2 B numbers. */
#ifndef BL_BATCH_H
#define BL_BATCH_H

#include "base/mem.h"
#include "base/rng.h"
#include "model/place.h"

/* A token of a stream of both sides: whose it is, and whether it is learned. */
typedef enum {
    BL_SIDE_CONDITION, /* which is given */
    BL_SIDE_TARGET,
    BL_SIDE_CUE,  /* of the condition, but where it stands the target must say so */
    BL_SIDE_FIXED /* of the target, where nothing else can stand */
} bl_token_side;

static inline int bl_side_is_target(unsigned side)
{
    return side & 1;
}

static inline int bl_side_is_scored(unsigned side)
{
    return side == BL_SIDE_TARGET || side == BL_SIDE_CUE;
}

/* What an encoder reads at once with the tokens of a piece from its at-th on, until the
 * next stretch: tokens begin .. end - 1 of all conditions. */
typedef struct {
    int64_t at, begin, end;
} bl_stretch;

/* Borrowed: piece i is tokens[offsets[i] .. offsets[i + 1] - 1]. */
typedef struct {
    const uint16_t *tokens;
    const int64_t *offsets; /* [n_pieces + 1], ascending */
    int64_t n_pieces;
    const bl_token_place *places; /* of each token id; NULL: places are not asked for */
    int recall;           /* the longest end, as the model's; 0: not asked for */
    const uint8_t *sides; /* [tokens] bl_token_side where a condition stands in the
                           * stream; NULL: all are targets */
    /* of an encoder, else NULL: the conditions; the stretches of piece i from first[i]
     * to first[i + 1] - 1, the first of them at 0, each of `source` tokens at most.
     * Without conditions they are places where a segment is to begin, or NULL */
    const uint16_t *sources;
    const bl_stretch *stretches;
    const int64_t *first; /* [n_pieces + 1] */
    int64_t n_stretches;
    int source;
    /* of windows of drums in the place of tokens, which are NULL then: each piece is
     * one, of as many numbers; what its cells (all the same) and each of them weigh in
     * training, or NULL */
    const float *windows;
    size_t window_numbers;
    const float *cell_weight, *lane_weight;
} bl_pieces;

/* Tokens begin .. end of a piece are read, those that follow `scored` are targets. */
typedef struct {
    int64_t piece, begin, scored, end;
} bl_window;

typedef struct {
    bl_pieces pieces;
    int lanes, segment; /* B, T */
    int once;           /* 1: each window once, then the batches end */
    uint64_t seed;

    /* the cursor */
    int64_t epoch;   /* from 0 */
    int64_t next;    /* place in the order that the next free lane takes */
    int64_t *piece;  /* (B) piece of the lane, -1 = none */
    int64_t *offset; /* (B) place in it of the next x */

    int64_t *order; /* [n_order] pieces; made anew from (seed, epoch) */
    int64_t n_order;
    bl_window *windows; /* `once`: [n_order], in the place of order */
    bl_window *reads;   /* `once`: (B) what the lane reads */

    /* with pieces.recall */
    bl_recall *recall;
    bl_recalled *recalled; /* (B, longest) of the piece that a lane reads */
    int64_t *recalled_of;  /* (B) that piece, -1 = none */
    int64_t longest;       /* piece */

    /* the batch that bl_batch_next made */
    int32_t *x, *y; /* (B,T) y = -1: padding, or not a target */
    bl_place *at;   /* (B,T) where x stands, each side's place counted for itself; NULL
                     * without pieces.places, recall and sides */
    int64_t n_targets; /* of y */
    int32_t *prefix;   /* (B) tokens of x, from the first, that are of the condition */
    int32_t *source;   /* (B,source) what an encoder reads; NULL: nothing */
    int32_t *source_length; /* (B) */
    bl_place *source_at;    /* (B,source); NULL without pieces.places */
    int32_t *n_real;        /* (B) */
    int64_t
        *start; /* (B) place of the first x in `tokens`; of no meaning with n_real 0 */
    uint8_t *fresh; /* (B) 1: a piece begins here, forget the memory */
} bl_batch;

/* For training: pieces without end, each epoch in another order. Pieces of fewer than
 * two tokens are passed over; BL_E_FORMAT if no piece is left. Release with _free. */
int bl_batch_init(bl_batch *b, const bl_pieces *pieces, int lanes, int segment,
                  uint64_t seed, bl_err *e) BL_MUST_CHECK;

/* For evaluation: each piece once; with max_tokens > 0 a sample of about so many
 * targets, the same for any run. Pieces of all lengths are cut into windows of
 * `context` tokens, whole segments and at least one; of the windows in the order of the
 * pieces' lengths every r-th is scored, from a random one on, after as many tokens
 * before it have been read, for the memory. Of whole pieces a sample of that size would
 * be too few. Where it would be half of the targets or more, and with 0, all are
 * scored. What is long comes first, so that the lanes end together. */
int bl_batch_init_once(bl_batch *b, const bl_pieces *pieces, int lanes, int segment,
                       int64_t max_tokens, int64_t context, bl_err *e) BL_MUST_CHECK;

/* Makes the next batch. Returns the tokens to read in it; 0 after the last one of
 * `once`. */
int64_t bl_batch_next(bl_batch *b);

/* Puts the cursor elsewhere: epoch, next, piece and offset of each lane, as they were
 * after some bl_batch_next (b's own arrays may be given). BL_E_FORMAT where they do not
 * fit the pieces. */
int bl_batch_seek(bl_batch *b, int64_t epoch, int64_t next, const int64_t *piece,
                  const int64_t *offset, bl_err *e) BL_MUST_CHECK;

/* Targets in one epoch. */
int64_t bl_pieces_targets(const bl_pieces *p);
/* The entropy of the targets' frequencies in nats: the loss of a model that knows
 * nothing of what came before. All tokens are below n_ids. */
int bl_pieces_entropy(const bl_pieces *p, int n_ids, double *entropy,
                      bl_err *e) BL_MUST_CHECK;
void bl_batch_free(bl_batch *b);

#endif
