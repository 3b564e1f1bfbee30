/* test_beats.c - beats from annotations: what their texts say, where songs go. */
#include "midi/beats.h"
#include "songs.h"
#include "tap.h"

#include <math.h>

/* ---- texts ---- */

static void test_meter(void)
{
    static const char *const bad[] = {"",    "4",     "4/",    "/4",   "0/4",
                                      "4/3", "256/4", "4/256", "-3/4", "x"};
    static const char *const longer[] = {"4/4 ", "3/4/4"};
    bl_err e = BL_ERR_INIT;
    int num, den_log2, refused = 1;
    ok(bl_meter_scan("12/8", &num, &den_log2) != NULL && num == 12 && den_log2 == 3,
       "12/8");
    ok(bl_meter_scan("4/128", &num, &den_log2) != NULL && den_log2 == 7,
       "the shortest parts that a song can state");
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        refused &= bl_meter_scan(bad[i], &num, &den_log2) == NULL;
    ok(refused, "what is no time signature is refused");
    for (size_t i = 0; i < BL_COUNT(longer); i++)
        refused &= *bl_meter_scan(longer[i], &num, &den_log2) != '\0';
    ok(refused, "and the rest of a text is the caller's");

    bl_song s = {.tpq = 96, .end = 960};
    e = BL_ERR_INIT;
    need(bl_song_add_meter(&s, 0, 1, 2, &e), &e);
    need(bl_song_add_meter(&s, 96, 2, 2, &e), &e);
    need(bl_song_set_meter(&s, 3, 2, &e), &e);
    ok(s.n_meters == 1 && s.meters[0].tick == 0 && s.meters[0].num == 3 &&
           s.meters[0].den_log2 == 2,
       "one time signature for all");
    ok(bl_song_set_meter(&s, 0, 2, &e) == BL_E_ARG && s.n_meters == 1 &&
           s.meters[0].num == 3,
       "none of no length");
    bl_song_free(&s);
}

/* Downbeats as 'D', other beats as '.', a stated meter before: "D..D..6/8D.". */
static void beats_read_as(const char *text, const char *expected, const char *claim)
{
    bl_err e = BL_ERR_INIT;
    bl_beats b = {0};
    bl_buf got = {0};
    need(bl_beats_read(&b, text, strlen(text), &e), &e);
    for (size_t i = 0; i < b.n; i++) {
        const bl_beat *x = &b.beat[i];
        if (x->num > 0)
            need(bl_buf_addf(&got, &e, "%d/%d", x->num, 1 << x->den_log2), &e);
        need(bl_buf_addc(&got, x->is_downbeat ? 'D' : '.', &e), &e);
    }
    const char *shown = bl_buf_str(&got, &e);
    if (!ok(strcmp(shown, expected) == 0, "%s", claim))
        printf("# expected %s, got %s\n", expected, shown);
    bl_buf_free(&got);
    free(b.beat);
}

static void test_reading(void)
{
    beats_read_as("0.5\t1\n1.0\t0\n\n1.5\t0\r\n2.0\t1", "D..D", "seconds and a flag");
    beats_read_as("0.5\n1\n", "DD", "seconds alone");
    beats_read_as("0.5\t0.5\tb,,0\n1\t1\tdb,6/8\n2\t2\tb\n3\t3\tbR\n4\t4\tdb,3/4,-2\n",
                  ".6/8D..3/4D", "ASAP: labels with time signature and key");
    beats_read_as("0.1 1.0 1.0\n0.2 0.0 0.0\n0.3 1.0 0.0\n0.4 0.0 0.0\n0.5 1.0 1.0\n",
                  "D...D", "POP909: in fours, the second flag");
    beats_read_as("0.1 1 1\n.2 0 0\n.3 0 0\n.4 1 0\n.5 0 0\n.6 0 0\n.7 1 1\n",
                  "D..D..D", "POP909: in threes, the first flag");
    beats_read_as("", "", "nothing");
}

