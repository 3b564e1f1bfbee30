/* bare.c - see bare.h. */
#include "flow/bare.h"

#include "io/file.h"
#include "io/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- whose names they are ---- */

/* The scheme that the vocabulary states, and where its tokens are there. */
static int open_vocab(bl_bare *b, bl_err *e)
{
    const char *file = b->wish->vocab;
    int rc = bl_vocab_load(&b->vocab, file, e);
    if (rc != 0)
        return bl_fail_in(e, rc, file);
    rc =
        bl_scheme_open_stated(&b->scheme, &b->vocab.kind.spec, b->vocab.kind.sha256, e);
    if (rc != 0)
        return rc;
    rc = bl_coder_open(&b->coder, b->scheme, &b->vocab, e);
    if (rc != 0)
        return bl_fail_in(e, rc, file);
    for (size_t id = 0; id < b->coder.merges.n_base; id++)
        if (b->coder.to_scheme[id] < 0)
            return bl_fail(e, BL_E_FORMAT, "'%s' in '%.120s' is not of scheme '%s'",
                           bl_words_name(b->vocab.words, id), file,
                           bl_scheme_name(b->scheme));
    return 0;
}

static int open_names(bl_bare *b, bl_err *e)
{
    bl_spec spec = {.grid = b->wish->grid};
    if (b->scheme != NULL)
        return 0;
    if (b->wish->vocab != NULL)
        return open_vocab(b, e);
    snprintf(spec.scheme, sizeof spec.scheme, "%s",
             b->wish->scheme != NULL ? b->wish->scheme : "remi");
    return bl_scheme_open(&b->scheme, &spec, e);
}

/* ---- the names ---- */

/* One name, as the tokens of the scheme that it stands for. */
static int add_name(const bl_bare *b, const char *name, size_t len, int64_t line,
                    bl_ids *ids, bl_err *e)
{
    size_t from = ids->n;
    int in_vocab = b->wish->vocab != NULL;
    int id = bl_words_find(in_vocab ? b->vocab.words : bl_scheme_words(b->scheme), name,
                           len);
    if (id < 0)
        return bl_fail_line(e, BL_E_FORMAT, line, "no token '%.*s' in %s '%.120s'",
                            (int)bl_min((int64_t)len, BL_WORD_MAX), name,
                            in_vocab ? "vocabulary" : "scheme",
                            in_vocab ? b->wish->vocab : bl_scheme_name(b->scheme));
    if (!in_vocab)
        return bl_ids_add(ids, (unsigned)id, e);
    int rc = bl_merges_expand(&b->coder.merges, (unsigned)id, ids, e);
    for (size_t i = from; i < ids->n && rc == 0; i++)
        ids->id[i] = (uint16_t)b->coder.to_scheme[ids->id[i]];
    if (rc == 0 && ids->n > BL_TOKENS_PIECE_MAX)
        rc = bl_fail_line(e, BL_E_LIMIT, line, "the piece has more than %d tokens",
                          (int)BL_TOKENS_PIECE_MAX);
    return rc;
}

static int is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* Lines of any length. */
static int parse(const bl_bare *b, const bl_buf *text, bl_ids *ids, bl_err *e)
{
    int64_t line = 1;
    ids->n = 0;
    for (size_t i = 0, len; i < text->len; i += len) {
        const char *name = (const char *)text->data + i;
        for (len = 0; i + len < text->len && !is_blank(text->data[i + len]);)
            len++;
        if (len == 0) {
            line += *name == '\n';
            len = 1;
            continue;
        }
        int rc = add_name(b, name, len, line, ids, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int bl_bare_read(bl_bare *b, const char *path, bl_piece *piece, bl_err *e)
{
    bl_buf text = {0};
    int fd;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = open_names(b, e);
    if (rc == 0)
        rc = bl_read_all(fd, &text, BL_TOKENS_PIECE_MAX, e);
    if (fd != STDIN_FILENO)
        close(fd);
    if (rc == 0)
        rc = parse(b, &text, &piece->ids, e);
    bl_buf_free(&text);
    free(piece->name);
    piece->name = bl_strdup(bl_path_or_stdin(path), e);
    piece->index = 0;
    return rc == 0 && piece->name == NULL ? BL_E_NOMEM : rc;
}

void bl_bare_free(bl_bare *b)
{
    bl_coder_free(&b->coder);
    bl_vocab_free(&b->vocab);
    bl_scheme_del(b->scheme);
    *b = (bl_bare){0};
}
