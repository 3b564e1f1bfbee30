/* test_model.c - the engine in single precision against its naive twins: products,
 * memory against the whole context, generation against the training graph, dropout,
 * threads, sampling. Gradients are double_grad.c's. */
#include "base/rng.h"
#include "model/gen.h"
#include "model/model.h"
#include "model/sample.h"
#include "base/cpu.h"
#include "nn/kernel/int8.h"
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"
#include "nn/op/optim.h"
#include "nn/kernel/thin.h"
#include "nn/kernel/narrow.h"
#include "nn/kernel/tile.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 23, LENGTH = 150 };

static bl_model_config config(int segment, int memory)
{
    bl_model_config c = bl_model_config_default();
    c.vocab = VOCAB;
    c.layers = 3;
    c.width = 32;
    c.heads = 4;
    c.ff = 64;
    c.segment = segment;
    c.memory = memory;
    c.dropout = 0;
    c.init_std = 0.2;
    return c;
}

static bl_model *open_model(const bl_model_config *c, int lanes, int train,
                            bl_pool *pool)
{
    bl_model *m;
    bl_err e = BL_ERR_INIT;
    if (bl_model_new(&m, c, lanes, train, pool, &e) != 0) {
        printf("Bail out! %s\n", e.text);
        exit(1);
    }
    bl_model_init(m, 5);
    return m;
}

static int32_t token(int i)
{
    return (int32_t)((i * i * 7 + i * 3 + 1) % VOCAB);
}

static double difference(const bl_real *a, const bl_real *b, int n)
{
    double max = 0;
    for (int i = 0; i < n; i++)
        max = fmax(max, fabs((double)a[i] - (double)b[i]));
    return max;
}

/* Logits of LENGTH tokens, one lane, read in segments of c->segment. */
static void read_in_segments(const bl_model_config *c, bl_pool *pool, bl_real *logits)
{
    bl_model *m = open_model(c, 1, 0, pool);
    int32_t x[LENGTH], y[LENGTH];
    int64_t n;
    for (int start = 0; start < LENGTH; start += c->segment) {
        int32_t real = (int32_t)bl_min(c->segment, LENGTH - start);
        for (int i = 0; i < c->segment; i++) {
            x[i] = i < real ? token(start + i) : 0;
            y[i] = -1;
        }
        bl_model_forward(m, x, y, &real, 0, 0, 0, &n);
        memcpy(logits + start * VOCAB, bl_model_logits(m),
               (size_t)real * VOCAB * sizeof *logits);
        bl_model_advance(m);
    }
    bl_model_del(m);
}

static void test_memory(bl_pool *pool)
{
    static bl_real whole[LENGTH * VOCAB], parts[LENGTH * VOCAB];
    for (int pre = 0; pre <= 1; pre++) {
        bl_model_config c = config(LENGTH, 0);
        c.pre_norm = pre;
        read_in_segments(&c, pool, whole);
        static const int segment[] = {1, 5, 7, 12};
        for (size_t i = 0; i < BL_COUNT(segment); i++) {
            c.segment = segment[i];
            c.memory = LENGTH;
            read_in_segments(&c, pool, parts);
            double d = difference(whole, parts, LENGTH * VOCAB);
            ok(d < 2e-4, "segments of %d with memory are one long segment (%.1g)%s",
               segment[i], d, pre ? ", pre-norm" : "");
        }
    }
}

/* Packed matrices of sizes that do and do not fill panels, each number of rows. */
static void test_thin(bl_pool *pool)
{
    enum { ROWS = 11, K = 37, N = 2 * 32 + 5, SIZE = 4000 };
    static bl_real b[SIZE], turned[SIZE], x[ROWS * K], y[ROWS * N], twin[ROWS * N],
        bias[N];
    static _Alignas(64) bl_real panels[3 * 32 * K];
    bl_rng rng = bl_rng_make(3, 0);
    double worst = 0, kept = 1, half = 0;
    for (int i = 0; i < ROWS * K; i++)
        x[i] = (bl_real)bl_rng_normal(&rng);
    for (int n = 1; n <= N; n += 17)
        for (int way = 0; way < 8; way++) {
            bl_precision p = way & 1 ? BL_BF16 : BL_FP32;
            bl_thin t;
            for (int i = 0; i < K * n; i++)
                b[i] = turned[i % n * K + i / n] = (bl_real)bl_rng_normal(&rng);
            for (int i = 0; i < n; i++)
                bias[i] = (bl_real)i;
            for (int i = 0; i < ROWS * n; i++)
                y[i] = twin[i] = 1;
            bl_thin_pack(&t, p, way >> 1 & 1, K, n, way >> 1 & 1 ? turned : b, panels);
            bl_thin_multiply_naive(&t, x, ROWS, bias, way >> 2, twin);
            bl_thin_multiply(pool, &t, x, ROWS, bias, way >> 2, y);
            worst = fmax(worst, difference(y, twin, ROWS * n));
            for (int r = 0; r < ROWS; r++) { /* a row alone has the same bytes */
                bl_real alone[N];
                for (int i = 0; i < n; i++)
                    alone[i] = 1;
                bl_thin_multiply(pool, &t, x + r * K, 1, bias, way >> 2, alone);
                kept *= memcmp(alone, y + r * n, (size_t)n * sizeof *y) == 0;
            }
            for (int i = 0; i < K * n && p == BL_BF16; i++) {
                bl_real one[K] = {0}, row[N];
                one[i / n] = 1;
                bl_thin_multiply(pool, &t, one, 1, NULL, 0, row);
                half = fmax(half, fabs(row[i % n] / b[i] - 1));
            }
        }
    ok(worst < 1e-4, "few rows by a packed matrix: as by three loops (%.1g)", worst);
    ok(kept == 1, "few rows by a packed matrix: a row does not depend on the others");
    ok(half <= 0x1p-8 && half > 0x1p-10, "packed in bf16: rounded to 8 bits (%.1g)",
       half);
}

