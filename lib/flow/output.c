/* output.c - see output.h. */
#include "flow/output.h"

#include <stdlib.h>

int bl_output_open(bl_output *o, const char *path, int replaces,
                   const bl_guards *guards, bl_err *e)
{
    *o = BL_OUTPUT_INIT;
    o->guards = guards;
    int rc =
        replaces ? bl_out_replace(&o->out, path, e) : bl_out_open(&o->out, path, e);
    if (rc != 0 || o->out.temp == NULL)
        return rc;
    o->temp = bl_strdup(o->out.temp, e); /* the commit forgets it */
    if (o->temp == NULL) {
        bl_out_abort(&o->out);
        return BL_E_NOMEM;
    }
    bl_guards_add(guards, o->temp);
    return 0;
}

int bl_output_close(bl_output *o, int rc, bl_err *e)
{
    if (o->out.fd < 0)
        return rc;
    if (rc == 0)
        rc = bl_out_commit(&o->out, e);
    bl_out_abort(&o->out);
    if (o->temp != NULL)
        bl_guards_drop(o->guards, o->temp);
    free(o->temp);
    *o = BL_OUTPUT_INIT;
    return rc;
}

int bl_output_write(const char *path, const bl_buf *text, const bl_guards *guards,
                    bl_err *e)
{
    bl_output o;
    int rc = bl_output_open(&o, path, 0, guards, e);
    if (rc != 0)
        return rc;
    int is_file = o.out.path != NULL;
    rc = bl_output_close(&o, bl_write_all(o.out.fd, text->data, text->len, e), e);
    return rc == 0 || !is_file ? rc : bl_fail_in(e, rc, path);
}
