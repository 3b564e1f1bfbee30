/* hub_read.c - see hub.h: a folder of Hugging Face's form as a checkpoint. */
#include "flow/hub_names.h"

#include "io/file.h"
#include "train/run.h"

#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 4096, PATH_ROOM = 4096 };

static int is_file(const char *dir, const char *name)
{
    char path[PATH_ROOM];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && n < (int)sizeof path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int has_weights(const char *dir)
{
    static const char *const names[] = {
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < BL_COUNT(names); i++)
        if (is_file(dir, names[i]))
            return 1;
    return 0;
}

int bl_hub_states_type(const char *dir, int *is_json)
{
    bl_json *o = NULL;
    *is_json = bl_hub_json(dir, "config.json", &o, NULL) == 0;
    int states = *is_json && bl_json_has(o, "model_type");
    bl_json_del(o);
    return states;
}

int bl_hub_is(const char *path)
{
    int is_json;
    if (strcmp(path, "-") == 0 || !is_file(path, "config.json"))
        return 0;
    return bl_hub_states_type(path, &is_json) ||
           ((!is_json || has_weights(path)) && bl_run_has_ckpt(path, NULL) == 0);
}

/* Errors of a file that is not opened by its path. */
static void in_file(const char *dir, const char *name, bl_err *e)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    bl_err_in(e, path);
}

int bl_hub_names_file(const char *dir, char **path, bl_err *e)
{
    static const char *const names[] = {"vocab.tsv", "tokenizer.json", "vocab.json"};
    char found[PATH_ROOM];
    *path = NULL;
    for (size_t i = 0; i < BL_COUNT(names); i++) {
        if (!is_file(dir, names[i]))
            continue;
        snprintf(found, sizeof found, "%s/%s", dir, names[i]);
        *path = bl_strdup(found, e);
        return *path != NULL ? 0 : BL_E_NOMEM;
    }
    return 0;
}

/* ---- the state of a reading ---- */

typedef struct {
    bl_ckpt *c;
    const char *dir;
    bl_hub_kind kind;
    bl_hub_links links;
    uint8_t *seen; /* [links.n] */
    float *head;   /* output matrix of a tied model, which must be the embedding */
    int64_t head_size;
} reading;

/* ---- numbers ---- */

static float of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE 754 binary16, subnormal numbers too. */
static float of_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31,
             fraction = h & 0x3ff;
    if (exponent == 31)
        return of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent > 0)
        return of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float x = (float)fraction * 0x1p-24F;
    return sign != 0 ? -x : x;
}

static float number_at(const uint8_t *p, bl_dtype type, size_t i)
{
    uint16_t h;
    float x;
    if (type == BL_F32) {
        memcpy(&x, p + 4 * i, sizeof x);
        return x;
    }
    memcpy(&h, p + 2 * i, sizeof h);
    return type == BL_HALF ? of_half(h) : of_bits((uint32_t)h << 16);
}

/* The caller frees; NULL and BL_E_NOMEM. */
static float *to_floats(const bl_buf *raw, const bl_tensor *t, bl_err *e)
{
    size_t n = (size_t)(t->bytes / bl_dtype_size(t->dtype));
    float *x = bl_calloc(n, sizeof *x, e);
    for (size_t i = 0; x != NULL && i < n; i++)
        x[i] = number_at(raw->data, t->dtype, i);
    return x;
}

/* ---- tensors ---- */

static int is_weight(const bl_tensor *t)
{
    return t->dtype == BL_F32 || t->dtype == BL_HALF || t->dtype == BL_BFLOAT;
}

