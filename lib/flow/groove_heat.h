/* groove_heat.h - velocity heat-maps of streams of grooves (page/heat.h). */
#ifndef BL_GROOVE_HEAT_H
#define BL_GROOVE_HEAT_H

#include "feature/labels.h"
#include "io/row_store.h"
#include "page/heat.h"

typedef struct {
    const char *reference; /* a stream beside the others, or NULL */
    const char *labels;    /* a file of groups, NULL: the labels of the streams */
    uint64_t seed;         /* of the hits that are drawn */
} bl_groove_heat_wish;

/* Appends the picture of n streams ("-" or n == 0: standard input), as SVG. Errors of
 * bl_row_set_read; BL_E_LIMIT for more than BL_HEAT_GROUPS labels. */
int bl_groove_heat_add(const bl_groove_heat_wish *w, const char *const *paths, size_t n,
                       bl_buf *text, bl_err *e) BL_MUST_CHECK;
/* Adds all pieces of a store as set 0 or 1. */
int bl_groove_heat_fill(bl_heat *h, int set, const bl_row_store *from,
                        const bl_labels *labels, bl_err *e) BL_MUST_CHECK;

#endif
