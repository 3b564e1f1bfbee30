/* start.c - see start.h. */
#include "flow/start.h"

#include "token/merges.h"
#include "flow/forecast.h"
#include "flow/hub.h"
#include "flow/places.h"
#include "flow/refit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN, VALID };

/* ---- data and checkpoint ---- */

int bl_start_split(bl_shards *s, const char *data, int split, bl_err *e)
{
    int rc = bl_shards_read(s, data, split, e);
    if (rc == 0 && s->n_pieces == 0)
        rc = bl_fail(e, BL_E_FORMAT,
                     "'%s' has no piece in '%s'; shard --split %s=SHARE gives it some",
                     data, bl_split_name(split), bl_split_name(split));
    return rc;
}

/* A damaged checkpoint is not the end of a run that keeps several. */
static void add_older(const char *damaged, bl_err *e)
{
    char older[BL_RUN_PATH];
    size_t used = strlen(e->text);
    if (!bl_run_older(damaged, older))
        return;
    const char *name = strrchr(older, '/') + 1;
    snprintf(e->text + used, sizeof e->text - used, "; 'ln -sfn %s %.150s' goes back",
             name, damaged);
}

int bl_start_ckpt(bl_ckpt *c, const char *path, const char *name, int with_state,
                  bl_err *e)
{
    char file[BL_RUN_PATH];
    bl_hub_ids ids;
    if (!with_state && bl_hub_is(path))
        return bl_hub_read(c, &ids, path, e);
    int rc = bl_run_find(path, name, file, e);
    if (rc != 0)
        return rc;
    rc = bl_ckpt_load(c, file, with_state, e);
    int is_damaged = rc == BL_E_FORMAT || rc == BL_E_TRUNC || rc == BL_E_CORRUPT ||
                     rc == BL_E_VERSION || rc == BL_E_MISMATCH || rc == BL_E_LIMIT;
    if (is_damaged && with_state)
        add_older(file, e);
    return rc;
}

/* Of one scheme, but with other words: how many, and how many merges among them. */
static int vocabs_differ(const bl_vocab *of_run, const bl_vocab *of_data,
                         const char *data, const char *from, bl_err *e)
{
    size_t n[2] = {0, 0}, merges[2] = {0, 0};
    const bl_words *words[2] = {of_data->words, of_run->words};
    for (int i = 0; i < 2 && words[i] != NULL; i++) {
        n[i] = bl_words_size(words[i]);
        for (size_t id = 0; id < n[i]; id++)
            merges[i] += strncmp(bl_words_name(words[i], id), BL_MERGE_PREFIX,
                                 strlen(BL_MERGE_PREFIX)) == 0;
    }
    return bl_fail(
        e, BL_E_MISMATCH,
        "the vocabularies of '%.120s' and '%.120s' differ: %zu tokens, %zu of "
        "them merges, not %zu with %zu%s; 'shard --vocab' with the vocab.tsv "
        "of the run's data makes such data, --init learns other words",
        data, from, n[0], merges[0], n[1], merges[1],
        n[0] == n[1] && merges[0] == merges[1] ? " of other names" : "");
}

int bl_start_check_vocab(const bl_shards *s, const char *data, const bl_ckpt *c,
                         const char *from, bl_err *e)
{
    if (data == NULL)
        return 0;
    /* a folder without names of tokens: as many are taken for the same */
    int is_nameless = c->vocab.words == NULL && bl_words_size(s->vocab.words) ==
                                                    (size_t)c->info.config.model.vocab;
    if (is_nameless || strcmp(s->vocab.sha256, c->vocab.sha256) == 0)
        return 0;
    int rc = c->vocab.words == NULL
                 ? 0
                 : bl_tokens_same_kind(from, &c->vocab.kind, data, &s->vocab.kind, e);
    return rc != 0 ? rc : vocabs_differ(&c->vocab, &s->vocab, data, from, e);
}

/* A run that left the finite numbers before its first checkpoint, say. */
static int check_can_resume(const char *run, bl_err *e)
{
    int has = bl_run_exists(run) ? bl_run_has_ckpt(run, e) : 1;
    if (has != 0)
        return has < 0 ? has : 0;
    bl_fail(e, BL_E_OPEN,
            "the folder holds no checkpoint to go on from; -f in the place of --resume "
            "begins anew");
    bl_err_in(e, run);
    return BL_E_OPEN;
}

