/* test_keys.c - keys: found, in files and back; chords as degrees of them, moved and
 * asked for. */
#include "base/rng.h"
#include "midi/midi.h"
#include "songs.h"
#include "tap.h"
#include "token/chords.h"
#include "token/keys.h"
#include "token/plan.h"
#include "token/transpose.h"

/* ---- the finder ---- */

static void test_find(void)
{
    static const int scale[2][7] = {{0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 11}};
    int wrong = 0;
    for (int key = 0; key < BL_N_MUSIC_KEYS; key++) {
        int64_t sounds[12] = {0};
        for (int i = 0; i < 7; i++)
            sounds[(key % 12 + scale[key / 12][i]) % 12] += 100;
        sounds[key % 12] += 100;
        sounds[(key + 7) % 12] += 50;
        wrong += bl_key_find(sounds) != key;
    }
    ok(wrong == 0, "the scale of each key, its tonic and fifth most, is of that key");
    ok(bl_key_find((const int64_t[12]){0}) == BL_KEYS_MAJOR, "silence is in C");
}

/* ---- files ---- */

static void test_files(void)
{
    bl_err e = BL_ERR_INIT;
    bl_song song = {0}, back = {0};
    bl_buf bytes = {0};
    bl_midi_report report;
    int wrong = 0;
    for (int key = 0; key < BL_N_MUSIC_KEYS; key++) {
        bl_song_clear(&song);
        song.tpq = 480;
        need(bl_song_add_note(&song, (bl_note){.off = 480, .pitch = 60, .velocity = 9},
                              &e),
             &e);
        need(bl_song_add_key(&song, 0, key, &e), &e);
        need(bl_song_add_key(&song, 480, (key + 5) % 24, &e), &e);
        bytes.len = 0;
        need(bl_midi_write(&song, BL_WRITE_PROGRAMS, &bytes, &e), &e);
        need(bl_midi_read(bytes.data, bytes.len, BL_READ_OVERLAP, &back, &report, &e),
             &e);
        wrong += back.n_keys != 2 || back.keys[0].key != key ||
                 back.keys[1].tick != 480 || back.keys[1].key != (key + 5) % 24;
    }
    ok(wrong == 0, "all keys are written and read");
    bl_buf_free(&bytes);
    bl_song_free(&song);
    bl_song_free(&back);
}

/* Of notes of C sharp major: the file's own key counts, unless it is C major. */
static void test_own(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_keyed_scheme(4);
    bl_song song = {0};
    bl_ids ids = {0};
    bl_buf text = {0};
    static const struct {
        int key;
        const char *first;
    } cases[] = {
        {-1, "Bar TimeSig_4/4 Key_C#:maj Position_0 Chord_I:maj Tempo_120"},
        {BL_KEYS_MAJOR, "Bar TimeSig_4/4 Key_C#:maj Position_0 Chord_I:maj Tempo_120"},
        {BL_KEYS_MINOR + 10,
         "Bar TimeSig_4/4 Key_A#:min Position_0 Chord_bIII:maj Tempo_120"},
    };
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        static const uint8_t pitch[] = {61, 65, 68};
        size_t bars;
        bl_song_clear(&song);
        ids.n = 0;
        song.tpq = 4;
        for (int k = 0; k < 3; k++)
            need(bl_song_add_note(
                     &song, (bl_note){.off = 16, .pitch = pitch[k], .velocity = 9}, &e),
                 &e);
        if (cases[i].key >= 0)
            need(bl_song_add_key(&song, 0, cases[i].key, &e), &e);
        need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
        const char *got = spell(&text, s, &ids);
        ok(strncmp(got, cases[i].first, strlen(cases[i].first)) == 0, "%s",
           cases[i].first);
    }
    bl_buf_free(&text);
    bl_ids_free(&ids);
    bl_song_free(&song);
    bl_scheme_del(s);
}

/* ---- moving and reading back ---- */

