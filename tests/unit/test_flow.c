/* test_flow.c - the use-cases of vocab and shard, called as functions: what they count,
 * order, number and copy, without a tool around them. */
#include "flow/coder.h"
#include "flow/sharding.h"
#include "flow/tally.h"
#include "corpus.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

enum { N_PIECES = 12 };

static char folder[] = "/tmp/barline-flow-XXXXXX";
static char stream[64];

static void open_source(bl_source *s)
{
    const char *const paths[] = {stream};
    bl_err e = BL_ERR_INIT;
    *s = (bl_source){0};
    need(bl_source_open(s, paths, 1, &e), &e);
}

static void learn(bl_vocab *v, const bl_vocab_wish *wish, bl_counts *n)
{
    bl_source s;
    bl_err e = BL_ERR_INIT;
    open_source(&s);
    *n = (bl_counts){0};
    need(bl_vocab_learn(v, &s, wish, NULL, n, &e), &e);
    bl_source_free(&s);
}

static void test_vocabularies(uint64_t n_tokens)
{
    bl_vocab all, some, merged;
    bl_counts n;
    uint64_t sum = 0;
    int sorted = 1, occurs = 1;
    learn(&all, &(bl_vocab_wish){BL_ORDER_CANONICAL, 0, 0, 1}, &n);
    ok(n.pieces == N_PIECES && n.tokens == n_tokens, "every piece and token is read");
    for (size_t id = 0; id < bl_words_size(all.words); id++)
        sum += all.count[id];
    ok(sum == n_tokens + 2 * N_PIECES, "counts sum to the tokens with BOS and EOS");
    learn(&some, &(bl_vocab_wish){BL_ORDER_COUNT, 3, 0, 1}, &n);
    for (size_t id = BL_N_SPECIALS; id < bl_words_size(some.words); id++) {
        occurs &= some.count[id] >= 3;
        sorted &= id == BL_N_SPECIALS || some.count[id] <= some.count[id - 1];
    }
    ok(occurs && sorted, "by count: the frequent first, none below the least count");
    ok(bl_words_size(some.words) < bl_words_size(all.words), "and fewer than all");
    learn(&merged, &(bl_vocab_wish){BL_ORDER_CANONICAL, 0, 20, 1}, &n);
    ok(bl_words_size(merged.words) == bl_words_size(all.words) + 20,
       "20 merges come last");
    bl_vocab closed;
    bl_err e = BL_ERR_INIT;
    bl_scheme *s = open_scheme(4);
    need(bl_vocab_close(&closed, s, &e), &e);
    ok(strcmp(closed.sha256, all.sha256) == 0, "the closed vocabulary is the scheme's");
    bl_scheme_del(s);
    bl_vocab_free(&closed);
    bl_vocab_free(&all);
    bl_vocab_free(&some);
    bl_vocab_free(&merged);
}

/* Scheme ids to a vocabulary's and back, and a token that it lacks. */
static void test_coder(void)
{
    bl_vocab v;
    bl_counts n;
    bl_source s;
    bl_coder c = {0};
    bl_piece piece = {0};
    bl_ids back = {0}, copy = {0};
    bl_err e = BL_ERR_INIT;
    int same = 1;
    size_t before = 0, after = 0;
    learn(&v, &(bl_vocab_wish){BL_ORDER_CANONICAL, 0, 30, 1}, &n);
    open_source(&s);
    need(bl_coder_open(&c, s.scheme, &v, &e), &e);
    while (bl_corpus_next(s.corpus, &piece, &e) > 0) {
        copy.n = 0;
        need(bl_ids_add_n(&copy, piece.ids.id, piece.ids.n, &e), &e);
        need((int)bl_coder_to_vocab(&c, &copy, &e), &e);
        need(bl_coder_to_scheme(&c, copy.id, copy.n, &back, &e), &e);
        before += piece.ids.n;
        after += copy.n;
        same &= back.n == piece.ids.n && memcmp(back.id, piece.ids.id, 2 * back.n) == 0;
    }
    ok(same, "to the vocabulary and back: the same ids");
    ok(after < before, "merges make it shorter: %zu to %zu", before, after);
    c.to_vocab[BL_ID_MASK] = -1;
    copy.n = 0;
    need(bl_ids_add(&copy, BL_ID_BOS, &e), &e);
    need(bl_ids_add(&copy, BL_ID_MASK, &e), &e);
    ok(bl_coder_to_vocab(&c, &copy, &e) == 2, "the place of what is lacking is told");
    bl_ids_free(&copy);
    bl_ids_free(&back);
    bl_piece_free(&piece);
    bl_coder_free(&c);
    bl_source_free(&s);
    bl_vocab_free(&v);
}

static void count_calls(void *arg, const bl_counts *n)
{
    (void)n;
    ++*(int *)arg;
}

static void test_sharding(uint64_t n_tokens)
{
    char dir[80];
    const char *const paths[] = {stream};
    int calls = 0;
    const bl_progress progress = {.tell = count_calls, .arg = &calls};
    bl_sharding_wish wish = {
        .dir = dir, .share = {.5, .25, .25}, .copies = {-1, 1, 1, 1, 1}, .level = 1};
    bl_sharding *s;
    bl_sharding_counts n;
    bl_err e = BL_ERR_INIT;
    snprintf(dir, sizeof dir, "%s/data", folder);
    need(bl_sharding_new(&s, &wish, paths, 1, &progress, &e), &e);
    ok(calls == 2 * N_PIECES, "progress is told after each piece and each one copied");
    struct stat st;
    ok(stat(dir, &st) != 0, "nothing is there before it is written");
    need(bl_sharding_write(s, NULL, &n, &e), &e);
    ok(n.read.tokens == n_tokens, "all tokens are in");
    ok(n.pieces[0] + n.pieces[1] + n.pieces[2] == N_PIECES + n.n_copies &&
           n.n_copies > 0,
       "pieces and copies are in one split each");
    bl_sharding_del(s);
    int rc = bl_sharding_new(&s, &wish, paths, 1, NULL, &e);
    ok(rc == BL_E_CREATE, "a folder of shards is not replaced unasked");
    bl_sharding_del(s);
    e = BL_ERR_INIT;
    bl_shards split;
    need(bl_shards_read(&split, dir, 0, &e), &e);
    ok(split.n_pieces == n.pieces[0] && split.n_tokens == n.tokens[0],
       "the folder holds what was counted");
    ok(split.pg == NULL, "without a self there is no provenance");
    bl_shards_free(&split);
}

int main(void)
{
    char command[128];
    if (mkdtemp(folder) == NULL)
        return 70;
    snprintf(stream, sizeof stream, "%s/all.tok.zst", folder);
    uint64_t n_tokens = write_songs(stream, N_PIECES);
    test_vocabularies(n_tokens);
    test_coder();
    test_sharding(n_tokens);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) == 0 ? tap_done() : 1;
}
