/* midi2remi - MIDI files to a token stream. */
#include "base/hash.h"
#include "cli/crew.h"
#include "cli/log.h"
#include "cli/opt.h"
#include "cli/pattern.h"
#include "cli/rejects.h"
#include "cli/tool.h"
#include "cli/walk.h"
#include "io/file.h"
#include "io/tokens.h"
#include "io/versions.h"
#include "io/zio.h"
#include "midi/beats.h"
#include "midi/midi.h"
#include "token/label_table.h"
#include "token/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LIST_BYTES_MAX = 1 << 30,
    TABLE_BYTES_MAX = 1 << 28,
    BEATS_BYTES_MAX = 2 << 20, /* a beat of the shortest text takes 16 times its size */
    PATH_BYTES_MAX = 4096,
    LINE_BYTES_MAX = 1 << 16,
};

typedef struct {
    int64_t grid, level;
    int chords, pedal, trim, strict, keep_empty;
    const char *meter, *beats, *labels, *columns;
    const char *scheme, *pair, *files0_from, *part, *rejects, *max_reject;
    bl_opt_common common;
} settings;

/* ---- one file: in a worker ---- */

/* What one file may cost: the largest that is read needs less. */
enum { FILE_SECONDS = 10, FILE_BYTES = 1 << 30 };

/* What a worker says of a file; the packed piece follows it in the result. */
typedef struct {
    bl_reject reject;
    bl_err why; /* it was rejected */
    size_t n_notes, n_tokens;
    int is_unlabelled; /* the table of labels does not name it */
    uint32_t lost;     /* places where music was lost, or may have been */
    bl_fix lost_fix;   /* of the first */
    int64_t lost_offset;
} outcome;

/* A worker's memory from file to file. */
typedef struct {
    const bl_paths *paths;
    const bl_scheme *scheme;
    const settings *set;
    bl_reading how;
    int meter_num, meter_den_log2; /* of --meter, 0 = as the file says */
    const char *beats_pattern;     /* of --beats, or NULL */
    const bl_label_table *labels;  /* or NULL */
    bl_packer *packer;
    bl_buf bytes, beats_path;
    bl_beats beats;
    bl_midi_report report;
    bl_scheme_fixes fixes;
    bl_song song;
    bl_ids ids;
} converter;

static int read_bytes(converter *c, const char *path, bl_err *e)
{
    int fd;
    c->bytes.len = 0;
    c->report = (bl_midi_report){.reject = BL_REJECT_UNREADABLE};
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &c->bytes, BL_MIDI_MAX_BYTES, e);
    if (rc == BL_E_LIMIT)
        c->report.reject = BL_REJECT_TOO_LARGE;
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

/* What was read, but is not wanted. */
static int refuse(converter *c, bl_err *e)
{
    bl_midi_report *report = &c->report;
    if (report->strict_fix >= 0 && bl_scheme_is_strict(c->scheme)) {
        report->reject = BL_REJECT_STRICT;
        return bl_fail_at(e, BL_E_FORMAT, report->strict_offset,
                          "the published reader does not make this repair: %s",
                          bl_fix_name((bl_fix)report->strict_fix));
    }
    if (report->lost > 0 && c->set->strict) {
        report->reject = BL_REJECT_LOST;
        return bl_fail_at(e, BL_E_FORMAT, report->lost_offset,
                          "music was lost, or may have been: %s",
                          bl_fix_name(report->lost_fix));
    }
    if (c->song.n_notes == 0 && !c->set->keep_empty) {
        report->reject = BL_REJECT_NO_NOTES;
        return bl_fail_at(e, BL_E_FORMAT, report->lost > 0 ? report->lost_offset : -1,
                          "there is no note in it");
    }
    return 0;
}

/* bytes -> song */
static int read_song(converter *c, bl_err *e)
{
    int rc = bl_midi_read(c->bytes.data, c->bytes.len, c->how, &c->song, &c->report, e);
    return rc == 0 ? refuse(c, e) : rc;
}

