/* test_batch.c - lanes read every target once, in order, and resume anywhere. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "train/batch.h"

enum { PIECES = 13, LANES = 3, SEGMENT = 4, TOKENS = 400 };

typedef struct {
    uint16_t tokens[TOKENS];
    int64_t offsets[PIECES + 1];
    bl_pieces pieces;
} corpus;

/* Pieces of lengths 0 to 24; token i is i, so that a token tells its place. */
static void make_corpus(corpus *c)
{
    int64_t at = 0;
    for (int i = 0; i < TOKENS; i++)
        c->tokens[i] = (uint16_t)i;
    for (int i = 0; i < PIECES; i++) {
        c->offsets[i] = at;
        at += (i * 7) % 25;
    }
    c->offsets[PIECES] = at;
    c->pieces =
        (bl_pieces){.tokens = c->tokens, .offsets = c->offsets, .n_pieces = PIECES};
}

/* How often each place was an x; 0 if x and y or padding are not as they should be. */
static int count_batch(const bl_batch *b, int *seen)
{
    int good = 1;
    for (int l = 0; l < b->lanes; l++) {
        for (int t = 0; t < b->segment; t++) {
            int32_t x = b->x[l * b->segment + t], y = b->y[l * b->segment + t];
            if (t < b->n_real[l]) {
                good = good && y == x + 1;
                seen[x]++;
            } else {
                good = good && y == -1 && x == 0;
            }
        }
    }
    return good;
}

static int is_target(const corpus *c, int place)
{
    for (int i = 0; i < PIECES; i++)
        if (place >= c->offsets[i] && place + 1 < c->offsets[i + 1])
            return 1;
    return 0;
}

static void test_once(const corpus *c)
{
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    int seen[TOKENS] = {0}, good = 1, each = 1;
    int64_t n, total = 0;
    ok(bl_batch_init_once(&b, &c->pieces, LANES, SEGMENT, 0, 0, &e) == 0,
       "once: opens");
    while ((n = bl_batch_next(&b)) > 0) {
        good = good && count_batch(&b, seen);
        total += n;
    }
    for (int i = 0; i < TOKENS; i++)
        each = each && seen[i] == is_target(c, i);
    ok(good, "once: targets are one later, tails padded");
    ok(each, "once: every target exactly once");
    ok(total == bl_pieces_targets(&c->pieces), "once: %lld targets in all",
       (long long)total);
    ok(bl_batch_next(&b) == 0, "once: stays at its end");
    bl_batch_free(&b);
}

/* Windows of all pieces, each token of them scored after as many that are only read. */
static void test_sample(const corpus *c)
{
    enum { CONTEXT = 2 * SEGMENT - 1, SIZE = 2 * SEGMENT };
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    int64_t scored = 0, targets = bl_pieces_targets(&c->pieces), pieces = 0;
    int ready = 1;
    int32_t last = -1;
    if (!ok(bl_batch_init_once(&b, &c->pieces, 1, SEGMENT, targets / 3, CONTEXT, &e) ==
                0,
            "sample: opens"))
        return;
    while (bl_batch_next(&b) > 0) {
        for (int t = 0; t < b.n_real[0]; t++) {
            int32_t x = b.x[t];
            if (b.fresh[0] && t == 0)
                last = x;
            if (b.y[t] < 0)
                continue;
            int begins = 0;
            for (int i = 0; i < PIECES; i++)
                begins |= last == c->offsets[i];
            ready = ready && b.y[t] == x + 1 && (begins || x - last >= SIZE);
            scored++;
        }
        pieces += b.fresh[0];
    }
    ok(ready, "sample: what is scored has its context, or the piece's beginning");
    ok(scored > targets / 6 && scored < targets / 2 && pieces > 1,
       "sample: about a third of %lld targets (%lld)", (long long)targets,
       (long long)scored);
    bl_batch_free(&b);
    int rc = bl_batch_init_once(&b, &c->pieces, LANES, SEGMENT, 1, CONTEXT, &e);
    ok(rc == 0 && b.n_order == 1, "sample: one window at least");
    bl_batch_free(&b);
    rc = bl_batch_init_once(&b, &c->pieces, LANES, SEGMENT, targets / 2, CONTEXT, &e);
    ok(rc == 0 && b.n_order > 1 && b.windows[0].scored == 0, "sample: half is all");
    bl_batch_free(&b);
}

/* A sample's token counts are those of the whole: every r-th window of the pieces in
 * the order of their lengths. */
