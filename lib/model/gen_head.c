/* gen_head.c - one head of a few queries, which meet the same keys and values. Each of
 * these is read once for all of them; a query's numbers, and the order of its sums, are
 * those of one that comes alone. */
#include "model/gen.h"
#include "nn/op/ops.h"

enum { AHEAD = 8192, BEHIND = 2048 }; /* bytes: more than the processor looks ahead */
enum { BLOCK_VECS = BL_GEN_BLOCK / BL_LANES, VECS = 4 }; /* VECS of values at a time */

/* Of the token `age` before the newest. */
static int slot_at(const bl_gen_span *s, int64_t age)
{
    return (int)((s->newest - age) % s->ring->size);
}

static int older(const bl_gen_span *s, int slot)
{
    return slot > 0 ? slot - 1 : s->ring->size - 1;
}

/* ---- queries and keys ---- */

/* COUNT vectors from `from` on, in each of BLOCKS blocks, of out = x (ROWS, e) m. */
#define COLUMNS(ROWS, BLOCKS, COUNT, AT)                                               \
    do {                                                                               \
        bl_vec sum[ROWS][BLOCKS][COUNT];                                               \
        const char *row = from;                                                        \
        for (int r = 0; r < ROWS; r++)                                                 \
            for (int i = 0; i < BLOCKS * COUNT; i++)                                   \
                sum[r][i / COUNT][i % COUNT] = (bl_vec){0};                            \
        for (int c = 0; c < e; c++, row += bytes) {                                    \
            for (size_t i = 0; i < bytes * BLOCKS; i += 64)                            \
                __builtin_prefetch(row + AHEAD + i);                                   \
            for (int b = 0; b < BLOCKS; b++)                                           \
                for (int v = 0; v < COUNT; v++)                                        \
                    for (int r = 0; r < ROWS; r++)                                     \
                        sum[r][b][v] += x[r][c] * AT(row + b * block, v);              \
        }                                                                              \
        for (int r = 0; r < ROWS; r++)                                                 \
            memcpy(out + r * stride + (ptrdiff_t)first * BL_LANES, sum[r],             \
                   sizeof sum[r]);                                                     \
        first += BLOCKS * COUNT;                                                       \
    } while (0)

/* Vectors `first` to `end` of the rows of out, `stride` apart, = x (rows, e) m, columns
 * in blocks. A single row has two blocks at once, for sums wait for those before. */
BL_CLONES static void dots_fp32(int rows, const bl_real *const x[BL_GEN_TOGETHER],
                                const char *m, int e, int first, int end, bl_real *out,
                                ptrdiff_t stride)
{
    const size_t bytes = BL_GEN_BLOCK * sizeof(bl_real);
    const ptrdiff_t block = (ptrdiff_t)bytes * e;
    while (first < end) {
        int at = first % BLOCK_VECS, n = (int)bl_min(BLOCK_VECS - at, end - first);
        const char *from =
            m + first / BLOCK_VECS * block + at * (ptrdiff_t)sizeof(bl_vec);
        if (n == BLOCK_VECS && rows > 1)
            COLUMNS(BL_GEN_TOGETHER, 1, 4, BL_FP32_AT);
        else if (n == BLOCK_VECS && end - first >= 2 * BLOCK_VECS)
            COLUMNS(1, 2, 4, BL_FP32_AT);
        else if (n == BLOCK_VECS)
            COLUMNS(1, 1, 4, BL_FP32_AT);
        else if (n >= 2 && rows > 1)
            COLUMNS(BL_GEN_TOGETHER, 1, 2, BL_FP32_AT);
        else if (n >= 2)
            COLUMNS(1, 1, 2, BL_FP32_AT);
        else if (rows > 1)
            COLUMNS(BL_GEN_TOGETHER, 1, 1, BL_FP32_AT);
        else
            COLUMNS(1, 1, 1, BL_FP32_AT);
    }
}

#ifndef BL_DOUBLE
/* Two vectors are one of words. */
BL_CLONES static void dots_bf16(int rows, const bl_real *const x[BL_GEN_TOGETHER],
                                const char *m, int e, int first, int end, bl_real *out,
                                ptrdiff_t stride)
{
    const size_t bytes = BL_GEN_BLOCK * sizeof(uint16_t);
    const ptrdiff_t block = (ptrdiff_t)bytes * e;
    first -= first % 2;
    while (first < end) {
        int at = first % BLOCK_VECS, n = (int)bl_min(BLOCK_VECS - at, end - first);
        const char *from =
            m + first / BLOCK_VECS * block + at / 2 * (ptrdiff_t)sizeof(bl_word_vec);
        if (n > 2 && rows > 1)
            COLUMNS(BL_GEN_TOGETHER, 1, 4, BL_BF16_AT);
        else if (n > 2 && end - first >= 2 * BLOCK_VECS)
            COLUMNS(1, 2, 4, BL_BF16_AT);
        else if (n > 2)
            COLUMNS(1, 1, 4, BL_BF16_AT);
        else if (rows > 1)
            COLUMNS(BL_GEN_TOGETHER, 1, 2, BL_BF16_AT);
        else
            COLUMNS(1, 1, 2, BL_BF16_AT);
    }
}
#endif