static int check_tensor(const bl_tensor *t, const bl_hub_link *l, bl_err *e)
{
    int64_t shape[2];
    bl_hub_shape(l, shape);
    if (!is_weight(t))
        return bl_fail(e, BL_E_FORMAT,
                       "tensor '%.96s' is of type %s: weights of F32, F16 and BF16 are "
                       "read",
                       t->name, bl_dtype_name(t->dtype));
    if (t->ndim != l->ndim ||
        memcmp(t->shape, shape, (size_t)t->ndim * sizeof *shape) != 0)
        return bl_fail(e, BL_E_FORMAT,
                       "tensor '%.96s' has another shape than config.json asks for: "
                       "%lld x %lld is expected",
                       t->name, (long long)shape[0],
                       (long long)(l->ndim == 2 ? shape[1] : 1));
    return 0;
}

/* The tensor of ours that a link leads to, made if it is not there yet. */
static bl_tensor *ours_of(reading *r, const bl_hub_link *l, bl_err *e)
{
    bl_tensors_head *h = &r->c->head;
    char name[BL_TENSOR_NAME];
    int64_t shape[2];
    snprintf(name, sizeof name, "param.%s", l->ours);
    bl_hub_our_shape(l, shape);
    for (size_t i = h->n; i > 0; i--) /* the last ones most often */
        if (strcmp(h->t[i - 1].name, name) == 0)
            return &h->t[i - 1];
    bl_tensor *t = &h->t[h->n];
    if (bl_tensor_make(t, name, BL_F32, l->ndim, shape, NULL, e) != 0)
        return NULL;
    t->data = bl_calloc((size_t)t->bytes, 1, e);
    if (t->data == NULL)
        return NULL;
    h->n++;
    h->bytes += t->bytes;
    return t;
}

static int spread(reading *r, size_t first, const float *x, bl_err *e)
{
    const bl_hub_link *l = r->links.link;
    for (size_t i = first; i < r->links.n && strcmp(l[i].hub, l[first].hub) == 0; i++) {
        bl_tensor *t = ours_of(r, &l[i], e);
        if (t == NULL)
            return BL_E_NOMEM;
        bl_hub_to_ours(&l[i], x, t->data);
        r->seen[i] = 1;
    }
    return 0;
}

/* The first link of that name, or links.n. */
static size_t find_link(const reading *r, const char *bare)
{
    size_t i = 0;
    while (i < r->links.n && strcmp(r->links.link[i].hub, bare) != 0)
        i++;
    return i;
}

static int check_finite(const float *x, const bl_tensor *t, bl_err *e)
{
    int64_t n = 1;
    for (int i = 0; i < t->ndim; i++)
        n *= t->shape[i];
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return bl_fail(e, BL_E_FORMAT, "tensor '%.96s': number %lld is not finite",
                           t->name, (long long)i);
    return 0;
}

static int read_weight(reading *r, bl_zr *zr, const bl_tensor *t, size_t link,
                       bl_err *e)
{
    bl_buf raw = {0};
    float *x = NULL;
    int rc = r->seen[link]
                 ? bl_fail(e, BL_E_FORMAT, "tensor '%.96s' stands twice", t->name)
                 : check_tensor(t, &r->links.link[link], e);
    if (rc == 0)
        rc = bl_tensor_read(zr, t, &raw, NULL, e);
    if (rc == 0) {
        x = to_floats(&raw, t, e);
        rc = x == NULL ? BL_E_NOMEM : check_finite(x, t, e);
        if (rc == 0)
            rc = spread(r, link, x, e);
    }
    bl_buf_free(&raw);
    free(x);
    return rc;
}

/* The head of a tied model, if it is written, is read to be compared. */
static int read_head(reading *r, bl_zr *zr, const bl_tensor *t, bl_err *e)
{
    bl_buf raw = {0};
    if (!is_weight(t) || r->head != NULL)
        return bl_fail(e, BL_E_FORMAT, "tensor '%.96s' stands twice or is no weight",
                       t->name);
    int rc = bl_tensor_read(zr, t, &raw, NULL, e);
    if (rc == 0) {
        r->head = to_floats(&raw, t, e);
        r->head_size = (int64_t)(t->bytes / bl_dtype_size(t->dtype));
        rc = r->head != NULL ? 0 : BL_E_NOMEM;
    }
    bl_buf_free(&raw);
    return rc;
}