/* Dot products of bytes by each unit that is here, all lengths and numbers of rows;
 * then whole products beside those of the rounded operands. */
static void test_int8(bl_pool *pool)
{
    enum { K = 203, STRIDE = 204, N = 2 * 32 + 5 };
    static bl_real x[BL_INT8_ROWS * K], b[K * N], y[BL_INT8_ROWS * N], twin[N];
    static uint8_t q[BL_INT8_ROWS * STRIDE];
    static _Alignas(64) char panels[3 * (STRIDE * 32 + 256)];
    int32_t all[BL_INT8_ROWS][32], one[BL_INT8_ROWS][32];
    bl_rng rng = bl_rng_make(4, 0);
    int same = 1, units = 0, right = 1;
    for (int i = 0; i < BL_INT8_ROWS * K; i++)
        x[i] = (bl_real)bl_rng_normal(&rng);
    for (int i = 0; i < K * N; i++)
        b[i] = (bl_real)bl_rng_normal(&rng) * (i % N + 1);
    memset(x, 0, K * sizeof *x); /* a row of zeros */
    for (int k = 1; k <= K; k = k < 20 ? k + 1 : k + 61) {
        memset(panels, 0, sizeof panels);
        for (int c = 0; c < 32; c++)
            bl_int8_pack(b + c, N, k, c, panels);
        for (int r = 0; r < BL_INT8_ROWS; r++)
            (void)bl_int8_row(x + r * K, k, q + r * STRIDE);
        bl_int8_dots_portable(q, STRIDE, BL_INT8_ROWS, k, panels, all);
        for (int r = 0; r < BL_INT8_ROWS; r++)
            for (int c = 0; c < 32; c++) {
                int32_t sum = 0;
                for (int p = 0; p < k; p++)
                    sum += (q[r * STRIDE + p] - 128) *
                           ((int8_t *)panels)[p / 4 * 128 + 4 * c + p % 4];
                right &= sum == all[r][c];
            }
        for (int wide = 0; wide < 2; wide++)
            for (int rows = 1; rows <= BL_INT8_ROWS && bl_cpu_has_vnni(wide); rows++) {
                units |= 1 << wide;
                bl_int8_dots_unit(wide, q, STRIDE, rows, k, panels, one);
                same &= memcmp(one, all, (size_t)rows * sizeof *one) == 0;
            }
    }
    ok(right, "int8: portable dot products are those of three loops");
    ok(same, "int8: the units (%d) give the same whole numbers", units);
    bl_thin t;
    double worst = 0;
    bl_thin_pack(&t, BL_INT8, 0, K, N, b, panels);
    bl_thin_multiply(pool, &t, x, BL_INT8_ROWS, NULL, 0, y);
    for (int r = 0; r < BL_INT8_ROWS; r++) {
        bl_gemm(pool, &(bl_gemm_args){.m = 1,
                                      .n = N,
                                      .k = K,
                                      .alpha = 1,
                                      .a = x + r * K,
                                      .lda = K,
                                      .b = b,
                                      .ldb = N,
                                      .c = twin,
                                      .ldc = N,
                                      .precision = BL_INT8});
        for (int c = 0; c < N; c++)
            worst = fmax(worst, fabs(y[r * N + c] - twin[c]) / (c + 1));
    }
    ok(worst < 1e-4, "int8: as products of the rounded operands (%.1g)", worst);
}

/* One stream of three begins late, one rests: the farthest that its logits are from the
 * graph's, which a stream that begins anew repeats. */
static double off_graph(const bl_model_config *c, bl_precision precision,
                        const bl_real *graph, double limit, bl_pool *pool)
{
    static bl_real logits[3 * VOCAB];
    bl_model *m = open_model(c, 1, 0, pool);
    bl_gen *g;
    if (bl_gen_new(&g, m, c, 3, precision, pool, NULL) != 0)
        exit(1);
    double worst = 0;
    for (int i = -2; i < LENGTH; i++) {
        int32_t t[3] = {-1, token(i + 5), i < 0 ? -1 : token(i)};
        bl_gen_step(g, t, logits);
        if (i >= 0)
            worst =
                fmax(worst, difference(logits + 2 * VOCAB, graph + i * VOCAB, VOCAB));
    }
    bl_gen_forget(g, 2);
    bl_gen_step(g, (int32_t[]){-1, -1, token(0)}, logits);
    ok(difference(logits + 2 * VOCAB, graph, VOCAB) < limit, "a stream can begin anew");
    bl_gen_del(g);
    bl_model_del(m);
    return worst;
}

/* Two streams, the second one shorter: their tokens but the last at once, as much as
 * goes, or step by step; the logits of the last. */
