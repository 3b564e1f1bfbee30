/* test_feat.c - features against numbers computed by hand, against slower ways to the
 * same number, and against what must or must not change them. tests/cli/featstats.bats
 * compares them with an independent program on the samples. */
#include "songs.h"
#include "feature/summary.h"
#include "feature/table.h"
#include "tap.h"

#include <ctype.h>
#include <math.h>

enum { TPQ = 480, MANY = 64, N_RANDOM = 400 };

typedef struct {
    double value[MANY];
} feats;

static void note(bl_song *s, int on, int off, int pitch)
{
    bl_err e = BL_ERR_INIT;
    bl_note n = {.on = on, .off = off, .pitch = (uint8_t)pitch, .velocity = 80};
    need(bl_song_add_note(s, n, &e), &e);
    s->end = off > s->end ? off : s->end;
}

static void drum(bl_song *s, int on, int off, int pitch)
{
    note(s, on, off, pitch);
    s->notes[s->n_notes - 1].drum = 1;
}

static feats features_as(const bl_view_input *in)
{
    bl_err e = BL_ERR_INIT;
    bl_view v = {0};
    feats f;
    need(bl_feat_compute(&v, in, f.value, &e), &e);
    bl_view_free(&v);
    return f;
}

static feats features(const bl_song *s)
{
    bl_view_input in = {.song = s};
    return features_as(&in);
}

static double get(const feats *f, const char *name)
{
    int i = bl_feat_find(name);
    if (i < 0) {
        printf("Bail out! no feature '%s'\n", name);
        exit(1);
    }
    return f->value[i];
}

static int near(double x, double y)
{
    return (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-12 * (1 + fabs(y));
}

/* One test for each {name, value}. */
typedef struct {
    const char *name;
    double value;
} expected;

static void check(const char *what, const feats *f, const expected *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double is = get(f, x[i].name);
        ok(near(is, x[i].value), "%s: %s is %.9g (%.17g)", what, x[i].name, x[i].value,
           is);
    }
}

/* Equal but for the features in the NULL-terminated list. */
static int same_but(const feats *a, const feats *b, const char *const *but)
{
    int same = 1;
    for (size_t i = 0; i < bl_feat_count(); i++) {
        const char *name = bl_feat_at(i)->name;
        int is_listed = 0;
        for (const char *const *p = but; *p != NULL; p++)
            is_listed |= strcmp(*p, name) == 0;
        if (!is_listed && !near(a->value[i], b->value[i])) {
            printf("# %s: %.17g and %.17g\n", name, a->value[i], b->value[i]);
            same = 0;
        }
    }
    return same;
}

static const char *const nothing[] = {NULL};

/* ---- the table ---- */

static void test_rows(void)
{
    int is_fine = 1, is_unique = 1;
    size_t n = bl_feat_count();
    for (size_t i = 0; i < n; i++) {
        const bl_feat *f = bl_feat_at(i);
        for (const char *p = f->name; *p != '\0'; p++)
            is_fine &=
                islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_';
        is_fine &= f->unit[0] != '\0' && strpbrk(f->doc, "\t\n") == NULL;
        is_fine &= f->doc[0] != '\0' && f->doc[strlen(f->doc) - 1] != '.';
        is_unique &= bl_feat_find(f->name) == (int)i;
    }
    ok(n > 20 && n <= MANY, "there are %zu features", n);
    ok(is_fine, "each has a snake_case name, a unit and a definition");
    ok(is_unique, "no two have the same name");
    ok(bl_feat_at(n) == NULL && bl_feat_find("nonsense") == -1, "and no more");
}

/* ---- pieces of little music ---- */

static void test_empty(void)
{
    bl_song s = {.tpq = TPQ};
    feats f = features(&s);
    const expected counts[] = {
        {"n_notes", 0},
        {"n_bars", 0},
        {"n_programs", 0},
        {"n_pitches_used", 0},
        {"n_pitch_classes_used", 0},
    };
    check("empty", &f, counts, BL_COUNT(counts));
    int n_defined = 0;
    for (size_t i = 0; i < bl_feat_count(); i++)
        n_defined += !isnan(f.value[i]);
    ok(n_defined == (int)BL_COUNT(counts), "empty: everything else is undefined");
    s.end = 3 * 4 * TPQ;
    f = features(&s);
    const expected silent[] = {{"n_bars", 3},
                               {"notes_per_bar", 0},
                               {"seconds", NAN},
                               {"empty_bar_rate", NAN},
                               {"empty_beat_rate", NAN}};
    check("three silent bars", &f, silent, BL_COUNT(silent));
}

