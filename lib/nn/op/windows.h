/* windows.h - ops of models of grooves: windows of drums in, of each lane one, with
 * hits, velocities and offsets of v voices a step (token/hvo.h); the Groove Transformer
 * (Haki et al. 2022) and its variational autoencoder (Kingma and Welling 2014).
 *
 * Letters: B lanes, T steps, v voices, Z numbers of a latent. */
#ifndef BL_WINDOWS_H
#define BL_WINDOWS_H

#include "nn/op/graph.h"

/* The terms of the loss. */
typedef enum {
    BL_OF_HITS,
    BL_OF_VELOCITIES,
    BL_OF_OFFSETS,
    BL_OF_LATENT, /* the divergence, times beta */
    BL_N_TERMS
} bl_term;

/* Squares, or the cross-entropy of a number between 0 and 1. */
typedef enum { BL_DISTANCE_MSE, BL_DISTANCE_BCE, BL_N_DISTANCE } bl_distance;

/* Sums over voices, mean over steps, of all terms; the mean over all elements; their
 * sum. */
typedef enum { BL_OVER_STEPS, BL_OVER_ALL, BL_SUMMED, BL_N_REDUCE } bl_reduce;

/* What is told of a step, and what comes of it; read whenever the graph runs. */
typedef struct {
    /* (B) what each lane is to give, (T, 3 v); NULL of a lane: nothing, which costs
     * nothing */
    const bl_real *const *target;
    const bl_real *cell_weight; /* (T, v) of the terms of cells; NULL: 1 */
    const bl_real *lane_weight; /* (B) of all terms; NULL: 1 */
    double beta;
    const bl_real *noise;    /* (B, Z) to be drawn with; NULL: by counters if `draws` */
    int draws;               /* 0 without noise: the mean */
    double term[BL_N_TERMS]; /* sums, as nll_sum of which they are parts */
    int64_t hit, hit_wrong, missed,
        cells; /* of the cells: hit in both, in one of them */
} bl_window_feed;

/* m as rows x cols, as many numbers in the same order. */
bl_mat *bl_reshaped(bl_graph *g, bl_mat *m, int64_t rows, int64_t cols);

/* A row of first (B, D) before the T rows of each lane of x (B*T, D): (B*(T+1), D); and
 * x (B*(T+1), D) without the first row of each lane. */
bl_mat *bl_led(bl_graph *g, bl_mat *first, bl_mat *x);
bl_mat *bl_unled(bl_graph *g, bl_mat *x, int lanes);

/* mu + e^(log_var / 2) * noise, (B, Z), and the divergence from a normal distribution,
 * -1/2 (1 + log_var - mu^2 - e^log_var), as a term: its mean over Z at each of T steps,
 * or its sum. */
typedef struct {
    bl_mat *mu, *log_var;
    int steps;
    bl_reduce reduce;
    bl_window_feed *const *feed; /* where its address will be */
} bl_latent_args;
bl_mat *bl_latent(bl_graph *g, const bl_latent_args *a);

/* The loss of x (B*T, 3 v): logits of hits; velocities by their sigmoid; offsets by
 * half their hyperbolic tangent, or with BL_DISTANCE_BCE by their sigmoid less 1/2.
 * Cells that are not hit weigh miss_weight. Steps with a target y < 0 are not scored.
 * Adds to nll_sum the sum over the steps scored, so that over n_scored it is the mean;
 * *nll (B*T) each step's share, without the latent's. */
typedef struct {
    bl_mat *x;
    int lanes, voices;
    double miss_weight;
    bl_distance velocity, offset;
    bl_reduce reduce;
    bl_window_feed *const *feed;
} bl_window_loss_args;
void bl_window_loss(bl_graph *g, const bl_window_loss_args *a, bl_real **nll);

/* A step's numbers as they are meant, from its logits x (3 v), in place: probabilities
 * of hits of a temperature, velocities and offsets. */
void bl_window_row(bl_real *x, int voices, bl_distance offset, double temperature);

#endif
