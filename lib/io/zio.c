/* zio.c - see zio.h. The only file that includes zstd.h. */
#include "io/zio.h"
#include "io/file.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    CHUNK = 1 << 17,        /* bytes a system call moves */
    MAGIC = 4,              /* bytes that tell a frame */
    HEAD = 8,               /* room before a reader's bytes, for bl_zr_peek */
    FREE_OUTPUT = 64 << 20, /* content that need not answer for its size */
    MAX_EXPANSION = 1000,   /* beyond it, content over input; real text is 11 to 16 */
};

/* ---- writing ---- */

struct bl_zw {
    int fd;
    bl_buf *out;    /* NULL: fd */
    ZSTD_CCtx *ctx; /* NULL: bare bytes */
    uint8_t *chunk; /* [CHUNK] on its way to fd */
    size_t n;       /* of it used */
    int in_frame;   /* something was added since the last frame ended */
    uint64_t bytes;
};

static int begin_compressor(bl_zw *w, int level, bl_err *e)
{
    w->ctx = ZSTD_createCCtx();
    if (w->ctx == NULL)
        return bl_fail(e, BL_E_NOMEM, "out of memory for a compressor");
    if (ZSTD_isError(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_checksumFlag, 1)))
        return bl_fail(e, BL_E_ARG, "zstd does not know level %d", level);
    return 0;
}

int bl_zw_new(bl_zw **w, int fd, int level, bl_err *e)
{
    *w = NULL;
    if (level < 0 || level > 19)
        return bl_fail(e, BL_E_ARG, "compression level %d is not within 0..19", level);
    bl_zw *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->fd = fd;
    new->chunk = bl_calloc(CHUNK, 1, e);
    int rc = new->chunk == NULL ? BL_E_NOMEM : 0;
    if (rc == 0 && level > 0)
        rc = begin_compressor(new, level, e);
    if (rc != 0) {
        bl_zw_del(new);
        return rc;
    }
    *w = new;
    return 0;
}

int bl_zw_to_buf(bl_zw **w, bl_buf *out, int level, bl_err *e)
{
    int rc = bl_zw_new(w, -1, level, e);
    if (rc == 0)
        (*w)->out = out;
    return rc;
}

static int deliver(bl_zw *w, const void *bytes, size_t len, bl_err *e)
{
    return w->out != NULL ? bl_buf_add(w->out, bytes, len, e)
                          : bl_write_all(w->fd, bytes, len, e);
}

static int flush(bl_zw *w, bl_err *e)
{
    size_t n = w->n;
    w->n = 0;
    return deliver(w, w->chunk, n, e);
}

static int add_bare(bl_zw *w, const uint8_t *p, size_t len, bl_err *e)
{
    int rc = 0;
    if (len >= CHUNK - w->n) {
        rc = flush(w, e);
        if (rc == 0 && len >= CHUNK)
            return deliver(w, p, len, e);
    }
    if (rc == 0) {
        memcpy(w->chunk + w->n, p, len);
        w->n += len;
    }
    return rc;
}

/* Feeds bytes to the compressor until it took them all and, at the end of a frame, gave
 * everything back. */
static int compress(bl_zw *w, const void *bytes, size_t len, ZSTD_EndDirective end,
                    bl_err *e)
{
    ZSTD_inBuffer in = {bytes, len, 0};
    for (;;) {
        ZSTD_outBuffer out = {w->chunk, CHUNK, w->n};
        size_t left = ZSTD_compressStream2(w->ctx, &out, &in, end);
        w->n = out.pos;
        if (ZSTD_isError(left))
            return bl_fail(e, BL_E_NOMEM, "cannot compress: %s",
                           ZSTD_getErrorName(left));
        if (in.pos == in.size && (end == ZSTD_e_continue || left == 0))
            return 0;
        int rc = flush(w, e);
        if (rc != 0)
            return rc;
    }
}

int bl_zw_add(bl_zw *w, const void *bytes, size_t len, bl_err *e)
{
    if (len == 0)
        return 0;
    w->in_frame = 1;
    w->bytes += len;
    if (w->ctx == NULL)
        return add_bare(w, bytes, len, e);
    return compress(w, bytes, len, ZSTD_e_continue, e);
}

