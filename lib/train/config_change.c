/* config_change.c - see bl_config_change in config.h: many settings, in no order. */
#include "train/train_config.h"

#include "io/file.h"
#include "io/header.h"

#include <string.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

static int parse_file(const char *path, bl_json **object, bl_err *e)
{
    bl_buf text = {0};
    int fd;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &text, CONFIG_BYTES_MAX, e);
    if (fd != STDIN_FILENO)
        close(fd);
    if (rc == 0) {
        *object = bl_json_parse((const char *)text.data, text.len, e);
        rc = *object != NULL ? 0 : bl_code_of(e, BL_E_FORMAT);
    }
    bl_buf_free(&text);
    return rc;
}

/* 1 if an assignment or the object names the key. */
static int is_named(const char *key, const bl_json *object, const char *const *set,
                    size_t n)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (strncmp(set[i], key, len) == 0 && set[i][len] == '=')
            return 1;
    return object != NULL && bl_json_has(object, key);
}

/* Others follow arch, and then pre_norm. */
enum { ARCH_RANK, NORM_RANK, OTHER_RANK };

static int rank_of(const char *assignment)
{
    if (strncmp(assignment, "arch=", 5) == 0)
        return ARCH_RANK;
    return strncmp(assignment, "pre_norm=", 9) == 0 ? NORM_RANK : OTHER_RANK;
}

/* The assignments of a rank. */
static int set_each(bl_train_config *c, const char *const *set, size_t n, int rank,
                    bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        if (rank_of(set[i]) == rank)
            rc = bl_config_set(c, set[i], e);
    return rc;
}

static void follow_others(bl_train_config *c, const bl_json *object,
                          const char *const *set, size_t n)
{
    static const int positions[BL_N_POS] = {[BL_POS_DISTANCE] = 1024};
    bl_model_config *m = &c->model;
    if (!is_named("positions", object, set, n))
        m->positions = m->pos == BL_POS_ABSOLUTE ? m->segment : positions[m->pos];
    if (!is_named("compressed", object, set, n))
        m->compressed = m->arch == BL_ARCH_COMPRESSIVE ? m->memory : 0;
}

/* An arch that is assigned takes the place of the file's, and with it of what that one
 * decides; to a file without an arch its settings are additions. */
static int change(bl_train_config *c, const bl_json *object, const char *file,
                  const char *const *set, size_t n, bl_err *e)
{
    int replaces = object != NULL && bl_json_has(object, "arch");
    int rc = replaces ? 0 : set_each(c, set, n, ARCH_RANK, e);
    if (rc == 0 && object != NULL) {
        rc = bl_config_read(c, object, e);
        if (rc != 0)
            return bl_err_in(e, file);
    }
    if (rc == 0 && replaces)
        rc = set_each(c, set, n, ARCH_RANK, e);
    if (rc == 0)
        rc = set_each(c, set, n, NORM_RANK, e);
    return rc == 0 ? set_each(c, set, n, OTHER_RANK, e) : rc;
}

int bl_config_change(bl_train_config *c, const char *file, const char *const *set,
                     size_t n, int follow, bl_err *e)
{
    bl_json *object = NULL;
    int rc = file != NULL ? parse_file(file, &object, e) : 0;
    if (rc != 0)
        return bl_err_in(e, file);
    rc = change(c, object, file, set, n, e);
    int has_arch = object != NULL && bl_json_has(object, "arch"),
        sets_arch = is_named("arch", NULL, set, n);
    if (rc == 0 && (follow || has_arch || sets_arch))
        follow_others(c, has_arch && sets_arch ? NULL : object, set, n);
    bl_json_del(object);
    return rc;
}
