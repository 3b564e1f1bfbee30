/* progress.h - how a use-case tells how far it is, and what went wrong without ending
 * it. cli/log.h has the ear of a tool. */
#ifndef BL_PROGRESS_H
#define BL_PROGRESS_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>

/* Done so far; what a use-case does not count stays 0. */
typedef struct {
    uint64_t pieces, tokens, copies;
    uint64_t of_pieces; /* pieces there are, where that is known */
    uint64_t notes;
} bl_counts;

typedef enum {
    BL_SAY_LOST,    /* an input gave nothing, or not all of it: never kept a secret */
    BL_SAY_WARNING, /* what a user may not want to be told */
} bl_say;

/* `tell` is called after each piece, `say` with a line for people, without the name of
 * a program; both return at once, and either may be NULL. A NULL bl_progress tells
 * nobody. */
typedef struct {
    void (*tell)(void *arg, const bl_counts *n);
    void *arg;
    void (*say)(void *arg, bl_say what, const char *line);
} bl_progress;

static inline void bl_tell(const bl_progress *p, const bl_counts *n)
{
    if (p != NULL && p->tell != NULL)
        p->tell(p->arg, n);
}

void bl_sayf(const bl_progress *p, bl_say what, const char *fmt, ...) BL_PRINTF(3, 4);

#endif
