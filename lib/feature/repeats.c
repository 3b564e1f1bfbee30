/* repeats.c - how much a stream of tokens says again: repeated n-grams, bars that are
 * alike, what a compressor makes of it. */
#include "feature/family.h"

#include <stdlib.h>
#include <string.h>

const bl_field bl_fields_repeats[] = {
    {"rep_1", "1", "1 less the share of distinct tokens; nan for MIDI files", 1, 1},
    {"rep_2", "1", "1 less the share of distinct sequences of 2 tokens", 1, 1},
    {"rep_4", "1", "1 less the share of distinct sequences of 4 tokens", 1, 1},
    {"rep_8", "1", "1 less the share of distinct sequences of 8 tokens", 1, 1},
    {"same_bars", "1", "longest run of bars whose tokens are the same", 1, 1},
    {"repeated_bar_share", "1", "share of bars that were there before, token by token",
     1, 1},
    {"zratio", "1", "bytes that zstd -19 makes of the ids by their bytes, two each", 1,
     1},
    {NULL, NULL, NULL, 0, 0},
};

enum { GRAMS = 4, SAME_BARS = GRAMS, REPEATED_BARS, ZRATIO };

/* ---- n-grams ---- */

typedef struct {
    uint64_t pair; /* names of two halves */
    uint32_t at;   /* where they begin */
} gram;

static int by_pair(const void *a, const void *b)
{
    const gram *x = a, *y = b;
    return (x->pair > y->pair) - (x->pair < y->pair);
}

/* From names of the sequences of h tokens, one at each place, to those of 2 h tokens:
 * equal ones have equal names. How many are distinct. */
static size_t double_names(uint32_t *name, size_t n, size_t h, gram *g)
{
    size_t n_grams = n - 2 * h + 1, k = 0;
    for (size_t i = 0; i < n_grams; i++)
        g[i] = (gram){(uint64_t)name[i] << 32 | name[i + h], (uint32_t)i};
    qsort(g, n_grams, sizeof *g, by_pair);
    for (size_t i = 0; i < n_grams; i++) {
        k += i > 0 && g[i].pair != g[i - 1].pair;
        name[g[i].at] = (uint32_t)k;
    }
    return k + 1;
}

static void count_grams(const uint16_t *id, size_t n, uint32_t *name, gram *g,
                        double *out)
{
    uint8_t seen[1 << 13] = {0};
    size_t distinct = 0;
    for (size_t i = 0; i < n; i++) {
        distinct += !(seen[id[i] >> 3] >> (id[i] & 7) & 1);
        seen[id[i] >> 3] |= (uint8_t)(1 << (id[i] & 7));
        name[i] = id[i];
    }
    out[0] = n > 0 ? 1 - (double)distinct / (double)n : NAN;
    for (size_t k = 1, h = 1; k < GRAMS && n >= 2 * h; k++, h *= 2)
        out[k] = 1 - (double)double_names(name, n, h, g) / (double)(n - 2 * h + 1);
}

/* ---- bars ---- */

typedef struct {
    const uint16_t *id;
    size_t n;
} bar;

static int by_content(const void *a, const void *b)
{
    const bar *x = a, *y = b;
    if (x->n != y->n)
        return (x->n > y->n) - (x->n < y->n);
    return memcmp(x->id, y->id, x->n * sizeof *x->id);
}

/* The bars of the piece, each with its own token; their number. */
static size_t cut(const bl_scheme *s, const uint16_t *id, size_t n, bar *bars)
{
    size_t n_bars = 0;
    for (size_t i = 0; i < n; i++) {
        if (bl_scheme_begins_bar(s, id[i]))
            bars[n_bars++] = (bar){id + i, 0};
        if (n_bars > 0)
            bars[n_bars - 1].n++;
    }
    return n_bars;
}

static void count_bars(bar *bars, size_t n, double *out)
{
    size_t run = n > 0, longest = run, distinct = run;
    for (size_t i = 1; i < n; i++) {
        run = by_content(&bars[i], &bars[i - 1]) == 0 ? run + 1 : 1;
        longest = run > longest ? run : longest;
    }
    if (n > 0)
        qsort(bars, n, sizeof *bars, by_content);
    for (size_t i = 1; i < n; i++)
        distinct += by_content(&bars[i], &bars[i - 1]) != 0;
    out[SAME_BARS] = (double)longest;
    out[REPEATED_BARS] = n > 0 ? 1 - (double)distinct / (double)n : NAN;
}

int bl_compute_repeats(const bl_view *v, double *out, bl_series *series, bl_err *e)
{
    size_t n = v->in.n_ids;
    (void)series;
    if (v->in.scheme == NULL)
        return 0;
    uint32_t *name = bl_calloc(n, sizeof *name, e);
    gram *grams = bl_calloc(n, sizeof *grams, e);
    bar *bars = bl_calloc(n, sizeof *bars, e);
    int rc = name != NULL && grams != NULL && bars != NULL ? 0 : BL_E_NOMEM;
    if (rc == 0)
        count_grams(v->in.ids, n, name, grams, out);
    if (rc == 0 && bl_scheme_has_bars(v->in.scheme))
        count_bars(bars, cut(v->in.scheme, v->in.ids, n, bars), out);
    if (n > 0 && v->in.zstd_bytes > 0)
        out[ZRATIO] = (double)v->in.zstd_bytes / (2. * (double)n);
    free(name);
    free(grams);
    free(bars);
    return rc;
}
