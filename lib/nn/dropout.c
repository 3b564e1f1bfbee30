/* dropout.c - masks from Philox counters, eight elements a call: 16 bits decide each.
 */
#include "base/rng.h"
#include "nn/ops.h"
#include "nn/vec.h"

enum { GROUP = 8, BATCH = 64 };

/* The ten rounds for BATCH counters side by side, written so that it vectorises; the
 * naive twin is bl_philox. word[c][j] is word c of counter first + j. */
BL_CLONES static void philox_batch(const uint32_t key[2], uint64_t first, uint32_t site,
                                   uint32_t high, uint32_t word[4][BATCH])
{
    for (int j = 0; j < BATCH; j++) {
        uint64_t n = first + (uint64_t)j;
        uint32_t a = (uint32_t)n, b = (uint32_t)(n >> 32), c = site, d = high;
        uint32_t k0 = key[0], k1 = key[1];
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

void bl_dropout(const bl_feed *f, uint32_t site, double p, int64_t start, int n,
                bl_real *x)
{
    if (!f->train || p <= 0)
        return;
    const uint32_t key[2] = {(uint32_t)f->seed ^ (uint32_t)(f->seed >> 32),
                             (uint32_t)f->step};
    uint32_t high = (uint32_t)(f->step >> 32);
    uint32_t drop_below = (uint32_t)(p * 65536 + 0.5);
    bl_real keep = (bl_real)(65536.0 / (65536.0 - drop_below));
    uint32_t word[4][BATCH];
    for (int done = 0; done < n; done += BATCH * GROUP) {
        philox_batch(key, (uint64_t)(start + done) / GROUP, site, high, word);
        int end = (int)bl_min(n, done + BATCH * GROUP);
        for (int i = done; i < end; i++) {
            int in = i - done;
            uint32_t bits = word[in / 2 % 4][in / GROUP] >> (16 * (in % 2)) & 0xffff;
            x[i] = bits < drop_below ? 0 : x[i] * keep;
        }
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
