/* sampling.c - see sampling.h. */
#include "flow/sampling_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/tokens.h"
#include "io/walk.h"

int bl_sampling_new(bl_sampling **out, const bl_sampling_wish *w, bl_err *e)
{
    bl_sampling *s = *out = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->wish = w;
    s->draw = w->draw;
    int rc = bl_sampling_fill_parse(s, e);
    if (rc == 0 && w->control != NULL)
        rc = bl_control_open(&s->control, w->control, e);
    if (rc == 0)
        rc = bl_sampling_count(s, e);
    if (rc == 0)
        rc = bl_pool_new(&s->pool, w->threads, e);
    if (rc == 0)
        rc = bl_sampling_open(s, e);
    return rc == 0 ? bl_sampling_settle(s, e) : rc;
}

const bl_scheme *bl_sampling_scheme(const bl_sampling *s)
{
    return s->scheme;
}

/* ---- as a stream ---- */

typedef struct {
    const bl_scheme *scheme;
    bl_tokw *writer;
    bl_song song; /* scratch */
    int64_t n_silent;
    const bl_sampling *sampling;
    size_t n_written; /* ids of the piece at hand, 0: it is not begun */
    size_t n_bars;    /* of it, likewise */
    bl_retold retold; /* likewise */
    bl_ids told;      /* scratch */
} stream;

static size_t count_bars(const bl_scheme *s, const bl_ids *ids)
{
    size_t bars = 0;
    for (size_t i = 0; i < ids->n; i++)
        bars += (size_t)bl_scheme_begins_bar(s, ids->id[i]);
    return bars;
}

/* "sample-000007"; of a condition its name, of those after the first "NAME.2". */
static int name_piece(const bl_sampling *s, int64_t i, bl_buf *name, bl_err *e)
{
    if (s->wish->answer > 0)
        return bl_buf_adds(name, s->calls.piece.name, e);
    if (s->condition == BL_CONDITION_NONE)
        return bl_buf_addf(name, e, "sample-%06" PRId64, i);
    int rc = bl_buf_adds(name, bl_sampling_name(s, i / s->copies), e);
    return rc == 0 && i % s->copies > 0
               ? bl_buf_addf(name, e, ".%" PRId64, i % s->copies + 1)
               : rc;
}

/* 1 where what was written of a piece is not kept. */
static int is_gone(const bl_sampling *s)
{
    return s->wish->is_endless || s->wish->answer > 0;
}

/* All that there is of it is whole bars; without end those before it are gone. */
static int write_bars(void *arg, int64_t i, const bl_ids *ids, bl_err *e)
{
    stream *to = arg;
    bl_buf name = {0};
    int rc = 0;
    if (to->n_written == 0) {
        rc = name_piece(to->sampling, i, &name, e);
        bl_piece_info info = {.name = bl_buf_str(&name, e), .sha256 = ""};
        if (rc == 0)
            rc = info.name != NULL ? bl_tokw_begin(to->writer, &info, e) : BL_E_NOMEM;
        to->n_written = 1; /* BOS is not music */
        to->retold = BL_NOTHING_RETOLD;
    }
    const bl_ids music = {ids->id + to->n_written, ids->n - to->n_written, 0};
    to->told.n = 0;
    if (rc == 0)
        rc = bl_sampling_retell(to->sampling, i, &to->retold, &music, &to->told, e);
    if (rc == 0 && to->told.n > 0)
        rc = bl_tokw_lines(to->writer, to->told.id, to->told.n, e);
    to->n_bars += count_bars(to->scheme, &music);
    to->n_written = is_gone(to->sampling) ? 1 : ids->n;
    bl_buf_free(&name);
    return rc;
}

static int write_whole(stream *to, int64_t i, const bl_ids *music, bl_err *e)
{
    bl_buf name = {0};
    bl_retold retold = BL_NOTHING_RETOLD;
    bl_ids *told = &to->told;
    int rc = name_piece(to->sampling, i, &name, e);
    told->n = 0;
    if (rc == 0)
        rc = bl_sampling_retell(to->sampling, i, &retold, music, told, e);
    bl_piece_info info = {.name = bl_buf_str(&name, e), .sha256 = ""};
    if (rc == 0)
        rc = info.name != NULL ? bl_tokw_piece(to->writer, &info, told->id, told->n,
                                               count_bars(to->scheme, told), e)
                               : BL_E_NOMEM;
    bl_buf_free(&name);
    return rc;
}

static int write_piece(void *arg, int64_t i, const bl_ids *ids, bl_err *e)
{
    stream *to = arg;
    bl_ids music = {ids->id + 1, ids->n - 1, 0}; /* without BOS */
    int rc = 0;
    if (!is_gone(to->sampling)) {
        rc = bl_scheme_decode(to->scheme, ids->id, ids->n, &to->song, NULL, e);
        to->n_silent += to->song.n_notes == 0 && !bl_scheme_is_opaque(to->scheme);
    }
    if (rc != 0)
        return rc;
    if (to->n_written == 0)
        return write_whole(to, i, &music, e);
    rc = write_bars(to, i, ids, e);
    if (rc == 0)
        rc = bl_tokw_end(to->writer, to->n_bars, e);
    to->n_written = to->n_bars = 0;
    return rc;
}

