/* prompts.c - see prompts.h. */
#include "flow/prompts.h"

#include <string.h>

#include "io/input.h"

enum { READ_BYTES = 1 << 16 };

typedef struct {
    const bl_scheme *scheme;
    const char *path;
    bl_prompts_take_fn *take;
    void *arg;
} reader;

/* ---- a MIDI file ---- */

int bl_prompts_is_midi(bl_zr *zr, bl_err *e)
{
    char first[4];
    int64_t n = bl_zr_peek(zr, first, sizeof first, e);
    return n < 0 ? (int)n
                 : n == 4 &&
                       (memcmp(first, "MThd", 4) == 0 || memcmp(first, "RIFF", 4) == 0);
}

static int load(bl_zr *zr, bl_buf *bytes, bl_err *e)
{
    for (int64_t n = 1; n > 0; bytes->len += (size_t)n) {
        if (bytes->len > BL_MIDI_MAX_BYTES)
            return bl_fail(e, BL_E_LIMIT, "more than %d MiB", BL_MIDI_MAX_BYTES >> 20);
        int rc = bl_buf_reserve(bytes, bytes->len + READ_BYTES, e);
        n = rc == 0 ? bl_zr_read(zr, bytes->data + bytes->len, READ_BYTES, e) : rc;
        if (n < 0)
            return (int)n;
    }
    return 0;
}

int bl_prompts_midi(const bl_encoding *how, bl_zr *zr, const char *path,
                    bl_piece *piece, bl_err *e)
{
    bl_buf bytes = {0};
    int rc = load(zr, &bytes, e);
    if (rc == 0)
        rc = bl_encode_piece(how, &bytes, path, piece, e);
    bl_buf_free(&bytes);
    return rc;
}

static int read_midi(const reader *r, bl_zr *zr, bl_err *e)
{
    const bl_encoding how = {.scheme = r->scheme,
                             .reading = bl_scheme_reading(r->scheme)};
    bl_piece piece = {0};
    int rc = 0;
    if (bl_scheme_is_opaque(r->scheme))
        rc = bl_fail(e, BL_E_MISMATCH,
                     "a MIDI file, but nothing says what the model's tokens mean");
    if (rc == 0)
        rc = bl_prompts_midi(&how, zr, r->path, &piece, e);
    if (rc == 0)
        rc = r->take(r->arg, &piece, 1, e);
    bl_piece_free(&piece);
    return rc;
}

/* ---- a stream ---- */

int bl_prompts_check(const bl_scheme *s, const bl_tokens_kind *kind, bl_err *e)
{
    char differ[BL_SPEC_TEXT_MAX + 1], command[BL_SPEC_TEXT_MAX + 1];
    const bl_spec *wanted = bl_scheme_spec(s);
    if (strcmp(kind->sha256, bl_scheme_sha256(s)) == 0)
        return 0;
    if (bl_scheme_is_opaque(s))
        return bl_fail(e, BL_E_MISMATCH,
                       "its tokens are not those of the model, which mean nothing "
                       "here");
    bl_spec_differ(&kind->spec, wanted, differ);
    bl_spec_command(wanted, command);
    return bl_fail(
        e, BL_E_MISMATCH,
        "its tokens are not the model's: they are %s; '%s' makes such tokens", differ,
        command);
}

static int read_stream(const reader *r, bl_zr *zr, bl_json **pg, bl_err *e)
{
    bl_tokr *tokens = NULL;
    bl_piece piece = {0};
    int n = 0;
    int rc = bl_tokr_new_over(&tokens, zr, r->path, e);
    if (rc == 0)
        rc = bl_prompts_check(r->scheme, bl_tokr_kind(tokens), e);
    if (rc == 0)
        bl_tokr_set_words(tokens, bl_scheme_words(r->scheme));
    while (rc == 0 && (rc = bl_tokr_next(tokens, &piece, e)) == 1) {
        rc = r->take(r->arg, &piece, 0, e);
        n = 1;
    }
    if (rc == 0 && n == 0)
        rc = bl_fail(e, BL_E_FORMAT, "no piece to begin with");
    if (rc == 0 && bl_tokr_pg(tokens) != NULL) {
        *pg = bl_json_copy(bl_tokr_pg(tokens), e);
        rc = *pg != NULL ? 0 : BL_E_NOMEM;
    }
    bl_tokr_del(tokens);
    bl_piece_free(&piece);
    return rc;
}

int bl_prompts_read(const bl_scheme *s, const char *path, bl_prompts_take_fn *take,
                    void *arg, bl_json **pg, bl_err *e)
{
    const reader r = {s, path, take, arg};
    bl_input in;
    *pg = NULL;
    int rc = bl_input_open(&in, path, e);
    if (rc != 0)
        return rc;
    int is_midi = bl_prompts_is_midi(in.zr, e);
    if (is_midi < 0)
        rc = is_midi;
    else if (is_midi)
        rc = read_midi(&r, in.zr, e);
    else
        rc = read_stream(&r, bl_input_take(&in), pg, e);
    bl_input_close(&in);
    return rc == 0 ? 0 : bl_fail_in(e, rc, path);
}
