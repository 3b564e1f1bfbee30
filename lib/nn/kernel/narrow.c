/* narrow.c - see narrow.h. Vectors run along k, two of its steps in one, where the
 * result is narrow, and along the rows of B where the result is wide. */
#include "nn/kernel/narrow.h"
#include "base/base.h"
#include "base/cpu.h"

void bl_narrow_pack(int k, int n, const bl_real *b, ptrdiff_t ld, bl_real *pairs)
{
    for (int p = 0; p < k; p += 2, b += 2 * ld, pairs += 2 * BL_NARROW) {
        if (n == BL_NARROW && p + 1 < k) { /* without tests it is a few instructions */
            for (int c = 0; c < BL_NARROW; c++) {
                pairs[2 * c] = b[c];
                pairs[2 * c + 1] = b[ld + c];
            }
            continue;
        }
        for (int c = 0; c < BL_NARROW; c++) {
            pairs[2 * c] = c < n ? b[c] : 0;
            pairs[2 * c + 1] = c < n && p + 1 < k ? b[ld + c] : 0;
        }
    }
}

void bl_narrow_times_naive(int m, int k, const bl_real *a, ptrdiff_t lda,
                           const bl_real *pairs, bl_real *c, ptrdiff_t ldc)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < BL_NARROW; j++) {
            double sum = 0;
            for (int p = 0; p < k; p++)
                sum += (double)a[i * lda + p] *
                       pairs[p / 2 * 2 * BL_NARROW + 2 * j + p % 2];
            c[i * ldc + j] = (bl_real)sum;
        }
}

void bl_narrow_add_naive(int n, int k, const bl_real *a, ptrdiff_t lda,
                         const bl_real *b, ptrdiff_t ldb, bl_real *c, ptrdiff_t ldc)
{
    for (int i = 0; i < BL_NARROW; i++)
        for (int j = 0; j < n; j++) {
            double sum = c[i * ldc + j];
            for (int p = 0; p < k; p++)
                sum += (double)a[p * lda + i] * b[p * ldb + j];
            c[i * ldc + j] = (bl_real)sum;
        }
}

#if defined(__x86_64__) && !defined(BL_DOUBLE) && BL_CPU >= 2

#include <immintrin.h>
#include <string.h>

#define WITH_AVX512 __attribute__((target("avx512f,avx512vl,fma")))
#define INLINE WITH_AVX512 static inline __attribute__((always_inline))

int bl_narrow_is_fast(void)
{
    return bl_cpu_has(BL_CPU_AVX512);
}

/* ---- narrow results ---- */

/* Two numbers along k in all lanes. */
INLINE __m512 both_of(const float *a)
{
    double pair;
    memcpy(&pair, a, sizeof pair);
    return _mm512_castpd_ps(_mm512_set1_pd(pair));
}

/* The sums of x's pairs and, behind them, of y's. */
INLINE __m512 sums_of_pairs(__m512 x, __m512 y)
{
    const __m512i even =
        _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    return _mm512_add_ps(_mm512_permutex2var_ps(x, even, y),
                         _mm512_permutex2var_ps(x, odd, y));
}

/* Some rows of C, an even number; their sums stay in registers. */
INLINE void times_rows(const int rows, int k, const float *a, ptrdiff_t lda,
                       const float *pairs, float *c, ptrdiff_t ldc)
{
    __m512 sum[16];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        sum[r] = _mm512_setzero_ps();
    int p = 0;
    for (; p + 2 <= k; p += 2, pairs += 2 * BL_NARROW) {
        __m512 b = _mm512_loadu_ps(pairs);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
            sum[r] = _mm512_fmadd_ps(both_of(a + r * lda + p), b, sum[r]);
    }
    if (p < k) { /* the other half of B's vector meets zeros */
        __m512 b = _mm512_maskz_loadu_ps(0x5555, pairs);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
            sum[r] = _mm512_fmadd_ps(_mm512_set1_ps(a[r * lda + p]), b, sum[r]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r += 2) {
        __m512d two = _mm512_castps_pd(sums_of_pairs(sum[r], sum[r + 1]));
        _mm256_storeu_ps(c + r * ldc, _mm256_castpd_ps(_mm512_castpd512_pd256(two)));
        _mm256_storeu_ps(c + (r + 1) * ldc,
                         _mm256_castpd_ps(_mm512_extractf64x4_pd(two, 1)));
    }
}

WITH_AVX512 void bl_narrow_times(int m, int k, const float *a, ptrdiff_t lda,
                                 const float *pairs, float *c, ptrdiff_t ldc)
{
    int i = 0;
    for (; i + 16 <= m; i += 16)
        times_rows(16, k, a + i * lda, lda, pairs, c + i * ldc, ldc);
    for (; i + 2 <= m; i += 2)
        times_rows(2, k, a + i * lda, lda, pairs, c + i * ldc, ldc);
    if (i < m) { /* the row twice */
        float twice[2 * BL_NARROW];
        times_rows(2, k, a + i * lda, 0, pairs, twice, BL_NARROW);
        memcpy(c + i * ldc, twice, BL_NARROW * sizeof *c);
    }
}

/* ---- wide results ---- */

/* Some columns of C, whole vectors but for the lanes that `last` lacks. */
INLINE void add_columns(const int vectors, __mmask16 last, int k, const float *a,
                        ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c,
                        ptrdiff_t ldc)
{
    __m512 sum[BL_NARROW][3], x[3];
#pragma GCC unroll 8
    for (int r = 0; r < BL_NARROW; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            sum[r][v] = _mm512_maskz_loadu_ps(v + 1 < vectors ? 0xffff : last,
                                              c + r * ldc + 16 * v);
    for (int p = 0; p < k; p++, a += lda, b += ldb) {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            x[v] = _mm512_maskz_loadu_ps(v + 1 < vectors ? 0xffff : last, b + 16 * v);
#pragma GCC unroll 8
        for (int r = 0; r < BL_NARROW; r++)
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++)
                sum[r][v] = _mm512_fmadd_ps(_mm512_set1_ps(a[r]), x[v], sum[r][v]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < BL_NARROW; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            _mm512_mask_storeu_ps(c + r * ldc + 16 * v, v + 1 < vectors ? 0xffff : last,
                                  sum[r][v]);
}

WITH_AVX512 void bl_narrow_add(int n, int k, const float *a, ptrdiff_t lda,
                               const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc)
{
    for (int j = 0; j < n; j += 48, b += 48, c += 48) {
        int vectors = (n - j + 15) / 16, rest = (n - j) % 16;
        __mmask16 last = (__mmask16)(rest > 0 ? (1u << rest) - 1 : 0xffff);
        if (vectors >= 3)
            add_columns(3, vectors > 3 ? 0xffff : last, k, a, lda, b, ldb, c, ldc);
        else if (vectors == 2)
            add_columns(2, last, k, a, lda, b, ldb, c, ldc);
        else
            add_columns(1, last, k, a, lda, b, ldb, c, ldc);
    }
}

#else

int bl_narrow_is_fast(void)
{
    return 0;
}

void bl_narrow_times(int m, int k, const bl_real *a, ptrdiff_t lda,
                     const bl_real *pairs, bl_real *c, ptrdiff_t ldc)
{
    bl_narrow_times_naive(m, k, a, lda, pairs, c, ldc);
}

void bl_narrow_add(int n, int k, const bl_real *a, ptrdiff_t lda, const bl_real *b,
                   ptrdiff_t ldb, bl_real *c, ptrdiff_t ldc)
{
    bl_narrow_add_naive(n, k, a, lda, b, ldb, c, ldc);
}

#endif
