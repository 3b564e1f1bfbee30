/* showing.c - see showing.h. */
#include "flow/showing.h"

#include "flow/fidelity.h"
#include "flow/groove_heat.h"
#include "flow/mapping.h"

static int asks(const bl_show_wish *w, int form)
{
    return (int)(w->asked >> form & 1);
}

int bl_show_asked(const bl_show_wish *w)
{
    return w->asked >> BL_SHOW_LIST != 0 || w->conditions != NULL;
}

static int add_runs(bl_show_wish *w, const char *const *folders, size_t n,
                    const bl_self *self, bl_buf *text, bl_err *e)
{
    w->runs.form = asks(w, BL_SHOW_CURVES)       ? BL_RUNS_CURVES
                   : asks(w, BL_MEASURE_SUMMARY) ? BL_RUNS_TEXT
                                                 : BL_RUNS_TABLE;
    w->runs.html = w->measured->page.path;
    w->runs.bare = w->measured->bare;
    return bl_runs_add(&w->runs, folders, n, self, text, e);
}

static int add_blind(bl_show_wish *w, const char *const *sets, size_t n, bl_buf *text,
                     bl_err *e)
{
    w->blind.seed = w->measured->seed;
    w->blind.pair = w->measured->pair;
    return bl_listening_add(&w->blind, sets, n, text, e);
}

int bl_show_add(bl_show_wish *w, const char *const *operands, size_t n,
                const bl_self *self, const bl_progress *progress, bl_buf *text,
                bl_err *e)
{
    const bl_measure_wish *m = w->measured;
    const char *first = n > 0 ? operands[0] : "-";
    if (w->conditions != NULL)
        return bl_fidelity_add(w->conditions, w->hole, operands, n, progress, text, e);
    if (asks(w, BL_SHOW_RUNS))
        return add_runs(w, operands, n, self, text, e);
    if (asks(w, BL_SHOW_BLIND))
        return add_blind(w, operands, n, text, e);
    if (asks(w, BL_SHOW_RATINGS))
        return bl_ratings_read(operands, n, m->seed, text, e);
    if (asks(w, BL_SHOW_LIST))
        return bl_measure_list(m->with, text, e);
    if (asks(w, BL_SHOW_CURVES))
        return bl_run_curves_add(operands, n, text, e);
    if (asks(w, BL_SHOW_SURPRISE))
        return bl_surprise_add(first, asks(w, BL_MEASURE_LONG), text, e);
    if (asks(w, BL_SHOW_HEAT))
        return bl_groove_heat_add(
            &(bl_groove_heat_wish){m->reference, m->labels, m->seed}, operands, n, text,
            e);
    if (asks(w, BL_SHOW_MAP))
        return bl_map_add(
            &(bl_map_wish){.labels = m->labels, .seed = m->seed, .is_table = m->bare},
            operands, n, text, e);
    return bl_roll_add(first, m->pair, &m->meter, text, e);
}
