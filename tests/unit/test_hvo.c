/* test_hvo.c - drums as numbers: which cell a note goes into, windows, and the way back
 * (schemas/groove-scheme.md). */
#include <math.h>

#include "midi/midi.h"
#include "songs.h"
#include "tap.h"
#include "token/hvo.h"

static void add_drum(bl_song *s, int tick, int pitch, int velocity)
{
    bl_err e = BL_ERR_INIT;
    bl_note n = {.on = tick,
                 .off = tick + 10,
                 .pitch = (uint8_t)pitch,
                 .velocity = (uint8_t)velocity,
                 .drum = 1,
                 .channel = 9};
    need(bl_song_add_note(s, n, &e), &e);
}

static void encode(bl_hvo *h, bl_song *s)
{
    bl_err e = BL_ERR_INIT;
    need(bl_song_sort(s, &e), &e);
    need(bl_hvo_encode(h, s, &e), &e);
}

static const float *cell(const bl_hvo *h, int step, int voice)
{
    return h->x + step * BL_HVO_CELLS + voice;
}

static int cell_is(const bl_hvo *h, int step, int voice, double velocity, double offset)
{
    const float *x = cell(h, step, voice);
    return x[0] == 1 && fabs(x[9] - velocity / 127) < 1e-7 &&
           fabs(x[18] - offset) < 1e-7;
}

/* ---- voices ---- */

static void test_voices(void)
{
    static const struct {
        int voice, pitch[5];
    } map[] = {{0, {36, 35}}, {1, {38, 37, 40, 39}}, {2, {42, 22, 44}},
               {3, {46, 26}}, {4, {43, 58, 41}},     {5, {47, 45}},
               {6, {50, 48}}, {7, {49, 52, 55, 57}}, {8, {51, 53, 59}}};
    int of[128], same = 1, firsts = 1;
    memset(of, -1, sizeof of);
    for (size_t i = 0; i < BL_COUNT(map); i++) {
        firsts &= bl_hvo_pitch((int)i) == map[i].pitch[0];
        for (int k = 0; k < 5 && map[i].pitch[k] > 0; k++)
            of[map[i].pitch[k]] = map[i].voice;
    }
    for (int pitch = 0; pitch < 128; pitch++)
        same &= bl_hvo_voice(pitch) == of[pitch];
    ok(same, "each of the 128 pitches has its voice, or none");
    ok(firsts, "each voice is written as its first pitch");
}

/* ---- cells ---- */

static void test_cells(void)
{
    bl_song s = {.tpq = 480};
    bl_hvo h = {0};
    bl_err e = BL_ERR_INIT;
    add_drum(&s, 0, 36, 100);
    add_drum(&s, 59, 38, 64);  /* late on step 0 */
    add_drum(&s, 60, 38, 127); /* half a step: early on step 1 */
    add_drum(&s, 230, 42, 50); /* two in a cell: the louder, */
    add_drum(&s, 250, 44, 60); /* of another pitch of the voice */
    add_drum(&s, 490, 46, 70); /* equals: the earliest */
    add_drum(&s, 500, 46, 70);
    add_drum(&s, 500, 56, 70);      /* a cowbell */
    add_drum(&s, 1920 - 60, 49, 1); /* belongs to the next bar */
    need(bl_song_add_note(
             &s, (bl_note){.on = 9999, .off = 10000, .pitch = 36, .velocity = 9}, &e),
         &e);
    need(bl_song_add_tempo(&s, 100, 600000, &e), &e);
    encode(&h, &s);
    ok(h.n_bars == 2, "the bar of the last drum is the last, whatever else there is");
    ok(cell_is(&h, 0, 0, 100, 0), "a hit on the grid");
    ok(cell_is(&h, 0, 1, 64, 59 / 120.), "late within half a step");
    ok(cell_is(&h, 1, 1, 127, -.5), "half a step late is early on the next");
    ok(cell_is(&h, 2, 2, 60, 10 / 120.), "the loudest of a cell stays");
    ok(cell_is(&h, 4, 3, 70, 10 / 120.), "of equals the earliest");
    ok(cell_is(&h, 16, 7, 1, -.5), "half a step before the bar line is in the bar");
    ok(h.hits == 6 && h.collided == 2 && h.unmapped == 1,
       "what is left out is counted");
    ok(h.tempo[0] == 120 && h.tempo[1] == 100, "tempos of bars");
    double sum = 0;
    for (size_t i = 0; i < h.n_bars * BL_HVO_BAR * BL_HVO_CELLS; i++)
        sum += i % BL_HVO_CELLS < BL_HVO_VOICES ? h.x[i] : 0;
    ok(sum == 6, "and nothing else is there");
    bl_hvo_free(&h);
    bl_song_free(&s);
}

