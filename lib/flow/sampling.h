/* sampling.h - new pieces from a trained model: a checkpoint opened, what of a piece is
 * settled before it is drawn, pieces drawn token by token. Piece i of a seed is the
 * same whatever else is drawn, on any number of threads. */
#ifndef BL_SAMPLING_H
#define BL_SAMPLING_H

#include "base/self.h"
#include "base/progress.h"
#include "io/prov.h"
#include "model/sample.h"
#include "nn/kernel/gemm.h"
#include "token/scheme.h"

enum {
    BL_SAMPLING_BARS = 16,
    BL_SAMPLING_ENDLESS = 1 << 16, /* a day and a half of 4/4 at 120 */
};

typedef struct {
    const char *model;      /* a checkpoint, or a run folder: its best one */
    bl_precision precision; /* of weights, keys and values: not BL_BF16X3 */
    int threads;
    int64_t seed;
    int64_t n; /* pieces, for each condition; 0: as many as `like` has, without it or
                * with conditions 1 */

    /* What a piece begins with; each may be NULL or 0. */
    const char *prompt;   /* a token stream whose pieces are gone on with, in turn, or a
                           * MIDI file, read as the scheme reads it */
    int64_t prompt_bars;  /* so many of a prompt only */
    const char *labels;   /* "Composer_Bach,Genre_fugue" */
    int tempo;            /* beats a minute */
    bl_meter meter;       /* of all new bars; num 0: as the model likes */
    const char *programs; /* that may play: "piano,33,drums" */
    const char *key;      /* "F#m": its token where the scheme has such, else a scale */
    double density;       /* moments a quarter note in which notes begin; 0: any */
    const char *chords;   /* "C Am F G7:2": a bar each or as many, in turn */
    /* A token stream: pieces are made for each of its pieces, in order, prompts and
     * lengths in turn for those; or a MIDI file, read as the chain of the run says that
     * its conditions were; "-": standard input. NULL where the model was trained
     * without conditions. */
    const char *condition;
    /* "9-12" or "9-12:bass": the prompts stay as they are, and what is played in these
     * bars by all or these parts is made anew; or NULL. Nothing above nor below but
     * `prompt`, `n` and `max_tokens` goes with it. */
    const char *fill;

    /* How it ends. */
    int64_t bars;       /* after the prompt; 0: the model decides; -1: as many as the
                         * condition has, BL_SAMPLING_BARS without one, or 0 where there are
                         * seconds or the scheme has no bars */
    double seconds;     /* after the prompt; 0: no matter */
    const char *like;   /* a token stream: piece i ends where its piece i does, by bars
                         * or, in schemes without them, by seconds, in turn; or NULL */
    int64_t max_tokens; /* new ones, where it is cut */
    /* Bar after bar in memory that does not grow, until `stop`, asked after each token,
     * is not 0: then what was begun of a bar is left out, and the stream ends as any
     * other. Pieces of BL_SAMPLING_ENDLESS bars follow each other. Of the others here,
     * and of n and condition, nothing counts. */
    int is_endless;
    int (*stop)(void);
    /* Lines that change what is wished while it is made: a file, a FIFO, "fd:N"
     * (flow/control.h); pieces are made one after the other then. NULL: none. */
    const char *control;
    /* Turns of so many bars: the pieces of `prompt`, a token stream, are heard as they
     * come, their first turn, their third..., and answered in the turns between, at
     * their tempo and in their meter; what is played there is not heard. A piece for
     * each, silent where the other plays, until that ends. 0: none. Of the others here
     * `programs`, `key`, `density`, `max_tokens`, of a turn's bar, and `control` go
     * with it. */
    int64_t answer;

    /* Tokens before it that each one sees. 0: twice as many as the memory of training
     * holds, by which a piece keeps its key (pipelines/recipes.md), or what was trained
     * where it may not be more (bl_model_may_remember_more). */
    int64_t memory;
    /* A temperature or top_p below 0: what suits the model, which repeats itself
     * without end at odds as sharp as others want, if it recalls
     * (pipelines/recipes.md). */
    bl_sample_params draw;
    int no_grammar; /* allows what the scheme's grammar forbids */
} bl_sampling_wish;

typedef struct {
    int64_t pieces;
    int64_t tokens;   /* drawn */
    int64_t cut;      /* pieces that ended at max_tokens */
    int64_t stuck;    /* likewise where no token could follow */
    int64_t silent;   /* pieces without a note */
    int64_t replaced; /* tokens of a MIDI file that the model's vocabulary lacks: the
                       * nearest stand for them */
} bl_sampling_counts;

typedef struct bl_sampling bl_sampling;

/* Opens the model and settles what the wish says, which must outlive it. BL_E_OPEN
 * without a checkpoint; BL_E_MISMATCH where vocabulary, scheme and prompt do not belong
 * together; BL_E_ARG where the scheme cannot do what is wished; BL_E_FORMAT of a prompt
 * that is no music; what reading gives. Release with bl_sampling_del, also after an
 * error. */
int bl_sampling_new(bl_sampling **s, const bl_sampling_wish *w,
                    bl_err *e) BL_MUST_CHECK;
const bl_scheme *bl_sampling_scheme(const bl_sampling *s);

/* Draws all pieces, some side by side, and gives them to `put` in order, BOS first;
 * once. `progress` is told after each token. What `put` returns, unless that is 0, ends
 * it. */
typedef int bl_sampling_put(void *arg, int64_t piece, const bl_ids *ids, bl_err *e);
int bl_sampling_draw(bl_sampling *s, bl_sampling_put *put, void *arg,
                     const bl_progress *progress, bl_sampling_counts *counts,
                     bl_err *e) BL_MUST_CHECK;

/* The same as a token stream to a descriptor, compressed at `level` (0: bare). Bar by
 * bar (condition=bars), without end, and in turns, each bar is written as soon as it is
 * made. Pieces of a condition have its name, NAME, NAME.2, ..., and its beat 1 if it is
 * live; answers likewise those of what they answer. */
int bl_sampling_write(bl_sampling *s, int fd, int level, const bl_self *self,
                      const bl_progress *progress, bl_sampling_counts *counts,
                      bl_err *e) BL_MUST_CHECK;
void bl_sampling_del(bl_sampling *s);

#endif
