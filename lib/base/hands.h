/* hands.h - who does the numbered tasks of a use-case: the caller alone, or the
 * processes that a program brings (cli/crew.h). To fork, to limit and to end a process
 * is the program's affair; the library has only the tasks, and takes the results in
 * order. */
#ifndef BL_HANDS_H
#define BL_HANDS_H

#include "base/mem.h"

/* Appends the result of one task to *result (empty at the call). It may run in another
 * process, which keeps its memory from task to task. A negative return is a failure of
 * all the work; only BL_E_NOMEM of a task that came near the limit of bytes is that
 * task's. */
typedef int bl_task_fn(void *arg, size_t task, bl_buf *result, bl_err *e);

/* What one task may take; 0 = anything. Kept by processes, not by a caller alone. */
typedef struct {
    size_t bytes; /* of address space, above what the caller has; not under sanitizers,
                     which reserve more */
    int seconds;  /* of processor time */
} bl_task_limits;

/* Why a task has no result. */
enum { BL_TASK_DIED = 1, BL_TASK_TOO_SLOW = 2, BL_TASK_TOO_LARGE = 3 };

/* n processes, and how they are had: `begin` for tasks 0 .. n_tasks-1 (SIZE_MAX: until
 * the caller has enough), `next` as bl_tasks_next. */
typedef struct {
    int n;
    int (*begin)(void **crew, int n, size_t n_tasks, bl_task_limits limits,
                 bl_task_fn *fn, void *arg, bl_err *e);
    int (*next)(void *crew, bl_buf *result, int *died, bl_err *e);
    void (*end)(void *crew);
} bl_hands;

/* Tasks that are being done. Zero-initialise; release with bl_tasks_end, also after an
 * error. */
typedef struct {
    const bl_hands *hands;
    void *crew;
    bl_task_fn *fn;
    void *arg;
    size_t n_tasks, next;
} bl_tasks;

/* hands == NULL: the caller does them, one at each bl_tasks_next. */
int bl_tasks_begin(bl_tasks *t, const bl_hands *hands, size_t n_tasks,
                   bl_task_limits limits, bl_task_fn *fn, void *arg,
                   bl_err *e) BL_MUST_CHECK;
/* The result of the next task, replacing *result: 1, or 0 after the last. *died is
 * BL_TASK_... where it has none (then *result is empty), else 0. */
int bl_tasks_next(bl_tasks *t, bl_buf *result, int *died, bl_err *e) BL_MUST_CHECK;
void bl_tasks_end(bl_tasks *t);

#endif
