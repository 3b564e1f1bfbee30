/* output.h - a file that a use-case writes: whole or not there, also where a signal
 * ends the program. */
#ifndef BL_OUTPUT_H
#define BL_OUTPUT_H

#include "base/guards.h"
#include "io/file.h"

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
