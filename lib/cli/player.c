/* player.c - see player.h. The reader's thread puts messages into a ring, the caller's
 * takes them out at their time; marks (messages of none) bound how far it is ahead. No
 * lock: one held by a reader that does not run would make the player late. */
#define _GNU_SOURCE /* prctl */
#include "cli/player.h"
#include "base/mem.h"
#include "cli/late.h"
#include "cli/pulses.h"
#include "cli/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    RING = 1 << 16,     /* messages */
    PULSE = 0xF8,       /* of MIDI clock */
    WAIT = 20,          /* milliseconds after which signals are looked for */
    CHORD = 1024,       /* bytes of one time that go into one write */
    SILENCE_WAIT = 500, /* milliseconds for a reader that takes nothing */
    PIPE_BYTES = 4096,  /* of the pipe that is read */
    TEXT = 1 << 16,     /* bytes of text in one write */
};
static const int64_t SECOND = 1000000000;
static const int64_t LATE = 1000000;
static const int64_t SLICE = 20000000; /* a signal is noticed so soon */
static const int64_t T0_AWAY = 60 * INT64_C(1000000000);
static const double NEVER = 4e18; /* nanoseconds, a century */

typedef struct {
    const bl_player_wish *wish;
    bl_player_source *source;
    void *arg;
    bl_log *log;
    bl_player_counts *counts;
    bl_sounding sounding;
    /* the ring: from `taken` on to `put`, modulo RING */
    bl_timed *item;
    atomic_size_t put, taken;
    atomic_int n_marks, has_begun, has_time, is_done, is_stopped;
    int is_paced;           /* the reader waits for time itself, a mark ahead */
    int has_come, has_gone; /* eventfd: to whom waits for items, for room */
    /* set before has_begun and is_done are */
    bl_origin origin;
    int rc;
    bl_err why;
    /* time */
    int64_t start; /* of the messages' time 0 */
    int is_fixed;  /* by t0: what is late does not move the rest */
    int was_dry;   /* likewise: since the last note nothing had come for a while */
    bl_pulses pulses;
} player;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / SECOND),
                             .tv_nsec = (long)(ns % SECOND)};
}

/* At the slowest of speeds never, which is a time like others. */
static int64_t time_of(const player *p, int64_t ns)
{
    double away = (double)ns / p->wish->speed;
    return away < NEVER ? p->start + (int64_t)llround(away) : INT64_MAX;
}

/* ---- the reader's thread ---- */

static void wake(int event)
{
    const uint64_t one = 1;
    (void)!write(event, &one, sizeof one);
}

/* Until the other thread wakes this one, or a while: a signal is noticed. */
static void await(int event)
{
    uint64_t n;
    struct pollfd in = {.fd = event, .events = POLLIN};
    if (poll(&in, 1, WAIT) > 0)
        (void)!read(event, &n, sizeof n);
}

static int on_begin(void *arg, const bl_origin *origin, bl_err *e)
{
    player *p = arg;
    (void)e;
    p->origin = *origin;
    atomic_store(&p->has_begun, 1);
    wake(p->has_come);
    return 0;
}

/* Of a stream with a t0. */
static int on_until(void *arg, int64_t ns, int64_t *left)
{
    player *p = arg;
    while (!atomic_load(&p->has_time) && !atomic_load(&p->is_stopped))
        await(p->has_gone);
    if (!atomic_load(&p->has_time) || !p->is_fixed)
        return 0;
    p->is_paced = 1;
    *left = time_of(p, ns) - now();
    return 1;
}

static int on_message(void *arg, const bl_timed *t, bl_err *e)
{
    player *p = arg;
    (void)e;
    size_t put = atomic_load(&p->put);
    int ahead = p->is_paced ? bl_max(p->wish->ahead, 2) : p->wish->ahead;
    while (atomic_load(&p->n_marks) >= ahead || put - atomic_load(&p->taken) == RING) {
        if (atomic_load(&p->is_stopped))
            return BL_E_STOPPED;
        await(p->has_gone);
    }
    p->item[put % RING] = *t;
    atomic_store(&p->put, put + 1);
    if (t->n == 0)
        atomic_fetch_add(&p->n_marks, 1);
    if (t->n == 0 || put + 1 - atomic_load(&p->taken) == RING)
        wake(p->has_come);
    return atomic_load(&p->is_stopped) ? BL_E_STOPPED : 0;
}

