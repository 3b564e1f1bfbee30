/* model.c - a model's life: blocks, forward, backward. */
#include "base/mem.h"
#include "model/model_impl.h"
#include "nn/kernel/gemm.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static int alloc_blocks(bl_model *m)
{
    bl_graph *g = &m->graph;
    size_t layers = (size_t)m->config.layers, lanes = (size_t)m->lanes;
    size_t rows = lanes * (size_t)bl_model_memory_rows(m) * (size_t)m->config.width;
    m->value = bl_graph_alloc(g, (size_t)m->size, sizeof *m->value);
    if (g->train)
        m->grad = bl_graph_alloc(g, (size_t)m->size, sizeof *m->grad);
    m->layer = bl_graph_alloc(g, layers + (size_t)bl_model_more_layers(&m->config),
                              sizeof *m->layer);
    m->memory = bl_graph_alloc(g, layers, sizeof *m->memory);
    m->fresh = bl_graph_alloc(g, layers, sizeof *m->fresh);
    m->extra = bl_graph_alloc(g, layers, sizeof *m->extra);
    m->keys = bl_graph_alloc(g, layers, sizeof *m->keys);
    m->values = bl_graph_alloc(g, layers, sizeof *m->values);
    m->mem_length = bl_graph_alloc(g, lanes, sizeof *m->mem_length);
    size_t tokens = lanes * (size_t)m->config.segment;
    if (m->config.places > 0)
        m->place_id = bl_graph_alloc(g, tokens, sizeof *m->place_id);
    if (m->config.bar_rows > 0)
        m->bar_id = bl_graph_alloc(g, tokens, sizeof *m->bar_id);
    if (bl_model_has_sides(&m->config))
        m->side_id = bl_graph_alloc(g, tokens, sizeof *m->side_id);
    for (int i = 0; m->config.recall > 0 && i < BL_RECALL_PARTS; i++)
        m->recall_id[i] = bl_graph_alloc(g, tokens, sizeof *m->recall_id[i]);
    bl_model_alloc_condition(m);
    bl_model_windows(m, NULL);
    for (size_t n = 0; n < layers && g->e->code == 0; n++)
        if (bl_model_remembers(&m->config, (int)n))
            m->memory[n] = bl_graph_alloc(g, rows, sizeof(bl_real));
    return g->e->code;
}

int bl_model_new(bl_model **out, const bl_model_config *c, int lanes, int train,
                 bl_pool *pool, bl_err *e)
{
    bl_model_config stated = *c;
    if (c->precision == BL_INT8 && !train) /* of evaluation: no setting has it */
        stated.precision = BL_FP32;
    *out = NULL;
    int rc = bl_model_config_check(&stated, e);
    if (rc != 0)
        return rc;
    if (lanes < 1 || lanes > 65536)
        return bl_fail(e, BL_E_ARG, "%d lanes: 1 to 65536 are possible", lanes);
    bl_model *m = bl_calloc(1, sizeof *m, e);
    if (m == NULL)
        return BL_E_NOMEM;
    bl_gemm_setup();
    m->config = *c;
    m->lanes = lanes;
    m->build = BL_ERR_INIT;
    m->graph = (bl_graph){.pool = pool,
                          .train = train,
                          .precision = (bl_precision)bl_model_precision(c),
                          .e = &m->build};
    rc = bl_model_list(m, &m->build);
    if (rc == 0)
        rc = alloc_blocks(m);
    if (rc == 0) {
        bl_model_bind(m);
        bl_model_build(m);
        bl_graph_plan(&m->graph);
        rc = m->build.code;
    }
    for (int lane = 0; lane < lanes && rc == 0; lane++)
        bl_model_forget(m, lane);
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
    free(m->source);
    free(m);
}

const bl_model_config *bl_model_conf(const bl_model *m)
{
    return &m->config;
}

int bl_model_lanes(const bl_model *m)
{
    return m->lanes;
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
    for (size_t i = 0; i < m->graph.n_mats; i++) {
        bl_mat *t = m->graph.mats[i];
        if (t->is_param)
            t->v = owner->value + (t->v - m->value);
    }
    bl_graph_release(&m->graph, m->value);
    m->value = owner->value;
}

