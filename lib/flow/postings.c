/* postings.c - see postings.h. Runs of what fits into memory are sorted and put away,
 * then merged: at each moment the least of their heads, which a heap has in front. */
#include "flow/postings.h"

#include <stdlib.h>

enum {
    RUN = 1 << 15,  /* postings sorted at once */
    AHEAD = 1 << 8, /* read at once of a run, when there are several */
};

/* A run on its way: all but the last have RUN postings. */
typedef struct {
    uint64_t at, end;  /* postings of the file that are not read yet */
    bl_posting *ahead; /* [n] i of them are used */
    size_t i, n;
} run;

struct bl_postings {
    bl_spill *kept;
    bl_posting *last; /* [RUN] those that are not put away */
    size_t n_last;
    run *runs; /* [n_runs] a heap, none of them empty */
    size_t n_runs;
    bl_posting *ahead; /* [n_runs * AHEAD] */
};

int bl_postings_new(bl_postings **p, const char *path, bl_err *e)
{
    bl_postings *new = *p = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->last = bl_calloc(RUN, sizeof *new->last, e);
    return new->last == NULL ? BL_E_NOMEM : bl_spill_new(&new->kept, path, e);
}

static int in_order(const void *va, const void *vb)
{
    const bl_posting *a = va, *b = vb;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->piece < b->piece ? -1 : a->piece > b->piece;
}

static int put_away(bl_postings *p, bl_err *e)
{
    qsort(p->last, p->n_last, sizeof *p->last, in_order);
    int rc = bl_spill_add(p->kept, p->last, p->n_last * sizeof *p->last, e);
    p->n_last = 0;
    return rc;
}

int bl_postings_add(bl_postings *p, uint64_t hash, uint32_t piece, bl_err *e)
{
    int rc = p->n_last == RUN ? put_away(p, e) : 0;
    if (rc == 0)
        p->last[p->n_last++] = (bl_posting){hash, piece};
    return rc;
}

/* ---- the heap ---- */

/* Reads on in a run whose postings are used. 1, or 0 at its end. */
static int look_ahead(bl_postings *p, run *r, bl_err *e)
{
    if (r->i < r->n)
        return 1;
    size_t n = (size_t)bl_min((int64_t)(r->end - r->at), AHEAD);
    int rc = n > 0 ? bl_spill_read(p->kept, r->at * sizeof *r->ahead, r->ahead,
                                   n * sizeof *r->ahead, e)
                   : 0;
    r->at += n;
    r->i = 0;
    r->n = n;
    return rc == 0 ? n > 0 : rc;
}

static int comes_first(const run *a, const run *b)
{
    return in_order(&a->ahead[a->i], &b->ahead[b->i]) < 0;
}

static void sink(bl_postings *p, size_t i)
{
    for (size_t least = i;; i = least) {
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < p->n_runs; k++)
            if (comes_first(&p->runs[k], &p->runs[least]))
                least = k;
        if (least == i)
            return;
        run moved = p->runs[i];
        p->runs[i] = p->runs[least];
        p->runs[least] = moved;
    }
}

int bl_postings_sort(bl_postings *p, bl_err *e)
{
    int rc = put_away(p, e);
    uint64_t n = bl_spill_size(p->kept) / sizeof *p->last;
    p->n_runs = (size_t)((n + RUN - 1) / RUN);
    p->runs = bl_calloc(p->n_runs, sizeof *p->runs, e);
    p->ahead = bl_calloc(p->n_runs, AHEAD * sizeof *p->ahead, e);
    if (rc != 0 || p->runs == NULL || p->ahead == NULL)
        return rc != 0 ? rc : BL_E_NOMEM;
    for (size_t k = 0; k < p->n_runs && rc >= 0; k++) {
        p->runs[k] = (run){.at = (uint64_t)k * RUN,
                           .end = (uint64_t)bl_min((int64_t)(k + 1) * RUN, (int64_t)n),
                           .ahead = p->ahead + k * AHEAD};
        rc = look_ahead(p, &p->runs[k], e);
    }
    for (size_t k = p->n_runs; k-- > 0 && rc >= 0;)
        sink(p, k);
    return bl_min(rc, 0);
}

int bl_postings_next(bl_postings *p, bl_posting *next, bl_err *e)
{
    if (p->n_runs == 0)
        return 0;
    run *first = &p->runs[0];
    *next = first->ahead[first->i++];
    int rc = look_ahead(p, first, e);
    if (rc == 0)
        *first = p->runs[--p->n_runs];
    if (rc >= 0)
        sink(p, 0);
    return rc < 0 ? rc : 1;
}

void bl_postings_del(bl_postings *p)
{
    if (p == NULL)
        return;
    bl_spill_del(p->kept);
    free(p->last);
    free(p->runs);
    free(p->ahead);
    free(p);
}
