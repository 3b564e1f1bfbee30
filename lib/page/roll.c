/* roll.c - see roll.h. */
#include "page/roll.h"
#include "base/instruments.h"
#include "page/roll_chords.h"
#include "token/hvo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARGIN = 30, CHORDS = 18, DRUMS = 26, GAP = 14, LANES = 6 };
enum { TITLE = 24, LEGEND = 22, LETTER = 7 };
/* Of drums alone: a row each voice, and one for drums of none. */
enum { KIT_MARGIN = 76, KIT_ROW = 13, KIT_ROWS = BL_HVO_VOICES + 1 };

/* As many as there are families. */
static const char *const colours[BL_FAMILIES] = {"fa", "fb", "fc", "fd", "fe", "ff",
                                                 "fg", "fh", "fi", "fj", "fk", "fl",
                                                 "fm", "fo", "fp", "fq"};

typedef struct {
    bl_svg *s;
    const bl_roll *roll;
    const bl_view *v;
    bl_roll_chords chords;
    int low, high; /* pitches */
    double row;    /* height of a semitone, or of a voice */
    double area;   /* height of all of them */
    double height; /* of a system */
    double margin; /* on the left */
    int has_drums;
    int is_kit; /* drums alone, so that voices take the place of pitches */
    int rows;   /* of a kit */
    const char *colour[BL_FAMILIES]; /* of the families that play, else NULL */
    size_t n_bars;
} drawing;

static void find_range(drawing *d)
{
    d->low = 127;
    d->high = 0;
    for (size_t i = 0; i < d->v->n_pitched; i++) {
        d->low = (int)bl_min(d->low, d->v->pitched[i].pitch);
        d->high = (int)bl_max(d->high, d->v->pitched[i].pitch);
    }
    if (d->v->n_pitched == 0)
        d->low = d->high = 60;
    d->low = (int)bl_max(bl_min(d->low - 1, d->high - 12), 0);
    d->high = (int)bl_min(d->high + 1, 127);
    d->row = 160.0 / (d->high - d->low + 1);
    d->row = d->row > 8 ? 8 : d->row;
    d->area = (d->high - d->low + 1) * d->row;
    d->margin = MARGIN;
}

/* The voices of a kit from the highest down, kick last: where a drum is, from 0. */
static int kit_row(const bl_note *note)
{
    int voice = bl_hvo_voice(note->pitch);
    return voice < 0 ? BL_HVO_VOICES : BL_HVO_VOICES - 1 - voice;
}

static void find_kit(drawing *d)
{
    const bl_song *song = d->v->in.song;
    d->is_kit = d->has_drums && d->v->n_pitched == 0;
    if (!d->is_kit)
        return;
    d->rows = BL_HVO_VOICES;
    for (size_t i = 0; i < song->n_notes; i++)
        d->rows = (int)bl_max(d->rows, kit_row(&song->notes[i]) + 1);
    d->row = KIT_ROW;
    d->area = d->rows * KIT_ROW;
    d->margin = KIT_MARGIN;
}

/* Families that play take the colours in their order. */
static void choose_colours(drawing *d)
{
    uint8_t plays[BL_FAMILIES] = {0};
    size_t n = 0;
    for (size_t i = 0; i < d->v->n_pitched; i++)
        plays[d->v->pitched[i].program / 8 % BL_FAMILIES] = 1;
    for (int f = 0; f < BL_FAMILIES; f++)
        if (plays[f])
            d->colour[f] = colours[n++];
}

/* Swatches and names, in as many rows as they need from y on. Returns how many. */
static int draw_legend(drawing *d, double y, int is_drawn)
{
    double x = MARGIN;
    int rows = !d->is_kit;
    for (int f = 0; f <= BL_FAMILIES; f++) {
        int is_drums = f == BL_FAMILIES;
        const char *name = is_drums ? "drums" : bl_family_name(f);
        double width = 24 + 6.2 * (double)strlen(name);
        if (is_drums ? !d->has_drums || d->is_kit : d->colour[f] == NULL)
            continue;
        if (x > MARGIN && x + width > d->roll->width) {
            x = MARGIN;
            y += LEGEND;
            rows++;
        }
        if (is_drawn) {
            bl_svg_rect(d->s, x, y, 9, 9, is_drums ? "fn" : d->colour[f], 1);
            bl_svg_text(d->s, x + 13, y + 9, "start", name);
        }
        x += width;
    }
    return rows;
}

