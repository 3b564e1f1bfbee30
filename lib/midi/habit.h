/* habit.h (internal) - what "on off" of one key at one tick means in a file: a note of
 * no length, or the end of the note before it.
 * schemas/remi-scheme.md, 3.0, states the rule. */
#ifndef BL_HABIT_H
#define BL_HABIT_H

#include "midi/pairing.h"

/* How often it was the one and the other. */
typedef struct {
    uint32_t empty, legato;
} bl_habit;

typedef struct bl_habits bl_habits;

/* Release with bl_habits_del. */
int bl_habits_new(bl_habits **h, bl_err *e) BL_MUST_CHECK;

/* A note-on or note-off of the file, track by track, in order of ticks. */
void bl_habits_event(bl_habits *h, uint16_t track, uint32_t key, int32_t tick,
                     int is_on);

/* Is it the end of the note before? 1 or 0 by what a row says, or else by the channel
 * of the key, or else by the file; 0 if nothing tells. */
int bl_habits_is_legato(const bl_habits *h, const bl_habit *row, uint32_t key);

void bl_habits_del(bl_habits *h);

#endif
