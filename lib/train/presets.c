/* presets.c - see train_config.h: where settings begin. */
#include "nn/op/ops.h"
#include "train/train_config.h"

#include <string.h>

static void shape(bl_train_config *c, int layers, int width, int heads, int ff,
                  int segment, int memory)
{
    c->model.layers = layers;
    c->model.width = width;
    c->model.heads = heads;
    c->model.ff = ff;
    c->model.segment = segment;
    c->model.memory = memory;
}

/* Longer ends say nothing more (pipelines/recipes.md). */
enum { RECALL = 64 };

/* A minute on two processors: enough to hear what a handful of pieces teach. Many
 * lanes, as weights follow the pieces that are read at the time: eight lanes of the
 * samples give twice the programs a piece and half of the repeats
 * (pipelines/recipes.md). */
static void tiny(bl_train_config *c)
{
    shape(c, 2, 96, 4, 384, 64, 128);
    c->lanes = 32;
    c->model.dropout = 0.1;
    c->steps = 600;
    c->lr = 3e-3;
    c->warmup = 50;
    c->eval_every = 100;
    c->eval_tokens = 30000;
    c->model.recall = RECALL;
}

/* Ten minutes on two processors, some hundred pieces or more. */
static void small(bl_train_config *c)
{
    shape(c, 4, 192, 6, 768, 128, 128);
    c->model.dropout = 0.1;
    c->steps = 3000;
    c->lr = 1.5e-3;
    c->warmup = 100;
    c->eval_every = 500;
}

/* The same size, and what eight minutes of two processors (bf16) teach it of hundreds
 * of pieces in all keys: no token is seen often enough to be learnt by heart, hence no
 * dropout; Muon costs little beside 4,096 tokens a step (pipelines/recipes.md). */
static void minutes(bl_train_config *c)
{
    small(c);
    c->model.memory = 256;
    c->model.dropout = 0;
    c->lanes = 32;
    c->optimizer = BL_MUON;
    c->lr = 4e-3;
    c->steps = 2700;
    c->eval_every = 300;
    c->model.recall = RECALL;
}

/* Huang and Yang 2020, "Pop Music Transformer": the size, rate and schedule, and a
 * warm-up, without which twelve layers with norms behind them begin by luck. */
static void remi(bl_train_config *c)
{
    shape(c, 12, 512, 8, 2048, 512, 512);
    bl_model_config_arch(&c->model, BL_ARCH_REMI);
    c->model.dropout = 0.1;
    c->model.att_dropout = 0.1;
    c->lanes = 4;
    c->steps = 400000;
    c->lr = 2e-4;
    c->warmup = 500;
    c->min_lr = 0.004;
    c->clip = 0;
    c->beta2 = 0.999;
    c->eval_every = 2000;
}

/* The Compressive Transformer that this project began from: long memory in the last two
 * of its layers alone. */
static void seed(bl_train_config *c)
{
    shape(c, 6, 64, 8, 256, 64, 64);
    bl_config_arch(c, BL_ARCH_COMPRESSIVE);
    c->model.compressed = 256;
    c->model.memory_layers[0] = 1 << 4 | 1 << 5;
    c->model.act = BL_ACT_GELU - 1;
    c->model.tie = 0;
    c->lanes = 16;
    c->model.dropout = 0.1;
    c->model.att_dropout = 0.1;
    c->steps = 20000;
    c->lr = 1e-3;
    c->warmup = 100;
    c->eval_every = 1000;
}

/* Radford et al. 2019, the four sizes that were published, and their vocabulary, which
 * counts until there are data; rates as of Brown et al. 2020, whose models these are
 * but for the largest. */
enum { GPT2_VOCAB = 50257, GPT2_CONTEXT = 1024, GPT2_HEAD = 64 };

static void gpt2_of(bl_train_config *c, int layers, int width, double lr)
{
    shape(c, layers, width, width / GPT2_HEAD, 4 * width, GPT2_CONTEXT, 0);
    bl_config_arch(c, BL_ARCH_GPT2);
    c->model.vocab = GPT2_VOCAB;
    c->model.dropout = 0.1;
    c->model.att_dropout = 0.1;
    c->model.ff_dropout = 0;
    c->lanes = 4;
    c->steps = 100000;
    c->lr = lr;
    c->warmup = 1000;
    c->min_lr = 0.1;
    c->weight_decay = 0.1;
    c->eval_every = 2000;
}

