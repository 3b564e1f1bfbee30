/* packed.c - see packed.h. The loops of Goto and van de Geijn 2008, "Anatomy of
 * high-performance matrix multiplication": a block of B (BLOCK_K, BLOCK_N) lies packed
 * in the second-level cache, strips of BL_ROWS rows of A pass by. Rows of A that are
 * stored as rows are read where they are; columns are packed first. */
#include "nn/kernel/packed.h"
#include "nn/kernel/tile.h"

#include <string.h>

enum {
    BLOCK_K = 256, /* and more where a block is narrow, or a part has few rows */
    BLOCK_N = 1024,
    STRIPS = 8,        /* of rows, a part at most */
    PARTS = 16,        /* and as many parts as this where there are rows enough */
    PACKED_MIN = 8192, /* numbers to be packed, a part */
    ROWS_MIN = 32,     /* below, packing B costs more than it saves */
};

_Static_assert((size_t)BLOCK_K *BLOCK_N * sizeof(bl_real) <= BL_POOL_SCRATCH,
               "a block fits");

typedef struct {
    const bl_gemm_args *g;
    int k, depth; /* the block's rows of B */
    int n, cols;  /* its columns */
    int rows;     /* of A, a part */
    int packed;   /* rows of B to be packed, a part; of a transposed A too */
    int add;
    bl_real *panels;
    bl_real *strips; /* all of a transposed A, or NULL: each part packs its own */
} block;

static int parts_of(int n, int size)
{
    return (n + size - 1) / size;
}

int bl_packed_wants(const bl_gemm_args *g)
{
    return bl_tile_is_fast() && g->alpha == 1 && (g->beta == 0 || g->beta == 1) &&
           g->m >= ROWS_MIN;
}

/* Some rows of all panels. */
static void pack_panels(const block *b, int first, int rows)
{
    const bl_gemm_args *g = b->g;
    ptrdiff_t row = g->tb ? 1 : g->ldb, col = g->tb ? g->ldb : 1;
    bl_tile_pack_rows(g->tb, b->depth, first, rows, b->cols,
                      g->b + (b->k + first) * row + b->n * col, g->ldb, b->panels);
}

/* A column of a strip. */
typedef struct {
    bl_real x[BL_ROWS];
} strip_column;

/* Columns first .. first + n - 1 of the rows i .. i+rows-1 of op(A), strip after strip,
 * with their columns stored one after the other. The numbers of a column of all strips
 * lie side by side. */
static void pack_strips(const block *b, int i, int rows, int first, int n, bl_real *to)
{
    const bl_gemm_args *g = b->g;
    const bl_real *from = g->a + (ptrdiff_t)(b->k + first) * g->lda + i;
    for (int p = first; p < first + n; p++, from += g->lda)
        for (int r = 0; r < rows; r += BL_ROWS) {
            bl_real *strip = to + (ptrdiff_t)r * b->depth + (ptrdiff_t)p * BL_ROWS;
            if (rows - r >= BL_ROWS) /* a size known beforehand is few instructions */
                *(strip_column *)strip = *(const strip_column *)(from + r);
            else
                memcpy(strip, from + r, (size_t)(rows - r) * sizeof *to);
        }
}

static void pack_part(void *arg, int part)
{
    const block *b = arg;
    int n_panels = parts_of(b->depth, b->packed);
    int first = part % n_panels * b->packed,
        rows = (int)bl_min(b->packed, b->depth - first);
    if (part < n_panels)
        pack_panels(b, first, rows);
    else
        pack_strips(b, 0, b->g->m, first, rows, b->strips);
}

/* The last columns of a strip of C, whose last vector would write beyond them: they go
 * through `edge`. */
