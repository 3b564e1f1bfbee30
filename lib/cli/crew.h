/* crew.h (tools) - forked workers that turn numbered tasks into byte strings, delivered
 * in the order of the numbers whatever the number of workers. A worker that dies costs
 * the task it was at, nothing else. For tools without threads. */
#ifndef BL_CREW_H
#define BL_CREW_H

#include "base/hands.h"

typedef struct bl_crew bl_crew;

/* Tasks 0 .. n_tasks-1 for n_workers >= 1 (SIZE_MAX: until the caller has enough); a
 * single worker is the caller itself. Worker w
 * does the tasks w, w + n_workers, ... and waits when its pipe is full, so that what
 * lies about undelivered is bounded. Release with bl_crew_del, which ends the workers.
 */
int bl_crew_new(bl_crew **c, int n_workers, size_t n_tasks, bl_task_fn *fn, void *arg,
                bl_err *e) BL_MUST_CHECK;

/* The same with limits; here a single worker is another process too. */
int bl_crew_new_limited(bl_crew **c, int n_workers, size_t n_tasks,
                        bl_task_limits limits, bl_task_fn *fn, void *arg,
                        bl_err *e) BL_MUST_CHECK;

/* As bl_tasks_next. */
int bl_crew_next(bl_crew *c, bl_buf *result, int *died, bl_err *e) BL_MUST_CHECK;

void bl_crew_del(bl_crew *c);

/* Crews of n workers as the hands of a use-case, with limits where it asks for them. */
bl_hands bl_crew_hands(int n);

#endif
