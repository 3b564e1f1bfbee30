/* transpose.c - see transpose.h. */
#include "token/transpose.h"
#include "token/scheme_impl.h"

#include <stdio.h>
#include <string.h>

static const char roots[12][3] = {"C",  "C#", "D",  "D#", "E",  "F",
                                  "F#", "G",  "G#", "A",  "A#", "B"};

/* "Chord_D:min" or "Key_D:min" moved; itself where it names no root: degrees stay. */
static int transpose_root(const bl_scheme *s, unsigned id, int by)
{
    char name[BL_WORD_MAX + 32];
    const char *word = bl_words_name(s->words, id);
    const char *root = strchr(word, '_'), *colon = strchr(word, ':');
    if (root == NULL || colon == NULL)
        return (int)id;
    root++;
    for (int r = 0; r < 12; r++) {
        if (strlen(roots[r]) != (size_t)(colon - root) ||
            strncmp(roots[r], root, (size_t)(colon - root)) != 0)
            continue;
        int n = snprintf(name, sizeof name, "%.*s%s%s", (int)(root - word), word,
                         roots[((r + by) % 12 + 12) % 12], colon);
        return bl_words_find(s->words, name, (size_t)n);
    }
    return (int)id;
}

int bl_transposition(const bl_scheme *s, int by, int32_t *map, bl_err *e)
{
    if (by < -127 || by > 127)
        return bl_fail(e, BL_E_ARG, "%d semitones", by);
    for (unsigned id = 0; id < bl_words_size(s->words); id++) {
        bl_meaning is = bl_scheme_meaning(s, id);
        int pitch = bl_scheme_pitch(s, id) + by;
        map[id] = (int32_t)id;
        if ((is == BL_IS_NOTE && !s->spec.common_key) || is == BL_IS_NOTE_OFF)
            map[id] = pitch >= 0 && pitch <= 127 ? (int32_t)id + by : -1;
        else if (is == BL_IS_CHORD || is == BL_IS_KEY)
            map[id] = transpose_root(s, id, by);
    }
    return 0;
}
