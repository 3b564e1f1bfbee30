/* report.c - see report.h. */
#include "stat/report.h"
#include "stat/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_GRID = 160, NAME = 128 };

static const double plot_width = 320, plot_height = 190;

static const char *const classes[12] = {"C",  "C#", "D",  "D#", "E",  "F",
                                        "F#", "G",  "G#", "A",  "A#", "B"};
static const char *const lengths[12] = {"1",     "1/2",  "1/4",  "1/8",
                                        "1/16",  "1/2.", "1/4.", "1/8.",
                                        "1/16.", "1/2t", "1/4t", "1/8t"};

/* ---- the page ---- */

static const char style[] =
    "*{box-sizing:border-box}html{color-scheme:light dark}"
    "body{margin:0 auto;padding:1rem;max-width:1360px;background:var(--bg);"
    "color:var(--fg);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2.2rem 0 .4rem;"
    "border-bottom:1px solid var(--rule);padding-bottom:.2rem}"
    "p{margin:.4rem 0 .8rem;max-width:72ch}.dim{color:var(--dim)}"
    "nav a{margin-right:1rem}a{color:var(--a)}"
    ".grid{display:grid;gap:1rem;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr))}"
    ".wide,.half{display:grid;gap:1rem}"
    ".half{grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr))}"
    "figure{margin:0;padding:.6rem;border:1px solid var(--rule);border-radius:8px;"
    "min-width:0;break-inside:avoid}figcaption{font-weight:600;margin-bottom:.3rem}"
    "figure svg{display:block;width:100%;height:auto}"
    ".grid figure svg{max-height:340px}.wide figure{max-width:940px}"
    "details{margin-top:.4rem;font-size:.85rem}summary{cursor:pointer;color:var(--dim)}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem;"
    "font-variant-numeric:tabular-nums}"
    "td,th{padding:.15rem .5rem;text-align:right;border-bottom:1px solid var(--rule);"
    "white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}"
    ".key::before{content:'';display:inline-block;width:.8em;height:.8em;"
    "margin:0 .3em 0 .8em;border-radius:2px;background:var(--k)}"
    "@media "
    "print{:root{--bg:#fff;--fg:#000}figure{border-color:#bbb}nav{display:none}}";

void bl_report_begin_figure(bl_svg *s, const char *title)
{
    bl_svg_raw(s, "<figure><figcaption>");
    bl_svg_escape(s, title);
    bl_svg_raw(s, "</figcaption>");
}

void bl_report_begin_table(bl_svg *s)
{
    bl_svg_raw(s, "<details><summary>numbers</summary><div class=\"scroll\"><table>\n");
}

void bl_report_end_figure(bl_svg *s)
{
    bl_svg_raw(s, "</table></div></details></figure>\n");
}

void bl_report_cell(bl_svg *s, double x)
{
    if (isnan(x))
        bl_svg_raw(s, "<td class=\"dim\">-</td>");
    else
        bl_svg_printf(s, "<td>%.4g</td>", x);
}

static void head_row(bl_svg *s, const char *const *name, size_t n)
{
    bl_svg_raw(s, "<tr>");
    for (size_t i = 0; i < n; i++) {
        bl_svg_raw(s, "<th>");
        bl_svg_escape(s, name[i]);
        bl_svg_raw(s, "</th>");
    }
    bl_svg_raw(s, "</tr>\n");
}

void bl_report_section(bl_svg *s, const char *id, const char *title, const char *text,
                       const char *class)
{
    bl_svg_printf(s, "<h2 id=\"%s\">%s</h2>\n<p class=\"dim\">", id, title);
    bl_svg_raw(s, text);
    bl_svg_printf(s, "</p>\n<div class=\"%s\">\n", class);
}

