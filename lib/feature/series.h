/* series.h - growable numbers. */
#ifndef BL_SERIES_H
#define BL_SERIES_H

#include "base/mem.h"

/* Zero-initialise; free(x) releases it. */
typedef struct {
    double *x;
    size_t n, cap;
} bl_series;

int bl_series_add(bl_series *s, double x, bl_err *e) BL_MUST_CHECK;

#endif