static void read_all(const bl_model_config *c, int at_once, bl_pool *pool,
                     bl_real logits[2 * VOCAB])
{
    enum { SHORTER = 3 };
    bl_model *m = open_model(c, 1, 0, pool);
    bl_gen *g;
    if (bl_gen_new(&g, m, c, 2, BL_FP32, pool, NULL) != 0)
        exit(1);
    for (int i = 0; i + 1 < LENGTH && !at_once;) {
        int32_t t[2] = {token(i), i < LENGTH - 1 - SHORTER ? token(i + 5) : -1};
        bl_gen_step(g, t, logits);
        i++;
    }
    for (int i = 0; i + 1 < LENGTH && at_once;) {
        int most = (int)bl_min(bl_gen_most(g) / 2, bl_gen_room(g, 0)), n = 0;
        bl_gen_token t[2 * LENGTH];
        for (int k = 0; k < most && i + 1 < LENGTH; k++, i++) {
            t[n++] = (bl_gen_token){0, token(i), BL_PLACE_BEGIN};
            if (i < LENGTH - 1 - SHORTER)
                t[n++] = (bl_gen_token){1, token(i + 5), BL_PLACE_BEGIN};
        }
        bl_gen_read(g, t, n);
    }
    bl_gen_step(g, (int32_t[]){token(LENGTH - 1), token(1)}, logits);
    bl_gen_del(g);
    bl_model_del(m);
}

static void reads_as_steps(const char *name, const bl_model_config *c, bl_pool *pool)
{
    static bl_real steps[2 * VOCAB], passes[2 * VOCAB];
    if (c->arch == BL_ARCH_LSTM)
        return;
    read_all(c, 0, pool, steps);
    read_all(c, 1, pool, passes);
    ok(difference(steps, passes, 2 * VOCAB) == 0, "read at once as in steps: %s", name);
}

static void same_as_graph(const char *name, const bl_model_config *c, bl_pool *pool)
{
    static bl_real graph[LENGTH * VOCAB];
    read_in_segments(c, pool, graph);
    double worst = off_graph(c, BL_FP32, graph, 2e-4, pool);
    ok(worst < 2e-4, "generation is the graph: %s (%.1g)", name, worst);
    reads_as_steps(name, c, pool);
    worst = off_graph(c, BL_BF16, graph, 0.1, pool);
    ok(worst < 0.1 && worst > 1e-4, "in bf16 nearly: %s (%.1g)", name, worst);
    bl_model_config bytes = *c;
    bytes.precision = BL_INT8;
    read_in_segments(&bytes, pool, graph);
    worst = off_graph(c, BL_INT8, graph, 0.4, pool);
    ok(worst < 0.4, "in int8 the graph that is rounded so: %s (%.1g)", name, worst);
}

/* What no paper combines, but a config may. */
static void test_mixtures(bl_pool *pool)
{
    bl_model_config c = config(5, 7);
    c.pos = BL_POS_ABSOLUTE;
    c.positions = 6;
    same_as_graph("absolute positions with memory", &c, pool);
    c.zero_memory = 1;
    same_as_graph("and a memory of zeros", &c, pool);
    c = config(3, 6);
    bl_model_config_arch(&c, BL_ARCH_COMPRESSIVE);
    c.ratio = 3;
    c.compressed = 2;
    c.pre_norm = c.att_bias = 1;
    same_as_graph("compressive, pre-norm, biases", &c, pool);
    c.zero_memory = 1;
    same_as_graph("and a memory of zeros", &c, pool);
    c.pos = BL_POS_ABSOLUTE;
    c.positions = c.segment = 9;
    same_as_graph("and absolute positions", &c, pool);
}

/* Options that no architecture before has. */
static void test_options(bl_pool *pool)
{
    bl_model_config c = config(1, 12);
    c.norm = BL_NORM_RMS;
    same_as_graph("root-mean-square norm", &c, pool);
    c.pre_norm = 1;
    same_as_graph("and pre-norm", &c, pool);
    c = config(1, 12);
    c.act = BL_ACT_SILU - 1;
    c.ff_bias = 0;
    same_as_graph("silu without biases", &c, pool);
    c.glu = c.ff_bias = 1;
    same_as_graph("gated, with them", &c, pool);
    c = config(1, 12);
    c.gate = BL_GATE_GRU;
    same_as_graph("GRU gates", &c, pool);
    c.mogrify = 5; /* rounds of which each up to doubles what bf16 rounds */
    c.pre_norm = 1;
    c.init_std = 0.1;
    same_as_graph("and the mogrifier, pre-norm", &c, pool);
    c = config(5, 10);
    c.memory_layers[0] = 6;
    same_as_graph("memory in the second and third layer", &c, pool);
    c.pos = BL_POS_ROTARY;
    c.init_std = 0.1;
    c.zero_memory = 1;
    c.compressed = 4;
    c.ratio = 5;
    same_as_graph("rotary, zeros, compressed slots", &c, pool);
    c = config(1, 12);
    c.embed_width = 20;
    same_as_graph("a narrow embedding", &c, pool);
    c = config(1, 12);
    c.kv_heads = 2;
    same_as_graph("two heads of keys and values", &c, pool);
    c = config(1, 12);
    c.pos = BL_POS_ROTARY;
    c.rope_theta = 20;
    same_as_graph("rotary positions", &c, pool);
    c.att_bias = c.pre_norm = c.zero_memory = 1;
    same_as_graph("and a memory of zeros", &c, pool);
    c.segment = 3;
    c.compressed = 2;
    c.ratio = 3;
    c.kv_heads = 1;
    same_as_graph("and compressed slots, one head of keys", &c, pool);
}

