/* test_remi.c - the scheme "remi": vocabulary, the worked example, its laws. */
#include "../remi_twin.h"
#include "songs.h"
#include "tap.h"

static const int grids[] = {1, 2, 3, 4, 6, 8, 12, 24};

static int is_word(const bl_scheme *s, unsigned id, const char *name)
{
    return strcmp(bl_words_name(bl_scheme_words(s), id), name) == 0;
}

static void test_vocabulary(void)
{
    bl_scheme *s = open_scheme(0);
    const bl_words *w = bl_scheme_words(s);
    ok(bl_scheme_grid(s) == 4, "the default grid is 4 positions a quarter note");
    ok(bl_words_size(w) == 1002, "1002 tokens (%zu)", bl_words_size(w));
    ok(is_word(s, BL_ID_PAD, "PAD") && is_word(s, BL_ID_BOS, "BOS") &&
           is_word(s, BL_ID_EOS, "EOS") && is_word(s, BL_ID_MASK, "MASK"),
       "specials first");
    ok(is_word(s, 4, "Bar") && is_word(s, 5, "TimeSig_1/2") &&
           is_word(s, 16, "TimeSig_4/4") && is_word(s, 156, "TimeSig_32/32"),
       "then Bar and the time signatures");
    ok(is_word(s, 157, "Position_0") && is_word(s, 220, "Position_63") &&
           is_word(s, 221, "Tempo_20") && is_word(s, 501, "Tempo_300"),
       "positions, tempos");
    ok(is_word(s, 502, "Program_0") && is_word(s, 630, "Pitch_0") &&
           is_word(s, 758, "PitchDrum_0") && is_word(s, 886, "Velocity_3") &&
           is_word(s, 917, "Velocity_127"),
       "programs, pitches, velocities");
    ok(is_word(s, 918, "Duration_1") && is_word(s, 981, "Duration_64") &&
           is_word(s, 982, "Duration_72") && is_word(s, 989, "Duration_128") &&
           is_word(s, 990, "Duration_160") && is_word(s, 1001, "Duration_512"),
       "durations in three widths");
    ok(strcmp(bl_scheme_kind(s, 758), "PitchDrum") == 0 &&
           strcmp(bl_scheme_kind(s, BL_ID_EOS), "EOS") == 0,
       "kinds");
    ok(bl_scheme_position(s, 160) == 3 && bl_scheme_position(s, 221) == -1,
       "positions are told apart");
    ok(bl_scheme_begins_bar(s, 4) && !bl_scheme_begins_bar(s, 5),
       "a line begins with Bar");
    bl_scheme_del(s);
}

/* Options come behind all other tokens. */
static void test_vocabulary_of_options(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *plain = open_scheme(4), *s = open_full_scheme(4);
    size_t size = bl_words_size(bl_scheme_words(plain));
    int same = 1;
    for (size_t id = 0; id < size; id++)
        same &= is_word(s, (unsigned)id, bl_words_name(bl_scheme_words(plain), id));
    ok(same && strcmp(bl_scheme_sha256(s), bl_scheme_sha256(plain)) != 0,
       "other tokens keep their ids, the scheme is another");
    ok(is_word(s, 1002, "Chord_C:maj") && is_word(s, 1012, "Chord_C:dim7") &&
           is_word(s, 1013, "Chord_C#:maj") && is_word(s, 1134, "Chord_N"),
       "133 chords");
    ok(is_word(s, 1135, "Pedal_off") && is_word(s, 1136, "Pedal_again") &&
           is_word(s, 1137, "Pedal_on"),
       "three movements of a pedal");
    ok(is_word(s, 1138, "Composer_Bach") && is_word(s, 1141, "Live") &&
           bl_words_size(bl_scheme_words(s)) == 1142 &&
           strcmp(bl_scheme_kind(s, 1141), "Label") == 0,
       "labels");
    bl_scheme_del(s);
    bl_spec clash = {.scheme = "remi", .labels = "Bar\n"};
    ok(bl_scheme_open(&s, &clash, &e) < 0, "a label that is a token: %s", e.text);
    bl_scheme_del(plain);
}

