/* gate.c - see gate.h. One pass over the bytes, nothing is believed: every length is
 * clamped to what is there. */
#include "midi/gate.h"

#include <string.h>

enum {
    SEARCH_BYTES = 1 << 16,       /* how far MThd may lie behind a wrapper or junk */
    PAUSE_MAX_QUARTERS = 1 << 18, /* 36 hours at 120 a minute */
    TEMPO_DEFAULT = 500000,
    META_TEMPO = 0x51,
    META_SMPTE_OFFSET = 0x54,
    META_METER = 0x58,
    META_KEY = 0x59,
    META_EOT = 0x2f,
    SUSTAIN = 64, /* controller */
};

typedef struct {
    const uint8_t *in;
    size_t len;
    bl_buf *out;
    bl_song *song;
    int is_smpte; /* time in frames: tempos mean nothing */
    uint32_t events;
    bl_midi_report *report;
    bl_err *e;
} gate;

/* What reading an event comes to; errors of the library are below them. */
enum { BROKEN = -1, ENDED = 0, GO_ON = 1 };

static int reject(gate *g, bl_reject why, int code, size_t offset, const char *cause)
{
    g->report->reject = why;
    return bl_fail_at(g->e, code, (int64_t)offset, "%s", cause);
}

static void fix(gate *g, bl_fix what)
{
    g->report->fixes[what]++;
}

/* What a strict reader refuses; the first place is kept. */
static void note_strict(gate *g, bl_fix what, size_t offset)
{
    if (g->report->strict_fix < 0) {
        g->report->strict_fix = (int)what;
        g->report->strict_offset = (int64_t)offset;
    }
}

static void fix_strict(gate *g, bl_fix what, size_t offset)
{
    fix(g, what);
    note_strict(g, what, offset);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static unsigned be16(const uint8_t *p)
{
    return (unsigned)(p[0] << 8 | p[1]);
}

/* The first place at or after `from` where the four letters stand, or g->len. */
static size_t find_chunk(const gate *g, const char *id, size_t from, size_t end)
{
    for (size_t i = from; i + 4 <= end; i++)
        if (memcmp(g->in + i, id, 4) == 0)
            return i;
    return g->len;
}

static int looks_like_chunk(const gate *g, size_t at)
{
    if (at + 8 > g->len)
        return at == g->len;
    for (size_t i = at; i < at + 4; i++)
        if (g->in[i] < 0x20 || g->in[i] > 0x7e)
            return 0;
    return 1;
}

/* ---- writing ---- */

static int put_event(bl_buf *b, uint32_t delta, const uint8_t *bytes, size_t n,
                     bl_err *e)
{
    enum { MOST = 4 + 3 };
    int rc = bl_buf_reserve(b, b->len + MOST, e);
    if (rc != 0)
        return rc;
    uint8_t *p = b->data + b->len;
    for (int shift = 21; shift > 0; shift -= 7)
        if (delta >> shift != 0)
            *p++ = (uint8_t)(0x80 | (delta >> shift & 0x7f));
    *p++ = (uint8_t)(delta & 0x7f);
    for (size_t i = 0; i < n; i++)
        *p++ = bytes[i];
    b->len = (size_t)(p - b->data);
    return 0;
}

static int put_eot(bl_buf *b, uint32_t delta, bl_err *e)
{
    static const uint8_t eot[] = {0xff, META_EOT, 0};
    return put_event(b, delta, eot, sizeof eot, e);
}

/* ---- one track ---- */

typedef struct {
    size_t p, limit;       /* the next byte, the end of what may be read */
    int64_t tick, written; /* now, and of the last event written */
    uint8_t status;        /* of the last channel event, 0 = none yet */
    int interrupted;       /* by what came since, see below */
} track;

/* Running status goes on after both; strict readers let it go on after meta events. */
enum { BY_META = 1, BY_SYSTEM };

/* A variable-length quantity of at most four bytes: 1, or 0 where it is broken. */
static int read_vlq(const gate *g, track *t, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4 && t->p < t->limit; i++) {
        uint8_t byte = g->in[t->p++];
        *value = *value << 7 | (byte & 0x7f);
        if ((byte & 0x80) == 0)
            return 1;
    }
    return 0;
}

static int keep_tempo(gate *g, const track *t, const uint8_t *data, uint32_t len)
{
    uint32_t us =
        len >= 3 ? (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2] : 0;
    if (us == 0) {
        fix_strict(g, BL_FIX_BAD_TEMPO, t->p);
        return 0;
    }
    if (g->is_smpte) { /* strict readers take it all the same */
        note_strict(g, BL_FIX_SMPTE, t->p);
        return 0;
    }
    int rc = bl_song_add_tempo(g->song, (int32_t)t->tick, us, g->e);
    if (rc == 0)
        g->song->tempos[g->song->n_tempos - 1].track = (uint16_t)g->report->tracks;
    return rc;
}

