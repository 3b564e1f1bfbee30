/* live_round.c - see live_round.h. */
#include "flow/live_round.h"

#include "flow/grooves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t EARLY = 10000000; /* ns before its time that a step is given */

typedef struct {
    const bl_live_round_wish *w;
    bl_rows_piece piece;
    bl_hvo_decoder decoder;
    float *x; /* the newest window */
    float tempo;
    int64_t bar;  /* since when it is */
    int64_t next; /* the step that is still to be given */
} live_round;

/* Of steps from l->next on to `end` those of the window, or silence. */
static int give(live_round *l, int64_t end, int is_heard, bl_err *e)
{
    int64_t steps = (int64_t)l->w->bars * BL_HVO_BAR;
    int rc = 0;
    if (l->next >= end)
        return 0;
    for (; l->next < end && rc == 0; l->next++) {
        const float *row = l->x + l->next % steps * BL_HVO_CELLS;
        rc = bl_hvo_decode_step(&l->decoder, is_heard ? row : NULL, l->next, l->tempo,
                                e);
    }
    if (rc == 0)
        rc = bl_timetable_add(l->w->timetable, l->w->song, l->w->song->end, e);
    bl_hvo_decode_taken(&l->decoder);
    return rc == 0 ? l->w->send(l->w->arg, e) : rc;
}

/* The next window: 1, 0 at the end. Without a clock the one before it is heard until
 * its bar begins. */
static int take(live_round *l, int is_live, bl_err *e)
{
    size_t numbers = (size_t)l->w->bars * BL_HVO_BAR * BL_HVO_CELLS;
    int rc = bl_rowsr_next(l->w->reader, &l->piece, e);
    if (rc <= 0)
        return rc;
    rc = bl_groove_check(&l->piece, l->w->bars, e);
    for (size_t i = 0; rc == 0 && i < l->piece.rows.n; i++) {
        l->bar = bl_max(l->bar, l->piece.rows.bar[i]);
        if (l->tempo == 0) /* what is before the first window is silent */
            l->tempo = l->piece.rows.tempo[i];
        if (!is_live && l->bar + l->w->bars > BL_GROOVE_BARS_MAX)
            rc = bl_fail(e, BL_E_LIMIT, "the loop goes on for more than %d bars",
                         BL_GROOVE_BARS_MAX);
        if (rc == 0 && !is_live)
            rc = give(l, l->bar * BL_HVO_BAR, 1, e);
        memcpy(l->x, l->piece.rows.x + i * numbers, numbers * sizeof *l->x);
        l->tempo = l->piece.rows.tempo[i];
    }
    return rc == 0 ? 1 : rc;
}

/* ---- against a clock ---- */

/* Nanoseconds until then; 0 where there is no clock. */
static int64_t until(const live_round *l, int64_t ns)
{
    int64_t left = 0;
    (void)l->w->sink->until(l->w->sink->arg, ns, &left);
    return left;
}

static double step_ns(const live_round *l)
{
    return 15e9 / (l->w->tempo > 0 ? l->w->tempo : (double)l->tempo);
}

/* What is over when the first window comes is silent. */
static int begin_now(live_round *l, bl_err *e)
{
    double now = fmax(-(double)until(l, 0), 0);
    int rc = bl_hvo_decode_step(&l->decoder, NULL, 0, l->tempo, e);
    int64_t begun = now > 0 ? (int64_t)floor(now / step_ns(l) + .5) + 1 : 0;
    return rc == 0 ? give(l, begun, 0, e) : rc;
}

/* To the end of the input. */
static int go_round(live_round *l, bl_err *e)
{
    int more = 1, rc = begin_now(l, e);
    while (rc == 0 && more > 0) {
        int64_t begins = bl_timetable_now(l->w->timetable);
        int is_ready = bl_rowsr_is_ready(l->w->reader, until(l, begins) - EARLY, e);
        more = is_ready > 0 ? take(l, 1, e) : 1;
        if (is_ready < 0 || more < 0)
            return is_ready < 0 ? is_ready : more;
        int64_t left = until(l, begins);
        if (left <= EARLY)
            rc = give(l, l->next + 1, (double)left > -step_ns(l), e);
    }
    return rc;
}

int bl_live_round(const bl_live_round_wish *w, bl_err *e)
{
    live_round l = {.w = w};
    size_t numbers = (size_t)w->bars * BL_HVO_BAR * BL_HVO_CELLS;
    int64_t left;
    l.x = bl_calloc(numbers, sizeof *l.x, e);
    int is_live = w->sink->until != NULL && w->sink->until(w->sink->arg, 0, &left);
    int rc = l.x != NULL ? bl_hvo_decode_begin(&l.decoder, w->song, 0, e) : BL_E_NOMEM;
    if (rc == 0)
        rc = bl_timetable_begin(w->timetable, w->song->tpq, e);
    int more = rc == 0 ? take(&l, is_live, e) : 0;
    int is_any = more > 0;
    if (is_any && is_live)
        rc = go_round(&l, e);
    while (rc == 0 && more > 0 && !is_live)
        more = take(&l, 0, e);
    if (rc == 0)
        rc = more < 0 ? more : 0;
    if (rc == 0 && is_any)
        rc = give(&l, (l.bar + w->bars) * BL_HVO_BAR, 1, e);
    bl_rows_piece_free(&l.piece);
    free(l.x);
    return rc;
}
