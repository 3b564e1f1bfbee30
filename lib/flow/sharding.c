/* sharding.c - see sharding.h. */
#include "flow/sharding.h"

#include "flow/ahead.h"
#include "flow/alike.h"
#include "flow/conditions.h"
#include "flow/row_sharding.h"
#include "flow/split_table.h"
#include "flow/tally.h"
#include "token/holes.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>

/* What threads find out of a piece before its turn. */
typedef struct {
    bl_song song; /* scratch */
    bl_fingerprint print;
    int64_t lacking; /* as bl_coder_to_vocab */
    int rc;
    bl_err e;
} prepared;

struct bl_sharding {
    const bl_sharding_wish *wish;
    const bl_progress *progress;
    bl_source source;
    bl_row_source rows; /* or tensors, while `first` is open to be read */
    bl_input first;
    int is_rows;
    bl_buf room; /* of the rows of a piece */
    bl_vocab vocab;
    bl_coder coder;
    bl_shardw *writer;
    bl_split_table splits; /* or empty */
    bl_conditions conditions;
    bl_ids condition; /* of one piece, in ids of the vocabulary */
    bl_ahead *ahead;
    prepared *prepared; /* [n_prepared] by slot, the last one of conditions */
    size_t n_prepared;
    bl_prints *prints, *condition_prints;
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
    if (rc == 0)
        rc = bl_tokens_same_kind(s->wish->vocab, &s->vocab.kind,
                                 bl_corpus_file(s->source.corpus), kind, e);
    return rc;
}

static int open_vocab(bl_sharding *s, bl_err *e)
{
    int rc = s->wish->vocab != NULL ? read_vocab(s, e)
                                    : bl_vocab_close(&s->vocab, s->source.scheme, e);
    if (rc != 0)
        return rc;
    rc = bl_coder_open(&s->coder, s->source.scheme, &s->vocab, e);
    return rc != 0 && s->wish->vocab != NULL ? bl_fail_in(e, rc, s->wish->vocab) : rc;
}

/* ---- pieces ---- */

/* Into the split that the table says. */
static int put_piece(bl_sharding *s, const bl_piece *piece, bl_err *e)
{
    int split;
    int rc = bl_split_table_of(&s->splits, piece->name, &split, e);
    if (rc != 0)
        return bl_fail_in(e, rc, bl_corpus_file(s->source.corpus));
    bl_shardw_put(s->writer, bl_shardw_size(s->writer) - 1, split);
    return 0;
}

/* The print of its music, then the ids of the scheme become those of the vocabulary. */
static void prepare(const bl_sharding *s, prepared *p, bl_ids *ids)
{
    p->e = BL_ERR_INIT;
    p->rc = 0;
    if (s->wish->near != BL_NEAR_OFF)
        p->rc =
            bl_scheme_decode(s->source.scheme, ids->id, ids->n, &p->song, NULL, &p->e);
    if (p->rc == 0 && s->wish->near != BL_NEAR_OFF)
        p->rc = bl_fingerprint_of(&p->print, &p->song, &p->e);
    if (p->rc == 0)
        p->lacking = bl_coder_to_vocab(&s->coder, ids, &p->e);
    if (p->rc == 0 && p->lacking < 0)
        p->rc = (int)p->lacking;
}

static void prepare_piece(void *arg, size_t slot, bl_piece *piece)
{
    const bl_sharding *s = arg;
    prepare(s, &s->prepared[slot], &piece->ids);
}

/* What was found out of a piece, or of a condition, when its turn has come. */
static int take(const bl_sharding *s, const prepared *p, bl_prints *prints,
                const bl_ids *ids, const char *name, const char *file, bl_err *e)
{
    if (p->rc != 0) {
        *e = p->e;
        return p->rc;
    }
    int rc = s->wish->near != BL_NEAR_OFF ? bl_prints_add(prints, &p->print, e) : 0;
    if (rc != 0 || p->lacking == 0)
        return rc;
    bl_fail(e, BL_E_MISMATCH, "piece '%.80s' holds '%s', which is not in '%.80s'", name,
            bl_words_name(bl_scheme_words(s->source.scheme), ids->id[p->lacking - 1]),
            s->wish->vocab);
    bl_err_in(e, file);
    return BL_E_MISMATCH;
}

static void leave_out(bl_sharding *s, const char *what, const char *lacks,
                      const char *name)
{
    s->counts.n_alone++;
    bl_notice(bl_notices_of(s->progress), BL_NOTICE_DETAIL, "%s '%.200s' has no %s",
              what, name, lacks);
}

