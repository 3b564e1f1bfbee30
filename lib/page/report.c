/* report.c - see report.h. */
#include "page/report.h"
#include "feature/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 128 };

static const char *const classes[12] = {"C",  "C#", "D",  "D#", "E",  "F",
                                        "F#", "G",  "G#", "A",  "A#", "B"};
static const char *const lengths[12] = {"1",     "1/2",  "1/4",  "1/8",
                                        "1/16",  "1/2.", "1/4.", "1/8.",
                                        "1/16.", "1/2t", "1/4t", "1/8t"};

/* ---- the page ---- */

/* With three digits, as in the overview. */
static void short_cell(bl_svg *s, double x)
{
    if (isnan(x) || fabs(x) >= 1000)
        bl_report_cell(s, x);
    else
        bl_svg_printf(s, "<td>%.3g</td>", x);
}

/* Of what follows what: where a piece of either set has such a matrix. */
static const char *const matrix_fields[] = {"pitch_class_transition_matrix",
                                            "note_length_transition_matrix"};

static int has_matrices(const bl_report *r)
{
    const bl_table *both[2] = {r->a, r->b};
    for (size_t k = 0; k < 2 * BL_COUNT(matrix_fields); k++) {
        const bl_table *t = both[k % 2];
        int f = t != NULL ? bl_layout_find(t->layout, matrix_fields[k / 2]) : -1;
        for (size_t i = 0; f >= 0 && i < t->n; i++)
            if (!isnan(t->value[i * t->layout->n_columns + t->layout->at[f]]))
                return 1;
    }
    return 0;
}

/* Links to the sections that are there. */
static void write_links(bl_svg *s, const bl_report *r)
{
    const struct {
        const char *id, *title;
        int is_there;
    } all[] = {
        {"verdict", "Verdict", r->verdict != NULL},
        {"pieces", "Pieces", r->n_pieces > 0},
        {"overview", "Overview", 1},
        {"distributions", "Distributions", 1},
        {"scatter", "Divergence", r->compared != NULL},
        {"distances", "Distances", r->compared != NULL},
        {"drums", "Drums", r->heat != NULL},
        {"map", "Map", r->map != NULL},
        {"transitions", "Transitions", has_matrices(r)},
        {"groups", "Groups", bl_report_has_groups(r)},
        {"surprise", "What tokens cost", r->cost != NULL},
        {"run", "Learning curves", r->log != NULL},
    };
    bl_svg_raw(s, "<nav>");
    for (size_t i = 0; i < BL_COUNT(all); i++)
        if (all[i].is_there)
            bl_svg_printf(s, "<a href=\"#%s\">%s</a> ", all[i].id, all[i].title);
    bl_svg_raw(s, "</nav>\n");
}

static void begin_page(bl_svg *s, const bl_report *r)
{
    char title[2 * NAME];
    snprintf(title, sizeof title, "%.*s%s%.*s", NAME - 8, r->name_a,
             r->b != NULL ? " against " : "", NAME - 8, r->b != NULL ? r->name_b : "");
    bl_report_begin(s, title);
    bl_svg_raw(s, "<h1>");
    bl_svg_escape(s, r->name_a);
    if (r->b != NULL) {
        bl_svg_raw(s, " <span class=\"dim\">against</span> ");
        bl_svg_escape(s, r->name_b);
    }
    bl_svg_raw(s, "</h1>\n<p><span class=\"key\" style=\"--k:var(--a)\">");
    bl_svg_escape(s, r->label[0]);
    bl_svg_printf(s, ", %zu %s</span> ", r->a->n, r->a->n == 1 ? "piece" : "pieces");
    if (r->b != NULL) {
        bl_svg_raw(s, "<span class=\"key\" style=\"--k:var(--b)\">");
        bl_svg_escape(s, r->label[1]);
        bl_svg_printf(s, ", %zu %s</span>", r->b->n, r->b->n == 1 ? "piece" : "pieces");
    }
    bl_svg_raw(s, "</p>\n");
    write_links(s, r);
}

static void end_page(bl_svg *s, const bl_report *r)
{
    bl_svg_raw(s, "<footer>Written by featstats of barline " BL_VERSION
                  ", which defines each feature: <code>featstats --list</code>.");
    if (r->compared != NULL)
        bl_svg_printf(s, " Random choices began at seed %llu.",
                      (unsigned long long)r->compared->seed);
    bl_svg_raw(s, "</footer>\n</body></html>\n");
}

/* ---- values ---- */

static int density_of(const bl_table *t, size_t field, bl_density *d, bl_err *e)
{
    double *value = NULL;
    size_t n = 0;
    int rc = bl_report_values(t, field, NULL, &value, &n, e);
    if (rc == 0)
        rc = bl_density_make(d, value, n, e);
    free(value);
    return rc;
}

