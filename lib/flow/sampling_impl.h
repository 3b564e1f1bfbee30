/* sampling_impl.h (internal) - what the files of a sampler share. */
#ifndef BL_SAMPLING_IMPL_H
#define BL_SAMPLING_IMPL_H

#include "flow/coder.h"
#include "flow/control.h"
#include "flow/made_as.h"
#include "flow/places.h"
#include "flow/sampling.h"
#include "io/input.h"
#include "io/tokens.h"
#include "token/holes.h"
#include "token/pace.h"
#include "token/plan.h"
#include "token/restate.h"
#include "train/ckpt.h"

enum {
    BL_SAMPLING_GROUP = 8, /* pieces side by side; the bytes of one do not depend on the
                            * others */
    BL_SAMPLING_ROWS = 64, /* tokens of all of them that are read at once */
    BL_SAMPLING_AHEAD = 64, /* pieces that may be begun or done behind one that is not
                             * done yet */
    BL_SAMPLING_ENDLESS_TOKENS = 1 << 23, /* of a piece without end, well below
                                           * what a stream takes */
    BL_SAMPLING_CONDITIONS = 2 * BL_SAMPLING_AHEAD, /* that may be needed at once */
};

/* A piece that others are made for, as far as it was read, in the model's ids. */
typedef struct {
    char *name;
    bl_ids ids;   /* BOS, what stands before the first bar, the bars; at last EOS */
    size_t *bars; /* [n_bars] where they begin in ids */
    size_t n_bars, cap;
    bl_plan_course course; /* its meters and tempos */
    int is_whole;
    /* of a live one, as it came and as the model has it (sampling_live.c) */
    bl_stated heard, known;
    bl_plan_course played; /* as it came */
    int is_fitted;         /* the two differ */
} bl_sampling_given;

/* Bars that are written in the time of who plays; each piece begins with
 * BL_NOTHING_RETOLD. */
typedef struct {
    bl_stated from, to;
    int32_t tempo; /* that the model stated last */
    size_t n_bars;
} bl_retold;

#define BL_NOTHING_RETOLD ((bl_retold){BL_NOTHING_STATED, BL_NOTHING_STATED, -1, 0})

/* A piece with a hole. */
typedef struct {
    char *name;
    bl_hole_piece piece;              /* what is taken out is marked */
    uint8_t players[BL_HOLE_PLAYERS]; /* who may play in the hole */
    bl_ids condition;                 /* the piece without it, in the scheme's ids */
} bl_sampling_fill;

typedef struct {
    bl_input in;
    bl_tokr *reader; /* or: */
    int is_midi;     /* `piece` is all there is, made like this: */
    bl_made_as as;
    bl_piece piece; /* being read */
    size_t n_taken; /* ids of it that its bl_sampling_given has */
    int is_live;    /* read bar by bar as it comes, one condition after the other */
    int is_at_end;
    int64_t n_read; /* conditions, the one being read among them */
    bl_sampling_given at[BL_SAMPLING_CONDITIONS]; /* the i-th at i % CONDITIONS */
} bl_sampling_conditions;

/* Who plays in turn with the model: bars of a stream, as they come. */
typedef struct {
    int fd;
    bl_tokr *reader;
    bl_piece piece;     /* the bar that came last */
    bl_grammar grammar; /* of all that came */
    int64_t n_bars;     /* likewise */
    int is_over;        /* the piece has no more */
    /* of what came, of what the model knows, of what is written */
    bl_stated heard, known, told;
    bl_plan_course course; /* meter and tempo of the last call */
    bl_ids known_bar;      /* the bar as the model is to know it */
    bl_ids told_bar;       /* BOS, and the bar as it is to be written */
    bl_ids alone;          /* scratch */
} bl_sampling_calls;

/* One piece as it grows: in the scheme's ids, and in the model's, where one may stand
 * for several. */
