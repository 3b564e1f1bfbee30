/* test_performance.c - the scheme "performance": its rules on small songs, its grammar,
 * its laws on random ones. That its tokens are note-seq's is shown by make test-golden.
 */
#include "songs.h"
#include "tap.h"

static bl_scheme *open_performance(int grid, int pedal)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s;
    need(bl_scheme_open(
             &s, &(bl_spec){.scheme = "performance", .grid = grid, .pedal = pedal}, &e),
         &e);
    return s;
}

static const char *tokens_of(const bl_scheme *s, const bl_song *song)
{
    static char text[4096];
    bl_err e = BL_ERR_INIT;
    bl_ids ids = {0};
    size_t bars;
    text[0] = '\0';
    need(bl_scheme_encode(s, song, &ids, &bars, NULL, &e), &e);
    for (size_t i = 0; i < ids.n; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, bl_words_name(bl_scheme_words(s), ids.id[i]));
    }
    bl_ids_free(&ids);
    return text;
}

static void add(bl_song *song, int on, int off, int pitch, int velocity)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_add_note(song,
                          (bl_note){.on = on,
                                    .off = off,
                                    .pitch = (uint8_t)pitch,
                                    .velocity = (uint8_t)velocity,
                                    .closed = (uint32_t)song->n_notes},
                          &e),
         &e);
}

static void press(bl_song *song, int tick, int value)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_add_pedal(song, (bl_pedal){.tick = tick, .value = (uint8_t)value}, &e),
         &e);
}

static void test_sizes(void)
{
    static const int grids[] = {100, 125}, sizes[] = {388, 413};
    for (int i = 0; i < 2; i++) {
        bl_scheme *s = open_performance(grids[i], 0);
        ok(bl_words_size(bl_scheme_words(s)) == (size_t)sizes[i] + BL_N_SPECIALS,
           "%d events at %d steps a second", sizes[i], grids[i]);
        bl_scheme_del(s);
    }
}

static void test_rules(void)
{
    bl_scheme *s = open_performance(100, 0), *p = open_performance(100, 1);
    bl_song song = {.tpq = 500}; /* a tick is a millisecond */
    add(&song, 0, 500, 60, 64);
    add(&song, 4, 1234, 64, 65);
    add(&song, 2500, 2502, 60, 127);
    ok(strcmp(tokens_of(s, &song),
              "Velocity_16 Note-On_60 Velocity_17 Note-On_64 Time-Shift_50 Note-Off_60 "
              "Time-Shift_73 Note-Off_64 Time-Shift_100 Time-Shift_27 Velocity_32 "
              "Note-On_60 Time-Shift_1 Note-Off_60") == 0,
       "shifts, velocities, a note shorter than a step");
    press(&song, 100, 127);
    press(&song, 700, 0);
    ok(strcmp(tokens_of(s, &song),
              "Velocity_16 Note-On_60 Velocity_17 Note-On_64 Time-Shift_70 Note-Off_60 "
              "Time-Shift_53 Note-Off_64 Time-Shift_100 Time-Shift_27 Velocity_32 "
              "Note-On_60 Time-Shift_1 Note-Off_60") == 0,
       "the pedal puts an end off");
    ok(strcmp(tokens_of(p, &song),
              "Velocity_16 Note-On_60 Velocity_17 Note-On_64 Time-Shift_10 Pedal_1 "
              "Time-Shift_40 Note-Off_60 Time-Shift_20 Pedal_0 Time-Shift_53 "
              "Note-Off_64 Time-Shift_100 Time-Shift_27 Velocity_32 Note-On_60 "
              "Time-Shift_1 Note-Off_60") == 0,
       "or is written itself");
    song.n_notes = song.n_pedals = 0;
    press(&song, 0, 64);
    add(&song, 0, 100, 60, 1);
    add(&song, 400, 500, 60, 1);
    add(&song, 400, 900, 72, 1);
    ok(strcmp(tokens_of(s, &song),
              "Velocity_1 Note-On_60 Time-Shift_40 Note-Off_60 Note-On_60 Note-On_72 "
              "Time-Shift_50 Note-Off_60 Note-Off_72") == 0,
       "a pitch played again ends what was held; the last event ends the rest");
    bl_song_free(&song);
    bl_scheme_del(s);
    bl_scheme_del(p);
}

