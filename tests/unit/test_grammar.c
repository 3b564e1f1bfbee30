/* test_grammar.c - the automaton of "remi": what is encoded is accepted, what it lets
 * be drawn is music, what is wrong is named. */
#include "songs.h"
#include "tap.h"
#include "token/pace.h"

#include <math.h>

static const int grids[] = {1, 4, 6, 24};

/* Counts violations, EOS included. */
static int violations(const bl_scheme *s, const bl_ids *ids)
{
    bl_grammar g;
    int n = 0;
    bl_grammar_start(&g, s);
    n += bl_grammar_step(&g, BL_ID_BOS) != NULL;
    for (size_t i = 0; i < ids->n; i++)
        n += bl_grammar_step(&g, ids->id[i]) != NULL;
    return n + (bl_grammar_step(&g, BL_ID_EOS) != NULL);
}

static bl_scheme *open_options(int options, int grid)
{
    return options == 0   ? open_scheme(grid)
           : options == 1 ? open_full_scheme(grid)
                          : open_keyed_scheme(grid);
}

static const char *const with_options[] = {"", ", all options", ", degrees of a key"};

static void test_encoded(int options)
{
    bl_err e = BL_ERR_INIT;
    bl_song song = {0};
    bl_ids ids = {0};
    for (size_t i = 0; i < BL_COUNT(grids); i++) {
        bl_scheme *s = open_options(options, grids[i]);
        bl_rng r = bl_rng_make(9, (uint64_t)grids[i]);
        int wrong = 0;
        for (int k = 0; k < 1000; k++) {
            size_t bars;
            random_song(&song, &r);
            random_pedals(&song, &r);
            ids.n = 0;
            need(bl_scheme_encode(s, &song, &ids, &bars, NULL, &e), &e);
            wrong += violations(s, &ids) != 0;
        }
        ok(wrong == 0, "grid %d%s: all of 1000 encoded songs are accepted (%d not)",
           grids[i], with_options[options], wrong);
        bl_scheme_del(s);
    }
    bl_ids_free(&ids);
    bl_song_free(&song);
}

/* The mask, and 1 if it agrees with a step of each token. */
static int mask_is_right(const bl_grammar *g, uint8_t *mask, size_t size)
{
    bl_grammar_mask(g, mask);
    for (size_t id = 0; id < size; id++) {
        bl_grammar copy = *g;
        if (mask[id] != (bl_grammar_step(&copy, (unsigned)id) == NULL))
            return 0;
    }
    return 1;
}

static int draw(const uint8_t *mask, size_t size, bl_rng *r)
{
    uint32_t n = 0;
    for (size_t id = 0; id < size; id++)
        n += mask[id];
    if (n == 0)
        return -1;
    uint32_t k = bl_rng_below(r, n);
    for (size_t id = 0;; id++)
        if (mask[id] && k-- == 0)
            return (int)id;
}

/* Draws a kind first, then a token of it: else pieces of five tokens would be rare. */
static int draw_by_kind(const bl_scheme *s, uint8_t *mask, size_t size, bl_rng *r)
{
    int id = draw(mask, size, r);
    for (int tries = songs_pick(r, 0, 3); id >= 0 && tries > 0; tries--) {
        int other = (int)bl_rng_below(r, (uint32_t)size);
        const char *kind = bl_scheme_kind(s, (unsigned)other);
        if (mask[other] && (strcmp(kind, "PitchDrum") == 0 || tries == 1))
            id = other;
    }
    return id;
}