int bl_zw_flush(bl_zw *w, bl_err *e)
{
    int rc = 0;
    if (w->in_frame && w->ctx != NULL)
        rc = compress(w, NULL, 0, ZSTD_e_flush, e);
    return rc == 0 ? flush(w, e) : rc;
}

int bl_zw_end_frame(bl_zw *w, bl_err *e)
{
    int rc = 0;
    if (w->in_frame && w->ctx != NULL)
        rc = compress(w, NULL, 0, ZSTD_e_end, e);
    w->in_frame = 0;
    return rc == 0 ? flush(w, e) : rc;
}

int bl_zw_add_frame(bl_zw *w, const void *bytes, size_t len, bl_err *e)
{
    if (w->in_frame)
        return bl_fail(e, BL_E_ARG, "a frame inside a frame");
    if (len == 0)
        return 0;
    w->bytes += len;
    int rc = w->ctx != NULL ? compress(w, bytes, len, ZSTD_e_end, e)
                            : add_bare(w, bytes, len, e);
    return rc == 0 ? flush(w, e) : rc;
}

int bl_zw_add_frames(bl_zw *w, const void *bytes, size_t len, bl_err *e)
{
    if (w->in_frame)
        return bl_fail(e, BL_E_ARG, "a frame inside a frame");
    return w->ctx == NULL ? add_bare(w, bytes, len, e) : deliver(w, bytes, len, e);
}

uint64_t bl_zw_bytes(const bl_zw *w)
{
    return w->bytes;
}

void bl_zw_del(bl_zw *w)
{
    if (w == NULL)
        return;
    ZSTD_freeCCtx(w->ctx);
    free(w->chunk);
    free(w);
}

/* ---- reading ---- */

struct bl_zr {
    int fd;
    ZSTD_DCtx *ctx; /* NULL: bare bytes */
    int at_end;     /* of the descriptor */
    int in_frame;
    const uint8_t *before; /* [n_before] to be read before the descriptor goes on */
    size_t n_before;
    bl_buf back; /* what they are, where they were given back */
    uint8_t *in; /* [HEAD + CHUNK] as it came, in_pos..in_len not yet used */
    size_t in_pos, in_len;
    uint64_t taken; /* bytes that came from the descriptor */
    uint8_t *out;   /* [HEAD + CHUNK] content, pos..len not yet used; bare: is `in` */
    size_t pos, len;
    uint64_t made; /* bytes of content that frames gave */
    bl_buf line;   /* a line that did not lie in `out` in one piece */
    uint64_t lines;
};

static int64_t draw(bl_zr *r, uint8_t *to, size_t len, bl_err *e)
{
    if (r->n_before == 0)
        return r->fd >= 0 ? bl_read_some(r->fd, to, len, e) : 0;
    size_t n = r->n_before < len ? r->n_before : len;
    memcpy(to, r->before, n);
    r->before += n;
    r->n_before -= n;
    return (int64_t)n;
}

/* Appends what the descriptor gives to `in`. */
static int refill(bl_zr *r, bl_err *e)
{
    if (r->in_pos == r->in_len)
        r->in_pos = r->in_len = HEAD;
    int64_t n = draw(r, r->in + r->in_len, HEAD + CHUNK - r->in_len, e);
    if (n < 0)
        return (int)n;
    r->at_end = n == 0;
    r->in_len += (size_t)n;
    r->taken += (uint64_t)n;
    return 0;
}

int bl_zio_is_zstd(const uint8_t *p, size_t n)
{
    static const uint8_t frame[MAGIC] = {0x28, 0xB5, 0x2F, 0xFD};
    static const uint8_t skippable[MAGIC] = {0x50, 0x2A, 0x4D, 0x18};
    uint8_t first[MAGIC] = {0};
    if (n > MAGIC)
        n = MAGIC;
    memcpy(first, p, n);
    if (n > 0 && memcmp(first, frame, n) == 0)
        return 1;
    first[0] &= 0xF0;
    return n > 0 && memcmp(first, skippable, n) == 0;
}

