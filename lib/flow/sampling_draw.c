/* sampling_draw.c - pieces token by token, some of them side by side. */
#include "flow/sampling_impl.h"

#include <inttypes.h>
#include <string.h>

static int is_by_bars(const bl_sampling *s)
{
    return s->condition == BL_CONDITION_BARS;
}

/* 1 where what begins the next bar is not the model's to draw. */
static int ends_bars(const bl_sampling *s)
{
    return is_by_bars(s) || s->wish->answer > 0;
}

/* Whether the clock of tokens runs: bars have one of their own, steps are counted. */
static int is_timed(const bl_sampling *s)
{
    return s->wish->seconds > 0 && s->like == NULL && bl_scheme_has_bars(s->scheme);
}

static int append(const bl_sampling *s, bl_sampling_lane *l, unsigned id, int given,
                  bl_err *e)
{
    (void)bl_sampling_step(s, l, &l->grammar, l->bars, id);
    bl_plan_step(&s->plan, &l->at, id, given);
    if (is_timed(s))
        bl_pace_step(&l->pace, id);
    l->bars += bl_scheme_begins_bar(s->scheme, id);
    l->steps += given ? 0 : bl_scheme_lines(s->scheme).advance[id];
    return bl_ids_add(&l->ids, id, e);
}

/* How long the music is that stands, where `id` would begin a bar or a step. */
static void measure(const bl_sampling *s, bl_sampling_lane *l, unsigned id)
{
    bl_lines lines = bl_scheme_lines(s->scheme);
    if (l->most_seconds <= 0 || lines.advance[id] == 0)
        return;
    l->seconds = is_timed(s) ? bl_pace_seconds(&l->pace) - l->prompt_seconds
                             : (double)(l->steps + lines.advance[id]) / lines.unit;
}

/* Feeds the model what it has not read of l->ids, which ends whole lines or is new. */
static int feed(const bl_sampling *s, bl_sampling_lane *l, size_t from, bl_err *e)
{
    bl_ids more = {0};
    int rc = bl_ids_add_n(&more, l->ids.id + from, l->ids.n - from, e);
    if (rc == 0) /* prompts were checked: the model has all of their tokens */
        rc = (int)bl_coder_to_vocab(&s->coder, &more, e);
    if (rc == 0)
        rc = bl_sampling_feed(l, more.id, more.n, 1, e);
    bl_ids_free(&more);
    return rc;
}

static const bl_ids *prompt_of(const bl_sampling *s, const bl_sampling_lane *l)
{
    return &s->prompts[(size_t)l->number % s->n_prompts];
}

static void end_prompt(const bl_sampling *s, bl_sampling_lane *l)
{
    l->prompt_bars = l->bars;
    l->n_prompt = l->whole = l->ids.n;
    l->prompt_seconds = is_timed(s) ? bl_pace_seconds(&l->pace) : 0;
}

/* Of the prompt what stands before the next bar, or all of it that is left. */
static int add_prompt(const bl_sampling *s, bl_sampling_lane *l, int is_all, bl_err *e)
{
    const bl_ids *prompt = prompt_of(s, l);
    size_t from = l->ids.n, i = l->n_prompted;
    int rc = 0, is_first = 1;
    for (; i < prompt->n && rc == 0; i++, is_first = 0) {
        if (!is_all && !is_first && prompt->id[i] == s->own_bar)
            break;
        rc = append(s, l, prompt->id[i], 1, e);
    }
    l->n_prompted = i;
    if (rc == 0)
        rc = feed(s, l, from, e);
    if (i == prompt->n)
        end_prompt(s, l);
    return rc;
}

/* Where the piece is to end. */
static void set_end(const bl_sampling *s, bl_sampling_lane *l)
{
    l->most_bars = s->bars;
    l->most_seconds = s->wish->seconds;
    if (s->like == NULL)
        return;
    double most = s->like[(size_t)l->number % s->n_like];
    int has_bars = bl_scheme_has_bars(s->scheme);
    l->most_bars = has_bars ? (int64_t)most : 0;
    l->most_seconds = has_bars ? 0 : most;
}

