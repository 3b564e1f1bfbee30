/* shard - token streams to tensors of ids, split for training. */
#include "cli/log.h"
#include "cli/opt.h"
#include "cli/tool.h"
#include "io/corpus.h"
#include "io/file.h"
#include "io/header.h"
#include "io/shards.h"
#include "io/zio.h"
#include "token/fingerprint.h"
#include "token/merges.h"
#include "token/transpose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEAR_KEEP, NEAR_DROP, NEAR_OFF };

/* Pieces with this share of common n-grams are the same music. */
static const double ALIKE = 0.35;

typedef struct {
    const char *vocab, *split, *augment, *report;
    int dedup, near;
    int llmc, megatron, numpy;
    int64_t level;
    bl_opt_common common;
} settings;

/* Which copies --augment makes: all pairs of a shift and a tempo but (0, 1). */
typedef struct {
    int low, high;           /* semitones */
    double slowest, fastest; /* factors of the tempo */
    int n_tempos;            /* from slowest to fastest, evenly */
} copies;

typedef struct {
    const settings *set;
    const bl_opts *opts;
    bl_log *log;
    double share[BL_SPLITS];
    bl_corpus *corpus;
    bl_scheme *scheme;
    bl_vocab vocab;
    int32_t *map; /* [words of the scheme] id of the vocabulary, or -1 */
    bl_merges merges;
    bl_merge_rule rule;
    bl_shardw *writer;
    bl_print **prints; /* [n_prints] of the writer's pieces */
    size_t n_prints, cap_prints;
    uint64_t n_near; /* pieces that are like an earlier one */
    copies copies;
    bl_song song;     /* scratch */
    bl_ids ids, back; /* scratch */
    uint64_t n_pieces, n_tokens, n_dropped, n_copies;
} run;

/* ---- options ---- */

/* Reads "train=.8,valid=.2" into share; what is not named gets nothing. */
static int parse_split(const char *text, double share[BL_SPLITS], bl_err *e)
{
    int seen[BL_SPLITS] = {0};
    for (const char *p = text;;) {
        const char *value = strchr(p, '=');
        int s = 0;
        while (value != NULL && s < BL_SPLITS &&
               (strlen(bl_split_name(s)) != (size_t)(value - p) ||
                strncmp(p, bl_split_name(s), (size_t)(value - p)) != 0))
            s++;
        if (value == NULL || s == BL_SPLITS || seen[s]++)
            return bl_fail(e, BL_E_ARG,
                           "--split '%.64s': '%.32s' is not train=, valid= or test=, "
                           "each once",
                           text, p);
        char *end;
        share[s] = strtod(value + 1, &end);
        if (end == value + 1 || (*end != '\0' && *end != ','))
            return bl_fail(e, BL_E_ARG, "--split '%.64s': '%.32s' is not a number",
                           text, value + 1);
        if (*end == '\0')
            return 0;
        p = end + 1;
    }
}

/* "LOW..HIGH" of a key of --augment. */
static int parse_range(const char *p, double *low, double *high, const char **end)
{
    char *after;
    *low = strtod(p, &after);
    if (after == p || strncmp(after, "..", 2) != 0)
        return 0;
    p = after + 2;
    *high = strtod(p, &after);
    *end = after;
    return after != p && *low <= *high;
}

/* Reads "transpose=-5..6,tempo=.9..1.1/5". strtod takes "5." of "5..6" as a number,
 * hence the whole numbers. */
static int parse_augment(const char *text, copies *c, bl_err *e)
{
    *c = (copies){0, 0, 1, 1, 1};
    for (const char *p = text; p != NULL && *p != '\0';) {
        int n = 0, good = 0;
        if (sscanf(p, "transpose=%d..%d%n", &c->low, &c->high, &n) == 2 && n > 0) {
            good = c->low <= c->high && c->low >= -24 && c->high <= 24;
            p += n;
        } else if (strncmp(p, "tempo=", 6) == 0) {
            good = parse_range(p + 6, &c->slowest, &c->fastest, &p) &&
                   c->slowest >= 0.5 && c->fastest <= 2;
            c->n_tempos = 3;
            if (good && sscanf(p, "/%d%n", &c->n_tempos, &n) == 1)
                p += n;
            good &= c->n_tempos >= 2 && c->n_tempos <= 99;
        }
        if (!good || (*p != ',' && *p != '\0'))
            return bl_fail(e, BL_E_ARG,
                           "--augment '%.64s': it is transpose=-5..6 (within 24), "
                           "tempo=.9..1.1 (within .5..2, /N of them), or both with a "
                           "comma",
                           text);
        if (*p == ',' && *++p == '\0')
            return bl_fail(e, BL_E_ARG, "--augment '%.64s' ends in a comma", text);
    }
    return 0;
}

