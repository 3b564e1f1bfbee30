/* pitches.h (internal) - a set of the 128 MIDI pitches as two words. */
#ifndef BL_PITCHES_H
#define BL_PITCHES_H

#include "base/base.h"

#include <stdint.h>

typedef struct {
    uint64_t low, high; /* bit p of low: pitch p; of high: pitch 64 + p */
} bl_pitches;

static inline void bl_pitches_add(bl_pitches *p, int pitch)
{
    if (pitch < 64)
        p->low |= (uint64_t)1 << pitch;
    else
        p->high |= (uint64_t)1 << (pitch - 64);
}

static inline void bl_pitches_join(bl_pitches *p, bl_pitches other)
{
    p->low |= other.low;
    p->high |= other.high;
}

static inline int bl_pitches_any(bl_pitches p)
{
    return (p.low | p.high) != 0;
}

/* The lowest pitch of a set that is not empty. */
static inline int bl_pitches_lowest(bl_pitches p)
{
    return p.low != 0 ? __builtin_ctzll(p.low) : 64 + __builtin_ctzll(p.high);
}

/* Bit i of the result: pitch class i. */
static inline unsigned bl_pitches_classes(bl_pitches p)
{
    unsigned low = 0, high = 0;
    /* 60 = 5 x 12: classes of the two halves begin 4 apart */
    for (int i = 0; i < 64; i += 12) {
        low |= (unsigned)(p.low >> i & 0xfff);
        high |= (unsigned)(p.high >> i & 0xfff);
    }
    return low | (high << 4 & 0xfff) | high >> 8;
}

#endif
