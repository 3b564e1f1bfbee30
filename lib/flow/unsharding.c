/* unsharding.c - see unsharding.h. */
#include "flow/unsharding.h"

#include "flow/coder.h"
#include "io/file.h"
#include "io/header.h"
#include "io/tokens.h"
#include "token/scheme.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAX = 1 << 16, LIST_MAX = 1 << 30 };

typedef struct {
    const bl_unsharding_wish *wish;
    bl_shards shards;
    bl_scheme *scheme;
    bl_coder coder;
    bl_buf list; /* DIR/SPLIT.pieces.tsv */
    char *row;   /* the next one */
    bl_tokw *to;
    bl_ids ids;
} unsharding;

/* ---- the list of pieces ---- */

static int read_list(unsharding *u, bl_buf *path, bl_err *e)
{
    int rc = bl_buf_addf(path, e, "%s/%s.pieces.tsv", u->wish->dir,
                         bl_split_name(u->wish->split));
    if (rc == 0 && u->shards.n_pieces == 0)
        return 0;
    if (rc == 0)
        rc = bl_load_records((const char *)path->data, '\n', ROW_MAX, &u->list,
                             LIST_MAX, e);
    if (rc != 0)
        return rc;
    if (bl_buf_str(&u->list, e) == NULL)
        return BL_E_NOMEM;
    u->row = (char *)u->list.data;
    char *end = strchr(u->row, '\n'); /* of the names of the columns */
    u->row = end != NULL ? end + 1 : u->row + strlen(u->row);
    return 0;
}

/* The columns of piece i: what they say of its place must be so. */
static int take_row(unsharding *u, size_t i, char **name, char **sha256, bl_err *e)
{
    char *column[5], *end = strchr(u->row, '\n'), *at = u->row;
    int n = 0;
    if (end == NULL)
        return bl_fail(e, BL_E_CORRUPT, "it lists %zu pieces of %zu", i,
                       u->shards.n_pieces);
    *end = '\0';
    u->row = end + 1;
    for (; n < 5 && at != NULL; n++) {
        column[n] = at;
        at = strchr(at, '\t');
        if (at != NULL)
            *at++ = '\0';
    }
    int64_t offset = u->shards.offsets[i], length = u->shards.offsets[i + 1] - offset;
    if (n != 5 || at != NULL || strtoull(column[1], NULL, 10) != (uint64_t)offset ||
        strtoull(column[2], NULL, 10) != (uint64_t)length)
        return bl_fail(e, BL_E_CORRUPT, "line %zu is not that of piece %zu", i + 2, i);
    *name = column[3];
    *sha256 = column[4];
    return 0;
}

/* ---- pieces ---- */

/* Whether a piece may end here, or be ended. */
static int is_whole(const bl_grammar *g)
{
    bl_grammar end = *g;
    return bl_grammar_close(g, NULL, NULL) == 1 ||
           bl_grammar_step(&end, BL_ID_EOS) == NULL;
}

/* Ends the piece before what would begin the line after the last that is wanted, where
 * it is whole. */
static int cut(unsharding *u, bl_err *e)
{
    bl_lines lines = bl_scheme_lines(u->scheme);
    /* the first bar begins at 1, the first second at 0 */
    uint64_t most =
        (uint64_t)u->wish->lines * lines.unit - (bl_scheme_has_bars(u->scheme) ? 0 : 1);
    uint64_t sum = 0;
    bl_grammar g, at_whole;
    size_t i = 0, whole = 0;
    if (u->wish->lines == 0)
        return 0;
    bl_grammar_start(&g, u->scheme);
    at_whole = g;
    while (i < u->ids.n && (sum += lines.advance[u->ids.id[i]]) <= most) {
        (void)bl_grammar_step(&g, u->ids.id[i++]);
        if (is_whole(&g)) {
            whole = i;
            at_whole = g;
        }
    }
    if (i == u->ids.n)
        return 0;
    u->ids.n = whole;
    int rc = bl_grammar_close(&at_whole, &u->ids, e);
    return rc < 0 ? rc : 0;
}

static int is_copy(const char *name) /* as flow/copies.c calls them */
{
    return strstr(name, "#transpose=") != NULL;
}

