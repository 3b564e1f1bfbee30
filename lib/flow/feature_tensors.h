/* feature_tensors.h - the numbers of pieces as a stream of tensors, records of up to
 * 256 pieces (schemas/feat-tensors.md). */
#ifndef BL_FEATURE_TENSORS_H
#define BL_FEATURE_TENSORS_H

#include "feature/table.h"
#include "io/json.h"
#include "io/zio.h"

/* Set layout, out, level and with_groups of a zeroed one; release with
 * bl_feature_tensors_free. */
typedef struct {
    const bl_layout *layout; /* borrowed */
    bl_buf *out;             /* borrowed: records are appended */
    int level;               /* of compression, 0 = bare */
    int with_groups;

    /* the pieces that wait for the next record */
    bl_table table;
    bl_series series[BL_SERIES_MAX]; /* of all of them, one after another */
    bl_series ends[BL_SERIES_MAX];   /* where those of each end */
    size_t n_numbers;                /* in the series */
    bl_zw *writer;
} bl_feature_tensors;

/* Adds a piece under a name of printable ASCII; group may be NULL. 0 or BL_E_NOMEM. */
int bl_feature_tensors_add(bl_feature_tensors *b, const char *name, const char *group,
                           const bl_row *row, bl_err *e) BL_MUST_CHECK;
/* The last record; pg: the programs that made the data, or NULL. */
int bl_feature_tensors_end(bl_feature_tensors *b, const bl_json *pg,
                           bl_err *e) BL_MUST_CHECK;
void bl_feature_tensors_free(bl_feature_tensors *b);

#endif
