/* spill.c - see spill.h. */
#define _GNU_SOURCE /* O_TMPFILE */
#include "io/spill.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bl_spill {
    char *path; /* of what is made of it */
    int fd;     /* -1 before the first bytes go there */
    uint64_t in_file;
    bl_buf last; /* [.. BL_SPILL_BUFFER] those behind */
};

int bl_spill_new(bl_spill **s, const char *path, bl_err *e)
{
    bl_spill *new = *s = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->fd = -1;
    new->path = bl_strdup(path, e);
    if (new->path != NULL)
        return 0;
    bl_spill_del(new);
    *s = NULL;
    return BL_E_NOMEM;
}

/* A file system that knows no files without a name has one that loses it at once. */
static int open_file(const char *folder, const char *name)
{
#ifdef O_TMPFILE
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
#endif
    (void)folder;
    int named = open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (named >= 0)
        unlink(name);
    return named;
}

static int make_file(bl_spill *s, bl_err *e)
{
    const char *slash = strrchr(s->path, '/');
    bl_buf folder = {0}, name = {0};
    int rc = bl_buf_addf(&folder, e, "%.*s.",
                         slash != NULL ? (int)(slash - s->path) + 1 : 0, s->path);
    if (rc == 0)
        rc = bl_buf_addf(&name, e, "%s.spill.%ld", s->path, (long)getpid());
    if (rc == 0)
        s->fd = open_file((char *)folder.data, (char *)name.data);
    if (rc == 0 && s->fd < 0)
        rc = bl_fail_errno(e, BL_E_CREATE, "cannot create a temporary file beside it");
    bl_buf_free(&folder);
    bl_buf_free(&name);
    return rc;
}

static int flush(bl_spill *s, bl_err *e)
{
    int rc = s->fd < 0 ? make_file(s, e) : 0;
    if (rc == 0)
        rc = bl_write_all(s->fd, s->last.data, s->last.len, e);
    if (rc == 0) {
        s->in_file += s->last.len;
        s->last.len = 0;
    }
    return rc;
}

int bl_spill_add(bl_spill *s, const void *bytes, size_t len, bl_err *e)
{
    const uint8_t *p = bytes;
    int rc = 0;
    while (rc == 0 && len > 0) {
        size_t n = bl_min(len, BL_SPILL_BUFFER - s->last.len);
        rc = bl_buf_add(&s->last, p, n, e);
        p += n;
        len -= n;
        if (rc == 0 && s->last.len == BL_SPILL_BUFFER)
            rc = flush(s, e);
    }
    return rc;
}

uint64_t bl_spill_size(const bl_spill *s)
{
    return s->in_file + s->last.len;
}

static int read_file(const bl_spill *s, uint64_t at, uint8_t *to, size_t len, bl_err *e)
{
    while (len > 0) {
        ssize_t n = pread(s->fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return bl_fail_errno(e, BL_E_IO, "cannot read a temporary file");
        }
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int bl_spill_read(const bl_spill *s, uint64_t at, void *bytes, size_t len, bl_err *e)
{
    uint8_t *to = bytes;
    size_t n = at < s->in_file ? (size_t)bl_min(len, s->in_file - at) : 0;
    int rc = read_file(s, at, to, n, e);
    if (rc == 0 && len > n)
        memcpy(to + n, s->last.data + (at + n - s->in_file), len - n);
    return rc;
}

void bl_spill_del(bl_spill *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd);
    bl_buf_free(&s->last);
    free(s->path);
    free(s);
}
