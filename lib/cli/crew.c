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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BL_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BL_SANITIZED
#endif
#endif

typedef struct {
    pid_t pid; /* 0 = none */
    int fd;    /* read end */
} worker;

struct bl_crew {
    bl_crew_fn *fn;
    void *arg;
    bl_crew_limits limits;
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

/* 1, or 0 where the pipe ends before len bytes. */
static int read_exact(int fd, void *bytes, size_t len)
{
    char *p = bytes;
    while (len > 0) {
        ssize_t n = read(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        p += n;
        len -= (size_t)n;
    }
    return 1;
}

/* Pages of address space this process has now. */
static size_t pages_in_use(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages;
}

static void limit_memory(size_t bytes)
{
#ifndef BL_SANITIZED
    size_t now = pages_in_use() * (size_t)sysconf(_SC_PAGESIZE);
    struct rlimit most = {now + bytes, now + bytes};
    if (bytes > 0 && now > 0)
        (void)setrlimit(RLIMIT_AS, &most); /* where it cannot be set, none holds */
#else
    (void)bytes;
    (void)pages_in_use;
#endif
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

static _Noreturn void work(bl_crew *c, size_t task, int fd)
{
    bl_buf result = {0};
    bl_guard_file(NULL); /* the unfinished output is the parent's to remove */
    limit_memory(c->limits.bytes);
    for (; task < c->n_tasks; task += (size_t)c->n_workers) {
        bl_err e = BL_ERR_INIT;
        result.len = 0;
        limit_time(c->limits.seconds);
        record r = {.rc = c->fn(c->arg, task, &result, &e)};
        r.len = r.rc < 0 ? sizeof e : result.len;
        if (write_all(fd, &r, sizeof r) != 0 ||
            write_all(fd, r.rc < 0 ? (const void *)&e : result.data, r.len) != 0)
            _exit(BL_EXIT_IO);
        if (r.rc < 0)
            break;
    }
    _exit(0);
}

static int start(bl_crew *c, int w, size_t task, bl_err *e)
{
    int fd[2];
    if (pipe(fd) != 0)
        return bl_fail_errno(e, BL_E_IO, "cannot make a pipe");
#ifdef F_SETPIPE_SZ
    (void)fcntl(fd[0], F_SETPIPE_SZ, PIPE_BYTES); /* larger is only faster */
#endif
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        work(c, task, fd[1]);
    }
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return bl_fail_errno(e, BL_E_IO, "cannot start a worker");
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

/* Of a worker whose pipe has ended. */
static int how_it_died(worker *w)
{
    int status = 0;
    close(w->fd);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *w = (worker){0};
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? BL_CREW_TOO_SLOW
                                                              : BL_CREW_DIED;
}

static int new_crew(bl_crew **crew, int n_workers, int forks, size_t n_tasks,
                    bl_crew_limits limits, bl_crew_fn *fn, void *arg, bl_err *e)
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

int bl_crew_new(bl_crew **c, int n_workers, size_t n_tasks, bl_crew_fn *fn, void *arg,
                bl_err *e)
{
    return new_crew(c, n_workers, n_workers > 1 && n_tasks > 1, n_tasks,
                    (bl_crew_limits){0}, fn, arg, e);
}

int bl_crew_new_limited(bl_crew **c, int n_workers, size_t n_tasks,
                        bl_crew_limits limits, bl_crew_fn *fn, void *arg, bl_err *e)
{
    return new_crew(c, n_workers, 1, n_tasks, limits, fn, arg, e);
}

/* Reads one record of a worker. 1, 0 if it died before the end of it, or an error. */
static int receive(const worker *w, bl_buf *result, bl_err *e)
{
    record r;
    if (!read_exact(w->fd, &r, sizeof r))
        return 0;
    int rc = bl_buf_reserve(result, r.len, e);
    if (rc != 0)
        return rc;
    if (!read_exact(w->fd, result->data, r.len))
        return 0;
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
    *died = how_it_died(&c->workers[w]);
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
