/* rows.h - the tensor stream, schema tensors/1: pieces whose music is rows of numbers,
 * as safetensors records in zstd; layout in schemas/tensors.md. */
#ifndef BL_ROWS_H
#define BL_ROWS_H

#include "base/timed.h"
#include "io/prov.h"
#include "io/tensors.h"

#define BL_ROWS_SCHEMA "tensors/1"

enum {
    BL_ROWS_NAME_MAX = 31,
    BL_ROWS_DIMS = 3,          /* of a row, at most */
    BL_ROWS_NUMBERS = 1 << 22, /* of a row, at most */
    BL_ROWS_RECORD = 64 << 20, /* bytes of a record, at most */
    BL_ROWS_LABELS = 4096,     /* bytes of the labels of a piece, at most */
};

/* What the stream says of its rows. */
typedef struct {
    char scheme[BL_ROWS_NAME_MAX + 1]; /* what they are rows of: "groove" */
    char name[BL_ROWS_NAME_MAX + 1];   /* of the tensor: "hvo", "z" */
    int ndim;                          /* of a row: 1..BL_ROWS_DIMS */
    int64_t shape[BL_ROWS_DIMS];       /* each at least 1 */
    bl_origin origin;                  /* of a live stream; tempo 0: it is none */
    int is_loop; /* each row is heard again and again until the next one */
} bl_rows_kind;

size_t bl_rows_numbers(const bl_rows_kind *k); /* of a row */
int bl_rows_same_kind(const bl_rows_kind *a, const bl_rows_kind *b);
/* "groove hvo [32, 27]", for messages. Returns text. */
const char *bl_rows_kind_text(const bl_rows_kind *k, char *text, size_t size);

/* What the stream says of a piece. */
typedef struct {
    const char *name;   /* as given, any bytes but NUL; percent-encoded in the stream */
    const char *sha256; /* of the source bytes, "" if there is none */
    int tpq;            /* of the source, 0 if there is none */
    const char *labels; /* words, each ended by a line feed; NULL or "": none */
    const bl_json *fixes; /* an object of counts, or NULL */
} bl_rows_info;

/* Rows one after another, with where and how fast each begins. */
typedef struct {
    size_t n;
    const float *x;     /* [n] rows */
    const int32_t *bar; /* [n] from 0, rising within a piece */
    const float *tempo; /* [n] beats a minute */
} bl_rows;

/* ---- writing ---- */
typedef struct bl_rowsw bl_rowsw;

/* Writes the header. `level` as bl_zw_new; pg may be NULL (--no-pg). */
int bl_rowsw_new(bl_rowsw **w, int fd, int level, const bl_rows_kind *kind,
                 const bl_json *pg, bl_err *e) BL_MUST_CHECK;
/* Writes a piece, and flushes: records of some rows each, one of none where there are
 * no rows. */
int bl_rowsw_piece(bl_rowsw *w, const bl_rows_info *info, const bl_rows *rows,
                   bl_err *e) BL_MUST_CHECK;
/* More rows of the last piece, of the same info. */
int bl_rowsw_more(bl_rowsw *w, const bl_rows_info *info, const bl_rows *rows,
                  bl_err *e) BL_MUST_CHECK;
/* Writes the last record. rejects: inputs that gave no piece. */
int bl_rowsw_finish(bl_rowsw *w, uint64_t rejects, bl_err *e) BL_MUST_CHECK;
void bl_rowsw_del(bl_rowsw *w);

/* Workers prepare pieces in parallel: what a packer makes of a piece, a writer of the
 * same kind and level takes as it is. */
typedef struct bl_rowsp bl_rowsp;

int bl_rowsp_new(bl_rowsp **p, int level, const bl_rows_kind *kind,
                 bl_err *e) BL_MUST_CHECK;
/* Appends the piece with index i to *out. */
int bl_rowsp_piece(bl_rowsp *p, bl_buf *out, uint64_t i, const bl_rows_info *info,
                   const bl_rows *rows, bl_err *e) BL_MUST_CHECK;
void bl_rowsp_del(bl_rowsp *p);
/* Writes a packed piece of n rows; its index must be above those before it. */
int bl_rowsw_packed(bl_rowsw *w, const void *bytes, size_t len, size_t n,
                    bl_err *e) BL_MUST_CHECK;

/* ---- reading ---- */
typedef struct bl_rowsr bl_rowsr;

/* A record: some rows of a piece. Zero-initialise; memory is reused; release with
 * bl_rows_piece_free. */
typedef struct {
    char *name; /* decoded */
    bl_sha256 sha256;
    int tpq;
    char labels[BL_ROWS_LABELS + 1]; /* words, each ended by a line feed */
    uint64_t index;                  /* as the stream numbers pieces */
    int begins;                      /* the first record of its piece */
    bl_rows rows;
    bl_buf x, bar, tempo; /* their memory */
} bl_rows_piece;

/* Reads the header; `name` is for messages. The reader owns zr, which fails with it. */
int bl_rowsr_new(bl_rowsr **r, bl_zr *zr, const char *name, bl_err *e) BL_MUST_CHECK;
const bl_rows_kind *bl_rowsr_kind(const bl_rowsr *r);
const bl_json *bl_rowsr_pg(const bl_rowsr *r); /* NULL if the stream has none */
/* The next record: 1, or 0 after the last trailer at the end of the input. Checks
 * counts, hashes, that all numbers are finite, that bars rise and tempos are above 0,
 * and that concatenated segments are of one kind (else BL_E_MISMATCH). Anything cut is
 * BL_E_TRUNC. */
int bl_rowsr_next(bl_rowsr *r, bl_rows_piece *piece, bl_err *e) BL_MUST_CHECK;
/* 1 where that would not wait for the input to go on, or not longer than `ns`
 * nanoseconds, which it has waited then; 0, or what reading gives. */
int bl_rowsr_is_ready(bl_rowsr *r, int64_t ns, bl_err *e) BL_MUST_CHECK;
uint64_t bl_rowsr_rejects(const bl_rowsr *r); /* summed over the trailers so far */
void bl_rowsr_del(bl_rowsr *r);
void bl_rows_piece_free(bl_rows_piece *p);

#endif