static int make_pg(const bl_sampling *s, const bl_self *self, bl_json **pg, bl_err *e)
{
    const bl_json *parents[] = {s->ckpt.pg, s->prompt_pg, bl_sampling_given_pg(s)};
    *pg = NULL;
    if (self == NULL)
        return 0;
    *pg = bl_prov_chain(parents, BL_COUNT(parents), self, e);
    return *pg != NULL ? 0 : BL_E_NOMEM;
}

/* How a wish is met that a run can be asked for in two ways. */
static void tell(const bl_notices *to, const bl_sampling *s)
{
    if (s->plan.scale != 0)
        bl_notice(
            to, BL_NOTICE_WARNING,
            "--key is a mask: the model knows no keys (midi2remi --key), so notes "
            "outside this one are not drawn");
    if (s->given.is_midi)
        bl_notice(to, BL_NOTICE_INFO,
                  "the condition was made as those of the run: %s %s",
                  s->given.as.command, bl_path_or_stdin(s->wish->condition));
}

/* What the pieces are not. */
static void warn(const bl_notices *to, const bl_sampling_counts *n,
                 const bl_sampling_wish *wish)
{
    if (n->cut > 0)
        bl_notice(to, BL_NOTICE_WARNING,
                  "%" PRId64 " of %" PRId64 " pieces were cut at --max-tokens", n->cut,
                  n->pieces);
    if (n->stuck > 0)
        bl_notice(
            to, BL_NOTICE_WARNING,
            "%" PRId64 " of %" PRId64
            " pieces end where the model's vocabulary and what was asked for leave "
            "no token; ask for less",
            n->stuck, n->pieces);
    if (n->silent > 0)
        bl_notice(to, BL_NOTICE_WARNING,
                  "%" PRId64 " of %" PRId64 " pieces have no note; %s", n->silent,
                  n->pieces,
                  wish->programs != NULL
                      ? "a model has --programs play that played in its training"
                      : "a model trained longer makes fewer of them");
    if (n->replaced > 0)
        bl_notice(
            to, BL_NOTICE_WARNING,
            "%" PRId64 " tokens of the %s are not in the model's vocabulary; "
            "the nearest tempo, velocity, duration, position, instrument or octave "
            "stands for each",
            n->replaced,
            wish->condition == NULL ? "prompt"
            : wish->prompt == NULL  ? "condition"
                                    : "prompt or the condition");
}

int bl_sampling_write(bl_sampling *s, int fd, int level, const bl_self *self,
                      const bl_progress *progress, bl_sampling_counts *counts,
                      bl_err *e)
{
    stream to = {.scheme = s->scheme, .sampling = s};
    const bl_sampling_sink sink = {
        write_piece,
        s->condition == BL_CONDITION_BARS || is_gone(s) ? write_bars : NULL, &to};
    bl_tokens_kind kind = s->ckpt.vocab.kind;
    bl_json *pg;
    int rc = make_pg(s, self, &pg, e);
    *counts = (bl_sampling_counts){0};
    tell(bl_notices_of(progress), s);
    kind.origin = bl_sampling_origin(s);
    if (rc == 0)
        rc = bl_tokw_new_live(&to.writer, fd, level, &kind, bl_scheme_words(s->scheme),
                              bl_scheme_lines(s->scheme), pg, e);
    if (rc == 0)
        rc = bl_sampling_run(s, &sink, progress, counts, e);
    if (rc == 0)
        rc = bl_tokw_finish(to.writer, 0, e);
    counts->silent = to.n_silent;
    if (rc == 0)
        warn(bl_notices_of(progress), counts, s->wish);
    bl_tokw_del(to.writer);
    bl_song_free(&to.song);
    bl_ids_free(&to.told);
    bl_json_del(pg);
    return rc;
}

void bl_sampling_del(bl_sampling *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < BL_SAMPLING_GROUP; i++) {
        bl_ids_free(&s->lanes[i].ids);
        bl_ids_free(&s->lanes[i].fed);
        bl_ids_free(&s->lanes[i].sides);
        bl_recall_del(s->lanes[i].recall);
    }
    for (size_t i = 0; i < BL_SAMPLING_AHEAD; i++)
        bl_ids_free(&s->done[i]);
    for (size_t i = 0; i < s->n_prompts; i++)
        bl_ids_free(&s->prompts[i]);
    free(s->prompts);
    bl_json_del(s->prompt_pg);
    bl_sampling_conditions_free(&s->given);
    bl_sampling_calls_free(&s->calls);
    bl_sampling_fills_free(s);
    for (size_t m = 0; s->parts != NULL && m < s->coder.merges.n; m++)
        bl_ids_free(&s->parts[m]);
    free(s->parts);
    bl_coder_free(&s->coder);
    free(s->logits);
    free(s->scheme_mask);
    free(s->places);
    free(s->mask);
    free(s->role);
    free(s->order);
    free(s->prob);
    bl_gen_del(s->gen);
    bl_plan_free(&s->plan);
    free(s->like);
    bl_control_del(s->control);
    bl_scheme_del(s->scheme);
    bl_ckpt_free(&s->ckpt);
    bl_pool_del(s->pool);
    free(s);
}
