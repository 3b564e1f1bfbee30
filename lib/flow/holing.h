/* holing.h - the pieces of a folder of shards as copies with holes: what is played in
 * some bars is the target, the piece without it the condition. */
#ifndef BL_HOLING_H
#define BL_HOLING_H

#include "base/progress.h"
#include "flow/coder.h"
#include "io/shards.h"
#include "token/holes.h"

enum { BL_HOLING_BARS = 8 }; /* of the longest hole */

typedef struct {
    int n;        /* copies of each piece, 0: pieces stay as they are */
    int64_t seed; /* of the stretches */
    bl_hole_seen seen;
} bl_holing_wish;

/* Puts copies in the place of all pieces, in their splits; the writer's are settled. A
 * piece whose bars are fewer than two, or silent, has none and is told of. Adds to
 * n->copies. BL_E_ARG of a scheme whose pieces can have no holes, BL_E_FORMAT of a
 * piece that its grammar forbids, or where no copy is left. */
int bl_holing_add(const bl_holing_wish *wish, const bl_coder *coder, bl_shardw *writer,
                  const bl_progress *progress, bl_counts *n, bl_err *e) BL_MUST_CHECK;

#endif
