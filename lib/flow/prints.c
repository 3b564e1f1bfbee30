/* prints.c - see prints.h. */
#include "flow/prints.h"

#include "base/hash.h"
#include "flow/postings.h"

#include <stdlib.h>

enum {
    INDEXED = 32, /* hashes of a piece by which it is found */
    COMPARED = 8, /* pieces of one hash that a further one is compared with */
    CACHED = 512, /* of them in memory, one for each remainder of the number */
};

struct bl_prints {
    bl_spill *kept;
    size_t n;
    char *path;
    size_t *cached; /* [CACHED] 1 + which one it is, 0 = none */
    bl_fingerprint *cache;
};

int bl_prints_new(bl_prints **p, const char *path, bl_err *e)
{
    bl_prints *new = *p = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->path = bl_strdup(path, e);
    new->cached = bl_calloc(CACHED, sizeof *new->cached, e);
    new->cache = bl_calloc(CACHED, sizeof *new->cache, e);
    int rc = new->path == NULL || new->cached == NULL || new->cache == NULL
                 ? BL_E_NOMEM
                 : bl_spill_new(&new->kept, path, e);
    if (rc != 0) {
        bl_prints_del(new);
        *p = NULL;
    }
    return rc;
}

int bl_prints_add(bl_prints *p, const bl_fingerprint *print, bl_err *e)
{
    int rc = bl_spill_add(p->kept, print, sizeof *print, e);
    p->n += rc == 0;
    return rc;
}

size_t bl_prints_size(const bl_prints *p)
{
    return p->n;
}

int bl_prints_at(bl_prints *p, size_t i, const bl_fingerprint **print, bl_err *e)
{
    size_t slot = i % CACHED;
    *print = &p->cache[slot];
    if (p->cached[slot] == i + 1)
        return 0;
    p->cached[slot] = 0;
    int rc = bl_spill_read(p->kept, (uint64_t)i * sizeof **print, &p->cache[slot],
                           sizeof **print, e);
    if (rc == 0)
        p->cached[slot] = i + 1;
    return rc;
}

void bl_prints_del(bl_prints *p)
{
    if (p == NULL)
        return;
    bl_spill_del(p->kept);
    free(p->path);
    free(p->cached);
    free(p->cache);
    free(p);
}

/* ---- groups ---- */

typedef struct {
    bl_prints *prints;
    const uint32_t *order;
    double at_least;
    uint32_t *group;
    uint32_t *run; /* [n_run] pieces that share one hash */
    size_t n_run, cap_run;
} grouping;

static uint32_t root_of(uint32_t *group, uint32_t i)
{
    while (group[i] != i)
        i = group[i] = group[group[i]];
    return i;
}

static void join(uint32_t *group, uint32_t a, uint32_t b)
{
    a = root_of(group, a);
    b = root_of(group, b);
    if (a < b)
        group[b] = a;
    else
        group[a] = b;
}

/* 1 where pieces a and b of the order are alike. */
static int are_alike(const grouping *g, uint32_t a, uint32_t b, bl_err *e)
{
    bl_fingerprint first;
    const bl_fingerprint *p;
    int rc = bl_prints_at(g->prints, g->order[a], &p, e);
    if (rc != 0)
        return rc;
    if (g->order[a] % CACHED == g->order[b] % CACHED) { /* it would be overwritten */
        first = *p;
        p = &first;
    }
    const bl_fingerprint *q;
    rc = bl_prints_at(g->prints, g->order[b], &q, e);
    return rc == 0 ? bl_fingerprint_likeness(p, q) >= g->at_least : rc;
}

/* Pieces that share one hash: each is compared with the few before it that are not of
 * its group yet. */
static int compare_run(const grouping *g, bl_err *e)
{
    for (size_t i = 1; i < g->n_run; i++) {
        int compared = 0;
        for (size_t k = i; k-- > 0 && compared < COMPARED;) {
            uint32_t a = g->run[i], b = g->run[k];
            if (root_of(g->group, a) == root_of(g->group, b))
                continue;
            compared++;
            int rc = are_alike(g, a, b, e);
            if (rc < 0)
                return rc;
            if (rc > 0)
                join(g->group, a, b);
        }
    }
    return 0;
}

/* Pieces of equal prints belong together, whatever stands between them. */
static int join_run(const grouping *g, bl_err *e)
{
    (void)e;
    for (size_t i = 1; i < g->n_run; i++)
        join(g->group, g->run[i], g->run[i - 1]);
    return 0;
}

/* Calls do_run for each hash of the postings, in their order. */
static int each_run(grouping *g, bl_postings *all,
                    int (*do_run)(const grouping *g, bl_err *e), bl_err *e)
{
    bl_posting next;
    uint64_t hash = 0;
    int more, rc;
    g->n_run = 0;
    do {
        more = rc = bl_postings_next(all, &next, e);
        if (rc >= 0 && g->n_run > 0 && (more == 0 || next.hash != hash)) {
            rc = do_run(g, e);
            g->n_run = 0;
        }
        if (rc >= 0 && more > 0) {
            rc = bl_room(&g->run, &g->cap_run, g->n_run + 1, sizeof *g->run, e);
            if (rc == 0)
                g->run[g->n_run++] = next.piece;
            hash = next.hash;
        }
    } while (rc >= 0 && more > 0);
    return bl_min(rc, 0);
}

static int add_whole(bl_postings *to, const bl_fingerprint *print, uint32_t k,
                     bl_err *e)
{
    return print->n == 0
               ? 0
               : bl_postings_add(
                     to, bl_xxh3(print->hash, print->n * sizeof print->hash[0]), k, e);
}

static int add_hashes(bl_postings *to, const bl_fingerprint *print, uint32_t k,
                      bl_err *e)
{
    int rc = 0;
    for (uint32_t i = 0; i < print->n && i < INDEXED && rc == 0; i++)
        rc = bl_postings_add(to, print->hash[i], k, e);
    return rc;
}

static int one_pass(grouping *g,
                    int (*add)(bl_postings *to, const bl_fingerprint *print, uint32_t k,
                               bl_err *e),
                    int (*do_run)(const grouping *g, bl_err *e), bl_err *e)
{
    bl_postings *all;
    const bl_fingerprint *print;
    int rc = bl_postings_new(&all, g->prints->path, e);
    for (size_t k = 0; k < g->prints->n && rc == 0; k++) {
        rc = bl_prints_at(g->prints, g->order[k], &print, e);
        if (rc == 0)
            rc = add(all, print, (uint32_t)k, e);
    }
    if (rc == 0)
        rc = bl_postings_sort(all, e);
    if (rc == 0)
        rc = each_run(g, all, do_run, e);
    bl_postings_del(all);
    return rc;
}

int bl_prints_group(bl_prints *p, const uint32_t *order, double at_least,
                    uint32_t *group, bl_err *e)
{
    grouping g = {.prints = p, .order = order, .at_least = at_least, .group = group};
    for (size_t k = 0; k < p->n; k++)
        group[k] = (uint32_t)k;
    int rc = one_pass(&g, add_whole, join_run, e);
    if (rc == 0)
        rc = one_pass(&g, add_hashes, compare_run, e);
    for (size_t k = 0; k < p->n && rc == 0; k++)
        group[k] = root_of(group, (uint32_t)k);
    free(g.run);
    return rc;
}
