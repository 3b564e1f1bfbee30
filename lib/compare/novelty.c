/* novelty.c - see novelty.h. The suffix array is made by doubling (Manber and Myers,
 * "Suffix arrays", 1993) with counting sorts, and stops where suffixes are ordered by
 * their first 4096 steps. */
#include "compare/novelty.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BETWEEN = 0xffff, DEPTH = 4096 };

const int bl_copy_length[BL_COPY_LENGTHS] = {4, 8, 12, 16, 24, 32};

typedef struct {
    size_t from; /* first step */
    char *name;
} piece;

struct bl_novelty {
    uint16_t *step;  /* [n]: of all pieces, BETWEEN after each */
    uint32_t *bar;   /* [n] */
    uint32_t *order; /* [n]: the suffixes, sorted */
    size_t n, cap_step, cap_bar;
    piece *pieces;
    size_t n_pieces, cap_pieces;
};

int bl_novelty_new(bl_novelty **v, bl_err *e)
{
    *v = bl_calloc(1, sizeof **v, e);
    return *v == NULL ? BL_E_NOMEM : 0;
}

void bl_novelty_del(bl_novelty *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->n_pieces; i++)
        free(v->pieces[i].name);
    free(v->pieces);
    free(v->step);
    free(v->bar);
    free(v->order);
    free(v);
}

static int reserve(bl_novelty *v, size_t n, bl_err *e)
{
    void *p = v->step, *q = v->bar, *r = v->pieces;
    int rc = bl_grow(&p, &v->cap_step, n, sizeof *v->step, e);
    v->step = p;
    if (rc == 0)
        rc = bl_grow(&q, &v->cap_bar, n, sizeof *v->bar, e);
    v->bar = q;
    if (rc == 0)
        rc = bl_grow(&r, &v->cap_pieces, v->n_pieces + 1, sizeof *v->pieces, e);
    v->pieces = r;
    return rc;
}

int bl_novelty_add(bl_novelty *v, const char *name, const double *step,
                   const double *bar, size_t n, bl_err *e)
{
    if (n > INT32_MAX - v->n - 1)
        return bl_fail(e, BL_E_LIMIT, "more than 2^31 notes to compare with");
    int rc = reserve(v, v->n + n + 1, e);
    char *copy = rc == 0 ? bl_strdup(name, e) : NULL;
    if (copy == NULL)
        return BL_E_NOMEM;
    v->pieces[v->n_pieces++] = (piece){v->n, copy};
    for (size_t i = 0; i < n; i++) {
        v->step[v->n] = (uint16_t)step[i];
        v->bar[v->n++] = (uint32_t)bar[i];
    }
    v->step[v->n] = BETWEEN;
    v->bar[v->n++] = 0;
    return 0;
}

/* ---- the array ---- */

/* Puts the suffixes of `from` into `to` by the ranks of their first halves, stably. */
static void count_sort(const uint32_t *rank, const uint32_t *from, uint32_t *to,
                       size_t n, uint32_t *count, size_t n_ranks)
{
    memset(count, 0, (n_ranks + 1) * sizeof *count);
    for (size_t i = 0; i < n; i++)
        count[rank[i] + 1]++;
    for (size_t k = 0; k < n_ranks; k++)
        count[k + 1] += count[k];
    for (size_t i = 0; i < n; i++)
        to[count[rank[from[i]]]++] = from[i];
}

/* New ranks of suffixes sorted by 2 h steps: equal ones share theirs. Their number. */
static size_t rank_again(const uint32_t *order, const uint32_t *rank, uint32_t *to,
                         size_t n, size_t h)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t a = order[i], b = i > 0 ? order[i - 1] : a;
        int same = rank[a] == rank[b] && (a + h < n) == (b + h < n) &&
                   (a + h >= n || rank[a + h] == rank[b + h]);
        k += i > 0 && !same;
        to[a] = (uint32_t)k;
    }
    return k + 1;
}

