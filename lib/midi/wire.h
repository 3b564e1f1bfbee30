/* wire.h - the bytes of a MIDI wire to messages, one by one: running status, real-time
 * bytes inside of messages, system exclusive ones. Any bytes are taken. */
#ifndef BL_WIRE_H
#define BL_WIRE_H

#include "base/timed.h"

/* Zero-initialise. */
typedef struct {
    uint8_t status;       /* that runs, 0: none */
    uint8_t has, byte[3]; /* of the message at hand */
} bl_wire;

/* Takes a byte. 1 where it ends a message of a channel or a song position pointer (F2),
 * or is a real-time byte (of F8..FF): t->n and t->byte, a note-on of velocity 0 as the
 * note-off it means; else 0. Data without a status, other system messages and those
 * that another status cuts are passed over. */
int bl_wire_take(bl_wire *w, uint8_t byte, bl_timed *t);

#endif
