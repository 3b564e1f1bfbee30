/* events.c - see events.h. */
#include "feature/events.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_EVENTS = 1 << 22, MAX_TICK = (1 << 28) - 1, MAX_TRACKS = 4096 };

typedef struct {
    const uint8_t *at, *end;
    int64_t tick;
    int running; /* status byte, 0 before the first */
} cursor;

static uint32_t big_endian(const uint8_t *p, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* A variable-length quantity of at most four bytes, or -1. */
static int64_t quantity(cursor *c)
{
    int64_t v = 0;
    for (int i = 0; i < 4 && c->at < c->end; i++) {
        v = v << 7 | (*c->at & 127);
        if ((*c->at++ & 128) == 0)
            return v;
    }
    return -1;
}

static int add(bl_events *ev, bl_event x, bl_err *e)
{
    if (ev->n >= MAX_EVENTS)
        return bl_fail(e, BL_E_LIMIT, "more than %d events", MAX_EVENTS);
    void *p = ev->event;
    int rc = bl_grow(&p, &ev->cap, ev->n + 1, sizeof x, e);
    ev->event = p;
    if (rc == 0)
        ev->event[ev->n++] = x;
    return rc;
}

static int bad(bl_err *e, const char *what)
{
    return bl_fail(e, BL_E_FORMAT, "%s", what);
}

/* A meta or SysEx event, its status read over. 1 after the end of the track. */
static int read_text(bl_events *ev, cursor *c, bl_event x, bl_err *e)
{
    if (x.status == 0xff) {
        if (c->at == c->end)
            return bad(e, "a cut event");
        x.data[0] = *c->at++;
    }
    int64_t len = quantity(c);
    if (len < 0 || len > c->end - c->at)
        return bad(e, "a cut event");
    const uint8_t *body = c->at;
    c->at += len;
    if (x.status != 0xff)
        return 0;
    if (x.data[0] == BL_META_END)
        len = 0;
    else if (x.data[0] == BL_META_TEMPO || x.data[0] == BL_META_METER)
        len = len < 3 ? -1 : 3;
    else
        return 0;
    if (len < 0)
        return bad(e, "a meta event that is too short");
    memcpy(x.data + 1, body, (size_t)len);
    int rc = add(ev, x, e);
    return rc != 0 ? rc : x.data[0] == BL_META_END;
}

static int read_channel(bl_events *ev, cursor *c, bl_event x, bl_err *e)
{
    int n = (x.status & 0xe0) == 0xc0 ? 1 : 2;
    if (c->end - c->at < n)
        return bad(e, "a cut event");
    for (int i = 0; i < n; i++) {
        x.data[i] = *c->at++;
        if (x.data[i] > 127)
            return bad(e, "a data byte over 127");
    }
    return add(ev, x, e);
}

static int read_event(bl_events *ev, cursor *c, bl_err *e)
{
    int64_t delta = quantity(c);
    if (delta < 0 || c->at == c->end)
        return bad(e, "a cut event");
    c->tick += delta;
    if (c->tick > MAX_TICK)
        return bl_fail(e, BL_E_LIMIT, "more than %d ticks", MAX_TICK);
    if (*c->at >= 0x80)
        c->running = *c->at++;
    bl_event x = {
        .tick = (int32_t)c->tick,
        .track = (uint16_t)ev->n_tracks,
        .status = (uint8_t)c->running,
    };
    if (c->running >= 0xf0)
        return read_text(ev, c, x, e);
    return c->running == 0 ? bad(e, "data without a status")
                           : read_channel(ev, c, x, e);
}

static int begin_track(bl_events *ev, bl_err *e)
{
    void *p = ev->start;
    int rc = bl_grow(&p, &ev->cap_start, ev->n_tracks + 2, sizeof *ev->start, e);
    ev->start = p;
    if (rc == 0)
        ev->start[ev->n_tracks] = ev->n;
    return rc;
}

static int read_track(bl_events *ev, const uint8_t *body, size_t len, bl_err *e)
{
    cursor c = {.at = body, .end = body + len};
    int rc = ev->n_tracks >= MAX_TRACKS ? bl_fail(e, BL_E_LIMIT, "too many tracks") : 0;
    if (rc == 0)
        rc = begin_track(ev, e);
    while (rc == 0 && c.at < c.end)
        rc = read_event(ev, &c, e);
    if (rc < 0)
        return rc;
    ev->start[++ev->n_tracks] = ev->n;
    return 0;
}

int bl_events_read(bl_events *ev, const uint8_t *bytes, size_t len, bl_err *e)
{
    int rc = 0;
    ev->n = ev->n_tracks = 0;
    if (len < 14 || memcmp(bytes, "MThd", 4) != 0 || big_endian(bytes + 4, 4) != 6)
        return bad(e, "no plain Standard MIDI File");
    ev->tpq = (int)big_endian(bytes + 12, 2);
    if (ev->tpq < 1 || ev->tpq > 0x7fff)
        return bad(e, "time in film frames");
    for (size_t at = 14; rc == 0 && len - at >= 8;) {
        size_t size = big_endian(bytes + at + 4, 4);
        int is_track = memcmp(bytes + at, "MTrk", 4) == 0;
        at += 8;
        if (size > len - at)
            return bad(e, "a chunk runs past the end of the file");
        if (is_track)
            rc = read_track(ev, bytes + at, size, e);
        at += size;
    }
    return rc == 0 && ev->n_tracks == 0 ? bad(e, "no track") : rc;
}

void bl_events_free(bl_events *ev)
{
    free(ev->event);
    free(ev->start);
    *ev = (bl_events){0};
}
