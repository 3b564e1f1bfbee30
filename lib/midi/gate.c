/* gate.c - see gate.h. One pass over the bytes, nothing is believed: every length is
 * clamped to what is there. */
#include "midi/gate.h"

#include <stdlib.h>
#include <string.h>

enum {
    SEARCH_BYTES = 1 << 16, /* how far MThd may lie behind a wrapper or junk */
    MAX_CONDUCTOR = 10000,  /* tempos and meters: libsmf is quadratic in them */
    META_TEMPO = 0x51,
    META_METER = 0x58,
    META_EOT = 0x2f,
};

/* A tempo or meter event, on its way to the first track. */
typedef struct {
    int32_t tick;
    uint32_t order; /* as met: tracks one after the other */
    uint8_t type, len, data[4];
} conductor;

typedef struct {
    const uint8_t *in;
    size_t len;
    bl_buf *out; /* tracks; the header and first track are put before them */
    conductor *conductors;
    size_t n_conductors, cap_conductors;
    uint32_t events;
    bl_midi_report *report;
    bl_err *e;
} gate;

static int reject(gate *g, bl_reject why, int code, size_t offset, const char *cause)
{
    g->report->reject = why;
    return bl_fail_at(g->e, code, (int64_t)offset, "%s", cause);
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

/* ---- writing ---- */

static int put_be(bl_buf *b, uint32_t value, int bytes, bl_err *e)
{
    int rc = 0;
    for (int i = bytes - 1; i >= 0 && rc == 0; i--)
        rc = bl_buf_addc(b, (int)(value >> (8 * i) & 0xff), e);
    return rc;
}

static int put_delta(bl_buf *b, uint32_t value, bl_err *e)
{
    uint8_t bytes[5];
    int n = 0;
    do
        bytes[n++] = (uint8_t)(value & 0x7f);
    while ((value >>= 7) != 0);
    int rc = 0;
    while (n > 0 && rc == 0) {
        n--;
        rc = bl_buf_addc(b, bytes[n] | (n > 0 ? 0x80 : 0), e);
    }
    return rc;
}

static int put_event(bl_buf *b, uint32_t delta, const uint8_t *bytes, size_t n,
                     bl_err *e)
{
    int rc = put_delta(b, delta, e);
    return rc == 0 ? bl_buf_add(b, bytes, n, e) : rc;
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
    int interrupted;       /* a meta or SysEx event came since */
} track;

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

static int keep_conductor(gate *g, const track *t, uint8_t type, const uint8_t *data,
                          uint32_t len)
{
    int is_tempo = type == META_TEMPO;
    int good = is_tempo ? len == 3 && (data[0] | data[1] | data[2]) != 0
                        : len >= 2 && data[1] <= 7;
    if (!good || g->n_conductors >= MAX_CONDUCTOR) {
        g->report->fixes[BL_FIX_BAD_META]++;
        return 0;
    }
    void *p = g->conductors;
    int rc = bl_grow(&p, &g->cap_conductors, g->n_conductors + 1, sizeof *g->conductors,
                     g->e);
    g->conductors = p;
    if (rc != 0)
        return rc;
    conductor *c = &g->conductors[g->n_conductors];
    *c = (conductor){.tick = (int32_t)t->tick,
                     .order = (uint32_t)g->n_conductors,
                     .type = type,
                     .len = is_tempo ? 3 : 4};
    if (is_tempo) {
        memcpy(c->data, data, 3);
    } else {
        const uint8_t meter[] = {data[0], data[1], 24, 8};
        memcpy(c->data, meter, sizeof meter);
    }
    g->n_conductors++;
    return 0;
}

/* After 0xff: 1 to go on, 0 at the end of track, -1 broken, other negative: error. */
static int read_meta(gate *g, track *t)
{
    uint32_t len;
    if (t->p >= t->limit)
        return -1;
    uint8_t type = g->in[t->p++];
    if (!read_vlq(g, t, &len))
        return type == META_EOT ? 0 : -1;
    if (len > t->limit - t->p)
        return type == META_EOT ? 0 : -1;
    const uint8_t *data = g->in + t->p;
    t->p += len;
    t->interrupted = 1;
    if (type == META_EOT)
        return 0;
    if (type == META_TEMPO || type == META_METER) {
        int rc = keep_conductor(g, t, type, data, len);
        if (rc != 0)
            return rc;
    }
    return 1;
}

/* How many data bytes follow a status byte. */
static int data_bytes(uint8_t status)
{
    if (status < 0xf0)
        return (status & 0xe0) == 0xc0 ? 1 : 2;
    return status == 0xf1 || status == 0xf3 ? 1 : status == 0xf2 ? 2 : 0;
}

static int read_channel(gate *g, track *t, uint8_t status)
{
    uint8_t event[3] = {status};
    int n = data_bytes(status);
    if ((size_t)n > t->limit - t->p)
        return -1;
    for (int i = 1; i <= n; i++) {
        event[i] = g->in[t->p++];
        if (event[i] > 127) {
            event[i] = 127;
            g->report->fixes[BL_FIX_DATA_BYTE]++;
        }
    }
    if (status >= 0xf0)
        return 1; /* a system message: nothing of the music */
    if (++g->events > BL_MIDI_MAX_EVENTS)
        return reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, t->p, "too many events");
    uint32_t delta = (uint32_t)(t->tick - t->written);
    t->written = t->tick;
    int rc = put_event(g->out, delta, event, (size_t)n + 1, g->e);
    return rc == 0 ? 1 : rc;
}

