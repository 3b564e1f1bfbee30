/* ckpt.c - see ckpt.h. */
#include "train/ckpt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "train/ckpt_meta.h"

_Static_assert(sizeof(bl_real) == 4, "checkpoints hold F32");

#define PARAM "param."

/* ---- the list of tensors: one for writing and for reading ---- */

typedef struct {
    bl_tensor *t;
    size_t n, cap;
    int64_t place[2]; /* cursor.place: epoch, next */
} tensor_list;

static int add(tensor_list *l, const char *name, bl_dtype dtype, int ndim,
               const int64_t *shape, void *data, bl_err *e)
{
    void *array = l->t;
    int rc = bl_grow(&array, &l->cap, l->n + 1, sizeof *l->t, e);
    if (rc != 0)
        return rc;
    l->t = array;
    return bl_tensor_make(&l->t[l->n++], name, dtype, ndim, shape, data, e);
}

/* One tensor for each parameter: PREFIX.NAME, its data inside the flat block. */
static int add_block(tensor_list *l, const char *prefix, bl_model *m, bl_real *block,
                     bl_err *e)
{
    int rc = 0;
    for (int i = 0; i < bl_model_n_params(m) && rc == 0; i++) {
        const bl_param *p = bl_model_param(m, i);
        char name[BL_TENSOR_NAME];
        snprintf(name, sizeof name, "%s.%s", prefix, p->name);
        rc = add(l, name, BL_F32, p->ndim, p->shape, block + p->start, e);
    }
    return rc;
}

static int32_t *lengths_of(const bl_ckpt_state *s)
{
    return s->mem_length != NULL ? s->mem_length : bl_model_memory_length(s->model);
}

static int add_memory(tensor_list *l, const bl_ckpt_state *s, bl_err *e)
{
    const bl_model_config *c = bl_model_conf(s->model);
    int64_t shape[] = {s->batch->lanes, bl_model_memory_rows(s->model), c->width};
    int rc = 0;
    for (int layer = 0; layer < c->layers && shape[1] > 0 && rc == 0; layer++) {
        char name[32];
        snprintf(name, sizeof name, "mem.%d", layer);
        bl_real *rows =
            s->memory != NULL ? s->memory[layer] : bl_model_memory(s->model, layer);
        if (rows != NULL)
            rc = add(l, name, BL_F32, 3, shape, rows, e);
    }
    if (rc == 0)
        rc = add(l, "mem_length", BL_I32, 1, shape, lengths_of(s), e);
    return rc;
}

static int add_cursor(tensor_list *l, const bl_batch *b, bl_err *e)
{
    int64_t lanes = b->lanes, two = 2;
    l->place[0] = b->epoch;
    l->place[1] = b->next;
    int rc = add(l, "cursor.place", BL_I64, 1, &two, l->place, e);
    if (rc == 0)
        rc = add(l, "cursor.piece", BL_I64, 1, &lanes, b->piece, e);
    if (rc == 0)
        rc = add(l, "cursor.offset", BL_I64, 1, &lanes, b->offset, e);
    return rc;
}

/* `param` is what others read: the average, where there is one. */
static int add_state(tensor_list *l, const bl_ckpt_state *s, bl_err *e)
{
    bl_real *last = bl_model_values(s->model), *average = s->average;
    int rc = add_block(l, "param", s->model, average != NULL ? average : last, e);
    if (rc == 0 && average != NULL)
        rc = add_block(l, "last", s->model, last, e);
    if (rc == 0)
        rc = add_block(l, "adam.m", s->model, s->adam_m, e);
    if (rc == 0)
        rc = add_block(l, "adam.v", s->model, s->adam_v, e);
    if (rc == 0)
        rc = add_memory(l, s, e);
    if (rc == 0)
        rc = add_cursor(l, s->batch, e);
    return rc;
}

