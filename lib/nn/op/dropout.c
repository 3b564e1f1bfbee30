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

/* The high halves of 16 products; the low ones are _mm512_mullo_epi32's. */
WITH_AVX512 static inline __m512i high_half(__m512i x, __m512i y)
{
    __m512i even = _mm512_mul_epu32(x, y);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), y);
    return _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
}

/* LANES at a time: n in whole LANES is written. */
WITH_AVX512 static void philox_avx512(const draw *of, uint64_t first, int n,
                                      uint32_t word[4][BATCH])
{
    const __m512i lane =
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i m0 = _mm512_set1_epi32((int)0xD2511F53u);
    const __m512i m1 = _mm512_set1_epi32((int)0xCD9E8D57u);
    for (int j = 0; j < n; j += LANES) {
        __m512i low = _mm512_set1_epi32((int)(uint32_t)(first + (uint64_t)j));
        __m512i a = _mm512_add_epi32(low, lane);
        __mmask16 carry = _mm512_cmplt_epu32_mask(a, low);
        __m512i b = _mm512_set1_epi32((int)((first + (uint64_t)j) >> 32));
        __m512i c = _mm512_set1_epi32((int)of->site);
        __m512i d = _mm512_set1_epi32((int)of->high);
        uint32_t k0 = of->key[0], k1 = of->key[1];
        b = _mm512_mask_add_epi32(b, carry, b, _mm512_set1_epi32(1));
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
        _mm512_storeu_si512(word[0] + j, a);
        _mm512_storeu_si512(word[1] + j, b);
        _mm512_storeu_si512(word[2] + j, c);
        _mm512_storeu_si512(word[3] + j, d);
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

int bl_dropout_mask(const bl_feed *f, uint32_t site, double p, int64_t start, int n,
                    bl_real *mask)
{
    if (!f->train || p <= 0)
        return 0;
    draw of = {
        .key = {(uint32_t)f->seed ^ (uint32_t)(f->seed >> 32), (uint32_t)f->step},
        .site = site,
        .high = (uint32_t)(f->step >> 32)};
    bl_real keep = bl_dropout_keep(f, p);
    uint32_t word[4][BATCH];
    for (int done = 0; done < n; done += BATCH * GROUP) {
        int counters = (int)bl_min(BATCH, (n - done + GROUP - 1) / GROUP);
        philox_batch(&of, (uint64_t)(start + done) / GROUP, counters, word);
        factors(word, counters, drop_below(p), keep, mask + done);
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
