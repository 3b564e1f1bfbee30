/* split_table.h - a table that says which piece is in which split, as data sets have it
 * that are published with one. */
#ifndef BL_SPLIT_TABLE_H
#define BL_SPLIT_TABLE_H

#include "token/label_table.h"

/* Zero-initialise; release with bl_split_table_free. */
typedef struct {
    char *path; /* of the table */
    bl_label_table *table;
} bl_split_table;

/* Reads "TABLE:COLUMN": a table as of labels (token/label_table.h), and of it the
 * column of splits: train; valid, validation or dev; test. BL_E_ARG where the text is
 * not such a name, or the table has no such column; BL_E_FORMAT with the line of
 * another word; BL_E_OPEN. */
int bl_split_table_read(bl_split_table *t, const char *text, bl_err *e) BL_MUST_CHECK;
/* The split of a piece: 0 train, 1 valid, 2 test. BL_E_MISMATCH, naming both, where the
 * table does not have it. */
int bl_split_table_of(const bl_split_table *t, const char *piece, int *split,
                      bl_err *e) BL_MUST_CHECK;
void bl_split_table_free(bl_split_table *t);

#endif
