/* tool.c - see tool.h. The one place with state of the process: signals need it. */
#define _GNU_SOURCE /* program_invocation_short_name */
#include "cli/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int bl_exit_of(int code)
{
    switch (code) {
    case 0:
        return BL_EXIT_OK;
    case BL_E_ARG:
        return BL_EXIT_USAGE;
    case BL_E_FORMAT:
    case BL_E_TRUNC:
    case BL_E_CORRUPT:
    case BL_E_VERSION:
    case BL_E_MISMATCH:
    case BL_E_LIMIT:
        return BL_EXIT_DATA;
    case BL_E_OPEN:
        return BL_EXIT_NOINPUT;
    case BL_E_CREATE:
        return BL_EXIT_CANTCREAT;
    case BL_E_IO:
        return BL_EXIT_IO;
    case BL_E_STOPPED:
        return BL_EXIT_STOPPED;
    default:
        return BL_EXIT_INTERNAL;
    }
}

static char guarded[6][4096]; /* a folder before what is in it */

/* The files of a folder, by calls that a handler may make. */
static void drop_files(const char *folder)
{
    static _Alignas(8) char list[4096];
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long n; fd >= 0 && (n = syscall(SYS_getdents64, fd, list, sizeof list)) > 0;) {
        for (long at = 0; at < n;) {
            struct dirent64 *f = (struct dirent64 *)(void *)(list + at);
            at += f->d_reclen;
            if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0)
                unlinkat(fd, f->d_name, 0);
        }
    }
    if (fd >= 0)
        close(fd);
}

static void drop_guarded(void)
{
    for (size_t i = BL_COUNT(guarded); i-- > 0;) {
        size_t len = strlen(guarded[i]);
        if (len > 0 && guarded[i][len - 1] == '/')
            drop_files(guarded[i]);
        if (len > 0 && unlink(guarded[i]) != 0)
            rmdir(guarded[i]);
    }
}

/* GLib, which libsmf works with, ends so where memory fails it. */
static void on_glib(int sig)
{
    static const char cause[] = ": out of memory\n";
    const char *tool = program_invocation_short_name;
    if (sig != SIGTRAP && errno != ENOMEM) {
        signal(sig, SIG_DFL); /* another cause: abort goes on */
        return;
    }
    drop_guarded();
    if (write(STDERR_FILENO, tool, strlen(tool)) > 0)
        (void)!write(STDERR_FILENO, cause, sizeof cause - 1);
    _exit(BL_EXIT_INTERNAL);
}

void bl_tool_where_memory_fails(void (*handler)(int))
{
    signal(SIGTRAP, handler);
    signal(SIGABRT, handler);
#ifndef BL_SANITIZED
    static _Alignas(16) uint8_t stack[1 << 16];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction act = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    if (sigaltstack(&other, NULL) == 0)
        sigaction(SIGSEGV, &act, NULL);
#endif
}

void bl_tool_start(void)
{
    /* A closed descriptor gets /dev/null the wrong way round, so that using it fails
     * and the next file that is opened does not land on it. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
                _exit(BL_EXIT_INTERNAL);
    /* Some parents leave SIGPIPE ignored; a reader that goes away ends us silently. */
    signal(SIGPIPE, SIG_DFL);
    /* Beyond `ulimit -f` a write then fails with EFBIG, which has a message. */
    signal(SIGXFSZ, SIG_IGN);
    bl_tool_where_memory_fails(on_glib);
}

int bl_tool_finish(bl_log *l, int status)
{
    int failed = fflush(stdout) != 0 || ferror(stdout);
    /* Closing a descriptor that was never open is no failure unless it was used. */
    if (close(STDOUT_FILENO) != 0 && errno != EBADF && errno != EINTR)
        failed = 1;
    if (failed && status == BL_EXIT_OK) {
        if (l != NULL)
            bl_log_say(l, "cannot write standard output: %s", strerror(errno));
        status = BL_EXIT_IO;
    }
    bl_log_del(l);
    return status;
}

