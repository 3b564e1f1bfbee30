/* bands.c - see trials.h: the curves of settings, the seeds of each as a band. */
#include "feature/summary.h"
#include "page/curves.h"
#include "page/trials.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 720, FRAME = 320, LEFT = 48, RIGHT = 16, TOP = 24, BELOW = 56 };
enum { LINE = 18, ENTRY = 328, NAME = 40 };

static const double SKIPPED = 0.1; /* of a run: its beginning may leave the frame */

/* ---- how a setting looks ---- */

static void colour(bl_svg *s, const char *property, size_t setting)
{
    static const char *const colours[][2] = {{"#0b6bcb", "a"}, {"#c2570c", "b"},
                                             {"#2e8b57", "c"}, {"#8250df", "d"},
                                             {"#0e7c86", "e"}, {"#b83280", "f"}};
    const char *const *c = colours[setting % BL_COUNT(colours)];
    /* the second where there are variables, as in pages */
    bl_svg_printf(s, "%s:%s;%s:var(--%s,%s);", property, c[0], property, c[1], c[0]);
}

static void line_style(bl_svg *s, size_t setting, double width, double opacity)
{
    static const char *const dashes[] = {"none", "7 3", "2 3", "9 3 2 3"};
    bl_svg_raw(s, " style=\"fill:none;");
    colour(s, "stroke", setting);
    bl_svg_printf(s, "stroke-width:%.1f;opacity:%.2f;stroke-dasharray:%s\"", width,
                  opacity, dashes[setting / 6 % BL_COUNT(dashes)]);
}

/* ---- settings ---- */

/* What a trial is to its setting. */
typedef struct {
    size_t setting;
    int in_band; /* it ended well, or goes on where none did */
} part;

typedef struct {
    const bl_trials *all;
    const bl_bands *how;
    part *part; /* of each trial */
    size_t settings;
    bl_series *band; /* of each setting: rows of BAND numbers */
    bl_plot plot;    /* of logarithms where is_log */
    double scale;    /* what data are divided by to the right */
    const char *unit;
} canvas;

static size_t points_of(const bl_trial *t)
{
    return t->points.n / BL_POINT_SIZE;
}

/* Finds the settings once: experiments may have hundreds. */
static int find_parts(canvas *c, bl_err *e)
{
    size_t n = c->all->n;
    bl_trial_state *best = bl_calloc(n, sizeof *best, e);
    c->part = bl_calloc(n, sizeof *c->part, e);
    if (best == NULL || c->part == NULL) {
        free(best);
        return BL_E_NOMEM;
    }
    for (size_t k = 0; k < n; k++) {
        const bl_trial *t = &c->all->trial[k];
        size_t i = 0;
        while (strcmp(c->all->trial[i].setting, t->setting) != 0)
            i++;
        c->part[k].setting = i < k ? c->part[i].setting : c->settings++;
        bl_trial_state *of = &best[c->part[k].setting];
        *of = i == k || t->state < *of ? t->state : *of;
    }
    for (size_t k = 0; k < n; k++) {
        const bl_trial *t = &c->all->trial[k];
        c->part[k].in_band = t->state == best[c->part[k].setting] &&
                             t->state < BL_TRIAL_FAILED && points_of(t) > 0;
    }
    free(best);
    return 0;
}

/* Points that cannot be drawn are NaN: costs may lack a row, logarithms want more than
 * nothing. */
static double x_of(const canvas *c, const bl_trial *t, size_t i)
{
    double x = t->points.x[i * BL_POINT_SIZE + (size_t)c->how->by] / c->scale;
    return isfinite(x) && (x > 0 || !c->how->is_log) ? x : NAN;
}

static double y_of(const canvas *c, const bl_trial *t, size_t i)
{
    double y = t->points.x[i * BL_POINT_SIZE + BL_POINT_LOSS + (size_t)c->how->term];
    if (c->how->term > 0 && y == 0) /* it has none */
        return NAN;
    return isfinite(y) && (y > 0 || !c->how->is_log) ? y : NAN;
}

static double pixel_x(const canvas *c, double x)
{
    return bl_plot_x(&c->plot, c->how->is_log ? log10(x) : x);
}

static double pixel_y(const canvas *c, double y)
{
    return bl_plot_y(&c->plot, c->how->is_log ? log10(y) : y);
}

/* ---- the frame ---- */

