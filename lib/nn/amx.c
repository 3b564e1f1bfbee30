/* amx.c - see amx.h. A tile is 16 rows of 64 bytes. A product of tiles takes 16 x 32
 * numbers of A as they are and 32 x 16 of B with pairs along k side by side ("VNNI"),
 * and adds to 16 x 16 sums; 2 x 2 of them use each loaded tile twice. Blocks of B are
 * packed once and shared by all rows of C (they stay in the second-level cache), some
 * rows of A just before they are used (32 of them stay in the first). */
#define _DEFAULT_SOURCE /* syscall */
#include "nn/amx.h"

#if defined(__x86_64__) && defined(__linux__) && !defined(BL_DOUBLE)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WITH_TILES                                                                     \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512bf16")))
#define INLINE WITH_TILES static inline __attribute__((always_inline))
/* The tile instructions of gcc 12 do not say that they read memory. */
#define MEMORY_IS_WRITTEN() __asm__ volatile("" ::: "memory")

enum {
    TILE = 16,      /* rows of a tile, and columns of its sums */
    DEPTH = 32,     /* numbers along k in a tile */
    STRIP = 32,     /* rows of A, columns of B in a packed strip: two tiles */
    BLOCK_K = 512,  /* of a packed block */
    BLOCK_N = 1024, /* columns of B in one */
    TILE_BYTES = 1024,
    STACK_BLOCK = 128 << 10, /* bytes of B where there is no pool */
    ROWS_A_PART = 128,
    NUMBERS_A_PART = 32768, /* to be packed */
};

/* ---- what the machine can do ---- */

int bl_amx_can(void)
{
    enum { LEAF = 7, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 };
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512bf16"))
        return 0;
    if (!__get_cpuid_count(LEAF, 0, &a, &b, &c, &d) || !(d & AMX_TILE) ||
        !(d & AMX_BF16))
        return 0;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

WITH_TILES static void begin_tiles(void)
{
    tile_config c = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        c.row_bytes[i] = 64;
        c.rows[i] = TILE;
    }
    const tile_config *p = &c;
    __asm__ volatile("" : "+r"(p) : : "memory");
    _tile_loadconfig(p);
}

WITH_TILES static void end_tiles(void)
{
    _tile_release();
}

/* ---- packing ---- */

/* op(A), or op(B)', from a corner on: number (i, l), l along k, is p[i * row + l *
 * along]. Beyond its rows and depth are zeros, and before `skip` along k. */
typedef struct {
    const float *p;
    ptrdiff_t row, along;
    int rows, depth, skip;
} operand;

