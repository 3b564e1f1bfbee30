/* name.h - names of pieces in texts: bytes outside printable ASCII, and %, are %XX. */
#ifndef BL_NAME_H
#define BL_NAME_H

#include "base/mem.h"

enum { BL_NAME_MAX = 4096 }; /* bytes of a name */

/* Appends the name. 0 or BL_E_NOMEM. */
int bl_name_encode(const char *name, bl_buf *out, bl_err *e) BL_MUST_CHECK;
/* The name again; the caller frees it. NULL and BL_E_FORMAT where the text is no such
 * name or longer than BL_NAME_MAX, or BL_E_NOMEM. */
char *bl_name_decode(const char *text, bl_err *e) BL_MUST_CHECK;

#endif