static void test_one_note(void)
{
    bl_song s = {.tpq = TPQ};
    note(&s, TPQ, 2 * TPQ, 60);
    feats f = features(&s);
    const expected x[] = {
        {"n_notes", 1},
        {"n_bars", 1},
        {"seconds", 1},
        {"tempo_mean", 120},
        {"n_programs", 1},
        {"drum_share", 0},
        {"mean_velocity", 80},
        {"violations", NAN},
        {"pitch_range", 0},
        {"pitch_entropy", 0},
        {"pitch_class_entropy", 0},
        {"pitch_class_entropy_1bar", 0},
        {"pitch_class_entropy_4bar", 0},
        {"scale_consistency", 1},
        {"avg_pitch_shift", NAN},
        {"polyphony", 1},
        {"poly2_rate", 0},
        {"poly3_rate", 0},
        {"note_density", 1},
        {"notes_per_bar", 1},
        {"avg_ioi", NAN},
        {"mean_duration", 1},
        {"off_grid", 0},
        {"empty_beat_rate", 0.5},
        {"empty_bar_rate", 0},
        {"groove_consistency", NAN},
        {"grooving_similarity", NAN},
    };
    check("one note", &f, x, BL_COUNT(x));
    ok(!signbit(get(&f, "pitch_entropy")), "no negative zero is printed");
    bl_song_free(&s);
}

static void test_drums_only(void)
{
    bl_song s = {.tpq = TPQ};
    for (int i = 0; i < 8; i++)
        drum(&s, i * TPQ, i * TPQ + TPQ / 2, i % 2 == 0 ? 36 : 38);
    feats f = features(&s);
    const expected x[] = {
        {"n_notes", 8},
        {"n_bars", 2},
        {"n_programs", 1},
        {"drum_share", 1},
        {"n_pitches_used", 0},
        {"pitch_range", NAN},
        {"pitch_entropy", NAN},
        {"pitch_class_entropy_1bar", NAN},
        {"scale_consistency", NAN},
        {"avg_pitch_shift", NAN},
        {"polyphony", NAN},
        {"poly2_rate", NAN},
        {"mean_duration", NAN},
        {"note_density", 8 / 3.75},
        {"avg_ioi", 0.5},
        {"empty_beat_rate", 0},
        {"groove_consistency", 1},
        {"grooving_similarity", NAN},
    };
    check("drums only", &f, x, BL_COUNT(x));
    bl_song_free(&s);
}

static void test_no_length(void)
{
    bl_song s = {.tpq = TPQ};
    note(&s, 0, 0, 60);
    feats f = features(&s);
    const expected at_start[] = {
        {"n_bars", 1},       {"seconds", 0},        {"tempo_mean", NAN},
        {"polyphony", NAN},  {"note_density", NAN}, {"mean_duration", 0},
        {"poly2_rate", NAN}, {"empty_bar_rate", 0}, {"empty_beat_rate", 0},
    };
    check("a note of no length", &f, at_start, BL_COUNT(at_start));
    note(&s, 9 * TPQ, 9 * TPQ, 62);
    f = features(&s);
    const expected two[] = {
        {"n_bars", 3},
        {"avg_ioi", 4.5},
        {"poly2_rate", 0},
        {"empty_beat_rate", 0.8},
        {"empty_bar_rate", 1 / 3.0},
    };
    check("two notes of no length", &f, two, BL_COUNT(two));
    bl_song_free(&s);
}

/* ---- by hand ---- */

/* Two bars of 4/4: C E G for two quarters, then F for one; C E G again, then G# after a
 * sixteenth's rest. A kick on each first beat. */
