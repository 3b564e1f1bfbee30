/* voices.c - see voices.h. A voice is a channel of a track. It is judged by how much it
 * moves as one line; where it is the melody or bass but no line, its highest or lowest
 * notes are. */
#include "token/voices.h"
#include "base/mem.h"
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

enum {
    BASS_PROGRAM = 32, /* of General MIDI, eight of them */
    N_BASS_PROGRAMS = 8,
    MELODY_LEAST = 52, /* mean pitch of a melody's voice, E below middle C */
    BASS_MOST = 60,    /* of the bass's, and each pitch in chords */
    OCTAVE = 12,       /* as much as a range adds to itself */
    ENOUGH = 100,      /* beginnings that are as good as more */
    LINE_TENTHS = 9,   /* of its notes that begin alone in a line */
};

typedef struct {
    size_t from, to; /* of the list of notes */
    uint32_t id;
    size_t n, onsets, n_bass;
    int64_t pitches, sounds, covers; /* sums: pitches, lengths, time with a note */
    int low, high;
    uint8_t named[BL_ROLE_BASS + 1]; /* by role */
} voice;

typedef struct {
    const bl_song *song;
    uint64_t *list; /* [n] voice << 32 | note, sorted */
    size_t n;
    voice *voices;
    size_t n_voices, cap_voices;
    uint8_t *role;
    bl_err *e;
} voices;

/* ---- names ---- */

const char *bl_voices_name(const bl_song *song, unsigned track, size_t *len)
{
    size_t low = 0, high = song->n_names;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (song->names[mid].track < track)
            low = mid + 1;
        else
            high = mid;
    }
    *len = 0;
    if (low == song->n_names || song->names[low].track != track)
        return "";
    const char *text = song->names[low].text;
    while (*text == ' ')
        text++;
    *len = strlen(text);
    while (*len > 0 && text[*len - 1] == ' ')
        --*len;
    return text;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Whether one of the words, each ended by NUL, stands in the name. */
static int has_word(const char *name, size_t len, const char *words)
{
    for (; *words != '\0'; words += strlen(words) + 1) {
        size_t n = strlen(words);
        for (size_t at = 0; at + n <= len; at++) {
            size_t i = 0;
            while (i < n && lower(name[at + i]) == words[i])
                i++;
            if (i == n)
                return 1;
        }
    }
    return 0;
}

static int is_named_melody(const char *name, size_t len)
{
    return has_word(name, len, "melod\0vocal\0vox\0") &&
           !has_word(name, len, "back\0harm\0");
}

static int is_named_bass(const char *name, size_t len)
{
    return has_word(name, len, "bass\0") && !has_word(name, len, "bassoon\0drum\0");
}

/* ---- voices ---- */

static const bl_note *note_at(const voices *v, size_t i)
{
    return &v->song->notes[(uint32_t)v->list[i]];
}

static int list_notes(voices *v)
{
    const bl_song *s = v->song;
    v->list = bl_calloc(s->n_notes + 1, sizeof *v->list, v->e);
    if (v->list == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < s->n_notes; i++) {
        const bl_note *x = &s->notes[i];
        uint32_t id = (uint32_t)x->track << 8 | (uint32_t)x->port << 4 | x->channel;
        if (!x->drum)
            v->list[v->n++] = (uint64_t)id << 32 | i;
    }
    if (v->n > 1)
        qsort(v->list, v->n, sizeof *v->list, bl_by_uint64);
    return 0;
}

static void measure(const voices *v, voice *x)
{
    int32_t until = 0, on = -1;
    size_t len;
    const char *name = bl_voices_name(v->song, x->id >> 8, &len);
    x->low = 127;
    for (size_t i = x->from; i < x->to; i++) {
        const bl_note *n = note_at(v, i);
        x->n++;
        x->onsets += n->on != on;
        on = n->on;
        x->n_bass +=
            n->program >= BASS_PROGRAM && n->program < BASS_PROGRAM + N_BASS_PROGRAMS;
        x->pitches += n->pitch;
        x->low = (int)bl_min(x->low, n->pitch);
        x->high = (int)bl_max(x->high, n->pitch);
        x->sounds += n->off - n->on;
        if (n->off > until)
            x->covers += n->off - bl_max(n->on, until);
        until = (int32_t)bl_max(until, n->off);
    }
    x->named[BL_ROLE_MELODY] = (uint8_t)is_named_melody(name, len);
    x->named[BL_ROLE_BASS] = (uint8_t)is_named_bass(name, len);
}

static int find_voices(voices *v)
{
    for (size_t i = 0, to; i < v->n; i = to) {
        uint32_t id = (uint32_t)(v->list[i] >> 32);
        for (to = i + 1; to < v->n && v->list[to] >> 32 == id; to++)
            ;
        void *p = v->voices;
        int rc = bl_grow(&p, &v->cap_voices, v->n_voices + 1, sizeof *v->voices, v->e);
        v->voices = p;
        if (rc != 0)
            return rc;
        voice *x = &v->voices[v->n_voices++];
        *x = (voice){.from = i, .to = to, .id = id};
        measure(v, x);
    }
    return 0;
}

