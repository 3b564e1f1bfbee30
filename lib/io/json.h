/* json.h - JSON objects in headers and manifests. The only header over jansson:
 * duplicate keys, trailing bytes, overflow and bad UTF-8 are refused. */
#ifndef BL_JSON_H
#define BL_JSON_H

#include "base/mem.h"

typedef struct bl_json
    bl_json; /* an object, array or scalar; reference counted inside */

/* Parses one JSON object (depth <= 32). NULL and BL_E_FORMAT otherwise; BL_E_LIMIT
 * where its values would take more than 32 MiB beside its text, or a string is longer
 * than 8 MiB; BL_E_NOMEM. */
bl_json *bl_json_parse(const char *text, size_t len, bl_err *e) BL_MUST_CHECK;
void bl_json_del(bl_json *j);

bl_json *bl_json_object(bl_err *e) BL_MUST_CHECK;
bl_json *bl_json_array(bl_err *e) BL_MUST_CHECK;

/* Setters: 0 or BL_E_NOMEM / BL_E_FORMAT. Keys come out in the order they were set.
 * The `put` and `push` forms take ownership of the value, also on failure. */
int bl_json_set_str(bl_json *o, const char *key, const char *value,
                    bl_err *e) BL_MUST_CHECK;
int bl_json_set_int(bl_json *o, const char *key, int64_t value,
                    bl_err *e) BL_MUST_CHECK;
int bl_json_set_real(bl_json *o, const char *key, double value,
                     bl_err *e) BL_MUST_CHECK;
int bl_json_set_bool(bl_json *o, const char *key, int value, bl_err *e) BL_MUST_CHECK;
int bl_json_put(bl_json *o, const char *key, bl_json *value, bl_err *e) BL_MUST_CHECK;
int bl_json_push(bl_json *array, bl_json *value, bl_err *e) BL_MUST_CHECK;
int bl_json_push_str(bl_json *array, const char *value, bl_err *e) BL_MUST_CHECK;
int bl_json_push_int(bl_json *array, int64_t value, bl_err *e) BL_MUST_CHECK;

/* Getters. A missing key or another type is BL_E_FORMAT naming the key. Strings and
 * children belong to the object. */
int bl_json_str(const bl_json *o, const char *key, const char **value,
                bl_err *e) BL_MUST_CHECK;
int bl_json_int(const bl_json *o, const char *key, int64_t low, int64_t high,
                int64_t *value, bl_err *e) BL_MUST_CHECK;
int bl_json_real(const bl_json *o, const char *key, double *value,
                 bl_err *e) BL_MUST_CHECK;
int bl_json_bool(const bl_json *o, const char *key, int *value,
                 bl_err *e) BL_MUST_CHECK;
int bl_json_get(const bl_json *o, const char *key, const bl_json **value,
                bl_err *e) BL_MUST_CHECK;
int bl_json_has(const bl_json *o, const char *key);
int bl_json_is_object(const bl_json *j);
int bl_json_is_array(const bl_json *j);
size_t bl_json_size(const bl_json *j); /* of an array or object */
/* The key after `key` (as this function or bl_json_member gave it; NULL = before the
 * first) and its value; NULL after the last. For going through large objects. */
const char *bl_json_next(const bl_json *o, const char *key, const bl_json **value);
/* The i-th member of an object, in order: key and value. i < bl_json_size; takes time
 * in proportion to i. */
void bl_json_member(const bl_json *o, size_t i, const char **key,
                    const bl_json **value);
const bl_json *bl_json_at(const bl_json *array, size_t i);
/* A scalar on its own: 1 and the value if it is of that type, else 0. */
int bl_json_as_str(const bl_json *j, const char **value);
int bl_json_as_int(const bl_json *j, int64_t *value);
int bl_json_as_real(const bl_json *j, double *value);
int bl_json_as_bool(const bl_json *j, int *value);
bl_json *bl_json_copy(const bl_json *j, bl_err *e) BL_MUST_CHECK;

/* BL_E_FORMAT naming the first key that is not in the NULL-terminated list and
 * does not begin with "x-". */
int bl_json_only(const bl_json *o, const char *const *keys, bl_err *e) BL_MUST_CHECK;

/* Appends compact text in key order of insertion. */
int bl_json_write(const bl_json *j, bl_buf *out, bl_err *e) BL_MUST_CHECK;

const char *bl_json_version(void);

#endif
