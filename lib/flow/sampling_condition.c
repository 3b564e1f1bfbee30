/* sampling_condition.c - the pieces that others are made for: read one after the other,
 * or bar by bar as they come, and given to the model in the way it was trained on them.
 */
#include "flow/sampling_impl.h"

#include "flow/prompts.h"
#include "flow/prompts_fit.h"
#include "io/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *shown(const bl_sampling *s)
{
    const char *path = s->wish->condition;
    return bl_path_or_stdin(path);
}

/* ---- the stream ---- */

/* Which part of a MIDI file is a condition the model has learned, and no scheme says:
 * the chain of its data does, if it tells the two sides apart. */
static int fail_midi(const bl_made_as *m, bl_err *e)
{
    return bl_fail(e, BL_E_FORMAT,
                   "a MIDI file; make a condition of it%s: %.200s FILE | xlsample RUN "
                   "--condition -",
                   m->is_stated ? " as those of the run were made"
                                : ", with --keep PARTS where the run's are parts",
                   m->command);
}

/* How many ids the side of the condition knows. */
static int64_t n_known(const bl_sampling *s)
{
    return s->condition == BL_CONDITION_ENCODER
               ? bl_model_source_vocab(&s->ckpt.info.config.model)
               : s->n_vocab;
}

/* In words that the model knows, as a MIDI file that is a prompt; but chords and keys,
 * which are those of all parts, would be found anew in the part that is kept. */
static int fit(bl_sampling *s, bl_err *e)
{
    const bl_spec *spec = bl_scheme_spec(s->scheme);
    if (spec->chords || spec->key)
        return 0;
    size_t n = bl_words_size(bl_scheme_words(s->scheme));
    int32_t *known = bl_calloc(n, sizeof *known, e);
    if (known == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        int32_t id = s->coder.to_vocab[i];
        known[i] = id < n_known(s) ? id : -1;
    }
    int rc = bl_prompts_fit(s->scheme, known, &s->given.piece.ids, &s->n_replaced, e);
    free(known);
    return rc;
}

/* To c->piece, as the command makes it that made the conditions of the data. */
static int read_midi(bl_sampling *s, bl_zr *zr, bl_err *e)
{
    bl_sampling_conditions *c = &s->given;
    int rc = bl_made_as_read(&c->as, s->ckpt.pg, s->scheme, e);
    if (rc == 0 && !c->as.is_readable)
        rc = fail_midi(&c->as, e);
    if (rc == 0)
        rc = bl_prompts_midi(&c->as.how, zr, s->wish->condition, &c->piece, e);
    if (rc == 0)
        rc = fit(s, e);
    c->is_midi = rc == 0;
    return rc;
}

static int open_tokens(bl_sampling *s, bl_input *in, bl_err *e)
{
    bl_sampling_conditions *c = &s->given;
    struct stat st;
    c->is_live = s->condition == BL_CONDITION_BARS &&
                 (fstat(in->fd, &st) != 0 || !S_ISREG(st.st_mode));
    int rc = bl_tokr_new_over(&c->reader, bl_input_take(in), shown(s), e);
    if (rc != 0)
        return rc;
    const bl_tokens_kind *kind = bl_tokr_kind(c->reader);
    if (strcmp(kind->sha256, bl_scheme_sha256(s->scheme)) != 0)
        return bl_fail(e, BL_E_MISMATCH,
                       "the schemes of '%.120s' (%s, %.12s) and '%.120s' (%s, %.12s) "
                       "differ; make the condition as the data of the model were made",
                       shown(s), kind->spec.scheme, kind->sha256, s->wish->model,
                       bl_scheme_name(s->scheme), bl_scheme_sha256(s->scheme));
    bl_tokr_set_words(c->reader, bl_scheme_words(s->scheme));
    return 0;
}

static int open_given(bl_sampling *s, bl_err *e)
{
    bl_input *in = &s->given.in;
    int rc = bl_input_open(in, s->wish->condition, e);
    int is_midi = rc == 0 ? bl_prompts_is_midi(in->zr, e) : rc;
    if (is_midi < 0)
        return is_midi;
    return is_midi ? read_midi(s, in->zr, e) : open_tokens(s, in, e);
}