static int load_run(bl_start *s, const bl_start_wish *w, bl_err *e)
{
    int rc = check_can_resume(w->run, e);
    if (rc == 0)
        rc = bl_start_ckpt(&s->ckpt, w->run, "latest", 1, e);
    if (rc != 0)
        return rc;
    if (strcmp(s->ckpt.info.manifest_sha256, s->train.manifest_sha256) != 0)
        return bl_fail(e, BL_E_MISMATCH,
                       "'%s' is not the data that '%s' was trained on", w->data,
                       w->run);
    return bl_start_check_vocab(&s->train, w->data, &s->ckpt, w->run, e);
}

/* Grooves for a model of grooves, tokens for the others. */
static int check_rows(const bl_shards *s, const bl_model_config *c, const char *data,
                      bl_err *e)
{
    if (bl_model_is_groove(c) == (s->rows != NULL))
        return 0;
    return bl_fail(e, BL_E_ARG,
                   s->rows != NULL
                       ? "'%s' holds grooves: --preset groove or groove-vae, or --set "
                         "arch=groove, learns from them"
                       : "'%s' holds tokens, and %s learns from grooves; midi2remi "
                         "--scheme groove makes some",
                   data, bl_model_choice("arch", c->arch));
}

/* Other words than the data's: rows by name, and the mean of all for what is new. */
static int fit_vocab(bl_start *s, const bl_start_wish *w, const bl_notices *notices,
                     bl_err *e)
{
    bl_refit_counts n;
    const bl_vocab *ours = &s->train.vocab;
    if (w->data == NULL)
        return 0;
    int rc = bl_refit_from(&s->ckpt, w->init, ours, &n, e);
    if (rc != 0 || n.is_same)
        return rc;
    if (n.is_nameless)
        bl_notice(notices, BL_NOTICE_INFO,
                  "'%s' names no tokens: its %" PRId64 " ids are taken for the data's",
                  w->init, n.kept);
    else
        bl_notice(notices, BL_NOTICE_INFO,
                  "of %zu tokens %" PRId64 " have a row by name in '%s', %" PRId64
                  " begin with the mean; %" PRId64 " rows are left behind",
                  bl_words_size(ours->words), n.kept, w->init, n.fresh, n.left);
    return 0;
}

static int load(bl_start *s, const bl_start_wish *w, const bl_notices *notices,
                bl_err *e)
{
    if (w->resumes)
        return load_run(s, w, e);
    if (w->init == NULL)
        return 0;
    int rc = bl_start_ckpt(&s->ckpt, w->init, "best", 0, e);
    if (rc == 0 && w->data != NULL)
        rc = check_rows(&s->train, &s->ckpt.info.config.model, w->data, e);
    return rc == 0 ? fit_vocab(s, w, notices, e) : rc;
}

/* ---- settings ---- */

/* A run that is resumed keeps its settings, unless the command that began it is given
 * again. is_new: they are those of no weights yet. */
static int base_config(bl_start *s, const bl_start_wish *w, int *is_new, bl_err *e)
{
    if (w->resumes && w->preset == NULL && w->config == NULL) {
        s->plan = s->ckpt.info.config;
        *is_new = 0;
        return 0;
    }
    int rc = bl_config_preset(&s->plan, w->preset != NULL ? w->preset : "minutes", e);
    *is_new = w->init == NULL;
    if (rc == 0 && w->init != NULL) {
        s->plan.model = s->ckpt.info.config.model;
        s->plan.model.freeze = 0; /* how it was trained, not what it is */
    }
    return rc;
}

const char *bl_start_precision(bl_model_config *c, int asked, const bl_notices *notices)
{
    if (asked >= 0)
        c->precision = asked;
    if (bl_model_precision(c) == c->precision)
        return NULL;
    const char *name = bl_model_choice("precision", c->precision);
    bl_notice(notices, BL_NOTICE_ALWAYS,
              "this processor has no unit for it: fp32 instead of %s", name);
    c->precision = bl_model_precision(c);
    return name;
}

