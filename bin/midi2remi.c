/* midi2remi - MIDI files to a token stream. */
#include "base/hash.h"
#include "cli/crew.h"
#include "cli/log.h"
#include "cli/opt.h"
#include "cli/rejects.h"
#include "cli/tool.h"
#include "cli/walk.h"
#include "io/file.h"
#include "io/tokens.h"
#include "io/zio.h"
#include "midi/midi.h"
#include "token/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_BYTES_MAX = 1 << 30 };

typedef struct {
    int64_t grid, level;
    const char *scheme, *files0_from, *part, *rejects, *max_reject;
    bl_opt_common common;
} settings;

/* ---- one file: in a worker ---- */

/* What a worker says of a file; the ids follow it in the result. */
typedef struct {
    bl_midi_report report;
    bl_err why; /* it was rejected */
    bl_scheme_fixes fixes;
    bl_sha256 sha256;
    int tpq;
    int32_t ticks;
    size_t bars, n_notes, n_ids;
} outcome;

/* A worker's memory from file to file. */
typedef struct {
    const bl_paths *paths;
    const bl_scheme *scheme;
    bl_buf bytes;
    bl_song song;
    bl_ids ids;
} converter;

static int read_bytes(converter *c, const char *path, outcome *o)
{
    int fd;
    c->bytes.len = 0;
    o->report.reject = BL_REJECT_UNREADABLE;
    int rc = bl_in_open(path, &fd, &o->why);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &c->bytes, BL_MIDI_MAX_BYTES, &o->why);
    if (rc == BL_E_LIMIT)
        o->report.reject = BL_REJECT_TOO_LARGE;
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

/* What one line and one piece of a stream may hold is bounded. */
static int check_size(const converter *c, bl_err *e)
{
    const bl_words *words = bl_scheme_words(c->scheme);
    size_t line = 0, piece = 0;
    for (size_t i = 0; i < c->ids.n; i++) {
        size_t len = bl_words_len(words, c->ids.id[i]) + 1;
        line = bl_scheme_begins_bar(c->scheme, c->ids.id[i]) ? len : line + len;
        piece += len;
        if (line > BL_TOKENS_LINE_MAX || piece > BL_TOKENS_PIECE_MAX)
            return bl_fail(e, BL_E_LIMIT, "more notes in a %s than a stream can hold",
                           line > BL_TOKENS_LINE_MAX ? "bar" : "piece");
    }
    return 0;
}

static int convert_bytes(converter *c, outcome *o)
{
    bl_sha256_of(c->bytes.data, c->bytes.len, o->sha256);
    o->report = (bl_midi_report){0};
    int rc = bl_midi_read(c->bytes.data, c->bytes.len, bl_scheme_reading(c->scheme),
                          &c->song, &o->report, &o->why);
    if (rc != 0)
        return rc;
    o->tpq = c->song.tpq;
    o->ticks = c->song.end;
    o->n_notes = c->song.n_notes;
    rc = bl_scheme_encode(c->scheme, &c->song, &c->ids, &o->bars, &o->fixes, &o->why);
    if (rc == 0)
        rc = check_size(c, &o->why);
    if (rc == BL_E_LIMIT)
        o->report.reject = BL_REJECT_TOO_LONG;
    return rc;
}

static int convert(void *arg, size_t task, bl_buf *result, bl_err *e)
{
    converter *c = arg;
    outcome o = {.why = BL_ERR_INIT};
    c->ids.n = 0;
    int rc = read_bytes(c, c->paths->path[task], &o);
    if (rc == 0)
        rc = convert_bytes(c, &o);
    if (rc == BL_E_NOMEM) {
        *e = o.why;
        return rc;
    }
    if (rc != 0 && o.report.reject == BL_REJECT_NONE)
        o.report.reject = BL_REJECT_INTERNAL;
    o.n_ids = rc == 0 ? c->ids.n : 0;
    rc = bl_buf_add(result, &o, sizeof o, e);
    if (rc == 0)
        rc = bl_buf_add(result, c->ids.id, o.n_ids * sizeof *c->ids.id, e);
    return rc;
}

