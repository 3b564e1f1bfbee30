/* merges_learn.c - the learning half of merges.h. The lines are one list of symbols
 * with links to both neighbours; each pair knows where it stood, and a heap knows the
 * most frequent one. A merge touches only the places of its pair. */
#include "base/hash.h"
#include "token/merges.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t key; /* left << 16 | right */
    int64_t count;
    int32_t *at; /* [n] nodes of `left`; some may be stale */
    size_t n, cap;
} pair;

typedef struct {
    int64_t count;
    uint32_t key, pair;
} entry;

/* A line that stands once or more. */
typedef struct {
    uint32_t start, len, count;
} line;

struct bl_learner {
    size_t n_base;
    const bl_merge_rule *rule;
    uint16_t *sym; /* [n_nodes] all lines back to back */
    size_t n_nodes, cap_nodes;
    line *lines;
    size_t n_lines, cap_lines;
    bl_index line_index;  /* by hash */
    int32_t *next, *prev; /* [n_nodes] -1 = none; next -2 = merged away */
    uint32_t *line_of;    /* [n_nodes] */
    pair *pairs;
    size_t n_pairs, cap_pairs;
    bl_index pair_index;
    entry *heap;
    size_t n_heap, cap_heap;
    bl_err *e;
};

enum { GONE = -2, NODES_MAX = INT32_MAX };

int bl_learner_new(bl_learner **l, size_t n_base, const bl_merge_rule *rule, bl_err *e)
{
    *l = bl_calloc(1, sizeof **l, e);
    if (*l == NULL)
        return BL_E_NOMEM;
    (*l)->n_base = n_base;
    (*l)->rule = rule;
    return 0;
}

void bl_learner_del(bl_learner *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->n_pairs; i++)
        free(l->pairs[i].at);
    free(l->pairs);
    bl_index_free(&l->pair_index);
    free(l->heap);
    free(l->sym);
    free(l->lines);
    bl_index_free(&l->line_index);
    free(l->next);
    free(l->prev);
    free(l->line_of);
    free(l);
}

/* ---- lines ---- */

/* NULL where there is none. */
static line *find_line(const bl_learner *l, uint64_t hash, const uint16_t *ids,
                       size_t n)
{
    size_t at = bl_index_start(&l->line_index, hash);
    int64_t i;
    while ((i = bl_index_next(&l->line_index, hash, &at)) >= 0) {
        line *x = &l->lines[i];
        if (x->len == n && memcmp(l->sym + x->start, ids, n * sizeof *ids) == 0)
            return x;
    }
    return NULL;
}

static int add_line(bl_learner *l, const uint16_t *ids, size_t n, bl_err *e)
{
    if (n < 2)
        return 0;
    uint64_t hash = bl_xxh3(ids, n * sizeof *ids);
    line *old = find_line(l, hash, ids, n);
    if (old != NULL) {
        old->count++;
        return 0;
    }
    if (l->n_nodes + n > NODES_MAX)
        return bl_fail(e, BL_E_LIMIT, "more than %d tokens of different lines",
                       NODES_MAX);
    void *sym = l->sym, *lines = l->lines;
    int rc = bl_grow(&sym, &l->cap_nodes, l->n_nodes + n, sizeof *l->sym, e);
    l->sym = sym;
    if (rc == 0)
        rc = bl_grow(&lines, &l->cap_lines, l->n_lines + 1, sizeof *l->lines, e);
    l->lines = lines;
    if (rc == 0)
        rc = bl_index_add(&l->line_index, hash, l->n_lines, e);
    if (rc != 0)
        return rc;
    memcpy(l->sym + l->n_nodes, ids, n * sizeof *ids);
    l->lines[l->n_lines++] = (line){(uint32_t)l->n_nodes, (uint32_t)n, 1};
    l->n_nodes += n;
    return 0;
}

int bl_learner_add(bl_learner *l, const uint16_t *ids, size_t n, bl_err *e)
{
    const bl_merge_rule *rule = l->rule;
    size_t start = 0;
    unsigned moved = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        moved += rule->advance[ids[i]];
        int is_due = moved >= rule->unit;
        moved %= rule->unit;
        if (is_due || rule->is_alone[ids[i]]) {
            rc = add_line(l, ids + start, i - start, e);
            start = rule->is_alone[ids[i]] ? i + 1 : i;
        }
    }
    return rc == 0 ? add_line(l, ids + start, n - start, e) : rc;
}

/* ---- pairs ---- */

static uint32_t key_at(const bl_learner *l, int32_t node)
{
    return bl_merge_key(l->sym[node], l->sym[l->next[node]]);
}

static int64_t weight(const bl_learner *l, int32_t node)
{
    return l->lines[l->line_of[node]].count;
}

/* The pair that begins at a node came into being. */
static int enter(bl_learner *l, int32_t node)
{
    uint32_t key = key_at(l, node);
    int64_t i = bl_index_find(&l->pair_index, key);
    int rc = 0;
    if (i < 0) {
        void *pairs = l->pairs;
        i = (int64_t)l->n_pairs;
        rc = bl_grow(&pairs, &l->cap_pairs, l->n_pairs + 1, sizeof *l->pairs, l->e);
        l->pairs = pairs;
        if (rc == 0)
            rc = bl_index_add(&l->pair_index, key, l->n_pairs, l->e);
        if (rc != 0)
            return rc;
        l->pairs[l->n_pairs++] = (pair){.key = key};
    }
    pair *p = &l->pairs[i];
    void *at = p->at;
    rc = bl_grow(&at, &p->cap, p->n + 1, sizeof *p->at, l->e);
    p->at = at;
    if (rc == 0) {
        p->at[p->n++] = node;
        p->count += weight(l, node);
    }
    return rc;
}