static void gpt2(bl_train_config *c)
{
    gpt2_of(c, 12, 768, 6e-4);
}

static void gpt2_medium(bl_train_config *c)
{
    gpt2_of(c, 24, 1024, 3e-4);
}

static void gpt2_large(bl_train_config *c)
{
    gpt2_of(c, 36, 1280, 2.5e-4);
}

static void gpt2_xl(bl_train_config *c)
{
    gpt2_of(c, 48, 1600, 2e-4);
}

/* Haki et al. 2022, "Real-time drum accompaniment using transformer architecture", the
 * models that were published, and what their code trains with; 16 windows of the
 * 9,000 of the Groove MIDI data set a step. Rates with momentum 0. */
static void groove_of(bl_train_config *c, int layers, int width, int heads, int ff)
{
    shape(c, layers, width, heads, ff, 32, 0);
    bl_config_arch(c, BL_ARCH_GROOVE);
    c->lanes = 16;
    c->optimizer = BL_SGD;
    c->momentum = 0;
    c->schedule = BL_LR_CONSTANT;
    c->clip = 0;
    c->warmup = 0;
    c->eval_every = 563; /* an epoch of that set */
    c->eval_tokens = 0;
    c->steps = 100 * c->eval_every;
    c->patience = 20;
    c->model.dropout = c->model.att_dropout = 0.1;
}

/* "misunderstood bush", the light one. */
static void groove(bl_train_config *c)
{
    groove_of(c, 11, 128, 4, 128);
    c->model.miss_weight = 0.27;
    c->lr = 0.02;
}

/* "rosy durian". */
static void groove_large(bl_train_config *c)
{
    groove_of(c, 6, 512, 4, 16);
    c->model.miss_weight = 0.53;
    c->lr = 0.039;
}

/* "hopeful gorge". */
static void groove_deep(bl_train_config *c)
{
    groove_of(c, 8, 512, 4, 64);
    c->model.miss_weight = 0.33;
    c->lr = 0.007;
}

/* "solar shadow". */
static void groove_small(bl_train_config *c)
{
    groove_of(c, 7, 128, 1, 16);
    c->model.miss_weight = 0.49;
    c->model.dropout = c->model.att_dropout = 0.159;
    c->lr = 0.02;
}

static void groove_vae(bl_train_config *c)
{
    groove_of(c, 3, 128, 4, 128);
    bl_config_arch(c, BL_ARCH_GROOVE_VAE);
    c->optimizer = BL_ADAMW;
    c->lr = 1e-3;
    c->warmup = 100;
    c->beta2 = 0.999;
    c->schedule = BL_LR_COSINE;
    c->model.latent = 32;
    c->model.dec_layers = 3;
    c->lanes = 64;
    c->eval_every = 141;
    c->steps = 100 * c->eval_every;
    c->beta_cycle = 10 * c->eval_every;
}

static const struct {
    const char *name;
    void (*fill)(bl_train_config *c);
} presets[] = {{"tiny", tiny},
               {"small", small},
               {"minutes", minutes},
               {"remi", remi},
               {"seed", seed},
               {"gpt2", gpt2},
               {"gpt2-medium", gpt2_medium},
               {"gpt2-large", gpt2_large},
               {"gpt2-xl", gpt2_xl},
               {"groove", groove},
               {"groove-large", groove_large},
               {"groove-deep", groove_deep},
               {"groove-small", groove_small},
               {"groove-vae", groove_vae}};

const char *bl_config_preset_name(int i)
{
    return i >= 0 && i < (int)BL_COUNT(presets) ? presets[i].name : NULL;
}

const char *bl_config_presets(void)
{
    return "tiny|small|minutes|remi|seed|gpt2|gpt2-medium|gpt2-large|gpt2-xl|"
           "groove|groove-large|groove-deep|groove-small|groove-vae";
}

int bl_config_preset(bl_train_config *c, const char *name, bl_err *e)
{
    for (size_t i = 0; i < BL_COUNT(presets); i++) {
        if (strcmp(name, presets[i].name) == 0) {
            *c = bl_config_default();
            bl_config_arch(c, BL_ARCH_XL);
            presets[i].fill(c);
            return 0;
        }
    }
    return bl_fail(e, BL_E_ARG, "unknown preset '%.64s'; there are %s", name,
                   bl_config_presets());
}
