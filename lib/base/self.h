/* self.h - who makes a stream: the entry that this run adds to a chain of provenance
 * (io/prov.h). Set once, by the frame of a tool. */
#ifndef BL_SELF_H
#define BL_SELF_H

#include <stddef.h>

typedef struct {
    const char *tool;        /* "midi2remi" */
    const char *const *args; /* effective options that shape the output; folders cut */
    size_t n_args;
} bl_self;

#endif
