/* config_change.c - see bl_config_change in train_config.h: many settings, in no order.
 */
#include "train/train_config.h"

#include "io/file.h"
#include "io/header.h"

#include <string.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

static int parse_file(const char *path, bl_json **object, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_load_file(path, &text, CONFIG_BYTES_MAX, e);
    if (rc == 0) {
        *object = bl_json_parse((const char *)text.data, text.len, e);
        rc = *object != NULL ? 0 : bl_code_of(e, BL_E_FORMAT);
    }
    bl_buf_free(&text);
    return rc;
}

static int names(const char *assignment, const char *key)
{
    size_t len = strlen(key);
    return strncmp(assignment, key, len) == 0 && assignment[len] == '=';
}

/* 1 if an assignment or the object names the key. */
static int is_named(const char *key, const bl_json *object, const char *const *set,
                    size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (names(set[i], key))
            return 1;
    return object != NULL && bl_json_has(object, key);
}

/* The assignments of a key. */
static int set_key(bl_train_config *c, const char *key, const char *const *set,
                   size_t n, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        if (names(set[i], key))
            rc = bl_config_set(c, set[i], e);
    return rc;
}

/* All assignments but that of arch; those that others follow first, in the order of the
 * table. */
static int set_others(bl_train_config *c, const char *const *set, size_t n, bl_err *e)
{
    const bl_setting *s;
    int rc = 0;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL && rc == 0; i++)
        if ((s->traits & BL_SET_LEADS) && strcmp(s->key, "arch") != 0)
            rc = set_key(c, s->key, set, n, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (!bl_config_leads(set[i], strcspn(set[i], "=")))
            rc = bl_config_set(c, set[i], e);
    return rc;
}

/* Layers that a preset names, of what an assignment has switched off, are none. */
static int is_idle(const bl_setting *s, const bl_train_config *c)
{
    return s->kind == BL_SET_LAYERS && s->is_used != NULL && !s->is_used(c);
}

static void follow_others(bl_train_config *c, const bl_json *object,
                          const char *const *set, size_t n)
{
    const bl_setting *s;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++) {
        if (is_named(s->key, object, set, n))
            continue;
        if (s->follows != NULL)
            bl_setting_put(s, c, s->follows(c));
        else if (is_idle(s, c))
            bl_setting_put(s, c, 0);
    }
}

/* An arch that is assigned takes the place of the file's, and with it of what that one
 * decides; to a file without an arch its settings are additions. */
static int change(bl_train_config *c, const bl_json *object, const char *file,
                  const char *const *set, size_t n, bl_err *e)
{
    int replaces = object != NULL && bl_json_has(object, "arch");
    int rc = replaces ? 0 : set_key(c, "arch", set, n, e);
    if (rc == 0 && object != NULL) {
        rc = bl_config_read(c, object, e);
        if (rc != 0)
            return bl_fail_in(e, rc, file);
    }
    if (rc == 0 && replaces)
        rc = set_key(c, "arch", set, n, e);
    return rc == 0 ? set_others(c, set, n, e) : rc;
}

int bl_config_change(bl_train_config *c, const char *file, const char *const *set,
                     size_t n, int follow, bl_err *e)
{
    bl_json *object = NULL;
    int rc = file != NULL ? parse_file(file, &object, e) : 0;
    if (rc != 0)
        return bl_fail_in(e, rc, file);
    rc = change(c, object, file, set, n, e);
    int has_arch = object != NULL && bl_json_has(object, "arch"),
        sets_arch = is_named("arch", NULL, set, n);
    if (rc == 0 && (follow || has_arch || sets_arch))
        follow_others(c, has_arch && sets_arch ? NULL : object, set, n);
    bl_json_del(object);
    return rc;
}

int bl_config_check_use(const bl_train_config *c, const char *const *set, size_t n,
                        bl_err *e)
{
    const bl_setting *s;
    int rc = 0;
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL && rc == 0; i++)
        if (is_named(s->key, NULL, set, n))
            rc = bl_setting_check_use(s, c, e);
    return rc;
}
