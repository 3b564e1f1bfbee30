/* test_shards.c - shard directories: the same pieces come back, in one order whatever
 * the order they came in; damage is refused; an old folder is replaced whole or not at
 * all. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/folder.h"
#include "io/shards.h"
#include "tap.h"
#include "tempfd.h"

enum { N_WORDS = 20, MOST = 300 };

static bl_vocab make_vocab(void)
{
    static const char *const specials[] = {"PAD", "BOS", "EOS", "MASK"};
    bl_vocab v;
    bl_tokens_kind kind = {.spec = {.scheme = "remi", .grid = 4}};
    char name[16];
    memset(kind.sha256, 'a', sizeof kind.sha256 - 1);
    bl_words *words = bl_words_new(NULL);
    uint64_t *count = bl_calloc(N_WORDS, sizeof *count, NULL);
    int rc = 0;
    for (int i = 0; i < N_WORDS; i++) {
        int n = i < 4 ? snprintf(name, sizeof name, "%s", specials[i])
                      : snprintf(name, sizeof name, "Pitch_%d", i);
        rc |= bl_words_add(words, name, (size_t)n, NULL);
    }
    rc |= bl_vocab_make(&v, words, count, &kind, NULL);
    if (rc != 0)
        exit(1);
    return v;
}

/* Piece i: its name, hash and ids depend on i alone. Returns the number of ids. */
static size_t make_piece(int i, char name[16], uint64_t *xxh3, uint16_t ids[64])
{
    size_t n = (size_t)(i * 7 % 41);
    snprintf(name, 16, "piece-%03d", i);
    for (size_t k = 0; k < n; k++)
        ids[k] = (uint16_t)(4 + (i + (int)k * k) % (N_WORDS - 4));
    *xxh3 = bl_xxh3(name, strlen(name));
    return n;
}

/* Writes pieces first, first + step, ... (mod n) to DIR. */
static int write_dir(const char *dir, int n, int first, int step, const double *share,
                     int level, bl_err *e)
{
    bl_vocab v = make_vocab();
    bl_shardw *w = NULL;
    int rc = bl_shardw_new(&w, dir, &v, share, level, e);
    for (int i = 0; i < n && rc == 0; i++) {
        char name[16];
        uint16_t ids[64];
        uint64_t xxh3;
        size_t len = make_piece((first + i * step) % n, name, &xxh3, ids);
        rc = bl_shardw_add(w, name, "", xxh3, ids, len, e);
    }
    if (rc == 0)
        rc = bl_shardw_finish(w, NULL, e);
    bl_shardw_del(w);
    bl_vocab_free(&v);
    return rc;
}

static const double usual[BL_SPLITS] = {.8, .1, .1};
static const double all_train[BL_SPLITS] = {1, 0, 0};

/* Marks the pieces of a split in `seen`; returns their number, -1 if one is not as it
 * was written or not in order. */
static int collect(const char *dir, int split, int seen[MOST])
{
    bl_shards s;
    int last = -1, n;
    if (bl_shards_read(&s, dir, split, NULL) != 0)
        return -1;
    for (size_t p = 0; p < s.n_pieces; p++) {
        const uint16_t *t = s.tokens + s.offsets[p];
        size_t len = (size_t)(s.offsets[p + 1] - s.offsets[p]);
        int i = last;
        char name[16];
        uint16_t ids[64];
        uint64_t xxh3;
        while (++i < MOST) { /* the next piece that looks like this one */
            size_t want = make_piece(i, name, &xxh3, ids);
            if (want + 2 == len && memcmp(t + 1, ids, 2 * want) == 0 && !seen[i])
                break;
        }
        if (i == MOST || t[0] != 1 || t[len - 1] != 2) {
            bl_shards_free(&s);
            return -1;
        }
        seen[i] = 1 + split;
        last = i;
    }
    n = (int)s.n_pieces;
    bl_shards_free(&s);
    return n;
}

/* The bytes of DIR/NAME. */
static bl_buf file_of(const char *dir, const char *name)
{
    char path[256];
    bl_buf b = {0};
    int fd;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (bl_in_open(path, &fd, NULL) != 0 || bl_read_all(fd, &b, 1 << 28, NULL) != 0)
        exit(1);
    close(fd);
    return b;
}

static int same_file(const char *a, const char *b, const char *name)
{
    bl_buf x = file_of(a, name), y = file_of(b, name);
    int same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    bl_buf_free(&x);
    bl_buf_free(&y);
    return same;
}

