/* mgeval.h (internal) - columns of the published mgeval: Yang and
 * Lerch, "On the evaluation of generative models in music" (2018). What is wrong there
 * is wrong here; feat_*.c and vectors.c have the corrected forms. */
#ifndef BL_MGEVAL_H
#define BL_MGEVAL_H

#include "feature/family.h"

/* Where each field begins in the columns, and the series. */
enum {
    MG_USED_PITCH = 0,
    MG_RANGE = 1,
    MG_CLASSES = 2,
    MG_IOI = MG_CLASSES + 12,
    MG_PCTM = MG_IOI + 1,
    MG_USED_NOTE = MG_PCTM + 144,
    MG_SHIFT,
    MG_LENGTHS,
    MG_PAUSES = MG_LENGTHS + 12,
    MG_NLTM = MG_PAUSES + 24,
    MG_COLUMNS = MG_NLTM + 144
};
enum { MG_BAR_NOTE, MG_BAR_PITCH, MG_BAR_CLASSES };

/* By the piano roll of 10 ms frames and by instruments (mgeval_roll.c). */
int bl_mgeval_roll(const bl_view *v, double *out, bl_series *series, bl_err *e);

#endif
