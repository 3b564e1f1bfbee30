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

/* Of General MIDI, those of a family in one text; a name may have words that only the
 * search knows (sax, saxophone). */
static const char *const program_names[BL_FAMILIES] = {
    "acoustic grand piano|bright acoustic piano|electric grand piano|"
    "honky tonk piano|electric piano 1|electric piano 2|harpsichord|clavinet",
    "celesta|glockenspiel|music box|vibraphone|marimba|xylophone|tubular bells|"
    "dulcimer",
    "drawbar organ|percussive organ|rock organ|church organ|reed organ|accordion|"
    "harmonica|tango accordion",
    "nylon acoustic guitar|steel acoustic guitar|jazz electric guitar|"
    "clean electric guitar|muted electric guitar|overdriven guitar|"
    "distortion guitar|guitar harmonics",
    "acoustic bass|fingered electric bass|picked electric bass|fretless bass|"
    "slap bass 1|slap bass 2|synth bass 1|synth bass 2",
    "violin|viola|cello|contrabass|tremolo strings|pizzicato strings|"
    "orchestral harp|timpani",
    "string ensemble 1|string ensemble 2|synth strings 1|synth strings 2|"
    "choir aahs|voice oohs|synth voice|orchestra hit",
    "trumpet|trombone|tuba|muted trumpet|french horn|brass section|synth brass 1|"
    "synth brass 2",
    "soprano sax saxophone|alto sax saxophone|tenor sax saxophone|"
    "baritone sax saxophone|oboe|english horn|bassoon|clarinet",
    "piccolo|flute|recorder|pan flute|blown bottle|shakuhachi|whistle|ocarina",
    "square lead 1|sawtooth lead 2|calliope lead 3|chiff lead 4|charang lead 5|"
    "voice lead 6|fifths lead 7|bass lead 8",
    "new age pad 1|warm pad 2|polysynth pad 3|choir pad 4|bowed pad 5|"
    "metallic pad 6|halo pad 7|sweep pad 8",
    "rain fx 1|soundtrack fx 2|crystal fx 3|atmosphere fx 4|brightness fx 5|"
    "goblins fx 6|echoes fx 7|sci fi fx 8",
    "sitar|banjo|shamisen|koto|kalimba|bag pipe bagpipe|fiddle|shanai",
    "tinkle bell|agogo|steel drums|woodblock|taiko drum|melodic tom|synth drum|"
    "reverse cymbal",
    "guitar fret noise|breath noise|seashore|bird tweet|telephone ring|"
    "helicopter|applause|gunshot",
};

const char *bl_family_name(int family)
{
    return family_name[family % BL_FAMILIES];
}

/* As a name is written: "Pad 2 (warm)", "alto-sax", "alto_sax". */
static int is_blank(char c)
{
    return c != '\0' && strchr(" -_()", c) != NULL;
}

/* Capitals do not matter, nor which of them a blank is. */
static int is_name(const char *word, size_t len, const char *name)
{
    if (strlen(name) != len)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (tolower((unsigned char)word[i]) != name[i] &&
            !(is_blank(word[i]) && name[i] == ' '))
            return 0;
    return 1;
}

/* 1 if one of the words of name[0..n) is this one. */
static int has_word(const char *name, size_t n, const char *word, size_t len)
{
    for (size_t i = 0; i < n;) {
        size_t m = 0;
        while (i + m < n && name[i + m] != ' ')
            m++;
        size_t same = 0;
        while (same < len && same < m &&
               tolower((unsigned char)word[same]) == name[i + same])
            same++;
        if (same == len && same == m)
            return 1;
        i += m + 1;
    }
    return 0;
}

/* 1 if all words of a wish ("electric bass") are among those of the name. */
static int has_words(const char *name, size_t n, const char *wish, size_t len)
{
    int some = 0;
    for (size_t i = 0; i < len;) {
        size_t m = 0;
        while (i + m < len && !is_blank(wish[i + m]))
            m++;
        if (m > 0 && !has_word(name, n, wish + i, m))
            return 0;
        some |= m > 0;
        i += m + 1;
    }
    return some;
}

/* Sets the programs that are named so; 0 if none is. */
static int take_named(const char *wish, size_t len, unsigned char wanted[BL_PROGRAMS])
{
    int n = 0;
    for (int p = 0; p < BL_PROGRAMS; p++) {
        const char *name = program_names[p / 8];
        for (int i = 0; i < p % 8; i++)
            name = strchr(name, '|') + 1;
        if (has_words(name, strcspn(name, "|"), wish, len))
            wanted[p] = 1, n++;
    }
    return n > 0;
}

/* One program or some of them, "33" or "32-39". */
static int take_numbers(const char *word, size_t len, unsigned char wanted[BL_PROGRAMS])
{
    char text[8];
    int low, high, used = 0;
    if (len >= sizeof text)
        return 0;
    snprintf(text, sizeof text, "%.*s", (int)len, word);
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
    memset(wanted + low, 1, (size_t)(high - low + 1));
    return 1;
}

int bl_instruments_word(const char *word, unsigned long len,
                        unsigned char wanted[BL_PROGRAMS], int *drums)
{
    if (is_name(word, len, "drums"))
        return *drums = 1;
    for (int f = 0; f < BL_FAMILIES; f++)
        if (is_name(word, len, family_name[f])) {
            memset(wanted + f * 8L, 1, 8);
            return 1;
        }
    size_t digits = 0;
    while (digits < len && strchr("0123456789-", word[digits]) != NULL)
        digits++;
    return digits == len ? take_numbers(word, len, wanted)
                         : take_named(word, len, wanted);
}
