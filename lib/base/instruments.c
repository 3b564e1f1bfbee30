/* instruments.c - see instruments.h. */
#include "base/instruments.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const family_name[BL_FAMILIES] = {
    "piano",         "chromatic percussion",
    "organ",         "guitar",
    "bass",          "strings",
    "ensemble",      "brass",
    "reed",          "pipe",
    "synth lead",    "synth pad",
    "synth effects", "ethnic",
    "percussive",    "sound effects",
};

const char *bl_family_name(int family)
{
    return family_name[family % BL_FAMILIES];
}

/* Capitals do not matter, and a hyphen is a blank. */
static int is_name(const char *word, size_t len, const char *name)
{
    if (strlen(name) != len)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (tolower((unsigned char)word[i]) != name[i] &&
            !(word[i] == '-' && name[i] == ' '))
            return 0;
    return 1;
}

int bl_instruments_word(const char *word, unsigned long len,
                        unsigned char wanted[BL_PROGRAMS], int *drums)
{
    char text[32];
    int low = -1, high = -1, used = 0;
    if (is_name(word, len, "drums"))
        return *drums = 1;
    for (int f = 0; f < BL_FAMILIES && low < 0; f++)
        if (is_name(word, len, family_name[f])) {
            low = f * 8;
            high = low + 7;
        }
    if (low < 0) {
        snprintf(text, sizeof text, "%.*s", (int)(len < 31 ? len : 31), word);
        if (strspn(text, "0123456789-") != strlen(text) || strlen(text) > 7)
            return 0;
        if (sscanf(text, "%3d%n", &low, &used) != 1)
            return 0;
        high = low;
        if (text[used] == '-') {
            int more = 0;
            if (sscanf(text + used, "-%3d%n", &high, &more) != 1)
                return 0;
            used += more;
        }
        if (text[used] != '\0' || low < 0 || high < low || high >= BL_PROGRAMS)
            return 0;
    }
    memset(wanted + low, 1, (size_t)(high - low + 1));
    return 1;
}