static void two_bars(bl_song *s)
{
    bl_err e = BL_ERR_INIT;
    s->tpq = TPQ;
    for (int bar = 0; bar < 2; bar++) {
        int t = bar * 4 * TPQ;
        for (int i = 0; i < 3; i++)
            note(s, t, t + 2 * TPQ, (const int[]){60, 64, 67}[i]);
        drum(s, t, t + TPQ / 4, 36);
    }
    note(s, 2 * TPQ, 3 * TPQ, 65);
    note(s, 6 * TPQ + TPQ / 4, 7 * TPQ, 68);
    s->end = 8 * TPQ;
    need(bl_song_add_tempo(s, 0, 1000000, &e), &e);
    need(bl_song_add_tempo(s, 4 * TPQ, 250000, &e), &e);
    need(bl_song_sort(s, &e), &e);
}

static void test_by_hand(void)
{
    bl_song s = {0};
    two_bars(&s);
    feats f = features(&s);
    const double h_all = 3 * (2 / 8.0) * 2 + 2 * (1 / 8.0) * 3;
    const expected x[] = {
        {"n_notes", 10},
        {"n_bars", 2},
        {"seconds", 4 + 0.75},
        {"tempo_mean", 7 / 4.75 * 60},
        {"n_programs", 2},
        {"drum_share", 0.2},
        {"n_pitches_used", 5},
        {"n_pitch_classes_used", 5},
        {"pitch_range", 8},
        {"pitch_entropy", h_all},
        {"pitch_class_entropy", h_all},
        {"pitch_class_entropy_1bar", 2},
        {"pitch_class_entropy_4bar", h_all},
        /* C minor or F minor lack E; C major lacks G# alone */
        {"scale_consistency", 7 / 8.0},
        /* 4 3 | 2 | 5 4 3 | 1 */
        {"avg_pitch_shift", 22 / 7.0},
        {"polyphony", (3 * 4 + 1 + 0.75) / 5.75},
        {"poly2_rate", 4 / 7.0},
        {"poly3_rate", 4 / 7.0},
        {"note_density", 10 / 4.75},
        {"notes_per_bar", 5},
        {"avg_ioi", (4 + 0.5625) / 3},
        {"mean_duration", (6 * 2 + 1 + 0.75) / 8},
        {"off_grid", 0},
        {"empty_beat_rate", 1 / 7.0},
        {"empty_bar_rate", 0},
        {"groove_consistency", 1 - 2 / 16.0},
        {"grooving_similarity", 1 - 2 / 16.0},
    };
    check("two bars", &f, x, BL_COUNT(x));
    bl_song_free(&s);
}

static void test_off_grid(void)
{
    bl_song s = {.tpq = TPQ};
    note(&s, 0, 10, 60);
    note(&s, TPQ / 4 + TPQ / 48, TPQ, 60); /* just on */
    note(&s, TPQ / 3, TPQ, 60);            /* a triplet */
    note(&s, TPQ - TPQ / 48 - 1, TPQ, 60); /* just off */
    feats f = features(&s);
    ok(near(get(&f, "off_grid"), 0.5), "off the grid: more than 1/48 quarter note");
    bl_song_free(&s);
}

/* A note a 33rd before the bar line is the next bar's. */
static void test_nearest_bar(void)
{
    bl_song s = {.tpq = TPQ};
    note(&s, 0, TPQ, 60);
    note(&s, 4 * TPQ - TPQ / 9, 5 * TPQ, 62);
    feats f = features(&s);
    ok(near(get(&f, "pitch_class_entropy_1bar"), 0),
       "a note just before the bar line is in the next bar");
    ok(near(get(&f, "groove_consistency"), 1), "and at its first position");
    bl_song_free(&s);
}

/* ---- bars ---- */

static void meter(bl_song *s, int tick, int num, int den_log2)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_add_meter(s, tick, num, den_log2, &e), &e);
}

static double n_bars(const bl_song *s)
{
    feats f = features(s);
    return get(&f, "n_bars");
}

