/* test_rhythm.c - which notes are drums, and music that a file has twice. */
#include "midi/midi.h"
#include "songs.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#define GS_DRUMS_11 "00 f0 0a 41 10 42 12 40 1a 15 02 0f f7 "
#define GS_MELODY_10 "00 f0 0a 41 10 42 12 40 10 15 00 1b f7 "
#define GS_RESET "00 f0 0a 41 10 42 12 40 00 7f 00 41 f7 "
#define GM_ON "00 f0 05 7e 7f 09 01 f7 "
#define XG_ON "00 f0 08 43 10 4c 00 00 7e 00 f7 "
#define XG_PART_3_DRUMS "00 f0 08 43 10 4c 08 02 07 02 f7 "
#define ON_3 "00 92 3c 40 60 82 3c 40 "
#define ON_10 "00 99 3c 40 60 89 3c 40 "
#define ON_11 "00 9a 3c 40 60 8a 3c 40 "

/* One track of the events in hexadecimal. */
static void read_track(const char *hex, bl_reading how, bl_song *song)
{
    uint8_t b[1024] = "MThd\0\0\0\6\0\1\0\1\0\140MTrk";
    size_t n = 22;
    bl_midi_report report;
    bl_err e = BL_ERR_INIT;
    for (; *hex != '\0'; hex += *hex == ' ' ? 1 : 2)
        if (*hex != ' ')
            b[n++] = (uint8_t)strtoul((char[3]){hex[0], hex[1], '\0'}, NULL, 16);
    memcpy(b + n, "\0\377\57\0", 4);
    n += 4;
    b[20] = (uint8_t)((n - 22) >> 8);
    b[21] = (uint8_t)(n - 22);
    need(bl_midi_read(b, n, how, song, &report, &e), &e);
}

/* Of each note d for drums, m for a melody, in order. */
static const char *kinds_of(const char *hex, bl_reading how)
{
    static char text[64];
    bl_song song = {0};
    read_track(hex, how, &song);
    size_t n = 0;
    for (; n < song.n_notes && n < sizeof text - 1; n++)
        text[n] = song.notes[n].drum ? 'd' : 'm';
    text[n] = '\0';
    bl_song_free(&song);
    return text;
}

static void test_drums(void)
{
    static const struct {
        const char *what, *hex, *kinds;
    } cases[] = {
        {"channel 10, if nothing is said", ON_3 ON_10 ON_11, "mdm"},
        {"GS: a rhythm part", GS_DRUMS_11 ON_3 ON_10 ON_11, "mdd"},
        {"GS: channel 10 is no rhythm part", GS_MELODY_10 ON_10, "m"},
        {"GS: up to the next reset", GS_DRUMS_11 ON_11 GS_RESET ON_11, "dm"},
        {"GM on resets too", GS_DRUMS_11 ON_11 GM_ON ON_11, "dm"},
        {"XG: bank 127", "00 ba 00 7f 00 ca 00 " ON_11, "d"},
        {"XG: bank 126", "00 ba 00 7e 00 ca 00 " ON_11, "d"},
        {"a bank alone changes nothing", "00 ba 00 7f " ON_11, "m"},
        {"another bank takes it back",
         "00 ba 00 7f 00 ca 00 " ON_11 "00 ba 00 00 00 ca 00 " ON_11, "dm"},
        {"Roland's bank 127 is another one", GS_RESET "00 ba 00 7f 00 ca 00 " ON_11,
         "m"},
        {"XG: part mode", XG_PART_3_DRUMS ON_3, "d"},
        {"XG: bank 0 of channel 10", XG_ON "00 b9 00 00 00 c9 00 " ON_10, "m"},
        {"GM: bank 0 of channel 10", "00 b9 00 00 00 c9 00 " ON_10, "d"},
        {"GS: a message in two packets",
         "00 f0 06 41 10 42 12 40 1a 00 f7 04 15 02 0f f7 " ON_11, "d"},
        {"GS: ... in three, without its last byte",
         "00 f0 03 41 10 42 00 f7 04 12 40 1a 15 00 f7 02 02 0f " ON_11, "d"},
        {"GS: a whole message in an F7 event",
         "00 f7 0b f0 41 10 42 12 40 1a 15 02 0f f7 " ON_11, "d"},
        {"GS: F0 twice", "00 f0 0b f0 41 10 42 12 40 1a 15 02 0f f7 " ON_11, "d"},
        {"GS: two messages in one event",
         "00 f0 15 41 10 42 12 40 00 7f 00 41 f7 f0 41 10 42 12 40 1a 15 02 0f "
         "f7 " ON_11,
         "d"},
        {"GS: a part written as a block",
         "00 f0 0d 41 10 42 12 40 1a 13 01 02 02 00 00 f7 " ON_11, "d"},
        {"GS: a block that ends before it",
         "00 f0 0b 41 10 42 12 40 1a 13 01 02 0f f7 " ON_11, "m"},
        {"GS: bank 127 before the message that says so",
         "00 ba 00 7f 00 ca 00 " ON_11 GS_RESET, "m"},
        {"XG: after Roland's reset", GS_RESET XG_ON "00 ba 00 7f 00 ca 00 " ON_11, "d"},
        {"GM2: bank 120", "00 ba 00 78 00 ca 00 " ON_11, "d"},
        {"GM2: bank 121 of channel 10", "00 b9 00 79 00 c9 00 " ON_10, "m"},
    };
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        const char *got = kinds_of(cases[i].hex, BL_READ_OVERLAP);
        ok(strcmp(got, cases[i].kinds) == 0, "%s: %s", cases[i].what, got);
    }
    ok(strcmp(kinds_of(GS_DRUMS_11 ON_10 ON_11, BL_READ_CLOSE_FIRST), "dm") == 0,
       "published schemes know channel 10 only");
}

