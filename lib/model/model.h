/* model.h - a language model over token ids: parameters, one segment forward and
 * backward, memory. One builder makes the whole family from a config: Transformer-XL
 * (Dai et al. 2019) with REMI's variant of it (Huang and Yang 2020), Music Transformer
 * (Huang et al. 2018), GPT-2 (Radford et al. 2019), Compressive Transformer (Rae et al.
 * 2019), LSTM (as Performance RNN, Oore et al. 2018), LLaMA (Touvron et al. 2023),
 * which may have segment memory here; and of windows of drums in the place of tokens
 * the Groove Transformer (Haki et al. 2022) and its variational autoencoder.
 *
 * Letters: B lanes (batch rows), T segment, M memory slots, C compressed slots, S = C +
 * M, L layers, H heads, D width, F feed-forward width, V vocabulary. */
#ifndef BL_MODEL_H
#define BL_MODEL_H

#include "base/setting.h"
#include "model/place.h"
#include "nn/kernel/gemm.h"
#include "nn/kernel/pool.h"
#include "nn/kernel/real.h"
#include "nn/op/windows.h"

typedef enum {
    BL_ARCH_XL,
    BL_ARCH_REMI,
    BL_ARCH_MUSIC_TRANSFORMER,
    BL_ARCH_GPT2,
    BL_ARCH_COMPRESSIVE,
    BL_ARCH_LSTM,
    BL_ARCH_LLAMA,
    BL_ARCH_GROOVE,
    BL_ARCH_GROOVE_VAE,
    BL_N_ARCH
} bl_arch;

/* Where positions come in: sinusoids through W_r with biases u and v; a learned row for
 * each distance, a table a layer; a learned row for each place in the segment; queries
 * and keys turned by their place (Su et al. 2021); sinusoids of the place in the
 * segment added to the embeddings (Vaswani et al. 2017, 3.5). */
typedef enum {
    BL_POS_SINUSOID,
    BL_POS_DISTANCE,
    BL_POS_ABSOLUTE,
    BL_POS_ROTARY,
    BL_POS_ABSOLUTE_SINUSOID,
    BL_N_POS
} bl_pos;

/* Ba, Kiros and Hinton 2016; Zhang and Sennrich 2019, without biases. */
typedef enum { BL_NORM_LAYER, BL_NORM_RMS, BL_N_NORM } bl_norm_kind;

/* How a model of grooves sees the share of cells that are to be hit: not, as one number
 * more of every step, or as a step of its own, the first. */
typedef enum {
    BL_DENSITY_NONE,
    BL_DENSITY_COLUMN,
    BL_DENSITY_STEP,
    BL_N_DENSITY
} bl_density_form;

/* What joins a residual x and what a sub-layer made of it: x + y, or a GRU cell with x
 * as its state and y as its input. */
typedef enum { BL_GATE_NONE, BL_GATE_GRU, BL_N_GATE } bl_gate_kind;

/* How a model is told what its target goes with: not at all; before it, in the same
 * stream; bar by bar in the same stream; by an encoder, to whose rows each layer
 * attends (Vaswani et al. 2017). */
typedef enum {
    BL_CONDITION_NONE,
    BL_CONDITION_PREFIX,
    BL_CONDITION_BARS,
    BL_CONDITION_ENCODER,
    BL_N_CONDITION
} bl_condition_kind;

/* What sees the tokens of a prefix: those after each; all (Raffel et al. 2020). */
typedef enum { BL_PREFIX_CAUSAL, BL_PREFIX_FULL, BL_N_PREFIX } bl_prefix_mask;

/* The cells of BL_ARCH_LSTM. */
typedef enum { BL_CELL_LSTM, BL_CELL_GRU, BL_N_CELL } bl_cell_kind;

