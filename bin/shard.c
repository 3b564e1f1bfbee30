/* shard - token streams to tensors of ids, split for training. */
#include "cli/log.h"
#include "cli/opt.h"
#include "cli/tool.h"
#include "io/corpus.h"
#include "io/file.h"
#include "io/shards.h"
#include "io/zio.h"
#include "token/merges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *vocab, *split;
    int dedup;
    int64_t level;
    bl_opt_common common;
} settings;

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
    uint64_t n_pieces, n_tokens, n_dropped;
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
    int fd;
    int rc = bl_in_open(r->set->vocab, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_vocab_read(&r->vocab, fd, r->set->vocab, e);
    if (fd != STDIN_FILENO)
        close(fd);
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

static int add_piece(run *r, bl_piece *piece, bl_err *e)
{
    for (size_t i = 0; i < piece->ids.n; i++) {
        unsigned id = piece->ids.id[i];
        if (r->map[id] < 0) {
            bl_fail(e, BL_E_MISMATCH,
                    "piece '%.80s' holds '%s', which is not in '%.80s'", piece->name,
                    bl_words_name(bl_scheme_words(r->scheme), id), r->set->vocab);
            bl_err_in(e, bl_corpus_file(r->corpus));
            return BL_E_MISMATCH;
        }
        piece->ids.id[i] = (uint16_t)r->map[id];
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

static int finish(run *r, bl_err *e)
{
    const bl_json *parents[] = {bl_corpus_pg(r->corpus), r->vocab.pg};
    bl_prov_self self = {
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
    if (r->set->dedup)
        r->n_dropped = bl_shardw_dedup(r->writer);
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
        "pieces %llu tokens, %llu repeated pieces dropped",
        n[0][0], n[0][1], n[1][0], n[1][1], n[2][0], n[2][1],
        (unsigned long long)r->n_dropped);
    for (int s = 0; s < BL_SPLITS; s++)
        if (r->share[s] > 0 && n[s][0] == 0)
            bl_log_warn(r->log, "split '%s' is empty", bl_split_name(s));
}

static int work(run *r, bl_err *e)
{
    int level = r->set->common.plain ? 0 : (int)r->set->level;
    int rc = parse_split(r->set->split, r->share, e);
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
    free(r->map);
    bl_merges_free(&r->merges);
    bl_merge_rule_free(&r->rule);
    bl_scheme_del(r->scheme);
    bl_corpus_del(r->corpus);
    return bl_exit_of(rc);
}

/* 1, with a message, if there is nothing to read or nowhere to write. */
static int is_misuse(const run *r)
{
    const char *dir = r->set->common.output;
    if (dir == NULL || dir[0] == '\0' || strcmp(dir, "-") == 0) {
        bl_log_say(r->log, "name the folder to write with -o DIR; try 'shard --help'");
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
