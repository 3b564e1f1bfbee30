/* heat.c - see heat.h. The histogram has 128 x 64 bins over [-1/2, 31 1/2] steps and
 * 0..127, smoothed by a Gaussian of 2 and 4 bins, divided by the windows of the set;
 * what is drawn has half of that resolution. */
#include "page/heat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BINS_X = 2 * BL_HEAT_COLUMNS, BINS_Y = 2 * BL_HEAT_ROWS };
enum { PANEL = 168, HIGH = 40, NAMES = 78, GAP = 10, BETWEEN = 5 };
enum { TITLE = 70, TITLE_WIDTH = 560, HEAD = 44, FOOT = 22, LEVELS = 5, MARGIN = 14 };

/* ---- what is drawn ---- */

bl_heat_group *bl_heat_group_of(bl_heat *h, const char *name, bl_err *e)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->group[i].name, name) == 0)
            return &h->group[i];
    if (h->n == BL_HEAT_GROUPS) {
        bl_fail(e, BL_E_LIMIT, "there are more than %d labels to draw", BL_HEAT_GROUPS);
        return NULL;
    }
    void *p = h->group;
    int rc = bl_grow(&p, &h->cap, h->n + 1, sizeof *h->group, e);
    h->group = p;
    char *own = rc == 0 ? bl_strdup(name, e) : NULL;
    if (own == NULL)
        return NULL;
    h->group[h->n] = (bl_heat_group){.name = own};
    return &h->group[h->n++];
}

/* Of all hits of a cell each is as likely to be drawn (Vitter's reservoir). */
static void keep(const bl_heat *h, bl_heat_cell *c, float step, float velocity)
{
    bl_rng rng = bl_rng_make(h->seed, c->n);
    size_t at = c->n < BL_HEAT_HITS ? c->n : bl_rng_below(&rng, (uint32_t)c->n + 1);
    if (at < BL_HEAT_HITS) {
        c->hit[at][0] = step;
        c->hit[at][1] = velocity;
    }
    c->n++;
}

static int add_hit(const bl_heat *h, bl_heat_cell *c, double step, double velocity,
                   bl_err *e)
{
    if (c->count == NULL)
        c->count = bl_calloc((size_t)BINS_X * BINS_Y, sizeof *c->count, e);
    if (c->count == NULL)
        return BL_E_NOMEM;
    double x = (step + 0.5) / BL_HEAT_STEPS * BINS_X, y = velocity * BINS_Y;
    int column = (int)bl_clamp((int64_t)x, 0, BINS_X - 1);
    int row = (int)bl_clamp((int64_t)y, 0, BINS_Y - 1);
    c->count[row * BINS_X + column]++;
    keep(h, c, (float)step, (float)velocity);
    return 0;
}

/* How many voices have a hit. */
static int voices_of(const float *x, size_t steps)
{
    int n = 0;
    for (int v = 0; v < BL_HEAT_VOICES; v++) {
        int is_struck = 0;
        for (size_t s = 0; s < steps; s++)
            is_struck |= x[s * 3 * BL_HEAT_VOICES + v] > 0;
        n += is_struck;
    }
    return n;
}

int bl_heat_add(bl_heat *h, bl_heat_group *g, int set, const float *x, size_t steps,
                bl_err *e)
{
    int rc = 0;
    for (size_t s = 0; s < steps; s += BL_HEAT_STEPS)
        g->used[set][voices_of(x + s * 3 * BL_HEAT_VOICES,
                               (size_t)bl_min(BL_HEAT_STEPS, (int64_t)(steps - s)))]++;
    for (size_t s = 0; s < steps; s++)
        for (int v = 0; v < BL_HEAT_VOICES && rc == 0; v++) {
            const float *at = x + s * 3 * BL_HEAT_VOICES + v;
            if (at[0] > 0)
                rc = add_hit(h, &g->cell[set][v],
                             (double)(s % BL_HEAT_STEPS) +
                                 (double)at[2 * BL_HEAT_VOICES],
                             (double)at[BL_HEAT_VOICES], e);
        }
    g->windows[set] += (steps + BL_HEAT_STEPS - 1) / BL_HEAT_STEPS;
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const bl_heat_group *)a)->name, ((const bl_heat_group *)b)->name);
}

void bl_heat_sort(bl_heat *h)
{
    if (h->n > 0)
        qsort(h->group, h->n, sizeof *h->group, by_name);
}

void bl_heat_free(bl_heat *h)
{
    for (size_t i = 0; i < h->n; i++) {
        for (int k = 0; k < 2 * BL_HEAT_VOICES; k++)
            free(h->group[i].cell[k / BL_HEAT_VOICES][k % BL_HEAT_VOICES].count);
        free(h->group[i].name);
    }
    free(h->group);
    h->group = NULL;
    h->n = h->cap = 0;
}

/* ---- a map ---- */

static double gaussian(int distance, double sd)
{
    return exp(-0.5 * distance * distance / (sd * sd));
}

/* One pass of the smoothing: n numbers `stride` apart. What would fall beyond the ends
 * is reflected, so that nothing is lost. */
