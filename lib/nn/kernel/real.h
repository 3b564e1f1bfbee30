/* real.h - the number the engine computes with: float, or double in the build that
 * checks gradients (-DBL_DOUBLE). */
#ifndef BL_REAL_H
#define BL_REAL_H

#ifdef BL_DOUBLE
typedef double bl_real;
#else
typedef float bl_real;
#endif

#endif
