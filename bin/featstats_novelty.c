/* featstats_novelty.c - see featstats.h: the rows of --novelty. */
#include "featstats.h"

#include <math.h>
#include <stdlib.h>

/* A row of --novelty. */
static int print_match(run *r, const set_of_pieces *to, const char *name,
                       const bl_novelty_match *m, bl_err *e)
{
    int is_human = to == &r->reference;
    int rc =
        bl_buf_addf(&r->text, e, "%s\t%s\t%zu", name, is_human ? "ref" : "a", m->n);
    for (int i = 0; rc == 0 && i < BL_COPY_LENGTHS; i++)
        rc = isnan(m->copy[i]) ? bl_buf_adds(&r->text, "\tnan", e)
                               : bl_buf_addf(&r->text, e, "\t%.9g", m->copy[i]);
    if (rc == 0)
        rc = bl_buf_addf(&r->text, e, "\t%zu\t%u\t%s\t%u", m->longest, m->bar + 1,
                         m->piece != NULL ? m->piece : "-", m->bar_there + 1);
    if (rc == 0 && isnan(r->most_long))
        return bl_buf_adds(&r->text, "\tnan\n", e);
    int is_more = (double)m->longest > r->most_long || m->copy[1] > r->most_copy;
    return rc == 0 ? bl_buf_addf(&r->text, e, "\t%d\n", is_more) : rc;
}

/* Of --novelty: the melody joins those to compare with, or is compared with them. */
int take_melody(run *r, set_of_pieces *to, const char *name, bl_err *e)
{
    const bl_series *step = &r->row.series[0], *bar = &r->row.series[1];
    bl_novelty_match m;
    if (to == &r->training)
        return bl_novelty_add(r->novelty, name, step->x, bar->x, step->n, e);
    int rc = bl_novelty_match_of(r->novelty, step->x, bar->x, step->n, &m, e);
    if (rc == 0 && to == &r->reference) {
        rc = bl_series_add(&r->human_long, (double)m.longest, e);
        if (rc == 0 && !isnan(m.copy[1]))
            rc = bl_series_add(&r->human_copy, m.copy[1], e);
    }
    if (rc == 0)
        rc = print_match(r, to, name, &m, e);
    return rc == 0 && r->text.len >= WRITE_CHUNK ? flush_rows(r, e) : rc;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile_95(bl_series *s)
{
    if (s->n == 0)
        return NAN;
    qsort(s->x, s->n, sizeof *s->x, by_value);
    return s->x[(size_t)(0.95 * (double)(s->n - 1) + 0.5)];
}

void find_percentiles(run *r)
{
    r->most_copy = percentile_95(&r->human_copy);
    r->most_long = percentile_95(&r->human_long);
}
