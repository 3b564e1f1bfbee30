/* test_gate.c - hostile MIDI bytes: one defect at a time with known content, every
 * truncation and every byte changed, and what must be counted or rejected. */
#include "midi/gate.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

/* Two notes on a track of 480 ticks a quarter, written as text: hexadecimal bytes. */
#define HEADER "4d546864 00000006 0001 0001 01e0 "
#define NOTES "00 90 3c 40  8360 80 3c 40  00 90 3e 40  8360 80 3e 40 "
#define EOT "00 ff 2f 00 "

typedef struct {
    const char *what, *hex;
    int notes; /* that must come out, -1: rejected */
    int fix;   /* that must be counted, or -1 */
    bl_reject reject;
} defect;

static const defect defects[] = {
    {"a whole file", HEADER "4d54726b 00000018 " NOTES EOT, 2, -1, 0},
    {"no end of track", HEADER "4d54726b 00000014 " NOTES, 2, BL_FIX_NO_EOT, 0},
    {"bytes after the end of track", HEADER "4d54726b 0000001a " NOTES EOT "0000", 2,
     BL_FIX_AFTER_EOT, 0},
    {"a chunk longer than the file", HEADER "4d54726b 7fffffff " NOTES EOT, 2,
     BL_FIX_CHUNK_LENGTH, 0},
    {"a chunk shorter than its track", HEADER "4d54726b 00000009 " NOTES EOT, 2, -1, 0},
    {"an alien chunk", HEADER "58585858 00000002 0000 4d54726b 00000018 " NOTES EOT, 2,
     BL_FIX_ALIEN_CHUNK, 0},
    {"a wrapper",
     "52494646 00000000 524d4944 64617461 00000000 " HEADER
     "4d54726b 00000018 " NOTES EOT,
     2, BL_FIX_WRAPPER, 0},
    {"a long header",
     "4d546864 00000008 0001 0001 01e0 0000 4d54726b 00000018 " NOTES EOT, 2, -1, 0},
    {"more tracks said than there",
     "4d546864 00000006 0001 0005 01e0 4d54726b 00000018 " NOTES EOT, 2,
     BL_FIX_TRACK_COUNT, 0},
    {"running status",
     HEADER "4d54726b 00000013 00 90 3c 40 8360 3c 00 00 3e 40 8360 3e 00 " EOT, 2, -1,
     0},
    {"running status across a meta event",
     HEADER
     "4d54726b 00000018 00 90 3c 40 00 ff 01 01 41 8360 3c 00 00 3e 40 8360 3e 00 " EOT,
     2, BL_FIX_RUNNING, 0},
    {"running status after SysEx",
     HEADER
     "4d54726b 00000017 00 90 3c 40 00 f0 01 f7 8360 3c 00 00 3e 40 8360 3e 00 " EOT,
     2, BL_FIX_RUNNING, 0},
    {"an F7 escape", HEADER "4d54726b 0000001c 00 f7 01 f8 " NOTES EOT, 2, -1, 0},
    {"a data byte over 127", HEADER "4d54726b 0000000d 00 90 3c ff 8360 80 3c 40 " EOT,
     1, BL_FIX_DATA_BYTE, 0},
    {"an open note", HEADER "4d54726b 00000008 00 90 3c 40 " EOT, 1, BL_FIX_OPEN_NOTE,
     0},
    {"a stray note-off", HEADER "4d54726b 0000001c 00 80 30 40 " NOTES EOT, 2,
     BL_FIX_STRAY_OFF, 0},
    {"a tempo of nothing", HEADER "4d54726b 0000001c 00 ff 51 00 " NOTES EOT, 2,
     BL_FIX_BAD_TEMPO, 0},
    {"a meter of 2^255", HEADER "4d54726b 00000020 00 ff 58 04 04 ff 18 08 " NOTES EOT,
     2, BL_FIX_BAD_METER, 0},
    {"a quantity of five bytes",
     HEADER "4d54726b 0000001d " NOTES "8181818101 90 40 40", 2, BL_FIX_BAD_EVENT, 0},
    {"an event that is none", HEADER "4d54726b 0000001b 00 3c 50 " NOTES EOT, 2,
     BL_FIX_BAD_EVENT, 0},
    {"a length of nothing before a track", HEADER "4d54726b 00000000 " NOTES EOT, 2,
     BL_FIX_CHUNK_LENGTH, 0},
    {"a cut in the name of the next track",
     HEADER "4d54726b 00000015 " NOTES "81 4d54726b", 2, BL_FIX_BAD_EVENT, 0},
    {"a track of a damaged name",
     "4d546864 00000006 0001 0002 01e0 4d54726b 00000018 " NOTES EOT
     "4d547278 00000018 " NOTES EOT,
     2, BL_FIX_TRACK_COUNT, 0},
    {"a chunk that reaches into the next",
     "4d546864 00000006 0001 0002 01e0 4d54726b 0000001a " NOTES EOT
     "4d54726b 00000018 " NOTES EOT,
     4, BL_FIX_CHUNK_LENGTH, 0},
    {"a name of a chunk twice", HEADER "4d54726b 4d54726b 00000018 " NOTES EOT, 2,
     BL_FIX_CHUNK_LENGTH, 0},
    {"nothing", "", -1, -1, BL_REJECT_EMPTY},
    {"text", "6f6e63652075706f6e20612074696d65", -1, -1, BL_REJECT_NOT_MIDI},
    {"a header cut", "4d546864 00000006 0001", -1, -1, BL_REJECT_TRUNCATED},
    {"no track", HEADER, -1, -1, BL_REJECT_TRUNCATED},
    {"no track, as the header says", "4d546864 00000006 0001 0000 01e0", 0, -1, 0},
    {"leftovers of a longer file",
     HEADER "4d54726b 00000016 " NOTES EOT "904040 4d54726b 00000016 " NOTES EOT, 2,
     BL_FIX_TRAILING, 0},
    {"division 0", "4d546864 00000006 0001 0001 0000 4d54726b 00000018 " NOTES EOT, 2,
     BL_FIX_HEADER, 0},
    {"film frames", "4d546864 00000006 0001 0001 e728 4d54726b 00000018 " NOTES EOT, 2,
     BL_FIX_SMPTE, 0},
    {"format 2", "4d546864 00000006 0002 0001 01e0 4d54726b 00000018 " NOTES EOT, 2,
     BL_FIX_FORMAT_2, 0},
};