/* ---- which voice ---- */

/* A name that all voices have tells nothing. */
static int names_tell(const voices *v, bl_role role)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_voices; i++)
        n += v->voices[i].named[role];
    return n > 0 && n < v->n_voices;
}

static int is_line(const voice *x)
{
    return x->onsets * 10 >= x->n * LINE_TENTHS;
}

static int is_bass_program(const voice *x)
{
    return x->n_bass * 2 > x->n;
}

/* How much of a line it is: notes that begin alone, and do not overlap. */
static double alone(const voice *x)
{
    double share = (double)x->onsets / (double)x->n;
    double covers = x->sounds > 0 ? (double)x->covers / (double)x->sounds : 1;
    return share * share * covers * covers;
}

static double melody_score(const voices *v, const voice *x)
{
    int64_t least = v->n_voices > 1 ? MELODY_LEAST * (int64_t)x->n : 0;
    if (is_bass_program(x) || x->pitches < least)
        return 0;
    return (double)x->onsets * alone(x) / (x->high - x->low + OCTAVE);
}

static double bass_score(const voices *v, const voice *x)
{
    double below = BASS_MOST - (double)x->pitches / (double)x->n;
    if (v->n_voices == 1 && !is_line(x)) /* a whole piece: its mean tells nothing */
        return 1;
    return below > 0 ? (double)bl_min((int64_t)x->onsets, ENOUGH) * alone(x) * below
                     : 0;
}

/* The voice of the greatest score, the first of equal ones; NULL if all have none. */
static voice *best(const voices *v, double (*score)(const voices *v, const voice *x))
{
    voice *found = NULL;
    double most = 0;
    for (size_t i = 0; i < v->n_voices; i++) {
        double s = score(v, &v->voices[i]);
        if (s > most) {
            most = s;
            found = &v->voices[i];
        }
    }
    return found;
}

/* ---- which notes ---- */

static void take_all(const voices *v, const voice *x, bl_role role)
{
    for (size_t i = x->from; i < x->to; i++)
        if (v->role[(uint32_t)v->list[i]] == BL_ROLE_OTHER)
            v->role[(uint32_t)v->list[i]] = (uint8_t)role;
}

/* Of the notes that begin together the highest (by = 1) or lowest (-1), if none that is
 * higher or lower sounds on. */
static void take_edge(const voices *v, const voice *x, int by, bl_role role)
{
    int32_t until[128] = {0}; /* where each pitch ends */
    for (size_t i = x->from, to; i < x->to; i = to) {
        const bl_note *edge = note_at(v, i);
        size_t which = i;
        for (to = i; to < x->to && note_at(v, to)->on == note_at(v, i)->on; to++)
            if (by * note_at(v, to)->pitch > by * edge->pitch) {
                edge = note_at(v, to);
                which = to;
            }
        int p = edge->pitch + by;
        while (p >= 0 && p < 128 && until[p] <= edge->on)
            p += by;
        uint8_t *own = &v->role[(uint32_t)v->list[which]];
        int is_low = by > 0 || edge->pitch < BASS_MOST;
        if (is_low && (p < 0 || p > 127) && *own == BL_ROLE_OTHER)
            *own = (uint8_t)role;
        for (size_t k = i; k < to; k++) {
            const bl_note *n = note_at(v, k);
            until[n->pitch] = (int32_t)bl_max(until[n->pitch], n->off);
        }
    }
}

static void take(const voices *v, const voice *x, int by, bl_role role)
{
    if (is_line(x))
        take_all(v, x, role);
    else
        take_edge(v, x, by, role);
}

static void find_melody(voices *v)
{
    if (names_tell(v, BL_ROLE_MELODY)) {
        for (size_t i = 0; i < v->n_voices; i++)
            if (v->voices[i].named[BL_ROLE_MELODY])
                take_all(v, &v->voices[i], BL_ROLE_MELODY);
        return;
    }
    voice *x = best(v, melody_score);
    if (x != NULL)
        take(v, x, 1, BL_ROLE_MELODY);
}

static void find_bass(voices *v)
{
    int named = names_tell(v, BL_ROLE_BASS), found = 0;
    for (size_t i = 0; i < v->n_voices; i++)
        if (named ? v->voices[i].named[BL_ROLE_BASS] : is_bass_program(&v->voices[i])) {
            take_all(v, &v->voices[i], BL_ROLE_BASS);
            found = 1;
        }
    voice *x = found ? NULL : best(v, bass_score);
    if (x != NULL)
        take(v, x, -1, BL_ROLE_BASS);
}

int bl_voices_roles(uint8_t *role, const bl_song *song, bl_err *e)
{
    voices v = {.song = song, .role = role, .e = e};
    memset(role, BL_ROLE_OTHER, song->n_notes);
    int rc = list_notes(&v);
    if (rc == 0)
        rc = find_voices(&v);
    if (rc == 0) {
        find_melody(&v);
        find_bass(&v);
    }
    free(v.list);
    free(v.voices);
    return rc;
}
