/* crew.c - see crew.h. One pipe a worker: its results come in order by themselves, so
 * the next task's result is always the next record of a known pipe. */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "cli/crew.h"
#include "cli/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 };

typedef struct {
    pid_t pid; /* 0 = none */
    int fd;    /* read end */
} worker;

struct bl_crew {
    bl_crew_fn *fn;
    void *arg;
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

static _Noreturn void work(bl_crew *c, size_t task, int fd)
{
    bl_buf result = {0};
    bl_guard_file(NULL); /* the unfinished output is the parent's to remove */
    for (; task < c->n_tasks; task += (size_t)c->n_workers) {
        bl_err e = BL_ERR_INIT;
        result.len = 0;
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

int bl_crew_new(bl_crew **crew, int n_workers, size_t n_tasks, bl_crew_fn *fn,
                void *arg, bl_err *e)
{
    bl_crew *c = *crew = bl_calloc(1, sizeof *c, e);
    if (c == NULL)
        return BL_E_NOMEM;
    c->fn = fn;
    c->arg = arg;
    c->n_tasks = n_tasks;
    c->n_workers = (int)bl_clamp(n_workers, 1, (int64_t)bl_min((int64_t)n_tasks, 1024));
    if (c->n_workers <= 1)
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
    *died = 1;
    stop(&c->workers[w]);
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