/* What a compressor adds to the operations of a token that are said: the numbers were
 * counted where products go to the BLAS; of a dilated one the rows of zeros outside are
 * among them. */
static void test_compressor_work(void)
{
    static const struct {
        int how, loss, kv_heads;
        double counted;
    } all[] = {{BL_COMPRESS_CONV, BL_REBUILD_ATTENTION, 0, 1736704},
               {BL_COMPRESS_CONV, BL_REBUILD_ATTENTION, 1, 1048576},
               {BL_COMPRESS_CONV, BL_REBUILD_ROWS, 0, 1310720},
               {BL_COMPRESS_DILATED, BL_REBUILD_ATTENTION, 0, 3571712},
               {BL_COMPRESS_DILATED, BL_REBUILD_ROWS, 0, 3145728},
               {BL_COMPRESS_MAX, BL_REBUILD_ATTENTION, 0, 0},
               {BL_COMPRESS_MOST_USED, BL_REBUILD_ATTENTION, 0, 0}};
    bl_model_config c = config(128, 128);
    c.layers = 2;
    c.width = 256;
    c.heads = 8;
    c.ff = 1024;
    c.compressed = 128;
    c.ratio = 4;
    for (size_t i = 0; i < BL_COUNT(all); i++) {
        c.kv_heads = all[i].kv_heads;
        c.compressor = BL_COMPRESS_MEAN;
        double without = bl_model_flops_per_token(&c);
        c.compressor = all[i].how;
        c.compressor_loss = all[i].loss;
        double more = bl_model_flops_per_token(&c) - without;
        ok(fabs(more - all[i].counted) < 1, "the work of %s, loss %s (%.0f)",
           bl_model_choice("compressor", all[i].how),
           bl_model_choice("compressor_loss", all[i].loss), more);
    }
}

/* Numbers that a stream of a model of long context keeps of the past. */
static int64_t n_kept(const bl_model_config *c, bl_pool *pool)
{
    bl_model *m = open_model(c, 1, 0, pool);
    bl_gen *g;
    if (bl_gen_new(&g, m, c, 1, BL_FP32, pool, NULL) != 0)
        exit(1);
    int64_t n = 0;
    for (int i = 0; i < c->layers; i++) { /* and for those that are read with it */
        const bl_ring *r = &g->recent[i];
        n += r->size == r->seen + BL_GEN_TOGETHER - 1 ? (int64_t)r->seen * c->width : 0;
    }
    bl_gen_del(g);
    bl_model_del(m);
    return n;
}

/* Layers see less than the context in three ways, and keep no more than they see. */
static void test_near(bl_pool *pool)
{
    bl_model_config c = config(LENGTH, 0);
    c.block = 5;
    same_as_graph("local layers, a segment of many blocks", &c, pool);
    c = config(11, 30);
    c.block = 4;
    c.local_layers[0] = 5;
    c.same_length = 1;
    same_as_graph("local in the first and third layer, and a memory", &c, pool);
    c = config(4096, 0);
    int64_t all = n_kept(&c, pool), row = (int64_t)c.width;
    ok(all >= 3 * 4096 * row, "all keys of a context are kept where all are seen");
    c.block = 128;
    ok(n_kept(&c, pool) == 3 * 256 * row, "of local layers those of two blocks");
    c.local_layers[0] = 5;
    ok(n_kept(&c, pool) == all / 3 + 2 * 256 * row, "in each layer for itself");
    c = config(4096, 100);
    c.memory_layers[0] = 4;
    c.same_length = 1;
    ok(n_kept(&c, pool) == 3 * 101 * row, "of layers that see M + 1 tokens, so many");
}

static void test_generation(bl_pool *pool)
{
    bl_model_config c = config(1, 6);
    c.clamp_len = 4;
    same_as_graph("memory 6, clamped", &c, pool);
    c = config(1, 40);
    c.untie_uv = 1;
    same_as_graph("memory 40, own u and v", &c, pool);
    c = config(1, 100);
    same_as_graph("memory 100", &c, pool);
    c = config(1, 40);
    c.untie_uv = 1;
    c.pre_norm = 1;
    same_as_graph("pre-norm", &c, pool);
    c = config(1, 6);
    bl_model_config_arch(&c, BL_ARCH_REMI);
    same_as_graph("REMI", &c, pool);
    c = config(1, 12);
    bl_model_config_arch(&c, BL_ARCH_MUSIC_TRANSFORMER);
    c.positions = 9;
    same_as_graph("Music Transformer", &c, pool);
    c = config(LENGTH, 0);
    bl_model_config_arch(&c, BL_ARCH_GPT2);
    same_as_graph("GPT-2", &c, pool);
    for (int how = 0; how < 3; how++) {
        c = config(3, 6);
        bl_model_config_arch(&c, BL_ARCH_COMPRESSIVE);
        c.ratio = 3;
        c.compressed = 2;
        c.compressor = how;
        same_as_graph(bl_model_choice("compressor", how), &c, pool);
    }
    c = config(1, 30);
    bl_model_config_arch(&c, BL_ARCH_LLAMA);
    c.kv_heads = 2;
    same_as_graph("LLaMA", &c, pool);
    c = config(4, 0);
    bl_model_config_arch(&c, BL_ARCH_LSTM);
    same_as_graph("LSTM", &c, pool);
    c.cell = BL_CELL_GRU;
    same_as_graph("GRU cells", &c, pool);
    test_mixtures(pool);
    test_options(pool);
    test_near(pool);
    test_compressor_work();
}

