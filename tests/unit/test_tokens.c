/* test_tokens.c - token streams: what is written comes back; what is damaged does not.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "io/corpus.h"
#include "io/tokens.h"
#include "tap.h"
#include "tempfd.h"

#include <fcntl.h>

/* ---- a small scheme ---- */

enum { BAR, N_WORDS = 12 };

typedef struct {
    bl_words *words;
    uint8_t advance[N_WORDS];
    bl_tokens_kind kind;
} scheme;

static scheme make_scheme(char digit)
{
    scheme s = {.advance = {[BAR] = 1},
                .kind = {.spec = {.scheme = "remi", .grid = 4}}};
    char name[16];
    s.words = bl_words_new(NULL);
    int rc = bl_words_add(s.words, "Bar", 3, NULL);
    for (int i = 1; i < N_WORDS; i++) {
        int n = snprintf(name, sizeof name, "Pitch_%d", 59 + i);
        rc |= bl_words_add(s.words, name, (size_t)n, NULL);
    }
    memset(s.kind.sha256, digit, sizeof s.kind.sha256 - 1);
    if (rc != 0)
        exit(1);
    return s;
}

static const uint16_t music[] = {0, 1, 2, 0, 0, 11, 3};
static const bl_piece_info infos[] = {
    {.name = "a/b.mid", .sha256 = "", .tpq = 480, .ticks = 1920, .tracks = 3},
    {.name = "new\nline 100% caf\xe9", .sha256 = "", .tpq = 0, .ticks = 0, .tracks = 0},
    {.name = "", .sha256 = "", .tpq = 96, .ticks = 1, .tracks = 1},
};
enum { N_PIECES = 3 };

/* Three pieces: all of the music, nothing, the first token. */
static bl_buf write_stream(const scheme *s, int level, bl_err *e)
{
    static const size_t n[N_PIECES] = {7, 0, 1}, bars[N_PIECES] = {3, 0, 1};
    bl_tokw *w = NULL;
    int fd = temp_fd();
    int rc = bl_tokw_new(&w, fd, level, &s->kind, s->words, (bl_lines){s->advance, 1},
                         NULL, e);
    for (int i = 0; i < N_PIECES && rc == 0; i++)
        rc = bl_tokw_piece(w, &infos[i], music, n[i], bars[i], e);
    if (rc == 0)
        rc = bl_tokw_finish(w, 2, e);
    bl_tokw_del(w);
    if (rc != 0)
        exit(1);
    bl_buf b = temp_bytes(fd);
    close(fd);
    return b;
}

/* What a reader makes of a stream, in one text: names, ids, counts. Returns its last
 * answer. */
static int digest(const scheme *s, const void *bytes, size_t len, bl_buf *out,
                  bl_err *e)
{
    bl_tokr *r = NULL;
    bl_piece p = {0};
    int fd = temp_with(bytes, len);
    int rc = bl_tokr_new(&r, fd, "stream", e), more = 0;
    if (rc == 0) {
        bl_tokr_set_words(r, s->words);
        while ((rc = bl_tokr_next(r, &p, e)) == 1) {
            more |= bl_buf_addf(out, NULL, "%s|%s|%d %d %lld %llu %zu %016llx:", p.name,
                                p.sha256, p.tpq, p.tracks, (long long)p.ticks,
                                (unsigned long long)p.index, p.bars,
                                (unsigned long long)p.xxh3);
            for (size_t i = 0; i < p.ids.n; i++)
                more |= bl_buf_addf(out, NULL, " %u", p.ids.id[i]);
            more |= bl_buf_addc(out, '\n', NULL);
        }
        if (rc == 0)
            more |= bl_buf_addf(out, NULL, "rejects %llu",
                                (unsigned long long)bl_tokr_rejects(r));
    }
    bl_piece_free(&p);
    bl_tokr_del(r);
    close(fd);
    return more != 0 ? more : rc;
}

static int reads_as(const scheme *s, const bl_buf *b, const char *expected)
{
    bl_buf out = {0};
    bl_err e = BL_ERR_INIT;
    int rc = digest(s, b->data, b->len, &out, &e);
    int same = rc == 0 && out.len == strlen(expected) &&
               memcmp(out.data, expected, out.len) == 0;
    if (!same)
        printf("# %d %s\n# %.*s\n", rc, e.text, (int)out.len, (const char *)out.data);
    bl_buf_free(&out);
    return same;
}

