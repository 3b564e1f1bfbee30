/* json.c - see json.h. The only file that includes jansson.h: a bl_json is a json_t. */
#include "io/json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, READ_FLAGS = JSON_REJECT_DUPLICATES };

/* What a parsed text may take of memory, beyond its own bytes, and what jansson's
 * values take of it: lists and objects begin with room for eight. */
enum { TREE_MAX = 32 << 20, OBJECT = 256, LIST = 128, MEMBER = 64, KEY = 96 };
/* While it is read a string lies in memory four times. */
enum { STRING_MAX = 8 << 20 };

static bl_json *ours(json_t *j)
{
    return (bl_json *)j;
}

static json_t *theirs(bl_json *j)
{
    return (json_t *)j;
}

static const json_t *look(const bl_json *j)
{
    return (const json_t *)j;
}

/* ---- making ---- */

/* The character after the string that begins at p. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\' && p + 1 < end;
    return p < end ? p + 1 : end;
}

/* Text of a few bytes a value makes a tree of forty times its size, and nested text one
 * of any depth: both are told before a value is made. */
static int check_bounds(const char *text, size_t len, bl_err *e)
{
    size_t bytes = 0;
    int depth = 0;
    for (const char *p = text, *end = text + len; p < end;) {
        const char *start = p;
        if (*p == '"') {
            p = skip_string(p, end);
            if (p - start > STRING_MAX)
                return bl_fail(e, BL_E_LIMIT,
                               "the JSON text holds a string of more "
                               "than %d MiB",
                               STRING_MAX >> 20);
            continue;
        }
        bytes += *p == '{' ? OBJECT : *p == '[' ? LIST : 0;
        bytes += *p == ',' ? MEMBER : *p == ':' ? KEY : 0;
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        if (depth > DEPTH_MAX)
            return bl_fail(e, BL_E_FORMAT, "the JSON text nests deeper than %d",
                           DEPTH_MAX);
        if (bytes > TREE_MAX)
            return bl_fail(e, BL_E_LIMIT,
                           "the JSON text holds too many values: at "
                           "character %zu they take more than %d MiB",
                           (size_t)(p - text), TREE_MAX >> 20);
        p++;
    }
    return 0;
}

/* The text on its way to jansson, which drops bytes of a string or number where memory
 * for them fails, and goes on. The allocator leaves ENOMEM in errno, which only
 * jansson's reading of a number clears: it gets runs of bytes that are no punctuation,
 * and between them errno is looked at. */
typedef struct {
    const char *p, *end;
    int has_failed;
} feed;

static size_t give(void *buffer, size_t size, void *arg)
{
    static const char marks[] = "\",:[]{} \n";
    feed *f = arg;
    size_t n = 0, left = (size_t)(f->end - f->p);
    f->has_failed |= errno == ENOMEM;
    while (n < left && n < size && memchr(marks, f->p[n], sizeof marks - 1) == NULL)
        n++;
    n += n == 0 && left > 0;
    memcpy(buffer, f->p, n);
    f->p += n;
    return n;
}

bl_json *bl_json_parse(const char *text, size_t len, bl_err *e)
{
    feed f = {text, text + len, 0};
    json_error_t why;
    if (check_bounds(text, len, e) != 0)
        return NULL;
    errno = 0;
    json_t *j = json_load_callback(give, &f, READ_FLAGS, &why);
    if (f.has_failed || errno == ENOMEM)
        bl_fail(e, BL_E_NOMEM, "out of memory for JSON values");
    else if (j == NULL)
        bl_fail(e, BL_E_FORMAT, "bad JSON at character %d: %s", why.position, why.text);
    else if (!json_is_object(j))
        bl_fail(e, BL_E_FORMAT, "the JSON text is not an object");
    else
        return ours(j);
    json_decref(j);
    return NULL;
}

void bl_json_del(bl_json *j)
{
    json_decref(theirs(j));
}

static bl_json *made(json_t *j, bl_err *e)
{
    if (j == NULL)
        bl_fail(e, BL_E_NOMEM, "out of memory for a JSON value");
    return ours(j);
}

bl_json *bl_json_object(bl_err *e)
{
    return made(json_object(), e);
}

bl_json *bl_json_array(bl_err *e)
{
    return made(json_array(), e);
}

bl_json *bl_json_copy(const bl_json *j, bl_err *e)
{
    return made(json_deep_copy(look(j)), e);
}

