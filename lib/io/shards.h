/* shards.h - a shard directory: id tensors for training, schema remi-shard/1.
 *   DIR/manifest.json, DIR/vocab.tsv, DIR/SPLIT-00000-of-00001.safetensors[.zst] */
#ifndef BL_SHARDS_H
#define BL_SHARDS_H

#include "io/tensors.h"
#include "io/vocab.h"

enum { BL_SPLITS = 3, BL_SHARD_TOKENS = 64 << 20 };
/* "train", "valid", "test" */
const char *bl_split_name(int split);

/* ---- writing: pieces are sorted by name inside, so that order and number of
 * input streams do not show; nothing appears in DIR before _finish ---- */
typedef struct bl_shardw bl_shardw;

int bl_shardw_new(bl_shardw **w, const char *dir, const bl_vocab *vocab,
                  const double share[BL_SPLITS], int level, bl_err *e) BL_MUST_CHECK;
/* ids: vocabulary ids without BOS and EOS (added here). The split is decided by
 * the hash of the content, so that new pieces never move old ones. */
int bl_shardw_add(bl_shardw *w, const char *name, const char *sha256, uint64_t xxh3,
                  const uint16_t *ids, size_t n, bl_err *e) BL_MUST_CHECK;
int bl_shardw_finish(bl_shardw *w, const bl_json *pg, bl_err *e) BL_MUST_CHECK;
void bl_shardw_del(bl_shardw *w); /* before _finish: removes what was begun */
/* Pieces and tokens (with BOS and EOS) in a split, after _finish or so far. */
void bl_shardw_counts(const bl_shardw *w, int split, uint64_t *pieces,
                      uint64_t *tokens);

/* ---- reading: one split, whole, in memory ---- */
typedef struct {
    uint16_t *tokens; /* [n_tokens] vocabulary ids, BOS ... EOS per piece */
    size_t n_tokens;
    int64_t *offsets; /* [n_pieces + 1] into tokens */
    size_t n_pieces;
    bl_vocab vocab;
    bl_sha256 manifest_sha256;
    bl_json *pg; /* of the manifest, or NULL */
} bl_shards;

/* Reads a split, checks hashes, counts, ids < vocabulary size. */
int bl_shards_read(bl_shards *s, const char *dir, int split, bl_err *e) BL_MUST_CHECK;
void bl_shards_free(bl_shards *s);

#endif
