/* test_vocab.c - vocabulary files: back and forth, and what is refused. */
#include <stdlib.h>
#include <string.h>

#include "io/vocabulary.h"
#include "io/zio.h"
#include "tap.h"
#include "tempfd.h"

static const char *const names[] = {"PAD", "BOS", "EOS", "MASK", "Bar", "TimeSig_4/4"};
enum { N = 6 };

static bl_vocab make(void)
{
    bl_vocab v;
    bl_tokens_kind kind = {.spec = {.scheme = "remi", .grid = 4}};
    memset(kind.sha256, 'a', sizeof kind.sha256 - 1);
    bl_words *words = bl_words_new(NULL);
    uint64_t *count = bl_calloc(N, sizeof *count, NULL);
    int rc = 0;
    for (size_t i = 0; i < N; i++) {
        rc |= bl_words_add(words, names[i], strlen(names[i]), NULL);
        count[i] = i * i * 1000000007;
    }
    rc |= bl_vocab_make(&v, words, count, &kind, NULL);
    if (rc != 0)
        exit(1);
    return v;
}

static bl_buf write_vocab(const bl_vocab *v, const bl_json *pg)
{
    int fd = temp_fd();
    if (bl_vocab_write(v, fd, pg, NULL) != 0)
        exit(1);
    bl_buf b = temp_bytes(fd);
    close(fd);
    return b;
}

static int read_vocab(const void *bytes, size_t len, bl_vocab *v, bl_err *e)
{
    int fd = temp_with(bytes, len);
    int rc = bl_vocab_read(v, fd, "v.tsv", e);
    close(fd);
    return rc;
}

static void test_round_trip(void)
{
    static const char pg_text[] =
        "{\"pg\":[{\"id\":\"vocab\",\"vn\":\"1\",\"args\":[]}]}";
    bl_vocab v = make(), back;
    bl_sha256 sha256;
    const bl_json *pg = NULL;
    bl_json *o = bl_json_parse(pg_text, strlen(pg_text), NULL);
    int rc = bl_json_get(o, "pg", &pg, NULL);
    bl_buf b = write_vocab(&v, pg), again;
    ok(rc == 0 && read_vocab(b.data, b.len, &back, NULL) == 0 &&
           bl_words_size(back.words) == N &&
           strcmp(back.kind.spec.scheme, "remi") == 0 && back.kind.spec.grid == 4 &&
           bl_json_size(back.pg) == 1,
       "vocab: comes back");
    again = write_vocab(&back, back.pg);
    ok(again.len == b.len && memcmp(again.data, b.data, b.len) == 0,
       "vocab: byte for byte");
    static const char column[] = "PAD\nBOS\nEOS\nMASK\nBar\nTimeSig_4/4\n";
    bl_sha256_of(column, strlen(column), sha256);
    ok(strcmp(back.sha256, sha256) == 0, "vocab: identified by its tokens");
    back.count[4]++;
    bl_vocab recounted;
    bl_buf_free(&again);
    again = write_vocab(&back, NULL);
    ok(read_vocab(again.data, again.len, &recounted, NULL) == 0 &&
           strcmp(recounted.sha256, v.sha256) == 0 && recounted.pg == NULL,
       "vocab: counts do not change its identity");
    bl_buf_free(&again);
    bl_buf_free(&b);
    bl_vocab_free(&recounted);
    bl_vocab_free(&back);
    bl_vocab_free(&v);
    bl_json_del(o);
}

static void test_compressed(void)
{
    bl_vocab v = make(), back;
    bl_buf b = write_vocab(&v, NULL);
    bl_zw *w;
    int fd = temp_fd();
    int rc = bl_zw_new(&w, fd, 5, NULL);
    if (rc == 0)
        rc = bl_zw_add(w, b.data, b.len, NULL);
    if (rc == 0)
        rc = bl_zw_end_frame(w, NULL);
    bl_zw_del(w);
    lseek(fd, 0, SEEK_SET);
    ok(rc == 0 && bl_vocab_read(&back, fd, "v", NULL) == 0 &&
           strcmp(back.sha256, v.sha256) == 0,
       "vocab: may be compressed");
    close(fd);
    bl_vocab_free(&back);
    bl_vocab_free(&v);
    bl_buf_free(&b);
}

static void test_map(void)
{
    bl_vocab v = make();
    bl_words *scheme = bl_words_new(NULL);
    int32_t map[3];
    int rc = bl_words_add(scheme, "Bar", 3, NULL) |
             bl_words_add(scheme, "Other", 5, NULL) |
             bl_words_add(scheme, "PAD", 3, NULL);
    bl_vocab_map(&v, scheme, map);
    ok(rc == 0 && map[0] == 4 && map[1] == -1 && map[2] == 0,
       "vocab: maps a scheme's ids");
    bl_words_del(scheme);
    bl_vocab_free(&v);
}

