/* sampling_settle.c - what of a piece is there before it is drawn: prompts, labels,
 * tempo, chords. */
#include "flow/sampling_impl.h"
#include "flow/prompts.h"
#include "flow/prompts_fit.h"
#include "flow/source.h"

#include <stdio.h>

enum { NAME_SHOWN = 80 };

/* ---- prompts ---- */

/* A prompt must be music that could have been sampled; `name` of a piece, or NULL. */
static int check_prompt(const bl_sampling *s, const bl_ids *ids, const char *name,
                        bl_err *e)
{
    const bl_words *words = bl_scheme_words(s->scheme);
    char piece[NAME_SHOWN + 16] = "";
    bl_grammar g;
    if (name != NULL)
        snprintf(piece, sizeof piece, "piece '%.*s': ", NAME_SHOWN, name);
    bl_grammar_start(&g, s->scheme);
    for (size_t i = 0; i < ids->n; i++) {
        unsigned id = ids->id[i];
        const char *wrong = bl_grammar_step(&g, id);
        if (wrong != NULL && !s->wish->no_grammar)
            return bl_fail(e, BL_E_FORMAT, "%stoken %zu '%s': %s", piece, i + 1,
                           bl_words_name(words, id), wrong);
        if (s->coder.to_vocab[id] < 0)
            return bl_fail(e, BL_E_MISMATCH,
                           "%stoken %zu '%s' is not in the model's vocabulary, which "
                           "is of what its data held",
                           piece, i + 1, bl_words_name(words, id));
    }
    if (bl_grammar_step(&g, BL_ID_EOS) != NULL && !s->wish->no_grammar)
        return bl_fail(e, BL_E_FORMAT, "%sends within a note", piece);
    return 0;
}

static int keep_prompt(bl_sampling *s, const bl_ids *ids, const char *name, bl_err *e)
{
    void *array = s->prompts;
    int rc = check_prompt(s, ids, name, e);
    if (rc == 0)
        rc = bl_grow(&array, &s->prompts_cap, s->n_prompts + 1, sizeof *s->prompts, e);
    if (rc != 0)
        return rc;
    s->prompts = array;
    s->prompts[s->n_prompts] = (bl_ids){0};
    return bl_ids_add_n(&s->prompts[s->n_prompts++], ids->id, ids->n, e);
}

/* How many of the tokens the first `bars` bars are; 0: all. */
static size_t cut_at(const bl_sampling *s, const bl_piece *p, int64_t bars)
{
    int64_t begun = 0;
    for (size_t i = 0; i < p->ids.n && bars > 0; i++)
        if (bl_scheme_begins_bar(s->scheme, p->ids.id[i]) && begun++ == bars)
            return i;
    return p->ids.n;
}

static int put_before(bl_ids *ids, const bl_ids *first, bl_err *e)
{
    bl_ids all = {0};
    int rc = bl_ids_add_n(&all, first->id, first->n, e);
    if (rc == 0)
        rc = bl_ids_add_n(&all, ids->id, ids->n, e);
    bl_ids_free(ids);
    *ids = all;
    return rc;
}

/* What a piece begins with: labels that are settled before music that has none. */
static int take_prompt(void *arg, const bl_piece *p, int is_midi, bl_err *e)
{
    bl_sampling *s = arg;
    bl_ids ids = {0};
    const bl_ids *labels = &s->plan.labels;
    if (labels->n > 0 && !is_midi)
        return bl_fail(e, BL_E_ARG, "--labels: the prompt has its own");
    int rc = bl_ids_add_n(&ids, p->ids.id, cut_at(s, p, s->wish->prompt_bars), e);
    if (rc == 0 && is_midi)
        rc = bl_prompts_fit(s->scheme, s->coder.to_vocab, &ids, &s->n_replaced, e);
    if (rc == 0)
        rc = put_before(&ids, labels, e);
    if (rc == 0)
        rc = keep_prompt(s, &ids, is_midi ? NULL : p->name, e);
    bl_ids_free(&ids);
    return rc;
}

static int read_prompts(bl_sampling *s, bl_err *e)
{
    if (s->wish->prompt_bars > 0 && !bl_scheme_has_bars(s->scheme))
        return bl_fail(e, BL_E_ARG, "--prompt-bars: the tokens of '%s' have none",
                       bl_scheme_name(s->scheme));
    return bl_prompts_read(s->scheme, s->wish->prompt, take_prompt, s, &s->prompt_pg,
                           e);
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
    if (s->wish->is_endless)
        s->n = INT64_MAX;
    else
        s->n = s->wish->n > 0 ? s->wish->n : s->n_like > 0 ? (int64_t)s->n_like : 1;
    s->copies = bl_max(s->wish->n, 1);
    if (s->wish->condition != NULL || s->wish->fill != NULL)
        s->n = INT64_MAX; /* until the last one has come */
    return rc;
}

/* ---- the plan ---- */

int bl_sampling_check_known(const bl_sampling *s, const bl_ids *ids, bl_err *e)
{
    for (size_t i = 0; i < ids->n; i++)
        if (s->coder.to_vocab[ids->id[i]] < 0)
            return bl_fail(e, BL_E_ARG, "the model's vocabulary has no token '%s'",
                           bl_words_name(bl_scheme_words(s->scheme), ids->id[i]));
    return 0;
}

int bl_sampling_check_chords(const bl_sampling *s, const bl_plan *p, int tonic,
                             bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < p->chords.n && rc == 0; i++) {
        uint16_t id = (uint16_t)bl_plan_chord(p, i, tonic);
        const bl_ids one = {&id, 1, 0};
        rc = bl_sampling_check_known(s, &one, e);
    }
    return rc;
}

