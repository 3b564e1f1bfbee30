/* impl.h - what the files of lib/model share: the parameter list and the model record.
 */
#ifndef BL_MODEL_IMPL_H
#define BL_MODEL_IMPL_H

#include "model/model.h"
#include "nn/graph.h"

/* How a tensor is filled before training; RESIDUAL is NORMAL with a smaller deviation,
 * BIAS is NORMAL without weight decay (u and v). Those before ONE are random. */
typedef enum {
    BL_INIT_NORMAL,
    BL_INIT_RESIDUAL,
    BL_INIT_BIAS,
    BL_INIT_ONE,
    BL_INIT_ZERO
} bl_init;

/* The tensors of one layer; NULL where the config has none. */
typedef struct {
    bl_mat *wq, *wk, *wv, *wo, *bq, *bk, *bv, *bo; /* attention */
    bl_mat *wr, *u, *vb, *er;                      /* its positions */
    bl_mat *cw, *cb;                               /* the compressor */
    bl_mat *ln1_g, *ln1_b, *w1, *b1, *w2, *b2, *ln2_g, *ln2_b;
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
    bl_layer *layer; /* [layers] */

    bl_real **memory;    /* [layers] (B, S, D); of an LSTM (B, 2, D) */
    bl_real **fresh;     /* [layers] (B, T, D) rows that enter the memory: the layer's
                          * inputs; of an LSTM h */
    bl_real **extra;     /* [layers] compressed rows (B, T / ratio, D); of an LSTM c */
    int32_t *mem_length; /* (B) */

    bl_mat *logits;
    bl_real *nll;
};

/* Lists the tensors of a config: names, shapes, places. Sets m->param, n_params, size.
 */
int bl_model_list(bl_model *m, bl_err *e) BL_MUST_CHECK;
/* Views over the blocks, into m->layer and the rest, in the order of bl_model_list. */
void bl_model_bind(bl_model *m);
/* Appends the ops of the model; sets fresh, extra, logits, nll. */
void bl_model_build(bl_model *m);

#endif