/* The largest loss of a setting after the beginning of each run. */
static double top_of(const canvas *c, size_t setting)
{
    double top = NAN;
    for (size_t k = 0; k < c->all->n; k++) {
        const bl_trial *t = &c->all->trial[k];
        size_t n = points_of(t);
        for (size_t i = 0; c->part[k].setting == setting && i < n; i++)
            if (c->how->is_log || i + 1 == n ||
                x_of(c, t, i) >= SKIPPED * x_of(c, t, n - 1))
                top = fmax(top, y_of(c, t, i));
    }
    return top;
}

/* One setting that learns nothing must not flatten the others: the frame ends where all
 * of the better half are seen. */
static int find_top(canvas *c, bl_err *e)
{
    size_t n = c->settings;
    bl_summary s = {0};
    double *top = bl_calloc(n, sizeof *top, e);
    int rc = top != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++)
        top[i] = top_of(c, i);
    if (rc == 0)
        rc = bl_summary_of(&s, top, n, 1, e);
    if (rc == 0 && s.n > 0)
        c->plot.y1 = c->how->is_log || s.n < 3 ? s.max : s.median;
    free(top);
    return rc;
}

static int find_frame(canvas *c, bl_err *e)
{
    bl_plot *p = &c->plot;
    double most = 0;
    for (int pass = 0; pass < 2; pass++) {
        *p = (bl_plot){.x0 = INFINITY,
                       .x1 = -INFINITY,
                       .y0 = INFINITY,
                       .left = LEFT,
                       .top = TOP,
                       .width = WIDTH - LEFT - RIGHT,
                       .height = FRAME};
        for (size_t k = 0; k < c->all->n; k++)
            for (size_t i = 0; i < points_of(&c->all->trial[k]); i++) {
                p->x0 = fmin(p->x0, x_of(c, &c->all->trial[k], i));
                p->x1 = fmax(p->x1, x_of(c, &c->all->trial[k], i));
                p->y0 = fmin(p->y0, y_of(c, &c->all->trial[k], i));
            }
        most = fmax(most, p->x1);
        c->scale = c->how->by != BL_POINT_MINUTES && most >= 1e6   ? 1e6
                   : c->how->by != BL_POINT_MINUTES && most >= 1e4 ? 1e3
                                                                   : 1;
    }
    c->unit = c->scale > 1e3 ? ", millions" : c->scale > 1 ? ", thousands" : "";
    p->y1 = p->y0;
    int rc = find_top(c, e);
    double room = (p->y1 - p->y0) * 0.04;
    if (!c->how->is_log) {
        p->x0 = 0;
        p->y0 -= room;
        p->y1 += room;
        return rc;
    }
    p->x0 = log10(p->x0);
    p->x1 = log10(p->x1);
    p->y0 = log10(p->y0);
    p->y1 = log10(p->y1);
    return rc;
}

/* Numbers that a logarithmic axis names: so many steps of each power of ten that about
 * six of them are in the range; all as logarithms. */
static size_t log_ticks(double low, double high, double tick[64])
{
    static const double coarse[] = {1}, middle[] = {1, 2, 5};
    static const double fine[] = {1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8};
    const double *of = high - low > 3 ? coarse : high - low > 0.8 ? middle : fine;
    size_t per = high - low > 3     ? 1
                 : high - low > 0.8 ? BL_COUNT(middle)
                                    : BL_COUNT(fine);
    size_t n = 0;
    for (double power = floor(low); power <= high && n < 64; power++)
        for (size_t i = 0; i < per && n < 64; i++) {
            double at = power + log10(of[i]);
            if (at >= low - 1e-9 && at <= high + 1e-9)
                tick[n++] = at;
        }
    return n;
}

static void tick_text(bl_svg *s, double x, double y, const char *anchor, double at)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", pow(10, at));
    bl_svg_text(s, x, y, anchor, text);
}

/* A range of something, where there is one point or none. */
static void widen(double *low, double *high)
{
    if (!isfinite(*low) || !isfinite(*high))
        *low = *high = 0;
    if (!(*high > *low)) {
        *low -= 0.1;
        *high += 0.1;
    }
}

