/* walk.c - see walk.h. */
#include "io/walk.h"
#include "base/hash.h"
#include "base/sort.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 64 };

int bl_paths_add(bl_paths *p, const char *path, size_t len, bl_err *e)
{
    void *list = p->path;
    int rc = bl_grow(&list, &p->cap, p->n + 1, sizeof *p->path, e);
    p->path = list;
    if (rc != 0)
        return rc;
    char *copy = bl_calloc(len + 1, 1, e);
    if (copy == NULL)
        return BL_E_NOMEM;
    memcpy(copy, path, len);
    p->path[p->n++] = copy;
    return 0;
}

void bl_paths_free(bl_paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->path[i]);
    free(p->path);
    *p = (bl_paths){0};
}

const char *bl_path_or_stdin(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

const char *bl_path_shown(const char *path)
{
    path = bl_path_or_stdin(path);
    while (path[0] == '.' && path[1] == '/') {
        const char *rest = path + 2 + strspn(path + 2, "/");
        if (*rest == '\0')
            break;
        path = rest;
    }
    return path;
}

char *bl_path_last(const char *path, bl_err *e)
{
    size_t n = strlen(path), from;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (from = n; from > 0 && path[from - 1] != '/';)
        from--;
    from = from == n ? 0 : from;
    char *name = bl_strdup(path + from, e);
    if (name != NULL)
        name[n - from] = '\0';
    return name;
}

static int has_suffix(const char *name, const char *const *suffixes)
{
    size_t len = strlen(name);
    for (; *suffixes != NULL; suffixes++) {
        size_t n = strlen(*suffixes);
        if (len > n && strcasecmp(name + len - n, *suffixes) == 0)
            return 1;
    }
    return 0;
}

/* The names in a directory, sorted, but "." and "..". Negative BL_E_OPEN (nothing is
 * recorded) if it cannot be read. */
static int names_in(bl_paths *names, const char *dir, bl_err *e)
{
    int rc = 0;
    DIR *d = opendir(dir);
    if (d == NULL && errno == ENOMEM)
        return bl_fail(e, BL_E_NOMEM, "out of memory for the folder '%s'", dir);
    if (d == NULL)
        return BL_E_OPEN;
    for (struct dirent *entry; rc == 0 && (entry = readdir(d)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            rc = bl_paths_add(names, name, strlen(name), e);
    }
    closedir(d);
    if (names->n > 1)
        qsort(names->path, names->n, sizeof *names->path, bl_by_text);
    return rc;
}

static int walk(bl_paths *p, const char *dir, const char *const *suffixes, int depth,
                bl_err *e);

/* Adds `path` if it is a wanted file, or what is below it if it is a directory. */
static int visit(bl_paths *p, const char *path, const char *const *suffixes, int depth,
                 bl_err *e)
{
    struct stat link, target;
    if (lstat(path, &link) != 0)
        return 0; /* gone since the directory was read */
    if (S_ISDIR(link.st_mode))
        return walk(p, path, suffixes, depth + 1, e);
    if (!has_suffix(path, suffixes))
        return 0;
    if (stat(path, &target) == 0 && !S_ISREG(target.st_mode))
        return 0;
    return bl_paths_add(p, path, strlen(path), e);
}

static int walk(bl_paths *p, const char *dir, const char *const *suffixes, int depth,
                bl_err *e)
{
    bl_paths names = {0};
    bl_buf path = {0};
    size_t len = strlen(dir);
    int rc = depth < MAX_DEPTH ? names_in(&names, dir, e) : BL_E_OPEN;
    if (rc == BL_E_OPEN)
        rc = bl_paths_add(p, dir, len, e);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        path.len = 0;
        rc = bl_buf_addf(&path, e, "%s%s%s", dir,
                         len > 0 && dir[len - 1] == '/' ? "" : "/", names.path[i]);
        const char *text = rc == 0 ? bl_buf_str(&path, e) : NULL;
        rc = text == NULL ? BL_E_NOMEM : visit(p, text, suffixes, depth, e);
    }
    bl_buf_free(&path);
    bl_paths_free(&names);
    return rc;
}

int bl_paths_add_operand(bl_paths *p, const char *operand, const char *const *suffixes,
                         bl_err *e)
{
    struct stat st;
    if (strcmp(operand, "-") == 0)
        return bl_paths_add(p, operand, 1, e);
    if (stat(operand, &st) != 0 || access(operand, R_OK) != 0) {
        return bl_fail_in(e, bl_fail_errno(e, BL_E_OPEN, "cannot be read"), operand);
    }
    if (S_ISDIR(st.st_mode))
        return walk(p, operand, suffixes, 0, e);
    return bl_paths_add(p, operand, strlen(operand), e);
}

void bl_paths_keep_part(bl_paths *p, uint64_t i, uint64_t n)
{
    size_t kept = 0;
    for (size_t k = 0; k < p->n; k++) {
        const char *name = bl_path_shown(p->path[k]);
        if (bl_xxh3(name, strlen(name)) % n == i - 1)
            p->path[kept++] = p->path[k];
        else
            free(p->path[k]);
    }
    p->n = kept;
}
