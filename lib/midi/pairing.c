/* pairing.c - see pairing.h, and bl_reading in song.h for the rules. */
#include "midi/pairing.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHANNELS = 16,
    PITCHES = 128,
    KEYS = CHANNELS * PITCHES,
    MAYBE_SHIFTED = 3, /* notes in a row that overlap the next */
    DRUM_CHANNEL = 9,
    SUSTAIN = 64,
    OPEN = -1
};

/* A program change, or where a note or pedal event asks for the program: its place in
 * the merged order is tick, track, then rank in the track. */
typedef struct {
    int32_t tick;
    uint16_t track;
    uint8_t channel, program; /* channel: of a port, port * 16 + channel */
    uint32_t event;
} place;

struct bl_pairing {
    bl_reading how;
    bl_song *song;
    bl_midi_report *report;
    bl_err *e;
    uint16_t track;
    uint8_t port;
    int is_troubled;
    uint32_t event, closed;
    uint8_t program[CHANNELS]; /* of this track */
    /* Notes of the track that are open: first and last of each key, then a chain. */
    int32_t head[KEYS], tail[KEYS];
    int32_t *next; /* [cap_next] by note */
    size_t cap_next;
    place *changes, *notes, *pedals; /* all changes; of each note, of each pedal */
    size_t n_changes, cap_changes, cap_notes, cap_pedals;
    /* Of BL_READ_OVERLAP: keys with a note without end or an end without note; those of
     * which several notes in a row end while the next sounds. */
    bl_keys troubled, doubtful;
    uint8_t overlapped[KEYS]; /* how many so far */
};

static void begin_track(bl_pairing *p)
{
    memset(p->head, 0xff, sizeof p->head);
    memset(p->program, 0, sizeof p->program);
    memset(p->overlapped, 0, sizeof p->overlapped);
    p->event = 0;
    p->port = 0;
}

static void trouble(bl_pairing *p, uint8_t port, int key)
{
    bl_keys_add(&p->troubled,
                bl_key(port, (uint8_t)(key / PITCHES), (uint8_t)(key % PITCHES)));
    p->is_troubled = 1;
}

int bl_pairing_new(bl_pairing **pairing, bl_reading how, bl_song *song,
                   bl_midi_report *report, bl_err *e)
{
    bl_pairing *p = *pairing = bl_calloc(1, sizeof *p, e);
    if (p == NULL)
        return BL_E_NOMEM;
    p->how = how;
    p->song = song;
    p->report = report;
    p->e = e;
    begin_track(p);
    return 0;
}

void bl_pairing_del(bl_pairing *p)
{
    if (p == NULL)
        return;
    free(p->next);
    free(p->changes);
    free(p->notes);
    free(p->pedals);
    free(p);
}

/* Puts x at list[n]. */
static int set_place(bl_pairing *p, place **list, size_t *cap, size_t n, place x)
{
    int rc = bl_room(list, cap, n + 1, sizeof x, p->e);
    if (rc == 0)
        (*list)[n] = x;
    return rc;
}

static place here(const bl_pairing *p, int32_t tick, const uint8_t *event)
{
    return (place){.tick = tick,
                   .track = p->track,
                   .channel = (uint8_t)(p->port * CHANNELS + (event[0] & 15)),
                   .program = event[1],
                   .event = p->event};
}

/* ---- notes ---- */

static int note_on(bl_pairing *p, int32_t tick, const uint8_t *b)
{
    int channel = b[0] & 15, key = channel * 128 + b[1];
    size_t i = p->song->n_notes;
    int rc = bl_room(&p->next, &p->cap_next, i + 1, sizeof *p->next, p->e);
    if (rc == 0 && bl_reading_is_own(p->how))
        rc = set_place(p, &p->notes, &p->cap_notes, i, here(p, tick, b));
    if (rc != 0)
        return rc;
    rc = bl_song_add_note(p->song,
                          (bl_note){.on = tick,
                                    .off = OPEN,
                                    .pitch = b[1],
                                    .velocity = b[2],
                                    .drum = channel == DRUM_CHANNEL,
                                    .channel = (uint8_t)channel,
                                    .port = p->port,
                                    .track = p->track},
                          p->e);
    if (rc != 0)
        return rc;
    p->next[i] = -1;
    if (p->head[key] < 0)
        p->head[key] = (int32_t)i;
    else
        p->next[p->tail[key]] = (int32_t)i;
    p->tail[key] = (int32_t)i;
    return 0;
}

static void close_note(bl_pairing *p, int32_t i, int32_t tick)
{
    bl_note *n = &p->song->notes[i];
    n->off = tick;
    n->program = p->program[n->channel];
    n->closed = p->closed++;
}

/* Ends all notes of the key that began before; those that begin now stay open if there
 * was one, else they are forgotten. Notes of a key are chained in order of time. */
static void close_all(bl_pairing *p, int key, int32_t tick)
{
    int32_t i = p->head[key];
    int any = p->song->notes[i].on != tick;
    for (; i >= 0 && p->song->notes[i].on != tick; i = p->next[i])
        close_note(p, i, tick);
    p->head[key] = any ? i : -1;
}