static int check_wish(const bl_sampling *s, bl_err *e)
{
    int has = s->condition != BL_CONDITION_NONE, is_given = s->wish->condition != NULL;
    if (s->wish->fill != NULL)
        return 0;
    if (has && !is_given && s->ckpt.info.config.model.holes)
        return bl_fail(e, BL_E_ARG,
                       "the run fills holes; name a piece and the bars to fill, as in "
                       "--prompt FILE --fill 5-8");
    if (has && !is_given)
        return bl_fail(e, BL_E_ARG,
                       "the run wants a condition with each piece (condition=%s); name "
                       "a token stream or a MIDI file with --condition",
                       bl_model_choice("condition", s->condition));
    if (!has && is_given)
        return bl_fail(e, BL_E_ARG,
                       "the run knows no condition; leave --condition out, or train "
                       "one on pairs (shard --condition, xltrain --set condition=...)");
    return 0;
}

/* As many pieces side by side as the first conditions ask for. */
static int count_streams(bl_sampling *s, bl_err *e)
{
    int64_t most = s->given.is_live ? 1 : BL_SAMPLING_GROUP, n = 0;
    bl_sampling_given *g = NULL;
    int rc = 0;
    while (n < most && n * s->copies < BL_SAMPLING_GROUP) {
        rc = bl_sampling_given_at(s, n, &g, e);
        if (rc != 0 || g == NULL)
            break;
        n++;
    }
    if (rc == 0 && n == 0) {
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
        bl_err_in(e, shown(s));
    }
    s->streams = s->control != NULL ? 1 : (int)bl_min(BL_SAMPLING_GROUP, n * s->copies);
    return rc;
}

int bl_sampling_conditions_open(bl_sampling *s, bl_err *e)
{
    int rc = check_wish(s, e);
    if (rc == 0 && s->wish->fill != NULL) {
        rc = bl_sampling_fill_open(s, e);
        return rc == 0 ? count_streams(s, e) : rc;
    }
    if (rc != 0 || s->condition == BL_CONDITION_NONE)
        return rc;
    rc = open_given(s, e);
    return rc == 0 ? count_streams(s, e) : bl_fail_in(e, rc, shown(s));
}

/* ---- its pieces ---- */

static int fail_piece(const bl_sampling *s, const bl_sampling_given *g, int code,
                      const char *what, bl_err *e)
{
    bl_fail(e, code, "piece '%.80s': %s", g->name, what);
    bl_err_in(e, shown(s));
    return code;
}

static int check_known(const bl_sampling *s, const bl_sampling_given *g,
                       const uint16_t *ids, size_t n, bl_err *e)
{
    int64_t known = n_known(s);
    for (size_t i = 0; i < n; i++) {
        int32_t id = s->coder.to_vocab[ids[i]];
        if (id >= 0 && id < known)
            continue;
        bl_fail(e, BL_E_MISMATCH, "piece '%.80s': the model has no token '%s'", g->name,
                bl_words_name(bl_scheme_words(s->scheme), ids[i]));
        bl_err_in(e, shown(s));
        return BL_E_MISMATCH;
    }
    return 0;
}

static int add_id(const bl_sampling *s, bl_sampling_given *g, unsigned id, bl_err *e)
{
    if (id == s->bar) {
        int rc = bl_room(&g->bars, &g->cap, g->n_bars + 1, sizeof *g->bars, e);
        if (rc != 0)
            return rc;
        g->bars[g->n_bars++] = g->ids.n;
    }
    return bl_ids_add(&g->ids, id, e);
}

/* What was read of the piece and is not in *g yet: whole lines, so that merges are
 * those of the whole. */
