/* test_performance.c - the scheme "performance": its rules on small songs, its grammar,
 * its laws on random ones. That its tokens are note-seq's is shown by make test-golden.
 */
#include "songs.h"
#include "tap.h"
#include "token/performance.h"

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
    ok(equal == rounds, "knots of equal pitches: %d of %d fixed points", equal, rounds);
    bl_ids_free(&ids);
    bl_ids_free(&again);
    bl_song_free(&song);
    bl_song_free(&back);
    bl_scheme_del(s);
}

/* The first order of ends [n] that fits, by trying all: 1 if there is one. */
static int try_all(const bl_perf_end *ends, int n, const bl_note *notes, int n_notes,
                   int j, int32_t last, unsigned taken)
{
    if (j == n)
        return 1;
    int32_t least = j > 0 && ends[j].step == ends[j - 1].step ? last + 1 : 0;
    for (int32_t i = least; i < n_notes; i++)
        if ((taken >> i & 1) == 0 && notes[i].pitch == notes[ends[j].note].pitch &&
            (int32_t)notes[i].closed < ends[j].step &&
            try_all(ends, n, notes, n_notes, j + 1, i, taken | 1u << i))
            return 1;
    return 0;
}

/* Each end takes a note of its pitch that began before it, no two the same. */
static int is_matching(const bl_perf_end *ends, const bl_perf_end *old, int n,
                       const bl_note *notes)
{
    unsigned taken = 0;
    for (int j = 0; j < n; j++) {
        int32_t i = ends[j].note;
        if (taken >> i & 1 || notes[i].pitch != notes[old[j].note].pitch ||
            (int32_t)notes[i].closed >= ends[j].step || ends[j].step != old[j].step)
            return 0;
        taken |= 1u << i;
    }
    return 1;
}

static int is_ordered(const bl_perf_end *ends, int n)
{
    for (int j = 1; j < n; j++)
        if (ends[j].step == ends[j - 1].step && ends[j].note < ends[j - 1].note)
            return 0;
    return 1;
}

/* Notes that begin and end as chance has it, the oldest of a pitch first; some never
 * end. Returns the number of ends. */
static int random_ends(bl_rng *r, bl_note *notes, int *n_notes, bl_perf_end *ends)
{
    int n = 0, began = 0, ended[3] = {0};
    for (int step = 0; step < 12; step++) {
        int last = songs_pick(r, 0, 4);
        for (int k = 0; k < last; k++) {
            int pitch = songs_pick(r, 0, 2), i = ended[pitch];
            while (i < began && notes[i].pitch != pitch)
                i++;
            if (i == began || (int32_t)notes[i].closed >= step)
                continue;
            ended[pitch] = i + 1;
            ends[n++] = (bl_perf_end){step, i};
        }
        for (int k = songs_pick(r, 0, 4); k > 0 && began < 14; k--)
            notes[began++] = (bl_note){.pitch = (uint8_t)songs_pick(r, 0, 2),
                                       .closed = (uint32_t)step};
    }
    *n_notes = began;
    return n;
}

/* An order is found where trying all finds one, and nothing changes where none is. */
static void test_ends(void)
{
    bl_rng r = bl_rng_make(11, 0);
    int wrong = 0, lost = 0, solved = 0, none = 0;
    for (int round = 0; round < 20000; round++) {
        bl_err e = BL_ERR_INIT;
        bl_note notes[14] = {0};
        bl_perf_end ends[64], old[64];
        int n_notes, n = random_ends(&r, notes, &n_notes, ends);
        memcpy(old, ends, sizeof ends);
        need(bl_perf_order_ends(ends, (size_t)n, notes, (size_t)n_notes, &e), &e);
        wrong += !is_matching(ends, old, n, notes);
        if (is_ordered(old, n))
            continue;
        if (try_all(old, n, notes, n_notes, 0, -1, 0)) {
            solved++;
            lost += !is_ordered(ends, n);
        } else
            none++;
    }
    ok(wrong == 0, "every end takes a note of its own: %d do not", wrong);
    ok(lost == 0 && solved > 100 && none > 100,
       "order is found where there is one: %d, not found %d, none %d", solved, lost,
       none);
}

int main(void)
{
    test_ends();
    test_sizes();
    test_knots();
    test_rules();
    test_laws(100, 0);
    test_laws(125, 0);
    test_laws(100, 1);
    return tap_done();
}
