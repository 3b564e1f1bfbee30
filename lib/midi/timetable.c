/* timetable.c - see timetable.h. What is to come lies in a heap, by time and kind; a
 * note's end is put there when it begins, as only then its channel is known. */
#include "midi/timetable.h"
#include "base/mem.h"
#include "base/sounding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS = 24,  /* of a tick, so that each pulse of the clock is a whole number */
    DRUMS = 9,   /* their channel, from 0 */
    OUT = 8,     /* messages that one item gives, at most */
    PULSES = 24, /* of a quarter note */
    SIXTEENTH = PULSES / 4, /* what a song position counts, in pulses */
    PLACES = 1 << 14,       /* song positions that can be said */
};

/* In the order in which they are sent at one time. */
typedef enum { TEMPO, METER, PULSE, OFF, PEDAL, ON } kind;

typedef struct {
    int64_t at;   /* parts of ticks of the piece */
    uint64_t seq; /* order of coming */
    kind kind;
    union {
        uint32_t us;
        int64_t bar; /* pulses of one */
        bl_note note;
        bl_pedal pedal;
        struct {
            uint8_t channel, pitch;
            uint64_t id;
        } off;
    } u;
} item;

struct bl_timetable {
    bl_timetable_wish wish;
    item *heap;
    size_t n, cap;
    uint64_t seq;
    /* time: since `at` a quarter note takes `us` */
    int64_t ns, at, quarter; /* quarter: its parts */
    uint32_t us;
    int64_t upto; /* all before it is known */
    int64_t last; /* time of the last message */
    int is_started;
    int64_t n_pulses, bar,
        bar_from; /* pulses of a bar, and since which it is so long */
    /* channels */
    int program[16];      /* -1: free */
    uint64_t used[16];    /* when it was last */
    uint64_t id[16][128]; /* of the note that sounds, 0: none */
    uint8_t sounds[16];   /* how many */
    bl_sounding sounding;
    bl_timed out[OUT];
    size_t n_out, i_out;
    uint8_t *tail; /* the last silence, while it is sent */
    size_t n_tail, i_tail;
};

/* ---- the heap ---- */

static int is_before(const item *a, const item *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    return a->kind != b->kind ? a->kind < b->kind : a->seq < b->seq;
}