INLINE __mmask16 first_of_16(int n)
{
    return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

/* 16 x 16 words of 32 bits. */
INLINE void transpose(__m512i z[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(z[i], z[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(z[i], z[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            z[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
            z[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
        }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 16; j += 8) {
            t[i + j] = _mm512_shuffle_i32x4(z[i + j], z[i + j + 4], 0x88);
            t[i + j + 4] = _mm512_shuffle_i32x4(z[i + j], z[i + j + 4], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        z[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        z[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

/* What bf16 leaves: x0 - h0 and x1 - h1, rounded in turn. */
INLINE __m512i rests_of(__m512 x0, __m512 x1, __m512i h0, __m512i h1)
{
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(x1, _mm512_castsi512_ps(h1)),
                                        _mm512_sub_ps(x0, _mm512_castsi512_ps(h0)));
}

/* The 32 numbers of a row, which lie side by side. */
INLINE void along_row(const operand *o, int i, __m512i *hi, __m512i *lo)
{
    const float *p = o->p + i * o->row;
    int n = i < o->rows ? o->depth : 0;
    __mmask16 m0 = first_of_16(n) & (__mmask16)~first_of_16(o->skip);
    __mmask16 m1 = first_of_16(n - 16) & (__mmask16)~first_of_16(o->skip - 16);
    __m512 x0 = _mm512_maskz_loadu_ps(m0, p);
    __m512 x1 = _mm512_maskz_loadu_ps(m1, p + 16);
    *hi = (__m512i)_mm512_cvtne2ps_pbh(x1, x0);
    if (lo == NULL)
        return;
    __m512i h0 = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(*hi));
    __m512i h1 = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(*hi, 1));
    *lo = rests_of(x0, x1, _mm512_slli_epi32(h0, 16), _mm512_slli_epi32(h1, 16));
}

/* Numbers l and l + 1 of 16 rows, those of the rows lie side by side. */
INLINE void across_rows(const operand *o, int l, __m512i *hi, __m512i *lo)
{
    const __m512i pairs =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                         23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const float *p = o->p + l * o->along;
    __mmask16 all = first_of_16(o->rows);
    __mmask16 m0 = l >= o->skip && l < o->depth ? all : 0;
    __mmask16 m1 = l + 1 >= o->skip && l + 1 < o->depth ? all : 0;
    __m512 x0 = _mm512_maskz_loadu_ps(m0, p);
    __m512 x1 = _mm512_maskz_loadu_ps(m1, p + o->along);
    *hi = _mm512_permutexvar_epi16(pairs, (__m512i)_mm512_cvtne2ps_pbh(x1, x0));
    if (lo == NULL)
        return;
    __m512i h1 = _mm512_and_si512(*hi, _mm512_set1_epi32((int)0xffff0000));
    __m512i rests = rests_of(x0, x1, _mm512_slli_epi32(*hi, 16), h1);
    *lo = _mm512_permutexvar_epi16(pairs, rests);
}

INLINE void store_tile(__m512i z[16], int transposed, char *to)
{
    if (transposed)
        transpose(z);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        _mm512_store_si512(to + 64 * i, z[i]);
}

/* The operand's corner as a tile, and the tile of rests. */
INLINE void pack_corner(const operand *o, int across, int transposed, char *to,
                        char *rests)
{
    __m512i hi[16], lo[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m512i *low = rests == NULL ? NULL : &lo[i];
        if (across)
            across_rows(o, 2 * i, &hi[i], low);
        else
            along_row(o, i, &hi[i], low);
    }
    store_tile(hi, transposed, to);
    if (rests != NULL)
        store_tile(lo, transposed, rests);
}

/* As a tile of A or of B: four ways, none with a test in its loop. */
INLINE void pack_whole(const operand *o, int is_b, char *to, char *rests)
{
    if (o->row == 1 && is_b)
        pack_corner(o, 1, 0, to, rests);
    else if (o->row == 1)
        pack_corner(o, 1, 1, to, rests);
    else if (is_b)
        pack_corner(o, 0, 1, to, rests);
    else
        pack_corner(o, 0, 0, to, rests);
}

/* The tile at row i and number l along k; masks are for those at the edge. */
INLINE void pack_tile(operand o, int i, int l, int is_b, char *to, char *rests)
{
    o.p += i * o.row + l * o.along;
    o.rows -= i;
    o.depth -= l;
    o.skip -= l;
    if (o.rows < TILE || o.depth < DEPTH || o.skip > 0) {
        pack_corner(&o, o.row == 1, (o.row == 1) != is_b, to, rests);
    } else {
        o.rows = TILE;
        o.depth = DEPTH;
        o.skip = 0;
        pack_whole(&o, is_b, to, rests);
    }
}

static int steps_of(int k)
{
    return (k + DEPTH - 1) / DEPTH;
}

static size_t strip_bytes(int k, int parts)
{
    return (size_t)steps_of(k) * 2 * TILE_BYTES * (size_t)parts;
}

/* 32 rows and 32 along k: two tiles, and two of rests if there are two parts. */
INLINE void pack_step(const operand *o, int i, int l, int is_b, int parts, char *to)
{
    for (int half = 0; half < 2; half++, i += TILE, to += TILE_BYTES)
        if (parts == 2)
            pack_tile(*o, i, l, is_b, to, to + 2 * TILE_BYTES);
        else
            pack_tile(*o, i, l, is_b, to, NULL);
}

/* Strips of 32 rows from row `start` on, of which steps l0 .. l1 along k, in the order
 * in which they lie in memory. `to` is where the first strip begins. */
WITH_TILES static void pack_strips(const operand *o, int start, int end, int l0, int l1,
                                   int is_b, int parts, char *to)
{
    size_t strip = strip_bytes(o->depth, parts), step = strip_bytes(1, parts);
    char *at = to + (size_t)(l0 / DEPTH) * step;
    if (o->row == 1)
        for (int l = l0; l < l1; l += DEPTH, at += step)
            for (int i = start; i < end; i += STRIP)
                pack_step(o, i, l, is_b, parts,
                          at + (size_t)((i - start) / STRIP) * strip);
    else
        for (int i = start; i < end; i += STRIP, at += strip)
            for (int l = l0; l < l1; l += DEPTH)
                pack_step(o, i, l, is_b, parts, at + (size_t)((l - l0) / DEPTH) * step);
}

/* ---- multiplying ---- */

INLINE void multiply_tiles(void)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

INLINE void load_a(const char *a)
{
    _tile_loadd(4, a, 64);
    _tile_loadd(5, a + TILE_BYTES, 64);
}

INLINE void load_b(const char *b)
{
    _tile_loadd(6, b, 64);
    _tile_loadd(7, b + TILE_BYTES, 64);
}

/* Sums 0..3 += A B of a strip of each. */
WITH_TILES static void multiply_strips(const char *a, const char *b, int steps)
{
    for (; steps > 0; steps--, a += 2 * TILE_BYTES, b += 2 * TILE_BYTES) {
        load_a(a);
        load_b(b);
        multiply_tiles();
    }
}

/* The same of split operands: the small products first. */
WITH_TILES static void multiply_split(const char *a, const char *b, int steps)
{
    for (; steps > 0; steps--, a += 4 * TILE_BYTES, b += 4 * TILE_BYTES) {
        load_a(a);
        load_b(b + 2 * TILE_BYTES);
        multiply_tiles();
        load_b(b);
        multiply_tiles();
        load_a(a + 2 * TILE_BYTES);
        multiply_tiles();
    }
}

INLINE void load_sums(const float *c, ptrdiff_t ld)
{
    _tile_loadd(0, c, ld * 4);
    _tile_loadd(1, c + TILE, ld * 4);
    _tile_loadd(2, c + TILE * ld, ld * 4);
    _tile_loadd(3, c + TILE * ld + TILE, ld * 4);
}

INLINE void store_sums(float *c, ptrdiff_t ld)
{
    _tile_stored(0, c, ld * 4);
    _tile_stored(1, c + TILE, ld * 4);
    _tile_stored(2, c + TILE * ld, ld * 4);
    _tile_stored(3, c + TILE * ld + TILE, ld * 4);
}

/* C = alpha sums + beta C of rows x cols numbers at the edge, or with other factors. */
WITH_TILES static void add_sums(const float *sums, float alpha, float beta, float *c,
                                ptrdiff_t ld, int rows, int cols)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j += 16) {
            __mmask16 mask = first_of_16(cols - j);
            __m512 x = _mm512_loadu_ps(sums + i * STRIP + j);
            x = _mm512_mul_ps(x, _mm512_set1_ps(alpha));
            if (beta != 0)
                x = _mm512_fmadd_ps(_mm512_set1_ps(beta),
                                    _mm512_maskz_loadu_ps(mask, c + i * ld + j), x);
            _mm512_mask_storeu_ps(c + i * ld + j, mask, x);
        }
}

/* 32 x 32 numbers of C, or those of them that there are: C = alpha A B + beta C. */
typedef struct {
    const char *a, *b; /* strips */
    int steps, parts;
    float alpha, beta;
    float *c;
    ptrdiff_t ld;
    int rows, cols;
} square;

WITH_TILES static void multiply_square(const square *q)
{
    int direct = q->rows >= STRIP && q->cols >= STRIP && q->alpha == 1;
    if (direct && q->beta == 1) {
        load_sums(q->c, q->ld);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    if (q->parts == 2)
        multiply_split(q->a, q->b, q->steps);
    else
        multiply_strips(q->a, q->b, q->steps);
    if (direct && (q->beta == 0 || q->beta == 1)) {
        store_sums(q->c, q->ld);
        return;
    }
    _Alignas(64) float sums[STRIP * STRIP];
    store_sums(sums, STRIP);
    add_sums(sums, q->alpha, q->beta, q->c, q->ld, (int)bl_min(q->rows, STRIP),
             (int)bl_min(q->cols, STRIP));
}

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
    operand o = {.row = g->tb ? g->ldb : 1,
                 .along = g->tb ? 1 : g->ldb,
                 .rows = s->n,
                 .depth = s->k};
    o.p = g->b + s->j * o.row + s->l * o.along;
    int start = part * s->units_each * STRIP, end = start + s->units_each * STRIP;
    if (g->tb)
        pack_strips(&o, start, (int)bl_min(end, s->n), 0, s->k, 1, s->parts,
                    s->b + (size_t)(start / STRIP) * strip_bytes(s->k, s->parts));
    else
        pack_strips(&o, 0, s->n, start, (int)bl_min(end, s->k), 1, s->parts, s->b);
}

WITH_TILES static void multiply_part(void *arg, int part)
{
    const block *s = arg;
    const bl_gemm_args *g = s->g;
    _Alignas(64) char a[ROWS_A_PART * BLOCK_K * 2 * 2];
    operand o = {.row = g->ta ? 1 : g->lda,
                 .along = g->ta ? g->lda : 1,
                 .rows = g->m,
                 .depth = s->k};
    o.p = g->a + s->l * o.along;
    size_t strip = strip_bytes(s->k, s->parts);
    int start = part * ROWS_A_PART, end = (int)bl_min(g->m, start + ROWS_A_PART);
    square q = {.a = a,
                .steps = steps_of(s->k),
                .parts = s->parts,
                .alpha = g->alpha,
                .beta = s->beta,
                .ld = g->ldc};
    begin_tiles();
    pack_strips(&o, start, end, 0, s->k, 0, s->parts, a);
    MEMORY_IS_WRITTEN();
    for (int i = start; i < end; i += STRIP, q.a += strip) {
        q.c = g->c + (ptrdiff_t)i * g->ldc + s->j;
        q.rows = g->m - i;
        q.b = s->b;
        for (int j = 0; j < s->n; j += STRIP, q.b += strip, q.c += STRIP) {
            q.cols = s->n - j;
            multiply_square(&q);
        }
    }
    end_tiles();
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

void bl_amx_gemm(bl_pool *pool, const bl_gemm_args *g)
{
    multiply(pool, g, bl_pool_scratch(pool), BL_POOL_SCRATCH);
}

void bl_amx_gemm_one(const bl_gemm_args *g)
{
    _Alignas(64) char b[STACK_BLOCK];
    multiply(NULL, g, b, sizeof b);
}

/* ---- tiles of attention ---- */

void bl_amx_pack(bl_precision precision, int transposed, int k, int n, const float *b,
                 ptrdiff_t ld, float *panels)
{
    operand o = {.p = b,
                 .row = transposed ? ld : 1,
                 .along = transposed ? 1 : ld,
                 .rows = n,
                 .depth = k};
    pack_strips(&o, 0, n, 0, k, 1, parts_of(precision), (char *)panels);
}

/* Rows i to i + 31 of C, from numbers l0 to l1 along the k of all of B: A's k begins at
 * t->row. */
WITH_TILES static void multiply_rows(const bl_tile_args *t, int i, int l0, int l1)
{
    _Alignas(64) char a[BLOCK_K * STRIP * 2 * 2];
    int parts = parts_of(t->precision);
    size_t strip = strip_bytes(t->rows_b, parts), step = strip_bytes(1, parts);
    operand o = {.row = t->ta ? 1 : t->lda,
                 .along = t->ta ? t->lda : 1,
                 .rows = t->m,
                 .depth = l1 - l0,
                 .skip = t->row - l0};
    o.p = t->a + (l0 - t->row) * o.along;
    pack_strips(&o, i, (int)bl_min(i + STRIP, t->m), 0, l1 - l0, 0, parts, a);
    MEMORY_IS_WRITTEN();
    square q = {.a = a,
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

void bl_amx_tile(const bl_tile_args *t)
{
    int end = t->row + t->k;
    begin_tiles();
    for (int l = t->row / DEPTH * DEPTH; l < end; l += BLOCK_K)
        for (int i = 0; i < t->m; i += STRIP)
            multiply_rows(t, i, l, (int)bl_min(end, l + BLOCK_K));
    end_tiles();
}

#else

int bl_amx_can(void)
{
    return 0;
}

void bl_amx_gemm(bl_pool *pool, const bl_gemm_args *g)
{
    (void)pool;
    (void)g;
}

void bl_amx_gemm_one(const bl_gemm_args *g)
{
    (void)g;
}

void bl_amx_pack(bl_precision precision, int transposed, int k, int n, const bl_real *b,
                 ptrdiff_t ld, bl_real *panels)
{
    (void)precision;
    (void)transposed;
    (void)k;
    (void)n;
    (void)b;
    (void)ld;
    (void)panels;
}

void bl_amx_tile(const bl_tile_args *t)
{
    (void)t;
}

#endif