static void converter_free(converter *c)
{
    bl_buf_free(&c->bytes);
    bl_song_free(&c->song);
    bl_ids_free(&c->ids);
}

/* ---- all files: in the parent ---- */

typedef struct {
    const settings *set;
    const bl_opts *opts;
    bl_log *log;
    bl_paths paths;
    bl_scheme *scheme;
    bl_out out, table;
    bl_tokw *writer;
    bl_rejects rejects;
    uint64_t n_pieces, n_notes, n_tokens;
} run;

static int add_counts(bl_json *j, const outcome *o, bl_err *e)
{
    const struct {
        const char *name;
        uint32_t n;
    } of_scheme[] = {
        {"meters", o->fixes.meters},
        {"tempos", o->fixes.tempos},
        {"durations", o->fixes.durations},
    };
    int rc = 0;
    for (int i = 0; rc == 0 && i < BL_N_FIXES; i++)
        if (o->report.fixes[i] > 0)
            rc = bl_json_set_int(j, bl_fix_name((bl_fix)i), o->report.fixes[i], e);
    for (size_t i = 0; rc == 0 && i < BL_COUNT(of_scheme); i++)
        if (of_scheme[i].n > 0)
            rc = bl_json_set_int(j, of_scheme[i].name, of_scheme[i].n, e);
    return rc;
}

static int write_piece(run *r, const char *name, const outcome *o, const uint16_t *ids,
                       bl_err *e)
{
    bl_json *fixes = bl_json_object(e);
    int rc = fixes == NULL ? BL_E_NOMEM : add_counts(fixes, o, e);
    if (rc == 0) {
        bl_piece_info info = {
            .name = name,
            .sha256 = o->sha256,
            .tpq = o->tpq,
            .ticks = o->ticks,
            .tracks = o->report.tracks,
            .fixes = bl_json_size(fixes) > 0 ? fixes : NULL,
        };
        rc = bl_tokw_piece(r->writer, &info, ids, o->n_ids, o->bars, e);
    }
    bl_json_del(fixes);
    r->n_pieces++;
    r->n_notes += o->n_notes;
    r->n_tokens += o->n_ids;
    return rc;
}

static int take(run *r, size_t i, const bl_buf *result, int died, bl_err *e)
{
    const char *name = bl_path_shown(r->paths.path[i]);
    outcome o = {.why = BL_ERR_INIT, .report = {.reject = BL_REJECT_INTERNAL}};
    if (died)
        bl_fail(&o.why, BL_E_FORMAT, "the worker that read it ended");
    else
        memcpy(&o, result->data, sizeof o);
    if (o.report.reject != BL_REJECT_NONE)
        return bl_rejects_add(&r->rejects, r->log, name,
                              bl_reject_name(o.report.reject), &o.why, e);
    const void *ids = result->data + sizeof o;
    return write_piece(r, name, &o, ids, e);
}

static void show_progress(run *r, size_t done)
{
    char left[32];
    if (!bl_log_progress_due(r->log))
        return;
    double rate = (double)done / bl_log_seconds(r->log);
    bl_log_progress(
        r->log, "%zu/%zu files, %.0f files/s, %.0f notes/s, %s left", done, r->paths.n,
        rate, (double)r->n_notes / bl_log_seconds(r->log),
        bl_log_clock((double)(r->paths.n - done) / rate, left, sizeof left));
}

static int convert_all(run *r, bl_err *e)
{
    converter c = {.paths = &r->paths, .scheme = r->scheme};
    bl_crew *crew;
    bl_buf result = {0};
    int died;
    int jobs = bl_tool_jobs(&r->set->common);
    int rc = bl_crew_new(&crew, jobs, r->paths.n, convert, &c, e);
    for (size_t i = 0; rc >= 0 && i < r->paths.n; i++) {
        rc = bl_crew_next(crew, &result, &died, e);
        if (rc > 0)
            rc = take(r, i, &result, died, e);
        show_progress(r, i + 1);
    }
    bl_crew_del(crew);
    bl_buf_free(&result);
    converter_free(&c);
    return rc < 0 ? rc : 0;
}

