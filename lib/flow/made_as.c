/* made_as.c - see made_as.h. */
#include "flow/made_as.h"

#include <stdio.h>
#include <string.h>

static int is_of(const bl_json *entry, const char *id)
{
    const char *is;
    return bl_json_str(entry, "id", &is, NULL) == 0 && strcmp(is, id) == 0;
}

/* The i-th argument of an entry, or NULL. */
static const char *arg_at(const bl_json *entry, size_t i)
{
    const bl_json *args;
    const char *arg;
    if (bl_json_get(entry, "args", &args, NULL) != 0 || i >= bl_json_size(args))
        return NULL;
    return bl_json_as_str(bl_json_at(args, i), &arg) ? arg : NULL;
}

static int begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int has_condition(const bl_json *entry)
{
    const char *arg;
    for (size_t i = 0; (arg = arg_at(entry, i)) != NULL; i++)
        if (begins(arg, "--condition="))
            return 1;
    return 0;
}

/* In quotes where a shell would read more in it. */
static void add_arg(char text[BL_MADE_AS_MAX], const char *arg)
{
    size_t n = strlen(text);
    int plain = strpbrk(arg, " *?'\"$&|;<>()[]{}\\`!~#") == NULL;
    snprintf(text + n, BL_MADE_AS_MAX - n, plain ? " %s" : " '%s'", arg);
}

int bl_made_as(const bl_json *pg, const bl_scheme *s, char text[BL_MADE_AS_MAX])
{
    const bl_json *last = NULL, *entry;
    int n = 0, is_paired = 0;
    for (size_t i = 0; pg != NULL && i < bl_json_size(pg) && !is_paired; i++) {
        entry = bl_json_at(pg, i);
        if (is_of(entry, "midi2remi")) {
            last = entry;
            n++;
        }
        is_paired = is_of(entry, "shard") && has_condition(entry);
    }
    if (!is_paired || n < 2) {
        char command[BL_SPEC_TEXT_MAX + 1];
        bl_spec_command(bl_scheme_spec(s), command);
        snprintf(text, BL_MADE_AS_MAX, "%s", command);
        return 0;
    }
    const char *arg;
    snprintf(text, BL_MADE_AS_MAX, "midi2remi");
    for (size_t i = 0; (arg = arg_at(last, i)) != NULL; i++)
        if (!begins(arg, "--max-reject") && !begins(arg, "--part="))
            add_arg(text, arg);
    return 1;
}
