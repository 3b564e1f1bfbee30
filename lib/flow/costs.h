/* costs.h - what a run took, in a table of its own, as it is not the same twice: a row
 * a checkpoint, so that what is lost and done again is counted once. */
#ifndef BL_COSTS_H
#define BL_COSTS_H

#include "base/err.h"

typedef struct {
    int64_t step;   /* of the checkpoint */
    int64_t tokens; /* since the row before, in this process */
    double seconds; /* likewise */
    int64_t peak_bytes;
} bl_costs_row;

/* Whether `path` names a table of costs, or nothing yet. BL_E_CREATE. */
int bl_costs_check(const char *path, bl_err *e) BL_MUST_CHECK;
/* Appends a row, and the head to a new file, in one write. BL_E_CREATE, BL_E_IO. */
int bl_costs_append(const char *path, const bl_costs_row *row, bl_err *e) BL_MUST_CHECK;

#endif
