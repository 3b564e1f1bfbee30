/* ckpt.h - one checkpoint file, schema xl-checkpoint/2: a bare safetensors file that
 * holds everything resuming needs (parameters, moments, memories, cursor) and
 * everything sampling needs (config, vocabulary). Layout: schemas/xl-checkpoint.md. */
#ifndef BL_CKPT_H
#define BL_CKPT_H

#include "io/tensors.h"
#include "io/vocabulary.h"
#include "train/batch.h"
#include "train/train_config.h"

/* What a checkpoint says besides its tensors. */
typedef struct {
    bl_train_config config;
    int64_t step;     /* optimiser steps done */
    int64_t tokens;   /* targets seen */
    double best_loss; /* lowest validation loss so far, infinity before the first */
    int64_t best_step;
    const bl_vocab *vocab;     /* ids of the model */
    bl_sha256 manifest_sha256; /* of the data it was trained on */
    char asked[16];            /* precision asked for where another ran; else "" */
    char blas[128];            /* name of the gemm that ran: other ones, other bits */
    const bl_json *pg;         /* or NULL */
} bl_ckpt_info;

/* The state that training goes on from; all borrowed. */
typedef struct {
    bl_model *model;
    bl_real *adam_m, *adam_v; /* [bl_model_size(model)] */
    bl_real *average;         /* [bl_model_size(model)]; NULL without `average` */
    bl_batch *batch;
    /* The memories of all lanes, where they are not the model's (workers.h). */
    bl_real **memory;    /* [layers] (B, rows, D), or NULL */
    int32_t *mem_length; /* (B), or NULL */
} bl_ckpt_state;

/* Writes PATH whole or not at all. 0, BL_E_CREATE, BL_E_IO, BL_E_NOMEM. */
int bl_ckpt_save(const char *path, const bl_ckpt_info *info, const bl_ckpt_state *state,
                 bl_err *e) BL_MUST_CHECK;

/* A checkpoint in memory; info points into it. */
typedef struct {
    bl_ckpt_info info;
    bl_vocab vocab;
    bl_json *pg;
    bl_json *hashes;      /* of tensors, by name; NULL of version 1 */
    bl_tensors_head head; /* data owned; NULL where not kept, or moved */
} bl_ckpt;

/* Reads and verifies all of PATH ("-" = standard input): hashes of metadata and
 * tensors, config within bounds, as many parameters as the config asks for - so that a
 * model of this config is no larger than the bytes that were read. with_state == 0
 * keeps the parameters only. Memory grows with what was read, never with what a header
 * claims. Release with bl_ckpt_free, also after an error. */
int bl_ckpt_load(bl_ckpt *c, const char *path, int with_state, bl_err *e) BL_MUST_CHECK;

/* Who takes a checkpoint's parameters one by one, so that they are in memory once. */
typedef struct {
    /* What the checkpoint says is there, and no tensor yet. */
    int (*begin)(void *arg, const bl_ckpt *c, bl_err *e);
    /* One whose hash is right, by its name without "param."; t->data is gone after. */
    int (*param)(void *arg, const char *name, const bl_tensor *t, bl_err *e);
    void *arg;
} bl_ckpt_taker;

/* As bl_ckpt_load with_state == 0, but keeps no tensor. What a taker returns, unless
 * that is 0, ends it; what it took may turn out to be of a damaged file. */
int bl_ckpt_read(bl_ckpt *c, const char *path, const bl_ckpt_taker *taker,
                 bl_err *e) BL_MUST_CHECK;
/* BL_E_FORMAT where the tensor is not one of that parameter's shape. */
int bl_ckpt_check_param(const bl_tensor *t, const bl_param *p, bl_err *e) BL_MUST_CHECK;

/* Moves the parameters into a model of the same config: once. BL_E_FORMAT where a
 * tensor is missing or has another shape; then nothing has moved. */
int bl_ckpt_get_params(bl_ckpt *c, bl_model *m, bl_err *e) BL_MUST_CHECK;
/* Moves everything. The configs must agree in what BL_FIXED_RUN covers. BL_E_FORMAT
 * where a tensor is missing, has another shape, or does not fit the data; the state is
 * then of no use. */
int bl_ckpt_get_state(bl_ckpt *c, const bl_ckpt_state *state, bl_err *e) BL_MUST_CHECK;
void bl_ckpt_free(bl_ckpt *c);

#endif
