/* own_ids_shard.c - see own_ids.h: ids of others as a folder of shards. */
#include "flow/own_ids.h"
#include "flow/own_ids_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const bl_sharding_wish *wish;
    const char *const *paths;
    size_t n;
    bl_own_ids own;
    bl_own_pieces pieces;
    size_t *of_file; /* [n] pieces up to the end of each */
    bl_shardw *writer;
    bl_ids ids; /* of the piece at hand, ours */
} sharding;

static int check_output(const bl_sharding_wish *wish, bl_err *e)
{
    int rc = bl_shards_there(wish->dir, e);
    if (rc != 1 || wish->replace)
        return rc < 0 ? rc : 0;
    rc = bl_fail(e, BL_E_CREATE, "the folder holds shards; -f replaces them");
    return bl_fail_in(e, rc, wish->dir);
}

static int read_all(sharding *s, bl_err *e)
{
    int rc = s->wish->vocab != NULL ? bl_own_ids_open(&s->own, s->wish->vocab, e) : 0;
    s->of_file = rc == 0 ? bl_calloc(s->n, sizeof *s->of_file, e) : NULL;
    if (s->of_file == NULL)
        return rc != 0 ? rc : BL_E_NOMEM;
    for (size_t i = 0; i < s->n && rc == 0; i++) {
        rc = bl_own_pieces_read(&s->pieces, &s->own.names, s->paths[i], e);
        s->of_file[i] = s->pieces.pieces;
    }
    if (rc == 0 && s->wish->vocab == NULL)
        rc = bl_own_ids_count(&s->own, (size_t)s->pieces.highest + 1, e);
    return rc;
}

static int is_edge(int32_t id)
{
    return id == BL_ID_PAD || id == BL_ID_BOS || id == BL_ID_EOS;
}

/* Numbers a piece; writers set its ends themselves. */
static int number(sharding *s, size_t start, size_t end, bl_err *e)
{
    const bl_own_ids *o = &s->own;
    int rc = 0;
    s->ids.n = 0;
    for (size_t i = start; i < end && rc == 0; i++) {
        int32_t id = s->pieces.id[i];
        int32_t ours = (size_t)id < o->n ? o->to_ours[id] : -1;
        if (ours < 0)
            return bl_fail(e, BL_E_MISMATCH, "no token of '%.120s' has the id %d",
                           s->wish->vocab, (int)id);
        if (!is_edge(ours) || s->ids.n > 0)
            rc = bl_ids_add(&s->ids, (unsigned)ours, e);
    }
    while (s->ids.n > 0 && is_edge(s->ids.id[s->ids.n - 1]))
        s->ids.n--;
    for (size_t i = 0; i < s->ids.n && rc == 0; i++)
        if (is_edge(s->ids.id[i]))
            rc = bl_fail(e, BL_E_FORMAT,
                         "'%s' stands inside a piece: a piece is one list or line",
                         bl_words_name(o->vocab.words, s->ids.id[i]));
    return rc;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Piece k of a file: FILE, or FILE:ROW where it has several. */
static int add_piece(sharding *s, size_t file, size_t k, size_t of, bl_err *e)
{
    size_t first = file > 0 ? s->of_file[file - 1] : 0, i = first + k;
    size_t start = i > 0 ? s->pieces.end[i - 1] : 0;
    bl_buf name = {0};
    int rc = number(s, start, s->pieces.end[i], e);
    if (rc == 0 && s->ids.n > 0) {
        uint64_t hash = bl_xxh3(s->ids.id, s->ids.n * sizeof *s->ids.id);
        rc = of > 1 ? bl_buf_addf(&name, e, "%s:%06zu", base_of(s->paths[file]), k)
                    : bl_buf_adds(&name, base_of(s->paths[file]), e);
        const char *text = rc == 0 ? bl_buf_str(&name, e) : NULL;
        rc = text != NULL
                 ? bl_shardw_add(s->writer, text, "", hash, s->ids.id, s->ids.n, e)
                 : BL_E_NOMEM;
    }
    bl_buf_free(&name);
    return rc == 0 ? 0 : bl_fail_in(e, rc, s->paths[file]);
}

static int add_all(sharding *s, bl_sharding_counts *counts, bl_err *e)
{
    int rc = bl_shardw_new(&s->writer, s->wish->dir, &s->own.vocab, s->wish->share,
                           s->wish->level, e);
    for (size_t file = 0; file < s->n && rc == 0; file++) {
        size_t first = file > 0 ? s->of_file[file - 1] : 0,
               of = s->of_file[file] - first;
        for (size_t k = 0; k < of && rc == 0; k++) {
            rc = add_piece(s, file, k, of, e);
            counts->read.pieces++;
            counts->read.tokens += s->ids.n;
        }
    }
    return rc;
}

static int write_all(sharding *s, const bl_self *self, bl_sharding_counts *counts,
                     bl_err *e)
{
    bl_json *pg = NULL;
    if (s->wish->dedup)
        counts->n_dropped = bl_shardw_dedup(s->writer);
    bl_shardw_settle(s->writer);
    bl_shardw_export(s->writer, s->wish->exports);
    const bl_json *parents[] = {s->own.vocab.pg};
    if (self != NULL && (pg = bl_prov_chain(parents, 1, self, e)) == NULL)
        return BL_E_NOMEM;
    int rc = bl_shardw_finish(s->writer, pg, e);
    bl_json_del(pg);
    for (int k = 0; k < BL_SPLITS; k++)
        bl_shardw_counts(s->writer, k, &counts->pieces[k], &counts->tokens[k]);
    return rc;
}

int bl_own_ids_shard(const bl_sharding_wish *wish, const char *const *paths, size_t n,
                     const bl_self *self, const bl_progress *progress,
                     bl_sharding_counts *counts, bl_err *e)
{
    static const char *const input[] = {"-"};
    sharding s = {.wish = wish, .paths = n > 0 ? paths : input, .n = n > 0 ? n : 1};
    *counts = (bl_sharding_counts){0};
    int rc = check_output(wish, e);
    if (rc == 0)
        rc = read_all(&s, e);
    if (rc == 0)
        rc = add_all(&s, counts, e);
    if (rc == 0)
        rc = write_all(&s, self, counts, e);
    if (rc == 0)
        bl_sharding_tell_empty(wish, counts, bl_notices_of(progress));
    bl_shardw_del(s.writer);
    bl_own_pieces_free(&s.pieces);
    bl_own_ids_free(&s.own);
    bl_ids_free(&s.ids);
    free(s.of_file);
    return rc;
}
