/* sampling_settle.c - what of a piece is there before it is drawn: prompts, labels,
 * tempo, chords. */
#include "flow/sampling_impl.h"
#include "flow/source.h"

#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "io/tokens.h"

/* ---- prompts ---- */

/* A prompt must be music that could have been sampled. */
static int check_prompt(const bl_sampling *s, const bl_piece *p, bl_err *e)
{
    const bl_words *words = bl_scheme_words(s->scheme);
    bl_grammar g;
    bl_grammar_start(&g, s->scheme);
    for (size_t i = 0; i < p->ids.n; i++) {
        unsigned id = p->ids.id[i];
        const char *wrong = bl_grammar_step(&g, id);
        if (wrong != NULL && !s->wish->no_grammar)
            return bl_fail(e, BL_E_FORMAT, "piece '%s': token %zu '%s': %s", p->name,
                           i + 1, bl_words_name(words, id), wrong);
        if (s->coder.to_vocab[id] < 0)
            return bl_fail(e, BL_E_MISMATCH, "piece '%s': the model has no token '%s'",
                           p->name, bl_words_name(words, id));
    }
    if (bl_grammar_step(&g, BL_ID_EOS) != NULL && !s->wish->no_grammar)
        return bl_fail(e, BL_E_FORMAT, "piece '%s' ends within a note", p->name);
    return 0;
}

static int keep_prompt(bl_sampling *s, const bl_piece *p, bl_err *e)
{
    void *array = s->prompts;
    int rc = check_prompt(s, p, e);
    if (rc == 0)
        rc = bl_grow(&array, &s->prompts_cap, s->n_prompts + 1, sizeof *s->prompts, e);
    if (rc != 0)
        return rc;
    s->prompts = array;
    s->prompts[s->n_prompts] = (bl_ids){0};
    return bl_ids_add_n(&s->prompts[s->n_prompts++], p->ids.id, p->ids.n, e);
}