static void test_open(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s, *other;
    ok(bl_scheme_open(&s, &(bl_spec){.scheme = "remy"}, &e) == BL_E_ARG &&
           strstr(e.text, "remi") != NULL,
       "an unknown name is answered with the known ones: %s", e.text);
    int refused = 1;
    for (int grid = -1; grid <= 48; grid++) {
        e = BL_ERR_INIT;
        int valid = grid == 0;
        for (size_t i = 0; i < BL_COUNT(grids); i++)
            valid |= grid == grids[i];
        int rc = bl_scheme_open(&s, &(bl_spec){.scheme = "remi", .grid = grid}, &e);
        refused &= valid ? rc == 0 : rc == BL_E_ARG;
        bl_scheme_del(s);
    }
    ok(refused, "grids that do not divide 24 are refused, the others taken");
    s = open_scheme(4);
    other = open_scheme(8);
    ok(strlen(bl_scheme_sha256(s)) == 64 &&
           strcmp(bl_scheme_sha256(s), bl_scheme_sha256(other)) != 0,
       "another grid is another scheme");
    bl_scheme_del(other);
    other = open_scheme(0);
    ok(strcmp(bl_scheme_sha256(s), bl_scheme_sha256(other)) == 0,
       "the same grid is the same scheme");
    bl_scheme_del(other);
    bl_scheme_del(s);
}

/* ---- songs given by hand ---- */

static void note(bl_song *s, int on, int off, int pitch, int velocity, int program)
{
    bl_err e = BL_ERR_INIT;
    bl_note n = {.on = on,
                 .off = off,
                 .pitch = (uint8_t)pitch,
                 .velocity = (uint8_t)velocity,
                 .program = (uint8_t)(program < 128 ? program : 0),
                 .drum = program == BL_PROGRAM_DRUMS};
    need(bl_song_add_note(s, n, &e), &e);
}

static void meter(bl_song *s, int tick, int num, int den_log2)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_add_meter(s, tick, num, den_log2, &e), &e);
}

static void tempo(bl_song *s, int tick, int us)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_add_tempo(s, tick, (uint32_t)us, &e), &e);
}

static void pedal(bl_song *s, int tick, int value, int program, int track)
{
    bl_err e = BL_ERR_INIT;
    bl_pedal p = {.tick = tick,
                  .value = (uint8_t)value,
                  .program = (uint8_t)program,
                  .track = (uint16_t)track};
    need(bl_song_add_pedal(s, p, &e), &e);
}

/* Encodes the song (and frees it), compares the text; ends the scheme. */
static void encodes_with(bl_scheme *s, bl_song *song, const char *expected,
                         const char *claim)
{
    bl_err e = BL_ERR_INIT;
    bl_ids ids = {0};
    bl_buf text = {0};
    size_t bars;
    need(bl_song_sort(song, &e), &e);
    need(bl_scheme_encode(s, song, &ids, &bars, NULL, &e), &e);
    const char *got = spell(&text, s, &ids);
    if (!ok(strcmp(got, expected) == 0, "%s", claim))
        printf("# expected %s\n# but got  %s\n", expected, got);
    bl_buf_free(&text);
    bl_ids_free(&ids);
    bl_song_free(song);
    bl_scheme_del(s);
}

static void encodes_as(bl_song *song, const char *expected, const char *claim)
{
    encodes_with(open_scheme(4), song, expected, claim);
}

static bl_scheme *open_with(int chords, int pedals)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s;
    bl_spec spec = {.scheme = "remi", .chords = chords, .pedal = pedals};
    need(bl_scheme_open(&s, &spec, &e), &e);
    return s;
}

/* The example of schemas/remi-scheme.md, word for word. */
static void test_worked_example(void)
{
    bl_song s = {.tpq = 96, .end = 720};
    tempo(&s, 0, 500000);
    meter(&s, 0, 4, 2);
    note(&s, 0, 96, 60, 80, 0);
    note(&s, 0, 96, 36, 100, BL_PROGRAM_DRUMS);
    note(&s, 2, 190, 43, 64, 32);
    note(&s, 94, 144, 64, 80, 0);
    meter(&s, 288, 3, 2);
    tempo(&s, 576, 400000);
    note(&s, 600, 720, 67, 127, 0);
    encodes_as(&s,
               "Bar TimeSig_3/4 Position_0 Tempo_120 "
               "Program_0 Pitch_60 Velocity_79 Duration_8 "
               "Program_32 Pitch_43 Velocity_63 Duration_16 "
               "PitchDrum_36 Velocity_99 Duration_8 "
               "Position_4 Program_0 Pitch_64 Velocity_79 Duration_4 "
               "Bar "
               "Bar Position_0 Tempo_150 Position_1 Pitch_67 Velocity_127 Duration_10",
               "the worked example");
}

