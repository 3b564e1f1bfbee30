/* model.c - a model's life: configuration, blocks, forward, backward, memory. */
#include "base/mem.h"
#include "model/impl.h"
#include "nn/gemm.h"

#include <stdlib.h>
#include <string.h>

/* ---- configuration ---- */

bl_model_config bl_model_config_default(void)
{
    return (bl_model_config){
        .vocab = 0,
        .layers = 4,
        .width = 256,
        .heads = 4,
        .ff = 1024,
        .segment = 128,
        .memory = 128,
        .dropout = 0.1,
        .norm_eps = 1e-5,
        .init_std = 0.02,
    };
}

int bl_model_config_check(const bl_model_config *c, bl_err *e)
{
    const struct {
        const char *name;
        int64_t value, low, high;
    } whole[] = {
        {"vocab", c->vocab, 1, 65536},
        {"layers", c->layers, 1, 256},
        {"width", c->width, 2, 65536},
        {"heads", c->heads, 1, 1024},
        {"ff", c->ff, 1, 262144},
        {"segment", c->segment, 1, 65536},
        {"memory", c->memory, 0, 65536},
        {"pre_norm", c->pre_norm, 0, 1},
        {"untie_uv", c->untie_uv, 0, 1},
        {"clamp_len", c->clamp_len, 0, 131072},
        {"width over heads (must be whole)", c->heads > 0 ? c->width % c->heads : 0, 0,
         0},
        {"width (must be even)", c->width % 2, 0, 0},
    };
    const struct {
        const char *name;
        double value, low, high;
    } real[] = {
        {"dropout", c->dropout, 0, 0.95},
        {"att_dropout", c->att_dropout, 0, 0.95},
        {"norm_eps", c->norm_eps, 1e-12, 1},
        {"init_std", c->init_std, 1e-6, 10},
    };
    for (size_t i = 0; i < BL_COUNT(whole); i++)
        if (whole[i].value < whole[i].low || whole[i].value > whole[i].high)
            return bl_fail(e, BL_E_ARG, "%s is %lld, which is not within %lld..%lld",
                           whole[i].name, (long long)whole[i].value,
                           (long long)whole[i].low, (long long)whole[i].high);
    for (size_t i = 0; i < BL_COUNT(real); i++)
        if (!(real[i].value >= real[i].low && real[i].value <= real[i].high))
            return bl_fail(e, BL_E_ARG, "%s is %g, which is not within %g..%g",
                           real[i].name, real[i].value, real[i].low, real[i].high);
    return 0;
}

/* ---- life ---- */

static int alloc_blocks(bl_model *m)
{
    bl_graph *g = &m->graph;
    size_t layers = (size_t)m->config.layers;
    size_t slots =
        (size_t)g->lanes * (size_t)m->config.memory * (size_t)m->config.width;
    m->value = bl_graph_alloc(g, (size_t)m->size, sizeof *m->value);
    if (g->train)
        m->grad = bl_graph_alloc(g, (size_t)m->size, sizeof *m->grad);
    m->mat = bl_graph_alloc(g, (size_t)m->n_params, sizeof *m->mat);
    m->layer = bl_graph_alloc(g, layers, sizeof *m->layer);
    m->memory = bl_graph_alloc(g, layers, sizeof *m->memory);
    m->input = bl_graph_alloc(g, layers, sizeof *m->input);
    m->mem_length = bl_graph_alloc(g, (size_t)g->lanes, sizeof *m->mem_length);
    for (size_t n = 0; n < layers && g->e->code == 0; n++)
        m->memory[n] = bl_graph_alloc(g, slots, sizeof(bl_real));
    return g->e->code;
}

int bl_model_new(bl_model **out, const bl_model_config *c, int lanes, int train,
                 bl_pool *pool, bl_err *e)
{
    *out = NULL;
    int rc = bl_model_config_check(c, e);
    if (rc != 0)
        return rc;
    if (lanes < 1 || lanes > 65536)
        return bl_fail(e, BL_E_ARG, "%d lanes: 1 to 65536 are possible", lanes);
    bl_model *m = bl_calloc(1, sizeof *m, e);
    if (m == NULL)
        return BL_E_NOMEM;
    bl_gemm_setup();
    m->config = *c;
    m->build = BL_ERR_INIT;
    m->graph = (bl_graph){.pool = pool,
                          .train = train,
                          .lanes = lanes,
                          .segment = c->segment,
                          .memory = c->memory,
                          .e = &m->build};
    rc = bl_model_list(m, &m->build);
    if (rc == 0)
        rc = alloc_blocks(m);
    if (rc == 0) {
        bl_model_bind(m);
        bl_xl_build(m);
        rc = m->build.code;
    }
    if (rc != 0) {
        bl_fail(e, rc, "%s", m->build.text);
        bl_model_del(m);
        return rc;
    }
    *out = m;
    return 0;
}