static void test_round_trip(void)
{
    int seen[MOST] = {0};
    bl_err e = BL_ERR_INIT;
    ok(write_dir("a", MOST, 0, 1, usual, 5, &e) == 0, "shards: written (%s)", e.text);
    int train = collect("a", 0, seen), valid = collect("a", 1, seen),
        test = collect("a", 2, seen);
    ok(train + valid + test == MOST && train > 210 && valid > 10 && test > 10,
       "shards: %d + %d + %d pieces come back, in the order of their names", train,
       valid, test);
    ok(write_dir("b", MOST, 5, 7, usual, 0, &e) == 0, "shards: bare, in another order");
    int again[MOST] = {0};
    for (int s = 0; s < BL_SPLITS; s++)
        (void)collect("b", s, again);
    ok(memcmp(seen, again, sizeof seen) == 0, "shards: the same pieces in each split");
    ok(write_dir("c", MOST, 5, 7, usual, 5, &e) == 0 &&
           same_file("a", "c", "train-00000-of-00001.safetensors.zst") &&
           same_file("a", "c", "manifest.json") && same_file("a", "c", "vocab.tsv") &&
           same_file("a", "c", "valid.pieces.tsv"),
       "shards: the same bytes for any order");
    bl_folder_remove("b");
    bl_folder_remove("c");
}

static void test_growth(void)
{
    int fewer[MOST] = {0}, more[MOST] = {0};
    int rc = write_dir("few", 100, 0, 1, usual, 5, NULL);
    for (int s = 0; s < BL_SPLITS; s++)
        (void)collect("few", s, fewer);
    for (int s = 0; s < BL_SPLITS; s++)
        (void)collect("a", s, more);
    ok(rc == 0 && memcmp(fewer, more, 100 * sizeof *fewer) == 0,
       "shards: new pieces never move old ones");
    bl_folder_remove("few");
}

static void test_few_pieces(void)
{
    static const struct {
        int n, train, valid, test;
    } want[] = {{1, 1, 0, 0}, {2, 1, 1, 0}, {3, 1, 1, 1}};
    for (size_t k = 0; k < BL_COUNT(want); k++) {
        int seen[MOST] = {0};
        int rc = write_dir("tiny", want[k].n, 0, 1, usual, 5, NULL);
        int train = collect("tiny", 0, seen), valid = collect("tiny", 1, seen),
            test = collect("tiny", 2, seen);
        ok(rc == 0 && train == want[k].train && valid == want[k].valid &&
               test == want[k].test,
           "shards: %d pieces: %d train, %d valid, %d test", want[k].n, train, valid,
           test);
        bl_folder_remove("tiny");
    }
    bl_shards s;
    int rc = write_dir("tiny", 5, 0, 1, all_train, 5, NULL);
    ok(rc == 0 && bl_shards_read(&s, "tiny", 1, NULL) == 0 && s.n_pieces == 0 &&
           s.offsets[0] == 0,
       "shards: a split without a share is empty, not an error");
    bl_shards_free(&s);
    ok(bl_shards_read(&s, "tiny", 0, NULL) == 0 && s.n_pieces == 5 &&
           s.vocab.count[1] == 5 && s.vocab.count[2] == 5,
       "shards: the vocabulary counts what is in the splits");
    bl_shards_free(&s);
    ok(bl_shards_read(&s, "tiny", 3, NULL) == BL_E_ARG, "shards: no fourth split");
    bl_folder_remove("tiny");
}

static void test_dedup(void)
{
    bl_vocab v = make_vocab();
    bl_shardw *w;
    uint64_t pieces, tokens;
    static const uint16_t ids[] = {5, 6, 7};
    int rc = bl_shardw_new(&w, "once", &v, all_train, 5, NULL);
    static const struct {
        const char *name;
        uint64_t xxh3;
        size_t n;
    } in[] = {{"d", 1, 3}, {"b", 1, 3}, {"c", 2, 2},
              {"a", 9, 1}, {"e", 2, 2}, {"f", 1, 3}};
    for (size_t i = 0; i < BL_COUNT(in) && rc == 0; i++)
        rc = bl_shardw_add(w, in[i].name, "", in[i].xxh3, ids, in[i].n, NULL);
    ok(rc == 0 && bl_shardw_dedup(w) == 3, "shards: three of six are repeats");
    bl_shardw_counts(w, 0, &pieces, &tokens);
    ok(pieces == 3 && tokens == 3 + 2 + 1 + 6, "shards: counted without them");
    ok(bl_shardw_add(w, "g", "", 5, (const uint16_t[]){N_WORDS}, 1, NULL) == BL_E_ARG,
       "shards: no id beyond the vocabulary");
    ok(bl_shardw_finish(w, NULL, NULL) == 0, "shards: written without them");
    bl_buf table = file_of("once", "train.pieces.tsv");
    ok(strcmp(bl_buf_str(&table, NULL),
              "idx\toffset\tlength\tname\tsha256\n0\t0\t3\ta\t\n"
              "1\t3\t5\tb\t\n2\t8\t4\tc\t\n") == 0,
       "shards: the earliest name of each stays");
    bl_buf_free(&table);
    bl_shardw_del(w);
    bl_vocab_free(&v);
    bl_folder_remove("once");
}