static void sample(bl_ids *ids, const bl_scheme *s, bl_rng *r, int *masks_right)
{
    enum { LONGEST = 400 };
    bl_err e = BL_ERR_INIT;
    uint8_t mask[2048];
    size_t size = bl_words_size(bl_scheme_words(s));
    bl_grammar g;
    ids->n = 0;
    bl_grammar_start(&g, s);
    for (;;) {
        if (ids->n % 16 == 0)
            *masks_right &= mask_is_right(&g, mask, size);
        bl_grammar_mask(&g, mask);
        if (ids->n > 0 && ids->n < LONGEST)
            mask[BL_ID_EOS] = 0;
        int id = ids->n >= LONGEST && mask[BL_ID_EOS] ? BL_ID_EOS
                                                      : draw_by_kind(s, mask, size, r);
        if (id < 0)
            need(bl_fail(&e, BL_E_FORMAT, "the grammar allows nothing"), &e);
        need(bl_grammar_step(&g, (unsigned)id) == NULL ? 0 : BL_E_FORMAT, &e);
        if (id == BL_ID_EOS)
            return;
        if (id != BL_ID_BOS)
            need(bl_ids_add(ids, (unsigned)id, &e), &e);
    }
}

static int is_one_of(const char *kind, const char *const *kinds)
{
    for (; *kinds != NULL; kinds++)
        if (strcmp(kind, *kinds) == 0)
            return 1;
    return 0;
}

/* A token sequence without what may change. Durations may reach beyond the end. Notes
 * of one pitch at one moment differ in velocity and duration only, so that their
 * velocities may be swapped. Labels are not of the music; chords are found anew; pedals
 * of programs without notes go, and with both the positions and programs stated for
 * them alone. */
static void without_lengths(bl_ids *ids, const bl_scheme *s)
{
    static const char *const lengths[] = {"Duration", "Velocity", NULL};
    static const char *const options[] = {"Label",   "Chord", "Pedal", "Position",
                                          "Program", "Key",   NULL};
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++) {
        const char *kind = bl_scheme_kind(s, ids->id[i]);
        if (!is_one_of(kind, lengths) &&
            !(bl_scheme_spec(s)->chords && is_one_of(kind, options)))
            ids->id[n++] = ids->id[i];
    }
    ids->n = n;
}

static void test_sampled(int options)
{
    const char *with = with_options[options];
    size_t drawn[3] = {0};
    bl_err e = BL_ERR_INIT;
    bl_ids ids = {0}, again = {0};
    bl_song song = {0};
    for (size_t i = 0; i < BL_COUNT(grids); i++) {
        bl_scheme *s = open_options(options, grids[i]);
        bl_rng r = bl_rng_make(10, (uint64_t)grids[i]);
        int rejected = 0, skips = 0, changed = 0, masks_right = 1;
        size_t notes = 0;
        for (int k = 0; k < 200; k++) {
            size_t skipped, bars;
            sample(&ids, s, &r, &masks_right);
            rejected += violations(s, &ids) != 0;
            drawn[0] += count_kind(s, &ids, "Label");
            drawn[1] += count_kind(s, &ids, "Chord");
            drawn[2] += count_kind(s, &ids, "Pedal");
            need(bl_scheme_decode(s, ids.id, ids.n, &song, &skipped, &e), &e);
            skips += skipped != 0;
            notes += song.n_notes;
            again.n = 0;
            need(bl_scheme_encode(s, &song, &again, &bars, NULL, &e), &e);
            without_lengths(&ids, s);
            without_lengths(&again, s);
            changed += !ids_equal(&ids, &again);
        }
        ok(masks_right, "grid %d%s: masks agree with steps", grids[i], with);
        ok(rejected == 0 && skips == 0,
           "grid %d%s: what masks allow is accepted and "
           "decoded whole (%zu notes)",
           grids[i], with, notes);
        ok(changed == 0 && notes > 1000,
           "grid %d%s: and encoded again it is the same (%d differ)", grids[i], with,
           changed);
        bl_scheme_del(s);
    }
    if (options == 1)
        ok(drawn[0] > 100 && drawn[1] > 1000 && drawn[2] > 50,
           "%zu labels, %zu chords, %zu movements of pedals among them", drawn[0],
           drawn[1], drawn[2]);
    bl_ids_free(&ids);
    bl_ids_free(&again);
    bl_song_free(&song);
}

#define HEAD "Bar TimeSig_4/4 Position_0 Tempo_120"
#define NOTE "Pitch_60 Velocity_63 Duration_4"
#define DRUM "PitchDrum_40 Velocity_63 Duration_4"

