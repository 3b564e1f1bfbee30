/* file.c - see file.h. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "io/file.h"
#include "io/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMP_TRIES = 100, READ_CHUNK = 1 << 16, SYSCALL_MAX = 1 << 30 };

static int cannot(bl_err *e, int code, const char *what, const char *path)
{
    code = bl_fail_errno(e, code, "cannot %s", what);
    bl_err_in(e, path);
    return code;
}

static int open_fully(const char *path, int flags)
{
    int fd;
    while ((fd = open(path, flags | O_CLOEXEC, 0666)) < 0 && errno == EINTR)
        ;
    return fd;
}

/* ---- output ---- */

/* Creates PATH.tmp.N for the first free N from the process id on: two writers of one
 * path never share a file, and what a killed one left behind is no obstacle. */
static int create_temp(bl_out *o, bl_err *e)
{
    size_t size = strlen(o->path) + 32;
    o->temp = bl_calloc(size, 1, e);
    if (o->temp == NULL)
        return BL_E_NOMEM;
    for (int i = 0; i < TEMP_TRIES; i++) {
        snprintf(o->temp, size, "%s.tmp.%ld", o->path, (long)getpid() + i);
        o->fd = open_fully(o->temp, O_WRONLY | O_CREAT | O_EXCL);
        if (o->fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    cannot(e, BL_E_CREATE, "create", o->path);
    free(o->temp);
    o->temp = NULL;
    return BL_E_CREATE;
}

/* The file that a link leads to is replaced, not the link. */
static char *target_of(const char *path, int exists, bl_err *e)
{
    char *real = exists ? realpath(path, NULL) : NULL;
    return real != NULL ? real : bl_strdup(path, e);
}

int bl_out_open(bl_out *o, const char *path, bl_err *e)
{
    struct stat st;
    *o = (bl_out){.fd = -1};
    if (path == NULL || strcmp(path, "-") == 0) {
        o->fd = STDOUT_FILENO;
        return 0;
    }
    int exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return cannot(e, BL_E_CREATE, "create", path);
    }
    o->path = target_of(path, exists, e);
    if (o->path == NULL)
        return BL_E_NOMEM;
    int rc = 0;
    if (!exists || S_ISREG(st.st_mode)) {
        rc = create_temp(o, e);
    } else {
        o->fd = open_fully(path, O_WRONLY);
        if (o->fd < 0)
            rc = cannot(e, BL_E_CREATE, "open for writing", path);
    }
    if (rc != 0)
        bl_out_abort(o);
    return rc;
}

int bl_out_replace(bl_out *o, const char *path, bl_err *e)
{
    struct stat st;
    *o = (bl_out){.fd = -1};
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return cannot(e, BL_E_CREATE, "create", path);
    }
    o->path = bl_strdup(path, e);
    int rc = o->path == NULL ? BL_E_NOMEM : create_temp(o, e);
    if (rc != 0)
        bl_out_abort(o);
    return rc;
}

int bl_sync(int fd)
{
    int rc;
    while ((rc = fsync(fd)) != 0 && errno == EINTR)
        ;
    return rc;
}

/* Linux closes a descriptor also where a signal interrupts it. */
static int close_fully(int fd)
{
    return close(fd) != 0 && errno != EINTR ? -1 : 0;
}

/* A folder that may not be read, or a file system that cannot sync one, is no reason to
 * call the file lost. */
