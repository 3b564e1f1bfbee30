/* fail.c - preloaded into a tool by the tests of faults: lets the k-th call of its kind
 * since main began fail, or that one and all after it.
 *
 *   FAIL=KIND:K[+][:ERRNO]  KIND is alloc, or the name of a call below; K from 1
 *   FAIL_COUNT=FILE         appends the number of such calls to the file at the end
 *
 * Only calls of the program and its libraries count, not those inside the C library. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int is_on;
static atomic_long calls;
static long first;
static int and_all_after, error;
static char kind[32];

/* 1 if this call shall fail; errno is set. */
static int fails(const char *name)
{
    if (!atomic_load(&is_on) || strcmp(name, kind) != 0)
        return 0;
    long n = atomic_fetch_add(&calls, 1) + 1;
    if (first == 0 || n < first || (n > first && !and_all_after))
        return 0;
    errno = error;
    return 1;
}

/* ---- memory ---- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t n)
{
    return fails("alloc") ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails("alloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails("alloc") ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return fails("alloc") ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    if (fails("alloc"))
        return ENOMEM;
    *p = __libc_memalign(align, n);
    return *p == NULL ? ENOMEM : 0;
}

/* ---- calls of the system ---- */

#define NEXT(name) (name##_fn *)dlsym(RTLD_NEXT, #name)
/* type NAME(params) fails as the call CALL with `bad`, or is passed on */
#define WRAP(type, name, call, bad, params, args)                                      \
    type name params;                                                                  \
    type name params                                                                   \
    {                                                                                  \
        typedef type name##_fn params;                                                 \
        return fails(call) ? (bad) : (NEXT(name))args;                                 \
    }

/* Linux closes the descriptor whatever it says. */
static int close_now(int fd)
{
    int code = errno;
    typedef int close_fn(int);
    (void)(NEXT(close))(fd);
    errno = code;
    return -1;
}

WRAP(ssize_t, read, "read", -1, (int fd, void *p, size_t n), (fd, p, n))
WRAP(ssize_t, __read_chk, "read", -1, (int fd, void *p, size_t n, size_t m),
     (fd, p, n, m))
WRAP(ssize_t, pread, "read", -1, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(ssize_t, __pread_chk, "read", -1, (int fd, void *p, size_t n, off_t at, size_t m),
     (fd, p, n, at, m))
WRAP(ssize_t, write, "write", -1, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(int, fsync, "fsync", -1, (int fd), (fd))
WRAP(int, close, "close", close_now(fd), (int fd), (fd))
WRAP(int, rename, "rename", -1, (const char *a, const char *b), (a, b))
WRAP(int, symlink, "symlink", -1, (const char *a, const char *b), (a, b))
WRAP(int, unlink, "unlink", -1, (const char *a), (a))
WRAP(int, ftruncate, "ftruncate", -1, (int fd, off_t n), (fd, n))
WRAP(int, mkdir, "mkdir", -1, (const char *a, mode_t m), (a, m))
WRAP(int, pipe, "pipe", -1, (int fd[2]), (fd))
WRAP(pid_t, fork, "fork", -1, (void), ())
WRAP(pid_t, waitpid, "waitpid", -1, (pid_t p, int *s, int how), (p, s, how))
WRAP(int, fstat, "stat", -1, (int fd, struct stat *s), (fd, s))
WRAP(int, stat, "stat", -1, (const char *a, struct stat *s), (a, s))
WRAP(int, lstat, "stat", -1, (const char *a, struct stat *s), (a, s))
WRAP(DIR *, opendir, "opendir", NULL, (const char *a), (a))
WRAP(FILE *, fopen, "fopen", NULL, (const char *a, const char *m), (a, m))
WRAP(FILE *, tmpfile, "fopen", NULL, (void), ())
WRAP(int, __open_2, "open", -1, (const char *a, int flags), (a, flags))
WRAP(int, fflush, "fflush", EOF, (FILE * f), (f))
WRAP(void *, mmap, "mmap", MAP_FAILED,
     (void *a, size_t n, int p, int f, int fd, off_t at), (a, n, p, f, fd, at))
WRAP(size_t, fwrite, "fwrite", 0, (const void *p, size_t n, size_t m, FILE *f),
     (p, n, m, f))

int open(const char *path, int flags, ...)
{
    typedef int open_fn(const char *, int, ...);
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails("open") ? -1 : (NEXT(open))(path, flags, mode);
}

/* ---- from main to the end ---- */

static void report(void)
{
    const char *path = getenv("FAIL_COUNT");
    char text[32];
    atomic_store(&is_on, 0);
    if (path == NULL)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    int n = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));
    if (fd < 0 || write(fd, text, (size_t)n) != n)
        abort();
    close(fd);
}

_Noreturn void _exit(int status)
{
    typedef void _exit_fn(int);
    report(); /* of a worker, which goes on counting from where it was forked */
    (NEXT(_exit))(status);
    abort();
}

static const char *shim;

/* It allocates inside the C library. */
int setenv(const char *name, const char *value, int overwrite)
{
    typedef int setenv_fn(const char *, const char *, int);
    int was = atomic_exchange(&is_on, 0);
    int rc = (NEXT(setenv))(name, value, overwrite);
    atomic_store(&is_on, was);
    return rc;
}

/* What starts itself anew, for its libraries to be told something, is the same tool. */
int execve(const char *path, char *const argv[], char *const env[])
{
    typedef int execve_fn(const char *, char *const[], char *const[]);
    if (strcmp(path, "/proc/self/exe") != 0 || shim == NULL)
        return (NEXT(execve))(path, argv, env);
    atomic_store(&is_on, 0);
    setenv("LD_PRELOAD", shim, 1);
    return (NEXT(execve))(path, argv, environ);
}

static int (*their_main)(int, char **, char **);

static int begin(int argc, char **argv, char **env)
{
    const char *what = getenv("FAIL");
    int code = ENOMEM;
    char plus[2] = "";
    if (strcmp(program_invocation_short_name, "timeout") != 0 && what != NULL &&
        sscanf(what, "%31[a-z]:%ld%1[+]", kind, &first, plus) >= 2) {
        const char *last = strrchr(what, ':');
        if (last != strchr(what, ':'))
            code = atoi(last + 1);
        error = code;
        and_all_after = plus[0] == '+';
        atexit(report);
        shim = getenv("LD_PRELOAD");
        unsetenv("LD_PRELOAD"); /* not for what the tool starts */
        atomic_store(&is_on, 1);
    }
    return their_main(argc, argv, env);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                      void *stack_end)
{
    typedef int start_fn(int (*)(int, char **, char **), int, char **, void (*)(void),
                         void (*)(void), void (*)(void), void *);
    start_fn *start = (start_fn *)dlsym(RTLD_NEXT, "__libc_start_main");
    their_main = main;
    return start(begin, argc, argv, init, fini, rtld_fini, stack_end);
}