/* ---- one segment ---- */

void bl_model_place(bl_model *m, const bl_place *at)
{
    m->at = at;
}

/* Places to rows. */
static void find_rows(bl_model *m)
{
    const bl_model_config *c = &m->config;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)m->lanes * c->segment; i++) {
        bl_place at = m->at != NULL ? m->at[i] : BL_PLACE_BEGIN;
        if (m->place_id != NULL)
            m->place_id[i] = bl_place_row(at, c->places);
        if (m->bar_id != NULL)
            m->bar_id[i] = bl_bar_row(at, c->bar_rows);
        if (m->side_id != NULL)
            m->side_id[i] = at.side != 0;
        for (int k = 0; c->recall > 0 && k < BL_RECALL_PARTS; k++)
            m->recall_id[k][i] = bl_recall_row(at, k);
    }
}

/* ---- the condition ---- */

void bl_model_alloc_condition(bl_model *m)
{
    const bl_model_config *c = &m->config;
    size_t n = (size_t)m->lanes * (size_t)c->source;
    if (c->condition != BL_CONDITION_ENCODER)
        return;
    m->no_source = bl_graph_alloc(&m->graph, n, sizeof *m->no_source);
    if (c->bar_rows > 0)
        m->source_bar = bl_graph_alloc(&m->graph, n, sizeof *m->source_bar);
    bl_model_condition(m, NULL);
}

void bl_model_condition(bl_model *m, const bl_condition *c)
{
    m->condition = c != NULL ? *c : (bl_condition){.x = NULL};
    if (m->condition.x == NULL) {
        m->condition.x = m->no_source;
        m->condition.length = m->no_source;
    }
}

/* The condition's places to rows, before the encoder runs. */
static void find_source(bl_model *m)
{
    const bl_model_config *c = &m->config;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)m->lanes * c->source; i++)
        m->source_bar[i] = bl_bar_row(
            m->condition.at != NULL ? m->condition.at[i] : BL_PLACE_BEGIN, c->bar_rows);
}

/* From a latent that is told on. */
static void decode(bl_model *m)
{
    size_t n = (size_t)m->lanes * (size_t)m->config.latent;
    memcpy(m->drawn->v, m->windows->latent, n * sizeof *m->drawn->v);
    m->window_feed->term[BL_OF_LATENT] = 0;
    bl_graph_forward_from(&m->graph, m->decodes_from);
}

void bl_model_windows(bl_model *m, bl_windows *w)
{
    m->no_windows = (bl_windows){.source = NULL};
    m->windows = w != NULL ? w : &m->no_windows;
    m->window_feed = &m->windows->feed;
}

const bl_real *bl_model_latent_mean(const bl_model *m)
{
    return m->mean->v;
}

const bl_real *bl_model_latent_log_var(const bl_model *m)
{
    return m->log_var->v;
}

double bl_model_forward(bl_model *m, const int32_t *x, const int32_t *y,
                        const int32_t *n_real, int train, uint64_t seed, uint64_t step,
                        int64_t *n_scored)
{
    m->graph.feed = (bl_feed){.x = x,
                              .y = y,
                              .mem_length = m->mem_length,
                              .n_real = n_real,
                              .train = train,
                              .seed = seed,
                              .step = step};
    if (bl_model_has_rows(&m->config))
        find_rows(m);
    if (m->source_bar != NULL)
        find_source(m);
    if (m->seen != NULL)
        bl_model_see(m);
    if (m->drawn != NULL && m->windows->latent != NULL)
        decode(m);
    else
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

double bl_model_aux(const bl_model *m, int64_t *n_terms)
{
    *n_terms = m->graph.feed.n_aux;
    return m->graph.feed.aux_sum;
}

void bl_model_backward(bl_model *m, double loss_scale, double aux_scale)
{
    m->graph.feed.loss_scale = loss_scale;
    m->graph.feed.aux_scale = aux_scale;
    bl_graph_backward(&m->graph);
}