static int begin_decompressor(bl_zr *r, bl_err *e)
{
    r->out = bl_calloc(HEAD + CHUNK, 1, e);
    if (r->out == NULL)
        return BL_E_NOMEM;
    r->ctx = ZSTD_createDCtx();
    if (r->ctx == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(
                              r->ctx, ZSTD_d_windowLogMax, BL_ZIO_WINDOW_LOG)))
        return bl_fail(e, BL_E_NOMEM, "out of memory for a decompressor");
    return 0;
}

static int sniff(bl_zr *r, bl_err *e)
{
    while (r->taken < MAGIC && !r->at_end) {
        int rc = refill(r, e);
        if (rc != 0)
            return rc;
    }
    if (bl_zio_is_zstd(r->in + HEAD, (size_t)r->taken))
        return begin_decompressor(r, e);
    r->out = r->in;
    r->pos = HEAD;
    r->len = r->in_len;
    return 0;
}

int bl_zr_new(bl_zr **r, int fd, bl_err *e)
{
    return bl_zr_new_after(r, NULL, 0, fd, e);
}

int bl_zr_new_after(bl_zr **r, const void *bytes, size_t n, int fd, bl_err *e)
{
    *r = NULL;
    bl_zr *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->fd = fd;
    new->in = bl_calloc(HEAD + CHUNK, 1, e);
    int rc = new->in == NULL ? BL_E_NOMEM : 0;
    if (rc == 0 && n > 0) {
        memcpy(new->in + HEAD, bytes, n);
        new->in_pos = HEAD;
        new->in_len = HEAD + n;
        new->taken = n;
    }
    if (rc == 0)
        rc = sniff(new, e);
    if (rc != 0) {
        bl_zr_del(new);
        return rc;
    }
    *r = new;
    return 0;
}

static int fail_zstd(const bl_zr *r, size_t result, bl_err *e)
{
    int64_t at = (int64_t)bl_zr_offset(r);
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_prefix_unknown:
        return bl_fail_at(e, BL_E_FORMAT, at, "what follows is not a zstd frame");
    case ZSTD_error_frameParameter_windowTooLarge:
        return bl_fail_at(e, BL_E_LIMIT, at,
                          "the zstd frame asks for a window of more than 8 MiB");
    case ZSTD_error_memory_allocation:
        return bl_fail_at(e, BL_E_NOMEM, at, "out of memory for a decompressor");
    default:
        return bl_fail_at(e, BL_E_CORRUPT, at, "damaged zstd frame: %s",
                          ZSTD_getErrorName(result));
    }
}

static int is_bomb(const bl_zr *r)
{
    return r->made > FREE_OUTPUT && r->made / MAX_EXPANSION > bl_zr_offset(r);
}

/* One call of the decompressor. */
static int decompress(bl_zr *r, bl_err *e)
{
    ZSTD_inBuffer in = {r->in, r->in_len, r->in_pos};
    ZSTD_outBuffer out = {r->out + HEAD, CHUNK, 0};
    size_t left = ZSTD_decompressStream(r->ctx, &out, &in);
    r->in_pos = in.pos;
    r->len = HEAD + out.pos;
    if (ZSTD_isError(left))
        return fail_zstd(r, left, e);
    r->in_frame = left != 0;
    r->made += out.pos;
    if (is_bomb(r))
        return bl_fail_at(
            e, BL_E_LIMIT, (int64_t)bl_zr_offset(r),
            "the content is more than %d times as long as its zstd frames",
            MAX_EXPANSION);
    return 0;
}

/* Gets more content when all of `out` is used. len == pos afterwards is the end. */
static int more(bl_zr *r, bl_err *e)
{
    int rc = 0;
    r->pos = r->len = HEAD;
    if (r->ctx == NULL) {
        r->in_pos = r->in_len;
        rc = r->at_end ? 0 : refill(r, e);
        r->len = r->at_end ? r->pos : r->in_len;
        return rc;
    }
    while (rc == 0 && r->len == r->pos) {
        if (r->in_pos == r->in_len && !r->at_end)
            rc = refill(r, e);
        int is_dry = r->in_pos == r->in_len;
        if (rc != 0 || (is_dry && !r->in_frame))
            return rc;
        rc = decompress(r, e);
        if (rc == 0 && is_dry && r->len == r->pos && r->in_frame)
            return bl_fail_at(e, BL_E_TRUNC, (int64_t)bl_zr_offset(r),
                              "the input ends inside a zstd frame");
    }
    return rc;
}

