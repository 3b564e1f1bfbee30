/* ckpt_meta.h - between ckpt.c and ckpt_meta.c: what a checkpoint says besides its
 * tensors, as the strings of the safetensors header. */
#ifndef BL_CKPT_META_H
#define BL_CKPT_META_H

#include "train/ckpt.h"

/* The metadata of a checkpoint with these tensors, all hashes included. The caller
 * releases it with bl_json_del. NULL and BL_E_NOMEM or BL_E_FORMAT. */
bl_json *bl_ckpt_make_meta(const bl_ckpt_info *info, const bl_tensor *t, size_t n,
                           bl_err *e) BL_MUST_CHECK;

/* Verifies c->head.meta (schema, hash) and fills c->info, c->vocab, c->hashes and
 * c->pg; keys that are not known here are of later programs and ignored. The tensors'
 * own hashes are the caller's to check. */
int bl_ckpt_get_meta(bl_ckpt *c, bl_err *e) BL_MUST_CHECK;

/* BL_E_CORRUPT where the bytes of the tensor `name`, whose XXH3 is `value`, have
 * another hash than the metadata state, BL_E_FORMAT where they state none. */
int bl_ckpt_check_hash(const bl_ckpt *c, const char *name, uint64_t value,
                       bl_err *e) BL_MUST_CHECK;

/* Sets `vocab`, `vocab_sha256`, `tokenizer` and `tokenizer_sha256`. */
int bl_ckpt_set_vocab(bl_json *meta, const bl_vocab *vocab, bl_err *e) BL_MUST_CHECK;

#endif
