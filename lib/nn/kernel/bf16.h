/* bf16.h - matrix products of numbers in bf16, in the tiles of AMX (Intel, Architecture
 * Instruction Set Extensions, chapter 3: TDPBF16PS) or in dot products of AVX-512 BF16
 * (VDPBF16PS). Behind gemm.h. Operands are rounded to nearest even and without
 * denormals while they are packed; each sum runs along k in fp32. */
#ifndef BL_BF16_H
#define BL_BF16_H

#include "nn/kernel/gemm.h"
#include "nn/kernel/tile.h"

/* 1 if the processor has what is needed, multiplies faster by it than in fp32, and the
 * system lets this process use it. */
int bl_bf16_can(bl_precision precision);
/* What multiplies: "AMX" or "AVX-512 BF16". Only after bl_bf16_can. */
const char *bl_bf16_unit(void);

/* C = alpha op(A) op(B) + beta C, over the pool or on the calling thread: the same
 * bytes. Only after bl_bf16_can. */
void bl_bf16_gemm(bl_pool *pool, const bl_gemm_args *g);
void bl_bf16_gemm_one(const bl_gemm_args *g);

/* Behind tile.h: packs B, and multiplies by it. */
void bl_bf16_pack(bl_precision precision, int transposed, int k, int n,
                  const bl_real *b, ptrdiff_t ld, bl_real *panels);
void bl_bf16_tile(const bl_tile_args *t);

#endif
