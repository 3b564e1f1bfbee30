/* misuse.h (tools) - options that do not go together, as a table. */
#ifndef BL_MISUSE_H
#define BL_MISUSE_H

#include "cli/opt.h"

typedef enum {
    BL_OPERANDS_ANY,
    BL_OPERANDS_NONE,
    BL_OPERANDS_SOME,
    BL_OPERANDS_NOT_ONE,
    BL_OPERANDS_MANY, /* two or more */
} bl_operands;

/* To give an option of `of` is a misuse beside one of `with`, without any that stands
 * there with a '!', and with so many operands; what is not said does not matter. `with`
 * NULL: those of `of` exclude one another. Names of the tool's own options, blanks
 * between. `why` NULL: `with` is "!name", and the line says that it is needed. */
typedef struct {
    const char *of, *with;
    bl_operands operands;
    const char *why;
} bl_misuse;

/* 0, or BL_E_ARG with the first of n rows that holds. */
int bl_misuse_check(const bl_misuse *rows, size_t n, const bl_opts *o,
                    bl_err *e) BL_MUST_CHECK;

/* 0, or BL_E_ARG where more than one of n inputs (NULL: not given) is "-"; `names` are
 * their options. */
int bl_misuse_inputs(const char *const *inputs, size_t n, const char *names,
                     const bl_opts *o, bl_err *e) BL_MUST_CHECK;

/* The first of the names, blanks between, that is given, *len bytes; or NULL. */
const char *bl_misuse_given(const bl_opts *o, const char *names, int *len);

#endif
