/* bf16.c - see bf16.h. Blocks of B are packed once and shared by all rows of C (they
 * stay in the second-level cache), some rows of A just before they are used (32 of them
 * stay in the first). */
#include "nn/kernel/bf16.h"
#include "nn/kernel/bf16_parts.h"

#ifdef BL_HAS_BF16

enum {
    BLOCK_K = 512,           /* of a packed block */
    BLOCK_N = 1024,          /* columns of B in one */
    STACK_BLOCK = 128 << 10, /* bytes of B where there is no pool */
    ROWS_A_PART = 128,
    NUMBERS_A_PART = 32768, /* to be packed */
};

/* ---- a product, block by block ---- */

typedef struct {
    const bl_gemm_args *g;
    int parts;      /* of an operand: 1, or 2 for bf16x3 */
    int j, n;       /* columns of the block */
    int l, k;       /* and its span along k */
    float beta;     /* 1 from the second block along k on */
    int units_each; /* strips, or steps along k, for a part of the job */
    char *b;        /* the packed block */
} block;

static int parts_of(bl_precision precision)
{
    return precision == BL_BF16X3 ? 2 : 1;
}

static int strips_of(int n)
{
    return (n + STRIP - 1) / STRIP;
}

/* A part is some strips or, where rows lie across k, some steps of all strips. */
static void pack_b_part(void *arg, int part)
{
    const block *s = arg;
    const bl_gemm_args *g = s->g;
    bl_operand o = {.row = g->tb ? g->ldb : 1,
                    .along = g->tb ? 1 : g->ldb,
                    .rows = s->n,
                    .depth = s->k};
    o.p = g->b + s->j * o.row + s->l * o.along;
    int start = part * s->units_each * STRIP, end = start + s->units_each * STRIP;
    if (g->tb)
        bl_pack_strips(&o, start, (int)bl_min(end, s->n), 0, s->k, 1, s->parts,
                       s->b + (size_t)(start / STRIP) * strip_bytes(s->k, s->parts));
    else
        bl_pack_strips(&o, 0, s->n, start, (int)bl_min(end, s->k), 1, s->parts, s->b);
}

static void multiply_part(void *arg, int part)
{
    const block *s = arg;
    const bl_gemm_args *g = s->g;
    _Alignas(64) char a[ROWS_A_PART * BLOCK_K * 2 * 2];
    bl_operand o = {.row = g->ta ? 1 : g->lda,
                    .along = g->ta ? g->lda : 1,
                    .rows = g->m,
                    .depth = s->k};
    o.p = g->a + s->l * o.along;
    size_t strip = strip_bytes(s->k, s->parts);
    int start = part * ROWS_A_PART, end = (int)bl_min(g->m, start + ROWS_A_PART);
    bl_square q = {.a = a,
                   .steps = steps_of(s->k),
                   .parts = s->parts,
                   .alpha = g->alpha,
                   .beta = s->beta,
                   .ld = g->ldc};
    bl_square_fn *multiply_square = bl_squares_begin();
    bl_pack_strips(&o, start, end, 0, s->k, 0, s->parts, a);
    for (int i = start; i < end; i += STRIP, q.a += strip) {
        q.c = g->c + (ptrdiff_t)i * g->ldc + s->j;
        q.rows = g->m - i;
        q.b = s->b;
        for (int j = 0; j < s->n; j += STRIP, q.b += strip, q.c += STRIP) {
            q.cols = s->n - j;
            multiply_square(&q);
        }
    }
    bl_squares_end();
    if (s->l + s->k == g->k && g->after != NULL)
        g->after(g->arg, start, end - start, s->j, s->n);
}

static void run_parts(bl_pool *pool, bl_pool_fn *fn, block *s, int n)
{
    if (pool != NULL)
        bl_pool_run(pool, fn, s, n);
    else
        for (int part = 0; part < n; part++)
            fn(s, part);
}

static void multiply_block(bl_pool *pool, block *s)
{
    int units = s->g->tb ? strips_of(s->n) : steps_of(s->k);
    int numbers = STRIP * (s->g->tb ? s->k : s->n); /* in a unit */
    s->units_each = (int)bl_max(1, NUMBERS_A_PART / numbers);
    run_parts(pool, pack_b_part, s, (units + s->units_each - 1) / s->units_each);
    run_parts(pool, multiply_part, s, (s->g->m + ROWS_A_PART - 1) / ROWS_A_PART);
}

