/* field.h - the columns of a piece: single features (feat.h), vectors and matrices, and
 * what the published programs compute under their names (compat). A field is a number,
 * a vector, a matrix, or a series of as many rows as the piece has bars. */
#ifndef BL_FIELD_H
#define BL_FIELD_H

#include "feature/feat.h"
#include "feature/series.h"

typedef struct {
    const char *name, *unit, *doc; /* as of bl_feat */
    int rows, cols;                /* 1 x 1 a number; 0 x n a series of rows of n */
} bl_field;

/* Which fields; bits. Single features are always there. */
enum {
    BL_WITH_VECTORS = 1,
    BL_WITH_COMPAT = 2,
    BL_WITH_SI = 4,
    BL_WITH_MELODY = 8,
    BL_WITH_GROOVE = 16,
    BL_WITH_REPEATS = 32,
};

enum { BL_FIELDS_MAX = 256, BL_SERIES_MAX = 48 };

/* The fields in order, and where the numbers of each are. */
typedef struct {
    int with;
    size_t n;
    bl_field field[BL_FIELDS_MAX];
    size_t at[BL_FIELDS_MAX]; /* first column; of a series, its index */
    size_t n_columns;         /* of all fields but series */
    size_t n_series;
} bl_layout;

void bl_layout_make(bl_layout *l, int with);
/* The index of a field, or -1. */
int bl_layout_find(const bl_layout *l, const char *name);
/* 1 for a number that lies from 0 to 1 whatever the piece. */
int bl_field_is_share(const bl_field *f);
static inline size_t bl_field_size(const bl_field *f)
{
    return (size_t)f->rows * (size_t)f->cols;
}

/* The numbers of a piece. Zero-initialise; release with bl_row_free. */
typedef struct {
    double *value; /* [n_columns], NaN where undefined */
    size_t cap;
    bl_series series[BL_SERIES_MAX]; /* empty where undefined */
} bl_row;

/* Computes all fields. *v as in bl_view_make, whose errors it returns. */
int bl_row_compute(bl_row *row, const bl_layout *l, bl_view *v, const bl_view_input *in,
                   bl_err *e) BL_MUST_CHECK;
void bl_row_free(bl_row *row);

#endif