/* ---- opening ---- */

/* Asked before anything is read, so that a typo costs no waiting. */
static int check_output(run *r, bl_err *e)
{
    const char *dir = r->set->common.output;
    int rc = bl_shards_there(dir, e);
    if (rc == 1 && !r->set->common.force) {
        bl_fail(e, BL_E_CREATE, "the folder holds shards; -f replaces them");
        bl_err_in(e, dir);
        return BL_E_CREATE;
    }
    return rc < 0 ? rc : 0;
}

static int open_scheme(run *r, bl_err *e)
{
    const bl_tokens_kind *kind = bl_corpus_kind(r->corpus);
    int rc = bl_scheme_open_stated(&r->scheme, &kind->spec, kind->sha256, e);
    return rc == 0 ? 0 : bl_err_in(e, bl_corpus_file(r->corpus));
}

static int read_vocab(run *r, bl_err *e)
{
    const bl_tokens_kind *kind = bl_corpus_kind(r->corpus);
    int rc = bl_vocab_load(&r->vocab, r->set->vocab, e);
    if (rc == 0 && strcmp(r->vocab.kind.sha256, kind->sha256) != 0)
        rc = bl_fail(
            e, BL_E_MISMATCH,
            "the token schemes of '%.120s' (%s, %.12s) and '%.120s' (%s, %.12s) "
            "differ",
            r->set->vocab, r->vocab.kind.spec.scheme, r->vocab.kind.sha256,
            bl_corpus_file(r->corpus), kind->spec.scheme, kind->sha256);
    return rc;
}

static int make_closed_vocab(run *r, bl_err *e)
{
    const bl_words *all = bl_scheme_words(r->scheme);
    bl_words *words = bl_words_new(e);
    uint64_t *count = bl_calloc(bl_words_size(all), sizeof *count, e);
    int rc = words == NULL || count == NULL ? BL_E_NOMEM : 0;
    for (size_t id = 0; id < bl_words_size(all) && rc == 0; id++)
        rc = bl_words_add(words, bl_words_name(all, id), bl_words_len(all, id), e);
    if (rc == 0)
        rc = bl_vocab_make(&r->vocab, words, count, bl_corpus_kind(r->corpus), e);
    if (rc != 0) {
        bl_words_del(words);
        free(count);
    }
    return rc;
}

static int open_vocab(run *r, bl_err *e)
{
    const bl_words *all = bl_scheme_words(r->scheme);
    int rc = r->set->vocab != NULL ? read_vocab(r, e) : make_closed_vocab(r, e);
    if (rc != 0)
        return rc;
    r->map = bl_calloc(bl_words_size(all), sizeof *r->map, e);
    if (r->map == NULL)
        return BL_E_NOMEM;
    bl_vocab_map(&r->vocab, all, r->map);
    rc = bl_merges_of_words(&r->merges, r->vocab.words, e);
    if (rc != 0)
        return bl_err_in(e, r->set->vocab);
    return bl_merge_rule_of(&r->rule, r->scheme, r->map, r->merges.n_base, e);
}

/* ---- pieces ---- */

/* Keeps what tells the music of the next piece from others. */
static int take_print(run *r, const bl_ids *ids, bl_err *e)
{
    void *array = r->prints;
    int rc = bl_grow(&array, &r->cap_prints, r->n_prints + 1, sizeof *r->prints, e);
    r->prints = array;
    if (rc == 0)
        rc = bl_scheme_decode(r->scheme, ids->id, ids->n, &r->song, NULL, e);
    if (rc != 0)
        return rc;
    bl_print *print = bl_calloc(1, sizeof *print, e);
    if (print == NULL)
        return BL_E_NOMEM;
    r->prints[r->n_prints++] = print;
    return bl_print_of(print, &r->song, e);
}

/* The scheme's ids to the vocabulary's: 0, or 1 + the place of one that it lacks. */
static size_t map_ids(const run *r, bl_ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        if (r->map[ids->id[i]] < 0)
            return i + 1;
        ids->id[i] = (uint16_t)r->map[ids->id[i]];
    }
    return 0;
}