typedef struct {
    int arch;           /* bl_arch: which values the fields below began with; alone it
                         * decides between attention layers and cells */
    int vocab;          /* V */
    int layers;         /* L */
    int width;          /* D, a multiple of heads; of an LSTM its cells a layer */
    int heads;          /* H; unused by an LSTM */
    int ff;             /* F; unused by an LSTM */
    int segment;        /* T: tokens a step and lane */
    int memory;         /* M: memory slots a layer, may be 0 */
    double dropout;     /* on embeddings, positions, sub-layer outputs, inside the FF */
    double att_dropout; /* on attention probabilities */
    /* inside the feed-forward; on sub-layer outputs; on embeddings and positions: each
     * `dropout` where it is below 0 */
    double ff_dropout, layer_dropout, embed_dropout;
    int pre_norm;    /* 0: post-norm as published; 1: pre-norm with a final norm */
    int untie_uv;    /* 0: the biases u, v are shared by all layers; 1: one pair each */
    int clamp_len;   /* sinusoids: distances beyond it count as it; 0 = no clamp */
    double norm_eps; /* of the layer norm */
    double init_std; /* of the normal initial weights; 0 of an LSTM: by what adds up */
    int precision;   /* bl_precision: of the products of a segment */

    int pos;             /* bl_pos */
    int positions;       /* rows of the learned position table */
    int share_distances; /* 1: the heads of a layer have one table of distances */
    int act;             /* of the feed-forward: 0 relu, 1 gelu, 2 gelu_tanh, 3 silu */
    int relu_out;        /* 1: a relu after the second feed-forward matrix too (REMI) */
    int att_bias;        /* 1: biases for W_q, W_k, W_v, W_o */
    int embed_scale;     /* 1: embeddings times sqrt(D) */
    int tie;             /* 1: the output matrix is the embedding */
    int out_bias;        /* 1: a bias on the logits */
    int init_residual;   /* 1: W_o and W_2 begin smaller by 1 / sqrt(2 L) (GPT-2) */
    int zero_memory; /* 1: a piece begins with M slots of zeros that are seen (REMI) */
    int same_length; /* 1: each query sees M + 1 keys, however much lies before it */
    int compressed;  /* C: compressed slots a layer; 0 = none */
    int ratio;       /* memories that become one compressed slot */
    int compressor;  /* bl_compressor: 0 mean, 1 max, 2 conv, 3 dilated, 4 most_used */
    int compressor_loss;      /* bl_rebuild: 0 attention, 1 rows */
    double compressor_weight; /* factor of that loss where a model is trained */
    int block; /* local attention: a token sees its own block of so many tokens of the
                * segment and the one before it; 0 = all there is */
    uint64_t local_layers[4];  /* bit n: layer n is local; none set: all are */
    uint64_t memory_layers[4]; /* bit n: layer n has memory; none set: all have */
    int places;                /* learned rows by the position in the bar; 0 = none */
    int bar_rows;    /* learned rows by the bar's number, which come round; 0 = none */
    int recall;      /* the longest end that is looked for, recall.h; 0 = none */
    int embed_width; /* of the embedding, and of what the output matrix reads; 0 = D */
    int kv_heads; /* heads of keys and values, which divide H: queries share them; 0 =
                   * H */
    int glu;      /* 1: W_1 makes 2 F numbers, the first F activated times the rest */
    int ff_bias;  /* 1: biases in the feed-forward */
    int gate;     /* bl_gate_kind */
    int mogrify;  /* rounds of the mogrifier before the GRU (Melis et al. 2020) */
    int norm;     /* bl_norm_kind */
    int freeze;   /* layers, the first, whose parameters stay as they are */
    int cell;     /* bl_cell_kind of an LSTM, whose name stands for both */
    double rope_theta; /* rotary: the wavelengths are 2 pi theta^(2c/e) */
    int condition;     /* bl_condition_kind */
    int prefix_mask;   /* bl_prefix_mask */
    int holes;         /* 1: conditions are pieces with holes (token/holes.h) */
    int around;        /* bars on each side of the hole, 0: all */
    int left_only;     /* of these the ones before the hole alone */
    int stretch; /* of a prefix: tokens of a condition that are given at once, in whole
                  * bars, before the target's of the same bars; 0: all */
    int encoder_layers; /* layers of the encoder; 0 = L */
    int source;         /* tokens of a condition that the encoder reads, at most */
    int share_embed;    /* 1: the encoder reads the embedding of the targets */
    int source_vocab;   /* tokens of the encoder's own embedding; 0 = V */
    /* of windows of drums: */
    int voices;         /* v: no setting, as data have BL_VOICES of them */
    int input;          /* which voices a model sees of a window, bit n: voice n; 0: the
                         * loudest hit of each step */
    int inputs;         /* numbers of a step that are seen: 3 v, or 3 of a tap */
    int density;        /* bl_density_form: how the share of cells to be hit is seen */
    double miss_weight; /* of cells that are not hit, in the loss */
    int latent;         /* Z */
    int dec_layers, dec_width, dec_heads, dec_ff; /* of the VAE's decoder */
    double beta;                                  /* of the divergence in its loss */
    int velocity_loss, offset_loss;               /* bl_distance */
    int reduce;                                   /* 0: means of the terms, 1: sums */
} bl_model_config;