/* Where parts of a tick are in the system that begins with bar `first`. */
static double x_of(const drawing *d, size_t first, int64_t parts)
{
    const bl_view_bar *bar = &d->v->bars[first];
    double width = (d->roll->width - d->margin - 8) / (double)d->roll->per_line;
    for (size_t k = 0; k < d->roll->per_line; k++, bar++) {
        int is_last = first + k + 1 >= d->v->n_bars || k + 1 == d->roll->per_line;
        if (!is_last && parts >= bar->start + bar->length)
            continue;
        double at = (double)(parts - bar->start) / (double)bar->length;
        at = at < 0 ? 0 : at > 1 ? 1 : at;
        return d->margin + width * ((double)k + at);
    }
    return d->roll->width - 8;
}

/* Height of what is below the pitches. */
static double below_of(const drawing *d)
{
    return d->has_drums && !d->is_kit ? DRUMS : 0;
}

static void draw_pitches(drawing *d, double top, double end)
{
    char text[16];
    for (int p = d->low; p <= d->high; p++) {
        double y = top + CHORDS + (d->high - p) * d->row;
        if (strchr("\1\3\6\10\12", p % 12) != NULL && p % 12 != 0)
            bl_svg_rect(d->s, MARGIN, y, end - MARGIN, d->row, "soft", 1);
        if (p % 12 != 0)
            continue;
        bl_svg_line(d->s, MARGIN, y + d->row, end, y + d->row, "rule");
        snprintf(text, sizeof text, "C%d", p / 12 - 1);
        bl_svg_text(d->s, MARGIN - 4, y + d->row + 3, "end", text);
    }
}

/* A row each voice, and a line each quarter. */
static void draw_voices(drawing *d, size_t first, double top, double end)
{
    size_t past = bl_min(first + d->roll->per_line, d->n_bars);
    int64_t quarter = (int64_t)d->v->in.song->tpq * BL_VIEW_PARTS;
    for (int i = 0; i < d->rows; i++) {
        double y = top + CHORDS + i * d->row;
        const char *name =
            i < BL_HVO_VOICES ? bl_hvo_voice_name(BL_HVO_VOICES - 1 - i) : "other";
        if (i % 2 == 0)
            bl_svg_rect(d->s, d->margin, y, end - d->margin, d->row, "soft", 1);
        bl_svg_text(d->s, d->margin - 6, y + d->row - 3, "end", name);
    }
    for (size_t b = first; b < past; b++) {
        const bl_view_bar *bar = &d->v->bars[b];
        for (int64_t at = quarter; quarter > 0 && at < bar->length; at += quarter) {
            double x = x_of(d, first, bar->start + at);
            bl_svg_line(d->s, x, top + CHORDS, x, top + CHORDS + d->area, "rule");
        }
    }
}

static void draw_grid(drawing *d, size_t first, double top)
{
    size_t past = bl_min(first + d->roll->per_line, d->n_bars);
    double bottom = top + CHORDS + d->area + below_of(d);
    double end =
        x_of(d, first, d->v->bars[past - 1].start + d->v->bars[past - 1].length);
    char text[16];
    if (d->is_kit)
        draw_voices(d, first, top, end);
    else
        draw_pitches(d, top, end);
    for (size_t b = first; b <= past; b++) {
        double x = b < past ? x_of(d, first, d->v->bars[b].start) : end;
        bl_svg_line(d->s, x, top + CHORDS, x, bottom, "bar");
        if (b == past)
            break;
        snprintf(text, sizeof text, "%zu", b + 1);
        if (b == first)
            bl_svg_text(d->s, d->margin - 4, top + 11, "end", text);
    }
}

/* A chord that holds is named again where a system begins. One that has no room behind
 * the one before is left out, one at the right edge ends there. */