/* Logits of two streams on one condition of n tokens, which is read once. */
static void sample_on(bl_model_config c, int source, int n, bl_pool *pool,
                      bl_real logits[2 * VOCAB])
{
    int32_t x[LENGTH];
    c.source = source;
    for (int i = 0; i < n; i++)
        x[i] = token(i + 3);
    bl_model *m = open_model(&c, 1, 0, pool);
    bl_gen *g;
    if (bl_gen_new(&g, m, &c, 2, BL_FP32, pool, NULL) != 0 ||
        bl_gen_condition(g, 1, x, NULL, n, NULL) != 0)
        exit(1);
    bl_gen_share_condition(g, 1, 0);
    for (int i = 0; i < 3; i++)
        bl_gen_step(g, (int32_t[]){token(i), token(i)}, logits);
    bl_gen_del(g);
    bl_model_del(m);
}

enum { SHARING = 6, SHARED_STEPS = 9 };

/* One generator of streams on the same condition, or one that has stream s alone. */
static bl_gen *on_condition(bl_model *m, const bl_model_config *c, int streams, int n,
                            bl_pool *pool)
{
    int32_t x[LENGTH];
    bl_gen *g;
    for (int i = 0; i < n; i++)
        x[i] = token(i + 3);
    if (bl_gen_new(&g, m, c, streams, BL_FP32, pool, NULL) != 0 ||
        bl_gen_condition(g, 0, x, NULL, n, NULL) != 0)
        exit(1);
    for (int s = 1; s < streams; s++)
        bl_gen_share_condition(g, 0, s);
    return g;
}

/* Streams that share a condition, of which the first goes on with another half way,
 * have the numbers of streams that are alone. */
static void test_shared_condition(bl_pool *pool)
{
    static bl_real together[SHARING * VOCAB], alone[VOCAB];
    bl_model_config c = config(5, 7);
    int32_t next[20];
    int same = 1;
    c.condition = BL_CONDITION_ENCODER;
    c.source = 90;
    for (int i = 0; i < 20; i++)
        next[i] = token(i + 50);
    bl_model *m = open_model(&c, 1, 0, pool);
    bl_gen *all = on_condition(m, &c, SHARING, 83, pool), *one[SHARING];
    for (int s = 0; s < SHARING; s++)
        one[s] = on_condition(m, &c, 1, 83, pool);
    for (int i = 0; i < SHARED_STEPS; i++) {
        int32_t t[SHARING];
        if (i == SHARED_STEPS / 2)
            same &= bl_gen_condition(all, 0, next, NULL, 20, NULL) == 0 &&
                    bl_gen_condition(one[0], 0, next, NULL, 20, NULL) == 0;
        for (int s = 0; s < SHARING; s++)
            t[s] = token(i * SHARING + s * s);
        bl_gen_step(all, t, together);
        for (int s = 0; s < SHARING; s++) {
            bl_gen_step(one[s], t + s, alone);
            same &= difference(together + (size_t)s * VOCAB, alone, VOCAB) == 0;
        }
    }
    ok(same, "%d streams share a condition, until one goes on with another", SHARING);
    for (int s = 0; s < SHARING; s++)
        bl_gen_del(one[s]);
    bl_gen_del(all);
    bl_model_del(m);
}

static void test_conditions(bl_pool *pool)
{
    static bl_real exact[2 * VOCAB], longer[2 * VOCAB];
    bl_model_config c = config(5, 7);
    c.condition = BL_CONDITION_ENCODER;
    for (int n = 30; n <= 130; n += 50) { /* of 150, 75, 38 rows */
        sample_on(c, n, n, pool, exact);
        sample_on(c, LENGTH, n, pool, longer);
        ok(difference(exact, longer, 2 * VOCAB) < 2e-5,
           "%d of a condition as an encoder of that length reads them", n);
        ok(difference(longer, longer + VOCAB, VOCAB) == 0, "one condition for both");
    }
    test_shared_condition(pool);
}

/* A context of 8 absolute positions goes on with its last 4 tokens when it is full. */
static void test_full_context(bl_pool *pool)
{
    static bl_real logits[VOCAB], fresh[VOCAB];
    bl_model_config c = config(8, 0);
    bl_model_config_arch(&c, BL_ARCH_GPT2);
    bl_model *m = open_model(&c, 1, 0, pool);
    bl_gen *g;
    if (bl_gen_new(&g, m, &c, 1, BL_FP32, pool, NULL) != 0)
        exit(1);
    for (int i = 0; i < 9; i++)
        bl_gen_step(g, (int32_t[]){token(i)}, logits);
    bl_gen_forget(g, 0);
    for (int i = 4; i < 9; i++)
        bl_gen_step(g, (int32_t[]){token(i)}, fresh);
    ok(difference(logits, fresh, VOCAB) == 0,
       "a full context begins anew with its half");
    reads_as_steps("a context that is full and begins anew", &c, pool);
    bl_gen_del(g);
    bl_model_del(m);
}

