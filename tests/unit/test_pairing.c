/* test_pairing.c - which note-off ends which note: true overlaps, lost and early ends,
 * ends in other tracks, All Notes Off, "on off" at one tick; and made songs with one
 * end in a hundred lost. */
#include "base/rng.h"
#include "midi/midi.h"
#include "songs.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { TRACKS_MAX = 4, EVENTS_MAX = 4096 };

/* A file to be: the events of its tracks, in order of time. */
typedef struct {
    struct {
        int32_t tick;
        uint8_t byte[4]; /* of a port all four */
    } x[TRACKS_MAX][EVENTS_MAX];
    int n[TRACKS_MAX], n_tracks;
    int32_t end;
} made;

static made song_made; /* too large for a stack */

static made *fresh(int n_tracks, int32_t end)
{
    made *m = &song_made;
    memset(m->n, 0, sizeof m->n);
    m->n_tracks = n_tracks;
    m->end = end;
    return m;
}

/* After all events of its track that are not later. */
static void put(made *m, int track, int32_t tick, int status, int a, int b)
{
    int at = m->n[track]++;
    for (; at > 0 && m->x[track][at - 1].tick > tick; at--)
        m->x[track][at] = m->x[track][at - 1];
    m->x[track][at].tick = tick;
    m->x[track][at].byte[0] = (uint8_t)status;
    m->x[track][at].byte[1] = (uint8_t)a;
    m->x[track][at].byte[2] = (uint8_t)b;
}

static void port(made *m, int track, int32_t tick, int number)
{
    int at = m->n[track];
    put(m, track, tick, 0xff, 0x21, 1);
    m->x[track][at].byte[3] = (uint8_t)number; /* events come in order of time */
}

static void on(made *m, int track, int32_t tick, int pitch)
{
    put(m, track, tick, 0x90 + track, pitch, 80);
}

static void off(made *m, int track, int32_t tick, int pitch)
{
    put(m, track, tick, 0x80 + track, pitch, 64);
}

static void put_delta(bl_buf *b, uint32_t delta)
{
    for (int shift = 21; shift >= 0; shift -= 7)
        if (delta >> shift != 0 || shift == 0)
            need(bl_buf_addc(b, (int)((delta >> shift & 127) | (shift > 0 ? 128u : 0)),
                             NULL),
                 NULL);
}

