/* mem.c - see mem.h. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *bl_calloc(size_t n, size_t size, bl_err *e)
{
    size_t bytes;
    if (bl_mul(n, size, &bytes) != 0) {
        bl_fail(e, BL_E_NOMEM, "%zu elements of %zu bytes do not fit in memory", n,
                size);
        return NULL;
    }
    void *p = calloc(bytes == 0 ? 1 : bytes, 1);
    if (p == NULL)
        bl_fail(e, BL_E_NOMEM, "out of memory asking for %zu bytes", bytes);
    return p;
}

int bl_grow_now(void **array, size_t *cap, size_t need, size_t size, bl_err *e)
{
    size_t bytes;
    size_t more = *cap + *cap / 2 + 16;
    if (more < need)
        more = need;
    if (bl_mul(more, size, &bytes) != 0)
        return bl_fail(e, BL_E_NOMEM, "%zu elements of %zu bytes do not fit in memory",
                       more, size);
    void *p = realloc(*array, bytes);
    if (p == NULL)
        return bl_fail(e, BL_E_NOMEM, "out of memory asking for %zu bytes", bytes);
    *array = p;
    *cap = more;
    return 0;
}

char *bl_strdup(const char *s, bl_err *e)
{
    size_t size = strlen(s) + 1;
    char *copy = bl_calloc(size, 1, e);
    if (copy != NULL)
        memcpy(copy, s, size);
    return copy;
}

int bl_buf_reserve_now(bl_buf *b, size_t cap, bl_err *e)
{
    void *data = b->data;
    int rc = bl_grow(&data, &b->cap, cap, 1, e);
    b->data = data;
    return rc;
}

int bl_buf_add(bl_buf *b, const void *bytes, size_t len, bl_err *e)
{
    if (len > SIZE_MAX - b->len)
        return bl_fail(e, BL_E_NOMEM, "buffer of %zu bytes cannot grow by %zu", b->len,
                       len);
    int rc = bl_buf_reserve(b, b->len + len, e);
    if (rc != 0)
        return rc;
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    return 0;
}

int bl_buf_addc(bl_buf *b, int byte, bl_err *e)
{
    uint8_t c = (uint8_t)byte;
    return bl_buf_add(b, &c, 1, e);
}

int bl_buf_adds(bl_buf *b, const char *s, bl_err *e)
{
    return bl_buf_add(b, s, strlen(s), e);
}

int bl_buf_addf(bl_buf *b, bl_err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        return bl_fail(e, BL_E_ARG, "text cannot be formatted");
    int rc = bl_buf_reserve(b, b->len + (size_t)len + 1, e);
    if (rc != 0)
        return rc;
    va_start(args, fmt);
    vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
    return 0;
}

const char *bl_buf_str(bl_buf *b, bl_err *e)
{
    if (bl_buf_reserve(b, b->len + 1, e) != 0)
        return NULL;
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

void bl_buf_free(bl_buf *b)
{
    free(b->data);
    *b = (bl_buf){0};
}

int bl_ids_add_n(bl_ids *v, const uint16_t *id, size_t n, bl_err *e)
{
    void *p = v->id;
    int rc = bl_grow(&p, &v->cap, v->n + n, sizeof *v->id, e);
    v->id = p;
    if (rc != 0)
        return rc;
    if (n > 0)
        memcpy(v->id + v->n, id, n * sizeof *id);
    v->n += n;
    return 0;
}

void bl_ids_free(bl_ids *v)
{
    free(v->id);
    *v = (bl_ids){0};
}