void bl_model_del(bl_model *m)
{
    if (m == NULL)
        return;
    bl_graph_free(&m->graph);
    free(m->param);
    free(m->init);
    free(m);
}

const bl_model_config *bl_model_conf(const bl_model *m)
{
    return &m->config;
}

int bl_model_lanes(const bl_model *m)
{
    return m->graph.lanes;
}

int bl_model_n_params(const bl_model *m)
{
    return m->n_params;
}

const bl_param *bl_model_param(const bl_model *m, int i)
{
    return &m->param[i];
}

int64_t bl_model_size(const bl_model *m)
{
    return m->size;
}

bl_real *bl_model_values(bl_model *m)
{
    return m->value;
}

bl_real *bl_model_grads(bl_model *m)
{
    return m->grad;
}

void bl_model_share(bl_model *m, const bl_model *owner)
{
    m->value = owner->value;
    for (int i = 0; i < m->n_params; i++)
        m->mat[i]->v = m->value + m->param[i].start;
}

/* ---- one segment ---- */

double bl_model_forward(bl_model *m, const int32_t *x, const int32_t *y,
                        const int32_t *n_real, int train, uint64_t seed, uint64_t step,
                        int64_t *n_scored)
{
    m->n_real = n_real;
    m->graph.feed = (bl_feed){.x = x,
                              .y = y,
                              .mem_length = m->mem_length,
                              .train = train,
                              .seed = seed,
                              .step = step};
    bl_graph_forward(&m->graph);
    *n_scored = m->graph.feed.n_scored;
    return m->graph.feed.nll_sum;
}

const bl_real *bl_model_nll(const bl_model *m)
{
    return m->nll;
}

const bl_real *bl_model_logits(const bl_model *m)
{
    return m->logits->v;
}

void bl_model_backward(bl_model *m, double loss_scale)
{
    m->graph.feed.loss_scale = loss_scale;
    bl_graph_backward(&m->graph);
}

/* ---- memory ---- */

bl_real *bl_model_memory(bl_model *m, int layer)
{
    return m->memory[layer];
}

int32_t *bl_model_memory_length(bl_model *m)
{
    return m->mem_length;
}

void bl_model_forget(bl_model *m, int lane)
{
    m->mem_length[lane] = 0;
}

/* The last M rows of [memory ; the real rows of the segment]. */
void bl_model_advance(bl_model *m)
{
    int slots = m->config.memory, t = m->config.segment;
    size_t d = (size_t)m->config.width, row = d * sizeof(bl_real);
    for (int b = 0; b < m->graph.lanes; b++) {
        int real = m->n_real[b];
        int fresh = real < slots ? real : slots; /* rows that come from the segment */
        size_t kept = (size_t)(slots - fresh);
        for (int n = 0; n < m->config.layers && fresh > 0; n++) {
            bl_real *memory = m->memory[n] + (size_t)b * (size_t)slots * d;
            const bl_real *x = m->input[n]->v + (size_t)b * (size_t)t * d;
            memmove(memory, memory + (size_t)fresh * d, kept * row);
            memcpy(memory + kept * d, x + (size_t)(real - fresh) * d,
                   (size_t)fresh * row);
        }
        m->mem_length[b] = (int32_t)bl_min(slots, m->mem_length[b] + real);
    }
}

/* ---- estimates ---- */

static double parameters(const bl_model_config *c)
{
    double d = c->width, f = c->ff;
    double layer = 5 * d * d + 2 * d * f + f + 5 * d + (c->untie_uv ? 2 * d : 0);
    return c->layers * layer + (double)c->vocab * (d + 1) + (c->untie_uv ? 0 : 2 * d) +
           (c->pre_norm ? 2 * d : 0);
}

int64_t bl_model_bytes(const bl_model_config *c, int lanes, int train)
{
    double d = c->width, t = c->segment, keys = (double)c->memory + c->segment;
    double b = lanes, both = train ? 2 : 1;
    double layer = both * (b * t * (8 * d + c->ff) +
                           b * keys * (c->memory > 0 ? 3 : 2) * d + keys * d) +
                   b * c->memory * d + (c->pre_norm ? both * b * keys * d : 0);
    double tile = c->heads * (3 * t * keys + 4 * t * d / c->heads);
    double reals = both * parameters(c) + c->layers * layer + b * t * c->vocab + tile +
                   both * 2 * b * t * d + 2 * keys * d;
    return (int64_t)(reals * (double)sizeof(bl_real));
}

double bl_model_flops_per_token(const bl_model_config *c)
{
    double d = c->width, t = c->segment, keys = (double)c->memory + c->segment;
    double weights = 2 * d * d + 2 * d * d * keys / t + 2 * d * (double)c->ff;
    double attention = 3 * keys * d;
    return 6 * (c->layers * (weights + attention) + d * c->vocab);
}