static void read_made(const made *m, bl_reading how, bl_song *song, bl_midi_report *r)
{
    bl_buf b = {0};
    bl_err e = BL_ERR_INIT;
    need(bl_buf_add(&b, "MThd\0\0\0\6\0\1\0", 11, &e), &e);
    need(bl_buf_addc(&b, m->n_tracks, &e), &e);
    need(bl_buf_add(&b, "\0\140", 2, &e), &e);
    for (int t = 0; t < m->n_tracks; t++) {
        size_t head = b.len;
        int32_t now = 0;
        need(bl_buf_add(&b, "MTrk\0\0\0\0", 8, &e), &e);
        for (int i = 0; i < m->n[t]; i++) {
            put_delta(&b, (uint32_t)(m->x[t][i].tick - now));
            now = m->x[t][i].tick;
            int status = m->x[t][i].byte[0];
            size_t n = status == 0xff ? 4 : (status & 0xe0) == 0xc0 ? 2 : 3;
            need(bl_buf_add(&b, m->x[t][i].byte, n, &e), &e);
        }
        put_delta(&b, (uint32_t)(m->end - now));
        need(bl_buf_add(&b, "\377\57\0", 3, &e), &e);
        size_t len = b.len - head - 8;
        for (int i = 0; i < 4; i++)
            b.data[head + 4 + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
    }
    need(bl_midi_read(b.data, b.len, how, song, r, &e), &e);
    bl_buf_free(&b);
}

/* The notes as "on-off on-off ..." in order of their beginnings. */
static const char *told(const made *m, bl_reading how, bl_midi_report *r)
{
    static char text[1024];
    bl_song song = {0};
    int used = 0;
    read_made(m, how, &song, r);
    for (size_t i = 0; i < song.n_notes && used < (int)sizeof text - 32; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%d-%d",
                         i > 0 ? " " : "", song.notes[i].on, song.notes[i].off);
    bl_song_free(&song);
    return text;
}

static void gives(const made *m, const char *wanted, int guessed, int strays,
                  const char *what)
{
    bl_midi_report r;
    const char *got = told(m, BL_READ_OVERLAP, &r);
    ok(strcmp(got, wanted) == 0, "%s: %s", what, got);
    ok((int)r.fixes[BL_FIX_OPEN_NOTE] == guessed &&
           (int)r.fixes[BL_FIX_STRAY_OFF] == strays,
       "... %d guessed, %d ends too many", (int)r.fixes[BL_FIX_OPEN_NOTE],
       (int)r.fixes[BL_FIX_STRAY_OFF]);
}

static void test_overlaps(void)
{
    made *m = fresh(1, 1000);
    on(m, 0, 0, 60);
    on(m, 0, 100, 60);
    off(m, 0, 150, 60);
    off(m, 0, 400, 60);
    gives(m, "0-150 100-400", 0, 0, "a true overlap stays, first in, first out");

    m = fresh(1, 1000); /* each begins a little before the one before ends */
    for (int i = 0; i < 8; i++) {
        on(m, 0, 100 * i, 60);
        if (i != 4)
            off(m, 0, 100 * i + 110, 60);
    }
    for (int i = 0; i < 4; i++) {
        on(m, 0, 100 * i, 62);
        off(m, 0, 100 * i + 110, 62);
    }
    bl_midi_report r;
    const char *got = told(m, BL_READ_OVERLAP, &r);
    ok(strstr(got, "300-410 300-410 400-500 500-610 600-710 700-810") != NULL,
       "legato: one end is lost, the overlaps stay: %s", got);
}

static void test_losses(void)
{
    made *m = fresh(1, 4000);
    on(m, 0, 0, 60);
    for (int i = 4; i < 9; i++) {
        on(m, 0, 100 * i, 60);
        off(m, 0, 100 * i + 90, 60);
    }
    gives(m, "0-90 400-490 500-590 600-690 700-790 800-890", 1, 0,
          "a lost end costs its own note, which has the usual length");

    m = fresh(1, 700); /* under a sanitizer: no byte is read that they do not have */
    on(m, 0, 300, 60);
    put(m, 0, 400, 0xc0, 5, 0);
    put(m, 0, 500, 0xd0, 60, 0);
    gives(m, "300-700", 1, 0, "events of two bytes are none of notes");

    m = fresh(1, 4000);
    on(m, 0, 0, 60);
    on(m, 0, 50, 60);
    off(m, 0, 140, 60);
    gives(m, "0-50 50-140", 1, 0, "but not beyond the next of its key");

    m = fresh(1, 700);
    on(m, 0, 300, 60);
    gives(m, "300-700", 1, 0, "without any length to go by, to the end of the track");

    m = fresh(1, 4000);
    on(m, 0, 0, 60);
    on(m, 0, 0, 60);
    off(m, 0, 140, 60);
    gives(m, "0-140 0-140", 1, 0, "two that begin at once, one end: both have it");

    m = fresh(1, 4000);
    for (int i = 0; i < 4; i++) {
        if (i == 1)
            off(m, 0, 100, 60);
        on(m, 0, 100 * i, 60);
        if (i != 1)
            off(m, 0, 100 * i + 80, 60);
    }
    gives(m, "0-80 100-100 200-280 300-380", 1, 0,
          "an end before its beginning, at one tick: a note without length");

    m = fresh(1, 4000);
    off(m, 0, 0, 60);
    on(m, 0, 10, 60);
    off(m, 0, 100, 60);
    off(m, 0, 120, 60);
    gives(m, "10-100", 0, 2, "ends of nothing are passed over");
}

/* n notes of `length` ticks, 100 apart, of which the first has no end, then an end too
 * many. */
static void lost_and_late(made *m, int32_t tick, int n, int length, int32_t late)
{
    for (int i = 0; i < n; i++) {
        on(m, 0, tick + 100 * i, 60);
        if (i > 0)
            off(m, 0, tick + 100 * i + length, 60);
    }
    off(m, 0, late, 60);
}

static void test_lost_and_late(void)
{
    made *m = fresh(1, 4000);
    lost_and_late(m, 0, 6, 90, 590);
    gives(m, "0-90 100-190 200-290 300-390 400-490 500-590", 1, 1,
          "a lost end, later the same end twice: those between keep theirs");

    m = fresh(1, 4000);
    lost_and_late(m, 0, 6, 90, 700);
    on(m, 0, 1000, 62);
    off(m, 0, 1090, 62);
    gives(m, "0-90 100-190 200-290 300-390 400-490 500-590 1000-1090", 1, 1,
          "... or an end in a rest");

    m = fresh(1, 4000); /* short notes: the rest of the key tells */
    lost_and_late(m, 0, 6, 20, 540);
    for (int i = 0; i < 3; i++) {
        on(m, 0, 1000 + 100 * i, 60);
        off(m, 0, 1020 + 100 * i, 60);
    }
    gives(m,
          "0-20 100-120 200-220 300-320 400-420 500-520 1000-1020 1100-1120 "
          "1200-1220",
          1, 1, "... among short notes");

    m = fresh(1, 4000); /* a drum machine: all sound for 119 ticks, however often hit */
    static const int32_t hits[] = {0, 60, 90, 180, 240, 300};
    for (int i = 0; i < 6; i++) {
        on(m, 0, hits[i], 60);
        off(m, 0, hits[i] + 119, 60);
    }
    gives(m, "0-119 60-179 90-209 180-299 240-359 300-419", 0, 0,
          "notes of one length overlap as often as they like");

    m = fresh(1, 4000); /* two voices in one channel: another key shows it */
    lost_and_late(m, 0, 5, 90, 490);
    on(m, 0, 1000, 62);
    on(m, 0, 1050, 62);
    off(m, 0, 1100, 62);
    off(m, 0, 1200, 62);
    gives(m, "0-190 100-290 200-390 300-490 400-490 1000-1100 1050-1200", 0, 0,
          "and notes of a channel where notes overlap");

    m = fresh(1, 4000); /* each note-off has the velocity of its note */
    lost_and_late(m, 0, 6, 90, 590);
    for (int i = 0, n_ons = 0, n_offs = 0; i < m->n[0]; i++) {
        uint8_t *byte = m->x[0][i].byte;
        byte[2] = (uint8_t)(70 + (byte[0] == 0x90 ? n_ons++ : n_offs++));
    }
    gives(m, "0-190 100-290 200-390 300-490 400-590 500-590", 0, 0,
          "and notes whose ends say which they are of");

    m = fresh(1, 4000);
    lost_and_late(m, 0, 5, 90, 490);
    lost_and_late(m, 1000, 5, 90, 1490);
    on(m, 0, 2000, 60); /* and an end that is lost for good */
    gives(m,
          "0-90 100-190 200-290 300-390 400-490 1000-1090 1100-1190 1200-1290 "
          "1300-1390 1400-1490 2000-2090",
          3, 2, "several times");
}

/* Like make_song, but one end in `shift_in` comes as a second end of the key several
 * notes later. The number of those. */
static int make_shifts(made *m, uint64_t seed, unsigned shift_in)
{
    int shifted = 0;
    bl_rng rng = bl_rng_make(seed, 0);
    for (int pitch = 60; pitch < 76; pitch++) {
        int later = 0;
        for (int32_t tick = 0; tick < m->end - 400 && m->n[0] < EVENTS_MAX - 3;) {
            int32_t length = 24 * (2 + (int32_t)(bl_rng_u32(&rng) % 3));
            int is_late = bl_rng_u32(&rng) % shift_in == 0 && later == 0;
            on(m, 0, tick, pitch);
            if (is_late)
                later = 8;
            else
                off(m, 0, tick + length, pitch);
            if (later > 0 && --later == 0) {
                off(m, 0, tick + length, pitch);
                shifted++;
            }
            tick += length + 24 * (int32_t)(bl_rng_u32(&rng) % 4);
        }
    }
    return shifted;
}

/* n notes of no length, 100 ticks apart, from `tick` on. */
static void empties(made *m, int32_t tick, int n, int pitch)
{
    for (int i = 0; i < n; i++) {
        on(m, 0, tick + 100 * i, pitch);
        off(m, 0, tick + 100 * i, pitch);
    }
}

/* Each begins where the one before ends, its beginning written first; of the ends the
 * one of `lost` is not there. */
static void chain(made *m, int32_t tick, int n, int pitch, int lost)
{
    for (int i = 0; i <= n; i++) {
        if (i < n)
            on(m, 0, tick + 100 * i, pitch);
        if (i > 0 && i - 1 != lost)
            off(m, 0, tick + 100 * i, pitch);
    }
}

static void test_on_off_at_once(void)
{
    made *m = fresh(1, 4000);
    on(m, 0, 0, 60);
    empties(m, 100, 4, 60);
    gives(m, "0-0 100-100 200-200 300-300 400-400", 1, 0,
          "a lost end, then notes of no length: they keep it");

    m = fresh(1, 4000);
    empties(m, 0, 2, 60);
    on(m, 0, 200, 60);
    empties(m, 300, 2, 60);
    on(m, 0, 500, 60);
    off(m, 0, 570, 60);
    empties(m, 600, 1, 60);
    gives(m, "0-0 100-100 200-200 300-300 400-400 500-570 600-600", 1, 0,
          "so they do among others");

    m = fresh(1, 4000);
    on(m, 0, 0, 60);
    put(m, 0, 50, 0xb0, 123, 0);
    empties(m, 100, 2, 60);
    put(m, 0, 900, 0xb0, 123, 0);
    gives(m, "0-50 100-100 200-200", 0, 0, "and after All Notes Off");

    for (int lost = 0; lost < 3; lost += 2) {
        m = fresh(1, 4000);
        chain(m, 0, 5, 60, lost);
        gives(m, "0-100 100-200 200-300 300-400 400-500", 1, 0,
              lost == 0 ? "a beginning before the end at its tick: all have a length"
                        : "... wherever the lost end was");
    }

    m = fresh(1, 4000);
    chain(m, 0, 4, 62, -1);
    chain(m, 1000, 4, 60, 3);
    gives(m, "0-100 100-200 200-300 300-400 1000-1100 1100-1200 1200-1300 1300-1400", 1,
          0, "so where nothing but the rest of the channel tells");

    m = fresh(1, 4000);
    empties(m, 0, 3, 62);
    on(m, 0, 1000, 60);
    empties(m, 1100, 2, 60);
    gives(m, "0-0 100-100 200-200 1000-1000 1100-1100 1200-1200", 1, 0,
          "... either way");
}

static void test_elsewhere(void)
{
    made *m = fresh(2, 1920);
    on(m, 0, 0, 60);
    on(m, 0, 480, 62);
    put(m, 1, 240, 0x80, 60, 64);
    put(m, 1, 720, 0x80, 62, 64);
    gives(m, "0-240 480-720", 0, 0, "ends in another track of the channel count");

    m = fresh(2, 1920);
    on(m, 0, 0, 60);
    put(m, 1, 240, 0x81, 60, 64);
    gives(m, "0-1920", 1, 1, "those of another channel do not");

    m = fresh(1, 1920); /* of port 1 the notes from 100 to 300 */
    on(m, 0, 0, 60);
    port(m, 0, 100, 1);
    on(m, 0, 100, 60);
    off(m, 0, 300, 60);
    port(m, 0, 400, 0);
    off(m, 0, 500, 60);
    gives(m, "0-500 100-300", 0, 0, "nor those of another port, within a track too");

    m = fresh(1, 1920);
    on(m, 0, 0, 60);
    on(m, 0, 0, 64);
    put(m, 0, 960, 0xb0, 123, 0);
    on(m, 0, 960, 60);
    off(m, 0, 1440, 60);
    gives(m, "0-960 0-960 960-1440", 0, 0, "All Notes Off ends what sounds");

    m = fresh(1, 1920);
    on(m, 0, 0, 60);
    put(m, 0, 400, 0xb0, 120, 0);
    off(m, 0, 480, 60);
    gives(m, "0-480", 0, 0, "but not what has its own end");
}

/* Notes of random lengths that do not overlap within their key, in four tracks; of the
 * ends one in `lost_in` is not written. The number of those. */
static int make_song(made *m, uint64_t seed, unsigned lost_in, int *n_notes)
{
    int lost = 0;
    bl_rng rng = bl_rng_make(seed, 0);
    *n_notes = 0;
    for (int t = 0; t < m->n_tracks; t++)
        for (int pitch = 60; pitch < 76; pitch++) {
            int32_t tick = (int32_t)(bl_rng_u32(&rng) % 400);
            while (tick < m->end - 400 && m->n[t] < EVENTS_MAX - 2) {
                int32_t length = 24 * (1 + (int32_t)(bl_rng_u32(&rng) % 8));
                on(m, t, tick, pitch);
                ++*n_notes;
                if (lost_in > 0 && bl_rng_u32(&rng) % lost_in == 0)
                    lost++;
                else
                    off(m, t, tick + length, pitch);
                tick += length + 24 * (int32_t)(bl_rng_u32(&rng) % 12);
            }
        }
    return lost;
}

/* Drums: notes of 73 ticks, or until the key begins anew, which is then written first,
 * and some of no length; of the ends one in `lost_in` is not written. */
static int make_drums(made *m, uint64_t seed, unsigned lost_in)
{
    int lost = 0;
    bl_rng rng = bl_rng_make(seed, 0);
    for (int pitch = 36; pitch < 44; pitch++) {
        int32_t tick = 0, end = -1;
        while (tick < m->end - 400 && m->n[0] < EVENTS_MAX - 2) {
            int is_lost = bl_rng_u32(&rng) % lost_in == 0;
            int is_empty = bl_rng_u32(&rng) % 8 == 0;
            int32_t next = tick + 20 + (int32_t)(bl_rng_u32(&rng) % 120);
            on(m, 0, tick, pitch);
            if (end >= 0)
                off(m, 0, end, pitch);
            end = is_lost || is_empty ? -1 : (int32_t)bl_min(tick + 73, next);
            if (is_empty && !is_lost)
                off(m, 0, tick, pitch);
            lost += is_lost;
            tick = next;
        }
        if (end >= 0)
            off(m, 0, end, pitch);
    }
    return lost;
}

/* Slightly overlapping notes of many lengths, each of which ends up to `late` ticks
 * after the key begins anew; of the ends one in `lost_in` is not written. */
static int make_legato(made *m, uint64_t seed, unsigned lost_in, int late)
{
    static const int32_t beats[] = {48, 48, 96, 96, 96, 192, 384};
    int lost = 0;
    bl_rng rng = bl_rng_make(seed, 0);
    for (int pitch = 60; pitch < 68; pitch++)
        for (int32_t tick = 0; tick < m->end - 400 && m->n[0] < EVENTS_MAX - 2;) {
            int32_t length = beats[bl_rng_u32(&rng) % 7];
            int32_t over = (int32_t)bl_rng_below(&rng, (uint32_t)late);
            int is_rest = bl_rng_u32(&rng) % 16 == 0;
            on(m, 0, tick, pitch);
            if (bl_rng_u32(&rng) % lost_in == 0)
                lost++;
            else
                off(m, 0, tick + length + over, pitch);
            tick += length + 96 * is_rest;
        }
    return lost;
}

static void test_legato(int late)
{
    bl_song whole = {0}, lossy = {0};
    bl_midi_report r;
    int changed = 0, lost = 0, total = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_legato(fresh(1, 12000), seed, UINT32_MAX, late);
        read_made(&song_made, BL_READ_OVERLAP, &whole, &r);
        lost += make_legato(fresh(1, 12000), seed, 100, late);
        read_made(&song_made, BL_READ_OVERLAP, &lossy, &r);
        total += (int)whole.n_notes;
        for (size_t i = 0; i < whole.n_notes && i < lossy.n_notes; i++)
            changed += whole.notes[i].off != lossy.notes[i].off;
    }
    ok(lost > total / 200 && changed <= lost,
       "of %d notes that overlap by up to %d ticks %d ends are lost: %d notes changed",
       total, late - 1, lost, changed);
    bl_song_free(&whole);
    bl_song_free(&lossy);
}

