/* hands.c - see hands.h. */
#include "base/hands.h"

int bl_tasks_begin(bl_tasks *t, const bl_hands *hands, size_t n_tasks,
                   bl_task_limits limits, bl_task_fn *fn, void *arg, bl_err *e)
{
    *t = (bl_tasks){.hands = hands, .fn = fn, .arg = arg, .n_tasks = n_tasks};
    return hands == NULL
               ? 0
               : hands->begin(&t->crew, hands->n, n_tasks, limits, fn, arg, e);
}

int bl_tasks_next(bl_tasks *t, bl_buf *result, int *died, bl_err *e)
{
    if (t->hands != NULL)
        return t->hands->next(t->crew, result, died, e);
    result->len = 0;
    *died = 0;
    if (t->next >= t->n_tasks)
        return 0;
    int rc = t->fn(t->arg, t->next++, result, e);
    return rc < 0 ? rc : 1;
}

void bl_tasks_end(bl_tasks *t)
{
    if (t->crew != NULL)
        t->hands->end(t->crew);
    *t = (bl_tasks){0};
}