enum { BL_VOICES = 9, BL_TAP_VOICE = 2 /* where a tap of 3 v inputs stands */ };

/* The table of the settings above, n rows in the order of config.json. */
const bl_setting *bl_model_settings(size_t *n);
bl_model_config bl_model_config_default(void);
/* Sets arch, what it decides (rows with BL_SET_BY_ARCH and others), and what follows.
 */
void bl_model_config_arch(bl_model_config *c, bl_arch arch);
/* The i-th word of the setting, NULL beyond the last or for one without words. */
const char *bl_model_choice(const char *key, int i);
/* The precision that a model will have: c's, or BL_FP32 where the processor cannot. */
int bl_model_precision(const bl_model_config *c);
/* 1 if layer n (from 0) has memory: slots, or the state of cells. */
int bl_model_remembers(const bl_model_config *c, int n);
/* 1 if the attention of layer n is local. */
int bl_model_is_local(const bl_model_config *c, int n);
/* 1 if a row for each place of the segment is added to the embeddings. */
static inline int bl_model_is_absolute(const bl_model_config *c)
{
    return c->arch != BL_ARCH_LSTM &&
           (c->pos == BL_POS_ABSOLUTE || c->pos == BL_POS_ABSOLUTE_SINUSOID);
}
/* 1 if queries meet keys of distances too, 1 if positions are learned rows (`pos` alone
 * tells, whether the architecture has any or not). */
static inline int bl_model_has_distances(const bl_model_config *c)
{
    return c->pos == BL_POS_SINUSOID || c->pos == BL_POS_DISTANCE;
}
static inline int bl_model_has_table(const bl_model_config *c)
{
    return c->pos == BL_POS_DISTANCE || c->pos == BL_POS_ABSOLUTE;
}
/* 1 if condition and target stand in one stream, with a learned row a side. */
static inline int bl_model_has_sides(const bl_model_config *c)
{
    return c->condition == BL_CONDITION_PREFIX || c->condition == BL_CONDITION_BARS;
}
/* 1 if tokens are read with the places where they stand. */
static inline int bl_model_has_rows(const bl_model_config *c)
{
    return bl_model_has_sides(c) || c->places > 0 || c->bar_rows > 0 || c->recall > 0;
}
/* 1 if windows of drums go in and come out. */
static inline int bl_model_is_groove(const bl_model_config *c)
{
    return c->arch == BL_ARCH_GROOVE || c->arch == BL_ARCH_GROOVE_VAE;
}
/* Numbers of a step that go in. */
static inline int bl_model_inputs(const bl_model_config *c)
{
    return c->inputs + (c->density == BL_DENSITY_COLUMN);
}
/* Steps that the layers see of a window before it is a latent. */
static inline int bl_model_steps(const bl_model_config *c)
{
    return c->segment + (c->density == BL_DENSITY_STEP);
}
/* The setting `stretch` where it has a meaning, else 0: what fills a hole has no bars
 * beside those of its condition. */