static int add_piece(run *r, bl_piece *piece, bl_err *e)
{
    if (r->set->near != NEAR_OFF) {
        int rc = take_print(r, &piece->ids, e);
        if (rc != 0)
            return rc;
    }
    size_t lacking = map_ids(r, &piece->ids);
    if (lacking > 0) {
        bl_fail(e, BL_E_MISMATCH, "piece '%.80s' holds '%s', which is not in '%.80s'",
                piece->name,
                bl_words_name(bl_scheme_words(r->scheme), piece->ids.id[lacking - 1]),
                r->set->vocab);
        bl_err_in(e, bl_corpus_file(r->corpus));
        return BL_E_MISMATCH;
    }
    int rc = bl_merges_apply(&r->merges, &r->rule, &piece->ids, e);
    if (rc != 0)
        return rc;
    r->n_pieces++;
    r->n_tokens += piece->ids.n;
    return bl_shardw_add(r->writer, piece->name, piece->sha256, piece->xxh3,
                         piece->ids.id, piece->ids.n, e);
}

static int add_all(run *r, bl_err *e)
{
    bl_piece piece = {0};
    int rc;
    bl_corpus_set_words(r->corpus, bl_scheme_words(r->scheme));
    while ((rc = bl_corpus_next(r->corpus, &piece, e)) > 0) {
        rc = add_piece(r, &piece, e);
        if (rc != 0)
            break;
        if (bl_log_progress_due(r->log))
            bl_log_progress(r->log, "%llu pieces, %.1f million tokens",
                            (unsigned long long)r->n_pieces, (double)r->n_tokens / 1e6);
    }
    bl_piece_free(&piece);
    if (rc == 0 && r->n_pieces == 0) {
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
        bl_err_in(e, bl_corpus_file(r->corpus));
    }
    return rc;
}

/* ---- the same music ---- */

/* A piece of the writer; the order of names is that of the input nowhere. */
typedef struct {
    const bl_shardw *writer;
    bl_print *print;
    size_t i;
} candidate;

static int in_order(const void *va, const void *vb)
{
    const candidate *a = va, *b = vb;
    return bl_shardw_order(a->writer, a->i, b->i);
}

static int add_row(bl_buf *table, const candidate *a, const candidate *b, bl_err *e)
{
    int rc = bl_name_encode(bl_shardw_name(a->writer, a->i), table, e);
    if (rc == 0)
        rc = bl_buf_addc(table, '\t', e);
    if (rc == 0)
        rc = bl_name_encode(bl_shardw_name(b->writer, b->i), table, e);
    return rc == 0 ? bl_buf_addf(table, e, "\t%.3f\n",
                                 bl_print_likeness(a->print, b->print))
                   : rc;
}

static int write_report(run *r, const bl_buf *table, bl_err *e)
{
    bl_out out;
    int rc = bl_out_open(&out, r->set->report, e);
    if (rc != 0)
        return rc;
    rc = bl_write_all(out.fd, table->data, table->len, e);
    if (rc == 0)
        rc = bl_out_commit(&out, e);
    bl_out_abort(&out);
    return rc;
}

/* Puts pieces of one music into one split, that of the least of their keys, which are
 * of the music itself; or keeps but one of them. */
static int settle_groups(run *r, const candidate *c, const uint32_t *group,
                         uint64_t *key, bl_buf *table, bl_err *e)
{
    size_t n = r->n_prints;
    int rc = bl_buf_adds(table, "piece\tlike\tlikeness\n", e);
    for (size_t k = 0; k < n && rc == 0; k++) {
        uint64_t own = c[k].print->key, *least = &key[group[k]];
        *least = *least == 0 || own < *least ? own : *least;
        if (group[k] == k)
            continue;
        r->n_near++;
        rc = add_row(table, &c[k], &c[group[k]], e);
        if (r->set->near == NEAR_DROP)
            bl_shardw_drop(r->writer, c[k].i);
    }
    for (size_t k = 0; k < n && rc == 0; k++)
        if (key[group[k]] != 0)
            bl_shardw_place(r->writer, c[k].i, key[group[k]]);
    return rc;
}