/* To the piece added last. */
static int add_condition(bl_sharding *s, const bl_named_piece *with, bl_err *e)
{
    prepared *p = &s->prepared[s->n_prepared - 1];
    s->condition.n = 0;
    int rc = bl_ids_add_n(&s->condition, with->ids.id, with->ids.n, e);
    if (rc != 0)
        return rc;
    prepare(s, p, &s->condition);
    rc = take(s, p, s->condition_prints, &s->condition, with->name, s->wish->condition,
              e);
    return rc == 0 ? bl_shardw_condition(s->writer, bl_shardw_size(s->writer) - 1,
                                         s->condition.id, s->condition.n, e)
                   : rc;
}

static int add_piece(bl_sharding *s, const bl_piece *piece, const prepared *p,
                     bl_err *e)
{
    const bl_named_piece *with = NULL;
    uint64_t xxh3 = piece->xxh3;
    if (s->wish->condition != NULL) {
        with = bl_conditions_take(&s->conditions, piece->name);
        s->counts.n_named++;
        if (with == NULL) {
            leave_out(s, "piece", "condition", piece->name);
            return 0;
        }
        const uint64_t both[] = {xxh3, with->xxh3};
        xxh3 = bl_xxh3(both, sizeof both);
    }
    int rc = take(s, p, s->prints, &piece->ids, piece->name,
                  bl_corpus_file(s->source.corpus), e);
    if (rc != 0)
        return rc;
    s->counts.read.pieces++;
    s->counts.read.tokens += piece->ids.n;
    rc = bl_shardw_add(s->writer, piece->name, piece->sha256, xxh3, piece->ids.id,
                       piece->ids.n, e);
    if (rc == 0 && s->splits.table != NULL)
        rc = put_piece(s, piece, e);
    return rc == 0 && with != NULL ? add_condition(s, with, e) : rc;
}

static int begin_reading(bl_sharding *s, bl_err *e)
{
    int threads = (int)bl_max(s->wish->threads, 1);
    const char *path = bl_shardw_path(s->writer);
    s->n_prepared = bl_ahead_slots(threads) + 1;
    s->prepared = bl_calloc(s->n_prepared, sizeof *s->prepared, e);
    int rc = s->prepared == NULL ? BL_E_NOMEM : 0;
    if (rc == 0 && s->wish->near != BL_NEAR_OFF)
        rc = bl_prints_new(&s->prints, path, e);
    if (rc == 0 && s->wish->near != BL_NEAR_OFF && s->wish->condition != NULL)
        rc = bl_prints_new(&s->condition_prints, path, e);
    return rc == 0 ? bl_ahead_new(&s->ahead, &s->source, threads, prepare_piece, s, e)
                   : rc;
}

static int add_all(bl_sharding *s, bl_err *e)
{
    bl_piece *piece;
    size_t slot;
    int rc = begin_reading(s, e);
    while (rc >= 0 && (rc = bl_ahead_next(s->ahead, &piece, &slot, e)) > 0) {
        rc = add_piece(s, piece, &s->prepared[slot], e);
        if (rc != 0)
            break;
        bl_tell(s->progress, &s->counts.read);
    }
    for (size_t i = 0; rc == 0 && i < s->conditions.n; i++, s->counts.n_named++)
        if (!s->conditions.pieces[i].is_taken)
            leave_out(s, "condition", "piece", s->conditions.pieces[i].name);
    if (rc == 0 && s->counts.read.pieces == 0) {
        rc = bl_fail(e, BL_E_FORMAT,
                     s->counts.n_named > 0 ? "no piece has the name of a condition"
                                           : "there is no piece in the input");
        bl_err_in(e, bl_corpus_file(s->source.corpus));
    }
    return rc;
}

/* ---- rows ---- */

static int add_rows(bl_sharding *s, size_t i, bl_err *e)
{
    const bl_row_store *store = &s->rows.store;
    size_t size = bl_rows_numbers(&store->kind) * sizeof(float);
    bl_rows rows;
    int split, rc = bl_row_store_fetch(store, i, &s->room, &rows, e);
    if (rc == 0 && s->wish->near != BL_NEAR_OFF)
        rc = bl_row_print_add(s->prints, store, i, &rows, e);
    if (rc == 0)
        rc = bl_shardw_add_rows(s->writer, bl_xxh3(rows.x, rows.n * size), e);
    if (rc != 0 || s->splits.table == NULL)
        return rc;
    rc = bl_split_table_of(&s->splits, store->pieces[i].name, &split, e);
    if (rc != 0)
        return bl_fail_in(e, rc, s->rows.file);
    bl_shardw_put(s->writer, i, split);
    return 0;
}

