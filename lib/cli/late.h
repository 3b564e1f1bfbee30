/* late.h (internal) - what is still sent of a stream with t0 that comes after its time:
 * who joins in comes in where the music is, without the notes since its beginning. */
#ifndef BL_LATE_H
#define BL_LATE_H

#include "base/sounding.h"

/* Nanoseconds after which a note is no longer what it was meant to be: a sixteenth at
 * 150 beats a minute. */
enum { BL_LATE_MOST = 100000000 };

/* 1 to send a message that is so many nanoseconds late, where that sounds; 0 for notes
 * that would begin too late, and for ends of what does not sound. Programs, pedals and
 * the like always go: they hold for what comes. */
int bl_late_sends(const bl_sounding *sounding, const bl_timed *t, int64_t lag);

#endif