/* A song moved by k encodes to its moved tokens: all but key and pitches stay. */
static void test_transposed(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_keyed_scheme(4);
    bl_rng r = bl_rng_make(14, 0);
    bl_song song = {0};
    bl_ids a = {0}, b = {0};
    int32_t map[4096];
    int wrong = 0, keys = 0, chords = 0;
    for (int i = 0; i < 300; i++) {
        int by = songs_pick(&r, -6, 6);
        size_t bars;
        random_song(&song, &r);
        a.n = b.n = 0;
        need(bl_song_add_key(&song, 0, songs_pick(&r, 1, 11), &e), &e);
        need(bl_scheme_encode(s, &song, &a, &bars, NULL, &e), &e);
        for (size_t k = 0; k < song.n_notes; k++)
            if (!song.notes[k].drum)
                song.notes[k].pitch = (uint8_t)(song.notes[k].pitch + by);
        song.keys[0].key = (uint8_t)((song.keys[0].key + by + 12) % 12);
        if (song.keys[0].key == BL_KEYS_MAJOR) /* would be found instead */
            continue;
        need(bl_scheme_encode(s, &song, &b, &bars, NULL, &e), &e);
        need(bl_transposition(s, by, map, &e), &e);
        for (size_t k = 0; k < a.n; k++) {
            int moved = map[a.id[k]] != a.id[k];
            keys += moved && strcmp(bl_scheme_kind(s, a.id[k]), "Key") == 0;
            chords += moved && strcmp(bl_scheme_kind(s, a.id[k]), "Chord") == 0;
            a.id[k] = (uint16_t)map[a.id[k]];
        }
        /* of chords that fit alike the first in the alphabet is taken: they may differ
         */
        for (size_t k = 0; k < a.n && k < b.n; k++)
            wrong +=
                a.id[k] != b.id[k] && strcmp(bl_scheme_kind(s, a.id[k]), "Key") == 0;
    }
    ok(wrong == 0 && keys > 200 && chords == 0,
       "copies in other keys have other keys, and the same degrees");
    bl_ids_free(&a);
    bl_ids_free(&b);
    bl_song_free(&song);
    bl_scheme_del(s);
}

static void test_decoded(void)
{
    static const struct {
        const char *tokens, *marker;
        int n_keys;
        size_t skipped;
    } cases[] = {
        {"Bar TimeSig_4/4 Key_D:min Position_0 Chord_V:dom7 Tempo_120", "A:dom7", 1, 0},
        {"Bar TimeSig_4/4 Key_C:maj Position_0 Chord_bVII:maj", "A#:maj", 1, 0},
        {"Bar TimeSig_4/4 Key_G:maj Position_0 Chord_N", "N", 1, 0},
        {"Bar Position_0 Chord_V:dom7 Key_D:min", "V:dom7", 1, 0},
        {"Key_D:min Bar Key_C:maj Position_0 Chord_I:min", "D:min", 1, 1},
    };
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_keyed_scheme(4);
    bl_song song = {0};
    bl_ids ids = {0};
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        size_t skipped;
        unspell(&ids, s, cases[i].tokens);
        need(bl_scheme_decode(s, ids.id, ids.n, &song, &skipped, &e), &e);
        ok((int)song.n_keys == cases[i].n_keys && song.n_markers == 1 &&
               strcmp(song.markers[0].text, cases[i].marker) == 0 &&
               skipped == cases[i].skipped,
           "%s is %s", cases[i].tokens, cases[i].marker);
    }
    bl_ids_free(&ids);
    bl_song_free(&song);
    bl_scheme_del(s);
}

/* ---- asked for ---- */

/* The only token of a kind that a plan allows where the grammar does; -1 if several. */
static int only(const bl_plan *p, const bl_plan_at *at, const bl_grammar *g)
{
    uint8_t mask[4096];
    int found = -1, n = 0;
    bl_grammar_mask(g, mask);
    for (unsigned id = 0; id < bl_words_size(bl_scheme_words(p->scheme)); id++)
        if (mask[id] && bl_plan_allows(p, at, id)) {
            found = (int)id;
            n++;
        }
    return n == 1 ? found : -1;
}

/* Draws bars of what the plan leaves no choice about; else the first that it allows. */
static void play(bl_plan *p, const char *key, int n_bars, bl_buf *text)
{
    bl_err e = BL_ERR_INIT;
    bl_grammar g;
    bl_plan_at at;
    bl_ids ids = {0};
    const bl_words *words = bl_scheme_words(p->scheme);
    bl_grammar_start(&g, p->scheme);
    bl_plan_start(&at);
    for (int bars = 0; bars < n_bars;) {
        int id = only(p, &at, &g);
        uint8_t mask[4096];
        bl_grammar_mask(&g, mask);
        if (id < 0) { /* a bar, the key, a tempo: as it comes */
            int k = bl_words_find(words, key, strlen(key));
            id = k >= 0 && mask[k] && bl_plan_allows(p, &at, (unsigned)k) ? k : -1;
        }
        int bar = bl_words_find(words, "Bar", 3);
        if (id < 0 && mask[bar] && bl_plan_allows(p, &at, (unsigned)bar))
            id = bar;
        for (int k = 4; id < 0; k++)
            id = mask[k] && bl_plan_allows(p, &at, (unsigned)k) ? k : -1;
        bars += id == bar;
        need(bl_grammar_step(&g, (unsigned)id) == NULL ? 0 : BL_E_FORMAT, &e);
        bl_plan_step(p, &at, (unsigned)id, 0);
        const char *kind = bl_scheme_kind(p->scheme, (unsigned)id);
        if (strcmp(kind, "Key") == 0 || strcmp(kind, "Chord") == 0)
            need(bl_ids_add(&ids, (unsigned)id, &e), &e);
    }
    spell(text, p->scheme, &ids);
    bl_ids_free(&ids);
}