static int write_piece(unsharding *u, size_t i, bl_err *e)
{
    const uint16_t *ids = u->shards.tokens + u->shards.offsets[i];
    size_t n = (size_t)(u->shards.offsets[i + 1] - u->shards.offsets[i]), bars = 0;
    char *shown = NULL, *sha256 = NULL;
    int rc = take_row(u, i, &shown, &sha256, e);
    if (rc != 0 || is_copy(shown))
        return rc;
    char *name = bl_name_decode(shown, e);
    if (name == NULL)
        return bl_code_of(e, BL_E_FORMAT);
    rc = bl_coder_to_scheme(&u->coder, ids + 1, n - 2, &u->ids, e);
    if (rc == 0)
        rc = cut(u, e);
    for (size_t k = 0; k < u->ids.n; k++)
        bars += (size_t)bl_scheme_begins_bar(u->scheme, u->ids.id[k]);
    if (rc == 0)
        rc = bl_tokw_piece(u->to, &(bl_piece_info){.name = name, .sha256 = sha256},
                           u->ids.id, u->ids.n, bars, e);
    free(name);
    return rc == 0 ? 1 : rc;
}

static int write_pieces(unsharding *u, uint64_t *n, uint64_t *tokens, bl_err *e)
{
    int rc = 0;
    *n = *tokens = 0;
    for (size_t i = 0; i < u->shards.n_pieces && rc >= 0; i++) {
        rc = write_piece(u, i, e);
        if (rc == 1) {
            ++*n;
            *tokens += u->ids.n;
        }
    }
    return rc < 0 ? rc : bl_tokw_finish(u->to, 0, e);
}

/* ---- rows ---- */

static int write_rows(const unsharding *u, bl_rowsw *to, uint64_t *n, uint64_t *rows,
                      bl_err *e)
{
    const bl_row_store *s = u->shards.rows;
    int rc = 0;
    *n = *rows = 0;
    for (size_t i = 0; i < s->n_pieces && rc == 0; i++) {
        rc = bl_row_store_write(s, i, u->wish->lines, to, e);
        ++*n;
        *rows += s->pieces[i].n;
    }
    return rc == 0 ? bl_rowsw_finish(to, 0, e) : rc;
}

static int unshard_rows(const unsharding *u, int fd, const bl_self *self, uint64_t *n,
                        uint64_t *rows, bl_err *e)
{
    const bl_json *parent[] = {u->shards.pg};
    bl_json *pg = self != NULL ? bl_prov_chain(parent, 1, self, e) : NULL;
    bl_rowsw *to = NULL;
    int rc = self != NULL && pg == NULL ? BL_E_NOMEM : 0;
    if (rc == 0)
        rc = bl_rowsw_new(&to, fd, u->wish->level, &u->shards.rows->kind, pg, e);
    if (rc == 0)
        rc = write_rows(u, to, n, rows, e);
    bl_rowsw_del(to);
    bl_json_del(pg);
    return rc;
}

/* ---- the whole ---- */

static int open_shards(unsharding *u, bl_err *e)
{
    const bl_tokens_kind *kind = &u->shards.vocab.kind;
    int rc = bl_shards_read(&u->shards, u->wish->dir, u->wish->split, e);
    if (rc == 0 && u->shards.rows != NULL)
        return 0;
    if (rc == 0)
        rc = bl_scheme_open_stated(&u->scheme, &kind->spec, kind->sha256, e);
    return rc == 0 ? bl_coder_open(&u->coder, u->scheme, &u->shards.vocab, e) : rc;
}

static int begin_stream(unsharding *u, int fd, const bl_self *self, bl_err *e)
{
    const bl_json *parent[] = {u->shards.pg};
    bl_json *pg = self != NULL ? bl_prov_chain(parent, 1, self, e) : NULL;
    if (self != NULL && pg == NULL)
        return BL_E_NOMEM;
    int rc = bl_tokw_new(&u->to, fd, u->wish->level, &u->shards.vocab.kind,
                         bl_scheme_words(u->scheme), bl_scheme_lines(u->scheme), pg, e);
    bl_json_del(pg);
    return rc;
}

int bl_unshard(const bl_unsharding_wish *wish, int fd, const bl_self *self, uint64_t *n,
               uint64_t *tokens, bl_err *e)
{
    unsharding u = {.wish = wish};
    bl_buf path = {0};
    int rc = open_shards(&u, e);
    if (rc == 0 && u.shards.rows != NULL) {
        rc = unshard_rows(&u, fd, self, n, tokens, e);
        bl_shards_free(&u.shards);
        return rc;
    }
    if (rc == 0)
        rc = read_list(&u, &path, e);
    if (rc == 0)
        rc = begin_stream(&u, fd, self, e);
    if (rc == 0) {
        rc = write_pieces(&u, n, tokens, e);
        if (rc == BL_E_CORRUPT)
            bl_err_in(e, (const char *)path.data);
    }
    bl_tokw_del(u.to);
    bl_coder_free(&u.coder);
    bl_scheme_del(u.scheme);
    bl_shards_free(&u.shards);
    bl_ids_free(&u.ids);
    bl_buf_free(&u.list);
    bl_buf_free(&path);
    return rc;
}