int64_t bl_zr_read(bl_zr *r, void *bytes, size_t len, bl_err *e)
{
    if (r->pos == r->len) {
        int rc = more(r, e);
        if (rc != 0)
            return rc;
    }
    size_t n = r->len - r->pos;
    if (n > len)
        n = len;
    memcpy(bytes, r->out + r->pos, n);
    r->pos += n;
    return (int64_t)n;
}

int bl_zr_is_ready(bl_zr *r, int64_t ns, bl_err *e)
{
    while (r->ctx != NULL && r->pos == r->len && r->in_pos < r->in_len) {
        r->pos = r->len = HEAD; /* what came may be but the end of a frame */
        int rc = decompress(r, e);
        if (rc != 0)
            return rc;
    }
    if (r->pos < r->len || r->n_before > 0 || r->at_end)
        return 1;
    struct pollfd in = {.fd = r->fd, .events = POLLIN};
    int ms = (int)bl_clamp((ns + 999999) / 1000000, 0, INT_MAX);
    return poll(&in, 1, ms) > 0;
}

int bl_zr_read_exact(bl_zr *r, void *bytes, size_t len, bl_err *e)
{
    uint8_t *p = bytes;
    for (size_t done = 0; done < len;) {
        int64_t n = bl_zr_read(r, p + done, len - done, e);
        if (n < 0)
            return (int)n;
        if (n == 0 && done == 0)
            return 0;
        if (n == 0)
            return bl_fail_at(e, BL_E_TRUNC, (int64_t)bl_zr_offset(r),
                              "the input ends %zu bytes early", len - done);
        done += (size_t)n;
    }
    return 1;
}

static int check_line(bl_zr *r, const char *line, size_t len, size_t max, bl_err *e)
{
    r->lines++;
    if (len > max)
        return bl_fail_line(e, BL_E_LIMIT, (int64_t)r->lines,
                            "the line is longer than %zu bytes", max);
    if (memchr(line, '\0', len) != NULL || memchr(line, '\r', len) != NULL)
        return bl_fail_line(e, BL_E_FORMAT, (int64_t)r->lines,
                            "the line holds a NUL or a carriage return");
    return 1;
}

/* The line that begins in `out` but does not end there. */
static int long_line(bl_zr *r, const char **line, size_t *len, size_t max, bl_err *e)
{
    r->line.len = 0;
    for (;;) {
        const uint8_t *from = r->out + r->pos;
        const uint8_t *lf = memchr(from, '\n', r->len - r->pos);
        size_t n = lf != NULL ? (size_t)(lf - from) : r->len - r->pos;
        int rc = bl_buf_add(&r->line, from, n, e);
        if (rc != 0)
            return rc;
        r->pos += n + (lf != NULL);
        if (lf != NULL || r->line.len > max)
            break;
        rc = more(r, e);
        if (rc != 0)
            return rc;
        if (r->len == r->pos)
            return bl_fail_line(e, BL_E_TRUNC, (int64_t)r->lines + 1,
                                "the input ends inside the line");
    }
    *line = bl_buf_str(&r->line, e);
    *len = r->line.len;
    return *line == NULL ? BL_E_NOMEM : check_line(r, *line, *len, max, e);
}

int bl_zr_line(bl_zr *r, const char **line, size_t *len, size_t max, bl_err *e)
{
    if (r->pos == r->len) {
        int rc = more(r, e);
        if (rc != 0 || r->len == r->pos)
            return rc;
    }
    uint8_t *from = r->out + r->pos;
    uint8_t *lf = memchr(from, '\n', r->len - r->pos);
    if (lf == NULL)
        return long_line(r, line, len, max, e);
    *lf = '\0';
    *line = (const char *)from;
    *len = (size_t)(lf - from);
    r->pos += *len + 1;
    return check_line(r, *line, *len, max, e);
}

