/* gen_weights.c - parameters as generation reads them: matrices packed for few rows,
 * the keys of distances made, the rest as it is. Each is copied once, when it comes, so
 * that nobody holds a second set. */
#include "base/mem.h"
#include "model/gen.h"
#include "nn/kernel/gemm.h"
#include "nn/op/ops.h"

#include <stdlib.h>
#include <string.h>

/* ---- the parameters that are kept ---- */

/* The encoder's graph for several lengths: a short condition need not cost what the
 * longest does. */
static void build_encoders(bl_gen *g)
{
    bl_model *m = g->m;
    const bl_graph own = m->graph;
    int source = m->config.source, rows = source;
    while (g->n_encoders < BL_GEN_ENCODERS && g->build.code == 0) {
        bl_gen_encoder *one = &g->encoder[g->n_encoders++];
        m->graph = (bl_graph){.pool = g->pool, .is_room = 1, .e = &g->build};
        m->config.source = one->rows = rows;
        one->encoded = bl_model_build_encoder(m);
        bl_graph_plan(&m->graph);
        one->graph = m->graph;
        if (rows / 2 < BL_GEN_SHORTEST)
            break;
        rows = (rows + 1) / 2;
    }
    m->config.source = source;
    m->graph = own;
}

/* The tensors of a model, bound to room for all of them. Room is not memory: a page
 * that is never written takes none, and what is packed is not written here. */
int bl_gen_hold(bl_gen *g, const bl_model_config *c)
{
    bl_model *m = g->m = bl_calloc(1, sizeof *m, &g->build);
    if (m == NULL)
        return BL_E_NOMEM;
    m->config = *c;
    m->lanes = 1;
    m->graph = (bl_graph){.pool = g->pool, .e = &g->build};
    int rc = bl_model_list(m, &g->build);
    if (rc != 0)
        return rc;
    m->value = bl_calloc((size_t)m->size, sizeof *m->value, &g->build);
    m->layer = bl_graph_alloc(
        &m->graph, (size_t)(c->layers + bl_model_encoder_layers(c)), sizeof *m->layer);
    bl_model_alloc_condition(m);
    if (g->build.code == 0)
        bl_model_bind(m);
    if (c->condition == BL_CONDITION_ENCODER)
        build_encoders(g);
    if (c->prefix_mask == BL_PREFIX_FULL && g->build.code == 0)
        (void)!bl_model_new(&g->reader, c, 1, 0, g->pool, &g->build);
    return g->build.code;
}

void bl_gen_let_go(bl_gen *g)
{
    if (g->m == NULL)
        return;
    for (int i = 0; i < g->n_encoders; i++)
        bl_graph_free(&g->encoder[i].graph);
    bl_graph_free(&g->m->graph);
    bl_model_del(g->reader);
    free(g->m->param);
    free(g->m->source);
    free(g->m->value);
    free(g->m);
    free(g->packing);
    free(g->taken);
}

int bl_gen_n_params(const bl_gen *g)
{
    return g->m->n_params;
}

const bl_param *bl_gen_param(const bl_gen *g, int i)
{
    return &g->m->param[i];
}

/* ---- which become what ---- */

static void pack(bl_gen *g, const bl_mat *w, int transposed, bl_thin *to)
{
    if (w == NULL || g->build.code != 0)
        return;
    void *p = g->packing;
    (void)!bl_grow(&p, &g->cap_packing, g->n_packing + 1, sizeof *g->packing,
                   &g->build);
    g->packing = p;
    if (g->build.code == 0)
        g->packing[g->n_packing++] = (bl_gen_packing){w, transposed, to};
}

static void pack_layers(bl_gen *g)
{
    const bl_model *m = g->m;
    int is_lstm = m->config.arch == BL_ARCH_LSTM;
    for (int i = 0; i < m->n_params; i++) {
        bl_tensor_source from = m->source[i];
        int steps = from.layer >= 0 && from.layer < m->config.layers;
        if (steps && from.row->is_factor)
            pack(g, bl_layer_mat(&m->layer[from.layer], from.row->at), 0,
                 &g->weights[from.layer].of[from.row->at / sizeof(bl_mat *)]);
    }
    for (int n = 0; n < m->config.layers && is_lstm; n++) {
        pack(g, n > 0 ? m->layer[n].wx : NULL, 0, BL_THIN(&g->weights[n], wx));
        pack(g, m->layer[n].wh, 0, BL_THIN(&g->weights[n], wh));
    }
}

