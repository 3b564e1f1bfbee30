/* test_base.c - errors, memory, random numbers, hashes, words, songs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/index.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/song.h"
#include "base/sort.h"
#include "base/words.h"
#include "tap.h"

/* ---- errors ---- */

static int reads(const bl_err *e, const char *expected)
{
    char text[800];
    return strcmp(bl_err_text(e, text, sizeof text), expected) == 0;
}

static void test_err(void)
{
    bl_err e = BL_ERR_INIT;
    ok(bl_fail_at(&e, BL_E_FORMAT, 12, "bad %s", "chunk") == BL_E_FORMAT,
       "err: the code comes back");
    ok(bl_fail(&e, BL_E_IO, "later") == BL_E_IO && e.code == BL_E_FORMAT,
       "err: the first cause stays");
    bl_err_in(&e, "a\nb.mid");
    ok(bl_fail_in(&e, BL_E_FORMAT, "other") == BL_E_FORMAT &&
           reads(&e, "'a?b.mid': byte 12: bad chunk"),
       "err: file, place, cause; no control characters");
    e = BL_ERR_INIT;
    bl_fail_line(&e, BL_E_TRUNC, 3, "cut");
    ok(reads(&e, "line 3: cut"), "err: a line, no file");
    e = BL_ERR_INIT;
    errno = ENOENT;
    bl_fail_errno(&e, BL_E_OPEN, "cannot open");
    ok(reads(&e, "cannot open: No such file or directory"),
       "err: with the system's cause");
    errno = ENOMEM;
    ok(bl_fail_errno(NULL, BL_E_OPEN, "cannot open") == BL_E_NOMEM,
       "err: no memory is that, whatever was asked of the system");
    bl_err_in(NULL, "x");
    ok(bl_fail(NULL, BL_E_ARG, "x") == BL_E_ARG &&
           bl_fail_in(NULL, BL_E_ARG, "x") == BL_E_ARG,
       "err: nobody has to listen, and a failure stays one");
    char small[8];
    e = BL_ERR_INIT;
    bl_fail(&e, BL_E_ARG, "a long text");
    bl_err_in(&e, "and a file");
    ok(strlen(bl_err_text(&e, small, sizeof small)) < sizeof small,
       "err: cut to the room");
}

/* ---- memory ---- */

static void test_mem(void)
{
    bl_err e = BL_ERR_INIT;
    void *p = bl_calloc(0, 8, &e);
    ok(p != NULL, "mem: nothing is not NULL");
    free(p);
    p = bl_calloc(SIZE_MAX / 2, 3, &e);
    ok(p == NULL && e.code == BL_E_NOMEM, "mem: a product that does not fit");
    free(p);

    size_t product;
    ok(bl_mul(SIZE_MAX, 2, &product) != 0 && bl_mul(3, 5, &product) == 0 &&
           product == 15,
       "mem: checked multiplication");
    ok(bl_clamp(9, 0, 5) == 5 && bl_clamp(-9, 0, 5) == 0 && bl_clamp(3, 0, 5) == 3,
       "mem: clamp");

    bl_buf b = {0};
    int rc = 0;
    for (int i = 0; i < 1000; i++)
        rc |= bl_buf_addf(&b, NULL, "%d,", i) | bl_buf_addc(&b, '\n', NULL);
    ok(rc == 0 && b.len == 4890 && memcmp(b.data + b.len - 5, "999,\n", 5) == 0,
       "mem: a buffer grows");
    ok(bl_buf_add(&b, "x", SIZE_MAX, NULL) == BL_E_NOMEM && b.len == 4890,
       "mem: a buffer refuses what no memory has");
    ok(strlen(bl_buf_str(&b, NULL)) == 4890 && b.len == 4890, "mem: as a string");
    bl_buf_free(&b);
    ok(b.data == NULL && b.len == 0, "mem: freed");

    bl_ids v = {0};
    for (unsigned i = 0; i < 70000; i++)
        rc |= bl_ids_add(&v, i & 0xFFFF, NULL);
    rc |= bl_ids_add_n(&v, NULL, 0, NULL);
    ok(rc == 0 && v.n == 70000 && v.id[69999] == 69999 - 65536, "mem: ids grow");
    bl_ids_free(&v);
}