static int take_lines(bl_sampling *s, bl_sampling_given *g, bl_err *e)
{
    bl_sampling_conditions *c = &s->given;
    const uint16_t *from = c->piece.ids.id + c->n_taken;
    size_t n = c->piece.ids.n - c->n_taken;
    bl_ids ids = {0};
    if (c->is_live && n > 0 && g->n_bars > 0 &&
        !bl_scheme_begins_bar(s->scheme, from[0]))
        return fail_piece(s, g, BL_E_FORMAT,
                          "a bar goes on in another line; as it comes each bar has to "
                          "be a line",
                          e);
    int rc = bl_sampling_hear_line(s, g, from, n, &ids, e);
    if (rc == 0)
        rc = check_known(s, g, ids.id, ids.n, e);
    if (rc == 0)
        rc = bl_plan_course_read(&g->course, s->scheme, ids.id, ids.n, e);
    if (rc == 0)
        rc = (int)bl_coder_to_vocab(&s->coder, &ids, e);
    for (size_t i = 0; i < ids.n && rc == 0; i++)
        rc = add_id(s, g, ids.id[i], e);
    c->n_taken = c->piece.ids.n;
    bl_ids_free(&ids);
    return rc;
}

/* Whether the condition says what is to be filled, where the model fills holes. */
static int has_its_hole(const bl_sampling *s, const bl_sampling_given *g)
{
    if (!s->ckpt.info.config.model.holes)
        return 1;
    for (size_t i = 0; i < g->ids.n; i++)
        if (g->ids.id[i] == BL_ID_MASK)
            return 1;
    return 0;
}

static int end_piece(bl_sampling *s, bl_sampling_given *g, bl_err *e)
{
    int rc = take_lines(s, g, e);
    if (rc == 0 && bl_scheme_has_bars(s->scheme) && g->n_bars == 0)
        rc = fail_piece(s, g, BL_E_FORMAT, "a condition without a bar", e);
    if (rc == 0 && g->ids.n < 2)
        rc = fail_piece(s, g, BL_E_FORMAT, "a condition without a token", e);
    if (rc == 0 && !has_its_hole(s, g))
        rc = fail_piece(s, g, BL_E_FORMAT,
                        "it has no hole, and the run fills holes; --prompt FILE --fill "
                        "BARS takes a piece without one",
                        e);
    g->is_whole = 1;
    return rc == 0 ? bl_ids_add(&g->ids, (unsigned)s->coder.to_vocab[BL_ID_EOS], e)
                   : rc;
}

/* One line more of the condition that is being read, which is g. */
static int read_line(bl_sampling *s, bl_sampling_given *g, bl_err *e)
{
    bl_sampling_conditions *c = &s->given;
    int rc = c->is_midi ? 0 : bl_tokr_line(c->reader, &c->piece, e);
    if (rc == 1)
        return c->is_live ? take_lines(s, g, e) : 0;
    return rc == 0 ? end_piece(s, g, e) : rc;
}

static int read_rest(bl_sampling *s, bl_sampling_given *g, bl_err *e)
{
    int rc = 0;
    while (rc == 0 && !g->is_whole)
        rc = read_line(s, g, e);
    return rc;
}

static bl_sampling_given *slot_of(bl_sampling *s, int64_t i)
{
    return &s->given.at[i % BL_SAMPLING_CONDITIONS];
}

/* The next one: whole, or of a pipe its beginning. */
static int read_next(bl_sampling *s, bl_err *e)
{
    bl_sampling_conditions *c = &s->given;
    bl_sampling_given *g = slot_of(s, c->n_read);
    if (s->n_fills > 0) {
        c->is_at_end = c->n_read == (int64_t)s->n_fills;
        return c->is_at_end ? 0 : bl_sampling_fill_given(s, c->n_read++, g, e);
    }
    int rc = c->n_read > 0 ? read_rest(s, slot_of(s, c->n_read - 1), e) : 0;
    if (rc == 0)
        rc = c->is_midi ? c->n_read == 0 : bl_tokr_begin(c->reader, &c->piece, e);
    c->is_at_end = rc == 0;
    if (rc != 1)
        return rc;
    c->n_read++;
    c->n_taken = 0;
    free(g->name);
    g->name = bl_strdup(c->piece.name, e);
    g->ids.n = g->n_bars = g->course.n = g->played.n = 0;
    g->is_whole = g->is_fitted = 0;
    g->heard = g->known = BL_NOTHING_STATED;
    rc = g->name != NULL ? 0 : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_ids_add(&g->ids, (unsigned)s->coder.to_vocab[BL_ID_BOS], e);
    return rc == 0 && !c->is_live ? read_rest(s, g, e) : rc;
}

