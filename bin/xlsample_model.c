/* xlsample_model.c - the model and the vocabulary of a checkpoint. */
#include "xlsample.h"

#include "train/run.h"

static int map_merges(xlsample *j, bl_err *e)
{
    int rc = bl_merge_rule_of(&j->rule, j->scheme, j->to_vocab, j->merges.n_base, e);
    j->parts = bl_calloc(j->merges.n + 1, sizeof *j->parts, e);
    if (rc == 0 && j->parts == NULL)
        rc = BL_E_NOMEM;
    for (size_t m = 0; m < j->merges.n && rc == 0; m++) {
        bl_ids *parts = &j->parts[m];
        rc = bl_merges_expand(&j->merges, (unsigned)(j->merges.n_base + m), parts, e);
        for (size_t i = 0; i < parts->n && rc == 0; i++)
            parts->id[i] = j->to_scheme[parts->id[i]];
    }
    return rc;
}

static int map_vocab(xlsample *j, bl_err *e)
{
    const bl_words *words = bl_scheme_words(j->scheme), *ours = j->ckpt.vocab.words;
    size_t n = bl_words_size(words);
    j->n_vocab = (int)bl_words_size(ours);
    j->to_vocab = bl_calloc(n, sizeof *j->to_vocab, e);
    j->to_scheme = bl_calloc((size_t)j->n_vocab, sizeof *j->to_scheme, e);
    if (j->to_vocab == NULL || j->to_scheme == NULL)
        return BL_E_NOMEM;
    bl_vocab_map(&j->ckpt.vocab, words, j->to_vocab);
    size_t known = 0;
    for (size_t id = 0; id < n; id++) {
        if (j->to_vocab[id] >= 0) {
            j->to_scheme[j->to_vocab[id]] = (uint16_t)id;
            known++;
        }
    }
    int rc = bl_merges_of_words(&j->merges, ours, e);
    if (rc == 0 && (known != j->merges.n_base || j->to_vocab[BL_ID_BOS] < 0))
        rc = bl_fail(e, BL_E_MISMATCH, "its vocabulary is not one of the scheme '%s'",
                     bl_scheme_name(j->scheme));
    return rc == 0 ? map_merges(j, e) : rc;
}

static int open_scheme(xlsample *j, bl_err *e)
{
    const bl_tokens_kind *kind = &j->ckpt.vocab.kind;
    return bl_scheme_open_stated(&j->scheme, &kind->spec, kind->sha256, e);
}

/* The parameters live in a model of one lane and as few tokens as can be; generation
 * keeps keys and values of its own. */
static int build_model(xlsample *j, bl_err *e)
{
    const bl_model_config *trained = &j->ckpt.info.config.model;
    bl_model_config small = bl_gen_holder(trained);
    j->streams = (int)bl_min(GROUP, j->n);
    int rc = bl_model_new(&j->model, &small, 1, 0, j->pool, e);
    if (rc == 0)
        rc = bl_ckpt_get_params(&j->ckpt, j->model, e);
    if (rc == 0)
        rc = bl_gen_new(&j->gen, j->model, trained, j->streams,
                        (bl_precision)j->precision, j->pool, e);
    return rc;
}

static int make_scratch(xlsample *j, bl_err *e)
{
    size_t n = (size_t)j->n_vocab;
    j->logits = bl_calloc(GROUP * n, sizeof *j->logits, e);
    j->scheme_mask = bl_calloc(bl_words_size(bl_scheme_words(j->scheme)), 1, e);
    j->mask = bl_calloc(n, 1, e);
    j->order = bl_calloc(n, sizeof *j->order, e);
    j->prob = bl_calloc(n, sizeof *j->prob, e);
    return j->logits != NULL && j->scheme_mask != NULL && j->mask != NULL &&
                   j->order != NULL && j->prob != NULL
               ? 0
               : BL_E_NOMEM;
}

int xlsample_open(xlsample *j, const char *path, bl_err *e)
{
    char file[BL_RUN_PATH];
    int rc = bl_run_find(path, "best", file, e);
    if (rc == 0)
        rc = bl_ckpt_load(&j->ckpt, file, 0, e);
    if (rc != 0)
        return rc;
    rc = open_scheme(j, e);
    if (rc == 0)
        rc = map_vocab(j, e);
    if (rc == 0)
        rc = build_model(j, e);
    if (rc == 0)
        rc = make_scratch(j, e);
    if (rc != 0)
        bl_err_in(e, file);
    return rc;
}