/* A string value, or NULL and whether the text or the memory is to blame. */
static json_t *make_string(const char *value, bl_err *e)
{
    errno = 0;
    json_t *s = json_string(value);
    if (s == NULL && errno == ENOMEM)
        made(NULL, e);
    else if (s == NULL)
        bl_fail(e, BL_E_FORMAT, "a JSON string is not UTF-8");
    return s;
}

/* ---- setting ---- */

int bl_json_put(bl_json *o, const char *key, bl_json *value, bl_err *e)
{
    if (json_object_set_new(theirs(o), key, theirs(value)) != 0)
        return bl_fail(e, BL_E_NOMEM, "cannot set '%s' of a JSON object", key);
    return 0;
}

int bl_json_push(bl_json *array, bl_json *value, bl_err *e)
{
    if (json_array_append_new(theirs(array), theirs(value)) != 0)
        return bl_fail(e, BL_E_NOMEM, "cannot append to a JSON array");
    return 0;
}

int bl_json_set_str(bl_json *o, const char *key, const char *value, bl_err *e)
{
    json_t *s = make_string(value, e);
    if (s == NULL)
        return e != NULL ? e->code : BL_E_FORMAT;
    return bl_json_put(o, key, ours(s), e);
}

int bl_json_set_int(bl_json *o, const char *key, int64_t value, bl_err *e)
{
    return bl_json_put(o, key, ours(json_integer(value)), e);
}

int bl_json_set_real(bl_json *o, const char *key, double value, bl_err *e)
{
    if (!isfinite(value))
        return bl_fail(e, BL_E_FORMAT, "'%s' is not a finite number", key);
    return bl_json_put(o, key, ours(json_real(value)), e);
}

int bl_json_set_bool(bl_json *o, const char *key, int value, bl_err *e)
{
    return bl_json_put(o, key, ours(json_boolean(value)), e);
}

int bl_json_push_str(bl_json *array, const char *value, bl_err *e)
{
    json_t *s = make_string(value, e);
    if (s == NULL)
        return e != NULL ? e->code : BL_E_FORMAT;
    return bl_json_push(array, ours(s), e);
}

int bl_json_push_int(bl_json *array, int64_t value, bl_err *e)
{
    return bl_json_push(array, ours(json_integer(value)), e);
}

/* ---- getting ---- */

int bl_json_get(const bl_json *o, const char *key, const bl_json **value, bl_err *e)
{
    const json_t *v = json_object_get(look(o), key);
    if (v == NULL)
        return bl_fail(e, BL_E_FORMAT, "'%s' is missing", key);
    *value = (const bl_json *)v;
    return 0;
}

int bl_json_str(const bl_json *o, const char *key, const char **value, bl_err *e)
{
    const bl_json *v = NULL;
    int rc = bl_json_get(o, key, &v, e);
    if (rc == 0 && !bl_json_as_str(v, value))
        rc = bl_fail(e, BL_E_FORMAT, "'%s' is not a string", key);
    return rc;
}

int bl_json_int(const bl_json *o, const char *key, int64_t low, int64_t high,
                int64_t *value, bl_err *e)
{
    const bl_json *v = NULL;
    int64_t x;
    int rc = bl_json_get(o, key, &v, e);
    if (rc != 0)
        return rc;
    if (!bl_json_as_int(v, &x))
        return bl_fail(e, BL_E_FORMAT, "'%s' is not a whole number", key);
    if (x < low || x > high)
        return bl_fail(e, BL_E_FORMAT, "'%s' is %lld, not within %lld..%lld", key,
                       (long long)x, (long long)low, (long long)high);
    *value = x;
    return 0;
}

int bl_json_real(const bl_json *o, const char *key, double *value, bl_err *e)
{
    const bl_json *v = NULL;
    int rc = bl_json_get(o, key, &v, e);
    if (rc == 0 && !bl_json_as_real(v, value))
        rc = bl_fail(e, BL_E_FORMAT, "'%s' is not a number", key);
    return rc;
}

int bl_json_bool(const bl_json *o, const char *key, int *value, bl_err *e)
{
    const bl_json *v = NULL;
    int rc = bl_json_get(o, key, &v, e);
    if (rc == 0 && !bl_json_as_bool(v, value))
        rc = bl_fail(e, BL_E_FORMAT, "'%s' is not true or false", key);
    return rc;
}

int bl_json_has(const bl_json *o, const char *key)
{
    return json_object_get(look(o), key) != NULL;
}

int bl_json_is_object(const bl_json *j)
{
    return json_is_object(look(j));
}

int bl_json_is_array(const bl_json *j)
{
    return json_is_array(look(j));
}

size_t bl_json_size(const bl_json *j)
{
    return bl_json_is_object(j) ? json_object_size(look(j)) : json_array_size(look(j));
}

