/* xlsample_draw.c - pieces token by token, some of them side by side. */
#include "xlsample.h"

#include <inttypes.h>
#include <string.h>

static int append(xlsample *j, lane *l, unsigned id, int given, bl_err *e)
{
    (void)bl_grammar_step(&l->grammar, id);
    bl_plan_step(&j->plan, &l->at, id, given);
    l->bars += bl_scheme_begins_bar(j->scheme, id);
    l->steps += given ? 0 : bl_scheme_lines(j->scheme).advance[id];
    return bl_ids_add(&l->ids, id, e);
}

/* 1 if the music cannot have come to j->seconds yet: decoding all of it at each bar
 * would take the square of its length. Beyond the bars since it was measured, one may
 * have begun without a token, the last one may have got another tempo, and the notes of
 * remi-2020 sound for up to two bars after theirs. */
static int is_far(const xlsample *j, const lane *l)
{
    double bars = (double)(l->bars - l->measured) + 4;
    return l->seconds + bars * bl_scheme_longest_bar(j->scheme) < j->seconds;
}

/* How long the music is that stands, where `id` would begin a bar or a step. */
static int measure(xlsample *j, lane *l, unsigned id, bl_err *e)
{
    bl_lines lines = bl_scheme_lines(j->scheme);
    int rc = 0;
    if (j->seconds == 0 || lines.advance[id] == 0)
        return 0;
    if (bl_scheme_has_bars(j->scheme)) {
        if (is_far(j, l))
            return 0;
        l->measured = l->bars;
        rc = bl_scheme_decode(j->scheme, l->ids.id, l->ids.n, &j->song, NULL, e);
        l->seconds = bl_song_seconds(&j->song, j->song.end) - l->prompt_seconds;
    } else {
        l->seconds = (double)(l->steps + lines.advance[id]) / lines.unit;
    }
    return rc;
}

/* Feeds the model what it has not read of l->ids, which ends whole lines or is new. */
static int feed(xlsample *j, lane *l, size_t from, bl_err *e)
{
    bl_ids more = {0};
    int rc = 0;
    for (size_t i = from; i < l->ids.n && rc == 0; i++)
        rc = bl_ids_add(&more, (unsigned)j->to_vocab[l->ids.id[i]], e);
    if (rc == 0)
        rc = bl_merges_apply(&j->merges, &j->rule, &more, e);
    if (rc == 0)
        rc = bl_ids_add_n(&l->fed, more.id, more.n, e);
    bl_ids_free(&more);
    return rc;
}

/* BOS, the prompt, and after a prompt a new bar: what was given stays as it is. */
static int begin(xlsample *j, int s, int64_t piece, bl_err *e)
{
    lane *l = &j->lanes[s];
    l->piece = piece;
    l->ids.n = l->fed.n = 0;
    l->n_fed = l->whole = l->n_prompt = 0;
    l->bars = l->prompt_bars = l->measured = l->steps = 0;
    l->seconds = l->prompt_seconds = 0;
    l->rng = bl_rng_make((uint64_t)j->common.seed, (uint64_t)piece);
    bl_grammar_start(&l->grammar, j->scheme);
    bl_plan_start(&l->at);
    bl_gen_forget(j->gen, s);
    int rc = append(j, l, BL_ID_BOS, 1, e);
    if (rc == 0)
        rc = feed(j, l, 0, e);
    if (rc != 0 || j->n_prompts == 0)
        return rc;
    const bl_ids *prompt = &j->prompts[(size_t)piece % j->n_prompts];
    for (size_t i = 0; i < prompt->n && rc == 0; i++)
        rc = append(j, l, prompt->id[i], 1, e);
    if (rc == 0)
        rc = feed(j, l, 1, e);
    l->prompt_bars = l->measured = l->bars;
    l->n_prompt = l->whole = l->ids.n;
    if (rc == 0 && j->seconds > 0 && bl_scheme_has_bars(j->scheme)) {
        rc = bl_scheme_decode(j->scheme, l->ids.id, l->ids.n, &j->song, NULL, e);
        l->prompt_seconds = bl_song_seconds(&j->song, j->song.end);
    }
    return rc;
}

/* 1 if grammar and plan take the parts of a merge one after the other. */
static int may_follow(const xlsample *j, const lane *l, const bl_ids *parts)
{
    if (!j->scheme_mask[parts->id[0]])
        return 0;
    bl_grammar g = l->grammar;
    bl_plan_at at = l->at;
    for (size_t i = 0; i < parts->n; i++) {
        unsigned id = parts->id[i];
        if (!bl_plan_allows(&j->plan, &at, id) ||
            (bl_grammar_step(&g, id) != NULL && !j->no_grammar))
            return 0;
        bl_plan_step(&j->plan, &at, id, 0);
    }
    return 1;
}