static void log_frame(bl_svg *s, canvas *c, const char *x_label, const char *y_label)
{
    bl_plot *p = &c->plot;
    double tick[64], bottom = p->top + p->height;
    widen(&p->x0, &p->x1);
    widen(&p->y0, &p->y1);
    size_t n = log_ticks(p->x0, p->x1, tick);
    for (size_t i = 0; i < n; i++) {
        double x = bl_plot_x(p, tick[i]);
        bl_svg_line(s, x, p->top, x, bottom, "rule");
        tick_text(s, x, bottom + 14, "middle", tick[i]);
    }
    n = log_ticks(p->y0, p->y1, tick);
    for (size_t i = 0; i < n; i++) {
        double y = bl_plot_y(p, tick[i]);
        bl_svg_line(s, p->left, y, p->left + p->width, y, "rule");
        tick_text(s, p->left - 4, y + 4, "end", tick[i]);
    }
    bl_svg_line(s, p->left, bottom, p->left + p->width, bottom, "bar");
    bl_svg_text(s, p->left + p->width, bottom + 28, "end", x_label);
    bl_svg_text(s, p->left, p->top - 8, "start", y_label);
}

static void draw_frame(bl_svg *s, canvas *c)
{
    static const char *const what[] = {"steps", "tokens seen in training",
                                       "minutes of training"};
    char label[64];
    char y[128];
    const char *of = c->how->term > 0                 ? bl_curve_term(c->how->term - 1)
                     : bl_trials_have_term(c->all, 1) ? "loss"
                                                      : "nats a token";
    snprintf(y, sizeof y,
             "%s on validation: mean of the seeds, band from the lowest to the highest",
             of);
    int is_groove = bl_trials_have_term(c->all, 1) && c->how->by == BL_POINT_TOKENS;
    snprintf(label, sizeof label, "%s%s",
             is_groove ? "steps of windows seen in training" : what[c->how->by],
             c->unit);
    if (c->how->is_log)
        log_frame(s, c, label, y);
    else
        bl_plot_frame(s, &c->plot, label, y);
}

/* ---- curves ---- */

/* The only point that a trial has to draw, else -1. */
static int64_t lone_point(const canvas *c, const bl_trial *t)
{
    int64_t lone = -1;
    for (size_t i = 0; i < points_of(t); i++) {
        if (isnan(x_of(c, t, i)) || isnan(y_of(c, t, i)))
            continue;
        if (lone >= 0)
            return -1;
        lone = (int64_t)i;
    }
    return lone;
}

static void seed_line(bl_svg *s, const canvas *c, const bl_trial *t, size_t setting)
{
    int is_down = 0;
    if (lone_point(c, t) >= 0) /* a dot, see below */
        return;
    bl_svg_raw(s, "<path");
    line_style(s, setting, 0.7, 0.5);
    bl_svg_raw(s, " d=\"");
    for (size_t i = 0; i < points_of(t); i++) {
        double x = x_of(c, t, i), y = y_of(c, t, i);
        if (isnan(x) || isnan(y))
            continue;
        bl_svg_printf(s, "%s%.1f %.1f", is_down ? "L" : "M", pixel_x(c, x),
                      pixel_y(c, y));
        is_down = 1;
    }
    bl_svg_raw(s, "\"/>");
}

enum { AT, MEAN, LOW, HIGH, BAND };

/* Adds the trial's point of that step to a row; NaN where it has none. */
static void add_seed(const canvas *c, const bl_trial *t, double step, double row[BAND])
{
    size_t i = 0;
    while (i < points_of(t) && t->points.x[i * BL_POINT_SIZE + BL_POINT_STEP] != step)
        i++;
    double y = i < points_of(t) ? y_of(c, t, i) : NAN;
    row[AT] += i < points_of(t) ? x_of(c, t, i) : NAN;
    row[MEAN] += y;
    row[LOW] = fmin(row[LOW], y);
    row[HIGH] = fmax(row[HIGH], y);
}

/* Rows of x, mean, lowest, highest at each step where all seeds were evaluated. */
static int make_band(const canvas *c, size_t setting, bl_series *band, bl_err *e)
{
    const bl_trial *guide = NULL;
    int rc = 0;
    for (size_t k = 0; k < c->all->n && guide == NULL; k++)
        if (c->part[k].setting == setting && c->part[k].in_band)
            guide = &c->all->trial[k];
    for (size_t i = 0; guide != NULL && rc == 0 && i < points_of(guide); i++) {
        double row[BAND] = {0, 0, INFINITY, -INFINITY};
        double step = guide->points.x[i * BL_POINT_SIZE + BL_POINT_STEP], n = 0;
        for (size_t k = 0; k < c->all->n; k++)
            if (c->part[k].setting == setting && c->part[k].in_band) {
                add_seed(c, &c->all->trial[k], step, row);
                n++;
            }
        row[AT] /= n;
        row[MEAN] /= n;
        for (int k = 0; k < BAND && rc == 0 && !isnan(row[AT] + row[MEAN]); k++)
            rc = bl_series_add(band, row[k], e);
    }
    return rc;
}