static int join_alike(run *r, bl_err *e)
{
    size_t n = r->n_prints;
    bl_buf table = {0};
    uint32_t *group = bl_calloc(n + 1, sizeof *group, e);
    uint64_t *key = bl_calloc(n + 1, sizeof *key, e);
    candidate *c = bl_calloc(n + 1, sizeof *c, e);
    int rc = group == NULL || key == NULL || c == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        c[i] = (candidate){r->writer, r->prints[i], i};
    if (rc == 0) {
        qsort(c, n, sizeof *c, in_order);
        for (size_t i = 0; i < n; i++)
            r->prints[i] = c[i].print;
        rc = bl_prints_group((const bl_print *const *)r->prints, n, ALIKE, group, e);
    }
    if (rc == 0)
        rc = settle_groups(r, c, group, key, &table, e);
    if (rc == 0 && r->set->report != NULL)
        rc = write_report(r, &table, e);
    bl_buf_free(&table);
    free(group);
    free(key);
    free(c);
    return rc;
}

/* ---- augmentation ---- */

/* Piece i of the writer in the scheme's ids. */
static int base_ids(run *r, const int32_t *to_scheme, size_t i, bl_ids *out, bl_err *e)
{
    size_t n;
    const uint16_t *ids = bl_shardw_ids(r->writer, i, &n);
    int rc = 0;
    out->n = 0;
    for (size_t k = 0; k < n && rc == 0; k++)
        rc = bl_merges_expand(&r->merges, ids[k], out, e);
    for (size_t k = 0; k < out->n && rc == 0; k++)
        out->id[k] = (uint16_t)to_scheme[out->id[k]];
    return rc;
}

static int encode_song(run *r, bl_ids *out, bl_err *e)
{
    size_t bars;
    out->n = 0;
    int rc = bl_scheme_encode(r->scheme, &r->song, out, &bars, NULL, e);
    return rc == BL_E_FORMAT || rc == BL_E_LIMIT ? 0 : rc;
}

/* r->ids at another tempo to r->back: 1, or 0 where the scheme does not give the same
 * music back. */
static int at_tempo(run *r, double factor, bl_err *e)
{
    bl_song *s = &r->song;
    int has_first = 0;
    int rc = bl_scheme_decode(r->scheme, r->ids.id, r->ids.n, s, NULL, e);
    if (rc == 0)
        rc = encode_song(r, &r->back, e);
    if (rc != 0)
        return rc;
    if (r->back.n != r->ids.n || memcmp(r->back.id, r->ids.id, 2 * r->ids.n) != 0)
        return 0;
    for (size_t i = 0; i < s->n_tempos; i++) {
        has_first |= s->tempos[i].tick == 0;
        s->tempos[i].us = (uint32_t)(s->tempos[i].us / factor + 0.5);
    }
    if (!has_first) {
        rc = bl_song_add_tempo(s, 0, (uint32_t)(500000 / factor + 0.5), e);
        if (rc == 0)
            rc = bl_song_sort(s, e);
    }
    if (rc == 0)
        rc = encode_song(r, &r->back, e);
    return rc == 0 ? r->back.n > 0 : rc;
}

/* r->back transposed, as one more copy of piece i; none where it leaves the pitches or
 * the vocabulary. */
static int add_copy(run *r, size_t i, const int32_t *transposed, int by, double factor,
                    bl_err *e)
{
    char suffix[48];
    bl_ids copy = {0};
    int rc = 0, fits = 1;
    for (size_t k = 0; k < r->back.n && rc == 0 && fits; k++) {
        int32_t id = transposed[r->back.id[k]];
        fits = id >= 0;
        if (fits)
            rc = bl_ids_add(&copy, (unsigned)id, e);
    }
    fits = fits && map_ids(r, &copy) == 0;
    snprintf(suffix, sizeof suffix, "#transpose=%+d,tempo=%.4g", by, factor);
    if (rc == 0 && fits) {
        rc = bl_merges_apply(&r->merges, &r->rule, &copy, e);
        if (rc == 0)
            rc = bl_shardw_add_copy(r->writer, i, suffix, copy.id, copy.n, e);
        r->n_copies += rc == 0;
    }
    bl_ids_free(&copy);
    return rc;
}

static int copy_piece(run *r, size_t i, const int32_t *to_scheme, int32_t *transposed,
                      bl_err *e)
{
    const copies *c = &r->copies;
    int rc = base_ids(r, to_scheme, i, &r->ids, e);
    for (int t = 0; t < c->n_tempos && rc == 0; t++) {
        double factor = c->n_tempos == 1 ? 1
                                         : c->slowest + (c->fastest - c->slowest) * t /
                                                            (c->n_tempos - 1);
        int plain = fabs(factor - 1) < 1e-9;
        r->back.n = 0;
        rc = plain ? bl_ids_add_n(&r->back, r->ids.id, r->ids.n, e)
                   : at_tempo(r, factor, e);
        if (!plain && rc <= 0)
            continue;
        rc = rc < 0 ? rc : 0;
        for (int by = c->low; by <= c->high && rc == 0; by++) {
            if (by == 0 && plain)
                continue;
            rc = bl_transposition(r->scheme, by, transposed, e);
            if (rc == 0)
                rc = add_copy(r, i, transposed, by, factor, e);
        }
    }
    return rc;
}

