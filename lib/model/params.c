/* params.c - the one list of parameter tensors: names, shapes, initial values, and
 * where each lies in the flat block. */
#include "base/mem.h"
#include "base/rng.h"
#include "model/impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static BL_PRINTF(6, 7) int add(bl_model *m, bl_init init, int64_t rows, int64_t cols,
                               bl_err *e, const char *fmt, ...)
{
    if (m->n_params == m->cap_params) {
        size_t cap = (size_t)m->cap_params, same = cap;
        void *p = m->param, *q = m->init;
        if (bl_grow(&p, &cap, cap + 1, sizeof *m->param, e) != 0)
            return BL_E_NOMEM;
        m->param = p;
        if (bl_grow(&q, &same, same + 1, sizeof *m->init, e) != 0)
            return BL_E_NOMEM;
        m->init = q;
        m->cap_params = (int)cap;
    }
    bl_param *t = &m->param[m->n_params];
    *t = (bl_param){.ndim = rows == 1 ? 1 : 2, .size = rows * cols, .start = m->size};
    t->shape[0] = rows == 1 ? cols : rows;
    t->shape[1] = rows == 1 ? 0 : cols;
    t->decay = init == BL_INIT_NORMAL;
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->name, sizeof t->name, fmt, args);
    va_end(args);
    m->init[m->n_params++] = init;
    m->size += t->size;
    return 0;
}

static int add_layer(bl_model *m, int n, bl_err *e)
{
    const bl_model_config *c = &m->config;
    int64_t d = c->width, f = c->ff, h = c->heads;
    static const char *const square[] = {"wq", "wk", "wv", "wr", "wo"};
    int rc = 0;
    for (size_t i = 0; i < BL_COUNT(square) && rc == 0; i++)
        rc = add(m, BL_INIT_NORMAL, d, d, e, "l%d.%s", n, square[i]);
    if (rc == 0 && c->untie_uv)
        rc = add(m, BL_INIT_NORMAL, h, d / h, e, "l%d.u", n);
    if (rc == 0 && c->untie_uv)
        rc = add(m, BL_INIT_NORMAL, h, d / h, e, "l%d.v", n);
    if (rc == 0)
        rc = add(m, BL_INIT_ONE, 1, d, e, "l%d.ln1.g", n);
    if (rc == 0)
        rc = add(m, BL_INIT_ZERO, 1, d, e, "l%d.ln1.b", n);
    if (rc == 0)
        rc = add(m, BL_INIT_NORMAL, d, f, e, "l%d.w1", n);
    if (rc == 0)
        rc = add(m, BL_INIT_ZERO, 1, f, e, "l%d.b1", n);
    if (rc == 0)
        rc = add(m, BL_INIT_NORMAL, f, d, e, "l%d.w2", n);
    if (rc == 0)
        rc = add(m, BL_INIT_ZERO, 1, d, e, "l%d.b2", n);
    if (rc == 0)
        rc = add(m, BL_INIT_ONE, 1, d, e, "l%d.ln2.g", n);
    if (rc == 0)
        rc = add(m, BL_INIT_ZERO, 1, d, e, "l%d.ln2.b", n);
    return rc;
}

int bl_model_list(bl_model *m, bl_err *e)
{
    const bl_model_config *c = &m->config;
    int64_t d = c->width, h = c->heads;
    int rc = add(m, BL_INIT_NORMAL, c->vocab, d, e, "emb");
    if (rc == 0 && !c->untie_uv)
        rc = add(m, BL_INIT_NORMAL, h, d / h, e, "u");
    if (rc == 0 && !c->untie_uv)
        rc = add(m, BL_INIT_NORMAL, h, d / h, e, "v");
    for (int n = 0; n < c->layers && rc == 0; n++)
        rc = add_layer(m, n, e);
    if (rc == 0 && c->pre_norm)
        rc = add(m, BL_INIT_ONE, 1, d, e, "lnf.g");
    if (rc == 0 && c->pre_norm)
        rc = add(m, BL_INIT_ZERO, 1, d, e, "lnf.b");
    if (rc == 0)
        rc = add(m, BL_INIT_ZERO, 1, c->vocab, e, "out.b");
    return rc;
}

static bl_mat *bind(bl_model *m, const char *name, int layer)
{
    char full[sizeof m->param->name];
    if (layer >= 0)
        snprintf(full, sizeof full, "l%d.%s", layer, name);
    else
        snprintf(full, sizeof full, "%s", name);
    for (int i = 0; i < m->n_params; i++)
        if (strcmp(m->param[i].name, full) == 0)
            return m->mat[i];
    return NULL;
}

void bl_model_bind(bl_model *m)
{
    for (int i = 0; i < m->n_params; i++) {
        const bl_param *t = &m->param[i];
        m->mat[i] = bl_graph_view(
            &m->graph, m->value + t->start, m->grad != NULL ? m->grad + t->start : NULL,
            t->ndim == 1 ? 1 : t->shape[0], t->ndim == 1 ? t->shape[0] : t->shape[1]);
    }
    for (int n = 0; n < m->config.layers; n++) {
        int own = m->config.untie_uv ? n : -1;
        m->layer[n] = (bl_layer){
            .wq = bind(m, "wq", n),
            .wk = bind(m, "wk", n),
            .wv = bind(m, "wv", n),
            .wr = bind(m, "wr", n),
            .wo = bind(m, "wo", n),
            .u = bind(m, "u", own),
            .vb = bind(m, "v", own),
            .ln1_g = bind(m, "ln1.g", n),
            .ln1_b = bind(m, "ln1.b", n),
            .w1 = bind(m, "w1", n),
            .b1 = bind(m, "b1", n),
            .w2 = bind(m, "w2", n),
            .b2 = bind(m, "b2", n),
            .ln2_g = bind(m, "ln2.g", n),
            .ln2_b = bind(m, "ln2.b", n),
        };
    }
    m->emb = bind(m, "emb", -1);
    m->out_b = bind(m, "out.b", -1);
    m->lnf_g = bind(m, "lnf.g", -1);
    m->lnf_b = bind(m, "lnf.b", -1);
}

void bl_model_init(bl_model *m, uint64_t seed)
{
    for (int i = 0; i < m->n_params; i++) {
        const bl_param *t = &m->param[i];
        bl_real *x = m->value + t->start;
        bl_rng rng = bl_rng_make(seed, (uint64_t)i);
        for (int64_t k = 0; k < t->size; k++)
            x[k] = m->init[i] == BL_INIT_NORMAL
                       ? (bl_real)(m->config.init_std * bl_rng_normal(&rng))
                       : (bl_real)(m->init[i] == BL_INIT_ONE);
    }
}
