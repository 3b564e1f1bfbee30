/* miditok.c - see miditok.h. */
#include "token/miditok.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of a token of a type, NULL if it is of another. */
static const char *value_of(const char *name, const char *type)
{
    size_t n = strlen(type);
    return strncmp(name, type, n) == 0 && name[n] == '_' ? name + n + 1 : NULL;
}

/* Qualities that have another name there. */
static const char *quality_of(const char *quality)
{
    static const char *const names[][2] = {{"dom7", "7dom"},
                                           {"maj7", "7maj"},
                                           {"min7", "7min"},
                                           {"hdim7", "7halfdim"},
                                           {"dim7", "7dim"}};
    for (size_t i = 0; i < BL_COUNT(names); i++)
        if (strcmp(quality, names[i][0]) == 0)
            return names[i][1];
    return quality;
}

void bl_miditok_name(const char *name, int grid, char *to, size_t size)
{
    const char *value, *colon;
    int beat = 2 * grid;
    if (strchr(name, '_') == NULL) {
        snprintf(to, size, "%s_None", name);
    } else if ((value = value_of(name, "Position")) != NULL) {
        snprintf(to, size, "Position_%d", 2 * atoi(value));
    } else if ((value = value_of(name, "Duration")) != NULL) {
        int k = atoi(value);
        snprintf(to, size, "Duration_%d.%d.%d", k / beat, k % beat, beat);
    } else if ((value = value_of(name, "Tempo")) != NULL) {
        snprintf(to, size, "Tempo_%s.0", value);
    } else if (value_of(name, "Chord") != NULL && (colon = strchr(name, ':')) != NULL) {
        snprintf(to, size, "%.*s:%s", (int)(colon - name), name, quality_of(colon + 1));
    } else {
        snprintf(to, size, "%s", name);
    }
}