/* Copies of the pieces of the training split, which is settled. */
static int augment(run *r, bl_err *e)
{
    size_t n_words = bl_words_size(bl_scheme_words(r->scheme));
    size_t n = bl_shardw_size(r->writer);
    int32_t *to_scheme = bl_calloc(r->merges.n_base + 1, sizeof *to_scheme, e);
    int32_t *transposed = bl_calloc(n_words, sizeof *transposed, e);
    int rc = to_scheme == NULL || transposed == NULL ? BL_E_NOMEM : 0;
    for (size_t id = 0; id < n_words && rc == 0; id++)
        if (r->map[id] >= 0)
            to_scheme[r->map[id]] = (int32_t)id;
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (bl_shardw_split(r->writer, i) == 0)
            rc = copy_piece(r, i, to_scheme, transposed, e);
        if (bl_log_progress_due(r->log))
            bl_log_progress(r->log, "%zu/%zu pieces, %llu copies", i, n,
                            (unsigned long long)r->n_copies);
    }
    free(to_scheme);
    free(transposed);
    return rc;
}

/* What is decided of all pieces together. */
static int arrange(run *r, bl_err *e)
{
    int rc = r->set->near != NEAR_OFF ? join_alike(r, e) : 0;
    if (rc == 0 && r->set->dedup)
        r->n_dropped = bl_shardw_dedup(r->writer);
    if (rc == 0)
        bl_shardw_settle(r->writer);
    if (rc == 0 && r->set->augment != NULL)
        rc = augment(r, e);
    bl_shardw_export(r->writer, (r->set->llmc ? BL_EXPORT_LLMC : 0) |
                                    (r->set->megatron ? BL_EXPORT_MEGATRON : 0) |
                                    (r->set->numpy ? BL_EXPORT_NUMPY : 0));
    return rc;
}

static int finish(run *r, bl_err *e)
{
    const bl_json *parents[] = {bl_corpus_pg(r->corpus), r->vocab.pg};
    bl_self self = {
        .tool = r->opts->about->name,
        .args = (const char *const *)r->opts->given,
        .n_args = r->opts->n_given,
    };
    bl_json *pg = NULL;
    if (!r->set->common.no_pg) {
        pg = bl_prov_chain(parents, BL_COUNT(parents), &self, e);
        if (pg == NULL)
            return e->code;
    }
    bl_stop_watch(); /* a signal waits for the whole folder; a second one does not */
    int rc = bl_shardw_finish(r->writer, pg, e);
    bl_json_del(pg);
    return rc;
}

static void summarise(const run *r)
{
    unsigned long long n[BL_SPLITS][2];
    for (int s = 0; s < BL_SPLITS; s++) {
        uint64_t pieces, tokens;
        bl_shardw_counts(r->writer, s, &pieces, &tokens);
        n[s][0] = pieces;
        n[s][1] = tokens;
    }
    bl_log_info(
        r->log,
        "train %llu pieces %llu tokens, valid %llu pieces %llu tokens, test %llu "
        "pieces %llu tokens, %llu repeated pieces dropped, %llu near copies %s, %llu "
        "copies added",
        n[0][0], n[0][1], n[1][0], n[1][1], n[2][0], n[2][1],
        (unsigned long long)r->n_dropped, (unsigned long long)r->n_near,
        r->set->near == NEAR_DROP ? "dropped" : "kept with their like",
        (unsigned long long)r->n_copies);
    for (int s = 0; s < BL_SPLITS; s++)
        if (r->share[s] > 0 && n[s][0] == 0)
            bl_log_warn(r->log, "split '%s' is empty", bl_split_name(s));
}

static int work(run *r, bl_err *e)
{
    int level = r->set->common.plain ? 0 : (int)r->set->level;
    int rc = parse_split(r->set->split, r->share, e);
    if (rc == 0)
        rc = parse_augment(r->set->augment, &r->copies, e);
    if (rc == 0)
        rc = check_output(r, e);
    if (rc == 0)
        rc = bl_corpus_open(&r->corpus, (const char *const *)r->opts->operands,
                            (size_t)r->opts->n_operands, e);
    if (rc == 0)
        rc = open_scheme(r, e);
    if (rc == 0)
        rc = open_vocab(r, e);
    if (rc == 0)
        rc = bl_shardw_new(&r->writer, r->set->common.output, &r->vocab, r->share,
                           level, e);
    if (rc == 0)
        rc = add_all(r, e);
    if (rc == 0)
        rc = arrange(r, e);
    if (rc == 0)
        rc = finish(r, e);
    if (rc == 0)
        summarise(r);
    return rc;
}