static void test_meters(void)
{
    bl_song s = {.tpq = 96};
    bl_hvo h = {0};
    bl_err e = BL_ERR_INIT;
    add_drum(&s, 1000, 36, 100);
    need(bl_song_add_meter(&s, 0, 3, 2, &e), &e);
    need(bl_song_add_meter(&s, 0, 4, 2, &e), &e);
    need(bl_song_add_meter(&s, 1001, 3, 2, &e), &e);
    ok(bl_hvo_encode(&h, &s, &e) == 0,
       "the last meter of a tick, none behind the music");
    need(bl_song_add_meter(&s, 1002, 4, 2, &e), &e);
    s.meters[2].tick = 960;
    ok(bl_hvo_encode(&h, &s, &e) == BL_E_FORMAT && strstr(e.text, "3/4 at tick 960"),
       "another meter is refused: %s", e.text);
    e = BL_ERR_INIT;
    s.n_meters = 0;
    s.notes[0].on = BL_TICK_MAX;
    s.tpq = 1;
    ok(bl_hvo_encode(&h, &s, &e) == BL_E_LIMIT, "so is a piece without end: %s",
       e.text);
    s.n_notes = 0;
    e = BL_ERR_INIT;
    ok(bl_hvo_encode(&h, &s, &e) == 0 && h.n_bars == 0, "no drum, no bar");
    bl_hvo_free(&h);
    bl_song_free(&s);
}

/* ---- windows ---- */

static void test_windows(void)
{
    static const struct {
        int n, bars, hop, windows;
    } t[] = {{0, 2, 2, 0}, {1, 2, 2, 1}, {2, 2, 2, 1},  {3, 2, 2, 2}, {1, 2, 1, 1},
             {2, 2, 1, 1}, {3, 2, 1, 2}, {9, 4, 2, 4},  {8, 4, 2, 3}, {3, 1, 2, 2},
             {4, 1, 2, 2}, {5, 1, 2, 3}, {64, 64, 1, 1}};
    float *x = bl_calloc(64 * BL_HVO_BAR * BL_HVO_CELLS, sizeof *x, NULL);
    int good = 1, seen = 1;
    for (size_t i = 0; i < BL_COUNT(t); i++) {
        bl_hvo_frame frame = {t[i].bars, t[i].hop};
        bl_song s = {.tpq = 4};
        bl_hvo h = {0};
        for (int bar = 0; bar < t[i].n; bar++)
            add_drum(&s, 16 * bar, 36, 1 + bar);
        encode(&h, &s);
        size_t n = bl_hvo_windows(&h, frame);
        good &= n == (size_t)t[i].windows;
        for (size_t k = 0; k < n; k++) {
            bl_hvo_window(&h, frame, k, x);
            for (int bar = 0; bar < t[i].bars; bar++) {
                int at = (int)k * t[i].hop + bar;
                double velocity = at < t[i].n ? 1 + at : 0;
                const float *row = x + bar * BL_HVO_BAR * BL_HVO_CELLS;
                seen &= fabs(row[9] * 127 - velocity) < 1e-4;
            }
        }
        bl_hvo_free(&h);
        bl_song_free(&s);
    }
    ok(good, "windows show each bar, and none shows nothing new");
    ok(seen, "they hold the bars that they should, silence behind the last");
    free(x);
}

