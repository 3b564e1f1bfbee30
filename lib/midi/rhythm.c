/* rhythm.c - see rhythm.h. */
#include "midi/rhythm.h"

#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

enum {
    PORTS = 16,
    CHANNELS = 16,
    DRUM_CHANNEL = 9,
    FIRST_OF_COPY = 12, /* channel 13 */
    COPY_PERCENT = 95,  /* of the notes that are a copy, at least */
    COPY_DRUMS = 4,     /* at least, where there is no mark */
};

enum { BEGINS = 0xf0, CLOCK = 0xf8 }; /* from this on bytes may come at any time */

enum { USE_FOR_RHYTHM = 0x15 }; /* address in a part of Roland's */

/* Of the synthesizers that a file is for. */
enum { ROLAND = 0x41, YAMAHA = 0x43, UNIVERSAL = 0x7e };

enum {
    BANK_GM2_DRUMS = 120,
    BANK_GM2_MELODY = 121,
    BANK_XG_EFFECTS = 126,
    BANK_XG_DRUMS = 127,
};

typedef enum { SEES_GS, RESET, PART, BANK, PROGRAM } what;

/* What synthesizers are told to be. */
typedef enum { ANY, GM, GS, XG } mode;

/* value: of a RESET the mode, of a PART 1 for drums, of a BANK its number. */
struct bl_rhythm_event {
    int32_t tick;
    uint8_t port, channel, what, value;
};

static int add(bl_rhythm *r, struct bl_rhythm_event x, bl_err *e)
{
    int rc = bl_room(&r->x, &r->cap, r->n + 1, sizeof x, e);
    if (rc == 0)
        r->x[r->n++] = x;
    return rc;
}

void bl_rhythm_free(bl_rhythm *r)
{
    free(r->x);
    *r = (bl_rhythm){0};
}

/* ---- what a file says ---- */

/* The channel of a part of Roland's: the first is that of drums. */
static uint8_t channel_of_block(uint8_t block)
{
    return block == 0 ? DRUM_CHANNEL : block <= 9 ? (uint8_t)(block - 1) : block;
}

/* The value for an address that a message writes, alone or in a block (whose last byte
 * is a sum); -1 if it does not. */
static int written_at(const uint8_t *b, size_t n, uint8_t address)
{
    if (address < b[6])
        return -1;
    size_t at = 7u + address - b[6];
    return at < n - (at > 7) ? b[at] : -1;
}

/* 41 device 42 12 address data sum */
static int read_roland(bl_rhythm *r, struct bl_rhythm_event x, const uint8_t *b,
                       size_t n, bl_err *e)
{
    if (n < 8 || b[2] != 0x42 || b[3] != 0x12)
        return 0;
    x.what = SEES_GS;
    if ((b[4] == 0x40 || b[4] == 0) && b[5] == 0 && b[6] == 0x7f) {
        x.what = RESET;
        x.value = b[4] == 0x40 && b[7] == 0x7f ? GM : GS; /* 7f: leave it */
    }
    int part = written_at(b, n, USE_FOR_RHYTHM);
    if (b[4] == 0x40 && (b[5] & 0xf0) == 0x10 && part >= 0) {
        x.what = PART;
        x.channel = channel_of_block(b[5] & 15);
        x.value = part != 0;
    }
    return add(r, x, e);
}

/* 43 1x 4c address data */
static int read_yamaha(bl_rhythm *r, struct bl_rhythm_event x, const uint8_t *b,
                       size_t n, bl_err *e)
{
    if (n < 7 || (b[1] & 0xf0) != 0x10 || b[2] != 0x4c)
        return 0;
    if (b[3] == 0 && b[4] == 0 && b[5] == 0x7e) {
        x.what = RESET;
        x.value = XG;
    } else if (b[3] == 8 && b[4] < CHANNELS && b[5] == 7) {
        x.what = PART;
        x.channel = b[4];
        x.value = b[6] != 0;
    } else {
        return 0;
    }
    return add(r, x, e);
}

static int read_message(bl_rhythm *r, int32_t tick, uint8_t port, bl_err *e)
{
    struct bl_rhythm_event x = {.tick = tick, .port = port};
    const uint8_t *bytes = r->sysex.bytes;
    size_t n = r->sysex.n;
    if (n > 0 && bytes[0] == ROLAND)
        return read_roland(r, x, bytes, n, e);
    if (n > 0 && bytes[0] == YAMAHA)
        return read_yamaha(r, x, bytes, n, e);
    if (n < 4 || bytes[0] != UNIVERSAL || bytes[2] != 9)
        return 0;
    x.what = RESET;
    x.value = bytes[3] == 2 ? ANY : GM;
    return add(r, x, e);
}

static void begin_message(bl_rhythm *r, int is_open)
{
    r->sysex.n = 0;
    r->sysex.is_open = is_open;
}

void bl_rhythm_track(bl_rhythm *r)
{
    begin_message(r, 0);
}

