/* smf.c - songs from and to Standard MIDI Files. The only file that includes smf.h.
 * What libsmf reads has passed the gate; it logs through GLib, whose default handler is
 * silenced while it works (that handler belongs to the process). */
#include "midi/gate.h"
#include "midi/overlap.h"
#include "midi/pairing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <smf.h>

#ifndef BL_SMF_VERSION
#define BL_SMF_VERSION "unknown"
#endif

enum { DRUM_CHANNEL = 9, MELODIC = 15, MAX_LAYERS = 256 };

static void hush(const gchar *domain, GLogLevelFlags level, const gchar *text,
                 gpointer data)
{
    (void)domain;
    (void)level;
    (void)text;
    (void)data;
}

/* smf_delete looks each event up from the front of its array, which is quadratic: the
 * events are freed here and the arrays emptied first. */
static void free_smf(smf_t *smf)
{
    for (int i = 1; i <= smf->number_of_tracks; i++) {
        smf_track_t *track = smf_get_track_by_number(smf, i);
        for (guint k = 0; k < track->events_array->len; k++) {
            smf_event_t *event = g_ptr_array_index(track->events_array, k);
            free(event->midi_buffer);
            free(event);
        }
        g_ptr_array_set_size(track->events_array, 0);
        track->number_of_events = 0;
    }
    smf_delete(smf);
}

/* ---- reading ---- */

/* Who is told of the events of a track; one of them is NULL. */
typedef struct {
    bl_pairing *pairing;
    bl_overlap *overlap;
} listener;

static int tell(listener to, int32_t tick, const uint8_t *b)
{
    int is_end = b[0] == 0xff && b[1] == 0x2f;
    if (b[0] == 0xff && !is_end && to.pairing != NULL)
        bl_pairing_port(to.pairing, b[3]);
    else if (b[0] == 0xff && !is_end)
        bl_overlap_port(to.overlap, b[3]);
    else if (to.pairing != NULL)
        return is_end ? bl_pairing_end(to.pairing, tick)
                      : bl_pairing_event(to.pairing, tick, b);
    else
        return is_end ? bl_overlap_end(to.overlap, tick)
                      : bl_overlap_event(to.overlap, tick, b);
    return 0;
}

static int read_tracks(listener to, const smf_t *smf)
{
    int rc = 0;
    for (guint i = 0; i < smf->tracks_array->len && rc == 0; i++) {
        const smf_track_t *track = g_ptr_array_index(smf->tracks_array, i);
        for (guint k = 0; k < track->events_array->len && rc == 0; k++) {
            const smf_event_t *event = g_ptr_array_index(track->events_array, k);
            rc = tell(to, event->time_pulses, event->midi_buffer);
        }
    }
    return rc;
}

/* Notes without ends are looked at a second time, with all that could end them. */
static int read_smf(bl_pairing *p, const smf_t *smf, bl_song *song,
                    bl_midi_report *report, bl_err *e)
{
    bl_overlap *o = NULL;
    int rc = read_tracks((listener){p, NULL}, smf);
    if (rc == 0 && bl_pairing_is_troubled(p)) {
        rc = bl_overlap_new(&o, bl_pairing_keys(p), song, report, e);
        if (rc == 0)
            rc = read_tracks((listener){NULL, o}, smf);
        if (rc == 0)
            rc = bl_overlap_resolve(o);
        bl_overlap_del(o);
    }
    return rc == 0 ? bl_pairing_finish(p) : rc;
}

static int read_clean(const bl_buf *clean, bl_pairing *p, bl_song *song,
                      bl_midi_report *report, bl_err *e)
{
    GLogFunc loud = g_log_set_default_handler(hush, NULL);
    smf_t *smf = smf_load_from_memory(clean->data, (int)clean->len);
    int rc;
    if (smf == NULL) {
        report->reject = BL_REJECT_INTERNAL;
        rc = bl_fail(e, BL_E_FORMAT, "libsmf does not take the file");
    } else {
        rc = read_smf(p, smf, song, report, e);
        free_smf(smf);
    }
    g_log_set_default_handler(loud, NULL);
    return rc;
}

int bl_midi_read(const uint8_t *bytes, size_t len, bl_reading how, bl_song *song,
                 bl_midi_report *report, bl_err *e)
{
    *report = (bl_midi_report){0};
    bl_song_clear(song);
    bl_buf clean = {0};
    bl_rhythm rhythm = {0};
    bl_pairing *pairing = NULL;
    int rc = bl_gate(bytes, len, &clean, song, &rhythm, report, e);
    if (rc == 0)
        rc = bl_pairing_new(&pairing, how, song, report, e);
    if (rc == 0 && report->tracks > 0) /* libsmf knows no file without tracks */
        rc = read_clean(&clean, pairing, song, report, e);
    if (rc == 0 && bl_reading_is_own(how))
        rc = bl_rhythm_apply(&rhythm, song, e);
    if (rc == 0)
        rc = bl_song_sort(song, e);
    if (rc == 0 && bl_reading_is_own(how))
        bl_rhythm_drop_copy(&rhythm, song);
    if (rc != 0 && report->reject == BL_REJECT_NONE)
        report->reject = BL_REJECT_INTERNAL;
    bl_pairing_del(pairing);
    bl_rhythm_free(&rhythm);
    bl_buf_free(&clean);
    return rc;
}

