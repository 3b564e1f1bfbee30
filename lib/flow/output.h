/* output.h - a file that a use-case writes: whole or not there, also where a signal
 * ends the program. */
#ifndef BL_OUTPUT_H
#define BL_OUTPUT_H

#include "io/file.h"

/* What the program removes when it is ended from outside: a file that is not whole, a
 * folder that is still empty. Handlers of signals are the program's (cli/tool.h); where
 * there are none, such a file stays. A folder is added before what is in it. */
typedef struct {
    void (*add)(const char *path);
    void (*drop)(const char *path);
} bl_guards;

void bl_guards_add(const bl_guards *g, const char *path); /* g may be NULL */
void bl_guards_drop(const bl_guards *g, const char *path);

/* Initialise with BL_OUTPUT_INIT. */
typedef struct {
    bl_out out;
    const bl_guards *guards;
    char *temp; /* guarded, or NULL */
} bl_output;

#define BL_OUTPUT_INIT ((bl_output){.out = {.fd = -1}})

/* As bl_out_open; `replaces`: as bl_out_replace. */
int bl_output_open(bl_output *o, const char *path, int replaces,
                   const bl_guards *guards, bl_err *e) BL_MUST_CHECK;
/* Commits where rc is 0, else takes back what was written. Returns rc or why it could
 * not be committed. Does nothing where it is closed or was never open. */
int bl_output_close(bl_output *o, int rc, bl_err *e);
/* The whole of a file, opened, written and closed. Errors of writing name the file, but
 * not standard output. */
int bl_output_write(const char *path, const bl_buf *text, const bl_guards *guards,
                    bl_err *e) BL_MUST_CHECK;

#endif