/* ---- there and back ---- */

static int decode(bl_song *song, const bl_hvo *h, bl_hvo_frame frame, int tpq)
{
    bl_hvo_decoder d;
    bl_err e = BL_ERR_INIT;
    float *x = bl_calloc((size_t)frame.bars * BL_HVO_BAR * BL_HVO_CELLS, sizeof *x, &e);
    int bad = 0;
    need(bl_hvo_decode_begin(&d, song, tpq, &e), &e);
    for (size_t i = 0; i < bl_hvo_windows(h, frame); i++) {
        size_t bar = i * (size_t)frame.hop;
        bl_hvo_window(h, frame, i, x);
        bad |= bl_hvo_check(x, (size_t)frame.bars * BL_HVO_BAR, &e) != 0;
        need(bl_hvo_decode(&d, x, frame.bars, (int32_t)bar, h->tempo[bar], &e), &e);
    }
    need(bl_hvo_decode_end(&d, &e), &e);
    free(x);
    return !bad;
}

/* As MIDI bytes and back. */
static void through_midi(bl_song *back, const bl_song *song)
{
    bl_buf bytes = {0};
    bl_midi_report report;
    bl_err e = BL_ERR_INIT;
    need(bl_midi_write(song, BL_WRITE_PROGRAMS, &bytes, &e), &e);
    need(bl_midi_read(bytes.data, bytes.len, BL_READ_OVERLAP, back, &report, &e), &e);
    bl_buf_free(&bytes);
}

/* The greatest difference of offsets in ticks of a division, or -1 where hits or
 * velocities differ. */
static double difference(const bl_hvo *a, const bl_hvo *b, int tpq)
{
    double most = 0;
    if (a->n_bars != b->n_bars)
        return -1;
    for (size_t i = 0; i < a->n_bars * BL_HVO_BAR * BL_HVO_CELLS; i++) {
        double d = fabs(a->x[i] - b->x[i]);
        if (i % BL_HVO_CELLS >= 18)
            most = fmax(most, d * tpq / 4);
        else if (d != 0)
            return -1;
    }
    return most;
}

static void random_drums(bl_song *s, bl_rng *r)
{
    static const int tpqs[] = {24, 96, 100, 120, 150, 384, 480, 481, 960, 999, 32767};
    bl_err e = BL_ERR_INIT;
    bl_song_clear(s);
    s->tpq = tpqs[songs_pick(r, 0, (int)BL_COUNT(tpqs) - 1)];
    for (int n = songs_pick(r, 1, 200); n > 0; n--)
        add_drum(s, songs_pick(r, 0, 24 * s->tpq), songs_pick(r, 20, 70),
                 songs_pick(r, 1, 127));
    add_drum(s, songs_pick(r, 0, s->tpq), 36, 64);
    for (int n = songs_pick(r, 0, 3); n > 0; n--)
        need(bl_song_add_tempo(s, songs_pick(r, 0, 6) * 4 * s->tpq,
                               (uint32_t)songs_pick(r, 100000, 2000000), &e),
             &e);
}

static void test_songs(void)
{
    bl_song s = {0}, d = {0}, back = {0};
    bl_hvo h = {0}, again = {0};
    bl_rng r = bl_rng_make(17, 1);
    double most = 0;
    int bad = 0;
    for (int i = 0; i < 400; i++) {
        bl_hvo_frame frame = {songs_pick(&r, 1, 4), 1};
        random_drums(&s, &r);
        encode(&h, &s);
        frame.hop = songs_pick(&r, 1, frame.bars);
        bad += !decode(&d, &h, frame, s.tpq);
        through_midi(&back, &d);
        encode(&again, &back);
        double ticks = difference(&h, &again, d.tpq);
        bad += ticks < 0 || d.tpq < 480 || d.tpq % s.tpq != 0;
        bad += again.collided + again.unmapped != 0;
        most = fmax(most, ticks);
    }
    ok(bad == 0, "400 songs of many divisions: hits and velocities come back");
    ok(most < 1e-2, "and offsets to the tick (%.1g of one)", most);
    bl_song_free(&s);
    bl_song_free(&d);
    bl_song_free(&back);
    bl_hvo_free(&h);
    bl_hvo_free(&again);
}

