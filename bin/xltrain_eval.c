/* xltrain_eval.c - the loss of a checkpoint on a split. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "io/prov.h"
#include "train/ckpt_meta.h"
#include "xltrain.h"

/* The settings of the run to evaluate, changed by --set where the weights allow it. */
static int eval_config(job *j, bl_model_config *model, int *apart, bl_err *e)
{
    bl_train_config c = j->ckpt.info.config;
    int rc = bl_config_change(&c, NULL, j->set.item, j->set.n, 0, e);
    if (rc == 0)
        rc = bl_config_check(&c, e);
    const char *key = bl_config_differs(&c, &j->ckpt.info.config, BL_FIXED_WEIGHTS);
    if (rc == 0 && key != NULL)
        rc =
            bl_fail(e, BL_E_ARG, "%s cannot be changed: the weights have another", key);
    *model = bl_config_eval(&c);
    *apart = c.eval_memory == BL_EVAL_APART;
    return rc;
}

/* ---- --log-probs ---- */

static bl_json *log_probs_meta(const job *j, bl_err *e)
{
    char step[32];
    bl_json *meta = bl_json_object(e);
    snprintf(step, sizeof step, "%" PRId64, j->ckpt.info.step);
    int rc =
        meta != NULL ? bl_json_set_str(meta, "schema", "xl-logprobs/1", e) : e->code;
    if (rc == 0)
        rc = bl_json_set_str(meta, "split", j->eval, e);
    if (rc == 0)
        rc = bl_json_set_str(meta, "step", step, e);
    if (rc == 0)
        rc = bl_ckpt_set_vocab(meta, &j->shards[TRAIN].vocab, e);
    if (rc == 0)
        rc = bl_prov_put_text(meta, j->pg, e);
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

/* The split's ids, ln p of each and where pieces begin, as one record of a tensor
 * stream (schemas/xl-logprobs.md). */
static int write_log_probs(const job *j, float *log_prob, bl_err *e)
{
    enum { LEVEL = 3 };
    bl_tensor t[3];
    bl_zw *w = NULL;
    bl_out out = {.fd = -1};
    bl_json *meta = log_probs_meta(j, e);
    int rc = meta != NULL ? make_tensors(&j->shards[TRAIN], log_prob, t, e) : e->code;
    if (rc == 0)
        rc = bl_out_open(&out, j->log_probs, e);
    if (rc == 0)
        rc = bl_zw_new(&w, out.fd, j->common.plain ? 0 : LEVEL, e);
    if (rc == 0)
        rc = bl_tensors_write(w, t, BL_COUNT(t), meta, e);
    if (rc == 0)
        rc = bl_zw_end_frame(w, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    bl_zw_del(w);
    bl_json_del(meta);
    return rc == 0 ? 0 : bl_err_in(e, j->log_probs);
}

static float *no_log_probs(const bl_shards *s, bl_err *e)
{
    float *x = bl_calloc(s->n_tokens, sizeof *x, e);
    for (size_t i = 0; x != NULL && i < s->n_tokens; i++)
        x[i] = NAN; /* what no token came before is not predicted */
    return x;
}

int evaluate(job *j, bl_err *e)
{
    const char *path = j->init != NULL ? j->init : j->common.output;
    const bl_pieces pieces = pieces_of(&j->shards[TRAIN]);
    bl_model *m = NULL;
    bl_model_config model;
    double loss;
    int64_t targets;
    int apart;
    float *log_prob = NULL;
    int rc = load_ckpt(j, path, "best", 0, e);
    if (rc == 0)
        rc = check_vocab(j, path, e);
    if (rc == 0)
        rc = eval_config(j, &model, &apart, e);
    if (rc == 0)
        choose_precision(j, &model);
    if (rc == 0)
        rc = bl_model_new(&m, &model, j->ckpt.info.config.lanes, 0, j->pool, e);
    if (rc == 0)
        rc = bl_ckpt_get_params(&j->ckpt, m, e);
    if (rc == 0 && j->log_probs != NULL && !j->common.no_pg)
        rc = make_pg(j, e);
    if (rc == 0 && j->log_probs != NULL) {
        log_prob = no_log_probs(&j->shards[TRAIN], e);
        rc = log_prob != NULL ? 0 : BL_E_NOMEM;
    }
    if (rc == 0)
        rc = bl_evaluate(m, &pieces, 0, apart, log_prob, &loss, &targets, e);
    if (rc == 0 && log_prob != NULL)
        rc = write_log_probs(j, log_prob, e);
    int is_piped = j->log_probs != NULL && strcmp(j->log_probs, "-") == 0;
    if (rc == 0 && !is_piped)
        printf("split\tstep\ttokens\tloss\tppl\n%s\t%" PRId64 "\t%" PRId64
               "\t%.9g\t%.9g\n",
               j->eval, j->ckpt.info.step, targets, loss, exp(loss));
    bl_model_del(m);
    free(log_prob);
    return rc;
}