static void test_specials(void)
{
    bl_vocab v;
    bl_tokens_kind kind = {.spec = {.scheme = "remi"}};
    bl_words *w = bl_words_new(NULL);
    int rc = bl_words_add(w, "PAD", 3, NULL) | bl_words_add(w, "EOS", 3, NULL);
    ok(rc == 0 && bl_vocab_make(&v, w, NULL, &kind, NULL) == BL_E_FORMAT,
       "vocab: PAD BOS EOS MASK come first");
    bl_words_del(w);
}

static void test_truncation(void)
{
    bl_vocab v = make(), back;
    bl_buf b = write_vocab(&v, NULL);
    size_t refused = 0;
    for (size_t cut = 0; cut < b.len; cut++)
        refused += read_vocab(b.data, cut, &back, NULL) == BL_E_TRUNC;
    ok(refused == b.len, "vocab: cut at any of %zu places is truncation", b.len);
    bl_buf_free(&b);
    bl_vocab_free(&v);
}

/* ---- refused texts ---- */

/* Replaces the first `from` of a good vocabulary by `to`, and reads it. */
static int altered(const char *from, const char *to, bl_err *e)
{
    bl_vocab v = make(), back;
    bl_buf b = write_vocab(&v, NULL), text = {0};
    const char *s = bl_buf_str(&b, NULL);
    const char *at = strstr(s, from);
    if (at == NULL || bl_buf_add(&text, s, (size_t)(at - s), NULL) != 0 ||
        bl_buf_adds(&text, to, NULL) != 0 ||
        bl_buf_adds(&text, at + strlen(from), NULL) != 0)
        exit(1);
    *e = BL_ERR_INIT;
    int rc = read_vocab(text.data, text.len, &back, e);
    if (rc == 0)
        bl_vocab_free(&back);
    bl_buf_free(&b);
    bl_buf_free(&text);
    bl_vocab_free(&v);
    return rc;
}

static void test_refusals(void)
{
    static const struct {
        const char *from, *to;
        int code, line;
    } bad[] = {
        {"#vocab", "vocab", BL_E_FORMAT, 0},
        {"#vocab", "#remi", BL_E_FORMAT, 1},
        {"vocab/1", "vocab/2", BL_E_VERSION, 1},
        {"\"size\":6", "\"size\":5", BL_E_FORMAT, 7},
        {"\"size\":6", "\"size\":7", BL_E_TRUNC, 7},
        {"\"size\":6", "\"size\":65537", BL_E_FORMAT, 1},
        {"\"size\":6", "\"size\":6,\"more\":1", BL_E_FORMAT, 1},
        {"\"name\":\"remi\"", "\"name\":\"a name of more than thirty-one characters\"",
         BL_E_FORMAT, 1},
        {"\n1\t", "\n2\t", BL_E_FORMAT, 3},
        {"\n1\t", "\n01\t", BL_E_FORMAT, 3},
        {"\n1\t", "\n+1\t", BL_E_FORMAT, 3},
        {"\n1\t", "\n1 ", BL_E_FORMAT, 3},
        {"\tBar\t", "\tPAD\t", BL_E_FORMAT, 6},
        {"\tBar\t", "\tBa r\t", BL_E_FORMAT, 6},
        {"\tBar\t", "\t#Bar\t", BL_E_FORMAT, 6},
        {"\tBar\t", "\t\t", BL_E_FORMAT, 6},
        {"\tBar\t", "\tbar\t", BL_E_CORRUPT, 7},
        {"\tMASK\t", "\tMASQUE\t", BL_E_FORMAT, 7},
        {"\t0\n", "\t-0\n", BL_E_FORMAT, 2},
        {"\t0\n", "\t\n", BL_E_FORMAT, 2},
        {"\t0\n", "\t9223372036854775808\n", BL_E_FORMAT, 2},
        {"\t0\n", "\t0\t0\n", BL_E_FORMAT, 2},
        {"\t0\n", "\t0\r\n", BL_E_FORMAT, 2},
        {"\t0\n", "\t0\n\n", BL_E_FORMAT, 3},
    };
    bl_err e;
    for (size_t i = 0; i < BL_COUNT(bad); i++) {
        int rc = altered(bad[i].from, bad[i].to, &e);
        ok(rc == bad[i].code && e.line == bad[i].line && strcmp(e.where, "v.tsv") == 0,
           "vocab: refused text %zu: line %d: %s", i, (int)e.line, e.text);
    }
    ok(altered("\t0\n", "\t9223372036854775807\n", &e) == 0,
       "vocab: the largest count");
    ok(altered("\"size\":6", "\"size\":6,\"x-mine\":1", &e) == 0,
       "vocab: keys of one's own");
    bl_vocab v;
    char *line = malloc(10 << 20);
    memset(line, 'x', 10 << 20);
    line[0] = '#';
    ok(read_vocab(line, 10 << 20, &v, NULL) == BL_E_LIMIT, "vocab: a line of 10 MB");
    free(line);
}

int main(void)
{
    test_round_trip();
    test_compressed();
    test_map();
    test_specials();
    test_truncation();
    test_refusals();
    return tap_done();
}