static int read_prompts(bl_sampling *s, bl_err *e)
{
    bl_tokr *r = NULL;
    bl_piece piece = {0};
    int fd;
    int rc = bl_in_open(s->wish->prompt, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_tokr_new(&r, fd, s->wish->prompt, e);
    if (rc == 0 && strcmp(bl_tokr_kind(r)->sha256, bl_scheme_sha256(s->scheme)) != 0)
        rc = bl_fail(e, BL_E_MISMATCH,
                     "the schemes of '%s' (%.12s) and '%s' (%.12s) differ",
                     s->wish->prompt, bl_tokr_kind(r)->sha256, s->wish->model,
                     bl_scheme_sha256(s->scheme));
    if (rc == 0)
        bl_tokr_set_words(r, bl_scheme_words(s->scheme));
    while (rc == 0 && (rc = bl_tokr_next(r, &piece, e)) == 1)
        rc = keep_prompt(s, &piece, e);
    if (rc == 0 && s->n_prompts == 0)
        rc = bl_fail(e, BL_E_FORMAT, "no piece to begin with");
    if (rc == 0 && bl_tokr_pg(r) != NULL) {
        s->prompt_pg = bl_json_copy(bl_tokr_pg(r), e);
        rc = s->prompt_pg != NULL ? 0 : BL_E_NOMEM;
    }
    if (rc != 0)
        bl_err_in(e, s->wish->prompt);
    bl_tokr_del(r);
    bl_piece_free(&piece);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

/* ---- how many, how long ---- */

static int keep_length(bl_sampling *s, const bl_scheme *scheme, const bl_piece *p,
                       bl_err *e)
{
    bl_lines lines = bl_scheme_lines(scheme);
    void *array = s->like;
    uint64_t sum = 0;
    int rc = bl_grow(&array, &s->like_cap, s->n_like + 1, sizeof *s->like, e);
    if (rc != 0)
        return rc;
    s->like = array;
    for (size_t i = 0; i < p->ids.n; i++)
        sum += lines.advance[p->ids.id[i]];
    if (sum > 0)
        s->like[s->n_like++] = (double)sum / lines.unit;
    return 0;
}

static int read_lengths(bl_sampling *s, bl_err *e)
{
    const char *path = s->wish->like;
    bl_source source = {0};
    bl_piece piece = {0};
    int rc = bl_source_open(&source, &path, 1, e);
    while (rc == 0 && (rc = bl_corpus_next(source.corpus, &piece, e)) == 1)
        rc = keep_length(s, source.scheme, &piece, e);
    if (rc == 0 && s->n_like == 0) {
        rc = bl_fail(e, BL_E_FORMAT, "no piece that has a length");
        bl_err_in(e, path);
    }
    s->like_has_bars = rc == 0 && bl_scheme_has_bars(source.scheme);
    bl_piece_free(&piece);
    bl_source_free(&source);
    return rc;
}

int bl_sampling_count(bl_sampling *s, bl_err *e)
{
    int rc = s->wish->like != NULL ? read_lengths(s, e) : 0;
    s->n = s->wish->n > 0 ? s->wish->n : s->n_like > 0 ? (int64_t)s->n_like : 1;
    s->copies = bl_max(s->wish->n, 1);
    if (s->wish->condition != NULL)
        s->n = INT64_MAX; /* until the last one has come */
    return rc;
}

/* ---- the plan ---- */

static int check_known(const bl_sampling *s, const bl_ids *ids, bl_err *e)
{
    for (size_t i = 0; i < ids->n; i++)
        if (s->coder.to_vocab[ids->id[i]] < 0)
            return bl_fail(e, BL_E_ARG, "the model's vocabulary has no token '%s'",
                           bl_words_name(bl_scheme_words(s->scheme), ids->id[i]));
    return 0;
}

/* Where nothing is said seconds decide alone, and without bars the model. */
static int settle_bars(bl_sampling *s, bl_err *e)
{
    const bl_sampling_wish *w = s->wish;
    int has_bars = bl_scheme_has_bars(s->scheme);
    s->bars = w->bars;
    if (w->bars > 0 && !has_bars)
        return bl_fail(e, BL_E_ARG, "--bars: the tokens of '%s' have none; %s",
                       bl_scheme_name(s->scheme),
                       bl_scheme_is_opaque(s->scheme)
                           ? "--max-tokens N says how many"
                           : "--seconds S says how long a piece is");
    if ((w->seconds > 0 || w->like != NULL) && bl_scheme_is_opaque(s->scheme))
        return bl_fail(e, BL_E_ARG,
                       "%s: nothing says how long the tokens of '%s' last; "
                       "--max-tokens N says how many",
                       w->like != NULL ? "--like" : "--seconds",
                       bl_scheme_name(s->scheme));
    if (w->like != NULL && s->like_has_bars != has_bars)
        return bl_fail(e, BL_E_MISMATCH,
                       "--like '%s': its pieces are as many %s long, those of '%s' as "
                       "many %s",
                       w->like, s->like_has_bars ? "bars" : "seconds",
                       bl_scheme_name(s->scheme), has_bars ? "bars" : "seconds");
    s->follows = s->condition != BL_CONDITION_NONE && has_bars && w->bars < 0 &&
                 w->seconds <= 0 && w->like == NULL;
    if (w->bars < 0)
        s->bars = w->seconds > 0 || !has_bars || s->follows ? 0 : BL_SAMPLING_BARS;
    return 0;
}

int bl_sampling_settle(bl_sampling *s, bl_err *e)
{
    const bl_sampling_wish *w = s->wish;
    int rc = settle_bars(s, e);
    if (rc != 0)
        return rc;
    if (w->labels != NULL && w->prompt != NULL)
        return bl_fail(e, BL_E_ARG, "--labels: the prompt has its own");
    if (w->labels != NULL)
        rc = bl_plan_labels(&s->plan, s->scheme, w->labels, e);
    if (rc == 0 && w->chords != NULL)
        rc = bl_plan_chords(&s->plan, s->scheme, w->chords, e);
    if (rc == 0 && w->tempo > 0)
        rc = bl_plan_tempo(&s->plan, s->scheme, w->tempo, e);
    if (rc == 0)
        rc = check_known(s, &s->plan.labels, e);
    if (rc == 0)
        rc = check_known(s, &s->plan.chords, e);
    if (rc == 0)
        rc = check_known(s, &s->plan.tempo, e);
    return rc == 0 && w->prompt != NULL ? read_prompts(s, e) : rc;
}
