/* spec.c - see spec.h. */
#include "base/spec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends to text[BL_SPEC_TEXT_MAX + 1] what has room. */
static __attribute__((format(printf, 3, 4))) void add(char *text, const char *between,
                                                      const char *fmt, ...)
{
    size_t len = strlen(text), room = BL_SPEC_TEXT_MAX + 1 - len;
    va_list args;
    if (len > 0)
        len += (size_t)snprintf(text + len, room, "%s", between);
    if (len > BL_SPEC_TEXT_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text + len, BL_SPEC_TEXT_MAX + 1 - len, fmt, args);
    va_end(args);
}

void bl_spec_differ(const bl_spec *is, const bl_spec *wanted,
                    char text[BL_SPEC_TEXT_MAX + 1])
{
    text[0] = '\0';
    if (strcmp(is->scheme, wanted->scheme) != 0) {
        add(text, ", ", "of scheme %s, not %s", is->scheme, wanted->scheme);
        return; /* what else there is means something else in each */
    }
    if (is->grid != wanted->grid)
        add(text, ", ", "of grid %d, not %d", is->grid, wanted->grid);
    if (is->chords != wanted->chords)
        add(text, ", ", is->chords ? "with chords" : "without chords");
    if (is->key != wanted->key)
        add(text, ", ", is->key ? "with the key" : "without the key");
    if (is->degrees != wanted->degrees)
        add(text, ", ",
            is->degrees ? "with chords as degrees" : "without chords as degrees");
    if (is->common_key != wanted->common_key)
        add(text, ", ",
            is->common_key ? "in a common key" : "in the keys of the pieces");
    if (is->pedal != wanted->pedal)
        add(text, ", ", is->pedal ? "with the pedal" : "without the pedal");
    if (strcmp(is->labels, wanted->labels) != 0)
        add(text, ", ",
            wanted->labels[0] == '\0' ? "with labels"
            : is->labels[0] == '\0'   ? "without labels"
                                      : "with other labels");
    if (text[0] == '\0')
        add(text, ", ", "of other words");
}

void bl_spec_command(const bl_spec *s, char text[BL_SPEC_TEXT_MAX + 1])
{
    text[0] = '\0';
    add(text, " ", "midi2remi");
    if (strcmp(s->scheme, "remi") != 0)
        add(text, " ", "--scheme %s", s->scheme);
    if (s->grid != 0)
        add(text, " ", "--grid %d", s->grid);
    if (s->chords)
        add(text, " ", "--chords");
    if (s->key && !s->common_key)
        add(text, " ", "--key");
    if (s->degrees)
        add(text, " ", "--degrees");
    if (s->common_key)
        add(text, " ", "--common-key");
    if (s->pedal)
        add(text, " ", "--pedal");
    if (s->labels[0] != '\0')
        add(text, " ", "--labels TABLE");
}
