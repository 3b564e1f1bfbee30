/* test_zio.c - the zstd envelope, files that appear whole, hostile input. */
#include <fcntl.h>
#include <string.h>

#include "io/zio.h"
#include "tap.h"
#include "tempfd.h"

/* ---- helpers ---- */

/* Reads everything. Returns bl_zr_read's last answer (0 or an error). */
static int64_t read_all(int fd, bl_buf *out, bl_err *e)
{
    bl_zr *r;
    char chunk[1000];
    int64_t n = bl_zr_new(&r, fd, e);
    if (n != 0)
        return n;
    while ((n = bl_zr_read(r, chunk, sizeof chunk, e)) > 0)
        if (bl_buf_add(out, chunk, (size_t)n, NULL) != 0)
            break;
    bl_zr_del(r);
    return n;
}

/* What reading these bytes gives; *out may be NULL. */
static int64_t read_bytes(const void *bytes, size_t len, bl_buf *out, bl_err *e)
{
    bl_buf spare = {0};
    int fd = temp_with(bytes, len);
    int64_t rc = read_all(fd, out != NULL ? out : &spare, e);
    close(fd);
    bl_buf_free(&spare);
    return rc;
}

/* Frames of text, every other one in one call. */
static bl_buf write_frames(int level, const char *const *text, size_t n)
{
    bl_zw *w;
    int fd = temp_fd();
    int rc = bl_zw_new(&w, fd, level, NULL);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (i % 2 == 0) {
            rc = bl_zw_add_frame(w, text[i], strlen(text[i]), NULL);
            continue;
        }
        rc = bl_zw_add(w, text[i], strlen(text[i]), NULL);
        if (rc == 0)
            rc = bl_zw_end_frame(w, NULL);
    }
    ok(rc == 0, "zio: level %d writes", level);
    bl_zw_del(w);
    bl_buf b = temp_bytes(fd);
    close(fd);
    return b;
}

static int is(const bl_buf *b, const char *text)
{
    return b->len == strlen(text) && memcmp(b->data, text, b->len) == 0;
}

/* ---- round trips ---- */

static void test_levels(void)
{
    static const char *const text[] = {"one\n", "", "two\n", "three\n"};
    static const uint8_t magic[] = {0x28, 0xB5, 0x2F, 0xFD};
    for (int level = 0; level <= 19; level += level == 1 ? 4 : 1 + 6 * (level > 4)) {
        bl_buf b = write_frames(level, text, BL_COUNT(text)), out = {0};
        size_t frames = 0;
        for (size_t i = 0; i + 4 <= b.len; i++)
            frames += memcmp(b.data + i, magic, 4) == 0;
        ok(frames == (level == 0 ? 0u : 3u),
           "zio: a frame for each end but the empty one");
        ok(read_bytes(b.data, b.len, &out, NULL) == 0 && is(&out, "one\ntwo\nthree\n"),
           "zio: level %d comes back", level);
        bl_buf_free(&b);
        bl_buf_free(&out);
    }
    bl_zw *w;
    ok(bl_zw_new(&w, 1, 20, NULL) == BL_E_ARG && w == NULL, "zio: no level 20");
}

static void test_large(void)
{
    enum { N = 3 << 20 };
    uint8_t *bytes = malloc(N);
    uint32_t x = 1;
    for (size_t i = 0; i < N; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(x >> 24) & (i % 1000 < 500 ? 0xFF : 3);
    }
    for (int level = 0; level <= 1; level++) {
        bl_zw *w;
        bl_buf out = {0};
        int fd = temp_fd();
        int rc = bl_zw_new(&w, fd, level, NULL);
        for (size_t at = 0, n = 1; at < N && rc == 0; at += n, n = 3 * n + 1) {
            n = n < N - at ? n : N - at;
            rc = bl_zw_add(w, bytes + at, n, NULL);
        }
        if (rc == 0)
            rc = bl_zw_end_frame(w, NULL);
        ok(rc == 0 && bl_zw_bytes(w) == N, "zio: 3 MiB in pieces of all sizes");
        bl_zw_del(w);
        lseek(fd, 0, SEEK_SET);
        ok(read_all(fd, &out, NULL) == 0 && out.len == N &&
               memcmp(out.data, bytes, N) == 0,
           "zio: and back, level %d", level);
        bl_buf_free(&out);
        close(fd);
    }
    free(bytes);
}