/* The rest of a piece of which BOS is there, before it is drawn. */
static int begin_after(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    int rc = is_by_bars(s) ? bl_sampling_give_head(s, lane, e) : 0;
    l->is_over = s->wish->answer > 0;
    if (rc != 0 || s->n_prompts == 0)
        return rc;
    if (!is_by_bars(s))
        return add_prompt(s, l, 1, e);
    l->n_prompt = 1 + prompt_of(s, l)->n;
    if (prompt_of(s, l)->id[0] != s->own_bar)
        rc = add_prompt(s, l, 0, e);
    l->is_over = 1;
    return rc;
}

/* As many bars as the condition has, which nobody may want fewer of. What is still to
 * come is not known here. */
static int follow(const bl_sampling *s, bl_sampling_lane *l, bl_err *e)
{
    if (l->given == NULL || !l->given->is_whole || !bl_scheme_has_bars(s->scheme))
        return 0;
    const bl_ids *prompt = s->n_prompts > 0 ? prompt_of(s, l) : NULL;
    l->prompt_bars = 0;
    for (size_t i = 0; prompt != NULL && i < prompt->n; i++)
        l->prompt_bars += prompt->id[i] == s->own_bar;
    int64_t bars = (int64_t)l->given->n_bars - l->prompt_bars;
    if (l->most_bars > 0 && l->most_bars < bars)
        return bl_sampling_too_many(s, l, e);
    if (s->follows && bars <= 0)
        return bl_sampling_no_room(s, l, e);
    if (s->follows && !is_by_bars(s))
        l->most_bars = bars;
    return 0;
}

static void clear(bl_sampling *s, int lane)
{
    bl_sampling_lane *l = &s->lanes[lane];
    l->ids.n = l->fed.n = l->sides.n = 0;
    l->n_fed = l->n_asked = l->whole = l->n_prompt = l->n_prompted = 0;
    l->n_bar = l->n_gone = 0;
    l->bars = l->prompt_bars = l->steps = 0;
    l->seconds = l->prompt_seconds = 0;
    l->is_over = 0;
    bl_grammar_start(&l->grammar, s->scheme);
    bl_plan_start(&l->at);
    bl_pace_start(&l->pace, s->scheme);
    bl_gen_forget(s->gen, lane);
    l->place[0] = l->place[1] = s->at[lane] = BL_PLACE_BEGIN;
    l->place[1].side = 1;
    if (l->recall != NULL)
        bl_recall_forget(l->recall);
}

/* Copies of a condition's piece have numbers of their own, whatever -n is. */
static bl_rng rng_of(const bl_sampling *s, int64_t piece)
{
    int64_t n = s->condition == BL_CONDITION_NONE ? 1 : s->copies;
    uint64_t which = (uint64_t)(piece / n) | (uint64_t)(piece % n) << 32;
    return bl_rng_make((uint64_t)s->wish->seed, which);
}

/* The condition, BOS, the prompt, and after a prompt a new bar: what was given stays as
 * it is. */
static int begin(bl_sampling *s, int lane, int64_t piece, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    int rc = 0;
    l->piece = l->number = piece;
    clear(s, lane);
    if (bl_sampling_obey(s, l) && s->is_over) {
        l->piece = -1;
        return 0;
    }
    l->rng = rng_of(s, piece);
    if (s->condition != BL_CONDITION_NONE) {
        l->number = piece / s->copies;
        rc = bl_sampling_given_at(s, l->number, &l->given, e);
    }
    if (rc == 0 && l->given != NULL) {
        l->at.course = &l->given->course;
        rc = bl_sampling_give(s, lane, e);
    }
    set_end(s, l);
    if (rc == 0)
        rc = append(s, l, BL_ID_BOS, 1, e);
    if (rc == 0)
        rc = feed(s, l, 0, e);
    for (size_t i = 0; i < l->sides.n; i++) /* BOS of the piece is given, too */
        l->sides.id[i] = 0;
    if (rc == 0 && s->n_fills > 0) {
        bl_sampling_fill_begin(s, l);
        end_prompt(s, l);
        return 0;
    }
    if (rc == 0)
        rc = begin_after(s, lane, e);
    return rc == 0 ? follow(s, l, e) : rc;
}

