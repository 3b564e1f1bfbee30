/* xlsample_settle.c - what of a piece is there before it is drawn: prompts, labels,
 * tempo, chords. */
#include "xlsample.h"

#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "io/tokens.h"

/* ---- prompts ---- */

/* A prompt must be music that could have been sampled. */
static int check_prompt(const xlsample *j, const bl_piece *p, bl_err *e)
{
    const bl_words *words = bl_scheme_words(j->scheme);
    bl_grammar g;
    bl_grammar_start(&g, j->scheme);
    for (size_t i = 0; i < p->ids.n; i++) {
        unsigned id = p->ids.id[i];
        const char *wrong = bl_grammar_step(&g, id);
        if (wrong != NULL && !j->no_grammar)
            return bl_fail(e, BL_E_FORMAT, "piece '%s': token %zu '%s': %s", p->name,
                           i + 1, bl_words_name(words, id), wrong);
        if (j->to_vocab[id] < 0)
            return bl_fail(e, BL_E_MISMATCH, "piece '%s': the model has no token '%s'",
                           p->name, bl_words_name(words, id));
    }
    if (bl_grammar_step(&g, BL_ID_EOS) != NULL && !j->no_grammar)
        return bl_fail(e, BL_E_FORMAT, "piece '%s' ends within a note", p->name);
    return 0;
}

static int keep_prompt(xlsample *j, const bl_piece *p, bl_err *e)
{
    void *array = j->prompts;
    int rc = check_prompt(j, p, e);
    if (rc == 0)
        rc = bl_grow(&array, &j->prompts_cap, j->n_prompts + 1, sizeof *j->prompts, e);
    if (rc != 0)
        return rc;
    j->prompts = array;
    j->prompts[j->n_prompts] = (bl_ids){0};
    return bl_ids_add_n(&j->prompts[j->n_prompts++], p->ids.id, p->ids.n, e);
}

static int read_prompts(xlsample *j, bl_err *e)
{
    bl_tokr *r = NULL;
    bl_piece piece = {0};
    int fd;
    int rc = bl_in_open(j->prompt, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_tokr_new(&r, fd, j->prompt, e);
    if (rc == 0 && strcmp(bl_tokr_kind(r)->sha256, bl_scheme_sha256(j->scheme)) != 0)
        rc = bl_fail(e, BL_E_MISMATCH,
                     "the schemes of '%s' (%.12s) and '%s' (%.12s) differ", j->prompt,
                     bl_tokr_kind(r)->sha256, j->opts.operands[0],
                     bl_scheme_sha256(j->scheme));
    if (rc == 0)
        bl_tokr_set_words(r, bl_scheme_words(j->scheme));
    while (rc == 0 && (rc = bl_tokr_next(r, &piece, e)) == 1)
        rc = keep_prompt(j, &piece, e);
    if (rc == 0 && j->n_prompts == 0)
        rc = bl_fail(e, BL_E_FORMAT, "no piece to begin with");
    if (rc == 0 && bl_tokr_pg(r) != NULL) {
        j->prompt_pg = bl_json_copy(bl_tokr_pg(r), e);
        rc = j->prompt_pg != NULL ? 0 : BL_E_NOMEM;
    }
    if (rc != 0)
        bl_err_in(e, j->prompt);
    bl_tokr_del(r);
    bl_piece_free(&piece);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

/* ---- the plan ---- */

static int check_known(const xlsample *j, const bl_ids *ids, bl_err *e)
{
    for (size_t i = 0; i < ids->n; i++)
        if (j->to_vocab[ids->id[i]] < 0)
            return bl_fail(e, BL_E_ARG, "the model's vocabulary has no token '%s'",
                           bl_words_name(bl_scheme_words(j->scheme), ids->id[i]));
    return 0;
}

static int is_given(const bl_opts *o, const char *option)
{
    for (size_t i = 0; i < o->n_given; i++)
        if (strncmp(o->given[i], option, strlen(option)) == 0)
            return 1;
    return 0;
}

/* Where nothing is said seconds decide alone, and without bars the model. */
static int settle_bars(xlsample *j, bl_err *e)
{
    int given = is_given(&j->opts, "--bars="), has_bars = bl_scheme_has_bars(j->scheme);
    if (given && j->bars > 0 && !has_bars)
        return bl_fail(
            e, BL_E_ARG,
            "--bars: the tokens of '%s' have none; --seconds S says how long "
            "a piece is",
            bl_scheme_name(j->scheme));
    if (!given && (j->seconds > 0 || !has_bars))
        j->bars = 0;
    return 0;
}

int xlsample_settle(xlsample *j, bl_err *e)
{
    int rc = settle_bars(j, e);
    if (rc != 0)
        return rc;
    if (j->labels != NULL && j->prompt != NULL)
        return bl_fail(e, BL_E_ARG, "--labels: the prompt has its own");
    if (j->labels != NULL)
        rc = bl_plan_labels(&j->plan, j->scheme, j->labels, e);
    if (rc == 0 && j->chords != NULL)
        rc = bl_plan_chords(&j->plan, j->scheme, j->chords, e);
    if (rc == 0 && j->tempo > 0)
        rc = bl_plan_tempo(&j->plan, j->scheme, (int)j->tempo, e);
    if (rc == 0)
        rc = check_known(j, &j->plan.labels, e);
    if (rc == 0)
        rc = check_known(j, &j->plan.chords, e);
    if (rc == 0)
        rc = check_known(j, &j->plan.tempo, e);
    return rc == 0 && j->prompt != NULL ? read_prompts(j, e) : rc;
}