/* ---- writing ---- */

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
    smf_t *smf;
    bl_err *e;
    event *events;
    size_t n_events, cap_events;
    uint16_t *layer; /* [n_notes] */
    int32_t end;
} writer;

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

static int add_bytes(writer *w, smf_track_t *track, int32_t tick, const uint8_t *bytes,
                     int n)
{
    smf_event_t *e = smf_event_new_from_pointer((void *)(uintptr_t)bytes, n);
    if (e == NULL)
        return bl_fail(w->e, BL_E_NOMEM, "libsmf has no memory for an event");
    smf_track_add_event_pulses(track, e, tick);
    return 0;
}

/* `always`: the channel is shared, so the program is said again at every tick with
 * notes or pedals, where it holds in the merged order of the tracks too. */
static int write_events(writer *w, smf_track_t *track, int channel, int always)
{
    int32_t said_at = -1;
    int said = -1, rc = 0;
    for (size_t i = 0; i < w->n_events && rc == 0; i++) {
        const event *x = &w->events[i];
        int is_on = x->rank == ON;
        if ((is_on || x->rank == PEDAL) &&
            (said != x->program || (always && said_at != x->tick))) {
            const uint8_t program[] = {(uint8_t)(0xc0 | channel), x->program};
            rc = add_bytes(w, track, said < 0 && !always ? 0 : x->tick, program, 2);
            said = x->program;
            said_at = x->tick;
        }
        const uint8_t pedal[] = {(uint8_t)(0xb0 | channel), 64, x->velocity};
        const uint8_t note[] = {(uint8_t)((is_on ? 0x90 : 0x80) | channel), x->pitch,
                                is_on ? x->velocity : 64};
        if (rc == 0)
            rc = add_bytes(w, track, x->tick, x->rank == PEDAL ? pedal : note, 3);
    }
    return rc;
}

static smf_track_t *new_track(writer *w)
{
    smf_track_t *track = smf_track_new();
    if (track == NULL)
        bl_fail(w->e, BL_E_NOMEM, "libsmf has no memory for a track");
    else
        smf_add_track(w->smf, track);
    return track;
}

static int end_track(writer *w, smf_track_t *track)
{
    if (w->how == BL_WRITE_ONE_TRACK) {
        const smf_event_t *last = smf_track_get_last_event(track);
        w->end = last != NULL ? last->time_pulses + 1 : 1;
    }
    if (smf_track_add_eot_pulses(track, w->end) != 0)
        return bl_fail(w->e, BL_E_IO, "libsmf cannot end a track");
    return 0;
}

static int write_tempo(writer *w, smf_track_t *track, const bl_tempo *x)
{
    uint32_t us = x->us < 0xffffff ? x->us : 0xffffff;
    const uint8_t b[] = {0xff,       0x51, 3, (uint8_t)(us >> 16), (uint8_t)(us >> 8),
                         (uint8_t)us};
    return add_bytes(w, track, x->tick, b, sizeof b);
}

static int write_meter(writer *w, smf_track_t *track, const bl_meter *x)
{
    const uint8_t b[] = {0xff, 0x58, 4, (uint8_t)x->num, (uint8_t)x->den_log2, 24, 8};
    return add_bytes(w, track, x->tick, b, sizeof b);
}

static int write_marker(writer *w, smf_track_t *track, const bl_marker *x)
{
    uint8_t b[3 + sizeof x->text] = {0xff, 0x06, (uint8_t)strlen(x->text)};
    memcpy(b + 3, x->text, b[2]);
    return add_bytes(w, track, x->tick, b, 3 + b[2]);
}

/* Of a tick first the tempo, then the time signature, then markers. */
static int write_conductor(writer *w)
{
    smf_track_t *track = new_track(w);
    const bl_song *s = w->song;
    size_t t = 0, m = 0, k = 0;
    int rc = track == NULL ? BL_E_NOMEM : 0;
    while (rc == 0) {
        int32_t tempo = t < s->n_tempos ? s->tempos[t].tick : INT32_MAX;
        int32_t meter = m < s->n_meters ? s->meters[m].tick : INT32_MAX;
        int32_t marker = k < s->n_markers ? s->markers[k].tick : INT32_MAX;
        if (bl_min(tempo, bl_min(meter, marker)) == INT32_MAX)
            return end_track(w, track);
        if (tempo <= meter && tempo <= marker)
            rc = write_tempo(w, track, &s->tempos[t++]);
        else if (meter <= marker)
            rc = write_meter(w, track, &s->meters[m++]);
        else
            rc = write_marker(w, track, &s->markers[k++]);
    }
    return rc;
}

