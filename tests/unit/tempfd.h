/* tempfd.h - descriptors of nameless temporary files, for tests of readers and writers.
 */
#ifndef TEMPFD_H
#define TEMPFD_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"

/* An empty file that is gone when it is closed. */
__attribute__((unused)) static int temp_fd(void)
{
    char path[] = "/tmp/barline-test-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0) {
        perror("mkstemp");
        exit(1);
    }
    unlink(path);
    return fd;
}

/* A file with these bytes, read from the start. */
__attribute__((unused)) static int temp_with(const void *bytes, size_t len)
{
    int fd = temp_fd();
    if (bl_write_all(fd, bytes, len, NULL) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        perror("temporary file");
        exit(1);
    }
    return fd;
}

/* All bytes of a file; the caller frees with bl_buf_free. */
__attribute__((unused)) static bl_buf temp_bytes(int fd)
{
    bl_buf b = {0};
    if (lseek(fd, 0, SEEK_SET) != 0 || bl_read_all(fd, &b, 1 << 28, NULL) != 0) {
        perror("temporary file");
        exit(1);
    }
    return b;
}

#endif
