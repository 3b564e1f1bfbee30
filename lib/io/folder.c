/* folder.c - see folder.h. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "io/folder.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMP_TRIES = 100 };

char *bl_folder_path(const char *dir, bl_err *e)
{
    char *path = realpath(dir, NULL);
    if (path == NULL)
        path = bl_strdup(dir, e);
    for (size_t n = path != NULL ? strlen(path) : 0; n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    return path;
}

static int make(bl_folder *temp, size_t size, const char *dir, bl_err *e)
{
    for (int i = 0; i < TEMP_TRIES; i++) {
        snprintf(temp->path, size, "%s.tmp.%ld", dir, (long)getpid() + i);
        if (mkdir(temp->path, 0777) == 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    return bl_fail_errno(e, BL_E_CREATE, "cannot create the folder");
}

static int open_list(DIR **list, const char *path, bl_err *e)
{
    *list = opendir(path);
    if (*list != NULL)
        return 0;
    return bl_fail_errno(e, BL_E_CREATE, "cannot list the folder");
}

int bl_folder_temp(bl_folder *temp, const char *dir, bl_err *e)
{
    size_t size = strlen(dir) + 32;
    DIR *list = NULL;
    *temp = (bl_folder){.path = bl_calloc(size, 1, e)};
    if (temp->path == NULL)
        return BL_E_NOMEM;
    int rc = make(temp, size, dir, e);
    if (rc == 0) {
        rc = open_list(&list, temp->path, e);
        if (rc != 0)
            rmdir(temp->path);
    }
    temp->list = list;
    if (rc != 0) {
        free(temp->path);
        temp->path = NULL;
    }
    return rc;
}

int bl_folder_may_create(const char *dir, bl_err *e)
{
    const char *slash = strrchr(dir, '/');
    bl_buf parent = {0};
    int rc = bl_buf_addf(&parent, e, "%.*s.",
                         slash != NULL ? (int)(slash - dir) + 1 : 0, dir);
    if (rc == 0 &&
        faccessat(AT_FDCWD, (char *)parent.data, W_OK | X_OK, AT_EACCESS) != 0)
        rc = bl_fail_errno(e, BL_E_CREATE, "cannot create the folder");
    bl_buf_free(&parent);
    return rc;
}

/* The files of the list, then the folder itself. 0 if it is gone. */
static int remove_listed(DIR *list, const char *path)
{
    rewinddir(list);
    for (struct dirent *f = readdir(list); f != NULL; f = readdir(list))
        if (f->d_name[0] != '.')
            unlinkat(dirfd(list), f->d_name, 0);
    return rmdir(path);
}

/* What removes the old folder is at hand before anything moves. */
static int replace(const char *temp, const char *dir, const char *aside, DIR *old,
                   bl_err *e)
{
    if (rename(dir, aside) != 0)
        return bl_fail_errno(e, BL_E_CREATE, "cannot move the old folder aside");
    if (rename(temp, dir) == 0) {
        if (remove_listed(old, aside) == 0)
            return 0;
        return bl_fail_errno(e, BL_E_IO, "is written, but the old folder stays as '%s'",
                             aside);
    }
    bl_fail_errno(e, BL_E_CREATE, "cannot rename the finished folder");
    if (rename(aside, dir) != 0 && e != NULL)
        snprintf(e->text, sizeof e->text, "cannot be replaced, and is now '%.300s'",
                 aside);
    return BL_E_CREATE;
}

int bl_folder_swap(const char *temp, const char *dir, bl_err *e)
{
    bl_buf aside = {0};
    int rc = 0;
    if (rename(temp, dir) != 0) { /* no folder is there, or an empty one */
        if (errno != ENOTEMPTY && errno != EEXIST)
            return bl_fail_errno(e, BL_E_CREATE, "cannot rename the finished folder");
        DIR *old;
        rc = open_list(&old, dir, e);
        if (rc == 0)
            rc = bl_buf_addf(&aside, e, "%s.old", temp);
        if (rc == 0)
            rc = replace(temp, dir, (const char *)aside.data, old, e);
        if (old != NULL)
            closedir(old);
    }
    bl_buf_free(&aside);
    return rc == 0 ? bl_sync_folder_of(dir, e) : rc;
}

void bl_folder_remove(const char *path)
{
    DIR *list = opendir(path);
    if (list == NULL)
        return;
    remove_listed(list, path);
    closedir(list);
}

void bl_folder_drop(bl_folder *f)
{
    struct stat listed, there;
    if (f->list != NULL) {
        if (fstat(dirfd(f->list), &listed) == 0 && stat(f->path, &there) == 0 &&
            listed.st_dev == there.st_dev && listed.st_ino == there.st_ino)
            remove_listed(f->list, f->path);
        closedir(f->list);
    }
    free(f->path);
    *f = (bl_folder){0};
}
