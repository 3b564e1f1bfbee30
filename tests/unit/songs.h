/* songs.h - random songs and small helpers for the tests of lib/token. */
#ifndef SONGS_H
#define SONGS_H

#include "base/rng.h"
#include "base/song.h"
#include "token/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the test program where memory or a set-up fails: no claim could be tested. */
__attribute__((unused)) static void need(int rc, const bl_err *e)
{
    if (rc != 0) {
        printf("Bail out! %s\n", e->text);
        exit(1);
    }
}

__attribute__((unused)) static bl_scheme *open_scheme(int grid)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s;
    need(bl_scheme_open(&s, &(bl_spec){.scheme = "remi", .grid = grid}, &e), &e);
    return s;
}

/* With all options of "remi". */
__attribute__((unused)) static bl_scheme *open_full_scheme(int grid)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s;
    bl_spec spec = {.scheme = "remi",
                    .grid = grid,
                    .chords = 1,
                    .pedal = 1,
                    .labels = "Composer_Bach\nComposer_Ravel\nGenre_jig\nLive\n"};
    need(bl_scheme_open(&s, &spec, &e), &e);
    return s;
}

/* With chords as degrees of a key. */
__attribute__((unused)) static bl_scheme *open_keyed_scheme(int grid)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s;
    bl_spec spec = {
        .scheme = "remi", .grid = grid, .chords = 1, .key = 1, .degrees = 1};
    need(bl_scheme_open(&s, &spec, &e), &e);
    return s;
}

static int songs_pick(bl_rng *r, int low, int high)
{
    return low + (int)bl_rng_below(r, (uint32_t)(high - low + 1));
}

static void songs_add_note(bl_song *s, bl_rng *r, int span)
{
    bl_err e = BL_ERR_INIT;
    bl_note n = {0};
    n.on = songs_pick(r, 0, span);
    switch (songs_pick(r, 0, 5)) {
    case 0:
        n.off = n.on;
        break;
    case 1:
        n.off = n.on + songs_pick(r, 0, 100 * s->tpq);
        break;
    default:
        n.off = n.on + songs_pick(r, 0, 3 * s->tpq);
        break;
    }
    n.pitch = (uint8_t)songs_pick(r, 50, 60);
    n.velocity = (uint8_t)songs_pick(r, 1, 127);
    n.drum = songs_pick(r, 0, 3) == 0;
    n.program = (uint8_t)(songs_pick(r, 0, 3) * 42);
    n.channel = n.drum ? 9 : 0;
    need(bl_song_add_note(s, n, &e), &e);
}

static void songs_add_meter(bl_song *s, bl_rng *r, int span)
{
    bl_err e = BL_ERR_INIT;
    int tick = songs_pick(r, 0, 3) == 0 ? 0 : songs_pick(r, 0, span);
    int num = songs_pick(r, 0, 9) == 0 ? songs_pick(r, 0, 255) : songs_pick(r, 1, 7);
    int den = songs_pick(r, 0, 4) == 0 ? songs_pick(r, 0, 7) : songs_pick(r, 2, 4);
    need(bl_song_add_meter(s, tick, num, den, &e), &e);
}

/* A song of any resolution with many changes of meter, cut bars, overlapping,
 * doubled, empty and very long notes. */
__attribute__((unused)) static void random_song(bl_song *s, bl_rng *r)
{
    static const int tpqs[] = {1, 2, 5, 24, 96, 100, 384, 480, 960, 1024, 32767};
    bl_err e = BL_ERR_INIT;
    bl_song_clear(s);
    s->tpq = tpqs[songs_pick(r, 0, (int)BL_COUNT(tpqs) - 1)];
    int span = songs_pick(r, 0, 60) * s->tpq + songs_pick(r, 0, s->tpq);
    for (int n = songs_pick(r, 0, 60); n > 0; n--)
        songs_add_note(s, r, span);
    for (int n = songs_pick(r, -3, 9); n > 0; n--)
        songs_add_meter(s, r, songs_pick(r, 0, 1) ? span : s->tpq * 2);
    for (int n = songs_pick(r, -2, 6); n > 0; n--) {
        uint32_t us = (uint32_t)songs_pick(r, 1, 4000000);
        need(bl_song_add_tempo(s, songs_pick(r, 0, span + s->tpq), us, &e), &e);
    }
    s->end = songs_pick(r, 0, 1) ? songs_pick(r, 0, span * 2) : span;
    need(bl_song_sort(s, &e), &e);
}

/* Gives a song pedals: of all programs and some tracks and channels, often at ticks of
 * notes, drums and repeated values among them. */
__attribute__((unused)) static void random_pedals(bl_song *s, bl_rng *r)
{
    bl_err e = BL_ERR_INIT;
    for (int n = songs_pick(r, -20, 60); n > 0; n--) {
        int tick = songs_pick(r, 0, (int)bl_max(s->end, 0) + s->tpq);
        if (s->n_notes > 0 && songs_pick(r, 0, 1))
            tick = s->notes[songs_pick(r, 0, (int)s->n_notes - 1)].on;
        bl_pedal p = {.tick = tick,
                      .value = (uint8_t)songs_pick(r, 0, 127),
                      .program = (uint8_t)(songs_pick(r, 0, 3) * 42),
                      .drum = songs_pick(r, 0, 9) == 0,
                      .channel = (uint8_t)songs_pick(r, 0, 2),
                      .track = (uint16_t)songs_pick(r, 0, 2)};
        need(bl_song_add_pedal(s, p, &e), &e);
    }
    need(bl_song_sort(s, &e), &e);
}

__attribute__((unused)) static size_t count_kind(const bl_scheme *s, const bl_ids *ids,
                                                 const char *kind)
{
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++)
        n += strcmp(bl_scheme_kind(s, ids->id[i]), kind) == 0;
    return n;
}

__attribute__((unused)) static int ids_equal(const bl_ids *a, const bl_ids *b)
{
    return a->n == b->n &&
           (a->n == 0 || memcmp(a->id, b->id, a->n * sizeof *a->id) == 0);
}

/* Token names separated by single blanks; the caller frees with bl_buf_free. */
__attribute__((unused)) static const char *spell(bl_buf *text, const bl_scheme *s,
                                                 const bl_ids *ids)
{
    bl_err e = BL_ERR_INIT;
    text->len = 0;
    for (size_t i = 0; i < ids->n; i++)
        need(bl_buf_addf(text, &e, "%s%s", i == 0 ? "" : " ",
                         bl_words_name(bl_scheme_words(s), ids->id[i])),
             &e);
    return bl_buf_str(text, &e);
}

/* The inverse of spell. */
__attribute__((unused)) static void unspell(bl_ids *ids, const bl_scheme *s,
                                            const char *text)
{
    bl_err e = BL_ERR_INIT;
    ids->n = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        int id = bl_words_find(bl_scheme_words(s), text, len);
        if (id < 0)
            need(bl_fail(&e, BL_E_FORMAT, "no token '%.*s'", (int)len, text), &e);
        need(bl_ids_add(ids, (unsigned)id, &e), &e);
        text += len + (text[len] == ' ');
    }
}

/* Such a song as tokens, in the place of what ids hold. */
__attribute__((unused)) static void random_piece(const bl_scheme *scheme, bl_ids *ids,
                                                 bl_rng *r)
{
    bl_err e = BL_ERR_INIT;
    bl_song song = {0};
    size_t bars = 0;
    random_song(&song, r);
    ids->n = 0;
    need(bl_scheme_encode(scheme, &song, ids, &bars, NULL, &e), &e);
    bl_song_free(&song);
}

#endif
