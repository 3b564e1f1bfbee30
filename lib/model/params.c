/* params.c - the one list of parameter tensors: names, shapes, initial values, and
 * where each lies in the flat block. */
#include "base/mem.h"
#include "base/rng.h"
#include "model/model_impl.h"
#include "nn/op/ops.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The list being made; after the first failure nothing is added. */
typedef struct {
    bl_model *m;
    bl_err *e;
    int rc;
} list;

static BL_PRINTF(5, 6) void add(list *l, bl_init init, int64_t rows, int64_t cols,
                                const char *fmt, ...)
{
    bl_model *m = l->m;
    if (l->rc != 0)
        return;
    if (m->n_params == m->cap_params) {
        size_t cap = (size_t)m->cap_params, same = cap;
        void *p = m->param, *q = m->init;
        l->rc = bl_grow(&p, &cap, cap + 1, sizeof *m->param, l->e);
        m->param = p;
        if (l->rc == 0)
            l->rc = bl_grow(&q, &same, same + 1, sizeof *m->init, l->e);
        m->init = q;
        if (l->rc != 0)
            return;
        m->cap_params = (int)cap;
    }
    bl_param *t = &m->param[m->n_params];
    *t = (bl_param){.ndim = rows == 1 ? 1 : 2, .size = rows * cols, .start = m->size};
    t->shape[0] = rows == 1 ? cols : rows;
    t->shape[1] = rows == 1 ? 0 : cols;
    t->decay = init == BL_INIT_NORMAL || init == BL_INIT_RESIDUAL;
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->name, sizeof t->name, fmt, args);
    va_end(args);
    m->init[m->n_params++] = init;
    m->size += t->size;
}

/* The last n tensors of the list learn from the auxiliary loss. */
static void learn_from_aux(list *l, int n)
{
    for (int i = 1; i <= n && l->rc == 0; i++)
        l->m->param[l->m->n_params - i].learns = BL_LEARNS_AUX;
}

static void add_attention(list *l, int n)
{
    const bl_model_config *c = &l->m->config;
    int64_t d = c->width, e = d / c->heads;
    bl_init out = c->init_residual ? BL_INIT_RESIDUAL : BL_INIT_NORMAL;
    static const char *const input[] = {"q", "k", "v"};
    for (size_t i = 0; i < BL_COUNT(input); i++) {
        int64_t cols = i == 0 ? d : e * bl_model_kv_heads(c);
        add(l, BL_INIT_NORMAL, d, cols, "l%d.w%s", n, input[i]);
        if (c->att_bias)
            add(l, BL_INIT_ZERO, 1, cols, "l%d.b%s", n, input[i]);
    }
    if (c->pos == BL_POS_SINUSOID)
        add(l, BL_INIT_NORMAL, d, d, "l%d.wr", n);
    if (c->pos == BL_POS_DISTANCE)
        add(l, BL_INIT_NORMAL, (int64_t)c->heads * c->positions, e, "l%d.er", n);
    add(l, out, d, d, "l%d.wo", n);
    if (c->att_bias)
        add(l, BL_INIT_ZERO, 1, d, "l%d.bo", n);
    if (c->pos == BL_POS_SINUSOID && c->untie_uv) {
        add(l, BL_INIT_BIAS, c->heads, e, "l%d.u", n);
        add(l, BL_INIT_BIAS, c->heads, e, "l%d.v", n);
    }
    if (c->compressed > 0 && c->compressor == BL_COMPRESS_CONV &&
        bl_model_remembers(c, n)) {
        add(l, BL_INIT_NORMAL, c->ratio * d, d, "l%d.cw", n);
        add(l, BL_INIT_ZERO, 1, d, "l%d.cb", n);
        learn_from_aux(l, 2);
    }
}

/* Gain and bias of a norm "ln1" or "ln2" of layer n, or of "lnf"; the root mean
 * square's has no bias. */
static void add_norm(list *l, int n, const char *which)
{
    const bl_model_config *c = &l->m->config;
    char name[32];
    if (n >= 0)
        snprintf(name, sizeof name, "l%d.%s", n, which);
    else
        snprintf(name, sizeof name, "%s", which);
    add(l, BL_INIT_ONE, 1, c->width, "%s.g", name);
    if (c->norm == BL_NORM_LAYER)
        add(l, BL_INIT_ZERO, 1, c->width, "%s.b", name);
}

