/* listener.c - see listener.h. */
#define _GNU_SOURCE /* ppoll */
#include "cli/listener.h"
#include "cli/tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 4096, LINE_BYTES = 256, LINE = 24 + 3 * LINE_BYTES };
static const int64_t SECOND = 1000000000;
static const int64_t SILENT = 5 * INT64_C(1000000000); /* until it is said */
static const int64_t DAY = 86400 * INT64_C(1000000000);

typedef struct {
    const bl_timed_ear *ear;
    bl_log *log;
    int64_t beat1; /* of the monotonic clock */
    bl_origin origin;
    uint8_t bytes[CHUNK];
    int is_silent, was_told; /* nothing has come; that was said */
    /* of a table */
    char line[LINE];
    size_t n_line;
    int64_t n_lines, last;
    int lost; /* errno of a read that failed */
} listener;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/* Up to CHUNK bytes: how many, 0 at the end; -1: errno, EINTR among them. */
static ssize_t read_some(listener *l)
{
    return read(STDIN_FILENO, l->bytes, CHUNK);
}

/* ---- in time ---- */

/* Waits until there is something to read, or something to be told: as poll. Signals get
 * through here only. */
static int wait_until(int64_t when, const sigset_t *signals)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int64_t left = bl_clamp(when - now(), 0, SECOND);
    struct timespec time = {(time_t)(left / SECOND), (long)(left % SECOND)};
    return ppoll(&in, 1, &time, signals);
}

static int tell_time(listener *l, bl_err *e)
{
    int64_t t = now();
    if (l->is_silent && !l->was_told && t - (l->beat1 - l->last) > SILENT) {
        l->was_told = 1;
        bl_log_warn(l->log,
                    "no MIDI has come for %d seconds: connect a keyboard, as in "
                    "'< /dev/snd/midiC1D0', or what writes to the FIFO",
                    (int)(SILENT / SECOND));
    }
    return l->ear->pass(l->ear->arg, t - l->beat1, e);
}

static int hear(listener *l, ssize_t n, bl_err *e)
{
    l->is_silent = 0;
    return l->ear->bytes(l->ear->arg, now() - l->beat1, l->bytes, (size_t)n, e);
}

static int hear_all(listener *l, const sigset_t *signals, bl_err *e)
{
    int rc = 0;
    while (rc == 0 && !bl_stop_asked()) {
        int64_t due = l->ear->due(l->ear->arg);
        int ready = wait_until(due == INT64_MAX ? INT64_MAX : l->beat1 + due, signals);
        ssize_t n = ready > 0 ? read_some(l) : -1;
        if (n == 0)
            return l->ear->pass(l->ear->arg, now() - l->beat1, e);
        if (n > 0)
            rc = hear(l, n, e);
        else if (ready > 0 && errno != EINTR && errno != EAGAIN) {
            l->lost = errno;
            return l->ear->pass(l->ear->arg, now() - l->beat1, e);
        } else
            rc = tell_time(l, e);
    }
    return rc;
}

/* ---- a table ---- */

/* All bars of a silence are written: one that cannot be meant would be no end of them.
 */
static const char *wrong_line(const listener *l, int n, int64_t ns)
{
    if (n < 0)
        return "not a time, a comma and bytes in hexadecimal";
    if (ns < l->last)
        return "its time is before that of the line before it";
    return ns - l->last > DAY ? "its time is more than a day after the line before it"
                              : NULL;
}

static int take_line(listener *l, bl_err *e)
{
    uint8_t byte[LINE_BYTES];
    int64_t ns = 0;
    l->line[l->n_line] = '\0';
    int n = strlen(l->line) == l->n_line ? bl_timed_scan(l->line, &ns, byte, LINE_BYTES)
                                         : -1;
    l->n_line = 0;
    l->n_lines++;
    const char *wrong = wrong_line(l, n, ns);
    if (wrong != NULL)
        return bl_fail_in(e, bl_fail_line(e, BL_E_FORMAT, l->n_lines, "%s", wrong),
                          "stdin");
    l->last = ns;
    return l->ear->bytes(l->ear->arg, ns, byte, (size_t)n, e);
}