static void smooth(const float *from, float *to, int n, int stride, double sd)
{
    int reach = (int)(3 * sd);
    double sum = 0;
    for (int k = -reach; k <= reach; k++)
        sum += gaussian(k, sd);
    for (int i = 0; i < n; i++)
        to[i * stride] = 0;
    for (int i = 0; i < n; i++)
        for (int k = -reach; from[i * stride] > 0 && k <= reach; k++) {
            int at = i + k < 0 ? -1 - i - k : i + k >= n ? 2 * n - 1 - i - k : i + k;
            to[at * stride] +=
                (float)((double)from[i * stride] * gaussian(k, sd) / sum);
        }
}

/* Hits a window and bin; 0 everywhere where there are none. */
static void density(const bl_heat_cell *c, size_t windows,
                    double of[BL_HEAT_ROWS][BL_HEAT_COLUMNS])
{
    float a[BINS_Y * BINS_X], b[BINS_Y * BINS_X];
    memset(of, 0, BL_HEAT_ROWS * sizeof *of);
    if (c->count == NULL)
        return;
    for (int y = 0; y < BINS_Y; y++)
        smooth(c->count + y * BINS_X, a + y * BINS_X, BINS_X, 1, 2);
    for (int x = 0; x < BINS_X; x++)
        smooth(a + x, b + x, BINS_Y, BINS_X, 4);
    for (int y = 0; y < BINS_Y; y++)
        for (int x = 0; x < BINS_X; x++)
            of[y / 2][x / 2] += (double)b[y * BINS_X + x] / (double)windows;
}

static double largest(double of[BL_HEAT_ROWS][BL_HEAT_COLUMNS])
{
    double most = 0;
    for (int y = 0; y < BL_HEAT_ROWS; y++)
        for (int x = 0; x < BL_HEAT_COLUMNS; x++)
            most = fmax(most, of[y][x]);
    return most;
}

/* All places of at least that density as one path, in cells of the grid: runs of a row.
 */
static void draw_level(bl_svg *s, double of[BL_HEAT_ROWS][BL_HEAT_COLUMNS],
                       double least, const char *class, double opacity)
{
    bl_svg_printf(s, "<path class=\"%s\" fill-opacity=\"%.2f\" d=\"", class, opacity);
    for (int y = 0; y < BL_HEAT_ROWS; y++)
        for (int x = 0, end; x < BL_HEAT_COLUMNS; x = end + 1) {
            for (end = x; end < BL_HEAT_COLUMNS && of[y][end] >= least; end++)
                ;
            if (end > x)
                bl_svg_printf(s, "M%d %dh%dv1h-%dz", x, BL_HEAT_ROWS - 1 - y, end - x,
                              end - x);
        }
    bl_svg_raw(s, "\"/>");
}

static void draw_hits(bl_svg *s, const bl_heat_cell *c, const bl_plot *p)
{
    bl_svg_raw(s, "<path class=\"bar\" stroke-width=\"1.3\" stroke-linecap=\"round\" "
                  "stroke-opacity=\".6\" d=\"");
    for (size_t i = 0; i < c->n && i < BL_HEAT_HITS; i++)
        bl_svg_printf(s, "M%.1f %.1fh0", bl_plot_x(p, (double)c->hit[i][0]),
                      bl_plot_y(p, (double)c->hit[i][1]));
    bl_svg_raw(s, "\"/>");
}

static void draw_panel(bl_svg *s, const bl_plot *p, const bl_heat_cell *c,
                       double of[BL_HEAT_ROWS][BL_HEAT_COLUMNS], double most,
                       const char *class)
{
    bl_svg_rect(s, p->left, p->top, p->width, p->height, "soft", 1);
    for (int beat = 0; beat < BL_HEAT_STEPS; beat += 4) {
        double x = bl_plot_x(p, beat);
        bl_svg_line(s, x, p->top, x, p->top + p->height, "rule");
    }
    if (c->n == 0)
        return;
    bl_svg_printf(s,
                  "<g transform=\"translate(%.1f %.1f) scale(%.4f %.4f)\" "
                  "shape-rendering=\"crispEdges\">",
                  p->left, p->top, p->width / BL_HEAT_COLUMNS,
                  p->height / BL_HEAT_ROWS);
    for (int level = 0; level < LEVELS; level++)
        draw_level(s, of, most * pow((level + 0.4) / LEVELS, 2), class, 0.2);
    bl_svg_raw(s, "</g>");
    draw_hits(s, c, p);
}

/* ---- the maps of a label ---- */

static int sets_of(const bl_heat *h)
{
    return h->set[1] != NULL ? 2 : 1;
}

static double block_width(const bl_heat *h)
{
    return NAMES + sets_of(h) * (PANEL + GAP) - GAP + MARGIN;
}

static double block_height(void)
{
    return HEAD + BL_HEAT_VOICES * (HIGH + BETWEEN) + FOOT;
}

