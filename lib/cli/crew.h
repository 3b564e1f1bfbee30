/* crew.h - forked workers that turn numbered tasks into byte strings, delivered in the
 * order of the numbers whatever the number of workers. A worker that dies costs the
 * task it was at, nothing else. Tools only, and only those without threads. */
#ifndef BL_CREW_H
#define BL_CREW_H

#include "base/mem.h"

typedef struct bl_crew bl_crew;

/* Appends the result of one task to *result (empty at the call). Runs in a worker,
 * which keeps its memory from task to task. A negative return is a failure of the whole
 * run; only BL_E_NOMEM of a task that came near the limit of bytes is that task's. */
typedef int bl_crew_fn(void *arg, size_t task, bl_buf *result, bl_err *e);

/* What one task may take; 0 = anything. Workers are ended that go beyond. */
typedef struct {
    size_t bytes; /* of address space, above what the caller has; not under sanitizers,
                     which reserve more */
    int seconds;  /* of processor time */
} bl_crew_limits;

/* Tasks 0 .. n_tasks-1 for n_workers >= 1 (SIZE_MAX: until the caller has enough); a
 * single worker is the caller itself. Worker w
 * does the tasks w, w + n_workers, ... and waits when its pipe is full, so that what
 * lies about undelivered is bounded. Release with bl_crew_del, which ends the workers.
 */
int bl_crew_new(bl_crew **c, int n_workers, size_t n_tasks, bl_crew_fn *fn, void *arg,
                bl_err *e) BL_MUST_CHECK;

/* The same with limits; here a single worker is another process too. */
int bl_crew_new_limited(bl_crew **c, int n_workers, size_t n_tasks,
                        bl_crew_limits limits, bl_crew_fn *fn, void *arg,
                        bl_err *e) BL_MUST_CHECK;

enum { BL_CREW_DIED = 1, BL_CREW_TOO_SLOW = 2, BL_CREW_TOO_LARGE = 3 };

/* The result of the next task, replacing *result: 1, or 0 after the last. *died is not
 * 0 where the worker ended without delivering it (then *result is empty). */
int bl_crew_next(bl_crew *c, bl_buf *result, int *died, bl_err *e) BL_MUST_CHECK;

void bl_crew_del(bl_crew *c);

#endif