/* ---- damage ---- */

static void test_truncation(void)
{
    static const char *const text[] = {"Bar Position_0 Pitch_60\n", "Bar Bar Bar\n"};
    bl_buf b = write_frames(5, text, 2);
    bl_buf first = write_frames(5, text, 1);
    int refused = 1, located = 1;
    for (size_t cut = 1; cut < b.len; cut++) {
        bl_err e = BL_ERR_INIT;
        int64_t rc = read_bytes(b.data, cut, NULL, &e);
        if (cut == first.len)
            refused &= rc == 0; /* a border of frames is for the content to notice */
        else
            refused &= rc == BL_E_TRUNC;
        located &= rc == 0 || e.offset == (int64_t)cut;
    }
    ok(refused, "zio: cut anywhere inside a frame is truncation");
    ok(located, "zio: and the offset is that of the cut");
    bl_buf_free(&b);
    bl_buf_free(&first);
}

static void test_flips(void)
{
    static const char *const text[] = {
        "Bar Position_0 Pitch_60 Velocity_5\nBar Position_0 Pitch_62 Velocity_9\n"};
    bl_buf b = write_frames(5, text, 1);
    size_t accepted = 0;
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        bl_buf out = {0};
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int64_t rc = read_bytes(b.data, b.len, &out, NULL);
        /* a flip in the magic number makes it bare bytes, which are not the text */
        accepted += rc == 0 && bit >= 32 && !is(&out, text[0]);
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bl_buf_free(&out);
    }
    ok(accepted == 0, "zio: no flipped bit gives other content (%zu did)", accepted);
    bl_buf_free(&b);
}

static void test_garbage(void)
{
    static const char *const text[] = {"Bar\n"};
    bl_buf b = write_frames(1, text, 1), out = {0};
    size_t whole = b.len;
    bl_err e = BL_ERR_INIT;
    int rc = bl_buf_adds(&b, "trailing", NULL);
    ok(rc == 0 && read_bytes(b.data, b.len, NULL, &e) == BL_E_FORMAT &&
           e.offset >= (int64_t)whole,
       "zio: bytes behind the last frame are refused");
    b.len = whole;
    rc = bl_buf_add(&b, "\x50\x2A\x4D\x18\x03\x00\x00\x00xyz", 11, NULL);
    ok(rc == 0 && read_bytes(b.data, b.len, &out, NULL) == 0 && is(&out, "Bar\n"),
       "zio: skippable frames are skipped");
    rc = bl_buf_add(&b, b.data, whole, NULL);
    out.len = 0;
    ok(rc == 0 && read_bytes(b.data, b.len, &out, NULL) == 0 && is(&out, "Bar\nBar\n"),
       "zio: and frames may follow");
    bl_buf_free(&b);
    bl_buf_free(&out);

    out = (bl_buf){0};
    ok(read_bytes("\x5A\x2A\x4D\x18\xFF\xFF\xFF\xFFxyz", 11, NULL, NULL) == BL_E_TRUNC,
       "zio: a skippable frame of 4 GiB that is not there");
    ok(read_bytes("", 0, &out, NULL) == 0 && out.len == 0,
       "zio: nothing is no content");
    ok(read_bytes("\x28\xB5", 2, NULL, NULL) == BL_E_TRUNC, "zio: half a magic number");
    ok(read_bytes("(x", 2, &out, NULL) == 0 && is(&out, "(x"), "zio: bare bytes");
    bl_buf_free(&out);
}

/* ---- bombs ---- */

static void test_bombs(void)
{
    /* a frame of a 2 GiB window, then an RLE block of one byte */
    static const uint8_t window[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00,
                                     0xA8, 0x0B, 0x00, 0x00, 0};
    bl_err e = BL_ERR_INIT;
    ok(read_bytes(window, sizeof window, NULL, &e) == BL_E_LIMIT,
       "zio: a 2 GiB window");

    enum { ZEROS = 80 << 20, CHUNK = 1 << 20 };
    bl_zw *w;
    void *chunk = calloc(CHUNK, 1);
    int fd = temp_fd();
    int rc = bl_zw_new(&w, fd, 1, NULL);
    for (int i = 0; i < ZEROS / CHUNK && rc == 0; i++)
        rc = bl_zw_add(w, chunk, CHUNK, NULL);
    if (rc == 0)
        rc = bl_zw_end_frame(w, NULL);
    bl_zw_del(w);
    bl_zr *r = NULL;
    lseek(fd, 0, SEEK_SET);
    if (rc == 0)
        rc = bl_zr_new(&r, fd, NULL);
    int64_t n = rc, total = 0;
    e = BL_ERR_INIT;
    while (rc == 0 && (n = bl_zr_read(r, chunk, CHUNK, &e)) > 0)
        total += n;
    ok(n == BL_E_LIMIT && total <= (65 << 20), "zio: 80 MiB of zeros stop after 64");
    bl_zr_del(r);
    close(fd);
    free(chunk);
}