static int push(bl_timetable *s, item x, bl_err *e)
{
    int rc = bl_room(&s->heap, &s->cap, s->n + 1, sizeof *s->heap, e);
    if (rc != 0)
        return rc;
    x.seq = ++s->seq;
    size_t i = s->n++;
    for (; i > 0 && is_before(&x, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = x;
    return 0;
}

static item pop(bl_timetable *s)
{
    item first = s->heap[0], x = s->heap[--s->n];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < s->n; i = k) {
        k += k + 1 < s->n && is_before(&s->heap[k + 1], &s->heap[k]);
        if (!is_before(&s->heap[k], &x))
            break;
        s->heap[i] = s->heap[k];
    }
    s->heap[i] = x;
    return first;
}

/* ---- time ---- */

static int64_t ns_of(const bl_timetable *s, int64_t at)
{
    int64_t past = bl_max(at - s->at, 0), us = (int64_t)s->us * 1000;
    return s->ns + past / s->quarter * us + past % s->quarter * us / s->quarter;
}

static void set_tempo(bl_timetable *s, int64_t at, uint32_t us)
{
    s->ns = ns_of(s, at);
    s->at = bl_max(s->at, at);
    s->us = us;
}

static uint32_t us_of(double tempo)
{
    return (uint32_t)bl_clamp(llround(6e7 / tempo), 1, 60000000);
}

/* ---- messages ---- */

/* Never before the last one: what came too late is sent with it. */
static void say(bl_timetable *s, int64_t at, unsigned status, int a, int b)
{
    unsigned type = status & 0xF0;
    bl_timed *t = &s->out[s->n_out++];
    s->last = bl_max(s->last, ns_of(s, at));
    *t = (bl_timed){.ns = s->last,
                    .n = type == 0xF0   ? 1
                         : type == 0xC0 ? 2
                                        : 3,
                    .byte = {(uint8_t)status, (uint8_t)a, (uint8_t)b}};
    bl_sounding_note(&s->sounding, t->byte, t->n);
}

static void end_note(bl_timetable *s, int64_t at, int channel, int pitch)
{
    s->id[channel][pitch] = 0;
    s->sounds[channel]--;
    say(s, at, 0x80u | (unsigned)channel, pitch, 64);
}

/* The least recently used channel that has no note, but for drums; -1: all have. */
static int idle_channel(const bl_timetable *s)
{
    int best = -1;
    for (int c = 0; c < 16; c++)
        if (c != DRUMS && s->sounds[c] == 0 && (best < 0 || s->used[c] < s->used[best]))
            best = c;
    return best;
}

static int find_channel(const bl_timetable *s, int program, int pitch)
{
    int same = -1, free = -1;
    for (int c = 0; c < 16; c++) {
        if (c == DRUMS)
            continue;
        if (s->program[c] == program && s->id[c][pitch] == 0)
            return c;
        if (s->program[c] == program && same < 0)
            same = c;
        if (s->program[c] < 0 && free < 0)
            free = c;
    }
    if (free >= 0)
        return free;
    int idle = idle_channel(s);
    return idle >= 0 ? idle : same >= 0 ? same : 0;
}

static int take_channel(bl_timetable *s, int64_t at, int program, int is_drum,
                        int pitch)
{
    int c = is_drum ? DRUMS : find_channel(s, program, pitch);
    if (!is_drum && s->program[c] != program) {
        if (s->sounding.pedal >> c & 1)
            say(s, at, 0xB0u | (unsigned)c, 64, 0);
        s->program[c] = program;
        say(s, at, 0xC0u | (unsigned)c, program, 0);
    }
    s->used[c] = ++s->seq;
    return c;
}

static int begin_note(bl_timetable *s, const item *x, bl_err *e)
{
    const bl_note *n = &x->u.note;
    int pitch = n->pitch & 127;
    int c = take_channel(s, x->at, n->program & 127, n->drum, pitch);
    if (s->id[c][pitch] != 0)
        end_note(s, x->at, c, pitch);
    s->id[c][pitch] = x->seq;
    s->sounds[c]++;
    say(s, x->at, 0x90u | (unsigned)c, pitch, (int)bl_clamp(n->velocity, 1, 127));
    item off = {.at = (int64_t)bl_max(n->off, n->on) * PARTS, .kind = OFF};
    off.u.off.channel = (uint8_t)c;
    off.u.off.pitch = (uint8_t)pitch;
    off.u.off.id = x->seq;
    return push(s, off, e);
}

static void move_pedal(bl_timetable *s, const item *x)
{
    const bl_pedal *p = &x->u.pedal;
    int c = take_channel(s, x->at, p->program & 127, p->drum, 0);
    say(s, x->at, 0xB0u | (unsigned)c, 64, p->value & 127);
}

/* Sixteenths since the start; where there are more than can be said, so many bars of
 * the meter less that a receiver is at the same place in its bar, and in a pattern of
 * two, four or eight. */
static int place(const bl_timetable *s)
{
    int64_t round = s->bar;
    if (s->n_pulses < PLACES * SIXTEENTH)
        return (int)(s->n_pulses / SIXTEENTH);
    while (2 * round <= PLACES * SIXTEENTH)
        round *= 2;
    return (int)((s->n_pulses - s->bar_from) % round / SIXTEENTH);
}

static int pulse(bl_timetable *s, const item *x, bl_err *e)
{
    int at = place(s);
    if (!s->is_started)
        say(s, x->at, 0xFA, 0, 0);
    s->is_started = 1;
    say(s, x->at, 0xF8, at & 127, at >> 7);
    s->n_pulses++;
    return push(s, (item){.at = x->at + s->quarter / PULSES, .kind = PULSE}, e);
}

static void set_bar(bl_timetable *s, int64_t bar)
{
    s->bar = bar;
    s->bar_from = s->n_pulses;
}

static int play(bl_timetable *s, const item *x, bl_err *e)
{
    s->n_out = s->i_out = 0;
    switch (x->kind) {
    case TEMPO:
        set_tempo(s, x->at, x->u.us);
        return 0;
    case METER:
        set_bar(s, x->u.bar);
        return 0;
    case PULSE:
        return pulse(s, x, e);
    case OFF:
        if (s->id[x->u.off.channel][x->u.off.pitch] == x->u.off.id)
            end_note(s, x->at, x->u.off.channel, x->u.off.pitch);
        return 0;
    case PEDAL:
        move_pedal(s, x);
        return 0;
    default:
        return begin_note(s, x, e);
    }
}

/* ---- the stream ---- */

int bl_timetable_new(bl_timetable **timetable, const bl_timetable_wish *wish, bl_err *e)
{
    bl_timetable *s = *timetable = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->wish = *wish;
    s->quarter = PARTS;
    s->us = us_of(wish->tempo > 0 ? wish->tempo : wish->first > 0 ? wish->first : 120);
    for (int c = 0; c < 16; c++)
        s->program[c] = -1;
    return 0;
}

int bl_timetable_begin(bl_timetable *s, int tpq, bl_err *e)
{
    set_tempo(s, s->upto, s->us);
    s->quarter = (int64_t)tpq * PARTS;
    s->at = s->upto = 0;
    s->n = 0;
    set_bar(s, 4 * PULSES);
    return s->wish.clock ? push(s, (item){.kind = PULSE}, e) : 0;
}

int bl_timetable_add(bl_timetable *s, const bl_song *part, int32_t upto, bl_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && s->wish.tempo <= 0 && i < part->n_tempos; i++) {
        item x = {.at = (int64_t)part->tempos[i].tick * PARTS, .kind = TEMPO};
        x.u.us = part->tempos[i].us;
        rc = push(s, x, e);
    }
    for (size_t i = 0; rc == 0 && s->wish.clock && i < part->n_meters; i++) {
        const bl_meter *m = &part->meters[i];
        item x = {.at = (int64_t)m->tick * PARTS, .kind = METER};
        x.u.bar = bl_max((4 * PULSES * m->num) >> m->den_log2, 1);
        rc = push(s, x, e);
    }
    for (size_t i = 0; rc == 0 && i < part->n_pedals; i++) {
        item x = {.at = (int64_t)part->pedals[i].tick * PARTS, .kind = PEDAL};
        x.u.pedal = part->pedals[i];
        rc = push(s, x, e);
    }
    for (size_t i = 0; rc == 0 && i < part->n_notes; i++) {
        item x = {.at = (int64_t)part->notes[i].on * PARTS, .kind = ON};
        x.u.note = part->notes[i];
        rc = push(s, x, e);
    }
    s->upto = bl_max(s->upto, (int64_t)upto * PARTS);
    return rc;
}

