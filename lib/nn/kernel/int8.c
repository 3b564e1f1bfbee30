/* int8.c - see int8.h. The units multiply bytes without a sign by bytes with one: a row
 * is moved by 128, and each sum moved back by 128 times that of its column. */
#include "nn/kernel/int8.h"
#include "base/base.h"
#include "nn/kernel/vec.h"

enum { MOVED = 128, COLUMNS = BL_INT8_COLUMNS, ROW = 4 * COLUMNS };

size_t bl_int8_panel_bytes(int k)
{
    return (size_t)bl_int8_groups(k) * ROW +
           COLUMNS * (sizeof(float) + sizeof(int32_t));
}

const float *bl_int8_scales(const void *panel, int k)
{
    return (const float *)(const void *)((const char *)panel +
                                         (size_t)bl_int8_groups(k) * ROW);
}

static const int32_t *sums_of(const void *panel, int k)
{
    return (const int32_t *)(const void *)(bl_int8_scales(panel, k) + COLUMNS);
}

/* 0 for zeros. */
static bl_real scale_of(const bl_real *x, ptrdiff_t step, int k)
{
    bl_real most = 0;
    for (int i = 0; i < k; i++)
        most = bl_larger(fabsf((float)x[i * step]), most);
    return most / 127;
}

/* To nearest; the bound holds also where 1 / scale was rounded up. */
static int32_t quantised(bl_real x, bl_real by)
{
    bl_real scaled = x * by;
    return (int32_t)bl_clamp(lrintf((float)scaled), -127, 127);
}

static bl_real inverse(bl_real scale)
{
    return scale > 0 && 1 / scale < INFINITY ? 1 / scale : 0;
}

void bl_int8_pack(const bl_real *x, ptrdiff_t step, int k, int c, void *panel)
{
    int8_t *to = panel;
    bl_real scale = scale_of(x, step, k), by = inverse(scale);
    int32_t sum = 0;
    for (int i = 0; i < k; i++) {
        int32_t q = quantised(x[i * step], by);
        to[i / 4 * ROW + 4 * c + i % 4] = (int8_t)q;
        sum += q;
    }
    ((float *)(uintptr_t)bl_int8_scales(panel, k))[c] = (float)scale;
    ((int32_t *)(uintptr_t)sums_of(panel, k))[c] = sum;
}

bl_real bl_int8_row(const bl_real *x, int k, uint8_t *q)
{
    bl_real scale = scale_of(x, 1, k), by = inverse(scale);
    for (int i = 0; i < k; i++)
        q[i] = (uint8_t)(quantised(x[i], by) + MOVED);
    for (int i = k; i < 4 * bl_int8_groups(k); i++)
        q[i] = MOVED;
    return scale;
}

void bl_int8_round(const bl_real *x, ptrdiff_t step, int k, bl_real *to)
{
    bl_real scale = scale_of(x, step, k), by = inverse(scale);
    for (int i = 0; i < k; i++)
        to[i] = (bl_real)quantised(x[i * step], by) * scale;
}

/* ---- dot products ---- */

static void move_back(const void *panel, int rows, int k,
                      int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    const int32_t *of = sums_of(panel, k);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < COLUMNS; c++)
            sum[r][c] -= MOVED * of[c];
}

BL_CLONES static void add_portable(const uint8_t *q, int groups, const int8_t *w,
                                   int32_t sum[COLUMNS])
{
    for (int p = 0; p < groups; p++, q += 4, w += ROW)
        for (int c = 0; c < COLUMNS; c++)
            sum[c] += q[0] * w[4 * c] + q[1] * w[4 * c + 1] + q[2] * w[4 * c + 2] +
                      q[3] * w[4 * c + 3];
}

void bl_int8_dots_portable(const uint8_t *q, ptrdiff_t stride, int rows, int k,
                           const void *panel, int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    for (int r = 0; r < rows; r++) {
        memset(sum[r], 0, sizeof sum[r]);
        add_portable(q + r * stride, bl_int8_groups(k), panel, sum[r]);
    }
    move_back(panel, rows, k, sum);
}

#if defined(__x86_64__) && !defined(BL_DOUBLE) && BL_CPU >= 2

#include <immintrin.h>

#define WITH_WIDE __attribute__((target("avx512f,avx512vl,avx512vnni")))
#define WITH_NARROW __attribute__((target("avx2,avxvnni")))
#define ALWAYS static inline __attribute__((always_inline))

static int four(const uint8_t *q)
{
    int32_t x;
    memcpy(&x, q, sizeof x);
    return x;
}

