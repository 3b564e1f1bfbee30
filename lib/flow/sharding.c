/* sharding.c - see sharding.h. */
#include "flow/sharding.h"

#include "flow/alike.h"
#include "flow/split_table.h"
#include "flow/tally.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>

struct bl_sharding {
    const bl_sharding_wish *wish;
    const bl_progress *progress;
    bl_source source;
    bl_vocab vocab;
    bl_coder coder;
    bl_shardw *writer;
    bl_split_table splits; /* or empty */
    bl_alike alike;
    bl_buf report; /* of near copies */
    bl_sharding_counts counts;
};

/* ---- opening ---- */

/* Asked before anything is read, so that a typo costs no waiting. */
static int check_output(const bl_sharding_wish *wish, bl_err *e)
{
    int rc = bl_shards_there(wish->dir, e);
    if (rc == 1 && !wish->replace) {
        bl_fail(e, BL_E_CREATE, "the folder holds shards; -f replaces them");
        bl_err_in(e, wish->dir);
        return BL_E_CREATE;
    }
    return rc < 0 ? rc : 0;
}

static int read_vocab(bl_sharding *s, bl_err *e)
{
    const bl_tokens_kind *kind = bl_corpus_kind(s->source.corpus);
    int rc = bl_vocab_load(&s->vocab, s->wish->vocab, e);
    if (rc == 0 && strcmp(s->vocab.kind.sha256, kind->sha256) != 0)
        rc = bl_fail(
            e, BL_E_MISMATCH,
            "the token schemes of '%.120s' (%s, %.12s) and '%.120s' (%s, %.12s) "
            "differ",
            s->wish->vocab, s->vocab.kind.spec.scheme, s->vocab.kind.sha256,
            bl_corpus_file(s->source.corpus), kind->spec.scheme, kind->sha256);
    return rc;
}

static int open_vocab(bl_sharding *s, bl_err *e)
{
    int rc = s->wish->vocab != NULL ? read_vocab(s, e)
                                    : bl_vocab_close(&s->vocab, s->source.scheme, e);
    if (rc != 0)
        return rc;
    rc = bl_coder_open(&s->coder, s->source.scheme, &s->vocab, e);
    return rc != 0 && s->wish->vocab != NULL ? bl_err_in(e, s->wish->vocab) : rc;
}

/* ---- pieces ---- */

/* Into the split that the table says. */
static int put_piece(bl_sharding *s, const bl_piece *piece, bl_err *e)
{
    int split;
    int rc = bl_split_table_of(&s->splits, piece->name, &split, e);
    if (rc != 0)
        return bl_err_in(e, bl_corpus_file(s->source.corpus));
    bl_shardw_put(s->writer, bl_shardw_size(s->writer) - 1, split);
    return 0;
}

static int add_piece(bl_sharding *s, bl_piece *piece, bl_err *e)
{
    if (s->wish->near != BL_NEAR_OFF) {
        int rc = bl_alike_add(&s->alike, s->source.scheme, &piece->ids, e);
        if (rc != 0)
            return rc;
    }
    int64_t lacking = bl_coder_to_vocab(&s->coder, &piece->ids, e);
    if (lacking > 0) {
        bl_fail(e, BL_E_MISMATCH, "piece '%.80s' holds '%s', which is not in '%.80s'",
                piece->name,
                bl_words_name(bl_scheme_words(s->source.scheme),
                              piece->ids.id[lacking - 1]),
                s->wish->vocab);
        bl_err_in(e, bl_corpus_file(s->source.corpus));
        return BL_E_MISMATCH;
    }
    if (lacking < 0)
        return (int)lacking;
    s->counts.read.pieces++;
    s->counts.read.tokens += piece->ids.n;
    int rc = bl_shardw_add(s->writer, piece->name, piece->sha256, piece->xxh3,
                           piece->ids.id, piece->ids.n, e);
    return rc == 0 && s->splits.table != NULL ? put_piece(s, piece, e) : rc;
}

static int add_all(bl_sharding *s, bl_err *e)
{
    bl_piece piece = {0};
    int rc;
    while ((rc = bl_corpus_next(s->source.corpus, &piece, e)) > 0) {
        rc = add_piece(s, &piece, e);
        if (rc != 0)
            break;
        bl_tell(s->progress, &s->counts.read);
    }
    bl_piece_free(&piece);
    if (rc == 0 && s->counts.read.pieces == 0) {
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
        bl_err_in(e, bl_corpus_file(s->source.corpus));
    }
    return rc;
}

/* ---- what is decided of all pieces together ---- */

static int join_alike(bl_sharding *s, bl_err *e)
{
    return bl_alike_settle(&s->alike, s->writer, s->wish->near == BL_NEAR_DROP,
                           &s->counts.n_near,
                           s->wish->report != NULL ? &s->report : NULL, e);
}

static int arrange(bl_sharding *s, bl_err *e)
{
    bl_counts done = {0};
    int rc = s->wish->near != BL_NEAR_OFF ? join_alike(s, e) : 0;
    if (rc == 0 && s->wish->dedup)
        s->counts.n_dropped = bl_shardw_dedup(s->writer);
    if (rc == 0)
        bl_shardw_settle(s->writer);
    if (rc == 0 && s->wish->copies.n_tempos > 0)
        rc = bl_copies_add(&s->wish->copies, &s->coder, s->writer, s->progress, &done,
                           e);
    s->counts.n_copies = done.copies;
    bl_shardw_export(s->writer, s->wish->exports);
    return rc;
}

/* ---- the whole ---- */

int bl_sharding_new(bl_sharding **out, const bl_sharding_wish *wish,
                    const char *const *paths, size_t n, const bl_progress *progress,
                    bl_err *e)
{
    bl_sharding *s = *out = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->wish = wish;
    s->progress = progress;
    int rc = check_output(wish, e);
    if (rc == 0 && wish->split_from != NULL)
        rc = bl_split_table_read(&s->splits, wish->split_from, e);
    if (rc == 0)
        rc = bl_source_open(&s->source, paths, n, e);
    if (rc == 0)
        rc = open_vocab(s, e);
    if (rc == 0)
        rc = bl_shardw_new(&s->writer, wish->dir, &s->vocab, wish->share, wish->level,
                           e);
    if (rc == 0)
        rc = add_all(s, e);
    return rc == 0 ? arrange(s, e) : rc;
}

int bl_sharding_write(bl_sharding *s, const bl_self *self, bl_sharding_counts *counts,
                      bl_err *e)
{
    bl_json *pg;
    int rc = bl_source_pg(&s->source, s->vocab.pg, self, &pg, e);
    if (rc == 0)
        rc = bl_shardw_finish(s->writer, pg, e);
    bl_json_del(pg);
    if (rc == 0 && s->wish->report != NULL && s->wish->near != BL_NEAR_OFF)
        rc = bl_write_file(s->wish->report, s->report.data, s->report.len, e);
    *counts = s->counts;
    for (int k = 0; k < BL_SPLITS; k++)
        bl_shardw_counts(s->writer, k, &counts->pieces[k], &counts->tokens[k]);
    return rc;
}

void bl_sharding_del(bl_sharding *s)
{
    if (s == NULL)
        return;
    bl_shardw_del(s->writer);
    bl_split_table_free(&s->splits);
    bl_alike_free(&s->alike);
    bl_buf_free(&s->report);
    bl_coder_free(&s->coder);
    bl_vocab_free(&s->vocab);
    bl_source_free(&s->source);
    free(s);
}
