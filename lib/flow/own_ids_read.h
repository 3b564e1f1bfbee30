/* own_ids_read.h - files of ids: what stands in them, before anything is numbered. */
#ifndef BL_OWN_IDS_READ_H
#define BL_OWN_IDS_READ_H

#include "flow/token_names.h"

/* Pieces one after the other. Zero-initialise; release with bl_own_pieces_free. */
typedef struct {
    int32_t *id; /* [n] as they stand in the files */
    size_t n, n_cap;
    size_t *end; /* [pieces] in `id` */
    size_t pieces, end_cap;
    int32_t highest; /* -1: none */
} bl_own_pieces;

/* Appends the pieces of a file ("-" = standard input), NumPy, JSON or text; names are
 * looked up in `names`. BL_E_FORMAT, BL_E_LIMIT naming the file. */
int bl_own_pieces_read(bl_own_pieces *p, const bl_token_names *names, const char *path,
                       bl_err *e) BL_MUST_CHECK;
void bl_own_pieces_free(bl_own_pieces *p);

#endif
