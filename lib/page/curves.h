/* curves.h - learning curves of training runs as a picture. */
#ifndef BL_CURVES_H
#define BL_CURVES_H

#include "feature/field.h"
#include "page/svg.h"

/* A run: its name, and its metrics.tsv (schemas/train-log.md), ended by NUL. */
typedef struct {
    const char *name;
    const bl_buf *log;
} bl_run_curve;

enum { BL_CURVE_STEP, BL_CURVE_LOSS, BL_CURVE_VALID, BL_CURVE_COLUMNS };

/* Appends rows of step, loss, validation loss (NaN where there is none); the caller
 * frees rows->x. BL_E_FORMAT if it is no such log. */
int bl_curves_read(const bl_buf *log, bl_series *rows, bl_err *e) BL_MUST_CHECK;

/* Draws training loss (smoothed, pale) and validation loss of all runs by step into one
 * frame, with a line a run below: name, best validation loss and its step. Errors stay
 * in s->rc. */
void bl_curves_draw(bl_svg *s, const bl_run_curve *runs, size_t n, int is_standalone);

#endif