static void begin_page(bl_svg *s, const bl_report *r)
{
    bl_svg_raw(s, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,"
                  "initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n<title>");
    bl_svg_escape(s, r->name_a);
    if (r->b != NULL) {
        bl_svg_raw(s, " against ");
        bl_svg_escape(s, r->name_b);
    }
    bl_svg_raw(s, "</title>\n<style>");
    bl_svg_raw(s, bl_svg_style());
    bl_svg_raw(s, style);
    bl_svg_raw(s, "</style></head><body>\n<h1>");
    bl_svg_escape(s, r->name_a);
    if (r->b != NULL) {
        bl_svg_raw(s, " <span class=\"dim\">against</span> ");
        bl_svg_escape(s, r->name_b);
    }
    bl_svg_printf(s, "</h1>\n<p><span class=\"key\" style=\"--k:var(--a)\"></span>");
    bl_svg_escape(s, r->name_a);
    bl_svg_printf(s, ", %zu pieces", r->a->n);
    if (r->b != NULL) {
        bl_svg_raw(s, "<span class=\"key\" style=\"--k:var(--b)\"></span>");
        bl_svg_escape(s, r->name_b);
        bl_svg_printf(s, ", %zu pieces", r->b->n);
    }
    bl_svg_raw(s, "</p>\n");
}

/* ---- values ---- */

int bl_report_values(const bl_table *t, size_t field, const char *group, double **value,
                     size_t *n, bl_err *e)
{
    const char *of = (const char *)t->groups.data;
    *n = 0;
    *value = bl_calloc(t->n, sizeof **value, e);
    if (*value == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < t->n; i++, of += strlen(of) + 1) {
        double x = t->value[i * t->layout->n_columns + t->layout->at[field]];
        if (!isnan(x) && (group == NULL || strcmp(of, group) == 0))
            (*value)[(*n)++] = x;
    }
    return 0;
}

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

static const bl_comparison *compared(const bl_report *r, size_t field)
{
    for (size_t i = 0; r->compared != NULL && i < r->compared->n; i++) {
        const bl_comparison *c = &r->compared->row[i];
        if (c->field == (int)field && strcmp(c->group, "all") == 0)
            return c;
    }
    return NULL;
}

static int is_number(const bl_table *t, size_t field)
{
    return bl_field_size(&t->layout->field[field]) == 1;
}

static void overview(bl_svg *s, const bl_report *r)
{
    static const char *const names[] = {
        "feature", "mean A", "sd A", "mean B",       "sd B",    "Cliff's delta",
        "from",    "to",     "KS",   "KS of halves", "overlap", "of halves"};
    bl_report_section(
        s, "overview", "Overview",
        "Single features of A (first) and B (second). Cliff's delta: +1 where every "
        "piece of A is above every piece of B, with a 95 % interval. KS and overlap "
        "stand beside what two random halves of B differ by: no set can be expected "
        "to come nearer.",
        "scroll");
    bl_svg_raw(s, "<table>");
    head_row(s, names, r->b == NULL ? 3 : BL_COUNT(names));
    for (size_t f = 0; s->rc == 0 && f < r->a->layout->n; f++) {
        const bl_comparison *c = compared(r, f);
        bl_summary sum;
        if (!is_number(r->a, f))
            continue;
        s->rc =
            bl_summary_of(&sum, r->a->n > 0 ? r->a->value + r->a->layout->at[f] : NULL,
                          r->a->n, r->a->layout->n_columns, s->e);
        bl_svg_printf(s, "<tr><td>%s</td>", r->a->layout->field[f].name);
        bl_report_cell(s, sum.mean);
        bl_report_cell(s, sum.sd);
        if (c != NULL) {
            const double x[] = {c->mean_b,        c->sd_b,    c->of.cliff,
                                c->of.low,        c->of.high, c->of.ks,
                                c->ceiling_of.ks, c->a.oa,    c->ceiling.oa};
            for (size_t k = 0; k < BL_COUNT(x); k++)
                bl_report_cell(s, x[k]);
        }
        bl_svg_raw(s, "</tr>\n");
    }
    bl_svg_raw(s, "</table></div>\n");
}

/* ---- densities ---- */

