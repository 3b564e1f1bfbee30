/* test_remi_midi.c - the fixed point of "remi" through the bytes of MIDI files. */
#include "../remi_twin.h"
#include "midi/midi.h"
#include "songs.h"
#include "tap.h"

/* song -> tokens -> song -> MIDI -> song -> tokens: counts what differs. */
static void check(const bl_scheme *s, const bl_song *song, int *tokens_differ,
                  int *notes_differ)
{
    bl_err e = BL_ERR_INIT;
    bl_midi_report report = {0};
    bl_ids first = {0}, second = {0};
    bl_song decoded = {0}, back = {0};
    bl_buf bytes = {0};
    size_t bars;
    need(bl_scheme_encode(s, song, &first, &bars, NULL, &e), &e);
    need(bl_scheme_decode(s, first.id, first.n, &decoded, NULL, &e), &e);
    need(bl_midi_write(&decoded, BL_WRITE_PROGRAMS, &bytes, &e), &e);
    need(bl_midi_read(bytes.data, bytes.len, BL_READ_OVERLAP, &back, &report, &e), &e);
    need(bl_scheme_encode(s, &back, &second, &bars, NULL, &e), &e);
    *tokens_differ += !ids_equal(&first, &second);
    twin a = twin_of(song, bl_scheme_grid(s)), z = twin_of(&back, bl_scheme_grid(s));
    *notes_differ += !twin_notes_equal(&a, &z) || a.n_bars != z.n_bars;
    twin_free(&a);
    twin_free(&z);
    bl_ids_free(&first);
    bl_ids_free(&second);
    bl_song_free(&decoded);
    bl_song_free(&back);
    bl_buf_free(&bytes);
}

/* More programs than channels, so that channels are shared. */
static void spread_programs(bl_song *song, bl_rng *r)
{
    for (size_t i = 0; i < song->n_notes; i++)
        song->notes[i].program = (uint8_t)songs_pick(r, 0, 40);
    for (size_t i = 0; i < song->n_pedals; i++)
        song->pedals[i].program = (uint8_t)songs_pick(r, 0, 40);
}

static void test_options(void)
{
    static const int grids[] = {3, 4, 6, 12};
    bl_song song = {0};
    for (size_t i = 0; i < BL_COUNT(grids); i++) {
        bl_scheme *s = open_full_scheme(grids[i]);
        bl_rng r = bl_rng_make(13, (uint64_t)grids[i]);
        int tokens_differ = 0, notes_differ = 0;
        for (int k = 0; k < 200; k++) {
            random_song(&song, &r);
            random_pedals(&song, &r);
            if (k % 2 == 0)
                spread_programs(&song, &r);
            check(s, &song, &tokens_differ, &notes_differ);
        }
        ok(tokens_differ == 0 && notes_differ == 0,
           "grid %d, all options: the same tokens, notes and bars (%d, %d not)",
           grids[i], tokens_differ, notes_differ);
        bl_scheme_del(s);
    }
    bl_song_free(&song);
}

int main(void)
{
    static const int grids[] = {1, 4, 12};
    bl_song song = {0};
    for (size_t i = 0; i < BL_COUNT(grids); i++) {
        bl_scheme *s = open_scheme(grids[i]);
        bl_rng r = bl_rng_make(11, (uint64_t)grids[i]);
        int tokens_differ = 0, notes_differ = 0;
        for (int k = 0; k < 200; k++) {
            random_song(&song, &r);
            check(s, &song, &tokens_differ, &notes_differ);
        }
        ok(tokens_differ == 0, "grid %d: the same tokens after a MIDI file (%d not)",
           grids[i], tokens_differ);
        ok(notes_differ == 0, "grid %d: the same notes and bars (%d not)", grids[i],
           notes_differ);
        bl_scheme_del(s);
    }
    bl_song_free(&song);
    test_options();
    return tap_done();
}
