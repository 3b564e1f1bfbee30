/* tokens_read.c - the reading half of tokens.h. Every line is held against the grammar
 * of schemas/remi-tokens.abnf; counts and hashes against what was read. */
#include "base/hash.h"
#include "io/header.h"
#include "io/tensors.h"
#include "io/tokens.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TRACKS_MAX = 65535 };

struct bl_tokr {
    bl_zr *zr;
    char *name;
    bl_tokens_kind kind;
    bl_prov *pg; /* of the segments so far, or NULL */
    const bl_words *words;
    bl_xxh3_state *hash; /* of the piece's music */
    uint64_t rejects;
    uint64_t n_pieces, n_tokens; /* of the segment so far */
    uint64_t next_index;         /* the least that the next piece may have */
    size_t n_lines, n_of_piece;  /* of the piece at hand: lines, tokens */
    int is_in_piece;
    int is_closed; /* the last line was a trailer */
};

/* Gives the error the line and the file. */
static int fail_here(const bl_tokr *r, int code, bl_err *e)
{
    if (e != NULL && e->line == 0 && e->offset < 0)
        e->line = (int64_t)bl_zr_lines(r->zr);
    bl_err_in(e, r->name);
    return code;
}

static int tells(const char *line, const char *tag)
{
    size_t n = strlen(tag);
    return strncmp(line, tag, n) == 0 && line[n] == ' ';
}

/* ---- the header of a segment ---- */