static void test_bad_texts(void)
{
    static const struct {
        const char *text;
        int64_t line;
    } cases[] = {
        {"one\n", 1},          {"1 2\n", 1},
        {"1 1\n2\n", 2},       {"1 1\nnan 1\n", 2},
        {"1 1 1 1\n", 1},      {"1 1 downbeat\n", 1},
        {"1 1 b,5/7\n", 1},    {"1 1 b\n2 1 0\n", 2},
        {"1 1 db,4/4x\n", 1},  {"1e99\n", 1},
        {"1 1\n\n\n2 x\n", 4}, {"0000000000000000000000000000000000000000001 1\n", 1},
    };
    int right = 1;
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        bl_err e = BL_ERR_INIT;
        bl_beats b = {0};
        char line[32];
        int rc = bl_beats_read(&b, cases[i].text, strlen(cases[i].text), &e);
        char text[256];
        snprintf(line, sizeof line, "line %d", (int)cases[i].line);
        if (rc != BL_E_FORMAT ||
            strstr(bl_err_text(&e, text, sizeof text), line) == NULL) {
            printf("# '%s': %d, %s\n", cases[i].text, rc, text);
            right = 0;
        }
        free(b.beat);
    }
    ok(right, "what is no beat is refused with its line");
}

/* ---- songs ---- */

/* A song of 1000 ticks a second, so that ticks are milliseconds. */
static bl_song song_of_seconds(void)
{
    bl_err e = BL_ERR_INIT;
    bl_song s = {.tpq = 500};
    need(bl_song_add_tempo(&s, 0, 500000, &e), &e);
    return s;
}

static void add_note(bl_song *s, int on, int off)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_add_note(s, (bl_note){.on = on, .off = off, .pitch = 60}, &e), &e);
    s->end = (int32_t)bl_max(s->end, off);
}

/* Aligns (and frees) the song to beats given as milliseconds and 'D' or '.', and shows
 * time signatures, tempos (beats a minute) and notes. */
static void aligns_as(bl_song *s, const char *beats, const char *expected,
                      const char *claim)
{
    bl_err e = BL_ERR_INIT;
    bl_beats b = {0};
    bl_buf got = {0};
    need(bl_beats_read(&b, beats, strlen(beats), &e), &e);
    need(bl_song_align(s, b.beat, b.n, &e), &e);
    for (size_t i = 0; i < s->n_meters; i++)
        need(bl_buf_addf(&got, &e, "%d:%d/%d ", s->meters[i].tick, s->meters[i].num,
                         1 << s->meters[i].den_log2),
             &e);
    for (size_t i = 0; i < s->n_tempos; i++)
        need(bl_buf_addf(&got, &e, "%d:%d ", s->tempos[i].tick,
                         (int)(60000000 / s->tempos[i].us)),
             &e);
    for (size_t i = 0; i < s->n_notes; i++)
        need(bl_buf_addf(&got, &e, "%d-%d ", s->notes[i].on, s->notes[i].off), &e);
    need(bl_buf_addf(&got, &e, "end %d/%d", s->end, s->tpq), &e);
    const char *shown = bl_buf_str(&got, &e);
    if (!ok(strcmp(shown, expected) == 0, "%s", claim))
        printf("# expected %s\n#      got %s\n", expected, shown);
    bl_buf_free(&got);
    free(b.beat);
    bl_song_free(s);
}

static void test_aligning(void)
{
    bl_song s = song_of_seconds();
    add_note(&s, 1000, 1600);
    add_note(&s, 1600, 2000);
    add_note(&s, 2400, 6000);
    aligns_as(&s, "1 1\n1.6 0\n2 0\n2.4 1\n3 0\n4 0\n",
              "0:3/4 0:100 480:150 1440:100 1920:60 "
              "0-480 480-960 1440-3360 end 3360/480",
              "beats become quarter notes, the rest of a tempo goes on");

    s = song_of_seconds();
    add_note(&s, 1000, 1500);
    add_note(&s, 2000, 2500);
    aligns_as(&s, "1 0\n1.5 0\n2 1\n2.5 0\n3 0\n3.5 0\n4 1\n4.5 0\n5 1\n",
              "0:2/4 960:4/4 2880:2/4 0:120 0-480 960-1440 end 1440/480",
              "a pickup and a short bar get time signatures of their lengths");

    s = song_of_seconds();
    add_note(&s, 480, 1000);
    add_note(&s, 960, 1500);
    aligns_as(&s, "1 1\n1.5 0\n2 0\n2.5 1\n3 0\n3.5 0\n4 1\n",
              "0:1/4 480:3/4 0:120 0-480 442-960 end 960/480",
              "music before the first beat gets beats, but not for an eighth of one");

    s = song_of_seconds();
    add_note(&s, 0, 500);
    aligns_as(&s, "2.5 0\n3 1\n3.5 0\n4 0\n4.5 1\n5 0\n5.5 0\n6 1\n",
              "0:3/4 0:120 0-480 end 480/480", "and full bars where they suffice");

    s = song_of_seconds();
    add_note(&s, 0, 500);
    aligns_as(&s,
              "0\t0\tdb,6/8\n.6\t.6\tb\n1.2\t1.2\tdb\n1.8\t1.8\tb\n"
              "2.4\t2.4\tdb,2/4\n3\t3\tb\n3.6\t3.6\tdb\n",
              "0:6/8 2880:2/4 0:150 2880:100 0-600 end 600/480",
              "stated time signatures say what a beat is");

    s = song_of_seconds();
    add_note(&s, 0, 500);
    aligns_as(&s, "0 0\n1 0\n2 0\n3 0\n4 0\n", "0:4/4 0:60 0-240 end 240/480",
              "without downbeats bars are of four");
}