static int keep_meter(gate *g, const track *t, const uint8_t *data, uint32_t len)
{
    if (len < 4)
        fix_strict(g, BL_FIX_BAD_METER, t->p);
    else if (data[1] > 7)
        fix(g, BL_FIX_BAD_METER);
    else if (data[0] == 0)
        note_strict(g, BL_FIX_BAD_METER, t->p);
    if (len < 2 || data[1] > 7)
        return 0;
    return bl_song_add_meter(g->song, (int32_t)t->tick, data[0], data[1], g->e);
}

/* Keys and offsets are no part of a song; but readers have refused files for them. */
static void check_meta(gate *g, const track *t, uint8_t type, const uint8_t *data,
                       uint32_t len)
{
    static const uint8_t at_least[128] = {
        [0x20] = 1, [META_SMPTE_OFFSET] = 5, [META_KEY] = 2};
    int sharps = len >= 2 ? (int8_t)data[0] : 0;
    if (type < 128 && len < at_least[type])
        fix_strict(g, BL_FIX_BAD_META, t->p);
    else if (type == META_KEY && (sharps < -7 || sharps > 7 || data[1] > 1))
        fix_strict(g, BL_FIX_BAD_KEY, t->p);
    else if (type == META_SMPTE_OFFSET &&
             (data[1] > 59 || data[2] > 59 || data[4] > 99))
        fix_strict(g, BL_FIX_BAD_META, t->p);
    else if (type == 0 && len == 1)
        fix_strict(g, BL_FIX_BAD_META, t->p);
}

static int read_meta(gate *g, track *t)
{
    uint32_t len;
    if (t->p >= t->limit)
        return BROKEN;
    uint8_t type = g->in[t->p++];
    if (!read_vlq(g, t, &len) || len > t->limit - t->p)
        return type == META_EOT ? ENDED : BROKEN;
    const uint8_t *data = g->in + t->p;
    int rc = 0;
    t->interrupted = (int)bl_max(t->interrupted, BY_META);
    if (type == META_TEMPO)
        rc = keep_tempo(g, t, data, len);
    else if (type == META_METER)
        rc = keep_meter(g, t, data, len);
    else
        check_meta(g, t, type, data, len);
    t->p += len;
    return rc < 0 ? rc : type == META_EOT ? ENDED : GO_ON;
}

/* F0 and F7 events: nothing of the music, so what is wrong in them needs no repair. */
static int read_sysex(gate *g, track *t)
{
    uint32_t len;
    if (!read_vlq(g, t, &len) || len > t->limit - t->p)
        return BROKEN;
    for (size_t i = t->p; i < t->p + len; i++)
        if (g->in[i] > 127 && !(i == t->p && g->in[i] == 0xf0) &&
            !(i + 1 == t->p + len && g->in[i] == 0xf7))
            note_strict(g, BL_FIX_DATA_BYTE, i);
    t->interrupted = BY_SYSTEM;
    t->p += len;
    return GO_ON;
}

/* How many data bytes follow a status byte. */
static int data_bytes(uint8_t status)
{
    if (status < 0xf0)
        return (status & 0xe0) == 0xc0 ? 1 : 2;
    return status == 0xf1 || status == 0xf3 ? 1 : status == 0xf2 ? 2 : 0;
}

/* Notes, programs and the sustain pedal: what songs hold. */
static int is_of_songs(const uint8_t event[3])
{
    switch (event[0] & 0xf0) {
    case 0x80:
    case 0x90:
    case 0xc0:
        return 1;
    case 0xb0:
        return event[1] == SUSTAIN;
    default:
        return 0;
    }
}

static int read_channel(gate *g, track *t, uint8_t status)
{
    uint8_t event[3] = {status};
    int n = data_bytes(status);
    if ((size_t)n > t->limit - t->p)
        return BROKEN;
    for (int i = 1; i <= n; i++) {
        event[i] = g->in[t->p++];
        if (event[i] > 127) {
            event[i] = 127;
            fix_strict(g, BL_FIX_DATA_BYTE, t->p - 1);
        }
    }
    if (!is_of_songs(event))
        return GO_ON;
    if (++g->events > BL_MIDI_MAX_EVENTS)
        return reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, t->p, "too many events");
    uint32_t delta = (uint32_t)(t->tick - t->written);
    t->written = t->tick;
    int rc = put_event(g->out, delta, event, (size_t)n + 1, g->e);
    return rc == 0 ? GO_ON : rc;
}