static void test_drums(void)
{
    bl_song whole = {0}, lossy = {0};
    bl_midi_report r;
    int changed = 0, lost = 0, total = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_drums(fresh(1, 12000), seed, UINT32_MAX);
        read_made(&song_made, BL_READ_OVERLAP, &whole, &r);
        lost += make_drums(fresh(1, 12000), seed, 100);
        read_made(&song_made, BL_READ_OVERLAP, &lossy, &r);
        total += (int)whole.n_notes;
        for (size_t i = 0; i < whole.n_notes && i < lossy.n_notes; i++)
            changed += whole.notes[i].off != lossy.notes[i].off;
    }
    ok(lost > total / 200 && changed <= lost,
       "of %d notes of drums %d ends are lost: %d notes changed", total, lost, changed);
    bl_song_free(&whole);
    bl_song_free(&lossy);
}

static void test_shifts(void)
{
    bl_song whole = {0}, lossy = {0};
    bl_midi_report r;
    int changed = 0, shifted = 0, total = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_shifts(fresh(1, 12000), seed, UINT32_MAX);
        read_made(&song_made, BL_READ_OVERLAP, &whole, &r);
        shifted += make_shifts(fresh(1, 12000), seed, 100);
        read_made(&song_made, BL_READ_OVERLAP, &lossy, &r);
        total += (int)whole.n_notes;
        for (size_t i = 0; i < whole.n_notes && i < lossy.n_notes; i++)
            changed += whole.notes[i].off != lossy.notes[i].off;
    }
    ok(shifted > total / 400 && changed <= 2 * shifted,
       "of %d notes %d ends come later, twice then: %d notes changed", total, shifted,
       changed);
    bl_song_free(&whole);
    bl_song_free(&lossy);
}

