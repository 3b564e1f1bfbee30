/* feat.c - see feat.h. */
#include "feature/family.h"

#include <string.h>

static const bl_feat *const families[] = {
    bl_feats_piece,
    bl_feats_pitch,
    bl_feats_texture,
    bl_feats_rhythm,
};

const bl_feat *bl_feat_at(size_t i)
{
    for (size_t f = 0; f < BL_COUNT(families); f++)
        for (const bl_feat *feat = families[f]; feat->name != NULL; feat++)
            if (i-- == 0)
                return feat;
    return NULL;
}

size_t bl_feat_count(void)
{
    size_t n = 0;
    while (bl_feat_at(n) != NULL)
        n++;
    return n;
}

int bl_feat_find(const char *name)
{
    const bl_feat *feat;
    for (size_t i = 0; (feat = bl_feat_at(i)) != NULL; i++)
        if (strcmp(feat->name, name) == 0)
            return (int)i;
    return -1;
}

int bl_feat_compute(bl_view *v, const bl_view_input *in, double *value, bl_err *e)
{
    int rc = bl_view_make(v, in, e);
    if (rc != 0)
        return rc;
    for (size_t f = 0; f < BL_COUNT(families); f++)
        for (const bl_feat *feat = families[f]; feat->name != NULL; feat++)
            *value++ = feat->value(v);
    return 0;
}
