/* merges.c - see merges.h: merges as they are stated, applied and undone. */
#include "token/merges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bl_merge_name(bl_merge m, char name[BL_WORD_MAX + 1])
{
    snprintf(name, BL_WORD_MAX + 1, BL_MERGE_PREFIX "%u+%u", m.left, m.right);
}

void bl_merges_free(bl_merges *m)
{
    free(m->merge);
    bl_index_free(&m->index);
    *m = (bl_merges){0};
}

int bl_merge_rule_of(bl_merge_rule *rule, const bl_scheme *s, const int32_t *map,
                     size_t n_base, bl_err *e)
{
    bl_lines lines = bl_scheme_lines(s);
    rule->unit = lines.unit;
    rule->advance = bl_calloc(n_base, 1, e);
    rule->is_alone = bl_calloc(n_base, 1, e);
    if (rule->advance == NULL || rule->is_alone == NULL)
        return BL_E_NOMEM;
    for (unsigned id = 0; id < bl_words_size(bl_scheme_words(s)); id++) {
        int32_t to = map != NULL ? map[id] : (int32_t)id;
        if (to < 0 || (size_t)to >= n_base)
            continue;
        rule->advance[to] = lines.advance[id];
        bl_meaning is = bl_scheme_meaning(s, id);
        rule->is_alone[to] =
            is == BL_IS_SPECIAL || is == BL_IS_BAR || is == BL_IS_LABEL;
    }
    return 0;
}

void bl_merge_rule_free(bl_merge_rule *rule)
{
    free(rule->advance);
    free(rule->is_alone);
    *rule = (bl_merge_rule){0};
}

/* ---- the table of pairs ---- */

/* The rank of a pair, -1 if it is none. */
static int64_t rank_of(const bl_merges *m, unsigned left, unsigned right)
{
    return bl_index_find(&m->index, bl_merge_key(left, right));
}

int bl_merges_index(bl_merges *m, bl_err *e)
{
    bl_index_free(&m->index);
    for (size_t i = 0; i < m->n; i++) {
        bl_merge x = m->merge[i];
        if (rank_of(m, x.left, x.right) >= 0)
            return bl_fail(e, BL_E_FORMAT, "the merge of %u and %u is stated twice",
                           x.left, x.right);
        int rc = bl_index_add(&m->index, bl_merge_key(x.left, x.right), i, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- stated by names ---- */

static int parse(const char *name, size_t len, size_t id, bl_merge *m)
{
    char text[BL_WORD_MAX + 1], again[BL_WORD_MAX + 1];
    unsigned left, right;
    snprintf(text, sizeof text, "%.*s", (int)len, name);
    if (sscanf(text, BL_MERGE_PREFIX "%u+%u", &left, &right) != 2 || left >= id ||
        right >= id)
        return 0;
    *m = (bl_merge){(uint16_t)left, (uint16_t)right};
    bl_merge_name(*m, again);
    return strcmp(text, again) == 0;
}

static int is_merge(const bl_words *words, size_t id)
{
    return strncmp(bl_words_name(words, id), BL_MERGE_PREFIX,
                   sizeof BL_MERGE_PREFIX - 1) == 0;
}

/* What a merge stands for is bounded: a few lines of a file could else ask for more
 * tokens than there is memory. */
static int check_lengths(const bl_merges *m, bl_err *e)
{
    uint16_t *length = bl_calloc(m->n + 1, sizeof *length, e);
    int rc = length == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < m->n && rc == 0; i++) {
        bl_merge x = m->merge[i];
        unsigned n = (x.left < m->n_base ? 1u : length[x.left - m->n_base]) +
                     (x.right < m->n_base ? 1u : length[x.right - m->n_base]);
        length[i] = (uint16_t)n;
        if (n > BL_MERGE_MAX)
            rc = bl_fail(e, BL_E_FORMAT,
                         "the merge of %u and %u is of more than %d tokens", x.left,
                         x.right, BL_MERGE_MAX);
    }
    free(length);
    return rc;
}

int bl_merges_of_words(bl_merges *m, const bl_words *words, bl_err *e)
{
    size_t size = bl_words_size(words);
    m->n_base = size;
    while (m->n_base > 0 && is_merge(words, m->n_base - 1))
        m->n_base--;
    m->n = m->cap = size - m->n_base;
    m->merge = bl_calloc(m->n + 1, sizeof *m->merge, e);
    if (m->merge == NULL)
        return BL_E_NOMEM;
    for (size_t id = 0; id < m->n_base; id++)
        if (is_merge(words, id))
            return bl_fail(e, BL_E_FORMAT, "token %zu is a merge, token %zu is none",
                           id, m->n_base - 1);
    for (size_t id = m->n_base; id < size; id++)
        if (!parse(bl_words_name(words, id), bl_words_len(words, id), id,
                   &m->merge[id - m->n_base]))
            return bl_fail(e, BL_E_FORMAT, "'%s' is no merge of two tokens before it",
                           bl_words_name(words, id));
    int rc = check_lengths(m, e);
    return rc == 0 ? bl_merges_index(m, e) : rc;
}

/* ---- applying ---- */

/* Merges within ids[0..n), which may all be merged; returns how many are left. */
static size_t merge_run(const bl_merges *m, uint16_t *ids, size_t n)
{
    for (;;) {
        size_t best = SIZE_MAX, left = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            size_t rank = (size_t)rank_of(m, ids[i], ids[i + 1]); /* -1: SIZE_MAX */
            best = rank < best ? rank : best;
        }
        if (best == SIZE_MAX)
            return n;
        bl_merge x = m->merge[best];
        for (size_t i = 0; i < n; left++) {
            int here = i + 1 < n && ids[i] == x.left && ids[i + 1] == x.right;
            ids[left] = here ? (uint16_t)(m->n_base + best) : ids[i];
            i += here ? 2 : 1;
        }
        n = left;
    }
}

int bl_merges_apply(const bl_merges *m, const bl_merge_rule *rule, bl_ids *ids,
                    bl_err *e)
{
    size_t written = 0, start = 0;
    unsigned moved = 0;
    if (m->n == 0)
        return 0;
    for (size_t i = 0; i <= ids->n; i++) {
        int is_due = i == ids->n, alone = 0;
        if (!is_due) {
            if (ids->id[i] >= m->n_base)
                return bl_fail(e, BL_E_ARG, "id %u is merged already", ids->id[i]);
            moved += rule->advance[ids->id[i]];
            is_due = moved >= rule->unit;
            moved %= rule->unit;
            alone = rule->is_alone[ids->id[i]];
        }
        if (!is_due && !alone)
            continue;
        size_t n = i > start ? merge_run(m, ids->id + start, i - start) : 0;
        if (n > 0)
            memmove(ids->id + written, ids->id + start, n * sizeof *ids->id);
        written += n;
        start = i;
        if (alone) {
            ids->id[written++] = ids->id[i];
            start = i + 1;
        }
    }
    ids->n = written;
    return 0;
}

int bl_merges_expand(const bl_merges *m, unsigned id, bl_ids *out, bl_err *e)
{
    if (id < m->n_base)
        return bl_ids_add(out, id, e);
    bl_merge x = m->merge[id - m->n_base];
    int rc = bl_merges_expand(m, x.left, out, e);
    return rc == 0 ? bl_merges_expand(m, x.right, out, e) : rc;
}
