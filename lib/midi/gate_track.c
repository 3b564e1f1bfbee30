/* gate_track.c - see gate_impl.h: the events of one track. Nothing is believed: every
 * length is clamped to what is there, and what cannot be read is passed over. */
#include "midi/gate_impl.h"

enum {
    PAUSE_MAX_QUARTERS = 1 << 18, /* 36 hours at 120 a minute */
    DOUBT_MAX_QUARTERS = 256,     /* 64 bars of 4/4 */
    META_NAME = 0x03,
    META_PORT = 0x21,
    META_TEMPO = 0x51,
    META_SMPTE_OFFSET = 0x54,
    META_METER = 0x58,
    META_KEY = 0x59,
    META_OWN = 0x7f, /* of a sequencer */
    META_EOT = 0x2f,
    BANK = 0, /* controllers */
    SUSTAIN = 64,
    ALL_SOUND_OFF = 120,
    ALL_NOTES_OFF = 123,
    MISTAKES_MAX = 16, /* of a track: more is noise */
    SOUND_EVENTS = 4,  /* in a row that make sense: there reading goes on, */
    SURER_EVENTS = 8,  /* or, where what stands there makes sense too, these */
    ORPHANS_MAX = 8,   /* bytes that belong to nothing */
    SWALLOWED_MIN = 3, /* status bytes in the place of waits: no chance, */
    SAME_MAX = 64,     /* unless all these events wait for the same time */
};

/* What reading an event comes to; errors of the library are below them. */
enum { BROKEN = -1, ENDED = 0, GO_ON = 1 };

/* ---- writing ---- */

static int put_event(bl_gate_state *g, uint32_t delta, const uint8_t *bytes, size_t n)
{
    enum { MOST = 4 + 4 };
    bl_buf *b = g->out;
    int rc = bl_buf_reserve(b, b->len + MOST, g->e);
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
    g->written++;
    return 0;
}

static int put_eot(bl_gate_state *g, uint32_t delta)
{
    static const uint8_t eot[] = {0xff, META_EOT, 0};
    return put_event(g, delta, eot, sizeof eot);
}

/* ---- one track ---- */

typedef struct {
    size_t p, limit;       /* the next byte, the end of what may be read */
    int64_t tick, written; /* now, and of the last event written */
    uint8_t status;        /* of the last channel event, 0 = none yet */
    uint8_t port;
    int interrupted;      /* by what came since, see below */
    int is_trusted;       /* the length of the chunk is right: another follows it */
    int mistakes;         /* events that were none: bytes may be out of step */
    int has_run;          /* a status was left out */
    uint8_t has_had[128]; /* status bytes */
} track;

/* Running status goes on after both; strict readers let it go on after meta events. */
enum { BY_META = 1, BY_SYSTEM };

/* A variable-length quantity of at most four bytes: 1, or 0 where it is broken. */
static int read_vlq(const bl_gate_state *g, track *t, uint32_t *value)
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

/* How many data bytes follow a status byte. */
static int data_bytes(uint8_t status)
{
    if (status < 0xf0)
        return (status & 0xe0) == 0xc0 ? 1 : 2;
    return status == 0xf1 || status == 0xf3 ? 1 : status == 0xf2 ? 2 : 0;
}

/* ---- what may stand there ---- */

/* One event at *p with data bytes that are some, its status said or running: 1, at the
 * end of the track 2, else 0. *p moves behind it. */
static int is_event(const bl_gate_state *g, size_t limit, size_t *p, uint8_t *status)
{
    track t = {.p = *p, .limit = limit};
    uint32_t unused;
    if (!read_vlq(g, &t, &unused) || t.p >= limit)
        return 0;
    if (g->in[t.p] >= 0x80)
        *status = g->in[t.p++];
    if (*status == 0xff || *status == 0xf0 || *status == 0xf7) {
        int is_meta = *status == 0xff, is_end = 0;
        *status = 0;
        if (is_meta) {
            is_end = t.p < limit && g->in[t.p] == META_EOT;
            t.p++;
        }
        if (t.p >= limit || !read_vlq(g, &t, &unused) || unused > limit - t.p)
            return 0;
        *p = t.p + unused;
        return is_end ? 2 : 1;
    }
    if (*status < 0x80 || *status >= 0xf0)
        return 0;
    for (int n = data_bytes(*status); n > 0; n--, t.p++)
        if (t.p >= limit || g->in[t.p] > 127)
            return 0;
    *p = t.p;
    return 1;
}

/* Whether several events in a row that begin at p, with a status byte, make sense; not
 * in the middle of a quantity. */