/* Columns `from` to `to` of each row's products. */
static void dots(const bl_gen_head *h, const bl_real *const x[BL_GEN_TOGETHER],
                 const char *m, int from, int to)
{
    bl_real *out = h->scratch + h->cap;
    int first = from / BL_LANES, end = to / BL_LANES + 1;
#ifndef BL_DOUBLE
    if (h->precision == BL_BF16)
        dots_bf16(h->rows, x, m, h->e, first, end, out, h->stride);
    else
#endif
        dots_fp32(h->rows, x, m, h->e, first, end, out, h->stride);
}

/* to[i] = from[-i] */
BL_CLONES static void turn_round(const bl_real *from, int n, bl_real *to)
{
    for (ptrdiff_t i = 0; i < n; i++)
        to[i] = from[-i];
}

/* The scores of the keys that span i of the rows shows, the newest first, behind the n
 * that each row has. */
static void meet_keys(const bl_gen_head *h, int i, int n[BL_GEN_TOGETHER])
{
    const bl_gen_span *last = &h->span[h->rows - 1][i];
    const bl_real *q[BL_GEN_TOGETHER];
    int64_t oldest = last->newest;
    int size = last->ring->size;
    for (int r = 0; r < BL_GEN_TOGETHER; r++) {
        const bl_gen_span *s = &h->span[r < h->rows ? r : 0][i];
        oldest = bl_min(oldest, s->newest - s->n + 1);
        q[r] = s->q;
    }
    int from = (int)(oldest % size), to = slot_at(last, 0);
    if (from > to) {
        dots(h, q, last->k, from, size - 1);
        from = 0;
    }
    dots(h, q, last->k, from, to);
    for (int r = 0; r < h->rows; r++) {
        const bl_gen_span *s = &h->span[r][i];
        bl_real *score = h->scratch + r * h->stride, *dot = score + h->cap;
        int slot = slot_at(s, 0), near = (int)bl_min(s->n, slot + 1);
        turn_round(dot + slot, near, score + n[r]);
        turn_round(dot + size - 1, s->n - near, score + n[r] + near);
        n[r] += s->n;
    }
}

static void meet_distances(const bl_gen_head *h, const int n[BL_GEN_TOGETHER])
{
    const bl_real *q[BL_GEN_TOGETHER];
    int most = 0;
    for (int r = 0; r < BL_GEN_TOGETHER; r++) {
        q[r] = h->qv[r < h->rows ? r : 0];
        most = (int)bl_max(most, r < h->rows ? n[r] : 0);
    }
    dots(h, q, h->r, 0, most - 1);
    for (int r = 0; r < h->rows; r++) {
        bl_real *score = h->scratch + r * h->stride;
        for (int j = 0; j < n[r]; j++)
            score[j] += score[h->cap + j];
    }
}

/* Scores -> probabilities. */
BL_CLONES static void softmax(bl_real *z, int n, bl_real scale)
{
    bl_real max = bl_max_of(z, n);
    for (int j = 0; j < n; j++)
        z[j] = bl_exp((z[j] - max) * scale);
    bl_real inverse = 1 / bl_sum(z, n);
    for (int j = 0; j < n; j++)
        z[j] *= inverse;
}

/* ---- values of one query ---- */

/* COUNT vectors, from those at m and out on, of out += sum over the span of p times its
 * values; newer and older half at once, for sums wait for the one before. */
#define VALUES(COUNT, AT)                                                              \
    do {                                                                               \
        bl_vec sum[2][COUNT];                                                          \
        int half = s->n / 2, slot[2] = {slot_at(s, 0), slot_at(s, half)};              \
        for (int v = 0; v < COUNT; v++) {                                              \
            sum[0][v] = ((const bl_vec *)out)[v];                                      \
            sum[1][v] = (bl_vec){0};                                                   \
        }                                                                              \
        for (int j = 0; j < half; j++)                                                 \
            for (int i = 0; i < 2; i++) {                                              \
                const char *row = m + (size_t)slot[i] * bytes;                         \
                __builtin_prefetch(row - BEHIND);                                      \
                __builtin_prefetch(row - BEHIND + 64);                                 \
                for (int v = 0; v < COUNT; v++)                                        \
                    sum[i][v] += p[j + i * half] * AT(row, v);                         \
                slot[i] = older(s, slot[i]);                                           \
            }                                                                          \
        for (int v = 0; v < COUNT; v++)                                                \
            sum[0][v] += sum[1][v];                                                    \
        if (s->n % 2 != 0)                                                             \
            for (int v = 0; v < COUNT; v++)                                            \
                sum[0][v] += p[s->n - 1] * AT(m + (size_t)slot[1] * bytes, v);         \
        memcpy(out, sum[0], sizeof sum[0]);                                            \
    } while (0)

