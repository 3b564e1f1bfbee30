/* tensors.c - see tensors.h. Layout: schemas/remi-shard.md, "safetensors". */
#include "io/tensors.h"
#include "io/header.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors are little-endian, and written from memory as they are");

enum {
    HEAD_MAX = 16 << 20,
    HEAD_CHUNK = 1 << 16, /* read at a time: memory follows what came */
    DATA_CHUNK = 1 << 20,
    SKIP_CHUNK = 1 << 14,
    ALIGN = 4096,
    COUNT_MAX = 1 << 14, /* tensors of a record; 256 layers with moments have 12,000 */
};

static const struct {
    const char *name;
    size_t size;
} dtypes[BL_N_DTYPES] = {
    [BL_F32] = {"F32", 4},   [BL_F64] = {"F64", 8},  [BL_I64] = {"I64", 8},
    [BL_I32] = {"I32", 4},   [BL_U16] = {"U16", 2},  [BL_U32] = {"U32", 4},
    [BL_U8] = {"U8", 1},     [BL_HALF] = {"F16", 2}, [BL_BFLOAT] = {"BF16", 2},
    [BL_BOOL] = {"BOOL", 1},
};

size_t bl_dtype_size(bl_dtype t)
{
    return dtypes[t].size;
}

const char *bl_dtype_name(bl_dtype t)
{
    return dtypes[t].name;
}

int bl_tensor_make(bl_tensor *t, const char *name, bl_dtype dtype, int ndim,
                   const int64_t *shape, void *data, bl_err *e)
{
    size_t n = strlen(name), bytes = bl_dtype_size(dtype);
    if (n == 0 || n >= BL_TENSOR_NAME)
        return bl_fail(e, BL_E_LIMIT, "a tensor's name has %zu bytes", n);
    if (ndim < 0 || ndim > BL_TENSOR_DIMS)
        return bl_fail(e, BL_E_LIMIT, "tensor '%s' has %d dimensions", name, ndim);
    *t = (bl_tensor){.dtype = dtype, .ndim = ndim, .data = data};
    memcpy(t->name, name, n + 1);
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0 || bl_mul(bytes, (size_t)shape[i], &bytes) != 0 ||
            bytes > INT64_MAX)
            return bl_fail(e, BL_E_LIMIT, "the shape of tensor '%s' does not fit",
                           name);
        t->shape[i] = shape[i];
    }
    t->bytes = bytes;
    return 0;
}

/* ---- writing ---- */

