/* bf16_pack.c - operands in bf16 as tiles: rounded to nearest even, without denormals,
 * and where they are split with the rests that rounding left. */
#include "nn/kernel/bf16_parts.h"

#ifdef BL_HAS_BF16

/* 16 x 16 words of 32 bits. */
INLINE void transpose(__m512i z[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(z[i], z[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(z[i], z[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            z[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
            z[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
        }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 16; j += 8) {
            t[i + j] = _mm512_shuffle_i32x4(z[i + j], z[i + j + 4], 0x88);
            t[i + j + 4] = _mm512_shuffle_i32x4(z[i + j], z[i + j + 4], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        z[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        z[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

/* What bf16 leaves: x0 - h0 and x1 - h1, rounded in turn. */
INLINE __m512i rests_of(__m512 x0, __m512 x1, __m512i h0, __m512i h1)
{
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(x1, _mm512_castsi512_ps(h1)),
                                        _mm512_sub_ps(x0, _mm512_castsi512_ps(h0)));
}

/* The 32 numbers of a row, which lie side by side. */
INLINE void along_row(const bl_operand *o, int i, __m512i *hi, __m512i *lo)
{
    const float *p = o->p + i * o->row;
    int n = i < o->rows ? o->depth : 0;
    __mmask16 m0 = first_of_16(n) & (__mmask16)~first_of_16(o->skip);
    __mmask16 m1 = first_of_16(n - 16) & (__mmask16)~first_of_16(o->skip - 16);
    __m512 x0 = _mm512_maskz_loadu_ps(m0, p);
    __m512 x1 = _mm512_maskz_loadu_ps(m1, p + 16);
    *hi = (__m512i)_mm512_cvtne2ps_pbh(x1, x0);
    if (lo == NULL)
        return;
    __m512i h0 = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(*hi));
    __m512i h1 = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(*hi, 1));
    *lo = rests_of(x0, x1, _mm512_slli_epi32(h0, 16), _mm512_slli_epi32(h1, 16));
}

/* Numbers l and l + 1 of 16 rows, those of the rows lie side by side. */
INLINE void across_rows(const bl_operand *o, int l, __m512i *hi, __m512i *lo)
{
    const __m512i pairs =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                         23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const float *p = o->p + l * o->along;
    __mmask16 all = first_of_16(o->rows);
    __mmask16 m0 = l >= o->skip && l < o->depth ? all : 0;
    __mmask16 m1 = l + 1 >= o->skip && l + 1 < o->depth ? all : 0;
    __m512 x0 = _mm512_maskz_loadu_ps(m0, p);
    __m512 x1 = _mm512_maskz_loadu_ps(m1, p + o->along);
    *hi = _mm512_permutexvar_epi16(pairs, (__m512i)_mm512_cvtne2ps_pbh(x1, x0));
    if (lo == NULL)
        return;
    __m512i h1 = _mm512_and_si512(*hi, _mm512_set1_epi32((int)0xffff0000));
    __m512i rests = rests_of(x0, x1, _mm512_slli_epi32(*hi, 16), h1);
    *lo = _mm512_permutexvar_epi16(pairs, rests);
}

INLINE void store_tile(__m512i z[16], int transposed, char *to)
{
    if (transposed)
        transpose(z);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        _mm512_store_si512(to + 64 * i, z[i]);
}

/* The bl_operand's corner as a tile, and the tile of rests. */
INLINE void pack_corner(const bl_operand *o, int across, int transposed, char *to,
                        char *rests)
{
    __m512i hi[16], lo[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m512i *low = rests == NULL ? NULL : &lo[i];
        if (across)
            across_rows(o, 2 * i, &hi[i], low);
        else
            along_row(o, i, &hi[i], low);
    }
    store_tile(hi, transposed, to);
    if (rests != NULL)
        store_tile(lo, transposed, rests);
}

/* As a tile of A or of B: four ways, none with a test in its loop. */
INLINE void pack_whole(const bl_operand *o, int is_b, char *to, char *rests)
{
    if (o->row == 1 && is_b)
        pack_corner(o, 1, 0, to, rests);
    else if (o->row == 1)
        pack_corner(o, 1, 1, to, rests);
    else if (is_b)
        pack_corner(o, 0, 1, to, rests);
    else
        pack_corner(o, 0, 0, to, rests);
}

/* The tile at row i and number l along k; masks are for those at the edge. */
INLINE void pack_tile(bl_operand o, int i, int l, int is_b, char *to, char *rests)
{
    o.p += i * o.row + l * o.along;
    o.rows -= i;
    o.depth -= l;
    o.skip -= l;
    if (o.rows < TILE || o.depth < DEPTH || o.skip > 0) {
        pack_corner(&o, o.row == 1, (o.row == 1) != is_b, to, rests);
    } else {
        o.rows = TILE;
        o.depth = DEPTH;
        o.skip = 0;
        pack_whole(&o, is_b, to, rests);
    }
}

/* 32 rows and 32 along k: two tiles, and two of rests if there are two parts. */
INLINE void pack_step(const bl_operand *o, int i, int l, int is_b, int parts, char *to)
{
    for (int half = 0; half < 2; half++, i += TILE, to += TILE_BYTES)
        if (parts == 2)
            pack_tile(*o, i, l, is_b, to, to + 2 * TILE_BYTES);
        else
            pack_tile(*o, i, l, is_b, to, NULL);
}

WITH_BF16 void bl_pack_strips(const bl_operand *o, int start, int end, int l0, int l1,
                              int is_b, int parts, char *to)
{
    size_t strip = strip_bytes(o->depth, parts), step = strip_bytes(1, parts);
    char *at = to + (size_t)(l0 / DEPTH) * step;
    if (o->row == 1)
        for (int l = l0; l < l1; l += DEPTH, at += step)
            for (int i = start; i < end; i += STRIP)
                pack_step(o, i, l, is_b, parts,
                          at + (size_t)((i - start) / STRIP) * strip);
    else
        for (int i = start; i < end; i += STRIP, at += strip)
            for (int l = l0; l < l1; l += DEPTH)
                pack_step(o, i, l, is_b, parts, at + (size_t)((l - l0) / DEPTH) * step);
}

#endif