static int take_lines(listener *l, const uint8_t *text, size_t n, bl_err *e)
{
    for (size_t i = 0; i < n && !bl_stop_asked(); i++) {
        int rc = 0;
        if (text[i] == '\n')
            rc = take_line(l, e);
        else if (l->n_line + 1 < LINE)
            l->line[l->n_line++] = (char)text[i];
        else
            rc = bl_fail_in(e,
                            bl_fail_line(e, BL_E_FORMAT, l->n_lines + 1,
                                         "more than %d bytes", LINE_BYTES),
                            "stdin");
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_table(listener *l, size_t from, size_t n, bl_err *e)
{
    l->n_lines = 1;
    l->last = 0;
    int rc = take_lines(l, l->bytes + from, n - from, e);
    while (rc == 0 && !bl_stop_asked()) {
        ssize_t more = read_some(l);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            l->lost = errno;
        if (more <= 0)
            break;
        rc = take_lines(l, l->bytes, (size_t)more, e);
    }
    if (rc == 0 && l->n_line > 0 && !bl_stop_asked()) /* else it may be half a line */
        rc = take_line(l, e);
    return rc;
}

/* ---- both ---- */

/* The first bytes, or none where it is time to tell: whether they begin a table. What
 * could become one is read on. */
static int begin(listener *l, const sigset_t *signals, ssize_t *n)
{
    static const char heading[] = BL_TIMED_HEADING "\n";
    size_t want = strlen(heading), has = 0;
    *n = 0;
    while (has < want && !bl_stop_asked()) {
        int64_t due = has == 0 ? l->ear->due(l->ear->arg) : INT64_MAX;
        int ready = wait_until(l->beat1 + bl_min(due, INT64_MAX - l->beat1), signals);
        if (ready == 0 && has == 0)
            return 0;
        if (ready <= 0)
            continue;
        ssize_t some =
            read(STDIN_FILENO, l->bytes + has, has == 0 ? CHUNK : want - has);
        if (some <= 0)
            break;
        has += (size_t)some;
        *n = (ssize_t)has;
        if (memcmp(l->bytes, heading, has < want ? has : want) != 0)
            return 0;
    }
    return has >= want;
}

static int run(listener *l, const sigset_t *signals, bl_err *e)
{
    ssize_t n;
    size_t heading = strlen(BL_TIMED_HEADING "\n");
    int is_table = begin(l, signals, &n);
    const bl_origin none = {0};
    int rc = l->ear->begin(l->ear->arg, is_table ? &none : &l->origin, e);
    if (rc == 0 && is_table) {
        sigprocmask(SIG_SETMASK, signals, NULL);
        return read_table(l, heading, (size_t)n, e);
    }
    if (rc == 0 && n > 0)
        rc = hear(l, n, e);
    return rc == 0 ? hear_all(l, signals, e) : rc;
}

/* The stream becomes whole whatever has ended it, but where it cannot be written. */
static int finish(listener *l, int rc, bl_err *e)
{
    if (rc == 0 || rc == BL_E_FORMAT) {
        int ended = l->ear->finish(l->ear->arg, rc == 0 ? e : NULL);
        rc = rc == 0 ? ended : rc;
    }
    if (rc != 0 || l->lost == 0)
        return rc;
    errno = l->lost;
    return bl_fail_in(e, bl_fail_errno(e, BL_E_IO, "the wire is cut"), "stdin");
}

int bl_listen(const bl_timed_ear *ear, int64_t lead, double tempo, bl_log *log,
              bl_err *e)
{
    sigset_t stops, old;
    listener l = {.ear = ear, .log = log, .is_silent = 1, .last = lead};
    if (isatty(STDIN_FILENO))
        return bl_fail(
            e, BL_E_ARG,
            "standard input is a terminal: connect a keyboard or a pad, as in "
            "'< /dev/snd/midiC1D0', or a FIFO");
    bl_stop_watch();
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGHUP);
    sigprocmask(SIG_BLOCK, &stops, &old);
    l.beat1 = now() + lead;
    l.origin = (bl_origin){l.beat1, tempo};
    int rc = finish(&l, run(&l, &old, e), e);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return rc;
}
