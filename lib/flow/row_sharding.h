/* row_sharding.h - streams of grooves as what a folder of shards is made of, in the
 * place of flow/source.h. */
#ifndef BL_ROW_SHARDING_H
#define BL_ROW_SHARDING_H

#include "flow/prints.h"
#include "io/vocabulary.h"
#include "io/input.h"
#include "io/row_store.h"

/* Zero-initialise; release with bl_row_source_free. */
typedef struct {
    bl_row_store store;
    bl_prov *pg;      /* of all streams */
    const char *file; /* that was read last, for messages */
    size_t n_empty;   /* pieces without a row, which are left out */
} bl_row_source;

/* Reads n streams of grooves, the first of which is open, all of one kind; their
 * numbers are kept beside `path` (bl_row_store_spill). BL_E_FORMAT
 * where a number is out of range or no piece has a row, BL_E_MISMATCH where kinds
 * differ; else as bl_rowsr_next. */
int bl_row_source_read(bl_row_source *s, const char *const *paths, size_t n,
                       bl_input *first, const char *path, bl_err *e) BL_MUST_CHECK;
void bl_row_source_free(bl_row_source *s);

/* What stands for a vocabulary: the names of the numbers of a step, behind the four
 * tokens that each vocabulary begins with. Release with bl_vocab_free. */
int bl_row_vocab(bl_vocab *v, bl_err *e) BL_MUST_CHECK;

/* A fingerprint of the next piece, of the store's i-th, whose rows these are: of its
 * drums as music. */
int bl_row_print_add(bl_prints *p, const bl_row_store *s, size_t i, const bl_rows *rows,
                     bl_err *e) BL_MUST_CHECK;

#endif