static void test_sample_size(void)
{
    enum { N = 200, T = 16 };
    static int64_t offsets[N + 1];
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    for (int i = 0; i < N; i++)
        offsets[i + 1] = offsets[i] + 50 + (i * 37) % N * 5;
    uint16_t *tokens = calloc((size_t)offsets[N], sizeof *tokens);
    const bl_pieces pieces = {.tokens = tokens, .offsets = offsets, .n_pieces = N};
    int worst = 0;
    for (int64_t want = 2000; tokens != NULL && want < 40000; want *= 2) {
        int64_t scored = 0;
        if (bl_batch_init_once(&b, &pieces, 4, T, want, T, &e) != 0)
            break;
        for (int64_t i = 0; i < b.n_order; i++)
            scored += b.windows[i].end - b.windows[i].scored;
        worst = (int)bl_max(worst, llabs(scored - want) * 100 / want);
        bl_batch_free(&b);
    }
    ok(tokens != NULL && worst <= 3, "sample: as large as asked for, to %d %%", worst);
    free(tokens);
}

/* ln 4 for four ids as often as each other; the first token of a piece is no target. */
static void test_entropy(void)
{
    static const uint16_t tokens[] = {9, 0, 1, 2, 3, 8, 3, 2, 1, 0};
    static const int64_t offsets[] = {0, 5, 10};
    const bl_pieces pieces = {.tokens = tokens, .offsets = offsets, .n_pieces = 2};
    bl_err e = BL_ERR_INIT;
    double h = 0;
    ok(bl_pieces_entropy(&pieces, 10, &h, &e) == 0 && fabs(h - log(4)) < 1e-12,
       "entropy: that of the targets (%.3f)", h);
}

/* A lane goes on where it stopped, or is fresh at the beginning of a piece. */
static void test_lanes(const corpus *c)
{
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    int32_t want[LANES] = {-1, -1, -1};
    int good = 1;
    if (!ok(bl_batch_init(&b, &c->pieces, LANES, SEGMENT, 5, &e) == 0, "lanes: opens"))
        return;
    for (int step = 0; step < 200; step++) {
        bl_batch_next(&b);
        for (int l = 0; l < LANES; l++) {
            int32_t x = b.x[l * SEGMENT];
            int begins = 0;
            for (int i = 0; i < PIECES; i++)
                begins |= x == c->offsets[i];
            good = good && b.n_real[l] > 0;
            good = good && (b.fresh[l] ? begins : x == want[l]);
            want[l] = x + b.n_real[l];
        }
    }
    ok(good, "lanes: segments of a piece follow each other");
    bl_batch_free(&b);
}

static void test_epochs(const corpus *c)
{
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    int seen[TOKENS] = {0}, each = 1, differ = 0;
    int64_t first[PIECES];
    if (!ok(bl_batch_init(&b, &c->pieces, 1, SEGMENT, 5, &e) == 0, "epochs: opens"))
        return;
    memcpy(first, b.order, sizeof *first * (size_t)b.n_order);
    while (b.epoch < 3)
        bl_batch_next(&b); /* the last one is the first of epoch 3 */
    for (int64_t i = 0; i < b.n_order; i++)
        differ |= first[i] != b.order[i];
    ok(differ, "epochs: the order changes");
    count_batch(&b, seen);
    for (;;) {
        bl_batch_next(&b);
        if (b.epoch == 4)
            break;
        count_batch(&b, seen);
    }
    for (int i = 0; i < TOKENS; i++)
        each = each && seen[i] == is_target(c, i);
    ok(each, "epochs: every target once in an epoch");
    bl_batch_free(&b);
}

/* Wherever a batch goes on, its tokens stand where counting from the beginning of their
 * pieces puts them: token i begins a bar where 5 divides it, and is at i % 3 else. */
static void test_places(const corpus *c)
{
    static bl_token_place table[TOKENS];
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    bl_pieces pieces = c->pieces;
    int wrong = 0, n = 0;
    for (int i = 0; i < TOKENS; i++)
        table[i] = (bl_token_place){i % 5 == 0, i % 5 == 0 ? -1 : i % 3};
    pieces.places = table;
    if (!ok(bl_batch_init(&b, &pieces, LANES, SEGMENT, 9, &e) == 0, "places: opens"))
        return;
    for (int step = 0; step < 60; step++) {
        if (step == 30) /* as a resumed run does */
            wrong += bl_batch_seek(&b, b.epoch, b.next, b.piece, b.offset, &e) != 0;
        bl_batch_next(&b);
        for (int k = 0; k < LANES * SEGMENT; k++) {
            int x = b.x[k], first = PIECES - 1, bar = -1, position = 0;
            if (k % SEGMENT >= b.n_real[k / SEGMENT])
                continue;
            while (c->offsets[first] > x)
                first--;
            for (int i = (int)c->offsets[first]; i <= x; i++) {
                bar += i % 5 == 0;
                position = i % 5 == 0 ? 0 : i % 3;
            }
            wrong += b.at[k].bar != bar || b.at[k].position != position;
            n++;
        }
    }
    ok(wrong == 0 && n > 100, "places: %d tokens stand where they are counted", n);
    bl_batch_free(&b);
}

