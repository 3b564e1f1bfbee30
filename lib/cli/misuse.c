/* misuse.c - see misuse.h. */
#include "cli/misuse.h"

#include <string.h>

/* Whether an option of the tool's own is given. */
static int is_given(const bl_opts *o, const char *name, size_t len)
{
    for (const bl_opt *row = o->own; row->type != BL_OPT_END; row++)
        if (row->name != NULL && strlen(row->name) == len &&
            memcmp(row->name, name, len) == 0)
            return bl_opt_seen(o, row);
    return 0;
}

/* How many of the names are given that begin with `mark`, a '!', or with none. */
static int count(const bl_opts *o, const char *names, int mark, int *n_names)
{
    int n = 0;
    *n_names = 0;
    for (size_t len; *names != '\0'; names += len) {
        names += strspn(names, " ");
        len = strcspn(names, " ");
        if ((*names == '!') != mark)
            continue;
        ++*n_names;
        n += is_given(o, names + mark, len - (size_t)mark);
    }
    return n;
}

static int fits(bl_operands wanted, int n)
{
    switch (wanted) {
    case BL_OPERANDS_NONE:
        return n == 0;
    case BL_OPERANDS_SOME:
        return n > 0;
    case BL_OPERANDS_NOT_ONE:
        return n != 1;
    case BL_OPERANDS_MANY:
        return n > 1;
    default:
        return 1;
    }
}

const char *bl_misuse_given(const bl_opts *o, const char *names, int *len)
{
    for (*len = 0; *names != '\0'; names += *len) {
        names += strspn(names, " ");
        *len = (int)strcspn(names, " ");
        if (is_given(o, names, (size_t)*len))
            return names;
    }
    return NULL;
}

/* "--run needs --html": the first that is given of those that want the one after '!'.
 */
static int needs(const bl_misuse *m, const bl_opts *o, bl_err *e)
{
    int len;
    const char *name = bl_misuse_given(o, m->of, &len);
    return bl_fail(e, BL_E_ARG, "--%.*s needs --%s; try '%s --help'", len, name,
                   m->with + 1, o->about->name);
}

int bl_misuse_check(const bl_misuse *rows, size_t n, const bl_opts *o, bl_err *e)
{
    for (const bl_misuse *m = rows; m < rows + n; m++) {
        int n_of, n_with, n_without, of = count(o, m->of, 0, &n_of);
        const char *others = m->with != NULL ? m->with : "";
        int with = count(o, others, 0, &n_with);
        int without = count(o, others, 1, &n_without);
        if (of > (m->with == NULL) && (n_with == 0 || with > 0) && without == 0 &&
            fits(m->operands, o->n_operands))
            return m->why == NULL ? needs(m, o, e)
                                  : bl_fail(e, BL_E_ARG, "%s; try '%s --help'", m->why,
                                            o->about->name);
    }
    return 0;
}

int bl_misuse_inputs(const char *const *inputs, size_t n, const char *names,
                     const bl_opts *o, bl_err *e)
{
    int n_stdin = 0;
    for (size_t i = 0; i < n; i++)
        n_stdin += inputs[i] != NULL && strcmp(inputs[i], "-") == 0;
    return n_stdin < 2 ? 0
                       : bl_fail(e, BL_E_ARG,
                                 "one of %s can be standard input; try '%s --help'",
                                 names, o->about->name);
}
