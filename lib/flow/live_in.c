/* live_in.c - see live_in.h. Where in the music one is: by time, or by the pulses of a
 * MIDI clock and, between two of them, by time. */
#include "flow/live_in.h"
#include "flow/grooves.h"
#include "flow/live_bars.h"
#include "flow/live_loop.h"
#include "midi/wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PULSES = 24,           /* of a quarter */
    SIXTEENTH = 6,         /* pulses that a song position pointer counts by */
    MEASURED = 12,         /* pulses that a tempo is measured by, at least */
    UNHEARD = 4 * PULSES,  /* pulses without a start, until that is said */
    SENSES_NS = 330000000, /* active sensing: 300 ms */
};
static const int64_t SECOND = 1000000000;
static const int64_t SLOWEST = 125000000; /* a pulse at 20 a minute */

struct bl_live_in {
    bl_live_in_wish wish;
    int fd;
    const bl_self *self;
    bl_notices notices;
    bl_live_bars *bars; /* of the two one */
    bl_live_loop *loop;
    bl_wire wire;
    int64_t quarter; /* nanoseconds, by --tempo */
    double of_bar;   /* quarters of a bar */
    int64_t now;     /* the last time that was told */
    int n_counted;   /* beats of the count-in that were said */
    /* the clock of others */
    int is_running, has_begun;
    int64_t pulse;   /* the last one, from 0 at beat 1 */
    int64_t song;    /* likewise, from 0 where a start is: the place in their song */
    int64_t pointer; /* where a continue goes on there, -1: behind the last */
    int n_unheard;   /* pulses before all */
    int64_t pulse_ns, between;
    int64_t bar_pulse, bar_ns; /* when the bar began */
    double tempo;
    /* active sensing */
    int is_sensed;
    int64_t heard_ns;
};

int bl_live_in_new(bl_live_in **live, const bl_live_in_wish *wish, int fd,
                   const bl_self *self, bl_notices notices, bl_err *e)
{
    bl_live_in *l = *live = bl_calloc(1, sizeof *l, e);
    if (l == NULL)
        return BL_E_NOMEM;
    int num = wish->meter.num > 0 ? wish->meter.num : 4;
    int den_log2 = wish->meter.num > 0 ? wish->meter.den_log2 : 2;
    l->wish = *wish;
    l->fd = fd;
    l->self = self;
    l->notices = notices;
    l->tempo = wish->tempo;
    l->quarter = llround(6e7 / wish->tempo) * 1000; /* as players have it */
    l->of_bar = 4. * num / (1 << den_log2);
    l->now = -bl_live_in_lead(l);
    l->pulse = l->song = l->pointer = -1;
    int rc = strcmp(wish->spec.scheme, BL_GROOVE) == 0
                 ? bl_live_loop_new(&l->loop, wish, e)
                 : bl_live_bars_new(&l->bars, wish, e);
    if (rc != 0) {
        bl_live_in_del(l);
        *live = NULL;
    }
    return rc;
}

int64_t bl_live_in_lead(const bl_live_in *l)
{
    return l->wish.follows
               ? 0
               : llround((double)l->wish.count_in * l->of_bar * (double)l->quarter);
}

/* ---- where one is ---- */

/* Quarters after beat 1. */
static double quarters_at(const bl_live_in *l, int64_t ns)
{
    if (!l->wish.follows)
        return (double)ns / (double)l->quarter;
    double part = l->is_running && l->between > 0
                      ? (double)(ns - l->pulse_ns) / (double)l->between
                      : 0;
    return ((double)l->pulse + fmin(fmax(part, 0), .999)) / PULSES;
}

static int64_t tick_at(const bl_live_in *l, int64_t ns)
{
    return llround(quarters_at(l, ns) * BL_LIVE_TPQ);
}

/* The tick that is over; times are rounded down, by less than a hundredth of one. */
static int64_t tick_passed(const bl_live_in *l, int64_t ns)
{
    return (int64_t)floor(quarters_at(l, ns) * BL_LIVE_TPQ + .01);
}

/* With a clock of others nothing counts before it starts. */
static int is_heard(const bl_live_in *l)
{
    return !l->wish.follows || (l->is_running && l->pulse >= 0);
}

static int64_t bar_pulses(const bl_live_in *l)
{
    return llround(l->of_bar * PULSES);
}

/* The tempo of the bar that is over, or of its part since they went on, by the clock of
 * others. */
