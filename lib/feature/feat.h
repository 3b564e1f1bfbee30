/* feat.h - the features of a piece: what featstats(1) prints, one number each. NaN
 * where a feature is undefined. A feature is one small function and one row of a table
 * in the file of its family (family.h); names, documentation and order come from there.
 */
#ifndef BL_FEAT_H
#define BL_FEAT_H

#include "feature/view.h"

typedef struct {
    const char *name; /* snake_case */
    const char *unit; /* "1" for numbers and shares */
    const char *doc;  /* its definition: one sentence, no full stop */
    double (*value)(const bl_view *v);
} bl_feat;

size_t bl_feat_count(void);
const bl_feat *bl_feat_at(size_t i); /* i < bl_feat_count() */
/* The index of a feature, or -1. */
int bl_feat_find(const char *name);

/* value[bl_feat_count()] of a piece; *v as in bl_view_make, whose errors it returns. */
int bl_feat_compute(bl_view *v, const bl_view_input *in, double *value,
                    bl_err *e) BL_MUST_CHECK;

#endif
