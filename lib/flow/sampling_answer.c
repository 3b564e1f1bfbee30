/* sampling_answer.c - turns of bars: those of who plays are read as they come and heard
 * by the model, those of the model are said, and where the other plays there is
 * silence, so that both stay in time. */
#include "flow/sampling_impl.h"
#include "flow/prompts.h"

#include "io/file.h"
#include "io/walk.h"

#include <string.h>
#include <unistd.h>

static const char *shown(const bl_sampling *s)
{
    return bl_path_or_stdin(s->wish->prompt);
}

static int check_run(const bl_sampling *s, bl_err *e)
{
    if (s->condition != BL_CONDITION_NONE)
        return bl_fail(e, BL_E_ARG,
                       "--answer: the run plays to a condition (condition=%s), to "
                       "which --condition has it play bar by bar",
                       bl_model_choice("condition", s->condition));
    if (!bl_sampling_hears_bars(s))
        return bl_fail(e, BL_E_ARG,
                       "--answer wants a run of scheme 'remi' without chords, keys, "
                       "pedals and labels, which nobody says while playing");
    return 0;
}

static int open_stream(bl_sampling *s, bl_err *e)
{
    bl_sampling_calls *c = &s->calls;
    int rc = bl_in_open(s->wish->prompt, &c->fd, e);
    if (rc == 0)
        rc = bl_tokr_new(&c->reader, c->fd, shown(s), e);
    if (rc == 0)
        rc = bl_prompts_check(s->scheme, bl_tokr_kind(c->reader), e);
    if (rc == 0)
        bl_tokr_set_words(c->reader, bl_scheme_words(s->scheme));
    return rc == 0 ? 0 : bl_fail_in(e, rc, shown(s));
}

int bl_sampling_calls_open(bl_sampling *s, bl_err *e)
{
    if (s->wish->answer == 0)
        return 0;
    int rc = check_run(s, e);
    s->streams = 1;
    s->n = INT64_MAX; /* until the last one has come */
    return rc == 0 ? open_stream(s, e) : rc;
}

int bl_sampling_calls_next(bl_sampling *s, bl_err *e)
{
    bl_sampling_calls *c = &s->calls;
    int rc;
    while ((rc = bl_tokr_arrive(c->reader, &c->piece, e)) > 1)
        continue; /* the rest of one that the model could not go on with */
    if (rc < 0)
        return bl_fail_in(e, rc, shown(s));
    bl_grammar_start(&c->grammar, s->scheme);
    c->heard = c->known = c->told = BL_NOTHING_STATED;
    c->course.n = c->n_bars = 0;
    c->is_over = 0;
    return rc;
}

/* ---- who plays ---- */

static int fail_token(const bl_sampling *s, int code, const char *what, unsigned id,
                      bl_err *e)
{
    bl_fail(e, code, "piece '%.80s': token '%s': %s", s->calls.piece.name,
            bl_words_name(bl_scheme_words(s->scheme), id), what);
    return bl_fail_in(e, code, shown(s));
}

/* A bar is a line, as it comes. */
static int check_bar(bl_sampling *s, bl_err *e)
{
    bl_sampling_calls *c = &s->calls;
    const bl_ids *ids = &c->piece.ids;
    if (ids->n > 0 && !bl_scheme_begins_bar(s->scheme, ids->id[0]))
        return fail_token(s, BL_E_FORMAT, "each line has to begin a bar", ids->id[0],
                          e);
    for (size_t i = 0; i < ids->n; i++) {
        const char *wrong = bl_grammar_step(&c->grammar, ids->id[i]);
        if (wrong != NULL)
            return fail_token(s, BL_E_FORMAT, wrong, ids->id[i], e);
    }
    return 0;
}

/* The next bar to c->piece: 1, or 0 at the end. */
static int read_bar(bl_sampling *s, bl_err *e)
{
    bl_sampling_calls *c = &s->calls;
    int rc = c->is_over ? 0 : bl_tokr_arrive(c->reader, &c->piece, e);
    if (rc < 0)
        return bl_fail_in(e, rc, shown(s));
    c->is_over |= rc != BL_TOKR_LINE;
    if (c->is_over)
        return 0;
    rc = check_bar(s, e);
    c->n_bars++;
    return rc == 0 ? 1 : rc;
}