static void test_empty_frames(void)
{
    /* magic, single segment with checksum-less empty last block: 9 bytes of nothing */
    static const uint8_t empty[] = {0x28, 0xB5, 0x2F, 0xFD, 0x20,
                                    0x00, 0x01, 0x00, 0x00};
    bl_buf b = {0}, out = {0};
    int rc = 0;
    for (int i = 0; i < 100000; i++)
        rc |= bl_buf_add(&b, empty, sizeof empty, NULL);
    ok(rc == 0 && read_bytes(b.data, b.len, &out, NULL) == 0 && out.len == 0,
       "zio: 100,000 empty frames are nothing");
    bl_buf_free(&b);
    bl_buf_free(&out);
}

/* ---- lines ---- */

static void test_lines(void)
{
    bl_zr *r;
    bl_err e = BL_ERR_INIT;
    const char *line;
    size_t len;
    bl_buf b = {0};
    int rc = 0;
    for (int i = 0; i < 40000; i++)
        rc |= bl_buf_addf(&b, NULL, "line %d\n", i);
    int fd = temp_with(b.data, b.len), same = 1;
    rc |= bl_zr_new(&r, fd, &e);
    for (int i = 0; i < 40000 && rc == 0; i++) {
        char expected[32];
        int n = snprintf(expected, sizeof expected, "line %d", i);
        same &= bl_zr_line(r, &line, &len, 100, &e) == 1 && len == (size_t)n &&
                strcmp(line, expected) == 0;
    }
    ok(rc == 0 && same && bl_zr_lines(r) == 40000 && bl_zr_offset(r) == b.len,
       "lines: 40,000 of them, also across buffers");
    ok(bl_zr_line(r, &line, &len, 100, &e) == 0, "lines: then the end");
    bl_zr_del(r);
    close(fd);
    bl_buf_free(&b);
}

/* The answer to the last of n lines of this text. */
static int line_of(const char *text, size_t size, int n, size_t max, bl_err *e)
{
    bl_zr *r;
    const char *line;
    size_t len;
    int fd = temp_with(text, size);
    int rc = bl_zr_new(&r, fd, e);
    for (int i = 0; i < n && rc >= 0; i++)
        rc = bl_zr_line(r, &line, &len, max, e);
    bl_zr_del(r);
    close(fd);
    return rc;
}

static void test_bad_lines(void)
{
    bl_err e = BL_ERR_INIT;
    ok(line_of("a\nb", 3, 2, 10, &e) == BL_E_TRUNC && e.line == 2,
       "lines: the last one must end");
    ok(line_of("a\nb\0c\n", 6, 2, 10, NULL) == BL_E_FORMAT, "lines: no NUL");
    ok(line_of("a\r\n", 3, 1, 10, NULL) == BL_E_FORMAT, "lines: no carriage return");
    ok(line_of("12345\n", 6, 1, 5, NULL) == 1, "lines: as long as allowed");
    ok(line_of("123456\n", 7, 1, 5, NULL) == BL_E_LIMIT, "lines: longer than allowed");
    size_t n = 2 << 20;
    char *text = malloc(n);
    memset(text, 'x', n);
    ok(line_of(text, n, 1, 1 << 20, NULL) == BL_E_LIMIT, "lines: no end within bounds");
    text[(1 << 20) - 1] = '\n';
    ok(line_of(text, n, 1, 1 << 20, NULL) == 1, "lines: 1 MiB of one");
    free(text);
}

