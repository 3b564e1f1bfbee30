/* curves.c - see curves.h. */
#include "page/curves.h"
#include "page/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

static const char *const terms[BL_TERMS] = {"hits", "velocities", "offsets",
                                            "divergence"};

const char *bl_curve_term(int term)
{
    return terms[term];
}

/* The places of the columns in a line of names. */
static void find_columns(const char *line, int column[BL_CURVE_COLUMNS])
{
    static const char *const names[BL_CURVE_TERMS] = {"step", "loss", "valid_loss"};
    char valid[32];
    for (int i = 0; i < BL_CURVE_TERMS; i++)
        column[i] = bl_column_find(line, names[i]);
    for (int i = 0; i < BL_TERMS; i++) {
        snprintf(valid, sizeof valid, "valid_%s", terms[i]);
        column[BL_CURVE_TERMS + 2 * i] = bl_column_find(line, terms[i]);
        column[BL_CURVE_TERMS + 2 * i + 1] = bl_column_find(line, valid);
    }
}

int bl_curves_read(const bl_buf *log, bl_series *rows, bl_err *e)
{
    int column[BL_CURVE_COLUMNS], rc = 0;
    const char *line = bl_line_first((const char *)log->data);
    find_columns(line, column);
    if (column[BL_CURVE_STEP] < 0 || column[BL_CURVE_LOSS] < 0)
        return bl_fail(e, BL_E_FORMAT, "not the log of a training run");
    while (rc == 0 && (line = bl_line_next(line)) != NULL)
        for (int i = 0; rc == 0 && i < BL_CURVE_COLUMNS; i++)
            rc = bl_series_add(rows, bl_column_number(line, column[i]), e);
    return rc;
}

/* 1 if some row has a number in one of the columns that is not 0. */
static int has_any(const bl_series *rows, int first, int end)
{
    for (size_t i = 0; i < rows->n; i += BL_CURVE_COLUMNS)
        for (int k = first; k < end; k++)
            if (isfinite(rows->x[i + (size_t)k]) && rows->x[i + (size_t)k] != 0)
                return 1;
    return 0;
}

int bl_curves_of_grooves(const bl_series *rows)
{
    return has_any(rows, BL_CURVE_TERMS, BL_CURVE_COLUMNS);
}

/* ---- drawing ---- */

enum { WIDTH = 720, FRAME = 260, LEFT = 36, TOP = 20, BELOW = 64, LINE = 18 };
enum { RIGHT = 24, TERM_WIDTH = 312, TERM_FRAME = 130, TERM_BELOW = 80 };

