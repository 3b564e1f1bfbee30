/* hub_export.c - see hub_export.h. */
#include "flow/hub_export.h"

#include "flow/start.h"

#include <inttypes.h>

/* The ids that a folder's config states go on to the next one. */
static int load(bl_ckpt *c, bl_hub_ids *ids, const char *from, bl_err *e)
{
    *ids = (bl_hub_ids){-1, -1, -1};
    return bl_hub_is(from) ? bl_hub_read(c, ids, from, e)
                           : bl_start_ckpt(c, from, "best", 0, e);
}

int bl_hub_export(const char *from, const char *dir, int replace,
                  const bl_guards *guards, const bl_notices *notices, bl_err *e)
{
    bl_ckpt c = {0};
    bl_hub_ids ids;
    int rc = bl_hub_may_write(dir, replace, e);
    if (rc == 0)
        rc = load(&c, &ids, from, e);
    if (rc == 0)
        rc = bl_hub_write(&c, &ids, dir, replace, guards, e);
    if (rc == 0)
        bl_notice(notices, BL_NOTICE_INFO, "%" PRId64 " parameters written to '%s'",
                  bl_model_config_size(&c.info.config.model), dir);
    bl_ckpt_free(&c);
    return rc;
}
