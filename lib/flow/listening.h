/* listening.h - listening tests: a page of excerpts without names, and what listeners
 * answered on it. */
#ifndef BL_LISTENING_H
#define BL_LISTENING_H

#include "flow/intake.h"
#include "flow/sound.h"

/* How a page is made. */
typedef struct {
    bl_player *player;
    int64_t most;   /* pieces of a set, drawn from all that it has */
    double seconds; /* of each, from its first note on */
    uint64_t seed;  /* of which pieces, and of their order */
    bl_pair pair;   /* how MIDI files are read */
} bl_listening_wish;

/* Appends the page: each of the n operands is a set, called by the last part of its
 * path. BL_E_FORMAT for an operand without a piece or a name that two of them have;
 * BL_E_OPEN where nothing can play; errors of bl_intake_show and bl_play. */
int bl_listening_add(const bl_listening_wish *wish, const char *const *operands,
                     size_t n, bl_buf *text, bl_err *e) BL_MUST_CHECK;

/* Appends the table of the ratings in n files ("-" or n == 0: standard input), see
 * page/ratings.h; errors name the file. */
int bl_ratings_read(const char *const *paths, size_t n, uint64_t seed, bl_buf *text,
                    bl_err *e) BL_MUST_CHECK;

#endif