/* A pause that no music has is noise in the file: it is left out. */
static void pass_time(gate *g, track *t, uint32_t delta)
{
    int64_t most = (int64_t)PAUSE_MAX_QUARTERS * g->song->tpq;
    if (delta > most || t->tick + delta > BL_MIDI_MAX_TICK)
        fix_strict(g, BL_FIX_PAUSE, t->p);
    else
        t->tick += delta;
}

static int read_event(gate *g, track *t)
{
    uint32_t delta;
    if (!read_vlq(g, t, &delta) || t->p >= t->limit)
        return BROKEN;
    pass_time(g, t, delta);
    uint8_t status = g->in[t->p];
    if (status >= 0x80) {
        t->p++;
    } else {
        status = t->status;
        if (status == 0)
            return BROKEN;
        if (t->interrupted)
            fix(g, BL_FIX_RUNNING);
        if (t->interrupted == BY_SYSTEM)
            note_strict(g, BL_FIX_RUNNING, t->p);
    }
    if (status == 0xff)
        return read_meta(g, t);
    if (status == 0xf0 || status == 0xf7)
        return read_sysex(g, t);
    if (status < 0xf0) {
        t->status = status;
        t->interrupted = 0;
    } else {
        t->interrupted = BY_SYSTEM;
        if (status == 0xf4 || status == 0xf5 || status == 0xf9 || status == 0xfd)
            note_strict(g, BL_FIX_BAD_EVENT, t->p - 1);
    }
    return read_channel(g, t, status);
}

/* Events up to the end of the track or the limit. Where the chunk ends before the track
 * and no other chunk follows, its length is too short: it goes on to the next. */
static int read_events(gate *g, track *t)
{
    int more = GO_ON;
    while (more == GO_ON && t->p < t->limit) {
        more = read_event(g, t);
        if (more == ENDED && t->p < t->limit)
            fix_strict(g, BL_FIX_AFTER_EOT, t->p);
        if (more != ENDED && t->p == t->limit && !looks_like_chunk(g, t->p)) {
            fix_strict(g, BL_FIX_CHUNK_LENGTH, t->p);
            t->limit = find_chunk(g, "MTrk", t->p, g->len);
        }
    }
    return more;
}

/* The MTrk chunk at *pos -> one canonical chunk that begins at the tick *end, which
 * becomes that of its last event. *pos moves behind it. */
static int read_track(gate *g, size_t *pos, int64_t *end)
{
    size_t start = *pos + 8, stated = be32(g->in + *pos + 4), room = g->len - start;
    track t = {
        .p = start, .limit = start + (stated < room ? stated : room), .tick = *end};
    size_t head = g->out->len;
    if (stated > room)
        fix_strict(g, BL_FIX_CHUNK_LENGTH, start - 4);
    if (t.p == t.limit) /* strict readers look for the last event of each track */
        note_strict(g, BL_FIX_NO_EOT, start);
    int rc = bl_buf_add(g->out, "MTrk\0\0\0\0", 8, g->e);
    int more = rc == 0 ? read_events(g, &t) : rc;
    if (more < BROKEN)
        return more;
    if (more == BROKEN)
        fix_strict(g, BL_FIX_BAD_EVENT, t.p);
    else if (more == GO_ON)
        fix(g, BL_FIX_NO_EOT);
    rc = put_eot(g->out, (uint32_t)(t.tick - t.written), g->e);
    if (rc != 0)
        return rc;
    uint32_t len = (uint32_t)(g->out->len - head - 8);
    for (int i = 0; i < 4; i++)
        g->out->data[head + 4 + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
    g->report->tracks++;
    *end = t.tick;
    *pos = t.limit;
    return 0;
}

/* ---- the file ---- */

/* The next sequence of a format 2 file begins afresh where the last one ended. */
static int begin_sequence(gate *g, int64_t tick)
{
    int rc = 0;
    if (!g->is_smpte)
        rc = bl_song_add_tempo(g->song, (int32_t)tick, TEMPO_DEFAULT, g->e);
    return rc == 0 ? bl_song_add_meter(g->song, (int32_t)tick, 4, 2, g->e) : rc;
}

/* The chunk at pos is none of ours: where the next may be. */
static size_t skip_alien(const gate *g, size_t pos)
{
    size_t stated = be32(g->in + pos + 4), start = pos + 8;
    return stated <= g->len - start && looks_like_chunk(g, start + stated)
               ? start + stated
               : find_chunk(g, "MTrk", pos + 1, g->len);
}

/* What follows the tracks that the header tells of counts only if it is a track again:
 * files written over longer ones end in leftovers of them. */
static int read_tracks(gate *g, size_t pos, unsigned n_tracks)
{
    int64_t end = 0;
    int rc = 0;
    while (pos < g->len && rc == 0) {
        int is_track = g->len - pos >= 8 && memcmp(g->in + pos, "MTrk", 4) == 0;
        if (!is_track &&
            (g->len - pos < 8 || (unsigned)g->report->tracks >= n_tracks)) {
            fix(g, BL_FIX_TRAILING);
            break;
        }
        if (!is_track) {
            fix_strict(g, BL_FIX_ALIEN_CHUNK, pos);
            pos = skip_alien(g, pos);
            continue;
        }
        if (g->report->tracks >= BL_MIDI_MAX_TRACKS)
            return reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, pos, "too many tracks");
        if (g->report->format != 2)
            end = 0;
        else if (g->report->tracks > 0)
            rc = begin_sequence(g, end);
        if (rc == 0)
            rc = read_track(g, &pos, &end);
    }
    return rc;
}

