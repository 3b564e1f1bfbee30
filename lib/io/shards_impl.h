/* shards_impl.h (internal) - the writer of shards.h, for the files that it is made of.
 */
#ifndef BL_SHARDS_IMPL_H
#define BL_SHARDS_IMPL_H

#include "base/texts.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/shards.h"
#include "io/spill.h"

enum { BL_MANIFEST_MAX = 4 << 20 }; /* of 30,000 files of tensors */

typedef struct {
    const char *name; /* then, behind its NUL, the SHA-256 of the source */
    uint64_t xxh3;    /* of the text */
    uint64_t key;     /* decides the split; that of all pieces of the same music */
    uint64_t start;   /* in bl_shardw.kept; of rows the piece of the store */
    uint64_t condition;
    uint32_t n;           /* tokens with BOS and EOS; rows */
    uint32_t n_condition; /* the same of its condition; 0: has none */
    int8_t split, is_dropped;
} piece;

struct bl_shardw {
    char *shown;    /* the folder as the caller calls it, for messages */
    char *dir;      /* the folder itself */
    bl_folder temp; /* while it exists */
    const bl_vocab *vocab;
    double share[BL_SPLITS];
    int level;
    const bl_row_store *rows; /* or NULL: of tokens */
    unsigned exports;         /* BL_EXPORT_... */
    uint16_t bos, eos;
    bl_spill *kept; /* ids of all pieces, as they came */
    bl_texts names;
    piece *pieces;
    size_t n_pieces, cap_pieces;
    int has_conditions; /* then all have */
    int is_settled;
    int is_put; /* splits are as bl_shardw_put said */
};

/* *ids becomes the tokens of a piece, or of its condition. */
int bl_shardw_fetch(const bl_shardw *w, const piece *p, int condition, bl_ids *ids,
                    bl_err *e) BL_MUST_CHECK;

/* Opens a file of the temporary folder. */
int bl_shardw_open(const bl_shardw *w, const char *name, bl_out *out,
                   bl_err *e) BL_MUST_CHECK;

/* The files of tensors of a split, each with its entry in the manifest's list. */
int bl_shardw_write_tensors(const bl_shardw *w, int split, const bl_json *pg,
                            bl_json *files, bl_err *e) BL_MUST_CHECK;

/* The same of rows: one stream of tensors. */
int bl_shardw_write_rows(const bl_shardw *w, int split, const bl_json *pg,
                         bl_json *files, bl_err *e) BL_MUST_CHECK;
/* What the rows are, for the manifest, and back. */
int bl_shards_put_kind(bl_json *manifest, const bl_rows_kind *kind,
                       bl_err *e) BL_MUST_CHECK;
int bl_shards_get_kind(const bl_json *manifest, bl_rows_kind *kind,
                       bl_err *e) BL_MUST_CHECK;
/* The rows of a file; `xxh3` is that of all their numbers. */
int bl_shards_read_rows(bl_row_store *store, const char *path, const bl_rows_kind *kind,
                        uint64_t xxh3, bl_err *e) BL_MUST_CHECK;

/* The files of a split that w->exports asks for. */
int bl_shardw_write_exports(const bl_shardw *w, int split, bl_err *e) BL_MUST_CHECK;

/* Their names as "exports" of the split in the manifest, if there are any. */
int bl_shardw_list_exports(const bl_shardw *w, int split, bl_json *o,
                           bl_err *e) BL_MUST_CHECK;

#endif