static int execute(run *r)
{
    bl_err e = BL_ERR_INIT;
    int rc = work(r, &e);
    if (rc != 0)
        bl_log_error(r->log, &e);
    bl_shardw_del(r->writer);
    bl_vocab_free(&r->vocab);
    for (size_t i = 0; i < r->n_prints; i++)
        free(r->prints[i]);
    free(r->prints);
    bl_song_free(&r->song);
    bl_ids_free(&r->ids);
    bl_ids_free(&r->back);
    free(r->map);
    bl_merges_free(&r->merges);
    bl_merge_rule_free(&r->rule);
    bl_scheme_del(r->scheme);
    bl_corpus_del(r->corpus);
    return bl_exit_of(rc);
}

/* 1, with a message, if there is nothing to read, to report or nowhere to write. */
static int is_misuse(const run *r)
{
    const char *dir = r->set->common.output;
    if (dir == NULL || dir[0] == '\0' || strcmp(dir, "-") == 0) {
        bl_log_say(r->log, "name the folder to write with -o DIR; try 'shard --help'");
        return 1;
    }
    if (r->set->report != NULL && r->set->near == NEAR_OFF) {
        bl_log_say(r->log, "--near off finds nothing to --report");
        return 1;
    }
    return bl_tool_refuse_tty_in(r->log, r->opts);
}

int main(int argc, char **argv)
{
    settings set = {
        .split = "train=.8,valid=.1,test=.1",
        .level = BL_ZIO_LEVEL,
        .common = {.jobs = 1},
    };
    char libraries[128];
    snprintf(libraries, sizeof libraries, "zstd %s, jansson %s\n", bl_zio_version(),
             bl_json_version());
    const bl_opt_about about = {
        .name = "shard",
        .purpose = "turn token streams into tensors of ids, split for training",
        .synopsis = "-o DIR [OPTION]... [FILE]...",
        .examples = "  midi2remi samples/*.mid | shard -o data\n"
                    "  shard -o data --split train=.9,valid=.1 --dedup *.tok.zst\n",
        .see_also = "midi2remi(1), vocab(1), xltrain(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Shards", 0},
        {0, "vocab", BL_OPT_STR, &set.vocab, "FILE", 0, 0,
         "number the tokens as this vocabulary, not as the scheme", 1},
        {0, "split", BL_OPT_STR, &set.split, "SHARES", 0, 0,
         "shares of train, valid and test; they sum to 1", 1},
        {0, "dedup", BL_OPT_FLAG, &set.dedup, NULL, 0, 0,
         "keep one of the pieces that have the same tokens", 1},
        {0, "near", BL_OPT_CHOICE, &set.near, "keep|drop|off", 0, 0,
         "pieces of the same music: in one split, only one of them, or as it comes", 1},
        {0, "report", BL_OPT_STR, &set.report, "FILE", 0, 0,
         "write a table of the pieces that are like an earlier one", 0},
        {0, "augment", BL_OPT_STR, &set.augment, "COPIES", 0, 0,
         "add copies to train: transpose=-5..6, tempo=.9..1.1/3, or both", 1},
        {0, "llmc", BL_OPT_FLAG, &set.llmc, NULL, 0, 0, "write files for llm.c too", 0},
        {0, "megatron", BL_OPT_FLAG, &set.megatron, NULL, 0, 0,
         "write files for Megatron too", 0},
        {0, "numpy", BL_OPT_FLAG, &set.numpy, NULL, 0, 0, "write .npy files too", 0},
        {0, "level", BL_OPT_INT, &set.level, "N", 1, 19, "compression level", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    bl_opts opts = {.about = &about, .own = own, .common = &set.common};
    bl_tool_start();
    bl_log *log = NULL;
    int status = bl_opt_parse(&opts, argc, argv);
    if (status < 0) {
        log = bl_log_new(about.name, &set.common);
        run r = {.set = &set, .opts = &opts, .log = log};
        status = is_misuse(&r) ? BL_EXIT_USAGE : execute(&r);
    }
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
