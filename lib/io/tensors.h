/* tensors.h - safetensors: one record = u64 header length, JSON header, data.
 * A file is one record; a stream is records back to back in zstd. */
#ifndef BL_TENSORS_H
#define BL_TENSORS_H

#include "base/hash.h"
#include "io/json.h"
#include "io/zio.h"

typedef enum {
    BL_F32,
    BL_F64,
    BL_I64,
    BL_I32,
    BL_U16,
    BL_U32,
    BL_U8,
    BL_HALF, /* the rest stands in files of others only */
    BL_BFLOAT,
    BL_BOOL,
    BL_N_DTYPES
} bl_dtype;

size_t bl_dtype_size(bl_dtype t);
const char *bl_dtype_name(bl_dtype t); /* "F32", ... */

enum { BL_TENSOR_DIMS = 8, BL_TENSOR_NAME = 256 };

typedef struct {
    char name[BL_TENSOR_NAME];
    bl_dtype dtype;
    int ndim;
    int64_t shape[BL_TENSOR_DIMS];
    uint64_t bytes; /* product of the shape times the element size */
    void *data;     /* writing: the caller's; reading: set by the reader's owner */
} bl_tensor;

/* Fills shape and bytes; BL_E_LIMIT where the product does not fit. */
int bl_tensor_make(bl_tensor *t, const char *name, bl_dtype dtype, int ndim,
                   const int64_t *shape, void *data, bl_err *e) BL_MUST_CHECK;

/* Writes one record through w: tensors sorted as upstream does (alignment of the
 * dtype descending, then name), header padded with blanks so that the data begin
 * at a multiple of 4096, all bytes covered. `meta` is an object of strings. */
int bl_tensors_write(bl_zw *w, const bl_tensor *t, size_t n, const bl_json *meta,
                     bl_err *e) BL_MUST_CHECK;

/* The same, where `put` writes the bytes of each tensor, t->bytes of them, when its
 * turn has come: data need not lie in memory. */
typedef int bl_tensor_put_fn(void *arg, const bl_tensor *t, bl_zw *w, bl_err *e);
int bl_tensors_write_by(bl_zw *w, const bl_tensor *t, size_t n, const bl_json *meta,
                        bl_tensor_put_fn *put, void *arg, bl_err *e) BL_MUST_CHECK;

/* The header of a record: checked (ranges contiguous from 0, products equal,
 * names unique, closed list of dtypes, metadata strings only, <= 16 MiB). */
typedef struct {
    bl_tensor *t; /* in data order, data = NULL */
    size_t n;
    bl_json *meta;  /* owned; an empty object if there is none */
    uint64_t bytes; /* of all data */
} bl_tensors_head;

/* 1 if the first n <= 8 bytes of content may begin a record: the length of a header. */
int bl_tensors_begin(const uint8_t *p, size_t n);
/* Reads the header of the next record: 1, 0 at a clean end. */
int bl_tensors_read_head(bl_zr *r, bl_tensors_head *h, bl_err *e) BL_MUST_CHECK;
/* After it, the bytes of each tensor, in data order: appended to *to unless that is
 * NULL, and to *hash unless that is. Memory follows what really comes, whatever the
 * header promised. 0; BL_E_TRUNC where the input ends before them, and what reading
 * gives. */
int bl_tensor_read(bl_zr *r, const bl_tensor *t, bl_buf *to, bl_xxh3_state *hash,
                   bl_err *e) BL_MUST_CHECK;
const bl_tensor *bl_tensors_find(const bl_tensors_head *h, const char *name);
void bl_tensors_head_free(bl_tensors_head *h);

#endif