static void test_bars(void)
{
    bl_song s = {.tpq = 480, .end = 3 * 1920};
    encodes_as(&s, "Bar TimeSig_4/4 Position_0 Tempo_120 Bar Bar", "silent bars");

    s = (bl_song){.tpq = 480, .end = 1920 + 59};
    encodes_as(&s, "Bar TimeSig_4/4 Position_0 Tempo_120",
               "less than a 32nd note is no bar");
    s = (bl_song){.tpq = 480, .end = 1920 + 60};
    encodes_as(&s, "Bar TimeSig_4/4 Position_0 Tempo_120 Bar", "a 32nd note is one");

    s = (bl_song){.tpq = 480};
    encodes_as(&s, "", "nothing gives nothing");
    s = (bl_song){.tpq = 480};
    note(&s, 0, 0, 60, 1, 0);
    encodes_as(&s,
               "Bar TimeSig_4/4 Position_0 Tempo_120 "
               "Program_0 Pitch_60 Velocity_3 Duration_1",
               "a note of no length has a bar");

    s = (bl_song){.tpq = 480, .end = 2500};
    meter(&s, 0, 3, 2);
    meter(&s, 480, 3, 2);
    meter(&s, 1000, 0, 2);
    meter(&s, 2000, 4, 2);
    encodes_as(&s,
               "Bar TimeSig_3/4 Position_0 Tempo_120 "
               "Bar TimeSig_5/16 Bar TimeSig_4/4",
               "repeats and impossible ones are ignored, a change cuts the bar to the "
               "nearest sixteenth");

    s = (bl_song){.tpq = 480, .end = 1920};
    note(&s, 30, 300, 60, 64, 0);
    meter(&s, 50, 3, 2);
    encodes_as(&s,
               "Bar TimeSig_3/4 Position_0 Tempo_120 "
               "Program_0 Pitch_60 Velocity_63 Duration_5 Bar",
               "a bar cut to nothing vanishes, its note goes to the next");

    s = (bl_song){.tpq = 480, .end = 1920};
    meter(&s, 0, 6, 3);
    meter(&s, 1400, 2, 2);
    encodes_as(&s, "Bar TimeSig_6/8 Position_0 Tempo_120 Bar TimeSig_2/4",
               "a bar cut by less than half a sixteenth keeps its meter");
}

static void test_meters(void)
{
    static const struct {
        int num, den_log2;
        const char *word;
        unsigned fixes;
    } cases[] = {
        {8, 1, "8/2", 0},    {3, 0, "6/2", 1},    {5, 0, "5/2", 1},
        {6, 6, "3/32", 1},   {24, 7, "6/32", 1},  {64, 6, "32/32", 1},
        {40, 5, "20/16", 1}, {33, 5, "11/32", 1}, {18, 2, "9/4", 1},
        {17, 2, "1/4", 1},   {255, 3, "17/8", 1}, {3, 6, "4/4", 1},
        {0, 2, "4/4", 1},    {1, 5, "1/32", 0},   {64, 4, "64/16", 0},
    };
    bl_scheme *s = open_scheme(4);
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        bl_err e = BL_ERR_INIT;
        bl_scheme_fixes fixes;
        bl_ids ids = {0};
        size_t bars;
        char word[32];
        bl_song song = {.tpq = 480, .end = 7680};
        meter(&song, 0, cases[i].num, cases[i].den_log2);
        need(bl_scheme_encode(s, &song, &ids, &bars, &fixes, &e), &e);
        snprintf(word, sizeof word, "TimeSig_%s", cases[i].word);
        ok(is_word(s, ids.id[1], word) && fixes.meters == cases[i].fixes,
           "meter %d/%d is %s", cases[i].num, 1 << cases[i].den_log2, word);
        bl_ids_free(&ids);
        bl_song_free(&song);
    }
    bl_scheme_del(s);
}