static void test_made(void)
{
    bl_song whole = {0}, lossy = {0};
    bl_midi_report r;
    int n, same = 1, lost = 0, changed = 0, total = 0, spoilt = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        made *m = fresh(4, 20000);
        make_song(m, seed, 0, &n);
        read_made(m, BL_READ_FIFO, &whole, &r);
        read_made(m, BL_READ_OVERLAP, &lossy, &r);
        same &=
            whole.n_notes == lossy.n_notes &&
            memcmp(whole.notes, lossy.notes, whole.n_notes * sizeof *whole.notes) == 0;
        /* the same notes: what is lost is drawn either way */
        m = fresh(4, 20000);
        make_song(m, seed, UINT32_MAX, &n);
        read_made(m, BL_READ_OVERLAP, &whole, &r);
        m = fresh(4, 20000);
        int lost_here = make_song(m, seed, 100, &n), changed_here = 0;
        read_made(m, BL_READ_OVERLAP, &lossy, &r);
        for (size_t i = 0; i < whole.n_notes && i < lossy.n_notes; i++)
            changed_here += whole.notes[i].off != lossy.notes[i].off;
        spoilt += whole.n_notes != lossy.n_notes;
        lost += lost_here;
        changed += changed_here;
        total += n;
    }
    ok(same, "files whose ends are all there: first in, first out, whatever is asked");
    ok(spoilt == 0 && lost > total / 200 && changed <= lost,
       "of %d notes %d ends are lost: %d notes changed", total, lost, changed);
    bl_song_free(&whole);
    bl_song_free(&lossy);
}

int main(void)
{
    test_overlaps();
    test_losses();
    test_lost_and_late();
    test_on_off_at_once();
    test_elsewhere();
    test_made();
    test_drums();
    test_shifts();
    test_legato(8);
    test_legato(16);
    return tap_done();
}