typedef struct {
    int64_t piece;  /* -1: none */
    int64_t number; /* of the prompt and length that it takes in turn: of its condition,
                     * or its own */
    bl_grammar grammar;
    bl_rng rng;
    bl_ids ids;
    size_t n_prompt; /* of them given, not sampled */
    size_t whole;    /* of them up to where the piece may end or be ended */
    bl_grammar at_whole;
    bl_ids fed;
    size_t n_fed;      /* of them read by the model */
    size_t n_asked;    /* of them asked about whether something goes before */
    bl_ids sides;      /* of fed, where a condition stands among it: 1 of the piece */
    bl_place place[2]; /* of each side */
    bl_recall *recall; /* of all that was fed, or NULL */
    bl_sampling_given *given; /* its condition, or NULL */
    size_t unit;              /* bar by bar: bars that were given; else the next bar */
    size_t stretch_end; /* prefix, encoder: where what is read now ends, likewise */
    int64_t read_of;    /* encoder: the condition of which the model has a stretch */
    size_t read_from;   /* likewise: where it begins, the model's until the next */
    int is_over; /* bar by bar: 1 where a bar of the piece is, 2 where EOS said so */
    size_t n_prompted; /* bar by bar: of the prompt given so far */
    size_t n_bar;  /* without end: ids up to the bar that was begun just now; 0: none */
    size_t n_gone; /* likewise: ids that were written and let go */
    bl_plan_at at;
    int64_t bars, prompt_bars;
    int64_t most_bars; /* where it ends; 0: no matter */
    double most_seconds;
    int64_t steps; /* drawn, in a scheme without bars */
    bl_pace pace;
    double seconds; /* up to the last beginning of a bar or step, without the prompt */
    double prompt_seconds;
} bl_sampling_lane;

struct bl_sampling {
    const bl_sampling_wish *wish;
    bl_control *control;       /* or NULL */
    bl_sample_params draw;     /* as last asked for */
    const bl_notices *notices; /* of who draws */
    int is_over;               /* no piece is begun any more */
    int64_t n;                 /* pieces, as settled */
    int64_t bars;              /* likewise */
    double *like; /* [n_like] bars or seconds of pieces; NULL: all end alike */
    size_t n_like, like_cap;
    int like_has_bars; /* which of both */

    int condition; /* bl_condition_kind */
    bl_sampling_conditions given;
    bl_sampling_calls calls;
    bl_hole hole; /* of all `fills` */
    bl_parts hole_parts;
    int hole_has_parts;
    bl_sampling_fill *fills; /* [n_fills] where holes are filled */
    size_t n_fills, cap_fills;
    int64_t copies;   /* pieces for each condition */
    int follows;      /* pieces end where their conditions do */
    unsigned bar;     /* id of the model that begins a bar; without bars UINT_MAX */
    unsigned own_bar; /* the same in the scheme's ids */

    bl_ckpt ckpt;
    bl_pool *pool;
    bl_scheme *scheme;
    bl_gen *gen;
    int n_vocab;                    /* of the model */
    bl_coder coder;                 /* between the scheme's ids and the model's */
    bl_token_place *places;         /* [model's ids] or NULL */
    bl_place at[BL_SAMPLING_GROUP]; /* where the lanes' tokens stand */
    bl_ids *parts;                  /* [merges] scheme ids that each merge stands for */

    bl_plan plan;
    bl_ids *prompts; /* [n_prompts] */
    size_t n_prompts, prompts_cap;
    bl_json *prompt_pg;

    int streams; /* pieces side by side */
    bl_sampling_lane lanes[BL_SAMPLING_GROUP];
    bl_ids
        done[BL_SAMPLING_AHEAD]; /* piece i at i % AHEAD, not put yet; empty: not done
                                  */
    int64_t n_begun, n_put;
    bl_real *logits;      /* (streams, n_vocab) */
    uint8_t *scheme_mask; /* [scheme words] */
    uint8_t *mask;        /* [n_vocab] */
    uint8_t *role;        /* [n_base] of tokens (sampling_odds.c) */
    int32_t *order;       /* [n_vocab] scratch of bl_sample */
    double *prob;         /* [n_vocab] scratch of bl_sample */
    int64_t n_sampled, n_cut, n_stuck;
    int64_t n_replaced; /* tokens of what was given that the model does not know */
};

/* What is written as it is made: pieces, and where `bars` is not NULL those of which
 * the bars so far are whole. */
