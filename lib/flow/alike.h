/* alike.h - pieces of the same music in a folder of shards: they share a split, or only
 * one of them stays. */
#ifndef BL_ALIKE_H
#define BL_ALIKE_H

#include "flow/prints.h"
#include "io/shards.h"

/* Puts pieces of one music into one split, or with `drop` keeps one of them. No order
 * of input shows. *n_near: pieces that are like an earlier one; table (may be NULL)
 * gets them: piece, like, likeness. `prints` are those of the writer's pieces in the
 * order of _add, `others` (may be NULL) those of what goes with each; pieces whose
 * others are alike share a split too. */
int bl_alike_settle(bl_prints *prints, bl_prints *others, bl_shardw *writer, int drop,
                    uint64_t *n_near, bl_buf *table, bl_err *e) BL_MUST_CHECK;

#endif
