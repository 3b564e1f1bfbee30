/* eigen.h (internal) - eigenvalues of small symmetric matrices. */
#ifndef BL_EIGEN_H
#define BL_EIGEN_H

#include <stddef.h>

/* Eigenvalues and vectors (columns of v) of a symmetric matrix [d, d] by Jacobi's
 * rotations; a is left diagonal, in no order. */
void bl_eigen(double *a, double *v, size_t d);

#endif
