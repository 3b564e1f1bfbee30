/* vec.h - loops over rows of numbers that compilers vectorise without -ffast-math: sums
 * go into LANES partial sums in a fixed order, exp is a polynomial. For .c files of
 * lib/nn and lib/model only. */
#ifndef BL_VEC_H
#define BL_VEC_H

#include "base/cpu.h"
#include "nn/kernel/real.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* One binary runs everywhere: the loader picks the clone for the processor. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) &&                 \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&                 \
    !defined(BL_DOUBLE) && BL_CPU >= 1
#if BL_CPU >= 2
#define BL_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BL_CLONES __attribute__((target_clones("avx2", "default")))
#endif
#else
#define BL_CLONES
#endif

#define BL_INLINE static inline __attribute__((always_inline, unused))

enum { BL_LANES = 16 };

/* A vector that compilers keep in as few registers as the processor needs for it. */
typedef bl_real bl_vec
    __attribute__((vector_size(BL_LANES * sizeof(bl_real)), aligned(64), may_alias));

/* e^x, x <= 88; below -87.7 it is 0. Relative error below 2e-7 (Cody and Waite's
 * reduction, a polynomial of degree 6 on [-ln2/2, ln2/2]). */
BL_INLINE bl_real bl_exp(bl_real x)
{
#ifdef BL_DOUBLE
    return exp(x);
#else
    float c = x < -88.0f ? -88.0f : x; /* there the power of two below is 0 */
    union {
        float f;
        uint32_t u;
    } whole = {c * 1.44269504f + 12582912.0f},
      scale; /* 1.5 * 2^23: its last bits count
                whole numbers, none for a NaN */
    float n = whole.f - 12582912.0f;
    float r = c - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    scale.u = (whole.u - 0x4b400000u + 127) << 23; /* a NaN stays one in p */
    return p * scale.f;
#endif
}

BL_INLINE bl_real bl_sigmoid(bl_real x)
{
    bl_real c = x < -80 ? -80 : x;
    return 1 / (1 + bl_exp(-(c > 80 ? 80 : c)));
}

BL_INLINE bl_real bl_tanh(bl_real z)
{
#ifdef BL_DOUBLE
    return tanh(z);
#else
    bl_real c = z > 15 ? 15 : z < -15 ? -15 : z;
    return 1 - 2 / (bl_exp(2 * c) + 1);
#endif
}

/* Asks for the cache line of an address before it is needed, where the processor does
 * not foresee it: rows apart, of which a part is read. Any address will do. */
BL_INLINE void bl_prefetch(const bl_real *x)
{
    __builtin_prefetch(x);
}

/* Halves and quarters of a vector. */
typedef bl_real bl_vec8
    __attribute__((vector_size(8 * sizeof(bl_real)), aligned(32), may_alias));
typedef bl_real bl_vec4
    __attribute__((vector_size(4 * sizeof(bl_real)), aligned(16), may_alias));

/* The sum of the lanes: halves, quarters, eighths, so that no chain is long. */
BL_INLINE bl_real bl_fold(const bl_vec *lane)
{
    bl_vec8 eight, high8;
    bl_vec4 four, high4;
    memcpy(&eight, lane, sizeof eight);
    memcpy(&high8, (const char *)lane + sizeof eight, sizeof high8);
    eight += high8;
    memcpy(&four, &eight, sizeof four);
    memcpy(&high4, (const char *)&eight + sizeof four, sizeof high4);
    four += high4;
    return (four[0] + four[2]) + (four[1] + four[3]);
}

BL_INLINE bl_real bl_larger(bl_real a, bl_real b)
{
    return a > b ? a : b;
}

/* Lanes of x from i on, those before n; zeros behind them. */
BL_INLINE void bl_load(bl_vec *to, const bl_real *x, int i, int n)
{
    if (i + BL_LANES <= n) {
        memcpy(to, x + i, sizeof *to);
        return;
    }
    *to = (bl_vec){0};
    for (int l = 0; i + l < n; l++)
        (*to)[l] = x[i + l];
}

/* x[i ..] = those lanes that are before n. */
BL_INLINE void bl_keep(bl_real *x, const bl_vec *from, int i, int n)
{
    if (i + BL_LANES <= n)
        memcpy(x + i, from, sizeof *from);
    else
        for (int l = 0; i + l < n; l++)
            x[i + l] = (*from)[l];
}

BL_INLINE bl_real bl_sum(const bl_real *x, int n)
{
    bl_vec lane = {0}, next;
    for (int i = 0; i < n; i += BL_LANES) {
        bl_load(&next, x, i, n);
        lane += next;
    }
    return bl_fold(&lane);
}

BL_INLINE bl_real bl_dot(const bl_real *x, const bl_real *y, int n)
{
    bl_vec lane = {0}, a, b;
    for (int i = 0; i < n; i += BL_LANES) {
        bl_load(&a, x, i, n);
        bl_load(&b, y, i, n);
        lane += a * b;
    }
    return bl_fold(&lane);
}

BL_INLINE bl_real bl_max_of(const bl_real *x, int n)
{
    bl_vec top = x[0] + (bl_vec){0}, next;
    bl_real lane[BL_LANES], eight[8], four[4];
    int i = 0;
    for (; i + BL_LANES <= n; i += BL_LANES) {
        memcpy(&next, x + i, sizeof next);
        __typeof__(next > top) larger = next > top; /* all bits of a lane, or none */
        top = (bl_vec)(((__typeof__(larger))next & larger) |
                       ((__typeof__(larger))top & ~larger));
    }
    memcpy(lane, &top, sizeof top);
    for (int l = 0; i < n; i++, l++)
        lane[l] = bl_larger(x[i], lane[l]);
    for (int l = 0; l < 8; l++)
        eight[l] = bl_larger(lane[l], lane[l + 8]);
    for (int l = 0; l < 4; l++)
        four[l] = bl_larger(eight[l], eight[l + 4]);
    return bl_larger(bl_larger(four[0], four[2]), bl_larger(four[1], four[3]));
}

#endif
