/* blind.h - one self-contained HTML page for a listening test: pieces of several sets
 * without their names, sound embedded, ratings on stated scales, results saved by the
 * browser as TSV (schemas/ratings.md). Each listener has an order of their own, drawn
 * by the page when it is first opened and kept. */
#ifndef BL_BLIND_H
#define BL_BLIND_H

#include "page/svg.h"

/* A piece to be heard. The names are printable ASCII (bl_name_encode). */
typedef struct {
    const char *set, *name;
    const bl_buf *sound; /* Ogg Vorbis */
} bl_blind_piece;

/* What is asked of each piece, and what the ends of its five steps mean. */
typedef struct {
    const char *name, *question, *low, *high;
} bl_scale;

/* The scales that are asked unless others are named: [BL_SCALES]. */
enum { BL_SCALES = 5 };
const bl_scale *bl_scales(void);

typedef struct {
    const char *title;
    const bl_blind_piece *piece; /* [n] */
    size_t n;
    const bl_scale *scale; /* [n_scales] */
    size_t n_scales;
    uint64_t seed; /* of the order in which the page holds the pieces */
} bl_blind;

/* Appends the page; the same call gives the same bytes. 0 or BL_E_NOMEM. */
int bl_blind_write(const bl_blind *b, bl_buf *out, bl_err *e) BL_MUST_CHECK;

#endif