/* Ticks a quarter note. A division in frames a second becomes one of quarters at a
 * tempo of 120 a minute, or of 60 where that would not be whole. */
static int set_division(gate *g, unsigned division)
{
    if (division == 0) {
        fix(g, BL_FIX_HEADER);
        division = 480;
    }
    g->song->tpq = (int)division;
    if ((division & 0x8000) == 0)
        return 0;
    fix(g, BL_FIX_SMPTE);
    g->is_smpte = 1;
    int rate = 256 - (int)(division >> 8), a_frame = (int)bl_max(division & 0xff, 1);
    int is_29_97 = rate == 29;
    int a_second = (is_29_97 ? 30 : rate) * a_frame;
    int half = a_second % 2 == 0;
    uint32_t us = half ? 500000 : 1000000;
    us += is_29_97 ? us / 1000 : 0;
    if (us != TEMPO_DEFAULT)
        note_strict(g, BL_FIX_SMPTE, 0);
    g->song->tpq = half ? a_second / 2 : a_second;
    return bl_song_add_tempo(g->song, 0, us, g->e);
}

static int read_header(gate *g, size_t *pos, unsigned *n_tracks)
{
    if (g->len == 0)
        return reject(g, BL_REJECT_EMPTY, BL_E_FORMAT, 0, "the file is empty");
    if (g->len > BL_MIDI_MAX_BYTES)
        return reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, 0, "the file is over 64 MiB");
    size_t search = g->len < SEARCH_BYTES ? g->len : SEARCH_BYTES;
    size_t at = find_chunk(g, "MThd", 0, search);
    if (at == g->len)
        return reject(g, BL_REJECT_NOT_MIDI, BL_E_FORMAT, 0,
                      "not a MIDI file: there is no MThd");
    if (at > 0)
        fix_strict(g, BL_FIX_WRAPPER, 0);
    if (g->len - at < 14)
        return reject(g, BL_REJECT_TRUNCATED, BL_E_TRUNC, g->len,
                      "the file ends inside its header");
    const uint8_t *h = g->in + at;
    size_t size = be32(h + 4);
    unsigned format = be16(h + 8);
    *n_tracks = be16(h + 10);
    if (size != 6 || format > 2)
        fix(g, BL_FIX_HEADER);
    if (format == 2)
        fix_strict(g, BL_FIX_FORMAT_2, at + 8);
    g->report->format = format > 2 ? 1 : (int)format;
    *pos = size >= 6 && size <= g->len - at - 8 ? at + 8 + size
                                                : find_chunk(g, "MTrk", at + 8, g->len);
    return set_division(g, be16(h + 12));
}

/* Written before the tracks, completed after them. */
static int write_header(gate *g)
{
    return bl_buf_add(g->out, "MThd\0\0\0\6\0\1\0\0\0\0", 14, g->e);
}

static void complete_header(gate *g, size_t at)
{
    uint8_t *h = g->out->data + at;
    h[10] = (uint8_t)(g->report->tracks >> 8);
    h[11] = (uint8_t)g->report->tracks;
    h[12] = (uint8_t)(g->song->tpq >> 8);
    h[13] = (uint8_t)g->song->tpq;
}

int bl_gate(const uint8_t *in, size_t len, bl_buf *out, bl_song *song,
            bl_midi_report *report, bl_err *e)
{
    size_t pos = 0, at = out->len;
    unsigned n_tracks = 0;
    gate g = {.in = in, .len = len, .out = out, .song = song, .report = report, .e = e};
    report->strict_fix = -1;
    int rc = read_header(&g, &pos, &n_tracks);
    if (rc == 0)
        rc = write_header(&g);
    if (rc == 0)
        rc = read_tracks(&g, pos, n_tracks);
    if (rc == 0 && report->tracks == 0 && n_tracks > 0)
        rc = reject(&g, BL_REJECT_TRUNCATED, BL_E_TRUNC, len, "there is no track");
    if (rc == 0 && (unsigned)report->tracks != n_tracks)
        fix_strict(&g, BL_FIX_TRACK_COUNT, len);
    if (rc == 0)
        complete_header(&g, at);
    return rc;
}
