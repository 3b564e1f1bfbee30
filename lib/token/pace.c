/* pace.c - see pace.h. */
#include "token/scheme_impl.h"

#include <string.h>

void bl_pace_start(bl_pace *p, const bl_scheme *s)
{
    *p = (bl_pace){.scheme = s, .us = 500000};
}

void bl_pace_step(bl_pace *p, unsigned id)
{
    if (p->scheme->ops->pace_step != NULL)
        p->scheme->ops->pace_step(p, id);
}

void bl_pace_close_bar(bl_pace *p, int step, int64_t next)
{
    for (int i = 0; i < BL_PACE_POSITIONS; i++) {
        if (p->tempo[i] == 0)
            continue;
        int64_t tick = p->bar + (int64_t)i * step;
        p->sum += (tick - p->at) * p->us;
        p->at = tick;
        p->us = p->tempo[i];
        p->tempo[i] = 0;
    }
    p->bar = next;
}

double bl_pace_seconds(const bl_pace *p)
{
    const bl_scheme_ops *ops = p->scheme->ops;
    if (ops->pace_end == NULL)
        return 0;
    bl_pace end = *p;
    int step = 0, tpq = 1;
    int64_t tick = ops->pace_end(&end, &step, &tpq);
    bl_pace_close_bar(&end, step, tick);
    end.sum += (tick - end.at) * end.us;
    return (double)end.sum / (1e6 * tpq);
}