static void test_bars(void)
{
    bl_song s = {.tpq = TPQ, .end = 12 * TPQ};
    ok(n_bars(&s) == 3, "4/4 without a time signature");
    s.end += TPQ / 8 - 1;
    ok(n_bars(&s) == 3, "less than a 32nd note makes no bar");
    s.end += 1;
    ok(n_bars(&s) == 4, "a 32nd note does");
    s.end = 12 * TPQ;
    meter(&s, 0, 3, 2);
    ok(n_bars(&s) == 4, "3/4");
    meter(&s, 5 * TPQ, 4, 2);
    ok(n_bars(&s) == 4, "a change inside a bar cuts it: 3 + 2 + 4 + 3");
    meter(&s, 6 * TPQ, 4, 2);
    ok(n_bars(&s) == 4, "the same time signature again cuts nothing");
    meter(&s, 7 * TPQ, 0, 2);
    ok(n_bars(&s) == 4, "0/4 means nothing");
    bl_view_input in = {.song = &s, .meter_num = 1, .meter_den_log2 = 2};
    feats f = features_as(&in);
    ok(get(&f, "n_bars") == 12, "a time signature that is given overrides them all");
    bl_song_free(&s);
}

static void test_limit(void)
{
    bl_err e = BL_ERR_INIT;
    bl_view v = {0};
    double value[MANY];
    bl_song s = {.tpq = 1, .end = (1 << 28) - 1};
    bl_view_input in = {.song = &s, .meter_num = 1, .meter_den_log2 = 7};
    ok(bl_feat_compute(&v, &in, value, &e) == BL_E_LIMIT, "too many bars are refused");
    ok(strstr(e.text, "bars") != NULL, "and it says so: %s", e.text);
    s.tpq = 0;
    ok(bl_feat_compute(&v, &in, value, NULL) == BL_E_ARG, "no ticks in a quarter note");
    bl_view_free(&v);
}

/* ---- the scheme ---- */

static void test_as_many_bars_as_tokens(void)
{
    bl_err e = BL_ERR_INIT;
    bl_rng r = bl_rng_make(7, 0);
    bl_scheme *scheme = open_scheme(0);
    bl_song s = {0};
    bl_ids ids = {0};
    int n_compared = 0, n_wrong = 0;
    for (int i = 0; i < N_RANDOM; i++) {
        bl_scheme_fixes fixes = {0};
        size_t bars;
        random_song(&s, &r);
        ids.n = 0;
        need(bl_scheme_encode(scheme, &s, &ids, &bars, &fixes, &e), &e);
        if (fixes.meters > 0)
            continue;
        n_compared++;
        n_wrong += n_bars(&s) != (double)bars;
    }
    ok(n_compared > N_RANDOM / 4, "%d random pieces have usual time signatures",
       n_compared);
    ok(n_wrong == 0, "each has as many bars as Bar tokens (%d have not)", n_wrong);
    bl_ids_free(&ids);
    bl_song_free(&s);
    bl_scheme_del(scheme);
}

static double violations(const bl_scheme *scheme, const char *text)
{
    bl_song s = {.tpq = TPQ};
    bl_ids ids = {0};
    unspell(&ids, scheme, text);
    bl_view_input in = {.song = &s, .scheme = scheme, .ids = ids.id, .n_ids = ids.n};
    feats f = features_as(&in);
    bl_ids_free(&ids);
    return get(&f, "violations");
}

static void test_violations(void)
{
    bl_scheme *scheme = open_scheme(0);
    bl_err e = BL_ERR_INIT;
    bl_song s = {0};
    bl_ids ids = {0};
    bl_buf text = {0};
    size_t bars;
    bl_scheme_fixes fixes = {0};
    two_bars(&s);
    need(bl_scheme_encode(scheme, &s, &ids, &bars, &fixes, &e), &e);
    ok(violations(scheme, spell(&text, scheme, &ids)) == 0, "a piece breaks no rule");
    ok(violations(scheme, "") == 0, "nor does an empty one");
    ok(near(violations(scheme, "PAD"), 1 / 2.0), "padding breaks one");
    ok(near(violations(scheme, "Bar"), 1 / 2.0), "so does an end that is none");
    bl_buf_free(&text);
    bl_ids_free(&ids);
    bl_song_free(&s);
    bl_scheme_del(scheme);
}

/* ---- slower ways ---- */

/* GS by its definition: pair by pair. */
static double similarity_by_pairs(const bl_song *s)
{
    bl_err e = BL_ERR_INIT;
    bl_view v = {0};
    bl_view_input in = {.song = s};
    double sum = 0, n = 0;
    need(bl_view_make(&v, &in, &e), &e);
    for (size_t a = 0; a < v.n_music_bars; a++)
        for (size_t b = a + 1; b < v.n_music_bars; b++, n++)
            for (int k = 0; k < BL_VIEW_POSITIONS; k++)
                sum +=
                    !((v.bars[a].pitched_onsets ^ v.bars[b].pitched_onsets) >> k & 1);
    double gs = v.n_pitched > 0 && n > 0 ? sum / (16 * n) : NAN;
    bl_view_free(&v);
    return gs;
}

