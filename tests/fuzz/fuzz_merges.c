/* fuzz_merges.c - learned merges: what is applied expands to the same ids, for merges
 * that a vocabulary states and for learned ones. The input is the number of stated
 * merges, their pairs (four bytes each) and ids (two bytes, low byte first). */
#include "fuzz.h"
#include "token/merges.h"

#include <string.h>

enum { MERGES_MAX = 16 };

static unsigned word_at(const uint8_t *data, size_t i)
{
    return data[2 * i] | (unsigned)data[2 * i + 1] << 8;
}

static void there_and_back(const bl_merges *m, const bl_merge_rule *rule,
                           const bl_ids *base)
{
    bl_ids ids = {0}, back = {0};
    claim(bl_ids_add_n(&ids, base->id, base->n, NULL) == 0);
    claim(bl_merges_apply(m, rule, &ids, NULL) == 0);
    claim(ids.n <= base->n);
    for (size_t i = 0; i < ids.n; i++) {
        claim(ids.id[i] < m->n_base + m->n);
        claim(bl_merges_expand(m, ids.id[i], &back, NULL) == 0);
    }
    claim(back.n == base->n);
    claim(back.n == 0 || memcmp(back.id, base->id, back.n * sizeof *back.id) == 0);
    bl_ids_free(&ids);
    bl_ids_free(&back);
}

/* A vocabulary states the merges, as far as it can, and they are read from it. */
static void through_words(const bl_words *words, const bl_merge *pair, size_t n,
                          const bl_merge_rule *rule, const bl_ids *base)
{
    bl_words *all = bl_words_new(NULL);
    bl_merges m = {0};
    int rc = 0;
    claim(all != NULL);
    for (size_t i = 0; i < bl_words_size(words); i++)
        claim(bl_words_add(all, bl_words_name(words, i), bl_words_len(words, i),
                           NULL) == 0);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        char name[BL_WORD_MAX + 1];
        bl_merge_name(pair[i], name);
        rc = bl_words_add(all, name, strlen(name), NULL); /* fails for a repeated one */
    }
    if (rc == 0 && bl_merges_of_words(&m, all, NULL) == 0)
        there_and_back(&m, rule, base);
    bl_merges_free(&m);
    bl_words_del(all);
}

static void learned(const bl_words *words, const bl_merge_rule *rule,
                    const bl_ids *base)
{
    uint64_t count[MERGES_MAX];
    bl_learner *l;
    bl_merges m = {0};
    claim(bl_learner_new(&l, bl_words_size(words), rule, NULL) == 0);
    claim(bl_learner_add(l, base->id, base->n, NULL) == 0);
    claim(bl_learner_run(l, MERGES_MAX, &m, count, NULL) == 0);
    claim(m.n <= MERGES_MAX);
    for (size_t i = 0; i < m.n; i++)
        claim(count[i] >= 2 && count[i] <= base->n);
    through_words(words, m.merge, m.n, rule, base);
    bl_merges_free(&m);
    bl_learner_del(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const bl_scheme *s = fuzz_scheme(0);
    const bl_words *words = bl_scheme_words(s);
    size_t size = bl_words_size(words);
    bl_merge pair[MERGES_MAX];
    bl_merge_rule rule = {0};
    bl_ids base = {0};
    size_t n = len == 0 ? 0 : data[0] % (MERGES_MAX + 1);
    if (len < 1 + 4 * n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        pair[i].left = (uint16_t)word_at(data + 1, 2 * i);
        pair[i].right = (uint16_t)word_at(data + 1, 2 * i + 1);
    }
    for (size_t i = 2 * n; 2 * i + 3 <= len; i++)
        claim(bl_ids_add(&base, word_at(data + 1, i) % (unsigned)size, NULL) == 0);
    claim(bl_merge_rule_of(&rule, s, NULL, size, NULL) == 0);
    through_words(words, pair, n, &rule, &base);
    learned(words, &rule, &base);
    bl_merge_rule_free(&rule);
    bl_ids_free(&base);
    return 0;
}
