/* test_ahead.c - streams read by several threads: the pieces, the end and the words of
 * an error are those of one that reads alone, whatever the stream. */
#include "corpus.h"
#include "flow/ahead.h"
#include "tap.h"
#include "tempfd.h"

#include <unistd.h>

enum { N_PIECES = 60, SLOTS = 64 };

static char folder[] = "/tmp/barline-ahead-XXXXXX";
static char stream[64], changed[64];

/* What a reading gave. */
typedef struct {
    size_t n, unprepared;
    uint64_t hash; /* of names and ids */
    int rc;
    bl_err e;
} outcome;

static void prepare(void *arg, size_t slot, bl_piece *piece)
{
    ((size_t *)arg)[slot] = piece->ids.n /= 2; /* it may change what it prepares */
}

static outcome read_all(const char *const *paths, size_t n, int threads)
{
    outcome o = {.e = BL_ERR_INIT};
    size_t seen[SLOTS] = {0}, slot;
    bl_source s = {0};
    bl_ahead *a = NULL;
    bl_piece *piece;
    o.rc = bl_source_open(&s, paths, n, &o.e);
    if (o.rc == 0)
        o.rc = bl_ahead_new(&a, &s, threads, prepare, seen, &o.e);
    while (o.rc >= 0 && (o.rc = bl_ahead_next(a, &piece, &slot, &o.e)) > 0) {
        uint64_t parts[] = {o.hash, bl_xxh3(piece->name, strlen(piece->name)),
                            piece->index, bl_xxh3(piece->ids.id, 2 * piece->ids.n),
                            piece->xxh3};
        o.hash = bl_xxh3(parts, sizeof parts);
        o.n++;
        o.unprepared += seen[slot] != piece->ids.n;
    }
    bl_ahead_del(a);
    bl_source_free(&s);
    return o;
}

static int same(const outcome *a, const outcome *b)
{
    return a->n == b->n && a->hash == b->hash && a->rc == b->rc &&
           a->unprepared + b->unprepared == 0 && a->e.line == b->e.line &&
           a->e.offset == b->e.offset && strcmp(a->e.text, b->e.text) == 0 &&
           strcmp(a->e.where, b->e.where) == 0;
}

static int agrees(const char *const *paths, size_t n, outcome *alone)
{
    *alone = read_all(paths, n, 1);
    outcome two = read_all(paths, n, 2), four = read_all(paths, n, 4);
    return same(alone, &two) && same(alone, &four);
}

static void write_changed(const bl_buf *bytes, size_t times, int level)
{
    bl_out out;
    bl_err e = BL_ERR_INIT;
    bl_zw *w;
    need(bl_out_open(&out, changed, &e), &e);
    need(bl_zw_new(&w, out.fd, level, &e), &e);
    for (size_t i = 0; i < times; i++)
        need(bl_zw_add(w, bytes->data, bytes->len, &e), &e);
    need(bl_zw_end_frame(w, &e), &e);
    bl_zw_del(w);
    need(bl_out_commit(&out, &e), &e);
}

static bl_buf content_of(const char *path)
{
    bl_err e = BL_ERR_INIT;
    bl_input in = BL_INPUT_INIT;
    bl_buf text = {0};
    uint8_t chunk[4096];
    int64_t n;
    need(bl_input_open(&in, path, &e), &e);
    while ((n = bl_zr_read(in.zr, chunk, sizeof chunk, &e)) > 0)
        need(bl_buf_add(&text, chunk, (size_t)n, &e), &e);
    bl_input_close(&in);
    return text;
}

/* Once, joined, one after the other, in one frame, bare. */
static void test_forms(const bl_buf *bytes)
{
    const char *const paths[] = {stream, changed};
    outcome o;
    ok(agrees(paths, 1, &o) && o.rc == 0 && o.n == N_PIECES, "a stream");
    write_changed(bytes, 3, 0);
    ok(agrees(paths, 2, &o) && o.rc == 0 && o.n == 4 * N_PIECES,
       "two files, one of them three streams");
    bl_buf text = content_of(stream);
    write_changed(&text, 2, 5);
    ok(agrees(paths + 1, 1, &o) && o.rc == 0 && o.n == 2 * N_PIECES,
       "two streams in one frame");
    write_changed(&text, 1, 0);
    ok(agrees(paths + 1, 1, &o) && o.rc == 0 && o.n == N_PIECES, "bare text");
    bl_buf_free(&text);
}

static void test_damage(const bl_buf *bytes)
{
    const char *const paths[] = {changed};
    bl_rng r = bl_rng_make(9, 0);
    int good = 0, failed = 0, tries = 0;
    outcome o;
    for (; tries < 80; tries++) {
        bl_buf copy = {0};
        need(bl_buf_add(&copy, bytes->data, bytes->len, NULL), NULL);
        size_t at = (size_t)bl_rng_below(&r, (uint32_t)copy.len);
        if (tries % 4 == 0)
            copy.len = at + 1;
        else
            copy.data[at] ^= (uint8_t)(1 << bl_rng_below(&r, 8));
        write_changed(&copy, 1, 0);
        good += agrees(paths, 1, &o);
        failed += o.rc < 0;
        bl_buf_free(&copy);
    }
    ok(good == tries && failed > tries / 2,
       "damaged: the same words at the same place (%d of %d, %d fail)", good, tries,
       failed);
}

/* The same pieces again after them, where numbers must rise. */
static void test_order(const bl_buf *bytes)
{
    const char *const paths[] = {changed};
    bl_buf text = content_of(stream), twice = {0};
    bl_err e = BL_ERR_INIT;
    outcome o;
    bl_zw *w;
    (void)bytes;
    need(bl_zw_to_buf(&w, &twice, 1, &e), &e);
    const char *end = strstr(bl_buf_str(&text, &e), "#eos");
    for (int i = 0; i < 2; i++) { /* each piece a frame */
        const char *p = strstr((char *)text.data, "#piece");
        if (i == 0)
            need(bl_zw_add_frame(w, text.data, (size_t)(p - (char *)text.data), &e),
                 &e);
        while (p < end) {
            const char *next = strstr(p + 1, "#piece");
            next = next != NULL ? next : end;
            need(bl_zw_add_frame(w, p, (size_t)(next - p), &e), &e);
            p = next;
        }
    }
    bl_zw_del(w);
    write_changed(&twice, 1, 0);
    ok(agrees(paths, 1, &o) && o.rc < 0 && o.n == N_PIECES,
       "numbers that do not rise are refused at the same place");
    bl_buf_free(&text);
    bl_buf_free(&twice);
}

int main(void)
{
    char command[128];
    bl_buf bytes = {0};
    if (mkdtemp(folder) == NULL)
        return 70;
    snprintf(stream, sizeof stream, "%s/all.tok.zst", folder);
    snprintf(changed, sizeof changed, "%s/changed", folder);
    write_songs(stream, N_PIECES);
    need(bl_load_file(stream, &bytes, 1 << 28, NULL), NULL);
    test_forms(&bytes);
    test_damage(&bytes);
    test_order(&bytes);
    bl_buf_free(&bytes);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) == 0 ? tap_done() : 1;
}