static int has_distances(const bl_model_config *c)
{
    return c->arch != BL_ARCH_LSTM && bl_model_has_distances(c);
}

int bl_gen_plan_weights(bl_gen *g)
{
    const bl_model *m = g->m;
    const bl_model_config *c = &m->config;
    size_t layers = (size_t)c->layers;
    g->taken = bl_calloc((size_t)m->n_params, sizeof *g->taken, &g->build);
    g->weights = bl_graph_alloc(&g->store, layers, sizeof *g->weights);
    if (has_distances(c))
        g->r = bl_graph_alloc(&g->store, layers, sizeof *g->r);
    if (g->build.code == 0)
        pack_layers(g);
    for (size_t n = 0; n < layers && g->build.code == 0 && g->r != NULL; n++) {
        size_t keys = (size_t)bl_gen_whole(bl_gen_keys(g, (int)n));
        g->r[n] = bl_graph_alloc(
            &g->store, bl_store_bytes(g->precision, (size_t)c->width * keys), 1);
    }
    pack(g, m->emb_w, 0, &g->emb_w);
    pack(g, m->out_p, 0, &g->out_p);
    pack(g, m->out_w, c->tie, &g->out);
    return g->build.code;
}

/* ---- keys of distances ---- */

/* The keys of distances of a head; row d of `from` is `next` numbers after row d - 1.
 */
static void put_distances(bl_gen *g, int layer, int h, const bl_real *from,
                          ptrdiff_t next)
{
    int e = g->m->config.width / g->m->config.heads, n = bl_gen_keys(g, layer);
    size_t head = bl_store_bytes(g->precision, (size_t)e * (size_t)bl_gen_whole(n));
    for (int d = 0; d < n; d++, from += next)
        bl_gen_put_column(g, g->r[layer] + (size_t)h * head, e, d, from);
}

/* Sinusoids through the layer's W_r. */
static int make_sinusoids(bl_gen *g, int layer, const bl_real *wr)
{
    const bl_model_config *c = &g->m->config;
    int width = c->width;
    size_t size = (size_t)g->keys_cap * (size_t)width;
    if (g->sinusoids == NULL) { /* the same for all layers */
        g->sinusoids = bl_graph_alloc(&g->store, 2 * size, sizeof *g->sinusoids);
        for (int d = 0; d < g->keys_cap && g->sinusoids != NULL; d++) {
            int distance = c->clamp_len > 0 && d > c->clamp_len ? c->clamp_len : d;
            bl_position_row(distance, width, g->sinusoids + (ptrdiff_t)d * width);
        }
    }
    if (g->sinusoids == NULL)
        return g->build.code;
    bl_real *keys = g->sinusoids + size;
    bl_gemm_args p = {.m = bl_gen_keys(g, layer),
                      .n = width,
                      .k = width,
                      .alpha = 1,
                      .a = g->sinusoids,
                      .lda = width,
                      .b = wr,
                      .ldb = width,
                      .c = keys,
                      .ldc = width,
                      .precision = g->of_weights == BL_INT8 ? BL_INT8 : BL_FP32};
    bl_gemm(g->pool, &p);
    for (int h = 0; h < c->heads; h++)
        put_distances(g, layer, h, keys + h * (width / c->heads), width);
    return 0;
}

/* The layer's learned rows, distance 0 last in its table; the first row is that of all
 * farther distances. */
static int make_distances(bl_gen *g, int layer, const bl_real *er)
{
    const bl_model_config *c = &g->m->config;
    int e = c->width / c->heads, n = bl_gen_keys(g, layer);
    bl_real *rows = bl_calloc((size_t)n * (size_t)e, sizeof *rows, &g->build);
    for (int h = 0; h < c->heads && rows != NULL; h++) {
        ptrdiff_t first = c->share_distances ? 0 : h * (ptrdiff_t)c->positions;
        for (int d = 0; d < n; d++) {
            ptrdiff_t row = first + bl_max(0, c->positions - 1 - d);
            memcpy(rows + (ptrdiff_t)d * e, er + row * e, (size_t)e * sizeof *rows);
        }
        put_distances(g, layer, h, rows, e);
    }
    free(rows);
    return g->build.code;
}