/* What came next is that of the piece from its beginning on, wherever a batch goes on.
 */
static void test_recall(const corpus *c)
{
    static uint16_t token[TOKENS];
    bl_err e = BL_ERR_INIT;
    bl_batch b;
    bl_recall *r;
    bl_pieces pieces = c->pieces;
    int wrong = 0, found = 0;
    for (int i = 0; i < TOKENS; i++)
        token[i] = (uint16_t)(i % 7 + (i % 50 == 0));
    pieces.tokens = token;
    pieces.recall = 16;
    if (!ok(bl_batch_init(&b, &pieces, LANES, SEGMENT, 9, &e) == 0 &&
                bl_recall_new(&r, 16, &e) == 0 && bl_recall_reserve(r, TOKENS, &e) == 0,
            "recall: opens"))
        return;
    for (int step = 0; step < 60; step++) {
        if (step == 30)
            wrong += bl_batch_seek(&b, b.epoch, b.next, b.piece, b.offset, &e) != 0;
        bl_batch_next(&b);
        for (int lane = 0; lane < LANES; lane++) {
            int first = PIECES - 1;
            while (c->offsets[first] > b.start[lane])
                first--;
            bl_recall_forget(r);
            for (int64_t i = c->offsets[first]; i < b.start[lane] + b.n_real[lane];
                 i++) {
                bl_recalled is = bl_recall_step(r, token[i]);
                int64_t t = i - b.start[lane];
                if (t < 0)
                    continue;
                bl_recalled was = b.at[lane * SEGMENT + t].recalled;
                wrong += was.token != is.token || was.length != is.length ||
                         was.distance != is.distance || was.times != is.times;
                found += is.length > 0;
            }
        }
    }
    ok(wrong == 0 && found > 100, "recall: %d tokens stood there before", found);
    bl_recall_del(r);
    bl_batch_free(&b);
}

static void test_seek(const corpus *c)
{
    bl_err e = BL_ERR_INIT;
    bl_batch a, b;
    int same = 1;
    if (!ok(bl_batch_init(&a, &c->pieces, LANES, SEGMENT, 9, &e) == 0, "seek: opens"))
        return;
    for (int step = 0; step < 100 && same; step++) {
        same = bl_batch_init(&b, &c->pieces, LANES, SEGMENT, 9, &e) == 0 &&
               bl_batch_seek(&b, a.epoch, a.next, a.piece, a.offset, &e) == 0;
        if (!same)
            break;
        bl_batch_next(&a);
        bl_batch_next(&b);
        same = memcmp(a.x, b.x, LANES * SEGMENT * sizeof *a.x) == 0 &&
               memcmp(a.y, b.y, LANES * SEGMENT * sizeof *a.y) == 0 &&
               memcmp(a.fresh, b.fresh, LANES) == 0 && a.next == b.next &&
               memcmp(a.offset, b.offset, LANES * sizeof *a.offset) == 0;
        bl_batch_free(&b);
    }
    ok(same, "seek: the next batch is the same from any place");

    int64_t piece[LANES] = {0, -1, -1}, offset[LANES] = {1000, 0, 0};
    ok(bl_batch_seek(&a, 0, 0, piece, offset, NULL) == BL_E_FORMAT,
       "seek: offset too far");
    piece[0] = PIECES;
    offset[0] = 0;
    ok(bl_batch_seek(&a, 0, 0, piece, offset, NULL) == BL_E_FORMAT,
       "seek: no such piece");
    piece[0] = -1;
    ok(bl_batch_seek(&a, 0, 99, piece, offset, NULL) == BL_E_FORMAT,
       "seek: beyond order");
    bl_batch_free(&a);
}

static void test_empty(void)
{
    bl_err e = BL_ERR_INIT;
    const uint16_t tokens[] = {1};
    const int64_t offsets[] = {0, 1};
    const bl_pieces one = {.tokens = tokens, .offsets = offsets, .n_pieces = 1},
                    none = {.tokens = tokens, .offsets = offsets, .n_pieces = 0};
    bl_batch b;
    ok(bl_batch_init(&b, &one, 2, 4, 0, &e) == BL_E_FORMAT, "no target: refused");
    ok(bl_batch_init(&b, &none, 2, 4, 0, &e) == BL_E_FORMAT, "no piece: refused");
}

int main(void)
{
    corpus c;
    make_corpus(&c);
    test_once(&c);
    test_sample(&c);
    test_sample_size();
    test_entropy();
    test_lanes(&c);
    test_epochs(&c);
    test_places(&c);
    test_recall(&c);
    test_seek(&c);
    test_empty();
    return tap_done();
}