/* Bars and beats from elsewhere, where asked for. */
static int set_bars(converter *c, const char *path, bl_err *e)
{
    char why[400];
    int fd, rc;
    if (c->meter_num > 0)
        return bl_song_set_meter(&c->song, c->meter_num, c->meter_den_log2, e);
    if (c->beats_pattern == NULL)
        return 0;
    const char *from = bl_pattern_path(&c->beats_path, c->beats_pattern, path, e);
    if (from == NULL)
        return BL_E_NOMEM;
    bl_buf text = {0};
    rc = bl_in_open(from, &fd, e);
    if (rc == 0) {
        rc = bl_read_records(fd, '\n', LINE_BYTES_MAX, &text, BEATS_BYTES_MAX, e);
        if (fd != STDIN_FILENO)
            close(fd);
    }
    if (rc == 0)
        rc = bl_beats_read(&c->beats, (const char *)text.data, text.len, e);
    if (rc == 0)
        rc = bl_song_align(&c->song, c->beats.beat, c->beats.n, e);
    bl_buf_free(&text);
    if (rc == 0)
        return 0;
    c->report.reject = BL_REJECT_BEATS;
    bl_err_in(e, from);
    bl_err_text(e, why, sizeof why); /* the line names the MIDI file first */
    *e = BL_ERR_INIT;
    return bl_fail(e, rc, "%s", why);
}

/* The labels of the file come before its music. */
static int add_labels(converter *c, const char *path, outcome *o)
{
    const bl_words *words = bl_scheme_words(c->scheme);
    if (c->labels == NULL)
        return 0;
    const char *label = bl_label_table_of(c->labels, path);
    o->is_unlabelled = label == NULL;
    int rc = 0;
    while (label != NULL && *label != '\0' && rc == 0) {
        size_t n = strcspn(label, "\n");
        int id = bl_words_find(words, label, n);
        rc = id >= 0 ? bl_ids_add(&c->ids, (unsigned)id, &o->why) : 0;
        label += n + (label[n] == '\n');
    }
    return rc;
}

/* song -> ids */
static int encode(converter *c, size_t *bars, bl_err *e)
{
    int rc = bl_scheme_encode(c->scheme, &c->song, &c->ids, bars, &c->fixes, e);
    if (rc == 0 && c->ids.n > BL_TOKENS_PIECE_MAX)
        rc = bl_fail(e, BL_E_LIMIT, "more than %d tokens", BL_TOKENS_PIECE_MAX);
    if (rc == BL_E_LIMIT)
        c->report.reject = BL_REJECT_TOO_LONG;
    else if (rc == BL_E_FORMAT)
        c->report.reject = BL_REJECT_STRICT;
    return rc;
}

static int add_fixes(const converter *c, bl_json *j, bl_err *e)
{
    const struct {
        const char *name;
        uint32_t n;
    } of_scheme[] = {
        {"meters", c->fixes.meters},
        {"tempos", c->fixes.tempos},
        {"durations", c->fixes.durations},
    };
    int rc = 0;
    for (int i = 0; rc == 0 && i < BL_N_FIXES; i++)
        if (c->report.fixes[i] > 0)
            rc = bl_json_set_int(j, bl_fix_name((bl_fix)i), c->report.fixes[i], e);
    for (size_t i = 0; rc == 0 && i < BL_COUNT(of_scheme); i++)
        if (of_scheme[i].n > 0)
            rc = bl_json_set_int(j, of_scheme[i].name, of_scheme[i].n, e);
    return rc;
}

/* ids -> packed piece */
static int pack(converter *c, size_t task, size_t bars, bl_buf *result, bl_err *e)
{
    bl_sha256 sha256;
    bl_json *fixes = bl_json_object(e);
    int rc = fixes == NULL ? BL_E_NOMEM : add_fixes(c, fixes, e);
    bl_sha256_of(c->bytes.data, c->bytes.len, sha256);
    if (rc == 0) {
        bl_piece_info info = {
            .name = bl_path_shown(c->paths->path[task]),
            .sha256 = sha256,
            .tpq = c->song.tpq,
            .ticks = c->song.end,
            .tracks = c->report.tracks,
            .fixes = bl_json_size(fixes) > 0 ? fixes : NULL,
        };
        rc = bl_packer_piece(c->packer, result, task, &info, c->ids.id, c->ids.n, bars,
                             e);
    }
    bl_json_del(fixes);
    return rc;
}

