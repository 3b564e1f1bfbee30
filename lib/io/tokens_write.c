/* tokens_write.c - the writing half of tokens.h. */
#include "base/hash.h"
#include "io/header.h"
#include "io/tokens.h"
#include "io/zio.h"

#include <stdlib.h>
#include <string.h>

struct bl_tokw {
    bl_zw *zw;
    const bl_words *words;
    bl_lines lines;
    bl_buf text; /* of the piece at hand */
    uint64_t n_pieces, n_tokens;
    bl_xxh3_state *hash;    /* of a piece in parts, NULL before the first */
    size_t n_part, n_lines; /* tokens and lines of it so far */
};

static int write_text(bl_tokw *w, bl_err *e)
{
    int rc = bl_zw_add_frame(w->zw, w->text.data, w->text.len, e);
    w->text.len = 0;
    return rc;
}

static int write_header(bl_tokw *w, const bl_tokens_kind *kind, int is_live,
                        const bl_json *pg, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : bl_json_set_str(o, "schema", BL_TOKENS_SCHEMA, e);
    if (rc == 0)
        rc = bl_header_set_kind(o, kind, e);
    if (rc == 0 && is_live)
        rc = bl_header_set_origin(o, &kind->origin, e);
    if (rc == 0)
        rc = bl_header_set_pg(o, pg, e);
    if (rc == 0)
        rc = bl_header_write("remi", o, &w->text, e);
    if (rc == 0 && w->text.len > BL_TOKENS_LINE_MAX)
        rc = bl_fail(e, BL_E_LIMIT, "the record of programs does not fit into a line");
    bl_json_del(o);
    return rc == 0 ? write_text(w, e) : rc;
}

static int make_writer(bl_tokw **w, int fd, int level, const bl_tokens_kind *kind,
                       int is_live, const bl_words *words, bl_lines lines,
                       const bl_json *pg, bl_err *e)
{
    *w = NULL;
    bl_tokw *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->words = words;
    new->lines = lines;
    int rc = bl_zw_new(&new->zw, fd, level, e);
    if (rc == 0)
        rc = write_header(new, kind, is_live, pg, e);
    if (rc != 0) {
        bl_tokw_del(new);
        return rc;
    }
    *w = new;
    return 0;
}

int bl_tokw_new(bl_tokw **w, int fd, int level, const bl_tokens_kind *kind,
                const bl_words *words, bl_lines lines, const bl_json *pg, bl_err *e)
{
    return make_writer(w, fd, level, kind, 0, words, lines, pg, e);
}

int bl_tokw_new_live(bl_tokw **w, int fd, int level, const bl_tokens_kind *kind,
                     const bl_words *words, bl_lines lines, const bl_json *pg,
                     bl_err *e)
{
    return make_writer(w, fd, level, kind, 1, words, lines, pg, e);
}

/* ---- one piece as text ---- */

static int set_name(bl_json *o, const char *name, bl_err *e)
{
    bl_buf text = {0};
    if (strlen(name) > BL_NAME_MAX)
        return bl_fail(e, BL_E_LIMIT, "the name of a piece is longer than %d bytes",
                       BL_NAME_MAX);
    int rc = bl_name_encode(name, &text, e);
    if (rc == 0) {
        const char *s = bl_buf_str(&text, e);
        rc = s == NULL ? BL_E_NOMEM : bl_json_set_str(o, "name", s, e);
    }
    bl_buf_free(&text);
    return rc;
}

static int format_piece(bl_buf *out, uint64_t i, const bl_piece_info *info, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : bl_json_set_int(o, "i", (int64_t)i, e);
    if (rc == 0)
        rc = set_name(o, info->name, e);
    if (rc == 0)
        rc = bl_json_set_str(o, "sha256", info->sha256, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "tpq", info->tpq, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "ticks", info->ticks, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "tracks", info->tracks, e);
    if (rc == 0 && info->fixes != NULL) {
        bl_json *fixes = bl_json_copy(info->fixes, e);
        rc = fixes == NULL ? BL_E_NOMEM : bl_json_put(o, "fixes", fixes, e);
    }
    if (rc == 0)
        rc = bl_header_write("piece", o, out, e);
    bl_json_del(o);
    return rc;
}