/* The gate "ga" or "gf" of layer n. */
static void add_gate(list *l, int n, const char *which)
{
    const bl_model_config *c = &l->m->config;
    int64_t d = c->width, k = d / 4;
    if (c->gate == BL_GATE_NONE)
        return;
    for (int from_x = 0; from_x < 2; from_x++) {
        add(l, BL_INIT_NORMAL, d, 3 * d, "l%d.%s.w%c", n, which, from_x ? 'h' : 'i');
        add(l, BL_INIT_ZERO, 1, 3 * d, "l%d.%s.b%c", n, which, from_x ? 'h' : 'i');
    }
    for (int round = 0; round < c->mogrify && round < 2; round++) {
        add(l, BL_INIT_NORMAL, d, k, "l%d.%s.%c1", n, which, round ? 'r' : 'q');
        add(l, BL_INIT_NORMAL, k, d, "l%d.%s.%c2", n, which, round ? 'r' : 'q');
    }
}

static void add_layer(list *l, int n)
{
    const bl_model_config *c = &l->m->config;
    int64_t d = c->width, f = c->ff, wide = c->glu ? 2 * f : f;
    add_attention(l, n);
    add_norm(l, n, "ln1");
    add(l, BL_INIT_NORMAL, d, wide, "l%d.w1", n);
    if (c->ff_bias)
        add(l, BL_INIT_ZERO, 1, wide, "l%d.b1", n);
    add(l, c->init_residual ? BL_INIT_RESIDUAL : BL_INIT_NORMAL, f, d, "l%d.w2", n);
    if (c->ff_bias)
        add(l, BL_INIT_ZERO, 1, d, "l%d.b2", n);
    add_norm(l, n, "ln2");
    add_gate(l, n, "ga");
    add_gate(l, n, "gf");
}

static void list_transformer(list *l)
{
    const bl_model_config *c = &l->m->config;
    int64_t d = c->width, a = bl_model_embed_width(c);
    add(l, BL_INIT_NORMAL, c->vocab, a, "emb");
    if (a != d) {
        add(l, BL_INIT_NORMAL, a, d, "emb.w");
        add(l, BL_INIT_ZERO, 1, d, "emb.wb");
    }
    if (c->pos == BL_POS_ABSOLUTE)
        add(l, BL_INIT_NORMAL, c->positions, d, "wpe");
    if (c->pos == BL_POS_SINUSOID && !c->untie_uv) {
        add(l, BL_INIT_BIAS, c->heads, d / c->heads, "u");
        add(l, BL_INIT_BIAS, c->heads, d / c->heads, "v");
    }
    for (int n = 0; n < c->layers; n++)
        add_layer(l, n);
    if (c->pre_norm)
        add_norm(l, -1, "lnf");
}

/* The first rows of a cell's matrix are for its input (layer 0: one row a token), the
 * last D for h. */
static void list_lstm(list *l)
{
    const bl_model_config *c = &l->m->config;
    int64_t d = c->width;
    for (int n = 0; n < c->layers; n++) {
        add(l, BL_INIT_NORMAL, (n == 0 ? c->vocab : d) + d, 4 * d, "lstm%d.w", n);
        add(l, BL_INIT_ZERO, 1, 4 * d, "lstm%d.b", n);
    }
}

int bl_model_list(bl_model *m, bl_err *e)
{
    const bl_model_config *c = &m->config;
    list l = {m, e, 0};
    if (c->arch == BL_ARCH_LSTM)
        list_lstm(&l);
    else
        list_transformer(&l);
    int64_t a = bl_model_embed_width(c);
    if (a != c->width) {
        add(&l, BL_INIT_NORMAL, c->width, a, "out.p");
        add(&l, BL_INIT_ZERO, 1, a, "out.pb");
    }
    if (!c->tie)
        add(&l, BL_INIT_NORMAL, a, c->vocab, "out.w");
    if (c->out_bias)
        add(&l, BL_INIT_ZERO, 1, c->vocab, "out.b");
    return l.rc;
}

/* ---- from names to matrices ---- */

/* The tensor's matrix, or NULL where the config has none of that name. */
static bl_mat *bind(bl_model *m, const char *prefix, int layer, const char *name)
{
    char full[sizeof m->param->name];
    if (layer >= 0)
        snprintf(full, sizeof full, "%s%d.%s", prefix, layer, name);
    else
        snprintf(full, sizeof full, "%s", name);
    for (int i = 0; i < m->n_params; i++)
        if (strcmp(m->param[i].name, full) == 0)
            return m->mat[i];
    return NULL;
}

/* `rows` rows of a matrix from `start` on, as a matrix. */
static bl_mat *rows_of(bl_model *m, const bl_mat *w, int start, int rows)
{
    if (w == NULL)
        return NULL;
    ptrdiff_t at = (ptrdiff_t)start * w->cols;
    return bl_graph_view(&m->graph, w->v + at, w->g != NULL ? w->g + at : NULL, rows,
                         w->cols);
}

