/* test_merges.c - learned merges against the plain algorithm: count all pairs of all
 * lines, merge the most frequent, begin again. */
#include "songs.h"
#include "tap.h"
#include "token/merges.h"

enum { N_LINES = 60, LINE_MAX_TOKENS = 30, N_MERGES = 25, N_BASE = 9 };

/* A made-up vocabulary: 0..3 alone, 4 begins a line and is alone, 5..8 music. */
static const bl_merge_rule rule = {
    .advance = (uint8_t[N_BASE]){[4] = 1},
    .unit = 1,
    .is_alone = (uint8_t[N_BASE]){1, 1, 1, 1, 1},
};

typedef struct {
    int id[N_LINES][LINE_MAX_TOKENS], n[N_LINES];
} text;

static void plain_merge(text *t, bl_merge m, int id)
{
    for (int l = 0; l < N_LINES; l++) {
        int n = 0;
        for (int i = 0; i < t->n[l]; n++) {
            int here =
                i + 1 < t->n[l] && t->id[l][i] == m.left && t->id[l][i + 1] == m.right;
            t->id[l][n] = here ? id : t->id[l][i];
            i += here ? 2 : 1;
        }
        t->n[l] = n;
    }
}

/* How often a pair is counted: overlaps too, as in a count of neighbours. */
static int plain_count(const text *t, int left, int right)
{
    int n = 0;
    for (int l = 0; l < N_LINES; l++)
        for (int i = 0; i + 1 < t->n[l]; i++)
            n += t->id[l][i] == left && t->id[l][i + 1] == right;
    return n;
}

static int plain_learn(text *t, bl_merge *out)
{
    int n = 0;
    for (; n < N_MERGES; n++) {
        int best = 1;
        for (int left = 0; left < N_BASE + n; left++)
            for (int right = 0; right < N_BASE + n; right++)
                if (plain_count(t, left, right) > best) {
                    best = plain_count(t, left, right);
                    out[n] = (bl_merge){(uint16_t)left, (uint16_t)right};
                }
        if (best == 1)
            break;
        plain_merge(t, out[n], N_BASE + n);
    }
    return n;
}

static void make_text(text *t, bl_rng *r)
{
    for (int l = 0; l < N_LINES; l++) {
        t->n[l] = songs_pick(r, 0, LINE_MAX_TOKENS - 1);
        for (int i = 0; i < t->n[l]; i++)
            t->id[l][i] = songs_pick(r, 0, 2) == 0 ? songs_pick(r, 5, 8) : 5 + i % 3;
        if (l > 0 && songs_pick(r, 0, 3) == 0) { /* lines repeat */
            t->n[l] = t->n[l - 1];
            memcpy(t->id[l], t->id[l - 1], sizeof t->id[l]);
        }
    }
}

static void test_learning(void)
{
    bl_rng r = bl_rng_make(17, 0);
    int same = 1, undone = 1, applied = 1, learned = 0;
    for (int round = 0; round < 30; round++) {
        static text t;
        bl_merge plain[N_MERGES];
        bl_err e = BL_ERR_INIT;
        bl_learner *l;
        bl_merges m = {0};
        uint64_t count[N_MERGES];
        bl_ids piece = {0}, merged = {0}, back = {0};
        bl_words *words = bl_words_new(&e);
        make_text(&t, &r);
        for (int k = 0; k < N_LINES; k++) {
            need(bl_ids_add(&piece, 4, &e), &e);
            for (int i = 0; i < t.n[k]; i++)
                need(bl_ids_add(&piece, (unsigned)t.id[k][i], &e), &e);
        }
        need(bl_learner_new(&l, N_BASE, &rule, &e), &e);
        need(bl_learner_add(l, piece.id, piece.n, &e), &e);
        need(bl_learner_run(l, N_MERGES, &m, count, &e), &e);
        int n = plain_learn(&t, plain);
        same &= m.n == (size_t)n && memcmp(m.merge, plain, m.n * sizeof *plain) == 0;
        learned += n;
        for (int i = 0; i < N_BASE + n; i++) {
            char name[BL_WORD_MAX + 1];
            if (i < N_BASE)
                snprintf(name, sizeof name, "Word_%d", i);
            else
                bl_merge_name(plain[i - N_BASE], name);
            need(bl_words_add(words, name, strlen(name), &e), &e);
        }
        bl_merges_free(&m);
        need(bl_merges_of_words(&m, words, &e), &e);
        need(bl_ids_add_n(&merged, piece.id, piece.n, &e), &e);
        need(bl_merges_apply(&m, &rule, &merged, &e), &e);
        size_t at = 0;
        for (int k = 0; k < N_LINES; k++) {
            applied &= merged.id[at++] == 4;
            for (int i = 0; i < t.n[k]; i++)
                applied &= merged.id[at++] == t.id[k][i];
        }
        applied &= at == merged.n;
        for (size_t i = 0; i < merged.n; i++)
            need(bl_merges_expand(&m, merged.id[i], &back, &e), &e);
        undone &= back.n == piece.n && memcmp(back.id, piece.id, 2 * back.n) == 0;
        bl_learner_del(l);
        bl_merges_free(&m);
        bl_words_del(words);
        bl_ids_free(&piece);
        bl_ids_free(&merged);
        bl_ids_free(&back);
    }
    ok(same && learned > 300, "%d merges learned as the plain algorithm does", learned);
    ok(applied, "applied to what they were learned from they give the same lines");
    ok(undone, "undone they give the tokens back");
}

static void test_names(void)
{
    static const struct {
        const char *names[4];
        int good;
    } cases[] = {
        {{"A", "B", "Merge_0+1", "Merge_2+0"}, 1}, {{"A", "B", "C", NULL}, 1},
        {{"A", "B", "Merge_0+2", NULL}, 0},        {{"A", "Merge_0+0", "B", NULL}, 0},
        {{"A", "B", "Merge_00+1", NULL}, 0},       {{"A", "B", "Merge_1", NULL}, 0},
        {{"A", "B", "Merge_0+1x", NULL}, 0},       {{"A", "B", "Merge_-1+1", NULL}, 0},
    };
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        bl_err e = BL_ERR_INIT;
        bl_merges m = {0};
        bl_words *words = bl_words_new(&e);
        for (int k = 0; k < 4 && cases[i].names[k] != NULL; k++)
            need(bl_words_add(words, cases[i].names[k], strlen(cases[i].names[k]), &e),
                 &e);
        int rc = bl_merges_of_words(&m, words, &e);
        ok(cases[i].good ? rc == 0 : rc == BL_E_FORMAT, "names %zu: %s", i, e.text);
        bl_merges_free(&m);
        bl_words_del(words);
    }
}

int main(void)
{
    test_learning();
    test_names();
    return tap_done();
}
