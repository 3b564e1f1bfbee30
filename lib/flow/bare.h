/* bare.h - bare token names between blanks and line feeds, as other programs write
 * them: each input one piece. */
#ifndef BL_BARE_H
#define BL_BARE_H

#include "flow/coder.h"

typedef struct {
    const char *scheme; /* NULL: "remi" */
    int grid;           /* 0: the scheme's own */
    const char *vocab; /* the file of the vocabulary that the names are of, which states
                        * the scheme itself; NULL: they are the scheme's */
} bl_bare_wish;

/* Zero-initialise but for the wish, which must outlive it; release with bl_bare_free.
 */
typedef struct {
    const bl_bare_wish *wish;
    bl_scheme *scheme; /* after the first piece */
    bl_vocab vocab;
    bl_coder coder;
} bl_bare;

/* Reads a whole input ("-": standard input) as *piece, named by its path, its ids those
 * of the scheme, without merges. BL_E_ARG for a scheme or grid that there is not,
 * BL_E_FORMAT with the line for a name that is no token, BL_E_LIMIT beyond
 * BL_TOKENS_PIECE_MAX, BL_E_OPEN. */
int bl_bare_read(bl_bare *b, const char *path, bl_piece *piece,
                 bl_err *e) BL_MUST_CHECK;
void bl_bare_free(bl_bare *b);

#endif
