/* crew.c - see crew.h. One pipe a worker: its results come in order by themselves, so
 * the next task's result is always the next record of a known pipe. */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "cli/crew.h"
#include "cli/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 };

/* How a worker ends that ran out of memory, at its limit or of the machine's, and one
 * that could not write: this and the reason. */
enum { ENDS_TOO_LARGE = 1, ENDS_NO_MEMORY = 2, ENDS_ERRNO = 120 };

typedef struct {
    pid_t pid; /* 0 = none */
    int fd;    /* read end */
} worker;

struct bl_crew {
    bl_task_fn *fn;
    void *arg;
    bl_task_limits limits;
    size_t n_tasks, next;
    int n_workers;
    worker *workers; /* [n_workers], NULL when the caller works itself */
};

/* A record of the pipe: this, then `len` bytes of the result or of the bl_err. */
typedef struct {
    size_t len;
    int rc;
} record;

static int write_all(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* 1, 0 where the pipe ends before len bytes, -1 where it cannot be read. */
static int read_exact(int fd, void *bytes, size_t len)
{
    char *p = bytes;
    while (len > 0) {
        ssize_t n = read(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        p += n;
        len -= (size_t)n;
    }
    return 1;
}

/* A number of KiB from the lines of /proc/self/status, in bytes; 0 where there is none.
 * May be called by a handler of signals. */
static size_t status_bytes(const char *name)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, name);
    size_t kib = 0;
    for (line += line != NULL ? strcspn(line, "0123456789") : 0;
         line != NULL && *line >= '0' && *line <= '9'; line++)
        kib = kib * 10 + (size_t)(*line - '0');
    return kib << 10;
}

/* Of this worker: address space at its beginning, and what it may add; 0 = anything. */
static size_t own_start, own_bytes;

/* A limit of the user's that is lower stays, and is not this worker's. */
static void limit_memory(size_t bytes)
{
#ifndef BL_SANITIZED
    struct rlimit most;
    own_start = status_bytes("VmSize:");
    if (bytes == 0 || own_start == 0 || getrlimit(RLIMIT_AS, &most) != 0 ||
        (most.rlim_cur != RLIM_INFINITY && most.rlim_cur <= own_start + bytes))
        return;
    most.rlim_cur = own_start + bytes;
    if (setrlimit(RLIMIT_AS, &most) == 0)
        own_bytes = bytes;
#else
    (void)bytes;
    (void)status_bytes;
#endif
}

/* 1 where memory failed a task that took a fair part of what it may: a task that did
 * not has met a machine without memory. */
static int is_too_large(void)
{
    return own_bytes > 0 && status_bytes("VmPeak:") > own_start + own_bytes / 4;
}

/* GLib, which libsmf works with, ends so where memory fails it, after words of its own.
 */
static void on_glib(int sig)
{
    if (sig != SIGTRAP && errno != ENOMEM) {
        signal(sig, SIG_DFL); /* another cause: abort goes on */
        return;
    }
    _exit(is_too_large() ? ENDS_TOO_LARGE : ENDS_NO_MEMORY);
}

/* The limit counts from the start of the process: it moves ahead of each task. */
static void limit_time(int seconds)
{
    struct rusage used;
    struct rlimit most;
    if (seconds == 0 || getrusage(RUSAGE_SELF, &used) != 0 ||
        getrlimit(RLIMIT_CPU, &most) != 0)
        return;
    rlim_t soft = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + seconds + 1);
    most.rlim_cur =
        most.rlim_max == RLIM_INFINITY || soft < most.rlim_max ? soft : most.rlim_max;
    (void)setrlimit(RLIMIT_CPU, &most);
}

/* What a worker has to say goes through its pipe; the rest is GLib's. */
static void hush(void)
{
#ifndef BL_SANITIZED
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        dup2(fd, STDERR_FILENO);
        close(fd);
    }
#endif
}

static _Noreturn void work(bl_crew *c, size_t task, int fd)
{
    bl_buf result = {0};
    bl_tool_guard_nothing(); /* the unfinished output is the parent's to remove */
    bl_tool_where_memory_fails(on_glib);
    hush();
    limit_memory(c->limits.bytes);
    for (; task < c->n_tasks; task += (size_t)c->n_workers) {
        bl_err e = BL_ERR_INIT;
        result.len = 0;
        limit_time(c->limits.seconds);
        record r = {.rc = c->fn(c->arg, task, &result, &e)};
        if (r.rc == BL_E_NOMEM && is_too_large())
            _exit(ENDS_TOO_LARGE);
        r.len = r.rc < 0 ? sizeof e : result.len;
        if (write_all(fd, &r, sizeof r) != 0 ||
            write_all(fd, r.rc < 0 ? (const void *)&e : result.data, r.len) != 0)
            _exit(errno < ENDS_ERRNO ? ENDS_ERRNO + errno : ENDS_ERRNO);
        if (r.rc < 0)
            break;
    }
    _exit(0);
}

static int fail_worker(bl_err *e, const char *what)
{
    return bl_fail_in(e, bl_fail_errno(e, BL_E_IO, "%s", what), "a worker");
}

/* A worker that waits for its input does not outlive the tool. */
static void end_with(pid_t parent)
{
#ifdef PR_SET_PDEATHSIG
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(0);
}

static int start(bl_crew *c, int w, size_t task, bl_err *e)
{
    int fd[2];
    if (pipe(fd) != 0)
        return fail_worker(e, "cannot make a pipe");
#ifdef F_SETPIPE_SZ
    (void)fcntl(fd[0], F_SETPIPE_SZ, PIPE_BYTES); /* larger is only faster */
#endif
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(fd[0]);
        end_with(parent);
        work(c, task, fd[1]);
    }
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return fail_worker(e, "cannot be started");
    }
    c->workers[w] = (worker){pid, fd[0]};
    return 0;
}

