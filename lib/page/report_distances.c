/* report_distances.c - see report.h: distances of pieces, and how far apart they are.
 */
#include "page/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 128 };

/* ---- distances ---- */

static int field_points(const bl_table *t, size_t field, double *x, size_t most,
                        size_t *n)
{
    size_t d = bl_field_size(&t->layout->field[field]), step = 1;
    *n = 0;
    while (t->n / step > most)
        step++;
    for (size_t i = 0; i < t->n && *n < most; i += step) {
        const double *of = t->value + i * t->layout->n_columns + t->layout->at[field];
        size_t k = 0;
        while (k < d && !isnan(of[k]))
            k++;
        if (k == d)
            memcpy(x + d * (*n)++, of, d * sizeof *of);
    }
    return *n > 1;
}

static int density_between(const double *x, size_t n_x, const double *y, size_t n_y,
                           size_t d, bl_density *density, bl_err *e)
{
    bl_series all = {0};
    int rc = bl_distances(x, n_x, y, n_y, d, &all, e);
    if (rc == 0)
        rc = bl_density_make(density, all.x, all.n, e);
    free(all.x);
    return rc;
}

enum { SHOWN_PAIRS = 300 };

/* The three densities in one frame. */
static void draw_distances(bl_svg *s, const bl_density of[3])
{
    static const char *const class[3] = {"la", "lb", "lc"};
    double curve[3][BL_REPORT_GRID], most = 0;
    bl_plot frame = {.left = 12,
                     .top = 10,
                     .width = BL_REPORT_WIDTH - 24,
                     .height = BL_REPORT_HEIGHT - 44};
    frame.x1 = fmax(of[0].high, fmax(of[1].high, of[2].high));
    double step = frame.x1 / (BL_REPORT_GRID - 1);
    for (int i = 0; i < 3; i++) {
        if (!(of[i].h > 0))
            continue;
        bl_density_at(&of[i], 0, step, curve[i], BL_REPORT_GRID);
        for (int k = 0; k < BL_REPORT_GRID; k++)
            most = fmax(most, curve[i][k]);
    }
    frame.y1 = most * 1.05;
    bl_plot_frame(s, &frame, "distance of two pieces", NULL);
    for (int i = 0; i < 3; i++)
        if (of[i].h > 0)
            bl_plot_curve(s, &frame, 0, step, curve[i], BL_REPORT_GRID, class[i], 0);
}

static void distance_row(bl_svg *s, const char *name, double mean, const bl_apart *of)
{
    bl_svg_raw(s, "<tr><td>");
    bl_svg_escape(s, name);
    bl_svg_raw(s, "</td>");
    bl_report_cell(s, mean);
    bl_report_cell(s, of->kld);
    bl_report_cell(s, of->oa);
    bl_svg_raw(s, "</tr>\n");
}

static void distance_figure(bl_svg *s, const bl_report *r, const bl_field *field,
                            const bl_comparison *c, const bl_density of[3])
{
    static const char *const names[] = {"", "mean distance", "KLD", "overlap"};
    static const bl_apart none = {NAN, NAN};
    bl_report_begin_figure(s, field->name, NULL);
    bl_svg_begin(s, BL_REPORT_WIDTH, BL_REPORT_HEIGHT, field->doc, 0);
    draw_distances(s, of);
    bl_svg_end(s);
    bl_report_begin_table(s);
    bl_report_head_row(s, names, BL_COUNT(names));
    distance_row(s, r->label[0], c->intra_a, &c->a);
    distance_row(s, r->label[1], c->intra_b, &c->b);
    distance_row(s, "between", c->inter, &none);
    bl_report_end_figure(s);
}

/* Where no density is defined there is nothing to see. */
static void distance_plot(bl_svg *s, const bl_report *r, size_t f)
{
    const bl_field *field = &r->a->layout->field[f];
    const bl_comparison *c = bl_report_compared(r, f);
    size_t d = bl_field_size(field), n_a, n_b;
    double *x = bl_calloc(2 * SHOWN_PAIRS, d * sizeof *x, s->e);
    double *y = x + SHOWN_PAIRS * d;
    bl_density of[3] = {{0}, {0}, {0}};
    if (x == NULL)
        s->rc = BL_E_NOMEM;
    if (s->rc == 0 && c != NULL && field_points(r->a, f, x, SHOWN_PAIRS, &n_a) &&
        field_points(r->b, f, y, SHOWN_PAIRS, &n_b)) {
        s->rc = density_between(x, n_a, NULL, 0, d, &of[0], s->e);
        if (s->rc == 0)
            s->rc = density_between(y, n_b, NULL, 0, d, &of[1], s->e);
        if (s->rc == 0)
            s->rc = density_between(x, n_a, y, n_b, d, &of[2], s->e);
        if (of[0].h > 0 || of[1].h > 0 || of[2].h > 0)
            distance_figure(s, r, field, c, of);
    }
    for (int i = 0; i < 3; i++)
        bl_density_free(&of[i]);
    free(x);
}

