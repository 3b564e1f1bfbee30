/* habit.c - see habit.h. Only where all notes of a key end is the meaning sure: there
 * first in, first out tells. */
#include "midi/habit.h"

#include <stdlib.h>

enum { PER_CHANNEL = 128, N_CHANNELS = BL_N_KEYS / PER_CHANNEL };

/* A key in a track so far: notes that sound, those of them that began before `tick`,
 * ends of those after a beginning at their tick since nothing sounded. */
typedef struct {
    int32_t tick;
    uint32_t track_after; /* 0: none yet */
    uint32_t open, early, begun, pending;
} sounding;

struct bl_habits {
    sounding now[BL_N_KEYS];
    bl_habit channel[N_CHANNELS], whole;
};

int bl_habits_new(bl_habits **h, bl_err *e)
{
    *h = bl_calloc(1, sizeof **h, e);
    return *h == NULL ? BL_E_NOMEM : 0;
}

void bl_habits_del(bl_habits *h)
{
    free(h);
}

static void end_note(sounding *s, bl_habit *channel, bl_habit *whole)
{
    s->open--;
    if (s->early == 0) {
        channel->empty++;
        whole->empty++;
    } else {
        s->early--;
        s->pending += s->begun;
    }
    if (s->open == 0) {
        channel->legato += s->pending;
        whole->legato += s->pending;
        s->pending = 0;
    }
}

void bl_habits_event(bl_habits *h, uint16_t track, uint32_t key, int32_t tick,
                     int is_on)
{
    sounding *s = &h->now[key];
    if (s->track_after != track + 1u)
        *s = (sounding){.track_after = track + 1u};
    if (s->tick != tick) {
        s->tick = tick;
        s->early = s->open;
        s->begun = 0;
    }
    if (is_on) {
        s->begun = 1;
        s->open++;
    } else if (s->open > 0) {
        end_note(s, &h->channel[key / PER_CHANNEL], &h->whole);
    }
}

int bl_habits_is_legato(const bl_habits *h, const bl_habit *row, uint32_t key)
{
    const bl_habit *list[] = {row, &h->channel[key / PER_CHANNEL], &h->whole};
    for (int i = 0; i < 3; i++)
        if (list[i]->legato != list[i]->empty)
            return list[i]->legato > list[i]->empty;
    return 0;
}
