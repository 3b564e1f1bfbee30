/* keys.c - see keys.h. */
#include "token/keys.h"
#include "base/song.h"

#include <stdio.h>

/* By the interval above the tonic, of mean 0 and length 1000: then the sum of products
 * is greatest where the correlation is. */
static const int16_t profile[2][12] = {
    /* major */ {575, -287, 103, -287, 199, 40, -250, 485, -276, -12, -280, -9},
    /* minor */ {563, -318, 86, 164, -264, 82, -293, 538, -87, -252, -91, -128},
};

int bl_key_above_common(int key)
{
    int above = bl_key_tonic(key < BL_KEYS_MINOR ? key : key + 3);
    return above <= 6 ? above : above - 12;
}

int bl_pitch_moved(int pitch, int by)
{
    int moved = pitch + by;
    return moved < 0 ? moved + 12 : moved > 127 ? moved - 12 : moved;
}

void bl_key_spell(int key, char name[BL_KEY_NAME_MAX + 1])
{
    static const char tonics[12][3] = {"C",  "C#", "D",  "D#", "E",  "F",
                                       "F#", "G",  "G#", "A",  "A#", "B"};
    snprintf(name, BL_KEY_NAME_MAX + 1, "%s:%s", tonics[bl_key_tonic(key)],
             key < BL_KEYS_MINOR ? "maj" : "min");
}

int bl_key_find(const int64_t sounds[12])
{
    int64_t most = INT64_MIN;
    int best = 0;
    for (int key = 0; key < BL_N_MUSIC_KEYS; key++) {
        int64_t fit = 0;
        for (int c = 0; c < 12; c++)
            fit += sounds[c] * profile[key / 12][(c - bl_key_tonic(key) + 12) % 12];
        if (fit > most) {
            most = fit;
            best = key;
        }
    }
    return best;
}
