/* sort.c - see sort.h. A radix sort from the last digit up; digits that are the same in
 * all keys cost nothing. */
#include "base/sort.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 8, VALUES = 1 << DIGIT_BITS, DIGITS = 64 / DIGIT_BITS };

static unsigned digit(uint64_t key, int d)
{
    return (unsigned)(key >> d * DIGIT_BITS) & (VALUES - 1);
}

static int is_sorted(const bl_keyed *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (x[i].key < x[i - 1].key)
            return 0;
    return 1;
}

static void count_digits(size_t count[DIGITS][VALUES], const bl_keyed *x, size_t n)
{
    memset(count, 0, DIGITS * sizeof *count);
    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < DIGITS; d++)
            count[d][digit(x[i].key, d)]++;
}

/* By digit d; its counts become places. */
static void distribute(bl_keyed *to, const bl_keyed *from, size_t n, int d,
                       size_t count[VALUES])
{
    size_t place = 0;
    for (int v = 0; v < VALUES; v++) {
        size_t here = count[v];
        count[v] = place;
        place += here;
    }
    for (size_t i = 0; i < n; i++)
        to[count[digit(from[i].key, d)]++] = from[i];
}

int bl_sort_keyed(bl_keyed *x, size_t n, bl_err *e)
{
    size_t count[DIGITS][VALUES];
    if (is_sorted(x, n))
        return 0;
    bl_keyed *spare = bl_calloc(n, sizeof *spare, e);
    if (spare == NULL)
        return BL_E_NOMEM;
    bl_keyed *from = x, *to = spare;
    count_digits(count, x, n);
    for (int d = 0; d < DIGITS; d++) {
        if (count[d][digit(x[0].key, d)] == n)
            continue;
        distribute(to, from, n, d, count[d]);
        bl_keyed *swap = from;
        from = to;
        to = swap;
    }
    if (from != x)
        memcpy(x, from, n * sizeof *x);
    free(spare);
    return 0;
}

/* Bits of doubles that are not negative rise with them. */
uint64_t bl_key_of_double(double x)
{
    uint64_t key;
    memcpy(&key, &x, sizeof key);
    return key;
}

double bl_double_of_key(uint64_t key)
{
    double x;
    memcpy(&x, &key, sizeof x);
    return x;
}

/* ---- orders ---- */

int bl_by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int bl_by_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int bl_by_uint64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int bl_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