static void stop(worker *w)
{
    if (w->pid == 0)
        return;
    close(w->fd);
    kill(w->pid, SIGKILL);
    while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *w = (worker){0};
}

/* Of a worker whose pipe has ended. Negative for what is no fault of its task. */
static int how_it_died(worker *w, bl_err *e)
{
    int status = 0;
    close(w->fd);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *w = (worker){0};
    if (WIFEXITED(status) && WEXITSTATUS(status) == ENDS_NO_MEMORY)
        return bl_fail(e, BL_E_NOMEM, "out of memory");
    errno = WIFEXITED(status) ? WEXITSTATUS(status) - ENDS_ERRNO : -1;
    if (errno >= 0)
        return fail_worker(e, "cannot write its result");
    if (WIFEXITED(status) && WEXITSTATUS(status) == ENDS_TOO_LARGE)
        return BL_TASK_TOO_LARGE;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? BL_TASK_TOO_SLOW
                                                              : BL_TASK_DIED;
}

static int new_crew(bl_crew **crew, int n_workers, int forks, size_t n_tasks,
                    bl_task_limits limits, bl_task_fn *fn, void *arg, bl_err *e)
{
    bl_crew *c = *crew = bl_calloc(1, sizeof *c, e);
    if (c == NULL)
        return BL_E_NOMEM;
    c->fn = fn;
    c->arg = arg;
    c->n_tasks = n_tasks;
    c->limits = limits;
    /* n_tasks may be SIZE_MAX, "until the caller has enough": no signed number */
    c->n_workers =
        (int)bl_clamp(n_workers, 1, n_tasks < 1024 ? (int64_t)n_tasks : 1024);
    if (!forks || n_tasks == 0)
        return 0;
    int rc = 0;
    c->workers = bl_calloc((size_t)c->n_workers, sizeof *c->workers, e);
    if (c->workers == NULL)
        rc = BL_E_NOMEM;
    for (int w = 0; rc == 0 && w < c->n_workers; w++)
        rc = start(c, w, (size_t)w, e);
    if (rc != 0) {
        bl_crew_del(c);
        *crew = NULL;
    }
    return rc;
}

int bl_crew_new(bl_crew **c, int n_workers, size_t n_tasks, bl_task_fn *fn, void *arg,
                bl_err *e)
{
    return new_crew(c, n_workers, n_workers > 1 && n_tasks > 1, n_tasks,
                    (bl_task_limits){0}, fn, arg, e);
}

int bl_crew_new_limited(bl_crew **c, int n_workers, size_t n_tasks,
                        bl_task_limits limits, bl_task_fn *fn, void *arg, bl_err *e)
{
    return new_crew(c, n_workers, 1, n_tasks, limits, fn, arg, e);
}

/* Reads one record of a worker. 1, 0 if it died before the end of it, or an error. */
static int receive(const worker *w, bl_buf *result, bl_err *e)
{
    record r;
    int got = read_exact(w->fd, &r, sizeof r);
    int rc = got > 0 ? bl_buf_reserve(result, r.len, e) : 0;
    if (rc != 0)
        return rc;
    if (got > 0)
        got = read_exact(w->fd, result->data, r.len);
    if (got <= 0)
        return got == 0 ? 0 : fail_worker(e, "cannot read its result");
    if (r.rc < 0) {
        if (e != NULL)
            memcpy(e, result->data, sizeof *e);
        return r.rc;
    }
    result->len = r.len;
    return 1;
}

int bl_crew_next(bl_crew *c, bl_buf *result, int *died, bl_err *e)
{
    size_t task = c->next;
    result->len = 0;
    *died = 0;
    if (task >= c->n_tasks)
        return 0;
    c->next++;
    if (c->workers == NULL) {
        int rc = c->fn(c->arg, task, result, e);
        return rc < 0 ? rc : 1;
    }
    int w = (int)(task % (size_t)c->n_workers);
    int rc = receive(&c->workers[w], result, e);
    if (rc != 0)
        return rc;
    rc = how_it_died(&c->workers[w], e);
    if (rc < 0)
        return rc;
    *died = rc;
    if (task + (size_t)c->n_workers >= c->n_tasks)
        return 1;
    rc = start(c, w, task + (size_t)c->n_workers, e);
    return rc < 0 ? rc : 1;
}

void bl_crew_del(bl_crew *c)
{
    if (c == NULL)
        return;
    for (int w = 0; c->workers != NULL && w < c->n_workers; w++)
        stop(&c->workers[w]);
    free(c->workers);
    free(c);
}

/* ---- as the hands of a use-case ---- */

static int begin(void **crew, int n, size_t n_tasks, bl_task_limits limits,
                 bl_task_fn *fn, void *arg, bl_err *e)
{
    bl_crew *c = NULL;
    int forks = limits.bytes > 0 || limits.seconds > 0 || (n > 1 && n_tasks > 1);
    int rc = new_crew(&c, n, forks, n_tasks, limits, fn, arg, e);
    *crew = c;
    return rc;
}

static int next(void *crew, bl_buf *result, int *died, bl_err *e)
{
    return bl_crew_next(crew, result, died, e);
}

static void end(void *crew)
{
    bl_crew_del(crew);
}

bl_hands bl_crew_hands(int n)
{
    return (bl_hands){n, begin, next, end};
}