static int add_all_rows(bl_sharding *s, const char *const *paths, size_t n, bl_err *e)
{
    const char *beside = bl_shardw_path(s->writer);
    int rc = bl_row_source_read(&s->rows, paths, n, &s->first, beside, e);
    if (rc == 0 && s->wish->near != BL_NEAR_OFF)
        rc = bl_prints_new(&s->prints, beside, e);
    if (rc == 0 && s->rows.n_empty > 0)
        bl_notice(bl_notices_of(s->progress), BL_NOTICE_WARNING,
                  "%zu pieces have no window and are left out", s->rows.n_empty);
    bl_shardw_of_rows(s->writer, &s->rows.store);
    for (size_t i = 0; i < s->rows.store.n_pieces && rc == 0; i++) {
        rc = add_rows(s, i, e);
        s->counts.read.pieces++;
        s->counts.read.tokens += s->rows.store.pieces[i].n;
        bl_tell(s->progress, &s->counts.read);
    }
    return rc;
}

/* What goes with tokens alone. */
static int check_rows(const bl_sharding_wish *wish, bl_err *e)
{
    const struct {
        const char *option;
        int is_asked;
    } of_tokens[] = {
        {"--vocab", wish->vocab != NULL},
        {"--condition", wish->condition != NULL},
        {"--augment", wish->copies.n_tempos > 0},
        {"--holes", wish->holes.n > 0},
        {"--llmc", (wish->exports & BL_EXPORT_LLMC) != 0},
        {"--megatron", (wish->exports & BL_EXPORT_MEGATRON) != 0},
        {"--numpy", (wish->exports & BL_EXPORT_NUMPY) != 0},
    };
    for (size_t i = 0; i < BL_COUNT(of_tokens); i++)
        if (of_tokens[i].is_asked)
            return bl_fail(e, BL_E_ARG,
                           "%s goes with streams of tokens, not with one of tensors",
                           of_tokens[i].option);
    return 0;
}

/* ---- what is decided of all pieces together ---- */

static int join_alike(bl_sharding *s, bl_err *e)
{
    return bl_alike_settle(s->prints, s->condition_prints, s->writer,
                           s->wish->near == BL_NEAR_DROP, &s->counts.n_near,
                           s->wish->report != NULL ? &s->report : NULL, e);
}

static int make_holes(bl_sharding *s, bl_err *e)
{
    bl_counts done = {0};
    int rc =
        bl_holing_add(&s->wish->holes, &s->coder, s->writer, s->progress, &done, e);
    s->counts.n_holes = done.copies;
    return rc == 0 ? 0 : bl_fail_in(e, rc, bl_corpus_file(s->source.corpus));
}

static int arrange(bl_sharding *s, bl_err *e)
{
    bl_counts done = {0};
    int rc = s->wish->near != BL_NEAR_OFF ? join_alike(s, e) : 0;
    if (rc == 0 && s->wish->dedup)
        s->counts.n_dropped = bl_shardw_dedup(s->writer);
    if (rc == 0)
        bl_shardw_settle(s->writer);
    if (rc == 0 && s->wish->holes.n > 0)
        rc = make_holes(s, e);
    if (rc == 0 && s->wish->copies.n_tempos > 0)
        rc = bl_copies_add(&s->wish->copies, &s->coder, s->writer, s->progress, &done,
                           e);
    s->counts.n_copies = done.copies;
    bl_shardw_export(s->writer, s->wish->exports);
    return rc;
}

/* The programs that made pieces, conditions and vocabulary, and this one. */
static int chain(const bl_sharding *s, const bl_self *self, bl_json **pg, bl_err *e)
{
    const bl_corpus *conditions = s->conditions.source.corpus;
    const bl_json *parents[] = {
        s->source.corpus != NULL ? bl_corpus_pg(s->source.corpus)
                                 : bl_prov_list(s->rows.pg),
        conditions != NULL ? bl_corpus_pg(conditions) : NULL, s->vocab.pg};
    if (self == NULL)
        return 0;
    *pg = bl_prov_chain(parents, BL_COUNT(parents), self, e);
    return *pg == NULL ? BL_E_NOMEM : 0;
}

/* ---- the whole ---- */

/* Streams of tokens; of tensors the first, which are read when there is a writer,
 * beside whose folder their numbers wait. */