static inline int bl_model_stretch(const bl_model_config *c)
{
    return c->condition == BL_CONDITION_PREFIX && !c->holes ? c->stretch : 0;
}
/* 1 if no token sees any of another segment: a stretch begins one then. */
static inline int bl_model_is_forgetful(const bl_model_config *c)
{
    return c->arch != BL_ARCH_LSTM && c->memory == 0 && c->compressed == 0;
}
/* Layers of a VAE's decoder or of an encoder of conditions, 0 without one. */
int bl_model_more_layers(const bl_model_config *c);
/* Layers of the encoder, 0 without one. */
int bl_model_encoder_layers(const bl_model_config *c);
/* Ids that a condition's tokens are below. */
int bl_model_source_vocab(const bl_model_config *c);
/* 1 if all layers have memory, where there are slots at all. */
int bl_model_all_remember(const bl_model_config *c);
/* 1 if its memory can have another size than in training: rows whose places are told by
 * sinusoids of the distance (Dai et al. 2019, section 3.3), of which those beyond what
 * was trained are like those within; learned rows end, and angles (rotary) do not go
 * on: the loss at twice the memory is half as much again (pipelines/recipes.md). */
int bl_model_may_remember_more(const bl_model_config *c);
/* BL_E_ARG naming the field that is out of range (bounds: layers <= 256, width <=
 * 65,536, ... so that a hostile file cannot ask for the world), or the fields that do
 * not go together. */
int bl_model_config_check(const bl_model_config *c, bl_err *e) BL_MUST_CHECK;
/* Parameters of a model of this config, or -1 without memory for the list. */
int64_t bl_model_config_size(const bl_model_config *c);

/* What a parameter learns from. */
typedef enum {
    BL_LEARNS_NOTHING = -1, /* frozen */
    BL_LEARNS_LOSS,
    BL_LEARNS_AUX,
    BL_N_LEARNS
} bl_learns;

/* One named parameter tensor; value and grad point into the two flat blocks. */
typedef struct {
    char name[64]; /* "emb", "l0.wq", "l0.ln1.g", "out.b", "u", "lstm0.w", ... */
    int ndim;
    int64_t shape[2];
    int64_t size;
    int64_t start; /* index into the flat blocks */
    int decay;     /* 1 for matrices, but for u and v: weight decay applies */
    int hidden;    /* 1 for matrices between hidden states: no embedding, position table
                    * nor output layer */
    int learns;    /* bl_learns */
} bl_param;

typedef struct bl_model bl_model;

/* Builds the graph for B lanes, all buffers allocated and touched; the pool is
 * borrowed. train == 0 leaves out gradients and saved activations.
 * The parameters are zero until bl_model_init or until they are filled. */
int bl_model_new(bl_model **m, const bl_model_config *c, int lanes, int train,
                 bl_pool *pool, bl_err *e) BL_MUST_CHECK;
void bl_model_del(bl_model *m);

/* Initialises all parameters: normal(0, init_std) matrices, u and v; norm gains 1;
 * biases 0. The same for a seed whatever B, T or threads. */
void bl_model_init(bl_model *m, uint64_t seed);

const bl_model_config *bl_model_conf(const bl_model *m);
int bl_model_lanes(const bl_model *m);
int bl_model_n_params(const bl_model *m); /* tensors */
const bl_param *bl_model_param(const bl_model *m, int i);
int64_t bl_model_size(const bl_model *m); /* parameters in all */
bl_real *bl_model_values(bl_model *m);    /* [size] */
bl_real *bl_model_grads(bl_model *m);     /* [size], NULL if not training */
/* Lets a model of the same config read another's parameters (evaluation with other
 * lanes or segment while training): its own block is released. */
void bl_model_share(bl_model *m, const bl_model *owner);

/* Memory: of an attention layer the last M inputs of that layer and before them the C
 * compressed slots, oldest first, length[b] <= S of them (the last) real; of an LSTM
 * layer two rows, h and c, of GRU cells h. */
int bl_model_memory_rows(const bl_model *m);      /* S; of cells 2, or 1 of GRUs */
int bl_model_rows_of(const bl_model_config *c);   /* the same */
bl_real *bl_model_memory(bl_model *m, int layer); /* (B, rows, D); NULL: has none */
int32_t *bl_model_memory_length(bl_model *m);     /* (B) */
void bl_model_forget(bl_model *m, int lane);      /* at the start of a piece */
/* What becomes of a lane's memory length without running anything: at the start of a
 * piece, and after n_real more tokens. */