/* The oldest note of the key was ended: does the next one sound already? */
static void look_at_next(bl_pairing *p, int key, int32_t i, int32_t tick)
{
    if (p->song->notes[i].port != p->port) {
        trouble(p, p->port, key);
        trouble(p, p->song->notes[i].port, key);
    }
    if (p->next[i] < 0 || p->song->notes[p->next[i]].on == tick) {
        p->overlapped[key] = 0;
    } else if (++p->overlapped[key] == MAYBE_SHIFTED) {
        p->overlapped[key]--;
        bl_keys_add(&p->doubtful, bl_key(p->port, (uint8_t)(key / PITCHES),
                                         (uint8_t)(key % PITCHES)));
        p->is_troubled = 1;
    }
}

static void note_off(bl_pairing *p, int key, int32_t tick)
{
    int32_t i = p->head[key];
    if (i < 0) {
        p->report->fixes[BL_FIX_STRAY_OFF]++;
        trouble(p, p->port, key);
    } else if (p->how == BL_READ_CLOSE_ALL) {
        close_all(p, key, tick);
    } else {
        close_note(p, i, tick);
        p->head[key] = p->next[i];
        look_at_next(p, key, i, tick);
    }
}

/* ---- events ---- */

static int add_pedal(bl_pairing *p, int32_t tick, const uint8_t *b)
{
    int channel = b[0] & 15;
    int rc = 0;
    if (bl_reading_is_own(p->how))
        rc = set_place(p, &p->pedals, &p->cap_pedals, p->song->n_pedals,
                       here(p, tick, b));
    if (rc != 0)
        return rc;
    return bl_song_add_pedal(p->song,
                             (bl_pedal){.tick = tick,
                                        .value = b[2],
                                        .program = p->program[channel],
                                        .drum = channel == DRUM_CHANNEL,
                                        .channel = (uint8_t)channel,
                                        .port = p->port,
                                        .track = p->track},
                             p->e);
}

static int change_program(bl_pairing *p, int32_t tick, const uint8_t *b)
{
    p->program[b[0] & 15] = b[1];
    if (!bl_reading_is_own(p->how))
        return 0;
    return set_place(p, &p->changes, &p->cap_changes, p->n_changes++, here(p, tick, b));
}

void bl_pairing_port(bl_pairing *p, uint8_t port)
{
    p->port = port & (BL_PORTS - 1);
}

int bl_pairing_event(bl_pairing *p, int32_t tick, const uint8_t *b)
{
    int rc = 0;
    switch (b[0] & 0xf0) {
    case 0x90:
        if (b[2] > 0) {
            rc = note_on(p, tick, b);
            break;
        }
        /* fall through */
    case 0x80:
        note_off(p, (b[0] & 15) * 128 + b[1], tick);
        break;
    case 0xb0:
        rc = b[1] == SUSTAIN ? add_pedal(p, tick, b) : 0;
        break;
    case 0xc0:
        rc = change_program(p, tick, b);
        break;
    default:
        break;
    }
    p->event++;
    return rc;
}

int bl_pairing_end(bl_pairing *p, int32_t tick)
{
    for (int key = 0; key < KEYS; key++)
        for (int32_t i = p->head[key]; i >= 0; i = p->next[i]) {
            p->report->fixes[BL_FIX_OPEN_NOTE]++;
            trouble(p, p->song->notes[i].port, key);
            if (p->how == BL_READ_FIFO)
                close_note(p, i, tick);
        }
    p->song->end = (int32_t)bl_max(p->song->end, tick);
    p->track++;
    begin_track(p);
    return 0;
}

/* ---- after the last track ---- */

int bl_pairing_is_troubled(const bl_pairing *p)
{
    return p->how == BL_READ_OVERLAP && p->is_troubled;
}

const bl_keys *bl_pairing_troubled(const bl_pairing *p)
{
    return &p->troubled;
}

const bl_keys *bl_pairing_doubtful(const bl_pairing *p)
{
    return &p->doubtful;
}

static int is_before(const place *x, const place *y)
{
    if (x->tick != y->tick)
        return x->tick < y->tick;
    return x->track != y->track ? x->track < y->track : x->event < y->event;
}

static int by_channel_and_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->channel != y->channel)
        return x->channel < y->channel ? -1 : 1;
    return is_before(x, y) ? -1 : is_before(y, x);
}

/* The last program change of the channel of a port before a place; 0 if there is none.
 */
static uint8_t program_at(const bl_pairing *p, const place *at)
{
    size_t low = 0, high = p->n_changes;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (by_channel_and_place(&p->changes[mid], at) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 && p->changes[low - 1].channel == at->channel
               ? p->changes[low - 1].program
               : 0;
}

static void set_merged_programs(bl_pairing *p)
{
    if (p->n_changes > 1)
        qsort(p->changes, p->n_changes, sizeof *p->changes, by_channel_and_place);
    for (size_t i = 0; i < p->song->n_notes; i++)
        p->song->notes[i].program = program_at(p, &p->notes[i]);
    for (size_t i = 0; i < p->song->n_pedals; i++)
        p->song->pedals[i].program = program_at(p, &p->pedals[i]);
}

int bl_pairing_finish(bl_pairing *p)
{
    bl_song *s = p->song;
    size_t kept = 0;
    if (bl_reading_is_own(p->how))
        set_merged_programs(p);
    for (size_t i = 0; i < s->n_notes; i++)
        if (s->notes[i].off != OPEN)
            s->notes[kept++] = s->notes[i];
    s->n_notes = kept;
    return 0;
}