static int by_dtype_then_name(const void *va, const void *vb)
{
    const bl_tensor *a = *(const bl_tensor *const *)va;
    const bl_tensor *b = *(const bl_tensor *const *)vb;
    size_t size_a = bl_dtype_size(a->dtype), size_b = bl_dtype_size(b->dtype);
    if (size_a != size_b)
        return size_a > size_b ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bl_json *describe(const bl_tensor *t, uint64_t start, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    bl_json *shape = bl_json_array(e);
    bl_json *range = bl_json_array(e);
    int rc = o == NULL || shape == NULL || range == NULL ? BL_E_NOMEM : 0;
    for (int i = 0; i < t->ndim && rc == 0; i++)
        rc = bl_json_push_int(shape, t->shape[i], e);
    if (rc == 0)
        rc = bl_json_push_int(range, (int64_t)start, e);
    if (rc == 0)
        rc = bl_json_push_int(range, (int64_t)(start + t->bytes), e);
    if (rc == 0)
        rc = bl_json_set_str(o, "dtype", bl_dtype_name(t->dtype), e);
    if (rc == 0) {
        rc = bl_json_put(o, "shape", shape, e);
        shape = NULL;
    }
    if (rc == 0) {
        rc = bl_json_put(o, "data_offsets", range, e);
        range = NULL;
    }
    bl_json_del(shape);
    bl_json_del(range);
    if (rc != 0) {
        bl_json_del(o);
        return NULL;
    }
    return o;
}

/* The header of tensors in data order: length, JSON, blanks. */
static int format_head(const bl_tensor *const *t, size_t n, const bl_json *meta,
                       bl_buf *out, bl_err *e)
{
    uint64_t length = 0, start = 0;
    bl_json *head = bl_json_object(e);
    bl_json *copy = meta != NULL ? bl_json_copy(meta, e) : NULL;
    int rc = head == NULL || (meta != NULL && copy == NULL) ? BL_E_NOMEM : 0;
    if (rc == 0 && copy != NULL) {
        rc = bl_json_put(head, "__metadata__", copy, e);
        copy = NULL;
    }
    for (size_t i = 0; i < n && rc == 0; start += t[i++]->bytes) {
        bl_json *one = describe(t[i], start, e);
        rc = one == NULL ? BL_E_NOMEM : bl_json_put(head, t[i]->name, one, e);
    }
    if (rc == 0)
        rc = bl_buf_add(out, &length, sizeof length, e);
    if (rc == 0)
        rc = bl_json_write(head, out, e);
    while (rc == 0 && out->len % ALIGN != 0)
        rc = bl_buf_addc(out, ' ', e);
    if (rc == 0 && out->len - sizeof length > HEAD_MAX)
        rc = bl_fail(e, BL_E_LIMIT, "the header of the tensors is longer than 16 MiB");
    if (rc == 0) {
        length = out->len - sizeof length;
        memcpy(out->data, &length, sizeof length);
    }
    bl_json_del(copy);
    bl_json_del(head);
    return rc;
}

/* In data order, and no name twice: JSON would silently keep the last one. */
static int sort_tensors(const bl_tensor **order, const bl_tensor *t, size_t n,
                        bl_err *e)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        order[i] = &t[i];
        if (__builtin_add_overflow(bytes, t[i].bytes, &bytes) || bytes > INT64_MAX)
            return bl_fail(e, BL_E_LIMIT, "the tensors do not fit into a file");
    }
    qsort(order, n, sizeof *order, by_dtype_then_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0)
            return bl_fail(e, BL_E_ARG, "tensor '%s' stands twice", order[i]->name);
    return 0;
}

static int put_data(void *arg, const bl_tensor *t, bl_zw *w, bl_err *e)
{
    (void)arg;
    return bl_zw_add(w, t->data, t->bytes, e);
}

int bl_tensors_write(bl_zw *w, const bl_tensor *t, size_t n, const bl_json *meta,
                     bl_err *e)
{
    return bl_tensors_write_by(w, t, n, meta, put_data, NULL, e);
}

