/* sounding.c - see sounding.h. */
#include "base/sounding.h"

#include <string.h>

enum { PEDAL = 64, ALL_OFF = 123 };

void bl_sounding_note(bl_sounding *s, const uint8_t *byte, size_t n)
{
    if (n < 3 || byte[0] < 0x80 || byte[0] >= 0xF0)
        return;
    unsigned channel = byte[0] & 15u, kind = byte[0] & 0xF0u;
    uint8_t *of = &s->on[channel][(byte[1] & 127) >> 3];
    uint8_t bit = (uint8_t)(1u << (byte[1] & 7));
    uint16_t here = (uint16_t)(1u << channel);
    if (kind == 0x90 && byte[2] > 0)
        *of |= bit;
    else if (kind == 0x90 || kind == 0x80)
        *of &= (uint8_t)~bit;
    else if (kind == 0xB0 && byte[1] == PEDAL)
        s->pedal = (uint16_t)(byte[2] >= 64 ? s->pedal | here : s->pedal & ~here);
    else if (kind == 0xB0 && byte[1] == ALL_OFF)
        memset(s->on[channel], 0, sizeof s->on[channel]);
    s->used |= here;
}

void bl_sounding_join(bl_sounding *s, const bl_sounding *other)
{
    uint8_t *on = &s->on[0][0];
    for (size_t i = 0; i < sizeof s->on; i++)
        on[i] |= (&other->on[0][0])[i];
    s->used |= other->used;
    s->pedal |= other->pedal;
}

int bl_sounding_has(const bl_sounding *s, int channel, int pitch)
{
    return s->on[channel & 15][(pitch & 127) >> 3] >> (pitch & 7) & 1;
}

int bl_sounding_is_any(const bl_sounding *s)
{
    const uint8_t *on = &s->on[0][0];
    for (size_t i = 0; i < sizeof s->on; i++)
        if (on[i] != 0)
            return 1;
    return s->pedal != 0;
}

static size_t put(uint8_t *to, unsigned status, unsigned a, unsigned b)
{
    to[0] = (uint8_t)status;
    to[1] = (uint8_t)a;
    to[2] = (uint8_t)b;
    return 3;
}

size_t bl_sounding_silence(bl_sounding *s, uint8_t bytes[BL_SILENCE_MAX])
{
    size_t n = 0;
    for (unsigned c = 0; c < 16; c++) {
        for (unsigned pitch = 0; pitch < 128; pitch++)
            if (s->on[c][pitch >> 3] >> (pitch & 7) & 1)
                n += put(bytes + n, 0x80 | c, pitch, 64);
        if (s->pedal >> c & 1)
            n += put(bytes + n, 0xB0 | c, PEDAL, 0);
        if (s->used >> c & 1)
            n += put(bytes + n, 0xB0 | c, ALL_OFF, 0);
    }
    memset(s->on, 0, sizeof s->on);
    s->pedal = 0;
    return n;
}
