/* tile.c - see tile.h. A block of C stays in registers while the rows of a panel stream
 * by: with AVX-512 twelve rows by a whole panel, with AVX2 six rows by half of it. */
#include "nn/kernel/tile.h"
#include "base/cpu.h"
#include "nn/kernel/bf16.h"
#include "nn/kernel/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    DEPTH = 256,     /* rows of a panel that stay in the first cache */
    SIDE_BY_SIDE = 8 /* panels that are packed at once */
};

/* One job of a kernel: m rows of C by one panel. */
typedef struct {
    int m, depth, wide, add;
    const bl_real *a;
    ptrdiff_t row, step; /* from one row of op(A) to the next, from one column */
    const bl_real *b;
    bl_real *c;
    ptrdiff_t ldc;
} piece;

/* Rows i .. i+ROWS-1 by COUNT vectors of type VEC from column `at` of the panel. The
 * sums are an array that the compiler turns into registers. */
#define BLOCK(ROWS, COUNT, VEC)                                                        \
    do {                                                                               \
        VEC sum[ROWS][COUNT];                                                          \
        const bl_real *a = j->a + i * j->row, *b = j->b + at;                          \
        bl_real *c = j->c + i * j->ldc + at;                                           \
        for (int r = 0; r < ROWS; r++)                                                 \
            for (int v = 0; v < COUNT; v++)                                            \
                sum[r][v] = j->add ? ((const VEC *)(c + r * j->ldc))[v] : (VEC){0};    \
        for (int p = 0; p < j->depth; p++, a += j->step, b += j->wide)                 \
            for (int r = 0; r < ROWS; r++)                                             \
                for (int v = 0; v < COUNT; v++)                                        \
                    sum[r][v] += ((const VEC *)b)[v] * a[r * j->row];                  \
        for (int r = 0; r < ROWS; r++)                                                 \
            for (int v = 0; v < COUNT; v++)                                            \
                ((VEC *)(c + r * j->ldc))[v] = sum[r][v];                              \
    } while (0)

/* All rows of the piece, COUNT vectors at a time: ROWS rows, then 4, then one. */
#define ROWS_OF(ROWS, COUNT, VEC)                                                      \
    do {                                                                               \
        int i = 0;                                                                     \
        for (; i + ROWS <= j->m; i += ROWS)                                            \
            BLOCK(ROWS, COUNT, VEC);                                                   \
        for (; i + 4 <= j->m; i += 4)                                                  \
            BLOCK(4, COUNT, VEC);                                                      \
        for (; i < j->m; i++)                                                          \
            BLOCK(1, COUNT, VEC);                                                      \
    } while (0)

#define VECTOR(NAME, BYTES)                                                            \
    typedef bl_real NAME                                                               \
        __attribute__((vector_size(BYTES), aligned(sizeof(bl_real)), may_alias))
VECTOR(v512, 64);
VECTOR(v256, 32);
VECTOR(v128, 16);

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vl,fma"))) static void run_avx512(const piece *j)
{
    int at = 0;
    if (j->wide == BL_PANEL) {
        ROWS_OF(BL_ROWS, 2, v512);
        return;
    }
    for (; at + BL_VECTOR <= j->wide; at += BL_VECTOR)
        ROWS_OF(BL_ROWS, 1, v512);
    if (at < j->wide)
        ROWS_OF(BL_ROWS, 1, v256);
}

__attribute__((target("avx2,fma"))) static void run_avx2(const piece *j)
{
    int at = 0;
    for (; at + BL_VECTOR <= j->wide; at += BL_VECTOR)
        ROWS_OF(6, 2, v256);
    if (at < j->wide)
        ROWS_OF(BL_ROWS, 1, v256);
}
#endif

static void run_any(const piece *j)
{
    for (int at = 0; at < j->wide; at += BL_VECTOR / 2)
        ROWS_OF(6, 2, v128);
}

