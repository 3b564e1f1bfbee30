/* chord_symbol.c - see chord_symbol.h. */
#include "token/chord_symbol.h"
#include "base/song.h"

#include <string.h>

/* By the order of chords.h: the triad or the seventh chord that the most of a chord's
 * notes, and those that tell it from others, are in. */
enum { MAJ, MIN, DIM, AUG, SUS2, SUS4, DOM7, MAJ7, MIN7, HDIM7, DIM7 };

static const struct {
    const char *symbol;
    int quality;
} spellings[] = {
    {"", MAJ},         {"maj", MAJ},     {"M", MAJ},       {"major", MAJ},
    {"5", MAJ},        {"6", MAJ},       {"maj6", MAJ},    {"M6", MAJ},
    {"69", MAJ},       {"6/9", MAJ},     {"add9", MAJ},    {"add2", MAJ},
    {"2", MAJ},        {"add4", MAJ},    {"add11", MAJ},   {"m", MIN},
    {"min", MIN},      {"minor", MIN},   {"-", MIN},       {"m6", MIN},
    {"min6", MIN},     {"-6", MIN},      {"m69", MIN},     {"m6/9", MIN},
    {"madd9", MIN},    {"mmaj7", MIN},   {"mM7", MIN},     {"minmaj7", MIN},
    {"dim", DIM},      {"o", DIM},       {"aug", AUG},     {"+", AUG},
    {"sus2", SUS2},    {"sus4", SUS4},   {"sus", SUS4},    {"7", DOM7},
    {"dom7", DOM7},    {"9", DOM7},      {"11", DOM7},     {"13", DOM7},
    {"7b9", DOM7},     {"7#9", DOM7},    {"7#11", DOM7},   {"7b13", DOM7},
    {"7b5", DOM7},     {"7#5", DOM7},    {"+7", DOM7},     {"aug7", DOM7},
    {"7alt", DOM7},    {"alt", DOM7},    {"7sus4", SUS4},  {"7sus", SUS4},
    {"9sus4", SUS4},   {"sus4b7", SUS4}, {"9sus", SUS4},   {"maj7", MAJ7},
    {"M7", MAJ7},      {"^", MAJ7},      {"^7", MAJ7},     {"major7", MAJ7},
    {"maj9", MAJ7},    {"M9", MAJ7},     {"maj11", MAJ7},  {"maj13", MAJ7},
    {"maj7#11", MAJ7}, {"m7", MIN7},     {"min7", MIN7},   {"minor7", MIN7},
    {"-7", MIN7},      {"m9", MIN7},     {"min9", MIN7},   {"-9", MIN7},
    {"m11", MIN7},     {"min11", MIN7},  {"m13", MIN7},    {"m7b5", HDIM7},
    {"min7b5", HDIM7}, {"-7b5", HDIM7},  {"hdim7", HDIM7}, {"hdim", HDIM7},
    {"0", HDIM7},      {"07", HDIM7},    {"dim7", DIM7},   {"o7", DIM7},
};

/* Signs of other alphabets than that of the table, and other ways to write its words.
 */
static const struct {
    const char *sign, *ascii;
} signs[] = {
    {"\u266f", "#"}, {"\u266d", "b"}, {"\u266e", ""},  {"\u0394", "^"}, {"\u2206", "^"},
    {"\u25b3", "^"}, {"\u00b0", "o"}, {"\u00ba", "o"}, {"\u00f8", "0"}, {"\u00d8", "0"},
    {"\u2212", "-"}, {"\u2013", "-"}, {"Maj", "maj"},  {"MAJ", "maj"},  {"Min", "min"},
    {"min", "min"},  {"mi", "min"},   {"MI", "min"},
};

/* In ASCII into text[n]; 0 where there is no room. */
static int to_ascii(const char *symbol, size_t len, char *text, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < len;) {
        size_t k = 0, used = 1;
        char one[] = {symbol[i], '\0'};
        const char *ascii = one;
        for (; k < BL_COUNT(signs); k++) {
            size_t size = strlen(signs[k].sign);
            if (size > len - i || memcmp(symbol + i, signs[k].sign, size) != 0)
                continue;
            used = size;
            ascii = signs[k].ascii;
            break;
        }
        i += used;
        if (at + strlen(ascii) + 1 > n)
            return 0;
        memcpy(text + at, ascii, strlen(ascii) + 1);
        at += strlen(ascii);
    }
    return at > 0;
}

/* The pitch class of a note name, which *at is behind then; or -1. */
static int read_root(const char *text, size_t *at)
{
    static const int of_letter[] = {9, 11, 0, 2, 4, 5, 7}; /* A to G */
    int letter = text[*at] | 32;
    if (letter < 'a' || letter > 'g')
        return -1;
    int root = of_letter[letter - 'a'];
    for (++*at; text[*at] == '#' || text[*at] == 'b'; ++*at)
        root += text[*at] == '#' ? 1 : 11;
    return root % 12;
}

