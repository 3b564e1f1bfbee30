/* hub.h - models of Hugging Face's form: a folder with config.json, weights in
 * safetensors, one file or shards with an index, and a tokenizer. GPT-2 and LLaMA in
 * and out; which tensor is which: schemas/hub.md. */
#ifndef BL_HUB_H
#define BL_HUB_H

#include "base/guards.h"
#include "train/ckpt.h"

/* Ids that a config states beside the weights; -1 = none. */
typedef struct {
    int64_t bos, eos, pad;
} bl_hub_ids;

/* 1 if `path` is a folder whose config.json states a "model_type", as none of ours
 * does, or would have to: it is no JSON, or there are weights beside it, and no
 * checkpoint of ours. What is wrong with it tells reading. */
int bl_hub_is(const char *path);

/* Reads a folder as a checkpoint of parameters without state: weights of F32, F16 or
 * BF16 as reals, the vocabulary where the folder has one that bl_hub_write left there
 * (else c->vocab is empty: words NULL), no provenance. Memory follows what is read.
 * BL_E_FORMAT, BL_E_LIMIT or BL_E_MISMATCH with the file and the setting or tensor that
 * has no counterpart here; BL_E_OPEN, BL_E_TRUNC. Release with bl_ckpt_free, also after
 * an error. */
int bl_hub_read(bl_ckpt *c, bl_hub_ids *ids, const char *dir, bl_err *e) BL_MUST_CHECK;

/* The file of the folder that names the model's tokens (tokenizer.json, vocab.json) in
 * *path, which the caller frees; NULL where there is none. 0, BL_E_NOMEM. */
int bl_hub_names_file(const char *dir, char **path, bl_err *e) BL_MUST_CHECK;

/* BL_E_CREATE where a folder may not be written at `dir`: something is there, unless
 * `replace` and it is a folder of a model, or an empty one. For asking before work. */
int bl_hub_may_write(const char *dir, int replace, bl_err *e) BL_MUST_CHECK;

/* Writes a checkpoint's parameters, which move, as a folder that transformers loads,
 * whole or not at all: config.json, generation_config.json, model.safetensors (F32);
 * of a vocabulary tokenizer.json and tokenizer_config.json, vocab.tsv and, for the
 * scheme `remi`, miditok.json. `ids` where there is no vocabulary; `guards` (or NULL)
 * for the folder while it is not whole. BL_E_ARG naming the setting that has no
 * counterpart there; BL_E_CREATE, BL_E_IO, BL_E_NOMEM. */
int bl_hub_write(bl_ckpt *c, const bl_hub_ids *ids, const char *dir, int replace,
                 const bl_guards *guards, bl_err *e) BL_MUST_CHECK;

#endif