/* It is no more; its place in the list stays, stale. */
static void leave(bl_learner *l, int32_t node)
{
    int64_t i = bl_index_find(&l->pair_index, key_at(l, node));
    l->pairs[i].count -= weight(l, node);
}

/* ---- the most frequent pair ---- */

static int is_more(entry a, entry b)
{
    return a.count != b.count ? a.count > b.count : a.key < b.key;
}

static int push(bl_learner *l, uint32_t p)
{
    void *heap = l->heap;
    int rc = bl_grow(&heap, &l->cap_heap, l->n_heap + 1, sizeof *l->heap, l->e);
    l->heap = heap;
    if (rc != 0)
        return rc;
    entry x = {l->pairs[p].count, l->pairs[p].key, p};
    size_t i = l->n_heap++;
    for (; i > 0 && is_more(x, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = x;
    return 0;
}

static entry pop(bl_learner *l)
{
    entry top = l->heap[0], x = l->heap[--l->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->n_heap)
            break;
        child += child + 1 < l->n_heap && is_more(l->heap[child + 1], l->heap[child]);
        if (!is_more(l->heap[child], x))
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = x;
    return top;
}

/* 1 and the pair, 0 if none stands twice. Counts only fall once a pair has been pushed:
 * an entry that says too much goes back with what is true. */
static int best(bl_learner *l, uint32_t *p)
{
    while (l->n_heap > 0) {
        entry x = pop(l);
        int64_t count = l->pairs[x.pair].count;
        if (count == x.count) {
            *p = x.pair;
            return count > 1;
        }
        int rc = count > 1 ? push(l, x.pair) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- merging ---- */

static int make_links(bl_learner *l)
{
    size_t n = l->n_nodes + 1;
    l->next = bl_calloc(n, sizeof *l->next, l->e);
    l->prev = bl_calloc(n, sizeof *l->prev, l->e);
    l->line_of = bl_calloc(n, sizeof *l->line_of, l->e);
    if (l->next == NULL || l->prev == NULL || l->line_of == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < l->n_lines; i++) {
        const line *x = &l->lines[i];
        for (uint32_t k = 0; k < x->len; k++) {
            int32_t node = (int32_t)(x->start + k);
            l->line_of[node] = (uint32_t)i;
            l->prev[node] = k > 0 ? node - 1 : -1;
            l->next[node] = k + 1 < x->len ? node + 1 : -1;
        }
    }
    int rc = 0;
    for (size_t i = 0; i < l->n_nodes && rc == 0; i++)
        if (l->next[i] >= 0)
            rc = enter(l, (int32_t)i);
    for (size_t p = 0; p < l->n_pairs && rc == 0; p++)
        rc = push(l, (uint32_t)p);
    return rc;
}

/* The pair that begins at a node becomes one symbol. */
static int merge_at(bl_learner *l, int32_t node, uint16_t symbol)
{
    int32_t right = l->next[node], before = l->prev[node], after = l->next[right];
    if (before >= 0)
        leave(l, before);
    if (after >= 0)
        leave(l, right);
    leave(l, node);
    l->sym[node] = symbol;
    l->next[node] = after;
    l->next[right] = GONE;
    if (after >= 0)
        l->prev[after] = node;
    int rc = before >= 0 ? enter(l, before) : 0;
    return rc == 0 && after >= 0 ? enter(l, node) : rc;
}

static int by_node(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* All places of a pair, from left to right. */
static int merge_all(bl_learner *l, uint32_t p, uint16_t symbol)
{
    uint32_t key = l->pairs[p].key;
    int32_t *at = l->pairs[p].at;
    size_t n = l->pairs[p].n, n_before = l->n_pairs;
    int rc = 0;
    l->pairs[p].at = NULL;
    l->pairs[p].n = l->pairs[p].cap = 0;
    qsort(at, n, sizeof *at, by_node);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (l->next[at[i]] >= 0 && key_at(l, at[i]) == key)
            rc = merge_at(l, at[i], symbol);
    free(at);
    /* pairs with the new symbol are new: they are pushed when their counts are whole */
    for (size_t k = n_before; k < l->n_pairs && rc == 0; k++)
        rc = push(l, (uint32_t)k);
    return rc;
}

/* How many base ids an id stands for. */
static unsigned length_of(const bl_merges *m, const uint16_t *length, uint32_t id)
{
    return id < m->n_base ? 1 : length[id - m->n_base];
}

int bl_learner_run(bl_learner *l, size_t wanted, bl_merges *m, uint64_t *count,
                   bl_err *e)
{
    uint32_t p = 0;
    l->e = e;
    m->n_base = l->n_base;
    m->merge = bl_calloc(wanted + 1, sizeof *m->merge, e);
    m->cap = wanted;
    uint16_t *length = bl_calloc(wanted + 1, sizeof *length, e);
    if (m->merge == NULL || length == NULL) {
        free(length);
        return BL_E_NOMEM;
    }
    int rc = make_links(l);
    while (rc == 0 && m->n < wanted) {
        rc = best(l, &p);
        if (rc <= 0)
            break;
        uint32_t key = l->pairs[p].key;
        unsigned n =
            length_of(m, length, key >> 16) + length_of(m, length, key & 0xffff);
        rc = 0;
        if (n > BL_MERGE_MAX)
            continue;
        length[m->n] = (uint16_t)n;
        count[m->n] = (uint64_t)l->pairs[p].count;
        m->merge[m->n] = (bl_merge){(uint16_t)(key >> 16), (uint16_t)key};
        rc = merge_all(l, p, (uint16_t)(l->n_base + m->n));
        m->n++;
    }
    free(length);
    return rc == 0 ? bl_merges_index(m, e) : rc;
}