static void draw_chords(drawing *d, size_t first, double top)
{
    size_t past = bl_min(first + d->roll->per_line, d->n_bars);
    int64_t from = d->v->bars[first].start;
    int64_t end = d->v->bars[past - 1].start + d->v->bars[past - 1].length;
    double free_from = 0;
    for (size_t i = 0; i < d->chords.n; i++) {
        const bl_roll_chord *c = &d->chords.chord[i];
        int64_t until = i + 1 < d->chords.n ? c[1].at : INT64_MAX;
        if (until <= from || c->at >= end || c->name[0] == '\0')
            continue;
        double width = LETTER * (double)strlen(c->name);
        double x = x_of(d, first, bl_max(c->at, from)) + 2;
        int is_last = x + width > d->roll->width - 2;
        if ((is_last ? d->roll->width - 2 - width : x) < free_from)
            continue;
        bl_svg_text(d->s, is_last ? d->roll->width - 2 : x, top + 11,
                    is_last ? "end" : "start", c->name);
        free_from = x + width;
    }
}

static void draw_note(drawing *d, size_t first, double top, const bl_note *note,
                      int64_t end)
{
    int64_t on = (int64_t)note->on * BL_VIEW_PARTS;
    double x = x_of(d, first, on);
    double x2 = x_of(d, first, bl_min((int64_t)note->off * BL_VIEW_PARTS, end));
    double y = top + CHORDS + (d->high - note->pitch) * d->row;
    double shade = 0.4 + 0.6 * note->velocity / 127.0;
    if (!note->drum) {
        bl_svg_rect(d->s, x, y + 0.2, fmax(x2 - x - 0.4, 1.2), d->row - 0.4,
                    d->colour[note->program / 8 % BL_FAMILIES], shade);
        return;
    }
    y = top + CHORDS;
    if (d->is_kit) /* where in the step it is struck is seen */
        bl_svg_rect(d->s, x, y + kit_row(note) * d->row + 2, 3, d->row - 4, "fa",
                    shade);
    else
        bl_svg_rect(d->s, x, y + d->area + 3 + note->pitch % LANES * 3.5, 3, 3, "fn",
                    shade);
}

static void draw_system(drawing *d, size_t first, double top)
{
    size_t past = bl_min(first + d->roll->per_line, d->n_bars);
    int64_t from = d->v->bars[first].start;
    int64_t end = d->v->bars[past - 1].start + d->v->bars[past - 1].length;
    const bl_song *song = d->v->in.song;
    draw_grid(d, first, top);
    draw_chords(d, first, top);
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *note = &song->notes[i];
        if ((int64_t)note->on * BL_VIEW_PARTS >= end)
            break;
        if ((int64_t)bl_max(note->off, note->on + 1) * BL_VIEW_PARTS > from)
            draw_note(d, first, top, note, end);
    }
    bl_svg_raw(d->s, "\n");
}

int bl_roll_draw(bl_svg *s, const bl_roll *roll, const bl_view *v, const char *label)
{
    drawing d = {.s = s, .roll = roll, .v = v};
    size_t n = v->n_music_bars > 0 ? v->n_music_bars : v->n_bars;
    d.n_bars = bl_min(n, roll->most_bars);
    d.has_drums = v->in.song->n_notes > v->n_pitched;
    find_range(&d);
    find_kit(&d);
    choose_colours(&d);
    d.height = CHORDS + d.area + below_of(&d) + GAP;
    if (s->rc == 0)
        s->rc = bl_roll_chords_of(&d.chords, v, s->e);
    size_t lines = (d.n_bars + roll->per_line - 1) / roll->per_line;
    double top = roll->is_standalone ? TITLE : 4;
    double bottom = top + fmax((double)lines, 1) * d.height;
    int legend = draw_legend(&d, bottom, 0) * LEGEND;
    bl_svg_begin(s, roll->width, bottom + legend, label, roll->is_standalone);
    if (roll->is_standalone) {
        bl_svg_printf(s, "<text x=\"%d\" y=\"16\" class=\"title\">", MARGIN);
        bl_svg_escape(s, label);
        bl_svg_raw(s, "</text>");
    }
    if (lines == 0 || v->in.song->n_notes == 0)
        bl_svg_text(s, d.margin + 8, top + CHORDS + 14, "start",
                    lines == 0 ? "no bars" : "no notes");
    for (size_t i = 0; s->rc == 0 && i < lines; i++)
        draw_system(&d, i * roll->per_line, top + d.height * (double)i);
    (void)draw_legend(&d, bottom, 1);
    bl_svg_end(s);
    free(d.chords.chord);
    return s->rc;
}