static void test_plan(void)
{
    static const struct {
        const char *chords, *expected;
    } cases[] = {
        {"C Am F G", "Key_C:maj Chord_I:maj Chord_VI:min Chord_IV:maj Chord_V:maj"},
        {"D Bm G A7", "Key_D:maj Chord_I:maj Chord_VI:min Chord_IV:maj Chord_V:dom7"},
        {"I vi IV V7", "Key_E:min Chord_I:maj Chord_VI:min Chord_IV:maj Chord_V:dom7"},
        {"i bVII ii7 vo",
         "Key_E:min Chord_I:min Chord_bVII:maj Chord_II:min7 Chord_V:dim"},
        {"#IV N bV V:min7", "Key_E:min Chord_bV:maj Chord_N Chord_bV:maj Chord_V:min7"},
    };
    static const char *const bad[] = {"I Am", "IX", "vi/", "H", "VIII", "bI/", "i:"};
    bl_scheme *s = open_keyed_scheme(4);
    bl_buf text = {0};
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        bl_err e = BL_ERR_INIT;
        bl_plan p = {0};
        need(bl_plan_chords(&p, s, cases[i].chords, &e), &e);
        play(&p, "Key_E:min", 5, &text);
        ok(strcmp(bl_buf_str(&text, &e), cases[i].expected) == 0, "%s: %s",
           cases[i].chords, (char *)text.data);
        bl_plan_free(&p);
    }
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        bl_err e = BL_ERR_INIT;
        bl_plan p = {0};
        ok(bl_plan_chords(&p, s, bad[i], &e) == BL_E_ARG, "'%s': %s", bad[i], e.text);
        bl_plan_free(&p);
    }
    bl_buf_free(&text);
    bl_scheme_del(s);
}

/* ---- how often something begins ---- */

/* Draws a token of those that are allowed, kinds alike so that moments are often of a
 * tempo alone. -1: none is left. */
static int draw(const bl_plan *p, const bl_plan_at *at, const bl_grammar *g, bl_rng *r)
{
    uint8_t mask[4096];
    int found = -1;
    uint32_t n = 0;
    const char *last = "";
    bl_grammar_mask(g, mask);
    for (unsigned id = 0; id < bl_words_size(bl_scheme_words(p->scheme)); id++) {
        const char *kind = bl_scheme_kind(p->scheme, id);
        if (!mask[id] || id == BL_ID_EOS || !bl_plan_allows(p, at, id))
            continue;
        int is_new = strcmp(kind, last) != 0;
        if (is_new ? bl_rng_below(r, ++n) == 0
                   : strcmp(bl_scheme_kind(p->scheme, (unsigned)bl_max(found, 0)),
                            kind) == 0 &&
                         bl_rng_below(r, 8) == 0)
            found = (int)id;
        last = kind;
    }
    return found;
}

/* 1 if so many tokens could be drawn. */
static int goes_on(const bl_plan *p, int n_tokens, uint64_t seed)
{
    bl_grammar g;
    bl_plan_at at;
    bl_rng r;
    r = bl_rng_make(seed, 0);
    bl_grammar_start(&g, p->scheme);
    bl_plan_start(&at);
    for (int i = 0; i < n_tokens; i++) {
        int id = draw(p, &at, &g, &r);
        if (id < 0 || bl_grammar_step(&g, (unsigned)id) != NULL)
            return 0;
        bl_plan_step(p, &at, (unsigned)id, 0);
    }
    return 1;
}

static void test_density(void)
{
    bl_scheme *s = open_keyed_scheme(4);
    int32_t known[4096] = {0};
    static const double densities[] = {.1, 1, 3, 8, 24};
    for (size_t i = 0; i < BL_COUNT(densities); i++) {
        bl_err e = BL_ERR_INIT;
        bl_plan p = {0};
        int stuck = 0;
        need(bl_plan_density(&p, s, densities[i], known, &e), &e);
        need(bl_plan_programs(&p, s, "33,drums", &e), &e);
        bl_plan_sense(&p, s, 0);
        for (uint64_t seed = 0; seed < 40; seed++)
            stuck += !goes_on(&p, 300, seed);
        ok(stuck == 0, "density %g: %d of 40 walks end where nothing may follow",
           densities[i], stuck);
        bl_plan_free(&p);
    }
    bl_scheme_del(s);
}

int main(void)
{
    test_find();
    test_files();
    test_own();
    test_transposed();
    test_decoded();
    test_plan();
    test_density();
    return tap_done();
}
