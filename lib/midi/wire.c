/* wire.c - see wire.h (MIDI 1.0, table of status bytes and "running status"). */
#include "midi/wire.h"

enum { POINTER = 0xF2 }; /* song position: two bytes of data, the lower one first */

static uint8_t length_of(uint8_t status)
{
    unsigned kind = status & 0xF0;
    return kind == 0xC0 || kind == 0xD0 ? 2 : 3;
}

static int give(const bl_wire *w, bl_timed *t)
{
    t->n = w->has;
    for (int i = 0; i < 3; i++)
        t->byte[i] = i < w->has ? w->byte[i] : 0;
    if ((t->byte[0] & 0xF0) == 0x90 && t->byte[2] == 0) {
        t->byte[0] &= 0x8F;
        t->byte[2] = 64;
    }
    return 1;
}

/* Of other system messages nothing is wanted: without a running status their data is
 * passed over, as is all of an exclusive one up to the next status. */
int bl_wire_take(bl_wire *w, uint8_t byte, bl_timed *t)
{
    if (byte >= 0xF8) {
        t->n = 1;
        t->byte[0] = byte;
        t->byte[1] = t->byte[2] = 0;
        return 1;
    }
    if (byte >= 0x80) {
        w->status = byte < 0xF0 || byte == POINTER ? byte : 0;
        w->has = 0;
        return 0;
    }
    if (w->status == 0)
        return 0;
    w->byte[0] = w->status;
    w->has = (uint8_t)(w->has == 0 ? 1 : w->has);
    w->byte[w->has++] = byte;
    if (w->has < length_of(w->status))
        return 0;
    give(w, t);
    w->has = 0;
    w->status = w->status == POINTER ? 0 : w->status; /* it does not run on */
    return 1;
}