static void bind_gate(bl_model *m, int n, const char *which, bl_gate *p)
{
    const struct {
        bl_mat **mat;
        const char *name;
    } tensors[] = {{&p->wi, "wi"}, {&p->wh, "wh"}, {&p->bi, "bi"}, {&p->bh, "bh"},
                   {&p->q1, "q1"}, {&p->q2, "q2"}, {&p->r1, "r1"}, {&p->r2, "r2"}};
    char name[8];
    for (size_t i = 0; i < BL_COUNT(tensors); i++) {
        snprintf(name, sizeof name, "%s.%s", which, tensors[i].name);
        *tensors[i].mat = bind(m, "l", n, name);
    }
}

static void bind_layer(bl_model *m, int n)
{
    bl_layer *l = &m->layer[n];
    const struct {
        bl_mat **mat;
        const char *name;
    } tensors[] = {
        {&l->wq, "wq"},       {&l->wk, "wk"},       {&l->wv, "wv"},
        {&l->wo, "wo"},       {&l->bq, "bq"},       {&l->bk, "bk"},
        {&l->bv, "bv"},       {&l->bo, "bo"},       {&l->wr, "wr"},
        {&l->er, "er"},       {&l->cw, "cw"},       {&l->cb, "cb"},
        {&l->w1, "w1"},       {&l->b1, "b1"},       {&l->w2, "w2"},
        {&l->b2, "b2"},       {&l->ln1_g, "ln1.g"}, {&l->ln1_b, "ln1.b"},
        {&l->ln2_g, "ln2.g"}, {&l->ln2_b, "ln2.b"},
    };
    for (size_t i = 0; i < BL_COUNT(tensors); i++)
        *tensors[i].mat = bind(m, "l", n, tensors[i].name);
    bind_gate(m, n, "ga", &l->ga);
    bind_gate(m, n, "gf", &l->gf);
    int own = m->config.untie_uv ? n : -1;
    l->u = bind(m, "l", own, "u");
    l->vb = bind(m, "l", own, "v");
}

static void bind_cells(bl_model *m, int n)
{
    bl_layer *l = &m->layer[n];
    int d = m->config.width, inputs = n == 0 ? m->config.vocab : d;
    bl_mat *w = bind(m, "lstm", n, "w");
    l->wx = rows_of(m, w, 0, inputs);
    l->wh = rows_of(m, w, inputs, d);
    l->b = bind(m, "lstm", n, "b");
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
        if (m->config.arch == BL_ARCH_LSTM)
            bind_cells(m, n);
        else
            bind_layer(m, n);
    }
    m->emb = bind(m, "", -1, "emb");
    m->emb_w = bind(m, "", -1, "emb.w");
    m->emb_wb = bind(m, "", -1, "emb.wb");
    m->out_p = bind(m, "", -1, "out.p");
    m->out_pb = bind(m, "", -1, "out.pb");
    m->wpe = bind(m, "", -1, "wpe");
    m->out_w = m->config.tie ? m->emb : bind(m, "", -1, "out.w");
    m->out_b = bind(m, "", -1, "out.b");
    m->lnf_g = bind(m, "", -1, "lnf.g");
    m->lnf_b = bind(m, "", -1, "lnf.b");
}

/* Deviation of a weight of an LSTM with init_std 0, so that signals keep their size
 * from layer to layer and step to step: a token's row is what its gates get; D numbers
 * add up elsewhere, and what a layer below gives is a third as large as a gate's input.
 */
static double cell_std(const bl_model *m, const bl_param *t, int64_t k)
{
    double root = sqrt((double)m->config.width);
    if (strncmp(t->name, "lstm", 4) != 0)
        return 1 / root;
    int first = strcmp(t->name, "lstm0.w") == 0;
    int64_t inputs = first ? m->config.vocab : m->config.width;
    if (k >= inputs * t->shape[1])
        return 1 / root;
    return first ? 1 : 3 / root;
}

void bl_model_init(bl_model *m, uint64_t seed)
{
    int by_size = m->config.arch == BL_ARCH_LSTM && m->config.init_std == 0;
    double smaller = 1 / sqrt(2.0 * m->config.layers);
    for (int i = 0; i < m->n_params; i++) {
        const bl_param *t = &m->param[i];
        bl_real *x = m->value + t->start;
        bl_rng rng = bl_rng_make(seed, (uint64_t)i);
        double std =
            m->config.init_std * (m->init[i] == BL_INIT_RESIDUAL ? smaller : 1);
        int is_random = m->init[i] < BL_INIT_ONE;
        for (int64_t k = 0; k < t->size; k++) {
            std = by_size && t->decay ? cell_std(m, t, k) : std;
            x[k] = is_random ? (bl_real)(std * bl_rng_normal(&rng))
                             : (bl_real)(m->init[i] == BL_INIT_ONE);
        }
    }
}