/* The programs of the notes, in order. */
static const char *programs_of(const char *hex, bl_reading how)
{
    static char text[64];
    bl_song song = {0};
    int used = 0;
    read_track(hex, how, &song);
    for (size_t i = 0; i < song.n_notes && used < (int)sizeof text - 8; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%d",
                         i > 0 ? " " : "", song.notes[i].program);
    bl_song_free(&song);
    return text;
}

#define PORT_0 "00 ff 21 01 00 "
#define PORT_1 "00 ff 21 01 01 "

static void test_ports(void)
{
    const char *got = programs_of(
        PORT_0 "00 c2 05 " PORT_1 "00 c2 09 " ON_3 PORT_0 ON_3, BL_READ_OVERLAP);
    ok(strcmp(got, "9 5") == 0, "a channel of each port has its own program: %s", got);
    got = programs_of(PORT_1 "00 c2 09 " PORT_0 ON_3, BL_READ_FIFO);
    ok(strcmp(got, "0") == 0, "none is said on this port: %s", got);
}

#define MARK "00 ff 7f 03 00 00 41 "
#define BEGINS "00 91 3c 40 00 9c 3c 40 00 99 24 40 00 9f 24 40 "
#define ENDS "60 81 3c 40 00 8c 3c 40 00 89 24 40 00 8f 24 40 "
#define BOTH BEGINS ENDS
#define FOUR BOTH BOTH BOTH BOTH
#define LATE                                                                           \
    "00 91 3c 40 00 99 24 40 01 9c 3c 40 00 9f 24 40 "                                 \
    "5f 81 3c 40 00 89 24 40 01 8c 3c 40 00 8f 24 40 "
#define LATER                                                                          \
    "00 91 3c 40 00 99 24 40 02 9c 3c 40 00 9f 24 40 "                                 \
    "5f 81 3c 40 00 89 24 40 02 8c 3c 40 00 8f 24 40 "
#define OTHER "00 91 3c 40 00 9c 40 40 60 81 3c 40 00 8c 40 40 "

static size_t count(const char *hex)
{
    bl_song song = {0};
    read_track(hex, BL_READ_OVERLAP, &song);
    size_t n = song.n_notes;
    bl_song_free(&song);
    return n;
}

static void test_copies(void)
{
    ok(count(MARK BOTH) == 2, "a marked file with a copy: once");
    ok(count(MARK FOUR) == 8, "four notes of each: once");
    ok(count(MARK OTHER) == 2, "the mark alone is no proof");
    ok(count(FOUR) == 8, "a copy of melody and drums is one without the mark");
    ok(count(BOTH) == 4, "but not of so few");
    ok(count(GS_RESET FOUR) == 16, "nor in a file for Roland's");
    ok(count(GS_RESET MARK FOUR) == 8, "unless the mark says so");
    ok(count(LATE LATE LATE LATE) == 8, "a copy that comes a tick later is one");
    ok(count(LATER LATER LATER LATER) == 16, "... but not two");
    ok(count(MARK FOUR OTHER OTHER) == 20, "what differs is music");
}

int main(void)
{
    test_drums();
    test_ports();
    test_copies();
    return tap_done();
}