int bl_tool_jobs(const bl_opt_common *c)
{
    if (c->jobs > 0)
        return (int)c->jobs;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int bl_tool_tty_binary(const bl_opt_common *c, const char *ways, bl_err *e)
{
    int to_stdout = c->output == NULL || strcmp(c->output, "-") == 0;
    if (!to_stdout || c->force || !isatty(STDOUT_FILENO))
        return 0;
    return bl_fail(e, BL_E_ARG, "standard output is a terminal; use %s, or -f to force",
                   ways);
}

static int is_named(const bl_opt_common *c, const char *suffix)
{
    const char *dot = c->output != NULL ? strrchr(c->output, '.') : NULL;
    return dot != NULL && strcasecmp(dot, suffix) == 0 && !c->force;
}

/* A player would refuse what is in it. */
static int is_midi_named(const bl_opt_common *c)
{
    return is_named(c, ".mid") || is_named(c, ".midi");
}

static int refuse_midi_name(const bl_opt_common *c, bl_err *e)
{
    if (!is_midi_named(c))
        return 0;
    return bl_fail(e, BL_E_ARG,
                   "-o %s: these are tokens, no MIDI file; instead of it end the line "
                   "with '| remi2midi -o %s'",
                   c->output, c->output);
}

int bl_tool_no_midi(const bl_opt_common *c, const char *what, const char *suffix,
                    bl_err *e)
{
    if (!is_midi_named(c))
        return 0;
    int stem = (int)(strrchr(c->output, '.') - c->output);
    return bl_fail(e, BL_E_ARG,
                   "-o %s: this is %s, no MIDI file: -o %.*s%s takes it; 'remi2midi "
                   "FILE -o %s' makes a MIDI file of tokens",
                   c->output, what, stem, c->output, suffix, c->output);
}

int bl_tool_no_media(const bl_opt_common *c, bl_err *e)
{
    if (is_named(c, ".wav") || is_named(c, ".mp3") || is_named(c, ".ogg") ||
        is_named(c, ".flac"))
        return bl_fail(e, BL_E_ARG,
                       "-o %s: nothing here is sound; 'make listen PIECE=FILE "
                       "OUT=piece.wav' makes it of MIDI files and of tokens",
                       c->output);
    int is_pdf = is_named(c, ".pdf");
    if (!is_pdf && !is_named(c, ".png"))
        return 0;
    return bl_fail(e, BL_E_ARG,
                   "-o %s: pictures are SVG here; instead of it end the line with "
                   "'| rsvg-convert %s-o %s'",
                   c->output, is_pdf ? "-f pdf " : "", c->output);
}

int bl_tool_tty_out(const bl_opt_common *c, bl_err *e)
{
    int rc = refuse_midi_name(c, e);
    if (rc != 0)
        return rc;
    return c->plain ? 0 : bl_tool_tty_binary(c, "-o FILE, a pipe, -u for text", e);
}

int bl_tool_tty_in(const bl_opts *o, bl_err *e)
{
    if (o->n_operands > 0 || !isatty(STDIN_FILENO))
        return 0;
    return bl_fail(e, BL_E_ARG, "no input: name files or pipe data in; try '%s --help'",
                   o->about->name);
}

static int is_stdout(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0;
}

/* Of a file that may not exist yet: its folder and its name there. */
static int split_path(const char *path, struct stat *folder, const char **name)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (len >= sizeof dir)
        return -1;
    memcpy(dir, slash != NULL ? path : ".", slash != NULL ? len : 1);
    dir[slash != NULL ? len : 1] = '\0';
    *name = path + len;
    return stat(dir, folder);
}

int bl_tool_same_output(const char *a, const char *b)
{
    struct stat x, y;
    const char *name_a, *name_b;
    if (is_stdout(a) || is_stdout(b))
        return is_stdout(a) && is_stdout(b);
    int a_exists = stat(a, &x) == 0, b_exists = stat(b, &y) == 0;
    if (a_exists && b_exists)
        return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return !a_exists && !b_exists && split_path(a, &x, &name_a) == 0 &&
           split_path(b, &y, &name_b) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino && strcmp(name_a, name_b) == 0;
}