/* Curves of two samples (q NULL: one) with their frame. */
static void curves(bl_svg *s, const bl_density *p, const bl_density *q,
                   const char *class_p, const char *class_q, const char *unit)
{
    double y[2][N_GRID], most = 0;
    const bl_density *both[2] = {p, q};
    const char *const class[2] = {class_p, class_q};
    double h = fmax(p->h, q != NULL ? q->h : 0);
    bl_plot frame = {
        .left = 12, .top = 10, .width = plot_width - 24, .height = plot_height - 44};
    frame.x0 = fmin(p->low, q != NULL ? q->low : NAN) - 2 * h;
    frame.x1 = fmax(p->high, q != NULL ? q->high : NAN) + 2 * h;
    double step = (frame.x1 - frame.x0) / (N_GRID - 1);
    for (int i = 0; i < 2; i++)
        if (both[i] != NULL && both[i]->h > 0) {
            bl_density_at(both[i], frame.x0, step, y[i], N_GRID);
            for (int k = 0; k < N_GRID; k++)
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
            bl_plot_curve(s, &frame, x0, step, y[i], N_GRID, fill, 1);
            bl_plot_curve(s, &frame, x0, step, y[i], N_GRID, line, 0);
        } else {
            double x = bl_plot_x(&frame, both[i]->low);
            bl_svg_line(s, x, frame.top, x, frame.top + frame.height, line);
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
        bl_report_begin_figure(s, field->name);
        bl_svg_begin(s, plot_width, plot_height, field->doc, 0);
        curves(s, &d[0], r->b != NULL ? &d[1] : NULL, "a", "b",
               strcmp(field->unit, "1") == 0 ? "" : field->unit);
        bl_svg_end(s);
        bl_report_begin_table(s);
        head_row(s, names, BL_COUNT(names));
        for (int i = 0; s->rc == 0 && i < 2 && both[i] != NULL; i++) {
            bl_summary x;
            size_t at = both[i]->layout->at[f], width = both[i]->layout->n_columns;
            s->rc = bl_summary_of(&x, both[i]->n > 0 ? both[i]->value + at : NULL,
                                  both[i]->n, width, s->e);
            const double cells[] = {x.mean, x.sd, x.min, x.median, x.max};
            bl_svg_printf(s, "<tr><td>%c</td><td>%zu</td>", "AB"[i], x.n);
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
    for (size_t f = 0; f < r->a->layout->n; f++)
        if (is_number(r->a, f))
            distribution(s, r, f);
    bl_svg_raw(s, "</div>\n");
}

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
    double curve[3][N_GRID], most = 0;
    bl_plot frame = {
        .left = 12, .top = 10, .width = plot_width - 24, .height = plot_height - 44};
    frame.x1 = fmax(of[0].high, fmax(of[1].high, of[2].high));
    double step = frame.x1 / (N_GRID - 1);
    for (int i = 0; i < 3; i++) {
        if (!(of[i].h > 0))
            continue;
        bl_density_at(&of[i], 0, step, curve[i], N_GRID);
        for (int k = 0; k < N_GRID; k++)
            most = fmax(most, curve[i][k]);
    }
    frame.y1 = most * 1.05;
    bl_plot_frame(s, &frame, "distance of two pieces", NULL);
    for (int i = 0; i < 3; i++)
        if (of[i].h > 0)
            bl_plot_curve(s, &frame, 0, step, curve[i], N_GRID, class[i], 0);
}

static void distance_figure(bl_svg *s, const bl_field *field, const bl_comparison *c,
                            const bl_density of[3])
{
    static const char *const names[] = {"intra A",   "intra B", "inter",    "KLD A",
                                        "overlap A", "KLD B",   "overlap B"};
    const double cells[] = {c->intra_a, c->intra_b, c->inter, c->a.kld,
                            c->a.oa,    c->b.kld,   c->b.oa};
    bl_report_begin_figure(s, field->name);
    bl_svg_begin(s, plot_width, plot_height, field->doc, 0);
    draw_distances(s, of);
    bl_svg_end(s);
    bl_report_begin_table(s);
    head_row(s, names, BL_COUNT(names));
    bl_svg_raw(s, "<tr>");
    for (size_t k = 0; k < BL_COUNT(cells); k++)
        bl_report_cell(s, cells[k]);
    bl_svg_raw(s, "</tr>\n");
    bl_report_end_figure(s);
}

/* Where no density is defined there is nothing to see. */
static void distance_plot(bl_svg *s, const bl_report *r, size_t f)
{
    const bl_field *field = &r->a->layout->field[f];
    const bl_comparison *c = compared(r, f);
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
            distance_figure(s, field, c, of);
    }
    for (int i = 0; i < 3; i++)
        bl_density_free(&of[i]);
    free(x);
}