/* 1 if grammar and plan take the parts of a merge one after the other. */
static int may_follow(const bl_sampling *s, const bl_sampling_lane *l,
                      const bl_ids *parts)
{
    if (!s->scheme_mask[parts->id[0]])
        return 0;
    bl_grammar g = l->grammar;
    bl_plan_at at = l->at;
    int64_t bars = l->bars;
    for (size_t i = 0; i < parts->n; i++) {
        unsigned id = parts->id[i];
        if (!bl_sampling_allows(s, l, &at, id) ||
            (bl_sampling_step(s, l, &g, bars, id) != NULL && !s->wish->no_grammar))
            return 0;
        bl_plan_step(&s->plan, &at, id, 0);
        bars += id == s->own_bar;
    }
    return 1;
}

/* 1 where the piece may not end yet. */
static int wants_more(const bl_sampling_lane *l)
{
    return (l->most_bars > 0 && l->bars - l->prompt_bars < l->most_bars) ||
           l->seconds < l->most_seconds;
}

/* s->mask: what may come next in the model's ids. */
static void make_mask(bl_sampling *s, bl_sampling_lane *l)
{
    size_t n = bl_words_size(bl_scheme_words(s->scheme));
    if (s->wish->no_grammar)
        memset(s->scheme_mask, 1, n);
    else
        bl_grammar_mask(&l->grammar, s->scheme_mask);
    s->scheme_mask[BL_ID_PAD] = s->scheme_mask[BL_ID_BOS] = s->scheme_mask[BL_ID_MASK] =
        0;
    if (s->scheme_mask[BL_ID_EOS] || bl_grammar_close(&l->grammar, NULL, NULL) == 1) {
        l->whole = l->ids.n;
        l->at_whole = l->grammar;
    }
    if (wants_more(l) && !is_by_bars(s)) /* there it ends a bar, and more may follow */
        s->scheme_mask[BL_ID_EOS] = 0;
    int only_bar =
        l->n_prompt > 0 && l->ids.n == l->n_prompt && bl_scheme_has_bars(s->scheme);
    for (size_t i = 0; i < s->coder.merges.n_base; i++) {
        unsigned id = (unsigned)s->coder.to_scheme[i];
        s->mask[i] =
            s->scheme_mask[id] && bl_sampling_allows(s, l, &l->at, id) &&
            (!only_bar || bl_scheme_begins_bar(s->scheme, id) || id == BL_ID_EOS);
    }
    for (size_t m = 0; m < s->coder.merges.n; m++)
        s->mask[s->coder.merges.n_base + m] =
            !only_bar && may_follow(s, l, &s->parts[m]);
}

/* Takes the piece back to where it is whole. */
static int cut(bl_sampling_lane *l, bl_err *e)
{
    l->ids.n = l->whole;
    if (l->whole == l->n_prompt) /* it was, or nothing is */
        return 0;
    int rc = bl_grammar_close(&l->at_whole, &l->ids, e);
    return rc < 0 ? rc : 0;
}

/* 1 where all that was asked for is there and `id` would begin more. */
static int is_full(const bl_sampling *s, const bl_sampling_lane *l, unsigned id)
{
    int64_t bars = l->bars - l->prompt_bars;
    return bl_scheme_lines(s->scheme).advance[id] > 0 &&
           ((l->most_bars > 0 && bars == l->most_bars) ||
            (l->most_seconds > 0 && l->seconds >= l->most_seconds));
}

/* The piece waits for those before it; the lane has none. */
static void finish(bl_sampling *s, bl_sampling_lane *l)
{
    bl_ids *at = &s->done[l->piece % BL_SAMPLING_AHEAD], empty = *at;
    *at = l->ids;
    l->ids = empty;
    l->piece = -1;
}