/* Block by block of B, each of at most `room` bytes. */
static void multiply(bl_pool *pool, const bl_gemm_args *g, char *b, size_t room)
{
    block s = {.g = g, .parts = parts_of(g->precision), .b = b};
    for (s.l = 0; s.l < g->k; s.l += BLOCK_K) {
        s.k = (int)bl_min(BLOCK_K, g->k - s.l);
        s.beta = s.l > 0 ? 1 : g->beta;
        int strips =
            (int)bl_min(BLOCK_N / STRIP, (int64_t)(room / strip_bytes(s.k, s.parts)));
        for (s.j = 0; s.j < g->n; s.j += strips * STRIP) {
            s.n = (int)bl_min(strips * STRIP, g->n - s.j);
            multiply_block(pool, &s);
        }
    }
}

void bl_bf16_gemm(bl_pool *pool, const bl_gemm_args *g)
{
    multiply(pool, g, bl_pool_scratch(pool), BL_POOL_SCRATCH);
}

void bl_bf16_gemm_one(const bl_gemm_args *g)
{
    _Alignas(64) char b[STACK_BLOCK];
    multiply(NULL, g, b, sizeof b);
}

/* ---- tiles of attention ---- */

void bl_bf16_pack(bl_precision precision, int transposed, int k, int n, const float *b,
                  ptrdiff_t ld, float *panels)
{
    bl_operand o = {.p = b,
                    .row = transposed ? ld : 1,
                    .along = transposed ? 1 : ld,
                    .rows = n,
                    .depth = k};
    bl_pack_strips(&o, 0, n, 0, k, 1, parts_of(precision), (char *)panels);
}

/* Rows i to i + 31 of C, from numbers l0 to l1 along the k of all of B: A's k begins at
 * t->row. */
static void multiply_rows(const bl_tile_args *t, int i, int l0, int l1,
                          bl_square_fn *multiply_square)
{
    _Alignas(64) char a[BLOCK_K * STRIP * 2 * 2];
    int parts = parts_of(t->precision);
    size_t strip = strip_bytes(t->rows_b, parts), step = strip_bytes(1, parts);
    bl_operand o = {.row = t->ta ? 1 : t->lda,
                    .along = t->ta ? t->lda : 1,
                    .rows = t->m,
                    .depth = l1 - l0,
                    .skip = t->row - l0};
    o.p = t->a + (l0 - t->row) * o.along;
    bl_pack_strips(&o, i, (int)bl_min(i + STRIP, t->m), 0, l1 - l0, 0, parts, a);
    bl_square q = {.a = a,
                   .steps = steps_of(l1 - l0),
                   .parts = parts,
                   .alpha = 1,
                   .beta = t->add || l0 > t->row ? 1 : 0,
                   .ld = t->ldc,
                   .rows = t->m - i};
    for (int col = t->start; col < t->end; col += STRIP) {
        q.b = (const char *)t->panels + (size_t)(col / STRIP) * strip +
              (size_t)(l0 / DEPTH) * step;
        q.c = t->c + i * t->ldc + col;
        q.cols = bl_tile_cols(t->cols_b - col);
        multiply_square(&q);
    }
}

void bl_bf16_tile(const bl_tile_args *t)
{
    int end = t->row + t->k;
    bl_square_fn *multiply_square = bl_squares_begin();
    for (int l = t->row / DEPTH * DEPTH; l < end; l += BLOCK_K)
        for (int i = 0; i < t->m; i += STRIP)
            multiply_rows(t, i, l, (int)bl_min(end, l + BLOCK_K), multiply_square);
    bl_squares_end();
}

#else

int bl_bf16_can(bl_precision precision)
{
    (void)precision;
    return 0;
}

const char *bl_bf16_unit(void)
{
    return "no unit";
}

void bl_bf16_gemm(bl_pool *pool, const bl_gemm_args *g)
{
    (void)pool;
    (void)g;
}

void bl_bf16_gemm_one(const bl_gemm_args *g)
{
    (void)g;
}

void bl_bf16_pack(bl_precision precision, int transposed, int k, int n,
                  const bl_real *b, ptrdiff_t ld, bl_real *panels)
{
    (void)precision;
    (void)transposed;
    (void)k;
    (void)n;
    (void)b;
    (void)ld;
    (void)panels;
}

void bl_bf16_tile(const bl_tile_args *t)
{
    (void)t;
}

#endif