static void run(const piece *j)
{
#if defined(__x86_64__)
    if (bl_cpu_has(BL_CPU_AVX512)) {
        run_avx512(j);
        return;
    }
    if (bl_cpu_has(BL_CPU_AVX2)) {
        run_avx2(j);
        return;
    }
#endif
    run_any(j);
}

int bl_tile_is_fast(void)
{
    return bl_cpu_has(BL_CPU_AVX512);
}

/* Rows of a panel that is not whole, `cols` numbers of each. */
static void pack_rows(int k, int cols, int wide, const bl_real *b, ptrdiff_t ld,
                      bl_real *to)
{
    for (int p = 0; p < k; p++, b += ld, to += wide) {
        memcpy(to, b, (size_t)cols * sizeof *to);
        memset(to + cols, 0, (size_t)(wide - cols) * sizeof *to);
    }
}

/* Rows of n whole panels that are `apart`, each row from its first number to its last:
 * so they come from memory fastest. */
BL_CLONES static void pack_whole(int k, int n, const bl_real *b, ptrdiff_t ld,
                                 bl_real *to, ptrdiff_t apart)
{
    for (int p = 0; p < k; p++, b += ld, to += BL_PANEL)
        for (int i = 0; i < n; i++)
            memcpy(to + i * apart, b + (ptrdiff_t)i * BL_PANEL, BL_PANEL * sizeof *to);
}

/* The same from columns. */
static void pack_columns_any(int k, int cols, int wide, const bl_real *b, ptrdiff_t ld,
                             bl_real *to)
{
    for (int start = 0; start < wide; start += 16)
        for (int p = 0; p < k; p++)
            for (int c = start; c < start + 16 && c < wide; c++)
                to[(ptrdiff_t)p * wide + c] = c < cols ? b[c * ld + p] : 0;
}

#if defined(__x86_64__) && !defined(BL_DOUBLE)
/* 16 x 16 numbers at a time, in registers: pairs, then fours, eights, sixteens. */
__attribute__((target("avx512f"))) static void
pack_columns_avx512(int k, int cols, int wide, const bl_real *b, ptrdiff_t ld,
                    bl_real *to)
{
    for (int start = 0; start < wide; start += 16)
        for (int p = 0; p < k; p += 16) {
            int n = k - p < 16 ? k - p : 16;
            __mmask16 mask = (__mmask16)((1u << n) - 1);
            __m512 x[16], y[16];
            for (int c = 0; c < 16; c++)
                x[c] = start + c < cols
                           ? _mm512_maskz_loadu_ps(mask, b + (start + c) * ld + p)
                           : _mm512_setzero_ps();
            for (int i = 0; i < 16; i += 2) {
                y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
                y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
            }
            for (int i = 0; i < 16; i += 4)
                for (int j = 0; j < 2; j++) {
                    __m512d u = _mm512_castps_pd(y[i + j]),
                            v = _mm512_castps_pd(y[i + j + 2]);
                    x[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(u, v));
                    x[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(u, v));
                }
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 16; j += 8) {
                    y[i + j] = _mm512_shuffle_f32x4(x[i + j], x[i + j + 4], 0x88);
                    y[i + j + 4] = _mm512_shuffle_f32x4(x[i + j], x[i + j + 4], 0xdd);
                }
            for (int i = 0; i < 8; i++) {
                x[i] = _mm512_shuffle_f32x4(y[i], y[i + 8], 0x88);
                x[i + 8] = _mm512_shuffle_f32x4(y[i], y[i + 8], 0xdd);
            }
            bl_real *row = to + (ptrdiff_t)p * wide + start;
            for (int i = 0; i < n; i++, row += wide)
                if (wide - start >= 16)
                    _mm512_storeu_ps(row, x[i]);
                else
                    _mm256_storeu_ps(row, _mm512_castps512_ps256(x[i]));
        }
}
#endif