typedef struct {
    bl_sampling_put *put, *bars; /* without end: BOS, and what is new */
    void *arg;
} bl_sampling_sink;

int bl_sampling_run(bl_sampling *s, const bl_sampling_sink *to,
                    const bl_progress *progress, bl_sampling_counts *counts,
                    bl_err *e) BL_MUST_CHECK;

/* How many pieces, and where the wish says as what how long each is. */
int bl_sampling_count(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* The model of a checkpoint or run folder, its scheme and vocabulary, scratch. */
int bl_sampling_open(bl_sampling *s, bl_err *e) BL_MUST_CHECK;

/* ---- sampling_condition.c ---- */

/* Opens the stream of conditions where the model wants one, reads the first ones, and
 * settles how many pieces are made side by side. BL_E_ARG where there is none, or one
 * that is not wanted; BL_E_MISMATCH of another scheme; BL_E_FORMAT without a piece. */
int bl_sampling_conditions_open(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* The i-th condition, *g = NULL beyond the last: whole, or of a pipe as far as it came.
 */
int bl_sampling_given_at(bl_sampling *s, int64_t i, bl_sampling_given **g,
                         bl_err *e) BL_MUST_CHECK;
/* Reads until bar n (from 0) is there: 1, or 0 where the condition ends before it. */
int bl_sampling_given_bar(bl_sampling *s, bl_sampling_given *g, size_t n,
                          bl_err *e) BL_MUST_CHECK;
/* Appends the model's ids of a side to what a lane is to read. */
int bl_sampling_feed(bl_sampling_lane *l, const uint16_t *ids, size_t n, int side,
                     bl_err *e) BL_MUST_CHECK;
/* at->recalled after a token that the lane's model reads, where it recalls. */
int bl_sampling_recall(bl_sampling_lane *l, uint16_t token, bl_place *at,
                       bl_err *e) BL_MUST_CHECK;
/* Gives a lane's condition to the model, as far as that is done at once: of a prefix
 * all, of an encoder the first stretch. */
int bl_sampling_give(bl_sampling *s, int lane, bl_err *e) BL_MUST_CHECK;
/* 1 if something may have to go before the lane's next token. */
int bl_sampling_asks(const bl_sampling *s, const bl_sampling_lane *l);
/* Before the lane's next token is fed, asked about once: the next stretch, where that
 * is its bar's; of a prefix it is fed before. */
int bl_sampling_before(bl_sampling *s, int lane, bl_err *e) BL_MUST_CHECK;
/* Bar by bar: what stands before the first one, and the next one, an empty one where
 * the condition has ended. */
int bl_sampling_give_head(bl_sampling *s, int lane, bl_err *e) BL_MUST_CHECK;
int bl_sampling_give_bar(bl_sampling *s, int lane, bl_err *e) BL_MUST_CHECK;
/* BL_E_ARG: fewer bars were asked for than the condition has; the prompt has all. */
int bl_sampling_too_many(const bl_sampling *s, const bl_sampling_lane *l, bl_err *e);
int bl_sampling_no_room(const bl_sampling *s, const bl_sampling_lane *l, bl_err *e);
const char *bl_sampling_name(const bl_sampling *s, int64_t i);
const bl_json *bl_sampling_given_pg(const bl_sampling *s); /* or NULL */
/* When the condition, or what is answered, begins, if it is a live stream: what is made
 * goes with it. */
bl_origin bl_sampling_origin(const bl_sampling *s);
void bl_sampling_conditions_free(bl_sampling_conditions *c);

/* ---- sampling_odds.c: who may play instead of who may not ---- */

int bl_sampling_odds_open(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* Changes the logits (V) of a lane whose masks are made: what the programs lost that
 * may not play go to those that may, or to notes where who may is playing already and
 * nothing else than a note comes next. */
void bl_sampling_odds_keep(const bl_sampling *s, bl_real *logits);

/* ---- sampling_live.c: bars of who plays in the words of the model ---- */

/* 1 for a scheme that midi2remi --listen writes: bars that can be stated anew. */
int bl_sampling_hears_bars(const bl_sampling *s);
/* A bar that was read where `heard` holds, which moves on: alone, as a piece would
 * begin with it, the nearest for what the model has no word for; what has no nearest
 * stays. */
int bl_sampling_fit_bar(bl_sampling *s, bl_stated *heard, const uint16_t *ids, size_t n,
                        bl_ids *alone, bl_err *e) BL_MUST_CHECK;
/* Appends a line of a condition in the words of the model, if that is live and of such
 * a scheme; else as it is. */
int bl_sampling_hear_line(bl_sampling *s, bl_sampling_given *g, const uint16_t *ids,
                          size_t n, bl_ids *to, bl_err *e) BL_MUST_CHECK;
/* Appends bars of piece i, which follow those before, with the tempo of who plays in
 * the place of the one that the model has for it; as they are where it has all words.
 */
int bl_sampling_retell(const bl_sampling *s, int64_t i, bl_retold *r,
                       const bl_ids *bars, bl_ids *to, bl_err *e) BL_MUST_CHECK;

/* ---- sampling_answer.c: turns of bars ---- */

/* Opens the stream of who is to be answered, where that is wished. BL_E_ARG where the
 * run cannot; BL_E_MISMATCH of other tokens than the model's. */
int bl_sampling_calls_open(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* Waits for the next piece: 1, or 0 where there is none. */
int bl_sampling_calls_next(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* Whose turn a bar is, from 0: 1 where the other plays. */
int bl_sampling_is_call(const bl_sampling *s, int64_t bar);
/* Waits for that bar of who plays; those before it that were not heard are passed over.
 * Sets known_bar, and told_bar to its silence: 1, or 0 where the piece ends before it.
 * BL_E_FORMAT where the grammar forbids it, BL_E_MISMATCH where the model has no such
 * bar. */
int bl_sampling_hear(bl_sampling *s, int64_t bar, bl_err *e) BL_MUST_CHECK;
/* Sets told_bar to a bar of the model. */
int bl_sampling_say(bl_sampling *s, const uint16_t *ids, size_t n,
                    bl_err *e) BL_MUST_CHECK;
void bl_sampling_calls_free(bl_sampling_calls *c);

/* Does what was asked before the next bar of a lane: 1 where its piece is to end with
 * the bars that are there. */
int bl_sampling_obey(bl_sampling *s, bl_sampling_lane *l) BL_MUST_CHECK;

/* ---- sampling_fill.c: what differs where holes are filled ---- */

/* What the wish says of the hole, before anything is read. */
int bl_sampling_fill_parse(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* Reads the pieces that have one. BL_E_ARG where the run cannot fill holes, the hole
 * lies beyond a piece's end, or nobody plays there. */
int bl_sampling_fill_open(bl_sampling *s, bl_err *e) BL_MUST_CHECK;
/* Piece i with the hole as a condition. */
int bl_sampling_fill_given(bl_sampling *s, int64_t i, bl_sampling_given *g,
                           bl_err *e) BL_MUST_CHECK;
/* The lane's piece begins in the middle of another. */
void bl_sampling_fill_begin(const bl_sampling *s, bl_sampling_lane *l);
/* Steps of the grammar and what may come next, in pieces and in holes; `bars` are those
 * that have begun. */
const char *bl_sampling_step(const bl_sampling *s, const bl_sampling_lane *l,
                             bl_grammar *g, int64_t bars, unsigned id);
int bl_sampling_allows(const bl_sampling *s, const bl_sampling_lane *l,
                       const bl_plan_at *at, unsigned id);
/* The lane's ids become those of the whole piece. */
int bl_sampling_fill_whole(const bl_sampling *s, bl_sampling_lane *l,
                           bl_err *e) BL_MUST_CHECK;
void bl_sampling_fills_free(bl_sampling *s);

/* BL_E_ARG: the model has not all of these tokens. */
int bl_sampling_check_known(const bl_sampling *s, const bl_ids *ids,
                            bl_err *e) BL_MUST_CHECK;
/* Likewise of the plan's chords in a key of that tonic. */
int bl_sampling_check_chords(const bl_sampling *s, const bl_plan *p, int tonic,
                             bl_err *e) BL_MUST_CHECK;
/* What each piece begins with and how it ends. */
int bl_sampling_settle(bl_sampling *s, bl_err *e) BL_MUST_CHECK;

#endif