static int sounds(const bl_song *s, int tick, int pitch)
{
    for (size_t i = 0; i < s->n_notes; i++)
        if (!s->notes[i].drum && s->notes[i].pitch == pitch && s->notes[i].on <= tick &&
            tick < s->notes[i].off)
            return 1;
    return 0;
}

/* Mean number of pitches, tick by tick. */
static double polyphony_by_ticks(const bl_song *s)
{
    int last = 0, n_sounding = 0, sum = 0;
    for (size_t i = 0; i < s->n_notes; i++)
        last = s->notes[i].off > last ? s->notes[i].off : last;
    for (int tick = 0; tick < last; tick++) {
        int n = 0;
        for (int pitch = 50; pitch <= 60; pitch++)
            n += sounds(s, tick, pitch);
        n_sounding += n > 0;
        sum += n;
    }
    return n_sounding > 0 ? (double)sum / n_sounding : NAN;
}

static void test_slower_ways(void)
{
    bl_rng r = bl_rng_make(8, 0);
    bl_song s = {0};
    int wrong_gs = 0, wrong_polyphony = 0, n_polyphony = 0;
    for (int i = 0; i < N_RANDOM; i++) {
        random_song(&s, &r);
        feats f = features(&s);
        double pairs = similarity_by_pairs(&s);
        double gs = get(&f, "grooving_similarity");
        wrong_gs += isnan(pairs) != isnan(gs) || fabs(pairs - gs) > 1e-9;
        if (s.tpq > 24)
            continue;
        n_polyphony++;
        wrong_polyphony += !near(get(&f, "polyphony"), polyphony_by_ticks(&s));
    }
    ok(wrong_gs == 0, "grooving similarity is that of all pairs of bars");
    ok(n_polyphony > 20 && wrong_polyphony == 0, "polyphony is that of all ticks");
    bl_song_free(&s);
}

/* ---- what must not change ---- */

static void test_transposed(void)
{
    bl_rng r = bl_rng_make(9, 0);
    bl_song s = {0};
    int n_wrong = 0;
    for (int i = 0; i < 50; i++) {
        random_song(&s, &r);
        feats before = features(&s);
        for (size_t n = 0; n < s.n_notes; n++)
            s.notes[n].pitch += 12;
        feats octave = features(&s);
        for (size_t n = 0; n < s.n_notes; n++)
            s.notes[n].pitch += 5;
        feats fourth = features(&s);
        n_wrong += !same_but(&before, &octave, nothing);
        n_wrong += !same_but(&before, &fourth, nothing);
    }
    ok(n_wrong == 0, "no feature knows at what height a piece stands");
    bl_song_free(&s);
}

static void test_slower(void)
{
    static const char *const in_time[] = {"seconds", "tempo_mean", "note_density",
                                          "avg_ioi", NULL};
    bl_song s = {0};
    two_bars(&s);
    feats before = features(&s);
    for (size_t i = 0; i < s.n_tempos; i++)
        s.tempos[i].us *= 2;
    feats after = features(&s);
    ok(same_but(&before, &after, in_time), "half the tempo changes times alone");
    ok(near(get(&after, "avg_ioi"), 2 * get(&before, "avg_ioi")) &&
           near(get(&after, "seconds"), 2 * get(&before, "seconds")) &&
           near(get(&after, "tempo_mean"), get(&before, "tempo_mean") / 2) &&
           near(get(&after, "note_density"), get(&before, "note_density") / 2),
       "and these by two");
    bl_song_free(&s);
}

static void test_finer_ticks(void)
{
    bl_song s = {0};
    two_bars(&s);
    feats before = features(&s);
    s.tpq *= 7;
    s.end *= 7;
    for (size_t i = 0; i < s.n_notes; i++) {
        s.notes[i].on *= 7;
        s.notes[i].off *= 7;
    }
    for (size_t i = 0; i < s.n_tempos; i++)
        s.tempos[i].tick *= 7;
    feats after = features(&s);
    ok(same_but(&before, &after, nothing), "the resolution of a file changes nothing");
    bl_song_free(&s);
}

