/* grooves.h - drums (token/hvo.h) as rows of a tensor stream (io/rows.h): scheme
 * "groove", a row for each window. */
#ifndef BL_GROOVES_H
#define BL_GROOVES_H

#include "io/row_store.h"
#include "token/hvo.h"

#define BL_GROOVE "groove"

enum {
    BL_GROOVE_BARS_MAX = 1 << 16 /* of a piece, all its windows together: 113 MB */
};

/* What windows of so many bars are: "groove hvo [32, 27]". */
bl_rows_kind bl_groove_kind(int bars);
/* The bars of a window of such a stream; BL_E_FORMAT where it is of something else, or
 * its windows are no whole bars. */
int bl_groove_bars(const bl_rows_kind *kind, int *bars, bl_err *e) BL_MUST_CHECK;
/* Holds the numbers of a record against what they may be: bl_hvo_check. */
int bl_groove_check(const bl_rows_piece *p, int bars, bl_err *e) BL_MUST_CHECK;
/* As bl_row_store_read, each record checked so; bars = 0: rows of any kind, unchecked.
 */
int bl_groove_read(bl_row_store *s, bl_rowsr *r, int bars, bl_err *e) BL_MUST_CHECK;

/* Songs to packed pieces. Zero-initialise but for the frame; release with
 * bl_grooves_free. */
typedef struct {
    bl_hvo_frame frame;
    bl_hvo hvo; /* of the last song: counts */
    bl_rowsp *packer;
    bl_buf x, bar, tempo; /* of its windows */
} bl_grooves;

int bl_grooves_begin(bl_grooves *g, int level, bl_err *e) BL_MUST_CHECK;
/* The windows of g->hvo, as the piece of index i: appends to *out; *n of them.
 * BL_E_LIMIT where they are too many, or name or labels too long. */
int bl_grooves_pack(bl_grooves *g, bl_buf *out, uint64_t i, const bl_rows_info *info,
                    size_t *n, bl_err *e) BL_MUST_CHECK;
void bl_grooves_free(bl_grooves *g);

#endif