static void measure_bar(bl_live_in *l, int64_t ns)
{
    int64_t pulses = l->pulse - l->bar_pulse;
    if (l->pulse % bar_pulses(l) != 0 || pulses == 0)
        return;
    double tempo = 6e10 * (double)pulses / PULSES / (double)bl_max(ns - l->bar_ns, 1);
    if (pulses >= MEASURED)
        l->tempo = fmin(fmax(tempo, 20), 300);
    l->bar_pulse = l->pulse;
    l->bar_ns = ns;
}

static int pass(bl_live_in *l, int64_t ns, bl_err *e)
{
    if (!is_heard(l))
        return 0;
    if (l->loop != NULL)
        return bl_live_loop_pass(
            l->loop, (double)tick_passed(l, ns) / (BL_LIVE_TPQ / 4), ns, l->tempo, e);
    return bl_live_bars_pass(l->bars, tick_passed(l, ns), l->tempo, e);
}

/* ---- messages ---- */

static void all_off(bl_live_in *l, int64_t ns)
{
    if (l->loop != NULL)
        bl_live_loop_clear(l->loop, ns);
    else
        bl_live_bars_all_off(l->bars, tick_at(l, ns));
}

/* The next pulse is that one of their song: of the bar at hand, if that is not over yet
 * (a pointer counts sixteenths that are), else of the next one, so that bars stay those
 * of their song. */
static int go_on_at(bl_live_in *l, int64_t ns, int64_t song, int is_new, bl_err *e)
{
    int64_t of_bar = bar_pulses(l), next = l->pulse + 1;
    int64_t at = l->song + 1; /* of the bar that `next` is in */
    int rc = 0;
    if (l->has_begun && !is_new && song > at - SIXTEENTH &&
        song / of_bar == at / of_bar) {
        next += song - at;
    } else {
        if (is_new || l->bars != NULL) /* a loop goes on with its hits */
            all_off(l, ns);
        next = (next + of_bar - 1) / of_bar * of_bar;
        l->is_running = 1;
        l->pulse = next; /* until its first pulse comes: is_heard wants both */
        rc = l->has_begun ? pass(l, ns, e) : 0;
        next += song % of_bar;
    }
    l->pulse = next - 1;
    l->song = song - 1;
    l->pointer = l->bar_pulse = -1;
    l->between = 0;
    l->is_running = l->has_begun = 1;
    return rc;
}

/* Where they stopped, where a pointer says, or at beat 1. */
static int go_on(bl_live_in *l, int64_t ns, bl_err *e)
{
    if (!l->wish.follows || l->is_running)
        return 0;
    return go_on_at(l, ns, l->pointer >= 0 ? l->pointer : l->song + 1, 0, e);
}

static int take_pulse(bl_live_in *l, int64_t ns, bl_err *e)
{
    if (!l->is_running) {
        l->n_unheard += !l->has_begun;
        if (!l->has_begun && l->n_unheard == UNHEARD)
            bl_notice(&l->notices, BL_NOTICE_WARNING,
                      "MIDI clock has come without a start, so that nothing says where "
                      "bars begin: stop whoever sends it, and start again");
        return 0;
    }
    int64_t gap = ns - l->pulse_ns;
    int is_pause = gap > SLOWEST && gap > 8 * l->between; /* that is no tempo */
    l->between = l->bar_pulse < 0 ? 0 : is_pause ? SLOWEST : gap;
    l->bar_pulse = is_pause ? -1 : l->bar_pulse;
    l->pulse_ns = ns;
    l->pulse++;
    l->song++;
    if (l->bar_pulse < 0) {
        l->bar_pulse = l->pulse;
        l->bar_ns = ns;
    }
    measure_bar(l, ns);
    return pass(l, ns, e);
}

/* Where a pulse was about to come the bar may be over; it comes behind a continue. */
static int stop(bl_live_in *l, int64_t ns, bl_err *e)
{
    int rc = 0;
    if (l->is_running && l->between > 0 && ns - l->pulse_ns > l->between * 3 / 4) {
        rc = take_pulse(l, ns, e);
        l->pulse--;
        l->song--;
    }
    l->is_running = 0;
    return rc;
}

static int take_real_time(bl_live_in *l, int64_t ns, int byte, bl_err *e)
{
    switch (byte) {
    case 0xF8:
        return l->wish.follows ? take_pulse(l, ns, e) : 0;
    case 0xFA:
        if (l->wish.follows) /* at the next bar where there was music before */
            return go_on_at(l, ns, 0, 1, e);
        if (l->loop != NULL)
            all_off(l, ns);
        return 0;
    case 0xFB:
        return go_on(l, ns, e);
    case 0xFC:
        return stop(l, ns, e);
    case 0xFE:
        l->is_sensed = 1;
        return 0;
    case 0xFF:
        all_off(l, ns);
        return 0;
    default:
        return 0;
    }
}

