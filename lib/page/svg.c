/* svg.c - see svg.h. */
#include "page/svg.h"

#include <math.h>
#include <stdio.h>

void bl_svg_begin(bl_svg *s, double width, double height, const char *label,
                  int is_standalone)
{
    bl_svg_raw(s, "<svg ");
    if (is_standalone) /* of a size: office suites take none from the view box */
        bl_svg_printf(s,
                      "xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
                      "height=\"%.0f\" ",
                      width, height);
    bl_svg_printf(s, "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", width,
                  height);
    bl_svg_escape(s, label);
    bl_svg_raw(s, "\">");
    if (!is_standalone)
        return;
    bl_svg_raw(s, "<style>");
    bl_svg_plain_style(s);
    bl_svg_printf(s, "</style><rect width=\"%.0f\" height=\"%.0f\" class=\"bg\"/>\n",
                  width, height);
}

void bl_svg_end(bl_svg *s)
{
    bl_svg_raw(s, "</svg>\n");
}

void bl_svg_rect(bl_svg *s, double x, double y, double w, double h, const char *class,
                 double opacity)
{
    bl_svg_printf(s,
                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                  "class=\"%s\"",
                  x, y, w, h, class);
    if (opacity < 1)
        bl_svg_printf(s, " opacity=\"%.2f\"", opacity);
    bl_svg_raw(s, "/>");
}

void bl_svg_line(bl_svg *s, double x, double y, double x2, double y2, const char *class)
{
    bl_svg_printf(s, "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"/>", x, y, x2, y2,
                  class);
}

void bl_svg_text(bl_svg *s, double x, double y, const char *anchor, const char *text)
{
    bl_svg_printf(s, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    bl_svg_escape(s, text);
    bl_svg_raw(s, "</text>");
}

/* ---- plots ---- */

/* Makes sure that high > low, both finite, and so far apart that ticks between them are
 * numbers of their own. */
static void widen(double *low, double *high)
{
    if (!isfinite(*low) || !isfinite(*high)) {
        *low = 0;
        *high = 1;
    }
    if (*high - *low <= fabs(*low) * 1e-12) {
        double by = fabs(*low) > 0 ? fabs(*low) * 0.1 : 0.5;
        *low -= by;
        *high += by;
    }
}

/* 1, 2 or 5 times a power of ten: about `n` steps over the range. */
static double nice_step(double range, int n)
{
    double rough = range / n, power = pow(10, floor(log10(rough)));
    double x = rough / power;
    return power * (x <= 1 ? 1 : x <= 2 ? 2 : x <= 5 ? 5 : 10);
}

double bl_plot_x(const bl_plot *p, double x)
{
    return p->left + (x - p->x0) / (p->x1 - p->x0) * p->width;
}

double bl_plot_y(const bl_plot *p, double y)
{
    return p->top + p->height - (y - p->y0) / (p->y1 - p->y0) * p->height;
}

static void tick_text(bl_svg *s, double x, double y, const char *anchor, double value,
                      double step)
{
    char text[32];
    if (fabs(value) < step / 1000)
        value = 0;
    snprintf(text, sizeof text, fabs(value) < 1e6 ? "%.6g" : "%.3g", value);
    bl_svg_text(s, x, y, anchor, text);
}

void bl_plot_frame(bl_svg *s, bl_plot *p, const char *x_label, const char *y_label)
{
    widen(&p->x0, &p->x1);
    widen(&p->y0, &p->y1);
    double bottom = p->top + p->height,
           step = p->x_step > 0 ? p->x_step : nice_step(p->x1 - p->x0, 4);
    for (double x = ceil(p->x0 / step) * step; x <= p->x1; x += step) {
        bl_svg_line(s, bl_plot_x(p, x), p->top, bl_plot_x(p, x), bottom, "rule");
        tick_text(s, bl_plot_x(p, x), bottom + 14, "middle", x, step);
    }
    step = nice_step(p->y1 - p->y0, 4);
    for (double y = ceil(p->y0 / step) * step; y_label != NULL && y <= p->y1;
         y += step) {
        bl_svg_line(s, p->left, bl_plot_y(p, y), p->left + p->width, bl_plot_y(p, y),
                    "rule");
        tick_text(s, p->left - 4, bl_plot_y(p, y) + 4, "end", y, step);
    }
    bl_svg_line(s, p->left, bottom, p->left + p->width, bottom, "bar");
    bl_svg_text(s, p->left + p->width, bottom + 28, "end", x_label);
    if (y_label != NULL)
        bl_svg_text(s, p->left, p->top - 6, "start", y_label);
}

void bl_plot_curve(bl_svg *s, const bl_plot *p, double x0, double dx, const double *y,
                   size_t n, const char *class, int is_filled)
{
    int is_down = 0;
    bl_svg_printf(s, "<path class=\"%s\"%s d=\"", class,
                  is_filled ? " opacity=\"0.25\"" : "");
    if (is_filled) {
        bl_svg_printf(s, "M%.1f %.1f", bl_plot_x(p, x0), bl_plot_y(p, p->y0));
        is_down = 1;
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(y[i])) {
            is_down = 0;
            continue;
        }
        bl_svg_printf(s, "%s%.1f %.1f", is_down ? "L" : "M",
                      bl_plot_x(p, x0 + dx * (double)i), bl_plot_y(p, y[i]));
        is_down = 1;
    }
    if (is_filled && n > 0)
        bl_svg_printf(s, "L%.1f %.1fZ", bl_plot_x(p, x0 + dx * (double)(n - 1)),
                      bl_plot_y(p, p->y0));
    bl_svg_raw(s, "\"/>");
}

void bl_plot_dot(bl_svg *s, const bl_plot *p, double x, double y, double radius,
                 const char *class, const char *tip)
{
    bl_svg_printf(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"%s\"><title>",
                  bl_plot_x(p, x), bl_plot_y(p, y), radius, class);
    bl_svg_escape(s, tip);
    bl_svg_raw(s, "</title></circle>");
}

void bl_plot_heat(bl_svg *s, const double *value, int rows, int cols,
                  const char *const *names, const char *label, const char *class)
{
    const double cell = 20, left = 40, top = 38;
    double most = 0;
    for (int i = 0; i < rows * cols; i++)
        most = value[i] > most ? value[i] : most;
    bl_svg_begin(s, left + cell * cols + 8, top + cell * rows + 8, label, 0);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            double x = value[r * cols + c];
            bl_svg_rect(s, left + cell * c, top + cell * r, cell - 1, cell - 1, "soft",
                        1);
            if (x > 0)
                bl_svg_rect(s, left + cell * c, top + cell * r, cell - 1, cell - 1,
                            class, 0.05 + 0.95 * sqrt(x / most));
        }
    for (int r = 0; names != NULL && r < rows; r++)
        bl_svg_text(s, left - 4, top + cell * (r + 0.7), "end", names[r]);
    for (int c = 0; names != NULL && c < cols; c++) {
        double x = left + cell * (c + 0.6);
        bl_svg_printf(s, "<g transform=\"rotate(-60 %.1f %.1f)\">", x, top - 5);
        bl_svg_text(s, x, top - 5, "start", names[c]);
        bl_svg_raw(s, "</g>");
    }
    bl_svg_end(s);
}
