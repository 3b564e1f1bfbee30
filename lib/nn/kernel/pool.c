/* pool.c - see pool.h. Workers spin for a moment before they sleep: the ops of a small
 * model follow each other within microseconds. A job is closed when its parts are
 * taken; a worker that wakes up later has missed it, and nobody waits for that: on a
 * busy machine it can be milliseconds late. */
#include "nn/kernel/pool.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    SPINS = 2000, /* some 30 to 80 microseconds */
    OPEN = 1 << 30,
};

/* Tells the processor that a loop is waiting. */
static inline void pause_spin(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* A thread and its share, neighbouring parts. It takes those first, so that rows which
 * one op has left in a core's cache meet the next op there, and then what the others
 * have not begun. */
typedef struct {
    _Alignas(64) atomic_int next; /* the part to be taken next */
    int end;
    int number;
    pthread_t thread;
    bl_pool *pool;
} member;

struct bl_pool {
    int n_threads;
    member *members; /* [n_threads]: the first is the caller */
    int n_started;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_uint job;   /* counts jobs; workers wait for it to change */
    atomic_int inside; /* workers in the job; plus OPEN while others may enter it */
    atomic_int stopping;
    bl_pool_fn *fn;
    void *arg;
    void *scratch;
};

static void work(member *m)
{
    bl_pool *p = m->pool;
    for (int i = 0; i < p->n_threads; i++) {
        member *of = &p->members[(m->number + i) % p->n_threads];
        for (int part; (part = atomic_fetch_add(&of->next, 1)) < of->end;)
            p->fn(p->arg, part);
    }
}

/* The first part of thread i's share; a product of parts and threads may be large. */
static int share_start(const bl_pool *p, int n_parts, int i)
{
    return (int)((int64_t)n_parts * i / p->n_threads);
}

static void share_out(bl_pool *p, int n_parts)
{
    for (int i = 0; i < p->n_threads; i++) {
        atomic_store(&p->members[i].next, share_start(p, n_parts, i));
        p->members[i].end = share_start(p, n_parts, i + 1);
    }
}

/* Returns the number of a job after `seen`. */
static unsigned wait_for_job(bl_pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++, pause_spin())
        if (atomic_load(&p->job) != seen)
            return atomic_load(&p->job);
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->job) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return atomic_load(&p->job);
}

/* 0: too late. */
static int enter(bl_pool *p)
{
    int now = atomic_load(&p->inside);
    while ((now & OPEN) != 0)
        if (atomic_compare_exchange_weak(&p->inside, &now, now + 1))
            return 1;
    return 0;
}

static void leave(bl_pool *p)
{
    if (atomic_fetch_sub(&p->inside, 1) != 1)
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static void *worker(void *arg)
{
    member *m = arg;
    bl_pool *p = m->pool;
    for (unsigned seen = 0;;) {
        seen = wait_for_job(p, seen);
        if (atomic_load(&p->stopping))
            return NULL;
        if (!enter(p))
            continue;
        work(m);
        leave(p);
    }
}

static void start_job(bl_pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->job, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static int start_member(bl_pool *p, int number, bl_err *e)
{
    member *m = &p->members[number];
    *m = (member){.number = number, .pool = p};
    if (number == 0)
        return 0;
    if (pthread_create(&m->thread, NULL, worker, m) != 0)
        return bl_fail(
            e, BL_E_NOMEM,
            "thread %d of %d cannot be started: memory or threads are limited "
            "(ulimit -v, -u); -j %d wants less",
            number + 1, p->n_threads, (int)bl_max(number / 2, 1));
    p->n_started++;
    return 0;
}

int bl_pool_new(bl_pool **out, int n_threads, bl_err *e)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > 1024)
        return bl_fail(e, BL_E_ARG, "%d threads: 1 to 1024 are possible", n_threads);
    bl_pool *p = bl_calloc(1, sizeof *p, e);
    if (p == NULL)
        return BL_E_NOMEM;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    p->n_threads = n_threads;
    size_t members = (size_t)n_threads * sizeof *p->members;
    p->members = aligned_alloc(64, members);
    p->scratch = aligned_alloc(64, BL_POOL_SCRATCH);
    int rc = 0;
    if (p->members == NULL || p->scratch == NULL)
        rc = bl_fail(e, BL_E_NOMEM, "no room for %zu bytes", members + BL_POOL_SCRATCH);
    for (int i = 0; rc == 0 && i < n_threads; i++)
        rc = start_member(p, i, e);
    if (rc != 0) {
        bl_pool_del(p);
        return rc;
    }
    *out = p;
    return 0;
}

void bl_pool_del(bl_pool *p)
{
    if (p == NULL)
        return;
    atomic_store(&p->stopping, 1);
    start_job(p);
    for (int i = 1; i <= p->n_started; i++)
        pthread_join(p->members[i].thread, NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->members);
    free(p->scratch);
    free(p);
}

int bl_pool_threads(const bl_pool *p)
{
    return p->n_threads;
}

void *bl_pool_scratch(const bl_pool *p)
{
    return p->scratch;
}

void bl_pool_run(bl_pool *p, bl_pool_fn *fn, void *arg, int n_parts)
{
    if (n_parts == 1 || p->n_started == 0) {
        for (int part = 0; part < n_parts; part++)
            fn(arg, part);
        return;
    }
    p->fn = fn;
    p->arg = arg;
    share_out(p, n_parts);
    atomic_store(&p->inside, OPEN);
    start_job(p);
    work(&p->members[0]);
    atomic_fetch_and(&p->inside, ~OPEN);
    for (int i = 0; i < SPINS; i++, pause_spin())
        if (atomic_load(&p->inside) == 0)
            return;
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->inside) > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
