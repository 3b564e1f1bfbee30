/* table.h - the features of a set of pieces, and the texts that are made of them. */
#ifndef BL_TABLE_H
#define BL_TABLE_H

#include "base/mem.h"
#include "stat/feat.h"

/* Zero-initialise; release with bl_table_free. */
typedef struct {
    bl_buf names;  /* each ended by NUL */
    double *value; /* (n, bl_feat_count()) */
    size_t n, cap; /* pieces; numbers there is room for */
} bl_table;

/* Computes the features of a piece and appends them under a name of printable ASCII
 * (bl_name_encode). After an error, one of bl_feat_compute's, the table is as before.
 */
int bl_table_add(bl_table *t, bl_view *v, const bl_view_input *in, const char *name,
                 bl_err *e) BL_MUST_CHECK;
void bl_table_free(bl_table *t);

/* Each appends a text: */

/* A row of column names, then a row a piece: name TAB %.9g TAB ..., "nan" where a
 * feature is undefined. */
int bl_table_tsv(const bl_table *t, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* A JSON object a line: {"name":"...","n_notes":12,...}, null where undefined. */
int bl_table_json(const bl_table *t, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* For people: a row a feature; how many pieces define it, mean, deviation, extremes. */
int bl_table_summary(const bl_table *t, bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* For people: a row a feature; the pieces of t beside those of the reference. */
int bl_table_comparison(const bl_table *t, const bl_table *reference, bl_buf *text,
                        bl_err *e) BL_MUST_CHECK;
/* name TAB unit TAB definition of each feature, below a row of column names. */
int bl_table_list(bl_buf *text, bl_err *e) BL_MUST_CHECK;

#endif