/* Parentheses say nothing: 7(b9). Behind the root alone, where C(b9) is not Cb9. */
static int find_quality(const char *written)
{
    char text[32];
    size_t n = 0;
    for (; *written != '\0' && n + 1 < sizeof text; written++)
        if (*written != '(' && *written != ')')
            text[n++] = *written;
    text[n] = '\0';
    for (size_t i = 0; i < BL_COUNT(spellings); i++)
        if (strcmp(spellings[i].symbol, text) == 0)
            return spellings[i].quality;
    return -1;
}

/* Cuts ":N" off where N is no quality ("C:7" is a seventh chord). */
static int cut_bars(char *text, int *bars)
{
    char *colon = strrchr(text, ':');
    *bars = 1;
    if (colon == NULL || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return 1;
    int is_first = strchr(text, ':') == colon;
    if (is_first && strcmp(colon + 1, "2") != 0 && find_quality(colon + 1) >= 0 &&
        strspn(text + 1, "#b") == (size_t)(colon - text) - 1)
        return 1;
    *bars = 0;
    for (const char *c = colon + 1; *c != '\0' && *bars <= BL_CHORD_BARS_MAX; c++)
        *bars = *bars * 10 + (*c - '0');
    *colon = '\0';
    return *bars >= 1 && *bars <= BL_CHORD_BARS_MAX;
}

/* As Harte writes a bass note, by its degree: "b3", "5". */
static int is_degree(const char *text)
{
    text += strspn(text, "#b");
    int n = 0;
    while (n < 20 && text[0] >= '0' && text[0] <= '9')
        n = 10 * n + *text++ - '0';
    return *text == '\0' && n >= 1 && n <= 13;
}

/* Cuts "/E" and "/b3" off; a six-nine chord has none. */
static void cut_bass(char *text)
{
    char *slash = strrchr(text, '/');
    size_t at = 1;
    if (slash == NULL || slash == text ||
        (slash[-1] == '6' && strcmp(slash + 1, "9") == 0))
        return;
    if ((read_root(slash, &at) >= 0 && slash[at] == '\0') || is_degree(slash + 1))
        *slash = '\0';
}

int bl_chord_symbol(const char *symbol, size_t len, int *chord, int *bars)
{
    static const char *const none[] = {"N", "NC", "N.C.", "N.C", "n.c.", "nc"};
    char text[32];
    size_t at = 0;
    if (!to_ascii(symbol, len, text, sizeof text) || !cut_bars(text, bars))
        return 0;
    for (size_t i = 0; i < BL_COUNT(none); i++)
        if (strcmp(text, none[i]) == 0) {
            *chord = BL_NO_CHORD;
            return 1;
        }
    cut_bass(text);
    int root = read_root(text, &at);
    if (root < 0)
        return 0;
    at += text[at] == ':';
    int quality = find_quality(text + at);
    *chord = root * BL_QUALITIES + quality;
    return quality >= 0;
}

int bl_chord_degree(const char *symbol, size_t len, int *chord, int *bars)
{
    static const struct {
        const char *name;
        int root, is_minor;
    } degrees[] = {
        {"VII", 11, 0}, {"vii", 11, 1}, {"III", 4, 0}, {"iii", 4, 1}, {"II", 2, 0},
        {"ii", 2, 1},   {"IV", 5, 0},   {"iv", 5, 1},  {"VI", 9, 0},  {"vi", 9, 1},
        {"I", 0, 0},    {"i", 0, 1},    {"V", 7, 0},   {"v", 7, 1},
    };
    char text[32];
    int root = 0;
    size_t k = 0;
    if (!to_ascii(symbol, len, text, sizeof text) || !cut_bars(text, bars))
        return 0;
    const char *at = text;
    for (; *at == '#' || *at == 'b'; at++)
        root += *at == '#' ? 1 : 11;
    while (k < BL_COUNT(degrees) &&
           strncmp(degrees[k].name, at, strlen(degrees[k].name)) != 0)
        k++;
    if (k == BL_COUNT(degrees))
        return 0;
    at += strlen(degrees[k].name);
    at += at[0] == ':' && at[1] != '\0';
    int quality = find_quality(at);
    if (degrees[k].is_minor && (*at == '\0' || strcmp(at, "7") == 0))
        quality = *at == '\0' ? MIN : MIN7;
    *chord = (root + degrees[k].root) % 12 * BL_QUALITIES + quality;
    return quality >= 0;
}

int bl_key_symbol(const char *symbol, size_t len, int *key)
{
    static const struct {
        const char *word;
        int first;
    } modes[] = {
        {"", BL_KEYS_MAJOR},  {"maj", BL_KEYS_MAJOR}, {"major", BL_KEYS_MAJOR},
        {"m", BL_KEYS_MINOR}, {"min", BL_KEYS_MINOR}, {"minor", BL_KEYS_MINOR},
        {"-", BL_KEYS_MINOR},
    };
    char text[32];
    size_t at = 0;
    if (!to_ascii(symbol, len, text, sizeof text))
        return 0;
    int root = read_root(text, &at);
    if (root < 0 || (text[at] == '\0' && text[0] >= 'a'))
        return 0;
    size_t between = strspn(text + at, " :-");
    at += text[at + between] != '\0' ? between : 0;
    for (size_t i = 0; i < BL_COUNT(modes); i++)
        if (strcmp(modes[i].word, text + at) == 0) {
            *key = modes[i].first + root;
            return 1;
        }
    return 0;
}
