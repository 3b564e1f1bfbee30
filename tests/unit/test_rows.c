/* test_rows.c - the tensor stream: what is written comes back; what is cut, damaged or
 * of another kind does not (schemas/tensors.md). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "io/row_store.h"
#include "io/tokens.h"
#include "tap.h"
#include "tempfd.h"

static const bl_rows_kind kind = {
    .scheme = "groove", .name = "hvo", .ndim = 2, .shape = {2, 3}};
enum { NUMBERS = 6, MANY = 600 };

static const bl_rows_info infos[] = {
    {.name = "a/b.mid", .sha256 = "", .tpq = 480, .labels = "Genre_x\nStyle_y\n"},
    {.name = "new\nline 100% caf\xe9", .sha256 = "", .labels = ""},
    {.name = "", .sha256 = "", .tpq = 96},
};

static float x_of(size_t i)
{
    return (float)(i % 97) / 8;
}

static void fill(size_t n, float *x, int32_t *bar, float *tempo)
{
    for (size_t i = 0; i < n; i++) {
        bar[i] = (int32_t)(2 * i + 1);
        tempo[i] = (float)(60 + i % 100);
        for (size_t k = 0; k < NUMBERS; k++)
            x[i * NUMBERS + k] = x_of(i * NUMBERS + k);
    }
}

/* Pieces of so many rows each, 0 to end. */
static bl_buf write_as(const bl_rows_kind *k, int level, const size_t *n, bl_err *e)
{
    static float x[MANY * NUMBERS], tempo[MANY];
    static int32_t bar[MANY];
    bl_rowsw *w = NULL;
    int fd = temp_fd();
    fill(MANY, x, bar, tempo);
    int rc = bl_rowsw_new(&w, fd, level, k, NULL, e);
    for (size_t i = 0; rc == 0 && i < 3; i++)
        rc = bl_rowsw_piece(w, &infos[i], &(bl_rows){n[i], x, bar, tempo}, e);
    if (rc == 0)
        rc = bl_rowsw_finish(w, 2, e);
    bl_rowsw_del(w);
    if (rc != 0) {
        printf("Bail out! %s\n", e->text);
        exit(1);
    }
    bl_buf b = temp_bytes(fd);
    close(fd);
    return b;
}

static const size_t few[] = {2, 0, 1}, many[] = {1, MANY, 257};

static bl_buf write_stream(int level, const size_t *n)
{
    bl_err e = BL_ERR_INIT;
    return write_as(&kind, level, n, &e);
}

/* What a reader makes of it, in one text. Returns its last answer. */
static int digest(const void *bytes, size_t len, bl_buf *out, bl_err *e)
{
    bl_zr *zr;
    bl_rowsr *r = NULL;
    bl_rows_piece p = {0};
    int fd = temp_with(bytes, len), more = 0;
    out->len = 0;
    int rc = bl_zr_new(&zr, fd, e);
    if (rc == 0)
        rc = bl_rowsr_new(&r, zr, "stream", e);
    while (rc == 0 && (rc = bl_rowsr_next(r, &p, e)) == 1) {
        uint64_t hash = bl_xxh3(p.rows.x, p.rows.n * NUMBERS * sizeof(float)) ^
                        bl_xxh3(p.rows.bar, p.rows.n * sizeof(int32_t)) ^
                        bl_xxh3(p.rows.tempo, p.rows.n * sizeof(float));
        more |= bl_buf_addf(out, NULL, "%s|%s|%d|%s|%d %d %zu %016" PRIx64 "\n", p.name,
                            p.sha256, p.tpq, p.labels, (int)p.index, p.begins, p.rows.n,
                            hash);
        rc = 0;
    }
    if (rc == 0)
        more |= bl_buf_addf(out, NULL, "rejects %" PRIu64, bl_rowsr_rejects(r));
    bl_rows_piece_free(&p);
    bl_rowsr_del(r);
    close(fd);
    return more != 0 ? more : rc;
}