/* `chains` sums for each number, so that a single row waits for none. */
WITH_WIDE ALWAYS void add_wide(const int rows, const int chains, const uint8_t *q,
                               ptrdiff_t stride, int groups, const char *w,
                               int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    __m512i s[BL_INT8_ROWS][2];
#pragma GCC unroll 8
    for (int i = 0; i < rows * chains; i++)
        s[i][0] = s[i][1] = _mm512_setzero_si512();
    int p = 0;
    for (; p + chains <= groups; p += chains, w += (ptrdiff_t)chains * ROW)
#pragma GCC unroll 8
        for (int i = 0; i < rows * chains; i++) {
            const char *at = w + i % chains * ROW;
            __m512i x =
                _mm512_set1_epi32(four(q + i / chains * stride + 4 * (p + i % chains)));
            s[i][0] = _mm512_dpbusd_epi32(s[i][0], x, _mm512_loadu_si512(at));
            s[i][1] = _mm512_dpbusd_epi32(s[i][1], x, _mm512_loadu_si512(at + 64));
        }
    for (; p < groups; p++, w += ROW)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            __m512i x = _mm512_set1_epi32(four(q + r * stride + 4 * p));
            __m512i *to = s[r * chains];
            to[0] = _mm512_dpbusd_epi32(to[0], x, _mm512_loadu_si512(w));
            to[1] = _mm512_dpbusd_epi32(to[1], x, _mm512_loadu_si512(w + 64));
        }
#pragma GCC unroll 8
    for (int i = 0; i < rows * chains; i++)
        for (int v = 0; v < 2; v++) {
            int32_t *to = sum[i / chains] + 16 * v;
            __m512i before =
                i % chains == 0 ? _mm512_setzero_si512() : _mm512_loadu_si512(to);
            _mm512_storeu_si512(to, _mm512_add_epi32(before, s[i][v]));
        }
}

WITH_WIDE static void dots_wide(const uint8_t *q, ptrdiff_t stride, int rows,
                                int groups, const void *w,
                                int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    switch (rows) {
    case 1:
        add_wide(1, 4, q, stride, groups, w, sum);
        return;
    case 2:
        add_wide(2, 2, q, stride, groups, w, sum);
        return;
    case BL_INT8_ROWS:
        add_wide(BL_INT8_ROWS, 1, q, stride, groups, w, sum);
        return;
    default:
        for (int r = 0; r < rows; r++)
            add_wide(1, 4, q + r * stride, stride, groups, w, sum + r);
    }
}

WITH_NARROW static void dots_narrow(const uint8_t *q, ptrdiff_t stride, int rows,
                                    int groups, const void *panel,
                                    int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    for (int r = 0; r < rows; r++, q += stride) {
        const __m256i *w = panel;
        __m256i s[4];
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++)
            s[v] = _mm256_setzero_si256();
        for (int p = 0; p < groups; p++, w += 4)
#pragma GCC unroll 4
            for (int v = 0; v < 4; v++)
                s[v] = _mm256_dpbusd_avx_epi32(s[v], _mm256_set1_epi32(four(q + 4 * p)),
                                               _mm256_loadu_si256(w + v));
        for (int v = 0; v < 4; v++)
            _mm256_storeu_si256((__m256i *)(void *)(sum[r] + 8 * v), s[v]);
    }
}

void bl_int8_dots_unit(int wide, const uint8_t *q, ptrdiff_t stride, int rows, int k,
                       const void *panel, int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    if (wide)
        dots_wide(q, stride, rows, bl_int8_groups(k), panel, sum);
    else
        dots_narrow(q, stride, rows, bl_int8_groups(k), panel, sum);
    move_back(panel, rows, k, sum);
}

void bl_int8_dots(const uint8_t *q, ptrdiff_t stride, int rows, int k,
                  const void *panel, int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    if (bl_cpu_has_vnni(1))
        bl_int8_dots_unit(1, q, stride, rows, k, panel, sum);
    else if (bl_cpu_has_vnni(0))
        bl_int8_dots_unit(0, q, stride, rows, k, panel, sum);
    else
        bl_int8_dots_portable(q, stride, rows, k, panel, sum);
}

#else

void bl_int8_dots_unit(int wide, const uint8_t *q, ptrdiff_t stride, int rows, int k,
                       const void *panel, int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    (void)wide;
    bl_int8_dots_portable(q, stride, rows, k, panel, sum);
}

void bl_int8_dots(const uint8_t *q, ptrdiff_t stride, int rows, int k,
                  const void *panel, int32_t sum[BL_INT8_ROWS][COLUMNS])
{
    bl_int8_dots_portable(q, stride, rows, k, panel, sum);
}

#endif