static void sort_suffixes(bl_novelty *v, uint32_t *rank, uint32_t *other,
                          uint32_t *count)
{
    size_t n = v->n, n_ranks = BETWEEN + 1;
    for (size_t i = 0; i < n; i++) {
        rank[i] = v->step[i];
        other[i] = (uint32_t)i;
    }
    count_sort(rank, other, v->order, n, count, n_ranks);
    n_ranks = rank_again(v->order, rank, other, n, n);
    memcpy(rank, other, n * sizeof *rank);
    for (size_t h = 1; h < DEPTH && h < n && n_ranks < n; h *= 2) {
        size_t k = 0;
        for (size_t i = n - h; i < n; i++) /* without a second half: first */
            other[k++] = (uint32_t)i;
        for (size_t i = 0; i < n; i++)
            if (v->order[i] >= h)
                other[k++] = v->order[i] - (uint32_t)h;
        count_sort(rank, other, v->order, n, count, n_ranks);
        n_ranks = rank_again(v->order, rank, other, n, h);
        memcpy(rank, other, n * sizeof *rank);
    }
}

int bl_novelty_index(bl_novelty *v, bl_err *e)
{
    size_t n = v->n, n_count = n > BETWEEN + 1 ? n : BETWEEN + 1;
    free(v->order);
    v->order = bl_calloc(n, sizeof *v->order, e);
    uint32_t *rank = bl_calloc(n, sizeof *rank, e);
    uint32_t *other = bl_calloc(n, sizeof *other, e);
    uint32_t *count = bl_calloc(n_count + 1, sizeof *count, e);
    int rc = v->order == NULL || rank == NULL || other == NULL || count == NULL
                 ? BL_E_NOMEM
                 : 0;
    if (rc == 0 && n > 0)
        sort_suffixes(v, rank, other, count);
    free(rank);
    free(other);
    free(count);
    return rc;
}

/* ---- matching ---- */

/* How many steps of the melody a suffix begins with; *is_below: it sorts before it. */
static size_t common(const bl_novelty *v, uint32_t suffix, const uint16_t *step,
                     size_t n, int *is_below)
{
    size_t k = 0;
    n = bl_min(n, DEPTH);
    while (k < n && suffix + k < v->n && v->step[suffix + k] == step[k])
        k++;
    *is_below = k < n && (suffix + k >= v->n || v->step[suffix + k] < step[k]);
    return k;
}

/* The longest match of a prefix of the melody, and a suffix that has it: it is a
 * neighbour of the place where the melody would be sorted in. */
static size_t longest_at(const bl_novelty *v, const uint16_t *step, size_t n,
                         uint32_t *where)
{
    size_t low = 0, high = v->n, best = 0;
    int is_below;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        size_t k = common(v, v->order[mid], step, n, &is_below);
        if (k > best) {
            best = k;
            *where = v->order[mid];
        }
        if (is_below)
            low = mid + 1;
        else
            high = mid;
    }
    return best;
}

static const piece *piece_at(const bl_novelty *v, uint32_t where)
{
    size_t low = 0, high = v->n_pieces;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (v->pieces[mid].from <= where)
            low = mid;
        else
            high = mid;
    }
    return &v->pieces[low];
}

int bl_novelty_match_of(const bl_novelty *v, const double *step, const double *bar,
                        size_t n, bl_novelty_match *m, bl_err *e)
{
    size_t copied[BL_COPY_LENGTHS] = {0};
    uint16_t *own = bl_calloc(n, sizeof *own, e);
    *m = (bl_novelty_match){.n = n};
    if (own == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        own[i] = (uint16_t)step[i];
    for (size_t i = 0; i < n; i++) {
        uint32_t where = 0;
        size_t k = longest_at(v, own + i, n - i, &where);
        for (int l = 0; l < BL_COPY_LENGTHS; l++)
            copied[l] += k >= (size_t)bl_copy_length[l];
        if (k > m->longest) {
            m->longest = k;
            m->bar = (uint32_t)bar[i];
            m->piece = piece_at(v, where)->name;
            m->bar_there = v->bar[where];
        }
    }
    for (int l = 0; l < BL_COPY_LENGTHS; l++) {
        size_t grams =
            n >= (size_t)bl_copy_length[l] ? n + 1 - (size_t)bl_copy_length[l] : 0;
        m->copy[l] = grams > 0 ? (double)copied[l] / (double)grams : NAN;
    }
    free(own);
    return 0;
}