/* Panels, skewed rows and both layouts against three loops. */
static void test_tile(void)
{
    enum { SIZE = 40000 };
    static bl_real a[SIZE], b[SIZE], panels[SIZE], c[SIZE], d[SIZE];
    static const int shape[][3] = {{48, 130, 33}, {7, 64, 129}, {1, 5, 9}, {29, 70, 8}};
    bl_rng rng = bl_rng_make(8, 0);
    for (int i = 0; i < SIZE; i++) {
        a[i] = (bl_real)bl_rng_normal(&rng);
        b[i] = (bl_real)bl_rng_normal(&rng);
    }
    for (size_t s = 0; s < BL_COUNT(shape); s++)
        for (int kind = 0; kind < 8; kind++) {
            int m = shape[s][0], n = shape[s][1], k = shape[s][2];
            int ta = kind & 1, skew = kind >> 2;
            ptrdiff_t ldc = 2 * BL_PANEL + n + 100 + skew;
            bl_tile_pack(kind >> 1 & 1, k, n, b, kind >> 1 & 1 ? k + 3 : n + 5, panels);
            bl_tile_args t = {.ta = ta,
                              .m = m,
                              .k = k - 2,
                              .a = a,
                              .rows_b = k,
                              .lda = (ta ? m : k) + skew,
                              .panels = panels,
                              .cols_b = n,
                              .row = 2,
                              .end = n,
                              .add = skew,
                              .c = c,
                              .ldc = ldc};
            memset(c, 0, sizeof c);
            memset(d, 0, sizeof d);
            bl_tile_multiply(&t);
            t.c = d;
            bl_tile_multiply_naive(&t);
            double worst = 0;
            for (int i = 0; i < m; i++)
                worst = fmax(worst, difference(c + i * ldc, d + i * ldc, n));
            ok(worst < 1e-4, "tile %dx%dx%d, kind %d (%.1g)", m, n, k, kind, worst);
        }
}

/* Narrow heads' products against three loops; what lies beside C stays as it is. */
static void test_narrow(void)
{
    enum { SIZE = 30000, LD = 140 };
    static bl_real a[SIZE], b[SIZE], pairs[SIZE], c[SIZE], d[SIZE];
    static const int rows[] = {1, 2, 15, 16, 33}, depth[] = {1, 2, 7, 64, 129};
    bl_rng rng = bl_rng_make(9, 0);
    for (int i = 0; i < SIZE; i++) {
        a[i] = (bl_real)bl_rng_normal(&rng);
        b[i] = (bl_real)bl_rng_normal(&rng);
    }
    double times = 0, add = 0;
    for (int kind = 0; kind < 25 * BL_NARROW && bl_narrow_is_fast(); kind++) {
        int m = rows[kind % 5], k = depth[kind / 5 % 5], n = 1 + kind / 25;
        memcpy(c, b, sizeof c);
        memcpy(d, b, sizeof d);
        bl_narrow_pack(k, n, b, 11, pairs);
        for (int p = 0; p < k; p++)
            for (int j = 0; j < n; j++)
                if (pairs[p / 2 * 2 * BL_NARROW + 2 * j + p % 2] != b[p * 11 + j])
                    times = INFINITY;
        bl_narrow_times(m, k, a, LD + 1, pairs, c, 9);
        bl_narrow_times_naive(m, k, a, LD + 1, pairs, d, 9);
        times = fmax(times, difference(c, d, SIZE));
        memcpy(c, b, sizeof c);
        memcpy(d, b, sizeof d);
        n = 1 + kind * 7 % LD;
        bl_narrow_add(n, k, a, 8, b, LD + 1, c, LD);
        bl_narrow_add_naive(n, k, a, 8, b, LD + 1, d, LD);
        add = fmax(add, difference(c, d, SIZE));
    }
    ok(times < 1e-4, "products of a narrow head's keys (%.1g)", times);
    ok(add < 1e-4, "and sums over its queries (%.1g)", add);
}

static void test_gemm(bl_pool *pool)
{
    enum { MAX = 300 };
    static bl_real a[MAX * MAX], b[MAX * MAX], c[MAX * MAX], d[MAX * MAX];
    static const int shape[][3] = {{1, 7, 9},     {8, 299, 103},  {130, 70, 33},
                                   {70, 300, 64}, {257, 16, 100}, {36, 30, 2400}};
    bl_rng rng = bl_rng_make(3, 0);
    for (int i = 0; i < MAX * MAX; i++) {
        a[i] = (bl_real)bl_rng_normal(&rng);
        b[i] = (bl_real)bl_rng_normal(&rng);
    }
    for (size_t s = 0; s < BL_COUNT(shape); s++)
        for (int t = 0; t < 8; t++) { /* own kernels know no factors but 1 */
            int m = shape[s][0], n = shape[s][1], k = shape[s][2], ta = t & 1,
                tb = t >> 1 & 1, own = t >> 2;
            for (int i = 0; i < MAX * MAX; i++)
                c[i] = d[i] = (bl_real)i * 1e-3f;
            bl_gemm_args g = {
                ta, tb,         m,    n,          k,           own ? 1 : (bl_real)0.5,
                a,  ta ? m : k, b,    tb ? k : n, own ? 1 : 2, c,
                n,  BL_FP32,    NULL, NULL};
            bl_gemm(pool, &g);
            g.c = d;
            bl_gemm_naive(&g);
            ok(difference(c, d, MAX * MAX) < 1e-2, "product %dx%dx%d%s%s%s", m, n, k,
               ta ? " a'" : "", tb ? " b'" : "", own ? " by factors of 1" : "");
        }
}

