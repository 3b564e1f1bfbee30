/* dropout.c - masks from Philox counters (base/rng.h), eight elements a call: 16 bits
 * decide each. */
#include "base/cpu.h"
#include "base/rng.h"
#include "nn/op/ops.h"
#include "nn/kernel/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    GROUP = 8,  /* elements that a counter decides */
    BATCH = 64, /* counters at a time */
    LANES = 16  /* of these in a vector */
};

/* What all counters of a site share. */
typedef struct {
    uint32_t key[2], site, high;
} draw;

/* word[c][j] = word c of counter first + j, j < n <= BATCH. Written so that it
 * vectorises; the naive twin of both is bl_philox. */
BL_CLONES static void philox_any(const draw *of, uint64_t first, int n,
                                 uint32_t word[4][BATCH])
{
    for (int j = 0; j < n; j++) {
        uint64_t count = first + (uint64_t)j;
        uint32_t a = (uint32_t)count, b = (uint32_t)(count >> 32);
        uint32_t c = of->site, d = of->high, k0 = of->key[0], k1 = of->key[1];
        for (int round = 0; round < 10; round++) {
            uint64_t p = (uint64_t)0xD2511F53u * a;
            uint64_t q = (uint64_t)0xCD9E8D57u * c;
            a = (uint32_t)(q >> 32) ^ b ^ k0;
            b = (uint32_t)q;
            c = (uint32_t)(p >> 32) ^ d ^ k1;
            d = (uint32_t)p;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        word[0][j] = a;
        word[1][j] = b;
        word[2][j] = c;
        word[3][j] = d;
    }
}

#if defined(__x86_64__)
#define WITH_AVX512 __attribute__((target("avx512f")))
#define INLINE_AVX512 WITH_AVX512 static inline __attribute__((always_inline))

/* The high halves of 16 products; the low ones are _mm512_mullo_epi32's. */
INLINE_AVX512 __m512i high_half(__m512i x, __m512i y)
{
    __m512i even = _mm512_mul_epu32(x, y);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), y);
    return _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
}

/* The words of LANES counters, `lane` in front of the first. */
INLINE_AVX512 void philox_lanes(const draw *of, uint64_t first, __m512i lane,
                                __m512i word[4])
{
    const __m512i m0 = _mm512_set1_epi32((int)0xD2511F53u);
    const __m512i m1 = _mm512_set1_epi32((int)0xCD9E8D57u);
    __m512i low = _mm512_set1_epi32((int)(uint32_t)first);
    __m512i a = _mm512_add_epi32(low, lane);
    __mmask16 carry = _mm512_cmplt_epu32_mask(a, low);
    __m512i b = _mm512_set1_epi32((int)(first >> 32));
    __m512i c = _mm512_set1_epi32((int)of->site);
    __m512i d = _mm512_set1_epi32((int)of->high);
    uint32_t k0 = of->key[0], k1 = of->key[1];
    b = _mm512_mask_add_epi32(b, carry, b, _mm512_set1_epi32(1));
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        __m512i p = high_half(a, m0), q = high_half(c, m1);
        __m512i next_b = _mm512_mullo_epi32(c, m1);
        d = _mm512_xor_epi32(d, _mm512_set1_epi32((int)k1));
        b = _mm512_xor_epi32(b, _mm512_set1_epi32((int)k0));
        c = _mm512_xor_epi32(p, d);
        d = _mm512_mullo_epi32(a, m0);
        a = _mm512_xor_epi32(q, b);
        b = next_b;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = a;
    word[1] = b;
    word[2] = c;
    word[3] = d;
}

/* LANES at a time: n in whole LANES is written. */
WITH_AVX512 static void philox_avx512(const draw *of, uint64_t first, int n,
                                      uint32_t word[4][BATCH])
{
    const __m512i lane =
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i next[4];
    for (int j = 0; j < n; j += LANES) {
        philox_lanes(of, first + (uint64_t)j, lane, next);
        for (int i = 0; i < 4; i++)
            _mm512_storeu_si512(word[i] + j, next[i]);
    }
}
#endif