const char *bl_json_next(const bl_json *o, const char *key, const bl_json **value)
{
    json_t *j = (json_t *)(uintptr_t)look(o); /* iterating changes nothing */
    void *at = key == NULL ? json_object_iter(j)
                           : json_object_iter_next(j, json_object_key_to_iter(key));
    if (at == NULL)
        return NULL;
    *value = ours(json_object_iter_value(at));
    return json_object_iter_key(at);
}

void bl_json_member(const bl_json *o, size_t i, const char **key, const bl_json **value)
{
    *key = bl_json_next(o, NULL, value);
    while (i-- > 0)
        *key = bl_json_next(o, *key, value);
}

const bl_json *bl_json_at(const bl_json *array, size_t i)
{
    return (const bl_json *)json_array_get(look(array), i);
}

int bl_json_as_str(const bl_json *j, const char **value)
{
    if (!json_is_string(look(j)))
        return 0;
    *value = json_string_value(look(j));
    return 1;
}

int bl_json_as_int(const bl_json *j, int64_t *value)
{
    if (!json_is_integer(look(j)))
        return 0;
    *value = json_integer_value(look(j));
    return 1;
}

int bl_json_as_real(const bl_json *j, double *value)
{
    if (!json_is_number(look(j)))
        return 0;
    *value = json_number_value(look(j));
    return 1;
}

int bl_json_as_bool(const bl_json *j, int *value)
{
    if (!json_is_boolean(look(j)))
        return 0;
    *value = json_is_true(look(j));
    return 1;
}

int bl_json_only(const bl_json *o, const char *const *keys, bl_err *e)
{
    const bl_json *value;
    const char *key = bl_json_next(o, NULL, &value);
    for (; key != NULL; key = bl_json_next(o, key, &value)) {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], key) != 0)
            i++;
        if (keys[i] == NULL && strncmp(key, "x-", 2) != 0)
            return bl_fail(e, BL_E_FORMAT, "'%.64s' is not a known key", key);
    }
    return 0;
}

/* ---- writing ---- */

/* The shortest decimal that reads back as the same number, always with a point or an
 * exponent: 0.1, not 0.10000000000000001. */
static int write_real(double x, bl_buf *out, bl_err *e)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    if (strpbrk(text, ".e") == NULL)
        strcat(text, ".0");
    return bl_buf_adds(out, text, e);
}

static int write_scalar(const json_t *j, bl_buf *out, bl_err *e)
{
    if (json_is_real(j))
        return write_real(json_real_value(j), out, e);
    char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    if (text == NULL)
        return bl_fail(e, BL_E_NOMEM, "out of memory for JSON text");
    int rc = bl_buf_adds(out, text, e);
    free(text);
    return rc;
}

static int write_key(const char *key, bl_buf *out, bl_err *e)
{
    json_t *s = make_string(key, e);
    if (s == NULL)
        return BL_E_NOMEM;
    int rc = write_scalar(s, out, e);
    if (rc == 0)
        rc = bl_buf_addc(out, ':', e);
    json_decref(s);
    return rc;
}

static int write_array(const bl_json *j, bl_buf *out, bl_err *e)
{
    int rc = bl_buf_addc(out, '[', e);
    for (size_t i = 0; i < bl_json_size(j) && rc == 0; i++) {
        if (i > 0)
            rc = bl_buf_addc(out, ',', e);
        if (rc == 0)
            rc = bl_json_write(bl_json_at(j, i), out, e);
    }
    return rc == 0 ? bl_buf_addc(out, ']', e) : rc;
}

static int write_object(const bl_json *j, bl_buf *out, bl_err *e)
{
    const bl_json *value;
    int rc = bl_buf_addc(out, '{', e);
    const char *first = bl_json_next(j, NULL, &value);
    for (const char *k = first; k != NULL && rc == 0; k = bl_json_next(j, k, &value)) {
        if (k != first)
            rc = bl_buf_addc(out, ',', e);
        if (rc == 0)
            rc = write_key(k, out, e);
        if (rc == 0)
            rc = bl_json_write(value, out, e);
    }
    return rc == 0 ? bl_buf_addc(out, '}', e) : rc;
}

int bl_json_write(const bl_json *j, bl_buf *out, bl_err *e)
{
    if (bl_json_is_object(j))
        return write_object(j, out, e);
    if (bl_json_is_array(j))
        return write_array(j, out, e);
    return write_scalar(look(j), out, e);
}

const char *bl_json_version(void)
{
    return jansson_version_str();
}