/* ---- random numbers ---- */

/* The known answers of the authors' library Random123 (kat_vectors, philox4x32 10). */
static void test_philox(void)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < BL_COUNT(known); i++) {
        uint32_t out[4];
        bl_philox(known[i].key, known[i].counter, out);
        ok(memcmp(out, known[i].out, sizeof out) == 0, "philox: known answer %zu", i);
    }
}

static void test_rng(void)
{
    enum { N = 100000 };
    bl_rng r = bl_rng_make(7, 3), other = bl_rng_make(7, 4);
    double sum = 0, squares = 0, normal = 0, normal_squares = 0;
    for (int i = 0; i < 5; i++)
        bl_rng_u32(&r);
    bl_rng copy = r;
    uint32_t next = bl_rng_u32(&r);
    ok(next == bl_rng_u32(&copy) && copy.used == 6, "rng: a copy goes on the same way");
    copy = bl_rng_make(7, 3);
    copy.used = 5;
    ok(next == bl_rng_u32(&copy), "rng: resumes from seed, stream and count");
    int same = 0;
    for (int i = 0; i < 100; i++)
        same += bl_rng_u32(&r) == bl_rng_u32(&other);
    ok(same == 0, "rng: streams differ");

    int in_range = 1;
    for (int i = 0; i < N; i++) {
        double u = bl_rng_unit(&r), z = bl_rng_normal(&r);
        in_range &= u >= 0 && u < 1 && isfinite(z);
        sum += u;
        squares += u * u;
        normal += z;
        normal_squares += z * z;
    }
    /* five standard errors */
    ok(in_range && fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N) &&
           fabs(squares / N - 1.0 / 3) < 5 * 0.3 / sqrt(N),
       "rng: uniform in [0, 1)");
    ok(fabs(normal / N) < 5 / sqrt(N) &&
           fabs(normal_squares / N - 1) < 5 * sqrt(2.0 / N),
       "rng: normal");
    int seen[6] = {0};
    for (int i = 0; i < 60000; i++)
        seen[bl_rng_below(&r, 6)]++;
    int fair = 1;
    for (int i = 0; i < 6; i++)
        fair &= abs(seen[i] - 10000) < 500;
    ok(fair && bl_rng_below(&r, 1) == 0, "rng: below n");
}

/* ---- hashes ---- */

