/* write.c - songs to Standard MIDI Files, in memory. libsmf is not asked: its save is
 * quadratic, wants a named file and ends the process where memory does. */
#include "midi/midi.h"

#include <stdlib.h>
#include <string.h>

enum { DRUM_CHANNEL = 9, MELODIC = 15, MAX_LAYERS = 256, META = 0xff };

/* The order within a tick: ends of notes come before their beginnings, ends of notes
 * without length after them. */
enum { PEDAL, OFF, ON, LATE_OFF };

/* One event of a track to be. */
typedef struct {
    int32_t tick;
    uint8_t rank, pitch, velocity, program; /* of a pedal, its value is the velocity */
    uint32_t i; /* of the song's notes: their order is kept */
} event;

typedef struct {
    const bl_song *song;
    bl_writing how;
    bl_buf *out;
    bl_err *e;
    event *events;
    size_t n_events, cap_events;
    uint16_t *layer; /* [n_notes] */
    int32_t end;
    /* the track that is being written */
    unsigned n_tracks;
    size_t head;    /* where its length stands */
    int32_t now;    /* of its last event */
    uint8_t status; /* of the last event; 0: running status is not used */
} writer;

/* ---- bytes ---- */

static void put_be(uint8_t *p, int n, uint32_t x)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(x >> 8 * (n - 1 - i));
}

static int put_quantity(writer *w, uint32_t x)
{
    int rc = 0;
    for (int shift = 21; shift > 0 && rc == 0; shift -= 7)
        if (x >> shift != 0)
            rc = bl_buf_addc(w->out, (int)(0x80 | (x >> shift & 0x7f)), w->e);
    return rc == 0 ? bl_buf_addc(w->out, (int)(x & 0x7f), w->e) : rc;
}

/* An event at a tick; one before the last is moved there. */
static int add_bytes(writer *w, int32_t tick, const uint8_t *bytes, size_t n)
{
    size_t said = w->status != 0 && bytes[0] == w->status;
    int32_t at = (int32_t)bl_max(tick, w->now);
    int rc = put_quantity(w, (uint32_t)(at - w->now));
    w->now = at;
    if (w->status != 0)
        w->status = bytes[0];
    return rc == 0 ? bl_buf_add(w->out, bytes + said, n - said, w->e) : rc;
}

static int begin_track(writer *w)
{
    w->n_tracks++;
    w->now = 0;
    w->status = 0;
    w->head = w->out->len + 4;
    return bl_buf_add(w->out, "MTrk\0\0\0\0", 8, w->e);
}

static int end_track(writer *w)
{
    static const uint8_t end[] = {META, 0x2f, 0};
    int rc = add_bytes(w, w->how == BL_WRITE_ONE_TRACK ? w->now + 1 : w->end, end,
                       sizeof end);
    if (rc == 0)
        put_be(w->out->data + w->head, 4, (uint32_t)(w->out->len - w->head - 4));
    return rc;
}

/* ---- tracks ---- */

static int by_time(const void *a, const void *b)
{
    const event *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->program != y->program)
        return x->program < y->program ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch < y->pitch ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

static int group_of(const bl_note *note)
{
    return note->drum ? BL_PROGRAM_DRUMS : note->program;
}

static int group_of_pedal(const bl_pedal *p)
{
    return p->drum ? BL_PROGRAM_DRUMS : p->program;
}

/* Gives each note of a group the lowest layer where first-in-first-out pairing keeps
 * its end: there no earlier note of the pitch ends later. Sets *layers to their number.
 */
static int assign_layers(writer *w, int group, int *layers)
{
    int32_t(*last)[128] = NULL; /* [layers][pitch]: the latest end */
    size_t cap = 0;
    *layers = 0;
    for (size_t i = 0; i < w->song->n_notes; i++) {
        const bl_note *note = &w->song->notes[i];
        if (group_of(note) != group)
            continue;
        int n = 0;
        while (n < *layers && last[n][note->pitch] > note->off)
            n++;
        if (n == *layers && *layers < MAX_LAYERS) {
            void *p = last;
            int rc = bl_grow(&p, &cap, (size_t)n + 1, sizeof *last, w->e);
            last = p;
            if (rc != 0) {
                free(last);
                return rc;
            }
            memset(last[n], 0, sizeof last[n]);
            ++*layers;
        }
        n = n < *layers ? n : *layers - 1;
        last[n][note->pitch] = note->off;
        w->layer[i] = (uint16_t)n;
    }
    free(last);
    return 0;
}

static int push(writer *w, event x)
{
    void *p = w->events;
    int rc = bl_grow(&p, &w->cap_events, w->n_events + 1, sizeof *w->events, w->e);
    w->events = p;
    if (rc == 0)
        w->events[w->n_events++] = x;
    return rc;
}

