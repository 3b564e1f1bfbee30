/* alike.c - see alike.h. */
#include "flow/alike.h"

#include "io/name.h"

#include <stdlib.h>
#include <string.h>

/* Pieces with this share of common n-grams are the same music. */
static const double ALIKE = 0.35;

int bl_alike_add(bl_alike *a, const bl_scheme *scheme, const bl_ids *ids, bl_err *e)
{
    void *array = a->prints;
    int rc = bl_grow(&array, &a->cap, a->n + 1, sizeof *a->prints, e);
    a->prints = array;
    if (rc == 0)
        rc = bl_scheme_decode(scheme, ids->id, ids->n, &a->song, NULL, e);
    if (rc != 0)
        return rc;
    bl_fingerprint *print = bl_calloc(1, sizeof *print, e);
    if (print == NULL)
        return BL_E_NOMEM;
    a->prints[a->n++] = print;
    return bl_fingerprint_of(print, &a->song, e);
}

/* A piece of the writer; the order of names is that of the input nowhere. */
typedef struct {
    const bl_shardw *writer;
    bl_fingerprint *print;
    size_t i;
} candidate;

static int in_order(const void *va, const void *vb)
{
    const candidate *a = va, *b = vb;
    return bl_shardw_order(a->writer, a->i, b->i);
}

static int add_row(bl_buf *table, const candidate *a, const candidate *b, bl_err *e)
{
    int rc = bl_name_encode(bl_shardw_name(a->writer, a->i), table, e);
    if (rc == 0)
        rc = bl_buf_addc(table, '\t', e);
    if (rc == 0)
        rc = bl_name_encode(bl_shardw_name(b->writer, b->i), table, e);
    return rc == 0 ? bl_buf_addf(table, e, "\t%.3f\n",
                                 bl_fingerprint_likeness(a->print, b->print))
                   : rc;
}

static uint32_t root_of(const uint32_t *up, uint32_t k)
{
    while (up[k] != k)
        k = up[k];
    return k;
}

/* `split` becomes group joined with that of the others. */
static int join_others(const bl_alike *others, const candidate *c, size_t n,
                       uint32_t *split, bl_err *e)
{
    const bl_fingerprint **prints = bl_calloc(n + 1, sizeof *prints, e);
    uint32_t *group = bl_calloc(n + 1, sizeof *group, e);
    int rc = prints == NULL || group == NULL ? BL_E_NOMEM : 0;
    for (size_t k = 0; k < n && rc == 0; k++)
        prints[k] = others->prints[c[k].i];
    if (rc == 0)
        rc = bl_fingerprints_group(prints, n, ALIKE, group, e);
    for (uint32_t k = 0; k < n && rc == 0; k++) {
        uint32_t a = root_of(split, k), b = root_of(split, group[k]);
        split[bl_max(a, b)] = (uint32_t)bl_min(a, b);
    }
    for (uint32_t k = 0; k < n && rc == 0; k++)
        split[k] = root_of(split, k);
    free(prints);
    free(group);
    return rc;
}

/* A group goes by the least of its keys, which are of the music itself; `split` says
 * which go together. */
static int settle_groups(const candidate *c, size_t n, const uint32_t *group,
                         const uint32_t *split, uint64_t *key, bl_shardw *writer,
                         int drop, uint64_t *n_near, bl_buf *table, bl_err *e)
{
    int rc = table != NULL ? bl_buf_adds(table, "piece\tlike\tlikeness\n", e) : 0;
    for (size_t k = 0; k < n && rc == 0; k++) {
        uint64_t own = c[k].print->key, *least = &key[split[k]];
        if (own != 0)
            *least = *least == 0 || own < *least ? own : *least;
        if (group[k] == k)
            continue;
        ++*n_near;
        rc = table != NULL ? add_row(table, &c[k], &c[group[k]], e) : 0;
        if (drop)
            bl_shardw_drop(writer, c[k].i);
    }
    for (size_t k = 0; k < n && rc == 0; k++)
        if (key[split[k]] != 0)
            bl_shardw_place(writer, c[k].i, key[split[k]]);
    return rc;
}

int bl_alike_settle(bl_alike *a, const bl_alike *others, bl_shardw *writer, int drop,
                    uint64_t *n_near, bl_buf *table, bl_err *e)
{
    uint32_t *group = bl_calloc(a->n + 1, sizeof *group, e);
    uint32_t *split = bl_calloc(a->n + 1, sizeof *split, e);
    uint64_t *key = bl_calloc(a->n + 1, sizeof *key, e);
    candidate *c = bl_calloc(a->n + 1, sizeof *c, e);
    int rc =
        group == NULL || split == NULL || key == NULL || c == NULL ? BL_E_NOMEM : 0;
    *n_near = 0;
    if (rc == 0) {
        for (size_t i = 0; i < a->n; i++)
            c[i] = (candidate){writer, a->prints[i], i};
        qsort(c, a->n, sizeof *c, in_order);
        for (size_t i = 0; i < a->n; i++)
            a->prints[i] = c[i].print;
        rc = bl_fingerprints_group((const bl_fingerprint *const *)a->prints, a->n,
                                   ALIKE, group, e);
    }
    if (rc == 0)
        memcpy(split, group, a->n * sizeof *split);
    if (rc == 0 && others != NULL)
        rc = join_others(others, c, a->n, split, e);
    if (rc == 0)
        rc = settle_groups(c, a->n, group, split, key, writer, drop, n_near, table, e);
    free(group);
    free(split);
    free(key);
    free(c);
    return rc;
}

void bl_alike_free(bl_alike *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->prints[i]);
    free(a->prints);
    bl_song_free(&a->song);
    *a = (bl_alike){0};
}