static void test_hash(void)
{
    bl_sha256 hex;
    bl_sha256_of("abc", 3, hex);
    ok(strcmp(hex,
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0,
       "sha256 of abc (FIPS 180-2)");
    static char many[1000000];
    memset(many, 'a', sizeof many);
    bl_sha256_of(many, sizeof many, hex);
    ok(strcmp(hex,
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0,
       "sha256 of a million times a");
    bl_sha256_of(many, 64 + 64 + 1, hex);
    ok(strcmp(hex,
              "c12cb024a2e5551cca0e08fce8f1c5e314555cc3fef6329ee994a3db752166ae") == 0,
       "sha256 of two blocks and a byte");
    ok(bl_xxh3("", 0) == 0x2d06800538d394c2, "xxh3 of nothing");
    ok(bl_xxh3("abc\n", 4) == 0x079364cbfdf9f4cb, "xxh3 as xxhsum -H3 prints it");
    bl_xxh3_state *s = bl_xxh3_new(NULL);
    char bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    bl_xxh3_add(s, "rubbish", 7);
    bl_xxh3_reset(s);
    for (size_t i = 0; i < sizeof bytes; i += 100)
        bl_xxh3_add(s, bytes + i, 100);
    ok(bl_xxh3_value(s) == bl_xxh3(bytes, sizeof bytes), "xxh3 in pieces");
    bl_xxh3_del(s);
}

/* ---- words ---- */

static void test_words(void)
{
    bl_err e = BL_ERR_INIT;
    bl_words *w = bl_words_new(&e);
    char name[80];
    int rc = 0;
    ok(bl_words_find(w, "a", 1) == -1, "words: nothing in an empty list");
    for (int i = 0; i < BL_WORDS_MAX; i++) {
        int n = snprintf(name, sizeof name, "Token_%d/4.#+:-", i);
        rc |= bl_words_add(w, name, (size_t)n, &e);
    }
    ok(rc == 0 && bl_words_size(w) == BL_WORDS_MAX, "words: 65,536 of them");
    ok(bl_words_add(w, "more", 4, NULL) == BL_E_LIMIT, "words: no more");
    int found = 1;
    for (int i = 0; i < BL_WORDS_MAX; i++)
        found &= bl_words_find(w, bl_words_name(w, (size_t)i),
                               bl_words_len(w, (size_t)i)) == i;
    ok(found, "words: each is found");
    ok(bl_words_find(w, "Token_0/4.#+:-x", 14) == 0 &&
           bl_words_find(w, "Token", 5) == -1,
       "words: by length, not by prefix");
    bl_words_del(w);

    static const char *const bad[] = {"",    "a b", "a\tb", "#a", "caf\xc3\xa9",
                                      "a\"", "a\\"};
    w = bl_words_new(&e);
    for (size_t i = 0; i < BL_COUNT(bad); i++)
        ok(bl_words_add(w, bad[i], strlen(bad[i]), NULL) == BL_E_FORMAT,
           "words: refuses '%s'", bad[i]);
    memset(name, 'x', sizeof name);
    ok(bl_words_add(w, name, 65, NULL) == BL_E_FORMAT &&
           bl_words_add(w, name, 64, NULL) == 0 &&
           bl_words_add(w, name, 64, NULL) == BL_E_FORMAT,
       "words: 64 characters, once");
    ok(bl_words_add(w, "a\0b", 3, NULL) == BL_E_FORMAT, "words: no NUL");
    bl_words_del(w);

    bl_sha256 hex, expected;
    w = bl_words_new(&e);
    rc = bl_words_add(w, "PAD", 3, &e) | bl_words_add(w, "BOS", 3, &e);
    bl_sha256_of("PAD\nBOS\n", 8, expected);
    ok(rc == 0 && bl_words_sha256(w, hex, &e) == 0 && strcmp(hex, expected) == 0,
       "words: their hash is that of the column");
    bl_words_del(w);
}

/* ---- songs ---- */

static void test_song(void)
{
    bl_song s = {0};
    int rc = 0;
    uint32_t x = 1;
    for (int i = 0; i < 1000; i++) {
        x = x * 1664525 + 1013904223;
        bl_note n = {.on = (int32_t)(x >> 28), .off = 99, .track = (uint16_t)i};
        rc |= bl_song_add_note(&s, n, NULL);
    }
    rc |= bl_song_add_tempo(&s, 9, 1, NULL) | bl_song_add_tempo(&s, 0, 2, NULL) |
          bl_song_add_tempo(&s, 9, 3, NULL) | bl_song_add_meter(&s, 5, 3, 2, NULL) |
          bl_song_add_meter(&s, 4, 4, 2, NULL);
    ok(rc == 0 && bl_song_sort(&s, NULL) == 0, "song: sorts");
    int sorted = 1;
    for (size_t i = 1; i < s.n_notes; i++)
        sorted &= s.notes[i - 1].on < s.notes[i].on ||
                  (s.notes[i - 1].on == s.notes[i].on &&
                   s.notes[i - 1].track < s.notes[i].track);
    ok(sorted && s.n_notes == 1000, "song: notes by time, ties in the order they came");
    ok(s.tempos[0].us == 2 && s.tempos[1].us == 1 && s.tempos[2].us == 3,
       "song: tempos too");
    ok(s.meters[0].tick == 4 && s.meters[1].tick == 5, "song: meters too");
    bl_song_clear(&s);
    ok(s.n_notes == 0 && s.cap_notes > 0 && bl_song_sort(&s, NULL) == 0,
       "song: cleared, memory kept");
    bl_song_free(&s);
}

static void test_sort_keyed(void)
{
    enum { N = 5000 };
    static bl_keyed x[N];
    bl_rng r = bl_rng_make(7, 0);
    for (uint32_t i = 0; i < N; i++) {
        double t = bl_rng_below(&r, 1000) / 7.0;
        x[i] = (bl_keyed){i % 3 ? bl_key_of_double(t) : bl_rng_below(&r, 9), i};
    }
    int sorted = bl_sort_keyed(x, N, NULL) == 0;
    for (size_t i = 1; i < N; i++)
        sorted &= x[i - 1].key < x[i].key ||
                  (x[i - 1].key == x[i].key && x[i - 1].item < x[i].item);
    ok(sorted, "sort: by key, ties in the order they came");
    ok(bl_key_of_double(0) == 0 && bl_key_of_double(1.5) < bl_key_of_double(1e9) &&
           bl_double_of_key(bl_key_of_double(0.1)) == 0.1,
       "sort: keys of doubles keep their order and value");
    ok(bl_sort_keyed(x, 0, NULL) == 0, "sort: nothing");
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        double x; /* NaN: it is none */
    } cases[] = {
        {"3", 3},          {"-3", -3},       {"+3", 3},      {".5", 0.5},
        {"5.", 5},         {"1e-3", 1e-3},   {"0", 0},       {"007", 7},
        {"-0.25E2", -25},  {"1e308", 1e308}, {"", NAN},      {"-", NAN},
        {".", NAN},        {"e5", NAN},      {"0x10", NAN},  {"0X1p3", NAN},
        {"-0x1", NAN},     {" 3", NAN},      {"3 ", NAN},    {"\t3", NAN},
        {"inf", NAN},      {"nan", NAN},     {"1e999", NAN}, {"3k", NAN},
        {"--3", NAN},      {"1,5", NAN},     {"- 3", NAN},   {"1e", NAN},
        {"infinity", NAN},
    };
    int wrong = 0;
    for (size_t i = 0; i < BL_COUNT(cases); i++) {
        double x = NAN;
        int is_one = bl_number(cases[i].text, &x);
        if (is_one != !isnan(cases[i].x) || (is_one && x != cases[i].x)) {
            printf("# '%s' is %g\n", cases[i].text, x);
            wrong++;
        }
    }
    ok(wrong == 0, "%zu texts are numbers or none", BL_COUNT(cases));
    const char *end;
    double x;
    ok(bl_number_begin("5,6", &x, &end) && x == 5 && strcmp(end, ",6") == 0,
       "one may be followed");
}

/* Keys of which some collide, some are 0 and some are shared. */
static void test_index(void)
{
    enum { N = 3000 };
    bl_err e = BL_ERR_INIT;
    bl_index x = {0};
    int found = 1, shared = 0, rc = 0;
    ok(bl_index_find(&x, 0) == -1, "an empty index has no key");
    for (size_t i = 0; i < N && rc == 0; i++)
        rc = bl_index_add(&x, (uint64_t)i << 40, i, &e);
    for (size_t i = 0; i < N; i++)
        found &= bl_index_find(&x, (uint64_t)i << 40) == (int64_t)i;
    ok(rc == 0 && found && bl_index_find(&x, 7) == -1, "%d keys are found again", N);
    rc = bl_index_add(&x, 0, N, &e);
    size_t at = bl_index_start(&x, 0);
    for (int64_t i; (i = bl_index_next(&x, 0, &at)) >= 0; shared++)
        found &= i == 0 || i == N;
    ok(rc == 0 && found && shared == 2, "two items of one key");
    bl_index_free(&x);
}

int main(void)
{
    test_index();
    test_numbers();
    test_err();
    test_mem();
    test_philox();
    test_rng();
    test_hash();
    test_words();
    test_song();
    test_sort_keyed();
    return tap_done();
}
