/* pool.h - a fixed crew of threads that runs the parts of one job and waits. What
 * is a part depends on the job's shape alone, never on the number of threads, so
 * that results have the same bytes for any number of them. */
#ifndef BL_POOL_H
#define BL_POOL_H

#include "base/err.h"

typedef struct bl_pool bl_pool;

/* n_threads >= 1; the caller of bl_pool_run is one of them. Release with _del. */
int bl_pool_new(bl_pool **p, int n_threads, bl_err *e) BL_MUST_CHECK;
void bl_pool_del(bl_pool *p);
int bl_pool_threads(const bl_pool *p);

/* Memory for the job that runs: BL_POOL_SCRATCH bytes, 64-byte aligned, shared by its
 * parts. Pages that are never touched take no room. */
enum { BL_POOL_SCRATCH = 4 << 20 };
void *bl_pool_scratch(const bl_pool *p);

/* Calls fn(arg, part) for part = 0 .. n_parts-1, each once, on any thread; returns
 * when all are done. Not reentrant. n_parts == 1 runs in the caller. */
typedef void bl_pool_fn(void *arg, int part);
void bl_pool_run(bl_pool *p, bl_pool_fn *fn, void *arg, int n_parts);

#endif