static int check_fixed(const bl_start *s, const bl_start_wish *w, bl_err *e)
{
    if (!w->resumes && w->init == NULL)
        return 0;
    const char *key = bl_config_differs(&s->plan, &s->ckpt.info.config,
                                        w->resumes ? BL_FIXED_RUN : BL_FIXED_WEIGHTS);
    if (key == NULL)
        return 0;
    return bl_fail(e, BL_E_ARG, "%s cannot be changed: '%s' has another", key,
                   w->resumes ? w->run : w->init);
}

/* The steps of a window are those of the data, whatever a preset has. */
static int take_steps(bl_start *s, const bl_start_wish *w, bl_err *e)
{
    int steps = (int)s->train.rows->kind.shape[0], asked = 0;
    for (size_t i = 0; i < w->n_set; i++)
        asked |= strncmp(w->set[i], "segment=", strlen("segment=")) == 0;
    if (asked && s->plan.model.segment != steps)
        return bl_fail(
            e, BL_E_ARG,
            "segment is %d, and the windows of '%s' have %d steps; midi2remi "
            "--window makes others",
            s->plan.model.segment, w->data, steps);
    s->plan.model.segment = steps;
    return 0;
}

/* Whether the conditions of a split are pieces with holes: MASK stands in no other. */
static int has_holes(const bl_shards *s)
{
    for (size_t i = 0; i < s->n_condition_tokens; i++)
        if (s->condition_tokens[i] == BL_ID_MASK)
            return 1;
    return 0;
}

/* The most bars that a condition has on a side of its hole, and whether none has any
 * after it. */
static void look_around(const bl_shards *s, bl_model_config *c)
{
    int bar = bl_words_find(s->vocab.words, "Bar", strlen("Bar"));
    int64_t most = 0, most_after = 0;
    for (size_t i = 0; i < s->n_pieces; i++) {
        int64_t bars = 0, first = 0, last = 0;
        for (int64_t k = s->condition_offsets[i]; k < s->condition_offsets[i + 1];
             k++) {
            bars += s->condition_tokens[k] == bar;
            if (s->condition_tokens[k] == BL_ID_MASK)
                last = bars;
            if (first == 0)
                first = last;
        }
        most = bl_max(most, bl_max(first - 1, bars - last));
        most_after = bl_max(most_after, bars - last);
    }
    c->around = (int)bl_min(most, 65536);
    c->left_only = most_after == 0;
}

/* What the data say of it, whatever a run had that this one begins with. */
static int settle_holes(bl_start *s, const bl_start_wish *w, bl_err *e)
{
    bl_model_config *c = &s->plan.model;
    int has = has_holes(&s->train);
    if (w->data == NULL)
        return 0;
    if (has &&
        (c->condition == BL_CONDITION_BARS || c->condition == BL_CONDITION_ENCODER))
        return bl_fail(e, BL_E_ARG,
                       "'%s' has pieces with holes, whose bars are not those of what "
                       "fills them: they go with condition=prefix, not %s",
                       w->data, bl_model_choice("condition", c->condition));
    if (c->holes && !has && w->init == NULL)
        return bl_fail(e, BL_E_ARG,
                       "holes=1 wants pieces with holes, which '%s' has not; shard "
                       "--holes makes some",
                       w->data);
    c->holes = has && c->condition == BL_CONDITION_PREFIX;
    if (w->resumes)
        return 0;
    c->around = c->left_only = 0;
    if (c->holes)
        look_around(&s->train, c);
    return 0;
}

/* Of a run that begins: a condition of which nothing is remembered any more when its
 * target comes teaches nothing, whole ones crowd the targets out of most steps, and
 * what stands near is found sooner. */
static void settle_stretch(bl_model_config *c)
{
    enum { USUAL = 32 };
    int seen =
        bl_model_is_forgetful(c) || c->arch == BL_ARCH_LSTM ? c->segment : c->memory;
    if (c->condition == BL_CONDITION_PREFIX && !c->holes && c->stretch == 0)
        c->stretch = (int)bl_max(bl_min(seen / 4, USUAL), 1);
}

