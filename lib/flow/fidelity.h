/* fidelity.h - what was asked of pieces and what came: pieces of a stream beside the
 * conditions they were made on, and beside those of others, which is chance. */
#ifndef BL_FIDELITY_H
#define BL_FIDELITY_H

#include "base/mem.h"
#include "base/progress.h"

/* Appends the table of schemas/fidelity.md: the pieces of n token streams ("-" or
 * n == 0: standard input) against those of the same names in the stream of conditions;
 * NAME.2, NAME.3 ... are made on NAME, too. With a hole such as "9-12" or "9-12:bass"
 * (NULL: none) also of the notes outside it. Pieces without one are a notice. BL_E_ARG
 * for schemes without parts, and what is no hole; BL_E_MISMATCH for another scheme than
 * the conditions'; BL_E_FORMAT where no piece has its condition; errors of reading. */
int bl_fidelity_add(const char *conditions, const char *hole, const char *const *paths,
                    size_t n, const bl_progress *progress, bl_buf *text,
                    bl_err *e) BL_MUST_CHECK;

#endif