static void set_style(bl_svg *s, size_t run, const char *more)
{
    static const char *const colours[] = {"stroke:#0b6bcb;stroke:var(--a,#0b6bcb)",
                                          "stroke:#c2570c;stroke:var(--b,#c2570c)",
                                          "stroke:#2e8b57;stroke:var(--c,#2e8b57)",
                                          "stroke:#8250df;stroke:var(--d,#8250df)"};
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

/* Widens the frame to what a run has in the columns of training and validation. */
static void include(bl_plot *p, const bl_series *rows, int which)
{
    for (size_t i = 0; i < rows->n; i += BL_CURVE_COLUMNS) {
        if (isfinite(rows->x[i]))
            p->x1 = fmax(p->x1, rows->x[i]);
        for (int k = which; k < which + 2; k++) {
            double y = rows->x[i + (size_t)k];
            p->y0 = isfinite(y) ? fmin(p->y0, y) : p->y0;
            p->y1 = isfinite(y) ? fmax(p->y1, y) : p->y1;
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

/* A frame with the curves of all runs: training in column `which`, validation behind
 * it. */
static void draw_frame(bl_svg *s, bl_plot *p, const bl_series *rows, size_t n,
                       int which, const char *label)
{
    enum { SMOOTH_OVER = 50 }; /* of so many parts of the run */
    p->x1 = 1;
    p->y0 = INFINITY;
    for (size_t i = 0; i < n; i++)
        include(p, &rows[i], which);
    bl_plot_frame(s, p, "step", label);
    for (size_t i = 0; i < n; i++) {
        double points = (double)rows[i].n / BL_CURVE_COLUMNS;
        if (which >= BL_CURVE_TERMS && !has_any(&rows[i], which, which + 2))
            continue;
        double inertia = points > SMOOTH_OVER ? 1 - SMOOTH_OVER / points : 0.01;
        draw_line(s, p, &rows[i], which, i, inertia);
        draw_line(s, p, &rows[i], which + 1, i, 0);
    }
}

static void draw_loss(bl_svg *s, const bl_run_curve *runs, const bl_series *rows,
                      size_t n, int is_of_tokens)
{
    bl_plot p = {
        .left = LEFT, .top = TOP, .width = WIDTH - LEFT - RIGHT, .height = FRAME};
    draw_frame(s, &p, rows, n, BL_CURVE_LOSS,
               is_of_tokens
                   ? "nats a token: faint in training (smoothed), full on validation"
                   : "loss: faint in training (smoothed), full on validation");
    for (size_t i = 0; i < n; i++)
        legend(s, &rows[i], i, runs[i].name);
}

/* The terms that some run has, two side by side; how many. */
static int draw_terms(bl_svg *s, const bl_series *rows, size_t n, double top, int draws)
{
    int shown = 0;
    for (int term = 0; term < BL_TERMS; term++) {
        int which = BL_CURVE_TERMS + 2 * term, is_there = 0;
        char label[32];
        for (size_t i = 0; i < n; i++)
            is_there |= has_any(&rows[i], which, which + 2);
        if (!is_there)
            continue;
        bl_plot p = {.left = LEFT + shown % 2 * (WIDTH - LEFT - RIGHT - TERM_WIDTH),
                     .top = top + shown / 2 * (TERM_FRAME + TERM_BELOW),
                     .width = TERM_WIDTH,
                     .height = TERM_FRAME};
        snprintf(label, sizeof label, "loss of %s", terms[term]);
        if (draws)
            draw_frame(s, &p, rows, n, which,
                       term == BL_TERMS - 1 ? "divergence, times beta" : label);
        shown++;
    }
    return shown;
}

/* Reads the logs; how many are not of grooves. */
static int read_all(bl_svg *s, const bl_run_curve *runs, size_t n, bl_series *rows)
{
    int of_tokens = 0;
    for (size_t i = 0; i < n && s->rc == 0; i++) {
        if ((s->rc = bl_curves_read(runs[i].log, &rows[i], s->e)) != 0)
            bl_err_in(s->e, runs[i].name);
        of_tokens += !bl_curves_of_grooves(&rows[i]);
    }
    return of_tokens;
}

void bl_curves_draw(bl_svg *s, const bl_run_curve *runs, size_t n, int is_standalone)
{
    bl_series *rows = s->rc == 0 ? bl_calloc(n, sizeof *rows, s->e) : NULL;
    if (rows == NULL) {
        s->rc = s->rc != 0 ? s->rc : BL_E_NOMEM;
        return;
    }
    int of_tokens = read_all(s, runs, n, rows);
    double top = TOP + FRAME + BELOW + LINE * (double)n;
    int shown = draw_terms(s, rows, n, top, 0);
    double below = shown > 0 ? TOP + (shown + 1) / 2 * (TERM_FRAME + TERM_BELOW) : 0;
    bl_svg_begin(s, WIDTH, top + below, "training and validation loss by step",
                 is_standalone);
    if (s->rc == 0) {
        draw_loss(s, runs, rows, n, of_tokens == (int)n);
        draw_terms(s, rows, n, top + TOP, 1);
    }
    bl_svg_end(s);
    for (size_t i = 0; i < n; i++)
        free(rows[i].x);
    free(rows);
}