BL_CLONES static void add_values_fp32(const bl_gen_span *s, const bl_real *p,
                                      bl_real *out)
{
    int left = s->ring->wide / BL_LANES;
    const char *m = s->v;
    size_t bytes = (size_t)s->ring->wide * sizeof(bl_real);
    for (int done; left > 0; left -= done) {
        done = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        if (done == 4)
            VALUES(4, BL_FP32_AT);
        else if (done == 2)
            VALUES(2, BL_FP32_AT);
        else
            VALUES(1, BL_FP32_AT);
        m += done * (int)sizeof(bl_vec);
        out += done * BL_LANES;
    }
}

#ifndef BL_DOUBLE
BL_CLONES static void add_values_bf16(const bl_gen_span *s, const bl_real *p,
                                      bl_real *out)
{
    int left = s->ring->wide / BL_LANES;
    const char *m = s->v;
    size_t bytes = (size_t)s->ring->wide * sizeof(uint16_t);
    for (int done; left > 0; left -= done) {
        done = left >= 4 ? 4 : 2;
        if (done == 4)
            VALUES(4, BL_BF16_AT);
        else
            VALUES(2, BL_BF16_AT);
        m += done / 2 * (int)sizeof(bl_word_vec);
        out += done * BL_LANES;
    }
}
#endif

static void add_values(bl_precision precision, const bl_gen_span *s, const bl_real *p,
                       bl_real *out)
{
#ifndef BL_DOUBLE
    if (precision == BL_BF16)
        add_values_bf16(s, p, out);
    else
#endif
        add_values_fp32(s, p, out);
    (void)precision;
}

/* ---- values of several ---- */

/* Those of n tokens one older than the other, at m and `bytes` before each other. */
#define ADD(ROWS, COUNT, AT)                                                           \
    do {                                                                               \
        bl_vec s[ROWS][COUNT];                                                         \
        const char *row = m;                                                           \
        for (int r = 0; r < ROWS; r++)                                                 \
            memcpy(s[r], sum[r], sizeof s[r]);                                         \
        for (ptrdiff_t u = 0; u < n; u++, row -= bytes) {                              \
            __builtin_prefetch(row - BEHIND);                                          \
            __builtin_prefetch(row - BEHIND + 64);                                     \
            for (int v = 0; v < COUNT; v++)                                            \
                for (int r = 0; r < ROWS; r++)                                         \
                    s[r][v] += p[r][u] * AT(row, v);                                   \
        }                                                                              \
        for (int r = 0; r < ROWS; r++)                                                 \
            memcpy(sum[r], s[r], sizeof s[r]);                                         \
    } while (0)
#define ADD_ROWS(COUNT, AT)                                                            \
    do {                                                                               \
        if (rows > 1)                                                                  \
            ADD(BL_GEN_TOGETHER, COUNT, AT);                                           \
        else                                                                           \
            ADD(1, COUNT, AT);                                                         \
    } while (0)

typedef bl_vec sums[BL_GEN_TOGETHER][VECS];

/* sum[r] += p[r] (n) of the values, `count` vectors of them. */
BL_CLONES static void add_fp32(int rows, int count,
                               const bl_real *const p[BL_GEN_TOGETHER], const char *m,
                               ptrdiff_t bytes, int n, sums sum)
{
    if (count == 4)
        ADD_ROWS(4, BL_FP32_AT);
    else if (count == 2)
        ADD_ROWS(2, BL_FP32_AT);
    else
        ADD_ROWS(1, BL_FP32_AT);
}

#ifndef BL_DOUBLE
BL_CLONES static void add_bf16(int rows, int count,
                               const bl_real *const p[BL_GEN_TOGETHER], const char *m,
                               ptrdiff_t bytes, int n, sums sum)
{
    if (count == 4)
        ADD_ROWS(4, BL_BF16_AT);
    else
        ADD_ROWS(2, BL_BF16_AT);
}
#endif

/* Vectors of values as they are read by rows that see each its part of a span. */
typedef struct {
    const bl_gen_head *h;
    const bl_gen_span *newest; /* of the last row */
    const char *m;             /* of slot 0 */
    int count;
} reading;

