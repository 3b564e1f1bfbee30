/* model_impl.h (internal) - what the files of lib/model share: the table of tensors and
 * the records of a model and a layer. Internal. */
#ifndef BL_MODEL_IMPL_H
#define BL_MODEL_IMPL_H

#include "model/model.h"
#include "nn/op/ops.h"

/* ---- tensors ---- */

/* Their sizes, as in schemas/xl-checkpoint.md. */
typedef enum {
    BL_DIM_ONE, /* the rows of a vector, which a file has not */
    BL_DIM_V,
    BL_DIM_A, /* embed_width */
    BL_DIM_D,
    BL_DIM_3D,
    BL_DIM_4D,
    BL_DIM_H,
    BL_DIM_E,    /* D / H */
    BL_DIM_GE,   /* of kv_heads */
    BL_DIM_F,    /* what the feed-forward's second matrix reads */
    BL_DIM_WIDE, /* what the first one makes: 2 F with glu */
    BL_DIM_P,    /* positions */
    BL_DIM_HP,
    BL_DIM_RD,  /* ratio * D */
    BL_DIM_LOW, /* the mogrifier's low rank */
    BL_DIM_ID,  /* inputs of a cell and h */
    BL_DIM_PLACES,
    BL_DIM_BARS,
    BL_DIM_LENGTHS, /* of what is recalled, and none; likewise */
    BL_DIM_DISTANCES,
    BL_DIM_TIMES,
    BL_DIM_TWO,   /* the sides of a condition */
    BL_DIM_INPUT, /* D; of cells what their gates get of a token */
    BL_DIM_VS,    /* source_vocab, or V */
    BL_DIM_SEEN,  /* numbers of a step that go in */
    BL_DIM_STEP,  /* that come out */
    BL_DIM_TD,    /* T * D, of the steps that are seen */
    BL_DIM_Z,
    BL_DIM_DEC,  /* of the decoder, or D */
    BL_DIM_TDEC, /* T times it */
    BL_N_DIMS
} bl_dim;

/* How a tensor is filled before training; RESIDUAL is NORMAL, with init_residual of a
 * smaller deviation. Those before ONE are random. */
typedef enum { BL_INIT_NORMAL, BL_INIT_RESIDUAL, BL_INIT_ONE, BL_INIT_ZERO } bl_init;

/* A tensor of the model or of each layer: a field, a row. */
typedef struct {
    const char *name; /* in a checkpoint, after "l0." */
    size_t at;        /* of its bl_mat * in bl_model or bl_layer */
    bl_dim rows, cols;
    bl_init init;
    int decay, hidden; /* as in bl_param */
    int is_factor;     /* rows are multiplied by it at every step (sampling packs it) */
    bl_learns learns;
    int (*is_there)(const bl_model_config *c, int layer); /* NULL: always */
} bl_tensor_row;

enum { BL_OF_ATTENTION = 1, BL_OF_CELLS = 2, BL_OF_GROOVE = 4, BL_OF_VAE = 8 };

typedef struct {
    const char *prefix; /* before the number of a layer; "" of the model */
    const bl_tensor_row *rows;
    size_t n;
    unsigned of;       /* models that have them, of those above */
    int is_of_encoder; /* of its layers, or a decoder's, which follow the others */
} bl_tensor_group;

/* Where a tensor of the list comes from; layer -1: the model; from `layers` on the
 * encoder's. */
typedef struct {
    const bl_tensor_row *row;
    int layer;
} bl_tensor_source;

/* ---- the records that the table fills; NULL where the config has none ---- */

/* A gate's tensors; of the mogrifier q1 q2 and r1 r2, matrices of low rank k. */
typedef struct {
    bl_mat *wi, *wh; /* (D, 3 D) from what the sub-layer made, from the residual */
    bl_mat *bi, *bh; /* (3 D) */
    bl_mat *q1, *q2; /* (D, k), (k, D) */
    bl_mat *r1, *r2; /* (D, k), (k, D) */
} bl_gate;

/* The tensors of one layer; e = D / H, G kv_heads or H. */
typedef struct {
    bl_mat *wq, *wo;       /* (D, D) */
    bl_mat *wk, *wv;       /* (D, G e) */
    bl_mat *bq, *bo;       /* (D) */
    bl_mat *bk, *bv;       /* (G e) */
    bl_mat *wr;            /* (D, D) of sinusoids */
    bl_mat *u, *vb;        /* (H, e), the model's where the layer has none of its own */
    bl_mat *er;            /* (H positions, e) of distances */
    bl_mat *cw, *cb;       /* (ratio D, D), (D) the compressor */
    bl_mat *dw, *db;       /* (3 D, D), (D) before it, if it is dilated */
    bl_mat *gw, *gb;       /* (ratio D, D), (D) makes rows again, if it learns so */
    bl_mat *ln1_g, *ln1_b; /* (D) */
    bl_mat *w1, *b1;       /* (D, F), (F); with glu 2 F */
    bl_mat *w2, *b2;       /* (F, D), (D) */
    bl_mat *ln2_g, *ln2_b; /* (D) */
    bl_gate ga, gf;        /* after attention, after the feed-forward */
    bl_mat *xq, *xo;       /* (D, D) attention to the encoder */
    bl_mat *xk, *xv;       /* (D, G e) */
    bl_mat *xbq, *xbo;     /* (D) */
    bl_mat *xbk, *xbv;     /* (G e) */
    bl_mat *lnx_g, *lnx_b; /* (D) */
    bl_gate gx;            /* after it */
    bl_mat *w, *b;         /* (I + D, 4 D), (4 D) LSTM cells; I = V, then D */
    bl_mat *bi, *bh;       /* of GRU cells, w (I + D, 3 D): (3 D) from input, from h */
    bl_mat *wx, *wh;       /* (I, 4 D), (D, 4 D) the rows of w; of GRUs 3 D */
} bl_layer;