static void draw_voice(bl_svg *s, const bl_heat *h, const bl_heat_group *g, int v,
                       double left, double top)
{
    double of[2][BL_HEAT_ROWS][BL_HEAT_COLUMNS], most = 0;
    for (int i = 0; i < sets_of(h); i++) {
        density(&g->cell[i][v], g->windows[i], of[i]);
        most = fmax(most, largest(of[i]));
    }
    bl_svg_text(s, left, top + HIGH / 2. + 4, "start", h->voice[v]);
    if (v == 0) {
        bl_svg_text(s, left + NAMES - 5, top + 8, "end", "127");
        bl_svg_text(s, left + NAMES - 5, top + HIGH, "end", "0");
    }
    for (int i = 0; i < sets_of(h); i++) {
        bl_plot p = {.x0 = -0.5,
                     .x1 = BL_HEAT_STEPS - 0.5,
                     .y0 = 0,
                     .y1 = 1,
                     .left = left + NAMES + i * (PANEL + GAP),
                     .top = top,
                     .width = PANEL,
                     .height = HIGH};
        draw_panel(s, &p, &g->cell[i][v], of[i], most, i == 0 ? "fa" : "fb");
    }
}

static void draw_head(bl_svg *s, const bl_heat *h, const bl_heat_group *g, double left,
                      double top)
{
    for (int i = 0; i < sets_of(h); i++) {
        double x = left + NAMES + i * (PANEL + GAP);
        char text[96];
        snprintf(text, sizeof text, "%zu piece%s, %zu loop%s", g->pieces[i],
                 g->pieces[i] == 1 ? "" : "s", g->windows[i],
                 g->windows[i] == 1 ? "" : "s");
        bl_svg_rect(s, x, top - 7, 8, 8, i == 0 ? "fa" : "fb", 1);
        bl_svg_text(s, x + 12, top, "start", text);
    }
}

static void draw_beats(bl_svg *s, const bl_heat *h, double left, double top)
{
    for (int i = 0; i < sets_of(h); i++)
        for (int beat = 0; beat < BL_HEAT_STEPS / 4; beat++) {
            char text[8];
            snprintf(text, sizeof text, "%d", beat % 4 + 1);
            bl_svg_text(s,
                        left + NAMES + i * (PANEL + GAP) +
                            (4 * beat + 0.5) / BL_HEAT_STEPS * PANEL,
                        top, "middle", text);
        }
}

/* Without its title, which a page has above. */
static void draw_block(bl_svg *s, const bl_heat *h, const bl_heat_group *g, double left,
                       double top)
{
    draw_head(s, h, g, left, top);
    for (int v = 0; v < BL_HEAT_VOICES; v++)
        draw_voice(s, h, g, v, left, top + 10 + v * (HIGH + BETWEEN));
    draw_beats(s, h, left, top + 10 + BL_HEAT_VOICES * (HIGH + BETWEEN) + 10);
}

void bl_heat_draw_group(bl_svg *s, const bl_heat *h, const bl_heat_group *g)
{
    bl_svg_begin(s, block_width(h), block_height() - 18, g->name, 0);
    draw_block(s, h, g, 0, 14);
    bl_svg_end(s);
}

/* What it shows, and which set has which colour. */
static void draw_title(bl_svg *s, const bl_heat *h)
{
    bl_svg_text(
        s, MARGIN, 22, "start",
        "Drums in two bars: when (across, in beats) and how hard (up, velocity), "
        "hits a loop;");
    bl_svg_text(
        s, MARGIN, 38, "start",
        "each voice strongest where it is most, over both sets. Dots are hits.");
    for (int i = 0; i < sets_of(h); i++) {
        char name[64];
        snprintf(name, sizeof name, "%.48s", h->set[i]);
        bl_svg_rect(s, MARGIN + 200 * i, 50, 10, 10, i == 0 ? "fa" : "fb", 1);
        bl_svg_text(s, MARGIN + 200 * i + 15, 59, "start", name);
    }
    bl_svg_raw(s, "\n");
}

void bl_heat_draw(bl_svg *s, const bl_heat *h)
{
    size_t columns = h->n <= 1 ? 1 : h->n <= 4 ? 2 : 3;
    columns = sets_of(h) == 1 && h->n > 3 ? 4 : columns;
    double width = block_width(h) + MARGIN, height = block_height() + MARGIN;
    size_t lines = (h->n + columns - 1) / columns;
    bl_svg_begin(s, fmax(width * (double)columns + MARGIN, TITLE_WIDTH),
                 TITLE + height * (double)lines, "velocity heat-maps of drums", 1);
    draw_title(s, h);
    for (size_t i = 0; i < h->n; i++) {
        double x = MARGIN + width * (double)(i % columns);
        double y = TITLE + height * (double)(i / columns);
        bl_svg_printf(s, "<text class=\"title\" x=\"%.1f\" y=\"%.1f\">", x, y + 20);
        bl_svg_escape(s, h->group[i].name);
        bl_svg_raw(s, "</text>\n");
        draw_block(s, h, &h->group[i], x, y + 36);
        bl_svg_raw(s, "\n");
    }
    bl_svg_end(s);
}