static int read_header(bl_tokr *r, const char *line, size_t len, bl_tokens_kind *kind,
                       bl_err *e)
{
    static const char *const keys[] = {
        "schema", "tokenizer", "tokenizer_sha256", "pg", "t0", "tempo", NULL};
    bl_json *o, *pg = NULL;
    int rc = bl_header_parse(&o, line, len, "remi", e);
    if (rc == 0)
        rc = bl_header_schema(o, BL_TOKENS_SCHEMA, e);
    if (rc == 0)
        rc = bl_header_get_kind(o, kind, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    if (rc == 0)
        rc = bl_header_get_origin(o, &kind->origin, e);
    if (rc == 0)
        rc = bl_header_get_pg(o, &pg, e);
    if (rc == 0)
        rc = bl_prov_add(&r->pg, pg, e);
    bl_json_del(pg);
    bl_json_del(o);
    return rc;
}

static int begin(bl_tokr *r, bl_err *e)
{
    const char *line;
    uint8_t first[8] = {0};
    size_t len;
    int64_t n = bl_zr_peek(r->zr, first, sizeof first, e);
    if (n < 0)
        return (int)n;
    if (n == 0)
        return bl_fail(e, BL_E_TRUNC, "the input is empty");
    if (bl_tensors_begin(first, (size_t)n))
        return bl_fail(e, BL_E_FORMAT, "a stream of tensors, not of tokens");
    if (n >= 4 && memcmp(first, "MThd", 4) == 0)
        return bl_fail(e, BL_E_FORMAT,
                       "not a token stream but a MIDI file; midi2remi makes one of it");
    if (first[0] != '#')
        return bl_fail(e, BL_E_FORMAT, "not a token stream");
    int rc = bl_zr_line(r->zr, &line, &len, BL_TOKENS_LINE_MAX, e);
    if (rc < 0)
        return rc;
    if (!tells(line, "#remi"))
        return bl_fail(e, BL_E_FORMAT, "not a token stream: it does not begin '#remi'");
    return read_header(r, line, len, &r->kind, e);
}

int bl_tokr_new(bl_tokr **r, int fd, const char *name, bl_err *e)
{
    return bl_tokr_new_after(r, NULL, 0, fd, name, e);
}

int bl_tokr_new_after(bl_tokr **r, const void *bytes, size_t n, int fd,
                      const char *name, bl_err *e)
{
    bl_zr *zr;
    *r = NULL;
    int rc = bl_zr_new_after(&zr, bytes, n, fd, e);
    if (rc != 0) {
        bl_err_in(e, name);
        return rc;
    }
    return bl_tokr_new_over(r, zr, name, e);
}

int bl_tokr_new_over(bl_tokr **r, bl_zr *zr, const char *name, bl_err *e)
{
    *r = NULL;
    bl_tokr *new = bl_calloc(1, sizeof *new, e);
    if (new == NULL) {
        bl_zr_del(zr);
        return BL_E_NOMEM;
    }
    new->zr = zr;
    new->name = bl_strdup(name, e);
    new->hash = bl_xxh3_new(e);
    int rc = new->name == NULL || new->hash == NULL ? BL_E_NOMEM : 0;
    if (rc != 0) {
        bl_err_in(e, name);
    } else {
        rc = begin(new, e);
        if (rc != 0)
            fail_here(new, rc, e);
    }
    if (rc != 0) {
        bl_tokr_del(new);
        return rc;
    }
    *r = new;
    return 0;
}

const bl_tokens_kind *bl_tokr_kind(const bl_tokr *r)
{
    return &r->kind;
}

const bl_json *bl_tokr_pg(const bl_tokr *r)
{
    return bl_prov_list(r->pg);
}

void bl_tokr_set_words(bl_tokr *r, const bl_words *words)
{
    r->words = words;
}

uint64_t bl_tokr_rejects(const bl_tokr *r)
{
    return r->rejects;
}

static int read_next_header(bl_tokr *r, const char *line, size_t len, bl_err *e)
{
    bl_tokens_kind kind = {0};
    if (!tells(line, "#remi"))
        return bl_fail(e, BL_E_FORMAT,
                       "only the header of another stream may follow "
                       "'#eos'");
    int rc = read_header(r, line, len, &kind, e);
    if (rc != 0)
        return rc;
    if (strcmp(kind.sha256, r->kind.sha256) != 0) {
        char differ[BL_SPEC_TEXT_MAX + 1], command[BL_SPEC_TEXT_MAX + 1];
        bl_spec_differ(&kind.spec, &r->kind.spec, differ);
        bl_spec_command(&r->kind.spec, command);
        return bl_fail(e, BL_E_MISMATCH,
                       "a stream that is %s follows; '%s' makes such as before", differ,
                       command);
    }
    r->n_pieces = r->n_tokens = r->next_index = 0;
    r->is_closed = 0;
    return 0;
}

/* ---- the lines around a piece ---- */

static int get_source(const bl_json *o, bl_piece *piece, bl_err *e)
{
    int64_t tpq, tracks;
    int rc = bl_header_get_source(o, &piece->name, piece->sha256, e);
    if (rc == 0)
        rc = bl_json_int(o, "tpq", 0, BL_TPQ_MAX, &tpq, e);
    if (rc == 0)
        rc = bl_json_int(o, "ticks", 0, BL_COUNT_MAX, &piece->ticks, e);
    if (rc == 0)
        rc = bl_json_int(o, "tracks", 0, TRACKS_MAX, &tracks, e);
    if (rc == 0) {
        piece->tpq = (int)tpq;
        piece->tracks = (int)tracks;
    }
    return rc;
}

static int read_piece_line(bl_tokr *r, const char *line, size_t len, bl_piece *piece,
                           bl_err *e)
{
    static const char *const keys[] = {"i",     "name",   "sha256", "tpq",
                                       "ticks", "tracks", "fixes",  NULL};
    int64_t i = 0;
    bl_json *o;
    int rc = bl_header_parse(&o, line, len, "piece", e);
    if (rc == 0)
        rc = bl_json_int(o, "i", (int64_t)r->next_index, BL_COUNT_MAX, &i, e);
    if (rc == 0)
        rc = get_source(o, piece, e);
    if (rc == 0)
        rc = bl_header_check_fixes(o, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    bl_json_del(o);
    piece->index = (uint64_t)i;
    r->next_index = (uint64_t)i + 1;
    return rc;
}

static int read_end_line(bl_tokr *r, const char *line, size_t len, bl_piece *piece,
                         bl_err *e)
{
    static const char *const keys[] = {"i", "bars", "tokens", "xxh3", NULL};
    int64_t i, bars = 0, tokens, expected = (int64_t)piece->index;
    uint64_t xxh3 = 0;
    bl_json *o;
    int rc = bl_header_parse(&o, line, len, "end", e);
    if (rc == 0)
        rc = bl_json_int(o, "i", expected, expected, &i, e);
    if (rc == 0)
        rc = bl_json_int(o, "bars", 0, (int64_t)r->n_lines, &bars, e);
    if (rc == 0)
        rc = bl_json_int(o, "tokens", 0, BL_COUNT_MAX, &tokens, e);
    if (rc == 0)
        rc = bl_header_get_xxh3(o, "xxh3", &xxh3, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    bl_json_del(o);
    if (rc != 0)
        return rc;
    if ((uint64_t)tokens != r->n_of_piece)
        return bl_fail(e, BL_E_CORRUPT, "the piece has %zu tokens, not %" PRId64,
                       r->n_of_piece, tokens);
    piece->bars = (size_t)bars;
    piece->xxh3 = bl_xxh3_value(r->hash);
    if (xxh3 != piece->xxh3)
        return bl_fail(e, BL_E_CORRUPT, "the piece does not match its hash");
    return 0;
}

static int read_eos_line(bl_tokr *r, const char *line, size_t len, bl_err *e)
{
    static const char *const keys[] = {"pieces", "tokens", "rejects", NULL};
    int64_t pieces = 0, tokens = 0, rejects = 0;
    bl_json *o;
    int rc = bl_header_parse(&o, line, len, "eos", e);
    if (rc == 0)
        rc = bl_json_int(o, "pieces", 0, BL_COUNT_MAX, &pieces, e);
    if (rc == 0)
        rc = bl_json_int(o, "tokens", 0, BL_COUNT_MAX, &tokens, e);
    if (rc == 0)
        rc = bl_json_int(o, "rejects", 0, BL_COUNT_MAX, &rejects, e);
    if (rc == 0)
        rc = bl_json_only(o, keys, e);
    bl_json_del(o);
    if (rc != 0)
        return rc;
    if ((uint64_t)pieces != r->n_pieces || (uint64_t)tokens != r->n_tokens)
        return bl_fail(e, BL_E_CORRUPT,
                       "the stream has %" PRIu64 " pieces and %" PRIu64
                       " tokens, not %" PRId64 " and %" PRId64,
                       r->n_pieces, r->n_tokens, pieces, tokens);
    r->rejects += (uint64_t)rejects;
    r->is_closed = 1;
    return 0;
}

/* ---- music ---- */

static int fail_token(const bl_tokr *r, const char *token, size_t len, bl_err *e)
{
    if (len == 0)
        return bl_fail(e, BL_E_FORMAT,
                       "two blanks in a row, or one at an end of the line");
    return bl_fail(e, BL_E_FORMAT, "'%.*s' is not a token of scheme '%s'",
                   (int)(len < BL_WORD_MAX ? len : BL_WORD_MAX), token,
                   r->kind.spec.scheme);
}

static int read_music(bl_tokr *r, const char *line, size_t len, bl_ids *ids, bl_err *e)
{
    const char *p = line, *end = line + len;
    void *array = ids->id;
    int rc = bl_grow(&array, &ids->cap, ids->n + len / 2 + 1, sizeof *ids->id, e);
    ids->id = array;
    if (rc != 0)
        return rc;
    uint16_t *out = ids->id + ids->n;
    for (;;) {
        const char *blank = memchr(p, ' ', (size_t)(end - p));
        size_t n = (size_t)((blank != NULL ? blank : end) - p);
        int id = bl_words_find(r->words, p, n);
        if (id < 0)
            return fail_token(r, p, n, e);
        *out++ = (uint16_t)id;
        if (blank == NULL)
            break;
        p = blank + 1;
    }
    size_t n_new = (size_t)(out - ids->id) - ids->n;
    ids->n += n_new;
    r->n_of_piece += n_new;
    r->n_lines++;
    if (r->n_of_piece > BL_TOKENS_PIECE_MAX)
        return bl_fail(e, BL_E_LIMIT, "the piece has more than %d tokens",
                       BL_TOKENS_PIECE_MAX);
    bl_xxh3_add(r->hash, line, len);
    bl_xxh3_add(r->hash, "\n", 1);
    return 0;
}

/* A line inside a piece: a result of bl_tokr_arrive, or 0 for one that says nothing. */
static int read_inside(bl_tokr *r, const char *line, size_t len, bl_piece *piece,
                       bl_err *e)
{
    int rc;
    if (line[0] != '#') {
        rc = read_music(r, line, len, &piece->ids, e);
        return rc == 0 ? BL_TOKR_LINE : rc;
    }
    if (tells(line, "#end")) {
        rc = read_end_line(r, line, len, piece, e);
        r->is_in_piece = 0;
        r->n_pieces++;
        r->n_tokens += r->n_of_piece;
        return rc == 0 ? BL_TOKR_END : rc;
    }
    return strncmp(line, "#x-", 3) == 0
               ? 0
               : bl_fail(e, BL_E_FORMAT, "unexpected line inside a piece: '%.16s'",
                         line);
}

/* ---- the stream ---- */

static int begin_piece(bl_tokr *r, const char *line, size_t len, bl_piece *piece,
                       bl_err *e)
{
    piece->ids.n = r->n_lines = r->n_of_piece = 0;
    bl_xxh3_reset(r->hash);
    r->is_in_piece = 1;
    int rc = read_piece_line(r, line, len, piece, e);
    return rc == 0 ? BL_TOKR_PIECE : rc;
}

/* A line outside of pieces, likewise. */
static int read_outside(bl_tokr *r, const char *line, size_t len, bl_piece *piece,
                        bl_err *e)
{
    if (r->is_closed)
        return read_next_header(r, line, len, e);
    if (tells(line, "#piece"))
        return begin_piece(r, line, len, piece, e);
    if (tells(line, "#eos"))
        return read_eos_line(r, line, len, e);
    return strncmp(line, "#x-", 3) == 0
               ? 0
               : bl_fail(e, BL_E_FORMAT, "unexpected line between pieces: '%.16s'",
                         line);
}

static int end_of_input(const bl_tokr *r, bl_err *e)
{
    if (r->is_closed)
        return 0;
    return bl_fail(e, BL_E_TRUNC, "the stream ends %s",
                   r->is_in_piece ? "inside a piece" : "without '#eos'");
}

/* Up to the next line that says something; tokens are appended. */
static int next(bl_tokr *r, bl_piece *piece, bl_err *e)
{
    const char *line;
    size_t len;
    if (r->words == NULL)
        return bl_fail(e, BL_E_ARG,
                       "the reader does not know the tokens of the scheme");
    for (;;) {
        int rc = bl_zr_line(r->zr, &line, &len, BL_TOKENS_LINE_MAX, e);
        if (rc == 0)
            rc = end_of_input(r, e);
        else if (rc > 0 &&
                 (rc = r->is_in_piece ? read_inside(r, line, len, piece, e)
                                      : read_outside(r, line, len, piece, e)) == 0)
            continue;
        return rc < 0 ? fail_here(r, rc, e) : rc;
    }
}

int bl_tokr_arrive(bl_tokr *r, bl_piece *piece, bl_err *e)
{
    piece->ids.n = 0;
    return next(r, piece, e);
}

int bl_tokr_begin(bl_tokr *r, bl_piece *piece, bl_err *e)
{
    piece->ids.n = 0;
    int rc = next(r, piece, e);
    return rc == BL_TOKR_PIECE ? 1 : rc;
}

int bl_tokr_line(bl_tokr *r, bl_piece *piece, bl_err *e)
{
    int rc = next(r, piece, e);
    return rc == BL_TOKR_LINE ? 1 : rc == BL_TOKR_END ? 0 : rc;
}

int bl_tokr_next(bl_tokr *r, bl_piece *piece, bl_err *e)
{
    int rc;
    while ((rc = next(r, piece, e)) == BL_TOKR_PIECE || rc == BL_TOKR_LINE)
        ;
    return rc == BL_TOKR_END ? 1 : rc;
}

void bl_tokr_del(bl_tokr *r)
{
    if (r == NULL)
        return;
    bl_zr_del(r->zr);
    bl_prov_del(r->pg);
    bl_xxh3_del(r->hash);
    free(r->name);
    free(r);
}

void bl_piece_free(bl_piece *p)
{
    free(p->name);
    bl_ids_free(&p->ids);
    *p = (bl_piece){0};
}

/* ---- pieces by several hands ---- */

struct bl_unpacker {
    bl_tokr reader; /* of the one piece, n_tokens in it; it has no header */
};

int bl_tokr_take(bl_tokr *r, bl_buf *packed, bl_err *e)
{
    int rc = r->is_closed ? 0 : bl_zr_take_frame(r->zr, packed, e);
    return rc < 0 ? fail_here(r, rc, e) : rc;
}

int bl_tokr_give_back(bl_tokr *r, const void *bytes, size_t len, bl_err *e)
{
    return bl_zr_give_back(r->zr, bytes, len, e);
}

int bl_unpacker_new(bl_unpacker **u, const bl_words *words, bl_err *e)
{
    bl_unpacker *new = *u = bl_calloc(1, sizeof *new, e);
    if (new == NULL)
        return BL_E_NOMEM;
    new->reader.words = words;
    new->reader.hash = bl_xxh3_new(e);
    int rc =
        new->reader.hash == NULL ? BL_E_NOMEM : bl_zr_new_of_frames(&new->reader.zr, e);
    if (rc != 0) {
        bl_unpacker_del(new);
        *u = NULL;
    }
    return rc;
}

int bl_unpack(bl_unpacker *u, const bl_buf *packed, bl_piece *piece)
{
    bl_tokr *r = &u->reader;
    const char *line;
    size_t len;
    r->next_index = 0;
    r->is_in_piece = 0;
    bl_zr_set_frames(r->zr, packed->data, packed->len);
    int rc = bl_zr_line(r->zr, &line, &len, BL_TOKENS_LINE_MAX, NULL);
    if (rc <= 0 || !tells(line, "#piece") ||
        begin_piece(r, line, len, piece, NULL) != BL_TOKR_PIECE)
        return 0;
    while ((rc = next(r, piece, NULL)) == BL_TOKR_LINE)
        ;
    if (rc != BL_TOKR_END)
        return 0;
    r->n_tokens = piece->ids.n;
    return bl_zr_line(r->zr, &line, &len, BL_TOKENS_LINE_MAX, NULL) == 0;
}

int bl_tokr_accept(bl_tokr *r, const bl_unpacker *u)
{
    const bl_zr *zr = u->reader.zr;
    if (u->reader.next_index <= r->next_index ||
        !bl_zr_count_frame(r->zr, bl_zr_lines(zr), bl_zr_bytes(zr)))
        return 0;
    r->next_index = u->reader.next_index;
    r->n_pieces++;
    r->n_tokens += u->reader.n_tokens;
    return 1;
}

void bl_unpacker_del(bl_unpacker *u)
{
    if (u == NULL)
        return;
    bl_zr_del(u->reader.zr);
    bl_xxh3_del(u->reader.hash);
    free(u);
}
