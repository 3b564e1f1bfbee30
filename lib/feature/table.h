/* table.h - the numbers of a set of pieces, and the texts that are made of them. */
#ifndef BL_TABLE_H
#define BL_TABLE_H

#include "base/mem.h"
#include "feature/field.h"

/* Zero-initialise; release with bl_table_free. */
typedef struct {
    const bl_layout *layout; /* borrowed */
    bl_buf names;            /* each ended by NUL */
    bl_buf groups;           /* likewise; "" where the piece has no label */
    double *value;           /* (n, layout->n_columns) */
    size_t n, cap;           /* pieces; numbers there is room for */
} bl_table;

/* Appends a piece under a name of printable ASCII (bl_name_encode); group may be NULL.
 * 0 or BL_E_NOMEM. */
int bl_table_add(bl_table *t, const char *name, const char *group, const bl_row *row,
                 bl_err *e) BL_MUST_CHECK;
void bl_table_free(bl_table *t);

/* How a piece is printed, or all. */
typedef struct {
    const bl_layout *layout;
    int with_vectors; /* in tables: a column for each number of vectors and matrices */
    int with_groups;  /* a column, a member */
} bl_print;

/* Each appends a text: */

/* The names of the columns, separated by `between`; "name", "group" too if asked for.
 */
int bl_print_columns(const bl_print *p, const char *before, const char *after,
                     const char *between, int with_names, bl_buf *text,
                     bl_err *e) BL_MUST_CHECK;
/* name TAB %.9g TAB ... LF, "nan" where a feature is undefined. */
int bl_print_row(const bl_print *p, const char *name, const char *group,
                 const bl_row *row, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* {"name":"...","n_notes":12,...} LF; vectors, matrices and series are arrays; null
 * where undefined. */
int bl_print_json(const bl_print *p, const char *name, const char *group,
                  const bl_row *row, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* A line a number: name TAB feature TAB index TAB value; everything, series too, but no
 * zeros of matrices and series. */
int bl_print_long(const bl_print *p, const char *name, const char *group,
                  const bl_row *row, bl_buf *text, bl_err *e) BL_MUST_CHECK;

/* For people: a row a feature; how many pieces define it, mean, deviation, extremes. */
int bl_table_summary(const bl_table *t, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* For people: a row a feature; the pieces of t beside those of the reference. */
int bl_table_comparison(const bl_table *t, const bl_table *reference, bl_buf *text,
                        bl_err *e) BL_MUST_CHECK;
/* name TAB unit TAB definition of each field, below a row of column names. */
int bl_layout_list(const bl_layout *l, bl_buf *text, bl_err *e) BL_MUST_CHECK;

#endif