/* ---- round trips ---- */

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEADER                                                                         \
    "#remi "                                                                           \
    "{\"schema\":\"remi-tokens/1\",\"tokenizer\":{\"name\":\"remi\",\"grid\":4},"      \
    "\"tokenizer_sha256\":\"" SHA "\"}\n"
#define PIECE                                                                          \
    "#piece "                                                                          \
    "{\"i\":0,\"name\":\"a\",\"sha256\":\"\",\"tpq\":1,\"ticks\":2,\"tracks\":3}\n"
#define MUSIC "Bar Pitch_60\n"
#define END "#end {\"i\":0,\"bars\":1,\"tokens\":2,\"xxh3\":\"%016" PRIx64 "\"}\n"
#define EOS "#eos {\"pieces\":1,\"tokens\":2,\"rejects\":0}\n"

static void test_round_trip(const scheme *s)
{
    char expected[500];
    bl_err e = BL_ERR_INIT;
    static const char text[] = "Bar Pitch_60 Pitch_61\nBar\nBar Pitch_70 Pitch_62\n";
    snprintf(expected, sizeof expected,
             "a/b.mid||480 3 1920 0 3 %016" PRIx64 ": 0 1 2 0 0 11 3\n"
             "new\nline 100%% caf\xe9||0 0 0 1 0 %016" PRIx64 ":\n"
             "||96 1 1 2 1 %016" PRIx64 ": 0\nrejects 2",
             bl_xxh3(text, strlen(text)), bl_xxh3("", 0), bl_xxh3("Bar\n", 4));
    bl_buf bare = write_stream(s, 0, &e), zst = write_stream(s, 5, &e);
    ok(reads_as(s, &bare, expected), "tokens: bare text comes back");
    ok(reads_as(s, &zst, expected), "tokens: compressed comes back");
    ok(strstr(bl_buf_str(&bare, NULL), text) != NULL, "tokens: a line a bar");
    ok(strstr((char *)bare.data, "\"name\":\"new%0Aline 100%25 caf%E9\"") != NULL,
       "tokens: names are percent-encoded");
    size_t frames = 0;
    for (size_t i = 0; i + 4 <= zst.len; i++)
        frames += memcmp(zst.data + i, "\x28\xB5\x2F\xFD", 4) == 0;
    ok(frames == N_PIECES + 2, "tokens: a frame for header, piece, trailer");

    bl_buf twice = {0};
    int rc = bl_buf_add(&twice, zst.data, zst.len, NULL) |
             bl_buf_add(&twice, zst.data, zst.len, NULL);
    bl_buf out = {0};
    ok(rc == 0 && digest(s, twice.data, twice.len, &out, NULL) == 0 &&
           strstr(bl_buf_str(&out, NULL), "rejects 4") != NULL,
       "tokens: two streams are one");
    bl_buf_free(&out);
    bl_buf_free(&twice);
    bl_buf_free(&bare);
    bl_buf_free(&zst);
}

/* The same pieces bar by bar, each of which a reader of the other end has at once. */
static bl_buf write_parts(const scheme *s, int level, int *late)
{
    static const size_t from[N_PIECES][5] = {{0, 3, 4, 7}, {0}, {0, 1}};
    static const size_t bars[N_PIECES] = {3, 0, 1};
    bl_err e = BL_ERR_INIT;
    bl_tokw *w;
    bl_tokr *r = NULL;
    bl_piece p = {0};
    int fd = temp_fd(), in;
    int rc = bl_tokw_new(&w, fd, level, &s->kind, s->words, (bl_lines){s->advance, 1},
                         NULL, &e);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    in = open(path, O_RDONLY);
    rc |= bl_tokr_new(&r, in, "stream", &e);
    bl_tokr_set_words(r, s->words);
    for (int i = 0; i < N_PIECES && rc == 0; i++) {
        rc = bl_tokw_begin(w, &infos[i], &e);
        *late += bl_tokr_begin(r, &p, &e) != 1 || p.ids.n != 0;
        for (size_t k = 1; k < 5 && from[i][k] > 0 && rc == 0; k++) {
            rc = bl_tokw_lines(w, music + from[i][k - 1], from[i][k] - from[i][k - 1],
                               &e);
            *late += bl_tokr_line(r, &p, &e) != 1 || p.ids.n != from[i][k];
        }
        rc = rc == 0 ? bl_tokw_end(w, bars[i], &e) : rc;
        *late += bl_tokr_line(r, &p, &e) != 0 || p.bars != bars[i];
    }
    rc = rc == 0 ? bl_tokw_finish(w, 2, &e) : rc;
    *late += bl_tokr_begin(r, &p, &e) != 0;
    if (rc != 0)
        exit(1);
    bl_tokw_del(w);
    bl_tokr_del(r);
    bl_piece_free(&p);
    bl_buf b = temp_bytes(fd);
    close(fd);
    close(in);
    return b;
}

