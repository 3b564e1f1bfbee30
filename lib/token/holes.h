/* holes.h - a piece with a hole: what is played in a stretch of its bars, by all or
 * some instruments, is taken out and stands alone, and can be put back. Of the scheme
 * "remi"; the form of both sides is that of schemas/remi-scheme.md, section 10. */
#ifndef BL_HOLES_H
#define BL_HOLES_H

#include "token/parts.h"
#include "token/scheme.h"

enum { BL_HOLE_DRUMS = BL_PROGRAM_DRUMS, BL_HOLE_PLAYERS = BL_HOLE_DRUMS + 1 };

/* A note, or what else stands at a place of a bar. */
typedef struct {
    uint32_t bar;        /* from 1; 0: before the first */
    int16_t position;    /* -1: before the first of the bar */
    int16_t rank, pitch; /* the order at a position: program or drums, pitch; -1 */
    int16_t program;     /* that its tokens are of, or -1 */
    uint16_t token[3];
    uint8_t n;
    uint8_t is_note, is_taken;
} bl_hole_item;

/* Zero-initialise; release with bl_hole_piece_free. */
typedef struct {
    const bl_scheme *scheme;
    bl_hole_item *item; /* [n] as they come */
    size_t n, cap;
    size_t bars;
} bl_hole_piece;

typedef struct {
    size_t from, to; /* bars, from 1, both of them in the hole */
} bl_hole;

/* Reads "9-12" or "9", and where `parts` stand behind a colon these: *has_parts is set.
 * BL_E_ARG. */
int bl_hole_parse(bl_hole *hole, bl_parts *parts, int *has_parts, const char *text,
                  bl_err *e) BL_MUST_CHECK;

/* 1 for schemes whose pieces can have holes. */
int bl_holes_are_of(const bl_scheme *s);
/* A piece without BOS and EOS; *p is set. BL_E_FORMAT where the grammar forbids it. */
int bl_hole_read(bl_hole_piece *p, const bl_scheme *s, const uint16_t *ids, size_t n,
                 bl_err *e) BL_MUST_CHECK;
void bl_hole_piece_free(bl_hole_piece *p);

/* Marks the notes of the players (128: drums) in the hole, NULL: of all. Returns how
 * many. */
size_t bl_hole_take(bl_hole_piece *p, const bl_hole *hole,
                    const uint8_t players[BL_HOLE_PLAYERS]);
/* Marks those of the parts; players[] = 1 for whoever plays them anywhere in the piece.
 * The names of tracks are not in tokens: an instrument is a track. 0 or BL_E_NOMEM. */
int bl_hole_take_parts(bl_hole_piece *p, const bl_hole *hole, const bl_parts *parts,
                       uint8_t players[BL_HOLE_PLAYERS], bl_err *e) BL_MUST_CHECK;

/* What of the piece stands in a condition: so many bars on each side of the hole, 0:
 * all, or of these the ones before it alone. */
typedef struct {
    size_t around;
    int left_only;
} bl_hole_seen;

/* What is marked goes to *target, bars alone; the rest, with MASK at the end of each
 * bar of the hole, to *condition: of it what is `seen`, the first bar with the meter,
 * key, chord and tempo that hold. Both are set; without BOS and EOS. */
int bl_hole_cut(const bl_hole_piece *p, const bl_hole *hole, bl_hole_seen seen,
                bl_ids *condition, bl_ids *target, bl_err *e) BL_MUST_CHECK;
/* The piece with the notes of `target` in the place of what is marked: *whole is set.
 * All outside the hole is as it was, token for token: a Program token stands where the
 * instrument changes, so that of the notes of `target` the last may have to go, or the
 * note that was last to stay, for the same one to have been heard before what follows.
 */
int bl_hole_fill(const bl_hole_piece *p, const bl_hole *hole, const uint16_t *target,
                 size_t n, bl_ids *whole, bl_err *e) BL_MUST_CHECK;
/* The grammar of a target: as if a bar was there, in the meter before the hole. */
void bl_hole_begin(const bl_hole_piece *p, const bl_hole *hole, bl_grammar *g);
/* The bar-th bar of the target, from 0, has begun: with the meter of the piece. */
void bl_hole_begin_bar(const bl_hole_piece *p, const bl_hole *hole, size_t bar,
                       bl_grammar *g);
/* 1 for tokens that a target is made of. */
int bl_hole_may_fill(const bl_scheme *s, unsigned id,
                     const uint8_t players[BL_HOLE_PLAYERS]);

#endif
