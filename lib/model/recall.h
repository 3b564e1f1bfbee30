/* recall.h - what came next where the same tokens stood before. The longest end of what
 * a stream has read is looked for in the stream itself, and the token after its last
 * appearance told, as an unbounded n-gram model would (Liu et al. 2024, "Infini-gram",
 * 2.2; of the stream alone). A network that is given it need not find by attention what
 * comes back, however far back it lies (Akyurek et al. 2024, "In-Context Language
 * Learning", n-gram heads). */
#ifndef BL_RECALL_H
#define BL_RECALL_H

#include "base/err.h"

/* Ends that are looked for have 4, 8, 16, ... tokens. When twice the reach has been
 * read, what lies farther back than the reach is forgotten, so that streams may go on
 * without end. */
enum {
    BL_RECALL_SHORTEST = 4,
    BL_RECALL_LONGEST = 1024,
    BL_RECALL_REACH = 1 << 14,
    BL_RECALL_DISTANCES = 30, /* none, and half octaves: 1, 2, 3, 4, 6, 8, 12... */
    BL_RECALL_TIMES = 8,      /* none, 1 to 7 or more */
    BL_RECALL_PARTS = 4       /* of bl_recalled, in its order */
};

/* After a token: what came next, and of the end that was found its length (k: the last
 * 2 << k tokens), how far back it stood last, in half octaves, and how often it stood
 * there. All 0: there is none. */
typedef struct {
    uint16_t token;
    uint8_t length, distance, times;
} bl_recalled;

/* The number of the half octave that a distance of 1 to twice the reach lies in, from
 * 1; the last one for all beyond. */
int bl_recall_distance(int64_t distance);

/* How many lengths there are up to `longest` (0: none). */
int bl_recall_lengths(int longest);

typedef struct bl_recall bl_recall;

/* A stream without tokens, ends of up to `longest` tokens, at least the shortest.
 * Release with _del. */
int bl_recall_new(bl_recall **r, int longest, bl_err *e) BL_MUST_CHECK;
void bl_recall_del(bl_recall *r);
/* Begins anew; room stays. */
void bl_recall_forget(bl_recall *r);
/* What it takes for n tokens. */
int64_t bl_recall_bytes(int longest, int64_t n);
/* Room for n more tokens. */
int bl_recall_reserve(bl_recall *r, int64_t n, bl_err *e) BL_MUST_CHECK;
/* Reads a token, for which there is room. */
bl_recalled bl_recall_step(bl_recall *r, uint16_t token);

#endif