static int is_sound(const bl_gate_state *g, size_t limit, size_t p)
{
    uint8_t status = 0;
    int is = g->in[p - 1] < 0x80 || g->in[p - 1] == 0xf7;
    for (int n = 0; n < SOUND_EVENTS && is == 1; n++)
        is = is_event(g, limit, &p, &status);
    return is;
}

/* The same with each status said, and one that the track has had: nothing else looks
 * like it, whereas long waits may look like events. */
static int is_in_step(const bl_gate_state *g, const track *t, size_t p, int events)
{
    int is = 1;
    for (int n = 0; n < events && is == 1; n++) {
        uint8_t status = 0;
        is = is_event(g, t->limit, &p, &status);
        if (is == 1 && status != 0 && !t->has_had[status & 0x7f])
            return 0;
    }
    return is;
}

/* Whether reading is in step behind some of the bytes from `from` to `to`; not in the
 * middle of a quantity. */
static int is_in_step_between(const bl_gate_state *g, const track *t, size_t from,
                              size_t to, int events)
{
    for (size_t p = from; p < to && p < t->limit; p++)
        if (g->in[p - 1] < 0x80 && is_in_step(g, t, p, events))
            return 1;
    return 0;
}

/* Whether events read from p on, in a track that said each status so far, soon cannot
 * be read (2), or take several status bytes for waits (1). Music in halves or wholes
 * waits for the same time again and again, which may look like that: 0, as where all is
 * well.
 */
static int is_out_of_step(const bl_gate_state *g, const track *t, size_t p)
{
    uint8_t status = t->status;
    uint32_t wait, last = 0;
    int swallowed = 0, is_varied = 0;
    for (int n = 0; n < (swallowed < SWALLOWED_MIN ? ORPHANS_MAX : SAME_MAX); n++) {
        track at = {.p = p, .limit = t->limit};
        if (!read_vlq(g, &at, &wait))
            return 2;
        if (at.p >= t->limit || (g->in[at.p] >= 0x80 && n > 0))
            return 0;
        uint8_t first = g->in[p];
        if (!is_event(g, t->limit, &p, &status))
            return 2;
        if (first >= 0x80 && first < 0xf0 && t->has_had[first & 0x7f]) {
            is_varied |= swallowed++ > 0 && wait != last;
            last = wait;
        }
        if (swallowed >= SWALLOWED_MIN && is_varied)
            return 1;
    }
    return 0;
}

/* The event at `at` has no status byte, in a track that said all so far: bytes that
 * belong to nothing, if a little later all is in step. */
static int is_orphan(const bl_gate_state *g, const track *t, size_t at)
{
    int is_out = is_out_of_step(g, t, at);
    return is_out > 0 && is_in_step_between(g, t, at + 1, at + 1 + ORPHANS_MAX,
                                            is_out > 1 ? SOUND_EVENTS : SURER_EVENTS);
}

static int keep_tempo(bl_gate_state *g, const track *t, const uint8_t *data,
                      uint32_t len)
{
    uint32_t us =
        len >= 3 ? (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2] : 0;
    if (us == 0) {
        bl_gate_fix_strict(g, BL_FIX_BAD_TEMPO, t->p);
        return 0;
    }
    if (g->is_smpte) { /* strict readers take it all the same */
        bl_gate_note_strict(g, BL_FIX_SMPTE, t->p);
        return 0;
    }
    int rc = bl_song_add_tempo(g->song, (int32_t)t->tick, us, g->e);
    if (rc == 0)
        g->song->tempos[g->song->n_tempos - 1].track = (uint16_t)g->report->tracks;
    return rc;
}

static int keep_meter(bl_gate_state *g, const track *t, const uint8_t *data,
                      uint32_t len)
{
    if (len < 4)
        bl_gate_fix_strict(g, BL_FIX_BAD_METER, t->p);
    else if (data[1] > 7)
        bl_gate_fix(g, BL_FIX_BAD_METER);
    else if (data[0] == 0)
        bl_gate_note_strict(g, BL_FIX_BAD_METER, t->p);
    if (len < 2 || data[1] > 7)
        return 0;
    return bl_song_add_meter(g->song, (int32_t)t->tick, data[0], data[1], g->e);
}