static void test_moments(void)
{
    bl_song s = {.tpq = 480, .end = 1920};
    note(&s, 1859, 1900, 60, 64, 0);
    note(&s, 1860, 1900, 61, 64, 0);
    encodes_as(&s,
               "Bar TimeSig_4/4 Position_0 Tempo_120 "
               "Position_15 Program_0 Pitch_60 Velocity_63 Duration_1 "
               "Pitch_61 Velocity_63 Duration_1",
               "what would begin a bar that is not there is clamped");

    s = (bl_song){.tpq = 480, .end = 2 * 1920};
    note(&s, 1859, 1919, 60, 64, 0);
    note(&s, 1860, 1919, 61, 64, 0);
    tempo(&s, 1900, 600000);
    tempo(&s, 1920, 500000);
    tempo(&s, 3839, 400000);
    encodes_as(
        &s,
        "Bar TimeSig_4/4 Position_0 Tempo_120 "
        "Position_15 Program_0 Pitch_60 Velocity_63 Duration_1 "
        "Bar Position_0 Pitch_61 Velocity_63 Duration_1",
        "else it goes there; the last tempo of a moment holds, the one beyond is "
        "dropped");

    s = (bl_song){.tpq = 480, .end = 1920};
    note(&s, 0, 480, 60, 64, 5);
    note(&s, 0, 240, 60, 64, 5);
    note(&s, 0, 240, 60, 64, 5);
    note(&s, 0, 480, 40, 64, BL_PROGRAM_DRUMS);
    note(&s, 0, 480, 72, 64, 0);
    note(&s, 960, 1080, 50, 64, 0);
    encodes_as(&s,
               "Bar TimeSig_4/4 Position_0 Tempo_120 "
               "Program_0 Pitch_72 Velocity_63 Duration_8 "
               "Program_5 Pitch_60 Velocity_63 Duration_4 "
               "Pitch_60 Velocity_63 Duration_4 Pitch_60 Velocity_63 Duration_8 "
               "PitchDrum_40 Velocity_63 Duration_8 "
               "Position_8 Program_0 Pitch_50 Velocity_63 Duration_2",
               "order within a moment; doubled notes are kept");
}

static void test_pedals(void)
{
    bl_song s = {.tpq = 480, .end = 1920};
    note(&s, 0, 480, 60, 64, 0);
    note(&s, 0, 480, 62, 64, 8);
    pedal(&s, 50, 127, 0, 0);  /* down */
    pedal(&s, 480, 100, 0, 0); /* still */
    pedal(&s, 950, 0, 0, 0);   /* again */
    pedal(&s, 970, 64, 0, 0);
    pedal(&s, 960, 70, 8, 1); /* of two tracks */
    pedal(&s, 1200, 70, 8, 2);
    pedal(&s, 1320, 63, 8, 1);
    pedal(&s, 1560, 63, 8, 2);
    pedal(&s, 1560, 0, 40, 0);   /* whatever the program of its channel is then */
    pedal(&s, 1600, 127, 40, 0); /* of a program without notes */
    pedal(&s, 1680, 127, 8, 3);  /* down and up at once */
    pedal(&s, 1685, 0, 8, 3);
    pedal(&s, 1910, 127, 8, 3); /* beyond */
    encodes_with(open_with(0, 1), &s,
                 "Bar TimeSig_4/4 Position_0 Tempo_120 Program_0 Pedal_on Pitch_60 "
                 "Velocity_63 Duration_8 Program_8 Pitch_62 Velocity_63 Duration_8 "
                 "Position_8 Program_0 Pedal_again Program_8 Pedal_on "
                 "Position_13 Program_0 Pedal_off Program_8 Pedal_off",
                 "pedals of programs");
}

static void chord(bl_song *s, int on, int off, int low, int middle, int high)
{
    note(s, on, off, low, 64, 0);
    note(s, on, off, middle, 64, 0);
    note(s, on, off, high, 64, 0);
}