static void test_peek(void)
{
    static const char *const text[] = {"abc", "defgh", "ij"};
    for (int level = 0; level <= 1; level++) {
        char got[9] = {0}, rest[16] = {0};
        bl_buf b = write_frames(level, text, 3);
        bl_zr *r;
        int fd = temp_with(b.data, b.len);
        int rc = bl_zr_new(&r, fd, NULL);
        ok(rc == 0 && bl_zr_peek(r, got, 8, NULL) == 8 &&
               memcmp(got, "abcdefgh", 8) == 0,
           "peek: across frames, level %d", level);
        ok(bl_zr_read_exact(r, rest, 5, NULL) == 1 && memcmp(rest, "abcde", 5) == 0,
           "peek: nothing is consumed");
        ok(bl_zr_peek(r, got, 8, NULL) == 5 && memcmp(got, "fghij", 5) == 0,
           "peek: as much as there is");
        ok(bl_zr_read_exact(r, rest, 6, NULL) == BL_E_TRUNC, "exact: not five of six");
        ok(bl_zr_read_exact(r, rest, 1, NULL) == 0, "exact: a clean end");
        bl_zr_del(r);
        close(fd);
        bl_buf_free(&b);
    }
}

/* ---- files that appear whole ---- */

static int holds(const char *path, const char *text)
{
    bl_buf b = {0};
    int fd;
    if (bl_in_open(path, &fd, NULL) != 0)
        return text == NULL;
    int rc = bl_read_all(fd, &b, 1000, NULL);
    int same = rc == 0 && text != NULL && is(&b, text);
    close(fd);
    bl_buf_free(&b);
    return same;
}

static int write_out(const char *path, const char *text, int commit)
{
    bl_out o;
    int rc = bl_out_open(&o, path, NULL);
    if (rc == 0)
        rc = bl_write_all(o.fd, text, strlen(text), NULL);
    if (rc == 0 && commit)
        rc = bl_out_commit(&o, NULL);
    bl_out_abort(&o);
    return rc;
}

static void test_out(void)
{
    char dir[] = "/tmp/barline-test-XXXXXX";
    if (mkdtemp(dir) == NULL || chdir(dir) != 0)
        exit(1);
    bl_out o;
    bl_err e = BL_ERR_INIT;
    ok(bl_out_open(&o, "a", &e) == 0 && o.temp != NULL && holds("a", NULL),
       "out: nothing there before the commit");
    ok(access(o.temp, F_OK) == 0 && bl_write_all(o.fd, "new", 3, &e) == 0 &&
           bl_out_commit(&o, &e) == 0 && holds("a", "new") && o.temp == NULL,
       "out: then all of it");
    ok(write_out("a", "half", 0) == 0 && holds("a", "new"), "out: abort keeps the old");
    ok(write_out("a", "more", 1) == 0 && holds("a", "more"), "out: commit replaces it");
    ok(symlink("a", "link") == 0 && write_out("link", "through", 1) == 0 &&
           holds("a", "through"),
       "out: a link leads to the file that is replaced");
    ok(bl_out_open(&o, "no/such/a", &e) == BL_E_CREATE &&
           strcmp(e.where, "no/such/a") == 0,
       "out: a folder that is not there");
    ok(bl_out_open(&o, ".", NULL) == BL_E_CREATE, "out: a folder is no file");
    ok(write_out("/dev/full", "x", 1) == BL_E_IO, "out: a full device");
    ok(access("/dev/full", F_OK) == 0, "out: which stays");
    ok(bl_out_open(&o, "-", NULL) == 0 && o.fd == 1 && bl_out_commit(&o, NULL) == 0,
       "out: standard output");
    o = (bl_out){0};
    bl_out_abort(&o);
    ok(fcntl(0, F_GETFD) != -1, "out: abort of nothing closes nothing");
    int fd;
    ok(bl_in_open("absent", &fd, NULL) == BL_E_OPEN, "in: absent");
    ok(bl_in_open(".", &fd, NULL) == BL_E_OPEN, "in: a folder");
    bl_buf b = {0};
    fd = temp_with("123456", 6);
    ok(bl_read_all(fd, &b, 5, NULL) == BL_E_LIMIT, "in: more than allowed");
    close(fd);
    bl_buf_free(&b);
    ok(unlink("link") == 0 && unlink("a") == 0 && chdir("/") == 0 && rmdir(dir) == 0,
       "out: no temporary file is left");
}

int main(void)
{
    test_levels();
    test_large();
    test_truncation();
    test_flips();
    test_garbage();
    test_bombs();
    test_empty_frames();
    test_lines();
    test_bad_lines();
    test_peek();
    test_out();
    return tap_done();
}
