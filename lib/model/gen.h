/* gen.h (internal) - what gen.c and its layers share. */
#ifndef BL_GEN_H
#define BL_GEN_H

#include "model/layer.h"
#include "nn/kernel/thin.h"
#include "nn/kernel/store.h"

enum {
    BL_GEN_BLOCK = 4 * BL_LANES, /* keys stored side by side */
    BL_GEN_ROWS = 64,            /* tokens that are read at once, of all streams */
    BL_GEN_TOGETHER = 4,         /* queries that meet keys at once */
    BL_GEN_PARTS = 128,          /* heads of such that there is scratch for */
    BL_GEN_ENCODERS = 8,         /* shapes of the encoder, each half as long... */
    BL_GEN_SHORTEST = 32         /* ...as the one before, and no shorter */
};

/* The matrices of a layer as each step reads them, at the places of bl_layer's fields:
 * those that the table of tensors calls factors; of LSTM cells wx and wh, but no wx of
 * the first layer. */
typedef struct {
    bl_thin of[BL_LAYER_SLOTS];
} bl_gen_weights;

#define BL_THIN(weights, field)                                                        \
    (&(weights)->of[offsetof(bl_layer, field) / sizeof(bl_mat *)])

/* A matrix of parameters that becomes panels. */
typedef struct {
    const bl_mat *from;
    int transposed;
    bl_thin *to;
} bl_gen_packing;

/* Keys and values of the last `size` tokens of each stream, token t at slot t % size,
 * stored as the weights are (nn/store.h). */
typedef struct {
    int seen;            /* by one token; there are slots for more, which others see */
    int remembers;       /* of a layer that has memory */
    int size, cap, wide; /* slots; slots and a head's width e in whole blocks */
    char *k; /* (S, G, cap / BLOCK, e, BLOCK): a token is a column of its block, so that
              * a query meets many at once */
    char *v; /* (S, G, size, wide) */
} bl_ring;

/* Rows of a pass that meet the same keys, in order. */
typedef struct {
    int row[BL_GEN_TOGETHER], n;
    int of_round; /* groups of streams that keep their keys at once */
} bl_gen_group;

/* The encoder for conditions of up to `rows` tokens. */
typedef struct {
    int rows;
    bl_graph graph;
    bl_mat *encoded; /* (rows, D) */
} bl_gen_encoder;

/* S streams. Keys and values of the last tokens of a stream, of as many as a layer may
 * see, lie in rings, those of compressed slots in rings of their own; an LSTM has its
 * state instead. */
