/* pattern.h - names of files that belong to others: in a pattern %d is the folder of
 * the other, %n its name without the ending, %% a '%'. */
#ifndef BL_PATTERN_H
#define BL_PATTERN_H

#include "base/mem.h"

/* Whether each % of a pattern is one of %d, %n and %%. */
int bl_pattern_is_good(const char *pattern);

/* The name that belongs to `path`, in *out (emptied first), which owns it; NULL if out
 * of memory. */
const char *bl_pattern_path(bl_buf *out, const char *pattern, const char *path,
                            bl_err *e);

#endif