/* ---- as they come ---- */

/* The values of a matrix within those of the parameter `p`, or NULL: it is of another.
 */
static const bl_real *part_of(const bl_gen *g, const bl_mat *w, const bl_param *p,
                              const bl_real *values)
{
    const bl_real *from = g->m->value + p->start;
    int is_here = w != NULL && w->v >= from && w->v < from + p->size;
    return is_here ? values + (w->v - from) : NULL;
}

/* What it becomes: panels of products, keys of distances. *used = 1 if anything. */
static int convert(bl_gen *g, const bl_param *p, const bl_real *values, int *used)
{
    const bl_real *from;
    for (size_t i = 0; i < g->n_packing && g->build.code == 0; i++) {
        const bl_gen_packing *one = &g->packing[i];
        if ((from = part_of(g, one->from, p, values)) == NULL)
            continue;
        int k = one->transposed ? one->from->cols : one->from->rows;
        int n = one->transposed ? one->from->rows : one->from->cols;
        void *panels = bl_graph_alloc(&g->store, bl_thin_bytes(g->of_weights, k, n), 1);
        if (panels != NULL)
            bl_thin_pack(one->to, g->of_weights, one->transposed, k, n, from, panels);
        *used = 1;
    }
    for (int n = 0; n < g->m->config.layers && g->build.code == 0; n++) {
        const bl_layer *l = &g->m->layer[n];
        if ((from = part_of(g, l->wr, p, values)) != NULL)
            *used = make_sinusoids(g, n, from) == 0;
        if ((from = part_of(g, l->er, p, values)) != NULL)
            *used = make_distances(g, n, from) == 0;
    }
    return g->build.code;
}

/* A token's row is looked up, by the encoder too. */
static int is_read_as_it_is(const bl_gen *g, const bl_param *p, const bl_real *values)
{
    const bl_model *m = g->m;
    return part_of(g, m->emb, p, values) != NULL ||
           part_of(g, m->layer[0].wx, p, values) != NULL ||
           (g->n_encoders > 0 && part_of(g, m->enc_w, p, values) != NULL);
}

int bl_gen_take(bl_gen *g, int i, const bl_real *values, bl_err *e)
{
    const bl_model *m = g->m;
    const bl_param *p = &m->param[i];
    int used = 0, rc = convert(g, p, values, &used);
    if (rc != 0)
        return bl_fail(e, rc, "%s", g->build.text);
    if (!used || is_read_as_it_is(g, p, values))
        memcpy(m->value + p->start, values, (size_t)p->size * sizeof *values);
    if (g->reader != NULL)
        memcpy(g->reader->value + p->start, values, (size_t)p->size * sizeof *values);
    g->taken[i] = 1;
    return 0;
}

/* The key and the value of a memory slot of zeros. */
static void prepare_zeros(bl_gen *g)
{
    const bl_model_config *c = &g->m->config;
    for (int n = 0; n < c->layers; n++) {
        const bl_layer *l = &g->m->layer[n];
        memset(g->x, 0, (size_t)c->width * sizeof *g->x);
        if (c->pre_norm)
            bl_gen_norm(g, g->x, l->ln1_g, l->ln1_b, 1, g->x);
        bl_gen_project(g, g->x, BL_THIN(&g->weights[n], wk), l->bk, 1, g->zero_k[n]);
        bl_gen_project(g, g->x, BL_THIN(&g->weights[n], wv), l->bv, 1, g->zero_v[n]);
    }
}

int bl_gen_end_weights(bl_gen *g, bl_err *e)
{
    for (int i = 0; i < g->m->n_params; i++)
        if (!g->taken[i])
            return bl_fail(e, BL_E_FORMAT, "tensor 'param.%s' is missing",
                           g->m->param[i].name);
    bl_graph_release(&g->store, g->sinusoids);
    g->sinusoids = NULL;
    if (g->m->config.zero_memory)
        prepare_zeros(g);
    return 0;
}
