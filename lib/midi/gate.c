/* gate.c - see gate.h. One pass over the bytes, nothing is believed: every length is
 * clamped to what is there. */
#include "midi/gate_impl.h"

enum {
    SEARCH_BYTES = 1 << 16, /* how far MThd may lie behind a wrapper or junk */
    TEMPO_DEFAULT = 500000,
};

static unsigned be16(const uint8_t *p)
{
    return (unsigned)(p[0] << 8 | p[1]);
}

/* ---- the file ---- */

/* The next sequence of a format 2 file begins afresh where the last one ended. */
static int begin_sequence(bl_gate_state *g, int64_t tick)
{
    int rc = 0;
    if (!g->is_smpte)
        rc = bl_song_add_tempo(g->song, (int32_t)tick, TEMPO_DEFAULT, g->e);
    return rc == 0 ? bl_song_add_meter(g->song, (int32_t)tick, 4, 2, g->e) : rc;
}

/* The chunk at pos is none of ours: where the next may be. One that reaches to the end
 * of the file may hide tracks that the header tells of. */
static size_t skip_alien(const bl_gate_state *g, size_t pos)
{
    size_t stated = bl_be32(g->in + pos + 4), start = pos + 8, end = start + stated;
    if (stated > g->len - start || !bl_gate_is_chunk(g, end))
        return bl_gate_find(g, "MTrk", pos + 1, g->len);
    if (end == g->len && (unsigned)g->report->tracks < g->n_tracks)
        for (size_t p = start; p < end; p++)
            if (bl_gate_is_track(g, p))
                return p;
    return end;
}

/* A chunk of another name that ends as tracks do is one with a damaged name. */
static int ends_like_track(const bl_gate_state *g, size_t pos)
{
    static const uint8_t eot[] = {0xff, 0x2f, 0};
    size_t stated = bl_be32(g->in + pos + 4), end = pos + 8 + stated;
    return stated >= sizeof eot && stated <= g->len - pos - 8 &&
           memcmp(g->in + end - sizeof eot, eot, sizeof eot) == 0;
}

/* What follows the tracks that the header tells of counts only if it is a track again:
 * files written over longer ones end in leftovers of them. */
static int read_tracks(bl_gate_state *g, size_t pos)
{
    int64_t end = 0;
    unsigned n_alien = 0;
    int rc = 0;
    while (pos < g->len && rc == 0) {
        int is_track = bl_gate_is_track(g, pos);
        if (!is_track &&
            (g->len - pos < 8 || (unsigned)g->report->tracks >= g->n_tracks)) {
            bl_gate_fix(g, BL_FIX_TRAILING);
            break;
        }
        if (!is_track) {
            bl_gate_fix_strict(g, BL_FIX_ALIEN_CHUNK, pos);
            n_alien += !ends_like_track(g, pos);
            pos = skip_alien(g, pos);
            continue;
        }
        if (g->report->tracks >= BL_MIDI_MAX_TRACKS)
            return bl_gate_reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, pos,
                                  "too many tracks");
        if (g->report->format != 2)
            end = 0;
        else if (g->report->tracks > 0)
            rc = begin_sequence(g, end);
        if (rc == 0)
            rc = bl_gate_track(g, &pos, &end);
    }
    if ((unsigned)g->report->tracks + n_alien < g->n_tracks)
        bl_gate_lost(g, BL_FIX_TRACK_COUNT, g->len);
    return rc;
}

/* Ticks a quarter note. A division in frames a second becomes one of quarters at a
 * tempo of 120 a minute, or of 60 where that would not be whole. */
