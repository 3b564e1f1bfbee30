/* own_ids.h - ids that other programs made: numbered by a list of names or by none, to
 * vocabularies and folders of shards. */
#ifndef BL_OWN_IDS_H
#define BL_OWN_IDS_H

#include "flow/sharding.h"
#include "flow/token_names.h"

/* Their ids and ours. Zero-initialise; release with bl_own_ids_free. */
typedef struct {
    bl_token_names names; /* by their ids; empty: they have none */
    bl_vocab vocab;       /* ours: PAD BOS EOS MASK, then theirs in order */
    int32_t *to_ours;     /* [n] -1 where no token has the id */
    size_t n;
} bl_own_ids;

/* Of a file that bl_token_names_read takes. Their names of the specials (PAD_None, <s>)
 * become ours, others that no token here may have become Id_N. A vocabulary of ours
 * stays what it is, with its scheme; others are of the scheme `ids`. Errors of
 * bl_token_names_read. */
int bl_own_ids_open(bl_own_ids *o, const char *path, bl_err *e) BL_MUST_CHECK;
/* Of ids 0 .. n - 1 without names: they are called "0", "1", ... */
int bl_own_ids_count(bl_own_ids *o, size_t n, bl_err *e) BL_MUST_CHECK;
void bl_own_ids_free(bl_own_ids *o);

/* Writes a folder of shards of n files, 0: of standard input: NumPy arrays of whole
 * numbers (a row is a piece, negative numbers at its end are padding), JSON lists of
 * ids or names (MidiTok's
 * {"ids": [...]}, a list in it is a piece), or text (a line is a piece). wish->vocab
 * names their tokens, NULL: ids only; copies and what finds near ones are not for them.
 * BOS, EOS and PAD at the ends of a piece are dropped. BL_E_FORMAT with the file and
 * the place. */
int bl_own_ids_shard(const bl_sharding_wish *wish, const char *const *paths, size_t n,
                     const bl_self *self, const bl_progress *progress,
                     bl_sharding_counts *counts, bl_err *e) BL_MUST_CHECK;

#endif