static void *read_all(void *arg)
{
    player *p = arg;
    const bl_timed_sink sink = {on_begin, on_message, p, on_until};
    p->rc = p->source(p->arg, &sink, &p->why);
    atomic_store(&p->is_done, 1);
    wake(p->has_come);
    return NULL;
}

/* Signals are the caller's. */
static int begin_reader(player *p, pthread_t *thread, bl_err *e)
{
    sigset_t all, old;
    p->has_come = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->has_gone = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->item = bl_calloc(RING, sizeof *p->item, e);
    if (p->item == NULL)
        return BL_E_NOMEM;
    if (p->has_come < 0 || p->has_gone < 0)
        return bl_fail_errno(e, BL_E_NOMEM, "cannot make an event");
    memset(p->item, 0, RING * sizeof *p->item); /* all of it is there */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    errno = pthread_create(thread, NULL, read_all, p);
    int rc = errno != 0 ? bl_fail_errno(e, BL_E_NOMEM, "cannot start a thread") : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

/* ---- sending ---- */

/* Waits for a reader that takes something: 1, or 0 after a signal. One that comes just
 * before a write that waits would not end that. */
static int is_room(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    int ready;
    while ((ready = poll(&out, 1, WAIT)) == 0 || (ready < 0 && errno == EINTR))
        if (bl_stop_asked())
            return 0;
    return 1;
}

/* A word that nobody reads costs no note its end; a wire that nobody reads ends all. */
static void end_by_pipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

/* All bytes; a signal asks to stop between two writes only. */
static int write_bytes(const uint8_t *bytes, size_t n, bl_err *e)
{
    while (n > 0) {
        ssize_t done = is_room() ? write(STDOUT_FILENO, bytes, n) : 0;
        if (done <= 0 && bl_stop_asked())
            return BL_E_STOPPED;
        if (done < 0 && errno == EPIPE)
            end_by_pipe();
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return bl_fail_errno(e, BL_E_IO, "cannot write");
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

/* Ends what sounds, as far as the other end still takes anything. */
static void silence(player *p)
{
    uint8_t bytes[BL_SILENCE_MAX];
    if (!bl_sounding_is_any(&p->sounding))
        return;
    size_t n = bl_sounding_silence(&p->sounding, bytes), done = 0;
    while (done < n) {
        struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
        int ready = poll(&out, 1, SILENCE_WAIT);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0 || !(out.revents & POLLOUT))
            return;
        size_t some = n - done < 510 ? n - done : 510; /* a pipe takes it at once */
        ssize_t wrote = write(STDOUT_FILENO, bytes + done, some);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            return;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
}

/* Until then, or a signal. */
static void sleep_until(int64_t when)
{
    for (int64_t t = now(); t < when && !bl_stop_asked(); t = now()) {
        struct timespec next = timespec_of(bl_min(when, t + SLICE));
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
}

/* A bar, all there is, or more than there is room for. */
static int is_there(player *p)
{
    return atomic_load(&p->n_marks) > 0 || atomic_load(&p->is_done) ||
           atomic_load(&p->put) - atomic_load(&p->taken) == RING;
}

/* The next one where it is of that time, or any: 1. */
static int take_of(player *p, int is_any, int64_t ns, bl_timed *t)
{
    size_t taken = atomic_load(&p->taken);
    if (taken == atomic_load(&p->put))
        return 0;
    const bl_timed *next = &p->item[taken % RING];
    if (!is_any && (next->ns != ns || next->n == 0))
        return 0;
    *t = *next;
    int was_full = atomic_load(&p->put) - taken == RING;
    atomic_store(&p->taken, taken + 1);
    if (t->n == 0)
        atomic_fetch_sub(&p->n_marks, 1);
    if (t->n == 0 || was_full)
        wake(p->has_gone);
    return 1;
}

/* The next one, to *t: 1; 0 at the end, or after a signal. What came too late for
 * `due`, the time that is known, moves the rest. */
static int take(player *p, int64_t due, bl_timed *t)
{
    int was_dry = !is_there(p);
    if (was_dry)
        silence(p);
    while (!is_there(p) && !bl_stop_asked())
        await(p->has_come);
    if (bl_stop_asked() || !take_of(p, 1, 0, t))
        return 0;
    /* who waited for the end missed nothing */
    int is_missed = was_dry && p->counts->sent > 0 && !atomic_load(&p->is_done);
    if (p->is_fixed) { /* nor who waited for silence, which may be known when it is over
                        */
        p->was_dry |= is_missed;
    } else if (was_dry) {
        p->counts->underruns += (uint64_t)is_missed;
        p->start += bl_max(now() - time_of(p, due), 0);
    }
    return 1;
}

/* The first note, or pulse of the clock, after nothing had come: was it missed? */
static void count_missed(player *p, const bl_timed *t, int64_t lag)
{
    if (!p->was_dry || ((t->byte[0] & 0xF0) != 0x90 && t->byte[0] != PULSE))
        return;
    p->counts->underruns += lag > LATE;
    p->was_dry = 0;
}

/* All of one time, in as few writes as there are. */
static int send_chord(player *p, const bl_timed *first, bl_err *e)
{
    uint8_t bytes[CHORD];
    size_t n = 0;
    uint64_t messages = 0;
    bl_timed t = *first;
    bl_sounding after = p->sounding;
    int64_t lag = now() - time_of(p, first->ns);
    do {
        count_missed(p, &t, lag);
        if (p->is_fixed && bl_pulses_is(&t)) {
            size_t some = bl_pulses_pass(&p->pulses, &t, lag, bytes + n);
            messages += some > 0;
            n += some;
            continue;
        }
        if (p->is_fixed && !bl_late_sends(&after, &t, lag)) {
            p->counts->left_out += (t.byte[0] & 0xF0) == 0x90;
            continue;
        }
        memcpy(bytes + n, t.byte, t.n);
        bl_sounding_note(&after, t.byte, t.n);
        n += t.n;
        messages++;
    } while (n + BL_PULSES_MOST <= CHORD && take_of(p, 0, first->ns, &t));
    int rc = write_bytes(bytes, n, e);
    if (rc == 0)
        p->sounding = after;
    else /* who knows which part of it went out */
        bl_sounding_join(&p->sounding, &after);
    p->counts->sent += messages;
    p->counts->late += lag > LATE ? messages : 0;
    if (messages > 0)
        p->counts->latest_ns = bl_max(p->counts->latest_ns, lag);
    return rc;
}

/* Until so much has come as is wished for. */
static int is_ahead(player *p)
{
    return atomic_load(&p->n_marks) >= p->wish->ahead || atomic_load(&p->is_done) ||
           atomic_load(&p->put) - atomic_load(&p->taken) == RING || bl_stop_asked();
}

static int64_t delay_of(const player *p, const bl_origin *origin)
{
    double tempo = p->wish->tempo > 0 ? p->wish->tempo : origin->tempo;
    return llround(p->wish->delay * 4 * 60e9 / tempo / p->wish->speed);
}

/* Says when time 0 is: at t0 where there is one. */
static void begin_time(player *p)
{
    while (!is_ahead(p) && !atomic_load(&p->has_begun))
        await(p->has_come);
    bl_origin origin = {0};
    if (atomic_load(&p->has_begun))
        origin = p->origin;
    int64_t t = now();
    p->is_fixed =
        origin.tempo > 0 && origin.t0 > t - T0_AWAY && origin.t0 < t + T0_AWAY;
    if (!p->is_fixed && origin.tempo > 0)
        bl_log_warn(p->log, "the stream's t0 is not within a minute of now: it begins "
                            "when it has come");
    p->start = p->is_fixed ? origin.t0 + delay_of(p, &origin) : t;
    atomic_store(&p->has_time, 1);
    wake(p->has_gone);
    while (!p->is_fixed && !is_ahead(p))
        await(p->has_come);
    if (!p->is_fixed)
        p->start = now();
}

static int play(player *p, bl_err *e)
{
    bl_timed t;
    int64_t due = 0;
    int rc = 0;
    begin_time(p);
    while (rc == 0 && take(p, due, &t)) {
        due = bl_max(due, t.ns);
        sleep_until(time_of(p, t.ns));
        if (bl_stop_asked())
            break;
        if (t.n > 0)
            rc = send_chord(p, &t, e);
    }
    silence(p);
    return rc;
}

/* ---- both ---- */

/* Other programs do not make it late, where the system allows that (`ulimit -r`). */
static void come_first(void)
{
    const struct sched_param first = {.sched_priority = 1};
    prctl(PR_SET_TIMERSLACK, 1UL); /* nanoseconds; 50,000 by default */
    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first);
}

static int play_in_time(player *p, bl_err *e)
{
    pthread_t thread;
    bl_stop_watch();
    signal(SIGPIPE, SIG_IGN);
    /* what lies in a pipe has been made ahead, too; of a file this fails */
    fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
    int rc = begin_reader(p, &thread, e);
    if (rc != 0) {
        free(p->item);
        return rc;
    }
    come_first();
    rc = play(p, e);
    if (p->counts->left_out > 0)
        bl_log_warn(p->log,
                    "%llu notes were left out that came more than 100 ms after their "
                    "time; --delay 1 gives who makes them a bar more",
                    (unsigned long long)p->counts->left_out);
    int is_done = atomic_load(&p->is_done);
    atomic_store(&p->is_stopped, 1);
    wake(p->has_gone);
    if (!is_done) { /* it may wait for input that never comes */
        if (rc < 0 && rc != BL_E_STOPPED)
            bl_log_error(p->log, e);
        _exit(rc == 0 || rc == BL_E_STOPPED ? BL_EXIT_OK : bl_exit_of(rc));
    }
    pthread_join(thread, NULL);
    if (rc == 0 && p->rc != 0) {
        rc = p->rc;
        *e = p->why;
    }
    free(p->item);
    close(p->has_come);
    close(p->has_gone);
    return rc == BL_E_STOPPED ? 0 : rc;
}

/* ---- text ---- */

typedef struct {
    char text[TEXT];
    size_t n;
    int64_t last;
    int is_cut; /* it could not be written */
    bl_player_counts *counts;
    bl_sounding *sounding;
} listing;

static int flush(listing *l, bl_err *e)
{
    size_t done = 0;
    while (done < l->n) {
        ssize_t n = write(STDOUT_FILENO, l->text + done, l->n - done);
        l->is_cut = n < 0 && errno != EINTR;
        if (l->is_cut)
            return bl_fail_errno(e, BL_E_IO, "cannot write");
        done += n > 0 ? (size_t)n : 0;
    }
    l->n = 0;
    return 0;
}

static int list_begin(void *arg, const bl_origin *origin, bl_err *e)
{
    listing *l = arg;
    (void)origin;
    (void)e;
    l->n = strlen(BL_TIMED_HEADING "\n");
    memcpy(l->text, BL_TIMED_HEADING "\n", l->n);
    return 0;
}

/* A bar goes on as soon as it is there. */
static int list_message(void *arg, const bl_timed *t, bl_err *e)
{
    listing *l = arg;
    l->last = t->ns;
    if (t->n == 0)
        return flush(l, e);
    l->counts->sent++;
    bl_sounding_note(l->sounding, t->byte, t->n);
    l->n += bl_timed_print(t, l->text + l->n);
    return l->n + BL_TIMED_LINE > TEXT ? flush(l, e) : 0;
}

/* What sounds ends where the stream is cut; the error to be told is that one. */
static void list_silence(listing *l)
{
    uint8_t bytes[BL_SILENCE_MAX];
    if (l->is_cut || !bl_sounding_is_any(l->sounding))
        return;
    size_t n = bl_sounding_silence(l->sounding, bytes);
    int rc = 0;
    for (size_t i = 0; i + 3 <= n && rc == 0; i += 3) {
        bl_timed t = {.ns = l->last, .n = 3};
        memcpy(t.byte, bytes + i, 3);
        rc = list_message(l, &t, NULL);
    }
    if (rc == 0)
        (void)!flush(l, NULL);
}

static int list_all(player *p, bl_err *e)
{
    listing *l = bl_calloc(1, sizeof *l, e);
    if (l == NULL)
        return BL_E_NOMEM;
    l->counts = p->counts;
    l->sounding = &p->sounding;
    const bl_timed_sink sink = {list_begin, list_message, l, NULL};
    int rc = p->source(p->arg, &sink, e);
    if (rc == 0) {
        l->n += bl_timed_print(&(bl_timed){.ns = l->last}, l->text + l->n);
        rc = flush(l, e);
    } else
        list_silence(l);
    free(l);
    return rc;
}

int bl_player_run(const bl_player_wish *wish, bl_player_source *source, void *arg,
                  bl_log *log, bl_player_counts *counts, bl_err *e)
{
    player p = {.wish = wish,
                .source = source,
                .arg = arg,
                .log = log,
                .counts = counts,
                .why = BL_ERR_INIT};
    *counts = (bl_player_counts){0};
    return wish->speed > 0 ? play_in_time(&p, e) : list_all(&p, e);
}
