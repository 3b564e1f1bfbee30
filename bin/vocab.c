/* vocab - the vocabulary of token streams, with counts. */
#include "cli/main.h"
#include "cli/shared.h"
#include "flow/output.h"
#include "flow/own_ids.h"
#include "flow/tally.h"
#include "flow/vocab_json.h"
#include "io/versions.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *scheme_name, *from;
    int order, json, miditok;
    int64_t grid, min_count, bpe;
    bl_opt_common common;
    bl_own_ids own;
    bl_source source; /* without streams where --scheme names it */
    bl_vocab vocab;
    bl_counts read;
} vocab;

static int misuse(const void *tool, const bl_cli *cli, bl_err *e)
{
    const vocab *v = tool;
    int rc = bl_tool_no_midi(&v->common, "a vocabulary",
                             v->json || v->miditok ? ".json" : ".tsv", e);
    if (rc != 0)
        return rc;
    if (v->scheme_name != NULL && cli->opts->n_operands > 0)
        return bl_fail(e, BL_E_ARG,
                       "the streams name their own scheme: give --scheme or files");
    if (v->from != NULL &&
        (v->scheme_name != NULL || cli->opts->n_operands > 0 || v->bpe > 0 ||
         v->min_count > 0 || v->order != BL_ORDER_CANONICAL || v->miditok))
        return bl_fail(e, BL_E_ARG,
                       "--from FILE is a vocabulary already: nothing is read, counted "
                       "or ordered beside it");
    if (v->scheme_name == NULL && v->grid != 0)
        return bl_fail(e, BL_E_ARG, "--grid belongs to --scheme");
    if (v->bpe > 0 && (v->scheme_name != NULL || v->min_count > 0))
        return bl_fail(e, BL_E_ARG,
                       "--bpe learns from streams, all tokens of them: it goes with "
                       "neither --scheme nor --min-count");
    if (v->json && v->miditok)
        return bl_fail(e, BL_E_ARG, "--json and --miditok exclude each other");
    return v->scheme_name == NULL && v->from == NULL ? bl_tool_tty_in(cli->opts, e) : 0;
}

static int open_scheme(vocab *v, const bl_cli *cli, bl_err *e)
{
    bl_spec spec = {.grid = (int)v->grid};
    if (v->scheme_name == NULL)
        return bl_source_open(&v->source, (const char *const *)cli->opts->operands,
                              (size_t)cli->opts->n_operands, e);
    snprintf(spec.scheme, sizeof spec.scheme, "%s", v->scheme_name);
    return bl_scheme_open(&v->source.scheme, &spec, e);
}

/* The numbering alone is wanted of what others call their tokens. */
static int take_vocab(vocab *v, bl_err *e)
{
    int rc = bl_own_ids_open(&v->own, v->from, e);
    v->vocab = v->own.vocab;
    v->own.vocab = (bl_vocab){0};
    return rc;
}

static int make(vocab *v, const bl_cli *cli, bl_err *e)
{
    const bl_vocab_wish wish = {(bl_vocab_order)v->order, (uint64_t)v->min_count,
                                (size_t)v->bpe, bl_tool_jobs(&v->common)};
    const bl_progress progress = bl_log_progress_of(cli->log);
    if (v->scheme_name != NULL)
        return bl_vocab_close(&v->vocab, v->source.scheme, e);
    return bl_vocab_learn(&v->vocab, &v->source, &wish, &progress, &v->read, e);
}

static int write_text(const vocab *v, int fd, const bl_cli *cli, bl_err *e)
{
    bl_buf text = {0};
    bl_json *pg = NULL;
    int rc;
    if (v->json || v->miditok) {
        rc = v->json ? bl_vocab_json(&v->vocab, &text, e)
                     : bl_vocab_miditok(&v->vocab, v->source.scheme, &text, e);
        if (rc == 0)
            rc = bl_write_all(fd, text.data, text.len, e);
    } else {
        rc = bl_source_pg(&v->source, NULL, cli->self, &pg, e);
        if (rc == 0)
            rc = bl_vocab_write(&v->vocab, fd, pg, e);
    }
    bl_json_del(pg);
    bl_buf_free(&text);
    return rc;
}

static int write_out(const vocab *v, const bl_cli *cli, bl_err *e)
{
    bl_output o;
    int rc = bl_output_open(&o, v->common.output, 0, &bl_tool_guards, e);
    if (rc == 0)
        rc = write_text(v, o.out.fd, cli, e);
    return bl_output_close(&o, rc, e);
}

static int work(void *tool, const bl_cli *cli, bl_err *e)
{
    vocab *v = tool;
    int rc = v->from != NULL ? take_vocab(v, e) : open_scheme(v, cli, e);
    if (rc == 0 && v->miditok &&
        !bl_vocab_has_miditok(bl_scheme_name(v->source.scheme)))
        rc = bl_fail(e, BL_E_ARG, "--miditok has names for the scheme remi, not for %s",
                     bl_scheme_name(v->source.scheme));
    if (rc == 0 && v->from == NULL)
        rc = make(v, cli, e);
    if (rc == 0)
        rc = write_out(v, cli, e);
    if (rc == 0)
        bl_log_info(cli->log, "%zu tokens listed; %llu pieces, %llu tokens read",
                    bl_words_size(v->vocab.words), (unsigned long long)v->read.pieces,
                    (unsigned long long)v->read.tokens);
    return rc;
}

static void release(void *tool)
{
    vocab *v = tool;
    bl_vocab_free(&v->vocab);
    bl_own_ids_free(&v->own);
    bl_source_free(&v->source);
}

int main(int argc, char **argv)
{
    vocab set = {0};
    char libraries[BL_LIBRARIES_MAX];
    bl_io_libraries(NULL, libraries);
    const bl_opt_about about = {
        .name = "vocab",
        .purpose = "count the tokens of streams, or list those of a scheme",
        .synopsis = "[OPTION]... [FILE]...",
        .examples = "  midi2remi samples/*.mid | vocab --order count | head\n"
                    "  vocab --scheme remi -o vocab.tsv\n",
        .see_also = "midi2remi(1), shard(1)",
        .idle = "seed plain force",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Vocabulary", 0},
        {0, "scheme", BL_OPT_STR, &set.scheme_name, "NAME", 0, 0,
         "list all tokens of this scheme, read nothing", 1},
        {0, "from", BL_OPT_STR, &set.from, "FILE", 0, 0,
         "take the tokens of MidiTok's or Hugging Face's vocabulary file", 1},
        BL_ROW_GRID(&set.grid, "with --scheme: "),
        {0, "order", BL_OPT_CHOICE, &set.order, "canonical|seen|count", 0, 0,
         "all of the scheme, or what occurs, as first seen or by count", 1},
        {0, "min-count", BL_OPT_INT, &set.min_count, "N", 0, 0x1p53,
         "leave out what occurs less often", 1},
        {0, "bpe", BL_OPT_INT, &set.bpe, "N", 0, BL_WORDS_MAX,
         "learn up to N merges of tokens that often stand side by side", 1},
        {0, "json", BL_OPT_FLAG, &set.json, NULL, 0, 0,
         "write a JSON object of tokens and ids", 0},
        {0, "miditok", BL_OPT_FLAG, &set.miditok, NULL, 0, 0,
         "the same under the names that MidiTok gives the tokens of remi", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    return bl_main(&about, own, &set.common, &(bl_tool){misuse, work, release}, &set,
                   argc, argv);
}
