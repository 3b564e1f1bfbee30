/* unsharding.h - a split of a folder of shards as a token stream again: the pieces that
 * were held back from training, to be measured and heard beside new ones. */
#ifndef BL_UNSHARDING_H
#define BL_UNSHARDING_H

#include "base/self.h"
#include "io/shards.h"

typedef struct {
    const char *dir;
    int split;
    int64_t lines; /* of each piece the first, bars or seconds (base/words.h); 0: all */
    int level;     /* of compression, 0 = bare */
} bl_unsharding_wish;

/* Writes the pieces, without copies that --augment made, to a descriptor. *n: how many;
 * *tokens: of all. What bl_shards_read and bl_scheme_open_stated give; BL_E_CORRUPT
 * where the list of pieces is not that of the split. */
int bl_unshard(const bl_unsharding_wish *wish, int fd, const bl_self *self, uint64_t *n,
               uint64_t *tokens, bl_err *e) BL_MUST_CHECK;

#endif
