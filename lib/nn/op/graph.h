/* graph.h - a model as a static list of ops over shaped buffers: built once for a
 * shape, replayed every step without allocation. Forward runs the list in order,
 * backward in reverse. */
#ifndef BL_GRAPH_H
#define BL_GRAPH_H

#include "base/err.h"
#include "nn/kernel/gemm.h"
#include "nn/kernel/pool.h"
#include "nn/kernel/real.h"

/* A buffer of rows x cols numbers and, when training, its gradient. */
typedef struct {
    bl_real *v;
    bl_real *g; /* NULL where no gradient is wanted */
    int rows, cols;
    int has_grad;   /* g holds something: the next op adds instead of setting */
    int is_param;   /* its gradient adds up until the caller clears it */
    int wants_grad; /* bl_graph_plan gives it a gradient */
    int made_by;    /* op that fills it */
    int last_use;   /* last op that reads it, -1 = none */
    int is_passing; /* its maker's backward pass does without v, so that an only reader
                     * that does so too may write over it */
} bl_mat;

/* What changes from step to step; ops read it through the graph. */
typedef struct {
    const int32_t *x, *y;      /* (B,T) tokens and targets, target -1 = not scored */
    const int32_t *mem_length; /* (B) real memory slots */
    const int32_t *n_real;     /* (B) tokens of the segment that are no padding */
    int train;                 /* dropout on */
    uint64_t seed, step;       /* of the dropout masks */
    double loss_scale;         /* of the gradient of nll_sum */
    double aux_scale;          /* of the gradient of aux_sum */
    double nll_sum;            /* result: sum of -ln p */
    int64_t n_scored;          /* result: scored targets */
    double aux_sum;            /* result: auxiliary losses, summed over their terms */
    int64_t n_aux;             /* result: how many terms a layer has */
} bl_feed;

typedef struct bl_graph bl_graph;

typedef struct {
    void (*forward)(bl_graph *g, void *args);
    void (*backward)(bl_graph *g, void *args); /* NULL: nothing flows back */
    void *args;
} bl_op;

enum { BL_PARTS = 8 }; /* of every element-wise job, whatever the threads */

struct bl_graph {
    bl_pool *pool;
    bl_feed feed;
    int train;              /* buffers have gradients */
    int is_room;            /* pages of buffers are memory once they are written */
    bl_precision precision; /* asked for: bl_graph_precision says of what */
    bl_op *ops;
    size_t n_ops, cap_ops;
    void **blocks; /* everything the graph owns */
    size_t n_blocks, cap_blocks;
    bl_mat **mats;
    size_t n_mats, cap_mats;
    bl_real *scratch;
    size_t scratch_n;
    int64_t bytes;
    uint32_t sites; /* dropout sites given out */
    bl_err *e;      /* while building: the first failure; later calls do nothing */
};

/* ---- building: on failure NULL comes back, g->e has the cause, and what follows is
 * harmless, so that builders read like the diagram ---- */

/* Zeroed memory of the graph, 64-byte aligned. */
void *bl_graph_alloc(bl_graph *g, size_t n, size_t size);
/* Frees such memory before the graph's end; leaves memory of others alone. */
void bl_graph_release(bl_graph *g, void *block);
/* A buffer of rows x cols, with gradient if the graph trains and `grad`. */
bl_mat *bl_graph_mat(bl_graph *g, int64_t rows, int64_t cols, int grad);
/* A buffer in the place of m's, with a gradient of its own. */
bl_mat *bl_graph_mat_at(bl_graph *g, bl_mat *m);
/* The same if m is_passing, otherwise a new one. */
bl_mat *bl_graph_mat_over(bl_graph *g, bl_mat *m);
/* Says that the op about to be appended reads m (which may be NULL). */
void bl_graph_reads(bl_graph *g, bl_mat *m);
/* A parameter: a buffer over memory of the caller. */
bl_mat *bl_graph_view(bl_graph *g, bl_real *v, bl_real *grad, int64_t rows,
                      int64_t cols);
/* n numbers that an op may use while it runs; ops run one after the other and
 * share them. */
bl_real *bl_graph_scratch(bl_graph *g, size_t n);
/* Appends an op; args is copied. Returns the graph's copy of the arguments. */
void *bl_graph_op(bl_graph *g, void (*forward)(bl_graph *, void *),
                  void (*backward)(bl_graph *, void *), const void *args, size_t size);

/* The last call: gives gradients their memory. Going backward a gradient lives from the
 * last reader of its buffer to the buffer's maker, after that others live in its place.
 */
void bl_graph_plan(bl_graph *g);

/* ---- precision ---- */

/* What a product is of: weights and rows; the rows of one head, so wide; a state that
 * the next product goes on from, or a loss of its own. */
typedef enum { BL_OF_WEIGHTS, BL_OF_HEAD, BL_OF_STATE } bl_product;

/* The one place that chooses the precision of a product. depth: the numbers that add up
 * to one of its results. */
bl_precision bl_graph_precision(const bl_graph *g, bl_product of, int depth);

/* ---- running ---- */
void bl_graph_forward(bl_graph *g);
/* The same from that op on: what it reads was filled by the caller. */
void bl_graph_forward_from(bl_graph *g, size_t op);
void bl_graph_backward(bl_graph *g);
void bl_graph_free(bl_graph *g);

/* 1 if the gradient of m is to be added to, 0 if set; marks it as set. */
bl_real bl_grad_beta(bl_mat *m);

/* The span [start, end) of `rows` that part p of BL_PARTS handles. */
void bl_rows_of(int rows, int part, int *start, int *end);

#endif