static int take(bl_live_in *l, int64_t ns, const bl_timed *t, bl_err *e)
{
    int is_on = (t->byte[0] & 0xF0) == 0x90;
    if (t->byte[0] == 0xF2 && !l->is_running) /* one that plays does not move */
        l->pointer = (t->byte[1] | (int64_t)t->byte[2] << 7) * SIXTEENTH;
    if (t->byte[0] == 0xF2)
        return 0;
    if (t->byte[0] >= 0xF8)
        return take_real_time(l, ns, t->byte[0], e);
    if (!is_heard(l) && is_on)
        return 0;
    if (l->bars != NULL)
        return bl_live_bars_take(l->bars, tick_at(l, ns), t, e);
    if (is_on)
        bl_live_loop_hit(l->loop, 4 * quarters_at(l, ns), ns, t->byte[1], t->byte[2]);
    else if ((t->byte[0] & 0xF0) == 0xB0 && (t->byte[1] == 120 || t->byte[1] == 123))
        bl_live_loop_clear(l->loop, ns);
    return 0;
}

/* ---- the ear ---- */

static int on_begin(void *arg, const bl_origin *origin, bl_err *e)
{
    bl_live_in *l = arg;
    const bl_origin none = {0};
    if (origin->tempo == 0)
        l->now = 0;
    if (l->wish.follows)
        origin = &none;
    return l->loop != NULL
               ? bl_live_loop_begin(l->loop, l->fd, origin, l->wish.level, l->self, e)
               : bl_live_bars_begin(l->bars, l->fd, origin, l->wish.level, l->self, e);
}

static void count_in(bl_live_in *l, int64_t ns)
{
    int beats = (int)lround((double)l->wish.count_in * l->of_bar);
    int now = beats + (int)floor((double)ns / (double)l->quarter) + 1;
    for (; ns < 0 && l->n_counted < now && l->n_counted < beats; l->n_counted++)
        bl_notice(&l->notices, BL_NOTICE_INFO, "count-in: %d of %d", l->n_counted + 1,
                  beats);
}

/* Who sends active sensing and then nothing is gone: what sounds has ended. */
static void sense(bl_live_in *l, int64_t ns)
{
    if (!l->is_sensed || ns - l->heard_ns <= SENSES_NS)
        return;
    l->is_sensed = 0;
    if (l->bars != NULL)
        bl_live_bars_all_off(l->bars, tick_at(l, l->heard_ns + SENSES_NS));
}

static int on_pass(void *arg, int64_t ns, bl_err *e)
{
    bl_live_in *l = arg;
    l->now = bl_max(l->now, ns);
    sense(l, l->now);
    if (!l->wish.follows && l->now < 0)
        count_in(l, l->now);
    return pass(l, l->now, e);
}

static int on_bytes(void *arg, int64_t ns, const uint8_t *byte, size_t n, bl_err *e)
{
    bl_live_in *l = arg;
    bl_timed t;
    int rc = on_pass(l, ns, e);
    if (n > 0)
        l->heard_ns = l->now;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (bl_wire_take(&l->wire, byte[i], &t))
            rc = take(l, l->now, &t, e);
    if (rc == 0 && l->loop != NULL)
        rc = pass(l, l->now, e);
    return rc;
}

/* The next beat of the count-in, the next bar, or a change of the loop. */
static int64_t on_due(const void *arg)
{
    const bl_live_in *l = arg;
    int64_t due = l->loop != NULL ? bl_live_loop_due(l->loop) : INT64_MAX;
    if (l->wish.follows)
        return due;
    double bar = l->of_bar * (double)l->quarter;
    if (l->now < 0)
        bar = (double)l->quarter;
    int64_t next = (int64_t)ceil((floor((double)l->now / bar) + 1) * bar);
    return bl_min(due, next > l->now ? next : l->now + SECOND / 1000);
}

static int on_finish(void *arg, bl_err *e)
{
    bl_live_in *l = arg;
    return l->loop != NULL
               ? bl_live_loop_finish(l->loop, 4 * quarters_at(l, l->now), l->now,
                                     l->tempo, e)
               : bl_live_bars_finish(l->bars, tick_passed(l, l->now), l->tempo, e);
}

bl_timed_ear bl_live_in_ear(bl_live_in *l)
{
    return (bl_timed_ear){on_begin, on_bytes, on_pass, on_due, on_finish, l};
}

void bl_live_in_del(bl_live_in *l)
{
    if (l == NULL)
        return;
    bl_live_bars_del(l->bars);
    bl_live_loop_del(l->loop);
    free(l);
}
