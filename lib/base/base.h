/* base.h - attributes and small helpers that every other file may use. */
#ifndef BL_BASE_H
#define BL_BASE_H

#include <stddef.h>
#include <stdint.h>

#define BL_VERSION "0.1.0"

#define BL_MUST_CHECK __attribute__((warn_unused_result))
#define BL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BL_UNUSED __attribute__((unused))

#define BL_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Sets *product = a * b. Returns 0, or -1 if it does not fit (then *product is
 * not to be used). */
static inline BL_MUST_CHECK int bl_mul(size_t a, size_t b, size_t *product)
{
    return __builtin_mul_overflow(a, b, product) ? -1 : 0;
}

static inline int64_t bl_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t bl_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t bl_clamp(int64_t x, int64_t low, int64_t high)
{
    return bl_max(low, bl_min(x, high));
}

#endif