int bl_tensors_write_by(bl_zw *w, const bl_tensor *t, size_t n, const bl_json *meta,
                        bl_tensor_put_fn *put, void *arg, bl_err *e)
{
    bl_buf head = {0};
    if (n > COUNT_MAX)
        return bl_fail(e, BL_E_LIMIT, "more than %d tensors", COUNT_MAX);
    const bl_tensor **order = bl_calloc(n, sizeof *order, e);
    int rc = order == NULL ? BL_E_NOMEM : sort_tensors(order, t, n, e);
    if (rc == 0)
        rc = format_head(order, n, meta, &head, e);
    if (rc == 0)
        rc = bl_zw_add(w, head.data, head.len, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = put(arg, order[i], w, e);
    bl_buf_free(&head);
    free(order);
    return rc;
}

/* ---- reading ---- */

int bl_tensors_begin(const uint8_t *p, size_t n)
{
    uint64_t length;
    if (n < sizeof length)
        return 0;
    memcpy(&length, p, sizeof length);
    return length >= 2 && length <= HEAD_MAX;
}

static int read_text(bl_zr *r, bl_buf *text, bl_err *e)
{
    uint64_t length;
    int rc = bl_zr_read_exact(r, &length, sizeof length, e);
    if (rc <= 0)
        return rc;
    if (memcmp(&length, "MThd", 4) == 0 || memcmp(&length, "#remi", 5) == 0)
        return bl_fail(e, BL_E_FORMAT, "not safetensors but a %s",
                       memcmp(&length, "#", 1) == 0 ? "token stream" : "MIDI file");
    if (length < 2 || length > HEAD_MAX)
        return bl_fail(e, BL_E_FORMAT, "not safetensors: a header of %llu bytes",
                       (unsigned long long)length);
    while (text->len < length) {
        size_t n = (size_t)length - text->len;
        if (n > HEAD_CHUNK)
            n = HEAD_CHUNK;
        rc = bl_buf_reserve(text, text->len + n, e);
        if (rc == 0)
            rc = bl_zr_read_exact(r, text->data + text->len, n, e);
        if (rc == 0)
            rc = bl_fail_at(e, BL_E_TRUNC, (int64_t)bl_zr_offset(r),
                            "the input ends inside the header");
        if (rc < 0)
            return rc;
        text->len += n;
    }
    if (text->data[0] != '{')
        return bl_fail(e, BL_E_FORMAT, "not safetensors: no JSON header");
    return 1;
}

static int read_meta(const bl_json *o, bl_json **meta, bl_err *e)
{
    const bl_json *stated, *value;
    const char *text;
    if (!bl_json_has(o, "__metadata__")) {
        *meta = bl_json_object(e);
        return *meta == NULL ? BL_E_NOMEM : 0;
    }
    int rc = bl_json_get(o, "__metadata__", &stated, e);
    if (rc == 0 && !bl_json_is_object(stated))
        rc = bl_fail(e, BL_E_FORMAT, "'__metadata__' is not an object");
    if (rc == 0 && bl_json_size(stated) > 2 * COUNT_MAX)
        rc = bl_fail(e, BL_E_LIMIT, "more than %d entries of metadata", 2 * COUNT_MAX);
    if (rc != 0)
        return rc;
    const char *key = bl_json_next(stated, NULL, &value);
    for (; key != NULL; key = bl_json_next(stated, key, &value))
        if (!bl_json_as_str(value, &text))
            return bl_fail(e, BL_E_FORMAT, "metadata '%.64s' is not a string", key);
    *meta = bl_json_copy(stated, e);
    return *meta == NULL ? BL_E_NOMEM : 0;
}

static int read_dtype(const bl_json *o, bl_dtype *dtype, bl_err *e)
{
    const char *name;
    int rc = bl_json_str(o, "dtype", &name, e);
    if (rc != 0)
        return rc;
    for (int i = 0; i < BL_N_DTYPES; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *dtype = (bl_dtype)i;
            return 0;
        }
    }
    return bl_fail(e, BL_E_FORMAT, "the element type '%.16s' is not known", name);
}

/* Reads an array of 0 <= integers; *n of them, at most `max`. */
static int read_ints(const bl_json *o, const char *key, int64_t *value, int max, int *n,
                     bl_err *e)
{
    const bl_json *list;
    int rc = bl_json_get(o, key, &list, e);
    if (rc != 0)
        return rc;
    if (!bl_json_is_array(list) || bl_json_size(list) > (size_t)max)
        return bl_fail(e, BL_E_FORMAT, "'%s' is not a list of at most %d numbers", key,
                       max);
    *n = (int)bl_json_size(list);
    for (int i = 0; i < *n; i++)
        if (!bl_json_as_int(bl_json_at(list, (size_t)i), &value[i]) || value[i] < 0)
            return bl_fail(e, BL_E_FORMAT, "'%s' holds something else than counts",
                           key);
    return 0;
}

/* A tensor and where its bytes begin. */
typedef struct {
    bl_tensor t;
    uint64_t start;
} placed;

static int read_tensor(const char *name, const bl_json *o, placed *p, bl_err *e)
{
    int64_t shape[BL_TENSOR_DIMS], range[2];
    int ndim = 0, n = 0;
    bl_dtype dtype = BL_F32;
    if (name[0] == '\0' || strlen(name) >= BL_TENSOR_NAME)
        return bl_fail(e, BL_E_FORMAT, "a tensor's name has %zu bytes", strlen(name));
    int rc = read_dtype(o, &dtype, e);
    if (rc == 0)
        rc = read_ints(o, "shape", shape, BL_TENSOR_DIMS, &ndim, e);
    if (rc == 0)
        rc = read_ints(o, "data_offsets", range, 2, &n, e);
    if (rc == 0 && (n != 2 || bl_json_size(o) != 3))
        rc = bl_fail(e, BL_E_FORMAT, "'%s' is not dtype, shape and two data_offsets",
                     name);
    if (rc == 0)
        rc = bl_tensor_make(&p->t, name, dtype, ndim, shape, NULL, e);
    if (rc == 0 &&
        (range[0] > range[1] || (uint64_t)(range[1] - range[0]) != p->t.bytes))
        rc = bl_fail(e, BL_E_FORMAT,
                     "the bytes of '%s' are not as many as its shape asks", name);
    p->start = (uint64_t)range[0];
    return rc;
}

