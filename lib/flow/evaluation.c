/* evaluation.c - see evaluation.h. */
#include "flow/evaluation.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/forecast.h"
#include "flow/places.h"
#include "io/file.h"
#include "io/prov.h"
#include "train/ckpt_meta.h"

typedef struct {
    const bl_evaluation_wish *wish;
    bl_shards shards;
    bl_pool *pool;
    bl_ckpt ckpt;
    bl_model *model;
    int apart;
    float *log_prob; /* [tokens], or NULL */
    bl_json *pg;
} evaluation;

/* The settings of the run to evaluate, changed where the weights allow it. */
static int settle(evaluation *v, bl_model_config *model, bl_err *e)
{
    bl_train_config c = v->ckpt.info.config;
    int rc =
        bl_config_change(&c, NULL, v->wish->start->set, v->wish->start->n_set, 0, e);
    if (rc == 0)
        rc = bl_config_check(&c, e);
    const char *key = bl_config_differs(&c, &v->ckpt.info.config, BL_FIXED_WEIGHTS);
    if (rc == 0 && key != NULL)
        rc =
            bl_fail(e, BL_E_ARG, "%s cannot be changed: the weights have another", key);
    *model = bl_config_eval(&c);
    v->apart = c.eval_memory == BL_EVAL_APART;
    if (rc == 0)
        (void)bl_start_precision(model, v->wish->start->precision, &v->wish->notices);
    return rc;
}

/* ---- ln p of tokens ---- */

static bl_json *make_meta(const evaluation *v, bl_err *e)
{
    char step[32];
    bl_json *meta = bl_json_object(e);
    snprintf(step, sizeof step, "%" PRId64, v->ckpt.info.step);
    int rc =
        meta != NULL ? bl_json_set_str(meta, "schema", "xl-logprobs/1", e) : e->code;
    if (rc == 0)
        rc = bl_json_set_str(meta, "split", v->wish->split, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "step", step, e);
    if (rc == 0)
        rc = bl_ckpt_set_vocab(meta, &v->shards.vocab, e);
    if (rc == 0)
        rc = bl_prov_put_text(meta, v->pg, e);
    if (rc != 0) {
        bl_json_del(meta);
        return NULL;
    }
    return meta;
}

static int make_tensors(const bl_shards *s, float *log_prob, bl_tensor t[3], bl_err *e)
{
    int64_t n = (int64_t)s->n_tokens, ends = (int64_t)s->n_pieces + 1;
    int rc = bl_tensor_make(&t[0], "ids", BL_U16, 1, &n, s->tokens, e);
    if (rc == 0)
        rc = bl_tensor_make(&t[1], "log_prob", BL_F32, 1, &n, log_prob, e);
    if (rc == 0)
        rc = bl_tensor_make(&t[2], "offsets", BL_I64, 1, &ends, s->offsets, e);
    return rc;
}

