/* timetable.h - music as it arrives to messages at their times: pure, without a clock.
 *
 * Notes get channels: of its program the lowest where the pitch does not sound, drums
 * the tenth; more than fifteen programs take turns. Where a pitch is struck again while
 * it sounds and no channel is free, its first note ends there. */
#ifndef BL_TIMETABLE_H
#define BL_TIMETABLE_H

#include "base/song.h"
#include "base/timed.h"

typedef struct {
    double tempo; /* of everything, beats a minute; 0: as the music says */
    double first; /* until the music says one; 0: 120 */
    int clock;    /* MIDI clock: 24 pulses a quarter, start and stop */
} bl_timetable_wish;

typedef struct bl_timetable bl_timetable;

/* Release with bl_timetable_del. 0 or BL_E_NOMEM. */
int bl_timetable_new(bl_timetable **s, const bl_timetable_wish *wish,
                     bl_err *e) BL_MUST_CHECK;
/* A piece of that division begins, where the one before it ended. */
int bl_timetable_begin(bl_timetable *s, int tpq, bl_err *e) BL_MUST_CHECK;
/* Notes, tempos and pedals of the piece, in its ticks; later calls add none that are
 * before tick `upto` (what is, is late: it comes at once). */
int bl_timetable_add(bl_timetable *s, const bl_song *part, int32_t upto,
                     bl_err *e) BL_MUST_CHECK;
/* The piece ends at that tick, and with it all its notes. */
int bl_timetable_end(bl_timetable *s, int32_t tick, bl_err *e) BL_MUST_CHECK;
/* No piece follows: pedals go up, all notes off, the clock stops. */
int bl_timetable_finish(bl_timetable *s, bl_err *e) BL_MUST_CHECK;
/* The next message: 1, or 0 where more has to be added first. */
int bl_timetable_next(bl_timetable *s, bl_timed *t, bl_err *e) BL_MUST_CHECK;
/* When the tick `upto` of the last call, or the end, is. After all messages. */
int64_t bl_timetable_now(const bl_timetable *s);
void bl_timetable_del(bl_timetable *s);

#endif