static void last_columns(const block *b, const bl_tile_args *strip, int start)
{
    bl_tile_args t = *strip;
    bl_real edge[BL_ROWS * BL_PANEL];
    int end = b->cols;
    t.panels += (ptrdiff_t)start * t.rows_b; /* the columns left are a B of their own */
    t.cols_b -= start;
    t.start = 0;
    t.end = end - start;
    t.c = edge;
    t.ldc = BL_PANEL;
    t.add = 0;
    bl_tile_multiply(&t);
    for (int r = 0; r < t.m; r++) {
        bl_real *row = strip->c + r * strip->ldc;
        for (int c = start; c < end; c++)
            row[c] = (b->add ? row[c] : 0) + edge[r * BL_PANEL + c - start];
    }
}

static void multiply_part(void *arg, int part)
{
    const block *b = arg;
    const bl_gemm_args *g = b->g;
    bl_real packed[BLOCK_K * BL_ROWS * STRIPS];
    int start = part * b->rows;
    int end = (int)bl_min(g->m, start + b->rows);
    int whole =
        bl_tile_cols(b->cols) == b->cols ? b->cols : b->cols / BL_PANEL * BL_PANEL;
    const bl_real *strips = packed;
    if (b->strips != NULL)
        strips = b->strips + (ptrdiff_t)start * b->depth;
    else if (g->ta)
        pack_strips(b, start, end - start, 0, b->depth, packed);
    for (int i = start; i < end; i += BL_ROWS) {
        bl_tile_args t = {.ta = g->ta,
                          .m = (int)bl_min(BL_ROWS, end - i),
                          .k = b->depth,
                          .panels = b->panels,
                          .rows_b = b->depth,
                          .cols_b = b->cols,
                          .end = whole,
                          .add = b->add,
                          .c = g->c + (ptrdiff_t)i * g->ldc + b->n,
                          .ldc = g->ldc};
        t.a = g->ta ? strips + (ptrdiff_t)(i - start) * b->depth
                    : g->a + (ptrdiff_t)i * g->lda + b->k;
        t.lda = g->ta ? BL_ROWS : g->lda;
        if (whole > 0)
            bl_tile_multiply(&t);
        if (whole < b->cols)
            last_columns(b, &t, whole);
    }
    if (b->k + b->depth == g->k && g->after != NULL)
        g->after(g->arg, start, end - start, b->n, b->cols);
}

/* B is packed once and then met by all rows of A. */
static void multiply_block(bl_pool *pool, block *b)
{
    b->packed = (int)bl_max(PACKED_MIN / b->cols, 16);
    int parts = parts_of(b->depth, b->packed);
    bl_pool_run(pool, pack_part, b, b->strips != NULL ? 2 * parts : parts);
    bl_pool_run(pool, multiply_part, b, parts_of(b->g->m, b->rows));
}

/* Of a transposed A that finds room beside B rows are read from end to end, once. */
static void lay_strips(const bl_gemm_args *g, block *b, int *depth)
{
    const int room = BL_POOL_SCRATCH / sizeof *b->panels;
    int strips = parts_of(g->m, BL_ROWS) * BL_ROWS, wide = bl_tile_cols(g->n);
    int most = room / (strips + wide) / 16 * 16;
    if (!g->ta || g->n > BLOCK_N || most < BLOCK_K / 2)
        return;
    *depth = (int)bl_min(*depth, most);
    b->strips = b->panels + (ptrdiff_t)*depth * wide;
}

void bl_packed_gemm(bl_pool *pool, const bl_gemm_args *g)
{
    int strips = (int)bl_min(STRIPS, parts_of(parts_of(g->m, BL_ROWS), PARTS));
    int wide = (int)bl_min(BLOCK_N, bl_tile_cols(g->n));
    int depth = BLOCK_K * (int)bl_min(STRIPS / strips, BLOCK_N / wide);
    block b = {.g = g, .rows = strips * BL_ROWS, .panels = bl_pool_scratch(pool)};
    lay_strips(g, &b, &depth);
    for (b.k = 0; b.k < g->k; b.k += depth) {
        b.depth = (int)bl_min(depth, g->k - b.k);
        b.add = b.k > 0 || g->beta != 0;
        for (b.n = 0; b.n < g->n; b.n += BLOCK_N) {
            b.cols = (int)bl_min(BLOCK_N, g->n - b.n);
            multiply_block(pool, &b);
        }
    }
}
