/* feat_texture.c - how many pitches sound together; drums have none. Definitions: Dong,
 * Chen, McAuley and Berg-Kirkpatrick, "MusPy" (ISMIR 2020). */
#include "feature/family.h"

static double polyphony(const bl_view *v)
{
    return bl_ratio((double)v->pitch_ticks, (double)v->sounding_ticks);
}

static double share_of_piece(const bl_view *v, int64_t ticks)
{
    return v->n_pitched > 0 ? bl_ratio((double)ticks, v->last) : NAN;
}

static double poly2_rate(const bl_view *v)
{
    return share_of_piece(v, v->ticks_of_2);
}

static double poly3_rate(const bl_view *v)
{
    return share_of_piece(v, v->ticks_of_3);
}

const bl_feat bl_feats_texture[] = {
    {"polyphony", "1",
     "mean number of distinct pitches that sound, over the time in which at least one "
     "does",
     polyphony},
    {"poly2_rate", "1",
     "share of the time to the end of the last note in which two or more pitches sound",
     poly2_rate},
    {"poly3_rate", "1",
     "share of the time to the end of the last note in which three or more pitches "
     "sound",
     poly3_rate},
    {NULL, NULL, NULL, NULL},
};
