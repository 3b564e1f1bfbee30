/* thin.c - products of few rows, see packed.h: bound by the memory that B lies in. */
#include "nn/packed.h"
#include "nn/vec.h"

enum {
    ROWS_MAX = 8,
    COLUMNS =
        512, /* a part: its columns of C and of UNROLL rows of B stay in the cache */
    UNROLL = 4
};

int bl_thin_wants(const bl_gemm_args *g)
{
    return !g->ta && !g->tb && g->alpha == 1 && (g->beta == 0 || g->beta == 1) &&
           g->m <= ROWS_MAX;
}

/* c += x[0] b_0 + ... + x[3] b_3 for rows of B that lie ld apart. */
BL_CLONES static void add_rows(bl_real *c, const bl_real *x, const bl_real *b,
                               ptrdiff_t ld, int n)
{
    const bl_real *b1 = b + ld, *b2 = b1 + ld, *b3 = b2 + ld;
    for (int j = 0; j < n; j++)
        c[j] += x[0] * b[j] + x[1] * b1[j] + (x[2] * b2[j] + x[3] * b3[j]);
}

BL_CLONES static void add_row(bl_real *c, bl_real x, const bl_real *b, int n)
{
    for (int j = 0; j < n; j++)
        c[j] += x * b[j];
}

static void thin_part(void *arg, int part)
{
    const bl_gemm_args *g = arg;
    int start = part * COLUMNS, n = (int)bl_min(COLUMNS, g->n - start), k = 0;
    for (int i = 0; i < g->m && g->beta == 0; i++)
        memset(g->c + (ptrdiff_t)i * g->ldc + start, 0, (size_t)n * sizeof *g->c);
    for (; k + UNROLL <= g->k; k += UNROLL)
        for (int i = 0; i < g->m; i++)
            add_rows(g->c + (ptrdiff_t)i * g->ldc + start,
                     g->a + (ptrdiff_t)i * g->lda + k,
                     g->b + (ptrdiff_t)k * g->ldb + start, g->ldb, n);
    for (; k < g->k; k++)
        for (int i = 0; i < g->m; i++)
            add_row(g->c + (ptrdiff_t)i * g->ldc + start,
                    g->a[(ptrdiff_t)i * g->lda + k],
                    g->b + (ptrdiff_t)k * g->ldb + start, n);
    if (g->after != NULL)
        g->after(g->arg, 0, g->m, start, n);
}

void bl_thin_gemm(bl_pool *pool, const bl_gemm_args *g)
{
    bl_gemm_args copy = *g;
    bl_pool_run(pool, thin_part, &copy, (g->n + COLUMNS - 1) / COLUMNS);
}