static void test_dropout(void)
{
    enum { N = 80000 };
    static bl_real x[N], y[N];
    bl_feed f = {.train = 1, .seed = 9, .step = 4};
    double kept = 0, sum = 0;
    for (int i = 0; i < N; i++)
        x[i] = y[i] = 1;
    bl_dropout(&f, 3, 0.1, 0, N, x);
    for (int i = 0; i < N; i++) {
        kept += x[i] != 0;
        sum += (double)x[i];
    }
    ok(fabs(kept / N - 0.9) < 0.005, "dropout 0.1 keeps %.4f", kept / N);
    ok(fabs(sum / N - 1) < 0.01, "and the mean is %.4f", sum / N);
    bl_dropout(&f, 3, 0.1, 0, 4000, y);
    bl_dropout(&f, 3, 0.1, 4000, N - 4000, y + 4000);
    ok(memcmp(x, y, sizeof x) == 0, "the mask does not depend on how it is cut");
    uint32_t counter[4] = {5, 0, 3, 0}, key[2] = {9, 4}, word[4];
    bl_philox(key, counter, word);
    int same = 1;
    for (int i = 0; i < 8; i++)
        same &= (x[40 + i] != 0) == ((word[i / 2] >> (16 * (i % 2)) & 0xffff) >= 6554);
    ok(same, "elements 40..47 are counter 5 of Philox");
    /* 21 counters around the one whose lower word is full */
    const int64_t first = UINT32_MAX - 7, n = 21;
    static bl_real mask[168];
    same = bl_dropout_mask(&f, 3, 0.1, first * 8, (int)n * 8, mask);
    for (int64_t i = 0; i < n * 8; i++) {
        uint64_t count = (uint64_t)(first + i / 8);
        counter[0] = (uint32_t)count;
        counter[1] = (uint32_t)(count >> 32);
        bl_philox(key, counter, word);
        same &=
            (mask[i] != 0) == ((word[i % 8 / 2] >> (16 * (i % 2)) & 0xffff) >= 6554);
        same &= mask[i] == 0 || mask[i] == bl_dropout_keep(&f, 0.1);
    }
    ok(same, "counters beyond 32 bits go on");
    for (int n_cut = 1; n_cut <= 160; n_cut++) { /* beside the mask as numbers */
        for (int i = 0; i < 168; i++)
            x[i] = (bl_real)(i + 1);
        (void)bl_dropout_mask(&f, 3, 0.1, 8 * n_cut, 168, mask);
        bl_dropout(&f, 3, 0.1, 8 * n_cut, n_cut, x);
        for (int i = 0; i < 168; i++)
            same &= x[i] == (bl_real)(i + 1) * (i < n_cut ? mask[i] : 1);
    }
    ok(same, "a row of any length is dropped as its mask says, and nothing behind it");
}

/* -ln p of a segment with dropout. */
static double loss_of(const bl_model_config *c, bl_pool *pool)
{
    bl_model *m = open_model(c, 1, 1, pool);
    int32_t x[9], y[9], real = 9;
    int64_t n;
    for (int i = 0; i < 9; i++) {
        x[i] = token(i);
        y[i] = token(i + 1);
    }
    double loss = bl_model_forward(m, x, y, &real, 1, 3, 4, &n);
    bl_model_del(m);
    return loss;
}

/* Each follows `dropout` where it is not set, and counts for itself where it is. */
static void test_own_dropouts(bl_pool *pool)
{
    bl_model_config c = config(9, 0);
    double *const own[] = {&c.ff_dropout, &c.layer_dropout, &c.embed_dropout};
    c.dropout = 0.2;
    double usual = loss_of(&c, pool);
    int same = 1, other = 1;
    for (size_t i = 0; i < BL_COUNT(own); i++) {
        *own[i] = 0.2;
        same &= loss_of(&c, pool) == usual;
        *own[i] = 0;
        other &= loss_of(&c, pool) != usual;
        *own[i] = -1;
    }
    ok(same && other, "dropouts of their own");
}

/* Three updates of two spans, one with weight decay, against the paper's formulas. A
 * beta may lie so near to 1 that it rounds to it. */
static void test_adam(double beta2, bl_pool *pool)
{
    enum { N = 1003 };
    static bl_real a[4][N], b[4][N]; /* values, gradients, moments */
    const bl_adam_span spans[] = {{0, 500, 1, 0, 0}, {500, N, 0, 1, 0}};
    bl_rng rng = bl_rng_make(4, 0);
    double worst = 0;
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    for (int i = 0; i < N; i++)
        a[0][i] = b[0][i] = (bl_real)bl_rng_normal(&rng);
    for (int step = 1; step <= 3; step++) {
        bl_adam_params p = {.lr = 0.01,
                            .beta1 = 0.9,
                            .beta2 = beta2,
                            .eps = 1e-8,
                            .weight_decay = 0.1,
                            .scale = {0.5, 0.25},
                            .step = step};
        for (int i = 0; i < N; i++)
            a[1][i] = b[1][i] = (bl_real)bl_rng_normal(&rng);
        bl_adam(pool, &p, spans, 2, a[0], a[1], a[2], a[3]);
        bl_adam_naive(&p, spans, 2, b[0], b[1], b[2], b[3]);
        for (int k = 0; k < 4; k++)
            worst = fmax(worst, difference(a[k], b[k], N));
    }
    ok(worst < 1e-6, "Adam in one pass is Adam, beta2 %.8f (%.1g)", beta2, worst);
}

