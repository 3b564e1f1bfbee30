/* group.c - see group.h. */
#include "flow/group.h"

#include "base/hash.h"

#include <string.h>

int bl_group_leads(const bl_group *g)
{
    return bl_comm_rank(g->comm) == 0;
}

int bl_group_join(bl_group *g, bl_err *e)
{
    int rc = bl_comm_new(&g->comm, e);
    g->is_silent = !bl_group_leads(g);
    return rc;
}

int bl_group_agree(bl_group *g, int rc, bl_err *e)
{
    int64_t code = -rc, size = bl_comm_size(g->comm);
    int64_t place = rc != 0 ? size - bl_comm_rank(g->comm) : 0, first = place;
    bl_err lost = BL_ERR_INIT;
    if (bl_comm_max(g->comm, &code, &lost) != 0 ||
        bl_comm_max(g->comm, &first, &lost) != 0) {
        g->is_deserted = 1;
        return bl_fail(e, lost.code, "%s", lost.text);
    }
    g->is_silent = first != place;
    return -(int)code;
}

int bl_group_check(const bl_group *g, const bl_train_config *config,
                   const char *manifest_sha256, const char *blas, bl_err *e)
{
    uint64_t hash[3], theirs[3];
    bl_buf text = {0};
    bl_json *o = bl_config_json(config, e);
    int rc = o != NULL ? bl_json_write(o, &text, e) : BL_E_NOMEM;
    hash[0] = bl_xxh3(text.data, text.len);
    hash[1] = bl_xxh3(manifest_sha256, strlen(manifest_sha256));
    hash[2] = bl_xxh3(blas, strlen(blas));
    bl_buf_free(&text);
    bl_json_del(o);
    memcpy(theirs, hash, sizeof theirs);
    int lost = bl_comm_share(g->comm, theirs, sizeof theirs, e);
    if (rc != 0 || lost != 0)
        return rc != 0 ? rc : lost;
    if (memcmp(hash, theirs, 2 * sizeof *hash) != 0)
        return bl_fail(e, BL_E_MISMATCH, "process %d has other settings or data",
                       bl_comm_rank(g->comm));
    if (hash[2] != theirs[2])
        return bl_fail(e, BL_E_MISMATCH,
                       "process %d computes with %s, the first with another: "
                       "other roundings (OPENBLAS_CORETYPE makes them the same)",
                       bl_comm_rank(g->comm), blas);
    return 0;
}

void bl_group_leave(bl_group *g)
{
    if (!g->is_deserted || bl_comm_size(g->comm) == 1)
        bl_comm_del(g->comm);
    *g = (bl_group){0};
}