/* ---- refusals ---- */

static void test_shares(void)
{
    static const double bad[][BL_SPLITS] = {
        {.5, .1, .1}, {1, 1, -1}, {2, -1, 0}, {0, 0, 0}, {.8, .1, .1000001}};
    bl_vocab v = make_vocab();
    bl_shardw *w;
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        ok(bl_shardw_new(&w, "x", &v, bad[i], 5, NULL) == BL_E_ARG,
           "shards: bad shares %zu", i);
    double nan_share[BL_SPLITS] = {0. / 0., 0, 1};
    ok(bl_shardw_new(&w, "x", &v, nan_share, 5, NULL) == BL_E_ARG, "shards: no number");
    ok(bl_shardw_new(&w, "no/such/x", &v, usual, 5, NULL) == BL_E_CREATE,
       "shards: a folder that cannot be made");
    bl_vocab_free(&v);
}

static void write_text(const char *path, const char *text)
{
    bl_out o;
    if (bl_out_open(&o, path, NULL) != 0 ||
        bl_write_all(o.fd, text, strlen(text), NULL) != 0 ||
        bl_out_commit(&o, NULL) != 0)
        exit(1);
}

static void test_there(void)
{
    bl_err e = BL_ERR_INIT;
    ok(bl_shards_there("absent", &e) == 0, "there: nothing");
    ok(mkdir("mine", 0777) == 0 && bl_shards_there("mine", &e) == 0,
       "there: an empty folder");
    ok(write_dir("mine/", 5, 0, 1, usual, 5, &e) == 0 &&
           bl_shards_there("mine", &e) == 1,
       "there: shards, in the empty folder's place");
    ok(write_dir("mine", 9, 0, 1, usual, 0, &e) == 0 &&
           bl_shards_there("mine", &e) == 1,
       "there: replaced by others");
    bl_shards s;
    ok(bl_shards_read(&s, "mine", 0, &e) == 0, "there: whole");
    bl_shards_free(&s);
    write_text("mine/notes.txt", "dear diary");
    ok(bl_shards_there("mine", &e) == BL_E_CREATE &&
           strstr(e.text, "notes.txt") != NULL &&
           write_dir("mine", 5, 0, 1, usual, 5, NULL) == BL_E_CREATE,
       "there: something of the user's, which is kept");
    unlink("mine/notes.txt");
    unlink("mine/manifest.json");
    ok(bl_shards_there("mine", NULL) == BL_E_CREATE,
       "there: shards without a manifest");
    bl_folder_remove("mine");
    write_text("file", "x");
    ok(bl_shards_there("file", NULL) == BL_E_CREATE, "there: a file");
    unlink("file");
}

/* ---- damage ---- */

static int read_any(int split)
{
    bl_shards s;
    bl_err e = BL_ERR_INIT;
    int rc = bl_shards_read(&s, "a", split, &e);
    bl_shards_free(&s);
    return rc != 0 && e.where[0] == '\0' ? -1 : rc; /* every error names a file */
}

/* A hash of what the split holds, 0 where it is refused. */
static uint64_t content_of(int split)
{
    bl_shards s;
    uint64_t hash = 0;
    if (bl_shards_read(&s, "a", split, NULL) == 0)
        hash = bl_xxh3(s.tokens, s.n_tokens * sizeof *s.tokens) ^
               bl_xxh3(s.offsets, (s.n_pieces + 1) * sizeof *s.offsets);
    bl_shards_free(&s);
    return hash;
}

/* Writes the file with `len` bytes, the bit flipped if it is >= 0. */
static void put(const char *name, const bl_buf *b, size_t len, int64_t bit)
{
    char path[256];
    snprintf(path, sizeof path, "a/%s", name);
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        exit(1);
    if (bit >= 0)
        b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    fwrite(b->data, 1, len, f);
    if (bit >= 0)
        b->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    fclose(f);
}