/* A few optimiser steps on one batch; returns the last loss. */
static double overfit(int steps, bl_pool *pool, bl_real *end)
{
    bl_model_config c = config(12, 6);
    c.dropout = steps < 10 ? 0.2 : 0;
    c.init_std = 0.05;
    bl_model *m = open_model(&c, 4, 1, pool);
    size_t size = (size_t)bl_model_size(m);
    bl_real *mo = calloc(size, sizeof *mo), *v = calloc(size, sizeof *v);
    int32_t x[48], y[48], real[4] = {12, 12, 12, 12};
    double loss = 0;
    for (int i = 0; i < 48; i++) {
        x[i] = token(i);
        y[i] = token(i + 1);
    }
    for (int step = 1; step <= steps; step++) {
        int64_t n;
        loss = bl_model_forward(m, x, y, real, 1, 1, (uint64_t)step, &n) / 48;
        bl_model_backward(m, 1.0 / 48, 1);
        bl_adam_params p = {.lr = 3e-3,
                            .beta1 = 0.9,
                            .beta2 = 0.99,
                            .eps = 1e-8,
                            .scale = {1, 1},
                            .step = step};
        bl_adam_span all = {.end = (int64_t)size};
        bl_adam(pool, &p, &all, 1, bl_model_values(m), bl_model_grads(m), mo, v);
    }
    if (end != NULL)
        memcpy(end, bl_model_values(m), size * sizeof *end);
    free(mo);
    free(v);
    bl_model_del(m);
    return loss;
}

static void test_decay(bl_pool *pool)
{
    bl_model_config c = config(4, 4);
    bl_model *m = open_model(&c, 1, 0, pool);
    int wrong = 0, free_of_it = 0;
    for (int i = 0; i < bl_model_n_params(m); i++) {
        const bl_param *p = bl_model_param(m, i);
        int is_bias = strcmp(p->name, "u") == 0 || strcmp(p->name, "v") == 0;
        wrong += p->decay != (p->ndim == 2 && !is_bias);
        free_of_it += is_bias && bl_model_values(m)[p->start] != 0;
    }
    ok(wrong == 0 && free_of_it == 2,
       "matrices decay; biases, norms, and u and v, random as they begin, do not");
    bl_model_del(m);
}

static void test_training(bl_pool *pool)
{
    static bl_real one[200000], other[200000];
    ok(overfit(150, pool, NULL) < 0.1, "one batch is learnt by heart");
    overfit(3, pool, one);
    for (int threads = 1; threads <= 5; threads += 2) {
        bl_pool *p;
        if (bl_pool_new(&p, threads, NULL) != 0)
            exit(1);
        overfit(3, p, other);
        ok(memcmp(one, other, sizeof one) == 0, "%d threads give the same bytes",
           threads);
        bl_pool_del(p);
    }
}

static void test_sampling(void)
{
    static const bl_real logits[] = {1, 3, 2, 3, -50, 0};
    int32_t order[6];
    double prob[6], logp;
    int count[6] = {0};
    bl_rng rng = bl_rng_make(1, 2);
    bl_sample_params p = {.temperature = 0, .top_p = 1};
    ok(bl_sample(logits, NULL, 6, &p, &rng, order, prob, &logp) == 1,
       "greedy: lowest of ties");
    uint8_t none[6] = {0}, some[6] = {1, 0, 0, 0, 1, 1};
    ok(bl_sample(logits, none, 6, &p, &rng, order, prob, NULL) == -1,
       "nothing allowed: -1");
    ok(bl_sample(logits, some, 6, &p, &rng, order, prob, NULL) == 0, "the mask holds");
    p.temperature = 1;
    for (int i = 0; i < 40000; i++)
        count[bl_sample(logits, NULL, 6, &p, &rng, order, prob, NULL)]++;
    double z = exp(1) + 2 * exp(3) + exp(2) + 1;
    ok(fabs(count[1] / 40000.0 - exp(3) / z) < 0.01 &&
           fabs(count[0] / 40000.0 - exp(1) / z) < 0.01,
       "frequencies are the softmax");
    p.top_k = 2;
    int outside = 0;
    for (int i = 0; i < 2000; i++)
        outside += logits[bl_sample(logits, NULL, 6, &p, &rng, order, prob, NULL)] < 3;
    ok(outside == 0, "top-k 2 draws the best two");
    p.top_k = 0;
    p.top_p = 0.5;
    for (int i = 0; i < 2000; i++)
        outside += logits[bl_sample(logits, NULL, 6, &p, &rng, order, prob, NULL)] < 3;
    ok(outside == 0, "top-p 0.5 draws the nucleus");
    p.top_p = 1;
    p.min_p = 0.3;
    for (int i = 0; i < 2000; i++)
        outside += logits[bl_sample(logits, NULL, 6, &p, &rng, order, prob, NULL)] < 2;
    ok(outside == 0, "min-p 0.3 draws what has 0.3 of the best");
}

int main(void)
{
    bl_pool *pool;
    if (bl_pool_new(&pool, 2, NULL) != 0)
        return 1;
    bl_gemm_setup();
    test_gemm(pool);
    test_memory(pool);
    test_thin(pool);
    test_int8(pool);
    test_generation(pool);
    test_conditions(pool);
    test_full_context(pool);
    test_adam(0.99, pool);
    test_adam(0.99999999, pool);
    test_tile();
    test_narrow();
    test_dropout();
    test_own_dropouts(pool);
    test_decay(pool);
    test_training(pool);
    test_sampling();
    bl_pool_del(pool);
    return tap_done();
}