static void test_chords(void)
{
#define N(pitch, d) "Pitch_" #pitch " Velocity_63 Duration_" #d " "
    bl_song s = {.tpq = 480, .end = 3 * 1920};
    chord(&s, 0, 960, 48, 52, 55);
    chord(&s, 960, 1920, 45, 48, 52);
    chord(&s, 1920, 2880, 43, 47, 50);
    note(&s, 1920, 2880, 53, 64, 0);
    note(&s, 4000, 4100, 40, 64, BL_PROGRAM_DRUMS);
    encodes_with(open_with(1, 0), &s,
                 "Bar TimeSig_4/4 Position_0 Chord_C:maj Tempo_120 Program_0 " N(48, 16)
                     N(52, 16) N(55, 16) "Position_8 Chord_A:min " N(45, 16) N(48, 16)
                         N(52, 16) "Bar Position_0 Chord_G:dom7 " N(43, 16) N(47, 16)
                             N(50, 16) "Pitch_53 Velocity_63 Duration_16 "
                                       "Position_8 Chord_N Bar Position_1 PitchDrum_40 "
                                       "Velocity_63 Duration_2",
                 "chords from the notes that sound, drums apart");
    s = (bl_song){.tpq = 480, .end = 1440};
    meter(&s, 0, 6, 3);
    chord(&s, 0, 720, 50, 53, 57);
    chord(&s, 720, 1440, 46, 50, 53);
    encodes_with(open_with(1, 0), &s,
                 "Bar TimeSig_6/8 Position_0 Chord_D:min Tempo_120 Program_0 " N(50, 12)
                     N(53, 12) N(57, 12) "Position_6 Chord_A#:maj " N(46, 12)
                         N(50, 12) "Pitch_53 Velocity_63 Duration_12",
                 "the beats of 6/8 are of three eighths");
#undef N
}

static void test_durations(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *scheme = open_scheme(4);
    bl_scheme_fixes fixes;
    bl_song s = {.tpq = 480, .end = 40 * 1920};
    bl_ids ids = {0};
    bl_buf text = {0};
    size_t bars;
    note(&s, 0, 60 * 68, 60, 64, 0);
    note(&s, 0, 60 * 69, 61, 64, 0);
    note(&s, 0, 60 * 144, 62, 64, 0);
    note(&s, 0, 60 * 600, 63, 64, 0);
    note(&s, 39 * 1920, 41 * 1920, 64, 64, 0);
    need(bl_scheme_encode(scheme, &s, &ids, &bars, &fixes, &e), &e);
    const char *got = spell(&text, scheme, &ids);
    ok(strstr(got, "Pitch_60 Velocity_63 Duration_64 Pitch_61 Velocity_63 Duration_72 "
                   "Pitch_62 Velocity_63 Duration_128 Pitch_63 Velocity_63 "
                   "Duration_512 ") != NULL &&
           fixes.durations == 1,
       "durations go to the nearest bin, of two the shorter, the longest is counted");
    ok(bars == 41 && strstr(got, "Pitch_64 Velocity_63 Duration_64") != NULL,
       "a note that outlasts the song makes it longer");
    bl_buf_free(&text);
    bl_ids_free(&ids);
    bl_song_free(&s);
    bl_scheme_del(scheme);
}

static void test_tempos(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *scheme = open_scheme(4);
    bl_scheme_fixes fixes;
    bl_song s = {.tpq = 480, .end = 1920}, back = {0};
    bl_ids ids = {0}, again = {0};
    bl_buf text = {0};
    size_t bars;
    tempo(&s, 0, 10);
    tempo(&s, 480, 10000000);
    tempo(&s, 960, 545455);
    tempo(&s, 1440, 545400);
    need(bl_scheme_encode(scheme, &s, &ids, &bars, &fixes, &e), &e);
    ok(strcmp(spell(&text, scheme, &ids),
              "Bar TimeSig_4/4 Position_0 Tempo_300 Position_4 Tempo_20 "
              "Position_8 Tempo_110") == 0 &&
           fixes.tempos == 2,
       "tempos are clamped and counted, rounded, and stated on change");
    int all = 1;
    for (int bpm = 20; bpm <= 300; bpm++) {
        char word[64];
        snprintf(word, sizeof word, "Bar TimeSig_4/4 Position_0 Tempo_%d", bpm);
        unspell(&ids, scheme, word);
        again.n = 0;
        need(bl_scheme_decode(scheme, ids.id, ids.n, &back, NULL, &e), &e);
        need(bl_scheme_encode(scheme, &back, &again, &bars, NULL, &e), &e);
        all &= ids_equal(&ids, &again);
    }
    ok(all, "each tempo survives");
    bl_buf_free(&text);
    bl_ids_free(&ids);
    bl_ids_free(&again);
    bl_song_free(&s);
    bl_song_free(&back);
    bl_scheme_del(scheme);
}

/* ---- laws ---- */

typedef struct {
    int fixed_point, bars, notes, skipped;
} broken;

