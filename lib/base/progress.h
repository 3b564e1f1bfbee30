/* progress.h - how a use-case tells how far it is, and what a user should hear on the
 * way. */
#ifndef BL_PROGRESS_H
#define BL_PROGRESS_H

#include "base/notice.h"

#include <stddef.h>
#include <stdint.h>

/* Done so far; what a use-case does not count stays 0. */
typedef struct {
    uint64_t pieces, tokens, copies;
    uint64_t of_pieces; /* pieces there are, where that is known */
    uint64_t notes;
} bl_counts;

/* `tell` is called after each piece and returns at once; it may be NULL. A NULL
 * bl_progress tells nobody. */
typedef struct {
    void (*tell)(void *arg, const bl_counts *n);
    void *arg;
    bl_notices notices;
} bl_progress;

static inline void bl_tell(const bl_progress *p, const bl_counts *n)
{
    if (p != NULL && p->tell != NULL)
        p->tell(p->arg, n);
}

static inline const bl_notices *bl_notices_of(const bl_progress *p)
{
    return p != NULL ? &p->notices : NULL;
}

#endif