/* The split's ids, ln p of each and where pieces begin, as one record. */
static int write_log_probs(const evaluation *v, bl_err *e)
{
    enum { LEVEL = 3 };
    bl_tensor t[3];
    bl_zw *w = NULL;
    bl_out out = {.fd = -1};
    bl_json *meta = make_meta(v, e);
    int rc = meta != NULL ? make_tensors(&v->shards, v->log_prob, t, e) : e->code;
    if (rc == 0)
        rc = bl_out_open(&out, v->wish->log_probs, e);
    if (rc == 0)
        rc = bl_zw_new(&w, out.fd, v->wish->plain ? 0 : LEVEL, e);
    if (rc == 0)
        rc = bl_tensors_write(w, t, BL_COUNT(t), meta, e);
    if (rc == 0)
        rc = bl_zw_end_frame(w, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    bl_zw_del(w);
    bl_json_del(meta);
    return rc == 0 ? 0 : bl_fail_in(e, rc, v->wish->log_probs);
}

/* What no token came before is not predicted. */
static float *unpredicted(size_t n, bl_err *e)
{
    float *log_prob = bl_calloc(n, sizeof *log_prob, e);
    for (size_t i = 0; log_prob != NULL && i < n; i++)
        log_prob[i] = NAN;
    return log_prob;
}

static int prepare_log_probs(evaluation *v, const bl_self *self, bl_err *e)
{
    const bl_json *parents[] = {v->shards.pg, v->ckpt.pg};
    if (self != NULL) {
        v->pg = bl_prov_chain(parents, BL_COUNT(parents), self, e);
        if (v->pg == NULL)
            return BL_E_NOMEM;
    }
    v->log_prob = unpredicted(v->shards.n_tokens, e);
    return v->log_prob != NULL ? 0 : BL_E_NOMEM;
}

/* From what the model reads to the split's own tokens: the targets in order, but for
 * the empty bars of pieces that end before their conditions. */
static void keep_targets(evaluation *v, const bl_pieces *read, const float *log_prob)
{
    const bl_shards *s = &v->shards;
    for (size_t i = 0; i < s->n_pieces; i++) {
        int64_t at = s->offsets[i] + 1;
        for (int64_t k = read->offsets[i]; k < read->offsets[i + 1]; k++)
            if (bl_side_is_scored(read->sides[k]) && at < s->offsets[i + 1] &&
                read->tokens[k] == s->tokens[at])
                v->log_prob[at++] = log_prob[k];
    }
}

static int measure(evaluation *v, const bl_pieces *pieces, bl_evaluation *result,
                   bl_err *e)
{
    float *to = v->log_prob;
    if (pieces->windows != NULL) {
        bl_window_sums sums;
        int rc = bl_evaluate_windows(v->model, pieces, 0, &sums, &result->loss,
                                     &result->targets, e);
        result->score = bl_window_score_of(&sums, (double)result->targets);
        return rc;
    }
    if (to != NULL && pieces->sides != NULL)
        to = unpredicted((size_t)pieces->offsets[pieces->n_pieces], e);
    if (to == NULL && v->log_prob != NULL)
        return BL_E_NOMEM;
    int rc = bl_evaluate(v->model, pieces, 0, v->apart, to, &result->loss,
                         &result->targets, e);
    if (to != v->log_prob) {
        keep_targets(v, pieces, to);
        free(to);
    }
    return rc;
}

/* ---- the whole ---- */

static int split_of(const char *name, bl_err *e)
{
    for (int i = 0; i < BL_SPLITS; i++)
        if (strcmp(name, bl_split_name(i)) == 0)
            return i;
    return bl_fail(e, BL_E_ARG, "--eval is one of train, valid, test, not '%s'", name);
}

static int open_model(evaluation *v, bl_err *e)
{
    const bl_start_wish *w = v->wish->start;
    const char *from = w->init != NULL ? w->init : w->run;
    bl_model_config model;
    int rc = bl_start_ckpt(&v->ckpt, from, "best", 0, e);
    if (rc == 0)
        rc = bl_start_check_vocab(&v->shards, w->data, &v->ckpt, from, e);
    if (rc == 0)
        rc = settle(v, &model, e);
    if (rc == 0)
        rc = bl_model_new(&v->model, &model,
                          bl_eval_lanes(&v->ckpt.info.config, v->shards.n_pieces), 0,
                          v->pool, e);
    return rc == 0 ? bl_ckpt_get_params(&v->ckpt, v->model, e) : rc;
}

static int work(evaluation *v, const bl_self *self, bl_evaluation *result, bl_err *e)
{
    const bl_evaluation_wish *w = v->wish;
    int split = split_of(w->split, e), rc = (int)bl_min(split, 0);
    if (rc == 0)
        rc = bl_start_split(&v->shards, w->start->data, split, e);
    if (rc == 0)
        rc = bl_pool_new(&v->pool, w->threads, e);
    if (rc == 0)
        rc = open_model(v, e);
    if (rc == 0 && w->log_probs != NULL && v->shards.rows != NULL)
        rc = bl_fail(e, BL_E_ARG, "--log-probs goes with tokens, not with grooves");
    if (rc == 0 && w->log_probs != NULL)
        rc = prepare_log_probs(v, self, e);
    bl_token_place *places = NULL;
    bl_pairs pairs = {0};
    if (rc == 0)
        rc = bl_places_of(&places, bl_model_conf(v->model), &v->shards.vocab, e);
    if (rc == 0)
        rc = bl_start_pairs(&pairs, &v->shards, bl_model_conf(v->model), places,
                            w->start->data, e);
    if (rc == 0)
        rc = measure(v, &pairs.pieces, result, e);
    bl_pairs_free(&pairs);
    free(places);
    if (rc == 0 && v->log_prob != NULL)
        rc = write_log_probs(v, e);
    if (isnan(result->loss)) /* the sign of what is no number is chance */
        result->loss = NAN;
    result->step = v->ckpt.info.step;
    return rc;
}

int bl_evaluate_split(const bl_evaluation_wish *w, const bl_self *self,
                      bl_evaluation *result, bl_err *e)
{
    evaluation v = {.wish = w};
    *result = (bl_evaluation){0};
    int rc = work(&v, self, result, e);
    bl_model_del(v.model);
    bl_ckpt_free(&v.ckpt);
    bl_shards_free(&v.shards);
    bl_pool_del(v.pool);
    bl_json_del(v.pg);
    free(v.log_prob);
    return rc;
}

static int add_windows(const bl_evaluation_wish *w, const bl_evaluation *v,
                       bl_buf *table, bl_err *e)
{
    int rc = bl_buf_addf(table, e,
                         "split\tstep\ttokens\tloss\thits\tvelocities\toffsets"
                         "\tdivergence\taccuracy\tf1\n"
                         "%s\t%" PRId64 "\t%" PRId64 "\t%.9g",
                         w->split, v->step, v->targets, v->loss);
    for (int i = 0; i < BL_N_TERMS && rc == 0; i++)
        rc = bl_buf_addf(table, e, "\t%.9g", v->score.term[i]);
    return rc == 0
               ? bl_buf_addf(table, e, "\t%.9g\t%.9g\n", v->score.accuracy, v->score.f1)
               : rc;
}

int bl_evaluate_table(const bl_evaluation_wish *w, const bl_self *self, bl_buf *table,
                      bl_err *e)
{
    bl_evaluation v;
    int rc = bl_evaluate_split(w, self, &v, e);
    if (rc != 0 || (w->log_probs != NULL && strcmp(w->log_probs, "-") == 0))
        return rc;
    if (v.score.accuracy > 0)
        return add_windows(w, &v, table, e);
    return bl_buf_addf(table, e,
                       "split\tstep\ttokens\tloss\tppl\n"
                       "%s\t%" PRId64 "\t%" PRId64 "\t%.9g\t%.9g\n",
                       w->split, v.step, v.targets, v.loss, exp(v.loss));
}
