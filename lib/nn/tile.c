/* tile.c - see tile.h. A block of C stays in registers while the rows of a panel stream
 * by: with AVX-512 six rows by a whole panel, with AVX2 six rows by a quarter of it. */
#include "nn/tile.h"
#include "nn/vec.h"

enum { DEPTH = 128 }; /* rows of a panel that stay in the first cache */

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
__attribute__((target("avx512f"))) static void run_avx512(const piece *j)
{
    const int at = 0;
    switch (j->wide / BL_VECTOR) {
    case 4:
        ROWS_OF(6, 4, v512);
        break;
    case 3:
        ROWS_OF(8, 3, v512);
        break;
    case 2:
        ROWS_OF(12, 2, v512);
        break;
    default:
        ROWS_OF(12, 1, v512);
    }
}

__attribute__((target("avx2,fma"))) static void run_avx2(const piece *j)
{
    for (int at = 0; at < j->wide; at += BL_VECTOR)
        ROWS_OF(6, 2, v256);
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
    if (__builtin_cpu_supports("avx512f")) {
        run_avx512(j);
        return;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        run_avx2(j);
        return;
    }
#endif
    run_any(j);
}

void bl_tile_pack(int transposed, int k, int n, const bl_real *b, ptrdiff_t ld,
                  bl_real *panels)
{
    for (int start = 0; start < n; start += BL_PANEL) {
        int cols = n - start < BL_PANEL ? n - start : BL_PANEL;
        int wide = bl_tile_cols(cols);
        bl_real *to = panels + (ptrdiff_t)start * k;
        for (int c = 0; transposed && c < cols; c++)
            for (int p = 0; p < k; p++)
                to[(ptrdiff_t)p * wide + c] = b[(start + c) * ld + p];
        for (int p = 0; p < k; p++) {
            if (!transposed)
                memcpy(to + (ptrdiff_t)p * wide, b + p * ld + start,
                       (size_t)cols * sizeof *to);
            memset(to + (ptrdiff_t)p * wide + cols, 0,
                   (size_t)(wide - cols) * sizeof *to);
        }
    }
}

void bl_tile_multiply(const bl_tile_args *t)
{
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
