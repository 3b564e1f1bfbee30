/* alike.c - see alike.h. */
#include "flow/alike.h"

#include "io/name.h"

#include <stdlib.h>
#include <string.h>

/* Pieces with this share of common n-grams are the same music. */
static const double ALIKE = 0.35;

/* A piece of the writer; the order of names is that of the input nowhere. */
typedef struct {
    const bl_shardw *writer;
    uint32_t i;
} candidate;

typedef struct {
    bl_shardw *writer;
    bl_prints *prints;
    int drop;
    bl_buf *table; /* or NULL */
    size_t n;
    uint32_t *order; /* [n] numbers of the writer's pieces, by name */
    uint32_t *group; /* [n] of the same music, by place in the order */
    uint32_t *split; /* [n] what goes together */
    uint64_t *key;   /* [n] of those that begin a split */
} settling;

static int in_order(const void *va, const void *vb)
{
    const candidate *a = va, *b = vb;
    return bl_shardw_order(a->writer, a->i, b->i);
}

static int find_order(settling *s, bl_err *e)
{
    candidate *c = bl_calloc(s->n + 1, sizeof *c, e);
    if (c == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < s->n; i++)
        c[i] = (candidate){s->writer, (uint32_t)i};
    qsort(c, s->n, sizeof *c, in_order);
    for (size_t k = 0; k < s->n; k++)
        s->order[k] = c[k].i;
    free(c);
    return 0;
}

static int add_row(const settling *s, size_t a, size_t b, bl_err *e)
{
    const bl_fingerprint *print;
    int rc = bl_prints_at(s->prints, s->order[a], &print, e);
    if (rc != 0)
        return rc;
    bl_fingerprint own = *print;
    rc = bl_prints_at(s->prints, s->order[b], &print, e);
    if (rc == 0)
        rc = bl_name_encode(bl_shardw_name(s->writer, s->order[a]), s->table, e);
    if (rc == 0)
        rc = bl_buf_addc(s->table, '\t', e);
    if (rc == 0)
        rc = bl_name_encode(bl_shardw_name(s->writer, s->order[b]), s->table, e);
    return rc == 0 ? bl_buf_addf(s->table, e, "\t%.3f\n",
                                 bl_fingerprint_likeness(&own, print))
                   : rc;
}

static uint32_t root_of(const uint32_t *up, uint32_t k)
{
    while (up[k] != k)
        k = up[k];
    return k;
}

/* s->split becomes group joined with that of the others. */
static int join_others(settling *s, bl_prints *others, bl_err *e)
{
    uint32_t *group = bl_calloc(s->n + 1, sizeof *group, e), *split = s->split;
    int rc =
        group == NULL ? BL_E_NOMEM : bl_prints_group(others, s->order, ALIKE, group, e);
    for (uint32_t k = 0; k < s->n && rc == 0; k++) {
        uint32_t a = root_of(split, k), b = root_of(split, group[k]);
        split[bl_max(a, b)] = (uint32_t)bl_min(a, b);
    }
    for (uint32_t k = 0; k < s->n && rc == 0; k++)
        split[k] = root_of(split, k);
    free(group);
    return rc;
}

/* A group goes by the least of its keys, which are of the music itself. */
static int settle_groups(settling *s, uint64_t *n_near, bl_err *e)
{
    const bl_fingerprint *print;
    int rc = s->table != NULL ? bl_buf_adds(s->table, "piece\tlike\tlikeness\n", e) : 0;
    for (size_t k = 0; k < s->n && rc == 0; k++) {
        rc = bl_prints_at(s->prints, s->order[k], &print, e);
        if (rc != 0)
            break;
        uint64_t own = print->key, *least = &s->key[s->split[k]];
        if (own != 0)
            *least = *least == 0 || own < *least ? own : *least;
        if (s->group[k] == k)
            continue;
        ++*n_near;
        rc = s->table != NULL ? add_row(s, k, s->group[k], e) : 0;
        if (s->drop)
            bl_shardw_drop(s->writer, s->order[k]);
    }
    for (size_t k = 0; k < s->n && rc == 0; k++)
        if (s->key[s->split[k]] != 0)
            bl_shardw_place(s->writer, s->order[k], s->key[s->split[k]]);
    return rc;
}

int bl_alike_settle(bl_prints *prints, bl_prints *others, bl_shardw *writer, int drop,
                    uint64_t *n_near, bl_buf *table, bl_err *e)
{
    size_t n = bl_prints_size(prints);
    settling s = {.writer = writer,
                  .prints = prints,
                  .drop = drop,
                  .table = table,
                  .n = n,
                  .order = bl_calloc(n + 1, sizeof *s.order, e),
                  .group = bl_calloc(n + 1, sizeof *s.group, e),
                  .split = bl_calloc(n + 1, sizeof *s.split, e),
                  .key = bl_calloc(n + 1, sizeof *s.key, e)};
    int rc = s.order == NULL || s.group == NULL || s.split == NULL || s.key == NULL
                 ? BL_E_NOMEM
                 : find_order(&s, e);
    *n_near = 0;
    if (rc == 0)
        rc = bl_prints_group(prints, s.order, ALIKE, s.group, e);
    if (rc == 0)
        memcpy(s.split, s.group, n * sizeof *s.split);
    if (rc == 0 && others != NULL)
        rc = join_others(&s, others, e);
    if (rc == 0)
        rc = settle_groups(&s, n_near, e);
    free(s.order);
    free(s.group);
    free(s.split);
    free(s.key);
    return rc;
}
