/* test_write.c - the files that barline writes, read by libsmf itself and by our own
 * reader; their time grows with their notes; where memory ends nothing else does. */
#include "midi/midi.h"
#include "songs.h"
#include "tap.h"

#include <smf.h>
#include <string.h>
#include <time.h>

/* Events of libsmf as text lines: tick, bytes. */
static void add_event(bl_buf *text, const smf_event_t *x)
{
    need(bl_buf_addf(text, NULL, "%d", x->time_pulses), NULL);
    for (int i = 0; i < x->midi_buffer_length; i++)
        need(bl_buf_addf(text, NULL, " %02x", x->midi_buffer[i]), NULL);
    need(bl_buf_adds(text, "\n", NULL), NULL);
}

/* What libsmf reads of the bytes; n_tracks gets the number of tracks, 0 if it reads
 * nothing. */
static const char *by_libsmf(const bl_buf *bytes, bl_buf *text, int *n_tracks)
{
    smf_t *smf = smf_load_from_memory(bytes->data, (int)bytes->len);
    text->len = 0;
    *n_tracks = 0;
    if (smf == NULL)
        return "";
    *n_tracks = smf->number_of_tracks;
    for (int i = 1; i <= smf->number_of_tracks; i++) {
        smf_track_t *track = smf_get_track_by_number(smf, i);
        for (int k = 1; k <= track->number_of_events; k++)
            add_event(text, smf_track_get_event_by_number(track, (size_t)k));
    }
    smf_delete(smf);
    return bl_buf_str(text, NULL);
}

static bl_note note_of(int on, int off, int pitch, int program, int drum)
{
    return (bl_note){.on = on,
                     .off = off,
                     .pitch = (uint8_t)pitch,
                     .velocity = 80,
                     .program = (uint8_t)program,
                     .drum = (uint8_t)drum};
}

static void test_events(void)
{
    bl_song s = {.tpq = 480, .end = 1920};
    bl_buf bytes = {0}, text = {0};
    bl_err e = BL_ERR_INIT;
    int n;
    need(bl_song_add_tempo(&s, 0, 500000, &e), &e);
    need(bl_song_add_meter(&s, 0, 3, 2, &e), &e);
    need(bl_song_add_marker(&s, 960, "C:maj", &e), &e);
    need(bl_song_add_note(&s, note_of(0, 480, 60, 5, 0), &e), &e);
    need(bl_song_add_note(&s, note_of(0, 240, 36, 0, 1), &e), &e);
    need(bl_song_add_note(&s, note_of(480, 480, 60, 5, 0), &e), &e);
    need(bl_midi_write(&s, BL_WRITE_PROGRAMS, &bytes, &e), &e);
    const char *got = by_libsmf(&bytes, &text, &n);
    ok(n == 3 && strcmp(got, "0 ff 51 03 07 a1 20\n0 ff 58 04 03 02 18 08\n"
                             "960 ff 06 05 43 3a 6d 61 6a\n1920 ff 2f 00\n"
                             "0 c0 05\n0 90 3c 50\n480 80 3c 40\n480 90 3c 50\n"
                             "480 80 3c 40\n1920 ff 2f 00\n"
                             "0 c9 00\n0 99 24 50\n240 89 24 40\n1920 ff 2f 00\n") == 0,
       "libsmf reads a track a program: %s", n == 3 ? "as written" : got);
    bytes.len = 0;
    need(bl_midi_write(&s, BL_WRITE_ONE_TRACK, &bytes, &e), &e);
    got = by_libsmf(&bytes, &text, &n);
    ok(n == 2 && strstr(got, "0 c0 00\n0 90 24 50\n0 90 3c 50\n240 90 24 00\n"
                             "480 90 3c 00\n480 90 3c 00\n480 90 3c 50\n"
                             "481 ff 2f 00\n") != NULL,
       "and one track with running status: %s", n == 2 ? "as written" : got);
    bl_song_free(&s);
    bl_buf_free(&bytes);
    bl_buf_free(&text);
}

static void test_random(void)
{
    bl_song song = {0}, back = {0};
    bl_buf bytes = {0}, text = {0};
    bl_rng r = bl_rng_make(3, 1);
    int bad = 0, differ = 0, n;
    for (int k = 0; k < 200; k++) {
        bl_midi_report report;
        bl_err e = BL_ERR_INIT;
        random_song(&song, &r);
        bytes.len = 0;
        need(bl_midi_write(&song, BL_WRITE_PROGRAMS, &bytes, &e), &e);
        by_libsmf(&bytes, &text, &n);
        bad += n == 0;
        need(bl_midi_read(bytes.data, bytes.len, BL_READ_OVERLAP, &back, &report, &e),
             &e);
        differ += back.n_notes != song.n_notes || report.strict_fix >= 0;
    }
    ok(bad == 0, "libsmf reads 200 random songs");
    ok(differ == 0, "and our reader all their notes, without a repair");
    bl_song_free(&song);
    bl_song_free(&back);
    bl_buf_free(&bytes);
    bl_buf_free(&text);
}

static double seconds_of(int n_notes)
{
    bl_song s = {.tpq = 480};
    bl_buf bytes = {0};
    bl_err e = BL_ERR_INIT;
    for (int i = 0; i < n_notes; i++)
        need(bl_song_add_note(&s, note_of(60 * i, 60 * i + 60, 40 + i % 40, 0, 0), &e),
             &e);
    clock_t start = clock();
    need(bl_midi_write(&s, BL_WRITE_PROGRAMS, &bytes, &e), &e);
    double took = (double)(clock() - start) / CLOCKS_PER_SEC;
    bl_song_free(&s);
    bl_buf_free(&bytes);
    return took;
}

static void test_growth(void)
{
    double short_one = seconds_of(100000), long_one = seconds_of(800000);
    ok(long_one < 24 * short_one + 0.2,
       "eight times the notes: %.1f times the time (%.3f s)", long_one / short_one,
       long_one);
}

int main(void)
{
    test_events();
    test_random();
    test_growth();
    return tap_done();
}
