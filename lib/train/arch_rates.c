/* arch_rates.c - see train_config.h: how each architecture learns at once. */
#include "train/train_config.h"

/* How much more slowly the rate rises than where norms come before the sub-layers.
 * Norms after them, as published, make the first steps a matter of luck: a third of the
 * seeds stays with the frequencies of the tokens for hundreds of steps. Learned
 * distances and cells are slower to begin too. */
static int64_t warmup_factor(const bl_model_config *m)
{
    if (m->arch == BL_ARCH_LSTM)
        return 2;
    if (bl_model_is_groove(m))
        return 1;
    return !m->pre_norm || m->arch == BL_ARCH_MUSIC_TRANSFORMER ? 3 : 1;
}

/* The rate, of that of attention: an LSTM wants more; the latents of a VAE stay empty
 * for good where its decoder learns the frequencies of hits too fast. */
static double rate_factor(bl_arch arch)
{
    return arch == BL_ARCH_LSTM ? 4 : arch == BL_ARCH_GROOVE_VAE ? 1. / 3 : 1;
}

void bl_config_post_norm(bl_train_config *c)
{
    if (!c->model.pre_norm)
        return;
    bl_model_config published = c->model;
    int64_t before = warmup_factor(&c->model);
    bl_model_config_arch(&published, c->model.arch);
    c->model.pre_norm = 0;
    c->model.embed_scale = published.embed_scale;
    c->warmup = c->warmup * warmup_factor(&c->model) / before;
}

/* Those that no other program reads are told what came next as the settings before. */
static int keeps_recall(bl_arch arch)
{
    return arch == BL_ARCH_XL || arch == BL_ARCH_MUSIC_TRANSFORMER ||
           arch == BL_ARCH_COMPRESSIVE || arch == BL_ARCH_LSTM;
}

/* Transformer-XL, its compressive kin and Music Transformer with norms before the
 * sub-layers, and embeddings as small as what they are added to. */
void bl_config_arch(bl_train_config *c, bl_arch arch)
{
    int64_t before = warmup_factor(&c->model);
    bl_arch was = c->model.arch;
    int was_groove = bl_model_is_groove(&c->model), recall = c->model.recall;
    bl_model_config_arch(&c->model, arch);
    if (keeps_recall(arch))
        c->model.recall = recall;
    if (arch == BL_ARCH_XL || arch == BL_ARCH_MUSIC_TRANSFORMER ||
        arch == BL_ARCH_COMPRESSIVE) {
        c->model.pre_norm = 1;
        c->model.embed_scale = 0;
    }
    c->warmup = c->warmup * warmup_factor(&c->model) / before;
    if (bl_model_is_groove(&c->model) != was_groove)
        c->model.init_std = was_groove ? bl_model_config_default().init_std : 0;
    c->lr = c->lr / rate_factor(was) * rate_factor(arch);
    if ((was == BL_ARCH_LSTM) != (arch == BL_ARCH_LSTM) &&
        !bl_model_is_groove(&c->model))
        c->model.init_std =
            arch == BL_ARCH_LSTM ? 0 : bl_model_config_default().init_std;
}
