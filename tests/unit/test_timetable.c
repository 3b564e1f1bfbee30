/* test_timetable.c - music to messages at their times, what sounds, and the text of
 * both (schemas/timed-bytes.md). */
#include "cli/late.h"
#include "cli/pulses.h"
#include "midi/timetable.h"
#include "songs.h"
#include "tap.h"

typedef struct {
    bl_timed *t;
    size_t n, cap;
} messages;

static void drain(bl_timetable *s, messages *m)
{
    bl_err e = BL_ERR_INIT;
    bl_timed t;
    int rc;
    while ((rc = bl_timetable_next(s, &t, &e)) > 0) {
        need(bl_room(&m->t, &m->cap, m->n + 1, sizeof *m->t, &e), &e);
        m->t[m->n++] = t;
    }
    need(rc, &e);
}

static bl_timetable *begin(const bl_timetable_wish *wish, int tpq)
{
    bl_err e = BL_ERR_INIT;
    bl_timetable *s;
    need(bl_timetable_new(&s, wish, &e), &e);
    need(bl_timetable_begin(s, tpq, &e), &e);
    return s;
}

static void end(bl_timetable *s, int32_t tick, messages *m)
{
    bl_err e = BL_ERR_INIT;
    need(bl_timetable_end(s, tick, &e), &e);
    drain(s, m);
    need(bl_timetable_finish(s, &e), &e);
    drain(s, m);
    bl_timetable_del(s);
}

/* All of a song, its notes sorted, at once. */
static void play(const bl_song *song, const bl_timetable_wish *wish, messages *m)
{
    bl_err e = BL_ERR_INIT;
    bl_timetable *s = begin(wish, song->tpq);
    m->n = 0;
    need(bl_timetable_add(s, song, song->end, &e), &e);
    drain(s, m);
    end(s, song->end, m);
}

static void add_note(bl_song *s, int on, int off, int pitch, int program)
{
    bl_err e = BL_ERR_INIT;
    bl_note n = {.on = on,
                 .off = off,
                 .pitch = (uint8_t)pitch,
                 .velocity = 64,
                 .program = (uint8_t)program};
    need(bl_song_add_note(s, n, &e), &e);
}

static int is(const messages *m, size_t i, int64_t ns, int a, int b, int c)
{
    const bl_timed *t = &m->t[i];
    return i < m->n && t->ns == ns && t->byte[0] == a && t->byte[1] == b &&
           t->byte[2] == c;
}

static void test_times(void)
{
    bl_err e = BL_ERR_INIT;
    bl_song s = {.tpq = 480, .end = 1920};
    messages m = {0};
    add_note(&s, 0, 480, 60, 5);
    add_note(&s, 480, 5000, 62, 5);
    need(bl_song_add_tempo(&s, 480, 1000000, &e), &e);
    play(&s, &(bl_timetable_wish){0}, &m);
    ok(m.n == 6 && is(&m, 0, 0, 0xC0, 5, 0) && is(&m, 1, 0, 0x90, 60, 64) &&
           is(&m, 2, 500000000, 0x80, 60, 64) && is(&m, 3, 500000000, 0x90, 62, 64) &&
           is(&m, 4, 3500000000, 0x80, 62, 64) && is(&m, 5, 3500000000, 0xB0, 123, 0),
       "notes are at their times, ends before beginnings, and end with the piece");
    play(&s, &(bl_timetable_wish){.tempo = 60}, &m);
    ok(is(&m, 3, 1000000000, 0x90, 62, 64) && is(&m, 4, 4000000000, 0x80, 62, 64),
       "another tempo is that of everything");
    play(&s, &(bl_timetable_wish){.clock = 1}, &m);
    size_t pulses = 0;
    for (size_t i = 0; i < m.n; i++)
        pulses += m.t[i].byte[0] == 0xF8;
    ok(pulses == 96 && m.t[0].byte[0] == 0xFA && m.t[1].byte[0] == 0xF8 &&
           m.t[m.n - 1].byte[0] == 0xFC && m.t[m.n - 1].n == 1,
       "the clock has 24 pulses a quarter, after its start, before its stop");
    free(m.t);
    bl_song_free(&s);
}

static void test_channels(void)
{
    bl_song s = {.tpq = 480, .end = 1920};
    messages m = {0};
    bl_sounding now = {0};
    size_t most = 0, on = 0;
    add_note(&s, 0, 960, 60, 1);
    add_note(&s, 480, 720, 60, 1);
    for (int program = 2; program < 40; program++)
        add_note(&s, 960, 1440, 60, program);
    play(&s, &(bl_timetable_wish){0}, &m);
    ok(is(&m, 2, 500000000, 0xC1, 1, 0) && is(&m, 3, 500000000, 0x91, 60, 64) &&
           is(&m, 4, 750000000, 0x81, 60, 64) && is(&m, 5, 1000000000, 0x80, 60, 64),
       "a pitch that sounds twice does so on two channels, with both ends");
    for (size_t i = 0; i < m.n; i++) {
        bl_sounding_note(&now, m.t[i].byte, m.t[i].n);
        on += (m.t[i].byte[0] & 0xF0) == 0x90;
        most += m.t[i].byte[0] == 0x99;
    }
    ok(on == 40 && most == 0 && !bl_sounding_is_any(&now),
       "forty programs take turns, none on the channel of drums, and all end");
    free(m.t);
    bl_song_free(&s);
}