/* Counts which laws fail for one song. */
static void check_laws(const bl_scheme *s, const bl_song *song, broken *b)
{
    bl_err e = BL_ERR_INIT;
    bl_ids first = {0}, second = {0};
    bl_song back = {0};
    size_t n_bars, bars_again, skipped;
    need(bl_scheme_encode(s, song, &first, &n_bars, NULL, &e), &e);
    need(bl_scheme_decode(s, first.id, first.n, &back, &skipped, &e), &e);
    need(bl_scheme_encode(s, &back, &second, &bars_again, NULL, &e), &e);
    b->fixed_point += !ids_equal(&first, &second);
    b->skipped += skipped != 0;
    twin a = twin_of(song, bl_scheme_grid(s)), z = twin_of(&back, bl_scheme_grid(s));
    b->bars += count_kind(s, &first, "Bar") != n_bars || bars_again != n_bars ||
               (size_t)a.n_bars != n_bars;
    b->notes += !twin_notes_equal(&a, &z);
    twin_free(&a);
    twin_free(&z);
    bl_ids_free(&first);
    bl_ids_free(&second);
    bl_song_free(&back);
}

static int is_place(const bl_scheme *s, unsigned id)
{
    const char *kind = bl_scheme_kind(s, id);
    return strcmp(kind, "Position") == 0 || strcmp(kind, "Program") == 0;
}

/* 1 if the tokens of notes and tempos are the same; options stand behind all others in
 * the vocabulary, and only Position and Program may be added for them. */
static int has_same_notes(const bl_scheme *without, const bl_ids *a, const bl_ids *b)
{
    size_t i = 0, j = 0, size = bl_words_size(bl_scheme_words(without));
    for (;;) {
        while (i < a->n && is_place(without, a->id[i]))
            i++;
        while (j < b->n && (b->id[j] >= size || is_place(without, b->id[j])))
            j++;
        if (i == a->n || j == b->n)
            return i == a->n && j == b->n;
        if (a->id[i++] != b->id[j++])
            return 0;
    }
}

static void test_laws(void)
{
    bl_song song = {0};
    for (size_t i = 0; i < BL_COUNT(grids); i++) {
        bl_scheme *s = open_scheme(grids[i]);
        bl_rng r = bl_rng_make(7, (uint64_t)grids[i]);
        broken b = {0};
        for (int k = 0; k < 1000; k++) {
            random_song(&song, &r);
            check_laws(s, &song, &b);
        }
        ok(b.fixed_point == 0,
           "grid %d: encode(decode(encode x)) == encode x (%d of "
           "1000 broken)",
           grids[i], b.fixed_point);
        ok(b.bars == 0,
           "grid %d: bars of the tokens, of the count and of the twin (%d)", grids[i],
           b.bars);
        ok(b.notes == 0,
           "grid %d: each note has its bar, position, pitch, velocity, "
           "duration, program (%d)",
           grids[i], b.notes);
        ok(b.skipped == 0, "grid %d: nothing that was encoded is skipped", grids[i]);
        bl_scheme_del(s);
    }
    bl_song_free(&song);
}

/* All options: the tokens of a song without them are those that are left when theirs
 * are taken out, and the laws hold. */
static void test_options(void)
{
    bl_err e = BL_ERR_INIT;
    bl_song song = {0};
    bl_ids plain = {0}, full = {0};
    size_t bars, n_chords = 0, n_pedals = 0;
    for (size_t i = 0; i < BL_COUNT(grids); i++) {
        bl_scheme *s = open_full_scheme(grids[i]), *without = open_scheme(grids[i]);
        bl_rng r = bl_rng_make(12, (uint64_t)grids[i]);
        broken b = {0};
        int same = 1;
        for (int k = 0; k < 1000; k++) {
            random_song(&song, &r);
            random_pedals(&song, &r);
            check_laws(s, &song, &b);
            plain.n = full.n = 0;
            need(bl_scheme_encode(without, &song, &plain, &bars, NULL, &e), &e);
            need(bl_scheme_encode(s, &song, &full, &bars, NULL, &e), &e);
            n_chords += count_kind(s, &full, "Chord");
            n_pedals += count_kind(s, &full, "Pedal");
            same &= has_same_notes(without, &plain, &full);
        }
        ok(b.fixed_point == 0 && b.bars == 0 && b.notes == 0 && b.skipped == 0,
           "grid %d, all options: the laws hold (%d, %d, %d, %d of 1000 broken)",
           grids[i], b.fixed_point, b.bars, b.notes, b.skipped);
        ok(same, "grid %d: options add tokens, notes keep theirs", grids[i]);
        bl_scheme_del(s);
        bl_scheme_del(without);
    }
    ok(n_chords > 10000 && n_pedals > 10000, "%zu chords, %zu movements of pedals",
       n_chords, n_pedals);
    bl_ids_free(&plain);
    bl_ids_free(&full);
    bl_song_free(&song);
}

