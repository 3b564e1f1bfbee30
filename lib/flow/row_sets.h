/* row_sets.h - streams of tensors as a set: all pieces in memory, each with its group.
 */
#ifndef BL_ROW_SETS_H
#define BL_ROW_SETS_H

#include "feature/labels.h"
#include "io/row_store.h"

enum { BL_ROW_GROUP_MAX = 64 }; /* bytes of a group's name, shortened where longer */

/* Reads n streams ("-" or n == 0: standard input) of one kind; of grooves the numbers
 * are checked. `wants_grooves`: BL_E_FORMAT for another kind. BL_E_MISMATCH for tokens
 * and for streams that differ, BL_E_FORMAT where there is no row; what reading gives.
 */
int bl_row_set_read(bl_row_store *s, const char *const *paths, size_t n,
                    int wants_grooves, bl_err *e) BL_MUST_CHECK;
/* The labels of a file of groups; path NULL: none. */
int bl_row_labels_read(bl_labels *l, const char *path, bl_err *e) BL_MUST_CHECK;
/* What a piece is grouped by: its line in the labels, where there are any; else the
 * word of its own labels that begins with Genre_, else the first of them, without its
 * column.
 * "" where it has none. */
void bl_row_group(const char *name, const char *words, const bl_labels *labels,
                  char group[BL_ROW_GROUP_MAX]);

#endif
