/* pulses.h (internal) - MIDI clock that is late: who follows it takes a burst of pulses
 * for a tempo, so those are left out and the place is said where the clock is in time
 * again. */
#ifndef BL_PULSES_H
#define BL_PULSES_H

#include "base/timed.h"

enum { BL_PULSES_MOST = 6 }; /* bytes in the place of a message */

/* Zero-initialise. */
typedef struct {
    int64_t n; /* pulses since start */
    int has_begun, is_behind;
} bl_pulses;

/* 1 for start, pulse and stop. */
int bl_pulses_is(const bl_timed *t);
/* What is to be sent for one of them, so many nanoseconds late: the bytes to `to`,
 * their number. Behind a gap, from a sixteenth on: stop, if it had begun, song position
 * pointer, continue. */
size_t bl_pulses_pass(bl_pulses *p, const bl_timed *t, int64_t lag,
                      uint8_t to[BL_PULSES_MOST]);

#endif
