/* heat.h - velocity heat-maps of drums: for each label and voice when and how loud it
 * is struck, of one set or two side by side, on the same fixed ranges. */
#ifndef BL_HEAT_H
#define BL_HEAT_H

#include "base/rng.h"
#include "page/svg.h"

enum {
    BL_HEAT_VOICES = 9,
    BL_HEAT_STEPS = 32, /* two bars: what is longer is folded */
    BL_HEAT_HITS = 150, /* of a voice that are drawn over its map, chosen by the seed */
    BL_HEAT_GROUPS = 64,  /* labels, at most */
    BL_HEAT_COLUMNS = 64, /* of the drawn grid */
    BL_HEAT_ROWS = 32,
};

/* The hits of one voice with one label in one set. */
typedef struct {
    float *count; /* [2 BL_HEAT_ROWS][2 BL_HEAT_COLUMNS] by velocity and time */
    float hit[BL_HEAT_HITS][2]; /* step and velocity of some of them */
    size_t n;                   /* of all */
} bl_heat_cell;

typedef struct {
    char *name;        /* the label */
    size_t windows[2]; /* of each set, and the pieces that they come from */
    size_t pieces[2];
    size_t used[2][BL_HEAT_VOICES + 1]; /* of these windows, how many strike n voices */
    bl_heat_cell cell[2][BL_HEAT_VOICES];
} bl_heat_group;

/* Zero-initialise but for names and seed; release with bl_heat_free. */
typedef struct {
    const char *set[2]; /* what they are called; [1] NULL: there is one */
    const char *voice[BL_HEAT_VOICES];
    uint64_t seed;
    bl_heat_group *group; /* [n] */
    size_t n, cap;
} bl_heat;

/* The group of that label, which is added where it is new; NULL, and BL_E_NOMEM or
 * BL_E_LIMIT in *e. */
bl_heat_group *bl_heat_group_of(bl_heat *h, const char *name, bl_err *e);
/* Adds a window of so many steps, [steps][27] as in token/hvo.h, to set 0 or 1. */
int bl_heat_add(bl_heat *h, bl_heat_group *g, int set, const float *x, size_t steps,
                bl_err *e) BL_MUST_CHECK;
/* Groups in the order of their names, byte by byte. */
void bl_heat_sort(bl_heat *h);
void bl_heat_free(bl_heat *h);

/* The map of a label as a picture of its own, inside a page. */
void bl_heat_draw_group(bl_svg *s, const bl_heat *h, const bl_heat_group *g);
/* All of them in one picture that stands alone. */
void bl_heat_draw(bl_svg *s, const bl_heat *h);

#endif