int bl_sampling_given_at(bl_sampling *s, int64_t i, bl_sampling_given **g, bl_err *e)
{
    bl_sampling_conditions *c = &s->given;
    int rc = 0;
    while (rc == 0 && c->n_read <= i && !c->is_at_end)
        rc = read_next(s, e);
    *g = rc == 0 && i < c->n_read ? slot_of(s, i) : NULL;
    return rc;
}

int bl_sampling_given_bar(bl_sampling *s, bl_sampling_given *g, size_t n, bl_err *e)
{
    int rc = 0;
    while (rc == 0 && n >= g->n_bars && !g->is_whole)
        rc = read_line(s, g, e);
    return rc != 0 ? rc : n < g->n_bars;
}

const char *bl_sampling_name(const bl_sampling *s, int64_t i)
{
    return s->given.at[i % BL_SAMPLING_CONDITIONS].name;
}

/* The stream that is played to, or NULL. */
static const bl_tokr *live_of(const bl_sampling *s)
{
    return s->given.reader != NULL ? s->given.reader : s->calls.reader;
}

const bl_json *bl_sampling_given_pg(const bl_sampling *s)
{
    const bl_tokr *live = live_of(s);
    return live != NULL ? bl_tokr_pg(live) : s->given.as.pg;
}

bl_origin bl_sampling_origin(const bl_sampling *s)
{
    const bl_tokr *live = live_of(s);
    return live != NULL ? bl_tokr_kind(live)->origin : (bl_origin){0};
}

void bl_sampling_conditions_free(bl_sampling_conditions *c)
{
    for (size_t i = 0; i < BL_SAMPLING_CONDITIONS; i++) {
        free(c->at[i].name);
        free(c->at[i].bars);
        bl_plan_course_free(&c->at[i].course);
        bl_plan_course_free(&c->at[i].played);
        bl_ids_free(&c->at[i].ids);
    }
    bl_piece_free(&c->piece);
    bl_tokr_del(c->reader);
    bl_input_close(&c->in);
    bl_made_as_free(&c->as);
}

/* ---- to the model ---- */

int bl_sampling_feed(bl_sampling_lane *l, const uint16_t *ids, size_t n, int side,
                     bl_err *e)
{
    int rc = bl_ids_add_n(&l->fed, ids, n, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = bl_ids_add(&l->sides, (unsigned)side, e);
    return rc;
}

int bl_sampling_recall(bl_sampling_lane *l, uint16_t token, bl_place *at, bl_err *e)
{
    if (l->recall == NULL)
        return 0;
    int rc = bl_recall_reserve(l->recall, 1, e);
    if (rc == 0)
        at->recalled = bl_recall_step(l->recall, token);
    return rc;
}

/* Where unit n begins: what stands before the first bar is unit 0. */
static size_t unit_begin(const bl_sampling_given *g, size_t n)
{
    return n == 0 ? 0 : n <= g->n_bars ? g->bars[n - 1] : g->ids.n;
}

/* Reads n of the ids from the first on, and a last one, which is not of them. */
static int tell_model(bl_sampling *s, int lane, const bl_sampling_given *g,
                      size_t first, size_t n, int last, bl_err *e)
{
    size_t all = n + (last >= 0);
    int32_t *x = bl_calloc(all, sizeof *x, e);
    bl_place *at = bl_calloc(all, sizeof *at, e), now = BL_PLACE_BEGIN;
    int rc = x != NULL && at != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < first + n && rc == 0; i++) {
        if (s->places != NULL)
            bl_place_step(&now, &s->places[g->ids.id[i]]);
        if (i < first)
            continue;
        x[i - first] = g->ids.id[i];
        at[i - first] = now;
        if (last >= 0)
            rc = bl_sampling_recall(&s->lanes[lane], g->ids.id[i], &at[i - first], e);
    }
    if (rc == 0 && last >= 0) {
        x[n] = last;
        s->lanes[lane].place[0] = now; /* it is of the condition's side */
        if (s->places != NULL)
            bl_place_step(&now, &s->places[last]);
        at[n] = now;
    }
    if (rc == 0)
        rc = bl_gen_condition(s->gen, lane, x, at, (int)all, e);
    free(x);
    free(at);
    return rc;
}

