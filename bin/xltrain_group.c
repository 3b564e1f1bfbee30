/* xltrain_group.c - several processes that train one model: they begin, save, stop and
 * fail together; the first of them writes and speaks. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "xltrain.h"

int leads(const job *j)
{
    return bl_comm_rank(j->comm) == 0;
}

int join_group(job *j, bl_err *e)
{
    int rc = bl_comm_new(&j->comm, e);
    if (!leads(j)) {
        j->common.quiet = 1;
        j->silent = rc != 0;
    }
    if (bl_comm_size(j->comm) > 1 && j->common.jobs == 0)
        j->common.jobs = 1;
    return rc;
}

/* The first that failed tells why. */
int agree(job *j, int rc, bl_err *e)
{
    int64_t code = -rc, size = bl_comm_size(j->comm);
    int64_t place = rc != 0 ? size - bl_comm_rank(j->comm) : 0, first = place;
    bl_err lost = BL_ERR_INIT;
    if (bl_comm_max(j->comm, &code, &lost) != 0 ||
        bl_comm_max(j->comm, &first, &lost) != 0) {
        j->deserted = 1;
        return bl_fail(e, lost.code, "%s", lost.text);
    }
    j->silent = first != place;
    return -(int)code;
}

/* What must be the same for all: settings, data and how products are rounded. */
int check_same(job *j, bl_err *e)
{
    uint64_t hash[3], theirs[3];
    bl_buf text = {0};
    const bl_ckpt_info *info = &j->trainer.info;
    bl_json *o = bl_config_json(&info->config, e);
    int rc = o != NULL ? bl_json_write(o, &text, e) : BL_E_NOMEM;
    hash[0] = bl_xxh3(text.data, text.len);
    hash[1] = bl_xxh3(info->manifest_sha256, strlen(info->manifest_sha256));
    hash[2] = bl_xxh3(info->blas, strlen(info->blas));
    bl_buf_free(&text);
    bl_json_del(o);
    memcpy(theirs, hash, sizeof theirs);
    int lost = bl_comm_share(j->comm, theirs, sizeof theirs, e);
    if (rc != 0 || lost != 0)
        return rc != 0 ? rc : lost;
    if (memcmp(hash, theirs, 2 * sizeof *hash) != 0)
        return bl_fail(e, BL_E_MISMATCH, "process %d has other settings or data",
                       bl_comm_rank(j->comm));
    if (hash[2] != theirs[2])
        return bl_fail(e, BL_E_MISMATCH,
                       "process %d computes with %s, the first with another: "
                       "other roundings (OPENBLAS_CORETYPE makes them the same)",
                       bl_comm_rank(j->comm), info->blas);
    return 0;
}
