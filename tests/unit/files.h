/* files.h - small files of a test: written, read, compared. */
#ifndef FILES_H
#define FILES_H

#include "io/file.h"
#include "songs.h"

#include <sys/stat.h>

__attribute__((unused)) static void put(const char *path, const void *bytes, size_t len)
{
    bl_err e = BL_ERR_INIT;
    need(bl_write_file(path, bytes, len, &e), &e);
}

/* The whole file as a text; the caller frees it. */
__attribute__((unused)) static bl_buf get(const char *path)
{
    bl_err e = BL_ERR_INIT;
    bl_buf b = {0};
    need(bl_load_file(path, &b, 1 << 28, &e), &e);
    if (bl_buf_str(&b, &e) == NULL)
        need(BL_E_NOMEM, &e);
    return b;
}

__attribute__((unused)) static int same_files(const char *a, const char *b)
{
    bl_buf x = get(a), y = get(b);
    int same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    bl_buf_free(&x);
    bl_buf_free(&y);
    return same;
}

__attribute__((unused)) static int exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

#endif