static int collect_events(writer *w, int group, int layer)
{
    w->n_events = 0;
    int rc = 0;
    for (size_t i = 0; i < w->song->n_notes && rc == 0; i++) {
        const bl_note *n = &w->song->notes[i];
        if (group_of(n) != group || w->layer[i] != layer)
            continue;
        rc =
            push(w, (event){n->on, ON, n->pitch, n->velocity, n->program, (uint32_t)i});
        if (rc == 0)
            rc = push(w, (event){n->off, n->off > n->on ? OFF : LATE_OFF, n->pitch, 0,
                                 n->program, (uint32_t)i});
    }
    for (size_t i = 0; layer == 0 && i < w->song->n_pedals && rc == 0; i++) {
        const bl_pedal *p = &w->song->pedals[i];
        if (group_of_pedal(p) == group)
            rc = push(w, (event){p->tick, PEDAL, 0, p->value, p->program, (uint32_t)i});
    }
    if (rc == 0 && w->n_events > 0)
        qsort(w->events, w->n_events, sizeof *w->events, by_time);
    return rc;
}

/* `always`: the channel is shared, so the program is said again at every tick with
 * notes or pedals, where it holds in the merged order of the tracks too. */
static int write_events(writer *w, int channel, int always)
{
    int32_t said_at = -1;
    int said = -1, rc = 0;
    for (size_t i = 0; i < w->n_events && rc == 0; i++) {
        const event *x = &w->events[i];
        int is_on = x->rank == ON;
        if ((is_on || x->rank == PEDAL) &&
            (said != x->program || (always && said_at != x->tick))) {
            const uint8_t program[] = {(uint8_t)(0xc0 | channel), x->program};
            rc = add_bytes(w, said < 0 && !always ? 0 : x->tick, program, 2);
            said = x->program;
            said_at = x->tick;
        }
        const uint8_t pedal[] = {(uint8_t)(0xb0 | channel), 64, x->velocity};
        const uint8_t note[] = {(uint8_t)((is_on ? 0x90 : 0x80) | channel), x->pitch,
                                is_on ? x->velocity : 64};
        if (rc == 0)
            rc = add_bytes(w, x->tick, x->rank == PEDAL ? pedal : note, 3);
    }
    return rc;
}

static int write_tempo(writer *w, const bl_tempo *x)
{
    uint32_t us = x->us < 0xffffff ? x->us : 0xffffff;
    const uint8_t b[] = {0xff,       0x51, 3, (uint8_t)(us >> 16), (uint8_t)(us >> 8),
                         (uint8_t)us};
    return add_bytes(w, x->tick, b, sizeof b);
}

static int write_meter(writer *w, const bl_meter *x)
{
    const uint8_t b[] = {0xff, 0x58, 4, (uint8_t)x->num, (uint8_t)x->den_log2, 24, 8};
    return add_bytes(w, x->tick, b, sizeof b);
}

static int write_marker(writer *w, const bl_marker *x)
{
    uint8_t b[3 + sizeof x->text] = {0xff, 0x06, (uint8_t)strlen(x->text)};
    memcpy(b + 3, x->text, b[2]);
    return add_bytes(w, x->tick, b, 3 + b[2]);
}

/* Sharps of the major scale of the same notes, flats below 0, at most six. */
static int write_key(writer *w, const bl_key_mark *x)
{
    int is_minor = x->key >= BL_KEYS_MINOR;
    int sharps = 7 * (x->key % 12 + (is_minor ? 3 : 0)) % 12;
    sharps -= sharps > 6 ? 12 : 0;
    const uint8_t b[] = {0xff, 0x59, 2, (uint8_t)sharps, (uint8_t)is_minor};
    return add_bytes(w, x->tick, b, sizeof b);
}

/* Of a tick first the tempo, then the time signature, the key, then markers. */
static int write_conductor(writer *w)
{
    const bl_song *s = w->song;
    size_t t = 0, m = 0, n = 0, k = 0;
    int rc = begin_track(w);
    while (rc == 0) {
        int32_t tempo = t < s->n_tempos ? s->tempos[t].tick : INT32_MAX;
        int32_t meter = m < s->n_meters ? s->meters[m].tick : INT32_MAX;
        int32_t marker = k < s->n_markers ? s->markers[k].tick : INT32_MAX;
        int32_t key = n < s->n_keys ? s->keys[n].tick : INT32_MAX;
        if (bl_min(bl_min(tempo, key), bl_min(meter, marker)) == INT32_MAX)
            return end_track(w);
        if (tempo <= meter && tempo <= key && tempo <= marker)
            rc = write_tempo(w, &s->tempos[t++]);
        else if (meter <= key && meter <= marker)
            rc = write_meter(w, &s->meters[m++]);
        else if (key <= marker)
            rc = write_key(w, &s->keys[n++]);
        else
            rc = write_marker(w, &s->markers[k++]);
    }
    return rc;
}