static size_t bytes_of(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        char two[3] = {hex[0], hex[1], '\0'};
        out[n++] = (uint8_t)strtoul(two, NULL, 16);
        hex++;
    }
    return n;
}

static void test_defects(void)
{
    bl_song song = {0};
    for (size_t i = 0; i < BL_COUNT(defects); i++) {
        const defect *d = &defects[i];
        uint8_t bytes[256];
        bl_midi_report report;
        bl_err e = BL_ERR_INIT;
        size_t len = bytes_of(d->hex, bytes);
        int rc = bl_midi_read(bytes, len, BL_READ_FIFO, &song, &report, &e);
        if (d->notes < 0)
            ok(rc < 0 && report.reject == d->reject && e.text[0] != '\0',
               "%s: rejected as %s", d->what, bl_reject_name(report.reject));
        else
            ok(rc == 0 && song.n_notes == (size_t)d->notes &&
                   (d->fix < 0 || report.fixes[d->fix] > 0),
               "%s: %zu notes%s%s", d->what, song.n_notes,
               d->fix < 0 ? "" : ", counted as ",
               d->fix < 0 ? "" : bl_fix_name((bl_fix)d->fix));
    }
    bl_song_free(&song);
}

/* Reads a copy of exactly len bytes, so that a sanitizer sees any byte beyond. */
static int survives(const uint8_t *bytes, size_t len, bl_song *song)
{
    bl_midi_report report;
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    memcpy(copy, bytes, len);
    int rc = bl_midi_read(copy, len, BL_READ_FIFO, song, &report, NULL);
    free(copy);
    return rc == 0 ? report.reject == BL_REJECT_NONE : report.reject != BL_REJECT_NONE;
}

/* Of a small file: of each length, and with each byte changed. */
static void test_damage(const char *what, const char *hex)
{
    bl_song song = {0};
    uint8_t bytes[256];
    size_t len = bytes_of(hex, bytes);
    int bad = 0, tried = 0;
    for (size_t cut = 0; cut <= len; cut++, tried++)
        bad += !survives(bytes, cut, &song);
    for (size_t at = 0; at < len; at++)
        for (int value = 0; value < 256; value++, tried++) {
            uint8_t old = bytes[at];
            bytes[at] = (uint8_t)value;
            bad += !survives(bytes, len, &song);
            bytes[at] = old;
        }
    ok(bad == 0,
       "%s: %d truncations and changed bytes: read, or rejected with a reason", what,
       tried);
    bl_song_free(&song);
}

