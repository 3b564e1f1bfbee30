/* remi_chords.c - the chords of a piece in "remi", from its notes as the tokens have
 * them: what is decoded and encoded again gets the same chords. */
#include "token/chords.h"
#include "token/keys.h"
#include "token/remi.h"

#include <stdlib.h>

typedef struct {
    bl_chord_beat *beat;
    size_t n, cap;
} beats;

int bl_remi_add_item(bl_remi_items *items, bl_remi_item item, bl_err *e)
{
    void *p = items->item;
    int rc = bl_grow(&p, &items->cap, items->n + 1, sizeof item, e);
    items->item = p;
    if (rc == 0)
        items->item[items->n++] = item;
    return rc;
}

/* A quarter note; in bars of 3/8, 6/8, 9/8 ... three eighths, if the grid has them. */
static int beat_ticks(int meter, int grid)
{
    enum { THREE_EIGHTHS = 3 * REMI_TPQ / 2 };
    int num, den_log2;
    bl_remi_meter(meter, &num, &den_log2);
    int is_compound = den_log2 == 3 && num % 3 == 0 &&
                      THREE_EIGHTHS % bl_remi_position_ticks(grid) == 0;
    return is_compound ? THREE_EIGHTHS : REMI_TPQ;
}

/* The last beat of a bar may be shorter. A bar of an even number of beats has a middle.
 */
static int add_beats(beats *b, const bl_remi_bar *bar, int grid, bl_err *e)
{
    int length = bl_remi_meter_ticks(bar->meter), beat = beat_ticks(bar->meter, grid);
    for (int t = 0; t < length; t += beat) {
        void *p = b->beat;
        int rc = bl_grow(&p, &b->cap, b->n + 1, sizeof *b->beat, e);
        b->beat = p;
        if (rc != 0)
            return rc;
        b->beat[b->n++] = (bl_chord_beat){
            .start = bar->at + t,
            .length = (int32_t)bl_min(beat, length - t),
            .rank = t == 0            ? BL_BEAT_FIRST
                    : 2 * t == length ? BL_BEAT_MIDDLE
                                      : BL_BEAT_WEAK,
        };
    }
    return 0;
}

/* Tones come in order: of each pitch only parts behind those already marked are
 * visited, so that many long tones cost no more than all parts of all pitches. */
static void mark(beats *b, const bl_remi_tone *tones, size_t n)
{
    size_t now = 0, marked[128] = {0};
    for (size_t i = 0; i < n; i++) {
        const bl_remi_tone *x = &tones[i];
        while (now + 1 < b->n && b->beat[now + 1].start <= x->on)
            now++;
        size_t k =
            (size_t)bl_max((int64_t)now * BL_BEAT_PARTS, (int64_t)marked[x->pitch]);
        for (; k < b->n * BL_BEAT_PARTS; k++) {
            bl_chord_beat *beat = &b->beat[k / BL_BEAT_PARTS];
            int part = (int)(k % BL_BEAT_PARTS);
            if (beat->start + part * beat->length / BL_BEAT_PARTS >= x->off)
                break;
            if (beat->start + (part + 1) * beat->length / BL_BEAT_PARTS > x->on)
                bl_pitches_add(&beat->sound[part], x->pitch);
        }
        marked[x->pitch] = k;
    }
}

static int add_changes(bl_remi_items *chords, const uint8_t *chord, const beats *b,
                       const bl_remi_bars *bars, int grid, bl_err *e)
{
    size_t bar = 0;
    int rc = 0;
    for (size_t i = 0; i < b->n && rc == 0; i++) {
        while (bar + 1 < bars->n && bars->bar[bar + 1].at <= b->beat[i].start)
            bar++;
        if (i > 0 && chord[i] == chord[i - 1])
            continue;
        int32_t offset = b->beat[i].start - bars->bar[bar].at;
        bl_remi_moment position =
            (bl_remi_moment)(offset / bl_remi_position_ticks(grid));
        bl_remi_moment at = (bl_remi_moment)bar << REMI_POSITION_BITS | position;
        rc = bl_remi_add_item(chords, (bl_remi_item){at, chord[i], 0}, e);
    }
    return rc;
}

int bl_remi_chords_of(bl_remi_items *chords, const bl_remi_bars *bars, int grid,
                      const bl_remi_tone *tones, size_t n, bl_err *e)
{
    beats b = {0};
    int rc = 0;
    for (size_t i = 0; i < bars->n && rc == 0; i++)
        rc = add_beats(&b, &bars->bar[i], grid, e);
    uint8_t *chord = rc == 0 ? bl_calloc(b.n, 1, e) : NULL;
    if (rc == 0 && chord == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0) {
        mark(&b, tones, n);
        rc = bl_chords_find(chord, b.beat, b.n, e);
    }
    if (rc == 0)
        rc = add_changes(chords, chord, &b, bars, grid, e);
    free(chord);
    free(b.beat);
    return rc;
}

int bl_remi_key_of(const bl_song *song, const bl_remi_tone *tones, size_t n)
{
    int64_t sounds[12] = {0};
    if (song->n_keys > 0 && song->keys[0].key != BL_KEYS_MAJOR)
        return song->keys[0].key;
    for (size_t i = 0; i < n; i++)
        sounds[tones[i].pitch % 12] += tones[i].off - tones[i].on;
    return bl_key_find(sounds);
}
