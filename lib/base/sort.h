/* sort.h - elements by a number of 64 bits, in linear time; orders for qsort. */
#ifndef BL_SORT_H
#define BL_SORT_H

#include "base/err.h"

typedef struct {
    uint64_t key;
    uint32_t item; /* of the caller's use */
} bl_keyed;

/* In order of keys; elements of equal keys stay as they came. 0 or BL_E_NOMEM. */
int bl_sort_keyed(bl_keyed *x, size_t n, bl_err *e) BL_MUST_CHECK;

/* Keys in the order of numbers that are 0 or more, and back. */
uint64_t bl_key_of_double(double x);
double bl_double_of_key(uint64_t key);

/* For qsort and bsearch, ascending: of double (no NaN), int64_t, uint64_t, and of
 * const char *, byte by byte. What begins with one of them is ordered by it. */
int bl_by_double(const void *a, const void *b);
int bl_by_int64(const void *a, const void *b);
int bl_by_uint64(const void *a, const void *b);
int bl_by_text(const void *a, const void *b);

#endif