/* What has not ended or begun when the piece ends does so now, or not at all. */
int bl_timetable_end(bl_timetable *s, int32_t tick, bl_err *e)
{
    int64_t end = bl_max((int64_t)tick * PARTS, s->upto);
    size_t n = s->n;
    item *old = s->heap;
    s->heap = NULL;
    s->n = s->cap = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        item x = old[i];
        if (x.kind == OFF)
            x.at = bl_min(x.at, end);
        if (x.at < end || x.kind == OFF)
            rc = push(s, x, e);
    }
    free(old);
    s->upto = end;
    return rc;
}

int bl_timetable_finish(bl_timetable *s, bl_err *e)
{
    s->tail = bl_calloc(BL_SILENCE_MAX, 1, e);
    if (s->tail == NULL)
        return BL_E_NOMEM;
    s->n_tail = bl_sounding_silence(&s->sounding, s->tail);
    return 0;
}

static int next_of_tail(bl_timetable *s, bl_timed *t)
{
    *t = (bl_timed){.ns = bl_timetable_now(s)};
    if (s->i_tail < s->n_tail) {
        t->n = 3;
        memcpy(t->byte, s->tail + s->i_tail, 3);
        s->i_tail += 3;
        return 1;
    }
    if (!s->is_started)
        return 0;
    s->is_started = 0;
    t->n = 1;
    t->byte[0] = 0xFC;
    return 1;
}

/* The ends of notes at the time up to which all is known come before what begins. */
static int is_due(const bl_timetable *s)
{
    const item *x = &s->heap[0];
    return s->n > 0 && (x->at < s->upto || (x->at == s->upto && x->kind == OFF));
}

int bl_timetable_next(bl_timetable *s, bl_timed *t, bl_err *e)
{
    while (s->i_out == s->n_out && is_due(s)) {
        item x = pop(s);
        int rc = play(s, &x, e);
        if (rc != 0)
            return rc;
    }
    if (s->i_out == s->n_out)
        return s->tail != NULL ? next_of_tail(s, t) : 0;
    *t = s->out[s->i_out++];
    return 1;
}

int64_t bl_timetable_now(const bl_timetable *s)
{
    return bl_max(s->last, ns_of(s, s->upto));
}

void bl_timetable_del(bl_timetable *s)
{
    if (s == NULL)
        return;
    free(s->heap);
    free(s->tail);
    free(s);
}
