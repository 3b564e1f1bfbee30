/* tally.c - see tally.h. */
#include "flow/tally.h"

#include "flow/ahead.h"
#include "token/merges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A token of the scheme and how often it stood where. */
typedef struct {
    size_t id;
    uint64_t count;
    uint64_t first; /* the number of tokens read when it first stood */
} tally;

typedef struct {
    const bl_scheme *scheme;
    const bl_vocab_wish *wish;
    tally *tallies; /* [n], by id until they are ordered */
    size_t n;
    bl_merge_rule rule;
    bl_learner *learner; /* NULL: no merges are wanted */
    bl_merges merges;
    uint64_t *merge_count; /* [wish->merges] */
} learning;

/* ---- counting ---- */

static int begin(learning *l, bl_err *e)
{
    l->n = bl_words_size(bl_scheme_words(l->scheme));
    l->tallies = bl_calloc(l->n, sizeof *l->tallies, e);
    for (size_t id = 0; l->tallies != NULL && id < l->n; id++)
        l->tallies[id].id = id;
    return l->tallies == NULL ? BL_E_NOMEM : 0;
}

static int begin_merges(learning *l, bl_err *e)
{
    size_t wanted = l->wish->merges;
    if (wanted == 0)
        return 0;
    if (l->n + wanted > BL_WORDS_MAX)
        return bl_fail(e, BL_E_ARG, "%zu tokens and %zu merges are more than %d", l->n,
                       wanted, BL_WORDS_MAX);
    l->merge_count = bl_calloc(wanted, sizeof *l->merge_count, e);
    if (l->merge_count == NULL)
        return BL_E_NOMEM;
    int rc = bl_merge_rule_of(&l->rule, l->scheme, NULL, l->n, e);
    return rc == 0 ? bl_learner_new(&l->learner, l->n, &l->rule, e) : rc;
}

static void count_piece(learning *l, const bl_ids *ids, bl_counts *n)
{
    l->tallies[BL_ID_BOS].count++;
    l->tallies[BL_ID_EOS].count++;
    for (size_t i = 0; i < ids->n; i++) {
        tally *t = &l->tallies[ids->id[i]];
        if (t->count++ == 0)
            t->first = n->tokens + i;
    }
    n->tokens += ids->n;
    n->pieces++;
}

static int count_all(learning *l, const bl_source *source, const bl_progress *progress,
                     bl_counts *n, bl_err *e)
{
    bl_ahead *ahead;
    bl_piece *piece;
    size_t slot;
    int rc =
        bl_ahead_new(&ahead, source, (int)bl_max(l->wish->threads, 1), NULL, NULL, e);
    while (rc >= 0 && (rc = bl_ahead_next(ahead, &piece, &slot, e)) > 0) {
        count_piece(l, &piece->ids, n);
        if (l->learner != NULL &&
            (rc = bl_learner_add(l->learner, piece->ids.id, piece->ids.n, e)) != 0)
            break;
        bl_tell(progress, n);
    }
    bl_ahead_del(ahead);
    return rc;
}

/* ---- choosing and ordering ---- */

static int by_first(const void *va, const void *vb)
{
    const tally *a = va, *b = vb;
    return a->first < b->first ? -1 : a->first > b->first;
}

static int by_count(const void *va, const void *vb)
{
    const tally *a = va, *b = vb;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Drops what is too rare; the specials stay, and stay in front. */
static void choose(learning *l)
{
    uint64_t least = l->wish->min_count;
    size_t kept = BL_N_SPECIALS;
    if (l->wish->order != BL_ORDER_CANONICAL && least == 0)
        least = 1;
    for (size_t i = BL_N_SPECIALS; i < l->n; i++)
        if (l->tallies[i].count >= least)
            l->tallies[kept++] = l->tallies[i];
    l->n = kept;
    if (l->wish->order != BL_ORDER_CANONICAL)
        qsort(l->tallies + BL_N_SPECIALS, kept - BL_N_SPECIALS, sizeof *l->tallies,
              l->wish->order == BL_ORDER_SEEN ? by_first : by_count);
}

/* ---- the vocabulary ---- */

/* Merges were learned over the scheme's ids; a vocabulary states its own. */
static int add_merges(const learning *l, bl_words *words, uint64_t *count, bl_err *e)
{
    char name[BL_WORD_MAX + 1];
    size_t n_scheme = bl_words_size(bl_scheme_words(l->scheme));
    uint16_t *to = bl_calloc(n_scheme + l->merges.n, sizeof *to, e);
    if (to == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < l->n; i++)
        to[l->tallies[i].id] = (uint16_t)i;
    int rc = 0;
    for (size_t i = 0; i < l->merges.n && rc == 0; i++) {
        bl_merge m = l->merges.merge[i];
        to[n_scheme + i] = (uint16_t)(l->n + i);
        bl_merge_name((bl_merge){to[m.left], to[m.right]}, name);
        count[l->n + i] = l->merge_count[i];
        rc = bl_words_add(words, name, strlen(name), e);
    }
    free(to);
    return rc;
}

static int make(bl_vocab *v, const learning *l, bl_err *e)
{
    const bl_words *all = bl_scheme_words(l->scheme);
    bl_tokens_kind kind = {.spec = *bl_scheme_spec(l->scheme)};
    snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(l->scheme));
    bl_words *words = bl_words_new(e);
    uint64_t *count = bl_calloc(l->n + l->merges.n, sizeof *count, e);
    int rc = words == NULL || count == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < l->n && rc == 0; i++) {
        size_t id = l->tallies[i].id;
        count[i] = l->tallies[i].count;
        rc = bl_words_add(words, bl_words_name(all, id), bl_words_len(all, id), e);
    }
    if (rc == 0)
        rc = add_merges(l, words, count, e);
    if (rc == 0)
        rc = bl_vocab_make(v, words, count, &kind, e);
    if (rc != 0) {
        bl_words_del(words);
        free(count);
    }
    return rc;
}

static void end(learning *l)
{
    bl_learner_del(l->learner);
    bl_merges_free(&l->merges);
    bl_merge_rule_free(&l->rule);
    free(l->merge_count);
    free(l->tallies);
}

int bl_vocab_close(bl_vocab *v, const bl_scheme *scheme, bl_err *e)
{
    learning l = {.scheme = scheme};
    int rc = begin(&l, e);
    if (rc == 0)
        rc = make(v, &l, e);
    end(&l);
    return rc;
}

int bl_vocab_learn(bl_vocab *v, const bl_source *s, const bl_vocab_wish *wish,
                   const bl_progress *progress, bl_counts *n, bl_err *e)
{
    learning l = {.scheme = s->scheme, .wish = wish};
    int rc = begin(&l, e);
    if (rc == 0)
        rc = begin_merges(&l, e);
    if (rc == 0)
        rc = count_all(&l, s, progress, n, e);
    if (rc == 0 && l.learner != NULL)
        rc = bl_learner_run(l.learner, wish->merges, &l.merges, l.merge_count, e);
    if (rc == 0) {
        choose(&l);
        rc = make(v, &l, e);
    }
    end(&l);
    return rc;
}