static int convert(void *arg, size_t task, bl_buf *result, bl_err *e)
{
    converter *c = arg;
    outcome o = {.why = BL_ERR_INIT};
    size_t bars = 0;
    c->ids.n = 0;
    int rc = bl_buf_add(result, &o, sizeof o, e); /* its place */
    if (rc != 0)
        return rc;
    rc = read_bytes(c, c->paths->path[task], &o.why);
    if (rc == 0)
        rc = read_song(c, &o.why);
    if (rc == 0)
        rc = set_bars(c, c->paths->path[task], &o.why);
    if (rc == 0 && c->set->trim)
        bl_song_trim(&c->song);
    if (rc == 0)
        rc = add_labels(c, c->paths->path[task], &o);
    if (rc == 0)
        rc = encode(c, &bars, &o.why);
    if (rc == 0)
        rc = pack(c, task, bars, result, &o.why);
    if (rc == BL_E_NOMEM) { /* no fault of the file, or the crew finds that it is */
        *e = o.why;
        return rc;
    }
    o.reject = rc == 0            ? BL_REJECT_NONE
               : c->report.reject ? c->report.reject
                                  : BL_REJECT_INTERNAL;
    o.n_notes = c->song.n_notes;
    o.n_tokens = c->ids.n;
    o.lost = c->report.lost;
    o.lost_fix = c->report.lost_fix;
    o.lost_offset = c->report.lost_offset;
    memcpy(result->data, &o, sizeof o);
    result->len = rc == 0 ? result->len : sizeof o;
    return 0;
}

static void converter_free(converter *c)
{
    bl_packer_del(c->packer);
    bl_buf_free(&c->bytes);
    bl_buf_free(&c->beats_path);
    free(c->beats.beat);
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
    bl_reading how;
    int meter_num, meter_den_log2;
    bl_label_table *labels;
    bl_out out, table;
    bl_tokw *writer;
    bl_rejects rejects;
    uint64_t n_pieces, n_notes, n_tokens, n_unlabelled, n_lost;
} run;

/* Of a worker that ended at this file. */
static void explain(outcome *o, int died)
{
    o->reject = BL_REJECT_INTERNAL;
    if (died == BL_CREW_TOO_SLOW) {
        o->reject = BL_REJECT_TOO_SLOW;
        bl_fail(&o->why, BL_E_LIMIT, "it takes more than %d seconds", FILE_SECONDS);
    } else if (died == BL_CREW_TOO_LARGE) {
        o->reject = BL_REJECT_TOO_LARGE;
        bl_fail(&o->why, BL_E_LIMIT, "it takes more than %d MiB of memory",
                FILE_BYTES >> 20);
    } else {
        bl_fail(&o->why, BL_E_FORMAT, "the worker that read it ended");
    }
}

/* A piece without some of its music is no error, but never a secret. */
static void say_lost(run *r, const char *name, const outcome *o)
{
    r->n_lost++;
    bl_log_say(r->log,
               "'%s': byte %lld: music was lost, or may have been (places: %u, first: "
               "%s); --strict rejects such files",
               name, (long long)o->lost_offset, (unsigned)o->lost,
               bl_fix_name(o->lost_fix));
}