int bl_rhythm_sysex(bl_rhythm *r, int32_t tick, uint8_t port, uint8_t status,
                    const uint8_t *bytes, size_t n, bl_err *e)
{
    int rc = 0;
    if (status == BEGINS)
        begin_message(r, 1);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (bytes[i] == BEGINS) {
            begin_message(r, 1);
        } else if (bytes[i] >= 128 && bytes[i] < CLOCK) {
            rc = r->sysex.is_open ? read_message(r, tick, port, e) : 0;
            begin_message(r, 0);
        } else if (bytes[i] < 128 && r->sysex.is_open && r->sysex.n < BL_RHYTHM_SYSEX) {
            r->sysex.bytes[r->sysex.n++] = bytes[i];
        }
    }
    /* many files leave the last byte out; what is said twice is said once */
    return rc == 0 && r->sysex.is_open ? read_message(r, tick, port, e) : rc;
}

int bl_rhythm_bank(bl_rhythm *r, int32_t tick, uint8_t port, uint8_t channel,
                   uint8_t bank, bl_err *e)
{
    return add(r,
               (struct bl_rhythm_event){
                   .tick = tick, .port = port, .channel = channel, BANK, bank},
               e);
}

int bl_rhythm_program(bl_rhythm *r, int32_t tick, uint8_t port, uint8_t channel,
                      bl_err *e)
{
    return add(r,
               (struct bl_rhythm_event){
                   .tick = tick, .port = port, .channel = channel, PROGRAM, 0},
               e);
}

/* ---- what it comes to ---- */

typedef struct {
    int16_t bank; /* -1: none was chosen */
    uint8_t is_drums, is_by_bank;
} channel;

typedef struct {
    channel of[PORTS][CHANNELS];
    uint8_t mode[PORTS];
    bl_keyed *changes; /* channel, then tick; the item: is_drums */
    size_t n, cap;
    bl_err *e;
} state;

static int change(state *s, const struct bl_rhythm_event *x, int at, int is_drums)
{
    channel *c = &s->of[x->port][at];
    uint32_t id = (uint32_t)x->port * CHANNELS + (uint32_t)at;
    if (c->is_drums == is_drums)
        return 0;
    c->is_drums = (uint8_t)is_drums;
    int rc = bl_room(&s->changes, &s->cap, s->n + 1, sizeof *s->changes, s->e);
    if (rc == 0)
        s->changes[s->n++] =
            (bl_keyed){(uint64_t)id << 32 | (uint32_t)x->tick, (uint32_t)is_drums};
    return rc;
}

static int reset(state *s, const struct bl_rhythm_event *x)
{
    int rc = 0;
    s->mode[x->port] = x->value;
    for (int i = 0; i < CHANNELS && rc == 0; i++) {
        s->of[x->port][i].bank = -1;
        s->of[x->port][i].is_by_bank = 0;
        rc = change(s, x, i, i == DRUM_CHANNEL);
    }
    return rc;
}

/* A bank holds from the next program on. Roland's banks of these numbers are others;
 * on Yamaha's every other bank is a melodic one. */
static int choose_program(state *s, const struct bl_rhythm_event *x)
{
    channel *c = &s->of[x->port][x->channel];
    int is_drums = c->bank == BANK_XG_DRUMS || c->bank == BANK_XG_EFFECTS ||
                   c->bank == BANK_GM2_DRUMS;
    if (c->bank < 0 || s->mode[x->port] == GS)
        return 0;
    if (is_drums || c->bank == BANK_GM2_MELODY || s->mode[x->port] == XG) {
        c->is_by_bank = 1;
        return change(s, x, x->channel, is_drums);
    }
    if (!c->is_by_bank)
        return 0;
    c->is_by_bank = 0;
    return change(s, x, x->channel, x->channel == DRUM_CHANNEL);
}

static int step(state *s, const struct bl_rhythm_event *x)
{
    switch (x->what) {
    case SEES_GS:
        if (s->mode[x->port] == ANY)
            s->mode[x->port] = GS;
        return 0;
    case RESET:
        return reset(s, x);
    case PART:
        s->of[x->port][x->channel].is_by_bank = 0;
        return change(s, x, x->channel, x->value);
    case BANK:
        s->of[x->port][x->channel].bank = x->value;
        return 0;
    default:
        return choose_program(s, x);
    }
}

/* A file that Yamaha's are not told of, but Roland's are, is for those from its
 * beginning: banks may come before the message. */
static void begin_modes(state *s, const bl_rhythm *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct bl_rhythm_event *x = &r->x[i];
        if (x->what == RESET && x->value == XG)
            s->mode[x->port] = XG;
        else if (s->mode[x->port] != XG &&
                 (x->what == SEES_GS || (x->what == RESET && x->value == GS)))
            s->mode[x->port] = GS;
    }
    for (int port = 0; port < PORTS; port++)
        if (s->mode[port] == XG)
            s->mode[port] = ANY;
}

