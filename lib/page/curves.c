/* curves.c - see curves.h. */
#include "page/curves.h"
#include "page/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

int bl_curves_read(const bl_buf *log, bl_series *rows, bl_err *e)
{
    static const char *const names[BL_CURVE_COLUMNS] = {"step", "loss", "valid_loss"};
    int column[BL_CURVE_COLUMNS], rc = 0;
    const char *line = bl_line_first((const char *)log->data);
    for (int i = 0; i < BL_CURVE_COLUMNS; i++)
        column[i] = bl_column_find(line, names[i]);
    if (column[BL_CURVE_STEP] < 0 || column[BL_CURVE_LOSS] < 0)
        return bl_fail(e, BL_E_FORMAT, "not the log of a training run");
    while (rc == 0 && (line = bl_line_next(line)) != NULL)
        for (int i = 0; rc == 0 && i < BL_CURVE_COLUMNS; i++)
            rc = bl_series_add(rows, bl_column_number(line, column[i]), e);
    return rc;
}

/* ---- drawing ---- */

enum { WIDTH = 720, FRAME = 260, LEFT = 36, TOP = 20, BELOW = 64, LINE = 18 };

static void set_style(bl_svg *s, size_t run, const char *more)
{
    static const char *const colours[] = {
        "stroke:#0b6bcb;stroke:var(--a)", "stroke:#c2570c;stroke:var(--b)",
        "stroke:#2e8b57;stroke:var(--c)", "stroke:#8250df;stroke:var(--d)"};
    static const char *const dashes[] = {"none", "6 3", "2 3"};
    bl_svg_printf(s, " style=\"fill:none;stroke-width:1.5;%s;stroke-dasharray:%s%s\"",
                  colours[run % BL_COUNT(colours)],
                  dashes[run / BL_COUNT(colours) % BL_COUNT(dashes)], more);
}

/* One curve; its points are pulled towards those before them by `inertia`. */
static void draw_line(bl_svg *s, const bl_plot *p, const bl_series *rows, int which,
                      size_t run, double inertia)
{
    double level = NAN;
    int n = 0;
    bl_svg_raw(s, "<path");
    set_style(s, run, inertia > 0 ? ";opacity:.45" : "");
    bl_svg_raw(s, " d=\"");
    for (size_t i = 0; i < rows->n; i += BL_CURVE_COLUMNS) {
        double x = rows->x[i], y = rows->x[i + (size_t)which];
        if (!isfinite(x) || !isfinite(y))
            continue;
        int is_first = isnan(level);
        n++;
        level = is_first ? y : inertia * level + (1 - inertia) * y;
        bl_svg_printf(s, "%s%.1f %.1f", is_first ? "M" : "L", bl_plot_x(p, x),
                      bl_plot_y(p, level));
    }
    bl_svg_raw(s, n == 1 ? "m-3 0h6\"/>" : "\"/>"); /* one point would not be seen */
}

/* Widens the frame to what a run has. */
static void include(bl_plot *p, const bl_series *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        double x = rows->x[i];
        if (!isfinite(x))
            continue;
        if (i % BL_CURVE_COLUMNS == BL_CURVE_STEP) {
            p->x1 = fmax(p->x1, x);
        } else {
            p->y0 = fmin(p->y0, x);
            p->y1 = fmax(p->y1, x);
        }
    }
}

static void legend(bl_svg *s, const bl_series *rows, size_t run, const char *name)
{
    double best = INFINITY, at = 0, y = TOP + FRAME + BELOW + LINE * (double)run;
    char text[256];
    for (size_t i = 0; i < rows->n; i += BL_CURVE_COLUMNS)
        if (rows->x[i + BL_CURVE_VALID] < best) {
            best = rows->x[i + BL_CURVE_VALID];
            at = rows->x[i];
        }
    if (isfinite(best))
        snprintf(text, sizeof text, "%.160s: best validation %.4f at step %.0f", name,
                 best, at);
    else
        snprintf(text, sizeof text, "%.160s: no validation", name);
    bl_svg_printf(s, "<path d=\"M%d %.1fh24\"", LEFT, y - 4);
    set_style(s, run, "");
    bl_svg_raw(s, "/>");
    bl_svg_text(s, LEFT + 32, y, "start", text);
}

static void draw_all(bl_svg *s, const bl_run_curve *runs, const bl_series *rows,
                     size_t n)
{
    enum { SMOOTH_OVER = 50 }; /* of so many parts of the run */
    bl_plot p = {.x1 = 1,
                 .y0 = INFINITY,
                 .left = LEFT,
                 .top = TOP,
                 .width = WIDTH - LEFT - 24,
                 .height = FRAME};
    for (size_t i = 0; i < n; i++)
        include(&p, &rows[i]);
    bl_plot_frame(s, &p, "step",
                  "nats a token: faint in training (smoothed), full on validation");
    for (size_t i = 0; i < n; i++) {
        double points = (double)rows[i].n / BL_CURVE_COLUMNS;
        double inertia = points > SMOOTH_OVER ? 1 - SMOOTH_OVER / points : 0.01;
        draw_line(s, &p, &rows[i], BL_CURVE_LOSS, i, inertia);
        draw_line(s, &p, &rows[i], BL_CURVE_VALID, i, 0);
        legend(s, &rows[i], i, runs[i].name);
    }
}

void bl_curves_draw(bl_svg *s, const bl_run_curve *runs, size_t n, int is_standalone)
{
    bl_series *rows = s->rc == 0 ? bl_calloc(n, sizeof *rows, s->e) : NULL;
    if (rows == NULL) {
        s->rc = s->rc != 0 ? s->rc : BL_E_NOMEM;
        return;
    }
    for (size_t i = 0; i < n && s->rc == 0; i++)
        if ((s->rc = bl_curves_read(runs[i].log, &rows[i], s->e)) != 0)
            bl_err_in(s->e, runs[i].name);
    bl_svg_begin(s, WIDTH, TOP + FRAME + BELOW + LINE * (double)n,
                 "training and validation loss by step", is_standalone);
    if (s->rc == 0)
        draw_all(s, runs, rows, n);
    bl_svg_end(s);
    for (size_t i = 0; i < n; i++)
        free(rows[i].x);
    free(rows);
}