static void pack_columns(int k, int cols, int wide, const bl_real *b, ptrdiff_t ld,
                         bl_real *to)
{
#if defined(__x86_64__) && !defined(BL_DOUBLE)
    if (bl_tile_is_fast()) {
        pack_columns_avx512(k, cols, wide, b, ld, to);
        return;
    }
#endif
    pack_columns_any(k, cols, wide, b, ld, to);
}

void bl_tile_pack_rows(int transposed, int rows_b, int row, int k, int n,
                       const bl_real *b, ptrdiff_t ld, bl_real *panels)
{
    ptrdiff_t apart = (ptrdiff_t)rows_b * BL_PANEL;
    int whole = transposed ? 0 : n / BL_PANEL;
    for (int i = 0; i < whole; i += SIDE_BY_SIDE)
        pack_whole(k, whole - i < SIDE_BY_SIDE ? whole - i : SIDE_BY_SIDE,
                   b + (ptrdiff_t)i * BL_PANEL, ld,
                   panels + i * apart + (ptrdiff_t)row * BL_PANEL, apart);
    for (int start = whole * BL_PANEL; start < n; start += BL_PANEL) {
        int cols = n - start < BL_PANEL ? n - start : BL_PANEL;
        int wide = bl_tile_cols(cols);
        bl_real *to = panels + (ptrdiff_t)start * rows_b + (ptrdiff_t)row * wide;
        if (transposed)
            pack_columns(k, cols, wide, b + start * ld, ld, to);
        else
            pack_rows(k, cols, wide, b + start, ld, to);
    }
}

void bl_tile_pack(int transposed, int k, int n, const bl_real *b, ptrdiff_t ld,
                  bl_real *panels)
{
    bl_tile_pack_rows(transposed, k, 0, k, n, b, ld, panels);
}

void bl_tile_pack_as(bl_precision precision, int transposed, int k, int n,
                     const bl_real *b, ptrdiff_t ld, bl_real *panels)
{
    if (precision == BL_FP32)
        bl_tile_pack(transposed, k, n, b, ld, panels);
    else
        bl_bf16_pack(precision, transposed, k, n, b, ld, panels);
}

void bl_tile_multiply(const bl_tile_args *t)
{
    if (t->precision != BL_FP32) {
        bl_bf16_tile(t);
        return;
    }
    for (int col = t->start; col < t->end; col += BL_PANEL) {
        const bl_real *panel = t->panels + (ptrdiff_t)col * t->rows_b;
        int wide =
            t->cols_b - col < BL_PANEL ? bl_tile_cols(t->cols_b - col) : BL_PANEL;
        for (int p = 0; p < t->k; p += DEPTH) {
            piece j = {.m = t->m,
                       .depth = t->k - p < DEPTH ? t->k - p : DEPTH,
                       .wide = wide,
                       .add = t->add || p > 0,
                       .a = t->a + (t->ta ? p * t->lda : p),
                       .row = t->ta ? 1 : t->lda,
                       .step = t->ta ? t->lda : 1,
                       .b = panel + (ptrdiff_t)(t->row + p) * wide,
                       .c = t->c + col,
                       .ldc = t->ldc};
            run(&j);
        }
    }
}

void bl_tile_multiply_naive(const bl_tile_args *t)
{
    for (int i = 0; i < t->m; i++)
        for (int col = t->start; col < t->end; col++) {
            int first = col / BL_PANEL * BL_PANEL;
            int wide = t->cols_b - first < BL_PANEL ? bl_tile_cols(t->cols_b - first)
                                                    : BL_PANEL;
            double sum = t->add ? t->c[i * t->ldc + col] : 0;
            for (int p = 0; p < t->k; p++)
                sum += (double)t->a[t->ta ? p * t->lda + i : i * t->lda + p] *
                       t->panels[(ptrdiff_t)first * t->rows_b +
                                 (ptrdiff_t)(t->row + p) * wide + (col - first)];
            t->c[i * t->ldc + col] = (bl_real)sum;
        }
}