/* The bar in the words of the model, alone as a piece, to c->alone. */
static int fit_bar(bl_sampling *s, bl_err *e)
{
    bl_sampling_calls *c = &s->calls;
    bl_stated heard = c->heard;
    const bl_ids *bar = &c->piece.ids, *ids = &c->alone;
    int rc = bl_sampling_fit_bar(s, &heard, bar->id, bar->n, &c->alone, e);
    for (size_t i = 0; i < ids->n && rc == 0; i++)
        if (s->coder.to_vocab[ids->id[i]] < 0)
            rc = fail_token(s, BL_E_MISMATCH, "the model has no such", ids->id[i], e);
    return rc;
}

static int restate(bl_sampling *s, bl_stated *from, const bl_ids *bar, int with_notes,
                   bl_stated *to, bl_ids *out, bl_err *e)
{
    return bl_restate_bar(s->scheme, from, bar->id, bar->n, with_notes, to, out, e);
}

/* What the call's last bar is in holds for the answer. */
static int follow(bl_sampling *s, bl_err *e)
{
    bl_plan_course *course = &s->calls.course;
    if (course->n > 1) {
        course->bar[0] = course->bar[course->n - 1];
        course->n = 1;
    }
    return bl_plan_course_read(course, s->scheme, s->calls.known_bar.id,
                               s->calls.known_bar.n, e);
}

/* BOS, which is not music. */
static int begin_told(bl_sampling_calls *c, bl_err *e)
{
    c->told_bar.n = 0;
    return bl_ids_add(&c->told_bar, BL_ID_BOS, e);
}

int bl_sampling_is_call(const bl_sampling *s, int64_t bar)
{
    return bar / s->wish->answer % 2 == 0;
}

int bl_sampling_hear(bl_sampling *s, int64_t bar, bl_err *e)
{
    bl_sampling_calls *c = &s->calls;
    bl_stated nothing = BL_NOTHING_STATED;
    int rc;
    while ((rc = read_bar(s, e)) > 0 && c->n_bars <= bar) {
        c->alone.n = 0; /* while the model plays: what is stated there holds on */
        rc = restate(s, &c->heard, &c->piece.ids, 0, &nothing, &c->alone, e);
        if (rc != 0)
            return rc;
    }
    if (rc <= 0)
        return rc;
    c->known_bar.n = 0;
    rc = fit_bar(s, e);
    nothing = BL_NOTHING_STATED;
    if (rc == 0)
        rc = restate(s, &nothing, &c->alone, 1, &c->known, &c->known_bar, e);
    if (rc == 0)
        rc = follow(s, e);
    if (rc == 0)
        rc = begin_told(c, e);
    if (rc == 0)
        rc = restate(s, &c->heard, &c->piece.ids, 0, &c->told, &c->told_bar, e);
    return rc == 0 ? 1 : rc;
}

/* ---- who answers ---- */

int bl_sampling_say(bl_sampling *s, const uint16_t *ids, size_t n, bl_err *e)
{
    bl_sampling_calls *c = &s->calls;
    bl_stated from = c->known;
    from.tempo = c->told.tempo; /* who plays says it, in words of all */
    int rc = begin_told(c, e);
    if (rc == 0)
        rc = bl_restate_bar(s->scheme, &from, ids, n, 1, &c->told, &c->told_bar, e);
    c->known.program = from.program;
    return rc;
}

void bl_sampling_calls_free(bl_sampling_calls *c)
{
    bl_plan_course_free(&c->course);
    bl_ids_free(&c->known_bar);
    bl_ids_free(&c->told_bar);
    bl_ids_free(&c->alone);
    bl_piece_free(&c->piece);
    bl_tokr_del(c->reader);
    if (c->fd > STDIN_FILENO)
        close(c->fd);
}