/* The token `next` of the model, which may stand for several of the scheme. */
static int take(bl_sampling *s, bl_sampling_lane *l, int next, bl_err *e)
{
    size_t id = (size_t)next, n_base = s->coder.merges.n_base;
    uint16_t one = (uint16_t)next;
    int rc = bl_sampling_feed(l, &one, 1, 1, e);
    s->n_sampled++;
    if (id < n_base)
        return rc == 0 ? append(s, l, (unsigned)s->coder.to_scheme[id], 0, e) : rc;
    const bl_ids *parts = &s->parts[id - n_base];
    for (size_t i = 0; i < parts->n && rc == 0; i++)
        rc = append(s, l, parts->id[i], 0, e);
    return rc;
}

/* The first of the scheme's tokens that it stands for; EOS where nothing was left. */
static unsigned first_of(const bl_sampling *s, int next)
{
    size_t id = (size_t)next, n_base = s->coder.merges.n_base;
    if (next < 0)
        return BL_ID_EOS;
    return id < n_base ? (unsigned)s->coder.to_scheme[id] : s->parts[id - n_base].id[0];
}

/* 1 where a piece has as many tokens as it may. */
static int is_long(const bl_sampling *s, const bl_sampling_lane *l)
{
    return s->wish->is_endless
               ? l->n_gone + l->ids.n >= BL_SAMPLING_ENDLESS_TOKENS
               : (int64_t)(l->ids.n - l->n_prompt) >= s->wish->max_tokens;
}

/* Draws the next token. The piece is done at EOS, where its bars or seconds are
 * complete, at the most tokens, and where the vocabulary leaves nothing; what was begun
 * is cut. */
static int draw(bl_sampling *s, bl_sampling_lane *l, bl_real *logits, bl_err *e)
{
    const bl_sampling_wish *w = s->wish;
    make_mask(s, l);
    bl_sampling_odds_keep(s, logits);
    int next = bl_sample(logits, s->mask, s->n_vocab, &s->draw, &l->rng, s->order,
                         s->prob, NULL);
    unsigned id = first_of(s, next);
    int is_cut = next < 0 || is_long(s, l);
    if (ends_bars(s) && !is_cut && (id == BL_ID_EOS || id == s->own_bar)) {
        l->is_over = id == BL_ID_EOS ? 2 : 1;
        return 0;
    }
    measure(s, l, id);
    int goes_on = id != BL_ID_EOS && !is_full(s, l, id) && !is_cut;
    if (goes_on && id == s->own_bar && bl_sampling_obey(s, l) && l->bars > 0) {
        finish(s, l);
        return 0;
    }
    if (goes_on) {
        l->n_bar = w->is_endless && id == s->own_bar ? l->ids.n : 0;
        return take(s, l, next, e);
    }
    if (w->is_endless && next < 0 && l->n_gone == 0)
        return bl_fail(e, BL_E_MISMATCH,
                       "the model's vocabulary and what is settled leave no token that "
                       "could follow");
    int rc = is_cut || !w->no_grammar ? cut(l, e) : 0;
    if (w->answer > 0) /* of a turn whole bars are written */
        l->ids.n = 1;
    if (rc == 0 && s->n_fills > 0)
        rc = bl_sampling_fill_whole(s, l, e);
    s->n_stuck += next < 0;
    s->n_cut += next >= 0 && is_cut && !w->is_endless;
    finish(s, l);
    return rc;
}

/* ---- bar by bar ---- */

/* 1 where the piece ends with the bars that are there: all that was asked for, or the
 * condition has ended. */
static int ends_here(bl_sampling *s, bl_sampling_lane *l, int has_bar, bl_err *e)
{
    int said_so = l->is_over == 2;
    measure(s, l, s->own_bar);
    if (is_full(s, l, s->own_bar))
        return has_bar && l->most_bars > 0 ? bl_sampling_too_many(s, l, e) : 1;
    return !has_bar && (s->follows || (said_so && !wants_more(l)));
}

static int has_prompt(const bl_sampling *s, const bl_sampling_lane *l)
{
    return s->n_prompts > 0 && l->n_prompted < prompt_of(s, l)->n;
}

/* A bar of the piece is over: the condition's next one, and the piece's, which is
 * drawn if the prompt has none. */
