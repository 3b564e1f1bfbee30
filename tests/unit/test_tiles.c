/* test_tiles.c - what test_bf16.c asks, asked of the tiles of AMX, which are emulated
 * where the processor has none, and a short training by them: this object's
 * bf16_square.c takes the place of the library's. */
#define _GNU_SOURCE /* the registers of a trapped instruction */
#define BL_TILES_EMULATED 1
#include "nn/kernel/bf16_square.c"

#ifdef BL_HAS_BF16
#include "emulate_tiles.h"
#else
static void emulate_tiles(void)
{
}
#endif

int test_bf16(void);
#define main test_bf16
#include "test_bf16.c"
#undef main

#include "train/loop.h"
#include "../tunes.h"

/* The loss on all tunes after some steps. */
static double trained(bl_precision precision, const bl_pieces *pieces, bl_pool *pool)
{
    bl_train_config c;
    bl_trainer t = {0};
    bl_train_row row = {0};
    if (bl_config_preset(&c, "tiny", NULL) != 0)
        abort();
    c.model.vocab = TUNES_VOCAB;
    c.model.layers = 1;
    c.model.width = 64;
    c.model.heads = 2; /* as wide as a tile is deep: attention is by tiles too */
    c.model.ff = 96;
    c.model.segment = 24;
    c.model.memory = 40;
    c.model.precision = precision;
    c.model.recall = 0;
    c.lanes = 4;
    c.steps = c.eval_every = 15;
    c.warmup = 5;
    c.lr = 0.004;
    c.eval_tokens = 0;
    int rc = bl_trainer_init(&t, &c, pieces, pieces, pool, NULL);
    while (rc == 0 && !bl_trainer_done(&t))
        rc = bl_trainer_step(&t, &row, NULL);
    bl_trainer_free(&t);
    return rc == 0 ? row.valid_loss : NAN;
}

static void test_trained(void)
{
    bl_pool *pool;
    tunes all;
    if (bl_pool_new(&pool, 1, NULL) != 0)
        abort();
    const bl_pieces pieces = tunes_make(&all);
    double fp32 = trained(BL_FP32, &pieces, pool);
    double bf16 = trained(BL_BF16, &pieces, pool);
    double bf16x3 = trained(BL_BF16X3, &pieces, pool);
    ok(fp32 < 3.4, "fifteen steps teach something (%.4f)", fp32);
    ok(fabs(bf16 / fp32 - 1) < 5e-3 && bf16 != fp32,
       "fifteen steps in bf16 end within 0.5 %% of fp32 (%.1g)", bf16 / fp32 - 1);
    ok(fabs(bf16x3 / fp32 - 1) < 5e-4 && bf16x3 != fp32,
       "and in bf16x3 within 0.05 %% (%.1g)", bf16x3 / fp32 - 1);
    bl_pool_del(pool);
}

int main(void)
{
    emulate_tiles();
    if (bl_gemm_can(BL_BF16X3))
        test_trained();
    return test_bf16();
}