int bl_sync_folder_of(const char *path, bl_err *e)
{
    char *folder = bl_strdup(path, e);
    if (folder == NULL)
        return BL_E_NOMEM;
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    int fd = open_fully(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY);
    free(folder);
    if (fd < 0)
        return 0;
    int failed = bl_sync(fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    if (failed)
        cannot(e, BL_E_IO, "sync the folder of the file", path);
    close(fd);
    return failed ? BL_E_IO : 0;
}

int bl_out_commit(bl_out *o, bl_err *e)
{
    int rc = 0;
    if (o->path == NULL) { /* standard output is its owner's to close */
        o->fd = -1;
        return 0;
    }
    if (o->temp != NULL && bl_sync(o->fd) != 0)
        rc = cannot(e, BL_E_IO, "sync", o->path);
    if (close_fully(o->fd) != 0 && rc == 0)
        rc = cannot(e, BL_E_IO, "close", o->path);
    o->fd = -1;
    if (rc == 0 && o->temp != NULL) {
        if (rename(o->temp, o->path) != 0) {
            rc = cannot(e, BL_E_IO, "rename the finished file to", o->path);
        } else {
            free(o->temp);
            o->temp = NULL;
            rc = bl_sync_folder_of(o->path, e);
        }
    }
    bl_out_abort(o);
    return rc;
}

void bl_out_abort(bl_out *o)
{
    if (o->path == NULL)
        return;
    if (o->fd >= 0)
        close(o->fd);
    if (o->temp != NULL)
        unlink(o->temp);
    free(o->temp);
    free(o->path);
    *o = (bl_out){.fd = -1};
}

int bl_write_all(int fd, const void *bytes, size_t len, bl_err *e)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = write(fd, p, len < SYSCALL_MAX ? len : SYSCALL_MAX);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail_errno(e, BL_E_IO, "cannot write");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int bl_write_file(const char *path, const void *bytes, size_t len, bl_err *e)
{
    bl_out out;
    int rc = bl_out_open(&out, path, e);
    if (rc != 0)
        return rc;
    int is_file = out.path != NULL;
    rc = bl_write_all(out.fd, bytes, len, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    return rc == 0 || !is_file ? rc : bl_fail_in(e, rc, path);
}

/* ---- input ---- */

int bl_in_open(const char *path, int *fd, bl_err *e)
{
    struct stat st;
    *fd = STDIN_FILENO;
    if (strcmp(path, "-") == 0)
        return 0;
    *fd = open_fully(path, O_RDONLY);
    if (*fd < 0)
        return cannot(e, BL_E_OPEN, "open", path);
    if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(*fd);
        *fd = -1;
        errno = EISDIR;
        return cannot(e, BL_E_OPEN, "open", path);
    }
    return 0;
}

int64_t bl_read_some(int fd, void *bytes, size_t len, bl_err *e)
{
    for (;;) {
        ssize_t n = read(fd, bytes, len < SYSCALL_MAX ? len : SYSCALL_MAX);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return bl_fail_errno(e, BL_E_IO, "cannot read");
    }
}

/* Appends what one call gives: its number of bytes, 0 at the end, negative. */
static int64_t read_chunk(int fd, bl_buf *b, size_t max, bl_err *e)
{
    int rc = bl_buf_reserve(b, b->len + READ_CHUNK, e);
    if (rc != 0)
        return rc;
    int64_t n = bl_read_some(fd, b->data + b->len, READ_CHUNK, e);
    if (n > 0 && (uint64_t)n > max)
        return BL_E_LIMIT;
    b->len += n > 0 ? (size_t)n : 0;
    return n;
}

int bl_read_all(int fd, bl_buf *b, size_t max, bl_err *e)
{
    for (size_t left = max;;) {
        int64_t n = read_chunk(fd, b, left, e);
        if (n == BL_E_LIMIT)
            return bl_fail(e, BL_E_LIMIT, "more than %zu bytes", max);
        if (n <= 0)
            return (int)n;
        left -= (size_t)n;
    }
}

int bl_load_file(const char *path, bl_buf *b, size_t max, bl_err *e)
{
    int fd, rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, b, max, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_path_shown(path));
}

/* The records in the n last bytes of *b; *start is where the open one begins. */
static int check_records(const bl_buf *b, size_t n, int end, size_t most, size_t *start,
                         int64_t *number, bl_err *e)
{
    for (size_t i = b->len - n; i < b->len; i++) {
        if (b->data[i] == end) {
            if (end == '\0' && i == *start)
                return bl_fail_line(e, BL_E_FORMAT, *number,
                                    "the list has an empty name");
            *start = i + 1;
            ++*number;
        } else if (i - *start >= most || b->data[i] == '\0') {
            return bl_fail_line(e, BL_E_FORMAT, *number, "%s",
                                b->data[i] == '\0' ? "a NUL: this is no text"
                                                   : "it is too long: this is no list");
        }
    }
    return 0;
}

int bl_read_records(int fd, int end, size_t most, bl_buf *b, size_t max, bl_err *e)
{
    int64_t number = 1;
    for (size_t left = max, start = b->len;;) {
        int64_t n = read_chunk(fd, b, left, e);
        if (n == BL_E_LIMIT)
            return bl_fail(e, BL_E_LIMIT, "more than %zu bytes", max);
        if (n <= 0)
            return (int)n;
        int rc = check_records(b, (size_t)n, end, most, &start, &number, e);
        if (rc != 0)
            return rc;
        left -= (size_t)n;
    }
}

int bl_load_records(const char *path, int end, size_t most, bl_buf *b, size_t max,
                    bl_err *e)
{
    int fd;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_records(fd, end, most, b, max, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}