void bl_report_distances(bl_svg *s, const bl_report *r)
{
    size_t field[BL_FIELDS_MAX], n = bl_report_order(r, BL_BY_OVERLAP, field);
    bl_svg_raw(s, "<h2 id=\"distances\">Distances of pieces</h2>\n<p class=\"dim\">");
    bl_report_key(s, 'a', "within ", r->label[0]);
    bl_report_key(s, 'b', "within ", r->label[1]);
    bl_report_key(s, 'c', "between the sets (dashed)", "");
    bl_svg_raw(s, "<br>Sets are alike where the three curves are. Those come first "
                  "whose overlap is least beside that of two halves of ");
    bl_svg_escape(s, r->label[1]);
    bl_svg_raw(s, ".</p>\n<div class=\"grid\">\n");
    for (size_t i = 0; s->rc == 0 && i < n; i++)
        distance_plot(s, r, field[i]);
    bl_svg_raw(s, "</div>\n");
}

/* Boxes that are taken, by dots and labels: x from, to, and the middle of y. */
typedef struct {
    double box[2 * BL_FIELDS_MAX][3];
    size_t n;
} placed;

static int is_free(const placed *all, double from, double to, double y)
{
    for (size_t i = 0; i < all->n; i++) {
        const double *b = all->box[i];
        if (from < b[1] && b[0] < to && fabs(y - b[2]) < 11)
            return 0;
    }
    return from > 36 && to < 716;
}

static void occupy(placed *all, double from, double to, double y)
{
    double *b = all->box[all->n++];
    b[0] = from;
    b[1] = to;
    b[2] = y;
}

/* Beside a dot, right or left, or a little above or below, if there is room. */
static void write_label(bl_svg *s, placed *all, double x, double y, const char *name)
{
    static const double shift[] = {0, -9, 9};
    double width = 6.2 * (double)strlen(name);
    for (int i = 0; i < 6; i++) {
        double from = i % 2 == 0 ? x + 7 : x - 7 - width, at = y + shift[i / 2];
        if (!is_free(all, from, from + width, at))
            continue;
        occupy(all, from, from + width, at);
        bl_svg_text(s, from, at + 4, "start", name);
        return;
    }
}

/* Names of the features that differ most come first. */
static void write_labels(bl_svg *s, const bl_report *r, const bl_plot *p)
{
    placed all = {.n = 0};
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = bl_report_compared(r, f);
        if (c == NULL || !isfinite(c->a.kld))
            continue;
        double x = bl_plot_x(p, log1p(fmax(c->a.kld, 0)));
        occupy(&all, x - 4, x + 4, bl_plot_y(p, c->a.oa));
    }
    for (double low = 1.6, high = INFINITY; low > 0.04; high = low, low /= 2)
        for (size_t f = 0; f < r->a->layout->n; f++) {
            const bl_comparison *c = bl_report_compared(r, f);
            if (c != NULL && isfinite(c->a.kld) && c->a.kld > low && c->a.kld <= high)
                write_label(s, &all, bl_plot_x(p, log1p(c->a.kld)),
                            bl_plot_y(p, c->a.oa), r->a->layout->field[f].name);
        }
}

void bl_report_scatter(bl_svg *s, const bl_report *r)
{
    bl_plot p = {.x0 = 0,
                 .x1 = 0.1,
                 .y0 = 0,
                 .y1 = 1,
                 .left = 36,
                 .top = 20,
                 .width = 660,
                 .height = 320};
    bl_svg_raw(s, "<h2 id=\"scatter\">Divergence and overlap</h2>\n<p class=\"dim\">");
    bl_report_key(s, 'a', "both sets", "");
    bl_report_key(s, 'c', "two random halves of ", r->label[1]);
    bl_svg_raw(s,
               "<br>Each feature once: divergence of the distances within a set "
               "from those between the sets, and their overlap. Near the lower right "
               "corner the sets differ, near the upper left they do not.</p>\n"
               "<div class=\"wide\">\n");
    bl_report_begin_figure(s, "KLD and overlapping area", NULL);
    bl_report_begin_plot(s);
    bl_svg_begin(s, 720, 380, "divergence and overlap of each feature", 0);
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = bl_report_compared(r, f);
        if (c != NULL && isfinite(c->a.kld))
            p.x1 = fmax(p.x1, log1p(c->a.kld) * 1.05);
    }
    bl_plot_frame(s, &p, "ln(1 + KLD)", "overlapping area");
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = bl_report_compared(r, f);
        char tip[NAME];
        if (c == NULL || !isfinite(c->a.kld))
            continue;
        const char *name = r->a->layout->field[f].name;
        if (isfinite(c->ceiling.kld)) {
            snprintf(tip, sizeof tip, "two halves: %s", name);
            bl_plot_dot(s, &p, log1p(fmax(c->ceiling.kld, 0)), c->ceiling.oa, 2.5, "fc",
                        tip);
        }
        bl_plot_dot(s, &p, log1p(fmax(c->a.kld, 0)), c->a.oa, 4, "fa", name);
    }
    write_labels(s, r, &p);
    bl_svg_end(s);
    bl_report_end_plot(s);
    bl_report_begin_table(s);
    bl_svg_raw(s, "<tr><th>feature</th><th>KLD</th><th>overlap</th><th>KLD of halves"
                  "</th><th>of halves</th></tr>\n");
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = bl_report_compared(r, f);
        if (c == NULL)
            continue;
        bl_svg_printf(s, "<tr><td>%s</td>", r->a->layout->field[f].name);
        bl_report_cell(s, c->a.kld);
        bl_report_cell(s, c->a.oa);
        bl_report_cell(s, c->ceiling.kld);
        bl_report_cell(s, c->ceiling.oa);
        bl_svg_raw(s, "</tr>\n");
    }
    bl_report_end_figure(s);
    bl_svg_raw(s, "</div>\n");
}