/* Of the preset or the run, then the file, the assignments, seed and steps. */
static int settle(bl_start *s, const bl_start_wish *w, const bl_notices *notices,
                  bl_err *e)
{
    int is_new, rc = base_config(s, w, &is_new, e);
    if (rc == 0 && is_new && w->data != NULL && has_holes(&s->train))
        s->plan.model.condition = BL_CONDITION_PREFIX; /* unless another is asked for */
    if (rc == 0)
        rc = bl_config_change(&s->plan, w->config, w->set, w->n_set, is_new, e);
    if (rc != 0)
        return rc;
    if (w->seed >= 0)
        s->plan.seed = w->seed;
    if (w->steps > 0)
        s->plan.steps = w->steps;
    if (w->data != NULL)
        s->plan.model.vocab = (int)bl_words_size(s->train.vocab.words);
    if (w->data != NULL && s->train.rows != NULL)
        rc = take_steps(s, w, e);
    if (rc != 0)
        return rc;
    if (s->plan.model.vocab == 0 && bl_model_is_groove(&s->plan.model))
        s->plan.model.vocab = 3 * BL_VOICES + 4; /* names of a step's numbers */
    if (s->plan.model.vocab == 0)
        return bl_fail(e, BL_E_ARG,
                       "no data say how many tokens there are: name a folder made by "
                       "shard with --data DIR");
    rc = settle_holes(s, w, e);
    if (rc != 0)
        return rc;
    if (!w->resumes)
        settle_stretch(&s->plan.model);
    s->asked = bl_start_precision(&s->plan.model, w->precision, notices);
    rc = bl_config_check(&s->plan, e);
    if (rc == 0)
        rc = bl_config_check_use(&s->plan, w->set, w->n_set, e);
    return rc == 0 ? check_fixed(s, w, e) : rc;
}

static int read_shards(bl_start *s, const bl_start_wish *w, bl_err *e)
{
    if (w->data == NULL)
        return 0;
    int rc = bl_start_split(&s->train, w->data, TRAIN, e);
    if (rc == 0)
        rc = bl_shards_read(&s->valid, w->data, VALID, e);
    return rc == 0 && s->train.rows != NULL && s->valid.n_pieces == 0
               ? bl_shards_hold_out(&s->train, &s->valid, e)
               : rc;
}

/* An encoder with an embedding of its own may know fewer tokens than there are. */
static int check_sources(const bl_shards *s, const bl_model_config *c, const char *data,
                         bl_err *e)
{
    int known = bl_model_source_vocab(c);
    for (size_t i = 0; i < s->n_condition_tokens; i++)
        if (s->condition_tokens[i] >= known)
            return bl_fail(e, BL_E_ARG,
                           "source_vocab is %d, and conditions in '%s' have token %d, "
                           "'%s'; it wants to be %zu, or 0 for all of the vocabulary",
                           known, data, s->condition_tokens[i],
                           bl_words_name(s->vocab.words, s->condition_tokens[i]),
                           bl_words_size(s->vocab.words));
    return 0;
}

int bl_start_pairs(bl_pairs *p, const bl_shards *s, const bl_model_config *c,
                   const bl_token_place *places, const char *data, bl_err *e)
{
    int asks = c->places > 0 || c->bar_rows > 0;
    bl_pieces targets = bl_pieces_of(s, asks ? places : NULL);
    targets.recall = c->recall;
    const bl_pieces conditions = {.tokens = s->condition_tokens,
                                  .offsets = s->condition_offsets,
                                  .n_pieces = (int64_t)s->n_pieces};
    *p = (bl_pairs){.pieces = targets};
    int rc = check_rows(s, c, data, e);
    if (rc != 0)
        return rc;
    if (s->rows != NULL && s->rows->kind.shape[0] != c->segment)
        return bl_fail(e, BL_E_ARG, "'%s' has windows of %d steps, the model reads %d",
                       data, (int)s->rows->kind.shape[0], c->segment);
    if (c->condition == BL_CONDITION_NONE || s->n_pieces == 0)
        return 0;
    if (s->condition_offsets == NULL)
        return bl_fail(e, BL_E_ARG,
                       "condition=%s wants a condition with each piece, which '%s' has "
                       "not; shard --condition gives it some",
                       bl_model_choice("condition", c->condition), data);
    rc = c->condition == BL_CONDITION_ENCODER ? check_sources(s, c, data, e) : 0;
    return rc == 0 ? bl_pairs_make(p, &targets, &conditions, c, places, e) : rc;
}

