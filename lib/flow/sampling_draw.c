/* sampling_draw.c - pieces token by token, some of them side by side. */
#include "flow/sampling_impl.h"

#include <inttypes.h>
#include <string.h>

/* Whether the clock of tokens runs: bars have one of their own, steps are counted. */
static int is_timed(const bl_sampling *s)
{
    return s->wish->seconds > 0 && s->like == NULL && bl_scheme_has_bars(s->scheme);
}

static int append(const bl_sampling *s, bl_sampling_lane *l, unsigned id, int given,
                  bl_err *e)
{
    (void)bl_grammar_step(&l->grammar, id);
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
        rc = bl_ids_add_n(&l->fed, more.id, more.n, e);
    bl_ids_free(&more);
    return rc;
}

static int add_prompt(const bl_sampling *s, bl_sampling_lane *l, bl_err *e)
{
    const bl_ids *prompt = &s->prompts[(size_t)l->piece % s->n_prompts];
    int rc = 0;
    for (size_t i = 0; i < prompt->n && rc == 0; i++)
        rc = append(s, l, prompt->id[i], 1, e);
    if (rc == 0)
        rc = feed(s, l, 1, e);
    l->prompt_bars = l->bars;
    l->n_prompt = l->whole = l->ids.n;
    l->prompt_seconds = is_timed(s) ? bl_pace_seconds(&l->pace) : 0;
    return rc;
}

/* Where the piece is to end. */
static void set_end(const bl_sampling *s, bl_sampling_lane *l)
{
    l->most_bars = s->bars;
    l->most_seconds = s->wish->seconds;
    if (s->like == NULL)
        return;
    double most = s->like[(size_t)l->piece % s->n_like];
    int has_bars = bl_scheme_has_bars(s->scheme);
    l->most_bars = has_bars ? (int64_t)most : 0;
    l->most_seconds = has_bars ? 0 : most;
}

/* BOS, the prompt, and after a prompt a new bar: what was given stays as it is. */
static int begin(bl_sampling *s, int lane, int64_t piece, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    l->piece = piece;
    l->ids.n = l->fed.n = 0;
    l->n_fed = l->whole = l->n_prompt = 0;
    l->bars = l->prompt_bars = l->steps = 0;
    l->seconds = l->prompt_seconds = 0;
    set_end(s, l);
    l->rng = bl_rng_make((uint64_t)s->wish->seed, (uint64_t)piece);
    bl_grammar_start(&l->grammar, s->scheme);
    bl_plan_start(&l->at);
    bl_pace_start(&l->pace, s->scheme);
    bl_gen_forget(s->gen, lane);
    s->at[lane] = BL_PLACE_BEGIN;
    int rc = append(s, l, BL_ID_BOS, 1, e);
    if (rc == 0)
        rc = feed(s, l, 0, e);
    return rc == 0 && s->n_prompts > 0 ? add_prompt(s, l, e) : rc;
}

/* 1 if grammar and plan take the parts of a merge one after the other. */
static int may_follow(const bl_sampling *s, const bl_sampling_lane *l,
                      const bl_ids *parts)
{
    if (!s->scheme_mask[parts->id[0]])
        return 0;
    bl_grammar g = l->grammar;
    bl_plan_at at = l->at;
    for (size_t i = 0; i < parts->n; i++) {
        unsigned id = parts->id[i];
        if (!bl_plan_allows(&s->plan, &at, id) ||
            (bl_grammar_step(&g, id) != NULL && !s->wish->no_grammar))
            return 0;
        bl_plan_step(&s->plan, &at, id, 0);
    }
    return 1;
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
    if ((l->most_bars > 0 && l->bars - l->prompt_bars < l->most_bars) ||
        l->seconds < l->most_seconds)
        s->scheme_mask[BL_ID_EOS] = 0;
    int only_bar =
        l->n_prompt > 0 && l->ids.n == l->n_prompt && bl_scheme_has_bars(s->scheme);
    for (size_t i = 0; i < s->coder.merges.n_base; i++) {
        unsigned id = (unsigned)s->coder.to_scheme[i];
        s->mask[i] =
            s->scheme_mask[id] && bl_plan_allows(&s->plan, &l->at, id) &&
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
    int rc = bl_ids_add(&l->fed, (unsigned)next, e);
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

/* Draws the next token. The piece is done at EOS, where its bars or seconds are
 * complete, at the most tokens, and where the vocabulary leaves nothing; what was begun
 * is cut. */
static int draw(bl_sampling *s, bl_sampling_lane *l, const bl_real *logits, bl_err *e)
{
    const bl_sampling_wish *w = s->wish;
    make_mask(s, l);
    int next = bl_sample(logits, s->mask, s->n_vocab, &w->draw, &l->rng, s->order,
                         s->prob, NULL);
    unsigned id = first_of(s, next);
    measure(s, l, id);
    int is_cut = next < 0 || (int64_t)(l->ids.n - l->n_prompt) >= w->max_tokens;
    if (id != BL_ID_EOS && !is_full(s, l, id) && !is_cut)
        return take(s, l, next, e);
    int rc = is_cut || !w->no_grammar ? cut(l, e) : 0;
    s->n_cut += is_cut;
    finish(s, l);
    return rc;
}

/* Lanes without a piece take the next one. Returns how many have one, or a code. */
static int fill_lanes(bl_sampling *s, bl_err *e)
{
    int active = 0, rc = 0;
    int64_t end = bl_min(s->n, s->n_put + BL_SAMPLING_AHEAD);
    for (int i = 0; i < s->streams && rc == 0; i++) {
        if (s->lanes[i].piece < 0 && s->n_begun < end)
            rc = begin(s, i, s->n_begun++, e);
        active += s->lanes[i].piece >= 0;
    }
    return rc == 0 ? active : rc;
}

/* One token for each lane. */
static int step(bl_sampling *s, bl_err *e)
{
    int32_t token[BL_SAMPLING_GROUP];
    int rc = 0;
    for (int i = 0; i < s->streams; i++) {
        bl_sampling_lane *l = &s->lanes[i];
        token[i] = l->piece < 0 ? -1 : l->fed.id[l->n_fed++];
        if (s->places != NULL && token[i] >= 0)
            bl_place_step(&s->at[i], &s->places[token[i]]);
    }
    bl_gen_step(s->gen, token, s->logits);
    for (int i = 0; i < s->streams && rc == 0; i++) {
        bl_sampling_lane *l = &s->lanes[i];
        if (l->piece >= 0 && l->n_fed == l->fed.n)
            rc = draw(s, l, s->logits + (size_t)i * (size_t)s->n_vocab, e);
    }
    return rc;
}

int bl_sampling_draw(bl_sampling *s, bl_sampling_put *put, void *arg,
                     const bl_progress *progress, bl_sampling_counts *counts, bl_err *e)
{
    int rc;
    for (int i = 0; i < s->streams; i++)
        s->lanes[i].piece = -1;
    while ((rc = fill_lanes(s, e)) > 0) {
        rc = step(s, e);
        bl_ids *next;
        while (rc == 0 && (next = &s->done[s->n_put % BL_SAMPLING_AHEAD])->n > 0) {
            rc = put(arg, s->n_put++, next, e);
            next->n = 0;
        }
        if (rc != 0)
            break;
        bl_tell(progress, &(bl_counts){.pieces = (uint64_t)s->n_put,
                                       .tokens = (uint64_t)s->n_sampled,
                                       .of_pieces = (uint64_t)s->n});
    }
    *counts =
        (bl_sampling_counts){.pieces = s->n, .tokens = s->n_sampled, .cut = s->n_cut};
    return rc;
}