/* ---- overview ---- */

static int is_number(const bl_table *t, size_t field)
{
    return bl_field_size(&t->layout->field[field]) == 1;
}

/* Cliff's delta with its interval, on a line from -1 to 1. */
static void draw_delta(bl_svg *s, const bl_twosample *of)
{
    const double middle = 60, half = 54, y = 8;
    bl_svg_raw(s, "<td>");
    if (!isnan(of->cliff)) {
        bl_svg_raw(s, "<svg viewBox=\"0 0 120 16\" width=\"120\" height=\"16\" "
                      "aria-hidden=\"true\">");
        bl_svg_line(s, middle - half, y, middle + half, y, "rule");
        bl_svg_line(s, middle, 1, middle, 15, "bar");
        if (!isnan(of->low))
            bl_svg_rect(s, middle + half * of->low, y - 2,
                        fmax(half * (of->high - of->low), 1), 4,
                        of->cliff < 0 ? "fb" : "fa", 0.4);
        bl_svg_rect(s, middle + half * of->cliff - 2, y - 5, 4, 10,
                    of->cliff < 0 ? "fb" : "fa", 1);
        bl_svg_raw(s, "</svg>");
    }
    bl_svg_raw(s, "</td>");
}

static void probability(bl_svg *s, double p)
{
    if (p < 1e-4)
        bl_svg_raw(s, "<td>&lt; 0.0001</td>");
    else
        short_cell(s, p);
}

/* What follows mean and deviation of A. */
static void compared_cells(bl_svg *s, const bl_comparison *c)
{
    const double x[] = {c->of.ks, c->ceiling_of.ks, c->a.oa, c->ceiling.oa};
    short_cell(s, c->mean_b);
    short_cell(s, c->sd_b);
    draw_delta(s, &c->of);
    short_cell(s, c->of.cliff);
    if (isnan(c->of.low))
        bl_report_cell(s, NAN);
    else
        bl_svg_printf(s, "<td>%.3f to %.3f</td>", c->of.low, c->of.high);
    probability(s, c->holm);
    for (size_t k = 0; k < BL_COUNT(x); k++)
        short_cell(s, x[k]);
}

/* Whose the columns below are. */
static void overview_sets(bl_svg *s, const bl_report *r)
{
    bl_svg_raw(s, "<tr><th></th>");
    for (int i = 0; i < 2; i++) {
        bl_svg_printf(s,
                      "<th colspan=\"2\"><span class=\"key\" "
                      "style=\"--k:var(--%c)\">",
                      "ab"[i]);
        bl_svg_escape(s, r->label[i]);
        bl_svg_raw(s, "</span></th>");
    }
    bl_svg_raw(s, "<th colspan=\"8\"></th></tr>\n");
}

static void overview(bl_svg *s, const bl_report *r)
{
    static const char *const names[] = {"feature",   "mean",
                                        "sd",        "mean",
                                        "sd",        "smaller | larger",
                                        "delta",     "95 % interval",
                                        "p (Holm)",  "KS",
                                        "of halves", "overlap",
                                        "of halves"};
    size_t field[BL_FIELDS_MAX], n = bl_report_order(r, BL_BY_DELTA, field);
    bl_report_section(
        s, "overview", "Overview",
        r->b == NULL
            ? "Mean and standard deviation of each feature over the pieces."
            : "Those first in which the sets differ most, by Cliff's delta: +1 where "
              "every piece of the first set is above every piece of the second, with a "
              "95 % interval. KS and overlap stand beside what two random halves of "
              "the "
              "second set differ by: no set can be expected to come nearer.",
        "scroll");
    bl_svg_raw(s, "<table>");
    if (r->b != NULL)
        overview_sets(s, r);
    bl_report_head_row(s, names, r->b == NULL ? 3 : BL_COUNT(names));
    for (size_t i = 0; s->rc == 0 && i < n; i++) {
        size_t f = field[i];
        const bl_comparison *c = bl_report_compared(r, f);
        bl_summary sum;
        if (!is_number(r->a, f))
            continue;
        s->rc =
            bl_summary_of(&sum, r->a->n > 0 ? r->a->value + r->a->layout->at[f] : NULL,
                          r->a->n, r->a->layout->n_columns, s->e);
        if (sum.n == 0 && (c == NULL || c->n_b == 0))
            continue;
        const bl_field *of = &r->a->layout->field[f];
        bl_svg_printf(s, "<tr><td>%s <span class=\"dim\">%s</span></td>", of->name,
                      strcmp(of->unit, "1") == 0 ? "" : of->unit);
        short_cell(s, sum.mean);
        short_cell(s, sum.sd);
        if (c != NULL)
            compared_cells(s, c);
        bl_svg_raw(s, "</tr>\n");
    }
    bl_svg_raw(s, "</table></div>\n");
}