static void test_parts(const scheme *s)
{
    for (int level = 0; level <= 5; level += 5) {
        bl_err e = BL_ERR_INIT;
        bl_buf whole = {0}, parts = {0};
        int late = 0;
        bl_buf a = write_stream(s, level, &e), b = write_parts(s, level, &late);
        int rc =
            digest(s, a.data, a.len, &whole, &e) | digest(s, b.data, b.len, &parts, &e);
        ok(late == 0, "tokens, level %d: what is written in parts is there at once",
           level);
        ok(rc == 0 && whole.len == parts.len && (level > 0 || a.len == b.len) &&
               memcmp(whole.data, parts.data, whole.len) == 0,
           "tokens, level %d: and is the same as a whole", level);
        bl_buf_free(&a);
        bl_buf_free(&b);
        bl_buf_free(&whole);
        bl_buf_free(&parts);
    }
}

static void test_refused_writes(const scheme *s)
{
    bl_buf out = {0};
    char name[BL_NAME_MAX + 2];
    bl_piece_info info = infos[0];
    ok(bl_tokens_format(&out, 0, &info, (const uint16_t[]){12}, 1, 0, s->words,
                        (bl_lines){s->advance, 1}, NULL) == BL_E_ARG,
       "tokens: an id beyond the vocabulary");
    ok(bl_tokens_format(&out, 0, &info, music, 7, 4, s->words,
                        (bl_lines){s->advance, 1}, NULL) == BL_E_ARG,
       "tokens: more bars than lines");
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    info.name = name;
    ok(bl_tokens_format(&out, 0, &info, music, 7, 3, s->words,
                        (bl_lines){s->advance, 1}, NULL) == BL_E_LIMIT,
       "tokens: a name too long");
    bl_buf_free(&out);
}

/* A bar of more text than a line may have goes on in the next lines. */
static void test_long_bar(const scheme *s)
{
    enum { N = 300000 };
    uint16_t *ids = bl_calloc(N, sizeof *ids, NULL);
    for (size_t i = 1; i < N; i++)
        ids[i] = (uint16_t)(1 + i % 11);
    bl_tokw *w = NULL;
    bl_tokr *r = NULL;
    bl_piece p = {0};
    int fd = temp_fd();
    int rc = bl_tokw_new(&w, fd, 0, &s->kind, s->words, (bl_lines){s->advance, 1}, NULL,
                         NULL);
    if (rc == 0)
        rc = bl_tokw_piece(w, &infos[0], ids, N, 1, NULL);
    if (rc == 0)
        rc = bl_tokw_finish(w, 0, NULL);
    lseek(fd, 0, SEEK_SET);
    if (rc == 0)
        rc = bl_tokr_new(&r, fd, "long", NULL);
    if (rc == 0) {
        bl_tokr_set_words(r, s->words);
        rc = bl_tokr_next(r, &p, NULL);
    }
    ok(rc == 1 && p.ids.n == N && p.bars == 1 && memcmp(p.ids.id, ids, 2 * N) == 0,
       "tokens: a bar of 2.7 MB");
    bl_piece_free(&p);
    bl_tokr_del(r);
    bl_tokw_del(w);
    close(fd);
    free(ids);
}

/* ---- grammar ---- */

static int answer(const scheme *s, const char *format, uint64_t xxh3, bl_err *e)
{
    bl_buf text = {0}, out = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (bl_buf_addf(&text, NULL, format, xxh3) != 0)
        exit(1);
#pragma GCC diagnostic pop
    *e = BL_ERR_INIT;
    int rc = digest(s, text.data, text.len, &out, e);
    bl_buf_free(&text);
    bl_buf_free(&out);
    return rc;
}

static void test_good_texts(const scheme *s)
{
    uint64_t h = bl_xxh3(MUSIC, strlen(MUSIC));
    bl_err e;
    static const char *const good[] = {
        HEADER PIECE MUSIC END EOS,
        HEADER "#x-note anything\n" PIECE "#x-\n" MUSIC END "#x-y\n" EOS,
        HEADER
        "#eos {\"pieces\":0,\"tokens\":0,\"rejects\":9}\n" HEADER PIECE MUSIC END EOS,
        HEADER "#piece {\"i\":0,\"name\":\"a\",\"sha256\":\"" SHA
               "\",\"tpq\":1,\"ticks\":2,"
               "\"tracks\":3,\"fixes\":{\"clipped\":2},\"x-mine\":[]}\n" MUSIC END EOS,
    };
    for (size_t i = 0; i < BL_COUNT(good); i++)
        ok(answer(s, good[i], h, &e) == 0, "tokens: good text %zu (%s)", i, e.text);
}

