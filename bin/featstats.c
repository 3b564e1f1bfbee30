/* featstats - features of pieces, from token streams and MIDI files. */
#include "cli/log.h"
#include "cli/opt.h"
#include "cli/rejects.h"
#include "cli/tool.h"
#include "cli/walk.h"
#include "io/file.h"
#include "io/header.h"
#include "io/tokens.h"
#include "io/zio.h"
#include "midi/midi.h"
#include "stat/table.h"
#include "token/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SNIFF = 4, SPOOL_CHUNK = 1 << 16 };

typedef struct {
    const char *meter, *max_reject, *vs;
    int list, json, summary;
    bl_opt_common common;
} settings;

/* A set of pieces, and the programs that made the streams they came in. */
typedef struct {
    bl_table table;
    bl_json *pg; /* owned; NULL before the first stream */
} set_of_pieces;

typedef struct {
    const settings *set;
    const bl_opts *opts;
    bl_log *log;
    set_of_pieces pieces, reference;
    bl_rejects rejects;
    uint64_t n_midi_files;
    bl_view_input input; /* what is measured now; the meter stays */
    bl_out out;

    /* memory from piece to piece */
    bl_view view;
    bl_song song;
    bl_piece piece;
    bl_buf bytes, name;
} run;

/* ---- one piece ---- */

static int measure(run *r, set_of_pieces *to, const char *name, bl_err *e)
{
    r->name.len = 0;
    int rc = bl_name_encode(name, &r->name, e);
    if (rc == 0 && bl_buf_str(&r->name, e) == NULL)
        rc = BL_E_NOMEM;
    if (rc == 0)
        rc = bl_table_add(&to->table, &r->view, &r->input, (char *)r->name.data, e);
    if (bl_log_progress_due(r->log))
        bl_log_progress(r->log, "%zu pieces, %.0f pieces/s", to->table.n,
                        (double)to->table.n / bl_log_seconds(r->log));
    return rc;
}

static int measure_tokens(run *r, set_of_pieces *to, const bl_scheme *scheme, bl_err *e)
{
    const bl_piece *p = &r->piece;
    int rc = bl_scheme_decode(scheme, p->ids.id, p->ids.n, &r->song, NULL, e);
    if (rc != 0)
        return rc;
    r->input.song = &r->song;
    r->input.scheme = scheme;
    r->input.ids = p->ids.id;
    r->input.n_ids = p->ids.n;
    return measure(r, to, p->name, e);
}

static int measure_midi(run *r, set_of_pieces *to, const char *name,
                        bl_midi_report *report, bl_err *e)
{
    int rc =
        bl_midi_read(r->bytes.data, r->bytes.len, BL_READ_FIFO, &r->song, report, e);
    if (rc != 0)
        return rc;
    r->input.song = &r->song;
    r->input.scheme = NULL;
    r->input.ids = NULL;
    r->input.n_ids = 0;
    rc = measure(r, to, name, e);
    if (rc == BL_E_LIMIT)
        report->reject = BL_REJECT_TOO_LONG;
    return rc;
}

/* ---- one input ---- */

static int add_pg(set_of_pieces *to, const bl_json *pg, bl_err *e)
{
    const bl_json *parents[] = {to->pg, pg};
    bl_json *both = bl_prov_chain(parents, BL_COUNT(parents), NULL, e);
    if (both == NULL)
        return e->code;
    bl_json_del(to->pg);
    to->pg = both;
    return 0;
}

static int open_scheme(bl_scheme **scheme, const bl_tokens_kind *kind, bl_err *e)
{
    return bl_scheme_open_stated(scheme, &kind->spec, kind->sha256, e);
}

static int read_stream(run *r, set_of_pieces *to, int fd, const char *name, bl_err *e)
{
    bl_tokr *reader = NULL;
    bl_scheme *scheme = NULL;
    int rc = bl_tokr_new(&reader, fd, name, e);
    if (rc == 0)
        rc = open_scheme(&scheme, bl_tokr_kind(reader), e);
    if (rc == 0)
        bl_tokr_set_words(reader, bl_scheme_words(scheme));
    while (rc == 0 && (rc = bl_tokr_next(reader, &r->piece, e)) > 0)
        rc = measure_tokens(r, to, scheme, e);
    if (rc == 0)
        rc = add_pg(to, bl_tokr_pg(reader), e);
    bl_tokr_del(reader);
    bl_scheme_del(scheme);
    return rc;
}

/* A pipe cannot be rewound: what was read of it and the rest go to a file without a
 * name, which is read instead. */