/* Its next tokens, *n of them: as many bars as are read at once, as in training
 * (train/pairs.h). */
static size_t take_stretch(bl_sampling_lane *l, size_t most, size_t *n)
{
    const bl_sampling_given *g = l->given;
    size_t first = unit_begin(g, l->stretch_end), to = l->stretch_end + 1;
    while (to <= g->n_bars && unit_begin(g, to + 1) - first <= most)
        to++;
    l->stretch_end = to;
    *n = unit_begin(g, to) - first;
    return first;
}

/* A lane to which the encoder told the stretch of a condition that begins there, or -1.
 */
static int find_read(const bl_sampling *s, int64_t number, size_t first)
{
    for (int i = 0; i < s->streams; i++)
        if (s->lanes[i].read_of == number && s->lanes[i].read_from == first)
            return i;
    return -1;
}

/* The copies of a piece have one condition, which is read for the first of them. */
static int begin_source(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    size_t n, source = (size_t)s->ckpt.info.config.model.source;
    size_t first = take_stretch(l, source, &n);
    int from = find_read(s, l->number, first);
    l->read_of = l->number;
    l->read_from = first;
    if (from >= 0) {
        if (from != lane)
            bl_gen_share_condition(s->gen, from, lane);
        return 0;
    }
    return tell_model(s, lane, l->given, first, bl_min(n, source), -1, e);
}

/* A prefix's first stretch, or all of it; returns where it ends. */
static size_t begin_prefix(bl_sampling *s, bl_sampling_lane *l)
{
    size_t n, stretch = (size_t)bl_model_stretch(&s->ckpt.info.config.model);
    if (stretch > 0 && s->places != NULL)
        return take_stretch(l, stretch, &n) + n;
    l->stretch_end = l->given->n_bars + 1;
    return l->given->ids.n;
}

/* Puts n ids of the condition before the next token that is fed. */
static int feed_before(bl_sampling_lane *l, const uint16_t *ids, size_t n, bl_err *e)
{
    size_t at = l->n_fed, rest = l->fed.n - at;
    int rc = bl_sampling_feed(l, ids, n, 0, e); /* makes room */
    if (rc != 0)
        return rc;
    memmove(l->fed.id + at + n, l->fed.id + at, rest * sizeof *l->fed.id);
    memmove(l->sides.id + at + n, l->sides.id + at, rest * sizeof *l->sides.id);
    memcpy(l->fed.id + at, ids, n * sizeof *ids);
    memset(l->sides.id + at, 0, n * sizeof *l->sides.id);
    return 0;
}

static int check_seen(const bl_sampling *s, const bl_sampling_given *g, size_t n,
                      bl_err *e)
{
    int segment = s->ckpt.info.config.model.segment;
    char what[128];
    if (n <= (size_t)segment)
        return 0;
    snprintf(what, sizeof what,
             "%zu tokens, more than the %d of the segment that the run sees at once; "
             "give it fewer bars",
             n, segment);
    return fail_piece(s, g, BL_E_LIMIT, what, e);
}

/* Where all of it is seen it is read at once, and its last token is fed. */
static int go_on_prefix(bl_sampling *s, int lane, bl_err *e)
{
    const bl_model_config *c = &s->ckpt.info.config.model;
    bl_sampling_lane *l = &s->lanes[lane];
    const bl_sampling_given *g = l->given;
    size_t n, first = take_stretch(l, (size_t)bl_model_stretch(c), &n), read = 0;
    int rc = 0;
    if (bl_model_is_forgetful(c))
        bl_gen_forget(s->gen, lane);
    if (c->prefix_mask == BL_PREFIX_FULL) {
        read = n - 1;
        rc = check_seen(s, g, n, e);
        if (rc == 0)
            rc = tell_model(s, lane, g, first, read, g->ids.id[first + read], e);
    }
    return rc == 0 ? feed_before(l, g->ids.id + first + read, n - read, e) : rc;
}

