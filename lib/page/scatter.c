/* scatter.c - see scatter.h. */
#include "page/scatter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 440, LEFT = 46, TOP = 42, BELOW = 40, RIGHT = 14 };
enum { COLOURS = 8, MARKS = 3, ENTRY = 148, LINE = 20, NAMED_MOST = 2000 };

/* Colours that are told apart best, and marks: a circle, a square, a triangle. */
static const char *const classes[COLOURS] = {"fa", "fb", "fc", "fd",
                                             "fg", "fk", "fh", "fm"};

typedef struct {
    const char *name;
    size_t n, first; /* points; the first of them, so that equal sizes have an order */
} group;

typedef struct {
    const bl_scatter *of;
    group *groups;
    size_t n_groups;
    size_t *at; /* [n] place of the group of each point in the legend */
} legend;

static int by_size(const void *a, const void *b)
{
    const group *x = a, *y = b;
    int is_none = (x->name[0] == '\0') - (y->name[0] == '\0');
    if (is_none != 0)
        return is_none;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return strcmp(x->name, y->name);
}

static size_t find(const legend *l, const char *name)
{
    size_t k = 0;
    while (k < l->n_groups && strcmp(l->groups[k].name, name) != 0)
        k++;
    return k;
}

static int make_legend(legend *l, const bl_scatter *of, bl_err *e)
{
    *l = (legend){.of = of};
    l->groups = bl_calloc(of->n, sizeof *l->groups, e);
    l->at = bl_calloc(of->n, sizeof *l->at, e);
    if (l->groups == NULL || l->at == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < of->n; i++) {
        size_t k = find(l, of->group[i]);
        if (k == l->n_groups)
            l->groups[l->n_groups++] = (group){.name = of->group[i]};
        l->groups[k].n++;
    }
    if (l->n_groups > 0)
        qsort(l->groups, l->n_groups, sizeof *l->groups, by_size);
    for (size_t i = 0; i < of->n; i++)
        l->at[i] = find(l, of->group[i]);
    return 0;
}

static void legend_free(legend *l)
{
    free(l->groups);
    free(l->at);
}

/* ---- marks ---- */

static int is_told(const legend *l, size_t k)
{
    return k < COLOURS * MARKS && l->groups[k].name[0] != '\0';
}

static void begin_mark(bl_svg *s, const legend *l, size_t k, double x, double y)
{
    const char *class = is_told(l, k) ? classes[k % COLOURS] : "fn";
    size_t mark = is_told(l, k) ? k / COLOURS : 0;
    if (mark == 0)
        bl_svg_printf(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.3\"", x, y);
    else if (mark == 1)
        bl_svg_printf(s, "<path d=\"M%.1f %.1fh6v6h-6z\"", x - 3, y - 3);
    else
        bl_svg_printf(s, "<path d=\"M%.1f %.1fl4 7h-8z\"", x, y - 4.5);
    bl_svg_printf(s, " class=\"%s\"", class);
}

static void draw_point(bl_svg *s, const legend *l, const bl_plot *p, const double *xy,
                       size_t i)
{
    begin_mark(s, l, l->at[i], bl_plot_x(p, xy[0]), bl_plot_y(p, xy[1]));
    bl_svg_raw(s, " fill-opacity=\".72\"");
    if (l->of->name == NULL || l->of->n > NAMED_MOST) {
        bl_svg_raw(s, "/>\n");
        return;
    }
    bl_svg_raw(s, "><title>");
    bl_svg_escape(s, l->of->name[i]);
    if (l->of->group[i][0] != '\0') {
        bl_svg_raw(s, ", ");
        bl_svg_escape(s, l->of->group[i]);
    }
    bl_svg_raw(s, is_told(l, l->at[i]) && l->at[i] / COLOURS > 0
                      ? "</title></path>\n"
                      : "</title></circle>\n");
}

/* ---- planes ---- */

/* All points, with a little room around them. */
static void fit(bl_plot *p, const double *xy, size_t n)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < 2 * n; i++) {
        low[i % 2] = fmin(low[i % 2], xy[i]);
        high[i % 2] = fmax(high[i % 2], xy[i]);
    }
    for (int c = 0; c < 2; c++) {
        double room = high[c] > low[c] ? (high[c] - low[c]) * 0.03 : 0.5;
        low[c] -= room;
        high[c] += room;
    }
    p->x0 = low[0];
    p->x1 = high[0];
    p->y0 = low[1];
    p->y1 = high[1];
}

static void draw_plane(bl_svg *s, const legend *l, const bl_plane *of, double left,
                       double top)
{
    bl_plot p = {.left = left + LEFT, .top = top + TOP, .width = SIDE, .height = SIDE};
    fit(&p, of->xy, l->of->n);
    bl_svg_printf(s, "<text class=\"title\" x=\"%.1f\" y=\"%.1f\">", p.left,
                  p.top - 23);
    bl_svg_escape(s, of->title);
    bl_svg_raw(s, "</text>");
    if (of->x_label[0] != '\0')
        bl_plot_frame(s, &p, of->x_label, of->y_label);
    else
        bl_svg_printf(s,
                      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" "
                      "class=\"rule\"/>",
                      p.left, p.top, SIDE, SIDE);
    bl_svg_raw(s, "\n");
    /* rare groups above common ones */
    for (size_t k = 0; k < l->n_groups; k++)
        for (size_t i = 0; i < l->of->n; i++)
            if (l->at[i] == k)
                draw_point(s, l, &p, of->xy + 2 * i, i);
}

static void draw_legend(bl_svg *s, const legend *l, double width, double top)
{
    size_t columns = (size_t)((width - LEFT) / ENTRY);
    for (size_t k = 0; k < l->n_groups; k++) {
        double x = LEFT + ENTRY * (double)(k % columns);
        double y = top + LINE * (double)(k / columns);
        const char *name = l->groups[k].name;
        char text[64];
        begin_mark(s, l, k, x + 4, y);
        snprintf(text, sizeof text, "%.18s %zu", name[0] != '\0' ? name : "no label",
                 l->groups[k].n);
        bl_svg_raw(s, "/>");
        bl_svg_text(s, x + 14, y + 4, "start", text);
    }
}

void bl_scatter_draw(bl_svg *s, const bl_scatter *of, int plane, int is_standalone)
{
    legend l = {.of = of};
    double one = LEFT + SIDE + RIGHT, high = TOP + SIDE + BELOW;
    double width = plane < 0 ? 2 * one : one;
    size_t columns = (size_t)((width - LEFT) / ENTRY);
    if (s->rc == 0)
        s->rc = make_legend(&l, of, s->e);
    double below = LINE * (double)((l.n_groups + columns - 1) / columns);
    if (s->rc == 0) {
        bl_svg_begin(s, width, high + below + 8, "map of vectors", is_standalone);
        draw_plane(s, &l, &of->plane[plane < 0 ? 0 : plane], 0, 0);
        if (plane < 0)
            draw_plane(s, &l, &of->plane[1], one, 0);
        draw_legend(s, &l, width, high + 8);
        bl_svg_end(s);
    }
    legend_free(&l);
}