static int read_piped_stream(run *r, set_of_pieces *to, int fd, const char *name,
                             bl_err *e)
{
    FILE *spool = tmpfile();
    uint8_t *chunk = bl_calloc(SPOOL_CHUNK, 1, e);
    int rc = chunk == NULL ? BL_E_NOMEM : 0;
    if (spool == NULL)
        rc = bl_fail_errno(e, BL_E_IO, "cannot make a temporary file");
    if (rc == 0)
        rc = bl_write_all(fileno(spool), r->bytes.data, r->bytes.len, e);
    while (rc == 0) {
        int64_t n = bl_read_some(fd, chunk, SPOOL_CHUNK, e);
        if (n <= 0) {
            rc = (int)n;
            break;
        }
        rc = bl_write_all(fileno(spool), chunk, (size_t)n, e);
    }
    if (rc == 0 && lseek(fileno(spool), 0, SEEK_SET) != 0)
        rc = bl_fail_errno(e, BL_E_IO, "cannot rewind a temporary file");
    if (rc == 0)
        rc = read_stream(r, to, fileno(spool), name, e);
    if (spool != NULL)
        fclose(spool);
    free(chunk);
    return rc;
}

/* What cannot be used as MIDI is a reject, no error. */
static int read_midi(run *r, set_of_pieces *to, int fd, const char *name, bl_err *e)
{
    bl_err why = BL_ERR_INIT;
    bl_midi_report report = {.reject = BL_REJECT_UNREADABLE};
    r->n_midi_files++;
    int rc = bl_read_all(fd, &r->bytes, BL_MIDI_MAX_BYTES, &why);
    if (rc == BL_E_LIMIT)
        report.reject = BL_REJECT_TOO_LARGE;
    if (rc == 0) {
        report = (bl_midi_report){0};
        rc = measure_midi(r, to, name, &report, &why);
    }
    if (rc == BL_E_NOMEM) {
        *e = why;
        return rc;
    }
    if (rc == 0)
        return 0;
    if (report.reject == BL_REJECT_NONE)
        report.reject = BL_REJECT_INTERNAL;
    return bl_rejects_add(&r->rejects, r->log, name, bl_reject_name(report.reject),
                          &why, e);
}

static const char *const midi_suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
static const char *const all_suffixes[] = {".mid",     ".midi", ".kar", ".rmi",
                                           ".tok.zst", ".tok",  NULL};

static int is_midi_name(const char *path)
{
    size_t len = strlen(path);
    for (const char *const *s = midi_suffixes; *s != NULL; s++)
        if (len > strlen(*s) && strcasecmp(path + len - strlen(*s), *s) == 0)
            return 1;
    return 0;
}

static int begins_with(const bl_buf *b, const char *mark)
{
    return b->len >= strlen(mark) && memcmp(b->data, mark, strlen(mark)) == 0;
}

/* Tells what the input is by its first bytes, which are in r->bytes afterwards. Where
 * the name says MIDI it is, so that a broken file in a folder is one reject. */
static int read_opened(run *r, set_of_pieces *to, int fd, const char *path, bl_err *e)
{
    const char *name = bl_path_shown(path);
    off_t start = lseek(fd, 0, SEEK_CUR);
    r->bytes.len = 0;
    int rc = bl_buf_reserve(&r->bytes, SNIFF, e);
    if (rc != 0)
        return rc;
    int64_t n = bl_read_some(fd, r->bytes.data, SNIFF, e);
    if (n < 0 && !is_midi_name(path))
        return (int)n;
    r->bytes.len = (size_t)bl_max(n, 0);
    if (is_midi_name(path) || begins_with(&r->bytes, "MThd") ||
        begins_with(&r->bytes, "RIFF"))
        return read_midi(r, to, fd, name, e);
    if (n == 0)
        return bl_fail(e, BL_E_FORMAT, "the input is empty");
    if (!begins_with(&r->bytes, "#") && !begins_with(&r->bytes, "\x28\xb5\x2f\xfd"))
        return bl_fail(e, BL_E_FORMAT, "neither a token stream nor a MIDI file");
    if (start < 0 || lseek(fd, start, SEEK_SET) != start)
        return read_piped_stream(r, to, fd, name, e);
    return read_stream(r, to, fd, name, e);
}

