/* ahead.h - the pieces of token streams in their order, read and prepared by threads:
 * the caller gets what it would get reading one after the other. */
#ifndef BL_AHEAD_H
#define BL_AHEAD_H

#include "flow/source.h"

typedef struct bl_ahead bl_ahead;

/* Prepares a piece that was read: on any thread, several at once, each with a `slot` of
 * its own below bl_ahead_slots(threads), which says where results may wait. */
typedef void bl_ahead_fn(void *arg, size_t slot, bl_piece *piece);
size_t bl_ahead_slots(int threads);

/* The source must outlive it; prepare may be NULL. Release with bl_ahead_del. */
int bl_ahead_new(bl_ahead **a, const bl_source *source, int threads,
                 bl_ahead_fn *prepare, void *arg, bl_err *e) BL_MUST_CHECK;
/* As bl_corpus_next: *piece is the reader's until the next call, *slot that in which it
 * was prepared. */
int bl_ahead_next(bl_ahead *a, bl_piece **piece, size_t *slot, bl_err *e) BL_MUST_CHECK;
void bl_ahead_del(bl_ahead *a);

#endif
