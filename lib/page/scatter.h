/* scatter.h - maps of points in two planes side by side, coloured by group, with a
 * legend. */
#ifndef BL_SCATTER_H
#define BL_SCATTER_H

#include "page/svg.h"

/* A plane: what it is called, and what its axes are. */
typedef struct {
    const char *title;
    const char *x_label, *y_label; /* "": the axes mean nothing, and have no numbers */
    const double *xy;              /* [n][2] */
} bl_plane;

typedef struct {
    size_t n;
    const char *const *group; /* [n] of each point; "": none */
    const char *const *name;  /* [n] what is said of it, or NULL */
    bl_plane plane[2];
} bl_scatter;

/* Draws a plane, 0 or 1, or both (-1) side by side, above the legend, whose groups
 * stand in the order of their sizes; the first 24 have a colour and a mark of their
 * own. Errors stay in s->rc. */
void bl_scatter_draw(bl_svg *s, const bl_scatter *of, int plane, int is_standalone);

#endif