static int make_bands(canvas *c, bl_err *e)
{
    c->band = bl_calloc(c->settings, sizeof *c->band, e);
    int rc = c->band != NULL ? 0 : BL_E_NOMEM;
    for (size_t i = 0; rc == 0 && i < c->settings; i++)
        rc = make_band(c, i, &c->band[i], e);
    return rc;
}

static void draw_path(bl_svg *s, const canvas *c, const bl_series *band, int which)
{
    for (size_t i = 0; i < band->n; i += BAND)
        bl_svg_printf(
            s, "%s%.1f %.1f", i > 0 || which == HIGH ? "L" : "M",
            pixel_x(c, band->x[which == HIGH ? band->n - BAND - i : i]),
            pixel_y(c,
                    band->x[(which == HIGH ? band->n - BAND - i : i) + (size_t)which]));
}

static void draw_band(bl_svg *s, const canvas *c, const bl_series *band, size_t setting)
{
    bl_svg_raw(s, "<path style=\"stroke:none;");
    colour(s, "fill", setting);
    bl_svg_raw(s, "fill-opacity:.18\" d=\"");
    draw_path(s, c, band, LOW);
    draw_path(s, c, band, HIGH);
    bl_svg_raw(s, "Z\"/>");
}

static void draw_mean(bl_svg *s, const canvas *c, const bl_series *band, size_t setting)
{
    bl_svg_raw(s, "<path");
    line_style(s, setting, 2, 1);
    bl_svg_raw(s, " d=\"");
    draw_path(s, c, band, MEAN);
    bl_svg_raw(s, "\"/>");
}

/* The means come last, so that no band lies on them. */
static void draw_settings(bl_svg *s, const canvas *c)
{
    for (size_t i = 0; i < c->settings; i++) {
        if (c->band[i].n > BAND)
            draw_band(s, c, &c->band[i], i);
        for (size_t k = 0; k < c->all->n; k++)
            if (c->part[k].setting == i)
                seed_line(s, c, &c->all->trial[k], i);
    }
    for (size_t i = 0; i < c->settings; i++)
        if (c->band[i].n > BAND)
            draw_mean(s, c, &c->band[i], i);
}

/* ---- where there is but one evaluation, of which a line shows nothing ---- */

/* Whole at the frame's edges, where the only point of a run often is. */
static void dot(bl_svg *s, const canvas *c, double x, double y, size_t setting,
                double radius, double opacity)
{
    if (isnan(x) || isnan(y) || pixel_y(c, y) < TOP - 0.5)
        return;
    bl_svg_printf(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" style=\"",
                  pixel_x(c, x), pixel_y(c, y), radius);
    colour(s, "fill", setting);
    bl_svg_printf(s, "opacity:%.2f\"/>", opacity);
}

/* The band of one step: from the lowest to the highest of the seeds. */
static void bar(bl_svg *s, const canvas *c, const double row[BAND], size_t setting)
{
    double top = fmax(pixel_y(c, row[HIGH]), TOP), bottom = pixel_y(c, row[LOW]);
    if (!(bottom > top))
        return;
    bl_svg_printf(s, "<path d=\"M%.1f %.1fV%.1f\" style=\"fill:none;",
                  pixel_x(c, row[AT]), top, bottom);
    colour(s, "stroke", setting);
    bl_svg_raw(s, "stroke-width:8;stroke-opacity:.25\"/>");
}

static void draw_lone(bl_svg *s, const canvas *c)
{
    for (size_t i = 0; i < c->settings; i++)
        if (c->band[i].n == BAND)
            bar(s, c, c->band[i].x, i);
    for (size_t k = 0; k < c->all->n; k++) {
        const bl_trial *t = &c->all->trial[k];
        int64_t i = lone_point(c, t);
        if (i >= 0)
            dot(s, c, x_of(c, t, (size_t)i), y_of(c, t, (size_t)i), c->part[k].setting,
                2, 0.5);
    }
    for (size_t i = 0; i < c->settings; i++)
        if (c->band[i].n == BAND)
            dot(s, c, c->band[i].x[AT], c->band[i].x[MEAN], i, 3.5, 1);
}

