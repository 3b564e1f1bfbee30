/* attention.h (internal) - what attention.c works in: one head of one lane with its
 * operands packed for tile.h. */
#ifndef BL_ATTENTION_H
#define BL_ATTENTION_H

#include "nn/kernel/narrow.h"
#include "nn/op/ops.h"
#include "nn/kernel/tile.h"

enum { BL_BLOCK = 32 }; /* queries that share a tile */

typedef struct {
    bl_mat *q, *k, *v, *r, *u, *vb, *out; /* r, u and vb may be NULL */
    bl_scope scope;
    int heads;
    double dropout;
    uint32_t site;
    bl_real scale;
    bl_real *log_sum; /* (B, H, T) */
    bl_real *usage;   /* (B, H, K): probabilities summed over queries, or NULL */
    bl_real *scratch; /* a workspace for each part */
    size_t workspace;
    int parts;  /* a head each, or runs of units where nothing is summed over lanes */
    int shared; /* query heads that share one of k and v */
    bl_real *k_sum, *v_sum; /* (B*K, D): their gradients by query head, if they share */
} bl_attention_args;

/* The workspace of a head. n is the block, E the head's width in whole vectors, W the
 * keys that a block sees at most, and what products write beyond them. Row i of a tile
 * is at i * stride from its column 0; to the left of what it holds is room for the
 * shift. Where W is less than K, tiles and mask hold the columns from `origin` on. */
typedef struct {
    bl_real *kt, *vt, *rt;  /* panels of k', v', r': (e, K) */
    bl_real *k, *v, *r;     /* panels (K, e); pairs of a narrow head */
    bl_real *dk, *dv, *dr;  /* sums (K, E); (E, K) of a narrow head */
    bl_real *s, *ds;        /* tiles (n, W): probabilities, gradients */
    bl_real *qu, *qv, *go;  /* (n, E): (q + u) scale, (q + vb) scale, dO */
    bl_real *pu, *pv, *pgo; /* the same as panels (n, e); not of a narrow head */
    bl_real *o, *dqu, *dqv; /* results (n, E) */
    bl_real *mask;          /* (W): dropout's, of a row; of few keys (n, K) */
    bl_real *room;          /* (K, E), where gradients of a narrow head are turned */
    ptrdiff_t stride;
    int origin, is_part; /* W < K */
} bl_space;

/* One head of one lane: where its rows are in the matrices (rows d apart). */
typedef struct {
    bl_space w;
    int lane, h, unit; /* unit = lane * H + h */
    int t, keys, e, wide, d;
    int kd, kv_at; /* of k and v: how far rows are apart, the head's first column */
    int masked, filled; /* slots that are empty; keys of the lane, they among them */
    int causal, span, block; /* bl_scope's */
    int prefix;              /* of the lane */
    bl_real scale;
    bl_precision precision;
    int is_narrow; /* what has its width goes by narrow.h */
    const bl_real *q, *r, *u, *vb, *grad;
    bl_real *out, *q_grad, *k_grad, *v_grad, *r_grad;
} bl_head;

/* Numbers in a workspace for heads of width e. */
size_t bl_space_size(const bl_graph *g, const bl_scope *s, int e);
/* Points h at the rows of a unit and packs what the forward pass needs of keys, values
 * and positions, in the workspace of a part; with positions the lanes of a head come
 * one after the other from 0, and they are packed with the first. */
void bl_head_open(bl_head *h, const bl_graph *g, const bl_attention_args *a, int unit,
                  int part);
/* The same for the backward pass; clears the sums over keys, those over lanes with the
 * first. */
void bl_head_open_back(bl_head *h, const bl_graph *g, const bl_attention_args *a,
                       int unit, int part);
/* 1 where a row of probabilities is so short that a block's are dropped at once. */
static inline int bl_head_is_short(int keys)
{
    return keys <= 64 && keys % 8 == 0; /* rows of a mask are whole groups of 8 */
}
/* Lets tiles and mask hold the columns from key `first` on, if they are not for all. */
void bl_head_slide(bl_head *h, int first);
/* The first and the last key that query i sees; last < first if it sees none. Later
 * queries see none before these, and as far or further. */
int bl_head_first(const bl_head *h, int i);
int bl_head_last(const bl_head *h, int i);
/* Fills qu and qv with the queries i .. i+n-1, for a backward pass pu and pv too. */
void bl_head_queries(const bl_head *h, int i, int n);
/* Fills go and pgo with the output's gradient of the queries i .. i+n-1. */
void bl_head_grads(const bl_head *h, int i, int n);
/* to (K, e), rows ld apart, = beta to + sum. */
void bl_head_add_sums(const bl_head *h, const bl_real *sum, bl_real *to, ptrdiff_t ld,
                      bl_real beta);

/* row[start .. end) = 0; nothing where end <= start. */
static inline void bl_clear_between(bl_real *row, int start, int end)
{
    for (int j = start; j < end; j++)
        row[j] = 0;
}

#endif