void bl_tool_need_room(bl_log *l, size_t bytes)
{
    struct rlimit room;
    if (getrlimit(RLIMIT_AS, &room) != 0 || room.rlim_cur == RLIM_INFINITY ||
        room.rlim_cur >= bytes)
        return;
    bl_log_say(l,
               "out of memory: the address space is limited to %llu MiB (ulimit -v), "
               "products of matrices want %zu at least",
               (unsigned long long)room.rlim_cur >> 20, bytes >> 20);
    _exit(BL_EXIT_INTERNAL);
}

/* ---- signals ---- */

static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t checkpoint_wanted;

static void watch(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler};
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

static void on_fatal(int sig)
{
    drop_guarded();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Puts a path, or with NULL nothing, into the slots from `first` to `last`. Handlers
 * are there while anything is guarded; what is ignored, as by nohup(1), stays so. */
static void guard(size_t first, size_t last, const char *path)
{
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXCPU};
    sigset_t all, old;
    int is_any = 0;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    for (size_t i = first; i <= last; i++)
        snprintf(guarded[i], sizeof guarded[i], "%s", path != NULL ? path : "");
    for (size_t i = 0; i < BL_COUNT(guarded); i++)
        is_any |= guarded[i][0] != '\0';
    for (size_t i = 0; i < BL_COUNT(fatal); i++) {
        struct sigaction now;
        if (sigaction(fatal[i], NULL, &now) != 0 || now.sa_handler != SIG_IGN)
            watch(fatal[i], is_any ? on_fatal : SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void guard_add(const char *path)
{
    size_t slot = 0;
    while (slot < BL_COUNT(guarded) && guarded[slot][0] != '\0')
        slot++;
    if (slot < BL_COUNT(guarded) && strlen(path) < sizeof guarded[slot])
        guard(slot, slot, path);
}

static void guard_drop(const char *path)
{
    for (size_t i = 0; i < BL_COUNT(guarded); i++)
        if (strcmp(guarded[i], path) == 0)
            guard(i, i, NULL);
}

const bl_guards bl_tool_guards = {guard_add, guard_drop};

void bl_tool_guard_nothing(void)
{
    guard(0, BL_COUNT(guarded) - 1, NULL);
}

int bl_tool_temp_path(const char *name, bl_buf *path, bl_err *e)
{
    const char *folder = getenv("TMPDIR");
    int rc = bl_buf_addf(path, e, "%s/%s.XXXXXX",
                         folder == NULL || *folder == '\0' ? "/tmp" : folder, name);
    return rc == 0 && bl_buf_str(path, e) == NULL ? BL_E_NOMEM : rc;
}

/* timeout(1), some shells and launchers send a signal to a process and again to its
 * group: what comes so soon after the first is not a second wish. */
static const int64_t SAME_WISH_NS = 500000000;

static void on_stop(int sig)
{
    static _Atomic int64_t first_ns;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t first = 0, now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + 1;
    if (atomic_compare_exchange_strong(&first_ns, &first, now))
        stop_signal = sig;
    else if (now - first > SAME_WISH_NS)
        _exit(128 + sig);
}

static void on_checkpoint(int sig)
{
    (void)sig;
    checkpoint_wanted = 1;
}

void bl_stop_watch(void)
{
    watch(SIGINT, on_stop);
    watch(SIGTERM, on_stop);
    /* nohup(1) has it ignored, and means that */
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) != 0 || hangup.sa_handler != SIG_IGN)
        watch(SIGHUP, on_stop);
    watch(SIGUSR1, on_checkpoint);
}

int bl_stop_asked(void)
{
    return stop_signal;
}

int bl_checkpoint_asked(void)
{
    int wanted = checkpoint_wanted;
    checkpoint_wanted = 0;
    return wanted;
}
