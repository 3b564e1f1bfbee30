/* test_remi2020.c - the scheme "remi-2020" against its rules written down a second
 * time, as slowly and plainly as they read. */
#include "songs.h"
#include "tap.h"
#include "token/chords2020.h"
#include "token/scheme.h"

#include <stdlib.h>
#include <string.h>

static bl_scheme *open_2020(int chords)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *s;
    need(bl_scheme_open(&s, &(bl_spec){.scheme = "remi-2020", .chords = chords}, &e),
         &e);
    return s;
}

/* ---- chords: spans of notes, roots of pitches ---- */

typedef struct {
    int chord, score, is_none;
} judged;

static judged judge_root(const int in[12], int root)
{
    static const int core[5][4] = {
        {0, 4, -1, -1}, {0, 3, -1, -1}, {0, 3, 6, -1}, {0, 4, 8, -1}, {0, 4, 7, 10}};
    static const int points[5][12] = {
        {0, -2, -1, -2, 0, -1, -2, 1, -2, -1, -2, 0},
        {0, -2, -1, 0, -2, -1, -2, 1, -1, -2, 0, -2},
        {0, -2, -1, 0, -2, -1, 0, -2, -2, 1, -1, -2},
        {0, -2, -1, -2, 0, -1, -2, -2, 0, -1, -2, 0},
        {0, -2, -1, -2, 0, -1, -2, 0, -2, -1, 0, -2},
    };
    int has[12], quality;
    for (int i = 0; i < 12; i++)
        has[i] = in[(root + i) % 12];
    if (has[3] == has[4])
        return (judged){-1, -100, 1};
    if (has[3])
        quality = has[6] ? 2 : 1;
    else
        quality = has[8] ? 3 : has[7] && has[10] ? 4 : 0;
    int score = 0;
    for (int i = 0; i < 12; i++) {
        int of_core = 0;
        for (int k = 0; k < 4; k++)
            of_core |= core[quality][k] == i;
        score += has[i] && !of_core ? points[quality][i] : 0;
    }
    return (judged){root * 5 + quality, score, 0};
}

static judged judge_span(const bl_note *notes, size_t n, int start, int end)
{
    int in[12] = {0}, lowest[12];
    judged best = {CHORD_NONE, 0, 0};
    for (int c = 0; c < 12; c++)
        lowest[c] = 1000;
    int any = 0;
    for (size_t i = 0; i < n; i++)
        if (notes[i].on < end && notes[i].off > start) {
            int c = notes[i].pitch % 12;
            in[c] = any = 1;
            lowest[c] = notes[i].pitch < lowest[c] ? notes[i].pitch : lowest[c];
        }
    int best_low = 1000;
    for (int c = 0; any && c < 12; c++) {
        judged j = judge_root(in, c);
        if (!in[c])
            continue;
        if (best_low == 1000 || j.score > best.score ||
            (j.score == best.score && lowest[c] < best_low)) {
            best = j;
            best_low = lowest[c];
        }
    }
    return best;
}

/* The chords as the rules say, with the clean-up as a second pass. */
static size_t plain_chords(const bl_note *notes, size_t n, bl_chord *out)
{
    int end = 0;
    size_t n_out = 0, kept = 0;
    int none[512];
    for (size_t i = 0; i < n; i++)
        end = notes[i].off > end ? notes[i].off : end;
    for (int s = 0; s < end;) {
        int e4 = s + 1920 < end ? s + 1920 : end, e2 = s + 960 < end ? s + 960 : end;
        judged j4 = judge_span(notes, n, s, e4), j2 = judge_span(notes, n, s, e2);
        int longer = j4.score >= j2.score;
        none[n_out] = longer ? j4.is_none : j2.is_none;
        out[n_out++] = (bl_chord){s, longer ? j4.chord : j2.chord};
        s = longer ? e4 : e2;
    }
    for (size_t i = 0; i < n_out; i++)
        if (!none[i]) {
            out[kept] = out[i];
            out[kept].tick = kept == 0 ? 0 : out[i].tick;
            kept++;
        }
    return kept;
}

static void test_chords(void)
{
    bl_rng r = bl_rng_make(2020, 1);
    bl_note notes[40];
    bl_chord plain[512];
    int wrong = 0, tried = 0, found = 0;
    for (; tried < 3000; tried++) {
        size_t n = (size_t)songs_pick(&r, 1, 40);
        int spread = songs_pick(&r, 0, 3), on = 0;
        for (size_t i = 0; i < n; i++) {
            on += songs_pick(&r, 0, 4) * 120;
            int length = songs_pick(&r, 0, 3) == 0 ? songs_pick(&r, 0, 2) * 480
                                                   : songs_pick(&r, 0, 3000);
            notes[i] = (bl_note){
                .on = on,
                .off = on + length,
                .pitch = (uint8_t)songs_pick(&r, 60 - 20 * spread, 64 + 20 * spread)};
        }
        bl_chords fast = {0};
        int rc = bl_chords_2020(&fast, notes, n, NULL);
        size_t n_plain = plain_chords(notes, n, plain);
        int same = rc == 0 && fast.n == n_plain;
        for (size_t i = 0; same && i < n_plain; i++)
            same = fast.chord[i].tick == plain[i].tick &&
                   fast.chord[i].chord == plain[i].chord;
        wrong += !same;
        found += (int)n_plain;
        free(fast.chord);
    }
    ok(wrong == 0 && found > tried, "%d sets of notes: the chords of the plain rules",
       tried);
}