static int write_group(writer *w, int group, int channel, int shared)
{
    int layers;
    int rc = assign_layers(w, group, &layers);
    for (int n = 0; n < layers && rc == 0; n++) {
        rc = begin_track(w);
        if (rc == 0)
            rc = collect_events(w, group, n);
        if (rc == 0)
            rc = write_events(w, channel, shared);
        if (rc == 0)
            rc = end_track(w);
    }
    return rc;
}

/* Counts the notes of each group; sets *kits if drums change their kit. */
static int count_groups(writer *w, size_t count[BL_PROGRAM_DRUMS + 1], int *kits)
{
    int melodic = 0, kit = -1;
    for (size_t i = 0; i < w->song->n_notes; i++) {
        const bl_note *n = &w->song->notes[i];
        melodic += !n->drum && count[n->program] == 0;
        count[group_of(n)]++;
        w->end = (int32_t)bl_max(w->end, n->off);
        *kits |= n->drum && kit >= 0 && kit != n->program;
        kit = n->drum ? n->program : kit;
    }
    for (size_t i = 0; i < w->song->n_pedals; i++)
        w->end = (int32_t)bl_max(w->end, w->song->pedals[i].tick);
    return melodic;
}

static int write_tracks(writer *w)
{
    size_t count[BL_PROGRAM_DRUMS + 1] = {0};
    int kits = 0, given = 0;
    w->end = w->song->end;
    int shared = count_groups(w, count, &kits) > MELODIC;
    int rc = write_conductor(w);
    for (int group = 0; group <= BL_PROGRAM_DRUMS && rc == 0; group++) {
        if (count[group] == 0)
            continue;
        int channel = given % MELODIC, drums = group == BL_PROGRAM_DRUMS;
        channel += channel >= DRUM_CHANNEL;
        given++;
        rc = write_group(w, group, drums ? DRUM_CHANNEL : channel,
                         drums ? kits : shared);
    }
    return rc;
}

/* ---- all notes in one track ---- */

static int by_pitch(const void *a, const void *b)
{
    const event *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch < y->pitch ? -1 : 1;
    return (x->velocity > y->velocity) - (x->velocity < y->velocity);
}

static int push_notes(writer *w, const bl_note *notes, size_t n_notes)
{
    int rc = 0;
    for (size_t i = 0; i < n_notes && rc == 0; i++) {
        const bl_note *n = &notes[i];
        rc = push(w, (event){n->on, ON, n->pitch, n->velocity, 0, 0});
        if (rc == 0)
            rc = push(w, (event){n->off, OFF, n->pitch, 0, 0, 0});
    }
    return rc;
}

static int write_one_track(writer *w)
{
    static const uint8_t piano[] = {0xc0, 0};
    int rc = write_conductor(w);
    if (rc == 0)
        rc = push_notes(w, w->song->notes, w->song->n_notes);
    if (rc == 0)
        rc = push_notes(w, w->song->mute, w->song->n_mute);
    if (rc == 0 && w->n_events > 0)
        qsort(w->events, w->n_events, sizeof *w->events, by_pitch);
    if (rc == 0)
        rc = begin_track(w);
    w->status = META; /* none of the notes: running status from here on */
    if (rc == 0)
        rc = add_bytes(w, 0, piano, sizeof piano);
    for (size_t i = 0; i < w->n_events && rc == 0; i++) {
        const event *x = &w->events[i];
        const uint8_t note[] = {0x90, x->pitch, x->velocity};
        rc = add_bytes(w, x->tick, note, sizeof note);
    }
    return rc == 0 ? end_track(w) : rc;
}

int bl_midi_write(const bl_song *song, bl_writing how, bl_buf *out, bl_err *e)
{
    writer w = {.song = song, .how = how, .out = out, .e = e};
    size_t head = out->len;
    int rc = bl_buf_add(out, "MThd\0\0\0\6\0\0\0\0\0\0", 14, e);
    w.layer = bl_calloc(song->n_notes + 1, sizeof *w.layer, e);
    if (w.layer == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = how == BL_WRITE_ONE_TRACK ? write_one_track(&w) : write_tracks(&w);
    if (rc == 0) {
        put_be(out->data + head + 8, 2, w.n_tracks > 1);
        put_be(out->data + head + 10, 2, w.n_tracks);
        put_be(out->data + head + 12, 2, (uint32_t)song->tpq);
    }
    free(w.events);
    free(w.layer);
    return rc;
}
