/* remi2midi - a token stream to MIDI files, to a table of notes, or to a verdict. */
#include "cli/log.h"
#include "cli/names.h"
#include "cli/opt.h"
#include "cli/tool.h"
#include "io/file.h"
#include "io/tokens.h"
#include "io/versions.h"
#include "io/vocabulary.h"
#include "io/zio.h"
#include "midi/midi.h"
#include "token/merges.h"
#include "token/scheme.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    int check, raw, csv;
    int64_t grid;
    const char *dir, *scheme, *vocab;
    bl_opt_common common;
} settings;

typedef struct {
    const settings *set;
    const bl_opts *opts;
    bl_log *log;
    bl_scheme *scheme; /* of the current input */
    bl_vocab vocab;    /* --vocab, its merges and what its other tokens are there */
    bl_merges merges;
    int32_t *to_scheme; /* [merges.n_base] */
    bl_piece piece;     /* its current piece */
    const char *input;  /* name of the current input */
    bl_song song;
    bl_names names;
    bl_out out;
    bl_buf csv, bytes;
    uint64_t n_pieces;
} run;

/* What becomes of each piece: bl_tokr_next's answer is in r->piece. */
typedef int piece_fn(run *r, bl_err *e);

/* ---- reading ---- */

static int read_pieces(run *r, bl_tokr *reader, piece_fn *each, bl_err *e)
{
    const bl_tokens_kind *kind = bl_tokr_kind(reader);
    bl_scheme_del(r->scheme);
    int rc = bl_scheme_open_stated(&r->scheme, &kind->spec, kind->sha256, e);
    if (rc != 0)
        return rc;
    bl_tokr_set_words(reader, bl_scheme_words(r->scheme));
    while ((rc = bl_tokr_next(reader, &r->piece, e)) > 0) {
        rc = each(r, e);
        if (rc != 0)
            return rc;
        r->n_pieces++;
    }
    return rc;
}

static int is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static int read_vocab(run *r, bl_err *e)
{
    int rc = bl_vocab_load(&r->vocab, r->set->vocab, e);
    if (rc == 0)
        rc = bl_merges_of_words(&r->merges, r->vocab.words, e);
    return rc == 0 ? 0 : bl_err_in(e, r->set->vocab);
}

/* The scheme that the vocabulary states, and where its tokens are there. */
static int open_vocab(run *r, bl_err *e)
{
    int rc = read_vocab(r, e);
    if (rc == 0)
        rc = bl_scheme_open_stated(&r->scheme, &r->vocab.kind.spec,
                                   r->vocab.kind.sha256, e);
    if (rc != 0)
        return rc;
    const bl_words *all = bl_scheme_words(r->scheme);
    r->to_scheme = bl_calloc(r->merges.n_base + 1, sizeof *r->to_scheme, e);
    if (r->to_scheme == NULL)
        return BL_E_NOMEM;
    for (size_t id = 0; id < r->merges.n_base; id++) {
        const char *name = bl_words_name(r->vocab.words, id);
        r->to_scheme[id] = bl_words_find(all, name, bl_words_len(r->vocab.words, id));
        if (r->to_scheme[id] < 0)
            return bl_fail(e, BL_E_FORMAT, "'%s' in '%.120s' is not of scheme '%s'",
                           name, r->set->vocab, bl_scheme_name(r->scheme));
    }
    return 0;
}

static int open_raw(run *r, bl_err *e)
{
    bl_spec spec = {.grid = (int)r->set->grid};
    if (r->scheme != NULL)
        return 0;
    if (r->set->vocab != NULL)
        return open_vocab(r, e);
    snprintf(spec.scheme, sizeof spec.scheme, "%s",
             r->set->scheme != NULL ? r->set->scheme : "remi");
    return bl_scheme_open(&r->scheme, &spec, e);
}

/* One name, as the tokens of the scheme that it stands for. */
static int add_token(run *r, const char *name, size_t len, int64_t line, bl_err *e)
{
    bl_ids *ids = &r->piece.ids;
    size_t from = ids->n;
    int in_vocab = r->set->vocab != NULL;
    int id = bl_words_find(in_vocab ? r->vocab.words : bl_scheme_words(r->scheme), name,
                           len);
    if (id < 0)
        return bl_fail_line(e, BL_E_FORMAT, line, "no token '%.*s' in %s '%.120s'",
                            (int)bl_min((int64_t)len, BL_WORD_MAX), name,
                            in_vocab ? "vocabulary" : "scheme",
                            in_vocab ? r->set->vocab : bl_scheme_name(r->scheme));
    if (!in_vocab)
        return bl_ids_add(ids, (unsigned)id, e);
    int rc = bl_merges_expand(&r->merges, (unsigned)id, ids, e);
    for (size_t i = from; i < ids->n && rc == 0; i++)
        ids->id[i] = (uint16_t)r->to_scheme[ids->id[i]];
    if (rc == 0 && ids->n > BL_TOKENS_PIECE_MAX)
        rc = bl_fail_line(e, BL_E_LIMIT, line, "the piece has more than %d tokens",
                          (int)BL_TOKENS_PIECE_MAX);
    return rc;
}

