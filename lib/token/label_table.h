/* label_table.h - labels of files (genre, composer, any column of a table) as the words
 * that pieces begin with. Pure: a text in memory. */
#ifndef BL_LABEL_TABLE_H
#define BL_LABEL_TABLE_H

#include "base/mem.h"
#include "base/spec.h"

typedef struct bl_label_table bl_label_table;

/* Reads a table of tab-separated columns whose first line names them; the first holds
 * the files' names. `columns` are the names of those to take, separated by commas; NULL
 * = all but the first. A word is the column's name with a capital, '_' and the value:
 * "genre", "Hip hop" -> Genre_Hip-hop. A run of what words cannot hold becomes one '-',
 * in the name of a column '_' as well. Empty values are no labels, words are cut at 64
 * characters. 0; BL_E_FORMAT with the line; BL_E_ARG for a column that is not there;
 * BL_E_LIMIT where all words fill more than BL_LABELS_MAX; BL_E_NOMEM. Release with
 * bl_label_table_del. */
int bl_label_table_read(bl_label_table **table, const char *text, size_t len,
                        const char *columns, bl_err *e) BL_MUST_CHECK;
void bl_label_table_del(bl_label_table *t);

/* All words as a bl_spec has them: in byte order, each ended by a line feed. */
const char *bl_label_table_words(const bl_label_table *t);

/* The words of the i-th row (by file) and its line in the text; NULL past the last. */
const char *bl_label_table_row(const bl_label_table *t, size_t i, size_t *line);

/* The words of a file in that order, each ended by a line feed; NULL if the table does
 * not name it. A name of the table is a path's whole or its end from a '/' on; of
 * several the longest fits, of several lines of a name the first. */
const char *bl_label_table_of(const bl_label_table *t, const char *path);

#endif