static int read_tensor(reading *r, bl_zr *zr, const bl_tensor *t, bl_err *e)
{
    const char *bare = bl_hub_bare(r->kind, t->name);
    size_t link = find_link(r, bare);
    if (link < r->links.n)
        return read_weight(r, zr, t, link, e);
    if (strcmp(bare, "lm_head.weight") == 0)
        return read_head(r, zr, t, e);
    if (bl_hub_is_ballast(r->kind, bare))
        return bl_tensor_read(zr, t, NULL, NULL, e);
    return bl_fail(e, BL_E_FORMAT,
                   "tensor '%.96s' has no place in the model of config.json", t->name);
}

/* ---- files ---- */

static int read_records(reading *r, int fd, bl_err *e)
{
    bl_zr *zr = NULL;
    bl_tensors_head h = {0};
    char byte;
    int rc = bl_zr_new(&zr, fd, e);
    if (rc == 0) {
        rc = bl_tensors_read_head(zr, &h, e);
        rc = rc > 0 ? 0 : rc < 0 ? rc : bl_fail(e, BL_E_TRUNC, "the file is empty");
    }
    for (size_t i = 0; i < h.n && rc == 0; i++)
        rc = read_tensor(r, zr, &h.t[i], e);
    if (rc == 0) {
        int64_t more = bl_zr_read(zr, &byte, 1, e);
        rc = more <= 0 ? (int)more
                       : bl_fail(e, BL_E_FORMAT, "bytes follow the last tensor");
    }
    bl_tensors_head_free(&h);
    bl_zr_del(zr);
    return rc;
}

static int read_file(reading *r, const char *name, bl_err *e)
{
    char path[PATH_ROOM];
    int fd;
    if (snprintf(path, sizeof path, "%s/%s", r->dir, name) >= (int)sizeof path)
        return bl_fail(e, BL_E_OPEN, "the path is too long");
    int rc = bl_in_open(path, &fd, e);
    if (rc == 0) {
        rc = read_records(r, fd, e);
        close(fd);
    }
    if (rc != 0)
        bl_err_in(e, path);
    return rc;
}

/* The files that an index names, each once. A name that leads elsewhere is none. */
static int list_shards(const bl_json *map, const char **name, size_t *n, bl_err *e)
{
    const bl_json *value;
    const char *file, *key = bl_json_next(map, NULL, &value);
    for (; key != NULL; key = bl_json_next(map, key, &value)) {
        size_t i = 0;
        if (!bl_json_as_str(value, &file) || file[0] == '\0' || file[0] == '.' ||
            strchr(file, '/') != NULL)
            return bl_fail(e, BL_E_FORMAT, "weight_map of '%.64s' is no file's name",
                           key);
        while (i < *n && strcmp(name[i], file) != 0)
            i++;
        if (i == *n && *n == FILES_MAX)
            return bl_fail(e, BL_E_LIMIT, "weight_map names more than %d files",
                           FILES_MAX);
        if (i == *n)
            name[(*n)++] = file;
    }
    return 0;
}

static int read_shards(reading *r, bl_err *e)
{
    static const char index[] = "model.safetensors.index.json";
    bl_json *o = NULL;
    const bl_json *map = NULL;
    size_t n = 0;
    const char **name = bl_calloc(FILES_MAX, sizeof *name, e);
    int rc = name != NULL ? bl_hub_json(r->dir, index, &o, e) : BL_E_NOMEM;
    if (rc == 0) {
        rc = bl_json_get(o, "weight_map", &map, e);
        if (rc == 0 && !bl_json_is_object(map))
            rc = bl_fail(e, BL_E_FORMAT, "weight_map is not an object");
        if (rc == 0)
            rc = list_shards(map, name, &n, e);
        if (rc != 0)
            in_file(r->dir, index, e);
    }
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_file(r, name[i], e);
    bl_json_del(o);
    free(name);
    return rc;
}