static int write_group(writer *w, int group, int channel, int shared)
{
    int layers;
    int rc = assign_layers(w, group, &layers);
    for (int n = 0; n < layers && rc == 0; n++) {
        smf_track_t *track = new_track(w);
        rc = track == NULL ? BL_E_NOMEM : collect_events(w, group, n);
        if (rc == 0)
            rc = write_events(w, track, channel, shared);
        if (rc == 0)
            rc = end_track(w, track);
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
    smf_track_t *track = rc == 0 ? new_track(w) : NULL;
    if (track == NULL)
        return rc == 0 ? BL_E_NOMEM : rc;
    rc = add_bytes(w, track, 0, piano, sizeof piano);
    for (size_t i = 0; i < w->n_events && rc == 0; i++) {
        const event *x = &w->events[i];
        const uint8_t note[] = {0x90, x->pitch, x->velocity};
        rc = add_bytes(w, track, x->tick, note, sizeof note);
    }
    return rc == 0 ? end_track(w, track) : rc;
}

static size_t be32(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* libsmf repeats the status byte of every event; the published writer says again only
 * one that changes. Of the bytes libsmf wrote, the track of notes that way; the length
 * it comes to. */
static size_t squeeze(uint8_t *b, size_t len)
{
    size_t chunk = 14 + 8 + be32(b + 14 + 4), in = chunk + 8, out = in;
    uint8_t status = 0;
    while (in < len) {
        do
            b[out++] = b[in];
        while ((b[in++] & 0x80) != 0);
        int is_said = b[in] == status;
        int n =
            (b[in] & 0xf0) == 0xc0 ? 2 : 3; /* else a note or the end of the track */
        status = b[in];
        memmove(b + out, b + in + is_said, (size_t)(n - is_said));
        in += (size_t)n;
        out += (size_t)(n - is_said);
    }
    for (int i = 0; i < 4; i++)
        b[chunk + 4 + (size_t)i] = (uint8_t)((out - chunk - 8) >> (24 - 8 * i));
    return out;
}

/* The file again, with running status. */
static int save_squeezed(const char *path, bl_err *e)
{
    bl_buf b = {0};
    FILE *f = fopen(path, "r+b");
    long size = f != NULL && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    int rc = size < 0 ? BL_E_IO : bl_buf_reserve(&b, (size_t)size, e);
    if (rc == 0) {
        rewind(f);
        b.len = fread(b.data, 1, (size_t)size, f);
        rc = b.len == (size_t)size ? 0 : BL_E_IO;
    }
    if (rc == 0) {
        size_t len = squeeze(b.data, b.len);
        rewind(f);
        if (fwrite(b.data, 1, len, f) != len || fflush(f) != 0 ||
            ftruncate(fileno(f), (off_t)len) != 0)
            rc = BL_E_IO;
    }
    if (f != NULL && fclose(f) != 0 && rc == 0)
        rc = BL_E_IO;
    bl_buf_free(&b);
    return rc == BL_E_IO ? bl_fail_errno(e, rc, "'%s' cannot be written", path) : rc;
}

int bl_midi_write(const bl_song *song, bl_writing how, const char *path, bl_err *e)
{
    writer w = {.song = song, .how = how, .e = e};
    GLogFunc loud = g_log_set_default_handler(hush, NULL);
    w.layer = bl_calloc(song->n_notes + 1, sizeof *w.layer, e);
    w.smf = smf_new();
    int rc = w.layer == NULL ? BL_E_NOMEM : 0;
    if (rc == 0 && (w.smf == NULL || smf_set_ppqn(w.smf, song->tpq) != 0))
        rc = bl_fail(e, BL_E_NOMEM, "libsmf cannot begin a file");
    if (rc == 0)
        rc = how == BL_WRITE_ONE_TRACK ? write_one_track(&w) : write_tracks(&w);
    if (rc == 0 && smf_save(w.smf, path) != 0)
        rc = bl_fail(e, BL_E_IO, "'%s' cannot be written", path);
    if (rc == 0 && how == BL_WRITE_ONE_TRACK)
        rc = save_squeezed(path, e);
    if (w.smf != NULL)
        free_smf(w.smf);
    g_log_set_default_handler(loud, NULL);
    free(w.events);
    free(w.layer);
    return rc;
}

void bl_midi_libraries(char *text, size_t size)
{
    /* libsmf does not say its version while it runs */
    snprintf(text, size, "libsmf %s, GLib %u.%u.%u", BL_SMF_VERSION, glib_major_version,
             glib_minor_version, glib_micro_version);
}