/* Keys and offsets of no sense: readers have refused files for them. */
static void check_meta(bl_gate_state *g, const track *t, uint8_t type,
                       const uint8_t *data, uint32_t len)
{
    static const uint8_t at_least[128] = {
        [0x20] = 1, [META_SMPTE_OFFSET] = 5, [META_KEY] = 2};
    int sharps = len >= 2 ? (int8_t)data[0] : 0;
    if (type < 128 && len < at_least[type])
        bl_gate_fix_strict(g, BL_FIX_BAD_META, t->p);
    else if (type == META_KEY && (sharps < -7 || sharps > 7 || data[1] > 1))
        bl_gate_fix_strict(g, BL_FIX_BAD_KEY, t->p);
    else if (type == META_SMPTE_OFFSET &&
             (data[1] > 59 || data[2] > 59 || data[4] > 99))
        bl_gate_fix_strict(g, BL_FIX_BAD_META, t->p);
    else if (type == 0 && len == 1)
        bl_gate_fix_strict(g, BL_FIX_BAD_META, t->p);
}

/* The name of the track is its first. */
static int keep_name(bl_gate_state *g, const uint8_t *data, uint32_t len)
{
    bl_song *s = g->song;
    uint16_t now = (uint16_t)g->report->tracks;
    if (len == 0 || (s->n_names > 0 && s->names[s->n_names - 1].track == now))
        return 0;
    return bl_song_add_name(s, now, data, len, g->e);
}

/* Sharps (flats below 0) and mode to a key. */
static int keep_key(bl_gate_state *g, const track *t, const uint8_t *data, uint32_t len)
{
    int sharps = len >= 2 ? (int8_t)data[0] : 99;
    if (sharps < -7 || sharps > 7 || data[1] > 1)
        return 0;
    int major = (7 * sharps % 12 + 12) % 12;
    int key = data[1] == 0 ? BL_KEYS_MAJOR + major : BL_KEYS_MINOR + (major + 9) % 12;
    return bl_song_add_key(g->song, (int32_t)t->tick, key, g->e);
}

/* The port tells channels of one number apart. */
static int keep_port(bl_gate_state *g, track *t, const uint8_t *data, uint32_t len)
{
    uint8_t event[4] = {0xff, META_PORT, 1};
    if (len < 1 || data[0] > 127)
        return 0;
    t->port = event[3] = data[0] & 15;
    uint32_t delta = (uint32_t)(t->tick - t->written);
    t->written = t->tick;
    return put_event(g, delta, event, sizeof event);
}

static int read_meta(bl_gate_state *g, track *t)
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
    else if (type == META_PORT)
        rc = keep_port(g, t, data, len);
    else if (type == META_OWN && len == 3 && memcmp(data, "\0\0A", 3) == 0)
        g->rhythm->is_marked = 1;
    else
        check_meta(g, t, type, data, len);
    if (type == META_NAME)
        rc = keep_name(g, data, len);
    else if (type == META_KEY)
        rc = keep_key(g, t, data, len);
    t->p += len;
    return rc < 0 ? rc : type == META_EOT ? ENDED : GO_ON;
}

/* F0 and F7 events: nothing of the music, so what is wrong in them needs no repair. */
static int read_sysex(bl_gate_state *g, track *t, uint8_t status)
{
    uint32_t len;
    if (!read_vlq(g, t, &len) || len > t->limit - t->p)
        return BROKEN;
    for (size_t i = t->p; i < t->p + len; i++)
        if (g->in[i] > 127 && !(i == t->p && g->in[i] == 0xf0) &&
            !(i + 1 == t->p + len && g->in[i] == 0xf7))
            bl_gate_note_strict(g, BL_FIX_DATA_BYTE, i);
    int rc = bl_rhythm_sysex(g->rhythm, (int32_t)t->tick, t->port, status, g->in + t->p,
                             len, g->e);
    t->interrupted = BY_SYSTEM;
    t->p += len;
    return rc == 0 ? GO_ON : rc;
}

/* Notes, programs, the sustain pedal and what ends all notes: what songs hold. */
static int is_of_songs(const uint8_t event[3])
{
    switch (event[0] & 0xf0) {
    case 0x80:
    case 0x90:
    case 0xc0:
        return 1;
    case 0xb0:
        return event[1] == SUSTAIN || event[1] == ALL_SOUND_OFF ||
               event[1] == ALL_NOTES_OFF;
    default:
        return 0;
    }
}

/* Banks and programs may make a channel one of drums. */
static int tell_rhythm(bl_gate_state *g, const track *t, const uint8_t event[3])
{
    uint8_t channel = event[0] & 15;
    if ((event[0] & 0xf0) == 0xc0)
        return bl_rhythm_program(g->rhythm, (int32_t)t->tick, t->port, channel, g->e);
    return event[1] == BANK ? bl_rhythm_bank(g->rhythm, (int32_t)t->tick, t->port,
                                             channel, event[2], g->e)
                            : 0;
}

/* The event at `at` has a data byte over 127 and ends at `end`: whether that is a fault
 * of the byte, and not one of the place. */