/* The lines of music. A line that would grow too long for a reader goes on in the next
 * one: what begins a bar is its token, not the line. */
static int format_music(bl_buf *out, const uint16_t *ids, size_t n,
                        const bl_words *words, bl_lines rule, size_t *lines, bl_err *e)
{
    size_t size = bl_words_size(words), line = out->len;
    unsigned moved = 0; /* since the last multiple of the unit */
    *lines = n > 0;
    for (size_t i = 0; i < n; i++) {
        unsigned id = ids[i];
        if (id >= size)
            return bl_fail(e, BL_E_ARG, "token id %u is not of this vocabulary", id);
        size_t len = bl_words_len(words, id);
        if (out->cap - out->len < len + 2) {
            int rc = bl_buf_reserve(out, out->len + len + 2, e);
            if (rc != 0)
                return rc;
        }
        moved += rule.advance[id];
        int is_due = moved >= rule.unit;
        moved = is_due ? moved % rule.unit : moved;
        if (i > 0) {
            int breaks = is_due || out->len + 1 + len - line > BL_TOKENS_LINE_MAX;
            out->data[out->len++] = breaks ? '\n' : ' ';
            line = breaks ? out->len : line;
            *lines += (size_t)breaks;
        }
        memcpy(out->data + out->len, bl_words_name(words, id), len);
        out->len += len;
    }
    return n > 0 ? bl_buf_addc(out, '\n', e) : 0;
}

static int format_end(bl_buf *out, uint64_t i, size_t bars, size_t n, uint64_t xxh3,
                      bl_err *e)
{
    bl_json *o = bl_json_object(e);
    int rc = o == NULL ? BL_E_NOMEM : bl_json_set_int(o, "i", (int64_t)i, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "bars", (int64_t)bars, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "tokens", (int64_t)n, e);
    if (rc == 0)
        rc = bl_header_set_xxh3(o, "xxh3", xxh3, e);
    if (rc == 0)
        rc = bl_header_write("end", o, out, e);
    bl_json_del(o);
    return rc;
}

int bl_tokens_format(bl_buf *out, uint64_t i, const bl_piece_info *info,
                     const uint16_t *ids, size_t n, size_t bars, const bl_words *words,
                     bl_lines rule, bl_err *e)
{
    size_t lines = 0;
    if (n > BL_TOKENS_PIECE_MAX)
        return bl_fail(e, BL_E_LIMIT, "the piece has %zu tokens, more than %d", n,
                       BL_TOKENS_PIECE_MAX);
    int rc = format_piece(out, i, info, e);
    if (rc != 0)
        return rc;
    size_t start = out->len;
    rc = format_music(out, ids, n, words, rule, &lines, e);
    if (rc != 0)
        return rc;
    if (bars > lines)
        return bl_fail(e, BL_E_ARG, "%zu bars do not fit into %zu lines", bars, lines);
    uint64_t xxh3 = bl_xxh3(out->data + start, out->len - start);
    return format_end(out, i, bars, n, xxh3, e);
}

/* ---- the stream ---- */

int bl_tokw_piece(bl_tokw *w, const bl_piece_info *info, const uint16_t *ids, size_t n,
                  size_t bars, bl_err *e)
{
    w->text.len = 0;
    int rc = bl_tokens_format(&w->text, w->n_pieces, info, ids, n, bars, w->words,
                              w->lines, e);
    if (rc == 0)
        rc = write_text(w, e);
    w->n_pieces++;
    w->n_tokens += n;
    return rc;
}

/* ---- a piece in parts ---- */

static int write_part(bl_tokw *w, bl_err *e)
{
    int rc = bl_zw_add(w->zw, w->text.data, w->text.len, e);
    w->text.len = 0;
    return rc == 0 ? bl_zw_flush(w->zw, e) : rc;
}

int bl_tokw_begin(bl_tokw *w, const bl_piece_info *info, bl_err *e)
{
    if (w->hash == NULL)
        w->hash = bl_xxh3_new(e);
    if (w->hash == NULL)
        return BL_E_NOMEM;
    bl_xxh3_reset(w->hash);
    w->text.len = w->n_part = w->n_lines = 0;
    int rc = format_piece(&w->text, w->n_pieces, info, e);
    return rc == 0 ? write_part(w, e) : rc;
}

