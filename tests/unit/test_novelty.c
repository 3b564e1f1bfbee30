/* test_novelty.c - matches by suffix array against a search of every place. */
#include "songs.h"
#include "compare/novelty.h"
#include "tap.h"

enum { N_PIECES = 6, N_STEPS = 300, N_QUERY = 60 };

typedef struct {
    double step[N_PIECES][N_STEPS], bar[N_STEPS];
} training;

static size_t longest_slowly(const training *t, const double *step, size_t n)
{
    size_t best = 0;
    for (int p = 0; p < N_PIECES; p++)
        for (size_t i = 0; i < N_STEPS; i++) {
            size_t k = 0;
            while (k < n && i + k < N_STEPS && t->step[p][i + k] == step[k])
                k++;
            best = k > best ? k : best;
        }
    return best;
}

static int is_as_slow(const training *t, const bl_novelty *v, const double *step)
{
    bl_err e = BL_ERR_INIT;
    bl_novelty_match m;
    size_t longest = 0, copied = 0;
    need(bl_novelty_match_of(v, step, t->bar, N_QUERY, &m, &e), &e);
    for (size_t i = 0; i < N_QUERY; i++) {
        size_t k = longest_slowly(t, step + i, N_QUERY - i);
        longest = k > longest ? k : longest;
        copied += k >= 4;
    }
    return m.longest == longest && m.copy[0] == (double)copied / (N_QUERY - 3);
}

int main(void)
{
    bl_err e = BL_ERR_INIT;
    static training t;
    bl_novelty *v = NULL;
    bl_novelty_match m;
    bl_rng r = bl_rng_make(1, 0);
    need(bl_novelty_new(&v, &e), &e);
    for (int p = 0; p < N_PIECES; p++) {
        char name[8] = {(char)('a' + p), '\0'};
        for (size_t i = 0; i < N_STEPS; i++) {
            t.step[p][i] = bl_rng_below(&r, 3);
            t.bar[i] = (double)(i / 10);
        }
        need(bl_novelty_add(v, name, t.step[p], t.bar, p == 5 ? 0 : N_STEPS, &e), &e);
    }
    for (size_t i = 0; i < N_STEPS; i++)
        t.step[5][i] = -1; /* the last piece is empty */
    need(bl_novelty_index(v, &e), &e);
    int n_wrong = 0;
    for (int k = 0; k < 50; k++) {
        double step[N_QUERY];
        size_t from = bl_rng_below(&r, N_STEPS - N_QUERY);
        for (size_t i = 0; i < N_QUERY; i++)
            step[i] = bl_rng_below(&r, 12) == 0 ? 2 : t.step[k % 5][from + i];
        n_wrong += !is_as_slow(&t, v, step);
    }
    ok(n_wrong == 0, "matches are those of a search of every place");
    need(bl_novelty_match_of(v, t.step[3] + 100, t.bar, N_QUERY, &m, &e), &e);
    ok(m.longest == N_QUERY && m.copy[5] == 1 && m.piece[0] == 'd' && m.bar_there == 10,
       "a copy is found, and where");
    for (size_t i = 0; i < 30; i++)
        t.step[0][i] = t.step[1][270 + i];
    for (size_t i = 30; i < 60; i++)
        t.step[0][i] = t.step[2][i - 30];
    need(bl_novelty_match_of(v, t.step[0], t.bar, N_QUERY, &m, &e), &e);
    ok(m.longest < 40, "none runs from one piece into the next");
    need(bl_novelty_match_of(v, NULL, NULL, 0, &m, &e), &e);
    ok(m.longest == 0 && m.piece == NULL, "no melody has nothing in common");
    bl_novelty_del(v);
    need(bl_novelty_new(&v, &e), &e);
    double same[2000] = {0};
    need(bl_novelty_add(v, "same", same, same, 2000, &e), &e);
    need(bl_novelty_index(v, &e), &e);
    need(bl_novelty_match_of(v, same, same, 1500, &m, &e), &e);
    ok(m.longest == 1500 && m.copy[0] == 1, "a melody of one note, repeated");
    bl_novelty_del(v);
    return tap_done();
}
