/* store.h - rows of numbers that vector loops read, as they are or rounded to bf16, at
 * half the bytes. For .c files of lib/nn and lib/model only. */
#ifndef BL_STORE_H
#define BL_STORE_H

#include "nn/kernel/gemm.h"
#include "nn/kernel/vec.h"

/* A stored row is whole blocks: vectors; in bf16 words of 32 bits, the numbers i and i
 * + LANES of 2 LANES in the low and the high half of one. The double build knows
 * BL_FP32 alone. */
typedef uint32_t bl_word_vec
    __attribute__((vector_size(BL_LANES * sizeof(uint32_t)), may_alias));

/* Vector v of the stored row at `row`. */
#define BL_FP32_AT(row, v) (((const bl_vec *)(const void *)(row))[v])
#define BL_BF16_AT(row, v)                                                             \
    ((v) % 2 == 0                                                                      \
         ? (bl_vec)(((const bl_word_vec *)(const void *)(row))[(v) / 2] << 16)         \
         : (bl_vec)(((const bl_word_vec *)(const void *)(row))[(v) / 2] & 0xffff0000))

/* n in whole blocks. */
static inline int bl_store_whole(bl_precision precision, int n)
{
    int block = precision == BL_FP32 ? BL_LANES : 2 * BL_LANES;
    return (n + block - 1) / block * block;
}

/* Bytes of n numbers, whole blocks. */
static inline size_t bl_store_bytes(bl_precision precision, size_t n)
{
    return n * (precision == BL_FP32 ? sizeof(bl_real) : sizeof(uint16_t));
}

/* To nearest, ties to even; not for numbers beyond the finite. */
static inline uint16_t bl_bf16_of(bl_real x)
{
    float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Where number i of a row in bf16 is, in numbers: the low half of a word comes first.
 */
static inline int bl_bf16_place(int i)
{
    int within = i % (2 * BL_LANES);
    return i - within + within % BL_LANES * 2 + within / BL_LANES;
}

static inline void bl_store_put(bl_precision precision, void *row, int i, bl_real x)
{
    if (precision == BL_FP32)
        ((bl_real *)row)[i] = x;
    else
        ((uint16_t *)row)[bl_bf16_place(i)] = bl_bf16_of(x);
}

static inline bl_real bl_store_get(bl_precision precision, const void *row, int i)
{
    if (precision == BL_FP32)
        return ((const bl_real *)row)[i];
    uint32_t bits = (uint32_t)((const uint16_t *)row)[bl_bf16_place(i)] << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (bl_real)f;
}

#endif