static void test_bad_texts(const scheme *s)
{
    uint64_t h = bl_xxh3(MUSIC, strlen(MUSIC));
    bl_err e;
    static const struct {
        int code, line;
        const char *text, *says;
    } bad[] = {
        {BL_E_TRUNC, 0, "", "empty"},
        {BL_E_FORMAT, 0, "MThd", "not a token stream"},
        {BL_E_FORMAT, 1, "#vocab {}\n", "not a token stream"},
        {BL_E_FORMAT, 1, "#remi []\n", "JSON"},
        {BL_E_FORMAT, 1, "#remi {\"schema\":\"feat/1\"}\n", "'feat/1'"},
        {BL_E_VERSION, 1, "#remi {\"schema\":\"remi-tokens/2\"}\n", "remi-tokens/2"},
        {BL_E_TRUNC, 1, HEADER, "without '#eos'"},
        {BL_E_TRUNC, 3, HEADER PIECE MUSIC, "inside a piece"},
        {BL_E_TRUNC, 4, HEADER PIECE MUSIC END, "without '#eos'"},
        {BL_E_FORMAT, 2, HEADER MUSIC EOS, "between pieces"},
        {BL_E_FORMAT, 3, HEADER PIECE PIECE MUSIC END EOS, "inside a piece"},
        {BL_E_FORMAT, 3, HEADER PIECE EOS, "inside a piece"},
        {BL_E_FORMAT, 2, HEADER "#comment\n" EOS, "between pieces"},
        {BL_E_FORMAT, 3, HEADER PIECE "Bar  Pitch_60\n" END EOS, "blanks"},
        {BL_E_FORMAT, 3, HEADER PIECE "Bar Pitch_60 \n" END EOS, "blank"},
        {BL_E_FORMAT, 3, HEADER PIECE "\n" END EOS, "blank"},
        {BL_E_FORMAT, 3, HEADER PIECE "Bar Pitch_99\n" END EOS, "'Pitch_99'"},
        {BL_E_FORMAT, 3, HEADER PIECE "Bar\tPitch_60\n" END EOS, "not a token"},
        {BL_E_CORRUPT, 4, HEADER PIECE "Bar Pitch_61\n" END EOS, "hash"},
        {BL_E_CORRUPT, 4, HEADER PIECE "Bar Pitch_60 Pitch_60\n" END EOS, "3 tokens"},
        {BL_E_FORMAT, 4, HEADER PIECE MUSIC "#end {\"i\":1}\n", "'i'"},
        {BL_E_FORMAT, 4, HEADER PIECE MUSIC "#end {\"i\":0,\"bars\":2}\n", "'bars'"},
        {BL_E_CORRUPT, 5,
         HEADER PIECE MUSIC END "#eos {\"pieces\":2,\"tokens\":2,\"rejects\":0}\n",
         "1 pieces"},
        {BL_E_CORRUPT, 5,
         HEADER PIECE MUSIC END "#eos {\"pieces\":1,\"tokens\":3,\"rejects\":0}\n",
         "2 tokens"},
        {BL_E_FORMAT, 6, HEADER PIECE MUSIC END EOS "#x-more\n", "follow"},
        {BL_E_FORMAT, 6, HEADER PIECE MUSIC END EOS PIECE, "follow"},
        {BL_E_FORMAT, 2, HEADER "#piece {\"i\":-1}\n", "'i'"},
        {BL_E_FORMAT, 5, HEADER PIECE MUSIC END PIECE MUSIC END EOS, "'i'"},
        {BL_E_FORMAT, 2, HEADER "#piece {\"i\":0,\"name\":\"a%%0a\"}\n", "'name'"},
        {BL_E_FORMAT, 2, HEADER "#piece {\"i\":0,\"name\":\"a%%00\"}\n", "'name'"},
        {BL_E_FORMAT, 2, HEADER "#piece {\"i\":0,\"name\":\"a%%4\"}\n", "'name'"},
        {BL_E_FORMAT, 2, HEADER "#piece {\"i\":0,\"name\":\"\\u00e9\"}\n", "'name'"},
        {BL_E_FORMAT, 2, HEADER "#piece {\"i\":0,\"name\":\"a\",\"sha256\":\"0\"}\n",
         "'sha256'"},
        {BL_E_FORMAT, 2,
         HEADER "#piece {\"i\":0,\"name\":\"a\",\"sha256\":\"\",\"tpq\":1,\"ticks\":2,"
                "\"tracks\":3,\"fixes\":{\"a\":-1}}\n",
         "'fixes'"},
        {BL_E_FORMAT, 2,
         HEADER "#piece {\"i\":0,\"name\":\"a\",\"sha256\":\"\",\"tpq\":1,\"ticks\":2,"
                "\"tracks\":3,\"more\":1}\n",
         "'more'"},
    };
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        int rc = answer(s, bad[i].text, h, &e);
        ok(rc == bad[i].code && e.line == bad[i].line &&
               strstr(e.text, bad[i].says) != NULL && strcmp(e.where, "stream") == 0,
           "tokens: bad text %zu: line %d: %s", i, (int)e.line, e.text);
    }
}