/* Bare token names between blanks, of any line length. */
static int parse_raw(run *r, const bl_buf *text, bl_err *e)
{
    int64_t line = 1;
    r->piece.ids.n = 0;
    for (size_t i = 0, len; i < text->len; i += len) {
        const char *name = (const char *)text->data + i;
        for (len = 0; i + len < text->len && !is_blank(text->data[i + len]);)
            len++;
        if (len == 0) {
            line += *name == '\n';
            len = 1;
            continue;
        }
        int rc = add_token(r, name, len, line, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_raw(run *r, int fd, piece_fn *each, bl_err *e)
{
    bl_buf text = {0};
    int rc = open_raw(r, e);
    if (rc == 0)
        rc = bl_read_all(fd, &text, BL_TOKENS_PIECE_MAX, e);
    if (rc == 0)
        rc = parse_raw(r, &text, e);
    bl_buf_free(&text);
    free(r->piece.name);
    r->piece.name = bl_strdup(r->input, e);
    r->piece.index = 0;
    if (rc == 0 && r->piece.name == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = each(r, e);
    r->n_pieces += rc == 0;
    return rc;
}

static int read_input(run *r, const char *path, piece_fn *each, bl_err *e)
{
    bl_tokr *reader = NULL;
    int fd;
    r->input = strcmp(path, "-") == 0 ? "stdin" : path;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    if (r->set->raw) {
        rc = read_raw(r, fd, each, e);
    } else {
        rc = bl_tokr_new(&reader, fd, r->input, e);
        if (rc == 0)
            rc = read_pieces(r, reader, each, e);
        bl_tokr_del(reader);
    }
    if (fd != STDIN_FILENO)
        close(fd);
    return rc == 0 ? 0 : bl_err_in(e, r->input);
}

static int read_inputs(run *r, piece_fn *each, bl_err *e)
{
    int rc = 0;
    if (r->opts->n_operands == 0)
        rc = read_input(r, "-", each, e);
    for (int i = 0; rc == 0 && i < r->opts->n_operands; i++)
        rc = read_input(r, r->opts->operands[i], each, e);
    return rc;
}

/* Decodes the current piece into r->song. */
static int decode(run *r, bl_err *e)
{
    size_t skipped;
    const bl_ids *ids = &r->piece.ids;
    int rc = bl_scheme_decode(r->scheme, ids->id, ids->n, &r->song, &skipped, e);
    if (rc == 0 && skipped > 0)
        bl_log_warn(r->log,
                    "'%s': piece '%s': %zu tokens make no sense and are left out",
                    r->input, r->piece.name, skipped);
    return rc;
}

/* ---- MIDI ---- */

static int write_song(run *r, const char *path, bl_err *e)
{
    r->bytes.len = 0;
    int rc = bl_midi_write(&r->song, bl_scheme_writing(r->scheme), &r->bytes, e);
    if (rc == 0)
        rc = r->set->dir != NULL ? bl_out_replace(&r->out, path, e)
                                 : bl_out_open(&r->out, path, e);
    if (rc != 0)
        return rc;
    bl_guard_file(r->out.temp);
    rc = bl_write_all(r->out.fd, r->bytes.data, r->bytes.len, e);
    if (rc == 0)
        rc = bl_out_commit(&r->out, e);
    else
        bl_out_abort(&r->out);
    bl_guard_file(NULL);
    return rc == 0 ? 0 : bl_err_in(e, path != NULL ? path : "standard output");
}

static int to_only_file(run *r, bl_err *e)
{
    if (r->n_pieces > 0)
        return bl_fail(e, BL_E_LIMIT, "there is more than one piece; use -d DIR");
    return decode(r, e);
}

static int to_file_in_dir(run *r, bl_err *e)
{
    char name[BL_FILE_NAME_MAX + 1];
    bl_buf path = {0};
    int rc = decode(r, e);
    if (rc == 0)
        rc = bl_names_give(&r->names, r->piece.name, ".mid", name, e);
    if (rc == 0)
        rc = bl_buf_addf(&path, e, "%s/%s", r->set->dir, name);
    const char *text = rc == 0 ? bl_buf_str(&path, e) : NULL;
    if (text != NULL)
        rc = write_song(r, text, e);
    bl_buf_free(&path);
    if (bl_log_progress_due(r->log))
        bl_log_progress(r->log, "%" PRIu64 " files, %.0f files/s", r->n_pieces,
                        (double)r->n_pieces / bl_log_seconds(r->log));
    return rc == 0 && text == NULL ? BL_E_NOMEM : rc;
}

/* ---- the table of notes ---- */

/* Quoted as RFC 4180 wants it where the name has a comma, a quote or a line feed. */
static int add_name(bl_buf *b, const char *name, bl_err *e)
{
    if (strpbrk(name, ",\"\r\n") == NULL)
        return bl_buf_adds(b, name, e);
    int rc = bl_buf_addc(b, '"', e);
    for (; rc == 0 && *name != '\0'; name++)
        rc = bl_buf_adds(b, *name == '"' ? "\"\"" : (char[2]){*name, '\0'}, e);
    return rc == 0 ? bl_buf_addc(b, '"', e) : rc;
}

static int to_csv(run *r, bl_err *e)
{
    r->csv.len = 0;
    int rc = decode(r, e);
    for (size_t i = 0; rc == 0 && i < r->song.n_notes; i++) {
        const bl_note *n = &r->song.notes[i];
        rc = add_name(&r->csv, r->piece.name, e);
        if (rc == 0)
            rc = bl_buf_addf(&r->csv, e, ",%d,%d,%d,%d,%d,%d\n", (int)n->on,
                             (int)(n->off - n->on), n->pitch, n->velocity, n->program,
                             n->drum);
    }
    return rc == 0 ? bl_write_all(r->out.fd, r->csv.data, r->csv.len, e) : rc;
}

/* ---- the verdict ---- */

static int violation(const run *r, size_t bar, size_t token, const char *word,
                     const char *why, bl_err *e)
{
    return bl_fail(e, BL_E_FORMAT,
                   "piece %" PRIu64 " '%.80s': bar %zu, token %zu, %s: %s",
                   r->piece.index, r->piece.name, bar, token, word, why);
}

/* Bars and tokens are counted from 1. */
static int check(run *r, bl_err *e)
{
    bl_grammar g;
    const bl_ids *ids = &r->piece.ids;
    size_t bar = 0;
    unsigned last = BL_ID_BOS;
    bl_grammar_start(&g, r->scheme);
    for (size_t i = 0; i < ids->n; i++) {
        last = ids->id[i];
        bar += (size_t)bl_scheme_begins_bar(r->scheme, last);
        const char *why = bl_grammar_step(&g, last);
        if (why != NULL)
            return violation(r, bar, i + 1,
                             bl_words_name(bl_scheme_words(r->scheme), last), why, e);
    }
    if (last != BL_ID_EOS && bl_grammar_step(&g, BL_ID_EOS) != NULL)
        return violation(r, bar, ids->n + 1, "the end", "it comes too early", e);
    return 0;
}

/* ---- the whole ---- */

static int make_dir(const char *dir, bl_err *e)
{
    if (mkdir(dir, 0777) == 0 || errno == EEXIST)
        return 0;
    bl_fail_errno(e, BL_E_CREATE, "cannot create the directory");
    return bl_err_in(e, dir);
}

static int write_csv(run *r, bl_err *e)
{
    static const char heading[] =
        "piece,onset_ticks,duration_ticks,pitch,velocity,program,drum\n";
    int rc = bl_out_open(&r->out, r->set->common.output, e);
    if (rc != 0)
        return rc;
    bl_guard_file(r->out.temp);
    rc = bl_write_all(r->out.fd, heading, sizeof heading - 1, e);
    if (rc == 0)
        rc = read_inputs(r, to_csv, e);
    if (rc == 0)
        rc = bl_out_commit(&r->out, e);
    else
        bl_out_abort(&r->out);
    bl_guard_file(NULL);
    return rc;
}

static int write_dir(run *r, bl_err *e)
{
    int rc = make_dir(r->set->dir, e);
    return rc == 0 ? read_inputs(r, to_file_in_dir, e) : rc;
}

static int write_one(run *r, bl_err *e)
{
    int rc = read_inputs(r, to_only_file, e);
    if (rc == 0 && r->n_pieces == 0)
        rc = bl_fail(e, BL_E_FORMAT, "there is no piece in the input");
    return rc == 0 ? write_song(r, r->set->common.output, e) : rc;
}

static int execute(run *r)
{
    bl_err e = BL_ERR_INIT;
    int rc;
    if (r->set->check)
        rc = read_inputs(r, check, &e);
    else if (r->set->csv)
        rc = write_csv(r, &e);
    else if (r->set->dir != NULL)
        rc = write_dir(r, &e);
    else
        rc = write_one(r, &e);
    if (rc != 0)
        bl_log_error(r->log, &e);
    else
        bl_log_info(r->log, "%" PRIu64 " pieces, %.1f s", r->n_pieces,
                    bl_log_seconds(r->log));
    return bl_exit_of(rc);
}

static void run_free(run *r)
{
    bl_scheme_del(r->scheme);
    bl_vocab_free(&r->vocab);
    bl_merges_free(&r->merges);
    free(r->to_scheme);
    bl_piece_free(&r->piece);
    bl_song_free(&r->song);
    bl_names_free(&r->names);
    bl_out_abort(&r->out);
    bl_buf_free(&r->csv);
    bl_buf_free(&r->bytes);
}

/* 1, with a message, where the options contradict each other or the terminal. */
static int misused(const settings *set, const bl_opts *opts, bl_log *log)
{
    int binary = !set->check && !set->csv && set->dir == NULL;
    if (set->check + set->csv + (set->dir != NULL) > 1 ||
        (set->common.output != NULL && (set->check || set->dir != NULL))) {
        bl_log_say(log,
                   "choose one of -o, -d, --csv (with or without -o) and --check; "
                   "try '%s --help'",
                   opts->about->name);
        return 1;
    }
    int to_stdout = set->common.output == NULL || strcmp(set->common.output, "-") == 0;
    if (binary && to_stdout && !set->common.force && isatty(STDOUT_FILENO)) {
        bl_log_say(log,
                   "standard output is a terminal; use -o FILE, -d DIR, a pipe, or -f "
                   "to force");
        return 1;
    }
    int is_stated = set->scheme != NULL || set->grid != 0;
    if (set->vocab != NULL && (!set->raw || is_stated)) {
        bl_log_say(log, "--vocab goes with --raw and states the scheme itself");
        return 1;
    }
    return bl_tool_refuse_tty_in(log, opts);
}

int main(int argc, char **argv)
{
    settings set = {0};
    char libraries[BL_LIBRARIES_MAX];
    bl_io_libraries(NULL, libraries);
    const bl_opt_about about = {
        .name = "remi2midi",
        .purpose = "turn a token stream into MIDI files",
        .synopsis = "[OPTION]... [FILE]...",
        .examples = "  remi2midi -d out corpus.tok.zst\n"
                    "  xlsample run | remi2midi -o new.mid\n",
        .see_also = "midi2remi(1), xlsample(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Output", 0},
        {'d', "directory", BL_OPT_STR, &set.dir, "DIR", 0, 0,
         "write each piece to a file of its name there", 0},
        {0, "csv", BL_OPT_FLAG, &set.csv, NULL, 0, 0, "write a table of the notes", 0},
        {0, "check", BL_OPT_FLAG, &set.check, NULL, 0, 0,
         "write nothing, fail where the stream is not sound", 0},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Input", 0},
        {0, "raw", BL_OPT_FLAG, &set.raw, NULL, 0, 0,
         "read bare token names, each input one piece", 0},
        {0, "scheme", BL_OPT_STR, &set.scheme, "NAME", 0, 0,
         "with --raw: the token scheme", 0},
        {0, "grid", BL_OPT_INT, &set.grid, "N", 0, 1000,
         "with --raw: positions a quarter note (performance: steps a second), 0 = the "
         "scheme's own",
         0},
        {0, "vocab", BL_OPT_STR, &set.vocab, "FILE", 0, 0,
         "with --raw: the names are of this vocabulary, merges among them", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    bl_opts opts = {.about = &about, .own = own, .common = &set.common};
    bl_tool_start();
    bl_log *log = NULL;
    int status = bl_opt_parse(&opts, argc, argv);
    if (status < 0) {
        log = bl_log_new(about.name, &set.common);
        run r = {.set = &set, .opts = &opts, .log = log};
        r.out.fd = -1;
        status = misused(&set, &opts, log) ? BL_EXIT_USAGE : execute(&r);
        run_free(&r);
    }
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