int bl_ckpt_save(const char *path, const bl_ckpt_info *info, const bl_ckpt_state *state,
                 bl_err *e)
{
    tensor_list list = {0};
    bl_json *meta = NULL;
    bl_zw *w = NULL;
    bl_out out = {.fd = -1};
    int rc = add_state(&list, state, e);
    if (rc != 0)
        goto done;
    meta = bl_ckpt_make_meta(info, list.t, list.n, e);
    rc = meta != NULL ? bl_out_open(&out, path, e) : BL_E_NOMEM;
    if (rc != 0)
        goto done;
    rc = bl_zw_new(&w, out.fd, 0, e);
    if (rc == 0)
        rc = bl_tensors_write(w, list.t, list.n, meta, e);
    if (rc == 0)
        rc = bl_zw_end_frame(w, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    else
        bl_out_abort(&out);
    if (rc != 0)
        bl_err_in(e, path);
done:
    bl_zw_del(w);
    bl_json_del(meta);
    free(list.t);
    return rc;
}

/* ---- reading ---- */

static int is_param(const bl_tensor *t)
{
    return strncmp(t->name, PARAM, strlen(PARAM)) == 0;
}

/* So that a model of this config is no larger than what the file holds. */
static int check_size(const bl_ckpt *c, bl_err *e)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->head.n; i++)
        if (is_param(&c->head.t[i]))
            bytes += c->head.t[i].bytes;
    int64_t n = bl_model_config_size(&c->info.config.model);
    if (n < 0)
        return bl_fail(e, BL_E_NOMEM, "no room for the list of parameters");
    if (bytes != (uint64_t)n * sizeof(bl_real))
        return bl_fail(e, BL_E_FORMAT,
                       "the config asks for %" PRId64 " parameters, the file "
                       "holds %" PRIu64 " bytes of them",
                       n, bytes);
    return 0;
}

/* The bytes of a tensor, kept in t->data or only hashed. */
static int read_data(bl_zr *r, bl_tensor *t, int keep, uint64_t *value, bl_err *e)
{
    bl_buf data = {0};
    bl_xxh3_state *hash = bl_xxh3_new(e);
    int rc =
        hash != NULL ? bl_tensor_read(r, t, keep ? &data : NULL, hash, e) : BL_E_NOMEM;
    if (rc == 0)
        *value = bl_xxh3_value(hash);
    bl_xxh3_del(hash);
    if (rc != 0)
        bl_buf_free(&data);
    t->data = data.data;
    return rc;
}

/* How tensors are read: kept with the state or without, or handed on. */
typedef struct {
    int with_state;
    const bl_ckpt_taker *taker; /* or NULL */
} reading;

static int read_tensor(const bl_ckpt *c, bl_zr *r, bl_tensor *t, const reading *how,
                       bl_err *e)
{
    uint64_t value = 0;
    int rc = read_data(r, t, how->with_state || is_param(t), &value, e);
    if (rc == 0)
        rc = bl_ckpt_check_hash(c, t->name, value, e);
    if (how->taker == NULL || !is_param(t))
        return rc;
    if (rc == 0)
        rc = how->taker->param(how->taker->arg, t->name + strlen(PARAM), t, e);
    free(t->data);
    t->data = NULL;
    return rc;
}

static int read_tensors(bl_ckpt *c, bl_zr *r, const reading *how, bl_err *e)
{
    char byte;
    int rc = how->taker != NULL ? how->taker->begin(how->taker->arg, c, e) : 0;
    for (size_t i = 0; i < c->head.n && rc == 0; i++)
        rc = read_tensor(c, r, &c->head.t[i], how, e);
    if (rc == 0) {
        int64_t more = bl_zr_read(r, &byte, 1, e);
        if (more != 0)
            rc = more < 0 ? (int)more
                          : bl_fail(e, BL_E_FORMAT, "bytes follow the last tensor");
    }
    return rc;
}

