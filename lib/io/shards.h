/* shards.h - a shard directory: id tensors for training, schema remi-shard/1.
 *   DIR/manifest.json, DIR/vocab.tsv, DIR/SPLIT-00000-of-00001.safetensors[.zst] */
#ifndef BL_SHARDS_H
#define BL_SHARDS_H

#include "io/row_store.h"
#include "io/tensors.h"
#include "io/vocabulary.h"

enum { BL_SPLITS = 3, BL_SHARD_TOKENS = 64 << 20 };
/* "train", "valid", "test" */
const char *bl_split_name(int split);

#define BL_SHARD_SCHEMA "remi-shard/1"   /* of a file of tensors */
#define BL_SHARDS_SCHEMA "remi-shards/1" /* of the manifest */

/* What lies at `dir`: 0 nothing or an empty folder, 1 a shard directory of files that
 * its manifest names and nothing else; BL_E_CREATE, naming what is in the way, where
 * writing would destroy more. */
int bl_shards_there(const char *dir, bl_err *e) BL_MUST_CHECK;

/* ---- writing: pieces are sorted by name inside, so that order and number of
 * input streams do not show; nothing appears in DIR before _finish. Tokens wait in a
 * nameless file beside DIR; some 0.2 kB a piece stay in memory ---- */
typedef struct bl_shardw bl_shardw;

/* Shares are 0..1 and sum to 1 (else BL_E_ARG). `vocab` must outlive the writer.
 * BL_E_CREATE if bl_shards_there refuses or no folder can be made beside `dir`. */
int bl_shardw_new(bl_shardw **w, const char *dir, const bl_vocab *vocab,
                  const double share[BL_SPLITS], int level, bl_err *e) BL_MUST_CHECK;
/* Where the folder will be, links followed: what else must wait can do so beside it. */
const char *bl_shardw_path(const bl_shardw *w);
/* ids: vocabulary ids without BOS and EOS (added here), else BL_E_ARG. The split is
 * decided by the hash of the content, so that new pieces never move old ones. */
int bl_shardw_add(bl_shardw *w, const char *name, const char *sha256, uint64_t xxh3,
                  const uint16_t *ids, size_t n, bl_err *e) BL_MUST_CHECK;
/* Of rows of numbers instead (rows.h): the pieces are those of the store, which must
 * outlive the writer and keep its pieces' order; before the first piece. A split is a
 * stream of tensors then, and the vocabulary names the numbers of a step. */
void bl_shardw_of_rows(bl_shardw *w, const bl_row_store *store);
/* The store's next piece, told from others by xxh3. */
int bl_shardw_add_rows(bl_shardw *w, uint64_t xxh3, bl_err *e) BL_MUST_CHECK;
/* Gives piece i a condition, ids as those of a piece; BL_E_ARG where the folder is to
 * have some for all and one is missing is for _finish to say. */
int bl_shardw_condition(bl_shardw *w, size_t i, const uint16_t *ids, size_t n,
                        bl_err *e) BL_MUST_CHECK;
/* ---- what is decided of all pieces together, by their numbers 0 .. size - 1 in the
 * order of _add; _dedup and _settle change the numbers ---- */
size_t bl_shardw_size(const bl_shardw *w);
/* The ids of a piece, or of its condition, without BOS and EOS: *ids is set and 1, or 0
 * where it has no condition. BL_E_IO. */
int bl_shardw_ids(const bl_shardw *w, size_t i, int condition, bl_ids *ids,
                  bl_err *e) BL_MUST_CHECK;
const char *bl_shardw_name(const bl_shardw *w, size_t i); /* the writer's */
/* Below, at or above 0 as piece i comes before, with or after piece k in a folder. */
int bl_shardw_order(const bl_shardw *w, size_t i, size_t k);
int bl_shardw_split(const bl_shardw *w, size_t i);
/* Puts the piece into the split that the hash `key` decides, instead of its content's.
 */
void bl_shardw_place(bl_shardw *w, size_t i, uint64_t key);
/* Puts it into that split, whatever its content's hash or key decides; the writer then
 * fills no empty split, and its shares become those of the pieces. */
void bl_shardw_put(bl_shardw *w, size_t i, int split);
void bl_shardw_drop(bl_shardw *w, size_t i); /* goes with _settle or _sweep */
/* Adds a changed copy of a piece, to the same split, under its name and a suffix. */
int bl_shardw_add_copy(bl_shardw *w, size_t i, const char *suffix, const uint16_t *ids,
                       size_t n, bl_err *e) BL_MUST_CHECK;
/* What was dropped goes, and splits stay as they are. */
void bl_shardw_sweep(bl_shardw *w);
/* After it splits do not change any more; _finish does it where the caller did not. */
void bl_shardw_settle(bl_shardw *w);

/* Further files of each split for other trainers: an OR of these. */
enum { BL_EXPORT_LLMC = 1, BL_EXPORT_MEGATRON = 2, BL_EXPORT_NUMPY = 4 };
void bl_shardw_export(bl_shardw *w, unsigned formats);

/* Drops each piece whose content another one with an earlier name has. Returns how
 * many. */
uint64_t bl_shardw_dedup(bl_shardw *w);
/* Writes everything into a folder beside DIR, then puts it in the place of DIR.
 * _settle: with fewer than BL_FEW_PIECES an empty split gets a piece, and all of its
 * key, from the largest one (train first), whatever the hashes say. */
enum { BL_FEW_PIECES = 50 };
int bl_shardw_finish(bl_shardw *w, const bl_json *pg, bl_err *e) BL_MUST_CHECK;
void bl_shardw_del(bl_shardw *w);
/* Pieces and tokens (with BOS and EOS), or rows, in a split, after _finish or so far.
 */
void bl_shardw_counts(const bl_shardw *w, int split, uint64_t *pieces,
                      uint64_t *tokens);

/* ---- reading: one split, whole, in memory ---- */
typedef struct {
    uint16_t *tokens; /* [n_tokens] vocabulary ids, BOS ... EOS per piece */
    size_t n_tokens;
    int64_t *offsets; /* [n_pieces + 1] into tokens */
    size_t n_pieces;
    /* what each piece goes with, in the same form; NULL: they go with nothing */
    uint16_t *condition_tokens;
    size_t n_condition_tokens;
    int64_t *condition_offsets;
    /* of a folder of rows: all of them, else NULL. Each row is a piece of its own here,
     * of as many tokens as it has steps and one more, and there is no token */
    bl_row_store *rows;
    bl_vocab vocab;
    bl_sha256 manifest_sha256;
    bl_json *pg; /* of the manifest, or NULL */
} bl_shards;

/* Reads a split, checks hashes, counts, ids < vocabulary size. A split without pieces
 * is no error; BL_E_OPEN where there are no shards, saying what makes them. Release
 * with bl_shards_free, also after an error. */
int bl_shards_read(bl_shards *s, const char *dir, int split, bl_err *e) BL_MUST_CHECK;
/* Of a split of rows: moves a tenth of its pieces by hash of their source, one at least
 * where there are two, into `to`, which has none. BL_E_NOMEM. */
int bl_shards_hold_out(bl_shards *s, bl_shards *to, bl_err *e) BL_MUST_CHECK;
void bl_shards_free(bl_shards *s);

#endif