static int go_on(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    int is_prompted, rc;
    do {
        int has_bar = bl_sampling_given_bar(s, l->given, l->unit, e);
        is_prompted = has_prompt(s, l);
        if (has_bar < 0)
            return has_bar;
        if (!is_prompted && bl_sampling_obey(s, l) && l->bars > 0) {
            finish(s, l);
            return 0;
        }
        if (!has_bar && s->follows && l->n_prompt > 0 && l->ids.n <= l->n_prompt)
            return bl_sampling_no_room(s, l, e);
        rc = is_prompted ? 0 : ends_here(s, l, has_bar, e);
        if (rc == 1)
            finish(s, l);
        if (rc != 0)
            return bl_min(rc, 0);
        rc = bl_sampling_give_bar(s, lane, e);
        if (rc == 0)
            rc = is_prompted ? add_prompt(s, l, 0, e) : take(s, l, (int)s->bar, e);
    } while (rc == 0 && is_prompted);
    l->is_over = 0;
    return rc;
}

/* Those of the piece that is written next are told before more of its condition is
 * waited for. */
static int end_bars(bl_sampling *s, const bl_sampling_sink *to, bl_err *e)
{
    int rc = 0;
    for (int i = 0; i < s->streams && rc == 0; i++) {
        const bl_sampling_lane *l = &s->lanes[i];
        if (l->piece == s->n_put && l->is_over && to->bars != NULL)
            rc = to->bars(to->arg, l->piece, &l->ids, e);
    }
    for (int i = 0; i < s->streams && rc == 0; i++)
        if (s->lanes[i].piece >= 0 && s->lanes[i].is_over)
            rc = go_on(s, i, e);
    return rc;
}

/* ---- without end ---- */

/* Forgets the ids of a piece up to the n-th but BOS, and what the model has read. */
static void let_go(bl_sampling_lane *l, size_t n)
{
    memmove(l->ids.id + 1, l->ids.id + n, (l->ids.n - n) * sizeof *l->ids.id);
    l->ids.n -= n - 1;
    l->whole -= bl_min(n - 1, l->whole - 1);
    l->n_gone += n - 1;
    l->n_prompt = l->n_bar = 0;
    memmove(l->fed.id, l->fed.id + l->n_fed, (l->fed.n - l->n_fed) * sizeof *l->fed.id);
    l->fed.n = l->sides.n = l->fed.n - l->n_fed;
    l->n_fed = l->n_asked = 0;
}

/* Bars that are over go out at once. */
static int pass_bar(bl_sampling *s, const bl_sampling_sink *to, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[0];
    const bl_ids bars = {l->ids.id, l->n_bar, 0};
    if (l->piece < 0 || l->n_bar <= 1)
        return 0;
    int rc = to->bars != NULL ? to->bars(to->arg, l->piece, &bars, e) : 0;
    let_go(l, l->n_bar);
    return rc;
}

/* 1 where somebody asked to stop: the piece ends with the last bar that went out. */
static int is_stopped(bl_sampling *s)
{
    bl_sampling_lane *l = &s->lanes[0];
    if (!s->wish->is_endless || s->wish->stop == NULL || s->wish->stop() == 0)
        return 0;
    l->ids.n = 1;
    if (l->piece >= 0 && l->n_gone > 0)
        finish(s, l);
    return 1;
}

/* ---- in turns ---- */

/* What was written and read is not kept. */
static int tell_bar(bl_sampling *s, const bl_sampling_sink *to, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[0];
    int rc = to->bars != NULL ? to->bars(to->arg, l->piece, &s->calls.told_bar, e) : 0;
    let_go(l, l->ids.n);
    return rc;
}

/* A bar of who plays to the model, silence to who listens: 1, or 0 at the end. */
static int hear_bar(bl_sampling *s, const bl_sampling_sink *to, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[0];
    const bl_ids *bar = &s->calls.known_bar;
    size_t from = l->ids.n;
    s->calls.told_bar.n = 1;
    int rc = bl_sampling_hear(s, l->bars, e);
    if (rc <= 0)
        return rc;
    rc = 0;
    for (size_t i = 0; i < bar->n && rc == 0; i++)
        rc = append(s, l, bar->id[i], 1, e);
    if (rc == 0)
        rc = feed(s, l, from, e);
    if (rc == 0)
        rc = tell_bar(s, to, e);
    return rc == 0 ? 1 : rc;
}

