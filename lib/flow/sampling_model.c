/* sampling_model.c - the model and the vocabulary of a checkpoint. */
#include "flow/sampling_impl.h"

#include "flow/hub.h"
#include "train/run.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int expand_merges(bl_sampling *s, bl_err *e)
{
    const bl_merges *merges = &s->coder.merges;
    int rc = 0;
    s->parts = bl_calloc(merges->n + 1, sizeof *s->parts, e);
    if (s->parts == NULL)
        return BL_E_NOMEM;
    for (size_t m = 0; m < merges->n && rc == 0; m++) {
        uint16_t id = (uint16_t)(merges->n_base + m);
        rc = bl_coder_to_scheme(&s->coder, &id, 1, &s->parts[m], e);
    }
    return rc;
}

static int map_vocab(bl_sampling *s, bl_err *e)
{
    const bl_coder *c = &s->coder;
    s->n_vocab = (int)bl_words_size(s->ckpt.vocab.words);
    int rc = bl_coder_open(&s->coder, s->scheme, &s->ckpt.vocab, e);
    if (rc != 0)
        return rc;
    int is_known = c->to_vocab[BL_ID_BOS] >= 0;
    for (size_t id = 0; id < c->merges.n_base; id++)
        is_known &= c->to_scheme[id] >= 0;
    if (!is_known)
        return bl_fail(e, BL_E_MISMATCH, "its vocabulary is not one of the scheme '%s'",
                       bl_scheme_name(s->scheme));
    return expand_merges(s, e);
}

static int open_scheme(bl_sampling *s, bl_err *e)
{
    const bl_tokens_kind *kind = &s->ckpt.vocab.kind;
    if (strcmp(kind->spec.scheme, BL_SCHEME_IDS) == 0)
        return bl_scheme_open_words(&s->scheme, s->ckpt.vocab.words, e);
    return bl_scheme_open_stated(&s->scheme, &kind->spec, kind->sha256, e);
}

static int make_scratch(bl_sampling *s, bl_err *e)
{
    size_t n = (size_t)s->n_vocab;
    s->logits = bl_calloc((size_t)s->streams * n, sizeof *s->logits, e);
    s->scheme_mask = bl_calloc(bl_words_size(bl_scheme_words(s->scheme)), 1, e);
    s->mask = bl_calloc(n, 1, e);
    s->order = bl_calloc(n, sizeof *s->order, e);
    s->prob = bl_calloc(n, sizeof *s->prob, e);
    if (s->logits == NULL || s->scheme_mask == NULL || s->mask == NULL ||
        s->order == NULL || s->prob == NULL)
        return BL_E_NOMEM;
    int longest = s->ckpt.info.config.model.recall, rc = 0;
    for (int i = 0; longest > 0 && i < s->streams && rc == 0; i++)
        rc = bl_recall_new(&s->lanes[i].recall, longest, e);
    return rc;
}

static void find_bar(bl_sampling *s)
{
    s->bar = s->own_bar = UINT_MAX;
    for (unsigned id = 0; id < bl_words_size(bl_scheme_words(s->scheme)); id++)
        if (bl_scheme_begins_bar(s->scheme, id)) {
            s->own_bar = id;
            s->bar = (unsigned)s->coder.to_vocab[id];
        }
}

static void settle_odds(bl_sampling *s)
{
    double usual = s->ckpt.info.config.model.recall > 0 ? 0.95 : 0.9;
    if (s->draw.temperature < 0)
        s->draw.temperature = usual;
    if (s->draw.top_p < 0)
        s->draw.top_p = usual;
}

/* What is sampled from: the model that was trained, and how far back it looks. */
static int look_back(const bl_sampling_wish *w, bl_model_config *c, bl_err *e)
{
    if (!bl_model_may_remember_more(c))
        return w->memory == 0 || w->memory == c->memory
                   ? 0
                   : bl_fail(e, BL_E_ARG,
                             "--memory: this run sees as far as it was trained to, "
                             "which the settings of its memory and positions decide");
    c->memory = w->memory > 0 ? (int)w->memory : (int)bl_max(2 * c->memory, c->segment);
    c->segment = (int)bl_min(c->segment, c->memory);
    return 0;
}

