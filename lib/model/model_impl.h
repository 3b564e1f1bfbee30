/* model_impl.h - what the files of lib/model share: the parameter list and the model
 * record.
 */
#ifndef BL_MODEL_IMPL_H
#define BL_MODEL_IMPL_H

#include "model/model.h"
#include "nn/op/graph.h"

/* How a tensor is filled before training; RESIDUAL is NORMAL with a smaller deviation,
 * BIAS is NORMAL without weight decay (u and v). Those before ONE are random. */
typedef enum {
    BL_INIT_NORMAL,
    BL_INIT_RESIDUAL,
    BL_INIT_BIAS,
    BL_INIT_ONE,
    BL_INIT_ZERO
} bl_init;

/* A gate's tensors; of the mogrifier q1 q2 and r1 r2, matrices of low rank. */
typedef struct {
    bl_mat *wi, *wh, *bi, *bh, *q1, *q2, *r1, *r2;
} bl_gate;

/* The tensors of one layer; NULL where the config has none. */
typedef struct {
    bl_mat *wq, *wk, *wv, *wo, *bq, *bk, *bv, *bo; /* attention */
    bl_mat *wr, *u, *vb, *er;                      /* its positions */
    bl_mat *cw, *cb;                               /* the compressor */
    bl_mat *ln1_g, *ln1_b, *w1, *b1, *w2, *b2, *ln2_g, *ln2_b;
    bl_gate ga, gf;      /* after attention, after the feed-forward */
    bl_mat *wx, *wh, *b; /* LSTM cells */
} bl_layer;

struct bl_model {
    bl_model_config config;
    bl_graph graph;
    bl_err build; /* the graph's first failure */
    bl_param *param;
    bl_init *init;
    bl_mat **mat; /* [n_params] views of the blocks */
    int n_params, cap_params;
    int64_t size;
    bl_real *value, *grad; /* [size]; value may be another model's */
    bl_mat *emb, *wpe, *out_w, *out_b, *lnf_g, *lnf_b;
    bl_mat *emb_w, *emb_wb, *out_p, *out_pb; /* between embed_width and D */
    bl_layer *layer;                         /* [layers] */

    bl_real **memory; /* [layers] (B, S, D), NULL where a layer has none; of an LSTM (B,
                       * 2, D) */
    bl_real **fresh;  /* [layers] (B, T, D) rows that enter the memory: the layer's
                       * inputs; of an LSTM h */
    bl_real **extra;  /* [layers] compressed rows (B, T / ratio, D); of an LSTM c */
    int32_t *mem_length; /* (B) */

    const bl_real *angles; /* (K, D/H) of rotary positions */
    bl_mat *logits;
    bl_real *nll;
};

/* One of the dropouts that follow `dropout` if they are not given. */
static inline double bl_model_dropout(const bl_model_config *c, double own)
{
    return own < 0 ? c->dropout : own;
}

static inline int bl_model_embed_width(const bl_model_config *c)
{
    return c->embed_width > 0 ? c->embed_width : c->width;
}

static inline int bl_model_kv_heads(const bl_model_config *c)
{
    return c->kv_heads > 0 ? c->kv_heads : c->heads;
}

/* Lists the tensors of a config: names, shapes, places. Sets m->param, n_params, size.
 */
int bl_model_list(bl_model *m, bl_err *e) BL_MUST_CHECK;
/* Views over the blocks, into m->layer and the rest, in the order of bl_model_list. */
void bl_model_bind(bl_model *m);
/* Appends the ops of the model; sets fresh, extra, logits, nll. */
void bl_model_build(bl_model *m);

#endif