/* Chords as degrees of a key: the laws hold, with keys of the file and without. */
static void test_keys(void)
{
    bl_err e = BL_ERR_INIT;
    bl_song song = {0};
    bl_scheme *s = open_keyed_scheme(4);
    bl_rng r = bl_rng_make(13, 0);
    broken b = {0};
    for (int k = 0; k < 1000; k++) {
        random_song(&song, &r);
        for (int n = songs_pick(&r, 0, 2); n > 0; n--)
            need(bl_song_add_key(&song, songs_pick(&r, 0, 2000),
                                 songs_pick(&r, 0, BL_N_MUSIC_KEYS - 1), &e),
                 &e);
        need(bl_song_sort(&song, &e), &e);
        check_laws(s, &song, &b);
    }
    ok(b.fixed_point == 0 && b.bars == 0 && b.notes == 0 && b.skipped == 0,
       "degrees of a key: the laws hold (%d, %d, %d, %d of 1000 broken)", b.fixed_point,
       b.bars, b.notes, b.skipped);
    bl_scheme_del(s);
    bl_song_free(&song);
}

/* Any ids, biased to those that make music. */
static void random_ids(bl_ids *ids, const bl_scheme *s, bl_rng *r)
{
    bl_err e = BL_ERR_INIT;
    ids->n = 0;
    int music = songs_pick(r, 0, 1);
    for (int n = songs_pick(r, 0, 300); n > 0; n--) {
        unsigned id = bl_rng_below(r, (uint32_t)bl_words_size(bl_scheme_words(s)));
        if (music && songs_pick(r, 0, 9) == 0)
            id = 4;
        need(bl_ids_add(ids, id, &e), &e);
        if (music && strncmp(bl_scheme_kind(s, id), "Pitch", 5) == 0) {
            need(bl_ids_add(ids, 0, &e), &e);
            ids->id[ids->n - 1] =
                (uint16_t)bl_words_find(bl_scheme_words(s), "Velocity_63", 11);
            need(bl_ids_add(ids, (unsigned)bl_words_size(bl_scheme_words(s)) - 1, &e),
                 &e);
        }
    }
}

static int is_sound(const bl_song *s)
{
    for (size_t i = 0; i < s->n_notes; i++) {
        const bl_note *n = &s->notes[i];
        if (n->on < 0 || n->off <= n->on || n->off > s->end || n->velocity < 1 ||
            n->velocity > 127 || n->pitch > 127 || n->program > 127 || n->drum > 1)
            return 0;
        if (i > 0 && n->on < s->notes[i - 1].on)
            return 0;
    }
    for (size_t i = 0; i < s->n_meters; i++)
        if (s->meters[i].tick < 0 || s->meters[i].tick >= s->end)
            return 0;
    for (size_t i = 0; i < s->n_tempos; i++)
        if (s->tempos[i].tick < 0 || s->tempos[i].tick >= s->end)
            return 0;
    return s->tpq == 480 && s->end <= (1 << 28) - 1;
}

static void test_total(void)
{
    bl_err e = BL_ERR_INIT;
    bl_ids ids = {0};
    bl_song song = {0};
    broken b = {0};
    int sound = 1;
    size_t n_notes = 0;
    for (size_t i = 0; i < BL_COUNT(grids); i++) {
        bl_scheme *s = open_scheme(grids[i]);
        bl_rng r = bl_rng_make(8, (uint64_t)grids[i]);
        for (int k = 0; k < 500; k++) {
            random_ids(&ids, s, &r);
            need(bl_scheme_decode(s, ids.id, ids.n, &song, NULL, &e), &e);
            sound &= is_sound(&song);
            n_notes += song.n_notes;
            check_laws(s, &song, &b);
        }
        bl_scheme_del(s);
    }
    ok(sound, "any ids give a sound song (%zu notes)", n_notes);
    ok(b.fixed_point == 0 && b.bars == 0 && b.notes == 0 && b.skipped == 0,
       "and the laws hold for it");
    bl_ids_free(&ids);
    bl_song_free(&song);
}