static void test_programs(void)
{
    /* the program is set in the first track, the notes are in the second */
    uint8_t bytes[256];
    size_t len = bytes_of("4d546864 00000006 0001 0002 0060 "
                          "4d54726b 00000007 00 c3 28 00 ff 2f 00 "
                          "4d54726b 00000010 00 93 3c 40 60 83 3c 40 00 99 24 40 " EOT,
                          bytes);
    bl_song song = {0};
    bl_midi_report report;
    int rc = bl_midi_read(bytes, len, BL_READ_FIFO, &song, &report, NULL);
    ok(rc == 0 && song.n_notes == 2 && song.notes[0].program == 40 &&
           !song.notes[0].drum,
       "a program holds for its channel in all tracks");
    ok(rc == 0 && song.notes[1].drum, "channel 10 is drums");
    bl_song_free(&song);
}

/* Division, format and content of one file, in hexadecimal, to a song. */
static int read_hex(const char *hex, bl_reading how, bl_song *song, bl_midi_report *r)
{
    uint8_t bytes[512];
    size_t len = bytes_of(hex, bytes);
    return bl_midi_read(bytes, len, how, song, r, NULL);
}

static void test_time(void)
{
    bl_song song = {0};
    bl_midi_report r;
    /* 25 frames of 40 ticks; the tempo in the file means nothing */
    int rc = read_hex("4d546864 00000006 0001 0001 e728 4d54726b 00000013 "
                      "00 ff 51 03 0f4240 00 90 3c 40 60 80 3c 40 " EOT,
                      BL_READ_FIFO, &song, &r);
    ok(rc == 0 && song.tpq == 500 && song.n_tempos == 1 &&
           song.tempos[0].us == 500000 && song.n_notes == 1 &&
           song.notes[0].off == 0x60,
       "a thousand ticks a second are 500 a quarter at 120 a minute");
    rc = read_hex("4d546864 00000006 0002 0002 0060 "
                  "4d54726b 0000000c 00 90 3c 40 60 80 3c 40 " EOT
                  "4d54726b 0000000c 00 90 3e 40 60 80 3e 40 " EOT,
                  BL_READ_FIFO, &song, &r);
    ok(rc == 0 && song.n_notes == 2 && song.notes[1].on == 0x60 &&
           song.notes[1].off == 0xc0 && song.n_meters == 1 &&
           song.meters[0].tick == 0x60,
       "the sequences of format 2 follow each other");
    rc = read_hex("4d546864 00000006 0001 0001 0001 4d54726b 00000018 "
                  "ffffff7f 90 3c 40 01 80 3c 40 00 90 3c 40 01 80 3c 40" EOT,
                  BL_READ_FIFO, &song, &r);
    ok(rc == 0 && r.fixes[BL_FIX_PAUSE] == 1 && song.n_notes == 2 &&
           song.notes[0].on == 0,
       "a pause of years is left out, the music stays");
    /* 300 bars of 4/4 between two notes and after the last */
    const char *pause = "00 90 3c 40 8360 80 3c 40 a39400 90 3e 40 8360 80 3e 40 "
                        "a39400 ff 2f 00 ";
    char hex[512];
    snprintf(hex, sizeof hex, HEADER "4d54726b 0000001c %s", pause);
    rc = read_hex(hex, BL_READ_OVERLAP, &song, &r);
    ok(rc == 0 && r.fixes[BL_FIX_PAUSE] == 0 && song.notes[1].on == 576480 &&
           song.end == 1152960,
       "300 silent bars of a whole file are music");
    snprintf(hex, sizeof hex, HEADER "4d54726b 00000020 00 b0 07 ff %s", pause);
    rc = read_hex(hex, BL_READ_OVERLAP, &song, &r);
    ok(rc == 0 && r.fixes[BL_FIX_PAUSE] == 2 && song.notes[1].on == 480 &&
           song.notes[1].off == 960 && song.end == 960,
       "those of a damaged one are left out");
    rc = read_hex(hex, BL_READ_CLOSE_FIRST, &song, &r);
    ok(rc == 0 && r.fixes[BL_FIX_PAUSE] == 2 && song.notes[1].on == 480,
       "for the published schemes too, whose own readers refuse such a file");
    snprintf(hex, sizeof hex, HEADER "4d54726b 00000020 %s 00 90 3c 40", pause);
    rc = read_hex(hex, BL_READ_CLOSE_FIRST, &song, &r);
    ok(rc == 0 && r.lost == 1 && r.fixes[BL_FIX_PAUSE] == 0 && song.end == 1152960,
       "not where those read it, though there is more behind its end");
    rc = read_hex(hex, BL_READ_FIFO, &song, &r);
    ok(rc == 0 && r.lost == 1 && r.fixes[BL_FIX_PAUSE] == 2 && song.end == 960,
       "which may be music that was lost");
    snprintf(hex, sizeof hex, HEADER "4d54726b 0000001f 00 3c 50 %s", pause);
    rc = read_hex(hex, BL_READ_FIFO, &song, &r);
    ok(rc == 0 && r.fixes[BL_FIX_PAUSE] == 2 && song.notes[1].on == 480,
       "behind an event that is none long waits are left out");
    bl_song_free(&song);
}