/* Tokens, and why the one violation among them is none of the grammar; NULL = none. */
typedef struct {
    const char *tokens, *why;
} violation;

/* Of n cases; ends the scheme. */
static void check_violations(bl_scheme *s, const violation *cases, size_t n_cases)
{
    bl_ids ids = {0};
    for (size_t i = 0; i < n_cases; i++) {
        bl_grammar g;
        const char *first = NULL;
        int n = 0;
        unspell(&ids, s, cases[i].tokens);
        bl_grammar_start(&g, s);
        for (size_t t = 0; t <= ids.n; t++) {
            unsigned id = t < ids.n ? ids.id[t] : BL_ID_EOS;
            const char *why = bl_grammar_step(&g, id);
            n += why != NULL;
            first = first == NULL ? why : first;
        }
        int as_expected =
            cases[i].why == NULL ? n == 0 : n == 1 && strcmp(first, cases[i].why) == 0;
        if (!ok(as_expected, "%s: '%s'", cases[i].why == NULL ? "good" : cases[i].why,
                cases[i].tokens))
            printf("# %d violations, the first: %s\n", n, first == NULL ? "-" : first);
    }
    bl_ids_free(&ids);
    bl_scheme_del(s);
}

static void test_violations(void)
{
    static const violation cases[] = {
        {"", NULL},
        {HEAD, NULL},
        {HEAD " Bar Bar TimeSig_3/4 Position_11 Tempo_60 Bar", NULL},
        {HEAD " Program_5 " NOTE " " NOTE " Program_6 " NOTE " " DRUM " " DRUM, NULL},
        {HEAD " Program_5 " NOTE " Position_1 Program_3 " NOTE " Program_5 " NOTE,
         NULL},
        {HEAD " PAD", "out of place"},
        {HEAD " MASK", "out of place"},
        {HEAD " BOS", "out of place"},
        {"Bar Position_0 Tempo_120", "out of place"},
        {"Bar TimeSig_4/4 Position_0 " DRUM, "out of place"},
        {"Bar TimeSig_4/4 Position_1 Tempo_120", "the first position is not 0"},
        {"Bar TimeSig_4/4 Bar Position_0 Tempo_120", "out of place"},
        {HEAD " Bar TimeSig_4/4 Bar", "time signature does not change"},
        {HEAD " TimeSig_3/4", "out of place"},
        {HEAD " Position_0 " DRUM, "position goes back or leaves the bar"},
        {HEAD " Position_16 " DRUM, "position goes back or leaves the bar"},
        {HEAD " Position_4 " DRUM " Position_3 " DRUM,
         "position goes back or leaves the bar"},
        {HEAD " Position_4", "out of place"},
        {HEAD " Position_4 Bar", "out of place"},
        {HEAD " Position_4 Position_5 " DRUM, "out of place"},
        {HEAD " Position_4 Tempo_120 " DRUM, "tempo does not change"},
        {HEAD " Position_4 " DRUM " Tempo_60", "out of place"},
        {HEAD " " NOTE, "no program stated"},
        {HEAD " Program_0 " DRUM, "out of place"},
        {HEAD " Program_0 " NOTE " Program_0 " NOTE,
         "program out of order or repeated"},
        {HEAD " Program_4 " NOTE " Program_3 " NOTE,
         "program out of order or repeated"},
        {HEAD " Program_4 " NOTE " Pitch_59 Velocity_63 Duration_4",
         "pitches out of order"},
        {HEAD " Program_4 " NOTE " " DRUM " " NOTE, "melodic note after drums"},
        {HEAD " " DRUM " PitchDrum_39 Velocity_63 Duration_4",
         "drum pitches out of order"},
        {HEAD " " DRUM " Velocity_63", "out of place"},
        {HEAD " " DRUM " Duration_4", "out of place"},
        {HEAD " PitchDrum_40 Velocity_63", "out of place"},
        {HEAD " PitchDrum_40 Velocity_63 Bar", "out of place"},
    };
    check_violations(open_scheme(4), cases, BL_COUNT(cases));
}