/* Ages `from` to `to`, counted from the newest token, for some rows. */
static void add_ages(const reading *by, int rows,
                     const bl_real *const p[BL_GEN_TOGETHER], int from, int to,
                     sums sum)
{
    const bl_gen_span *s = by->newest;
    size_t bytes = bl_store_bytes(by->h->precision, (size_t)s->ring->wide);
    const bl_real *at[BL_GEN_TOGETHER];
    for (int n; from < to; from += n) {
        int slot = slot_at(s, from);
        const char *m = by->m + (size_t)slot * bytes;
        n = (int)bl_min(to - from, slot + 1);
        for (int r = 0; r < BL_GEN_TOGETHER; r++)
            at[r] = p[r < rows ? r : 0] + from;
#ifndef BL_DOUBLE
        if (by->h->precision == BL_BF16)
            add_bf16(rows, by->count, at, m, (ptrdiff_t)bytes, n, sum);
        else
#endif
            add_fp32(rows, by->count, at, m, (ptrdiff_t)bytes, n, sum);
    }
}

/* Tokens first[r] to end[r] of each row, as its probabilities p[r] count them, which
 * are shift[r] ages later in those of the newest: what all have together in one go. */
static void add_parts(const reading *by, const bl_real *const p[BL_GEN_TOGETHER],
                      const int first[BL_GEN_TOGETHER], const int end[BL_GEN_TOGETHER],
                      sums sum)
{
    int rows = by->h->rows, from = first[0], to = end[0];
    for (int r = 1; r < rows; r++) {
        from = (int)bl_max(from, first[r]);
        to = (int)bl_min(to, end[r]);
    }
    to = (int)bl_max(from, to);
    for (int r = 0; r < rows; r++)
        add_ages(by, 1, p + r, first[r], (int)bl_min(from, end[r]), sum + r);
    add_ages(by, rows, p, from, to, sum);
    for (int r = 0; r < rows; r++)
        add_ages(by, 1, p + r, (int)bl_max(to, first[r]), end[r], sum + r);
}

/* `count` vectors, from the `at`-th on, of what the rows of one span get. The halves
 * are those of VALUES. */
static void add_together(const bl_gen_head *h, int at, int count)
{
    const bl_gen_span *last = &h->span[h->rows - 1][0];
    size_t bytes = bl_store_bytes(h->precision, (size_t)at * BL_LANES);
    const reading by = {h, last, last->v + bytes, count};
    const bl_real *p[BL_GEN_TOGETHER];
    int first[BL_GEN_TOGETHER], end[BL_GEN_TOGETHER];
    sums sum[2];
    memset(sum, 0, sizeof sum);
    for (int i = 0; i < 2; i++) {
        for (int r = 0; r < h->rows; r++) {
            const bl_gen_span *s = &h->span[r][0];
            int shift = (int)(last->newest - s->newest);
            p[r] = h->scratch + r * h->stride - shift;
            first[r] = shift + i * (s->n / 2);
            end[r] = first[r] + s->n / 2;
        }
        add_parts(&by, p, first, end, sum[i]);
    }
    for (int r = 0; r < h->rows; r++) {
        for (int v = 0; v < count; v++)
            sum[0][r][v] += sum[1][r][v];
        add_ages(&by, 1, p + r, end[r], end[r] + h->span[r][0].n % 2, sum[0] + r);
        memcpy(bl_gen_head_out(h, r) + (ptrdiff_t)at * BL_LANES, sum[0][r],
               (size_t)count * sizeof(bl_vec));
    }
}

void bl_gen_attend_head(const bl_gen_head *h)
{
    int n[BL_GEN_TOGETHER] = {0}, vecs = h->span[0][0].ring->wide / BL_LANES;
    for (int i = 0; i < h->n_spans; i++)
        meet_keys(h, i, n);
    if (h->r != NULL)
        meet_distances(h, n);
    for (int r = 0; r < h->rows; r++)
        softmax(h->scratch + r * h->stride, n[r], 1 / (bl_real)sqrt((double)h->e));
    if (h->rows > 1) {
        for (int v = 0, count; v < vecs; v += count)
            add_together(h, v, count = vecs - v >= 4 ? 4 : vecs - v >= 2 ? 2 : 1);
        return;
    }
    bl_real *out = bl_gen_head_out(h, 0);
    memset(out, 0, (size_t)vecs * sizeof(bl_vec));
    for (int i = 0, first = 0; i < h->n_spans; first += h->span[0][i++].n)
        add_values(h->precision, &h->span[0][i], h->scratch + first, out);
}
