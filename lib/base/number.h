/* number.h - numbers as people write them in options and settings. */
#ifndef BL_NUMBER_H
#define BL_NUMBER_H

#include "base/base.h"

/* Reads a decimal number at the start of the text: digits with a sign, a point or an
 * exponent, so neither blanks nor 0x10 nor "inf". *end: behind it. 1 and *x, or 0 where
 * there is none or it is not finite. */
int bl_number_begin(const char *text, double *x, const char **end) BL_MUST_CHECK;
/* The same of a text that is nothing else. */
int bl_number(const char *text, double *x) BL_MUST_CHECK;

#endif