/* Of the key that they are to be in, which is a prompt's where there are some. */
static int check_chords(const bl_sampling *s, bl_err *e)
{
    int rc = s->n_prompts == 0 ? bl_sampling_check_known(s, &s->plan.key, e) : 0;
    if (rc == 0 && s->n_prompts == 0)
        return bl_sampling_check_chords(s, &s->plan, bl_plan_tonic(&s->plan), e);
    for (size_t i = 0; i < s->n_prompts && s->plan.chords.n > 0 && rc == 0; i++) {
        bl_plan_at at;
        bl_plan_start(&at);
        for (size_t k = 0; k < s->prompts[i].n; k++)
            bl_plan_step(&s->plan, &at, s->prompts[i].id[k], 1);
        rc = bl_sampling_check_chords(s, &s->plan, at.tonic, e);
    }
    return rc;
}

/* Of a pickup bar a model can go on only where it has a longer meter. */
static int knows_meters(const bl_sampling *s)
{
    for (size_t id = 0; id < bl_words_size(bl_scheme_words(s->scheme)); id++) {
        int num, den;
        if (s->coder.to_vocab[id] >= 0 &&
            bl_scheme_meter(s->scheme, (unsigned)id, &num, &den) && num > 1)
            return 1;
    }
    return 0;
}

static int settle_programs(bl_sampling *s, bl_err *e)
{
    int rc = bl_plan_programs(&s->plan, s->scheme, s->wish->programs, e);
    for (size_t id = 0; rc == 0 && id < bl_words_size(bl_scheme_words(s->scheme)); id++)
        if (s->coder.to_vocab[id] >= 0 && bl_plan_names(&s->plan, (unsigned)id))
            return 0;
    return rc == 0 ? bl_fail(e, BL_E_ARG,
                             "--programs: the model's vocabulary has none of '%.80s'",
                             s->wish->programs)
                   : rc;
}

/* 1 if the model knows a token of the scale that means that. */
static int knows_in_scale(const bl_sampling *s, bl_meaning is)
{
    size_t n = bl_words_size(bl_scheme_words(s->scheme));
    for (unsigned id = 0; id < n; id++)
        if (s->coder.to_vocab[id] >= 0 && bl_plan_in_scale(&s->plan, id) &&
            bl_scheme_meaning(s->scheme, id) == is)
            return 1;
    return 0;
}

static int settle_key(bl_sampling *s, bl_err *e)
{
    const bl_sampling_wish *w = s->wish;
    const bl_spec *spec = bl_scheme_spec(s->scheme);
    int rc = bl_plan_key(&s->plan, s->scheme, w->key, e);
    if (rc != 0)
        return rc;
    if (spec->key && w->prompt != NULL)
        return bl_fail(e, BL_E_ARG, "--key: the prompt has its own");
    if (!spec->key &&
        (!knows_in_scale(s, BL_IS_NOTE) ||
         (spec->chords && w->chords == NULL && !knows_in_scale(s, BL_IS_CHORD))))
        return bl_fail(
            e, BL_E_ARG,
            "--key: the model's vocabulary has no notes, or no chords, of it");
    return 0;
}

/* Where nothing is said seconds decide alone, and without bars the model. */
static int settle_bars(bl_sampling *s, bl_err *e)
{
    const bl_sampling_wish *w = s->wish;
    int has_bars = bl_scheme_has_bars(s->scheme);
    s->bars = w->is_endless ? BL_SAMPLING_ENDLESS : w->bars;
    if (w->is_endless && has_bars)
        return 0;
    if (w->is_endless)
        return bl_fail(e, BL_E_ARG, "--endless: the tokens of '%s' have no bars",
                       bl_scheme_name(s->scheme));
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
        s->bars = w->seconds > 0 || !has_bars || s->follows || w->answer > 0
                      ? 0
                      : BL_SAMPLING_BARS;
    return 0;
}

int bl_sampling_settle(bl_sampling *s, bl_err *e)
{
    const bl_sampling_wish *w = s->wish;
    int rc = settle_bars(s, e);
    if (rc != 0)
        return rc;
    if (w->labels != NULL)
        rc = bl_plan_labels(&s->plan, s->scheme, w->labels, e);
    if (rc == 0 && w->chords != NULL)
        rc = bl_plan_chords(&s->plan, s->scheme, w->chords, e);
    if (rc == 0 && w->key != NULL)
        rc = settle_key(s, e);
    if (rc == 0 && w->density > 0)
        rc = bl_plan_density(&s->plan, s->scheme, w->density, s->coder.to_vocab, e);
    if (rc == 0 && w->tempo > 0)
        rc = bl_plan_tempo(&s->plan, s->scheme, w->tempo, e);
    if (rc == 0 && w->meter.num > 0)
        rc = bl_plan_meter(&s->plan, s->scheme, w->meter.num, w->meter.den_log2, e);
    if (rc == 0 && w->programs != NULL)
        rc = settle_programs(s, e);
    if (rc == 0 && !w->no_grammar)
        bl_plan_sense(&s->plan, s->scheme, knows_meters(s));
    if (rc == 0)
        rc = bl_sampling_check_known(s, &s->plan.meter, e);
    if (rc == 0)
        rc = bl_sampling_check_known(s, &s->plan.labels, e);
    if (rc == 0)
        rc = bl_sampling_check_known(s, &s->plan.tempo, e);
    if (rc == 0 && w->prompt != NULL && w->fill == NULL && w->answer == 0)
        rc = read_prompts(s, e);
    return rc == 0 ? check_chords(s, e) : rc;
}
