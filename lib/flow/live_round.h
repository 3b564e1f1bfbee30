/* live_round.h (internal) - the loop of a live stream: its newest window is heard again
 * and again, and a new one replaces the steps that are still to come. */
#ifndef BL_LIVE_ROUND_H
#define BL_LIVE_ROUND_H

#include "base/timed.h"
#include "io/rows.h"
#include "midi/timetable.h"

typedef struct {
    bl_rowsr *reader; /* whose kind is a loop's */
    int bars;         /* of a window */
    double tempo;     /* of everything; 0: as the windows say */
    bl_timetable *timetable;
    bl_song *song; /* to work with */
    /* Sends what the timetable has. */
    int (*send)(void *arg, bl_err *e);
    void *arg;
    const bl_timed_sink *sink;
} bl_live_round_wish;

/* Plays to the end of the input, and then to that of the last window, as one piece.
 * Where the sink has a clock each step is given shortly before its time, of the newest
 * window that has come by then, and steps that are over are passed over; else a window
 * counts from the beginning of its bar on. BL_E_LIMIT beyond BL_GROOVE_BARS_MAX bars
 * without a clock, and beyond BL_TICK_MAX; what reading, the timetable and `send` give.
 */
int bl_live_round(const bl_live_round_wish *w, bl_err *e) BL_MUST_CHECK;

#endif
