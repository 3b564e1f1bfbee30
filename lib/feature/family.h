/* family.h (internal) - the tables of features, one a family.
 * A new feature is a function and a row in one of these files; a new family a file, a
 * line here and a line in feat.c. */
#ifndef BL_FAMILY_H
#define BL_FAMILY_H

#include "feature/field.h"

#include <math.h>

/* Each ends with a row without a name. */
extern const bl_feat bl_feats_piece[];
extern const bl_feat bl_feats_pitch[];
extern const bl_feat bl_feats_texture[];
extern const bl_feat bl_feats_rhythm[];

/* Several fields at once: `out` has their columns one after another, `series` as many
 * as there are fields of varying length, both empty (NaN) before. Tables end with a row
 * without a name. */
typedef int bl_family_fn(const bl_view *v, double *out, bl_series *series, bl_err *e);
extern const bl_field bl_fields_vectors[];
extern const bl_field bl_fields_mgeval[];
extern const bl_field bl_fields_muspy[];
extern const bl_field bl_fields_musdr[];
extern const bl_field bl_fields_melody[];
extern const bl_field bl_fields_si[];
extern const bl_field bl_fields_groove[];
extern const bl_field bl_fields_repeats[];
bl_family_fn bl_compute_vectors, bl_compute_mgeval, bl_compute_muspy, bl_compute_musdr,
    bl_compute_si, bl_compute_melody, bl_compute_groove, bl_compute_repeats;

/* a / b, NaN where there is nothing to divide by. */
static inline double bl_ratio(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

/* Entropy in bits of counts that add up to `sum`, NaN if that is 0. */
static inline double bl_entropy(const uint32_t *count, size_t n, uint32_t sum)
{
    double bits = 0;
    if (sum == 0)
        return NAN;
    for (size_t i = 0; i < n; i++) {
        double p = (double)count[i] / sum;
        if (count[i] > 0)
            bits -= p * log2(p);
    }
    return bits;
}

#endif
