/* place.h - where in the bars of a piece its tokens stand. What a token does to it is
 * told by a table of the vocabulary, so that models, batches and samplers count alike
 * and know no scheme. */
#ifndef BL_PLACE_H
#define BL_PLACE_H

#include "base/mem.h"
#include "model/recall.h"

/* A token: the bars that it begins, and the position in the bar after it, -1: as it was
 * (0 where it begins one). */
typedef struct {
    int32_t bars, position;
} bl_token_place;

/* After a token. */
typedef struct {
    int32_t bar;          /* from 0, -1 before the first */
    int32_t position;     /* in it, from 0 */
    int32_t side;         /* 1: of the target of a condition, 0: of the condition */
    bl_recalled recalled; /* of its stream, both sides */
} bl_place;

static const bl_place BL_PLACE_BEGIN = {-1, 0, 0, {0, 0, 0, 0}};

static inline void bl_place_step(bl_place *p, const bl_token_place *token)
{
    if (token->bars > 0) {
        p->bar += token->bars;
        p->position = 0;
    }
    if (token->position >= 0)
        p->position = token->position;
}

/* The row of one of `places` learned rows: the last for all positions beyond; and of
 * one of `bar_rows`, which come round. */
static inline int32_t bl_place_row(bl_place p, int places)
{
    return (int32_t)bl_max(0, bl_min(p.position, places - 1));
}

static inline int32_t bl_bar_row(bl_place p, int bar_rows)
{
    return (int32_t)(bl_max(0, p.bar) % bar_rows);
}

/* The row of a part of what is recalled. */
static inline int32_t bl_recall_row(bl_place p, int part)
{
    const int32_t row[BL_RECALL_PARTS] = {p.recalled.token, p.recalled.length,
                                          p.recalled.distance, p.recalled.times};
    return row[part];
}

#endif