struct bl_gen {
    bl_model *m; /* config, and the parameters that are neither packed nor made into
                  * keys; it has no ops */
    bl_pool *pool;
    int streams, memory;
    int most;  /* R, rows that there is room for: tokens of a pass */
    int batch; /* of this pass: a stream's in order, those of all streams that are
                * their first ones before the second ones */
    int32_t
        *stream; /* [R] whose they are, rising among the first ones, the second... */
    int zeros;   /* slots of zeros before a piece */
    int group;   /* tokens that pass before memory moves on: the ratio, with absolute
                  * positions the segment, or 1 */
    int window;  /* memory + group */
    int span;    /* keys that a token sees, 0 = all that are there */
    int slots;   /* compressed slots, C */
    bl_err build;
    bl_graph store;          /* owns the buffers; has no ops */
    bl_gen_packing *packing; /* [n_packing] */
    size_t n_packing, cap_packing;
    uint8_t *taken;               /* [parameters] 1: it has come */
    bl_real *sinusoids;           /* (2, keys_cap, D) until all have: rows, and keys */
    bl_gen_weights *weights;      /* [layers] */
    bl_thin out;                  /* (D, V) */
    bl_ring *recent, *compressed; /* [layers]; of 0 slots: the layer has none */
    bl_real **raw;    /* [layers] rings (S, window, D) of inputs, for compression */
    bl_real **usage;  /* [layers] rings (S, H, window): what the tokens since memory
                       * moved on paid to each; NULL: nobody asks */
    bl_real **h, **c; /* [layers] (S, D): an LSTM's state */
    bl_precision precision; /* of keys and values */
    bl_precision of_weights;
    int keys_cap;      /* of the layer that sees most, in whole blocks */
    int score_cap;     /* the larger of that and of `source` */
    char **r;          /* [layers] (H, keys / BLOCK, e, BLOCK): column d is the key of
                        * distance d; NULL: none */
    bl_real *turn;     /* (R + 1, e) rotary: the angles of this pass's places, and room
                        * for others; NULL: none */
    bl_real *turn_old; /* the same of the query's places among the compressed slots */
    bl_real **zero_k, **zero_v; /* [layers] (D): of a row of zeros */
    int64_t *count;             /* [S] tokens seen, the zero memory among them */
    int64_t *position;          /* [R] of this pass, -1 = rests */
    int64_t *n_compressed;      /* [S] compressed slots made */
    int context;      /* absolute positions without memory: when it is full it is left;
                       * else 0 */
    int32_t *history; /* (S, context) its tokens */
    const bl_place *at;       /* [S] as the caller counts, or NULL */
    bl_gen_group *near, *far; /* [R] of this pass: of a stream; of a condition */
    int n_near, n_far;
    int *open;                       /* [S] scratch */
    bl_place *place, *place_history; /* [R] of this pass; (S, context) of its tokens */
    int32_t *token;                  /* [R] of this pass */
    bl_thin emb_w, out_p; /* to and from D, of an embedding of another width A */
    bl_real *narrow;      /* (R, A) */
    bl_gen_encoder encoder[BL_GEN_ENCODERS]; /* the longest first; there are n_encoders,
                                              * 0 = the model has none */
    int n_encoders;
    bl_ring *sources;     /* [layers] of `source` slots: keys and values of its rows */
    bl_model *reader;     /* a lane of a segment, for prefixes that are seen as a whole;
                           * NULL:     there are none */
    int32_t *prefix_x;    /* (2, T) its tokens and targets */
    bl_place *prefix_at;  /* (T) */
    int *n_source;        /* [S] how many there are */
    int *source_of;       /* [S] whose part of `sources` holds them: copies share one */
    int *n_sharing;       /* [S] streams that do */
    int32_t *source_x;    /* (source) ids of a condition */
    bl_real *source_rows; /* (source, D) */
    bl_real *x, *y, *q, *a; /* (R, D) */
    bl_real *k, *v;         /* (R, D) new keys and values on their way into rings */
    bl_real *hidden;        /* (S, 6 D) of the gates of cells */
    bl_real *rows; /* what the steps of a sub-layer make, one after the other */
    size_t n_rows; /* numbers there, now */
    bl_mat *value; /* [n_values] their matrices, and that of x first */
    int n_values;
    bl_real *old;     /* (group, D) rows on their way into slots */
    bl_real *between; /* (group, D) of a dilated convolution */
    bl_real *fresh;   /* (group / ratio, D) the slots */
    bl_real *paid;    /* (group) usage of the rows in old */
    bl_real *score;   /* (PARTS): scratch of a head */
    bl_real *logits;  /* (S, V) */
};

/* 1 if layer n has memory, or if there are no segments in which to do without. */
static inline int bl_gen_remembers(const bl_gen *g, int n)
{
    const bl_model_config *c = &g->m->config;
    return bl_model_all_remember(c) || bl_model_remembers(c, n);
}
/* n in whole blocks. */
static inline int bl_gen_whole(int n)
{
    return (n + BL_GEN_BLOCK - 1) / BL_GEN_BLOCK * BL_GEN_BLOCK;
}
/* Keys that a token may see in layer n. */
static inline int bl_gen_keys(const bl_gen *g, int n)
{
    return g->recent[n].seen + g->compressed[n].seen;
}
/* Numbers that a head of some queries needs: scores, products, a result of each. */
static inline int bl_gen_scratch(const bl_gen *g)
{
    int wide = bl_store_whole(g->precision, g->m->config.width / g->m->config.heads);
    return BL_GEN_TOGETHER * (2 * g->score_cap + wide);
}

/* ---- gen_rows.c: rows of numbers ---- */

/* y (rows, n) = x (rows, k) W [+ bias]. */
void bl_gen_project(bl_gen *g, const bl_real *x, const bl_thin *w, const bl_mat *bias,
                    int rows, bl_real *y);
/* Rows of a norm; y may be x. */
void bl_gen_norm(bl_gen *g, const bl_real *x, const bl_mat *gain, const bl_mat *bias,
                 int rows, bl_real *y);