/* ---- below ---- */

/* Whether nothing of a setting is seen: its last losses are above the frame. */
static int is_above(const canvas *c, size_t setting)
{
    double least = INFINITY;
    for (size_t k = 0; k < c->all->n && !c->how->is_log; k++)
        for (size_t i = 0; i < points_of(&c->all->trial[k]); i++)
            if (c->part[k].setting == setting)
                least = fmin(least, y_of(c, &c->all->trial[k], i));
    return isfinite(least) && least > c->plot.y1;
}

static void entry_text(const canvas *c, size_t setting, const bl_trial_row *row,
                       char *text, size_t size)
{
    const bl_trial *t = row->first;
    double mean = row->mean[BL_TRIAL_VALID], sd = row->sd[BL_TRIAL_VALID];
    int n = snprintf(text, size, "%.*s%s", NAME, t->setting, c->how->term ? "" : ": ");
    if (c->how->term > 0)
        return; /* the numbers are of the loss */
    if (t->state == BL_TRIAL_FAILED)
        snprintf(text + n, size - (size_t)n, "failed with status %d", t->status);
    else if (isnan(mean))
        snprintf(text + n, size - (size_t)n, "%s", bl_trial_state_name(t->state));
    else if (isnan(sd))
        snprintf(text + n, size - (size_t)n, "%.4f", mean);
    else
        snprintf(text + n, size - (size_t)n, "%.4f \xc2\xb1%.4f, %zu seeds%s", mean, sd,
                 row->n, is_above(c, setting) ? ", above" : "");
}

/* One entry a setting, from the first of its rows: the best validation loss. */
static void legend(bl_svg *s, const canvas *c, const bl_trial_row *rows, size_t n)
{
    char text[128];
    size_t setting = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(rows[i].first->setting, rows[i - 1].first->setting) == 0)
            continue;
        double x = LEFT + (double)(setting % 2) * ENTRY;
        double y = TOP + FRAME + BELOW + LINE * (double)(setting / 2);
        bl_svg_printf(s, "<path d=\"M%.1f %.1fh26\"", x, y - 4);
        line_style(s, setting, 2, 1);
        bl_svg_raw(s, "/>");
        entry_text(c, setting++, &rows[i], text, sizeof text);
        bl_svg_text(s, x + 34, y, "start", text);
    }
}

static void draw(bl_svg *s, canvas *c)
{
    int id = 2 * c->how->term + c->how->is_log; /* of the pictures of a page */
    bl_trial_row *rows = NULL;
    size_t n = 0;
    s->rc = bl_trial_rows_make(&rows, &n, c->all, s->e);
    bl_svg_begin(s, WIDTH, TOP + FRAME + BELOW + LINE * (double)((c->settings + 1) / 2),
                 "validation loss of each setting", c->how->is_standalone);
    draw_frame(s, c);
    bl_svg_printf(s,
                  "<clipPath id=\"bands%d\"><rect x=\"%d\" y=\"%d\" width=\"%d\" "
                  "height=\"%d\"/></clipPath><g clip-path=\"url(#bands%d)\">",
                  id, LEFT, TOP, WIDTH - LEFT - RIGHT, FRAME, id);
    draw_settings(s, c);
    bl_svg_raw(s, "</g>");
    draw_lone(s, c);
    legend(s, c, rows, n);
    bl_svg_end(s);
    bl_trial_rows_free(rows, n);
}

void bl_bands_draw(bl_svg *s, const bl_trials *all, const bl_bands *how)
{
    canvas c = {.all = all, .how = how, .scale = 1};
    if (s->rc == 0)
        s->rc = find_parts(&c, s->e);
    if (s->rc == 0)
        s->rc = find_frame(&c, s->e);
    if (s->rc == 0)
        s->rc = make_bands(&c, s->e);
    if (s->rc == 0)
        draw(s, &c);
    for (size_t i = 0; c.band != NULL && i < c.settings; i++)
        free(c.band[i].x);
    free(c.band);
    free(c.part);
}
