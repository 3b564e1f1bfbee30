/* tile.h - small matrix products on one thread, on matrices that stay in the cache:
 * what attention needs for a head, where a BLAS loses more on its set-up than it wins.
 * The right operand is packed once into panels and used by many rows.
 *
 * Panels: columns in groups of BL_PANEL, each group (k, BL_PANEL) row-major one after
 * the other; the last group is as wide as its columns rounded up to half vectors,
 * filled with zeros. */
#ifndef BL_TILE_H
#define BL_TILE_H

#include "nn/kernel/gemm.h"

#include <stddef.h>

enum {
    BL_VECTOR = 64 / sizeof(bl_real), /* numbers in a vector of 64 bytes */
    BL_PANEL = 2 * BL_VECTOR,
    BL_ROWS = 12 /* of C that a kernel takes at once */
};

/* n rounded up to half vectors (heads are as narrow as that): how many columns a
 * product writes. */
static inline int bl_tile_cols(int n)
{
    const int half = BL_VECTOR / 2;
    return (n + half - 1) / half * half;
}

/* Packs B (k, n), rows `ld` apart; with `transposed`, B' is stored: (n, k). `panels`
 * has room for k * bl_tile_cols(n) numbers. */
void bl_tile_pack(int transposed, int k, int n, const bl_real *b, ptrdiff_t ld,
                  bl_real *panels);
/* The same for rows row .. row + k - 1 alone of a B that has rows_b of them: b is where
 * the first of these is, `panels` those of all. */
void bl_tile_pack_rows(int transposed, int rows_b, int row, int k, int n,
                       const bl_real *b, ptrdiff_t ld, bl_real *panels);
/* The same for products in another precision, whose panels have a form of their own.
 * Room for either: bl_tile_room(k, n). */
void bl_tile_pack_as(bl_precision precision, int transposed, int k, int n,
                     const bl_real *b, ptrdiff_t ld, bl_real *panels);

static inline size_t bl_tile_room(size_t k, size_t n)
{
    return (k + 31) / 32 * 32 * ((n + 31) / 32 * 32);
}

/* C (m, n) = [C +] op(A) B for the panels of B that hold the columns start .. end,
 * start a multiple of BL_PANEL; column 0 of C is column 0 of B. op(A) (m, k); ta: A is
 * stored (k, m). The k rows of B begin at `row`. Panels are written whole: up to 63
 * columns beyond `end`, never beyond bl_tile_cols(cols_b). Any distance between rows is
 * possible: one more than the width of a matrix skews it. */
typedef struct {
    int ta, m, k;
    const bl_real *a;
    ptrdiff_t lda;
    const bl_real *panels;
    int rows_b, cols_b; /* of all of B */
    int row, start, end;
    int add;
    bl_real *c;
    ptrdiff_t ldc;
    bl_precision precision; /* that of the panels */
} bl_tile_args;

void bl_tile_multiply(const bl_tile_args *t);
/* 1 where the kernels are written for this processor's vectors (AVX-512). */
int bl_tile_is_fast(void);
/* The naive twin, for tests; writes the columns start .. end only. */
void bl_tile_multiply_naive(const bl_tile_args *t);

#endif
