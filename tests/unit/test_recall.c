/* test_recall.c - what came next, beside a search through all that a stream has read.
 */
#include "model/recall.h"

#include "base/mem.h"
#include "base/rng.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

/* How many tokens are there no more when the n-th has been read. */
static int64_t forgotten(int64_t n)
{
    int64_t gone = 0;
    while (n - gone > 2 * BL_RECALL_REACH)
        gone += BL_RECALL_REACH;
    return gone;
}

/* They begin at 1, 2, 3, 4, 6, 8, 12... */
static int half_octave(int64_t distance)
{
    int n = 1;
    while ((n % 2 ? 2LL << n / 2 : 3LL << n / 2 >> 1) <= distance)
        n++;
    return n;
}

/* The definition: the longest of the ends that are looked for, where it stood last. */
static bl_recalled search(const uint16_t *token, int64_t n, int longest)
{
    int64_t gone = forgotten(n), last = -1;
    int times = 0;
    for (int k = bl_recall_lengths(longest); k > 0; k--) {
        int64_t size = 2 << k;
        for (int64_t at = n - 2; at >= gone + size - 1; at--)
            if (memcmp(token + at + 1 - size, token + n - size,
                       (size_t)size * sizeof *token) == 0) {
                last = bl_max(last, at);
                times++;
            }
        if (times > 0)
            return (bl_recalled){token[last + 1], (uint8_t)k,
                                 (uint8_t)half_octave(n - 1 - last),
                                 (uint8_t)bl_min(times, BL_RECALL_TIMES - 1)};
    }
    return (bl_recalled){0};
}

/* Few kinds of tokens, and stretches that come again. */
static void fill(uint16_t *token, int64_t n, int kinds, uint64_t seed)
{
    bl_rng rng = bl_rng_make(seed, 0);
    for (int64_t i = 0; i < n;) {
        int64_t size = bl_min(1 + bl_rng_below(&rng, 200), n - i);
        int again = i > 0 && bl_rng_below(&rng, 2) == 0;
        int64_t from = again ? bl_rng_below(&rng, (uint32_t)i) : 0;
        for (int64_t k = 0; k < size; k++)
            token[i + k] =
                again ? token[from + k] : (uint16_t)bl_rng_below(&rng, (uint32_t)kinds);
        i += size;
    }
}

/* Steps that differ from the search, with room made as it is needed; the longest end.
 */
static int64_t differ(bl_recall *r, const uint16_t *token, int64_t n, int64_t step,
                      int longest, int *most)
{
    bl_err e = BL_ERR_INIT;
    int64_t wrong = 0;
    bl_recall_forget(r);
    for (int64_t i = 0; i < n; i++) {
        wrong += bl_recall_reserve(r, 1, &e) != 0;
        bl_recalled is = bl_recall_step(r, token[i]);
        *most = bl_max(*most, is.length);
        if (i % step != 0)
            continue;
        bl_recalled should = search(token, i + 1, longest);
        wrong += is.token != should.token || is.length != should.length ||
                 is.distance != should.distance || is.times != should.times;
    }
    return wrong;
}

static void test_search(void)
{
    enum { N = 3000 };
    static const int longest[] = {4, 7, 8, 64, 1024};
    uint16_t token[N];
    bl_err e = BL_ERR_INIT;
    int64_t wrong = 0;
    for (size_t k = 0; k < BL_COUNT(longest); k++) {
        bl_recall *r;
        int most = 0;
        if (!ok(bl_recall_new(&r, longest[k], &e) == 0, "opens"))
            return;
        for (int seed = 0; seed < 6; seed++) { /* again and again in the same room */
            fill(token, N, seed % 2 ? 3 : 300, (uint64_t)seed);
            wrong += differ(r, token, N, 1, longest[k], &most);
        }
        bl_recall_del(r);
        if (longest[k] < 1024)
            ok(most == bl_recall_lengths(longest[k]), "ends of up to %d tokens came",
               longest[k]);
    }
    ok(wrong == 0, "as a search finds it, %d times otherwise", (int)wrong);
}

/* A stream of several reaches; what lies beyond is gone, what lies within is there. */
static void test_reach(void)
{
    int64_t n = 5 * BL_RECALL_REACH;
    bl_err e = BL_ERR_INIT;
    bl_recall *r = NULL;
    int most = 0;
    uint16_t *token = bl_calloc((size_t)n, sizeof *token, &e);
    if (!ok(token != NULL && bl_recall_new(&r, 64, &e) == 0, "opens"))
        return;
    fill(token, n, 300, 7);
    ok(differ(r, token, n, 997, 64, &most) == 0, "without end, and never farther back");
    free(token);
    bl_recall_del(r);
}

static void test_lengths(void)
{
    int wrong = 0;
    for (int64_t d = 1; d < 2 * BL_RECALL_REACH; d++)
        wrong += bl_recall_distance(d) != half_octave(d);
    ok(wrong == 0, "half octaves of distances");
    ok(bl_recall_distance(2 * BL_RECALL_REACH - 1) == BL_RECALL_DISTANCES - 1 &&
           bl_recall_distance(1 << 30) == BL_RECALL_DISTANCES - 1,
       "the last one for all beyond");

    ok(bl_recall_lengths(0) == 0 && bl_recall_lengths(3) == 0, "none below four");
    ok(bl_recall_lengths(4) == 1 && bl_recall_lengths(63) == 4, "powers of two");
    ok(bl_recall_lengths(BL_RECALL_LONGEST) == 9, "up to the longest");
}

int main(void)
{
    test_lengths();
    test_search();
    test_reach();
    return tap_done();
}
