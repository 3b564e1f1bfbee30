/* live_loop.c - see live_loop.h. */
#include "flow/live_loop.h"
#include "flow/grooves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t step; /* when it was played, after beat 1 */
    float velocity, offset;
} cell; /* velocity 0: nothing */

struct bl_live_loop {
    int window, hop, forget, has_voices;
    int64_t wait; /* nanoseconds */
    bl_rowsw *w;
    cell (*cells)[BL_HVO_VOICES]; /* [n_steps] a ring */
    int64_t n_steps; /* of a window; without a loop of this and the next bar, too */
    float *x;        /* [window steps, BL_HVO_CELLS] */
    int64_t n_bars;  /* that are over */
    int64_t next;    /* without a loop: the bar of the next window */
    int64_t changed; /* when it did, not yet written; INT64_MAX: no */
    int has_piece;
};

int bl_live_loop_new(bl_live_loop **loop, const bl_live_in_wish *wish, bl_err *e)
{
    *loop = NULL;
    const bl_meter *m = &wish->meter;
    if (m->num > 0 && (m->num != 4 || m->den_log2 != 2))
        return bl_fail(e, BL_E_ARG, "--meter %d/%d: scheme 'groove' has no such bars",
                       m->num, 1 << m->den_log2);
    if (wish->hop > 0 && (wish->forget > 0 || wish->wait > 0))
        return bl_fail(e, BL_E_ARG, "--forget and --wait are of a loop, without --hop");
    bl_live_loop *l = bl_calloc(1, sizeof *l, e);
    if (l == NULL)
        return BL_E_NOMEM;
    l->window = wish->window > 0 ? (int)wish->window : 2;
    l->hop = (int)wish->hop;
    l->forget = (int)wish->forget;
    l->has_voices = wish->has_voices;
    l->wait = llround(wish->wait * 1e9);
    l->changed = INT64_MAX;
    l->n_steps = (int64_t)(l->window + (l->hop > 0 ? 2 : 0)) * BL_HVO_BAR;
    l->cells = bl_calloc((size_t)l->n_steps, sizeof *l->cells, e);
    l->x = bl_calloc((size_t)l->window * BL_HVO_BAR * BL_HVO_CELLS, sizeof *l->x, e);
    if (l->cells == NULL || l->x == NULL) {
        bl_live_loop_del(l);
        return BL_E_NOMEM;
    }
    *loop = l;
    return 0;
}

int bl_live_loop_begin(bl_live_loop *l, int fd, const bl_origin *origin, int level,
                       const bl_self *self, bl_err *e)
{
    bl_rows_kind kind = bl_groove_kind(l->window);
    kind.origin = *origin;
    kind.is_loop = l->hop == 0;
    bl_json *pg = self != NULL ? bl_prov_chain(NULL, 0, self, e) : NULL;
    int rc = self != NULL && pg == NULL ? BL_E_NOMEM : 0;
    if (rc == 0)
        rc = bl_rowsw_new(&l->w, fd, level, &kind, pg, e);
    bl_json_del(pg);
    return rc;
}

static cell *cell_of(bl_live_loop *l, int64_t step, int voice)
{
    return &l->cells[(step % l->n_steps + l->n_steps) % l->n_steps][voice];
}

static void change(bl_live_loop *l, int64_t ns)
{
    if (l->changed == INT64_MAX)
        l->changed = ns;
}

void bl_live_loop_hit(bl_live_loop *l, double step, int64_t ns, int pitch, int velocity)
{
    int64_t s = (int64_t)floor(step + .5);
    int voice = l->has_voices ? bl_hvo_voice(pitch) : BL_LIVE_TAP;
    if (voice < 0 || s < 0)
        return;
    cell *c = cell_of(l, s, voice);
    float v = (float)(velocity / 127.);
    if (l->hop > 0 && s < l->n_bars * BL_HVO_BAR) /* its bar is written */
        return;
    c->step = s;
    if (v <= c->velocity)
        return;
    c->velocity = v;
    c->offset = (float)(step - (double)s);
    change(l, ns);
}

void bl_live_loop_clear(bl_live_loop *l, int64_t ns)
{
    if (l->hop > 0)
        return;
    for (int64_t s = 0; s < l->n_steps; s++)
        for (int v = 0; v < BL_HVO_VOICES; v++)
            if (l->cells[s][v].velocity > 0) {
                l->cells[s][v] = (cell){0};
                change(l, ns);
            }
}

/* ---- windows ---- */