static void philox_batch(const draw *of, uint64_t first, int n, uint32_t word[4][BATCH])
{
#if defined(__x86_64__)
    if (bl_cpu_has(BL_CPU_AVX512)) {
        philox_avx512(of, first, n, word);
        return;
    }
#endif
    philox_any(of, first, n, word);
}

/* A word decides two numbers, its low half the first; a counter's words follow each
 * other. n is the number of counters. */
BL_CLONES static void factors(uint32_t word[4][BATCH], int n, uint32_t below,
                              bl_real keep, bl_real *mask)
{
    uint32_t in_order[4 * BATCH];
    for (int j = 0; j < n; j++)
        for (int c = 0; c < 4; c++)
            in_order[4 * j + c] = word[c][j];
    for (int i = 0; i < 4 * n; i++) {
        mask[2 * i] = (in_order[i] & 0xffff) < below ? 0 : keep;
        mask[2 * i + 1] = in_order[i] >> 16 < below ? 0 : keep;
    }
}

/* The probability in 65,536ths: 16 bits below it drop their element. */
static uint32_t drop_below(double p)
{
    return (uint32_t)(p * 65536 + 0.5);
}

bl_real bl_dropout_keep(const bl_feed *f, double p)
{
    return f->train ? (bl_real)(65536.0 / (65536.0 - drop_below(p))) : 1;
}

static draw draw_of(const bl_feed *f, uint32_t site)
{
    return (draw){
        .key = {(uint32_t)f->seed ^ (uint32_t)(f->seed >> 32), (uint32_t)f->step},
        .site = site,
        .high = (uint32_t)(f->step >> 32)};
}

#if defined(__x86_64__) && !defined(BL_DOUBLE)
static int is_direct(uint32_t below)
{
    return below <= UINT16_MAX && bl_cpu_has_bw();
}

/* to = x, or all ones where it is NULL, times the mask of n elements, without numbers
 * between: a comparison of halves of words gives bits. The lanes of counters are such
 * that words come out in order. */
__attribute__((target("avx512f,avx512bw"))) static void
drop_directly(const draw *of, uint64_t first, int n, uint32_t below, float keep,
              const float *x, float *to)
{
    const __m512i lane =
        _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    const __m512i least = _mm512_set1_epi16((short)below);
    const __m512 kept = _mm512_set1_ps(keep);
    __m512i word[4], row[4];
    for (int done = 0; done < n; done += LANES * GROUP, first += LANES) {
        philox_lanes(of, first, lane, word);
        for (int i = 0; i < 4; i += 2) { /* words 0 and 1, then 2 and 3 */
            row[i] = _mm512_unpacklo_epi32(word[i], word[i + 1]);
            row[i + 1] = _mm512_unpackhi_epi32(word[i], word[i + 1]);
        }
        word[0] = _mm512_unpacklo_epi64(row[0], row[2]);
        word[1] = _mm512_unpackhi_epi64(row[0], row[2]);
        word[2] = _mm512_unpacklo_epi64(row[1], row[3]);
        word[3] = _mm512_unpackhi_epi64(row[1], row[3]);
        for (int i = 0; i < 8 && done + 16 * i < n; i++) {
            int at = done + 16 * i, left = n - at;
            __mmask16 there = (__mmask16)(left < 16 ? (1 << left) - 1 : 0xffff);
            __mmask32 stays = _mm512_cmpge_epu16_mask(word[i / 2], least);
            __m512 v = kept;
            if (x != NULL)
                v = _mm512_mul_ps(_mm512_maskz_loadu_ps(there, x + at), kept);
            v = _mm512_maskz_mov_ps((__mmask16)(stays >> i % 2 * 16), v);
            _mm512_mask_storeu_ps(to + at, there, v);
        }
    }
}
#endif

