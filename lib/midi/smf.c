/* smf.c - songs from Standard MIDI Files. The only file that includes smf.h.
 * What libsmf reads has passed the gate; it logs through GLib, whose default handler is
 * silenced while it works (that handler belongs to the process). */
#include "midi/gate.h"
#include "midi/overlap.h"
#include "midi/pairing.h"
#include "midi/pauses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <smf.h>

#ifndef BL_SMF_VERSION
#define BL_SMF_VERSION "unknown"
#endif

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

/* Files with bytes that are no events no published reader takes; others that lost music
 * some do, and time is kept as they have it. */
static int may_close_pauses(bl_reading how, const bl_midi_report *report)
{
    return bl_reading_is_own(how) || report->fixes[BL_FIX_BAD_EVENT] > 0 ||
           report->fixes[BL_FIX_DATA_BYTE] > 0;
}

/* Notes without ends are looked at a second time, with all that could end them. */
static int read_smf(bl_pairing *p, const smf_t *smf, bl_song *song,
                    bl_midi_report *report, bl_err *e)
{
    bl_overlap *o = NULL;
    int rc = read_tracks((listener){p, NULL}, smf);
    if (rc == 0 && bl_pairing_is_troubled(p)) {
        rc = bl_overlap_new(&o, bl_pairing_troubled(p), bl_pairing_doubtful(p), song,
                            report, e);
        if (rc == 0)
            rc = read_tracks((listener){NULL, o}, smf);
        if (rc == 0)
            rc = bl_overlap_resolve(o);
        bl_overlap_del(o);
    }
    return rc == 0 ? bl_pairing_finish(p) : rc;
}

static size_t count_read(const smf_t *smf)
{
    size_t n = 0;
    for (guint i = 0; i < smf->tracks_array->len; i++) {
        const smf_track_t *track = g_ptr_array_index(smf->tracks_array, i);
        n += track->events_array->len;
    }
    return n;
}

/* Where memory fails it, libsmf cuts tracks and goes on: what it holds is counted. */
static int check_read(const smf_t *smf, size_t n_events, bl_midi_report *report,
                      bl_err *e)
{
    if (smf != NULL && count_read(smf) == n_events)
        return 0;
    if (errno == ENOMEM)
        return bl_fail(e, BL_E_NOMEM, "out of memory for the events of the file");
    report->reject = BL_REJECT_INTERNAL;
    return bl_fail(e, BL_E_FORMAT, "libsmf does not take the file");
}

static int read_clean(const bl_buf *clean, size_t n_events, bl_pairing *p,
                      bl_song *song, bl_midi_report *report, bl_err *e)
{
    GLogFunc loud = g_log_set_default_handler(hush, NULL);
    errno = 0;
    smf_t *smf = smf_load_from_memory(clean->data, (int)clean->len);
    int rc = check_read(smf, n_events, report, e);
    if (rc == 0)
        rc = read_smf(p, smf, song, report, e);
    if (smf != NULL)
        free_smf(smf);
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
    size_t n_events = 0;
    int rc = bl_gate(bytes, len, &clean, &n_events, song, &rhythm, report, e);
    if (rc == 0)
        rc = bl_pairing_new(&pairing, how, song, report, e);
    if (rc == 0 && report->tracks > 0) /* libsmf knows no file without tracks */
        rc = read_clean(&clean, n_events, pairing, song, report, e);
    if (rc == 0 && bl_reading_is_own(how))
        rc = bl_rhythm_apply(&rhythm, song, e);
    if (rc == 0)
        rc = bl_song_sort(song, e);
    if (rc == 0 && bl_reading_is_own(how))
        bl_rhythm_drop_copy(&rhythm, song);
    if (rc == 0 && may_close_pauses(how, report))
        rc = bl_pauses_close(song, report, e);
    if (rc != 0 && report->reject == BL_REJECT_NONE)
        report->reject = BL_REJECT_INTERNAL;
    bl_pairing_del(pairing);
    bl_rhythm_free(&rhythm);
    bl_buf_free(&clean);
    return rc;
}

void bl_midi_libraries(char *text, size_t size)
{
    /* libsmf does not say its version while it runs */
    snprintf(text, size, "libsmf %s, GLib %u.%u.%u", BL_SMF_VERSION, glib_major_version,
             glib_minor_version, glib_micro_version);
}
