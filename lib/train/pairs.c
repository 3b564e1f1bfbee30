/* pairs.c - see pairs.h. */
#include "train/pairs.h"

#include <stdlib.h>
#include <string.h>

/* Tokens begin .. end - 1 of a piece. */
typedef struct {
    const uint16_t *tokens;
    int64_t begin, end;
} part;

static part piece_of(const bl_pieces *p, int64_t i)
{
    return (part){p->tokens, p->offsets[i], p->offsets[i + 1]};
}

static int64_t length(part p)
{
    return p.end - p.begin;
}

/* The bars that a token begins. */
static int bars_of(const bl_token_place *places, unsigned token)
{
    return places != NULL ? places[token].bars : 0;
}

/* Takes what stands before the next bar from the front of *p: a bar, or before the
 * first one the beginning of the piece. */
static part take_bar(part *p, const bl_token_place *places)
{
    int64_t i = p->begin + (p->begin < p->end);
    while (i < p->end && bars_of(places, p->tokens[i]) == 0)
        i++;
    part bar = {p->tokens, p->begin, i};
    p->begin = i;
    return bar;
}

/* What stands before the first bar, BOS or not. */
static part take_head(part *p, const bl_token_place *places)
{
    part none = {p->tokens, p->begin, p->begin};
    int has_head = p->begin < p->end && bars_of(places, p->tokens[p->begin]) == 0;
    return has_head ? take_bar(p, places) : none;
}

/* ---- stretches of both sides ---- */

/* As many of the condition's bars as are read at once, one at least, as which what
 * stands before the first one counts; the target goes as far, where it has as many, so
 * that nothing says when it will end. Returns 1 if anything of
 * a bar is lost. */
static int next_stretch(part *condition, part *target, int source,
                        const bl_token_place *places, bl_stretch *s)
{
    s->begin = s->end = condition->begin;
    do {
        part c = take_bar(condition, places);
        s->end = c.end;
        (void)take_bar(target, places);
        if (length(*condition) > 0) {
            part next = *condition;
            if (take_bar(&next, places).end - s->begin > source)
                break;
        }
    } while (length(*condition) > 0);
    int is_cut = s->end - s->begin > source;
    s->end = bl_min(s->end, s->begin + source);
    return is_cut;
}

static int add_stretch(bl_pairs *p, const bl_stretch *s, size_t *cap, bl_err *e)
{
    size_t n = (size_t)p->pieces.n_stretches;
    int rc = bl_room(&p->stretches, cap, n + 1, sizeof *p->stretches, e);
    if (rc == 0)
        p->stretches[p->pieces.n_stretches++] = *s;
    return rc;
}

/* ---- one stream ---- */

typedef struct {
    bl_pairs *to;
    int64_t n;
    const bl_token_place *places;
    int is_cut; /* 1: where stretches begin is kept */
    size_t cap;
} writer;

static void put(writer *w, part p, bl_token_side side)
{
    int64_t n = length(p);
    if (n <= 0)
        return;
    memcpy(w->to->tokens + w->n, p.tokens + p.begin, (size_t)n * sizeof *p.tokens);
    memset(w->to->sides + w->n, side, (size_t)n);
    w->n += n;
}

/* A bar of a side that has ended: the token with which the other one's begins. */
static part bar_or_empty(part own, part other)
{
    part empty = {other.tokens, other.begin, other.begin + 1};
    return length(own) > 0 ? own : empty;
}

static void put_first(writer *w, part *bar, bl_token_side side)
{
    put(w, (part){bar->tokens, bar->begin, bar->begin + 1}, side);
    bar->begin++;
}

/* Bars of the condition, and the target's. That those of the target are over is told by
 * where the next ones of the condition begin, so that it is there, and not behind the
 * condition's where it is certain, that the token is learned which begins a bar. */
static void put_both(writer *w, part condition, part target)
{
    int is_same = condition.tokens[condition.begin] == target.tokens[target.begin];
    put_first(w, &condition, BL_SIDE_CUE);
    put(w, condition, BL_SIDE_CONDITION);
    put_first(w, &target, is_same ? BL_SIDE_FIXED : BL_SIDE_TARGET);
    put(w, target, BL_SIDE_TARGET);
}

/* No model is asked for a target's BOS, which always comes. In stretches the target
 * goes on to its end behind the last one; where it ends before, the rest of the
 * condition is left out. */
static int join_prefix(writer *w, part condition, part target, int stretch, bl_err *e)
{
    bl_stretch s = {.at = 0};
    int64_t start = w->n;
    int n = 0;
    for (; n == 0 || (length(condition) > 0 && length(target) > 0); n++) {
        part c = condition, t = target;
        if (stretch > 0)
            (void)next_stretch(&condition, &target, stretch, w->places, &s);
        else
            condition.begin = condition.end;
        if (length(condition) == 0)
            target.begin = target.end;
        c.end = condition.begin;
        t.end = target.begin;
        s.at = w->n - start;
        int rc = w->is_cut ? add_stretch(w->to, &s, &w->cap, e) : 0;
        if (rc != 0)
            return rc;
        if (n > 0) {
            put_both(w, c, t);
            continue;
        }
        put(w, c, BL_SIDE_CONDITION);
        put(w, (part){t.tokens, t.begin, t.begin + 1}, BL_SIDE_CONDITION);
        put(w, (part){t.tokens, t.begin + 1, t.end}, BL_SIDE_TARGET);
    }
    w->to->n_cut += n > 1;
    return 0;
}