static int same(const bl_buf *a, const bl_buf *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* ---- round trips ---- */

static void test_round_trip(void)
{
    bl_err e = BL_ERR_INIT;
    bl_buf out = {0}, bare_out = {0};
    bl_buf b = write_stream(5, few), bare = write_stream(0, few);
    ok(digest(b.data, b.len, &out, &e) == 0, "a stream is read: %s", e.text);
    const char *text = bl_buf_str(&out, NULL);
    ok(strncmp(text, "a/b.mid||480|Genre_x\nStyle_y\n|0 1 2 ", 36) == 0 &&
           strstr(text, "\nnew\nline 100% caf\xe9||0||1 1 0 ") != NULL &&
           strstr(text, "\n||96||2 1 1 ") != NULL &&
           strcmp(text + strlen(text) - 10, "\nrejects 2") == 0,
       "with all that was said of its pieces");
    ok(digest(bare.data, bare.len, &bare_out, &e) == 0 && same(&out, &bare_out),
       "bare it is the same");
    bl_buf_free(&b);
    b = write_stream(1, many);
    ok(digest(b.data, b.len, &out, &e) == 0, "long pieces are read");
    text = bl_buf_str(&out, NULL);
    size_t n_lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        n_lines += strncmp(c, "|1 0 ", 5) == 0 || strncmp(c, "|2 0 ", 5) == 0;
    ok(n_lines == 3, "in several records: %zu that begin no piece", n_lines);
    bl_buf_free(&b);
    bl_buf_free(&bare);
    bl_buf_free(&out);
    bl_buf_free(&bare_out);
}

static void test_packed(void)
{
    float x[2 * NUMBERS], tempo[2];
    int32_t bar[2];
    bl_err e = BL_ERR_INIT;
    bl_rowsw *w = NULL;
    bl_rowsp *p = NULL;
    bl_buf packed = {0}, whole = write_stream(3, few);
    int fd = temp_fd();
    fill(2, x, bar, tempo);
    int rc = bl_rowsw_new(&w, fd, 3, &kind, NULL, &e) | bl_rowsp_new(&p, 3, &kind, &e);
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        packed.len = 0;
        rc = bl_rowsp_piece(p, &packed, i, &infos[i], &(bl_rows){few[i], x, bar, tempo},
                            &e);
        if (rc == 0)
            rc = bl_rowsw_packed(w, packed.data, packed.len, few[i], &e);
    }
    if (rc == 0)
        rc = bl_rowsw_finish(w, 2, &e);
    bl_buf b = temp_bytes(fd);
    ok(rc == 0 && same(&b, &whole), "packed by a worker: the same bytes");
    close(fd);
    bl_rowsw_del(w);
    bl_rowsp_del(p);
    bl_buf_free(&packed);
    bl_buf_free(&whole);
    bl_buf_free(&b);
}

static void test_joined(void)
{
    static const bl_rows_kind others[] = {
        {.scheme = "groove", .name = "hvo", .ndim = 2, .shape = {3, 2}},
        {.scheme = "groove", .name = "z", .ndim = 1, .shape = {6}},
        {.scheme = "other", .name = "hvo", .ndim = 2, .shape = {2, 3}}};
    bl_err e = BL_ERR_INIT;
    bl_buf a = write_stream(5, few), joined = {0}, out = {0};
    size_t one = a.len;
    if (bl_buf_add(&joined, a.data, one, &e) != 0 ||
        bl_buf_add(&joined, a.data, one, &e) != 0)
        exit(1);
    ok(digest(joined.data, joined.len, &out, &e) == 0 &&
           strstr(bl_buf_str(&out, NULL), "rejects 4") != NULL,
       "two streams are one");
    for (size_t i = 0; i < BL_COUNT(others); i++) {
        bl_buf b = write_as(&others[i], 5, few, &e);
        joined.len = one;
        if (bl_buf_add(&joined, b.data, b.len, &e) != 0)
            exit(1);
        e = BL_ERR_INIT;
        ok(digest(joined.data, joined.len, &out, &e) == BL_E_MISMATCH,
           "but not with another kind of rows: %s", e.text);
        bl_buf_free(&b);
    }
    bl_buf_free(&a);
    bl_buf_free(&joined);
    bl_buf_free(&out);
}

/* ---- damage ---- */