/* A row of a table added to x; nothing without a table. */
void bl_gen_add_row(bl_real *x, const bl_mat *table, int64_t row);
/* What is added to the r-th token's own row, in a cell to its gates' inputs. */
void bl_gen_add_input_rows(const bl_gen *g, int r, bl_real *x);
/* Row x of keys or queries turned for a place by rotary positions; as it is without. */
void bl_gen_turn(const bl_gen *g, int64_t place, bl_real *x);

/* ---- gen_attend.c: rings, and attention to what they hold ---- */

/* x (e) becomes column i of a matrix of e rows in blocks of columns. */
void bl_gen_put_column(const bl_gen *g, char *m, int e, int i, const bl_real *x);
int bl_ring_new(bl_gen *g, bl_ring *r, int seen, int size);
void bl_ring_put_key(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                     const bl_real *key);
void bl_ring_put_value(const bl_gen *g, const bl_ring *r, int s, int64_t token,
                       const bl_real *value);
/* Which rows of a pass meet the same keys; before its layers. */
void bl_gen_group_rows(bl_gen *g);
/* The keys and values k and v of n groups enter the layer's ring. */
void bl_gen_remember(bl_gen *g, int layer, const bl_gen_group *groups, int n);
/* a (R, D) = attention of the queries q; those and y are overwritten. Keys and values
 * enter the rings, each before its own query and after those that no longer see what it
 * takes the place of. */
void bl_gen_attend(bl_gen *g, int layer);
/* Likewise of the conditions' keys; zeros where a stream has none. */
void bl_gen_attend_source(bl_gen *g, int layer);
/* The recent tokens that the token at `position` sees, itself among them. */
int bl_gen_n_recent(const bl_gen *g, int64_t position);

/* ---- gen_head.c: one head of some rows ---- */

/* The n newest tokens of a ring that a query sees, for one head of one stream. */
typedef struct {
    const bl_ring *ring;
    const char *k, *v;
    int64_t newest;
    int n;
    const bl_real *q; /* [e] what meets the keys */
} bl_gen_span;

/* Queries of one head: several have one span each, of one ring, later ones after
 * earlier ones. */
typedef struct {
    bl_precision precision;
    int e, rows, n_spans;
    const bl_real *qv[BL_GEN_TOGETHER];   /* [e] what meets r */
    bl_gen_span span[BL_GEN_TOGETHER][2]; /* one older than the other */
    const char *r;                        /* a column for each distance, or NULL */
    int cap;                              /* keys that there is scratch for */
    ptrdiff_t stride;                     /* of a row's: scores, products, result */
    bl_real *scratch;                     /* after: the odds, newest key first */
} bl_gen_head;

static inline bl_real *bl_gen_head_out(const bl_gen_head *h, int row)
{
    return h->scratch + row * h->stride + 2 * (ptrdiff_t)h->cap;
}
/* softmax((q + u) k' + (q + vb) r') v over the spans; distance 0 is the token itself.
 */
void bl_gen_attend_head(const bl_gen_head *h);

/* ---- gen_weights.c: parameters. All set g->build ---- */

int bl_gen_hold(bl_gen *g, const bl_model_config *c);
/* What each will become, with room for keys of distances. */
int bl_gen_plan_weights(bl_gen *g);
int bl_gen_end_weights(bl_gen *g, bl_err *e) BL_MUST_CHECK;
void bl_gen_let_go(bl_gen *g);

/* ---- gen_layer.c: the layers of build.c for the rows of a pass, in g->x ---- */

/* Numbers a row, and matrices, that the steps of a sub-layer may need. */
size_t bl_gen_step_rows(const bl_model_config *c);
size_t bl_gen_step_values(const bl_model_config *c);
void bl_gen_attention_layer(bl_gen *g, int n);
/* The last layer of rows that nothing is drawn after: keys and values alone. */
void bl_gen_last_keys(bl_gen *g, int n);
void bl_gen_lstm_layer(bl_gen *g, int n, const int32_t *token);
/* Keys and values of n of the encoder's rows, in every layer of a stream. */
void bl_gen_keep_source(bl_gen *g, int stream, const bl_mat *encoded, int n);
/* Compresses the tokens that a stream's memory no longer holds, in every layer. */
void bl_gen_compress(bl_gen *g, int stream);

/* Tokens of a stream since its memory last moved on, up to the one at `position`. */
static inline int bl_gen_since(const bl_gen *g, int64_t position)
{
    return (int)((position - g->zeros) % g->group);
}

#endif
