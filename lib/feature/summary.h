/* summary.h - a column of numbers in a few numbers. */
#ifndef BL_SUMMARY_H
#define BL_SUMMARY_H

#include "base/mem.h"

typedef struct {
    size_t n; /* values that are not NaN; the rest is of these, NaN where undefined */
    double mean;
    double sd; /* sample standard deviation, n >= 2 */
    double min, median, max;
} bl_summary;

/* value[0], value[stride], ...: n of them. 0 or BL_E_NOMEM. */
int bl_summary_of(bl_summary *s, const double *value, size_t n, size_t stride,
                  bl_err *e) BL_MUST_CHECK;

#endif