static void test_order_of_chords(void)
{
    bl_song a = {.tpq = TPQ}, b = {.tpq = TPQ};
    static const int pitch[] = {60, 72, 64, 55};
    for (int i = 0; i < 4; i++) {
        note(&a, 0, TPQ, pitch[i]);
        note(&b, 0, TPQ, pitch[3 - i]);
    }
    note(&a, TPQ, 2 * TPQ, 62);
    note(&b, TPQ, 2 * TPQ, 62);
    feats x = features(&a), y = features(&b);
    ok(same_but(&x, &y, nothing), "the order of the notes of a chord changes nothing");
    bl_song_free(&a);
    bl_song_free(&b);
}

static void test_memory_is_used_again(void)
{
    bl_err e = BL_ERR_INIT;
    bl_rng r = bl_rng_make(10, 0);
    bl_view v = {0};
    bl_song s = {0};
    int n_wrong = 0;
    for (int i = 0; i < 100; i++) {
        feats again;
        random_song(&s, &r);
        bl_view_input in = {.song = &s};
        need(bl_feat_compute(&v, &in, again.value, &e), &e);
        feats fresh = features(&s);
        n_wrong += !same_but(&fresh, &again, nothing);
    }
    ok(n_wrong == 0, "the piece before changes nothing");
    bl_view_free(&v);
    bl_song_free(&s);
}

/* ---- tables ---- */

static void test_summary(void)
{
    bl_err e = BL_ERR_INIT;
    bl_summary s;
    const double column[] = {4, 0, 1, 0, NAN, 0, 3, 0};
    need(bl_summary_of(&s, column, 4, 2, &e), &e);
    ok(s.n == 3 && near(s.mean, 8 / 3.0) && near(s.sd, sqrt(7 / 3.0)) && s.min == 1 &&
           s.median == 3 && s.max == 4,
       "mean, deviation, extremes and median, undefined values apart");
    need(bl_summary_of(&s, column, 2, 2, &e), &e);
    ok(s.median == 2.5, "the median of two is between them");
    need(bl_summary_of(&s, column, 1, 2, &e), &e);
    ok(s.mean == 4 && isnan(s.sd), "one value has no deviation");
    need(bl_summary_of(&s, NULL, 0, 2, &e), &e);
    ok(s.n == 0 && isnan(s.mean) && isnan(s.median), "no value has nothing");
}

static void test_table(void)
{
    bl_err e = BL_ERR_INIT;
    bl_layout l;
    bl_layout_make(&l, 0);
    bl_row row = {0};
    bl_view v = {0};
    bl_buf text = {0};
    bl_song s = {0};
    bl_view_input in = {.song = &s};
    bl_print p = {&l, 0, 0};
    two_bars(&s);
    need(bl_row_compute(&row, &l, &v, &in, &e), &e);
    need(bl_print_json(&p, "a\"b\\", NULL, &row, &text, &e), &e);
    const char *json = bl_buf_str(&text, &e);
    ok(strstr(json, "{\"name\":\"a\\\"b\\\\\",\"n_notes\":10,") == json,
       "names are escaped in JSON");
    ok(strstr(json, "\"violations\":null,") != NULL, "what is undefined is null there");
    text.len = 0;
    need(bl_print_row(&p, "a\"b\\", NULL, &row, &text, &e), &e);
    const char *tsv = bl_buf_str(&text, &e);
    ok(strstr(tsv, "a\"b\\\t10\t2\t4.75\t") == tsv && strstr(tsv, "\tnan\t") != NULL,
       "the table has the same");
    bl_buf_free(&text);
    bl_row_free(&row);
    bl_view_free(&v);
    bl_song_free(&s);
}

int main(void)
{
    test_rows();
    test_empty();
    test_one_note();
    test_drums_only();
    test_no_length();
    test_by_hand();
    test_off_grid();
    test_nearest_bar();
    test_bars();
    test_limit();
    test_as_many_bars_as_tokens();
    test_violations();
    test_slower_ways();
    test_transposed();
    test_slower();
    test_finer_ticks();
    test_order_of_chords();
    test_memory_is_used_again();
    test_summary();
    test_table();
    return tap_done();
}