int bl_model_length_begin(const bl_model_config *c);
int bl_model_length_after(const bl_model_config *c, int length, int n_real);
/* The terms that a lane of that length and n_real tokens adds to the auxiliary loss:
 * bl_model_aux's *n_terms is their sum. */
int bl_model_aux_terms(const bl_model_config *c, int length, int n_real);

/* Where the tokens (B,T) of the following forwards stand, which a model with `places`,
 * `bar_rows`, `recall` or sides is told; borrowed. NULL: all at the beginning. */
void bl_model_place(bl_model *m, const bl_place *at);

/* What the following forwards are conditioned on; borrowed, its arrays too. */
typedef struct {
    /* of an encoder: ids (B, source), any beyond the length, NULL: no token in any
     * lane; (B) their number; (B, source) where they stand, or NULL: all at the
     * beginning */
    const int32_t *x, *length;
    const bl_place *at;
    const int32_t *prefix; /* prefix_mask=full: (B) the tokens at the segment's
                            * beginning that are seen from everywhere; NULL: none */
} bl_condition;
/* NULL: no token of any. */
void bl_model_condition(bl_model *m, const bl_condition *c);

/* What a model of grooves is told of the following forwards; borrowed, and written to:
 * its sums are of the last one. */
typedef struct {
    bl_window_feed feed; /* the targets, weights, noise */
    /* (B) windows (T, 3 v), which the inputs are made of by the config's `input`; NULL:
     * the targets; NULL of a lane: silence */
    const bl_real *const *source;
    const bl_real *density; /* (B) shares of cells; NULL: those of the targets */
    const bl_real *latent;  /* (B, Z) to be decoded: nothing is encoded then, and
                             * nothing can be learned; NULL: a VAE encodes */
} bl_windows;
void bl_model_windows(bl_model *m, bl_windows *w);
/* The mean (B, Z) and ln variance of what was last encoded. */
const bl_real *bl_model_latent_mean(const bl_model *m);
const bl_real *bl_model_latent_log_var(const bl_model *m);

/* Forward of one segment.
 *   x (B,T) token ids; y (B,T) targets, -1 = not scored; n_real (B): how many of the
 *   T positions of the lane are tokens (the rest, at the end, is padding: neither
 *   seen by later keys nor kept in memory).
 * They are borrowed until bl_model_backward and bl_model_advance have followed.
 * train: dropout on, from counters (seed, step), so that the backward pass draws the
 * same masks again. Returns the sum of -ln p over scored targets, in *n_scored how
 * many there are. */
double bl_model_forward(bl_model *m, const int32_t *x, const int32_t *y,
                        const int32_t *n_real, int train, uint64_t seed, uint64_t step,
                        int64_t *n_scored);
/* -ln p of each target (B,T) of the last forward; 0 where not scored. */
const bl_real *bl_model_nll(const bl_model *m);
/* Logits (B,T,V), of grooves (B,T,3 v), of the last forward. When training they may be
 * overwritten by bl_model_backward. */
const bl_real *bl_model_logits(const bl_model *m);
/* The auxiliary loss of the last forward: attention reconstruction, summed over layers
 * and queries (Rae et al. 2019, algorithm 2), or that of rows, summed over layers and
 * rows that leave; in *n_terms how many queries or rows of a layer had one; 0
 * where nothing is learned from one. */
double bl_model_aux(const bl_model *m, int64_t *n_terms);
/* Adds d(loss_scale * sum of -ln p + aux_scale * aux)/d(parameter) to the gradients. No
 * parameter learns from both (bl_param.learns). */
void bl_model_backward(bl_model *m, double loss_scale, double aux_scale);
/* Moves the memories on by the segment last run (no gradient flows through them). When
 * training, after bl_model_backward: it reads them once more. */
void bl_model_advance(bl_model *m);

