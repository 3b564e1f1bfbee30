/* made_as.h (internal) - how the conditions of a run were made of MIDI files, out of
 * the chain of programs that its checkpoint states. */
#ifndef BL_MADE_AS_H
#define BL_MADE_AS_H

#include "flow/encode.h"
#include "io/json.h"

enum { BL_MADE_AS_MAX = 256 };

/* Zero-initialise; release with bl_made_as_free, also after an error. */
typedef struct {
    char command[BL_MADE_AS_MAX]; /* "midi2remi --keep=melody" */
    int is_stated;   /* the chain says so; else the command makes tokens of the scheme,
                      * whatever part of the music a condition was */
    int is_readable; /* stated, and `how` makes of a file what the command does */
    bl_json *pg;     /* stated: the chain of a stream that the command makes */
    bl_encoding how; /* points at the scheme and at what follows */
    bl_parts parts;
    char *text; /* of them, or NULL */
} bl_made_as;

/* Of the chain of a run (may be NULL) whose data have conditions. Of two ways of
 * midi2remi that differ in their parts the second was the condition's, as targets come
 * first; beside a vocabulary only where one keeps what the other drops. Where there is
 * one or are more, other programs made music of it, or the run began with another's
 * weights, nothing is stated. Labels of a table are not read. 0 or BL_E_NOMEM. */
int bl_made_as_read(bl_made_as *m, const bl_json *pg, const bl_scheme *s,
                    bl_err *e) BL_MUST_CHECK;
void bl_made_as_free(bl_made_as *m);

#endif