static void test_truncation(const char *name)
{
    bl_buf b = file_of("a", name);
    size_t accepted = 0;
    for (size_t cut = 0; cut < b.len; cut++) {
        put(name, &b, cut, -1);
        int rc = read_any(0);
        accepted += rc != BL_E_TRUNC && rc != BL_E_FORMAT;
    }
    /* without its last LF a manifest is the same JSON */
    ok(accepted == (strcmp(name, "manifest.json") == 0),
       "shards: %s, %zu bytes, cut anywhere", name, b.len);
    put(name, &b, b.len, -1);
    ok(read_any(0) == 0, "shards: %s is whole again", name);
    bl_buf_free(&b);
}

static void test_flips(const char *name)
{
    bl_buf b = file_of("a", name);
    uint64_t whole = content_of(0);
    size_t wrong = 0, harmless = 0;
    for (int64_t bit = 0; bit < 8 * (int64_t)b.len; bit++) {
        put(name, &b, b.len, bit);
        uint64_t content = content_of(0);
        harmless += content == whole;
        wrong += content != 0 && content != whole;
    }
    ok(wrong == 0 && harmless < b.len / 10,
       "shards: %s, %zu flipped bits, %zu harmless", name, 8 * b.len, harmless);
    put(name, &b, b.len, -1);
    bl_buf_free(&b);
}

/* Replaces `from` by `to` of the same length in a bare shard. */
static int patched(const char *name, const void *from, const void *to, size_t n)
{
    bl_buf b = file_of("a", name), copy = {0};
    size_t at = 0;
    while (at + n <= b.len && memcmp(b.data + at, from, n) != 0)
        at++;
    if (at + n > b.len || bl_buf_add(&copy, b.data, b.len, NULL) != 0)
        exit(1);
    memcpy(copy.data + at, to, n);
    put(name, &copy, copy.len, -1);
    int rc = read_any(0);
    put(name, &b, b.len, -1);
    bl_buf_free(&b);
    bl_buf_free(&copy);
    return rc;
}

static void test_mismatch(void)
{
    static const char bare[] = "train-00000-of-00001.safetensors";
    int rc = write_dir("a", 20, 0, 1, all_train, 0, NULL);
    ok(rc == 0 && read_any(0) == 0, "shards: a bare folder");
    ok(patched(bare, "\"1/1\"", "\"1/2\"", 5) == BL_E_MISMATCH,
       "shards: the wrong part");
    ok(patched(bare, "remi-shard/1", "remi-shard/2", 12) == BL_E_VERSION,
       "shards: a newer version");
    ok(patched(bare, "\"train\"", "\"valid\"", 7) == BL_E_MISMATCH,
       "shards: another split");
    ok(patched(bare, "aaaaaaaa", "aaaaaaab", 8) == BL_E_MISMATCH,
       "shards: another scheme");
    ok(patched("manifest.json", "\"pieces\":20", "\"pieces\":21", 11) < 0,
       "shards: another number of pieces");
    ok(patched("manifest.json", "\"vocab.tsv\"", "\"../ab.tsv\"", 11) == BL_E_FORMAT,
       "shards: no file outside the folder");
    ok(patched("vocab.tsv", "Pitch_4", "Pitch_0", 7) == BL_E_CORRUPT,
       "shards: another vocabulary");
    ok(patched(bare, "\x02\x00\x01\x00", "\x02\x00\x00\x00", 4) == BL_E_CORRUPT,
       "shards: another token");
    unlink("a/vocab.tsv");
    ok(read_any(0) == BL_E_OPEN, "shards: a file that is missing");
    bl_folder_remove("a");
    ok(read_any(0) == BL_E_OPEN, "shards: no folder");
}

int main(void)
{
    char dir[] = "/tmp/barline-test-XXXXXX";
    if (mkdtemp(dir) == NULL || chdir(dir) != 0)
        return 1;
    test_round_trip();
    test_growth();
    bl_folder_remove("a");
    test_few_pieces();
    test_dedup();
    test_shares();
    test_there();
    ok(write_dir("a", 12, 0, 1, all_train, 5, NULL) == 0, "shards: a small folder");
    test_truncation("train-00000-of-00001.safetensors.zst");
    test_truncation("vocab.tsv");
    test_truncation("manifest.json");
    test_flips("train-00000-of-00001.safetensors.zst");
    test_mismatch();
    ok(chdir("/") == 0 && rmdir(dir) == 0,
       "shards: nothing is left beside the folders");
    return tap_done();
}
