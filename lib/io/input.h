/* input.h - a stream by its name: opened once, and told what kind it is by its first
 * bytes, which stay to be read. */
#ifndef BL_INPUT_H
#define BL_INPUT_H

#include "io/zio.h"

/* Initialise with BL_INPUT_INIT; release with bl_input_close, also after an error. */
typedef struct {
    int fd;
    bl_zr *zr; /* NULL where a reader of the stream has taken it over */
    int is_empty;
    int is_tensors; /* its content begins as tensors do (io/rows.h) */
} bl_input;

#define BL_INPUT_INIT ((bl_input){.fd = -1})

/* Opens PATH, "-" = standard input. 0; BL_E_OPEN and what reading gives, naming it. */
int bl_input_open(bl_input *in, const char *path, bl_err *e) BL_MUST_CHECK;
/* Its reader, which is the caller's from now on. */
bl_zr *bl_input_take(bl_input *in);
void bl_input_close(bl_input *in);

#endif