/* ---- densities ---- */

/* A whole number that all have in common stands between its neighbours: tenths of a
 * count say nothing. */
static void widen_count(bl_plot *frame)
{
    double x = frame->x0;
    if (frame->x1 > x || x != floor(x) || fabs(x) > 1e6)
        return;
    frame->x0 = x == 0 ? 0 : x - 1;
    frame->x1 = x + 1;
    frame->x_step = 1;
}

/* What all of a sample have, over a sample before it so that both are seen. */
static void draw_value(bl_svg *s, const bl_plot *p, double value, const char *class,
                       int is_over)
{
    double x = bl_plot_x(p, value);
    bl_svg_printf(s, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"", x, p->top,
                  x, p->top + p->height);
    bl_svg_printf(s, " class=\"%s\"%s/>", class,
                  is_over ? " stroke-dasharray=\"8 8\"" : "");
}

/* Curves of two samples (q NULL: one) with their frame. */
static void curves(bl_svg *s, const bl_density *p, const bl_density *q,
                   const char *unit, int is_share)
{
    double y[2][BL_REPORT_GRID], most = 0;
    const bl_density *both[2] = {p, q};
    const char *const class[2] = {"a", "b"};
    double h = fmax(p->h, q != NULL ? q->h : 0);
    bl_plot frame = {.left = 12,
                     .top = 10,
                     .width = BL_REPORT_WIDTH - 24,
                     .height = BL_REPORT_HEIGHT - 44};
    frame.x0 = fmin(p->low, q != NULL ? q->low : NAN) - 2 * h;
    frame.x1 = fmax(p->high, q != NULL ? q->high : NAN) + 2 * h;
    if (is_share || fmin(p->low, q != NULL ? q->low : NAN) >= 0)
        frame.x0 = fmax(frame.x0, 0);
    if (is_share)
        frame.x1 = fmin(frame.x1, 1);
    if (is_share && !(frame.x1 > frame.x0))
        frame.x0 = 0, frame.x1 = 1; /* all the same */
    widen_count(&frame);
    int is_twice = q != NULL && p->h <= 0 && q->h <= 0 && p->low == q->low;
    double step = (frame.x1 - frame.x0) / (BL_REPORT_GRID - 1);
    for (int i = 0; i < 2; i++)
        if (both[i] != NULL && both[i]->h > 0) {
            bl_density_at(both[i], frame.x0, step, y[i], BL_REPORT_GRID);
            for (int k = 0; k < BL_REPORT_GRID; k++)
                most = fmax(most, y[i][k]);
        }
    frame.y1 = most * 1.05;
    double x0 = frame.x0;
    bl_plot_frame(s, &frame, unit, NULL);
    for (int i = 0; i < 2; i++) {
        char fill[8], line[8];
        if (both[i] == NULL || both[i]->n_values == 0)
            continue;
        snprintf(fill, sizeof fill, "f%s", class[i]);
        snprintf(line, sizeof line, "l%s", class[i]);
        if (both[i]->h > 0) {
            bl_plot_curve(s, &frame, x0, step, y[i], BL_REPORT_GRID, fill, 1);
            bl_plot_curve(s, &frame, x0, step, y[i], BL_REPORT_GRID, line, 0);
        } else {
            draw_value(s, &frame, both[i]->low, line, i == 1 && is_twice);
        }
    }
}

static void distribution(bl_svg *s, const bl_report *r, size_t f)
{
    static const char *const names[] = {"",    "pieces", "mean", "sd",
                                        "min", "median", "max"};
    const bl_field *field = &r->a->layout->field[f];
    const bl_table *both[2] = {r->a, r->b};
    bl_density d[2] = {{0}, {0}};
    for (int i = 0; s->rc == 0 && i < 2 && both[i] != NULL; i++)
        s->rc = density_of(both[i], f, &d[i], s->e);
    if (s->rc == 0 && d[0].n_values + d[1].n_values > 0) {
        bl_report_begin_figure(s, field->name, field->doc);
        bl_svg_begin(s, BL_REPORT_WIDTH, BL_REPORT_HEIGHT, field->doc, 0);
        curves(s, &d[0], r->b != NULL ? &d[1] : NULL,
               strcmp(field->unit, "1") == 0 ? "" : field->unit,
               bl_field_is_share(field));
        bl_svg_end(s);
        bl_report_begin_table(s);
        bl_report_head_row(s, names, BL_COUNT(names));
        for (int i = 0; s->rc == 0 && i < 2 && both[i] != NULL; i++) {
            bl_summary x;
            size_t at = both[i]->layout->at[f], width = both[i]->layout->n_columns;
            s->rc = bl_summary_of(&x, both[i]->n > 0 ? both[i]->value + at : NULL,
                                  both[i]->n, width, s->e);
            const double cells[] = {x.mean, x.sd, x.min, x.median, x.max};
            bl_svg_raw(s, "<tr><td>");
            bl_svg_escape(s, r->label[i]);
            bl_svg_printf(s, "</td><td>%zu</td>", x.n);
            for (size_t k = 0; k < BL_COUNT(cells); k++)
                bl_report_cell(s, cells[k]);
            bl_svg_raw(s, "</tr>\n");
        }
        bl_report_end_figure(s);
    }
    bl_density_free(&d[0]);
    bl_density_free(&d[1]);
}

