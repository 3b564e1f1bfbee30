/* amx.h - matrix products in the tiles of x86 processors that have AMX with bf16
 * (Intel, Architecture Instruction Set Extensions, chapter 3: TDPBF16PS). Behind
 * gemm.h. Operands are rounded to bf16, to nearest even and without denormals, while
 * they are packed; each sum runs along k in fp32. */
#ifndef BL_AMX_H
#define BL_AMX_H

#include "nn/gemm.h"
#include "nn/tile.h"

/* 1 if the processor has what is needed and the system lets this process use it. */
int bl_amx_can(void);

/* C = alpha op(A) op(B) + beta C, over the pool or on the calling thread: the same
 * bytes. Only after bl_amx_can. */
void bl_amx_gemm(bl_pool *pool, const bl_gemm_args *g);
void bl_amx_gemm_one(const bl_gemm_args *g);

/* Behind tile.h: packs B, and multiplies by it. */
void bl_amx_pack(bl_precision precision, int transposed, int k, int n, const bl_real *b,
                 ptrdiff_t ld, bl_real *panels);
void bl_amx_tile(const bl_tile_args *t);

#endif