static void test_cut(void)
{
    bl_err e = BL_ERR_INIT;
    bl_buf b = write_stream(5, few), bare = write_stream(0, few), out = {0};
    size_t bad = 0, other = 0;
    for (size_t n = 0; n < b.len; n++) {
        e = BL_ERR_INIT;
        bad += digest(b.data, n, &out, &e) != BL_E_TRUNC && n >= 4;
        other += digest(b.data, n, &out, &e) >= 0;
    }
    ok(bad == 0 && other == 0, "cut at any byte it is cut");
    bad = 0;
    for (size_t n = 8; n < bare.len; n += n % 4096 < 600 ? 1 : 61) {
        e = BL_ERR_INIT;
        bad += digest(bare.data, n, &out, &e) != BL_E_TRUNC;
    }
    ok(bad == 0, "bare, too, between records as well");
    if (bl_buf_addc(&bare, 0, &e) != 0)
        exit(1);
    ok(digest(bare.data, bare.len, &out, &e) < 0, "a byte too many is refused");
    bl_buf_free(&b);
    bl_buf_free(&bare);
    bl_buf_free(&out);
}

/* One bit of each byte: refused, or without effect on what is read. Metadata say what
 * no hash holds: their names, numbers and labels may change. */
static void test_flips(void)
{
    bl_err e = BL_ERR_INIT;
    bl_buf b = write_stream(5, few), bare = write_stream(0, few), out = {0}, was = {0};
    size_t bad = 0, bare_bad = 0, n_data = 0;
    if (digest(b.data, b.len, &was, &e) != 0)
        exit(1);
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= (uint8_t)(1 << i % 8);
        bad += digest(b.data, b.len, &out, &e) == 0 && !same(&out, &was);
        b.data[i] ^= (uint8_t)(1 << i % 8);
    }
    ok(bad == 0, "a flipped bit in a frame is refused, or changes nothing");
    for (size_t at = 0; at < bare.len;) { /* data of each record */
        uint64_t head;
        memcpy(&head, bare.data + at, sizeof head);
        size_t data = at + 8 + (size_t)head, end = data;
        while (end < bare.len &&
               (end % 8 != 0 || memcmp(bare.data + end + 8, "{\"__", 4)))
            end++;
        for (size_t i = data; i < end && i < bare.len; i++, n_data++) {
            bare.data[i] ^= (uint8_t)(1 << i % 8);
            bare_bad += digest(bare.data, bare.len, &out, &e) == 0;
            bare.data[i] ^= (uint8_t)(1 << i % 8);
        }
        at = end;
    }
    ok(bare_bad == 0 && n_data == 3 * (NUMBERS + 2) * 4,
       "a flipped bit in bare data is refused (%zu bytes)", n_data);
    bl_buf_free(&b);
    bl_buf_free(&bare);
    bl_buf_free(&out);
    bl_buf_free(&was);
}

/* ---- values and kinds ---- */

static int values(float x, int32_t second_bar, float tempo, bl_err *e)
{
    float row[2 * NUMBERS] = {0}, tempos[2] = {tempo, tempo};
    int32_t bar[2] = {3, second_bar};
    bl_rowsw *w = NULL;
    bl_buf out = {0};
    int fd = temp_fd();
    row[7] = x;
    if (bl_rowsw_new(&w, fd, 0, &kind, NULL, e) != 0 ||
        bl_rowsw_piece(w, &infos[0], &(bl_rows){2, row, bar, tempos}, e) != 0 ||
        bl_rowsw_finish(w, 0, e) != 0)
        exit(1);
    bl_buf b = temp_bytes(fd);
    bl_rowsw_del(w);
    close(fd);
    int rc = digest(b.data, b.len, &out, e);
    bl_buf_free(&b);
    bl_buf_free(&out);
    return rc;
}

static void test_values(void)
{
    bl_err e = BL_ERR_INIT;
    ok(values(-1e30f, 4, 1e-3f, &e) == 0, "any finite numbers may be");
    static const struct {
        float x;
        int32_t bar;
        float tempo;
        const char *says;
    } t[] = {{NAN, 4, 120, "row 1: number 1 of 'hvo' is nan"},
             {INFINITY, 4, 120, "row 1: number 1 of 'hvo' is inf"},
             {0, 3, 120, "row 1: bar 3 is not after bar 3"},
             {0, 2, 120, "row 1: bar 2 is not after bar 3"},
             {0, 4, 0, "row 0: 0 is no tempo"},
             {0, 4, -5, "row 0: -5 is no tempo"},
             {0, 4, NAN, "row 0: nan is no tempo"}};
    for (size_t i = 0; i < BL_COUNT(t); i++) {
        e = BL_ERR_INIT;
        int rc = values(t[i].x, t[i].bar, t[i].tempo, &e);
        ok(rc == BL_E_FORMAT && strstr(e.text, t[i].says), "refused: %s", e.text);
    }
}