static int by_place(const void *va, const void *vb)
{
    const placed *a = va, *b = vb;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->t.bytes < b->t.bytes ? -1 : a->t.bytes > b->t.bytes;
}

/* Puts the tensors in data order, where each must begin at the end of the one before.
 */
static int arrange(placed *p, bl_tensors_head *h, bl_err *e)
{
    qsort(p, h->n, sizeof *p, by_place);
    for (size_t i = 0; i < h->n; i++) {
        if (p[i].start != h->bytes)
            return bl_fail(e, BL_E_FORMAT, "the bytes of '%s' overlap or leave a gap",
                           p[i].t.name);
        h->bytes += p[i].t.bytes;
        h->t[i] = p[i].t;
    }
    return 0;
}

static int read_tensors(const bl_json *o, bl_tensors_head *h, bl_err *e)
{
    const bl_json *value;
    size_t n = bl_json_size(o) - (size_t)bl_json_has(o, "__metadata__");
    if (n > COUNT_MAX)
        return bl_fail(e, BL_E_LIMIT, "more than %d tensors", COUNT_MAX);
    placed *p = bl_calloc(n, sizeof *p, e);
    h->t = bl_calloc(n, sizeof *h->t, e);
    int rc = p == NULL || h->t == NULL ? BL_E_NOMEM : 0;
    const char *key = bl_json_next(o, NULL, &value);
    for (; key != NULL && rc == 0; key = bl_json_next(o, key, &value))
        if (strcmp(key, "__metadata__") != 0)
            rc = read_tensor(key, value, &p[h->n++], e);
    if (rc == 0)
        rc = arrange(p, h, e);
    free(p);
    return rc;
}

int bl_tensors_read_head(bl_zr *r, bl_tensors_head *h, bl_err *e)
{
    bl_buf text = {0};
    bl_json *o = NULL;
    *h = (bl_tensors_head){0};
    int rc = read_text(r, &text, e);
    if (rc > 0) {
        o = bl_json_parse((const char *)text.data, text.len, e);
        bl_buf_free(&text);
        rc = o == NULL ? bl_code_of(e, BL_E_FORMAT) : read_meta(o, &h->meta, e);
        if (rc == 0)
            rc = read_tensors(o, h, e);
        if (rc == 0)
            rc = 1;
    }
    bl_json_del(o);
    bl_buf_free(&text);
    if (rc < 0)
        bl_tensors_head_free(h);
    return rc;
}

int bl_tensor_read(bl_zr *r, const bl_tensor *t, bl_buf *to, bl_xxh3_state *hash,
                   bl_err *e)
{
    uint8_t skipped[SKIP_CHUNK];
    for (uint64_t left = t->bytes; left > 0;) {
        size_t most = to != NULL ? DATA_CHUNK : SKIP_CHUNK;
        size_t n = left < most ? (size_t)left : most;
        int rc = to != NULL ? bl_buf_reserve(to, to->len + n, e) : 0;
        if (rc != 0)
            return rc;
        uint8_t *at = to != NULL ? to->data + to->len : skipped;
        rc = bl_zr_read_exact(r, at, n, e);
        if (rc == 0)
            rc = bl_fail(e, BL_E_TRUNC, "the file ends inside '%s'", t->name);
        if (rc < 0)
            return rc;
        if (hash != NULL)
            bl_xxh3_add(hash, at, n);
        if (to != NULL)
            to->len += n;
        left -= n;
    }
    return 0;
}

const bl_tensor *bl_tensors_find(const bl_tensors_head *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->t[i].name, name) == 0)
            return &h->t[i];
    return NULL;
}

void bl_tensors_head_free(bl_tensors_head *h)
{
    free(h->t);
    bl_json_del(h->meta);
    *h = (bl_tensors_head){0};
}
