/* names.h - file names for pieces: safe in any directory, each given out once. */
#ifndef BL_NAMES_H
#define BL_NAMES_H

#include "base/index.h"

enum { BL_FILE_NAME_MAX = 200 }; /* below the 255 bytes of file systems */

/* Names given out so far, as hashes. Zero-initialise; release with bl_names_free. */
typedef struct {
    bl_index given;
} bl_names;

/* Writes the file name for a piece to `name`: the last part of its path, its extension
 * replaced by `suffix` (with its dot), NAME.mid.2 as NAME.2.mid, control characters as
 * '_', no '.' or '-' in front, cut where it is too long, and with "-2", "-3", ... where
 * it was given out before. 0 or BL_E_NOMEM. */
int bl_names_give(bl_names *names, const char *piece, const char *suffix,
                  char name[BL_FILE_NAME_MAX + 1], bl_err *e) BL_MUST_CHECK;

void bl_names_free(bl_names *names);

#endif