static int set_division(bl_gate_state *g, unsigned division)
{
    if (division == 0) {
        bl_gate_fix(g, BL_FIX_HEADER);
        division = 480;
    }
    g->song->tpq = (int)division;
    if ((division & 0x8000) == 0)
        return 0;
    bl_gate_fix(g, BL_FIX_SMPTE);
    g->is_smpte = 1;
    int rate = 256 - (int)(division >> 8), a_frame = (int)bl_max(division & 0xff, 1);
    int is_29_97 = rate == 29;
    int a_second = (is_29_97 ? 30 : rate) * a_frame;
    int half = a_second % 2 == 0;
    uint32_t us = half ? 500000 : 1000000;
    us += is_29_97 ? us / 1000 : 0;
    if (us != TEMPO_DEFAULT)
        bl_gate_note_strict(g, BL_FIX_SMPTE, 0);
    g->song->tpq = half ? a_second / 2 : a_second;
    return bl_song_add_tempo(g->song, 0, us, g->e);
}

static int read_header(bl_gate_state *g, size_t *pos)
{
    if (g->len == 0)
        return bl_gate_reject(g, BL_REJECT_EMPTY, BL_E_FORMAT, 0, "the file is empty");
    if (g->len > BL_MIDI_MAX_BYTES)
        return bl_gate_reject(g, BL_REJECT_TOO_LARGE, BL_E_LIMIT, 0,
                              "the file is over 64 MiB");
    size_t search = g->len < SEARCH_BYTES ? g->len : SEARCH_BYTES;
    size_t at = bl_gate_find(g, "MThd", 0, search);
    if (at == g->len)
        return bl_gate_reject(g, BL_REJECT_NOT_MIDI, BL_E_FORMAT, 0,
                              "not a MIDI file: there is no MThd");
    if (at > 0)
        bl_gate_fix_strict(g, BL_FIX_WRAPPER, 0);
    if (g->len - at < 14)
        return bl_gate_reject(g, BL_REJECT_TRUNCATED, BL_E_TRUNC, g->len,
                              "the file ends inside its header");
    const uint8_t *h = g->in + at;
    size_t size = bl_be32(h + 4);
    unsigned format = be16(h + 8);
    g->n_tracks = be16(h + 10);
    if (size != 6 || format > 2)
        bl_gate_fix(g, BL_FIX_HEADER);
    if (format == 2)
        bl_gate_fix_strict(g, BL_FIX_FORMAT_2, at + 8);
    g->report->format = format > 2 ? 1 : (int)format;
    *pos = size >= 6 && size <= g->len - at - 8
               ? at + 8 + size
               : bl_gate_find(g, "MTrk", at + 8, g->len);
    return set_division(g, be16(h + 12));
}

/* Written before the tracks, completed after them. */
static int write_header(bl_gate_state *g)
{
    return bl_buf_add(g->out, "MThd\0\0\0\6\0\1\0\0\0\0", 14, g->e);
}

static void complete_header(bl_gate_state *g, size_t at)
{
    uint8_t *h = g->out->data + at;
    h[10] = (uint8_t)(g->report->tracks >> 8);
    h[11] = (uint8_t)g->report->tracks;
    h[12] = (uint8_t)(g->song->tpq >> 8);
    h[13] = (uint8_t)g->song->tpq;
}

int bl_gate(const uint8_t *in, size_t len, bl_buf *out, size_t *n_events, bl_song *song,
            bl_rhythm *rhythm, bl_midi_report *report, bl_err *e)
{
    size_t pos = 0, at = out->len;
    bl_gate_state g = {.in = in,
                       .len = len,
                       .out = out,
                       .song = song,
                       .rhythm = rhythm,
                       .report = report,
                       .e = e};
    report->strict_fix = -1;
    int rc = read_header(&g, &pos);
    if (rc == 0)
        rc = write_header(&g);
    if (rc == 0)
        rc = read_tracks(&g, pos);
    if (rc == 0 && report->tracks == 0 && g.n_tracks > 0)
        rc = bl_gate_reject(&g, BL_REJECT_TRUNCATED, BL_E_TRUNC, len,
                            "there is no track");
    if (rc == 0 && (unsigned)report->tracks != g.n_tracks)
        bl_gate_fix_strict(&g, BL_FIX_TRACK_COUNT, len);
    if (rc == 0)
        complete_header(&g, at);
    *n_events = g.written;
    return rc;
}