#define FULL "Bar TimeSig_4/4 Position_0 Chord_N Tempo_120"
#define PEDAL " Program_5 Pedal_on"

static void test_options(void)
{
    static const violation cases[] = {
        {"Composer_Bach Genre_jig Live " FULL, NULL},
        {"Genre_jig", NULL},
        {FULL PEDAL " " NOTE " Program_7 Pedal_on " DRUM, NULL},
        {FULL PEDAL " Position_1 Pedal_again " NOTE " Position_2 Pedal_off", NULL},
        {FULL " Position_4 Chord_F#:min7 Bar Position_0 Chord_N " DRUM, NULL},
        {FULL " Position_4 Chord_C:maj Tempo_60" PEDAL, NULL},
        {"Live Genre_jig " FULL, "label out of order or of a prefix that was"},
        {"Live Live " FULL, "label out of order or of a prefix that was"},
        {"Composer_Bach Composer_Ravel " FULL,
         "label out of order or of a prefix that was"},
        {FULL " Live", "out of place"},
        {"Bar TimeSig_4/4 Position_0 Tempo_120 Position_4 Chord_N", "out of place"},
        {"Bar TimeSig_4/4 Position_0 Chord_N " DRUM, "out of place"},
        {FULL " Chord_C:maj", "out of place"},
        {FULL " Position_4 Chord_N", "chord does not change"},
        {FULL " Position_4 Tempo_60 Chord_C:maj", "out of place"},
        {FULL " Position_4 " DRUM " Chord_C:maj", "out of place"},
        {FULL " Pedal_on", "no program stated"},
        {FULL " Program_5 Pedal_off", "pedal released that is up"},
        {FULL " Program_5 Pedal_again", "pedal released that is up"},
        {FULL PEDAL " Position_1 Pedal_on", "pedal pressed that is down"},
        {FULL PEDAL " Pedal_off", "pedal after a note or pedal of the program"},
        {FULL " Program_5 " NOTE " Pedal_on",
         "pedal after a note or pedal of the program"},
        {FULL PEDAL " Program_4 " NOTE, "program out of order or repeated"},
        {FULL PEDAL " Position_1 " DRUM " Pedal_off",
         "pedal after a note or pedal of the program"},
    };
    check_violations(open_full_scheme(4), cases, BL_COUNT(cases));
}

#define KEYED "Bar TimeSig_4/4 Key_D:min Position_0 Chord_I:min Tempo_120"

static void test_key(void)
{
    static const violation cases[] = {
        {KEYED " Position_4 Chord_bVII:dom7 Bar Position_0 Chord_N", NULL},
        {"Bar TimeSig_4/4 Position_0 Chord_I:min Tempo_120", "no key stated"},
        {"Bar Key_D:min TimeSig_4/4 Position_0 Chord_I:min Tempo_120", "out of place"},
        {KEYED " Bar Key_D:min", "out of place"},
        {KEYED " Bar TimeSig_3/4 Key_C:maj", "out of place"},
        {KEYED " Key_C:maj Position_4 Chord_N", "out of place"},
    };
    check_violations(open_keyed_scheme(4), cases, BL_COUNT(cases));
}

static void test_end(void)
{
    bl_scheme *s = open_scheme(4);
    bl_grammar g;
    uint8_t mask[2048];
    bl_grammar_start(&g, s);
    bl_grammar_mask(&g, mask);
    ok(mask[BL_ID_BOS] && mask[BL_ID_EOS] && mask[4] && !mask[5] && !mask[BL_ID_PAD],
       "a piece begins with BOS or Bar");
    ok(bl_grammar_step(&g, BL_ID_BOS) == NULL && bl_grammar_step(&g, BL_ID_EOS) == NULL,
       "it may be empty");
    bl_grammar_mask(&g, mask);
    int any = 0;
    for (size_t id = 0; id < bl_words_size(bl_scheme_words(s)); id++)
        any |= mask[id];
    ok(!any && bl_grammar_step(&g, 4) != NULL, "nothing follows its end");
    bl_scheme_del(s);
}