static int is_bad_byte(const bl_gate_state *g, const track *t, size_t at, size_t end)
{
    return t->mistakes == 0 && (is_in_step(g, t, end, SOUND_EVENTS) ||
                                !is_in_step_between(g, t, at + 1, end, SOUND_EVENTS));
}

static int read_channel(bl_gate_state *g, track *t, uint8_t status, size_t at)
{
    uint8_t event[3] = {status};
    int n = data_bytes(status);
    size_t end = t->p + (size_t)n;
    if (end > t->limit)
        return BROKEN;
    for (int i = 1; i <= n; i++) {
        event[i] = g->in[t->p++];
        if (event[i] > 127) {
            if (!is_bad_byte(g, t, at, end))
                return BROKEN;
            event[i] = 127;
            bl_gate_fix_strict(g, BL_FIX_DATA_BYTE, t->p - 1);
            bl_gate_lost(g, BL_FIX_DATA_BYTE, t->p - 1); /* it may be a status */
        }
    }
    if ((status & 0xf0) == 0xb0 || (status & 0xf0) == 0xc0) {
        int rc = tell_rhythm(g, t, event);
        if (rc != 0)
            return rc;
    }
    if (!is_of_songs(event))
        return GO_ON;
    if (++g->events > BL_MIDI_MAX_EVENTS)
        return bl_gate_reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, t->p,
                              "too many events");
    g->rhythm->channels |= (uint16_t)(1u << (status & 15));
    uint32_t delta = (uint32_t)(t->tick - t->written);
    t->written = t->tick;
    int rc = put_event(g, delta, event, (size_t)n + 1);
    return rc == 0 ? GO_ON : rc;
}

/* A pause that no music has is noise in the file: it is left out; behind an event that
 * was none, sooner. */
static void pass_time(bl_gate_state *g, track *t, uint32_t delta)
{
    int64_t quarters = t->mistakes > 0 ? DOUBT_MAX_QUARTERS : PAUSE_MAX_QUARTERS;
    if (delta > quarters * g->song->tpq || t->tick + delta > BL_MIDI_MAX_TICK)
        bl_gate_fix_strict(g, BL_FIX_PAUSE, t->p);
    else
        t->tick += delta;
}

static int read_event(bl_gate_state *g, track *t)
{
    uint32_t delta;
    size_t at = t->p;
    if (!read_vlq(g, t, &delta) || t->p >= t->limit)
        return BROKEN;
    uint8_t status = g->in[t->p];
    if (status < 0x80 && !t->has_run && (t->status == 0 || is_orphan(g, t, at)))
        return BROKEN;
    pass_time(g, t, delta);
    if (status >= 0x80) {
        t->p++;
        t->has_had[status & 0x7f] = 1;
    } else {
        status = t->status;
        t->has_run = 1;
        if (status == 0)
            return BROKEN;
        if (t->interrupted)
            bl_gate_fix(g, BL_FIX_RUNNING);
        if (t->interrupted == BY_SYSTEM)
            bl_gate_note_strict(g, BL_FIX_RUNNING, t->p);
    }
    if (status == 0xff)
        return read_meta(g, t);
    if (status == 0xf0 || status == 0xf7)
        return read_sysex(g, t, status);
    if (status < 0xf0) {
        t->status = status;
        t->interrupted = 0;
    } else {
        t->interrupted = BY_SYSTEM;
        if (status == 0xf4 || status == 0xf5 || status == 0xf9 || status == 0xfd)
            bl_gate_note_strict(g, BL_FIX_BAD_EVENT, t->p - 1);
    }
    return read_channel(g, t, status, at);
}

/* ---- where reading goes on ---- */

/* The event at `at` cannot be read. Reading goes on where it is safe: not beyond the
 * next track if the length of this one is in doubt. */
static int resume(bl_gate_state *g, track *t, size_t at)
{
    bl_gate_fix_strict(g, BL_FIX_BAD_EVENT, t->p);
    bl_gate_lost(g, BL_FIX_BAD_EVENT, at);
    t->status = 0;
    t->interrupted = 0;
    t->mistakes++;
    for (size_t p = at + 1; p < t->limit; p++) {
        if (!t->is_trusted && bl_gate_is_track(g, p)) {
            t->limit = p;
            break;
        }
        if (t->mistakes < MISTAKES_MAX && is_sound(g, t->limit, p)) {
            t->p = p;
            return GO_ON;
        }
    }
    t->p = t->limit;
    return BROKEN;
}

/* Where the chunk ends before the track and no other chunk follows, its length is too
 * short: it goes on to the next. */
