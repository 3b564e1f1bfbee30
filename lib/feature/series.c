/* series.c - see series.h. */
#include "feature/series.h"

int bl_series_add(bl_series *s, double x, bl_err *e)
{
    void *p = s->x;
    int rc = bl_grow(&p, &s->cap, s->n + 1, sizeof x, e);
    s->x = p;
    if (rc == 0)
        s->x[s->n++] = x;
    return rc;
}