static void join_bars(writer *w, part condition, part target)
{
    part eos = {target.tokens, target.end - 1, target.end};
    put(w, (part){target.tokens, target.begin, target.begin + 1}, BL_SIDE_CONDITION);
    condition.begin++;
    condition.end--;
    target.begin++;
    target.end--;
    put(w, take_head(&condition, w->places), BL_SIDE_CONDITION);
    put(w, take_head(&target, w->places), BL_SIDE_TARGET);
    while (length(condition) > 0 || length(target) > 0) {
        part c = take_bar(&condition, w->places), t = take_bar(&target, w->places);
        put_both(w, bar_or_empty(c, t), bar_or_empty(t, c));
    }
    put(w, eos, BL_SIDE_TARGET);
}

/* Empty bars are fewer than the other side's tokens. */
static int join(writer *w, const bl_pieces *targets, const bl_pieces *conditions,
                const bl_model_config *config, bl_err *e)
{
    bl_pairs *p = w->to;
    int64_t n = targets->n_pieces;
    size_t most = 2 * (size_t)(targets->offsets[n] + conditions->offsets[n]);
    int stretch = w->places != NULL ? bl_model_stretch(config) : 0, rc = 0;
    w->is_cut = stretch > 0 && bl_model_is_forgetful(config);
    p->tokens = bl_calloc(most, sizeof *p->tokens, e);
    p->sides = bl_calloc(most, sizeof *p->sides, e);
    p->offsets = bl_calloc((size_t)n + 1, sizeof *p->offsets, e);
    p->first = w->is_cut ? bl_calloc((size_t)n + 1, sizeof *p->first, e) : NULL;
    if (p->tokens == NULL || p->sides == NULL || p->offsets == NULL ||
        (w->is_cut && p->first == NULL))
        return BL_E_NOMEM;
    for (int64_t i = 0; i < n && rc == 0; i++) {
        part c = piece_of(conditions, i), t = piece_of(targets, i);
        if (length(c) < 2 || length(t) < 2)
            return bl_fail(e, BL_E_FORMAT, "pair %lld lacks BOS and EOS", (long long)i);
        if (config->condition == BL_CONDITION_PREFIX)
            rc = join_prefix(w, c, t, stretch, e);
        else
            join_bars(w, c, t);
        p->offsets[i + 1] = w->n;
        if (w->is_cut)
            p->first[i + 1] = p->pieces.n_stretches;
    }
    p->pieces.tokens = p->tokens;
    p->pieces.offsets = p->offsets;
    p->pieces.sides = p->sides;
    p->pieces.stretches = p->stretches;
    p->pieces.first = p->first;
    return rc;
}

/* ---- an encoder's stretches ---- */

static int cut_piece(bl_pairs *p, part condition, part target, int source,
                     const bl_token_place *places, size_t *cap, bl_err *e)
{
    int64_t start = target.begin, before = p->pieces.n_stretches;
    int loses = 0;
    do {
        bl_stretch s = {.at = target.begin - start};
        loses |= next_stretch(&condition, &target, source, places, &s);
        int rc = add_stretch(p, &s, cap, e);
        if (rc != 0)
            return rc;
    } while (length(condition) > 0 && length(target) > 0);
    loses |= length(condition) > 0; /* which goes on longer than the target */
    p->n_cut += loses || p->pieces.n_stretches - before > 1;
    return 0;
}

static int cut(bl_pairs *p, const bl_pieces *conditions, int source,
               const bl_token_place *places, bl_err *e)
{
    size_t cap = 0;
    int rc = 0;
    p->first = bl_calloc((size_t)p->pieces.n_pieces + 1, sizeof *p->first, e);
    if (p->first == NULL)
        return BL_E_NOMEM;
    for (int64_t i = 0; i < p->pieces.n_pieces && rc == 0; i++) {
        rc = cut_piece(p, piece_of(conditions, i), piece_of(&p->pieces, i), source,
                       places, &cap, e);
        p->first[i + 1] = p->pieces.n_stretches;
    }
    p->pieces.sources = conditions->tokens;
    p->pieces.stretches = p->stretches;
    p->pieces.first = p->first;
    p->pieces.source = source;
    return rc;
}

/* ---- the whole ---- */

int bl_pairs_make(bl_pairs *p, const bl_pieces *targets, const bl_pieces *conditions,
                  const bl_model_config *c, const bl_token_place *places, bl_err *e)
{
    writer w = {.to = p, .places = places};
    *p = (bl_pairs){.pieces = *targets};
    if (c->condition == BL_CONDITION_NONE)
        return 0;
    if (conditions->n_pieces != targets->n_pieces)
        return bl_fail(e, BL_E_FORMAT, "%lld conditions for %lld targets",
                       (long long)conditions->n_pieces, (long long)targets->n_pieces);
    if (c->condition == BL_CONDITION_ENCODER)
        return cut(p, conditions, c->source, places, e);
    if (c->condition == BL_CONDITION_BARS && places == NULL)
        return bl_fail(e, BL_E_ARG, "condition=bars wants a scheme that has bars");
    return join(&w, targets, conditions, c, e);
}

void bl_pairs_free(bl_pairs *p)
{
    free(p->tokens);
    free(p->offsets);
    free(p->sides);
    free(p->stretches);
    free(p->first);
    *p = (bl_pairs){0};
}