static void distributions(bl_svg *s, const bl_report *r)
{
    bl_report_section(
        s, "distributions", "Distributions",
        "How the pieces spread over each feature; a straight line stands where all "
        "have the same value.",
        "grid");
    size_t field[BL_FIELDS_MAX], n = bl_report_order(r, BL_BY_DELTA, field);
    for (size_t i = 0; i < n; i++)
        if (is_number(r->a, field[i]))
            distribution(s, r, field[i]);
    bl_svg_raw(s, "</div>\n");
}

/* ---- matrices ---- */

/* The mean over the pieces that define it; 0 if there are none. */
static size_t mean_matrix(const bl_table *t, size_t field, double *mean)
{
    size_t d = bl_field_size(&t->layout->field[field]), n = 0;
    memset(mean, 0, d * sizeof *mean);
    for (size_t i = 0; i < t->n; i++) {
        const double *x = t->value + i * t->layout->n_columns + t->layout->at[field];
        if (isnan(x[0]))
            continue;
        for (size_t k = 0; k < d; k++)
            mean[k] += x[k];
        n++;
    }
    for (size_t k = 0; k < d && n > 0; k++)
        mean[k] /= (double)n;
    return n;
}

static void heat(bl_svg *s, const bl_report *r, const char *name,
                 const char *const *names, const char *what)
{
    const bl_table *both[2] = {r->a, r->b};
    int f = bl_layout_find(r->a->layout, name);
    double mean[144];
    char title[NAME];
    for (int i = 0; i < 2 && f >= 0 && both[i] != NULL; i++) {
        const bl_field *field = &r->a->layout->field[f];
        if (bl_field_size(field) != 144 || mean_matrix(both[i], (size_t)f, mean) == 0)
            continue;
        snprintf(title, sizeof title, "%s, %s", what, r->label[i]);
        bl_report_begin_figure(s, title, NULL);
        bl_plot_heat(s, mean, 12, 12, names, title, i == 0 ? "fa" : "fb");
        bl_report_begin_table(s);
        for (int row = -1; row < 12; row++) {
            bl_svg_printf(s, "<tr><th>%s</th>", row < 0 ? "" : names[row]);
            for (int k = 0; k < 12; k++)
                if (row < 0)
                    bl_svg_printf(s, "<th>%s</th>", names[k]);
                else
                    bl_report_cell(s, mean[12 * row + k]);
            bl_svg_raw(s, "</tr>\n");
        }
        bl_report_end_figure(s);
    }
}

static void matrices(bl_svg *s, const bl_report *r)
{
    bl_report_section(
        s, "transitions", "Transitions",
        "From the row to the column: how often a pitch class, a note length, follows "
        "another. Shares, averaged over the pieces; the shade is of their root.",
        "grid");
    heat(s, r, matrix_fields[0], classes, "Pitch classes");
    heat(s, r, matrix_fields[1], lengths, "Note lengths");
    bl_svg_raw(s, "</div>\n");
}

/* ---- the whole ---- */

int bl_report_write(const bl_report *of, bl_buf *out, bl_err *e)
{
    bl_svg s = {.out = out, .e = e};
    bl_report own = *of, *r = &own;
    bl_report_name(r);
    begin_page(&s, r);
    if (r->verdict != NULL)
        bl_report_verdict(&s, r);
    if (r->n_pieces > 0)
        bl_report_pieces(&s, r);
    overview(&s, r);
    distributions(&s, r);
    if (r->compared != NULL) {
        bl_report_scatter(&s, r);
        bl_report_distances(&s, r);
    }
    if (r->heat != NULL)
        bl_report_heat(&s, r);
    if (r->map != NULL)
        bl_report_map(&s, r);
    if (has_matrices(r))
        matrices(&s, r);
    bl_report_groups(&s, r);
    if (r->cost != NULL)
        bl_report_surprise(&s, r->cost);
    if (r->log != NULL)
        bl_report_curves(&s, r->log);
    end_page(&s, r);
    return s.rc;
}