/* ---- tokens ---- */

/* The tokens of notes (on, off, pitch, velocity) as text. */
static const char *tokens_of(bl_scheme *s, bl_song *song, bl_err *e)
{
    static char text[4096];
    bl_ids ids = {0};
    size_t bars;
    text[0] = '\0';
    if (bl_scheme_encode(s, song, &ids, &bars, NULL, e) == 0)
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

static void test_rules(void)
{
    bl_scheme *s = open_2020(0);
    bl_err e = BL_ERR_INIT;
    bl_song song = {.tpq = 480};
    add(&song, 60, 200, 64, 100);    /* half a position goes down */
    add(&song, 61, 181, 60, 3);      /* more than half goes up */
    add(&song, 4000, 4090, 72, 127); /* the last line of the grid is missing */
    need(bl_song_add_tempo(&song, 0, 545454, &e), &e);   /* 110 reads 110.00009 */
    need(bl_song_add_tempo(&song, 480, 545455, &e), &e); /* 109.9999 reads 109 */
    need(bl_song_add_tempo(&song, 700, 300000, &e), &e); /* between beats: not seen */
    ok(strcmp(tokens_of(s, &song, &e),
              "Bar_None Position_1/16 Tempo-Class_mid Tempo-Value_20 "
              "Position_1/16 Note-Velocity_25 Note-On_64 Note-Duration_1 "
              "Position_2/16 Note-Velocity_0 Note-On_60 Note-Duration_1 "
              "Position_5/16 Tempo-Class_mid Tempo-Value_19 "
              "Bar_None Position_2/16 Note-Velocity_31 Note-On_72 Note-Duration_0") ==
           0,
       "grid, tempos and a silent bar as published");
    song.n_notes = 0;
    add(&song, 0, 480, 60, 64);
    e = BL_ERR_INIT;
    tokens_of(s, &song, &e);
    ok(e.code == BL_E_FORMAT && strstr(e.text, "grid") != NULL,
       "it fails where the published one fails: %s", e.text);
    song.n_tempos = 0;
    add(&song, 960, 1200, 60, 64);
    need(bl_song_add_tempo(&song, 0, 285714, &e), &e);
    e = BL_ERR_INIT;
    tokens_of(s, &song, &e);
    ok(e.code == BL_E_FORMAT && strstr(e.text, "210") != NULL, "%s", e.text);
    bl_song_free(&song);
    bl_scheme_del(s);
}

/* Any ids decode; what is encoded of a random song is accepted by the grammar, and what
 * the masks allow is what the steps accept. */
static void test_grammar(void)
{
    bl_scheme *s = open_2020(1);
    size_t size = bl_words_size(bl_scheme_words(s));
    uint8_t *mask = calloc(size, 1);
    bl_rng r = bl_rng_make(2020, 1);
    bl_song song = {0}, back = {0};
    bl_ids ids = {0};
    int accepted = 1, decoded = 1, agreed = 1;
    ok(size == 365 + BL_N_SPECIALS, "365 tokens and the specials");
    for (int round = 0; round < 300; round++) {
        bl_err e = BL_ERR_INIT;
        bl_grammar g;
        size_t bars, on = 0;
        bl_song_clear(&song);
        song.tpq = 480;
        for (int i = songs_pick(&r, 2, 60); i > 0; i--) {
            on += (size_t)songs_pick(&r, 0, 700);
            add(&song, (int)on, (int)on + songs_pick(&r, 1, 5000),
                songs_pick(&r, 0, 127), songs_pick(&r, 1, 127));
        }
        add(&song, (int)on + 130, (int)on + 200, 60, 60);
        need(bl_song_add_tempo(&song, songs_pick(&r, 0, 9) * 240, 400000, &e), &e);
        ids.n = 0;
        need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
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
    ok(accepted, "the grammar accepts what is encoded");
    ok(agreed, "masks and steps agree");
    ok(decoded, "any sequence decodes");
    free(mask);
    bl_ids_free(&ids);
    bl_song_free(&song);
    bl_song_free(&back);
    bl_scheme_del(s);
}

int main(void)
{
    test_chords();
    test_rules();
    test_grammar();
    return tap_done();
}