/* One instrument: on each pitch notes follow each other or overlap in order. */
static void random_playing(bl_rng *r, bl_song *song, int pedal)
{
    bl_err e = BL_ERR_INIT;
    int on = 0;
    bl_song_clear(song);
    song->tpq = songs_pick(r, 24, 960);
    for (int i = songs_pick(r, 0, 80); i > 0; i--) {
        on += songs_pick(r, 0, 3) == 0 ? songs_pick(r, 0, 4000) : songs_pick(r, 0, 9);
        add(song, on, on + songs_pick(r, 1, 900), songs_pick(r, 50, 70),
            songs_pick(r, 1, 127));
        if (pedal && songs_pick(r, 0, 2) == 0)
            press(song, on, songs_pick(r, 0, 127));
    }
    if (songs_pick(r, 0, 1))
        need(bl_song_add_tempo(song, songs_pick(r, 0, 500), 300000, &e), &e);
    need(bl_song_sort(song, &e), &e);
}

static void test_laws(int grid, int pedal)
{
    bl_scheme *s = open_performance(grid, pedal);
    size_t size = bl_words_size(bl_scheme_words(s)), bars, equal = 0;
    uint8_t *mask = calloc(size, 1);
    bl_rng r = bl_rng_make(388, (uint64_t)(grid + pedal));
    bl_song song = {0}, back = {0};
    bl_ids ids = {0}, again = {0};
    int accepted = 1, agreed = 1, decoded = 1, rounds = 400;
    for (int round = 0; round < rounds; round++) {
        bl_err e = BL_ERR_INIT;
        bl_grammar g;
        random_playing(&r, &song, 1);
        ids.n = again.n = 0;
        need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
        need(bl_scheme_decode(s, ids.id, ids.n, &back, NULL, &e), &e);
        need(bl_scheme_encode(s, &back, &again, &bars, NULL, &e), &e);
        equal += ids.n == again.n &&
                 (ids.n == 0 || memcmp(ids.id, again.id, 2 * ids.n) == 0);
        bl_grammar_start(&g, s);
        for (size_t i = 0; i < ids.n; i++) {
            bl_grammar_mask(&g, mask);
            bl_grammar before = g;
            unsigned other = bl_rng_below(&r, (uint32_t)size);
            agreed &= (bl_grammar_step(&before, other) == NULL) == mask[other];
            accepted &= mask[ids.id[i]] && bl_grammar_step(&g, ids.id[i]) == NULL;
        }
        accepted &= bl_grammar_step(&g, BL_ID_EOS) == NULL;
        for (size_t i = 0; i < ids.n; i++)
            if (songs_pick(&r, 0, 3) == 0)
                ids.id[i] = (uint16_t)bl_rng_below(&r, (uint32_t)size);
        decoded &= bl_scheme_decode(s, ids.id, ids.n, &back, NULL, &e) == 0;
    }
    ok(equal == (size_t)rounds, "grid %d, pedal %d: %zu of %d fixed points", grid,
       pedal, equal, rounds);
    ok(accepted && agreed, "the grammar accepts them, masks and steps agree");
    ok(decoded, "any sequence decodes");
    free(mask);
    bl_ids_free(&ids);
    bl_ids_free(&again);
    bl_song_free(&song);
    bl_song_free(&back);
    bl_scheme_del(s);
}

/* Notes of a few pitches, many at once, that end at a few moments: which of a pitch
 * ends first is to be found again from the order of the ends. */
static void test_knots(void)
{
    bl_scheme *s = open_performance(100, 0);
    bl_rng r = bl_rng_make(7, 7);
    bl_song song = {.tpq = 500}, back = {0};
    bl_ids ids = {0}, again = {0};
    size_t bars;
    int equal = 0, rounds = 100;
    for (int round = 0; round < rounds; round++) {
        bl_err e = BL_ERR_INIT;
        bl_song_clear(&song);
        song.tpq = 500;
        for (int i = 0, on = 0; i < 120; i++) {
            on += songs_pick(&r, 0, 3) * 10;
            int off = (on + songs_pick(&r, 20, 900)) / 150 * 150 + 150;
            add(&song, on, off, songs_pick(&r, 60, 66), 64);
        }
        need(bl_song_sort(&song, &e), &e);
        ids.n = again.n = 0;
        need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
        need(bl_scheme_decode(s, ids.id, ids.n, &back, NULL, &e), &e);
        need(bl_scheme_encode(s, &back, &again, &bars, NULL, &e), &e);
        equal += ids.n == again.n && memcmp(ids.id, again.id, 2 * ids.n) == 0;
    }
    ok(equal >= rounds - rounds / 20, "knots of equal pitches: %d of %d fixed points",
       equal, rounds);
    bl_ids_free(&ids);
    bl_ids_free(&again);
    bl_song_free(&song);
    bl_song_free(&back);
    bl_scheme_del(s);
}

int main(void)
{
    test_sizes();
    test_knots();
    test_rules();
    test_laws(100, 0);
    test_laws(125, 0);
    test_laws(100, 1);
    return tap_done();
}