/* What a listener does with lists that were taken away. */
static void forget(bl_song *s)
{
    s->n_notes = s->n_tempos = s->n_meters = s->n_pedals = s->n_markers = 0;
}

/* Bar by bar as a stream brings it. */
static void play_bars(const bl_scheme *scheme, const bl_ids *ids, bl_song *song,
                      messages *m)
{
    bl_err e = BL_ERR_INIT;
    bl_decoder d;
    m->n = 0;
    need(bl_scheme_begins_decoding(scheme, &d, song) ? 0 : BL_E_ARG, &e);
    bl_timetable *s = begin(&(bl_timetable_wish){.clock = 1}, song->tpq);
    for (size_t i = 0, next; i < ids->n; i = next) {
        for (next = i + 1;
             next < ids->n && !bl_scheme_begins_bar(scheme, ids->id[next]); next++)
            ;
        need(bl_scheme_decode_more(&d, ids->id + i, next - i, &e), &e);
        need(bl_timetable_add(s, song, d.end, &e), &e);
        forget(song);
        drain(s, m);
    }
    end(s, d.end, m);
}

static int same(const messages *a, const messages *b)
{
    if (a->n != b->n)
        return 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->t[i].n != b->t[i].n || memcmp(a->t[i].byte, b->t[i].byte, 3) != 0 ||
            llabs(a->t[i].ns - b->t[i].ns) > 0)
            return 0;
    return 1;
}

static int rises_and_ends(const messages *m)
{
    bl_sounding now = {0};
    for (size_t i = 0; i < m->n; i++) {
        if (i > 0 && m->t[i].ns < m->t[i - 1].ns)
            return 0;
        bl_sounding_note(&now, m->t[i].byte, m->t[i].n);
    }
    return !bl_sounding_is_any(&now);
}

static void test_bar_by_bar(void)
{
    bl_err e = BL_ERR_INIT;
    bl_scheme *scheme = open_full_scheme(12);
    bl_song song = {0}, decoded = {0};
    messages bars = {0}, whole = {0};
    bl_ids ids = {0};
    int n_same = 0, n_good = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        bl_rng r = bl_rng_make(seed, 9);
        size_t n_bars = 0, skipped = 0;
        random_song(&song, &r);
        random_pedals(&song, &r);
        ids.n = 0;
        need(bl_scheme_encode(scheme, &song, &ids, &n_bars, NULL, &e), &e);
        need(bl_scheme_decode(scheme, ids.id, ids.n, &decoded, &skipped, &e), &e);
        play(&decoded, &(bl_timetable_wish){.clock = 1}, &whole);
        play_bars(scheme, &ids, &decoded, &bars);
        n_same += same(&bars, &whole);
        n_good += rises_and_ends(&bars);
    }
    ok(n_same == 40,
       "bar by bar random songs give the messages that they give at once");
    ok(n_good == 40, "their times rise, and nothing sounds at the end");
    bl_ids_free(&ids);
    free(bars.t);
    free(whole.t);
    bl_song_free(&song);
    bl_song_free(&decoded);
    bl_scheme_del(scheme);
}

static void test_silence(void)
{
    bl_sounding s = {0};
    uint8_t bytes[BL_SILENCE_MAX];
    static const uint8_t sent[][3] = {{0x93, 60, 1},  {0x93, 61, 9}, {0x93, 60, 0},
                                      {0xB3, 64, 99}, {0x85, 1, 1},  {0xF8, 0, 0}};
    for (size_t i = 0; i < BL_COUNT(sent); i++)
        bl_sounding_note(&s, sent[i], sent[i][0] == 0xF8 ? 1 : 3);
    static const uint8_t want[] = {0x83, 61,  64, 0xB3, 64,  0,
                                   0xB3, 123, 0,  0xB5, 123, 0};
    ok(bl_sounding_is_any(&s) && bl_sounding_silence(&s, bytes) == sizeof want &&
           memcmp(bytes, want, sizeof want) == 0 && !bl_sounding_is_any(&s),
       "silence ends the notes that sound, lifts the pedal, on the channels in use");
    memset(s.on, 255, sizeof s.on);
    s.pedal = s.used = 65535;
    ok(bl_sounding_silence(&s, bytes) == BL_SILENCE_MAX, "it has room for all notes");
}

/* Which of these messages are sent, so late (ms), one after the other. */
static int sends_late(const bl_timed *t, const int *ms, size_t n, const char *want)
{
    bl_sounding s = {0};
    int good = 1;
    for (size_t i = 0; i < n; i++) {
        int is = bl_late_sends(&s, &t[i], ms[i] * INT64_C(1000000));
        good &= is == (want[i] == '1');
        if (is)
            bl_sounding_note(&s, t[i].byte, t[i].n);
    }
    return good;
}