/* One event: 1 to go on, 0 at the end of track, -1 broken, other negative: error. */
static int read_event(gate *g, track *t)
{
    uint32_t delta, len;
    if (!read_vlq(g, t, &delta) || t->p >= t->limit)
        return -1;
    if (t->tick + delta > BL_MIDI_MAX_TICK)
        return -1;
    t->tick += delta;
    uint8_t status = g->in[t->p];
    if (status >= 0x80) {
        t->p++;
    } else {
        status = t->status;
        if (status == 0)
            return -1;
        if (t->interrupted)
            g->report->fixes[BL_FIX_RUNNING]++;
    }
    if (status == 0xff)
        return read_meta(g, t);
    if (status == 0xf0 || status == 0xf7) {
        t->interrupted = 1;
        if (!read_vlq(g, t, &len) || len > t->limit - t->p)
            return -1;
        t->p += len;
        return 1;
    }
    if (status < 0xf0) {
        t->status = status;
        t->interrupted = 0;
    }
    return read_channel(g, t, status);
}

/* The MTrk chunk whose content is in[start..limit) -> one canonical chunk. */
static int read_track(gate *g, size_t start, size_t limit)
{
    track t = {.p = start, .limit = limit};
    size_t head = g->out->len;
    int rc = bl_buf_add(g->out, "MTrk\0\0\0\0", 8, g->e);
    int more = rc == 0 ? 1 : rc;
    while (more == 1 && t.p < t.limit)
        more = read_event(g, &t);
    if (more < -1)
        return more;
    if (more == -1)
        g->report->fixes[BL_FIX_BAD_EVENT]++;
    else if (more == 1)
        g->report->fixes[BL_FIX_NO_EOT]++;
    else if (t.p < t.limit)
        g->report->fixes[BL_FIX_AFTER_EOT]++;
    rc = put_eot(g->out, (uint32_t)(t.tick - t.written), g->e);
    if (rc != 0)
        return rc;
    uint32_t len = (uint32_t)(g->out->len - head - 8);
    for (int i = 0; i < 4; i++)
        g->out->data[head + 4 + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
    g->report->tracks++;
    return 0;
}

/* ---- the file ---- */

static int looks_like_chunk(const gate *g, size_t at)
{
    if (at + 8 > g->len)
        return at == g->len;
    for (size_t i = at; i < at + 4; i++)
        if (g->in[i] < 0x20 || g->in[i] > 0x7e)
            return 0;
    return 1;
}

static int read_tracks(gate *g, size_t pos)
{
    while (pos + 8 <= g->len) {
        size_t clen = be32(g->in + pos + 4), start = pos + 8, room = g->len - start;
        if (memcmp(g->in + pos, "MTrk", 4) != 0) {
            g->report->fixes[BL_FIX_ALIEN_CHUNK]++;
            pos = clen <= room && looks_like_chunk(g, start + clen)
                      ? start + clen
                      : find_chunk(g, "MTrk", pos + 1, g->len);
            continue;
        }
        if (g->report->tracks >= BL_MIDI_MAX_TRACKS)
            return reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, pos, "too many tracks");
        size_t limit = start + (clen < room ? clen : room);
        if (clen > room) {
            g->report->fixes[BL_FIX_CHUNK_LENGTH]++;
        } else if (!looks_like_chunk(g, limit)) { /* the length may be too short */
            limit = find_chunk(g, "MTrk", limit, g->len);
        }
        int rc = read_track(g, start, limit);
        if (rc != 0)
            return rc;
        pos = limit;
    }
    return 0;
}