/* The genre of each window as the number of its labels. */
static int classes_of(const bl_row_store *store, int32_t *class, int *n, bl_err *e)
{
    bl_words *words = bl_words_new(e);
    int rc = words != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; i < store->n_pieces && rc == 0; i++) {
        const bl_row_piece *p = &store->pieces[i];
        const char *genre = strstr(p->labels, "Genre_");
        size_t len = genre != NULL ? strcspn(genre, "\n") : 0;
        int64_t id = genre != NULL ? bl_words_find(words, genre, len) : -1;
        if (genre == NULL) {
            genre = "none";
            len = 4;
            id = bl_words_find(words, genre, len);
        }
        if (id < 0) {
            id = (int64_t)bl_words_size(words);
            rc = bl_words_add(words, genre, len, e);
        }
        for (size_t k = 0; k < p->n; k++)
            class[p->start + k] = (int32_t)id;
    }
    *n = rc == 0 ? (int)bl_words_size(words) : 0;
    bl_words_del(words);
    return rc;
}

/* What cells and windows weigh in training. */
static int weigh(bl_start *s, bl_err *e)
{
    const bl_train_config *c = &s->plan;
    bl_pieces *p = &s->train_pairs.pieces;
    int n, rc = 0;
    if (c->hit_balance > 0) {
        s->cell_weight =
            bl_cell_weights(p, p->window_numbers, BL_VOICES, c->hit_balance, e);
        rc = s->cell_weight != NULL ? 0 : BL_E_NOMEM;
    }
    if (rc == 0 && c->genre_balance > 0) {
        size_t n_rows = s->train.rows->n_rows;
        int32_t *class = bl_calloc(n_rows, sizeof *class, e);
        rc = class != NULL ? classes_of(s->train.rows, class, &n, e) : BL_E_NOMEM;
        if (rc == 0)
            s->lane_weight = bl_class_weights(class, n_rows, n, c->genre_balance, e);
        free(class);
        if (rc == 0 && s->lane_weight == NULL)
            rc = BL_E_NOMEM;
    }
    p->cell_weight = s->cell_weight;
    p->lane_weight = s->lane_weight;
    return rc;
}

/* Splits as the model reads them; what is cut is told. */
static int pair(bl_start *s, const bl_start_wish *w, const bl_notices *notices,
                bl_err *e)
{
    const bl_model_config *c = &s->plan.model;
    int rc = bl_places_of(&s->places, c, &s->train.vocab, e);
    if (rc == 0)
        rc = bl_start_pairs(&s->train_pairs, &s->train, c, s->places, w->data, e);
    if (rc == 0)
        rc = bl_start_pairs(&s->valid_pairs, &s->valid, c, s->places, w->data, e);
    if (rc == 0 && s->train.rows != NULL)
        rc = weigh(s, e);
    int64_t n_cut = s->train_pairs.n_cut + s->valid_pairs.n_cut;
    if (rc == 0 && n_cut > 0)
        bl_notice(notices, BL_NOTICE_INFO,
                  "%lld of %zu conditions are longer than %s=%d and are read in "
                  "stretches of bars",
                  (long long)n_cut, s->train.n_pieces + s->valid.n_pieces,
                  bl_model_stretch(c) > 0 ? "stretch" : "source",
                  bl_model_stretch(c) > 0 ? c->stretch : c->source);
    return rc;
}

int bl_start_read(bl_start *s, const bl_start_wish *w, const bl_notices *notices,
                  bl_err *e)
{
    int rc = read_shards(s, w, e);
    if (rc == 0)
        rc = load(s, w, notices, e);
    if (rc == 0)
        rc = settle(s, w, notices, e);
    return rc == 0 && w->data != NULL ? pair(s, w, notices, e) : rc;
}

void bl_start_free(bl_start *s)
{
    bl_pairs_free(&s->train_pairs);
    bl_pairs_free(&s->valid_pairs);
    free(s->places);
    free(s->cell_weight);
    free(s->lane_weight);
    s->places = NULL;
    bl_ckpt_free(&s->ckpt);
    bl_shards_free(&s->train);
    bl_shards_free(&s->valid);
    *s = (bl_start){0};
}
