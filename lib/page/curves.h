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

/* The columns that are read: the loss, and of models of grooves its terms, each in
 * training and on validation. */
enum { BL_CURVE_STEP, BL_CURVE_LOSS, BL_CURVE_VALID, BL_CURVE_TERMS, BL_TERMS = 4 };
enum { BL_CURVE_COLUMNS = BL_CURVE_TERMS + 2 * BL_TERMS };

/* What a term is of; "hits", ... */
const char *bl_curve_term(int term);

/* Appends rows of those columns (NaN where there is none); the caller frees rows->x.
 * BL_E_FORMAT if it is no such log. */
int bl_curves_read(const bl_buf *log, bl_series *rows, bl_err *e) BL_MUST_CHECK;
/* 1 if they have terms. */
int bl_curves_of_grooves(const bl_series *rows);

/* Draws training loss (smoothed, pale) and validation loss of all runs by step into one
 * frame, with a line a run below: name, best validation loss and its step; and of
 * models of grooves a frame for each term that there is. Errors stay in s->rc. */
void bl_curves_draw(bl_svg *s, const bl_run_curve *runs, size_t n, int is_standalone);

#endif