/* All that is said, in order of time, ties in file order. */
static int run(state *s, const bl_rhythm *r)
{
    for (int port = 0; port < PORTS; port++)
        for (int i = 0; i < CHANNELS; i++)
            s->of[port][i] = (channel){.bank = -1, .is_drums = i == DRUM_CHANNEL};
    begin_modes(s, r);
    bl_keyed *order = bl_calloc(r->n, sizeof *order, s->e);
    if (order == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < r->n; i++)
        order[i] = (bl_keyed){(uint32_t)r->x[i].tick, (uint32_t)i};
    int rc = bl_sort_keyed(order, r->n, s->e);
    for (size_t i = 0; i < r->n && rc == 0; i++)
        rc = step(s, &r->x[order[i].item]);
    free(order);
    return rc == 0 ? bl_sort_keyed(s->changes, s->n, s->e) : rc;
}

/* What is said at a tick holds for all that begins there. */
static uint8_t is_drums_at(const state *s, uint8_t port, uint8_t at, int32_t tick)
{
    uint64_t id = (uint64_t)port * CHANNELS + at;
    uint64_t key = id << 32 | (uint32_t)tick;
    size_t from = 0, to = s->n;
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (s->changes[mid].key <= key)
            from = mid + 1;
        else
            to = mid;
    }
    if (from > 0 && s->changes[from - 1].key >> 32 == id)
        return (uint8_t)s->changes[from - 1].item;
    return at == DRUM_CHANNEL;
}

/* Whether anything but resets and programs was said: most files end here. */
static int is_said(const bl_rhythm *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->x[i].what == PART || r->x[i].what == BANK)
            return 1;
    return 0;
}

int bl_rhythm_apply(bl_rhythm *r, bl_song *song, bl_err *e)
{
    if (!is_said(r))
        return 0;
    state *s = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->e = e;
    int rc = run(s, r);
    for (size_t i = 0; i < song->n_notes && rc == 0 && s->n > 0; i++) {
        bl_note *n = &song->notes[i];
        n->drum = is_drums_at(s, n->port, n->channel, n->on);
    }
    for (size_t i = 0; i < song->n_pedals && rc == 0 && s->n > 0; i++) {
        bl_pedal *p = &song->pedals[i];
        p->drum = is_drums_at(s, p->port, p->channel, p->tick);
    }
    free(s->changes);
    free(s);
    return rc;
}

/* ---- the music twice ---- */

static int is_of_copy(int channel_number, int port)
{
    return port == 0 && channel_number >= FIRST_OF_COPY;
}

/* Whether something is said that files for Windows 3 do not know of. */
static int is_for_others(const bl_rhythm *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->x[i].what == SEES_GS || r->x[i].what == PART ||
            (r->x[i].what == RESET && r->x[i].value != GM))
            return 1;
    return 0;
}

/* Of the notes of channels 13 to 15, and of 16: how many there are, and how many are on
 * channels 1 to 9, and on 10, too, at most a tick away. */
static void count_copies(const bl_song *song, size_t copies[2], size_t all[2])
{
    uint32_t near[2][128] = {{0}}; /* notes from..to: within a tick */
    size_t from = 0, to = 0;
    for (size_t i = 0; i < song->n_notes; i++) {
        const bl_note *n = &song->notes[i];
        for (; to < song->n_notes && song->notes[to].on <= n->on + 1; to++)
            if (song->notes[to].port == 0 && song->notes[to].channel <= DRUM_CHANNEL)
                near[song->notes[to].channel == DRUM_CHANNEL][song->notes[to].pitch]++;
        for (; song->notes[from].on < n->on - 1; from++)
            if (song->notes[from].port == 0 &&
                song->notes[from].channel <= DRUM_CHANNEL)
                near[song->notes[from].channel == DRUM_CHANNEL]
                    [song->notes[from].pitch]--;
        int is_16 = n->channel == CHANNELS - 1;
        if (!is_of_copy(n->channel, n->port))
            continue;
        all[is_16]++;
        copies[is_16] += near[is_16][n->pitch] > 0;
    }
}

static int has_copy(const bl_rhythm *r, const bl_song *song)
{
    size_t copies[2] = {0}, all[2] = {0};
    if (r->channels >> FIRST_OF_COPY == 0 || (!r->is_marked && is_for_others(r)))
        return 0;
    count_copies(song, copies, all);
    for (int k = 0; k < 2; k++)
        if (copies[k] * 100 < all[k] * COPY_PERCENT)
            return 0;
    return r->is_marked ? all[0] + all[1] > 0 : all[0] > 0 && all[1] >= COPY_DRUMS;
}

void bl_rhythm_drop_copy(const bl_rhythm *r, bl_song *song)
{
    size_t kept = 0;
    if (!has_copy(r, song))
        return;
    for (size_t i = 0; i < song->n_notes; i++)
        if (!is_of_copy(song->notes[i].channel, song->notes[i].port))
            song->notes[kept++] = song->notes[i];
    song->n_notes = kept;
    kept = 0;
    for (size_t i = 0; i < song->n_pedals; i++)
        if (!is_of_copy(song->pedals[i].channel, song->pedals[i].port))
            song->pedals[kept++] = song->pedals[i];
    song->n_pedals = kept;
}
