/* summary.c - see summary.h. */
#include "feature/summary.h"
#include "base/sort.h"

#include <math.h>
#include <stdlib.h>

/* Values in ascending order, so that the sums do not depend on the order of pieces. */
static void fill(bl_summary *s, const double *sorted)
{
    double sum = 0, squares = 0;
    size_t n = s->n;
    for (size_t i = 0; i < n; i++)
        sum += sorted[i];
    s->mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (sorted[i] - s->mean) * (sorted[i] - s->mean);
    s->min = sorted[0];
    s->max = sorted[n - 1];
    s->median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    if (n >= 2)
        s->sd = sqrt(squares / (double)(n - 1));
}

int bl_summary_of(bl_summary *s, const double *value, size_t n, size_t stride,
                  bl_err *e)
{
    *s = (bl_summary){0, NAN, NAN, NAN, NAN, NAN};
    double *sorted = bl_calloc(n, sizeof *sorted, e);
    if (sorted == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (!isnan(value[i * stride]))
            sorted[s->n++] = value[i * stride];
    qsort(sorted, s->n, sizeof *sorted, bl_by_double);
    if (s->n > 0)
        fill(s, sorted);
    free(sorted);
    return 0;
}
