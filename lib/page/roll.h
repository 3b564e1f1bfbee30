/* roll.h - a piano roll: systems of so many bars one below the other, notes shaded by
 * velocity and coloured by program, drums as marks below, chords above the bars. Drums
 * alone have a row for each voice of a kit. */
#ifndef BL_ROLL_H
#define BL_ROLL_H

#include "page/svg.h"
#include "feature/view.h"

typedef struct {
    double width;     /* pixels */
    size_t per_line;  /* bars of a system */
    size_t most_bars; /* of the piece that are drawn */
    int is_standalone;
} bl_roll;

/* Draws the piece of a view that bl_view_make made. BL_E_NOMEM. */
int bl_roll_draw(bl_svg *s, const bl_roll *roll, const bl_view *v, const char *label);

#endif
