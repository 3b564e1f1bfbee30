/* bf16_square.c - squares of 32 x 32 sums in fp32, by either of two units. */
#define _DEFAULT_SOURCE /* syscall */
#include "base/cpu.h"
#include "nn/kernel/bf16_parts.h"

#ifdef BL_HAS_BF16

#include <sys/syscall.h>
#include <unistd.h>

#define WITH_TILES                                                                     \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512bf16")))
#define TILE_INLINE WITH_TILES static inline __attribute__((always_inline))
/* The tile instructions of gcc 12 do not say that they read memory. */
#define MEMORY_IS_WRITTEN() __asm__ volatile("" ::: "memory")

/* ---- what the machine can do ---- */

#ifndef BL_TILES_EMULATED /* by a test, where the processor has none */
#define BL_TILES_EMULATED 0
#endif

/* 1 if processor and system have tiles: the state that the system saves includes them.
 */
static int has_tiles(void)
{
    enum { TILE_DATA = 1 << 18 };
    unsigned low, high;
    if (BL_CPU < BL_CPU_AMX)
        return BL_TILES_EMULATED;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & TILE_DATA) != 0 || BL_TILES_EMULATED;
}

/* Asks the system, which gives them to those only who ask. */
static int may_use_tiles(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 ||
           BL_TILES_EMULATED;
}

int bl_bf16_can(bl_precision precision)
{
    if (!bl_cpu_has(BL_CPU_BF16))
        return 0;
    if (has_tiles())
        return may_use_tiles();
    /* AMD's dot products are twice as fast as its fp32, Intel's half as fast. */
    return precision == BL_BF16 && __builtin_cpu_is("amd");
}

const char *bl_bf16_unit(void)
{
    return has_tiles() ? "AMX" : "AVX-512 BF16";
}

/* C = alpha sums + beta C of rows x cols numbers at the edge, or with other factors. */
WITH_BF16 static void add_sums(const float *sums, float alpha, float beta, float *c,
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

/* 1 if sums are those of C as they are, without factors or edges. */
static int is_direct(const bl_square *q)
{
    return q->rows >= STRIP && q->cols >= STRIP && q->alpha == 1 &&
           (q->beta == 0 || q->beta == 1);
}

static void add_to_c(const bl_square *q, const float *sums)
{
    add_sums(sums, q->alpha, q->beta, q->c, q->ld, (int)bl_min(q->rows, STRIP),
             (int)bl_min(q->cols, STRIP));
}

/* ---- by tiles: 2 x 2 of them use each loaded tile twice ---- */

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

TILE_INLINE void multiply_tiles(void)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

TILE_INLINE void load_a(const char *a)
{
    _tile_loadd(4, a, 64);
    _tile_loadd(5, a + TILE_BYTES, 64);
}

TILE_INLINE void load_b(const char *b)
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

TILE_INLINE void load_sums(const float *c, ptrdiff_t ld)
{
    _tile_loadd(0, c, ld * 4);
    _tile_loadd(1, c + TILE, ld * 4);
    _tile_loadd(2, c + TILE * ld, ld * 4);
    _tile_loadd(3, c + TILE * ld + TILE, ld * 4);
}

TILE_INLINE void store_sums(float *c, ptrdiff_t ld)
{
    _tile_stored(0, c, ld * 4);
    _tile_stored(1, c + TILE, ld * 4);
    _tile_stored(2, c + TILE * ld, ld * 4);
    _tile_stored(3, c + TILE * ld + TILE, ld * 4);
}

WITH_TILES static void multiply_by_tiles(const bl_square *q)
{
    int direct = is_direct(q);
    MEMORY_IS_WRITTEN();
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
    if (direct) {
        store_sums(q->c, q->ld);
        return;
    }
    _Alignas(64) float sums[STRIP * STRIP];
    store_sums(sums, STRIP);
    add_to_c(q, sums);
}

/* ---- by dot products: 8 rows by 32 columns stay in registers ---- */

enum { DOT_ROWS = 8 };

/* C = A B [+ C] for rows of a tile of A and all of B's strip. */
WITH_BF16 static void multiply_rows(const char *a, const char *b, int steps, int add,
                                    float *c, ptrdiff_t ld)
{
    __m512 left[DOT_ROWS], right[DOT_ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < DOT_ROWS; r++) {
        left[r] = add ? _mm512_loadu_ps(c + r * ld) : _mm512_setzero_ps();
        right[r] = add ? _mm512_loadu_ps(c + r * ld + TILE) : _mm512_setzero_ps();
    }
    for (; steps > 0; steps--, a += 2 * TILE_BYTES, b += 2 * TILE_BYTES)
        for (int pair = 0; pair < DEPTH / 2; pair++) {
            __m512bh b0 = (__m512bh)_mm512_load_si512(b + 64 * pair);
            __m512bh b1 = (__m512bh)_mm512_load_si512(b + 64 * pair + TILE_BYTES);
#pragma GCC unroll 8
            for (int r = 0; r < DOT_ROWS; r++) {
                int both; /* numbers along k */
                memcpy(&both, a + 64 * r + 4 * pair, sizeof both);
                __m512bh x = (__m512bh)_mm512_set1_epi32(both);
                left[r] = _mm512_dpbf16_ps(left[r], x, b0);
                right[r] = _mm512_dpbf16_ps(right[r], x, b1);
            }
        }
#pragma GCC unroll 8
    for (int r = 0; r < DOT_ROWS; r++) {
        _mm512_storeu_ps(c + r * ld, left[r]);
        _mm512_storeu_ps(c + r * ld + TILE, right[r]);
    }
}

WITH_BF16 static void multiply_by_dots(const bl_square *q)
{
    _Alignas(64) float sums[STRIP * STRIP];
    int direct = is_direct(q);
    float *c = direct ? q->c : sums;
    ptrdiff_t ld = direct ? q->ld : STRIP;
    for (int i = 0; i < STRIP && i < q->rows; i += DOT_ROWS)
        multiply_rows(q->a + i / TILE * TILE_BYTES + i % TILE * 64, q->b, q->steps,
                      direct && q->beta == 1, c + i * ld, ld);
    if (!direct)
        add_to_c(q, sums);
}

bl_square_fn *bl_squares_begin(void)
{
    if (!has_tiles())
        return multiply_by_dots;
    begin_tiles();
    return multiply_by_tiles;
}

WITH_TILES void bl_squares_end(void)
{
    if (has_tiles())
        _tile_release();
}

#endif