static void refuses(const char *bytes, size_t n, int code, const char *says)
{
    bl_err e = BL_ERR_INIT;
    bl_buf out = {0};
    int rc = digest(bytes, n, &out, &e);
    ok(rc == code && strstr(e.text, says), "%s", e.text);
    bl_buf_free(&out);
}

static void test_others(void)
{
    static const char tokens[] = "#remi {\"schema\":\"remi-tokens/1\"}\n";
    static const char one[] =
        "\x21\0\0\0\0\0\0\0{\"__metadata__\":{\"schema\":\"a/1\"}}";
    static const char newer[] =
        "\x27\0\0\0\0\0\0\0{\"__metadata__\":{\"schema\":\"tensors/2\"}}";
    refuses("", 0, BL_E_TRUNC, "the input is empty");
    refuses(tokens, sizeof tokens - 1, BL_E_FORMAT,
            "a stream of tokens, not of tensors");
    refuses("MThd\0\0\0\6\0\0\0\1", 12, BL_E_FORMAT, "not a tensor stream");
    refuses(one, sizeof one - 1, BL_E_FORMAT, "");
    refuses(newer, sizeof newer - 1, BL_E_VERSION, "tensors/2");
    bl_err e = BL_ERR_INIT;
    bl_buf b = write_stream(5, few);
    int fd = temp_with(b.data, b.len);
    bl_tokr *r;
    ok(bl_tokr_new(&r, fd, "stream", &e) == BL_E_FORMAT &&
           strstr(e.text, "a stream of tensors, not of tokens"),
       "and a reader of tokens: %s", e.text);
    close(fd);
    bl_buf_free(&b);
}

/* Pieces of `few` and `many` rows, whose numbers wait in a file or do not. */
static bl_row_store stored(const char *path)
{
    static float x[MANY * NUMBERS], tempo[MANY];
    static int32_t bar[MANY];
    static const size_t n[] = {MANY, 0, 3, MANY - 1};
    bl_err e = BL_ERR_INIT;
    bl_row_store s = {.kind = kind};
    int rc = path != NULL ? bl_row_store_spill(&s, path, &e) : 0;
    fill(MANY, x, bar, tempo);
    /* until there is more than a spill has in memory */
    for (size_t i = 0; rc == 0 && i < 4 * 40; i++) {
        bl_rows_piece p = {.name = (char[]){'a', (char)('a' + i % 26), '\0'},
                           .begins = i % 3 != 1,
                           .rows = {n[i % 4], x, bar, tempo}};
        x[0] = (float)i;
        rc = bl_row_store_add(&s, &p, &e);
    }
    if (rc != 0) {
        printf("Bail out! %s\n", e.text);
        exit(1);
    }
    return s;
}

static int same_rows(const bl_rows *a, const bl_rows *b)
{
    return a->n == b->n && (a->n == 0 || (memcmp(a->x, b->x, a->n * NUMBERS * 4) == 0 &&
                                          memcmp(a->bar, b->bar, a->n * 4) == 0 &&
                                          memcmp(a->tempo, b->tempo, a->n * 4) == 0));
}

static void test_stores(void)
{
    bl_err e = BL_ERR_INIT;
    bl_row_store a = stored(NULL), b = stored("/tmp/barline-rows"), c = {.kind = kind};
    bl_buf room = {0};
    bl_rows x, y, z;
    size_t bad = 0;
    for (size_t i = a.n_pieces; i-- > 0;) {
        if (bl_row_store_fetch(&a, i, &room, &x, &e) != 0 ||
            bl_row_store_fetch(&b, i, &room, &y, &e) != 0 ||
            bl_row_store_copy(&c, &b, i, &e) != 0)
            exit(1);
        z = bl_row_store_rows(&c, c.n_pieces - 1);
        bad += !same_rows(&x, &y) || !same_rows(&x, &z);
    }
    ok(a.n_pieces == b.n_pieces && bad == 0,
       "what waits in a file is what stays in memory");
    ok(bl_spill_size(b.spilled) == a.x.len && a.x.len > BL_SPILL_BUFFER && b.x.len == 0,
       "and is in memory no more");
    bl_buf_free(&room);
    bl_row_store_free(&a);
    bl_row_store_free(&b);
    bl_row_store_free(&c);
}

int main(void)
{
    test_round_trip();
    test_packed();
    test_joined();
    test_cut();
    test_flips();
    test_values();
    test_others();
    test_stores();
    return tap_done();
}