static int by_tick(const void *a, const void *b)
{
    const conductor *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The header, and the first track with all tempos and meters. */
static int write_head(gate *g, unsigned division, bl_buf *out)
{
    bl_buf body = {0};
    int32_t now = 0;
    if (g->n_conductors > 0)
        qsort(g->conductors, g->n_conductors, sizeof *g->conductors, by_tick);
    int rc = 0;
    for (size_t i = 0; i < g->n_conductors && rc == 0; i++) {
        const conductor *c = &g->conductors[i];
        uint8_t event[7] = {0xff, c->type, c->len};
        memcpy(event + 3, c->data, sizeof c->data);
        rc = put_event(&body, (uint32_t)(c->tick - now), event, 3 + (size_t)c->len,
                       g->e);
        now = c->tick;
    }
    if (rc == 0)
        rc = put_eot(&body, 0, g->e);
    if (rc == 0)
        rc = bl_buf_add(out, "MThd\0\0\0\6\0\1", 10, g->e);
    if (rc == 0)
        rc = put_be(out, (uint32_t)g->report->tracks + 1, 2, g->e);
    if (rc == 0)
        rc = put_be(out, division, 2, g->e);
    if (rc == 0)
        rc = bl_buf_add(out, "MTrk", 4, g->e);
    if (rc == 0)
        rc = put_be(out, (uint32_t)body.len, 4, g->e);
    if (rc == 0)
        rc = bl_buf_add(out, body.data, body.len, g->e);
    bl_buf_free(&body);
    return rc;
}

static int read_header(gate *g, size_t *pos, unsigned *n_tracks, unsigned *division)
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
        g->report->fixes[BL_FIX_WRAPPER]++;
    if (g->len - at < 14)
        return reject(g, BL_REJECT_TRUNCATED, BL_E_TRUNC, g->len,
                      "the file ends inside its header");
    const uint8_t *h = g->in + at;
    size_t size = be32(h + 4);
    unsigned format = be16(h + 8);
    *n_tracks = be16(h + 10);
    *division = be16(h + 12);
    if (size < 6 || format > 2 || *division == 0)
        return reject(g, BL_REJECT_BAD_HEADER, BL_E_FORMAT, at,
                      "the header makes no sense");
    if (format == 2)
        return reject(g, BL_REJECT_FORMAT_2, BL_E_FORMAT, at + 8,
                      "format 2 holds independent sequences");
    if (*division & 0x8000)
        return reject(g, BL_REJECT_SMPTE, BL_E_FORMAT, at + 12,
                      "time is counted in film frames, not in quarters");
    g->report->format = (int)format;
    *pos = size <= g->len - at - 8 ? at + 8 + size
                                   : find_chunk(g, "MTrk", at + 14, g->len);
    return 0;
}

int bl_gate(const uint8_t *in, size_t len, bl_buf *out, bl_midi_report *report,
            bl_err *e)
{
    size_t pos = 0;
    unsigned n_tracks = 0, division = 0;
    bl_buf tracks = {0};
    gate g = {.in = in, .len = len, .out = &tracks, .report = report, .e = e};
    int rc = read_header(&g, &pos, &n_tracks, &division);
    if (rc == 0)
        rc = read_tracks(&g, pos);
    if (rc == 0 && report->tracks == 0)
        rc = reject(&g, BL_REJECT_TRUNCATED, BL_E_TRUNC, len, "there is no track");
    if (rc == 0 && (unsigned)report->tracks != n_tracks)
        report->fixes[BL_FIX_TRACK_COUNT]++;
    if (rc == 0)
        rc = write_head(&g, division, out);
    if (rc == 0)
        rc = bl_buf_add(out, tracks.data, tracks.len, e);
    free(g.conductors);
    bl_buf_free(&tracks);
    return rc;
}
