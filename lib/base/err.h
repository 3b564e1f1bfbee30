/* err.h - the one error channel of the library.
 *
 * Functions that can fail return int: 0, or one of the negative codes below;
 * readers return 1 for a record, 0 for a clean end, negative for an error.
 * Their last parameter is a caller-owned record that keeps the FIRST cause: a
 * later failure on the way out never overwrites it. */
#ifndef BL_ERR_H
#define BL_ERR_H

#include "base/base.h"

typedef enum {
    BL_E_ARG = -10,       /* a parameter outside its documented range */
    BL_E_FORMAT = -20,    /* bytes that do not follow the format */
    BL_E_TRUNC = -21,     /* the input ends before its end mark */
    BL_E_CORRUPT = -22,   /* a checksum or count that does not match */
    BL_E_VERSION = -30,   /* a newer format than this library knows */
    BL_E_MISMATCH = -40,  /* two inputs that do not belong together */
    BL_E_LIMIT = -50,     /* beyond a stated bound */
    BL_E_OPEN = -60,      /* input cannot be opened */
    BL_E_CREATE = -70,    /* output cannot be created */
    BL_E_IO = -80,        /* a read or write failed */
    BL_E_NOMEM = -90,     /* memory could not be had */
    BL_E_DIVERGED = -100, /* the computation left the finite numbers */
    BL_E_STOPPED = -110,  /* asked to stop, and state is saved */
} bl_code;

typedef struct {
    int code;        /* 0 while there is no error */
    int64_t offset;  /* byte offset in the input, or -1 */
    int64_t line;    /* 1-based line of a text input, or 0 */
    char where[256]; /* the file or stream, empty if not known */
    char text[384];  /* the cause: lower case, no full stop */
} bl_err;

#define BL_ERR_INIT ((bl_err){.offset = -1})

/* Records the cause unless one is recorded already. Returns `code`, so that
 * `return bl_fail(...)` reads well. `e` may be NULL. */
int bl_fail(bl_err *e, int code, const char *fmt, ...) BL_PRINTF(3, 4);

/* As bl_fail, with the byte offset at which the input is wrong. */
int bl_fail_at(bl_err *e, int code, int64_t offset, const char *fmt, ...)
    BL_PRINTF(4, 5);

/* As bl_fail, with the 1-based line at which a text input is wrong. */
int bl_fail_line(bl_err *e, int code, int64_t line, const char *fmt, ...)
    BL_PRINTF(4, 5);

/* As bl_fail, ": " and the text of errno appended; where that is for want of memory,
 * the code is BL_E_NOMEM whatever was asked for. */
int bl_fail_errno(bl_err *e, int code, const char *fmt, ...) BL_PRINTF(3, 4);

/* Names the file of a recorded error unless it has one. `e` may be NULL. */
void bl_err_in(bl_err *e, const char *where);

/* As bl_err_in. Returns `code`, that of the error, whether somebody listens or not:
 * `return bl_fail_in(e, rc, path)`, or around a bl_fail(...). */
int bl_fail_in(bl_err *e, int code, const char *where);

/* Writes "'where': byte N: text" (the parts that are known) to buf. Control
 * characters of file names come out as ?. Returns buf. */
const char *bl_err_text(const bl_err *e, char *buf, size_t size);

#endif
