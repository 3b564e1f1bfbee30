/* player.c - see player.h. The reader's thread puts messages into a queue, the caller's
 * takes them out at their time; marks (messages of none) bound how far it is ahead. */
#define _GNU_SOURCE /* prctl */
#include "cli/player.h"
#include "base/mem.h"
#include "base/sounding.h"
#include "cli/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    CHORD = 1024,       /* bytes of one time that go into one write */
    SILENCE_WAIT = 500, /* milliseconds for a reader that takes nothing */
    PIPE_BYTES = 4096,  /* of the pipe that is read */
    TEXT = 1 << 16,     /* bytes of text in one write */
};
static const int64_t SECOND = 1000000000;
static const int64_t LATE = 1000000;
static const int64_t SLICE = 20000000; /* a signal is noticed so soon */
static const int64_t T0_AWAY = 60 * INT64_C(1000000000);

typedef struct {
    const bl_player_wish *wish;
    bl_player_source *source;
    void *arg;
    bl_log *log;
    bl_player_counts *counts;
    bl_sounding sounding;
    /* the queue: under the lock, but for the source's result after it is done */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bl_timed *item;
    size_t first, n, cap; /* of a ring */
    int n_marks;
    int has_begun, is_done, is_stopped;
    bl_origin origin;
    int rc;
    bl_err why;
    /* time */
    int64_t start; /* of the messages' time 0 */
    int is_fixed;  /* by t0: what is late does not move the rest */
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

/* ---- the reader's thread ---- */

static int on_begin(void *arg, const bl_origin *origin, bl_err *e)
{
    player *p = arg;
    (void)e;
    pthread_mutex_lock(&p->lock);
    p->origin = *origin;
    p->has_begun = 1;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* Makes room for one more; what is in the ring stays in order. */
static int make_room(player *p, bl_err *e)
{
    size_t cap = p->cap;
    if (p->n < cap)
        return 0;
    int rc = bl_room(&p->item, &p->cap, p->n + 1, sizeof *p->item, e);
    if (rc != 0 || p->first == 0)
        return rc;
    size_t end = cap - p->first, at = p->cap - end;
    memmove(p->item + at, p->item + p->first, end * sizeof *p->item);
    p->first = at;
    return 0;
}

static int on_message(void *arg, const bl_timed *t, bl_err *e)
{
    player *p = arg;
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    while (p->n_marks >= p->wish->ahead && !p->is_stopped)
        pthread_cond_wait(&p->changed, &p->lock);
    if (p->is_stopped)
        rc = BL_E_STOPPED;
    if (rc == 0)
        rc = make_room(p, e);
    if (rc == 0) {
        p->item[(p->first + p->n++) % p->cap] = *t;
        p->n_marks += t->n == 0;
        if (t->n == 0)
            pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static void *read_all(void *arg)
{
    player *p = arg;
    const bl_timed_sink sink = {on_begin, on_message, p};
    int rc = p->source(p->arg, &sink, &p->why);
    pthread_mutex_lock(&p->lock);
    p->rc = rc;
    p->is_done = 1;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Signals are the caller's. */
static int begin_reader(player *p, pthread_t *thread, bl_err *e)
{
    sigset_t all, old;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    errno = pthread_create(thread, NULL, read_all, p);
    int rc = errno != 0 ? bl_fail_errno(e, BL_E_NOMEM, "cannot start a thread") : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

/* ---- sending ---- */

/* All bytes; a signal asks to stop between two writes only. */
static int write_bytes(const uint8_t *bytes, size_t n, bl_err *e)
{
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done < 0 && errno == EINTR && bl_stop_asked())
            return BL_E_STOPPED;
        if (done < 0 && errno == EAGAIN) {
            struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&out, 1, SILENCE_WAIT);
            if (bl_stop_asked())
                return BL_E_STOPPED;
        } else if (done < 0 && errno != EINTR) {
            return bl_fail_errno(e, BL_E_IO, "cannot write");
        }
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
        size_t some = n - done < 512 ? n - done : 512; /* what a pipe takes at once */
        ssize_t wrote = write(STDOUT_FILENO, bytes + done, some);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            return;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
}

static int64_t time_of(const player *p, int64_t ns)
{
    return p->start + (int64_t)llround((double)ns / p->wish->speed);
}

/* Until then, or a signal. */
static void sleep_until(int64_t when)
{
    for (int64_t t = now(); t < when && !bl_stop_asked(); t = now()) {
        struct timespec next = timespec_of(bl_min(when, t + SLICE));
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
}

/* Under the lock: until something changes, or a signal. */
static void wait_for_reader(player *p)
{
    struct timespec until = timespec_of(now() + SLICE);
    pthread_cond_timedwait(&p->changed, &p->lock, &until);
}

/* The first in the queue, to *t: 1; 0 at the end, or after a signal. What came too late
 * for `due`, the time that is known, moves the rest. */
static int take(player *p, int64_t due, bl_timed *t)
{
    int was_dry = 0, there;
    pthread_mutex_lock(&p->lock);
    while (p->n_marks == 0 && !p->is_done && !bl_stop_asked()) {
        pthread_mutex_unlock(&p->lock);
        if (!was_dry)
            silence(p);
        was_dry = 1;
        pthread_mutex_lock(&p->lock);
        if (p->n_marks == 0 && !p->is_done)
            wait_for_reader(p);
    }
    there = p->n > 0 && !bl_stop_asked();
    if (there) {
        *t = p->item[p->first];
        p->first = (p->first + 1) % p->cap;
        p->n--;
        p->n_marks -= t->n == 0;
        if (t->n == 0)
            pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    if (there && was_dry) {
        p->counts->underruns++;
        if (!p->is_fixed)
            p->start += bl_max(now() - time_of(p, due), 0);
    }
    return there;
}

/* Whether the next one is of that time, too: it is taken then. */
static int take_same(player *p, int64_t ns, bl_timed *t)
{
    pthread_mutex_lock(&p->lock);
    int same = p->n > 0 && p->item[p->first].ns == ns && p->item[p->first].n > 0;
    if (same) {
        *t = p->item[p->first];
        p->first = (p->first + 1) % p->cap;
        p->n--;
    }
    pthread_mutex_unlock(&p->lock);
    return same;
}

/* All of one time, in as few writes as there are. */
static int send_chord(player *p, const bl_timed *first, bl_err *e)
{
    uint8_t bytes[CHORD];
    size_t n = 0;
    uint64_t messages = 0;
    bl_timed t = *first;
    bl_sounding after = p->sounding;
    do {
        memcpy(bytes + n, t.byte, t.n);
        bl_sounding_note(&after, t.byte, t.n);
        n += t.n;
        messages++;
    } while (n + 6 <= CHORD && take_same(p, first->ns, &t));
    int64_t lag = now() - time_of(p, first->ns);
    int rc = write_bytes(bytes, n, e);
    p->sounding = after; /* also where only part of it went out */
    p->counts->sent += messages;
    p->counts->late += lag > LATE ? messages : 0;
    p->counts->latest_ns = bl_max(p->counts->latest_ns, lag);
    return rc;
}

/* Waits until so much has come as wished for, and says when time 0 is. */
static void begin_time(player *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->is_done && !bl_stop_asked() && p->n_marks < p->wish->ahead &&
           !(p->has_begun && p->origin.tempo > 0))
        wait_for_reader(p);
    int64_t t = now(), t0 = p->origin.t0;
    p->is_fixed = p->origin.tempo > 0 && t0 > t - T0_AWAY && t0 < t + T0_AWAY;
    if (!p->is_fixed && p->origin.tempo > 0)
        bl_log_warn(p->log, "the stream's t0 is not within a minute of now: it begins "
                            "when it has come");
    while (!p->is_fixed && !p->is_done && !bl_stop_asked() &&
           p->n_marks < p->wish->ahead)
        wait_for_reader(p);
    p->start = p->is_fixed ? t0 : now();
    pthread_mutex_unlock(&p->lock);
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

static int play_in_time(player *p, bl_err *e)
{
    pthread_t thread;
    bl_stop_watch();
    prctl(PR_SET_TIMERSLACK, 1UL); /* nanoseconds; 50,000 by default */
    /* what lies in a pipe has been made ahead, too; of a file this fails */
    fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
    int rc = begin_reader(p, &thread, e);
    if (rc != 0)
        return rc;
    rc = play(p, e);
    pthread_mutex_lock(&p->lock);
    int is_done = p->is_done;
    p->is_stopped = 1;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
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
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    return rc == BL_E_STOPPED ? 0 : rc;
}

/* ---- text ---- */

typedef struct {
    char text[TEXT];
    size_t n;
    int64_t last;
    bl_player_counts *counts;
} listing;

static int flush(listing *l, bl_err *e)
{
    size_t done = 0;
    while (done < l->n) {
        ssize_t n = write(STDOUT_FILENO, l->text + done, l->n - done);
        if (n < 0 && errno != EINTR)
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
    l->n += bl_timed_print(t, l->text + l->n);
    return l->n + BL_TIMED_LINE > TEXT ? flush(l, e) : 0;
}

static int list_all(player *p, bl_err *e)
{
    listing *l = bl_calloc(1, sizeof *l, e);
    if (l == NULL)
        return BL_E_NOMEM;
    l->counts = p->counts;
    const bl_timed_sink sink = {list_begin, list_message, l};
    int rc = p->source(p->arg, &sink, e);
    if (rc == 0) {
        l->n += bl_timed_print(&(bl_timed){.ns = l->last}, l->text + l->n);
        rc = flush(l, e);
    }
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