/* Tokens of all kinds, those that a clock reads more often than others. */
static unsigned any_token(const bl_scheme *s, bl_rng *r, int is_rough)
{
    static const char *const kinds[] = {"Bar",     "TimeSig",       "Position",
                                        "Tempo",   "Tempo-Class",   "Tempo-Value",
                                        "Note-On", "Note-Velocity", "Note-Duration"};
    size_t n = bl_words_size(bl_scheme_words(s));
    const char *kind = kinds[bl_rng_below(r, BL_COUNT(kinds))];
    for (int tries = 0; tries < 2000; tries++) {
        unsigned id = (unsigned)bl_rng_below(r, n);
        if (id == BL_ID_EOS ? tries == 0 && bl_rng_below(r, 50) == 0
                            : is_rough || strcmp(bl_scheme_kind(s, id), kind) == 0)
            return id;
    }
    return BL_ID_BOS;
}

/* Whole items now and then, as chance alone makes few of remi-2020. */
static size_t add_tokens(const bl_scheme *s, bl_rng *r, uint16_t *ids)
{
    static const char *const items[][4] = {
        {"Position", "Note-Velocity", "Note-On", "Note-Duration"},
        {"Position", "Tempo-Class", "Tempo-Value", ""},
        {"Bar", "", "", ""},
        {"", "", "", ""}};
    const char *const *item = items[bl_rng_below(r, BL_COUNT(items))];
    size_t n = 0;
    for (int i = 0; i < 4 && item[i][0] != '\0'; i++)
        for (unsigned id = 0; id < bl_words_size(bl_scheme_words(s)); id++)
            if (strcmp(bl_scheme_kind(s, id), item[i]) == 0) {
                size_t last = id;
                while (last + 1 < bl_words_size(bl_scheme_words(s)) &&
                       strcmp(bl_scheme_kind(s, (unsigned)last + 1), item[i]) == 0)
                    last++;
                ids[n++] = (uint16_t)(id + bl_rng_below(r, last - id + 1));
                break;
            }
    if (n == 0)
        ids[n++] = (uint16_t)any_token(s, r, bl_rng_below(r, 3) == 0);
    return n;
}

/* After each token the clock says what the decoded piece lasts, to the last bit. */
static void test_pace(const char *name, int grid)
{
    enum { ROUNDS = 60, MOST = 160 };
    bl_spec spec = {.grid = grid};
    bl_scheme *s = NULL;
    bl_song song = {0};
    bl_rng r = bl_rng_make(21, (uint64_t)grid);
    int wrong = 0, n_asked = 0;
    double most = 0;
    snprintf(spec.scheme, sizeof spec.scheme, "%s", name);
    if (!ok(bl_scheme_open(&s, &spec, NULL) == 0, "%s opens", name))
        return;
    for (int round = 0; round < ROUNDS; round++) {
        uint16_t ids[MOST + 4] = {BL_ID_BOS};
        size_t n = round % 4 == 0 ? 0 : 1, read = 0;
        bl_pace p;
        bl_pace_start(&p, s);
        while (n < MOST) {
            n += add_tokens(s, &r, ids + n);
            while (read < n) {
                bl_pace_step(&p, ids[read++]);
                if (bl_scheme_decode(s, ids, read, &song, NULL, NULL) != 0)
                    return;
                double seconds = bl_song_seconds(&song, song.end);
                wrong += seconds != bl_pace_seconds(&p);
                n_asked++;
                most = fmax(most, seconds);
            }
        }
    }
    ok(wrong == 0 && most > 100,
       "%s, grid %d: %d times a clock says what the song lasts, up to %g s (%d wrong)",
       name, bl_scheme_grid(s), n_asked, most, wrong);
    bl_song_free(&song);
    bl_scheme_del(s);
}

int main(void)
{
    test_pace("remi", 4);
    test_pace("remi", 24);
    test_pace("remi-2020", 4);
    test_encoded(0);
    test_encoded(1);
    test_encoded(2);
    test_sampled(0);
    test_sampled(1);
    test_sampled(2);
    test_violations();
    test_options();
    test_key();
    test_end();
    return tap_done();
}
