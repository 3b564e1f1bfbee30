/* pace.h - how long the music lasts that a growing piece has: a clock that reads its
 * tokens one by one, so that asking at each bar costs no decoding. */
#ifndef BL_PACE_H
#define BL_PACE_H

#include "token/scheme.h"

enum { BL_PACE_POSITIONS = 384 }; /* of the longest bar on the finest grid */

/* To be copied as it is. Ticks are those of bl_scheme_decode. */
typedef struct {
    const bl_scheme *scheme;
    int64_t sum;    /* microseconds times ticks a quarter note, up to tick `at` */
    int64_t at, us; /* us: microseconds of a quarter note there */
    int64_t bar;    /* tick at which the open bar begins */
    uint32_t tempo[BL_PACE_POSITIONS]; /* us set at the positions of it, 0 = none */
    int64_t end;                       /* of the last note, where that counts */
    int32_t v[12];                     /* the scheme's state */
} bl_pace;

/* The state before the first token. In schemes without bars it stays at 0. */
void bl_pace_start(bl_pace *p, const bl_scheme *s);
/* Reads one token, whatever it is. */
void bl_pace_step(bl_pace *p, unsigned id);
/* bl_song_seconds at the end of the song that bl_scheme_decode makes of the tokens. */
double bl_pace_seconds(const bl_pace *p);

#endif