static void test_refusing(void)
{
    static const char *const bad[] = {"", "1 1\n", "1 1\n1 0\n", "2 1\n1 0\n"};
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        bl_err e = BL_ERR_INIT;
        bl_beats b = {0};
        bl_song s = song_of_seconds();
        add_note(&s, 10, 20);
        need(bl_beats_read(&b, bad[i], strlen(bad[i]), &e), &e);
        ok(bl_song_align(&s, b.beat, b.n, &e) == BL_E_FORMAT && s.tpq == 500 &&
               s.notes[0].on == 10 && s.n_tempos == 1,
           "refused, and the song as it was: %s", e.text);
        free(b.beat);
        bl_song_free(&s);
    }
    bl_err e = BL_ERR_INIT;
    bl_song s = song_of_seconds();
    bl_beat far[] = {{.seconds = 1e8}, {.seconds = 1e8 + 1e-6}};
    add_note(&s, 0, 20);
    ok(bl_song_align(&s, far, 2, &e) == BL_E_LIMIT && s.tpq == 500,
       "more beats than there is room for: %s", e.text);
    bl_song_free(&s);
}

/* ---- a song played freely, aligned, is the song again ---- */

enum { BEATS = 64, TPQ = 480 };

/* Seconds of a tick where beat i is at seconds[i]. */
static double played_at(const double *seconds, int tick)
{
    int i = (int)bl_min(tick / TPQ, BEATS - 2);
    return seconds[i] + (seconds[i + 1] - seconds[i]) * (tick - i * TPQ) / TPQ;
}

static int aligned_is_score(bl_rng *r)
{
    bl_err e = BL_ERR_INIT;
    bl_beat beats[BEATS] = {0};
    double seconds[BEATS];
    int on[200], off[200], same = 1, n = songs_pick(r, 1, 200);
    int bar = songs_pick(r, 2, 7), first = songs_pick(r, 0, bar - 1);
    bl_song s = {.tpq = 9600};
    double at = songs_pick(r, 0, 3000) * 1e-3;
    for (int i = 0; i < BEATS; i++) {
        seconds[i] = beats[i].seconds = at;
        beats[i].is_downbeat = i % bar == first;
        at += songs_pick(r, 200, 1500) * 1e-3;
    }
    for (int i = 0; i < n; i++) {
        on[i] = songs_pick(r, i == 0 ? 0 : on[i - 1] / 40,
                           i == 0 ? 0 : on[i - 1] / 40 + 6) *
                40;
        off[i] = on[i] + songs_pick(r, 1, 24) * 40;
        int from = (int)floor(played_at(seconds, on[i]) * 19200 + 0.5);
        int to = (int)floor(played_at(seconds, off[i]) * 19200 + 0.5);
        need(bl_song_add_note(&s, (bl_note){.on = from, .off = to}, &e), &e);
    }
    need(bl_song_align(&s, beats, BEATS, &e), &e);
    for (int i = 0; i < n; i++)
        same &= s.notes[i].on == on[i] && s.notes[i].off == off[i];
    const bl_meter *last = &s.meters[s.n_meters - 1];
    same &= last->tick == first * TPQ && last->num == bar && last->den_log2 == 2;
    bl_song_free(&s);
    return same;
}

static void test_played(void)
{
    bl_rng r = bl_rng_make(14, 0);
    int wrong = 0;
    for (int k = 0; k < 500; k++)
        wrong += !aligned_is_score(&r);
    ok(wrong == 0, "a score played freely is the score again (%d of 500 not)", wrong);
}

int main(void)
{
    test_meter();
    test_reading();
    test_bad_texts();
    test_aligning();
    test_refusing();
    test_played();
    return tap_done();
}