/* A bar of a turn is over, or none has begun: up to the next that the model draws. */
static int take_turn(bl_sampling *s, const bl_sampling_sink *to, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[0];
    int rc = 0, more = 1;
    if (l->ids.n > 1)
        rc = bl_sampling_say(s, l->ids.id + 1, l->ids.n - 1, e);
    if (rc == 0 && l->ids.n > 1)
        rc = tell_bar(s, to, e);
    while (rc == 0 && more > 0 && bl_sampling_is_call(s, l->bars))
        more = hear_bar(s, to, e);
    if (rc != 0 || more < 0)
        return rc != 0 ? rc : more;
    l->is_over = 0;
    l->at.course = &s->calls.course;
    if (more > 0 && !bl_sampling_obey(s, l))
        return take(s, l, (int)s->bar, e);
    finish(s, l);
    return 0;
}

/* ---- all of them ---- */

static int n_active(const bl_sampling *s)
{
    int n = 0;
    for (int i = 0; i < s->streams; i++)
        n += s->lanes[i].piece >= 0;
    return n;
}

/* 1 if there is another piece to begin: of a pipe the next condition is waited for when
 * there is nothing else to do. */
static int has_next(bl_sampling *s, bl_err *e)
{
    bl_sampling_given *g;
    if (s->is_over || s->n_begun >= bl_min(s->n, s->n_put + BL_SAMPLING_AHEAD))
        return 0;
    if (s->wish->answer > 0) {
        int more = bl_sampling_calls_next(s, e);
        s->n = more == 0 ? s->n_begun : s->n;
        return more;
    }
    if (s->condition == BL_CONDITION_NONE)
        return 1;
    if (s->given.is_live && s->n_begun % s->copies == 0 && n_active(s) > 0)
        return 0;
    int rc = bl_sampling_given_at(s, s->n_begun / s->copies, &g, e);
    if (rc == 0 && g == NULL)
        s->n = s->n_begun;
    return rc != 0 ? rc : g != NULL;
}

/* Lanes without a piece take the next one. Returns how many have one, or a code. */
static int fill_lanes(bl_sampling *s, bl_err *e)
{
    int rc = 1;
    for (int i = 0; i < s->streams && rc == 1; i++)
        if (s->lanes[i].piece < 0 && (rc = has_next(s, e)) == 1) {
            rc = begin(s, i, s->n_begun++, e);
            rc = rc == 0 ? 1 : rc;
        }
    return rc >= 0 ? n_active(s) : rc;
}

/* Where the lane's next token stands, counted for its side. */
static int find_place(const bl_sampling *s, bl_sampling_lane *l, bl_place *to,
                      bl_err *e)
{
    size_t at = l->n_fed;
    bl_place *own = &l->place[l->given != NULL && l->sides.id[at]];
    if (s->places != NULL)
        bl_place_step(own, &s->places[l->fed.id[at]]);
    *to = *own;
    to->side &= bl_model_has_sides(&s->ckpt.info.config.model);
    return bl_sampling_recall(l, l->fed.id[at], to, e);
}

/* 1 if the lane has a token before the one that its next is drawn from, and the model
 * reads it at once with others. */
static int may_read(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    if (l->piece < 0)
        return 0;
    int rc = bl_sampling_before(s, lane, e);
    return rc != 0 ? rc : l->n_fed + 1 < l->fed.n;
}

/* One token more of each lane that has more than the last one and room (-1: not known
 * yet); returns how many. Before something may go the lane's tokens have to be read. */
static int add_round(bl_sampling *s, bl_gen_token *t, int most, int *room, bl_err *e)
{
    int n = 0, rc = 0;
    for (int i = 0; i < s->streams && n < most && rc >= 0; i++) {
        bl_sampling_lane *l = &s->lanes[i];
        if (room[i] == 0 || (rc = may_read(s, i, e)) <= 0)
            continue;
        room[i] = room[i] < 0 ? bl_gen_room(s->gen, i) : room[i];
        if (room[i] == 0)
            continue;
        bl_place at;
        if ((rc = find_place(s, l, &at, e)) != 0)
            break;
        t[n++] = (bl_gen_token){i, l->fed.id[l->n_fed++], at};
        room[i] = bl_sampling_asks(s, l) ? 0 : room[i] - 1;
    }
    return rc < 0 ? rc : n;
}