int bl_sampling_asks(const bl_sampling *s, const bl_sampling_lane *l)
{
    int is_by_stretches =
        s->condition == BL_CONDITION_PREFIX || s->condition == BL_CONDITION_ENCODER;
    return is_by_stretches && l->n_asked <= l->n_fed && l->fed.id[l->n_fed] == s->bar &&
           l->sides.id[l->n_fed];
}

int bl_sampling_before(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    int is_prefix = s->condition == BL_CONDITION_PREFIX;
    int asks = bl_sampling_asks(s, l);
    l->n_asked = l->n_fed + 1;
    if (!asks)
        return 0;
    if (l->unit++ != l->stretch_end || l->stretch_end > l->given->n_bars)
        return 0;
    if (!is_prefix)
        return begin_source(s, lane, e);
    l->unit--; /* the bar is asked about once more, when it is fed */
    return go_on_prefix(s, lane, e);
}

/* A prefix that is seen as a whole is read at once, but for the target's BOS. */
static int see_prefix(bl_sampling *s, int lane, bl_err *e)
{
    const bl_sampling_given *g = s->lanes[lane].given;
    size_t n = begin_prefix(s, &s->lanes[lane]);
    int rc = check_seen(s, g, n + 1, e);
    return rc == 0 ? tell_model(s, lane, g, 0, n, s->coder.to_vocab[BL_ID_BOS], e) : rc;
}

int bl_sampling_give(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    l->unit = s->condition != BL_CONDITION_BARS;
    l->stretch_end = 0;
    if (s->condition == BL_CONDITION_ENCODER)
        return begin_source(s, lane, e);
    if (s->condition == BL_CONDITION_BARS)
        return 0;
    if (s->ckpt.info.config.model.prefix_mask == BL_PREFIX_FULL)
        return see_prefix(s, lane, e);
    return bl_sampling_feed(l, l->given->ids.id, begin_prefix(s, l), 0, e);
}

int bl_sampling_give_head(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    int rc = bl_sampling_given_bar(s, l->given, 0, e);
    size_t end = unit_begin(l->given, 1);
    return rc < 0 ? rc : bl_sampling_feed(l, l->given->ids.id + 1, end - 1, 0, e);
}

int bl_sampling_give_bar(bl_sampling *s, int lane, bl_err *e)
{
    bl_sampling_lane *l = &s->lanes[lane];
    const bl_sampling_given *g = l->given;
    uint16_t empty = (uint16_t)s->bar;
    size_t n = l->unit++;
    if (n >= g->n_bars)
        return bl_sampling_feed(l, &empty, 1, 0, e);
    size_t begin = g->bars[n], end = n + 1 < g->n_bars ? g->bars[n + 1] : g->ids.n;
    end -= n + 1 == g->n_bars && g->is_whole; /* its EOS is not said */
    return bl_sampling_feed(l, g->ids.id + begin, end - begin, 0, e);
}

int bl_sampling_too_many(const bl_sampling *s, const bl_sampling_lane *l, bl_err *e)
{
    char what[160];
    snprintf(
        what, sizeof what,
        "the condition has more bars than the %lld asked for; %s asks for more, or "
        "without it there are as many as the condition has",
        (long long)(l->most_bars + l->prompt_bars),
        s->like != NULL ? "a longer --like" : "a larger --bars");
    return fail_piece(s, l->given, BL_E_ARG, what, e);
}

int bl_sampling_no_room(const bl_sampling *s, const bl_sampling_lane *l, bl_err *e)
{
    return fail_piece(s, l->given, BL_E_ARG,
                      "the prompt has all the bars of its condition; --bars N says how "
                      "many more to make",
                      e);
}
