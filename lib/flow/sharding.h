/* sharding.h - token streams to a folder of shards: numbered by a vocabulary, kept from
 * standing in two splits, copied in other keys and tempos. */
#ifndef BL_SHARDING_H
#define BL_SHARDING_H

#include "flow/copies.h"
#include "flow/holing.h"
#include "base/progress.h"
#include "flow/source.h"

typedef enum {
    BL_NEAR_KEEP, /* pieces of the same music stand in one split */
    BL_NEAR_DROP, /* only one of them stays */
    BL_NEAR_OFF   /* as it comes */
} bl_near;

typedef struct {
    const char *dir;       /* the folder to write */
    const char *vocab;     /* a vocabulary file; NULL: the closed one of the scheme */
    const char *condition; /* a stream of what each piece goes with, by name, or NULL */
    double share[BL_SPLITS];
    const char
        *split_from; /* TABLE:COLUMN that decides instead (split_table.h), or NULL */
    bl_near near;
    const char *report; /* a table of near copies, or NULL */
    int dedup;          /* keep one of the pieces that have the same tokens */
    bl_copies copies;
    bl_holing_wish holes; /* no condition goes with them */
    unsigned exports;     /* BL_EXPORT_... */
    int level;            /* of compression, 0 = bare */
    int replace;          /* a folder of shards that is there */
    int threads;          /* that read pieces; 0 is 1 */
} bl_sharding_wish;

typedef struct {
    bl_counts read;
    uint64_t n_dropped; /* repeated pieces */
    uint64_t n_near;    /* pieces that are like an earlier one */
    uint64_t n_copies;
    uint64_t n_holes; /* copies that have one, in the place of the pieces */
    uint64_t n_alone; /* pieces without a condition, and conditions without a piece */
    uint64_t n_named; /* pieces and conditions in all */
    uint64_t pieces[BL_SPLITS], tokens[BL_SPLITS];
} bl_sharding_counts;

typedef struct bl_sharding bl_sharding;

/* Asks whether wish->dir can be written before it opens the n streams, then reads them
 * all and decides what goes where. The wish and `progress` must outlive
 * it. BL_E_CREATE where the
 * folder must not be replaced; BL_E_MISMATCH where streams and vocabulary do not belong
 * together or a piece is not in the table of splits; BL_E_FORMAT where there is no
 * piece, or no pair. The notices of `progress` hear the names of pieces without a
 * partner, in detail, and of splits that stay empty. Release with bl_sharding_del, also
 * after an error. */
int bl_sharding_new(bl_sharding **s, const bl_sharding_wish *wish,
                    const char *const *paths, size_t n, const bl_progress *progress,
                    bl_err *e) BL_MUST_CHECK;
/* Writes the folder, whole or not at all, and then the report. *counts is set. */
int bl_sharding_write(bl_sharding *s, const bl_self *self, bl_sharding_counts *counts,
                      bl_err *e) BL_MUST_CHECK;
/* Warns of splits that were to have a share and got no piece. */
void bl_sharding_tell_empty(const bl_sharding_wish *wish, const bl_sharding_counts *n,
                            const bl_notices *notices);
void bl_sharding_del(bl_sharding *s);

#endif