static void test_late(void)
{
    const bl_timed wire[] = {{0, 2, {0xC0, 5}},       {0, 3, {0x90, 60, 64}},
                             {0, 3, {0xB0, 64, 127}}, {0, 3, {0x80, 60, 64}},
                             {0, 3, {0x90, 62, 64}},  {0, 3, {0x80, 62, 64}}};
    ok(sends_late(wire, (int[]){0, 0, 0, 0, 0, 0}, 6, "111111") &&
           sends_late(wire, (int[]){99, 99, 99, 99, 99, 99}, 6, "111111"),
       "what is in time is sent, and what is a little late");
    ok(sends_late(wire, (int[]){900, 900, 900, 900, 101, 40}, 6, "101000"),
       "of what is later programs and pedals, no notes nor their ends");
    ok(sends_late(wire, (int[]){50, 50, 50, 900, 900, 900}, 6, "111100"),
       "a note that sounds is ended, however late");
}

/* The song position of each sixteenth, two meters one after the other: at the same
 * place in its bar, and in a pattern of bars; where it can be said it is the number of
 * sixteenths since the start. */
static int has_places(int num, int den_log2, int bar)
{
    enum { TPQ = 24, BARS = 1000, AFTER = 2100 };
    bl_err e = BL_ERR_INIT;
    bl_song s = {.tpq = TPQ, .end = (int32_t)(BARS * 4 * TPQ + AFTER * bar * TPQ / 4)};
    messages m = {0};
    int64_t n = 0, n_good = 0;
    need(bl_song_add_meter(&s, 0, 4, 2, &e), &e);
    need(bl_song_add_meter(&s, BARS * 4 * TPQ, num, den_log2, &e), &e);
    play(&s, &(bl_timetable_wish){.clock = 1}, &m);
    for (size_t i = 0; i < m.n; i++) {
        const bl_timed *t = &m.t[i];
        if (t->byte[0] != 0xF8 || n++ % 6 != 0)
            continue;
        int64_t at = (n - 1) / 6, said = t->byte[1] | t->byte[2] << 7;
        int is_said =
            at < 16384 ? said == at : (said - (at - BARS * 16)) % (8 * bar) == 0;
        n_good += t->n == 1 && t->byte[1] < 128 && t->byte[2] < 128 && is_said;
    }
    free(m.t);
    bl_song_free(&s);
    return n / 6 == BARS * 16 + AFTER * bar && n_good == n / 6;
}

static void test_places(void)
{
    bl_pulses p = {0};
    uint8_t to[BL_PULSES_MOST];
    const bl_timed start = {.n = 1, .byte = {0xFA}};
    ok(has_places(4, 2, 16) && has_places(3, 2, 12) && has_places(6, 3, 12) &&
           has_places(5, 2, 20) && has_places(7, 3, 14) && has_places(9, 3, 18) &&
           has_places(11, 3, 22),
       "a position that is too great to be said is one at the same place in the bar");
    int good = bl_pulses_pass(&p, &start, 0, to) == 1;
    for (int i = 0; i <= 12; i++) {
        const bl_timed pulse = {.n = 1, .byte = {0xF8, 5, (uint8_t)i}};
        size_t n = bl_pulses_pass(&p, &pulse, i >= 2 && i < 9 ? 60000000 : 0, to);
        const uint8_t want[] = {0xFC, 0xF2, 5, 12, 0xFB, 0xF8};
        good &= i == 12 ? n == sizeof want && memcmp(to, want, n) == 0
                        : n == (size_t)(i < 2);
    }
    ok(good,
       "behind a gap a clock goes on at a sixteenth, with the place of its pulse");
}

static void test_text(void)
{
    char line[BL_TIMED_LINE + 1];
    int64_t ns;
    uint8_t byte[4];
    size_t n = bl_timed_print(&(bl_timed){1500, 3, {0x90, 60, 100}}, line);
    line[n] = '\0';
    ok(strcmp(line, "1500,90 3C 64\n") == 0, "a message is a line of time and bytes");
    ok(bl_timed_scan("1500,90 3c 64", &ns, byte, 4) == 3 && ns == 1500 &&
           byte[1] == 60 && bl_timed_scan("7,", &ns, byte, 4) == 0 && ns == 7,
       "it is read again, also without bytes");
    static const char *const bad[] = {"",
                                      ",90",
                                      "1",
                                      "-1,90",
                                      "1,9",
                                      "1,90 ",
                                      "1,9G",
                                      "1,90  3C",
                                      "1,903C",
                                      "1,90 3C 64 90 3C",
                                      "1234567890123456789,90"};
    int n_refused = 0;
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        n_refused += bl_timed_scan(bad[i], &ns, byte, 4) < 0;
    ok(n_refused == BL_COUNT(bad), "other lines are refused");
}

int main(void)
{
    test_times();
    test_channels();
    test_bar_by_bar();
    test_silence();
    test_late();
    test_places();
    test_text();
    return tap_done();
}
