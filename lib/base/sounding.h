/* sounding.h - what sounds on the other end of a wire, and what ends it. */
#ifndef BL_SOUNDING_H
#define BL_SOUNDING_H

#include "base/timed.h"

/* Zero-initialise. */
typedef struct {
    uint8_t on[16][16]; /* a bit for each pitch of each channel */
    uint16_t used,
        pedal; /* a bit each channel: something was sent; its pedal is down */
} bl_sounding;

/* A message was sent. */
void bl_sounding_note(bl_sounding *s, const uint8_t *byte, size_t n);
/* What sounds in any of the two: it is not known which. */
void bl_sounding_join(bl_sounding *s, const bl_sounding *other);
/* 1 while that note sounds. */
int bl_sounding_has(const bl_sounding *s, int channel, int pitch);
/* 1 while a note sounds or a pedal is down. */
int bl_sounding_is_any(const bl_sounding *s);

enum { BL_SILENCE_MAX = 16 * (128 * 3 + 6) };
/* The messages that end it all: a note-off for each note, pedals up, and on each used
 * channel "all notes off". Returns how many bytes; nothing sounds then. */
size_t bl_sounding_silence(bl_sounding *s, uint8_t bytes[BL_SILENCE_MAX]);

#endif