static void test_decoding(void)
{
    static const struct {
        const char *tokens;
        size_t skipped, notes;
        const char *again;
    } cases[] = {
        {"Position_3 Pitch_60 Velocity_63 Duration_2", 0, 1,
         "Bar TimeSig_4/4 Position_0 Tempo_120 Position_3 Program_0 Pitch_60 "
         "Velocity_63 Duration_2"},
        {"TimeSig_3/8 Position_9 PitchDrum_40 Velocity_63 Duration_2", 0, 1,
         "Bar TimeSig_3/8 Position_0 Tempo_120 Position_5 PitchDrum_40 Velocity_63 "
         "Duration_2"},
        {"Bar Position_5 Pitch_60 PAD Velocity_63 MASK Duration_1 Position_2 Pitch_61 "
         "Velocity_63 Duration_1",
         1, 2,
         "Bar TimeSig_4/4 Position_0 Tempo_120 Position_2 Program_0 Pitch_61 "
         "Velocity_63 Duration_1 Position_5 Pitch_60 Velocity_63 Duration_1"},
        {"Bar Pitch_60 Velocity_63 Bar Pitch_61 Tempo_60 Velocity_63 Duration_1 "
         "TimeSig_3/4 Pitch_62",
         7, 0, "Bar TimeSig_4/4 Position_0 Tempo_120 Bar Position_0 Tempo_60"},
        {"BOS Bar EOS Bar Bar", 2, 0, "Bar TimeSig_4/4 Position_0 Tempo_120"},
        {"PAD Velocity_3 Duration_512 EOS", 2, 0, ""},
        {"Bar TimeSig_1/16 Pitch_60 Velocity_63 Duration_512", 0, 1,
         "Bar TimeSig_1/16 Position_0 Tempo_120 Program_0 Pitch_60 Velocity_63 "
         "Duration_2"},
    };
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_scheme(4);
    bl_ids ids = {0};
    bl_song song = {0};
    bl_buf text = {0};
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        size_t skipped, bars;
        unspell(&ids, s, cases[i].tokens);
        need(bl_scheme_decode(s, ids.id, ids.n, &song, &skipped, &e), &e);
        ids.n = 0;
        need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
        const char *got = spell(&text, s, &ids);
        if (!ok(skipped == cases[i].skipped && song.n_notes == cases[i].notes &&
                    strcmp(got, cases[i].again) == 0,
                "decodes: %s", cases[i].tokens))
            printf("# %zu skipped, %zu notes: %s\n", skipped, song.n_notes, got);
    }
    bl_buf_free(&text);
    bl_ids_free(&ids);
    bl_song_free(&song);
    bl_scheme_del(s);
}

static void test_bounds(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_scheme(4);
    bl_ids ids = {0}, again = {0};
    size_t bars, skipped;
    bl_song song = {.tpq = 1, .end = INT32_MAX};
    ok(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e) == BL_E_LIMIT && ids.n == 0,
       "more bars than allowed are refused: %s", e.text);
    e = BL_ERR_INIT;
    song.tpq = 0;
    ok(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e) == BL_E_ARG,
       "a song needs a resolution");

    e = BL_ERR_INIT;
    unspell(&ids, s, "Bar TimeSig_16/4 Position_0 Tempo_120");
    int bar = bl_words_find(bl_scheme_words(s), "Bar", 3);
    for (int i = 0; i < 40000; i++)
        need(bl_ids_add(&ids, (unsigned)bar, &e), &e);
    need(bl_scheme_decode(s, ids.id, ids.n, &song, &skipped, &e), &e);
    ok(song.end <= (1 << 28) - 1 && skipped > 0,
       "decoding stops at the last tick a file can have (%zu bars left out)", skipped);
    need(bl_scheme_encode(s, &song, &again, &bars, NULL, &e), &e);
    ok(again.n == ids.n - skipped && memcmp(again.id, ids.id, again.n * 2) == 0,
       "and what is left is the longest piece there is");
    bl_ids_free(&ids);
    bl_ids_free(&again);
    bl_song_free(&song);
    bl_scheme_del(s);
}

int main(void)
{
    test_vocabulary();
    test_vocabulary_of_options();
    test_open();
    test_worked_example();
    test_bars();
    test_meters();
    test_moments();
    test_pedals();
    test_chords();
    test_durations();
    test_tempos();
    test_laws();
    test_options();
    test_keys();
    test_total();
    test_decoding();
    test_bounds();
    return tap_done();
}