static int read_input(run *r, set_of_pieces *to, const char *path, bl_err *e)
{
    int fd;
    bl_err why = BL_ERR_INIT;
    int rc = bl_in_open(path, &fd, &why);
    if (rc != 0 && is_midi_name(path)) {
        r->n_midi_files++;
        return bl_rejects_add(&r->rejects, r->log, bl_path_shown(path),
                              bl_reject_name(BL_REJECT_UNREADABLE), &why, e);
    }
    if (rc != 0) {
        *e = why;
        return rc;
    }
    rc = read_opened(r, to, fd, path, e);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc == 0 ? 0 : bl_err_in(e, bl_path_shown(path));
}

/* Reads and forgets the paths. `rc` is how collecting them went. */
static int read_paths(run *r, set_of_pieces *to, bl_paths *paths, int rc, bl_err *e)
{
    if (rc == 0 && paths->n == 0)
        bl_log_warn(r->log, "there is no MIDI file or token stream in what was named");
    for (size_t i = 0; rc == 0 && i < paths->n; i++)
        rc = read_input(r, to, paths->path[i], e);
    bl_paths_free(paths);
    return rc;
}

static int read_operands(run *r, bl_err *e)
{
    const bl_opts *o = r->opts;
    bl_paths paths = {0};
    int rc = o->n_operands == 0 ? bl_paths_add(&paths, "-", 1, e) : 0;
    for (int i = 0; rc == 0 && i < o->n_operands; i++)
        rc = bl_paths_add_operand(&paths, o->operands[i], all_suffixes, e);
    return read_paths(r, &r->pieces, &paths, rc, e);
}

static int read_reference(run *r, bl_err *e)
{
    bl_paths paths = {0};
    int rc = bl_paths_add_operand(&paths, r->set->vs, all_suffixes, e);
    return read_paths(r, &r->reference, &paths, rc, e);
}

/* ---- what is written ---- */

static int add_header(run *r, bl_buf *text, bl_err *e)
{
    bl_prov_self self = {
        .tool = r->opts->about->name,
        .args = (const char *const *)r->opts->given,
        .n_args = r->opts->n_given,
    };
    const bl_json *parents[] = {r->pieces.pg};
    bl_json *o = bl_json_object(e), *names = bl_json_array(e);
    int rc = o == NULL || names == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < bl_feat_count(); i++)
        rc = bl_json_push_str(names, bl_feat_at(i)->name, e);
    if (rc == 0)
        rc = bl_json_set_str(o, "schema", "feat/1", e);
    if (rc == 0)
        rc = bl_json_set_int(o, "pieces", (int64_t)r->pieces.table.n, e);
    if (rc == 0)
        rc = bl_json_set_int(o, "rejects", (int64_t)r->rejects.n, e);
    if (rc == 0) {
        rc = bl_json_put(o, "features", names, e);
        names = NULL;
    }
    if (rc == 0 && !r->set->common.no_pg) {
        bl_json *pg = bl_prov_chain(parents, BL_COUNT(parents), &self, e);
        rc = pg == NULL ? e->code : bl_json_put(o, "pg", pg, e);
    }
    if (rc == 0)
        rc = bl_header_write("feat", o, text, e);
    bl_json_del(o);
    bl_json_del(names);
    return rc;
}

static int write_text(run *r, bl_err *e)
{
    const bl_table *t = &r->pieces.table;
    bl_buf text = {0};
    int rc;
    if (r->set->list)
        rc = bl_table_list(&text, e);
    else if (r->set->json)
        rc = bl_table_json(t, &text, e);
    else if (r->set->vs != NULL)
        rc = bl_table_comparison(t, &r->reference.table, &text, e);
    else if (r->set->summary)
        rc = bl_table_summary(t, &text, e);
    else if ((rc = add_header(r, &text, e)) == 0)
        rc = bl_table_tsv(t, &text, e);
    if (rc == 0)
        rc = bl_write_all(r->out.fd, text.data, text.len, e);
    if (rc == 0)
        rc = bl_out_commit(&r->out, e);
    bl_guard_file(NULL);
    bl_buf_free(&text);
    return rc;
}

/* ---- the whole ---- */

static int read_meter(run *r, bl_err *e)
{
    int num = 0, den = 0, past = 0;
    if (r->set->meter == NULL)
        return 0;
    if (sscanf(r->set->meter, "%3d/%3d%n", &num, &den, &past) != 2 ||
        r->set->meter[past] != '\0' || num < 1 || num > 255 || den < 1 || den > 128 ||
        (den & (den - 1)) != 0)
        return bl_fail(e, BL_E_ARG, "--meter wants a time signature like 3/4, not '%s'",
                       r->set->meter);
    r->input.meter_num = num;
    while (1 << r->input.meter_den_log2 < den)
        r->input.meter_den_log2++;
    return 0;
}

