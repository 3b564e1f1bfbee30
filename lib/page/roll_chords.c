/* roll_chords.c - see roll_chords.h. */
#include "page/roll_chords.h"

#include <stdio.h>
#include <string.h>

/* As musicians write the qualities of both schemes. */
static const struct {
    const char *quality, *symbol;
} symbols[] = {
    {"maj", ""},      {"min", "m"},      {"dim", "dim"},   {"aug", "+"},
    {"sus2", "sus2"}, {"sus4", "sus4"},  {"dom7", "7"},    {"dom", "7"},
    {"maj7", "maj7"}, {"hdim7", "m7b5"}, {"dim7", "dim7"}, {"min7", "m7"},
};

/* Of "C:min7" or "bVII:maj", which a token or a marker says; "" for no chord. */
static void name_chord(const char *text, char name[12])
{
    size_t root = strcspn(text, ":");
    name[0] = '\0';
    if (text[0] == 'N' || text[root] == '\0' || root > 4)
        return;
    for (size_t i = 0; i < BL_COUNT(symbols); i++)
        if (strcmp(text + root + 1, symbols[i].quality) == 0)
            snprintf(name, 12, "%.*s%s", (int)root, text, symbols[i].symbol);
}

static int add(bl_roll_chords *c, int64_t at, const char *text, bl_err *e)
{
    bl_roll_chord chord = {.at = at};
    void *array = c->chord;
    name_chord(text, chord.name);
    if (c->n > 0 && strcmp(c->chord[c->n - 1].name, chord.name) == 0)
        return 0;
    int rc = bl_grow(&array, &c->cap, c->n + 1, sizeof chord, e);
    c->chord = array;
    if (rc == 0)
        c->chord[c->n++] = chord;
    return rc;
}

/* Tokens say bars and positions, which the view has, too. */
static int read_tokens(bl_roll_chords *c, const bl_view *v, const bl_scheme *scheme,
                       const bl_ids *ids, bl_err *e)
{
    static const char prefix[] = "Chord_";
    int64_t step = (int64_t)v->in.song->tpq * BL_VIEW_PARTS / bl_scheme_grid(scheme);
    size_t bar = 0;
    int position = 0, rc = 0;
    for (size_t i = 0; i < ids->n && rc == 0; i++) {
        unsigned id = ids->id[i];
        bar += (size_t)bl_scheme_begins_bar(scheme, id);
        if (bl_scheme_position(scheme, id) >= 0)
            position = bl_scheme_position(scheme, id);
        if (bl_scheme_meaning(scheme, id) == BL_IS_CHORD && bar > 0 && bar <= v->n_bars)
            rc = add(c, v->bars[bar - 1].start + position * step,
                     bl_words_name(bl_scheme_words(scheme), id) + strlen(prefix), e);
    }
    return rc;
}

static int find(bl_roll_chords *c, const bl_view *v, bl_err *e)
{
    const bl_spec spec = {.scheme = "remi", .chords = 1};
    bl_scheme *scheme = NULL;
    bl_scheme_fixes fixes = {0};
    bl_ids ids = {0};
    size_t bars = 0;
    bl_song song = *v->in.song; /* in the bars of the view */
    bl_meter meter = {0, v->in.meter_num, v->in.meter_den_log2};
    if (v->in.meter_num > 0) {
        song.meters = &meter;
        song.n_meters = 1;
    }
    int rc = bl_scheme_open(&scheme, &spec, e);
    if (rc == 0)
        rc = bl_scheme_encode(scheme, &song, &ids, &bars, &fixes, e);
    if (rc == 0)
        rc = read_tokens(c, v, scheme, &ids, e);
    if (rc == BL_E_LIMIT && e != NULL) { /* a picture without chords, then */
        *e = BL_ERR_INIT;
        rc = 0;
    }
    bl_ids_free(&ids);
    bl_scheme_del(scheme);
    return rc;
}

int bl_roll_chords_of(bl_roll_chords *c, const bl_view *v, bl_err *e)
{
    const bl_song *song = v->in.song;
    int rc = 0;
    if (song->n_markers == 0)
        return v->n_pitched > 0 ? find(c, v, e) : 0;
    for (size_t i = 0; i < song->n_markers && rc == 0; i++)
        rc = add(c, (int64_t)song->markers[i].tick * BL_VIEW_PARTS,
                 song->markers[i].text, e);
    return rc;
}