static void fill(bl_live_loop *l, int64_t first)
{
    for (int64_t s = 0; s < (int64_t)l->window * BL_HVO_BAR; s++)
        for (int v = 0; v < BL_HVO_VOICES; v++) {
            const cell *c = cell_of(l, first + s, v);
            float *x = l->x + s * BL_HVO_CELLS + v;
            x[0] = c->velocity > 0;
            x[BL_HVO_VOICES] = c->velocity;
            x[2 * BL_HVO_VOICES] = c->offset;
        }
}

/* As a piece of its own, or more of the last one. */
static int write(bl_live_loop *l, int64_t bar, int is_more, double tempo, bl_err *e)
{
    static const bl_rows_info info = {.name = "live", .sha256 = ""};
    const int32_t at = (int32_t)bl_min(bar, INT32_MAX);
    const float speed = (float)tempo;
    const bl_rows rows = {1, l->x, &at, &speed};
    l->has_piece = 1;
    return is_more ? bl_rowsw_more(l->w, &info, &rows, e)
                   : bl_rowsw_piece(l->w, &info, &rows, e);
}

static int write_loop(bl_live_loop *l, double step, double tempo, bl_err *e)
{
    l->changed = INT64_MAX;
    fill(l, 0);
    return write(l, bl_max((int64_t)floor(step / BL_HVO_BAR), 0), 0, tempo, e);
}

/* Hits that were played so many bars ago. */
static void forget(bl_live_loop *l, double step, int64_t ns)
{
    int64_t oldest = (int64_t)floor(step) - (int64_t)l->forget * BL_HVO_BAR;
    for (int64_t s = 0; l->forget > 0 && s < l->n_steps; s++)
        for (int v = 0; v < BL_HVO_VOICES; v++)
            if (l->cells[s][v].velocity > 0 && l->cells[s][v].step < oldest) {
                l->cells[s][v] = (cell){0};
                change(l, ns);
            }
}

static int pass_loop(bl_live_loop *l, double step, int64_t ns, double tempo, bl_err *e)
{
    if (step >= (double)((l->n_bars + 1) * BL_HVO_BAR)) {
        l->n_bars = (int64_t)floor(step / BL_HVO_BAR);
        forget(l, step, ns);
    }
    return l->changed != INT64_MAX && ns - l->changed >= l->wait
               ? write_loop(l, step, tempo, e)
               : 0;
}

/* A bar is over: the window that ends with it is written, and what is in none any more
 * makes room. */
static int end_bar(bl_live_loop *l, double tempo, bl_err *e)
{
    int rc = 0;
    l->n_bars++;
    if (l->n_bars == l->next + l->window) {
        fill(l, l->next * BL_HVO_BAR);
        rc = write(l, l->next, l->has_piece, tempo, e);
        l->next += l->hop;
    }
    for (int s = 0; s < BL_HVO_BAR; s++) /* the bar after the next begins empty */
        for (int v = 0; v < BL_HVO_VOICES; v++)
            *cell_of(l, (l->n_bars + 1) * BL_HVO_BAR + s, v) = (cell){0};
    return rc;
}

int bl_live_loop_pass(bl_live_loop *l, double step, int64_t ns, double tempo, bl_err *e)
{
    int rc = 0;
    if (l->hop == 0)
        return pass_loop(l, step, ns, tempo, e);
    while (rc == 0 && step >= (double)((l->n_bars + 1) * BL_HVO_BAR))
        rc = end_bar(l, tempo, e);
    return rc;
}

int64_t bl_live_loop_due(const bl_live_loop *l)
{
    return l->hop == 0 && l->changed != INT64_MAX ? l->changed + l->wait : INT64_MAX;
}

/* 1 where a bar that no window has shown has a hit. */
static int has_more(const bl_live_loop *l)
{
    int64_t shown = l->next > 0 ? (l->next - l->hop + l->window) * BL_HVO_BAR : 0;
    for (int64_t s = 0; s < l->n_steps; s++)
        for (int v = 0; v < BL_HVO_VOICES; v++)
            if (l->cells[s][v].velocity > 0 && l->cells[s][v].step >= shown)
                return 1;
    return 0;
}

/* The end of what is begun: a loop's last change, or the windows of its last bars. */
int bl_live_loop_finish(bl_live_loop *l, double step, int64_t ns, double tempo,
                        bl_err *e)
{
    int rc = bl_live_loop_pass(l, step, ns, tempo, e);
    if (rc == 0 && l->hop == 0 && l->changed != INT64_MAX)
        rc = write_loop(l, step, tempo, e);
    while (rc == 0 && l->hop > 0 && has_more(l))
        rc = end_bar(l, tempo, e);
    return rc == 0 ? bl_rowsw_finish(l->w, 0, e) : rc;
}

void bl_live_loop_del(bl_live_loop *l)
{
    if (l == NULL)
        return;
    bl_rowsw_del(l->w);
    free(l->cells);
    free(l->x);
    free(l);
}
