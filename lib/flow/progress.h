/* progress.h - how a use-case tells how far it is. */
#ifndef BL_PROGRESS_H
#define BL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* Done so far; what a use-case does not count stays 0. */
typedef struct {
    uint64_t pieces, tokens, copies;
    uint64_t of_pieces; /* pieces there are, where that is known */
} bl_counts;

/* `tell` is called after each piece and returns at once; a NULL bl_progress tells
 * nobody. */
typedef struct {
    void (*tell)(void *arg, const bl_counts *n);
    void *arg;
} bl_progress;

static inline void bl_tell(const bl_progress *p, const bl_counts *n)
{
    if (p != NULL)
        p->tell(p->arg, n);
}

#endif