int bl_dropout_mask(const bl_feed *f, uint32_t site, double p, int64_t start, int n,
                    bl_real *mask)
{
    if (!f->train || p <= 0)
        return 0;
    draw of = draw_of(f, site);
    bl_real keep = bl_dropout_keep(f, p);
    uint32_t below = drop_below(p), word[4][BATCH];
#if defined(__x86_64__) && !defined(BL_DOUBLE)
    if (is_direct(below)) {
        drop_directly(&of, (uint64_t)start / GROUP, n, below, keep, NULL, mask);
        return 1;
    }
#endif
    for (int done = 0; done < n; done += BATCH * GROUP) {
        int counters = (int)bl_min(BATCH, (n - done + GROUP - 1) / GROUP);
        philox_batch(&of, (uint64_t)(start + done) / GROUP, counters, word);
        factors(word, counters, below, keep, mask + done);
    }
    return 1;
}

BL_CLONES void bl_times(bl_real *x, const bl_real *y, int n)
{
    for (int i = 0; i < n; i++)
        x[i] *= y[i];
}

void bl_dropout(const bl_feed *f, uint32_t site, double p, int64_t start, int n,
                bl_real *x)
{
    bl_real mask[BATCH * GROUP];
#if defined(__x86_64__) && !defined(BL_DOUBLE)
    if (f->train && p > 0 && is_direct(drop_below(p))) {
        draw of = draw_of(f, site);
        drop_directly(&of, (uint64_t)start / GROUP, n, drop_below(p),
                      bl_dropout_keep(f, p), x, x);
        return;
    }
#endif
    for (int done = 0; done < n; done += BATCH * GROUP) {
        int count = (int)bl_min(n - done, BATCH * GROUP);
        if (!bl_dropout_mask(f, site, p, start + done, count, mask))
            return;
        bl_times(x + done, mask, count);
    }
}

/* ---- as an op of its own ---- */

typedef struct {
    bl_mat *x, *out;
    double dropout;
    uint32_t site;
} dropped_args;

typedef struct {
    bl_graph *g;
    dropped_args *a;
    bl_real beta;
} job;

static void forward_part(void *arg, int part)
{
    job *j = arg;
    dropped_args *a = j->a;
    int start, end, n = a->x->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        bl_real *out = a->out->v + (ptrdiff_t)r * n;
        memcpy(out, a->x->v + (ptrdiff_t)r * n, (size_t)n * sizeof *out);
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, n), n, out);
    }
}

static void dropped_forward(bl_graph *g, void *args)
{
    job j = {g, args, 0};
    bl_pool_run(g->pool, forward_part, &j, BL_PARTS);
}

static void backward_part(void *arg, int part)
{
    job *j = arg;
    dropped_args *a = j->a;
    int start, end, n = a->x->cols;
    bl_rows_of(a->x->rows, part, &start, &end);
    for (int r = start; r < end; r++) {
        bl_real *grad = a->out->g + (ptrdiff_t)r * n, *to = a->x->g + (ptrdiff_t)r * n;
        bl_dropout(&j->g->feed, a->site, a->dropout, bl_site_start(r, n), n, grad);
        for (int c = 0; c < n; c++)
            to[c] = (j->beta == 0 ? 0 : to[c]) + grad[c];
    }
}

static void dropped_backward(bl_graph *g, void *args)
{
    dropped_args *a = args;
    job j = {g, a, bl_grad_beta(a->x)};
    bl_pool_run(g->pool, backward_part, &j, BL_PARTS);
}

bl_mat *bl_dropped(bl_graph *g, bl_mat *x, double dropout)
{
    if (g->e->code != 0 || dropout <= 0)
        return x;
    bl_mat *out = bl_graph_mat(g, x->rows, x->cols, 1);
    dropped_args a = {x, out, dropout, ++g->sites};
    bl_graph_reads(g, x);
    bl_graph_op(g, dropped_forward, dropped_backward, &a, sizeof a);
    return out;
}