struct bl_model {
    bl_model_config config;
    int lanes; /* B */
    bl_graph graph;
    bl_err build; /* the graph's first failure */
    bl_param *param;
    bl_tensor_source *source; /* [n_params] of each the row */
    int n_params, cap_params;
    int64_t size;
    bl_real *value, *grad;  /* [size]; value may be another model's */
    bl_mat *emb;            /* (V, A), A = embed_width or D */
    bl_mat *emb_w, *emb_wb; /* (A, D), (D) */
    bl_mat *wpe;            /* (positions, D); of sinusoids (T, D), constants */
    bl_mat *bar, *barno;    /* (places, D), (bar_rows, D) */
    bl_mat *side;           /* (2, N), N = D, of cells 4 D or 3 D */
    /* (V, N) of the token that came next the last time, (lengths + 1, N) of how much
     * was the same, (30, N) of how far back, (8, N) of how often */
    bl_mat *recall[BL_RECALL_PARTS];
    bl_mat *enc_emb;        /* (Vs, A) of the encoder; with share_embed emb */
    bl_mat *enc_w, *enc_wb; /* (A, D), (D) */
    bl_mat *enc_g, *enc_b;  /* (D) its last norm */
    bl_mat *u, *v;          /* (H, e) of all layers */
    bl_mat *lnf_g, *lnf_b;  /* (D) */
    bl_mat *out_p, *out_pb; /* (D, A), (A) */
    bl_mat *out_w, *out_b;  /* (A, V), (V); with tie out_w is emb (V, A) */
    bl_mat *in_w, *in_b;    /* (inputs, D), (D) of grooves */
    bl_mat *density_w;      /* (1, D) of a density that is a step */
    bl_mat *density_b;      /* (D) */
    bl_mat *mu_w, *mu_b;    /* (T D, Z), (Z) of a VAE, T of bl_model_steps */
    bl_mat *lv_w, *lv_b;    /* the same: ln variance */
    bl_mat *z_w, *z_b;      /* (Z, T Dd), (T Dd), Dd = dec_width */
    bl_mat *dec_g, *dec_b;  /* (Dd) the decoder's last norm */
    bl_layer *layer;        /* [layers], and behind them those of the encoder */

    bl_real **memory; /* [layers] (B, S, D), NULL where a layer has none; of an LSTM (B,
                       * 2, D) */
    bl_real **fresh;  /* [layers] (B, T, D) rows that enter the memory: the layer's
                       * inputs; of an LSTM h */
    bl_real **extra;  /* [layers] compressed rows (B, T / ratio, D); of an LSTM c */
    int32_t *mem_length;     /* (B) */
    bl_mat **keys, **values; /* [layers] (B*K, G e) of the segment last run */

    const bl_place *at;         /* (B,T) of the tokens, or NULL */
    int32_t *place_id, *bar_id; /* (B,T) rows of bar and barno; NULL: has none */
    int32_t *side_id;           /* (B,T) rows of side */
    int32_t *recall_id[BL_RECALL_PARTS]; /* (B,T) */
    bl_condition condition;  /* with x and length, where there is an encoder */
    int32_t *source_bar;     /* (B,source) rows of barno */
    int32_t *no_source;      /* (B,source) zeros: no condition, no length */
    bl_rotary_places places; /* of rotary positions */
    bl_mat *context;         /* [memory ; x] of a layer, one after the other */
    bl_windows *windows;     /* told; never NULL */
    bl_windows no_windows;
    bl_window_feed *window_feed; /* its */
    bl_mat *seen;                /* (B*T, inputs) */
    bl_mat *density;             /* (B, 1) where it is a step, or NULL */
    bl_mat *mean, *log_var;      /* (B, Z) of a VAE */
    size_t decodes_from;         /* the op that follows its encoder */
    bl_mat *drawn;               /* (B, Z) */
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

/* The table, n groups. */
const bl_tensor_group *bl_model_tensor_groups(size_t *n);
/* The size as schemas/xl-checkpoint.md writes it. */
const char *bl_dim_name(bl_dim dim);
/* The compressor of a layer, without its tensors if l is NULL. */
bl_squeezer bl_model_squeezer(const bl_model_config *c, const bl_layer *l);

/* Lists the tensors of a config: names, shapes, places. Sets m->param, m->source,
 * n_params, size; the caller frees the two. */
int bl_model_list(bl_model *m, bl_err *e) BL_MUST_CHECK;
/* Views over the blocks into the fields that the table names. */
void bl_model_bind(bl_model *m);
/* The input of the following forward, of what was told. */
void bl_model_see(bl_model *m);
/* Appends the ops of the model; sets fresh, extra, logits, nll. */
void bl_model_build(bl_model *m);
/* Those of the encoder alone: its last rows (B*source, D). */
bl_mat *bl_model_build_encoder(bl_model *m);
/* Rows of zeros for what is told of conditions later. */
void bl_model_alloc_condition(bl_model *m);

#endif