/* ---- what to read, where to write ---- */

static int collect_list(run *r, const char *const *suffixes, bl_err *e)
{
    bl_buf list = {0};
    int fd;
    int rc = bl_in_open(r->set->files0_from, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &list, LIST_BYTES_MAX, e);
    if (fd != STDIN_FILENO)
        close(fd);
    if (rc == 0)
        rc = bl_paths_add_list(&r->paths, (const char *)list.data, list.len, suffixes,
                               e);
    bl_buf_free(&list);
    return rc == 0 ? 0 : bl_err_in(e, r->set->files0_from);
}

static int collect(run *r, bl_err *e)
{
    static const char *const suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
    uint64_t part = 1, n_parts = 1;
    int rc = 0;
    if (r->set->part != NULL)
        rc = bl_part_parse(r->set->part, &part, &n_parts, e);
    if (rc == 0 && r->set->files0_from != NULL)
        rc = collect_list(r, suffixes, e);
    else if (rc == 0 && r->opts->n_operands == 0)
        rc = bl_paths_add(&r->paths, "-", 1, e);
    for (int i = 0; rc == 0 && i < r->opts->n_operands; i++)
        rc = bl_paths_add_operand(&r->paths, r->opts->operands[i], suffixes, e);
    if (rc == 0 && r->paths.n == 0)
        bl_log_warn(r->log, "there is no MIDI file in what was named");
    bl_paths_keep_part(&r->paths, part, n_parts);
    return rc;
}

static int begin_rejects(run *r, bl_err *e)
{
    int rc = bl_rejects_limit(&r->rejects, r->set->max_reject, e);
    if (rc == 0 && r->set->rejects != NULL) {
        rc = bl_rejects_begin(&r->rejects, e);
        if (rc == 0)
            rc = bl_out_open(&r->table, r->set->rejects, e);
        /* a file was only to be tried: it is begun when all else is done */
        if (r->table.temp != NULL)
            bl_out_abort(&r->table);
    }
    return rc;
}

static int begin_stream(run *r, bl_err *e)
{
    bl_tokens_kind kind = {.spec = *bl_scheme_spec(r->scheme)};
    const bl_words *words = bl_scheme_words(r->scheme);
    bl_prov_self self = {
        .tool = r->opts->about->name,
        .args = (const char *const *)r->opts->given,
        .n_args = r->opts->n_given,
    };
    snprintf(kind.sha256, sizeof kind.sha256, "%s", bl_scheme_sha256(r->scheme));
    int rc = bl_out_open(&r->out, r->set->common.output, e);
    if (rc != 0)
        return rc;
    bl_guard_file(r->out.temp);
    bl_json *pg = r->set->common.no_pg ? NULL : bl_prov_chain(NULL, 0, &self, e);
    if (pg == NULL && !r->set->common.no_pg)
        return e->code;
    int level = r->set->common.plain ? 0 : (int)r->set->level;
    rc = bl_tokw_new(&r->writer, r->out.fd, level, &kind, words,
                     bl_scheme_lines(r->scheme), pg, e);
    bl_json_del(pg);
    return rc;
}

static int finish_rejects(run *r, bl_err *e)
{
    const bl_buf *table = &r->rejects.table;
    int rc = r->table.fd < 0 ? bl_out_open(&r->table, r->set->rejects, e) : 0;
    if (rc == 0)
        bl_guard_file(r->table.temp);
    if (rc == 0)
        rc = bl_write_all(r->table.fd, table->data, table->len, e);
    if (rc == 0)
        rc = bl_out_commit(&r->table, e);
    bl_guard_file(NULL);
    return rc;
}

