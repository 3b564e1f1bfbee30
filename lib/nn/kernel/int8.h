/* int8.h - rows and columns in 8 bits, and their dot products in whole numbers: those
 * of any processor are the same.
 *
 * A vector x is q times a scale, q = round(x / scale) within -127 .. 127, the scale
 * that of its largest number (Jacob et al., "Quantization and Training of Neural
 * Networks for Efficient Integer-Arithmetic-Only Inference", 2018, without zero point).
 *
 * A panel holds 32 columns (k, 32): four of k side by side, column after column; the
 * last filled up with zeros; then the scales of the columns, then their sums. */
#ifndef BL_INT8_H
#define BL_INT8_H

#include "nn/kernel/real.h"

#include <stddef.h>
#include <stdint.h>

/* Of k: sums of 255 * 127 stay within 32 bits. */
enum { BL_INT8_COLUMNS = 32, BL_INT8_ROWS = 8, BL_INT8_MOST = 65536 };

static inline int bl_int8_groups(int k)
{
    return (k + 3) / 4;
}

size_t bl_int8_panel_bytes(int k);
/* Column c of a panel that is zeroed, from x[0], x[step], ... k of them. */
void bl_int8_pack(const bl_real *x, ptrdiff_t step, int k, int c, void *panel);
/* A row as the products read it: q + 128, filled up with 128 to bl_int8_groups(k) * 4
 * bytes. Returns its scale. */
bl_real bl_int8_row(const bl_real *x, int k, uint8_t *q);
/* to[i] = q scale: what is left of the numbers. */
void bl_int8_round(const bl_real *x, ptrdiff_t step, int k, bl_real *to);

/* sum[r][c] = the dot product of q of row r, 1 .. BL_INT8_ROWS rows `stride` bytes
 * apart, and of column c. */
void bl_int8_dots(const uint8_t *q, ptrdiff_t stride, int rows, int k,
                  const void *panel, int32_t sum[BL_INT8_ROWS][BL_INT8_COLUMNS]);
/* The portable twin, which others are measured by. */
void bl_int8_dots_portable(const uint8_t *q, ptrdiff_t stride, int rows, int k,
                           const void *panel,
                           int32_t sum[BL_INT8_ROWS][BL_INT8_COLUMNS]);
/* Those with the units of one kind, where bl_cpu_has_vnni(wide). */
void bl_int8_dots_unit(int wide, const uint8_t *q, ptrdiff_t stride, int rows, int k,
                       const void *panel, int32_t sum[BL_INT8_ROWS][BL_INT8_COLUMNS]);
/* The scales of a panel's columns. */
const float *bl_int8_scales(const void *panel, int k);

#endif
