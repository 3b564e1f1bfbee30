/* initial.c - the values that parameters begin with; which rows of the table of tensors
 * have which, params.c says. */
#include "base/rng.h"
#include "model/model_impl.h"

#include <math.h>
#include <string.h>

/* With init_std 0 as many numbers as a matrix adds up, each a part of the sum: the
 * deviation of what torch's Linear begins with; of the first and last one of a step's
 * numbers that of the published models, uniform up to 0.1. */
static double window_std(const bl_model *m, int i)
{
    const char *name = m->param[i].name;
    int is_end = strcmp(name, "in.w") == 0 || strcmp(name, "enc.in.w") == 0 ||
                 strcmp(name, "density.w") == 0 || strcmp(name, "enc.density.w") == 0 ||
                 strcmp(name, "out.w") == 0;
    return is_end ? 0.1 / sqrt(3) : 1 / sqrt(3.0 * (double)m->param[i].shape[0]);
}

/* Deviation of a weight of cells with init_std 0, so that signals keep their size
 * from layer to layer and step to step: a token's row is what its gates get; D numbers
 * add up elsewhere, and what a layer below gives is a third as large as a gate's input.
 */
static double cell_std(const bl_model *m, int i, int64_t k)
{
    double root = sqrt((double)m->config.width);
    int layer = m->source[i].layer;
    int64_t inputs = layer == 0 ? m->config.vocab : m->config.width;
    if (layer < 0 || k >= inputs * m->param[i].shape[1])
        return 1 / root;
    return layer == 0 ? 1 : 3 / root;
}

/* Of the rows of tokens that an encoder adds sinusoids to: times sqrt(D) they are as
 * large as those (Vaswani et al. 2017, 3.4), which else drown them, and nothing of the
 * condition is found. */
static double source_std(const bl_model *m, int i)
{
    const bl_model_config *c = &m->config;
    const char *read = c->share_embed ? "emb" : "enc.emb";
    int is_read = bl_model_encoder_layers(c) > 0 && strcmp(m->param[i].name, read) == 0;
    return is_read ? fmax(c->init_std, 1 / sqrt((double)c->width)) : c->init_std;
}

void bl_model_init(bl_model *m, uint64_t seed)
{
    const bl_model_config *c = &m->config;
    int is_lstm = c->arch == BL_ARCH_LSTM, is_groove = bl_model_is_groove(c);
    int by_size = (is_lstm || is_groove) && c->init_std == 0;
    double smaller = c->init_residual ? 1 / sqrt(2.0 * c->layers) : 1;
    for (int i = 0; i < m->n_params; i++) {
        const bl_param *t = &m->param[i];
        bl_init init = m->source[i].row->init;
        bl_real *x = m->value + t->start;
        bl_rng rng = bl_rng_make(seed, (uint64_t)i);
        double std = source_std(m, i) * (init == BL_INIT_RESIDUAL ? smaller : 1);
        int is_random = init < BL_INIT_ONE;
        for (int64_t k = 0; k < t->size; k++) {
            if (by_size && t->decay)
                std = is_lstm ? cell_std(m, i, k) : window_std(m, i);
            x[k] = is_random ? (bl_real)(std * bl_rng_normal(&rng))
                             : (bl_real)(init == BL_INIT_ONE);
        }
    }
}