static int take(run *r, size_t i, const bl_buf *result, int died, bl_err *e)
{
    const char *name = bl_path_shown(r->paths.path[i]);
    outcome o = {.why = BL_ERR_INIT};
    if (died)
        explain(&o, died);
    else
        memcpy(&o, result->data, sizeof o);
    if (o.reject != BL_REJECT_NONE)
        return bl_rejects_add(&r->rejects, r->log, name, bl_reject_name(o.reject),
                              &o.why, e);
    r->n_pieces++;
    r->n_notes += o.n_notes;
    r->n_tokens += o.n_tokens;
    r->n_unlabelled += (uint64_t)o.is_unlabelled;
    if (o.lost > 0)
        say_lost(r, name, &o);
    return bl_tokw_packed(r->writer, result->data + sizeof o, result->len - sizeof o,
                          o.n_tokens, e);
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

/* What goes to a file is kept, what goes into a pipe is soon decompressed. */
static int level_of(const run *r)
{
    struct stat to;
    if (r->set->common.plain)
        return 0;
    if (r->set->level > 0)
        return (int)r->set->level;
    return fstat(r->out.fd, &to) == 0 && S_ISREG(to.st_mode) ? BL_ZIO_LEVEL : 1;
}

static int convert_all(run *r, bl_err *e)
{
    converter c = {
        .paths = &r->paths,
        .scheme = r->scheme,
        .set = r->set,
        .how = r->how,
        .meter_num = r->meter_num,
        .meter_den_log2 = r->meter_den_log2,
        .beats_pattern = r->set->beats,
        .labels = r->labels,
    };
    bl_buf result = {0};
    int died;
    bl_crew *crew = NULL;
    int rc = bl_packer_new(&c.packer, level_of(r), bl_scheme_words(r->scheme),
                           bl_scheme_lines(r->scheme), e);
    if (rc == 0)
        rc = bl_crew_new_limited(&crew, bl_tool_jobs(&r->set->common), r->paths.n,
                                 (bl_crew_limits){FILE_BYTES, FILE_SECONDS}, convert,
                                 &c, e);
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
    rc = bl_read_records(fd, '\0', PATH_BYTES_MAX, &list, LIST_BYTES_MAX, e);
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
    bl_self self = {
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
    rc = bl_tokw_new(&r->writer, r->out.fd, level_of(r), &kind, words,
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
    if (rc != 0)
        bl_err_in(e, r->set->rejects);
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
    bl_label_table_del(r->labels);
    bl_paths_free(&r->paths);
    bl_scheme_del(r->scheme);
}

/* How --pair and the scheme together read the events of files. */
static int choose_reading(run *r, bl_err *e)
{
    const char *pair = r->set->pair;
    r->how = bl_scheme_reading(r->scheme);
    if (pair == NULL)
        return 0;
    int is_own = bl_reading_is_own(r->how);
    if (strcmp(pair, "overlap") == 0)
        r->how = BL_READ_OVERLAP;
    else if (strcmp(pair, "all") == 0)
        r->how = BL_READ_CLOSE_ALL;
    else if (strcmp(pair, "fifo") == 0)
        r->how = is_own ? BL_READ_FIFO : BL_READ_CLOSE_FIRST;
    else
        return bl_fail(e, BL_E_ARG, "--pair is 'overlap', 'fifo' or 'all', not '%s'",
                       pair);
    return 0;
}

static int read_labels(run *r, bl_err *e)
{
    bl_buf text = {0};
    int fd;
    int rc = bl_in_open(r->set->labels, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_records(fd, '\n', LINE_BYTES_MAX, &text, TABLE_BYTES_MAX, e);
    if (fd != STDIN_FILENO)
        close(fd);
    if (rc == 0)
        rc = bl_label_table_read(&r->labels, (const char *)text.data, text.len,
                                 r->set->columns, e);
    bl_buf_free(&text);
    return rc == 0 ? 0 : bl_err_in(e, r->set->labels);
}

/* A scheme with time signatures must have that of --meter: another one would be cut
 * into bars that nobody asked for. */
static int set_meter(run *r, bl_err *e)
{
    const bl_words *words = bl_scheme_words(r->scheme);
    char name[32];
    int rc = bl_meter_parse(r->set->meter, &r->meter_num, &r->meter_den_log2, e);
    if (rc != 0 || bl_words_find(words, "TimeSig_4/4", 11) < 0)
        return rc;
    int n = snprintf(name, sizeof name, "TimeSig_%d/%d", r->meter_num,
                     1 << r->meter_den_log2);
    if (bl_words_find(words, name, (size_t)n) < 0)
        rc = bl_fail(e, BL_E_ARG, "--meter %d/%d: scheme '%.32s' has no such bars",
                     r->meter_num, 1 << r->meter_den_log2, r->set->scheme);
    return rc;
}

/* The scheme with the options of the command line; what belongs to it. */
static int open_scheme(run *r, bl_err *e)
{
    const settings *set = r->set;
    bl_spec spec = {.grid = (int)set->grid, .chords = set->chords, .pedal = set->pedal};
    int rc = 0;
    snprintf(spec.scheme, sizeof spec.scheme, "%s", set->scheme);
    if (set->labels != NULL)
        rc = read_labels(r, e);
    if (rc == 0 && r->labels != NULL)
        snprintf(spec.labels, sizeof spec.labels, "%s",
                 bl_label_table_words(r->labels));
    if (rc == 0)
        rc = bl_scheme_open(&r->scheme, &spec, e);
    if (rc == 0 && set->meter != NULL)
        rc = set_meter(r, e);
    return rc == 0 ? choose_reading(r, e) : rc;
}

static int execute(run *r)
{
    bl_err e = BL_ERR_INIT;
    int rc = open_scheme(r, &e);
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
    bl_log_info(r->log,
                "%llu pieces, %llu notes, %llu tokens, %llu rejected, %llu with music "
                "lost, %.1f s",
                (unsigned long long)r->n_pieces, (unsigned long long)r->n_notes,
                (unsigned long long)r->n_tokens, (unsigned long long)r->rejects.n,
                (unsigned long long)r->n_lost, bl_log_seconds(r->log));
    if (r->n_unlabelled > 0)
        bl_log_warn(r->log, "%llu files have no line in %s",
                    (unsigned long long)r->n_unlabelled, r->set->labels);
    return bl_rejects_exceed(&r->rejects, r->paths.n) ? BL_EXIT_DATA : BL_EXIT_OK;
}

/* 1, with a message, if the options make no sense, alone or together. */
static int is_misuse(const settings *set, const bl_opts *opts, bl_log *log)
{
    const char *out = set->common.output, *why = NULL;
    if (set->meter != NULL && set->beats != NULL)
        why = "bars are of --meter or of --beats, not both";
    else if (set->beats != NULL && !bl_pattern_is_good(set->beats))
        why = "a % in --beats is %d, the folder, %n, the name, or %%, a %";
    else if (set->files0_from != NULL && opts->n_operands > 0)
        why = "inputs are named by operands or by --files0-from, not both";
    else if (set->rejects != NULL && bl_tool_same_output(set->rejects, out))
        why = "tokens and --rejects want a file each";
    if (why != NULL) {
        bl_log_say(log, "%s", why);
        return 1;
    }
    return (set->files0_from == NULL && bl_tool_refuse_tty_in(log, opts)) ||
           bl_tool_refuse_tty_out(log, &set->common);
}

int main(int argc, char **argv)
{
    settings set = {.scheme = "remi", .max_reject = "0"};
    char smf[64], libraries[BL_LIBRARIES_MAX];
    bl_midi_libraries(smf, sizeof smf);
    bl_io_libraries(smf, libraries);
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
        {0, "grid", BL_OPT_INT, &set.grid, "N", 0, 1000,
         "resolution of time, 0 = the scheme's own", 1},
        {0, "pair", BL_OPT_STR, &set.pair, "RULE", 0, 0,
         "what note-offs end: overlap, fifo (the oldest), all", 1},
        {0, "chords", BL_OPT_FLAG, &set.chords, NULL, 0, 0, "add tokens of chords", 1},
        {0, "pedal", BL_OPT_FLAG, &set.pedal, NULL, 0, 0,
         "add tokens of the sustain pedal", 1},
        {0, "meter", BL_OPT_STR, &set.meter, "N/D", 0, 0,
         "all bars have this time signature, whatever the files say", 1},
        {0, "beats", BL_OPT_STR, &set.beats, "PATTERN", 0, 0,
         "take beats and bars from there; %d is a file's folder, %n its name", 0},
        {0, "trim", BL_OPT_FLAG, &set.trim, NULL, 0, 0,
         "end pieces with the bar in which their last note ends", 1},
        {0, "labels", BL_OPT_STR, &set.labels, "FILE", 0, 0,
         "a table of labels that pieces begin with", 0},
        {0, "columns", BL_OPT_STR, &set.columns, "LIST", 0, 0,
         "of the labels take these columns only", 1},
        {0, NULL, BL_OPT_GROUP, NULL, NULL, 0, 0, "Files", 0},
        {0, "files0-from", BL_OPT_STR, &set.files0_from, "FILE", 0, 0,
         "read the names of the inputs there, each ended by NUL", 0},
        {0, "part", BL_OPT_STR, &set.part, "I/N", 0, 0,
         "take the I-th of N parts of the files only", 1},
        {0, "rejects", BL_OPT_STR, &set.rejects, "FILE", 0, 0,
         "write a table of the files that gave no piece", 0},
        {0, "strict", BL_OPT_FLAG, &set.strict, NULL, 0, 0,
         "reject files where music was or may have been lost", 1},
        {0, "keep-empty", BL_OPT_FLAG, &set.keep_empty, NULL, 0, 0,
         "keep pieces without a note", 1},
        {0, "max-reject", BL_OPT_STR, &set.max_reject, "N|P%", 0, 0,
         "fail at the end if more files gave no piece", 0},
        {0, "level", BL_OPT_INT, &set.level, "N", 0, 19,
         "compression level, 0 = 5 in files and 1 in pipes", 0},
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
        status = is_misuse(&set, &opts, log) ? BL_EXIT_USAGE : execute(&r);
        run_free(&r);
    }
    bl_opt_free(&opts);
    return bl_tool_finish(log, status);
}
