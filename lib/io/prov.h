/* prov.h - the `pg` chain: which programs made a stream, as SAM's @PG. No clock,
 * host or absolute path, so that the same work gives the same bytes. */
#ifndef BL_PROV_H
#define BL_PROV_H

#include "io/json.h"

/* A new chain (a JSON array): the entries of all parents in order, without
 * repeats, then {"id","vn","args"} of this run. `self` == NULL copies only.
 * parents may be NULL entries. The caller releases with bl_json_del. */
typedef struct {
    const char *tool;        /* "midi2remi" */
    const char *const *args; /* effective options that shape the output; folders cut */
    size_t n_args;
} bl_prov_self;

bl_json *bl_prov_chain(const bl_json *const *parents, size_t n_parents,
                       const bl_prov_self *self, bl_err *e) BL_MUST_CHECK;

#endif