/* Bytes this model would take, and multiply-adds of a trained token, for --dry-run. */
int64_t bl_model_bytes(const bl_model_config *c, int lanes, int train);
double bl_model_flops_per_token(const bl_model_config *c);

/* ---- incremental generation: one token a step, keys and values cached ---- */

typedef struct bl_gen bl_gen;

/* n_streams sequences of a model trained as `c`, decoded together. The numbers are
 * those of a training graph of another shape:
 * - T = 1, M = the larger of c's M and T, so that each token sees as many before it;
 * - same_length: T = 1, c's M;
 * - compressed slots: T = ratio, but c's T and M of those compressors that look at all
 *   rows that leave at once, dilated and most_used;
 * - absolute positions and memory, layers without memory, or local attention and
 *   memory: c's T and M;
 * - local attention without memory: M = 0, T = all there is, of which layers that are
 *   not local see the last T + 1 of c's;
 * - absolute positions without memory: c's T, and where a context is full another one
 *   that begins with the last half of it.
 *
 * zero_memory begins with c's M slots of zeros. Keys and values, and the matrices of
 * products, are kept in `precision`: BL_FP32, BL_INT8 (weights in 8 bits, keys and
 * values as in bf16) or BL_BF16 (rounded, in half the memory: faster, on any
 * processor). The pool is borrowed.
 *
 * Parameters come one by one, in any order, each once: bl_gen_take copies what it needs
 * of the numbers of parameter i and keeps no other; bl_gen_ready ends that: BL_E_FORMAT
 * where one is missing. */
int bl_gen_begin(bl_gen **g, const bl_model_config *c, int n_streams,
                 bl_precision precision, bl_pool *pool, bl_err *e) BL_MUST_CHECK;
int bl_gen_n_params(const bl_gen *g);
const bl_param *bl_gen_param(const bl_gen *g, int i);
int bl_gen_take(bl_gen *g, int i, const bl_real *values, bl_err *e) BL_MUST_CHECK;
int bl_gen_ready(bl_gen *g, bl_err *e) BL_MUST_CHECK;
/* The same at once, with the parameters of a model. */
int bl_gen_new(bl_gen **g, bl_model *m, const bl_model_config *c, int n_streams,
               bl_precision precision, bl_pool *pool, bl_err *e) BL_MUST_CHECK;
void bl_gen_forget(bl_gen *g, int stream);
/* Where the streams' tokens (S) of the following steps stand, as bl_model_place's:
 * borrowed, and read at each step. */
void bl_gen_place(bl_gen *g, const bl_place *at);
/* What the steps of a stream from now on are conditioned on: n tokens x of an encoder's
 * condition (`at`: where they stand, or NULL), whose keys and values are made here,
 * once; bl_gen_forget leaves them. With prefix_mask=full the n tokens that the stream
 * begins with: it is forgotten, all but the last are read here, and the last is the
 * next to be fed. BL_E_ARG where there are more than `source`, or than a segment. */
int bl_gen_condition(bl_gen *g, int stream, const int32_t *x, const bl_place *at, int n,
                     bl_err *e) BL_MUST_CHECK;
/* An encoder's condition of stream `from` is that of `to`, too. */
void bl_gen_share_condition(bl_gen *g, int from, int to);
/* A token that is there already. */
typedef struct {
    int stream;
    int32_t token;
    bl_place at; /* as bl_model_place's */
} bl_gen_token;

/* Reads n tokens, as many steps would whose logits nobody wants, to the last bit: those
 * of a stream in order; the streams' first ones, then the second ones..., streams
 * rising among each. Of all there may be as many as bl_gen_most says, of a stream as
 * many as bl_gen_room says now: 0 where the model reads by steps alone. */
void bl_gen_read(bl_gen *g, const bl_gen_token *t, int n);
int bl_gen_most(const bl_gen *g);
int bl_gen_room(const bl_gen *g, int stream);
/* Feeds token[s] to stream s (-1: the stream rests) and writes logits (n_streams,V);
 * rows of resting streams are left alone. */
void bl_gen_step(bl_gen *g, const int32_t *token, bl_real *logits);
void bl_gen_del(bl_gen *g);

#endif
