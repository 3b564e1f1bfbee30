/* rejects.h - input files that gave nothing: one line of message and one row of a table
 * each. */
#ifndef BL_REJECTS_H
#define BL_REJECTS_H

#include "base/mem.h"
#include "base/progress.h"

/* Zero-initialise; release with bl_rejects_free. */
typedef struct {
    uint64_t n;
    int wants_table;
    bl_buf table; /* if wanted, TSV: file, code, offset, reason; see bl_rejects_begin */
} bl_rejects;

/* Asks for the table and writes its heading. 0 or BL_E_NOMEM. */
int bl_rejects_begin(bl_rejects *r, bl_err *e) BL_MUST_CHECK;

/* One more: says "'file': byte N: reason [code]". `why` may lack the file's name. 0 or
 * BL_E_NOMEM. */
int bl_rejects_add(bl_rejects *r, const bl_progress *progress, const char *file,
                   const char *code, const bl_err *why, bl_err *e) BL_MUST_CHECK;

void bl_rejects_free(bl_rejects *r);

#endif
