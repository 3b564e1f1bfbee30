/* packed.h (internal) - large products with the kernels of tile.h: the right operand is
 * packed once, block by block, and shared by all threads. For gemm.c only. */
#ifndef BL_PACKED_H
#define BL_PACKED_H

#include "nn/kernel/gemm.h"

/* 1 if bl_packed_gemm takes the product and is likely the faster way. */
int bl_packed_wants(const bl_gemm_args *g);
/* C = A B [+ C] over the pool; parts and the order of sums depend on the shape alone.
 */
void bl_packed_gemm(bl_pool *pool, const bl_gemm_args *g);

#endif