static int open_source(bl_sharding *s, const char *const *paths, size_t n, bl_err *e)
{
    const bl_sharding_wish *wish = s->wish;
    int rc = bl_input_open(&s->first, n > 0 ? paths[0] : "-", e);
    s->is_rows = s->first.is_tensors;
    if (rc == 0 && s->is_rows) {
        rc = check_rows(wish, e);
        return rc == 0 ? bl_row_vocab(&s->vocab, e) : rc;
    }
    if (rc == 0)
        rc = bl_source_open_over(&s->source, paths, n, &s->first, e);
    if (rc == 0)
        rc = open_vocab(s, e);
    if (rc == 0 && (wish->copies.low != 0 || wish->copies.high != 0) &&
        bl_scheme_spec(s->source.scheme)->common_key)
        rc =
            bl_fail(e, BL_E_ARG,
                    "--augment transpose: pieces in a common key are the same in every "
                    "key; leave it out");
    if (rc == 0 && wish->holes.n > 0 && !bl_holes_are_of(s->source.scheme))
        rc = bl_fail(e, BL_E_ARG,
                     "--holes: pieces of the scheme '%s' %s; those of 'remi' can have "
                     "holes",
                     bl_scheme_name(s->source.scheme),
                     bl_scheme_has_bars(s->source.scheme) ? "cannot have any"
                                                          : "have no bars");
    if (rc == 0 && wish->condition != NULL)
        rc = bl_conditions_read(&s->conditions, wish->condition,
                                bl_corpus_kind(s->source.corpus),
                                bl_corpus_file(s->source.corpus), e);
    return rc;
}

int bl_sharding_new(bl_sharding **out, const bl_sharding_wish *wish,
                    const char *const *paths, size_t n, const bl_progress *progress,
                    bl_err *e)
{
    bl_sharding *s = *out = bl_calloc(1, sizeof *s, e);
    if (s == NULL)
        return BL_E_NOMEM;
    s->wish = wish;
    s->progress = progress;
    s->first = BL_INPUT_INIT;
    int rc = check_output(wish, e);
    if (rc == 0 && wish->split_from != NULL)
        rc = bl_split_table_read(&s->splits, wish->split_from, e);
    if (rc == 0)
        rc = open_source(s, paths, n, e);
    if (rc == 0)
        rc = bl_shardw_new(&s->writer, wish->dir, &s->vocab, wish->share, wish->level,
                           e);
    if (rc == 0)
        rc = s->is_rows ? add_all_rows(s, paths, n, e) : add_all(s, e);
    return rc == 0 ? arrange(s, e) : rc;
}

void bl_sharding_tell_empty(const bl_sharding_wish *wish, const bl_sharding_counts *n,
                            const bl_notices *notices)
{
    for (int k = 0; k < BL_SPLITS; k++)
        if (wish->share[k] > 0 && n->pieces[k] == 0)
            bl_notice(notices, BL_NOTICE_WARNING, "split '%s' is empty",
                      bl_split_name(k));
}

/* What a user hears of it besides the counts. */
static void tell_end(const bl_sharding *s, const bl_sharding_counts *n)
{
    const bl_notices *to = bl_notices_of(s->progress);
    if (s->wish->condition != NULL)
        bl_notice(to, BL_NOTICE_INFO,
                  "%llu pairs, %llu of %llu without a partner left out",
                  (unsigned long long)n->read.pieces, (unsigned long long)n->n_alone,
                  (unsigned long long)n->n_named);
    bl_sharding_tell_empty(s->wish, n, to);
}

int bl_sharding_write(bl_sharding *s, const bl_self *self, bl_sharding_counts *counts,
                      bl_err *e)
{
    bl_json *pg = NULL;
    int rc = chain(s, self, &pg, e);
    if (rc == 0)
        rc = bl_shardw_finish(s->writer, pg, e);
    bl_json_del(pg);
    if (rc == 0 && s->wish->report != NULL && s->wish->near != BL_NEAR_OFF)
        rc = bl_write_file(s->wish->report, s->report.data, s->report.len, e);
    *counts = s->counts;
    for (int k = 0; k < BL_SPLITS; k++)
        bl_shardw_counts(s->writer, k, &counts->pieces[k], &counts->tokens[k]);
    if (rc == 0)
        tell_end(s, counts);
    return rc;
}

void bl_sharding_del(bl_sharding *s)
{
    if (s == NULL)
        return;
    bl_shardw_del(s->writer);
    bl_split_table_free(&s->splits);
    bl_prints_del(s->prints);
    bl_prints_del(s->condition_prints);
    bl_ahead_del(s->ahead);
    for (size_t i = 0; s->prepared != NULL && i < s->n_prepared; i++)
        bl_song_free(&s->prepared[i].song);
    free(s->prepared);
    bl_conditions_free(&s->conditions);
    bl_ids_free(&s->condition);
    bl_buf_free(&s->report);
    bl_coder_free(&s->coder);
    bl_vocab_free(&s->vocab);
    bl_source_free(&s->source);
    bl_row_source_free(&s->rows);
    bl_input_close(&s->first);
    bl_buf_free(&s->room);
    free(s);
}