int bl_tokw_lines(bl_tokw *w, const uint16_t *ids, size_t n, bl_err *e)
{
    size_t lines = 0;
    w->n_part += n;
    if (w->n_part > BL_TOKENS_PIECE_MAX)
        return bl_fail(e, BL_E_LIMIT, "the piece has more than %d tokens",
                       BL_TOKENS_PIECE_MAX);
    w->text.len = 0;
    int rc = format_music(&w->text, ids, n, w->words, w->lines, &lines, e);
    if (rc != 0)
        return rc;
    w->n_lines += lines;
    bl_xxh3_add(w->hash, w->text.data, w->text.len);
    return write_part(w, e);
}

int bl_tokw_end(bl_tokw *w, size_t bars, bl_err *e)
{
    if (bars > w->n_lines)
        return bl_fail(e, BL_E_ARG, "%zu bars do not fit into %zu lines", bars,
                       w->n_lines);
    w->text.len = 0;
    int rc =
        format_end(&w->text, w->n_pieces, bars, w->n_part, bl_xxh3_value(w->hash), e);
    if (rc == 0)
        rc = bl_zw_add(w->zw, w->text.data, w->text.len, e);
    if (rc == 0)
        rc = bl_zw_end_frame(w->zw, e);
    w->text.len = 0;
    w->n_pieces++;
    w->n_tokens += w->n_part;
    return rc;
}

int bl_tokw_packed(bl_tokw *w, const void *bytes, size_t len, size_t n_tokens,
                   bl_err *e)
{
    w->n_pieces++;
    w->n_tokens += n_tokens;
    return bl_zw_add_frames(w->zw, bytes, len, e);
}

int bl_tokw_finish(bl_tokw *w, uint64_t rejects, bl_err *e)
{
    bl_json *o = bl_json_object(e);
    w->text.len = 0;
    int rc =
        o == NULL ? BL_E_NOMEM : bl_json_set_int(o, "pieces", (int64_t)w->n_pieces, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "tokens", (int64_t)w->n_tokens, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "rejects", (int64_t)rejects, e);
    if (rc == 0)
        rc = bl_header_write("eos", o, &w->text, e);
    bl_json_del(o);
    return rc == 0 ? write_text(w, e) : rc;
}

/* ---- packers ---- */

struct bl_packer {
    bl_zw *zw;
    bl_buf text, frame;
    const bl_words *words;
    bl_lines lines;
};

int bl_packer_new(bl_packer **packer, int level, const bl_words *words, bl_lines lines,
                  bl_err *e)
{
    bl_packer *p = *packer = bl_calloc(1, sizeof *p, e);
    if (p == NULL)
        return BL_E_NOMEM;
    p->words = words;
    p->lines = lines;
    int rc = bl_zw_to_buf(&p->zw, &p->frame, level, e);
    if (rc != 0) {
        bl_packer_del(p);
        *packer = NULL;
    }
    return rc;
}

int bl_packer_piece(bl_packer *p, bl_buf *out, uint64_t i, const bl_piece_info *info,
                    const uint16_t *ids, size_t n, size_t bars, bl_err *e)
{
    p->text.len = p->frame.len = 0;
    int rc = bl_tokens_format(&p->text, i, info, ids, n, bars, p->words, p->lines, e);
    if (rc == 0)
        rc = bl_zw_add_frame(p->zw, p->text.data, p->text.len, e);
    return rc == 0 ? bl_buf_add(out, p->frame.data, p->frame.len, e) : rc;
}

void bl_packer_del(bl_packer *p)
{
    if (p == NULL)
        return;
    bl_zw_del(p->zw);
    bl_buf_free(&p->text);
    bl_buf_free(&p->frame);
    free(p);
}

void bl_tokw_del(bl_tokw *w)
{
    if (w == NULL)
        return;
    bl_zw_del(w->zw);
    bl_xxh3_del(w->hash);
    bl_buf_free(&w->text);
    free(w);
}