static void test_other_kind(const scheme *s)
{
    scheme other = make_scheme('b');
    bl_err e = BL_ERR_INIT;
    bl_buf a = write_stream(s, 5, &e), b = write_stream(&other, 5, &e), out = {0};
    int rc = bl_buf_add(&a, b.data, b.len, NULL);
    ok(rc == 0 && digest(s, a.data, a.len, &out, &e) == BL_E_MISMATCH &&
           strstr(e.text, "that is of other words follows") != NULL,
       "tokens: a stream of another scheme does not follow");
    bl_buf_free(&a);
    bl_buf_free(&b);
    bl_buf_free(&out);
    bl_words_del(other.words);
}

/* ---- damage ---- */

static void test_truncation(const scheme *s)
{
    for (int level = 0; level <= 5; level += 5) {
        bl_buf b = write_stream(s, level, NULL);
        size_t refused = 0;
        for (size_t cut = 0; cut < b.len; cut++) {
            bl_buf out = {0};
            refused += digest(s, b.data, cut, &out, NULL) == BL_E_TRUNC;
            bl_buf_free(&out);
        }
        ok(refused == b.len, "tokens: cut at any of %zu places is truncation, level %d",
           b.len, level);
        bl_buf_free(&b);
    }
}

/* A stream of about 2 kB compressed: one piece of random pitches. */
static bl_buf write_random(const scheme *s)
{
    enum { N = 3500 };
    uint16_t ids[N];
    size_t bars = 1;
    uint32_t x = 1;
    bl_tokw *w = NULL;
    int fd = temp_fd();
    ids[0] = BAR;
    for (size_t i = 1; i < N; i++) {
        x = x * 1664525 + 1013904223;
        ids[i] = (uint16_t)((x >> 16) % N_WORDS);
        bars += ids[i] == BAR;
    }
    int rc = bl_tokw_new(&w, fd, 5, &s->kind, s->words, (bl_lines){s->advance, 1}, NULL,
                         NULL);
    if (rc == 0)
        rc = bl_tokw_piece(w, &infos[0], ids, N, bars, NULL);
    if (rc == 0)
        rc = bl_tokw_finish(w, 0, NULL);
    bl_tokw_del(w);
    if (rc != 0)
        exit(1);
    bl_buf b = temp_bytes(fd);
    close(fd);
    return b;
}

/* Every bit of it flipped, one after the other. */
static void test_flips(const scheme *s)
{
    bl_buf b = write_random(s), whole = {0}, out = {0};
    size_t wrong = 0, harmless = 0;
    int rc = digest(s, b.data, b.len, &whole, NULL);
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        out.len = 0;
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (digest(s, b.data, b.len, &out, NULL) == 0) {
            int same =
                out.len == whole.len && memcmp(out.data, whole.data, out.len) == 0;
            harmless += (size_t)same;
            wrong += (size_t)!same;
        }
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ok(rc == 0 && wrong == 0 && harmless < b.len / 10,
       "tokens: %zu flipped bits, %zu harmless, %zu wrong", 8 * b.len, harmless, wrong);
    bl_buf_free(&b);
    bl_buf_free(&whole);
    bl_buf_free(&out);
}

int main(void)
{
    scheme s = make_scheme('a');
    test_round_trip(&s);
    test_parts(&s);
    test_refused_writes(&s);
    test_long_bar(&s);
    test_good_texts(&s);
    test_bad_texts(&s);
    test_other_kind(&s);
    test_truncation(&s);
    test_flips(&s);
    bl_words_del(s.words);
    return tap_done();
}
