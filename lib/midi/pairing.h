/* pairing.h (internal) - channel events of one file to the notes and pedals of a song.
 */
#ifndef BL_PAIRING_H
#define BL_PAIRING_H

#include "midi/midi.h"

typedef struct bl_pairing bl_pairing;

/* Keys: pitches of channels of ports. */
enum { BL_PORTS = 16, BL_N_KEYS = BL_PORTS * 16 * 128 };

static inline uint32_t bl_key(uint8_t port, uint8_t channel, uint8_t pitch)
{
    return ((uint32_t)port * 16 + channel) * 128 + pitch;
}

/* A set of them. */
typedef struct {
    uint8_t bits[BL_N_KEYS / 8];
} bl_keys;

static inline void bl_keys_add(bl_keys *k, uint32_t key)
{
    k->bits[key / 8] |= (uint8_t)(1u << key % 8);
}

static inline int bl_keys_has(const bl_keys *k, uint32_t key)
{
    return k->bits[key / 8] >> key % 8 & 1;
}

/* The song, the report (its counts of open and stray notes) and e must outlive it.
 * Release with bl_pairing_del. */
int bl_pairing_new(bl_pairing **p, bl_reading how, bl_song *song,
                   bl_midi_report *report, bl_err *e) BL_MUST_CHECK;

/* The events of the present track that follow are of this port. */
void bl_pairing_port(bl_pairing *p, uint8_t port);

/* One channel event of the present track, with its status byte, in order of time. */
int bl_pairing_event(bl_pairing *p, int32_t tick, const uint8_t *event) BL_MUST_CHECK;

/* The present track ends; the next event is of the next track. */
int bl_pairing_end(bl_pairing *p, int32_t tick) BL_MUST_CHECK;

/* After the last track of a BL_READ_OVERLAP: whether notes lack their ends, or may have
 * those of others. Then all events go to a bl_overlap too (overlap.h), with these keys,
 * before _finish. */
int bl_pairing_is_troubled(const bl_pairing *p);
const bl_keys *bl_pairing_troubled(const bl_pairing *p);
const bl_keys *bl_pairing_doubtful(const bl_pairing *p);

/* After the last track: notes that nothing ended are dropped, programs of the merged
 * order are set. */
int bl_pairing_finish(bl_pairing *p) BL_MUST_CHECK;

void bl_pairing_del(bl_pairing *p);

#endif
