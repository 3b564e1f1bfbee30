/* pool.c - see pool.h. Workers spin for a moment before they sleep: the ops of a small
 * model follow each other within microseconds. */
#include "nn/pool.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPINS = 2000 }; /* some 30 to 80 microseconds */

/* Tells the processor that a loop is waiting. */
static inline void pause_spin(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

struct bl_pool {
    int n_threads;
    pthread_t *thread; /* [n_threads - 1]: the caller is the last one */
    int n_started;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_uint job; /* counts jobs; workers wait for it to change */
    atomic_int next; /* the part to be taken next */
    atomic_int busy; /* workers that have not finished with the job */
    atomic_int stopping;
    bl_pool_fn *fn;
    void *arg;
    int n_parts;
    void *scratch;
};

static void work(bl_pool *p)
{
    for (int part; (part = atomic_fetch_add(&p->next, 1)) < p->n_parts;)
        p->fn(p->arg, part);
}

static void wait_for_job(bl_pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++, pause_spin())
        if (atomic_load(&p->job) != seen)
            return;
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->job) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void *worker(void *arg)
{
    bl_pool *p = arg;
    for (unsigned seen = 0;; seen++) {
        wait_for_job(p, seen);
        if (atomic_load(&p->stopping))
            return NULL;
        work(p);
        if (atomic_fetch_sub(&p->busy, 1) == 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void start_job(bl_pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->job, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
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
    p->thread = bl_calloc((size_t)n_threads, sizeof *p->thread, e);
    p->scratch = aligned_alloc(64, BL_POOL_SCRATCH);
    int rc = p->thread == NULL ? BL_E_NOMEM : 0;
    if (p->scratch == NULL)
        rc = bl_fail(e, BL_E_NOMEM, "no room for %d bytes", BL_POOL_SCRATCH);
    for (int i = 0; rc == 0 && i < n_threads - 1; i++) {
        if (pthread_create(&p->thread[i], NULL, worker, p) != 0)
            rc = bl_fail(e, BL_E_NOMEM, "thread %d of %d cannot be started", i + 2,
                         n_threads);
        else
            p->n_started++;
    }
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
    for (int i = 0; i < p->n_started; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->thread);
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
    p->n_parts = n_parts;
    atomic_store(&p->next, 0);
    atomic_store(&p->busy, p->n_started);
    start_job(p);
    work(p);
    for (int i = 0; i < SPINS; i++, pause_spin())
        if (atomic_load(&p->busy) == 0)
            return;
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->busy) > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