static int read_file(bl_ckpt *c, const char *path, const reading *how, bl_err *e)
{
    bl_zr *r = NULL;
    int fd;
    *c = (bl_ckpt){0};
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_zr_new(&r, fd, e);
    if (rc == 0) {
        int got = bl_tensors_read_head(r, &c->head, e);
        if (got <= 0)
            rc = got < 0 ? got : bl_fail(e, BL_E_TRUNC, "empty file");
    }
    if (rc == 0)
        rc = bl_ckpt_get_meta(c, e);
    if (rc == 0)
        rc = check_size(c, e);
    if (rc == 0)
        rc = read_tensors(c, r, how, e);
    if (rc != 0)
        bl_err_in(e, path);
    bl_zr_del(r);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

int bl_ckpt_load(bl_ckpt *c, const char *path, int with_state, bl_err *e)
{
    return read_file(c, path, &(reading){with_state, NULL}, e);
}

int bl_ckpt_read(bl_ckpt *c, const char *path, const bl_ckpt_taker *taker, bl_err *e)
{
    return read_file(c, path, &(reading){0, taker}, e);
}

/* BL_E_FORMAT where a tensor is not as it is wanted. */
static int check_shape(const bl_tensor *have, const bl_tensor *want, bl_err *e)
{
    if (have->dtype == want->dtype && have->ndim == want->ndim &&
        memcmp(have->shape, want->shape, (size_t)want->ndim * sizeof *want->shape) == 0)
        return 0;
    return bl_fail(e, BL_E_FORMAT,
                   "tensor '%s' has another shape or type than the config asks for",
                   have->name);
}

int bl_ckpt_check_param(const bl_tensor *t, const bl_param *p, bl_err *e)
{
    bl_tensor want;
    int rc = bl_tensor_make(&want, t->name, BL_F32, p->ndim, p->shape, NULL, e);
    return rc == 0 ? check_shape(t, &want, e) : rc;
}

static int check_list(const bl_ckpt *c, const tensor_list *l, bl_err *e)
{
    for (size_t i = 0; i < l->n; i++) {
        const bl_tensor *want = &l->t[i];
        const bl_tensor *have = bl_tensors_find(&c->head, want->name);
        if (have == NULL)
            return bl_fail(e, BL_E_FORMAT, "tensor '%s' is missing", want->name);
        int rc = check_shape(have, want, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Moves what was read to where the list points, name by name: memory never holds a
 * whole checkpoint beside the model that it fills. */
static int move_list(bl_ckpt *c, const tensor_list *l, bl_err *e)
{
    int rc = check_list(c, l, e);
    for (size_t i = 0; i < l->n && rc == 0; i++) {
        const bl_tensor *want = &l->t[i];
        bl_tensor *have = &c->head.t[bl_tensors_find(&c->head, want->name) - c->head.t];
        if (have->data == NULL)
            return bl_fail(e, BL_E_ARG, "tensor '%s' is not here", want->name);
        memcpy(want->data, have->data, want->bytes);
        free(have->data);
        have->data = NULL;
    }
    return rc;
}

int bl_ckpt_get_params(bl_ckpt *c, bl_model *m, bl_err *e)
{
    tensor_list list = {0};
    int rc = add_block(&list, "param", m, bl_model_values(m), e);
    if (rc == 0)
        rc = move_list(c, &list, e);
    free(list.t);
    return rc;
}

/* Memory lengths index into the memories. */
static int check_lengths(const bl_ckpt_state *s, bl_err *e)
{
    const int32_t *length = lengths_of(s);
    for (int lane = 0; lane < s->batch->lanes; lane++)
        if (length[lane] < 0 || length[lane] > bl_model_memory_rows(s->model))
            return bl_fail(e, BL_E_FORMAT, "the memory of lane %d has length %d", lane,
                           (int)length[lane]);
    return 0;
}

int bl_ckpt_get_state(bl_ckpt *c, const bl_ckpt_state *state, bl_err *e)
{
    tensor_list list = {0};
    int rc = add_state(&list, state, e);
    if (rc == 0 && list.n != c->head.n)
        rc = bl_fail(e, BL_E_FORMAT, "%zu tensors, not %zu", c->head.n, list.n);
    if (rc == 0)
        rc = move_list(c, &list, e);
    if (rc == 0)
        rc = check_lengths(state, e);
    if (rc == 0)
        rc = bl_batch_seek(state->batch, list.place[0], list.place[1],
                           state->batch->piece, state->batch->offset, e);
    free(list.t);
    return rc;
}

void bl_ckpt_free(bl_ckpt *c)
{
    for (size_t i = 0; i < c->head.n; i++)
        free(c->head.t[i].data);
    bl_tensors_head_free(&c->head);
    bl_vocab_free(&c->vocab);
    bl_json_del(c->pg);
    bl_json_del(c->hashes);
    *c = (bl_ckpt){0};
}
