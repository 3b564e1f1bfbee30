/* parts.c - see parts.h. */
#include "token/parts.h"
#include "base/instruments.h"
#include "base/mem.h"
#include "token/voices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- their names ---- */

static int parse_track(bl_parts *p, const char *text, size_t len, bl_err *e)
{
    if (len == 0 || len > BL_PART_NAME_MAX)
        return bl_fail(e, BL_E_ARG, "track= wants a name of 1 to %d bytes",
                       BL_PART_NAME_MAX);
    if (p->n_tracks == BL_PARTS_MAX)
        return bl_fail(e, BL_E_ARG, "more than %d names of tracks", BL_PARTS_MAX);
    memcpy(p->track[p->n_tracks], text, len);
    p->track[p->n_tracks++][len] = '\0';
    return 0;
}

static int parse_program(bl_parts *p, const char *text, size_t len, bl_err *e)
{
    int is_drums = 0, shown = (int)bl_min((int64_t)len, 40);
    if (!bl_instruments_word(text, len, p->program, &is_drums))
        return bl_fail(e, BL_E_ARG,
                       "program= wants A or A-B, numbers of 0 to 127, a family such as "
                       "piano or strings, or a name such as violin, not '%.*s'",
                       shown, text);
    if (is_drums)
        return bl_fail(e, BL_E_ARG,
                       "program=%.*s: drums have no program, they are a part of their "
                       "own: drums",
                       shown, text);
    return 0;
}

/* What else a part is called, or the name of an instrument or a track alone. */
static int fail_part(const char *text, size_t len, bl_err *e)
{
    static const struct {
        const char *word, *part;
    } also[] = {{"drum", "drums"},      {"percussion", "drums"}, {"kit", "drums"},
                {"melodies", "melody"}, {"lead", "melody"},      {"tune", "melody"},
                {"chord", "chords"},    {"harmony", "chords"}};
    uint8_t program[BL_PROGRAMS];
    char hint[96] = "";
    int is_drums, shown = (int)bl_min((int64_t)len, 40);
    for (size_t i = 0; i < BL_COUNT(also); i++)
        if (strlen(also[i].word) == len && strncasecmp(also[i].word, text, len) == 0)
            snprintf(hint, sizeof hint, "; '%s' is", also[i].part);
    if (hint[0] == '\0' && bl_instruments_word(text, len, program, &is_drums))
        snprintf(hint, sizeof hint, "; 'program=%.*s' is", shown, text);
    else if (hint[0] == '\0' && len > 0)
        snprintf(hint, sizeof hint, "; 'track=%.*s' is, of a track called so", shown,
                 text);
    return bl_fail(e, BL_E_ARG,
                   "'%.*s' is no part%s; there are melody, bass, drums, chords, "
                   "track=NAME and program=A-B",
                   shown, text, hint);
}

static int parse_one(bl_parts *p, const char *text, size_t len, bl_err *e)
{
    const struct {
        const char *name;
        uint8_t *is;
    } own[] = {{"melody", &p->melody},
               {"bass", &p->bass},
               {"drums", &p->drums},
               {"chords", &p->chords}};
    static const char track[] = "track=", program[] = "program=";
    p->n++;
    for (size_t i = 0; i < BL_COUNT(own); i++)
        if (strlen(own[i].name) == len && memcmp(own[i].name, text, len) == 0) {
            *own[i].is = 1;
            return 0;
        }
    if (strncmp(text, track, sizeof track - 1) == 0)
        return parse_track(p, text + sizeof track - 1, len - (sizeof track - 1), e);
    if (strncmp(text, program, sizeof program - 1) == 0)
        return parse_program(p, text + sizeof program - 1, len - (sizeof program - 1),
                             e);
    return fail_part(text, len, e);
}

int bl_parts_parse(bl_parts *p, const char *text, bl_err *e)
{
    *p = (bl_parts){.text = text};
    for (;;) {
        size_t len = strcspn(text, ",");
        int rc = parse_one(p, text, len, e);
        if (rc != 0 || text[len] == '\0')
            return rc;
        text += len + 1;
    }
}

/* ---- their notes ---- */

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* '*' stands for any bytes, '?' for one; capitals are as small letters. A star is tried
 * anew from where it matched last: no recursion, at most a product of the lengths. */
static int matches(const char *pattern, const char *text, size_t len)
{
    const char *star = NULL, *p = pattern;
    size_t i = 0, from = 0;
    while (i < len) {
        if (*p == '*') {
            star = ++p;
            from = i;
        } else if (*p != '\0' && (*p == '?' || lower(*p) == lower(text[i]))) {
            p++;
            i++;
        } else if (star != NULL) {
            p = star;
            i = ++from;
        } else {
            return 0;
        }
    }
    while (*p == '*')
        p++;
    return *p == '\0';
}

static int is_named(const bl_parts *p, const bl_song *song, unsigned track)
{
    size_t len;
    const char *name = bl_voices_name(song, track, &len);
    for (int i = 0; i < p->n_tracks; i++)
        if (matches(p->track[i], name, len))
            return 1;
    return 0;
}

/* Of each track that has a name matched; NULL where none is asked for. */
static int match_tracks(const bl_parts *p, const bl_song *song, uint8_t **named,
                        bl_err *e)
{
    *named = bl_calloc(UINT16_MAX + 1, 1, e);
    if (*named == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < song->n_names && p->n_tracks > 0; i++)
        (*named)[song->names[i].track] =
            (uint8_t)is_named(p, song, song->names[i].track);
    return 0;
}

static int is_of(const bl_parts *p, const bl_note *n, uint8_t role,
                 const uint8_t *named)
{
    return (p->melody && role == BL_ROLE_MELODY) || (p->bass && role == BL_ROLE_BASS) ||
           (p->drums && n->drum) || (!n->drum && p->program[n->program & 127]) ||
           named[n->track];
}

static void keep_end(bl_song *song)
{
    for (size_t i = 0; i < song->n_notes; i++)
        song->end = (int32_t)bl_max(song->end, song->notes[i].off);
}

int bl_parts_take(const bl_parts *p, int is_drop, bl_song *song, bl_err *e)
{
    uint8_t *named = NULL, *role = bl_calloc(song->n_notes + 1, 1, e);
    int rc = role == NULL ? BL_E_NOMEM : match_tracks(p, song, &named, e);
    if (rc == 0 && (p->melody || p->bass))
        rc = bl_voices_roles(role, song, e);
    if (rc == 0)
        keep_end(song);
    size_t kept = 0;
    for (size_t i = 0; i < song->n_notes && rc == 0; i++) {
        const bl_note n = song->notes[i];
        if (is_of(p, &n, role[i], named) != is_drop)
            song->notes[kept++] = n;
        else
            rc = bl_song_add_aside(song, n, e);
    }
    if (rc == 0)
        song->n_notes = kept;
    song->hides_chords = is_drop && p->chords;
    free(named);
    free(role);
    return rc;
}
