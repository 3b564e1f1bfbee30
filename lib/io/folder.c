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

int bl_folder_temp(char **temp, const char *dir, bl_err *e)
{
    size_t size = strlen(dir) + 32;
    *temp = bl_calloc(size, 1, e);
    if (*temp == NULL)
        return BL_E_NOMEM;
    for (int i = 0; i < TEMP_TRIES; i++) {
        snprintf(*temp, size, "%s.tmp.%ld", dir, (long)getpid() + i);
        if (mkdir(*temp, 0777) == 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    bl_fail_errno(e, BL_E_CREATE, "cannot create the folder");
    free(*temp);
    *temp = NULL;
    return BL_E_CREATE;
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

static int replace(const char *temp, const char *dir, const char *aside, bl_err *e)
{
    if (rename(dir, aside) != 0)
        return bl_fail_errno(e, BL_E_CREATE, "cannot move the old folder aside");
    if (rename(temp, dir) == 0) {
        bl_folder_remove(aside);
        return 0;
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
        rc = bl_buf_addf(&aside, e, "%s.old", temp);
        if (rc == 0)
            rc = replace(temp, dir, (const char *)aside.data, e);
    }
    bl_buf_free(&aside);
    return rc == 0 ? bl_sync_folder_of(dir, e) : rc;
}

void bl_folder_remove(const char *path)
{
    DIR *d = opendir(path);
    if (d == NULL)
        return;
    for (struct dirent *f = readdir(d); f != NULL; f = readdir(d))
        if (f->d_name[0] != '.')
            unlinkat(dirfd(d), f->d_name, 0);
    closedir(d);
    rmdir(path);
}