/* j->mask: what may come next in the model's ids. */
static void make_mask(xlsample *j, lane *l)
{
    size_t n = bl_words_size(bl_scheme_words(j->scheme));
    if (j->no_grammar)
        memset(j->scheme_mask, 1, n);
    else
        bl_grammar_mask(&l->grammar, j->scheme_mask);
    j->scheme_mask[BL_ID_PAD] = j->scheme_mask[BL_ID_BOS] = j->scheme_mask[BL_ID_MASK] =
        0;
    if (j->scheme_mask[BL_ID_EOS] || bl_grammar_close(&l->grammar, NULL, NULL) == 1) {
        l->whole = l->ids.n;
        l->at_whole = l->grammar;
    }
    if ((j->bars > 0 && l->bars - l->prompt_bars < j->bars) || l->seconds < j->seconds)
        j->scheme_mask[BL_ID_EOS] = 0;
    int only_bar =
        l->n_prompt > 0 && l->ids.n == l->n_prompt && bl_scheme_has_bars(j->scheme);
    for (size_t i = 0; i < j->merges.n_base; i++) {
        unsigned id = j->to_scheme[i];
        j->mask[i] =
            j->scheme_mask[id] && bl_plan_allows(&j->plan, &l->at, id) &&
            (!only_bar || bl_scheme_begins_bar(j->scheme, id) || id == BL_ID_EOS);
    }
    for (size_t m = 0; m < j->merges.n; m++)
        j->mask[j->merges.n_base + m] = !only_bar && may_follow(j, l, &j->parts[m]);
}

/* Takes the piece back to where it is whole. */
static int cut(lane *l, bl_err *e)
{
    l->ids.n = l->whole;
    if (l->whole == l->n_prompt) /* it was, or nothing is */
        return 0;
    int rc = bl_grammar_close(&l->at_whole, &l->ids, e);
    return rc < 0 ? rc : 0;
}

/* 1 where all that was asked for is there and `id` would begin more. */
static int is_full(const xlsample *j, const lane *l, unsigned id)
{
    int64_t bars = l->bars - l->prompt_bars;
    return bl_scheme_lines(j->scheme).advance[id] > 0 &&
           ((j->bars > 0 && bars == j->bars) ||
            (j->seconds > 0 && l->seconds >= j->seconds));
}

/* The piece waits for those before it; the lane has none. */
static void finish(xlsample *j, lane *l)
{
    bl_ids *at = &j->done[l->piece % AHEAD], empty = *at;
    *at = l->ids;
    l->ids = empty;
    l->piece = -1;
}

/* Draws the next token. The piece is done at EOS, where its bars or seconds are
 * complete, at --max-tokens, and where the vocabulary leaves nothing; what was begun is
 * cut. */
static int draw(xlsample *j, lane *l, const bl_real *logits, bl_err *e)
{
    const bl_sample_params params = {j->temperature, (int)j->top_k, j->top_p, j->min_p};
    make_mask(j, l);
    int next = bl_sample(logits, j->mask, j->n_vocab, &params, &l->rng, j->order,
                         j->prob, NULL);
    size_t merge = next >= 0 && (size_t)next >= j->merges.n_base
                       ? (size_t)next - j->merges.n_base
                       : SIZE_MAX;
    unsigned id = next < 0            ? BL_ID_EOS
                  : merge == SIZE_MAX ? j->to_scheme[next]
                                      : j->parts[merge].id[0];
    int rc = measure(j, l, id, e);
    int is_cut = next < 0 || (int64_t)(l->ids.n - l->n_prompt) >= j->max_tokens;
    if (id == BL_ID_EOS || is_full(j, l, id) || is_cut || rc != 0) {
        if (rc == 0 && (is_cut || !j->no_grammar))
            rc = cut(l, e);
        j->n_cut += is_cut;
        finish(j, l);
        return rc;
    }
    j->n_sampled++;
    rc = bl_ids_add(&l->fed, (unsigned)next, e);
    if (merge == SIZE_MAX)
        return rc == 0 ? append(j, l, id, 0, e) : rc;
    for (size_t i = 0; i < j->parts[merge].n && rc == 0; i++)
        rc = append(j, l, j->parts[merge].id[i], 0, e);
    return rc;
}

/* Lanes without a piece take the next one. Returns how many have one, or a code. */
static int fill_lanes(xlsample *j, bl_err *e)
{
    int active = 0, rc = 0;
    int64_t end = bl_min(j->n, j->n_written + AHEAD);
    for (int s = 0; s < j->streams && rc == 0; s++) {
        if (j->lanes[s].piece < 0 && j->n_begun < end)
            rc = begin(j, s, j->n_begun++, e);
        active += j->lanes[s].piece >= 0;
    }
    return rc == 0 ? active : rc;
}

/* One token for each lane. */
static int step(xlsample *j, bl_err *e)
{
    int32_t token[GROUP];
    int rc = 0;
    for (int s = 0; s < j->streams; s++) {
        lane *l = &j->lanes[s];
        token[s] = l->piece < 0 ? -1 : l->fed.id[l->n_fed++];
    }
    bl_gen_step(j->gen, token, j->logits);
    for (int s = 0; s < j->streams && rc == 0; s++) {
        lane *l = &j->lanes[s];
        if (l->piece >= 0 && l->n_fed == l->fed.n)
            rc = draw(j, l, j->logits + (size_t)s * (size_t)j->n_vocab, e);
    }
    return rc;
}

int xlsample_draw(xlsample *j, xlsample_write *write, void *arg, bl_err *e)
{
    int rc;
    for (int s = 0; s < j->streams; s++)
        j->lanes[s].piece = -1;
    while ((rc = fill_lanes(j, e)) > 0) {
        rc = step(j, e);
        bl_ids *next;
        while (rc == 0 && (next = &j->done[j->n_written % AHEAD])->n > 0) {
            rc = write(j, arg, j->n_written++, next, e);
            next->n = 0;
        }
        if (rc != 0)
            return rc;
        if (bl_log_progress_due(j->log))
            bl_log_progress(j->log, "piece %" PRId64 "/%" PRId64 "  %.0f tok/s",
                            j->n_written + 1, j->n,
                            (double)j->n_sampled / bl_log_seconds(j->log));
    }
    return rc;
}
