/* pulses.c - see pulses.h. */
#include "cli/pulses.h"

enum { START = 0xFA, PULSE = 0xF8, STOP = 0xFC, POINTER = 0xF2, CONTINUE = 0xFB };
enum { SIXTEENTH = 6 };                   /* pulses */
static const int64_t TOO_LATE = 50000000; /* nanoseconds; a pulse at 50 a minute */

int bl_pulses_is(const bl_timed *t)
{
    return t->n == 1 &&
           (t->byte[0] == START || t->byte[0] == PULSE || t->byte[0] == STOP);
}

/* Says that this pulse, of a sixteenth, is the next one. */
static size_t catch_up(bl_pulses *p, const bl_timed *pulse, uint8_t *to)
{
    size_t n = 0;
    if (p->has_begun)
        to[n++] = STOP; /* a pointer counts where the clock stands */
    to[n++] = POINTER;
    to[n++] = pulse->byte[1];
    to[n++] = pulse->byte[2];
    to[n++] = CONTINUE;
    p->has_begun = 1;
    p->is_behind = 0;
    return n;
}

size_t bl_pulses_pass(bl_pulses *p, const bl_timed *t, int64_t lag,
                      uint8_t to[BL_PULSES_MOST])
{
    size_t n = 0;
    if (t->byte[0] == STOP) {
        to[0] = STOP;
        return (size_t)p->has_begun;
    }
    p->is_behind |= lag > TOO_LATE;
    if (t->byte[0] == PULSE) {
        int is_sixteenth = p->n++ % SIXTEENTH == 0;
        if (p->is_behind && lag <= TOO_LATE && is_sixteenth)
            n = catch_up(p, t, to);
    } else {
        p->n = 0;
        p->has_begun |= !p->is_behind;
    }
    if (p->is_behind)
        return 0;
    to[n++] = t->byte[0];
    return n;
}
