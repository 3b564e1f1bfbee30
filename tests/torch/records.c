/* records.c - see records.h. */
#include "records.h"

#include <stdio.h>
#include <stdlib.h>

void records_open(records *r, size_t cap, bl_err *e)
{
    *r = (records){.cap = cap, .e = e};
    r->t = bl_calloc(cap, sizeof *r->t, e);
    if (r->t == NULL || bl_zw_new(&r->out, 1, 0, e) != 0)
        r->cap = 0;
}

void records_add(records *r, const char *name, bl_dtype dtype, int ndim,
                 const int64_t *shape, const void *data)
{
    if (r->e->code != 0)
        return;
    if (r->n == r->cap)
        bl_fail(r->e, BL_E_LIMIT, "more than %zu tensors", r->cap);
    else if (bl_tensor_make(&r->t[r->n], name, dtype, ndim, shape,
                            (void *)(uintptr_t)data, r->e) == 0)
        r->n++;
}

void records_add_number(records *r, const char *name, const double *x)
{
    const int64_t one = 1;
    records_add(r, name, BL_F64, 1, &one, x);
}

void records_add_params(records *r, const char *kind, const bl_model *m,
                        const bl_real *block)
{
    for (int i = 0; i < bl_model_n_params(m); i++) {
        const bl_param *p = bl_model_param(m, i);
        char name[BL_TENSOR_NAME];
        snprintf(name, sizeof name, "%s.%s", kind, p->name);
        records_add(r, name, BL_F32, p->ndim, p->shape, block + p->start);
    }
}

/* The metadata are strings, so the config is one. */
static int set_config(bl_json *meta, const bl_train_config *config, bl_err *e)
{
    bl_buf text = {0};
    bl_json *object = bl_config_json(config, e);
    int rc = object != NULL ? bl_json_write(object, &text, e) : BL_E_NOMEM;
    const char *s = rc == 0 ? bl_buf_str(&text, e) : NULL;
    rc = s != NULL ? bl_json_set_str(meta, "config", s, e) : BL_E_NOMEM;
    bl_buf_free(&text);
    bl_json_del(object);
    return rc;
}

void records_end(records *r, const bl_train_config *config)
{
    bl_json *meta = r->e->code == 0 ? bl_json_object(r->e) : NULL;
    int rc = meta != NULL ? 0 : BL_E_NOMEM;
    if (rc == 0 && config != NULL)
        rc = set_config(meta, config, r->e);
    if (rc == 0 && bl_tensors_write(r->out, r->t, r->n, meta, r->e) == 0)
        r->n = 0;
    bl_json_del(meta);
}

int records_close(records *r)
{
    int rc = r->e->code;
    if (rc == 0)
        rc = bl_zw_end_frame(r->out, r->e);
    bl_zw_del(r->out);
    free(r->t);
    return rc;
}
