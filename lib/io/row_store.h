/* row_store.h - pieces of a stream of tensors (rows.h): what a folder of shards is made
 * of, their numbers in a file meanwhile, and what a split of one is, all in memory. */
#ifndef BL_ROW_STORE_H
#define BL_ROW_STORE_H

#include "io/rows.h"
#include "io/spill.h"

/* Rows start .. start + n - 1 of the store. */
typedef struct {
    char *name;
    char *labels; /* words, each ended by a line feed */
    bl_sha256 sha256;
    int tpq;
    size_t start, n;
} bl_row_piece;

/* Zero-initialise; release with bl_row_store_free. */
typedef struct {
    bl_rows_kind kind; /* of the first stream read */
    bl_row_piece *pieces;
    size_t n_pieces, cap;
    size_t n_rows;
    bl_buf x, bar, tempo; /* [n_rows] as in bl_rows */
    bl_spill *spilled;    /* x instead, or NULL */
} bl_row_store;

/* Where the numbers of a store without rows are to be kept: not in memory, but as
 * bl_spill_new says of `path`. Then bl_row_store_fetch alone, and what goes by it, gets
 * at them. BL_E_NOMEM. */
int bl_row_store_spill(bl_row_store *s, const char *path, bl_err *e) BL_MUST_CHECK;
/* The rows of a piece wherever they are: *rows points into *room or the store, until
 * either is changed. BL_E_NOMEM, BL_E_IO. */
int bl_row_store_fetch(const bl_row_store *s, size_t piece, bl_buf *room, bl_rows *rows,
                       bl_err *e) BL_MUST_CHECK;

/* ---- of a store in memory ---- */
const float *bl_row_store_x(const bl_row_store *s, size_t row);
/* The rows of a piece. */
bl_rows bl_row_store_rows(const bl_row_store *s, size_t piece);
/* ---- of both ---- */

/* Adds a record: to the piece before it, unless it begins one. BL_E_NOMEM; errors of
 * bl_spill_add. */
int bl_row_store_add(bl_row_store *s, const bl_rows_piece *p, bl_err *e) BL_MUST_CHECK;
/* All that is left of a stream, whose kind becomes the store's. As bl_rowsr_next. */
int bl_row_store_read(bl_row_store *s, bl_rowsr *r, bl_err *e) BL_MUST_CHECK;
/* Leaves out pieces that have no rows; how many. */
size_t bl_row_store_drop_empty(bl_row_store *s);
/* Adds a piece of another store of the same kind. */
int bl_row_store_copy(bl_row_store *s, const bl_row_store *from, size_t piece,
                      bl_err *e) BL_MUST_CHECK;
/* Writes that piece, of it the rows that begin before bar `bars`, 0 = all. */
int bl_row_store_write(const bl_row_store *s, size_t piece, int64_t bars, bl_rowsw *w,
                       bl_err *e) BL_MUST_CHECK;
void bl_row_store_free(bl_row_store *s);

#endif