static void distances(bl_svg *s, const bl_report *r)
{
    bl_report_section(
        s, "distances", "Distances of pieces",
        "Within A <span class=\"key\" style=\"--k:var(--a)\"></span>, within B <span "
        "class=\"key\" style=\"--k:var(--b)\"></span>, and between the sets <span "
        "class=\"key\" style=\"--k:var(--c)\"></span> (dashed). Sets are alike where "
        "the three curves are.",
        "grid");
    for (size_t f = 0; s->rc == 0 && f < r->a->layout->n; f++)
        if (r->a->layout->field[f].rows > 0)
            distance_plot(s, r, f);
    bl_svg_raw(s, "</div>\n");
}

/* Labels that were written: x from, to, and y. */
typedef struct {
    double box[BL_FIELDS_MAX][3];
    size_t n;
} placed;

/* Beside a dot, if there is room. */
static void write_label(bl_svg *s, placed *all, double x, double y, const char *name)
{
    double width = 6.2 * (double)strlen(name);
    int is_left = x + 7 + width > 700;
    double from = is_left ? x - 7 - width : x + 7, to = from + width;
    for (size_t i = 0; i < all->n; i++) {
        const double *b = all->box[i];
        if (from < b[1] && b[0] < to && fabs(y - b[2]) < 12)
            return;
    }
    double *b = all->box[all->n++];
    b[0] = from;
    b[1] = to;
    b[2] = y;
    bl_svg_text(s, is_left ? x - 7 : x + 7, y + 4, is_left ? "end" : "start", name);
}

static void scatter(bl_svg *s, const bl_report *r)
{
    placed labels = {.n = 0};
    bl_plot p = {.x0 = 0,
                 .x1 = 0.1,
                 .y0 = 0,
                 .y1 = 1,
                 .left = 36,
                 .top = 20,
                 .width = 660,
                 .height = 320};
    bl_report_section(
        s, "scatter", "Divergence and overlap",
        "Each feature once: divergence of A's distances from those between the sets, "
        "and their overlap. Near the lower right corner the sets differ, near the "
        "upper left they do not. Green: two halves of B.",
        "wide");
    bl_report_begin_figure(s, "KLD and overlapping area");
    bl_svg_begin(s, 720, 380, "divergence and overlap of each feature", 0);
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = compared(r, f);
        if (c != NULL && isfinite(c->a.kld))
            p.x1 = fmax(p.x1, log1p(c->a.kld) * 1.05);
    }
    bl_plot_frame(s, &p, "ln(1 + KLD)", "overlapping area");
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = compared(r, f);
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
        if (c->a.kld > 0.2)
            write_label(s, &labels, bl_plot_x(&p, log1p(c->a.kld)),
                        bl_plot_y(&p, c->a.oa), name);
    }
    bl_svg_end(s);
    bl_report_begin_table(s);
    bl_svg_raw(s, "<tr><th>feature</th><th>KLD</th><th>overlap</th><th>KLD of halves"
                  "</th><th>of halves</th></tr>\n");
    for (size_t f = 0; f < r->a->layout->n; f++) {
        const bl_comparison *c = compared(r, f);
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
        snprintf(title, sizeof title, "%s, %c", what, "AB"[i]);
        bl_report_begin_figure(s, title);
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
    heat(s, r, "pitch_class_transition_matrix", classes, "Pitch classes");
    heat(s, r, "note_length_transition_matrix", lengths, "Note lengths");
    bl_svg_raw(s, "</div>\n");
}

/* ---- the whole ---- */

int bl_report_write(const bl_report *r, bl_buf *out, bl_err *e)
{
    bl_svg s = {.out = out, .e = e};
    begin_page(&s, r);
    overview(&s, r);
    distributions(&s, r);
    if (r->compared != NULL) {
        scatter(&s, r);
        distances(&s, r);
    }
    matrices(&s, r);
    bl_report_groups(&s, r);
    if (r->log != NULL)
        bl_report_curves(&s, r->log);
    if (r->n_pieces > 0)
        bl_report_pieces(&s, r);
    bl_svg_raw(&s, "</body></html>\n");
    return s.rc;
}
