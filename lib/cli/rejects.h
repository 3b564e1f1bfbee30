/* rejects.h - input files that gave nothing: one line of message and one row of a table
 * each, and whether they are more than the user allows. Tools only. */
#ifndef BL_REJECTS_H
#define BL_REJECTS_H

#include "base/mem.h"
#include "cli/log.h"

/* Zero-initialise; release with bl_rejects_free. */
typedef struct {
    uint64_t n;
    double most; /* allowed: a number, or a share of all files in percent */
    int is_percent;
    int wants_table;
    bl_buf table; /* if wanted, TSV: file, code, offset, reason; see bl_rejects_begin */
} bl_rejects;

/* Asks for the table and writes its heading. 0 or BL_E_NOMEM. */
int bl_rejects_begin(bl_rejects *r, bl_err *e) BL_MUST_CHECK;

/* Reads the value of --max-reject, "N" or "P%". 0 or BL_E_ARG. */
int bl_rejects_limit(bl_rejects *r, const char *text, bl_err *e) BL_MUST_CHECK;

/* One more: says "tool: 'file': byte N: reason [code]". `why` may lack the file's name.
 * 0 or BL_E_NOMEM. */
int bl_rejects_add(bl_rejects *r, bl_log *log, const char *file, const char *code,
                   const bl_err *why, bl_err *e) BL_MUST_CHECK;

/* 1 if there are more than allowed of n_files. */
int bl_rejects_exceed(const bl_rejects *r, uint64_t n_files);

void bl_rejects_free(bl_rejects *r);

#endif
