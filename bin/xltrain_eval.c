/* xltrain_eval.c - the loss of a checkpoint on a split. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "xltrain.h"

/* The settings of the run to evaluate, changed by --set where the weights allow it. */
static int eval_config(job *j, bl_model_config *model, bl_err *e)
{
    bl_train_config c = j->ckpt.info.config;
    int rc = 0;
    for (size_t i = 0; i < j->set.n && rc == 0; i++)
        rc = bl_config_set(&c, j->set.item[i], e);
    if (rc == 0)
        rc = bl_config_check(&c, e);
    const char *key = bl_config_differs(&c, &j->ckpt.info.config, BL_FIXED_WEIGHTS);
    if (rc == 0 && key != NULL)
        rc =
            bl_fail(e, BL_E_ARG, "%s cannot be changed: the weights have another", key);
    *model = bl_config_eval(&c);
    return rc;
}

int evaluate(job *j, bl_err *e)
{
    const char *path = j->init != NULL ? j->init : j->common.output;
    const bl_pieces pieces = pieces_of(&j->shards[TRAIN]);
    bl_model *m = NULL;
    bl_model_config model;
    double loss;
    int64_t targets;
    int rc = load_ckpt(j, path, "best", 0, e);
    if (rc == 0)
        rc = check_vocab(j, path, e);
    if (rc == 0)
        rc = eval_config(j, &model, e);
    if (rc == 0)
        choose_precision(j, &model);
    if (rc == 0)
        rc = bl_model_new(&m, &model, j->ckpt.info.config.lanes, 0, j->pool, e);
    if (rc == 0)
        rc = bl_ckpt_get_params(&j->ckpt, m, e);
    if (rc == 0)
        rc = bl_evaluate(m, &pieces, 0, &loss, &targets, e);
    if (rc == 0)
        printf("split\tstep\ttokens\tloss\tppl\n%s\t%" PRId64 "\t%" PRId64
               "\t%.9g\t%.9g\n",
               j->eval, j->ckpt.info.step, targets, loss, exp(loss));
    bl_model_del(m);
    return rc;
}