static int finish(run *r, bl_err *e)
{
    int rc = bl_tokw_finish(r->writer, r->rejects.n, e);
    if (rc == 0)
        rc = bl_out_commit(&r->out, e);
    bl_guard_file(NULL);
    return rc == 0 && r->set->rejects != NULL ? finish_rejects(r, e) : rc;
}

static void run_free(run *r)
{
    bl_tokw_del(r->writer);
    bl_out_abort(&r->out);
    bl_out_abort(&r->table);
    bl_rejects_free(&r->rejects);
    bl_paths_free(&r->paths);
    bl_scheme_del(r->scheme);
}

static int execute(run *r)
{
    bl_err e = BL_ERR_INIT;
    bl_spec spec = {.grid = (int)r->set->grid};
    snprintf(spec.scheme, sizeof spec.scheme, "%s", r->set->scheme);
    int rc = bl_scheme_open(&r->scheme, &spec, &e);
    if (rc == 0)
        rc = collect(r, &e);
    if (rc == 0)
        rc = begin_rejects(r, &e);
    if (rc == 0)
        rc = begin_stream(r, &e);
    if (rc == 0)
        rc = convert_all(r, &e);
    if (rc == 0)
        rc = finish(r, &e);
    if (rc != 0) {
        bl_log_error(r->log, &e);
        return bl_exit_of(rc);
    }
    bl_log_info(r->log, "%llu pieces, %llu notes, %llu tokens, %llu rejected, %.1f s",
                (unsigned long long)r->n_pieces, (unsigned long long)r->n_notes,
                (unsigned long long)r->n_tokens, (unsigned long long)r->rejects.n,
                bl_log_seconds(r->log));
    return bl_rejects_exceed(&r->rejects, r->paths.n) ? BL_EXIT_DATA : BL_EXIT_OK;
}

int main(int argc, char **argv)
{
    settings set = {.scheme = "remi", .level = BL_ZIO_LEVEL, .max_reject = "0"};
    char libraries[128];
    snprintf(libraries, sizeof libraries, "zstd %s, jansson %s\n", bl_zio_version(),
             bl_json_version());
    const bl_opt_about about = {
        .name = "midi2remi",
        .purpose = "turn MIDI files into a token stream",
        .synopsis = "[OPTION]... [FILE|DIRECTORY]...",
        .examples = "  midi2remi -u song.mid | grep -c ^Bar\n"
                    "  midi2remi -j 0 -o corpus.tok.zst ~/midi\n",
        .see_also = "shard(1), vocab(1), remi2midi(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Tokens", 0},
        {0, "scheme", BL_OPT_STR, &set.scheme, "NAME", 0, 0, "the token scheme", 1},
        {0, "grid", BL_OPT_INT, &set.grid, "N", 0, 24,
         "positions a quarter note, 0 = the scheme's own", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Files", 0},
        {0, "files0-from", BL_OPT_STR, &set.files0_from, "FILE", 0, 0,
         "read the names of the inputs there, each ended by NUL", 0},
        {0, "part", BL_OPT_STR, &set.part, "I/N", 0, 0,
         "take the I-th of N parts of the files only", 1},
        {0, "rejects", BL_OPT_STR, &set.rejects, "FILE", 0, 0,
         "write a table of the files that gave no piece", 0},
        {0, "max-reject", BL_OPT_STR, &set.max_reject, "N|P%", 0, 0,
         "fail at the end if more files gave no piece", 0},
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
        r.out.fd = r.table.fd = -1;
        if (set.files0_from != NULL && opts.n_operands > 0) {
            bl_log_say(log,
                       "inputs are named by operands or by --files0-from, not both");
            status = BL_EXIT_USAGE;
        } else if ((set.files0_from == NULL && bl_tool_refuse_tty_in(log, &opts)) ||
                   bl_tool_refuse_tty_out(log, &set.common)) {
            status = BL_EXIT_USAGE;
        } else {
            status = execute(&r);
        }
        run_free(&r);
    }
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