/* What is there already but the last token of each lane is read many at once. */
static int read_ahead(bl_sampling *s, bl_err *e)
{
    bl_gen_token t[BL_SAMPLING_ROWS];
    int most = bl_min(BL_SAMPLING_ROWS, bl_gen_most(s->gen)), n, more;
    do {
        int room[BL_SAMPLING_GROUP];
        for (int i = 0; i < s->streams; i++)
            room[i] = -1;
        for (n = 0; (more = add_round(s, t + n, most - n, room, e)) > 0; n += more)
            continue;
        if (more == 0 && n > 0)
            bl_gen_read(s->gen, t, n);
    } while (more == 0 && n > 0);
    return more;
}

/* One token for each lane. */
static int step(bl_sampling *s, bl_err *e)
{
    int32_t token[BL_SAMPLING_GROUP];
    int rc = read_ahead(s, e);
    for (int i = 0; i < s->streams && rc == 0; i++) {
        bl_sampling_lane *l = &s->lanes[i];
        token[i] = -1;
        if (l->piece < 0)
            continue;
        rc = bl_sampling_before(s, i, e);
        if (rc == 0)
            rc = find_place(s, l, &s->at[i], e);
        token[i] = l->fed.id[l->n_fed++];
    }
    if (rc != 0)
        return rc;
    bl_gen_step(s->gen, token, s->logits);
    for (int i = 0; i < s->streams && rc == 0; i++) {
        bl_sampling_lane *l = &s->lanes[i];
        if (l->piece >= 0 && l->n_fed == l->fed.n && !l->is_over)
            rc = draw(s, l, s->logits + (size_t)i * (size_t)s->n_vocab, e);
    }
    return rc;
}

/* What is done, in order. */
static int put_done(bl_sampling *s, const bl_sampling_sink *to, bl_err *e)
{
    bl_ids *next;
    int rc = 0;
    while (rc == 0 && (next = &s->done[s->n_put % BL_SAMPLING_AHEAD])->n > 0) {
        rc = to->put(to->arg, s->n_put++, next, e);
        next->n = 0;
    }
    return rc;
}

int bl_sampling_run(bl_sampling *s, const bl_sampling_sink *to,
                    const bl_progress *progress, bl_sampling_counts *counts, bl_err *e)
{
    int rc;
    s->notices = bl_notices_of(progress);
    for (int i = 0; i < s->streams; i++)
        s->lanes[i].piece = s->lanes[i].read_of = -1;
    while ((rc = fill_lanes(s, e)) > 0) {
        rc = step(s, e);
        if (rc == 0 && is_by_bars(s))
            rc = end_bars(s, to, e);
        if (rc == 0 && s->wish->is_endless)
            rc = pass_bar(s, to, e);
        if (rc == 0 && s->wish->answer > 0 && s->lanes[0].is_over)
            rc = take_turn(s, to, e);
        int is_last = rc == 0 && is_stopped(s);
        if (rc == 0)
            rc = put_done(s, to, e);
        if (rc != 0 || is_last)
            break;
        bl_tell(progress,
                &(bl_counts){.pieces = (uint64_t)s->n_put,
                             .tokens = (uint64_t)s->n_sampled,
                             .of_pieces = s->n < INT64_MAX ? (uint64_t)s->n : 0});
    }
    *counts = (bl_sampling_counts){.pieces = s->n_put,
                                   .tokens = s->n_sampled,
                                   .cut = s->n_cut,
                                   .stuck = s->n_stuck,
                                   .replaced = s->n_replaced};
    return rc;
}

int bl_sampling_draw(bl_sampling *s, bl_sampling_put *put, void *arg,
                     const bl_progress *progress, bl_sampling_counts *counts, bl_err *e)
{
    const bl_sampling_sink to = {put, NULL, arg};
    return bl_sampling_run(s, &to, progress, counts, e);
}
