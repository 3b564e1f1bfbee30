/* fingerprint.h - which pieces are the same music: a set of melodic n-grams a piece,
 * which transposition, tempo, velocities, lengths and instruments leave as it is. Of
 * the set the least hashes are kept (bottom-k sketch: Broder, "On the resemblance and
 * containment of documents", 1997). */
#ifndef BL_FINGERPRINT_H
#define BL_FINGERPRINT_H

#include "base/mem.h"
#include "base/song.h"

enum { BL_PRINT_SIZE = 128 };

typedef struct {
    uint64_t key; /* depends on the music alone: a hash to split by. 0 where n is 0 */
    uint32_t n;
    uint64_t hash[BL_PRINT_SIZE]; /* [n] rising */
} bl_fingerprint;

/* Of a sorted song. n is 0 for pieces of one onset or none. 0 or BL_E_NOMEM. */
int bl_fingerprint_of(bl_fingerprint *p, const bl_song *song, bl_err *e) BL_MUST_CHECK;

/* The estimated share of n-grams of either piece that both have, 0..1. */
double bl_fingerprint_likeness(const bl_fingerprint *a, const bl_fingerprint *b);

#endif