static int extend(bl_gate_state *g, track *t)
{
    if (t->limit == g->len || bl_gate_is_chunk(g, t->limit))
        return 0;
    size_t next = bl_gate_find(g, "MTrk", t->limit, g->len);
    if (next == t->limit) /* a file that is cut in the head of its next track */
        return 0;
    bl_gate_fix_strict(g, BL_FIX_CHUNK_LENGTH, t->limit);
    t->limit = next;
    return 1;
}

/* Events up to the end of the track or the limit. */
static int read_events(bl_gate_state *g, track *t)
{
    int more = GO_ON;
    if (t->p == t->limit)
        extend(g, t);
    while (more == GO_ON && t->p < t->limit) {
        size_t at = t->p;
        int64_t tick = t->tick;
        if (g->in[at] == 'M' && !t->is_trusted && bl_gate_is_track(g, at)) {
            bl_gate_fix_strict(g, BL_FIX_CHUNK_LENGTH, at);
            t->limit = at;
            break;
        }
        more = read_event(g, t);
        if (more == BROKEN && extend(g, t)) {
            t->p = at;
            t->tick = tick;
            more = GO_ON;
        } else if (more == BROKEN) {
            more = resume(g, t, at);
        } else if (more == GO_ON && t->p == t->limit) {
            extend(g, t);
        }
    }
    return more;
}

/* Behind an end of track that comes before that of its chunk: a length that is too long
 * hides the next track. Elsewhere than right there it counts only where the header
 * tells of more. */
static size_t skip_rest(bl_gate_state *g, const track *t)
{
    size_t next = t->limit;
    if (bl_gate_is_track(g, t->p)) {
        bl_gate_fix_strict(g, BL_FIX_CHUNK_LENGTH, t->p);
        return t->p;
    }
    bl_gate_fix_strict(g, BL_FIX_AFTER_EOT, t->p);
    if ((unsigned)g->report->tracks + 1 < g->n_tracks)
        for (size_t p = t->p; p < t->limit && next == t->limit; p++)
            if (bl_gate_is_track(g, p))
                next = p;
    for (size_t p = t->p; p < next; p++)
        if (g->in[p] >= 0x80) {
            bl_gate_lost(g, BL_FIX_AFTER_EOT, p);
            break;
        }
    return next;
}

/* The head of the chunk at pos; where its length is none, the next may be written over
 * its own first letters. */
static size_t find_head(bl_gate_state *g, size_t pos)
{
    size_t stated = bl_be32(g->in + pos + 4);
    if (stated > g->len - pos - 8)
        for (size_t p = pos + 1; p < pos + 8 && p < g->len; p++)
            if (bl_gate_is_track(g, p)) {
                bl_gate_fix_strict(g, BL_FIX_CHUNK_LENGTH, pos + 4);
                return p;
            }
    return pos;
}

static int end_track(bl_gate_state *g, track *t, int more, size_t stated)
{
    if (more == GO_ON && !t->is_trusted && t->limit == g->len && stated > 0)
        bl_gate_lost(g, BL_FIX_NO_EOT, t->p); /* the file is cut */
    if (more == GO_ON)
        bl_gate_fix(g, BL_FIX_NO_EOT);
    return put_eot(g, (uint32_t)(t->tick - t->written));
}

int bl_gate_track(bl_gate_state *g, size_t *pos, int64_t *end)
{
    size_t start = find_head(g, *pos) + 8, stated = bl_be32(g->in + start - 4);
    size_t room = g->len - start, head = g->out->len;
    track t = {
        .p = start, .limit = start + (stated < room ? stated : room), .tick = *end};
    t.is_trusted = stated <= room && bl_gate_is_chunk(g, t.limit);
    if (stated > room)
        bl_gate_fix_strict(g, BL_FIX_CHUNK_LENGTH, start - 4);
    if (t.p == t.limit) /* strict readers look for the last event of each track */
        bl_gate_note_strict(g, BL_FIX_NO_EOT, start);
    bl_rhythm_track(g->rhythm);
    int rc = bl_buf_add(g->out, "MTrk\0\0\0\0", 8, g->e);
    int more = rc == 0 ? read_events(g, &t) : rc;
    if (more < BROKEN)
        return more;
    *pos = more == ENDED && t.p < t.limit ? skip_rest(g, &t) : t.limit;
    rc = end_track(g, &t, more, stated);
    if (rc != 0)
        return rc;
    uint32_t len = (uint32_t)(g->out->len - head - 8);
    for (int i = 0; i < 4; i++)
        g->out->data[head + 4 + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
    g->report->tracks++;
    *end = t.tick;
    return 0;
}
