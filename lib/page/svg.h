/* svg.h - pictures as SVG text: shapes, and the few plots of the report. Colours come
 * from classes of a style sheet (svg_style.c), which has a light and a dark form;
 * every number is rounded to a tenth of a pixel, so that the same data give the same
 * bytes. */
#ifndef BL_SVG_H
#define BL_SVG_H

#include "base/mem.h"

/* After an error nothing more is written; rc keeps it. */
typedef struct {
    bl_buf *out; /* appended to */
    bl_err *e;
    int rc;
} bl_svg;

/* ---- text and shapes ---- */

void bl_svg_raw(bl_svg *s, const char *text);
void bl_svg_printf(bl_svg *s, const char *fmt, ...) BL_PRINTF(2, 3);
/* With &, <, > and quotes as entities; what is not UTF-8, and characters that XML may
 * not hold, become U+FFFD each. */
void bl_svg_escape(bl_svg *s, const char *text);
/* Bytes for a data: address (RFC 4648). */
void bl_svg_base64(bl_svg *s, const bl_buf *bytes);
/* The picture, `label` for those who cannot see it. A standalone one has the name space
 * and the style sheet inside. */
void bl_svg_begin(bl_svg *s, double width, double height, const char *label,
                  int is_standalone);
void bl_svg_end(bl_svg *s);
/* Style sheets: of pages, and of a picture that stands alone, without variables. */
void bl_svg_style(bl_svg *s);
void bl_svg_plain_style(bl_svg *s);
void bl_svg_rect(bl_svg *s, double x, double y, double w, double h, const char *class,
                 double opacity);
void bl_svg_line(bl_svg *s, double x, double y, double x2, double y2,
                 const char *class);
/* anchor: "start", "middle", "end". */
void bl_svg_text(bl_svg *s, double x, double y, const char *anchor, const char *text);

/* ---- plots, each a picture of its own ---- */

/* The frame of a plot: data coordinates to pixels. */
typedef struct {
    double x0, x1, y0, y1;           /* of the data */
    double left, top, width, height; /* of the frame, in pixels */
    double x_step;                   /* between ticks; 0: some four of them */
} bl_plot;

/* Draws frame and ticks. Ranges that are empty or not finite are widened. */
void bl_plot_frame(bl_svg *s, bl_plot *p, const char *x_label, const char *y_label);
double bl_plot_x(const bl_plot *p, double x);
double bl_plot_y(const bl_plot *p, double y);
/* A line through (x0 + i dx, y[i]); points that are NaN break it. With `is_filled` down
 * to the axis. */
void bl_plot_curve(bl_svg *s, const bl_plot *p, double x0, double dx, const double *y,
                   size_t n, const char *class, int is_filled);
void bl_plot_dot(bl_svg *s, const bl_plot *p, double x, double y, double radius,
                 const char *class, const char *tip);
/* A matrix of rows x cols shares, darkest where largest; names of rows and columns, or
 * NULL. */
void bl_plot_heat(bl_svg *s, const double *value, int rows, int cols,
                  const char *const *names, const char *label, const char *class);

#endif
