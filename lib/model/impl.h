/* impl.h - what the files of lib/model share: the parameter list and the model record.
 */
#ifndef BL_MODEL_IMPL_H
#define BL_MODEL_IMPL_H

#include "model/model.h"
#include "nn/graph.h"

/* How a tensor is filled before training. */
typedef enum { BL_INIT_NORMAL, BL_INIT_ONE, BL_INIT_ZERO } bl_init;

/* The tensors of one layer and of the whole model, in the order of the flat block. */
typedef struct {
    bl_mat *wq, *wk, *wv, *wr, *wo, *u, *vb, *ln1_g, *ln1_b;
    bl_mat *w1, *b1, *w2, *b2, *ln2_g, *ln2_b;
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
    bl_mat *emb, *out_b, *lnf_g, *lnf_b;
    bl_layer *layer;  /* [layers] */
    bl_real **memory; /* [layers] (B, M, D) */
    bl_mat **input;   /* [layers] what the memory keeps: the input of each layer */
    int32_t *mem_length;
    const int32_t *n_real; /* of the last forward */
    bl_mat *logits;
    bl_real *nll;
};

/* Lists the tensors of a config: names, shapes, places. Sets m->param, n_params, size.
 */
int bl_model_list(bl_model *m, bl_err *e) BL_MUST_CHECK;
/* Views over the blocks, into m->layer and the rest, in the order of bl_model_list. */
void bl_model_bind(bl_model *m);
/* Appends the ops of a Transformer-XL; sets input, logits, nll. */
void bl_xl_build(bl_model *m);

#endif
