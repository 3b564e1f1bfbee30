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

/* A chain that grows by the chains of many inputs, each added in the time it takes to
 * read it. *p is NULL at first; a chain that is NULL adds nothing. As bl_prov_chain of
 * all of them. 0 or BL_E_NOMEM. */
typedef struct bl_prov bl_prov;
int bl_prov_add(bl_prov **p, const bl_json *pg, bl_err *e) BL_MUST_CHECK;
const bl_json *bl_prov_list(const bl_prov *p); /* p's; NULL where p is */
void bl_prov_del(bl_prov *p);

#endif
