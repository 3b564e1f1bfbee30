/* prov.h - the `pg` chain: which programs made a stream, as SAM's @PG. No clock,
 * host or absolute path, so that the same work gives the same bytes. */
#ifndef BL_PROV_H
#define BL_PROV_H

#include "base/self.h"
#include "io/json.h"

enum { BL_PROV_MAX = 1024 }; /* entries of a chain */

/* Checks what a stream states as its chain. 0; BL_E_FORMAT; BL_E_LIMIT. */
int bl_prov_check(const bl_json *pg, bl_err *e) BL_MUST_CHECK;

/* A new chain (a JSON array): the entries of all parents in order, without
 * repeats, then {"id","vn","args"} of this run. `self` == NULL copies only.
 * parents may be NULL entries, of what bl_prov_check passed; of more than BL_PROV_MAX -
 * 1 entries the first are kept. Bytes of arguments outside printable ASCII, and %, come
 * out as %XX. NULL and BL_E_NOMEM on failure. The caller releases with bl_json_del. */
bl_json *bl_prov_chain(const bl_json *const *parents, size_t n_parents,
                       const bl_self *self, bl_err *e) BL_MUST_CHECK;

/* Sets "pg" of the metadata of tensors, strings only, to the text of a chain; does
 * nothing where pg is NULL. */
int bl_prov_put_text(bl_json *meta, const bl_json *pg, bl_err *e) BL_MUST_CHECK;

#endif