/* As a model makes them: any offset, no source. */
static void test_free_offsets(void)
{
    bl_song d = {0}, back = {0};
    bl_hvo h = {.n_bars = 4}, again = {0};
    bl_err e = BL_ERR_INIT;
    bl_rng r = bl_rng_make(17, 2);
    double most = 0;
    int bad = 0;
    size_t n = h.n_bars * BL_HVO_BAR;
    h.x = bl_calloc(n * BL_HVO_CELLS, sizeof *h.x, &e);
    h.tempo = bl_calloc(h.n_bars, sizeof *h.tempo, &e);
    for (int i = 0; i < 200; i++) {
        for (size_t k = 0; k < n * BL_HVO_VOICES; k++) {
            float *x = h.x + k / BL_HVO_VOICES * BL_HVO_CELLS + k % BL_HVO_VOICES;
            int is_hit = songs_pick(&r, 0, 2) == 0 || k == n * BL_HVO_VOICES - 1;
            static const float ends[] = {-.5f, .5f, .4999f, -.4999f, .0041f};
            x[0] = (float)is_hit;
            x[9] = is_hit ? (float)songs_pick(&r, 1, 127) / 127 : 0;
            x[18] = !is_hit                     ? 0
                    : songs_pick(&r, 0, 3) == 0 ? ends[songs_pick(&r, 0, 4)]
                                                : (float)(bl_rng_unit(&r) - .5);
            if (k < BL_HVO_VOICES) /* before the file begins there is nothing */
                x[18] = fabsf(x[18]);
        }
        for (size_t k = 0; k < h.n_bars; k++)
            h.tempo[k] = (float)(40 + 200 * bl_rng_unit(&r));
        bad += !decode(&d, &h, (bl_hvo_frame){2, 2}, 0);
        through_midi(&back, &d);
        encode(&again, &back);
        double ticks = difference(&h, &again, d.tpq);
        bad += ticks < 0 || d.tpq < 480;
        most = fmax(most, ticks);
    }
    ok(bad == 0, "any offsets: hits and velocities come back");
    ok(most <= .5 + 1e-4, "offsets within half a tick (%.4f)", most);
    bl_song_free(&d);
    bl_song_free(&back);
    bl_hvo_free(&h);
    bl_hvo_free(&again);
}

/* ---- numbers that are none ---- */

static void test_check(void)
{
    static const struct {
        int at;
        float value;
        const char *what;
    } t[] = {{3, 2, "open hat: hit 2"},
             {3, -1, "hit -1"},
             {3, .5f, "hit 0.5"},
             {9, 1.5f, "velocity 1.5 is not from 0"},
             {9, -.1f, "velocity -0.1"},
             {10, .5f, "velocity 0.5 is not 0 without"},
             {18, .51f, "offset 0.51"},
             {18, -.51f, "offset -0.51"},
             {19, .1f, "is not 0 without a"},
             {3, NAN, "hit nan"},
             {9, NAN, "velocity nan"},
             {18, NAN, "offset nan"}};
    float x[2 * BL_HVO_CELLS];
    for (size_t i = 0; i < BL_COUNT(t); i++) {
        bl_err e = BL_ERR_INIT;
        memset(x, 0, sizeof x);
        x[BL_HVO_CELLS] = 1;
        ok(bl_hvo_check(x, 2, &e) == 0, "a hit of no velocity may be");
        x[BL_HVO_CELLS + t[i].at] = t[i].value;
        ok(bl_hvo_check(x, 2, &e) == BL_E_FORMAT && strstr(e.text, "step 1") &&
               strstr(e.text, t[i].what),
           "%s", e.text);
    }
}

int main(void)
{
    test_voices();
    test_cells();
    test_meters();
    test_windows();
    test_songs();
    test_free_offsets();
    test_check();
    return tap_done();
}