/* Eight notes of a beat, each status said, with `extra` behind the third. */
static size_t notes_with(const char *extra, bl_midi_report *r, int *are_right)
{
    char hex[1024], track[768] = "";
    bl_song song = {0};
    size_t used = 0;
    for (int i = 0; i < 8; i++) {
        if (i == 3)
            used += (size_t)snprintf(track + used, sizeof track - used, "%s", extra);
        used += (size_t)snprintf(track + used, sizeof track - used,
                                 "00 90 %02x 40 60 80 %02x 40 ", 60 + i, 60 + i);
    }
    size_t bytes = 0;
    for (const char *p = track; *p != '\0'; p++)
        bytes += *p != ' ';
    snprintf(hex, sizeof hex, HEADER "4d54726b %08zx %s" EOT, bytes / 2 + 4, track);
    int rc = read_hex(hex, BL_READ_OVERLAP, &song, r);
    *are_right = rc == 0 && song.n_notes == 8;
    for (size_t i = 0; i < song.n_notes; i++)
        *are_right &= song.notes[i].pitch == 60 + i &&
                      song.notes[i].off - song.notes[i].on == 0x60;
    size_t n = song.n_notes;
    bl_song_free(&song);
    return n;
}

/* Twelve notes, all of one length and that apart, with one status byte for all: such
 * waits may look like status bytes. */
static void test_even_notes(void)
{
    char hex[1024], track[768] = "00 c0 05 00 90 3c 40 ";
    size_t used = strlen(track), bytes = 0;
    bl_song song = {0};
    bl_midi_report r;
    for (int i = 0; i < 12; i++)
        used += (size_t)snprintf(
            track + used, sizeof track - used,
            i < 11 ? "9000 %02x 00 9000 %02x 40 " : "9000 %02x 00 ", 60 + i, 61 + i);
    for (const char *p = track; *p != '\0'; p++)
        bytes += *p != ' ';
    snprintf(hex, sizeof hex, HEADER "4d54726b %08zx %s" EOT, bytes / 2 + 4, track);
    int rc = read_hex(hex, BL_READ_OVERLAP, &song, &r);
    ok(rc == 0 && r.lost == 0 && song.n_notes == 12 && song.notes[11].pitch == 71 &&
           song.notes[11].off == 23 * 2048,
       "half notes a half apart, with one status byte: %zu notes", song.n_notes);
    bl_song_free(&song);
}

static void test_orphans(void)
{
    static const char *const extras[] = {"3c ", "3c 50 ", "00 7f 00 7f ",
                                         "10 20 30 40 50 ", "81 3c "};
    bl_midi_report r;
    int are_right;
    for (size_t i = 0; i < BL_COUNT(extras); i++) {
        size_t n = notes_with(extras[i], &r, &are_right);
        ok(are_right && r.lost == 1,
           "bytes of no event (%s): %zu notes, all right, %u lost", extras[i], n,
           r.lost);
    }
    notes_with("60 44 40 00 44 00 ", &r, &are_right);
    ok(r.lost == 0, "a status that is left out for once is none of these");
    notes_with("00 b0 07 ff ", &r, &are_right);
    ok(are_right && r.fixes[BL_FIX_DATA_BYTE] == 1, "nor is a byte over 127");
}

static uint32_t lost_of(const char *hex)
{
    bl_song song = {0};
    bl_midi_report r;
    int rc = read_hex(hex, BL_READ_FIFO, &song, &r);
    bl_song_free(&song);
    return rc == 0 ? r.lost : UINT32_MAX;
}