static int execute(run *r)
{
    bl_err e = BL_ERR_INIT;
    int rc = read_meter(r, &e);
    if (rc == 0)
        rc = bl_rejects_limit(&r->rejects, r->set->max_reject, &e);
    if (rc == 0)
        rc = bl_out_open(&r->out, r->set->common.output, &e);
    if (rc == 0)
        bl_guard_file(r->out.temp);
    if (rc == 0 && !r->set->list)
        rc = read_operands(r, &e);
    if (rc == 0 && r->set->vs != NULL)
        rc = read_reference(r, &e);
    if (rc == 0)
        rc = write_text(r, &e);
    if (rc != 0) {
        bl_log_error(r->log, &e);
        return bl_exit_of(rc);
    }
    if (!r->set->list)
        bl_log_info(r->log, "%zu pieces, %llu rejected, %.1f s", r->pieces.table.n,
                    (unsigned long long)r->rejects.n, bl_log_seconds(r->log));
    return bl_rejects_exceed(&r->rejects, r->n_midi_files) ? BL_EXIT_DATA : BL_EXIT_OK;
}

static void run_free(run *r)
{
    bl_out_abort(&r->out);
    bl_rejects_free(&r->rejects);
    bl_table_free(&r->pieces.table);
    bl_table_free(&r->reference.table);
    bl_json_del(r->pieces.pg);
    bl_json_del(r->reference.pg);
    bl_view_free(&r->view);
    bl_song_free(&r->song);
    bl_piece_free(&r->piece);
    bl_buf_free(&r->bytes);
    bl_buf_free(&r->name);
}

/* Options that do not go together: a message, or NULL. */
static const char *misuse(const settings *set, const bl_opts *opts)
{
    if (set->json + set->summary + set->list > 1)
        return "--list, --json and --summary exclude one another";
    if (set->vs != NULL && !set->summary)
        return "--vs needs --summary";
    if (set->list && opts->n_operands > 0)
        return "--list takes no input";
    return NULL;
}

static int start(const settings *set, const bl_opts *opts, bl_log *log)
{
    const char *why = misuse(set, opts);
    if (why != NULL) {
        bl_log_say(log, "%s; try 'featstats --help'", why);
        return BL_EXIT_USAGE;
    }
    if (!set->list && bl_tool_refuse_tty_in(log, opts))
        return BL_EXIT_USAGE;
    run r = {.set = set, .opts = opts, .log = log};
    r.out.fd = -1;
    int status = execute(&r);
    run_free(&r);
    return status;
}

int main(int argc, char **argv)
{
    settings set = {.max_reject = "0"};
    char libraries[128];
    snprintf(libraries, sizeof libraries, "zstd %s, jansson %s\n", bl_zio_version(),
             bl_json_version());
    const bl_opt_about about = {
        .name = "featstats",
        .purpose = "measure pieces: a table of features",
        .synopsis = "[OPTION]... [FILE|DIRECTORY]...",
        .examples = "  featstats corpus.tok.zst > features.tsv\n"
                    "  featstats --summary --vs corpus.tok.zst new.tok.zst\n",
        .see_also = "midi2remi(1), xlsample(1)",
        .libraries = libraries,
    };
    const bl_opt own[] = {
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "What is printed", 0},
        {0, "list", BL_OPT_FLAG, &set.list, NULL, 0, 0,
         "print name, unit and definition of each feature, and leave", 0},
        {0, "json", BL_OPT_FLAG, &set.json, NULL, 0, 0,
         "print a JSON object a piece, one a line", 0},
        {0, "summary", BL_OPT_FLAG, &set.summary, NULL, 0, 0,
         "print a row a feature: mean, deviation, extremes over all pieces", 0},
        {0, "vs", BL_OPT_STR, &set.vs, "REF", 0, 0,
         "with --summary: beside them the pieces of REF", 0},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "How pieces are read", 0},
        {0, "meter", BL_OPT_STR, &set.meter, "N/D", 0, 0,
         "take this time signature, not those of the pieces", 1},
        {0, "max-reject", BL_OPT_STR, &set.max_reject, "N|P%", 0, 0,
         "fail at the end if more MIDI files gave no piece", 0},
        {0, NULL, BL_OPT_END, NULL, NULL, 0, 0, NULL, 0},
    };
    bl_opts opts = {.about = &about, .own = own, .common = &set.common};
    bl_tool_start();
    int status = bl_opt_parse(&opts, argc, argv);
    bl_log *log = bl_log_new(about.name, &set.common);
    if (status < 0)
        status = start(&set, &opts, log);
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
