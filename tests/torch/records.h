/* records.h - safetensors records on standard output, for the PyTorch side to read. */
#ifndef TORCH_RECORDS_H
#define TORCH_RECORDS_H

#include "io/tensors.h"
#include "train/train_config.h"

/* The record being made. After the first failure, which *e keeps, nothing is done. */
typedef struct {
    bl_tensor *t;
    size_t n, cap;
    bl_zw *out;
    bl_err *e;
} records;

/* For records of up to `cap` tensors. Release with records_close. */
void records_open(records *r, size_t cap, bl_err *e);
/* A tensor; the data are borrowed until the end of the record. */
void records_add(records *r, const char *name, bl_dtype dtype, int ndim,
                 const int64_t *shape, const void *data);
void records_add_number(records *r, const char *name, const double *x);
/* A block as large as the model, tensor by tensor as KIND.NAME. */
void records_add_params(records *r, const char *kind, const bl_model *m,
                        const bl_real *block);
/* Writes the record, with the config as metadata unless it is NULL. */
void records_end(records *r, const bl_train_config *config);
/* Ends the stream. 0, or the code of the first failure. */
int records_close(records *r);

#endif