static int read_weights(reading *r, bl_err *e)
{
    if (is_file(r->dir, "model.safetensors"))
        return read_file(r, "model.safetensors", e);
    if (is_file(r->dir, "model.safetensors.index.json"))
        return read_shards(r, e);
    int is_pickled = is_file(r->dir, "pytorch_model.bin") ||
                     is_file(r->dir, "pytorch_model.bin.index.json");
    return bl_fail(e, is_pickled ? BL_E_FORMAT : BL_E_OPEN,
                   is_pickled ? "only pytorch_model.bin is there, which is a program; "
                                "save the model as safetensors"
                              : "neither model.safetensors nor an index of shards is "
                                "there");
}

static int check_head_tied(const reading *r, bl_err *e)
{
    const bl_tensor *emb = bl_tensors_find(&r->c->head, "param.emb");
    if (r->head == NULL || (r->head_size * 4 == (int64_t)emb->bytes &&
                            memcmp(r->head, emb->data, (size_t)emb->bytes) == 0))
        return 0;
    return bl_fail(e, BL_E_FORMAT,
                   "lm_head.weight is not the embedding, though config.json says they "
                   "are tied");
}

static int check_all(const reading *r, bl_err *e)
{
    for (size_t i = 0; i < r->links.n; i++) {
        char name[128];
        bl_hub_full(r->kind, r->links.link[i].hub, name, sizeof name);
        if (!r->seen[i])
            return bl_fail(e, BL_E_FORMAT, "tensor '%s' is missing", name);
    }
    return check_head_tied(r, e);
}

/* ---- the folder ---- */

static int read_config(reading *r, bl_hub_ids *ids, bl_err *e)
{
    bl_json *o = NULL;
    bl_train_config *c = &r->c->info.config;
    int rc = bl_config_preset(c, "small", e);
    if (rc == 0)
        rc = bl_hub_json(r->dir, "config.json", &o, e);
    if (rc == 0) {
        rc = bl_hub_config_read(o, &r->kind, &c->model, ids, e);
        if (rc != 0)
            in_file(r->dir, "config.json", e);
    }
    bl_json_del(o);
    return rc;
}

/* Vocabularies of others name tokens as no scheme of ours does: token_names.h. */
static int read_vocab(bl_ckpt *c, const char *dir, bl_err *e)
{
    char path[PATH_ROOM];
    int asked = c->info.config.model.vocab;
    c->info.vocab = &c->vocab;
    if (!is_file(dir, "vocab.tsv"))
        return 0;
    snprintf(path, sizeof path, "%s/vocab.tsv", dir);
    int rc = bl_vocab_load(&c->vocab, path, e);
    if (rc == 0 && bl_words_size(c->vocab.words) != (size_t)asked) {
        rc = bl_fail(e, BL_E_MISMATCH, "%zu tokens, but vocab_size is %d",
                     bl_words_size(c->vocab.words), asked);
        bl_err_in(e, path);
    }
    return rc;
}

int bl_hub_read(bl_ckpt *c, bl_hub_ids *ids, const char *dir, bl_err *e)
{
    reading r = {.c = c, .dir = dir};
    *c = (bl_ckpt){0};
    *ids = (bl_hub_ids){-1, -1, -1};
    int rc = read_config(&r, ids, e);
    if (rc == 0)
        rc = bl_hub_links_make(&r.links, r.kind, &c->info.config.model, e);
    if (rc == 0) {
        c->head.t = bl_calloc(r.links.n, sizeof *c->head.t, e);
        r.seen = bl_calloc(r.links.n, 1, e);
        rc = c->head.t != NULL && r.seen != NULL ? 0 : BL_E_NOMEM;
    }
    if (rc == 0)
        rc = read_weights(&r, e);
    if (rc == 0)
        rc = check_all(&r, e);
    if (rc == 0)
        rc = read_vocab(c, dir, e);
    if (rc != 0)
        bl_err_in(e, dir);
    bl_hub_links_free(&r.links);
    free(r.seen);
    free(r.head);
    return rc;
}
