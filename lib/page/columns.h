/* columns.h (internal) - tables of text with a line of names: columns are found by
 * name, so that tables may grow. */
#ifndef BL_COLUMNS_H
#define BL_COLUMNS_H

/* The place, from 0, of `name` in a line of names with tabs between; -1 where it
 * lacks. */
int bl_column_find(const char *head, const char *name);
/* The number in that column of a row; NaN where the column is -1, the row is shorter,
 * or it is no number. */
double bl_column_number(const char *row, int column);
/* The first line of a text that does not begin with '#'. */
const char *bl_line_first(const char *text);
/* What follows a line, NULL after the last. */
const char *bl_line_next(const char *line);

#endif
