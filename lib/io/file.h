/* file.h - files that appear whole or not at all, and input that may be a pipe. */
#ifndef BL_FILE_H
#define BL_FILE_H

#include "base/mem.h"

/* An output file: written as PATH.tmp.N in the same folder, synced and renamed by
 * bl_out_commit; bl_out_abort removes it and leaves an old PATH as it was. */
typedef struct {
    int fd;     /* where to write; -1 when closed */
    char *path; /* NULL for standard output (fd 1): commit only checks it */
    char *temp; /* NULL for standard output */
} bl_out;

/* Opens PATH, or standard output where path is NULL or "-". An existing regular
 * file is replaced at commit. A path that is not a regular file (/dev/full, a
 * FIFO) is opened and written in place. 0 or BL_E_CREATE. */
int bl_out_open(bl_out *o, const char *path, bl_err *e) BL_MUST_CHECK;
/* As bl_out_open of a file in a folder that others may write: what stands at PATH is
 * replaced whatever it is, but for a folder, and where it leads to if it is a link is
 * left alone. */
int bl_out_replace(bl_out *o, const char *path, bl_err *e) BL_MUST_CHECK;
/* fsync, close, rename, fsync of the folder. After an error the temporary file is
 * gone. 0 or BL_E_IO. */
int bl_out_commit(bl_out *o, bl_err *e) BL_MUST_CHECK;
void bl_out_abort(bl_out *o); /* for the error path; does nothing after commit */

/* A whole file, or nothing of it: opened as by bl_out_open, written, committed. Errors
 * name the file, but not standard output. */
int bl_write_file(const char *path, const void *bytes, size_t len,
                  bl_err *e) BL_MUST_CHECK;

/* fsync, again where a signal interrupts it. As fsync. */
int bl_sync(int fd);

/* Makes a rename to PATH last: syncs the folder that PATH is in. 0 or BL_E_IO. */
int bl_sync_folder_of(const char *path, bl_err *e) BL_MUST_CHECK;

/* Writes all bytes, resuming after EINTR and short writes. 0 or BL_E_IO. */
int bl_write_all(int fd, const void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;

/* Opens a file for reading, "-" = standard input. Sets *fd. 0 or BL_E_OPEN. */
int bl_in_open(const char *path, int *fd, bl_err *e) BL_MUST_CHECK;

/* Reads up to len bytes, resuming after EINTR. Returns the number read (0 at the
 * end) or BL_E_IO. */
int64_t bl_read_some(int fd, void *bytes, size_t len, bl_err *e) BL_MUST_CHECK;

/* Appends the rest of a descriptor to *b; BL_E_LIMIT beyond `max` bytes. */
int bl_read_all(int fd, bl_buf *b, size_t max, bl_err *e) BL_MUST_CHECK;

/* Appends a whole file by its name, "-" = standard input: as bl_read_all, and
 * BL_E_OPEN. Errors name the file. */
int bl_load_file(const char *path, bl_buf *b, size_t max, bl_err *e) BL_MUST_CHECK;

/* As bl_read_all, of records that each end with the byte `end`: what is no such text is
 * refused when its first bytes say so, not when it is in memory. BL_E_FORMAT with the
 * number of the record for one of more than `most` bytes or, where they are lines, one
 * with a NUL; where they are names, an empty one. */
int bl_read_records(int fd, int end, size_t most, bl_buf *b, size_t max,
                    bl_err *e) BL_MUST_CHECK;
/* The same of a file by its name, "-" = standard input; also BL_E_OPEN. */
int bl_load_records(const char *path, int end, size_t most, bl_buf *b, size_t max,
                    bl_err *e) BL_MUST_CHECK;

#endif
