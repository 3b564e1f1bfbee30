/* live_in.h - the bytes of a MIDI wire, as they come, to a stream of tokens or grooves:
 * a bar the moment it is over, or the loop of a drummer whenever it changed. Pure:
 * times come from the caller. */
#ifndef BL_LIVE_IN_H
#define BL_LIVE_IN_H

#include "base/notice.h"
#include "base/self.h"
#include "base/song.h"
#include "base/spec.h"
#include "base/timed.h"

typedef struct {
    bl_spec spec;     /* scheme "remi" without options, or "groove" */
    double tempo;     /* beats (quarters) a minute */
    bl_meter meter;   /* of all bars; num 0: 4/4 */
    int64_t count_in; /* bars before beat 1, only said: nothing of them is written */
    int follows;      /* MIDI clock instead of time: from a start to a stop */
    /* of grooves */
    int64_t window; /* bars of a window; 0: 2 */
    int64_t hop;    /* bars from window to window; 0: a loop */
    int64_t forget; /* bars after which a hit of the loop goes; 0: never */
    double wait;    /* seconds after a change until a window is written */
    int has_voices; /* pitches are the voices they map to; else all are taps */
    int level;      /* of compression, 0 = bare */
} bl_live_in_wish;

enum { BL_LIVE_TAP = 3 }; /* the voice of a tap: open hat, as in Groove2Groove's taps */

typedef struct bl_live_in bl_live_in;

/* Writes to fd. BL_E_ARG where the scheme cannot be heard so or has no such bars.
 * self may be NULL (no provenance). Release with bl_live_in_del. */
int bl_live_in_new(bl_live_in **l, const bl_live_in_wish *wish, int fd,
                   const bl_self *self, bl_notices notices, bl_err *e) BL_MUST_CHECK;
/* Nanoseconds from when one begins to listen to beat 1. */
int64_t bl_live_in_lead(const bl_live_in *l);
/* Who is to be told of bytes and time, and last of the end: then what is begun is
 * written. Its functions return what writing does. */
bl_timed_ear bl_live_in_ear(bl_live_in *l);
void bl_live_in_del(bl_live_in *l);

#endif