int64_t bl_zr_peek(bl_zr *r, void *bytes, size_t n, bl_err *e)
{
    uint8_t kept[HEAD];
    if (n > HEAD)
        return bl_fail(e, BL_E_ARG, "cannot look %zu bytes ahead", n);
    while (r->len - r->pos < n) {
        size_t n_kept = r->len - r->pos;
        memcpy(kept, r->out + r->pos, n_kept);
        int rc = more(r, e);
        if (rc != 0)
            return rc;
        int is_end = r->len == r->pos;
        r->pos -= n_kept;
        memcpy(r->out + r->pos, kept, n_kept);
        if (is_end)
            break;
    }
    if (n > r->len - r->pos)
        n = r->len - r->pos;
    memcpy(bytes, r->out + r->pos, n);
    return (int64_t)n;
}

/* ---- frames by several hands ---- */

/* Gets the next frame into `in` as a whole: its size, or 0. */
static int64_t whole_frame(bl_zr *r, bl_err *e)
{
    for (;;) {
        size_t n = r->in_len - r->in_pos;
        size_t size = ZSTD_findFrameCompressedSize(r->in + r->in_pos, n);
        if (!ZSTD_isError(size))
            return (int64_t)size;
        if (r->at_end || n == CHUNK)
            return 0;
        memmove(r->in + HEAD, r->in + r->in_pos, n);
        r->in_pos = HEAD;
        r->in_len = HEAD + n;
        int rc = refill(r, e);
        if (rc != 0)
            return rc;
    }
}

int bl_zr_take_frame(bl_zr *r, bl_buf *frame, bl_err *e)
{
    if (r->ctx == NULL || r->in_frame || r->pos < r->len)
        return 0;
    int64_t size = whole_frame(r, e);
    if (size <= 0)
        return (int)size;
    int rc = bl_buf_add(frame, r->in + r->in_pos, (size_t)size, e);
    r->in_pos += rc == 0 ? (size_t)size : 0;
    return rc == 0 ? 1 : rc;
}

int bl_zr_give_back(bl_zr *r, const void *bytes, size_t len, bl_err *e)
{
    bl_buf all = {0};
    size_t n = r->in_len - r->in_pos;
    int rc = bl_buf_add(&all, bytes, len, e);
    if (rc == 0)
        rc = bl_buf_add(&all, r->in + r->in_pos, n, e);
    if (rc == 0)
        rc = bl_buf_add(&all, r->before, r->n_before, e);
    if (rc != 0) {
        bl_buf_free(&all);
        return rc;
    }
    bl_buf_free(&r->back);
    r->back = all;
    r->before = all.data;
    r->n_before = all.len;
    r->in_pos = r->in_len = HEAD;
    r->taken -= len + n;
    r->at_end = 0;
    return 0;
}

int bl_zr_count_frame(bl_zr *r, uint64_t lines, uint64_t bytes)
{
    r->made += bytes;
    if (is_bomb(r)) {
        r->made -= bytes;
        return 0;
    }
    r->lines += lines;
    return 1;
}

int bl_zr_new_of_frames(bl_zr **r, bl_err *e)
{
    bl_zr *new = *r = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->fd = -1;
    new->in = bl_calloc(HEAD + CHUNK, 1, e);
    return new->in == NULL ? BL_E_NOMEM : begin_decompressor(new, e);
}

void bl_zr_set_frames(bl_zr *r, const void *bytes, size_t len)
{
    ZSTD_DCtx_reset(r->ctx, ZSTD_reset_session_only);
    r->before = bytes;
    r->n_before = len;
    r->in_pos = r->in_len = r->pos = r->len = HEAD;
    r->taken = r->made = r->lines = 0;
    r->at_end = r->in_frame = 0;
}

uint64_t bl_zr_bytes(const bl_zr *r)
{
    return r->made;
}

uint64_t bl_zr_offset(const bl_zr *r)
{
    return r->taken - (r->ctx != NULL ? r->in_len - r->in_pos : r->len - r->pos);
}

uint64_t bl_zr_lines(const bl_zr *r)
{
    return r->lines;
}

const char *bl_zio_version(void)
{
    return ZSTD_versionString();
}

void bl_zr_del(bl_zr *r)
{
    if (r == NULL)
        return;
    ZSTD_freeDCtx(r->ctx);
    if (r->out != r->in)
        free(r->out);
    free(r->in);
    bl_buf_free(&r->line);
    bl_buf_free(&r->back);
    free(r);
}