/* All but the parameters. */
static int begin(void *arg, const bl_ckpt *c, bl_err *e)
{
    bl_sampling *s = arg;
    const bl_sampling_wish *w = s->wish;
    s->streams =
        (int)bl_min(w->is_endless || w->control != NULL ? 1 : BL_SAMPLING_GROUP, s->n);
    s->condition = c->info.config.model.condition;
    if (bl_model_is_groove(&c->info.config.model))
        return bl_fail(e, BL_E_ARG,
                       "a run of grooves is read from a file, not from a pipe");
    int rc = open_scheme(s, e);
    if (rc == 0)
        rc = map_vocab(s, e);
    find_bar(s);
    if (rc == 0)
        rc = bl_sampling_calls_open(s, e);
    if (rc == 0)
        rc = bl_sampling_conditions_open(s, e);
    bl_model_config model = c->info.config.model;
    if (rc == 0)
        rc = look_back(w, &model, e);
    if (rc == 0)
        rc = bl_gen_begin(&s->gen, &model, s->streams, w->precision, s->pool, e);
    if (rc == 0)
        rc = bl_places_of(&s->places, &c->info.config.model, &s->ckpt.vocab, e);
    if (rc == 0)
        bl_gen_place(s->gen, s->at);
    if (rc == 0)
        rc = make_scratch(s, e);
    settle_odds(s);
    return rc == 0 ? bl_sampling_odds_open(s, e) : rc;
}

static int take(void *arg, const char *name, const bl_tensor *t, bl_err *e)
{
    bl_sampling *s = arg;
    int i = 0, n = bl_gen_n_params(s->gen);
    while (i < n && strcmp(bl_gen_param(s->gen, i)->name, name) != 0)
        i++;
    if (i == n)
        return bl_fail(e, BL_E_FORMAT, "tensor '%s' is not one of the config's",
                       t->name);
    int rc = bl_ckpt_check_param(t, bl_gen_param(s->gen, i), e);
    return rc == 0 ? bl_gen_take(s->gen, i, t->data, e) : rc;
}

/* A folder's tensors are there at once; each is gone when it has been taken. */
static int read_hub(bl_sampling *s, bl_err *e)
{
    bl_hub_ids ids;
    bl_ckpt *c = &s->ckpt;
    int rc = bl_hub_read(c, &ids, s->wish->model, e);
    if (rc == 0 && c->vocab.words == NULL)
        rc = bl_fail(e, BL_E_FORMAT,
                     "no vocab.tsv says what the model's tokens mean; xltrain --init "
                     "teaches it those of your data");
    if (rc == 0)
        rc = begin(s, c, e);
    for (size_t i = 0; i < c->head.n && rc == 0; i++) {
        bl_tensor *t = &c->head.t[i];
        rc = take(s, t->name + strlen("param."), t, e);
        free(t->data);
        t->data = NULL;
    }
    return rc;
}

static int read_ckpt(bl_sampling *s, char file[BL_RUN_PATH], bl_err *e)
{
    const bl_ckpt_taker taker = {begin, take, s};
    int rc = bl_run_find(s->wish->model, "best", file, e);
    return rc == 0 ? bl_ckpt_read(&s->ckpt, file, &taker, e) : rc;
}

int bl_sampling_open(bl_sampling *s, bl_err *e)
{
    char file[BL_RUN_PATH] = "";
    int is_hub = bl_hub_is(s->wish->model);
    int rc = is_hub ? read_hub(s, e) : read_ckpt(s, file, e);
    if (rc == 0)
        rc = bl_gen_ready(s->gen, e);
    if (rc != 0 && (is_hub || file[0] != '\0'))
        bl_err_in(e, is_hub ? s->wish->model : file);
    return rc;
}