static void test_lost(void)
{
    ok(lost_of(HEADER "4d54726b 00000018 " NOTES EOT) == 0, "nothing is lost");
    ok(lost_of(HEADER "4d54726b 0000001b 00 3c 50 " NOTES EOT) == 1,
       "an event that is none may have been music");
    ok(lost_of(HEADER "4d54726b 00000020 " NOTES) == 1, "so what is cut");
    ok(lost_of(HEADER "4d54726b 0000001c " NOTES EOT "00904040") == 1,
       "and what stands behind the end of a track");
    ok(lost_of(HEADER "4d54726b 0000001c " NOTES EOT "00000000") == 0,
       "but not if it is padding");
    ok(lost_of("4d546864 00000006 0001 0002 01e0 4d54726b 00000018 " NOTES EOT) == 1,
       "a track that the header tells of is missed");
}

static void test_readings(void)
{
    /* three notes of one key: at 0, at 2 and at 4; a note-off at 4 before the third, at
     * 4 after it, at 6; then one that never ends; the program changes at 1 */
    static const char *const hex =
        "4d546864 00000006 0001 0001 0060 4d54726b 0000002a "
        "00 90 3c 10 01 c0 05 01 90 3c 20 02 80 3c 00 00 90 3c 30 00 80 3c 00 "
        "02 80 3c 00 00 90 3e 40 00 b0 40 7f 02 b0 40 00 " EOT;
    bl_song song = {0};
    bl_midi_report r;
    int rc = read_hex(hex, BL_READ_FIFO, &song, &r);
    ok(rc == 0 && song.n_notes == 4 && song.notes[0].off == 4 &&
           song.notes[1].off == 4 && song.notes[2].off == 6 && song.notes[3].off == 8 &&
           song.notes[0].program == 0 && song.notes[1].program == 5,
       "first in, first out: each note its own end");
    ok(song.n_pedals == 2 && song.pedals[0].tick == 6 && song.pedals[0].value == 127 &&
           song.pedals[1].value == 0 && song.pedals[0].program == 5,
       "the sustain pedal is kept");
    rc = read_hex(hex, BL_READ_CLOSE_ALL, &song, &r);
    ok(rc == 0 && song.n_notes == 2 && song.notes[0].off == 4 &&
           song.notes[1].off == 4 && song.notes[0].program == 5 &&
           r.fixes[BL_FIX_OPEN_NOTE] == 1,
       "close all: two end at once, the note without length and the open one vanish");
    rc = read_hex(hex, BL_READ_CLOSE_FIRST, &song, &r);
    ok(rc == 0 && song.n_notes == 3 && song.notes[2].off == 6 &&
           song.notes[2].closed == 2,
       "close first: only the open note vanishes");
    bl_song_free(&song);
}

static void test_strict(void)
{
    bl_song song = {0};
    bl_midi_report r;
    int rc = read_hex(HEADER "4d54726b 0000001c 00 ff 59 02 0800 " NOTES EOT,
                      BL_READ_FIFO, &song, &r);
    ok(rc == 0 && r.strict_fix == BL_FIX_BAD_KEY && r.strict_offset > 0,
       "a key of eight sharps is no reason to refuse the file, but known");
    rc = read_hex(HEADER "4d54726b 0000001e 00 ff 58 04 00021808 " NOTES EOT,
                  BL_READ_FIFO, &song, &r);
    ok(rc == 0 && r.strict_fix == BL_FIX_BAD_METER && r.fixes[BL_FIX_BAD_METER] == 0,
       "nor is a time signature of no beats");
    rc = read_hex(HEADER "4d54726b 00000016 " NOTES EOT, BL_READ_FIFO, &song, &r);
    ok(rc == 0 && r.strict_fix < 0, "a strict reader has nothing against a clean file");
    bl_song_free(&song);
}

int main(void)
{
    test_defects();
    test_damage("each status said",
                HEADER "4d54726b 0000002f 00 ff 51 03 07a120 00 ff 58 04 04021808 "
                       "00 c0 05 00 f0 02 01f7 " NOTES EOT);
    test_damage("running status",
                HEADER "4d54726b 00000017 00 c0 05 00 90 3c 40 8360 3c 00 00 3e 40 "
                       "8360 3e 00 " EOT);
    test_programs();
    test_time();
    test_orphans();
    test_even_notes();
    test_lost();
    test_readings();
    test_strict();
    return tap_done();
}
